"""Learning rates that change from step to step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from kerasfront import ops, serialization
from kerasfront.arguments import Constructed
from kerasfront.ops.elementwise import select_where
from kerasfront.typing import Config, Tensor, TensorLike
from kerasfront.watching import Watched


class LearningRateSchedule(Constructed, Watched):
    """The base of schedules: called with the number of steps so far, it returns the learning rate.

    A subclass defines `__call__(step)` over ops (`step` is a scalar tensor in a compiled step) and `get_config`.

    >>> import kerasfront as keras
    >>> class Inverse(keras.optimizers.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 1.0 / (keras.ops.cast(step, "float32") + 1.0)
    >>> float(keras.optimizers.SGD(Inverse()).learning_rate)
    1.0
    """

    def __call__(self, step: TensorLike) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} defines no __call__(step).")

    def get_config(self) -> Config:
        """Return the arguments that make an equal one."""
        raise NotImplementedError(f"{type(self).__name__} defines no get_config().")

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make a new one from what `get_config` returned."""
        return cls(**{key: serialization.revive(value) for key, value in config.items()})


class _OfArguments(LearningRateSchedule):
    """A schedule whose config is a list of its attributes."""

    arguments: tuple[str, ...]

    def get_config(self) -> Config:
        return {name: getattr(self, name) for name in self.arguments}


def _float(step: TensorLike) -> Tensor:
    return ops.cast(step, "float32")


def _positive(value: float, name: str, schedule: LearningRateSchedule) -> None:
    if value <= 0:
        raise ValueError(f"Expected the `{name}` of {type(schedule).__name__} to be positive, got {value!r}.")


class ExponentialDecay(_OfArguments):
    """`initial_learning_rate * decay_rate ^ (step / decay_steps)`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: After how many steps the rate was multiplied by `decay_rate` once.
        decay_rate: The factor.
        staircase: Whether the exponent is rounded down.
        name: A name.

    Raises:
        ValueError: `decay_steps` is not positive.

    >>> import kerasfront as keras
    >>> float(keras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5)(20))
    0.25
    """

    arguments: tuple[str, ...] = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        _positive(decay_steps, "decay_steps", self)
        self.initial_learning_rate: float = initial_learning_rate
        self.decay_steps: float = decay_steps
        self.decay_rate: float = decay_rate
        self.staircase: bool = staircase
        self.name: str = name

    def __call__(self, step: TensorLike) -> Tensor:
        return self.initial_learning_rate * ops.power(float(self.decay_rate), _periods(self, step))


def _periods(schedule: ExponentialDecay, step: TensorLike) -> Tensor:
    """Return how many periods of `decay_steps` steps have passed."""
    periods = _float(step) / schedule.decay_steps
    return ops.floor(periods) if schedule.staircase else periods


class InverseTimeDecay(ExponentialDecay):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: How many steps make one period.
        decay_rate: How much the divisor grows in a period.
        staircase: Whether periods are rounded down.
        name: A name.

    Raises:
        ValueError: `decay_steps` is not positive.

    >>> import kerasfront as keras
    >>> float(keras.optimizers.schedules.InverseTimeDecay(1.0, 10, 0.5)(20))
    0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: TensorLike) -> Tensor:
        return self.initial_learning_rate / (1.0 + self.decay_rate * _periods(self, step))


class PiecewiseConstantDecay(_OfArguments):
    """`values[0]` up to and including the step `boundaries[0]`, then `values[1]` up to `boundaries[1]`, and so on.

    Args:
        boundaries: Increasing step numbers.
        values: One more than boundaries.
        name: A name.

    Raises:
        ValueError: The numbers of boundaries and values don't fit.

    >>> import kerasfront as keras
    >>> rate = keras.optimizers.schedules.PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.25])
    >>> [float(rate(step)) for step in (2, 3, 6)]
    [1.0, 0.5, 0.25]
    """

    arguments: tuple[str, ...] = ("boundaries", "values", "name")

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay needs one value more than boundaries, got {len(values)} for {len(boundaries)}."
            )
        self.boundaries: list[float] = list(boundaries)
        self.values: list[float] = list(values)
        self.name: str = name

    def __call__(self, step: TensorLike) -> Tensor:
        step = _float(step)
        rate = ops.convert_to_tensor(float(self.values[0]))
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = select_where(ops.greater(step, float(boundary)), float(value), rate)
        return rate


