"""Loops, branches and maps on TensorFlow: Python's in eager mode, `tf.while_loop` and `tf.cond` in a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kerasfront import tree
from kerasfront.contract import vectorized_if_pure


def _flat(structure: Any) -> tuple[list[Any], Callable[[Any], Any]]:
    """Return the leaves that are not None, and the way back to the structure."""

    def rebuild(leaves: Any) -> Any:
        rest = iter(leaves)
        return tree.map_structure(lambda _: next(rest), structure, none_is_leaf=False)

    return [leaf for leaf in tree.flatten(structure) if leaf is not None], rebuild


def _spec(x: Any) -> Any:
    return tf.TensorSpec(x.shape, x.dtype)


# A loop in a graph costs some 100 us a step beside its body, so it is unrolled while the graph stays small.
_FLAT_OPERATIONS = 5000


def _stacked(f: Any, init: Any, rows: Any) -> tuple[Any, int]:
    """Return specs of what one step of a scan stacks, and of how many operations the step is, by tracing it aside."""
    leaves, rebuild = _flat((init, rows))
    out: list[Any] = []

    def step(*flat: Any) -> Any:
        carry, y = rebuild(flat)
        out.append(tree.map_structure(_spec, f(carry, y)[1], none_is_leaf=False))
        return tf.constant(0)

    traced = tf.function(step, autograph=False).get_concrete_function(*[_spec(leaf) for leaf in leaves])
    return out[-1], len(traced.graph.get_operations())


def _number(leaves: Any, length: Any) -> Any:
    if length is not None:
        return length
    sizes = [x.shape[0] for x in leaves if x.shape[0] is not None]
    return sizes[0] if sizes else tf.shape(leaves[0])[0]


def _scan(f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1) -> Any:
    columns, row_of = _flat(xs)
    n = _number(columns, length)
    if (tf.executing_eagerly() or (unroll is True and isinstance(n, int))) and n > 0:
        return _unrolled(f, init, [tf.unstack(c) for c in columns], row_of, n, reverse)
    specs, operations = _stacked(f, init, row_of([tf.TensorSpec(c.shape[1:], c.dtype) for c in columns]))
    if isinstance(n, int) and 0 < n * operations < _FLAT_OPERATIONS:
        return _unrolled(f, init, [tf.unstack(c, n) for c in columns], row_of, n, reverse)
    wanted, like_y = _flat(specs)
    state, like_state = _flat(init)
    sources = [tf.TensorArray(c.dtype, n, element_shape=c.shape[1:]).unstack(c) for c in columns]
    sinks = [tf.TensorArray(s.dtype, n, element_shape=s.shape) for s in wanted]

    def step(i: Any, state: Any, sinks: Any) -> Any:
        at = n - 1 - i if reverse else i
        carry, y = f(like_state(state), row_of([s.read(at) for s in sources]))
        return i + 1, _shaped(_flat(carry)[0], state), [s.write(at, v) for s, v in zip(sinks, _flat(y)[0], strict=True)]

    bound = n if isinstance(n, int) else None
    _, state, sinks = tf.while_loop(lambda i, *_: i < n, step, (0, state, sinks), maximum_iterations=bound)
    return like_state(state), like_y([_with_length(s.stack(), n) for s in sinks])


def _unrolled(f: Any, carry: Any, columns: Any, row_of: Any, n: int, reverse: bool) -> Any:
    ys = []
    for i in reversed(range(n)) if reverse else range(n):
        carry, y = f(carry, row_of([c[i] for c in columns]))
        ys.append(y)
    if reverse:
        ys.reverse()
    return carry, tree.map_structure(lambda *parts: tf.stack(parts), *ys, none_is_leaf=False)


def _with_length(x: Any, n: Any) -> Any:
    if isinstance(n, int):
        x.set_shape([n, *x.shape[1:]])
    return x


def _shaped(after: Any, before: Any) -> Any:
    """Give what a loop carries the static shapes that it had at the start."""
    for a, b in zip(after, before, strict=True):
        a.set_shape(b.shape)
    return after


def _like(result: Any, loop_vars: Any) -> Any:
    if not isinstance(loop_vars, (list, tuple)):
        return result[0] if isinstance(result, (list, tuple)) and len(result) == 1 else result
    if not isinstance(result, (list, tuple)):
        result = (result,)
    return list(result) if isinstance(loop_vars, list) else tuple(result)


def _while(cond: Any, body: Any, loop_vars: Any, maximum_iterations: Any = None) -> Any:
    leaves, rebuild = _flat(loop_vars)

    def args(flat: Any) -> Any:
        state = rebuild(flat)
        return state if isinstance(loop_vars, (list, tuple)) else (state,)

    def step(*flat: Any) -> Any:
        return _shaped(_flat(_like(body(*args(flat)), loop_vars))[0], flat)

    def go_on(*flat: Any) -> Any:
        return tf.reshape(tf.cast(cond(*args(flat)), tf.bool), [])

    return rebuild(tf.while_loop(go_on, step, leaves, maximum_iterations=maximum_iterations))


def _fori(lower: Any, upper: Any, body_fun: Any, init_val: Any) -> Any:
    lower, upper = tf.cast(lower, tf.int32), tf.cast(upper, tf.int32)
    leaves, rebuild = _flat(init_val)

    def step(i: Any, *flat: Any) -> Any:
        return [i + 1, *_shaped(_flat(body_fun(i, rebuild(flat)))[0], flat)]

    number = tf.get_static_value(upper - lower)
    bound = None if number is None else max(int(number), 0)
    out = tf.while_loop(lambda i, *_: i < upper, step, [lower, *leaves], maximum_iterations=bound)
    return rebuild(out[1:])


def _branch(function: Any, args: Any, rebuilds: list[Any]) -> Any:
    """Return a branch that returns its leaves, and notes how to rebuild its result."""

    def run() -> Any:
        leaves, rebuild = _flat(function(*args))
        rebuilds.append(rebuild)
        return leaves

    return run


def _cond(pred: Any, true_fn: Any, false_fn: Any) -> Any:
    rebuilds: list[Any] = []
    out = tf.cond(tf.reshape(pred, []), _branch(true_fn, (), rebuilds), _branch(false_fn, (), rebuilds))
    return rebuilds[-1](tf.nest.flatten(out))


def _switch(index: Any, branches: Any, *operands: Any) -> Any:
    if tf.executing_eagerly():
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
    rebuilds: list[Any] = []
    at = tf.clip_by_value(tf.cast(index, tf.int32), 0, len(branches) - 1)
    out = tf.switch_case(at, [_branch(b, operands, rebuilds) for b in branches])
    return rebuilds[-1](tf.nest.flatten(out))


def _map(f: Any, xs: Any) -> Any:
    return _scan(lambda carry, x: (carry, f(x)), None, xs)[1]


def _vectorized_map(function: Any, elements: Any) -> Any:
    leaves, rebuild = _flat(elements)
    rebuilds: list[Any] = []

    def run(flat: Any) -> Any:
        out, back = _flat(function(rebuild(flat)))
        rebuilds.append(back)
        return out

    out = tf.vectorized_map(run, leaves)
    return rebuilds[-1](tf.nest.flatten(out))


OVERRIDES: dict[str, Any] = {
    "scan": _scan,
    "while_loop": _while,
    "fori_loop": _fori,
    "cond": _cond,
    "switch": _switch,
    "map": _map,
    "vectorized_map": vectorized_if_pure(_vectorized_map),
}
