"""Several optimizers for the variables of one model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from kerasfront import serialization
from kerasfront.optimizers.optimizer import Optimizer
from kerasfront.optimizers.state import OptimizerState
from kerasfront.typing import Config
from kerasfront.variable import Variable


class OptimizerMap(MutableMapping[str, Optimizer]):
    """Which optimizer trains a variable, by regular expressions that its path is matched with.

    Args:
        default_optimizer: For variables that no expression matches.
        optimizer_map: Optimizers by expression.

    Raises:
        ValueError: An expression is given twice, or a path is matched by several.

    >>> import kerasfront as keras
    >>> chosen = keras.optimizers.OptimizerMap(keras.optimizers.SGD(), {"encoder/.*": keras.optimizers.Adam()})
    >>> type(chosen["encoder/dense/kernel"]).__name__, type(chosen["head/kernel"]).__name__
    ('Adam', 'SGD')
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: Mapping[str, Optimizer] | None = None) -> None:
        self._default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Optimizer] = {}
        for expression, optimizer in (optimizer_map or {}).items():
            self[expression] = optimizer

    @property
    def default_optimizer(self) -> Optimizer:
        return self._default_optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        matching = [e for e in self._optimizer_map if re.search(e, key)]
        if len(matching) > 1:
            raise ValueError(f"The variable '{key}' is matched by several expressions: {', '.join(matching)}.")
        return self._optimizer_map[matching[0]] if matching else self._default_optimizer

    def __setitem__(self, key: str, value: Optimizer) -> None:
        if key in self._optimizer_map:
            raise ValueError(f"The OptimizerMap has an optimizer for '{key}' already: {self._optimizer_map[key]!r}.")
        if not isinstance(value, Optimizer):
            raise ValueError(f"Expected an optimizer for '{key}', got {value!r}.")
        self._optimizer_map[key] = value

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __contains__(self, key: object) -> bool:
        return key in self._optimizer_map

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def get_config(self) -> Config:
        """Return the arguments that make an equal one."""
        return {
            "default_optimizer": serialization.serialize_keras_object(self._default_optimizer),
            "optimizer_map": {e: serialization.serialize_keras_object(o) for e, o in self._optimizer_map.items()},
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Mapping[str, Any] | None = None) -> OptimizerMap:
        """Make a new one from what `get_config` returned."""
        with serialization.loading(custom_objects):
            return cls(**{key: serialization.revive(value) for key, value in config.items()})


class MultiOptimizerState(OptimizerState):
    """The state of a `MultiOptimizer`."""

    # The optimizers in use, each with the variables that it trains.
    parts: list[tuple[Optimizer, list[Variable]]]

    def __init__(self) -> None:
        super().__init__()
        self.parts = []


def _chosen(optimizers: OptimizerMap | Callable[[Variable], Optimizer], variable: Variable) -> Optimizer:
    """Return the optimizer for a variable."""
    return optimizers[variable.path] if isinstance(optimizers, OptimizerMap) else optimizers(variable)


class MultiOptimizer(Optimizer):
    """Gives each variable's gradient to the optimizer that is chosen for it.

    Args:
        optimizer_map: An `OptimizerMap`, or a function that returns the optimizer for a variable.
        loss_scale_factor: What the loss is multiplied by before gradients are taken, and gradients divided by.
        name: A name.

    Raises:
        ValueError: `optimizer_map` is neither.

    >>> import kerasfront as keras
    >>> a, b = keras.Variable([1.0], name="encoder"), keras.Variable([1.0], name="head")
    >>> chosen = keras.optimizers.OptimizerMap(keras.optimizers.SGD(1.0), {"encoder": keras.optimizers.SGD(0.5)})
    >>> keras.optimizers.MultiOptimizer(chosen).apply([keras.ops.ones((1,))] * 2, [a, b])
    >>> a.numpy().tolist(), b.numpy().tolist()
    ([0.5], [0.0])
    """

    _kf: MultiOptimizerState
    _kf_state = MultiOptimizerState

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        if not isinstance(optimizer_map, OptimizerMap) and not callable(optimizer_map):
            raise ValueError(
                f"MultiOptimizer takes an OptimizerMap or a function of a variable, got {optimizer_map!r}."
            )
        self.optimizer_map = optimizer_map
        super().__init__(learning_rate=0.0, loss_scale_factor=loss_scale_factor, name=name)

    def make_state(self, variables: list[Variable]) -> None:
        """Choose the optimizer of each variable, and make their states."""
        super().make_state(variables)
        groups: dict[int, tuple[Optimizer, list[Variable]]] = {}
        for variable in variables:
            optimizer = _chosen(self.optimizer_map, variable)
            groups.setdefault(id(optimizer), (optimizer, []))[1].append(variable)
        self._kf.parts = list(groups.values())
        for optimizer, group in self._kf.parts:
            optimizer.build(group)

    def make_slots(self, variable: Variable) -> dict[str, Variable]:
        return {}

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers in use, once built."""
        return [optimizer for optimizer, _ in self._kf.parts]

    @property
    def variables(self) -> list[Variable]:
        """The state of this optimizer, then that of each in use."""
        return [*self._kf.variables, *(v for optimizer in self.optimizers for v in optimizer.variables)]

    @property
    def learning_rate(self) -> Any:
        raise AttributeError("A MultiOptimizer has no learning rate: read those of its `optimizers`.")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError("A MultiOptimizer has no learning rate: set those of its `optimizers`.")

    def _kf_update_all(self, grads: list[Any], variables: list[Variable]) -> None:
        gradients = {id(v): g for g, v in zip(grads, variables, strict=True)}
        for optimizer, group in self._kf.parts:
            members = [v for v in group if id(v) in gradients]
            if members:
                optimizer.apply([gradients[id(v)] for v in members], members)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        for optimizer, group in self._kf.parts:
            optimizer.finalize_variable_values([v for v in group if any(v is w for w in var_list)])

    def get_config(self) -> Config:
        return {
            "optimizer_map": serialization.serialize_keras_object(self.optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }
