"""A model made on one backend runs on the adapter of another, in the same process: eagerly, compiled, and exported.

Exported means by the framework's exporter, whose sizes are symbols: `torch.export`, `jax.export`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("other_adapters.py")
MODELS = ("cnn", "transformer", "lstm", "named")


def run(made: str, *arguments: str) -> list[str]:
    """What the script prints: each model that gives the same on both. It fails at the first difference."""
    environment = {**os.environ, "KERAS_BACKEND": made, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(SCRIPT), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("made", "other", "hows"),
    [
        ("numpy", "torch", ("eager", "exported")),
        ("numpy", "jax", ("eager",)),
        ("torch", "jax", ("eager", "compiled", "exported")),
        ("jax", "torch", ("eager",)),
        ("jax", "tensorflow", ("eager", "compiled")),
    ],
)
def test_a_model_predicts_the_same(made: str, other: str, hows: tuple[str, ...]) -> None:
    assert run(made, other, *hows) == [f"{name} {how} ok" for name in MODELS for how in hows]


@pytest.mark.slow
@pytest.mark.parametrize(("made", "other"), [("numpy", "torch"), ("torch", "jax")])
def test_every_layer_gives_the_same(made: str, other: str) -> None:
    run(made, other, "layers")
