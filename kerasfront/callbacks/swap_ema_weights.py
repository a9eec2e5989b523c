"""Evaluating with the averaged weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront.callbacks.callback import Callback, Logs
from kerasfront.callbacks.state import CallbackState


class SwapState(CallbackState):
    """The state of a `SwapEMAWeights`."""

    # The model's own weights, while it has the averaged ones.
    own_weights: list[np.ndarray[Any, Any]] | None = None
    # Whether an epoch ended and the next hasn't begun, with `swap_on_epoch`.
    between_epochs: bool = False


class SwapEMAWeights(Callback):
    """Puts the optimizer's moving average of the weights into the model where it is evaluated or saved.

    During validation and prediction in the training, the model has the averaged weights, and then its own
    again; with `swap_on_epoch` also from the end of an epoch to the beginning of the next, so that callbacks
    behind this one (a ModelCheckpoint) see the averaged weights, by which `val_loss` was computed. When training ends,
    the model keeps the averaged weights in the latter case.

    Args:
        swap_on_epoch: Whether to swap at the end of each epoch, too.

    Raises:
        ValueError: The optimizer wasn't made with `use_ema=True`.

    Example:
        >>> SwapEMAWeights(swap_on_epoch=True).swap_on_epoch
        True
    """

    _kf: SwapState
    _kf_state = SwapState

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if _averaging(self) is None:
            raise ValueError("SwapEMAWeights: the model must be compiled with an optimizer that has use_ema=True.")

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._kf.between_epochs = False
        _swap_back(self)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._kf.between_epochs = self.swap_on_epoch
        if self.swap_on_epoch:
            _swap_in(self)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        _swap_in(self)

    def on_test_end(self, logs: Logs | None = None) -> None:
        _swap_back(self)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        _swap_in(self)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        _swap_back(self)


def _averaging(callback: SwapEMAWeights) -> Any:
    """Return the optimizer that averages, which may be inside one that scales the loss; None where there is none."""
    optimizer: Any = getattr(callback.model, "optimizer", None)
    while optimizer is not None and not getattr(optimizer, "use_ema", False):
        optimizer = getattr(optimizer, "inner_optimizer", None)
    return optimizer


def _swap_in(callback: SwapEMAWeights) -> None:
    optimizer = _averaging(callback)
    if callback._kf.own_weights is None and optimizer is not None and optimizer.built:
        callback._kf.own_weights = callback.model.get_weights()
        optimizer.finalize_variable_values(callback.model.trainable_variables)


def _swap_back(callback: SwapEMAWeights) -> None:
    if callback._kf.own_weights is not None and not callback._kf.between_epochs:
        callback.model.set_weights(callback._kf.own_weights)
        callback._kf.own_weights = None
