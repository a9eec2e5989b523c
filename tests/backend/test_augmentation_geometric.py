"""Image layers that resize, crop and move pixels: against NumPy, SciPy, Pillow and Keras."""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from PIL import Image

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.utils import bounding_boxes as bb

# Keras on torch hands over tensors in a way that NumPy 2 complains about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 9, 12
PICTURES = RNG.uniform(0, 100, (3, HEIGHT, WIDTH, 2)).astype("float32")
# scipy.ndimage calls them otherwise, where it interpolates beyond the border as we do.
MODES = {
    "constant": "grid-constant",
    "nearest": "nearest",
    "wrap": "grid-wrap",
    "mirror": "mirror",
    "reflect": "reflect",
}
BOXED = {"bounding_box_format": "xyxy"}


def values(x: Any) -> Any:
    return ops.convert_to_numpy(x)


def trained(layer: Any, data: Any) -> Any:
    """The layer's outputs in training, as arrays."""
    return keras.tree.map_structure(values, layer(data, training=True))


def inferred(layer: Any, data: Any) -> Any:
    return keras.tree.map_structure(values, layer(data, training=False))


def places(height: int = HEIGHT, width: int = WIDTH, batch: int = 1) -> np.ndarray[Any, Any]:
    """Images that show where a pixel is: their channels are x and y of its middle."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    return np.stack([np.stack([x, y], -1)] * batch).astype("float32")


def every_layer(**kwargs: Any) -> dict[str, Callable[[], Any]]:
    """Each layer that moves pixels, drawing for each image (RandomCrop: for the batch)."""
    return {
        "Resizing": lambda: layers.Resizing(7, 15, **kwargs),
        "Resizing-cropped": lambda: layers.Resizing(7, 15, crop_to_aspect_ratio=True, **kwargs),
        "Resizing-padded": lambda: layers.Resizing(7, 15, pad_to_aspect_ratio=True, **kwargs),
        "CenterCrop": lambda: layers.CenterCrop(6, 7, **kwargs),
        "CenterCrop-larger": lambda: layers.CenterCrop(20, 7, **kwargs),
        "RandomCrop": lambda: layers.RandomCrop(6, 7, seed=3, **kwargs),
        "RandomFlip": lambda: layers.RandomFlip(seed=3, **kwargs),
        "RandomRotation": lambda: layers.RandomRotation(0.2, seed=3, **kwargs),
        "RandomTranslation": lambda: layers.RandomTranslation(0.2, 0.3, seed=3, **kwargs),
        "RandomZoom": lambda: layers.RandomZoom(0.4, 0.3, seed=3, **kwargs),
        "RandomShear": lambda: layers.RandomShear(0.3, 0.2, seed=3, **kwargs),
        "RandomPerspective": lambda: layers.RandomPerspective((1.0, 1.0), 0.7, seed=3, **kwargs),
        "RandomElasticTransform": lambda: layers.RandomElasticTransform((1.0, 1.0), seed=3, **kwargs),
    }


LAYERS = every_layer(data_format="channels_last", **BOXED)
RANDOM = [name for name in LAYERS if name.startswith("Random")]
over = pytest.mark.parametrize("name", list(LAYERS))


# ---- sizes --------------------------------------------------------------------------------------------------------


def by_pillow(x: np.ndarray[Any, Any], height: int, width: int, method: Any) -> np.ndarray[Any, Any]:
    """One image, channel by channel, in floats."""
    channels = [Image.fromarray(c).resize((width, height), method) for c in np.moveaxis(x, -1, 0)]
    return np.stack([np.asarray(c) for c in channels], -1)


@pytest.mark.parametrize(("height", "width"), [(4, 5), (15, 20), (9, 5)])
def test_resizing_as_pillow(height: int, width: int) -> None:
    layer = layers.Resizing(height, width, antialias=True, data_format="channels_last")
    wanted = np.stack([by_pillow(x, height, width, Image.Resampling.BILINEAR) for x in PICTURES])
    np.testing.assert_allclose(inferred(layer, PICTURES), wanted, rtol=1e-4, atol=1e-3)
    nearest = layers.Resizing(height, width, interpolation="nearest", data_format="channels_last")
    wanted = np.stack([by_pillow(x, height, width, Image.Resampling.NEAREST) for x in PICTURES])
    np.testing.assert_array_equal(inferred(nearest, PICTURES), wanted)


def test_resizing_to_an_aspect_ratio() -> None:
    """What is cut off or put around, as (height, width) of the picture and of the result tell."""
    pair = {"height": 6, "width": 4, "data_format": "channels_last"}
    cropped = inferred(layers.Resizing(**pair, crop_to_aspect_ratio=True), PICTURES)
    middle = PICTURES[:, :, 3:9]  # 9 rows, so 6 columns
    np.testing.assert_allclose(cropped, inferred(layers.Resizing(**pair), middle), rtol=1e-5)
    padded = inferred(layers.Resizing(**pair, pad_to_aspect_ratio=True, fill_value=7.0), PICTURES)
    around = np.pad(PICTURES, ((0, 0), (4, 4), (0, 0), (0, 0)), constant_values=7.0)  # 12 columns, so about 18 rows
    np.testing.assert_allclose(padded, inferred(layers.Resizing(**pair), around), rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), list(itertools.product([4, 5, 9], [3, 6, 12])))
def test_center_crop(height: int, width: int) -> None:
    top, left = (HEIGHT - height) // 2, (WIDTH - width) // 2
    layer = layers.CenterCrop(height, width, data_format="channels_last")
    wanted = PICTURES[:, top : top + height, left : left + width]
    for training in (True, False):
        np.testing.assert_array_equal(values(layer(PICTURES, training=training)), wanted)


@pytest.mark.parametrize(("height", "width"), [(20, 4), (4, 20), (18, 24)])
def test_crops_of_small_pictures_are_resized(height: int, width: int) -> None:
    options = {"height": height, "width": width, "data_format": "channels_last"}
    wanted = inferred(layers.Resizing(**options, crop_to_aspect_ratio=True), PICTURES)
    for layer in (layers.CenterCrop(**options), layers.RandomCrop(**options)):
        np.testing.assert_array_equal(trained(layer, PICTURES), wanted)
        np.testing.assert_array_equal(inferred(layer, PICTURES), wanted)


def test_random_crop() -> None:
    """A window of the picture, the same for the batch; each place is drawn; in inference the middle, resized."""
    layer = layers.RandomCrop(7, 11, seed=1, data_format="channels_last", **BOXED)
    boxes = np.array([[[2.0, 1, 8, 6], [0, 0, 12, 9]]] * 3, "float32")
    found = set()
    for _ in range(40):
        out = trained(layer, {"images": places(batch=3), "bounding_boxes": {"boxes": boxes, "labels": np.ones((3, 2))}})
        left, top = (out["images"][0, 0, 0] - 0.5).astype(int)
        found.add((top, left))
        np.testing.assert_array_equal(out["images"], places(batch=3)[:, top : top + 7, left : left + 11])
        wanted = np.clip(boxes - [left, top, left, top], 0, [11, 7, 11, 7])
        np.testing.assert_allclose(out["bounding_boxes"]["boxes"], wanted)
    assert found == set(itertools.product(range(3), range(2)))
    wanted = inferred(layers.Resizing(7, 11, crop_to_aspect_ratio=True, data_format="channels_last"), PICTURES)
    np.testing.assert_array_equal(inferred(layer, PICTURES), wanted)


# ---- maps ---------------------------------------------------------------------------------------------------------


def mapped(matrix: Any, mode: str, order: int = 1) -> np.ndarray[Any, Any]:
    """PICTURES by SciPy: (x, y) of the result is taken from matrix @ (x, y, 1); pixels have their middles at .5."""
    a = np.asarray(matrix, "float64")
    # SciPy counts rows first, and pixels from 0.
    linear = a[::-1, 1::-1]
    offset = linear @ [0.5, 0.5] + a[::-1, 2] - 0.5

    def one(x: np.ndarray[Any, Any]) -> Any:
        return scipy.ndimage.affine_transform(x, linear, offset, order=order, mode=MODES[mode], cval=5.0)

    return np.stack([np.stack([one(c) for c in np.moveaxis(x, -1, 0)], -1) for x in PICTURES])


COS, SIN = math.cos(2 * math.pi * 0.07), math.sin(2 * math.pi * 0.07)
X, Y = WIDTH / 2, HEIGHT / 2
FORCED: dict[str, tuple[Callable[..., Any], Any]] = {
    "rotation": (
        lambda **k: layers.RandomRotation((0.07, 0.07), **k),
        [[COS, -SIN, X - COS * X + SIN * Y], [SIN, COS, Y - SIN * X - COS * Y]],
    ),
    "translation": (
        lambda **k: layers.RandomTranslation((0.2, 0.2), (-0.3, -0.3), **k),
        [[1, 0, 0.3 * WIDTH], [0, 1, -0.2 * HEIGHT]],
    ),
    "zoom": (
        lambda **k: layers.RandomZoom((0.4, 0.4), (-0.3, -0.3), **k),
        [[0.7, 0, 0.3 * X], [0, 1.4, -0.4 * Y]],
    ),
    "zoom-both": (lambda **k: layers.RandomZoom((0.4, 0.4), **k), [[1.4, 0, -0.4 * X], [0, 1.4, -0.4 * Y]]),
}


@pytest.mark.wide
@pytest.mark.parametrize("name", FORCED)
@pytest.mark.parametrize("mode", MODES)
def test_forced_maps_as_scipy(name: str, mode: str) -> None:
    make, matrix = FORCED[name]
    options = {"fill_mode": mode, "fill_value": 5.0, "data_format": "channels_last"}
    np.testing.assert_allclose(trained(make(**options), PICTURES), mapped(matrix, mode), rtol=1e-4, atol=1e-2)
    nearest = trained(make(interpolation="nearest", **options), PICTURES)
    assert (np.abs(nearest - mapped(matrix, mode, order=0)) < 1e-3).mean() > 0.98  # but for ties


def test_rotation_is_counter_clockwise() -> None:
    square = PICTURES[:, :, :HEIGHT]
    for turns in (-2, -1, 1, 2):
        layer = layers.RandomRotation((turns / 4,) * 2, data_format="channels_last")
        np.testing.assert_allclose(trained(layer, square), np.rot90(square, turns, (1, 2)), rtol=1e-4, atol=1e-3)


def test_shear_as_scipy() -> None:
    """Of either sign in each direction, about the first pixel."""
    layer = layers.RandomShear(
        (0.3, 0.3), (0.2, 0.2), fill_mode="constant", fill_value=5.0, seed=1, data_format="channels_last"
    )
    wanted = {
        signs: mapped([[1, a, -0.5 * a], [b, 1, -0.5 * b]], "constant")
        for signs in itertools.product((-1, 1), (-1, 1))
        for a, b in [(signs[0] * 0.3, signs[1] * 0.2)]
    }
    seen = set()
    for _ in range(12):
        for i, image in enumerate(trained(layer, PICTURES)):
            (signs,) = [s for s, w in wanted.items() if np.allclose(image, w[i], rtol=1e-4, atol=1e-2)]
            seen.add(signs)
    assert seen == set(wanted)


def homography(of: Any, to: Any) -> np.ndarray[Any, Any]:
    """The projection that takes points to points, by least squares."""
    rows = []
    for (x, y), (u, v) in zip(of, to, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y, -u], [0, 0, 0, x, y, 1, -v * x, -v * y, -v]]
    return np.linalg.svd(np.array(rows, "float64"))[2][-1].reshape(3, 3)


def projected(matrix: Any, points: Any) -> np.ndarray[Any, Any]:
    x = np.concatenate([points, np.ones((len(points), 1))], -1) @ np.asarray(matrix).T
    return x[:, :2] / x[:, 2:]


def test_perspective_is_a_projection_that_moves_the_corners() -> None:
    scale, height, width = 0.8, 30, 40
    layer = layers.RandomPerspective((1.0, 1.0), scale, fill_value=-1e6, seed=2, data_format="channels_last")
    x = places(height, width, batch=8)
    moves = []
    for shown in trained(layer, x):
        whole = (shown > 0).all(-1)
        to = homography(shown[whole], x[0][whole])  # from where a pixel was to where it is
        np.testing.assert_allclose(projected(to, shown[whole]), x[0][whole], atol=1e-2)
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]])
        moves.append((projected(to, corners) - corners) / [width, height])
    assert np.abs(moves).max() <= scale / 4 + 1e-3
    assert np.std(moves, axis=0).min() > scale / 4 / 4  # each corner, in each direction


def test_elastic_moves_are_smooth_and_bounded() -> None:
    height, width = 40, 60
    layer = layers.RandomElasticTransform((1.0, 1.0), (0.8, 0.8), fill_mode="nearest", seed=1)
    alpha, sigma = layer.get_elastic_transform_params(height, width, 0.8)
    assert (alpha, sigma) == pytest.approx((0.8 * 6, 0.8 * 2))
    x = places(height, width, batch=3)
    moves = (trained(layer, x) - x)[:, 8:-8, 8:-8]
    assert 0.3 < np.abs(moves).max() < alpha
    assert not np.allclose(moves[0], moves[1])
    # Of noise smoothed by a Gaussian, neighbours differ by about 1 / (sigma sqrt 2) of a standard deviation.
    for axis in (1, 2):
        steps = np.diff(moves, axis=axis).std() / moves.std()
        assert 0.7 < steps * sigma * math.sqrt(2) < 1.3
    np.testing.assert_allclose(moves.std(), alpha / math.sqrt(3) / (2 * math.sqrt(math.pi) * sigma), rtol=0.3)


@pytest.mark.parametrize("name", ["RandomPerspective", "RandomElasticTransform"])
def test_chance(name: str) -> None:
    """`factor` is the chance that an image is changed; what isn't changed is exactly as it was."""
    x = np.repeat(PICTURES[:1], 200, axis=0)

    def share(factor: Any) -> float:
        y = trained(getattr(layers, name)(factor, seed=1), x)
        return float((np.abs(y - x).max((1, 2, 3)) > 0).mean())

    assert share((0.0, 0.0)) == 0 and share((1.0, 1.0)) == 1
    assert abs(share((0.3, 0.3)) - 0.3) < 0.1
    assert abs(share(1.0) - 0.5) < 0.11  # drawn between 0 and 1


