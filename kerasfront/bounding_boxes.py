"""Bounding boxes: formats, moving, comparing, encoding. The body of `keras.utils.bounding_boxes`.

Boxes are tensors or arrays of shape (..., 4), mostly (count, 4) or (batch, count, 4). A picture of height h and width w
reaches from 0 to h and from 0 to w: its first pixel from 0 to 1. The formats, in upper or lower case, are:

- "xyxy": left, top, right, bottom; "yxyx": top, left, bottom, right
- "xywh": left, top, width, height
- "center_xywh": the middle, width, height; "center_yxhw": the same with y first
- each of them after "rel_": as fractions of the picture's width and height
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from kerasfront import ops, settings
from kerasfront.errors import ShapeError, suggest
from kerasfront.spec import dtypes
from kerasfront.typing import DTypeLike, Tensor, TensorLike

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]

# Left, top, right and bottom, or the four numbers of another format, each of shape (...).
_Coordinates = tuple[Tensor, Tensor, Tensor, Tensor]

# For each format the function to left, top, right and bottom, and the one from these (x, y, r, b).
_LAYOUTS: dict[str, tuple[Callable[..., _Coordinates], Callable[..., _Coordinates]]] = {
    "xyxy": (lambda a, b, c, d: (a, b, c, d), lambda x, y, r, b: (x, y, r, b)),
    "yxyx": (lambda a, b, c, d: (b, a, d, c), lambda x, y, r, b: (y, x, b, r)),
    "xywh": (lambda a, b, c, d: (a, b, a + c, b + d), lambda x, y, r, b: (x, y, r - x, b - y)),
    "center_xywh": (
        lambda a, b, c, d: (a - c / 2, b - d / 2, a + c / 2, b + d / 2),
        lambda x, y, r, b: ((x + r) / 2, (y + b) / 2, r - x, b - y),
    ),
    "center_yxhw": (
        lambda a, b, c, d: (b - d / 2, a - c / 2, b + d / 2, a + c / 2),
        lambda x, y, r, b: ((y + b) / 2, (x + r) / 2, b - y, r - x),
    ),
}
FORMATS = (*_LAYOUTS, *(f"rel_{name}" for name in _LAYOUTS))


def _format(name: str) -> tuple[str, bool]:
    """Return the layout of a format, and whether it is relative.

    Raises:
        ValueError: No format has the name.
    """
    lower = name.lower() if isinstance(name, str) else name
    if lower not in FORMATS:
        raise ValueError(
            f"Expected a bounding box format, one of {', '.join(FORMATS)}, got {name!r}.{suggest(lower, FORMATS)}"
        )
    return lower.removeprefix("rel_"), lower.startswith("rel_")


def _boxes(boxes: TensorLike, dtype: str) -> Tensor:
    x = ops.convert_to_tensor(boxes)
    if not len(x.shape) or x.shape[-1] != 4:
        raise ShapeError(f"Expected boxes of shape (..., 4), got {tuple(x.shape)}.")
    return ops.cast(x, dtype)


def _wide(dtype: str) -> str:
    """Return the dtype that coordinates are computed in: half precision can't count the pixels of a large picture."""
    return "float64" if dtype == "float64" else "float32"


def _side(size: TensorLike, dtype: str) -> float | Tensor:
    """Return a size that multiplies coordinates (batch, count): a number, or one for each picture of the batch."""
    if isinstance(size, (int, float)):
        return size
    x = ops.cast(ops.convert_to_tensor(size), dtype)
    return ops.expand_dims(x, -1) if len(x.shape) else x


def _scaled(
    corners: _Coordinates, height: float | Tensor, width: float | Tensor, inverse: bool = False
) -> _Coordinates:
    left, top, right, bottom = corners
    if inverse:
        return left / width, top / height, right / width, bottom / height
    return left * width, top * height, right * width, bottom * height


def _corners(boxes: Tensor, layout: str) -> _Coordinates:
    """Return left, top, right and bottom, each of shape (...)."""
    return _LAYOUTS[layout][0](*(boxes[..., i] for i in range(4)))


