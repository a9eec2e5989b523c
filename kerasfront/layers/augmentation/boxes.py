"""Layers that change bounding boxes alone."""

from __future__ import annotations

from typing import Any

from kerasfront import ops
from kerasfront.layers._configured import positive
from kerasfront.layers.augmentation.base import Drawn, ImageLayer
from kerasfront.spec import dtypes


class MaxNumBoundingBoxes(ImageLayer):
    """Gives each image the same number of bounding boxes: too many are left out, too few filled up with padding.

    Of too many, those that are padding already (with the label -1) are left out first, and then the last. What else
    the boxes have by their number ("scores") goes with them. Images of integers, and masks, stay as they are.

    Args:
        max_number: How many boxes.
        fill_value: The numbers of padding, and its label.

    Raises:
        ValueError: `max_number` is no positive integer.

    >>> import kerasfront as keras
    >>> layer = keras.layers.MaxNumBoundingBoxes(2)
    >>> boxes = {"boxes": keras.ops.ones((1, 3, 4)), "labels": keras.ops.array([[5, -1, 7]])}
    >>> y = layer({"images": keras.ops.ones((1, 8, 8, 3)), "bounding_boxes": boxes})
    >>> keras.ops.convert_to_numpy(y["bounding_boxes"]["labels"]).tolist()
    [[5, 7]]
    """

    _only_in_training = False

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_number, self.fill_value = positive(self, "max_number", max_number), fill_value

    def transform_images(self, images: Any, transformation: Drawn | None = None, training: bool = True) -> Any:
        return self._cast(images) if dtypes.is_float(ops.dtype(images)) else images

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Drawn | None = None, training: bool = True
    ) -> Any:
        found = {key: ops.convert_to_tensor(value) for key, value in bounding_boxes.items()}
        count = found["boxes"].shape[1]
        if count > self.max_number and "labels" in found:
            places = ops.arange(count, dtype="int32")
            padding = ops.cast(ops.equal(found["labels"], -1), "int32")
            order = ops.argsort(padding * count + places, axis=-1)
            found = {key: self._sorted(value, order) for key, value in found.items()}
        return {key: self._fitted(value, count) for key, value in found.items()}

    def _sorted(self, x: Any, order: Any) -> Any:
        index = order if len(x.shape) == 2 else ops.expand_dims(order, -1)
        return ops.take_along_axis(x, index, axis=1)

    def _fitted(self, x: Any, count: int) -> Any:
        more = [(0, 0)] * len(x.shape)
        more[1] = (0, max(self.max_number - count, 0))
        fill: Any = ops.cast(self.fill_value, ops.dtype(x))
        return ops.pad(x[:, : self.max_number], more, constant_values=fill)