# ---- flips --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
def test_flip(mode: str) -> None:
    axes = [a for a, n in ((0, "vertical"), (1, "horizontal")) if n in mode]
    kinds = {k: np.flip(PICTURES[0], k) for n in range(len(axes) + 1) for k in itertools.combinations(axes, n)}
    y = trained(layers.RandomFlip(mode, seed=1, data_format="channels_last"), np.repeat(PICTURES[:1], 200, axis=0))
    found = [next(k for k, v in kinds.items() if np.array_equal(v, image)) for image in y]
    counts = np.array([found.count(k) for k in kinds])
    assert np.abs(counts / 200 - 1 / len(kinds)).max() < 0.1


# ---- boxes, masks, labels -----------------------------------------------------------------------------------------


def extent(mask: Any) -> list[float]:
    """The box around what is set."""
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.wide
@over
def test_boxes_and_masks_move_with_the_images(name: str) -> None:
    """A rectangle that is drawn into images and masks, and given as a box."""
    height, width, count = 60, 80, 6
    rectangles = np.stack([RNG.integers(24, 28, count), RNG.integers(18, 22, count)], -1)
    rectangles = np.concatenate([rectangles, rectangles + RNG.integers(16, 26, (count, 2))], -1)
    images = np.zeros((count, height, width, 1), "float32")
    for image, (x, y, right, bottom) in zip(images, rectangles, strict=True):
        image[y:bottom, x:right] = 1
    options = {} if name.startswith(("Resizing", "CenterCrop", "RandomCrop", "RandomFlip")) else {"fill_value": 0.0}
    if options and name != "RandomPerspective":
        options["fill_mode"] = "constant"
    sizes = {
        "CenterCrop": lambda: layers.CenterCrop(52, 66, **BOXED),
        "RandomCrop": lambda: layers.RandomCrop(55, 74, seed=1, **BOXED),
        "Resizing-cropped": lambda: layers.Resizing(80, 90, crop_to_aspect_ratio=True, **BOXED),
        "CenterCrop-larger": lambda: layers.CenterCrop(80, 90, **BOXED),
        "RandomTranslation": lambda: layers.RandomTranslation(0.2, 0.2, fill_mode="constant", seed=1, **BOXED),
        "RandomZoom": lambda: layers.RandomZoom((-0.2, 0.9), (-0.2, 0.9), fill_mode="constant", seed=1, **BOXED),
        "RandomElasticTransform": lambda: layers.RandomElasticTransform(
            (1.0, 1.0), (0.7, 0.7), fill_mode="constant", seed=1, **BOXED
        ),
    }
    layer = sizes.get(name) or every_layer(**options, **BOXED)[name]
    data = {
        "images": images,
        "segmentation_masks": images.astype("uint8") * 3,
        "bounding_boxes": {"boxes": rectangles[:, None].astype("float32"), "labels": np.full((count, 1), 4)},
        "labels": np.arange(count),
        "names": np.arange(count) + 5,
    }
    out = trained(layer(), data)
    assert set(out) == set(data)
    np.testing.assert_array_equal(out["labels"], data["labels"])
    np.testing.assert_array_equal(out["names"], data["names"])
    assert out["segmentation_masks"].dtype == "uint8" and set(np.unique(out["segmentation_masks"])) == {0, 3}
    assert out["segmentation_masks"].shape == out["images"].shape
    assert (out["bounding_boxes"]["labels"] == 4).all()
    moved = 0
    for i in range(count):
        box = out["bounding_boxes"]["boxes"][i, 0]
        by_mask, by_image = extent(out["segmentation_masks"][i, ..., 0]), extent(out["images"][i, ..., 0] > 0.5)
        np.testing.assert_allclose(by_mask, box, atol=1.01)
        np.testing.assert_allclose(by_image, box, atol=1.01)
        moved += not np.allclose(box, rectangles[i], atol=0.01)
    assert moved >= count / 2


