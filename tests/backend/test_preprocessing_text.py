"""Lookups and text: against Keras, on every backend, with and without TensorFlow; files and their safety."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch  # before TensorFlow, on every backend

import keras as reference  # isort: skip
import tensorflow as tf  # isort: skip

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.contract import current
from kerasfront.errors import CapabilityError, SavingError

BACKEND = keras.config.backend()
WORDS = ["a", "b", "c", "d"]
TOKENS = np.array([["a", "c", "d"], ["d", "z", "b"]])
SEEN = np.array([["a", "c", "d", "d", "b", "b"], ["d", "z", "b", "e", "e", "y"]])
NUMBERS = np.array([[12, 1138, 42], [42, 1000, 36]])
TEXTS = np.array(["Hello World, hello!", "foo bar baz Hello  it's É\tx"])


def values(x: Any) -> Any:
    """NumPy numbers, or nested lists of strings."""
    if hasattr(x, "to_list"):
        return x.to_list()
    array = np.asarray(x) if isinstance(x, np.ndarray) or tf.is_tensor(x) else ops.convert_to_numpy(x)
    if array.dtype.kind in "OUS":
        return (
            np.array([v.decode() if isinstance(v, bytes) else v for v in array.ravel()]).reshape(array.shape).tolist()
        )
    return array


def theirs(x: Any) -> Any:
    return values(x) if tf.is_tensor(x) or hasattr(x, "to_list") else reference.ops.convert_to_numpy(x)


def for_keras(x: Any) -> Any:
    """What Keras takes on every backend: strings as TensorFlow's."""
    return tf.constant(x) if x.dtype.kind in "OUS" else x


def same(make: Any, *inputs: Any, adapt: Any = None) -> None:
    """Values, dtypes and vocabulary are Keras's."""
    ours, others = make(layers), make(reference.layers)
    if adapt is not None:
        ours.adapt(adapt)
        others.adapt(adapt)
    assert ours.get_vocabulary() == [v.item() if hasattr(v, "item") else v for v in others.get_vocabulary()]
    assert ours.vocabulary_size() == others.vocabulary_size()
    for x in inputs:
        a, b = ours(x), theirs(others(for_keras(x)))
        np.testing.assert_allclose(values(a), b, rtol=1e-6)
        if BACKEND == "tensorflow":  # elsewhere Keras has other integers in some modes
            assert ops.dtype(a) == b.dtype.name


# ---- StringLookup -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("x", [np.array(["a", "q"]), np.array([["a"], ["b"]]), TOKENS], ids=lambda x: str(x.shape))
def test_string_modes(mode: str, x: Any) -> None:
    same(lambda k: k.StringLookup(vocabulary=WORDS, output_mode=mode), x)


@pytest.mark.parametrize(
    "options",
    [
        {"num_oov_indices": 2},
        {"num_oov_indices": 3, "salt": 3},
        {"num_oov_indices": 3, "salt": [5, 6]},
        {"mask_token": ""},
        {"mask_token": "", "num_oov_indices": 2},
        {"mask_token": "", "output_mode": "multi_hot"},
        {"output_mode": "multi_hot", "max_tokens": 9, "pad_to_max_tokens": True},
        {"output_mode": "tf_idf", "idf_weights": [0.25, 0.75, 0.6, 0.4]},
        {"output_mode": "tf_idf", "idf_weights": [0.25, 0.75, 0.6, 0.4], "num_oov_indices": 2, "mask_token": ""},
    ],
    ids=str,
)
def test_string_options(options: dict[str, Any]) -> None:
    same(lambda k: k.StringLookup(vocabulary=WORDS, **options), TOKENS, np.array([["", "q", "w", "e", "r", "a"]]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mask_token": "y"},
        {"max_tokens": 4},
        {"output_mode": "tf_idf"},
        {"output_mode": "tf_idf", "max_tokens": 4},
        {"output_mode": "tf_idf", "max_tokens": 20, "pad_to_max_tokens": True},
    ],
    ids=str,
)
def test_string_adapt(options: dict[str, Any]) -> None:
    same(lambda k: k.StringLookup(**options), SEEN, TOKENS, adapt=SEEN)


