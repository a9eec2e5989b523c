"""Optimizer: what all of them share around a pure update rule."""

from __future__ import annotations

import math
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kerasfront import initializers, ops, scopes, serialization
from kerasfront.arguments import Constructed, as_float, as_int, names_of, unknown_argument, wrong
from kerasfront.contract import assignment_scopes, assignments, running
from kerasfront.derived import Copied, Derived
from kerasfront.errors import ArgumentError, keras_package, not_one
from kerasfront.naming import auto_name, to_snake_case
from kerasfront.optimizers import averaging, clipping
from kerasfront.optimizers.schedules.schedules import InverseTimeDecay, LearningRateSchedule
from kerasfront.spec import dtypes
from kerasfront.variable import Variable
from kerasfront.watching import Watched

active = running()
# What hyperparameters of these names are at most; none is negative.
_RANGES = {"beta_1": 1.0, "beta_2": 1.0, "rho": 1.0, "momentum": 1.0, "epsilon": math.inf}
Slots = Mapping[str, Any]
Hyper = Mapping[str, Any]

_BASE = (
    "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum",
    "ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps",
)  # fmt: skip

# Hyperparameters that go with state of their own: they can't be turned on after an optimizer was built.
_ADDS_STATE = frozenset({"momentum", "centered", "amsgrad", "use_ema", "gradient_accumulation_steps"})


class OfOptimizer(Derived):
    """What an optimizer derives from the variables that it was built with."""

    # The place of each variable, and those from which weight decay is taken; both by identity.
    index: dict[int, int]
    decayed: set[int] | None = None
    fused: Callable[..., Any] | None = None
    # Whether a variable has a constraint, with the version of all trees at the time of the look.
    constrained, version = False, -1


