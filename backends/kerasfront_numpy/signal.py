"""Fourier transforms and frames on NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np


def _fourier(x: Any, axes: Any, inverse: bool) -> Any:
    return (np.fft.ifftn if inverse else np.fft.fftn)(x, axes=axes).astype(x.dtype)


def _real_fourier(x: Any, length: int | None) -> Any:
    return np.fft.rfft(x, length).astype("complex64" if x.dtype == "float32" else "complex128")


def _inverse_real_fourier(x: Any, length: int | None) -> Any:
    return np.fft.irfft(x, length).astype(x.real.dtype)


def _extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x, sequence_length, -1)[..., ::sequence_stride, :]


PRIMITIVES: dict[str, Any] = {
    "complex_of": lambda real, imag: real + np.array(1j, "complex64") * imag,
    "fourier": _fourier,
    "real_fourier": _real_fourier,
    "inverse_real_fourier": _inverse_real_fourier,
    "extract_sequences": _extract_sequences,
}
