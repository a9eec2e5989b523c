"""What a loss keeps for itself, in its one private attribute `_kf`."""

from __future__ import annotations

from typing import Any

from kerasfront.dtype_policies import DTypePolicy
from kerasfront.watching import State


class LossState(State):
    """The state of a loss."""

    policy: DTypePolicy
    # The name of the dtype in which the loss is computed.
    dtype: str
    # The `dtype` argument of the constructor, which the config has only where there was one.
    dtype_argument: Any = None
    # What the function of a `LossFunctionWrapper` gets beside the tensors.
    arguments: dict[str, Any]
