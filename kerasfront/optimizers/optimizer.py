"""Optimizer: what all of them share around a pure update rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Self, overload

from kerasfront import initializers, ops, scopes, serialization, tracking
from kerasfront.arguments import as_float, as_int, names_of, unknown_argument
from kerasfront.contract import Runtime, assignments, running
from kerasfront.naming import auto_name, to_snake_case
from kerasfront.optimizers import applying, averaging, rates, weight_decay
from kerasfront.optimizers.base import Hyper, OptimizerBase, Slots, updates_of
from kerasfront.optimizers.derived import derive, index_of
from kerasfront.optimizers.schedules.schedules import InverseTimeDecay
from kerasfront.optimizers.state import Rate, RateLike
from kerasfront.signatures import also_named, takes_options, with_options
from kerasfront.state import StateAlias
from kerasfront.typing import Config, DTypeLike, InitializerLike, Tensor, TensorLike
from kerasfront.variable import Variable

__all__ = ["Hyper", "Optimizer", "Slots"]

active: Runtime = running()
# What hyperparameters of these names are at most; none is negative.
_RANGES = {"beta_1": 1.0, "beta_2": 1.0, "rho": 1.0, "momentum": 1.0, "epsilon": math.inf}

_CONFIG = (
    "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum",
    "ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps",
)  # fmt: skip

# Hyperparameters that go with state of their own: they can't be turned on after an optimizer was built.
_ADDS_STATE = frozenset({"momentum", "centered", "amsgrad", "use_ema", "gradient_accumulation_steps"})


class Optimizer(OptimizerBase):
    """The base of optimizers: applies gradients to variables.

    A subclass says in `slots` what it keeps for each variable, and in `update` what becomes of a variable's value and
    slots. It is written once over ops; where the backend has a fused kernel for the rule, that is used instead.
    As in Keras, a subclass may also define `build(variables)` and `update_step(gradient, variable, learning_rate)`.

    Args:
        learning_rate: A number, a `LearningRateSchedule`, or a function without arguments.
        weight_decay: What part of a variable, times the learning rate, is taken away before each update.
        clipnorm: The norm to which each gradient is scaled down.
        clipvalue: The absolute value to which each element of a gradient is clipped.
        global_clipnorm: The norm to which all gradients together are scaled down.
        use_ema: Whether to keep a moving average of the variables, for `finalize_variable_values`.
        ema_momentum: The weight of the past in that average.
        ema_overwrite_frequency: After how many updates the variables become the average; None means never.
        loss_scale_factor: What the loss is multiplied by before gradients are taken, and gradients divided by.
        gradient_accumulation_steps: How many calls make one update, with the mean of their gradients.
        name: A name.

    Raises:
        ValueError: An argument is unknown or out of range, or more than one kind of clipping is asked for.

    >>> import kerasfront as keras
    >>> class Half(keras.optimizers.Optimizer):
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         variable.assign_sub(gradient * learning_rate / 2)
    >>> v = keras.Variable([1.0])
    >>> Half(learning_rate=0.5).apply([keras.ops.ones((1,))], [v])
    >>> v.numpy().tolist()
    [0.75]
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        if "update_step" in own and "_kf_by_step" not in own:
            cls._kf_by_step = True
        if takes_options(own.get("__init__")):
            setattr(cls, "__init__", with_options(own["__init__"], Optimizer.__init__))  # noqa: B010  (mypy)

    def __init__(
        self,
        learning_rate: RateLike,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not kwargs.get("decay"):
            kwargs.pop("decay", None)  # Keras 2's configs have it
        if kwargs:
            raise unknown_argument(type(self).__name__, kwargs, names_of(type(self)))
        self.name: str = name or auto_name(to_snake_case(type(self).__name__))
        self.weight_decay: float | None = weight_decay
        self.loss_scale_factor: float | None = loss_scale_factor
        self.clipnorm: float | None = clipnorm
        self.clipvalue: float | None = clipvalue
        self.global_clipnorm: float | None = global_clipnorm
        self.use_ema: bool = use_ema
        self.ema_momentum: float = ema_momentum
        self.ema_overwrite_frequency: int | None = ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        _check(self)
        self.built = False
        state = self._kf
        with scopes.name_scope(self.name):
            state.iterations = Variable(0, dtype="int32", trainable=False, name="iteration")
        tracking.add(self, "iterations", state.iterations)
        state.learning_rate = rates.rate_from(self, learning_rate)
        if isinstance(state.learning_rate, Variable):
            tracking.add(self, "learning_rate", state.learning_rate)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _ADDS_STATE and value and self.__dict__.get("built") and not self.__dict__.get(name):
            raise ValueError(
                f"The optimizer '{self.name}' keeps no state for `{name}`: it was built with {getattr(self, name)!r}. "
                "Make a new one, and compile() the model with it."
            )
        super().__setattr__(name, value)

    # ---- state --------------------------------------------------------------------------------------------------

    @property
    def iterations(self) -> Variable | Tensor:
        """How many updates were made."""
        return updates_of(self)  # not by super(), whose properties torch.compile doesn't follow

    @iterations.setter
    def iterations(self, variable: Variable) -> None:
        if self.built:
            raise RuntimeError(f"The iterations of '{self.name}' can't be replaced after it was built.")
        state = self._kf
        tracking.remove(self, state.iterations)
        state.iterations = variable
        tracking.add(self, "iterations", variable)

    @property
    def learning_rate(self) -> Any:
        """The learning rate: a Variable, which can be assigned, or what the schedule gives now."""
        rate = self._kf.learning_rate
        return rate if isinstance(rate, Variable) else rates.current_rate(self)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        rates.set_rate(self, value)

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: InitializerLike = "zeros",
        dtype: DTypeLike | None = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable of the optimizer's state."""
        with scopes.name_scope(self.name):
            variable = Variable(
                initializers.get(initializer), shape=shape, dtype=dtype, trainable=False, autocast=False,
                aggregation=aggregation, layout=layout, name=name,
            )  # fmt: skip
        tracking.add(self, variable.name, variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: InitializerLike = "zeros"
    ) -> Variable:
        """Make a variable of the shape and dtype of another, named after it."""
        path = reference_variable.path.replace("/", "_")
        return self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable._dtype,
            name=f"{path}_{name}" if name else path,
        )

    @overload
    def add_optimizer_variables(
        self,
        trainable_variables: Sequence[Variable],
        name: str,
        initializer: InitializerLike | Sequence[InitializerLike] = "zeros",
    ) -> list[Variable]: ...
    @overload
    def add_optimizer_variables(
        self,
        trainable_variables: Sequence[Variable],
        name: list[str] | tuple[str, ...],
        initializer: InitializerLike | Sequence[InitializerLike] = "zeros",
    ) -> list[list[Variable]]: ...
    def add_optimizer_variables(
        self,
        trainable_variables: Sequence[Variable],
        name: str | list[str] | tuple[str, ...],
        initializer: InitializerLike | Sequence[InitializerLike] = "zeros",
    ) -> list[Variable] | list[list[Variable]]:
        """Make a variable of the state for each variable; with several names, return a list for each name."""
        names = [name] if isinstance(name, str) else list(name)
        kinds: list[Any] = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        rows = [
            [self.add_variable_from_reference(v, n, k) for n, k in zip(names, kinds, strict=True)]
            for v in trainable_variables
        ]
        columns = [list(column) for column in zip(*rows, strict=True)]
        return columns[0] if isinstance(name, str) else columns

    @also_named(var_list="variables")  # Keras's optimizers have the one name or the other
    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state for the variables that are to be trained."""
        if not self.built:
            for name, most in _RANGES.items():
                if name in self.hyperparameters:
                    as_float(getattr(self, name), name, type(self).__name__, least=0, most=most)
            self.make_state(list(variables))

    def make_state(self, variables: list[Variable]) -> None:
        """Do what `build` does, once; a rule that keeps more than slots adds to it."""
        state = self._kf
        state.trained = variables
        state.overwrites = any(v.overwrite_with_gradient for v in variables)
        derive(self)
        if self.use_ema:
            state.averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            state.accumulators = self.add_optimizer_variables(variables, "gradient_accumulator")
        state.slots = self.make_all_slots(variables)
        self.built = True

    def make_all_slots(self, variables: Sequence[Variable]) -> list[dict[str, Variable]]:
        """Make what is kept for each variable, in the order in which it is saved."""
        return [{} if v.overwrite_with_gradient else self.make_slots(v) for v in variables]

    def make_slots(self, variable: Variable) -> dict[str, Variable]:
        """Make what is kept for one variable."""
        return {
            name: self.add_variable_from_reference(variable, name, initializer)
            for name, initializer in self.slots.items()
        }

    # ---- applying gradients -------------------------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars: Iterable[tuple[TensorLike | None, Variable]]) -> Variable:
        """Apply pairs of a gradient and a variable; return the iterations."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._kf.iterations

    def apply(self, grads: Sequence[TensorLike | None], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Update the variables by their gradients.

        Args:
            grads: A gradient for each variable, of its shape; None leaves it as it is, with a warning.
            trainable_variables: The variables; None means those that the optimizer was built with.

        Raises:
            ValueError: There are no gradients, not as many as variables, or a variable that the optimizer was not
                built with.
        """
        gradients: list[Any] = active.adapter.dense_gradients(grads)
        if not gradients:
            return
        if trainable_variables is not None and not self.built:
            self.build(list(trainable_variables))
            self.built: bool = True
        variables = applying.checked(self, gradients, trainable_variables)
        with active.adapter.no_gradient():
            self._kf_apply(gradients, variables)

    def _kf_apply(self, grads: list[Any], variables: list[Variable]) -> None:
        applying.apply(self, grads, variables)

    def _kf_update_all(self, grads: list[Any], variables: list[Variable]) -> None:
        applying.update_all(self, grads, variables)

    def _kf_decay(self, variables: Sequence[Variable], rate: Tensor) -> None:
        weight_decay.decay_by(self, variables, rate, self.weight_decay)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: TensorLike) -> None:
        """Update one variable; a subclass may define it to assign to the variable and to its own state."""
        applying.update_by_rule(self, [gradient], [variable], ops.convert_to_tensor(learning_rate))

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Keep weight decay away from variables.

        Args:
            var_list: The variables.
            var_names: Regular expressions; a variable whose name matches one is left out.
        """
        state = self._kf
        state.excluded = [*state.excluded, *(var_list or ()), *(var_names or ())]
        state.derived.decayed = None

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Return the loss as gradients are to be taken of it."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Set the variables to their moving averages, with `use_ema`."""
        if self.use_ema:
            averaging.overwrite(self, var_list)

    # ---- without state ------------------------------------------------------------------------------------------

    def stateless_apply(
        self,
        optimizer_variables: Sequence[TensorLike],
        grads: Sequence[TensorLike | None],
        trainable_variables: Sequence[TensorLike],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Do what `apply` does with the values of all variables given; nothing changes.

        Returns:
            `(trainable_variables, optimizer_variables)`: the values after the update.

        Raises:
            ValueError: The optimizer isn't built, or the numbers of values differ from those of the variables.
        """
        if not self.built:
            raise ValueError(f"stateless_apply needs the optimizer '{self.name}' to be built: call build() first.")
        own, trained = self.variables, self._kf.trained
        for name, variables, values in (
            ("optimizer_variables", own, optimizer_variables),
            ("trainable_variables", trained, trainable_variables),
        ):
            if len(variables) != len(values):
                raise ValueError(f"Expected {len(variables)} values in `{name}` of '{self.name}', got {len(values)}.")
        both = [*trained, *own]
        before = [v._kf_native(x) for v, x in zip(both, [*trainable_variables, *optimizer_variables], strict=True)]
        with assignments(both, before):
            self.apply(grads, trained)
            after = [v._value for v in both]
        return after[: len(trained)], after[len(trained) :]

    # ---- saving, config -----------------------------------------------------------------------------------------

    def assign(self, variable: Variable, value: TensorLike) -> None:
        """Set a variable; for an `update_step`."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: TensorLike) -> None:
        """Add to a variable; for an `update_step`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: TensorLike) -> None:
        """Subtract from a variable; for an `update_step`."""
        variable.assign_sub(value)

    def set_weights(self, weights: Sequence[TensorLike]) -> None:
        """Set the state from arrays in the order of `variables`.

        Raises:
            ValueError: The number or the shapes differ.
        """
        own = self.variables
        if len(weights) != len(own):
            raise ValueError(f"'{self.name}' has {len(own)} variables; {len(weights)} arrays came.")
        for variable, value in zip(own, weights, strict=True):
            variable.assign(value)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the state into a dict-like store."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read the state from a dict-like store.

        Raises:
            ValueError: The number or the shapes differ.
        """
        own = self.variables
        if len(store.keys()) != len(own):
            raise ValueError(
                f"The optimizer '{self.name}' has {len(own)} variables; the file holds {len(store.keys())} for it. "
                + ("" if self.built else "It isn't built: build it with the model's trainable variables first.")
            )
        for index, variable in enumerate(own):
            variable.assign(store[str(index)][()])

    def get_config(self) -> Config:
        """Return the arguments that make an equal one, without its state except for the learning rate."""
        config: Config = {"name": self.name, "learning_rate": rates.rate_config(self)}
        config.update((name, getattr(self, name)) for name in _CONFIG)
        config.update((name, getattr(self, name)) for name in self.hyperparameters)
        return config

    @classmethod
    def from_config(cls, config: Config, custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Make a new one from what `get_config` returned."""
        if decay := config.get("decay"):  # as Keras 2 reduced the rate
            rate = InverseTimeDecay(config["learning_rate"], decay_steps=1, decay_rate=decay)
            config = {**config, "learning_rate": rate, "decay": None}
        with serialization.loading(custom_objects):
            return cls(**{key: serialization.revive(value) for key, value in config.items()})

    # ---- what libraries know by Keras's private names -----------------------------------------------------------

    _variables = StateAlias[list[Variable]](lambda self: self._kf.variables)
    _trainable_variables = StateAlias[list[Variable]](lambda self: self._kf.trained)
    _iterations = StateAlias[Variable](lambda self: self._kf.iterations)
    _learning_rate = StateAlias[Rate](lambda self: self._kf.learning_rate)

    def _get_variable_index(self, variable: Variable) -> int:
        return index_of(self)[id(variable)]


def _check(optimizer: Optimizer) -> None:
    """Raise ValueError for arguments that make no sense."""
    kinds = [n for n in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(optimizer, n) is not None]
    if len(kinds) > 1:
        raise ValueError(f"Only one kind of clipping can be asked for, got {' and '.join(kinds)}.")
    momentum, frequency = optimizer.ema_momentum, optimizer.ema_overwrite_frequency
    owner = type(optimizer).__name__
    for name in ("clipnorm", "clipvalue", "global_clipnorm", "weight_decay"):
        if (value := getattr(optimizer, name)) is not None:
            as_float(value, name, owner, least=0)
    if optimizer.use_ema:
        as_float(momentum, "ema_momentum", owner, least=0, most=1)
    if optimizer.use_ema and frequency is not None:
        as_int(frequency, "ema_overwrite_frequency", owner, least=1)
    if optimizer.gradient_accumulation_steps is not None:
        as_int(optimizer.gradient_accumulation_steps, "gradient_accumulation_steps", owner, least=2)
