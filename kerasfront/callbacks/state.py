"""What callbacks keep for themselves, and what they may ask of a model."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, Protocol

import numpy as np


class TrainedModel(Protocol):
    """A model as callbacks see it.

    What is named here, callbacks of this package use. A user's model may have any other attribute.
    """

    stop_training: bool
    history: Any
    optimizer: Any

    @property
    def layers(self) -> Sequence[Any]: ...
    @property
    def metrics(self) -> Sequence[Any]: ...
    @property
    def trainable_variables(self) -> Sequence[Any]: ...
    def get_weights(self) -> list[np.ndarray[Any, Any]]: ...
    def set_weights(self, weights: list[np.ndarray[Any, Any]]) -> None: ...
    def save_weights(self, filepath: str | PathLike[str], overwrite: bool = True) -> None: ...
    def load_weights(self, filepath: str | PathLike[str]) -> None: ...
    def save(self, filepath: str | PathLike[str], overwrite: bool = True) -> None: ...
    def to_json(self) -> str: ...
    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any) -> None: ...


class CallbackState:
    """The state of a callback, in its one private attribute `_kf`."""

    model: Any = None
