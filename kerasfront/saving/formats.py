"""The table of file formats. To add a format, add an entry: everything that saves or loads goes by this table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kerasfront.errors import SavingError
from kerasfront.saving import keras_archive, legacy_h5, safetensors_files, shards, weights
from kerasfront.saving.building import LoadOptions
from kerasfront.saving.limits import Limits
from kerasfront.saving.loading import LoadReport

Task = Literal["save_model", "load_model", "save_weights", "load_weights"]


@dataclass(frozen=True)
class Format:
    """A format of files, and the functions that write and read it. None for a function: the format can't do that.

    Args:
        extensions: How names of such files end.
        holds: What a file holds, in words.
        magic: The bytes that every such file begins with; None: there are none.
        save_model: Writes a whole model to a path. The file appears whole or not at all.
        load_model: Returns the model of a file.
        save_weights: Writes the weights of a model to a path.
        load_weights: Loads the weights of a file into a model: `(model, path, strict, limits)`.
        is_sharded: Whether weights are spread over several files, so that `save_weights` takes the size of one, in GB.
    """

    extensions: tuple[str, ...]
    holds: str
    magic: bytes | None = None
    save_model: Callable[[Any, Path], None] | None = None
    load_model: Callable[[Path, LoadOptions], Any] | None = None
    save_weights: Callable[..., None] | None = None
    load_weights: Callable[[Any, Path, bool, Limits], LoadReport] | None = None
    is_sharded: bool = False


_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"

KERAS = Format(
    (".keras",), "a whole model", _ZIP,
    save_model=keras_archive.save_model,
    load_model=keras_archive.load_model,
    load_weights=keras_archive.load_weights,
)  # fmt: skip
WEIGHTS_H5 = Format(
    (".weights.h5",), "weights and the optimizer's state", _HDF5,
    save_weights=weights.save,
    load_weights=weights.load,
)  # fmt: skip
WEIGHTS_JSON = Format(
    (".weights.json",), "weights and the optimizer's state, in several files", b"{",
    save_weights=shards.save,
    load_weights=shards.load,
    is_sharded=True,
)  # fmt: skip
SAFETENSORS = Format(
    (".safetensors",), "weights",
    save_weights=safetensors_files.save,
    load_weights=safetensors_files.load,
)  # fmt: skip
LEGACY_H5 = Format(
    (".h5", ".hdf5"), "a whole model that is a graph of layers, as Keras 2 kept it", _HDF5,
    save_model=legacy_h5.save_model,
    load_model=legacy_h5.load_model,
    load_weights=legacy_h5.load_weights,
)  # fmt: skip
FORMATS = (KERAS, WEIGHTS_H5, WEIGHTS_JSON, SAFETENSORS, LEGACY_H5)


def extensions_for(task: Task) -> list[str]:
    """Return the extensions of the formats that can do a task.

    >>> extensions_for("save_weights")
    ['.weights.h5', '.weights.json', '.safetensors']
    """
    able = [file_format for file_format in FORMATS if getattr(file_format, task) is not None]
    return [extension for file_format in able for extension in file_format.extensions]


def format_for(target: Path, task: Task) -> Format | None:
    """Return the format of a file name, by its longest extension; None: none can do the task.

    >>> format_for(Path("a.weights.h5"), "save_weights") is WEIGHTS_H5
    True
    >>> format_for(Path("a.weights.h5"), "save_model") is None
    True
    """
    matches = {e: file_format for file_format in FORMATS for e in file_format.extensions if target.name.endswith(e)}
    file_format = matches[max(matches, key=len)] if matches else None
    return None if file_format is None or getattr(file_format, task) is None else file_format


def format_of_file(target: Path, task: Task) -> Format | None:
    """Return the format of a file that exists: by its name or, where that says nothing, by what it begins with."""
    file_format = format_for(target, task)
    if file_format is None:
        able = [each for each in formats_by_content(target) if getattr(each, task) is not None]
        file_format = able[0] if able else None
    return file_format


def unknown_extension(target: Path, task: Task) -> SavingError:
    """Return the error for a file name that no format has which can do a task."""
    model = task in ("save_model", "load_model")
    return SavingError(
        f"Expected a file name that ends in {listed(extensions_for(task))}, got '{target}'.",
        hint="Name it model.keras." if model else "Name it model.weights.h5.",
    )


def listed(extensions: list[str]) -> str:
    """Return extensions as they stand in a sentence.

    >>> listed([".keras", ".h5", ".hdf5"])
    '.keras, .h5 or .hdf5'
    """
    *others, last = extensions
    return f"{', '.join(others)} or {last}" if others else last


def formats_by_content(target: Path) -> list[Format]:
    """Return the formats whose files begin as this file does."""
    with open(target, "rb") as file:
        start = file.read(16)
    return [each for each in FORMATS if each.magic is not None and start.startswith(each.magic)]
