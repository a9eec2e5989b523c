"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from kerasfront.optimizers.optimizer import Hyper, Optimizer, Slots
from kerasfront.optimizers.options import OptimizerOptions
from kerasfront.optimizers.state import RateLike
from kerasfront.typing import Tensor


class SGD(Optimizer):
    """Gradient descent, with momentum where asked for.

    `value -= learning_rate * gradient`; with momentum `velocity = momentum * velocity - learning_rate * gradient` and
    `value += velocity`, with Nesterov's `value += momentum * velocity - learning_rate * gradient`.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        momentum: How much of the last step is kept, from 0 to 1.
        nesterov: Whether to look ahead along the velocity.
        weight_decay: And the arguments from here on: see `Optimizer`.

    Raises:
        ValueError: `momentum` is not between 0 and 1.

    Reference: Sutskever et al. (2013), On the importance of initialization and momentum in deep learning.

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.SGD(learning_rate=0.5).apply([keras.ops.ones((1,))], [v])
    >>> v.numpy().tolist()
    [0.5]
    """

    hyperparameters: tuple[str, ...] = ("momentum", "nesterov")
    rule: str | None = "sgd"

    def __init__(
        self,
        learning_rate: RateLike = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"Expected the `momentum` of SGD to be a number between 0 and 1, got {momentum!r}.")
        super().__init__(learning_rate, **options)
        self.momentum: float | int = momentum
        self.nesterov: bool = nesterov

    @property
    def slots(self) -> Mapping[str, Any]:  # type: ignore[override]
        return {"momentum": "zeros"} if self.momentum else {}

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        step = gradient * hyper["learning_rate"]
        if not slots:
            return value - step, {}
        velocity = self.momentum * slots["momentum"] - step
        moved = value + (self.momentum * velocity - step if self.nesterov else velocity)
        return moved, {"momentum": velocity}
