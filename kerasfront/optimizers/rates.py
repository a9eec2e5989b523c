"""The learning rate of an optimizer: a number in a Variable, a schedule, or a function."""

from __future__ import annotations

import sys
from typing import Any, cast

from kerasfront import ops, scopes, serialization, tracking
from kerasfront.arguments import as_float, wrong
from kerasfront.errors import ArgumentError, keras_package, not_one
from kerasfront.optimizers.base import OptimizerBase
from kerasfront.optimizers.schedules.schedules import LearningRateSchedule
from kerasfront.optimizers.state import Rate
from kerasfront.spec import dtypes
from kerasfront.typing import Tensor
from kerasfront.variable import Variable


def rate_from(optimizer: OptimizerBase, value: Any) -> Rate:
    """Return the learning rate as the state holds it, from what the constructor got."""
    if keras_package(value) is not None:
        raise not_one("the learning rate to be a number, a schedule or a function", value)
    if callable(value) and not isinstance(value, Variable):
        return cast(Rate, value)
    try:
        number = as_float(value, "learning_rate", most=sys.float_info.max)
    except ArgumentError:
        expected = "a number, a LearningRateSchedule or a function"
        raise wrong("learning_rate", f"'{optimizer.name}'", expected, value) from None
    with scopes.name_scope(optimizer.name):
        return Variable(number, dtype=dtypes.standardize(None), trainable=False, name="learning_rate")


def current_rate(optimizer: OptimizerBase) -> Tensor:
    """Return the learning rate of this step, as a native scalar."""
    rate = optimizer._kf.learning_rate
    if isinstance(rate, Variable):
        return rate.value
    value = rate(optimizer._kf.iterations) if isinstance(rate, LearningRateSchedule) else rate()
    return ops.convert_to_tensor(value)


def set_rate(optimizer: OptimizerBase, value: Any) -> None:
    """Set the learning rate; a number is assigned to the Variable, and a schedule takes the Variable's place.

    Raises:
        TypeError: The optimizer was made with a schedule or a function, and a number came.
    """
    state = optimizer._kf
    rate = state.learning_rate
    scheduled = callable(value) and not isinstance(value, Variable)
    if scheduled:
        if isinstance(rate, Variable):
            tracking.remove(optimizer, rate)
        state.learning_rate = value
    elif isinstance(rate, Variable):
        rate.assign(value)
    else:
        raise TypeError(
            f"The optimizer '{optimizer.name}' was made with a schedule or function as its learning rate: it can't be "
            "set to a number. Make it with a number to set it later."
        )


def rate_config(optimizer: OptimizerBase) -> Any:
    """Return the learning rate as it stands in a config."""
    rate = optimizer._kf.learning_rate
    if isinstance(rate, Variable):
        # The shortest decimal that is this number in its own precision: 0.001, not 0.0010000000474974513.
        return float(str(rate.numpy()))
    return serialization.serialize_keras_object(rate)
