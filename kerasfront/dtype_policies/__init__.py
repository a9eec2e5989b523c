"""In which dtype a layer computes, and in which it keeps its variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasfront import serialization
from kerasfront.dtype_policies import policy_map
from kerasfront.dtype_policies.policy import DTypePolicy, dtype_policy, set_global
from kerasfront.dtype_policies.policy_map import DTypePolicyMap
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

FloatDTypePolicy = DTypePolicy
_QUANTIZED = (
    QuantizedDTypePolicy, QuantizedFloat8DTypePolicy, Int4DTypePolicy, GPTQDTypePolicy, AWQDTypePolicy, DTypePolicyMap,
)  # fmt: skip
_FLOATS = {"DTypePolicy": DTypePolicy, "FloatDTypePolicy": FloatDTypePolicy}
_CLASSES: dict[str, type[DTypePolicy]] = {**_FLOATS, **{cls.__name__: cls for cls in _QUANTIZED}}


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers that are given none: a policy, or its name."""
    set_global(get(policy))


def get(identifier: Any) -> DTypePolicy:
    """A policy from a policy, a name, a dtype, a config, or None (the global one).

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


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """The config from which `deserialize` makes an equal policy."""
    name = type(dtype_policy).__name__
    return {
        "module": "keras" if name in _FLOATS else "keras.dtype_policies",
        "class_name": name,
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }


def deserialize(config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> DTypePolicy:
    """The policy of a config; raises ValueError where it names an unknown class."""
    if "class_name" not in config:
        return DTypePolicy.from_config(config.get("config", config))
    name = config["class_name"]
    cls = serialization.get_registered_object(name, custom_objects, _CLASSES)
    if cls is None:
        raise unknown("dtype policy", name, _CLASSES)
    policy: DTypePolicy = cls.from_config(config["config"])
    return policy


policy_map.get, policy_map.serialize = get, serialize
serialization.register("keras", _FLOATS)
serialization.register("keras.dtype_policies", _CLASSES)

__all__ = [
    "AWQDTypePolicy",
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
    "deserialize",
    "dtype_policy",
    "get",
    "serialize",
    "set_dtype_policy",
]
