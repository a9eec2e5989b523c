"""Bounding boxes: formats, moving, comparing, encoding. `keras.utils.bounding_boxes`.

Boxes are tensors or arrays of shape (..., 4), mostly (count, 4) or (batch, count, 4). A picture of height h and width w
reaches from 0 to h and from 0 to w: its first pixel from 0 to 1. Formats, in any case of letters:

- "xyxy": left, top, right, bottom; "yxyx": top, left, bottom, right
- "xywh": left, top, width, height
- "center_xywh": the middle, width, height; "center_yxhw": the same with y first
- each of them after "rel_": as fractions of the picture's width and height
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from kerasfront import ops, settings
from kerasfront.errors import ShapeError, suggest

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

_Numbers = tuple[Any, Any, Any, Any]

# For each format: to left, top, right, bottom; and from these (x, y, r, b).
_LAYOUTS: dict[str, tuple[Callable[..., _Numbers], Callable[..., _Numbers]]] = {
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


def _format(name: Any) -> tuple[str, bool]:
    """The layout of a format, and whether it is relative; raises ValueError."""
    found = name.lower() if isinstance(name, str) else name
    if found not in FORMATS:
        raise ValueError(
            f"Expected a bounding box format, one of {', '.join(FORMATS)}, got {name!r}.{suggest(found, FORMATS)}"
        )
    return found.removeprefix("rel_"), found.startswith("rel_")


def _boxes(boxes: Any, dtype: str) -> Any:
    x = ops.convert_to_tensor(boxes)
    if not len(x.shape) or x.shape[-1] != 4:
        raise ShapeError(f"Expected boxes of shape (..., 4), got {tuple(x.shape)}.")
    return ops.cast(x, dtype)


def _wide(dtype: str) -> str:
    """The dtype that coordinates are computed in: half precision can't count the pixels of a large picture."""
    return "float64" if dtype == "float64" else "float32"


def _side(size: Any, dtype: str) -> Any:
    """A size that multiplies coordinates (batch, count): a number, or one for each picture of the batch."""
    if isinstance(size, (int, float)):
        return size
    x = ops.cast(ops.convert_to_tensor(size), dtype)
    return ops.expand_dims(x, -1) if len(x.shape) else x


def _scaled(numbers: _Numbers, height: Any, width: Any, inverse: bool = False) -> _Numbers:
    left, top, right, bottom = numbers
    if inverse:
        return left / width, top / height, right / width, bottom / height
    return left * width, top * height, right * width, bottom * height


def _corners(boxes: Any, layout: str) -> _Numbers:
    """Left, top, right and bottom, each of shape (...)."""
    return _LAYOUTS[layout][0](*(boxes[..., i] for i in range(4)))


def _from_corners(numbers: _Numbers, layout: str) -> Any:
    return ops.stack(list(_LAYOUTS[layout][1](*numbers)), axis=-1)


