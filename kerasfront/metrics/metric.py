"""Metric: state that batches are added to, and a result read from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Self

from kerasfront import dtype_policies, initializers, ops, scopes, serialization, settings, tracking
from kerasfront.arguments import Constructed
from kerasfront.derived import Copied
from kerasfront.dtype_policies import DTypePolicy
from kerasfront.metrics import stateless, total
from kerasfront.metrics.total import Total
from kerasfront.naming import auto_name, to_snake_case
from kerasfront.spec import dtypes
from kerasfront.state import StateAlias, Stateful
from kerasfront.tracebacks import shorten
from kerasfront.tracking import Tracked, TrackingState
from kerasfront.typing import Config, DTypeLike, DTypePolicyLike, InitializerLike, Tensor, TensorLike
from kerasfront.variable import Variable, assign_zeros


class MetricState(TrackingState):
    """What a metric keeps for itself."""

    # A compiled step finds the variables by itself.
    _kf_unwatched = frozenset({"variables", "metrics"})

    policy: DTypePolicy
    # The metric's own variables, and the metrics that its attributes hold.
    variables: list[Variable]
    metrics: list[Metric]
    # Whether the variables were made whose shapes follow from the first batch.
    built: bool = False
    # The function of a `MeanMetricWrapper`, and the arguments that it gets beside the tensors.
    function: Callable[..., Any]
    arguments: dict[str, Any]

    def __init__(self) -> None:
        super().__init__(variables=[], metrics=[])

    def group_of(self, value: Any) -> list[Any] | None:
        if isinstance(value, Variable):
            return self.variables
        return self.metrics if isinstance(value, Metric) else None

    def groups(self) -> Iterable[list[Any]]:
        return self.variables, self.metrics


class Metric(Stateful, Constructed, Copied, Tracked):
    """The base of metrics.

    A subclass makes its variables in `__init__` with `add_variable`, adds a batch to them in `update_state`, and
    computes the value from them in `result`. Nothing is read back to the host meanwhile.

    Args:
        dtype: The dtype of the state and the result, or a dtype policy; None means `floatx()`.
        name: A name; None means one from the class's.

    >>> import kerasfront as keras
    >>> class Positives(keras.metrics.Metric):
    ...     def __init__(self, name="positives", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.count = self.add_variable(shape=(), initializer="zeros", name="count")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.count.assign_add(keras.ops.sum(y_true))
    ...     def result(self):
    ...         return self.count
    >>> float(Positives()(keras.ops.ones((3,)), None))
    3.0
    """

    name: str
    _kf: MetricState
    _kf_state: ClassVar[type[MetricState]] = MetricState
    # Whether `update_state` adds up over samples. A subclass with an `update_state` of its own says so anew.
    _kf_additive: ClassVar[bool] = False
    # Which way is better, for callbacks: "up", "down", or None where the name has to tell.
    _kf_direction: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "update_state" in cls.__dict__ and "_kf_additive" not in cls.__dict__:
            cls._kf_additive = False

    def __init__(self, dtype: DTypePolicyLike | None = None, name: str | None = None) -> None:
        self.name = name or auto_name(to_snake_case(type(self).__name__))
        self._kf.policy = dtype_policies.get(dtype or settings.floatx())

    # -- state

    @property
    def dtype(self) -> str:
        """The dtype of the state and the result."""
        return str(self._kf.policy.compute_dtype)

    @property
    def variables(self) -> list[Variable]:
        """The state: this metric's variables, then those of the metrics that it holds."""
        own = {id(v): v for v in self._kf.variables}
        for metric in self._kf.metrics:
            own.update((id(v), v) for v in metric.variables)
        return list(own.values())

    def add_variable(
        self,
        shape: int | Sequence[int],
        initializer: InitializerLike,
        dtype: DTypeLike | None = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Make a variable of the state.

        One of floats stores more digits than it shows: counts go beyond 2**24.

        Args:
            shape: Its shape.
            initializer: An initializer or its name.
            dtype: Its dtype; None means the metric's.
            aggregation: How replicas are joined.
            name: Its name.
        """
        dtype = dtypes.standardize(dtype or self.dtype)
        with scopes.name_scope(self.name.replace("/", "_")):
            variable = (Total if dtype in total.DTYPES else Variable)(
                initializers.get(initializer),
                shape=shape,
                dtype=dtype,
                trainable=False,
                autocast=False,
                aggregation=aggregation,
                name=name,
            )
        tracking.add(self, variable.name, variable)
        return variable

    def add_weight(
        self,
        shape: int | Sequence[int] = (),
        initializer: InitializerLike | None = None,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable as `add_variable` does; without an initializer it begins with zeros."""
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    def reset_state(self) -> None:
        """Begin again: set the state to zeros."""
        for variable in self.variables:
            assign_zeros(variable)

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch to the state."""
        raise NotImplementedError(f"The metric '{self.name}' ({type(self).__name__}) defines no update_state().")

    @property
    def adds_up(self) -> bool:
        """Whether two batches joined are known to be to this metric as one after the other."""
        return self._kf_additive

    def result(self) -> Any:
        """Return the value for all that was added since the last reset: a scalar tensor, or a dict of them."""
        raise NotImplementedError(f"The metric '{self.name}' ({type(self).__name__}) defines no result().")

    def host_result(self) -> Any:
        """Return `result()` for the logs: a Python number or a NumPy array, or a dict of them."""
        return host_values(self.result())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch, and return the result so far."""
        try:
            self.update_state(*args, **kwargs)
            return self.result()
        except Exception as error:
            shorten(error)
            raise

    # -- without state

    def stateless_update_state(self, metric_variables: Sequence[TensorLike], *args: Any, **kwargs: Any) -> list[Tensor]:
        """Return the variables' values after `update_state(*args, **kwargs)`, from those before; nothing changes."""
        return stateless.on_values(
            self.name, self.variables, metric_variables, lambda: self.update_state(*args, **kwargs)
        )[1]

    def stateless_result(self, metric_variables: Sequence[TensorLike]) -> Any:
        """Return the result for given values of the variables."""
        return stateless.on_values(self.name, self.variables, metric_variables, lambda: stateless.read(self.result()))[
            0
        ]

    def stateless_reset_state(self) -> list[Tensor]:
        """Return the values of the variables after a reset; nothing changes."""
        return stateless.on_values(self.name, self.variables, None, self.reset_state)[1]

    # -- config

    def get_config(self) -> Config:
        """Return the arguments that make an equal one."""
        policy = self._kf.policy
        plain = policy.compute_dtype == policy.variable_dtype == policy.name
        return {"name": self.name, "dtype": policy.name if plain else dtype_policies.serialize(policy)}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make a new one from what `get_config` returned."""
        return cls(**{key: serialization.revive(value) for key, value in config.items()})

    # -- what libraries know by Keras's private names

    _variables = StateAlias[list[Variable]](lambda self: self._kf.variables)
    _metrics = StateAlias["list[Metric]"](lambda self: self._kf.metrics)
    _dtype_policy = StateAlias[DTypePolicy](lambda self: self._kf.policy)
    _direction = StateAlias["str | None"](lambda self: self._kf_direction)


def sum_dtype(metric: Metric) -> str:
    """Return the dtype in which a batch is added up: float32 in place of narrower floats."""
    dtype = metric.dtype
    return dtypes.promote(dtype, "float32") if dtypes.is_float(dtype) else dtype


def host_values(value: Any) -> Any:
    """Return scalar tensors as Python numbers and other tensors as NumPy arrays, in dicts too."""
    if isinstance(value, dict):
        return {key: host_values(item) for key, item in value.items()}
    if isinstance(value, (int, float)):
        return value
    array = ops.convert_to_numpy(value)
    return float(array) if array.ndim == 0 else array
