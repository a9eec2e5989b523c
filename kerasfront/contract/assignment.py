"""State for functional frameworks: scopes in which Variables hold other values, or tracers, for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Self

from kerasfront.contract.native import Storage, VariableLike
from kerasfront.ops.declare.op import OPS
from kerasfront.scopes import context


class _AssignmentScopes(threading.local):
    """The `assignments` that a thread is inside of, the innermost last."""

    stack: list[assignments]

    def __init__(self) -> None:
        self.stack = []


assignment_scopes: _AssignmentScopes = _AssignmentScopes()


class assignments:
    """A context in which Variables hold other values; at its end every Variable holds again what it held before.

    This is how a functional framework sees state: its tracers stand in the Variables while a step is traced. It is also
    how a model runs on another adapter, with values that are tensors of that adapter (see `contract.rebound`).

    Args:
        variables: The Variables.
        values: What each of them holds inside: its storage, such as a native tensor of its shape and dtype.
        notes_reads: Whether to note the Variables whose values are asked for inside.

    Attributes:
        assigned: The Variables that were assigned inside.
        created: The Variables that were made inside; they keep their values.
        read: Where `notes_reads` is true, after the end: the Variables that were read, without the given ones.
    """

    def __init__(
        self, variables: Sequence[VariableLike] = (), values: Sequence[Storage] = (), *, notes_reads: bool = False
    ) -> None:
        self.pairs: list[tuple[VariableLike, Storage]] = list(zip(variables, values, strict=True))
        self.notes_reads = notes_reads
        self.read: list[VariableLike] = []
        self.created: list[VariableLike] = []
        # By identity: each Variable that changed inside, with what it held before.
        self.before: dict[int, tuple[VariableLike, Storage]] = {}
        self.assigned: list[VariableLike] = []
        self._final: list[Storage] = []

    def __enter__(self) -> Self:
        for variable, value in self.pairs:
            self.before[id(variable)] = (variable, variable._value)
            variable._value = value
        assignment_scopes.stack.append(self)
        self._reads_around = context.reads
        if self.notes_reads:
            context.reads = {}
        elif context.reads is not None:  # the values that the Variables hold in here are not those of the outer trace
            context.reads = dict(context.reads)
        return self

    def note(self, variable: VariableLike) -> None:
        """Record a Variable that is about to be assigned; the Variable itself calls this."""
        if id(variable) not in self.before:
            self.before[id(variable)] = (variable, variable._value)
        if not any(variable is v for v in self.assigned):
            self.assigned.append(variable)

    def made(self, variable: VariableLike) -> None:
        """Record a Variable that is made inside; the Variable itself calls this."""
        self.created.append(variable)

    def final_values(self) -> list[Storage]:
        """Return what the Variables of `assigned` held at the end."""
        return self._final

    def __exit__(self, *exc: object) -> None:
        assignment_scopes.stack.remove(self)
        own = {id(variable) for variable, _ in self.pairs}
        reads = {key: v for key, v in (context.reads or {}).items() if key not in own}
        context.reads = self._reads_around
        if self.notes_reads:
            self.read = list(reads.values())
        elif context.reads is not None:
            context.reads.update(reads)
        self._final = [v._value for v in self.assigned]
        for variable, value in self.before.values():
            variable._value = value


def vectorized_if_pure(vectorized: Callable[..., Any]) -> Callable[..., Any]:
    """Return a form of `vectorized_map` that maps a function which assigns Variables over one element at a time.

    All elements at once would find the same value in a Variable, and leave as many new ones. Mapped in turn, each
    element sees what the one before has left.

    Args:
        vectorized: `vectorized(function, elements)` for functions without side effects.
    """

    def run(function: Callable[..., Any], elements: Any) -> Any:
        with assignments() as scope:
            out = vectorized(function, elements)
        return OPS["map"].call(function, elements) if scope.assigned else out

    return run
