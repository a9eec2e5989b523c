"""What a layer held and holds no longer isn't its own any more: weights, files, training, the framework's own lists."""

import collections

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")


def values(x):
    return ops.convert_to_numpy(x)


class Parts(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [layers.Dense(4), layers.Dense(4)]
        self.by_name = {"one": layers.Dense(4)}
        self.head = layers.Dense(2)

    def call(self, x):
        for layer in (*self.blocks, *self.by_name.values()):
            x = layer(x)
        return self.head(x)


def set_attribute(m):
    m.head = layers.Dense(2)


def set_none(m):
    m.head, head = layers.Dense(2), m.head
    m.spare = head
    m.spare = None


def set_item(m):
    m.blocks[0] = layers.Dense(4)


def set_slice(m):
    m.blocks[:1] = [layers.Dense(4)]


def set_key(m):
    m.by_name["one"] = layers.Dense(4)


def join(m):
    m.by_name |= {"one": layers.Dense(4)}


REPLACED = [set_attribute, set_none, set_item, set_slice, set_key, join]
TAKEN = {
    "pop": lambda m: m.blocks.pop(0),
    "del": lambda m: m.blocks.__delitem__(0),
    "remove": lambda m: m.blocks.remove(m.blocks[0]),
    "pop a key": lambda m: m.by_name.pop("one"),
    "popitem": lambda m: m.by_name.popitem(),
    "del a key": lambda m: m.by_name.__delitem__("one"),
    "clear": lambda m: m.by_name.clear(),
    "attribute": lambda m: setattr(m, "by_name", {}),
}


def check(model, before):
    x = values(model(X))
    own = {id(v) for layer in (*model.blocks, *model.by_name.values(), model.head) for v in layer.weights}
    assert {id(v) for v in model.weights} == own and len(model.weights) == len(own)
    assert [id(layer) for layer in before if layer not in model.layers]
    if keras.backend.backend() == "torch":
        assert len(list(model.parameters())) == len(own)
    return x


@pytest.mark.parametrize("change", [*REPLACED, *TAKEN.values()], ids=[f.__name__ for f in REPLACED] + list(TAKEN))
def test_what_was_replaced_or_taken_out_is_no_longer_tracked(change, tmp_path):
    model = Parts()
    model(X)
    before = model.layers
    change(model)
    y = check(model, before)
    if change in (set_attribute, set_item):
        model.save_weights(tmp_path / "m.weights.h5")
        again = Parts()
        again(X)
        again.load_weights(tmp_path / "m.weights.h5")
        np.testing.assert_array_equal(values(again(X)), y)


def test_what_is_held_elsewhere_too_stays():
    model, shared = Parts(), layers.Dense(4)
    model.blocks[0] = shared
    model.second = {"again": (shared,)}
    model.blocks[0] = layers.Dense(4)
    assert shared in model.layers
    model.second["again"] = ()
    assert shared not in model.layers
    sequential = keras.Sequential([shared])
    sequential.first = shared
    sequential.first = None
    assert sequential.layers == [shared]


def test_a_tensor_in_the_place_of_a_variable_for_one_call():
    dense = layers.Dense(2)
    dense.build((None, 4))
    kernel, weights = dense._kernel, dense.weights
    dense._kernel = 2 * kernel.value
    dense._kernel = kernel
    assert [id(v) for v in dense.weights] == [id(v) for v in weights]


def test_variables_and_metrics_are_replaced_too():
    layer = layers.Layer()
    layer.scale = layer.add_weight(shape=(), name="scale")
    layer.mean = keras.metrics.Mean()
    layer.group = {keras.Variable(0.0, name="a")}
    layer.scale, layer.mean = layer.add_weight(shape=(2,), name="scale"), keras.metrics.Sum()
    layer.group -= set(layer.group)
    assert [tuple(v.shape) for v in layer.variables] == [(2,)]
    assert layer._metrics == [layer.mean]


@pytest.mark.trains
@pytest.mark.parametrize("eager", [False, True])
def test_training_goes_on(eager):
    model = Parts()
    model.compile("sgd", "mse", run_eagerly=eager)
    model.fit(X, np.ones((8, 2)), verbose=0)
    model.head, model.blocks[0] = layers.Dense(3), layers.Dense(4)
    with pytest.raises(ValueError, match="not built with the variable"):
        model.fit(X, np.ones((8, 3)), verbose=0)
    model.compile("sgd", "mse", run_eagerly=eager)
    del model.by_name["one"]
    before = [values(v).copy() for v in model.weights]
    model.fit(X, np.ones((8, 3)), verbose=0)
    assert len(model.optimizer._trainable_variables) == 6
    assert all((values(v) != old).any() for v, old in zip(model.weights, before, strict=True))
    model.blocks.pop()
    model.fit(X, np.ones((8, 3)), verbose=0)
    assert model.predict(X, verbose=0).shape == (8, 3)


def test_a_layers_containers_are_structures_like_plain_ones():
    layer = layers.Layer()
    layer.d, layer.e = {"a": 1, "b": [2]}, [1, (2, {"c": 3})]
    tree = keras.tree
    plain = {"a": 10, "b": [20]}
    for pair in ((layer.d, plain), (plain, layer.d)):
        assert tree.map_structure(lambda a, b: a + b, *pair) == {"a": 11, "b": [22]}
        tree.assert_same_structure(*pair)
        tree.assert_same_paths(*pair)
    ordered = collections.OrderedDict(b=[5], a=4)
    assert tree.map_structure(max, ordered, layer.d) == {"b": [5], "a": 4}
    assert tree.map_structure(max, layer.e, [3, (1, {"c": 9})]) == [3, (2, {"c": 9})]
    assert tree.map_structure_up_to({"a": 0, "b": 0}, lambda x: x, layer.d) == {"a": 1, "b": [2]}
    assert tree.pack_sequence_as(layer.d, [7, 8]) == {"a": 7, "b": [8]}
    with pytest.raises(ValueError, match="differ"):
        tree.map_structure(max, layer.d, {"a": 1})
    with pytest.raises(ValueError, match="differ"):
        tree.assert_same_structure(layer.e, (1, (2, {"c": 3})))
