"""Variables whose initial values wait until it is known whether a file has values for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kerasfront import memory, serialization
from kerasfront.saving.readers import Array
from kerasfront.spec import dtypes
from kerasfront.variable import Variable


class Deferred(serialization.Budget):
    """Inside, new variables begin as zeros: their values are about to come from a file.

    The memory they ask for is counted against a budget before it is taken. `finish` draws initial values for
    those that the file did not fill.

    Args:
        most: The most bytes that all of them together may take.
    """

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.waiting: dict[int, tuple[Variable, Callable[..., Any]]] = {}

    def __call__(
        self, variable: Variable, initializer: Callable[..., Any], shape: tuple[int, ...], dtype: str
    ) -> Array:
        self.charge(variable, shape, dtype)
        self.waiting[id(variable)] = (variable, initializer)
        return memory.zeros(shape, dtypes.to_numpy(dtype))

    def done(self, variable: Variable) -> None:
        """Note that a variable has its value."""
        self.waiting.pop(id(variable), None)

    def settle(self, variables: Iterable[Variable]) -> None:
        """Give these variables their initial values after all."""
        for variable in variables:
            _, initializer = self.waiting.pop(id(variable), (None, None))
            if initializer is not None:
                variable.assign(initializer(variable.shape, dtype=variable._dtype))

    def finish(self) -> None:
        """Give all variables that still wait their initial values."""
        self.settle([variable for variable, _ in self.waiting.values()])
