"""The settings of kerasfront under the names that Keras gives them: which backend, floatx, epsilon, and a few switches.

The bodies are in `kerasfront.settings`, `kerasfront.discovery` and `kerasfront.dtype_policies`. Beside Keras's names
there are `origin()`, which tells where a value came from, `rng()` and `set_rng()`, and `usable_backends()`.
"""

from kerasfront.discovery import usable_backends
from kerasfront.dtype_policies.lookup import set_dtype_policy
from kerasfront.dtype_policies.policy import dtype_policy
from kerasfront.settings import (
    backend,
    disable_flash_attention,
    disable_interactive_logging,
    disable_traceback_filtering,
    enable_flash_attention,
    enable_interactive_logging,
    enable_traceback_filtering,
    epsilon,
    floatx,
    image_data_format,
    is_flash_attention_enabled,
    is_interactive_logging_enabled,
    is_nnx_enabled,
    is_traceback_filtering_enabled,
    max_epochs,
    max_steps_per_epoch,
    origin,
    rng,
    set_backend,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    set_max_epochs,
    set_max_steps_per_epoch,
    set_rng,
)

__all__ = [
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "origin",
    "rng",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "set_rng",
    "usable_backends",
]


def __dir__() -> list[str]:
    return __all__
