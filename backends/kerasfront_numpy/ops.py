"""The primitives on NumPy."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from kerasfront.spec import dtypes


def _sigmoid(x: Any) -> Any:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), 1 - 1 / (1 + np.exp(-np.abs(x)))).astype(x.dtype)


def _softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: int = -1) -> Any:
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _reduce(function: Any) -> Any:
    return lambda x, axis=None, keepdims=False: function(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def _arg(function: Any) -> Any:
    return lambda x, axis=None, keepdims=False: function(x, axis=axis, keepdims=keepdims).astype("int32")


def _one_hot(x: Any, num_classes: int, axis: int = -1, dtype: str | None = None) -> Any:
    hot = np.arange(num_classes) == np.asarray(x)[..., None]
    return np.moveaxis(hot.astype(dtypes.to_numpy(dtypes.standardize(dtype))), -1, axis)


def _float_power(x1: Any, x2: Any) -> Any:
    if x1.dtype.kind not in "iu":
        return np.power(x1, x2)
    inverse = np.where(x1 == 1, 1, np.where(x1 == -1, 1 - 2 * (x2 & 1).astype("int64"), 0)).astype(x1.dtype)
    return np.where(x2 < 0, inverse, np.power(x1, np.maximum(x2, 0))).astype(x1.dtype)


def _each(function: Any) -> Any:
    """Return a function of one Python float for every element."""
    by_element = np.frompyfunc(function, 1, 1)
    return lambda x: np.asarray(by_element(np.asarray(x, "float64"))).astype(x.dtype)


def _erfinv(x: float) -> float:
    if abs(x) >= 1 or x != x:
        return math.copysign(math.inf, x) if abs(x) == 1 else math.nan
    y = NormalDist().inv_cdf((x + 1) / 2) / math.sqrt(2)
    # A step of Newton's method makes small results exact to the last digits.
    return y - (math.erf(y) - x) * math.sqrt(math.pi) / 2 * math.exp(y * y)


def _via(wide: str, function: Any) -> Any:
    """Wrap a function so that it computes in a wider dtype, for dtypes that NumPy's lacks: mostly bfloat16."""
    return lambda *args: function(*[np.asarray(a).astype(wide) for a in args]).astype(args[0].dtype)


def _by_zero(function: Any) -> Any:
    """Wrap a division so that integers divided by 0 give 0, without a warning."""

    def divide(x1: Any, x2: Any) -> Any:
        if x1.dtype.kind not in "iu":
            return function(x1, x2)
        return np.where(x2 == 0, 0, function(x1, np.where(x2 == 0, 1, x2))).astype(x1.dtype)

    return divide


def _whole(function: Any) -> Any:
    return lambda x: function(x) if x.dtype.kind not in "iub" else x


def _test(function: Any, otherwise: bool) -> Any:
    return lambda x: function(x) if x.dtype.kind not in "iub" else np.full(x.shape, otherwise)


def _indices(indices: Any, size: int) -> Any:
    """Return indices from 0; those out of range are clipped."""
    indices = np.asarray(indices).astype("int64")
    return np.clip(np.where(indices < 0, indices + size, indices), 0, size - 1)


def _take(x: Any, indices: Any, axis: Any = None) -> Any:
    x, axis = (np.reshape(x, -1), 0) if axis is None else (x, axis)
    return np.take(x, _indices(indices, x.shape[axis]), axis)


def _take_along(x: Any, indices: Any, axis: int) -> Any:
    at = axis % x.ndim
    dims = np.broadcast_shapes(
        (*x.shape[:at], 1, *x.shape[at + 1 :]), (*indices.shape[:at], 1, *indices.shape[at + 1 :])
    )
    x = np.broadcast_to(x, (*dims[:at], x.shape[at], *dims[at + 1 :]))
    indices = np.broadcast_to(indices, (*dims[:at], indices.shape[at], *dims[at + 1 :]))
    return np.take_along_axis(x, _indices(indices, x.shape[at]), at)


def _dynamic_slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    return inputs[_window(inputs, start_indices, shape)].copy()


