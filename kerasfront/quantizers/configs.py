"""Configs of `quantize`: the mode, and how weights and inputs are quantized."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self

from kerasfront import serialization
from kerasfront.arguments import Constructed
from kerasfront.quantizers.quantizer import AbsMaxQuantizer, Quantizer

_INT8 = (-127, 127)
# What a config takes for a quantizer: one, its config, or a function of a user's that works as one.
QuantizerLike = Quantizer | Mapping[str, Any] | Callable[..., Any]


class QuantizationConfig(Constructed):
    """The base of the configs that `quantize` takes.

    Args:
        weight_quantizer: How weights are quantized; None: by the mode's own rule.
        activation_quantizer: How inputs are quantized before each product; None: they aren't.

    >>> import kerasfront as keras
    >>> keras.quantizers.Int8QuantizationConfig().mode
    'int8'
    """

    _mode: ClassVar[str]

    def __init__(
        self, weight_quantizer: QuantizerLike | None = None, activation_quantizer: QuantizerLike | str | None = None
    ) -> None:
        self.weight_quantizer: Any = _quantizer(weight_quantizer)
        self.activation_quantizer: Any = _quantizer(activation_quantizer)
        for name in ("weight_quantizer", "activation_quantizer"):
            if (quantizer := getattr(self, name)) is not None:
                self._check(name, quantizer)

    def _check(self, name: str, quantizer: Quantizer) -> None:
        """Raise ValueError for a quantizer that doesn't suit the mode."""

    @property
    def mode(self) -> str:
        """One of "int8", "int4", "float8", "gptq" and "awq"."""
        if not hasattr(self, "_mode"):
            raise NotImplementedError("QuantizationConfig is a base: use Int8QuantizationConfig and the like.")
        return self._mode

    @property
    def policy_mode(self) -> str:
        """The mode as dtype policies name it, with what else files have to say of it: "int4/128"."""
        return self.mode

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal config."""
        quantizers = {"weight_quantizer": self.weight_quantizer, "activation_quantizer": self.activation_quantizer}
        return {name: serialization.serialize_keras_object(value) for name, value in quantizers.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the config that `get_config` of another one described."""
        return cls(**config)

    @staticmethod
    def weight_quantizer_or_default(config: QuantizationConfig | None, default: Quantizer) -> Quantizer:
        """Return the weight quantizer of a config; `default` where there is neither."""
        return default if config is None or config.weight_quantizer is None else config.weight_quantizer

    @staticmethod
    def activation_quantizer_or_default(
        config: QuantizationConfig | None, default: Quantizer | None
    ) -> Quantizer | None:
        """Return the activation quantizer of a config, None where it has none; `default` where there is no config."""
        return default if config is None else config.activation_quantizer


def _quantizer(value: object) -> Any:
    """Return the quantizer of an argument; raises ValueError for what can't be called."""
    if value is None or isinstance(value, Quantizer):
        return value
    quantizer = serialization.deserialize_keras_object(value) if isinstance(value, dict) else value
    if not callable(quantizer):
        raise ValueError(f"Expected a Quantizer, or None, got {value!r}.")
    return quantizer


class Int8QuantizationConfig(QuantizationConfig):
    """Weights of 8 bits, with a scale for each output.

    Args:
        weight_quantizer: How weights are quantized; None: by their largest absolute value over the inputs.
        activation_quantizer: How inputs are quantized before each product; "default": by the largest absolute value of
            each; None: they aren't.

    Raises:
        ValueError: A quantizer puts out something else than "int8".

    >>> import kerasfront as keras
    >>> layer = keras.layers.Dense(3)
    >>> layer.build((None, 4))
    >>> layer.quantize(config=keras.quantizers.Int8QuantizationConfig(activation_quantizer=None))
    >>> layer.kernel.dtype, layer.dtype_policy.name
    ('int8', 'int8_from_float32')
    """

    _mode = "int8"

    def __init__(
        self,
        weight_quantizer: QuantizerLike | None = None,
        activation_quantizer: QuantizerLike | str | None = "default",
    ) -> None:
        if activation_quantizer == "default":
            activation_quantizer = AbsMaxQuantizer(value_range=_INT8)
        super().__init__(weight_quantizer, activation_quantizer)

    def _check(self, name: str, quantizer: Quantizer) -> None:
        if getattr(quantizer, "output_dtype", "int8") != "int8":
            raise ValueError(
                f"Expected the {name} of {type(self).__name__} to put out 'int8', got {quantizer.output_dtype!r}."
            )


