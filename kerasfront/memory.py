"""Memory on the host, laid as frameworks keep it, or read it in place, instead of copying it."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np

from kerasfront.contract import current

LINE = 64  # the bytes of a cache line: no framework asks for more
_LARGE = 1 << 16  # bytes; for less a copy costs nothing


def address(array: np.ndarray[Any, Any]) -> int:
    return int(array.__array_interface__["data"][0])


def begin(piece: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """So many bytes of a piece that has `LINE` more, from an aligned address on."""
    start = -address(piece) % LINE
    return piece[start : start + size]


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return an array of any values, aligned to 64 bytes."""
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE:
        return np.empty(shape, dtype)
    return begin(np.empty(size + LINE, np.uint8), size).view(dtype).reshape(shape)


def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Zeros that take memory once they are touched, where the backend keeps them as they are."""
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE or not current().adopts:
        return np.zeros(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, size), dtype).reshape(shape)
