"""Weights as safetensors: each variable by the path that it has in `.weights.h5` files, without "vars"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from kerasfront import files
from kerasfront.errors import SavingError
from kerasfront.layers.base.layer import Layer
from kerasfront.saving import loading, paths
from kerasfront.saving.limits import Limits
from kerasfront.saving.loading import LoadReport
from kerasfront.saving.readers import Array, Entry, in_order
from kerasfront.saving.weights import arrays_of
from kerasfront.spec import dtypes

_NAMES = {
    "BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64", "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    **{f"I{n}": f"int{n}" for n in (8, 16, 32, 64)}, **{f"U{n}": f"uint{n}" for n in (8, 16, 32, 64)},
}  # fmt: skip


def save(model: Layer, path: Path) -> None:
    """Write the weights of a model: layers only, no optimizer. `path` appears whole or not at all."""
    arrays = {}
    for name, _, values in arrays_of(model):
        # `ascontiguousarray` makes a scalar an array of one.
        contiguous = {k: np.ascontiguousarray(v).reshape(v.shape) for k, v in values.items()}
        arrays.update({paths.joined(name, key): value for key, value in contiguous.items()})
    with files.replacing(path) as temporary:
        save_file(arrays, temporary, metadata={"format": "np"})


def load(model: Layer, path: Path, strict: bool, limits: Limits) -> LoadReport:
    """Load the weights of a model from a file that `save` wrote."""
    what = f"'{path}'"
    try:
        with safe_open(path, framework="numpy") as file:
            return loading.load(model, _Reader(file, what, limits), what, strict, optimizer=False)
    except SafetensorError as error:
        raise SavingError(f"{what} is no safetensors file, or a damaged one: {error}.") from error


class _Reader:
    """A safetensors file with the paths of an HDF5 file. The library itself checks sizes against the file."""

    def __init__(self, file: Any, what: str, limits: Limits) -> None:
        self._file = file
        self.entries: dict[str, Entry] = {}
        self._key_of: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}
        keys = list(file.keys())
        if len(keys) > limits.members:
            raise SavingError(f"{what} holds more than {limits.members:,} tensors.")
        for key in keys:
            owner, _, name = key.rpartition("/")
            group, part = paths.joined(owner, "vars"), file.get_slice(key)
            if part.get_dtype() not in _NAMES:
                raise SavingError(f"{what}: '{key}' is of the type {part.get_dtype()}, which no weight has.")
            dtype = dtypes.to_numpy(_NAMES[part.get_dtype()])
            path = f"{group}/{name}"
            self.entries[path] = Entry(path, tuple(part.get_shape()), dtype)
            self._key_of[path] = key
            self._members.setdefault(group, []).append(name)

    @property
    def nbytes(self) -> int:
        return sum(entry.nbytes for entry in self.entries.values())

    def names(self, group: str) -> list[str]:
        return in_order(self._members.get(group, ()))

    def has(self, group: str) -> bool:
        return group in self._members

    def read(self, path: str) -> Array:
        values: Array = self._file.get_tensor(self._key_of[path])
        return values
