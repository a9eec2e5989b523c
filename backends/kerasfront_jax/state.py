"""Variables that are assigned inside what JAX traces: their values go in and come out as those of any other tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax

from kerasfront.contract import assignments

# `lift(function)` is a function of `(values, *args)` that returns `(values after, function(*args))`.
Lift = Callable[[Callable[..., Any]], Callable[..., Any]]


def carry_variables(run: Callable[[Lift, list[Any]], tuple[list[Any], Any]]) -> Any:
    """Return the result of `run(lift, values)`, whose functions may assign Variables; these get their last values.

    Which Variables are assigned is known once the functions were traced: `run` is called first without any, then
    with the values of those that were found. It hands `values` to the lifted functions, and returns
    `(the values after, the result)`.
    """
    variables: list[Any] = []
    while True:
        assigned: dict[int, Any] = {}
        lift = partial(_lifted, variables=tuple(variables), assigned=assigned)
        values, out = run(lift, [v._value for v in variables])
        if not assigned:
            break
        variables += assigned.values()
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return out


def _lifted(function: Callable[..., Any], variables: Sequence[Any], assigned: dict[int, Any]) -> Callable[..., Any]:
    listed = {id(v) for v in variables}

    def pure(values: Sequence[Any], *args: Any) -> tuple[list[Any], Any]:
        with assignments(variables, values) as scope:
            out = function(*args)
        assigned.update({id(v): v for v in scope.assigned if id(v) not in listed})
        after = {id(v): value for v, value in zip(scope.assigned, scope.final_values(), strict=True)}
        return [after.get(id(v), value) for v, value in zip(variables, values, strict=True)], out

    return pure


def vjp(function: Callable[..., Any], primals: Sequence[Any]) -> Any:
    def run(lift: Lift, values: list[Any]) -> Any:
        pure = partial(lift(function), values)
        output, pullback, after = jax.vjp(lambda *p: pure(*p)[::-1], *primals, has_aux=True)
        return after, (output, pullback)

    return carry_variables(run)


def jvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    def run(lift: Lift, values: list[Any]) -> Any:
        pure = partial(lift(function), values)
        output, derivative, after = jax.jvp(lambda *p: pure(*p)[::-1], tuple(primals), tuple(tangents), has_aux=True)
        return after, (output, derivative)

    return carry_variables(run)


def remat(function: Callable[..., Any]) -> Callable[..., Any]:
    """Apply `jax.checkpoint`, which traces the function once, so that only its first run assigns Variables."""

    def call(*args: Any, **kwargs: Any) -> Any:
        assigned: list[Any] = []

        def pure(*tensors: Any) -> Any:
            with assignments() as scope:
                out = function(*tensors, **kwargs)
            assigned[:] = scope.assigned
            return out, scope.final_values()

        out, updates = jax.checkpoint(pure)(*args)
        for variable, value in zip(assigned, updates, strict=True):
            variable.assign(value)
        return out

    return call
