"""`kerasfront doctor`: the backends, the chosen one and why, and where each setting came from."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kerasfront import config, discovery, settings
from kerasfront.errors import KerasFrontError

__all__ = ["doctor"]

_SHOWN = ("floatx", "epsilon", "image_data_format", "rng", "max_epochs", "max_steps_per_epoch")
_DISTRIBUTIONS = {
    "torch": ["torch"],
    "jax": ["jax"],
    "tensorflow": ["tensorflow", "tensorflow-cpu"],
    "numpy": ["numpy"],
}

# Run in a process of its own for each backend: frameworks share a process badly, and a broken one may crash.
_PROBE = """
import json, sys
try:
    from kerasfront import contract
    adapter = contract.load(sys.argv[1])
    cells = [", ".join(adapter.devices()), ", ".join(sorted(adapter.capabilities))]
except Exception as error:
    cells = [f"fails: {error}", ""]
print("\\n" + json.dumps(cells))
"""


def doctor(
    devices: Annotated[
        bool, typer.Option("--devices", help="Load each framework and list its devices and capabilities.")
    ] = False,
) -> None:
    """Print the backends, their versions, the configuration and where each value came from."""
    console = Console(soft_wrap=not sys.stdout.isatty())
    console.print(f"kerasfront {_version('kerasfront')}, Python {platform.python_version()}, {platform.platform()}")
    file = settings.config_file()
    console.print(f"{escape(str(file))}: {'found' if file.exists() else 'not there'}")
    chosen, complaint = _chosen()
    console.print(_backend_table(chosen, devices))
    healthy = _print_settings(console, chosen, complaint)
    if not healthy:
        raise typer.Exit(1)


def _version(*distributions: str) -> str | None:
    """Return the version of the first of the distributions that is installed, without importing it."""
    for name in distributions:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _chosen() -> tuple[str | None, KerasFrontError | None]:
    try:
        return config.backend(), None
    except KerasFrontError as error:
        return None, error


def _backend_table(chosen: str | None, devices: bool) -> Table:
    table = Table("backend", "version", "state", title="Backends", title_justify="left")
    for column in ("devices", "capabilities") if devices else ():
        table.add_column(column, overflow="fold")
    usable = discovery.usable_backends()
    for name in dict.fromkeys([*discovery.FRAMEWORKS, *sorted(discovery.installed_backends())]):
        state = "usable" if name in usable else discovery.install_command(name)
        details = _probe(name) if devices and name in usable else ["", ""] if devices else []
        cells = [
            name,
            _backend_version(name) or "-",
            f"{state}, chosen" if name == chosen else state,
            *details,
        ]
        table.add_row(*map(escape, cells), style="bold" if name == chosen else None)
    return table


def _backend_version(name: str) -> str | None:
    if name in _DISTRIBUTIONS:
        return _version(*_DISTRIBUTIONS[name])
    point = discovery.installed_backends()[name]
    return point.dist.version if point.dist else None


def _probe(name: str) -> list[str]:
    """Return the cells with the devices and the capabilities of a backend, or with what went wrong."""
    command = [sys.executable, "-c", _PROBE, name]
    environment = {**os.environ, "KERAS_BACKEND": name, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if result.returncode:
        return [f"fails: exit status {result.returncode}", ""]
    cells: list[str] = json.loads(result.stdout.splitlines()[-1])
    return cells


def _print_settings(console: Console, chosen: str | None, complaint: KerasFrontError | None) -> bool:
    """Print every setting with its origin, then the errors. Return whether there are none."""
    table = Table("setting", "value", "from", title="Settings", title_justify="left")
    errors = [] if complaint is None else [str(complaint)]
    if chosen is not None:
        table.add_row("backend", chosen, escape(config.origin("backend")))
    for key in _SHOWN:
        try:
            table.add_row(key, str(getattr(config, key)()), escape(config.origin(key)))
        except KerasFrontError as error:
            errors.append(str(error))
    console.print(table)
    for message in dict.fromkeys(errors):
        console.print(f"[bold red]Error:[/] {escape(message)}", highlight=False)
    return not errors
