"""Properties over drawn geometry: broadcasting, reductions, moving elements, padding, convolution, pooling."""

from __future__ import annotations

import itertools
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from kerasfront.contract import Adapter
from kerasfront.ops.declare.op import OPS

# How long an example takes says nothing: the first of a shape compiles.
few = settings(max_examples=15, deadline=None, derandomize=True, database=None)
sizes = st.integers(0, 3)
some = st.integers(1, 3)


def run(adapter: Adapter, name: str, *args: Any, **kwargs: Any) -> np.ndarray[Any, Any]:
    """Return the op's result as an array; arrays among the positional arguments go in as native tensors."""
    args = tuple(adapter.to_tensor(a, None) if isinstance(a, np.ndarray) else a for a in args)
    return np.asarray(adapter.to_numpy(OPS[name].call(*args, **kwargs)))


def values(shape: Any, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(-2, 2, shape).astype("float32")


def close(got: Any, want: Any) -> None:
    assert got.shape == np.shape(want)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@st.composite
def broadcastable(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that broadcast: each dim equal or 1, and leading ones left out."""
    shape = draw(st.lists(sizes, max_size=3))
    pair = []
    for _ in range(2):
        thin = [1 if draw(st.booleans()) else d for d in shape]
        pair.append(tuple(thin[draw(st.integers(0, len(thin))) :]))
    return pair[0], pair[1]


@few
@given(broadcastable())
def test_broadcasting(adapter: Adapter, shapes: Any) -> None:
    a, b = values(shapes[0]), values(shapes[1], 1)
    close(run(adapter, "add", a, b), a + b)
    close(run(adapter, "maximum", b, a), np.maximum(a, b))
    close(run(adapter, "broadcast_to", a, (a + b).shape), np.broadcast_to(a, (a + b).shape))


@few
@given(st.lists(some, max_size=3), st.data())
def test_reductions(adapter: Adapter, shape: Any, data: Any) -> None:
    x = values(shape)
    axes = data.draw(st.lists(st.integers(0, max(len(shape) - 1, 0)), unique=True, max_size=len(shape)))
    signed = tuple(a - len(shape) if data.draw(st.booleans()) else a for a in axes)
    axis = data.draw(st.sampled_from([None, signed] + ([signed[0]] if signed else [])))
    keep = data.draw(st.booleans())
    for name, function in (("sum", np.sum), ("mean", np.mean), ("amax", np.max), ("var", np.var)):
        close(run(adapter, name, x, axis=axis, keepdims=keep), function(x, axis=axis, keepdims=keep))
    assert np.array_equal(run(adapter, "any", x > 1, axis=axis, keepdims=keep), np.any(x > 1, axis=axis, keepdims=keep))


@few
@given(st.lists(sizes, min_size=1, max_size=3), st.data())
def test_transpose_and_reshape(adapter: Adapter, shape: Any, data: Any) -> None:
    x = values(shape)
    order = data.draw(st.permutations(range(len(shape))))
    turned = run(adapter, "transpose", x, tuple(order))
    close(turned, np.transpose(x, order))
    close(run(adapter, "transpose", turned, tuple(np.argsort(order).tolist())), x)
    flat = run(adapter, "reshape", x, (-1,) if x.size else (0,))
    close(flat, x.reshape(-1))
    close(run(adapter, "reshape", flat, tuple(shape)), x)
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    wide = run(adapter, "expand_dims", x, axis)
    close(wide, np.expand_dims(x, axis))
    close(run(adapter, "squeeze", wide, axis), x)


@st.composite
def keys(draw: Any, shape: tuple[int, ...]) -> Any:
    """Return an index of integers, slices with steps, None and Ellipsis."""
    out: list[Any] = []
    for d in shape:
        bound = st.none() | st.integers(-d - 1, d + 1)
        options: list[Any] = [st.builds(slice, bound, bound, st.sampled_from([None, 1, 2]))]
        if d:
            options.append(st.integers(-d, d - 1))
        out.append(draw(st.one_of(options)))
        if draw(st.integers(0, 4)) == 0:
            out.append(None)
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(out)))
        out = [*out[:cut], Ellipsis]
    return tuple(out)


@few
@given(st.lists(sizes, min_size=1, max_size=3), st.data())
def test_slicing(adapter: Adapter, shape: Any, data: Any) -> None:
    x = values(shape)
    key = data.draw(keys(tuple(shape)))
    close(run(adapter, "get_item", x, key), x[key])


@few
@given(st.lists(some, min_size=1, max_size=3), st.data())
def test_joining_undoes_splitting(adapter: Adapter, shape: Any, data: Any) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = values(shape)
    cuts = sorted(data.draw(st.lists(st.integers(0, shape[axis]), max_size=2)))
    parts = OPS["split"].call(adapter.to_tensor(x, None), cuts, axis=axis)
    arrays = [np.asarray(adapter.to_numpy(p)) for p in parts]
    for got, want in zip(arrays, np.split(x, cuts, axis), strict=True):
        close(got, want)
    close(np.asarray(adapter.to_numpy(OPS["concatenate"].call(parts, axis=axis))), x)


@few
@given(
    st.lists(st.integers(2, 4), min_size=1, max_size=3),
    st.sampled_from(["constant", "reflect", "symmetric"]),
    st.data(),
)
def test_padding(adapter: Adapter, shape: Any, mode: Any, data: Any) -> None:
    x = values(shape)
    width = [tuple(data.draw(st.tuples(*[st.integers(0, d - 1)] * 2))) for d in shape]
    fill = {"constant_values": 2.5} if mode == "constant" and data.draw(st.booleans()) else {}
    close(run(adapter, "pad", x, width, mode, **fill), np.pad(x, width, mode, **fill))


# ---- sliding windows ----------------------------------------------------------------------------------------------


def padded(x: Any, kernel: Any, strides: Any, dilation: Any, padding: str, fill: float) -> Any:
    """x (channels last) with the rows that "same" adds: as even as possible, the odd one at the end."""
    if padding == "valid":
        return x
    width = [(0, 0)]
    for n, k, s, d in zip(x.shape[1:-1], kernel, strides, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        width.append((total // 2, total - total // 2))
    return np.pad(x, [*width, (0, 0)], constant_values=fill)


def windows(x: Any, kernel: Any, strides: Any, dilation: Any) -> Any:
    """For each place of the output: (place, the window (batch, *kernel, channels))."""
    counts = [
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[1:-1], kernel, strides, dilation, strict=True)
    ]
    for place in itertools.product(*map(range, counts)):
        cut = [
            slice(p * s, p * s + d * (k - 1) + 1, d)
            for p, k, s, d in zip(place, kernel, strides, dilation, strict=True)
        ]
        yield counts, place, x[(slice(None), *cut)]


def convolved(x: Any, kernel: Any, strides: Any, padding: str, dilation: Any) -> Any:
    spatial = kernel.shape[:-2]
    x = padded(x, spatial, strides, dilation, padding, 0.0)
    out = None
    for counts, place, window in windows(x, spatial, strides, dilation):
        out = np.zeros((len(x), *counts, kernel.shape[-1]), "float64") if out is None else out
        out[(slice(None), *place)] = np.tensordot(window, kernel, axes=kernel.ndim - 1)
    return out


def pooled(x: Any, size: Any, strides: Any, padding: str, average: bool) -> Any:
    ones = (1,) * len(size)
    x = padded(x, size, strides, ones, padding, np.nan)
    out = None
    for counts, place, window in windows(x, size, strides, ones):
        out = np.zeros((len(x), *counts, x.shape[-1])) if out is None else out
        flat = window.reshape(len(x), -1, x.shape[-1])
        out[(slice(None), *place)] = np.nanmean(flat, 1) if average else np.nanmax(flat, 1)
    return out


@st.composite
def geometry(draw: Any) -> Any:
    """(spatial shape, kernel, strides, dilation, padding) such that a window fits."""
    rank = draw(st.integers(1, 2))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    dilation = each(1, 2)
    strides = each(1, 3) if max(dilation) == 1 else (1,) * rank
    return each(5, 7), each(1, 3), strides, dilation, draw(st.sampled_from(["valid", "same"]))


def first(x: Any) -> Any:
    return np.moveaxis(x, -1, 1)


@few
@given(geometry(), st.booleans(), st.sampled_from([0, 1, 2]))
def test_convolution(adapter: Adapter, drawn: Any, channels_first: bool, batch: int) -> None:
    shape, kernel, strides, dilation, padding = drawn
    x, k = values((batch, *shape, 2)), values((*kernel, 2, 3), 1)
    want = convolved(x, k, strides, padding, dilation)
    given_x, layout = (first(x), "channels_first") if channels_first else (x, "channels_last")
    got = run(adapter, "conv", np.ascontiguousarray(given_x), k, strides, padding, layout, dilation)
    close(np.moveaxis(got, 1, -1) if channels_first else got, want)


@few
@given(geometry())
def test_transposed_convolution_is_the_transpose(adapter: Adapter, drawn: Any) -> None:
    """The sum of conv(x) * y equals that of x * conv_transpose(y), where the shapes fit exactly."""
    shape, kernel, strides, _, padding = drawn
    small = tuple(n // 2 for n in shape)
    y, k = values((2, *small, 3)), values((*kernel, 2, 3), 1)
    up = run(adapter, "conv_transpose", y, k, strides, padding, None, "channels_last", 1)
    x = values(up.shape, 2)
    down = convolved(x, k, strides, padding, (1,) * len(shape))
    if down.shape == y.shape and (padding == "same" or all(k_ >= s for k_, s in zip(kernel, strides, strict=True))):
        np.testing.assert_allclose(np.sum(down * y), np.sum(x * up), rtol=1e-3, atol=1e-3)
    expected = [
        n * s if padding == "same" else (n - 1) * s + max(k_, s)
        for n, s, k_ in zip(small, strides, kernel, strict=True)
    ]
    assert up.shape == (2, *expected, 2)


@few
@given(geometry(), st.booleans(), st.booleans())
def test_pooling(adapter: Adapter, drawn: Any, average: bool, channels_first: bool) -> None:
    shape, size, strides, _, padding = drawn
    x = values((2, *shape, 2))
    want = pooled(x, size, strides, padding, average)
    given_x, layout = (first(x), "channels_first") if channels_first else (x, "channels_last")
    name = "average_pool" if average else "max_pool"
    got = run(adapter, name, np.ascontiguousarray(given_x), size, strides, padding, layout)
    close(np.moveaxis(got, 1, -1) if channels_first else got, want)
