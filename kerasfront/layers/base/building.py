"""How a layer comes to be built: by `build(input_shape)`, or by its first call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from kerasfront import scopes
from kerasfront.layers.base.signatures import Shapes, arguments_for, as_call, bound
from kerasfront.scopes import context
from kerasfront.spec import mode

if TYPE_CHECKING:
    from kerasfront.layers.base.layer import Layer


class Unbuilt(BaseException):
    """A layer came to be built while a small size stands for what is unknown: its shapes aren't those to build for."""

    def __init__(self, layer: Layer, shapes: dict[str, Any]) -> None:
        super().__init__(layer, shapes)
        self.layer: Layer = layer
        self.shapes: dict[str, Any] = shapes
        self.names: list[str] = list(context.names)


def scope_of(layer: Layer) -> AbstractContextManager[Any]:
    """Return the layer's name scope, opened unless it is the innermost already."""
    is_open = bool(context.names) and context.names[-1] == layer.name
    return nullcontext() if is_open else scopes.name_scope(layer.name)


def find_policy(layer: Layer, path: str) -> None:
    """Take the dtype policy of the layer's path from the map that it was given."""
    state = layer._kf
    assert state.policy_map is not None
    state.policy = state.policy_map[path]


def check_super_called(layer: Layer) -> None:
    """Raise RuntimeError where a subclass's constructor did not call that of Layer."""
    if not layer._kf.initialized:
        raise RuntimeError(
            f"{type(layer).__name__}.__init__ did not call super().__init__(): call it before anything else."
        )


def wrapped(build: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method `build` so that it runs in the layer's name scope; afterwards the layer is built."""

    @functools.wraps(build)
    def method(self: Layer, *args: Any, **kwargs: Any) -> None:
        state = self._kf
        if state.is_building:  # called by the build of a subclass, whose arguments are the layer's
            return build(self, *args, **kwargs)
        state.build_shapes = bound(type(self).build, args, kwargs) or None
        state.path = scopes.path_of(self.name)
        if state.policy_map is not None:
            find_policy(self, state.path)
        state.is_building = True
        try:
            with scope_of(self):
                build(self, *args, **kwargs)
        finally:
            state.is_building = False
        self.built = True
        return None

    method._kf_wrapped = True  # type: ignore[attr-defined]
    return method


def build_for_call(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Build a layer for the arguments of its first call."""
    check_super_called(layer)
    shapes = type(layer)._kf_call.shapes(args, kwargs)
    if mode.small:
        raise Unbuilt(layer, shapes)
    build_for(layer, shapes)


def build_for(layer: Layer, shapes: Shapes) -> None:
    """Build for the shapes of a call's tensors, by the parameters of `call`."""
    before, mode.inferring = mode.inferring, 0
    outer, context.autocast = context.autocast, None
    try:
        if type(layer)._kf_own_build:
            args, kwargs = as_call(type(layer).build, arguments_for(type(layer).build, shapes))
            layer.build(*args, **kwargs)
        else:
            layer._kf.build_shapes = shapes or None
            layer.built = True
    finally:
        mode.inferring, context.autocast = before, outer