@pytest.mark.wide
@over
@pytest.mark.parametrize("form", ["yxyx", "center_xywh", "rel_xyxy", "rel_center_yxhw"])
def test_formats_of_boxes(name: str, form: str) -> None:
    """The boxes of another format are the same boxes."""
    boxes = np.array([[[2.0, 2, 7, 6], [1, 3, 10, 8]]] * 3)
    labels = np.array([[1, 2]] * 3)
    images = {"images": PICTURES, "bounding_boxes": {"boxes": boxes, "labels": labels}}
    plain = trained(LAYERS[name](), images)
    given = values(bb.convert_format(boxes, "xyxy", form, HEIGHT, WIDTH))
    layer = every_layer(data_format="channels_last", bounding_box_format=form)[name]()
    out = trained(layer, {"images": PICTURES, "bounding_boxes": {"boxes": given, "labels": labels}})
    height, width = out["images"].shape[1:3]
    found = values(bb.convert_format(out["bounding_boxes"]["boxes"], form, "xyxy", height, width))
    gone = out["bounding_boxes"]["labels"][..., None] == -1
    np.testing.assert_array_equal(out["bounding_boxes"]["labels"], plain["bounding_boxes"]["labels"])
    np.testing.assert_allclose(np.where(gone, 0, found), np.where(gone, 0, plain["bounding_boxes"]["boxes"]), atol=1e-3)


