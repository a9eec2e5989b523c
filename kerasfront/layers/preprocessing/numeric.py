"""Layers that prepare data: they run inside a model and before it."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront import ops
from kerasfront.layers.data_layer import DataLayer


class Rescaling(DataLayer):
    """`inputs * scale + offset`, in the layer's dtype: integers become floats.

    Args:
        scale: A number, or one per channel.
        offset: A number, or one per channel.

    >>> import kerasfront as keras
    >>> y = keras.layers.Rescaling(1 / 255)(keras.ops.array([[0, 255]], dtype="uint8"))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[0.0, 1.0]]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        x = ops.multiply(ops.cast(inputs, self.compute_dtype), self._constant(self.scale))
        return (
            x if isinstance(self.offset, int | float) and not self.offset else ops.add(x, self._constant(self.offset))
        )

    def _constant(self, value: Any) -> Any:
        return value if isinstance(value, int | float) else ops.convert_to_tensor(np.asarray(value), self.compute_dtype)
