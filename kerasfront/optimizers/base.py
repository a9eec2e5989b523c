"""What the machinery of optimizers asks of one: its settings, and the parts of its rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from kerasfront import ops
from kerasfront.arguments import Constructed
from kerasfront.derived import Copied
from kerasfront.initializers import Initializer
from kerasfront.optimizers.state import OptimizerState
from kerasfront.state import Stateful
from kerasfront.tracking import Tracked
from kerasfront.typing import Tensor, TensorLike
from kerasfront.variable import Variable

# What is kept for a variable, by name: the values while a rule computes.
Slots = Mapping[str, Any]
# What a rule needs that is the same for all variables.
Hyper = Mapping[str, Any]


class OptimizerBase(Stateful, Constructed, Copied, Tracked):
    """The settings of an optimizer and the parts of its rule, which `Optimizer` completes."""

    # What is kept for each variable, by name, with its initializer.
    slots: Mapping[str, str | Initializer] = {}
    # Attributes that are arguments of the constructor: they make the config, and a fused update gets them.
    hyperparameters: tuple[str, ...] = ()
    # The name of `update` in an adapter's `fused_updates`. It counts in the class that defines `update`.
    rule: str | None = None

    name: str
    built: bool
    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None = None
    gradient_accumulation_steps: int | None

    _kf: OptimizerState
    _kf_state: ClassVar[type[OptimizerState]] = OptimizerState
    # Whether variables are updated one by one, by an `update_step` that a subclass defines in place of a rule.
    _kf_by_step: ClassVar[bool] = False

    @property
    def variables(self) -> list[Variable]:
        """The state: iterations, learning rate, and what is kept for each variable, in Keras's order."""
        return list(self._kf.variables)

    @property
    def iterations(self) -> Variable | Tensor:
        """How many updates were made."""
        return updates_of(self)

    def prepare(self, learning_rate: Tensor, step: Tensor) -> Hyper:
        """Return what the rule needs that is the same for all variables.

        Args:
            learning_rate: The learning rate of this step, a float32 scalar.
            step: The number of this step, counted from 1, a float32 scalar.
        """
        return {"learning_rate": learning_rate, "step": step}

    def update(self, gradient: Tensor, value: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Apply the rule: return the new value of a variable, and of those of its slots that change.

        It assigns nothing.
        """
        raise NotImplementedError(f"{type(self).__name__} defines neither update() nor update_step().")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: TensorLike) -> None:
        """Update one variable; a subclass may define it to assign to the variable and to its own state."""
        raise NotImplementedError(f"{type(self).__name__} defines neither update() nor update_step().")

    def finish_step(self) -> None:
        """Do what is left to do once the variables were updated."""

    def _kf_update_all(self, grads: list[Any], variables: list[Variable]) -> None:
        """Update the variables once, and all that is kept for them."""
        raise NotImplementedError

    def _kf_decay(self, variables: Sequence[Variable], rate: Tensor) -> None:
        """Take the weight decay away from variables, if there is any."""
        raise NotImplementedError


def updates_of(optimizer: OptimizerBase) -> Variable | Tensor:
    """Return how many updates an optimizer has made."""
    if optimizer.gradient_accumulation_steps:
        return ops.floor_divide(optimizer._kf.iterations, optimizer.gradient_accumulation_steps)
    return optimizer._kf.iterations
