"""Variables: the state of layers, optimizers and metrics. Importing this binds the backend."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from kerasfront import ops, scopes
from kerasfront.arguments import as_bool, as_shape
from kerasfront.contract import assignment_scopes, assignments, current, running
from kerasfront.derived import Copied
from kerasfront.errors import ShapeError
from kerasfront.ops import _operators
from kerasfront.reprs import array
from kerasfront.spec import KerasTensor, dtypes, mode, shapes, unknown

active = running()
_numbers = itertools.count()
_AGGREGATIONS = ("none", "mean", "sum", "only_first_replica")
# How a string becomes an initializer; kerasfront.initializers sets it.
initializer_of: Callable[[str], Callable[..., Any]] | None = None


class Variable(active.adapter.variable_base, Copied):  # type: ignore[misc, name-defined]
    """A tensor that keeps its place and changes its value: a weight, a statistic, a counter.

    Args:
        initializer: The value (array, list, tensor), or a callable `(shape, dtype)` that makes it, or the name of an
            initializer ("zeros").
        shape: The shape, where `initializer` is a callable or a name.
        dtype: A dtype; None means the value's own, or `floatx()` where `initializer` is a callable.
        trainable: Whether an optimizer may change it.
        autocast: Whether it is read in the compute dtype of the layer that is running.
        aggregation: How replicas are joined in distribution: "none", "mean", "sum" or "only_first_replica".
        name: A name without "/"; `path` puts the open name scopes before it.

    Raises:
        ValueError: A callable came without a shape, or the name holds "/".

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0, 2.0], name="w")
    >>> v.assign_add([0.5, 0.5]).numpy().tolist(), v.shape, v.dtype
    ([1.5, 2.5], (2,), 'float32')
    """

    # How replicas are joined in distribution; what training adds to the loss, and does after an update.
    aggregation = "none"
    synchronization = "auto"
    overwrite_with_gradient = False
    _regularizer: Any = None
    _constraint: Any = None

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | int | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
        layout: Any = None,
        **kwargs: Any,
    ) -> None:
        name = name or f"variable_{next(_numbers)}"
        if "/" in name:
            raise ValueError(f"Expected the `name` of a Variable to hold no '/', got {name!r}.")
        if aggregation not in _AGGREGATIONS:
            raise ValueError(f"Expected `aggregation` to be one of {', '.join(_AGGREGATIONS)}, got {aggregation!r}.")
        self._name, self._path = name, scopes.path_of(name)
        owner = f"the Variable '{name}'"
        self._trainable, self._autocast = as_bool(trainable, "trainable", owner), as_bool(autocast, "autocast", owner)
        # A variable that was made to be trained can be frozen and thawed; any other stays as it is.
        self.born_trainable = self._trainable
        self.stays_frozen = False  # where a layer froze it for good
        self.aggregation, self.synchronization, self._layout = aggregation, synchronization, layout
        value = self._initial(initializer, shape, dtype)
        self._dtype = dtypes.standardize(dtype) if dtype is not None else _dtype_of(value)
        self._shape = tuple(int(d) for d in value.shape)
        # Our own initializers return what nobody else holds.
        fresh = isinstance(value, np.ndarray) and getattr(initializer, "draw", None) is not None
        self._value = self._store(value, fresh)
        for scope in assignment_scopes.stack:
            scope.made(self)

    def _initial(self, initializer: Any, shape: Any, dtype: Any) -> Any:
        if isinstance(initializer, str):
            assert initializer_of is not None, "kerasfront.initializers was not imported"
            initializer = initializer_of(initializer)
        if isinstance(initializer, Variable):
            with active.adapter.outside_trace():
                return initializer.numpy()
        if not callable(initializer):
            if active.adapter.is_tensor(initializer):
                return initializer
            with active.adapter.outside_trace():
                return ops.convert_to_tensor(initializer, dtype)
        if shape is None:
            raise ValueError(f"The Variable '{self._path}' is made by an initializer: it needs a `shape`, got None.")
        shape = as_shape(shape, "shape", f"the Variable '{self._path}'")
        if any(d is None for d in shape):
            raise ShapeError(f"The Variable '{self._path}' needs a shape without unknown dims, got {shape}.")
        before, mode.inferring = mode.inferring, 0  # a value is made even while shapes are inferred
        try:
            # Our initializers give a NumPy array here, and a tensor to whoever calls them.
            make = getattr(initializer, "draw", None) or initializer
            if scopes.context.initial is not None:
                return scopes.context.initial(self, make, shape, dtypes.standardize(dtype))
            return make(shape, dtype=dtypes.standardize(dtype))
        finally:
            mode.inferring = before

    def _store(self, value: Any, fresh: bool) -> Any:
        """What it holds in the beginning."""
        return active.adapter.make_storage(value, self._dtype, self._trainable, self._path, fresh=fresh)

    def _public(self, stored: Any) -> Any:
        """What others see of what it holds."""
        return stored

    # -- what is known of it

    @property
    def name(self) -> str:
        return self._name

    @property
    def path(self) -> str:
        return self._path

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def ndim(self) -> int:
        return len(self._shape)

    @property
    def dtype(self) -> str:
        """The dtype in which it is read: that of the running autocast scope, else its own."""
        if scopes.context.autocast is not None and self._autocast and dtypes.is_float(self._dtype):
            return scopes.context.autocast
        return self._dtype

    @property
    def autocast(self) -> bool:
        return self._autocast

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        scopes.structure.change()
        active.adapter.set_trainable(self._value, self._trainable)

    @property
    def regularizer(self) -> Any:
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Any) -> None:
        self._regularizer = value
        scopes.structure.change()

    @property
    def constraint(self) -> Any:
        return self._constraint

    @constraint.setter
    def constraint(self, value: Any) -> None:
        self._constraint = value
        scopes.structure.change()

    # -- reading and writing

    @property
    def value(self) -> Any:
        """The native tensor (on TensorFlow the tf.Variable, on torch the nn.Parameter)."""
        context = scopes.context
        if context.reads is not None:
            context.reads[id(self)] = self
        wanted = context.autocast
        if wanted is not None and self._autocast and self._dtype != wanted and dtypes.is_float(self._dtype):
            return active.adapter.cast(self._value, wanted)
        return self._value

    def __kf_tensor__(self) -> Any:
        """The tensor that ops take for the Variable."""
        return self.value

    def numpy(self) -> np.ndarray[Any, Any]:
        """A copy on the host."""
        return np.array(active.adapter.to_numpy(self._value))

    def _to_native(self, value: Any) -> Any:
        if type(value) not in active.adapter.native:
            value = ops.convert_to_tensor(value)
        if active.adapter.dtype_name(value) != self._dtype:
            value = active.adapter.cast(value, self._dtype)
        if tuple(value.shape) != self._shape and active.adapter.shape(value) != self._shape:
            raise self._wrong_shape(tuple(value.shape))
        return value

    def _checked(self, value: Any) -> Variable:
        """What an assignment is while shapes are inferred: a look at the shape."""
        found = tuple(ops.convert_to_tensor(value).shape)
        if len(found) != len(self._shape) or shapes.differ(found, self._shape):
            raise self._wrong_shape(tuple(None if unknown(n) else n for n in found))
        return self

    def _wrong_shape(self, shape: tuple[Any, ...]) -> ShapeError:
        return ShapeError(f"The Variable '{self._path}' has the shape {self._shape}; a value of shape {shape} came.")

    def _write(self, value: Any, how: Callable[[Any, Any], Any]) -> Variable:
        stack = assignment_scopes.stack
        if stack:
            stack[-1].note(self)
        self._value = how(self._value, value)
        return self

    def assign(self, value: Any) -> Variable:
        """Set the value; it is cast to the Variable's dtype. Raises ShapeError for another shape.

        While a layer is called on symbolic values, nothing is assigned.
        """
        if mode.inferring:
            return self._checked(value)
        value = self._to_native(value)
        return self._write(value, _replace if assignment_scopes.stack else active.adapter.assign)

    def _assign_zeros(self) -> None:
        """What `assign` does with zeros, without making them where the framework writes in place."""
        if assignment_scopes.stack:
            self._write(None, lambda stored, _: active.adapter.primitives["zeros_like"](stored))
        elif not mode.inferring:
            self._value = active.adapter.assign_zeros(self._value)

    def assign_add(self, value: Any) -> Variable:
        """Add to the value."""
        return self._change(value, ops.add, active.adapter.assign_add)

    def assign_sub(self, value: Any) -> Variable:
        """Subtract from the value."""
        return self._change(value, ops.subtract, active.adapter.assign_sub)

    def _change(self, value: Any, combine: Callable[[Any, Any], Any], write: Callable[[Any, Any], Any]) -> Variable:
        """`combine` the value with another: written in place, unless a scope notes assignments or shapes differ."""
        if mode.inferring:
            return self._checked(combine(self._value, value))
        operand = self._operand(value)
        if assignment_scopes.stack or self._spreads(operand):
            return self.assign(combine(self._value, operand))
        self._value = write(self._value, operand)
        return self

    def _operand(self, value: Any) -> Any:
        """`value` as it can be added: a native tensor of the Variable's dtype, or a Python number."""
        if type(value) is float or type(value) is int:
            return value if type(value) is int or dtypes.is_float(self._dtype) else int(value)
        if type(value) in active.adapter.native and value.dtype is self._value.dtype:
            return value
        return ops.convert_to_tensor(value, self._dtype)

    def _spreads(self, operand: Any) -> bool:
        """Whether an operand is of another shape: it is broadcast, or refused."""
        return (() if type(operand) in (int, float) else tuple(operand.shape)) != self._shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        return np.asarray(self.numpy(), dtype)

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __index__(self) -> int:
        return int(self.numpy())

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __len__(self) -> int:
        return self._shape[0]

    def __repr__(self) -> str:
        about = f"path={self._path}, shape={self._shape}, dtype={self._dtype}"
        try:
            value = self.numpy() if active.adapter.has_value(self._value) else None
        except (
            Exception
        ):  # a step is being traced, or a compiled one has taken the value: each framework says it its way
            value = None
        return f"<Variable {about}>" if value is None else f"<Variable {about}, value={array(value)}>"


