"""Loops, branches and maps on JAX. The functions that are given may assign Variables, as on any backend."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kerasfront.contract import vectorized_if_pure
from kerasfront_jax.state import Lift, carry_variables


def _like(result: Any, loop_vars: Any) -> Any:
    if not isinstance(loop_vars, (list, tuple)):
        return result[0] if isinstance(result, (list, tuple)) and len(result) == 1 else result
    if not isinstance(result, (list, tuple)):
        result = (result,)
    return list(result) if isinstance(loop_vars, list) else tuple(result)


def _while(cond: Any, body: Any, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    def args(state: Any) -> Any:
        return state if isinstance(loop_vars, (list, tuple)) else (state,)

    def wanted(*state: Any) -> Any:
        return jnp.reshape(jnp.asarray(cond(*state), bool), ())

    def run(lift: Lift, values: list[Any]) -> Any:
        ask, change = lift(wanted), lift(body)

        def go_on(state: Any) -> Any:
            count, more, _, _ = state
            return more if maximum_iterations is None else jnp.logical_and(more, count < maximum_iterations)

        def step(state: Any) -> Any:
            count, _, values, carry = state
            values, carry = change(values, *args(carry))
            carry = _like(carry, loop_vars)
            values, more = ask(values, *args(carry))
            return count + 1, more, values, carry

        values, more = ask(values, *args(loop_vars))
        return jax.lax.while_loop(go_on, step, (jnp.int32(0), more, values, loop_vars))[2:]

    return carry_variables(run)


def _fori(lower: Any, upper: Any, body_fun: Any, init_val: Any) -> Any:
    # With known bounds the loop becomes a scan, which has gradients.
    if not isinstance(lower, jax.core.Tracer) and not isinstance(upper, jax.core.Tracer):
        lower, upper = int(lower), int(upper)

    def run(lift: Lift, values: list[Any]) -> Any:
        body = lift(lambda i, x: body_fun(jnp.int32(i), x))
        return jax.lax.fori_loop(lower, upper, lambda i, state: body(state[0], i, state[1]), (values, init_val))

    return carry_variables(run)


def _cond(pred: Any, true_fn: Any, false_fn: Any) -> Any:
    if not isinstance(pred, jax.core.Tracer):
        return true_fn() if pred else false_fn()
    return carry_variables(
        lambda lift, values: jax.lax.cond(jnp.reshape(pred, ()), lift(true_fn), lift(false_fn), values)
    )


def _switch(index: Any, branches: Any, *operands: Any) -> Any:
    if not isinstance(index, jax.core.Tracer):
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
    return carry_variables(lambda lift, values: jax.lax.switch(index, [lift(b) for b in branches], values, *operands))


def _scan(f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1) -> Any:
    def run(lift: Lift, values: list[Any]) -> Any:
        body = lift(f)

        def step(state: Any, x: Any) -> Any:
            values, (carry, y) = body(*state, x)
            return (values, carry), y

        (after, carry), ys = jax.lax.scan(step, (values, init), xs, length, reverse, unroll)
        return after, (carry, ys)

    return carry_variables(run)


def _map(f: Any, xs: Any) -> Any:
    return _scan(lambda carry, x: (carry, f(x)), None, xs)[1]


OVERRIDES: dict[str, Any] = {
    "scan": _scan,
    "while_loop": _while,
    "fori_loop": _fori,
    "cond": _cond,
    "switch": _switch,
    "map": _map,
    "vectorized_map": vectorized_if_pure(lambda function, elements: jax.vmap(function)(elements)),
    "associative_scan": lambda f, elems, reverse=False, axis=0: jax.lax.associative_scan(f, elems, reverse, axis),
}
