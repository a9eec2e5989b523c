"""Memory on the host for weights on their way from a file, as frameworks keep it instead of copying it."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np

from kerasfront.contract import current

_LINE = 64  # bytes
_LARGE = 1 << 16  # bytes; for less a copy costs nothing


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An array of any values, aligned to 64 bytes."""
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE:
        return np.empty(shape, dtype)
    piece = np.empty(size + _LINE, np.uint8)
    start = -piece.ctypes.data % _LINE
    return piece[start : start + size].view(dtype).reshape(shape)


def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Zeros that take memory once they are touched, where the backend keeps them as they are."""
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE or not current().adopts:
        return np.zeros(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, size), dtype).reshape(shape)
