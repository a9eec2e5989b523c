"""The command line, `kerasfront`. Each module in `commands` is a command.

The module of a command imports only what is light; a framework loads when the command runs.
"""

import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from kerasfront.cli import commands

__all__ = ["app", "main"]

app: typer.Typer = typer.Typer(
    name="kerasfront",
    help="One deep-learning front-end for PyTorch, JAX and TensorFlow.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def _command(name: str) -> Callable[..., None]:
    """Return the function of a command: the one in its module that has the module's name."""
    function: Callable[..., None] = getattr(importlib.import_module(f"{commands.__name__}.{name}"), name)
    return function


for _module in pkgutil.iter_modules(commands.__path__):
    app.command()(_command(_module.name))


def _show_version(is_asked: bool) -> None:
    if is_asked:
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
    """Run the command that the process's arguments name."""
    app()