def _replace(storage: Any, value: Any) -> Any:
    return value


def _dtype_of(value: Any) -> str:
    return active.adapter.dtype_name(value) if active.adapter.is_tensor(value) else dtypes.standardize(value.dtype)


_operators.install(Variable)
KerasVariable = Variable


# ---- scopes -------------------------------------------------------------------------------------------------------


class StatelessScope:
    """Inside, the given Variables have the given values, and what is assigned is kept apart.

    Args:
        state_mapping: Pairs of a Variable and its value inside.
        collect_losses: Whether the losses that layers add are kept in `losses`.
        initialize_variables: Kept for Keras; Variables are always initialized when they are made.

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> with keras.StatelessScope([(v, keras.ops.convert_to_tensor([5.0]))]) as scope:
    ...     _ = v.assign(v * 2)
    >>> v.numpy().tolist(), keras.ops.convert_to_numpy(scope.get_current_value(v)).tolist()
    ([1.0], [10.0])
    """

    _stack: list[StatelessScope] = []

    def __init__(
        self,
        state_mapping: Sequence[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses: list[Any] = []
        self.state_mapping: dict[int, Any] = {}
        self._pairs: list[tuple[Variable, Any]] = []
        for variable, value in state_mapping or ():
            if not isinstance(variable, Variable):
                raise ValueError(f"Expected `state_mapping` to pair Variables with values, got {variable!r}.")
            self._pairs.append((variable, variable._to_native(value)))

    def __enter__(self) -> StatelessScope:
        self._scope = assignments([v for v, _ in self._pairs], [value for _, value in self._pairs])
        self._scope.__enter__()
        StatelessScope._stack.append(self)
        return self

    def add_loss(self, loss: Any) -> None:
        self.losses.append(loss)

    def add_update(self, update: tuple[Variable, Any]) -> None:
        update[0].assign(update[1])

    def get_current_value(self, variable: Variable) -> Any:
        """The Variable's value inside the scope (also after it closed); None where it was not given or assigned."""
        if self in StatelessScope._stack:
            return variable._public(variable._value) if id(variable) in self._scope.before else None
        return self.state_mapping.get(id(variable))

    def __exit__(self, *exc: Any) -> None:
        StatelessScope._stack.remove(self)
        self._scope.__exit__(*exc)
        final = zip(self._scope.assigned, self._scope.final_values(), strict=True)
        self.state_mapping = {id(v): v._public(value) for v, value in (*self._pairs, *final)}


def in_stateless_scope() -> bool:
    return bool(StatelessScope._stack)


def get_stateless_scope() -> StatelessScope | None:
    return StatelessScope._stack[-1] if StatelessScope._stack else None


class SymbolicScope:
    """Inside, ops without tensor arguments give symbolic values: nothing is computed."""

    def __enter__(self) -> SymbolicScope:
        mode.inferring += 1
        return self

    def __exit__(self, *exc: Any) -> None:
        mode.inferring -= 1


def device(device_name: str) -> AbstractContextManager[Any]:
    """A context in which new tensors and Variables go to a device.

    Args:
        device_name: "cpu", "cpu:0", "gpu:1", ...

    >>> import kerasfront as keras
    >>> with keras.device("cpu:0"):
    ...     keras.ops.zeros((2,)).shape[0]
    2
    """
    return current().device_scope(device_name)


__all__ = ["KerasTensor", "KerasVariable", "StatelessScope", "SymbolicScope", "Variable", "device"]
