"""ReversibleEmbedding: vectors for integers, and logits over the integers for vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront import ops, quantizers
from kerasfront.layers import quantized
from kerasfront.layers._configured import make_weight
from kerasfront.layers.core import Embedding
from kerasfront.quantizers.quantizer import AbsMaxQuantizer
from kerasfront.spec import dtypes


class _Int8(quantized.Int8Rows):
    saved = (*quantized.Int8Rows.saved, "reverse_embeddings", "reverse_embeddings_scale")


class _Int4(quantized.Int4Rows):
    saved = (
        *quantized.Int4Rows.saved, "reverse_embeddings", "reverse_embeddings_scale", "reverse_embeddings_zero"
    )  # fmt: skip


class ReversibleEmbedding(Embedding):
    """An embedding that, called with `reverse=True`, gives a logit for each index from vectors.

    Args:
        input_dim: The number of rows: indices are from 0 to input_dim - 1.
        output_dim: The size of a vector.
        tie_weights: Whether the logits are the products with the embeddings themselves; else with a matrix of its own.
        embeddings_initializer: An initializer of the embeddings, and of that matrix.
        embeddings_regularizer: A regularizer of the embeddings.
        embeddings_constraint: A constraint of the embeddings.
        mask_zero: Whether the index 0 is padding: the vectors then carry a mask.
        reverse_dtype: The dtype in which logits are computed; None: the compute dtype.
        logit_soft_cap: A bound of the logits: they become `logit_soft_cap * tanh(logits / logit_soft_cap)`.
        kwargs: Arguments of `Embedding`.

    Call arguments:
        inputs: Indices, of any shape; in reverse: vectors, of shape (..., output_dim).
        reverse: Whether logits, of shape (..., input_dim), are computed.

    Raises:
        ValueError: `input_dim` or `output_dim` is no positive integer.

    Source: Press and Wolf, https://arxiv.org/abs/1608.05859

    >>> import kerasfront as keras
    >>> layer = keras.layers.ReversibleEmbedding(10, 4)
    >>> vectors = layer(keras.ops.array([[1, 2, 0]]))
    >>> vectors.shape[1:] == (3, 4), layer(vectors, reverse=True).shape[1:] == (3, 10)
    (True, True)
    """

    _others = ("reverse_embeddings",)
    _forms = {"int8": _Int8(), "int4": _Int4()}
    reverse_embeddings: Any = None

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        self._untied = not tie_weights  # weights that are given build the layer before its constructor is done
        super().__init__(
            input_dim, output_dim, embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer, embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero, **kwargs,
        )  # fmt: skip
        self.tie_weights, self.logit_soft_cap = bool(tie_weights), logit_soft_cap
        self.reverse_dtype = None if reverse_dtype is None else dtypes.standardize(reverse_dtype)

    def build(self, input_shape: Any = None) -> None:
        first = not self.built
        super().build(input_shape)
        if first and self._untied and self.quantization_mode is None:
            self.reverse_embeddings = make_weight(
                self, "reverse_embeddings", (self.output_dim, self.input_dim), of="embeddings"
            )

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        if not reverse:
            return super().call(inputs)
        name = self.reverse_dtype or self.compute_dtype
        logits = self._logits(ops.cast(inputs, name), name)
        if self.logit_soft_cap is None:
            return logits
        return ops.multiply(ops.tanh(ops.divide(logits, self.logit_soft_cap)), self.logit_soft_cap)

    def _logits(self, inputs: Any, name: str) -> Any:
        if self._untied and self.quantization_mode is not None:
            return self._quantized_logits(inputs)
        if self._untied:
            return ops.matmul(inputs, ops.cast(self.reverse_embeddings.value, name))
        if self._form is not None:
            return self._form.logits(self, inputs)
        return ops.matmul(inputs, ops.transpose(ops.cast(self._embeddings.value, name)))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Of indices: where they aren't 0. Of vectors: their own."""
        return mask if dtypes.is_float(ops.dtype(inputs)) else super().compute_mask(inputs, mask)

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        return super().compute_output_spec(inputs, reverse=reverse)

    def compute_output_shape(self, input_shape: Any, reverse: bool = False) -> Any:  # type: ignore[override]
        shape = tuple(input_shape)
        return (*shape[:-1], self.input_dim) if reverse else (*shape, self.output_dim)

    # ---- quantization: the matrix of an untied layer is quantized for each of its columns ---------------------------

    def _become(self, form: Any, config: Any) -> None:
        reverse = None
        if self._untied:
            reverse = ops.convert_to_numpy(self.reverse_embeddings._value).astype("float32")
            del self.reverse_embeddings
        super()._become(form, config)
        if reverse is not None:
            self._fill_reverse(reverse)

    def _quantized_build(self, shape: Any, mode: str, config: Any) -> None:
        super()._quantized_build(shape, mode, config)
        if not self._untied:
            return
        columns, rows = shape
        size = quantized.blocks_of(self, config) if mode == "int4" else None
        packed = -(-rows // 2) if mode == "int4" else rows
        quantized.constant(self, "reverse_embeddings", (packed, columns), dtype="int8")
        scale = (columns,) if size is None else (-(-rows // size), columns)
        quantized.constant(self, "reverse_embeddings_scale", scale, "ones")
        if size is not None:
            quantized.constant(self, "reverse_embeddings_zero", scale)

    def _fill_reverse(self, matrix: np.ndarray[Any, Any]) -> None:
        four = self.quantization_mode == "int4"
        size = quantized.blocks_of(self, self.quantization_config) if four else None
        if size is None:
            integers, scale = AbsMaxQuantizer(axis=0, value_range=(-8, 7) if four else (-127, 127))(
                matrix, to_numpy=True
            )
            self.reverse_embeddings_scale.assign(scale[0])
        else:
            integers, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(matrix, size, to_numpy=True)
            self.reverse_embeddings_scale.assign(scale)
            self.reverse_embeddings_zero.assign(zero)
        self.reverse_embeddings.assign(quantizers.pack_int4(integers, axis=0)[0] if four else integers)

    def _quantized_logits(self, inputs: Any) -> Any:
        integers, scale = self.reverse_embeddings.value, self.reverse_embeddings_scale.value
        if self.quantization_mode == "int4":
            integers = quantizers.unpack_int4(integers, self.output_dim, axis=0)
        if len(scale.shape) == 1:
            return quantized.int8_logits(self, inputs, integers, scale)
        index = ops.cast(self.g_idx.value, "int32")
        zero = ops.take(self.reverse_embeddings_zero.value, index, axis=0)
        floats = ops.multiply(ops.subtract(ops.cast(integers, "float32"), zero), ops.take(scale, index, axis=0))
        return ops.matmul(inputs, ops.cast(floats, ops.dtype(inputs)))
