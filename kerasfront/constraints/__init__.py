"""Constraints on variables."""

from kerasfront.constraints.constraints import (
    Constraint,
    MaxNorm,
    MinMaxNorm,
    NonNeg,
    UnitNorm,
)
from kerasfront.constraints.constraints import MaxNorm as max_norm
from kerasfront.constraints.constraints import MinMaxNorm as min_max_norm
from kerasfront.constraints.constraints import NonNeg as non_neg
from kerasfront.constraints.constraints import UnitNorm as unit_norm
from kerasfront.constraints.registry import deserialize, get, serialize

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


def __dir__() -> list[str]:
    return __all__
