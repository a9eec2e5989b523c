"""Layers that change colours, sharpen, blur and erase: against Pillow, colorsys, SciPy, NumPy formulae and Keras."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from PIL import Image, ImageEnhance, ImageOps

import kerasfront as keras
from kerasfront import layers, ops

Array = np.ndarray[Any, Any]

RNG = np.random.default_rng(0)
BYTES = RNG.integers(20, 231, (3, 9, 8, 3)).astype("uint8")
BYTES[1] = np.arange(9 * 8 * 3).reshape(9, 8, 3) // 2 + 50
PICTURES = BYTES.astype("float32")
WEIGHTS = np.array([0.2989, 0.5870, 0.1140])


def values(x: Any) -> Array:
    return ops.convert_to_numpy(x)


def trained(layer: Any, x: Any = PICTURES) -> Array:
    return values(layer(x, training=True))


def by_pillow(change: Callable[[Image.Image], Image.Image]) -> Array:
    return np.stack([np.asarray(change(Image.fromarray(b))) for b in BYTES]).astype("float32")


def by_colorsys(change: Callable[[float, float, float], tuple[float, float, float]]) -> Array:
    def pixel(p: Array) -> Array:
        return np.array(colorsys.hsv_to_rgb(*change(*colorsys.rgb_to_hsv(*(p / 255))))) * 255

    return np.apply_along_axis(pixel, -1, PICTURES.astype("float64"))


def cut(x: Array) -> Array:
    return np.clip(x, 0, 255)


# ---- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, -0.4, 1.0, -1.0])
def test_brightness(share: float) -> None:
    np.testing.assert_allclose(
        trained(layers.RandomBrightness((share, share))), cut(PICTURES + 255 * share), rtol=1e-5, atol=1e-4
    )


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.8])
def test_contrast(factor: float) -> None:
    mean = PICTURES.mean((1, 2), keepdims=True)
    got = trained(layers.RandomContrast((1 - factor, factor - 1)))
    np.testing.assert_allclose(got, cut((PICTURES - mean) * factor + mean), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("factor", [0.0, 0.2, 0.9, 1.0])
def test_hue_turns_either_way(factor: float) -> None:
    ways = [by_colorsys(lambda h, s, v, w=way: ((h + w * factor / 2) % 1, s, v)) for way in (1, -1)]
    for got, *wanted in zip(trained(layers.RandomHue((factor, factor))), *ways, strict=True):
        assert min(np.abs(got - w).max() for w in wanted) < 1e-2


@pytest.mark.parametrize("factor", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_saturation(factor: float) -> None:
    times = factor / max(1 - factor, 1e-6)
    wanted = by_colorsys(lambda h, s, v: (h, min(s * times, 1.0), v))
    np.testing.assert_allclose(trained(layers.RandomSaturation((factor, factor))), wanted, atol=1e-2)


def test_grayscale() -> None:
    got = trained(layers.RandomGrayscale(1.0))
    np.testing.assert_allclose(got, np.repeat((PICTURES @ WEIGHTS)[..., None], 3, -1), rtol=1e-5)


def test_invert_is_pillows() -> None:
    np.testing.assert_array_equal(trained(layers.RandomInvert((1.0, 1.0))), by_pillow(ImageOps.invert))


@pytest.mark.wide
@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("ends", [(0, 255), (0, 1), (-1, 1)])
def test_posterization_is_pillows(bits: int, ends: tuple[int, int]) -> None:
    scale = (ends[1] - ends[0]) / 255
    got = trained(layers.RandomPosterization((bits, bits), value_range=ends), PICTURES * scale + ends[0])
    wanted = by_pillow(lambda x: ImageOps.posterize(x, bits))
    np.testing.assert_allclose(got, wanted * scale + ends[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, -0.5])
def test_color_degeneration(factor: float) -> None:
    grey = (PICTURES @ WEIGHTS)[..., None]
    got = trained(layers.RandomColorDegeneration((factor, factor)))
    np.testing.assert_allclose(got, cut(PICTURES * (1 - factor) + grey * factor), rtol=1e-4, atol=1e-3)
    pillow = by_pillow(lambda x: ImageEnhance.Color(x).enhance(1 - factor))
    np.testing.assert_allclose(got, pillow, atol=2)  # which rounds, grey first


@pytest.mark.parametrize("threshold", [0, 77, 128, 255])
def test_solarization_is_pillows(threshold: int) -> None:
    share = threshold / 255
    got = trained(layers.Solarization(threshold_factor=(share, share)))
    np.testing.assert_allclose(got, by_pillow(lambda x: ImageOps.solarize(x, threshold)), atol=1e-4)


def test_solarization_adds_first() -> None:
    x = cut(PICTURES + 0.1 * 255)
    got = trained(layers.Solarization((0.1, 0.1), (0.5, 0.5)))
    np.testing.assert_allclose(got, np.where(x < 127.5, x, 255 - x), rtol=1e-4, atol=1e-3)


def test_auto_contrast_is_pillows() -> None:
    layer = layers.AutoContrast()
    least, most = (f(PICTURES, (1, 2), keepdims=True) for f in (np.min, np.max))
    for training in (True, False):
        got = values(layer(PICTURES, training=training))
        np.testing.assert_allclose(got, (PICTURES - least) / (most - least) * 255, atol=1e-3)
        np.testing.assert_allclose(got, by_pillow(ImageOps.autocontrast), atol=1)  # which rounds down
    flat = np.full((2, 4, 5, 3), 7.0, "float32")
    np.testing.assert_array_equal(values(layer(flat)), flat)


def equalized(channel: Array, bins: int = 256) -> Array:
    """As OpenCV does it."""
    places = np.minimum(channel.astype("int64") * bins // 255, bins - 1)
    sums = np.bincount(places.ravel(), minlength=bins).cumsum()
    first = sums[sums > 0].min()
    levels = (sums - first) * 255 / (channel.size - first)
    # Halves go up on one backend and down on another.
    return np.where(levels % 1 == 0.5, np.nan, np.rint(levels))[places]


@pytest.mark.parametrize("bins", [256, 64, 5])
def test_equalization(bins: int) -> None:
    layer = layers.Equalization(bins=bins)
    wanted = np.stack([np.stack([equalized(x[..., c], bins) for c in range(3)], -1) for x in PICTURES])
    for training in (True, False):
        got = values(layer(PICTURES, training=training))
        np.testing.assert_allclose(np.where(np.isnan(wanted), np.nan, got), wanted, atol=1e-3)
    assert np.isnan(wanted).mean() < 0.2
    small = layers.Equalization((0, 1), bins)
    got = np.where(np.isnan(wanted), np.nan, values(small(PICTURES / 255)))
    np.testing.assert_allclose(got, wanted / 255, atol=1e-5)
    flat = np.full((2, 4, 5, 3), 7.0, "float32")
    np.testing.assert_array_equal(values(layer(flat)), flat)


def test_equalization_is_nearly_pillows() -> None:
    x = np.clip(RNG.normal(110, 30, (300, 340, 3)), 0, 255).astype("uint8")
    wanted = np.asarray(ImageOps.equalize(Image.fromarray(x))).astype("float32")
    assert np.abs(trained(layers.Equalization(), x) - wanted).max() < 5  # Pillow counts in steps of whole pixels


def table(tile: Array, clip: float) -> Array:
    """What CLAHE makes of each value in a tile."""
    counts = np.bincount(tile.astype("int64").ravel(), minlength=256).astype("float64")
    limit = max(int(clip * tile.size / 256), 1)
    over = np.maximum(counts - limit, 0).sum()
    sums = (np.minimum(counts, limit) + over / 256).cumsum()
    return (sums - sums[0]) / (sums[-1] - sums[0]) * 255


def adapted(x: Array, grid: tuple[int, int], clip: float) -> Array:
    """CLAHE of one channel, pixel by pixel."""
    height, width = x.shape
    padded = np.pad(x, ((0, -height % grid[0]), (0, -width % grid[1])), mode="edge")
    high, wide = padded.shape[0] // grid[0], padded.shape[1] // grid[1]
    tables = [
        [table(padded[i * high : (i + 1) * high, j * wide : (j + 1) * wide], clip) for j in range(grid[1])]
        for i in range(grid[0])
    ]
    out = np.empty(x.shape)
    for r in range(height):
        for c in range(width):
            y, z = r / high - 0.5, c / wide - 0.5
            i, j = int(np.floor(y)), int(np.floor(z))
            total = 0.0
            for a, p in ((i, i + 1 - y), (i + 1, y - i)):
                for b, q in ((j, j + 1 - z), (j + 1, z - j)):
                    near = tables[min(max(a, 0), grid[0] - 1)][min(max(b, 0), grid[1] - 1)]
                    total += p * q * near[int(x[r, c])]
            out[r, c] = total
    return out


LARGE = RNG.normal(100, 40, (2, 33, 40, 2)).clip(0, 255).round().astype("float32")


@pytest.mark.parametrize(("grid", "clip"), [((1, 1), 1000.0), ((2, 4), 4.0), ((3, 7), 8.0), ((5, 3), 2.0)])
def test_clahe(grid: tuple[int, int], clip: float) -> None:
    layer = layers.ContrastLimitedAdaptiveHistogramEqualization(clip_limit=clip, tile_grid_size=grid)
    wanted = np.stack([np.stack([adapted(x[..., c], grid, clip) for c in range(2)], -1) for x in LARGE])
    for training in (True, False):
        np.testing.assert_allclose(values(layer(LARGE, training=training)), wanted, atol=1e-2)
    small = layers.ContrastLimitedAdaptiveHistogramEqualization((0, 1), clip, grid)
    np.testing.assert_allclose(values(small(LARGE / 255)), wanted / 255, atol=1e-4)


@pytest.mark.parametrize("factor", [0.0, 0.25, 0.5, 0.8, 1.0])
def test_sharpness_is_pillows(factor: float) -> None:
    got = trained(layers.RandomSharpness((factor, factor)))
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]])[..., None] / 13
    smooth = np.stack([scipy.ndimage.convolve(x, kernel) for x in PICTURES.astype("float64")])
    inner = (slice(None), slice(1, -1), slice(1, -1))
    wanted = PICTURES.astype("float64")
    wanted[inner] = cut(smooth + (PICTURES - smooth) * 2 * factor)[inner]
    np.testing.assert_allclose(got, wanted, atol=1e-2)
    np.testing.assert_allclose(got, by_pillow(lambda x: ImageEnhance.Sharpness(x).enhance(2 * factor)), atol=2)


def test_sharpness_of_few_pixels() -> None:
    x = PICTURES[:, :2]
    np.testing.assert_array_equal(trained(layers.RandomSharpness((0.0, 0.0)), x), x)


@pytest.mark.wide
@pytest.mark.parametrize(("taps", "sigma"), [((3, 3), 1.0), ((5, 1), 0.7), ((7, 13), 2.5), ((21, 3), 4.0)])
def test_gaussian_blur_is_scipys(taps: tuple[int, int], sigma: float) -> None:
    got = trained(layers.RandomGaussianBlur((1.0, 1.0), taps, (sigma, sigma)))
    wanted = PICTURES.astype("float64")
    for axis, count in zip((1, 2), taps, strict=True):
        wanted = scipy.ndimage.gaussian_filter1d(wanted, sigma, axis, mode="mirror", radius=count // 2)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-3)


def test_no_width_is_no_blur() -> None:
    np.testing.assert_array_equal(trained(layers.RandomGaussianBlur((1.0, 1.0), 5, 0.0)), PICTURES)
    np.testing.assert_array_equal(trained(layers.RandomGaussianBlur(0.0, 5)), PICTURES)


def test_jitter_is_its_parts_in_order() -> None:
    ends = (0, 255)
    factors = {"brightness": (0.1, 0.1), "contrast": (0.3, -0.3), "saturation": (0.2, 0.2), "hue": (1.0, 1.0)}
    jitter = layers.RandomColorJitter(ends, **{f"{k}_factor": v for k, v in factors.items()})
    x: Any = PICTURES
    for kind, factor in factors.items():
        x = getattr(layers, f"Random{kind.capitalize()}")(factor, value_range=ends)(x, training=True)
    np.testing.assert_allclose(trained(jitter), values(x), rtol=1e-5, atol=1e-2)
    alone = layers.RandomColorJitter(ends, contrast_factor=(0.3, -0.3))
    np.testing.assert_allclose(trained(alone), trained(layers.RandomContrast((0.3, -0.3))), rtol=1e-6)
    np.testing.assert_array_equal(trained(layers.RandomColorJitter(ends)), PICTURES)


# ---- what holds of all of them --------------------------------------------------------------------------------------

# With draws that make the same of every image, or of most.
CHANGES: dict[str, Callable[..., Any]] = {
    "RandomBrightness": lambda **k: layers.RandomBrightness((0.2, 0.2), **k),
    "RandomContrast": lambda **k: layers.RandomContrast((0.5, -0.5), **k),
    "RandomHue": lambda **k: layers.RandomHue((1.0, 1.0), **k),
    "RandomSaturation": lambda **k: layers.RandomSaturation((0.3, 0.3), **k),
    "RandomInvert": lambda **k: layers.RandomInvert((1.0, 1.0), **k),
    "RandomPosterization": lambda **k: layers.RandomPosterization((3, 3), **k),
    "RandomColorDegeneration": lambda **k: layers.RandomColorDegeneration((0.5, 0.5), **k),
    "RandomColorJitter": lambda **k: layers.RandomColorJitter(
        brightness_factor=(0.1, 0.1), saturation_factor=(0.2, 0.2), **k
    ),
    "Solarization": lambda **k: layers.Solarization((0.1, 0.1), (0.5, 0.5), **k),
    "AutoContrast": lambda **k: layers.AutoContrast(**k),
    "Equalization": lambda **k: layers.Equalization(**k),
    "Clahe": lambda **k: layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2), **k),
    "RandomSharpness": lambda **k: layers.RandomSharpness((1.0, 1.0), **k),
    "RandomGaussianBlur": lambda **k: layers.RandomGaussianBlur((1.0, 1.0), sigma=(1.0, 1.0), **k),
}
every = pytest.mark.parametrize("name", CHANGES)
ALWAYS = ("AutoContrast", "Equalization", "Clahe")


@pytest.mark.wide
@every
@pytest.mark.parametrize("ends", [(0, 1), (-1, 1), [0.0, 20.0]])
def test_other_ranges(name: str, ends: Any) -> None:
    """The same picture in another range becomes the same picture in that range."""
    scale = (ends[1] - ends[0]) / 255
    got = trained(CHANGES[name](value_range=ends), PICTURES * scale + ends[0])
    np.testing.assert_allclose(got, trained(CHANGES[name]()) * scale + ends[0], rtol=1e-3, atol=1e-3)


@pytest.mark.wide
@every
def test_one_image_is_a_batch_of_one(name: str) -> None:
    layer = CHANGES[name]()
    got = trained(layer, PICTURES[0])
    assert got.shape == PICTURES[0].shape
    np.testing.assert_allclose(got, trained(layer, PICTURES[:1])[0], rtol=1e-6)
    np.testing.assert_allclose(got, trained(layer)[0], rtol=1e-5, atol=1e-3)
    assert trained(layer, PICTURES[:0]).shape == PICTURES[:0].shape


@pytest.mark.wide
@every
def test_channels_first(name: str) -> None:
    got = trained(CHANGES[name](data_format="channels_first"), np.moveaxis(PICTURES, -1, 1))
    np.testing.assert_allclose(np.moveaxis(got, 1, -1), trained(CHANGES[name]()), rtol=1e-5, atol=1e-3)


@pytest.mark.wide
@every
def test_dtypes(name: str) -> None:
    """The result has the layer's dtype, whatever comes; integers are rounded."""
    wanted = trained(CHANGES[name]())
    got = trained(CHANGES[name](), BYTES)
    assert got.dtype == "float32"
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-3)
    got = trained(CHANGES[name](dtype="uint8"), BYTES)
    assert got.dtype == "uint8"
    np.testing.assert_allclose(got.astype("float32"), wanted, atol=0.501)
    half = CHANGES[name](dtype="float16")(PICTURES, training=True)
    assert ops.dtype(half) == "float16"
    np.testing.assert_allclose(values(ops.cast(half, "float32")), wanted, atol=0.2)