class Int4QuantizationConfig(QuantizationConfig):
    """Weights of 4 bits, two in a byte.

    Args:
        weight_quantizer: How weights are quantized, where there is one scale for each output; None: by their largest
            absolute value over the inputs.
        activation_quantizer: How inputs are quantized before each product; "default" and None: they aren't.
        block_size: How many inputs share a scale and a zero point; None or -1: one scale for each output.

    Raises:
        ValueError: `block_size` is no such number, or quantizers were given with blocks, or they don't fit 4 bits.

    >>> import kerasfront as keras
    >>> layer = keras.layers.Dense(3)
    >>> layer.build((None, 4))
    >>> layer.quantize(config=keras.quantizers.Int4QuantizationConfig(block_size=2))
    >>> layer.dtype_policy.name, layer.kernel_scale.shape
    ('int4/2_from_float32', (2, 3))
    """

    _mode = "int4"

    def __init__(
        self,
        weight_quantizer: QuantizerLike | None = None,
        activation_quantizer: QuantizerLike | str | None = "default",
        block_size: int | None = 128,
    ) -> None:
        ok = block_size is None or (isinstance(block_size, int) and (block_size == -1 or block_size > 0))
        if not ok or isinstance(block_size, bool):
            raise ValueError(f"Expected `block_size` to be a positive integer, -1 or None, got {block_size!r}.")
        self.block_size = block_size
        super().__init__(weight_quantizer, None if activation_quantizer == "default" else activation_quantizer)

    def _check(self, name: str, quantizer: Quantizer) -> None:
        if self.block_size not in (None, -1):
            raise ValueError(
                f"A {name} was given together with block_size={self.block_size}: quantizers of your own go with one "
                "scale for each output. Pass block_size=-1 too."
            )
        if name == "weight_quantizer" and not _fits_4_bits(quantizer):
            raise ValueError(
                f"Expected the weight_quantizer of {type(self).__name__} to have a value_range between -8 and 7, "
                f"got {getattr(quantizer, 'value_range', None)}."
            )

    @property
    def policy_mode(self) -> str:
        return f"int4/{self.block_size or -1}"

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block_size": self.block_size}


def _fits_4_bits(quantizer: Quantizer) -> bool:
    low, high = getattr(quantizer, "value_range", (-8, 7))
    return bool(low >= -8 and high <= 7)


class Float8QuantizationConfig(QuantizationConfig):
    """Training with inputs, weights and gradients rounded to float8.

    Reference: Micikevicius et al., https://arxiv.org/abs/2209.05433

    >>> import kerasfront as keras
    >>> keras.quantizers.Float8QuantizationConfig().mode
    'float8'
    """

    _mode = "float8"

    def __init__(self) -> None:
        super().__init__(None, None)

    def get_config(self) -> dict[str, Any]:
        return {}


class _Calibrated(QuantizationConfig):
    """The base of the methods that look at inputs before they quantize."""

    weight_bits: int
    group_size: int
    _arguments: ClassVar[tuple[str, ...]]

    def _keep_calibration(
        self,
        dataset: Iterable[Any] | None,
        tokenizer: Any,
        num_samples: int,
        sequence_length: int,
        group_size: int,
        structure: dict[str, Any] | None,
    ) -> None:
        super().__init__(None, None)
        for name, value in (("num_samples", num_samples), ("sequence_length", sequence_length)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"Expected `{name}` of {type(self).__name__} to be a positive integer, got {value!r}.")
        if isinstance(group_size, bool) or not isinstance(group_size, int) or (group_size < 1 and group_size != -1):
            raise ValueError(f"Expected `group_size` to be a positive integer or -1, got {group_size!r}.")
        self.dataset: Iterable[Any] | None = dataset
        self.tokenizer: Any = tokenizer
        self.num_samples: int = num_samples
        self.sequence_length: int = sequence_length
        self.group_size = group_size
        self.quantization_layer_structure = structure

    @property
    def policy_mode(self) -> str:
        return self.dtype_policy_string()

    def dtype_policy_string(self) -> str:
        """Return the mode as dtype policies name it: "gptq/4/128"."""
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"

    def get_config(self) -> dict[str, Any]:
        """Return the numbers. Data and tokenizer aren't saved: a layer that was calibrated doesn't need them."""
        unsaved = ("dataset", "tokenizer", "quantization_layer_structure")
        return {name: None if name in unsaved else getattr(self, name) for name in self._arguments}


