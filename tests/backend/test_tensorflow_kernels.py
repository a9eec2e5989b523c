"""TensorFlow on a CPU for which it has fewer kernels: it leaves oneDNN out where a CPU isn't recent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kerasfront

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(kerasfront.config.backend() != "tensorflow", reason="oneDNN's kernels are TensorFlow's choice")
@pytest.mark.parametrize(
    "tests",
    [
        pytest.param(["--pyargs", "kerasfront.testing", "--kerasfront-backend=tensorflow"], id="ops"),
        pytest.param(["tests/backend/test_layers.py"], id="layers"),
    ],
)
def test_convolutions_without_onednn(tests: list[str]) -> None:
    """Groups, dilations, their gradients and compiled steps: what Eigen's kernels lack is made of what they have."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", "onv", "-m", "not slow"],
        cwd=ROOT,
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
