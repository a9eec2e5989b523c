"""In which dtype a layer computes, and in which it keeps its variables."""

from kerasfront.dtype_policies.lookup import deserialize, get, serialize
from kerasfront.dtype_policies.policy import DTypePolicy
from kerasfront.dtype_policies.policy_map import DTypePolicyMap
from kerasfront.dtype_policies.quantized import (
    AWQDTypePolicy,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
)

FloatDTypePolicy = DTypePolicy

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
    "get",
    "serialize",
]


def __dir__() -> list[str]:
    return __all__
