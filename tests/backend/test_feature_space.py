"""FeatureSpace: against Keras, adapted to every kind of data, in models, pipelines and files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch  # before TensorFlow, on every backend

import keras as reference  # isort: skip
import tensorflow as tf  # isort: skip

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.errors import DataError

ROWS = 20
DRAWS = np.random.default_rng(0)
TABLE = {
    "plain": DRAWS.normal(size=ROWS).astype("float32"),
    "normal": DRAWS.normal(3, 2, ROWS).astype("float32"),
    "bins": DRAWS.normal(size=ROWS).astype("float32"),
    "scaled": DRAWS.normal(size=ROWS).astype("float32"),
    "number": DRAWS.integers(0, 5, ROWS),
    "word": DRAWS.choice(["a", "b", "c"], ROWS),
    "hashed": DRAWS.choice(["x", "y", "z"], ROWS),
    "code": DRAWS.integers(0, 100, ROWS),
}
DATASET = tf.data.Dataset.from_tensor_slices(TABLE)


def make(k: Any, mode: str = "concat") -> Any:
    space = k.utils.FeatureSpace
    features = {
        "plain": "float",
        "normal": "float_normalized",
        "bins": space.float_discretized(num_bins=4),
        "scaled": space.float_rescaled(scale=2.0, offset=1.0),
        "word": space.string_categorical(num_oov_indices=0),
        "number": "integer_categorical",
        "hashed": space.string_hashed(num_bins=5),
        "code": space.integer_hashed(num_bins=6),
    }
    crosses = [("word", "number"), space.cross(("hashed", "code"), crossing_dim=8)]
    return space(features, crosses=crosses, output_mode=mode, crossing_dim=16)


def values(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: values(v) for k, v in x.items()}
    return x.numpy() if tf.is_tensor(x) else ops.convert_to_numpy(x)


def close(a: Any, b: Any) -> None:
    assert list(a) == list(b) if isinstance(a, dict) else a.shape == b.shape
    for x, y in zip(a.values(), b.values(), strict=True) if isinstance(a, dict) else [(a, b)]:
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)


def keras_values(mode: str) -> Any:
    theirs = make(reference, mode)
    theirs.adapt(DATASET.batch(4))
    found = theirs({k: tf.constant(v) for k, v in TABLE.items()})
    to_numpy = reference.ops.convert_to_numpy
    return {k: to_numpy(v) for k, v in found.items()} if isinstance(found, dict) else to_numpy(found)


SOURCES = {
    "columns": lambda: TABLE,
    "tf.data": lambda: DATASET.batch(6),
    "tf.data of rows": lambda: DATASET,
    "generator": lambda: ({k: v[i : i + 3] for k, v in TABLE.items()} for i in range(0, ROWS, 3)),
    "DataLoader": lambda: torch.utils.data.DataLoader(range(ROWS), 7, collate_fn=_rows),
}


def _rows(indices: list[int]) -> Any:
    return {k: v[indices] for k, v in TABLE.items()}


@pytest.mark.parametrize("mode", ["concat", "dict"])
def test_is_keras(mode: str) -> None:
    expected = keras_values(mode)
    for source in SOURCES.values():
        space = make(keras, mode)
        space.adapt(source())
        close(values(space(TABLE)), expected)


@pytest.mark.parametrize("mode", ["concat", "dict"])
def test_in_pipelines(mode: str) -> None:
    space = make(keras, mode)
    space.adapt(TABLE)
    expected = values(space(TABLE))
    batches = list(DATASET.batch(ROWS).map(space))
    close(values(batches[0]), expected)
    rows = DATASET.map(space)  # one row at a time
    first = values(next(iter(rows)))
    close(first, {k: v[0] for k, v in expected.items()} if mode == "dict" else expected[0])
    loader = torch.utils.data.DataLoader(range(ROWS), ROWS, collate_fn=lambda i: values(space(_rows(i))))
    close(next(iter(loader)), expected)


def test_one_row() -> None:
    space = make(keras)
    space.adapt(TABLE)
    row = {k: v[0].item() for k, v in TABLE.items()}
    close(values(space(row)), values(space(TABLE))[0])
    close(values(space({k: v[:, None] for k, v in TABLE.items()})), values(space(TABLE)))


def test_models(tmp_path: Any) -> None:
    """A model of the encoded features, one of raw columns, and both in files."""
    space = make(keras)
    space.adapt(TABLE)
    inputs, encoded = space.get_inputs(), space.get_encoded_features()
    assert set(inputs) == set(TABLE) and encoded.shape == (None, 51)
    prepare = space.get_preprocessing_model()
    close(prepare.predict(TABLE, verbose=0), values(space(TABLE)))
    whole = keras.Model(inputs, layers.Dense(2)(encoded))
    y = whole.predict(TABLE, verbose=0)
    whole.save(tmp_path / "model.keras")
    close(keras.saving.load_model(tmp_path / "model.keras").predict(TABLE, verbose=0), y)


@pytest.mark.trains
def test_training_on_raw_columns() -> None:
    space = make(keras)
    space.adapt(TABLE)
    model = keras.Model(space.get_inputs(), layers.Dense(1)(space.get_encoded_features()))
    model.compile(keras.optimizers.Adam(0.05), "mse")
    losses = model.fit(TABLE, TABLE["plain"][:, None], epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    assert np.isfinite(model.evaluate(DATASET.batch(5).map(lambda x: (x, x["plain"])), verbose=0))


@pytest.mark.wide
@pytest.mark.parametrize("mode", ["concat", "dict"])
@pytest.mark.parametrize("ways", [("ours", "ours"), ("ours", "Keras"), ("Keras", "ours")], ids=" to ".join)
def test_files(mode: str, ways: tuple[str, str], tmp_path: Any) -> None:
    writer, reader = ({"ours": keras, "Keras": reference}[w] for w in ways)
    space = make(writer, mode)
    space.adapt(DATASET.batch(5))
    space.save(str(tmp_path / "space.keras"))
    loaded = reader.saving.load_model(tmp_path / "space.keras")
    found = loaded({k: tf.constant(v) for k, v in TABLE.items()})
    if reader is reference:
        to_numpy = reference.ops.convert_to_numpy
        found = {k: to_numpy(v) for k, v in found.items()} if isinstance(found, dict) else to_numpy(found)
        close(found, keras_values(mode))
    else:
        close(values(found), keras_values(mode))


def test_layers_of_the_users() -> None:
    class Halver(layers.DataLayer):
        """A layer that has `adapt` only."""

        seen = 0

        def adapt(self, data: Any) -> None:
            self.seen = sum(len(batch) for batch in data)

        def call(self, inputs: Any) -> Any:
            return inputs / 2

    space = keras.utils.FeatureSpace
    text = layers.TextVectorization(max_tokens=10, output_mode="multi_hot")
    halver = Halver()
    mine = space({
        "word": space.feature("string", text, "float"),
        "number": space.integer_categorical(output_mode="int"),
        "plain": space.feature("float32", halver, "float"),
    }, output_mode="dict")  # fmt: skip
    mine.adapt(TABLE)
    assert halver.seen == ROWS
    y = mine(TABLE)
    assert y["word"].shape == (ROWS, 4) and y["number"].shape == (ROWS, 1)
    np.testing.assert_allclose(values(y["plain"])[:, 0], TABLE["plain"] / 2)
    with pytest.raises(DataError, match="begin anew"):
        mine.adapt({k: v[:2] for k, v in TABLE.items()} for _ in range(2))
    given = space({"word": space.feature("string", layers.StringLookup(vocabulary=["b"]), "one_hot")})
    given.adapt(TABLE)
    assert given(TABLE).shape == (ROWS, 2)


@pytest.mark.parametrize(
    ("make_space", "text"),
    [
        (lambda s: s({}), "needs features"),
        (lambda s: s({"a": "flaot"}), "Did you mean 'float'"),
        (lambda s: s({"a": "float"}, crosses=[("a", "q")]), "'q'"),
        (lambda s: s({"a": "float"}, output_mode="x"), "output_mode"),
        (lambda s: s.cross(("a", "b"), 3, output_mode="x"), "output_mode"),
    ],
)
def test_wrong_arguments(make_space: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make_space(keras.utils.FeatureSpace)


def test_wrong_use() -> None:
    space = make(keras)
    for use in (lambda: space(TABLE), space.get_inputs, space.get_encoded_features):
        with pytest.raises(Exception, match="not adapted yet"):
            use()
    with pytest.raises(ValueError, match="dicts of columns"):
        space.adapt(DATASET.map(lambda x: (x, x["plain"])))
    with pytest.raises(ValueError, match="there isn't 'word'"):
        space.adapt({k: v for k, v in TABLE.items() if k != "word"})
    joined = keras.utils.FeatureSpace({"number": keras.utils.FeatureSpace.integer_categorical(output_mode="int")})
    with pytest.raises(ValueError, match="output_mode='dict'"):
        joined.adapt(TABLE)


# ---- data as users have it ----------------------------------------------------------------------------------------


class Holder:
    """Nothing but `__array__`."""

    def __init__(self, values: Any) -> None:
        self.held = np.asarray(values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.held if dtype is None else self.held.astype(dtype)


def frame() -> Any:
    pd = pytest.importorskip("pandas")
    return pd.DataFrame({
        "age": [1.0, 2.0, 3.0, 4.0], "sex": ["f", "m", "f", "m"], "job": pd.Categorical(["a", "b", "a", "c"]),
        "text": pd.array(["x", "y", "x", "y"], dtype="string"), "size": pd.array([1, 2, None, 4], dtype="Int64"),
        "group": pd.Categorical([1, 2, 1, 3]),
    })  # fmt: skip


def test_features_of_pandas() -> None:
    kinds = {"age": "float_normalized", "sex": "string_categorical", "job": "string_categorical",
             "text": "string_categorical", "group": keras.utils.FeatureSpace.integer_categorical()}  # fmt: skip
    table = frame()[list(kinds)]
    plain = {k: np.asarray(v.tolist()) for k, v in table.items()}
    spaces = [keras.utils.FeatureSpace(kinds) for _ in range(3)]
    for space, data in zip(spaces, (plain, dict(table), table), strict=True):
        space.adapt(data)
    expected = ops.convert_to_numpy(spaces[0](plain))
    for space in spaces:
        for data in (plain, dict(table), table):
            np.testing.assert_allclose(ops.convert_to_numpy(space(data)), expected, rtol=1e-6)


def test_layers_take_what_becomes_an_array() -> None:
    table = frame()
    letters, ones = np.array(["f", "m", "f", "m"]), np.array([[1.0], [2.0]], "float32")
    cases: list[tuple[Any, Any, Any]] = [
        (layers.StringLookup(vocabulary=["m", "f"]), table["sex"], letters),
        (layers.StringLookup(vocabulary=["a", "b"]), table["job"], np.array(["a", "b", "a", "c"])),
        (layers.IntegerLookup(vocabulary=[1, 2]), table["group"], np.array([1, 2, 1, 3])),
        (layers.IntegerLookup(vocabulary=[1, 2]), table["size"].fillna(7), np.array([1, 2, 7, 4])),
        (layers.Hashing(3), table["text"], np.array(["x", "y", "x", "y"])),
        (layers.Rescaling(2.0), table["age"].astype(object), np.arange(1.0, 5.0)),
        (layers.Normalization(mean=1.0, variance=4.0), Holder(ones), ones),
        (layers.Dense(2), Holder(ones), ones),
        (layers.StringLookup(vocabulary=["m", "f"]), Holder(letters), letters),
        (layers.TextVectorization(vocabulary=["m", "f"]), Holder(letters), letters),
        (layers.Resizing(2, 2), Holder(np.ones((4, 4, 3))), np.ones((4, 4, 3))),
    ]
    for layer, x, same in cases:
        got = layer(x)
        np.testing.assert_allclose(ops.convert_to_numpy(got), ops.convert_to_numpy(layer(same)), rtol=1e-6)
    layer = layers.Normalization()
    layer.adapt(Holder(ones))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(ones)), [[-1.0], [1.0]], rtol=1e-6)
    pd = pytest.importorskip("pandas")
    missing = pd.Series([1.0, None], dtype="Float64")
    np.testing.assert_array_equal(ops.convert_to_numpy(layers.Rescaling(2.0)(missing)), [2.0, np.nan])
    with pytest.raises(DataError, match="missing between strings: None at place 1"):
        layers.StringLookup(vocabulary=["m"])(pd.Series(["m", None], dtype=object))


@pytest.mark.trains
def test_targets_that_are_strings() -> None:
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    for target in (frame()["sex"], frame()["job"], frame()["text"].to_numpy(), np.array(["a", "b", "a", "b"])):
        with pytest.raises((TypeError, ValueError), match="(?s)strings.*np.unique"):
            model.fit(np.ones((4, 1)), target, verbose=0)
    assert np.isfinite(model.fit(np.ones((4, 1)), frame()["group"], verbose=0).history["loss"])
