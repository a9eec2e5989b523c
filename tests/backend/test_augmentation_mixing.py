"""Layers that mix images, policies, and pipelines: exact shares, statistics of draws, and each change of a policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from PIL import Image, ImageOps

import kerasfront as keras
from kerasfront import layers, ops

Array = np.ndarray[Any, Any]

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (6, 8, 9, 3)).astype("float32")
ONE_HOT = np.eye(6, dtype="float32")


def values(x: Any) -> Array:
    return ops.convert_to_numpy(x)


def trained(layer: Any, x: Any) -> Any:
    return keras.tree.map_structure(values, layer(x, training=True))


def numbered(count: int, height: int = 16, width: int = 20) -> Array:
    """Images of which each has its number as all of its values."""
    x = np.ones((count, height, width, 2), "float32")
    return x * np.arange(count, dtype="float32").reshape(-1, 1, 1, 1)


# ---- MixUp --------------------------------------------------------------------------------------------------------


def test_mixup_mixes_images_and_labels_alike() -> None:
    found = trained(layers.MixUp(1.0, seed=1), {"images": PICTURES, "labels": ONE_HOT})
    wanted = np.einsum("ij,jhwc->ihwc", found["labels"], PICTURES)
    np.testing.assert_allclose(found["images"], wanted, rtol=1e-4, atol=1e-3)
    shares = np.diag(found["labels"])
    assert len(np.unique(shares)) == 6
    np.testing.assert_allclose(found["labels"].sum(1), 1, rtol=1e-6)
    assert ((found["labels"] > 0).sum(1) == 2).all()  # every image has another one for partner
    assert ((found["labels"] > 0).sum(0) == 2).all()  # and is the partner of one


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_mixup_draws_from_beta(alpha: float) -> None:
    drawn = layers.MixUp(alpha, seed=1).get_random_transformation(np.zeros((2000, 1, 1, 1), "float32"), training=True)
    shares = values(drawn["mix_weight"])
    assert shares.shape == (2000,) and shares.min() >= 0 and shares.max() <= 1
    deviation = (1 / (4 * (2 * alpha + 1))) ** 0.5
    assert abs(shares.mean() - 0.5) < 4 * deviation / 2000**0.5
    assert abs(shares.std() / deviation - 1) < 0.06


def test_mixup_of_other_labels() -> None:
    layer = layers.MixUp(1.0, seed=1)
    data = {"images": PICTURES, "labels": ONE_HOT.astype("int32"), "weights": np.arange(6)}
    found = trained(layer, data)
    assert found["labels"].dtype == "float32"
    np.testing.assert_array_equal(found["weights"], np.arange(6))
    numbers = trained(layers.MixUp(1.0, seed=1), {"images": PICTURES, "labels": np.arange(6, dtype="float32")})
    np.testing.assert_allclose(numbers["labels"], found["labels"] @ np.arange(6), rtol=1e-5)
    for classes in (np.arange(6), np.arange(6).reshape(6, 1)):
        with pytest.raises(ValueError, match=f"labels of the MixUp layer '{layer.name}'.*one_hot"):
            layer({"images": PICTURES, "labels": classes}, training=True)


def test_mixup_of_masks() -> None:
    masks = np.eye(4, dtype="uint8")[RNG.integers(0, 4, (6, 8, 9))]
    layer = layers.MixUp(1.0, seed=1)
    found = trained(layer, {"images": PICTURES, "labels": ONE_HOT, "segmentation_masks": masks})
    wanted = np.einsum("ij,jhwc->ihwc", found["labels"], masks)
    np.testing.assert_allclose(found["segmentation_masks"], wanted, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="segmentation_masks of the MixUp layer.*one_hot"):
        layer({"images": PICTURES, "segmentation_masks": masks.argmax(-1)}, training=True)


def test_mixup_of_boxes() -> None:
    boxes = RNG.uniform(0, 4, (6, 2, 4)).astype("float32")
    data = {
        "images": PICTURES,
        "labels": ONE_HOT,
        "bounding_boxes": {"boxes": boxes, "labels": np.arange(12).reshape(6, 2)},
    }
    found = trained(layers.MixUp(1.0, bounding_box_format="xywh", seed=1), data)
    partner = np.array([np.flatnonzero(row * (1 - ONE_HOT[i]))[0] for i, row in enumerate(found["labels"])])
    for key, value in data["bounding_boxes"].items():  # type: ignore[attr-defined]
        np.testing.assert_array_equal(found["bounding_boxes"][key], np.concatenate([value, value[partner]], 1))


def test_no_mixing() -> None:
    for layer in (layers.MixUp(0.0), layers.CutMix(0.0)):
        np.testing.assert_array_equal(trained(layer, PICTURES), PICTURES)
    for layer in (layers.MixUp(), layers.CutMix()):
        np.testing.assert_array_equal(values(layer(PICTURES, training=False)), PICTURES)
        np.testing.assert_allclose(trained(layer, PICTURES[0]), PICTURES[0], rtol=1e-6)  # alone
        assert trained(layer, PICTURES[:0]).shape == PICTURES[:0].shape


# ---- CutMix -------------------------------------------------------------------------------------------------------


def test_cutmix_shares_are_the_areas() -> None:
    count = 60
    data = {"images": numbered(count), "labels": np.eye(count, dtype="float32")}
    data["segmentation_masks"] = data["images"][..., 0].astype("int32")
    found = trained(layers.CutMix(seed=1), data)
    for i in range(count):
        shares = np.array([(found["images"][i, ..., 0] == j).mean() for j in range(count)])
        np.testing.assert_allclose(found["labels"][i], shares, atol=1e-6)
        assert (found["images"][i] == i).mean() == pytest.approx(found["labels"][i, i])
    np.testing.assert_array_equal(found["segmentation_masks"], found["images"][..., 0])
    pasted = found["images"][..., 0] != np.arange(count).reshape(-1, 1, 1)
    np.testing.assert_array_equal(pasted, pasted.any(2)[:, :, None] & pasted.any(1)[:, None])
    assert pasted.any((1, 2)).mean() > 0.5


def test_cutmix_rectangles() -> None:
    """Of the image's own ratio, around a point that is drawn, cut off at the border; Beta(1, 1) is uniform."""
    layer = layers.CutMix((1.0, 1.0), seed=1)
    drawn = layer.get_random_transformation(np.zeros((3000, 100, 200, 1), "float32"), training=True)
    top, left, bottom, right = values(drawn["rectangles"]).T
    assert min(top.min(), left.min()) >= 0 and bottom.max() <= 100 and right.max() <= 200
    np.testing.assert_array_equal(top, np.rint(top))
    inner = (top > 0) & (left > 0) & (bottom < 100) & (right < 200)
    assert (np.abs((right - left) / 2 - (bottom - top))[inner] <= 1.5).all()
    # What is not cut off has its middle anywhere, and the expected area under Beta(1, 1) with the cut is 0.25.
    area = (bottom - top) * (right - left) / 20000
    np.testing.assert_allclose(values(drawn["mix_weight"]), 1 - area, atol=1e-6)
    side = np.sqrt(RNG.uniform(size=200000))
    middle = RNG.uniform(size=(2, 200000))
    lengths = np.minimum(middle + side / 2, 1) - np.maximum(middle - side / 2, 0)
    assert abs(area.mean() - lengths.prod(0).mean()) < 0.015


