"""Activations: the functions between the layers of a network.

Those that other ops build on are in `elementwise`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops import elementwise as e
from kerasfront.ops import reduce as r
from kerasfront.ops.declare import ACTIVATION, KEEPS_ZEROS, MAPS_VALUES, NN, Array, derived, primitive, sample, unary
from kerasfront.ops.declare.bodies import dims_of, rank_of
from kerasfront.ops.declare.op import kept_mask
from kerasfront.ops.elementwise import relu, select_where, sigmoid, tanh
from kerasfront.ops.indexing import get_item
from kerasfront.ops.shaping import split, transpose
from kerasfront.spec import dtypes, shapes
from kerasfront.spec.dtypes import FLOATING
from kerasfront.typing import Axis, Tensor, TensorLike

_X = Array((2, 3, 4))
_WIDE = (*unary(), sample(Array((4, 5), -8.0, 8.0)))


# ---- bent lines --------------------------------------------------------------------------------------------


@derived(samples=_WIDE, ref=lambda x: np.clip(x, 0, 6), elementwise=True, composite=KEEPS_ZEROS, spaces=ACTIVATION)
def relu6(x: TensorLike) -> Tensor:
    """Return `min(max(x, 0), 6)`, elementwise; the dtype stays.

    Source: Krizhevsky, Convolutional deep belief networks on CIFAR-10, 2010.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.relu6([-1.0, 2.0, 9.0])).tolist()
    [0.0, 2.0, 6.0]
    """
    return e.minimum(relu(x), 6)


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    ref=lambda x, negative_slope=0.2: np.where(x > 0, x, x * negative_slope),
    elementwise=True,
    composite=KEEPS_ZEROS,
    spaces=ACTIVATION,
)
def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """Return x where it is positive, else `negative_slope * x`, elementwise.

    Source: Maas et al., Rectifier nonlinearities improve neural network acoustic models, 2013.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.leaky_relu([-1.0, 2.0], 0.5)).tolist()
    [-0.5, 2.0]
    """
    return select_where(e.greater(x, 0), x, e.multiply(x, negative_slope))


@derived(dtype=FLOATING, samples=(*_WIDE, sample(_X, 0.5)), elementwise=True, composite=KEEPS_ZEROS, spaces=ACTIVATION)
def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """Return x where it is positive, else `alpha * (exp(x) - 1)`, elementwise.

    Source: Clevert et al., https://arxiv.org/abs/1511.07289

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.elu([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return select_where(e.greater(x, 0), x, e.multiply(e.expm1(e.minimum(x, 0)), alpha))


@derived(dtype=FLOATING, samples=_WIDE, elementwise=True, composite=KEEPS_ZEROS, spaces=ACTIVATION)
def selu(x: TensorLike) -> Tensor:
    """Return `1.0507 * elu(x, 1.6733)`, elementwise: activations keep mean 0 and variance 1 through layers.

    The exact constants are 1.0507009873554805 and 1.6732632423543772. Start kernels with LecunNormal.

    Source: Klambauer et al., https://arxiv.org/abs/1706.02515

    >>> from kerasfront import ops
    >>> round(float(ops.selu(1.0)), 4)
    1.0507
    """
    return e.multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


@derived(dtype=FLOATING, samples=(*_WIDE, sample(_X, 0.5)), elementwise=True, composite=KEEPS_ZEROS, spaces=ACTIVATION)
def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """Return `max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`, elementwise: an elu with a continuous slope.

    Source: Barron, https://arxiv.org/abs/1704.07483

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.celu([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return e.add(relu(x), e.multiply(e.expm1(e.divide(e.minimum(x, 0), alpha)), alpha))


@derived(
    dtype=FLOATING,
    samples=(*(sample(*s.args, 0.5, -1.0) for s in _WIDE),),
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=ACTIVATION,
)
def threshold(x: TensorLike, threshold: float, default_value: float) -> Tensor:
    """Return x where it is above `threshold`, else `default_value`, elementwise; nan stays.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.threshold([0.0, 2.0], 1.0, -1.0)).tolist()
    [-1.0, 2.0]
    """
    return select_where(e.less_equal(x, threshold), default_value, x)


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    ref=lambda x: np.clip(x, -1, 1),
    elementwise=True,
    composite=KEEPS_ZEROS,
    spaces=ACTIVATION,
)
def hard_tanh(x: TensorLike) -> Tensor:
    """Return x cut to [-1, 1], elementwise.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.hard_tanh([-3.0, 0.5, 3.0])).tolist()
    [-1.0, 0.5, 1.0]
    """
    return e.minimum(e.maximum(x, -1), 1)


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    ref=lambda x: np.clip(x / 6 + 0.5, 0, 1),
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=ACTIVATION,
)
def hard_sigmoid(x: TensorLike) -> Tensor:
    """Return `relu6(x + 3) / 6`, elementwise: 0 up to -3, 1 from 3 on, a line between.

    Source: https://en.wikipedia.org/wiki/Hard_sigmoid

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.hard_sigmoid([-3.0, 0.0, 3.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return e.divide(relu6(e.add(x, 3)), 6)


@derived(dtype=FLOATING, samples=_WIDE, elementwise=True, composite=KEEPS_ZEROS, spaces=ACTIVATION)
def hard_silu(x: TensorLike) -> Tensor:
    """Return `x * hard_sigmoid(x)`, elementwise, also called hard_swish.

    Source: Howard et al., Searching for MobileNetV3, https://arxiv.org/abs/1905.02244

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.hard_silu([0.0, 3.0])).tolist()
    [0.0, 3.0]
    """
    return e.multiply(x, hard_sigmoid(x))


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    ref=lambda x, threshold=0.5: np.where(np.abs(x) <= threshold, 0, x),
    elementwise=True,
    composite=KEEPS_ZEROS,
    spaces=ACTIVATION,
)
def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """Return x where its absolute value is above `threshold`, else 0, elementwise; nan stays (Keras on TensorFlow: 0).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.hard_shrink([-1.0, 0.25])).tolist()
    [-1.0, 0.0]
    """
    return select_where(e.less_equal(e.abs(x), threshold), 0, x)


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    elementwise=True,
    ref=lambda x, threshold=0.5: np.sign(x) * np.maximum(np.abs(x) - threshold, 0),
    composite=KEEPS_ZEROS,
    spaces=ACTIVATION,
)
def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """Return x moved towards 0 by `threshold`, and 0 within it, elementwise.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.soft_shrink([-1.0, 0.25, 2.0])).tolist()
    [-0.5, 0.0, 1.5]
    """
    return e.add(relu(e.subtract(x, threshold)), e.minimum(e.add(x, threshold), 0))


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    ref=lambda x: x - np.tanh(x),
    elementwise=True,
    composite=KEEPS_ZEROS,
    spaces=ACTIVATION,
)
def tanh_shrink(x: TensorLike) -> Tensor:
    """Return `x - tanh(x)`, elementwise.

    >>> from kerasfront import ops
    >>> float(ops.tanh_shrink(0.0))
    0.0
    """
    return e.subtract(x, tanh(x))


