"""Adagrad and Adadelta."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from kerasfront import initializers, ops
from kerasfront.optimizers.optimizer import Hyper, Optimizer, Slots
from kerasfront.optimizers.options import OptimizerOptions
from kerasfront.optimizers.state import RateLike
from kerasfront.typing import Tensor, TensorLike
from kerasfront.variable import Variable


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        initial_accumulator_value: What the sum begins with.
        epsilon: What keeps the division finite.
        weight_decay: And the arguments from here on: see `Optimizer`.

    Reference: Duchi et al. (2011), Adaptive subgradient methods for online learning and stochastic optimization.

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.Adagrad(learning_rate=0.1, initial_accumulator_value=3.0).apply([keras.ops.ones((1,))], [v])
    >>> round(float(v.numpy()[0]), 4)
    0.95
    """

    hyperparameters: tuple[str, ...] = ("initial_accumulator_value", "epsilon")
    rule: str | None = "adagrad"

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value: float = initial_accumulator_value
        self.epsilon: float = epsilon

    @property
    def slots(self) -> Mapping[str, Any]:  # type: ignore[override]
        return {"accumulator": initializers.Constant(self.initial_accumulator_value)}

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        total = slots["accumulator"] + ops.square(gradient)
        step = hyper["learning_rate"] * gradient * ops.rsqrt(total + self.epsilon)
        return value - step, {"accumulator": total}


class Adadelta(Optimizer):
    """Steps as large as the last ones were, for the size of the gradients: no learning rate needs to be found.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        rho: The weight of the past in the means of squared gradients and squared steps.
        epsilon: What keeps the division finite, and begins the first step.
        weight_decay: And the arguments from here on: see `Optimizer`.

    Reference: Zeiler, https://arxiv.org/abs/1212.5701

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.Adadelta(learning_rate=1.0, rho=0.0, epsilon=0.25).apply([keras.ops.ones((1,))], [v])
    >>> round(float(v.numpy()[0]), 4)
    0.5528
    """

    slots: Mapping[str, str] = {"accumulated_grad": "zeros", "accumulated_delta_var": "zeros"}
    hyperparameters: tuple[str, ...] = ("rho", "epsilon")
    rule: str | None = "adadelta"

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho: float = rho
        self.epsilon: float = epsilon

    # `update_step` is there for its signature, which is Keras's: the rule is `update`.
    _kf_by_step = False

    def update_step(self, grad: Tensor, variable: Variable, learning_rate: TensorLike) -> None:
        super().update_step(grad, variable, learning_rate)

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        rho, epsilon = self.rho, self.epsilon
        grads = rho * slots["accumulated_grad"] + (1 - rho) * ops.square(gradient)
        before = slots["accumulated_delta_var"]
        step = gradient * ops.sqrt(before + epsilon) * ops.rsqrt(grads + epsilon)
        steps = rho * before + (1 - rho) * ops.square(step)
        moved = value - hyper["learning_rate"] * step
        return moved, {"accumulated_grad": grads, "accumulated_delta_var": steps}
