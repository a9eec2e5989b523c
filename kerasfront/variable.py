"""Variables: the state of layers, optimizers and metrics. Importing this binds the backend."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kerasfront import ops, scopes, serialization
from kerasfront.arguments import as_bool, as_shape
from kerasfront.contract import Runtime, assignment_scopes, assignments, current, running
from kerasfront.derived import Copied
from kerasfront.errors import ShapeError
from kerasfront.ops import _operators
from kerasfront.reprs import array
from kerasfront.spec import KerasTensor, dtypes, mode, shapes, unknown
from kerasfront.spec.operators import Operators
from kerasfront.typing import DTypeLike, InitializerLike, ShapeLike, Tensor, TensorLike

active: Runtime = running()
_numbers = itertools.count()
_AGGREGATIONS = ("none", "mean", "sum", "only_first_replica")

# The framework asks for a base of its own (torch.nn.Module must see the parameter); type checkers see the operators
# that `ops._operators` installs.
if TYPE_CHECKING:
    _Base = Operators[Tensor]
else:
    _Base = active.adapter.variable_base


class Variable(_Base, Copied):
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
    aggregation: str = "none"
    synchronization: str = "auto"
    overwrite_with_gradient: bool = False
    # A variable that was made to be trained can be frozen and thawed; any other stays as it is.
    born_trainable: bool
    # Whether a layer froze it for good.
    stays_frozen: bool = False

    _name: str
    _path: str
    _shape: tuple[int, ...]
    _dtype: str
    _trainable: bool
    _autocast: bool
    # What the adapter's `make_storage` returned: a native tensor, or the framework's own kind of variable.
    _value: Any
    _regularizer: Callable[[Any], Any] | None = None
    _constraint: Callable[[Any], Any] | None = None

    def __init__(
        self,
        initializer: InitializerLike,
        shape: ShapeLike | None = None,
        dtype: DTypeLike | None = None,
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
        self.born_trainable = self._trainable
        self.aggregation, self.synchronization, self._layout = aggregation, synchronization, layout
        value = _first_value(self, initializer, shape, dtype)
        self._dtype = dtypes.standardize(dtype) if dtype is not None else _dtype_of(value)
        self._shape = tuple(int(d) for d in value.shape)
        # Our own initializers return what nobody else holds.
        fresh = isinstance(value, np.ndarray) and getattr(initializer, "draw", None) is not None
        self._value = self._kf_store(value, fresh)
        for scope in assignment_scopes.stack:
            scope.made(self)

    # -- how it is stored: `metrics.total.Total` overrides these

    def _kf_store(self, value: Any, fresh: bool) -> Any:
        """Return what the Variable holds for its first value; `fresh`: nobody else holds that."""
        return active.adapter.make_storage(value, self._dtype, self._trainable, self._path, fresh=fresh)

    def _kf_public(self, stored: Any) -> Any:
        """Return the tensor that others see for what the Variable holds."""
        return stored

    def _kf_native(self, value: Any) -> Any:
        """Return a new value as the Variable holds it: a native tensor of its dtype and shape.

        Raises:
            ShapeError: It has another shape.
        """
        if type(value) not in active.adapter.native:
            value = ops.convert_to_tensor(value)
        if active.adapter.dtype_name(value) != self._dtype:
            value = active.adapter.cast(value, self._dtype)
        if tuple(value.shape) != self._shape and active.adapter.shape(value) != self._shape:
            raise wrong_shape(self, tuple(value.shape))
        return value

    def _kf_change(self, value: Any, combine: Callable[[Any, Any], Any], write: Callable[[Any, Any], Any]) -> Self:
        """Combine the value with another: written in place, unless a scope notes assignments or shapes differ."""
        if mode.inferring:
            check_shape(self, combine(self._value, value))
            return self
        operand = _operand(self, value)
        if assignment_scopes.stack or broadcasts(self, operand):
            return self.assign(combine(self._value, operand))
        self._value = write(self._value, operand)
        return self

    # -- what is known of it

    @property
    def name(self) -> str:
        """The last part of `path`."""
        return self._name

    @property
    def path(self) -> str:
        """The name below the scopes that were open when the Variable was made."""
        return self._path

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, as integers."""
        return self._shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._shape)

    @property
    def dtype(self) -> str:
        """The dtype in which it is read: that of the running autocast scope, else its own."""
        if scopes.context.autocast is not None and self._autocast and dtypes.is_float(self._dtype):
            return scopes.context.autocast
        return self._dtype

    @property
    def autocast(self) -> bool:
        """Whether it is read in the compute dtype of the layer that is running."""
        return self._autocast

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        scopes.structure.change()
        active.adapter.set_trainable(self._value, self._trainable)

    @property
    def regularizer(self) -> Callable[[Any], Any] | None:
        """What the value adds to the loss."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Callable[[Any], Any] | None) -> None:
        self._regularizer = value
        scopes.structure.change()

    @property
    def constraint(self) -> Callable[[Any], Any] | None:
        """What the value becomes after an update."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: Callable[[Any], Any] | None) -> None:
        self._constraint = value
        scopes.structure.change()

    # -- reading and writing

    @property
    def value(self) -> Tensor:
        """The native tensor (on TensorFlow the tf.Variable, on torch the nn.Parameter)."""
        context = scopes.context
        if context.reads is not None:
            context.reads[id(self)] = self
        wanted = context.autocast
        if wanted is not None and self._autocast and self._dtype != wanted and dtypes.is_float(self._dtype):
            return active.adapter.cast(self._value, wanted)
        return self._value

    def __kf_tensor__(self) -> Tensor:
        """Return the tensor that ops take for the Variable."""
        return self.value

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return a copy on the host."""
        return np.array(active.adapter.to_numpy(self._value))

    def assign(self, value: TensorLike) -> Self:
        """Set the value; it is cast to the Variable's dtype.

        While a layer is called on symbolic values, nothing is assigned.

        Raises:
            ShapeError: The value has another shape.
        """
        if mode.inferring:
            check_shape(self, value)
            return self
        native = self._kf_native(value)
        store(self, native, _replace if assignment_scopes.stack else active.adapter.assign)
        return self

    def assign_add(self, value: TensorLike) -> Self:
        """Add to the value."""
        return self._kf_change(value, ops.add, active.adapter.assign_add)

    def assign_sub(self, value: TensorLike) -> Self:
        """Subtract from the value."""
        return self._kf_change(value, ops.subtract, active.adapter.assign_sub)

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
        # While a step is traced, or when a compiled one has taken the value, each framework raises an error of its own.
        except Exception:
            value = None
        return f"<Variable {about}>" if value is None else f"<Variable {about}, value={array(value)}>"


def _first_value(variable: Variable, initializer: Any, shape: ShapeLike | None, dtype: DTypeLike | None) -> Any:
    """Return the first value of a new Variable, as an array or a tensor."""
    if isinstance(initializer, str):
        initializer = serialization.named("initializers", initializer)
    if isinstance(initializer, Variable):
        with active.adapter.outside_trace():
            return initializer.numpy()
    if not callable(initializer):
        if active.adapter.is_tensor(initializer):
            return initializer
        with active.adapter.outside_trace():
            return ops.convert_to_tensor(initializer, dtype)
    if shape is None:
        raise ValueError(f"The Variable '{variable.path}' is made by an initializer: it needs a `shape`, got None.")
    sizes = as_shape(shape, "shape", f"the Variable '{variable.path}'")
    if any(d is None for d in sizes):
        raise ShapeError(f"The Variable '{variable.path}' needs a shape without unknown dims, got {sizes}.")
    before, mode.inferring = mode.inferring, 0  # a value is made even while shapes are inferred
    try:
        # `draw` of our initializers returns a NumPy array; called, they return a tensor.
        make = getattr(initializer, "draw", None) or initializer
        if scopes.context.initial is not None:
            return scopes.context.initial(variable, make, sizes, dtypes.standardize(dtype))
        return make(sizes, dtype=dtypes.standardize(dtype))
    finally:
        mode.inferring = before


def store(variable: Variable, value: Any, how: Callable[[Any, Any], Any]) -> None:
    """Let a Variable hold `how(what it holds, value)`; the innermost scope of assignments notes it."""
    stack = assignment_scopes.stack
    if stack:
        stack[-1].note(variable)
    variable._value = how(variable._value, value)


def assign_zeros(variable: Variable) -> None:
    """Assign zeros, without making them where the framework writes in place."""
    if assignment_scopes.stack:
        store(variable, None, lambda stored, _: active.adapter.primitives["zeros_like"](stored))
    elif not mode.inferring:
        variable._value = active.adapter.assign_zeros(variable._value)


def check_shape(variable: Variable, value: Any) -> None:
    """Raise ShapeError where a value has another shape: all that an assignment does while shapes are inferred."""
    shape = tuple(ops.convert_to_tensor(value).shape)
    if len(shape) != len(variable.shape) or shapes.differ(shape, variable.shape):
        raise wrong_shape(variable, tuple(None if unknown(n) else n for n in shape))


def wrong_shape(variable: Variable, shape: tuple[Any, ...]) -> ShapeError:
    """Return the error for a value of another shape; the caller raises it."""
    return ShapeError(f"The Variable '{variable.path}' has the shape {variable.shape}; a value of shape {shape} came.")


def broadcasts(variable: Variable, operand: Any) -> bool:
    """Return whether an operand is of another shape: it is broadcast, or refused."""
    return (() if type(operand) in (int, float) else tuple(operand.shape)) != variable._shape


def _operand(variable: Variable, value: Any) -> Any:
    """Return a value as it can be added: a native tensor of the Variable's dtype, or a Python number."""
    if type(value) is float or type(value) is int:
        return value if type(value) is int or dtypes.is_float(variable._dtype) else int(value)
    if type(value) in active.adapter.native and value.dtype is variable._value.dtype:
        return value
    return ops.convert_to_tensor(value, variable._dtype)


