"""Names of a package that load at their first use (PEP 562), for what is slow to import and needed by few."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Mapping


def attributes(package: str, names: Mapping[str, str], submodules: Collection[str] = ()) -> Callable[[str], object]:
    """Return a `__getattr__` for a package. Each name is looked up once: from then on the package has it.

    Type checkers can't follow this: the package also imports the names under `if TYPE_CHECKING`.

    Args:
        package: The name of the package.
        names: The module that each name comes from.
        submodules: Those modules of the package that load late themselves.

    >>> load = attributes("kerasfront", {"Model": "kerasfront.models"}, ["layers"])
    >>> load("Model").__name__, load("layers").__name__
    ('Model', 'kerasfront.layers')
    """

    def load(name: str) -> object:
        if name in names:
            value: object = getattr(importlib.import_module(names[name]), name)
        elif name in submodules:
            value = importlib.import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        setattr(sys.modules[package], name, value)
        return value

    return load