def test_cutmix_boxes() -> None:
    count = 80
    whole = np.tile(np.array([[[0.0, 0.0, 20.0, 16.0], [6.0, 5.0, 9.0, 8.0]]], "float32"), (count, 1, 1))
    boxes = {"boxes": whole, "labels": np.arange(2 * count).reshape(count, 2)}
    found = trained(
        layers.CutMix(seed=1, bounding_box_format="xyxy"), {"images": numbered(count), "bounding_boxes": boxes}
    )
    assert found["bounding_boxes"]["boxes"].shape == (count, 4, 4)
    for i in range(count):
        image = found["images"][i, ..., 0]
        pasted = image != i
        numbers, labels = found["bounding_boxes"]["boxes"][i], found["bounding_boxes"]["labels"][i]
        assert (numbers[labels == -1] == -1).all()
        assert labels[0] == 2 * i or pasted.all()
        assert (labels[1] == -1) == pasted[5:8, 6:9].all()
        if not pasted.any():
            assert (labels[2:] == -1).all()
            continue
        rows, columns = np.flatnonzero(pasted.any(1)), np.flatnonzero(pasted.any(0))
        edges = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        partner = int(image[pasted][0])
        assert labels[2] == 2 * partner
        np.testing.assert_array_equal(numbers[2], edges)  # the partner's large box is what was pasted
        seen = pasted[5:8, 6:9]
        assert (labels[3] == 2 * partner + 1) == seen.any()
        if seen.any():
            assert (numbers[3, 2] - numbers[3, 0]) * (numbers[3, 3] - numbers[3, 1]) == seen.sum()


