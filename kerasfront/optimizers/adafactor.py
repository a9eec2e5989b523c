"""Adafactor."""

from __future__ import annotations

from typing import Unpack

from kerasfront import ops
from kerasfront.optimizers.optimizer import Hyper, Optimizer, Slots
from kerasfront.optimizers.options import OptimizerOptions
from kerasfront.optimizers.state import RateLike
from kerasfront.typing import Tensor
from kerasfront.variable import Variable


class Adafactor(Optimizer):
    """Adam for little memory: of a matrix's squared gradients only the means of rows and of columns are kept.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        beta_2_decay: The weight of the past at step t is `1 - t^beta_2_decay`.
        epsilon_1: What keeps the division finite.
        epsilon_2: The least scale of a variable.
        clip_threshold: The root mean square to which a step is scaled down.
        relative_step: Whether the learning rate is at most `1 / sqrt(t)`.
        weight_decay: And the arguments from here on: see `Optimizer`.

    Reference: Shazeer and Stern, https://arxiv.org/abs/1804.04235

    >>> import kerasfront as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.Adafactor(learning_rate=0.1).apply([keras.ops.ones((1,))], [v])
    >>> round(float(v.numpy()[0]), 4)
    0.9
    """

    hyperparameters: tuple[str, ...] = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
    rule: str | None = "adafactor"

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def make_slots(self, variable: Variable) -> dict[str, Variable]:
        shape, name = variable.shape, variable.path.replace("/", "_")
        if len(shape) < 2:  # two numbers that stand for nothing keep the places that Keras's files have
            rows, columns = (self.add_variable((), "zeros", "int32", name=f"{name}_{n}") for n in ("rows", "columns"))
        else:
            rows = self.add_variable(shape[:-1], "zeros", variable._dtype, name=f"{name}_rows")
            columns = self.add_variable((*shape[:-2], shape[-1]), "zeros", variable._dtype, name=f"{name}_columns")
        velocity = self.add_variable_from_reference(variable, "velocity")
        return {"rows": rows, "columns": columns, "velocity": velocity}

    def prepare(self, learning_rate: Tensor, step: Tensor) -> Hyper:
        rate = ops.minimum(learning_rate, ops.rsqrt(step)) if self.relative_step else learning_rate
        return {"rate": rate, "past": 1.0 - ops.power(step, self.beta_2_decay)}

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        past, squares = hyper["past"], ops.square(gradient) + self.epsilon_1
        if len(value.shape) < 2:
            v = past * slots["velocity"] + (1.0 - past) * squares
            changed = {"velocity": v}
        else:
            rows = past * slots["rows"] + (1.0 - past) * ops.mean(squares, axis=-1)
            columns = past * slots["columns"] + (1.0 - past) * ops.mean(squares, axis=-2)
            share = rows / ops.mean(rows, axis=-1, keepdims=True)
            v = ops.expand_dims(share, -1) * ops.expand_dims(columns, -2)
            changed = {"rows": rows, "columns": columns, "velocity": v}
        step = gradient * ops.rsqrt(v)
        step = step / ops.maximum(1.0, _rms(step) / self.clip_threshold)
        scale = ops.maximum(self.epsilon_2, _rms(value)) * hyper["rate"]
        return value - scale * step, changed


def _rms(x: Tensor) -> Tensor:
    return ops.sqrt(ops.mean(ops.square(x)))
