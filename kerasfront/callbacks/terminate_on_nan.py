"""Stopping when the loss is no number."""

import math

from kerasfront import console
from kerasfront.callbacks.callback import Callback, Logs


class TerminateOnNaN(Callback):
    """Stops training at the batch at which the loss becomes NaN or infinite.

    It looks at the loss after each batch, so each batch waits for the device.

    Args:
        raise_error: Raises rather than ends the training quietly.

    Raises:
        RuntimeError: With `raise_error`, when it happens.

    Example:
        >>> stop = TerminateOnNaN(raise_error=True)
        >>> stop.on_train_batch_end(0, {"loss": 1.0})
        >>> stop.on_train_batch_end(1, {"loss": float("nan")})
        Traceback (most recent call last):
            ...
        RuntimeError: Batch 1: the loss is nan; training is terminated.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(float(loss)):
            return
        message = f"Batch {batch}: the loss is {float(loss)}; training is terminated."
        if self.raise_error:
            raise RuntimeError(message)
        console.announce(message)
        self.model.stop_training = True