@pytest.mark.parametrize("mode", ["int", "tf_idf"])
def test_adapting_in_a_stream_is_adapting_at_once(mode: str) -> None:
    rows = np.random.default_rng(0).choice([f"w{i}" for i in range(90)], (200, 5))
    whole = layers.StringLookup(output_mode=mode)
    whole.adapt(rows)
    sources = {
        "list": rows.tolist(),
        "objects": rows.astype(object),
        "generator": (rows[i : i + 7] for i in range(0, 200, 7)),
        "DataLoader": torch.utils.data.DataLoader(rows.tolist(), batch_size=9, collate_fn=np.asarray),
        "tf.data": tf.data.Dataset.from_tensor_slices(rows).batch(13),
    }
    for name, data in sources.items():
        layer = layers.StringLookup(output_mode=mode)
        layer.adapt(data)
        assert layer.get_vocabulary() == whole.get_vocabulary(), name
        if mode == "tf_idf":
            np.testing.assert_allclose(layer.idf_weights, whole.idf_weights)
    layer.adapt(np.array(["new"]))
    assert layer.get_vocabulary() == ["[UNK]", "new"]
    steps = layers.StringLookup()
    steps.adapt((rows[i : i + 1] for i in range(200)), steps=1)
    assert set(steps.get_vocabulary(False)) == set(rows[0])


@pytest.mark.parametrize("vocabulary", [["", "[UNK]", "a"], ["[UNK]", "a"], ["a", "[UNK]", "b"]], ids=str)
def test_special_tokens_in_the_vocabulary(vocabulary: list[str]) -> None:
    same(lambda k: k.StringLookup(vocabulary=vocabulary, mask_token=""), np.array(["", "a", "[UNK]", "q"]))


def test_former_names_of_output_modes() -> None:
    same(lambda m: m.StringLookup(vocabulary=WORDS, output_mode="binary"), TOKENS)
    same(lambda m: m.IntegerLookup(vocabulary=[12, 36], output_mode="tf-idf", idf_weights=[0.5, 2.0]), NUMBERS)
    assert layers.StringLookup(output_mode="tf-idf").get_config()["output_mode"] == "tf_idf"
    made = [layers.TextVectorization(output_mode="binary"), layers.CategoryEncoding(3, output_mode="binary")]
    assert [layer.output_mode for layer in made] == ["multi_hot"] * 2


def test_set_vocabulary() -> None:
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.set_vocabulary(np.array(WORDS), [0.1, 0.2, 0.3, 0.4])
    others = reference.layers.StringLookup(output_mode="tf_idf")
    others.set_vocabulary(WORDS, [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(values(layer(TOKENS)), theirs(others(for_keras(TOKENS))), rtol=1e-6)
    assert layer.get_vocabulary(include_special_tokens=False) == WORDS
    layer = layers.StringLookup(vocabulary=tf.constant(WORDS))
    assert layer.get_vocabulary() == ["[UNK]", *WORDS]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"vocabulary": ["a", "a"]}, "twice"),
        ({"vocabulary": []}, "empty"),
        ({"vocabulary": ["a", "", "b"], "mask_token": ""}, "mask token"),
        ({"vocabulary": [1, 2]}, "strings"),
        ({"vocabulary": WORDS, "max_tokens": 3}, "max_tokens"),
        ({"vocabulary": WORDS, "output_mode": "tf_idf"}, "idf_weights"),
        ({"vocabulary": WORDS, "idf_weights": [1.0] * 4}, "tf_idf"),
        ({"vocabulary": WORDS, "output_mode": "tf_idf", "idf_weights": [1.0]}, "each of 4"),
        ({"invert": True, "output_mode": "one_hot"}, "invert"),
        ({"pad_to_max_tokens": True}, "max_tokens"),
        ({"output_mode": "hot"}, "output_mode"),
        ({"vocabulary": "/no/such/file"}, "doesn't exist"),
    ],
    ids=str,
)
def test_wrong_arguments(options: dict[str, Any], text: str) -> None:
    with pytest.raises((ValueError, TypeError), match=text) as caught:
        layers.StringLookup(**options)
    assert "StringLookup" in str(caught.value)


