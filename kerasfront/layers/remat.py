"""Rematerialisation: less memory in training, for some time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kerasfront import tree
from kerasfront.ops import checkpoint
from kerasfront.scopes import context
from kerasfront.spec import nodes_of

if TYPE_CHECKING:
    from kerasfront.layers.base.layer import Layer

_MODES = ("full", "activations", "larger_than", "list_of_layers", None)


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return `f` in a form whose gradient computes the inner values again, instead of having them kept.

    Source: Chen et al., Training deep nets with sublinear memory cost, https://arxiv.org/abs/1604.06174

    Args:
        f: A function of tensors.

    >>> import kerasfront as keras
    >>> f = keras.remat(lambda x: keras.ops.sum(keras.ops.tanh(x) ** 2))
    >>> round(float(f(keras.ops.ones((2,)))), 2)
    1.16
    """
    return checkpoint(f)


class RematScope:
    """Layers made inside are rematerialised when they are trained.

    Args:
        mode: "full": every layer; "activations": activation layers; "larger_than": layers whose output has more
            elements than `output_size_threshold`; "list_of_layers": those named in `layer_names`; None: none.
        output_size_threshold: A number of elements, without the batch dim.
        layer_names: Names of layers.

    Raises:
        ValueError: The mode is unknown.

    >>> import kerasfront as keras
    >>> with keras.RematScope(mode="full"):
    ...     layer = keras.layers.Dense(2)
    >>> layer(keras.ops.ones((1, 3))).shape[1]
    2
    """

    def __init__(
        self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: Sequence[str] | None = None
    ) -> None:
        if mode not in _MODES:
            raise ValueError(f"Expected `mode` to be one of {', '.join(map(str, _MODES))}, got {mode!r}.")
        self.mode = mode
        self.output_size_threshold: int = output_size_threshold
        self.layer_names: tuple[str, ...] = tuple(layer_names or ())

    def applies(self, layer: Layer) -> bool:
        """Whether a layer that was made inside is rematerialised."""
        if self.mode == "larger_than":
            shapes = [x.shape[1:] for node in nodes_of(layer)[:1] for x in tree.flatten(node.outputs)]
            return any(math.prod(d or 1 for d in shape) > self.output_size_threshold for shape in shapes)
        if self.mode == "activations":
            return type(layer).__name__ in ("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax")
        return self.mode == "full" or (self.mode == "list_of_layers" and layer.name in self.layer_names)

    def __enter__(self) -> RematScope:
        context.remat.append(self)
        return self

    def __exit__(self, *exc: Any) -> None:
        context.remat.pop()
