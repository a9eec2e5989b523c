"""Layers that change the colours of images, and move no pixel: labels, boxes and masks stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

from kerasfront import ops
from kerasfront.layers._configured import fraction, per_axis, positive, where
from kerasfront.layers.augmentation import pixels
from kerasfront.layers.augmentation.base import (
    FormatOptions,
    ImageData,
    ImageLayer,
    ImageOptions,
    RandomImageOptions,
    Size,
    Transformation,
    choose,
    uniform,
)
from kerasfront.layers.augmentation.factors import Limits, limits, number, value_range_of
from kerasfront.random.seed_generator import Seed
from kerasfront.tracking import assign_untracked
from kerasfront.typing import Tensor


class ColourOptions(RandomImageOptions, total=False):
    """Options of every image layer that is told the range of the values."""

    value_range: Sequence[float]


class Colours(ImageLayer):
    """An image layer that is told the range of the values."""

    def __init__(self, *, value_range: Sequence[float] = (0, 255), **kwargs: Unpack[RandomImageOptions]) -> None:
        super().__init__(**kwargs)
        self.value_range: Any = value_range_of(self, value_range)


def ends_of(layer: Colours) -> Limits:
    """Return the least and the largest value of a pixel."""
    return layer.value_range[0], layer.value_range[1]


def width_of(layer: Colours) -> float:
    """Return how far the largest value of a pixel is from the least."""
    return layer.value_range[1] - layer.value_range[0]


def clipped(layer: Colours, images: Tensor) -> Tensor:
    """Return images with values cut off at the ends of the range."""
    return ops.clip(images, *ends_of(layer))


# ---- layers -------------------------------------------------------------------------------------------------------


class RandomBrightness(Colours):
    """In training, adds a number to all values of an image, and cuts off at the ends of the range.

    Args:
        factor: What is added, as a share of the range: a pair to draw between, from -1 (black) to 1 (white), or a
            number: from `-factor` to `factor`.
        value_range: The least and the largest value of a pixel.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `factor` or `value_range` is something else.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomBrightness((0.2, 0.2), value_range=(0, 1))
    >>> y = layer(keras.ops.full((1, 1, 3), 0.5), training=True)
    >>> keras.ops.convert_to_numpy(y).round(4).ravel().tolist()
    [0.699999988079071, 0.699999988079071, 0.699999988079071]
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        seed: Seed = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(value_range=value_range, seed=seed, **kwargs)
        if isinstance(factor, (int, float)) and -1 <= factor <= 1:
            factor = (-abs(factor), abs(factor))
        self.factor: Limits = limits(self, "factor", factor, -1, 1)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        return {"rgb_delta": uniform(size, self.factor, seed, 1, 1, 1) * width_of(self)}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return clipped(self, images + transformation["rgb_delta"])


