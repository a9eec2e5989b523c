"""Convolution, pooling, normalization, losses and recurrence on TensorFlow."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import tensorflow as tf

from kerasfront.spec import shapes

_TO_LAST = {1: (0, 2, 1), 2: (0, 2, 3, 1), 3: (0, 2, 3, 4, 1)}
_TO_FIRST = {1: (0, 2, 1), 2: (0, 3, 1, 2), 3: (0, 4, 1, 2, 3)}


def _last(x: Any, data_format: str) -> Any:
    # TensorFlow's kernels for the CPU know channels_last only. On a GPU the layout optimizer removes needless
    # transpositions.
    return x if data_format == "channels_last" else tf.transpose(x, _TO_LAST[x.shape.rank - 2])


def _as_given(x: Any, data_format: str) -> Any:
    return x if data_format == "channels_last" else tf.transpose(x, _TO_FIRST[x.shape.rank - 2])


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
    x = _last(inputs, data_format)
    if x.shape[0] == 0:
        return _as_given(_of_nothing(x, kernel, strides, padding, dilation_rate, kernel.shape[-1]), data_format)
    if padding == "causal":
        x, padding = _before(x, kernel.shape[0], dilation_rate[0]), "valid"
    if padding == "valid":
        for n, k, d in zip(x.shape[1:-1], kernel.shape[:-2], dilation_rate, strict=True):
            if n is not None and n < d * (k - 1) + 1:
                raise ValueError("a window does not fit")  # oneDNN's kernels would return arbitrary values
    rank = x.shape.rank - 2
    if max(dilation_rate) > 1 and not (rank < 3 and x.dtype in (tf.float32, tf.bfloat16) and _complete()):
        kernel, dilation_rate = _dilated(kernel, dilation_rate), (1,) * rank
    if groups > 1 and not (rank < 3 and x.dtype != tf.float64 and _complete()):
        parts = zip(tf.split(x, groups, -1), tf.split(kernel, groups, -1), strict=True)
        y = tf.concat([_slid(a, k, strides, padding, dilation_rate) for a, k in parts], -1)
    else:
        y = _slid(x, kernel, strides, padding, dilation_rate)
    if x.shape[0] is None and None not in y.shape[1:]:
        # oneDNN's kernels return a wrong shape for a batch that turns out to be empty.
        y = tf.reshape(y, tf.stack([tf.shape(x)[0], *y.shape[1:]]))
    if bias is not None:
        y = tf.nn.bias_add(y, bias)
    return _as_given(y, data_format)


def _before(x: Any, window: int, dilation_rate: int) -> Any:
    """Return the sequences x after the zeros that a causal window sees before their starts."""
    return tf.pad(x, [[0, 0], [dilation_rate * (window - 1), 0], [0, 0]])


def _slid(x: Any, kernel: Any, strides: Any, padding: str, dilation_rate: Any) -> Any:
    rank = x.shape.rank - 2
    if rank == 3:
        return tf.nn.conv3d(x, kernel, (1, *strides, 1), padding.upper())
    if rank == 2:
        return tf.nn.conv2d(x, kernel, strides, padding.upper(), dilations=dilation_rate)
    return tf.nn.conv1d(x, kernel, strides[0], padding.upper(), dilations=dilation_rate[0])


@functools.cache
def _complete() -> bool:
    """Return whether convolutions in one and two dims have kernels for groups and dilations, with their gradients.

    oneDNN's have, and a GPU's. TensorFlow leaves oneDNN out on a CPU that isn't recent, and says so nowhere: it is
    tried. What it has instead takes groups forward only, outside graphs only, and dilations forward only.
    """
    if tf.config.list_logical_devices("GPU"):
        return True
    with tf.init_scope():
        ones = tf.ones((1, 1, 1, 2))
        try:
            tf.raw_ops.Conv2DBackpropFilter(
                input=ones, filter_sizes=(1, 1, 1, 2), out_backprop=ones, strides=[1] * 4, padding="VALID"
            )
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
    return True


def _of_nothing(x: Any, kernel: Any, strides: Any, padding: str, dilation_rate: Any, filters: int) -> Any:
    """Return the result for an empty batch, with its gradients: oneDNN's kernels get both wrong."""
    sizes = zip(x.shape[1:-1], kernel.shape[:-2], strides, dilation_rate, strict=True)
    lengths = [shapes.window_length(n, k, s, padding, d) for n, k, s, d in sizes]
    return tf.reshape(x, (0, *lengths, filters)) + 0 * tf.reduce_sum(kernel)


