"""Loops, branches and maps: control flow that compiles on every backend.

The bodies here are Python's own loops, which serve eager frameworks; JAX and TensorFlow have theirs. On symbolic
values the given functions are called once, on symbolic slots, to learn shapes and dtypes. They must not close over
symbolic tensors of the graph that is built: pass those as operands.
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any

from kerasfront import tree
from kerasfront.errors import ShapeError
from kerasfront.ops.core import convert_to_tensor
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.declare import Array, Body, Condition, Indices, Nested, derived, public, sample
from kerasfront.ops.declare.bodies import as_tensor
from kerasfront.ops.declare.conversion import dtype_name, held_tensor
from kerasfront.ops.declare.op import OPS
from kerasfront.ops.declare.runtime import runtime
from kerasfront.ops.shaping import broadcast_to, concatenate, reshape, stack
from kerasfront.spec import KerasTensor, dtypes, shapes, unknown


def _spec(value: Any) -> Any:
    """Return the symbolic tensor that stands for a leaf; None stays."""
    if value is None or isinstance(value, KerasTensor):
        return value
    value = held_tensor(value)
    if type(value) in (bool, int, float, complex):
        return KerasTensor((), dtypes.promote(dtype_name(value)))
    return KerasTensor(tuple(value.shape), dtype_name(value))


def _specs(structure: Any) -> Any:
    return tree.map_structure(_spec, structure, none_is_leaf=False)


def _leaves(structure: Any) -> list[Any]:
    return [leaf for leaf in tree.flatten(structure) if leaf is not None]


def _first(structure: Any) -> Any:
    """Return symbolic slots for what one step of a loop sees of `structure`: without the first axis."""
    return tree.map_structure(lambda x: KerasTensor(_spec(x).shape[1:], _spec(x).dtype), structure, none_is_leaf=False)


def _length(xs: Any, length: int | None) -> int:
    lengths = [x.shape[0] if len(x.shape) else None for x in _leaves(xs)]
    sizes = {int(n) for n in lengths if n is not None and not unknown(n)} | ({length} if length is not None else set())
    if None in lengths or len(sizes) > 1 or not (lengths or sizes):
        raise ShapeError(
            "Expected `xs` to have one size along the first axis, that of `length` where it is given; got "
            f"{sorted({str(n) for n in lengths})} and length={length}."
        )
    size: Any = (sizes or lengths).pop()
    return int(size)


def _same_structure(name: str, before: Any, after: Any) -> Any:
    """Return `after`, which must have the structure, shapes and dtypes of `before`."""
    try:
        tree.assert_same_structure(before, after)
    except ValueError as error:
        raise ShapeError(f"{name}: what is carried changed its structure. {error}") from None
    for a, b in zip(_leaves(before), _leaves(after), strict=True):
        differs = (
            a.dtype != b.dtype
            or len(a.shape) != len(b.shape)
            or not builtins.all(m == n or unknown(m) or unknown(n) for m, n in zip(a.shape, b.shape, strict=True))
        )
        if differs:
            raise ShapeError(
                f"{name}: what is carried went in as {a.dtype}{list(a.shape)} and came out as {b.dtype}{list(b.shape)}."
            )
    return after


# ---- loops --------------------------------------------------------------------------------------------------------


def _check_scan(
    f: Any, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: Any = 1
) -> None:
    if not callable(f):
        raise TypeError(f"scan calls `f`: expected a function (carry, x) -> (carry, y), got {f!r}.")
    if isinstance(unroll, bool) or (isinstance(unroll, int) and unroll > 0):
        return
    raise ValueError(f"Expected `unroll` to be a positive integer or a bool, got {unroll!r}.")


def _infer_scan(
    f: Any, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: Any = 1
) -> Any:
    n = _length(xs, length)
    carried = _specs(init)
    carry, y = f(carried, _first(xs))
    _same_structure("scan", carried, _specs(carry))
    return carried, tree.map_structure(
        lambda t: KerasTensor((n, *_spec(t).shape), _spec(t).dtype), y, none_is_leaf=False
    )


_X = Array((4, 3))
_TESTED = ("int32", "float32", "float64")
_SCANS = (
    sample(lambda c, x: (c + x, c * x), Array((3,)), _X),
    sample(lambda c, x: (c + x, {"y": c, "z": x}), Array((3,)), _X, reverse=True),
    sample(lambda c, x: (c * 2, c), Array(()), length=3),
)


@derived(infer=_infer_scan, check=_check_scan, samples=_SCANS, dtypes_tested=_TESTED)
def scan(
    f: Body,
    init: Nested,
    xs: Nested | None = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: bool | int = 1,
) -> tuple[Any, Any]:
    """Call `carry, y = f(carry, x)` for each x along the first axis of `xs`, and stack the ys.

    Args:
        f: From the carry and one slice of xs (None where xs is None) to the next carry and what to stack.
        init: The first carry: a nested structure of tensors. `f` keeps its structure, shapes and dtypes.
        xs: A nested structure of tensors with equal sizes along the first axis.
        length: The number of steps; needed only where xs is None.
        reverse: Whether to go from the last slice to the first; the ys stand at the place of their x.
        unroll: How many steps a compiled loop (JAX) does in one iteration; True: all.

    Returns:
        The last carry, and the ys stacked along a new first axis.

    Raises:
        ShapeError: The sizes along the first axis differ, or the carry changes its shape.
        TypeError: f is no function.
        ValueError: `unroll` is neither a positive integer nor a bool.

    Differentiable on every backend with gradients.

    >>> from kerasfront import ops
    >>> total, sums = ops.scan(lambda c, x: (c + x, c + x), 0.0, ops.convert_to_tensor([1.0, 2.0, 3.0]))
    >>> float(total), ops.convert_to_numpy(sums).tolist()
    (6.0, [1.0, 3.0, 6.0])
    """
    n = _length(xs, length)
    columns = [OPS["unstack"].call(x) for x in tree.flatten(xs) if x is not None]
    carry, ys = init, []
    for i in reversed(range(n)) if reverse else range(n):
        row = iter([column[i] for column in columns])
        carry, y = f(carry, tree.map_structure(lambda _, row=row: next(row), xs, none_is_leaf=False))
        ys.append(y)
    if n == 0:
        return init, _empty(f, init, xs)
    if reverse:
        ys.reverse()
    return carry, tree.map_structure(lambda first, *rest: stack([first, *rest]), *ys, none_is_leaf=False)


def _empty(f: Any, init: Any, xs: Any) -> Any:
    """Return what a scan of no steps stacks; the structure comes from one call on zeros."""
    zeros = OPS["zeros"].call
    adapter = runtime.adapter
    row = tree.map_structure(lambda x: zeros(tuple(x.shape[1:]), adapter.dtype_name(x)), xs, none_is_leaf=False)
    _, y = f(init, row)
    return tree.map_structure(lambda t: zeros((0, *t.shape), adapter.dtype_name(t)), y, none_is_leaf=False)


def _infer_while(cond: Any, body: Any, loop_vars: Any, maximum_iterations: Any = None) -> Any:
    before = _specs(loop_vars)
    state = before if isinstance(before, (list, tuple)) else (before,)
    cond(*state)
    return _same_structure("while_loop", before, _specs(_like_loop_vars(body(*state), loop_vars)))


def _like_loop_vars(result: Any, loop_vars: Any) -> Any:
    """Return a body's result in the form of `loop_vars`: a list, a tuple, or a lone value."""
    if not isinstance(loop_vars, (list, tuple)):
        return result[0] if isinstance(result, (list, tuple)) and len(result) == 1 else result
    if not isinstance(result, (list, tuple)):
        result = (result,)
    return list(result) if isinstance(loop_vars, list) else tuple(result)


