"""A callback made of functions."""

from collections.abc import Callable
from typing import Any

from kerasfront.callbacks.callback import HOOKS, Callback
from kerasfront.errors import unknown

_NAMES = (*HOOKS, "on_batch_begin", "on_batch_end")


class LambdaCallback(Callback):
    """Calls functions at the events of training, evaluation and prediction.

    Args:
        on_epoch_begin: Called with `epoch, logs`.
        on_epoch_end: Called with `epoch, logs`.
        on_train_begin: Called with `logs`.
        on_train_end: Called with `logs`.
        on_train_batch_begin: Called with `batch, logs`.
        on_train_batch_end: Called with `batch, logs`.
        **kwargs: Any other hook of `Callback` by its name.

    Raises:
        ValueError: A name is no hook.
        TypeError: What is given for a hook can't be called.

    Example:
        >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
        >>> callback.on_epoch_end(3, {"loss": 0.5})
        3 0.5
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in functions.items():
            if name not in _NAMES:
                raise unknown("hook", name, _NAMES)
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"LambdaCallback: `{name}` must be callable; {function!r} came.")
            setattr(self, name, function)
