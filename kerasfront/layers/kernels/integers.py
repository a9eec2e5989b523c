"""Kernels that are kept as small integers.

Products are computed in float, of the integers as they are where inputs are quantized too, and scaled in float32.
That is exact up to about a thousand summands, and to float32's precision beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from kerasfront import ops, quantizers
from kerasfront.dtype_policies import GPTQDTypePolicy
from kerasfront.layers.kernels.products import Product
from kerasfront.layers.kernels.storage import Array, Arrays, Computation, KernelSpec, Maker, Storage
from kerasfront.quantizers import Int4QuantizationConfig, Quantizer
from kerasfront.quantizers.quantizer import AbsMaxQuantizer
from kerasfront.typing import Axis, Tensor
from kerasfront.variable import Variable

# ---- shared parts --------------------------------------------------------------------------------------------------


def quantized_inputs(quantizer: Quantizer, inputs: Tensor, axes: Axis) -> tuple[Tensor, Tensor]:
    """Return inputs as integers, in a float dtype, and their scale.

    Gradients pass as if nothing had been rounded.
    """
    if isinstance(quantizer, AbsMaxQuantizer) and quantizer.axis is None:
        integers, scale = quantizer(inputs, axis=axes)
    else:
        integers, scale = quantizer(inputs)
    scale = ops.stop_gradient(scale)
    scaled = ops.multiply(inputs, scale)
    return ops.add(scaled, ops.stop_gradient(ops.subtract(ops.cast(integers, "float32"), scaled))), scale


def quantized_kernel(spec: KernelSpec, default: AbsMaxQuantizer, kernel: Array) -> tuple[Array, Array]:
    """Return the integers and the scale of a kernel, by the quantizer of the config or the default one."""
    quantizer = quantizers.QuantizationConfig.weight_quantizer_or_default(spec.config, default)
    if isinstance(quantizer, AbsMaxQuantizer):
        integers, scale = quantizer(kernel, to_numpy=True)
    else:
        integers, scale = map(ops.convert_to_numpy, quantizer(ops.convert_to_tensor(kernel)))
    axes = default.axis or ()
    expected = tuple(1 if axis in axes else size for axis, size in enumerate(kernel.shape))
    if integers.shape != kernel.shape or scale.shape != expected:
        raise ValueError(
            f"Expected the weight_quantizer of {spec.layer} to return integers of shape {kernel.shape} and a scale "
            f"of shape {expected} (over the axes {axes}), got {integers.shape} and {scale.shape}."
        )
    return integers, scale.astype("float32")


def block_size_of(spec: KernelSpec) -> int | None:
    """Return how many inputs share a scale in int4: by the config, else by the policy; None where all do."""
    if spec.config is None:
        size = getattr(spec.policy, "block_size", None)
    else:
        size = spec.config.block_size if isinstance(spec.config, Int4QuantizationConfig) else None
    return None if size == -1 else size


def group_of_each(length: int, size: int) -> Array:
    """Return the number of the group that each of `length` inputs belongs to, for groups of `size`."""
    return (np.arange(length) // size).astype("float32")


def packed(integers: Array, axis: int = -1, dtype: str = "int8") -> Array:
    """Return integers of 4 bits, two in a byte along an axis."""
    return ops.convert_to_numpy(quantizers.pack_int4(integers.astype(dtype), axis=axis, dtype=dtype)[0])


# ---- 8 bits --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Int8(Storage):
    """8 bits and a scale for each output; inputs are quantized too, each by its largest value."""

    saved: ClassVar[tuple[str, ...]] = ("kernel", "bias", "kernel_scale")

    scale: Variable
    layout: Product

    @classmethod
    def make(cls, maker: Maker, before: Storage | None = None) -> Self:
        shape, product = maker.spec.shape, maker.product
        values = maker.constant("kernel", shape, dtype="int8")
        ones = np.ones([1 if axis in product.kernel_axes() else size for axis, size in enumerate(shape)])
        scale = maker.constant("kernel_scale", product.scale_of_outputs(ones).shape, "ones")
        return cls(maker.spec, values, scale, product)

    def variables(self) -> dict[str, Variable]:
        return {"kernel": self.values, "kernel_scale": self.scale}

    def encode(self, kernel: Array) -> Arrays:
        integers, scale = quantized_kernel(self.spec, AbsMaxQuantizer(axis=self.layout.kernel_axes()), kernel)
        return {"kernel": integers, "kernel_scale": self.layout.scale_of_outputs(scale)}

    def decode(self) -> Tensor:
        integers = ops.cast(self.values.value, "float32")
        return ops.divide(integers, self.layout.scale_of_kernel(self.scale.value))

    def product(self, inputs: Tensor, how: Computation) -> Tensor:
        if how.quantizer is None:
            return super().product(inputs, how)
        integers, scale = quantized_inputs(how.quantizer, ops.cast(inputs, "float32"), how.product.input_axes())
        outputs = how.product.contract(integers, ops.cast(self.values.value, "float32"))
        outputs = ops.divide(outputs, ops.multiply(how.product.scale_of_inputs(scale), self.scale.value))
        return how.with_low_rank(ops.cast(outputs, how.dtype), inputs)


# ---- 4 bits --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Blocks:
    """What blocks of inputs share beside a scale.

    Args:
        zero: The zero point of each block, for each output.
        index: The number of the block that each input belongs to.
    """

    zero: Variable
    index: Variable

    @property
    def numbers(self) -> Tensor:
        return ops.cast(self.index.value, "int32")


@dataclass(frozen=True, eq=False)
class Int4(Storage):
    """4 bits, two in a byte, as a matrix of inputs and outputs, with a scale for each output.

    With blocks, each block of inputs has a scale and a zero point of its own for each output.
    """

    saved: ClassVar[tuple[str, ...]] = ("kernel", "bias", "kernel_scale", "kernel_zero", "g_idx")

    scale: Variable
    blocks: Blocks | None

    @classmethod
    def make(cls, maker: Maker, before: Storage | None = None) -> Self:
        rows, columns = maker.spec.matrix_shape
        size = block_size_of(maker.spec)
        values = maker.constant("kernel", (rows, -(-columns // 2)), dtype="int8")
        if size is None:
            return cls(maker.spec, values, maker.constant("kernel_scale", (columns,), "ones"), None)
        groups = -(-rows // size)
        scale = maker.constant("kernel_scale", (groups, columns), "ones")
        blocks = Blocks(
            maker.constant("kernel_zero", (groups, columns), dtype="int8"), maker.constant("g_idx", (rows,))
        )
        blocks.index.assign(group_of_each(rows, size))
        return cls(maker.spec, values, scale, blocks)

    def variables(self) -> dict[str, Variable]:
        variables = {"kernel": self.values, "kernel_scale": self.scale}
        if self.blocks is None:
            return variables
        return {**variables, "kernel_zero": self.blocks.zero, "g_idx": self.blocks.index}

    def encode(self, kernel: Array) -> Arrays:
        matrix = np.reshape(kernel, self.spec.matrix_shape)
        size = block_size_of(self.spec)
        if size is None:
            integers, scale = quantized_kernel(self.spec, AbsMaxQuantizer(axis=0, value_range=(-8, 7)), matrix)
            return {"kernel": packed(integers), "kernel_scale": scale[0]}
        integers, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(matrix, size, to_numpy=True)
        index = group_of_each(len(matrix), size)
        return {"kernel": packed(integers), "kernel_scale": scale, "kernel_zero": zero, "g_idx": index}

    def _integers(self) -> Tensor:
        return quantizers.unpack_int4(self.values.value, self.spec.matrix_shape[1], axis=-1)

    def visible(self) -> Tensor:
        return ops.reshape(self._integers(), self.spec.shape)

    def decode(self) -> Tensor:
        integers = ops.cast(self._integers(), "float32")
        if self.blocks is None:
            floats = ops.divide(integers, self.scale.value)
        else:
            numbers = self.blocks.numbers
            zero = ops.cast(ops.take(self.blocks.zero.value, numbers, axis=0), "float32")
            floats = ops.multiply(ops.subtract(integers, zero), ops.take(self.scale.value, numbers, axis=0))
        return ops.reshape(floats, self.spec.shape)

    def product(self, inputs: Tensor, how: Computation) -> Tensor:
        if how.quantizer is None:
            return super().product(inputs, how)
        integers, scale = quantized_inputs(how.quantizer, ops.cast(inputs, "float32"), how.product.input_axes())
        outputs = ops.divide(how.product.contract(integers, self.decode()), how.product.scale_of_inputs(scale))
        return how.with_low_rank(ops.cast(outputs, how.dtype), inputs)


# ---- groups, whose integers are chosen by looking at inputs: see `calibrated` --------------------------------------


@dataclass(frozen=True, eq=False)
class Grouped(Storage):
    """Integers of 2, 3, 4 or 8 bits (those of 4 two in a byte), outputs first, with scales for groups of inputs."""

    saved: ClassVar[tuple[str, ...]] = ("bias", "quantized_kernel", "kernel_scale", "kernel_zero", "g_idx")

    scale: Variable
    groups: Blocks
    bits: int

    @classmethod
    def make(cls, maker: Maker, before: Storage | None = None) -> Self:
        policy = maker.spec.policy
        assert isinstance(policy, GPTQDTypePolicy)
        rows, columns = maker.spec.matrix_shape
        size = rows if policy.group_size == -1 else policy.group_size
        shape = columns, -(-rows // size)
        stored = -(-columns // 2) if policy.weight_bits == 4 else columns
        values = maker.constant("kernel", (stored, rows), dtype="uint8")
        scale = maker.constant("kernel_scale", shape, "ones")
        groups = Blocks(maker.constant("kernel_zero", shape, dtype="uint8"), maker.constant("g_idx", (rows,)))
        groups.index.assign(group_of_each(rows, size))
        return cls(maker.spec, values, scale, groups, policy.weight_bits)

    def variables(self) -> dict[str, Variable]:
        return {
            "quantized_kernel": self.values,
            "kernel_scale": self.scale,
            "kernel_zero": self.groups.zero,
            "g_idx": self.groups.index,
        }

    def encode(self, kernel: Array) -> Arrays:
        """Return the integers nearest to a kernel, for the scales as they are."""
        index = self.groups.index.numpy().astype(int)
        scale, zero = self.scale.numpy()[:, index], self.groups.zero.numpy()[:, index]
        matrix = np.reshape(kernel, self.spec.matrix_shape).T
        integers = np.clip(np.round(matrix / scale) + zero, 0, 2**self.bits - 1)
        return {"quantized_kernel": self.pack(integers)}

    def pack(self, integers: Array) -> Array:
        """Return integers of shape (outputs, inputs) as they are kept."""
        return packed(integers, axis=0, dtype="uint8") if self.bits == 4 else integers.astype("uint8")

    def _integers(self) -> Tensor:
        if self.bits != 4:
            return self.values.value
        return quantizers.unpack_int4(self.values.value, self.spec.matrix_shape[1], axis=0, dtype="uint8")

    def visible(self) -> Tensor:
        return ops.reshape(ops.transpose(self._integers()), self.spec.shape)

    def decode(self) -> Tensor:
        numbers = self.groups.numbers
        zero = ops.cast(ops.take(self.groups.zero.value, numbers, axis=1), "float32")
        floats = ops.subtract(ops.cast(self._integers(), "float32"), zero)
        floats = ops.multiply(floats, ops.take(self.scale.value, numbers, axis=1))
        return ops.reshape(ops.transpose(floats), self.spec.shape)

    def assign_integers(self, integers: Array, scale: Array, zero: Array) -> None:
        """Set the integers, of shape (outputs, inputs), and the scales and zero points, of shape (outputs, groups)."""
        self.values.assign(self.pack(integers))
        self.scale.assign(scale.astype("float32"))
        self.groups.zero.assign(zero.astype("uint8"))


@dataclass(frozen=True, eq=False)
class GroupedScaled(Grouped):
    """Such integers of a kernel whose rows were scaled before: inputs that matter more lose less."""

    saved: ClassVar[tuple[str, ...]] = (*Grouped.saved[:-1], "awq_scales", "g_idx")

    row_scale: Variable

    @classmethod
    def make(cls, maker: Maker, before: Storage | None = None) -> Self:
        plain = Grouped.make(maker, before)
        row_scale = maker.constant("awq_scales", maker.spec.matrix_shape[:1], "ones")
        return cls(plain.spec, plain.values, plain.scale, plain.groups, plain.bits, row_scale)

    def variables(self) -> dict[str, Variable]:
        return {**super().variables(), "awq_scales": self.row_scale}

    def encode(self, kernel: Array) -> Arrays:
        matrix = np.reshape(kernel, self.spec.matrix_shape) * self.row_scale.numpy()[:, None]
        return super().encode(matrix)

    def decode(self) -> Tensor:
        matrix = ops.reshape(super().decode(), self.spec.matrix_shape)
        return ops.reshape(ops.divide(matrix, ops.expand_dims(self.row_scale.value, -1)), self.spec.shape)
