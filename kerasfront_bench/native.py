"""The hand-written programs of a backend, found by its name."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any


def programs(backend: str) -> Any:
    """The module with the backend's `Program`, `wait` and `peak_device_mb`; None where nobody wrote one."""
    name = f"kerasfront_bench.native_{backend}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def carry_over(weights: dict[str, Any], model: Any) -> None:
    """Gives a model of the front the weights that a `Program` has.

    Raises:
        ValueError: The weights are not those of the model's layers.
    """
    layers = {layer.name: layer for layer in model.layers if layer.trainable_variables}
    if set(layers) != set(weights):
        raise ValueError(f"The program has weights for {sorted(weights)}, the model for {sorted(layers)}.")
    for name, layer in layers.items():
        for variable, value in zip(layer.trainable_variables, weights[name], strict=True):
            variable.assign(value)
