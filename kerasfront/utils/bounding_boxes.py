"""Bounding boxes: formats, moving, comparing, encoding. `keras.utils.bounding_boxes`.

Boxes are tensors or arrays of shape (..., 4), mostly (count, 4) or (batch, count, 4). A picture of height h and width w
reaches from 0 to h and from 0 to w: its first pixel from 0 to 1. Formats, in any case of letters:

- "xyxy": left, top, right, bottom; "yxyx": top, left, bottom, right
- "xywh": left, top, width, height
- "center_xywh": the middle, width, height; "center_yxhw": the same with y first
- each of them after "rel_": as fractions of the picture's width and height
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kerasfront import ops
from kerasfront.errors import ShapeError, suggest

__all__ = ["clip_to_image_size", "convert_format"]

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
    if isinstance(size, int | float):
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
