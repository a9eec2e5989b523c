"""Which backends are installed: the adapters that plug-ins name, and whether their frameworks can be imported.

An adapter is found by the entry-point group `kerasfront.backends`. A source tree on the import path has our own
adapters and no record of an installation, so these are looked for by the names of their modules as well. Nothing is
imported to find out.
"""

import importlib.metadata
import importlib.util
from importlib.metadata import EntryPoint

from kerasfront.errors import BackendError, nearest

__all__ = [
    "ENTRY_POINT_GROUP",
    "FRAMEWORKS",
    "check_usable",
    "install_command",
    "installed_backends",
    "is_usable",
    "missing_framework",
    "unknown_backend",
    "usable_backends",
]

# The entry-point group under which a plug-in names its adapter.
ENTRY_POINT_GROUP = "kerasfront.backends"

# Our own adapters, in the order in which one is picked where nothing was said, each with the module it needs.
FRAMEWORKS = {"torch": "torch", "jax": "jax", "tensorflow": "tensorflow", "numpy": "numpy"}

_NICKNAMES = {"pytorch": "torch", "tf": "tensorflow", "np": "numpy"}
_GONE = {
    "theano": "Theano's development ended in 2017, and Keras has not supported it since 2.4.",
    "cntk": "Microsoft ended CNTK's development in 2019, and Keras has not supported it since 2.4.",
    "mxnet": "Apache retired MXNet in 2023; it ran only on a fork of Keras 2.",
    "caffe": "Caffe's last release was in 2017 (Caffe2 went into PyTorch); Keras never ran on it.",
}


def installed_backends() -> dict[str, EntryPoint]:
    """Return the adapters that are installed, by name; their frameworks need not be."""
    points: dict[str, EntryPoint] = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        points.setdefault(point.name, point)
    for name in FRAMEWORKS:
        module = f"kerasfront_{name}"
        if name not in points and _is_importable(module):
            points[name] = EntryPoint(name, f"{module}:adapter", ENTRY_POINT_GROUP)
    return points


def usable_backends() -> list[str]:
    """Return the installed adapters whose framework is found, ours first."""
    installed = installed_backends()
    ours = [name for name in FRAMEWORKS if name in installed]
    others = sorted(name for name in installed if name not in FRAMEWORKS)
    return [name for name in ours + others if _has_framework(name)]


def install_command(name: str) -> str:
    """Return the pip command that installs one of our backends with its framework."""
    return "pip install kerasfront" if name == "numpy" else f'pip install "kerasfront[{name}]"'


def _has_framework(name: str) -> bool:
    return name not in FRAMEWORKS or _is_importable(FRAMEWORKS[name])


def _is_importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # a module put into sys.modules by hand, without a spec: it is there
        return True


def is_usable(name: str) -> bool:
    """Return whether a backend is installed, with its framework."""
    return name in installed_backends() and _has_framework(name)


def check_usable(name: str, source: str) -> None:
    """Raise a `BackendError` unless a backend is installed, with its framework.

    Args:
        name: The name of the backend.
        source: Where the name came from, for the message.

    Raises:
        BackendError: The backend has no adapter here, or its framework is missing.
    """
    if name not in installed_backends():
        raise unknown_backend(name, source)
    if not _has_framework(name):
        raise missing_framework(name, source=source)


def unknown_backend(name: str, source: str = "the caller") -> BackendError:
    """Return the error for a backend that has no installed adapter; `source` is where the name came from."""
    if name in FRAMEWORKS:
        message = f"Backend {name!r} (from {source}) can't be used: its adapter isn't installed."
        return BackendError(message, hint=f"{install_command(name)}   ({_usable()})")
    if (history := _GONE.get(name.casefold())) is not None:
        return BackendError(f"Backend {name!r} (from {source}) is gone. {history}", hint=_choices())
    meant = _NICKNAMES.get(name.casefold()) or nearest(name, [*installed_backends(), *FRAMEWORKS])
    did_you_mean = f" Did you mean '{meant}'?" if meant else ""
    return BackendError(f"No backend is called {name!r} (from {source}).{did_you_mean}", hint=_choices(meant))


def missing_framework(name: str, error: ImportError | None = None, source: str = "the caller") -> BackendError:
    """Return the error for a backend whose framework isn't there, or fails to import with `error`."""
    missing = f"the package {FRAMEWORKS.get(name, name)} isn't installed"
    what = missing if error is None else f"importing it fails: {error}"
    hint = f"{install_command(name)}   ({_usable()})" if name in FRAMEWORKS else None
    return BackendError(f"Backend {name!r} (from {source}) can't be used: {what}.", hint=hint)


def _usable() -> str:
    return f"usable here: {', '.join(usable_backends()) or 'none'}"


def _choices(meant: str | None = None) -> str:
    """Return what can be used, and how to install what was probably meant."""
    return f"{_usable()}; to install one: {install_command(meant if meant in FRAMEWORKS else 'torch')}"
