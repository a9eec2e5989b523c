"""What comes to a layer, as tensors of its dtype; tensors as symbols and as shapes; masks that go with them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasfront import scopes, tree
from kerasfront.contract import Runtime, running
from kerasfront.ops import convert_to_tensor
from kerasfront.ops.inputs import is_tensor
from kerasfront.spec import KerasTensor, static_shape
from kerasfront.typing import NestedTensors, Shape
from kerasfront.variable import Variable

active: Runtime = running()


def shape_of(x: object) -> Shape | None:
    shape = getattr(x, "shape", None)
    if shape is None:
        return None
    return static_shape(shape)


def as_symbol(x: object) -> Any:
    """Return a KerasTensor for a tensor, an array or a Variable; anything else as it is."""
    if isinstance(x, KerasTensor):
        return x
    if isinstance(x, Variable) or (isinstance(x, np.ndarray) and x.dtype.kind not in "OUS"):
        return KerasTensor(tuple(x.shape), str(x.dtype))
    return KerasTensor(shape_of(x), active.adapter.dtype_name(x)) if is_tensor(x) else x


def map_inputs(convert: Callable[[Any], Any], value: object) -> Any:
    """Convert tensors and arrays; a list or tuple of plain numbers is one tensor."""
    if isinstance(value, (list, tuple)) and value and _is_numbers(value):
        return convert(convert_to_tensor(value))
    return convert(value) if not isinstance(value, (list, tuple, dict)) else tree.map_structure(convert, value)


def _is_numbers(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(_is_numbers(v) for v in value)
    return type(value) in (int, float, bool)


def masks_of(value: object) -> NestedTensors | None:
    if isinstance(value, KerasTensor) or type(value) in active.native:
        return scopes.get_mask(value)
    if isinstance(value, (list, tuple, dict)):
        carried = tree.map_structure(lambda x: scopes.get_mask(x) if is_tensor(x) else None, value)
        return carried if any(m is not None for m in tree.flatten(carried)) else None
    return scopes.get_mask(value) if is_tensor(value) else None


def described(args: tuple[Any, ...]) -> str:
    def one(x: Any) -> str:
        if is_tensor(x):
            dtype = x.dtype if isinstance(x, KerasTensor) else active.adapter.dtype_name(x)
            return f"{dtype}{shape_of(x)}"
        return repr(x)[:40]

    return ", ".join(str(tree.map_structure(one, a)) for a in args) or "nothing"


def map_shapes(function: Callable[[Any], Any], shapes: Any) -> Any:
    """Return `function` on each shape (a tuple or list of integers and None) of a nested structure."""
    if isinstance(shapes, (list, tuple)) and all(d is None or isinstance(d, (int, np.integer)) for d in shapes):
        return function(tuple(d if d is None else int(d) for d in shapes))
    if isinstance(shapes, dict):
        return {k: map_shapes(function, v) for k, v in shapes.items()}
    return type(shapes)(map_shapes(function, s) for s in shapes)


def with_masks(transform: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """`transform(function)`, in which masks come in and go out: a transformation may know the tensors by others."""

    def call(*args: Any) -> Any:
        input_masks = [scopes.get_mask(x) for x in tree.flatten(args)]
        carried: list[bool] = []

        def inner(*args: Any) -> Any:
            with scopes.masked(tree.flatten(args), input_masks):
                out = function(*args)
            output_masks = [scopes.get_mask(x) for x in tree.flatten(out)]
            carried[:] = [m is not None for m in output_masks]
            return (out, [m for m in output_masks if m is not None]) if any(carried) else out

        out = transform(inner)(*args)
        if any(carried):
            out, output_masks = out
            for x, mask in zip(itertools.compress(tree.flatten(out), carried), output_masks, strict=True):
                scopes.set_mask(x, mask)
        return out

    return call
