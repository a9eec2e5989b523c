"""Whole models in the HDF5 format of Keras 1 and 2, which Keras 3 still writes and reads.

The architecture is JSON in the attribute `model_config`, and the arguments of compile() are in `training_config`. The
weights of each layer lie in a group of `model_weights`; attributes name the groups and the datasets in their order.
Only models that are graphs of layers (Sequential and functional ones) can be saved so.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import h5py
import numpy as np

from kerasfront import files, losses
from kerasfront.contract import Runtime, running
from kerasfront.errors import SavingError
from kerasfront.layers.base.layer import Layer
from kerasfront.saving import h5, loading
from kerasfront.saving.archive import parse_json
from kerasfront.saving.building import LoadOptions, build_model, compile_models
from kerasfront.saving.deferred import Deferred
from kerasfront.saving.keras_archive import config_text, layers_with_assets
from kerasfront.saving.limits import Limits
from kerasfront.saving.loading import LoadReport
from kerasfront.variable import Variable
from kerasfront.version import KERAS_VERSION

if TYPE_CHECKING:
    from kerasfront.models.model import Model

active: Runtime = running()
_MODEL, _OPTIMIZER, _TOP = "model_weights", "optimizer_weights", "top_level_model_weights"
# HDF5 allows about so many bytes for an attribute; longer lists of names are spread over several attributes.
_MOST_BYTES = 64_000

# ---- writing -------------------------------------------------------------------------------------------------------


def save_model(model: Layer, target: Path) -> None:
    """Write a model; raises SavingError for a model that is no graph of layers, or that has assets."""
    if not _is_graph(model):
        raise SavingError(
            f"Only Sequential and functional models can be saved as {target.suffix}; '{target}' was to hold a "
            f"{type(model).__name__}.",
            hint="Name it model.keras.",
        )
    if owners := layers_with_assets(model, "save_assets"):
        raise SavingError(
            f"A {target.suffix} file can't hold the assets of '{owners[0][0] or model.name}'.",
            hint="Name it model.keras.",
        )
    config = json.loads(config_text(model))
    compile_config = config.pop("compile_config", None)
    with files.replacing(target) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = KERAS_VERSION, active.adapter.name
        file.attrs["model_config"] = json.dumps(config)
        _write_layers(model, file.create_group(_MODEL))
        if compile_config:
            file.attrs["training_config"] = json.dumps(_training_config(compile_config))
            if getattr(model, "optimizer", None) is not None:
                _write_variables(model.optimizer.variables, file.create_group(_OPTIMIZER))


def _is_graph(model: Layer) -> TypeGuard[Model]:
    return bool(getattr(type(model), "_kf_saves_layers_first", False))


def _write_layers(model: Model, group: h5py.Group) -> None:
    group.attrs["keras_version"], group.attrs["backend"] = KERAS_VERSION, active.adapter.name
    _write_names(group, "layer_names", [layer.name for layer in model.layers])
    for layer in model.layers:
        _write_variables(_ordered_weights(layer), group.create_group(layer.name))
    _write_variables(_weights_outside_layers(model), group.create_group(_TOP))


def _ordered_weights(layer: Layer) -> list[Variable]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _weights_outside_layers(model: Model) -> list[Variable]:
    inside = {id(weight) for layer in model.layers for weight in layer.weights}
    return [weight for weight in _ordered_weights(model) if id(weight) not in inside]


def _write_variables(variables: Sequence[Variable], group: h5py.Group) -> None:
    names: list[str] = []
    for variable in variables:
        name, number = variable.path, 1
        while name in names:
            name, number = f"{variable.path}_{number}", number + 1
        names.append(name)
        h5.write(group, name, active.adapter.peek(variable._value))
    _write_names(group, "weight_names", names)


def _write_names(group: h5py.Group, attribute: str, names: Sequence[str]) -> None:
    encoded = np.array([name.encode() for name in names], dtype="S") if names else np.empty(0, "S1")
    if encoded.nbytes <= _MOST_BYTES:
        group.attrs[attribute] = encoded
        return
    per_part = max(1, _MOST_BYTES // encoded.itemsize)
    for number, start in enumerate(range(0, len(encoded), per_part)):
        group.attrs[f"{attribute}{number}"] = encoded[start : start + per_part]


def _training_config(compile_config: dict[str, Any]) -> dict[str, Any]:
    config = dict(compile_config)
    config["optimizer_config"] = config.pop("optimizer", None)
    if isinstance(config.get("loss"), str):  # Keras's reader knows a loss by the name of its function alone
        config["loss"] = getattr(losses.get(config["loss"]), "__name__", config["loss"])
    return config


# ---- reading -------------------------------------------------------------------------------------------------------


def _has_this_layout(reader: h5.Reader) -> bool:
    """Return whether an open HDF5 file has the layout of Keras 2, and not that of `.weights.h5`."""
    return reader.has(_MODEL) or any(name in reader.file.attrs for name in ("layer_names", "layer_names0"))


def load_model(target: Path, options: LoadOptions) -> Model:
    """Return the model of a file."""
    what = f"'{target}'"
    with h5.Reader(str(target), what, options.limits) as reader:
        text = _text(reader, "model_config", options.limits)
        if text is None:
            raise SavingError(f"{what} holds no whole model: it has no `model_config`.")
        config = parse_json(text, f"{what} (model_config)", options.limits)
        try:
            config = _qualified_layer(config)
        except RecursionError as error:
            raise SavingError(f"The config of {what} is nested too deep.") from error
        training_text = _text(reader, "training_config", options.limits)
        training = None
        if training_text is not None:
            training = parse_json(training_text, f"{what} (training_config)", options.limits)

        def fill(model: Model, deferred: Deferred) -> None:
            _load(model, reader, options.limits, strict=True, deferred=deferred)

        model, compilations = build_model(config, what, reader.nbytes, options, fill)
        if options.compile:
            if training is not None and hasattr(model, "compile_from_config"):
                compilations.append((model, _compile_config(training)))
            compile_models(compilations, options)
            if training is not None and getattr(model, "optimizer", None) is not None:
                _load_optimizer(model, reader, options.limits)
        return model


def load_weights(model: Model, target: Path, strict: bool, limits: Limits) -> LoadReport:
    """Load the weights of a file into a model."""
    what = f"'{target}'"
    with h5.Reader(str(target), what, limits) as reader:
        if not _has_this_layout(reader):
            return loading.load_keras3_layout(model, reader, what, strict)
        return _load(model, reader, limits, strict)


# Where a layer's config holds other layers.
_INNER = ("layers", "layer", "forward_layer", "backward_layer", "cell", "cells")
_GRAPHS = ("Sequential", "Functional", "Model")


def _compile_config(training: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of compile() from a `training_config`."""
    config = {k: v for k, v in training.items() if k not in ("optimizer_config", "sample_weight_mode")}
    config["optimizer"] = _qualified(training.get("optimizer_config"), "keras.optimizers")
    config["loss"] = _each_qualified(config.get("loss"), "keras.losses")
    for name in ("metrics", "weighted_metrics"):
        config[name] = _each_qualified(config.get(name), "keras.metrics")
    return config


