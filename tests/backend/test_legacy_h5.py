"""Whole models in the HDF5 format of Keras 2: ours in Keras, Keras's here, and files that mean harm."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import h5py
import keras as reference
import numpy as np
import pytest

import kerasfront as keras
from kerasfront import ops
from kerasfront.errors import SavingError

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(6, 4)).astype("float32")
Y = GENERATOR.normal(size=(6, 2)).astype("float32")


def sequential(k: Any) -> Any:
    return k.Sequential([k.Input((4,)), k.layers.Dense(3, "relu"), k.layers.BatchNormalization(), k.layers.Dense(2)])


def functional(k: Any) -> Any:
    """With a model inside, a shared layer, and a dropout, whose seed is no weight."""
    x = k.Input((4,), name="x")
    shared = k.layers.Dense(4, name="shared")
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(3), k.layers.BatchNormalization()], name="inner")
    return k.Model(x, k.layers.Dense(2, name="out")(inner(k.layers.Dropout(0.2)(shared(shared(x))))), name="net")


def recurrent(k: Any) -> Any:
    layer = k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True))
    return k.Sequential([k.Input((4,)), k.layers.Reshape((4, 1)), layer, k.layers.GRU(2)])


MODELS = [sequential, functional, recurrent]


def shaken(model: Any) -> Any:
    model.set_weights([GENERATOR.uniform(0.2, 1.0, np.shape(w)).astype("float32") for w in model.get_weights()])
    return model


def predicted(model: Any) -> Any:
    return np.asarray(model.predict(X, verbose=0))


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("name", ["m.h5", "m.hdf5"])
def test_round_trip(make: Any, name: str, tmp_path: Path) -> None:
    model = shaken(make(keras))
    model.save(tmp_path / name)
    assert os.listdir(tmp_path) == [name]
    np.testing.assert_allclose(predicted(keras.saving.load_model(tmp_path / name)), predicted(model), rtol=1e-6)
    other = make(keras)
    assert not other.load_weights(tmp_path / name)
    np.testing.assert_allclose(predicted(other), predicted(model), rtol=1e-6)


@pytest.mark.parametrize("make", MODELS)
def test_keras_reads_ours(make: Any, tmp_path: Path) -> None:
    model = shaken(make(keras))
    model.save(tmp_path / "m.h5")
    read = reference.saving.load_model(tmp_path / "m.h5")
    np.testing.assert_allclose(predicted(read), predicted(model), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", MODELS)
def test_we_read_those_of_keras(make: Any, tmp_path: Path) -> None:
    model = shaken(make(reference))
    model.save(tmp_path / "m.h5")
    read = keras.saving.load_model(tmp_path / "m.h5")
    np.testing.assert_allclose(predicted(read), predicted(model), rtol=1e-4, atol=1e-5)
    other = make(keras)
    other.load_weights(tmp_path / "m.h5")
    np.testing.assert_allclose(predicted(other), predicted(model), rtol=1e-4, atol=1e-5)


@pytest.mark.trains
def test_training_goes_on(tmp_path: Path) -> None:
    """With the optimizer's state, as after a `.keras` file."""
    keras.utils.set_random_seed(1)
    model = sequential(keras)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse", metrics=["mae"])
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.h5")
    again = keras.saving.load_model(tmp_path / "m.h5")
    assert again.optimizer.get_config() == model.optimizer.get_config()
    for ours, theirs in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert set(again.evaluate(X, Y, verbose=0, return_dict=True)) == {"loss", "mae"}
    assert keras.saving.load_model(tmp_path / "m.h5", compile=False).compiled is False
    read = reference.saving.load_model(tmp_path / "m.h5")
    assert type(read.optimizer).__name__ == "SGD" and read.optimizer.momentum == 0.9