class Optimizer(Constructed, Copied, Watched):
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

    # What is kept for each variable, by name, with its initializer.
    slots: Mapping[str, Any] = {}
    # Attributes that are arguments of the constructor: the config, and what a fused update is given.
    hyperparameters: tuple[str, ...] = ()
    # The name of `update` in an adapter's `fused_updates`; it counts in the class that defines `update`.
    rule: str | None = None

    loss_scale_factor: float | None = None
    _variables: list[Variable]

    def __init__(
        self,
        learning_rate: Any,
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
        self.name = name or auto_name(to_snake_case(type(self).__name__))
        self.weight_decay, self.loss_scale_factor = weight_decay, loss_scale_factor
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum, self.ema_overwrite_frequency = use_ema, ema_momentum, ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        _check(self)
        self.built = False
        self._trainable_variables: list[Variable] = []
        self._slots: list[dict[str, Variable]] = []
        self._excluded: list[Any] = []
        self._averages: list[Variable] = []
        self._accumulators: list[Variable] = []
        self._derived = OfOptimizer()
        self._derive()
        with scopes.name_scope(self.name):
            self._iterations = Variable(0, dtype="int32", trainable=False, name="iteration")
        self._learning_rate = self._as_rate(learning_rate)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Variable):
            self._note(value)
        elif name in _ADDS_STATE and value and self.__dict__.get("built") and not self.__dict__.get(name):
            raise ValueError(
                f"The optimizer '{self.name}' keeps no state for `{name}`: it was built with {getattr(self, name)!r}. "
                "Make a new one, and compile() the model with it."
            )
        super().__setattr__(name, value)

    def _note(self, variable: Variable) -> None:
        held = self.__dict__.setdefault("_variables", [])  # a subclass may make some before it calls __init__
        if not any(variable is v for v in held):
            held.append(variable)

    # ---- state --------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> list[Variable]:
        """The state: iterations, learning rate, and what is kept for each variable, in Keras's order."""
        return list(self._variables)

    @property
    def iterations(self) -> Any:
        """How many updates were made."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    @iterations.setter
    def iterations(self, variable: Variable) -> None:
        if self.built:
            raise RuntimeError(f"The iterations of '{self.name}' can't be replaced after it was built.")
        self._variables = [v for v in self._variables if v is not self._iterations]
        self._iterations = variable

    @property
    def learning_rate(self) -> Any:
        """The learning rate: a Variable, which can be assigned, or what the schedule gives now."""
        return self._rate() if not isinstance(self._learning_rate, Variable) else self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        scheduled = isinstance(value, LearningRateSchedule) or callable(value)
        if not isinstance(self._learning_rate, Variable) and not scheduled:
            raise TypeError(
                f"The optimizer '{self.name}' was made with a schedule or function as its learning rate: it can't be "
                "set to a number. Make it with a number to set it later."
            )
        if scheduled and not isinstance(value, Variable):
            if isinstance(self._learning_rate, Variable):
                self._variables = [v for v in self._variables if v is not self._learning_rate]
            self._learning_rate = value
        else:
            self._learning_rate.assign(value)

    def _as_rate(self, value: Any) -> Any:
        if keras_package(value) is not None:
            raise not_one("the learning rate to be a number, a schedule or a function", value)
        if callable(value) and not isinstance(value, Variable):
            return value
        try:
            number = as_float(value, "learning_rate", most=sys.float_info.max)
        except ArgumentError:
            expected = "a number, a LearningRateSchedule or a function"
            raise wrong("learning_rate", f"'{self.name}'", expected, value) from None
        with scopes.name_scope(self.name):
            return Variable(number, dtype=dtypes.standardize(None), trainable=False, name="learning_rate")

    def _rate(self) -> Any:
        """The learning rate of this step, as a native scalar."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate.value
        value = rate(self._iterations) if isinstance(rate, LearningRateSchedule) else rate()
        return ops.convert_to_tensor(value)

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
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
        self._note(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Make a variable of the shape and dtype of another, named after it."""
        path = reference_variable.path.replace("/", "_")
        return self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable._dtype,
            name=f"{path}_{name}" if name else path,
        )

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: str | Sequence[str], initializer: Any = "zeros"
    ) -> Any:
        """For each variable one of the state; with several names, a list of such lists, one for each name."""
        names = [name] if isinstance(name, str) else list(name)
        kinds = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        made = [
            [self.add_variable_from_reference(v, n, k) for n, k in zip(names, kinds, strict=True)]
            for v in trainable_variables
        ]
        columns = [list(column) for column in zip(*made, strict=True)]
        return columns[0] if isinstance(name, str) else columns

    def build(self, variables: Sequence[Variable] | None = None, var_list: Sequence[Variable] | None = None) -> None:
        """Make the state for these variables, which Keras's optimizers take by the one name or the other."""
        if not self.built:
            for name, most in _RANGES.items():
                if name in self.hyperparameters:
                    as_float(getattr(self, name), name, type(self).__name__, least=0, most=most)
            self.make_state(list(variables or var_list or ()))

    def _derive(self) -> None:
        """What follows from the class and the variables: when it is made, when it is built, and in a copy."""
        derived = self._derived
        derived.index = {id(v): i for i, v in enumerate(self._trainable_variables)}
        derived.decayed, derived.fused = None, _fused_rule(type(self))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._derive()

    def make_state(self, variables: list[Variable]) -> None:
        """What `build` does, once; a rule that keeps more than slots adds to it."""
        self._trainable_variables = variables
        self._derive()
        self._plain = not any(v.overwrite_with_gradient for v in variables)
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulators = self.add_optimizer_variables(variables, "gradient_accumulator")
        self._slots = self.make_all_slots(variables)
        self.built = True

    def make_all_slots(self, variables: Sequence[Variable]) -> list[dict[str, Variable]]:
        """What is kept for each variable, in the order in which it is saved."""
        return [{} if v.overwrite_with_gradient else self.make_slots(v) for v in variables]

    def make_slots(self, variable: Variable) -> dict[str, Variable]:
        """What is kept for one variable."""
        return {
            name: self.add_variable_from_reference(variable, name, initializer)
            for name, initializer in self.slots.items()
        }

    # ---- applying gradients -------------------------------------------------------------------------------------

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """Apply pairs of a gradient and a variable; returns the iterations."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
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
        variables = self._checked(gradients, trainable_variables)
        with active.adapter.no_gradient():
            self._apply(gradients, variables)

    def _checked(self, grads: list[Any], variables: Sequence[Variable] | None) -> list[Variable]:
        if variables is None:
            if not self.built:
                raise ValueError(f"Build the optimizer '{self.name}', or pass `trainable_variables` to apply().")
            variables = self._trainable_variables
        else:
            variables = list(variables)
            if not self.built:
                self.build(variables)
                self.built = True
            for v in variables:
                if id(v) not in self._derived.index:
                    raise ValueError(
                        f"The optimizer '{self.name}' was not built with the variable '{v.path}': build it with all "
                        "variables that it is to train, or make a new one. (Where a part of a model was thawed, "
                        "compile() the model again: an optimizer keeps state for what was trained when it was built.)"
                    )
        if len(grads) != len(variables):
            raise ValueError(f"'{self.name}' got {len(grads)} gradients for {len(variables)} variables.")
        return variables

    def _apply(self, grads: list[Any], variables: list[Variable]) -> None:
        if not self._plain:
            grads, variables = _overwritten(grads, variables)
        if any(g is None for g in grads):
            grads, variables = _with_gradient(grads, variables, self.name)
        if grads:
            if self.loss_scale_factor is not None:
                grads = [ops.divide(g, self.loss_scale_factor) for g in grads]
            if self.gradient_accumulation_steps:
                self._accumulate(grads, variables)
            else:
                self._update_all(grads, variables)
            if self._has_constraints():
                for v in variables:
                    if v.constraint is not None:
                        v.assign(v.constraint(v))
        self._iterations.assign_add(1)

    def _update_all(self, grads: list[Any], variables: list[Variable]) -> None:
        """One update of the variables and of all that is kept for them."""
        grads = self._clipped(grads)
        rate = self._rate()
        if self._decays():
            self._decay(variables, rate)
        if type(self).update_step is not Optimizer.update_step:
            for g, v in zip(grads, variables, strict=True):
                self.update_step(g, v, rate)
        elif self._derived.fused is None or assignment_scopes.stack or not self._updated_fused(grads, variables, rate):
            self._update_by_rule(grads, variables, rate)
        self.finish_step()
        if self.use_ema:
            averaging.update(self, variables)

    def _has_constraints(self) -> bool:
        derived, version = self._derived, scopes.structure.version
        if derived.version != version:
            derived.constrained = any(v.constraint is not None for v in self._trainable_variables)
            derived.version = version
        return derived.constrained

    def _clipped(self, grads: list[Any]) -> list[Any]:
        if self.clipnorm:
            return [clipping.by_norm(g, self.clipnorm) for g in grads]
        if self.global_clipnorm:
            return clipping.by_global_norm(grads, self.global_clipnorm)
        if self.clipvalue:
            return [clipping.by_value(g, self.clipvalue) for g in grads]
        return grads

    def _updated_fused(self, grads: list[Any], variables: list[Variable], rate: Any) -> bool:
        """Whether the adapter's fused update did it."""
        assert self._derived.fused is not None
        kept = [self._slots[self._derived.index[id(v)]] for v in variables]
        slots = {name: [k[name]._value for k in kept] for name in (kept[0] if kept else ())}
        hyper: dict[str, Any] = {name: getattr(self, name) for name in self.hyperparameters}
        hyper["learning_rate"], hyper["iterations"] = rate, self._iterations._value
        return bool(self._derived.fused([v._value for v in variables], grads, slots, hyper))

    def _update_by_rule(self, grads: Sequence[Any], variables: Sequence[Variable], rate: Any) -> None:
        hypers: dict[str, Hyper] = {}
        for g, v in zip(grads, variables, strict=True):
            if v._dtype not in hypers:
                hypers[v._dtype] = self._hyper(rate, v._dtype)
            slots = self._slots[self._derived.index[id(v)]]
            held = {name: s.value for name, s in slots.items()}
            value, changed = self.update(ops.convert_to_tensor(g, v._dtype), v.value, held, hypers[v._dtype])
            v.assign(value)
            for name, new in changed.items():
                slots[name].assign(new)

    def _hyper(self, rate: Any, dtype: str) -> Hyper:
        """What `prepare` returns, in the dtype of the variables."""
        step = ops.cast(self.iterations, "float32") + 1.0
        hyper = self.prepare(ops.cast(rate, "float32"), step)
        if dtype == "float32":
            return hyper
        return {name: ops.cast(value, dtype) if ops.is_tensor(value) else value for name, value in hyper.items()}

    def prepare(self, learning_rate: Any, step: Any) -> Hyper:
        """What the rule needs that is the same for all variables; `step` counts from 1, both are float32 scalars."""
        return {"learning_rate": learning_rate, "step": step}

    def update(self, gradient: Any, value: Any, slots: Slots, hyper: Hyper) -> tuple[Any, Slots]:
        """The rule: the new value of a variable, and of those of its slots that change. It assigns nothing."""
        raise NotImplementedError(f"{type(self).__name__} defines neither update() nor update_step().")

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one variable; a subclass may define it to assign to the variable and to its own state."""
        self._update_by_rule([gradient], [variable], ops.convert_to_tensor(learning_rate))

    def finish_step(self) -> None:
        """Called once after the variables were updated."""

    # ---- what surrounds an update -------------------------------------------------------------------------------

    def _decays(self) -> bool:
        return bool(self.weight_decay)

    def _decay(self, variables: Sequence[Variable], rate: Any) -> None:
        self._decay_by(variables, rate, self.weight_decay)

    def _decay_by(self, variables: Sequence[Variable], rate: Any, amount: Any) -> None:
        """Take `rate * amount` of the variables away from those that are not excluded."""
        if self._derived.decayed is None:
            self._derived.decayed = {id(v) for v in self._trainable_variables if self._use_weight_decay(v)}
        chosen = [v for v in variables if id(v) in self._derived.decayed]
        fused = active.adapter.fused_updates.get("weight_decay")
        if fused is not None and chosen and not assignment_scopes.stack:
            fused([v._value for v in chosen], rate, amount)
            return
        factor = 1.0 - rate * amount
        for v in chosen:
            v.assign(v * ops.cast(factor, v._dtype))

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Keep weight decay away from variables.

        Args:
            var_list: The variables.
            var_names: Regular expressions; a variable whose name matches one is left out.
        """
        self._excluded += [*(var_list or ()), *(var_names or ())]
        self._derived.decayed = None

    def _use_weight_decay(self, variable: Variable) -> bool:
        return not any(
            re.search(e, variable.name) is not None if isinstance(e, str) else e is variable for e in self._excluded
        )

    def _accumulate(self, grads: list[Any], variables: list[Variable]) -> None:
        steps = self.gradient_accumulation_steps or 1
        sums = [self._accumulators[self._derived.index[id(v)]] for v in variables]

        def update() -> None:
            means = [(s + ops.cast(g, s._dtype)) / steps for s, g in zip(sums, grads, strict=True)]
            self._update_all(means, variables)
            for s in sums:
                s.assign(ops.zeros(s.shape, s._dtype))

        def add() -> None:
            for s, g in zip(sums, grads, strict=True):
                s.assign_add(ops.cast(g, s._dtype))

        due = ops.equal((self._iterations + 1) % steps, 0)
        either(due, update, add, [*variables, *self._variables])

    def _get_variable_index(self, variable: Variable) -> int:
        # What Keras's own examples of optimizers call to find what they keep for a variable.
        return self._derived.index[id(variable)]

    def scale_loss(self, loss: Any) -> Any:
        """The loss as gradients are to be taken of it."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """With `use_ema`: set the variables to their moving averages."""
        if self.use_ema:
            averaging.overwrite(self, var_list)

    # ---- without state ------------------------------------------------------------------------------------------

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """As `apply`, with the values of all variables given; nothing changes.

        Returns:
            `(trainable_variables, optimizer_variables)`: the values after the update.

        Raises:
            ValueError: The optimizer isn't built, or the numbers of values differ from those of the variables.
        """
        if not self.built:
            raise ValueError(f"stateless_apply needs the optimizer '{self.name}' to be built: call build() first.")
        own, trained = self.variables, self._trainable_variables
        for name, have, came in (
            ("optimizer_variables", own, optimizer_variables),
            ("trainable_variables", trained, trainable_variables),
        ):
            if len(have) != len(came):
                raise ValueError(f"Expected {len(have)} values in `{name}` of '{self.name}', got {len(came)}.")
        held = [*trained, *own]
        given = [v._to_native(x) for v, x in zip(held, [*trainable_variables, *optimizer_variables], strict=True)]
        with assignments(held, given):
            self.apply(grads, trained)
            values = [v._value for v in held]
        return values[: len(trained)], values[len(trained) :]

    # ---- saving, config -----------------------------------------------------------------------------------------

    def assign(self, variable: Variable, value: Any) -> None:
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        variable.assign_sub(value)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the state from arrays in the order of `variables`; raises ValueError where number or shapes differ."""
        own = self.variables
        if len(weights) != len(own):
            raise ValueError(f"'{self.name}' has {len(own)} variables; {len(weights)} arrays came.")
        for variable, value in zip(own, weights, strict=True):
            variable.assign(value)

    def save_own_variables(self, store: Any) -> None:
        """Write the state into a dict-like store."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read it again; raises ValueError where number or shapes differ."""
        own = self.variables
        if len(store.keys()) != len(own):
            raise ValueError(
                f"The optimizer '{self.name}' has {len(own)} variables; the file holds {len(store.keys())} for it. "
                + ("" if self.built else "It isn't built: build it with the model's trainable variables first.")
            )
        for index, variable in enumerate(own):
            variable.assign(store[str(index)][()])

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal one, without its state except for the learning rate."""
        config: dict[str, Any] = {"name": self.name, "learning_rate": self._rate_config()}
        config.update((name, getattr(self, name)) for name in _BASE)
        config.update((name, getattr(self, name)) for name in self.hyperparameters)
        return config

    def _rate_config(self) -> Any:
        if isinstance(self._learning_rate, Variable):
            # The shortest decimal that is this number in its own precision: 0.001, not 0.0010000000474974513.
            return float(str(self._learning_rate.numpy()))
        return serialization.serialize_keras_object(self._learning_rate)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new one from what `get_config` returned."""
        if decay := config.get("decay"):  # as Keras 2 reduced the rate
            rate = InverseTimeDecay(config["learning_rate"], decay_steps=1, decay_rate=decay)
            config = {**config, "learning_rate": rate, "decay": None}
        with serialization.loading(custom_objects):
            return cls(**{key: serialization.revive(value) for key, value in config.items()})


def either(
    condition: Any, then: Callable[[], None], otherwise: Callable[[], None], variables: Sequence[Variable]
) -> None:
    """Run one of two functions that assign to `variables`, by a condition that a compiled step may not know."""

    def values_after(function: Callable[[], None]) -> list[Any]:
        with assignments(variables, [v._value for v in variables]):
            function()
            return [ops.convert_to_tensor(v._value) for v in variables]

    before = [v._value for v in variables]
    after = ops.cond(condition, lambda: values_after(then), lambda: values_after(otherwise))
    for v, old, new in zip(variables, before, after, strict=True):
        if new is not old:
            v.assign(new)


def _fused_rule(cls: type[Optimizer]) -> Callable[..., Any] | None:
    """The adapter's fused update of the class's rule; none where a subclass has a rule of its own."""
    owner = next(c for c in cls.__mro__ if "update" in c.__dict__)
    return active.adapter.fused_updates.get(owner.__dict__.get("rule") or "")


def _check(optimizer: Optimizer) -> None:
    """Raise ValueError for arguments that make no sense."""
    given = [n for n in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(optimizer, n) is not None]
    if len(given) > 1:
        raise ValueError(f"Only one kind of clipping can be asked for, got {' and '.join(given)}.")
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


def _overwritten(grads: list[Any], variables: list[Variable]) -> tuple[list[Any], list[Variable]]:
    """Set variables that take their gradient as value; returns the others."""
    rest = []
    for g, v in zip(grads, variables, strict=True):
        if not v.overwrite_with_gradient:
            rest.append((g, v))
        elif g is not None:
            v.assign(g)
    return [g for g, _ in rest], [v for _, v in rest]


def _with_gradient(grads: list[Any], variables: list[Variable], name: str) -> tuple[list[Any], list[Variable]]:
    pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
    without = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
    if not pairs:
        raise ValueError(f"'{name}' got no gradient for any variable: {', '.join(without)}.")
    warnings.warn(f"'{name}' got no gradient for {', '.join(without)}: the loss does not depend on them.", stacklevel=5)
    return [g for g, _ in pairs], [v for _, v in pairs]
