"""How a layer is built without a call of the user's: what is inside it, by shapes; and all of it, from a file."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kerasfront.layers.base.gathering import layers_inside
from kerasfront.layers.base.signatures import Shapes, as_call, as_shapes, parameters_of
from kerasfront.layers.base.symbolic import build_by_call

if TYPE_CHECKING:
    from kerasfront.layers.base.layer import Layer


def build_inside(layer: Layer, shapes: Shapes) -> None:
    """Build what holds state inside a layer, by a symbolic call on inputs of these shapes."""
    known_shapes = {k: s for k, s in shapes.items() if s is not None}
    layer._kf.build_shapes = known_shapes or None
    has_state = type(layer)._kf_has_call and any(not inner.built for inner in layers_inside(layer))
    if not layer.built and known_shapes and has_state:
        build_by_call(layer, known_shapes)


def build_config(layer: Layer) -> dict[str, Any] | None:
    """Return the shapes that a layer was built with, as a config."""
    shapes = layer._kf.build_shapes
    if not shapes:
        return None
    cls = type(layer)
    names = [p.name for p in parameters_of(cls.build)] if cls._kf_own_build else [f"{cls._kf_call.first}_shape"]
    if len(shapes) == 1 and shapes.keys() <= {*names[:1], "input_shape"}:
        return {"input_shape": next(iter(shapes.values()))}
    return {"shapes_dict": dict(shapes)}


def build_from_config(layer: Layer, config: dict[str, Any]) -> None:
    """Build a layer again from such a config."""
    shapes = config.get("shapes_dict")
    shapes = {k: as_shapes(s) for k, s in shapes.items()} if shapes else None
    if "input_shape" in config:
        shapes = {"input_shape": as_shapes(config["input_shape"])}
    if shapes is None:
        return
    if not type(layer)._kf_own_build:
        with suppress(Exception):  # its call needs more than tensors; the first call builds it then
            build_inside(layer, shapes)
    elif "input_shape" in config:
        layer.build(shapes["input_shape"])
    else:
        args, kwargs = as_call(type(layer).build, shapes)
        layer.build(*args, **kwargs)
