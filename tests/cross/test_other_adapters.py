"""A model made on one backend runs on the adapter of another, in the same process: eagerly, compiled, and exported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("other_adapters.py")
MODELS = ("cnn", "transformer", "lstm", "named")


def run(made: str, other: str, how: str) -> list[str]:
    """The models that give the same on both, which are all: the script compares, and fails at the first difference."""
    environment = {**os.environ, "KERAS_BACKEND": made, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(SCRIPT), other, how]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("made", "other"),
    [("numpy", "torch"), ("numpy", "jax"), ("numpy", "tensorflow"), ("torch", "jax"), ("jax", "torch")],
)
def test_it_predicts_the_same(made: str, other: str) -> None:
    assert run(made, other, "eager") == [f"{name} eager ok" for name in MODELS]


@pytest.mark.slow
@pytest.mark.parametrize(("made", "other"), [("numpy", "torch"), ("torch", "jax"), ("jax", "tensorflow")])
def test_it_predicts_the_same_when_the_framework_compiles_it(made: str, other: str) -> None:
    assert run(made, other, "compiled") == [f"{name} compiled ok" for name in MODELS]


@pytest.mark.slow
@pytest.mark.parametrize(("made", "other"), [("jax", "torch"), ("torch", "torch"), ("numpy", "jax"), ("jax", "jax")])
def test_it_is_exported_with_sizes_that_are_symbols(made: str, other: str) -> None:
    assert run(made, other, "exported") == [f"{name} exported ok" for name in MODELS]
