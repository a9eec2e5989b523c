"""Ops say of sizes that aren't known what is known of them, and refuse or take arguments as NumPy and Keras do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import losses, metrics, ops
from kerasfront.errors import DTypeError, ShapeError


def symbol(*shape: int | None) -> Any:
    return keras.KerasTensor(shape)


SHAPES: list[tuple[str, Callable[[], Any], tuple[int | None, ...]]] = [
    ("the first five", lambda: symbol(None, 4)[:5], (None, 4)),
    ("the last five", lambda: symbol(None, 4)[-5:], (None, 4)),
    ("three between", lambda: symbol(None, 4)[2:5], (None, 4)),
    ("one", lambda: symbol(None, None, 4)[:, -1:], (None, 1, 4)),
    ("of a known size", lambda: symbol(None, 8)[:, :5], (None, 5)),
    ("a slice of a shape", lambda: ops.slice(symbol(None, 4), (0, 1), (5, 2)), (5, 2)),
    ("istft of unknown lengths", lambda: ops.istft((symbol(None, None, 9),) * 2, 16, 8, 16), (None, None)),
    ("istft", lambda: ops.istft((symbol(None, 5, 9),) * 2, 16, 8, 16), (None, 32)),
    ("cropped to", lambda: ops.image.crop_images(symbol(None, None, None, 3), 1, 1, None, None, 4, 4), (None, 4, 4, 3)),
    ("cropped by", lambda: ops.image.crop_images(symbol(2, None, 8, 3), 1, 1, 2, 2), (2, None, 5, 3)),
    ("padded to", lambda: ops.image.pad_images(symbol(2, None, 8, 3), 1, 1, None, None, 20, 20), (2, 20, 20, 3)),
    ("padded by", lambda: ops.image.pad_images(symbol(2, None, 8, 3), 1, 1, 2, 2), (2, None, 11, 3)),
]


@pytest.mark.parametrize(("make", "shape"), [c[1:] for c in SHAPES], ids=[c[0] for c in SHAPES])
def test_sizes_that_are_not_known(make: Callable[[], Any], shape: tuple[int | None, ...]) -> None:
    assert make().shape == shape


def test_crops_and_pads_of_sizes_that_a_graph_learns_when_it_runs() -> None:
    x = np.arange(60.0, dtype="float32").reshape(1, 5, 4, 3)
    image = keras.Input((None, None, 3))
    cropped = ops.image.crop_images(image, 1, None, None, 1, 2, 2)
    padded = ops.image.pad_images(image, 1, None, None, 1, 8, 6)
    for result, want in zip(
        keras.Model(image, [cropped, padded]).predict(x, verbose=0),
        (x[:, 1:3, 1:3], np.pad(x, ((0, 0), (1, 2), (1, 1), (0, 0)))),
        strict=True,
    ):
        np.testing.assert_array_equal(result, want)


def test_indices_of_any_numbers() -> None:
    x = np.arange(4.0, dtype="float32")
    for indices in (np.array([2.0, 0.0], "float32"), np.array([2, 0], "uint8")):
        assert ops.convert_to_numpy(ops.take(x, indices)).tolist() == [2.0, 0.0]
        assert ops.convert_to_numpy(ops.take_along_axis(x, indices)).tolist() == [2.0, 0.0]
        assert ops.convert_to_numpy(ops.segment_sum(x[:2], indices, 3)).tolist() == [1.0, 0.0, 0.0]


def cross_entropy(target: Any, output: Any, call: Callable[..., Any] = ops.sparse_categorical_crossentropy) -> Any:
    return call(ops.zeros(target, "int32"), ops.ones(output))


def normalized(axis: int) -> Any:
    return ops.batch_normalization(ops.ones((2, 3, 4)), ops.ones((3,)), ops.ones((3,)), axis)


WRONG: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("slice", lambda: ops.slice(np.ones((3, 4)), (1, 1), (-1, 2)), ShapeError, "-1"),
    ("slice, symbolic", lambda: ops.slice(symbol(None, 4), (1, 1), (2, 5)), ShapeError, r"\(None, 4\)"),
    ("scan of no function", lambda: ops.scan(1, 0.0, np.ones(3)), TypeError, "`f`"),
    ("scan, unroll=0", lambda: ops.scan(lambda c, x: (c, x), 0.0, np.ones(3), unroll=0), ValueError, "`unroll`"),
    ("scan, unroll='x'", lambda: ops.scan(lambda c, x: (c, x), 0.0, np.ones(3), unroll="x"), ValueError, "`unroll`"),
    ("a fraction as an index", lambda: ops.get_item(np.ones((3, 4)), 1.5), IndexError, "1.5"),
    ("a start too few", lambda: ops.slice(np.ones((3, 4)), (1,), (1, 2)), ShapeError, "start"),
    ("argpartition", lambda: ops.argpartition(np.ones((3, 4)), 99, None), ShapeError, "kth"),
    ("array_split", lambda: ops.array_split(np.ones(4), -1), ShapeError, "-1"),
    ("bincount", lambda: ops.bincount([1, 2], minlength=-1), ShapeError, "minlength"),
    ("in_top_k", lambda: ops.in_top_k([0], [[0.5, 0.1]], -1), ValueError, "`k`"),
    ("top_k", lambda: ops.top_k(np.ones((2, 3), "float32"), -1), ShapeError, "-1"),
    ("pad", lambda: ops.pad(np.ones((3, 4)), ((-9, 1), (1, 1)), "reflect"), ShapeError, "pad_width"),
    ("tensordot", lambda: ops.tensordot(np.ones((2, 3)), np.ones((3, 4)), -1), ShapeError, "axes"),
    ("unravel_index", lambda: ops.unravel_index([3], (0, 3)), ShapeError, "shape"),
    ("vander", lambda: ops.vander(np.ones(3), -1), ShapeError, "`N`"),
    ("stft", lambda: ops.stft(np.ones((2, 12), "float32"), 0, 2, 8), ValueError, "sequence_length"),
    ("a complex image", lambda: ops.image.resize(np.ones((4, 4, 1), "complex64"), (2, 2)), DTypeError, "real numbers"),
    ("classes that would be broadcast", lambda: cross_entropy((3,), (1, 3, 4)), ShapeError, r"\(1, 3\).*\(3,\)"),
    ("classes in another order", lambda: cross_entropy((3, 2), (2, 3, 4)), ShapeError, r"\(2, 3\).*\(3, 2\)"),
    (
        "in a loss",
        lambda: cross_entropy((3, 2), (2, 3, 4), losses.SparseCategoricalCrossentropy(True)),
        ValueError,
        "hape",
    ),
    ("an axis too far", lambda: normalized(4), ValueError, "axis"),
    ("class of vectors", lambda: metrics.Precision(class_id=1)([1, 0], [0.5, 0.1]), ShapeError, "class_id"),
    ("class", lambda: metrics.Recall(class_id=3)(np.ones((2, 3)), np.ones((2, 3))), ValueError, "class_id"),
]


@pytest.mark.parametrize(("call", "error", "text"), [c[1:] for c in WRONG], ids=[c[0] for c in WRONG])
def test_refused(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_complex_numbers_are_rounded_as_numpy_does() -> None:
    x = np.array([1.3 + 2.6j, -0.5 + 1.5j], "complex64")
    assert ops.convert_to_numpy(ops.round(x)).tolist() == np.round(x).tolist()


@pytest.mark.trains
def test_gradients_of_ranges_of_one_element() -> None:
    x = ops.convert_to_tensor(np.array([0.4, 7.0, -2.0], "float32"))
    for shape in ((), (1,), (1, 1)):
        ends = [ops.convert_to_tensor(np.full(shape, end, "float32")) for end in (0.0, 3.0)]
        found = ops.grad(
            lambda *a: ops.sum(keras.quantizers.fake_quant_with_min_max_vars(*a, num_bits=2)), argnums=(0, 1, 2)
        )(x, *ends)
        assert ops.convert_to_numpy(found[0]).tolist() == [1.0, 0.0, 0.0]
        for gradient in found[1:]:
            assert tuple(gradient.shape) == shape and float(ops.sum(gradient)) == 1.0


@pytest.mark.trains
def test_custom_gradients_fit_their_arguments() -> None:
    @ops.custom_gradient
    def scaled(x: Any, by: Any, count: Any) -> Any:
        def gradient(x: Any, by: Any, count: Any, upstream: Any) -> Any:
            return ops.cast(upstream * by, "float16"), upstream * x, None

        return x * by * ops.cast(count, "float32"), gradient

    x, by = ops.convert_to_tensor([1.0, 2.0]), ops.convert_to_tensor([[3.0]])
    count = ops.convert_to_tensor([1, 1])
    of_x, of_by = ops.grad(lambda x, by: ops.sum(scaled(x, by, count)), argnums=(0, 1))(x, by)
    assert ops.convert_to_numpy(of_x).tolist() == [3.0, 3.0] and ops.dtype(of_x) == "float32"
    assert ops.convert_to_numpy(of_by).tolist() == [[3.0]]


class Sized(keras.layers.Layer):
    """Ops that are asked for sizes which a graph learns when it runs."""

    def call(self, x: Any) -> Any:
        rows, columns = ops.shape(x)[1:3]
        first = x[0, :, 0, 0]
        return {
            "nearest": ops.image.resize(x, (2 * rows, columns + 1), "nearest"),
            "bilinear": ops.image.resize(x, (2 * rows, columns + 1)),
            "bicubic": ops.image.resize(x, (2 * rows, columns + 1), "bicubic", antialias=True),
            "area": ops.image.resize(x, (2 * rows, columns + 1), "area"),
            "cropped": ops.image.resize(x, (rows, rows), crop_to_aspect_ratio=True),
            "linspace": ops.linspace(0.0, 1.0, rows),
            "eye": ops.eye(rows, columns),
            "padded": ops.pad(first, [(rows, 1)]),
            "rolled": ops.roll(first, rows - 1),
            "repeated": ops.repeat(first, rows),
            "sliced": ops.slice(first, (1,), (rows - 1,)),
        }


def test_sizes_that_a_graph_learns_when_it_runs() -> None:
    x = np.arange(12.0, dtype="float32").reshape(1, 3, 4, 1)
    image = keras.Input((None, None, 1))
    found = keras.Model(image, Sized()(image)).predict(x, batch_size=1, verbose=0)
    for method in ("nearest", "bilinear", "bicubic", "area"):
        want = ops.image.resize(x, (6, 5), method, antialias=method == "bicubic")
        np.testing.assert_allclose(found[method], ops.convert_to_numpy(want), atol=1e-4)
    want = ops.image.resize(x, (3, 3), crop_to_aspect_ratio=True)
    np.testing.assert_allclose(found["cropped"], ops.convert_to_numpy(want), atol=1e-4)
    first = x[0, :, 0, 0]
    others = {
        "linspace": np.linspace(0, 1, 3), "eye": np.eye(3, 4), "padded": np.pad(first, (3, 1)),
        "rolled": np.roll(first, 2), "repeated": np.repeat(first, 3), "sliced": first[1:],
    }  # fmt: skip
    for name, value in others.items():
        np.testing.assert_allclose(found[name], value, atol=1e-6)
