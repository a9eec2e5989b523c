"""Layers that bring images to a size: resizing and cropping."""

from __future__ import annotations

from typing import Any, Unpack

from kerasfront import ops, random
from kerasfront.layers._configured import one_of, positive, where
from kerasfront.layers.augmentation.base import (
    FormatOptions,
    ImageData,
    ImageLayer,
    NamelessFormatOptions,
    RandomImageOptions,
    Size,
    Transformation,
    draw_from,
    size_of,
)
from kerasfront.ops.image.resizing import INTERPOLATIONS, Window, cropped_window, cut_out, padded_window
from kerasfront.random.seed_generator import Seed
from kerasfront.typing import Tensor


class _Sized(ImageLayer):
    """A layer whose images come out with one height and width: a window of each picture, resized where need be."""

    _kf_only_in_training = False

    def __init__(self, height: int, width: int, **kwargs: Unpack[RandomImageOptions]) -> None:
        super().__init__(**kwargs)
        self.height: int = positive(self, "height", height)
        self.width: int = positive(self, "width", width)

    def _kf_new_size(self, transformation: Transformation) -> tuple[Any, Any]:
        return self.height, self.width

    def _kf_on_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        top, left, tall, wide = (ops.cast(n, "float32") for n in transformation["window"])
        corner = ops.stack([left, top, left, top])
        return (boxes - corner) * ops.stack([self.width / wide, self.height / tall] * 2)


class Resizing(_Sized):
    """Images of another size; in training and in inference alike.

    The result has the layer's dtype: floats, where that isn't set to integers. (In Keras it has it in a model, and the
    dtype of the images elsewhere.) Masks are resized by the nearest pixel, and keep their dtype.

    Args:
        height: The height of the result.
        width: Its width.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5" or "area", as `ops.image.resize` has
            them: the same on every backend.
        crop_to_aspect_ratio: Whether to cut the picture to the aspect ratio of the result first, around its middle.
        pad_to_aspect_ratio: Whether to pad it to that aspect ratio first.
        fill_mode: How to pad: "constant".
        fill_value: What to pad with.
        antialias: Whether the kernel is widened where the picture shrinks, so that every pixel counts.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: An option is unknown, or both aspect-ratio options are set.

    >>> import kerasfront as keras
    >>> layer = keras.layers.Resizing(2, 3, data_format="channels_last")
    >>> layer(keras.ops.ones((5, 4, 6, 1))).shape[1:] == (2, 3, 1)
    True
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(height, width, data_format=data_format, **kwargs)
        self.interpolation: str = one_of(self, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_mode: str = one_of(self, "fill_mode", fill_mode, ("constant",))
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(
                f"Expected one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` of {where(self)} at most, got both."
            )
        self.crop_to_aspect_ratio: bool = bool(crop_to_aspect_ratio)
        self.pad_to_aspect_ratio: bool = bool(pad_to_aspect_ratio)
        self.fill_value: float = fill_value
        self.antialias: bool = bool(antialias)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        result = self.height, self.width
        if self.crop_to_aspect_ratio:
            return {"window": cropped_window(*size[1:], result)}
        return {"window": padded_window(*size[1:], result) if self.pad_to_aspect_ratio else (0, 0, *size[1:])}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return _resize(self, images, self.interpolation, self.antialias)

    def _kf_on_masks(self, masks: Tensor, transformation: Transformation) -> Tensor:
        return _resize(self, masks, "nearest", False)


def _resize(layer: Resizing, images: Tensor, interpolation: str, antialias: bool) -> Tensor:
    """Return images, or masks, of a layer's size."""
    return ops.image.resize(
        images, (layer.height, layer.width), interpolation=interpolation, antialias=antialias,
        crop_to_aspect_ratio=layer.crop_to_aspect_ratio, pad_to_aspect_ratio=layer.pad_to_aspect_ratio,
        fill_mode=layer.fill_mode, fill_value=layer.fill_value, data_format="channels_last",
    )  # fmt: skip


