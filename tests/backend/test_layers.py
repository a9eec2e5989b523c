"""What holds of every layer, by the one list of `kerasfront.testing.layers`."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.testing.layers import CASES, Case


def over(cases: Any) -> Any:
    """The test runs over cases, and is a wide one."""
    each = pytest.mark.parametrize("case", [pytest.param(c, id=c.id) for c in cases])
    return lambda test: pytest.mark.wide(each(test))


every = over(CASES)


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


def wide(x: Any) -> np.ndarray[Any, Any]:
    return values(ops.cast(x, "float32"))


def made(case: Case) -> tuple[Any, Any]:
    """The layer, built, and its inputs."""
    keras.utils.set_random_seed(1)
    layer, x = case.make(layers), case.inputs()
    case.call(layer, x)
    return layer, x


def unbuilt(config: Any) -> Any:
    """A config without what the layers inside it were built with."""
    if isinstance(config, dict):
        return {k: unbuilt(v) for k, v in config.items() if k != "build_config"}
    return [unbuilt(v) for v in config] if isinstance(config, list | tuple) else config


def model_of(case: Case) -> Any:
    """A functional model of the layer alone."""
    keras.utils.set_random_seed(1)
    inputs = case.nested([keras.Input(s, dtype=case.dtype) for s in case.shapes])
    return keras.Model(inputs, case.call(case.make(layers), inputs))


def symbolic(case: Case, batch: int | None, spatial: bool = False) -> Any:
    """Symbolic inputs; with `spatial` the dims between batch and channels are unknown too."""
    shapes = [(batch, *((None,) * (len(s) - 1) if spatial else s[:-1]), s[-1]) for s in case.shapes]
    return case.nested([keras.KerasTensor(s, case.dtype) for s in shapes])


@every
def test_symbolic_shape_and_dtype_are_the_eager_ones(case: Case) -> None:
    layer, x = made(case)
    y = case.call(layer, x)
    assert bool(layer.trainable_weights) == case.weights
    for batch in (None, 2):
        spec = case.call(case.make(layers), symbolic(case, batch))
        assert spec.shape == (batch, *y.shape[1:])
        assert spec.dtype == ops.dtype(y)
    shapes = case.nested([(None, *s) for s in case.shapes])
    assert case.call(layer.compute_output_shape, shapes) == (None, *y.shape[1:])


@over([c for c in CASES if c.unknown])
def test_unknown_sizes(case: Case) -> None:
    """With unknown spatial dims the rank is right, and each dim is right or unknown."""
    layer, x = made(case)
    y = case.call(layer, x)
    spec = case.call(layer, symbolic(case, None, spatial=True))
    assert len(spec.shape) == len(y.shape)
    assert all(d in (None, n) for d, n in zip(spec.shape[1:], y.shape[1:], strict=True))


@every
def test_compiled_is_eager(case: Case) -> None:
    model, x = model_of(case), case.inputs(batch=3)
    eager = values(model(x, training=False))
    np.testing.assert_allclose(model.predict(x, batch_size=2, verbose=0), eager, rtol=1e-5, atol=1e-5)


@over([c for c in CASES if c.config])
def test_config_round_trip(case: Case) -> None:
    layer, x = made(case)
    config = layer.get_config()
    clone = type(layer).from_config(config)
    assert unbuilt(clone.get_config()) == unbuilt(config)
    case.call(clone, x)
    clone.set_weights(layer.get_weights())
    np.testing.assert_allclose(values(case.call(clone, x)), values(case.call(layer, x)), rtol=1e-6, atol=1e-6)
    again = layers.deserialize(layers.serialize(layer))
    assert type(again) is type(layer) and unbuilt(again.get_config()) == unbuilt(config)


@over([c for c in CASES if c.config])
def test_file_round_trip(case: Case, tmp_path: Any) -> None:
    model, x = model_of(case), case.inputs()
    if case.stateful:
        model(x, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found, saved = (values(m(x, training=False)) for m in (loaded, model))
    np.testing.assert_allclose(found, saved, rtol=1e-6, atol=1e-6)


@pytest.fixture(params=["mixed_float16", "mixed_bfloat16"])
def policy(request: pytest.FixtureRequest) -> Iterator[str]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@every
def test_mixed_precision(case: Case, policy: str) -> None:
    """Computed in half precision: near to float32, with float32 weights."""
    layer, x = made(case)
    y = case.call(layer, x)
    if case.dtype == "float32" or layer.trainable_weights:
        assert ops.dtype(y) == policy.removeprefix("mixed_")
    assert {w.dtype for w in layer.weights} <= {"float32"}
    keras.config.set_dtype_policy("float32")
    full = case.make(layers)
    case.call(full, x)
    full.set_weights(layer.get_weights())
    reference = values(case.call(full, x))
    np.testing.assert_allclose(wide(y), reference, atol=case.halves * max(1.0, float(np.abs(reference).max())))


@every
def test_float64(case: Case) -> None:
    """Weights, computation and output in double precision: float32 is near."""
    if ops.dtype(ops.ones((), "float64")) != "float64":
        pytest.skip("JAX has float64 with jax_enable_x64 only; tests/cross computes all layers in it")
    layer, x = made(case)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        double = case.make(layers)
        y = case.call(double, x)
        double.set_weights(layer.get_weights())
        y = case.call(double, x)
    finally:
        keras.config.set_dtype_policy(before)
    expected = case.call(layer, x)
    kinds = [w.dtype for w in layer.weights], [w.dtype for w in double.weights]
    assert kinds[1] == [kind.replace("float32", "float64") for kind in kinds[0]]
    assert ops.dtype(y) == ops.dtype(expected).replace("float32", "float64")
    np.testing.assert_allclose(values(y), values(expected), rtol=1e-4, atol=1e-4)


@pytest.mark.trains
@over([c for c in CASES if c.weights])
def test_gradient_reaches_every_weight(case: Case) -> None:
    layer, x = made(case)

    def loss() -> Any:
        y = case.call(layer, x, training=True) if case.training else case.call(layer, x)
        # Weights that differ from place to place: a plain sum over what is normalized has no gradient.
        factors = np.linspace(-1.0, 2.0, int(np.prod(y.shape)), dtype="float32").reshape(tuple(y.shape))
        return ops.sum(ops.multiply(y, factors)) + ops.sum(ops.square(y))

    _, gradients = ops.value_and_grad(loss, variables=layer.trainable_variables)()
    assert len(gradients) == len(layer.trainable_variables)
    for variable, gradient in zip(layer.trainable_variables, gradients, strict=True):
        assert tuple(gradient.shape) == variable.shape
        assert np.abs(values(gradient)).max() > 1e-6, variable.path


@pytest.mark.trains
@over([c for c in CASES if c.weights])
def test_training_lowers_the_loss(case: Case) -> None:
    keras.utils.set_random_seed(1)
    model, x = model_of(case), case.inputs(batch=4)
    target = np.random.default_rng(0).normal(size=model(x).shape).astype("float32")
    model.compile(keras.optimizers.SGD(0.05), "mse")
    before = model.evaluate(x, target, verbose=0)
    losses = [float(model.train_on_batch(x, target)) for _ in range(4)]
    assert np.isfinite(losses).all()
    if case.random:  # each step's loss is one of a draw
        losses = [before, model.evaluate(x, target, verbose=0)]
    assert losses[-1] < losses[0]


@over([c for c in CASES if c.training])
def test_training_flag(case: Case) -> None:
    """Training differs from inference; inference repeats, and `training` passes through a model."""
    layer, x = made(case)
    before = layer.get_weights()
    plain = values(case.call(layer, x))
    np.testing.assert_array_equal(values(case.call(layer, x, training=False)), plain)
    calls = range(8 if case.random else 1)  # where it is drawn for each sample whether anything happens
    assert not all(np.allclose(values(case.call(layer, x, training=True)), plain) for _ in calls)
    after = layer.get_weights()
    assert case.stateful == any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    if not case.stateful:
        np.testing.assert_array_equal(values(case.call(layer, x)), plain)
    model = model_of(case)
    plain = values(model(x, training=False))
    assert not all(np.allclose(values(model(x, training=True)), plain) for _ in calls)


@every
def test_a_default_of_training_does_not_leak(case: Case) -> None:
    """What a layer takes for training when it isn't told stays with it: the layers after it are told nothing."""
    seen = []

    class Spy(keras.layers.Layer):
        def call(self, inputs: Any, training: bool | None = None) -> Any:
            seen.append(training)
            return inputs

    inputs = case.nested([keras.Input(s, dtype=case.dtype) for s in case.shapes])
    model = keras.Model(inputs, Spy()(case.call(case.make(layers), inputs)))
    for told in (None, False, True):
        seen.clear()
        model(case.inputs(), training=told)
        assert seen == [told]


