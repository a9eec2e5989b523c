"""What a model needs before its first step: to be built, as are its loss, its metrics and its optimizer."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from kerasfront import interop, settings, tree
from kerasfront.contract import Runtime, running
from kerasfront.data.batches import BatchSource, unpack_x_y_sample_weight
from kerasfront.errors import KerasFrontError
from kerasfront.layers.base.gathering import layers_inside
from kerasfront.spec import KerasTensor
from kerasfront.training.compilation import compiled_step
from kerasfront.training.objectives import CompileLoss
from kerasfront.training.state import has_own

if TYPE_CHECKING:
    from kerasfront.training.trainer import Data, Trainer

active: Runtime = running()


def prepare(model: Trainer, first: tuple[Any, ...], step: str) -> None:
    """Build the model, the metrics and the optimizer by the shapes of a first batch, as far as the step needs them.

    A step of the user's own may call the model in another way, or not at all.

    Args:
        model: The model.
        first: A batch, or the specs of one.
        step: "train_step", "test_step" or "predict_step".
    """
    x, y, _ = unpack_x_y_sample_weight(first)
    y_pred = _expected_outputs(model, x, step)
    state = model._kf
    if y_pred is not None:
        if state.compile_loss is not None and not state.compile_loss.built:
            state.compile_loss.build(y_pred)
        if state.compile_metrics is not None and not state.compile_metrics.built:
            state.compile_metrics.build(tree.map_structure(_symbol, y) if y is not None else None, y_pred)
    if (loss := _default_loss(model, step)) is not None:
        loss.check_kinds(y)
    mark_built(model, step)
    build_optimizer(model, step)


def build_optimizer(model: Trainer, step: str) -> None:
    """Make the state of the optimizer, where it is known what is trained."""
    if step != "train_step" or not model.built or model.optimizer is None:
        return
    own = has_own(model, step)
    if (own or model.run_eagerly) and not _is_built_inside(model):
        return
    if not own and not model.trainable_variables:
        warnings.warn(f"The model '{model.name}' has no variables to train: all are frozen, or none.", stacklevel=4)
    model.optimizer.build(model.trainable_variables)
    for metric in model.metrics:
        metric.variables  # noqa: B018  (a metric makes its state when it is asked)


def mark_built(model: Trainer, step: str) -> None:
    """Mark a model that is only a frame for its own step as built, once all in it is."""
    if not model.built and has_own(model, step) and not type(model)._kf_own_build and _is_built_inside(model):
        model.built = True


def check_targets(model: Trainer, y: Data, step: str, source: BatchSource) -> None:
    """Raise a DataError where targets hold what is no class: arrays at once, batches of a stream as they come."""
    if (loss := _default_loss(model, step)) is not None:
        loss.check_classes(y)
        source.check_targets = loss.check_classes


def _default_loss(model: Trainer, step: str) -> CompileLoss | None:
    """compile()'s loss, where nothing of the user's own stands between it and the targets."""
    own = has_own(model, step) or has_own(model, "compute_loss")
    return None if own else model._kf.compile_loss


def _expected_outputs(model: Trainer, x: Any, step: str) -> Any:
    """Return the model's outputs on symbols, where the step needs them to make what it then updates; else None."""
    own = has_own(model, step)
    ready = model.built or (own and _is_built_inside(model))
    if (ready and not (model.compiled and _needs_outputs(model))) or model.run_eagerly:
        return None  # nothing to make, or the step makes it from the batch itself
    if model.built and (known := type(model)._kf_known_outputs(model)) is not None:
        return known
    if own and hasattr(model.call, "_kf_missing"):
        return None
    try:
        # Of a model that is built, the sizes are those of the batch: with unknown ones it would be called twice.
        return model(tree.map_structure(partial(_symbol, rows=model.built), x))
    except Exception as error:  # what is made of symbolic values by code that was written for others
        if own or (runs_as_it_is(model) and not isinstance(error, KerasFrontError)):
            return None
        raise


def _needs_outputs(model: Trainer) -> bool:
    state = model._kf
    loss = state.compile_loss is not None and not state.compile_loss.built
    return loss or (state.compile_metrics is not None and not state.compile_metrics.built)


def _is_built_inside(model: Trainer) -> bool:
    layers = layers_inside(model)
    return bool(layers) and all(layer.built for layer in layers)


def runs_as_it_is(model: Trainer) -> bool:
    """Whether a step is run call by call, as it was written."""
    return model.run_eagerly or compiled_step(model, _nothing, False, nullcontext) is _nothing


def _nothing() -> None:
    """Stand for a step, to ask the adapter what it makes of one."""


def _symbol(x: Any, rows: bool = False) -> Any:
    """Return a symbolic tensor like x: of an unknown number of rows, or of as many."""
    if x is None or not hasattr(x, "shape") or (isinstance(x, KerasTensor) and not rows):
        return x
    first = x.shape[0] if rows and len(x.shape) else None
    if getattr(x.dtype, "kind", "") in ("O", "U", "S"):
        return KerasTensor((first, *x.shape[1:]) if len(x.shape) else (), "string")
    name = interop.library_of(x).dtype_name(x)
    dtype = name if name in _SYMBOLIC_DTYPES else settings.floatx()
    sparse = active.adapter.composites.get(type(x)) == "sparse" or getattr(x, "sparse", False) is True
    return KerasTensor((first, *x.shape[1:]) if len(x.shape) else (), dtype, sparse)


_SYMBOLIC_DTYPES = frozenset({"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32"})
