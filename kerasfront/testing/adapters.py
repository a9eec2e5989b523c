"""The adapters that a run is about."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from kerasfront import contract, discovery


def chosen(options: Any) -> tuple[str, ...]:
    """Return the names that `--kerasfront-backend` gives, else every usable backend.

    Ours come first and in the order of `discovery.FRAMEWORKS`: torch and TensorFlow share a process only when torch is
    imported first.
    """
    option = options.getoption("--kerasfront-backend", default=None)
    names = option.split(",") if option else discovery.usable_backends()
    ours = [name for name in discovery.FRAMEWORKS if name in names]
    return (*ours, *(name for name in names if name not in ours))


@lru_cache
def adapters(names: tuple[str, ...]) -> tuple[contract.Adapter, ...]:
    return tuple(contract.load(name) for name in names)


@lru_cache
def numpy_adapter() -> contract.Adapter:
    """Return the adapter that says what values are where a declaration names no reference."""
    return contract.load("numpy")