@pytest.mark.wide
@every
def test_only_in_training(name: str) -> None:
    layer = CHANGES[name]()
    got = values(layer(PICTURES, training=False))
    assert np.array_equal(got, PICTURES) == (name not in ALWAYS)
    assert not np.array_equal(trained(layer), PICTURES)
    np.testing.assert_allclose(values(layer(PICTURES)), trained(layer), rtol=1e-5, atol=1e-3)  # the default
    model = keras.Sequential([keras.Input((None, None, 3)), CHANGES[name]()])
    np.testing.assert_allclose(model.predict(PICTURES, verbose=0), got, atol=1e-3)


@pytest.mark.wide
@every
def test_what_belongs_to_images_stays(name: str) -> None:
    data = {
        "images": PICTURES,
        "labels": np.arange(3),
        "segmentation_masks": BYTES[..., :1],
        "bounding_boxes": {"boxes": np.array([[[1.0, 2.0, 5.0, 6.0]]] * 3, "float32"), "labels": np.ones((3, 1))},
        "weights": np.ones(3),
    }
    layer = CHANGES[name](bounding_box_format="xyxy")
    found = layer(data, training=True)
    np.testing.assert_allclose(values(found["images"]), trained(CHANGES[name]()), rtol=1e-5, atol=1e-3)
    for key in ("labels", "segmentation_masks", "weights"):
        np.testing.assert_array_equal(values(found[key]), data[key])
    for key in ("boxes", "labels"):
        np.testing.assert_array_equal(values(found["bounding_boxes"][key]), data["bounding_boxes"][key])