def test_cutmix_needs_more_than_numbers_of_classes() -> None:
    with pytest.raises(ValueError, match="labels of the CutMix layer.*one_hot"):
        layers.CutMix()({"images": PICTURES, "labels": np.arange(6)}, training=True)


@pytest.mark.parametrize("make", [lambda **k: layers.MixUp(1.0, **k), lambda **k: layers.CutMix((1.0, 1.0), **k)])
def test_mixing_by_seed_layout_and_compiled(make: Callable[..., Any]) -> None:
    wanted = trained(make(seed=3), PICTURES)
    assert not np.array_equal(wanted, PICTURES)
    np.testing.assert_array_equal(trained(make(seed=3), PICTURES), wanted)
    assert not np.array_equal(trained(make(seed=4), PICTURES), wanted)
    first = trained(make(seed=3, data_format="channels_first"), np.moveaxis(PICTURES, -1, 1))
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), wanted)
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, make(seed=3)(inputs, training=True))
    np.testing.assert_allclose(model.predict(PICTURES, verbose=0), wanted, rtol=1e-5, atol=1e-3)


@pytest.mark.trains
def test_training_on_mixed_data() -> None:
    """A training step of one's own that mixes inside."""
    keras.utils.set_random_seed(1)

    class Mixed(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.mix = layers.Pipeline([layers.MixUp(1.0), layers.CutMix()])
            self.body = keras.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(6)])

        def call(self, x: Any, training: bool = False) -> Any:
            return self.body(x)

        def train_step(self, data: Any) -> Any:
            x, y = data
            mixed = self.mix({"images": x, "labels": y}, training=True)
            return super().train_step((mixed["images"], mixed["labels"]))

    model = Mixed()
    model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    x, y = np.tile(PICTURES, (8, 1, 1, 1)), np.tile(ONE_HOT, (8, 1))
    losses = model.fit(x, y, epochs=10, batch_size=12, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


# ---- policies -----------------------------------------------------------------------------------------------------

SMOOTH = scipy.ndimage.gaussian_filter(RNG.uniform(0, 255, (16, 17, 3)), (2, 2, 0))
SMOOTH = np.rint((SMOOTH - SMOOTH.min()) / np.ptp(SMOOTH) * 235 + 10).astype("float32")
WEIGHTS = np.array([0.2989, 0.5870, 0.1140])


def warped(x: Array, a: Any, shift: Any = (0.0, 0.0)) -> Array:
    """Each pixel (row, column) from `a` times its distance from the middle, and moved."""
    a, middle = np.array(a), (np.array(x.shape[:2]) - 1) / 2
    offset = middle - a @ (middle + np.array(shift))
    channels = [
        scipy.ndimage.affine_transform(c.astype("float64"), a, offset, order=1, mode="grid-constant", cval=127.5)
        for c in np.moveaxis(x, -1, 0)
    ]
    return np.stack(channels, -1)


def sharpened(x: Array, factor: float) -> Array:
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]])[..., None] / 13
    out = x.astype("float64")
    smooth = scipy.ndimage.convolve(out, kernel)
    out[1:-1, 1:-1] = (smooth + (x - smooth) * factor)[1:-1, 1:-1]
    return out


