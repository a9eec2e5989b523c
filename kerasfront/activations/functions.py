"""The activations that aren't ops, or whose arguments differ from the op's."""

from __future__ import annotations

from kerasfront import ops
from kerasfront.ops.declare import public
from kerasfront.ops.declare.bodies import as_tensor
from kerasfront.typing import Tensor, TensorLike


@public("activations")
def linear(x: TensorLike) -> Tensor:
    """Return x itself: no activation.

    >>> import kerasfront as keras
    >>> keras.activations.linear(2.0)
    2.0
    """
    return as_tensor(x)


@public("activations")
def exponential(x: TensorLike) -> Tensor:
    """Return `exp(x)`, elementwise.

    >>> import kerasfront as keras
    >>> round(float(keras.activations.exponential(1.0)), 4)
    2.7183
    """
    return ops.exp(x)


@public("activations")
def gelu(x: TensorLike, approximate: bool = False) -> Tensor:
    """Return the Gaussian error linear unit, exact by default; `ops.gelu` approximates by default.

    Source: Hendrycks and Gimpel, https://arxiv.org/abs/1606.08415

    >>> import kerasfront as keras
    >>> round(float(keras.activations.gelu(1.0)), 4)
    0.8413
    """
    return ops.gelu(x, approximate=approximate)


@public("activations")
def relu(x: TensorLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """Return the rectified linear unit, with a slope below `threshold` and an upper limit.

    Args:
        x: A tensor.
        negative_slope: The slope below the threshold.
        max_value: The largest value of the result; None: no limit.
        threshold: Below it, the result is `negative_slope * (x - threshold)`.

    >>> import kerasfront as keras
    >>> keras.ops.convert_to_numpy(keras.activations.relu([-2.0, 3.0, 9.0], negative_slope=0.5, max_value=6)).tolist()
    [-1.0, 3.0, 6.0]
    """
    if negative_slope == 0.0 and threshold == 0.0:
        return ops.relu(x) if max_value is None else ops.relu6(x) if max_value == 6 else ops.clip(x, 0.0, max_value)
    x = ops.convert_to_tensor(x)
    y = ops.where(x >= threshold, x, ops.multiply(ops.subtract(x, threshold), negative_slope))
    return y if max_value is None else ops.minimum(y, max_value)
