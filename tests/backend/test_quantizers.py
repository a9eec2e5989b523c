"""The quantizers namespace, against Keras and NumPy."""

from __future__ import annotations

import json
from typing import Any

import keras as reference
import ml_dtypes
import numpy as np
import pytest

import kerasfront as keras
from kerasfront import ops, quantizers
from kerasfront.errors import DTypeError, ShapeError

theirs = reference.quantizers
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(37, 22)).astype("float32")


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


def other(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(reference.ops.convert_to_numpy(x))


# ---- integers -----------------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("to_numpy", [False, True])
@pytest.mark.parametrize("axis", [0, -1, (0, 1), None])
@pytest.mark.parametrize("span", [(-127, 127), (-8, 7)])
def test_abs_max_is_keras_bit_for_bit(axis: Any, span: Any, to_numpy: bool) -> None:
    for exponent in (-3, 0, 2):
        x = X * np.float32(10.0**exponent)
        ours = quantizers.abs_max_quantize(ops.array(x), axis, span, to_numpy=to_numpy)
        expected = theirs.abs_max_quantize(x, axis, span, to_numpy=True)
        np.testing.assert_array_equal(values(ours[0]), expected[0])
        np.testing.assert_array_equal(values(ours[1]), expected[1])
        assert values(ours[0]).dtype == "int8" and values(ours[1]).dtype == "float32"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_abs_max_of_other_floats(dtype: str) -> None:
    """The scale has the inputs' dtype; what comes back is off by half a step, and what the scale was rounded by."""
    x = ops.cast(ops.array(X), dtype)
    dtype = ops.dtype(x)  # JAX has float64 only where it was told to
    q, scale = quantizers.abs_max_quantize(x, axis=0)
    assert ops.dtype(scale) == dtype and ops.dtype(q) == "int8"
    wide, step = values(ops.cast(x, "float64")), 1 / values(ops.cast(scale, "float64"))
    eps = {"float16": 2**-11, "bfloat16": 2**-8, "float32": 2**-24, "float64": 2**-52}[dtype]
    assert (np.abs(values(q) * step - wide) <= step * (0.5 + 127 * eps) * 1.001).all()


def test_abs_max_of_zeros_is_finite() -> None:
    q, scale = quantizers.abs_max_quantize(ops.zeros((3, 2)), axis=0)
    assert not values(q).any() and np.isfinite(values(scale)).all()


@pytest.mark.parametrize("to_numpy", [False, True])
@pytest.mark.parametrize("block", [12, 37, 64])
def test_blocks_with_zero_points_are_keras_bit_for_bit(block: int, to_numpy: bool) -> None:
    """Where each block holds values of both signs, or is filled up with zeros."""
    assert all((X[n : n + block].min(0) < 0).all() and (X[n : n + block].max(0) > 0).all() for n in range(0, 36, block))
    ours = quantizers.abs_max_quantize_grouped_with_zero_point(ops.array(X), block, to_numpy=to_numpy)
    expected = theirs.abs_max_quantize_grouped_with_zero_point(X, block, to_numpy=True)
    # XLA multiplies by 1 / 15 where NumPy divides by 15.
    np.testing.assert_allclose(values(ours[1]), expected[1], rtol=0 if to_numpy else 2e-7)
    for a, b in zip(ours, expected, strict=True):
        assert values(a).dtype == np.asarray(b).dtype
        if values(a).dtype == "int8":
            np.testing.assert_array_equal(values(a), np.asarray(b))


def test_blocks_of_one_sign_keep_their_values() -> None:
    """Keras's zero point can't reach ranges that don't hold 0: here no value is off by more than half a step."""
    x = np.abs(X[:8]) + 1
    q, scale, zero = (values(v) for v in quantizers.abs_max_quantize_grouped_with_zero_point(ops.array(x), 4))
    back = ((q.astype("float32").reshape(2, 4, -1) - zero[:, None]) * scale[:, None]).reshape(x.shape)
    assert (np.abs(back - x) <= np.repeat(scale, 4, 0) * 0.501).all()
    zeros = [values(v) for v in quantizers.abs_max_quantize_grouped_with_zero_point(ops.zeros((4, 3)), 2)]
    np.testing.assert_array_equal((zeros[0].reshape(2, 2, 3) - zeros[2][:, None]) * zeros[1][:, None], 0)


def test_blocks_refuse_what_they_cannot_take() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 3, 4\)"):
        quantizers.abs_max_quantize_grouped_with_zero_point(ops.ones((2, 3, 4)), 2)
    with pytest.raises(ValueError, match="block_size"):
        quantizers.abs_max_quantize_grouped_with_zero_point(ops.ones((2, 3)), 0)


