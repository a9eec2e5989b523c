"""Which adapters and ops the tests run over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from kerasfront import contract, settings
from kerasfront.ops.declare.op import OPS
from kerasfront.ops.declare.runtime import runtime
from kerasfront.testing import cases
from kerasfront.testing import selection as selecting
from kerasfront.testing.adapters import adapters, chosen


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than a few seconds; left out by `-m 'not slow'`")
    config.addinivalue_line("markers", selecting.MARKER)


def pytest_pycollect_makemodule(parent: pytest.Collector) -> None:
    """Load the adapters before the first module of the suite is imported.

    Not when pytest starts: a run over other files, to whose folders this one belongs, has a backend of its own.
    """
    # JAX makes no 64-bit types unless it is told to before it is imported; the suite tests them.
    os.environ.setdefault("JAX_ENABLE_X64", "true")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    names = chosen(parent.config)
    adapters(names)
    if runtime.adapter is None:
        settings.set_backend(names[0])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test for each adapter, and for each of the ops that `op_if` of the test function picks."""
    names = chosen(metafunc.config)
    if "trainer" in metafunc.fixturenames:
        trainers = [a.name for a in adapters(names) if "gradients" in a.capabilities]
        metafunc.parametrize("trainer", trainers, indirect=True, scope="session")
    if "adapter" in metafunc.fixturenames and "trainer" not in metafunc.fixturenames:
        metafunc.parametrize("adapter", names, indirect=True, scope="session")
    if "op" in metafunc.fixturenames:
        op_if = getattr(metafunc.function, "op_if", lambda op: True)
        with contract.rebound(adapters(names)[0]):
            metafunc.parametrize("op", [op for op in OPS.values() if op_if(op)], ids=lambda op: op.name)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of gradients if no chosen adapter has gradients, instead of skipping them."""
    without = [item for item in items if "trainer" in getattr(item, "fixturenames", ()) and not _parameter(item)]
    if without:
        items[:] = [item for item in items if item not in without]
        config.hook.pytest_deselected(items=without)


def _parameter(item: Any) -> bool:
    return isinstance(item.callspec.params.get("trainer"), str)


@pytest.fixture(scope="session")
def selection(request: pytest.FixtureRequest) -> selecting.Selection:
    """Return which cases a test with a loop of its own runs."""
    return selecting.selection(request.config)


def _bound(name: str, config: pytest.Config) -> Iterator[Any]:
    adapter = next(a for a in adapters(chosen(config)) if a.name == name)
    cases.check_64_bit(adapter)
    with contract.rebound(adapter):
        yield adapter


@pytest.fixture(scope="session")
def adapter(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return an adapter, to which the ops are bound while its tests run."""
    if "trainer" in request.fixturenames:
        yield request.getfixturevalue("trainer")
    else:
        yield from _bound(request.param, request.config)


@pytest.fixture(scope="session")
def trainer(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return an adapter that has gradients, to which the ops are bound while its tests run."""
    yield from _bound(request.param, request.config)
