"""Constraints: projections of a variable, applied after each update."""

from __future__ import annotations

from typing import Self

from kerasfront import ops, serialization, settings
from kerasfront.arguments import Constructed
from kerasfront.typing import Axis, Config, Tensor, TensorLike
from kerasfront.watching import Watched


class Constraint(Constructed, Watched):
    """The base of constraints: called with a tensor, it returns one of the same shape that fulfils the constraint.

    A subclass defines `__call__(w)` and `get_config`.

    >>> import kerasfront as keras
    >>> class Positive(keras.constraints.Constraint):
    ...     def __call__(self, w):
    ...         return keras.ops.maximum(w, 1e-3)
    >>> round(float(Positive()(keras.ops.zeros(()))), 4)
    0.001
    """

    def __call__(self, w: TensorLike) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} defines no __call__(w).")

    def get_config(self) -> Config:
        """Return the arguments that make an equal one."""
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make a new one from what `get_config` returned."""
        return cls(**{key: serialization.revive(value) for key, value in config.items()})


def _norm(w: TensorLike, axis: Axis) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Scales vectors down whose norm is above `max_value`.

    Args:
        max_value: The largest norm.
        axis: The axis or axes along which norms are taken: 0 for the incoming weights of a Dense unit, [0, 1, 2] for
            those of a Conv2D filter.

    >>> import kerasfront as keras
    >>> w = keras.ops.convert_to_tensor([[3.0], [4.0]])
    >>> keras.ops.convert_to_numpy(keras.constraints.MaxNorm(1.0)(w)).round(4).tolist()
    [[0.6...], [0.8...]]
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value: float = max_value
        self.axis: Axis = axis

    def __call__(self, w: TensorLike) -> Tensor:
        w = ops.convert_to_tensor(w)
        norms = _norm(w, self.axis)
        return w * (ops.minimum(norms, self.max_value) / (settings.epsilon() + norms))

    def get_config(self) -> Config:
        return {"max_value": self.max_value, "axis": self.axis}


class MinMaxNorm(Constraint):
    """Scales vectors so that their norm lies between `min_value` and `max_value`.

    Args:
        min_value: The least norm.
        max_value: The largest norm.
        rate: How much of the way is gone at each update; 1 means all of it.
        axis: As for `MaxNorm`.

    >>> import kerasfront as keras
    >>> w = keras.ops.convert_to_tensor([[3.0], [4.0]])
    >>> keras.ops.convert_to_numpy(keras.constraints.MinMaxNorm(10.0, 20.0)(w)).round(2).tolist()
    [[6.0], [8.0]]
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0) -> None:
        self.min_value: float = min_value
        self.max_value: float = max_value
        self.rate: float = rate
        self.axis: Axis = axis

    def __call__(self, w: TensorLike) -> Tensor:
        w = ops.convert_to_tensor(w)
        norms = _norm(w, self.axis)
        inside = ops.minimum(ops.maximum(norms, self.min_value), self.max_value)
        target = self.rate * inside + (1 - self.rate) * norms
        return w * (target / (settings.epsilon() + norms))

    def get_config(self) -> Config:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


class NonNeg(Constraint):
    """Sets negative values to 0.

    >>> import kerasfront as keras
    >>> keras.ops.convert_to_numpy(keras.constraints.NonNeg()(keras.ops.convert_to_tensor([-1.0, 2.0]))).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: TensorLike) -> Tensor:
        return ops.maximum(w, 0)


class UnitNorm(Constraint):
    """Scales vectors to the norm 1.

    Args:
        axis: As for `MaxNorm`.

    >>> import kerasfront as keras
    >>> w = keras.ops.convert_to_tensor([[3.0], [4.0]])
    >>> keras.ops.convert_to_numpy(keras.constraints.UnitNorm()(w)).round(4).tolist()
    [[0.6...], [0.8...]]
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = axis

    def __call__(self, w: TensorLike) -> Tensor:
        w = ops.convert_to_tensor(w)
        return w / (settings.epsilon() + _norm(w, self.axis))

    def get_config(self) -> Config:
        return {"axis": self.axis}
