"""The base class of callbacks, and the list that calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeVar

from kerasfront import tree
from kerasfront.arguments import Constructed
from kerasfront.callbacks.state import CallbackState, TrainedModel
from kerasfront.state import StateAlias, Stateful, set_unreserved

Logs = dict[str, Any]
# What the training loop hands over: the values, or a callable that reads them from the device.
LateLogs = Logs | Callable[[], Logs] | None

_Hook = TypeVar("_Hook", bound=Callable[..., None])

MODES = ("train", "test", "predict")
HOOKS = (
    "on_epoch_begin",
    "on_epoch_end",
    *(f"on_{mode}_{moment}" for mode in MODES for moment in ("begin", "end", "batch_begin", "batch_end")),
)
_ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


def takes_late_logs(hook: _Hook) -> _Hook:
    """Mark a hook that can do with `logs` as a callable, because it seldom looks at them.

    A batch hook so marked doesn't need to see every batch either: where no other callback does, the loop may
    call it once for several batches, with the index of the last.
    """
    hook._takes_late_logs = True  # type: ignore[attr-defined]
    return hook


class Callback(Stateful, Constructed):
    """What is called at the events of training, evaluation and prediction; subclasses override the hooks.

    `logs` is a dict of Python numbers, the metrics so far; what a callback adds to it in `on_epoch_end`,
    those after it see, History and the progress bar included. A batch hook that is overridden has its price:
    the metrics are then read from the device at each batch, and batches are dispatched one by one.

    Attributes:
        params: dict with `verbose`, `epochs` and `steps`.
        model: The model that is being trained.

    Example:
        >>> class Announce(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(epoch, logs["loss"])
        >>> Announce().on_epoch_end(0, {"loss": 0.5})
        0 0.5
    """

    # On the class, for subclasses whose __init__ doesn't call this one.
    params: dict[str, Any] | None = None
    _kf: CallbackState
    _kf_state: ClassVar[type[CallbackState]] = CallbackState

    def __init__(self) -> None:
        self.params = None

    def __setattr__(self, name: str, value: Any) -> None:
        set_unreserved(self, name, value)

    @property
    def model(self) -> TrainedModel:
        """The model that is being trained, evaluated or used for prediction."""
        model: TrainedModel = self._kf.model
        return model

    _model = StateAlias[Any](lambda self: self._kf.model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Take `verbose`, `epochs` and `steps` (None where unknown); it is called before the first hook."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take the model; it is called before the first hook."""
        self._kf.model = model

    def _kf_idle_hooks(self) -> Iterable[Callable[..., None]]:
        """Return overridden hooks (as functions of the class) that do nothing with this object's settings."""
        return ()

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the same event as `on_train_batch_begin`, under its other name."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the same event as `on_train_batch_end`, under its other name."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Handle the start of an epoch of training."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Handle the end of an epoch of training and its validation; validation metrics begin with `val_`."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Handle the start of training."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Handle the end of training, with the logs of the last epoch."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the start of a batch of training."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the end of a batch of training, with the metrics of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Handle the start of an evaluation, also that in `fit`."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Handle the end of an evaluation, with its metrics."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the start of a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the end of a batch of an evaluation, with the metrics so far."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Handle the start of `predict`."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Handle the end of `predict`."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the start of a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the end of a batch of `predict`; `logs["outputs"]` are its outputs."""


# One callback, or a list of them, which may be nested.
CallbacksLike = Callback | Sequence[Any] | None


class CallbackSet:
    """Which callbacks listen to which hook; found once, so that a hook without listeners costs nothing."""

    def __init__(self, callbacks: Iterable[Any]) -> None:
        callbacks = list(callbacks)
        self._listeners = {
            hook: [listener for callback in callbacks if (listener := _listener(callback, hook)) is not None]
            for hook in HOOKS
        }

    def watches_batches(self, mode: str) -> bool:
        """Return whether a callback must see each batch of "train", "test" or "predict"."""
        return any(not is_late for _, is_late in self._batch_listeners(mode))

    def draws_batches(self, mode: str) -> bool:
        """Return whether a callback shows progress now and then, and reads logs seldom."""
        return any(is_late for _, is_late in self._batch_listeners(mode))

    def _batch_listeners(self, mode: str) -> list[tuple[Callable[..., None], bool]]:
        return self._listeners[f"on_{mode}_batch_begin"] + self._listeners[f"on_{mode}_batch_end"]

    def notify(self, hook: str, logs: LateLogs, *position: int) -> None:
        """Call the listeners in order; late logs are read when the first of them needs them."""
        for listener, is_late in self._listeners[hook]:
            if not is_late:
                logs = (logs() if callable(logs) else logs) if logs is not None else {}
            listener(*position, logs)


def _listener(callback: Any, hook: str) -> tuple[Callable[..., None], bool] | None:
    """Return the callback's own method for a hook, and whether it takes late logs; None where it has none."""
    idle = list(callback._kf_idle_hooks()) if isinstance(callback, Callback) else []
    for name in (hook, _ALIASES.get(hook)):
        method = getattr(callback, name, None) if name else None
        function = getattr(method, "__func__", method)
        if method is not None and function is not getattr(Callback, name or "") and function not in idle:
            return method, getattr(function, "_takes_late_logs", False)
    return None


def flatten_callbacks(callbacks: CallbacksLike) -> list[Any]:
    """Return one callback, or a nested structure of them, as a list."""
    return [] if callbacks is None else [one for one in tree.flatten(callbacks) if one is not None]