def _from_corners(corners: _Coordinates, layout: str) -> Tensor:
    return ops.stack(list(_LAYOUTS[layout][1](*corners)), axis=-1)


@overload
def convert_format(
    boxes: dict[str, Any],
    source: str,
    target: str,
    height: TensorLike | None = None,
    width: TensorLike | None = None,
    dtype: DTypeLike = "float32",
) -> dict[str, Any]: ...
@overload
def convert_format(
    boxes: TensorLike,
    source: str,
    target: str,
    height: TensorLike | None = None,
    width: TensorLike | None = None,
    dtype: DTypeLike = "float32",
) -> Tensor: ...
def convert_format(
    boxes: TensorLike | dict[str, Any],
    source: str,
    target: str,
    height: TensorLike | None = None,
    width: TensorLike | None = None,
    dtype: DTypeLike = "float32",
) -> Tensor | dict[str, Any]:
    """Convert boxes to another format.

    Args:
        boxes: A tensor or array of shape (..., 4), or a dict with it under "boxes"; the rest of the dict stays.
        source: The format of the boxes.
        target: The format of the result.
        height: The height of the picture, where one of the formats is relative and the other isn't; a tensor of
            shape (batch,) where pictures differ.
        width: The width of the picture, likewise.
        dtype: The dtype of the result.

    Returns:
        A tensor of the same shape, or such a dict.

    Raises:
        ValueError: A format is unknown, a needed size is missing, or the boxes have another shape.

    >>> import kerasfront as keras
    >>> boxes = keras.utils.bounding_boxes.convert_format([[10, 20, 30, 50]], "xyxy", "rel_xywh", height=100, width=50)
    >>> keras.ops.convert_to_numpy(boxes).round(4).tolist()
    [[0.20000000298023224, 0.20000000298023224, 0.4000000059604645, 0.30000001192092896]]
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    (layout, is_relative), (new_layout, new_is_relative) = _format(source), _format(target)
    wide = _wide(dtypes.standardize(dtype))
    x = _boxes(boxes, wide)
    if (layout, is_relative) == (new_layout, new_is_relative):
        return ops.cast(x, dtype)
    corners = _corners(x, layout)
    if is_relative != new_is_relative:
        if height is None or width is None:
            raise ValueError(
                f"Converting boxes from {source!r} to {target!r} needs the `height` and `width` of the picture, "
                f"got {height} and {width}."
            )
        corners = _scaled(corners, _side(height, wide), _side(width, wide), inverse=new_is_relative)
    return ops.cast(_from_corners(corners, new_layout), dtype)


@overload
def clip_to_image_size(
    bounding_boxes: dict[str, Any],
    height: TensorLike | None = None,
    width: TensorLike | None = None,
    bounding_box_format: str = "xyxy",
) -> dict[str, Any]: ...
@overload
def clip_to_image_size(
    bounding_boxes: TensorLike,
    height: TensorLike | None = None,
    width: TensorLike | None = None,
    bounding_box_format: str = "xyxy",
) -> Tensor: ...
def clip_to_image_size(
    bounding_boxes: TensorLike | dict[str, Any],
    height: TensorLike | None = None,
    width: TensorLike | None = None,
    bounding_box_format: str = "xyxy",
) -> Tensor | dict[str, Any]:
    """Cut boxes off at the borders of the picture. A box of which nothing is left gets the label -1.

    Args:
        bounding_boxes: A dict with "boxes" (..., count, 4) and, mostly, "labels" (..., count); or the boxes alone.
        height: The height of the picture; not needed where the format is relative.
        width: The width of the picture.
        bounding_box_format: The format of the boxes. (Keras: "xyxy" and "rel_xyxy" only.)

    Returns:
        The same, with boxes in float32 (or float64, as they came).

    Raises:
        ValueError: The format is unknown, or a needed size is missing.

    >>> import kerasfront as keras
    >>> boxes = {"boxes": [[-5.0, 2.0, 4.0, 6.0], [10.0, 0.0, 12.0, 3.0]], "labels": [1, 2]}
    >>> clipped = keras.utils.bounding_boxes.clip_to_image_size(boxes, height=8, width=8)
    >>> keras.ops.convert_to_numpy(clipped["boxes"]).tolist(), keras.ops.convert_to_numpy(clipped["labels"]).tolist()
    ([[0.0, 2.0, 4.0, 6.0], [8.0, 0.0, 8.0, 3.0]], [1, -1])
    """
    if not isinstance(bounding_boxes, dict):
        boxes: Tensor = clip_to_image_size({"boxes": bounding_boxes}, height, width, bounding_box_format)["boxes"]
        return boxes
    layout, relative = _format(bounding_box_format)
    if not relative and (height is None or width is None):
        raise ValueError(
            f"Boxes in the format {bounding_box_format!r} are clipped to the `height` and `width` of the picture, "
            f"got {height} and {width}."
        )
    boxes = ops.convert_to_tensor(bounding_boxes["boxes"])
    boxes = _boxes(boxes, _wide(ops.dtype(boxes)))
    h: float | Tensor = 1
    w: float | Tensor = 1
    if height is not None and width is not None and not relative:
        h, w = _side(height, ops.dtype(boxes)), _side(width, ops.dtype(boxes))
    left, top, right, bottom = _corners(boxes, layout)
    left, right = ops.clip(left, 0, w), ops.clip(right, 0, w)
    top, bottom = ops.clip(top, 0, h), ops.clip(bottom, 0, h)
    out = {**bounding_boxes, "boxes": _from_corners((left, top, right, bottom), layout)}
    if "labels" in bounding_boxes:
        labels = ops.convert_to_tensor(bounding_boxes["labels"])
        empty = ops.logical_or(ops.less_equal(right, left), ops.less_equal(bottom, top))
        empty = ops.expand_dims(empty, -1) if len(labels.shape) > len(empty.shape) else empty
        out["labels"] = ops.where(empty, ops.cast(-1, ops.dtype(labels)), labels)
    return out


# ---- moving -------------------------------------------------------------------------------------------------------


def _own_dtype(boxes: TensorLike) -> str:
    return _wide(ops.dtype(ops.convert_to_tensor(boxes)))


def _in_pixels(function: str, bounding_box_format: str) -> None:
    if _format(bounding_box_format)[1]:
        raise ValueError(
            f"bounding_boxes.{function} moves boxes by pixels, and doesn't know the size of the picture: convert them "
            f"from {bounding_box_format!r} to a format in pixels first."
        )


def enclosing(xs: Tensor, ys: Tensor) -> Tensor:
    """Return the boxes, as left, top, right, bottom, around points: xs and ys have the shape (..., points)."""
    sides = [ops.amin(xs, -1), ops.amin(ys, -1), ops.amax(xs, -1), ops.amax(ys, -1)]
    return ops.stack(sides, axis=-1)


def corner_points(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the x and the y of the four corners of boxes that are left, top, right, bottom: both (..., 4)."""
    left, top, right, bottom = _corners(boxes, "xyxy")
    return ops.stack([left, right, left, right], axis=-1), ops.stack([top, top, bottom, bottom], axis=-1)


