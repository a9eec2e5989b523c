"""Fourier transforms and frames on TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def _fourier(x: Any, axes: Any, inverse: bool) -> Any:
    one, two = (tf.signal.ifft, tf.signal.ifft2d) if inverse else (tf.signal.fft, tf.signal.fft2d)
    return one(x) if len(axes) == 1 else two(x)


def _to_length(x: Any, length: int) -> Any:
    """Cut or pad to a length; the gradients of tf.signal's own cutting have the wrong shape."""
    size = x.shape[-1]
    if size is None or size < length:
        x = tf.pad(x, [*[[0, 0]] * (x.shape.rank - 1), [0, length]])
    return x[..., :length]


def _real_fourier(x: Any, length: int | None) -> Any:
    return tf.signal.rfft(x if length is None else _to_length(x, length))


def _inverse_real_fourier(x: Any, length: int | None) -> Any:
    if length is None:
        return tf.signal.irfft(x)
    return tf.signal.irfft(_to_length(x, length // 2 + 1), [length])


def _extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    if x.shape[-1] is not None and x.shape[-1] < sequence_length:
        raise ValueError("no piece fits")
    return tf.signal.frame(x, sequence_length, sequence_stride)


PRIMITIVES: dict[str, Any] = {
    "complex_of": tf.complex,
    "fourier": _fourier,
    "real_fourier": _real_fourier,
    "inverse_real_fourier": _inverse_real_fourier,
    "extract_sequences": _extract_sequences,
}
