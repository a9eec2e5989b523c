"""Every layer of the list on one backend: `python layers_everywhere.py make|load FOLDER CASES [OTHER]`.

CASES are their places in the list, joined by commas. `make` writes, for each, a model of the layer as a .keras file,
and the outputs in inference (and in training, where nothing is drawn) in float32 and float64 to FOLDER/outputs.npz.
`load` reads the files in the folder OTHER, and writes what the models give to FOLDER/loaded.npz. A failure is written
as text in place of the output.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import kerasfront as keras
from kerasfront import layers
from kerasfront.testing.layers import CASES, Case


def made(case: Case) -> Any:
    """A model of the layer alone, with the same weights everywhere."""
    keras.utils.set_random_seed(1)
    inputs = case.nested([keras.Input(s, dtype=case.dtype) for s in case.shapes])
    model = keras.Model(inputs, case.call(case.make(layers), inputs))
    generator = np.random.default_rng(2)
    for weight in model.weights:
        if weight.trainable:
            weight.assign(generator.normal(size=weight.shape) * 0.5)
    return model


def output(model: Any, case: Case, training: bool) -> Any:
    return np.asarray(keras.ops.convert_to_numpy(model(case.inputs(), training=training)))


def noted(make: Callable[[], Any]) -> Any:
    """What `make` gives, or its traceback."""
    try:
        return make()
    except Exception:
        return np.array(traceback.format_exc())


def make(cases: list[Case], folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for case in cases:
        model = made(case)
        found[f"{case.id}/inference"] = noted(lambda m=model, c=case: output(m, c, False))
        if case.config:
            model.save(folder / f"{case.id}.keras")
        if case.training and not case.random:
            found[f"{case.id}/training"] = noted(lambda m=model, c=case: output(m, c, True))
    keras.config.set_dtype_policy("float64")
    for case in cases:
        if case.dtype == "float32":
            found[f"{case.id}/float64"] = noted(lambda c=case: output(made(c), c, False))
    return found


def load(cases: list[Case], other: Path) -> dict[str, Any]:
    def read(case: Case) -> Any:
        return output(keras.saving.load_model(other / f"{case.id}.keras"), case, False)

    return {f"{case.id}/inference": noted(lambda c=case: read(c)) for case in cases if case.config}


if __name__ == "__main__":
    what, folder, places, *other = sys.argv[1:]
    chosen = [CASES[int(place)] for place in places.split(",")]
    results = make(chosen, Path(folder)) if what == "make" else load(chosen, Path(*other))
    np.savez(Path(folder, "outputs.npz" if what == "make" else "loaded.npz"), **results)
