"""Loops, branches and maps on JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def _like(result: Any, loop_vars: Any) -> Any:
    if not isinstance(loop_vars, (list, tuple)):
        return result[0] if isinstance(result, (list, tuple)) and len(result) == 1 else result
    if not isinstance(result, (list, tuple)):
        result = (result,)
    return list(result) if isinstance(loop_vars, list) else tuple(result)


def _while(cond: Any, body: Any, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    def args(state: Any) -> Any:
        return state if isinstance(loop_vars, (list, tuple)) else (state,)

    def go_on(state: Any) -> Any:
        count, values = state
        wanted = jnp.reshape(jnp.asarray(cond(*args(values)), bool), ())
        return wanted if maximum_iterations is None else jnp.logical_and(wanted, count < maximum_iterations)

    def step(state: Any) -> Any:
        count, values = state
        return count + 1, _like(body(*args(values)), loop_vars)

    return jax.lax.while_loop(go_on, step, (jnp.int32(0), loop_vars))[1]


def _fori(lower: Any, upper: Any, body_fun: Any, init_val: Any) -> Any:
    # Bounds that are known make a scan of it, which has gradients.
    if not isinstance(lower, jax.core.Tracer) and not isinstance(upper, jax.core.Tracer):
        lower, upper = int(lower), int(upper)
    return jax.lax.fori_loop(lower, upper, lambda i, x: body_fun(jnp.int32(i), x), init_val)


def _cond(pred: Any, true_fn: Any, false_fn: Any) -> Any:
    if isinstance(pred, jax.core.Tracer):
        return jax.lax.cond(jnp.reshape(pred, ()), true_fn, false_fn)
    return true_fn() if pred else false_fn()


def _switch(index: Any, branches: Any, *operands: Any) -> Any:
    if isinstance(index, jax.core.Tracer):
        return jax.lax.switch(index, branches, *operands)
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


def _scan(f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1) -> Any:
    return jax.lax.scan(f, init, xs, length, reverse, unroll)


OVERRIDES: dict[str, Any] = {
    "scan": _scan,
    "while_loop": _while,
    "fori_loop": _fori,
    "cond": _cond,
    "switch": _switch,
    "map": jax.lax.map,
    "vectorized_map": lambda function, elements: jax.vmap(function)(elements),
    "associative_scan": lambda f, elems, reverse=False, axis=0: jax.lax.associative_scan(f, elems, reverse, axis),
}
