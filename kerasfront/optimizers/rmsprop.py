"""RMSprop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from kerasfront import ops
from kerasfront.optimizers.optimizer import Hyper, Optimizer, Slots
from kerasfront.optimizers.options import OptimizerOptions
from kerasfront.optimizers.state import RateLike
from kerasfront.typing import Tensor
from kerasfront.variable import Variable


class RMSprop(Optimizer):
    """Steps divided by the root of the moving mean of squared gradients.

    `velocity = rho * velocity + (1 - rho) * gradient^2` and `value -= learning_rate * gradient / sqrt(velocity +
    epsilon)`.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        rho: The weight of the past in the mean.
        momentum: How much of the last step is kept.
        epsilon: What keeps the division finite.
        centered: Whether to subtract the squared mean of the gradients: to divide by their standard deviation.
        weight_decay: And the arguments from here on: see `Optimizer`.

    Reference: Hinton's lectures, 2012; Graves, https://arxiv.org/abs/1308.0850 (centered)

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.RMSprop(learning_rate=0.1, rho=0.75).apply([keras.ops.ones((1,))], [v])
    >>> round(float(v.numpy()[0]), 4)
    0.8
    """

    hyperparameters: tuple[str, ...] = ("rho", "momentum", "epsilon", "centered")
    rule: str | None = "rmsprop"

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho: float = rho
        self.momentum: float = momentum
        self.epsilon: float = epsilon
        self.centered: bool = centered

    @property
    def slots(self) -> Mapping[str, Any]:  # type: ignore[override]
        names = ["velocity"]
        if self.momentum > 0:
            names.append("momentum")
        if self.centered:
            names.append("average_gradient")
        return dict.fromkeys(names, "zeros")

    def make_all_slots(self, variables: Sequence[Variable]) -> list[dict[str, Variable]]:
        # Keras keeps one kind of slot after the other, not one variable after the other.
        all_slots: list[dict[str, Variable]] = [{} for _ in variables]
        for name in self.slots:
            for slots, variable in zip(all_slots, variables, strict=True):
                if not variable.overwrite_with_gradient:
                    slots[name] = self.add_variable_from_reference(variable, name)
        return all_slots

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        v = self.rho * slots["velocity"] + (1 - self.rho) * ops.square(gradient)
        changed, spread = {"velocity": v}, v
        if self.centered:
            mean = self.rho * slots["average_gradient"] + (1 - self.rho) * gradient
            changed["average_gradient"] = mean
            spread = v - ops.square(mean)
        step = hyper["learning_rate"] * gradient * ops.rsqrt(spread + self.epsilon)
        if self.momentum > 0:
            step = changed["momentum"] = self.momentum * slots["momentum"] + step
        return value - step, changed
