"""Images sampled at coordinates: affine, perspective and elastic transformations."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

from kerasfront.errors import ShapeError
from kerasfront.ops.core import cast, dtype_of
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import arange, zeros_like
from kerasfront.ops.declare import IMAGE, Array, Indices, derived, sample
from kerasfront.ops.declare.bodies import dims_of, rank_of
from kerasfront.ops.elementwise import (
    abs,
    clip,
    floor,
    logical_and,
    maximum,
    minimum,
    mod,
    select_where,
)
from kerasfront.ops.image._layouts import ALL, GREY, Layout, like, one_of, to_float
from kerasfront.ops.indexing import get_item, take
from kerasfront.ops.matrices import solve
from kerasfront.ops.shaping import concatenate, expand_dims, reshape, stack
from kerasfront.spec import dtypes, unknown
from kerasfront.spec.dtypes import SAME
from kerasfront.typing import Tensor, TensorLike

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


def _place(index: Any, size: Any, mode: str) -> Any:
    """Return where an integer coordinate that may lie outside is looked up."""
    if mode == "wrap":
        return mod(index, size)
    if mode == "mirror":
        period = maximum(2 * (size - 1), 1) if not isinstance(size, int) else builtins.max(2 * (size - 1), 1)
        return (size - 1) - abs(mod(index, period) - (size - 1))
    if mode == "reflect":
        place = mod(index, 2 * size)
        return minimum(place, 2 * size - 1 - place)
    return index


def _looked_up(values: Any, base: Any, sizes: Sequence[Any], corner: Sequence[Any], mode: str, fill: float) -> Any:
    """Return the rows of `values` at integer coordinates; `base` is where each picture begins."""
    flat, inside = base, None
    for index, size in zip(corner, sizes, strict=True):
        if mode == "constant":
            here = logical_and(index >= 0, index < size)
            inside = here if inside is None else logical_and(inside, here)
        flat = flat * size + clip(_place(index, size, mode), 0, size - 1)
    pixels = take(values, flat, 0)
    if inside is None:
        return pixels
    if len(pixels.shape) > len(inside.shape):
        inside = expand_dims(inside, -1)
    return select_where(inside, pixels, cast(fill, dtype_of(pixels)))


def _interpolated(
    values: Any, base: Any, sizes: Sequence[Any], coordinates: Sequence[Any], order: int, mode: str, fill: float
) -> Any:
    """Return the rows of `values`, pictures flattened one after the other, interpolated at the coordinates."""
    if order == 0:
        return _looked_up(values, base, sizes, [_whole(floor(c + 0.5)) for c in coordinates], mode, fill)
    lower = [floor(c) for c in coordinates]
    shares = [cast(c - low, dtype_of(values)) for c, low in zip(coordinates, lower, strict=True)]
    starts = [_whole(low) for low in lower]
    total = None
    for corner in range(2 ** len(starts)):
        upper = [corner >> i & 1 for i in range(len(starts))]
        parts = [share if up else 1.0 - share for share, up in zip(shares, upper, strict=True)]
        weight = reduce(operator.mul, parts)
        pixels = _looked_up(values, base, sizes, [s + up for s, up in zip(starts, upper, strict=True)], mode, fill)
        term = pixels * (weight if len(pixels.shape) == len(weight.shape) else expand_dims(weight, -1))
        total = term if total is None else total + term
    return total


def _whole(x: Any) -> Any:
    # Coordinates this far outside read the same as ones even farther away, and these fit into an integer.
    return cast(clip(x, -(2.0**24), 2.0**24), "int32")


def order_of(interpolation: str) -> int:
    return ("nearest", "bilinear").index(one_of("interpolation", interpolation, ("nearest", "bilinear")))


def sampled(x: TensorLike, rows: TensorLike, columns: TensorLike, order: int, mode: str, fill: float) -> Tensor:
    """Return pictures (batch, height, width, channels) at rows and columns, both (batch, height', width').

    `order` is 0 for the nearest pixel and 1 for bilinear interpolation; `mode` and `fill` say what lies outside.
    """
    batch, height, width, channels = shape_of(x)
    values = reshape(to_float(x), (batch * height * width, channels))
    base = reshape(arange(batch, dtype="int32"), (batch, 1, 1))
    return like(_interpolated(values, base, (height, width), (rows, columns), order, mode, fill), dtype_of(x))


def _sizes_of(x: Any) -> tuple[Any, Any, str]:
    """Return height and width, and the dtype of coordinates."""
    _, height, width, _ = shape_of(x)
    return height, width, dtype_of(to_float(x))


def grid(x: TensorLike) -> tuple[Any, Any]:
    """Return the row and the column of each pixel, (1, height, 1) and (1, 1, width)."""
    height, width, name = _sizes_of(x)
    rows, columns = cast(arange(height), name), cast(arange(width), name)
    return reshape(rows, (1, height, 1)), reshape(columns, (1, 1, width))


def _projected(x: Any, transform: Any) -> tuple[Any, Any]:
    """Return where in the input each pixel of the output comes from."""
    rows, columns = grid(x)
    a = [reshape(get_item(transform, (ALL, i)), (-1, 1, 1)) for i in range(8)]
    depth = a[6] * columns + a[7] * rows + 1.0
    return (a[3] * columns + a[4] * rows + a[5]) / depth, (a[0] * columns + a[1] * rows + a[2]) / depth


_MATRIX = [0.9, 0.2, 0.31, -0.1, 1.1, -0.43, 0.01, 0.02]
_MOVED = Array(values=[_MATRIX], dtype="float32")


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "float64", "uint8"),
    tolerance=32,
    samples=(
        *(sample(GREY, _MOVED, i, m, 7.0) for i, m in zip(("bilinear", "nearest") * 3, FILL_MODES, strict=False)),
        sample(Array((5, 6, 2), 0, 9), Array(values=_MATRIX, dtype="float32")),
        sample(Array((2, 5, 6), 0, 9), Array(values=_MATRIX, dtype="float32"), data_format="channels_first"),
    ),
    spaces=IMAGE,
)
def affine_transform(
    images: TensorLike,
    transform: Indices,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Return images moved, turned, sheared or projected.

    The pixel (x, y) of the result is taken from ((a0 x + a1 y + a2) / k, (a3 x + a4 y + a5) / k) of the input, with
    k = a6 x + a7 y + 1; x counts columns, y rows. (Keras heeds a6 and a7 on TensorFlow only.)

    Args:
        images: One image or a batch.
        transform: A tensor of shape (8,), or (batch, 8): a0 to a7.
        interpolation: "bilinear" or "nearest".
        fill_mode: What lies outside: "constant" (`fill_value`), "nearest" (a a a | a b c d | d d d), "wrap"
            (b c d | a b c d | a b c), "mirror" (d c b | a b c d | c b a) or "reflect" (c b a | a b c d | d c b).
        fill_value: A number.
        data_format: Where the channels are.

    Returns:
        A tensor like images.

    Raises:
        ValueError: An option is unknown, or a rank is wrong.

    >>> from kerasfront import ops
    >>> x = ops.reshape([1.0, 2.0, 3.0, 4.0], (2, 2, 1))
    >>> y = ops.image.affine_transform(x, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], data_format="channels_last")
    >>> ops.convert_to_numpy(y)[..., 0].tolist()
    [[2.0, 0.0], [4.0, 0.0]]
    """
    order = order_of(interpolation)
    one_of("fill_mode", fill_mode, FILL_MODES)
    if rank_of(transform) not in (1, 2) or dims_of(transform)[-1] != 8:
        raise ShapeError(f"Expected `transform` of shape (8,) or (batch, 8), got {tuple(dims_of(transform))}.")
    place = Layout(images, data_format)
    x = place.enter(images)
    a = cast(transform, _sizes_of(x)[2])
    rows, columns = _projected(x, expand_dims(a, 0) if len(a.shape) == 1 else a)
    return place.leave(sampled(x, rows, columns, order, fill_mode, fill_value))


