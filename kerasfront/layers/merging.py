"""Layers of several inputs: sums, products, extremes, concatenation, dot products; and their functional forms.

The elementwise ones broadcast; inputs of lower rank get axes of size 1 after the batch. A step of their output counts
where it counts in any input: an input without a mask counts everywhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Unpack

from kerasfront import ops
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import Configured, where
from kerasfront.layers._options import LayerOptions
from kerasfront.ops.declare.masks import joined_masks
from kerasfront.typing import Shape, Tensor, TensorLike


def _check_several(layer: Configured, inputs: Any, least: int = 1) -> None:
    if not isinstance(inputs, (list, tuple)) or len(inputs) < least:
        number = f"{len(inputs)}" if isinstance(inputs, (list, tuple)) else "one that is no list"
        raise ShapeError(f"Expected {where(layer)} to be called on a list of {least} inputs or more, got {number}.")


class Merge(Configured):
    """A layer that joins its inputs two by two."""

    # The op that joins two inputs.
    _kf_join: Callable[[Any, Any], Tensor]

    def __init__(self, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Sequence[Shape]) -> None:
        _check_several(self, input_shape)
        if not isinstance(input_shape[0], (list, tuple)):
            raise ShapeError(
                f"Expected {where(self)} to be called on a list of inputs, got one of shape {input_shape}."
            )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        _check_several(self, inputs)
        return functools.reduce(self._kf_join, _of_one_rank(inputs))

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Tensor | None:
        if mask is None or any(m is None for m in mask):
            return None
        return functools.reduce(ops.logical_or, _of_one_rank(mask))


def _of_one_rank(values: Any) -> Any:
    ranks = [len(x.shape) for x in values]
    most = max(ranks)
    if min(ranks) == most:
        return values
    return [
        x if n == most or n == 0 else ops.expand_dims(x, tuple(range(1, 1 + most - n)))
        for x, n in zip(values, ranks, strict=True)
    ]


class Add(Merge):
    """The sum of the inputs.

    >>> import kerasfront as keras
    >>> y = keras.layers.Add()([keras.ops.array([[1.0]]), keras.ops.array([[2.0]])])
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[3.0]]
    """

    _kf_join = staticmethod(ops.add)


class Subtract(Merge):
    """The first of two inputs less the second.

    >>> import kerasfront as keras
    >>> y = keras.layers.Subtract()([keras.ops.array([[1.0]]), keras.ops.array([[3.0]])])
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[-2.0]]
    """

    _kf_join = staticmethod(ops.subtract)

    def build(self, input_shape: Sequence[Shape]) -> None:
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ShapeError(f"Expected {where(self)} to be called on 2 inputs, got {len(input_shape)}.")


class Multiply(Merge):
    """The product of the inputs.

    >>> import kerasfront as keras
    >>> y = keras.layers.Multiply()([keras.ops.array([[2.0]]), keras.ops.array([[3.0]])])
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[6.0]]
    """

    _kf_join = staticmethod(ops.multiply)


class Average(Merge):
    """The mean of the inputs.

    >>> import kerasfront as keras
    >>> y = keras.layers.Average()([keras.ops.array([[1.0]]), keras.ops.array([[2.0]])])
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[1.5]]
    """

    _kf_join = staticmethod(ops.add)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        return super().call(inputs) / len(inputs)


class Maximum(Merge):
    """The largest of the inputs, elementwise.

    >>> import kerasfront as keras
    >>> y = keras.layers.Maximum()([keras.ops.array([[1.0]]), keras.ops.array([[2.0]])])
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[2.0]]
    """

    _kf_join = staticmethod(ops.maximum)


class Minimum(Merge):
    """The smallest of the inputs, elementwise.

    >>> import kerasfront as keras
    >>> y = keras.layers.Minimum()([keras.ops.array([[1.0]]), keras.ops.array([[2.0]])])
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[1.0]]
    """

    _kf_join = staticmethod(ops.minimum)


class Concatenate(Configured):
    """The inputs joined along an axis; elsewhere their shapes are equal.

    Along the axis of the steps masks are joined too (an input without one counts everywhere); along another a step
    counts where it counts in any input.

    Args:
        axis: The axis.

    Raises:
        ValueError: The shapes don't fit.

    >>> import kerasfront as keras
    >>> y = keras.layers.Concatenate()([keras.ops.ones((2, 3)), keras.ops.ones((2, 4))])
    >>> y.shape[1]
    7
    """

    axis: int

    def __init__(self, axis: int = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape: Sequence[Shape]) -> None:
        _check_several(self, input_shape)
        if not isinstance(input_shape[0], (list, tuple)):
            raise ShapeError(
                f"Expected {where(self)} to be called on a list of inputs, got one of shape {input_shape}."
            )
        rank = len(input_shape[0])
        if any(len(s) != rank for s in input_shape) or not -rank <= self.axis < rank:
            raise ShapeError(
                f"Expected the inputs of {where(self)} to have one rank, with an axis {self.axis}, "
                f"got {list(input_shape)}."
            )
        for axis, sizes in enumerate(zip(*input_shape, strict=True)):
            if axis != self.axis % rank and len({s for s in sizes if s is not None}) > 1:
                raise ShapeError(
                    f"Expected the inputs of {where(self)} to be alike but for axis {self.axis}, "
                    f"got {list(input_shape)}."
                )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        _check_several(self, inputs)
        if any(len(x.shape) != len(inputs[0].shape) for x in inputs):
            self.build([tuple(x.shape) for x in inputs])
        return ops.concatenate(inputs, self.axis)

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Tensor | None:
        if mask is None or all(m is None for m in mask):
            return None
        at = self.axis % len(inputs[0].shape)
        if any(m is None for m in mask) and at >= max(len(m.shape) for m in mask if m is not None):
            return None
        return joined_masks(ops.concatenate, list(mask), inputs, at)


class Dot(Configured):
    """The dot products of two inputs along an axis each, sample by sample.

    Args:
        axes: The axis of both, or a pair: one of each. Not 0, the batch.
        normalize: Whether vectors are normalized first: the result is then the cosine of their angle.

    Raises:
        ValueError: The axes are malformed, or their sizes differ.

    >>> import kerasfront as keras
    >>> x, y = keras.ops.ones((2, 5, 3)), keras.ops.ones((2, 4, 3))
    >>> keras.layers.Dot(axes=2)([x, y]).shape[1:] == (5, 4)
    True
    """

    axes: int | tuple[int, ...]
    normalize: bool
    # The axis of each input, and the einsum that multiplies along them.
    _kf_axes: tuple[int, int]
    _kf_equation: str

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        pair = [axes, axes] if isinstance(axes, int) else list(axes) if isinstance(axes, (list, tuple)) else []
        if len(pair) != 2 or any(not isinstance(a, int) or a == 0 for a in pair):
            raise ValueError(f"Expected `axes` of {where(self)} to be an integer other than 0, or two, got {axes!r}.")
        self.axes, self.normalize = axes if isinstance(axes, int) else tuple(axes), bool(normalize)
        self._kf_axes = pair[0], pair[1]
        self.supports_masking = True
        self._kf.makes_mask = False

    def build(self, input_shape: Sequence[Shape]) -> None:
        if (
            not isinstance(input_shape, (list, tuple))
            or len(input_shape) != 2
            or not isinstance(input_shape[0], (list, tuple))
        ):
            raise ShapeError(f"Expected {where(self)} to be called on 2 inputs, got {input_shape}.")
        if any(len(s) < 2 or not -len(s) < a < len(s) for s, a in zip(input_shape, self._kf_axes, strict=True)):
            raise ShapeError(
                f"Expected the inputs of {where(self)} to have the axes {self._kf_axes}, got {list(input_shape)}."
            )
        one, other = (s[a] for s, a in zip(input_shape, self._kf_axes, strict=True))
        if None not in (one, other) and one != other:
            raise ShapeError(
                f"Expected the inputs of {where(self)} to be alike along the axes {self._kf_axes}, "
                f"got {list(input_shape)}."
            )
        # In the equation the batch is `a`, the axis that is summed over `z`; other axes are b, c, ... and m, n, ...
        left = _labels("abcdefghijkl", len(input_shape[0]), self._kf_axes[0])
        right = _labels("amnopqrstuvw", len(input_shape[1]), self._kf_axes[1])
        self._kf_equation = f"{left},{right}->{left.replace('z', '')}{right[1:].replace('z', '')}"

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        x, y = inputs
        if self.normalize:
            x, y = ops.normalize(x, self._kf_axes[0]), ops.normalize(y, self._kf_axes[1])
        out = ops.einsum(self._kf_equation, x, y)
        return ops.expand_dims(out, 1) if len(x.shape) == len(y.shape) == 2 else out

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Tensor | None:
        return None


def _labels(letters: str, rank: int, summed: int) -> str:
    labels = list(letters[:rank])
    labels[summed] = "z"
    return "".join(labels)


# ---- functional forms ---------------------------------------------------------------------------------------------


def add(inputs: Sequence[TensorLike], **kwargs: Unpack[LayerOptions]) -> Tensor:
    """`Add(**kwargs)(inputs)`.

    >>> import kerasfront as keras
    >>> x = keras.Input((3,))
    >>> keras.layers.add([x, x]).shape
    (None, 3)
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[TensorLike], **kwargs: Unpack[LayerOptions]) -> Tensor:
    """`Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[TensorLike], **kwargs: Unpack[LayerOptions]) -> Tensor:
    """`Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[TensorLike], **kwargs: Unpack[LayerOptions]) -> Tensor:
    """`Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[TensorLike], **kwargs: Unpack[LayerOptions]) -> Tensor:
    """`Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[TensorLike], **kwargs: Unpack[LayerOptions]) -> Tensor:
    """`Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[TensorLike], axis: int = -1, **kwargs: Unpack[LayerOptions]) -> Tensor:
    """`Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[TensorLike], axes: int | Sequence[int] = -1, **kwargs: Unpack[LayerOptions]) -> Tensor:
    """`Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes=axes, **kwargs)(inputs)
