"""Every initializer draws the same bits on every backend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np


def test_initializers_are_equal_bit_for_bit(tmp_path: Path) -> None:
    drawn = {}
    for name in ("numpy", "torch", "jax", "tensorflow"):
        environment = {**os.environ, "KERAS_BACKEND": name, "TF_CPP_MIN_LOG_LEVEL": "3"}
        script = Path(__file__).parent / "initial_values.py"
        subprocess.run([sys.executable, str(script), str(tmp_path / f"{name}.npz")], env=environment, check=True)
        with np.load(tmp_path / f"{name}.npz") as stored:
            drawn[name] = dict(stored)
    assert len(drawn["numpy"]) == 100
    for name in ("torch", "jax", "tensorflow"):
        assert drawn[name].keys() == drawn["numpy"].keys()
        for key, value in drawn["numpy"].items():
            np.testing.assert_array_equal(drawn[name][key], value, err_msg=f"{name}: {key}")