@pytest.mark.wide
@every
def test_compiled(name: str) -> None:
    """In a compiled model, with `training` given in the graph: the same as eager."""
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, CHANGES[name]()(inputs, training=True))
    np.testing.assert_allclose(
        model.predict(PICTURES, batch_size=2, verbose=0), trained(CHANGES[name]()), rtol=1e-4, atol=1e-2
    )


@pytest.mark.wide
@every
def test_transformations_can_be_applied_again(name: str) -> None:
    layer = CHANGES[name]()
    transformation = layer.get_random_transformation(PICTURES, training=True)
    got = values(layer.transform_images(ops.convert_to_tensor(PICTURES), transformation))
    np.testing.assert_allclose(got, trained(CHANGES[name]()), rtol=1e-5, atol=1e-3)
    if name not in ALWAYS:
        assert layer.get_random_transformation(PICTURES, training=False) is None


# ---- draws --------------------------------------------------------------------------------------------------------

MANY = np.repeat(PICTURES[:1], 200, axis=0)

DRAWN: dict[str, tuple[Callable[..., Any], str, float, float]] = {
    "brightness": (lambda **k: layers.RandomBrightness(0.2, **k), "rgb_delta", -51, 51),
    "brightness-pair": (lambda **k: layers.RandomBrightness((0.2, -0.1), **k), "rgb_delta", -25.5, 51),
    "contrast": (lambda **k: layers.RandomContrast(0.3, **k), "contrast_factor", 0.7, 1.3),
    "contrast-pair": (lambda **k: layers.RandomContrast((0.8, 0.2), **k), "contrast_factor", 0.2, 1.2),
    "hue": (lambda **k: layers.RandomHue(0.4, **k), "factor", -0.2, 0.2),
    "degeneration": (lambda **k: layers.RandomColorDegeneration(0.4, **k), "factor", 0, 0.4),
    "sharpness": (lambda **k: layers.RandomSharpness(0.4, **k), "factor", 0, 0.4),
    "additions": (lambda **k: layers.Solarization((0.1, 0.2), 0.3, **k), "additions", 25.5, 51),
    "thresholds": (lambda **k: layers.Solarization(0.1, (0.3, 0.4), **k), "thresholds", 76.5, 102),
    "sigma": (lambda **k: layers.RandomGaussianBlur((1.0, 1.0), sigma=(1.0, 3.0), **k), "sigma", 1, 3),
}