def affine_transform(
    boxes: TensorLike,
    angle: TensorLike,
    translate_x: TensorLike,
    translate_y: TensorLike,
    scale: TensorLike,
    shear_x: TensorLike,
    shear_y: TensorLike,
    height: TensorLike,
    width: TensorLike,
    center_x: TensorLike | None = None,
    center_y: TensorLike | None = None,
    bounding_box_format: str = "xyxy",
) -> Tensor:
    """Move boxes with their picture, which is moved, then turned, sheared and scaled about a point.

    The result is the upright box around what becomes of each box.

    A picture of width w reaches from 0 to w, so that its middle is at w / 2. (Keras moves by fractions of w - 1, turns
    about (w - 1) / 2, and shears to the wrong side where it turns too.)

    Args:
        boxes: A tensor of shape (count, 4) or (batch, count, 4).
        angle: Degrees, counter-clockwise; this and the next five are numbers, or tensors of shape (batch,).
        translate_x: How far to the right, as a fraction of the width.
        translate_y: How far down, as a fraction of the height.
        scale: How many times larger.
        shear_x: The angle in degrees by which upright lines lean: what is lower moves to the right.
        shear_y: The angle in degrees by which level lines lean: what is further right moves down.
        height: The height of the picture.
        width: Its width.
        center_x: The fixed point, as a fraction of the width; None means the middle.
        center_y: Likewise, of the height.
        bounding_box_format: The format of the boxes.

    Returns:
        A tensor of the same shape and format. Boxes may reach out of the picture: see `clip_to_image_size`.

    >>> import kerasfront as keras
    >>> turned = keras.utils.bounding_boxes.affine_transform([[0.0, 0.0, 2.0, 1.0]], 90, 0, 0, 1, 0, 0, 4, 4)
    >>> keras.ops.convert_to_numpy(turned).round(3).tolist()
    [[0.0, 2.0, 1.0, 4.0]]
    """
    dtype = _own_dtype(boxes)

    def number(value: TensorLike) -> Tensor:
        """Return a value for each corner of each box (batch, count, 4)."""
        x = ops.cast(ops.convert_to_tensor(value), dtype)
        return ops.expand_dims(x, (-2, -1)) if len(x.shape) else x

    xs, ys = corner_points(convert_format(boxes, bounding_box_format, "xyxy", height, width, dtype))
    h, w = number(height), number(width)
    middle_x = w * (0.5 if center_x is None else number(center_x))
    middle_y = h * (0.5 if center_y is None else number(center_y))
    xs, ys = xs + number(translate_x) * w - middle_x, ys + number(translate_y) * h - middle_y
    rotation, lean_x, lean_y = (number(a) * (math.pi / 180) for a in (angle, shear_x, shear_y))
    xs, ys = ops.cos(rotation) * xs + ops.sin(rotation) * ys, ops.cos(rotation) * ys - ops.sin(rotation) * xs
    ys = ys + ops.tan(lean_y) * xs
    xs = xs + ops.tan(lean_x) * ys
    upright = enclosing(number(scale) * xs + middle_x, number(scale) * ys + middle_y)
    return convert_format(upright, "xyxy", bounding_box_format, height, width, dtype)


