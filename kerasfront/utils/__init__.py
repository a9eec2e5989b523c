"""Helpers that users call: data containers, progress, packing, small numeric functions."""

import importlib
from typing import Any

from kerasfront.backend import clear_session, is_keras_tensor, standardize_dtype
from kerasfront.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from kerasfront.serialization import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from kerasfront.utils import bounding_boxes
from kerasfront.utils.config import Config
from kerasfront.utils.numerical import normalize, to_categorical
from kerasfront.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight
from kerasfront.utils.progbar import Progbar
from kerasfront.utils.py_dataset import PyDataset
from kerasfront.utils.seeding import set_random_seed

Sequence = PyDataset  # its name until Keras 2

# What is made of layers and models, which are above this namespace: it loads at its first use.
_LATE = {"FeatureSpace": "kerasfront.models.feature_space"}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'kerasfront.utils' has no attribute '{name}'")
    return getattr(importlib.import_module(_LATE[name]), name)


__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "normalize",
    "pack_x_y_sample_weight",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "standardize_dtype",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
