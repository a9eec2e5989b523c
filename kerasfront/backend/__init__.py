"""keras.backend: settings, dtypes, sessions; and which backend runs."""

from kerasfront.backend.dtypes import is_float_dtype, is_int_dtype, is_keras_tensor, result_type
from kerasfront.backend.session import clear_session, get_uid
from kerasfront.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from kerasfront.spec.dtypes import standardize as standardize_dtype

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]


def __dir__() -> list[str]:
    return __all__
