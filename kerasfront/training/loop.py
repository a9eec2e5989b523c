"""The loops over batches: fit, evaluate, predict."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasfront import console, settings, tree
from kerasfront.callbacks import CallbackList
from kerasfront.contract import Runtime, running
from kerasfront.data.batches import BatchSource, make_batches, unpack_x_y_sample_weight
from kerasfront.data.prefetch import prefetch
from kerasfront.errors import DataError, NotCompiledError
from kerasfront.metrics.metric import host_values
from kerasfront.optimizers import Optimizer
from kerasfront.spec import dtypes
from kerasfront.training.compilation import jit_setting, uncompilable_layer
from kerasfront.training.functions import StepFunction
from kerasfront.training.preparation import check_targets, mark_built, prepare
from kerasfront.training.state import has_default_step, has_own
from kerasfront.training.steps import host_logs

if TYPE_CHECKING:
    from kerasfront.callbacks import Callback
    from kerasfront.training.trainer import Data, Predictions, Trainer

active: Runtime = running()
# How many predictions may wait on the device before the oldest is copied to the host.
_PENDING = 8
# A step of fewer operations than this gains more from being dispatched with others than the framework loses in a loop
# of its own, where convolutions may run slower: about a millisecond's work of a CPU core, or of an accelerator. It is
# reckoned, not timed: sums in another order differ in their last digits, and results must not depend on the clock.
_SHORT_STEP, _SHORT_STEP_ON_ACCELERATOR = 5e7, 1e10
# Batches for one dispatch are copied together: more bytes than stay in the caches cost more than is gained.
_BLOCK_BYTES = 1 << 22


# ---- what all three share -----------------------------------------------------------------------------------------


def need_compiled(model: Trainer, method: str) -> None:
    """Raise NotCompiledError where compile() was not called."""
    if not model.compiled:
        raise NotCompiledError(f"The model '{model.name}' isn't compiled: call model.compile() before {method}().")


def make_function(model: Trainer, kind: str, force: bool = False) -> Callable[..., Any]:
    """Return the function of a kind ("train", "test", "predict"), made at the first time, or where `force` is true."""
    functions = model._kf.cache.functions
    if kind not in functions or force:
        functions[kind] = StepFunction(model, f"{kind}_step")
    function: Callable[..., Any] = functions[kind]
    return function


def current_function(model: Trainer, kind: str, fully: bool = True) -> Callable[..., Any]:
    """Return the function to run now, after a look at what it has read.

    The look is full, or goes as far as one step of a loop of the user's own can wait.
    """
    make = getattr(model, f"make_{kind}_function")
    function = make() or model._kf.cache.functions[kind]  # one of the user's own may only put it there
    if isinstance(function, StepFunction):
        function.renew(fully)
    return function


def make_callbacks(
    model: Trainer,
    callbacks: Callback | CallbackList | Sequence[Any] | None,
    verbose: int | bool | str,
    source: BatchSource,
    epochs: int = 1,
    history: bool = False,
) -> CallbackList:
    """Return the callbacks of a loop, with a History and a progress bar as far as asked for."""
    if isinstance(callbacks, CallbackList):
        return callbacks
    return CallbackList(
        callbacks, add_history=history, add_progbar=verbose != 0, model=model, verbose=verbose, epochs=epochs,
        steps=source.num_batches,
    )  # fmt: skip


def announce_mode(model: Trainer, verbose: int | bool | str) -> None:
    """Say with `verbose=2`, once after each compile(), what `jit_compile="auto"` picked."""
    cache = model._kf.cache
    automatic = not model.run_eagerly and model.jit_compile == "auto"
    if cache.announced_mode or not automatic or console.resolve_verbose(verbose) != 2:
        return
    cache.announced_mode = True
    layer, mode = uncompilable_layer(model), active.adapter.compile_mode(jit_setting(model))
    reason = "" if layer is None else f": the layer '{layer.name}' can't be compiled"
    console.announce(f"The step runs {mode}{reason}.")


def _dispatches(
    model: Trainer, kind: str, source: BatchSource, epoch: int, has_block: bool, watched: bool
) -> Iterator[tuple[int, Any]]:
    """Return the batches of an epoch, several at a time where that is faster and nobody looks at each."""
    dispatches = _group(model, kind, source, epoch, has_block, watched)
    if not (active.adapter.stages_ahead and source.can_prefetch):
        return dispatches
    return prefetch(dispatches, lambda pair: (pair[0], active.adapter.stage(pair[1])))


def _group(
    model: Trainer, kind: str, source: BatchSource, epoch: int, has_block: bool, watched: bool
) -> Iterator[tuple[int, Any]]:
    size = model.steps_per_execution
    unseen = has_block and not watched  # nobody looks at a batch, and there is a program for several
    if size == 1 and unseen and kind in model._kf.cache.completed and _is_short(model, kind, source):
        size = min(active.adapter.steps_per_dispatch, _BLOCK_BYTES // max(1, _nbytes(source.spec())))
        size = source.block_size(max(1, size))
    limit = settings.max_steps_per_epoch()
    if has_block and size > 1 and limit is None:
        yield from source.epoch_blocks(epoch, size)
        return
    for batch in itertools.islice(source.epoch(epoch), limit):
        yield 1, batch


def _is_short(model: Trainer, kind: str, source: BatchSource) -> bool:
    """Whether a step has so little to compute that its dispatch counts; by the weights and the sizes of a batch."""
    places = max((_places(leaf) for leaf in tree.flatten(source.spec()[0]) if leaf is not None), default=1)
    weights = sum(math.prod(v.shape) for v in model.weights)
    limit = _SHORT_STEP_ON_ACCELERATOR if active.adapter.stages_ahead else _SHORT_STEP
    return (6 if kind == "train" else 2) * weights * places < limit


def _places(spec: Any) -> int:
    """How often a layer's weights are applied in a batch: to each row, and there at each step, pixel or token."""
    shape = spec.shape if spec.dtype in dtypes.ALL and not dtypes.is_float(spec.dtype) else spec.shape[:-1]
    return math.prod(n or 1 for n in shape)


