from typing import Any

import hypothesis
import numpy as np
import pytest

from kerasfront import config as settings
from kerasfront import contract
from kerasfront.testing import selection as selecting

# A first call compiles or imports; how long one example takes says nothing. CI must not vary.
hypothesis.settings.register_profile("kerasfront", deadline=None, derandomize=True)
hypothesis.settings.load_profile("kerasfront")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests that train where the backend declares no gradients, and what isn't selected."""
    rest, left_out = items, []
    if "gradients" not in contract.current().capabilities:
        left_out = [item for item in items if item.get_closest_marker("trains")]
        rest = [item for item in items if not item.get_closest_marker("trains")]
    if not selecting.selection(config).everything:
        rest, others = selecting.tests_of(rest, settings.backend())
        left_out += others
    if left_out:
        items[:] = rest
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def selection(request: pytest.FixtureRequest) -> selecting.Selection:
    """Which cases a test with a loop of its own runs."""
    return selecting.selection(request.config)


@pytest.fixture(scope="module", autouse=True)
def generators(request: pytest.FixtureRequest) -> list[tuple[np.random.Generator, Any]]:
    """NumPy's generators among a module's globals, with the state that each has after the import."""
    found = [value for value in vars(request.module).values() if isinstance(value, np.random.Generator)]
    return [(generator, generator.bit_generator.state) for generator in found]


@pytest.fixture(autouse=True)
def same_draws(generators: list[tuple[np.random.Generator, Any]]) -> None:
    """A test draws the same numbers whichever tests ran before it."""
    for generator, state in generators:
        generator.bit_generator.state = state
