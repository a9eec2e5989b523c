"""TensorFlow: tensors, variables, sparse and ragged tensors, and the data sets of tf.data."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasfront.errors import CapabilityError
from kerasfront.interop.library import INFINITE, ArraySpec, Rows, RowSource, SparseParts, Stream, TensorLibrary
from kerasfront.typing import Tensor


class TensorFlow(TensorLibrary):
    """Tensors stay tensors, and batches of sparse tensors are sparse too."""

    name = "tensorflow"
    packages: tuple[str, ...] = ("tensorflow",)
    sparse_batches = True
    rewrites_functions = True

    def is_array(self, value: Any) -> bool:
        tf = sys.modules["tensorflow"]
        return isinstance(value, (tf.Tensor, tf.Variable, tf.RaggedTensor, tf.SparseTensor))

    def spec(self, value: Any) -> ArraySpec:
        return ArraySpec(tuple(value.shape), self.dtype_name(value), self.is_sparse(value))

    def to_numpy(self, value: Any) -> np.ndarray[Any, Any]:
        return np.asarray(self.to_dense(value))

    def rows(self, value: Any) -> RowSource | None:
        tf = sys.modules["tensorflow"]

        def take(rows: Rows) -> Any:
            return value[rows] if isinstance(rows, slice) else tf.gather(value, rows)

        return RowSource(self.spec(value), take, tf.reshape)

    def stream(self, value: Any) -> Stream | None:
        if not isinstance(value, sys.modules["tensorflow"].data.Dataset):
            return None
        count = int(value.cardinality())
        length = INFINITE if count == -1 else None if count < 0 else count
        return Stream("tf.data.Dataset", length, lambda epoch: iter(value))

    def cast(self, tensor: Any, dtype: str) -> Tensor:
        return sys.modules["tensorflow"].cast(tensor, dtype)

    def from_numpy(self, array: np.ndarray[Any, Any], like: Any = None) -> Tensor:
        return sys.modules["tensorflow"].convert_to_tensor(array)

    def is_symbolic(self, tensor: Any) -> bool:
        return not hasattr(tensor, "numpy")

    def call_later(
        self, function: Callable[..., Sequence[np.ndarray[Any, Any]]], tensors: Sequence[Any], specs: Sequence[Any]
    ) -> Sequence[Any]:
        tf = sys.modules["tensorflow"]
        results: Sequence[Any] = tf.numpy_function(function, tensors, [tf.dtypes.as_dtype(s.dtype) for s in specs])
        for tensor, spec in zip(results, specs, strict=True):
            tensor.set_shape(spec.shape)
        return results

    def to_dense(self, tensor: Any) -> Tensor:
        tf = sys.modules["tensorflow"]
        if isinstance(tensor, tf.RaggedTensor):
            raise CapabilityError(
                "A RaggedTensor came from another framework than the backend: call to_tensor() first."
            )
        return tf.sparse.to_dense(tensor) if isinstance(tensor, tf.SparseTensor) else tensor

    def is_sparse(self, tensor: Any) -> bool:
        return isinstance(tensor, sys.modules["tensorflow"].SparseTensor)

    def sparse_parts(self, tensor: Any) -> SparseParts | None:
        if not self.is_sparse(tensor):
            return None
        shape = tuple(tensor.dense_shape.numpy().tolist())
        return SparseParts(tensor.indices.numpy(), tensor.values.numpy(), shape)

    def from_sparse(self, parts: SparseParts, capacity: int) -> Tensor:
        return sys.modules["tensorflow"].SparseTensor(*parts)

    def to_ragged(self, tensor: Any, lengths: Any) -> Tensor:
        return sys.modules["tensorflow"].RaggedTensor.from_tensor(tensor, lengths)

    def elements(self, tensor: Any) -> np.ndarray[Any, Any]:
        ragged = isinstance(tensor, sys.modules["tensorflow"].RaggedTensor)
        return self.to_numpy(tensor.flat_values if ragged else tensor)

    def unconverted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        # TensorFlow has no AutoGraph yet while it is being imported.
        autograph = getattr(sys.modules["tensorflow"], "autograph", None)
        return function if autograph is None else autograph.experimental.do_not_convert(function)


LIBRARY = TensorFlow()
