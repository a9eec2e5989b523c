"""Convolution, pooling, normalization, losses, attention and recurrence on PyTorch.

Channels-last tensors become channels-first views by permuting axes: such a view is torch's own channels_last memory
format, so nothing is copied.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch.distributed.nn.functional import all_reduce
from torch.nn.attention import SDPBackend, sdpa_kernel

from kerasfront.errors import CapabilityError, ShapeError
from kerasfront_torch.ops import product

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_ADAPTIVE_AVERAGE = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
_ADAPTIVE_MAX = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
_TO_FIRST = {1: (0, 2, 1), 2: (0, 3, 1, 2), 3: (0, 4, 1, 2, 3)}
_TO_LAST = {1: (0, 2, 1), 2: (0, 2, 3, 1), 3: (0, 2, 3, 4, 1)}
_OUT_IN = {1: (2, 1, 0), 2: (3, 2, 0, 1), 3: (4, 3, 0, 1, 2)}


def _first(x: Any, data_format: str) -> Any:
    return x.permute(_TO_FIRST[x.ndim - 2]) if data_format == "channels_last" else x


def _as_given(x: Any, data_format: str) -> Any:
    return x.permute(_TO_LAST[x.ndim - 2]) if data_format == "channels_last" else x


def _same(size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + dilation * (window - 1) + 1 - size, 0)
    return total // 2, total - total // 2


def _widths(pads: Any) -> list[int]:
    return [width for pair in reversed(pads) for width in pair]


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
    x = _first(inputs, data_format)
    symmetric: Any = 0
    if padding == "causal":
        x = F.pad(x, (dilation_rate[0] * (kernel.shape[0] - 1), 0))
    elif padding == "same":
        pads = [_same(*row) for row in zip(x.shape[2:], kernel.shape[:-2], strides, dilation_rate, strict=True)]
        symmetric = tuple(before for before, _ in pads)
        if any(before != after for before, after in pads):
            x, symmetric = F.pad(x, _widths(pads)), 0
    y = _CONV[rank](x, kernel.permute(_OUT_IN[rank]), bias, strides, symmetric, dilation_rate, groups)
    return _as_given(y, data_format)


def _transposed_convolution(
    inputs: Any, kernel: Any, bias: Any, strides: Any, crops: Any, data_format: str, dilation_rate: Any
) -> Any:
    rank = inputs.ndim - 2
    pad = tuple(max(min(c), 0) for c in crops)
    more = tuple(min(max(p - after, 0), s - 1) for p, (_, after), s in zip(pad, crops, strides, strict=True))
    y = _CONV_TRANSPOSE[rank](
        _first(inputs, data_format), kernel.permute(_OUT_IN[rank]), bias, strides, pad, more, 1, dilation_rate
    )
    rest = [(before - p, after - p + m) for (before, after), p, m in zip(crops, pad, more, strict=True)]
    for axis, (before, after) in enumerate(rest, 2):
        if before or after > 0:
            y = y.narrow(axis, before, max(y.shape[axis] - before - max(after, 0), 0))
    if any(after < 0 for _, after in rest):
        y = _zeros_more(y, [-min(after, 0) for _, after in rest], bias)
    return _as_given(y, data_format)


def _zeros_more(y: Any, amounts: Any, bias: Any) -> Any:
    """Pad a convolution with places that no window reaches, which hold the bias alone."""
    if bias is None:
        return F.pad(y, _widths([(0, n) for n in amounts]))
    shape = (1, -1) + (1,) * len(amounts)
    return F.pad(y - bias.view(shape), _widths([(0, n) for n in amounts])) + bias.view(shape)


def _pooling_max(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
    if not inputs.is_floating_point():
        return _pooling_max(inputs.double(), pool_size, strides, padding, data_format).to(inputs.dtype)
    x = _first(inputs, data_format)
    pool = _MAX_POOL[x.ndim - 2]
    if padding == "valid":
        return _as_given(pool(x, pool_size, strides), data_format)
    pads = [_same(*row) for row in zip(x.shape[2:], pool_size, strides, strict=True)]
    if _covered(pads, strides):
        y = pool(x, pool_size, strides, tuple(p for p, _ in pads), ceil_mode=True)
    else:
        y = pool(F.pad(x, _widths(pads), value=float("-inf")), pool_size, strides)
    return _as_given(y, data_format)


def _covered(pads: Any, strides: Any) -> bool:
    """Return whether ceil_mode with padding at the start gives "same", as it does but for odd padding at stride 1."""
    return all(before == after or stride > 1 for (before, after), stride in zip(pads, strides, strict=True))


def _pooling_average(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
    x = _first(inputs, data_format)
    if x.ndim == 5 and x.dtype.itemsize == 2 and x.device.type == "cpu":
        return _pooling_average(inputs.float(), pool_size, strides, padding, data_format).to(inputs.dtype)
    pool = _AVERAGE_POOL[x.ndim - 2]
    if padding == "valid":
        return _as_given(pool(x, pool_size, strides), data_format)
    pads = [_same(*row) for row in zip(x.shape[2:], pool_size, strides, strict=True)]
    if _covered(pads, strides):
        y = pool(x, pool_size, strides, tuple(p for p, _ in pads), True, False)
    else:
        ones = F.pad(torch.ones_like(x[:1, :1]), _widths(pads))
        y = pool(F.pad(x, _widths(pads)), pool_size, strides) / pool(ones, pool_size, strides)
    return _as_given(y, data_format)


def _adaptive_average(inputs: Any, output_size: Any, data_format: str) -> Any:
    x = _first(inputs, data_format)
    return _as_given(_ADAPTIVE_AVERAGE[x.ndim - 2](x, _lengths(x, output_size)), data_format)


def _adaptive_max(inputs: Any, output_size: Any, data_format: str) -> Any:
    x = _first(inputs if inputs.is_floating_point() else inputs.double(), data_format)
    return _as_given(_ADAPTIVE_MAX[x.ndim - 2](x, _lengths(x, output_size)).to(inputs.dtype), data_format)


def _lengths(x: Any, output_size: Any) -> tuple[int, ...]:
    return tuple(n if m is None else m for n, m in zip(x.shape[2:], output_size, strict=True))


def _over(function: Any, x: Any, axis: Any) -> Any:
    """Apply a function of one axis over one axis or several."""
    if not x.ndim:
        raise IndexError("a scalar has no axes")
    if isinstance(axis, int):
        return function(x, axis)
    axes = tuple(range(x.ndim)) if axis is None else axis
    ends = tuple(range(-len(axes), 0))
    moved = x.movedim(axes, ends)
    return function(moved.flatten(-len(axes)), -1).reshape(moved.shape).movedim(ends, axes)


def _sparse_crossentropy(target: Any, logits: Any, reduction: str = "none") -> Any:
    options: Any = {"ignore_index": -1 << 62, "reduction": reduction}
    if logits.ndim == 2:
        return F.cross_entropy(logits, target.long(), **options)
    if target.shape != logits.shape[:-1]:
        raise ValueError("the targets need the shape of the logits without the last axis")
    flat = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), target.reshape(-1).long(), **options)
    return flat.reshape(logits.shape[:-1]) if reduction == "none" else flat


def _replica_mean(x: Any) -> Any:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return all_reduce(x, torch.distributed.ReduceOp.SUM) / torch.distributed.get_world_size()
    return x


def _channels_second(x: Any, axis: int) -> Any:
    return x if axis % x.ndim == 1 else x.permute(_TO_FIRST[x.ndim - 2]) if _is_last(x, axis) else x.movedim(axis, 1)


def _channels_back(y: Any, axis: int) -> Any:
    return y if axis % y.ndim == 1 else y.permute(_TO_LAST[y.ndim - 2]) if _is_last(y, axis) else y.movedim(1, axis)


def _is_last(x: Any, axis: int) -> bool:
    return axis % x.ndim == x.ndim - 1 and 3 <= x.ndim <= 5


def _batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 0.001
) -> Any:
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"x has no axis {axis}")
    if mean.requires_grad or variance.requires_grad:  # the fused kernel would treat them as constants
        shape = [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]
        factor = torch.rsqrt(variance + epsilon) if scale is None else torch.rsqrt(variance + epsilon) * scale
        y = (x - mean.view(shape)) * factor.view(shape)
        return y if offset is None else y + offset.view(shape)
    return _batch_norm_inference(x, mean, variance, scale, offset, axis, epsilon)


def _batch_norm_inference(x: Any, mean: Any, variance: Any, gamma: Any, beta: Any, axis: int, epsilon: float) -> Any:
    if mean.requires_grad or variance.requires_grad:
        mean, variance = mean.detach(), variance.detach()
    rows = _channels_second(x, axis)
    y = torch.batch_norm(rows, gamma, beta, mean, variance, False, 0.0, epsilon, torch.backends.cudnn.enabled)
    return _channels_back(y, axis)


def _batch_norm_train(x: Any, gamma: Any, beta: Any, axis: int, epsilon: float) -> Any:
    channels = x.shape[axis]
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    gamma, beta = (v if v is None else v.to(dtype) for v in (gamma, beta))
    rows = _channels_second(x, axis)
    if x.device.type == "cpu" and x.numel():
        if gamma is None and x.dtype != dtype:  # the moments would be computed in half precision
            gamma = x.new_ones(channels, dtype=dtype)
        # The kernel returns its moments with the biased variance; running moments would use the unbiased one.
        y, mean, rate = torch.native_batch_norm(rows, gamma, beta, None, None, True, 0.0, epsilon)
        return _channels_back(y, axis), mean.detach(), rate.detach().pow(-2).sub_(epsilon).clamp_(min=0.0)
    # With momentum 1 the running moments become those of this batch.
    mean, variance = x.new_zeros((2, channels), dtype=dtype)
    y = torch.batch_norm(rows, gamma, beta, mean, variance, True, 1.0, epsilon, torch.backends.cudnn.enabled)
    count = x.numel() // max(channels, 1)
    biased = variance * ((count - 1) / count) if count > 1 else torch.zeros_like(variance)
    return _channels_back(y, axis), mean, biased


def _trailing(x: Any, axes: Any) -> bool:
    return tuple(axes) == tuple(range(x.ndim - len(axes), x.ndim))


def _last_axes(x: Any, axes: Any) -> Any:
    return x.movedim(axes, tuple(range(-len(axes), 0)))


def _from_last_axes(x: Any, axes: Any) -> Any:
    return x.movedim(tuple(range(-len(axes), 0)), axes)


def _normalized_over(x: Any, gamma: Any, beta: Any, axes: Any, epsilon: float) -> Any:
    if _trailing(x, axes):
        return F.layer_norm(x, x.shape[x.ndim - len(axes) :], gamma, beta, epsilon)
    y = _last_axes(x, axes)
    return _from_last_axes(F.layer_norm(y, y.shape[-len(axes) :], gamma, beta, epsilon), axes)


def _root_mean_square_over(x: Any, scale: Any, axes: Any, epsilon: float) -> Any:
    if _trailing(x, axes):
        return F.rms_norm(x, x.shape[x.ndim - len(axes) :], scale, epsilon)
    y = _last_axes(x, axes)
    return _from_last_axes(F.rms_norm(y, y.shape[-len(axes) :], scale, epsilon), axes)


# ---- attention ---------------------------------------------------------------------------------------------


def _allowed(query: Any, key: Any, mask: Any, is_causal: bool) -> Any:
    if not is_causal:
        return mask
    visible = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device).tril()
    return visible if mask is None else visible & mask


def _masking(bias: Any, allowed: Any) -> Any:
    """Combine bias and mask: numbers to add to the scores, or booleans."""
    if bias is None or allowed is None:
        return allowed if bias is None else bias
    return torch.where(allowed, bias, float("-inf"))


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
    plain = bias is None and mask is None and soft_cap is None
    allowed = None if plain else _allowed(query, key, mask, is_causal)
    q, k, v = query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    grouped = q.shape[1] != k.shape[1]
    if soft_cap is not None:
        if flash_attention:
            raise CapabilityError("flash_attention=True asks for PyTorch's flash kernel, which takes no soft cap.")
        return _attend_capped(q, k, v, bias, allowed, scale, soft_cap).transpose(1, 2)
    kernels = [SDPBackend.FLASH_ATTENTION] if flash_attention else [SDPBackend.MATH, SDPBackend.EFFICIENT_ATTENTION]
    with nullcontext() if flash_attention is None else sdpa_kernel(kernels):
        y = F.scaled_dot_product_attention(
            q, k, v, _masking(bias, allowed), is_causal=is_causal and plain, scale=scale, enable_gqa=grouped
        )
    return y.transpose(1, 2)


def _attend_capped(q: Any, k: Any, v: Any, bias: Any, allowed: Any, scale: float, soft_cap: float) -> Any:
    groups = q.shape[1] // k.shape[1]
    if groups > 1:
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    scores = q * scale @ k.mT
    scores = torch.tanh((scores if scores.dtype == torch.float64 else scores.float()) / soft_cap) * soft_cap
    scores = scores if bias is None else scores + bias
    if allowed is None:
        return torch.softmax(scores, -1).to(q.dtype) @ v
    weights = torch.softmax(torch.where(allowed, scores, -1e30), -1)
    return torch.where(allowed.any(-1, keepdim=True), weights, 0.0).to(q.dtype) @ v


# ---- recurrence --------------------------------------------------------------------------------------------

# A bias that closes a gate (or opens it) for good: the sigmoid of it is exactly 0 (or 1).
_SHUT = 1e3


def _front_aligned(x: Any, mask: Any) -> tuple[Any, Any]:
    """Return the steps that count moved to the front, in order, and how many of them there are up to each step."""
    order = torch.argsort(~mask, dim=1, stable=True)
    return x.gather(1, order.unsqueeze(-1).expand(-1, -1, x.shape[2])), mask.cumsum(1)


def _spread(ys: Any, counts: Any) -> Any:
    """Put outputs of front-aligned steps back in their places.

    Each step gets the output of the last step that counts; before any does, zeros.
    """
    index = (counts - 1).clamp(min=0).unsqueeze(-1).expand(-1, -1, ys.shape[2])
    return torch.where(counts.unsqueeze(-1) > 0, ys.gather(1, index), ys.new_zeros(()))


def _check_fit(x: Any, kernel: Any, *states: Any) -> None:
    """Raise unless the shapes fit: torch's fused loops would read and write beyond the tensors."""
    if x.shape[2] != kernel.shape[0] or any(s.shape[0] != x.shape[0] for s in states):
        raise ShapeError(
            f"Inputs of shape {tuple(x.shape)} don't fit the kernel {tuple(kernel.shape)} and the initial states "
            f"{[tuple(s.shape) for s in states]}."
        )


