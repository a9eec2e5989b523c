"""Initializers: the values that variables begin with, equal on every backend for the same seed."""

from kerasfront.initializers.constant_initializers import STFT, Constant, Identity, Ones, Zeros
from kerasfront.initializers.constant_initializers import STFT as STFTInitializer
from kerasfront.initializers.constant_initializers import STFT as stft
from kerasfront.initializers.constant_initializers import Constant as constant
from kerasfront.initializers.constant_initializers import Identity as IdentityInitializer
from kerasfront.initializers.constant_initializers import Identity as identity
from kerasfront.initializers.constant_initializers import Ones as ones
from kerasfront.initializers.constant_initializers import Zeros as zeros
from kerasfront.initializers.initializer import Initializer
from kerasfront.initializers.random_initializers import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from kerasfront.initializers.random_initializers import GlorotNormal as glorot_normal
from kerasfront.initializers.random_initializers import GlorotUniform as glorot_uniform
from kerasfront.initializers.random_initializers import HeNormal as he_normal
from kerasfront.initializers.random_initializers import HeUniform as he_uniform
from kerasfront.initializers.random_initializers import LecunNormal as lecun_normal
from kerasfront.initializers.random_initializers import LecunUniform as lecun_uniform
from kerasfront.initializers.random_initializers import Orthogonal as OrthogonalInitializer
from kerasfront.initializers.random_initializers import Orthogonal as orthogonal
from kerasfront.initializers.random_initializers import RandomNormal as random_normal
from kerasfront.initializers.random_initializers import RandomUniform as random_uniform
from kerasfront.initializers.random_initializers import TruncatedNormal as truncated_normal
from kerasfront.initializers.random_initializers import VarianceScaling as variance_scaling
from kerasfront.initializers.registry import deserialize, get, serialize

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFT",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]


def __dir__() -> list[str]:
    return __all__
