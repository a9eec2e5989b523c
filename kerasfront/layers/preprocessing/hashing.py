"""Layers that turn strings and integers into class numbers by a hash, without a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from kerasfront.errors import DTypeError, ShapeError
from kerasfront.layers._configured import positive, where
from kerasfront.layers._options import BareOptions, LayerOptions
from kerasfront.layers.preprocessing._encoding import MODES, encoded, encoded_shape, output_mode_of
from kerasfront.layers.preprocessing._fingerprints import crossed, fingerprints, keyed_hashes
from kerasfront.layers.preprocessing._host import (
    Array,
    HostLayer,
    as_arrays,
    as_bytes,
    call_on_host,
    hash_key,
    is_string,
)
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.tracking import assign_untracked
from kerasfront.typing import Config, DTypePolicyLike, Shape, Tensor


class _HashLayer(HostLayer):
    """What the two layers share: bins, output modes, and int64 as the dtype of "int"."""

    def __init__(
        self, num_bins: int, output_mode: str, sparse: bool, modes: Sequence[str], **kwargs: Unpack[LayerOptions]
    ) -> None:
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else None
        super().__init__(**kwargs)
        self.num_bins: int = positive(self, "num_bins", num_bins)
        self.output_mode: str = output_mode_of(self, output_mode, modes)
        if sparse and output_mode == "int":
            raise ValueError(f"{where(self)} has no sparse output in the mode 'int'.")
        if self.output_mode == "int" and not dtypes.is_int(self.compute_dtype):
            raise DTypeError(f"{where(self)} gives integers in the mode 'int', got dtype='{self.compute_dtype}'.")
        self.sparse = sparse

    @property
    def output_dtype(self) -> str:
        """The dtype of the output: an integer one in the mode "int"."""
        return dtypes.held(self.compute_dtype) if self.output_mode == "int" else self.compute_dtype

    def _kf_bins(self, *arrays: Array) -> Array:
        """Return the bin of each value."""
        raise NotImplementedError


def _encoded(layer: _HashLayer, inputs: Sequence[Tensor], shape: Shape) -> Tensor:
    """Return the bins of inputs in a layer's output mode."""
    bins = call_on_host(layer, layer._kf_bins, inputs, shape, dtypes.held("int64"))
    return encoded(bins, layer.output_mode, layer.num_bins, layer.output_dtype, sparse=layer.sparse)


def _output_spec(layer: _HashLayer, shape: Shape) -> KerasTensor:
    shape = encoded_shape(shape, layer.output_mode, layer.num_bins)
    return KerasTensor(shape, layer.output_dtype, sparse=layer.sparse)


