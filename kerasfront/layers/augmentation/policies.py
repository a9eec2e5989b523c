"""Policies: layers that apply several changes to an image, drawn from a list."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Unpack

import numpy as np

from kerasfront import ops, random
from kerasfront.bounding_boxes import corner_points, enclosing
from kerasfront.contract import current
from kerasfront.layers._configured import one_of, positive, where
from kerasfront.layers.augmentation import pixels
from kerasfront.layers.augmentation.base import FormatOptions, Size, Transformation
from kerasfront.layers.augmentation.color import ColourOptions, Colours, ends_of
from kerasfront.layers.augmentation.factors import Limits, limits, number
from kerasfront.ops.elementwise import rint
from kerasfront.random.seed_generator import Seed
from kerasfront.spec import KerasTensor
from kerasfront.typing import Tensor

# What is done to images by a strength from -1 to 1, at which the changes are the largest of Cubuk et al., AutoAugment,
# https://arxiv.org/abs/1805.09501 (table 6). At 0 nothing changes, but for the two that have no strength.
_GEOMETRIC = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
_ROTATED, _SHEARED, _TRANSLATED, _ENHANCED, _BITS = math.pi / 6, 0.3, 0.45, 0.9, 4.0


def _solarized(x: Any, strength: Any, ends: Limits) -> Any:
    # From 256, beyond all values of 8 bits, to 0.
    width = (ends[1] - ends[0]) * (256 / 255)
    return pixels.solarized(x, ends[0] + width * (1.0 - ops.abs(strength)), ends)


_COLOURED: dict[str, Callable[[Any, Any, Limits], Any]] = {
    "identity": lambda x, strength, ends: x,
    "auto_contrast": lambda x, strength, ends: pixels.stretched(x, ends),
    "equalize": lambda x, strength, ends: pixels.equalized(x, 256, ends),
    "posterize": lambda x, strength, ends: pixels.posterized(x, 8.0 - rint(_BITS * ops.abs(strength)), ends),
    "solarize": _solarized,
    "color": lambda x, strength, ends: pixels.blended(x, pixels.grey(x), -_ENHANCED * strength),
    "contrast": lambda x, strength, ends: pixels.contrasted(x, 1.0 + _ENHANCED * strength),
    "brightness": lambda x, strength, ends: (x - ends[0]) * (1.0 + _ENHANCED * strength) + ends[0],
    "sharpness": lambda x, strength, ends: pixels.blended(x, pixels.smoothed(x), -_ENHANCED * strength),
}
# The branches of a step: all geometric changes are one of them, with the transform that belongs to them.
_BRANCHES = (*_COLOURED, "warp")


class _Policy(Colours):
    """A layer that takes each image through steps, which are drawn for it: some changes, each with its strength."""

    def __init__(self, *, factor: float | Sequence[float], interpolation: str, **kwargs: Unpack[ColourOptions]) -> None:
        super().__init__(**kwargs)
        self.factor: Limits = limits(self, "factor", factor)
        self.interpolation: str = one_of(self, "interpolation", interpolation, ("nearest", "bilinear"))


def _draw_steps(
    layer: _Policy, size: Size, changes: Sequence[str], shape: tuple[int, ...], seed: Seed
) -> Transformation:
    """Return the steps of each image, (batch, *shape): branches, strengths, and transforms (batch, *shape, 8)."""
    whole = (size[0], *shape)
    choice = random.randint(whole, 0, len(changes), seed=seed)
    strength = random.uniform(whole, *layer.factor, dtype="float32", seed=seed)
    left = random.uniform(whole, dtype="float32", seed=seed) < 0.5
    strength = ops.where(left, -strength, strength)
    branch = np.array([_BRANCHES.index("warp" if c in _GEOMETRIC else c) for c in changes], "int32")
    amount = {c: ops.where(ops.equal(choice, changes.index(c)), strength, 0.0) for c in _GEOMETRIC}
    return {
        "branches": ops.take(branch, choice, axis=0),
        "strengths": strength,
        "transforms": _transforms(amount, *(ops.cast(n, "float32") for n in size[1:])),
    }


def _take_steps(layer: _Policy, images: Tensor, steps: Transformation) -> Tensor:
    """Return images after their steps, (batch, steps), one after the other."""
    ends = ends_of(layer)

    def warp(x: Tensor, strength: Tensor, transform: Tensor) -> Tensor:
        return _warp(x, transform, layer.interpolation, sum(ends) / 2)

    def coloured(change: Callable[[Any, Any, Limits], Any]) -> Callable[..., Any]:
        return lambda x, strength, transform: ops.clip(change(x, strength, ends), *ends)

    branches = [*map(coloured, _COLOURED.values()), warp]

    count = steps["branches"].shape[1]
    rows = {**steps, "images": images}

    def step(row: Any, i: Any, x: Any, apply: Callable[..., Any]) -> Any:
        strength = ops.reshape(row["strengths"][i], (1, 1, 1, 1))
        return apply(row["branches"][i], branches, x, strength, row["transforms"][i][None])

    def traced(row: Any) -> Any:
        return ops.fori_loop(0, count, lambda i, x: step(row, i, x, ops.switch), row["images"][None])[0]

    if isinstance(steps["branches"], KerasTensor) or not current().has_value(steps["branches"]):
        return ops.map(traced, rows)
    results = []
    for k, chosen in enumerate(ops.convert_to_numpy(steps["branches"])):
        row = {**{key: value[k] for key, value in rows.items()}, "branches": chosen}
        x = row["images"][None]
        for i in range(count):
            x = step(row, i, x, lambda branch, branches, *args: branches[branch](*args))
        results.append(x[0])
    return ops.stack(results) if results else images


def _warp(x: Tensor, transform: Tensor, interpolation: str, fill: float) -> Tensor:
    """Return images, or masks, by transforms."""
    return ops.image.affine_transform(x, transform, interpolation, "constant", fill, "channels_last")


def _transforms(amount: dict[str, Any], height: Any, width: Any) -> Any:
    """Return what `affine_transform` takes, for strengths of the geometric changes of which at most one isn't 0."""
    angle = amount["rotate"] * _ROTATED
    a, b = ops.cos(angle), ops.sin(angle) + amount["shear_x"] * _SHEARED
    c, d = amount["shear_y"] * _SHEARED - ops.sin(angle), ops.cos(angle)
    x, y = (width - 1.0) / 2, (height - 1.0) / 2
    from_x = x + amount["translate_x"] * _TRANSLATED * width
    from_y = y + amount["translate_y"] * _TRANSLATED * height
    zero = ops.zeros_like(a)
    return ops.stack([a, b, x - a * from_x - b * from_y, c, d, y - c * from_x - d * from_y, zero, zero], axis=-1)


