"""Options that several commands have: which backends to use, and what a shell completes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

import typer

from kerasfront import discovery
from kerasfront.errors import suggest

__all__ = ["Backends", "chosen_backends", "completing", "split"]


def trainable_backends() -> list[str]:
    """Return the backends that are installed and train, without importing their frameworks."""
    return [name for name in discovery.usable_backends() if name != "numpy"]


def split(values: Sequence[str] | None) -> list[str]:
    """Return the names of an option that may be repeated, and may hold several names separated by commas."""
    names = [name.strip() for value in values or () for name in value.split(",")]
    return list(dict.fromkeys(name for name in names if name))


def completing(options: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Return a function that completes one of the options, also after a comma."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        taken = before.split(",")
        return [f"{before}{comma}{name}" for name in options() if name.startswith(last) and name not in taken]

    return complete


Backends = Annotated[
    list[str] | None,
    typer.Option(
        "--backends",
        "--backend",
        help="Backends, by commas or by repeating the option. Default: all that are installed and train.",
        autocompletion=completing(trainable_backends),
    ),
]


def chosen_backends(values: Sequence[str] | None) -> list[str]:
    """Return the backends that the option names, or all that train.

    Raises:
        typer.BadParameter: One isn't installed or doesn't train, or there is none.
    """
    usable = trainable_backends()
    names = split(values) or usable
    for name in names:
        if name in usable:
            continue
        if name in discovery.FRAMEWORKS and name != "numpy":
            raise typer.BadParameter(f"The backend {name} isn't installed: {discovery.install_command(name)}")
        raise typer.BadParameter(
            f"Expected backends that are installed and train, {', '.join(usable) or 'none here'}; got {name!r}."
            f"{suggest(name, discovery.FRAMEWORKS)}"
        )
    if not names:
        raise typer.BadParameter(f"No backend that trains is installed: {discovery.install_command('torch')}")
    return names
