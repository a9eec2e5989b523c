"""Floats as small integers and back, the packing of 4 bits, and the scales of float8 training."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasfront import ops
from kerasfront.errors import DTypeError, ShapeError
from kerasfront.spec import dtypes
from kerasfront.typing import Axis, DTypeLike, Tensor, TensorLike

Array = np.ndarray[Any, Any]
# The largest finite value of each float8 dtype.
FLOAT8_MAX = {"float8_e4m3fn": 448.0, "float8_e5m2": 57344.0}


# ---- integers -----------------------------------------------------------------------------------------------------


def abs_max_quantize(
    inputs: TensorLike,
    axis: Axis,
    value_range: Sequence[float] = (-127, 127),
    dtype: DTypeLike = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Any, Any]:
    """Return integers whose range is that of the largest absolute value: `round(inputs * scale)`.

    Args:
        inputs: Floats.
        axis: The axis, or axes, over which the largest value is taken; None: all.
        value_range: The smallest and the largest integer.
        dtype: The dtype of the integers.
        epsilon: What is added to the largest value, so that it isn't 0.
        to_numpy: Whether all is computed on the host, and arrays are returned.

    Returns:
        The integers, of the inputs' shape, and the scale, with 1 for each axis in `axis`. The inputs are about
        `integers / scale`.

    >>> import kerasfront as keras
    >>> q, scale = keras.quantizers.abs_max_quantize(keras.ops.array([[1.0, -2.0]]), axis=-1)
    >>> keras.ops.convert_to_numpy(q).tolist(), float(scale[0, 0])
    ([[64, -127]], 63.5)
    """
    low, high = value_range
    if to_numpy:
        return _abs_max_on_host(ops.convert_to_numpy(inputs), axis, low, high, dtype, epsilon)
    x = ops.convert_to_tensor(inputs)
    name = _float_of(ops.dtype(x))
    wide = ops.cast(x, _wide(name))
    largest = ops.max(ops.absolute(wide), axis=axis, keepdims=True)
    scale = ops.cast(ops.divide(high, ops.add(largest, epsilon)), name)
    rounded = ops.clip(ops.round(ops.multiply(wide, ops.cast(scale, _wide(name)))), low, high)
    return ops.cast(rounded, dtype), scale


def _abs_max_on_host(
    x: Array, axis: Axis, low: float, high: float, dtype: DTypeLike, epsilon: float
) -> tuple[Array, Array]:
    name = _float_of(dtypes.standardize(x.dtype))
    wide = x.astype(dtypes.to_numpy(_wide(name)))
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    largest = np.max(np.abs(wide), axis=axes, keepdims=True)
    scale = (wide.dtype.type(high) / (largest + wide.dtype.type(epsilon))).astype(dtypes.to_numpy(name))
    rounded = np.clip(np.round(wide * scale.astype(wide.dtype)), low, high)
    return rounded.astype(dtypes.to_numpy(dtypes.standardize(dtype))), scale


def _float_of(name: str) -> str:
    return name if dtypes.is_float(name) else dtypes.floating(name)


def _wide(name: str) -> str:
    """Return the dtype in which scales are computed: half precision can't hold them."""
    return "float64" if name == "float64" else "float32"


