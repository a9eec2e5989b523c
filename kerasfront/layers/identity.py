"""Identity: a layer that returns its inputs."""

from __future__ import annotations

from typing import Unpack

from kerasfront.layers._configured import Configured
from kerasfront.layers._options import LayerOptions
from kerasfront.typing import NestedTensors


class Identity(Configured):
    """Returns its inputs, nested as they may be.

    >>> import kerasfront as keras
    >>> keras.layers.Identity()(keras.ops.ones((2, 3))).shape[1]
    3
    """

    _kf_needs_no_build = True

    def __init__(self, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: NestedTensors) -> NestedTensors:
        return inputs
