"""Entry: what a model says of its inputs, and how what comes is made to fit. The one place for all kinds of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasfront import ops
from kerasfront.contract import Runtime, running
from kerasfront.errors import DTypeError, ShapeError
from kerasfront.layers.input_spec import InputSpec, one_example, shown
from kerasfront.spec import KerasTensor, dtypes, unknown

if TYPE_CHECKING:
    from kerasfront.models.model import Model

active: Runtime = running()
# As many shapes are remembered as fitting; a model of images of any size meets more.
_REMEMBERED = 1000
_STATIC = {int}


class Entry:
    """The declared inputs of a model.

    Args:
        inputs: The symbolic inputs.
        names: Their names.
        sizes: Whether the declared sizes are the model's; False: its layers say which they take, as in a Sequential.
        casts: Whether inputs become of the declared dtype.
    """

    def __init__(
        self, inputs: Sequence[KerasTensor], names: Sequence[str], sizes: bool = True, casts: bool = True
    ) -> None:
        self.names: tuple[str, ...] = tuple(names)
        self.sizes: bool = sizes
        self.casts: bool = casts
        self.shapes: list[tuple[int | None, ...]] = [x.shape for x in inputs]
        self.dtypes: list[str] = [x.dtype if casts else "string" for x in inputs]
        self.optional: list[bool] = [is_optional(x) for x in inputs]
        self._accepted: set[tuple[int, tuple[Any, ...]]] = set()

    def specs(self) -> list[InputSpec]:
        """Return the same as InputSpecs."""
        return [
            InputSpec(shape=(None, *shape[1:]), name=name, allow_last_axis_squeeze=True, optional=optional)
            for shape, name, optional in zip(self.shapes, self.names, self.optional, strict=True)
        ]

    def fitted(self, x: Any, index: int, model: Model) -> Any:
        """Return the input `x` of `model`, of the declared rank and dtype.

        Raises:
            ShapeError: It has another rank or size, or is None and not optional.
            DTypeError: It holds strings, and numbers are declared.
        """
        shape = getattr(x, "shape", None)
        if shape is None:
            if x is None and self.optional[index]:
                return None
            raise ShapeError(f"{self._named(index, model, 'needs')}; it came as {x!r:.40}.")
        sizes = tuple(shape[1:])
        static = {*map(type, sizes)} <= _STATIC  # a tracer's sizes may be symbols, which can't be hashed or compared
        if not static or (index, sizes) not in self._accepted:
            x = self._of_rank(x, index, model)
            if static and len(self._accepted) < _REMEMBERED and sizes == tuple(x.shape[1:]):
                self._accepted.add((index, sizes))
        declared = self.dtypes[index]
        if (
            declared == "string"
            or x.dtype is active.adapter.native_dtypes.get(declared)
            or (actual := _dtype(x)) == declared
        ):
            return x
        if actual == "string":
            raise DTypeError(
                f"{self._named(index, model)} of dtype {declared}; it holds strings.",
                hint="Turn them into numbers first: ops.cast for digits, StringLookup or TextVectorization for words.",
            )
        return ops.cast(x, declared)

    def _named(self, index: int, model: Any, verb: str = "expects") -> str:
        return f"The {type(model).__name__} model '{model.path}' {verb} its input '{self.names[index]}'"

    def _of_rank(self, x: Any, index: int, model: Any) -> Any:
        """`x`, with a last axis of size 1 added or taken where that makes it fit, by Keras's rule."""
        declared, actual = self.shapes[index], tuple(x.shape)
        extra = len(actual) - len(declared)
        plain = isinstance(x, np.ndarray)  # strings are arrays
        if extra == 0 and (not self.sizes or _agree(actual[1:], declared[1:])):
            return x
        if extra == 1 and actual[-1] == 1 and _agree(actual[1:-1], declared[1:]):
            return x[..., 0] if plain else ops.squeeze(x, axis=-1)
        if extra == -1 and declared[-1] == 1 and _lacks_last(actual, declared):
            return x[..., None] if plain else ops.expand_dims(x, axis=-1)
        hint = one_example(len(declared), len(actual))
        raise ShapeError(
            f"{self._named(index, model)} to have the shape {(None, *declared[1:])}; it came with "
            f"the shape {shown(actual)}.{hint}"
        )


def is_optional(x: KerasTensor) -> bool:
    return bool(x.node is not None and getattr(x.node.operation, "optional", False))


def _dtype(x: Any) -> str:
    if isinstance(x, KerasTensor):
        return x.dtype
    return active.adapter.dtype_name(x) if active.adapter.is_tensor(x) else dtypes.standardize(x.dtype)


def _lacks_last(actual: Sequence[Any], declared: Sequence[Any]) -> bool:
    """Whether `found` lacks the last axis only, not the first as one example does."""
    if not actual or not _agree(actual[1:], declared[1:-1]):
        return False
    # One sequence of features of size 1 looks like several sequences of length 1, which nobody means.
    return len(actual) == 1 or actual[-1] != 1 or actual[0] == 1 or not _agree(actual, declared[1:])


def _agree(actual: Sequence[Any], declared: Sequence[Any]) -> bool:
    """Whether the known sizes are equal."""
    return len(actual) == len(declared) and all(
        n is None or unknown(m) or m == n for m, n in zip(actual, declared, strict=True)
    )
