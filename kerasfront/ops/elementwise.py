"""Elementwise ops: each element of the result depends on the same element of the (broadcast) inputs."""

from __future__ import annotations

import builtins
import math
from statistics import NormalDist
from typing import Any

import ml_dtypes
import numpy as np

from kerasfront.ops.core import cast, dtype_of
from kerasfront.ops.declare import (
    ACTIVATION,
    INTERNAL,
    KEEPS_ZEROS,
    LIKE_ALL,
    LIKE_ANY,
    MAPS_VALUES,
    NN,
    NUMPY,
    QUOTIENT,
    Array,
    Condition,
    Indices,
    binary,
    derived,
    primitive,
    sample,
    unary,
)
from kerasfront.ops.declare.bodies import as_tensor
from kerasfront.spec import dtypes
from kerasfront.spec.dtypes import ABSOLUTE, BOOLEAN, FLOATING, LOGICAL, NUMERIC, PROMOTE, fixed
from kerasfront.spec.shapes import broadcast, same
from kerasfront.typing import Tensor, TensorLike

# ---- arithmetic ---------------------------------------------------------------------------------------------------


@primitive(
    shape=broadcast, dtype=PROMOTE, samples=binary(), ref=np.add, elementwise=True, composite=LIKE_ALL, spaces=NUMPY
)
def add(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the sum `x1 + x2`, elementwise with broadcasting; the logical or of booleans.

    Args:
        x1: A tensor or a Python scalar.
        x2: A tensor or a Python scalar, of a shape that broadcasts with x1's.

    Returns:
        A tensor of the broadcast shape and the promoted dtype.

    Raises:
        ShapeError: The shapes don't broadcast.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.add([1.0, 2.0], 3)).tolist()
    [4.0, 5.0]
    """


@primitive(
    shape=broadcast,
    dtype=PROMOTE,
    samples=binary(),
    ref=lambda a, b: a ^ b if a.dtype == bool else a - b,
    elementwise=True,
    composite=LIKE_ALL,
    spaces=NUMPY,
)
def subtract(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the difference `x1 - x2`, elementwise with broadcasting.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.subtract([5, 1], 2)).tolist()
    [3, -1]
    """


@primitive(
    shape=broadcast,
    dtype=PROMOTE,
    samples=binary(),
    ref=np.multiply,
    elementwise=True,
    composite=LIKE_ANY,
    spaces=NUMPY,
)
def multiply(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the product `x1 * x2`, elementwise with broadcasting; the logical and of booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.multiply([1, 2], [3, 4])).tolist()
    [3, 8]
    """


@primitive(
    shape=broadcast,
    dtype=FLOATING,
    samples=binary(low2=0.5),
    ref=np.true_divide,
    elementwise=True,
    composite=QUOTIENT,
    spaces=NUMPY,
)
def divide(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the quotient `x1 / x2`, elementwise with broadcasting; integers give floats (`floatx()`).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.divide([1, 6], 4)).tolist()
    [0.25, 1.5]
    """


@primitive(shape=broadcast, dtype=NUMERIC, samples=binary(0.5, 3.0), ref=np.power, elementwise=True, spaces=NUMPY)
def power(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return `x1` raised to `x2`, elementwise with broadcasting.

    An integer raised to a negative integer is the quotient truncated towards 0, and 0 for 0: `2 ** -1` is 0 and
    `(-1) ** -1` is -1 on every backend (Keras: undefined, or an error).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.power([2, 3], 2)).tolist()
    [4, 9]
    """


@primitive(shape=broadcast, dtype=PROMOTE, samples=binary(), ref=np.maximum, elementwise=True, spaces=NUMPY)
def maximum(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the larger of x1 and x2, elementwise with broadcasting; nan where either is nan.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.maximum([1, 5], 3)).tolist()
    [3, 5]
    """


@primitive(shape=broadcast, dtype=PROMOTE, samples=binary(), ref=np.minimum, elementwise=True, spaces=NUMPY)
def minimum(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the smaller of x1 and x2, elementwise with broadcasting; nan where either is nan.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.minimum([1, 5], 3)).tolist()
    [1, 3]
    """


@primitive(
    shape=broadcast, dtype=NUMERIC, samples=binary(low2=1.0), ref=np.floor_divide, elementwise=True, spaces=NUMPY
)
def floor_divide(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the largest whole number not above `x1 / x2`, elementwise with broadcasting; 0 for integers divided by 0.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.floor_divide([7, -7], 2)).tolist()
    [3, -4]
    """


@primitive(
    shape=same, dtype=NUMERIC, samples=unary(), ref=np.negative, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY
)
def negative(x: TensorLike) -> Tensor:
    """Return `-x`, elementwise.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.negative([1, -2])).tolist()
    [-1, 2]
    """


@primitive(
    shape=same,
    dtype=ABSOLUTE,
    samples=unary(),
    ref=np.abs,
    elementwise=True,
    name="abs",
    composite=KEEPS_ZEROS,
    spaces=NUMPY,
)
def absolute(x: TensorLike) -> Tensor:
    """Return the absolute value of x, elementwise; the magnitude of complex numbers, of the real dtype.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.abs([-1, 2])).tolist()
    [1, 2]
    """


@primitive(
    shape=same, dtype=NUMERIC, samples=unary(), ref=np.square, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY
)
def square(x: TensorLike) -> Tensor:
    """Return `x * x`, elementwise.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.square([2, -3])).tolist()
    [4, 9]
    """


@primitive(
    shape=same, dtype=NUMERIC, samples=unary(), ref=np.sign, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY
)
def sign(x: TensorLike) -> Tensor:
    """Return -1, 0 or 1 by the sign of x, elementwise.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.sign([-3.0, 0.0, 2.0])).tolist()
    [-1.0, 0.0, 1.0]
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(0.1, 4.0),
    ref=np.sqrt,
    elementwise=True,
    composite=KEEPS_ZEROS,
    spaces=NUMPY,
)
def sqrt(x: TensorLike) -> Tensor:
    """Return the square root of x, elementwise.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.sqrt([4.0, 9.0])).tolist()
    [2.0, 3.0]
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(0.1, 4.0),
    ref=lambda x: 1 / np.sqrt(x),
    elementwise=True,
    composite=MAPS_VALUES,
)
def rsqrt(x: TensorLike) -> Tensor:
    """Return `1 / sqrt(x)`, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.rsqrt(4.0)):.4f}")
    0.5000
    """