def _rows(*vectors: Any) -> Any:
    return torch.cat(vectors).unsqueeze(0)


def _weights(kernel: Any, recurrent_kernel: Any, first: Any, second: Any) -> list[Any]:
    weights = [kernel.t(), recurrent_kernel.t()]
    if kernel.is_cuda:  # cuDNN takes sequences as rows only
        weights = [w.contiguous() for w in weights]
    return weights if first is None else [*weights, first, second]


def _lstm(
    x: Any,
    initial_h: Any,
    initial_c: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    mask: Any = None,
    reverse: bool = False,
) -> Any:
    _check_fit(x, kernel, initial_h, initial_c)
    if reverse:
        flipped = None if mask is None else mask.flip(1)
        ys, h, c = _lstm(x.flip(1), initial_h, initial_c, kernel, recurrent_kernel, bias, flipped)
        return ys.flip(1), h, c
    if x.shape[0] == 0 or x.shape[1] == 0:
        return x.new_zeros(*x.shape[:2], initial_h.shape[1]), initial_h, initial_c
    if mask is not None:
        # An additional feature marks steps that don't count: it shuts the input gate and opens the forget gate.
        x, counts = _front_aligned(x, mask)
        idle = torch.arange(x.shape[1], device=x.device) >= counts[:, -1:]
        x = torch.cat([x, idle.unsqueeze(-1).to(x.dtype)], -1)
        shut = x.new_full(initial_h.shape[1:], _SHUT)
        kernel = torch.cat([kernel, _rows(-shut, shut, torch.zeros_like(shut), torch.zeros_like(shut))])
    weights = _weights(kernel, recurrent_kernel, bias, bias if bias is None else torch.zeros_like(bias))
    states = initial_h.unsqueeze(0).contiguous(), initial_c.unsqueeze(0).contiguous()
    ys, h, c = torch._VF.lstm(x, states, weights, bias is not None, 1, 0.0, torch.is_grad_enabled(), False, True)
    if mask is None:
        return ys, h.squeeze(0), c.squeeze(0)
    ys = _spread(ys, counts)
    return ys, torch.where(counts[:, -1:] > 0, ys[:, -1], initial_h), c.squeeze(0)


