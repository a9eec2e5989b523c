"""Evaluating with the averaged weights."""

from typing import Any

from kerasfront.callbacks.callback import Callback, Logs


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

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._own_weights: list[Any] | None = None
        self._between_epochs = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self._averaging() is None:
            raise ValueError("SwapEMAWeights: the model must be compiled with an optimizer that has use_ema=True.")

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._between_epochs = False
        self._swap_back()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._between_epochs = self.swap_on_epoch
        if self.swap_on_epoch:
            self._swap_in()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._swap_in()

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._swap_back()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._swap_in()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._swap_back()

    def _averaging(self) -> Any:
        """The optimizer that averages, which may be inside one that scales the loss; None: there is none."""
        optimizer: Any = getattr(self.model, "optimizer", None)
        while optimizer is not None and not getattr(optimizer, "use_ema", False):
            optimizer = getattr(optimizer, "inner_optimizer", None)
        return optimizer

    def _swap_in(self) -> None:
        optimizer = self._averaging()
        if self._own_weights is None and optimizer is not None and optimizer.built:
            self._own_weights = self.model.get_weights()
            optimizer.finalize_variable_values(self.model.trainable_variables)

    def _swap_back(self) -> None:
        if self._own_weights is not None and not self._between_epochs:
            self.model.set_weights(self._own_weights)
            self._own_weights = None
