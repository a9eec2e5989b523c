"""The image op that draws: `keras.ops.image.elastic_transform`, which that namespace takes from here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kerasfront.ops import _draws
from kerasfront.ops.core import dtype_of
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.declare import INTERNAL, derived, public, sample
from kerasfront.ops.image._layouts import GREY, Layout, one_of, to_float
from kerasfront.ops.image.filters import filtered
from kerasfront.ops.image.sampling import FILL_MODES, grid, order_of, sampled
from kerasfront.ops.indexing import get_item
from kerasfront.random.seed_generator import draw_seed
from kerasfront.spec.dtypes import SAME
from kerasfront.typing import Tensor, TensorLike


@public("ops.image")
def elastic_transform(
    images: TensorLike,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Tensor:
    """Return images with every pixel moved at random, and neighbours alike.

    A pixel moves by `alpha` times noise that is smoothed over `sigma` pixels.

    Reference: Simard et al. (2003), "Best practices for convolutional neural networks applied to visual document
    analysis".

    Args:
        images: One image or a batch; each is moved in its own way.
        alpha: The strength: the noise is uniform from -1 to 1 before it is smoothed.
        sigma: The standard deviation of the Gaussian that smooths it, in pixels.
        interpolation: "bilinear" or "nearest".
        fill_mode: What lies outside: "constant", "nearest", "wrap", "mirror" or "reflect", as in `affine_transform`.
        fill_value: The constant.
        seed: An integer, a `keras.random.SeedGenerator`, or None for the global one.
        data_format: Where the channels are.

    Returns:
        A tensor like images.

    Raises:
        ValueError: An option is unknown, or the rank isn't 3 or 4.

    >>> from kerasfront import ops
    >>> x = ops.ones((8, 8, 1))
    >>> y = ops.image.elastic_transform(x, alpha=3.0, sigma=2.0, seed=1, data_format="channels_last")
    >>> tuple(y.shape), round(float(ops.mean(y)), 4)
    ((8, 8, 1), 1.0)
    """
    return _elastic(images, alpha, sigma, interpolation, fill_mode, fill_value, seed, data_format)


def _shape_only(out: Any, *args: Any, **kwargs: Any) -> Any:
    return np.array(out.shape)


@derived(
    dtype=SAME,
    name="elastic_transform",
    dtypes_tested=("float32", "uint8"),
    canonical=_shape_only,
    differentiable=False,
    samples=(sample(GREY, 3.0, 1.0, "bilinear", "reflect", 0.0, 7, "channels_last"),),
    spaces=INTERNAL,
)
def _elastic(
    images: TensorLike,
    alpha: float,
    sigma: float,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
    seed: Any,
    data_format: str | None,
) -> Tensor:
    """Compute `elastic_transform`, as a node of a graph."""
    order = order_of(interpolation)
    one_of("fill_mode", fill_mode, FILL_MODES)
    place = Layout(images, data_format)
    x = place.enter(images)
    batch, height, width, _ = shape_of(x)
    name = dtype_of(to_float(x))
    noise = _draws.uniform(draw_seed(seed), (batch, height, width, 2), -1.0, 1.0, name)
    taps = 2 * math.ceil(3 * sigma) + 1
    moves = filtered(noise, (taps, taps), (sigma, sigma)) * float(alpha)
    rows, columns = grid(x)
    moved = rows + get_item(moves, (Ellipsis, 0)), columns + get_item(moves, (Ellipsis, 1))
    return place.leave(sampled(x, *moved, order, fill_mode, fill_value))
