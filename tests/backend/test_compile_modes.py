"""How often a step is compiled, that it computes the same, and what fit says of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers

pytestmark = pytest.mark.trains
BACKEND = keras.config.backend()
# On torch the step is compiled only where that is asked for.
JIT: Any = True if BACKEND == "torch" else "auto"
SIZE = 8


class Counter(layers.Layer):
    """Python of a layer runs whenever the step is traced."""

    def __init__(self, programs: list[Any]) -> None:
        super().__init__()
        self.note = programs.append

    def call(self, inputs: Any) -> Any:
        rows = inputs.shape[0]
        if not isinstance(inputs, keras.KerasTensor) and (rows is None or rows <= SIZE):  # else shapes are inferred
            self.note(rows)
        return inputs


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Grows by one whenever a program is made: on torch, whose tracer keeps appends to itself, by its backend's."""
    made: list[Any] = []
    if BACKEND == "torch":
        torch = importlib.import_module("torch")
        compiler = torch.compile
        torch.compiler.reset()  # it remembers which sizes changed in other tests

        def backend(graph: Any, inputs: Any) -> Any:
            made.append(graph)
            return graph.forward

        monkeypatch.setattr(torch, "compile", lambda step: compiler(step, backend=backend))
    return made


def model_that_counts(programs: list[Any], **options: Any) -> Any:
    counter = layers.Identity() if BACKEND == "torch" else Counter(programs)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, use_bias=False),
            counter,
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"], jit_compile=JIT, **options)
    programs.clear()  # building the model is none of them
    return model


def data(rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.random((rows, 4), dtype="float32"), rng.random((rows, 1), dtype="float32")


@pytest.mark.parametrize("together", [1, 4])
def test_a_program_for_each_shape_and_never_again(programs: list[Any], together: int) -> None:
    """Full batches, the last one, and several full ones in a dispatch, where the backend has that."""
    model = model_that_counts(programs, steps_per_execution=together)
    kinds = 2 + (together > 1 and BACKEND != "torch")
    x, y = data(6 * SIZE + 3)

    def made(run: Callable[[], Any]) -> int:
        programs.clear()
        run()
        return len(programs)

    fit = lambda **options: model.fit(x, y, batch_size=SIZE, verbose=0, **options)  # noqa: E731
    assert made(lambda: fit(epochs=3)) == kinds
    assert made(lambda: fit(epochs=2)) == 0
    # torch remembers that the number of rows has changed, and may make one program for any number from then on.
    few = (1,) if BACKEND == "torch" else ()
    assert made(lambda: fit(epochs=2, validation_data=(x, y))) in (*few, kinds)
    assert made(lambda: fit(epochs=2, validation_data=(x, y))) == 0
    assert made(lambda: model.evaluate(x, y, batch_size=SIZE, verbose=0)) == 0
    assert made(lambda: model.predict(x, batch_size=SIZE, verbose=0)) in (*few, 2)
    assert made(lambda: model.predict(x, batch_size=SIZE, verbose=0)) == 0
    for on_batch in (model.train_on_batch, model.test_on_batch):  # these begin with the metrics
        one = partial(on_batch, x[:SIZE], y[:SIZE])
        assert made(lambda: (one(), one())) <= 1  # noqa: B023
        assert made(one) == 0
    assert made(lambda: model.predict_on_batch(x[:SIZE])) == 0


def test_last_batches_of_many_sizes(programs: list[Any]) -> None:
    """One more program serves them all; JAX, whose shapes are fixed, makes one for each."""
    model = model_that_counts(programs)
    rests = [3, 5, 2, 6, 3, 5]
    for rest in rests:
        x, y = data(2 * SIZE + rest)
        model.fit(x, y, batch_size=SIZE, verbose=0)
    assert len(programs) == 1 + (len(set(rests)) if BACKEND == "jax" else 1)


def test_another_model_is_compiled_too(programs: list[Any]) -> None:
    """What a framework keeps for a piece of code is not used up by the models that came before."""
    x, y = data(2 * SIZE)
    for _ in range(9):
        counter = layers.Identity() if BACKEND == "torch" else Counter(programs)
        model = keras.Sequential([keras.Input((4,)), counter, layers.Dense(1)])
        model.compile("sgd", "mse", jit_compile=JIT)
        programs.clear()
        model.fit(x, y, batch_size=SIZE, verbose=0)
        assert len(programs) == 1


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "RMSprop", "Muon"])
def test_every_rule_is_in_the_program(programs: list[Any], name: str) -> None:
    """Whatever the optimizer does, with a schedule, a clipped norm and averages, breaks no program in two."""
    rate = keras.optimizers.schedules.ExponentialDecay(0.01, 5, 0.9)
    optimizer = getattr(keras.optimizers, name)(rate, clipnorm=1.0, use_ema=True, ema_overwrite_frequency=2)
    counter = layers.Identity() if BACKEND == "torch" else Counter(programs)
    model = keras.Sequential([keras.Input((4,)), counter, layers.Dense(1)])
    model.compile(optimizer, "mse", jit_compile=JIT)
    programs.clear()
    model.fit(*data(3 * SIZE), batch_size=SIZE, epochs=2, verbose=0)
    assert len(programs) == 1