# ---- 4 bits -------------------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("shape", [(3, 4), (4, 5), (1, 1), (3, 5, 2)])
def test_packing_is_keras(shape: tuple[int, ...], axis: int, dtype: str) -> None:
    low = -8 if dtype == "int8" else 0
    x = np.random.default_rng(1).integers(low, low + 16, shape).astype(dtype)
    packed, packed_shape, length = quantizers.pack_int4(ops.array(x), axis=axis, dtype=dtype)
    expected = theirs.pack_int4(x, axis=axis, dtype=dtype)
    np.testing.assert_array_equal(values(packed), other(expected[0]))
    assert packed_shape == tuple(expected[1]) and length == int(expected[2]) == x.shape[axis]
    np.testing.assert_array_equal(values(quantizers.unpack_int4(packed, length, axis=axis, dtype=dtype)), x)
    assert values(packed).dtype == dtype


def test_packing_refuses_other_dtypes() -> None:
    with pytest.raises(DTypeError, match="int32"):
        quantizers.pack_int4(ops.ones((2, 2), "int32"))
    with pytest.raises(ValueError, match="int16"):
        quantizers.pack_int4(ops.ones((2, 2), "int8"), dtype="int16")
    with pytest.raises(DTypeError, match="float32"):
        quantizers.unpack_int4(ops.ones((2, 2)), 4)


# ---- float8 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("narrow", ["float8_e4m3fn", "float8_e5m2"])
def test_float8_rounding(narrow: str) -> None:
    """As ml_dtypes rounds, and Keras on NumPy."""
    x = np.concatenate([X.ravel() * s for s in (1e-3, 1.0, 1e4)]).astype("float32")
    most = float(ml_dtypes.finfo(narrow).max)
    for scale in (1.0, 0.37):
        ours = values(quantizers.quantize_and_dequantize(ops.array(x), scale, narrow, "float32"))
        scaled = np.clip(x / np.float32(scale), -most, most)
        np.testing.assert_array_equal(ours, scaled.astype(narrow).astype("float32") * np.float32(scale))


def test_float8_scale_and_history() -> None:
    for amax, scale, margin in ((3.0, 1.0, 0), (0.0, 1.5, 0), (np.inf, 1.5, 0), (3.0, 1.0, 2)):
        ours = quantizers.compute_float8_scale(ops.array(np.float32(amax)), ops.array(np.float32(scale)), 448.0, margin)
        expected = theirs.compute_float8_scale(np.float32(amax), np.float32(scale), 448.0, margin)
        np.testing.assert_array_equal(values(ours), other(expected))
    history = np.arange(1.0, 5.0, dtype="float32")
    ours = quantizers.compute_float8_amax_history(ops.array(X), ops.array(history))
    np.testing.assert_array_equal(values(ours), [np.abs(X).max(), 3, 4, 1])


# ---- fake quantization --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_fake_quantization_is_keras(bits: int, narrow: bool) -> None:
    ends = [(-1.0, 1.0), (-0.3, 2.1), (0.5, 1.5), (-3.0, -1.0)]
    for low, high in ends:
        ours = quantizers.fake_quant_with_min_max_vars(ops.array(X), low, high, bits, narrow)
        expected = theirs.fake_quant_with_min_max_vars(X, low, high, bits, narrow)
        np.testing.assert_allclose(values(ours), other(expected), rtol=1e-6, atol=1e-6)
    low, high = np.linspace(-2, -0.1, 22).astype("float32"), np.linspace(0.2, 2, 22).astype("float32")
    ours = quantizers.fake_quant_with_min_max_vars(ops.array(X), low, high, bits, narrow, axis=1)
    expected = theirs.fake_quant_with_min_max_vars(X, low, high, bits, narrow, axis=1)
    np.testing.assert_allclose(values(ours), other(expected), rtol=1e-6, atol=1e-6)


def test_fake_quantization_needs_bits() -> None:
    with pytest.raises(ValueError, match="num_bits"):
        quantizers.fake_quant_with_min_max_vars(ops.array(X), -1.0, 1.0, num_bits=1)


@pytest.mark.trains
@pytest.mark.parametrize("axis", [None, 0])
def test_gradients_of_fake_quantization(axis: int | None) -> None:
    """To the inputs inside of the range, to its ends outside."""
    x = np.array([[-3.0, -0.5, 0.2, 4.0], [0.1, -2.0, 3.0, 5.0]], "float32")
    weights = np.arange(1.0, 9.0, dtype="float32").reshape(2, 4)
    low, high = (-1.0, 1.0) if axis is None else (np.full(2, -1.0, "float32"), np.full(2, 1.0, "float32"))

    def loss(inputs: Any, low: Any, high: Any) -> Any:
        return ops.sum(quantizers.fake_quant_with_min_max_vars(inputs, low, high, axis=axis) * ops.array(weights))

    found = ops.grad(loss, (0, 1, 2))(ops.array(x), ops.array(np.float32(low)), ops.array(np.float32(high)))
    below, above = x < -1, x > 1
    over = None if axis is None else 1
    np.testing.assert_allclose(values(found[0]), np.where(below | above, 0, weights))
    np.testing.assert_allclose(values(found[1]), (weights * below).sum(over))
    np.testing.assert_allclose(values(found[2]), (weights * above).sum(over))


