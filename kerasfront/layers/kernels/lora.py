"""LoRA: a kernel stays as it is, and the product of two narrow matrices, which are trained, is added to it.

Source: Hu et al., https://arxiv.org/abs/2106.09685
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasfront import ops
from kerasfront.layers.kernels.products import Product
from kerasfront.typing import Tensor, TensorLike
from kerasfront.variable import Variable


@dataclass(frozen=True, eq=False)
class LowRank:
    """What LoRA adds to a kernel of shape (*rows, columns): `scale * a @ b`.

    Args:
        a: The first matrix, of shape (*rows, rank).
        b: The second matrix, of shape (rank, columns).
        scale: What the product is multiplied by: alpha / rank.
    """

    a: Variable
    b: Variable
    scale: float

    def matrix(self) -> Tensor:
        """Return what is added to the whole kernel."""
        return ops.multiply(ops.matmul(self.a.value, self.b.value), self.scale)

    def rows(self, indices: Tensor) -> Tensor:
        """Return what is added to the rows of these indices, without computing the others."""
        rows = ops.matmul(ops.take(self.a.value, indices, axis=0), self.b.value)
        return ops.multiply(rows, self.scale)

    def product(self, product: Product, inputs: Tensor) -> Tensor:
        """Return what is added to a layer's product of inputs and kernel."""
        if not product.takes_low_rank:
            return product.contract(inputs, self.matrix())
        outputs = ops.matmul(product.contract(inputs, self.a.value), self.b.value)
        return ops.multiply(outputs, self.scale)


class MergedVariable:
    """A variable as the file of a layer with LoRA holds it: its value includes what LoRA adds.

    It is read and written like the variable. Once it is written, LoRA begins anew.

    Args:
        variable: The variable of the kernel's storage.
        value: The value with what LoRA adds.
        b: LoRA's second matrix.
    """

    def __init__(self, variable: Variable, value: np.ndarray[Any, Any], b: Variable) -> None:
        self.stored: Variable = variable
        self._array = value
        self._b = b
        self.name: str = variable.name
        self.path: str = variable.path
        self.shape: tuple[int, ...] = variable.shape

    @property
    def _value(self) -> Tensor:
        return ops.convert_to_tensor(self._array)

    def numpy(self) -> np.ndarray[Any, Any]:
        return np.array(self._array)

    def assign(self, value: TensorLike) -> None:
        self.stored.assign(value)
        self._b.assign(np.zeros(self._b.shape, "float32"))
