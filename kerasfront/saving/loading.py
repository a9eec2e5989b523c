"""Weights from an open file into a model, once every shape has been compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

from kerasfront.contract import Runtime, running
from kerasfront.errors import KerasFrontError, SavingError
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.kernels.lora import MergedVariable
from kerasfront.saving import paths
from kerasfront.saving.deferred import Deferred
from kerasfront.saving.paths import Saveable
from kerasfront.saving.readers import Store, WeightReader
from kerasfront.variable import Variable

active: Runtime = running()
# How many weights of a kind an error names.
_SHOWN = 12

# What is done for one object after the whole file has been compared. It is given the variables that wait for values.
Plan = Callable[[Deferred | None], None]


@dataclass
class LoadReport:
    """What loading weights did not do: empty where file and model fit."""

    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.mismatched)

    def __str__(self) -> str:
        lines = []
        for title, weights in (
            ("in the model, but not in the file", self.missing),
            ("in the file, but not in the model", self.unexpected),
            ("that don't fit", self.mismatched),
        ):
            if weights:
                more = f", and {len(weights) - _SHOWN} more" if len(weights) > _SHOWN else ""
                lines.append(f"{len(weights)} {title}: {', '.join(weights[:_SHOWN])}{more}")
        return "; ".join(lines) or "everything was loaded"


def load_keras3_layout(model: Layer, reader: WeightReader, what: str, strict: bool) -> LoadReport:
    """Load a whole file into a model; raises SavingError where the file hasn't Keras 3's layout."""
    if not reader.has("vars"):
        raise SavingError(f"{what} is not in Keras 3's layout: it has no group 'vars'.")
    return load(model, reader, what, strict)


def load(
    model: Layer,
    reader: WeightReader,
    what: str,
    strict: bool,
    optimizer: bool = True,
    deferred: Deferred | None = None,
) -> LoadReport:
    """Assign what a file holds to the model's variables, after every shape has been compared.

    Args:
        model: The model.
        reader: The open file.
        what: The file, for errors.
        strict: Whether anything missing, left over or of another shape is an error.
        optimizer: Whether the optimizer's state is loaded.
        deferred: The variables whose initial values have not been made yet.

    Raises:
        SavingError: File and model don't fit, and `strict` is true. Nothing was assigned then.
    """
    report, plans = LoadReport(), list[Plan]()
    used: set[str] = set()
    for path, owner in paths.walk(model):
        group = paths.joined(path, "vars")
        used.update(f"{group}/{n}" for n in reader.names(group))
        if isinstance(owner, Layer):
            plans.append(_plan(owner, reader, group, report))
        elif optimizer and reader.names(group):
            plans.append(_optimizer_plan(owner, model, reader, group))
    plans += _seed_plans(model, reader, used)
    report.unexpected += [p for p in reader.entries if p not in used and not _is_optional(p)]
    if strict and report:
        raise SavingError(
            f"The weights of {what} don't fit the model '{model.name}': {report}.", hint=_hint(model, report)
        )
    for plan in plans:
        plan(deferred)
    return report


def _is_optional(path: str) -> bool:
    """Return whether weights are complete without it: the state of an optimizer, of seeds, of metrics."""
    parts = path.split("/")
    return "optimizer" in parts or any(p.startswith("seed_generator") for p in parts) or "metrics" in parts[0]


def _hint(model: Layer, report: LoadReport) -> str:
    if report.unexpected and not model.built:
        return "The model isn't built yet: call it on data, or build(input_shape), before loading."
    return "load_weights(..., skip_mismatch=True) loads what fits and returns what it left out."


# ---- layers --------------------------------------------------------------------------------------------------------


def numbered_variables(owner: Saveable) -> list[Variable | MergedVariable] | None:
    """Return the variables that files number; None where a class has its own way of saving and loading."""
    if not isinstance(owner, Layer):
        return None
    methods = type(owner).save_own_variables, type(owner).load_own_variables
    if methods != (Layer.save_own_variables, Layer.load_own_variables):
        return None
    return [*type(owner)._kf_saved_weights(owner)]


def _plan(layer: Layer, reader: WeightReader, group: str, report: LoadReport) -> Plan:
    """Return what to do for one layer; what doesn't fit goes into the report."""
    variables, names = numbered_variables(layer), reader.names(group)
    if variables is None:
        return _own_plan(layer, reader, group, names)
    assignments = []
    for index, variable in enumerate(variables):
        if str(index) not in names:
            report.missing.append(f"{variable.path} ({group}/{index})")
            continue
        entry = reader.entries[f"{group}/{index}"]
        if entry.shape != variable.shape:
            report.mismatched.append(f"{variable.path} (the file has {entry.shape}, the model {variable.shape})")
            continue
        assignments.append((variable, entry.path))
    numbers = {str(i) for i in range(len(variables))}
    report.unexpected += [f"{group}/{name}" for name in names if name not in numbers]

    def assign(deferred: Deferred | None) -> None:
        for variable, path in assignments:
            variable.assign(active.adapter.adopt(reader.read(path)))
            if deferred is not None:
                deferred.done(variable.stored if isinstance(variable, MergedVariable) else variable)

    return assign


