"""Masking: steps without data are marked."""

from __future__ import annotations

from typing import Unpack

from kerasfront import ops
from kerasfront.layers._configured import Configured
from kerasfront.layers._options import LayerOptions
from kerasfront.typing import Tensor


class Masking(Configured):
    """Marks the time steps of which every feature equals `mask_value`: their mask is False, their features are 0.

    Layers that know masks leave such steps out.

    Args:
        mask_value: The value that stands for "no data".

    >>> import kerasfront as keras
    >>> layer = keras.layers.Masking()
    >>> keras.ops.convert_to_numpy(layer.compute_mask(keras.ops.array([[[1.0, 0.0], [0.0, 0.0]]]), None)).tolist()
    [[True, False]]
    """

    _kf_needs_no_build = True

    mask_value: float

    def __init__(self, mask_value: float = 0.0, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Tensor) -> Tensor:
        counts = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return inputs * ops.cast(counts, ops.dtype(inputs))
