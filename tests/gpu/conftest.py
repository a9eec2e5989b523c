import pytest

from kerasfront import contract


def pytest_configure(config: pytest.Config) -> None:
    if contract.current().devices()[-1].startswith(("cpu", "CPU")):
        raise pytest.UsageError("tests/gpu need a GPU that the backend can use.")