def _nbytes(spec: Any) -> int:
    """Return the bytes of a batch, by its spec."""
    leaves = [leaf for leaf in tree.flatten(spec) if leaf is not None and leaf.dtype in dtypes.ALL]
    return sum(math.prod(n or 1 for n in leaf.shape) * dtypes.to_numpy(leaf.dtype).itemsize for leaf in leaves)


class _Logs:
    """What callbacks are told after a batch, read from the metrics only where one asks for it."""

    def __init__(self, model: Trainer, step: str) -> None:
        self.model, self.quiet = model, has_default_step(model, step)
        self.last: Any = {}

    def __call__(self) -> dict[str, Any]:
        if self.quiet:
            return host_logs(self.model)
        logs: dict[str, Any] = host_values(self.last)
        return logs


# ---- fit ----------------------------------------------------------------------------------------------------------


def fit(
    model: Trainer,
    source: BatchSource,
    validation: BatchSource | None,
    callbacks: CallbackList,
    epochs: range,
    validation_freq: int | Sequence[int],
) -> None:
    """Train for some epochs, with a validation after those that are due."""
    function = current_function(model, "train")
    model.stop_training = False
    callbacks.on_train_begin()
    # BackupAndRestore says here where an interrupted training goes on.
    first, model._kf.initial_epoch = model._kf.initial_epoch or epochs.start, None
    logs: dict[str, Any] = {}
    for epoch in range(first, epochs.stop):
        logs = _run_epoch(model, epoch, source, function, callbacks)
        mark_built(model, "train_step")
        if validation is not None and _is_due(epoch, validation_freq):
            results = evaluate(model, validation, callbacks)
            logs.update({f"val_{k}": v for k, v in results.items()})
        callbacks.on_epoch_end(epoch, logs)
        source.on_epoch_end()
        if model.stop_training or source.exhausted:
            break
    if isinstance(model.optimizer, Optimizer) and epochs.stop > first:
        model.optimizer.finalize_variable_values(model.trainable_weights)
    callbacks.on_train_end(logs)


