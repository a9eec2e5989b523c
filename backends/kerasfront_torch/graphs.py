"""A step as a CUDA graph: recorded once for batches of a shape, and launched as a whole afterwards.

A GPU is done with a kernel sooner than Python calls the next: a step of a thousand kernels that computes for 30 ms
takes 50. Launched as a graph it takes the 30. https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

import logging
import random as python_random
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from kerasfront import tree
from kerasfront_torch import random

# The number of calls that run normally before one is recorded: the first creates what is created once, the second is
# watched for what can't be recorded.
_AHEAD = 2
# At most so many shapes of batches get a graph; batches of other shapes run normally.
_SHAPES = 8
# A step that had to be recorded again this often is not recorded any more.
_RENEWALS = 16
_log = logging.getLogger("kerasfront")


@dataclass
class _Recorded:
    graph: torch.cuda.CUDAGraph
    inputs: list[torch.Tensor | None]
    outputs: Any
    draws: random.Recording
    storages: list[tuple[Any, torch.Tensor, bool]]

    def holds(self) -> bool:
        """Return whether the Variables are where they were when the step was recorded."""
        return all(v._value is storage and storage.requires_grad is grad for v, storage, grad in self.storages)

    def launch(self, leaves: Sequence[Any]) -> Any:
        for place, leaf in zip(self.inputs, leaves, strict=True):
            if place is not None:
                place.copy_(leaf, non_blocking=True)
        self.draws.seed()
        self.graph.replay()
        # The next launch writes into the same memory.
        return tree.map_structure(lambda x: x.clone() if isinstance(x, torch.Tensor) else x, self.outputs)


class Graphed:
    """A step that is recorded as a CUDA graph, where that is possible.

    It is not where something in the step waits for the device, draws on the host, or sets what it has read. Then it
    runs call by call, as it also does for the first batches of a shape.
    """

    def __init__(
        self,
        step: Callable[..., Any],
        variables: Callable[[], Sequence[Any]],
        reading: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.step, self.variables, self.reading = step, variables, reading
        self.graphs: dict[Any, _Recorded] = {}
        self.calls: dict[Any, int] = {}
        self.renewals, self.draws = 0, 0
        self.why: str | None = None  # why it can't be recorded
        self.pool: Any = None

    def __call__(self, *batch: Any) -> Any:
        leaves = tree.flatten(batch)
        if self.why is not None or not _recordable(leaves) or torch.cuda.is_current_stream_capturing():
            return self.step(*batch)
        shapes = tuple([None if x is None else (x.shape, x.dtype) for x in leaves])
        graph = self.graphs.get(shapes)
        if graph is not None and graph.holds():
            return graph.launch(leaves)
        if graph is None and len(self.graphs) >= _SHAPES:
            return self.step(*batch)
        times = self.calls[shapes] = self.calls.get(shapes, 0) + 1
        if times < _AHEAD:
            with self.reading():
                return self.step(*batch)
        if times == _AHEAD:
            return self._watched(batch)
        self.renewals += graph is not None
        if self.renewals > _RENEWALS:
            self._give_up(f"its Variables changed places {_RENEWALS} times")
            return self.step(*batch)
        self.graphs.pop(shapes, None)
        recorded = self._recorded(batch, leaves)
        if recorded is None:
            return self.step(*batch)
        self.graphs[shapes] = recorded
        return recorded.launch(leaves)

    def _watched(self, batch: Any) -> Any:
        """Run the step normally; return its result, and whether a recording would contain all that it does."""
        before, drawn, mode = _host_draws(), random.drawn.count, torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                with self.reading() as reads:
                    out = self.step(*batch)
            finally:
                torch.cuda.set_sync_debug_mode(mode)
        waits = [w for w in caught if "synchroniz" in str(w.message) and "prototype" not in str(w.message)]
        for warning in caught:
            if warning not in waits and "prototype" not in str(warning.message):
                warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        self.draws = random.drawn.count - drawn
        if waits:
            self._give_up(f"{waits[0].filename}:{waits[0].lineno} waits for the device")
        elif (reads is not None and reads.writes) or _host_draws() != before:
            self._give_up("it changes attributes of a layer, or draws on the host")
        return out

    def _give_up(self, why: str) -> None:
        self.why = why
        self.graphs.clear()
        _log.info("The step is not recorded as a CUDA graph: %s.", why)

    def _recorded(self, batch: Any, leaves: Sequence[Any]) -> _Recorded | None:
        inputs = [x if x is None else x.clone() for x in leaves]
        storages = [(v, v._value, v._value.requires_grad) for v in self.variables()]
        graph = torch.cuda.CUDAGraph()
        draws = random.Recording(graph, self.draws)
        if self.pool is None:
            self.pool = torch.cuda.graph_pool_handle()
        try:
            # Other threads copy batches while this one records.
            with torch.cuda.graph(graph, pool=self.pool, capture_error_mode="thread_local"), draws:
                outputs = self.step(*tree.pack_sequence_as(batch, inputs))
        except Exception as error:  # run normally, the step may not fail, or it raises the error again
            draws.undo()
            self._give_up(str(error))
            return None
        return _Recorded(graph, inputs, outputs, draws, storages)


def _recordable(leaves: Sequence[Any]) -> bool:
    tensors = [x for x in leaves if x is not None]
    return bool(tensors) and all(
        isinstance(x, torch.Tensor) and x.is_cuda and x.layout is torch.strided and not x.is_nested for x in tensors
    )


def _host_draws() -> Any:
    """Return the states of Python's and NumPy's generators, which a draw changes."""
    name, words, place, *_ = np.random.get_state()
    return python_random.getstate(), words.tobytes() if isinstance(words, np.ndarray) else words, place
