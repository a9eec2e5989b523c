"""Layers and models on sparse and ragged tensors, where the backend has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import contract, layers, ops
from kerasfront.errors import CapabilityError

ADAPTER = contract.current()
X = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, -3.0], [0.5, 0.0, 0.0]], "float32")
ROWS = [np.arange(12, dtype="float32").reshape(3, 4), np.ones((1, 4), "float32")]
has_sparse = "sparse" in ADAPTER.capabilities
has_ragged = "ragged" in ADAPTER.capabilities


def array(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(ops.convert_to_numpy(x))


def sparse(x: np.ndarray[Any, Any]) -> Any:
    return ADAPTER.to_sparse(ADAPTER.to_tensor(x, None))


@pytest.mark.trains
def test_a_model_of_sparse_inputs() -> None:
    inputs = keras.Input((3,), sparse=True)
    if not has_sparse:
        with pytest.raises(CapabilityError, match="has no sparse"):
            layers.Dense(2)(inputs)
        return
    hidden = layers.Concatenate()([layers.Activation("relu")(inputs), layers.Rescaling(2.0)(inputs)])
    assert inputs.sparse and hidden.sparse
    model = keras.Model(inputs, layers.Dense(2)(hidden))
    np.testing.assert_allclose(array(model(sparse(X))), array(model(X)), rtol=1e-5)
    assert model.predict_on_batch(sparse(X)).shape == (3, 2)
    before = array(model.layers[-1].kernel).copy()
    model.compile("sgd", "mse")
    losses = [model.train_on_batch(sparse(X), np.ones((3, 2), "float32")) for _ in range(20)]
    assert losses[-1] < losses[0] and np.abs(array(model.layers[-1].kernel) - before).max() > 0


class Look(layers.Layer):
    """Notes whether what comes is sparse."""

    seen: list[bool] = []

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, keras.KerasTensor):
            Look.seen.append(ADAPTER.composites.get(type(inputs)) == "sparse")
        return inputs


def rows_of(make: Callable[[Any], Any], dtype: str, n: int = 23) -> tuple[Any, Any]:
    x = np.where(np.random.default_rng(3).random((n, 6)) < 0.3, np.arange(6 * n).reshape(n, 6) % 9, 0).astype(dtype)
    x[:4] = 0
    return x, make(x)


def small(first: Callable[[], list[Any]]) -> Any:
    keras.utils.set_random_seed(5)
    model = keras.Sequential([*first(), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


@pytest.mark.trains
@pytest.mark.parametrize(
    ("dtype", "shuffle", "first"),
    [
        ("float32", True, lambda: [Look(), layers.Dense(3, "relu")]),
        ("int32", "batch", lambda: [Look(), layers.Embedding(9, 2), layers.Flatten()]),
    ],
    ids=["Dense", "Embedding"],
)
def test_fit_evaluate_and_predict_take_sparse_tensors(dtype: str, shuffle: Any, first: Any) -> None:
    """As they take the dense array: the same numbers, and the layers get sparse batches."""
    if not has_sparse:
        return
    dense, x = rows_of(sparse, dtype)
    y = np.sin(np.arange(23.0))[:, None].astype("float32")
    results = []
    for data in (dense, x):
        Look.seen, model = [], small(first)
        fit = model.fit(data, y, batch_size=4, epochs=3, shuffle=shuffle, validation_split=0.25, verbose=0)
        results.append((fit.history, model.evaluate(data, y, batch_size=6, verbose=0), model.predict(data, 6, 0)))
    assert Look.seen and all(Look.seen)
    for name, values in results[0][0].items():
        np.testing.assert_allclose(values, results[1][0][name], rtol=1e-4, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4)
    np.testing.assert_allclose(results[0][2], results[1][2], rtol=1e-4, atol=1e-5)


@pytest.mark.trains
def test_sparse_tensors_among_other_inputs_and_in_generators() -> None:
    if not has_sparse:
        return
    dense, x = rows_of(sparse, "float32")
    a, b = keras.Input((6,), sparse=True, name="a"), keras.Input((2,), name="b")
    model = keras.Model({"a": a, "b": b}, layers.Dense(1)(layers.Concatenate()([layers.Dense(2)(a), b])))
    other, y = np.ones((23, 2), "float32"), np.zeros((23, 1), "float32")
    want = model.predict({"a": dense, "b": other}, verbose=0)
    np.testing.assert_allclose(model.predict({"a": x, "b": other}, batch_size=8, verbose=0), want, rtol=1e-5, atol=1e-6)
    model.compile("sgd", "mse")
    loss = model.evaluate({"a": dense, "b": other}, y, verbose=0)
    batches = (({"a": sparse(dense[i : i + 8]), "b": other[i : i + 8]}, y[i : i + 8]) for i in (0, 8, 16))
    np.testing.assert_allclose(model.evaluate(batches, verbose=0), loss, rtol=1e-4)
    model.fit({"a": x, "b": other}, y, steps_per_epoch=3, epochs=2, verbose=0)
    assert model.evaluate({"a": x, "b": other}, y, verbose=0) < loss


def test_places_that_are_not_in_order_and_places_beyond_the_end() -> None:
    """What the frameworks allow in a sparse tensor of their own."""
    if not has_sparse:
        return
    places = ops.convert_to_tensor([[3, 1], [0, 2], [9, 9], [3, 0]], "int32")
    x = ADAPTER.sparse_of(places, ops.convert_to_tensor([1.0, 2.0, 5.0, 3.0]), (4, 3))
    want = np.array([[0, 0, 2], [0, 0, 0], [0, 0, 0], [3, 1, 0]], "float32")
    np.testing.assert_array_equal(array(x), want)
    model = keras.Sequential([layers.Dense(2)])
    got = model.predict(x, batch_size=3, verbose=0)
    np.testing.assert_allclose(got, want @ array(model.layers[0].kernel), rtol=1e-5, atol=1e-6)


def test_sparse_indices_of_an_embedding() -> None:
    layer = layers.Embedding(5, 2)
    index = np.array([[0, 1, 0], [2, 0, 4]], "int32")
    if has_sparse:
        np.testing.assert_array_equal(array(layer(sparse(index))), array(layer(index)))


# ops that make sparse tensors: by name the op of x and whether it is to be sparse, and an x
MAKES_SPARSE: dict[str, tuple[Callable[[Any, bool], Any], Any]] = {
    "one_hot": (lambda x, s: ops.one_hot(x, 3, sparse=s), [0, 2, -1, 5]),
    "one_hot of a scalar": (lambda x, s: ops.one_hot(x, 3, sparse=s), 1),
    "one_hot of a matrix": (lambda x, s: ops.one_hot(x, 4, 1, "int32", sparse=s), [[0, 2], [1, 1], [3, 9]]),
    "one_hot at the front": (lambda x, s: ops.one_hot(x, 4, 0, sparse=s), [[0, 2], [1, 1]]),
    "one_hot of nothing": (lambda x, s: ops.one_hot(x, 4, sparse=s), np.zeros(0, "int32")),
    "multi_hot": (lambda x, s: ops.multi_hot(x, 4, sparse=s), [[3, 0, 3, 3], [1, 7, -1, 1]]),
    "multi_hot of one list": (lambda x, s: ops.multi_hot(x, 3, dtype="int32", sparse=s), [2, 2, 0]),
    "multi_hot at the front": (lambda x, s: ops.multi_hot(x, 4, axis=0, sparse=s), [[3, 0], [1, 1]]),
    "multi_hot of bytes": (lambda x, s: ops.multi_hot(x, 256, sparse=s), np.array([[255, 255], [0, 1]], "uint8")),
    "bincount": (lambda x, s: ops.bincount(x, minlength=7, sparse=s), [1, 2, 2, 5]),
    "bincount of rows": (lambda x, s: ops.bincount(x, minlength=4, sparse=s), [[1, 2, 2], [3, 0, 3]]),
    "bincount, weighted": (lambda x, s: ops.bincount(x, ops.array([0.5, 1, 2]), 3, sparse=s), [1, 0, 1]),
    "bincount of rows, weighted": (
        lambda x, s: ops.bincount(x, ops.array([[0.5, 1], [2, 3]]), 3, sparse=s), [[2, 2], [1, 0]],
    ),
    "bincount of nothing": (lambda x, s: ops.bincount(x, minlength=3, sparse=s), np.zeros(0, "int32")),
}  # fmt: skip


@pytest.mark.parametrize("name", MAKES_SPARSE)
def test_ops_that_make_sparse_tensors(name: str) -> None:
    op, x = MAKES_SPARSE[name]
    x = ops.convert_to_tensor(x)
    symbol = keras.KerasTensor(x.shape, ops.dtype(x))
    if not has_sparse:
        for given in (x, symbol):
            with pytest.raises(CapabilityError, match="has no sparse"):
                op(given, True)
        return
    want = array(op(x, False))
    for got in (op(x, True), ADAPTER.compile_step(lambda x: op(x, True), lambda: [])(x)):
        assert ADAPTER.composites[type(got)] == "sparse" and tuple(ops.shape(got)) == want.shape
        assert ops.dtype(got) == want.dtype.name
        np.testing.assert_array_equal(array(got), want)
        np.testing.assert_allclose(array(ops.sum(got, axis=0)), want.sum(0), rtol=1e-6)
    spec = op(symbol, True)
    assert spec.sparse and len(spec.shape) == want.ndim and spec.dtype == want.dtype.name


@pytest.mark.trains
def test_a_model_that_makes_its_input_sparse() -> None:
    if not has_sparse:
        return
    inputs = keras.Input((3,), dtype="int32")
    hot = ops.multi_hot(inputs, 5, sparse=True)
    model = keras.Model(inputs, layers.Dense(2)(hot))
    assert hot.sparse and hot.shape == (None, 5)
    x = np.array([[0, 4, 4], [1, 2, 3], [9, 0, 0]], "int32")
    want = array(ops.multi_hot(x, 5)) @ array(model.layers[-1].kernel)
    np.testing.assert_allclose(model.predict(x, verbose=0), want, rtol=1e-5, atol=1e-6)
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(x, np.ones((3, 2)), verbose=0).history["loss"][0])


@pytest.mark.trains
def test_a_model_of_ragged_inputs() -> None:
    inputs = keras.Input((None, 4), ragged=True)
    if not has_ragged:
        with pytest.raises(CapabilityError, match="has no ragged"):
            layers.Dense(2)(inputs)
        return
    hidden = layers.Dense(3, activation="relu")(inputs)
    assert hidden.ragged and hidden.shape == (None, None, 3)
    model = keras.Model(inputs, layers.Dense(1)(ops.mean(hidden, axis=1)))
    want = np.concatenate([array(model(ADAPTER.to_ragged([row]))) for row in ROWS])
    np.testing.assert_allclose(array(model(ADAPTER.to_ragged(ROWS))), want, rtol=1e-5)
    model.compile("adam", "mse")
    losses = [model.train_on_batch(ADAPTER.to_ragged(ROWS), np.ones((2, 1), "float32")) for _ in range(20)]
    assert losses[-1] < losses[0]


def test_ragged_indices_of_an_embedding() -> None:
    layer = layers.Embedding(5, 2)
    if has_ragged:
        got = layer(ADAPTER.to_ragged([np.array([1, 2], "int32"), np.array([4], "int32")]))
        assert array(got).shape == (2, 2, 2)
        np.testing.assert_array_equal(array(got)[1, 0], array(layer.embeddings)[4])


DENSE_RESULTS: dict[str, Callable[[Any, Any], Any]] = {
    "maximum": ops.maximum,
    "minimum of a number": lambda a, b: ops.minimum(a, 0.25),
    "exp": lambda a, b: ops.exp(a),
    "power": lambda a, b: ops.power(a, 2.0),
    "greater": ops.greater,
    "where": lambda a, b: ops.where(ops.greater(b, 0), a, b),
}


@pytest.mark.parametrize("name", DENSE_RESULTS)
def test_elementwise_ops_that_make_sparse_tensors_dense(name: str) -> None:
    if not has_sparse:
        with pytest.raises(CapabilityError, match="has no sparse"):
            ADAPTER.need("sparse")
        return
    function, dense = DENSE_RESULTS[name], ops.convert_to_tensor(X[::-1].copy())
    want = array(function(ops.convert_to_tensor(X), dense))
    for other, same in ((dense, want), (sparse(X[::-1].copy()), want)):
        found = function(sparse(X), other)
        assert type(found) not in ADAPTER.composites
        np.testing.assert_allclose(array(found), same, rtol=1e-5)
    symbol = keras.Input((3,), sparse=True)
    assert function(symbol, symbol).shape == (None, 3)


def test_division_by_sparse_tensors_and_what_a_graph_says_of_it() -> None:
    if not has_sparse:
        assert ADAPTER.composites == {}
        return
    with np.errstate(all="ignore"):
        want = np.ones((3, 3), "float32") / X
    np.testing.assert_array_equal(array(ops.divide(np.ones((3, 3), "float32"), sparse(X))), want)
    own = array(ops.divide(sparse(X), sparse(X)))
    assert (own[X != 0] == 1).all() and np.isnan(own[X == 0]).all()
    symbol, plain = keras.Input((3,), sparse=True), keras.Input((3,))
    assert ops.divide(symbol, plain).sparse and not ops.divide(plain, symbol).sparse
    assert not ops.divide(symbol, symbol).sparse and not ops.exp(symbol).sparse