def equalized(x: Array) -> Array:
    out = np.empty_like(x)
    for c in range(3):
        sums = np.bincount(x[..., c].astype(int).ravel(), minlength=256).cumsum()
        first = sums[sums > 0].min()
        out[..., c] = np.rint((sums - first) * 255 / (sums[-1] - first))[x[..., c].astype(int)]
    return out


def by_pillow(change: Callable[[Image.Image], Image.Image], x: Array) -> Array:
    return np.asarray(change(Image.fromarray(x.astype("uint8")))).astype("float32")


# Each change of the list, by a strength from -1 to 1.
WANTED: dict[str, Callable[[Array, float], Array]] = {
    "identity": lambda x, s: x,
    "auto_contrast": lambda x, s: (x - x.min((0, 1))) / (x.max((0, 1)) - x.min((0, 1))) * 255,
    "equalize": lambda x, s: equalized(x),
    "posterize": lambda x, s: by_pillow(lambda i: ImageOps.posterize(i, 8 - int(np.rint(4 * abs(s)))), x),
    "solarize": lambda x, s: np.where(x < 256 * (1 - abs(s)), x, 255 - x),
    "color": lambda x, s: x + (x - (x @ WEIGHTS)[..., None]) * 0.9 * s,
    "contrast": lambda x, s: x.mean((0, 1)) + (x - x.mean((0, 1))) * (1 + 0.9 * s),
    "brightness": lambda x, s: x * (1 + 0.9 * s),
    "sharpness": lambda x, s: sharpened(x, 1 + 0.9 * s),
    "rotate": lambda x, s: warped(
        x, [[np.cos(s * np.pi / 6), -np.sin(s * np.pi / 6)], [np.sin(s * np.pi / 6), np.cos(s * np.pi / 6)]]
    ),
    "shear_x": lambda x, s: warped(x, [[1, 0], [0.3 * s, 1]]),
    "shear_y": lambda x, s: warped(x, [[1, 0.3 * s], [0, 1]]),
    "translate_x": lambda x, s: warped(x, np.eye(2), (0, 0.45 * s * x.shape[1])),
    "translate_y": lambda x, s: warped(x, np.eye(2), (0.45 * s * x.shape[0], 0)),
}


@pytest.mark.wide
@pytest.mark.parametrize("ends", [(0, 255), (-1, 1)])
def test_rand_augment_changes(ends: tuple[int, int]) -> None:
    """Every image comes out as one of the changes makes it with its strength, and all fourteen are drawn."""
    count, scale = 150, (ends[1] - ends[0]) / 255
    x = np.repeat(SMOOTH[None], count, 0) * scale + ends[0]
    layer = layers.RandAugment(ends, num_ops=1, factor=1.0, seed=2)
    drawn = layer.get_random_transformation(x, training=True)
    found = (values(layer.transform_images(ops.convert_to_tensor(x), drawn)) - ends[0]) / scale
    strengths = values(drawn["strengths"])[:, 0]
    assert np.abs(strengths).max() <= 1 and len(np.unique(strengths)) > 140 and abs(strengths.mean()) < 0.2
    seen = set()
    for picture, strength in zip(found, strengths, strict=True):
        gaps = {k: np.abs(picture - np.clip(f(SMOOTH, strength), 0, 255)).max() for k, f in WANTED.items()}
        nearest = min(gaps, key=gaps.__getitem__)
        assert gaps[nearest] < 0.05, gaps
        seen.add(nearest)
    assert seen == set(WANTED)


def test_rand_augment_takes_steps_one_after_the_other() -> None:
    x = np.repeat(SMOOTH[None], 24, 0)
    layer = layers.RandAugment(num_ops=3, factor=(0.2, 0.9), seed=2)
    drawn = layer.get_random_transformation(x, training=True)
    wanted: Any = ops.convert_to_tensor(x)
    single = layers.RandAugment(num_ops=1)
    for i in range(3):
        step = {k: v[:, i : i + 1] for k, v in drawn.items() if k != "size"}
        wanted = single.transform_images(wanted, {"size": drawn["size"], **step})
    found = values(layer.transform_images(ops.convert_to_tensor(x), drawn))
    np.testing.assert_allclose(found, values(wanted), rtol=1e-5, atol=1e-3)
    assert len({picture.tobytes() for picture in found}) > 20  # each image in its own way


