"""What `call` and `build` of a class take, and the arguments of `build` for those of a call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any, TypeAlias

import numpy as np

from kerasfront import tree
from kerasfront.layers.base.conversion import map_shapes, shape_of
from kerasfront.ops.inputs import is_tensor
from kerasfront.typing import NestedShapes

# The arguments of a call: by place, and by name.
Args: TypeAlias = tuple[Any, ...]
Kwargs: TypeAlias = dict[str, Any]
Shapes: TypeAlias = dict[str, Any]
_BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@functools.cache
def parameters_of(build: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Return the parameters of a method, without `self`."""
    return tuple(inspect.signature(build).parameters.values())[1:]


def arguments_for(build: Callable[..., Any], shapes: Shapes) -> Shapes:
    """Return the arguments of `build`, by name, for the shapes of a call's tensors ("query_shape") in their order.

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
    """Return the arguments of a call of `build` by its parameters."""
    parameters = parameters_of(build)
    places = [p for p in parameters if p.kind in _BY_PLACE]
    named = {p.name: value for p, value in zip(places, args, strict=False)}
    star = next((p.name for p in parameters if p.kind is Parameter.VAR_POSITIONAL), None)
    if star is not None and len(args) > len(places):
        named[star] = tuple(args[len(places) :])
    return {**named, **kwargs}


def as_call(build: Callable[..., Any], named: Shapes) -> tuple[tuple[Any, ...], Shapes]:
    """Return the arguments that `bound` joined, as `(args, kwargs)` again."""
    rest, args = dict(named), []
    parameters = parameters_of(build)
    star = next((p.name for p in parameters if p.kind is Parameter.VAR_POSITIONAL), None)
    for parameter in parameters:
        by_place = parameter.kind is Parameter.POSITIONAL_ONLY or (star in rest and parameter.kind in _BY_PLACE)
        if by_place and parameter.name in rest:
            args.append(rest.pop(parameter.name))
    args += rest.pop(star, ()) if star else ()
    return tuple(args), rest


def as_shapes(value: object) -> NestedShapes | None:
    """Shapes from a file, where a tuple is a list, as tuples again."""
    return None if value is None else map_shapes(tuple, value)


_PLACES, _KEYWORDS = Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD


class CallSpec:
    """What a class's `call` takes: found once, when the class is made."""

    def __init__(self, call: Callable[..., Any]) -> None:
        parameters = list(inspect.signature(call).parameters.values())[1:]
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self.names: list[str] = [p.name for p in positional]
        self.any_keyword: bool = any(p.kind is p.VAR_KEYWORD for p in parameters)
        by_name = {p.name: p for p in parameters}
        self.has_training: bool = "training" in by_name
        self.training_default = by_name["training"].default if self.has_training else None
        if self.training_default is Parameter.empty:
            self.training_default = None
        self.first: str | None = self.names[0] if self.names else None
        self.masks: list[str] = [n for n in by_name if n == "mask" or n.endswith("_mask")]
        self.parameter_names: set[str] = set(by_name)
        self._placed_only = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
        self._stars = {p.kind: p.name for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}

    def shapes(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the shapes of a call's tensors, by its parameters ("query_shape").

        Those of `*args` go by their number ("args_0_shape"), those of `**kwargs` stand together.
        """
        values = dict(zip(self.names, args, strict=False))
        for name, value in kwargs.items():
            more = self._stars.get(_KEYWORDS) if name not in self.parameter_names else None
            (values if more is None else values.setdefault(more, {}))[name] = value
        if _PLACES in self._stars:
            rest = args[len(self.names) :]
            values.update({f"{self._stars[_PLACES]}_{i}": value for i, value in enumerate(rest)})
        return {
            f"{name}_shape": _shapes_in(value)
            for name, value in values.items()
            if name not in self.masks and name != "training" and any(map(_has_shape, tree.flatten(value)))
        }

    def arguments(self, values: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Values by parameters, as `shapes` has them, as `(args, kwargs)`; one alone of another name comes first."""
        rest, args = dict(values), []
        if len(rest) == 1 and not rest.keys() & self.parameter_names:
            return (*rest.values(),), {}
        star = f"{self._stars.get(_PLACES)}_"
        several = [rest.pop(name) for name in values if name.startswith(star) and name not in self.parameter_names]
        for name in self.names:
            if (name in self._placed_only or several) and name in rest:
                args.append(rest.pop(name))
        more = rest.pop(self._stars.get(_KEYWORDS, ""), None)
        return (*args, *several), {**rest, **(more or {})}

    def training(self, flag: bool | None) -> bool | None:
        """Return the training flag, or the default of `call` where no flag was given."""
        return self.training_default if flag is None else flag

    def mask_of(self, argument: str) -> str | None:
        """Return the parameter that takes the mask of an argument."""
        if f"{argument}_mask" in self.masks:
            return f"{argument}_mask"
        return "mask" if argument == self.first and "mask" in self.masks else None


def under_parameters_of(like: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, a method that takes any arguments, with the parameters of the method `like` to be seen."""

    @functools.wraps(function)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    parameters = [p.replace(annotation=Any) for p in inspect.signature(like).parameters.values()]
    method.__signature__ = inspect.Signature(parameters, return_annotation=Any)  # type: ignore[attr-defined]
    return method


def _has_shape(x: Any) -> bool:
    return is_tensor(x) or isinstance(x, np.ndarray)  # layers of the host take arrays as they are


def _shapes_in(value: Any) -> Any:
    return tree.map_structure(shape_of, value)