class RandomContrast(Colours):
    """In training, multiplies the distances of values from the mean of their channel, image by image.

    Args:
        factor: `(lower, upper)`: what multiplies is drawn from `1 - lower` to `1 + upper`. A number stands for both.
            (In Keras a number stands for `upper` alone, other than its documentation says.)
        value_range: The least and the largest value of a pixel, at which the results are cut off.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `factor` or `value_range` is something else; a number, and `lower`, are at most 1.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomContrast((0.5, -0.5), value_range=(0, 1))
    >>> y = layer(keras.ops.reshape([0.0, 1.0], (1, 2, 1)), training=True)
    >>> keras.ops.convert_to_numpy(y).ravel().tolist()
    [0.25, 0.75]
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        seed: Seed = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(value_range=value_range, seed=seed, **kwargs)
        pair = tuple(factor) if isinstance(factor, (list, tuple)) else (factor, factor)
        if len(pair) != 2 or not all(isinstance(f, (int, float)) for f in pair) or pair[0] > 1 or sum(pair) < 0:
            raise ValueError(
                f"Expected `factor` of {where(self)} to be a number from 0 to 1, or a pair (lower, upper) with "
                f"1 - lower not below 0 nor above 1 + upper, got {factor!r}."
            )
        self.factor = pair

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        return {"contrast_factor": uniform(size, (1 - self.factor[0], 1 + self.factor[1]), seed, 1, 1, 1)}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return clipped(self, pixels.contrasted(images, transformation["contrast_factor"]))


class RandomHue(Colours):
    """In training, turns the hue of each image, in the colour space HSV.

    Args:
        factor: How far: a number, or a pair to draw between; a number means from 0 to it. 1 is half the circle; the
            direction is drawn too.
        value_range: The least and the largest value of a pixel.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `factor` or `value_range` is something else, or an image hasn't three channels.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomHue((1.0, 1.0))
    >>> y = layer(keras.ops.reshape([255.0, 0.0, 0.0], (1, 1, 3)), training=True)  # red
    >>> keras.ops.convert_to_numpy(y).ravel().tolist()
    [0.0, 255.0, 255.0]
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
        self.factor: Limits = limits(self, "factor", factor, -1)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        turn = uniform(size, self.factor, seed, 1, 1, 1) * 0.5
        left = uniform(size, (0.0, 1.0), seed, 1, 1, 1) < 0.5
        return {"factor": ops.where(left, -turn, turn)}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        x = clipped(self, images)
        hsv = ops.image.rgb_to_hsv((x - ends_of(self)[0]) / width_of(self), data_format="channels_last")
        hsv = ops.concatenate([ops.mod(hsv[..., :1] + transformation["factor"], 1.0), hsv[..., 1:]], axis=-1)
        return ops.image.hsv_to_rgb(hsv, data_format="channels_last") * width_of(self) + ends_of(self)[0]


