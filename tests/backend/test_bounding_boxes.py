"""keras.utils.bounding_boxes against NumPy, counted pixels, the papers' formulas and Keras."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import ops
from kerasfront.utils import bounding_boxes as bb

# Keras on torch hands over tensors in a way that NumPy 2 complains about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HEIGHT, WIDTH = 40, 60
RNG = np.random.default_rng(0)
PIXELS = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw")
FORMATS = (*PIXELS, *(f"rel_{f}" for f in PIXELS))


def values(x: Any) -> Any:
    return ops.convert_to_numpy(x)


def drawn(*shape: int, whole: bool = False) -> np.ndarray[Any, Any]:
    """Boxes in the picture, left, top, right, bottom; with sides of at least 1."""
    ends = np.array([WIDTH, HEIGHT])
    low = RNG.uniform(0, ends - 2, (*shape, 2))
    high = RNG.uniform(low + 1, ends)
    boxes = np.concatenate([low, high], -1)
    return np.concatenate([np.floor(low), np.ceil(high)], -1) if whole else boxes


def as_format(boxes: np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any]:
    """Left, top, right, bottom in another format, by its definition."""
    x, y, right, bottom = (boxes[..., i] for i in range(4))
    if name.startswith("rel_"):
        x, right, y, bottom = x / WIDTH, right / WIDTH, y / HEIGHT, bottom / HEIGHT
    w, h = right - x, bottom - y
    found = {
        "xyxy": (x, y, right, bottom),
        "yxyx": (y, x, bottom, right),
        "xywh": (x, y, w, h),
        "center_xywh": (x + w / 2, y + h / 2, w, h),
        "center_yxhw": (y + h / 2, x + w / 2, h, w),
    }
    return np.stack(found[name.removeprefix("rel_")], -1)


def close(got: Any, wanted: Any, atol: float = 1e-4) -> None:
    np.testing.assert_allclose(values(got), wanted, rtol=1e-5, atol=atol)


# ---- formats ------------------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize(("source", "target"), list(itertools.product(FORMATS, FORMATS)))
def test_convert_format(source: str, target: str) -> None:
    boxes = drawn(2, 3)
    got = bb.convert_format(as_format(boxes, source), source, target, HEIGHT, WIDTH)
    assert ops.dtype(got) == "float32"
    close(got, as_format(boxes, target))


@pytest.mark.parametrize("shape", [(3,), (), (0,), (2, 0)])
def test_convert_format_of_other_shapes(shape: tuple[int, ...]) -> None:
    boxes = drawn(*shape)
    close(bb.convert_format(boxes, "xyxy", "rel_center_yxhw", HEIGHT, WIDTH), as_format(boxes, "rel_center_yxhw"))


def test_formats_in_capitals() -> None:
    boxes = drawn(3)
    close(bb.convert_format(boxes, "XYXY", "center_xyWH"), as_format(boxes, "center_xywh"))
    close(bb.convert_format(boxes, "xyxy", "REL_yxyx", HEIGHT, WIDTH), as_format(boxes, "rel_yxyx"))


def test_convert_format_with_a_size_for_each_picture() -> None:
    boxes, heights, widths = drawn(2, 3), np.array([40, 80]), np.array([60, 30])
    got = values(bb.convert_format(boxes, "xyxy", "rel_xyxy", heights, widths))
    for i in range(2):
        close(got[i], boxes[i] / [widths[i], heights[i], widths[i], heights[i]])


def test_convert_format_of_a_dict_and_dtypes() -> None:
    boxes = drawn(3)
    found = bb.convert_format({"boxes": boxes, "labels": [1, 2, 3]}, "xyxy", "xywh", dtype="float64")
    assert found["labels"] == [1, 2, 3]
    got = values(found["boxes"])  # JAX has float64 only where it is enabled
    np.testing.assert_allclose(got, as_format(boxes, "xywh"), rtol=16 * np.finfo(got.dtype).eps)
    # Computed in float32: 2001.5 is no number of float16, its half nearly is.
    half = bb.convert_format(np.array([[1000, 0, 2001, 8]]), "xyxy", "xywh", dtype="float16")
    assert ops.dtype(half) == "float16" and values(half).tolist() == [[1000, 0, 1001, 8]]


def test_convert_format_symbolic() -> None:
    got = bb.convert_format(keras.KerasTensor((None, 5, 4), "int32"), "xyxy", "rel_center_yxhw", HEIGHT, WIDTH)
    assert got.shape == (None, 5, 4) and got.dtype == "float32"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: bb.convert_format(np.ones((2, 4)), "xyxy", "xywhs"), "Did you mean 'xywh'"),
        (lambda: bb.convert_format(np.ones((2, 3)), "xyxy", "xywh"), r"\(2, 3\)"),
        (lambda: bb.convert_format(np.ones((2, 4)), "xyxy", "rel_xyxy", height=3), "`height` and `width`"),
        (lambda: bb.clip_to_image_size(np.ones((2, 4)), height=3), "`height` and `width`"),
        (lambda: bb.crop(np.ones((2, 4)), 0, 0, 1, 1, "rel_xyxy"), "in pixels first"),
        (lambda: bb.pad(np.ones((2, 4)), 0, 0, bounding_box_format="rel_xywh"), "in pixels first"),
        (lambda: bb.encode_box_to_deltas(np.ones((2, 4)), np.ones((2, 4)), "xyxy", "xyxy", "xyxy"), "encoding_format"),
        (
            lambda: bb.decode_deltas_to_boxes(np.ones((2, 4)), np.ones((2, 4)), "xyxy", "xyxy", variance=[1, 2]),
            "four numbers",
        ),
        (lambda: bb.compute_ciou(np.ones((2, 4)), np.ones((2, 4)), "rel_xyxy"), "`height` and `width`"),
    ],
)
def test_errors(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()


# ---- clipping and moving ------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("name", FORMATS)
def test_clip_to_image_size(name: str) -> None:
    boxes = np.array([[-5.0, 3, 20, 90], [10, 10, 20, 20], [70, 5, 80, 9], [5, -9, 9, -1]])
    wanted = np.clip(boxes, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
    got = bb.clip_to_image_size(
        {"boxes": as_format(boxes, name), "labels": np.array([3, 4, 5, 6])}, HEIGHT, WIDTH, name
    )
    close(got["boxes"], as_format(wanted, name))
    assert values(got["labels"]).tolist() == [3, 4, -1, -1]
    close(bb.clip_to_image_size(as_format(boxes, name), HEIGHT, WIDTH, name), as_format(wanted, name))


def test_clip_with_labels_of_several_classes_and_other_keys() -> None:
    boxes = np.array([[[0.0, 0, 2, 2], [9, 9, 12, 12]]])
    found = bb.clip_to_image_size({"boxes": boxes, "labels": np.ones((1, 2, 3)), "scores": [1]}, 8, 8)
    assert values(found["labels"]).tolist() == [[[1, 1, 1], [-1, -1, -1]]] and found["scores"] == [1]


def test_crop_and_pad() -> None:
    boxes = np.array([[[10.0, 20, 50, 60], [70, 80, 100, 120]], [[0, 0, 5, 5], [30, 15, 31, 16]]])
    got = bb.crop(boxes, top=10, left=20, height=40, width=30)
    close(got, np.clip(boxes - [20, 10, 20, 10], 0, [30, 40, 30, 40]))
    tops, lefts = np.array([10, 2]), np.array([20, 3])
    got = bb.crop(as_format(boxes, "center_yxhw"), tops, lefts, 40, 30, "center_yxhw")
    moved = boxes - np.array([[[20, 10, 20, 10]], [[3, 2, 3, 2]]])
    close(got, as_format(np.clip(moved, 0, [30, 40, 30, 40]), "center_yxhw"))
    close(bb.pad(boxes, top=1, left=2), boxes + [2, 1, 2, 1])
    close(bb.pad(as_format(boxes, "xywh"), tops, lefts, bounding_box_format="xywh")[0, 0], [30, 30, 40, 40])


def turned(box: Any, matrix: Any, middle: Any, before: Any = (0, 0)) -> list[float]:
    """The box around the four corners of a box, moved and then multiplied by a matrix about a point."""
    points = np.array([[x, y] for x in box[::2] for y in box[1::2]])
    points = (points + before - middle) @ np.asarray(matrix).T + middle
    return [*points.min(0), *points.max(0)]


@pytest.mark.parametrize("name", ["xyxy", "rel_center_xywh"])
def test_affine_transform(name: str) -> None:
    boxes, angle = drawn(4), math.radians(25)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    lean_x = np.array([[1, math.tan(math.radians(10))], [0, 1]])
    lean_y = np.array([[1, 0], [math.tan(math.radians(-15)), 1]])
    arguments = {
        "angle": 25, "translate_x": 0.1, "translate_y": -0.2, "scale": 1.5, "shear_x": 10, "shear_y": -15,
    }  # fmt: skip
    got = bb.affine_transform(as_format(boxes, name), height=HEIGHT, width=WIDTH, bounding_box_format=name, **arguments)
    middle, before = np.array([WIDTH, HEIGHT]) / 2, np.array([0.1 * WIDTH, -0.2 * HEIGHT])
    wanted = np.array([turned(b, 1.5 * lean_x @ lean_y @ turn, middle, before) for b in boxes])
    close(got, as_format(wanted, name), atol=1e-3)
    # A batch, with numbers for each picture: those of the second change nothing.
    each = {k: np.array([v, 1.0 if k == "scale" else 0.0], "float32") for k, v in arguments.items()}
    got = bb.affine_transform(np.stack([boxes, boxes]), height=HEIGHT, width=WIDTH, **each)
    close(got, np.stack([wanted, boxes]), atol=1e-3)


def test_affine_transform_about_another_point() -> None:
    got = bb.affine_transform([[0.0, 0.0, 4.0, 2.0]], 0, 0, 0, 2, 0, 0, 40, 60, center_x=0, center_y=1)
    close(got, [[0, -40, 8, -36]])


# ---- comparing ----------------------------------------------------------------------------------------------------


def covered(box: Any) -> np.ndarray[Any, Any]:
    picture = np.zeros((HEIGHT, WIDTH), bool)
    x, y, right, bottom = (int(n) for n in box)
    picture[y:bottom, x:right] = True
    return picture


@pytest.mark.wide
@pytest.mark.parametrize("name", FORMATS)
def test_compute_iou_by_counting_pixels(name: str) -> None:
    first, second = drawn(4, whole=True), drawn(5, whole=True)
    wanted = np.zeros((4, 5))
    for i, j in itertools.product(range(4), range(5)):
        one, other = covered(first[i]), covered(second[j])
        wanted[i, j] = (one & other).sum() / (one | other).sum()
    close(bb.compute_iou(as_format(first, name), as_format(second, name), name), wanted)


def test_compute_iou_of_batches_and_padding() -> None:
    first, second = drawn(2, 3), drawn(4)
    wanted = np.stack([values(bb.compute_iou(f, second, "xyxy")) for f in first])
    close(bb.compute_iou(first, second, "xyxy"), wanted)
    close(bb.compute_iou(second, first, "xyxy"), wanted.swapaxes(1, 2))
    close(bb.compute_iou(first, np.stack([second, second]), "xyxy"), wanted)
    first[0, 1] = second[3] = -1
    got = values(bb.compute_iou(first, second, "xyxy", use_masking=True, mask_val=-7))
    assert (got[0, 1] == -7).all() and (got[:, :, 3] == -7).all() and (got == -7).sum() == 4 + 6 - 1
    assert values(bb.compute_iou(first, second, "xyxy"))[0, 1, 3] == 0


def test_compute_ciou_by_its_formula() -> None:
    first, second = drawn(50), drawn(50)
    wanted = []
    for one, other in zip(first, second, strict=True):
        sides = [(b[2] - b[0], b[3] - b[1]) for b in (one, other)]
        shared = max(min(one[2], other[2]) - max(one[0], other[0]), 0) * max(
            min(one[3], other[3]) - max(one[1], other[1]), 0
        )
        iou = shared / (sum(w * h for w, h in sides) - shared)
        hull = max(one[2], other[2]) - min(one[0], other[0]), max(one[3], other[3]) - min(one[1], other[1])
        apart = [(one[i] + one[i + 2] - other[i] - other[i + 2]) / 2 for i in (0, 1)]
        v = 4 / math.pi**2 * (math.atan(sides[1][0] / sides[1][1]) - math.atan(sides[0][0] / sides[0][1])) ** 2
        alpha = v / ((1 - iou) + v)
        wanted.append(iou - (apart[0] ** 2 + apart[1] ** 2) / (hull[0] ** 2 + hull[1] ** 2) - alpha * v)
    close(bb.compute_ciou(first, second, "xyxy"), wanted)
    relative = [as_format(b, "rel_xywh") for b in (first, second)]
    close(bb.compute_ciou(*relative, "rel_xywh", image_shape=(HEIGHT, WIDTH, 3)), wanted)
    assert values(bb.compute_ciou(np.zeros((1, 4)), np.zeros((1, 4)), "xyxy")).tolist() == [0]


# ---- encoding -----------------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("encoding", ["center_xywh", "center_yxhw"])
@pytest.mark.parametrize("variance", [None, [0.1, 0.2, 0.3, 0.4]])
@pytest.mark.parametrize(
    ("anchor_format", "box_format"), [("xyxy", "xywh"), ("rel_xyxy", "rel_yxyx"), ("xyxy", "rel_xywh")]
)
def test_deltas(encoding: str, variance: Any, anchor_format: str, box_format: str) -> None:
    anchors, boxes = drawn(6), drawn(2, 6)
    a, b = as_format(anchors, encoding), as_format(boxes, encoding)
    wanted = np.concatenate([(b[..., :2] - a[..., :2]) / a[..., 2:], np.log(b[..., 2:] / a[..., 2:])], -1)
    wanted = wanted if variance is None else wanted / variance
    # Where both are relative the size isn't needed.
    size = None if anchor_format.startswith("rel_") else (HEIGHT, WIDTH, 3)
    given = as_format(anchors, anchor_format)
    deltas = bb.encode_box_to_deltas(
        given, as_format(boxes, box_format), anchor_format, box_format, encoding, variance, size
    )
    close(deltas, wanted, atol=1e-3)
    again = bb.decode_deltas_to_boxes(given, deltas, anchor_format, box_format, encoding, variance, size)
    close(again, as_format(boxes, box_format), atol=1e-3)


def test_deltas_of_a_pyramid_and_of_empty_boxes() -> None:
    anchors = {"p3": drawn(3), "p4": drawn(2)}
    deltas = {"p3": np.zeros((3, 4)), "p4": np.zeros((2, 4))}
    found = bb.decode_deltas_to_boxes(anchors, deltas, "xyxy", "xyxy")
    for level in anchors:
        close(found[level], anchors[level])
    empty = bb.encode_box_to_deltas([[0.0, 0.0, 10.0, 20.0]], [[-1.0, -1.0, -1.0, -1.0]], "xyxy", "xyxy")
    close(empty, [[-0.55, -0.6, math.log(1e-7 / 20), math.log(1e-7 / 10)]])


# ---- Keras --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference() -> Any:
    return pytest.importorskip("keras")


def alike(reference: Any, function: str, *args: Any, atol: float = 1e-4, **kwargs: Any) -> None:
    """Ours on arrays, Keras's on tensors: the same values."""
    got = getattr(bb, function)(*args, **kwargs)
    tensors = [reference.ops.convert_to_tensor(a) if isinstance(a, np.ndarray) else a for a in args]
    wanted = getattr(reference.utils.bounding_boxes, function)(*tensors, **kwargs)
    for mine, other in zip(reference.tree.flatten(got), reference.tree.flatten(wanted), strict=True):
        np.testing.assert_allclose(values(mine), reference.ops.convert_to_numpy(other), rtol=1e-5, atol=atol)


