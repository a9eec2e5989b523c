"""The command line, `kerasfront`: one file a command, registered here.

A command's file imports only what is light at its top; a framework loads when the command runs.
"""

from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from kerasfront.cli.bench import bench
from kerasfront.cli.demo import demo
from kerasfront.cli.doctor import doctor

__all__ = ["app", "main"]

app = typer.Typer(
    name="kerasfront",
    help="One deep-learning front-end for PyTorch, JAX and TensorFlow.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command()(bench)
app.command()(demo)
app.command()(doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kerasfront {installed_version('kerasfront')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One deep-learning front-end for PyTorch, JAX and TensorFlow."""


def main() -> None:
    """Runs the command that the process's arguments name."""
    app()
