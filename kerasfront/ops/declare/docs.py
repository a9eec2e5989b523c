"""What the docstring of an op says of shapes, dtypes and errors by itself: read off its declaration."""

from __future__ import annotations

import inspect

from kerasfront.ops.declare.op import Op
from kerasfront.spec import dtypes, shapes

# Shape rules by which the result has the dtype of the tensor where the dtype rule changes nothing.
_OF_ONE_TENSOR = (shapes.same, shapes.along_axis, shapes.reduce)


def documented(op: Op) -> str | None:
    """Return the op's docstring with what its declaration adds.

    That is shapes and dtypes, where no "Returns:" says so, and the errors.
    """
    text: str | None = op.function.__doc__
    if not text or not op.tensors:
        return text
    parts = []
    if "Returns:" not in text:
        shape = shapes.SENTENCES.get(op.shape) if op.shape else None
        parts += [f"Shapes: {shape}"] if shape else []
        keeps = op.dtype is dtypes.SAME and op.shape in _OF_ONE_TENSOR
        dtype = "The result has the tensor's dtype." if keeps else op.dtype.sentence
        parts += [f"Dtypes: {dtype}"] if dtype else []
    if "Raises:" not in text and (errors := _errors(op)):
        parts.append("\n        ".join(["Raises:", *errors]))
    return "\n\n    ".join([text.rstrip(), *parts]) + "\n    " if parts else text


def _errors(op: Op) -> list[str]:
    names: dict[str, inspect.Parameter] = dict(op.signature.parameters)
    out = []
    promoted = [kind for _, kind in op.tensors if kind in ("Tensor", "Tensors")]
    several = len(promoted) > 1 or op.elementwise and len(op.tensors) > 1
    if several:
        out.append("ShapeError: The shapes of the tensors don't fit each other.")
    if axis := next((n for n in names if n in ("axis", "axes")), None):
        out.append(f"ShapeError: `{axis}` names an axis that isn't there.")
    if "dtype" in names:
        out.append("DTypeError: `dtype` is no dtype.")
    if not several and not axis and not op.elementwise:
        out.append("ShapeError: The tensor's shape doesn't fit.")
    return out
