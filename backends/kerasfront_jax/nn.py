"""Convolution, pooling, normalization, losses and attention on JAX."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerasfront.errors import CapabilityError
from kerasfront_jax.ops import compiled


def _letters(rank: int, data_format: str, kernel: str = "IO") -> tuple[str, str, str]:
    spatial = "DHW"[-rank:]
    data = f"N{spatial}C" if data_format == "channels_last" else f"NC{spatial}"
    return data, spatial + kernel, data


def _per_channel(v: Any, ndim: int, data_format: str) -> Any:
    return v if data_format == "channels_last" else v.reshape((-1,) + (1,) * (ndim - 2))


def _fitting(y: Any, inputs: Any) -> Any:
    """Return y; raise if a window didn't fit, for which XLA gives an empty result."""
    if 0 in y.shape and 0 not in inputs.shape:
        raise ValueError("a window does not fit")
    return y


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
    pads: Any = padding.upper() if padding != "causal" else [(dilation_rate[0] * (kernel.shape[0] - 1), 0)]
    y = lax.conv_general_dilated(
        inputs,
        kernel,
        strides,
        pads,
        rhs_dilation=dilation_rate,
        feature_group_count=groups,
        dimension_numbers=_letters(inputs.ndim - 2, data_format),
    )
    y = _fitting(y, inputs)
    return y if bias is None else y + _per_channel(bias, y.ndim, data_format)


def _transposed_convolution(
    inputs: Any, kernel: Any, bias: Any, strides: Any, crops: Any, data_format: str, dilation_rate: Any
) -> Any:
    rank = inputs.ndim - 2
    reach = [(k - 1) * d for k, d in zip(kernel.shape[:-2], dilation_rate, strict=True)]
    y = lax.conv_general_dilated(
        inputs,
        jnp.flip(kernel, range(rank)),
        (1,) * rank,
        [(r - before, r - after) for r, (before, after) in zip(reach, crops, strict=True)],
        lhs_dilation=strides,
        rhs_dilation=dilation_rate,
        dimension_numbers=_letters(rank, data_format, "OI"),
    )
    return y if bias is None else y + _per_channel(bias, y.ndim, data_format)


def _around(sizes: Any, data_format: str, fill: Any = 1) -> tuple[Any, ...]:
    return (fill, *sizes, fill) if data_format == "channels_last" else (fill, fill, *sizes)


