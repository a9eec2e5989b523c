"""The primitives on JAX."""

from __future__ import annotations

import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerasfront.spec import dtypes
from kerasfront_jax import control


def _native(dtype: Any) -> Any:
    return dtypes.to_numpy(dtypes.standardize(dtype))


def compiled(function: Any, *static: str) -> Any:
    """Compile a function into one program.

    Outside jit, JAX takes up to 200 us an op in Python, and 5 us for a program. Inside jit a program is inlined.
    Arguments named in `static` are constants of the program.
    """
    return jax.jit(function, static_argnames=static, inline=True)


def of_shape(function: Any) -> Any:
    """Return `function(x, shape)` as one program for each shape of integers.

    A shape that holds a symbol of `jax.export` is no constant of a program, so the function itself takes it.
    """
    program = compiled(function, "shape")

    def run(x: Any, shape: Any) -> Any:
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        if {*map(type, sizes)} <= _STATIC:
            return program(x, sizes)
        return function(x, tuple(operator.index(d) if hasattr(d, "dtype") else d for d in sizes))

    return run


_STATIC = {int}
_reshape = of_shape(jnp.reshape)
_broadcast_to = of_shape(jnp.broadcast_to)
cast = compiled(lambda x, dtype: x.astype(dtypes.to_numpy(dtype)), "dtype")


_zeros = compiled(jnp.zeros, "shape", "dtype")
_ones = compiled(jnp.ones, "shape", "dtype")


def _hashable(shape: Any) -> Any:
    return tuple(shape) if isinstance(shape, (list, tuple)) else shape