_WHILES = (
    sample(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (Array((), values=0, dtype="int32"), Array((3,)))),
    sample(lambda i: i < 100, lambda i: i + 1, Array((), values=0, dtype="int32"), 5),
)


@derived(infer=_infer_while, samples=_WHILES, dtypes_tested=_TESTED, differentiable=False)
def while_loop(cond: Body, body: Body, loop_vars: Nested, maximum_iterations: int | None = None) -> Nested:
    """Call `loop_vars = body(*loop_vars)` while `cond(*loop_vars)` is true.

    Args:
        cond: From the loop variables to a boolean scalar.
        body: From the loop variables to their next values, of the same structure, shapes and dtypes.
        loop_vars: A list or tuple of (nested) tensors, or a lone tensor.
        maximum_iterations: The largest number of iterations, or None for no limit.

    Returns:
        The last loop variables, in the structure that was given.

    On JAX such a loop has forward-mode gradients only; use `scan` or `fori_loop` to train through a loop.

    >>> from kerasfront import ops
    >>> i, x = ops.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2.0), (0, 1.0))
    >>> int(i), float(x)
    (3, 8.0)
    """
    state, count = loop_vars, 0
    while maximum_iterations is None or count < maximum_iterations:
        args = state if isinstance(state, (list, tuple)) else (state,)
        if not bool(cond(*args)):
            break
        state = _like_loop_vars(body(*args), loop_vars)
        count += 1
    return state


