"""What a parameter of an op takes, as its annotation says it, and how values of the static ones are made plain."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from kerasfront.arguments import Kind, as_float, kind_of, plain
from kerasfront.errors import ArgumentError
from kerasfront.typing import TensorLike

# The annotations that the wrapper reads by name. `TensorLike` takes part in dtype promotion. `Indices` and `Condition`
# are converted to a tensor, but keep their own dtype (a Condition becomes bool). `Tensors` is a sequence of tensors.
# `Nested` is a nested structure of tensors, each of its own dtype. `Body` is a function whose results become tensors.
# A parameter with any other annotation is static: the number, the sequence or the string that the annotation says.
Indices: TypeAlias = TensorLike
Condition: TypeAlias = TensorLike
Tensors: TypeAlias = TensorLike | Sequence[TensorLike]
Nested: TypeAlias = Any
Body: TypeAlias = Callable[..., Any]

# Statics that the implementation gets as they are: a number or a tensor without axes, and sizes that the caller has
# made plain already.
Unconverted: TypeAlias = TensorLike
Sizes: TypeAlias = tuple[int, ...]
_UNREAD = frozenset({"Any", "DTypeLike", "Unconverted", "Sizes", "str"})

# The kinds of parameters, by the annotation.
KINDS = {
    "TensorLike": "Tensor",
    "Indices": "Indices",
    "Condition": "Condition",
    "Tensors": "Tensors",
    "Nested": "Nested",
    "Body": "Body",
}
# Ops with such parameters always run by `general`: looking through the arguments costs more than it saves.
NEVER_FAST = frozenset({"Tensors", "Nested", "Body"})
SCALARS = frozenset({bool, int, float, complex})
AXES = frozenset({"axis", "axes"})


def tensor_parameters(signature: inspect.Signature) -> Iterator[tuple[int, str]]:
    """Return the places of the parameters that take tensors, each with its kind."""
    for index, parameter in enumerate(signature.parameters.values()):
        kind = KINDS.get(str(parameter.annotation).removesuffix(" | None"))
        if kind is not None:
            star = parameter.kind is inspect.Parameter.VAR_POSITIONAL
            yield index, "Tensors" if star and kind == "Tensor" else kind


class Static(NamedTuple):
    """A parameter whose values are numbers that a graph knows, or axes."""

    place: int  # among the parameters
    name: str
    kind: Kind | None
    classes: frozenset[type]  # of values that the implementations take as they are

    def converted(self, value: Any, owner: str) -> Any:
        """Return the value with plain numbers, and several axes as a tuple; what isn't known yet stays.

        A tensor where a float is asked for stays too, because there may be a gradient by it.
        """
        if self.kind is not None and (type(value) not in self.classes or type(value) in (list, tuple)):
            if self.kind.scalar is as_float and not isinstance(value, (np.generic, np.ndarray, str)):
                return value
            try:
                value = self.kind.take(value, self.name, owner)
            except ArgumentError:
                if is_plain(value):
                    raise
                value = type(value)(map(plain, value)) if type(value) in (list, tuple) else value
        return tuple(value) if isinstance(value, list) and self.name in AXES else value


def static_parameters(function: Callable[..., Any], signature: inspect.Signature) -> Iterator[Static]:
    """Return the parameters that take numbers or axes, by their annotations and names."""
    for index, (name, parameter) in enumerate(signature.parameters.items()):
        text = str(parameter.annotation).removesuffix(" | None")
        if text in KINDS or (text in _UNREAD and name not in AXES):
            continue
        kind = None if text in _UNREAD else kind_of(parameter.annotation, function.__globals__)
        if kind is not None:
            yield Static(index, name, kind, kind.classes - {list} if name in AXES else kind.classes)
        elif name in AXES:
            yield Static(index, name, None, frozenset({int, tuple, type(None)}))


def is_plain(value: Any) -> bool:
    """Return whether a value is made of Python's own values: then it is wrong now, and no size that is known later."""
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    return type(value) in SCALARS or isinstance(value, (str, dict, type(None), np.generic, np.ndarray))
