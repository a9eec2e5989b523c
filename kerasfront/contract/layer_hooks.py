"""Layers: the framework's base class of layers, and what it must know of their parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasfront.contract.store import Plain


class LayerHooks:
    """The part of an adapter that makes layers at home in the framework: on torch each layer is an `nn.Module`."""

    # The base class of Layer.
    layer_base: type = Plain
    # What turns models of the framework into layers, by what they are made of; see `kerasfront.layers.bridges`.
    bridges: Mapping[str, Any] = {}
    # The classes of the framework's own layers. One that is set as an attribute of a layer is wrapped as a layer.
    foreign_layers: tuple[type, ...] = ()
    # Attributes in which the framework's base class keeps what `track` tells it: a layer can't use them for its own.
    reserved_attributes: frozenset[str] = frozenset()

    def track(self, layer: Any, name: str, value: Any) -> None:
        """Take note that a layer now holds a Variable or a layer in its attribute `name`."""

    def untrack(self, layer: Any, value: Any) -> None:
        """Forget what `track` noted of a Variable or layer that `layer` no longer holds."""
