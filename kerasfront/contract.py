"""The contract: what an adapter supplies, how adapters are found, and which one is bound.

An adapter is a plug-in: a package that names an `Adapter` instance under the entry-point group `kerasfront.backends`.
It knows its framework and this contract, nothing else. What it must supply:

- `primitives`: a table from the name of each primitive op (`ops._declare.OPS`) to a function on native tensors. The
  functions are strict: tensors come with equal dtypes where the op's rule promotes, `axis` may be negative, `dtype` is
  a canonical name ("float32"). A primitive that the framework can't do stands in `gaps`, with the reason.
- `overrides`: faster or better versions of derived ops, held against the derivation by the conformance suite.
- conversion (`to_tensor`, `to_numpy`, `cast`, ...), devices, storage of Variables, gradients and `compile_step`.

The conformance suite, `pytest --pyargs kerasfront.testing --kerasfront-backend=NAME`, holds an adapter to all of it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from kerasfront import config, tracebacks
from kerasfront.errors import BackendError, CapabilityError, KerasFrontError
from kerasfront.ops._declare import OPS, Runtime, bind_all, runtime
from kerasfront.ops.native_calls import applied_by
from kerasfront.scopes import context
from kerasfront.spec import KerasTensor, dtypes

VERSION = (1, 0)
GROUP = "kerasfront.backends"


_alone = threading.Lock()
if hasattr(os, "register_at_fork"):  # a child has none of the threads that could give it back
    os.register_at_fork(before=_alone.acquire, after_in_parent=_alone.release, after_in_child=_alone.release)


class Plain:
    """The base of Variables and layers where the framework asks for none."""


class Adapter:
    """The base of adapters. Its bodies serve where a framework needs nothing special; the rest raises."""

    name: str = ""
    # The contract that the adapter was written for: refused when the major number differs, or the minor is newer.
    contract: tuple[int, int] = (0, 0)
    # The distribution whose version is shown ("torch").
    distribution: str = ""
    # The classes of native tensors; classes of tracers are added as they are met.
    native: set[type]
    # Canonical dtype names to native dtypes.
    native_dtypes: Mapping[str, Any]
    primitives: Mapping[str, Callable[..., Any]] = {}
    overrides: Mapping[str, Callable[..., Any]] = {}
    gaps: Mapping[str, str] = {}
    # Where the framework has no kernel for a dtype, the op runs in this one and the result is cast back. (Unsigned
    # 64-bit integers in signed ones wrap as they should; from 2**63 on they compare and divide wrongly.)
    wider: Mapping[str, str] = {}
    # Ops that have gradients, but no `jvp`, with the reason.
    reverse_only: Mapping[str, str] = {}
    # What it can do beyond ops: "gradients", "compile", "complex", "sparse", "ragged", "jit", "distribution", "export".
    capabilities: frozenset[str] = frozenset()
    # The classes of sparse and ragged tensors, each with its kind, "sparse" or "ragged", which is a capability too; by
    # kind functions for ops: as in the table, with such tensors among the arguments.
    composites: Mapping[type, str] = {}
    composite_ops: Mapping[str, Mapping[str, Callable[..., Any]]] = {}
    # The bases of Variable and Layer: a layer on torch is an nn.Module.
    variable_base: type = Plain
    layer_base: type = Plain
    # What turns models of the framework into layers, by what they are made of; `layers.bridges` says what it asks.
    bridges: Mapping[str, Any] = {}
    # The classes of the framework's own layers: one that is set as an attribute of a layer becomes a layer in it.
    foreign_layers: tuple[type, ...] = ()
    # How many steps `repeat_step` does well to take in one dispatch; without it, over how many losses and metrics are
    # taken in at once.
    steps_per_dispatch: int = 1
    # To how many bytes an array on the host must be aligned for a step to read it in place.
    alignment: int = 1
    # Whether `adopt` keeps the memory of an array on the host, if it is aligned to 64 bytes.
    adopts: bool = False
    # Whether `assign` replaces the value (a functional framework) or writes into it.
    functional: bool = False
    # Whether the keys of random draws are read on the host, and so live there.
    host_keys: bool = False
    # Update rules that the framework has fused, by the name of the optimizer's rule: `(variables, gradients, slots,
    # hyper)` with the storage of Variables, lists of it by slot, and the optimizer's numbers with "learning_rate" and
    # "iterations" (before the step) as scalars; in place. It returns whether it did the update: else the rule runs.
    # "weight_decay" is another: `(variables, learning_rate, amount)`.
    fused_updates: Mapping[str, Callable[..., Any]] = {}

    def version(self) -> str:
        return importlib.metadata.version(self.distribution)

    def need(self, capability: str) -> None:
        """Raise `CapabilityError` unless the adapter declares `capability`."""
        if capability not in self.capabilities:
            raise CapabilityError(
                f"The backend '{self.name}' has no {capability}.",
                hint="`kerasfront doctor` lists what each backend can do.",
            )

    def lacks_kernel(self, error: Exception) -> bool:
        """Whether a function of the table failed for want of a kernel for the dtype of its arguments."""
        return False

    def hidden_frames(self) -> str | None:
        """The folder whose frames the framework leaves out of tracebacks, as its own setting says now; None: none."""
        return None

    # -- conversion

    def is_tensor(self, x: Any) -> bool:
        return isinstance(x, tuple(self.native))

    def to_tensor(self, x: Any, dtype: str | None) -> Any:
        """A native tensor of an array, a list or a scalar; of `dtype`, else of its own (lists of floats: floatx)."""
        raise NotImplementedError

    def scalar(self, value: Any, dtype: str) -> Any:
        """A Python scalar as a native 0-d tensor of `dtype`."""
        return self.to_tensor(value, dtype)

    def to_numpy(self, x: Any) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    def peek(self, x: Any) -> np.ndarray[Any, Any]:
        """`to_numpy` for one who only reads it, and soon: without a copy where the framework allows that."""
        return self.to_numpy(x)

    def adopt(self, array: np.ndarray[Any, Any]) -> Any:
        """A native tensor of an array that nobody else holds, whose memory it may keep."""
        return self.to_tensor(array, None)

    def cast(self, x: Any, dtype: str) -> Any:
        raise NotImplementedError

    def to_dense(self, x: Any) -> Any:
        """A plain tensor of a sparse or ragged one (what is missing is 0); others stay."""
        return x

    def map_values(self, function: Callable[[Any], Any], x: Any) -> Any:
        """A sparse or ragged tensor with the elementwise `function` of the values that x stores."""
        raise NotImplementedError

    def to_sparse(self, x: Any) -> Any:
        """A sparse tensor of a plain one."""
        raise CapabilityError(f"The backend '{self.name}' has no sparse tensors.")

    def sparse_of(self, indices: Any, values: Any, shape: Sequence[Any]) -> Any:
        """A sparse tensor of `shape`, of `values` at `indices` (n, rank), which are different; or out of range: left
        out. Sizes may be native scalars, where a graph does not know them.
        """
        raise CapabilityError(f"The backend '{self.name}' has no sparse tensors.")

    def to_ragged(self, rows: Sequence[Any]) -> Any:
        """A ragged tensor of rows (arrays) of different lengths."""
        raise CapabilityError(f"The backend '{self.name}' has no ragged tensors.")

    def has_value(self, x: Any) -> bool:
        """Whether the numbers of a native tensor are there to be read: not while a graph is traced."""
        return True

    def dtype_name(self, x: Any) -> str:
        return dtypes.standardize(x.dtype)

    def shape(self, x: Any) -> tuple[Any, ...]:
        """The shape: integers, or native scalars for the dims that a compiled graph does not know."""
        return tuple(x.shape)

    def held(self, dtype: str) -> str:
        """The dtype of a tensor that is asked for in `dtype`, where the framework doesn't always have that."""
        return dtype

    # -- devices

    def devices(self) -> list[str]:
        return ["cpu:0"]

    def device_scope(self, name: str) -> AbstractContextManager[Any]:
        return nullcontext()

    # -- the storage of Variables

    def make_storage(self, value: Any, dtype: str, trainable: bool, name: str, fresh: bool = False) -> Any:
        """What a Variable holds, from a NumPy array or a tensor: a copy, unless that is nobody else's (`fresh`)."""
        return self.to_tensor(value, dtype)

    def outside_trace(self) -> AbstractContextManager[Any]:
        """Inside, what does not depend on the step that is being traced is computed at once: it outlives the trace."""
        return nullcontext()

    def assign(self, storage: Any, value: Any) -> Any:
        """Write `value` (a native tensor of the storage's dtype and shape); returns what the Variable holds then."""
        return value

    def assign_zeros(self, storage: Any) -> Any:
        """Write zeros."""
        return self.assign(storage, self.primitives["zeros_like"](storage))

    def assign_add(self, storage: Any, value: Any) -> Any:
        """Add a native tensor of the storage's dtype, or a Python number."""
        return self.assign(storage, storage + value)

    def assign_sub(self, storage: Any, value: Any) -> Any:
        return self.assign(storage, storage - value)

    # -- long sums, of more numbers than a dtype can count (2**24 in float32): stored in more digits than are read

    def make_sum(self, value: Any, name: str) -> Any:
        """The storage of a Variable for a sum that begins at a NumPy array or a tensor."""
        return self.make_storage(value, "float64", False, name)

    def sum_of(self, value: Any) -> Any:
        """A sum that begins at a native tensor of integers or floats, as it is stored."""
        return self.cast(value, "float64")

    def sum_and(self, stored: Any, value: Any) -> Any:
        """The stored sum with a native tensor of integers or floats added to it."""
        return stored + self.cast(value, "float64")

    def add_to_sum(self, stored: Any, value: Any) -> Any:
        """As `sum_and`, and for a Python number too, in place where the framework writes in place."""
        number = type(value) is int or type(value) is float
        return self.assign_add(stored, value if number else self.cast(value, "float64"))

    def read_sum(self, stored: Any, dtype: str) -> Any:
        return self.cast(stored, dtype)

    def sum_to_numpy(self, stored: Any) -> np.ndarray[Any, Any]:
        """All the digits of a stored sum, as float64."""
        return self.to_numpy(stored)

    def set_trainable(self, storage: Any, trainable: bool) -> None:
        """Told when a Variable's `trainable` changes."""

    def alone(self, run: Callable[[], Any]) -> Any:
        """`run()`, which reads a Variable and assigns it: what other threads run by `alone` comes before or after."""
        with _alone:
            return run()

    # -- gradients

    def stop_gradient(self, x: Any) -> Any:
        return x

    def dense_gradients(self, gradients: Sequence[Any]) -> list[Any]:
        """Gradients as a user has them (tensors, None), as tensors that have all elements."""
        return list(gradients)

    def value_and_grad(
        self, function: Callable[[], tuple[Any, Any]], variables: Sequence[Any]
    ) -> tuple[tuple[Any, Any], list[Any]]:
        """`((loss, aux), gradients)` of `function()` for the storage of the Variables; missing gradients are None."""
        raise CapabilityError(f"The backend '{self.name}' has no gradients; train on torch, jax or tensorflow.")

    def vjp(self, function: Callable[..., Any], primals: Sequence[Any]) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        """`(output, pullback)` of a function of native tensors with one tensor or nested tensors as output."""
        raise CapabilityError(f"The backend '{self.name}' has no gradients.")

    def jvp(self, function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        raise CapabilityError(f"The backend '{self.name}' has no gradients.")

    def custom_gradient(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: function(*args, **kwargs)[0]

    def remat(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, whose inner values are computed again for the gradient instead of being kept.

        Where it assigns Variables, its first run does.
        """
        return function

    def no_gradient(self) -> AbstractContextManager[Any]:
        """Inside, nothing is recorded for gradients."""
        return nullcontext()

    # -- compilation

    def compile_step(
        self,
        step: Callable[..., Any],
        variables: Callable[[], Sequence[Any]],
        *,
        jit: Any = "auto",
        donate: bool = False,
        reading: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> Callable[..., Any]:
        """Turn a step that mutates Variables into the fast thing.

        `step(*batch)` takes native tensors in nested structures and returns nested native tensors; `variables()` are
        all that it reads or writes. `jit` is compile()'s jit_compile: "auto", True or False. `donate` allows the old
        values' memory to be used for the new ones. `reading()` is a context
        that notes what the step reads of objects: a backend that keeps what it traced runs the step in it then.
        """
        return step

    def repeat_step(
        self,
        step: Callable[..., Any],
        variables: Callable[[], Sequence[Any]],
        *,
        jit: Any = "auto",
        donate: bool = False,
        reading: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> Callable[..., Any] | None:
        """As `compile_step`, for a stack of batches with a leading axis, in one dispatch; None: no gain from it."""
        return None

    @property
    def stages_ahead(self) -> bool:
        """Whether a thread of its own does well to `stage` batches of arrays, since the device computes meanwhile."""
        return False

    def compile_mode(self, jit: Any = "auto") -> str:
        """What `compile_step` makes of a step, and for "auto" why, to follow "The step runs"."""
        return "as it is"

    def stage(self, batch: Any) -> Any:
        """Move a nested structure of NumPy arrays or tensors to the device, ahead of its use."""
        raise NotImplementedError

    def synchronize(self) -> None:
        """Wait until the device is idle."""

    # -- symbolic evaluation of native code

    def take_symbolic(self, cls: type, apply: Callable[..., Any]) -> None:
        """Told once, when the adapter is loaded.

        Where the framework asks the arguments of a function how to apply it, let it find `apply(self, function, args,
        kwargs)` for arguments of the class `cls`, symbolic tensors.
        """

    def eval_shape(self, function: Callable[..., Any], specs: Any) -> Any:
        """Shapes and dtypes of `function`, which calls the framework, without computing: nested (shape, dtype)."""
        raise CapabilityError(f"The backend '{self.name}' can't evaluate native functions symbolically.")

    # -- hooks of the layer base

    def track(self, layer: Any, name: str, value: Any) -> None:
        """Told when a layer comes to hold a Variable or a layer under `name`."""

    def untrack(self, layer: Any, value: Any) -> None:
        """Forget what `track` noted of a Variable or layer that `layer` no longer holds."""

    def portable_draw(self, draw: Callable[..., Any], *args: Any) -> Any:
        """`draw(*args)`, of the portable generator: some hundred ops. `args` begin with a key and a shape.

        A framework whose compiler traces Python does well to take it as one operator.
        """
        return draw(*args)

    def seed(self, seed: int) -> None:
        """Seed the framework's own global generators (called by utils.set_random_seed)."""


# ---- assignments in a scope ---------------------------------------------------------------------------------------


class _Scopes(threading.local):
    stack: list[assignments] = []

    def __init__(self) -> None:
        self.stack = []


scopes = _Scopes()


class assignments:
    """Inside, the given Variables hold the given values, and what is assigned is taken back at the end.

    This is how a functional framework sees state: its tracers stand in the Variables while a step is traced.
    `assigned` lists the Variables that were assigned inside, `final_values()` what they held at the end; `created`
    those that were made inside; and `read`, where `notes_reads` is true, the others whose values were asked for.
    """

    def __init__(self, variables: Sequence[Any] = (), values: Sequence[Any] = (), *, notes_reads: bool = False) -> None:
        self.given = list(zip(variables, values, strict=True))
        self.notes_reads = notes_reads
        self.read: list[Any] = []
        self.created: list[Any] = []
        self.before: dict[int, tuple[Any, Any]] = {}
        self.assigned: list[Any] = []
        self._final: list[Any] = []

    def __enter__(self) -> assignments:
        for variable, value in self.given:
            self.before[id(variable)] = (variable, variable._value)
            variable._value = value
        scopes.stack.append(self)
        if self.notes_reads:
            self._reads_around, context.reads = context.reads, {}
        return self

    def note(self, variable: Any) -> None:
        """Told by a Variable that is about to be assigned."""
        if id(variable) not in self.before:
            self.before[id(variable)] = (variable, variable._value)
        if not any(variable is v for v in self.assigned):
            self.assigned.append(variable)

    def made(self, variable: Any) -> None:
        """Told by a Variable that is made inside: it keeps its value, as it was not there before."""
        self.created.append(variable)

    def final_values(self) -> list[Any]:
        """What the Variables of `assigned` held at the end."""
        return self._final

    def __exit__(self, *exc: Any) -> None:
        scopes.stack.remove(self)
        if self.notes_reads:
            given = {id(variable) for variable, _ in self.given}
            self.read = [v for key, v in (context.reads or {}).items() if key not in given]
            context.reads = self._reads_around
        self._final = [v._value for v in self.assigned]
        for variable, value in self.before.values():
            variable._value = value


def in_one_go(vectorized: Callable[..., Any]) -> Callable[..., Any]:
    """`vectorized(function, elements)` for functions without side effects; one that assigns Variables is mapped.

    All elements at once would find the same value in a Variable, and leave as many. Mapped, each sees what the one
    before has left.
    """

    def run(function: Callable[..., Any], elements: Any) -> Any:
        with assignments() as scope:
            out = vectorized(function, elements)
        return OPS["map"].call(function, elements) if scope.assigned else out

    return run


# ---- discovery ----------------------------------------------------------------------------------------------------


_loaded: set[str] = set()


def load(name: str) -> Adapter:
    """The adapter of a backend; imports its framework.

    Raises `BackendError` where no plug-in has the name, its framework is missing, or its contract does not fit.
    """
    found = [e for e in importlib.metadata.entry_points(group=GROUP) if e.name == name]
    if not found:
        raise config.unknown_backend(name)
    try:
        adapter = found[0].load()
    except ImportError as error:
        raise config.missing_framework(name, error) from error
    if not isinstance(adapter, Adapter):
        raise BackendError(f"The plug-in '{name}' names {adapter!r}, which is no kerasfront.contract.Adapter.")
    major, minor = adapter.contract
    if major != VERSION[0] or minor > VERSION[1]:
        raise BackendError(
            f"The backend '{name}' was written for version {major}.{minor} of the contract; "
            f"this kerasfront has {VERSION[0]}.{VERSION[1]}.",
            hint="Install versions of the two that fit each other.",
        )
    if adapter.name not in _loaded:
        _loaded.add(adapter.name)
        tracebacks.hide(importlib.import_module(found[0].module).__file__ or "", adapter.hidden_frames)
        adapter.take_symbolic(KerasTensor, applied_by)
    return adapter


def current() -> Adapter:
    """The bound adapter; binds the chosen backend if none is bound yet."""
    adapter: Adapter = runtime.need()
    return adapter


def running() -> Runtime:
    """The runtime, whose `adapter` is the one that runs now; binds the chosen backend if none is bound yet.

    Modules say `active = running()` at import and ask `active.adapter` when they need it: `rebound` changes it.
    """
    runtime.need()
    return runtime


def bind(name: str | None = None) -> Adapter:
    """Bind a backend (default: the chosen one) to every op."""
    adapter = load(name or config.backend())
    bind_all(adapter)
    config.mark_bound(adapter.name)
    return adapter


@contextmanager
def rebound(adapter: Adapter) -> Iterator[Adapter]:
    """Inside, the ops run on another adapter. Ops only: layers and Variables stay with the first. For tests."""
    before = runtime.adapter
    bind_all(adapter)
    try:
        yield adapter
    finally:
        if before is not None:
            bind_all(before)


def _load_chosen() -> None:
    if runtime.adapter is None:
        bind()


runtime.load = _load_chosen

__all__ = ["GROUP", "VERSION", "Adapter", "KerasFrontError", "bind", "current", "load", "rebound", "running"]