def _gru(
    x: Any,
    initial_h: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    mask: Any = None,
    reverse: bool = False,
) -> Any:
    _check_fit(x, kernel, initial_h)
    if reverse:
        flipped = None if mask is None else mask.flip(1)
        ys, h = _gru(x.flip(1), initial_h, kernel, recurrent_kernel, bias, flipped)
        return ys.flip(1), h
    if x.shape[0] == 0 or x.shape[1] == 0:
        return x.new_zeros(*x.shape[:2], initial_h.shape[1]), initial_h
    if mask is not None:
        # An additional feature marks steps that don't count: it opens the update gate, which keeps the state.
        x = torch.cat([x, (~mask).unsqueeze(-1).to(x.dtype)], -1)
        open_ = x.new_full(initial_h.shape[1:], _SHUT)
        kernel = torch.cat([kernel, _rows(open_, torch.zeros_like(open_), torch.zeros_like(open_))])
    first, second = (None, None) if bias is None else (_reset_first(bias[0]), _reset_first(bias[1]))
    weights = _weights(_reset_first(kernel), _reset_first(recurrent_kernel), first, second)
    ys, h = torch._VF.gru(
        x, initial_h.unsqueeze(0).contiguous(), weights, bias is not None, 1, 0.0, torch.is_grad_enabled(), False, True
    )
    if mask is not None:
        ys = torch.where(mask.cumsum(1).unsqueeze(-1) > 0, ys, ys.new_zeros(()))
    return ys, h.squeeze(0)


