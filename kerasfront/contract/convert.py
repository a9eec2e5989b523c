"""Conversion: what an adapter's tensors are, and how values of other kinds become them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasfront.contract.native import Native, NativeDType
from kerasfront.spec import dtypes


class Convert:
    """The part of an adapter that every adapter supplies: `to_tensor`, `to_numpy`, `cast`.

    The other methods have bodies that serve a framework whose tensors have `shape` and `dtype` and always hold values.
    """

    # The classes of native tensors; the front adds subclasses and classes of tracers as it meets them.
    native: set[type]
    # The framework's dtype for each canonical name ("float32") that it has.
    native_dtypes: Mapping[str, NativeDType]
    # To how many bytes an array on the host must be aligned for a step to read it in place.
    alignment: int = 1
    # Whether `adopt` keeps the memory of an array on the host, if it is aligned to 64 bytes.
    adopts: bool = False

    def is_tensor(self, x: object) -> bool:
        """Return whether x is a tensor of the framework."""
        return isinstance(x, tuple(self.native))

    def to_tensor(self, x: Any, dtype: str | None) -> Native:
        """Return a native tensor of an array, a list, a scalar or a native tensor.

        Args:
            x: The values. A native tensor of the right dtype may be returned as it is.
            dtype: A canonical name. None keeps the dtype of an array; a list or a scalar gets `dtypes.of_values`, so
                that floats become floatx.
        """
        raise NotImplementedError(f"The adapter {type(self).__name__} supplies no to_tensor.")

    def scalar(self, value: bool | int | float | complex, dtype: str) -> Native:
        """Return a 0-d native tensor of a Python scalar."""
        return self.to_tensor(value, dtype)

    def to_numpy(self, x: Native) -> np.ndarray[Any, Any]:
        """Return the values of a native tensor as an array that the caller may write into."""
        raise NotImplementedError(f"The adapter {type(self).__name__} supplies no to_numpy.")

    def peek(self, x: Native) -> np.ndarray[Any, Any]:
        """Return the values of a native tensor for reading only, without a copy where the framework allows it.

        The array is used before the tensor changes, and is never written into.
        """
        return self.to_numpy(x)

    def adopt(self, array: np.ndarray[Any, Any]) -> Native:
        """Return a native tensor of an array that nobody else uses, so that the tensor may keep the array's memory."""
        return self.to_tensor(array, None)

    def cast(self, x: Native, dtype: str) -> Native:
        """Return a native tensor in another dtype, which is a canonical name."""
        raise NotImplementedError(f"The adapter {type(self).__name__} supplies no cast.")

    def has_value(self, x: Native) -> bool:
        """Return whether the numbers of a native tensor can be read: they can't while a graph is traced."""
        return True

    def dtype_name(self, x: Native) -> str:
        """Return the canonical name of a native tensor's dtype."""
        return dtypes.standardize(x.dtype)

    def shape(self, x: Native) -> tuple[Any, ...]:
        """Return the shape of a native tensor.

        Each dim is an integer, or what the framework has for a dim that the traced graph doesn't know: a native scalar
        or a symbolic integer. The front neither hashes such a dim nor makes an int of it.
        """
        return tuple(x.shape)

    def stored_dtype(self, dtype: str) -> str:
        """Return the dtype that a tensor has when `dtype` is asked for, where the framework may not have that dtype."""
        return dtype