class PolynomialDecay(_OfArguments):
    """From the initial to the end rate in `decay_steps` steps, along `(1 - step / decay_steps) ^ power`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: The number of steps.
        end_learning_rate: The rate from then on.
        power: 1 is a straight line.
        cycle: Whether to begin again, over ever longer stretches (multiples of `decay_steps`).
        name: A name.

    Raises:
        ValueError: `decay_steps` is not positive.

    >>> import kerasfront as keras
    >>> float(keras.optimizers.schedules.PolynomialDecay(1.0, 10, 0.0)(5))
    0.5
    """

    arguments: tuple[str, ...] = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        _positive(decay_steps, "decay_steps", self)
        self.initial_learning_rate: float = initial_learning_rate
        self.decay_steps: float = decay_steps
        self.end_learning_rate: float = end_learning_rate
        self.power: float = power
        self.cycle: bool = cycle
        self.name: str = name

    def __call__(self, step: TensorLike) -> Tensor:
        step = _float(step)
        length: Any = float(self.decay_steps)
        if self.cycle:
            length = ops.maximum(ops.ceil(step / length), 1.0) * length
        else:
            step = ops.minimum(step, length)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * ops.power(1.0 - step / length, float(self.power)) + self.end_learning_rate


class CosineDecay(_OfArguments):
    """Along half a cosine from the initial rate to `alpha` times it, after a linear warm-up where asked for.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: The length of the decay, in steps, after the warm-up.
        alpha: The last rate, as a part of the rate that the decay begins with.
        name: A name.
        warmup_target: The rate at the end of the warm-up; None means no warm-up.
        warmup_steps: The length of the warm-up.

    Raises:
        ValueError: `decay_steps` is not positive.

    Reference: Loshchilov and Hutter, https://arxiv.org/abs/1608.03983

    >>> import kerasfront as keras
    >>> round(float(keras.optimizers.schedules.CosineDecay(1.0, 10)(5)), 4)
    0.5
    """

    arguments: tuple[str, ...] = (
        "initial_learning_rate",
        "decay_steps",
        "alpha",
        "name",
        "warmup_target",
        "warmup_steps",
    )

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        _positive(decay_steps, "decay_steps", self)
        # fmt: skip
        self.initial_learning_rate: float = initial_learning_rate
        self.decay_steps: float = decay_steps
        self.alpha: float = alpha
        self.name: str = name
        self.warmup_target: float | None = warmup_target
        self.warmup_steps: int = warmup_steps

    def __call__(self, step: TensorLike) -> Tensor:
        step = _float(step)
        if self.warmup_target is None or not self.warmup_steps:
            return _decayed(self, step, self.initial_learning_rate)
        length = float(self.warmup_steps)
        warm = self.initial_learning_rate + (self.warmup_target - self.initial_learning_rate) * step / length
        decayed = _decayed(self, ops.maximum(step - length, 0.0), self.warmup_target)
        return select_where(ops.less(step, length), warm, decayed)


def _decayed(schedule: CosineDecay, step: Tensor, start: float) -> Tensor:
    """Return the rate so many steps after the decay began with the rate `start`."""
    part = ops.minimum(step / float(schedule.decay_steps), 1.0)
    cosine = 0.5 * (1.0 + ops.cos(math.pi * part))
    return start * ((1.0 - schedule.alpha) * cosine + schedule.alpha)


class CosineDecayRestarts(_OfArguments):
    """Along half a cosine again and again, over ever longer stretches and from ever lower rates.

    Args:
        initial_learning_rate: The rate at step 0.
        first_decay_steps: The length of the first stretch.
        t_mul: How many times longer each stretch is than the one before.
        m_mul: How many times higher the rate is that each stretch begins with.
        alpha: The last rate of a stretch, as a part of the rate it begins with.
        name: A name.

    Raises:
        ValueError: `first_decay_steps` is not positive.

    Reference: Loshchilov and Hutter, https://arxiv.org/abs/1608.03983

    >>> import kerasfront as keras
    >>> round(float(keras.optimizers.schedules.CosineDecayRestarts(1.0, 10)(10)), 4)
    1.0
    """

    arguments: tuple[str, ...] = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        _positive(first_decay_steps, "first_decay_steps", self)
        self.initial_learning_rate: float = initial_learning_rate
        self.first_decay_steps: float = first_decay_steps
        self.t_mul: float = t_mul
        self.m_mul: float = m_mul
        self.alpha: float = alpha
        self.name: str = name

    def __call__(self, step: TensorLike) -> Tensor:
        done = _float(step) / float(self.first_decay_steps)
        if self.t_mul == 1.0:
            restarts = ops.floor(done)
            part = done - restarts
        else:
            ratio = float(self.t_mul)
            restarts = ops.floor(ops.log(1.0 - done * (1.0 - ratio)) / math.log(ratio))
            before = (1.0 - ops.power(ratio, restarts)) / (1.0 - ratio)
            part = (done - before) / ops.power(ratio, restarts)
        cosine = 0.5 * ops.power(float(self.m_mul), restarts) * (1.0 + ops.cos(math.pi * part))
        return self.initial_learning_rate * ((1.0 - self.alpha) * cosine + self.alpha)
