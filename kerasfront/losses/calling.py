"""The call of a loss: targets and predictions become tensors of its dtype, and errors name the loss and the shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kerasfront import ops, tree
from kerasfront.contract import Runtime, running
from kerasfront.errors import DTypeError, KerasFrontError, ShapeError
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.typing import TensorLike

active: Runtime = running()


def tensors(x: Any, dtype: str, name: str) -> Any:
    """Return tensors; floats are of `dtype`, and integers stay: classes would not survive half precision.

    Args:
        x: A tensor, what becomes one, or a structure of such.
        dtype: The dtype of the loss.
        name: The name of the loss, for errors.
    """
    if type(x) in active.native:
        own = active.adapter.dtype_name(x)
        if own == "string":
            raise _strings(name)
        return x if own == dtype or not dtypes.is_float(own) else active.adapter.cast(x, dtype)
    if isinstance(x, dict) or (isinstance(x, (list, tuple)) and _holds_tensors(x)):
        return tree.map_structure(lambda part: tensors(part, dtype, name), x)
    if not isinstance(x, KerasTensor):
        if isinstance(x, str) or getattr(getattr(x, "dtype", None), "kind", "") in tuple("OUS"):
            raise _strings(name)
        return tensors(ops.convert_to_tensor(x), dtype, name)
    return ops.cast(x, dtype) if dtypes.is_float(x.dtype) and x.dtype != dtype else x


def floats(x: Any, dtype: str) -> Any:
    """Return the tensors of a structure in the dtype of the loss: as numbers, bytes wrap and bools have no difference.

    Complex numbers stay.
    """
    if type(x) in active.native:
        own = active.adapter.dtype_name(x)
    elif isinstance(x, KerasTensor):
        own = x.dtype
    else:
        return tree.map_structure(lambda part: floats(part, dtype), x) if tree.is_nested(x) else x
    return x if own == dtype or own.startswith("complex") else ops.cast(x, dtype)


def explain(error: Exception, name: str, y_true: Any, y_pred: Any, sample_weight: TensorLike | None) -> None:
    """Name the loss and the shapes in an error.

    Raises:
        ShapeError: The error came of shapes that don't fit each other.
    """
    if not hasattr(y_true, "shape") or not hasattr(y_pred, "shape"):
        return
    target, prediction = tuple(y_true.shape), tuple(y_pred.shape)
    arguments = f"targets of shape {target} and predictions of shape {prediction}"
    if sample_weight is not None:
        arguments += f" (sample_weight: {tuple(ops.convert_to_tensor(sample_weight).shape)})"
    if isinstance(error, KerasFrontError):
        error.add_note(f"in the loss '{name}', for {arguments}")
    elif len(target) == len(prediction) and not _broadcast(target, prediction):
        raise ShapeError(f"The loss '{name}' got {arguments}, which don't fit each other.") from error
    elif sample_weight is not None:
        raise ShapeError(f"The loss '{name}' got {arguments}; the weights must broadcast to the samples.") from error
    else:
        error.add_note(f"in the loss '{name}', for {arguments}")


def _strings(name: str) -> DTypeError:
    return DTypeError(
        f"The loss '{name}' got targets that are strings (or other objects), not numbers.",
        hint="Number the classes first: `classes, y = np.unique(y, return_inverse=True)`, or `StringLookup`.",
    )


def _broadcast(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Return whether two shapes of one rank broadcast."""
    return all(m == n or None in (m, n) or 1 in (m, n) for m, n in zip(a, b, strict=True))


def _holds_tensors(x: Iterable[Any]) -> bool:
    return any(type(leaf) in active.native or isinstance(leaf, KerasTensor) or hasattr(leaf, "shape") for leaf in x)
