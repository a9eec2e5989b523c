"""The primitives on TensorFlow."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import tensorflow as tf

from kerasfront.spec import dtypes, shapes
from kerasfront_tensorflow import control


def _reduce(function: Any) -> Any:
    return lambda x, axis=None, keepdims=False: function(x, axis, keepdims)


def _of_some(function: Any) -> Any:
    """Wrap a reduction so that it raises for no elements, for which it has no value."""

    def reduce(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        if 0 in x.shape and 0 in [x.shape[a] for a in shapes.axes_of(axis, x.shape.rank)]:
            raise ValueError("no elements")
        return function(x, axis, keepdims)

    return reduce


def _arg(function: Any) -> Any:
    def arg(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        if axis is None:
            out = function(tf.reshape(x, [-1]), 0, tf.int32)
            return tf.reshape(out, [1] * x.shape.rank) if keepdims else out
        out = function(x, axis, tf.int32)
        return tf.expand_dims(out, axis) if keepdims else out

    return arg


def _expand(x: Any, axis: Any) -> Any:
    axes = (axis,) if isinstance(axis, int) else axis
    ndim = x.shape.rank + len(axes)
    for a in shapes.axes_of(axes, ndim):
        x = tf.expand_dims(x, a)
    return x


def _squeeze(x: Any, axis: Any = None) -> Any:
    return tf.squeeze(x, shapes.axes_of(axis, x.shape.rank) if isinstance(axis, tuple) else axis)


def _split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    if isinstance(indices_or_sections, int):
        return tf.split(x, indices_or_sections, axis)
    size = x.shape[axis]
    cuts = [0, *indices_or_sections, size]
    if size is not None and sorted(cuts) != cuts:  # NumPy cuts by slices here, so that cuts may overlap or go backwards
        return [tf.gather(x, np.arange(size)[a:b], axis=axis) for a, b in zip(cuts, cuts[1:], strict=False)]
    return tf.split(x, [b - a for a, b in zip(cuts, cuts[1:], strict=False)], axis)


def _via(function: Any, *has: str, wide: str | None = None) -> Any:
    """Wrap a function so that it computes in a wider dtype where its kernel lacks the tensor's."""
    plain = "float32" in has

    @functools.wraps(function)
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        if (x.dtype is tf.float32 and plain) or x.dtype.name in has:
            return function(x, *args, **kwargs)
        to = wide or ("int64" if x.dtype.is_integer or x.dtype.is_bool else "float32")
        args = tuple(tf.cast(a, to) if tf.is_tensor(a) and a.dtype == x.dtype else a for a in args)
        return tf.cast(function(tf.cast(x, to), *args, **kwargs), x.dtype)

    return call


_WIDE = ("float32", "float64", "int32", "int64")
_REAL = ("bfloat16", "float16", *_WIDE)
_INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def _floor_divide(x1: Any, x2: Any) -> Any:
    y = tf.math.floordiv(x1, x2)
    if not x1.dtype.is_floating:
        return y
    # As on other backends, a quotient that is too small for the dtype is rounded down too, and infinity gives nan.
    below = (tf.sign(x1) * tf.sign(x2) < 0) & (y == 0)
    y = tf.where(below, tf.constant(-1, y.dtype), y)
    return tf.where(tf.math.is_inf(x1) & (x2 != 0), tf.constant(np.nan, y.dtype), y)


def _by_zero(function: Any) -> Any:
    """Wrap a division so that integers divided by 0 give 0."""

    def divide(x1: Any, x2: Any) -> Any:
        if not x1.dtype.is_integer:
            return function(x1, x2)
        zero, none = x2 == 0, tf.zeros([], x1.dtype)
        return tf.where(zero, none, function(x1, tf.where(zero, tf.ones([], x2.dtype), x2)))

    return divide


def _fmod(x1: Any, x2: Any) -> Any:
    return tf.sign(x1) * tf.math.floormod(tf.abs(x1), tf.abs(x2))


def _lacking(function: Any, *names: str) -> Any:
    """Wrap a function as `_via` does, given the dtypes that its kernel lacks."""
    return _via(function, *(n for n in dtypes.ALL if n not in names))


def _signed(function: Any, unsigned: Any) -> Any:
    signed = (tf.float32, tf.float64, tf.int32, tf.int64)
    return lambda x: function(x) if x.dtype in signed or not (x.dtype.is_unsigned or x.dtype.is_bool) else unsigned(x)


