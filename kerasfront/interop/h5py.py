"""h5py: data sets in HDF5 files, of which a batch reads only its rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront.interop.library import Library, Rows, RowSource


class H5py(Library):
    """Data sets in files."""

    name = "h5py"
    packages: tuple[str, ...] = ("h5py",)

    def rows(self, value: Any) -> RowSource | None:
        def take(rows: Rows) -> np.ndarray[Any, Any]:
            if isinstance(rows, slice):
                in_order: np.ndarray[Any, Any] = value[rows]
                return in_order
            # A data set gives rows in rising order only, and each of them once.
            unique, inverse = np.unique(rows, return_inverse=True)
            gathered: np.ndarray[Any, Any] = value[unique][inverse]
            return gathered

        return RowSource(self.spec(value), take, np.reshape)


LIBRARY = H5py()
