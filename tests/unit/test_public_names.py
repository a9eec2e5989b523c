"""The public names: Keras's list, less what isn't there yet, and a declared list of ours; nothing else shows."""

import ast
import importlib
import json
from pathlib import Path

import pytest

import kerasfront as keras

ROOT = Path(__file__).resolve().parent.parent.parent

# The public names of Keras 3.15.1, by namespace; a namespace inside another is one of its names.
KERAS = json.loads(Path(__file__).with_name("keras_names.json").read_text(encoding="utf-8"))

# What Keras has and kerasfront doesn't yet. A name that is added leaves this list.
MISSING = {
    "keras": {
        "applications", "datasets", "distillation", "distribution", "export", "legacy", "preprocessing",
        "visualization", "wrappers",
    },
    "keras.callbacks": {"OrbaxCheckpoint"},
    "keras.config": {"enable_unsafe_deserialization"},  # A file never brings code that runs here.
    "keras.saving": {"KerasFileEditor"},
    "keras.utils": {
        "array_to_img", "audio_dataset_from_directory", "get_file", "get_source_inputs",
        "image_dataset_from_directory", "img_to_array", "legacy", "load_img", "model_to_dot", "pad_sequences",
        "plot_model", "save_img", "split_dataset", "text_dataset_from_directory", "timeseries_dataset_from_array",
    },
}  # fmt: skip

# What is public here and isn't in Keras's list, each with the reason.
OURS = {
    "keras": {
        "contract": "what a backend's adapter supplies; runs a model on another adapter",
        "errors": "the classes of what is raised",
        "testing": "the suite that tests an adapter",
        "typing": "types for annotations: Tensor, TensorLike, Shape",
        "__keras_version__": "the version of Keras whose API this is",
        "__version__": "Keras has it too, though its list doesn't say so",
    },
    "keras.config": {
        "origin": "says where the value of a setting came from",
        "rng": "which generator draws: the backend's, or one that gives the same numbers on all",
        "set_rng": "chooses that generator",
        "usable_backends": "the backends whose frameworks are installed",
    },
    "keras.layers": {
        "DataLayer": "the base class of layers for input pipelines, which Keras keeps private",
        "GroupedQueryAttention": "Keras's class under the name that it has in files",
    },
    "keras.models": {
        "Function": "Keras has it as keras.Function",
        "Functional": "files and isinstance() checks name it",
    },
    "keras.ops": {
        "checkpoint": "computes what a function does again for the gradient, to save memory",
        "grad": "the gradient of a function, on each backend that trains",
        "hessian": "the second derivatives of a function",
        "jacobian": "the derivatives of all results of a function",
        "native": "lets functions of the framework take symbolic tensors",
        "value_and_grad": "the value of a function with its gradient",
        "vjp": "the product of a vector with the derivatives of a function",
        "vmap": "maps a function over an axis",
    },
    "keras.saving": {
        "Limits": "bounds what a file may cost in memory and disk",
        "LoadReport": "what load_weights() returns",
        "model_from_json": "Keras has it as keras.models.model_from_json",
    },
    "keras.tree": {"register": "adds a class of containers"},
}


def here(namespace):
    """Whether this namespace, and each that it is in, is one that kerasfront has."""
    outer, _, name = namespace.rpartition(".")
    return not outer or (name not in MISSING.get(outer, ()) and here(outer))


def expected(namespace):
    return {*KERAS[namespace]} - MISSING.get(namespace, set()) | {*OURS.get(namespace, ())}


NAMESPACES = [namespace for namespace in KERAS if here(namespace)]


def module(namespace):
    found = importlib.import_module("kerasfront")
    for part in namespace.split(".")[1:]:
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_dir_shows_the_public_names_and_nothing_else(namespace):
    shown = dir(module(namespace))
    assert shown == sorted(expected(namespace))
    for name in shown:
        getattr(module(namespace), name)


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_star_import_gives_the_public_names_and_nothing_else(namespace):
    names = {}
    exec(f"from {module(namespace).__name__} import *", names)
    del names["__builtins__"]
    # A program that imports all of Keras's names has modules of its own called `typing` or `errors`.
    left_out = OURS["keras"] if namespace == "keras" else ()
    assert set(names) == expected(namespace) - {*left_out}


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_namespace_is_a_module_under_its_own_name(namespace):
    assert module(namespace) is importlib.import_module(namespace.replace("keras", "kerasfront", 1))


def test_the_lists_of_exceptions_hold_nothing_that_is_none():
    assert not [(n, name) for n, names in MISSING.items() for name in names if name not in KERAS[n]]
    assert not [(n, name) for n, names in OURS.items() for name in names if name in KERAS[n]]


def names_for_checkers():
    """The names that `kerasfront/__init__.py` imports for type checkers, each with the module it comes from."""
    tree = ast.parse((ROOT / "kerasfront/__init__.py").read_text(encoding="utf-8"))
    branches = [n for n in tree.body if isinstance(n, ast.If) and getattr(n.test, "id", "") == "TYPE_CHECKING"]
    imports = [node for branch in branches for node in branch.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname: node.module for node in imports for alias in node.names}


def test_type_checkers_and_the_running_program_are_told_the_same_names():
    modules = dict.fromkeys([*keras._NAMESPACES, *keras._OURS], "kerasfront")
    assert names_for_checkers() == {**modules, **keras._NAMES}


def test_every_name_that_loads_late_is_listed_and_every_listed_name_loads():
    assert set(keras.__all__) == {*keras._NAMESPACES, *keras._NAMES, "version"}
    assert keras.__all__ == sorted(keras.__all__)
    for name in keras.__all__:
        assert getattr(keras, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'kerasfront' has no attribute 'layerz'"):
        keras.layerz  # noqa: B018