def _reset_first(v: Any) -> Any:
    """Reorder the gates (update, reset, new) as torch has them: reset, update, new."""
    z, r, n = v.chunk(3, -1)
    return torch.cat([r, z, n], -1)


def _simple_rnn(
    x: Any,
    initial_h: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    mask: Any = None,
    reverse: bool = False,
) -> Any:
    _check_fit(x, kernel, initial_h)
    if reverse:
        flipped = None if mask is None else mask.flip(1)
        ys, h = _simple_rnn(x.flip(1), initial_h, kernel, recurrent_kernel, bias, flipped)
        return ys.flip(1), h
    if x.shape[0] == 0 or x.shape[1] == 0:
        return x.new_zeros(*x.shape[:2], initial_h.shape[1]), initial_h
    counts = None
    if mask is not None:
        x, counts = _front_aligned(x, mask)
    weights = _weights(kernel, recurrent_kernel, bias, bias if bias is None else torch.zeros_like(bias))
    ys, h = torch._VF.rnn_tanh(
        x, initial_h.unsqueeze(0).contiguous(), weights, bias is not None, 1, 0.0, torch.is_grad_enabled(), False, True
    )
    if counts is None:
        return ys, h.squeeze(0)
    ys = _spread(ys, counts)
    return ys, torch.where(counts[:, -1:] > 0, ys[:, -1], initial_h)