def _reduce(function: Any) -> Any:
    return lambda x, axis=None, keepdims=False: function(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def _plain(function: Any) -> Any:
    return lambda x, axis=None, keepdims=False: function(x, axis=axis, keepdims=keepdims)


def _arg(function: Any) -> Any:
    def arg(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return function(x, axis=axis, keepdims=keepdims).astype("int32")

    return compiled(arg, "axis", "keepdims")


def _power(x1: Any, x2: Any) -> Any:
    if not jnp.issubdtype(x1.dtype, jnp.signedinteger):
        return jnp.power(x1, x2)
    inverse = jnp.where(x1 == 1, 1, jnp.where(x1 == -1, 1 - 2 * (x2 & 1), 0)).astype(x1.dtype)
    return jnp.where(x2 < 0, inverse, jnp.power(x1, jnp.maximum(x2, 0)))


def _by_zero(function: Any) -> Any:
    """Wrap a division so that integers divided by 0 give 0."""

    def divide(x1: Any, x2: Any) -> Any:
        if not jnp.issubdtype(x1.dtype, jnp.integer):
            return function(x1, x2)
        return jnp.where(x2 == 0, 0, function(x1, jnp.where(x2 == 0, 1, x2))).astype(x1.dtype)

    return divide


def _whole(function: Any) -> Any:
    return lambda x: function(x) if jnp.issubdtype(x.dtype, jnp.inexact) else x


def _integers(indices: Any) -> Any:
    """Return indices as integers; they may have come as floats or booleans."""
    return indices if jnp.issubdtype(indices.dtype, jnp.integer) else indices.astype("int32")


def _indices(indices: Any, size: int) -> Any:
    indices = _integers(indices)
    return jnp.where(indices < 0, indices + size, indices)


def _take(x: Any, indices: Any, axis: Any = None) -> Any:
    x, axis = (jnp.ravel(x), 0) if axis is None else (x, axis)
    if x.shape[axis] == 0:  # from an empty axis JAX would take nothing, and return the shape of x
        at = axis % x.ndim
        return jnp.zeros((*x.shape[:at], *indices.shape, *x.shape[at + 1 :]), x.dtype)
    return jnp.take(x, _indices(indices, x.shape[axis]), axis, mode="clip")


def _take_along(x: Any, indices: Any, axis: int) -> Any:
    return jnp.take_along_axis(x, _indices(indices, x.shape[axis]), axis, mode="clip")


def _split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    size = x.shape[axis]
    if isinstance(indices_or_sections, int):
        return jnp.split(x, indices_or_sections, axis)
    cuts = [0, *indices_or_sections, size]
    if sorted(cuts) == cuts:
        return jnp.split(x, cuts[1:-1], axis)
    # NumPy cuts by slices here, so that cuts may overlap or go backwards.
    return [jnp.take(x, np.arange(size)[a:b], axis) for a, b in zip(cuts, cuts[1:], strict=False)]


def _unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    if num not in (None, x.shape[axis]):
        raise ValueError(f"{x.shape[axis]} slices")
    return list(jnp.unstack(x, axis=axis))


def _nonzero(x: Any) -> tuple[Any, ...]:
    return tuple(i.astype("int32") for i in jnp.nonzero(x))


def _dynamic_slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    return jax.lax.dynamic_slice(inputs, list(start_indices), tuple(shape))


def _update_slice(inputs: Any, start_indices: Any, updates: Any) -> Any:
    return jax.lax.dynamic_update_slice(inputs, updates, list(start_indices))


def _scatter_rows(x: Any, ids: Any, updates: Any, reduction: str) -> Any:
    ids = _integers(ids)
    if reduction == "mul":
        return x * _products(ids, updates, x.shape[0])
    # A negative id would count from the end, and must be dropped instead.
    at = x.at[jnp.where(ids < 0, x.shape[0], ids)]
    if x.dtype == bool and reduction == "add":
        reduction = "max"
    return getattr(at, reduction)(updates, mode="drop")


def _products(ids: Any, factors: Any, number: int) -> Any:
    """Return the product of the factors of each id: by a scan, as JAX has no gradient for a scatter that multiplies."""
    order = jnp.argsort(ids)
    ids, factors = ids[order], factors[order]
    if not len(ids):
        return jnp.ones((number, *factors.shape[1:]), factors.dtype)
    begins = jnp.concatenate([jnp.ones(1, bool), ids[1:] != ids[:-1]])
    ends = jnp.concatenate([begins[1:], jnp.ones(1, bool)])

    def joined(a: Any, b: Any) -> Any:
        fresh = jnp.reshape(b[0], (-1, *(1,) * (factors.ndim - 1)))
        return a[0] | b[0], jnp.where(fresh, b[1], a[1] * b[1])

    running = jax.lax.associative_scan(joined, (begins, factors))[1]
    places = jnp.where(ends & (ids >= 0), ids, number)
    return jnp.ones((number, *factors.shape[1:]), factors.dtype).at[places].set(running, mode="drop")


def _searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    if sorted_sequence.ndim == 1:
        return jnp.searchsorted(sorted_sequence, values, side=side).astype("int32")
    flat = jnp.reshape(sorted_sequence, (-1, sorted_sequence.shape[-1])), jnp.reshape(values, (-1, values.shape[-1]))
    places = jax.vmap(lambda row, row_values: jnp.searchsorted(row, row_values, side=side))(*flat)
    return jnp.reshape(places, values.shape).astype("int32")


def _top_k(x: Any, k: int, sorted: bool = True) -> Any:
    wide = x.astype("int8") if x.dtype == bool else x
    # It would sort 0.0 before -0.0, which are equal.
    _, indices = jax.lax.top_k(jnp.where(wide == 0, jnp.zeros_like(wide), wide), k)
    return jnp.take_along_axis(x, indices, -1), indices.astype("int32")


def _view(x: Any, dtype: Any = None) -> Any:
    if dtype is None or x.ndim:
        return x if dtype is None else x.view(dtypes.to_numpy(dtype))
    if x.dtype.itemsize != dtypes.to_numpy(dtype).itemsize:
        raise ValueError("a scalar has no axis to change")
    return jax.lax.bitcast_convert_type(x, dtypes.to_numpy(dtype))


_einsum = compiled(lambda subscripts, *operands: jnp.einsum(subscripts, *operands), "subscripts")

PRIMITIVES: dict[str, Any] = {
    "add": jnp.add,
    "subtract": lambda x1, x2: jnp.logical_xor(x1, x2) if x1.dtype == bool else jnp.subtract(x1, x2),
    "multiply": jnp.multiply,
    "divide": jnp.true_divide,
    "maximum": jnp.maximum,
    "minimum": jnp.minimum,
    "floor_divide": _by_zero(jnp.floor_divide),
    "negative": jnp.negative,
    # jnp.abs has the gradient 1 at 0.
    "abs": compiled(lambda x: x * jnp.sign(x) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.abs(x)),
    "square": jnp.square,
    "sign": jnp.sign,
    "sqrt": jnp.sqrt,
    "rsqrt": jax.lax.rsqrt,
    "exp": jnp.exp,
    "expm1": jnp.expm1,
    "log": jnp.log,
    "log1p": jnp.log1p,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tanh": jnp.tanh,
    "floor": compiled(lambda x: jnp.floor(x).astype(x.dtype)),
    "ceil": compiled(lambda x: jnp.ceil(x).astype(x.dtype)),
    "equal": jnp.equal,
    "not_equal": jnp.not_equal,
    "less": jnp.less,
    "less_equal": jnp.less_equal,
    "greater": jnp.greater,
    "greater_equal": jnp.greater_equal,
    "logical_and": jnp.logical_and,
    "logical_or": jnp.logical_or,
    "logical_not": jnp.logical_not,
    "select_where": compiled(lambda condition, x1, x2: jnp.where(condition, x1, x2)),
    "relu": compiled(lambda x: x if x.dtype == bool else jax.nn.relu(x)),
    "sigmoid": jax.nn.sigmoid,
    "sum": _reduce(jnp.sum),
    "product": _reduce(jnp.prod),
    "mean": _plain(jnp.mean),
    "amax": _plain(jnp.max),
    "amin": _plain(jnp.min),
    "argmax": _arg(jnp.argmax),
    "argmin": _arg(jnp.argmin),
    "any": _plain(jnp.any),
    "all": _plain(jnp.all),
    "reshape": lambda x, newshape: _reshape(x, newshape),
    "transpose": compiled(jnp.transpose, "axes"),
    "expand_dims": compiled(jnp.expand_dims, "axis"),
    "squeeze": compiled(jnp.squeeze, "axis"),
    "concatenate": compiled(jnp.concatenate, "axis"),
    "stack": compiled(jnp.stack, "axis"),
    "split": _split,
    "broadcast_to": lambda x, shape: _broadcast_to(x, shape),
    "matmul": jnp.matmul,
    "zeros": lambda shape, dtype=None: _zeros(_hashable(shape), _native(dtype)),
    "ones": lambda shape, dtype=None: _ones(_hashable(shape), _native(dtype)),
    "zeros_like": lambda x, dtype=None: jnp.zeros_like(x, None if dtype is None else _native(dtype)),
    "ones_like": lambda x, dtype=None: jnp.ones_like(x, None if dtype is None else _native(dtype)),
    "one_hot_dense": lambda x, num_classes, axis=-1, dtype=None: jax.nn.one_hot(
        x, num_classes, dtype=_native(dtype), axis=axis
    ),
    "cast": cast,
    "stop_gradient": jax.lax.stop_gradient,
    "power": _power,
    "mod": _by_zero(jnp.mod),
    "fmod": _by_zero(jnp.fmod),
    "clip": jnp.clip,
    "gcd": jnp.gcd,
    "nextafter": jnp.nextafter,
    "trunc": _whole(jnp.trunc),
    "rint": _whole(jnp.rint),
    "exp2": jnp.exp2,
    "log2": jnp.log2,
    "log10": jnp.log10,
    "tan": jnp.tan,
    "sinh": jnp.sinh,
    "cosh": jnp.cosh,
    "arcsin": jnp.arcsin,
    "arccos": jnp.arccos,
    "arctan": jnp.arctan,
    "arctan2": jnp.arctan2,
    "arcsinh": jnp.arcsinh,
    "arccosh": jnp.arccosh,
    "arctanh": jnp.arctanh,
    "erf": jax.lax.erf,
    "erfc": jax.lax.erfc,
    "erfinv": jax.lax.erf_inv,
    "i0": jnp.i0,
    "isnan": jnp.isnan,
    "isinf": jnp.isinf,
    "isfinite": jnp.isfinite,
    "signbit": lambda x: jnp.signbit(x) if jnp.issubdtype(x.dtype, jnp.floating) else x < 0,
    "conj": lambda x: jnp.conj(x) if jnp.iscomplexobj(x) else x,
    "real": jnp.real,
    "imag": jnp.imag,
    "bitwise_and": jnp.bitwise_and,
    "bitwise_or": jnp.bitwise_or,
    "bitwise_xor": jnp.bitwise_xor,
    "bitwise_invert": jnp.invert,
    "bitwise_left_shift": jnp.left_shift,
    "bitwise_right_shift": jnp.right_shift,
    "running_sum": lambda x, axis: jnp.cumsum(x, axis, x.dtype),
    "running_product": lambda x, axis: jnp.cumprod(x, axis, x.dtype),
    "unstack": _unstack,
    "tile_by": jnp.tile,
    "repeat_along": lambda x, repeats, axis: jnp.repeat(
        x, repeats if isinstance(repeats, int) else np.asarray(repeats), axis
    ),
    "full_of": lambda shape, fill_value, dtype: jnp.full(shape, fill_value, _native(dtype)),
    "arange_of": lambda start, stop, step, dtype: jnp.arange(start, stop, step, _native(dtype)),
    "basic_item": lambda x, key: x[key],
    "take": compiled(_take, "axis"),
    "take_along": _take_along,
    "nonzero": _nonzero,
    "dynamic_slice": _dynamic_slice,
    "update_slice": _update_slice,
    "scatter_rows": _scatter_rows,
    "pad_constant": lambda x, widths, value: jnp.pad(x, widths, constant_values=value),
    "reverse": jnp.flip,
    "roll_along": jnp.roll,
    "copy": lambda x: jnp.array(x, copy=True),
    "view": _view,
    "sort_along": lambda x, axis=-1: jnp.sort(x, axis),
    "argsort_along": lambda x, axis=-1: jnp.argsort(x, axis, stable=True).astype("int32"),
    "top_k": _top_k,
    "searchsorted": _searchsorted,
    "einsum": lambda subscripts, *operands, **kwargs: _einsum(subscripts, *operands),
}

OVERRIDES: dict[str, Any] = {
    **control.OVERRIDES,
    "where": lambda condition, x1=None, x2=None: _nonzero(condition) if x1 is None else jnp.where(condition, x1, x2),
    "tril": jnp.tril,
    "triu": jnp.triu,
    "swapaxes": jnp.swapaxes,
    "moveaxis": jnp.moveaxis,
    "ravel": jnp.ravel,
    "logaddexp": jnp.logaddexp,
}
GAPS: dict[str, str] = {}
