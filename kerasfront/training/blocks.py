"""Several batches whose losses and metrics are taken in at once, for backends that run a step call by call.

There a tiny model spends as long on sums and counts as on its forward pass; over sixteen batches they cost little
more than over one. Each batch still has its own forward pass and its own update. Only losses and metrics take part
that say of themselves that batches joined are to them as one after the other (`adds_up`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kerasfront import ops, scopes, tree
from kerasfront.contract import Runtime, running
from kerasfront.data.batches import unpack_x_y_sample_weight
from kerasfront.training.steps import call_model, update_metrics, update_weights
from kerasfront.typing import NestedTensors

if TYPE_CHECKING:
    from kerasfront.training.trainer import Trainer

active: Runtime = running()
# Predictions that wait take memory: at most so many numbers.
_WAITING = 1 << 24


def run_singly(plain: Callable[[Any], Any], data: NestedTensors) -> None:
    """Run the batches of a stack, one after the other."""
    run_batches(plain, _batches(data))


def test_block(model: Trainer, plain: Callable[[Any], Any]) -> Callable[[Any], None]:
    """A step of evaluation for a stack of batches; `plain` is that of one."""

    def run(data: Any) -> None:
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        loss_of, metrics = model._kf.compile_loss, model._kf.compile_metrics
        assert loss_of is not None and metrics is not None
        if not (metrics.adds_up and loss_of.adds_up):
            return run_batches(plain, _batches(data))
        inputs = _batches(x)
        outputs = [call_model(model, inputs[0], training=False)]
        # What layers add to the loss belongs to a batch, too.
        if model.losses or not _can_wait(outputs[0], x):
            first, *rest = _batches(data)
            x, y, sample_weight = unpack_x_y_sample_weight(first)
            loss = model.compute_loss(x, y, outputs[0], sample_weight, training=False)
            update_metrics(model, loss, x, y, outputs[0], sample_weight)
            return run_batches(plain, rest)
        outputs += [call_model(model, batch, training=False) for batch in inputs[1:]]
        y, y_pred, sample_weight = _in_one(y), _joined(outputs), _in_one(sample_weight)
        mean = loss_of(y, y_pred, sample_weight)
        assert mean is not None
        update_metrics(model, mean, _in_one(x), y, y_pred, sample_weight)

    return run


def train_block(model: Trainer, plain: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Return a step of training for a stack of batches; `plain` is that of one."""

    def run(data: Any) -> None:
        assert model._kf.compile_metrics is not None
        if not model._kf.compile_metrics.adds_up:
            return run_batches(plain, _batches(data))
        first, *rest = _batches(data)
        x, y, sample_weight = unpack_x_y_sample_weight(first)
        loss, y_pred = update_weights(model, x, y, sample_weight)
        if not _can_wait(y_pred, unpack_x_y_sample_weight(data)[0]):
            with active.adapter.no_gradient():
                update_metrics(model, loss, x, y, y_pred, sample_weight)
            return run_batches(plain, rest)
        pairs = [(loss, y_pred), *(update_weights(model, *unpack_x_y_sample_weight(batch)) for batch in rest)]
        losses, outputs = zip(*pairs, strict=True)
        x, y, sample_weight = unpack_x_y_sample_weight(_in_one(data))
        with active.adapter.no_gradient():
            update_metrics(model, ops.mean(ops.stack(losses)), x, y, _joined(outputs), sample_weight)

    return run


def run_batches(plain: Callable[[Any], Any], batches: Sequence[Any]) -> None:
    for batch in batches:
        plain(batch)


def _batches(data: Any) -> list[Any]:
    """Return the batches of a stack."""
    if active.adapter.is_tensor(data):
        return list(ops.unstack(data))
    leaves = [leaf for leaf in tree.flatten(data) if leaf is not None]
    rows = zip(*(ops.unstack(leaf) if active.adapter.is_tensor(leaf) else list(leaf) for leaf in leaves), strict=True)
    return [_packed(data, iter(row)) for row in rows]


def _packed(data: Any, leaves: Iterator[Any]) -> Any:
    return tree.map_structure(lambda leaf: leaf if leaf is None else next(leaves), data)


def _in_one(data: Any) -> Any:
    """Return a stack of batches as one batch."""
    return tree.map_structure(_flat, data)


def _flat(leaf: Any) -> Any:
    return leaf if leaf is None else leaf.reshape((leaf.shape[0] * leaf.shape[1], *leaf.shape[2:]))


def _joined(outputs: Sequence[Any]) -> Any:
    return tree.map_structure(lambda *parts: ops.concatenate(parts), *outputs)


def _can_wait(y_pred: Any, x: Any) -> bool:
    """Whether predictions are small tensors of the rows of a batch, and without masks, which belong to it."""
    steps, rows = next(leaf for leaf in tree.flatten(x) if leaf is not None).shape[:2]
    leaves = tree.flatten(y_pred)
    if not all(active.adapter.is_tensor(leaf) and len(leaf.shape) > 0 and leaf.shape[0] == rows for leaf in leaves):
        return False
    unmasked = not scopes.masks or all(scopes.get_mask(leaf) is None for leaf in leaves)
    return unmasked and steps * sum(math.prod(leaf.shape) for leaf in leaves) <= _WAITING