def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: Any = "float32"
) -> Any:
    """Boxes in another format.

    Args:
        boxes: A tensor or array of shape (..., 4), or a dict with it under "boxes"; what else is in the dict passes.
        source: The format that they have.
        target: The format that they get.
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
    (have, have_relative), (want, want_relative) = _format(source), _format(target)
    wide = _wide(dtype)
    x = _boxes(boxes, wide)
    if (have, have_relative) == (want, want_relative):
        return ops.cast(x, dtype)
    numbers = _corners(x, have)
    if have_relative != want_relative:
        if height is None or width is None:
            raise ValueError(
                f"Converting boxes from {source!r} to {target!r} needs the `height` and `width` of the picture, "
                f"got {height} and {width}."
            )
        numbers = _scaled(numbers, _side(height, wide), _side(width, wide), inverse=want_relative)
    return ops.cast(_from_corners(numbers, want), dtype)


def clip_to_image_size(
    bounding_boxes: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> Any:
    """Boxes cut off at the borders of the picture. One of which nothing is left gets the label -1.

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
    >>> found = keras.utils.bounding_boxes.clip_to_image_size(boxes, height=8, width=8)
    >>> keras.ops.convert_to_numpy(found["boxes"]).tolist(), keras.ops.convert_to_numpy(found["labels"]).tolist()
    ([[0.0, 2.0, 4.0, 6.0], [8.0, 0.0, 8.0, 3.0]], [1, -1])
    """
    if not isinstance(bounding_boxes, dict):
        return clip_to_image_size({"boxes": bounding_boxes}, height, width, bounding_box_format)["boxes"]
    layout, relative = _format(bounding_box_format)
    if not relative and (height is None or width is None):
        raise ValueError(
            f"Boxes in the format {bounding_box_format!r} are clipped to the `height` and `width` of the picture, "
            f"got {height} and {width}."
        )
    boxes = ops.convert_to_tensor(bounding_boxes["boxes"])
    boxes = _boxes(boxes, _wide(ops.dtype(boxes)))
    h, w = (1, 1) if relative else (_side(height, ops.dtype(boxes)), _side(width, ops.dtype(boxes)))
    left, top, right, bottom = _corners(boxes, layout)
    left, right = ops.clip(left, 0, w), ops.clip(right, 0, w)
    top, bottom = ops.clip(top, 0, h), ops.clip(bottom, 0, h)
    out = {**bounding_boxes, "boxes": _from_corners((left, top, right, bottom), layout)}
    if "labels" in bounding_boxes:
        labels = ops.convert_to_tensor(bounding_boxes["labels"])
        gone = ops.logical_or(ops.less_equal(right, left), ops.less_equal(bottom, top))
        gone = ops.expand_dims(gone, -1) if len(labels.shape) > len(gone.shape) else gone
        out["labels"] = ops.where(gone, ops.cast(-1, ops.dtype(labels)), labels)
    return out


# ---- moving -------------------------------------------------------------------------------------------------------


def _own_dtype(boxes: Any) -> str:
    return _wide(ops.dtype(ops.convert_to_tensor(boxes)))


def _in_pixels(function: str, bounding_box_format: str) -> None:
    if _format(bounding_box_format)[1]:
        raise ValueError(
            f"bounding_boxes.{function} moves boxes by pixels, and isn't told the size of the picture: convert them "
            f"from {bounding_box_format!r} to a format in pixels first."
        )


def enclosing(xs: Any, ys: Any) -> Any:
    """The boxes, as left, top, right, bottom, around points: xs and ys are of shape (..., points)."""
    sides = [ops.amin(xs, -1), ops.amin(ys, -1), ops.amax(xs, -1), ops.amax(ys, -1)]
    return ops.stack(sides, axis=-1)


def corner_points(boxes: Any) -> tuple[Any, Any]:
    """The x and the y of the four corners of boxes that are left, top, right, bottom: both (..., 4)."""
    left, top, right, bottom = _corners(boxes, "xyxy")
    return ops.stack([left, right, left, right], axis=-1), ops.stack([top, top, bottom, bottom], axis=-1)


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """The boxes around what becomes of boxes when a picture is moved, then turned, sheared and scaled about a point.

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
    name = _own_dtype(boxes)

    def number(value: Any) -> Any:
        """A value for each corner of each box (batch, count, 4)."""
        x = ops.cast(ops.convert_to_tensor(value), name)
        return ops.expand_dims(x, (-2, -1)) if len(x.shape) else x

    xs, ys = corner_points(convert_format(boxes, bounding_box_format, "xyxy", height, width, name))
    h, w = number(height), number(width)
    middle_x = w * (0.5 if center_x is None else number(center_x))
    middle_y = h * (0.5 if center_y is None else number(center_y))
    xs, ys = xs + number(translate_x) * w - middle_x, ys + number(translate_y) * h - middle_y
    turn, lean_x, lean_y = (number(a) * (math.pi / 180) for a in (angle, shear_x, shear_y))
    xs, ys = ops.cos(turn) * xs + ops.sin(turn) * ys, ops.cos(turn) * ys - ops.sin(turn) * xs
    ys = ys + ops.tan(lean_y) * xs
    xs = xs + ops.tan(lean_x) * ys
    found = enclosing(number(scale) * xs + middle_x, number(scale) * ys + middle_y)
    return convert_format(found, "xyxy", bounding_box_format, height, width, name)