def _infer_fori(lower: Any, upper: Any, body_fun: Any, init_val: Any) -> Any:
    before = _specs(init_val)
    return _same_structure("fori_loop", before, _specs(body_fun(KerasTensor((), "int32"), before)))


@derived(
    infer=_infer_fori,
    samples=(sample(0, 4, lambda i, x: x * 2, Array((3,))), sample(2, 2, lambda i, x: x, Array(()))),
    dtypes_tested=_TESTED,
)
def fori_loop(lower: Indices, upper: Indices, body_fun: Body, init_val: Nested) -> Nested:
    """Call `value = body_fun(i, value)` for i from `lower` to `upper` - 1 (int32 scalars), from `init_val` on.

    Returns:
        The last value, of the structure, shapes and dtypes of init_val.

    >>> from kerasfront import ops
    >>> float(ops.fori_loop(0, 4, lambda i, x: x * 2.0, 1.0))
    16.0
    """
    value = init_val
    for i in range(int(as_tensor(lower)), int(as_tensor(upper))):
        value = body_fun(runtime.adapter.scalar(i, "int32"), value)
    return value


# ---- branches -----------------------------------------------------------------------------------------------------


def _alike(name: str, outs: Sequence[Any]) -> Any:
    for out in outs[1:]:
        _same_structure(f"{name}: the branches differ", outs[0], out)
    return outs[0]


@derived(
    infer=lambda pred, true_fn, false_fn: _alike("cond", [_specs(true_fn()), _specs(false_fn())]),
    samples=(sample(True, lambda: 1.0, lambda: 2.0), sample(False, lambda: (1, 2), lambda: (3, 4))),
)
def cond(pred: Condition, true_fn: Body, false_fn: Body) -> Nested:
    """Return `true_fn()` where the scalar `pred` is true, else `false_fn()`.

    Compiled, both are traced and one runs: they return the same structure, shapes and dtypes.

    >>> from kerasfront import ops
    >>> x = ops.convert_to_tensor(3.0)
    >>> float(ops.cond(x > 2, lambda: x * 10, lambda: x))
    30.0
    """
    return true_fn() if bool(pred) else false_fn()


def _infer_switch(index: Any, branches: Any, *operands: Any) -> Any:
    slots = [_specs(operand) for operand in operands]
    return _alike("switch", [_specs(branch(*slots)) for branch in branches])