class GPTQConfig(_Calibrated):
    """GPTQ: weights of a few bits, found one input after the other; the error of each is made up for by those to come.

    Args:
        dataset: Calibration data: an iterable of strings, of token ids, or of inputs.
        tokenizer: What makes token ids of strings: it is called, or has `tokenize` or `encode`.
        weight_bits: 2, 3, 4 or 8.
        num_samples: How many samples are looked at.
        per_channel: Whether each output has scales of its own.
        sequence_length: The number of tokens in a sample.
        hessian_damping: How much of the mean of the Hessian's diagonal is added to it, from 0 to 1.
        group_size: How many inputs share a scale; -1: all.
        symmetric: Whether the range is the same on both sides of 0.
        activation_order: Whether the inputs with the largest activations are quantized first.
        quantization_layer_structure: A dict with "pre_block_layers", through which inputs pass first, and
            "sequential_blocks", which are quantized one after the other; None: what the model's
            `get_quantization_layer_structure` says, else all layers of the model in one pass.

    Raises:
        ValueError: An argument is out of its range.

    Reference: Frantar et al., https://arxiv.org/abs/2210.17323

    >>> import kerasfront as keras
    >>> keras.quantizers.GPTQConfig(dataset=None, tokenizer=None, group_size=64).dtype_policy_string()
    'gptq/4/64'
    """

    _mode = "gptq"
    _arguments = (
        "dataset", "tokenizer", "weight_bits", "num_samples", "per_channel", "sequence_length", "hessian_damping",
        "group_size", "symmetric", "activation_order", "quantization_layer_structure",
    )  # fmt: skip

    def __init__(
        self,
        dataset: Iterable[Any] | None,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: dict[str, Any] | None = None,
    ) -> None:
        self._keep_calibration(
            dataset, tokenizer, num_samples, sequence_length, group_size, quantization_layer_structure
        )
        if weight_bits not in (2, 3, 4, 8):
            raise ValueError(f"Expected `weight_bits` of GPTQ to be 2, 3, 4 or 8, got {weight_bits!r}.")
        if not 0 <= hessian_damping <= 1:
            raise ValueError(f"Expected `hessian_damping` to be between 0 and 1, got {hessian_damping!r}.")
        self.weight_bits = weight_bits
        self.per_channel: bool = bool(per_channel)
        self.hessian_damping: float = hessian_damping
        self.symmetric: bool = bool(symmetric)
        self.activation_order: bool = bool(activation_order)


class AWQConfig(_Calibrated):
    """AWQ: weights of 4 bits, scaled first so that the inputs that matter most lose least.

    Args:
        dataset: Calibration data: an iterable of strings, of token ids, or of inputs.
        tokenizer: What makes token ids of strings: it is called, or has `tokenize` or `encode`.
        weight_bits: 4.
        num_samples: How many samples are looked at.
        sequence_length: The number of tokens in a sample.
        group_size: How many inputs share a scale; -1: all.
        num_grid_points: How many strengths of scaling are tried.
        quantization_layer_structure: As for `GPTQConfig`.

    Raises:
        ValueError: An argument is out of its range.

    Reference: Lin et al., https://arxiv.org/abs/2306.00978

    >>> import kerasfront as keras
    >>> keras.quantizers.AWQConfig(dataset=None, tokenizer=None).dtype_policy_string()
    'awq/4/128'
    """

    _mode = "awq"
    _arguments = (
        "dataset", "tokenizer", "weight_bits", "num_samples", "sequence_length", "group_size", "num_grid_points",
        "quantization_layer_structure",
    )  # fmt: skip

    def __init__(
        self,
        dataset: Iterable[Any] | None,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: dict[str, Any] | None = None,
    ) -> None:
        self._keep_calibration(
            dataset, tokenizer, num_samples, sequence_length, group_size, quantization_layer_structure
        )
        if weight_bits != 4:
            raise ValueError(f"Expected `weight_bits` of AWQ to be 4, got {weight_bits!r}.")
        if isinstance(num_grid_points, bool) or not isinstance(num_grid_points, int) or num_grid_points < 1:
            raise ValueError(f"Expected `num_grid_points` to be a positive integer, got {num_grid_points!r}.")
        self.weight_bits: int = weight_bits
        self.num_grid_points: int = num_grid_points