@primitive(
    shape=same, dtype=FLOATING, samples=unary(), ref=np.exp, elementwise=True, composite=MAPS_VALUES, spaces=NUMPY
)
def exp(x: TensorLike) -> Tensor:
    """Return e raised to x, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.exp(1.0)):.4f}")
    2.7183
    """


@primitive(
    shape=same, dtype=FLOATING, samples=unary(), ref=np.expm1, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY
)
def expm1(x: TensorLike) -> Tensor:
    """Return `exp(x) - 1`, elementwise, exact near 0.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.expm1(1.0)):.4f}")
    1.7183
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(0.1, 4.0),
    ref=np.log,
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=NUMPY,
)
def log(x: TensorLike) -> Tensor:
    """Return the natural logarithm of x, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.log(10.0)):.4f}")
    2.3026
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(-0.9, 4.0),
    ref=np.log1p,
    elementwise=True,
    composite=KEEPS_ZEROS,
    spaces=NUMPY,
)
def log1p(x: TensorLike) -> Tensor:
    """Return `log(1 + x)`, elementwise, exact near 0.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.log1p(1.0)):.4f}")
    0.6931
    """


@primitive(
    shape=same, dtype=FLOATING, samples=unary(), ref=np.sin, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY
)
def sin(x: TensorLike) -> Tensor:
    """Return the sine of x (radians), elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.sin(1.0)):.4f}")
    0.8415
    """


@primitive(
    shape=same, dtype=FLOATING, samples=unary(), ref=np.cos, elementwise=True, composite=MAPS_VALUES, spaces=NUMPY
)
def cos(x: TensorLike) -> Tensor:
    """Return the cosine of x (radians), elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.cos(1.0)):.4f}")
    0.5403
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(),
    ref=np.tanh,
    elementwise=True,
    composite=KEEPS_ZEROS,
    spaces=("ops", "ops.numpy", "activations"),
)
def tanh(x: TensorLike) -> Tensor:
    """Return the hyperbolic tangent of x, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.tanh(1.0)):.4f}")
    0.7616
    """


@primitive(shape=same, samples=unary(), ref=np.floor, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY)
def floor(x: TensorLike) -> Tensor:
    """Return the largest whole number not above x, elementwise; integers stay (Keras: become `floatx()`).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.floor([1.2, -1.2])).tolist()
    [1.0, -2.0]
    """


@primitive(shape=same, samples=unary(), ref=np.ceil, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY)
def ceil(x: TensorLike) -> Tensor:
    """Return the smallest whole number not below x, elementwise; integers stay (Keras: become `floatx()`).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.ceil([1.2, -1.2])).tolist()
    [2.0, -1.0]
    """


# ---- comparison and logic -----------------------------------------------------------------------------------------


@primitive(shape=broadcast, dtype=BOOLEAN, samples=binary(), ref=np.equal, elementwise=True, spaces=NUMPY)
def equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return whether x1 equals x2, elementwise with broadcasting, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.equal([1, 2], 2)).tolist()
    [False, True]
    """


