"""config.set_rng("portable"): the draws of every backend are equal bit for bit, eager and compiled, in one process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kerasfront.random as random
from kerasfront import config, contract, ops

SEED = 2**32 - 5
LOGITS = np.random.default_rng(0).normal(size=(3, 7)).astype("float32")
X = np.random.default_rng(1).normal(size=(64, 33)).astype("float32")
DRAWS = {
    "uniform": lambda: random.uniform((300, 70), -1.3, 2.9, seed=SEED),
    "uniform, float16": lambda: random.uniform((300,), -1.0, 3.0, dtype="float16", seed=SEED),
    "normal": lambda: random.normal((300, 70), 0.37, 1.91, seed=SEED),
    "normal, bfloat16": lambda: random.normal((300,), dtype="bfloat16", seed=SEED),
    "truncated_normal": lambda: random.truncated_normal((300, 70), 0.1, 0.7, seed=SEED),
    "randint": lambda: random.randint((1000,), -7, 12345, seed=SEED),
    "randint, int8": lambda: random.randint((1000,), -5, 9, dtype="int8", seed=SEED),
    "randint, uint32": lambda: random.randint((1000,), 5, 2**32 - 3, dtype="uint32", seed=SEED),
    "randint, all words": lambda: random.randint((1000,), -(2**31), 2**31, seed=SEED),
    "categorical": lambda: random.categorical(LOGITS, 500, seed=SEED),
    "dropout": lambda: random.dropout(X, 0.3, seed=SEED),
    "dropout by rows": lambda: random.dropout(X, 0.3, noise_shape=(None, 1), seed=SEED),
    "shuffle": lambda: random.shuffle(X, axis=-1, seed=SEED),
    "gamma": lambda: random.gamma((1000,), 2.5, seed=SEED),
    "beta": lambda: random.beta((1000,), 2.5, 0.5, seed=SEED),
    "binomial": lambda: random.binomial((1000,), 20, 0.3, seed=SEED),
}


@pytest.fixture(autouse=True)
def portable():
    config.set_rng("portable")
    yield
    config.set_rng("native")


def on(name, draw):
    """The draw on a backend, eager and in a compiled step."""
    with contract.rebound(contract.load(name)) as adapter:
        eager = ops.convert_to_numpy(draw())
        compiled = ops.convert_to_numpy(adapter.compile_step(draw, lambda: [])())
    return eager, compiled


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_bits_everywhere(name):
    want = on("numpy", DRAWS[name])[0]
    for backend in config.usable_backends():
        for way, got in zip(("eager", "compiled"), on(backend, DRAWS[name]), strict=True):
            assert got.dtype == want.dtype
            assert np.ascontiguousarray(got).tobytes() == np.ascontiguousarray(want).tobytes(), f"{backend}, {way}"


def test_they_are_not_the_native_ones():
    assert (ops.convert_to_numpy(DRAWS["normal"]()) != ops.convert_to_numpy(_native(DRAWS["normal"]))).any()


def _native(draw):
    config.set_rng("native")
    return draw()


# ---- in training --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """What `portable_steps.py` noted on each backend that trains."""
    folder = tmp_path_factory.mktemp("trainings")
    script = Path(__file__).parent / "portable_steps.py"
    out = {}
    for backend in ("torch", "jax", "tensorflow"):
        environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run([sys.executable, str(script), str(folder / f"{backend}.npz")], env=environment, check=True)
        with np.load(folder / f"{backend}.npz") as stored:
            out[backend] = dict(stored)
    return out


@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow"])
def test_dropout_in_a_compiled_step_draws_the_same_mask_everywhere(trainings, backend):
    """Each step its own, the one that an eager draw gives; also where several steps go in one dispatch."""
    generator = random.SeedGenerator(3)
    ones = np.ones(trainings[backend]["masks"].shape[1:], "float32")
    want = [ops.convert_to_numpy(random.dropout(ones, 0.5, seed=generator)) for _ in trainings[backend]["masks"]]
    assert trainings[backend]["masks"].tobytes() == np.stack(want).tobytes()
    assert (want[0] != want[1]).any() and set(np.unique(want)) == {0.0, 2.0}
    assert trainings[backend]["last mask"].tobytes() == want[-1].tobytes()
    assert trainings[backend]["count of draws"].tolist() == trainings["torch"]["count of draws"].tolist()
    assert trainings[backend]["count of draws"][1] == len(want)


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_losses_of_a_model_with_dropout_and_noise_agree(trainings, backend):
    for key in ("losses", "epochs"):
        assert len(np.unique(trainings["torch"][key])) == len(trainings["torch"][key])
        np.testing.assert_allclose(trainings[backend][key], trainings["torch"][key], rtol=1e-5)


# ---- across runs --------------------------------------------------------------------------------------------------

DIGESTS = """
import hashlib
from kerasfront import contract, ops, random
seed, x = 11, ops.reshape(ops.arange(24, dtype="float32"), (4, 6))
draws = [
    lambda: random.uniform((9,), seed=seed), lambda: random.normal((9,), seed=seed),
    lambda: random.truncated_normal((9,), seed=seed), lambda: random.randint((9,), 0, 99, seed=seed),
    lambda: random.categorical(x, 9, seed=seed), lambda: random.dropout(x, 0.5, seed=seed),
    lambda: random.shuffle(x, seed=seed), lambda: random.gamma((9,), 2.0, seed=seed),
    lambda: random.beta((9,), 2.0, 3.0, seed=seed), lambda: random.binomial((9,), 5, 0.5, seed=seed),
]
everything = lambda: [draw() for draw in draws]
for results in (everything(), contract.current().compile_step(everything, lambda: [])()):
    for y in results:
        print(hashlib.sha256(ops.convert_to_numpy(y).tobytes()).hexdigest())
"""


@pytest.mark.parametrize("backend", config.usable_backends())
def test_an_integer_seed_gives_the_same_numbers_in_every_run(backend, capsys):
    """Of every draw of the backend itself, eager and compiled: the bytes of another process and of this one."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", DIGESTS], env=environment, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 20
    config.set_rng("native")
    capsys.readouterr()
    with contract.rebound(contract.load(backend)):
        exec(DIGESTS, {})
    assert capsys.readouterr().out == done.stdout