class Hashing(_HashLayer):
    """Strings or integers as numbers of bins: the hash of each, modulo the number of bins.

    The hashes are those of Keras and TensorFlow, bit for bit: FarmHash's Fingerprint64 of the string, or of the
    integer in decimal digits; with a salt SipHash-2-4, which nobody predicts who doesn't know the salt. It is
    computed on the host, with NumPy, on every backend.

    Args:
        num_bins: The number of bins, that of `mask_value` included.
        mask_value: A value that gets bin 0, which no other gets then.
        salt: An integer, or two, as the key of SipHash.
        output_mode: "int" (int64), "one_hot", "multi_hot" or "count", as for `CategoryEncoding`.
        sparse: Whether the output is sparse, where the backend has sparse tensors; not with "int".

    >>> import kerasfront as keras
    >>> layer = keras.layers.Hashing(num_bins=3)
    >>> keras.ops.convert_to_numpy(layer([["A"], ["B"], ["C"], ["D"], ["E"]])).ravel().tolist()
    [1, 0, 1, 1, 2]
    """

    salt: list[int] | None

    def __init__(
        self,
        num_bins: int,
        mask_value: str | bytes | int | None = None,
        salt: int | Sequence[int] | None = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(num_bins, output_mode, sparse, MODES, **kwargs)
        self.mask_value = mask_value
        assign_untracked(self, "salt", hash_key(self, salt))
        if mask_value is not None and num_bins < 2:
            raise ValueError(f"{where(self)} needs a second bin beside that of `mask_value`, got num_bins={num_bins}.")

    def call(self, inputs: Tensor) -> Tensor:
        return _encoded(self, [inputs], inputs.shape)

    def _kf_bins(self, *arrays: Array) -> Array:
        (x,) = arrays
        strings = as_digits(x)
        hashes = fingerprints(strings) if self.salt is None else keyed_hashes(strings, self.salt)
        if self.mask_value is None:
            return (hashes % np.uint64(self.num_bins)).astype("int64").reshape(x.shape)
        bins = (hashes % np.uint64(self.num_bins - 1)).astype("int64").reshape(x.shape) + 1
        masked = as_digits(np.asarray(self.mask_value))[0]
        return np.where(np.asarray([s == masked for s in strings], bool).reshape(x.shape), 0, bins)

    def compute_output_shape(self, input_shape: Shape) -> Shape:  # type: ignore[override]
        return encoded_shape(input_shape, self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        self.supports_jit = self.supports_jit and not is_string(inputs)
        return _output_spec(self, inputs.shape)


def as_digits(x: Array) -> list[bytes]:
    """Strings as bytes, numbers as the bytes of their decimal digits; floats are cut to integers."""
    if x.dtype.kind in "OUS":
        return as_bytes(x)
    return [b"%d" % v for v in x.astype("int64").ravel().tolist()]


class HashedCrossing(_HashLayer):
    """Several features as one: the hash of their values together, modulo the number of bins.

    The hashes are those of Keras and TensorFlow, bit for bit (`tf.sparse.cross_hashed`).

    Args:
        num_bins: The number of bins.
        output_mode: "int" (int64) or "one_hot".
        sparse: Whether the output is sparse, where the backend has sparse tensors; not with "int".
        name: A name.
        dtype: The dtype of the output.

    >>> import kerasfront as keras
    >>> layer = keras.layers.HashedCrossing(num_bins=5)
    >>> bins = layer((["A", "B", "A", "B", "A"], [101, 101, 101, 102, 102]))
    >>> keras.ops.convert_to_numpy(bins).tolist()
    [1, 4, 1, 1, 3]
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
        **kwargs: Unpack[BareOptions],
    ) -> None:
        super().__init__(num_bins, output_mode, sparse, MODES[:2], name=name, dtype=dtype, **kwargs)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the bins.

        Args:
            inputs: At least two tensors of strings or integers, of one shape: (), (batch,) or (batch, 1).
        """
        _check_inputs(self, inputs)
        return _encoded(self, list(inputs), inputs[0].shape)

    def _kf_as_tensors(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return several inputs for a list of lists, which is one array for other layers."""
        if args and isinstance(args[0], (list, tuple)):
            args = (tuple(map(as_arrays, args[0])), *args[1:])
        return super()._kf_as_tensors(args, kwargs)

    def _kf_bins(self, *arrays: Array) -> Array:
        features = [
            fingerprints(as_bytes(x)) if x.dtype.kind in "OUS" else x.ravel().astype("int64").view("uint64")
            for x in arrays
        ]
        return (crossed(features) % np.uint64(self.num_bins)).astype("int64").reshape(arrays[0].shape)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:  # type: ignore[override]
        return encoded_shape(input_shape[0], self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        _check_inputs(self, inputs)
        self.supports_jit = self.supports_jit and not any(map(is_string, inputs))
        return _output_spec(self, inputs[0].shape)

    def get_config(self) -> Config:
        names = ("num_bins", "output_mode", "sparse", "name", "dtype")
        return {name: getattr(self, name) for name in names}


def _check_inputs(layer: HashedCrossing, inputs: Any) -> None:
    """Raise an error for inputs that can't be crossed."""
    if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
        raise ShapeError(f"{where(layer)} crosses at least two inputs, got {type(inputs).__name__}: {inputs!r:.60}.")
    shapes = [tuple(x.shape) for x in inputs]
    first = shapes[0]
    if len(first) > 2 or (len(first) == 2 and first[1] != 1) or any(shape != first for shape in shapes):
        raise ShapeError(
            f"Expected the inputs of {where(layer)} to have one shape, (), (batch,) or (batch, 1), got "
            f"{', '.join(map(str, shapes))}."
        )
    names = [dtypes.standardize(x.dtype) for x in inputs]
    if not all(n == "string" or dtypes.is_int(n) for n in names):
        raise DTypeError(f"{where(layer)} crosses strings and integers, got {', '.join(names)}.")
