"""Layers whose work is done by one weight, which LoRA and quantization change."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront import ops, quantizers, serialization
from kerasfront.layers import lora, quantized
from kerasfront.layers._configured import Configured, make_weight
from kerasfront.quantizers.quantizer import AbsMaxQuantizer
from kerasfront.variable import Variable


class MatrixLayer(Configured):
    """A layer with a weight that LoRA can be enabled for and, where `_forms` isn't empty, that can be quantized.

    The weight is kept in the attribute with an underscore before its name. A subclass says how inputs and weight are
    contracted; where `_form` isn't None, its `call` leaves the work to it.
    """

    # The name of the weight, and what else a file of the unquantized layer holds.
    _matrix = "kernel"
    _others: tuple[str, ...] = ("bias",)
    _forms: dict[str, Any] = {}
    _whole: Any = quantized.WHOLE
    # What the weight has become by LoRA or quantization, and its shape before.
    _form: Any = None
    _matrix_shape: tuple[int, ...] | None = None
    lora_enabled = False
    lora_rank: int | None = None
    lora_alpha: float | None = None
    quantization_config: Any = None

    def _keep_adaptation(self, lora_rank: Any, lora_alpha: Any, quantization_config: Any) -> None:
        self.lora_rank, self.lora_alpha = lora_rank, lora_alpha
        if isinstance(quantization_config, dict):
            quantization_config = quantizers.deserialize(quantization_config)
        self.quantization_config = quantization_config

    # ---- the weight -------------------------------------------------------------------------------------------------

    def _make_matrix(self, shape: Any) -> None:
        """Make the weight as the policy says: plain or quantized."""
        self._matrix_shape = tuple(shape)
        if self.quantization_mode is None:
            setattr(self, f"_{self._matrix}", make_weight(self, self._matrix, shape))
        else:
            config = self.quantization_config
            if config is not None and config.mode != self.quantization_mode:  # the policy decides
                config = self.quantization_config = None
            self.quantized_build(shape, self.quantization_mode, config)

    def _make_lora(self) -> None:
        """Enable LoRA, where the constructor was told to: the last step of `build`."""
        if self.lora_rank is not None and not self.lora_enabled:
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def _held_matrix(self) -> Any:
        return self.__dict__.get(f"_{self._matrix}")

    def _stored_matrix(self) -> Variable:
        """The variable that holds the weight."""
        found: Variable = getattr(self, f"_{self._matrix}")
        return found

    def _shown_matrix(self) -> Any:
        """The weight: its variable; with LoRA, the floats that it stands for; of int4, the integers."""
        if self._form is None:
            return self._stored_matrix()
        if self.lora_enabled:
            return ops.add(self._form.matrix(self), lora.added(self))
        return self._form.shown(self)

    # ---- LoRA -------------------------------------------------------------------------------------------------------

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the weight, and train two narrow matrices whose product is added to it.

        A compiled model is compiled anew afterwards. In files the sum takes the weight's place. What else the layer
        trains, such as a bias, it goes on training.

        Args:
            rank: The number of columns of the first matrix, and of rows of the second.
            lora_alpha: The product is multiplied by lora_alpha / rank; None: by 1.
            a_initializer: An initializer of the first matrix.
            b_initializer: An initializer of the second one.

        Raises:
            ValueError: LoRA is enabled already, the weight has a constraint, or `rank` is no positive integer.
            NotBuiltError: The layer isn't built.

        Source: Hu et al., https://arxiv.org/abs/2106.09685
        """
        with lora.inside(self):
            lora.enable(self, rank, lora_alpha, a_initializer, b_initializer)
        if self._form is None:
            self._form = self._whole

    # ---- quantization -----------------------------------------------------------------------------------------------

    def quantize(self, mode: str | None = None, type_check: bool = True, config: Any = None) -> None:
        if not self._forms:
            super().quantize(mode, type_check, config)
        quantized.quantize_layer(self, mode, type_check, config)

    def _become(self, form: Any, config: Any) -> None:
        """Take a form; the weight keeps its value as well as the form can."""
        matrix = ops.convert_to_numpy(self._stored_matrix()._value).astype("float32")
        keeps = isinstance(form, quantized.Float8)
        if not keeps:
            delattr(self, f"_{self._matrix}")
        self.quantization_config = config
        self.dtype_policy = quantized.policy_of(self, config)
        with lora.inside(self):
            self.quantized_build(self._matrix_shape, config.mode, config)
            if not keeps:
                self._fill(matrix)

    def _fill(self, matrix: np.ndarray[Any, Any]) -> None:
        values = self._form.values(self, matrix)
        for name, variable in quantized.held(self, tuple(values)):
            variable.assign(values[name])

    def _quantized_build(self, shape: Any, mode: str, config: Any) -> None:
        """Make the variables of a quantized weight of this shape."""
        form = self._forms.get(mode)
        if form is None:
            known = ", ".join(map(repr, self._forms))
            raise NotImplementedError(
                f"The {type(self).__name__} layer can't be quantized as '{mode}', but as {known}."
            )
        self._matrix_shape, self._form = tuple(shape), form
        form.make(self, tuple(shape), config)

    def quantized_build(self, kernel_shape: Any, mode: str, config: Any = None) -> None:
        """Make the variables of a quantized kernel of this shape."""
        self._quantized_build(kernel_shape, mode, config)

    @property
    def inputs_quantizer(self) -> Any:
        """`activation_quantizer()`, under the name that it has in Keras; None where the layer isn't quantized."""
        return None if self._form is None or self.quantization_mode is None else self.activation_quantizer()

    def activation_quantizer(self) -> Any:
        """What quantizes inputs before a product; None where they stay as they are."""
        default = AbsMaxQuantizer() if self.quantization_mode == "int8" else None
        return quantizers.QuantizationConfig.activation_quantizer_or_default(self.quantization_config, default)

    # ---- files ------------------------------------------------------------------------------------------------------

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The variables that a file holds, in their order, by the quantization mode."""
        return quantized.spec_of(tuple(self._forms.items()), (self._matrix, *self._others))

    def _kf_saved_weights(self) -> list[Any]:
        if self._form is None:
            return super()._kf_saved_weights()
        found: list[tuple[str, Any]] = quantized.held(self, self.variable_serialization_spec[self.quantization_mode])
        known = {id(v) for _, v in found}
        if self.lora_enabled:
            known.update(map(id, lora.pair(self)))
            whole = ops.convert_to_numpy(ops.add(ops.cast(self._form.matrix(self), "float32"), lora.added(self)))
            values = self._form.values(self, whole)
            found = [(n, lora.Merged(self, v, values[n]) if n in values else v) for n, v in found]
        return [*(v for _, v in found), *(v for v in super()._kf_saved_weights() if id(v) not in known)]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in ("lora_rank", "lora_alpha"):
            config.pop(name, None)
            if self.lora_rank is not None and (value := getattr(self, name)) is not None:
                config[name] = value
        if self._forms:
            config["quantization_config"] = serialization.serialize_keras_object(self.quantization_config)
        return config

    # ---- what forms ask ---------------------------------------------------------------------------------------------

    def _contract(self, inputs: Any, matrix: Any) -> Any:
        """The product of inputs and a matrix of the weight's shape."""
        raise NotImplementedError

    def _biased(self, x: Any) -> Any:
        """A product with the bias."""
        raise NotImplementedError

    def _narrow(self) -> bool:
        """Whether inputs can be contracted with LoRA's first matrix, and the result be multiplied by the second."""
        return False

    def _summed(self) -> tuple[int, ...]:
        """The axes of the weight that are summed over."""
        return (0,)

    def _summed_inputs(self, inputs: Any) -> tuple[int, ...]:
        """The axes of the inputs that are summed over."""
        return (-1,)

    def _flat_shape(self) -> tuple[int, int]:
        """The number of elements that are summed over for an output, and of outputs."""
        assert self._matrix_shape is not None
        summed = self._summed()
        rows = int(np.prod([d for n, d in enumerate(self._matrix_shape) if n in summed]))
        return rows, int(np.prod(self._matrix_shape)) // max(rows, 1)

    def _output_scale(self, scale: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A scale of the weight, with 1 for each axis that is summed over, as it broadcasts with the outputs."""
        return np.squeeze(scale, 0)

    def _weight_scale(self, scale: Any) -> Any:
        """What `_output_scale` gave, as it broadcasts with the weight."""
        return scale

    def _input_scale(self, scale: Any) -> Any:
        """A scale of the inputs, with 1 for each axis that is summed over, as it broadcasts with the outputs."""
        return scale
