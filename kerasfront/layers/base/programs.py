"""A user's own `call` on symbolic values: what it does that only numbers can, such as loops over a dimension."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from kerasfront import tree
from kerasfront.errors import ShapeError
from kerasfront.layers.base.building import Unbuilt, build_for
from kerasfront.layers.base.signatures import Args, Kwargs
from kerasfront.scopes import context
from kerasfront.spec import KerasTensor, mode
from kerasfront.spec.symbolic import SMALL_SIZES, AtSizes, TooManyOps

if TYPE_CHECKING:
    from kerasfront.layers.base.layer import Layer

# As many ops may follow in a call, at 0.1 ms each; beyond, it is taken for a loop over an unknown dimension.
_MOST_OPS = 10_000
_OURS = __name__.partition(".")[0]

Program = Callable[..., Any]


@functools.cache
def is_own(function: Program) -> bool:
    """Whether a function is a user's."""
    return (getattr(function, "__module__", None) or "").partition(".")[0] != _OURS


def inferred(
    call: Program, layer: Layer, args: Args, kwargs: Kwargs, otherwise: Callable[[Exception], Any]
) -> KerasTensor:
    """Return the symbolic results of a user's `call` on symbolic values that have numbers in place of unknown dims.

    Those are so large that rules know them. A call that needs a number itself (a loop, a NumPy array, a slice of a
    weight) gets small ones in a second attempt, of two sizes, whose results are taken for points on a line.

    Args:
        call: The program.
        layer: Whose it is.
        args: Its arguments.
        kwargs: Its arguments by name.
        otherwise: What remains to be tried before small sizes, given the error.

    Raises:
        Exception: What `call` raises by the large numbers, where small ones don't help.
    """
    sized = AtSizes((args, kwargs))
    if sized.unit is None:
        return _counted(call, args, kwargs)
    if _loops(type(layer)._kf_own_code(layer)):  # which would not end
        succeeded, results = _at_small_sizes(call, sized)
        if succeeded:
            return results
    try:
        return _counted(call, args, kwargs)
    except Exception as error:
        first = error
    try:
        return otherwise(first)
    except Exception as error:
        succeeded, results = _at_small_sizes(call, sized)
        if succeeded:
            return results
        if isinstance(first, TooManyOps):
            raise ShapeError(
                f"The call of the layer '{layer.path}' ({type(layer).__name__}) goes over an unknown dimension.",
                hint="Define compute_output_shape(self, input_shape) in the class, or give the Input its size.",
            ) from error
        raise


def _counted(call: Program, args: Any, kwargs: Any) -> Any:
    outer = mode.ops_left
    mode.ops_left = _MOST_OPS
    try:
        return call(*args, **kwargs)
    finally:
        count = _MOST_OPS - mode.ops_left
        mode.ops_left = None if outer is None else outer - count - 1


def _at_small_sizes(call: Program, sized: AtSizes) -> tuple[bool, Any]:
    """Whether the program runs at small sizes, and its results for the unknown one."""
    before = mode.small, mode.ops_left
    mode.small, mode.ops_left = True, None
    try:
        for sizes in SMALL_SIZES:
            try:
                return True, sized.back(sizes, _pair(call, sized, sizes))
            except Exception:  # too small, too large, or no number helps
                continue
    finally:
        mode.small, mode.ops_left = before
    return False, None


def _pair(call: Program, sized: AtSizes, sizes: tuple[int, int]) -> tuple[Any, Any]:
    """Return the results at two sizes. Layers inside that aren't built yet are, for what the sizes have in common."""

    def run(size: int) -> Any:
        args, kwargs = sized.at(size)
        try:
            return call(*args, **kwargs)
        except Unbuilt as unbuilt:
            return unbuilt

    while True:
        first, second = (run(size) for size in sizes)
        if not isinstance(first, Unbuilt) or not isinstance(second, Unbuilt):
            if isinstance(first, Unbuilt) or isinstance(second, Unbuilt):
                raise ShapeError("What is built depends on an unknown dimension.")
            return first, second
        if first.layer is not second.layer:
            raise ShapeError("What is built depends on an unknown dimension.")
        shapes = tree.map_structure(lambda m, n: m if m == n else None, first.shapes, second.shapes, none_is_leaf=True)
        names, context.names = context.names, first.names
        before, mode.small = mode.small, False
        try:
            build_for(first.layer, shapes)
        finally:
            context.names, mode.small = names, before


@functools.cache
def own_methods(cls: type) -> tuple[Program, ...]:
    """Return a user's methods in the class that may run in a call."""
    named = (
        item for c in cls.__mro__ for item in vars(c).items() if item[0] not in ("__init__", "build", "get_config")
    )
    return tuple(f for _, f in named if isinstance(f, types.FunctionType) and is_own(f))


@functools.cache
def _loops(functions: tuple[Program, ...]) -> bool:
    """Whether functions, or those that they call, go over a `range`."""
    visited: set[types.CodeType] = set()
    return any(_uses_range(f.__code__, f.__globals__, visited) for f in functions if isinstance(f, types.FunctionType))


def _uses_range(code: types.CodeType, names: dict[str, Any], visited: set[types.CodeType]) -> bool:
    if code in visited:
        return False
    visited.add(code)
    if "range" in code.co_names and "range" not in names:
        return True
    return any(_uses_range(inner, scope, visited) for inner, scope in _inside(code, names))


def _inside(code: types.CodeType, names: dict[str, Any]) -> Iterator[tuple[types.CodeType, dict[str, Any]]]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant, names
    for name in code.co_names:
        function = names.get(name)
        if isinstance(function, types.FunctionType) and is_own(function):
            yield function.__code__, function.__globals__
