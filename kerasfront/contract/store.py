"""Storage: what Variables hold, how it is assigned, and sums that keep more digits than they are read in."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import numpy as np

from kerasfront.contract.convert import Convert
from kerasfront.contract.native import Native, Storage
from kerasfront.contract.table import Table

T = TypeVar("T")

_lock = threading.Lock()
if hasattr(os, "register_at_fork"):  # a child process has none of the threads that could release the lock
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class Plain:
    """The base class of Variables and layers where the framework needs none of its own."""


class Store(Convert, Table):
    """The part of an adapter that stores Variables.

    The bodies serve a framework whose tensors are never written into: assigning replaces the value.
    """

    # The base class of Variable, for a framework that wants its own.
    variable_base: type = Plain
    # Whether `assign` replaces the value (a functional framework) or writes into it.
    functional: bool = False

    def make_storage(self, value: Any, dtype: str, trainable: bool, name: str, fresh: bool = False) -> Storage:
        """Return what a new Variable holds.

        Args:
            value: A NumPy array or a native tensor.
            dtype: The canonical name of the Variable's dtype.
            trainable: Whether the Variable has a gradient.
            name: The name of the Variable, for the framework to show.
            fresh: Whether nobody else uses `value`, so that no copy is needed.
        """
        return self.to_tensor(value, dtype)

    def outside_trace(self) -> AbstractContextManager[object]:
        """Return a context in which values are computed at once, even while a step is being traced.

        Use it for what doesn't depend on the step and lives on after it, such as the first value of a Variable.
        """
        return nullcontext()

    def assign(self, storage: Storage, value: Native) -> Storage:
        """Write a native tensor of the storage's dtype and shape; return what the Variable holds from now on."""
        return value

    def assign_zeros(self, storage: Storage) -> Storage:
        """Write zeros; return what the Variable holds from now on."""
        return self.assign(storage, self.primitives["zeros_like"](storage))

    def assign_add(self, storage: Storage, value: Native | int | float) -> Storage:
        """Add a native tensor of the storage's dtype, or a Python number; return what the Variable holds then."""
        return self.assign(storage, storage + value)

    def assign_sub(self, storage: Storage, value: Native | int | float) -> Storage:
        """Subtract a native tensor of the storage's dtype, or a Python number; return what the Variable holds then."""
        return self.assign(storage, storage - value)

    def set_trainable(self, storage: Storage, trainable: bool) -> None:
        """Take note that the `trainable` of a storage's Variable has changed."""

    def atomic(self, run: Callable[[], T]) -> T:
        """Return `run()`, which reads and assigns a Variable, so that no other thread's `atomic` runs in between."""
        with _lock:
            return run()

    # Long sums count more numbers than their dtype can (2**24 in float32), so they are stored in more digits.

    def make_sum(self, value: Any, name: str) -> Storage:
        """Return the storage of a Variable for a sum that begins at a NumPy array or a native tensor."""
        return self.make_storage(value, "float64", False, name)

    def sum_of(self, value: Native) -> Storage:
        """Return a sum, in its stored form, that begins at a native tensor of integers or floats."""
        return self.cast(value, "float64")

    def sum_and(self, stored: Storage, value: Native) -> Storage:
        """Return the stored form of a sum after adding a native tensor of integers or floats."""
        return stored + self.cast(value, "float64")

    def add_to_sum(self, stored: Storage, value: Native | int | float) -> Storage:
        """Add a native tensor or a Python number to a sum, in place where the framework writes in place."""
        number = type(value) is int or type(value) is float
        return self.assign_add(stored, value if number else self.cast(value, "float64"))

    def read_sum(self, stored: Storage, dtype: str) -> Native:
        """Return a sum as a native tensor of `dtype`."""
        return self.cast(stored, dtype)

    def sum_to_numpy(self, stored: Storage) -> np.ndarray[Any, Any]:
        """Return all the digits of a stored sum, as float64."""
        return self.to_numpy(stored)
