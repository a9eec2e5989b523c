"""Kin of Adam: Adamax, Nadam, Lamb and Lion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from kerasfront import ops
from kerasfront.initializers import Initializer
from kerasfront.ops.elementwise import select_where
from kerasfront.optimizers.adam import one_minus_power
from kerasfront.optimizers.optimizer import Hyper, Optimizer, Slots
from kerasfront.optimizers.options import OptimizerOptions
from kerasfront.optimizers.state import RateLike
from kerasfront.typing import Tensor
from kerasfront.variable import Variable


class Adamax(Optimizer):
    """Adam with the largest gradient, fading, in place of the root of the mean of squares.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        beta_1: The weight of the past in the mean of gradients.
        beta_2: The weight of the past in the largest gradient.
        epsilon: What keeps the division finite.
        weight_decay: And the arguments from here on: see `Optimizer`.

    Reference: Kingma and Ba, https://arxiv.org/abs/1412.6980, section 7.1

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.Adamax(learning_rate=0.1).apply([keras.ops.ones((1,))], [v])
    >>> round(float(v.numpy()[0]), 4)
    0.9
    """

    slots: Mapping[str, str | Initializer] = {"momentum": "zeros", "norm": "zeros"}
    hyperparameters: tuple[str, ...] = ("beta_1", "beta_2", "epsilon")
    rule: str | None = "adamax"

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1: float = beta_1
        self.beta_2: float = beta_2
        self.epsilon: float = epsilon

    def prepare(self, learning_rate: Tensor, step: Tensor) -> Hyper:
        return {"rate": learning_rate / one_minus_power(self.beta_1, step)}

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        m = slots["momentum"] + (gradient - slots["momentum"]) * (1 - self.beta_1)
        norm = ops.maximum(self.beta_2 * slots["norm"], ops.absolute(gradient))
        return value - hyper["rate"] * m / (norm + self.epsilon), {"momentum": m, "norm": norm}


class Nadam(Optimizer):
    """Adam with Nesterov's look ahead, and a momentum that warms up.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        beta_1: The weight of the past in the mean of gradients.
        beta_2: The weight of the past in the mean of squared gradients.
        epsilon: What keeps the division finite.
        weight_decay: And the arguments from here on: see `Optimizer`.

    Reference: Dozat (2015), Incorporating Nesterov momentum into Adam.

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.Nadam(learning_rate=0.1).apply([keras.ops.ones((1,))], [v])
    >>> round(float(v.numpy()[0]), 4)
    0.8937
    """

    slots: Mapping[str, str | Initializer] = {"momentum": "zeros", "velocity": "zeros"}
    hyperparameters: tuple[str, ...] = ("beta_1", "beta_2", "epsilon")
    rule: str | None = "nadam"

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1: float = beta_1
        self.beta_2: float = beta_2
        self.epsilon: float = epsilon

    def make_state(self, variables: list[Variable]) -> None:
        super().make_state(variables)
        self._kf.shared["product"] = self.add_variable((), "ones", "float32", name="product")

    def prepare(self, learning_rate: Tensor, step: Tensor) -> Hyper:
        now, then = _nadam_weight(self.beta_1, step), _nadam_weight(self.beta_1, step + 1.0)
        product = self._kf.shared["product"].value * now
        return {
            "rate": learning_rate,
            "ahead": then / (1.0 - product * then),
            "present": (1.0 - now) / (1.0 - product),
            "unbiased": one_minus_power(self.beta_2, step),
        }

    def finish_step(self) -> None:
        product, step = self._kf.shared["product"], ops.cast(self.iterations, "float32") + 1.0
        product.assign(product * _nadam_weight(self.beta_1, step))

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        m = slots["momentum"] + (gradient - slots["momentum"]) * (1 - self.beta_1)
        v = slots["velocity"] + (ops.square(gradient) - slots["velocity"]) * (1 - self.beta_2)
        mean = hyper["ahead"] * m + hyper["present"] * gradient
        step = hyper["rate"] * mean / (ops.sqrt(v / hyper["unbiased"]) + self.epsilon)
        return value - step, {"momentum": m, "velocity": v}


def _nadam_weight(beta_1: float, step: Tensor) -> Tensor:
    """Return the weight of the past in the mean of gradients at a step."""
    return beta_1 * (1.0 - 0.5 * ops.power(0.96, step))


class Lamb(Optimizer):
    """Adam whose step for each variable is as long as the variable itself, times the learning rate: for large batches.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        beta_1: The weight of the past in the mean of gradients.
        beta_2: The weight of the past in the mean of squared gradients.
        epsilon: What keeps the division finite.
        weight_decay: And the arguments from here on: see `Optimizer`.

    Reference: You et al., https://arxiv.org/abs/1904.00962

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.Lamb(learning_rate=0.1).apply([keras.ops.ones((1,))], [v])
    >>> round(float(v.numpy()[0]), 4)
    0.9
    """

    slots: Mapping[str, str | Initializer] = {"momentum": "zeros", "velocity": "zeros"}
    hyperparameters: tuple[str, ...] = ("beta_1", "beta_2", "epsilon")
    rule: str | None = "lamb"

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1: float = beta_1
        self.beta_2: float = beta_2
        self.epsilon: float = epsilon

    def prepare(self, learning_rate: Tensor, step: Tensor) -> Hyper:
        unbiased = {name: one_minus_power(getattr(self, name), step) for name in ("beta_1", "beta_2")}
        return {"rate": learning_rate, **unbiased}

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        m = slots["momentum"] + (gradient - slots["momentum"]) * (1 - self.beta_1)
        v = slots["velocity"] + (ops.square(gradient) - slots["velocity"]) * (1 - self.beta_2)
        step = (m / hyper["beta_1"]) / (ops.sqrt(v / hyper["beta_2"]) + self.epsilon)
        length, step_length = (ops.sqrt(ops.sum(ops.square(x))) for x in (value, step))
        both = ops.logical_and(ops.greater(length, 0), ops.greater(step_length, 0))
        trust = select_where(both, length / select_where(both, step_length, 1.0), 1.0)
        return value - hyper["rate"] * trust * step, {"momentum": m, "velocity": v}


class Lion(Optimizer):
    """Steps by the sign of the mean of gradients: all of one size. It wants a smaller learning rate than Adam.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        beta_1: The weight of the past in the mean whose sign is taken.
        beta_2: The weight of the past in the mean that is kept.
        weight_decay: And the arguments from here on: see `Optimizer`.

    Raises:
        ValueError: `beta_1` is not above 0 and at most 1.

    Reference: Chen et al., https://arxiv.org/abs/2302.06675

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.Lion(learning_rate=0.1).apply([keras.ops.ones((1,))], [v])
    >>> round(float(v.numpy()[0]), 4)
    0.9
    """

    slots: Mapping[str, str | Initializer] = {"momentum": "zeros"}
    hyperparameters: tuple[str, ...] = ("beta_1", "beta_2")
    rule: str | None = "lion"

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1: float = beta_1
        self.beta_2: float = beta_2
        if not 0 < beta_1 <= 1:
            raise ValueError(f"Expected the `beta_1` of Lion to be above 0 and at most 1, got {beta_1!r}.")

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        m = slots["momentum"]
        direction = ops.sign(m * self.beta_1 + gradient * (1 - self.beta_1))
        mean = m * self.beta_2 + gradient * (1 - self.beta_2)
        return value - hyper["learning_rate"] * direction, {"momentum": mean}