def _own_plan(layer: Layer, reader: WeightReader, group: str, names: list[str]) -> Plan:
    """Return what to do for a layer whose class loads its variables in its own way."""

    def load_own(deferred: Deferred | None) -> None:
        if deferred is not None:
            deferred.settle(layer._kf.variables)
        try:
            layer.load_own_variables(Store(reader, group))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            if isinstance(error, KerasFrontError):
                raise
            raise SavingError(f"The layer '{layer.path}' can't load its variables {names}: {error}") from error

    return load_own if names or layer._kf.variables else lambda deferred: None


# ---- optimizers and seeds ------------------------------------------------------------------------------------------


def load_optimizer(model: Layer, reader: WeightReader) -> None:
    """Load the state of the model's optimizer, where the file has it."""
    for path, owner in paths.walk(model):
        group = paths.joined(path, "vars")
        if isinstance(owner, Layer) or not reader.names(group):
            continue
        store = Store(reader, group)
        if 0 < len(store) < len(owner.variables) and all(store.shape(name) == () for name in store):
            # It was saved before it was built: a count of steps and a learning rate.
            for variable, name in zip(owner.variables, store, strict=False):
                variable.assign(store[name])
        else:
            _optimizer_plan(owner, model, reader, group)(None)


def _optimizer_plan(owner: paths.SaveableOptimizer, model: Layer, reader: WeightReader, group: str) -> Plan:
    """Return what to do for an optimizer: its state comes whole or, if another one was saved, not at all."""
    store = Store(reader, group)
    if not owner.built and len(store) > len(owner.variables):
        owner.build(model.trainable_variables)
    shapes, saved_shapes = [tuple(v.shape) for v in owner.variables], [store.shape(n) for n in store]
    if len(saved_shapes) != len(shapes):
        warnings.warn(
            f"The optimizer '{owner.name}' has {len(shapes)} variables and the file {len(saved_shapes)} for it: its "
            "state was not loaded, and training goes on with a fresh one.",
            stacklevel=2,
        )
        return lambda deferred: None
    for variable, ours, theirs in zip(owner.variables, shapes, saved_shapes, strict=True):
        if ours != theirs:
            raise SavingError(
                f"The state of the optimizer '{owner.name}' doesn't fit: {variable.path} has the shape "
                f"{ours}, and the file {theirs}."
            )
    return lambda deferred: owner.load_own_variables(store)


def _seed_plans(model: Layer, reader: WeightReader, used: set[str]) -> list[Plan]:
    """Return what to do for seed generators, whose states older files hold: they are used where they fit."""
    plans: list[Plan] = []
    for path, generator in paths.seed_generators(model).items():
        place = f"{path}/vars/0"
        if place in reader.entries and reader.entries[place].shape == generator.state.shape:
            used.add(place)
            plans.append(lambda deferred, g=generator, p=place: g.state.assign(reader.read(p)))  # type: ignore[misc]
    return plans
