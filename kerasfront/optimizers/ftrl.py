"""Follow the regularized leader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from kerasfront import initializers, ops
from kerasfront.optimizers.optimizer import Hyper, Optimizer, Slots
from kerasfront.optimizers.options import OptimizerOptions
from kerasfront.optimizers.state import RateLike
from kerasfront.typing import Tensor


class Ftrl(Optimizer):
    """FTRL-Proximal: for large sparse linear models; with an L1 penalty, weights become exactly 0.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        learning_rate_power: The power of the sum of squared gradients that divides the learning rate; not above 0.
        initial_accumulator_value: What that sum begins with.
        l1_regularization_strength: The L1 penalty.
        l2_regularization_strength: The L2 penalty.
        l2_shrinkage_regularization_strength: An L2 penalty on the step, which doesn't enter the sum of squares.
        beta: A constant that is added to the root of the sum, as in the paper.
        weight_decay: And the arguments from here on: see `Optimizer`.

    Raises:
        ValueError: An argument is out of range.

    Reference: McMahan et al. (2013), Ad click prediction: a view from the trenches.

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.Ftrl(learning_rate=0.1, initial_accumulator_value=3.0).apply([keras.ops.ones((1,))], [v])
    >>> round(float(v.numpy()[0]), 4)
    0.084
    """

    hyperparameters: tuple[str, ...] = (
        "learning_rate_power", "initial_accumulator_value", "l1_regularization_strength",
        "l2_regularization_strength", "l2_shrinkage_regularization_strength", "beta",
    )  # fmt: skip
    rule: str | None = "ftrl"

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        if learning_rate_power > 0:
            raise ValueError(f"Expected `learning_rate_power` not to be positive, got {learning_rate_power!r}.")
        for argument, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if value < 0:
                raise ValueError(f"Expected `{argument}` not to be negative, got {value!r}.")
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    @property
    def slots(self) -> Mapping[str, Any]:  # type: ignore[override]
        return {"accumulator": initializers.Constant(self.initial_accumulator_value), "linear": "zeros"}

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        rate, power, l1 = hyper["learning_rate"], -self.learning_rate_power, self.l1_regularization_strength
        l2 = self.l2_regularization_strength + self.beta / (2.0 * rate)
        shrunk = gradient + 2.0 * self.l2_shrinkage_regularization_strength * value
        total = slots["accumulator"] + ops.square(gradient)
        root = ops.power(total, power)
        linear = slots["linear"] + shrunk - (root - ops.power(slots["accumulator"], power)) / rate * value
        quadratic = root / rate + 2.0 * l2
        clipped = ops.minimum(ops.maximum(linear, -l1), l1)
        return (clipped - linear) / quadratic, {"accumulator": total, "linear": linear}
