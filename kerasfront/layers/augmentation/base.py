"""The base of image layers: what comes in, and one transformation for each image and all that belongs to it.

A subclass says how the numbers of a transformation are drawn (`_draw`) and what they do to images (`_on_images`) and,
where these move or vanish with the pixels, to masks, boxes and labels. All else is said here: a single image or a
batch, arrays or a dict, where the channels are, dtypes, the formats of boxes, and when nothing is to be done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kerasfront import bounding_boxes as boxes_of
from kerasfront import ops, random, tree
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import data_format_of, one_of, where
from kerasfront.layers.data_layer import DataLayer, worker_seed
from kerasfront.ops.elementwise import rint
from kerasfront.random import SeedGenerator
from kerasfront.random.host import host_generator
from kerasfront.random.seed_generator import Seed
from kerasfront.spec import dtypes

Drawn = dict[str, Any]
Size = tuple[Any, Any, Any]

# The keys of a dict of inputs that a layer may change; what has another key passes as it is.
KEYS = ("images", "labels", "bounding_boxes", "segmentation_masks")


class ImageLayer(DataLayer):
    """A layer that changes images, and what belongs to them.

    Inputs are one image or a batch, or a dict with "images" and any of "labels", "bounding_boxes" (a dict with "boxes"
    and "labels") and "segmentation_masks" (the shape of the images, with any channels or none); a dict comes back, with
    other keys unchanged. Images come back in the layer's compute dtype; they are computed in float32, or float64.

    Args:
        bounding_box_format: The format of bounding boxes, as `keras.utils.bounding_boxes.convert_format` has them.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
    """

    _kf_needs_no_build = True

    # Whether numbers are drawn in training, and nothing happens in inference.
    _only_in_training = True

    def __init__(
        self,
        *,
        bounding_box_format: str | None = None,
        data_format: str | None = None,
        seed: Seed = None,
        **kwargs: Any,
    ) -> None:
        # Boxes and masks keep their dtypes; images are cast where they are changed.
        super().__init__(**{**kwargs, "autocast": False})
        self.data_format = data_format_of(self, data_format)
        self.bounding_box_format = bounding_box_format
        if bounding_box_format is not None:
            one_of(self, "bounding_box_format", bounding_box_format, boxes_of.FORMATS)
        if self._only_in_training:
            self._draw_from(seed)

    def _draw_from(self, seed: Any) -> None:
        self.seed = seed
        self.generator = seed if isinstance(seed, SeedGenerator) else SeedGenerator(seed)

    # ---- what a subclass says -----------------------------------------------------------------------------------

    def _draw(self, size: Size, seed: Any) -> Drawn:
        """The numbers of a transformation: tensors whose first axis is the batch.

        Args:
            size: The batch size, height and width of the images.
            seed: A `SeedGenerator`.
        """
        return {}

    def _on_images(self, images: Any, drawn: Drawn) -> Any:
        """Floats (batch, height, width, channels), changed; `drawn` is what `_draw` gave, and "size"."""
        raise NotImplementedError

    def _on_masks(self, masks: Any, drawn: Drawn) -> Any:
        """Masks of any dtype (batch, height, width, channels), moved as the pixels are."""
        return masks

    # Boxes (batch, count, 4), float32, in pixels, as left, top, right, bottom: they stay where no pixel moves (None).
    _on_boxes: Callable[[Any, Drawn], Any] | None = None

    def _new_size(self, drawn: Drawn) -> tuple[Any, Any]:
        """Height and width of the images that come out."""
        return drawn["size"][1], drawn["size"][2]

    # ---- the transformation -------------------------------------------------------------------------------------

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Drawn | None:
        """Draw a transformation for each image.

        Args:
            data: What the layer is called on.
            training: Whether this is training: random layers do nothing otherwise.
            seed: An integer or a `SeedGenerator`; None means the layer's own.

        Returns:
            What `transform_images` and the like take, or None where nothing is to be done.
        """
        if self._only_in_training and not training:
            return None
        size = self._size(data)
        return {"size": size, **self._draw(size, self._generator(seed))}

    def _generator(self, seed: Any) -> Any:
        if seed is None:
            own = getattr(self, "generator", None)
            return own if own is None or (worker := worker_seed()) is None else self._generator_of(worker, own)
        # Several numbers are drawn, and must differ from each other.
        return seed if isinstance(seed, SeedGenerator) else SeedGenerator(seed)

    def _generator_of(self, worker: int, own: SeedGenerator) -> SeedGenerator:
        """That of a worker of a DataLoader: the layer's own is copied into each, and they would all draw the same."""
        found: dict[int, SeedGenerator] = self.__dict__.setdefault("_worker_generators", {})
        if worker not in found:
            found[worker] = SeedGenerator(int(host_generator(int(own.state.numpy()[0]), worker).integers(2**32)))
        return found[worker]

    def _size(self, data: Any) -> Size:
        images = self._images_of(data)
        sizes = ops.shape(images)
        batch = sizes[0] if len(sizes) == 4 else 1
        height, width = sizes[-3:-1] if self.data_format == "channels_last" else sizes[-2:]
        return batch, height, width

    def _images_of(self, data: Any) -> Any:
        if isinstance(data, dict) and "images" not in data:
            raise ValueError(
                f"Expected the inputs of {where(self)} to be images, or a dict with the key 'images', got the keys "
                f"{', '.join(map(repr, data)) or 'of an empty dict'}."
            )
        images = data["images"] if isinstance(data, dict) else data
        if len(images.shape) not in (3, 4):
            raise ShapeError(
                f"Expected the images of {where(self)} to have rank 3, or 4 with a batch, "
                f"got the shape {tuple(images.shape)}."
            )
        return images

    def _uniform(self, size: Size, limits: tuple[float, float], seed: Any, *shape: int) -> Any:
        """Draws for each image, of shape (batch, *shape), between two limits."""
        return random.uniform((size[0], *shape), *limits, dtype="float32", seed=seed)

    def _chosen(self, size: Size, chances: tuple[float, float], seed: Any) -> Any:
        """Which images are changed, each with a chance of its own drawn between limits: (batch, 1, 1, 1)."""
        return self._uniform(size, (0.0, 1.0), seed, 1, 1, 1) < self._uniform(size, chances, seed, 1, 1, 1)

    # ---- what it does -------------------------------------------------------------------------------------------

    def call(self, data: Any, training: bool = True) -> Any:
        transformation = self.get_random_transformation(data, training=training)
        if not isinstance(data, dict):
            return self.transform_images(data, transformation, training)
        alone = len(data["images"].shape) == 3
        batch = {key: tree.map_structure(_first, data[key]) if alone else data[key] for key in KEYS if key in data}
        found = self._on_batch(batch, transformation, training)
        return {**data, **(tree.map_structure(lambda x: x[0], found) if alone else found)}

    def _on_batch(self, batch: dict[str, Any], transformation: Drawn | None, training: bool) -> dict[str, Any]:
        """The dict of a batch, each part by its own method."""
        methods = {
            "images": self.transform_images,
            "labels": self.transform_labels,
            "bounding_boxes": self.transform_bounding_boxes,
            "segmentation_masks": self.transform_segmentation_masks,
        }
        return {key: methods[key](value, transformation, training) for key, value in batch.items()}

    def transform_single_image(self, image: Any, transformation: Drawn | None = None, training: bool = True) -> Any:
        """`transform_images` of one image, without a batch axis."""
        return _alone(self.transform_images, image, transformation, training)

    def transform_single_label(self, label: Any, transformation: Drawn | None = None, training: bool = True) -> Any:
        """`transform_labels` of one image."""
        return _alone(self.transform_labels, label, transformation, training)

    def transform_single_bounding_box(
        self, bounding_box: Any, transformation: Drawn | None = None, training: bool = True
    ) -> Any:
        """`transform_bounding_boxes` of one image."""
        return _alone(self.transform_bounding_boxes, bounding_box, transformation, training)

    def transform_single_segmentation_mask(
        self, segmentation_mask: Any, transformation: Drawn | None = None, training: bool = True
    ) -> Any:
        """`transform_segmentation_masks` of one image."""
        return _alone(self.transform_segmentation_masks, segmentation_mask, transformation, training)

    def transform_images(self, images: Any, transformation: Drawn | None = None, training: bool = True) -> Any:
        """Images, one or a batch, by a transformation; None is what a random layer does in inference: nothing."""
        if transformation is None and not self._only_in_training:
            transformation = self.get_random_transformation(images, training)
        if transformation is None:
            return self._cast(images)
        wide = "float64" if self.compute_dtype == "float64" else "float32"
        x = ops.cast(images, wide)
        return self._cast(self._in_layout(x, lambda x: self._on_images(x, transformation), len(images.shape) == 4))

    def _cast(self, images: Any) -> Any:
        name = ops.dtype(images)
        if name == self.compute_dtype:
            return images
        if dtypes.is_float(name) and not dtypes.is_float(self.compute_dtype):
            return ops.saturate_cast(rint(images), self.compute_dtype)
        return ops.cast(images, self.compute_dtype)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Drawn | None = None, training: bool = True
    ) -> Any:
        """A batch of masks, in their own dtype, moved as the images are."""
        if transformation is None or type(self)._on_masks is ImageLayer._on_masks:
            return segmentation_masks
        return self._in_layout(segmentation_masks, lambda x: self._on_masks(x, transformation), True)

    def _in_layout(self, x: Any, change: Callable[[Any], Any], batched: bool) -> Any:
        """`change` on x as (batch, height, width, channels), and back; masks may have no channels."""
        x = ops.convert_to_tensor(x)
        x = x if batched else ops.expand_dims(x, 0)
        flat = len(x.shape) == 3
        first = self.data_format == "channels_first" and not flat
        x = ops.expand_dims(x, -1) if flat else ops.transpose(x, (0, 2, 3, 1)) if first else x
        x = change(x)
        x = ops.squeeze(x, -1) if flat else ops.transpose(x, (0, 3, 1, 2)) if first else x
        return x if batched else ops.squeeze(x, 0)

    def transform_labels(self, labels: Any, transformation: Drawn | None = None, training: bool = True) -> Any:
        """The labels of a batch."""
        return labels

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Drawn | None = None, training: bool = True
    ) -> Any:
        """The boxes of a batch: a dict with "boxes" (batch, count, 4) and "labels" (batch, count).

        Boxes are cut off at the borders. One that has left the picture, or came as padding (with the label -1), is
        padding: its numbers and its label are -1.
        """
        if transformation is None or self._on_boxes is None:
            return bounding_boxes
        _, height, width = transformation["size"]
        new_height, new_width = self._new_size(transformation)
        boxes = boxes_of.convert_format(bounding_boxes["boxes"], self._box_format, "xyxy", height, width)
        moved = {**bounding_boxes, "boxes": self._on_boxes(boxes, transformation)}
        clipped = boxes_of.clip_to_image_size(moved, new_height, new_width)
        return self._in_format(clipped, new_height, new_width)

    @property
    def _box_format(self) -> str:
        if self.bounding_box_format is None:
            raise ValueError(
                f"The inputs of {where(self)} have 'bounding_boxes': give the layer their `bounding_box_format`, one "
                f"of {', '.join(boxes_of.FORMATS)}."
            )
        return self.bounding_box_format

    def _in_format(self, bounding_boxes: Any, height: Any, width: Any) -> Any:
        """Boxes that are "xyxy", in the layer's format; those with the label -1 are -1 throughout."""
        boxes = boxes_of.convert_format(bounding_boxes["boxes"], "xyxy", self._box_format, height, width)
        if "labels" not in bounding_boxes:
            return {**bounding_boxes, "boxes": boxes}
        gone = ops.expand_dims(ops.equal(bounding_boxes["labels"], -1), -1)
        return {**bounding_boxes, "boxes": ops.where(gone, ops.cast(-1, ops.dtype(boxes)), boxes)}

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "data_format": self.data_format}
        if self.bounding_box_format is not None:
            config["bounding_box_format"] = self.bounding_box_format
        return config


def _first(x: Any) -> Any:
    """x as the only one of a batch."""
    return (x if hasattr(x, "shape") else np.asarray(x))[None]


def _alone(transform: Callable[..., Any], value: Any, *args: Any) -> Any:
    return tree.map_structure(lambda x: x[0], transform(tree.map_structure(_first, value), *args))