def test_errors_of_calls() -> None:
    with pytest.raises(Exception, match="no vocabulary yet"):
        layers.StringLookup()(TOKENS)
    with pytest.raises(ValueError, match=r"aren't in its vocabulary: \['z'\]"):
        layers.StringLookup(vocabulary=WORDS, num_oov_indices=0)(TOKENS)
    with pytest.raises(TypeError, match="looks up strings"):
        layers.StringLookup(vocabulary=WORDS)(NUMBERS)
    with pytest.raises(TypeError, match="StringLookup takes strings"):
        layers.IntegerLookup(vocabulary=[1])(TOKENS)
    with pytest.raises(ValueError, match="nothing to adapt"):
        layers.StringLookup(vocabulary=WORDS).adapt(TOKENS)


def test_invert() -> None:
    """Strings are tensors on TensorFlow, and arrays of objects elsewhere."""
    numbers = np.array([[0, 1, 2, 9, -1]])
    layer = layers.StringLookup(vocabulary=WORDS, invert=True, mask_token="", num_oov_indices=1)
    found = layer(numbers)
    assert values(found) == [["", "[UNK]", "a", "[UNK]", "[UNK]"]]
    assert tf.is_tensor(found) if BACKEND == "tensorflow" else found.dtype == object
    inputs = keras.Input((5,), dtype="int32")
    model = keras.Model(inputs, layer(inputs))
    assert model.output.dtype == "string"
    assert values(model.predict(numbers, verbose=0)) == values(found)
    assert values(layer(tf.constant(numbers))) == values(found)


def test_text_that_is_no_unicode() -> None:
    layer = layers.StringLookup()
    layer.adapt(np.array([b"\xff\xfe", b"\xc3\x9f"]))
    assert values(layer(np.array(["ß"]))).tolist() == [layer.get_vocabulary().index("ß")]
    assert values(layer(np.array([b"\xff\xfe"]))).tolist() != [0]


# ---- IntegerLookup ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_oov_indices": 2},
        {"num_oov_indices": 3, "oov_method": "farmhash"},
        {"num_oov_indices": 3, "oov_method": "farmhash", "salt": 5},
        {"mask_token": 0},
        {"output_mode": "multi_hot"},
        {"output_mode": "count", "num_oov_indices": 2},
    ],
    ids=str,
)
def test_integers(options: dict[str, Any]) -> None:
    same(lambda k: k.IntegerLookup(vocabulary=[12, 36, 1138, 42], **options), NUMBERS, np.array([[0, 1, 2, 3, -4, -5]]))


@pytest.mark.parametrize("options", [{}, {"mask_token": 0}, {"output_mode": "tf_idf"}], ids=str)
def test_integer_adapt(options: dict[str, Any]) -> None:
    seen = np.array([[1, 1, 2], [3, 3, 9], [10, 0, -1]])
    same(lambda k: k.IntegerLookup(**options), seen, adapt=seen)


def test_integers_of_64_bits() -> None:
    """Arrays are looked up in all their bits, also where the backend's integers have 32."""
    big = np.array([2**40, 2**40 + 2**32, 0])
    layer = layers.IntegerLookup(vocabulary=big[:2])
    assert values(layer(big)).tolist() == [1, 2, 0]
    with pytest.raises(ValueError, match="int64"):
        layers.IntegerLookup(vocabulary_dtype="int32")
    with pytest.raises(ValueError, match="farmhash"):
        layers.IntegerLookup(salt=3)


