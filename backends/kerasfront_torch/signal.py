"""Fourier transforms and frames on PyTorch."""

from __future__ import annotations

from typing import Any

import torch

PRIMITIVES: dict[str, Any] = {
    "complex_of": torch.complex,
    "fourier": lambda x, axes, inverse: (torch.fft.ifftn if inverse else torch.fft.fftn)(x, dim=axes),
    "real_fourier": torch.fft.rfft,
    "inverse_real_fourier": torch.fft.irfft,
    "extract_sequences": lambda x, sequence_length, sequence_stride: x.unfold(-1, sequence_length, sequence_stride),
}
