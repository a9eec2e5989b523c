"""Training without side effects: the values of all Variables go in, and those after the step come out. For JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kerasfront.typing import NestedTensors, Tensor, TensorLike
from kerasfront.variable import StatelessScope

if TYPE_CHECKING:
    from kerasfront.training.trainer import Trainer


def run_stateless_step(model: Trainer, step: Callable[..., Any], data: NestedTensors) -> object:
    """Run a step of the form `step(state, data) -> (logs, state)` on the model's Variables."""
    groups = [model.trainable_variables, model.non_trainable_variables]
    if step.__name__ == "train_step":
        groups.append(model.optimizer.variables)
    if step.__name__ != "predict_step":
        groups.append(model.metrics_variables)
    state = tuple([v.value for v in group] for group in groups)
    out, state = step(state, data)
    for group, values in zip(groups, state, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)
    return out


def compute_loss(
    model: Trainer,
    trainable_variables: Sequence[TensorLike],
    non_trainable_variables: Sequence[TensorLike],
    metrics_variables: Sequence[TensorLike],
    x: NestedTensors | None,
    y: NestedTensors | None,
    y_pred: NestedTensors | None,
    sample_weight: NestedTensors | None,
    training: bool,
) -> tuple[Tensor, tuple[list[Any], ...]]:
    """Return `(loss, (trainable, non-trainable, metrics))`, with the values of the Variables after it."""
    groups = (model.trainable_variables, model.non_trainable_variables, model.metrics_variables)
    given = (trainable_variables, non_trainable_variables, metrics_variables)
    pairs = [(v, x) for group, values in zip(groups, given, strict=True) for v, x in zip(group, values, strict=True)]
    with StatelessScope(state_mapping=pairs) as scope:
        loss = model.compute_loss(x, y, y_pred, sample_weight, training)
    return loss, tuple([scope.get_current_value(v) for v in group] for group in groups)


def compute_loss_and_updates(
    model: Trainer,
    trainable_variables: Sequence[TensorLike],
    non_trainable_variables: Sequence[TensorLike],
    metrics_variables: Sequence[TensorLike],
    x: NestedTensors | None,
    y: NestedTensors | None,
    sample_weight: NestedTensors | None,
    training: bool,
    optimizer_variables: Sequence[TensorLike] | None,
) -> tuple[Tensor, tuple[Any, ...]]:
    """Return `(scaled loss, (loss, y_pred, non-trainable, metrics))`."""
    y_pred, others, losses = model.stateless_call(
        trainable_variables, non_trainable_variables, x, return_losses=True, training=training
    )
    loss, (_, _, metrics_variables) = model.stateless_compute_loss(
        trainable_variables, others, metrics_variables, x, y, y_pred, sample_weight, training
    )
    for extra in losses:
        loss = loss + extra
    return _scaled(model, loss, optimizer_variables), (loss, y_pred, others, metrics_variables)


def _scaled(model: Trainer, loss: Any, optimizer_variables: Any) -> Any:
    """Return the loss as gradients are to be taken of it, with the optimizer's Variables of these values."""
    if not model.compiled or model.optimizer is None:
        return loss
    if optimizer_variables is None:
        return model.optimizer.scale_loss(loss)
    pairs = zip(model.optimizer.variables, optimizer_variables, strict=True)
    with StatelessScope(state_mapping=list(pairs)):
        return model.optimizer.scale_loss(loss)
