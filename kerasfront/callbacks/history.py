"""What `fit` returns: the logs of every epoch."""

from typing import Any

from kerasfront.callbacks.callback import Callback, Logs


class History(Callback):
    """Keeps the logs of each epoch; `fit` adds one and returns it.

    Attributes:
        history: A list of values per name, `val_` names included.
        epoch: The indices of the epochs.

    Example:
        >>> history = History()
        >>> history.on_epoch_end(0, {"loss": 2.0})
        >>> history.epoch, history.history
        ([0], {'loss': [2.0]})
        >>> history
        <History of 1 epoch: loss 2>
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        # The last fit() is the model's, also where one History is used for several models.
        if self.model is not None:
            self.model.history = self

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.history.items() if _is_number(values[-1:]))
        epochs = f"{len(self.epoch)} epoch{'s' * (len(self.epoch) != 1)}"
        return f"<History of {epochs}{': ' if last else ''}{last}>"


def _is_number(values: list[Any]) -> bool:
    return bool(values) and isinstance(values[0], (int, float))