def abs_max_quantize_grouped_with_zero_point(
    inputs: Tensor,
    block_size: int,
    value_range: Sequence[float] = (-8, 7),
    dtype: DTypeLike = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Any, Any, Any]:
    """Return integers with a scale and a zero point for each block of rows, in each column.

    The range of a block holds 0, also where all its values are of one sign. (Keras takes the values' range alone, and
    cuts off what the zero point then can't reach.)

    Args:
        inputs: A matrix of shape (rows, columns).
        block_size: The number of rows in a block; the last one may have fewer.
        value_range: The smallest and the largest integer.
        dtype: The dtype of the integers and zero points.
        epsilon: What is added to a range, so that it isn't 0.
        to_numpy: Whether all is computed on the host, and arrays are returned.

    Returns:
        The integers, of the inputs' shape; scale and zero point, both of shape (ceil(rows / block_size), columns). The
        inputs are about `(integers - zero) * scale`.

    Raises:
        ShapeError: `inputs` is no matrix.
        ValueError: `block_size` is no positive integer.

    >>> import kerasfront as keras
    >>> f = keras.quantizers.abs_max_quantize_grouped_with_zero_point
    >>> q, scale, zero = f(keras.ops.array([[0.0], [15.0]]), block_size=2)
    >>> keras.ops.convert_to_numpy(q).tolist(), float(scale[0, 0]), int(zero[0, 0])
    ([[-8], [7]], 1.0, -8)
    """
    if len(inputs.shape) != 2:
        raise ShapeError(f"Expected a matrix to be quantized in blocks of rows, got the shape {tuple(inputs.shape)}.")
    if isinstance(block_size, bool) or not isinstance(block_size, int) or block_size < 1:
        raise ValueError(f"Expected `block_size` to be a positive integer, got {block_size!r}.")
    low, high = value_range
    xp: Any = np if to_numpy else ops
    x: Any = ops.convert_to_numpy(inputs) if to_numpy else ops.convert_to_tensor(inputs)
    name = _wide(_float_of(dtypes.standardize(x.dtype) if to_numpy else ops.dtype(x)))
    wide = x.astype(name) if to_numpy else ops.cast(x, name)
    rows, columns = x.shape
    blocks = -(-rows // block_size)
    padded = xp.pad(wide, [[0, blocks * block_size - rows], [0, 0]])
    padded = xp.reshape(padded, (blocks, block_size, columns))
    zeros = xp.zeros((blocks, columns), name)
    least, most = xp.minimum(xp.min(padded, axis=1), zeros), xp.maximum(xp.max(padded, axis=1), zeros)
    same = xp.equal(least, most)
    least, most = xp.where(same, zeros - 1, least), xp.where(same, zeros + 1, most)
    scale = (most - least + epsilon) / (high - low)
    zero = xp.clip(xp.round(-least / scale) + low, low, high)
    rounded = xp.clip(xp.round(padded / scale[:, None]) + zero[:, None], low, high)
    rounded = xp.reshape(rounded, (blocks * block_size, columns))[:rows]
    if to_numpy:
        integer = dtypes.to_numpy(dtypes.standardize(dtype))
        return rounded.astype(integer), scale.astype(name), zero.astype(integer)
    return ops.cast(rounded, dtype), ops.cast(scale, name), ops.cast(zero, dtype)


# ---- 4 bits -------------------------------------------------------------------------------------------------------


def pack_int4(arr: TensorLike, axis: int = 0, dtype: DTypeLike = "int8") -> tuple[Tensor, tuple[int, ...], int]:
    """Pack two integers of 4 bits in each byte: along `axis`, the first one in the lower half.

    Args:
        arr: Integers from -8 to 7 (from 0 to 15 for "uint8").
        axis: The axis that gets half as long; an odd length is filled up with 0.
        dtype: Their dtype, "int8" or "uint8", and that of the result.

    Returns:
        The bytes, their shape, and the length of the axis before.

    Raises:
        ValueError: `dtype` is neither.
        DTypeError: `arr` has another dtype.

    >>> import kerasfront as keras
    >>> packed, shape, length = keras.quantizers.pack_int4(keras.ops.array([[-3, 7], [2, -8], [1, 0]], "int8"))
    >>> keras.ops.convert_to_numpy(packed).tolist(), shape, length
    ([[45, -121], [1, 0]], (2, 2), 3)
    """
    name = _byte(dtype)
    integers = ops.convert_to_tensor(arr)
    if ops.dtype(integers) != name:
        raise DTypeError(
            f"Expected integers of 4 bits to have the dtype {name} to be packed, got {ops.dtype(integers)}."
        )
    axis = axis % len(integers.shape)
    length = int(integers.shape[axis])
    rows = ops.moveaxis(ops.cast(integers, "int32"), axis, 0)
    if length % 2:
        rows = ops.pad(rows, [[0, 1], *[[0, 0]] * (len(integers.shape) - 1)])
    joined = ops.bitwise_or(ops.bitwise_and(rows[::2], 15), ops.left_shift(ops.bitwise_and(rows[1::2], 15), 4))
    if name == "int8":
        joined = ops.where(ops.greater(joined, 127), joined - 256, joined)
    packed = ops.moveaxis(ops.cast(joined, name), 0, axis)
    return packed, tuple(int(d) for d in packed.shape), length


def unpack_int4(packed: TensorLike, orig_len: int, axis: int = 0, dtype: DTypeLike = "int8") -> Tensor:
    """Return the integers that `pack_int4` packed.

    Args:
        packed: The bytes.
        orig_len: The length of the axis before it was packed.
        axis: The axis along which it was packed.
        dtype: "int8" (integers from -8 to 7) or "uint8" (from 0 to 15).

    Raises:
        ValueError: `dtype` is neither.
        DTypeError: `packed` has another dtype.

    >>> import kerasfront as keras
    >>> packed, _, length = keras.quantizers.pack_int4(keras.ops.array([[-3, 7], [2, -8], [1, 0]], "int8"))
    >>> keras.ops.convert_to_numpy(keras.quantizers.unpack_int4(packed, length)).tolist()
    [[-3, 7], [2, -8], [1, 0]]
    """
    name = _byte(dtype)
    packed_bytes = ops.convert_to_tensor(packed)
    if ops.dtype(packed_bytes) != name:
        raise DTypeError(f"Expected the bytes to be unpacked to have the dtype {name}, got {ops.dtype(packed_bytes)}.")
    axis = axis % len(packed_bytes.shape)
    wide = ops.cast(packed_bytes, "int32")
    halves = [ops.bitwise_and(wide, 15), ops.bitwise_and(ops.right_shift(wide, 4), 15)]
    if name == "int8":
        halves = [ops.where(ops.greater(h, 7), h - 16, h) for h in halves]
    shape = list(ops.shape(packed_bytes))
    shape[axis] = 2 * shape[axis]
    both = ops.reshape(ops.stack([ops.cast(h, name) for h in halves], axis=axis + 1), shape)
    return both[(slice(None),) * axis + (slice(0, orig_len),)]


def _byte(dtype: DTypeLike) -> str:
    name = dtypes.standardize(dtype)
    if name not in ("int8", "uint8"):
        raise ValueError(f"Expected the `dtype` of packed integers to be 'int8' or 'uint8', got {name!r}.")
    return name


# ---- float8 -------------------------------------------------------------------------------------------------------


def quantize_and_dequantize(
    inputs: TensorLike, scale: TensorLike, quantized_dtype: DTypeLike, compute_dtype: DTypeLike
) -> Tensor:
    """Return floats as they are after `inputs / scale` was in a float8 dtype.

    What that dtype can't hold becomes its largest value.

    Args:
        inputs: Floats.
        scale: A scalar.
        quantized_dtype: "float8_e4m3fn" or "float8_e5m2".
        compute_dtype: The dtype in which is divided and multiplied, and that of the result.

    >>> import kerasfront as keras
    >>> f = keras.quantizers.quantize_and_dequantize
    >>> keras.ops.convert_to_numpy(f(keras.ops.array([1.1, 500.0]), 1.0, "float8_e4m3fn", "float32")).tolist()
    [1.125, 448.0]
    """
    narrow = dtypes.standardize(quantized_dtype)
    most = FLOAT8_MAX[narrow]
    scale = ops.cast(scale, compute_dtype)
    scaled = ops.clip(ops.divide(ops.cast(inputs, compute_dtype), scale), -most, most)
    return ops.multiply(ops.cast(ops.cast(scaled, narrow), compute_dtype), scale)


def compute_float8_scale(amax: TensorLike, scale: TensorLike, dtype_max: float, margin: int = 0) -> Tensor:
    """Return the scale by which values up to `amax` fit a float8 dtype: `amax / dtype_max * 2**margin`.

    Args:
        amax: The largest absolute value.
        scale: The scale so far: it stays where `amax` is 0 or not finite.
        dtype_max: The largest value of the dtype.
        margin: How many bits are left free.

    >>> import kerasfront as keras
    >>> float(keras.quantizers.compute_float8_scale(keras.ops.array(896.0), keras.ops.array(1.0), 448.0))
    2.0
    """
    largest = ops.convert_to_tensor(amax)
    new_scale = ops.multiply(ops.divide(largest, dtype_max), 2.0**margin)
    return ops.where(ops.logical_and(ops.greater(largest, 0.0), ops.isfinite(largest)), new_scale, scale)


def compute_float8_amax_history(x: TensorLike, amax_history: TensorLike) -> Tensor:
    """Return the history of largest absolute values with that of x in place of the oldest.

    >>> import kerasfront as keras
    >>> f = keras.quantizers.compute_float8_amax_history
    >>> keras.ops.convert_to_numpy(f(keras.ops.array([-5.0, 2.0]), keras.ops.array([1.0, 2.0, 3.0]))).tolist()
    [5.0, 3.0, 1.0]
    """
    history = ops.convert_to_tensor(amax_history)
    newest = ops.cast(ops.max(ops.absolute(x)), ops.dtype(history))
    moved = ops.roll(history, shift=-1)
    return ops.concatenate([ops.reshape(newest, (1,)), moved[1:]], axis=0)


# ---- training with quantization in mind ---------------------------------------------------------------------------


def fake_quant_with_min_max_vars(
    inputs: TensorLike,
    min_vals: TensorLike,
    max_vals: TensorLike,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Tensor:
    """Return floats as they are after they were integers of `num_bits` between `min_vals` and `max_vals`.

    The range is moved a little, so that 0 is one of the integers. Gradients pass inside of it; outside they go to
    `min_vals` or `max_vals`.

    Args:
        inputs: Floats.
        min_vals: The least value: a scalar, or one for each channel.
        max_vals: The largest value: as `min_vals`.
        num_bits: The number of bits, from 2 on.
        narrow_range: Whether the smallest integer is left out.
        axis: The axis of channels; None: there is one range for all.

    Raises:
        ValueError: `num_bits` is no integer from 2 on.

    >>> import kerasfront as keras
    >>> f = keras.quantizers.fake_quant_with_min_max_vars
    >>> keras.ops.convert_to_numpy(f(keras.ops.array([0.4, 7.0]), 0.0, 3.0, num_bits=2)).tolist()
    [0.0, 3.0]
    """
    if isinstance(num_bits, bool) or not isinstance(num_bits, int) or num_bits < 2:
        raise ValueError(f"Expected `num_bits` to be an integer from 2 on, got {num_bits!r}.")
    x = ops.convert_to_tensor(inputs)
    name = _float_of(ops.dtype(x))
    low, high = ops.cast(min_vals, name), ops.cast(max_vals, name)
    channels = None if axis is None else axis % len(x.shape)
    return _fake_quant(num_bits, bool(narrow_range), channels)(ops.cast(x, name), low, high)


@functools.cache
def _fake_quant(num_bits: int, narrow_range: bool, axis: int | None) -> Callable[..., Tensor]:
    """Return the function of inputs and range, with its gradient, for options that are known before."""
    least, most = float(narrow_range), 2.0**num_bits - 1

    def spread(values: Tensor, rank: int) -> Tensor:
        return values if axis is None else ops.reshape(values, (1,) * axis + (-1,) + (1,) * (rank - axis - 1))

    @ops.custom_gradient
    def quantized(inputs: Tensor, low: Tensor, high: Tensor) -> Any:
        rank = len(inputs.shape)
        scale = ops.divide(ops.subtract(high, low), most - least)
        zero = ops.subtract(least, ops.divide(low, scale))
        zero = ops.clip(ops.floor(ops.add(zero, 0.5)), least, most)
        lowest, highest = (spread(ops.multiply(ops.subtract(end, zero), scale), rank) for end in (least, most))
        step = spread(scale, rank)
        inside = ops.subtract(ops.clip(inputs, lowest, highest), lowest)
        output = ops.add(ops.multiply(ops.floor(ops.add(ops.divide(inside, step), 0.5)), step), lowest)

        def gradient(*args: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            over = None if axis is None else [a for a in range(rank) if a != axis]
            zeros = ops.zeros_like(upstream)
            below, above = ops.less(args[0], lowest), ops.greater(args[0], highest)
            beside = ops.logical_or(below, above)
            return (
                ops.where(beside, zeros, upstream),
                ops.sum(ops.where(below, upstream, zeros), axis=over),
                ops.sum(ops.where(above, upstream, zeros), axis=over),
            )

        return output, gradient

    return quantized