# ---- smooth ones -------------------------------------------------------------------------------------------


@derived(dtype=FLOATING, samples=(*_WIDE, sample(_X, False)), elementwise=True, composite=KEEPS_ZEROS, spaces=NN)
def gelu(x: TensorLike, approximate: bool = True) -> Tensor:
    """Return x times the probability that a standard normal variable is below x, elementwise.

    Args:
        x: A tensor.
        approximate: Whether to use the approximation by tanh,
            `0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))`, or `0.5 * x * (1 + erf(x /
            sqrt(2)))`.

    Source: Hendrycks and Gimpel, https://arxiv.org/abs/1606.08415

    >>> from kerasfront import ops
    >>> round(float(ops.gelu(1.0)), 4), round(float(ops.gelu(1.0, approximate=False)), 4)
    (0.8412, 0.8413)
    """
    if approximate:
        cubic = e.add(x, e.multiply(e.multiply(e.square(x), x), 0.044715))
        bent = tanh(e.multiply(cubic, 0.7978845608028654))
    else:
        bent = e.erf(e.multiply(x, 0.7071067811865476))
    return e.multiply(e.multiply(x, 0.5), e.add(bent, 1))


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    ref=lambda x: np.logaddexp(x, 0),
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=ACTIVATION,
)
def softplus(x: TensorLike) -> Tensor:
    """Return `log(1 + exp(x))`, elementwise, without overflow.

    Source: Dugas et al., Incorporating second-order functional knowledge for better option pricing, 2000.

    >>> from kerasfront import ops
    >>> round(float(ops.softplus(0.0)), 4), float(ops.softplus(1000.0))
    (0.6931, 1000.0)
    """
    return e.add(relu(x), e.log1p(e.exp(e.negative(e.abs(x)))))


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    ref=lambda x: -np.logaddexp(-x, 0),
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=ACTIVATION,
)
def log_sigmoid(x: TensorLike) -> Tensor:
    """Return `log(sigmoid(x))`, elementwise, without overflow.

    >>> from kerasfront import ops
    >>> float(ops.log_sigmoid(-1000.0))
    -1000.0
    """
    return e.negative(softplus(e.negative(x)))


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    ref=lambda x: x / (1 + np.abs(x)),
    elementwise=True,
    composite=KEEPS_ZEROS,
    spaces=ACTIVATION,
)
def softsign(x: TensorLike) -> Tensor:
    """Return `x / (1 + |x|)`, elementwise.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.softsign([-1.0, 3.0])).tolist()
    [-0.5, 0.75]
    """
    return e.divide(x, e.add(e.abs(x), 1))


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    ref=lambda x, b=4: (x + np.sqrt(x * x + b)) / 2,
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=ACTIVATION,
)
def squareplus(x: TensorLike, b: int = 4) -> Tensor:
    """Return `(x + sqrt(x**2 + b)) / 2`, elementwise.

    Source: Barron, https://arxiv.org/abs/2112.11687

    >>> from kerasfront import ops
    >>> float(ops.squareplus(0.0))
    1.0
    """
    return e.divide(e.add(x, e.sqrt(e.add(e.square(x), b))), 2)


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    ref=lambda x: np.where(x > 1, x, np.clip(x + 1, 0, 2) ** 2 / 4),
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=ACTIVATION,
)
def sparse_plus(x: TensorLike) -> Tensor:
    """Return 0 up to -1, `(x + 1)**2 / 4` between, x from 1 on, elementwise.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.sparse_plus([-2.0, 0.0, 3.0])).tolist()
    [0.0, 0.25, 3.0]
    """
    return e.add(relu(e.subtract(x, 1)), e.square(sparse_sigmoid(x)))


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    ref=lambda x: np.clip((x + 1) / 2, 0, 1),
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=ACTIVATION,
)
def sparse_sigmoid(x: TensorLike) -> Tensor:
    """Return 0 up to -1, 1 from 1 on, `(x + 1) / 2` between, elementwise: the derivative of `sparse_plus`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.sparse_sigmoid([-2.0, 0.0, 3.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return e.minimum(relu(e.divide(e.add(x, 1), 2)), 1)


@derived(
    dtype=FLOATING,
    samples=_WIDE,
    ref=lambda x: x * np.tanh(np.logaddexp(x, 0)),
    elementwise=True,
    spaces=("activations",),
)
def mish(x: TensorLike) -> Tensor:
    """Return `x * tanh(softplus(x))`, elementwise.

    Source: Misra, https://arxiv.org/abs/1908.08681

    >>> from kerasfront.ops.activation import mish
    >>> float(mish(0.0))
    0.0
    """
    return e.multiply(x, tanh(softplus(x)))


@derived(dtype=FLOATING, samples=(sample(_X), sample(Array((4, 3)), 0), sample(Array((0, 2)))), spaces=ACTIVATION)
def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """Return the first half of x along `axis`, times the sigmoid of the second half.

    Raises:
        ShapeError: The axis has an odd size.

    Source: Dauphin et al., https://arxiv.org/abs/1612.08083

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.glu([3.0, 0.0])).tolist()
    [1.5]
    """
    size = dims_of(x)[shapes.axis_of(axis, rank_of(x))]
    if size is not None and size % 2:
        raise ShapeError(f"glu needs an axis of even size, got axis {axis} of the shape {tuple(dims_of(x))}.")
    linear, gate = split(x, 2, axis)
    return e.multiply(linear, sigmoid(gate))


# ---- over an axis ------------------------------------------------------------------------------------------


def _over(x: Any, axis: Axis = -1) -> shapes.Shape:
    shapes.axes_of(axis, len(x.shape))
    if not x.shape:
        raise ShapeError("Expected a tensor of rank 1 or more, got a scalar.")
    return tuple(x.shape)


_ROWS = (
    sample(_X),
    sample(_X, 1),
    sample(_X, (0, 2)),
    sample(_X, None),
    sample(Array((0, 3))),
    sample(Array(values=[[1.0, -np.inf, 2.0], [1000.0, 1000.0, 0.0]])),
)


@primitive(shape=_over, dtype=FLOATING, samples=_ROWS, mask=kept_mask, spaces=ACTIVATION)
def softmax(x: TensorLike, axis: Axis = -1) -> Tensor:
    """Return `exp(x)` divided by its sum over `axis`: positive numbers that sum to 1.

    Args:
        x: A tensor of rank 1 or more.
        axis: The axis, or several; None means all.

    Returns:
        A tensor of x's shape. Elements of -inf become 0; where a whole row is -inf, it becomes nan.

    Raises:
        ShapeError: x has no such axis.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.softmax([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """


@primitive(shape=_over, dtype=FLOATING, samples=_ROWS, mask=kept_mask, spaces=ACTIVATION)
def log_softmax(x: TensorLike, axis: Axis = -1) -> Tensor:
    """Return the logarithm of `softmax(x)` over `axis`, computed without overflow.

    Args:
        x: A tensor of rank 1 or more.
        axis: The axis, or several; None means all.

    >>> from kerasfront import ops
    >>> round(float(ops.log_softmax([0.0, 1000.0])[0]), 4)
    -1000.0
    """


@derived(dtype=FLOATING, samples=(sample(_X), sample(_X, 1), sample(Array((5,), -6.0, 6.0))), spaces=ACTIVATION)
def sparsemax(x: TensorLike, axis: int = -1) -> Tensor:
    """Return the point of the probability simplex that is nearest to x along `axis`; many of its elements are 0.

    Source: Martins and Astudillo, https://arxiv.org/abs/1602.02068

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.sparsemax([0.0, 0.5, 3.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    # An element is in the support where its distances to all larger elements sum to less than 1. This takes no
    # sorting, but memory of the square of the axis.
    axis = shapes.axis_of(axis, rank_of(x))
    rank = rank_of(x)
    order = [i for i in range(rank) if i != axis] + [axis]
    z = _transpose(x, order)
    rows, columns = get_item(z, (Ellipsis, slice(None), None)), get_item(z, (Ellipsis, None, slice(None)))
    above = r.sum(relu(e.subtract(columns, rows)), -1)
    support = select_where(e.less(above, 1), e.add(e.multiply(z, 0), 1), 0)
    count = r.sum(support, -1, keepdims=True)
    tau = e.divide(e.subtract(r.sum(select_where(e.less(above, 1), z, 0), -1, keepdims=True), 1), count)
    back = [order.index(i) for i in range(rank)]
    return _transpose(relu(e.subtract(z, tau)), back)


def _transpose(x: Any, order: list[int]) -> Any:
    from_order = tuple(order)
    return x if from_order == tuple(range(len(order))) else transpose(x, from_order)


# ---- complex -----------------------------------------------------------------------------------------------


def _float_pair(*names: str) -> str:
    return "float64" if dtypes.floating(*names) == "float64" else "float32"


_POLAR = dtypes.Rule(
    _float_pair, lambda operand, arguments: "complex128" if operand == "float64" else "complex64", "polar"
)


@primitive(
    shape=lambda abs_, angle: shapes.broadcast(abs_, angle),
    dtype=_POLAR,
    differentiable=False,
    samples=(sample(Array((3, 4), 0.0), Array((3, 4))), sample(Array((3, 1), 0.0), Array((4,)))),
    ref=lambda abs_, angle: abs_ * np.exp(1j * angle),
    spaces=NN,
)
def polar(abs_: TensorLike, angle: TensorLike) -> Tensor:
    """Return the complex numbers of absolute value `abs_` and argument `angle`, in radians, elementwise.

    >>> from kerasfront import ops
    >>> complex(ops.convert_to_numpy(ops.polar(2.0, 0.0)))
    (2+0j)
    """


hard_swish = hard_silu