def test_boxes_that_leave_the_picture_become_padding() -> None:
    layer = layers.RandomTranslation((0.5, 0.5), 0.0, bounding_box_format="xywh")
    boxes = np.array([[[1.0, 1, 4, 4], [2, 6, 3, 3], [-1, -1, -1, -1]]])
    out = trained(
        layer, {"images": places(10, 12), "bounding_boxes": {"boxes": boxes, "labels": np.array([[1, 2, -1]])}}
    )
    assert out["bounding_boxes"]["labels"].tolist() == [[1, -1, -1]]
    np.testing.assert_allclose(out["bounding_boxes"]["boxes"], [[[1, 6, 4, 4], [-1] * 4, [-1] * 4]], atol=1e-4)
    # In inference nothing is touched, not even what lies outside.
    boxes = np.array([[[1.0, 1, 40, 4]]])
    data = {"images": places(10, 12), "bounding_boxes": {"boxes": boxes, "labels": np.array([[1]])}}
    np.testing.assert_array_equal(inferred(layer, data)["bounding_boxes"]["boxes"], boxes)


def test_boxes_without_labels_and_a_label_of_text() -> None:
    data = {"images": places(10, 12)[0], "labels": "cat", "bounding_boxes": {"boxes": np.array([[1.0, 1, 4, 4]])}}
    out = layers.RandomTranslation((0.5, 0.5), 0.0, **BOXED)(data, training=True)
    np.testing.assert_allclose(values(out["bounding_boxes"]["boxes"]), [[1, 6, 4, 9]], atol=1e-4)
    assert str(out["labels"]) == "cat"


