"""Regularizers: what a variable or an output adds to the loss."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from kerasfront import ops, serialization
from kerasfront.arguments import Constructed
from kerasfront.errors import ShapeError
from kerasfront.typing import Config, Tensor, TensorLike
from kerasfront.watching import Watched


class Regularizer(Constructed, Watched):
    """The base of regularizers: called with a tensor, it returns a scalar that is added to the loss.

    A subclass defines `__call__(x)` and `get_config`.

    >>> import kerasfront as keras
    >>> class Largest(keras.regularizers.Regularizer):
    ...     def __call__(self, x):
    ...         return keras.ops.amax(x)
    >>> float(Largest()(keras.ops.ones((2, 2))))
    1.0
    """

    def __call__(self, x: TensorLike) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} defines no __call__(x).")

    def get_config(self) -> Config:
        """Return the arguments that make an equal one."""
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make a new one from what `get_config` returned."""
        return cls(**{key: serialization.revive(value) for key, value in config.items()})


def _factor(value: Any, name: str, default: float) -> float:
    """Return a number that is not negative; None is the default."""
    if value is None:
        return default
    good = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or value < 0:
        raise ValueError(f"Expected `{name}` to be a number that is not negative, got {value!r}.")
    return float(value)


class L1L2(Regularizer):
    """`l1 * sum(abs(x)) + l2 * sum(square(x))`.

    Args:
        l1: The weight of the absolute values.
        l2: The weight of the squares.

    Raises:
        ValueError: A weight is negative or no number.

    >>> import kerasfront as keras
    >>> round(float(keras.regularizers.L1L2(0.1, 0.2)(keras.ops.ones((2, 2)))), 4)
    1.2
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1: float = _factor(l1, "l1", 0.0)
        self.l2: float = _factor(l2, "l2", 0.0)

    def __call__(self, x: TensorLike) -> Tensor:
        x = ops.convert_to_tensor(x)
        terms = []
        if self.l1:
            terms.append(ops.sum(ops.absolute(x)) * self.l1)
        if self.l2:
            terms.append(ops.sum(ops.square(x)) * self.l2)
        return sum(terms[1:], terms[0]) if terms else ops.sum(x) * 0.0

    def get_config(self) -> Config:
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """`l1 * sum(abs(x))`.

    Args:
        l1: The weight.

    Raises:
        ValueError: It is negative or no number.

    >>> import kerasfront as keras
    >>> round(float(keras.regularizers.L1(0.1)(keras.ops.ones((2, 2)))), 4)
    0.4
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=_factor(l1, "l1", 0.01))

    def get_config(self) -> Config:
        return {"l1": self.l1}


class L2(L1L2):
    """`l2 * sum(square(x))`.

    Args:
        l2: The weight.

    Raises:
        ValueError: It is negative or no number.

    >>> import kerasfront as keras
    >>> round(float(keras.regularizers.L2(0.1)(keras.ops.ones((2, 2)))), 4)
    0.4
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=_factor(l2, "l2", 0.01))

    def get_config(self) -> Config:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Pushes rows (or columns) of a matrix to be orthogonal: the mean absolute cosine of their pairs, times `factor`.

    Args:
        factor: The weight.
        mode: "rows" or "columns".

    Raises:
        ValueError: `mode` is neither, or `factor` is negative.
        ShapeError: What it is called with is no matrix.

    >>> import kerasfront as keras
    >>> round(float(keras.regularizers.OrthogonalRegularizer(1.0)(keras.ops.ones((3, 2)))), 4)
    1.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(f'Expected `mode` to be "rows" or "columns", got {mode!r}.')
        self.factor: float = _factor(factor, "factor", 0.01)
        self.mode = mode

    def __call__(self, x: TensorLike) -> Tensor:
        x = ops.convert_to_tensor(x)
        if len(x.shape) != 2:
            raise ShapeError(f"OrthogonalRegularizer takes a matrix, got a tensor of shape {tuple(x.shape)}.")
        along = 1 if self.mode == "rows" else 0
        length = ops.sqrt(ops.sum(ops.square(x), axis=along, keepdims=True))
        unit = x / ops.maximum(length, 1e-12)
        flipped = ops.transpose(unit)
        cosines = ops.matmul(unit, flipped) if along == 1 else ops.matmul(flipped, unit)
        size = x.shape[1 - along]
        pairs = max(size * (size - 1), 1)
        different = ops.convert_to_tensor(1.0 - np.eye(size), cosines.dtype)
        return self.factor * ops.sum(ops.absolute(cosines * different)) / pairs

    def get_config(self) -> Config:
        return {"factor": self.factor, "mode": self.mode}
