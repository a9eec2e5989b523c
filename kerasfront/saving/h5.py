"""HDF5 files of weights. Nothing in them is trusted: links, shapes and filters are checked before values are read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from kerasfront import memory
from kerasfront.errors import SavingError
from kerasfront.saving.limits import Limits
from kerasfront.saving.readers import Array, Entry, in_order
from kerasfront.spec import dtypes

# What h5py opens: a path, or a file that is open.
Source = str | Path | BinaryIO | io.RawIOBase
_DEEPEST = 64
# Filters that are part of HDF5 itself: others would load plug-ins from disk.
_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32})
# What deflate can gain at best.
_MOST_DEFLATED = 1100


class Reader:
    """The datasets of a file, checked. Opening it reads no values.

    Args:
        source: A path or an open file.
        what: The file, for errors.
        limits: What the file may ask for.

    Raises:
        SavingError: It is no HDF5 file, is cut short, or holds links out of itself, virtual datasets, shapes
            that its size can't hold, or more than the limits allow.
    """

    def __init__(self, source: Source, what: str, limits: Limits) -> None:
        self.what = what
        try:
            self.file: Any = h5py.File(source, "r")
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise SavingError(f"{what} is no HDF5 file, or a damaged one: {error}.") from error
        try:
            self.entries: dict[str, Entry] = {}
            self.groups: dict[str, list[str]] = {}
            self._inspect(limits)
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.file.close()

    def _inspect(self, limits: Limits) -> None:
        seen: set[Any] = set()
        pending: list[tuple[str, Any, int]] = [("", self.file["/"], 0)]
        total = 0
        try:
            while pending:
                path, group, depth = pending.pop()
                self.groups[path] = []
                for name, child in self._children(path, group, seen, limits):
                    inner = f"{path}/{name}" if path else name
                    self.groups[path].append(name)
                    if isinstance(child, h5py.Group):
                        if depth >= _DEEPEST:
                            raise SavingError(f"{self.what} nests groups deeper than {_DEEPEST}, at '{inner}'.")
                        pending.append((inner, child, depth + 1))
                    else:
                        self.entries[inner] = self._entry(inner, child)
                        total += self.entries[inner].nbytes
        except (OSError, RuntimeError, KeyError, UnicodeDecodeError) as error:
            raise SavingError(f"{self.what} is damaged: {error}.") from error
        if total > limits.weight_bytes:
            raise SavingError(f"{self.what} declares {total:,} bytes of weights; {limits.weight_bytes:,} are allowed.")
        self.nbytes = total

    def _children(
        self, path: str, group: h5py.Group, seen: set[Any], limits: Limits
    ) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
        for raw in group.id:
            name = raw.decode("utf-8")
            if group.id.links.get_info(raw).type != h5py.h5l.TYPE_HARD:
                raise SavingError(f"{self.what} holds a link at '{path}/{name}', which loading never follows.")
            if "/" in name or name in ("", ".", ".."):
                raise SavingError(f"{self.what} holds the name {name!r}, which is no name.")
            child = group[name]
            info = h5py.h5o.get_info(child.id)
            key = (info.fileno, info.addr)
            if key in seen:
                raise SavingError(f"{self.what} holds one object under two names, the second being '{path}/{name}'.")
            seen.add(key)
            if len(seen) > limits.members:
                raise SavingError(f"{self.what} holds more than {limits.members:,} groups and datasets.")
            if not isinstance(child, (h5py.Group, h5py.Dataset)):
                raise SavingError(f"{self.what} holds a {type(child).__name__} at '{path}/{name}'.")
            yield name, child

    def _entry(self, path: str, dataset: h5py.Dataset) -> Entry:
        creation = dataset.id.get_create_plist()
        layout = creation.get_layout()
        if layout == h5py.h5d.VIRTUAL or creation.get_external_count():
            raise SavingError(f"{self.what}: '{path}' keeps its values in another file, which is never opened.")
        filters = [creation.get_filter(i)[0] for i in range(creation.get_nfilters())]
        if not _FILTERS.issuperset(filters):
            raise SavingError(f"{self.what}: '{path}' is packed by a filter that isn't part of HDF5.")
        if dataset.shape is None:
            raise SavingError(f"{self.what}: '{path}' has no values.")
        entry = Entry(path, tuple(int(d) for d in dataset.shape), self._dtype(path, dataset))
        stored = dataset.id.get_storage_size() * (_MOST_DEFLATED if filters else 1)
        if entry.nbytes > stored and entry.nbytes:
            raise SavingError(
                f"{self.what}: '{path}' declares the shape {entry.shape}, {entry.nbytes:,} bytes, but the "
                f"file holds {dataset.id.get_storage_size():,} for it."
            )
        return entry

    def _dtype(self, path: str, dataset: h5py.Dataset) -> np.dtype[Any]:
        """Return the dtype of the values. Types that NumPy lacks are stored as raw bytes, named by an attribute."""
        stored: np.dtype[Any] = dataset.dtype
        if stored.kind in "biufc":
            return stored
        if stored.kind == "V" and stored.names is None and stored.subdtype is None and "dtype" in dataset.attrs:
            name = dataset.attrs["dtype"]
            if isinstance(name, str) and name in dtypes.NAMES and dtypes.to_numpy(name).itemsize == stored.itemsize:
                return dtypes.to_numpy(name)
        raise SavingError(f"{self.what}: '{path}' is of the type {stored}, which no weight has.")

    def read(self, path: str) -> Array:
        """Return the values of a dataset, in one copy from the file."""
        entry = self.entries[path]
        raw = self.file[path].dtype
        values = memory.empty(entry.shape, raw)
        try:
            if values.size:
                self.file[path].read_direct(values)
        except (OSError, RuntimeError) as error:
            raise SavingError(f"{self.what} is damaged at '{path}': {error}.") from error
        return values if raw == entry.dtype else values.view(entry.dtype)

    def names(self, group: str) -> list[str]:
        """Return the names of the datasets directly in a group, numbers in their order."""
        return in_order(n for n in self.groups.get(group, ()) if f"{group}/{n}" in self.entries)

    def has(self, group: str) -> bool:
        """Return whether there is a group of this path."""
        return group in self.groups


class WriteStore(dict[str, Any]):
    """What `save_own_variables` writes into: each value goes to the file at once.

    Args:
        group: The group of the object whose variables are saved.
    """

    def __init__(self, group: h5py.Group) -> None:
        super().__init__()
        self._group = group

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str) or "/" in name or name in ("", ".", ".."):
            raise SavingError(f"A variable can't be saved under the name {name!r}.")
        write(self._group, name, np.asarray(value))
        super().__setitem__(name, None)


def write(group: h5py.Group, name: str, value: Array) -> None:
    """Write one array. A dtype that NumPy lacks is written as raw bytes, with an attribute that names it."""
    if value.dtype.kind in "biufc":
        group.create_dataset(name, data=value)
        return
    raw = np.ascontiguousarray(value).view(f"V{value.dtype.itemsize}").reshape(value.shape)
    group.create_dataset(name, data=raw).attrs["dtype"] = dtypes.standardize(value.dtype)
