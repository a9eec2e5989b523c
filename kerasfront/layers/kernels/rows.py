"""Embeddings: kernels of which a layer reads rows, and whose transpose gives logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from kerasfront import ops, quantizers
from kerasfront.layers.kernels.integers import (
    Blocks,
    block_size_of,
    group_of_each,
    packed,
    quantized_inputs,
    quantized_kernel,
)
from kerasfront.layers.kernels.lora import LowRank
from kerasfront.layers.kernels.storage import Array, Arrays, Computation, KernelSpec, Maker, Plain, Storage
from kerasfront.quantizers import Quantizer
from kerasfront.quantizers.quantizer import AbsMaxQuantizer
from kerasfront.typing import Tensor
from kerasfront.variable import Variable


class RowStorage(Storage):
    """How an embedding keeps its rows."""

    def rows(self, indices: Tensor, low_rank: LowRank | None) -> Tensor:
        """Return the rows of these indices as floats, with what LoRA adds to them."""
        rows = self.decode_rows(indices)
        return rows if low_rank is None else ops.add(rows, ops.cast(low_rank.rows(indices), ops.dtype(rows)))

    def decode_rows(self, indices: Tensor) -> Tensor:
        """Return the rows of these indices as floats, without LoRA."""
        raise NotImplementedError

    def logits(self, inputs: Tensor, how: Computation) -> Tensor:
        """Return inputs times the transposed kernel, with LoRA."""
        kernel = self.decode()
        if how.low_rank is not None:
            kernel = ops.add(kernel, how.low_rank.matrix())
        return ops.matmul(inputs, ops.transpose(ops.cast(kernel, ops.dtype(inputs))))


@dataclass(frozen=True, eq=False)
class PlainRows(Plain, RowStorage):
    """Rows of floats."""

    def decode_rows(self, indices: Tensor) -> Tensor:
        return ops.take(self.decode(), indices, axis=0)


@dataclass(frozen=True, eq=False)
class Int8Rows(RowStorage):
    """8 bits and a scale for each row."""

    saved: ClassVar[tuple[str, ...]] = ("embeddings", "embeddings_scale")

    scale: Variable

    @classmethod
    def make(cls, maker: Maker, before: Storage | None = None) -> Self:
        shape = maker.spec.shape
        values = maker.constant("embeddings", shape, dtype="int8")
        return cls(maker.spec, values, maker.constant("embeddings_scale", shape[:1], "ones"))

    def variables(self) -> dict[str, Variable]:
        return {"embeddings": self.values, "embeddings_scale": self.scale}

    def encode(self, kernel: Array) -> Arrays:
        integers, scale = quantized_kernel(self.spec, AbsMaxQuantizer(axis=1), kernel)
        return {"embeddings": integers, "embeddings_scale": scale[:, 0]}

    def decode(self) -> Tensor:
        return ops.divide(ops.cast(self.values.value, "float32"), ops.expand_dims(self.scale.value, -1))

    def decode_rows(self, indices: Tensor) -> Tensor:
        integers = ops.cast(ops.take(self.values.value, indices, axis=0), "float32")
        return ops.divide(integers, ops.expand_dims(ops.take(self.scale.value, indices, axis=0), -1))

    def logits(self, inputs: Tensor, how: Computation) -> Tensor:
        if how.low_rank is not None:
            return super().logits(inputs, how)
        return scaled_logits(inputs, ops.transpose(self.values.value), self.scale.value, how.quantizer)


def scaled_logits(inputs: Tensor, integers: Tensor, scale: Tensor, quantizer: Quantizer | None) -> Tensor:
    """Return inputs, quantized where there is a quantizer, times integers with a scale for each column."""
    x, dtype = ops.cast(inputs, "float32"), ops.dtype(inputs)
    if quantizer is not None:
        x, inputs_scale = quantized_inputs(quantizer, x, -1)
        scale = ops.multiply(inputs_scale, scale)
    return ops.cast(ops.divide(ops.matmul(x, ops.cast(integers, "float32")), scale), dtype)


@dataclass(frozen=True, eq=False)
class Int4Rows(RowStorage):
    """4 bits, two in a byte, with a scale for each row.

    With blocks, each block of a row's elements has a scale and a zero point of its own.
    """

    saved: ClassVar[tuple[str, ...]] = ("embeddings", "embeddings_scale", "embeddings_zero", "g_idx")

    scale: Variable
    blocks: Blocks | None

    @classmethod
    def make(cls, maker: Maker, before: Storage | None = None) -> Self:
        rows, columns = maker.spec.shape
        size = block_size_of(maker.spec)
        values = maker.constant("embeddings", (rows, -(-columns // 2)), dtype="int8")
        if size is None:
            return cls(maker.spec, values, maker.constant("embeddings_scale", (rows,), "ones"), None)
        groups = -(-columns // size)
        scale = maker.constant("embeddings_scale", (rows, groups), "ones")
        zero = maker.constant("embeddings_zero", (rows, groups), dtype="int8")
        blocks = Blocks(zero, maker.constant("g_idx", (columns,)))
        blocks.index.assign(group_of_each(columns, size))
        return cls(maker.spec, values, scale, blocks)

    def variables(self) -> dict[str, Variable]:
        variables = {"embeddings": self.values, "embeddings_scale": self.scale}
        if self.blocks is None:
            return variables
        return {**variables, "embeddings_zero": self.blocks.zero, "g_idx": self.blocks.index}

    def encode(self, kernel: Array) -> Arrays:
        size = block_size_of(self.spec)
        if size is None:
            integers, scale = quantized_kernel(self.spec, AbsMaxQuantizer(axis=1, value_range=(-8, 7)), kernel)
            return {"embeddings": packed(integers), "embeddings_scale": scale[:, 0]}
        columns = quantizers.abs_max_quantize_grouped_with_zero_point(kernel.T, size, to_numpy=True)
        integers, scale, zero = (x.T for x in columns)
        index = group_of_each(kernel.shape[1], size)
        return {
            "embeddings": packed(integers), "embeddings_scale": scale, "embeddings_zero": zero, "g_idx": index
        }  # fmt: skip

    def visible(self) -> Tensor:
        return quantizers.unpack_int4(self.values.value, self.spec.shape[1], axis=-1)

    def decode(self) -> Tensor:
        zero = None if self.blocks is None else self.blocks.zero.value
        return self._floats(self.values.value, self.scale.value, zero)

    def decode_rows(self, indices: Tensor) -> Tensor:
        zero = None if self.blocks is None else ops.take(self.blocks.zero.value, indices, axis=0)
        rows, scale = (ops.take(x.value, indices, axis=0) for x in (self.values, self.scale))
        return self._floats(rows, scale, zero)

    def _floats(self, rows: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        integers = ops.cast(quantizers.unpack_int4(rows, self.spec.shape[1], axis=-1), "float32")
        if zero is None or self.blocks is None:
            return ops.divide(integers, ops.expand_dims(scale, -1))
        numbers = self.blocks.numbers
        zero = ops.cast(ops.take(zero, numbers, axis=-1), "float32")
        return ops.multiply(ops.subtract(integers, zero), ops.take(scale, numbers, axis=-1))


# ---- the second kernel of a ReversibleEmbedding whose weights aren't tied --------------------------------------------


@dataclass(frozen=True, eq=False)
class ReverseColumns:
    """A kernel, of shape (size of a vector, number of indices), that turns vectors into logits.

    Args:
        spec: What is known of the embeddings, whose transpose has this kernel's shape.
        values: The kernel; where it is quantized, its integers.
    """

    spec: KernelSpec
    values: Variable

    def variables(self) -> dict[str, Variable]:
        """Return the variables by their names in files."""
        return {"reverse_embeddings": self.values}

    def assign(self, kernel: Array) -> None:
        """Set the variables so that they stand for a kernel."""
        self.values.assign(kernel)

    def logits(self, inputs: Tensor, quantizer: Quantizer | None, rows: RowStorage) -> Tensor:
        """Return the logits of vectors; `rows` is how the embeddings themselves are kept."""
        return ops.matmul(inputs, ops.cast(self.values.value, ops.dtype(inputs)))


@dataclass(frozen=True, eq=False)
class Int8Columns(ReverseColumns):
    """8 bits and a scale for each column."""

    scale: Variable

    @classmethod
    def make(cls, maker: Maker) -> Self:
        rows, columns = maker.spec.shape
        values = maker.constant("reverse_embeddings", (columns, rows), dtype="int8")
        return cls(maker.spec, values, maker.constant("reverse_embeddings_scale", (rows,), "ones"))

    def variables(self) -> dict[str, Variable]:
        return {**super().variables(), "reverse_embeddings_scale": self.scale}

    def assign(self, kernel: Array) -> None:
        integers, scale = AbsMaxQuantizer(axis=0)(kernel, to_numpy=True)
        self.scale.assign(scale[0])
        self.values.assign(integers)

    def logits(self, inputs: Tensor, quantizer: Quantizer | None, rows: RowStorage) -> Tensor:
        return scaled_logits(inputs, self.values.value, self.scale.value, quantizer)


@dataclass(frozen=True, eq=False)
class Int4Columns(ReverseColumns):
    """4 bits, two in a byte along a column, with a scale for each column.

    With blocks, each block of a column's elements has a scale and a zero point of its own.
    """

    scale: Variable
    zero: Variable | None

    @classmethod
    def make(cls, maker: Maker) -> Self:
        columns, rows = maker.spec.shape
        size = block_size_of(maker.spec)
        values = maker.constant("reverse_embeddings", (-(-rows // 2), columns), dtype="int8")
        shape = (columns,) if size is None else (-(-rows // size), columns)
        scale = maker.constant("reverse_embeddings_scale", shape, "ones")
        zero = None if size is None else maker.constant("reverse_embeddings_zero", shape)
        return cls(maker.spec, values, scale, zero)

    def variables(self) -> dict[str, Variable]:
        variables = {**super().variables(), "reverse_embeddings_scale": self.scale}
        return variables if self.zero is None else {**variables, "reverse_embeddings_zero": self.zero}

    def assign(self, kernel: Array) -> None:
        if self.zero is None:
            integers, scale = AbsMaxQuantizer(axis=0, value_range=(-8, 7))(kernel, to_numpy=True)
            self.scale.assign(scale[0])
        else:
            size = block_size_of(self.spec)
            assert size is not None
            integers, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(kernel, size, to_numpy=True)
            self.scale.assign(scale)
            self.zero.assign(zero)
        self.values.assign(packed(integers, axis=0))

    def logits(self, inputs: Tensor, quantizer: Quantizer | None, rows: RowStorage) -> Tensor:
        integers = quantizers.unpack_int4(self.values.value, self.spec.shape[1], axis=0)
        if self.zero is None:
            return scaled_logits(inputs, integers, self.scale.value, quantizer)
        assert isinstance(rows, Int4Rows) and rows.blocks is not None
        numbers = rows.blocks.numbers
        zero = ops.take(self.zero.value, numbers, axis=0)
        scale = ops.take(self.scale.value, numbers, axis=0)
        floats = ops.multiply(ops.subtract(ops.cast(integers, "float32"), zero), scale)
        return ops.matmul(inputs, ops.cast(floats, ops.dtype(inputs)))