@derived(
    infer=_infer_switch,
    samples=(
        sample(1, [lambda x: x, lambda x: x * 2, lambda x: -x], Array((3,))),
        sample(7, [lambda x: x, lambda x: x * 2], Array((3,))),
        sample(-1, [lambda x: x, lambda x: x * 2], Array((3,))),
    ),
    dtypes_tested=_TESTED,
)
def switch(index: Indices, branches: Sequence[Any], *operands: Nested) -> Nested:
    """Return `branches[index](*operands)`; an index out of range is clipped to the first or last branch.

    Args:
        index: An integer scalar.
        branches: Functions that return the same structure, shapes and dtypes.
        *operands: What the branch is called with: nested structures of tensors.

    >>> from kerasfront import ops
    >>> float(ops.switch(1, [lambda x: x, lambda x: x * 2], ops.convert_to_tensor(5.0)))
    10.0
    """
    at = builtins.min(builtins.max(int(as_tensor(index)), 0), len(branches) - 1)
    return branches[at](*operands)


# ---- maps ---------------------------------------------------------------------------------------------------------


def _infer_map(f: Any, xs: Any) -> Any:
    n = _length(xs, None)
    return tree.map_structure(
        lambda t: KerasTensor((n, *_spec(t).shape), _spec(t).dtype), f(_first(xs)), none_is_leaf=False
    )


@derived(
    infer=_infer_map,
    samples=(sample(lambda x: x * 2, _X), sample(lambda x: (x[0], x[1]), (_X, Array((4,))))),
    dtypes_tested=_TESTED,
)
def map(f: Body, xs: Nested) -> Nested:
    """Return `f` of each slice along the first axis of `xs` (nested tensors), one after the other.

    The results are stacked.

    `vectorized_map` does the same in one go.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.map(lambda x: x * 2, ops.convert_to_tensor([1.0, 2.0]))).tolist()
    [2.0, 4.0]
    """
    return scan(lambda carry, x: (carry, f(x)), None, xs)[1]


@derived(
    infer=lambda function, elements: _infer_map(function, elements),
    samples=(sample(lambda x: x * 2, _X), sample(lambda x: x[0] * x[1], (_X, Array((4,))))),
    dtypes_tested=_TESTED,
)
def vectorized_map(function: Body, elements: Nested) -> Nested:
    """Return `function` of each slice along the first axis of `elements`.

    All slices are computed at once where the framework can vectorize.

    Args:
        function: Takes one argument, of the structure of elements, without the first axis.
        elements: Nested tensors with equal sizes along the first axis.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.vectorized_map(lambda x: x * x, ops.convert_to_tensor([1.0, 2.0]))).tolist()
    [1.0, 4.0]
    """
    return map(function, elements)


_ASSOCIATIVE = (
    sample(lambda a, b: a + b, Array((5, 3))),
    sample(lambda a, b: a * b, Array((2, 6)), reverse=True, axis=1),
    sample(lambda a, b: (a[0] * b[0], a[1] * b[0] + b[1]), (Array((7,)), Array((7,)))),
    sample(lambda a, b: a + b, Array((1, 2))),
)


@derived(infer=lambda f, elems, reverse=False, axis=0: _specs(elems), samples=_ASSOCIATIVE, dtypes_tested=_TESTED)
def associative_scan(f: Body, elems: Nested, reverse: bool = False, axis: int = 0) -> Nested:
    """Return the running results of an associative function along `axis`, in a logarithmic number of steps.

    Args:
        f: From two nested structures like elems, of any equal size along the axis, to one; `f(a, f(b, c))` is
            `f(f(a, b), c)`.
        elems: Nested tensors with equal sizes along the axis.
        reverse: Whether to go from the last to the first.
        axis: The axis of the scan.

    Returns:
        Like elems: at i, `f` of the first to the i-th (if reverse: of the last to the i-th, from the end on).

    Source: Hillis and Steele, Data parallel algorithms, 1986.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.associative_scan(lambda a, b: a + b, ops.convert_to_tensor([1, 2, 3, 4]))).tolist()
    [1, 3, 6, 10]
    """
    leaves = _leaves(elems)
    size = runtime.adapter.shape(leaves[0])[axis]
    if not isinstance(size, int):
        raise ShapeError("associative_scan needs a size along `axis` that is known when the graph is traced.")

    def part(structure: Any, start: int | None, stop: int | None) -> Any:
        def one(x: Any) -> Any:
            at = shapes.axis_of(axis, len(x.shape))
            return x[(slice(None),) * at + (slice(start, stop),)]

        return tree.map_structure(one, structure)

    def joined(a: Any, b: Any) -> Any:
        return tree.map_structure(lambda x, y: concatenate([x, y], axis), a, b)

    out, step = elems, 1
    while step < size:
        if reverse:
            out = joined(f(part(out, step, None), part(out, None, -step)), part(out, -step, None))
        else:
            out = joined(part(out, None, step), f(part(out, None, -step), part(out, step, None)))
        step *= 2
    return out


