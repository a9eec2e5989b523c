"""An outside adapter, as small as one can be: arrays are NumPy's, and so are most of the functions."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kerasfront.contract import Adapter
from kerasfront.spec import dtypes
from kerasfront_numpy import adapter as numpy_adapter

LACKING = {"expm1": "a pocket calculator has no such key"}


def _silu(x: np.ndarray) -> np.ndarray:
    """Faster than the derivation would be, which multiplies by a sigmoid."""
    with np.errstate(over="ignore"):
        return (x / (1 + np.exp(-x))).astype(x.dtype)


class TinyNumPy(Adapter):
    name = "tinynp"
    contract = (1, 0)
    distribution = "tinynp"
    native = {np.ndarray, *(dtypes.to_numpy(name).type for name in dtypes.ALL)}
    native_dtypes = {name: dtypes.to_numpy(name) for name in dtypes.ALL}
    functional = True

    # The primitives: from the name of an op to a function of native tensors. Another framework's table is its own;
    # this one borrows NumPy's and leaves one out.
    primitives: Mapping[str, Callable[..., Any]] = {
        name: function for name, function in numpy_adapter.primitives.items() if name not in LACKING
    }
    overrides: Mapping[str, Callable[..., Any]] = {"silu": _silu}
    gaps = LACKING

    def to_tensor(self, x: Any, dtype: str | None) -> np.ndarray:
        value = np.asarray(x)
        if dtype is None and not hasattr(x, "dtype"):
            dtype = dtypes.of_values(value)
        return value if dtype is None else value.astype(dtypes.to_numpy(dtype), copy=False)

    def to_numpy(self, x: Any) -> np.ndarray:
        return np.asarray(x)

    def cast(self, x: Any, dtype: str) -> np.ndarray:
        return np.asarray(x).astype(dtypes.to_numpy(dtype))

    def make_storage(self, value: Any, dtype: str, trainable: bool, name: str, fresh: bool = False) -> np.ndarray:
        return np.array(value, dtypes.to_numpy(dtype))

    def stage(self, batch: Any) -> Any:
        return batch


adapter = TinyNumPy()
