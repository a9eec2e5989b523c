"""Models and weights in files: what `Model.save`, `load_model` and their like do."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasfront import files, serialization
from kerasfront.arguments import names_of, unknown_argument
from kerasfront.errors import SavingError
from kerasfront.layers.base.gathering import layers_of_tree
from kerasfront.layers.base.layer import Layer
from kerasfront.saving import formats, keras_archive
from kerasfront.saving.archive import parse_json
from kerasfront.saving.building import LoadOptions, model_of
from kerasfront.saving.limits import DEFAULT, Limits
from kerasfront.saving.loading import LoadReport
from kerasfront.tracebacks import entry_point

if TYPE_CHECKING:
    from kerasfront.models.model import Model

__all__ = ["load_model", "load_weights", "model_from_json", "save_model", "save_weights"]


# ---- whole models -----------------------------------------------------------------------------------------


@entry_point
def save_model(
    model: Layer,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    **kwargs: Any,
) -> None:
    """Save architecture, weights, optimizer state and the arguments of compile().

    The file appears whole or not at all, and is in Keras 3's own layout, which Keras loads too.

    Args:
        model: The model.
        filepath: Where to; it ends in ".keras", or in ".h5" or ".hdf5" for the format of Keras 2, which holds
            Sequential and functional models alone.
        overwrite: Whether an existing file is replaced.
        zipped: False writes a folder in place of a zip archive.
        kwargs: None is known.

    Raises:
        SavingError: The extension is another, the file exists and `overwrite` is false, or a part of the
            model can't be saved.

    >>> import os, tempfile
    >>> import kerasfront as keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keras.saving.save_model(model, os.path.join(folder, "m.keras"))
    ...     again = keras.saving.load_model(os.path.join(folder, "m.keras"))
    >>> (again.get_weights()[0] == model.get_weights()[0]).all().item()
    True
    """
    if kwargs:
        raise unknown_argument("save_model()", kwargs, names_of(save_model))
    target = Path(filepath)
    file_format = formats.format_for(target, "save_model")
    as_folder = zipped is False and file_format is not formats.LEGACY_H5
    if file_format is None and not as_folder:
        raise formats.unknown_extension(target, "save_model")
    _check_overwrite(target, overwrite)
    if as_folder:
        keras_archive.save_folder(model, target)
    elif file_format is not None and file_format.save_model is not None:
        file_format.save_model(model, target)


def _check_overwrite(target: Path, overwrite: bool) -> None:
    if not overwrite and target.exists():
        raise SavingError(f"'{target}' exists already, and overwrite=False was given.")


@entry_point
def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    *,
    limits: Limits = DEFAULT,
) -> Model:
    """Load a model that `save_model` wrote, here or in Keras.

    Nothing that the file names is imported, no code of it is run, and nothing outside of it is opened.

    Args:
        filepath: A `.keras` file, the folder that `zipped=False` wrote, or a whole model as `.h5` or `.hdf5`.
        custom_objects: Classes and functions of your own that the file names.
        compile: Whether the model is compiled as it was, with the optimizer's state.
        safe_mode: False allows layers that run code which kerasfront can't see. No third value is allowed.
        limits: How much memory and disk the file may ask for.

    Raises:
        SavingError: The file is no such file, is damaged, names what isn't known here, asks for more than
            `limits` allow, or its weights don't fit its architecture.
    """
    serialization.check_safe_mode(safe_mode)
    target = Path(filepath)
    file_format = formats.format_of_file(target, "load_model") if target.is_file() else None
    load = file_format.load_model if file_format is not None else None
    return (load or keras_archive.load_model)(target, LoadOptions(custom_objects, compile, safe_mode, limits))


@entry_point
def model_from_json(
    json_string: str,
    custom_objects: Mapping[str, Any] | None = None,
    *,
    safe_mode: bool = True,
    limits: Limits = DEFAULT,
) -> Model:
    """Make a model, with new weights, from the architecture that `Model.to_json` gave.

    Args:
        json_string: The JSON.
        custom_objects: Classes and functions of your own that it names.
        safe_mode: As for `load_model`.
        limits: How much memory it may ask for.

    Raises:
        SavingError: It describes no model, or names what isn't known here.

    >>> import kerasfront as keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> keras.models.model_from_json(model.to_json()).count_params()
    3
    """
    config = parse_json(json_string, "the string", limits)
    with serialization.loading(custom_objects, safe_mode, limits.variable_bytes):
        return model_of(config, "the JSON")


# ---- weights ----------------------------------------------------------------------------------------------


@entry_point
def save_weights(
    model: Layer,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: float | None = None,
    **kwargs: Any,
) -> None:
    """Save a model's weights, and its optimizer's state.

    Args:
        model: The model; it is built.
        filepath: It ends in ".weights.h5", in ".weights.json" for several files, or in ".safetensors" (then
            without the optimizer).
        overwrite: Whether existing files are replaced.
        max_shard_size: The size in GB from which a new file is begun; it goes with ".weights.json".
        kwargs: None is known.

    Raises:
        SavingError: The model isn't built, the extension is another, a file exists and `overwrite` is false,
            or one variable is larger than `max_shard_size`.

    What layers have learnt that is no weight (the vocabulary of a `StringLookup`) isn't in the file, as in Keras: a
    warning says so.
    """
    if kwargs:
        raise unknown_argument("save_weights()", kwargs, names_of(save_weights))
    target = Path(filepath)
    file_format = formats.format_for(target, "save_weights")
    if file_format is None or file_format.save_weights is None:
        raise formats.unknown_extension(target, "save_weights")
    if file_format.is_sharded != (max_shard_size is not None):
        endings = [e for f in formats.FORMATS if f.is_sharded for e in f.extensions]
        raise SavingError(
            f"`max_shard_size` goes with a name that ends in {formats.listed(endings)}, and such a name with it; got "
            f"'{target}'."
        )
    if not model.built:
        raise SavingError(f"The model '{model.name}' isn't built: it has no weights to save yet.")
    _check_overwrite(target, overwrite)
    _warn_of_what_is_no_weight(model)
    if file_format.is_sharded:
        file_format.save_weights(model, target, max_shard_size)
    else:
        file_format.save_weights(model, target)


def _warn_of_what_is_no_weight(model: Layer) -> None:
    """Warn of what has been learnt and won't be in a file of weights."""
    learnt = [
        (layer.path, what) for layer in layers_of_tree(model) if (what := type(layer)._kf_learnt_beside_weights(layer))
    ]
    if learnt:
        descriptions = ", ".join(f"the {what} of '{path}'" for path, what in learnt)
        warnings.warn(
            f"A file of weights holds no {learnt[0][1]}: {descriptions} won't be in it. Save the whole model, or set "
            "them again where you load the weights.",
            stacklevel=5,
        )


