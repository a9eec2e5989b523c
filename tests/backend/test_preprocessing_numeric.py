"""Layers that prepare numbers: values, adapting in a stream, pipelines of every framework on every backend."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch  # before TensorFlow, on every backend

import keras as reference  # isort: skip
import tensorflow as tf  # isort: skip
from sklearn.preprocessing import StandardScaler

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.contract import current
from kerasfront.errors import CapabilityError

RNG = np.random.default_rng(0)
TABLE = RNG.normal([5.0, -3.0, 1000.0], [2.0, 0.1, 30.0], (500, 3)).astype("float32")
INTEGERS = RNG.integers(-(2**40), 2**40, (4, 50))


def values(x: Any) -> Any:
    return ops.convert_to_numpy(x)


def theirs(x: Any) -> Any:
    return reference.ops.convert_to_numpy(x)


class Rows(keras.utils.PyDataset):
    """TABLE in batches of 70 rows."""

    def __len__(self) -> int:
        return -(-len(TABLE) // 70)

    def __getitem__(self, index: int) -> Any:
        return TABLE[index * 70 : (index + 1) * 70]


SOURCES = {
    "array": lambda: TABLE,
    "list": lambda: TABLE.tolist(),
    "tensor": lambda: ops.convert_to_tensor(TABLE),
    "generator": lambda: (TABLE[i : i + 7] for i in range(0, len(TABLE), 7)),
    "PyDataset": lambda: Rows(),
    "DataLoader": lambda: torch.utils.data.DataLoader(TABLE, batch_size=33),
    "tf.data": lambda: tf.data.Dataset.from_tensor_slices(TABLE).batch(64),
}
sources = pytest.mark.parametrize("source", SOURCES)


# ---- Normalization ----------------------------------------------------------------------------------------------


@sources
def test_normalization_adapts_to(source: str) -> None:
    layer = layers.Normalization()
    layer.adapt(SOURCES[source]())
    np.testing.assert_allclose(values(layer(TABLE)), StandardScaler().fit_transform(TABLE.astype("float64")), atol=2e-4)
    np.testing.assert_allclose(values(layer.mean), TABLE.mean(0, keepdims=True, dtype="float64"), rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"axis": None}, {"axis": (1, 2)}, {"axis": 1}, {"invert": True}], ids=str)
def test_normalization_is_keras(options: dict[str, Any]) -> None:
    data = RNG.normal(5, 3, (10, 3, 4)).astype("float32")
    ours, others = layers.Normalization(**options), reference.layers.Normalization(**options)
    ours.adapt(data)
    others.adapt(data)
    x = RNG.normal(size=(2, 3, 4)).astype("float32")
    np.testing.assert_allclose(values(ours(x)), theirs(others(x)), rtol=1e-5, atol=1e-5)
    assert ours.get_config()["axis"] == (list(others.get_config()["axis"]) or None)
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in others.weights]


def test_normalization_of_data_far_from_zero() -> None:
    """Batch by batch the variance loses no digits: the sum of squares would lose all of them."""
    data = 1e6 + RNG.normal(size=(1000, 1))
    layer = layers.Normalization(dtype="float64")
    layer.adapt(data[i : i + 10] for i in range(0, 1000, 10))
    np.testing.assert_allclose(values(layer.variance), data.var(0, keepdims=True), rtol=1e-6)


def test_normalization_in_half_precision_keeps_digits() -> None:
    layer = layers.Normalization(mean=[1000.0], variance=[0.01], dtype="mixed_float16")
    y = layer(np.array([[1000.1]], "float32"))
    assert ops.dtype(y) == "float16"
    np.testing.assert_allclose(values(y), [[1.0]], rtol=2e-3)


def test_normalization_arguments() -> None:
    with pytest.raises(ValueError, match="both `mean` and `variance`"):
        layers.Normalization(mean=1.0)
    with pytest.raises(ValueError, match="nothing to adapt"):
        layers.Normalization(mean=1.0, variance=2.0).adapt(TABLE)
    with pytest.raises(ValueError, match="sizes of the axes"):
        layers.Normalization(axis=1).build((2, None, 3))
    layer = layers.Normalization()
    layer.adapt(TABLE)
    layer.adapt(TABLE * 2)
    np.testing.assert_allclose(values(layer.mean)[0], TABLE.mean(0) * 2, rtol=1e-4)


# ---- streams ----------------------------------------------------------------------------------------------------


def batches(count: int, alive: list[Any]) -> Iterator[Any]:
    """Batches of which no more than two may be alive at a time."""
    draws = np.random.default_rng(1)
    for _ in range(count):
        assert sum(ref() is not None for ref in alive) <= 2
        batch = draws.integers(0, 50, (64, 3)).astype("float32")
        alive.append(weakref.ref(batch))
        yield batch


@pytest.mark.parametrize(
    "make", [layers.Normalization, lambda: layers.Discretization(num_bins=5), layers.IntegerLookup]
)
def test_adapt_holds_no_data(make: Any) -> None:
    alive: list[Any] = []
    layer, whole = make(), make()
    layer.adapt(batches(40, alive))
    assert len(alive) == 40
    whole.adapt(np.concatenate(list(batches_of(40))))
    x = np.arange(9, dtype="float32").reshape(3, 3)
    np.testing.assert_allclose(values(layer(x)), values(whole(x)), rtol=1e-6)


def batches_of(count: int) -> Iterator[Any]:
    draws = np.random.default_rng(1)
    return (draws.integers(0, 50, (64, 3)).astype("float32") for _ in range(count))


@pytest.mark.parametrize("data", [[], iter(())])
def test_adapt_to_nothing(data: Any) -> None:
    with pytest.raises(ValueError, match=r"no data|no batch|empty") as caught:
        layers.Normalization().adapt(data)
    assert "adapt" in str(caught.value)


def test_adapt_wants_one_array() -> None:
    pairs = tf.data.Dataset.from_tensor_slices((TABLE, TABLE)).batch(8)
    with pytest.raises(ValueError, match="one array"):
        layers.Normalization().adapt(pairs)


# ---- Discretization ---------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(5,), (5, 1), (2, 3)], ids=str)
def test_discretization_is_keras(mode: str, shape: tuple[int, ...]) -> None:
    x = RNG.normal(1, 2, shape).astype("float32")
    options = {"bin_boundaries": [0.0, 1.0, 2.0], "output_mode": mode}
    ours, others = layers.Discretization(**options)(x), reference.layers.Discretization(**options)(x)
    np.testing.assert_array_equal(values(ours), theirs(others))
    assert ops.dtype(ours) == ("int32" if mode == "int" else "float32")


def test_discretization_edges() -> None:
    layer = layers.Discretization(bin_boundaries=[0.0, 1.0])
    x = np.array([-np.inf, -1e-30, 0.0, 1.0, np.inf, np.nan], "float32")
    np.testing.assert_array_equal(values(layer(x)), [0, 0, 1, 2, 2, 2])
    np.testing.assert_array_equal(values(layer(np.array([-1, 0, 5]))), [0, 1, 2])


@pytest.mark.parametrize(("count", "bins"), [(10, 4), (100, 4), (7, 3), (1000, 10)])
def test_discretization_adapts_as_keras(count: int, bins: int) -> None:
    data = RNG.permutation(np.arange(float(count)))
    ours, others = layers.Discretization(num_bins=bins), reference.layers.Discretization(num_bins=bins)
    ours.adapt(data)
    others.adapt(data)
    # Keras's sketch has rounding errors of its own.
    np.testing.assert_allclose(ours.bin_boundaries, others.bin_boundaries, atol=2e-3)


def test_discretization_of_a_long_stream() -> None:
    data = np.random.default_rng(2).normal(size=400_000)
    whole, stream = layers.Discretization(num_bins=20), layers.Discretization(num_bins=20)
    whole.adapt(data)
    stream.adapt(data[i : i + 777] for i in range(0, len(data), 777))
    assert stream.bin_boundaries == whole.bin_boundaries
    ranks = np.searchsorted(np.sort(data), whole.bin_boundaries) / len(data)
    np.testing.assert_allclose(ranks, np.arange(1, 20) / 20, atol=1e-3)
    again = layers.Discretization.from_config(whole.get_config())
    assert again.bin_boundaries == whole.bin_boundaries


def test_discretization_arguments() -> None:
    with pytest.raises(ValueError, match="one of `bin_boundaries` and `num_bins`"):
        layers.Discretization()
    with pytest.raises(ValueError, match="one of `bin_boundaries` and `num_bins`"):
        layers.Discretization(bin_boundaries=[1.0], num_bins=2)
    with pytest.raises(ValueError, match="ascend"):
        layers.Discretization(bin_boundaries=[1.0, 0.0])
    with pytest.raises(Exception, match="no boundaries yet"):
        layers.Discretization(num_bins=2)(TABLE)
    with pytest.raises(ValueError, match="nothing to adapt"):
        layers.Discretization(bin_boundaries=[1.0]).adapt(TABLE)


# ---- CategoryEncoding -------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(3,), (3, 1), (2, 3), (2, 2, 3)], ids=str)
def test_category_encoding(mode: str, shape: tuple[int, ...]) -> None:
    x = RNG.integers(0, 5, shape)
    y = values(layers.CategoryEncoding(5, output_mode=mode)(x))
    hot = np.eye(5, dtype="float32")[x]
    if mode == "one_hot":
        expected = hot[..., 0, :] if shape[-1] == 1 else hot
    else:
        expected = hot.sum(-2) if mode == "count" else hot.max(-2)
    np.testing.assert_array_equal(y, expected)
    if len(shape) < 3 or mode == "one_hot":  # of more axes Keras joins the second, against its documentation
        np.testing.assert_array_equal(y, theirs(reference.layers.CategoryEncoding(5, output_mode=mode)(x)))


def test_category_encoding_of_what_is_no_class() -> None:
    y = layers.CategoryEncoding(3, output_mode="count")(np.array([[-1, 0, 3, 2, 2]]))
    np.testing.assert_array_equal(values(y), [[1, 0, 2]])


def test_count_weights() -> None:
    layer = layers.CategoryEncoding(4, output_mode="count")
    x, weights = np.array([[1, 1], [2, 3]]), np.array([[0.1, 0.2], [0.3, 0.4]], "float32")
    expected = theirs(reference.layers.CategoryEncoding(4, output_mode="count")(x, count_weights=weights))
    np.testing.assert_allclose(values(layer(x, count_weights=weights)), expected, rtol=1e-6)
    inputs, given = keras.Input((2,), dtype="int32"), keras.Input((2,))
    model = keras.Model([inputs, given], layer(inputs, count_weights=given))
    np.testing.assert_allclose(model.predict([x, weights], verbose=0), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="output_mode='count'"):
        layers.CategoryEncoding(4)(x, count_weights=weights)
    with pytest.raises(ValueError, match="num_tokens"):
        layers.CategoryEncoding()


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_sparse_output(mode: str) -> None:
    """A sparse tensor where the backend has them, else an error that says so."""
    layer = layers.CategoryEncoding(4, output_mode=mode, sparse=True)
    x = np.array([[1, 1], [2, 3]])
    if "sparse" not in current().capabilities:
        with pytest.raises(CapabilityError, match="sparse"):
            layer(x)
        return
    y = layer(x)
    assert type(y) in current().composites
    np.testing.assert_array_equal(
        values(y), theirs(reference.layers.CategoryEncoding(4, output_mode=mode)(x)).astype("float32")
    )


# ---- hashes -----------------------------------------------------------------------------------------------------

BYTES = [bytes(RNG.integers(0, 256, n, dtype="uint8")) for n in (*range(140), 255, 256, 1000)]
MANY = 2**40


def hashed(layer: Any, x: Any) -> Any:
    """The bins in all their bits: JAX may have 32 of them only."""
    return layer._kf_bins(*x) if isinstance(x, tuple) else layer._kf_bins(x)


def test_hashes_are_tensorflows() -> None:
    strings = np.array(BYTES, object)
    bins = hashed(layers.Hashing(MANY), strings)
    np.testing.assert_array_equal(bins, tf.strings.to_hash_bucket_fast(strings, MANY).numpy())
    bins = hashed(layers.Hashing(MANY, salt=[7, 2**33]), strings)
    np.testing.assert_array_equal(bins, tf.strings.to_hash_bucket_strong(strings, MANY, [7, 2**33]).numpy())
    digits = tf.strings.as_string(INTEGERS)
    np.testing.assert_array_equal(
        hashed(layers.Hashing(MANY), INTEGERS), tf.strings.to_hash_bucket_fast(digits, MANY).numpy()
    )


def test_crossings_are_tensorflows() -> None:
    strings, integers = np.array(BYTES, object)[1:, None], INTEGERS.ravel()[: len(BYTES) - 1, None]
    columns = [tf.sparse.from_dense(strings), tf.sparse.from_dense(integers), tf.sparse.from_dense(integers[::-1])]
    expected = tf.sparse.to_dense(tf.sparse.cross_hashed(columns, MANY)).numpy()
    bins = hashed(layers.HashedCrossing(MANY), (strings, integers, integers[::-1]))
    np.testing.assert_array_equal(bins, expected)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"salt": 133},
        {"salt": [133, 137]},
        {"mask_value": "a"},
        {"output_mode": "one_hot"},
        {"output_mode": "count"},
    ],
    ids=str,
)
def test_hashing_is_keras(options: dict[str, Any]) -> None:
    x = np.array([["a", "c", "d"], ["d", "zebra", "ß"]])
    # Keras takes strings as TensorFlow's on every backend.
    ours, others = layers.Hashing(7, **options)(x), reference.layers.Hashing(7, **options)(tf.constant(x))
    np.testing.assert_array_equal(values(ours), np.asarray(others) if tf.is_tensor(others) else theirs(others))
    if "mask_value" not in options:
        x = RNG.integers(-50, 50, (3, 4))
        np.testing.assert_array_equal(
            values(layers.Hashing(7, **options)(x)), theirs(reference.layers.Hashing(7, **options)(x))
        )


def test_hashing_arguments() -> None:
    for wrong in ({"num_bins": 0}, {"num_bins": 3, "salt": "a"}, {"num_bins": 1, "mask_value": 2}):
        with pytest.raises(ValueError, match="Hashing"):
            layers.Hashing(**wrong)
    cross = layers.HashedCrossing(5)
    for bad in ((np.array(["a"]),), (np.ones((2, 2), int),) * 2, (np.ones(2, int), np.ones(3, int)), (np.ones(2),) * 2):
        with pytest.raises((ValueError, TypeError), match="hashed_crossing"):
            cross(bad)


# ---- in models and pipelines ------------------------------------------------------------------------------------


def pipeline_layers() -> dict[str, Any]:
    normalization = layers.Normalization()
    normalization.adapt(TABLE)
    return {
        "Rescaling": layers.Rescaling(0.5, 1.0),
        "Normalization": normalization,
        "Discretization": layers.Discretization(bin_boundaries=[0.0, 5.0], output_mode="multi_hot"),
        "CategoryEncoding": layers.CategoryEncoding(8, output_mode="count"),
        "Hashing": layers.Hashing(5),
        "IntegerLookup": layers.IntegerLookup(vocabulary=[3, 5], output_mode="count"),
    }


NAMES = list(pipeline_layers())
COUNTED = np.abs(TABLE).astype("int32") % 8


def data_for(name: str) -> Any:
    return COUNTED if name in ("CategoryEncoding", "Hashing", "IntegerLookup") else TABLE


@pytest.mark.wide
@pytest.mark.parametrize("name", NAMES)
def test_in_tf_data(name: str) -> None:
    """The same values, with static shapes, whatever the backend; single examples too."""
    layer, x = pipeline_layers()[name], data_for(name)
    dataset = tf.data.Dataset.from_tensor_slices(x)
    expected = values(layer(x))
    mapped = dataset.batch(100).map(layer, num_parallel_calls=2)
    assert mapped.element_spec.shape.as_list() == [None, *expected.shape[1:]]
    np.testing.assert_allclose(np.concatenate([b.numpy() for b in mapped]), expected, rtol=1e-5, atol=1e-5)
    if name != "Normalization":  # it was built for rows
        singles = dataset.take(5).map(lambda row: layer(row))
        np.testing.assert_allclose(np.stack([b.numpy() for b in singles]), expected[:5], rtol=1e-5, atol=1e-5)


@pytest.mark.wide
@pytest.mark.parametrize("name", NAMES)
def test_in_a_data_loader(name: str) -> None:
    layer, x = pipeline_layers()[name], data_for(name)
    expected = values(layer(x))
    loader = torch.utils.data.DataLoader(x, batch_size=100, collate_fn=lambda rows: values(layer(np.stack(rows))))
    np.testing.assert_allclose(np.concatenate(list(loader)), expected, rtol=1e-5, atol=1e-5)
    loader = torch.utils.data.DataLoader(torch.from_numpy(x), batch_size=100)
    found = [layer(batch) for batch in loader]
    assert all(isinstance(b, torch.Tensor) for b in found)
    np.testing.assert_allclose(np.concatenate([b.cpu().numpy() for b in found]), expected, rtol=1e-5, atol=1e-5)


def test_tensors_of_other_frameworks_come_back_as_theirs() -> None:
    layer = layers.Rescaling(2.0)
    for x in (tf.constant(TABLE), torch.from_numpy(TABLE)):
        y = layer(x)
        assert type(y) is type(x)
        np.testing.assert_allclose(y.numpy(), TABLE * 2)
    half = layer(torch.ones((2, 2), dtype=torch.bfloat16))
    assert half.dtype == torch.float32
    np.testing.assert_allclose(half.cpu().numpy(), 2.0)
    sparse = tf.sparse.from_dense(COUNTED[:4])
    if "sparse" not in current().capabilities:
        np.testing.assert_allclose(layer(sparse).numpy(), COUNTED[:4] * 2.0)


def test_in_a_worker_it_computes_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that a DataLoader forked has no use of the accelerator."""
    seen = []
    adapter, scope = current(), current().device_scope

    def recorded(name: str) -> Any:
        seen.append(name)
        return scope(name)

    monkeypatch.setattr(adapter, "device_scope", recorded)
    layer = layers.Rescaling(2.0)
    layer(TABLE)
    assert seen == []
    monkeypatch.setattr("kerasfront.layers.data_layer._Process.child", True)  # as in a process that was forked
    monkeypatch.setattr(torch.utils.data, "get_worker_info", lambda: SimpleNamespace(seed=1))
    np.testing.assert_allclose(values(layer(TABLE)), TABLE * 2)
    assert seen == ["cpu:0"]