def crop(
    boxes: TensorLike,
    top: TensorLike,
    left: TensorLike,
    height: TensorLike,
    width: TensorLike,
    bounding_box_format: str = "xyxy",
) -> Tensor:
    """Return the boxes in a part of the picture, cut off at its borders.

    Args:
        boxes: A tensor of shape (count, 4) or (batch, count, 4).
        top: How many pixels of the picture are above the part; a tensor of shape (batch,) where pictures differ.
        left: How many are to the left of it.
        height: The height of the part.
        width: Its width.
        bounding_box_format: A format in pixels. (Keras: "xyxy" only.)

    Returns:
        A tensor of the same shape and format; a box outside of the part has no area.

    Raises:
        ValueError: The format is unknown, or relative.

    >>> import kerasfront as keras
    >>> boxes = [[10.0, 20.0, 50.0, 60.0]]
    >>> keras.ops.convert_to_numpy(keras.utils.bounding_boxes.crop(boxes, 10, 20, 40, 30)).tolist()
    [[0.0, 10.0, 30.0, 40.0]]
    """
    _in_pixels("crop", bounding_box_format)
    return clip_to_image_size(_moved(boxes, top, left, bounding_box_format, -1), height, width, bounding_box_format)


def pad(
    boxes: TensorLike,
    top: TensorLike,
    left: TensorLike,
    height: TensorLike | None = None,
    width: TensorLike | None = None,
    bounding_box_format: str = "xyxy",
) -> Tensor:
    """Return the boxes after rows and columns were put before the picture.

    Args:
        boxes: A tensor of shape (count, 4) or (batch, count, 4).
        top: How many rows were put above; a tensor of shape (batch,) where pictures differ.
        left: How many columns were put on the left.
        height: Not used; Keras has it.
        width: Not used.
        bounding_box_format: A format in pixels. (Keras: "xyxy" only.)

    Returns:
        A tensor of the same shape and format.

    Raises:
        ValueError: The format is unknown, or relative.

    >>> import kerasfront as keras
    >>> boxes = [[10.0, 20.0, 5.0, 6.0]]
    >>> moved = keras.utils.bounding_boxes.pad(boxes, top=1, left=2, bounding_box_format="xywh")
    >>> keras.ops.convert_to_numpy(moved).tolist()
    [[12.0, 21.0, 5.0, 6.0]]
    """
    _in_pixels("pad", bounding_box_format)
    return _moved(boxes, top, left, bounding_box_format)


