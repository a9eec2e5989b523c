"""How a step of a model is compiled: over which Variables, and whether its layers allow it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from kerasfront.contract import Runtime, running
from kerasfront.layers.base.gathering import gather, layers_of_tree
from kerasfront.training.state import training_metrics
from kerasfront.variable import Variable

if TYPE_CHECKING:
    from kerasfront.layers.base.layer import Layer
    from kerasfront.training.trainer import Trainer

active: Runtime = running()


def compiled_step(
    model: Trainer, step: Callable[..., Any], donate: bool, reading: Callable[[], AbstractContextManager[Any]]
) -> Callable[..., Any]:
    """Compile a step, as compile() and the backend say."""
    return active.adapter.compile_step(
        step, partial(all_variables, model), jit=jit_setting(model), donate=donate, reading=reading
    )


def all_variables(model: Trainer) -> list[Variable]:
    """All Variables that a step reads or writes."""
    optimizer = model.optimizer.variables if model.compiled and model.optimizer is not None else []
    # Also those of metrics that a `metrics` of the user's own leaves out.
    held = gather(model, lambda layer: layer._kf.metrics)
    metrics = {id(m): m for m in (*model.metrics, *training_metrics(model), *held)}
    everything = [*model.variables, *optimizer, *(v for m in metrics.values() for v in m.variables)]
    return list({id(v): v for v in everything}.values())


def jit_setting(model: Trainer) -> bool | str:
    """Return what compile() was told of `jit_compile`; False where a layer can't be compiled."""
    setting: bool | str = model.jit_compile
    return setting if uncompilable_layer(model) is None else False


def uncompilable_layer(model: Trainer) -> Layer | None:
    """Return the first layer of a model that can't be compiled; None: all can."""
    return next((layer for layer in layers_of_tree(model) if not layer.supports_jit), None)