@pytest.mark.wide
@pytest.mark.parametrize("name", NAMES)
def test_in_a_model(name: str, tmp_path: Any) -> None:
    layer, x = pipeline_layers()[name], data_for(name)
    inputs = keras.Input((3,), dtype=str(x.dtype))
    model = keras.Model(inputs, layer(inputs))
    expected = values(layer(x))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.wide
@pytest.mark.parametrize("ours_first", [True, False], ids=["to Keras", "from Keras"])
@pytest.mark.parametrize(
    ("make", "data"),
    [
        (lambda k: k.Normalization(), TABLE),
        (lambda k: k.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 2.0]), None),
        (lambda k: k.Discretization(num_bins=4, output_mode="one_hot"), TABLE),
        (lambda k: k.Discretization(bin_boundaries=[0.0, 1.0]), None),
        (lambda k: k.CategoryEncoding(8, output_mode="count"), None),
        (lambda k: k.Hashing(5, salt=3), None),
        (lambda k: k.IntegerLookup(mask_token=0, output_mode="multi_hot"), COUNTED),
        (lambda k: k.IntegerLookup(output_mode="tf_idf"), COUNTED),
        (lambda k: k.Rescaling(0.5, 1.0), None),
    ],
)
def test_files_exchange_with_keras(make: Any, data: Any, ours_first: bool, tmp_path: Any) -> None:
    writer, reader = (keras, reference) if ours_first else (reference, keras)
    layer = make(writer.layers)
    if data is not None:
        layer.adapt(data)
    integers = type(layer).__name__ in ("CategoryEncoding", "Hashing", "IntegerLookup")
    x = COUNTED[:20] if integers else TABLE[:20]
    model = writer.Sequential([writer.Input((3,), dtype=str(x.dtype)), layer])
    model.save(tmp_path / "model.keras")
    loaded = reader.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)
