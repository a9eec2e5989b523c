"""Quantizers and configs of quantization, found by name or by config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, overload

from kerasfront.quantizers.configs import (
    AWQConfig,
    Float8QuantizationConfig,
    GPTQConfig,
    Int4QuantizationConfig,
    Int8QuantizationConfig,
    QuantizationConfig,
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


def serialize(initializer: Quantizer | QuantizationConfig | Callable[..., Any]) -> dict[str, Any]:
    """Return the config of a quantizer, or of a QuantizationConfig, from which `deserialize` makes an equal one."""
    config: dict[str, Any] = _registry.serialize(initializer)
    return config


def deserialize(config: str | Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a quantizer, or a QuantizationConfig, from its config; `custom_objects` are the user's own."""
    return _registry.deserialize(config, custom_objects)


@overload
def get(identifier: None, **kwargs: Any) -> None: ...
@overload
def get(
    identifier: str | Mapping[str, Any] | Quantizer | QuantizationConfig | Callable[..., Any], **kwargs: Any
) -> Any: ...
def get(
    identifier: str | Mapping[str, Any] | Quantizer | QuantizationConfig | Callable[..., Any] | None, **kwargs: Any
) -> Any:
    """Return a quantizer from its name, its class (made with `kwargs`), its config, or itself; None for None.

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