# ---- TextVectorization ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"standardize": None},
        {"standardize": "lower"},
        {"standardize": "strip_punctuation"},
        {"split": "character"},
        {"ngrams": 2},
        {"ngrams": (2, 3)},
        {"output_sequence_length": 3},
        {"output_mode": "multi_hot"},
        {"output_mode": "count", "ngrams": 2},
        {"output_mode": "tf_idf"},
        {"max_tokens": 4},
        {"max_tokens": 20, "pad_to_max_tokens": True, "output_mode": "count"},
    ],
    ids=str,
)
def test_text(options: dict[str, Any]) -> None:
    inputs = (TEXTS, TEXTS[:, None], np.array(["hello zzz", ""]), np.array("foo it's"))
    same(lambda k: k.TextVectorization(**options), *inputs, adapt=TEXTS)


def test_text_without_splitting() -> None:
    same(
        lambda k: k.TextVectorization(split=None), np.array([["a b", "c"], ["q", "c"]]), adapt=np.array([["a b", "c"]])
    )
    layer = layers.TextVectorization(split=None, output_mode="count", vocabulary=["a"])
    assert values(layer(np.array(["a", "b"]))).tolist() == [[0, 1], [1, 0]]


def test_functions_of_the_users() -> None:
    """They are given NumPy arrays of text, on every backend and in tf.data."""
    given = []

    def standardize(x: Any) -> Any:
        given.append(x)
        return np.char.upper(x)

    def split(x: Any) -> Any:
        given.append(x)
        return [v.split("-") for v in x]

    layer = layers.TextVectorization(standardize=standardize, split=split)
    layer.adapt(np.array(["a-b", "b"]))
    assert layer.get_vocabulary() == ["", "[UNK]", "B", "A"]
    assert values(layer(np.array(["b-a-c"]))).tolist() == [[2, 3, 1]]
    rows = [
        x.tolist() for x in tf.data.Dataset.from_tensor_slices(["b-a", "a"]).batch(2).map(layer).as_numpy_iterator()
    ]
    assert rows == [[[2, 3], [3, 0]]]
    assert all(isinstance(x, np.ndarray) and x.dtype.kind == "U" for x in given)
    layer = layers.TextVectorization(standardize=tf.strings.lower, split=tf.strings.split, vocabulary=["ab", "c"])
    assert values(layer(np.array(["AB c", "x"]))).tolist() == [[2, 3], [1, 0]]


def test_ragged() -> None:
    """Ragged rows where the backend has them, else an error that says so."""
    if "ragged" not in current().capabilities:
        with pytest.raises(CapabilityError, match="ragged"):
            layers.TextVectorization(ragged=True)
        return
    for options in ({}, {"output_sequence_length": 2}):
        ours = layers.TextVectorization(ragged=True, **options)
        others = reference.layers.TextVectorization(ragged=True, **options)
        ours.adapt(TEXTS)
        others.adapt(TEXTS)
        assert ours(TEXTS).to_list() == others(TEXTS).to_list()


def test_sparse_and_ragged_tokens() -> None:
    """Of the backend's own sparse and ragged tensors, what they store is looked up."""
    layer, vectors = layers.StringLookup(vocabulary=WORDS), layers.StringLookup(vocabulary=WORDS, output_mode="count")
    if "ragged" not in current().capabilities:
        with pytest.raises(CapabilityError, match="to_tensor"):
            layer(tf.ragged.constant([["a"], ["b", "z"]]))
        return
    rows = tf.ragged.constant([["a"], ["b", "z"]])
    assert layer(rows).to_list() == reference.layers.StringLookup(vocabulary=WORDS)(rows).to_list() == [[1], [2, 0]]
    sparse = tf.sparse.from_dense([["a", ""], ["b", "z"]])
    assert layer(sparse).values.numpy().tolist() == [1, 2, 0]
    assert layers.Hashing(5)(sparse).values.numpy().tolist() == layers.Hashing(5)(["a", "b", "z"]).numpy().tolist()
    with pytest.raises(CapabilityError, match="dense"):
        vectors(rows)


