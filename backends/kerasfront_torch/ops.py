"""The primitives on PyTorch."""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd import forward_ad

from kerasfront.spec import dtypes, shapes
from kerasfront_torch import control
from kerasfront_torch.device import HAS_GPU, default_device
from kerasfront_torch.dtypes import NATIVE


def _mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    # The arguments are positional, since keywords double the time of torch's argument parser. Without axes, torch
    # reduces all of them.
    return x if axis == () else torch.mean(x, axis, keepdims)


def _sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if axis == ():
        return x
    return torch.sum(x, axis, keepdims) if x.is_floating_point() else torch.sum(x, axis, keepdims, dtype=x.dtype)


def _transpose(x: Any, axes: Any = None) -> Any:
    if axes is None:
        return x.t() if x.ndim <= 2 else x.permute(tuple(range(x.ndim))[::-1])
    return x.permute(axes)


def _product(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    if any(not -x.ndim <= a < x.ndim for a in axes) or len({a % x.ndim for a in axes}) < len(axes):
        raise IndexError(f"no axes {axis} in rank {x.ndim}")
    for a in sorted((a % x.ndim for a in axes), reverse=True):
        x = torch.prod(x, a, keepdim=keepdims, dtype=x.dtype)
    return x


def _over_all(function: Any) -> Any:
    def reduce(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        if axis == ():
            return x
        return function(x, dim=tuple(range(x.ndim)) if axis is None else axis, keepdim=keepdims)

    return reduce


def _arg(function: Any) -> Any:
    def arg(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return function(x, dim=axis, keepdim=keepdims).to(torch.int32)

    return arg


def _take(x: Any, indices: Any, axis: Any = None) -> Any:
    if axis is None:
        x, axis = x.reshape(-1), 0
    if not -x.ndim <= axis < x.ndim:
        raise IndexError(f"no axis {axis} in rank {x.ndim}")
    axis %= x.ndim
    indices = _indices(indices, x.shape[axis])
    if axis == 0 and x.ndim == 2:
        return F.embedding(indices, x)
    out = torch.index_select(x, axis, indices.reshape(-1))
    return out.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def _one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Any:
    hot = (x.unsqueeze(-1) == torch.arange(num_classes, device=x.device)).to(NATIVE[dtypes.standardize(dtype)])
    return torch.moveaxis(hot, -1, axis)


def _expand(x: Any, axis: Any) -> Any:
    axes = (axis,) if isinstance(axis, int) else axis
    ndim = x.ndim + len(axes)
    for a in shapes.axes_of(axes, ndim):
        x = x.unsqueeze(a)
    return x


def _squeeze(x: Any, axis: Any = None) -> Any:
    if axis is None:
        return torch.squeeze(x)
    out = torch.squeeze(x, axis)
    if out.ndim != x.ndim - (
        1 if isinstance(axis, int) else len(axis)
    ):  # torch doesn't squeeze axes of other sizes, and doesn't complain
        shapes.squeeze(x, axis)
    return out


def _sign(x: Any) -> Any:
    out = torch.sgn(x)
    return torch.where(x.isnan(), x, out) if x.is_floating_point() else out


def _split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    if isinstance(indices_or_sections, int) and x.shape[axis] % indices_or_sections:
        raise ValueError("unequal parts")
    return list(
        torch.tensor_split(
            x, indices_or_sections if isinstance(indices_or_sections, int) else tuple(indices_or_sections), axis
        )
    )


def _made(function: Any) -> Any:
    def make(shape: Any, dtype: Any = None) -> Any:
        return function(shape, dtype=NATIVE[dtypes.standardize(dtype)], device=default_device())

    return make


def _power(x1: Any, x2: Any) -> Any:
    if x1.is_floating_point() or x1.is_complex() or x1.dtype == torch.uint8:
        return torch.pow(x1, x2)
    # An integer 0 to a negative power is 0 here, and an error in torch.
    return torch.where((x1 == 0) & (x2 < 0), x1, torch.pow(torch.where((x1 == 0) & (x2 < 0), 1, x1), x2))


def _whole(function: Any) -> Any:
    return lambda x: function(x) if x.is_floating_point() else x


def _rint(x: Any) -> Any:
    return torch.complex(torch.round(x.real), torch.round(x.imag)) if x.is_complex() else _whole(torch.round)(x)


def _via(function: Any, *lacking: torch.dtype) -> Any:
    """Wrap a function so that it computes in a wider dtype for those that its kernel lacks."""
    wide = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.bool: torch.uint8}

    @functools.wraps(function)
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        if x.dtype not in lacking:
            return function(x, *args, **kwargs)
        to = wide.get(x.dtype, torch.int64)
        args = tuple(a.to(to) if isinstance(a, torch.Tensor) and a.dtype == x.dtype else a for a in args)
        return function(x.to(to), *args, **kwargs).to(x.dtype)

    return call


def product(function: Any) -> Any:
    """Wrap a product so that it takes integers on every device: CUDA multiplies matrices of floats only."""
    if not HAS_GPU:
        return function

    def call(*args: Any, **kwargs: Any) -> Any:
        first = next(a for a in args if isinstance(a, torch.Tensor))
        if not first.is_cuda or first.is_floating_point() or first.is_complex():
            return function(*args, **kwargs)
        # Sums of products of 16-bit integers are exact in float64. Wider integers are multiplied on the host, where
        # they wrap around as on other backends.
        exact = first.dtype.itemsize <= 2
        args = tuple(a if not isinstance(a, torch.Tensor) else a.double() if exact else a.cpu() for a in args)
        return function(*args, **kwargs).to(torch.int64).to(first.device, first.dtype)

    return call


def _by_zero(function: Any) -> Any:
    """Wrap a division so that integers divided by 0 give 0."""

    def divide(x1: Any, x2: Any) -> Any:
        if x1.is_floating_point():
            return function(x1, x2)
        zero = x2 == 0
        return torch.where(zero, 0, function(x1, torch.where(zero, 1, x2))).to(x1.dtype)

    return divide


def _floor_divide(x1: Any, x2: Any) -> Any:
    return torch.div(x1, x2, rounding_mode="floor")  # torch.floor_divide has no gradient


_WIDE_UINT = (torch.uint16, torch.uint32, torch.uint64)


def _indices(indices: Any, size: int) -> Any:
    """Return indices from 0, int32 or int64; those out of range are clipped."""
    if indices.dtype is not torch.int32:
        indices = indices.long()
    if _all_within(indices, size):
        return indices
    # The sign, as ones or zeros in all bits, selects whether to add the size. This is twice as fast as torch.where.
    sign = indices >> (31 if indices.dtype is torch.int32 else 63)
    return (indices + (sign & size)).clamp(0, size - 1)


def _all_within(indices: Any, size: int) -> bool:
    """Return whether all indices are known to be in range; to check costs less than to correct them."""
    if type(indices) is not torch.Tensor or not indices.numel() or not _is_known(indices):
        return False
    low, high = torch.aminmax(indices)
    return bool(low.item() >= 0 and high.item() < size)


def _take_along(x: Any, indices: Any, axis: int) -> Any:
    return torch.take_along_dim(x, _indices(indices.long(), x.shape[axis]), axis)


def _nonzero(x: Any) -> tuple[Any, ...]:
    if not x.ndim:
        raise ValueError("a scalar has no axes")
    return tuple(i.to(torch.int32) for i in torch.nonzero(x, as_tuple=True))


def _item(x: Any, key: Any) -> Any:
    # torch has no slices with negative steps.
    turned: list[int] = []
    plain: list[Any] = []
    axis = 0
    for part in key:
        if isinstance(part, slice) and part.step is not None and part.step < 0:
            start, stop, step = part.indices(x.shape[axis])
            count = max(0, -(-(stop - start) // step))
            last = start + (count - 1) * step
            part = slice(last, start + 1, -step) if count else slice(0, 0)
            turned.append(len([p for p in plain if not isinstance(p, int)]))
        plain.append(part)
        axis += part is not None
    out = x[tuple(plain)]
    return torch.flip(out, turned) if turned else out


def _starts(x: Any, start: Any, shape: Any) -> list[Any]:
    sizes = torch.tensor(tuple(x.shape), device=start.device)
    room = sizes - torch.tensor(tuple(shape), device=start.device)
    start = torch.where(start < 0, start + sizes, start)
    return list(torch.minimum(start, room).clamp(min=0))


def _dynamic_slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    if start_indices.numel() and _is_known(start_indices):
        for axis, (s, n) in enumerate(zip(_starts(inputs, start_indices, shape), shape, strict=True)):
            inputs = inputs.narrow(axis, int(s), n)
        return inputs
    # This way the start indices stay on the device.
    for axis, (s, n) in enumerate(zip(_starts(inputs, start_indices, shape), shape, strict=True)):
        if n != inputs.shape[axis]:
            inputs = torch.index_select(inputs, axis, s + torch.arange(n, device=inputs.device))
    return inputs


def _update_slice(inputs: Any, start_indices: Any, updates: Any) -> Any:
    starts = _starts(inputs, start_indices, updates.shape)
    index = [
        (s + torch.arange(n, device=inputs.device)).reshape([-1 if i == axis else 1 for i in range(inputs.ndim)])
        for axis, (s, n) in enumerate(zip(starts, updates.shape, strict=True))
    ]
    return torch.index_put(inputs, tuple(index), updates) if inputs.ndim else updates


_FIRST_BIT = torch.iinfo(torch.int64).min
_COMBINE = {"max": "amax", "min": "amin", "mul": "prod"}


def _scatter_rows(x: Any, ids: Any, updates: Any, reduction: str) -> Any:
    if x.dtype == torch.uint64 and reduction in ("max", "min"):
        # Signed integers with the first bit flipped are in the same order.
        signed = (v.view(torch.int64) ^ _FIRST_BIT for v in (x, updates))
        return (_scatter_rows(next(signed), ids, next(signed), reduction) ^ _FIRST_BIT).view(torch.uint64)
    n = x.shape[0]
    # Ids out of range go to an extra row. Negative ids are far above n when the first bit is ignored.
    ids = (ids.long() & torch.iinfo(torch.int64).max).clamp(max=n)
    rows = torch.cat([x, x.new_zeros((1, *x.shape[1:]))])
    if reduction == "set":
        return torch.index_copy(rows, 0, ids, updates)[:n]
    if reduction == "add":
        return torch.index_add(rows, 0, ids, updates)[:n]
    if reduction == "mul" and any(forward_ad.unpack_dual(v).tangent is not None for v in (x, updates)):
        raise NotImplementedError("forward derivatives of products by index: torch takes them for 0")
    index = ids.reshape(-1, *(1,) * (x.ndim - 1)).expand(updates.shape)
    return torch.scatter_reduce(rows, 0, index, updates, _COMBINE[reduction])[:n]


def _pad(x: Any, widths: Any, value: Any) -> Any:
    if x.dtype == torch.bool:
        return _pad(x.to(torch.uint8), widths, bool(value)).bool()
    return F.pad(x, [w for pair in reversed(widths) for w in pair], value=value) if x.ndim else x


def _repeat(x: Any, repeats: Any, axis: int) -> Any:
    if not isinstance(repeats, int):
        repeats = repeats[0] if len(repeats) == 1 else torch.tensor(repeats, device=x.device)
    return torch.repeat_interleave(x, repeats, axis)


def _full(shape: Any, fill_value: Any, dtype: str) -> Any:
    return (
        fill_value.to(device=default_device(), dtype=NATIVE[dtype])
        .expand((shape,) if isinstance(shape, int) else tuple(shape))
        .clone()
    )


def _arange(start: Any, stop: Any, step: Any, dtype: str) -> Any:
    whole = all(isinstance(v, int) for v in (start, stop, step))
    if (stop - start) * step <= 0:
        return torch.zeros(0, dtype=NATIVE[dtype], device=default_device())
    return torch.arange(start, stop, step, dtype=torch.int64 if whole else torch.float64, device=default_device()).to(
        NATIVE[dtype]
    )


def _top_k(x: Any, k: int, sorted: bool = True) -> Any:
    if not 0 <= k <= x.shape[-1]:
        raise ValueError("too few elements")
    # torch.topk doesn't say which of several equal elements comes first.
    values, indices = torch.sort(x, dim=-1, descending=True, stable=True)
    return values[..., :k], indices[..., :k].to(torch.int32)


def _searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    return torch.searchsorted(
        sorted_sequence.contiguous(), values.to(sorted_sequence.device).contiguous(), side=side, out_int32=True
    )


def _clip(x: Any, x_min: Any, x_max: Any) -> Any:
    # torch.clamp is four times as fast with numbers as with 0-d tensors.
    if x_min is None or x_max is None:
        bound = [limit if limit is None else limit.to(x.device) for limit in (x_min, x_max)]
        return torch.clone(x) if x_min is x_max else torch.clamp(x, *bound)
    if x_min.ndim == x_max.ndim == 0 and all(map(_is_known, (x_min, x_max))):
        return torch.clamp(x, x_min.item(), x_max.item())
    return torch.clamp(x, x_min.to(x.device), x_max.to(x.device))


def _broadcast_to(x: Any, shape: Any) -> Any:
    shape = (shape,) if isinstance(shape, int) else shape
    if -1 in shape:  # torch would read -1 as the size that x has
        raise ValueError("a size below 0")
    return torch.broadcast_to(x, shape)


def _unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    out = list(torch.unbind(x, axis))
    if num is not None and len(out) != num:
        raise ValueError(f"{len(out)} slices")
    return out


def _of_numbers(function: Any) -> Any:
    """Wrap a function whose results are on the device, so that numbers, which stay on the host, go there first."""
    if not HAS_GPU:
        return function

    @functools.wraps(function)
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        return function(x if x.ndim else x.to(default_device()), *args, **kwargs)

    return call


def _where_on_device(condition: Any, a: Any, b: Any) -> Any:
    # torch.where would copy a number to the device and wait for the copy.
    if a.dtype == b.dtype and condition.ndim and (a.is_floating_point() or a.dtype in (torch.int32, torch.int64)):
        if b.ndim == 0 and a.ndim and _is_known(b):
            return torch.masked_fill(a, ~condition, b.item())
        if a.ndim == 0 and b.ndim and _is_known(a):
            return torch.masked_fill(b, condition, a.item())
    return torch.where(condition, a, b)


_where = _where_on_device if HAS_GPU else torch.where


def _is_known(bound: Any) -> bool:
    """Return whether the value can be read on the host: nothing traces, differentiates or maps it."""
    plain = not bound.requires_grad and bound.device.type == "cpu" and not torch.compiler.is_compiling()
    return plain and not torch._C._functorch.is_functorch_wrapped_tensor(bound)


PRIMITIVES: dict[str, Any] = {
    "add": torch.add,
    "subtract": lambda x1, x2: torch.logical_xor(x1, x2) if x1.dtype == torch.bool else torch.sub(x1, x2),
    "multiply": torch.mul,
    "divide": torch.true_divide,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "floor_divide": _via(_by_zero(_floor_divide), *_WIDE_UINT),
    "negative": torch.neg,
    "abs": torch.abs,
    "square": torch.square,
    "sign": _sign,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "sin": torch.sin,
    "cos": torch.cos,
    "tanh": torch.tanh,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "equal": torch.eq,
    "not_equal": torch.ne,
    "less": torch.lt,
    "less_equal": torch.le,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_not": torch.logical_not,
    "select_where": _where,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "sum": _sum,
    "product": _product,
    "mean": _mean,
    "amax": _over_all(torch.amax),
    "amin": _over_all(torch.amin),
    "argmax": _arg(torch.argmax),
    "argmin": _arg(torch.argmin),
    "any": _over_all(torch.any),
    "all": _over_all(torch.all),
    "reshape": _of_numbers(
        lambda x, newshape: torch.reshape(x, (newshape,) if isinstance(newshape, int) else newshape)
    ),
    "transpose": _transpose,
    "expand_dims": _of_numbers(_expand),
    "squeeze": _squeeze,
    "concatenate": torch.cat,
    "stack": torch.stack,
    "split": _split,
    "broadcast_to": _of_numbers(_broadcast_to),
    "matmul": product(torch.matmul),
    "zeros": _made(torch.zeros),
    "ones": _made(torch.ones),
    "zeros_like": lambda x, dtype=None: torch.zeros_like(x, dtype=None if dtype is None else NATIVE[dtype]),
    "ones_like": lambda x, dtype=None: torch.ones_like(x, dtype=None if dtype is None else NATIVE[dtype]),
    "take": _take,
    "one_hot_dense": _one_hot,
    "cast": lambda x, dtype: x.to(NATIVE[dtype]),
    "stop_gradient": torch.detach,
    "power": _power,
    "mod": _via(_by_zero(torch.remainder), *_WIDE_UINT),
    "fmod": _via(_by_zero(torch.fmod), *_WIDE_UINT),
    "clip": _clip,
    "gcd": torch.gcd,
    "nextafter": torch.nextafter,
    "trunc": _whole(torch.trunc),
    "rint": _rint,
    "exp2": torch.exp2,
    "log2": torch.log2,
    "log10": torch.log10,
    "tan": torch.tan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "arcsin": torch.arcsin,
    "arccos": torch.arccos,
    "arctan": torch.arctan,
    "arctan2": torch.arctan2,
    "arcsinh": torch.arcsinh,
    "arccosh": torch.arccosh,
    "arctanh": torch.arctanh,
    "erf": torch.erf,
    "erfc": torch.erfc,
    "erfinv": torch.erfinv,
    "i0": torch.special.i0,
    "isnan": torch.isnan,
    "isinf": torch.isinf,
    "isfinite": torch.isfinite,
    "signbit": torch.signbit,
    "conj": torch.conj_physical,
    "real": lambda x: torch.real(x) if x.is_complex() else x,
    "imag": lambda x: torch.imag(x) if x.is_complex() else torch.zeros_like(x),
    "bitwise_and": torch.bitwise_and,
    "bitwise_or": torch.bitwise_or,
    "bitwise_xor": torch.bitwise_xor,
    "bitwise_invert": torch.bitwise_not,
    "bitwise_left_shift": _via(torch.bitwise_left_shift, *_WIDE_UINT),
    "bitwise_right_shift": _via(torch.bitwise_right_shift, *_WIDE_UINT),
    "running_sum": lambda x, axis: torch.cumsum(x, axis, dtype=x.dtype),
    "running_product": lambda x, axis: torch.cumprod(x, axis, dtype=x.dtype),
    "unstack": _unstack,
    "tile_by": torch.tile,
    "repeat_along": _repeat,
    "full_of": _full,
    "arange_of": _arange,
    "basic_item": _item,
    "take_along": _take_along,
    "nonzero": _nonzero,
    "dynamic_slice": _dynamic_slice,
    "update_slice": _update_slice,
    "scatter_rows": _scatter_rows,
    "pad_constant": _pad,
    "reverse": torch.flip,
    "roll_along": torch.roll,
    "copy": torch.clone,
    "view": lambda x, dtype=None: x if dtype is None else x.contiguous().view(NATIVE[dtype]),
    "sort_along": lambda x, axis=-1: torch.sort(x, axis)[0],
    "argsort_along": lambda x, axis=-1: torch.argsort(x, dim=axis, stable=True).to(torch.int32),
    "top_k": _top_k,
    "searchsorted": _searchsorted,
    "einsum": product(lambda how, *operands, **kwargs: torch.einsum(how, *operands).to(operands[0].dtype)),
}


def _affine(x: Any, kernel: Any, bias: Any = None) -> Any:
    if bias is not None and x.ndim == 2:
        return torch.addmm(bias, x, kernel)
    return F.linear(x, kernel.t(), bias)


OVERRIDES: dict[str, Any] = {
    "affine": product(_affine),
    "count_argmax": lambda index, x, dtype="int32": torch.eq(torch.argmax(x, -1), index).sum(dtype=NATIVE[dtype]),
    **control.OVERRIDES,
    "where": lambda condition, x1=None, x2=None: _nonzero(condition) if x1 is None else _where(condition, x1, x2),
    "tril": torch.tril,
    "triu": torch.triu,
    "swapaxes": torch.swapaxes,
    "ravel": _of_numbers(torch.ravel),
}
GAPS: dict[str, str] = {}
