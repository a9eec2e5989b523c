"""Convolution, pooling and the like on NumPy, spelled out: the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def _wide(x: Any) -> Any:
    """Return half precision as float32, in which it is accumulated."""
    return x.astype(np.float32) if x.dtype.itemsize < 4 else x


def _last(x: Any, data_format: str) -> Any:
    return x if data_format == "channels_last" else np.moveaxis(x, 1, -1)


def _as_given(x: Any, data_format: str) -> Any:
    return x if data_format == "channels_last" else np.moveaxis(x, -1, 1)


def _pads(size: int, window: int, stride: int, padding: str, dilation: int = 1) -> tuple[int, int]:
    reach = dilation * (window - 1) + 1
    if padding == "causal":
        return reach - 1, 0
    total = max((-(-size // stride) - 1) * stride + reach - size, 0) if padding == "same" else 0
    return total // 2, total - total // 2


def _windows(x: Any, window: Any, strides: Any, padding: str, dilation: Any = None, fill: float = 0) -> Any:
    """Return views of (batch, *spatial, channels) as (batch, *lengths, channels, *window)."""
    rank = x.ndim - 2
    dilation = dilation or (1,) * rank
    rows = zip(x.shape[1:-1], window, strides, dilation, strict=True)
    x = np.pad(x, [(0, 0), *(_pads(n, k, s, padding, d) for n, k, s, d in rows), (0, 0)], constant_values=fill)
    reach = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(x, reach, tuple(range(1, rank + 1)))
    steps, gaps = (slice(None, None, s) for s in strides), (slice(None, None, d) for d in dilation)
    return views[(slice(None), *steps, slice(None), *gaps)]


def _convolution(
    inputs: Any,
    kernel: Any,
    bias: Any,
    strides: Any,
    padding: str,
    data_format: str,
    dilation_rate: Any,
    groups: int,
) -> Any:
    rank = inputs.ndim - 2
    views = _windows(_wide(_last(inputs, data_format)), kernel.shape[:-2], strides, padding, dilation_rate)
    parts = []
    for x, w in zip(np.split(views, groups, rank + 1), np.split(_wide(kernel), groups, -1), strict=True):
        # x: (batch, *lengths, channels, *window); w: (*window, channels, filters)
        parts.append(np.tensordot(x, np.moveaxis(w, -2, 0), rank + 1))
    y = np.concatenate(parts, -1)
    y = y if bias is None else y + _wide(bias)
    return _as_given(y, data_format).astype(inputs.dtype)


def _transposed_convolution(
    inputs: Any, kernel: Any, bias: Any, strides: Any, crops: Any, data_format: str, dilation_rate: Any
) -> Any:
    rank = inputs.ndim - 2
    x = _last(inputs, data_format)
    spread = np.zeros(
        (x.shape[0], *((n - 1) * s + 1 for n, s in zip(x.shape[1:-1], strides, strict=True)), x.shape[-1]),
        x.dtype,
    )
    spread[(slice(None), *(slice(None, None, s) for s in strides))] = x
    full = [(k - 1) * d for k, d in zip(kernel.shape[:-2], dilation_rate, strict=True)]
    flipped = np.swapaxes(np.flip(kernel, tuple(range(rank))), -1, -2)
    spread = np.pad(spread, [(0, 0), *((r, r) for r in full), (0, 0)])
    y = _convolution(spread, flipped, None, (1,) * rank, "valid", "channels_last", dilation_rate, 1)
    for axis, (before, after) in enumerate(crops, 1):
        y = np.pad(y, [(0, max(-after, 0) if i == axis else 0) for i in range(y.ndim)])
        y = np.take(y, range(before, max(y.shape[axis] - max(after, 0), before)), axis)
    return _as_given(y if bias is None else y + bias, data_format)


def _lowest(dtype: Any) -> Any:
    if dtype.kind == "b":
        return False
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _pooling_max(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
    views = _windows(_last(inputs, data_format), pool_size, strides, padding, fill=_lowest(inputs.dtype))
    return _as_given(views.max(tuple(range(inputs.ndim, views.ndim))), data_format)


def _pooling_average(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
    x = _wide(_last(inputs, data_format))
    axes = tuple(range(x.ndim, 2 * x.ndim - 2))
    total = _windows(x, pool_size, strides, padding).sum(axes)
    count = _windows(np.ones((1, *x.shape[1:-1], 1), x.dtype), pool_size, strides, padding).sum(axes)
    return _as_given(total / count, data_format).astype(inputs.dtype)


def _adaptive(reduce: Any) -> Any:
    def pool(inputs: Any, output_size: Any, data_format: str) -> Any:
        for axis, length in enumerate(output_size, 1 if data_format == "channels_last" else 2):
            if length is not None:
                n = inputs.shape[axis]
                parts = [
                    np.take(inputs, range(i * n // length, -(-(i + 1) * n // length)), axis) for i in range(length)
                ]
                inputs = np.stack([reduce(p, axis) for p in parts], axis)
        return inputs

    return pool


def _block_indices(size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> list[Any]:
    """Return for each dim the index into the padded image by (block, element)."""
    out = []
    for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True):
        blocks = (n + 2 * p - (k - 1) * d - 1) // s + 1
        out.append(np.arange(blocks)[:, None] * s + np.arange(k) * d)
    return out


def _unfold(x: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    rows, columns = _block_indices(x.shape[2:], kernel_size, dilation, padding, stride)
    x = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    out = x[:, :, rows.T[:, None, :, None], columns.T[None, :, None, :]]
    return out.reshape(x.shape[0], x.shape[1] * math.prod(kernel_size), len(rows) * len(columns))


def _fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    rows, columns = _block_indices(output_size, kernel_size, dilation, padding, stride)
    blocks = x.reshape(x.shape[0], x.shape[1] // math.prod(kernel_size), *kernel_size, len(rows), len(columns))
    out = np.zeros((*blocks.shape[:2], *(n + 2 * p for n, p in zip(output_size, padding, strict=True))), x.dtype)
    for i, j in np.ndindex(*kernel_size):
        np.add.at(out, np.ix_(range(len(out)), range(out.shape[1]), rows[:, i], columns[:, j]), blocks[:, :, i, j])
    return out[:, :, padding[0] : padding[0] + output_size[0], padding[1] : padding[1] + output_size[1]]


def _shifted(x: Any, axis: Any) -> Any:
    if not x.ndim:
        raise ValueError("a scalar has no axes")
    return x - np.max(x, axis=axis, keepdims=True, initial=-np.inf)


def _softmax(x: Any, axis: Any = -1) -> Any:
    with np.errstate(invalid="ignore"):
        powers = np.exp(_shifted(_wide(x), axis))
        return (powers / powers.sum(axis, keepdims=True)).astype(x.dtype)


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    with np.errstate(invalid="ignore", divide="ignore"):
        shifted = _shifted(_wide(x), axis)
        return (shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))).astype(x.dtype)


def _sparse_crossentropy(target: Any, logits: Any) -> Any:
    if target.shape != logits.shape[:-1]:
        raise ValueError("the targets need the shape of the logits without the last axis")
    index = np.asarray(target).astype("int64")[..., None]
    if np.any((index < 0) | (index >= logits.shape[-1])):
        raise ValueError(f"Expected classes from 0 to {logits.shape[-1] - 1}, got {index.min()} to {index.max()}.")
    return -np.take_along_axis(_log_softmax(logits), index, -1)[..., 0]


PRIMITIVES: dict[str, Any] = {
    "convolution": _convolution,
    "transposed_convolution": _transposed_convolution,
    "pooling_max": _pooling_max,
    "pooling_average": _pooling_average,
    "adaptive_average": _adaptive(lambda x, axis: x.mean(axis, dtype=x.dtype)),
    "adaptive_max": _adaptive(lambda x, axis: x.max(axis)),
    "unfold_blocks": _unfold,
    "fold_blocks": _fold,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "sparse_softmax_crossentropy": _sparse_crossentropy,
    "polar": lambda abs_, angle: (abs_ * np.exp(1j * angle)).astype(
        "complex128" if abs_.dtype == "float64" else "complex64"
    ),
}

OVERRIDES: dict[str, Any] = {}
