"""Loading an adapter by its name, and binding the ops to it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kerasfront import discovery, settings, tracebacks
from kerasfront.contract import signatures
from kerasfront.contract.adapter import Adapter
from kerasfront.contract.capabilities import CAPABILITIES, REQUIRED
from kerasfront.errors import BackendError
from kerasfront.ops.declare.binding import bind_all
from kerasfront.ops.declare.runtime import Runtime, runtime
from kerasfront.ops.native_calls import applied_by
from kerasfront.spec import KerasTensor

# The version of the contract that this kerasfront has.
VERSION = (1, 0)

_loaded: set[str] = set()


def load(name: str) -> Adapter:
    """Return the adapter of a backend; this imports its framework.

    Args:
        name: The name of a backend that `discovery.installed_backends` lists.

    Raises:
        BackendError: No plug-in has the name, its framework is missing, or it doesn't fit the contract.
    """
    point = discovery.installed_backends().get(name)
    if point is None:
        raise discovery.unknown_backend(name)
    try:
        adapter = point.load()
    except ImportError as error:
        raise discovery.missing_framework(name, error, settings.known_origin("backend") or "the caller") from error
    if not isinstance(adapter, Adapter):
        raise BackendError(f"The plug-in '{name}' names {adapter!r}, which is no kerasfront.contract.Adapter.")
    _check_version(name, adapter)
    _check_methods(adapter)
    if adapter.name not in _loaded:
        if name not in discovery.FRAMEWORKS:
            signatures.check(adapter)
        _loaded.add(adapter.name)
        tracebacks.hide(importlib.import_module(point.module).__file__ or "", adapter.hidden_frames)
        adapter.take_symbolic(KerasTensor, applied_by)
    return adapter


def _check_version(name: str, adapter: Adapter) -> None:
    major, minor = adapter.contract
    if major != VERSION[0] or minor > VERSION[1]:
        raise BackendError(
            f"The backend '{name}' was written for version {major}.{minor} of the contract; "
            f"this kerasfront has {VERSION[0]}.{VERSION[1]}.",
            hint="Install versions of the two that fit each other.",
        )


def _check_methods(adapter: Adapter) -> None:
    """Raise a `BackendError` unless the adapter supplies what it must, and what its capabilities ask for."""
    if missing := _defaults(adapter, REQUIRED):
        raise BackendError(f"The backend '{adapter.name}' doesn't supply {', '.join(missing)}, which every one does.")
    for name in sorted(adapter.capabilities):
        if name not in CAPABILITIES:
            raise BackendError(f"The backend '{adapter.name}' declares a capability that is none: {name}.")
        if missing := _defaults(adapter, CAPABILITIES[name].methods):
            raise BackendError(
                f"The backend '{adapter.name}' declares the capability '{name}' and doesn't supply "
                f"{', '.join(missing)}."
            )


def _defaults(adapter: Adapter, methods: Sequence[str]) -> list[str]:
    """Return those of the methods that an adapter takes from the contract as they are."""
    return [name for name in methods if getattr(type(adapter), name) is getattr(Adapter, name)]


def current() -> Adapter:
    """Return the adapter that the ops are bound to; bind the chosen backend if none is bound yet."""
    adapter: Adapter = runtime.need()
    return adapter


def running() -> Runtime:
    """Return the runtime, whose `adapter` is the one that runs now; bind the chosen backend if none is bound yet.

    Modules say `active = running()` at import and ask `active.adapter` when they need it: `rebound` changes it.
    """
    runtime.need()
    return runtime


def bind(name: str | None = None) -> Adapter:
    """Bind every op to a backend, by default the chosen one, and return its adapter."""
    adapter = load(name or settings.backend())
    bind_all(adapter)
    settings.mark_bound(adapter.name)
    return adapter


@contextmanager
def rebound(adapter: Adapter) -> Iterator[Adapter]:
    """Return a context in which the ops run on another adapter.

    Models and layers run on it too, if their Variables hold its tensors. A model belongs to the backend on which it was
    made, so give the values of its Variables by `assignments`:

        other = contract.load("jax")
        values = [other.to_tensor(v.numpy(), v.dtype) for v in model.variables]
        with contract.rebound(other), contract.assignments(model.variables, values):
            prediction = model(other.to_tensor(x, "float32"))

    All threads run on the other adapter inside the context. The values may be tracers, so that the framework compiles
    or exports the model.

    Args:
        adapter: The other adapter, as `load` returns it.
    """
    before = runtime.adapter
    bind_all(adapter)
    try:
        yield adapter
    finally:
        if before is not None:
            bind_all(before)
