"""What the layers share: configs read off the constructor, and checks of its arguments."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from kerasfront import activations, constraints, initializers, regularizers, scopes, serialization
from kerasfront.arguments import as_float, as_int, as_ints
from kerasfront.errors import suggest
from kerasfront.layers.input_spec import check_inputs
from kerasfront.layers.layer import Layer
from kerasfront.ops.convolution import FORMATS, layout

F = TypeVar("F", bound=Callable[..., Any])

# The namespaces whose objects an argument holds, by the end of its name.
_NAMED: dict[str, Any] = {
    "activation": activations,
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}
# What Layer.get_config says, and arguments that are no state of the layer.
_ELSEWHERE = frozenset({"self", "name", "dtype", "trainable", "autocast", "args", "kwargs", "weights"})


class Configured(Layer):
    """A layer that keeps each argument of its constructor in an attribute of the same name: its config is these."""

    # Arguments that the config leaves out where they are None, as Keras's does.
    _left_out: frozenset[str] = frozenset()

    def _keep(self, **arguments: Any) -> None:
        """Keep arguments of the constructor; initializers and the like are found by name."""
        for name, value in arguments.items():
            named = _NAMED.get(name.rpartition("_")[2])
            setattr(self, name, value if named is None else named.get(value))

    def _weight(self, name: str, shape: Any, of: str | None = None, **options: Any) -> Any:
        """A weight with the initializer, regularizer and constraint that were kept for `of` (None: for `name`)."""
        of = of or name
        return self.add_weight(
            shape, getattr(self, f"{of}_initializer"), name=name,
            regularizer=getattr(self, f"{of}_regularizer", None), constraint=getattr(self, f"{of}_constraint", None),
            **options,
        )  # fmt: skip

    def _check_rank(self, inputs: Any) -> None:
        """For layers whose call would take inputs of another rank without complaint."""
        if self._input_spec.ndim not in (None, len(inputs.shape)):
            check_inputs(self._input_spec, inputs, self)

    def get_config(self) -> dict[str, Any]:
        own = {name: self._plain(name, getattr(self, name, None)) for name in _arguments(type(self))}  # type: ignore[arg-type]
        config = {**super().get_config(), **own}
        return {k: v for k, v in config.items() if v is not None or k not in self._left_out}

    def _plain(self, name: str, value: Any) -> Any:
        named = _NAMED.get(name.rpartition("_")[2])
        if value is None and name != "activation":
            return None
        if named is None and not callable(value):
            return value
        serialize = serialization.serialize_keras_object if named is None else named.serialize
        return serialization.serialize_argument(self.name, name, value, serialize)


@functools.cache
def _arguments(cls: type) -> tuple[str, ...]:
    """The arguments of the nearest constructor of ours: a user's subclass adds its own in its get_config."""
    ours = next(c for c in cls.__mro__ if "__init__" in c.__dict__ and c.__module__.startswith(f"{__package__}."))
    return tuple(name for name in inspect.signature(ours).parameters if name not in _ELSEWHERE)


def give_paths(layers: Iterable[Any]) -> None:
    """The paths of layers that have none yet, as nothing was to be built, below the scopes that are open."""
    for layer in layers:
        if layer.__dict__["_path"] is None:
            layer.__dict__["_path"] = scopes.path_of(layer.name)


def with_defaults(function: F, **defaults: Any) -> F:
    """A copy of a function with other defaults: a layer's constructor for another rank."""
    function = inspect.unwrap(function)
    assert isinstance(function, types.FunctionType)
    parameters = [p for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    found = [defaults.get(p.name, p.default) for p in parameters]
    values = tuple(value for value in found if value is not inspect.Parameter.empty)
    copy = types.FunctionType(function.__code__, function.__globals__, function.__name__, values, function.__closure__)
    copy.__annotations__, copy.__doc__ = dict(function.__annotations__), function.__doc__
    return copy  # type: ignore[return-value]


def read(variable: Any) -> Any:
    """The tensor of a variable, or None for None: ops take it faster than the variable."""
    return None if variable is None else variable.value


def where(layer: Layer) -> str:
    """The layer in an error: its class and name."""
    return f"the {type(layer).__name__} layer '{layer.name}'"


def positive(layer: Layer, name: str, value: Any) -> int:
    """`value`, a positive integer; raises ValueError."""
    return as_int(value, name, where(layer), least=1)


def per_axis(layer: Layer, name: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """An integer, or one for each of `rank` spatial dims, as a tuple; raises ValueError."""
    return as_ints(value, name, where(layer), rank=rank, least=least)


def strides_or_dilation(layer: Layer, strides: Sequence[int], dilation_rate: Sequence[int]) -> None:
    """Raise ValueError where both are more than 1, as in Keras."""
    if max(strides) > 1 and max(dilation_rate) > 1:
        raise ValueError(
            f"Expected `strides` or `dilation_rate` of {where(layer)} to be 1, got {tuple(strides)} and "
            f"{tuple(dilation_rate)}."
        )


def one_of(layer: Layer, name: str, value: Any, options: Sequence[str]) -> str:
    """`value` in lower case, one of the options; raises ValueError that suggests the nearest."""
    found = value.lower() if isinstance(value, str) else value
    if found not in options:
        known = ", ".join(map(repr, options))
        raise ValueError(
            f"Expected `{name}` of {where(layer)} to be one of {known}, got {value!r}.{suggest(found, options)}"
        )
    return str(found)


def data_format_of(layer: Layer, data_format: Any) -> str:
    """The data format, or the configured one for None; raises ValueError."""
    return layout(None) if data_format is None else one_of(layer, "data_format", data_format, FORMATS)


def fraction(layer: Layer, name: str, value: Any) -> float:
    """`value`, a number from 0 to 1; raises ValueError."""
    return as_float(value, name, where(layer), least=0, most=1)