@pytest.mark.parametrize(
    "options",
    [
        {"standardize": "x"},
        {"split": "x"},
        {"output_mode": "one_hot"},
        {"output_sequence_length": 0},
        {"output_mode": "count", "output_sequence_length": 3},
        {"output_mode": "count", "ragged": True},
        {"ngrams": 0},
    ],
    ids=str,
)
def test_wrong_arguments_of_text(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="TextVectorization"):
        layers.TextVectorization(**options)


def test_wrong_texts() -> None:
    layer = layers.TextVectorization(vocabulary=["a"])
    with pytest.raises(ValueError, match=r"\(batch, 1\)"):
        layer(np.array([["a", "b"]]))
    with pytest.raises(TypeError, match="takes strings"):
        layer(np.array([1, 2]))


# ---- in models and pipelines ------------------------------------------------------------------------------------


def text_model() -> Any:
    keras.utils.set_random_seed(0)
    text = layers.TextVectorization(output_sequence_length=4)
    text.adapt(TEXTS)
    inputs = keras.Input((1,), dtype="string")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(12, 3)(text(inputs)))
    return keras.Model(inputs, layers.Dense(2)(x))


def test_models_take_strings() -> None:
    model, x = text_model(), TEXTS[:, None]
    expected = model.predict(x, verbose=0)
    assert expected.shape == (2, 2)
    np.testing.assert_allclose(ops.convert_to_numpy(model(x)), expected, rtol=1e-5, atol=1e-6)
    for same_texts in (TEXTS, x.astype(object), TEXTS.tolist(), tf.constant(x)):
        np.testing.assert_allclose(model.predict(same_texts, verbose=0), expected, rtol=1e-5, atol=1e-6)
    sequential = keras.Sequential([layers.StringLookup(vocabulary=["a"], output_mode="multi_hot"), layers.Dense(1)])
    assert sequential.predict(TOKENS, verbose=0).shape == (2, 1)


