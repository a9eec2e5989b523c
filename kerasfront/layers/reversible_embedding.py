"""ReversibleEmbedding: vectors for integers, and logits over the integers for vectors."""

from __future__ import annotations

from typing import Any, Unpack

from kerasfront import ops
from kerasfront.layers._configured import make_weight
from kerasfront.layers.embedding import Embedding, EmbeddingOptions
from kerasfront.layers.kernels.kernel_layer import KernelVariable
from kerasfront.layers.kernels.rows import Int4Columns, Int8Columns, ReverseColumns
from kerasfront.quantizers import QuantizationConfig
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.typing import (
    Config,
    ConstraintLike,
    DTypeLike,
    InitializerLike,
    RegularizerLike,
    Shape,
    Tensor,
    TensorLike,
)
from kerasfront.variable import Variable

_REVERSE_STORAGES: dict[str, type[Int8Columns | Int4Columns]] = {"int8": Int8Columns, "int4": Int4Columns}


class ReversibleEmbeddingOptions(EmbeddingOptions, total=False):
    """Options of ReversibleEmbedding, beside those that it names itself."""

    weights: TensorLike | None
    lora_rank: int | None
    lora_alpha: float | None
    quantization_config: QuantizationConfig | Config | None


class _ReverseVariable(KernelVariable):
    """Shows the second kernel, or None where the layer has none."""

    def __get__(self, layer: Any, owner: type) -> Any:
        if layer is None or self._name in layer._kf_kernel_variables():
            return super().__get__(layer, owner)
        return None


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

    _kf_saved_beside = ("reverse_embeddings",)
    # How the second kernel is kept, where weights aren't tied, and its variables for the layer to track.
    _kf_reverse: ReverseColumns | None = None
    _kf_reverse_variables: tuple[Variable, ...] = ()
    reverse_embeddings: _ReverseVariable = _ReverseVariable()
    reverse_embeddings_scale: KernelVariable = KernelVariable()
    reverse_embeddings_zero: KernelVariable = KernelVariable()

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike | None = None,
        embeddings_constraint: ConstraintLike | None = None,
        mask_zero: bool = False,
        reverse_dtype: DTypeLike | None = None,
        logit_soft_cap: float | None = None,
        **kwargs: Unpack[ReversibleEmbeddingOptions],
    ) -> None:
        self._kf_untied = not tie_weights  # weights that are given build the layer before its constructor is done
        super().__init__(
            input_dim, output_dim, embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer, embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero, **kwargs,
        )  # fmt: skip
        self.tie_weights: bool = bool(tie_weights)
        self.logit_soft_cap: float | None = logit_soft_cap
        self.reverse_dtype: str | None = None if reverse_dtype is None else dtypes.standardize(reverse_dtype)

    def build(self, input_shape: Shape | None = None) -> None:
        first = not self.built
        super().build(input_shape)
        if first and self._kf_untied and self.quantization_mode is None:
            kernel = make_weight(self, "reverse_embeddings", (self.output_dim, self.input_dim), of="embeddings")
            self._kf_keep_reverse(ReverseColumns(self._kf_storage.spec, kernel))

    def call(self, inputs: Tensor, reverse: bool = False) -> Tensor:
        if not reverse:
            return super().call(inputs)
        name = self.reverse_dtype or self.compute_dtype
        logits = self._logits(ops.cast(inputs, name), name)
        if self.logit_soft_cap is None:
            return logits
        return ops.multiply(ops.tanh(ops.divide(logits, self.logit_soft_cap)), self.logit_soft_cap)

    def _logits(self, inputs: Tensor, name: str) -> Tensor:
        if self._kf_reverse is not None:
            return self._kf_reverse.logits(inputs, self.activation_quantizer(), self._kf_storage)
        if self._kf_adapted:
            return self._kf_storage.logits(inputs, self._kf_computation())
        return ops.matmul(inputs, ops.transpose(ops.cast(self._kf_storage.values.value, name)))

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Return the mask of indices, False where they are 0 and `mask_zero` is set, or the mask that vectors have."""
        return mask if dtypes.is_float(ops.dtype(inputs)) else super().compute_mask(inputs, mask)

    def compute_output_spec(self, inputs: KerasTensor, reverse: bool = False) -> Any:
        return super().compute_output_spec(inputs, reverse=reverse)

    def compute_output_shape(self, input_shape: Any, reverse: bool = False) -> Shape:  # type: ignore[override]
        shape = tuple(input_shape)
        return (*shape[:-1], self.input_dim) if reverse else (*shape, self.output_dim)

    # ---- quantization: the second kernel is quantized for each of its columns ---------------------------------------

    def _kf_keep_reverse(self, reverse: ReverseColumns) -> None:
        self._kf_reverse_variables, self._kf_reverse = tuple(reverse.variables().values()), reverse

    def _kf_kernel_variables(self) -> dict[str, Variable]:
        reverse = {} if self._kf_reverse is None else self._kf_reverse.variables()
        return {**super()._kf_kernel_variables(), **reverse}

    def _kf_become_quantized(self, config: QuantizationConfig) -> None:
        kernel = None
        if self._kf_reverse is not None:
            kernel = self._kf_reverse.values.numpy().astype("float32")
            del self._kf_reverse_variables, self._kf_reverse
        super()._kf_become_quantized(config)
        if kernel is not None and self._kf_reverse is not None:
            self._kf_reverse.assign(kernel)

    def _kf_build_quantized(self, shape: tuple[int, ...], mode: str, config: QuantizationConfig | None) -> None:
        super()._kf_build_quantized(shape, mode, config)
        if self._kf_untied:
            self._kf_keep_reverse(_REVERSE_STORAGES[mode].make(self._kf_maker(tuple(shape), config)))

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        spec = super().variable_serialization_spec
        spec["int8"] += ["reverse_embeddings", "reverse_embeddings_scale"]
        spec["int4"] += ["reverse_embeddings", "reverse_embeddings_scale", "reverse_embeddings_zero"]
        return spec
