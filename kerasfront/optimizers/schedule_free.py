"""Schedule-free AdamW."""

from __future__ import annotations

from typing import Unpack

from kerasfront import ops
from kerasfront.optimizers.adam import one_minus_power
from kerasfront.optimizers.optimizer import Hyper, Optimizer, Slots
from kerasfront.optimizers.options import OptimizerOptions
from kerasfront.optimizers.state import RateLike
from kerasfront.typing import Tensor
from kerasfront.variable import Variable


class ScheduleFreeAdamW(Optimizer):
    """Averages the iterates of Adam in place of a learning rate schedule.

    The slot "momentum" is the sequence z that is stepped, `z -= learning_rate * gradient / (sqrt(v) + epsilon)`, and x
    its running mean. The variables are `y = (1 - beta_1) * z + beta_1 * x`, at which gradients are taken; x can be had
    from y and z. (Keras does this on JAX only: on torch and TensorFlow `beta_1` has no effect there.)

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        beta_1: How near the variables are to the mean x, from above 0 to 1.
        beta_2: The weight of the past in the mean of squared gradients.
        epsilon: What keeps the division finite.
        warmup_steps: Over how many steps the learning rate rises from 0.
        weight_decay: And the arguments from here on: see `Optimizer`.

    Raises:
        ValueError: `beta_1` is not above 0 and at most 1.

    Reference: Defazio et al., https://arxiv.org/abs/2405.15682

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.ScheduleFreeAdamW(learning_rate=0.1).apply([keras.ops.ones((1,))], [v])
    >>> round(float(v.numpy()[0]), 4)
    0.9
    """

    hyperparameters: tuple[str, ...] = ("beta_1", "beta_2", "epsilon", "warmup_steps")

    def __init__(
        self,
        learning_rate: RateLike = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        if not 0 < beta_1 <= 1:
            raise ValueError(f"Expected the `beta_1` of ScheduleFreeAdamW to be above 0 and at most 1, got {beta_1!r}.")
        super().__init__(learning_rate, **options)
        self.beta_1: float = beta_1
        self.beta_2: float = beta_2
        self.epsilon: float = epsilon
        self.warmup_steps: int = warmup_steps

    def make_slots(self, variable: Variable) -> dict[str, Variable]:
        slots = {name: self.add_variable_from_reference(variable, name) for name in ("momentum", "velocity")}
        slots["momentum"].assign(variable)
        return slots

    def prepare(self, learning_rate: Tensor, step: Tensor) -> Hyper:
        if self.warmup_steps:
            learning_rate = learning_rate * ops.minimum(step / float(self.warmup_steps), 1.0)
        return {"rate": learning_rate, "unbiased": one_minus_power(self.beta_2, step), "share": 1.0 / step}

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        v = slots["velocity"] + (ops.square(gradient) - slots["velocity"]) * (1 - self.beta_2)
        z = slots["momentum"] - hyper["rate"] * gradient / (ops.sqrt(v / hyper["unbiased"]) + self.epsilon)
        near = self.beta_1
        x = (value - (1 - near) * slots["momentum"]) / near
        x = x + (z - x) * hyper["share"]
        return (1 - near) * z + near * x, {"momentum": z, "velocity": v}