def _pooling_max(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
    lowest = (
        -np.inf
        if jnp.issubdtype(inputs.dtype, jnp.floating)
        else jnp.iinfo(inputs.dtype).min
        if inputs.dtype != bool
        else False
    )
    window, steps = _around(pool_size, data_format), _around(strides, data_format)
    y = lax.reduce_window(inputs, np.array(lowest, inputs.dtype), lax.max, window, steps, padding.upper())
    return _fitting(y, inputs)


def _pooling_average(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
    window, steps = _around(pool_size, data_format), _around(strides, data_format)
    zero = np.zeros((), inputs.dtype)
    total = _fitting(lax.reduce_window(inputs, zero, lax.add, window, steps, padding.upper()), inputs)
    if padding == "valid":
        return total / np.array(math.prod(pool_size), inputs.dtype)
    ones = jnp.ones(
        [
            1 if size == 1 else n
            for n, size in zip(inputs.shape, _around((0,) * len(pool_size), data_format), strict=True)
        ],
        inputs.dtype,
    )
    return total / lax.reduce_window(ones, zero, lax.add, window, steps, padding.upper())


def _adapted(inputs: Any, output_size: Any, data_format: str, reduce: Any) -> Any:
    start = 1 if data_format == "channels_last" else 2
    for axis, length in enumerate(output_size, start):
        if length is not None:
            inputs = reduce(inputs, axis, length)
    return inputs


def _places(size: int, length: int) -> tuple[Any, Any]:
    """Return the indices that each window covers, padded to equal lengths, and which of them count."""
    i = np.arange(length)
    first, end = i * size // length, -(-(i + 1) * size // length)
    index = first[:, None] + np.arange((end - first).max())
    return np.minimum(index, end[:, None] - 1), index < end[:, None]


def _window_mean(x: Any, axis: int, length: int) -> Any:
    index, counts = _places(x.shape[axis], length)
    weights = (counts / counts.sum(1, keepdims=True)).astype(x.dtype)
    picked = jnp.take(x, index, axis)
    return (picked * weights.reshape(weights.shape + (1,) * (x.ndim - axis - 1))).sum(axis + 1)


def _window_max(x: Any, axis: int, length: int) -> Any:
    return jnp.take(x, _places(x.shape[axis], length)[0], axis).max(axis + 1)


def _block_indices(size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> list[Any]:
    """Return for each dim the index into the padded image by (block, element)."""
    out = []
    for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True):
        blocks = (n + 2 * p - (k - 1) * d - 1) // s + 1
        out.append(np.arange(blocks)[:, None] * s + np.arange(k) * d)
    return out


def _unfold(x: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    rows, columns = _block_indices(x.shape[2:], kernel_size, dilation, padding, stride)
    x = jnp.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    out = x[:, :, rows.T[:, None, :, None], columns.T[None, :, None, :]]
    return out.reshape(x.shape[0], x.shape[1] * math.prod(kernel_size), len(rows) * len(columns))


def _fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    rows, columns = _block_indices(output_size, kernel_size, dilation, padding, stride)
    blocks = x.reshape(x.shape[0], -1, *kernel_size, len(rows), len(columns))
    out = jnp.zeros((*blocks.shape[:2], *(n + 2 * p for n, p in zip(output_size, padding, strict=True))), x.dtype)
    out = out.at[:, :, rows.T[:, None, :, None], columns.T[None, :, None, :]].add(blocks)
    return out[:, :, padding[0] : padding[0] + output_size[0], padding[1] : padding[1] + output_size[1]]


def _sparse_crossentropy(target: Any, logits: Any) -> Any:
    if target.shape != logits.shape[:-1]:
        raise ValueError("the targets need the shape of the logits without the last axis")
    # A negative class number would count from the end. Moved beyond the last class, it gives nan, as any other number
    # that is no class does.
    index = target.astype("int32")[..., None]
    index = jnp.where(index < 0, logits.shape[-1], index)
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), index, -1, mode="fill")[..., 0]


@cache
def _has_cudnn() -> bool:
    device = jax.devices()[0]
    cuda = device.platform == "gpu" and "cuda" in device.client.platform_version.lower()
    return cuda and float(device.compute_capability) >= 8


def _cudnn_takes(query: Any) -> bool:
    """Return whether cuDNN's fused attention takes such tensors; JAX doesn't choose it by itself."""
    chosen = jax.config.jax_default_device
    if query.dtype.name not in ("float16", "bfloat16") or (chosen is not None and "cpu" in str(chosen).lower()):
        return False
    return query.size > 0 and query.shape[-1] % 8 == 0 and query.shape[-1] <= 128 and _has_cudnn()


def _attend(
    query: Any,
    key: Any,
    value: Any,
    bias: Any,
    mask: Any,
    scale: float,
    is_causal: bool,
    flash_attention: Any,
    soft_cap: Any,
) -> Any:
    bias, mask = _rank4(bias), _rank4(mask)
    visible = jnp.tri(query.shape[1], key.shape[1], dtype=bool) if is_causal else True
    # JAX's own attention computes float64 in float32, and has no float16 on the CPU.
    half = query.dtype.name == "float16" and jax.default_backend() != "cpu"
    fits = half or query.dtype.name in ("float32", "bfloat16")
    if soft_cap is None and value.shape == key.shape and fits:
        fused = (bias is None and mask is None and _cudnn_takes(query)) if flash_attention is None else flash_attention
        y = jax.nn.dot_product_attention(
            query,
            key,
            value,
            bias,
            mask,
            scale=scale,
            is_causal=is_causal,
            implementation="cudnn" if fused else "xla",
        )
    else:
        if flash_attention:
            raise CapabilityError(
                "flash_attention=True asks for cuDNN's flash kernel, which takes float16 and bfloat16, keys and values "
                "of one shape, and no soft cap."
            )
        y = _attend_plain(query, key, value, bias, visible if mask is None else visible & mask, scale, soft_cap)
    # A query that may see no key at all gets zeros. The mask has the axes (batch, heads, queries), the output has
    # (batch, queries, heads).
    return y if mask is None else jnp.where((visible & mask).any(-1).swapaxes(1, 2)[..., None], y, 0)


def _attend_plain(query: Any, key: Any, value: Any, bias: Any, allowed: Any, scale: float, soft_cap: Any) -> Any:
    groups = query.shape[2] // key.shape[2]
    key, value = jnp.repeat(key, groups, 2), jnp.repeat(value, groups, 2)
    wide = jnp.promote_types(query.dtype, "float32")
    scores = jnp.einsum("btnh,bsnh->bnts", query * scale, key).astype(wide)
    if soft_cap is not None:
        scores = jnp.tanh(scores / soft_cap) * soft_cap
    scores = scores if bias is None else scores + bias
    weights = jax.nn.softmax(jnp.where(allowed, scores, -1e30))
    return jnp.einsum("bnts,bsnh->btnh", weights.astype(query.dtype), value)


def _batch_norm_train(x: Any, gamma: Any, beta: Any, axis: int, epsilon: float) -> Any:
    shape = tuple(n if i == axis % x.ndim else 1 for i, n in enumerate(x.shape))
    wide = jnp.promote_types(x.dtype, "float32")
    scale, offset = (
        jnp.full(shape, value, wide) if v is None else v.astype(wide).reshape(shape)
        for v, value in ((gamma, 1), (beta, 0))
    )
    y, mean, variance = _normalized(x.astype(wide), scale, offset, epsilon)
    return y.astype(x.dtype), lax.stop_gradient(mean).reshape(-1), lax.stop_gradient(variance).reshape(-1)


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _normalized(x: Any, scale: Any, offset: Any, epsilon: float) -> Any:
    """Compute batch normalization; scale and offset have size 1 on the axes that the moments go over."""
    mean, variance = _moments_like(scale, x)
    rate = lax.rsqrt(variance + epsilon) * scale
    return x * rate + (offset - mean * rate), mean, variance


@_normalized.defjvp
def _normalized_jvp(epsilon: float, primals: Any, tangents: Any) -> Any:
    """Compute the derivative in closed form. Its transpose takes two sums over x, which XLA doesn't find by itself."""
    (x, scale, _), (dx, dscale, doffset) = primals, tangents
    y, mean, variance = _normalized(*primals, epsilon)
    rate = lax.rsqrt(variance + epsilon)
    centred = x - mean
    dmean, half_dvariance = _mean_like(scale, dx), _mean_like(scale, centred * dx)
    factor = rate * (dscale - scale * jnp.square(rate) * half_dvariance)
    dy = rate * scale * dx + centred * factor + (doffset - rate * scale * dmean)
    return (y, mean, variance), (dy, dmean, 2 * half_dvariance)


def _moments_like(channels: Any, x: Any) -> tuple[Any, Any]:
    """Compute mean and variance in one pass over x.

    They are those of the differences to the first element, so that few digits cancel (Chan, Golub and LeVeque,
    Algorithms for computing the sample variance, 1983).
    """
    if 0 in x.shape:
        return _mean_like(channels, x), _mean_like(channels, jnp.square(x))
    begin = [slice(None) if n == m else slice(1) for n, m in zip(channels.shape, x.shape, strict=True)]
    first = lax.stop_gradient(x[tuple(begin)])
    from_first = x - first
    mean = _mean_like(channels, from_first)
    variance = _mean_like(channels, jnp.square(from_first)) - jnp.square(mean)
    return mean + first, jnp.maximum(variance, 0)


def _mean_like(channels: Any, x: Any) -> Any:
    return x.mean(tuple(i for i, n in enumerate(channels.shape) if n != x.shape[i]), keepdims=True)


def _rank4(x: Any) -> Any:
    return None if x is None else x.reshape((1,) * (4 - x.ndim) + x.shape)


PRIMITIVES: dict[str, Any] = {
    "convolution": _convolution,
    "transposed_convolution": _transposed_convolution,
    "pooling_max": _pooling_max,
    "pooling_average": _pooling_average,
    "adaptive_average": lambda inputs, output_size, data_format: _adapted(
        inputs, output_size, data_format, _window_mean
    ),
    "adaptive_max": lambda inputs, output_size, data_format: _adapted(inputs, output_size, data_format, _window_max),
    "unfold_blocks": _unfold,
    "fold_blocks": _fold,
    "softmax": compiled(lambda x, axis=-1: jax.nn.softmax(x, axis), "axis"),
    "log_softmax": lambda x, axis=-1: jax.nn.log_softmax(x, axis),
    "sparse_softmax_crossentropy": _sparse_crossentropy,
    "polar": lambda abs_, angle: lax.complex(abs_ * jnp.cos(angle), abs_ * jnp.sin(angle)),
}

OVERRIDES: dict[str, Any] = {
    "leaky_relu": lambda x, negative_slope=0.2: jax.nn.leaky_relu(x, negative_slope),
    "elu": lambda x, alpha=1.0: jax.nn.elu(x, alpha),
    "selu": jax.nn.selu,
    "celu": lambda x, alpha=1.0: jax.nn.celu(x, alpha),
    "gelu": compiled(lambda x, approximate=True: jax.nn.gelu(x, approximate), "approximate"),
    "softplus": jax.nn.softplus,
    "log_sigmoid": jax.nn.log_sigmoid,
    "softsign": jax.nn.soft_sign,
    "attend": _attend,
    "batch_norm_train": _batch_norm_train,
}