class _Cropped(_Sized):
    """A window of the size of the result; where the picture is smaller, the largest of that aspect ratio, resized."""

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return _crop(self, images, transformation, "bilinear")

    def _kf_on_masks(self, masks: Tensor, transformation: Transformation) -> Tensor:
        return _crop(self, masks, transformation, "nearest")


def _window(layer: _Cropped, size: Size, corner: tuple[Any, Any]) -> Window:
    """Return the window of the layer's size with a corner; of a smaller picture, the one to resize."""
    _, height, width = size
    whole = (*corner, layer.height, layer.width)
    if isinstance(height, int) and isinstance(width, int):
        return whole if height >= layer.height and width >= layer.width else _largest(layer, size)
    fits = ops.logical_and(height >= layer.height, width >= layer.width)
    window = ops.cond(fits, lambda: _vector(whole), lambda: _vector(_largest(layer, size)))
    top, left, tall, wide = ops.unstack(window, 4)
    return top, left, tall, wide


def _largest(layer: _Cropped, size: Size) -> Window:
    """Return the largest window with the aspect ratio of the result, in the middle."""
    return cropped_window(size[1], size[2], (layer.height, layer.width))


def _crop(layer: _Cropped, images: Tensor, transformation: Transformation, interpolation: str) -> Tensor:
    """Return the window of images, or masks, in the layer's size."""
    window = transformation["window"]
    part = cut_out(images, window)
    if isinstance(window[2], int) and window[2:] == (layer.height, layer.width):
        return part
    return ops.image.resize(part, (layer.height, layer.width), interpolation, data_format="channels_last")


def _vector(window: Window) -> Tensor:
    return ops.stack([ops.cast(n, "int32") for n in window])


class CenterCrop(_Cropped):
    """The middle of images; in training and in inference alike.

    Of a picture that is smaller than the result, the largest window with the aspect ratio of the result is resized.
    Where what is cut off is an odd number of pixels, the window is nearer to the upper left. Masks keep their dtype.

    Args:
        height: The height of the result.
        width: Its width.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    >>> import kerasfront as keras
    >>> x = keras.ops.reshape(keras.ops.arange(16), (4, 4, 1))
    >>> y = keras.layers.CenterCrop(2, 2, data_format="channels_last")(x)
    >>> keras.ops.convert_to_numpy(y)[..., 0].tolist()
    [[5.0, 6.0], [9.0, 10.0]]
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Unpack[FormatOptions]
    ) -> None:
        super().__init__(height, width, data_format=data_format, **kwargs)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        corner = (size[1] - self.height) // 2, (size[2] - self.width) // 2
        return {"window": _window(self, size, corner)}


class RandomCrop(_Cropped):
    """In training, a window of images at a place drawn at random, the same for all images of a batch.

    In inference, and where a picture is smaller than the result, the largest window with the aspect ratio of the result
    is taken from the middle and resized. (In Keras, inference leaves the images as they are on some backends.)

    Args:
        height: The height of the result.
        width: Its width.
        seed: An integer, a `SeedGenerator`, or None.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomCrop(2, 3, data_format="channels_last")
    >>> layer(keras.ops.ones((5, 4, 6, 1)), training=True).shape[1:] == (2, 3, 1)
    True
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: Seed = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[NamelessFormatOptions],
    ) -> None:
        super().__init__(height, width, data_format=data_format, name=name, **kwargs)
        draw_from(self, seed)

    def get_random_transformation(
        self, data: ImageData, training: bool = True, seed: Seed = None
    ) -> Transformation | None:
        """Draw a place for the batch. In inference it is the middle."""
        if training:
            return super().get_random_transformation(data, training, seed)
        size = size_of(self, data)
        return {"size": size, "window": _largest(self, size)}

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        corner = _start(size[1], self.height, seed), _start(size[2], self.width, seed)
        return {"window": _window(self, size, corner)}


def _start(size: Any, length: int, seed: Seed) -> Tensor:
    """Return where a window of a length begins, at random."""
    places = size - length + 1
    most = max(places, 1) if isinstance(places, int) else ops.maximum(places, 1)
    return random.randint((), 0, most, seed=seed)