def _moved(boxes: Any, transform: Any) -> Any:
    """Return boxes (batch, count, 4) around what they held, after a transform (batch, 8), whose determinant is 1."""
    a, b, right, c, d, down = (ops.reshape(transform[:, i], (-1, 1, 1)) for i in range(6))
    # Transforms take middles of pixels, which lie half a pixel behind the edges that boxes count from.
    xs, ys = corner_points(boxes)
    x, y = xs - 0.5 - right, ys - 0.5 - down
    return enclosing(d * x - b * y + 0.5, a * y - c * x + 0.5)


class RandAugment(_Policy):
    """In training, takes each image through some changes, which are drawn from a list of fourteen.

    The list: none, auto contrast, equalization, rotation, solarization, colour, posterization, contrast, brightness,
    sharpness, and shearing and translation along each axis. Masks and boxes move with the pixels. What comes from
    outside of the picture has the value in the middle of the range, and is 0 in masks. (In Keras all images of a batch
    go through the same changes, of which some are strong where the factor is 0.)

    Args:
        value_range: The least and the largest value of a pixel.
        num_ops: The number of changes of an image.
        factor: Their strength: a pair to draw between for each, or a number: from 0 to it. 0 changes nothing (but for
            auto contrast and equalization), 1 is the strongest of the paper: 30 degrees, say, or 45 % of the width.
        interpolation: "bilinear" or "nearest".
        seed: An integer, a `SeedGenerator`, or None.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: An argument is something else, or an image has other than three channels or one.

    Source: Cubuk et al., https://arxiv.org/abs/1909.13719

    >>> import kerasfront as keras
    >>> keras.layers.RandAugment()(keras.ops.ones((2, 8, 8, 3)), training=True).shape[1:] == (8, 8, 3)
    True
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_ops: int = 2,
        factor: float | Sequence[float] = 0.5,
        interpolation: str = "bilinear",
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(
            value_range=value_range, factor=factor, interpolation=interpolation, seed=seed, data_format=data_format,
            **kwargs,
        )  # fmt: skip
        self.num_ops: int = positive(self, "num_ops", num_ops)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        return _draw_steps(self, size, (*_COLOURED, *_GEOMETRIC), (self.num_ops,), seed)

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        return _take_steps(self, images, {key: transformation[key] for key in ("branches", "strengths", "transforms")})

    def _kf_on_masks(self, masks: Tensor, transformation: Transformation) -> Tensor:
        for i in range(self.num_ops):
            masks = _warp(masks, transformation["transforms"][:, i], "nearest", 0)
        return masks

    def _kf_on_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        _, height, width = transformation["size"]
        whole = ops.cast(ops.stack([width, height, width, height]), "float32")
        for i in range(self.num_ops):
            boxes = ops.clip(_moved(boxes, transformation["transforms"][:, i]), 0.0, whole)
        return boxes


class AugMix(_Policy):
    """In training, blends each image with a mixture of versions of itself, each changed by a chain of its own.

    The changes are those of `RandAugment`, without "none". What is seen stays where it is, mostly: labels, boxes and
    masks don't change. (In Keras all images of a batch go through the same chains.)

    Args:
        value_range: The least and the largest value of a pixel.
        num_chains: The number of versions.
        chain_depth: The largest number of changes of a version; the number is drawn from 1 to it.
        factor: The strength of the changes, as `RandAugment` has it.
        alpha: The shares of the versions are drawn from a Dirichlet distribution, that of the image itself from
            Beta(alpha, alpha).
        all_ops: Whether colour, contrast, brightness and sharpness are among the changes, as they are among the
            corruptions of benchmarks.
        interpolation: "bilinear" or "nearest".
        seed: An integer, a `SeedGenerator`, or None.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: An argument is something else, or an image has other than three channels or one.

    Source: Hendrycks et al., https://arxiv.org/abs/1912.02781

    >>> import kerasfront as keras
    >>> keras.layers.AugMix()(keras.ops.ones((2, 8, 8, 3)), training=True).shape[1:] == (8, 8, 3)
    True
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: float | Sequence[float] = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: Seed = None,
        data_format: str | None = None,
        **kwargs: Unpack[FormatOptions],
    ) -> None:
        super().__init__(
            value_range=value_range, factor=factor, interpolation=interpolation, seed=seed, data_format=data_format,
            **kwargs,
        )  # fmt: skip
        self.num_chains: int
        self.chain_depth: int
        self.num_chains, self.chain_depth = (
            positive(self, name, n) for name, n in (("num_chains", num_chains), ("chain_depth", chain_depth))
        )
        if not number(alpha) or not alpha > 0:
            raise ValueError(f"Expected `alpha` of {where(self)} to be a positive number, got {alpha!r}.")
        self.alpha: float = alpha
        self.all_ops: bool = bool(all_ops)

    def _kf_draw(self, size: Size, seed: Seed) -> Transformation:
        left_out = {"identity"} | (set() if self.all_ops else {"color", "contrast", "brightness", "sharpness"})
        changes = [c for c in (*_COLOURED, *_GEOMETRIC) if c not in left_out]
        transformation = _draw_steps(self, size, changes, (self.num_chains, self.chain_depth), seed)
        depth = random.randint((size[0], self.num_chains, 1), 1, self.chain_depth + 1, seed=seed)
        unused = ops.arange(self.chain_depth, dtype="int32") >= depth
        transformation["branches"] = ops.where(unused, _BRANCHES.index("identity"), transformation["branches"])
        shares = random.gamma((size[0], self.num_chains), float(self.alpha), "float32", seed)
        transformation["chain_mixing_weights"] = shares / ops.sum(shares, axis=-1, keepdims=True)
        transformation["weight_sample"] = random.beta((size[0],), float(self.alpha), float(self.alpha), "float32", seed)
        return transformation

    def _kf_on_images(self, images: Tensor, transformation: Transformation) -> Tensor:
        batch, height, width, channels = ops.shape(images)
        shapes = {"branches": (), "strengths": (), "transforms": (8,)}
        steps = {key: ops.reshape(transformation[key], (-1, self.chain_depth, *rest)) for key, rest in shapes.items()}
        versions = _take_steps(self, ops.repeat(images, self.num_chains, axis=0), steps)
        versions = ops.reshape(versions, (batch, self.num_chains, height, width, channels))
        shares = ops.reshape(transformation["chain_mixing_weights"], (-1, self.num_chains, 1, 1, 1))
        own = ops.reshape(transformation["weight_sample"], (-1, 1, 1, 1))
        return pixels.blended(ops.sum(versions * shares, axis=1), images, own)