def _replace(storage: Any, value: Any) -> Any:
    return value


def _dtype_of(value: Any) -> str:
    return active.adapter.dtype_name(value) if active.adapter.is_tensor(value) else dtypes.standardize(value.dtype)


_operators.install(Variable)
KerasVariable = Variable


# ---- scopes -------------------------------------------------------------------------------------------------------


class StatelessScope(assignments):
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

    def __init__(
        self,
        state_mapping: Sequence[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses: list[Tensor] = []
        self.state_mapping: dict[int, Tensor] = {}
        variables, values = [], []
        for variable, value in state_mapping or ():
            if not isinstance(variable, Variable):
                raise ValueError(f"Expected `state_mapping` to pair Variables with values, got {variable!r}.")
            variables.append(variable)
            values.append(variable._kf_native(value))
        super().__init__(variables, values)

    def add_loss(self, loss: Tensor) -> None:
        """Keep a loss; layers call this where `collect_losses` is true."""
        self.losses.append(loss)

    def add_update(self, update: tuple[Variable, TensorLike]) -> None:
        """Assign a value: `update` is the Variable and the value."""
        update[0].assign(update[1])

    def get_current_value(self, variable: Variable) -> Tensor | None:
        """Return the Variable's value in the scope, also after its end; None if none was given or assigned."""
        if self in assignment_scopes.stack:
            return variable._kf_public(variable._value) if id(variable) in self.before else None
        return self.state_mapping.get(id(variable))

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        final = zip(self.assigned, self.final_values(), strict=True)
        self.state_mapping = {id(v): v._kf_public(value) for v, value in (*self.pairs, *final)}


def in_stateless_scope() -> bool:
    """Return whether the thread is inside a StatelessScope."""
    return get_stateless_scope() is not None


def get_stateless_scope() -> StatelessScope | None:
    """Return the innermost StatelessScope that the thread is inside of."""
    return next((scope for scope in reversed(assignment_scopes.stack) if isinstance(scope, StatelessScope)), None)


class SymbolicScope:
    """Inside, ops without tensor arguments give symbolic values: nothing is computed."""

    def __enter__(self) -> Self:
        mode.inferring += 1
        return self

    def __exit__(self, *exc: object) -> None:
        mode.inferring -= 1


def device(device_name: str) -> AbstractContextManager[object]:
    """Return a context in which new tensors and Variables go to a device.

    Args:
        device_name: "cpu", "cpu:0", "gpu:1", ...

    >>> import kerasfront as keras
    >>> with keras.device("cpu:0"):
    ...     keras.ops.zeros((2,)).shape[0]
    2
    """
    return current().device_scope(device_name)


__all__ = ["KerasTensor", "KerasVariable", "StatelessScope", "SymbolicScope", "Variable", "device"]
