"""Sparse and ragged tensors: what passes through them, and what is said where nothing does.

An adapter without the capability refuses symbolic tensors of the kind, which is all that is asked of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kerasfront import ops
from kerasfront.contract import Adapter
from kerasfront.errors import CapabilityError
from kerasfront.ops.declare.op import OPS
from kerasfront.ops.matrices import affine
from kerasfront.spec import KerasTensor

X = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, -3.0], [0.5, 0.0, 0.0]], "float32")
K = np.arange(6, dtype="float32").reshape(3, 2) - 2
ROWS = [np.array([1.0, 2.0, 3.0], "float32"), np.array([4.0], "float32")]

# What becomes of a sparse x, by name; and whether the result is sparse.
SPARSE: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "add": (lambda x: ops.add(x, x), True),
    "add, then what is not linear": (lambda x: ops.square(ops.add(x, x)), True),
    "add a dense one": (lambda x: ops.add(x, ops.ones((3,))), False),
    "subtract": (lambda x: ops.subtract(ops.multiply(x, 3), x), True),
    "subtract from a dense one": (lambda x: ops.subtract(ops.ones((3, 1)), x), False),
    "multiply by a number": (lambda x: ops.multiply(x, 2.5), True),
    "multiply by a row": (lambda x: ops.multiply(ops.array([1.0, 2.0, 3.0]), x), True),
    "multiply by a column": (lambda x: ops.multiply(x, ops.array([[1.0], [2.0], [3.0]])), True),
    "multiply by itself": (lambda x: ops.multiply(x, x), True),
    "divide by a number": (lambda x: ops.divide(x, 4), True),
    "divide by a row": (lambda x: ops.divide(x, ops.array([1.0, 2.0, 4.0])), True),
    "matmul": (lambda x: ops.matmul(x, K), False),
    "matmul on the right": (lambda x: ops.matmul(K.T, x), False),
    "matmul of two": (lambda x: ops.matmul(x, x), True),
    "matmul with a vector": (lambda x: ops.matmul(x, ops.array([1.0, 2.0, 3.0])), False),
    "matmul of a stack": (lambda x: ops.matmul(ops.stack([x, x]), K), False),
    "affine": (lambda x: affine(x, ops.array(K), ops.ones((2,))), False),
    "concatenate": (lambda x: ops.concatenate([x, x], axis=-1), True),
    "concatenate with a dense one": (lambda x: ops.concatenate([x, ops.ones((3, 1))], axis=1), False),
    "stack": (lambda x: ops.stack([x, x], axis=1), True),
    "reshape": (lambda x: ops.reshape(x, (1, -1)), True),
    "transpose": (lambda x: ops.transpose(x), True),
    "transpose by axes": (lambda x: ops.transpose(ops.expand_dims(x, 0), (1, 0, 2)), True),
    "expand_dims": (lambda x: ops.expand_dims(x, (0, -1)), True),
    "squeeze": (lambda x: ops.squeeze(ops.expand_dims(x, (0, -1)), (0, -1)), True),
    "sum": (lambda x: ops.sum(x), False),
    "sum over an axis": (lambda x: ops.sum(x, axis=-1, keepdims=True), False),
    "mean": (lambda x: ops.mean(x, axis=0), False),
    "not_equal": (lambda x: ops.not_equal(x, 0), False),
    "exp": (lambda x: ops.exp(x), False),
    "sigmoid": (lambda x: ops.sigmoid(x), False),
    "maximum": (lambda x: ops.maximum(x, 1.0), False),
}
ZEROS_STAY = (
    "abs arcsinh arctan ceil elu erf expm1 floor gelu hard_shrink hard_tanh leaky_relu log1p negative relu "
    "relu6 round selu sign silu sin soft_shrink softsign square tan tanh trunc"
)


def array(adapter: Adapter, x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(adapter.to_numpy(x))


def check(adapter: Adapter, function: Callable[[Any], Any], x: np.ndarray[Any, Any], stays: bool) -> None:
    """Eager, in a compiled step and symbolic: the values of the dense result, and a sparse result where it says so."""
    dense = adapter.to_tensor(x, None)
    want = array(adapter, function(dense))
    step = adapter.compile_step(function, lambda: [])
    for got in (function(adapter.to_sparse(dense)), step(adapter.to_sparse(dense))):
        assert (adapter.composites.get(type(got)) == "sparse") == stays
        np.testing.assert_allclose(array(adapter, got), want, rtol=1e-5, atol=1e-6)
        assert adapter.dtype_name(got) == want.dtype.name
    symbolic = function(KerasTensor(x.shape, "float32", sparse=True))
    assert symbolic.sparse == stays and symbolic.shape == want.shape


@pytest.mark.parametrize("name", SPARSE)
def test_what_sparse_tensors_pass_through(adapter: Adapter, name: str) -> None:
    if "sparse" in adapter.capabilities:
        check(adapter, SPARSE[name][0], X, SPARSE[name][1])


@pytest.mark.parametrize("name", ZEROS_STAY.split())
def test_functions_that_keep_zeros(adapter: Adapter, name: str) -> None:
    if "sparse" in adapter.capabilities:
        check(adapter, OPS[name].call, X, True)


def test_other_dtypes(adapter: Adapter) -> None:
    if "sparse" not in adapter.capabilities:
        return
    for dtype in ("float16", "bfloat16", "float64", "int32"):
        x = adapter.to_sparse(adapter.to_tensor(X, dtype))
        got = ops.multiply(ops.add(x, x), 2)
        assert adapter.dtype_name(got) == dtype
        np.testing.assert_array_equal(array(adapter, got).astype("float64"), 4 * array(adapter, ops.cast(X, dtype)))
        half = ops.cast(x, "float16")
        assert adapter.composites[type(half)] == "sparse" and adapter.dtype_name(half) == "float16"
        assert adapter.dtype_name(ops.multiply(x, adapter.to_tensor(X, "float64"))) == "float64"


def test_rows_are_taken_by_sparse_indices(adapter: Adapter) -> None:
    if "sparse" not in adapter.capabilities:
        return
    index = np.array([[0, 2], [1, 0]], "int32")
    got = ops.take(adapter.to_tensor(X, None), adapter.to_sparse(adapter.to_tensor(index, None)), axis=0)
    np.testing.assert_array_equal(array(adapter, got), X[index])


def test_gradients_by_a_dense_factor(trainer: Adapter) -> None:
    if "sparse" not in trainer.capabilities:
        return
    x = trainer.to_sparse(trainer.to_tensor(X, None))
    value, pullback = trainer.vjp(lambda k: ops.matmul(ops.relu(x), k), [trainer.to_tensor(K, None)])
    (gradient,) = pullback(ops.ones_like(value))
    np.testing.assert_allclose(array(trainer, gradient), np.maximum(X, 0).T @ np.ones((3, 2)), rtol=1e-6)


def test_sparse_becomes_dense(adapter: Adapter) -> None:
    if "sparse" not in adapter.capabilities:
        return
    x = adapter.to_sparse(adapter.to_tensor(X, None))
    assert adapter.is_tensor(x) and tuple(ops.shape(x)) == X.shape and ops.dtype(x) == "float32"
    np.testing.assert_array_equal(ops.convert_to_numpy(x), X)
    dense = ops.convert_to_tensor(x, sparse=False)
    assert type(dense) not in adapter.composites
    np.testing.assert_array_equal(array(adapter, dense), X)
    for form in (ops.convert_to_tensor(x), ops.convert_to_tensor(x, sparse=True)):
        assert adapter.composites[type(form)] == "sparse"


@pytest.mark.parametrize("name", ["softmax", "sort", "cumsum"])
def test_what_takes_no_sparse_tensors_says_so(adapter: Adapter, name: str) -> None:
    symbolic = KerasTensor((3, 3), sparse=True)
    text = r"takes no sparse tensors on the backend" if "sparse" in adapter.capabilities else "has no sparse"
    with pytest.raises(CapabilityError, match=text):
        OPS[name].call(symbolic)
    if "sparse" in adapter.capabilities:
        with pytest.raises(CapabilityError, match=rf"{text}.*\n.*sparse=False"):
            OPS[name].call(adapter.to_sparse(adapter.to_tensor(X, None)))


# ---- ragged -------------------------------------------------------------------------------------------------------

# By name: what becomes of a ragged x of numbers, for each row of it, and whether the result is ragged.
RAGGED: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], bool]] = {
    "add": (lambda x: ops.add(x, 1), lambda row: row + 1, True),
    "add itself": (lambda x: ops.add(x, x), lambda row: 2 * row, True),
    "divide": (lambda x: ops.divide(1, x), lambda row: 1 / row, True),
    "maximum": (lambda x: ops.maximum(x, 2.5), lambda row: np.maximum(row, 2.5), True),
    "greater": (lambda x: ops.greater(x, 1.5), lambda row: row > 1.5, True),
    "exp": (lambda x: ops.exp(x), np.exp, True),
    "silu": (lambda x: ops.silu(x), lambda row: row / (1 + np.exp(-row)), True),
    "leaky_relu": (lambda x: ops.leaky_relu(ops.negative(x)), lambda row: -0.2 * row, True),
    "cast": (lambda x: ops.cast(x, "int32"), lambda row: row.astype("int32"), True),
    "expand_dims": (lambda x: ops.expand_dims(x, -1), lambda row: row[:, None], True),
    "concatenate": (lambda x: ops.concatenate([x, x], axis=1), lambda row: np.concatenate([row, row]), True),
    "sum": (lambda x: ops.sum(x, axis=1), np.sum, False),
    "mean": (lambda x: ops.mean(x, axis=-1), np.mean, False),
    "max": (lambda x: ops.max(x, axis=1), np.max, False),
    "matmul": (lambda x: ops.matmul(ops.expand_dims(x, -1), [[1.0, 2.0]]), lambda row: row[:, None] * [1.0, 2.0], True),
}


def padded(rows: list[Any]) -> np.ndarray[Any, Any]:
    """Return the rows as one array, with zeros at the ends."""
    if np.ndim(rows[0]) == 0:
        return np.stack(rows)
    out = np.zeros((len(rows), max(map(len, rows)), *np.shape(rows[0])[1:]), np.asarray(rows[0]).dtype)
    for place, row in zip(out, rows, strict=True):
        place[: len(row)] = row
    return out


@pytest.mark.parametrize("name", RAGGED)
def test_what_ragged_tensors_pass_through(adapter: Adapter, name: str) -> None:
    if "ragged" not in adapter.capabilities:
        return
    function, of_row, stays = RAGGED[name]
    x = adapter.to_ragged(ROWS)
    for got in (function(x), adapter.compile_step(function, lambda: [])(x)):
        assert (adapter.composites.get(type(got)) == "ragged") == stays
        np.testing.assert_allclose(array(adapter, got), padded([of_row(row) for row in ROWS]), rtol=1e-6)
    assert function(KerasTensor((None, None), ragged=True)).ragged == stays


def test_rows_are_taken_by_ragged_indices(adapter: Adapter) -> None:
    if "ragged" not in adapter.capabilities:
        return
    index = [np.array([2, 0, 1], "int32"), np.array([1], "int32")]
    got = ops.take(adapter.to_tensor(X, None), adapter.to_ragged(index), axis=0)
    np.testing.assert_array_equal(array(adapter, got), padded([X[row] for row in index]))
    index[0][2] = -2  # from the end
    got = ops.take(adapter.to_tensor(X, None), adapter.to_ragged(index), axis=-1)
    np.testing.assert_array_equal(array(adapter, got), np.stack([padded([line[row] for row in index]) for line in X]))


def test_what_is_taken_of_ragged_tensors(adapter: Adapter) -> None:
    if "ragged" not in adapter.capabilities:
        return
    rows = [X[:2], X[2:]]
    x = adapter.to_ragged(rows)
    np.testing.assert_array_equal(array(adapter, ops.take(x, [-1, 0], axis=0)), padded(rows[::-1]))
    got = ops.take(x, [2, -3, 2], axis=-1)
    assert adapter.composites[type(got)] == "ragged"
    np.testing.assert_array_equal(array(adapter, got), padded([row[:, [2, 0, 2]] for row in rows]))
    for axis in (1, None):  # a row may be too short, and is then followed by another
        with pytest.raises((TypeError, ValueError), match="ragged tensor"):
            ops.take(x, [1], axis=axis)


def test_ragged_becomes_dense(adapter: Adapter) -> None:
    if "ragged" not in adapter.capabilities:
        return
    x = adapter.to_ragged(ROWS)
    assert ops.shape(x) == (2, None)
    dense = ops.convert_to_tensor(x, ragged=False)
    assert type(dense) not in adapter.composites
    np.testing.assert_array_equal(array(adapter, dense), padded(ROWS))


@pytest.mark.parametrize("name", ["softmax", "sort", "transpose"])
def test_what_takes_no_ragged_tensors_says_so(adapter: Adapter, name: str) -> None:
    text = r"takes no ragged tensors on the backend" if "ragged" in adapter.capabilities else "has no ragged"
    with pytest.raises(CapabilityError, match=text):
        OPS[name].call(KerasTensor((None, None), ragged=True))
    if "ragged" in adapter.capabilities:
        with pytest.raises(CapabilityError, match=rf"{text}.*\n.*ragged=False"):
            OPS[name].call(adapter.to_ragged(ROWS))