def _moved(boxes: TensorLike, down: TensorLike, right: TensorLike, bounding_box_format: str, sign: int = 1) -> Tensor:
    layout, dtype = _format(bounding_box_format)[0], _own_dtype(boxes)
    x, y, r, b = _corners(_boxes(boxes, dtype), layout)
    dy, dx = sign * _side(down, dtype), sign * _side(right, dtype)
    return _from_corners((x + dx, y + dy, r + dx, b + dy), layout)


# ---- comparing ----------------------------------------------------------------------------------------------------


def _overlap(first: _Coordinates, second: _Coordinates) -> tuple[Tensor, Tensor, Tensor]:
    """Return intersection and union of boxes (corners that broadcast), and their quotient, 0 where both are empty."""
    (x1, y1, r1, b1), (x2, y2, r2, b2) = first, second
    width = ops.maximum(ops.minimum(r1, r2) - ops.maximum(x1, x2), 0)
    height = ops.maximum(ops.minimum(b1, b2) - ops.maximum(y1, y2), 0)
    shared = width * height
    union = (r1 - x1) * (b1 - y1) + (r2 - x2) * (b2 - y2) - shared
    return shared, union, ops.divide_no_nan(shared, union)


def compute_iou(
    boxes1: TensorLike,
    boxes2: TensorLike,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Sequence[int] | None = None,
) -> Tensor:
    """Compute the intersection over union of each box of one set with each of another.

    Args:
        boxes1: A tensor of shape (m, 4) or (batch, m, 4).
        boxes2: A tensor of shape (n, 4) or (batch, n, 4).
        bounding_box_format: The format of both.
        use_masking: Whether boxes of which all four numbers are negative are padding.
        mask_val: What a pair with padding gets.
        image_shape: Not used: the quotient is the same in pixels and in fractions of the picture.

    Returns:
        A tensor of shape (m, n), or (batch, m, n); 0 for two boxes without area.

    Raises:
        ValueError: The format is unknown, or the shapes are others.

    >>> import kerasfront as keras
    >>> keras.ops.convert_to_numpy(
    ...     keras.utils.bounding_boxes.compute_iou([[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 3.0, 2.0]], "xyxy")
    ... ).round(4).tolist()
    [[0.33329999446868896]]
    """
    layout = _format(bounding_box_format)[0]
    first, second = (_boxes(b, _own_dtype(b)) for b in (boxes1, boxes2))
    iou = _overlap(_corners(ops.expand_dims(first, -2), layout), _corners(ops.expand_dims(second, -3), layout))[2]
    if not use_masking:
        return iou
    padding = [ops.all(ops.less(b, 0), -1) for b in (first, second)]
    masked = ops.logical_or(ops.expand_dims(padding[0], -1), ops.expand_dims(padding[1], -2))
    return ops.where(masked, ops.cast(mask_val, ops.dtype(iou)), iou)