# ---- quantizers, configs ------------------------------------------------------------------------------------------


def test_abs_max_quantizer() -> None:
    ours, expected = quantizers.AbsMaxQuantizer(axis=0), theirs.AbsMaxQuantizer(axis=0)
    for kwargs in ({}, {"axis": -1}, {"to_numpy": True}):
        for a, b in zip(ours(X, **kwargs), expected(X, **kwargs), strict=True):
            np.testing.assert_allclose(values(a), other(b), rtol=1e-6)
    assert values(quantizers.AbsMaxQuantizer()(X)[1]).shape == (37, 1)


@pytest.mark.parametrize("span", [(-700, 700), (7,), (7, -7)])
def test_a_range_that_is_none(span: Any) -> None:
    with pytest.raises(ValueError, match="value_range"):
        quantizers.AbsMaxQuantizer(axis=0, value_range=span)


def every(space: Any) -> list[Any]:
    return [
        space.AbsMaxQuantizer(axis=(0, 1), value_range=(-7, 7), epsilon=1e-5),
        space.AbsMaxQuantizer(),
        space.Int8QuantizationConfig(),
        space.Int8QuantizationConfig(space.AbsMaxQuantizer(axis=0), None),
        space.Int4QuantizationConfig(),
        space.Int4QuantizationConfig(space.AbsMaxQuantizer(axis=0, value_range=(-8, 7)), block_size=-1),
        space.Float8QuantizationConfig(),
        space.GPTQConfig(["text"], str, weight_bits=3, group_size=-1, symmetric=True),
        space.AWQConfig(["text"], str, num_grid_points=5),
    ]


def plain(config: Any) -> Any:
    return json.loads(json.dumps(config))


def test_configs_are_keras() -> None:
    for ours, expected in zip(every(quantizers), every(theirs), strict=True):
        config = plain(quantizers.serialize(ours))
        assert config == plain(theirs.serialize(expected))
        if "Config" not in type(ours).__name__ or ours.mode not in ("gptq", "awq"):
            assert plain(quantizers.serialize(quantizers.deserialize(config))) == config
        assert plain(quantizers.get(config).get_config()) == plain(ours.get_config())
        if hasattr(expected, "mode"):
            assert ours.mode == expected.mode


def test_get() -> None:
    quantizer = quantizers.AbsMaxQuantizer(axis=0)
    config = quantizers.Int8QuantizationConfig()
    assert quantizers.get(None) is None and quantizers.get(quantizer) is quantizer and quantizers.get(config) is config
    assert quantizers.get("AbsMaxQuantizer", axis=1).axis == (1,)
    assert quantizers.get(quantizers.AbsMaxQuantizer).axis is None
    with pytest.raises(ValueError, match=r"abs_max_quantizr.*abs_max_quantizer"):
        quantizers.get("abs_max_quantizr")
    with pytest.raises(ValueError, match="3"):
        quantizers.get(3)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: quantizers.Int8QuantizationConfig(quantizers.AbsMaxQuantizer(output_dtype="int16")), "int16"),
        (lambda: quantizers.Int4QuantizationConfig(quantizers.AbsMaxQuantizer(value_range=(-8, 7))), "block_size=128"),
        (lambda: quantizers.Int4QuantizationConfig(quantizers.AbsMaxQuantizer(), block_size=-1), "-8 and 7"),
        (lambda: quantizers.Int4QuantizationConfig(block_size=0), "block_size"),
        (lambda: quantizers.GPTQConfig(None, None, weight_bits=5), "weight_bits"),
        (lambda: quantizers.GPTQConfig(None, None, group_size=0), "group_size"),
        (lambda: quantizers.GPTQConfig(None, None, num_samples=0), "num_samples"),
        (lambda: quantizers.GPTQConfig(None, None, sequence_length=0), "sequence_length"),
        (lambda: quantizers.GPTQConfig(None, None, hessian_damping=2), "hessian_damping"),
        (lambda: quantizers.AWQConfig(None, None, weight_bits=3), "weight_bits"),
        (lambda: quantizers.AWQConfig(None, None, num_grid_points=0), "num_grid_points"),
    ],
)
def test_configs_that_make_no_sense(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


def test_bases_say_what_to_use() -> None:
    with pytest.raises(NotImplementedError):
        quantizers.Quantizer().get_config()
    with pytest.raises(NotImplementedError, match="Int8QuantizationConfig"):
        _ = quantizers.QuantizationConfig().mode
    assert keras.Quantizer is quantizers.Quantizer
