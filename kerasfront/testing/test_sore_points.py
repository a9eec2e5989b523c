"""Where frameworks are known to differ, or to be wrong: each point is a named test, the same on every adapter."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kerasfront import ops
from kerasfront.contract import Adapter
from kerasfront.ops.declare.op import OPS
from kerasfront.ops.normalization import batch_norm_train
from kerasfront.spec import KerasTensor, dtypes

INF, NAN = np.inf, np.nan


def run(adapter: Adapter, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the result as an array (several: a list of them); arrays among the arguments go in as native tensors."""

    def native(x: Any) -> Any:
        return (
            [native(v) for v in x]
            if isinstance(x, list)
            else adapter.to_tensor(x, None)
            if isinstance(x, np.ndarray)
            else x
        )

    out = function(*map(native, args), **{k: native(v) for k, v in kwargs.items()})
    return [numpy(adapter, o) for o in out] if isinstance(out, (list, tuple)) else numpy(adapter, out)


def numpy(adapter: Adapter, x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(adapter.to_numpy(x))


def f32(*values: Any) -> np.ndarray[Any, Any]:
    return np.asarray(values[0] if len(values) == 1 else values, "float32")


def values(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(len(shape)).uniform(-2, 2, shape).astype("float32")


def same(got: Any, want: Any, **tolerance: Any) -> None:
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, want, **({"rtol": 1e-5, "atol": 1e-6} | tolerance))


def gradient(adapter: Adapter, function: Callable[..., Any], x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Of the sum of the results."""
    output, pullback = adapter.vjp(function, [adapter.to_tensor(x, None)])
    return numpy(adapter, pullback(ops.ones_like(output))[0])


# ---- windows ------------------------------------------------------------------------------------------------------


def slow_conv2d(x: Any, kernel: Any, strides: Any, dilation: Any) -> Any:
    """Check padding "same" by its definition: output ceil(n / stride), as even as possible, the odd row at the end."""
    out_shape = [-(-n // s) for n, s in zip(x.shape[1:3], strides, strict=True)]
    reach = [d * (k - 1) + 1 for k, d in zip(kernel.shape[:2], dilation, strict=True)]
    total = [max((o - 1) * s + r - n, 0) for o, s, r, n in zip(out_shape, strides, reach, x.shape[1:3], strict=True)]
    x = np.pad(x, [(0, 0), *((t // 2, t - t // 2) for t in total), (0, 0)])
    out = np.zeros((len(x), *out_shape, kernel.shape[-1]), "float64")
    for i, j in itertools.product(*map(range, out_shape)):
        a, b = i * strides[0], j * strides[1]
        window = x[:, a : a + reach[0] : dilation[0], b : b + reach[1] : dilation[1]]
        out[:, i, j] = np.tensordot(window, kernel, 3)
    return out


@pytest.mark.parametrize(
    ("strides", "dilation"), [((1, 1), (1, 1)), ((2, 3), (1, 1)), ((3, 2), (1, 1)), ((1, 1), (2, 3)), ((2, 2), (2, 1))]
)
def test_conv2d_same_padding_with_strides_and_dilation(adapter: Adapter, strides: Any, dilation: Any) -> None:
    for size, kernel in itertools.product(((7, 6), (8, 9)), ((3, 2), (2, 4))):
        x, k = values(2, *size, 3), values(*kernel, 3, 4)
        want = slow_conv2d(x, k, strides, dilation)
        same(run(adapter, ops.conv, x, k, strides, "same", "channels_last", dilation), want, rtol=1e-4, atol=1e-4)
        first = np.ascontiguousarray(np.moveaxis(x, -1, 1))
        got = run(adapter, ops.conv, first, k, strides, "same", "channels_first", dilation)
        same(np.moveaxis(got, 1, -1), want, rtol=1e-4, atol=1e-4)


def test_windows_over_an_empty_batch(adapter: Adapter) -> None:
    x, kernel = values(0, 5, 5, 3), values(3, 3, 3, 4)
    assert run(adapter, ops.conv, x, kernel, 2, "same").shape == (0, 3, 3, 4)
    assert run(adapter, ops.conv_transpose, x, values(3, 3, 4, 3), 2, "same").shape == (0, 10, 10, 4)
    assert run(adapter, ops.depthwise_conv, x, values(3, 3, 3, 2), 2, "valid").shape == (0, 2, 2, 6)
    assert run(adapter, ops.separable_conv, x, kernel, values(1, 1, 12, 2), 1, "same").shape == (0, 5, 5, 2)
    for function in (ops.max_pool, ops.average_pool):
        assert run(adapter, function, x, 2, padding="same").shape == (0, 3, 3, 3)
        assert run(adapter, function, x, 2).shape == (0, 2, 2, 3)


def test_conv_with_an_empty_batch_has_a_gradient_of_zeros(trainer: Adapter) -> None:
    x, kernel = (trainer.to_tensor(v, None) for v in (values(0, 5, 5, 3), values(3, 3, 3, 4)))
    output, pullback = trainer.vjp(lambda v, k: ops.conv(v, k, 2, "same"), [x, kernel])
    down = [numpy(trainer, g) for g in pullback(output)]
    assert down[0].shape == (0, 5, 5, 3)
    same(down[1], np.zeros((3, 3, 3, 4)))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("stride", "output_padding"), [(2, 0), (2, 1), (3, 2), (3, None)])
def test_conv_transpose_with_output_padding(adapter: Adapter, padding: str, stride: int, output_padding: Any) -> None:
    """Each input element adds kernel * element at stride * i; "same" cuts the ends, the odd row at the last."""
    x, k = values(2, 4, 3), values(3, 5, 3)
    got = run(adapter, ops.conv_transpose, x, k, stride, padding, output_padding)
    if output_padding is None:
        length, cut = (4 * stride, max(3 - stride, 0) // 2) if padding == "same" else (3 * stride + max(3, stride), 0)
    else:
        total = (2 if padding == "same" else 0) - output_padding
        cut, length = max(total, 0) // 2, 3 * stride + 3 - total
    full = np.zeros((2, 3 * stride + 3 + stride, 5))
    for i in range(4):
        full[:, i * stride : i * stride + 3] += np.einsum("bc,kfc->bkf", x[:, i], k)
    same(got, full[:, cut : cut + length], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_conv_transpose_of_two_axes(adapter: Adapter, padding: str) -> None:
    """Each axis with a stride and an output padding of its own."""
    x, k, strides, extra = values(2, 3, 4, 2), values(3, 4, 5, 2), (2, 3), (1, 2)
    full = np.zeros((2, 12, 20, 5))
    for i, j in np.ndindex(3, 4):
        full[:, 2 * i : 2 * i + 3, 3 * j : 3 * j + 4] += np.einsum("bc,hwfc->bhwf", x[:, i, j], k)
    cuts = []
    for size, reach, stride, more in zip((3, 4), (3, 4), strides, extra, strict=True):
        total = (2 * (reach // 2) if padding == "same" else 0) - more
        cuts.append(slice(max(total, 0) // 2, max(total, 0) // 2 + (size - 1) * stride + reach - total))
    want = full[:, cuts[0], cuts[1]]
    same(run(adapter, ops.conv_transpose, x, k, strides, padding, extra), want, rtol=1e-4, atol=1e-5)
    first = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    got = run(adapter, ops.conv_transpose, first, k, strides, padding, extra, "channels_first")
    same(np.moveaxis(got, 1, -1), want, rtol=1e-4, atol=1e-5)


def test_pooling_with_same_padding(adapter: Adapter) -> None:
    """What is added never is the maximum, and never counts in the average."""
    x = f32([[[-3.0], [-1.0], [-2.0], [-5.0], [-4.0]]])
    same(run(adapter, ops.max_pool, x, 2, 2, "same"), f32([[[-1], [-2], [-4]]]))
    same(run(adapter, ops.average_pool, x, 2, 2, "same"), f32([[[-2], [-3.5], [-4]]]))
    same(run(adapter, ops.average_pool, x, 3, 1, "same"), f32([[[-2], [-2], [-8 / 3], [-11 / 3], [-4.5]]]))


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "constant"])
def test_pad_modes(adapter: Adapter, mode: Any) -> None:
    for shape, width in (((4,), [(2, 3)]), ((3, 4), [(2, 1), (0, 3)]), ((2, 3, 2), [(1, 0), (2, 2), (1, 1)])):
        same(run(adapter, ops.pad, values(*shape), width, mode), np.pad(values(*shape), width, mode))


# ---- dtypes -------------------------------------------------------------------------------------------------------


def test_an_integer_to_a_negative_integer_power(adapter: Adapter) -> None:
    """The exact value, cut towards zero to an integer: 1 and -1 keep theirs, the rest is 0."""
    base = np.asarray([1, -1, 2, -3, 10], "int32")
    same(run(adapter, ops.power, base, np.asarray([-1, -3, -1, -2, -4], "int32")), [1, -1, 0, 0, 0])


@pytest.mark.parametrize("name", ["maximum", "minimum", "hypot", "arctan2", "logaddexp"])
def test_float64_is_kept(adapter: Adapter, name: str) -> None:
    a, b = np.asarray([1 / 3, -2.0]), np.asarray([0.1, 3.0])
    got = run(adapter, getattr(ops, name), a, b)
    assert got.dtype == np.float64
    same(got, getattr(np, name)(a, b), rtol=1e-14, atol=0)


def test_promotion_in_either_order(adapter: Adapter) -> None:
    for a, b in itertools.combinations(
        [n for n in dtypes.ALL if n in adapter.native_dtypes and not dtypes.is_complex(n)], 2
    ):
        x, y = adapter.to_tensor(np.ones(2), a), adapter.to_tensor(np.ones(2), b)
        names = {adapter.dtype_name(ops.multiply(*pair)) for pair in ((x, y), (y, x))}
        assert names == {dtypes.promote(a, b)}, (a, b)
    half, brain = adapter.to_tensor([1.0], "float16"), adapter.to_tensor([1.0], "bfloat16")
    assert adapter.dtype_name(ops.add(half, brain)) == adapter.dtype_name(ops.add(brain, half)) == "float32"


def test_products_of_int8_add_up_in_int32(adapter: Adapter) -> None:
    a, b = np.full((2, 200), 100, "int8"), np.full((200, 3), -100, "int8")
    for got in (run(adapter, ops.matmul, a, b), run(adapter, lambda x, y: ops.einsum("ij,jk->ik", x, y), a, b)):
        assert got.dtype == np.int32 and got.tolist() == [[-2_000_000] * 3] * 2
    assert run(adapter, ops.matmul, a, b.astype("int16")).dtype == np.int16


def test_an_integer_beyond_32_bits_becomes_a_wide_tensor(adapter: Adapter) -> None:
    assert run(adapter, ops.convert_to_tensor, 2**40).tolist() == 2**40
    assert adapter.dtype_name(ops.convert_to_tensor(7)) == "int32"


def test_eye_refuses_what_is_no_integer(adapter: Adapter) -> None:
    for arguments in ((2.5,), ("3",), (3, 2.5), (3, 3, 0.5), (-1,), (2, -1)):
        with pytest.raises((TypeError, ValueError)):
            ops.eye(*arguments)
    same(run(adapter, ops.eye, 2, 3, 1), np.eye(2, 3, 1))


# ---- picking ------------------------------------------------------------------------------------------------------


def test_take_with_indices_of_any_rank(adapter: Adapter) -> None:
    x, index = values(3, 4, 2), np.asarray([[0, -1, 1], [2, 2, -3]], "int32")
    for axis in (0, 1, -1):
        at = index % x.shape[axis]
        same(run(adapter, ops.take, x, index % x.shape[axis], axis=axis), np.take(x, at, axis))
    same(run(adapter, ops.take, x, index, axis=0), np.take(x, index, 0))
    same(run(adapter, ops.take, x, np.asarray(5), axis=None), x.ravel()[5])


def test_take_out_of_range_is_the_same_everywhere(adapter: Adapter) -> None:
    """What `take` documents: indices beyond the ends, all adapters alike, also inside a compiled step."""
    x, index = f32(0.0, 1.0, 2.0), np.asarray([3, -4, 1], "int32")
    reference = OPS["take"].function.__doc__ or ""
    assert "out of range" in reference or "outside" in reference or "beyond" in reference, "take doesn't document it"
    eager = run(adapter, ops.take, x, index, axis=0)
    step = adapter.compile_step(lambda a, i: ops.take(a, i, axis=0), lambda: [])
    np.testing.assert_array_equal(eager, run(adapter, step, x, index))


def test_top_k_ties_and_order(adapter: Adapter) -> None:
    largest, index = run(adapter, ops.top_k, f32([[1, 3, 3, 2], [5, 5, 5, 5]]), 3)
    same(largest, [[3, 3, 2], [5, 5, 5]])
    assert index.dtype == np.int32 and index.tolist() == [[1, 2, 3], [0, 1, 2]]
    zeros = f32(-0.0, 0.0, -1.0, -0.0, 0.0)
    largest, index = run(adapter, ops.top_k, zeros, 4)
    assert index.tolist() == [0, 1, 3, 4] and np.signbit(largest).tolist() == [True, False, True, False]
    for x in (np.asarray([True, False, True]), np.asarray([255, 0, 255], "uint8")):
        largest, index = run(adapter, ops.top_k, x, 3)
        assert largest.dtype == x.dtype and index.tolist() == [0, 2, 1]


def test_argsort_is_stable(adapter: Adapter) -> None:
    x = np.asarray([2, 1, 2, 1, 0, 2] * 20, "int32")
    assert run(adapter, ops.argsort, x).tolist() == np.argsort(x, kind="stable").tolist()
    assert run(adapter, ops.argsort, x.reshape(6, 20), axis=None).tolist() == np.argsort(x, kind="stable").tolist()


def test_argpartition_and_sort_of_the_flattened(adapter: Adapter) -> None:
    x = values(3, 4)
    order = run(adapter, ops.argpartition, x, 5, axis=None)
    assert sorted(order.tolist()) == list(range(12))
    flat = x.ravel()[order]
    assert flat[:5].max() <= flat[5] <= flat[6:].min()
    same(run(adapter, ops.sort, x, axis=None), np.sort(x, axis=None))


def test_searchsorted_and_digitize(adapter: Adapter) -> None:
    edges, x = f32(0, 1, 2, 3), f32([[0.5, 1.0], [3.0, -1.0]])
    for side in ("left", "right"):
        assert run(adapter, ops.searchsorted, edges, x, side=side).tolist() == np.searchsorted(edges, x, side).tolist()
        rows, searched = f32([[[0, 1, 1]], [[2, 4, 8]]]), f32([[[1, -1, 2, 0]], [[4, 9, 2, 1]]])
        want = [[np.searchsorted(rows[i, 0], searched[i, 0], side).tolist()] for i in range(2)]
        assert run(adapter, ops.searchsorted, rows, searched, side=side).tolist() == want
    assert run(adapter, ops.digitize, x, edges).tolist() == np.digitize(x, edges).tolist()


def test_where_of_a_condition_alone(adapter: Adapter) -> None:
    for got, want in zip(run(adapter, ops.where, np.eye(3) > 0), np.where(np.eye(3) > 0), strict=True):
        assert got.tolist() == want.tolist()


def test_reshape_and_broadcast_to_an_integer(adapter: Adapter) -> None:
    same(run(adapter, ops.broadcast_to, f32([7.0]), 3), [7, 7, 7])
    assert run(adapter, ops.reshape, values(2, 3), -1).shape == run(adapter, ops.reshape, values(2, 3), 6).shape == (6,)


def test_split_before_indices_as_numpy(adapter: Adapter) -> None:
    x = values(2, 6)
    for cuts in ([2, 4], [-1], [2, 1], [0, 9], []):
        for got, want in zip(run(adapter, ops.split, x, tuple(cuts), axis=1), np.split(x, cuts, 1), strict=True):
            same(got, want)


def test_order_of_a_scalar(adapter: Adapter) -> None:
    assert run(adapter, ops.sort, 3.0).tolist() == 3.0
    assert run(adapter, ops.argsort, 3.0).tolist() == 0 and ops.argsort(KerasTensor(())).shape == ()


def test_clip_with_one_limit(adapter: Adapter) -> None:
    x = f32(-2, 0.5, 3)
    same(run(adapter, ops.clip, x, None, 1), [-2, 0.5, 1])
    same(run(adapter, ops.clip, x, 0, None), [0, 0.5, 3])
    same(run(adapter, ops.clip, x, None, None), x)
    assert ops.clip(KerasTensor((3,), "int32"), None, 1.5).dtype == "float32"


def test_unravel_index(adapter: Adapter) -> None:
    index = np.asarray([[22, 41], [37, 0]], "int32")
    for got, want in zip(run(adapter, ops.unravel_index, index, (7, 6)), np.unravel_index(index, (7, 6)), strict=True):
        assert got.tolist() == want.tolist()


# ---- moving -------------------------------------------------------------------------------------------------------


def test_flip_of_a_list_of_axes_and_roll_and_rot90(adapter: Adapter) -> None:
    x = values(2, 3, 4)
    same(run(adapter, ops.flip, x, axis=[0, 2]), np.flip(x, (0, 2)))
    same(run(adapter, ops.flip, x), np.flip(x))
    same(run(adapter, ops.flip, [1.0, 2.0, 3.0]), [3.0, 2.0, 1.0])
    same(run(adapter, ops.roll, x, 5), np.roll(x, 5))
    same(run(adapter, ops.roll, x, (1, -2), axis=(0, 2)), np.roll(x, (1, -2), (0, 2)))
    for k in range(-1, 5):
        same(run(adapter, ops.rot90, x, k, axes=(1, 2)), np.rot90(x, k, (1, 2)))
        same(run(adapter, ops.rot90, x, k, axes=(2, 0)), np.rot90(x, k, (2, 0)))


def test_cross_and_dot(adapter: Adapter) -> None:
    a, b = values(2, 4, 3), values(4, 3)
    same(run(adapter, ops.cross, a, b), np.cross(a, b))
    same(run(adapter, ops.cross, np.moveaxis(a, -1, 0), np.broadcast_to(b.T[:, None], (3, 2, 4)).copy(), axis=0),
         np.moveaxis(np.cross(a, b), -1, 0))  # fmt: skip
    for x, y in (
        (values(3), values(3)),
        (values(2, 3), values(3)),
        (values(2, 3), values(4, 3, 5)),
        (values(2, 3), f32(2.0)),
    ):
        same(run(adapter, ops.dot, x, y), np.dot(x, y))


# ---- reductions ---------------------------------------------------------------------------------------------------


def test_all_any_and_prod_over_several_axes(adapter: Adapter) -> None:
    x = values(2, 3, 4)
    for axis in ((0, 2), (-1, 0), (1,), None, (0, 1, 2)):
        same(run(adapter, ops.all, x > -1.5, axis=axis), np.all(x > -1.5, axis=axis))
        same(run(adapter, ops.any, x > 1.5, axis=axis), np.any(x > 1.5, axis=axis))
        same(run(adapter, ops.prod, x, axis=axis), np.prod(x, axis=axis), rtol=1e-4)


def test_median_and_quantile_of_even_length(adapter: Adapter) -> None:
    x = values(4, 6)
    for axis in (0, 1, None, (0, 1)):
        same(run(adapter, ops.median, x, axis=axis), np.median(x, axis=axis))
        for method in ("linear", "lower", "higher", "midpoint", "nearest"):
            got = run(adapter, ops.quantile, x, f32(0.0, 0.3, 0.5, 1.0), axis=axis, method=method)
            same(got, np.quantile(x, [0.0, 0.3, 0.5, 1.0], axis=axis, method=method), rtol=1e-4)


def test_quantiles_of_no_element_are_nan(adapter: Adapter) -> None:
    for function in (ops.median, ops.nanmedian):
        assert np.isnan(run(adapter, function, values(0))).all()
        same(run(adapter, function, values(0, 3), axis=0), [NAN] * 3)
        assert run(adapter, function, values(0, 3), axis=1).shape == (0,)
    same(run(adapter, ops.nanquantile, values(3, 0), [0.1, 0.5], axis=1, keepdims=True), np.full((2, 3, 1), NAN))
    for q in (1.5, [-0.1, 0.5]):
        with pytest.raises(ValueError, match="from 0 to 1"):
            ops.quantile(values(3), q)


def test_batch_normalization_far_from_zero(adapter: Adapter) -> None:
    """The variance of channels with a large mean keeps its digits."""
    x = np.random.default_rng(0).normal([0.0, 1e3, -1e4], [1.0, 1.0, 2.0], (500, 3)).astype("float32")
    results = run(adapter, batch_norm_train, x, None, None, axis=1, epsilon=0.0)
    wide = x.astype("float64")
    np.testing.assert_allclose(results[1], wide.mean(0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(results[2], wide.var(0), rtol=2e-3)
    np.testing.assert_allclose(results[0], (wide - wide.mean(0)) / wide.std(0), atol=1e-2)


def test_variance_is_never_negative(adapter: Adapter) -> None:
    x = (np.ones((4, 1000)) * 1234.567).astype("float32")
    for function in (ops.var, ops.std):
        got = run(adapter, function, x, axis=1)
        assert np.all(got >= 0) and np.all(got < 1e-2)
    mean, variance = run(adapter, ops.moments, x, axes=[1])
    assert np.all(variance >= 0) and np.allclose(mean, 1234.567)


def test_logsumexp_and_softmax_of_masked_rows(adapter: Adapter) -> None:
    x = f32([[-INF, 0.0, 1.0], [-INF, -INF, -INF], [INF, 0.0, 1.0]])
    got = run(adapter, ops.logsumexp, x, axis=-1)
    assert np.isclose(got[0], np.log(1 + np.e)) and got[1] == -INF and got[2] == INF
    same(run(adapter, ops.softmax, x[:1]), [[0.0, 1 / (1 + np.e), np.e / (1 + np.e)]])
    same(run(adapter, ops.log_softmax, x[:1]), [[-INF, -np.log1p(np.e), 1 - np.log1p(np.e)]])
    for function in (ops.softmax, ops.log_softmax):  # of nothing but -inf there is no softmax
        assert np.isnan(run(adapter, function, x[1:2])).all()
    assert run(adapter, ops.logaddexp, f32(-INF, INF), f32(-INF, 0.0)).tolist() == [-INF, INF]


def test_logsumexp_of_nan_is_nan(adapter: Adapter) -> None:
    got = run(adapter, ops.logsumexp, f32([[NAN, 1.0], [NAN, -INF], [0.0, 0.0]]), axis=1)
    assert np.isnan(got[:2]).all() and np.isclose(got[2], np.log(2))


def test_statistics_with_infinities(adapter: Adapter) -> None:
    """Between -inf and a number lies -inf; the variance of what holds an infinity is nan."""
    x = f32([[3.0, -INF, NAN], [2.0, INF, NAN], [-INF, INF, NAN], [1.0, 2.0, NAN]])
    same(run(adapter, ops.nanmedian, x, axis=1), [-INF, INF, NAN, 1.5])
    same(run(adapter, ops.median, x[:, :2], axis=1), np.median(x[:, :2], axis=1))
    same(run(adapter, ops.nanvar, x, axis=1), [NAN, NAN, NAN, 0.25])
    same(run(adapter, ops.nanstd, x, axis=1), [NAN, NAN, NAN, 0.5])


def test_nancumsum_with_infinities(adapter: Adapter) -> None:
    for x in (f32(1.0, NAN, INF, 2.0), f32(NAN, NAN, 1.0), f32(-INF, NAN, 3.0)):
        same(run(adapter, ops.nancumsum, x), np.nancumsum(x))


# ---- special values -----------------------------------------------------------------------------------------------


def test_isclose_with_infinities(adapter: Adapter) -> None:
    a, b = f32(INF, INF, -INF, NAN, 1.0, INF), f32(INF, -INF, -INF, NAN, INF, 1e30)
    for equal_nan in (False, True):
        assert (
            run(adapter, ops.isclose, a, b, equal_nan=equal_nan).tolist()
            == np.isclose(a, b, equal_nan=equal_nan).tolist()
        )


def test_hypot_with_infinities_and_large_numbers(adapter: Adapter) -> None:
    a, b = f32(INF, NAN, 3e30, 0.0, -INF), f32(NAN, INF, 4e30, 0.0, 1.0)
    same(run(adapter, ops.hypot, a, b), [INF, INF, 5e30, 0.0, INF])


def test_signs_of_zero_and_nan(adapter: Adapter) -> None:
    assert run(adapter, ops.signbit, f32(-0.0, 0.0, -1.0, INF)).tolist() == [True, False, True, False]
    assert np.isnan(run(adapter, ops.maximum, f32(NAN, 1.0), f32(1.0, NAN))).all()
    assert np.isnan(run(adapter, ops.sign, f32(NAN, 1.0))).tolist() == [True, False]
    assert np.isnan(run(adapter, ops.relu, f32(NAN, 1.0))).tolist() == [True, False]


def test_activations_keep_nan(adapter: Adapter) -> None:
    names = (
        "celu elu gelu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid mish relu relu6 selu "
        "sigmoid silu soft_shrink softplus softsign sparse_plus sparse_sigmoid squareplus tanh tanh_shrink threshold"
    )
    for name in names.split():
        arguments = (0.5, -1.0) if name == "threshold" else ()
        got = run(adapter, OPS[name].call, f32(NAN, 1.0), *arguments)
        assert np.isnan(got).tolist() == [True, False], name


def test_rounding_halves_to_even(adapter: Adapter) -> None:
    same(run(adapter, ops.round, f32(0.5, 1.5, 2.5, -0.5, -1.5)), [0, 2, 2, 0, -2])


def test_floor_division_and_remainder_of_negatives(adapter: Adapter) -> None:
    for name in ("int32", "float32"):
        a, b = np.asarray([7, -7, 7, -7], name), np.asarray([3, 3, -3, -3], name)
        same(run(adapter, ops.floor_divide, a, b), a // b)
        same(run(adapter, ops.mod, a, b), a % b)


# ---- gradients at hard places -------------------------------------------------------------------------------------


def test_divide_no_nan_has_a_finite_gradient(trainer: Adapter) -> None:
    x, y = f32(1.0, 2.0), f32(0.0, 4.0)
    same(run(trainer, ops.divide_no_nan, x, y), [0.0, 0.5])
    down = trainer.to_tensor(y, None)
    same(gradient(trainer, lambda v: ops.divide_no_nan(v, down), x), [0.0, 0.25])
    up = trainer.to_tensor(x, None)
    same(gradient(trainer, lambda v: ops.divide_no_nan(up, v), y), [0.0, -0.125])


def test_normalize_has_a_finite_gradient_at_zero(trainer: Adapter) -> None:
    for order in (1, 2):
        assert np.all(
            np.isfinite(
                gradient(trainer, lambda v, o=order: ops.normalize(v, axis=-1, order=o), f32([[0.0, 0.0], [3.0, 4.0]]))
            )
        )


def test_gradients_of_masked_rows_are_finite(trainer: Adapter) -> None:
    x = f32([[-INF, 0.0, 1.0], [1.0, 2.0, 3.0]])
    assert np.all(np.isfinite(gradient(trainer, lambda v: ops.logsumexp(v, axis=-1), x)))
    assert np.all(np.isfinite(gradient(trainer, ops.softmax, x)))


def test_gradients_where_several_are_largest_sum_to_one(trainer: Adapter) -> None:
    for function in (ops.max, ops.min):
        assert np.isclose(np.sum(gradient(trainer, function, f32(2.0, 2.0, 2.0))), 1.0)


def test_relu_and_abs_at_zero(trainer: Adapter) -> None:
    assert gradient(trainer, ops.relu, f32(0.0, 1.0, -1.0)).tolist() == [0.0, 1.0, 0.0]
    assert gradient(trainer, ops.abs, f32(0.0, 1.0, -1.0)).tolist() == [0.0, 1.0, -1.0]


def test_sqrt_of_zero_in_a_norm(trainer: Adapter) -> None:
    got = gradient(
        trainer,
        lambda v: ops.where(ops.greater(v, 0), ops.sqrt(ops.where(ops.greater(v, 0), v, 1.0)), 0.0),
        f32(0.0, 4.0),
    )
    assert got.tolist() == [0.0, 0.25]


# ---- the rest -----------------------------------------------------------------------------------------------------


def test_kron_of_any_rank(adapter: Adapter) -> None:
    for a, b in (((2,), (3, 2)), ((2, 3, 2), (2, 1, 4)), ((1, 2, 1, 3), (2, 2))):
        same(run(adapter, ops.kron, values(*a), values(*b)), np.kron(values(*a), values(*b)))


def test_rank_of_an_empty_matrix(adapter: Adapter) -> None:
    assert run(adapter, ops.linalg.matrix_rank, values(0, 0)).tolist() == 0
    assert run(adapter, ops.linalg.matrix_rank, values(2, 3, 0)).tolist() == [0, 0]


def test_cholesky_of_what_has_none(adapter: Adapter) -> None:
    """An error, or nan, and zeros above: never what lay in the memory."""
    try:
        got = run(adapter, ops.linalg.cholesky, -np.eye(3, dtype="float32"))
    except Exception:
        return
    assert np.isnan(got).any() and not np.any(got[np.triu_indices(3, 1)])


def test_histogram_of_a_range_that_falls(adapter: Adapter) -> None:
    with pytest.raises(ValueError, match="lowest, highest"):
        ops.histogram(values(4), 3, (1, -1))


def test_arange_with_no_step(adapter: Adapter) -> None:
    with pytest.raises(ValueError, match="other than 0"):
        ops.arange(0, 5, 0)


def test_cdist(adapter: Adapter) -> None:
    a, b = values(3, 2), values(4, 2)[::-1].copy()
    want = np.sqrt(np.sum((a[:, None] - b[None]) ** 2, -1))
    same(run(adapter, ops.cdist, a, b), want, atol=1e-4)


def test_segments_that_are_empty(adapter: Adapter) -> None:
    x, at = f32(1.0, 2.0, 3.0), np.asarray([0, 0, 3], "int32")
    same(run(adapter, ops.segment_sum, x, at, num_segments=5), [3, 0, 0, 3, 0])
    same(run(adapter, ops.segment_prod, x, at, num_segments=5), [2, 1, 1, 3, 1])
    assert run(adapter, ops.segment_max, x, at, num_segments=5).tolist() == [2.0, -INF, -INF, 3.0, -INF]
    assert run(adapter, ops.segment_min, x, at, num_segments=5).tolist() == [1.0, INF, INF, 3.0, INF]
    whole, mixed, last = np.asarray([1, 2, 3], "int32"), np.asarray([2, 0, 2], "int32"), 2**31 - 1
    assert run(adapter, ops.segment_max, whole, mixed, num_segments=4).tolist() == [2, -last - 1, 3, -last - 1]
    assert run(adapter, ops.segment_min, whole, mixed, num_segments=4).tolist() == [2, last, 1, last]
    nothing = run(adapter, ops.segment_sum, values(0, 2), np.zeros(0, "int32"), num_segments=2)
    same(nothing, np.zeros((2, 2)))


def test_istft_undoes_stft(adapter: Adapter) -> None:
    x = values(2, 256)
    real, imaginary = (adapter.to_tensor(v, None) for v in run(adapter, ops.stft, x, 32, 8, 32))
    back = numpy(adapter, ops.istft((real, imaginary), 32, 8, 32, length=256))
    same(back[:, 16:-16], x[:, 16:-16], atol=1e-4)


def test_shuffle_along_a_negative_axis(adapter: Adapter) -> None:
    x = np.arange(24, dtype="float32").reshape(2, 3, 4)
    key = np.asarray([7, 1], "uint32")
    for axis in (0, 1, -1, -2):
        got = run(adapter, OPS["draw.shuffle"].call, key, x, axis)
        assert not np.array_equal(got, x) or x.shape[axis] < 4
        rows = [np.moveaxis(v, axis, 0).reshape(x.shape[axis], -1).tolist() for v in (got, x)]
        assert sorted(rows[0]) == sorted(rows[1])


def test_categorical_never_draws_what_is_masked(adapter: Adapter) -> None:
    logits = f32([[-INF, 0.0, -INF], [0.0, -INF, 0.0]])
    got = run(adapter, OPS["draw.categorical"].call, np.asarray([7, 1], "uint32"), logits, 200, "int32")
    assert set(got[0].tolist()) == {1} and set(got[1].tolist()) == {0, 2}


def test_one_hot_of_what_is_out_of_range(adapter: Adapter) -> None:
    assert run(adapter, ops.one_hot, np.asarray([0, 2, -1, 3], "int32"), 3).tolist() == [
        [1, 0, 0],
        [0, 0, 1],
        [0, 0, 0],
        [0, 0, 0],
    ]