# ---- vectorize ----------------------------------------------------------------------------------------------------


def _core_dims(signature: str) -> tuple[list[int], int]:
    """Return the ranks of the arguments' cores, and the number of results, of a signature like "(n,m),(m)->(n)"."""
    left, arrow, right = signature.replace(" ", "").partition("->")
    if not arrow or not left.startswith("(") or not right.startswith("("):
        raise ShapeError(f"Expected a signature like '(n,m),(m)->(n)', got {signature!r}.")
    ranks = [len([d for d in core.split(",") if d]) for core in left.strip("()").split("),(")]
    return ranks, right.count("(")


def _vectorized(function: Any, tensors: list[Any], ranks: list[int]) -> Any:
    """Return `function` over the leading axes of tensors, broadcast together; their last `ranks` axes go in whole."""
    loops = [tuple(shape_of(x)[: len(x.shape) - rank]) for x, rank in zip(tensors, ranks, strict=True)]
    loop = shapes.broadcast_shapes(*loops)
    if not loop:
        return function(*tensors)
    size = 1
    for d in loop:
        size = size * d
    flat = []
    for x, rank in zip(tensors, ranks, strict=True):
        core = shape_of(x)[len(x.shape) - rank :]
        flat.append(reshape(broadcast_to(x, (*loop, *core)), (size, *core)))
    out = vectorized_map(lambda rows: function(*rows), flat)
    return tree.map_structure(lambda y: reshape(y, (*loop, *shape_of(y)[1:])), out, none_is_leaf=False)


@public("ops", "ops.numpy")
def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Collection[int | str] | None = None, signature: str | None = None
) -> Callable[..., Any]:
    """Return a function that calls `pyfunc` for each element of its arguments, broadcast together, as NumPy's does.

    Args:
        pyfunc: From scalar tensors (or the cores that `signature` names) to a tensor, or several.
        excluded: Positions and names of the arguments that go in as they are.
        signature: The axes that go in whole, like "(n),(n)->()"; None: none do.

    Keyword arguments that are not excluded count after the positional ones. It runs through `vectorized_map`, so
    pyfunc is made of ops.

    >>> from kerasfront import ops
    >>> double = ops.vectorize(lambda x, y: x * 2.0 + y)
    >>> ops.convert_to_numpy(double(ops.convert_to_tensor([1.0, 2.0]), 1.0)).tolist()
    [3.0, 5.0]
    """
    if not callable(pyfunc):
        raise TypeError(f"Expected `pyfunc` to be a function, got {type(pyfunc).__name__}.")
    left_out = frozenset(excluded or ())

    @functools.wraps(pyfunc)
    def call(*args: Any, **kwargs: Any) -> Any:
        keys: list[Any] = [i for i in range(len(args)) if i not in left_out]
        keys += [k for k in kwargs if k not in left_out]
        ranks = _core_dims(signature)[0] if signature else [0] * len(keys)
        if len(ranks) != len(keys):
            raise ShapeError(f"The signature {signature!r} is for {len(ranks)} arguments, got {len(keys)}.")

        def with_tensors(*tensors: Any) -> Any:
            by_place = dict(zip(keys, tensors, strict=True))
            positional = [by_place.get(i, a) for i, a in enumerate(args)]
            return pyfunc(*positional, **{k: by_place.get(k, v) for k, v in kwargs.items()})

        tensors = [convert_to_tensor(args[k] if isinstance(k, int) else kwargs[k]) for k in keys]
        return _vectorized(with_tensors, tensors, ranks)

    return call
