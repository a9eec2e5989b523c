"""EinsumDense: a dense layer over any axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kerasfront import ops
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import keep, make_weight, where
from kerasfront.layers._options import Activation, Constraint, Initializer, LayerOptions, Regularizer
from kerasfront.layers.kernels.kernel_layer import MatrixLayer
from kerasfront.layers.kernels.products import Einsum, Product
from kerasfront.quantizers import QuantizationConfig
from kerasfront.typing import ActivationLike, Config, ConstraintLike, InitializerLike, RegularizerLike, Shape, Tensor
from kerasfront.variable import Variable


class EinsumDense(MatrixLayer):
    """A dense layer over any axes: `activation(einsum(equation, inputs, kernel) + bias)`.

    Args:
        equation: An einsum equation of two operands, such as "abc,cd->abd"; a leading or trailing ellipsis of the
            inputs and the output stands for further axes, the batch included ("...x,xy->...y").
        output_shape: The shape of the output without the batch axis (and without what the ellipsis stands for, where
            that is known from the inputs); None where a size comes from the inputs.
        activation: A function or its name; None: none.
        bias_axes: The axes of the output that the bias has, as letters of the equation; None: no bias.
        kernel_initializer: An initializer of the kernel.
        bias_initializer: An initializer of the bias.
        kernel_regularizer: A regularizer of the kernel.
        bias_regularizer: A regularizer of the bias.
        kernel_constraint: A constraint of the kernel.
        bias_constraint: A constraint of the bias.
        lora_rank: The rank of LoRA, see `enable_lora`; None: none.
        lora_alpha: What LoRA's part is multiplied by, times the rank; None: the rank.
        gptq_unpacked_column_size: Kept for Keras's files: it follows from the sizes.
        quantization_config: What `quantize` goes by where it is given the mode alone.

    Raises:
        ValueError: The equation is malformed, or sizes don't follow from the inputs and `output_shape`.

    >>> import kerasfront as keras
    >>> layer = keras.layers.EinsumDense("abc,cde->abde", output_shape=(None, 4, 5), bias_axes="e")
    >>> layer(keras.ops.ones((1, 2, 3))).shape[1:] == (2, 4, 5), layer.kernel.shape, layer.bias.shape
    (True, (3, 4, 5), (5,))
    """

    equation: str
    output_shape: Shape
    bias_axes: str | None
    gptq_unpacked_column_size: int | None
    activation: Activation | None
    kernel_initializer: Initializer
    bias_initializer: Initializer
    kernel_regularizer: Regularizer | None
    bias_regularizer: Regularizer | None
    kernel_constraint: Constraint | None
    bias_constraint: Constraint | None
    bias: Variable | None
    # The labels of the inputs, the kernel and the outputs.
    _kf_einsum: Einsum

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: ActivationLike | None = None,
        bias_axes: str | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: QuantizationConfig | Config | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self._kf_keep_adaptation(lora_rank, lora_alpha, quantization_config)
        self.gptq_unpacked_column_size = gptq_unpacked_column_size
        keep(
            self,
            equation=equation, activation=activation, bias_axes=bias_axes, kernel_initializer=kernel_initializer,
            output_shape=(output_shape,) if isinstance(output_shape, int) else tuple(output_shape),
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Shape) -> None:
        inner, kernel, outer = _labels(self)
        sizes = _sizes(self, inner, outer, input_shape)
        missing = [c for c in kernel if sizes.get(c) is None]
        if missing:
            raise ShapeError(
                f"The size of '{missing[0]}' in the equation '{self.equation}' of {where(self)} follows neither from "
                f"the inputs of shape {tuple(input_shape)} nor from the output_shape {self.output_shape}."
            )
        elided = len(input_shape) - len(inner.replace(".", ""))
        self._kf_einsum = Einsum(self.equation, _numbered(inner, elided), list(kernel), _numbered(outer, elided))
        self._kf_make_kernel([size for c in kernel if (size := sizes[c]) is not None])
        self.bias = make_weight(self, "bias", _bias_shape(self, outer, sizes, elided)) if self.bias_axes else None
        self._kf_make_lora()

    @property
    def kernel(self) -> Variable:
        return self._kf_visible_kernel()

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if self._kf_adapted:
            x = self._kf_product(inputs)
        else:
            x = ops.einsum(self.equation, inputs, self._kf_storage.values.value)
        if self.bias is not None:
            x = ops.add(x, self.bias.value)
        return x if self.activation is None else self.activation(x)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["gptq_unpacked_column_size"]
        if self.quantization_mode == "gptq" and self.built:
            config["gptq_unpacked_column_size"] = self._kf_storage.spec.matrix_shape[1]
        return config

    def _kf_contraction(self) -> Product:
        return self._kf_einsum

    def _kf_regularizer_and_constraint(self) -> tuple[Any, Any]:
        return self.kernel_regularizer, self.kernel_constraint


def _labels(layer: EinsumDense) -> tuple[str, str, str]:
    """Return the labels of the inputs, the kernel and the outputs."""
    text = layer.equation.replace(" ", "")
    sides, arrow, outer = text.partition("->")
    operands = sides.split(",")
    if not arrow or len(operands) != 2 or "." in operands[1]:
        raise ValueError(
            f"Expected the `equation` of {where(layer)} to be like 'abc,cd->abd' (an ellipsis may stand in the "
            f"inputs and the output), got {layer.equation!r}."
        )
    return operands[0], operands[1], outer


def _sizes(layer: EinsumDense, inner: str, outer: str, input_shape: Shape) -> dict[str, int | None]:
    """Return the sizes of the labels, from the inputs and, where these don't have them, from the output."""
    result = dict(_aligned(inner, input_shape))
    output = (input_shape[0], *layer.output_shape)
    if inner.startswith("..."):  # output_shape may leave out the axes that the ellipsis stands for
        output = (None,) * (len(outer) - 3 - len(layer.output_shape)) + layer.output_shape
    for label, size in _aligned(outer, output):
        of_inputs = result.get(label)
        if of_inputs is not None and size is not None and of_inputs != size:
            raise ShapeError(
                f"The inputs of {where(layer)}, of shape {tuple(input_shape)}, have the size {of_inputs} for "
                f"'{label}' in '{layer.equation}'; its output_shape says {size}."
            )
        result[label] = size if of_inputs is None else of_inputs
    return result


