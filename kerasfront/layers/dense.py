"""Dense: a fully connected layer."""

from __future__ import annotations

from typing import Any, Unpack

from kerasfront import ops
from kerasfront.layers._configured import keep, known_size, make_weight, positive, read
from kerasfront.layers._options import Activation, CommonOptions, Constraint, Initializer, Regularizer
from kerasfront.layers.input_spec import InputSpec
from kerasfront.layers.kernels.kernel_layer import MatrixLayer
from kerasfront.layers.kernels.products import Matmul, Product
from kerasfront.ops.matrices import affine
from kerasfront.quantizers import QuantizationConfig
from kerasfront.typing import ActivationLike, Config, ConstraintLike, InitializerLike, RegularizerLike, Shape, Tensor
from kerasfront.variable import Variable


class Dense(MatrixLayer):
    """A fully connected layer: `activation(inputs @ kernel + bias)` over the last axis.

    Args:
        units: The size of the output's last axis.
        activation: A function or its name; None: none.
        use_bias: Whether a bias is added.
        kernel_initializer: An initializer of the kernel, of shape (inputs' last axis, units).
        bias_initializer: An initializer of the bias, of shape (units,).
        kernel_regularizer: A regularizer of the kernel.
        bias_regularizer: A regularizer of the bias.
        activity_regularizer: A regularizer of the output.
        kernel_constraint: A constraint of the kernel.
        bias_constraint: A constraint of the bias.
        lora_rank: The rank of LoRA, see `enable_lora`; None: none.
        lora_alpha: What LoRA's part is multiplied by, times the rank; None: the rank.
        quantization_config: What `quantize` goes by where it is given the mode alone.

    Raises:
        ValueError: `units` is no positive integer.

    >>> import kerasfront as keras
    >>> keras.layers.Dense(3)(keras.ops.ones((2, 4))).shape[1]
    3
    """

    units: int
    use_bias: bool
    activation: Activation | None
    kernel_initializer: Initializer
    bias_initializer: Initializer
    kernel_regularizer: Regularizer | None
    bias_regularizer: Regularizer | None
    kernel_constraint: Constraint | None
    bias_constraint: Constraint | None
    bias: Variable | None

    _kf_left_out = frozenset({"activity_regularizer"})

    def __init__(
        self,
        units: int,
        activation: ActivationLike | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: QuantizationConfig | Config | None = None,
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._kf_keep_adaptation(lora_rank, lora_alpha, quantization_config)
        keep(
            self,
            units=positive(self, "units", units), activation=activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        rows = known_size(self, input_shape, -1)
        self._kf_make_kernel((rows, self.units))
        self.bias = make_weight(self, "bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: rows})
        self._kf_make_lora()

    @property
    def kernel(self) -> Variable:
        return self._kf_visible_kernel()

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if self._kf_adapted:
            x = self._kf_product(inputs)
            x = x if self.bias is None else ops.add(x, self.bias.value)
        else:
            x = affine(inputs, self._kf_storage.values.value, read(self.bias))
        return x if self.activation is None else self.activation(x)

    def _kf_contraction(self) -> Product:
        return Matmul()

    def _kf_regularizer_and_constraint(self) -> tuple[Any, Any]:
        return self.kernel_regularizer, self.kernel_constraint
