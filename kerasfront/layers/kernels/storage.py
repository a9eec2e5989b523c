"""How the values of a kernel are kept. A kernel that isn't quantized is kept as floats, by `Plain`.

A storage holds the variables that it consists of. Another storage takes its place when the layer is quantized.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from kerasfront import ops
from kerasfront.dtype_policies import DTypePolicy
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.kernels.lora import LowRank
from kerasfront.layers.kernels.products import Product
from kerasfront.quantizers import QuantizationConfig, Quantizer
from kerasfront.typing import Tensor
from kerasfront.variable import Variable

Array = np.ndarray[Any, Any]
# Values by the names that they have in files, which are those of the layer's public attributes too.
Arrays = dict[str, Array]


@dataclass(frozen=True, eq=False)
class KernelSpec:
    """What a storage knows of the kernel that it keeps.

    Args:
        name: "kernel" or "embeddings".
        shape: The shape of the kernel.
        matrix_shape: The shape of the kernel as a matrix: the inputs of each output, and the outputs.
        layer: The layer, as it is named in errors.
        policy: The dtype policy of the layer.
        config: The config by which the kernel is quantized; None: the policy says it all.
    """

    name: str
    shape: tuple[int, ...]
    matrix_shape: tuple[int, int]
    layer: str
    policy: DTypePolicy
    config: QuantizationConfig | None


@dataclass(frozen=True, eq=False)
class Maker:
    """Makes the variables of a storage.

    Args:
        layer: The layer that they belong to.
        spec: What kernel they are to keep.
        product: How the layer contracts its inputs with the kernel.
        make_floats: Makes the variable of a kernel of floats, with the layer's initializer.
    """

    layer: Layer
    spec: KernelSpec
    product: Product
    make_floats: Callable[[], Variable]

    def constant(self, name: str, shape: tuple[int, ...], value: str = "zeros", dtype: str = "float32") -> Variable:
        """Make a variable that isn't trained and keeps its dtype where the layer computes in half precision."""
        return self.layer.add_weight(shape, value, dtype, trainable=False, autocast=False, name=name)


@dataclass(frozen=True, eq=False)
class Computation:
    """How a layer uses its kernel in one call.

    Args:
        product: How inputs and kernel are contracted.
        dtype: The layer's compute dtype.
        quantizer: What quantizes the inputs; None: they stay as they are.
        low_rank: What LoRA adds to the kernel; None: nothing.
    """

    product: Product
    dtype: str
    quantizer: Quantizer | None
    low_rank: LowRank | None

    def with_low_rank(self, outputs: Tensor, inputs: Tensor) -> Tensor:
        """Return outputs together with what LoRA adds to them."""
        return outputs if self.low_rank is None else ops.add(outputs, self.low_rank.product(self.product, inputs))


@dataclass(frozen=True, eq=False)
class Storage:
    """The variables that keep a kernel.

    Args:
        spec: What kernel it is.
        values: The variable that holds the kernel's values, or the integers that stand for them.
    """

    # The variables that a file holds of a layer whose kernel is stored so, in the file's order.
    saved: ClassVar[tuple[str, ...]] = ()

    spec: KernelSpec
    values: Variable

    @classmethod
    def make(cls, maker: Maker, before: Storage | None = None) -> Self:
        """Make the variables for a kernel.

        Args:
            maker: What makes them.
            before: The storage whose place this one takes.
        """
        raise NotImplementedError

    def variables(self) -> dict[str, Variable]:
        """Return the variables by their names in files, which are the names of the layer's attributes too."""
        raise NotImplementedError

    def encode(self, kernel: Array) -> Arrays:
        """Return what the variables have to hold so that they stand for a kernel."""
        raise NotImplementedError

    def decode(self) -> Tensor:
        """Return the kernel that the variables stand for, as floats and without LoRA."""
        raise NotImplementedError

    def visible(self) -> Variable | Tensor:
        """Return what the layer's property shows as the kernel: of integers, the integers."""
        return self.values

    def product(self, inputs: Tensor, how: Computation) -> Tensor:
        """Return the product of inputs and kernel, LoRA's part included."""
        return how.with_low_rank(how.product.contract(inputs, ops.cast(self.decode(), how.dtype)), inputs)

    def assign(self, kernel: Array) -> None:
        """Set the variables so that they stand for a kernel."""
        arrays, variables = self.encode(kernel), self.variables()
        for name, array in arrays.items():
            variables[name].assign(array)


@dataclass(frozen=True, eq=False)
class Plain(Storage):
    """A kernel of floats."""

    @classmethod
    def make(cls, maker: Maker, before: Storage | None = None) -> Self:
        return cls(maker.spec, maker.make_floats())

    def variables(self) -> dict[str, Variable]:
        return {self.spec.name: self.values}

    def encode(self, kernel: Array) -> Arrays:
        return {self.spec.name: kernel}

    def decode(self) -> Tensor:
        return self.values.value

    def product(self, inputs: Tensor, how: Computation) -> Tensor:
        kernel = self.decode()
        return how.product.contract(inputs, kernel if how.low_rank is None else ops.add(kernel, how.low_rank.matrix()))