@primitive(shape=broadcast, dtype=BOOLEAN, samples=binary(), ref=np.not_equal, elementwise=True, spaces=NUMPY)
def not_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return whether x1 differs from x2, elementwise with broadcasting, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.not_equal([1, 2], 2)).tolist()
    [True, False]
    """


@primitive(shape=broadcast, dtype=BOOLEAN, samples=binary(), ref=np.less, elementwise=True, spaces=NUMPY)
def less(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return whether `x1 < x2`, elementwise with broadcasting, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.less([1, 2], 2)).tolist()
    [True, False]
    """


@primitive(shape=broadcast, dtype=BOOLEAN, samples=binary(), ref=np.less_equal, elementwise=True, spaces=NUMPY)
def less_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return whether `x1 <= x2`, elementwise with broadcasting, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.less_equal([1, 2], 2)).tolist()
    [True, True]
    """


@primitive(shape=broadcast, dtype=BOOLEAN, samples=binary(), ref=np.greater, elementwise=True, spaces=NUMPY)
def greater(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return whether `x1 > x2`, elementwise with broadcasting, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.greater([1, 2], 1)).tolist()
    [False, True]
    """


@primitive(shape=broadcast, dtype=BOOLEAN, samples=binary(), ref=np.greater_equal, elementwise=True, spaces=NUMPY)
def greater_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return whether `x1 >= x2`, elementwise with broadcasting, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.greater_equal([1, 2], 2)).tolist()
    [False, True]
    """


@primitive(shape=broadcast, dtype=LOGICAL, samples=binary(), ref=np.logical_and, elementwise=True, spaces=NUMPY)
def logical_and(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return whether x1 and x2 are both true (not 0), elementwise with broadcasting, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.logical_and([1, 0, 2], [1, 1, 0])).tolist()
    [True, False, False]
    """


@primitive(shape=broadcast, dtype=LOGICAL, samples=binary(), ref=np.logical_or, elementwise=True, spaces=NUMPY)
def logical_or(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return whether x1 or x2 is true (not 0), elementwise with broadcasting, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.logical_or([1, 0, 0], [1, 1, 0])).tolist()
    [True, True, False]
    """


@primitive(
    shape=same,
    dtype=LOGICAL,
    samples=unary(),
    ref=np.logical_not,
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=NUMPY,
)
def logical_not(x: TensorLike) -> Tensor:
    """Return whether x is false (0), elementwise, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.logical_not([0, 2])).tolist()
    [True, False]
    """


@primitive(
    shape=broadcast,
    dtype=PROMOTE,
    samples=(sample(Array((3, 4), dtype="bool"), Array((3, 1)), Array((4,))),),
    ref=np.where,
    elementwise=True,
    name="select_where",
    spaces=INTERNAL,
)
def select_where(condition: Condition, x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return x1 where `condition` is true, else x2; all three broadcast. `where` calls this with three arguments.

    >>> from kerasfront import ops
    >>> from kerasfront.ops.elementwise import select_where
    >>> ops.convert_to_numpy(select_where([True, False], [1, 2], [3, 4])).tolist()
    [1, 4]
    """


# ---- more arithmetic ----------------------------------------------------------------------------------------------


@primitive(shape=broadcast, dtype=NUMERIC, samples=binary(low2=1.0), ref=np.mod, elementwise=True, spaces=NUMPY)
def mod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return what is left of `x1 / x2` after `floor_divide`, elementwise with broadcasting; it has the sign of x2.

    Integers divided by 0 leave 0 on every backend.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.mod([5, -5], 3)).tolist()
    [2, 1]
    """


@primitive(shape=broadcast, dtype=NUMERIC, samples=binary(low2=1.0), ref=np.fmod, elementwise=True, spaces=NUMPY)
def fmod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return what is left of `x1 / x2` after truncation, elementwise with broadcasting; it has the sign of x1.

    Integers divided by 0 leave 0 on every backend.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.fmod([5, -5], 3)).tolist()
    [2, -2]
    """


@derived(
    dtype=FLOATING, samples=unary(0.5, 3.0), ref=np.reciprocal, elementwise=True, composite=MAPS_VALUES, spaces=NUMPY
)
def reciprocal(x: TensorLike) -> Tensor:
    """Return `1 / x`, elementwise; integers give floats (`floatx()`).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.reciprocal([2.0, 4.0])).tolist()
    [0.5, 0.25]
    """
    return divide(1, x)


