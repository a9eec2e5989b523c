"""Draws on TensorFlow: the stateless ops, keyed by (seed, counter)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from kerasfront.spec import dtypes

_STEP = np.array([0, 1], "uint32")
_PHILOX = 1


def _seed(key: Any) -> Any:
    return tf.bitcast(key, tf.int32)


def _other(key: Any) -> Any:
    """Return another key, where one draw needs two."""
    return tf.random.split(_seed(key), 2)[1]


def _next_key(state: Any) -> tuple[Any, Any]:
    key = tf.identity(state)
    return key, key + _STEP


def _truncated_normal(key: Any, shape: Any, mean: float, stddev: float, dtype: str) -> Any:
    return tf.random.stateless_truncated_normal(shape, _seed(key), mean, stddev, dtype)


def _randint(key: Any, shape: Any, minval: int, maxval: int, dtype: str) -> Any:
    if maxval > 2**63:  # beyond int64: draw lower by the excess, and let the sum wrap around
        draws = _randint(key, shape, minval - 2**63, maxval - 2**63, "int64")
        return tf.cast(tf.bitwise.bitwise_xor(draws, tf.int64.min), dtype)
    # The remainder of a random word favours lower values unless the range is small compared with the word's.
    wide = tf.int32 if maxval - minval <= 2**16 and -(2**31) <= minval < 2**31 - 2**16 else tf.int64
    low, high = tf.constant(minval, wide), tf.constant(maxval, wide)
    return tf.cast(tf.random.stateless_uniform(shape, _seed(key), low, high, wide), dtype)


def _categorical(key: Any, logits: Any, num_samples: int, dtype: str) -> Any:
    wide = tf.cast(logits, tf.float64 if logits.dtype == tf.float64 else tf.float32)
    shape = tf.concat([tf.shape(logits)[:1], [num_samples], tf.shape(logits)[1:]], 0)
    unit = tf.random.stateless_uniform(shape, _seed(key), np.finfo("float32").tiny, 1.0, wide.dtype)
    return tf.cast(tf.argmax(wide[:, None] - tf.math.log(-tf.math.log(unit)), -1), dtype)


def _keep(key: Any, shape: Any, rate: float) -> tuple[Any, float]:
    """Return where to keep elements, and the scale of those. Sixteen bits decide on each: half the work of a float."""
    if not 2**-8 <= rate <= 1 - 2**-8:
        return tf.random.stateless_uniform(shape, _seed(key)) >= rate, 1 / (1 - rate)
    dropped = round(rate * 2**16)
    count = tf.reduce_prod(shape) if tf.is_tensor(shape) else math.prod(shape)
    words = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[(count + 1) // 2], key=tf.bitcast(key, tf.uint64)[None], counter=tf.zeros([2], tf.uint64),
        alg=_PHILOX, dtype=tf.int32,
    )  # fmt: skip
    halves = tf.reshape(tf.reshape(tf.bitcast(words, tf.int16), [-1])[:count], shape)
    return halves >= np.int16(dropped - 2**15), 2**16 / (2**16 - dropped)


def _dropout(key: Any, inputs: Any, rate: float, noise_shape: Any) -> Any:
    shape = inputs.shape if noise_shape is None else noise_shape
    if any(not isinstance(n, int) for n in shape):
        shape = tf.shape(inputs) if noise_shape is None else tf.stack(noise_shape)
    keep, scale = _keep(key, shape, rate)
    out = inputs * (tf.cast(keep, inputs.dtype) * tf.constant(scale, inputs.dtype))
    out.set_shape(inputs.shape)
    return out


def _shuffle(key: Any, x: Any, axis: int) -> Any:
    order = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(x)[axis]), _seed(key))
    return tf.ensure_shape(tf.gather(x, order, axis=axis), x.shape)


def _gamma(key: Any, shape: Any, alpha: Any) -> Any:
    wide = tf.float64 if alpha.dtype == tf.float64 else tf.float32
    draws = tf.random.stateless_gamma(shape, _seed(key), tf.broadcast_to(tf.cast(alpha, wide), shape), dtype=wide)
    return tf.cast(draws, alpha.dtype)


def _log_gamma(seed: Any, shape: Any, alpha: Any) -> Any:
    # log G(a) = log G(a + 1) + log(U) / a doesn't underflow for small a.
    seeds = tf.random.split(seed, 2)
    unit = tf.random.stateless_uniform(shape, seeds[0], np.finfo("float32").tiny, 1.0, alpha.dtype)
    return (
        tf.math.log(tf.random.stateless_gamma(shape, seeds[1], alpha + 1, dtype=alpha.dtype))
        + tf.math.log(unit) / alpha
    )


def _beta(key: Any, shape: Any, alpha: Any, beta: Any) -> Any:
    wide = tf.float64 if alpha.dtype == tf.float64 else tf.float32
    logs = [
        _log_gamma(s, shape, tf.broadcast_to(tf.cast(p, wide), shape))
        for s, p in ((_seed(key), alpha), (_other(key), beta))
    ]
    return tf.cast(tf.sigmoid(logs[0] - logs[1]), alpha.dtype)


def _binomial(key: Any, shape: Any, counts: Any, probabilities: Any) -> Any:
    wide = tf.float64 if counts.dtype == tf.float64 else tf.float32
    trials, p = (tf.broadcast_to(tf.cast(x, wide), shape) for x in (counts, probabilities))
    return tf.cast(tf.random.stateless_binomial(shape, _seed(key), trials, p, output_dtype=wide), counts.dtype)


def _on_host(key: Any, parameters: Any, shape: Any, dtype: str, function: Any) -> Any:
    def run(key: Any, shape: Any, *parameters: Any) -> Any:
        return np.asarray(function(key, shape, *parameters)).astype(dtypes.to_numpy(dtype))

    sizes = tf.stack([tf.convert_to_tensor(n, tf.int32) for n in shape]) if len(shape) else tf.zeros([0], tf.int32)
    out = tf.numpy_function(
        run, [key, sizes, *(tf.cast(tf.stop_gradient(p), tf.float64) for p in parameters)], dtype, stateful=False
    )
    return tf.reshape(out, sizes)


PRIMITIVES: dict[str, Any] = {
    "draw.next_key": _next_key,
    "draw.uniform": lambda key, shape, minval, maxval, dtype: tf.random.stateless_uniform(
        shape, _seed(key), minval, maxval, dtype
    ),
    "draw.normal": lambda key, shape, mean, stddev, dtype: tf.random.stateless_normal(
        shape, _seed(key), mean, stddev, dtype
    ),
    "draw.truncated_normal": _truncated_normal,
    "draw.randint": _randint,
    "draw.categorical": _categorical,
    "draw.dropout": _dropout,
    "draw.shuffle": _shuffle,
    "draw.gamma": _gamma,
    "draw.beta": _beta,
    "draw.on_host": _on_host,
    "draw.binomial": _binomial,
}