@pytest.mark.wide
@pytest.mark.parametrize("name", DRAWN)
def test_draws(name: str) -> None:
    """Uniform between the bounds, another for each image, the same again for the same seed."""
    make, key, least, most = DRAWN[name]
    drawn = values(make(seed=3).get_random_transformation(MANY, training=True)[key])
    assert drawn.shape == (200, 1, 1, 1)
    assert drawn.min() >= least - 1e-4 and drawn.max() <= most + 1e-4
    assert len(np.unique(drawn)) > 190
    counts, _ = np.histogram(drawn, 4, (least, most))
    assert (np.abs(counts - 50) < 25).all()  # four standard deviations
    layer = make(seed=3)
    np.testing.assert_array_equal(values(layer.get_random_transformation(MANY, training=True)[key]), drawn)
    assert not np.array_equal(values(layer.get_random_transformation(MANY, training=True)[key]), drawn)
    for seed in (5, keras.random.SeedGenerator(5)):
        found = values(make(seed=3).get_random_transformation(MANY, training=True, seed=seed)[key])
        np.testing.assert_array_equal(found, values(make(seed=5).get_random_transformation(MANY, training=True)[key]))


def test_posterization_draws_both_ends() -> None:
    drawn = values(layers.RandomPosterization((3, 6), seed=1).get_random_transformation(MANY, training=True)["bits"])
    bits, counts = np.unique(drawn, return_counts=True)
    assert bits.tolist() == [3, 4, 5, 6] and (np.abs(counts - 50) < 25).all()
    single = values(layers.RandomPosterization(2, seed=1).get_random_transformation(MANY, training=True)["bits"])
    assert np.unique(single).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("make", "chance"),
    [
        (lambda: layers.RandomGrayscale(0.25, seed=1), 0.25),
        (lambda: layers.RandomInvert((0.75, 0.75), seed=1), 0.75),
        (lambda: layers.RandomInvert(0.5, seed=1), 0.25),
        (lambda: layers.RandomInvert(seed=1), 0.5),
        (lambda: layers.RandomGaussianBlur((0.2, 0.4), sigma=(1.0, 1.0), seed=1), 0.3),
        (lambda: layers.RandomErasing((0.6, 0.6), scale=(0.1, 0.2), seed=1), 0.6),
    ],
)
def test_chances(make: Callable[[], Any], chance: float) -> None:
    changed = (trained(make(), MANY) != MANY).any((1, 2, 3))
    assert abs(changed.mean() - chance) < 4 * (chance * (1 - chance) / 200) ** 0.5


