"""Small numeric helpers that compute with NumPy."""

from typing import Any

import numpy as np

from kerasfront.arguments import converted
from kerasfront.errors import ShapeError
from kerasfront.typing import TensorLike

__all__ = ["normalize", "to_categorical"]


@converted
def to_categorical(x: TensorLike, num_classes: int | None = None) -> np.ndarray[Any, Any]:
    """Return one-hot rows for integer classes, as a NumPy array.

    Args:
        x: Integers of any shape, from 0 to `num_classes - 1`; a last axis of length 1 is dropped.
        num_classes: Defaults to the largest class plus one.

    Returns:
        Floats of shape `(*x.shape, num_classes)`.

    Raises:
        ValueError: A class is negative or not below `num_classes`.

    Example:
        >>> to_categorical([0, 2]).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    classes = np.asarray(x).astype("int64")
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    largest = int(classes.max(initial=-1))
    count = largest + 1 if num_classes is None else num_classes
    if largest >= count or classes.min(initial=0) < 0:
        extent = f"{classes.min(initial=0)} to {largest}"
        raise ShapeError(f"to_categorical() expects classes from 0 to num_classes - 1 = {count - 1}; {extent} came.")
    one_hot = np.zeros((*classes.shape, count))
    np.put_along_axis(one_hot, classes[..., None], 1.0, axis=-1)
    return one_hot


@converted
def normalize(x: TensorLike, axis: int = -1, order: int = 2) -> np.ndarray[Any, Any]:
    """Divide by the norm along an axis. Where the norm is 0, the values stay 0.

    Args:
        x: Numbers; a scalar counts as one of shape (1,).
        axis: The axis along which the norm is taken.
        order: The order of the norm: 2 is the Euclidean one.

    Returns:
        An array of the shape of `x`.

    Example:
        >>> normalize([[3.0, 4.0], [0.0, 0.0]]).tolist()
        [[0.6, 0.8], [0.0, 0.0]]
    """
    values = np.atleast_1d(np.asarray(x))
    norm = np.linalg.norm(values, ord=order, axis=axis, keepdims=True)
    return np.asarray(values / np.where(norm == 0, 1, norm))