def _window(x: Any, start: Any, shape: Any) -> tuple[slice, ...]:
    starts = [
        max(0, min(int(s) + d if s < 0 else int(s), d - n)) for s, n, d in zip(start, shape, x.shape, strict=True)
    ]
    return tuple(slice(s, s + n) for s, n in zip(starts, shape, strict=True))


def _update_slice(inputs: Any, start_indices: Any, updates: Any) -> Any:
    out = np.array(inputs)
    out[_window(inputs, start_indices, updates.shape)] = updates
    return out


_COMBINE = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


def _scatter_rows(x: Any, ids: Any, updates: Any, reduction: str) -> Any:
    ids = np.asarray(ids).astype("int64")
    out, fits = np.array(x), (ids >= 0) & (ids < len(x))
    if reduction == "set":
        out[ids[fits]] = updates[fits]
    else:
        _COMBINE[reduction].at(out, ids[fits], updates[fits])
    return out


def _einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    name = operands[0].dtype
    wide = [x.astype("float32") if name.kind == "V" or name.name == "bfloat16" else x for x in operands]
    return np.asarray(np.einsum(subscripts, *wide)).astype(name)


def _view(x: Any, dtype: Any = None) -> Any:
    native = x.dtype if dtype is None else dtypes.to_numpy(dtype)
    return np.ascontiguousarray(x).view(native) if x.ndim else np.reshape(np.reshape(x, 1).view(native), ())


def _top_k(x: Any, k: int, sorted: bool = True) -> Any:
    if not 0 <= k <= x.shape[-1]:
        raise ValueError("too few elements")
    # Sorting the reversed array in ascending order gives a stable descending order.
    order = x.shape[-1] - 1 - np.argsort(x[..., ::-1], -1, kind="stable")[..., ::-1]
    order = order[..., :k]
    return np.take_along_axis(x, order, -1), order.astype("int32")


def _searchsorted(sorted_sequence: Any, values: Any, side: Any = "left") -> Any:
    if sorted_sequence.ndim == 1:
        return np.searchsorted(sorted_sequence, values, side).astype("int32")
    flat = zip(
        np.reshape(sorted_sequence, (-1, sorted_sequence.shape[-1])),
        np.reshape(values, (-1, values.shape[-1])),
        strict=True,
    )
    places = [np.searchsorted(row, row_values, side) for row, row_values in flat]
    return np.reshape(np.asarray(places, "int32"), values.shape)


def _clip(x: Any, x_min: Any, x_max: Any) -> Any:
    x = np.copy(x) if x_min is None else np.maximum(x, x_min)
    return x if x_max is None else np.minimum(x, x_max)


def _unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    if num not in (None, x.shape[axis]):
        raise ValueError(f"{x.shape[axis]} slices")
    return list(np.moveaxis(x, axis, 0))