def _alignment_loss(target: Any, logits: Any, target_length: Any, output_length: Any, mask_index: int) -> Any:
    probs = torch.log_softmax(logits, -1).transpose(0, 1)
    lengths = output_length.long(), target_length.long()
    loss = F.ctc_loss(probs, target.long(), *lengths, mask_index, "none", zero_infinity=True)
    # Equal neighbouring labels need a blank between them. If there is no room for it, the loss is inf, and has no
    # gradient.
    pairs = torch.arange(1, target.shape[1], device=target.device) < target_length.unsqueeze(1)
    needed = target_length + (pairs & (target[:, 1:] == target[:, :-1])).sum(1)
    return torch.where(needed <= output_length, loss, float("inf"))


PRIMITIVES: dict[str, Any] = {
    "convolution": product(_convolution),
    "transposed_convolution": product(_transposed_convolution),
    "pooling_max": _pooling_max,
    "pooling_average": _pooling_average,
    "adaptive_average": _adaptive_average,
    "adaptive_max": _adaptive_max,
    "unfold_blocks": lambda x, kernel_size, dilation, padding, stride: F.unfold(
        x, kernel_size, dilation, padding, stride
    ),
    "fold_blocks": lambda x, output_size, kernel_size, dilation, padding, stride: F.fold(
        x, output_size, kernel_size, dilation, padding, stride
    ),
    "softmax": lambda x, axis=-1: _over(torch.softmax, x, axis),
    "log_softmax": lambda x, axis=-1: _over(torch.log_softmax, x, axis),
    "sparse_softmax_crossentropy": _sparse_crossentropy,
    "polar": torch.polar,
}


