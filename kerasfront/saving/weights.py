"""Weights between a model and files: HDF5, shards of it, safetensors."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kerasfront import files, memory, serialization
from kerasfront.contract import running
from kerasfront.errors import KerasFrontError, MissingFileError, SavingError
from kerasfront.layers.base.layer import Layer
from kerasfront.saving import h5, paths
from kerasfront.saving.archive import parse_json
from kerasfront.saving.limits import Limits
from kerasfront.spec import dtypes
from kerasfront.variable import Variable

active = running()
_SHOWN = 12


# ---- writing ----------------------------------------------------------------------------------------------


def save_h5(model: Any, target: Path) -> None:
    """Write the weights of a model, and of its optimizer, as a `.weights.h5` file."""
    with files.replacing(target) as temporary:
        write_h5(model, temporary)


def write_h5(model: Any, target: Any) -> None:
    """Write the weights of a model, and of its optimizer, in Keras 3's layout, into a path or an open file."""
    with h5py.File(target, "w") as file:
        for name, owner in paths.walk(model):
            group = file.create_group(paths.joined(name, "vars"))
            group.attrs["name"] = str(getattr(owner, "name", ""))
            _write_own(owner, group)


def _write_own(owner: Any, group: Any) -> None:
    variables = _plain_variables(owner)
    if variables is None:
        owner.save_own_variables(h5.WriteStore(group))
        return
    for index, variable in enumerate(variables):
        h5.write(group, str(index), active.adapter.peek(variable._value))


def _plain_variables(owner: Any) -> list[Variable] | None:
    """The variables that go by their numbers; None where a class has its own way of saving and loading."""
    if not isinstance(owner, Layer):
        return None
    own = type(owner).save_own_variables, type(owner).load_own_variables
    return type(owner)._kf_saved_weights(owner) if own == (Layer.save_own_variables, Layer.load_own_variables) else None


def arrays_of(model: Any, optimizer: bool = False) -> Iterator[tuple[str, Any, dict[str, np.ndarray[Any, Any]]]]:
    """The path, the object and the arrays of each object of a model that has weights in a file."""
    for path, owner in paths.walk(model):
        if _is_optimizer(owner) and not optimizer:
            continue
        values: dict[str, Any] = {}
        variables = _plain_variables(owner)
        if variables is None:
            owner.save_own_variables(values)
        else:
            values = {str(i): active.adapter.peek(v._value) for i, v in enumerate(variables)}
        yield path, owner, {k: np.asarray(v) for k, v in values.items()}