# ---- erasing ------------------------------------------------------------------------------------------------------


def test_erased_rectangles() -> None:
    """One rectangle each, whose area and ratio are drawn as asked, anywhere in the image."""
    x = np.ones((400, 40, 50, 2), "float32")
    gone = trained(layers.RandomErasing((1.0, 1.0), (0.05, 0.3), fill_value=0, seed=1), x)[..., 0] == 0
    by_row, by_column = gone.any(2), gone.any(1)
    np.testing.assert_array_equal(gone, by_row[:, :, None] & by_column[:, None])
    for line in (by_row, by_column):
        assert ((np.diff(line.astype(int), prepend=0, append=0) == 1).sum(1) == 1).all()
    high, wide = by_row.sum(1), by_column.sum(1)
    area = high * wide / 2000
    assert area.min() > 0.04 and area.max() < 0.32 and area.min() < 0.08 and area.max() > 0.27
    assert abs(area.mean() - 0.175) < 0.015
    ratio = high / wide
    assert ratio.min() > 0.25 and ratio.max() < 4 and ratio.min() < 0.45 and ratio.max() > 2.2
    assert abs(np.log(ratio).mean()) < 0.15
    assert by_row.any(0).all() and by_column.any(0).all() and gone.any(0).mean() > 0.9
    whole = trained(layers.RandomErasing((1.0, 1.0), (1.0, 1.0), fill_value=5), x)
    assert (whole == 5).all()


