"""When and with what layers are built: subclasses of every layer, several inputs, files."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.testing.layers import CASES, Case


class Extended:
    """The namespace of layers, each as a user would extend it: with one weight more, which its call reads."""

    def __getattr__(self, name: str) -> Any:
        base = getattr(layers, name)
        if not isinstance(base, type):
            return base

        @functools.wraps(base.build)
        def build(self: Any, *args: Any, **kwargs: Any) -> None:
            base.build(self, *args, **kwargs)
            self.extra = self.add_weight(shape=(), initializer="ones", name="extra")

        @functools.wraps(base.call)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            assert self.extra.shape == ()
            return base.call(self, *args, **kwargs)

        return type(name, (base,), {"build": build, "call": call})


@pytest.mark.wide
@pytest.mark.parametrize("case", [pytest.param(c, id=n) for n, c in {c.name: c for c in CASES}.items()])
def test_a_subclass_that_builds_is_built(case: Case) -> None:
    layer = case.make(Extended())
    assert not layer.built
    case.call(layer, case.nested([keras.KerasTensor((2, *s), case.dtype) for s in case.shapes]))
    assert layer.built and any(weight is layer.extra for weight in layer.weights)


def test_a_layer_of_strings_builds_for_arrays() -> None:
    layer = Extended().StringLookup(vocabulary=["a"])
    layer(np.array(["a", "b"]))
    assert any(weight is layer.extra for weight in layer.weights)


@pytest.mark.parametrize("base", [layers.ELU, layers.Dropout, layers.MaxPooling2D, layers.Reshape, layers.Add])
def test_a_subclass_that_holds_layers_is_built(base: Any) -> None:
    class Own(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.inner = layers.Dense(2)

    layer = Own(*{layers.Dropout: (0.5,), layers.Reshape: ((-1,),)}.get(base, ()))
    assert not layer.built
    x = np.ones((2, 4, 4, 3), "float32")
    layer([x, x] if base is layers.Add else x)
    assert layer.built and layer.get_build_config()
    assert base is layers.Add or base(*{layers.Dropout: (0.5,), layers.Reshape: ((-1,),)}.get(base, ())).built


def test_build_gets_the_shapes_that_its_parameters_ask_for() -> None:
    seen: list[Any] = []

    def layer(build: Any, call: Any) -> Any:
        return type("Own", (layers.Layer,), {"build": build, "call": call})()

    x, y = np.ones((4, 3), "float32"), np.ones((2, 5), "float32")
    layer(lambda self: seen.append("nothing"), lambda self, a: a)(x)
    layer(lambda self, input_shape=None: seen.append(input_shape), lambda self: 0)()
    layer(lambda self, shape: seen.append(shape), lambda self, a, b: a)(x, y)
    layer(lambda self, q, v: seen.append((q, v)), lambda self, a, b: a)(x, y)
    layer(lambda self, b_shape, a_shape: seen.append((a_shape, b_shape)), lambda self, a, b: a)(x, b=y)
    layer(lambda self, a_shape, b_shape=None: seen.append((a_shape, b_shape)), lambda self, a, b=None: a)(x)
    layer(lambda self, *shapes: seen.append(shapes), lambda self, a, b: a)(x, y)
    layer(lambda self, **shapes: seen.append(shapes), lambda self, a, b: a)(x, b=y)
    layer(lambda self, shape, training=None: seen.append(shape), lambda self, a, training=None: a)(x)
    layer(lambda self, shape: seen.append(shape), lambda self, a: a["x"])({"x": x, "more": [y]})
    layer(lambda self, shape: seen.append(shape), lambda self, *args, **kwargs: args[0])(x)
    layer(lambda self, q_shape, v_shape: seen.append((q_shape, v_shape)), lambda self, *args: args[0])(x, y)
    assert seen == [
        "nothing", None, (4, 3), ((4, 3), (2, 5)), ((4, 3), (2, 5)), ((4, 3), None), ((4, 3), (2, 5)),
        {"a_shape": (4, 3), "b_shape": (2, 5)}, (4, 3), {"x": (4, 3), "more": [(2, 5)]}, (4, 3), ((4, 3), (2, 5)),
    ]  # fmt: skip


def holding(call: Any) -> type:
    """A layer without `build` that holds others."""

    def make(self: Any, **kwargs: Any) -> None:
        layers.Layer.__init__(self, **kwargs)
        self.dense, self.others = layers.Dense(3), [layers.Dense(3)]

    return type("Holding", (layers.Layer,), {"__init__": make, "call": call})


def both(self: Any, q: Any, v: Any) -> Any:
    return self.dense(q) + self.others[0](v)


# How a layer that takes two tensors is written, and called.
WRITTEN: dict[str, tuple[Any, Any]] = {
    "two tensors": (holding(both), lambda layer, q, v: layer(q, v)),
    "by name": (holding(both), lambda layer, q, v: layer(v=v, q=q)),
    "optional": (holding(lambda self, q, v=None: both(self, q, v)), lambda layer, q, v: layer(q, v=v)),
    "keyword only": (holding(lambda self, q, *, v: both(self, q, v)), lambda layer, q, v: layer(q, v=v)),
    "position only": (holding(lambda self, q, v, /: both(self, q, v)), lambda layer, q, v: layer(q, v)),
    "any": (holding(lambda self, *args: both(self, *args)), lambda layer, q, v: layer(q, v)),
    "any keyword": (holding(lambda self, q, **more: both(self, q, more["v"])), lambda layer, q, v: layer(q, v=v)),
    "list": (holding(lambda self, x: both(self, *x)), lambda layer, q, v: layer([q, v])),
    "dict": (holding(lambda self, x: both(self, x["q"], x["v"][0])), lambda layer, q, v: layer({"q": q, "v": [v]})),
    "flags": (
        holding(
            lambda self, q, v, swap=False, how="sum", training=None: both(self, v, q) if swap else both(self, q, v)
        ),
        lambda layer, q, v: layer(q, v, swap=True, how="sum"),
    ),
    "a flag that must be given": (
        holding(lambda self, q, v, swap: both(self, v, q) if swap else both(self, q, v)),
        lambda layer, q, v: layer(q, v, True),
    ),
}


class Outer(keras.Model):
    def __init__(self, cls: Any, apply: Any) -> None:
        super().__init__()
        self.layer, self.apply = cls(), apply

    def call(self, x: Any) -> Any:
        return self.apply(self.layer, x[0], x[1])


@pytest.mark.parametrize("written", WRITTEN)
def test_layers_of_two_tensors_are_saved_loaded_and_cloned(written: str, tmp_path: Any) -> None:
    cls, apply = WRITTEN[written]
    x = [np.random.default_rng(i).normal(size=(2, 3)).astype("float32") for i in range(2)]
    q, v = keras.Input((3,)), keras.Input((3,))
    model = keras.Model([q, v], apply(cls(), q, v))
    expected = ops.convert_to_numpy(model(x))
    model.save(tmp_path / "model.keras")
    with keras.saving.custom_object_scope({"Holding": cls}):
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        copies = [loaded, keras.models.clone_model(model), keras.Model.from_config(model.get_config())]
    assert all(map(np.array_equal, loaded.get_weights(), model.get_weights()))
    for copy in copies:
        copy.set_weights(model.get_weights())
        np.testing.assert_allclose(ops.convert_to_numpy(copy(x)), expected, rtol=1e-5)


@pytest.mark.parametrize("written", [w for w in WRITTEN if w != "a flag that must be given"])
def test_what_a_layer_was_built_with_builds_it_again(written: str) -> None:
    cls, apply = WRITTEN[written]
    layer, x = cls(), np.ones((2, 3), "float32")
    apply(layer, x, x)
    again = cls()
    again.build_from_config(layer.get_build_config())
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]


@pytest.mark.parametrize("written", ["two tensors", "keyword only", "dict"])
def test_models_that_hold_layers_of_two_tensors_keep_their_weights(written: str, tmp_path: Any) -> None:
    cls, apply = WRITTEN[written]
    x = [np.ones((2, 3), "float32"), np.zeros((2, 3), "float32")]
    model, other = Outer(cls, apply), Outer(cls, apply)
    expected = model.predict(x, verbose=0)
    other(x)
    model.save_weights(tmp_path / "own.weights.h5")
    other.load_weights(tmp_path / "own.weights.h5")
    np.testing.assert_array_equal(other.predict(x, verbose=0), expected)


def test_a_build_that_calls_its_super_first_may_make_weights_after() -> None:
    class Own(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(3)

        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            self.scale = self.add_weight(shape=(3,), initializer="ones")

        def call(self, x: Any) -> Any:
            return self.dense(x) * self.scale

    layer = Own()
    layer.build((None, 4))
    assert layer(np.ones((2, 4), "float32")).shape[1] == 3


def test_shapes_from_a_file_are_tuples() -> None:
    class Own(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(shape=input_shape[0][1:] + (1,), initializer="ones")

        def call(self, x: Any) -> Any:
            return ops.sum(x[0] + x[1])

    layer = Own()
    layer.build_from_config({"input_shape": [[None, 3], [None, 3]]})
    assert layer.scale.shape == (3, 1)


def test_clones_keep_what_their_inputs_say() -> None:
    class Maybe(layers.Layer):
        def call(self, a: Any, b: Any = None) -> Any:
            return a if b is None else a + b

    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b", optional=True)
    clone = keras.models.clone_model(keras.Model([a, b], Maybe()(a, b)))
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(clone.predict([x, None], verbose=0), x)