def save_shards(model: Any, target: Path, max_shard_size: float) -> None:
    """Write the weights as HDF5 files of at most `max_shard_size` GB each, and the list of them as `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = _write_shards(model, target, max_shard_size)
    try:
        for name, temporary in written.items():  # the list of shards comes last: it makes them one file
            files.sync(temporary)
            os.replace(temporary, target.with_name(name))
        files.sync(target.parent)
    finally:
        for temporary in written.values():
            files.remove(temporary)


def _write_shards(model: Any, target: Path, max_shard_size: float) -> dict[str, Path]:
    """Write the shards under temporary names; return these by their final names, the list of shards last."""
    writer = _Shards(target, max_shard_size * 1000**3)
    try:
        for name, owner, values in arrays_of(model, optimizer=True):
            writer.add(paths.joined(name, "vars"), str(getattr(owner, "name", "")), values)
        return writer.finish()
    except BaseException:
        writer.discard()
        raise


class _Shards:
    """Files that are begun anew when the next group would make one too large."""

    def __init__(self, target: Path, most: float) -> None:
        self.target, self.most = target, most
        self.stem = target.name.removesuffix(".weights.json")
        self.files: dict[str, Path] = {}
        self.index: dict[str, list[str]] = {}
        self.total = self.filled = 0
        self.file: Any = None

    def add(self, path: str, label: str, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
        for name, array in arrays.items() if arrays else [("", np.empty(0))]:
            if array.nbytes > self.most:
                raise SavingError(
                    f"The variable '{path}/{name}' has {array.nbytes:,} bytes, more than `max_shard_size`."
                )
            if self.file is None or (self.filled and self.filled + array.nbytes > self.most):
                self._begin()
            group = self.file.require_group(path)
            group.attrs["name"] = label
            if not name:
                return
            h5.write(group, name, array)
            self.filled += array.nbytes
            self.total += array.nbytes
            held = self.index.setdefault(f"/{path}", [])
            if self.current not in held:
                held.append(self.current)

    def _begin(self) -> None:
        if self.file is not None:
            self.file.close()
        self.current = f"{self.stem}_{len(self.files):05d}.weights.h5"
        self.files[self.current] = self.target.with_name(f".tmp-{self.current}")
        self.file, self.filled = h5py.File(self.files[self.current], "w"), 0

    def finish(self) -> dict[str, Path]:
        self.file.close()
        listed = self.target.with_name(f".tmp-{self.target.name}")
        listed.write_text(json.dumps({"metadata": {"total_size": self.total}, "weight_map": self.index}, indent=4))
        self.files[self.target.name] = listed
        return self.files

    def discard(self) -> None:
        if self.file is not None:
            self.file.close()
        for path in self.files.values():
            path.unlink(missing_ok=True)


# ---- reading shards ---------------------------------------------------------------------------------------


class ShardedReader:
    """Several HDF5 files as one. The names in the list are names of files beside it, and nothing else."""

    def __init__(self, readers: dict[str, h5.Reader], weight_map: dict[str, list[str]], what: str) -> None:
        self.what, self.nbytes = what, sum(r.nbytes for r in readers.values())
        self.entries: dict[str, h5.Entry] = {}
        self.groups: dict[str, list[str]] = {}
        self._of: dict[str, h5.Reader] = {}
        for reader in readers.values():
            for path, entry in reader.entries.items():
                if path in self.entries:
                    raise SavingError(f"{what}: several shards hold '{path}'.")
                self.entries[path], self._of[path] = entry, reader
            for path, names in reader.groups.items():
                held = self.groups.setdefault(path, [])
                held += [n for n in names if n not in held]
        missing = [path for path in weight_map if path.strip("/") not in self.groups]
        if missing:
            raise SavingError(f"{what} names {missing[0]!r}, which no shard holds.")

    def names(self, group: str) -> list[str]:
        return h5.Reader.names(self, group)  # type: ignore[arg-type]

    def store(self, group: str) -> h5.Store:
        return h5.Store(self, group)

    def has(self, group: str) -> bool:
        return group in self.groups

    def read(self, path: str) -> np.ndarray[Any, Any]:
        return self._of[path].read(path)


@contextmanager
def open_weights(source: Any, what: str, limits: Limits) -> Iterator[Any]:
    """The reader of an HDF5 file, or of shards where `source` is a `.weights.json`."""
    if not str(source).endswith(".weights.json"):
        with h5.Reader(source, what, limits) as reader:
            yield reader
        return
    listed = Path(source)
    with open(listed, "rb") as file:
        content = parse_json(file.read(limits.config_bytes + 1), what, limits)
    weight_map = content.get("weight_map")
    if not isinstance(weight_map, dict):
        raise SavingError(f"{what} has no `weight_map`.")
    names = _shard_names(weight_map, what)
    with ExitStack() as stack:
        readers = {n: stack.enter_context(h5.Reader(_beside(listed, n), f"'{n}'", limits)) for n in names}
        yield ShardedReader(readers, weight_map, what)


def _shard_names(weight_map: dict[str, Any], what: str) -> list[str]:
    names: dict[str, None] = {}
    for path, held in weight_map.items():
        for name in [held] if isinstance(held, str) else held if isinstance(held, list) else [None]:
            if not isinstance(name, str) or Path(name).name != name or not name.endswith(".weights.h5") or "\\" in name:
                raise SavingError(f"{what} says that '{path}' lies in {name!r}, which is no name of a shard beside it.")
            names[name] = None
    return list(names)


def _beside(listed: Path, name: str) -> Path:
    shard = listed.with_name(name)
    if not shard.is_file():
        raise MissingFileError(f"The shard '{shard}' is missing.")
    return shard


def load_h5(model: Any, target: Path, strict: bool, limits: Limits) -> LoadReport:
    """Load a `.weights.h5` file, or shards, into a model."""
    what = f"'{target}'"
    with open_weights(str(target), what, limits) as reader:
        return load_keras3_layout(model, reader, what, strict)


def load_keras3_layout(model: Any, reader: Any, what: str, strict: bool) -> LoadReport:
    """Load an open file into a model, once it is known to have Keras 3's layout."""
    if not reader.has("vars"):
        raise SavingError(f"{what} is not in Keras 3's layout: it has no group 'vars'.")
    return load(model, reader, what, strict)