def _each_qualified(value: Any, module: str) -> Any:
    if isinstance(value, list):
        return [_each_qualified(part, module) for part in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {name: _each_qualified(part, module) for name, part in value.items()}
    return _qualified(value, module)


def _qualified(config: Any, module: str) -> Any:
    """Return a config that says where its class is from: in this format Keras leaves it out.

    The registered name of a user's class stands in the place of the class name, such as "package>Name".
    """
    if not isinstance(config, dict) or not isinstance(name := config.get("class_name"), str) or "module" in config:
        return config
    if ">" in name:
        return {**config, "class_name": name.rpartition(">")[2], "registered_name": name}
    return {**config, "module": module}


def _qualified_layer(config: Any) -> Any:
    """Return the config of a layer, and of those inside it, with where the classes are from."""
    if isinstance(config, list):
        return [_qualified_layer(part) for part in config]
    if not isinstance(config, dict) or not isinstance(inner := config.get("config"), dict):
        return config
    inner = {k: _qualified_layer(v) if k in _INNER else v for k, v in inner.items()}
    is_graph = config.get("class_name") in _GRAPHS
    return _qualified({**config, "config": inner}, "keras.src.models" if is_graph else "keras.src.layers")


@dataclass(frozen=True)
class _Place:
    """The weights of one layer in a file.

    Args:
        group: The path of the group.
        names: The names of the datasets in the group, in the order of the layer's weights.
    """

    group: str
    names: list[str]

    @property
    def paths(self) -> list[str]:
        return [f"{self.group}/{name}".lstrip("/") for name in self.names]


def _load(
    model: Model, reader: h5.Reader, limits: Limits, strict: bool, deferred: Deferred | None = None
) -> LoadReport:
    """Assign the weights of layers in their order, after every shape has been compared."""
    report, plan = LoadReport(), []
    for variables, place in _pairs(model, reader, limits):
        for number, variable in enumerate(variables):
            path = place.paths[number] if number < len(place.names) else None
            if path is None or path not in reader.entries:
                report.missing.append(f"{variable.path} ({place.group})")
            elif reader.entries[path].shape != variable.shape:
                report.mismatched.append(
                    f"{variable.path} (the file has {reader.entries[path].shape}, the model {variable.shape})"
                )
            else:
                plan.append((variable, path))
        report.unexpected += place.paths[len(variables) :]
    if strict and report:
        raise SavingError(f"The weights of {reader.what} don't fit the model '{model.name}': {report}.")
    for variable, path in plan:
        variable.assign(active.adapter.adopt(reader.read(path)))
        if deferred is not None:
            deferred.done(variable)
    return report


def _pairs(model: Model, reader: h5.Reader, limits: Limits) -> list[tuple[list[Variable], _Place]]:
    root = _MODEL if reader.has(_MODEL) else ""
    places = [
        _place(reader, f"{root}/{name}".lstrip("/"), limits) for name in _names(reader, root, "layer_names", limits)
    ]
    places = [place for place in places if place.names]
    layers = [variables for layer in model.layers if (variables := _ordered_weights(layer))]
    if len(places) != len(layers):
        raise SavingError(
            f"{reader.what} holds the weights of {len(places)} layers; the model '{model.name}' has {len(layers)} "
            "layers with weights."
        )
    top = f"{root}/{_TOP}".lstrip("/")
    own = _weights_outside_layers(model)
    if own and reader.has(top):
        return [*zip(layers, places, strict=True), (own, _place(reader, top, limits))]
    return list(zip(layers, places, strict=True))


def _place(reader: h5.Reader, group: str, limits: Limits) -> _Place:
    if not reader.has(group):
        raise SavingError(f"{reader.what} names the layer '{group}', which it doesn't hold.")
    return _Place(group, _names(reader, group, "weight_names", limits))


def _load_optimizer(model: Model, reader: h5.Reader, limits: Limits) -> None:
    if not reader.has(_OPTIMIZER):
        return
    place, variables = _place(reader, _OPTIMIZER, limits), list(model.optimizer.variables)
    entries = [reader.entries.get(path) for path in place.paths]
    if [None if e is None else e.shape for e in entries] != [tuple(v.shape) for v in variables]:
        warnings.warn(
            f"The state of the optimizer '{model.optimizer.name}' in {reader.what} doesn't fit: it was not loaded, and "
            "training goes on with a fresh one.",
            stacklevel=5,
        )
        return
    for variable, path in zip(variables, place.paths, strict=True):
        variable.assign(reader.read(path))


# ---- attributes, of which none is trusted --------------------------------------------------------------------------


def _text(reader: h5.Reader, attribute: str, limits: Limits) -> str | None:
    value = _attribute(reader, "", attribute, limits)
    if value is None:
        return None
    if np.ndim(value):
        raise SavingError(f"Expected the attribute `{attribute}` of {reader.what} to be one string.")
    return _decoded(value, attribute, reader)


def _names(reader: h5.Reader, group: str, attribute: str, limits: Limits) -> list[str]:
    """Return a list of names, which may be spread over the attributes `name0`, `name1`, ..."""
    first = _attribute(reader, group, attribute, limits)
    parts = [] if first is None else [first]
    while first is None and (part := _attribute(reader, group, f"{attribute}{len(parts)}", limits)) is not None:
        parts.append(part)
    names = [_decoded(value, attribute, reader) for part in parts for value in np.atleast_1d(part)]
    if len(names) > limits.members:
        raise SavingError(f"{reader.what} names more than {limits.members:,} layers or weights.")
    return names


def _attribute(reader: h5.Reader, group: str, attribute: str, limits: Limits) -> Any:
    try:
        attributes = reader.file[group or "/"].attrs
        if attribute not in attributes:
            return None
        attribute_id = attributes.get_id(attribute)
        empty = not np.prod(attribute_id.shape, dtype=object)
        if empty and attribute_id.shape:
            return np.empty(0, "S1")
        is_text = attribute_id.get_type().get_class() == h5py.h5t.STRING
        if not is_text or attribute_id.get_storage_size() > limits.config_bytes:
            raise SavingError(
                f"Expected the attribute `{attribute}` of {reader.what} to hold strings, of no great size."
            )
        return attributes[attribute]
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, SavingError):
            raise
        raise SavingError(f"{reader.what} is damaged at the attribute `{attribute}`: {error}.") from error


def _decoded(value: Any, attribute: str, reader: h5.Reader) -> str:
    try:
        return value.decode("utf-8") if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError as error:
        raise SavingError(f"The attribute `{attribute}` of {reader.what} is no text: {error}.") from error
