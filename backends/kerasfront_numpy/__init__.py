"""kerasfront on NumPy: the reference that the other adapters are held against, and inference without a framework."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront.contract import Adapter
from kerasfront.spec import dtypes
from kerasfront_numpy import linalg, nn, random, signal
from kerasfront_numpy.ops import PRIMITIVES


class NumpyAdapter(Adapter):
    name = "numpy"
    contract = (1, 0)
    distribution = "numpy"
    native = {np.ndarray, *(dtypes.to_numpy(name).type for name in (*dtypes.ALL, *dtypes.FLOAT8))}
    native_dtypes = {name: dtypes.to_numpy(name) for name in (*dtypes.ALL, *dtypes.FLOAT8)}
    primitives = {**PRIMITIVES, **nn.PRIMITIVES, **linalg.PRIMITIVES, **random.PRIMITIVES, **signal.PRIMITIVES}
    overrides = {**nn.OVERRIDES}
    capabilities = frozenset({"complex"})
    functional = True

    def to_tensor(self, x: Any, dtype: str | None) -> np.ndarray[Any, Any]:
        value = np.asarray(x)
        if dtype is None and not hasattr(x, "dtype"):
            dtype = dtypes.of_values(value)
        return value if dtype is None else value.astype(dtypes.to_numpy(dtype), copy=False)

    def scalar(self, value: complex, dtype: str) -> np.ndarray[Any, Any]:
        return np.asarray(value, dtypes.to_numpy(dtype))

    def to_numpy(self, x: Any) -> np.ndarray[Any, Any]:
        return np.asarray(x)

    def cast(self, x: Any, dtype: str) -> np.ndarray[Any, Any]:
        return np.asarray(x).astype(dtypes.to_numpy(dtype))

    def dtype_name(self, x: Any) -> str:
        return dtypes.standardize(x.dtype.name)

    def make_storage(
        self, value: Any, dtype: str, trainable: bool, name: str, fresh: bool = False
    ) -> np.ndarray[Any, Any]:
        return np.array(value, dtypes.to_numpy(dtype))

    def stage(self, batch: Any) -> Any:
        return batch


adapter = NumpyAdapter()
