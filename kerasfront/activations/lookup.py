"""Activations by name, where a layer takes one, and in configs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kerasfront.activations.functions import exponential, gelu, linear, relu
from kerasfront.ops.activation import hard_silu
from kerasfront.ops.declare import public
from kerasfront.ops.declare.op import OPS
from kerasfront.ops.elementwise import silu
from kerasfront.registry import Registry, by_name

_functions = by_name(
    exponential, gelu, linear, relu, *(op.call for op in OPS.values() if "activations" in op.spaces),
    swish=silu, hard_swish=hard_silu,
)  # fmt: skip
_registry = Registry("keras.activations", "activation", _functions)


@public("activations")
def get(identifier: Any) -> Callable[..., Any]:
    """Return an activation from its name, a config, a function, or None (linear).

    Raises:
        UnknownNameError: Nothing has the name; the nearest is suggested.
        ValueError: `identifier` is none of these.

    >>> import kerasfront as keras
    >>> keras.activations.get("relu") is keras.activations.relu
    True
    """
    return linear if identifier is None else _registry.get(identifier)


@public("activations")
def serialize(activation: Callable[..., Any]) -> str | dict[str, Any] | None:
    """Return the name of a function of this module, or the config of another one or of a layer.

    >>> import kerasfront as keras
    >>> keras.activations.serialize(keras.activations.relu)
    'relu'
    """
    name = getattr(activation, "__name__", None)
    return name if _functions.get(name or "") is activation else _registry.serialize(activation)


@public("activations")
def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the activation of what `serialize` returned.

    >>> import kerasfront as keras
    >>> keras.activations.deserialize("relu") is keras.activations.relu
    True
    """
    return _registry.deserialize(config, custom_objects)
