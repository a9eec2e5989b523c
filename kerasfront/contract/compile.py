"""Compilation: the capability "compile", and how batches come to the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, TypeAlias

from kerasfront.contract.native import NestedNative

# compile()'s argument jit_compile.
Jit: TypeAlias = bool | Literal["auto"] | None


class Compile:
    """The part of an adapter that makes a training step fast.

    An adapter that declares the capability "compile" supplies `compile_step`; every adapter supplies `stage`. The other
    bodies serve a framework that runs each step as Python says.
    """

    # How many steps `repeat_step` does well to take in one dispatch. On an adapter without `repeat_step`: over how many
    # steps the losses and metrics are gathered before they are updated together.
    steps_per_dispatch: int = 1

    def compile_step(
        self,
        step: Callable[..., Any],
        variables: Callable[[], Sequence[Any]],
        *,
        jit: Jit = "auto",
        donate: bool = False,
        reading: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Callable[..., Any]:
        """Return a faster form of a step that assigns Variables.

        Args:
            step: `step(*batch)` takes native tensors in nested structures and returns nested native tensors.
            variables: Returns all the Variables that the step reads or assigns. A functional framework puts its tracers
                into them by `contract.assignments`.
            jit: compile()'s `jit_compile`: "auto", True or False.
            donate: Whether the memory of the old values may be used for the new ones.
            reading: Returns a context that notes which attributes of objects the step reads. An adapter that keeps what
                it traced runs the step in that context, so that the front knows when to trace again.
        """
        return step

    def repeat_step(
        self,
        step: Callable[..., Any],
        variables: Callable[[], Sequence[Any]],
        *,
        jit: Jit = "auto",
        donate: bool = False,
        reading: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Callable[..., Any] | None:
        """Return a form of the step that takes batches stacked along a leading axis, in one dispatch.

        The arguments are those of `compile_step`. None says that the framework gains nothing by it.
        """
        return None

    def compile_mode(self, jit: Jit = "auto") -> str:
        """Return in words what `compile_step` makes of a step, to follow "The step runs"; for "auto" also why."""
        return "as it is"

    @property
    def stages_ahead(self) -> bool:
        """Whether a thread of its own should `stage` the next batches while the device computes."""
        return False

    def stage(self, batch: NestedNative) -> NestedNative:
        """Move a nested structure of NumPy arrays or tensors to the device, before it is used."""
        raise NotImplementedError(f"The adapter {type(self).__name__} supplies no stage.")