def test_compiled_training_is_eager_training(programs: list[Any]) -> None:
    """The same draws, the same updates, also of what isn't trained, and the same metrics."""
    x, y = data(3 * SIZE + 2)

    def trained(**options: Any) -> tuple[dict[str, Any], list[Any]]:
        keras.utils.set_random_seed(2)
        model = model_that_counts([])
        model.compile("adam", "mse", metrics=["mae"], **options)
        history = model.fit(x, y, batch_size=SIZE, epochs=2, validation_data=(x, y), verbose=0)
        return history.history, model.get_weights()

    (eager, weights), (compiled, after) = trained(run_eagerly=True), trained(jit_compile=True)
    assert eager.keys() == compiled.keys()
    for key, expected in eager.items():
        np.testing.assert_allclose(compiled[key], expected, rtol=1e-4, err_msg=key)
    for weight, expected in zip(after, weights, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-5)


PICKED = {"jax": "compiled with XLA", "tensorflow": "as a graph", "torch": "eagerly"}


def test_fit_says_what_auto_picked(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, where there is one for each epoch; once for each compile()."""
    x, y = data(SIZE)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])

    def said(verbose: Any = 2, **options: Any) -> list[str]:
        if options:
            model.compile("sgd", "mse", **options)
        model.fit(x, y, verbose=verbose)
        return [line for line in capsys.readouterr().out.splitlines() if "runs" in line]

    assert said(verbose=0, jit_compile="auto") == []
    (line,) = said()
    assert line.startswith(f"The step runs {PICKED[BACKEND]}")
    assert said() == []
    assert said(jit_compile="auto") == [line]
    assert said(jit_compile=False) == [] == said(run_eagerly=True)


def test_fit_says_which_layer_can_not_be_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    class OnTheHost(layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="on_the_host")
            self.supports_jit = False

        def call(self, inputs: Any) -> Any:
            return inputs

    x, y = data(SIZE)
    model = keras.Sequential([keras.Input((4,)), OnTheHost(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=2)
    assert "the layer 'on_the_host' can't be compiled.\n" in capsys.readouterr().out


def test_portable_draws_of_a_compiled_step_are_those_of_a_step_that_is_not() -> None:
    def losses(**options: Any) -> list[float]:
        keras.utils.set_random_seed(3)
        noise = [layers.GaussianNoise(0.1), layers.Dropout(0.5)]
        model = keras.Sequential([keras.Input((4,)), *noise, layers.Dense(1)])
        model.compile("sgd", "mse", **options)
        x, y = data(2 * SIZE)
        return model.fit(x, y, batch_size=SIZE, epochs=2, verbose=0).history["loss"]

    before = keras.config.rng()
    keras.config.set_rng("portable")
    try:
        np.testing.assert_allclose(losses(jit_compile=True), losses(run_eagerly=True), rtol=1e-5)
    finally:
        keras.config.set_rng(before)
