"""Packing and unpacking what a data set yields: x, y and sample weights."""

from typing import Any

from kerasfront.errors import ShapeError

__all__ = ["pack_x_y_sample_weight", "unpack_x_y_sample_weight"]


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Put inputs, targets and sample weights into the tuple that `unpack_x_y_sample_weight` takes apart.

    Returns:
        `x` alone where there are no targets (in a tuple of one, if it is itself a list or tuple), `(x, y)`,
        or `(x, y, sample_weight)`.

    Example:
        >>> pack_x_y_sample_weight(1, 2), pack_x_y_sample_weight([1, 2]), pack_x_y_sample_weight(1)
        ((1, 2), ([1, 2],), 1)
    """
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Unpack what a data set yields.

    Args:
        data: `x`, or a tuple or list `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Returns:
        `(x, y, sample_weight)` with `None` for what isn't there.

    Raises:
        ValueError: A tuple or list is empty or has more than three parts.

    Example:
        >>> unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    if not isinstance(data, (list, tuple)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ShapeError(
            f"A batch must be x, (x,), (x, y) or (x, y, sample_weight); a {type(data).__name__} of {len(data)} came.",
            hint="Several inputs or outputs go into one list or dict each: ([x1, x2], y).",
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight
