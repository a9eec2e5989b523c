"""Models and weights in `.keras` files: a zip archive, or a folder, in Keras 3's own layout."""

from __future__ import annotations

import datetime
import json
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasfront import files, serialization
from kerasfront.errors import SavingError
from kerasfront.layers.base.layer import Layer
from kerasfront.saving import h5, loading, paths, weights
from kerasfront.saving.archive import ASSETS, CONFIG, METADATA, WEIGHTS, Archive, write_zip
from kerasfront.saving.building import LoadOptions, build_model, compile_models
from kerasfront.saving.deferred import Deferred
from kerasfront.saving.limits import Limits
from kerasfront.saving.loading import LoadReport
from kerasfront.version import KERAS_VERSION

if TYPE_CHECKING:
    from kerasfront.models.model import Model


def save_model(model: Layer, target: Path) -> None:
    """Write a model as a zip archive. `target` appears whole or not at all."""
    texts = _texts(model)
    with (
        files.replacing(target) as temporary,
        tempfile.TemporaryDirectory(dir=target.parent, prefix=".saving-") as work,
    ):
        _write_assets(model, Path(work))
        write_zip(temporary, texts, lambda file: weights.write(model, file), Path(work))


def save_folder(model: Layer, target: Path) -> None:
    """Write a model as a folder with the members of an archive."""
    texts = _texts(model)
    with files.replacing(target) as temporary:
        temporary.mkdir()
        for name, text in texts.items():
            (temporary / name).write_text(text)
        weights.write(model, temporary / WEIGHTS)
        _write_assets(model, temporary)
        files.remove(target)  # a folder that holds something can't be replaced in one step


def config_text(model: Layer) -> str:
    """Return the JSON of a model; warns where the model isn't built."""
    if not isinstance(model, Layer):
        raise SavingError(f"Expected a model to save, got {model!r}.")
    config = serialization.serialize_shared(model)
    if not model.built:
        warnings.warn(f"The model '{model.name}' isn't built: it is saved without weights.", stacklevel=5)
    return json.dumps(config)


def _texts(model: Layer) -> dict[str, str]:
    config, now = config_text(model), datetime.datetime.now()
    metadata = {"keras_version": KERAS_VERSION, "date_saved": now.strftime("%Y-%m-%d@%H:%M:%S")}
    return {METADATA: json.dumps(metadata), CONFIG: config}


def _write_assets(model: Layer, folder: Path) -> None:
    for path, owner in layers_with_assets(model, "save_assets"):
        inner = folder / ASSETS / path
        inner.mkdir(parents=True)
        owner.save_assets(str(inner))


def layers_with_assets(model: Layer, method: str) -> list[tuple[str, Layer]]:
    """Return the layers that override `save_assets` or `load_assets`, with their paths."""
    layers = [(path, owner) for path, owner in paths.walk(model) if isinstance(owner, Layer)]
    return [(p, layer) for p, layer in layers if getattr(type(layer), method) is not getattr(Layer, method)]


def load_model(target: Path, options: LoadOptions) -> Model:
    """Return the model of an archive or a folder."""
    what = f"'{target}'"
    with (
        Archive(target, options.limits) as archive,
        tempfile.TemporaryDirectory(prefix="kerasfront-") as scratch,
    ):
        archive.json(METADATA)
        config = archive.json(CONFIG)
        if WEIGHTS not in archive.members:
            raise SavingError(f"{what} holds no {WEIGHTS}.")
        with (
            archive.weights(Path(scratch)) as source,
            h5.Reader(source, what, options.limits) as reader,
        ):
            return _load(archive, config, reader, Path(scratch), options)


def _load(archive: Archive, config: dict[str, Any], reader: h5.Reader, scratch: Path, options: LoadOptions) -> Any:
    what = f"'{archive.path}'"

    def fill(model: Layer, deferred: Deferred) -> None:
        report = loading.load(model, reader, what, strict=True, optimizer=False, deferred=deferred)
        assert not report
        deferred.finish()
        _load_assets(model, archive, scratch)

    model, compilations = build_model(config, what, reader.nbytes, options, fill)
    if options.compile:
        compile_models(compilations, options)
        loading.load_optimizer(model, reader)
        if not compilations and reader.has("optimizer/vars"):
            warnings.warn(
                f"{what} holds a model that was compiled, but not what compile() was told: compile() it again. Its "
                "load_weights() then reads the optimizer's state from the file.",
                stacklevel=5,
            )
    return model


def _load_assets(model: Layer, archive: Archive, scratch: Path) -> None:
    owners = layers_with_assets(model, "load_assets")
    if not owners or not archive.assets():
        return
    archive.unpack_assets(scratch)
    for path, owner in owners:
        inner = scratch / ASSETS / path
        if inner.is_dir():
            owner.load_assets(str(inner))


def load_weights(model: Layer, target: Path, strict: bool, limits: Limits) -> LoadReport:
    """Load the weights of an archive into a model."""
    what = f"'{target}'"
    with Archive(target, limits) as archive, tempfile.TemporaryDirectory(prefix="kerasfront-") as scratch:
        if WEIGHTS not in archive.members:
            raise SavingError(f"{what} holds no {WEIGHTS}.")
        with (
            archive.weights(Path(scratch)) as source,
            h5.Reader(source, what, limits) as reader,
        ):
            return loading.load(model, reader, what, strict)
