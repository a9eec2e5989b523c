"""Making a functional model of many layers, and writing and reading a model of 100 MB."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from kerasfront_bench import sides
from kerasfront_bench.native import programs
from kerasfront_bench.timing import Row, Timer

LAYERS = 100
_WIDTH = 2048


def _libraries(job: dict[str, Any]) -> dict[str, Any]:
    names = ("front", "keras") if job["keras"] else ("front",)
    return {name: importlib.import_module(sides.FRONTS[name]) for name in names}


def functional(keras: Any, layers: int = LAYERS, width: int = 64) -> Any:
    """Return a functional model of Dense layers in a row."""
    x = inputs = keras.Input((width,))
    for _ in range(layers):
        x = keras.layers.Dense(width, activation="relu")(x)
    return keras.Model(inputs, x)


def measure_build(backend: str, timer: Timer, job: dict[str, Any]) -> Iterator[tuple[str, Row]]:
    """Yield the row of a functional model of a hundred layers, against the framework's own layers or arrays."""
    functions: dict[str, Callable[[], Any]] = {
        name: partial(functional, keras) for name, keras in _libraries(job).items()
    }
    module = programs(backend)
    if module is not None:
        functions["native"] = partial(module.stack, LAYERS, 64)
    for function in functions.values():
        function()
    ordered = {name: functions[name] for name in sides.ORDER if name in functions}
    yield f"build {LAYERS} layers", timer.interleave(ordered, unit="ms")


def measure_files(backend: str, timer: Timer, job: dict[str, Any]) -> Iterator[tuple[str, Row]]:
    """Yield the rows of writing and reading 100 MB in each format, against the same arrays in safetensors."""
    count = max(1, round(6 * min(1.0, job["scale"])))
    models = {}
    for name, keras in _libraries(job).items():
        models[name] = (keras, keras.Sequential([keras.Input((_WIDTH,)), *_dense(keras, count)]))
    arrays = {str(i): np.random.default_rng(i).standard_normal((_WIDTH, _WIDTH + 1), np.float32) for i in range(count)}
    with tempfile.TemporaryDirectory() as folder:
        for suffix, what in ((".keras", "model"), (".weights.h5", "weights, .h5"), (".safetensors", "weights, .st")):
            save: dict[str, Callable[[], Any]] = {}
            load: dict[str, Callable[[], Any]] = {}
            for name, (keras, model) in models.items():
                if name == "keras" and suffix == ".safetensors":
                    continue
                path = str(Path(folder, name + suffix))
                save[name], load[name] = _save_and_load(keras, model, path)
            path = str(Path(folder, "native.safetensors"))
            save["native"], load["native"] = partial(save_file, arrays, path), partial(load_file, path)
            megabytes = 4e-6 * count * _WIDTH * (_WIDTH + 1)
            for verb, functions in (("save", save), ("load", load)):
                for function in functions.values():
                    function()
                ordered = {name: functions[name] for name in sides.ORDER if name in functions}
                yield f"{verb} {what}", timer.interleave(ordered, unit="ms") | {"megabytes": megabytes}


def _dense(keras: Any, count: int) -> list[Any]:
    return [keras.layers.Dense(_WIDTH) for _ in range(count)]


def _save_and_load(keras: Any, model: Any, path: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    if path.endswith(".keras"):
        return lambda: model.save(path), lambda: keras.saving.load_model(path)
    return lambda: model.save_weights(path), lambda: model.load_weights(path)
