"""Embedding: vectors for integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kerasfront import ops
from kerasfront.layers._configured import keep, positive
from kerasfront.layers._options import BareOptions, Constraint, Initializer, Regularizer
from kerasfront.layers.kernels.kernel_layer import EmbeddingsLayer
from kerasfront.layers.kernels.products import Product
from kerasfront.quantizers import QuantizationConfig
from kerasfront.spec import dtypes
from kerasfront.typing import (
    Config,
    ConstraintLike,
    DTypePolicyLike,
    InitializerLike,
    RegularizerLike,
    Shape,
    Tensor,
    TensorLike,
)
from kerasfront.variable import Variable


class EmbeddingOptions(BareOptions, total=False):
    """Options of Embedding, beside those that it names itself."""

    name: str | None
    dtype: DTypePolicyLike | None
    activity_regularizer: RegularizerLike | None
    # The number of indices of a sample, or their shape: an argument of Keras 2.
    input_length: int | Sequence[int | None] | None


class Embedding(EmbeddingsLayer):
    """Vectors for integers: row i of the embeddings for the index i.

    Args:
        input_dim: The number of rows: indices are from 0 to input_dim - 1.
        output_dim: The size of a vector.
        embeddings_initializer: An initializer of the embeddings, of shape (input_dim, output_dim).
        embeddings_regularizer: A regularizer of the embeddings.
        embeddings_constraint: A constraint of the embeddings.
        mask_zero: Whether the index 0 is padding: the output then carries a mask.
        weights: The initial value of the embeddings, alone in a list or by itself.
        lora_rank: The rank of LoRA, see `enable_lora`; None: none.
        lora_alpha: What LoRA's part is multiplied by, times the rank; None: the rank.
        quantization_config: What `quantize` goes by where it is given the mode alone.

    Raises:
        ValueError: `input_dim` or `output_dim` is no positive integer.

    >>> import kerasfront as keras
    >>> keras.layers.Embedding(10, 4)(keras.ops.array([[1, 2, 0]])).shape[1:] == (3, 4)
    True
    """

    input_dim: int
    output_dim: int
    embeddings_initializer: Initializer
    embeddings_regularizer: Regularizer | None
    embeddings_constraint: Constraint | None
    mask_zero: bool
    supports_masking: bool

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike | None = None,
        embeddings_constraint: ConstraintLike | None = None,
        mask_zero: bool = False,
        weights: TensorLike | None = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: QuantizationConfig | Config | None = None,
        **kwargs: Unpack[EmbeddingOptions],
    ) -> None:
        length = kwargs.pop("input_length", None)
        if length is not None:
            kwargs["input_shape"] = (length,) if isinstance(length, int) else tuple(length)
        # Autocast would cast the indices to a float dtype. The rows are cast after they were picked.
        kwargs["autocast"] = False
        super().__init__(**kwargs)
        self._kf_keep_adaptation(lora_rank, lora_alpha, quantization_config)
        keep(
            self,
            input_dim=positive(self, "input_dim", input_dim), output_dim=positive(self, "output_dim", output_dim),
            embeddings_initializer=embeddings_initializer, embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint, mask_zero=bool(mask_zero),
        )  # fmt: skip
        self.supports_masking = self.mask_zero
        self._kf.makes_mask = self.mask_zero
        if weights is not None:
            self.build()
            self.set_weights(list(weights) if isinstance(weights, (list, tuple)) else [weights])

    def build(self, input_shape: Shape | None = None) -> None:
        if not self.built:  # the constructor has built it if it was called with weights
            self._kf_make_kernel((self.input_dim, self.output_dim))
            self._kf_make_lora()

    def quantized_build(
        self, embeddings_shape: Sequence[int], mode: str, config: QuantizationConfig | None = None
    ) -> None:
        """Make the variables of quantized embeddings of this shape."""
        self._kf_build_quantized(tuple(embeddings_shape), mode, config)

    @property
    def embeddings(self) -> Variable:
        return self._kf_visible_kernel()

    @property
    def input_dtype(self) -> str:
        return "int32"

    def call(self, inputs: Tensor) -> Tensor:
        indices = inputs if dtypes.is_int(ops.dtype(inputs)) else ops.cast(inputs, "int32")
        if self._kf_adapted:
            return ops.cast(self._kf_storage.rows(indices, self._kf_low_rank()), self.compute_dtype)
        x = ops.take(self._kf_storage.values.value, indices, axis=0)
        return x if self.compute_dtype == self.variable_dtype else ops.cast(x, self.compute_dtype)

    def _kf_contraction(self) -> Product:
        return Product()

    def _kf_regularizer_and_constraint(self) -> tuple[Any, Any]:
        return self.embeddings_regularizer, self.embeddings_constraint

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        return ops.not_equal(inputs, 0) if self.mask_zero else None
