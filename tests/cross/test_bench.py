"""`kerasfront bench` from end to end, on tiny rounds."""

import json
import os
import subprocess
import sys

import pytest

OWN = """
import numpy as np

def build(keras):
    model = keras.Sequential([keras.Input((5,), dtype="int32"), keras.layers.Embedding(7, 4), keras.layers.Flatten(),
                              keras.layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model

def with_data(keras):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model, np.ones((30, 2), "float32"), np.ones((30, 1), "float32")

def uncompiled(keras):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
"""


def bench(folder, *arguments):
    command = [sys.executable, "-c", "from kerasfront.cli import main; main()", "bench"]
    command += ["--clock", "cpu", "--rounds", "2", "--scale", "0.02"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "XLA_FLAGS": ""}
    done = subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow"])
def test_front_and_native_side_by_side(tmp_path, backend):
    arguments = ["--work", "mlp_small", "--backends", backend, "--json", "run.json", "--chart", "run.png"]
    if backend != "torch":
        arguments.append("--no-memory")
    status, output = bench(tmp_path, *arguments)
    assert status == 0, output
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["schema"] == "kerasfront-bench/1"
    found = run["backends"][backend]
    assert "cpu" in found["device"].lower()
    assert {"python", "kerasfront", "numpy"} <= set(found["versions"])
    row = found["rows"]["mlp_small"]
    assert set(row["sides"]) == {"front", "native"}
    for side in row["sides"].values():
        assert side["low"] <= side["median"] <= side["high"]
        assert len(side["rounds"]) == 2
        assert side["samples_per_s"] == pytest.approx(32e6 / side["median"])
        assert side["parameters"] == 784 * 128 + 128 + 128 * 10 + 10
        assert side["first_step_s"] > 0
        assert side["loss"][1] < side["loss"][0]
        assert ("peak_mb" in side) == (backend == "torch")
    if backend == "torch":
        assert all(side["peak_mb"] > 50 for side in row["sides"].values())
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert "mlp_small" in output and backend in output


def test_an_own_model_and_a_comparison(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    own = ["--backends", "torch", "--no-memory", "--batch", "4"]
    status, output = bench(tmp_path, *own, "--model", "mine.py:build", "--json", "a.json")
    assert status == 0, output
    row = json.loads((tmp_path / "a.json").read_text())["backends"]["torch"]["rows"]["mine:build"]
    assert row["batch"] == 4 and set(row["sides"]) == {"front"}

    old = json.loads((tmp_path / "a.json").read_text())
    side = old["backends"]["torch"]["rows"]["mine:build"]["sides"]["front"]
    side["rounds"] = [value / 100 for value in side["rounds"]]
    (tmp_path / "fast.json").write_text(json.dumps(old))
    status, output = bench(tmp_path, *own, "--model", "mine.py:build", "--compare", "fast.json")
    assert status == 1 and "1 of 1 rows got slower" in output

    old["machine"]["cpu"] = "Another"
    (tmp_path / "other.json").write_text(json.dumps(old))
    status, output = bench(tmp_path, *own, "--model", "mine.py:with_data", "--compare", "other.json")
    assert status == 1 and "Not compared" in output and "Another" in output


def test_an_own_model_that_is_not_compiled_is_an_error_that_says_so(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    status, output = bench(tmp_path, "--backends", "torch", "--no-memory", "--model", "mine.py:uncompiled")
    assert status == 1
    assert "return a compiled model" in output


def test_the_other_calls(tmp_path):
    status, output = bench(tmp_path, "--work", "calls,build", "--backends", "torch", "--json", "run.json")
    assert status == 0, output
    rows = json.loads((tmp_path / "run.json").read_text())["backends"]["torch"]["rows"]
    assert set(rows) == {
        "train_on_batch",
        "predict, one row",
        "predict, 32 rows",
        "predict_on_batch, one row",
        "model(x) eager, one row",
        "evaluate, a batch",
        "fit(), fixed cost",
        "predict(), fixed cost",
        "build 100 layers",
    }
    native = {name for name, row in rows.items() if "native" in row["sides"]}
    assert set(rows) - native == {"fit(), fixed cost", "predict(), fixed cost"}