@entry_point
def load_weights(
    model: Layer,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool = False,
    *,
    strict: bool = True,
    limits: Limits = DEFAULT,
    **kwargs: Any,
) -> LoadReport:
    """Load weights that `save_weights` or `save_model` wrote, here or in Keras 3.

    File and model are compared first; where they don't fit, nothing is changed.

    Args:
        model: The model.
        filepath: A `.weights.h5`, `.weights.json`, `.keras`, `.safetensors`, `.h5` or `.hdf5` file.
        skip_mismatch: Whether what doesn't fit is left out instead of being an error.
        strict: False means the same as `skip_mismatch`.
        limits: What the file may ask for.
        kwargs: `by_name` belongs to a format that is not read.

    Returns:
        What was left out: lists `missing`, `unexpected` and `mismatched`.

    Raises:
        SavingError: The file is damaged, or doesn't fit the model: the message lists what is missing or left.
    """
    if kwargs.pop("by_name", False):
        raise SavingError("by_name=True is not known: the weights of layers go by their order, or by their paths.")
    if kwargs:
        raise unknown_argument("load_weights()", kwargs, names_of(load_weights))
    target = Path(filepath)
    strict = strict and not skip_mismatch
    report = _load_any(model, target, strict, limits)
    if report:
        warnings.warn(f"The weights of '{target}' were not all loaded. {report}.", stacklevel=2)
    return report


def _load_any(model: Layer, target: Path, strict: bool, limits: Limits) -> LoadReport:
    if not target.exists():
        raise files.missing(target)
    find = formats.format_of_file if target.is_file() else formats.format_for
    file_format = find(target, "load_weights")
    if file_format is None or file_format.load_weights is None:
        raise formats.unknown_extension(target, "load_weights")
    return file_format.load_weights(model, target, strict, limits)
