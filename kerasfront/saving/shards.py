"""Weights in several HDF5 files, and the list of them: a `.weights.json` file, as Keras writes it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py

from kerasfront import files
from kerasfront.errors import MissingFileError, SavingError
from kerasfront.layers.base.layer import Layer
from kerasfront.saving import h5, loading, paths
from kerasfront.saving.archive import parse_json
from kerasfront.saving.limits import Limits
from kerasfront.saving.loading import LoadReport
from kerasfront.saving.readers import Array, Entry, in_order
from kerasfront.saving.weights import arrays_of

_LIST, _SHARD = ".weights.json", ".weights.h5"

# ---- writing -------------------------------------------------------------------------------------------------------


def save(model: Layer, target: Path, max_shard_size: float) -> None:
    """Write the weights as HDF5 files of at most `max_shard_size` GB each, and the list of them as `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = _write(model, target, max_shard_size)
    try:
        for name, temporary in written.items():  # the list of shards comes last: it makes them one file
            files.sync(temporary)
            os.replace(temporary, target.with_name(name))
        files.sync(target.parent)
    finally:
        for temporary in written.values():
            files.remove(temporary)


def _write(model: Layer, target: Path, max_shard_size: float) -> dict[str, Path]:
    """Write the shards under temporary names; return these by their final names, the list of shards last."""
    writer = _Writer(target, max_shard_size * 1000**3)
    try:
        for name, owner, arrays in arrays_of(model, optimizer=True):
            writer.add(paths.joined(name, "vars"), str(getattr(owner, "name", "")), arrays)
        return writer.finish()
    except BaseException:
        writer.discard()
        raise


class _Writer:
    """Writes shards; a new one is begun when the next array would make one too large.

    Args:
        target: The path of the list.
        most: The most bytes of a shard.
    """

    def __init__(self, target: Path, most: float) -> None:
        self._target, self._most = target, most
        self._files: dict[str, Path] = {}
        self._weight_map: dict[str, list[str]] = {}
        self._total = self._filled = 0
        self._file: h5py.File | None = None
        self._name = ""

    def add(self, path: str, label: str, arrays: Mapping[str, Array]) -> None:
        """Write the arrays of one object; an object without any has a group all the same."""
        if not arrays:
            self._group(path, label, 0)
        for name, array in arrays.items():
            if array.nbytes > self._most:
                raise SavingError(
                    f"The variable '{path}/{name}' has {array.nbytes:,} bytes, more than `max_shard_size`."
                )
            h5.write(self._group(path, label, array.nbytes), name, array)
            self._filled += array.nbytes
            self._total += array.nbytes
            shards = self._weight_map.setdefault(f"/{path}", [])
            if self._name not in shards:
                shards.append(self._name)

    def _group(self, path: str, label: str, nbytes: int) -> h5py.Group:
        """Return the group of an object in a shard that has room for so many bytes."""
        if self._file is None or (self._filled and self._filled + nbytes > self._most):
            self._begin()
        assert self._file is not None
        group = self._file.require_group(path)
        group.attrs["name"] = label
        return group

    def _begin(self) -> None:
        if self._file is not None:
            self._file.close()
        self._name = f"{self._target.name.removesuffix(_LIST)}_{len(self._files):05d}{_SHARD}"
        self._files[self._name] = self._target.with_name(f".tmp-{self._name}")
        self._file, self._filled = h5py.File(self._files[self._name], "w"), 0

    def finish(self) -> dict[str, Path]:
        """Write the list, and return the temporary paths of all files by their final names."""
        if self._file is not None:
            self._file.close()
        path = self._target.with_name(f".tmp-{self._target.name}")
        content = {"metadata": {"total_size": self._total}, "weight_map": self._weight_map}
        path.write_text(json.dumps(content, indent=4))
        self._files[self._target.name] = path
        return self._files

    def discard(self) -> None:
        """Remove what was written."""
        if self._file is not None:
            self._file.close()
        for path in self._files.values():
            path.unlink(missing_ok=True)


# ---- reading -------------------------------------------------------------------------------------------------------


class ShardedReader:
    """Several HDF5 files as one.

    Args:
        readers: The open shards, by their names.
        weight_map: The paths that the list says the shards hold.
        what: The list, for errors.
    """

    def __init__(self, readers: Mapping[str, h5.Reader], weight_map: Mapping[str, Any], what: str) -> None:
        self.nbytes: int = sum(reader.nbytes for reader in readers.values())
        self.entries: dict[str, Entry] = {}
        self._members: dict[str, list[str]] = {}
        self._reader_of: dict[str, h5.Reader] = {}
        for reader in readers.values():
            for path, entry in reader.entries.items():
                if path in self.entries:
                    raise SavingError(f"{what}: several shards hold '{path}'.")
                self.entries[path], self._reader_of[path] = entry, reader
            for path, names in reader.groups.items():
                members = self._members.setdefault(path, [])
                members += [name for name in names if name not in members]
        missing = [path for path in weight_map if path.strip("/") not in self._members]
        if missing:
            raise SavingError(f"{what} names {missing[0]!r}, which no shard holds.")

    def names(self, group: str) -> list[str]:
        """Return the names of the arrays directly in a group, numbers in their order."""
        return in_order(n for n in self._members.get(group, ()) if f"{group}/{n}" in self.entries)

    def has(self, group: str) -> bool:
        """Return whether there is a group of this path."""
        return group in self._members

    def read(self, path: str) -> Array:
        """Return the values of an array."""
        return self._reader_of[path].read(path)


def load(model: Layer, target: Path, strict: bool, limits: Limits) -> LoadReport:
    """Load the weights of shards into a model."""
    what = f"'{target}'"
    with _open(target, what, limits) as reader:
        return loading.load_keras3_layout(model, reader, what, strict)


@contextmanager
def _open(target: Path, what: str, limits: Limits) -> Iterator[ShardedReader]:
    with open(target, "rb") as file:
        content = parse_json(file.read(limits.config_bytes + 1), what, limits)
    weight_map = content.get("weight_map")
    if not isinstance(weight_map, dict):
        raise SavingError(f"{what} has no `weight_map`.")
    names = _shard_names(weight_map, what)
    with ExitStack() as stack:
        readers = {n: stack.enter_context(h5.Reader(_beside(target, n), f"'{n}'", limits)) for n in names}
        yield ShardedReader(readers, weight_map, what)


def _shard_names(weight_map: Mapping[str, Any], what: str) -> list[str]:
    """Return the names of the shards: of files beside the list, and nothing else."""
    names: dict[str, None] = {}
    for path, shards in weight_map.items():
        for name in [shards] if isinstance(shards, str) else shards if isinstance(shards, list) else [None]:
            if not isinstance(name, str) or Path(name).name != name or not name.endswith(_SHARD) or "\\" in name:
                raise SavingError(f"{what} says that '{path}' lies in {name!r}, which is no name of a shard beside it.")
            names[name] = None
    return list(names)


def _beside(target: Path, name: str) -> Path:
    shard = target.with_name(name)
    if not shard.is_file():
        raise MissingFileError(f"The shard '{shard}' is missing.")
    return shard