def compute_ciou(
    boxes1: TensorLike, boxes2: TensorLike, bounding_box_format: str, image_shape: Sequence[int] | None = None
) -> Tensor:
    """Compute the complete intersection over union of pairs of boxes.

    It is less than the plain one where the boxes are apart or differ in their aspect ratio.

    Source: Zheng et al., https://arxiv.org/abs/1911.08287

    Args:
        boxes1: A tensor of shape (..., 4).
        boxes2: A tensor of shape (..., 4).
        bounding_box_format: The format of both.
        image_shape: (height, width, channels) of the picture, where the format is relative.

    Returns:
        A tensor of shape (...): 1 for equal boxes, above -1.5 for any.

    Raises:
        ValueError: The format is unknown, or relative without an `image_shape`.

    >>> import kerasfront as keras
    >>> same = keras.utils.bounding_boxes.compute_ciou([[0.0, 0.0, 2.0, 2.0]], [[0.0, 0.0, 2.0, 2.0]], "xyxy")
    >>> keras.ops.convert_to_numpy(same).round(4).tolist()
    [1.0]
    """
    height, width = _sizes(image_shape)
    dtype = _own_dtype(boxes1)
    both = [convert_format(b, bounding_box_format, "xyxy", height, width, dtype) for b in (boxes1, boxes2)]
    corners = [_corners(b, "xyxy") for b in both]
    (x1, y1, r1, b1), (x2, y2, r2, b2) = corners
    iou = _overlap(*corners)[2]
    across = ops.square(ops.maximum(r1, r2) - ops.minimum(x1, x2))
    diagonal = across + ops.square(ops.maximum(b1, b2) - ops.minimum(y1, y2))
    distance = (ops.square(x1 + r1 - x2 - r2) + ops.square(y1 + b1 - y2 - b2)) / 4
    aspect = ops.square(ops.arctan2(r2 - x2, b2 - y2) - ops.arctan2(r1 - x1, b1 - y1)) * (4 / math.pi**2)
    weight = ops.divide_no_nan(aspect, 1 - iou + aspect)
    return iou - ops.divide_no_nan(distance, diagonal) - weight * aspect


def _sizes(image_shape: Sequence[int] | None) -> tuple[int | None, int | None]:
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


# ---- encoding -----------------------------------------------------------------------------------------------------


def _encoding(name: str, encoding: str, formats: Sequence[str]) -> str:
    """Return the format that deltas are computed in: relative where all formats are."""
    if encoding not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"Expected `{name}` to be 'center_xywh' or 'center_yxhw', got {encoding!r}.")
    return f"rel_{encoding}" if all([_format(f)[1] for f in formats]) else str(encoding)


def _variance(variance: TensorLike | None, dtype: str) -> float | Tensor:
    if variance is None:
        return 1.0
    x = ops.cast(ops.convert_to_tensor(variance), dtype)
    if tuple(x.shape) != (4,):
        raise ValueError(f"Expected `variance` to be four numbers, got {variance!r}.")
    return x


def encode_box_to_deltas(
    anchors: TensorLike,
    boxes: TensorLike,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: TensorLike | None = None,
    image_shape: Sequence[int] | None = None,
) -> Tensor:
    """Encode boxes as what a detector predicts: their deltas from anchors.

    The deltas are the distance from the anchor's middle, in sizes of the anchor, and the logarithm of how much larger
    the box is.

    Args:
        anchors: A tensor of shape (count, 4).
        boxes: A tensor of shape (count, 4) or (batch, count, 4): one box for each anchor.
        anchor_format: The format of the anchors.
        box_format: The format of the boxes.
        encoding_format: "center_yxhw" or "center_xywh": the order of the numbers.
        variance: Four numbers that the result is divided by.
        image_shape: (height, width, channels) of the picture, where one format is relative and the other isn't.

    Returns:
        A tensor of the shape of the boxes.

    Raises:
        ValueError: A format is unknown, `variance` isn't four numbers, or the size of the picture is needed.

    >>> import kerasfront as keras
    >>> deltas = keras.utils.bounding_boxes.encode_box_to_deltas(
    ...     [[0.0, 0.0, 4.0, 4.0]], [[1.0, 0.0, 5.0, 4.0]], "xyxy", "xyxy"
    ... )
    >>> keras.ops.convert_to_numpy(deltas).tolist()
    [[0.0, 0.25, 0.0, 0.0]]
    """
    target = _encoding("encoding_format", encoding_format, (anchor_format, box_format))
    height, width = _sizes(image_shape)
    dtype = _own_dtype(boxes)
    anchor = convert_format(anchors, anchor_format, target, height, width, dtype)
    box = convert_format(boxes, box_format, target, height, width, dtype)
    least = settings.epsilon()
    sizes = ops.maximum(anchor[..., 2:], least)
    distance = (box[..., :2] - anchor[..., :2]) / sizes
    growth = ops.log(ops.maximum(box[..., 2:], least) / sizes)
    return ops.concatenate([distance, growth], axis=-1) / _variance(variance, dtype)


