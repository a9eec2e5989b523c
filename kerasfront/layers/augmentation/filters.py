"""Layers that sharpen and blur images, or hide parts of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

from kerasfront import ops, random
from kerasfront.layers._configured import per_axis, where
from kerasfront.layers.augmentation import pixels
from kerasfront.layers.augmentation.base import (
    FormatOptions,
    ImageData,
    Size,
    Transformation,
    choose,
    generator_of,
    images_of,
    uniform,
)
from kerasfront.layers.augmentation.color import Colours, clipped, ends_of, width_of
from kerasfront.layers.augmentation.factors import Limits, limits, number
from kerasfront.ops.elementwise import rint
from kerasfront.random.seed_generator import Seed
from kerasfront.typing import Tensor


class RandomSharpness(Colours):
    """In training, sharpens or softens each image: it is blended with a smoothed version, or moved away from that.

    Args:
        factor: A pair to draw between, from 0 to 1, or a number: from 0 to it. 0 gives the smoothed image, 0.5 the
            image itself, 1 one that is as much sharper.
        value_range: The least and the largest value of a pixel, at which the results are cut off.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `factor` or `value_range` is something else.

    Pixels at the border, which lack neighbours, stay as they are. (Keras takes what lies outside for black.)

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomSharpness((0.0, 0.0))
    >>> y = layer(keras.ops.reshape([0.0, 0, 0, 0, 130, 0, 0, 0, 0], (3, 3, 1)), training=True)
    >>> keras.ops.convert_to_numpy(y)[1].round(3).ravel().tolist()
    [0.0, 50.0, 0.0]
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: Seed = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(value_range=value_range, data_format=data_format, seed=seed, **kwargs)
        self.factor: Limits = limits(self, "factor", factor)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        return {"factor": uniform(size, self.factor, seed, 1, 1, 1)}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        smooth = pixels.smoothed(images)
        return clipped(self, pixels.blended(images, smooth, 1.0 - 2.0 * transformation["factor"]))


class RandomGaussianBlur(Colours):
    """In training, blurs some images by a Gaussian; its width is drawn for each.

    Args:
        factor: The chance of an image: a pair to draw it from, or a number: from 0 to it. `(1.0, 1.0)` blurs all.
        kernel_size: The height and width of the kernel in pixels, odd numbers; or one for both.
        sigma: The standard deviation in pixels: a pair to draw between, or a number: from 0 to it.
        value_range: The least and the largest value of a pixel.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: An argument is something else.

    Images are mirrored at their borders. (Keras takes what lies outside for black, draws one width for the whole batch,
    and one each for height and width.)

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomGaussianBlur((1.0, 1.0), kernel_size=(1, 3), sigma=(0.8, 0.8))
    >>> y = layer(keras.ops.reshape([0.0, 0, 100, 0, 0], (1, 5, 1)), training=True)
    >>> keras.ops.convert_to_numpy(y).round(2).ravel().tolist()
    [0.0, 23.899999618530273, 52.20000076293945, 23.899999618530273, 0.0]
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        kernel_size: int | Sequence[int] = 3,
        sigma: float | Sequence[float] = 1.0,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: Seed = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(value_range=value_range, data_format=data_format, seed=seed, **kwargs)
        self.factor: Limits = limits(self, "factor", factor)
        self.kernel_size: tuple[int, ...] = per_axis(self, "kernel_size", kernel_size, 2)
        if not all(n % 2 for n in self.kernel_size):
            raise ValueError(f"Expected `kernel_size` of {where(self)} to be odd, got {kernel_size!r}.")
        self.sigma: Limits = limits(self, "sigma", sigma, 0, math.inf)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        sigma = uniform(size, self.sigma, seed, 1, 1, 1)
        return {"sigma": ops.where(choose(size, self.factor, seed), sigma, 0.0)}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return pixels.blurred(images, transformation["sigma"], self.kernel_size)


class RandomErasing(Colours):
    """In training, hides a rectangle of some images. Labels, boxes and masks stay: what is hidden is still there.

    Args:
        factor: The chance of an image: a pair to draw it from, or a number: from 0 to it. `(1.0, 1.0)` takes all.
        scale: The area of the rectangle, as a share of the image's: a pair to draw between, or a number: from 0 to it.
            The ratio of height to width is drawn from 0.3 to 3.3. (Keras draws height and width, so that the area
            is seldom near the ends of `scale`.)
        fill_value: What the rectangle is filled with; None: noise, normally distributed around the middle of the range,
            with a quarter of its width as standard deviation.
        value_range: The least and the largest value of a pixel.
        seed: An integer, a `SeedGenerator`, or None.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: An argument is something else.

    Source: Zhong et al., https://arxiv.org/abs/1708.04896

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomErasing((1.0, 1.0), scale=(0.25, 0.25), fill_value=0)
    >>> y = layer(keras.ops.ones((20, 20, 1)), training=True)
    >>> bool(70 < 400 - keras.ops.sum(y) < 130)
    True
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float | Sequence[float] = (0.02, 0.33),
        fill_value: float | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(value_range=value_range, data_format=data_format, seed=seed, **kwargs)
        self.factor: Limits = limits(self, "factor", factor)
        self.scale: Limits = limits(self, "scale", scale)
        if fill_value is not None and not number(fill_value):
            raise ValueError(f"Expected `fill_value` of {where(self)} to be a number or None, got {fill_value!r}.")
        self.fill_value = fill_value

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        _, height, width = size
        high, wide = ops.cast(height, "float32"), ops.cast(width, "float32")
        share = uniform(size, self.scale, seed)
        ratio = ops.exp(uniform(size, (-math.log(3.3), math.log(3.3)), seed))
        # A rectangle of this area and ratio that fits into the image.
        ratio = ops.clip(ratio, share * high / wide, high / (wide * ops.maximum(share, 1e-6)))
        sides = ops.stack([ops.sqrt(share * high * wide * ratio), ops.sqrt(share * high * wide / ratio)], axis=-1)
        whole = ops.stack([high, wide])
        sides = ops.minimum(rint(sides), whole)
        starts = ops.floor(uniform(size, (0.0, 1.0), seed, 2) * (whole - sides + 1.0))
        starts = ops.minimum(starts, whole - sides)
        transformation = {"rectangles": ops.concatenate([starts, starts + sides], axis=-1)}
        transformation["apply_erasing"] = choose(size, self.factor, seed)
        return transformation

    def get_random_transformation(
        self, data: ImageData, training: bool = True, seed: Seed = None
    ) -> Transformation | None:
        seed = generator_of(self, seed)
        transformation = super().get_random_transformation(data, training, seed)
        if transformation is not None and self.fill_value is None:
            images = images_of(self, data)
            channels = ops.shape(images)[-1 if self.data_format == "channels_last" else -3]
            noise = random.normal(
                (*transformation["size"], channels), sum(ends_of(self)) / 2, width_of(self) / 4, "float32", seed
            )
            transformation["fill_value"] = clipped(self, noise)
        return transformation

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        hidden = ops.logical_and(pixels.inside(images, transformation["rectangles"]), transformation["apply_erasing"])
        filling: Any = transformation.get("fill_value", self.fill_value)
        return ops.where(hidden, ops.cast(filling, ops.dtype(images)), images)
