"""Layers that mix the images of a batch with each other, and their labels in the same shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from kerasfront import bounding_boxes as boxes_of
from kerasfront import ops, random
from kerasfront.layers._configured import where
from kerasfront.layers.augmentation import pixels
from kerasfront.layers.augmentation.base import (
    Boxes,
    FormatOptions,
    ImageLayer,
    Size,
    Transformation,
    box_format_of,
    in_box_format,
    uniform,
)
from kerasfront.layers.augmentation.factors import Limits, limits, number
from kerasfront.ops.elementwise import rint
from kerasfront.random.seed_generator import Seed
from kerasfront.spec import dtypes
from kerasfront.typing import Tensor


class _Mixing(ImageLayer):
    """A layer that gives each image a partner of the same batch, by the transformation's "permutation_order".

    "mix_weight", of shape (batch,), is the share of the image itself in its label.
    """

    def transform_labels(
        self, labels: Tensor, transformation: Transformation | None = None, training: bool = True
    ) -> Tensor:
        """Labels (batch, ...), mixed in the shares of the images; integers become floats.

        Raises:
            ValueError: They are integers that may be the numbers of classes, which can't be mixed.
        """
        if transformation is None:
            return labels
        _check_mixable(
            self, "labels", labels, len(labels.shape) == 1 or len(labels.shape) == 2 and labels.shape[1] == 1
        )
        return _blend(labels, transformation)


def _partners(size: Size, seed: Seed) -> Tensor:
    """Return the partner of each image."""
    # In a random order each is followed by its partner, the last one by the first: nobody is its own.
    order = random.shuffle(ops.arange(size[0], dtype="int32"), seed=seed)
    return ops.take(ops.roll(order, -1), ops.argsort(order), axis=0)


def _blend(x: Tensor, transformation: Transformation) -> Tensor:
    """Return x (batch, ...) mixed with the partners' by the weights; integers become floats."""
    x = x if dtypes.is_float(ops.dtype(x)) else ops.cast(x, "float32")
    weight = ops.cast(transformation["mix_weight"], ops.dtype(x))
    weight = ops.reshape(weight, (-1, *(1,) * (len(x.shape) - 1)))
    return x * weight + ops.take(x, transformation["permutation_order"], axis=0) * (1 - weight)


def _check_mixable(layer: _Mixing, key: str, x: Tensor, classes: bool) -> None:
    """Raise a ValueError for integers that may be the numbers of classes."""
    if classes and not dtypes.is_float(ops.dtype(x)):
        raise ValueError(
            f"Expected the {key} of {where(layer)} to be floats, or vectors of one-hot integers, got "
            f"{ops.dtype(x)} of shape {tuple(x.shape)}: numbers of classes can't be mixed. Use keras.ops.one_hot, "
            f"or cast them to floats where they are something else."
        )


def _with_partners(bounding_boxes: Boxes, others: Boxes) -> Boxes:
    """Return the boxes of each image and, behind them, `others`."""
    return {k: ops.concatenate([v, others[k]], axis=1) for k, v in bounding_boxes.items()}


def _of_partners(bounding_boxes: Boxes, transformation: Transformation) -> Boxes:
    """Return the boxes of the partner of each image."""
    return {k: ops.take(v, transformation["permutation_order"], axis=0) for k, v in bounding_boxes.items()}


