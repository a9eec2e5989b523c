"""The cases that `make test` runs of wide tests meet every layer on every backend, and on three backends every case."""

from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule

from kerasfront import discovery, layers
from kerasfront.testing import selection
from kerasfront.testing.layers import CASES

FOLDER = Path(__file__).resolve().parent.parent / "backend"


def collected(request, name):
    """The tests of a file of tests/backend, as pytest collects them."""
    module = pytest.Module.from_parent(request.session, path=FOLDER / name)
    return list(request.session.genitems(module))


@pytest.mark.parametrize("backend", discovery.FRAMEWORKS)
def test_every_layer_is_met_on_every_backend(request, backend):
    tests = collected(request, "test_layers.py")
    if backend == "numpy":
        tests = [test for test in tests if not test.get_closest_marker("trains")]
    kept, left = selection.tests_of(tests, backend)
    assert len(kept) < 0.4 * len(tests) and sorted(map(id, kept + left)) == sorted(map(id, tests))
    assert {test.callspec.params["case"].id for test in kept if hasattr(test, "callspec")} == {c.id for c in CASES}
    assert {test.originalname for test in kept} == {test.originalname for test in tests}
    again, _ = selection.tests_of(tests, backend)
    assert again == kept


@pytest.mark.parametrize("name", ["test_layers.py", "test_losses.py", "test_augmentation_color.py", "examples"])
def test_three_backends_meet_every_case(request, name):
    if name == "examples":
        module = DoctestModule.from_parent(request.session, path=Path(layers.pooling.__file__))
        tests = list(request.session.genitems(module))
        assert len(tests) > 10
    else:
        tests = collected(request, name)
    met = [selection.tests_of(tests, backend)[0] for backend in ("torch", "jax", "tensorflow")]
    assert {id(test) for kept in met for test in kept} == set(map(id, tests))


def test_a_list_is_met_in_turns():
    some = selection.Selection(everything=False)
    assert [some.of("abcdefg", start) for start in range(4)] == [list("adg"), list("cf"), list("be"), list("adg")]
    assert [some.of("ab", start) for start in range(3)] == [["a"], ["b"], ["b"]]
    assert some.of("", 1) == [] and selection.Selection().of("abc", 1) == list("abc")
