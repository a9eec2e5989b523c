"""Weights of classes, as weights of samples."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasfront import tree
from kerasfront.data.arrays import number_lists_to_arrays, to_host
from kerasfront.errors import DataError

Array = np.ndarray[Any, Any]


def class_weights_to_sample_weights(y: Any, class_weight: Mapping[int, float]) -> Array:
    """Return the weight of each sample's class.

    Args:
        y: Classes as integers of shape (samples,) or (samples, 1), or one-hot rows (the largest entry
            counts).
        class_weight: The weight of each class. A class that it leaves out has the weight 1.

    Returns:
        float32 of shape (samples,); for one-hot or integer targets with more axes, of their shape less the
        classes.

    Raises:
        ValueError: There are several outputs, or a row of several numbers isn't one-hot.

    Example:
        >>> class_weights_to_sample_weights([0, 1, 1], {0: 1.0, 1: 5.0}).tolist()
        [1.0, 5.0, 5.0]
    """
    y = _single(number_lists_to_arrays(y))
    if y is None or tree.is_nested(y):
        raise DataError(
            "`class_weight` needs targets, and a model with a single output.",
            hint="Give `sample_weight` a list or dict of arrays, one for each output.",
        )
    classes, weights = _classes(to_host(y)), _by_class(class_weight)
    numbers, places = np.unique(classes, return_inverse=True)
    values = np.array([weights.get(number, 1.0) for number in numbers.tolist()], dtype="float32")
    return values[places].reshape(classes.shape)


def _single(structure: Any) -> Any:
    """Return the array in a list or dict of one, and any other structure as it is."""
    leaves = tree.flatten(structure)
    return leaves[0] if len(leaves) == 1 else structure


def _classes(y: Array) -> Array:
    """Return the class of each target, which is an integer or a one-hot row."""
    if y.ndim >= 2 and y.shape[-1] > 1:
        if y.size and y.max() > 1:
            raise DataError(
                f"`class_weight` takes targets of the shape {y.shape} for one-hot rows; they hold {y.max()}.",
                hint="Give `sample_weight` a weight for each row, or for each step of a sequence.",
            )
        return np.asarray(y.argmax(axis=-1))
    if y.ndim >= 2:
        y = y[..., 0]
    return np.asarray(np.rint(y), dtype="int64")


def _by_class(class_weight: Mapping[int, float]) -> dict[int, float]:
    """Return a user's weights, with classes and weights as plain numbers."""
    if not isinstance(class_weight, Mapping):
        raise DataError(f"`class_weight` must be a dict from class to weight; {type(class_weight).__name__} came.")
    try:
        return {int(key): float(weight) for key, weight in class_weight.items()}
    except (TypeError, ValueError) as error:
        raise DataError(f"`class_weight` must map integers to numbers; {class_weight!r} came.") from error


def combine(y: Any, sample_weight: Any, class_weight: Mapping[int, float] | None) -> Any:
    """Return the sample weights, multiplied by the weights of the classes. None: there are no weights."""
    if class_weight is None:
        return sample_weight
    by_class = class_weights_to_sample_weights(y, class_weight)
    if sample_weight is None:
        return by_class
    weights = to_host(_single(number_lists_to_arrays(sample_weight))).astype("float32")
    if weights.shape != by_class.shape:
        weights = weights.reshape(weights.shape[0], *[1] * (by_class.ndim - 1))
    if len(weights) != len(by_class):
        raise DataError(f"sample_weight has {len(weights)} rows, and y has {len(by_class)}.")
    return weights * by_class
