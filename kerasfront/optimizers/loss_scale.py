"""Loss scaling for half precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from kerasfront import ops, serialization
from kerasfront.ops.elementwise import select_where
from kerasfront.optimizers.applying import either
from kerasfront.optimizers.optimizer import Optimizer
from kerasfront.typing import Config, Tensor, TensorLike
from kerasfront.variable import Variable


class LossScaleOptimizer(Optimizer):
    """Multiplies the loss so that gradients don't vanish in half precision, and divides the gradients again.

    The factor doubles after `dynamic_growth_steps` steps with finite gradients. A step with others is left out, and
    halves it.

    Args:
        inner_optimizer: The optimizer that is given the gradients.
        initial_scale: The factor to begin with.
        dynamic_growth_steps: After how many good steps it doubles.
        name: A name.

    Raises:
        TypeError: `inner_optimizer` is no Optimizer.
        ValueError: There are other arguments: give them to the inner optimizer.

    Reference: Micikevicius et al., https://arxiv.org/abs/1710.03740

    >>> import kerasfront as keras
    >>> optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=4.0)
    >>> v = keras.Variable([1.0])
    >>> optimizer.apply([keras.ops.ones((1,))], [v])
    >>> v.numpy().tolist()
    [0.75]
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(inner_optimizer, Optimizer):
            raise TypeError(f"LossScaleOptimizer takes an optimizer as `inner_optimizer`, got {inner_optimizer!r}.")
        arguments = [key for key, value in kwargs.items() if value not in (None, False)]
        if arguments:
            raise ValueError(f"LossScaleOptimizer doesn't take {', '.join(arguments)}: set it on the inner optimizer.")
        self.inner_optimizer = inner_optimizer
        super().__init__(learning_rate=0.0, name=name)
        self.initial_scale: float = initial_scale
        self.dynamic_growth_steps: int = dynamic_growth_steps
        self.step_counter: Variable = self.add_variable((), "zeros", "int32", name="step_counter")
        self.dynamic_scale: Variable = self.add_variable((), "ones", "float32", name="dynamic_scale")
        self.dynamic_scale.assign(float(initial_scale))

    def make_state(self, variables: list[Variable]) -> None:
        self.inner_optimizer.build(variables)
        super().make_state(variables)

    def make_slots(self, variable: Variable) -> dict[str, Variable]:
        return {}

    @property
    def variables(self) -> list[Variable]:
        """The state of this optimizer, then that of the inner one."""
        return [*self._kf.variables, *self.inner_optimizer.variables]

    @property  # type: ignore[misc]
    def iterations(self) -> Variable | Tensor:
        """How many updates the inner optimizer made."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    def scale_loss(self, loss: Tensor) -> Tensor:
        return loss * ops.cast(self.dynamic_scale, ops.convert_to_tensor(loss).dtype)

    def check_finite(self, grads: Sequence[TensorLike | None]) -> Tensor:
        """Return whether all gradients are finite: a boolean scalar."""
        # A sum of zeros and nans: 0 * inf and 0 * nan are nan. One small reduction a gradient.
        sums = [ops.sum(ops.cast(g, "float32") * 0.0) for g in grads if g is not None]
        return ops.isfinite(sum(sums[1:], sums[0])) if sums else ops.convert_to_tensor(True)

    def _kf_apply(self, grads: list[Any], variables: list[Variable]) -> None:
        inner, scale, counter = self.inner_optimizer, self.dynamic_scale, self.step_counter

        def good() -> None:
            factor = 1.0 / scale.value
            pairs = zip(grads, variables, strict=True)
            # What a variable takes as it is was never multiplied by the loss.
            as_is = [g if g is None or v.overwrite_with_gradient else g * ops.cast(factor, g.dtype) for g, v in pairs]
            inner.apply(as_is, variables)
            grown = ops.equal(counter + 1, self.dynamic_growth_steps)
            scale.assign(select_where(grown, scale * 2.0, scale))
            counter.assign(select_where(grown, 0, counter + 1))

        def bad() -> None:
            scale.assign(scale / 2.0)
            counter.assign(ops.zeros((), "int32"))

        grads = [g if g is None else ops.convert_to_tensor(g) for g in grads]
        either(self.check_finite(grads), good, bad, [*self._kf.trained, *self.variables])

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> Config:
        return {
            "name": self.name,
            "inner_optimizer": serialization.serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Mapping[str, Any] | None = None) -> Self:
        return super().from_config({k: v for k, v in config.items() if v is not None}, custom_objects)
