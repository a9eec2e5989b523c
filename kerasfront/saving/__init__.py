"""Saving and loading: `.keras` files, weights, and objects as configs."""

from kerasfront.saving.limits import Limits
from kerasfront.saving.loading import LoadReport
from kerasfront.saving.model_files import load_model, load_weights, model_from_json, save_model, save_weights
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

__all__ = [
    "CustomObjectScope",
    "Limits",
    "LoadReport",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "model_from_json",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]


def __dir__() -> list[str]:
    return __all__