@pytest.mark.trains
def test_models_of_strings_train() -> None:
    model, x = text_model(), TEXTS[:, None]
    model.compile(keras.optimizers.Adam(0.1), "mse")
    losses = model.fit(x, np.array([[1.0, 0.0], [0.0, 1.0]], "float32"), epochs=15, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    dataset = tf.data.Dataset.from_tensor_slices((x, np.zeros((2, 2), "float32"))).batch(1)
    assert np.isfinite(model.evaluate(dataset, verbose=0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.StringLookup(vocabulary=["hello world", "x"]),
        lambda: layers.StringLookup(vocabulary=["hello world", "x"], output_mode="multi_hot"),
        lambda: layers.TextVectorization(vocabulary=["hello", "x"], output_sequence_length=3),
        lambda: layers.TextVectorization(vocabulary=["hello", "x"], output_mode="count"),
        lambda: layers.Hashing(9),
    ],
)
def test_strings_in_tf_data(make: Any) -> None:
    layer, x = make(), np.array([["hello world"], ["x"], ["x y"]])
    expected = values(layer(x))
    mapped = tf.data.Dataset.from_tensor_slices(x).batch(2).map(layer)
    assert mapped.element_spec.shape.as_list() == [None, *expected.shape[1:]]
    np.testing.assert_array_equal(np.concatenate([b.numpy() for b in mapped]), expected)
    loader = torch.utils.data.DataLoader(x.tolist(), batch_size=2, collate_fn=lambda rows: values(layer(rows)))
    np.testing.assert_array_equal(np.concatenate(list(loader)), expected)


ALONE = """
import sys
for name in BLOCKED:
    sys.modules[name] = None
import numpy as np
import kerasfront as keras
layers = keras.layers
lookup = layers.StringLookup()
lookup.adapt(["b", "a", "b"])
assert lookup.get_vocabulary() == ["[UNK]", "b", "a"]
text = layers.TextVectorization(output_mode="tf_idf")
text.adapt(["a b", "b c"])
assert keras.ops.convert_to_numpy(text(["a b"])).shape == (1, 4)
assert keras.ops.convert_to_numpy(layers.Hashing(3)(["A", "B"])).tolist() == [1, 0]
inverse = layers.StringLookup(vocabulary=["a"], invert=True)
assert list(inverse(np.array([1, 0])))[0] in ("a", b"a")
inputs = keras.Input((1,), dtype="string")
assert keras.Model(inputs, lookup(inputs)).predict(np.array([["a"], ["z"]]), verbose=0).tolist() == [[2], [0]]
"""


def test_no_other_framework_is_needed() -> None:
    blocked = [name for name in ("tensorflow", "torch", "jax", "keras") if name != BACKEND]
    run = subprocess.run(
        [sys.executable, "-c", f"BLOCKED = {blocked}\n{ALONE}"], capture_output=True, text=True, env=dict(os.environ)
    )
    assert run.returncode == 0, run.stderr


# ---- files ------------------------------------------------------------------------------------------------------

FILES = [
    (lambda k: k.StringLookup(vocabulary=["a", "b"], num_oov_indices=2), None, TOKENS),
    (lambda k: k.StringLookup(mask_token=""), TOKENS, TOKENS),
    (lambda k: k.StringLookup(vocabulary=["a", "b"], idf_weights=[0.1, 0.2], output_mode="tf_idf"), None, TOKENS),
    (lambda k: k.StringLookup(output_mode="tf_idf"), TOKENS, TOKENS),
    (lambda k: k.TextVectorization(output_sequence_length=4), TEXTS, TEXTS[:, None]),
    (lambda k: k.TextVectorization(output_mode="count", ngrams=2), TEXTS, TEXTS[:, None]),
    (lambda k: k.TextVectorization(output_mode="tf_idf"), TEXTS, TEXTS[:, None]),
    (lambda k: k.TextVectorization(vocabulary=["foo", "hello"]), None, TEXTS[:, None]),
]


@pytest.mark.wide
@pytest.mark.parametrize("ours_first", [True, False], ids=["to Keras", "from Keras"])
@pytest.mark.parametrize(("make", "data", "x"), FILES)
def test_files_exchange_with_keras(make: Any, data: Any, x: Any, ours_first: bool, tmp_path: Path) -> None:
    writer, reader = (keras, reference) if ours_first else (reference, keras)
    layer = make(writer.layers)
    if data is not None:
        layer.adapt(data)
    path = tmp_path / "model.keras"
    writer.Sequential([writer.Input(x.shape[1:], dtype="string"), layer]).save(path)
    loaded = reader.saving.load_model(path).layers[-1]
    assert list(loaded.get_vocabulary()) == list(layer.get_vocabulary())
    a, b = (layer, loaded) if ours_first else (loaded, layer)
    np.testing.assert_allclose(values(a(x)), theirs(b(for_keras(x))), rtol=1e-6)


def test_a_learnt_vocabulary_is_an_asset(tmp_path: Path) -> None:
    layer = layers.StringLookup(mask_token="")
    layer.adapt(TOKENS)
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((3,), dtype="string"), layer]).save(path)
    with zipfile.ZipFile(path) as archive:
        text = archive.read("assets/layers/string_lookup/vocabulary.txt").decode()
        assert json.loads(archive.read("config.json"))["config"]["layers"][1]["config"]["vocabulary"] is None
    assert text.split("\n") == layer.get_vocabulary()


