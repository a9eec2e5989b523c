"""Weights as safetensors: each variable by the path that it has in `.weights.h5` files, without "vars"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from kerasfront import files
from kerasfront.errors import SavingError
from kerasfront.saving import paths, weights
from kerasfront.saving.h5 import Entry, Store
from kerasfront.saving.limits import Limits
from kerasfront.spec import dtypes

_NAMES = {
    "BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64", "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    **{f"I{n}": f"int{n}" for n in (8, 16, 32, 64)}, **{f"U{n}": f"uint{n}" for n in (8, 16, 32, 64)},
}  # fmt: skip


def save(model: Any, path: Path) -> None:
    """Write the weights of a model: layers only, no optimizer. `path` appears whole or not at all."""
    arrays = {}
    for name, _, values in weights.arrays_of(model):
        # `ascontiguousarray` makes a scalar an array of one.
        contiguous = {k: np.ascontiguousarray(v).reshape(v.shape) for k, v in values.items()}
        arrays.update({paths.joined(name, key): value for key, value in contiguous.items()})
    with files.replacing(path) as temporary:
        save_file(arrays, temporary, metadata={"format": "np"})


def load(model: Any, path: Path, strict: bool, limits: Limits) -> weights.LoadReport:
    """Load the weights of a model from a file that `save` wrote."""
    what = f"'{path}'"
    try:
        with safe_open(path, framework="numpy") as file:
            return weights.load(model, _Reader(file, what, limits), what, strict, optimizer=False)
    except SafetensorError as error:
        raise SavingError(f"{what} is no safetensors file, or a damaged one: {error}.") from error


class _Reader:
    """A safetensors file with the paths of an HDF5 file. The library itself checks sizes against the file."""

    def __init__(self, file: Any, what: str, limits: Limits) -> None:
        self.file, self.what = file, what
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

    def names(self, group: str) -> list[str]:
        return sorted(self._members.get(group, ()), key=lambda n: (not n.isdigit(), int(n) if n.isdigit() else 0, n))

    def store(self, group: str) -> Store:
        return Store(self, group)

    def read(self, path: str) -> np.ndarray[Any, Any]:
        return self.file.get_tensor(self._key_of[path])
