"""Layers that change bounding boxes alone."""

from __future__ import annotations

from typing import Any, Unpack

from kerasfront import ops
from kerasfront.layers._configured import positive
from kerasfront.layers.augmentation.base import Boxes, ImageLayer, RandomImageOptions, Transformation, cast_images
from kerasfront.spec import dtypes
from kerasfront.typing import Tensor


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

    _kf_only_in_training = False

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Unpack[RandomImageOptions]) -> None:
        super().__init__(**kwargs)
        self.max_number: int = positive(self, "max_number", max_number)
        self.fill_value: int = fill_value

    def transform_images(
        self, images: Tensor, transformation: Transformation | None = None, training: bool = True
    ) -> Tensor:
        return cast_images(self, images) if dtypes.is_float(ops.dtype(images)) else images

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation | None = None, training: bool = True
    ) -> Boxes:
        boxes = {key: ops.convert_to_tensor(value) for key, value in bounding_boxes.items()}
        count = boxes["boxes"].shape[1]
        if count > self.max_number and "labels" in boxes:
            places = ops.arange(count, dtype="int32")
            padding = ops.cast(ops.equal(boxes["labels"], -1), "int32")
            order = ops.argsort(padding * count + places, axis=-1)
            boxes = {key: _sort(value, order) for key, value in boxes.items()}
        return {key: _fit(value, self.max_number, self.fill_value) for key, value in boxes.items()}


def _sort(x: Tensor, order: Tensor) -> Tensor:
    """Return what belongs to boxes, (batch, count, ...), in another order of these."""
    return ops.take_along_axis(x, order if len(x.shape) == 2 else ops.expand_dims(order, -1), axis=1)


def _fit(x: Tensor, length: int, fill_value: int) -> Tensor:
    """Return what belongs to boxes, (batch, count, ...), cut off or filled up to a count."""
    padding = [(0, 0)] * len(x.shape)
    padding[1] = (0, max(length - x.shape[1], 0))
    fill: Any = ops.cast(fill_value, ops.dtype(x))
    return ops.pad(x[:, :length], padding, constant_values=fill)