_CORNERS = [[[0, 0], [5, 0], [0, 4], [5, 4]]]
_ENDS = [[[0.2, 0.5], [4.7, 0.3], [0.1, 3.9], [5.5, 4.2]]]


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "float64", "uint8"),
    tolerance=64,
    samples=(
        sample(GREY, Array(values=_CORNERS, dtype="float32"), Array(values=_ENDS, dtype="float32")),
        sample(
            Array((5, 6, 2), 0, 9),
            Array(values=_CORNERS[0], dtype="float32"),
            Array(values=_ENDS[0], dtype="float32"),
            "nearest",
            3,
        ),
    ),
    spaces=IMAGE,
)
def perspective_transform(
    images: TensorLike,
    start_points: Indices,
    end_points: Indices,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Return images projected so that four points come to lie elsewhere.

    Args:
        images: One image or a batch.
        start_points: Four points (x, y) of the input, of shape (4, 2) or (batch, 4, 2); x counts columns, y rows.
        end_points: Where they come to lie in the result, likewise.
        interpolation: "bilinear" or "nearest".
        fill_value: What comes from outside of the picture.
        data_format: Where the channels are.

    Returns:
        A tensor like images.

    Raises:
        ValueError: An option is unknown, or a shape is wrong.

    >>> from kerasfront import ops
    >>> x = ops.reshape([1.0, 2.0, 3.0, 4.0], (2, 2, 1))
    >>> corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> flipped = [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    >>> y = ops.image.perspective_transform(x, corners, flipped, data_format="channels_last")
    >>> ops.convert_to_numpy(y)[..., 0].round(3).tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    order = order_of(interpolation)
    place = Layout(images, data_format)
    x = place.enter(images)
    points = []
    for name, corners in (("start_points", start_points), ("end_points", end_points)):
        if rank_of(corners) not in (2, 3) or tuple(dims_of(corners)[-2:]) != (4, 2):
            raise ShapeError(f"Expected `{name}` of shape (4, 2) or (batch, 4, 2), got {tuple(dims_of(corners))}.")
        floats = cast(corners, _sizes_of(x)[2])
        points.append(expand_dims(floats, 0) if rank_of(corners) == 2 else floats)
    rows, columns = _projected(x, homography(*points))
    return place.leave(sampled(x, rows, columns, order, "constant", fill_value))


def homography(to: TensorLike, of: TensorLike) -> Tensor:
    """Return the eight numbers of the projection that takes the points `of` to the points `to`, both (batch, 4, 2)."""
    x, y = get_item(of, (Ellipsis, 0)), get_item(of, (Ellipsis, 1))
    u, v = get_item(to, (Ellipsis, 0)), get_item(to, (Ellipsis, 1))
    one, zero = zeros_like(x) + 1.0, zeros_like(x)
    of_x = stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)
    of_y = stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    return solve(concatenate([of_x, of_y], -2), concatenate([u, v], -1))


_POINTS = [[-1.3, -0.4, 0.0, 0.6, 1.4, 2.9, 3.0, 3.2, 3.7, 5.1], [0.2, 0.3, 1.7, 2.2, 4.6, -0.7, 3.1, 2.8, 5.3, 0.1]]


@derived(
    dtype=SAME,
    dtypes_tested=("float32", "float64", "uint8"),
    tolerance=8,
    samples=(
        *(sample(Array((4, 5), 0, 9), Array(values=_POINTS, dtype="float32"), 1, m, 9.0) for m in FILL_MODES),
        sample(Array((4, 5), 0, 9), Array(values=_POINTS, dtype="float32"), 0, "reflect"),
        sample(Array((5,)), Array(values=[[0.5, 2.25]], dtype="float32"), 1),
        sample(Array((3, 4, 2)), Array((3, 2, 2), 0.1, 0.9, dtype="float32"), 1),
    ),
    spaces=IMAGE,
)
def map_coordinates(
    inputs: TensorLike, coordinates: Indices, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Tensor:
    """Return a tensor interpolated at coordinates, as `scipy.ndimage.map_coordinates` does with its "grid" modes.

    Args:
        inputs: A tensor of rank n.
        coordinates: A float tensor of shape (n, ...): a coordinate for each axis; the first element is at 0.
        order: 0 for the nearest element (halves go up), 1 for linear interpolation.
        fill_mode: What lies outside: "constant" (`fill_value`), "nearest" (a a a | a b c d | d d d), "wrap"
            (b c d | a b c d | a b c), "mirror" (d c b | a b c d | c b a) or "reflect" (c b a | a b c d | d c b).
        fill_value: A number.

    Returns:
        A tensor of the shape coordinates.shape[1:] and the dtype of the inputs.

    Raises:
        ValueError: The order or the fill mode is another, or the shapes don't fit.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.image.map_coordinates([0.0, 10.0, 20.0], [[0.5, 2.0]], order=1)).tolist()
    [5.0, 20.0]
    """
    if order not in (0, 1):
        raise ValueError(f"Expected `order` to be 0 or 1, got {order!r}.")
    one_of("fill_mode", fill_mode, FILL_MODES)
    rank = rank_of(inputs)
    if rank_of(coordinates) < 1 or (dims_of(coordinates)[0] != rank and not unknown(dims_of(coordinates)[0])):
        raise ShapeError(f"Expected `coordinates` of shape ({rank}, ...), got {tuple(dims_of(coordinates))}.")
    name = dtype_of(inputs)
    values = reshape(to_float(inputs), (-1,))
    wide = dtypes.promote(dtype_of(values), dtype_of(to_float(coordinates)))
    places = [get_item(cast(coordinates, wide), i) for i in range(rank)]
    out = _interpolated(values, 0, shape_of(inputs), places, order, fill_mode, fill_value)
    return like(out, name)
