"""kerasfront: one deep-learning front over PyTorch, JAX, TensorFlow and NumPy.

The API is that of Keras 3: `import kerasfront as keras`. The backend is chosen by KERAS_BACKEND, by
`~/.keras/keras.json`, or by what is installed; its framework is imported when it is first needed, so that
`config.set_backend` still works after the import.
"""

import importlib
from typing import Any

# contract tells the ops how to find a backend, dtype_policies gives config its dtype_policy().
from kerasfront import config, contract, dtype_policies, ops  # noqa: F401
from kerasfront.version import KERAS_VERSION as __keras_version__  # noqa: F401
from kerasfront.version import __version__

# Namespaces and names load at their first use (PEP 562): layers bind the backend, ops alone don't.
_NAMESPACES = (
    "activations", "backend", "callbacks", "constraints", "dtype_policies", "initializers", "layers", "losses",
    "metrics", "mixed_precision", "models", "optimizers", "quantizers", "random", "regularizers", "saving", "testing",
    "training", "tree", "utils",
)  # fmt: skip
_NAMES = {
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "Function": "models",
    "Initializer": "initializers",
    "Input": "layers",
    "InputSpec": "layers",
    "KerasTensor": "spec",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Operation": "layers.operation",
    "Optimizer": "optimizers",
    "Quantizer": "quantizers",
    "Regularizer": "regularizers",
    "RematScope": "layers.remat",
    "Sequential": "models",
    "StatelessScope": "variable",
    "SymbolicScope": "variable",
    "Variable": "variable",
    "device": "variable",
    "name_scope": "scopes",
    "remat": "layers.remat",
}


# What `from kerasfront import *` gives: what a program uses, as of Keras; the conformance suite is for adapters.
__all__ = sorted({"config", "ops", "version", *_NAMESPACES, *_NAMES} - {"testing"})


def version() -> str:
    """The version of kerasfront itself, as `__version__` has it.

    Programs that ask whether Keras has something (`keras.__version__ >= "3.5"`) compare with `__keras_version__`, the
    version of Keras whose API and file formats kerasfront has: where kerasfront runs under the name of Keras, that is
    what stands in for the version of Keras.

    >>> import kerasfront as keras
    >>> keras.version() == keras.__version__, keras.__keras_version__.split(".")[0]
    (True, '3')
    """
    return __version__


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"kerasfront.{_NAMES[name]}"), name)
    elif name in _NAMESPACES:
        value = importlib.import_module(f"kerasfront.{name}")
    else:
        raise AttributeError(f"module 'kerasfront' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMESPACES, *_NAMES})


# An op that draws by itself (ops.image.elastic_transform) asks for its key here, at its first call.
ops._draws.key_of = lambda seed: __getattr__("random").draw_seed(seed)