@derived(dtype=FLOATING, samples=binary(), elementwise=True, spaces=NUMPY)
def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return `x1 / x2`, and 0 where x2 is 0, elementwise with broadcasting. The gradients there are 0.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.divide_no_nan([1.0, 4.0], [0.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    zero = equal(x2, 0)
    return select_where(zero, 0, divide(x1, select_where(zero, 1, x2)))


@primitive(
    shape=broadcast,
    dtype=NUMERIC,
    elementwise=True,
    ref=np.clip,
    samples=(
        sample(Array((3, 4)), 0, 1),
        sample(Array((3, 4)), Array((4,), -2, -1), Array((3, 1), 0, 1)),
        sample(Array((3, 4)), None, 1),
        sample(Array((3, 4)), Array((4,)), None),
    ),
    composite=MAPS_VALUES,
    spaces=NUMPY,
)
def clip(x: TensorLike, x_min: TensorLike | None, x_max: TensorLike | None) -> Tensor:
    """Return x limited to the range from `x_min` to `x_max`, which may be tensors that broadcast with x.

    A bound of None is no limit.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.clip([-2.0, 0.5, 3.0], 0, 1)).tolist()
    [0.0, 0.5, 1.0]
    """


@derived(
    dtype=FLOATING,
    samples=unary(),
    ref=np.fabs,
    elementwise=True,
    dtypes_tested=dtypes.FLOATS,
    composite=KEEPS_ZEROS,
    spaces=NUMPY,
)
def fabs(x: TensorLike) -> Tensor:
    """Return the absolute value of x, as a float, elementwise.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.fabs([-1, 2])).tolist()
    [1.0, 2.0]
    """
    return absolute(x)


@derived(dtype=PROMOTE, samples=binary(), ref=np.fmax, elementwise=True, spaces=NUMPY)
def fmax(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the larger of x1 and x2, elementwise with broadcasting; where one is nan, the other.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.fmax([1.0, float("nan")], 0.5)).tolist()
    [1.0, 0.5]
    """
    return select_where(isnan(x1), x2, select_where(isnan(x2), x1, maximum(x1, x2)))


@derived(dtype=PROMOTE, samples=binary(), ref=np.fmin, elementwise=True, spaces=NUMPY)
def fmin(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the smaller of x1 and x2, elementwise with broadcasting; where one is nan, the other.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.fmin([1.0, float("nan")], 0.5)).tolist()
    [0.5, 0.5]
    """
    return select_where(isnan(x1), x2, select_where(isnan(x2), x1, minimum(x1, x2)))


@primitive(
    shape=broadcast,
    dtype=NUMERIC,
    samples=binary(0, 12),
    ref=np.gcd,
    elementwise=True,
    dtypes_tested=("uint8", "int32", "int64"),
    spaces=NUMPY,
)
def gcd(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the greatest common divisor of integers, elementwise with broadcasting; never negative.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.gcd([12, -8, 0], [18, 12, 5])).tolist()
    [6, 4, 5]
    """


@derived(
    dtype=NUMERIC,
    samples=binary(0, 12),
    ref=np.lcm,
    elementwise=True,
    dtypes_tested=("uint8", "int32", "int64"),
    spaces=NUMPY,
)
def lcm(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the least common multiple of integers, elementwise with broadcasting; 0 where one of them is 0.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.lcm([4, 0], [6, 3])).tolist()
    [12, 0]
    """
    divisor = gcd(x1, x2)
    return absolute(multiply(floor_divide(x1, maximum(divisor, 1)), x2))


@derived(dtype=FLOATING, samples=binary(), elementwise=True, ref=np.hypot, spaces=NUMPY)
def hypot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return `sqrt(x1² + x2²)`, elementwise with broadcasting, without overflow; infinite where x1 or x2 is.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.hypot([3.0, 0.0], [4.0, 0.0])).tolist()
    [5.0, 0.0]
    """
    a, b = absolute(x1), absolute(x2)
    infinite = logical_or(isinf(a), isinf(b))
    longer, shorter = maximum(a, b), minimum(a, b)
    plain = logical_not(logical_or(equal(longer, 0), infinite))
    scale = select_where(plain, longer, 1)
    length = multiply(scale, sqrt(add(square(divide(select_where(plain, shorter, 0), scale)), 1)))
    return select_where(infinite, math.inf, select_where(plain, length, longer))


@primitive(
    shape=broadcast,
    dtype=FLOATING,
    samples=binary(),
    ref=np.nextafter,
    elementwise=True,
    differentiable=False,
    dtypes_tested=("float32", "float64"),
    spaces=NUMPY,
)
def nextafter(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the float next to x1 in the direction of x2, elementwise with broadcasting.

    >>> from kerasfront import ops
    >>> float(ops.nextafter(1.0, 2.0)) > 1.0
    True
    """


@derived(
    dtype=FLOATING,
    samples=(sample(Array((3, 4)), Array((4,), -3, 3, dtype="int32")),),
    ref=np.ldexp,
    elementwise=True,
    dtypes_tested=("float32", "float64"),
    spaces=NUMPY,
)
def ldexp(x1: TensorLike, x2: Indices) -> Tensor:
    """Return `x1 * 2 ** x2` for integers x2, elementwise with broadcasting.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.ldexp([0.5, 1.5], [1, 3])).tolist()
    [1.0, 12.0]
    """
    # In two steps: 2 ** x2 alone may be out of range where the result is not.
    half = floor_divide(x2, 2)
    name = dtype_of(x1)
    return multiply(multiply(x1, exp2(cast(half, name))), exp2(cast(subtract(x2, half), name)))


@derived(dtype=FLOATING, samples=binary(), ref=np.heaviside, elementwise=True, spaces=NUMPY)
def heaviside(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return 0 where x1 is negative, 1 where positive, x2 where x1 is 0, elementwise with broadcasting; nan stays.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.heaviside([-1.0, 0.0, 2.0], 0.5)).tolist()
    [0.0, 0.5, 1.0]
    """
    step = select_where(equal(x1, 0), x2, cast(greater(x1, 0), dtype_of(x1)))
    return select_where(isnan(x1), x1, step)


@primitive(shape=same, samples=unary(), ref=np.trunc, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY)
def trunc(x: TensorLike) -> Tensor:
    """Return the whole number next to x towards 0, elementwise; integers stay.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.trunc([1.7, -1.7])).tolist()
    [1.0, -1.0]
    """


@primitive(shape=same, samples=unary(), ref=np.rint, elementwise=True, composite=KEEPS_ZEROS, spaces=INTERNAL)
def rint(x: TensorLike) -> Tensor:
    """Return the nearest whole number, the even one of two, elementwise; integers stay. `round` calls this.

    >>> from kerasfront import ops
    >>> from kerasfront.ops.elementwise import rint
    >>> ops.convert_to_numpy(rint([0.5, 1.5, 2.6])).tolist()
    [0.0, 2.0, 3.0]
    """


@derived(
    samples=(*unary(), sample(Array((3, 4), -200, 200), -1), sample(Array((3, 4)), decimals=1)),
    ref=np.round,
    elementwise=True,
    dtypes_tested=(*dtypes.INTEGERS, *dtypes.FLOATS),
    composite=KEEPS_ZEROS,
    spaces=NUMPY,
)
def round(x: TensorLike, decimals: int = 0) -> Tensor:
    """Return x rounded to `decimals` decimal places (negative: to tens, hundreds, ...); the even neighbour of two.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.round([0.5, 1.5, 2.4])).tolist()
    [0.0, 2.0, 2.0]
    >>> ops.convert_to_numpy(ops.round([15, 26], -1)).tolist()
    [20, 30]
    """
    if dtype_of(x) == "bool" or (dtypes.is_int(dtype_of(x)) and decimals >= 0):
        return as_tensor(x)
    if dtypes.is_int(dtype_of(x)):
        unit = 10**-decimals
        low = floor_divide(x, unit)
        twice = multiply(subtract(x, multiply(low, unit)), 2)
        up = logical_or(greater(twice, unit), logical_and(equal(twice, unit), equal(mod(low, 2), 1)))
        return multiply(add(low, cast(up, dtype_of(x))), unit)
    if decimals == 0:
        return rint(x)
    name, scale = dtype_of(x), 10.0 ** builtins.abs(decimals)
    if name in ("float16", "bfloat16"):
        # Scaled in half precision, a number may be rounded to the other side of a half.
        return cast(round(cast(x, "float32"), decimals), name)
    return divide(rint(multiply(x, scale)), scale) if decimals > 0 else multiply(rint(divide(x, scale)), scale)


# ---- exponentials, angles and special functions -------------------------------------------------------------------


@primitive(
    shape=same, dtype=FLOATING, samples=unary(), ref=np.exp2, elementwise=True, composite=MAPS_VALUES, spaces=NUMPY
)
def exp2(x: TensorLike) -> Tensor:
    """Return 2 raised to x, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.exp2(3.0)):.4f}")
    8.0000
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(0.1, 4.0),
    ref=np.log2,
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=NUMPY,
)
def log2(x: TensorLike) -> Tensor:
    """Return the logarithm of x to the base 2, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.log2(8.0)):.4f}")
    3.0000
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(0.1, 4.0),
    ref=np.log10,
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=NUMPY,
)
def log10(x: TensorLike) -> Tensor:
    """Return the logarithm of x to the base 10, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.log10(1000.0)):.4f}")
    3.0000
    """


@derived(
    dtype=FLOATING,
    samples=unary(0.1, 4.0),
    ref=np.cbrt,
    elementwise=True,
    dtypes_tested=dtypes.FLOATS,
    composite=KEEPS_ZEROS,
    spaces=NUMPY,
)
def cbrt(x: TensorLike) -> Tensor:
    """Return the cube root of x, elementwise; negative for negative x.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.cbrt(27.0)):.4f}")
    3.0000
    """
    return multiply(sign(x), power(absolute(x), 1 / 3))


@derived(dtype=FLOATING, samples=binary(), ref=np.logaddexp, elementwise=True, spaces=NUMPY)
def logaddexp(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return `log(exp(x1) + exp(x2))`, elementwise with broadcasting, without overflow.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.logaddexp(1.0, 2.0)):.4f}")
    2.3133
    """
    return add(maximum(x1, x2), log1p(exp(_minus_gap(x1, x2))))


