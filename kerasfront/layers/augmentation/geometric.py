"""Layers that move the pixels of images at random: flips, affine and projective maps, elastic ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

from kerasfront import ops
from kerasfront.bounding_boxes import clip_to_image_size, corner_points, enclosing, pad
from kerasfront.layers._configured import one_of, where
from kerasfront.layers.augmentation.base import Boxes, FormatOptions, ImageLayer, Size, Transformation, choose, uniform
from kerasfront.layers.augmentation.factors import Limits, limits, number, value_range_of
from kerasfront.ops.image.sampling import FILL_MODES, grid, homography, sampled
from kerasfront.random.seed_generator import Seed
from kerasfront.typing import Tensor, TensorLike

_INTERPOLATIONS = ("nearest", "bilinear")


def _both_ways(value: float | Sequence[float]) -> float | Sequence[float]:
    """Return a number f as the range from -f to f."""
    return (-abs(value), abs(value)) if isinstance(value, (int, float)) and number(value) else value


def _per_box(x: Tensor) -> Tensor:
    """Return a number for each image, (batch,), in a shape that broadcasts to its boxes."""
    return ops.reshape(x, (-1, 1))


class RandomFlip(ImageLayer):
    """In training, flips images, each with a chance of 1/2 in each direction.

    (In Keras, "horizontal_and_vertical" flips in both directions at once or not at all.)

    Args:
        mode: "horizontal" (left to right), "vertical" (upside down) or "horizontal_and_vertical".
        seed: An integer, a `SeedGenerator`, or None.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: `mode` is unknown.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomFlip("horizontal", seed=1, data_format="channels_last")
    >>> x = keras.ops.tile(keras.ops.reshape([1.0, 2.0], (1, 1, 2, 1)), (20, 1, 1, 1))
    >>> sorted(set(keras.ops.convert_to_numpy(layer(x, training=True))[:, 0, 0, 0].tolist()))
    [1.0, 2.0]
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.mode: str = one_of(self, "mode", mode, ("horizontal", "vertical", "horizontal_and_vertical"))

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        # By the axis of the images.
        names = {1: "vertical", 2: "horizontal"}
        axes = [axis for axis, name in names.items() if name in self.mode]
        return {"flips": {axis: uniform(size, (0.0, 1.0), seed) < 0.5 for axis in axes}}

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        for axis, selection in transformation["flips"].items():
            images = ops.where(ops.reshape(selection, (-1, 1, 1, 1)), ops.flip(images, axis), images)
        return images

    def _kf_on_masks(self, masks: Tensor, transformation: Transformation) -> Tensor:
        return self._kf_on_images(masks, transformation)

    def _kf_on_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        left, top, right, bottom = (boxes[..., i] for i in range(4))
        for axis, selection in transformation["flips"].items():
            size, turned = ops.cast(transformation["size"][axis], "float32"), _per_box(selection)
            if axis == 1:
                top, bottom = ops.where(turned, size - bottom, top), ops.where(turned, size - top, bottom)
            else:
                left, right = ops.where(turned, size - right, left), ops.where(turned, size - left, right)
        return ops.stack([left, top, right, bottom], axis=-1)


