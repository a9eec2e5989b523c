"""What a step of training, evaluation and prediction does with one batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasfront import ops, scopes, tree
from kerasfront.contract import Runtime, running
from kerasfront.data.batches import unpack_x_y_sample_weight
from kerasfront.metrics.metric import Metric, host_values
from kerasfront.ops.gradients import value_and_grad
from kerasfront.training.state import has_own, training_metrics
from kerasfront.typing import NestedTensors, Tensor

if TYPE_CHECKING:
    from kerasfront.training.trainer import Trainer

active: Runtime = running()


# ---- the default steps --------------------------------------------------------------------------------------------


def train_step(model: Trainer, data: NestedTensors) -> dict[str, Any]:
    """Update the weights by a batch, and return the metrics so far."""
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    loss, y_pred = update_weights(model, x, y, sample_weight)
    with active.adapter.no_gradient():
        _track_loss(model, loss, x)
        return model.compute_metrics(x, y, y_pred, sample_weight)


def quiet_train_step(model: Trainer, data: NestedTensors) -> None:
    """Update the weights by a batch; the metrics are read later."""
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    loss, y_pred = update_weights(model, x, y, sample_weight)
    with active.adapter.no_gradient():
        update_metrics(model, loss, x, y, y_pred, sample_weight)


def test_step(model: Trainer, data: NestedTensors) -> dict[str, Any]:
    """Evaluate a batch, and return the metrics so far."""
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    return model.compute_metrics(x, y, _evaluated(model, x, y, sample_weight), sample_weight)


def quiet_test_step(model: Trainer, data: NestedTensors) -> None:
    """Evaluate a batch; the metrics are read later."""
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    y_pred = _evaluated(model, x, y, sample_weight)
    assert model._kf.compile_metrics is not None
    model._kf.compile_metrics.update_state(y, y_pred, sample_weight)


def predict_step(model: Trainer, data: NestedTensors) -> NestedTensors:
    """Return the predictions for a batch."""
    x, _, _ = unpack_x_y_sample_weight(data)
    return call_model(model, x, training=False)


# The forms of steps whose metrics are read later.
QUIET: dict[str, Callable[[Any, Any], None]] = {"train_step": quiet_train_step, "test_step": quiet_test_step}


# ---- their parts --------------------------------------------------------------------------------------------------


def call_model(model: Trainer, x: NestedTensors | None, training: bool) -> NestedTensors:
    """Call the model on the inputs of a batch."""
    # Also where `call` takes no such argument: the layers inside are told.
    return model(x, training=training)


def update_weights(
    model: Trainer, x: NestedTensors | None, y: NestedTensors | None, sample_weight: NestedTensors | None
) -> tuple[Any, Any]:
    """Update the weights once; return the loss and the predictions that the update was made from."""
    optimizer = model.optimizer

    def objective() -> tuple[Any, Any]:
        y_pred = call_model(model, x, training=True)
        loss = _loss_of(model, x, y, y_pred, sample_weight, training=True)
        return optimizer.scale_loss(loss), (loss, y_pred)

    if not model.built:  # by this batch, as the step runs call by call
        with active.adapter.no_gradient():
            call_model(model, x, training=False)
    version, variables = scopes.structure.version, model.trainable_variables
    (_, (loss, y_pred)), gradients = value_and_grad(objective, variables, has_aux=True)()
    if version != scopes.structure.version and len(variables) != len(model.trainable_variables):
        variables = model.trainable_variables  # a layer that took another's place was built by this call
        (_, (loss, y_pred)), gradients = value_and_grad(objective, variables, has_aux=True)()
    with active.adapter.no_gradient():
        optimizer.apply(gradients, variables)
    return loss, y_pred


def _evaluated(model: Trainer, x: Any, y: Any, sample_weight: Any) -> Any:
    """Return the predictions of a batch, whose loss is added to the mean."""
    y_pred = call_model(model, x, training=False)
    if model._kf.compile_loss is not None or model.losses or has_own(model, "compute_loss"):
        _track_loss(model, _loss_of(model, x, y, y_pred, sample_weight, training=False), x)
    return y_pred


def _loss_of(model: Trainer, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
    if not has_own(model, "compute_loss"):
        return model.compute_loss(x, y, y_pred, sample_weight, training)
    parameters = inspect.signature(model.compute_loss).parameters
    extra = {"training": training} if "training" in parameters else {}
    return model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **extra)


def update_metrics(
    model: Trainer,
    loss: Tensor,
    x: NestedTensors | None,
    y: NestedTensors | None,
    y_pred: NestedTensors | None,
    sample_weight: NestedTensors | None,
) -> None:
    """Add a batch to the mean loss and to the metrics, which are read later."""
    _track_loss(model, loss, x)
    assert model._kf.compile_metrics is not None
    model._kf.compile_metrics.update_state(y, y_pred, sample_weight)


def _track_loss(model: Trainer, loss: Any, x: Any) -> None:
    """Add the loss of a batch to the mean loss, weighted by the batch's number of rows."""
    first = x if not isinstance(x, (list, tuple, dict)) else next(v for v in tree.flatten(x) if v is not None)
    rows = len(first) if isinstance(first, np.ndarray) else ops.shape(first)[0]  # strings are arrays
    tracker = model._kf.loss_tracker
    assert tracker is not None
    tracker.add(ops.cast(loss, tracker.dtype), rows if isinstance(rows, int) else ops.cast(rows, tracker.dtype))


# ---- results ------------------------------------------------------------------------------------------------------


def results(model: Trainer, read: Callable[[Metric], Any]) -> dict[str, Any]:
    """Return what `read` gives for each metric, by its name in the results; the loss comes first."""
    state = model._kf
    out: dict[str, Any] = {}
    if state.loss_tracker is not None and state.compile_metrics is not None:
        if state.compile_loss is not None or state.loss_tracker.count is not None:
            out["loss"] = read(state.loss_tracker)
        for tracker in state.compile_loss.trackers if state.compile_loss is not None else ():
            out[tracker.name] = read(tracker)
        out.update(state.compile_metrics.results(read))
    of_compile = {id(m) for m in training_metrics(model)}
    for metric in model.metrics:
        if id(metric) not in of_compile:
            value = read(metric)
            out.update(value if isinstance(value, dict) else {metric.name: value})
    return out


def host_logs(model: Trainer) -> dict[str, Any]:
    """Return the metrics so far as Python numbers, for the logs."""
    if has_own(model, "get_metrics_result"):
        logs: dict[str, Any] = host_values(model.get_metrics_result())
        return logs
    return results(model, lambda metric: metric.host_result())
