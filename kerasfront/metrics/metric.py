"""Metric: state that batches are added to, and a result read from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kerasfront import dtype_policies, initializers, ops, scopes, serialization, settings
from kerasfront.arguments import Constructed
from kerasfront.derived import Copied
from kerasfront.metrics import total
from kerasfront.metrics.total import Total
from kerasfront.naming import auto_name, to_snake_case
from kerasfront.spec import dtypes
from kerasfront.tracebacks import shorten
from kerasfront.variable import StatelessScope, Variable
from kerasfront.watching import Watched


class Metric(Constructed, Copied, Watched):
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
    # Whether update_state adds up over samples. A subclass with an update_state of its own says so anew.
    _additive = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "update_state" in cls.__dict__ and "_additive" not in cls.__dict__:
            cls._additive = False

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or auto_name(to_snake_case(type(self).__name__))
        self._dtype_policy = dtype_policies.get(dtype or settings.floatx())

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Variable):
            _note(self._held("_variables"), value)
        elif isinstance(value, Metric):
            _note(self._held("_metrics"), value)
        elif isinstance(value, (list, tuple)):
            for item in value:
                if isinstance(item, Metric):
                    _note(self._held("_metrics"), item)
        super().__setattr__(name, value)

    # -- state

    def _held(self, group: str) -> list[Any]:
        """A list of what is tracked; made at first use, which may come before a subclass calls __init__."""
        held: list[Any] = self.__dict__.setdefault(group, [])
        return held

    @property
    def dtype(self) -> str:
        """The dtype of the state and the result."""
        return str(self._dtype_policy.compute_dtype)

    @property
    def _sum_dtype(self) -> str:
        """The dtype in which a batch is added up: float32 in place of narrower floats."""
        return dtypes.promote(self.dtype, "float32") if dtypes.is_float(self.dtype) else self.dtype

    @property
    def variables(self) -> list[Variable]:
        """The state: this metric's variables, then those of the metrics that it holds."""
        found = {id(v): v for v in self._held("_variables")}
        for metric in self._held("_metrics"):
            found.update((id(v), v) for v in metric.variables)
        return list(found.values())

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Make a variable of the state. One of floats stores more digits than it shows: counts go beyond 2**24.

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
        _note(self._held("_variables"), variable)
        return variable

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """As `add_variable`; without an initializer the variable begins with zeros."""
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    def reset_state(self) -> None:
        """Begin again: the state becomes zeros."""
        for variable in self.variables:
            variable._assign_zeros()

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch to the state."""
        raise NotImplementedError(f"The metric '{self.name}' ({type(self).__name__}) defines no update_state().")

    @property
    def adds_up(self) -> bool:
        """Whether two batches joined are known to be to this metric as one after the other."""
        return self._additive

    def result(self) -> Any:
        """The value for all that was added since the last reset: a scalar tensor, or a dict of them."""
        raise NotImplementedError(f"The metric '{self.name}' ({type(self).__name__}) defines no result().")

    def host_result(self) -> Any:
        """`result()` for the logs: a Python number or a NumPy array, or a dict of them."""
        return host_values(self.result())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch; returns the result so far."""
        try:
            self.update_state(*args, **kwargs)
            return self.result()
        except Exception as error:
            shorten(error)
            raise

    # -- without state

    def _on_values(self, values: Sequence[Any] | None, function: Callable[[], Any]) -> tuple[Any, list[Any]]:
        """What `function` returns and what the variables hold after it, where they held `values` before."""
        variables = self.variables
        values = [v.value for v in variables] if values is None else values
        if len(values) != len(variables):
            raise ValueError(
                f"The metric '{self.name}' has {len(variables)} variables ({', '.join(v.path for v in variables)}); "
                f"{len(values)} values came."
            )
        with StatelessScope(state_mapping=list(zip(variables, values, strict=True))) as scope:
            out = function()
        return out, [scope.get_current_value(v) for v in variables]

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """The values of the variables after `update_state(*args, **kwargs)`, from those before; nothing changes."""
        return self._on_values(metric_variables, lambda: self.update_state(*args, **kwargs))[1]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """The result for given values of the variables."""
        return self._on_values(metric_variables, lambda: _read(self.result()))[0]

    def stateless_reset_state(self) -> list[Any]:
        """The values of the variables after a reset; nothing changes."""
        return self._on_values(None, self.reset_state)[1]

    # -- config

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal one."""
        policy = self._dtype_policy
        plain = policy.compute_dtype == policy.variable_dtype == policy.name
        return {"name": self.name, "dtype": policy.name if plain else dtype_policies.serialize(policy)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new one from what `get_config` returned."""
        return cls(**{key: serialization.revive(value) for key, value in config.items()})


def host_values(value: Any) -> Any:
    """Scalar tensors as Python numbers, other tensors as NumPy arrays, in dicts too."""
    if isinstance(value, dict):
        return {key: host_values(item) for key, item in value.items()}
    if isinstance(value, (int, float)):
        return value
    array = ops.convert_to_numpy(value)
    return float(array) if array.ndim == 0 else array


def _note(group: list[Any], value: Any) -> None:
    if not any(value is v for v in group):
        group.append(value)


def _read(result: Any) -> Any:
    """Variables as what they hold now: a result that is one would change when the scope ends."""
    if isinstance(result, Variable):
        return result.value
    if isinstance(result, dict):
        return {key: _read(value) for key, value in result.items()}
    return result