def test_erased_with_noise() -> None:
    x = np.full((50, 30, 30, 3), -9.0, "float32")
    y = trained(layers.RandomErasing((1.0, 1.0), (0.3, 0.3), value_range=(0, 1), seed=1), x)
    noise = y[y != -9.0]
    assert noise.min() >= 0 and noise.max() <= 1
    assert abs(noise.mean() - 0.5) < 0.01 and abs(noise.std() - 0.25) < 0.02
    assert len(np.unique(noise)) > 0.9 * len(noise)
    alone = trained(layers.RandomErasing((1.0, 1.0), (0.3, 0.3), value_range=(0, 1), seed=1), x[0])
    assert alone.shape == x[0].shape and (alone != -9.0).any()
    first = layers.RandomErasing((1.0, 1.0), seed=2, data_format="channels_first")
    assert trained(first, np.moveaxis(x, -1, 1)).shape == (50, 3, 30, 30)


def test_erasing_leaves_labels_and_masks() -> None:
    data = {"images": PICTURES, "labels": np.eye(3), "segmentation_masks": BYTES[..., :1]}
    found = layers.RandomErasing((1.0, 1.0))(data, training=True)
    assert not np.array_equal(values(found["images"]), PICTURES)
    for key in ("labels", "segmentation_masks"):
        np.testing.assert_array_equal(values(found[key]), data[key])


# ---- Keras --------------------------------------------------------------------------------------------------------

