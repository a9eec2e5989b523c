"""SciPy: sparse matrices and arrays, of which each batch becomes dense."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront.interop.library import ArraySpec, Library, Rows, RowSource


class SciPy(Library):
    """Sparse matrices: a batch of their rows is a dense array, so that the whole need never be one."""

    name = "SciPy"
    packages: tuple[str, ...] = ("scipy",)

    def is_array(self, value: Any) -> bool:
        return hasattr(value, "tocsr") or super().is_array(value)

    def to_numpy(self, value: Any) -> np.ndarray[Any, Any]:
        return np.asarray(value.toarray()) if hasattr(value, "toarray") else super().to_numpy(value)

    def rows(self, value: Any) -> RowSource | None:
        if not hasattr(value, "tocsr"):
            return None
        matrix = value.tocsr()

        def take(rows: Rows) -> np.ndarray[Any, Any]:
            dense: np.ndarray[Any, Any] = matrix[rows].toarray()
            return dense

        return RowSource(ArraySpec(tuple(matrix.shape), matrix.dtype.name), take, np.reshape)


LIBRARY = SciPy()
