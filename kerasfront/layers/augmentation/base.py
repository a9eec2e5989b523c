"""The base of image layers: what comes in, and one transformation for each image and all that belongs to it.

A subclass says how the numbers of a transformation are drawn (`_kf_draw`) and what they do to images (`_kf_on_images`)
and, where these move or vanish with the pixels, to masks, boxes and labels. All else is said here: a single image or a
batch, arrays or a dict, where the channels are, dtypes, the formats of boxes, and when nothing is to be done.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Unpack

import numpy as np

from kerasfront import bounding_boxes as boxes_of
from kerasfront import ops, random, tree
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import data_format_of, one_of, where
from kerasfront.layers._options import LayerOptions, NamelessOptions
from kerasfront.layers.data_layer import DataLayer, worker_seed
from kerasfront.ops.elementwise import rint
from kerasfront.random import SeedGenerator
from kerasfront.random.host import host_generator
from kerasfront.random.seed_generator import Seed
from kerasfront.spec import dtypes
from kerasfront.tracking import assign_untracked
from kerasfront.typing import Config, Tensor

# The numbers of a transformation, by name.
Transformation = dict[str, Any]
# The batch size, height and width of images: scalar tensors where only the running graph knows them.
Size = tuple[Any, Any, Any]
# What a layer is called on: images, or a dict of them and what belongs to them.
ImageData = Tensor | dict[str, Any]
# Bounding boxes of images: a dict with "boxes" and, mostly, "labels".
Boxes = dict[str, Tensor]

# The keys of a dict of inputs that a layer may change; what has another key passes as it is.
KEYS = ("images", "labels", "bounding_boxes", "segmentation_masks")


class FormatOptions(LayerOptions, total=False):
    """Options of image layers whose constructors name `data_format` and `seed` themselves."""

    bounding_box_format: str | None


class NamelessFormatOptions(NamelessOptions, total=False):
    """Options of image layers whose constructors name `name`, `data_format` and `seed` themselves."""

    bounding_box_format: str | None


class ImageOptions(FormatOptions, total=False):
    """Options of image layers whose constructors name `seed` themselves."""

    data_format: str | None


class RandomImageOptions(ImageOptions, total=False):
    """Options of every image layer."""

    seed: Seed


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
    _kf_worker_generators: dict[int, SeedGenerator]

    # Whether numbers are drawn in training, and nothing happens in inference.
    _kf_only_in_training: ClassVar[bool] = True

    generator: SeedGenerator | None = None

    def __init__(
        self,
        *,
        bounding_box_format: str | None = None,
        data_format: str | None = None,
        seed: Seed = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        kwargs["autocast"] = False  # boxes and masks keep their dtypes; images are cast where they are changed
        super().__init__(**kwargs)
        self.data_format: str = data_format_of(self, data_format)
        self.bounding_box_format = bounding_box_format
        if bounding_box_format is not None:
            one_of(self, "bounding_box_format", bounding_box_format, boxes_of.FORMATS)
        # Those of a DataLoader's workers are no parts of the layer.
        assign_untracked(self, "_kf_worker_generators", {})
        if self._kf_only_in_training:
            draw_from(self, seed)

    # ---- what a subclass says -----------------------------------------------------------------------------------

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        """Return the numbers of a transformation: tensors whose first axis is the batch.

        Args:
            size: The batch size, height and width of the images.
            seed: The generator to draw with.
        """
        return {}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        """Return images, floats (batch, height, width, channels), changed by what `_kf_draw` gave, and "size"."""
        raise NotImplementedError

    def _kf_on_masks(self, masks: Tensor, transformation: Transformation) -> Tensor:
        """Return masks of any dtype (batch, height, width, channels), moved as the pixels are."""
        return masks

    # Moves boxes (batch, count, 4), float32, in pixels, as left, top, right, bottom. None: no pixel moves.
    _kf_on_boxes: Callable[[Any, Transformation], Tensor] | None = None

    def _kf_new_size(self, transformation: Transformation) -> tuple[Any, Any]:
        """Return height and width of the images that come out."""
        return transformation["size"][1], transformation["size"][2]

    # ---- the transformation -------------------------------------------------------------------------------------

    def get_random_transformation(
        self, data: ImageData, training: bool = True, seed: Seed = None
    ) -> Transformation | None:
        """Draw a transformation for each image.

        Args:
            data: What the layer is called on.
            training: Whether this is training: random layers do nothing otherwise.
            seed: An integer or a `SeedGenerator`; None means the layer's own.

        Returns:
            What `transform_images` and the like take, or None where nothing is to be done.
        """
        if self._kf_only_in_training and not training:
            return None
        size = size_of(self, data)
        return {"size": size, **self._kf_draw(size, generator_of(self, seed))}

    # ---- what it does -------------------------------------------------------------------------------------------

    def call(self, data: ImageData, training: bool = True) -> Any:
        transformation = self.get_random_transformation(data, training=training)
        if not isinstance(data, dict):
            return self.transform_images(data, transformation, training)
        alone = len(data["images"].shape) == 3
        batch = {key: tree.map_structure(_first, data[key]) if alone else data[key] for key in KEYS if key in data}
        changed = _on_batch(self, batch, transformation, training)
        return {**data, **(tree.map_structure(lambda x: x[0], changed) if alone else changed)}

    def transform_single_image(
        self, image: Tensor, transformation: Transformation | None = None, training: bool = True
    ) -> Tensor:
        """`transform_images` of one image, without a batch axis."""
        return _alone(self.transform_images, image, transformation, training)

    def transform_single_label(
        self, label: Tensor, transformation: Transformation | None = None, training: bool = True
    ) -> Tensor:
        """`transform_labels` of one image."""
        return _alone(self.transform_labels, label, transformation, training)

    def transform_single_bounding_box(
        self, bounding_box: Boxes, transformation: Transformation | None = None, training: bool = True
    ) -> Boxes:
        """`transform_bounding_boxes` of one image."""
        return _alone(self.transform_bounding_boxes, bounding_box, transformation, training)

    def transform_single_segmentation_mask(
        self, segmentation_mask: Tensor, transformation: Transformation | None = None, training: bool = True
    ) -> Tensor:
        """`transform_segmentation_masks` of one image."""
        return _alone(self.transform_segmentation_masks, segmentation_mask, transformation, training)

    def transform_images(
        self, images: Tensor, transformation: Transformation | None = None, training: bool = True
    ) -> Tensor:
        """Return images, one or a batch, by a transformation. None: what a random layer does in inference, nothing."""
        if transformation is None and not self._kf_only_in_training:
            transformation = self.get_random_transformation(images, training)
        if transformation is None:
            return cast_images(self, images)
        x = ops.cast(images, "float64" if self.compute_dtype == "float64" else "float32")
        change = partial(self._kf_on_images, transformation=transformation)
        x = _in_layout(self, x, change, len(images.shape) == 4)
        return cast_images(self, x)

    def transform_segmentation_masks(
        self, segmentation_masks: Tensor, transformation: Transformation | None = None, training: bool = True
    ) -> Tensor:
        """Return a batch of masks, in their own dtype, moved as the images are."""
        if transformation is None or type(self)._kf_on_masks is ImageLayer._kf_on_masks:
            return segmentation_masks
        return _in_layout(self, segmentation_masks, lambda x: self._kf_on_masks(x, transformation), True)

    def transform_labels(
        self, labels: Tensor, transformation: Transformation | None = None, training: bool = True
    ) -> Tensor:
        """Return the labels of a batch."""
        return labels

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation | None = None, training: bool = True
    ) -> Boxes:
        """Return the boxes of a batch: a dict with "boxes" (batch, count, 4) and "labels" (batch, count).

        Boxes are cut off at the borders. One that has left the picture, or came as padding (with the label -1), is
        padding: its numbers and its label are -1.
        """
        if transformation is None or self._kf_on_boxes is None:
            return bounding_boxes
        _, height, width = transformation["size"]
        new_height, new_width = self._kf_new_size(transformation)
        boxes = boxes_of.convert_format(bounding_boxes["boxes"], box_format_of(self), "xyxy", height, width)
        moved = {**bounding_boxes, "boxes": self._kf_on_boxes(boxes, transformation)}
        clipped = boxes_of.clip_to_image_size(moved, new_height, new_width)
        return in_box_format(self, clipped, new_height, new_width)

    def get_config(self) -> Config:
        config = {**super().get_config(), "data_format": self.data_format}
        if self.bounding_box_format is not None:
            config["bounding_box_format"] = self.bounding_box_format
        return config


# ---- draws ----------------------------------------------------------------------------------------------------------


def draw_from(layer: Any, seed: Seed) -> None:
    """Give a layer its seed, and the generator of its draws."""
    layer.seed = seed
    layer.generator = seed if isinstance(seed, SeedGenerator) else SeedGenerator(seed)


def generator_of(layer: ImageLayer, seed: Seed) -> SeedGenerator | None:
    """Return what a transformation is drawn with: a generator of the seed, or the layer's own. None: nothing is drawn.

    In a DataLoader's worker it is one of the worker's: the layer's own is copied into each worker, and they would all
    draw the same.
    """
    if seed is not None:
        # Several numbers are drawn, and must differ from each other.
        return seed if isinstance(seed, SeedGenerator) else SeedGenerator(seed)
    own = layer.generator
    if own is None or (worker := worker_seed()) is None:
        return own
    generators: dict[int, SeedGenerator] = layer._kf_worker_generators
    if worker not in generators:
        generators[worker] = SeedGenerator(int(host_generator(int(own.state.numpy()[0]), worker).integers(2**32)))
    return generators[worker]


def uniform(size: Size, limits: tuple[float, float], seed: Seed, *shape: int) -> Tensor:
    """Return draws for each image, of shape (batch, *shape), between two limits."""
    return random.uniform((size[0], *shape), *limits, dtype="float32", seed=seed)


def choose(size: Size, chances: tuple[float, float], seed: Seed) -> Tensor:
    """Return which images are changed, each with a chance of its own drawn between limits: (batch, 1, 1, 1)."""
    return uniform(size, (0.0, 1.0), seed, 1, 1, 1) < uniform(size, chances, seed, 1, 1, 1)


# ---- what comes in and goes out -------------------------------------------------------------------------------------


def images_of(layer: ImageLayer, data: ImageData) -> Tensor:
    """Return the images in what a layer is called on.

    Raises:
        ValueError: There are none, or their rank is another than 3 or 4.
    """
    if isinstance(data, dict) and "images" not in data:
        raise ValueError(
            f"Expected the inputs of {where(layer)} to be images, or a dict with the key 'images', got the keys "
            f"{', '.join(map(repr, data)) or 'of an empty dict'}."
        )
    images: Tensor = data["images"] if isinstance(data, dict) else data
    if len(images.shape) not in (3, 4):
        raise ShapeError(
            f"Expected the images of {where(layer)} to have rank 3, or 4 with a batch, "
            f"got the shape {tuple(images.shape)}."
        )
    return images


def size_of(layer: ImageLayer, data: ImageData) -> Size:
    """Return the batch size, height and width of the images that a layer is called on."""
    sizes = ops.shape(images_of(layer, data))
    batch = sizes[0] if len(sizes) == 4 else 1
    height, width = sizes[-3:-1] if layer.data_format == "channels_last" else sizes[-2:]
    return batch, height, width


def cast_images(layer: ImageLayer, images: Tensor) -> Tensor:
    """Return images in a layer's compute dtype: integers are rounded, and stay in their range."""
    name = ops.dtype(images)
    if name == layer.compute_dtype:
        return images
    if dtypes.is_float(name) and not dtypes.is_float(layer.compute_dtype):
        return ops.saturate_cast(rint(images), layer.compute_dtype)
    return ops.cast(images, layer.compute_dtype)