@pytest.mark.trains
def test_a_compiled_model_of_keras(tmp_path: Path) -> None:
    model = sequential(reference)
    model.compile(reference.optimizers.Adam(0.01), reference.losses.Huber(), metrics=["mae"])
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.h5")
    read = keras.saving.load_model(tmp_path / "m.h5")
    state = [np.asarray(reference.ops.convert_to_numpy(v)) for v in model.optimizer.variables]
    assert len(state) == len(read.optimizer.variables)
    for ours, theirs in zip(read.optimizer.variables, state, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-6)


@pytest.mark.trains
def test_checkpoints(tmp_path: Path) -> None:
    model = sequential(keras)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0, callbacks=[keras.callbacks.ModelCheckpoint(tmp_path / "x.h5")])
    np.testing.assert_allclose(predicted(keras.saving.load_model(tmp_path / "x.h5")), predicted(model), rtol=1e-6)


@keras.saving.register_keras_serializable("tests_of_h5")
class Doubled(keras.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return 2 * inputs


def test_classes_of_a_user(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), Doubled(), keras.layers.Dense(2)])
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:  # as Keras writes it: the names joined, no module
        config = json.loads(file.attrs["model_config"])
        layer = config["config"]["layers"][1]
        layer["class_name"] = layer.pop("registered_name")
        del layer["module"]
        file.attrs["model_config"] = json.dumps(config)
    np.testing.assert_allclose(predicted(keras.saving.load_model(tmp_path / "m.h5")), predicted(model), rtol=1e-6)


def test_many_names(tmp_path: Path) -> None:
    """More than an attribute of HDF5 holds; Keras reads it too."""
    name = "a_layer_whose_name_is_rather_long_" * 3
    model = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(4, name=f"{name}{n}") for n in range(700))])
    model.save(tmp_path / "m.h5")
    other = keras.saving.load_model(tmp_path / "m.h5")
    np.testing.assert_array_equal(other.get_weights()[-2], model.get_weights()[-2])
    with h5py.File(tmp_path / "m.h5") as file:
        assert "layer_names" not in file["model_weights"].attrs and "layer_names1" in file["model_weights"].attrs


# ---- what can't be saved or loaded ---------------------------------------------------------------------------------


