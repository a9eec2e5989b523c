"""All variables of a model as nested dicts, by their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerasfront.errors import unknown
from kerasfront.variable import Variable

if TYPE_CHECKING:
    from kerasfront.models.model import Model


def state_tree(model: Model, value_format: str) -> dict[str, Any]:
    """Return the values of all variables, by group and path."""
    return {k: _tree_of(v, value_format) for k, v in _groups(model).items()}


def assign_state_tree(model: Model, state_tree: dict[str, Any]) -> None:
    """Assign such values."""
    groups = _groups(model)
    for key, nested in state_tree.items():
        if key not in groups:
            raise unknown("group of variables", key, list(groups))
        by_path = {v.path: v for v in groups[key]}
        for path, value in _leaves(nested):
            by_path[path].assign(value)


def _groups(model: Model) -> dict[str, list[Variable]]:
    optimizer = model.optimizer.variables if model.compiled and model.optimizer is not None else []
    return {
        "trainable_variables": model.trainable_variables,
        "non_trainable_variables": model.non_trainable_variables,
        "optimizer_variables": optimizer,
        "metrics_variables": model.metrics_variables,
    }


def _tree_of(variables: list[Any], value_format: str) -> dict[str, Any]:
    if value_format not in ("backend_tensor", "numpy_array"):
        raise ValueError(f"Expected `value_format` to be 'backend_tensor' or 'numpy_array', got {value_format!r}.")
    out: dict[str, Any] = {}
    for variable in variables:
        *parents, last = variable.path.split("/")
        inner = out
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = variable.value if value_format == "backend_tensor" else variable.numpy()
    return out


def _leaves(nested: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    out = []
    for key, value in nested.items():
        path = f"{prefix}{key}"
        out += _leaves(value, f"{path}/") if isinstance(value, dict) else [(path, value)]
    return out
