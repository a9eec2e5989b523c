"""Every layer gives the same on all backends, and in a file it goes from one to the next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasfront.testing.layers import CASES
from kerasfront.testing.selection import Selection, backend_number

SCRIPT = Path(__file__).with_name("layers_everywhere.py")
BACKENDS = ("numpy", "torch", "jax", "tensorflow")
# Who reads whose files: each writes once and reads once.
READS = {"torch": "numpy", "jax": "torch", "tensorflow": "jax", "numpy": "tensorflow"}
# In float64 nothing but the order of sums is left to differ; in float32 a sum of a few hundred numbers rounds.
TOLERANCES = {"inference": 2e-5, "training": 2e-5, "float64": 1e-9}
# Under any policy: quotients of counts, which are integers, and the filters of a Mel spectrogram.
FLOAT32_INSIDE = ("Equalization", "ContrastLimitedAdaptiveHistogramEqualization", "MelSpectrogram")


def run(backend: str, *arguments: str) -> None:
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "JAX_ENABLE_X64": "1",  # else it computes what is asked for in float64 in float32
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }
    command = [sys.executable, str(SCRIPT), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def read(path: Path) -> dict[str, Any]:
    with np.load(path) as stored:
        return dict(stored)


def places(name: str, selection: Selection) -> list[int]:
    """Which cases of the list a backend computes and writes: NumPy, with which the others are compared, every one."""
    every = list(range(len(CASES)))
    return every if name == "numpy" else selection.of(every, backend_number(name))


def joined(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, selection: Selection) -> dict[str, Path]:
    made = {name: tmp_path_factory.mktemp(name) for name in BACKENDS}
    for name, folder in made.items():
        run(name, "make", str(folder), joined(places(name, selection)))
    return made


def differences(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """By key what is wrong: a traceback, a dtype or shape, or how far values are apart, where that is too far."""
    wrong: dict[str, Any] = {}
    for key, value in found.items():
        reference = expected[key]
        if value.dtype.kind in "US":
            wrong[key] = str(value)
        elif (value.dtype, value.shape) != (reference.dtype, reference.shape):
            wrong[key] = (value.dtype, value.shape), (reference.dtype, reference.shape)
        elif value.dtype.kind != "f":
            if not np.array_equal(value, reference):
                wrong[key] = value, reference
        else:
            scale = max(1.0, float(np.abs(reference).max(initial=0)))
            distance = float(np.abs(value - reference).max(initial=0)) / scale
            name, _, kind = key.rpartition("/")
            if not distance <= TOLERANCES["inference" if name in FLOAT32_INSIDE else kind]:
                wrong[key] = distance
    return wrong


@pytest.mark.parametrize("name", BACKENDS[1:])
def test_layers_agree(name: str, folders: dict[str, Path], selection: Selection) -> None:
    """In inference, in training where nothing is drawn, and in float64 to nine digits."""
    ours, reference = (read(folders[b] / "outputs.npz") for b in (name, "numpy"))
    chosen = {CASES[place].id for place in places(name, selection)}
    assert ours.keys() == {key for key in reference if key.rpartition("/")[0] in chosen} and len(ours) > len(chosen)
    assert differences(ours, reference) == {}


def test_the_reference_has_no_failures(folders: dict[str, Path]) -> None:
    reference = read(folders["numpy"] / "outputs.npz")
    assert len(reference) > 300
    assert {k: str(v) for k, v in reference.items() if v.dtype.kind in "US"} == {}


@pytest.mark.parametrize("reader", READS)
def test_what_one_saves_another_loads(reader: str, folders: dict[str, Path], selection: Selection) -> None:
    """A reader takes its turn of the cases where the writer wrote all, else all that it wrote."""
    writer = READS[reader]
    chosen = places(reader if writer == "numpy" else writer, selection)
    run(reader, "load", str(folders[reader]), joined(chosen), str(folders[writer]))
    found = read(folders[reader] / "loaded.npz")
    assert len(found) == sum(CASES[place].config for place in chosen)
    assert differences(found, read(folders[writer] / "outputs.npz")) == {}
