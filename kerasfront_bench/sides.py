"""A side of a measurement: the same workload over kerasfront, over Keras, or written by hand."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasfront_bench.native import programs
from kerasfront_bench.workloads import Workload

FRONTS = {"front": "kerasfront", "keras": "keras"}
ORDER = ("front", "native", "keras")


class NativeSide:
    """The hand-written program."""

    def __init__(self, backend: str, workload: Workload) -> None:
        self.program = programs(backend).Program(workload)
        self.workload, self.rng = workload, np.random.default_rng(1)
        self.losses: list[float] = []

    def train(self, x: Any, y: Any) -> None:
        """Train one epoch. The device is done when this returns, since the loss is read."""
        self.losses.append(self.program.train_epoch(x, y, self.workload.batch, self.rng)[0])

    def parameters(self) -> int:
        return int(self.program.parameter_count())


class FrontSide:
    """A compiled model of kerasfront or of Keras, trained by fit()."""

    def __init__(self, library: str, backend: str, workload: Workload) -> None:
        self.keras = importlib.import_module(library)
        if self.keras.backend.backend() != backend:
            raise RuntimeError(f"{library} runs on {self.keras.backend.backend()}, not on {backend}.")
        self.workload, self.wait = workload, waiting(backend)
        self.keras.utils.set_random_seed(0)
        self.model = workload.compiled(self.keras)
        self.losses: list[float] = []

    def train(self, x: Any, y: Any) -> None:
        """Train one epoch, until the device is done."""
        history = self.model.fit(x, y, batch_size=self.workload.batch, epochs=1, verbose=0)
        self.wait([variable.value for variable in self.model.trainable_variables])
        self.losses.append(float(history.history["loss"][-1]))

    def parameters(self) -> int:
        return int(self.model.count_params())


Side = NativeSide | FrontSide


def waiting(backend: str) -> Callable[[Any], Any]:
    """Return the function that waits until the device has computed a value."""
    module = programs(backend)
    return module.wait if module is not None else lambda value: None


def make(name: str, backend: str, workload: Workload) -> Side:
    """Make the side "front", "keras" or "native" of a workload."""
    return NativeSide(backend, workload) if name == "native" else FrontSide(FRONTS[name], backend, workload)


def names(backend: str, workload: Workload, keras: bool) -> list[str]:
    """Return the sides that a workload has on a backend."""
    native = workload.loss != "own" and programs(backend) is not None
    return ["front", *(["native"] if native else []), *(["keras"] if keras and not workload.custom else [])]


def warmed_up(side: Side, x: Any, y: Any, first: int) -> dict[str, float]:
    """Train until compilation is over. Return the seconds of the first step, and of the whole warm-up.

    The first step is one batch of `first` samples. At least two whole rounds follow, until a round is no faster than
    the one before: a front may compile a second program, of several steps, once it has seen how short a step is.
    """
    start = time.perf_counter()
    side.train(_head(x, first), _head(y, first))
    first_step = time.perf_counter() - start
    times: list[float] = []
    while len(times) < 2 or (times[-1] < 0.7 * times[-2] and len(times) < 5):
        begin = time.perf_counter()
        side.train(x, y)
        times.append(time.perf_counter() - begin)
    return {"first_step_s": first_step, "warm_up_s": time.perf_counter() - start - times[-1]}


def _head(value: Any, count: int) -> Any:
    if isinstance(value, dict):
        return {key: _head(item, count) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_head(item, count) for item in value)
    return value[:count]
