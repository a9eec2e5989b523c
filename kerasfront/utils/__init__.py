"""keras.utils: helpers that users call, for data, progress, packing, registering and seeding."""

from typing import TYPE_CHECKING

from kerasfront import lazy
from kerasfront.backend.dtypes import is_keras_tensor
from kerasfront.backend.session import clear_session
from kerasfront.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from kerasfront.console.progbar import Progbar
from kerasfront.data.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight
from kerasfront.data.py_dataset import PyDataset
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
from kerasfront.spec.dtypes import standardize as standardize_dtype
from kerasfront.utils import bounding_boxes
from kerasfront.utils.config import Config
from kerasfront.utils.numerical import normalize, to_categorical
from kerasfront.utils.seeding import set_random_seed

if TYPE_CHECKING:
    from kerasfront.models.feature_space import FeatureSpace as FeatureSpace
else:
    # It brings layers and models, which a process that only loads data for training doesn't need.
    __getattr__ = lazy.attributes(__name__, {"FeatureSpace": "kerasfront.models.feature_space"})

Sequence = PyDataset  # its name until Keras 2

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


def __dir__() -> list[str]:
    return __all__