class RandomSaturation(Colours):
    """In training, makes the colours of each image paler or fuller, in the colour space HSV.

    The saturation is multiplied by `f / (1 - f)`, and is at most 1. (In Keras it may exceed 1, and the values their
    range; and a number `factor` makes half of the images grey, other than its documentation says.)

    Args:
        factor: f: a pair to draw between, or a number: from 0 to it. 0 (and less) makes grey, 0.5 changes nothing,
            1 makes colours as full as can be.
        value_range: The least and the largest value of a pixel.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `factor` or `value_range` is something else, or an image hasn't three channels.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomSaturation((0.0, 0.0))
    >>> y = layer(keras.ops.reshape([200.0, 50.0, 0.0], (1, 1, 3)), training=True)
    >>> keras.ops.convert_to_numpy(y).ravel().tolist()
    [200.0, 200.0, 200.0]
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
        self.factor: Limits = limits(self, "factor", factor, -1)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        share = ops.clip(uniform(size, self.factor, seed, 1, 1, 1), 0.0, 1.0 - 1e-6)
        return {"factor": share / (1.0 - share)}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        # In HSV the channels lie below the largest of them, at distances that the saturation multiplies.
        x = clipped(self, images)
        value = ops.max(x, axis=-1, keepdims=True)
        spread = value - ops.min(x, axis=-1, keepdims=True)
        fullest = (value - ends_of(self)[0]) / ops.where(spread > 0, spread, 1.0)
        return value - (value - x) * ops.minimum(transformation["factor"], fullest)


class RandomGrayscale(ImageLayer):
    """In training, makes some images grey; they keep their three channels, which are then alike.

    Args:
        factor: The chance of an image, from 0 to 1.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `factor` is something else, or an image has other than three channels or one.

    >>> import kerasfront as keras
    >>> y = keras.layers.RandomGrayscale(1.0)(keras.ops.reshape([100.0, 200.0, 50.0], (1, 1, 3)), training=True)
    >>> keras.ops.convert_to_numpy(y).round(2).ravel().tolist()
    [152.99000549316406, 152.99000549316406, 152.99000549316406]
    """

    def __init__(
        self, factor: float = 0.5, data_format: str | None = None, seed: Seed = None, **kwargs: Unpack[FormatOptions]
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor: float = fraction(self, "factor", factor)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        return {"chosen": uniform(size, (0.0, 1.0), seed, 1, 1, 1) < self.factor}

    # Arguments have Keras's names here.
    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return super().compute_output_spec(inputs, *args, **kwargs)

    def get_random_transformation(
        self, images: ImageData, training: bool = True, seed: Seed = None
    ) -> Transformation | None:
        return super().get_random_transformation(images, training, seed)

    def transform_labels(  # type: ignore[override]
        self, labels: Tensor, transformations: Transformation | None = None, **kwargs: Any
    ) -> Tensor:
        return labels

    def transform_segmentation_masks(  # type: ignore[override]
        self, segmentation_masks: Tensor, transformations: Transformation | None = None, **kwargs: Any
    ) -> Tensor:
        return segmentation_masks

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return ops.where(transformation["chosen"], pixels.grey(images), images)


class RandomInvert(Colours):
    """In training, turns some images into their negatives.

    Args:
        factor: The chance of an image: a pair to draw it from, or a number: from 0 to it. `(1.0, 1.0)` inverts all.
        value_range: The least and the largest value of a pixel, which change places. (Keras subtracts from the largest
            value, also where the least isn't 0.)
        seed: An integer, a `SeedGenerator`, or None.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: `factor` or `value_range` is something else.

    >>> import kerasfront as keras
    >>> y = keras.layers.RandomInvert((1.0, 1.0))(keras.ops.reshape([0.0, 55.0, 255.0], (1, 1, 3)), training=True)
    >>> keras.ops.convert_to_numpy(y).ravel().tolist()
    [255.0, 200.0, 0.0]
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        value_range: Sequence[float] = (0, 255),
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(value_range=value_range, data_format=data_format, seed=seed, **kwargs)
        self.factor: Limits = limits(self, "factor", factor)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        return {"apply_inversion": choose(size, self.factor, seed)}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return ops.where(transformation["apply_inversion"], sum(ends_of(self)) - images, images)


class RandomPosterization(Colours):
    """In training, keeps the highest bits of each value, as it is in 8 bits.

    Args:
        factor: How many bits, 1 to 8: a pair to draw between (both included; in Keras the second never comes), or an
            integer: from 1 to it.
        value_range: The least and the largest value of a pixel.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `factor` or `value_range` is something else.

    Source: Cubuk et al., https://arxiv.org/abs/1805.09501

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomPosterization((2, 2))
    >>> y = layer(keras.ops.reshape([63.0, 64.0, 255.0], (1, 1, 3)), training=True)
    >>> keras.ops.convert_to_numpy(y).ravel().tolist()
    [0.0, 64.0, 192.0]
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
        numbers = factor if isinstance(factor, (list, tuple)) else (factor,)
        if any(isinstance(f, float) and not f.is_integer() for f in numbers):
            raise ValueError(f"Expected `factor` of {where(self)} to be an integer or a pair of them, got {factor!r}.")
        self.factor: Limits = limits(self, "factor", factor, 1, 8, start=1)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        least, most = self.factor
        bits = ops.floor(uniform(size, (least, most + 1), seed, 1, 1, 1))
        return {"bits": ops.minimum(bits, float(most))}  # a draw may be rounded up to its limit

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return pixels.posterized(clipped(self, images), transformation["bits"], ends_of(self))


class RandomColorDegeneration(Colours):
    """In training, blends each image with its grey version.

    Args:
        factor: The share of grey: a pair to draw between, from -1 (fuller colours) to 1, or a number: from 0 to it.
            (In Keras a number means from `-factor` on, other than its documentation says.)
        value_range: The least and the largest value of a pixel, at which the results are cut off.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `factor` or `value_range` is something else, or an image has other than three channels or one.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomColorDegeneration((0.5, 0.5))
    >>> y = layer(keras.ops.reshape([100.0, 200.0, 50.0], (1, 1, 3)), training=True)
    >>> keras.ops.convert_to_numpy(y).round(2).ravel().tolist()
    [126.5, 176.5, 101.5]
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
        self.factor: Limits = limits(self, "factor", factor, -1)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        return {"factor": uniform(size, self.factor, seed, 1, 1, 1)}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return clipped(self, pixels.blended(images, pixels.grey(images), transformation["factor"]))


class RandomColorJitter(Colours):
    """In training, changes brightness, contrast, saturation and hue of each image, in this order.

    Args:
        value_range: The least and the largest value of a pixel.
        brightness_factor: The factor of `RandomBrightness`; None: no change of this.
        contrast_factor: The factor of `RandomContrast`, or None.
        saturation_factor: The factor of `RandomSaturation`, or None.
        hue_factor: The factor of `RandomHue`, or None.
        seed: An integer, a `SeedGenerator`, or None.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: A factor or `value_range` is something else.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomColorJitter(brightness_factor=(0.2, 0.2), saturation_factor=(0.0, 0.0))
    >>> y = layer(keras.ops.reshape([100.0, 149.0, 49.0], (1, 1, 3)), training=True)
    >>> keras.ops.convert_to_numpy(y).ravel().tolist()
    [200.0, 200.0, 200.0]
    """

    _kf_parts: dict[str, Colours]

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        brightness_factor: float | Sequence[float] | None = None,
        contrast_factor: float | Sequence[float] | None = None,
        saturation_factor: float | Sequence[float] | None = None,
        hue_factor: float | Sequence[float] | None = None,
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(value_range=value_range, data_format=data_format, seed=seed, **kwargs)
        self.brightness_factor: float | Sequence[float] | None = brightness_factor
        self.contrast_factor: float | Sequence[float] | None = contrast_factor
        self.saturation_factor: float | Sequence[float] | None = saturation_factor
        self.hue_factor: float | Sequence[float] | None = hue_factor
        makers: dict[str, tuple[Callable[..., Colours], float | Sequence[float] | None]] = {
            "brightness": (RandomBrightness, brightness_factor),
            "contrast": (RandomContrast, contrast_factor),
            "saturation": (RandomSaturation, saturation_factor),
            "hue": (RandomHue, hue_factor),
        }
        parts = {
            kind: maker(factor, value_range=value_range, seed=self.generator, name=self.name)
            for kind, (maker, factor) in makers.items()
            if factor is not None
        }
        # They are no layers of a model: they have no names, draws or files of their own.
        assign_untracked(self, "_kf_parts", parts)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        return {kind: part._kf_draw(size, seed) for kind, part in self._kf_parts.items()}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        for kind, part in self._kf_parts.items():
            images = part._kf_on_images(images, transformation[kind])
        return images


class Solarization(Colours):
    """In training, adds a number to the values of each image, and then inverts those from a threshold on.

    Args:
        addition_factor: What is added, as a share of the range: a pair to draw between, from 0 to 1, or a number: from
            0 to it.
        threshold_factor: Where values begin to be inverted, as a share of the range, likewise. At 0 all are.
        value_range: The least and the largest value of a pixel.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: A factor or `value_range` is something else.

    (In Keras draws begin at 0, also where a pair begins elsewhere.)

    >>> import kerasfront as keras
    >>> layer = keras.layers.Solarization(threshold_factor=(0.5, 0.5))
    >>> y = layer(keras.ops.reshape([55.0, 127.0, 128.0, 255.0], (2, 2, 1)), training=True)
    >>> keras.ops.convert_to_numpy(y).ravel().tolist()
    [55.0, 127.0, 127.0, 0.0]
    """

    def __init__(
        self,
        addition_factor: float | Sequence[float] = 0.0,
        threshold_factor: float | Sequence[float] = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: Seed = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(value_range=value_range, seed=seed, **kwargs)
        self.addition_factor: Limits = limits(self, "addition_factor", addition_factor)
        self.threshold_factor: Limits = limits(self, "threshold_factor", threshold_factor)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        return {
            "additions": uniform(size, self.addition_factor, seed, 1, 1, 1) * width_of(self),
            "thresholds": uniform(size, self.threshold_factor, seed, 1, 1, 1) * width_of(self) + ends_of(self)[0],
        }

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return pixels.solarized(
            clipped(self, images + transformation["additions"]), transformation["thresholds"], ends_of(self)
        )


class AutoContrast(Colours):
    """Stretches each channel of each image over the whole range; in training and in inference.

    Args:
        value_range: The least and the largest value of a pixel.

    Raises:
        ValueError: `value_range` is something else.

    >>> import kerasfront as keras
    >>> y = keras.layers.AutoContrast()(keras.ops.reshape([100.0, 110.0, 150.0, 150.0], (2, 2, 1)))
    >>> keras.ops.convert_to_numpy(y).ravel().tolist()
    [0.0, 51.0, 255.0, 255.0]
    """

    _kf_only_in_training = False

    def __init__(self, value_range: Sequence[float] = (0, 255), **kwargs: Unpack[RandomImageOptions]) -> None:
        super().__init__(value_range=value_range, **kwargs)

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return pixels.stretched(images, ends_of(self))


class Equalization(Colours):
    """Spreads the histogram of each channel of each image evenly over the range; in training and in inference.

    (In Keras nothing happens in inference, other than its documentation says.)

    Args:
        value_range: The least and the largest value of a pixel.
        bins: How many bins of equal width the histogram has.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: `value_range` is something else, or `bins` no positive integer.

    >>> import kerasfront as keras
    >>> y = keras.layers.Equalization()(keras.ops.reshape([100.0, 101.0, 102.0, 107.0], (2, 2, 1)))
    >>> keras.ops.convert_to_numpy(y).ravel().tolist()
    [0.0, 85.0, 170.0, 255.0]
    """

    _kf_only_in_training = False

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(value_range=value_range, data_format=data_format, **kwargs)
        self.bins: int = positive(self, "bins", bins)

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return super().compute_output_spec(inputs, *args, **kwargs)

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return pixels.equalized(images, self.bins, ends_of(self))


class ContrastLimitedAdaptiveHistogramEqualization(Colours):
    """Spreads the histogram of each tile of an image, but not further than to a limit of contrast (CLAHE).

    Each channel of each image is cut into tiles. In the histogram of a tile (of 256 bins) what exceeds the limit is
    given to all bins alike, and the histogram is spread over the range. A pixel gets what the four nearest tiles
    would make of it, interpolated. This happens in training and in inference.

    Args:
        value_range: The least and the largest value of a pixel.
        clip_limit: What a bin may hold, as a multiple of its share were all bins alike; at least one pixel. (Keras
            rounds small limits down to 0, and then changes nothing.)
        tile_grid_size: The number of tiles, along height and width. Where these don't divide, the last pixels are
            repeated for the histograms.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: An argument is something else.

    Source: Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV, 1994.

    >>> import kerasfront as keras
    >>> layer = keras.layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(1, 1), clip_limit=256)
    >>> y = layer(keras.ops.reshape([0.0, 100.0, 100.0, 107.0], (2, 2, 1)))
    >>> keras.ops.convert_to_numpy(y).ravel().tolist()
    [0.0, 170.0, 170.0, 255.0]
    """

    _kf_only_in_training = False

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: int | Sequence[int] = (8, 8),
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(value_range=value_range, data_format=data_format, **kwargs)
        if not number(clip_limit) or not clip_limit > 0:
            raise ValueError(f"Expected `clip_limit` of {where(self)} to be a positive number, got {clip_limit!r}.")
        self.clip_limit = clip_limit
        self.tile_grid_size: tuple[int, ...] = per_axis(self, "tile_grid_size", tile_grid_size, 2)

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return pixels.adaptively_equalized(images, self.clip_limit, self.tile_grid_size, ends_of(self))
