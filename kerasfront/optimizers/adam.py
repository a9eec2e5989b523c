"""Adam, and AdamW, which is Adam with weight decay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Unpack

from kerasfront import ops
from kerasfront.optimizers.optimizer import Hyper, Optimizer, Slots
from kerasfront.optimizers.options import OptimizerOptions, OptionsBesideDecay
from kerasfront.optimizers.state import RateLike
from kerasfront.typing import Tensor
from kerasfront.variable import Variable


def one_minus_power(beta: float, step: Tensor) -> Tensor:
    """Return `1 - beta^step`, without the cancellation that costs float32 four digits where beta is 0.999."""
    return -ops.expm1(step * math.log(beta)) if beta > 0 else ops.ones_like(step)


class Adam(Optimizer):
    """Steps by the moving mean of gradients, divided by the root of the moving mean of their squares.

    `rate = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)` and `value -= rate * m / (sqrt(v) + epsilon)`: epsilon
    is the paper's "epsilon hat" (the formula before section 2.1), not that of its algorithm 1, which torch has.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        beta_1: The weight of the past in the mean of gradients.
        beta_2: The weight of the past in the mean of their squares.
        epsilon: What keeps the division finite.
        amsgrad: Whether to divide by the largest mean of squares so far.
        weight_decay: And the arguments from here on: see `Optimizer`.

    Reference: Kingma and Ba, https://arxiv.org/abs/1412.6980; AMSGrad: Reddi et al., https://arxiv.org/abs/1904.09237

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.Adam(learning_rate=0.5).apply([keras.ops.ones((1,))], [v])
    >>> round(float(v.numpy()[0]), 4)
    0.5
    """

    slots: Mapping[str, str] = {"momentum": "zeros", "velocity": "zeros"}
    hyperparameters: tuple[str, ...] = ("beta_1", "beta_2", "epsilon", "amsgrad")
    rule: str | None = "adam"

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1: float = beta_1
        self.beta_2: float = beta_2
        self.epsilon: float = epsilon
        self.amsgrad: bool = amsgrad

    def make_state(self, variables: list[Variable]) -> None:
        super().make_state(variables)
        if self.amsgrad:
            for variable, slots in zip(variables, self._kf.slots, strict=True):
                if slots:
                    slots["velocity_hat"] = self.add_variable_from_reference(variable, "velocity_hat")

    def prepare(self, learning_rate: Tensor, step: Tensor) -> Mapping[str, Any]:
        unbiased = ops.sqrt(one_minus_power(self.beta_2, step)) / one_minus_power(self.beta_1, step)
        return {"rate": learning_rate * unbiased}

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        m = slots["momentum"] + (gradient - slots["momentum"]) * (1 - self.beta_1)
        v = slots["velocity"] + (ops.square(gradient) - slots["velocity"]) * (1 - self.beta_2)
        changed = {"momentum": m, "velocity": v}
        if self.amsgrad:
            v = changed["velocity_hat"] = ops.maximum(slots["velocity_hat"], v)
        return value - m * hyper["rate"] / (ops.sqrt(v) + self.epsilon), changed


class AdamW(Adam):
    """Adam with decoupled weight decay: before each update `value -= learning_rate * weight_decay * value`.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        weight_decay: The decay; `exclude_from_weight_decay` keeps it away from variables.
        beta_1: And the arguments from here on: see `Adam` and `Optimizer`.

    Raises:
        ValueError: `weight_decay` is None.

    Reference: Loshchilov and Hutter, https://arxiv.org/abs/1711.05101

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.AdamW(learning_rate=0.5, weight_decay=0.1).apply([keras.ops.ones((1,))], [v])
    >>> round(float(v.numpy()[0]), 4)
    0.45
    """

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[OptionsBesideDecay],
    ) -> None:
        if weight_decay is None:
            raise ValueError("AdamW needs a `weight_decay`, got None; use Adam for none.")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **options)
