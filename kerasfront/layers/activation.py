"""Activations as layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

from kerasfront import activations, ops, scopes
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import Configured, check_rank, keep, make_weight, where
from kerasfront.layers._options import Constraint, Initializer, LayerOptions, Regularizer
from kerasfront.layers.input_spec import InputSpec
from kerasfront.typing import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike, Shape, Tensor
from kerasfront.variable import Variable


class Elementwise(Configured):
    """A layer that maps each element by itself: a mask passes."""

    _kf_needs_no_build = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True


class Activation(Elementwise):
    """An activation function as a layer.

    Args:
        activation: A function or its name.

    >>> import kerasfront as keras
    >>> keras.ops.convert_to_numpy(keras.layers.Activation("relu")(keras.ops.array([-1.0, 2.0]))).tolist()
    [0.0, 2.0]
    """

    activation: Callable[..., Tensor]

    def __init__(self, activation: ActivationLike | None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(inputs)


class SlopeOptions(LayerOptions, total=False):
    """Options of ReLU and LeakyReLU, beside those that they name themselves."""

    # The name that `negative_slope` had in Keras 2.
    alpha: float


class ReLU(Elementwise):
    """`x` where it is above `threshold`, at most `max_value`, and `negative_slope * (x - threshold)` below.

    Args:
        max_value: The largest value, not below 0; None: no limit.
        negative_slope: The slope below the threshold, not below 0.
        threshold: Where the linear part begins, not below 0.

    Raises:
        ValueError: One of them is negative.

    >>> import kerasfront as keras
    >>> keras.ops.convert_to_numpy(keras.layers.ReLU(max_value=3.0)(keras.ops.array([-1.0, 2.0, 5.0]))).tolist()
    [0.0, 2.0, 3.0]
    """

    max_value: float | None
    negative_slope: float
    threshold: float

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Unpack[SlopeOptions],
    ) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        limits = {"max_value": max_value, "negative_slope": negative_slope, "threshold": threshold}
        for name, value in limits.items():
            if (value is None and name != "max_value") or (value is not None and value < 0):
                raise ValueError(f"Expected `{name}` of {where(self)} to be a number from 0 on, got {value!r}.")
        self.max_value = max_value if max_value is None else float(max_value)
        self.negative_slope, self.threshold = float(negative_slope), float(threshold)

    def call(self, inputs: Tensor) -> Tensor:
        if self.max_value is None and not self.negative_slope and not self.threshold:
            return ops.relu(inputs)
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Elementwise):
    """`x` where it is positive, `negative_slope * x` elsewhere.

    Args:
        negative_slope: The slope below 0, not negative.

    Raises:
        ValueError: The slope is negative.

    Source: Maas et al., Rectifier nonlinearities improve neural network acoustic models, 2013.

    >>> import kerasfront as keras
    >>> y = keras.layers.LeakyReLU(negative_slope=0.5)(keras.ops.array([-1.0, 2.0]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [-0.5, 2.0]
    """

    negative_slope: float

    def __init__(self, negative_slope: float = 0.3, **kwargs: Unpack[SlopeOptions]) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(f"Expected `negative_slope` of {where(self)} to be from 0 on, got {negative_slope!r}.")
        self.negative_slope = negative_slope

    def call(self, inputs: Tensor) -> Tensor:
        return ops.leaky_relu(inputs, self.negative_slope)


class ELU(Elementwise):
    """`x` where it is positive, `alpha * (exp(x) - 1)` elsewhere.

    Args:
        alpha: The limit for x towards minus infinity is -alpha.

    Source: Clevert et al., https://arxiv.org/abs/1511.07289

    >>> import kerasfront as keras
    >>> round(float(keras.layers.ELU()(keras.ops.array([-1.0]))[0]), 4)
    -0.6321
    """

    alpha: float

    def __init__(self, alpha: float = 1.0, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Tensor) -> Tensor:
        return ops.elu(inputs, self.alpha)


class PReLU(Elementwise):
    """`x` where it is positive, `alpha * x` elsewhere, with an `alpha` that is learned for each place.

    Args:
        alpha_initializer: An initializer of alpha, whose shape is that of the inputs without the batch.
        alpha_regularizer: A regularizer of alpha.
        alpha_constraint: A constraint of alpha.
        shared_axes: The axes (from 1) along which alpha is the same: [1, 2] shares it over the pixels of an image.

    Raises:
        ValueError: An axis that isn't shared has no known size.

    Source: He et al., https://arxiv.org/abs/1502.01852

    >>> import kerasfront as keras
    >>> layer = keras.layers.PReLU(shared_axes=[1])
    >>> layer(keras.ops.ones((2, 5, 3))).shape[2], layer.alpha.shape
    (3, (1, 3))
    """

    alpha_initializer: Initializer
    alpha_regularizer: Regularizer | None
    alpha_constraint: Constraint | None
    shared_axes: list[int] | None
    alpha: Variable

    def __init__(
        self,
        alpha_initializer: InitializerLike = "Zeros",
        alpha_regularizer: RegularizerLike | None = None,
        alpha_constraint: ConstraintLike | None = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        shared_axes = _as_list(shared_axes)
        keep(self, **locals())

    def build(self, input_shape: Shape) -> None:
        shared = {a % len(input_shape) for a in self.shared_axes or ()}
        shape = [1 if i in shared else d for i, d in enumerate(input_shape)][1:]
        if None in shape:
            raise ValueError(
                f"Expected the inputs of {where(self)} to have a known size on each axis that isn't in `shared_axes`, "
                f"got the shape {tuple(input_shape)}."
            )
        self.alpha = make_weight(self, "alpha", shape)
        axes = {i: d for i, d in enumerate(input_shape) if i and i not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs)
        return ops.relu(inputs) - self.alpha.value * ops.relu(-inputs)


def _as_list(axes: int | Sequence[int] | None) -> list[int] | None:
    if axes is None:
        return None
    return [axes] if isinstance(axes, int) else [int(a) for a in axes]


class Softmax(Elementwise):
    """Exponentials, divided by their sum along an axis.

    Args:
        axis: The axis, or several.

    Call arguments:
        inputs: A tensor.
        mask: A bool tensor that broadcasts to the inputs: where it is False the result is 0. A mask that the inputs
            carry (of their first axes, such as the time steps), and one given that broadcasts as such only, is aligned
            at the first axis; where the axis of the softmax isn't one of its axes it changes nothing.

    Raises:
        ShapeError: The mask fits in neither way.

    >>> import kerasfront as keras
    >>> y = keras.layers.Softmax()(keras.ops.array([[1.0, 1.0, 1.0]]), mask=keras.ops.array([[True, True, False]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[0.5, 0.5, 0.0]]
    """

    axis: int | list[int]

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else [int(a) for a in axis]

    # A mask may have the rank of the inputs here, and is then no mask of time steps: `_aligned` tells the two apart.
    _kf_keeps_steps = False

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        if mask is not None and (aligned := _aligned(self, mask, inputs)) is not None:
            # This is large, but the sum with the largest logits doesn't overflow.
            low = -3e4 if self.compute_dtype == "float16" else -1e9
            inputs = inputs + ops.cast(ops.logical_not(aligned), self.compute_dtype) * low
        return ops.softmax(inputs, axis)


def _aligned(layer: Softmax, mask: Tensor, inputs: Tensor) -> Tensor | None:
    """Return the mask in the rank of the inputs; None where it says nothing of the softmax's axes."""
    rank, mask_rank = len(inputs.shape), len(mask.shape)
    carried = mask is scopes.get_mask(inputs)
    if mask_rank == rank or not carried and _broadcasts(tuple(mask.shape), tuple(inputs.shape)):
        if _broadcasts(tuple(mask.shape), tuple(inputs.shape)):
            return mask
    elif scopes.fits(mask, inputs, broadcast=True):
        axes = [layer.axis] if isinstance(layer.axis, int) else layer.axis
        if all(a % rank >= mask_rank for a in axes):
            return None
        return ops.expand_dims(mask, tuple(range(mask_rank, rank)))
    raise ShapeError(
        f"Expected the `mask` of {where(layer)} to broadcast to the inputs, of shape {tuple(inputs.shape)}, or "
        f"to have their first axes, got the shape {tuple(mask.shape)}."
    )


def _broadcasts(mask: tuple[int | None, ...], shape: tuple[int | None, ...]) -> bool:
    """Whether a mask's shape broadcasts to a shape as NumPy's do, aligned at the last axis."""
    pairs = zip(reversed(mask), reversed(shape), strict=False)
    return len(mask) <= len(shape) and all(m in (1, n) or m is None or n is None for m, n in pairs)