def validation_source(model: Trainer, data: Data, batch_size: int | None, steps: int | None) -> BatchSource | None:
    """Return the batches of `validation_data`; None where there is none."""
    if data is None:
        return None
    x, y, sample_weight = unpack_x_y_sample_weight(data) if isinstance(data, (tuple, list)) else (data, None, None)
    arrays = y is not None or isinstance(data, (tuple, list))
    return make_batches(
        x, y, sample_weight, batch_size=batch_size if arrays else None, steps=steps, shuffle=False,
        whole=has_own(model, "test_step"),
    )  # fmt: skip


def _run_epoch(
    model: Trainer, epoch: int, source: BatchSource, function: Any, callbacks: CallbackList
) -> dict[str, Any]:
    model.reset_metrics()
    callbacks.on_epoch_begin(epoch)
    logs = _Logs(model, "train_step")
    watched, drawn = callbacks.wants_train_batches, callbacks.draws_train_batches
    if isinstance(function, StepFunction):
        function.renew()
    block: Any = getattr(function, "block", None)
    step = 0
    for steps, batch in _dispatches(model, "train", source, epoch, block is not None, watched):
        if watched:
            callbacks.on_train_batch_begin(step)
        logs.last = (block if steps > 1 else function)(batch)
        step += steps
        if watched or drawn:
            callbacks.on_train_batch_end(step - 1, logs)
        if model.stop_training:
            break
    results = logs() if step else {}
    model._kf.cache.completed.add("train")
    return results


def _is_due(epoch: int, frequency: int | Sequence[int]) -> bool:
    return (epoch + 1) % frequency == 0 if isinstance(frequency, int) else epoch + 1 in frequency


# ---- evaluate -----------------------------------------------------------------------------------------------------


def evaluate(model: Trainer, source: BatchSource, callbacks: CallbackList, y: Data = None) -> dict[str, Any]:
    """Return the loss and the metrics over all batches."""
    prepare(model, source.spec(), "test_step")
    check_targets(model, y, "test_step", source)
    function = current_function(model, "test")
    logs = _Logs(model, "test_step")
    model.stop_evaluating = False
    callbacks.on_test_begin()
    model.reset_metrics()
    watched, drawn = callbacks.wants_test_batches, callbacks.draws_test_batches
    source.reset()
    block: Any = getattr(function, "block", None)
    step = 0
    with active.adapter.no_gradient():
        for steps, batch in _dispatches(model, "test", source, 0, block is not None, watched):
            if watched:
                callbacks.on_test_batch_begin(step)
            logs.last = (block if steps > 1 else function)(batch)
            step += steps
            if watched or drawn:
                callbacks.on_test_batch_end(step - 1, logs)
            if model.stop_evaluating:
                break
    results = logs() if step else {}
    model._kf.cache.completed.add("test")
    callbacks.on_test_end(results)
    return results


# ---- predict ------------------------------------------------------------------------------------------------------


def predict(model: Trainer, source: BatchSource, callbacks: CallbackList) -> Predictions:
    """Return the predictions for all batches, joined, as NumPy arrays."""
    function = current_function(model, "predict")
    model.stop_predicting = False
    callbacks.on_predict_begin()
    waiting: list[Any] = []
    finished: list[Any] = []
    watched, drawn = callbacks.wants_predict_batches, callbacks.draws_predict_batches
    with active.adapter.no_gradient():
        for step, (_, batch) in enumerate(_dispatches(model, "predict", source, 0, False, watched)):
            if watched:
                callbacks.on_predict_batch_begin(step)
            waiting.append(function(batch))
            if len(waiting) > _PENDING:
                finished.append(to_host(waiting.pop(0)))
            if watched or drawn:
                logs = {"outputs": to_host(waiting[-1])} if watched else None
                callbacks.on_predict_batch_end(step, logs)
            if model.stop_predicting:
                break
    callbacks.on_predict_end()
    return _joined([*finished, *(to_host(outputs) for outputs in waiting)])


def to_host(outputs: Any) -> Predictions:
    """Return the tensors of nested outputs as NumPy arrays."""
    adapter = active.adapter
    if adapter.is_tensor(outputs):
        return adapter.to_numpy(outputs)
    return tree.map_structure(lambda x: adapter.to_numpy(x) if adapter.is_tensor(x) else x, outputs)


def _joined(parts: Sequence[Any]) -> Any:
    if not parts:
        raise DataError("There was no batch to predict on.")
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return tree.map_structure(lambda *p: np.concatenate(p), *parts)