def test_boxes_need_a_format() -> None:
    data = {"images": PICTURES, "bounding_boxes": {"boxes": np.ones((3, 1, 4)), "labels": np.ones((3, 1))}}
    with pytest.raises(ValueError, match=r"RandomFlip layer 'mirrors'.*`bounding_box_format`.*rel_xyxy"):
        layers.RandomFlip(name="mirrors")(data, training=True)
    with pytest.raises(ValueError, match="Did you mean 'xywh'"):
        layers.RandomFlip(bounding_box_format="xywhs")
    with pytest.raises(ValueError, match="the key 'images', got the keys 'labels'"):
        layers.RandomFlip()({"labels": np.ones(3)})


@pytest.mark.wide
@over
def test_masks_without_channels(name: str) -> None:
    masks = RNG.integers(0, 9, (3, HEIGHT, WIDTH)).astype("int32")
    flat = trained(LAYERS[name](), {"images": PICTURES, "segmentation_masks": masks})["segmentation_masks"]
    whole = trained(LAYERS[name](), {"images": PICTURES, "segmentation_masks": masks[..., None]})["segmentation_masks"]
    np.testing.assert_array_equal(flat, whole[..., 0])


def test_max_num_bounding_boxes() -> None:
    boxes = RNG.uniform(0, 9, (2, 3, 4)).astype("float32")
    given = {"boxes": boxes, "labels": np.array([[4, -1, 5], [6, 7, 8]]), "scores": np.array([[1.0, 0, 2], [3, 4, 5]])}
    data = {"images": PICTURES[:2].astype("uint8"), "bounding_boxes": given}
    few = inferred(layers.MaxNumBoundingBoxes(2), data)
    assert few["images"].dtype == "uint8"
    assert few["bounding_boxes"]["labels"].tolist() == [[4, 5], [6, 7]]
    assert few["bounding_boxes"]["scores"].tolist() == [[1, 2], [3, 4]]
    np.testing.assert_array_equal(few["bounding_boxes"]["boxes"], [boxes[0, [0, 2]], boxes[1, :2]])
    more = trained(layers.MaxNumBoundingBoxes(5, fill_value=-2), data)["bounding_boxes"]
    np.testing.assert_array_equal(more["boxes"], np.pad(boxes, ((0, 0), (0, 2), (0, 0)), constant_values=-2))
    assert more["labels"].tolist() == [[4, -1, 5, -2, -2], [6, 7, 8, -2, -2]]
    alone = inferred(layers.MaxNumBoundingBoxes(1), keras.tree.map_structure(lambda x: x[0], data))["bounding_boxes"]
    assert alone["labels"].tolist() == [4] and alone["boxes"].shape == (1, 4)


# ---- what comes in ------------------------------------------------------------------------------------------------


def whole(images: Any) -> dict[str, Any]:
    """A dict of all that belongs to images."""
    count = len(images)
    return {
        "images": images,
        "labels": np.arange(count, dtype="int32"),
        "segmentation_masks": (images[..., :1] > 50).astype("uint8"),
        "bounding_boxes": {
            "boxes": np.tile(np.array([[[2.0, 2, 7, 6]]], "float32"), (count, 1, 1)),
            "labels": np.ones((count, 1), "int32"),
        },
    }