# Where Keras 3 does what its documentation says.
AS_KERAS: dict[str, Callable[[Any], Any]] = {
    "RandomBrightness": lambda m: m.RandomBrightness((0.2, 0.2)),
    "RandomHue": lambda m: m.RandomHue((1.0, 1.0)),
    "RandomSaturation": lambda m: m.RandomSaturation((0.3, 0.3)),
    "RandomGrayscale": lambda m: m.RandomGrayscale(1.0),
    "RandomInvert": lambda m: m.RandomInvert((1.0, 1.0)),
    "RandomPosterization": lambda m: m.RandomPosterization((3, 3)),
    "RandomColorDegeneration": lambda m: m.RandomColorDegeneration((0.5, 0.5)),
    "Solarization": lambda m: m.Solarization(),
    "AutoContrast": lambda m: m.AutoContrast(),
    # A limit of 9 pixels: Keras rounds others on some backends only.
    "Clahe": lambda m: m.ContrastLimitedAdaptiveHistogramEqualization(clip_limit=16.0, tile_grid_size=(2, 4)),
}


@pytest.mark.wide
@pytest.mark.parametrize("name", AS_KERAS)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_as_keras(name: str) -> None:
    theirs = pytest.importorskip("keras")
    x = np.tile(PICTURES, (1, 4, 4, 1))
    wanted = AS_KERAS[name](theirs.layers)(theirs.ops.convert_to_tensor(x), training=True)
    got = trained(AS_KERAS[name](layers), x)
    np.testing.assert_allclose(got, np.asarray(theirs.ops.convert_to_numpy(wanted)), rtol=1e-4, atol=1e-2)


def test_equalization_as_keras() -> None:
    theirs = pytest.importorskip("keras")
    x = PICTURES[:1]  # the channels of several images get mixed up in Keras
    wanted = theirs.layers.Equalization()(theirs.ops.convert_to_tensor(x), training=True)
    got = trained(layers.Equalization(), x)
    np.testing.assert_allclose(got, np.asarray(theirs.ops.convert_to_numpy(wanted)), atol=1e-3)


# ---- in training, and errors --------------------------------------------------------------------------------------


@pytest.mark.trains
def test_a_model_trains_with_them() -> None:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((9, 8, 3), dtype="uint8"),
            layers.RandomColorJitter((0, 255), 0.1, 0.2, (0.3, 0.7), 0.1),
            layers.RandomErasing(scale=(0.02, 0.1)),
            layers.RandomSharpness((0.3, 0.7)),
            layers.RandomGaussianBlur(),
            layers.Equalization(),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.tile(BYTES, (8, 1, 1, 1)), np.tile(np.arange(3), 8)
    losses = model.fit(x, y, epochs=12, batch_size=12, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: layers.RandomBrightness(1.5), "factor"),
        (lambda: layers.RandomBrightness((0.1, 0.2, 0.3)), "factor"),
        (lambda: layers.RandomContrast(-0.5), "factor"),
        (lambda: layers.RandomContrast((1.5, 0.0)), "factor"),
        (lambda: layers.RandomHue("much"), "factor"),
        (lambda: layers.RandomSaturation(None), "factor"),
        (lambda: layers.RandomGrayscale(2.0), "factor"),
        (lambda: layers.RandomPosterization(0), "factor"),
        (lambda: layers.RandomPosterization(2.5), "factor"),
        (lambda: layers.RandomPosterization((2, 9)), "factor"),
        (lambda: layers.RandomInvert(value_range=(1, 1)), "value_range"),
        (lambda: layers.AutoContrast(value_range=5), "value_range"),
        (lambda: layers.Equalization(bins=0), "bins"),
        (lambda: layers.ContrastLimitedAdaptiveHistogramEqualization(clip_limit=0), "clip_limit"),
        (lambda: layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(0, 2)), "tile_grid_size"),
        (lambda: layers.RandomGaussianBlur(kernel_size=4), "kernel_size"),
        (lambda: layers.RandomGaussianBlur(sigma=-1.0), "sigma"),
        (lambda: layers.RandomErasing(scale=(0.5, 1.5)), "scale"),
        (lambda: layers.RandomErasing(fill_value="red"), "fill_value"),
        (lambda: layers.RandomColorJitter(hue_factor=3), "factor"),
        (lambda: layers.Solarization(2.0), "addition_factor"),
    ],
)
def test_wrong_arguments(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"`{said}` of (the .* layer '|Random[A-Z][a-z]+ to be a number, got)"):
        make()


@pytest.mark.parametrize("make", [lambda: layers.RandomHue(0.5), lambda: layers.RandomGrayscale(0.5)])
def test_wrong_channels(make: Callable[[], Any]) -> None:
    layer = make()
    with pytest.raises(ValueError, match="channels") as caught:
        layer(PICTURES[..., :2], training=True)
    assert layer.name in "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
