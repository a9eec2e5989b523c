"""Weights of a model in Keras 3's layout: as arrays by their paths, and as a `.weights.h5` file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kerasfront import files
from kerasfront.contract import Runtime, running
from kerasfront.layers.base.layer import Layer
from kerasfront.saving import h5, loading, paths
from kerasfront.saving.limits import Limits
from kerasfront.saving.loading import LoadReport, numbered_variables
from kerasfront.saving.paths import Saveable
from kerasfront.saving.readers import Array

active: Runtime = running()


def save(model: Layer, target: Path) -> None:
    """Write the weights of a model, and of its optimizer. `target` appears whole or not at all."""
    with files.replacing(target) as temporary:
        write(model, temporary)


def write(model: Layer, target: h5.Source) -> None:
    """Write the weights of a model, and of its optimizer, into a path or an open file."""
    with h5py.File(target, "w") as file:
        for path, owner in paths.walk(model):
            group = file.create_group(paths.joined(path, "vars"))
            group.attrs["name"] = str(getattr(owner, "name", ""))
            _write_variables(owner, group)


def _write_variables(owner: Saveable, group: h5py.Group) -> None:
    variables = numbered_variables(owner)
    if variables is None:
        owner.save_own_variables(h5.WriteStore(group))
        return
    for index, variable in enumerate(variables):
        h5.write(group, str(index), active.adapter.peek(variable._value))


def arrays_of(model: Layer, optimizer: bool = False) -> Iterator[tuple[str, Saveable, dict[str, Array]]]:
    """Return the path, the object and the arrays of each object of a model that has weights in a file.

    Args:
        model: The model.
        optimizer: Whether its optimizer is among the objects.
    """
    for path, owner in paths.walk(model):
        if not isinstance(owner, Layer) and not optimizer:
            continue
        values: dict[str, Any] = {}
        variables = numbered_variables(owner)
        if variables is None:
            owner.save_own_variables(values)
        else:
            values = {str(i): active.adapter.peek(v._value) for i, v in enumerate(variables)}
        yield path, owner, {k: np.asarray(v) for k, v in values.items()}


def load(model: Layer, target: Path, strict: bool, limits: Limits) -> LoadReport:
    """Load the weights of a file into a model."""
    what = f"'{target}'"
    with h5.Reader(target, what, limits) as reader:
        return loading.load_keras3_layout(model, reader, what, strict)