def crop(boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy") -> Any:
    """Boxes as they are in a part of the picture, cut off at its borders.

    Args:
        boxes: A tensor of shape (count, 4) or (batch, count, 4).
        top: How many pixels of the picture are above of the part; a tensor of shape (batch,) where pictures differ.
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
    return clip_to_image_size(_moved(boxes, -top, -left, bounding_box_format), height, width, bounding_box_format)


def pad(
    boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> Any:
    """Boxes as they are after rows and columns were put before the picture.

    Args:
        boxes: A tensor of shape (count, 4) or (batch, count, 4).
        top: How many rows came above; a tensor of shape (batch,) where pictures differ.
        left: How many columns came on the left.
        height: Not used: it is there for Keras.
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


def _moved(boxes: Any, down: Any, right: Any, bounding_box_format: str) -> Any:
    layout, name = _format(bounding_box_format)[0], _own_dtype(boxes)
    x, y, r, b = _corners(_boxes(boxes, name), layout)
    down, right = _side(down, name), _side(right, name)
    return _from_corners((x + right, y + down, r + right, b + down), layout)


# ---- comparing ----------------------------------------------------------------------------------------------------


def _overlap(first: _Numbers, second: _Numbers) -> tuple[Any, Any, Any]:
    """The intersection and the union of boxes (corners that broadcast), and their quotient, 0 where both are empty."""
    (x1, y1, r1, b1), (x2, y2, r2, b2) = first, second
    width = ops.maximum(ops.minimum(r1, r2) - ops.maximum(x1, x2), 0)
    height = ops.maximum(ops.minimum(b1, b2) - ops.maximum(y1, y2), 0)
    shared = width * height
    union = (r1 - x1) * (b1 - y1) + (r2 - x2) * (b2 - y2) - shared
    return shared, union, ops.divide_no_nan(shared, union)


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Any = None,
) -> Any:
    """Intersection over union of each box of one set with each of another.

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
    rows: Any = tuple(ops.expand_dims(c, -1) for c in _corners(first, layout))
    columns: Any = tuple(ops.expand_dims(c, -2) for c in _corners(second, layout))
    found = _overlap(rows, columns)[2]
    if not use_masking:
        return found
    padding = [ops.all(ops.less(b, 0), -1) for b in (first, second)]
    masked = ops.logical_or(ops.expand_dims(padding[0], -1), ops.expand_dims(padding[1], -2))
    return ops.where(masked, ops.cast(mask_val, ops.dtype(found)), found)


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None) -> Any:
    """The complete intersection over union of pairs of boxes: less where they are apart or of another aspect ratio.

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
    name = _own_dtype(boxes1)
    both = [convert_format(b, bounding_box_format, "xyxy", height, width, name) for b in (boxes1, boxes2)]
    corners = [_corners(b, "xyxy") for b in both]
    (x1, y1, r1, b1), (x2, y2, r2, b2) = corners
    iou = _overlap(*corners)[2]
    across = ops.square(ops.maximum(r1, r2) - ops.minimum(x1, x2))
    diagonal = across + ops.square(ops.maximum(b1, b2) - ops.minimum(y1, y2))
    apart = (ops.square(x1 + r1 - x2 - r2) + ops.square(y1 + b1 - y2 - b2)) / 4
    aspect = ops.square(ops.arctan2(r2 - x2, b2 - y2) - ops.arctan2(r1 - x1, b1 - y1)) * (4 / math.pi**2)
    weight = ops.divide_no_nan(aspect, 1 - iou + aspect)
    return iou - ops.divide_no_nan(apart, diagonal) - weight * aspect


def _sizes(image_shape: Any) -> tuple[Any, Any]:
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


# ---- encoding -----------------------------------------------------------------------------------------------------


def _encoding(name: str, encoding: Any, formats: Sequence[str]) -> str:
    """The format that deltas are computed in: relative where all formats are."""
    if encoding not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"Expected `{name}` to be 'center_xywh' or 'center_yxhw', got {encoding!r}.")
    return f"rel_{encoding}" if all([_format(f)[1] for f in formats]) else str(encoding)


def _variance(variance: Any, dtype: str) -> Any:
    if variance is None:
        return 1.0
    x = ops.cast(ops.convert_to_tensor(variance), dtype)
    if tuple(x.shape) != (4,):
        raise ValueError(f"Expected `variance` to be four numbers, got {variance!r}.")
    return x


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Boxes as what a detector predicts: how far from an anchor, in its sizes, and the logarithm of how much larger.

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
    name = _own_dtype(boxes)
    anchor = convert_format(anchors, anchor_format, target, height, width, name)
    box = convert_format(boxes, box_format, target, height, width, name)
    least = settings.epsilon()
    sizes = ops.maximum(anchor[..., 2:], least)
    moved = (box[..., :2] - anchor[..., :2]) / sizes
    grown = ops.log(ops.maximum(box[..., 2:], least) / sizes)
    return ops.concatenate([moved, grown], axis=-1) / _variance(variance, name)


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """The boxes that `encode_box_to_deltas` has encoded.

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
    if isinstance(anchors, dict):

        def one(level: Any) -> Any:
            return decode_deltas_to_boxes(
                anchors[level], boxes_delta[level], anchor_format, box_format, encoded_format, variance, image_shape
            )

        return {level: one(level) for level in anchors}
    layout = _encoding("encoded_format", encoded_format, (anchor_format, box_format))
    height, width = _sizes(image_shape)
    name = _own_dtype(boxes_delta)
    deltas = _boxes(boxes_delta, name) * _variance(variance, name)
    anchor = convert_format(anchors, anchor_format, layout, height, width, name)
    moved = anchor[..., :2] + deltas[..., :2] * anchor[..., 2:]
    grown = anchor[..., 2:] * ops.exp(deltas[..., 2:])
    boxes = ops.concatenate([moved, grown], axis=-1)
    return convert_format(boxes, layout, box_format, height, width, name)