@over([c for c in CASES if c.random])
def test_draws(case: Case) -> None:
    """Draws differ from call to call, and begin again with the seed."""
    layer, x = made(case)
    first, *later = (values(case.call(layer, x, training=True)) for _ in range(6))
    assert not all(np.array_equal(first, y) for y in later)
    again, _ = made(case)
    np.testing.assert_array_equal(values(case.call(again, x, training=True)), first)


@pytest.mark.trains
@over([c for c in CASES if c.random])
def test_draws_in_a_compiled_step(case: Case) -> None:
    """Steps of a compiled model draw anew: the loss of the same batch differs from step to step."""
    model, x = model_of(case), case.inputs(batch=4)
    model.compile("sgd", "mse")
    shape = model(x).shape
    # Another value at each place: pixels that only change places change the loss too.
    target = np.linspace(0.0, 1.0, int(np.prod(shape)), dtype="float32").reshape(shape)
    losses = {round(float(model.train_on_batch(x, target)), 6) for _ in range(4)}
    assert len(losses) > 1


@every
@pytest.mark.parametrize("batch", [0, 1])
def test_small_batches(case: Case, batch: int) -> None:
    layer, x = made(case)
    few = case.inputs(batch=batch)
    y = case.call(layer, few)
    assert tuple(y.shape) == (batch, *case.call(layer, x).shape[1:])


