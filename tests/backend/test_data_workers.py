"""Layers that draw, in the worker processes of a torch DataLoader, in threads, and in parallel calls of tf.data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch  # before TensorFlow, on every backend

import tensorflow as tf  # isort: skip

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.random import SeedGenerator
from kerasfront.random.seed_generator import global_seed_generator

ROWS = 8


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


class Rows:
    """The same picture in every row, through a layer that makes it brighter or darker."""

    def __init__(self) -> None:
        self.layer = layers.RandomBrightness(0.5, value_range=(0.0, 1.0), seed=3)
        self.picture = np.full((2, 2, 3), 0.5, "float32")

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> Any:
        return float(values(self.layer(self.picture, training=True))[0, 0, 0])


def test_workers_and_epochs_draw_differently() -> None:
    # A process in which JAX or TensorFlow runs threads can't be forked safely: there it has no workers.
    workers = 2 if keras.config.backend() in ("torch", "numpy") else 0
    torch.manual_seed(0)
    loader = torch.utils.data.DataLoader(Rows(), batch_size=2, num_workers=workers)
    drawn = [value for _ in range(2) for batch in loader for value in batch.tolist()]
    assert len(set(drawn)) == 2 * ROWS
    torch.manual_seed(0)
    again = torch.utils.data.DataLoader(Rows(), batch_size=2, num_workers=workers)
    assert [value for batch in again for value in batch.tolist()] == drawn[:ROWS]


class Drawn(layers.DataLayer):
    """Keys, as integers."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = SeedGenerator(7)

    def call(self, inputs: Any) -> Any:
        return ops.stack([inputs * 0 + ops.cast(self.generator.next()[1], "int32") for _ in range(8)])


@pytest.fixture
def many_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_draw_different_keys(many_switches: None) -> None:
    own = SeedGenerator(7)
    for generator in (own, global_seed_generator()):
        with ThreadPoolExecutor(8) as pool:
            keys = pool.map(lambda _, g=generator: [values(g.next()).tolist() for _ in range(50)], range(16))
        distinct = {tuple(key) for some in keys for key in some}
        assert len(distinct) == 800
    assert own.state.numpy().tolist() == [7, 800]


def test_layers_in_threads_draw_different_values(many_switches: None) -> None:
    layer = layers.GaussianNoise(1.0, seed=3)
    zeros = np.zeros((4,), "float32")
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda _: values(layer(zeros, training=True)).tolist(), range(400)))
    assert len(set(map(tuple, rows))) == 400


def test_parallel_calls_of_tf_data_draw_different_keys(many_switches: None) -> None:
    layer = Drawn()
    data = tf.data.Dataset.from_tensors(np.int32(0)).repeat(1000)
    keys = [k for found in data.map(layer, num_parallel_calls=8) for k in found.numpy().tolist()]
    assert sorted(keys) == list(range(8000))
    one_by_one = [k for found in data.take(4).map(layer) for k in found.numpy().tolist()]
    assert one_by_one == list(range(8000, 8032))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="There is no fork.")
def test_a_fork_leaves_no_lock_taken() -> None:
    """Not even while another thread is drawing."""
    script = """
import os, threading
import kerasfront as keras
generator, over = keras.random.SeedGenerator(1), threading.Event()
def draw():
    while not over.is_set():
        generator.next()
thread = threading.Thread(target=draw)
thread.start()
for _ in range(50):
    child = os.fork()
    if not child:
        generator.next()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
over.set()
"""
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}  # the others' own threads don't survive a fork
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=60)
