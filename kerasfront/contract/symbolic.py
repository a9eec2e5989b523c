"""Symbolic evaluation: functions of the framework in functional models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kerasfront.contract.native import NestedNative
from kerasfront.contract.table import Table
from kerasfront.errors import CapabilityError


class Symbolic(Table):
    """The part of an adapter that finds shapes of the framework's own functions without computing.

    Functional models that hold such functions, and layers whose `call` uses them, need `eval_shape`.
    """

    def take_symbolic(self, cls: type, apply: Callable[..., Any]) -> None:
        """Let the framework's functions accept symbolic tensors, if it asks arguments how to apply a function to them.

        It is called once, when the adapter is loaded.

        Args:
            cls: The class of symbolic tensors.
            apply: `apply(adapter, function, args, kwargs)` returns the symbolic results of a framework's function.
        """

    def eval_shape(self, function: Callable[..., NestedNative], specs: Any) -> NestedNative:
        """Return the shapes and dtypes of a function's results, without computing.

        Args:
            function: Takes native tensors and calls the framework.
            specs: The symbolic tensors that say what the arguments are.

        Returns:
            `(shape, dtype)` for each result, nested as the results are.
        """
        raise CapabilityError(f"The backend '{self.name}' can't evaluate native functions symbolically.")
