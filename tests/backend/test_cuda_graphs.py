"""When torch records and launches steps, with a graph that counts in place of CUDA's; tests/gpu has the real ones."""

from contextlib import contextmanager

import pytest

from kerasfront import config

pytestmark = pytest.mark.skipif(config.backend() != "torch", reason="CUDA graphs are torch's")


class Graph:
    made: list["Graph"] = []

    def __init__(self):
        self.launches = 0
        Graph.made.append(self)

    def replay(self):
        self.launches += 1

    def register_generator_state(self, generator):
        pass


@contextmanager
def recording(graph, **kwargs):
    yield


@pytest.fixture
def graphs(monkeypatch):
    import torch

    from kerasfront_torch import graphs

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda mode: None)
    monkeypatch.setattr(graphs, "_recordable", lambda leaves: True)
    Graph.made = []
    return graphs


class Counter:
    """A step: how often it ran, and how often what it reads was noted."""

    def __init__(self):
        self.runs, self.noted, self.writes = 0, 0, False

    def __call__(self, x, y=None):
        self.runs += 1
        return x + 1

    @contextmanager
    def reading(self):
        self.noted += 1
        yield self


def made(graphs):
    import torch

    step = Counter()
    return step, graphs.Graphed(step, lambda: [], step.reading), torch


def test_two_runs_then_one_recording_then_launches(graphs):
    step, run, torch = made(graphs)
    for i in range(6):
        run(torch.full((2,), float(i)), None)
    assert step.runs == 3 and step.noted == 2 and [graph.launches for graph in Graph.made] == [4]
    recorded = next(iter(run.graphs.values()))
    assert recorded.inputs[0].tolist() == [5.0, 5.0] and recorded.inputs[1] is None


def test_a_graph_for_each_of_some_shapes(graphs):
    step, run, torch = made(graphs)
    for _ in range(5):
        for rows in range(1, 12):
            run(torch.ones(rows))
    assert len(Graph.made) == graphs._SHAPES and run.why is None
    assert sum(graph.launches for graph in Graph.made) == 3 * graphs._SHAPES


def test_a_step_that_sets_what_it_reads_is_never_recorded(graphs):
    step, run, torch = made(graphs)
    step.writes = True
    for _ in range(5):
        run(torch.ones(2))
    assert step.runs == 5 and not Graph.made and "changes" in run.why


def test_a_step_that_draws_with_numpy_is_never_recorded(graphs):
    import numpy as np

    step, run, torch = made(graphs)
    inner = graphs.Graphed(lambda x: x * float(np.random.uniform()), lambda: [], step.reading)
    assert len({float(inner(torch.ones(()))) for _ in range(5)}) == 5 and not Graph.made


def test_a_recording_that_fails_leaves_the_step_as_it_was(graphs, monkeypatch):
    @contextmanager
    def failing(graph, **kwargs):
        yield
        raise RuntimeError("operation not permitted when stream is capturing")

    step, run, torch = made(graphs)
    monkeypatch.setattr(torch.cuda, "graph", failing)
    for _ in range(5):
        assert run(torch.ones(2)).tolist() == [2.0, 2.0]
    assert "not permitted" in run.why and step.runs == 6  # the recording ran nothing on the device


def test_a_variable_that_got_other_storage_is_recorded_anew(graphs):
    import torch

    import kerasfront as keras

    variable = keras.Variable(torch.ones(2))
    run = graphs.Graphed(lambda x: x * variable.value, lambda: [variable])
    for _ in range(4):
        run(torch.ones(2))
    assert len(Graph.made) == 1
    variable._value = torch.nn.Parameter(torch.ones(2))
    run(torch.ones(2))
    assert len(Graph.made) == 2
    variable._value.requires_grad_(False)
    run(torch.ones(2))
    assert len(Graph.made) == 3
