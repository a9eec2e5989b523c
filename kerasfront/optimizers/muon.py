"""Muon: orthogonal steps for matrices, Adam for all else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Unpack

from kerasfront import ops
from kerasfront.optimizers import weight_decay as decay
from kerasfront.optimizers.adam import one_minus_power
from kerasfront.optimizers.optimizer import Hyper, Optimizer, Slots
from kerasfront.optimizers.options import OptionsBesideDecay
from kerasfront.optimizers.state import RateLike
from kerasfront.typing import Tensor
from kerasfront.variable import Variable


class Muon(Optimizer):
    """Steps by the momentum of a matrix, made orthogonal by a Newton-Schulz iteration.

    Variables that are no matrices, embeddings, and what `exclude_layers` matches are trained by AdamW; so should be the
    last Dense layer.

    Args:
        learning_rate: A number, a schedule, or a function without arguments.
        adam_beta_1: Adam's weight of the past in the mean of gradients.
        adam_beta_2: Adam's weight of the past in the mean of squared gradients.
        adam_weight_decay: The weight decay of what Adam trains.
        epsilon: What keeps Adam's division finite.
        weight_decay: The weight decay of the matrices.
        clipnorm: And the arguments from here to `name`: see `Optimizer`.
        exclude_layers: Regular expressions; variables whose path one of them matches are trained by Adam.
        exclude_embeddings: Whether variables with "embedding" in their path are.
        muon_a: The first coefficient of the iteration.
        muon_b: The second.
        muon_c: The third.
        adam_lr_ratio: Adam's learning rate is the learning rate times this.
        momentum: The weight of the past in the momentum.
        ns_steps: The number of iterations.
        nesterov: Whether to look ahead along the momentum.
        rms_rate: The root mean square of a step, for a learning rate of 1; None leaves steps as they are.

    Reference: https://kellerjordan.github.io/posts/muon/; Liu et al., https://arxiv.org/abs/2502.16982

    >>> import kerasfront as keras
    >>> v = keras.Variable(keras.ops.eye(2))
    >>> keras.optimizers.Muon(0.1, weight_decay=None).apply([keras.ops.eye(2)], [v])
    >>> bool(v.numpy()[0, 0] < 1.0)
    True
    """

    hyperparameters: tuple[str, ...] = (
        "adam_beta_1", "adam_beta_2", "epsilon", "exclude_layers", "muon_a", "muon_b", "muon_c", "adam_lr_ratio",
        "momentum", "ns_steps", "nesterov", "exclude_embeddings", "adam_weight_decay", "rms_rate",
    )  # fmt: skip

    def __init__(
        self,
        learning_rate: RateLike = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        *,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **options: Unpack[OptionsBesideDecay],
    ) -> None:
        super().__init__(learning_rate, weight_decay, **options)
        self.adam_beta_1: float = adam_beta_1
        self.adam_beta_2: float = adam_beta_2
        self.epsilon: float = epsilon
        self.adam_weight_decay: float | None = adam_weight_decay
        self.adam_lr_ratio: float = adam_lr_ratio
        self.exclude_layers: list[str] = list(exclude_layers or ())
        self.exclude_embeddings: bool = exclude_embeddings
        self.muon_a: float = muon_a
        self.muon_b: float = muon_b
        self.muon_c: float = muon_c
        self.momentum: float = momentum
        self.ns_steps: int = ns_steps
        self.nesterov: bool = nesterov
        self.rms_rate: float | None = rms_rate

    def make_slots(self, variable: Variable) -> dict[str, Variable]:
        names = ("momentum", "velocity") if _is_by_adam(self, variable) else ("momentum",)
        return {name: self.add_variable_from_reference(variable, name) for name in names}

    def _kf_decay(self, variables: Sequence[Variable], rate: Tensor) -> None:
        matrices = [v for v in variables if not _is_by_adam(self, v)]
        others = [v for v in variables if _is_by_adam(self, v)]
        decay.decay_by(self, matrices, rate, self.weight_decay)
        decay.decay_by(self, others, rate, self.adam_weight_decay)

    def prepare(self, learning_rate: Tensor, step: Tensor) -> Hyper:
        unbiased = ops.sqrt(one_minus_power(self.adam_beta_2, step)) / one_minus_power(self.adam_beta_1, step)
        return {"rate": learning_rate, "adam_rate": learning_rate * self.adam_lr_ratio * unbiased}

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        if "velocity" not in slots:
            momentum = slots["momentum"] * self.momentum + gradient
            direction = gradient + self.momentum * momentum if self.nesterov else momentum
            step = self.lr_adjust(self.zeropower_via_newtonschulz5(direction, self.ns_steps))
            return value - hyper["rate"] * step, {"momentum": momentum}
        m = slots["momentum"] + (gradient - slots["momentum"]) * (1 - self.adam_beta_1)
        v = slots["velocity"] + (ops.square(gradient) - slots["velocity"]) * (1 - self.adam_beta_2)
        return value - m * hyper["adam_rate"] / (ops.sqrt(v) + self.epsilon), {"momentum": m, "velocity": v}

    def transpose_last_axis(self, X: Tensor) -> Tensor:
        """Swap the last two axes."""
        return ops.swapaxes(X, -1, -2)

    def lr_adjust(self, x: Tensor) -> Tensor:
        """Scale a step so that its root mean square is about `rms_rate`."""
        return x if self.rms_rate is None else x * self.rms_rate * max(x.shape) ** 0.5

    def zeropower_via_newtonschulz5(self, x: Tensor, steps: int) -> Tensor:
        """Return about the orthogonal matrix that is nearest to a matrix: its singular values are drawn close to 1."""
        tall = x.shape[0] > x.shape[1]
        x = self.transpose_last_axis(x) if tall else x
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        for _ in range(steps):
            a = ops.matmul(x, self.transpose_last_axis(x))
            x = self.muon_a * x + ops.matmul(self.muon_b * a + self.muon_c * ops.matmul(a, a), x)
        return self.transpose_last_axis(x) if tall else x


def _is_by_adam(optimizer: Muon, variable: Variable) -> bool:
    """Return whether a variable is trained by Adam."""
    embedding = optimizer.exclude_embeddings and "embedding" in variable.path.lower()
    excluded = any(re.search(expression, variable.path) for expression in optimizer.exclude_layers)
    return len(variable.shape) != 2 or embedding or excluded