def same(got: Any, wanted: Any) -> None:
    keras.tree.assert_same_structure(got, wanted)
    for a, b in zip(keras.tree.flatten(got), keras.tree.flatten(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)


@pytest.mark.wide
@over
def test_a_single_image(name: str) -> None:
    """Alone, in a dict, and by the methods for one: as in a batch of one."""
    data = whole(PICTURES[:1])
    wanted = keras.tree.map_structure(lambda x: x[0], trained(LAYERS[name](), data))
    one = keras.tree.map_structure(lambda x: x[0], data)
    same(trained(LAYERS[name](), one), wanted)
    np.testing.assert_allclose(trained(LAYERS[name](), one["images"]), wanted["images"], rtol=1e-5, atol=1e-4)
    layer = LAYERS[name]()
    transformation = layer.get_random_transformation(one, training=True)
    same(
        {
            "images": values(layer.transform_single_image(one["images"], transformation)),
            "labels": values(layer.transform_single_label(one["labels"], transformation)),
            "segmentation_masks": values(
                layer.transform_single_segmentation_mask(one["segmentation_masks"], transformation)
            ),
            "bounding_boxes": keras.tree.map_structure(
                values, layer.transform_single_bounding_box(one["bounding_boxes"], transformation)
            ),
        },
        wanted,
    )


@pytest.mark.wide
@over
def test_channels_first(name: str) -> None:
    data = whole(PICTURES)
    wanted = trained(LAYERS[name](), data)
    for key in ("images", "segmentation_masks"):
        data[key], wanted[key] = (np.moveaxis(x[key], -1, 1) for x in (data, wanted))
    same(trained(every_layer(data_format="channels_first", **BOXED)[name](), data), wanted)


@pytest.mark.wide
@over
def test_dtypes(name: str) -> None:
    """Bytes come out as floats; half precision is computed in float32; a layer of integers rounds."""
    pictures = PICTURES.astype("uint8")
    wanted = trained(LAYERS[name](), pictures.astype("float32"))
    got = trained(LAYERS[name](), pictures)
    assert got.dtype == "float32"
    np.testing.assert_array_equal(got, wanted)
    assert inferred(LAYERS[name](), pictures).dtype == "float32"
    half = every_layer(data_format="channels_last", dtype="float16", **BOXED)[name]()
    got = trained(half, pictures)
    assert got.dtype == "float16"
    np.testing.assert_array_equal(got, wanted.astype("float16"))
    whole_numbers = every_layer(data_format="channels_last", dtype="uint8", **BOXED)[name]()
    got = trained(whole_numbers, pictures)
    assert got.dtype == "uint8"
    np.testing.assert_array_equal(got, np.rint(wanted).clip(0, 255))


def test_boxes_keep_their_precision_in_half_precision() -> None:
    """2049 is no number of float16."""
    boxes = {"boxes": np.array([[[2049.0, 0, 2051, 1]]], "float32"), "labels": np.array([[1]])}
    layer = layers.RandomFlip("vertical", dtype="mixed_float16", **BOXED)
    out = trained(layer, {"images": np.zeros((1, 1, 2052, 1), "float32"), "bounding_boxes": boxes})
    np.testing.assert_array_equal(out["bounding_boxes"]["boxes"], boxes["boxes"])


@pytest.mark.wide
@over
def test_empty_batch(name: str) -> None:
    out = trained(LAYERS[name](), whole(PICTURES[:0]))
    one = trained(LAYERS[name](), whole(PICTURES[:1]))
    for a, b in zip(keras.tree.flatten(out), keras.tree.flatten(one), strict=True):
        assert a.shape == (0, *b.shape[1:])


@pytest.mark.wide
@over
def test_symbolic_dicts(name: str) -> None:
    """Shapes and dtypes of a dict, as they are eager."""
    data = whole(PICTURES)
    eager = trained(LAYERS[name](), data)
    symbolic = LAYERS[name]()(
        keras.tree.map_structure(lambda x: keras.KerasTensor((None, *x.shape[1:]), x.dtype.name), data), training=True
    )
    assert keras.tree.map_structure(lambda x: (x.shape, x.dtype), symbolic) == keras.tree.map_structure(
        lambda x: ((None, *x.shape[1:]), x.dtype.name), eager
    )


# ---- draws --------------------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("name", RANDOM)
def test_draws(name: str) -> None:
    x = np.repeat(PICTURES[:1], 12, axis=0)
    layer = LAYERS[name]()
    first, *later = (trained(layer, x) for _ in range(5))
    np.testing.assert_array_equal(first, trained(LAYERS[name](), x))  # the same seed
    assert not all(np.array_equal(first, y) for y in later)
    kinds = {image.tobytes() for image in first}
    if name == "RandomCrop":
        assert len(kinds) == 1  # a place for the batch
    else:
        assert len(kinds) == (4 if name == "RandomFlip" else 12)
    # A seed of the call's own; and a generator that is shared.
    a, b = (layer.get_random_transformation(x, seed=5) for _ in range(2))
    np.testing.assert_array_equal(values(layer.transform_images(x, a)), values(layer.transform_images(x, b)))
    generator = keras.random.SeedGenerator(3)
    shared = every_layer(data_format="channels_last")[name]()
    c = shared.get_random_transformation(x, seed=generator)
    np.testing.assert_array_equal(values(shared.transform_images(x, c)), first)


@pytest.mark.wide
@pytest.mark.parametrize("name", [n for n in RANDOM if n != "RandomCrop"])
def test_nothing_happens_in_inference(name: str) -> None:
    data = whole(PICTURES)
    same(inferred(LAYERS[name](), data), data)
    assert LAYERS[name]().get_random_transformation(data, training=False) is None


def test_no_layer_turns_training_on() -> None:
    """Their own default is to act; what comes after them in a model is told nothing of it."""
    norm = layers.BatchNormalization()
    inner = [make() for make in every_layer().values()]
    model = keras.Sequential([keras.Input((HEIGHT, WIDTH, 2)), *inner, norm])
    model(PICTURES)
    np.testing.assert_array_equal(norm.get_weights()[2], 0)
    model(PICTURES, training=False)
    np.testing.assert_array_equal(norm.get_weights()[2], 0)
    alone = keras.Sequential([layers.Resizing(4, 4), norm := layers.BatchNormalization()])
    y = values(alone(PICTURES))
    np.testing.assert_allclose(y, values(layers.Resizing(4, 4)(PICTURES)) / math.sqrt(1.001), rtol=1e-4)
    assert norm.get_weights()[2].tolist() == [0, 0]


# ---- configs and wrong arguments ----------------------------------------------------------------------------------


@pytest.mark.wide
@over
def test_config_keeps_what_keyword_arguments_say(name: str) -> None:
    layer = every_layer(data_format="channels_first", bounding_box_format="rel_yxyx", dtype="float16")[name]()
    config = layer.get_config()
    assert config["data_format"] == "channels_first" and config["bounding_box_format"] == "rel_yxyx"
    assert type(layer).from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: layers.Resizing(0, 3), "`height` of the Resizing layer"),
        (lambda: layers.Resizing(3, 3, interpolation="bilinar"), "Did you mean 'bilinear'"),
        (lambda: layers.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "got both"),
        (lambda: layers.Resizing(3, 3, fill_mode="wrap"), "`fill_mode`"),
        (lambda: layers.CenterCrop(3, 2.5), "`width` of CenterCrop to be an integer, got 2.5"),
        (lambda: layers.RandomFlip("sideways"), "`mode` of the RandomFlip layer"),
        (lambda: layers.RandomRotation(1.5), "`factor` of the RandomRotation layer"),
        (lambda: layers.RandomTranslation(0.1, (0.1, 2)), "`width_factor` of the RandomTranslation layer"),
        (lambda: layers.RandomZoom(-1), "`height_factor` of the RandomZoom layer.*above -1"),
        (lambda: layers.RandomShear(2.0), "`x_factor` of the RandomShear layer"),
        (lambda: layers.RandomPerspective(scale=2.0), "`scale` of the RandomPerspective layer"),
        (lambda: layers.RandomElasticTransform(factor=(0.5, 2)), "`factor` of the RandomElasticTransform layer"),
        (lambda: layers.RandomRotation(0.1, fill_mode="mirrored"), "Did you mean 'mirror'"),
        (lambda: layers.RandomRotation(0.1, interpolation="bicubic"), "`interpolation`"),
        (lambda: layers.MaxNumBoundingBoxes(0), "`max_number`"),
    ],
)
def test_wrong_arguments(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


# ---- pipelines ----------------------------------------------------------------------------------------------------


def tensorflow() -> Any:
    return pytest.importorskip("tensorflow")


@pytest.mark.wide
@over
def test_in_a_tf_dataset(name: str) -> None:
    """Batches of dicts, whatever the backend: static shapes, and values as they are eager."""
    tf = tensorflow()
    data = whole(PICTURES)
    layer = LAYERS[name]()
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(2).map(lambda x: layer(x, training=True))
    first, second = list(dataset.as_numpy_iterator())
    eager = LAYERS[name]()
    wanted = [
        trained(eager, keras.tree.map_structure(lambda x, part=part: x[part], data)) for part in (slice(2), slice(2, 3))
    ]
    same([first, second], wanted)
    shapes = keras.tree.map_structure(lambda x: tuple(x.shape), dataset.element_spec)
    assert shapes == keras.tree.map_structure(lambda x: (None, *x.shape[1:]), wanted[0])


SIZES = [(9, 12), (5, 30), (31, 6), (20, 20)]


@pytest.mark.wide
@pytest.mark.parametrize("name", [n for n in LAYERS if n.startswith(("Resizing", "CenterCrop"))])
def test_a_tf_dataset_of_images_of_many_sizes(name: str) -> None:
    """One by one, each of a size of its own, which only the running graph knows."""
    tf = tensorflow()
    images = [RNG.uniform(0, 9, (*size, 2)).astype("float32") for size in SIZES]
    boxes = np.array([[1.0, 1, 4, 4]], "float32")
    layer = LAYERS[name]()

    def mapped_one(image: Any) -> Any:
        given = {"images": image, "bounding_boxes": {"boxes": boxes, "labels": np.array([3])}}
        return layer(given, training=True)

    spec = tf.TensorSpec((None, None, 2), tf.float32)
    dataset = tf.data.Dataset.from_generator(lambda: iter(images), output_signature=spec).map(mapped_one)
    for image, got in zip(images, dataset.as_numpy_iterator(), strict=True):
        same(got, trained(layer, {"images": image, "bounding_boxes": {"boxes": boxes, "labels": np.array([3])}}))


class Pictures:
    """What a torch DataLoader takes: one dict after the other, through a layer."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        torch = importlib.import_module("torch")
        data = keras.tree.map_structure(lambda x: torch.tensor(x[index % 3]), whole(PICTURES))
        return self.layer(data, training=True)


@pytest.mark.wide
@over
def test_in_a_torch_data_loader(name: str) -> None:
    torch = pytest.importorskip("torch")
    loaded = list(torch.utils.data.DataLoader(Pictures(LAYERS[name]()), batch_size=2))
    layer, data = LAYERS[name](), whole(PICTURES)
    wanted = [trained(layer, keras.tree.map_structure(lambda x, i=i: x[i % 3], data)) for i in range(4)]
    got = keras.tree.map_structure(lambda *x: np.concatenate([np.asarray(v) for v in x]), *loaded)
    assert all(isinstance(x, torch.Tensor) for x in keras.tree.flatten(loaded[0]))
    same(got, keras.tree.map_structure(lambda *x: np.stack(x), *wanted))


# ---- Keras --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference() -> Any:
    return pytest.importorskip("keras")


def theirs(reference: Any, layer: Any, x: Any, **kwargs: Any) -> Any:
    return reference.ops.convert_to_numpy(layer(reference.ops.convert_to_tensor(x), **kwargs))


@pytest.mark.parametrize("name", ["RandomRotation", "RandomTranslation", "RandomZoom"])
@pytest.mark.parametrize("mode", ["constant", "nearest"])
def test_forced_maps_as_keras(name: str, mode: str, reference: Any) -> None:
    factors = [(0.15, 0.15)] if name == "RandomRotation" else [(0.15, 0.15), (-0.2, -0.2)]
    options = {"fill_mode": mode, "fill_value": 3.0, "data_format": "channels_last"}
    got = trained(getattr(layers, name)(*factors, **options), PICTURES)
    wanted = theirs(reference, getattr(reference.layers, name)(*factors, **options), PICTURES, training=True)
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=2e-2)


@pytest.mark.wide
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Resizing", {"height": 5, "width": 6}),
        ("Resizing", {"height": 6, "width": 4, "crop_to_aspect_ratio": True}),
        ("CenterCrop", {"height": 5, "width": 7}),
        ("CenterCrop", {"height": 12, "width": 16}),
        ("MaxNumBoundingBoxes", {"max_number": 1}),
        ("MaxNumBoundingBoxes", {"max_number": 4}),
        ("RandomTranslation", {"height_factor": (0.1, 0.1), "width_factor": (-0.2, -0.2)}),
    ],
)
def test_boxes_as_keras(name: str, arguments: dict[str, Any], reference: Any) -> None:
    boxes = np.array([[[2.0, 2, 7, 6], [1, 3, 10, 8]]], "float32")
    data = {"images": PICTURES[:1], "bounding_boxes": {"boxes": boxes, "labels": np.array([[1, 2]], "int32")}}
    got = trained(getattr(layers, name)(**arguments, **BOXED), data)["bounding_boxes"]
    layer = getattr(reference.layers, name)(**arguments, **BOXED)
    wanted = layer(keras.tree.map_structure(reference.ops.convert_to_tensor, data), training=True)["bounding_boxes"]
    for key in ("boxes", "labels"):
        np.testing.assert_allclose(got[key], reference.ops.convert_to_numpy(wanted[key]), rtol=1e-4, atol=1e-4)


def test_helpers_as_keras(reference: Any) -> None:
    """The small methods that Keras's layers have."""
    boxes = {"boxes": np.array([[[2.0, 1, 8, 5], [3, 3, 9, 7]]], "float32"), "labels": np.array([[0, 1]])}
    numbers = np.array([[1.0, 2, 3, 4, 5, 6, 7, 8]], "float32")
    x, y = np.array([1.0, 2.0], "float32"), np.array([3.0, 4.0], "float32")
    for name in ("RandomTranslation", "RandomShear", "RandomZoom"):
        ours, other = (getattr(m.layers, name)(0.1, 0.1) for m in (keras, reference))
        tensors = [reference.ops.convert_to_tensor(n) for n in (x, y, numbers)]
        for mine, wanted in zip(
            ours.get_transformed_x_y(x, y, numbers), other.get_transformed_x_y(*tensors), strict=True
        ):
            np.testing.assert_allclose(values(mine), reference.ops.convert_to_numpy(wanted), rtol=1e-5)
        function, arguments = "get_shifted_bbox", (0.5, 0.25)
        if name == "RandomZoom":
            function, arguments = "get_clipped_bbox", (6.0, 2.0, 7.0, 3.0)
        given = keras.tree.map_structure(reference.ops.convert_to_tensor, boxes)
        wanted = getattr(other, function)(given, *arguments)["boxes"]
        got = getattr(ours, function)(boxes, *arguments)["boxes"]
        np.testing.assert_allclose(values(got), reference.ops.convert_to_numpy(wanted), rtol=1e-5)


def test_configs_that_keras_writes(reference: Any) -> None:
    """Also the one of RandomShear, whose range Keras itself refuses."""
    config = reference.layers.RandomShear(0.3, (0.1, 0.2)).get_config()
    assert layers.RandomShear.from_config(config).x_factor == (-0.3, 0.3)
    for name in ("RandomCrop", "CenterCrop"):
        config = getattr(reference.layers, name)(4, 5, bounding_box_format="xywh").get_config()
        ours = getattr(layers, name).from_config(config)
        assert {k: v for k, v in ours.get_config().items() if k != "dtype"} == {
            k: v for k, v in config.items() if k != "dtype"
        }
        getattr(reference.layers, name).from_config(ours.get_config())