def _matmul_rows(a: Any, b: Any) -> Any:
    """Return a batch of matrices times one matrix, as one product.

    It is faster; and TensorFlow 2.21 with oneDNN writes past its buffers where it broadcasts the matrix itself, for
    shapes such as (2, 1, 22, 5) @ (5, 2).
    """
    batch, last = a.shape[:-1], b.shape[-1]
    if b.shape.rank > 2:
        b = tf.reshape(b, tf.shape(b)[-2:])
    if batch.is_fully_defined() and a.shape[-1] is not None and last is not None:
        rows = tf.matmul(tf.reshape(a, [batch.num_elements(), a.shape[-1]]), b)
        return tf.reshape(rows, [*batch, last])
    shape = tf.shape(a)
    rows = tf.matmul(tf.reshape(a, [tf.reduce_prod(shape[:-1]), shape[-1]]), b)
    return _shaped(tf.reshape(rows, tf.concat([shape[:-1], tf.shape(b)[1:]], 0)), [*batch, last])


def _matmul(x1: Any, x2: Any) -> Any:
    left, right = x1.shape.rank, x2.shape.rank
    if left == right == 2:
        return tf.raw_ops.MatMul(a=x1, b=x2)
    if left == 1 and right == 1:
        return tf.reshape(_matmul(x1[None], x2[:, None]), [])
    if left == 1:
        return tf.squeeze(_matmul(x1[None], x2), -2)
    if right == 1:
        return tf.squeeze(_matmul(x1, x2[:, None]), -1)
    if left > 2 and left >= right and all(d == 1 for d in x2.shape[:-2]):
        return _matmul_rows(x1, x2)
    return tf.matmul(x1, x2)


def _power(x1: Any, x2: Any) -> Any:
    if x1.dtype.is_floating or x1.dtype.is_complex:
        return tf.pow(x1, x2)
    power = _via(tf.pow, "int32", "int64")
    if x1.dtype.is_unsigned:
        return power(x1, x2)
    odd = tf.bitwise.bitwise_and(x2, tf.ones([], x2.dtype))
    one = tf.ones([], x1.dtype)
    inverse = tf.where(x1 == one, one, tf.where(x1 == -one, one - odd - odd, tf.zeros([], x1.dtype)))
    return tf.where(x2 < 0, inverse, power(x1, tf.maximum(x2, tf.zeros([], x2.dtype))))


def _floats(function: Any, otherwise: bool = False) -> Any:
    """Return a test that only floats can pass (or fail); a complex number passes if one of its parts does."""

    def call(x: Any) -> Any:
        if x.dtype.is_floating:
            return function(x)
        if x.dtype.is_complex:
            join = tf.logical_and if otherwise else tf.logical_or
            return join(function(tf.math.real(x)), function(tf.math.imag(x)))
        return tf.fill(tf.shape(x), otherwise)

    return call


def _whole(function: Any) -> Any:
    return lambda x: function(x) if x.dtype.is_floating else x


def _rint(x: Any) -> Any:
    parts = (tf.round(tf.math.real(x)), tf.round(tf.math.imag(x))) if x.dtype.is_complex else None
    return _whole(tf.round)(x) if parts is None else tf.complex(*parts)


def _trunc(x: Any) -> Any:
    return tf.where(x < 0, tf.math.ceil(x), tf.floor(x))


def _signbit(x: Any) -> Any:
    if not x.dtype.is_floating:
        return x < 0 if x.dtype.is_integer and not x.dtype.is_unsigned else tf.zeros_like(x, tf.bool)
    bits = {2: tf.int16, 4: tf.int32, 8: tf.int64}[x.dtype.size]
    return tf.bitcast(x, bits) < 0


def _shaped(x: Any, shape: Any) -> Any:
    x.set_shape(shape)  # tf.ensure_shape has no forward gradient in eager mode
    return x


def _clip(x: Any, x_min: Any, x_max: Any) -> Any:
    x = tf.identity(x) if x_min is None else tf.maximum(x, x_min)
    return x if x_max is None else tf.minimum(x, x_max)


