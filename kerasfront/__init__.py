"""kerasfront: one deep-learning front over PyTorch, JAX, TensorFlow and NumPy.

The API is that of Keras 3: `import kerasfront as keras`. The backend is chosen by KERAS_BACKEND, by
`~/.keras/keras.json`, or by what is installed; its framework is imported when it is first needed, so that
`config.set_backend` still works after the import.

Namespaces and names load at their first use (PEP 562), so that a program pays only for what it uses. Type checkers
read the imports below `TYPE_CHECKING` instead; `_NAMESPACES` and `_NAMES` say the same to the running program.
"""

from typing import TYPE_CHECKING

from kerasfront import lazy
from kerasfront.version import KERAS_VERSION as __keras_version__  # noqa: F401
from kerasfront.version import __version__

if TYPE_CHECKING:
    from kerasfront import activations as activations
    from kerasfront import backend as backend
    from kerasfront import callbacks as callbacks
    from kerasfront import config as config
    from kerasfront import constraints as constraints
    from kerasfront import contract as contract
    from kerasfront import dtype_policies as dtype_policies
    from kerasfront import errors as errors
    from kerasfront import initializers as initializers
    from kerasfront import layers as layers
    from kerasfront import losses as losses
    from kerasfront import metrics as metrics
    from kerasfront import mixed_precision as mixed_precision
    from kerasfront import models as models
    from kerasfront import ops as ops
    from kerasfront import optimizers as optimizers
    from kerasfront import quantizers as quantizers
    from kerasfront import random as random
    from kerasfront import regularizers as regularizers
    from kerasfront import saving as saving
    from kerasfront import testing as testing
    from kerasfront import tree as tree
    from kerasfront import typing as typing
    from kerasfront import utils as utils
    from kerasfront.dtype_policies import DTypePolicy as DTypePolicy
    from kerasfront.dtype_policies import FloatDTypePolicy as FloatDTypePolicy
    from kerasfront.initializers import Initializer as Initializer
    from kerasfront.layers import Input as Input
    from kerasfront.layers import InputSpec as InputSpec
    from kerasfront.layers import Layer as Layer
    from kerasfront.layers.base.operation import Operation as Operation
    from kerasfront.layers.remat import RematScope as RematScope
    from kerasfront.layers.remat import remat as remat
    from kerasfront.losses import Loss as Loss
    from kerasfront.metrics import Metric as Metric
    from kerasfront.models import Function as Function
    from kerasfront.models import Model as Model
    from kerasfront.models import Sequential as Sequential
    from kerasfront.optimizers import Optimizer as Optimizer
    from kerasfront.quantizers import Quantizer as Quantizer
    from kerasfront.regularizers import Regularizer as Regularizer
    from kerasfront.scopes import name_scope as name_scope
    from kerasfront.spec import KerasTensor as KerasTensor
    from kerasfront.variable import StatelessScope as StatelessScope
    from kerasfront.variable import SymbolicScope as SymbolicScope
    from kerasfront.variable import Variable as Variable
    from kerasfront.variable import device as device

# What `from kerasfront import *` gives: the names that Keras has.
__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "Function",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Quantizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "StatelessScope",
    "SymbolicScope",
    "Variable",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "device",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "quantizers",
    "random",
    "regularizers",
    "remat",
    "saving",
    "tree",
    "utils",
    "version",
]

_NAMESPACES = (
    "activations", "backend", "callbacks", "config", "constraints", "dtype_policies", "initializers", "layers",
    "losses", "metrics", "mixed_precision", "models", "ops", "optimizers", "quantizers", "random", "regularizers",
    "saving", "tree", "utils",
)  # fmt: skip
# What Keras doesn't have: the contract of adapters with the suite that tests it, the errors, and types for annotations.
_OURS = ("contract", "errors", "testing", "typing")
_NAMES = {
    "DTypePolicy": "kerasfront.dtype_policies",
    "FloatDTypePolicy": "kerasfront.dtype_policies",
    "Function": "kerasfront.models",
    "Initializer": "kerasfront.initializers",
    "Input": "kerasfront.layers",
    "InputSpec": "kerasfront.layers",
    "KerasTensor": "kerasfront.spec",
    "Layer": "kerasfront.layers",
    "Loss": "kerasfront.losses",
    "Metric": "kerasfront.metrics",
    "Model": "kerasfront.models",
    "Operation": "kerasfront.layers.base.operation",
    "Optimizer": "kerasfront.optimizers",
    "Quantizer": "kerasfront.quantizers",
    "Regularizer": "kerasfront.regularizers",
    "RematScope": "kerasfront.layers.remat",
    "Sequential": "kerasfront.models",
    "StatelessScope": "kerasfront.variable",
    "SymbolicScope": "kerasfront.variable",
    "Variable": "kerasfront.variable",
    "device": "kerasfront.variable",
    "name_scope": "kerasfront.scopes",
    "remat": "kerasfront.layers.remat",
}


def version() -> str:
    """Return the version of kerasfront itself, as `__version__` has it.

    Programs that ask whether Keras has something (`keras.__version__ >= "3.5"`) compare with `__keras_version__`, the
    version of Keras whose API and file formats kerasfront has: where kerasfront runs under the name of Keras, that is
    what stands in for the version of Keras.

    >>> import kerasfront as keras
    >>> keras.version() == keras.__version__, keras.__keras_version__.split(".")[0]
    (True, '3')
    """
    return __version__


if not TYPE_CHECKING:  # A checker that saw this function would take any misspelt name for one of ours.
    __getattr__ = lazy.attributes(__name__, _NAMES, {*_NAMESPACES, *_OURS})


def __dir__() -> list[str]:
    return [*__all__, *_OURS, "__keras_version__", "__version__"]
