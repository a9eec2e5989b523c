"""What `build` is called with: the shapes of a call's tensors as its parameters ask for them, kept for files."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any

from kerasfront.layers._calls import map_shapes

Shapes = dict[str, Any]
_BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@functools.cache
def parameters_of(build: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters of a method, without `self`."""
    return tuple(inspect.signature(build).parameters.values())[1:]


def arguments_for(build: Callable[..., Any], shapes: Shapes) -> Shapes:
    """The arguments of `build` by its parameters, for the shapes of a call's tensors ("query_shape") in their order.

    A parameter that bears a shape's name gets it; others, where they must be given, the shapes that are left, in
    order, and None where none is left.
    """
    parameters = parameters_of(build)
    named = {p.name: shapes[p.name] for p in parameters if p.name in shapes}
    rest = [s for name, s in shapes.items() if name not in named]
    places = [p for p in parameters if p.kind in _BY_PLACE and p.name not in named]
    wanting = [p for p in places if p.default is Parameter.empty]
    if not wanting and not named and rest:
        wanting = places[:1]
    for parameter in wanting:
        named[parameter.name] = rest.pop(0) if rest else None
    stars = {p.kind: p.name for p in parameters}
    if Parameter.VAR_POSITIONAL in stars:
        named[stars[Parameter.VAR_POSITIONAL]] = tuple(rest)
    elif Parameter.VAR_KEYWORD in stars:
        named.update({k: v for k, v in shapes.items() if k not in named} if len(rest) == len(shapes) else {})
    return named


def bound(build: Callable[..., Any], args: tuple[Any, ...], kwargs: Shapes) -> Shapes:
    """The arguments of a call of `build` by its parameters."""
    parameters = parameters_of(build)
    places = [p for p in parameters if p.kind in _BY_PLACE]
    named = {p.name: value for p, value in zip(places, args, strict=False)}
    star = next((p.name for p in parameters if p.kind is Parameter.VAR_POSITIONAL), None)
    if star is not None and len(args) > len(places):
        named[star] = tuple(args[len(places) :])
    return {**named, **kwargs}


def as_call(build: Callable[..., Any], named: Shapes) -> tuple[tuple[Any, ...], Shapes]:
    """What `bound` has taken together, as `(args, kwargs)` again."""
    rest, args = dict(named), []
    parameters = parameters_of(build)
    star = next((p.name for p in parameters if p.kind is Parameter.VAR_POSITIONAL), None)
    for parameter in parameters:
        by_place = parameter.kind is Parameter.POSITIONAL_ONLY or (star in rest and parameter.kind in _BY_PLACE)
        if by_place and parameter.name in rest:
            args.append(rest.pop(parameter.name))
    args += rest.pop(star, ()) if star else ()
    return tuple(args), rest


def as_shapes(value: Any) -> Any:
    """Shapes from a file, where a tuple is a list, as tuples again."""
    return None if value is None else map_shapes(tuple, value)