def _rounds(x: Any) -> bool:
    """Return whether the kernel rounds its constants to float32: CUDA's does, also for float64."""
    return bool(x.is_cuda) and x.dtype == torch.float64


def _hard_sigmoid(x: Any) -> Any:
    return torch.clamp(x / 6 + 0.5, 0.0, 1.0)


def _mean_squared_difference(x1: Any, x2: Any) -> Any:
    if x1.shape != x2.shape or x1.is_complex():
        return torch.mean(torch.square(x1 - x2))
    return F.mse_loss(x1, x2)


OVERRIDES: dict[str, Any] = {
    "mean_sparse_softmax_crossentropy": lambda target, logits: _sparse_crossentropy(target, logits, "mean"),
    "mean_softmax_crossentropy": lambda target, logits: F.cross_entropy(
        logits if logits.ndim == 2 else logits.reshape(-1, logits.shape[-1]),
        target if target.ndim == 2 else target.reshape(-1, target.shape[-1]),
    ),
    "mean_sigmoid_crossentropy": lambda target, logits: F.binary_cross_entropy_with_logits(logits, target),
    "mean_squared_difference": _mean_squared_difference,
    "relu6": lambda x: F.relu6(x) if x.is_floating_point() else (x.int() if x.dtype == torch.bool else x).clamp(0, 6),
    "leaky_relu": lambda x, negative_slope=0.2: F.leaky_relu(x, negative_slope),
    "elu": lambda x, alpha=1.0: F.elu(x, alpha),
    "selu": F.selu,
    "celu": lambda x, alpha=1.0: F.celu(x, alpha),
    "threshold": lambda x, threshold, default_value: F.threshold(x, threshold, default_value),
    "hard_tanh": F.hardtanh,
    "hard_sigmoid": lambda x: _hard_sigmoid(x) if _rounds(x) else F.hardsigmoid(x),
    "hard_silu": lambda x: x * _hard_sigmoid(x) if _rounds(x) else F.hardswish(x),
    "hard_shrink": lambda x, threshold=0.5: F.hardshrink(x, threshold),
    "soft_shrink": lambda x, threshold=0.5: F.softshrink(x, threshold),
    "gelu": lambda x, approximate=True: F.gelu(x, approximate="tanh" if approximate else "none"),
    "softplus": lambda x: F.softplus(x, threshold=40.0),
    "log_sigmoid": F.logsigmoid,
    "softsign": F.softsign,
    "mish": F.mish,
    "glu": lambda x, axis=-1: F.glu(x, axis),
    "silu": F.silu,
    "sigmoid_crossentropy": lambda target, logits: F.binary_cross_entropy_with_logits(logits, target, reduction="none"),
    "mean_variance": lambda x, axes, keepdims: torch.var_mean(x, axes, correction=0, keepdim=keepdims)[::-1],
    "replica_mean": _replica_mean,
    "batch_normalization": _batch_normalization,
    "batch_norm_inference": _batch_norm_inference,
    "batch_norm_train": _batch_norm_train,
    "normalized_over": _normalized_over,
    "root_mean_square_over": _root_mean_square_over,
    "attend": _attend,
    "lstm": _lstm,
    "gru_reset_after": _gru,
    "simple_rnn": _simple_rnn,
    "alignment_loss": _alignment_loss,
}