def test_rand_augment_without_strength() -> None:
    """At 0 only auto contrast and equalization change anything."""
    x = np.repeat(SMOOTH[None], 60, 0)
    found = trained(layers.RandAugment(num_ops=1, factor=0.0, seed=1), x)
    gaps = [
        [np.abs(y - WANTED[k](SMOOTH, 0.0)).max() for k in ("identity", "auto_contrast", "equalize")] for y in found
    ]
    nearest = np.argmin(gaps, 1)
    assert np.min(gaps, 1).max() < 0.05
    assert 0.6 < (nearest == 0).mean() < 1


@pytest.mark.wide
@pytest.mark.parametrize(("num_ops", "factor"), [(1, 1.0), (1, 0.5), (3, 1.0)])
def test_rand_augment_moves_boxes_and_masks_alike(num_ops: int, factor: float) -> None:
    count, size = 80, 60
    masks = np.zeros((count, size, size), "int32")
    masks[:, 20:34, 15:40] = 7
    data = {
        "images": np.zeros((count, size, size, 3), "float32"),
        "segmentation_masks": masks,
        "bounding_boxes": {
            "boxes": np.tile([[[15.0, 20.0, 25.0, 14.0], [-1.0, -1.0, -1.0, -1.0]]], (count, 1, 1)).astype("float32"),
            "labels": np.tile([[3, -1]], (count, 1)),
        },
    }
    found = trained(layers.RandAugment(num_ops=num_ops, factor=factor, bounding_box_format="xywh", seed=1), data)
    assert found["segmentation_masks"].dtype == "int32" and set(np.unique(found["segmentation_masks"])) == {0, 7}
    assert (found["bounding_boxes"]["labels"][:, 1] == -1).all()
    moved = 0
    for mask, boxes, labels in zip(
        found["segmentation_masks"], found["bounding_boxes"]["boxes"], found["bounding_boxes"]["labels"], strict=True
    ):
        moved += not np.array_equal(mask, masks[0])
        if labels[0] == -1:
            assert mask.sum() <= 7 * 60
            continue
        x, y, width, height = boxes[0]
        if not mask.any():
            assert min(width, height) < 1.5
            continue
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        gaps = np.array([columns[0] - x, rows[0] - y, x + width - columns[-1] - 1, y + height - rows[-1] - 1])
        assert gaps.min() > -1.01  # nothing sticks out
        assert num_ops > 1 or gaps.max() < 1.6  # and a box is no larger than it must be
    assert moved > 15


@pytest.mark.wide
@pytest.mark.parametrize("all_ops", [True, False])
def test_augmix_is_the_mixture_of_its_chains(all_ops: bool) -> None:
    x = np.repeat(SMOOTH[None], 40, 0)
    layer = layers.AugMix(num_chains=2, chain_depth=3, factor=(0.2, 0.8), alpha=2.0, all_ops=all_ops, seed=1)
    drawn = layer.get_random_transformation(x, training=True)
    shares, own = values(drawn["chain_mixing_weights"]), values(drawn["weight_sample"])
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    assert shares.min() > 0 and own.min() > 0 and own.max() < 1 and len(np.unique(own)) == 40
    steps = layers.RandAugment(num_ops=3)
    mixture: Any = 0.0
    for i in range(2):
        chain = {k: drawn[k][:, i] for k in ("branches", "strengths", "transforms")}
        changed = values(steps.transform_images(ops.convert_to_tensor(x), {"size": drawn["size"], **chain}))
        mixture = mixture + changed * shares[:, i].reshape(-1, 1, 1, 1)
    own = own.reshape(-1, 1, 1, 1)
    found = values(layer.transform_images(ops.convert_to_tensor(x), drawn))
    np.testing.assert_allclose(found, x * own + mixture * (1 - own), rtol=1e-4, atol=1e-2)
    # Auto contrast, equalization, posterization, solarization, what is geometric, and nothing after the last step.
    assert len(np.unique(values(drawn["branches"]))) == (10 if all_ops else 6)


