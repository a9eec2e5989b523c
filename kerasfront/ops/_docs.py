"""What the docstring of an op says of shapes, dtypes and errors by itself: read off its declaration."""

from __future__ import annotations

import inspect
from typing import Any

# By the name of the dtype rule.
_DTYPES = {
    "promote": "The tensors are cast to their common dtype, which is that of the result.",
    "numeric": "The tensors are cast to their common dtype, which is that of the result; booleans count as int32.",
    "multiplied": "The tensors are cast to their common dtype, which is that of the result; int8 gives int32.",
    "floating": "Integers and booleans become `floatx()`; the result has the common float dtype of the tensors.",
    "fixed bool": "The tensors are cast to their common dtype; the result is boolean.",
    "fixed int32": "The result is int32.",
    "summed": "Integers narrower than 32 bits add up, and come back, in 32 bits; other dtypes stay.",
    "real": "Integers and booleans become `floatx()`; complex tensors give real ones.",
    "absolute": "The result has the tensor's dtype; complex tensors give real ones.",
    "the dtype argument": "The result has the dtype `dtype`.",
    "the dtype argument, or the input's": "The result has the dtype `dtype`; None: that of the tensor.",
}
# By the name of the shape rule.
_SHAPES = {
    "same": "The result has the shape of the first tensor.",
    "broadcast": "The tensors broadcast; the result has the shape that they broadcast to.",
    "reduce": "The result lacks the axes `axis` (None: all), or has size 1 there where `keepdims` is true.",
    "along_axis": "The result has the tensor's shape.",
    "take": "In the result the axes of `indices` stand in the place of `axis`.",
    "given": "The result has the shape `shape`.",
}


def documented(op: Any) -> str | None:
    """The op's docstring, and what its declaration adds: shapes and dtypes where no "Returns:" says so, and errors."""
    text: str | None = op.function.__doc__
    if not text or not op.tensors:
        return text
    parts = []
    if "Returns:" not in text:
        shape = _SHAPES.get(getattr(op.shape, "__name__", ""))
        parts += [f"Shapes: {shape}"] if shape else []
        dtype = _DTYPES.get(op.dtype.name, "The result has the tensor's dtype." if _keeps(op) else None)
        parts += [f"Dtypes: {dtype}"] if dtype else []
    if "Raises:" not in text:
        parts.append("\n        ".join(["Raises:", *_errors(op)]))
    return "\n\n    ".join([text.rstrip(), *parts]) + "\n    " if parts else text


def _keeps(op: Any) -> bool:
    return op.dtype.name == "same" and getattr(op.shape, "__name__", "") in ("same", "along_axis", "reduce")


def _errors(op: Any) -> list[str]:
    names: dict[str, inspect.Parameter] = dict(op.signature.parameters)
    out = []
    if several := len([kind for _, kind in op.tensors if kind in ("Tensor", "Tensors")]) > 1:
        out.append("ShapeError: The shapes of the tensors don't fit each other.")
    if axis := next((n for n in names if n in ("axis", "axes")), None):
        out.append(f"ShapeError: `{axis}` names an axis that isn't there.")
    if "dtype" in names:
        out.append("DTypeError: `dtype` is no dtype.")
    if not several and not axis:
        out.append("ShapeError: The tensor's shape doesn't fit.")
    out.append("CapabilityError: The backend can't do it, for these kinds of tensors.")
    return out