def _minus_gap(x1: Any, x2: Any) -> Any:
    """Return `-abs(x1 - x2)`, and 0 for equal infinities."""
    gap = subtract(x1, x2)
    return negative(absolute(select_where(isnan(gap), 0, gap)))


@derived(dtype=FLOATING, samples=binary(), ref=np.logaddexp2, elementwise=True, spaces=NUMPY)
def logaddexp2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return `log2(2 ** x1 + 2 ** x2)`, elementwise with broadcasting, without overflow.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.logaddexp2(1.0, 2.0)):.4f}")
    2.5850
    """
    return add(maximum(x1, x2), divide(log1p(exp2(_minus_gap(x1, x2))), math.log(2)))


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(-1.2, 1.2),
    ref=np.tan,
    elementwise=True,
    composite=KEEPS_ZEROS,
    spaces=NUMPY,
)
def tan(x: TensorLike) -> Tensor:
    """Return the tangent of x (radians), elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.tan(1.0)):.4f}")
    1.5574
    """


@primitive(
    shape=same, dtype=FLOATING, samples=unary(), ref=np.sinh, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY
)
def sinh(x: TensorLike) -> Tensor:
    """Return the hyperbolic sine of x, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.sinh(1.0)):.4f}")
    1.1752
    """


@primitive(
    shape=same, dtype=FLOATING, samples=unary(), ref=np.cosh, elementwise=True, composite=MAPS_VALUES, spaces=NUMPY
)
def cosh(x: TensorLike) -> Tensor:
    """Return the hyperbolic cosine of x, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.cosh(1.0)):.4f}")
    1.5431
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(-0.9, 0.9),
    ref=np.arcsin,
    elementwise=True,
    composite=KEEPS_ZEROS,
    spaces=NUMPY,
)
def arcsin(x: TensorLike) -> Tensor:
    """Return the angle (radians, from -pi/2 to pi/2) whose sine is x, elementwise; nan outside -1 to 1.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.arcsin(0.5)):.4f}")
    0.5236
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(-0.9, 0.9),
    ref=np.arccos,
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=NUMPY,
)
def arccos(x: TensorLike) -> Tensor:
    """Return the angle (radians, from 0 to pi) whose cosine is x, elementwise; nan outside -1 to 1.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.arccos(0.5)):.4f}")
    1.0472
    """


@primitive(
    shape=same, dtype=FLOATING, samples=unary(), ref=np.arctan, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY
)
def arctan(x: TensorLike) -> Tensor:
    """Return the angle (radians, from -pi/2 to pi/2) whose tangent is x, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.arctan(1.0)):.4f}")
    0.7854
    """


@primitive(shape=broadcast, dtype=FLOATING, samples=binary(0.2, 2.0), ref=np.arctan2, elementwise=True, spaces=NUMPY)
def arctan2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the angle (radians, from -pi to pi) of the point with the ordinate x1 and the abscissa x2, elementwise.

    >>> from kerasfront import ops
    >>> [f"{v:.4f}" for v in ops.convert_to_numpy(ops.arctan2([0.0, 1.0], [1.0, 0.0]))]
    ['0.0000', '1.5708']
    """