def test_augmix_leaves_labels_masks_and_boxes() -> None:
    boxes = {"boxes": np.ones((6, 1, 4), "float32"), "labels": np.ones((6, 1), "int32")}
    data = {"images": PICTURES, "labels": ONE_HOT, "segmentation_masks": PICTURES[..., 0], "bounding_boxes": boxes}
    found = trained(layers.AugMix(bounding_box_format="xyxy", seed=1), data)
    assert not np.array_equal(found["images"], PICTURES)
    keras.tree.map_structure(np.testing.assert_array_equal, {**found, "images": 0}, {**data, "images": 0})


POLICIES: dict[str, Callable[..., Any]] = {
    "RandAugment": lambda **k: layers.RandAugment(factor=(0.3, 0.9), **k),
    "RandAugment-nearest": lambda **k: layers.RandAugment(num_ops=4, interpolation="nearest", **k),
    "AugMix": lambda **k: layers.AugMix(num_chains=2, chain_depth=2, **k),
}
policies = pytest.mark.parametrize("name", POLICIES)


@pytest.mark.wide
@policies
def test_policies_by_seed_layout_and_dtype(name: str) -> None:
    make = POLICIES[name]
    layer = make(seed=3)
    wanted = trained(layer, PICTURES)
    assert wanted.min() >= 0 and wanted.max() <= 255
    np.testing.assert_allclose(trained(make(seed=3), PICTURES), wanted, rtol=1e-5, atol=1e-3)
    assert not np.allclose(trained(layer, PICTURES), wanted, atol=0.5)
    np.testing.assert_array_equal(values(layer(PICTURES, training=False)), PICTURES)
    first = trained(make(seed=3, data_format="channels_first"), np.moveaxis(PICTURES, -1, 1))
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), wanted, rtol=1e-5, atol=1e-3)
    small = trained(make(seed=3, value_range=(0, 1)), PICTURES / 255)
    np.testing.assert_allclose(small * 255, wanted, atol=0.01)
    alone = trained(make(seed=3), PICTURES[0])
    np.testing.assert_allclose(alone, trained(make(seed=3), PICTURES[:1])[0], rtol=1e-5, atol=1e-3)
    assert trained(layer, PICTURES[:0]).shape == PICTURES[:0].shape
    integers = trained(make(seed=3, dtype="uint8"), PICTURES.astype("uint8"))
    assert integers.dtype == "uint8"
    np.testing.assert_allclose(integers.astype("float32"), wanted, atol=0.51)
    assert trained(make(), PICTURES[..., :1]).shape == (6, 8, 9, 1)


@pytest.mark.wide
@policies
def test_compiled_policies(name: str) -> None:
    """In a compiled model the draws and the changes are those of an eager call."""
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, POLICIES[name](seed=3)(inputs, training=True))
    eager = POLICIES[name](seed=3)
    for _ in range(2):
        np.testing.assert_allclose(model.predict(PICTURES, verbose=0), trained(eager, PICTURES), rtol=1e-4, atol=0.02)


@pytest.mark.trains
def test_a_model_trains_with_policies() -> None:
    keras.utils.set_random_seed(1)
    body = [layers.RandAugment(factor=0.2), layers.AugMix(num_chains=2, chain_depth=2, factor=0.2)]
    head = [layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(6)]
    model = keras.Sequential([keras.Input((8, 9, 3)), *body, *head])
    model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    losses = model.fit(np.tile(PICTURES, (4, 1, 1, 1)), np.tile(ONE_HOT, (4, 1)), epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: layers.MixUp(-0.1), "alpha"),
        (lambda: layers.CutMix(1.5), "factor"),
        (lambda: layers.RandAugment(factor=2.0), "factor"),
        (lambda: layers.RandAugment(num_ops=0), "num_ops"),
        (lambda: layers.RandAugment(interpolation="cubic"), "interpolation"),
        (lambda: layers.RandAugment(value_range=(0,)), "value_range"),
        (lambda: layers.AugMix(num_chains=0), "num_chains"),
        (lambda: layers.AugMix(chain_depth=1.5), "chain_depth"),
        (lambda: layers.AugMix(alpha=0), "alpha"),
        (lambda: layers.Pipeline([layers.AutoContrast(), abs]), "layers"),
    ],
)
def test_wrong_arguments(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"`{said}` of (the .* layer '|AugMix to be an integer, got 1.5)"):
        make()


