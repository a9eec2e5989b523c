"""A step in its compiled form, which is made anew when what it has read is no longer so."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from kerasfront import scopes, watching
from kerasfront.contract import running
from kerasfront.training import together
from kerasfront.watching import Reads, reading

active = running()
# So many forms of a step are kept: a loop that freezes and thaws in turn makes each of them once.
_KEPT = 8
# A form that served fewer steps than this was hardly worth compiling; after so many of them, none is compiled.
_FEW, _OFTEN = 8, 16
# What decides in which form a step is compiled, or whether it is.
_DECIDING = ("train_step", "test_step", "predict_step", "compute_metrics", "compute_loss", "run_eagerly", "jit_compile")


def _stamp() -> int:
    """As long as it stays, no attribute was set and no tree of layers has changed."""
    return watching.changes.count + scopes.structure.version


class Step:
    """A model's step on batches from the host. What it has read of layers, the optimizer, metrics, losses and other
    objects of this package, and which Variables are trained, is looked after; for each state there is a form.

    Args:
        model: The model.
        name: "train_step", "test_step" or "predict_step".
        alone: Whether each batch stands for itself: the metrics begin anew with it, in the same program.
    """

    def __init__(self, model: Any, name: str, alone: bool = False) -> None:
        self.model, self.name, self.alone = model, name, alone
        self.forms: list[_Form] = []
        self.form: _Form | None = None
        self.seen = -1
        self.short_lived = 0

    def __call__(self, data: Any) -> Any:
        if self.seen != watching.changes.count + scopes.structure.version:
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
        if self.seen != _stamp():
            self._look()
        form = self.form
        assert form is not None
        data = active.adapter.stage(data)
        if form.block is not None:
            form.block(data)
        else:
            together.singly(form.run, data)
        form.uses += 1
        if form.reads.fresh:
            form.settle()

    def renew(self, fully: bool = True) -> None:
        """Look at everything before the next batch; if not fully, where something changed that nobody was told of."""
        if fully or (self.form is not None and self.form.reads.changed(unseen=True)):
            self.seen = -1

    def _look(self) -> None:
        stamp = _stamp()
        if self.form is None or not self.form.holds():
            self._change()
        self.seen = stamp

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
        model._build_optimizer(name)
        step = model._chosen_step(name)
        step = _beginning_anew(model, step) if alone else step
        self.run, self.block = step, None
        if compiled and not model.run_eagerly:
            read = partial(reading, self.reads)
            self.run = model._compiled_step(step, name == "train_step", read)
            self.block = None if alone else model._make_block(name, step, read, self.run is step)
        self.compiled = self.run is not step
        self.version = -1
        self.reads.settle()
        self.settle()

    def settle(self) -> None:
        """Take note of the structure, after a trace; the losses that layers noted in it have no values."""
        self.reads.fresh = False
        if self.compiled:
            self.model._clear_losses()
        self.structure = _structure(self.model) if self.compiled else None
        self.version = scopes.structure.version

    def holds(self) -> bool:
        found = self.reads.changed()
        if found is None and self.compiled and self.version != scopes.structure.version:
            now = _structure(self.model)
            if [id(x) for x in now] != [id(x) for x in self.structure or ()]:
                found = "what is trained"
            else:
                self.version = scopes.structure.version
        if found is not None:
            self.reason = found
        return found is None


def _beginning_anew(model: Any, step: Callable[..., Any]) -> Callable[..., Any]:
    """The step with the metrics of its batch alone."""

    def alone(data: Any) -> Any:
        model.reset_metrics()
        return step(data)

    return alone


def _structure(model: Any) -> list[Any]:
    """The layers of a model and its weights, with what else of them a step depends on; compared by identity."""
    out = list(model._flatten_layers())
    for v in model.weights:
        out += (v, v._trainable, v._regularizer, v._constraint)
    return out