@primitive(
    shape=same, dtype=FLOATING, samples=unary(), ref=np.arcsinh, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY
)
def arcsinh(x: TensorLike) -> Tensor:
    """Return the number whose hyperbolic sine is x, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.arcsinh(1.0)):.4f}")
    0.8814
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(1.1, 4.0),
    ref=np.arccosh,
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=NUMPY,
)
def arccosh(x: TensorLike) -> Tensor:
    """Return the number, not negative, whose hyperbolic cosine is x, elementwise; nan below 1.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.arccosh(2.0)):.4f}")
    1.3170
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(-0.9, 0.9),
    ref=np.arctanh,
    elementwise=True,
    composite=KEEPS_ZEROS,
    spaces=NUMPY,
)
def arctanh(x: TensorLike) -> Tensor:
    """Return the number whose hyperbolic tangent is x, elementwise; nan outside -1 to 1.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.arctanh(0.5)):.4f}")
    0.5493
    """


@derived(dtype=FLOATING, samples=unary(), ref=np.deg2rad, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY)
def deg2rad(x: TensorLike) -> Tensor:
    """Return degrees in radians, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.deg2rad(180.0)):.4f}")
    3.1416
    """
    return multiply(x, math.pi / 180)


@derived(dtype=FLOATING, samples=unary(), ref=np.rad2deg, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY)
def rad2deg(x: TensorLike) -> Tensor:
    """Return radians in degrees, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.rad2deg(3.14159265)):.4f}")
    180.0000
    """
    return multiply(x, 180 / math.pi)


