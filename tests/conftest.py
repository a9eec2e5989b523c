import hypothesis
import pytest

from kerasfront import contract

# A first call compiles or imports; how long one example takes says nothing. CI must not vary.
hypothesis.settings.register_profile("kerasfront", deadline=None, derandomize=True)
hypothesis.settings.load_profile("kerasfront")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests that train where the backend declares no gradients."""
    training = [item for item in items if item.get_closest_marker("trains")]
    if training and "gradients" not in contract.current().capabilities:
        items[:] = [item for item in items if item not in training]
        config.hook.pytest_deselected(items=training)
