"""Differentiation: the capability "gradients"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from kerasfront.contract.native import Native, NestedNative
from kerasfront.contract.table import Table
from kerasfront.errors import CapabilityError


class Differentiate(Table):
    """The part of an adapter that computes gradients.

    An adapter that declares the capability "gradients" supplies `value_and_grad`, `vjp`, `jvp`, `stop_gradient` and
    `custom_gradient`. The bodies serve a framework without gradients, on which models predict but don't train.
    """

    # Ops that have gradients but no `jvp`, with the reason.
    reverse_only: Mapping[str, str] = {}

    def stop_gradient(self, x: Native) -> Native:
        """Return x as a constant: no gradient flows through it."""
        return x

    def dense_gradients(self, gradients: Sequence[Any]) -> list[Any]:
        """Return gradients that a user computed, each as a tensor that has all its elements; None stays None."""
        return list(gradients)

    def value_and_grad(
        self, function: Callable[[], tuple[Native, NestedNative]], variables: Sequence[Any]
    ) -> tuple[tuple[Native, NestedNative], list[Native | None]]:
        """Return `((loss, aux), gradients)` of `function()`, which returns `(loss, aux)`.

        Args:
            function: Reads the Variables, and may assign others.
            variables: The Variables for whose storage gradients are wanted. Those that the loss doesn't depend on get
                None.
        """
        raise CapabilityError(f"The backend '{self.name}' has no gradients; train on torch, jax or tensorflow.")

    def vjp(
        self, function: Callable[..., NestedNative], primals: Sequence[Native]
    ) -> tuple[NestedNative, Callable[[NestedNative], tuple[Native, ...]]]:
        """Return `(output, pullback)` of a function of native tensors, whose output is a tensor or nested tensors."""
        raise CapabilityError(f"The backend '{self.name}' has no gradients.")

    def jvp(
        self, function: Callable[..., NestedNative], primals: Sequence[Native], tangents: Sequence[Native]
    ) -> tuple[NestedNative, NestedNative]:
        """Return the output of a function of native tensors, and its derivative along the tangents."""
        raise CapabilityError(f"The backend '{self.name}' has no gradients.")

    def custom_gradient(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function with a gradient of its own: `function` returns its output and its pullback."""
        return lambda *args, **kwargs: function(*args, **kwargs)[0]

    def remat(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function`, so that its inner values are computed again for the gradient instead of being kept.

        Only its first run assigns Variables.
        """
        return function

    def no_gradient(self) -> AbstractContextManager[object]:
        """Return a context in which nothing is recorded for gradients."""
        return nullcontext()