PRIMITIVES = {
    "add": np.add,
    "subtract": lambda x1, x2: np.logical_xor(x1, x2) if x1.dtype == bool else np.subtract(x1, x2),
    "multiply": np.multiply,
    "divide": np.true_divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "floor_divide": _by_zero(np.floor_divide),
    "negative": np.negative,
    "abs": np.abs,
    "square": np.square,
    "sign": np.sign,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: (1 / np.sqrt(x)).astype(x.dtype),
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "floor": np.floor,
    "ceil": np.ceil,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_not": np.logical_not,
    "select_where": np.where,
    "relu": lambda x: np.maximum(x, x.dtype.type(0)),
    "sigmoid": _sigmoid,
    "sum": _reduce(np.sum),
    "product": _reduce(np.prod),
    "mean": _reduce(np.mean),
    "amax": lambda x, axis=None, keepdims=False: np.max(x, axis=axis, keepdims=keepdims),
    "amin": lambda x, axis=None, keepdims=False: np.min(x, axis=axis, keepdims=keepdims),
    "argmax": _arg(np.argmax),
    "argmin": _arg(np.argmin),
    "any": lambda x, axis=None, keepdims=False: np.any(x, axis=axis, keepdims=keepdims),
    "all": lambda x, axis=None, keepdims=False: np.all(x, axis=axis, keepdims=keepdims),
    "reshape": np.reshape,
    "transpose": np.transpose,
    "expand_dims": np.expand_dims,
    "squeeze": np.squeeze,
    "concatenate": np.concatenate,
    "stack": np.stack,
    "split": np.split,
    "broadcast_to": np.broadcast_to,
    "matmul": lambda x1, x2: np.asarray(np.matmul(x1, x2)).astype(x1.dtype, copy=False),
    "zeros": lambda shape, dtype=None: np.zeros(shape, dtypes.to_numpy(dtypes.standardize(dtype))),
    "ones": lambda shape, dtype=None: np.ones(shape, dtypes.to_numpy(dtypes.standardize(dtype))),
    "zeros_like": lambda x, dtype=None: np.zeros_like(x, x.dtype if dtype is None else dtypes.to_numpy(dtype)),
    "ones_like": lambda x, dtype=None: np.ones_like(x, x.dtype if dtype is None else dtypes.to_numpy(dtype)),
    "one_hot_dense": _one_hot,
    "cast": lambda x, dtype: np.asarray(x).astype(dtypes.to_numpy(dtype)),
    "stop_gradient": lambda variable: variable,
    "power": _float_power,
    "mod": _by_zero(np.mod),
    "fmod": _by_zero(np.fmod),
    "clip": _clip,
    "gcd": np.gcd,
    "nextafter": np.nextafter,
    "trunc": _whole(np.trunc),
    "rint": _whole(np.rint),
    "exp2": np.exp2,
    "log2": np.log2,
    "log10": np.log10,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
    "arctan2": np.arctan2,
    "arcsinh": np.arcsinh,
    "arccosh": np.arccosh,
    "arctanh": np.arctanh,
    "erf": _each(math.erf),
    "erfc": _each(math.erfc),
    "erfinv": _each(_erfinv),
    "i0": _via("float64", np.i0),
    "isnan": _test(np.isnan, False),
    "isinf": _test(np.isinf, False),
    "isfinite": _test(np.isfinite, True),
    "signbit": lambda x: np.signbit(x) if x.dtype.kind not in "ub" else np.zeros(x.shape, bool),
    "conj": lambda x: np.conj(x) if x.dtype.kind == "c" else x,
    "real": lambda x: np.real(x) if x.dtype.kind == "c" else x,
    "imag": lambda x: np.imag(x) if x.dtype.kind == "c" else np.zeros_like(x),
    "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
    "bitwise_invert": np.invert,
    "bitwise_left_shift": np.left_shift,
    "bitwise_right_shift": np.right_shift,
    "running_sum": lambda x, axis: np.cumsum(x, axis, x.dtype),
    "running_product": lambda x, axis: np.cumprod(x, axis, x.dtype),
    "unstack": _unstack,
    "tile_by": np.tile,
    "repeat_along": np.repeat,
    "full_of": lambda shape, fill_value, dtype: np.full(shape, fill_value, dtypes.to_numpy(dtype)),
    "arange_of": lambda start, stop, step, dtype: np.arange(start, stop, step).astype(dtypes.to_numpy(dtype)),
    "basic_item": lambda x, key: x[key],
    "take": _take,
    "take_along": _take_along,
    "nonzero": lambda x: tuple(i.astype("int32") for i in np.nonzero(x)),
    "dynamic_slice": _dynamic_slice,
    "update_slice": _update_slice,
    "scatter_rows": _scatter_rows,
    "pad_constant": lambda x, widths, value: np.pad(x, widths, constant_values=value),
    "reverse": np.flip,
    "roll_along": np.roll,
    "copy": np.copy,
    "view": _view,
    "sort_along": lambda x, axis=-1: np.sort(x, axis),
    "argsort_along": lambda x, axis=-1: np.argsort(x, axis, kind="stable").astype("int32"),
    "top_k": _top_k,
    "searchsorted": _searchsorted,
    "einsum": _einsum,
}