class Own(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


def test_what_the_format_cannot_hold(tmp_path: Path) -> None:
    model = Own()
    model(X)
    with pytest.raises(SavingError, match=r"(?s)Only Sequential and functional models.*model\.keras"):
        model.save(tmp_path / "m.h5")
    words = keras.layers.StringLookup(vocabulary=["a", "b"])
    with pytest.raises(SavingError, match="assets"):
        keras.Sequential([keras.Input((1,), dtype="string"), words]).save(tmp_path / "m.h5")
    assert not os.listdir(tmp_path)


def saved(tmp_path: Path) -> Path:
    model = sequential(keras)
    model.compile("sgd", "mse")
    model.save(tmp_path / "m.h5")
    return tmp_path / "m.h5"


def no_config(file: Any) -> None:
    del file.attrs["model_config"]


def numbers_as_config(file: Any) -> None:
    file.attrs["model_config"] = np.arange(4)


def several_configs(file: Any) -> None:
    file.attrs["model_config"] = [b"{}", b"{}"]


def no_json(file: Any) -> None:
    file.attrs["model_config"] = "{"


def strange_training_config(file: Any) -> None:
    file.attrs["training_config"] = "[1]"


def numbers_as_names(file: Any) -> None:
    file["model_weights"].attrs["layer_names"] = np.arange(3)


def strange_names(file: Any) -> None:
    file["model_weights"].attrs["layer_names"] = [b"nowhere", b"\xff\xfe"]


def leaving_the_group(file: Any) -> None:
    group = next(g for g in file["model_weights"].values() if len(g.attrs.get("weight_names", ())) == 2)
    group.attrs["weight_names"] = [b"../../optimizer_weights/sgd/iteration", b"/etc/passwd"]


def too_few(file: Any) -> None:
    group = next(g for g in file["model_weights"].values() if len(g.attrs.get("weight_names", ())) == 2)
    group.attrs["weight_names"] = group.attrs["weight_names"][:1]


def another_shape(file: Any) -> None:
    found: list[str] = []
    file["model_weights"].visititems(lambda n, o: found.append(n) if isinstance(o, h5py.Dataset) else None)
    del file["model_weights"][found[0]]
    file["model_weights"][found[0]] = np.zeros((9, 9), "float32")


def huge(file: Any) -> None:
    config = json.loads(file.attrs["model_config"])
    config["config"]["layers"][1]["config"]["units"] = 10**9
    file.attrs["model_config"] = json.dumps(config)


def link(file: Any) -> None:
    file["model_weights/more"] = h5py.ExternalLink("/etc/passwd", "/")


HOSTILE = [
    no_config, numbers_as_config, several_configs, no_json, strange_training_config, numbers_as_names, strange_names,
    leaving_the_group, too_few, another_shape, huge, link,
]  # fmt: skip


@pytest.mark.parametrize("change", HOSTILE)
def test_files_that_are_no_such_model(change: Any, tmp_path: Path) -> None:
    path = saved(tmp_path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(SavingError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.saving.load_model(path)


def test_weights_of_another_model(tmp_path: Path) -> None:
    path, other = saved(tmp_path), keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    before = other.get_weights()
    with pytest.raises(SavingError, match="1 layers with weights"):
        other.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))


# ---- the table of formats ------------------------------------------------------------------------------------------


def test_a_name_that_no_format_has(tmp_path: Path) -> None:
    model = sequential(keras)
    with pytest.raises(SavingError, match=r"ends in \.keras, \.h5 or \.hdf5, got"):
        model.save(tmp_path / "m.onnx")
    with pytest.raises(SavingError, match=r"ends in \.weights\.h5, \.weights\.json or \.safetensors, got"):
        model.save_weights(tmp_path / "m.npz")
    with pytest.raises(SavingError, match=r"ends in \.keras"):
        model.save(tmp_path / "m.weights.h5")  # the name of a file of weights alone
    (tmp_path / "m.npz").write_bytes(b"nothing that is known")
    with pytest.raises(SavingError, match=r"\.weights\.h5, \.weights\.json, \.safetensors, \.h5 or \.hdf5, got"):
        model.load_weights(tmp_path / "m.npz")


def test_content_decides_where_the_name_says_nothing(tmp_path: Path) -> None:
    model = shaken(sequential(keras))
    for name in ("m.keras", "m.h5"):
        model.save(tmp_path / name)
        os.rename(tmp_path / name, tmp_path / "kept")
        np.testing.assert_allclose(predicted(keras.saving.load_model(tmp_path / "kept")), predicted(model), rtol=1e-6)


def test_a_format_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one is known to saving, loading, checkpoints and errors alike."""
    from kerasfront.saving import formats

    def write(model: Any, path: Path) -> None:
        np.savez(path, *model.get_weights())
        os.rename(f"{path}.npz", path)

    def read(model: Any, path: Path, strict: bool, limits: Any) -> Any:
        with np.load(path) as arrays:
            model.set_weights([arrays[name] for name in arrays.files])
        return keras.saving.LoadReport()

    table = (*formats.FORMATS, formats.Format((".arrays",), "weights", save_weights=write, load_weights=read))
    monkeypatch.setattr(formats, "FORMATS", table)
    model, other = shaken(sequential(keras)), sequential(keras)
    model.save_weights(tmp_path / "w.arrays")
    other.load_weights(tmp_path / "w.arrays")
    np.testing.assert_allclose(ops.convert_to_numpy(other(X)), ops.convert_to_numpy(model(X)), rtol=1e-6)
    keras.callbacks.ModelCheckpoint(tmp_path / "w.arrays", save_weights_only=True)
    with pytest.raises(SavingError, match=r"\.arrays"):
        model.save_weights(tmp_path / "w.other")