# ---- reading into a model ---------------------------------------------------------------------------------


@dataclass
class LoadReport:
    """What loading weights did not do: empty where file and model fit."""

    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.mismatched)

    def __str__(self) -> str:
        lines = []
        for title, found in (
            ("in the model, but not in the file", self.missing),
            ("in the file, but not in the model", self.unexpected),
            ("that don't fit", self.mismatched),
        ):
            if found:
                more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
                lines.append(f"{len(found)} {title}: {', '.join(found[:_SHOWN])}{more}")
        return "; ".join(lines) or "everything was loaded"


def load(model: Any, reader: Any, what: str, strict: bool, optimizer: bool = True, deferred: Any = None) -> LoadReport:
    """Assign what `reader` holds to the model's variables, after every shape has been compared.

    Args:
        model: The model.
        reader: What holds the datasets.
        what: The file, for messages.
        strict: Whether anything missing, left over or of another shape is an error.
        optimizer: Whether the optimizer's state is loaded.
        deferred: The variables whose initial values have not been made yet.

    Raises:
        SavingError: File and model don't fit, and `strict` is true. Nothing was assigned then.
    """
    report, plans = LoadReport(), []
    used: set[str] = set()
    for path, owner in paths.walk(model):
        group = paths.joined(path, "vars")
        used.update(f"{group}/{n}" for n in reader.names(group))
        if _is_optimizer(owner):
            if optimizer and reader.names(group):
                plans.append(_optimizer_plan(owner, model, reader, group))
            continue
        plans.append(_plan(owner, path, reader, group, report))
    plans += _seed_plans(model, reader, used)
    report.unexpected += [p for p in reader.entries if p not in used and not _is_optional(p)]
    if strict and report:
        raise SavingError(
            f"The weights of {what} don't fit the model '{model.name}': {report}.", hint=_hint(model, report)
        )
    for plan in plans:
        plan(deferred)
    return report


def load_optimizer(model: Any, reader: Any) -> None:
    """Load the state of the model's optimizer, where the file has it."""
    for path, owner in paths.walk(model):
        group = paths.joined(path, "vars")
        if not _is_optimizer(owner) or not reader.names(group):
            continue
        store = reader.store(group)
        if 0 < len(store) < len(owner.variables) and all(store.shape(name) == () for name in store):
            # It was saved before it was built: a count of steps and a learning rate.
            for variable, name in zip(owner.variables, store, strict=False):
                variable.assign(store[name])
        else:
            _optimizer_plan(owner, model, reader, group)(None)


def _is_optimizer(owner: Any) -> bool:
    return not isinstance(owner, Layer)


def _is_optional(path: str) -> bool:
    """What weights are complete without: the state of an optimizer, of seeds, of metrics."""
    parts = path.split("/")
    return "optimizer" in parts or any(p.startswith("seed_generator") for p in parts) or "metrics" in parts[0]


def _hint(model: Any, report: LoadReport) -> str:
    if report.unexpected and not model.built:
        return "The model isn't built yet: call it on data, or build(input_shape), before loading."
    return "load_weights(..., skip_mismatch=True) loads what fits and returns what it left out."