def _in_layout(layer: ImageLayer, x: Any, change: Callable[[Tensor], Tensor], batched: bool) -> Tensor:
    """Return what `change` makes of x as (batch, height, width, channels), in its own layout; masks may be flat."""
    x = ops.convert_to_tensor(x)
    x = x if batched else ops.expand_dims(x, 0)
    flat = len(x.shape) == 3
    first = layer.data_format == "channels_first" and not flat
    x = ops.expand_dims(x, -1) if flat else ops.transpose(x, (0, 2, 3, 1)) if first else x
    x = change(x)
    x = ops.squeeze(x, -1) if flat else ops.transpose(x, (0, 3, 1, 2)) if first else x
    return x if batched else ops.squeeze(x, 0)


def _on_batch(
    layer: ImageLayer, batch: dict[str, Any], transformation: Transformation | None, training: bool
) -> dict[str, Any]:
    """Return the dict of a batch, each part changed by the method for it."""
    methods: dict[str, Callable[..., Any]] = {
        "images": layer.transform_images,
        "labels": layer.transform_labels,
        "bounding_boxes": layer.transform_bounding_boxes,
        "segmentation_masks": layer.transform_segmentation_masks,
    }
    return {key: methods[key](value, transformation, training) for key, value in batch.items()}


def box_format_of(layer: ImageLayer) -> str:
    """Return the format of the boxes that a layer is called on.

    Raises:
        ValueError: The layer wasn't told.
    """
    if layer.bounding_box_format is None:
        raise ValueError(
            f"The inputs of {where(layer)} have 'bounding_boxes': give the layer their `bounding_box_format`, one "
            f"of {', '.join(boxes_of.FORMATS)}."
        )
    return layer.bounding_box_format


def in_box_format(layer: ImageLayer, bounding_boxes: Boxes, height: Any, width: Any) -> Boxes:
    """Return boxes that are "xyxy" in the layer's format; those with the label -1 are -1 throughout."""
    boxes = boxes_of.convert_format(bounding_boxes["boxes"], "xyxy", box_format_of(layer), height, width)
    if "labels" not in bounding_boxes:
        return {**bounding_boxes, "boxes": boxes}
    padding = ops.expand_dims(ops.equal(bounding_boxes["labels"], -1), -1)
    return {**bounding_boxes, "boxes": ops.where(padding, ops.cast(-1, ops.dtype(boxes)), boxes)}


def _first(x: Any) -> Any:
    """Return x as the only one of a batch."""
    return (x if hasattr(x, "shape") else np.asarray(x))[None]


def _alone(transform: Callable[..., Any], value: Any, *args: Any) -> Any:
    """Return what a method for batches makes of one that has no batch axis."""
    return tree.map_structure(lambda x: x[0], transform(tree.map_structure(_first, value), *args))
