"""What `fit`, `evaluate` and `predict` run: steps in compiled forms, made anew when what they read changes."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from kerasfront import scopes, watching
from kerasfront.contract import Runtime, running
from kerasfront.layers.base.gathering import clear_losses, layers_of_tree
from kerasfront.training import blocks, stateless, steps
from kerasfront.training.compilation import all_variables, compiled_step, jit_setting
from kerasfront.training.preparation import build_optimizer
from kerasfront.training.state import has_default_step, has_own
from kerasfront.typing import NestedTensors
from kerasfront.watching import Reads, reading

if TYPE_CHECKING:
    from kerasfront.training.trainer import Trainer

active: Runtime = running()
# So many forms of a step are kept: a loop that freezes and thaws in turn makes each of them once.
_KEPT = 8
# A form that served fewer steps than this was hardly worth compiling; after so many of them, none is compiled.
_FEW, _OFTEN = 8, 16
# What decides in which form a step is compiled, or whether it is.
_DECIDING = ("train_step", "test_step", "predict_step", "compute_metrics", "compute_loss", "run_eagerly", "jit_compile")


def _stamp() -> int:
    """As long as it stays, no attribute was set and no tree of layers has changed."""
    return watching.changes.count + scopes.structure.version


class StepFunction:
    """A model's step on batches from the host, compiled once for each state of what it reads.

    What it has read of layers, the optimizer, metrics, losses and other objects of this package is compared with what
    they are now, and so is which Variables are trained. Where something changed, the step is compiled anew.

    Args:
        model: The model.
        name: "train_step", "test_step" or "predict_step".
        alone: Whether each batch stands for itself: the metrics begin anew with it, in the same program.
    """

    def __init__(self, model: Trainer, name: str, alone: bool = False) -> None:
        self.model, self.name, self.alone = model, name, alone
        self.forms: list[_Form] = []
        self.form: _Form | None = None
        self.stamp = -1
        self.short_lived = 0

    def __call__(self, data: NestedTensors) -> object:
        if self.stamp != watching.changes.count + scopes.structure.version:
            self._look()
        form = self.form
        assert form is not None
        out = form.run(active.adapter.stage(data))
        form.uses += 1
        if form.reads.fresh:
            form.settle()
        return out

    @property
    def block(self) -> Callable[[Any], Any] | None:
        """The step for a stack of batches; None: there is no gain from it."""
        self._look()
        assert self.form is not None
        return self._run_block if self.form.block is not None else None

    def _run_block(self, data: Any) -> Any:
        if self.stamp != _stamp():
            self._look()
        form = self.form
        assert form is not None
        data = active.adapter.stage(data)
        if form.block is not None:
            form.block(data)
        else:
            blocks.run_singly(form.run, data)
        form.uses += 1
        if form.reads.fresh:
            form.settle()

    def renew(self, fully: bool = True) -> None:
        """Look at everything before the next batch; if not fully, where something changed that nobody was told of."""
        if fully or (self.form is not None and self.form.reads.changed(unseen=True)):
            self.stamp = -1

    def _look(self) -> None:
        current = _stamp()
        if self.form is None or not self.form.holds():
            self._change()
        self.stamp = current

    def _change(self) -> None:
        last = self.form
        for form in self.forms:
            if form is not last and form.holds():
                self.form = form
                self.forms = [*(f for f in self.forms if f is not form), form]
                return
        if last is not None and last.compiled:
            self.short_lived = self.short_lived + 1 if last.uses < _FEW else 0
            if self.short_lived == _OFTEN:
                warnings.warn(
                    f"A compiled step of the model '{self.model.name}' would have to be made anew almost each time, as "
                    f"{last.reason} changes: from now on steps run uncompiled. Make a number that changes a "
                    "keras.Variable, and assign it.",
                    stacklevel=5,
                )
        self.form = _Form(self.model, self.name, self.alone, compiled=self.short_lived < _OFTEN)
        self.forms = [*self.forms, self.form][-_KEPT:]


class _Form:
    """The step as it is for one state of what it reads."""

    def __init__(self, model: Any, name: str, alone: bool, compiled: bool) -> None:
        self.model, self.uses, self.reason = model, 0, ""
        self.reads = Reads()
        for method in _DECIDING:
            self.reads.note(model, method)
        build_optimizer(model, name)
        step = chosen_step(model, name)
        step = _beginning_anew(model, step) if alone else step
        self.run, self.block = step, None
        if compiled and not model.run_eagerly:
            read = partial(reading, self.reads)
            self.run = compiled_step(model, step, name == "train_step", read)
            self.block = None if alone else _make_block(model, name, step, read, self.run is step)
        self.compiled: bool = self.run is not step
        self.version = -1
        self.reads.settle()
        self.settle()

    def settle(self) -> None:
        """Take note of the structure, after a trace; the losses that layers noted in it have no values."""
        self.reads.fresh = False
        if self.compiled:
            clear_losses(self.model)
        self.structure = _structure(self.model) if self.compiled else None
        self.version = scopes.structure.version

    def holds(self) -> bool:
        change = self.reads.changed()
        if change is None and self.compiled and self.version != scopes.structure.version:
            now = _structure(self.model)
            if [id(x) for x in now] != [id(x) for x in self.structure or ()]:
                change = "what is trained"
            else:
                self.version = scopes.structure.version
        if change is not None:
            self.reason = change
        return change is None


def _beginning_anew(model: Any, step: Callable[..., Any]) -> Callable[..., Any]:
    """Return the step with the metrics of its batch alone."""

    def alone(data: Any) -> Any:
        model.reset_metrics()
        return step(data)

    return alone


def _structure(model: Any) -> list[Any]:
    """Return the layers of a model and its weights, with what else of them a step depends on; compared by identity."""
    out = list(layers_of_tree(model))
    for v in model.weights:
        out += (v, v._trainable, v._regularizer, v._constraint)
    return out


# ---- which step, and how it is compiled ---------------------------------------------------------------------------


def chosen_step(model: Trainer, name: str) -> Callable[..., Any]:
    """Return the step `name`: the quiet form where nothing was overridden; JAX's stateless form runs on Variables."""
    if name in steps.QUIET and has_default_step(model, name):
        return partial(steps.QUIET[name], model)
    step: Callable[..., Any] = getattr(model, name)
    if len(inspect.signature(step).parameters) == 2:
        return partial(stateless.run_stateless_step, model, step)
    return step


def _make_block(model: Any, name: str, step: Callable[..., Any], reading: Any, as_it_is: bool) -> Any:
    """Several steps in one dispatch, where the backend gains by it and metrics are read later anyway."""
    if name not in steps.QUIET or not has_default_step(model, name):
        return None
    donate, variables = name == "train_step", partial(all_variables, model)
    repeated = active.adapter.repeat_step(step, variables, jit=jit_setting(model), donate=donate, reading=reading)
    if repeated is not None or not as_it_is:
        return repeated
    if name == "train_step":
        return blocks.train_block(model, step)
    plain = not has_own(model, "compute_loss") and model._kf.compile_loss is not None
    return blocks.test_block(model, step) if plain else None
