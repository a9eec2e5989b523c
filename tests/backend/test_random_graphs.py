"""Random functional models against a plain evaluation in NumPy.

A model is drawn step by step: layers and ops, shared, nested and masked, layers of several inputs and outputs, and
inputs and outputs in lists and dicts whose names are in no alphabetical order. Whatever is done with the model (a call,
predict, the loss of fit, saving, cloning, copying, pickling) must agree with NumPy.
"""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import kerasfront as keras
from kerasfront import layers, ops

ROWS = 4
WORDS = ("zeta", "alpha", "mid", "IT", "IS", "b2", "a10", "a9")
TRAINS = keras.config.backend() != "numpy"
Arrays = dict[str, np.ndarray]
_register = keras.saving.register_keras_serializable(package="random_graphs")


@_register
class SumAndDifference(layers.Layer):
    """Two inputs, of which one comes by name, and two outputs."""

    def call(self, first: Any, second: Any = None) -> Any:
        return first + second, first - second


@_register
class Scaled(layers.Layer):
    """A dict of outputs, one of them scaled by a weight."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="glorot_uniform")

    def call(self, x: Any) -> Any:
        return {"scaled": x * self.scale, "plain": x}


@dataclass
class Value:
    """A symbolic tensor, and how NumPy computes it, and its mask, from the arrays of the inputs."""

    tensor: Any
    compute: Callable[[Arrays], np.ndarray]
    mask: Callable[[Arrays], np.ndarray] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.shape[1:])


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda x: x,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softmax": softmax,
}


def dense(layer: Any, x: np.ndarray) -> np.ndarray:
    kernel, bias = layer.get_weights()
    return ACTIVATIONS[layer.activation.__name__](x @ kernel + bias)


def normalized(layer: Any, x: np.ndarray) -> np.ndarray:
    gamma, beta = layer.get_weights()
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + layer.epsilon) * gamma + beta


def recurrent(layer: Any, x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """The last state of a SimpleRNN, which stays where the mask is False."""
    kernel, recurrent_kernel, bias = layer.get_weights()
    state = np.zeros((len(x), kernel.shape[1]))
    for t in range(x.shape[1]):
        new = np.tanh(x[:, t] @ kernel + state @ recurrent_kernel + bias)
        state = new if mask is None else np.where(mask[:, t, None], new, state)
    return state


def mean_over_time(x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    if mask is None:
        return x.mean(1)
    weights = mask[:, :, None].astype(x.dtype)
    return (x * weights).sum(1) / np.maximum(weights.sum(1), 1e-7)


class Drawing:
    """Draws a graph; each method named `add_...` appends to the values, where what it needs is there."""

    def __init__(self, data: Any, depth: int, prefix: str = "") -> None:
        self.draw, self.depth, self.prefix = data.draw, depth, prefix
        self.data = data
        self.values: list[Value] = []
        self.dense_by_size: dict[int, Any] = {}
        self.fresh = (f"{prefix}layer{i}" for i in itertools.count())

    # -- choices

    def choose(self, options: Any) -> Any:
        return self.draw(st.sampled_from(list(options)))

    def value(self, wanted: Callable[[Value], bool]) -> Value | None:
        found = [v for v in self.values if wanted(v)]
        return self.choose(found) if found else None

    def vector(self) -> Value | None:
        return self.value(lambda v: len(v.shape) == 1)

    def sequence(self) -> Value | None:
        return self.value(lambda v: len(v.shape) == 2)

    def pair(self, same: Callable[[Value, Value], bool]) -> tuple[Value, Value] | None:
        """Two values without masks (or with one and the same)."""
        found = [(a, b) for a in self.values for b in self.values if a.mask is b.mask and same(a, b)]
        return self.choose(found) if found else None

    def keep(self, tensor: Any, compute: Callable[[Arrays], np.ndarray], mask: Any = None) -> None:
        self.values.append(Value(tensor, compute, mask))

    # -- steps

    def add_dense(self) -> None:
        v = self.value(lambda v: len(v.shape) >= 1)
        layer = layers.Dense(self.choose((2, 3)), activation=self.choose(ACTIVATIONS), name=next(self.fresh))
        self.apply_dense(layer, v)
        self.dense_by_size[v.shape[-1]] = layer

    def apply_dense(self, layer: Any, v: Value) -> None:
        self.keep(layer(v.tensor), lambda a: dense(layer, v.compute(a)), v.mask)

    def add_shared_dense(self) -> None:
        v = self.value(lambda v: v.shape[-1] in self.dense_by_size)
        if v is not None:
            self.apply_dense(self.dense_by_size[v.shape[-1]], v)

    def add_normalization(self) -> None:
        v = self.vector()
        if v is not None:
            layer = layers.LayerNormalization(name=next(self.fresh))
            self.keep(layer(v.tensor), lambda a: normalized(layer, v.compute(a)))

    def add_merge(self) -> None:
        found = self.pair(lambda a, b: a.shape == b.shape)
        if found is not None:
            (a, b), (make, of) = found, self.choose(MERGES)
            self.keep(make(a.tensor, b.tensor), lambda x: of(a.compute(x), b.compute(x)), a.mask)

    def add_concatenation(self) -> None:
        found = self.pair(lambda a, b: a.shape[:-1] == b.shape[:-1] and a.mask is None)
        if found is not None:
            a, b = found
            together = self.choose((layers.Concatenate(name=next(self.fresh)), lambda x: ops.concatenate(x, axis=-1)))
            self.keep(together([a.tensor, b.tensor]), lambda x: np.concatenate([a.compute(x), b.compute(x)], axis=-1))

    def add_op(self) -> None:
        v = self.value(lambda v: v.mask is None)
        if v is not None:
            of, expected = self.choose(UNARY)
            self.keep(of(v.tensor), lambda a: expected(v.compute(a)))

    def add_split(self) -> None:
        v = self.value(lambda v: v.mask is None and v.shape[-1] % 2 == 0)
        if v is not None:
            for i, part in enumerate(ops.split(v.tensor, 2, axis=-1)):
                self.keep(part, lambda a, i=i: np.split(v.compute(a), 2, axis=-1)[i])

    def add_two_outputs(self) -> None:
        found = self.pair(lambda a, b: a.shape == b.shape and a.mask is None)
        if found is not None:
            a, b = found
            total, difference = SumAndDifference(name=next(self.fresh))(a.tensor, second=b.tensor)
            self.keep(total, lambda x: a.compute(x) + b.compute(x))
            self.keep(difference, lambda x: a.compute(x) - b.compute(x))

    def add_dict_of_outputs(self) -> None:
        v = self.vector()
        if v is not None:
            layer = Scaled(name=next(self.fresh))
            out = layer(v.tensor)
            self.keep(out["scaled"], lambda a: v.compute(a) * layer.get_weights()[0])
            self.keep(out["plain"], v.compute)

    def add_flat(self) -> None:
        v = self.value(lambda v: len(v.shape) == 2 and v.mask is None)
        if v is not None:
            self.keep(layers.Flatten(name=next(self.fresh))(v.tensor), lambda a: v.compute(a).reshape(ROWS, -1))

    def add_permutation(self) -> None:
        v = self.value(lambda v: len(v.shape) == 2 and v.mask is None)
        if v is not None:
            layer = layers.Permute((2, 1), name=next(self.fresh))
            self.keep(layer(v.tensor), lambda a: v.compute(a).transpose(0, 2, 1))

    def add_repetition(self) -> None:
        v = self.vector()
        if v is not None:
            layer = layers.RepeatVector(2, name=next(self.fresh))
            self.keep(layer(v.tensor), lambda a: np.repeat(v.compute(a)[:, None], 2, axis=1))

    def add_mean(self) -> None:
        v = self.sequence()
        if v is not None:
            layer = layers.GlobalAveragePooling1D(name=next(self.fresh))
            self.keep(layer(v.tensor), lambda a: mean_over_time(v.compute(a), v.mask(a) if v.mask else None))

    def add_recurrence(self) -> None:
        v = self.sequence()
        if v is not None:
            layer = layers.SimpleRNN(2, name=next(self.fresh))
            self.keep(layer(v.tensor), lambda a: recurrent(layer, v.compute(a), v.mask(a) if v.mask else None))

    def add_time_distributed(self) -> None:
        v = self.value(lambda v: len(v.shape) == 2 and v.mask is None)
        if v is not None:
            layer = layers.Dense(2, activation="tanh", name=next(self.fresh))
            wrapped = layers.TimeDistributed(layer, name=next(self.fresh))
            self.keep(wrapped(v.tensor), lambda a: dense(layer, v.compute(a)))

    def add_model(self) -> None:
        """A model of its own, called on two values; it may be called a second time."""
        found = self.pair(lambda a, b: a.mask is None)
        if not self.depth or found is None:
            return
        kind = self.choose(("list", "dict"))
        names = self.draw(st.permutations(("second", "first")))
        inner = Drawing(self.data, self.depth - 1, f"{next(self.fresh)}_")
        for name, v in zip(names, found, strict=True):
            inner.keep(keras.Input(v.shape, name=f"{inner.prefix}{name}"), lambda a, name=name: a[name])
        tensors = [v.tensor for v in inner.values]
        for _ in range(2):
            inner.step()
        out = inner.value(lambda v: v.mask is None)
        given = dict(zip(names, tensors, strict=True)) if kind == "dict" else tensors
        model = keras.Model(given, {"last": out.tensor, "before": tensors[0]}, name=f"{inner.prefix}model")
        for pair in (found, found[::-1]) if found[0].shape == found[1].shape else (found,):
            called = model(dict(zip(names, [v.tensor for v in pair], strict=True)) if kind == "dict" else
                           [v.tensor for v in pair])  # fmt: skip
            self.keep(
                called["last"],
                lambda a, pair=pair: out.compute({n: v.compute(a) for n, v in zip(names, pair, strict=True)}),
            )
            self.keep(called["before"], pair[0].compute)

    def step(self) -> None:
        getattr(self, self.choose(STEPS))()


STEPS = [name for name in vars(Drawing) if name.startswith("add_")]
MERGES: list[tuple[Any, Any]] = [
    (lambda a, b: layers.Add()([a, b]), np.add),
    (lambda a, b: layers.Multiply()([a, b]), np.multiply),
    (lambda a, b: layers.Average()([a, b]), lambda a, b: (a + b) / 2),
    (lambda a, b: layers.Maximum()([a, b]), np.maximum),
    (lambda a, b: layers.Subtract()([a, b]), np.subtract),
    (lambda a, b: ops.minimum(a, b), np.minimum),
    (lambda a, b: a + 2.0 * b, lambda a, b: a + 2.0 * b),
    (lambda a, b: ops.where(a > b, a, -b), lambda a, b: np.where(a > b, a, -b)),
]
UNARY: list[tuple[Any, Any]] = [
    (ops.tanh, np.tanh),
    (lambda x: x * 0.5 - 1.0, lambda x: x * 0.5 - 1.0),
    (lambda x: 1.0 - x, lambda x: 1.0 - x),
    (lambda x: x[..., ::-1], lambda x: x[..., ::-1]),
    (lambda x: ops.softmax(x, axis=-1), softmax),
    (lambda x: ops.stack([x, -x], axis=1)[:, 1], np.negative),
    (lambda x: ops.cumsum(x, axis=-1), lambda x: np.cumsum(x, axis=-1)),
]


@dataclass
class Case:
    """A model, inputs and targets as they are given to it, and what NumPy says of them."""

    model: Any
    x: Any
    expected: Any
    names: list[str]

    def targets(self, form: str) -> Any:
        """Targets that differ from the outputs by 1, 2, 3: in their structure, or by the names of their layers."""
        steps = iter((1.0, 2.0, 3.0))
        away = keras.tree.map_structure(lambda x: x + next(steps), self.expected)
        if form == "names" and isinstance(away, list):
            return dict(reversed([*zip(self.names, away, strict=True)]))
        return away

    @property
    def loss(self) -> float:
        """The mean squared errors of these targets, added up."""
        return float(sum(n**2 for n in range(1, len(self.names) + 1)))


def drawn_inputs(drawing: Drawing, rng: np.random.Generator) -> tuple[Any, Arrays, list[str]]:
    names = drawing.draw(st.permutations(WORDS))[: drawing.draw(st.integers(1, 3))]
    arrays: Arrays = {}
    for name in names:
        kind = drawing.choose(("vector", "sequence", "ids"))
        if kind == "ids":
            arrays[name] = rng.integers(0, 4, (ROWS, 3)).astype("int32")
            arrays[name][:, 0] = 1  # a sequence without any step has no mean
            x = keras.Input((3,), name=name, dtype="int32")
            layer = layers.Embedding(4, 2, mask_zero=True, name=next(drawing.fresh))
            drawing.keep(
                layer(x), lambda a, n=name, layer=layer: layer.get_weights()[0][a[n]], lambda a, n=name: a[n] != 0
            )
        else:
            shape = (3,) if kind == "vector" else (2, 3)
            arrays[name] = rng.standard_normal((ROWS, *shape)).astype("float32")
            x = keras.Input(shape, name=name)
            drawing.keep(x, lambda a, n=name: a[n])
        drawing.inputs[name] = x
    form = drawing.choose(("list", "dict", "tuple")) if len(names) > 1 else drawing.choose(("one", "list", "dict"))
    return form, arrays, list(names)


def in_form(form: str, named: dict[str, Any]) -> Any:
    values = list(named.values())
    return {"list": values, "tuple": tuple(values), "dict": dict(named), "one": values[0]}[form]


def draw_case(data: Any) -> Case:
    drawing = Drawing(data, depth=1)
    drawing.inputs = {}
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    keras.utils.set_random_seed(int(rng.integers(1000)))
    form, arrays, names = drawn_inputs(drawing, rng)
    for _ in range(data.draw(st.integers(2, 6))):
        drawing.step()
    # Every input leads to an output: the masked ones by way of a mean.
    while masked := [v for v in drawing.values if v.mask is not None]:
        drawing.values = [v for v in drawing.values if v.mask is None]
        for v in masked:
            layer = layers.GlobalAveragePooling1D(name=next(drawing.fresh))
            drawing.keep(layer(v.tensor), lambda a, v=v: mean_over_time(v.compute(a), v.mask(a)))
    number = data.draw(st.integers(1, 3))
    chosen = drawing.values[-number:]
    words = list(data.draw(st.permutations(WORDS)))[: len(chosen)]
    outputs: dict[str, Value] = {}
    for word, v in zip(words, chosen, strict=True):
        layer = layers.Dense(2, name=f"out_{word}")
        outputs[word] = Value(layer(v.tensor), lambda a, layer=layer, v=v: dense(layer, v.compute(a)))
    shape = drawing.choose(("list", "dict", "nested")) if len(outputs) > 1 else drawing.choose(("one", "dict", "list"))
    values: Any = in_form(shape, outputs) if shape != "nested" else {
        "z": {"y": list(outputs.values())[0]}, "a": list(outputs.values())[1:]
    }  # fmt: skip
    model = keras.Model(in_form(form, drawing.inputs), keras.tree.map_structure(lambda v: v.tensor, values))
    expected = keras.tree.map_structure(lambda v: v.compute(arrays), values)
    return Case(model, in_form(form, arrays), expected, [f"out_{w}" for w in outputs])


def agree(got: Any, expected: Any) -> None:
    got = keras.tree.map_structure(lambda x: np.asarray(ops.convert_to_numpy(x)), got)
    keras.tree.assert_same_structure(got, expected)
    for one, other in zip(keras.tree.flatten(got), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def check(case: Case, form: str, folder: Path) -> None:
    model, x, expected = case.model, case.x, case.expected
    agree(model(x, training=False), expected)
    agree(model.predict(x, batch_size=ROWS, verbose=0), expected)
    if TRAINS:
        model.compile(keras.optimizers.SGD(0.0), "mse")
        history = model.fit(x, case.targets(form), batch_size=ROWS, verbose=0)
        assert history.history["loss"][0] == pytest.approx(case.loss, rel=1e-4)
    for again in copies(model, folder):
        agree(again(x, training=False), expected)


def copies(model: Any, folder: Path) -> Any:
    model.save(folder / "model.keras")
    yield keras.saving.load_model(folder / "model.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    yield clone
    rebuilt = keras.Model.from_config(model.get_config())
    rebuilt.set_weights(model.get_weights())
    yield rebuilt
    yield copy.deepcopy(model)
    yield pickle.loads(pickle.dumps(model))


@pytest.mark.wide
@pytest.mark.filterwarnings("ignore:.*got no gradient")
@pytest.mark.parametrize("part", range(9))
def test_a_random_graph_computes_what_numpy_does_whatever_is_done_with_it(part: int, tmp_path: Path) -> None:
    @seed(part)
    @settings(
        max_examples=3, deadline=None, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )  # fmt: skip
    @given(st.data())
    def run(data: Any) -> None:
        keras.utils.clear_session()
        case = draw_case(data)
        check(case, data.draw(st.sampled_from(("structure", "names"))), tmp_path)

    run()