@overload
def decode_deltas_to_boxes(
    anchors: Mapping[Any, TensorLike],
    boxes_delta: Mapping[Any, TensorLike],
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: TensorLike | None = None,
    image_shape: Sequence[int] | None = None,
) -> dict[Any, Tensor]: ...
@overload
def decode_deltas_to_boxes(
    anchors: TensorLike,
    boxes_delta: TensorLike,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: TensorLike | None = None,
    image_shape: Sequence[int] | None = None,
) -> Tensor: ...
def decode_deltas_to_boxes(
    anchors: TensorLike | Mapping[Any, TensorLike],
    boxes_delta: TensorLike | Mapping[Any, TensorLike],
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: TensorLike | None = None,
    image_shape: Sequence[int] | None = None,
) -> Tensor | dict[Any, Tensor]:
    """Decode the boxes that `encode_box_to_deltas` has encoded.

    Args:
        anchors: A tensor of shape (count, 4), or a dict of them (by the level of a pyramid).
        boxes_delta: Deltas of shape (count, 4) or (batch, count, 4), or such a dict of them.
        anchor_format: The format of the anchors.
        box_format: The format that the boxes get.
        encoded_format: "center_yxhw" or "center_xywh": the order of the numbers in the deltas.
        variance: Four numbers that the deltas are multiplied by.
        image_shape: (height, width, channels) of the picture, where one format is relative and the other isn't.

    Returns:
        A tensor of the shape of the deltas, or a dict of them.

    Raises:
        ValueError: A format is unknown, `variance` isn't four numbers, or the size of the picture is needed.

    >>> import kerasfront as keras
    >>> boxes = keras.utils.bounding_boxes.decode_deltas_to_boxes(
    ...     [[0.0, 0.0, 4.0, 4.0]], [[0.0, 0.25, 0.0, 0.0]], "xyxy", "xyxy"
    ... )
    >>> keras.ops.convert_to_numpy(boxes).tolist()
    [[1.0, 0.0, 5.0, 4.0]]
    """
    rest = (anchor_format, box_format, encoded_format, variance, image_shape)
    if isinstance(anchors, Mapping) and isinstance(boxes_delta, Mapping):
        return {level: decode_deltas_to_boxes(anchors[level], boxes_delta[level], *rest) for level in anchors}
    if isinstance(anchors, Mapping) or isinstance(boxes_delta, Mapping):
        raise ValueError("Expected anchors and deltas to be both tensors or both dicts of them.")
    layout = _encoding("encoded_format", encoded_format, (anchor_format, box_format))
    height, width = _sizes(image_shape)
    dtype = _own_dtype(boxes_delta)
    deltas = _boxes(boxes_delta, dtype) * _variance(variance, dtype)
    anchor = convert_format(anchors, anchor_format, layout, height, width, dtype)
    middles = anchor[..., :2] + deltas[..., :2] * anchor[..., 2:]
    sizes = anchor[..., 2:] * ops.exp(deltas[..., 2:])
    boxes = ops.concatenate([middles, sizes], axis=-1)
    return convert_format(boxes, layout, box_format, height, width, dtype)