class _Sampled(ImageLayer):
    """A layer of which each pixel is taken from another place in the image, or beyond."""

    def __init__(
        self,
        *,
        interpolation: str,
        fill_value: float,
        seed: Seed,
        data_format: str | None,
        fill_mode: str = "constant",
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.interpolation: str = one_of(self, "interpolation", interpolation, _INTERPOLATIONS)
        self.fill_mode: str = one_of(self, "fill_mode", fill_mode, FILL_MODES)
        self.fill_value = fill_value

    def _kf_sample(self, images: Tensor, transformation: Transformation, interpolation: str) -> Tensor:
        """Return the pixels, interpolated in one way or the other."""
        raise NotImplementedError

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return self._kf_sample(images, transformation, self.interpolation)

    def _kf_on_masks(self, masks: Tensor, transformation: Transformation) -> Tensor:
        return self._kf_sample(masks, transformation, "nearest")


# ---- maps by a matrix ---------------------------------------------------------------------------------------------


class _Mapped(_Sampled):
    """A layer of which each pixel is taken from where a projection takes its place.

    `_kf_draw` gives it as "matrix" (batch, 3, 3): it takes (x, y, 1) in the result to a multiple of that in the images,
    which reach from 0 to their width and height.
    """

    def _kf_sample(self, images: Tensor, transformation: Transformation, interpolation: str) -> Tensor:
        return ops.image.affine_transform(
            images,
            _of_pixels(transformation["matrix"]),
            interpolation,
            self.fill_mode,
            self.fill_value,
            "channels_last",
        )

    def _kf_on_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        inverse = ops.reshape(ops.inv(transformation["matrix"]), (-1, 9))
        xs, ys = corner_points(boxes)
        return enclosing(*_projected(xs, ys, [ops.reshape(inverse[:, i], (-1, 1, 1)) for i in range(9)]))

    def get_transformed_x_y(self, x: TensorLike, y: TensorLike, transform: TensorLike) -> tuple[Tensor, ...]:
        """Return points by transforms: where pixels of the result are taken from.

        Args:
            x: Columns, of shape (batch,).
            y: Rows, likewise.
            transform: What `ops.image.affine_transform` takes, of shape (batch, 8) or (8,).

        Returns:
            The new x and y, of shape (1, batch).
        """
        numbers = ops.reshape(ops.convert_to_tensor(transform), (-1, 8))
        points = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
        moved_points = _projected(*points, [*(numbers[:, i] for i in range(8)), 1.0])
        return tuple(ops.reshape(n, (1, -1)) for n in moved_points)


def _projected(x: Tensor, y: Tensor, a: list[Any]) -> tuple[Tensor, Tensor]:
    depth = a[6] * x + a[7] * y + a[8]
    return (a[0] * x + a[1] * y + a[2]) / depth, (a[3] * x + a[4] * y + a[5]) / depth


def _of_pixels(matrix: Tensor) -> Tensor:
    """Return a matrix as `ops.image.affine_transform` takes it, which counts from the middle of the first pixel."""
    constants = matrix[:, :, 2:] + 0.5 * ops.sum(matrix[:, :, :2], axis=-1, keepdims=True)
    matrix = ops.concatenate([matrix[:, :, :2], constants], axis=-1)
    depth = matrix[:, 2:]
    matrix = ops.concatenate([matrix[:, :2] - 0.5 * depth, depth], axis=1)
    return ops.reshape(matrix / depth[:, :, 2:], (-1, 9))[:, :8]


def _matrix(like: Tensor, *rows: tuple[Any, Any, Any]) -> Tensor:
    """Return matrices (batch, 3, 3) of two rows and (0, 0, 1). A number has the shape of `like`, (batch,), or none."""
    full = [ops.zeros_like(like) + n for row in (*rows, (0.0, 0.0, 1.0)) for n in row]
    return ops.reshape(ops.stack(full, axis=-1), (-1, 3, 3))


def _middle(size: Size) -> tuple[Tensor, Tensor]:
    """Return the x and y of the middle of the images."""
    return ops.cast(size[2], "float32") / 2, ops.cast(size[1], "float32") / 2


class RandomRotation(_Mapped):
    """In training, turns each image about its middle.

    Args:
        factor: How far, in turns, counter-clockwise: a pair to draw between, from -1 to 1, or a number f: from -f to f.
        fill_mode: What lies outside of the picture: "reflect" (c b a | a b c d | d c b), "constant" (`fill_value`),
            "wrap" (b c d | a b c d | a b c), "nearest" (a a a | a b c d | d d d) or "mirror" (d c b | a b c d | c b a);
            the same on every backend.
        interpolation: "bilinear" or "nearest". Masks are always taken from the nearest pixel.
        seed: An integer, a `SeedGenerator`, or None.
        fill_value: The constant.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: An option is unknown, or `factor` out of its range.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomRotation((0.25, 0.25), data_format="channels_last")
    >>> y = layer(keras.ops.reshape([1.0, 2.0, 3.0, 4.0], (2, 2, 1)), training=True)
    >>> keras.ops.convert_to_numpy(y)[..., 0].round(3).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Seed = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(
            fill_mode=fill_mode, interpolation=interpolation, fill_value=fill_value, seed=seed, data_format=data_format,
            **kwargs,
        )  # fmt: skip
        self.factor: Limits = limits(self, "factor", _both_ways(factor), -1)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        angle = uniform(size, self.factor, seed) * (2 * math.pi)
        x, y = _middle(size)
        cos, sin = ops.cos(angle), ops.sin(angle)
        return {"matrix": _matrix(angle, (cos, -sin, x - cos * x + sin * y), (sin, cos, y - sin * x - cos * y))}


class _Shifted(_Mapped):
    def get_shifted_bbox(self, bounding_boxes: Boxes, w_shift_factor: TensorLike, h_shift_factor: TensorLike) -> Boxes:
        """Return boxes, moved to the left and up.

        Args:
            bounding_boxes: A dict with "boxes", as left, top, right and bottom.
            w_shift_factor: How far to the left, in the boxes' unit: a number, or one for each image.
            h_shift_factor: How far up.
        """
        up, left = (-ops.reshape(ops.convert_to_tensor(f, "float32"), (-1,)) for f in (h_shift_factor, w_shift_factor))
        return {**bounding_boxes, "boxes": pad(bounding_boxes["boxes"], up, left)}


class RandomTranslation(_Shifted):
    """In training, moves each image up or down, and left or right.

    Args:
        height_factor: How far down, as a fraction of the height: a pair to draw between, from -1 to 1, or a number f:
            from -f to f.
        width_factor: How far to the right, as a fraction of the width, likewise.
        fill_mode: What lies outside of the picture, as `RandomRotation` has it.
        interpolation: "bilinear" or "nearest". Masks are always taken from the nearest pixel.
        seed: An integer, a `SeedGenerator`, or None.
        fill_value: What fills, where `fill_mode` is "constant".
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: An option is unknown, or a factor out of its range.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomTranslation(0.0, (0.5, 0.5), fill_mode="constant", data_format="channels_last")
    >>> y = layer(keras.ops.reshape([1.0, 2.0, 3.0, 4.0], (2, 2, 1)), training=True)
    >>> keras.ops.convert_to_numpy(y)[..., 0].tolist()
    [[0.0, 1.0], [0.0, 3.0]]
    """

    def __init__(
        self,
        height_factor: float | Sequence[float],
        width_factor: float | Sequence[float],
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Seed = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(
            fill_mode=fill_mode, interpolation=interpolation, fill_value=fill_value, seed=seed, data_format=data_format,
            **kwargs,
        )  # fmt: skip
        self.height_factor: float | Sequence[float] = height_factor
        self.width_factor: float | Sequence[float] = width_factor
        self._kf_down = limits(self, "height_factor", _both_ways(height_factor), -1)
        self._kf_right = limits(self, "width_factor", _both_ways(width_factor), -1)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        down = uniform(size, self._kf_down, seed) * ops.cast(size[1], "float32")
        right = uniform(size, self._kf_right, seed) * ops.cast(size[2], "float32")
        return {"matrix": _matrix(down, (1.0, 0.0, -right), (0.0, 1.0, -down))}


class RandomZoom(_Mapped):
    """In training, makes each image smaller or larger, about its middle.

    Args:
        height_factor: How much more of the height is seen: 0.5 zooms out to 1.5 times the height, -0.5 zooms in to half
            of it. A pair to draw between, above -1 and up to 1, or a number f: from -f to f.
        width_factor: The same for the width; None: as much as the height.
        fill_mode: What lies outside of the picture, as `RandomRotation` has it.
        interpolation: "bilinear" or "nearest". Masks are always taken from the nearest pixel.
        seed: An integer, a `SeedGenerator`, or None.
        fill_value: What fills, where `fill_mode` is "constant".
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: An option is unknown, or a factor out of its range.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomZoom((-0.5, -0.5), interpolation="nearest", data_format="channels_last")
    >>> y = layer(keras.ops.reshape([1.0, 2.0, 3.0, 4.0], (1, 4, 1)), training=True)
    >>> keras.ops.convert_to_numpy(y)[0, :, 0].tolist()
    [2.0, 2.0, 3.0, 3.0]
    """

    def __init__(
        self,
        height_factor: float | Sequence[float],
        width_factor: float | Sequence[float] | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: Seed = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(
            fill_mode=fill_mode, interpolation=interpolation, fill_value=fill_value, seed=seed, data_format=data_format,
            **kwargs,
        )  # fmt: skip
        self.height_factor: float | Sequence[float] = height_factor
        self.width_factor: float | Sequence[float] | None = width_factor
        self._kf_tall = _zoom(self, "height_factor", height_factor)
        self._kf_wide = None if width_factor is None else _zoom(self, "width_factor", width_factor)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        tall = uniform(size, self._kf_tall, seed)
        wide = tall if self._kf_wide is None else uniform(size, self._kf_wide, seed)
        x, y = _middle(size)
        return {"matrix": _matrix(tall, (wide, 0.0, x - wide * x), (0.0, tall, y - tall * y))}

    def get_clipped_bbox(
        self, bounding_boxes: Boxes, h_end: TensorLike, h_start: TensorLike, w_end: TensorLike, w_start: TensorLike
    ) -> Boxes:
        """Return boxes as they are in a part of the picture, cut off at its borders.

        Args:
            bounding_boxes: A dict with "boxes", as left, top, right and bottom.
            h_end: Where the part ends below: a number, or one for each image.
            h_start: Where it begins above.
            w_end: Where it ends on the right.
            w_start: Where it begins on the left.
        """
        bottom, top, right, left = (
            ops.reshape(ops.convert_to_tensor(n, "float32"), (-1,)) for n in (h_end, h_start, w_end, w_start)
        )
        boxes = pad(bounding_boxes["boxes"], -top, -left)
        return {**bounding_boxes, "boxes": clip_to_image_size(boxes, bottom - top, right - left)}


def _zoom(layer: RandomZoom, name: str, factor: float | Sequence[float]) -> Limits:
    """Return between which numbers a zoom is drawn, 1 being none.

    Raises:
        ValueError: Nothing of the picture would be left.
    """
    low, high = limits(layer, name, _both_ways(factor), -1)
    if low == -1:
        raise ValueError(f"Expected `{name}` of {where(layer)} to be above -1, which leaves no picture.")
    return 1 + low, 1 + high


class RandomShear(_Shifted):
    """In training, shears each image: what is lower comes from further to the right or left, and likewise downwards.

    Args:
        x_factor: How far pixels are moved across, as a fraction of how far down they are: a pair to draw between, or a
            number: from 0 to it. The direction is drawn too.
        y_factor: How far they are moved down, as a fraction of how far to the right they are, likewise.
        interpolation: "bilinear" or "nearest". Masks are always taken from the nearest pixel.
        fill_mode: What lies outside of the picture, as `RandomRotation` has it.
        fill_value: What fills, where `fill_mode` is "constant".
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: An option is unknown, or a factor beyond 1.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomShear(x_factor=0.5, seed=1)
    >>> layer(keras.ops.ones((2, 4, 4, 3)), training=True).shape[1:] == (4, 4, 3)
    True
    """

    def __init__(
        self,
        x_factor: float | Sequence[float] = 0.0,
        y_factor: float | Sequence[float] = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: Seed = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(
            fill_mode=fill_mode, interpolation=interpolation, fill_value=fill_value, seed=seed, data_format=data_format,
            **kwargs,
        )  # fmt: skip
        # Below 0 as well: so Keras writes what it was given as a number.
        self.x_factor: Limits = limits(self, "x_factor", x_factor, -1)
        self.y_factor: Limits = limits(self, "y_factor", y_factor, -1)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        across, down = _lean(size, self.x_factor, seed), _lean(size, self.y_factor, seed)
        # About the middle of the first pixel.
        return {"matrix": _matrix(across, (1.0, across, across * -0.5), (down, 1.0, down * -0.5))}


def _lean(size: Size, factor: Limits, seed: Seed) -> Tensor:
    """Return how far each image is sheared, in either direction."""
    lean = uniform(size, factor, seed)
    return ops.where(uniform(size, (0.0, 1.0), seed) < 0.5, -lean, lean)


class RandomPerspective(_Mapped):
    """In training, looks at images from aside: each corner is moved by up to `scale / 4` of width and height.

    Sides then become longer or shorter by up to `scale / 2`, as they do in Keras, where the corner at the upper left is
    never moved. No picture is folded.

    Args:
        factor: The chance that an image is changed: a pair to draw it between, for each image, or a number: from 0 to
            it. So 1.0 changes every other image, and (1.0, 1.0) all of them.
        scale: How much, from 0 to 1.
        interpolation: "bilinear" or "nearest". Masks are always taken from the nearest pixel.
        fill_value: What comes from outside of the picture.
        seed: An integer, a `SeedGenerator`, or None.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: `interpolation` is unknown, or `factor` or `scale` out of their range.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomPerspective(scale=0.5, seed=1)
    >>> layer(keras.ops.ones((2, 4, 4, 3)), training=True).shape[1:] == (4, 4, 3)
    True
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(
            interpolation=interpolation, fill_value=fill_value, seed=seed, data_format=data_format, **kwargs
        )
        self.factor: Limits = limits(self, "factor", factor)
        if not number(scale) or not 0 <= scale <= 1:
            raise ValueError(f"Expected `scale` of {where(self)} to be a number from 0 to 1, got {scale!r}.")
        self.scale = scale

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        selection = ops.squeeze(choose(size, self.factor, seed), -1)
        moves = uniform(size, (-self.scale / 4, self.scale / 4), seed, 4, 2)
        sides = ops.stack(_middle(size)) * 2
        corners = ops.convert_to_tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], "float32")
        start = ops.zeros_like(moves) + corners * sides
        numbers = homography(start, start + moves * sides)
        ones = ops.ones_like(numbers[:, :1])
        matrix = ops.reshape(ops.concatenate([numbers, ones], axis=-1), (-1, 3, 3))
        return {"matrix": ops.where(selection, matrix, ops.eye(3, dtype="float32"))}


