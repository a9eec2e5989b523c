"""A SavedModel's functions and variables: what TFSMLayer asks of TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf


class SavedModel:
    """The endpoints of a SavedModel that a layer calls. Reading one runs the code in it."""

    def __init__(self, path: str, endpoint: str, training_endpoint: str | None) -> None:
        self.loaded = tf.saved_model.load(path)
        self.function = self._endpoint("call_endpoint", endpoint)
        self.in_training = (
            self.function if training_endpoint is None else self._endpoint("call_training_endpoint", training_endpoint)
        )

    def _endpoint(self, argument: str, name: str) -> Any:
        endpoint = getattr(self.loaded, name, None)
        if callable(endpoint):
            return endpoint
        signatures = getattr(self.loaded, "signatures", {})
        if name in signatures:
            return signatures[name]
        own = {n for n, value in vars(self.loaded).items() if callable(value) and not n.startswith("_")}
        choices = ", ".join(map(repr, sorted({*own, *signatures}))) or "none"
        raise ValueError(f"The SavedModel has no endpoint {name!r} (`{argument}`); it has {choices}.")

    def state(self) -> Iterator[tuple[str, Any, bool]]:
        """Return the name of each variable that the endpoints use, its storage, and whether it is trained."""
        variables: dict[int, Any] = {}
        for function in (self.function, self.in_training):
            for concrete in getattr(function, "concrete_functions", [function]):
                for variable in concrete.variables:
                    variables.setdefault(id(variable.handle), variable)
        for variable in variables.values():
            yield variable.name.partition(":")[0].replace("/", "_"), variable, bool(variable.trainable)

    def call(self, training: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the result of the endpoint: of its own for training, where there is one."""
        return (self.in_training if training else self.function)(*args, **kwargs)
