"""One seed gives the same weights bit for bit, and curves that stay together, on every backend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BACKENDS = ("torch", "jax", "tensorflow")
MODELS = ("mlp", "cnn", "lstm", "transformer")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("curves")
    script = Path(__file__).parent / "curves.py"
    out = {}
    for name in BACKENDS:
        environment = {**os.environ, "KERAS_BACKEND": name, "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run([sys.executable, str(script), str(folder / f"{name}.npz")], env=environment, check=True)
        with np.load(folder / f"{name}.npz") as stored:
            out[name] = dict(stored)
    return out


@pytest.mark.parametrize("other", BACKENDS[1:])
def test_initial_weights_are_equal_bit_for_bit(runs: dict[str, dict[str, Any]], other: str) -> None:
    keys = [k for k in runs["torch"] if "/weights/" in k]
    assert keys
    for key in keys:
        np.testing.assert_array_equal(runs[other][key], runs["torch"][key], err_msg=key)


@pytest.mark.parametrize(("optimizer", "tolerance"), [("SGD", 1e-4), ("Adam", 1e-3)])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("other", BACKENDS[1:])
def test_curves_agree(
    runs: dict[str, dict[str, Any]], other: str, model: str, optimizer: str, tolerance: float
) -> None:
    ours, theirs = runs[other][f"{model}/{optimizer}/losses"], runs["torch"][f"{model}/{optimizer}/losses"]
    assert len(ours) == 20
    np.testing.assert_allclose(ours, theirs, rtol=tolerance)