def _depthwise_convolution(
    inputs: Any, kernel: Any, strides: Any, padding: str, data_format: str, dilation_rate: Any
) -> Any:
    x = _last(inputs, data_format)
    *window, channels, multiplier = kernel.shape
    if len(x.shape) != len(kernel.shape) or x.shape[-1] not in (None, channels):  # TensorFlow would abort the process
        raise ValueError(f"a depthwise kernel of shape {kernel.shape} doesn't fit inputs of shape {x.shape}")
    native = len(window) < 3 and len(set(strides)) == 1 and (max(strides) == 1 or max(dilation_rate) == 1)
    if not native or x.shape[0] == 0:
        flat = tf.reshape(kernel, (*window, 1, channels * multiplier))
        return _convolution(inputs, flat, None, strides, padding, data_format, dilation_rate, channels)
    if padding == "causal":
        x, padding = _before(x, window[0], dilation_rate[0]), "valid"
    if len(window) == 1:
        x, kernel = tf.expand_dims(x, 1), tf.expand_dims(kernel, 0)
        strides, dilation_rate = (*strides, *strides), (1, *dilation_rate)
    y = tf.nn.depthwise_conv2d(x, kernel, (1, *strides, 1), padding.upper(), dilations=dilation_rate)
    if x.shape[0] is None and None not in y.shape[1:]:  # as above
        y = tf.reshape(y, tf.stack([tf.shape(x)[0], *y.shape[1:]]))
    return _as_given(tf.squeeze(y, 1) if len(window) == 1 else y, data_format)


def _dilated(kernel: Any, dilation_rate: Any) -> Any:
    """Return the kernel with zeros between its elements."""
    for axis, d in enumerate(dilation_rate):
        if d > 1:
            spread = tf.stack([kernel] + [tf.zeros_like(kernel)] * (d - 1), axis + 1)
            shape = [-1 if n is None else n * d if i == axis else n for i, n in enumerate(kernel.shape)]
            kernel = tf.reshape(spread, shape)[(slice(None),) * axis + (slice(None, 1 - d),)]
    return kernel


def _transposed_convolution(
    inputs: Any, kernel: Any, bias: Any, strides: Any, crops: Any, data_format: str, dilation_rate: Any
) -> Any:
    x, w = _last(inputs, data_format), _dilated(kernel, dilation_rate)
    if x.shape[0] == 0:
        sizes = zip(x.shape[1:-1], w.shape[:-2], strides, crops, strict=True)
        lengths = [(n - 1) * s + k - sum(c) for n, k, s, c in sizes]
        return _as_given(tf.reshape(x, (0, *lengths, w.shape[-2])) + 0 * tf.reduce_sum(w), data_format)
    if x.shape.rank == 3:
        x, w, strides, crops = tf.expand_dims(x, 1), tf.expand_dims(w, 0), (1, *strides), ((0, 0), *crops)
    rank = x.shape.rank - 2
    dynamic = tf.shape(x)
    full = [(dynamic[i + 1] - 1) * strides[i] + w.shape[i] for i in range(rank)]
    transpose = tf.nn.conv2d_transpose if rank == 2 else tf.nn.conv3d_transpose
    y = transpose(x, w, tf.stack([dynamic[0], *full, w.shape[-2]]), strides, "VALID")
    if any(after < 0 for _, after in crops):
        y = tf.pad(y, [[0, 0], *([0, max(-after, 0)] for _, after in crops), [0, 0]])
    cuts = [slice(before, -after if after > 0 else None) for before, after in crops]
    y = y[(slice(None), *cuts)]
    lengths = [
        None if n is None else max((n - 1) * s + k - sum(c), 0)
        for n, s, k, c in zip(x.shape[1:-1], strides, w.shape[:-2], crops, strict=True)
    ]
    y.set_shape([x.shape[0], *lengths, w.shape[-2]])
    y = tf.squeeze(y, 1) if inputs.shape.rank == 3 else y
    return _as_given(y if bias is None else tf.nn.bias_add(y, bias), data_format)


