"""Policies found by name, dtype or config, and the configs that files hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasfront import serialization
from kerasfront.dtype_policies.policy import DTypePolicy, dtype_policy, set_global
from kerasfront.dtype_policies.quantized import (
    AWQDTypePolicy,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
    from_name,
)
from kerasfront.errors import unknown
from kerasfront.spec import dtypes
from kerasfront.typing import Config, DTypePolicyLike

_FLOATS: dict[str, type[DTypePolicy]] = {"DTypePolicy": DTypePolicy, "FloatDTypePolicy": DTypePolicy}
_classes = dict(_FLOATS)


def register(*classes: type[DTypePolicy]) -> None:
    """Let configs name these classes of policies."""
    names = {cls.__name__: cls for cls in classes}
    _classes.update(names)
    serialization.register("keras.dtype_policies", names)


def set_dtype_policy(policy: DTypePolicyLike) -> None:
    """Set the policy of layers that are given none: a policy, or its name."""
    set_global(get(policy))


def get(identifier: DTypePolicyLike | None) -> DTypePolicy:
    """Return the policy for a policy, a name, a dtype, a config, or None, which stands for the global one.

    Raises:
        ValueError: It is none of these.

    >>> import kerasfront as keras
    >>> keras.dtype_policies.get("int8_from_float32")
    QuantizedDTypePolicy(mode='int8', source_name='float32')
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        if (quantized := from_name(identifier)) is not None:
            return quantized
        return DTypePolicy(identifier)
    return DTypePolicy(dtypes.standardize(identifier))


def serialize(dtype_policy: DTypePolicy) -> Config:
    """Return the config from which `deserialize` makes an equal policy."""
    name = type(dtype_policy).__name__
    return {
        "module": "keras" if name in _FLOATS else "keras.dtype_policies",
        "class_name": name,
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }


def deserialize(config: Config, custom_objects: Mapping[str, Any] | None = None) -> DTypePolicy:
    """Return the policy of a config.

    Raises:
        ValueError: The config names an unknown class.
    """
    if "class_name" not in config:
        return DTypePolicy.from_config(config.get("config", config))
    name = config["class_name"]
    cls = serialization.get_registered_object(name, custom_objects, _classes)
    if cls is None:
        raise unknown("dtype policy", name, _classes)
    policy: DTypePolicy = cls.from_config(config["config"])
    return policy


serialization.register("keras", _FLOATS)
serialization.register("keras.dtype_policies", _FLOATS)
register(QuantizedDTypePolicy, QuantizedFloat8DTypePolicy, Int4DTypePolicy, GPTQDTypePolicy, AWQDTypePolicy)
