import hypothesis
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
