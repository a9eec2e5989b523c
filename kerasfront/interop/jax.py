"""JAX: arrays, tracers, and sparse arrays of its kind BCOO."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasfront.interop.library import ArraySpec, RowSource, SparseParts, TensorLibrary
from kerasfront.spec import dtypes
from kerasfront.typing import Tensor


class Jax(TensorLibrary):
    """Batches of an array on the CPU are NumPy arrays; on an accelerator, and of BCOO arrays, they are JAX's."""

    name = "jax"
    packages: tuple[str, ...] = ("jax", "jaxlib")
    sparse_batches = True

    def is_array(self, value: Any) -> bool:
        return isinstance(value, sys.modules["jax"].Array) or self.is_sparse(value)

    def spec(self, value: Any) -> ArraySpec:
        return ArraySpec(tuple(value.shape), self.dtype_name(value), self.is_sparse(value))

    def to_numpy(self, value: Any) -> np.ndarray[Any, Any]:
        return np.asarray(value.todense() if self.is_sparse(value) else value)

    def rows(self, value: Any) -> RowSource | None:
        if all(device.platform == "cpu" for device in value.devices()):
            return None  # NumPy gathers rows of the same memory nine times as fast
        return RowSource(self.spec(value), value.__getitem__, lambda batch, shape: batch.reshape(shape))

    def from_numpy(self, array: np.ndarray[Any, Any], like: Any = None) -> Tensor:
        return array if array.dtype.kind in "OUS" else sys.modules["jax"].numpy.asarray(array)

    def is_symbolic(self, tensor: Any) -> bool:
        return isinstance(tensor, sys.modules["jax"].core.Tracer)

    def call_later(
        self, function: Callable[..., Sequence[np.ndarray[Any, Any]]], tensors: Sequence[Any], specs: Sequence[Any]
    ) -> Sequence[Any]:
        jax = sys.modules["jax"]
        # Without its option for 64 bits, JAX has 32 bits only.
        results = [
            jax.ShapeDtypeStruct(s.shape, jax.dtypes.canonicalize_dtype(dtypes.to_numpy(s.dtype))) for s in specs
        ]

        def narrowed(*arrays: Any) -> list[np.ndarray[Any, Any]]:
            return [np.asarray(x, like.dtype) for x, like in zip(function(*arrays), results, strict=True)]

        tensors_later: Sequence[Any] = jax.pure_callback(narrowed, results, *tensors)
        return tensors_later

    def is_sparse(self, tensor: Any) -> bool:
        sparse = sys.modules.get("jax.experimental.sparse")
        return sparse is not None and isinstance(tensor, sparse.BCOO)

    def sparse_parts(self, tensor: Any) -> SparseParts | None:
        if not self.is_sparse(tensor):
            return None
        flat = sys.modules["jax.experimental.sparse"].bcoo_update_layout(tensor, n_batch=0, n_dense=0)
        return SparseParts(np.asarray(flat.indices), np.asarray(flat.data), tuple(tensor.shape))

    def from_sparse(self, parts: SparseParts, capacity: int) -> Tensor:
        indices, values, shape = parts
        count = capacity - len(values)
        # JAX compiles a step anew for each number of elements. Padding has indices behind the end of each axis.
        padding = np.broadcast_to(np.array(shape, indices.dtype), (count, len(shape)))
        indices = np.concatenate([indices, padding]).astype("int32")
        values = np.concatenate([values, np.zeros(count, values.dtype)])
        sparse = sys.modules["jax.experimental.sparse"]
        return sparse.BCOO((values, indices), shape=shape, indices_sorted=True, unique_indices=True)


LIBRARY = Jax()
