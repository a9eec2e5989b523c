"""Fourier transforms and frames on JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def _extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    if x.shape[-1] < sequence_length:
        raise ValueError("no piece fits")
    starts = np.arange(0, x.shape[-1] - sequence_length + 1, sequence_stride)
    return jnp.take(x, starts[:, None] + np.arange(sequence_length), -1)


PRIMITIVES: dict[str, Any] = {
    "complex_of": lambda real, imag: jax.lax.complex(*jnp.broadcast_arrays(real, imag)),
    "fourier": lambda x, axes, inverse: (jnp.fft.ifftn if inverse else jnp.fft.fftn)(x, axes=axes),
    "real_fourier": jnp.fft.rfft,
    "inverse_real_fourier": jnp.fft.irfft,
    "extract_sequences": _extract_sequences,
}
