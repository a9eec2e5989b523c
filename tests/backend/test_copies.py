"""Copies and pickles of what holds state: they are apart from the original, and go on as it would."""

import copy
import pickle

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops, optimizers

WAYS = {"deepcopy": copy.deepcopy, "copy": copy.copy, "pickle": lambda x: pickle.loads(pickle.dumps(x))}
X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X[:, :1] * 2


def sequential():
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.2, seed=1),
            layers.Dense(1),
        ]
    )


def functional():
    x = keras.Input((3,), name="x")
    shared = layers.Dense(3, activation="tanh")
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="inner")
    return keras.Model(x, ops.sum(inner(shared(shared(x))) * 2.0, axis=1, keepdims=True))


class Blocks(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [layers.Dense(3), layers.Dense(3)]
        self.by_name = {"head": layers.Dense(1)}

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.by_name["head"](x)


def trained(make):
    keras.utils.set_random_seed(0)
    model = make()
    rate = optimizers.schedules.ExponentialDecay(0.01, 4, 0.9)
    model.compile(optimizers.Adam(rate), "mse", metrics=["mae"])
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[keras.callbacks.EarlyStopping("loss")])
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    return model


def state(model):
    return [v.numpy() for v in (*model.variables, *model.optimizer.variables)]


@pytest.mark.trains
@pytest.mark.parametrize("make", [sequential, functional, Blocks])
def test_a_trained_model_s_copy_goes_on_as_the_original_would(make) -> None:
    model = trained(make)
    copies = {name: way(model) for name, way in WAYS.items()}
    before = state(model)
    reached = {}
    for name in ("deepcopy", "pickle"):
        again = copies[name]
        np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
        again.fit(X, Y, batch_size=8, verbose=0, shuffle=False)
        reached[name] = state(again)
        assert int(again.optimizer.iterations) == 6
        assert again.history.model is again
    for now, then in zip(state(model), before, strict=True):
        np.testing.assert_array_equal(now, then)
    model.fit(X, Y, batch_size=8, verbose=0, shuffle=False)
    for name in reached:
        for now, then in zip(reached[name], state(model), strict=True):
            np.testing.assert_allclose(now, then, rtol=1e-5, atol=1e-6)
    own = {id(v) for again in (model, *copies.values()) for v in (*again.variables, *again.optimizer.variables)}
    assert len(own) == 4 * len(before)


@pytest.mark.parametrize("way", WAYS)
def test_a_copied_graph_is_a_graph_of_its_own(way) -> None:
    model = functional()
    again = WAYS[way](model)
    assert again.output_shape == (None, 1)
    again.set_weights([w + 1 for w in again.get_weights()])
    assert np.abs(again.predict(X, verbose=0) - model.predict(X, verbose=0)).max() > 0.1
    assert all(node.operation in again.operations for node in again._kf.graph.plan.nodes)
    wrapped = keras.Model(again.inputs, again.outputs)
    assert wrapped.weights[0] is again.weights[0] and len(wrapped.weights) == len(again.weights)
    assert again.get_config()["layers"][1]["inbound_nodes"] == model.get_config()["layers"][1]["inbound_nodes"]


@pytest.mark.parametrize("way", WAYS)
def test_a_copied_layer_leaves_the_graph_behind_and_tracks_what_it_comes_to_hold(way) -> None:
    model = functional()
    again = WAYS[way](model.layers[1])
    assert len(again.weights) == 2 and again.weights[0] is not model.layers[1].weights[0]
    assert not again._inbound_nodes and len(model.layers[1]._inbound_nodes) == 2
    blocks = WAYS[way](Blocks())
    blocks.blocks.append(layers.Dense(2))
    blocks.by_name["tail"] = layers.Dense(2)
    assert len(blocks.layers) == 5
    sequence = WAYS[way](sequential())
    sequence.add(layers.Dense(7))
    assert sequence.output_shape == (None, 7) and len(sequence.layers) == 5


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_graphs_may_be_deep(way) -> None:
    x = y = keras.Input((2,))
    for _ in range(150):
        y = layers.ReLU()(y) + 1.0
    again = WAYS[way](keras.Model(x, y))
    np.testing.assert_allclose(again.predict(np.zeros((1, 2), "float32"), verbose=0), [[150.0, 150.0]])
    again = WAYS[way](keras.Sequential([x, *(layers.ReLU() for _ in range(150))]))
    assert len(again.layers) == 150


@pytest.mark.parametrize("way", WAYS)
def test_optimizers_metrics_and_variables_have_state_of_their_own(way) -> None:
    v = keras.Variable([1.0, 2.0], name="v")
    optimizer = optimizers.Adam(0.1, weight_decay=0.01)
    optimizer.apply([ops.ones((2,))], [v])
    pair = WAYS["deepcopy" if way == "copy" else way]((optimizer, v))
    pair[0].apply([ops.ones((2,))], [pair[1]])
    assert int(optimizer.iterations) == 1 and int(pair[0].iterations) == 2
    np.testing.assert_allclose(v.numpy(), [0.9 - 0.001, 1.9 - 0.002], rtol=1e-4)
    optimizer.apply([ops.ones((2,))], [v])
    np.testing.assert_allclose(pair[1].numpy(), v.numpy(), rtol=1e-6)
    metric = keras.metrics.AUC()
    metric.update_state([0.0, 1.0], [0.2, 0.9])
    again = WAYS[way](metric)
    again.update_state([0.0, 1.0], [0.9, 0.2])
    assert float(metric.result()) == pytest.approx(1.0) and float(again.result()) < 0.9
    w = WAYS[way](v)
    w.assign([5.0, 5.0])
    assert v.numpy()[0] != 5.0 and w.path == v.path
    seeds = keras.random.SeedGenerator(3)
    seeds.next()
    assert WAYS[way](seeds).next() is not None and seeds.state.numpy().tolist() == [3, 1]
    for other in (
        keras.losses.Huber(0.5),
        keras.initializers.HeNormal(seed=3),
        layers.Dense(3, kernel_regularizer="l2"),
    ):
        assert WAYS[way](other).get_config() == other.get_config()
