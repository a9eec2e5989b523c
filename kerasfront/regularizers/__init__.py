"""Regularizers: penalties on variables and outputs."""

from kerasfront.regularizers.registry import deserialize, get, serialize
from kerasfront.regularizers.regularizers import (
    L1,
    L1L2,
    L2,
    OrthogonalRegularizer,
    Regularizer,
)
from kerasfront.regularizers.regularizers import L1 as l1
from kerasfront.regularizers.regularizers import L1L2 as l1_l2
from kerasfront.regularizers.regularizers import L2 as l2
from kerasfront.regularizers.regularizers import OrthogonalRegularizer as orthogonal_regularizer

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


def __dir__() -> list[str]:
    return __all__
