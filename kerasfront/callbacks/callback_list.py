"""The list that the training loop talks to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from kerasfront.callbacks.callback import Callback, CallbackSet, CallbacksLike, LateLogs, flatten_callbacks
from kerasfront.callbacks.history import History
from kerasfront.callbacks.progbar_logger import ProgbarLogger
from kerasfront.callbacks.state import CallbackState

K = TypeVar("K")


class CallbackListState(CallbackState):
    """The state of a `CallbackList`."""

    listeners: CallbackSet


class CallbackList(Callback):
    """Calls a list of callbacks as if it were one, at the cost of those that listen.

    Which hooks each callback overrides is found when it is added. `logs` may be a callable without arguments;
    it is called only if a callback listens to that hook.

    Args:
        callbacks: A callback, or a list of them, which may be nested.
        add_history: Adds a `History` unless there is one, and sets it as the model's `history`.
        add_progbar: Adds a `ProgbarLogger` unless there is one.
        model: Handed to each callback.
        **params: Handed to each callback: `verbose`, `epochs`, `steps`.

    Attributes:
        wants_train_batches, wants_test_batches, wants_predict_batches: Whether a callback must be called at
            each batch. Otherwise the loop may run several batches and then call `on_train_batch_end` once,
            with the index of the last.
        draws_train_batches, draws_test_batches, draws_predict_batches: Whether a progress bar wants to hear
            of batches at all; if neither holds, the batch hooks needn't be called.

    Example:
        >>> callbacks = CallbackList(add_history=True, epochs=2)
        >>> callbacks.wants_train_batches
        False
        >>> callbacks.on_epoch_end(0, lambda: {"loss": 1.5})
        >>> callbacks.callbacks[0].history
        {'loss': [1.5]}
    """

    _kf: CallbackListState
    _kf_state = CallbackListState

    callbacks: list[Callback]
    wants_train_batches: bool
    draws_train_batches: bool
    wants_test_batches: bool
    draws_test_batches: bool
    wants_predict_batches: bool
    draws_predict_batches: bool

    def __init__(
        self,
        callbacks: CallbacksLike = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: object = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks = flatten_callbacks(callbacks)
        if add_history and _first(self.callbacks, History) is None:
            self.callbacks.append(History())
        if add_progbar and _first(self.callbacks, ProgbarLogger) is None:
            self.callbacks.append(ProgbarLogger())
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)
        _find_listeners(self)

    def append(self, callback: Callback) -> None:
        """Add a callback at the end."""
        self.callbacks.append(callback)
        _find_listeners(self)

    def set_params(self, params: dict[str, Any]) -> None:
        """Hand the parameters to each callback."""
        self.params: dict[str, Any] = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Hand the model to each callback; the model's `history` becomes that of the list."""
        super().set_model(model)
        if (history := _first(self.callbacks, History)) is not None:
            model.history = history
        for callback in self.callbacks:
            callback.set_model(model)

    def on_batch_begin(self, batch: int, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_train_batch_begin", logs, batch)

    def on_batch_end(self, batch: int, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_train_batch_end", logs, batch)

    def on_epoch_begin(self, epoch: int, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_epoch_begin", logs, epoch)

    def on_epoch_end(self, epoch: int, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_epoch_end", logs, epoch)

    def on_train_begin(self, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_train_begin", logs)

    def on_train_end(self, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_train_end", logs)

    def on_train_batch_begin(self, batch: int, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_train_batch_begin", logs, batch)

    def on_train_batch_end(self, batch: int, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_train_batch_end", logs, batch)

    def on_test_begin(self, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_test_begin", logs)

    def on_test_end(self, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_test_end", logs)

    def on_test_batch_begin(self, batch: int, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_test_batch_begin", logs, batch)

    def on_test_batch_end(self, batch: int, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_test_batch_end", logs, batch)

    def on_predict_begin(self, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_predict_begin", logs)

    def on_predict_end(self, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_predict_end", logs)

    def on_predict_batch_begin(self, batch: int, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_predict_batch_begin", logs, batch)

    def on_predict_batch_end(self, batch: int, logs: LateLogs = None) -> None:
        self._kf.listeners.notify("on_predict_batch_end", logs, batch)


def _first(callbacks: Iterable[object], kind: type[K]) -> K | None:
    return next((callback for callback in callbacks if isinstance(callback, kind)), None)


def _find_listeners(callbacks: CallbackList) -> None:
    """Find out which callback listens to which hook."""
    listeners = callbacks._kf.listeners = CallbackSet(callbacks.callbacks)
    watches, draws = listeners.watches_batches, listeners.draws_batches
    callbacks.wants_train_batches, callbacks.draws_train_batches = watches("train"), draws("train")
    callbacks.wants_test_batches, callbacks.draws_test_batches = watches("test"), draws("test")
    callbacks.wants_predict_batches, callbacks.draws_predict_batches = watches("predict"), draws("predict")
