"""What surrounds a call: names, the autocast dtype, the training flag, masks. One value per thread each."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from kerasfront.spec import KerasTensor
from kerasfront.typing import Tensor


class _Context(threading.local):
    """`training` and `depth` belong to the running layer call, `autocast` is the dtype floats are read in."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.autocast: str | None = None
        self.training: bool | None = None
        self.depth = 0
        self.remat: list[Any] = []
        # While a model is loaded: `(variable, initializer, shape, dtype)` gives a new variable's first value.
        self.initial: Any = None
        # While a step is traced whose constants would not follow a Variable: those that were read, by identity.
        self.reads: dict[int, Any] | None = None


context: _Context = _Context()


class _Structure:
    """Counts the changes of any layer's tree: what was gathered from a tree holds until the next."""

    version: int = 0

    def change(self) -> None:
        self.version += 1


structure: _Structure = _Structure()


class name_scope:
    """Inside, the paths of new variables begin with `name`.

    >>> import kerasfront as keras
    >>> with keras.name_scope("encoder"):
    ...     v = keras.Variable([1.0], name="scale")
    >>> v.path
    'encoder/scale'
    """

    def __init__(self, name: str, caller: Any = None) -> None:
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"Expected the `name` of a name_scope to be a string without '/', got {name!r}.")
        self.name = name
        self.caller = caller

    def __enter__(self) -> name_scope:
        context.names.append(self.name)
        return self

    def __exit__(self, *exc: Any) -> None:
        context.names.pop()


def path_of(name: str) -> str:
    """`name` below the scopes that are open."""
    return "/".join((*context.names, name))


@contextmanager
def autocast(dtype: str | None) -> Iterator[None]:
    """Inside, float Variables that allow it are read in `dtype`."""
    before, context.autocast = context.autocast, dtype
    try:
        yield
    finally:
        context.autocast = before


# ---- masks --------------------------------------------------------------------------------------------------------
# A mask belongs to a tensor as long as the tensor lives. A symbolic tensor holds its own. Tensors of some frameworks
# take no attributes, so their masks are kept beside them, by identity; where there are none, calls take a short way.

masks: dict[int, tuple[Any, Any]] = {}


def set_mask(x: Any, mask: Any) -> None:
    """Give the tensor x a mask (None: take it away)."""
    if isinstance(x, KerasTensor):
        x._keras_mask = mask
        return
    key = id(x)
    if mask is None:
        masks.pop(key, None)
    else:
        masks[key] = (weakref.ref(x, lambda _: masks.pop(key, None)), mask)
    with suppress(AttributeError):  # where a tensor takes attributes, it shows its mask as Keras's guides do
        x._keras_mask = mask


def get_mask(x: object) -> Tensor | None:
    """Return the mask of a tensor, native or symbolic, or None."""
    if isinstance(x, KerasTensor):
        return x._keras_mask
    entry = masks.get(id(x))
    return entry[1] if entry is not None and entry[0]() is x else None


def dims_of(x: Any) -> tuple[int | None, ...] | None:
    """Return the static shape of a tensor, with None for unknown sizes; None where not even the rank is known."""
    try:
        return tuple(d if type(d) is int else None for d in x.shape)  # a tracer's size may be a symbol
    except ValueError:
        return None


def fits(mask: Any, x: object, broadcast: bool = False) -> bool:
    """Whether the axes of a mask are the first ones of x (a graph may know them from one of the two only).

    With `broadcast` an axis of size 1 of the mask stands for any.
    """
    sizes, dims = dims_of(mask), dims_of(x)
    if sizes is None or dims is None:
        return True
    return len(sizes) <= len(dims) and all(
        m == n or m is None or (broadcast and m == 1) or (n is None and m != 1)
        for m, n in zip(sizes, dims, strict=False)
    )


def forget_masks(ids: Sequence[int], outputs: Sequence[Any]) -> None:
    """Take away the masks of what a call made inside; they would die with its tensors, but a tracer keeps those."""
    keys = {*ids, *map(id, outputs)}
    for key in [key for key in masks if key not in keys]:
        del masks[key]


@contextmanager
def masked(tensors: Sequence[Any], masks_inside: Sequence[Any]) -> Iterator[None]:
    """Inside, the tensors have the given masks; what is None leaves a tensor's own."""
    before = [(x, get_mask(x)) for x, mask in zip(tensors, masks_inside, strict=True) if mask is not None]
    for x, mask in zip(tensors, masks_inside, strict=True):
        if mask is not None:
            set_mask(x, mask)
    try:
        yield
    finally:
        for x, mask in before:
            set_mask(x, mask)