def _bias_shape(layer: EinsumDense, outer: str, sizes: dict[str, int | None], elided: int) -> list[int | None]:
    """Return the shape of the bias: from the first of its axes on, with 1 for those that it doesn't have."""
    assert layer.bias_axes is not None
    labels = outer.strip(".")
    strange = [c for c in layer.bias_axes if c not in labels]
    if strange:
        raise ValueError(
            f"Expected the `bias_axes` of {where(layer)} to be labels of its output '{outer}', got {layer.bias_axes!r}."
        )
    first = min(labels.index(c) for c in layer.bias_axes)
    shape = [sizes[c] if c in layer.bias_axes else 1 for c in labels[first:]]
    return shape + [1] * (elided if outer.endswith("...") else 0)


def _numbered(term: str, elided: int) -> list[str]:
    """Return the labels of a term; the axes that its ellipsis stands for have numbers."""
    before, dots, after = term.partition("...")
    return [*before, *(str(n) for n in range(elided if dots else 0)), *after]


def _aligned(labels: str, shape: Shape) -> list[tuple[str, int | None]]:
    """Return the labels of an operand with their sizes: from the end where it begins with an ellipsis."""
    if labels.startswith("..."):
        return list(zip(reversed(labels[3:]), reversed(tuple(shape)), strict=False))
    return list(zip(labels.removesuffix("..."), shape, strict=False))
