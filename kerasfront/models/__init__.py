"""Models: Sequential, functional, subclassed."""

from kerasfront.models.cloning import clone_model
from kerasfront.models.feature_space import FeatureSpace as _  # noqa: F401  (files may hold one)
from kerasfront.models.graph import Function
from kerasfront.models.model import Functional, Model
from kerasfront.models.sequential import Sequential
from kerasfront.saving import load_model, model_from_json, save_model
from kerasfront.serialization import register

register("keras.src.models.functional", {"Functional": Functional})  # this first: so Keras writes it
register("keras", {"Functional": Functional, "Model": Model, "Sequential": Sequential, "Function": Function})
register("keras.models", {"Functional": Functional, "Model": Model, "Sequential": Sequential})

__all__ = [
    "Function",
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]


def __dir__() -> list[str]:
    return __all__
