"""Conversion, devices, gradients and the step on JAX."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun

from kerasfront import tree
from kerasfront.contract import Adapter, assignments
from kerasfront.errors import KerasFrontError
from kerasfront.spec import dtypes
from kerasfront_jax import bridge, linalg, nn, ops, random, signal, sparse, state, sums


class _Names(dict[Any, str]):
    """Our name of each NumPy dtype; NumPy makes its own anew whenever it is asked."""

    def __missing__(self, dtype: Any) -> str:
        name = self[dtype] = dtypes.standardize(dtype.name)
        return name


_names = _Names()
# What JAX makes of 64 bits unless `jax_enable_x64` is set.
_NARROWED = {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}


class JaxVariable:
    """Lets a Variable stand as an argument of jax.numpy's functions."""

    def __jax_array__(self) -> Any:
        return self.value  # type: ignore[attr-defined]


class JaxAdapter(Adapter):
    name = "jax"
    contract = (1, 0)
    distribution = "jax"
    native = {type(jnp.zeros(()))}
    native_dtypes = {name: dtypes.to_numpy(name) for name in (*dtypes.ALL, *dtypes.FLOAT8)}
    primitives = {**ops.PRIMITIVES, **nn.PRIMITIVES, **linalg.PRIMITIVES, **random.PRIMITIVES, **signal.PRIMITIVES}
    overrides = {**ops.OVERRIDES, **nn.OVERRIDES}
    gaps = ops.GAPS
    capabilities = frozenset({"gradients", "compile", "complex", "sparse"})
    composites = sparse.KINDS
    composite_ops = {"sparse": sparse.sparse_ops(primitives)}
    variable_base = JaxVariable
    functional = True
    steps_per_dispatch = 16
    alignment = 64
    adopts = True
    bridges = {"jax": bridge}

    def hidden_frames(self) -> str | None:
        return os.path.dirname(jax.__file__) if jax.config.jax_traceback_filtering != "off" else None

    # -- conversion

    def is_tensor(self, x: object) -> bool:
        return isinstance(x, jax.Array) or sparse.is_sparse(x)

    def to_tensor(self, x: Any, dtype: str | None) -> jax.Array:
        if isinstance(x, jax.Array):
            return x if dtype is None else x.astype(dtypes.to_numpy(dtype))
        if dtype is None and not hasattr(x, "dtype"):
            array = np.asarray(x)
            if array.dtype == object:  # sizes that are symbols of `jax.export`, of which jax.numpy makes a tracer
                return jnp.asarray(x).astype("int32")
            x, dtype = array, dtypes.of_values(array)
        return jnp.asarray(x, None if dtype is None else dtypes.to_numpy(dtype))

    def make_storage(self, value: Any, dtype: str, trainable: bool, name: str, fresh: bool = False) -> jax.Array:
        if isinstance(value, jax.core.Tracer):
            return self.to_tensor(value, dtype)
        with self.outside_trace():  # a Variable outlives the trace in which it is made
            # JAX may keep the memory of a NumPy array instead of copying it, and a step may reuse a Variable's memory.
            return self.to_tensor(value if fresh else value.copy(), dtype)

    def outside_trace(self) -> AbstractContextManager[object]:
        return jax.ensure_compile_time_eval()

    def assign(self, storage: jax.Array, value: jax.Array) -> jax.Array:
        if isinstance(value, jax.core.Tracer) and not isinstance(storage, jax.core.Tracer):
            raise KerasFrontError(
                "A Variable is assigned inside a function that JAX traces (jax.jit, jax.grad, jax.vmap, ...), which "
                "would leave a tracer in it: draws without a seed, dropout, moving averages and counters assign one.",
                hint="Use stateless_call(), a StatelessScope, or kerasfront's own ops.grad, ops.scan, ...: they carry "
                "the Variables. A draw takes an integer seed.",
            )
        return value

    def scalar(self, value: complex, dtype: str) -> np.generic[Any]:
        # A NumPy scalar carries its dtype into jax.numpy without a transfer of its own.
        return dtypes.to_numpy(dtype).type(value)

    def to_numpy(self, x: Any) -> np.ndarray[Any, Any]:
        return np.asarray(sparse.to_dense(x))

    def adopt(self, array: np.ndarray[Any, Any]) -> jax.Array:
        return jnp.asarray(array, array.dtype)  # without a dtype, JAX would copy

    def to_dense(self, x: Any) -> jax.Array:
        return sparse.to_dense(x)

    def map_values(self, function: Callable[[jax.Array], jax.Array], x: Any) -> Any:
        return sparse.map_values(function, x)

    def to_sparse(self, x: jax.Array) -> Any:
        return sparse.from_dense(x)

    def sparse_of(self, indices: jax.Array, values: jax.Array, shape: Sequence[Any]) -> Any:
        return sparse.from_places(indices, values, tuple(shape))

    def cast(self, x: jax.Array, dtype: str) -> jax.Array:
        return x.astype(dtypes.to_numpy(dtype))

    def has_value(self, x: jax.Array) -> bool:
        return not isinstance(x, jax.core.Tracer)

    def dtype_name(self, x: Any) -> str:
        return _names[x.dtype]

    def stored_dtype(self, dtype: str) -> str:
        return dtype if jax.config.jax_enable_x64 else _NARROWED.get(dtype, dtype)

    # -- devices

    def devices(self) -> list[str]:
        return [f"{d.platform}:{d.id}" for d in jax.devices()]

    def device_scope(self, name: str) -> AbstractContextManager[object]:
        platform, _, index = name.lower().partition(":")
        return jax.default_device(jax.devices(platform)[int(index or 0)])

    # -- gradients

    def value_and_grad(
        self, function: Callable[[], tuple[jax.Array, Any]], variables: Sequence[Any]
    ) -> tuple[tuple[jax.Array, Any], list[jax.Array | None]]:
        assigned: list[Any] = []

        def pure(values: list[Any]) -> Any:
            with assignments(variables, values) as scope:
                loss, aux = function()
            assigned[:] = scope.assigned
            return loss, (aux, scope.final_values())

        before = [v._value for v in variables]
        (loss, (aux, updates)), gradients = jax.value_and_grad(pure, has_aux=True, allow_int=True)(before)
        for variable, value in zip(assigned, updates, strict=True):
            variable.assign(value)
        return (loss, aux), gradients

    def vjp(
        self, function: Callable[..., Any], primals: Sequence[jax.Array]
    ) -> tuple[Any, Callable[[Any], tuple[jax.Array, ...]]]:
        return state.vjp(function, primals)

    def jvp(
        self, function: Callable[..., Any], primals: Sequence[jax.Array], tangents: Sequence[jax.Array]
    ) -> tuple[Any, Any]:
        return state.jvp(function, primals, tangents)

    def stop_gradient(self, x: jax.Array) -> jax.Array:
        return jax.lax.stop_gradient(x)

    def custom_gradient(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @jax.custom_vjp
        def call(*args: Any) -> Any:
            return function(*args)[0]

        def forward(*args: Any) -> Any:
            # `backward` makes the pullback again, since JAX can't carry a function from here to there.
            return function(*args)[0], args

        def backward(args: Any, upstream: Any) -> Any:
            gradients = function(*args)[1](*args, upstream=upstream)
            gradients = gradients if isinstance(gradients, tuple) else (gradients,)
            return tuple(map(_tangent, args, gradients))

        call.defvjp(forward, backward)
        return call

    def remat(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return state.remat(function)

    # -- long sums
    # JAX has no float64 by default, so a sum is stored as two float32 numbers, of which the second is the first's
    # rounding error.

    def make_sum(self, value: Any, name: str) -> Any:
        if isinstance(value, np.ndarray):
            above = value.astype("float32")
            value = np.stack([above, (value - above.astype("float64")).astype("float32")])
        else:
            value = sums.start(value)
        return self.make_storage(value, "float32", False, name, fresh=True)

    def sum_of(self, value: Any) -> Any:
        return sums.start(jnp.asarray(value))

    def sum_and(self, stored: Any, value: Any) -> Any:
        return sums.add(stored, jnp.asarray(value))

    def add_to_sum(self, stored: Any, value: Any) -> Any:
        if type(value) is int or type(value) is float:
            value = np.int32(value) if type(value) is int and abs(value) < 2**31 else np.float32(value)
        return sums.add(stored, value)

    def read_sum(self, stored: Any, dtype: str) -> jax.Array:
        return stored[0].astype(dtypes.to_numpy(dtype))

    def sum_to_numpy(self, stored: Any) -> np.ndarray[Any, Any]:
        return np.asarray(np.asarray(stored, "float64").sum(0))

    # -- the step

    def compile_step(
        self, step: Any, variables: Any, *, jit: Any = "auto", donate: bool = False, reading: Any = nullcontext
    ) -> Any:
        if jit is False:
            return step
        return _Compiled(step, variables, donate, reading)

    def repeat_step(
        self, step: Any, variables: Any, *, jit: Any = "auto", donate: bool = False, reading: Any = nullcontext
    ) -> Any:
        return None if jit is False else _Repeated(step, variables, donate, reading)

    def compile_mode(self, jit: Any = "auto") -> str:
        return "op by op" if jit is False else "compiled with XLA, by jax.jit"

    @property
    def stages_ahead(self) -> bool:
        # A thread of its own would not see the device that this thread has chosen.
        return jax.default_backend() != "cpu" and jax.config.jax_default_device is None

    def stage(self, batch: Any) -> Any:
        return tree.map_structure(_on_device if self.stages_ahead else _staged, batch)

    def synchronize(self) -> None:
        jax.effects_barrier()

    def eval_shape(self, function: Callable[..., Any], specs: Any) -> Any:
        inputs = tree.map_structure(lambda s: jax.ShapeDtypeStruct(s.shape, dtypes.to_numpy(s.dtype)), specs)
        out = jax.eval_shape(function, *inputs)
        return jax.tree.map(lambda t: (tuple(t.shape), dtypes.standardize(t.dtype.name)), out)


class _Missed(Exception):
    """A trace has met Variables that it was not given."""


def _is_of_strings(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray) and leaf.dtype.kind in "OSU"


class _Compiled:
    """A step, jitted with tracers in the Variables. Afterwards the Variables hold what it made of them.

    What the model doesn't track (the generator of unseeded draws, state that a metric makes with its first batch, a
    Variable that a loss reads) is met while the step is traced: it is traced anew, with their values as arguments.
    """

    def __init__(
        self,
        step: Callable[..., Any],
        variables: Callable[[], Sequence[Any]],
        donate: bool,
        reading: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self.step, self.variables, self.donate, self.reading = step, variables, donate, reading
        self.traced: list[Any] = []
        self.created: set[int] = set()
        # The places of the Variables that the step changes, known once it has been traced.
        self.changed: list[int] = []
        self.jitted = jax.jit(self.pure, donate_argnums=(0,) if donate else ())

    def pure(self, values: list[Any], batch: Any) -> Any:
        with self.reading(), assignments(self.traced, values, notes_reads=True) as scope:
            out = self.step(*batch)
        self._take_missed(scope)
        places = {id(v): i for i, v in enumerate(self.traced)}
        final = {id(v): value for v, value in zip(scope.assigned, scope.final_values(), strict=True)}
        # Donated memory can't be used again, so then every value is returned, changed or not.
        returned = range(len(self.traced)) if self.donate else sorted(places[id(v)] for v in scope.assigned)
        self.changed[:] = returned
        return out, [final.get(id(self.traced[i]), values[i]) for i in returned]

    def _take_missed(self, scope: assignments) -> None:
        """Note the Variables that the trace has met beyond those it was given, and end it where there are some."""
        known = {id(v) for v in self.traced}
        missing = {id(v): v for v in (*scope.read, *scope.assigned) if id(v) not in known}
        again = {id(v) for v in scope.created} if self.created else set()
        local = [v.path for v in scope.assigned if id(v) in again and id(v) in missing]
        if local:
            raise KerasFrontError(
                f"The compiled step makes Variables anew whenever it is traced, and assigns them: {', '.join(local)}.",
                hint="Make them once, in __init__ or build(), as attributes of a layer, metric or optimizer.",
            )
        missing = {key: v for key, v in missing.items() if key not in again}
        if missing:
            self.created.update(id(v) for v in scope.created)
            self.traced.extend(missing.values())
            raise _Missed

    def __call__(self, *batch: Any) -> Any:
        if not self.traced:
            self.traced.extend(self.variables())
        box: list[Any] = []
        while not box:
            values = [v._value for v in self.traced]
            if self.donate and len({id(x) for x in values}) < len(values):
                values = _apart(values)
            try:
                # By `map`, so that a KeyboardInterrupt can't strike between the call and the storing of its result: the
                # donated values would be lost, and the model with them.
                box.extend(map(self.jitted, (values,), (batch,)))
            except _Missed:
                continue
            except TypeError:
                if not any(map(_is_of_strings, tree.flatten(batch))):
                    raise
                break
            finally:
                if box:
                    self._write(box[0][1])
        # JAX has no arrays of strings: they stay NumPy arrays, for layers that work on the host.
        return box[0][0] if box else self.step(*batch)

    def _write(self, values: list[Any]) -> None:
        try:
            for i, value in zip(self.changed, values, strict=True):
                self.traced[i]._value = value
        except KeyboardInterrupt:
            self._write(values)
            raise


def _apart(values: list[Any]) -> list[Any]:
    """Return the values, each in memory of its own: one Variable may have been assigned to another."""
    addresses: set[int] = set()
    out = []
    for value in values:
        out.append(value.copy() if id(value) in addresses else value)
        addresses.add(id(value))
    return out


class _Repeated(_Compiled):
    """A step over a stack of batches, in one dispatch: `lax.scan` carries the Variables.

    JAX queues dispatches faster than it runs them. All the stacks that wait would be held at once, so only as many
    are queued as keep the device busy while the host gathers the next.
    """

    QUEUED = 2

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.queue: deque[jax.Array] = deque()

    def pure(self, values: list[Any], batch: Any) -> Any:
        first = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), batch)
        # The step is traced once before the loop. The values that it changes are carried through the loop.
        one = jaxpr_as_fun(jax.make_jaxpr(super().pure)(values, first))
        changed = list(self.changed)

        def body(carry: list[Any], item: Any) -> Any:
            current = list(values)
            for i, value in zip(changed, carry, strict=True):
                current[i] = value
            after = one(*current, *jax.tree.leaves(item))[-len(changed) :] if changed else []
            return [a.astype(c.dtype) for a, c in zip(after, carry, strict=True)], None

        after, _ = jax.lax.scan(body, [values[i] for i in changed], batch)
        return (
            jnp.zeros(()),
            after,
        )  # it is ready when all results are; the Variables' own values are donated before anybody could wait for them

    def __call__(self, *batch: Any) -> None:
        if len(self.queue) == self.QUEUED:
            self.queue.popleft().block_until_ready()
        self.queue.append(super().__call__(*batch))


def _tangent(x: Any, gradient: Any) -> Any:
    """Return a gradient as JAX takes it: the gradient of integers has the dtype float0, which has no values."""
    return gradient if jnp.issubdtype(x.dtype, jnp.inexact) else np.zeros(x.shape, jax.dtypes.float0)


def _on_device(x: Any) -> Any:
    x = _staged(x)
    return jax.device_put(x) if isinstance(x, np.ndarray) and x.dtype.kind not in "OUS" else x


def _staged(x: Any) -> Any:
    if x is None or isinstance(x, (np.ndarray, jax.Array)) or sparse.is_sparse(x):
        return x
    return np.asarray(x)