# ---- pipelines ----------------------------------------------------------------------------------------------------


def test_pipeline_goes_through_its_layers() -> None:
    parts = [layers.AutoContrast(), layers.RandomInvert((1.0, 1.0)), layers.Rescaling(1 / 255)]
    pipeline = layers.Pipeline(parts, name="prepared")
    assert pipeline.name == "prepared" and pipeline.layers == parts
    x: Any = PICTURES
    for part in parts[:2]:
        x = part(x, training=True)
    np.testing.assert_allclose(trained(pipeline, PICTURES), values(parts[2](x)), rtol=1e-6)
    np.testing.assert_allclose(trained(pipeline, PICTURES), values(pipeline(PICTURES)), rtol=1e-6)
    still = values(parts[2](parts[0](PICTURES, training=False)))
    np.testing.assert_allclose(values(pipeline(PICTURES, training=False)), still, rtol=1e-6)
    inputs = keras.Input((8, 9, 3))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(pipeline(inputs))))
    assert model.predict(PICTURES, verbose=0).shape == (6, 2)


def test_pipeline_of_dicts() -> None:
    pipeline = layers.Pipeline([layers.RandomInvert((1.0, 1.0)), layers.MixUp(1.0, seed=1)])
    found = trained(pipeline, {"images": PICTURES, "labels": ONE_HOT})
    wanted = np.einsum("ij,jhwc->ihwc", found["labels"], 255 - PICTURES)
    np.testing.assert_allclose(found["images"], wanted, rtol=1e-4, atol=1e-3)


def test_pipeline_builds_layers_with_weights() -> None:
    pipeline = layers.Pipeline([layers.Flatten(), layers.Dense(4), layers.Dense(2)])
    pipeline(PICTURES)
    assert [w.shape for w in pipeline.weights] == [(216, 4), (4,), (4, 2), (2,)]
    again = layers.deserialize(layers.serialize(pipeline))
    again(PICTURES)
    again.set_weights(pipeline.get_weights())
    np.testing.assert_allclose(values(again(PICTURES)), values(pipeline(PICTURES)), rtol=1e-6)


def test_pipeline_config_is_keras_own() -> None:
    theirs = pytest.importorskip("keras")
    ours = layers.Pipeline([layers.AutoContrast(), layers.RandomInvert(0.5)], name="both")
    made = theirs.layers.deserialize(layers.serialize(ours))
    assert [type(x).__name__ for x in made.layers] == ["AutoContrast", "RandomInvert"]
    again = layers.deserialize(theirs.layers.serialize(made))
    assert again.name == "both" and again.get_config() == ours.get_config()


# ---- in input pipelines -------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("name", [*POLICIES, "MixUp", "CutMix"])
def test_in_tf_data(name: str) -> None:
    """On every backend, on batches of dicts."""
    tf = pytest.importorskip("tensorflow")
    layer = POLICIES[name]() if name in POLICIES else getattr(layers, name)()
    data = tf.data.Dataset.from_tensor_slices({"images": PICTURES, "labels": ONE_HOT}).batch(3)
    batches = list(data.map(lambda x: layer(x, training=True)))
    assert [tuple(b["images"].shape) for b in batches] == [(3, 8, 9, 3)] * 2
    for batch in batches:
        np.testing.assert_allclose(batch["labels"].numpy().sum(1), 1, rtol=1e-5)
        assert np.isfinite(batch["images"].numpy()).all()