def _gcd(x1: Any, x2: Any) -> Any:
    if not x1.dtype.is_integer:
        raise TypeError(f"gcd needs integers, got {x1.dtype.name}")
    shape = tf.broadcast_dynamic_shape(tf.shape(x1), tf.shape(x2))
    static = tf.broadcast_static_shape(x1.shape, x2.shape)
    x1, x2 = (_shaped(tf.broadcast_to(tf.abs(v) if not v.dtype.is_unsigned else v, shape), static) for v in (x1, x2))
    zero, one = tf.zeros([], x1.dtype), tf.ones([], x1.dtype)

    def step(x1: Any, x2: Any) -> Any:
        rest = _via(tf.math.floormod, "int32", "int64")(x1, tf.where(x2 == zero, one, x2))
        return tf.where(x2 == zero, x1, x2), tf.where(x2 == zero, zero, rest)

    return tf.while_loop(lambda x1, x2: tf.reduce_any(x2 != zero), step, (x1, x2))[0]


def _ordering(function: Any) -> Any:
    return lambda x1, x2: (
        function(tf.cast(x1, tf.uint8), tf.cast(x2, tf.uint8)) if x1.dtype.is_bool else function(x1, x2)
    )


def _logical(on_bits: Any, on_bools: Any) -> Any:
    return lambda a, *rest: on_bools(a, *rest) if a.dtype.is_bool else on_bits(a, *rest)


def _indices(indices: Any, size: Any) -> Any:
    """Return indices from 0; those out of range are clipped."""
    if indices.dtype not in (tf.int32, tf.int64):
        indices = tf.cast(indices, tf.int32)
    size = tf.cast(size, indices.dtype)
    return tf.clip_by_value(tf.where(indices < 0, indices + size, indices), 0, size - 1)


def _size(x: Any, axis: int) -> Any:
    return tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]


def _take(x: Any, indices: Any, axis: Any = None) -> Any:
    x, axis = (tf.reshape(x, [-1]), 0) if axis is None else (x, axis)
    return tf.gather(x, _indices(indices, _size(x, axis)), axis=axis)


def _take_along(x: Any, indices: Any, axis: int) -> Any:
    at, rank = axis % x.shape.rank, x.shape.rank
    order = [i for i in range(rank) if i != at] + [at]
    x, indices = tf.transpose(x, order), tf.transpose(_indices(indices, _size(x, at)), order)
    if x.shape[:-1].as_list() != indices.shape[:-1].as_list() or None in x.shape[:-1].as_list():
        batch = tf.broadcast_dynamic_shape(tf.shape(x)[:-1], tf.shape(indices)[:-1])
        x, indices = (tf.broadcast_to(v, tf.concat([batch, tf.shape(v)[-1:]], 0)) for v in (x, indices))
    out = tf.gather(x, indices, axis=-1, batch_dims=rank - 1)
    back = sorted(range(rank), key=lambda i: order[i])
    return tf.transpose(out, back)


def _nonzero(x: Any) -> tuple[Any, ...]:
    if not x.shape.rank:
        raise ValueError("a scalar has no axes")
    places = tf.cast(tf.where(x if x.dtype.is_bool else tf.not_equal(x, tf.zeros([], x.dtype))), tf.int32)
    return tuple(tf.unstack(places, num=x.shape.rank, axis=1))


def _starts(x: Any, start: Any, shape: Any) -> Any:
    sizes = tf.shape(x)
    start = tf.cast(start, tf.int32)
    return tf.maximum(
        tf.minimum(tf.where(start < 0, start + sizes, start), sizes - tf.convert_to_tensor(shape, tf.int32)), 0
    )


def _update_slice(inputs: Any, start_indices: Any, updates: Any) -> Any:
    if not inputs.shape.rank:
        return updates
    start_indices = _starts(inputs, start_indices, tf.shape(updates))
    widths = tf.stack([start_indices, tf.shape(inputs) - start_indices - tf.shape(updates)], 1)
    inside = tf.pad(tf.ones(tf.shape(updates), tf.bool), widths)
    out = tf.where(inside, tf.pad(updates, widths), inputs)
    return _shaped(out, inputs.shape)


_SCATTER = {
    "set": tf.tensor_scatter_nd_update,
    "add": tf.tensor_scatter_nd_add,
    "max": tf.tensor_scatter_nd_max,
    "min": tf.tensor_scatter_nd_min,
}