_MAX_POOL = {1: tf.nn.max_pool1d, 2: tf.nn.max_pool2d, 3: tf.nn.max_pool3d}
_AVERAGE_POOL = {1: tf.nn.avg_pool1d, 2: tf.nn.avg_pool2d, 3: tf.nn.avg_pool3d}


def _pooled(pools: Any, x: Any, pool_size: Any, strides: Any, padding: str) -> Any:
    if x.shape[0] == 0:
        # oneDNN's gradient of an empty batch aborts the process.
        sizes = zip(x.shape[1:-1], pool_size, strides, strict=True)
        lengths = [shapes.window_length(n, k, s, padding) for n, k, s in sizes]
        return tf.reshape(x, (0, *lengths, x.shape[-1]))
    if padding == "valid":  # and so does a window that is larger than x
        for size, window in zip(x.shape[1:-1], pool_size, strict=True):
            if size is not None and size < window:
                raise ValueError(f"a window of {window} over {size}")
    if x.shape.rank == 5 and x.dtype not in (tf.float32, tf.bfloat16):
        return _by_parts(pools[2], x, pool_size, strides, padding)
    return pools[x.shape.rank - 2](x, pool_size, strides, padding.upper())


def _pooling_max(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
    x = _last(inputs, data_format)
    narrow = tf.float32 if x.dtype in (tf.bool, tf.int8, tf.uint8, tf.int16, tf.uint16) else x.dtype
    x = tf.cast(x, tf.float64 if x.dtype in (tf.uint32, tf.uint64) else narrow)
    return _as_given(tf.cast(_pooled(_MAX_POOL, x, pool_size, strides, padding), inputs.dtype), data_format)


def _by_parts(pool: Any, x: Any, pool_size: Any, strides: Any, padding: str) -> Any:
    """Pool in 3D by two pools in 2D: over height and width, then over depth."""
    b, d, h, w, c = tf.unstack(tf.shape(x))
    y = pool(tf.reshape(x, (b * d, h, w, c)), pool_size[1:], strides[1:], padding.upper())
    h, w = tf.unstack(tf.shape(y)[1:3])
    y = pool(tf.reshape(y, (b, d, h * w, c)), (pool_size[0], 1), (strides[0], 1), padding.upper())
    return tf.reshape(y, (b, tf.shape(y)[1], h, w, c))


def _pooling_average(inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
    x = _last(inputs, data_format)
    return _as_given(_pooled(_AVERAGE_POOL, x, pool_size, strides, padding), data_format)


def _places(size: int, length: int) -> tuple[Any, Any]:
    """Return the indices that each window covers, padded to equal lengths, and which of them count."""
    i = np.arange(length)
    first, end = i * size // length, -(-(i + 1) * size // length)
    index = first[:, None] + np.arange((end - first).max())
    return np.minimum(index, end[:, None] - 1), index < end[:, None]


def _adapted(inputs: Any, output_size: Any, data_format: str, reduce: Any) -> Any:
    start = 1 if data_format == "channels_last" else 2
    for axis, length in enumerate(output_size, start):
        if length is not None:
            inputs = reduce(inputs, axis, length)
    return inputs


def _window_mean(x: Any, axis: int, length: int) -> Any:
    index, counts = _places(x.shape[axis], length)
    weights = (counts / counts.sum(1, keepdims=True)).reshape(counts.shape + (1,) * (x.shape.rank - axis - 1))
    return tf.reduce_sum(tf.gather(x, index, axis=axis) * tf.cast(weights, x.dtype), axis + 1)


def _window_max(x: Any, axis: int, length: int) -> Any:
    return tf.reduce_max(tf.gather(x, _places(x.shape[axis], length)[0], axis=axis), axis + 1)


def _block_indices(size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> list[Any]:
    """Return for each dim the index into the padded image by (block, element)."""
    out = []
    for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True):
        blocks = (n + 2 * p - (k - 1) * d - 1) // s + 1
        out.append(np.arange(blocks)[:, None] * s + np.arange(k) * d)
    return out


def _flat_places(size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """Return the index into the flattened padded image of (element, block): shape (area, blocks)."""
    rows, columns = _block_indices(size, kernel, dilation, padding, stride)
    flat = rows.T[:, None, :, None] * (size[1] + 2 * padding[1]) + columns.T[None, :, None, :]
    return flat.reshape(math.prod(kernel), len(rows) * len(columns))


def _unfold(x: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    places = _flat_places(x.shape[2:], kernel_size, dilation, padding, stride)
    channels, size = x.shape[1], [n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)]
    flat = tf.reshape(tf.pad(x, [[0, 0], [0, 0], *([p, p] for p in padding)]), (-1, channels, math.prod(size)))
    return tf.reshape(tf.gather(flat, places, axis=2), (tf.shape(x)[0], channels * len(places), places.shape[1]))


def _fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    places = _flat_places(output_size, kernel_size, dilation, padding, stride)
    channels = x.shape[1] // len(places)
    wide = [n + 2 * p for n, p in zip(output_size, padding, strict=True)]
    values = tf.transpose(tf.reshape(x, (-1, places.size)))
    summed = tf.math.unsorted_segment_sum(values, places.ravel(), math.prod(wide))
    out = tf.reshape(tf.transpose(summed), (tf.shape(x)[0], channels, *wide))
    return out[:, :, padding[0] : padding[0] + output_size[0], padding[1] : padding[1] + output_size[1]]


def _over(function: Any, x: Any, axis: Any) -> Any:
    """Apply a function of one axis over one axis or several."""
    if isinstance(axis, int):
        return function(x, axis)
    rank = x.shape.rank
    if axis is not None and any(not -rank <= a < rank for a in axis):
        raise IndexError(f"no axes {axis} in rank {rank}")
    axes = list(range(rank)) if axis is None else [a % rank for a in axis]
    order = [i for i in range(rank) if i not in axes] + axes
    moved = tf.transpose(x, order)
    shape = tf.shape(moved)
    flat = tf.reshape(moved, tf.concat([shape[: rank - len(axes)], [tf.reduce_prod(shape[rank - len(axes) :])]], 0))
    return tf.transpose(tf.reshape(function(flat, -1), shape), [order.index(i) for i in range(rank)])


def _sparse_crossentropy(target: Any, logits: Any) -> Any:
    if target.dtype not in (tf.int32, tf.int64):
        target = tf.cast(target, tf.int64)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(target, logits)


def _replica_mean(x: Any) -> Any:
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_reduce("MEAN", x)


def _batch_norm_train(x: Any, gamma: Any, beta: Any, axis: int, epsilon: float) -> Any:
    rank = x.shape.rank
    axis %= rank
    if axis != rank - 1:
        order = [i for i in range(rank) if i != axis] + [axis]
        y, mean, variance = _batch_norm_train(tf.transpose(x, order), gamma, beta, -1, epsilon)
        return tf.transpose(y, [order.index(i) for i in range(rank)]), mean, variance
    channels = x.shape[-1]
    gamma = tf.ones(channels, _param(x)) if gamma is None else gamma
    beta = tf.zeros(channels, _param(x)) if beta is None else beta
    if not _fused_takes(x, epsilon):
        y = tf.cast(x, _param(x))
        mean, variance = tf.nn.moments(y, list(range(rank - 1)))
        y = tf.cast(tf.nn.batch_normalization(y, mean, variance, beta, gamma, epsilon), x.dtype)
        return y, tf.stop_gradient(mean), tf.stop_gradient(variance)
    y, mean, variance = _fused(x, gamma, beta, [], [], epsilon, True)
    # The kernel returns the unbiased variance.
    size = x.shape.num_elements()
    if size is None:
        count = tf.cast(tf.size(x, tf.int64) // channels, tf.float32)
        biased = variance * tf.math.divide_no_nan(count - 1, count)
    else:
        biased = variance * (1 - channels / size)
    return y, tf.stop_gradient(mean), tf.stop_gradient(biased)


def _fused_takes(x: Any, epsilon: float) -> bool:
    """Return whether the fused kernel takes such arguments.

    It refuses float64, and epsilons below cuDNN's limit of 1.001e-5. An empty batch breaks oneDNN.
    """
    return bool(x.dtype != tf.float64 and epsilon >= 1.001e-5 and x.shape[0] != 0)


def _fused(x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, epsilon: float, training: bool) -> Any:
    rank, channels = x.shape.rank, x.shape[-1]
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x if rank == 4 else tf.reshape(x, (-1, 1, 1, channels)),
        scale=tf.cast(gamma, tf.float32),
        offset=tf.cast(beta, tf.float32),
        mean=mean,
        variance=variance,
        epsilon=epsilon,
        is_training=training,
    )
    return y if rank == 4 else tf.reshape(y, tf.shape(x)), mean, variance


def _batch_norm_inference(x: Any, mean: Any, variance: Any, gamma: Any, beta: Any, axis: int, epsilon: float) -> Any:
    rank, dtype = x.shape.rank, _param(x)
    vectors = [None if v is None else tf.cast(v, dtype) for v in (mean, variance, gamma, beta)]
    mean, variance, gamma, beta = vectors
    if axis % rank == rank - 1 and _fused_takes(x, epsilon):
        gamma = tf.ones_like(mean) if gamma is None else gamma
        beta = tf.zeros_like(mean) if beta is None else beta
        return _fused(x, gamma, beta, mean, variance, epsilon, False)[0]
    shape = [-1 if i == axis % rank else 1 for i in range(rank)]
    mean, variance, gamma, beta = (None if v is None else tf.reshape(v, shape) for v in vectors)
    fixed = tf.stop_gradient(mean), tf.stop_gradient(variance)
    return tf.cast(tf.nn.batch_normalization(tf.cast(x, dtype), *fixed, beta, gamma, epsilon), x.dtype)


def _param(x: Any) -> Any:
    return tf.float64 if x.dtype == tf.float64 else tf.float32


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
    "softmax": lambda x, axis=-1: _over(tf.nn.softmax, x, axis),
    "log_softmax": lambda x, axis=-1: _over(tf.nn.log_softmax, x, axis),
    "sparse_softmax_crossentropy": _sparse_crossentropy,
    "polar": lambda abs_, angle: tf.complex(abs_ * tf.cos(angle), abs_ * tf.sin(angle)),
}

# TensorFlow's own functions have their constants in float32 only.


def _leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    if x.dtype == tf.float64:
        return tf.where(x > 0, x, x * negative_slope)
    return tf.nn.leaky_relu(x, negative_slope)


def _gelu(x: Any, approximate: bool = True) -> Any:
    if x.dtype == tf.float64 and not approximate:
        return 0.5 * x * (1 + tf.math.erf(x * 0.7071067811865476))
    return tf.nn.gelu(x, approximate)


OVERRIDES: dict[str, Any] = {
    "depthwise_convolution": _depthwise_convolution,
    "relu6": tf.nn.relu6,
    "leaky_relu": _leaky_relu,
    "selu": tf.nn.selu,
    "softplus": tf.math.softplus,
    "log_sigmoid": tf.math.log_sigmoid,
    "gelu": _gelu,
    "silu": tf.nn.silu,
    "sigmoid_crossentropy": lambda target, logits: tf.nn.sigmoid_cross_entropy_with_logits(target, logits),
    "replica_mean": _replica_mean,
    "batch_norm_inference": _batch_norm_inference,
    "batch_norm_train": _batch_norm_train,
}
