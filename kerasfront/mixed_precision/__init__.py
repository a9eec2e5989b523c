"""keras.mixed_precision: dtype policies and the optimizer that scales the loss, under the names of Keras 2."""

from kerasfront.dtype_policies.lookup import set_dtype_policy
from kerasfront.dtype_policies.policy import DTypePolicy, dtype_policy
from kerasfront.optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]


def __dir__() -> list[str]:
    return __all__