@over([c for c in CASES if c.masks])
def test_masks_pass(case: Case) -> None:
    """A mask of the steps arrives at the next layer, eager and in a functional model."""
    layer = case.make(layers)
    steps = np.zeros((2, *case.shapes[0]), "float32")
    steps[:, :2] = 1.0
    expected = np.zeros(steps.shape[:2], bool)
    expected[:, :2] = True
    seen = []

    class Watch(keras.layers.Layer):
        def call(self, inputs: Any, mask: Any = None) -> Any:
            seen.append(mask)
            return inputs

    def masked(x: Any) -> Any:
        if not case.several:
            return layer(layers.Masking()(x))
        others = [layers.Masking()(x[..., : s[-1]]) for s in case.shapes[1:]]
        return layer([layers.Masking()(x), *others])

    Watch()(masked(ops.convert_to_tensor(steps)))
    np.testing.assert_array_equal(values(seen[-1]), expected)
    inputs = keras.Input(case.shapes[0])
    model = keras.Model(inputs, Watch()(masked(inputs)))
    seen.clear()
    model(steps)
    np.testing.assert_array_equal(values(seen[-1]), expected)


@every
def test_deepcopy(case: Case) -> None:
    layer, x = made(case)
    y = values(case.call(layer, x))
    twin = copy.deepcopy(layer)
    np.testing.assert_allclose(values(case.call(twin, x)), y, rtol=1e-6)
    for weight in twin.weights:
        weight.assign(weight.numpy() * 0 + 7)
    np.testing.assert_array_equal(values(case.call(layer, x)), y)


@every
def test_pickle(case: Case) -> None:
    layer, x = made(case)
    twin = pickle.loads(pickle.dumps(layer))
    np.testing.assert_allclose(values(case.call(twin, x)), values(case.call(layer, x)), rtol=1e-6)


def zeros(case: Case, shape: tuple[int, ...]) -> Any:
    return np.full(shape, "cat") if case.dtype == "string" else np.zeros(shape, case.dtype)


@pytest.mark.wide
@pytest.mark.parametrize(("case", "shapes"), [pytest.param(c, s, id=f"{c.id}-{s}") for c in CASES for s in c.refused()])
def test_wrong_input_names_the_layer(case: Case, shapes: tuple[tuple[int, ...], ...]) -> None:
    """Eager and symbolic, alone and in a model: what came, and the path of the layer."""
    layer, x = made(case)
    calls = [(lambda bad: layer(*bad)) if case.spread else layer]
    if len(shapes) == 1:
        calls.append(keras.Sequential([layer], name="outer"))
    for make in (lambda shape: zeros(case, shape), lambda shape: keras.KerasTensor(shape, case.dtype)):
        bad = case.nested([make(shape) for shape in shapes])
        for call in calls:
            with pytest.raises(ValueError) as caught:
                call(bad)
            text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
            assert layer.path in text
            assert any(str(s) in text or str((None, *s[1:])) in text for s in shapes)


def test_every_layer_has_wrong_inputs_or_takes_any() -> None:
    assert {c.name for c in CASES} == {c.name for c in CASES if c.wrong or c.free}
    assert [c.id for c in CASES if c.wrong and c.free] == []


@over([c for c in CASES if c.free])
def test_layers_that_take_inputs_of_any_rank(case: Case) -> None:
    layer, x = made(case)
    for shape in (x.shape[:1], x.shape[:-1] + (x.shape[-1] + 1,), (*x.shape, 3)):
        y = case.call(layer, zeros(case, shape))
        assert tuple(y.shape) == tuple(layer.compute_output_shape(shape))


def test_every_layer_is_in_the_list() -> None:
    """Layers of the public namespace, but for bases and those that others' lists hold."""
    public = {
        thing.__name__
        for thing in vars(layers).values()
        if isinstance(thing, type) and issubclass(thing, keras.Layer) and not thing.__name__.startswith("_")
    }
    bridges = {"FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"}  # each on its backend: test_bridges.py
    others = {"Layer", "DataLayer", "InputLayer", "Wrapper", *bridges}
    cells = {name for name in public if name.endswith(("Cell", "Cells"))}  # inside RNN
    listed = {type(c.make(layers)).__name__ for c in CASES}
    assert public - others - cells - listed == set()
