"""The paths of weights in files: those of Keras for layers that hold others, whatever our attributes are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras as reference
import numpy as np
import pytest

import kerasfront as keras
from kerasfront.saving import paths

STEPS = (5, 4)
IMAGE = (8, 8, 3)

# Makers of a layer for a namespace of layers, and the shape of a sample.
NESTED: list[Any] = [
    pytest.param(lambda k: k.MultiHeadAttention(2, 3), STEPS, id="MultiHeadAttention"),
    pytest.param(lambda k: k.MultiHeadAttention(2, 3, use_gate=True), STEPS, id="MultiHeadAttention-gate"),
    pytest.param(lambda k: k.GroupQueryAttention(4, 4, 2), STEPS, id="GroupQueryAttention"),
    pytest.param(lambda k: k.GroupQueryAttention(4, 4, 2, use_gate=True), STEPS, id="GroupQueryAttention-gate"),
    pytest.param(lambda k: k.Bidirectional(k.LSTM(3)), STEPS, id="Bidirectional"),
    pytest.param(lambda k: k.Bidirectional(k.GRU(3), backward_layer=k.LSTM(3, go_backwards=True)), STEPS, id="two"),
    pytest.param(lambda k: k.TimeDistributed(k.Dense(3)), STEPS, id="TimeDistributed"),
    pytest.param(lambda k: k.RNN([k.LSTMCell(3), k.GRUCell(2)]), STEPS, id="RNN-stacked"),
    pytest.param(lambda k: k.RNN(k.SimpleRNNCell(2)), STEPS, id="RNN"),
    pytest.param(lambda k: k.LSTM(3, dropout=0.1), STEPS, id="LSTM"),
    pytest.param(lambda k: k.GRU(3, recurrent_dropout=0.1), STEPS, id="GRU"),
    pytest.param(lambda k: k.SimpleRNN(3), STEPS, id="SimpleRNN"),
    pytest.param(lambda k: k.ConvLSTM1D(2, 2), IMAGE, id="ConvLSTM1D"),
    pytest.param(lambda k: k.SpectralNormalization(k.Dense(3)), STEPS, id="SpectralNormalization"),
    pytest.param(lambda k: k.Pipeline([k.RandomFlip(), k.Rescaling(0.5)]), IMAGE, id="Pipeline"),
    pytest.param(lambda k: k.BatchNormalization(), STEPS, id="BatchNormalization"),
    pytest.param(lambda k: k.SeparableConv2D(2, 2), IMAGE, id="SeparableConv2D"),
    pytest.param(lambda k: k.Normalization(), STEPS, id="Normalization"),
    pytest.param(lambda k: k.Dropout(0.1), STEPS, id="Dropout"),
    pytest.param(lambda k: k.RandomFlip(), IMAGE, id="RandomFlip"),
    pytest.param(lambda k: k.RandAugment(), IMAGE, id="RandAugment"),
    pytest.param(lambda k: k.Attention(use_scale=True), STEPS, id="Attention"),
]


def contents(path: Path) -> tuple[set[str], dict[str, tuple[int, ...]]]:
    """The groups of a file, and its datasets with their shapes."""
    groups: set[str] = set()
    datasets: dict[str, tuple[int, ...]] = {}

    def visit(name: str, thing: Any) -> None:
        if isinstance(thing, h5py.Dataset):
            datasets[name] = thing.shape
        else:
            groups.add(name)

    with h5py.File(path) as file:
        file.visititems(visit)
    return groups, datasets


def model_of(k: Any, make: Callable[[Any], Any], shape: tuple[int, ...]) -> Any:
    """A model with the layer in its graph, and a second one beside it in a list."""
    x = k.Input(shape)
    layer = make(k.layers)
    name = type(layer).__name__
    arguments = ([x, x],) if name == "Attention" else (x, x) if "Attention" in name else (x,)
    model = k.Model(x, k.layers.Dense(2)(layer(*arguments)))
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize(("make", "shape"), NESTED)
def test_paths_are_those_of_keras(make: Any, shape: tuple[int, ...], tmp_path: Path) -> None:
    found = []
    for k, name in ((keras, "ours"), (reference, "theirs")):
        model = model_of(k, make, shape)
        model.save_weights(tmp_path / f"{name}.weights.h5")
        found.append(contents(tmp_path / f"{name}.weights.h5")[1])
    ours, theirs = ({p: s for p, s in part.items() if not p.startswith("optimizer/")} for part in found)
    assert ours == theirs


@pytest.mark.parametrize(("make", "shape"), NESTED)
def test_private_attributes_of_ours_are_declared(make: Any, shape: tuple[int, ...]) -> None:
    """A path is made of public names and declared ones: no private attribute reaches a file by its own name."""
    for path, owner in paths.walk(model_of(keras, make, shape)):
        declared = paths.declared_names(type(owner))
        for name, value in vars(owner).items():
            if name.startswith("_") and not name.startswith("_kf") and holds_saveable(value):
                assert name in declared, f"{type(owner).__name__}.{name}, below '{path}'"


def holds_saveable(value: Any) -> bool:
    if isinstance(value, (list, tuple, set)) or type(value).__name__ == "TrackedDict":
        return any(map(holds_saveable, value.values() if isinstance(value, dict) else value))
    return paths.is_saveable(value)


def test_renaming_private_attributes_changes_no_file(tmp_path: Path) -> None:
    base = keras.layers.GroupQueryAttention
    names = {"_q": "_query_dense", "_k": "_key_dense", "_v": "_value_dense", "_o": "_output_dense"}
    renamed = type(base.__name__, (base,), {"_kf_attributes": tuple(names), "_kf_saved_as": names})
    files, models = [], []
    for kind in (base, renamed):
        keras.utils.set_random_seed(1)
        models.append(model_of(keras, lambda layers, kind=kind: kind(4, 4, 2), STEPS))
        files.append(tmp_path / f"{len(files)}.weights.h5")
        models[-1].save_weights(files[-1])
    layer = models[1].layers[1]
    assert layer._q.built and "_query_dense" not in vars(layer)
    assert contents(files[0]) == contents(files[1])
    assert not models[0].load_weights(files[1])
    x = np.ones((1, *STEPS), "float32")
    np.testing.assert_array_equal(models[0].predict(x, verbose=0), models[1].predict(x, verbose=0))


def users_layer(k: Any) -> Any:
    class Users(k.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._hidden, self._shown = k.layers.Dense(2), k.layers.Dense(2)
            self.blocks = [k.layers.Dense(2), {"a": k.layers.Dense(2)}]

        @property
        def shown(self) -> Any:
            return self._shown

        def call(self, inputs: Any) -> Any:
            return self.blocks[1]["a"](self.blocks[0](self._shown(self._hidden(inputs))))

    x = k.Input((3,))
    return k.Model(x, Users()(x))


def test_attributes_of_a_user(tmp_path: Path) -> None:
    """They go by their names, private ones too; what a property shows goes by the property's."""
    found = []
    for k, name in ((keras, "ours"), (reference, "theirs")):
        users_layer(k).save_weights(tmp_path / f"{name}.weights.h5")
        found.append(contents(tmp_path / f"{name}.weights.h5")[1])
    assert found[0] == found[1]
    assert {path.split("/")[2] for path in found[0]} == {"_hidden", "shown", "blocks"}
