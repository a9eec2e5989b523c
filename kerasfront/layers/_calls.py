"""What surrounds the call of a layer: its signature, its inputs as tensors, shapes as symbolic values, masks."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasfront import scopes, tree
from kerasfront.array_like import is_array_like, to_array
from kerasfront.contract import running
from kerasfront.errors import not_one
from kerasfront.ops import convert_to_tensor
from kerasfront.scopes import masks
from kerasfront.spec import KerasTensor, dtypes, unknown
from kerasfront.variable import Variable

active = running()


_PLACES, _KEYWORDS = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD


class CallSpec:
    """What a class's `call` takes: found once, when the class is made."""

    def __init__(self, call: Callable[..., Any]) -> None:
        parameters = list(inspect.signature(call).parameters.values())[1:]
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self.names = [p.name for p in positional]
        self.any_keyword = any(p.kind is p.VAR_KEYWORD for p in parameters)
        known = {p.name: p for p in parameters}
        self.has_training = "training" in known
        self.training_default = known["training"].default if self.has_training else None
        if self.training_default is inspect.Parameter.empty:
            self.training_default = None
        self.first = self.names[0] if self.names else None
        self.masks = [n for n in known if n == "mask" or n.endswith("_mask")]
        self.known = set(known)
        self._placed_only = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
        self._stars = {p.kind: p.name for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}

    def shapes(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The shapes of a call's tensors by parameters, as "query_shape"; those of `*args` by number ("args_0_shape"),
        and those of `**kwargs` together.
        """
        values = dict(zip(self.names, args, strict=False))
        for name, value in kwargs.items():
            more = self._stars.get(_KEYWORDS) if name not in self.known else None
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
        if len(rest) == 1 and not rest.keys() & self.known:
            return (*rest.values(),), {}
        star = f"{self._stars.get(_PLACES)}_"
        several = [rest.pop(name) for name in values if name.startswith(star) and name not in self.known]
        for name in self.names:
            if (name in self._placed_only or several) and name in rest:
                args.append(rest.pop(name))
        more = rest.pop(self._stars.get(_KEYWORDS, ""), None)
        return (*args, *several), {**rest, **(more or {})}

    def training(self, told: Any) -> Any:
        """The flag, or where nothing was told the default of `call`."""
        return self.training_default if told is None else told

    def mask_of(self, argument: str) -> str | None:
        """The parameter that takes the mask of an argument."""
        if f"{argument}_mask" in self.masks:
            return f"{argument}_mask"
        return "mask" if argument == self.first and "mask" in self.masks else None


def under_parameters_of(like: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, a method that takes any arguments, with the parameters of the method `like` to be seen."""

    @functools.wraps(function)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    parameters = [p.replace(annotation=Any) for p in inspect.signature(like).parameters.values()]
    method.__signature__ = inspect.Signature(parameters, return_annotation=Any)  # type: ignore[attr-defined]
    return method


def is_tensor(x: Any) -> bool:
    return isinstance(x, KerasTensor) or type(x) in active.native or active.adapter.is_tensor(x)


def shape_of(x: Any) -> Any:
    shape = getattr(x, "shape", None)
    if shape is None:
        return None
    return tuple(None if d is None or unknown(int(d)) else int(d) for d in shape)


def as_symbol(x: Any) -> Any:
    """A KerasTensor for a tensor, an array or a Variable; anything else as it is."""
    if isinstance(x, KerasTensor):
        return x
    if isinstance(x, Variable) or (isinstance(x, np.ndarray) and x.dtype.kind not in "OUS"):
        return KerasTensor(tuple(x.shape), str(x.dtype))
    return KerasTensor(shape_of(x), active.adapter.dtype_name(x)) if is_tensor(x) else x


def _has_shape(x: Any) -> bool:
    return is_tensor(x) or isinstance(x, np.ndarray)  # layers of the host take arrays as they are


def _shapes_in(value: Any) -> Any:
    return tree.map_structure(shape_of, value)


def convert_input(x: Any, autocast: bool, dtype: str) -> Any:
    """An array as a tensor, a float tensor in `dtype`; anything else as it is."""
    if isinstance(x, Variable):
        x = x.value
    if isinstance(x, (np.ndarray, np.generic)):
        x = _of_array(x)
    if isinstance(x, KerasTensor):
        if autocast and dtypes.is_float(x.dtype) and x.dtype != dtype:
            return _cast_symbolic(x, dtype)
        return x
    if not is_tensor(x):
        if type(x).__name__ == "KerasTensor":
            raise not_one("a tensor, or a KerasTensor of kerasfront's own", x)
        if not is_array_like(x) or isinstance(x := _of_array(to_array(x)), np.ndarray):
            return x
    name = active.adapter.dtype_name(x)
    if autocast and name != dtype and dtypes.is_float(name):
        cast = active.adapter.cast(x, dtype)
        if masks and (mask := scopes.get_mask(x)) is not None:
            scopes.set_mask(cast, mask)
        return cast
    return x


def _of_array(x: Any) -> Any:
    """A tensor of an array's numbers; an array of strings stays one."""
    if x.dtype == object:
        x = to_array(np.asarray(x))
    return x if x.dtype.kind in "OUS" else convert_to_tensor(x)


def _cast_symbolic(x: KerasTensor, dtype: str) -> KerasTensor:
    out = KerasTensor(x.shape, dtype, x.sparse, x.ragged, name=x.name)
    out.node, out.index = x.node, x.index
    out._keras_mask = x._keras_mask
    return x if x.node is not None else out


def map_inputs(convert: Callable[[Any], Any], value: Any) -> Any:
    """Convert tensors and arrays; a list or tuple of plain numbers is one tensor."""
    if isinstance(value, (list, tuple)) and value and _is_numbers(value):
        return convert(convert_to_tensor(value))
    return convert(value) if not isinstance(value, (list, tuple, dict)) else tree.map_structure(convert, value)


def _is_numbers(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(_is_numbers(v) for v in value)
    return type(value) in (int, float, bool)


def masks_of(value: Any) -> Any:
    if isinstance(value, KerasTensor) or type(value) in active.native:
        return scopes.get_mask(value)
    if isinstance(value, (list, tuple, dict)):
        found = tree.map_structure(lambda x: scopes.get_mask(x) if is_tensor(x) else None, value)
        return found if any(m is not None for m in tree.flatten(found)) else None
    return scopes.get_mask(value) if is_tensor(value) else None


def described(args: tuple[Any, ...]) -> str:
    def one(x: Any) -> str:
        if is_tensor(x):
            dtype = x.dtype if isinstance(x, KerasTensor) else active.adapter.dtype_name(x)
            return f"{dtype}{shape_of(x)}"
        return repr(x)[:40]

    return ", ".join(str(tree.map_structure(one, a)) for a in args) or "nothing"


def map_shapes(function: Callable[[Any], Any], shapes: Any) -> Any:
    """`function` on each shape (a tuple or list of integers and None) of a nested structure."""
    if isinstance(shapes, (list, tuple)) and all(d is None or isinstance(d, (int, np.integer)) for d in shapes):
        return function(tuple(d if d is None else int(d) for d in shapes))
    if isinstance(shapes, dict):
        return {k: map_shapes(function, v) for k, v in shapes.items()}
    return type(shapes)(map_shapes(function, s) for s in shapes)


def with_masks(transform: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """`transform(function)`, in which masks come in and go out: a transformation may know the tensors by others."""

    def call(*args: Any) -> Any:
        given = [scopes.get_mask(x) for x in tree.flatten(args)]
        carried: list[bool] = []

        def inner(*args: Any) -> Any:
            with scopes.masked(tree.flatten(args), given):
                out = function(*args)
            found = [scopes.get_mask(x) for x in tree.flatten(out)]
            carried[:] = [m is not None for m in found]
            return (out, [m for m in found if m is not None]) if any(carried) else out

        out = transform(inner)(*args)
        if any(carried):
            out, found = out
            for x, mask in zip(itertools.compress(tree.flatten(out), carried), found, strict=True):
                scopes.set_mask(x, mask)
        return out

    return call
