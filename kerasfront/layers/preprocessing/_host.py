"""HostLayer: the base of layers that compute with NumPy, as they take strings or need integers of 64 bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

import numpy as np

from kerasfront import interop
from kerasfront.contract import Runtime, running
from kerasfront.layers._configured import where
from kerasfront.layers._options import LayerOptions
from kerasfront.layers.data_layer import DataLayer, on_host
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.typing import Shape, Tensor

active: Runtime = running()
Array = np.ndarray[Any, Any]
_SCALARS = (str, bytes, bool, int, float, np.generic)


class HostLayer(DataLayer):
    """A layer whose work is a function of NumPy arrays.

    Arrays reach `call` as they came: strings as NumPy arrays (on TensorFlow as tensors too), integers in all their
    bits. In a compiled step, and in `tf.data`, the function becomes a call back to the host. Strings can't enter
    compiled code of all frameworks, so a model that takes them runs its step uncompiled on JAX.
    """

    _kf_needs_no_build = True

    def __init__(self, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)

    def _kf_as_tensors(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return tuple(map(as_arrays, args)), {k: as_arrays(v) for k, v in kwargs.items()}


def call_on_host(
    layer: HostLayer, function: Callable[..., Array], inputs: Sequence[Any], shape: Shape, dtype: str
) -> Tensor:
    """Return the tensor `function(*arrays)`, of which shape and dtype are said for where it has no value yet."""
    if any(is_string(x) for x in inputs):
        layer.supports_jit = False
    if len(inputs) == 1 and type(inputs[0]) in active.adapter.composites:  # sparse or ragged: what it stores
        values: Tensor = active.adapter.map_values(
            lambda x: call_on_host(layer, function, [x], x.shape, dtype), inputs[0]
        )
        return values
    return on_host(lambda *arrays: [function(*arrays)], inputs, [KerasTensor(shape, dtype)])[0]


def hash_key(layer: HostLayer, salt: int | Sequence[int] | None) -> list[int] | None:
    """Return the key of a keyed hash.

    Raises:
        ValueError: It is neither an integer nor two.
    """
    if salt is None:
        return None
    key = [salt, salt] if isinstance(salt, int) else list(salt) if isinstance(salt, (list, tuple)) else []
    if len(key) != 2 or not all(isinstance(k, int) for k in key):
        raise ValueError(f"Expected `salt` of {where(layer)} to be an integer or two, got {salt!r}.")
    return key


def as_arrays(value: Any) -> Any:
    """Return plain values in lists as an array, and a structure of tensors as it is."""
    if interop.becomes_array(value):
        return interop.to_numpy(value)
    first = value
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    if isinstance(first, _SCALARS) or (isinstance(value, list) and not value):
        return np.asarray(value)
    if isinstance(value, dict):
        return {k: as_arrays(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(as_arrays, value))
    return value


def is_string(x: Any) -> bool:
    """Return whether a tensor or an array holds strings."""
    return dtypes.standardize(x.dtype) == "string"


def as_bytes(x: Array, encoding: str = "utf-8") -> list[bytes]:
    """Return the strings of an array in order, as bytes. What is no text in that encoding survives unchanged."""
    flat = x.ravel().tolist()
    if x.dtype == object:
        interop.no_missing_strings(flat)
    return [v if type(v) is bytes else str(v).encode(encoding, "surrogateescape") for v in flat]


def as_text(values: Sequence[bytes], encoding: str = "utf-8") -> list[str]:
    """Return bytes as text: the reverse of `as_bytes`."""
    return [v.decode(encoding, "surrogateescape") for v in values]


def as_objects(values: Sequence[Any], shape: Any) -> Array:
    """Return strings as an array of objects."""
    out = np.empty(len(values), object)
    out[:] = values
    return out.reshape(shape)