def test_as_keras(reference: Any) -> None:
    first, second = drawn(3).astype("float32"), drawn(3).astype("float32")
    for target in PIXELS:
        alike(reference, "convert_format", first, "xyxy", target)
    for target in ("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"):
        alike(reference, "convert_format", first, "xyxy", target, height=HEIGHT, width=WIDTH)
    alike(reference, "compute_iou", first, second, "xywh")
    alike(reference, "compute_iou", first, second - 2000, "xyxy", use_masking=True, mask_val=-3)
    alike(reference, "compute_ciou", first, second, "xyxy")
    alike(reference, "crop", first, 5, 6, 20, 30)
    alike(reference, "pad", first, 5, 6)
    variance = [0.1, 0.1, 0.2, 0.2]
    alike(reference, "encode_box_to_deltas", first, second, "xyxy", "xywh", variance=variance)
    alike(reference, "decode_deltas_to_boxes", first, second / 100, "xyxy", "yxyx", "center_xywh", variance=variance)
    for name, boxes in (("xyxy", first + 30), ("rel_xyxy", first / 20)):
        given = {"boxes": reference.ops.convert_to_tensor(boxes), "labels": reference.ops.convert_to_tensor([0, 1, 2])}
        alike(reference, "clip_to_image_size", given, HEIGHT, WIDTH, name)


@pytest.mark.parametrize(
    "changed", [{"angle": 30.0}, {"scale": 1.5}, {"shear_x": 10.0}, {"shear_y": 10.0}, {"translate_x": 0.2}]
)
def test_affine_transform_as_keras(changed: dict[str, float], reference: Any) -> None:
    """One change at a time, and about a picture that Keras takes to be a pixel smaller than it says."""
    names = ("angle", "translate_x", "translate_y", "scale", "shear_x", "shear_y")
    arguments = {n: np.array([changed.get(n, float(n == "scale"))], "float32") for n in names}
    boxes = drawn(1, 3).astype("float32")
    got = bb.affine_transform(boxes, **arguments, height=HEIGHT, width=WIDTH)
    tensors = {k: reference.ops.convert_to_tensor(v) for k, v in {"boxes": boxes, **arguments}.items()}
    wanted = reference.utils.bounding_boxes.affine_transform(**tensors, height=HEIGHT + 1, width=WIDTH + 1)
    np.testing.assert_allclose(values(got), reference.ops.convert_to_numpy(wanted), rtol=1e-5, atol=1e-3)
