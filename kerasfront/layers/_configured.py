"""What the layers share: configs read off the constructor, and checks of its arguments."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kerasfront import activations, constraints, initializers, regularizers, scopes, serialization
from kerasfront.arguments import as_float, as_int, as_ints
from kerasfront.errors import ShapeError, suggest
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.input_spec import InputSpec, check_inputs
from kerasfront.ops.convolution import FORMATS, layout
from kerasfront.typing import Shape
from kerasfront.variable import Variable

# By the last word of an argument's name: the namespace in which its value is looked up.
_NAMESPACES: dict[str, Any] = {
    "activation": activations,
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}
# Locals of a constructor that become no attributes, and the argument that the constructor of Layer keeps.
_NO_ATTRIBUTES = frozenset({"self", "kwargs", "__class__", "activity_regularizer"})
# Arguments that Layer.get_config returns, and arguments that are no state of the layer.
_ELSEWHERE = frozenset({"self", "name", "dtype", "trainable", "autocast", "args", "kwargs", "weights"})


class Configured(Layer):
    """A layer that keeps each argument of its constructor in an attribute of the same name: its config is these.

    A subclass that differs from its base in defaults only says so by the class keyword `defaults`: its constructor is
    that of the base, with these in its signature. They mean what the defaults of the base mean, so that what a type
    checker reads there is true of the subclass too: `(1, 1)` for `strides` of two dims, where the base says 1.
    """

    # The arguments that the config leaves out where they are None, as Keras's does.
    _kf_left_out: frozenset[str] = frozenset()

    def __init_subclass__(cls, *, defaults: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        if defaults is not None:
            setattr(cls, "__init__", _with_defaults(cls.__init__, defaults))  # noqa: B010  (a method)
        super().__init_subclass__(**kwargs)

    def get_config(self) -> dict[str, Any]:
        own = {name: _serialized(self, name, getattr(self, name, None)) for name in _arguments(type(self))}  # type: ignore[arg-type]
        config = {**super().get_config(), **own}
        return {k: v for k, v in config.items() if v is not None or k not in self._kf_left_out}


def keep(layer: Layer, /, **arguments: Any) -> None:
    """Keep the arguments of a constructor in attributes of their names; initializers and the like are found by name.

    Args:
        layer: The layer.
        arguments: The arguments. A constructor may give its `**locals()`: what is no argument there is left out.
    """
    for name, value in arguments.items():
        if name not in _NO_ATTRIBUTES:
            namespace = _NAMESPACES.get(name.rpartition("_")[2])
            setattr(layer, name, value if namespace is None else namespace.get(value))


def make_weight(layer: Layer, name: str, shape: Any, of: str | None = None, **options: Any) -> Variable:
    """Make a weight with the initializer, regularizer and constraint that were given for `of` (None: for `name`)."""
    of = of or name
    return layer.add_weight(
        shape, getattr(layer, f"{of}_initializer"), name=name,
        regularizer=getattr(layer, f"{of}_regularizer", None), constraint=getattr(layer, f"{of}_constraint", None),
        **options,
    )  # fmt: skip


def check_rank(layer: Layer, inputs: Any) -> None:
    """Raise a ShapeError for inputs of another rank, in layers whose call would take them without complaint."""
    spec = layer._kf.input_spec
    if isinstance(spec, InputSpec) and spec.ndim not in (None, len(inputs.shape)):
        check_inputs(spec, inputs, layer)


def _serialized(layer: Layer, name: str, value: Any) -> Any:
    namespace = _NAMESPACES.get(name.rpartition("_")[2])
    if value is None and name != "activation":
        return None
    if namespace is None and not callable(value):
        return value
    serialize = serialization.serialize_keras_object if namespace is None else namespace.serialize
    return serialization.serialize_argument(layer.name, name, value, serialize)


@functools.cache
def _arguments(cls: type) -> tuple[str, ...]:
    """Return the arguments of the nearest constructor of ours: a user's subclass adds its own in its get_config."""
    ours = next(c for c in cls.__mro__ if "__init__" in c.__dict__ and c.__module__.startswith(f"{__package__}."))
    return tuple(name for name in inspect.signature(ours).parameters if name not in _ELSEWHERE)


def give_paths(layers: Iterable[Any]) -> None:
    """Give paths, below the scopes that are open, to layers that have none since there was nothing to build in them."""
    for layer in layers:
        if layer._kf.path is None:
            layer._kf.path = scopes.path_of(layer.name)


def _with_defaults(function: Callable[..., None], defaults: Mapping[str, Any]) -> Callable[..., None]:
    """Copy a constructor, with other defaults."""
    function = inspect.unwrap(function)
    assert isinstance(function, types.FunctionType)
    parameters = [p for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    values = [defaults.get(p.name, p.default) for p in parameters]
    copy = types.FunctionType(
        function.__code__, function.__globals__, function.__name__,
        tuple(value for value in values if value is not inspect.Parameter.empty), function.__closure__,
    )  # fmt: skip
    copy.__annotations__, copy.__doc__ = dict(function.__annotations__), function.__doc__
    return copy


def read(variable: Any) -> Any:
    """Return the tensor of a variable, or None for None: ops take it faster than the variable."""
    return None if variable is None else variable.value


def where(layer: Layer) -> str:
    """Return the layer as errors name it: by its class and name."""
    return f"the {type(layer).__name__} layer '{layer.name}'"


def positive(layer: Layer, name: str, value: Any) -> int:
    """Return `value` if it is a positive integer, else raise ValueError."""
    return as_int(value, name, where(layer), least=1)


def per_axis(layer: Layer, name: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """Return a tuple of an integer for each of `rank` spatial dims, from one or several; raise ValueError otherwise."""
    return as_ints(value, name, where(layer), rank=rank, least=least)


def known_size(layer: Layer, input_shape: Shape, axis: int) -> int:
    """Return the size of an axis of the inputs; raise a ShapeError where it isn't known."""
    if not -len(input_shape) <= axis < len(input_shape):
        raise ShapeError(f"Expected the inputs of {where(layer)} to have an axis {axis}, got {tuple(input_shape)}.")
    size = input_shape[axis]
    if size is None:
        raise ShapeError(
            f"Expected the inputs of {where(layer)} to have a known size on axis {axis}, got {tuple(input_shape)}."
        )
    return int(size)


def strides_or_dilation(layer: Layer, strides: Sequence[int], dilation_rate: Sequence[int]) -> None:
    """Raise ValueError where both are more than 1, as in Keras."""
    if max(strides) > 1 and max(dilation_rate) > 1:
        raise ValueError(
            f"Expected `strides` or `dilation_rate` of {where(layer)} to be 1, got {tuple(strides)} and "
            f"{tuple(dilation_rate)}."
        )


def one_of(layer: Layer, name: str, value: Any, options: Sequence[str]) -> str:
    """Return `value` in lower case if it is one of the options, else raise a ValueError that suggests the nearest."""
    choice = value.lower() if isinstance(value, str) else value
    if choice not in options:
        all_options = ", ".join(map(repr, options))
        raise ValueError(
            f"Expected `{name}` of {where(layer)} to be one of {all_options}, got {value!r}.{suggest(choice, options)}"
        )
    return str(choice)


def data_format_of(layer: Layer, data_format: Any) -> str:
    """Return the data format, or the configured one for None; raise ValueError for any other."""
    return layout(None) if data_format is None else one_of(layer, "data_format", data_format, FORMATS)


def fraction(layer: Layer, name: str, value: Any) -> float:
    """Return `value` if it is a number from 0 to 1, else raise ValueError."""
    return as_float(value, name, where(layer), least=0, most=1)