# ---- elastic maps -------------------------------------------------------------------------------------------------


class RandomElasticTransform(_Sampled):
    """In training, moves every pixel of an image at random, and neighbours alike.

    Noise is smoothed by a Gaussian, and pixels are moved by it: the larger what is drawn from `scale`, the further and
    the smoother. Each image has its own noise and strength, and masks and boxes move with it. (In Keras all images of a
    batch have one strength, masks move in another way than the images, and boxes can't be given.)

    Source: Simard et al., Best practices for convolutional neural networks applied to visual document analysis, 2003.

    Args:
        factor: The chance that an image is changed: a pair to draw it between, for each image, or a number: from 0 to
            it. So 1.0 changes every other image, and (1.0, 1.0) all of them.
        scale: The strength: a pair to draw between, from 0 to 1, or a number: from 0 to it.
        interpolation: "bilinear" or "nearest". Masks are always taken from the nearest pixel.
        fill_mode: What lies outside of the picture, as `RandomRotation` has it.
        fill_value: What fills, where `fill_mode` is "constant".
        value_range: The least and the largest value of a pixel: what fills is cut off there.
        seed: An integer, a `SeedGenerator`, or None.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: An option is unknown or out of its range.

    >>> import kerasfront as keras
    >>> layer = keras.layers.RandomElasticTransform((1.0, 1.0), seed=1, data_format="channels_last")
    >>> y = layer(keras.ops.ones((2, 8, 8, 3)), training=True)
    >>> tuple(y.shape), round(float(keras.ops.mean(y)), 4)
    ((2, 8, 8, 3), 1.0)
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float | Sequence[float] = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(
            fill_mode=fill_mode, interpolation=interpolation, fill_value=fill_value, seed=seed, data_format=data_format,
            **kwargs,
        )  # fmt: skip
        self.factor: Limits = limits(self, "factor", factor)
        self.scale: Limits = limits(self, "scale", scale)
        self.value_range: Any = value_range_of(self, value_range)

    def get_elastic_transform_params(self, height: Any, width: Any, factor: Any) -> tuple[Any, Any]:
        """Return the factor of the smoothed noise, and the standard deviation that smooths it, both in pixels.

        Args:
            height: The height of the image.
            width: Its width.
            factor: The strength.
        """
        if isinstance(height, int) and isinstance(width, int):
            return max(height, width) * 0.1 * factor, min(height, width) * 0.05 * factor
        longer, shorter = (ops.cast(f(height, width), "float32") for f in (ops.maximum, ops.minimum))
        return longer * 0.1 * factor, shorter * 0.05 * factor

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        selection = choose(size, self.factor, seed)
        strength = uniform(size, self.scale, seed)
        alpha, sigma = self.get_elastic_transform_params(size[1], size[2], ops.reshape(strength, (-1, 1, 1)))
        noise = uniform(size, (-1.0, 1.0), seed, 2, size[1], size[2])
        # The axes of the images last, for the products: first over the rows, then over the columns.
        rows, columns = (ops.expand_dims(_smoothing(n, sigma), 1) for n in size[1:])
        smooth = ops.matmul(ops.matmul(rows, noise), ops.swapaxes(columns, -1, -2))
        moves = ops.transpose(smooth * ops.expand_dims(alpha, -1), (0, 2, 3, 1))
        return {"moves": ops.where(selection, moves, 0.0)}

    def _kf_sample(self, images: Tensor, transformation: Transformation, interpolation: str) -> Tensor:
        rows, columns = (place + transformation["moves"][..., i] for i, place in enumerate(grid(images)))
        return sampled(images, rows, columns, _INTERPOLATIONS.index(interpolation), self.fill_mode, self.fill_value)

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        out = super()._kf_on_images(images, transformation)
        return ops.clip(out, *self.value_range) if self.fill_mode == "constant" else out

    def _kf_on_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        xs, ys = _outlines(boxes)
        x, y = xs, ys
        # The pixel at p shows what was at p + move(p): where a point has come to lie is found step by step.
        for _ in range(_STEPS):
            moves = sampled(transformation["moves"], y - 0.5, x - 0.5, 1, "nearest", 0.0)
            y, x = ys - moves[..., 0], xs - moves[..., 1]
        return enclosing(x, y)


# How many points of a side of a box are followed, and in how many steps.
_POINTS, _STEPS = 9, 8


def _smoothing(size: Any, sigma: Tensor) -> Tensor:
    """Return matrices (batch, size, size) that take a vector to its means by a Gaussian; sigma is (batch, 1, 1)."""
    places = ops.cast(ops.arange(size), "float32")
    distance = ops.expand_dims(places, 1) - places
    weights = ops.exp(-0.5 * ops.square(distance / ops.maximum(sigma, 1e-3)))
    return weights / ops.sum(weights, axis=-1, keepdims=True)


def _outlines(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the x and the y of points on the sides of boxes, both (batch, count, points)."""
    left, top, right, bottom = (boxes[..., i : i + 1] for i in range(4))
    share = ops.linspace(0.0, 1.0, _POINTS, dtype="float32")
    across, down = left + (right - left) * share, top + (bottom - top) * share
    fixed = ops.zeros_like(across)
    xs = ops.concatenate([across, across, left + fixed, right + fixed], axis=-1)
    ys = ops.concatenate([top + fixed, bottom + fixed, down, down], axis=-1)
    return xs, ys
