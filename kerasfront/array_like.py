"""Data as users have it, as a layer takes it: columns and frames, and anything that can become a NumPy array."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront.interop import becomes_array as is_array_like
from kerasfront.interop import numbers_of_objects, to_numpy

__all__ = ["is_array_like", "to_array"]


def to_array(x: Any) -> Any:
    """Return an array in which numbers are numbers: of nullable and categorical columns too.

    >>> to_array(np.array([1, None, 3], object)).tolist()
    [1.0, nan, 3.0]
    """
    return numbers_of_objects(x) if isinstance(x, np.ndarray) else to_numpy(x)
