"""Models and weights in files: what `Model.save`, `load_model` and their like do."""

from __future__ import annotations

import datetime
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kerasfront import files, serialization
from kerasfront.arguments import names_of, unknown_argument
from kerasfront.errors import SavingError
from kerasfront.layers.base.gathering import layers_of_tree
from kerasfront.layers.base.layer import Layer
from kerasfront.saving import paths, safetensors_files, weights
from kerasfront.saving.archive import ASSETS, CONFIG, METADATA, WEIGHTS, Archive, parse_json, write_zip
from kerasfront.saving.limits import DEFAULT, Limits
from kerasfront.saving.weights import Deferred, LoadReport
from kerasfront.tracebacks import entry_point
from kerasfront.version import KERAS_VERSION

_LEGACY = (".h5", ".hdf5")
# What variables may take beyond the bytes of a weights file: a file in half precision fills a float32 model,
# and some variables are in no file.
_WIDER, _SPARE = 4, 64 * 2**20

__all__ = ["load_model", "load_weights", "model_from_json", "save_model", "save_weights"]


# ---- whole models -----------------------------------------------------------------------------------------


@entry_point
def save_model(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    **kwargs: Any,
) -> None:
    """Save architecture, weights, optimizer state and what compile() was told.

    The file appears whole or not at all, and is in Keras 3's own layout, which Keras loads too.

    Args:
        model: The model.
        filepath: Where to; it ends in ".keras".
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
    _check_extension(target, zipped)
    _check_overwrite(target, overwrite)
    config = _config_text(model)
    if zipped is False:
        _save_folder(model, config, target)
        return
    with (
        files.replacing(target) as temporary,
        tempfile.TemporaryDirectory(dir=target.parent, prefix=".saving-") as work,
    ):
        _write_assets(model, Path(work))
        write_zip(temporary, _texts(config), lambda file: weights.write_h5(model, file), Path(work))


def _save_folder(model: Any, config: str, target: Path) -> None:
    with files.replacing(target) as temporary:
        temporary.mkdir()
        for name, text in _texts(config).items():
            (temporary / name).write_text(text)
        weights.write_h5(model, temporary / WEIGHTS)
        _write_assets(model, temporary)
        files.remove(target)  # a folder that holds something can't be replaced in one step


def _check_extension(target: Path, zipped: bool | None) -> None:
    if target.suffix == ".keras" or (zipped is False and target.suffix not in _LEGACY):
        return
    hint = "Name it model.keras; model.export() writes other formats."
    if target.suffix in _LEGACY:
        raise SavingError(f"Whole models are not written as {target.suffix}, got '{target}'.", hint=hint)
    raise SavingError(f"Expected a file name that ends in .keras, got '{target}'.", hint=hint)


def _check_overwrite(target: Path, overwrite: bool) -> None:
    if not overwrite and target.exists():
        raise SavingError(f"'{target}' exists already, and overwrite=False was given.")


def _config_text(model: Any) -> str:
    if not isinstance(model, Layer):
        raise SavingError(f"Expected a model to save, got {model!r}.")
    config = serialization.serialize_shared(model)
    if not model.built:
        warnings.warn(f"The model '{model.name}' isn't built: it is saved without weights.", stacklevel=3)
    return json.dumps(config)


def _texts(config: str) -> dict[str, str]:
    saved = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    return {METADATA: json.dumps({"keras_version": KERAS_VERSION, "date_saved": saved}), CONFIG: config}


def _write_assets(model: Any, folder: Path) -> None:
    for path, owner in _with_assets(model, "save_assets"):
        inner = folder / ASSETS / path
        inner.mkdir(parents=True)
        owner.save_assets(str(inner))


def _with_assets(model: Any, method: str) -> list[tuple[str, Layer]]:
    layers = [(path, owner) for path, owner in paths.walk(model) if isinstance(owner, Layer)]
    return [(p, layer) for p, layer in layers if getattr(type(layer), method) is not getattr(Layer, method)]


@entry_point
def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    *,
    limits: Limits = DEFAULT,
) -> Any:
    """A model that `save_model` wrote, here or in Keras 3.

    Nothing that the file names is imported, no code of it is run, and nothing outside of it is opened.

    Args:
        filepath: A `.keras` file, or the folder that `zipped=False` wrote.
        custom_objects: Classes and functions of your own that the file names.
        compile: Whether the model is compiled as it was, with the optimizer's state.
        safe_mode: False allows layers that run code which kerasfront can't see. No third value is allowed.
        limits: What the file may ask for.

    Raises:
        SavingError: The file is no such file, is damaged, names what isn't known here, asks for more than
            `limits` allow, or its weights don't fit its architecture.
    """
    serialization.check_safe_mode(safe_mode)
    target = Path(filepath)
    if target.is_file() and target.suffix in _LEGACY:
        raise SavingError(
            f"'{target}' is a model in the format of Keras 2, which is not read.", hint="Use .keras files."
        )
    with Archive(target, limits) as archive, tempfile.TemporaryDirectory(prefix="kerasfront-") as scratch:
        archive.json(METADATA)
        config = archive.json(CONFIG)
        if WEIGHTS not in archive.members:
            raise SavingError(f"'{target}' holds no {WEIGHTS}.")
        what = f"'{target}'"
        with archive.weights(Path(scratch)) as source, weights.open_weights(source, what, limits) as reader:
            return _loaded(archive, config, reader, Path(scratch), custom_objects, compile, safe_mode)


def _loaded(
    archive: Archive,
    config: dict[str, Any],
    reader: Any,
    scratch: Path,
    custom_objects: Mapping[str, Any] | None,
    compile: bool,
    safe_mode: bool,
) -> Any:
    what = f"'{archive.path}'"
    with (
        serialization.loading(custom_objects, safe_mode) as load,
        Deferred(_WIDER * reader.nbytes + _SPARE) as deferred,
    ):
        with load.compiling_later() as compilations:
            model = _model_of(config, what)
        report = weights.load(model, reader, what, strict=True, optimizer=False, deferred=deferred)
        assert not report
        deferred.finish()
        _load_assets(model, archive, scratch)
    if compile:
        with serialization.loading(custom_objects, safe_mode, variable_bytes=None):
            for owner, told in compilations:
                owner.compile_from_config(told)
            weights.load_optimizer(model, reader)
        if not compilations and reader.has("optimizer/vars"):
            warnings.warn(
                f"{what} holds a model that was compiled, but not what compile() was told: compile() it again. Its "
                "load_weights() then reads the optimizer's state from the file.",
                stacklevel=3,
            )
    return model


def _model_of(config: dict[str, Any], what: str) -> Any:
    if not ("class_name" in config and "config" in config):
        raise SavingError(f"The config of {what} describes no model: it needs a class_name and a config.")
    model = _explained(lambda: serialization.revive(config), what)
    if not isinstance(model, Layer):
        raise SavingError(f"The config of {what} describes no model, but {type(model).__name__}.")
    return model


def _explained(make: Callable[[], Any], what: str) -> Any:
    """What `make` returns; any error of a class that refuses its config names the file."""
    try:
        return make()
    except SavingError:
        raise
    except RecursionError as error:
        raise SavingError(f"The config of {what} is nested too deep.") from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, MemoryError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise SavingError(f"The config of {what} can't be made into a model. {detail}") from error


def _load_assets(model: Any, archive: Archive, scratch: Path) -> None:
    wanted = _with_assets(model, "load_assets")
    if not wanted or not archive.assets():
        return
    archive.unpack_assets(scratch)
    for path, owner in wanted:
        inner = scratch / ASSETS / path
        if inner.is_dir():
            owner.load_assets(str(inner))


@entry_point
def model_from_json(
    json_string: str,
    custom_objects: Mapping[str, Any] | None = None,
    *,
    safe_mode: bool = True,
    limits: Limits = DEFAULT,
) -> Any:
    """The model of an architecture that `Model.to_json` gave, with new weights.

    Args:
        json_string: The JSON.
        custom_objects: Classes and functions of your own that it names.
        safe_mode: As for `load_model`.
        limits: What it may ask for.

    Raises:
        SavingError: It describes no model, or names what isn't known here.

    >>> import kerasfront as keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> keras.models.model_from_json(model.to_json()).count_params()
    3
    """
    config = parse_json(json_string, "the string", limits)
    with serialization.loading(custom_objects, safe_mode, limits.variable_bytes):
        return _model_of(config, "the JSON")


# ---- weights ----------------------------------------------------------------------------------------------


@entry_point
def save_weights(
    model: Any,
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
    sharded = target.name.endswith(".weights.json")
    if not sharded and not target.name.endswith((".weights.h5", ".safetensors")):
        raise SavingError(f"Expected a file name that ends in .weights.h5 (or .safetensors), got '{target}'.")
    if sharded != (max_shard_size is not None):
        raise SavingError(f"`max_shard_size` goes with a name that ends in .weights.json, got '{target}'.")
    if not model.built:
        raise SavingError(f"The model '{model.name}' isn't built: it has no weights to save yet.")
    _check_overwrite(target, overwrite)
    _tell_of_what_is_no_weight(model)
    if sharded:
        assert max_shard_size is not None
        _save_shards(model, target, max_shard_size)
        return
    with files.replacing(target) as temporary:
        if target.suffix == ".safetensors":
            safetensors_files.write(model, temporary)
        else:
            weights.write_h5(model, temporary)


def _tell_of_what_is_no_weight(model: Any) -> None:
    """Warn of what has been learnt and won't be in a file of weights."""
    learnt = [
        (layer.path, what) for layer in layers_of_tree(model) if (what := type(layer)._kf_learnt_beside_weights(layer))
    ]
    if learnt:
        found = ", ".join(f"the {what} of '{path}'" for path, what in learnt)
        warnings.warn(
            f"A file of weights holds no {learnt[0][1]}: {found} won't be in it. Save the whole model, or set "
            "them again where you load the weights.",
            stacklevel=5,
        )


