"""keras.ops.image against SciPy, Pillow, matplotlib's colours and plain NumPy."""

import colorsys

import numpy as np
import pytest
import scipy.ndimage
from PIL import Image

from kerasfront import config, ops
from kerasfront.ops import image
from kerasfront.spec import KerasTensor

RNG = np.random.default_rng(0)
PICTURE = RNG.uniform(0, 1, (2, 9, 11, 3)).astype("float32")
# scipy.ndimage calls them otherwise, where it interpolates beyond the border as we do.
MODES = {
    "constant": "grid-constant",
    "nearest": "nearest",
    "wrap": "grid-wrap",
    "mirror": "mirror",
    "reflect": "reflect",
}


def values(x):
    return ops.convert_to_numpy(x)


@pytest.fixture(params=["channels_last", "channels_first"])
def layout(request):
    before = config.image_data_format()
    config.set_image_data_format(request.param)
    yield request.param
    config.set_image_data_format(before)


def entered(x, layout):
    return np.moveaxis(x, -1, 1) if layout == "channels_first" else x


def left(x, layout):
    return np.moveaxis(values(x), 1, -1) if layout == "channels_first" else values(x)


# ---- resizing -----------------------------------------------------------------------------------------------------

PILLOW = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos3": Image.Resampling.LANCZOS,
}


@pytest.mark.wide
@pytest.mark.parametrize("method", PILLOW)
@pytest.mark.parametrize("size", [(4, 5), (20, 17), (9, 30), (3, 11)])
def test_antialiased_resize_is_pillows(method, size, layout):
    got = left(image.resize(entered(PICTURE, layout), size, method, antialias=True), layout)
    for picture, result in zip(PICTURE, got, strict=True):
        for channel in range(3):
            want = Image.fromarray(picture[..., channel]).resize(size[::-1], PILLOW[method])
            np.testing.assert_allclose(result[..., channel], np.asarray(want), atol=1e-5)


@pytest.mark.trains
@pytest.mark.parametrize("size", [(2, 5), (6, 3)])
def test_derivatives_of_a_bilinear_resize(size):
    """It is linear: the second derivative of the sum of squares is the matrix times itself, and no zeros."""
    basis = ops.reshape(ops.eye(12), (12, 4, 3, 1))  # a batch with a picture for each pixel

    def resized(x):
        return ops.image.resize(x, size, data_format="channels_last")

    matrix = values(resized(basis)).reshape(12, -1)
    x = np.random.default_rng(0).random((1, 4, 3, 1)).astype("float32")
    found = ops.hessian(lambda x: ops.sum(resized(x) ** 2))(ops.convert_to_tensor(x))
    np.testing.assert_allclose(values(found).reshape(12, 12), 2 * matrix @ matrix.T, rtol=1e-4, atol=1e-5)
    _, moved = ops.jvp(resized, (ops.convert_to_tensor(x),), (ops.convert_to_tensor(x),))
    np.testing.assert_allclose(values(moved), values(resized(x)), rtol=1e-5)