@pytest.mark.wide
@pytest.mark.parametrize(
    ("make", "data", "x"),
    [
        (lambda: layers.StringLookup(output_mode="one_hot"), np.array(["b", "a", "b"]), np.array([["a"], ["z"]])),
        (lambda: layers.IntegerLookup(num_oov_indices=2), np.array([7, 5, 7]), np.array([[5], [9]])),
        (lambda: layers.IntegerLookup(output_mode="tf_idf"), np.array([[7], [5], [7]]), np.array([[5], [9]])),
        (lambda: layers.TextVectorization(), np.array(["a b", "a"]), np.array([["a b"], ["b z"]])),
        (lambda: layers.TextVectorization(output_mode="tf_idf"), np.array(["a b", "a"]), np.array([["a b"], ["z"]])),
        (lambda: layers.Discretization(num_bins=3), np.float32([[1], [2], [6]]), np.float32([[1.5], [9.0]])),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["sequential", "functional", "nested"])
def test_clones_know_what_was_learnt(make: Any, data: Any, x: Any, kind: str) -> None:
    layer = make()
    layer.adapt(data)
    inputs = keras.Input((1,), dtype="string" if x.dtype.kind == "U" else x.dtype.name)
    model = keras.Sequential([inputs, layer]) if kind == "sequential" else keras.Model(inputs, layer(inputs))
    if kind == "nested":
        model = keras.Sequential([inputs, model])
    clone = keras.models.clone_model(model)
    np.testing.assert_array_equal(values(clone(x)), values(layer(x)))
    copy = clone.layers[-1].layers[-1] if kind == "nested" else clone.layers[-1]
    assert copy is not layer
    copy.adapt(data[:1])  # it can learn anew, and the first one doesn't
    assert not np.array_equal(values(copy(x)), values(layer(x)))


@pytest.mark.parametrize("kind", ["StringLookup", "TextVectorization"])
def test_a_vocabulary_from_a_file(kind: str, tmp_path: Path) -> None:
    """It is read once, where the layer is made; a saved model holds it itself."""
    words = tmp_path / "words.txt"
    words.write_text("foo\nhello\n")
    layer = getattr(layers, kind)(vocabulary=str(words))
    model = keras.Sequential([keras.Input((1,), dtype="string"), layer])
    model.save(tmp_path / "model.keras")
    words.unlink()
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].get_vocabulary()[-2:] == ["foo", "hello"]
    assert str(words) not in zipfile.ZipFile(tmp_path / "model.keras").read("config.json").decode()


@pytest.mark.parametrize("kind", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_no_config_opens_a_file(kind: str, tmp_path: Path) -> None:
    """CVE-2025-12058: a path or a URL in a file or config is refused at every entrance, unless the caller trusts it."""
    words = tmp_path / "words.txt"
    words.write_text("7\n8\n")
    dtype = "int64" if kind == "IntegerLookup" else "string"
    layer = getattr(layers, kind)(vocabulary=[7, 8] if dtype == "int64" else ["7", "8"])
    model = keras.Sequential([keras.Input((1,), dtype=dtype), layer])
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for place in (str(words), "https://example.com/words.txt"):
        config = json.loads(parts["config.json"])
        inner = config["config"]["layers"][1]
        inner["config"]["vocabulary"] = place
        hostile = tmp_path / "hostile.keras"
        with zipfile.ZipFile(hostile, "w") as archive:
            for name, content in {**parts, "config.json": json.dumps(config).encode()}.items():
                archive.writestr(name, content)
        for entrance in (
            lambda p=hostile: keras.saving.load_model(p),
            lambda c=config: keras.models.model_from_json(json.dumps(c)),
            lambda i=inner: layers.deserialize(i),
            lambda i=inner: getattr(layers, kind).from_config(dict(i["config"])),
        ):
            with pytest.raises(SavingError, match="names a file"):
                entrance()
    config["config"]["layers"][1]["config"]["vocabulary"] = str(words)
    trusted = keras.models.model_from_json(json.dumps(config), safe_mode=False)
    assert [str(t) for t in trusted.layers[-1].get_vocabulary()[-2:]] == ["7", "8"]
