"""Which cases of the wide tests `make test` runs, so that it ends soon; `make test-all` runs every case.

A wide test runs over a product: every layer in each precision, every sample of an op in each dtype, on each backend.
With the option --kerasfront-selection it runs one case in three. Cases take turns: the one whose numbers (those of the
case along each axis of the product, of the test in its file, and of the backend) add up to a multiple of three. So the
choice is the same in each run; three tests over one list meet each entry of it on every backend; and three backends
together meet each case of each test.

Tests of a marked function are chosen when pytest has collected them (`tests_of`), and so are the examples in
docstrings, which take turns in their file. A test with a loop of its own over cases asks for the fixture `selection`
and loops over `selection.of(cases, number)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from kerasfront import discovery

ONE_IN = 3
MARKER = "wide: runs over a product of cases; `make test` runs one in three (kerasfront/testing/selection.py)"
T = TypeVar("T")


@dataclass(frozen=True)
class Selection:
    """Every case, or one in three."""

    everything: bool = True

    def of(self, cases: Sequence[T], number: int) -> list[T]:
        """Return the cases whose place plus `number` is a multiple of three; at least one, if there are any."""
        if self.everything or not cases:
            return list(cases)
        return [case for i, case in enumerate(cases) if turn(i + number)] or [cases[number % len(cases)]]


def turn(number: int) -> bool:
    """Return whether it is the turn of a case of this number."""
    return number % ONE_IN == 0


def backend_number(name: str) -> int:
    """Return the place of a backend among ours; those of others come after them."""
    names = list(discovery.FRAMEWORKS)
    return names.index(name) if name in names else len(names)


def selection(config: Any) -> Selection:
    """Return what the options of this run ask for."""
    return Selection(everything=not config.getoption("--kerasfront-selection", default=False))


def tests_of(items: list[Any], backend: str) -> tuple[list[Any], list[Any]]:
    """Return the collected tests that run, and those that don't because it isn't their turn in a wide function."""
    groups: dict[Any, list[Any]] = {}
    for item in items:
        if isinstance(item, pytest.DoctestItem) or item.get_closest_marker("wide") is not None:
            groups.setdefault((item.path, getattr(item, "originalname", None)), []).append(item)
    left: set[int] = set()
    for (_, name), tests in groups.items():
        numbers = range(len(tests)) if name is None else places(tests)
        start = backend_number(backend) + (0 if name is None else wide_functions(tests[0].module).index(name))
        others = [id(item) for item, place in zip(tests, numbers, strict=True) if not turn(start + place)]
        # Of a short list of a function it may be nobody's turn.
        left.update(others if name is None or len(others) < len(tests) else others[1:])
    return [item for item in items if id(item) not in left], [item for item in items if id(item) in left]


def places(tests: list[Any]) -> list[int]:
    """Return for each test of a function the sum of the places of its parameters along the axes of the product."""
    axes = [axis_names(mark.args[0]) for mark in tests[0].iter_markers("parametrize")]
    axes += [[name] for name in tests[0].callspec.params if name not in sum(axes, [])]
    met: list[dict[Any, int]] = [{} for _ in axes]
    sums = []
    for item in tests:
        values = [tuple(id(item.callspec.params[name]) for name in axis) for axis in axes]
        sums.append(sum(numbers.setdefault(value, len(numbers)) for numbers, value in zip(met, values, strict=True)))
    return sums


def axis_names(names: Any) -> list[str]:
    """Return the parameters of one mark: they change together, so they are one axis."""
    return names.replace(",", " ").split() if isinstance(names, str) else list(names)


def wide_functions(module: Any) -> list[str]:
    """Return the names of the wide functions of a module, in the order in which they are written."""
    return [name for name, f in vars(module).items() if any(m.name == "wide" for m in getattr(f, "pytestmark", ()))]