@derived(dtype=FLOATING, samples=unary(), ref=np.sinc, elementwise=True, spaces=NUMPY)
def sinc(x: TensorLike) -> Tensor:
    """Return `sin(pi x) / (pi x)`, and 1 at 0, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.sinc(0.5)):.4f}")
    0.6366
    """
    zero = equal(x, 0)
    angle = multiply(select_where(zero, 1, x), math.pi)
    return select_where(zero, 1, divide(sin(angle), angle))


def _each(function: Any) -> Any:
    return np.vectorize(function, otypes=[float])


@primitive(shape=same, dtype=FLOATING, samples=unary(), ref=_each(math.erf), elementwise=True, composite=KEEPS_ZEROS)
def erf(x: TensorLike) -> Tensor:
    """Return the error function, `2 / sqrt(pi)` times the integral of `exp(-t²)` from 0 to x, elementwise.

    >>> from kerasfront import ops
    >>> f"{float(ops.erf(1.0)):.4f}"
    '0.8427'
    """


@primitive(shape=same, dtype=FLOATING, samples=unary(), ref=_each(math.erfc), elementwise=True, composite=MAPS_VALUES)
def erfc(x: TensorLike) -> Tensor:
    """Return `1 - erf(x)`, elementwise, exact for large x.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.erfc(0.5)):.4f}")
    0.4795
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(-0.9, 0.9),
    elementwise=True,
    ref=_each(lambda x: NormalDist().inv_cdf((x + 1) / 2) / math.sqrt(2) if x < 1 else math.inf),
    composite=KEEPS_ZEROS,
)
def erfinv(x: TensorLike) -> Tensor:
    """Return the number whose `erf` is x, elementwise; infinite at -1 and 1, nan beyond.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.erfinv(0.5)):.4f}")
    0.4769
    """


@primitive(shape=same, dtype=FLOATING, samples=unary(), ref=np.i0, elementwise=True, spaces=NUMPY)
def i0(x: TensorLike) -> Tensor:
    """Return the modified Bessel function of the first kind and order 0, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.i0(1.0)):.4f}")
    1.2661
    """


# ---- what kind of number ------------------------------------------------------------------------------------------


@primitive(
    shape=same,
    dtype=fixed("bool"),
    samples=unary(),
    ref=np.isnan,
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=NUMPY,
)
def isnan(x: TensorLike) -> Tensor:
    """Return whether x is not a number, elementwise, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.isnan([1.0, float("nan")])).tolist()
    [False, True]
    """


@primitive(
    shape=same,
    dtype=fixed("bool"),
    samples=unary(),
    ref=np.isinf,
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=NUMPY,
)
def isinf(x: TensorLike) -> Tensor:
    """Return whether x is infinite, elementwise, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.isinf([1.0, float("inf")])).tolist()
    [False, True]
    """


@primitive(
    shape=same,
    dtype=fixed("bool"),
    samples=unary(),
    ref=np.isfinite,
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=NUMPY,
)
def isfinite(x: TensorLike) -> Tensor:
    """Return whether x is neither infinite nor nan, elementwise, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.isfinite([1.0, float("inf")])).tolist()
    [True, False]
    """


@derived(samples=unary(), ref=np.isposinf, elementwise=True, spaces=NUMPY)
def isposinf(x: TensorLike) -> Tensor:
    """Return whether x is +infinity, elementwise, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.isposinf([float("-inf"), float("inf")])).tolist()
    [False, True]
    """
    return logical_and(isinf(x), greater(x, 0))


@derived(samples=unary(), ref=np.isneginf, elementwise=True, spaces=NUMPY)
def isneginf(x: TensorLike) -> Tensor:
    """Return whether x is -infinity, elementwise, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.isneginf([float("-inf"), float("inf")])).tolist()
    [True, False]
    """
    return logical_and(isinf(x), less(x, 0))


@derived(samples=unary(), ref=np.isreal, elementwise=True, spaces=NUMPY)
def isreal(x: TensorLike) -> Tensor:
    """Return whether x has no imaginary part, elementwise, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.isreal([1.0 + 2.0j, 3.0 + 0.0j])).tolist()
    [False, True]
    """
    return equal(imag(x), 0)


@primitive(shape=same, dtype=fixed("bool"), samples=unary(), ref=np.signbit, elementwise=True, spaces=NUMPY)
def signbit(x: TensorLike) -> Tensor:
    """Return whether x is negative, -0.0 included, elementwise, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.signbit([-1.0, 2.0])).tolist()
    [True, False]
    """


@derived(dtype=FLOATING, samples=binary(), ref=np.isclose, elementwise=True, spaces=NUMPY)
def isclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Return whether `|x1 - x2| <= atol + rtol * |x2|`, elementwise with broadcasting, as booleans.

    Infinities are close to those of their sign only, nans to each other if `equal_nan`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.isclose([1.0, float("inf")], [1.0000001, float("inf")])).tolist()
    [True, True]
    """
    finite = logical_and(isfinite(x1), isfinite(x2))
    near = less_equal(absolute(subtract(x1, x2)), add(multiply(absolute(x2), rtol), atol))
    close = logical_or(logical_and(finite, near), equal(x1, x2))
    return logical_or(close, logical_and(isnan(x1), isnan(x2))) if equal_nan else close


