"""The hand-written programs of a backend, found by its name."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any


def programs(backend: str) -> Any:
    """Return the module with the backend's `Program`, `wait` and `peak_device_mb`; None where there is none."""
    name = f"kerasfront_bench.native_{backend}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def carry_over(weights: dict[str, Any], model: Any) -> None:
    """Assign the weights of a `Program` to a model of the front.

    Raises:
        ValueError: The weights are not those of the model's layers.
    """
    layers = {layer.name: layer for layer in model.layers if layer.trainable_variables}
    if set(layers) != set(weights):
        raise ValueError(f"The program has weights for {sorted(weights)}, the model for {sorted(layers)}.")
    for name, layer in layers.items():
        for variable, value in zip(layer.trainable_variables, weights[name], strict=True):
            variable.assign(value)
