"""torch: tensors, data loaders and data sets."""

from __future__ import annotations

import sys
from typing import Any

import ml_dtypes
import numpy as np

from kerasfront.errors import DataError
from kerasfront.interop.library import ArraySpec, Rows, RowSource, SparseParts, Stream, TensorLibrary
from kerasfront.typing import Tensor


class Torch(TensorLibrary):
    """Tensors stay tensors; on the CPU, NumPy gathers their rows. Sparse tensors become dense batch by batch."""

    name = "torch"
    packages: tuple[str, ...] = ("torch",)

    def is_array(self, value: Any) -> bool:
        return isinstance(value, sys.modules["torch"].Tensor)

    def spec(self, value: Any) -> ArraySpec:
        return ArraySpec(tuple(value.shape), self.dtype_name(value), self.is_sparse(value))

    def dtype_name(self, value: Any) -> str:
        return str(value.dtype).removeprefix("torch.")

    def to_numpy(self, value: Any) -> np.ndarray[Any, Any]:
        tensor = value.detach().resolve_conj().cpu()
        if self.is_sparse(tensor):
            tensor = tensor.to_dense()
        torch = sys.modules["torch"]
        if tensor.dtype == torch.bfloat16:  # NumPy has it by ml_dtypes only
            return np.asarray(tensor.view(torch.int16).numpy()).view(ml_dtypes.bfloat16)
        return np.asarray(tensor.numpy())

    def rows(self, value: Any) -> RowSource | None:
        spec, from_numpy = self.spec(value), sys.modules["torch"].from_numpy
        if value.device.type == "cpu" and not value.requires_grad and spec.dtype != "bfloat16":
            # NumPy gathers rows of the same memory five times as fast.
            return RowSource(spec, value.__getitem__, _reshape, value.numpy(), from_numpy)

        def take(rows: Rows) -> Any:
            return value[rows if isinstance(rows, slice) else from_numpy(rows)]

        return RowSource(spec, take, _reshape)

    def stream(self, value: Any) -> Stream | None:
        data = sys.modules.get("torch.utils.data")
        if data is not None and isinstance(value, data.DataLoader):
            return Stream("torch DataLoader", _length(value), lambda epoch: iter(value))
        if data is not None and isinstance(value, data.Dataset) and not hasattr(value, "__next__"):
            raise DataError(
                f"`x` is a torch Dataset ({type(value).__name__}), which has no batches.",
                hint="Wrap it: torch.utils.data.DataLoader(dataset, batch_size=32).",
            )
        return None

    def cast(self, tensor: Any, dtype: str) -> Tensor:
        return tensor.to(getattr(sys.modules["torch"], dtype))

    def from_numpy(self, array: np.ndarray[Any, Any], like: Any = None) -> Tensor:
        if array.dtype.kind in "OUS":
            return array
        torch = sys.modules["torch"]
        array = np.require(array, requirements=["C", "W"])
        if array.dtype == ml_dtypes.bfloat16:
            tensor = torch.from_numpy(array.view("int16")).view(torch.bfloat16)
        else:
            tensor = torch.from_numpy(array)
        return tensor if like is None else tensor.to(like.device)

    def is_symbolic(self, tensor: Any) -> bool:
        return bool(tensor.device.type == "meta")

    def is_sparse(self, tensor: Any) -> bool:
        return str(tensor.layout) != "torch.strided"

    def sparse_parts(self, tensor: Any) -> SparseParts | None:
        if not self.is_sparse(tensor):
            return None
        tensor = tensor.detach().cpu().to_sparse_coo().coalesce()
        return SparseParts(tensor.indices().numpy().T, tensor.values().numpy(), tuple(tensor.shape))

    def worker_seed(self) -> int | None:
        data = sys.modules.get("torch.utils.data")
        worker = None if data is None else data.get_worker_info()
        return None if worker is None else int(worker.seed)


def _reshape(batch: Any, shape: Any) -> Any:
    return batch.reshape(shape)


def _length(loader: Any) -> int | None:
    """Return the number of a loader's batches. None: its data set doesn't know."""
    try:
        return len(loader)
    except (TypeError, NotImplementedError):
        return None


LIBRARY = Torch()