@derived(samples=unary(), ref=np.nan_to_num, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY)
def nan_to_num(x: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """Return x with numbers for nan, +infinity (None: the largest of the dtype) and -infinity (None: the lowest).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.nan_to_num([float("nan"), 1.0, float("inf")], posinf=9.0)).tolist()
    [0.0, 1.0, 9.0]
    """
    name = dtype_of(x)
    if not dtypes.is_float(name):
        return as_tensor(x)
    largest = float(ml_dtypes.finfo(dtypes.to_numpy(name)).max)  # type: ignore[no-untyped-call]
    x = select_where(isnan(x), nan, x)
    x = select_where(isposinf(x), largest if posinf is None else posinf, x)
    return select_where(isneginf(x), -largest if neginf is None else neginf, x)


@derived(dtype=LOGICAL, samples=binary(), ref=np.logical_xor, elementwise=True, spaces=NUMPY)
def logical_xor(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return whether just one of x1 and x2 is true (not 0), elementwise with broadcasting, as booleans.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.logical_xor([1, 0, 2], [1, 1, 0])).tolist()
    [False, True, True]
    """
    return not_equal(x1, x2)


# ---- complex numbers ----------------------------------------------------------------------------------------------


@primitive(shape=same, samples=unary(), ref=np.conj, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY)
def conj(x: TensorLike) -> Tensor:
    """Return the complex conjugate of x, elementwise; real x stays.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.conj([1.0 + 2.0j])).tolist()
    [(1-2j)]
    """


@primitive(
    shape=same, dtype=ABSOLUTE, samples=unary(), ref=np.real, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY
)
def real(x: TensorLike) -> Tensor:
    """Return the real part of x, elementwise; real x stays.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.real([1.0 + 2.0j])).tolist()
    [1.0]
    """


@primitive(
    shape=same, dtype=ABSOLUTE, samples=unary(), ref=np.imag, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY
)
def imag(x: TensorLike) -> Tensor:
    """Return the imaginary part of x, elementwise; zeros for real x.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.imag([1.0 + 2.0j])).tolist()
    [2.0]
    """


@derived(dtype=FLOATING, samples=unary(), ref=np.angle, elementwise=True, composite=KEEPS_ZEROS, spaces=NUMPY)
def angle(x: TensorLike) -> Tensor:
    """Return the angle (radians, from -pi to pi) of complex numbers, elementwise; 0 or pi for real x.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.angle([1.0, -1.0])).tolist()
    [0.0, 3.1415927410125732]
    """
    return arctan2(imag(x), real(x))


abs = absolute
true_divide = divide
conjugate = conj


# ---- activations that are primitives ------------------------------------------------------------------------------


@primitive(
    shape=same, samples=unary(), ref=lambda x: np.maximum(x, 0), elementwise=True, composite=KEEPS_ZEROS, spaces=NN
)
def relu(x: TensorLike) -> Tensor:
    """Return `max(x, 0)`, elementwise. The gradient at 0 is 0.

    Source: Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, 2010.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.relu([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """


@primitive(
    shape=same,
    dtype=FLOATING,
    samples=unary(),
    ref=lambda x: 1 / (1 + np.exp(-x)),
    elementwise=True,
    composite=MAPS_VALUES,
    spaces=ACTIVATION,
)
def sigmoid(x: TensorLike) -> Tensor:
    """Return the logistic function `1 / (1 + exp(-x))`, elementwise.

    >>> from kerasfront import ops
    >>> print(f"{float(ops.sigmoid(1.0)):.4f}")
    0.7311
    """


@derived(dtype=FLOATING, samples=unary(), elementwise=True, composite=KEEPS_ZEROS, spaces=ACTIVATION)
def silu(x: TensorLike) -> Tensor:
    """Return `x * sigmoid(x)`, elementwise, also called swish.

    Source: Elfwing et al., https://arxiv.org/abs/1702.03118

    >>> from kerasfront import ops
    >>> print(f"{float(ops.silu(1.0)):.4f}")
    0.7311
    """
    return x * sigmoid(x)


swish = silu