@pytest.mark.parametrize("size", [(4, 5), (20, 17), (9, 30)])
def test_nearest_resize(size):
    rows = [int((2 * i + 1) * 9 // (2 * size[0])) for i in range(size[0])]
    columns = [int((2 * i + 1) * 11 // (2 * size[1])) for i in range(size[1])]
    got = values(image.resize(PICTURE, size, "nearest", data_format="channels_last"))
    np.testing.assert_array_equal(got, PICTURE[:, rows][:, :, columns])


def test_area_resize_is_the_mean():
    got = values(image.resize(PICTURE[:, :, :10], (3, 5), "area", data_format="channels_last"))
    want = PICTURE[:, :, :10].reshape(2, 3, 3, 5, 2, 3).mean((2, 4))
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_integers_are_rounded_and_kept_in_range():
    x = np.array([[0, 255], [255, 0]], "uint8")[..., None]
    got = values(image.resize(x, (7, 7), "bicubic", data_format="channels_last"))
    floats = values(image.resize(x.astype("float32"), (7, 7), "bicubic", data_format="channels_last"))
    assert got.dtype == "uint8" and floats.max() > 255
    np.testing.assert_array_equal(got, np.clip(np.rint(floats), 0, 255))


def test_aspect_ratios():
    cropped = values(image.resize(PICTURE, (4, 4), crop_to_aspect_ratio=True, data_format="channels_last"))
    np.testing.assert_allclose(
        cropped, values(image.resize(PICTURE[:, :, 1:10], (4, 4), data_format="channels_last")), rtol=1e-5
    )
    padded = values(
        image.resize(PICTURE, (4, 4), pad_to_aspect_ratio=True, fill_value=7.0, data_format="channels_last")
    )
    taller = np.pad(PICTURE, ((0, 0), (1, 1), (0, 0), (0, 0)), constant_values=7.0)
    np.testing.assert_allclose(padded, values(image.resize(taller, (4, 4), data_format="channels_last")), rtol=1e-5)


def test_scale_and_translate_by_hand():
    x = np.arange(6.0, dtype="float32").reshape(6, 1)
    moved = values(image.scale_and_translate(x, (6, 1), [1.0], [2.0], (0,), "linear"))
    assert moved[:, 0].tolist() == [0, 0, 0, 1, 2, 3]
    scaled = values(image.scale_and_translate(x, (12, 1), [2.0], [0.0], (0,), "linear", antialias=False))
    np.testing.assert_allclose(
        scaled, values(image.resize(x[..., None], (12, 1), data_format="channels_last"))[..., 0], atol=1e-6
    )


# ---- sampling -----------------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("shape", [(7,), (5, 6), (3, 4, 5), (1, 6)])
def test_map_coordinates_is_scipys(mode, order, shape):
    x = RNG.normal(size=shape).astype("float32")
    coordinates = np.stack([RNG.uniform(-2 * n - 1, 3 * n + 1, 200) for n in shape]).astype("float32")
    got = values(image.map_coordinates(x, coordinates, order, mode, 1.5))
    want = scipy.ndimage.map_coordinates(x, coordinates.astype("float64"), order=order, mode=MODES[mode], cval=1.5)
    near_a_half = order == 0 and np.any(np.abs(coordinates % 1 - 0.5) < 1e-4)
    np.testing.assert_allclose(got, want, atol=1e-4 if not near_a_half else 10)


@pytest.mark.wide
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_affine_transform_is_scipys(mode, interpolation, layout):
    a = np.array([[0.9, 0.2, 0.33, -0.1, 1.1, -0.44, 0, 0], [1, 0, 2.13, 0, 1, -1.27, 0, 0]], "float32")
    got = left(image.affine_transform(entered(PICTURE, layout), a, interpolation, mode, 0.5), layout)
    order = ("nearest", "bilinear").index(interpolation)
    for picture, t, result in zip(PICTURE, a, got, strict=True):
        matrix = [[t[4], t[3]], [t[1], t[0]]]
        for channel in range(3):
            want = scipy.ndimage.affine_transform(
                picture[..., channel], matrix, [t[5], t[2]], order=order, mode=MODES[mode], cval=0.5
            )
            np.testing.assert_allclose(result[..., channel], want, atol=1e-4)


def test_projection():
    """With a6 and a7, against the coordinates worked out by hand."""
    t = np.array([1.0, 0.1, 0.2, 0.05, 0.9, 0.3, 0.02, 0.03], "float32")
    got = values(image.affine_transform(PICTURE, t, fill_mode="nearest", data_format="channels_last"))
    y, x = np.mgrid[:9, :11].astype("float64")
    depth = t[6] * x + t[7] * y + 1
    places = [(t[3] * x + t[4] * y + t[5]) / depth, (t[0] * x + t[1] * y + t[2]) / depth]
    for channel in range(3):
        want = scipy.ndimage.map_coordinates(PICTURE[0, ..., channel], places, order=1, mode="nearest")
        np.testing.assert_allclose(got[0, ..., channel], want, atol=1e-4)


def test_perspective_transform_moves_the_points(layout):
    """A picture of its own coordinates says at each end point where it came from."""
    y, x = np.mgrid[:30, :40].astype("float32")
    picture = np.stack([x, y], -1)[None]
    start = np.array([[5, 6], [33, 4], [7, 25], [30, 22]], "float32")
    end = np.array([[8, 3], [35, 7], [4, 26], [33, 27]], "float32")
    got = left(image.perspective_transform(entered(picture, layout), start[None], end[None]), layout)[0]
    for (u, v), (px, py) in zip(start, end.astype(int), strict=True):
        np.testing.assert_allclose(got[py, px], [u, v], atol=1e-2)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_elastic_transform(interpolation, layout):
    y, x = np.mgrid[:24, :20].astype("float32")
    picture = np.stack([x, y], -1)[None].repeat(2, 0)
    moved = left(image.elastic_transform(entered(picture, layout), 12.0, 3.0, interpolation, "nearest", seed=3), layout)
    again = left(image.elastic_transform(entered(picture, layout), 12.0, 3.0, interpolation, "nearest", seed=3), layout)
    np.testing.assert_array_equal(moved, again)
    change = (moved - picture)[:, 6:-6, 6:-6]
    assert 0.05 < np.abs(change).mean() < 6
    assert np.abs(change[0] - change[1]).mean() > 0.05  # each image in its own way
    if interpolation == "bilinear":  # neighbours alike
        assert np.abs(np.diff(change, axis=1)).mean() < 0.5 * np.abs(change).mean()


# ---- colours, filters ---------------------------------------------------------------------------------------------


def test_colours(layout):
    pixels = np.concatenate(
        [PICTURE.reshape(-1, 3), np.eye(3), 1 - np.eye(3), np.zeros((1, 3)), np.ones((1, 3))]
    ).astype("float32")
    picture = pixels.reshape(1, 1, -1, 3)
    hsv = left(image.rgb_to_hsv(entered(picture, layout)), layout)
    want = np.array([colorsys.rgb_to_hsv(*p) for p in pixels.astype("float64")])
    np.testing.assert_allclose(hsv[0, 0], want, atol=1e-5)
    back = left(image.hsv_to_rgb(entered(want.astype("float32")[None, None], layout)), layout)
    np.testing.assert_allclose(back[0, 0], pixels, atol=1e-5)
    grey = left(image.rgb_to_grayscale(entered(picture, layout)), layout)
    np.testing.assert_allclose(grey[0, 0, :, 0], pixels @ [0.2989, 0.5870, 0.1140], atol=1e-6)


def test_gaussian_blur(layout):
    got = left(image.gaussian_blur(entered(PICTURE, layout), (5, 3), (1.5, 0.7)), layout)

    def bell(taps, sigma):
        w = np.exp(-0.5 * ((np.arange(taps) - taps // 2) / sigma) ** 2)
        return w / w.sum()

    want = scipy.ndimage.convolve1d(PICTURE, bell(5, 1.5), 1, mode="constant")
    want = scipy.ndimage.convolve1d(want, bell(3, 0.7), 2, mode="constant")
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_sobel_edges():
    got = values(image.sobel_edges(PICTURE, data_format="channels_last"))
    for axis in (0, 1):
        want = scipy.ndimage.sobel(PICTURE, axis + 1, mode="constant")
        want = np.stack(
            [np.stack([scipy.ndimage.sobel(p[..., c], axis, mode="mirror") for c in range(3)], -1) for p in PICTURE]
        )
        np.testing.assert_allclose(got[..., axis], want, atol=1e-5)


def test_ssim():
    a = RNG.uniform(0, 1, (2, 24, 20, 3))
    b = np.clip(a + RNG.normal(0, 0.1, a.shape), 0, 1)
    w = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    w /= w.sum()

    def smooth(x):
        x = scipy.ndimage.convolve1d(scipy.ndimage.convolve1d(x, w, 1), w, 2)
        return x[:, 5:-5, 5:-5]

    ma, mb = smooth(a), smooth(b)
    va, vb, both = smooth(a * a) - ma**2, smooth(b * b) - mb**2, smooth(a * b) - ma * mb
    want = (2 * ma * mb + 1e-4) * (2 * both + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
    got = values(image.ssim(a.astype("float32"), b.astype("float32"), data_format="channels_last"))
    np.testing.assert_allclose(got, want.mean((1, 2, 3)), rtol=1e-4)


# ---- patches, borders ---------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize(
    ("size", "strides", "dilation", "padding"),
    [
        (2, None, 1, "valid"),
        ((3, 2), 1, 1, "valid"),
        ((2, 3), (2, 1), 1, "same"),
        (3, 2, 2, "valid"),
        (2, 3, 3, "same"),
        (9, None, 1, "valid"),
    ],
)
def test_extract_patches(size, strides, dilation, padding, layout):
    got = left(image.extract_patches(entered(PICTURE, layout), size, strides, dilation, padding), layout)
    p = (size, size) if isinstance(size, int) else size
    s = p if strides is None else (strides, strides) if isinstance(strides, int) else strides
    x = PICTURE
    span = [(n - 1) * dilation + 1 for n in p]
    if padding == "same":
        more = [max((-(-x.shape[i + 1] // s[i]) - 1) * s[i] + span[i] - x.shape[i + 1], 0) for i in (0, 1)]
        x = np.pad(x, ((0, 0), *((m // 2, m - m // 2) for m in more), (0, 0)))
    rows, columns = (range(0, x.shape[i + 1] - span[i] + 1, s[i]) for i in (0, 1))
    want = np.stack(
        [
            np.stack([x[:, r : r + span[0] : dilation, c : c + span[1] : dilation].reshape(2, -1) for c in columns], 1)
            for r in rows
        ],
        1,
    )
    np.testing.assert_array_equal(got, want)


def test_extract_patches_3d():
    x = RNG.normal(size=(2, 4, 6, 5, 2)).astype("float32")
    got = values(image.extract_patches_3d(x, (2, 3, 2), (2, 1, 3), data_format="channels_last"))
    want = np.stack(
        [
            np.stack(
                [np.stack([x[:, d : d + 2, r : r + 3, c : c + 2].reshape(2, -1) for c in (0, 3)], 1) for r in range(4)],
                1,
            )
            for d in (0, 2)
        ],
        1,
    )
    np.testing.assert_array_equal(got, want)


def test_borders(layout):
    padded = left(image.pad_images(entered(PICTURE, layout), 1, 2, None, None, 12, 14), layout)
    np.testing.assert_array_equal(padded, np.pad(PICTURE, ((0, 0), (1, 2), (2, 1), (0, 0))))
    cropped = left(image.crop_images(entered(PICTURE, layout), None, 2, 3, None, 4, 5), layout)
    np.testing.assert_array_equal(cropped, PICTURE[:, 2:6, 2:7])


def test_symbolic_sizes():
    x = KerasTensor((None, None, None, 3))
    assert image.resize(x, (8, 9), data_format="channels_last").shape == (None, 8, 9, 3)
    assert image.affine_transform(x, np.ones(8, "float32"), data_format="channels_last").shape == (None, None, None, 3)
    assert image.extract_patches(x, 2, data_format="channels_last").shape == (None, None, None, 12)
    assert image.pad_images(x, 1, 1, 1, 1, data_format="channels_last").shape == (None, None, None, 3)
    assert image.ssim(x, x, data_format="channels_last").shape == (None,)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: image.resize(x, (2, 2), "cubic"),
        lambda x: image.resize(x, (0, 2)),
        lambda x: image.resize(x, (2, 2), data_format="x"),
        lambda x: image.resize(x, (2, 2), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
        lambda x: image.resize(x[0, 0], (2, 2)),
        lambda x: image.affine_transform(x, np.ones(7)),
        lambda x: image.affine_transform(x, np.ones(8), "cubic"),
        lambda x: image.affine_transform(x, np.ones(8), fill_mode="x"),
        lambda x: image.map_coordinates(x, np.ones((3, 2)), 1),
        lambda x: image.map_coordinates(x, np.ones((4, 2)), 2),
        lambda x: image.rgb_to_hsv((x * 255).astype("uint8")),
        lambda x: image.rgb_to_grayscale(x[..., :2]),
        lambda x: image.ssim(x, x[:1]),
        lambda x: image.ssim(x[:, :5], x[:, :5]),
        lambda x: image.extract_patches(x, 12),
        lambda x: image.pad_images(x, 1),
        lambda x: image.pad_images(x, 1, 1, None, None, 3, 3),
        lambda x: image.crop_images(x, 5, 0, 4, 0),
        lambda x: image.gaussian_blur(x, sigma=(0.0, 1.0)),
        lambda x: image.perspective_transform(x, np.ones((3, 2)), np.ones((4, 2))),
    ],
)
def test_errors(call):
    before = config.image_data_format()
    config.set_image_data_format("channels_last")
    try:
        with pytest.raises(ValueError, match="xpected|fit|can't|leaves|either"):
            call(PICTURE)
    finally:
        config.set_image_data_format(before)