def _scatter_rows(x: Any, ids: Any, updates: Any, reduction: str) -> Any:
    if x.dtype == tf.uint64 and reduction in ("max", "min"):
        # Signed integers with the first bit flipped are in the same order.
        first = tf.constant(tf.int64.min, tf.int64)
        signed = [tf.bitwise.bitwise_xor(tf.bitcast(v, tf.int64), first) for v in (x, updates)]
        out = _scatter_rows(signed[0], ids, signed[1], reduction)
        return tf.bitcast(tf.bitwise.bitwise_xor(out, first), tf.uint64)
    n = _size(x, 0)
    ids = tf.cast(ids, tf.int32)
    fits = (ids >= 0) & (ids < n)
    if reduction == "mul":
        return x * _via(tf.math.unsorted_segment_prod, *_REAL, "complex64", "complex128")(
            updates, tf.where(fits, ids, -1), n
        )
    # Ids out of range go to an extra row, which is dropped.
    ids = tf.where(fits, ids, n)
    rows = tf.concat(
        [x, tf.zeros_like(x[:1]) if x.shape[0] != 0 else tf.zeros([1, *tf.unstack(tf.shape(x)[1:])], x.dtype)], 0
    )
    has = (
        (*_REAL, "complex64", "complex128")
        if reduction == "add"
        else _REAL
        if reduction != "set"
        else (*_INTS, *_REAL, "bool")
    )

    def scatter(rows: Any, updates: Any) -> Any:
        return _SCATTER[reduction](rows, ids[:, None], updates)

    return _shaped(_via(scatter, *has)(rows, updates)[:n], x.shape)


def _view(x: Any, dtype: Any = None) -> Any:
    if dtype is None or tf.dtypes.as_dtype(dtype).size == x.dtype.size:
        return x if dtype is None else tf.bitcast(x, dtype)
    to = tf.dtypes.as_dtype(dtype)
    if not x.shape.rank:
        raise ValueError("a scalar has no axis to change")
    if to.size < x.dtype.size:
        return tf.reshape(tf.bitcast(x, to), tf.concat([tf.shape(x)[:-1], [-1]], 0))
    parts = to.size // x.dtype.size
    return tf.bitcast(tf.reshape(x, tf.concat([tf.shape(x)[:-1], [-1, parts]], 0)), to)


def _order_key(x: Any) -> Any:
    """Return integers in the order of x, nan being the largest: TensorFlow's own orders leave open where it goes."""
    if not x.dtype.is_floating:
        return x if x.dtype in (tf.int32, tf.int64) else tf.cast(x, tf.int64)
    x = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
    bits = tf.bitcast(
        tf.where(tf.math.is_nan(x), tf.constant(math.nan, x.dtype), x + 0), tf.int32 if x.dtype.size == 4 else tf.int64
    )
    return tf.where(bits < 0, tf.bitwise.bitwise_xor(bits, tf.constant(bits.dtype.max, bits.dtype)), bits)


def _argsort(x: Any, axis: int = -1) -> Any:
    return tf.argsort(_order_key(x), axis, stable=True)


def _argmin(x: Any, axis: int, to: Any) -> Any:
    key = _order_key(x)
    if x.dtype.is_floating:
        key = tf.where(tf.math.is_nan(x), tf.constant(key.dtype.min, key.dtype), key)
    return tf.argmin(key, axis, to)


def _sort(x: Any, axis: int = -1) -> Any:
    return _take_along(x, _argsort(x, axis), axis)


def _top_k(x: Any, k: int, sorted: bool = True) -> Any:
    indices = tf.math.top_k(_order_key(x), k)[1]
    return _take_along(x, indices, -1), indices


def _searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    if sorted_sequence.shape.rank == 1:
        flat = tf.searchsorted(sorted_sequence, tf.reshape(values, [-1]), side)
        return tf.reshape(flat, tf.shape(values))
    return tf.searchsorted(sorted_sequence, values, side)


def _arange(start: Any, stop: Any, step: Any, dtype: str) -> Any:
    if not any(tf.is_tensor(v) for v in (start, stop, step)):
        return tf.constant(np.arange(start, stop, step).astype(dtypes.to_numpy(dtype)))
    wide = "float64" if dtypes.is_float(dtype) else "int64"
    return tf.cast(tf.range(*(tf.cast(v, wide) for v in (start, stop, step))), dtype)


def _repeat(x: Any, repeats: Any, axis: int) -> Any:
    return _lacking(tf.repeat, "uint16")(x, repeats, axis)


def _tile(x: Any, repeats: Any) -> Any:
    x = tf.reshape(x, [1] * (len(repeats) - x.shape.rank) + _dims(x))
    return _lacking(tf.tile, "uint16")(x, [1] * (x.shape.rank - len(repeats)) + list(repeats))


