"""Metrics as functions of the values of their variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kerasfront.typing import Tensor, TensorLike
from kerasfront.variable import StatelessScope, Variable

T = TypeVar("T")


def on_values(
    owner: str, variables: Sequence[Variable], values: Sequence[TensorLike] | None, function: Callable[[], T]
) -> tuple[T, list[Tensor]]:
    """Call a function while variables hold given values; they hold their own again afterwards.

    Args:
        owner: The name of the metric, for errors.
        variables: The variables.
        values: Their values while `function` runs; None means those that they have.
        function: What is called.

    Returns:
        What `function` returned, and the values of the variables after it.

    Raises:
        ValueError: There are not as many values as variables.
    """
    values = [v.value for v in variables] if values is None else values
    if len(values) != len(variables):
        raise ValueError(
            f"The metric '{owner}' has {len(variables)} variables ({', '.join(v.path for v in variables)}); "
            f"{len(values)} values came."
        )
    with StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
        result = function()
        return result, [v.value for v in variables]


def read(result: Any) -> Any:
    """Return a result with tensors in place of Variables, which would change when the scope ends."""
    if isinstance(result, Variable):
        return result.value
    if isinstance(result, dict):
        return {key: read(value) for key, value in result.items()}
    return result