def _plan(owner: Any, path: str, reader: Any, group: str, report: LoadReport) -> Any:
    """What to do for one layer, once the whole file has been compared; problems go into the report."""
    variables = _plain_variables(owner)
    names = reader.names(group)
    if variables is None:
        return _own_way(owner, reader, group, names)
    assignments = []
    for index, variable in enumerate(variables):
        if str(index) not in names:
            report.missing.append(f"{variable.path} ({group}/{index})")
            continue
        entry = reader.entries[f"{group}/{index}"]
        if entry.shape != variable.shape:
            report.mismatched.append(f"{variable.path} (the file has {entry.shape}, the model {variable.shape})")
            continue
        assignments.append((variable, entry.path))
    known = {str(i) for i in range(len(variables))}
    for name in names:
        if name not in known:
            report.unexpected.append(f"{group}/{name}")

    def assign(deferred: Any) -> None:
        for variable, place in assignments:
            variable.assign(active.adapter.adopt(reader.read(place)))
            if deferred is not None:
                deferred.done(getattr(variable, "stored", variable))

    return assign


def _own_way(owner: Any, reader: Any, group: str, names: list[str]) -> Any:
    def load_own(deferred: Any) -> None:
        if deferred is not None:
            deferred.settle(owner._kf.variables)
        try:
            owner.load_own_variables(reader.store(group))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            if isinstance(error, KerasFrontError):
                raise
            raise SavingError(f"The layer '{owner.path}' can't load its variables {names}: {error}") from error

    return load_own if names or owner._kf.variables else lambda deferred: None


def _optimizer_plan(owner: Any, model: Any, reader: Any, group: str) -> Any:
    """What to do for an optimizer: its state comes whole or, if another one was saved, not at all."""
    store = reader.store(group)
    if not owner.built and len(store) > len(owner.variables):
        owner.build(model.trainable_variables)
    have, came = [tuple(v.shape) for v in owner.variables], [store.shape(n) for n in store]
    if len(came) != len(have):
        warnings.warn(
            f"The optimizer '{owner.name}' has {len(have)} variables and the file {len(came)} for it: its "
            "state was not loaded, and training goes on with a fresh one.",
            stacklevel=2,
        )
        return lambda deferred: None
    for variable, ours, theirs in zip(owner.variables, have, came, strict=True):
        if ours != theirs:
            raise SavingError(
                f"The state of the optimizer '{owner.name}' doesn't fit: {variable.path} has the shape "
                f"{ours}, and the file {theirs}."
            )
    return lambda deferred: owner.load_own_variables(store)


def _seed_plans(model: Any, reader: Any, used: set[str]) -> list[Any]:
    """Older files hold the states of seed generators: they are used where they fit."""
    plans = []
    for path, generator in paths.seed_generators(model).items():
        place = f"{path}/vars/0"
        if place in reader.entries and reader.entries[place].shape == generator.state.shape:
            used.add(place)
            plans.append(lambda deferred, g=generator, p=place: g.state.assign(reader.read(p)))
    return plans


# ---- variables that wait for their values -----------------------------------------------------------------


class Deferred(serialization.Budget):
    """Inside, new variables begin as zeros: their values are about to come from a file.

    The memory they ask for is counted against a budget before it is taken. `finish` draws initial values for
    those that the file did not fill.

    Args:
        most: The most bytes that all of them together may take.
    """

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.waiting: dict[int, tuple[Variable, Any]] = {}

    def __call__(self, variable: Variable, initializer: Any, shape: tuple[int, ...], dtype: str) -> Any:
        self.charge(variable, shape, dtype)
        self.waiting[id(variable)] = (variable, initializer)
        return memory.zeros(shape, dtypes.to_numpy(dtype))

    def done(self, variable: Variable) -> None:
        self.waiting.pop(id(variable), None)

    def settle(self, variables: list[Variable]) -> None:
        """Give these variables their initial values after all."""
        for variable in variables:
            _, initializer = self.waiting.pop(id(variable), (None, None))
            if initializer is not None:
                variable.assign(initializer(variable.shape, dtype=variable._dtype))

    def finish(self) -> None:
        self.settle([variable for variable, _ in self.waiting.values()])