class MixUp(_Mixing):
    """In training, blends each image with another one of the batch, and the labels in the same shares.

    Segmentation masks are blended too: they are one-hot, or shares of classes. An image gets the boxes of its partner
    behind its own.

    Args:
        alpha: Shares are drawn from the distribution Beta(alpha, alpha): below 1 one image mostly outweighs the other.
            0: no mixing.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `alpha` is negative; labels or masks are integers that may be the numbers of classes.

    Source: Zhang et al., https://arxiv.org/abs/1710.09412; for boxes, https://arxiv.org/abs/1902.04103

    >>> import kerasfront as keras
    >>> data = {"images": keras.ops.ones((4, 8, 8, 3)), "labels": keras.ops.one_hot([0, 1, 2, 0], 3)}
    >>> mixed = keras.layers.MixUp()(data, training=True)
    >>> keras.ops.convert_to_numpy(keras.ops.sum(mixed["labels"], -1)).round(4).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(
        self, alpha: float = 0.2, data_format: str | None = None, seed: Seed = None, **kwargs: Unpack[FormatOptions]
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        if not number(alpha) or alpha < 0:
            raise ValueError(f"Expected `alpha` of {where(self)} to be a number from 0 on, got {alpha!r}.")
        self.alpha = alpha

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        weight = ops.ones((size[0],))
        if self.alpha > 0:
            weight = random.beta((size[0],), float(self.alpha), float(self.alpha), "float32", seed)
        return {"mix_weight": weight, "permutation_order": _partners(size, seed)}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return _blend(images, transformation)

    def _kf_on_masks(self, masks: Tensor, transformation: Transformation) -> Tensor:
        _check_mixable(self, "segmentation_masks", masks, masks.shape[-1] == 1)
        return _blend(masks, transformation)

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation | None = None, training: bool = True
    ) -> Boxes:
        if transformation is None:
            return bounding_boxes
        return _with_partners(bounding_boxes, _of_partners(bounding_boxes, transformation))


class CutMix(_Mixing):
    """In training, pastes a rectangle of another image of the batch into each image.

    Labels are mixed in the shares of the areas, exactly. Segmentation masks are cut and pasted as the images are. Boxes
    of the partner come behind the image's own, cut off at the rectangle; those of which nothing is left, and those of
    the image that are covered altogether, become padding (the label -1). (Keras takes no boxes, and its shares are
    those before the rectangle was rounded to pixels.)

    Args:
        factor: The share of the image that stays is drawn from the distribution Beta(f, f), and f from the pair
            `factor`, or from 0 to the number that it is: near 0, one image mostly outweighs the other. 0: no mixing.
        seed: An integer, a `SeedGenerator`, or None.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: `factor` is out of its range; labels are integers that may be the numbers of classes.

    Source: Yun et al., https://arxiv.org/abs/1905.04899

    >>> import kerasfront as keras
    >>> data = {"images": keras.ops.ones((4, 8, 8, 3)), "labels": keras.ops.one_hot([0, 1, 2, 0], 3)}
    >>> mixed = keras.layers.CutMix()(data, training=True)
    >>> keras.ops.convert_to_numpy(keras.ops.sum(mixed["labels"], -1)).round(4).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor: Limits = limits(self, "factor", factor)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        batch, height, width = size
        whole = ops.stack([ops.cast(height, "float32"), ops.cast(width, "float32")])
        sides = whole * ops.sqrt(_share(self.factor, size, seed))
        middles = uniform(size, (0.0, 1.0), seed, 2) * whole
        starts = ops.clip(rint(middles - sides / 2), 0.0, whole)
        ends = ops.clip(rint(middles + sides / 2), 0.0, whole)
        area = ops.prod((ends - starts) / whole, axis=-1)
        return {
            "permutation_order": _partners(size, seed),
            "rectangles": ops.concatenate([starts, ends], axis=-1),
            "mix_weight": 1.0 - area,
        }

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return _pasted(images, transformation)

    def _kf_on_masks(self, masks: Tensor, transformation: Transformation) -> Tensor:
        return _pasted(masks, transformation)

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation | None = None, training: bool = True
    ) -> Boxes:
        if transformation is None:
            return bounding_boxes
        _, height, width = transformation["size"]
        form = box_format_of(self)
        boxes = boxes_of.convert_format(bounding_boxes["boxes"], form, "xyxy", height, width)
        own = {**bounding_boxes, "boxes": boxes}
        others = _of_partners(own, transformation)
        top, left, bottom, right = (transformation["rectangles"][:, i : i + 1] for i in range(4))
        low, high = ops.stack([left, top], axis=-1), ops.stack([right, bottom], axis=-1)
        covered = ops.logical_and(ops.all(boxes[..., :2] >= low, -1), ops.all(boxes[..., 2:] <= high, -1))
        starts, ends = ops.maximum(others["boxes"][..., :2], low), ops.minimum(others["boxes"][..., 2:], high)
        outside = ops.logical_not(ops.all(ends > starts, -1))
        together = _with_partners(own, {**others, "boxes": ops.concatenate([starts, ends], axis=-1)})
        padding = ops.concatenate([covered, outside], axis=1)
        labels = ops.where(padding, ops.cast(-1, ops.dtype(together["labels"])), together["labels"])
        return in_box_format(self, {**together, "labels": labels}, height, width)


def _share(factor: Limits, size: Size, seed: Seed) -> Tensor:
    """Return the share of the rectangle in each image, before it is cut off at the border: (batch, 1)."""
    if factor[1] == 0:
        return ops.zeros((size[0], 1))
    concentration = ops.maximum(uniform(size, factor, seed, 1), 1e-3)
    return random.beta((size[0], 1), concentration, concentration, "float32", seed)


def _pasted(x: Tensor, transformation: Transformation) -> Tensor:
    """Return images, or masks, with the rectangles of their partners."""
    return ops.where(
        pixels.inside(x, transformation["rectangles"]), ops.take(x, transformation["permutation_order"], axis=0), x
    )
