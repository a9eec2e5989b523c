"""Quantization: weights as small integers or float8, and what `quantize` of layers and models is told.

What layers do with it is in `kerasfront.layers`.
"""

from typing import Any

from kerasfront.quantizers.configs import (
    AWQConfig,
    Float8QuantizationConfig,
    GPTQConfig,
    Int4QuantizationConfig,
    Int8QuantizationConfig,
    QuantizationConfig,
)
from kerasfront.quantizers.functions import (
    abs_max_quantize,
    abs_max_quantize_grouped_with_zero_point,
    compute_float8_amax_history,
    compute_float8_scale,
    fake_quant_with_min_max_vars,
    pack_int4,
    quantize_and_dequantize,
    unpack_int4,
)
from kerasfront.quantizers.quantizer import AbsMaxQuantizer, Quantizer
from kerasfront.registry import Registry, by_name

_registry = Registry(
    "keras.quantizers",
    "quantizer",
    by_name(
        AbsMaxQuantizer, Int8QuantizationConfig, Int4QuantizationConfig, Float8QuantizationConfig, GPTQConfig, AWQConfig
    ),
)


def serialize(initializer: Any) -> Any:
    """The config of a quantizer, or a QuantizationConfig, from which `deserialize` makes an equal one."""
    return _registry.serialize(initializer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """A quantizer, or a QuantizationConfig, from its config; `custom_objects` are the user's own."""
    return _registry.deserialize(config, custom_objects)


def get(identifier: Any, **kwargs: Any) -> Any:
    """A quantizer from its name, its class (made with `kwargs`), its config, or itself; None for None.

    Raises:
        UnknownNameError: Nothing has the name.
        ValueError: `identifier` is none of these.

    >>> import kerasfront as keras
    >>> keras.quantizers.get("abs_max_quantizer", axis=0).axis
    (0,)
    """
    if isinstance(identifier, str):
        identifier = _registry.find(identifier)
    if isinstance(identifier, type) and kwargs:
        return identifier(**kwargs)
    return _registry.get(identifier, lambda x: callable(x) or isinstance(x, QuantizationConfig))


__all__ = [
    "AWQConfig",
    "AbsMaxQuantizer",
    "Float8QuantizationConfig",
    "GPTQConfig",
    "Int4QuantizationConfig",
    "Int8QuantizationConfig",
    "QuantizationConfig",
    "Quantizer",
    "abs_max_quantize",
    "abs_max_quantize_grouped_with_zero_point",
    "compute_float8_amax_history",
    "compute_float8_scale",
    "deserialize",
    "fake_quant_with_min_max_vars",
    "get",
    "pack_int4",
    "quantize_and_dequantize",
    "serialize",
    "unpack_int4",
]


def __dir__() -> list[str]:
    return __all__