def _dims(x: Any) -> list[Any]:
    return [_size(x, axis) for axis in range(x.shape.rank)]


def _einsum(subscripts: str, *operands: Any) -> Any:
    first = operands[0].dtype
    if first == tf.float16 and "." in subscripts:  # oneDNN computes products with broadcast batch axes wrongly
        return tf.cast(tf.einsum(subscripts, *(tf.cast(x, tf.float32) for x in operands)), first)
    if first.name in (*_REAL, "complex64", "complex128"):
        return tf.einsum(subscripts, *operands)
    return tf.cast(tf.einsum(subscripts, *(tf.cast(x, tf.int64) for x in operands)), first)


def _item(x: Any, key: Any) -> Any:
    return x[key] if key else x


PRIMITIVES: dict[str, Any] = {
    # tf.add takes twice as long as the op that it calls.
    "add": lambda x1, x2: tf.logical_or(x1, x2) if x1.dtype is tf.bool else tf.raw_ops.AddV2(x=x1, y=x2),
    "subtract": lambda x1, x2: tf.math.logical_xor(x1, x2) if x1.dtype is tf.bool else tf.subtract(x1, x2),
    "multiply": lambda x1, x2: tf.logical_and(x1, x2) if x1.dtype is tf.bool else tf.multiply(x1, x2),
    "divide": tf.truediv,
    "maximum": _logical(tf.maximum, tf.logical_or),
    "minimum": _logical(tf.minimum, tf.logical_and),
    "floor_divide": _via(_by_zero(_floor_divide), *_REAL),
    # For unsigned integers the graph optimizer would turn `0 - x` into a negation, which has no kernel.
    "negative": _signed(tf.negative, lambda x: tf.bitwise.invert(x) + tf.ones_like(x)),
    "abs": _signed(tf.abs, tf.identity),
    "square": tf.square,
    "sign": _signed(tf.sign, lambda x: tf.cast(x > 0, x.dtype)),
    "sqrt": tf.sqrt,
    "rsqrt": tf.math.rsqrt,
    "exp": tf.exp,
    "expm1": tf.math.expm1,
    "log": tf.math.log,
    "log1p": tf.math.log1p,
    "sin": tf.sin,
    "cos": tf.cos,
    "tanh": tf.tanh,
    "floor": lambda x: tf.floor(x) if x.dtype.is_floating else x,
    "ceil": lambda x: tf.math.ceil(x) if x.dtype.is_floating else x,
    "equal": tf.equal,
    "not_equal": tf.not_equal,
    "less": _ordering(tf.less),
    "less_equal": _ordering(tf.less_equal),
    "greater": _ordering(tf.greater),
    "greater_equal": _ordering(tf.greater_equal),
    "logical_and": tf.logical_and,
    "logical_or": tf.logical_or,
    "logical_not": tf.logical_not,
    "select_where": tf.where,
    "relu": lambda x: x if x.dtype.is_bool else tf.nn.relu(x),
    "sigmoid": tf.sigmoid,
    "sum": _reduce(tf.reduce_sum),
    "product": _reduce(tf.reduce_prod),
    "mean": _reduce(tf.reduce_mean),
    "amax": _of_some(_logical(tf.reduce_max, tf.reduce_any)),
    "amin": _of_some(_logical(tf.reduce_min, tf.reduce_all)),
    "argmax": _arg(lambda x, axis, to: tf.argmax(_order_key(x), axis, to)),
    "argmin": _arg(_argmin),
    "any": _reduce(tf.reduce_any),
    "all": _reduce(tf.reduce_all),
    "reshape": lambda x, newshape: tf.reshape(x, (newshape,) if isinstance(newshape, int) else newshape),
    "transpose": lambda x, axes=None: tf.transpose(x, axes),
    "expand_dims": _expand,
    "squeeze": _squeeze,
    "concatenate": lambda xs, axis=0: tf.concat(xs, axis),
    "stack": tf.stack,
    "split": _split,
    "broadcast_to": lambda x, shape: tf.broadcast_to(x, (shape,) if isinstance(shape, int) else shape),
    "matmul": _via(_matmul, *_REAL, "complex64", "complex128"),
    "zeros": lambda shape, dtype=None: tf.zeros(shape, dtypes.standardize(dtype)),
    "ones": lambda shape, dtype=None: tf.ones(shape, dtypes.standardize(dtype)),
    "zeros_like": lambda x, dtype=None: tf.zeros_like(x, dtype),
    "ones_like": lambda x, dtype=None: tf.ones_like(x, dtype),
    "one_hot_dense": lambda x, num_classes, axis=-1, dtype=None: tf.cast(
        tf.one_hot(x, num_classes, axis=axis, dtype="uint8"), dtypes.standardize(dtype)
    ),
    "cast": tf.cast,
    "stop_gradient": tf.stop_gradient,
    "power": _power,
    "mod": _via(_by_zero(tf.math.floormod), *_REAL),
    "fmod": _via(_by_zero(_fmod), *_REAL),
    "clip": _clip,
    "gcd": _gcd,
    "nextafter": tf.math.nextafter,
    "trunc": _whole(_trunc),
    "rint": _rint,
    "exp2": lambda x: tf.pow(tf.constant(2, x.dtype), x),
    "log2": lambda x: tf.math.log(x) / tf.constant(math.log(2), x.dtype),
    "log10": lambda x: tf.math.log(x) / tf.constant(math.log(10), x.dtype),
    "tan": tf.tan,
    "sinh": tf.sinh,
    "cosh": tf.cosh,
    "arcsin": tf.asin,
    "arccos": tf.acos,
    "arctan": tf.atan,
    "arctan2": tf.atan2,
    "arcsinh": tf.asinh,
    "arccosh": tf.acosh,
    "arctanh": tf.atanh,
    "erf": tf.math.erf,
    "erfc": tf.math.erfc,
    "erfinv": _via(tf.math.erfinv, "float32", "float64"),
    "i0": _via(tf.math.bessel_i0, "float32", "float64"),
    "isnan": _floats(tf.math.is_nan),
    "isinf": _floats(tf.math.is_inf),
    "isfinite": _floats(tf.math.is_finite, True),
    "signbit": _signbit,
    "conj": lambda x: tf.math.conj(x) if x.dtype.is_complex else x,
    "real": lambda x: tf.math.real(x) if x.dtype.is_complex else x,
    "imag": lambda x: tf.math.imag(x) if x.dtype.is_complex else tf.zeros_like(x),
    "bitwise_and": _logical(tf.bitwise.bitwise_and, tf.logical_and),
    "bitwise_or": _logical(tf.bitwise.bitwise_or, tf.logical_or),
    "bitwise_xor": _logical(tf.bitwise.bitwise_xor, tf.math.logical_xor),
    "bitwise_invert": _logical(tf.bitwise.invert, tf.logical_not),
    "bitwise_left_shift": tf.bitwise.left_shift,
    "bitwise_right_shift": tf.bitwise.right_shift,
    "running_sum": lambda x, axis: _via(tf.cumsum, *_REAL, "complex64", "complex128")(x, axis),
    "running_product": lambda x, axis: _via(tf.math.cumprod, *_REAL, "complex64", "complex128")(x, axis),
    "unstack": lambda x, num=None, axis=0: tf.unstack(x, num, axis),
    "tile_by": _tile,
    "repeat_along": _repeat,
    "full_of": lambda shape, fill_value, dtype: tf.broadcast_to(tf.cast(fill_value, dtype), shape),
    "arange_of": _arange,
    "basic_item": _item,
    "take": _take,
    "take_along": _take_along,
    "nonzero": _nonzero,
    "dynamic_slice": lambda inputs, start_indices, shape: tf.slice(
        inputs, _starts(inputs, start_indices, shape), shape
    ),
    "update_slice": _update_slice,
    "scatter_rows": _scatter_rows,
    "pad_constant": lambda x, widths, value: tf.pad(
        x, widths, constant_values=tf.constant(np.asarray(value, dtypes.to_numpy(x.dtype.name)))
    ),
    "reverse": lambda x, axes: tf.reverse(x, list(axes)),
    "roll_along": lambda x, shift, axis: tf.roll(x, list(shift), list(axis)),
    "copy": tf.identity,
    "view": _view,
    "sort_along": _sort,
    "argsort_along": _argsort,
    "top_k": _top_k,
    "searchsorted": _searchsorted,
    "einsum": lambda subscripts, *operands, **kwargs: _einsum(subscripts, *operands),
}

OVERRIDES: dict[str, Any] = {
    **control.OVERRIDES,
    "where": lambda condition, x1=None, x2=None: _nonzero(condition) if x1 is None else tf.where(condition, x1, x2),
}
GAPS: dict[str, str] = {}
