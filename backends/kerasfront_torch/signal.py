"""Fourier transforms and frames on PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def _rows_or_none(transform: Callable[..., torch.Tensor], x: torch.Tensor, length: int | None) -> torch.Tensor:
    """Transform along the last axis; MKL's transform fails if there are no rows."""
    if x.numel() or not x.shape[-1]:
        return transform(x, length)
    row = transform(x.new_zeros((1, x.shape[-1])), length)
    return row.new_zeros((*x.shape[:-1], row.shape[-1]))


PRIMITIVES: dict[str, Any] = {
    "complex_of": torch.complex,
    "fourier": lambda x, axes, inverse: (torch.fft.ifftn if inverse else torch.fft.fftn)(x, dim=axes),
    "real_fourier": lambda x, length: _rows_or_none(torch.fft.rfft, x, length),
    "inverse_real_fourier": lambda x, length: _rows_or_none(torch.fft.irfft, x, length),
    "extract_sequences": lambda x, sequence_length, sequence_stride: x.unfold(-1, sequence_length, sequence_stride),
}