def _save_shards(model: Any, target: Path, max_shard_size: float) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    written = weights.write_shards(model, target, max_shard_size)
    try:
        for name, temporary in written.items():  # the list of shards comes last: it makes them one file
            files.sync(temporary)
            os.replace(temporary, target.with_name(name))
        files.sync(target.parent)
    finally:
        for temporary in written.values():
            files.remove(temporary)


@entry_point
def load_weights(
    model: Any,
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
        filepath: A `.weights.h5`, `.weights.json`, `.keras` or `.safetensors` file.
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
        raise SavingError("by_name=True belongs to the .h5 format of Keras 2, which is not read.")
    if kwargs:
        raise unknown_argument("load_weights()", kwargs, names_of(load_weights))
    target = Path(filepath)
    strict = strict and not skip_mismatch
    report = _load_any(model, target, strict, limits)
    if report:
        warnings.warn(f"The weights of '{target}' were not all loaded. {report}.", stacklevel=2)
    return report


def _load_any(model: Any, target: Path, strict: bool, limits: Limits) -> LoadReport:
    what = f"'{target}'"
    if not target.exists():
        raise files.missing(target)
    if target.suffix == ".safetensors":
        return safetensors_files.load(model, target, strict, limits)
    if target.suffix == ".keras":
        with Archive(target, limits) as archive, tempfile.TemporaryDirectory(prefix="kerasfront-") as scratch:
            if WEIGHTS not in archive.members:
                raise SavingError(f"{what} holds no {WEIGHTS}.")
            with (
                archive.weights(Path(scratch)) as source,
                weights.open_weights(source, what, limits) as reader,
            ):
                return weights.load(model, reader, what, strict)
    if not target.name.endswith((*_LEGACY, ".weights.json")):
        raise SavingError(f"Expected a .weights.h5, .weights.json, .keras or .safetensors file, got {what}.")
    with weights.open_weights(str(target), what, limits) as reader:
        if not reader.has("vars"):
            raise SavingError(f"{what} is not in Keras 3's layout: it has no group 'vars'.")
        return weights.load(model, reader, what, strict)
