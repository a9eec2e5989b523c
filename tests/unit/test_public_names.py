"""The public names: Keras's list, less what isn't there yet, and a declared list of ours; nothing else shows."""

import ast
from pathlib import Path

import pytest

import kerasfront as keras

ROOT = Path(__file__).resolve().parent.parent.parent


def names_for_checkers():
    """The names that `kerasfront/__init__.py` imports for type checkers, each with the module it comes from."""
    tree = ast.parse((ROOT / "kerasfront/__init__.py").read_text(encoding="utf-8"))
    branches = [n for n in tree.body if isinstance(n, ast.If) and getattr(n.test, "id", "") == "TYPE_CHECKING"]
    imports = [node for branch in branches for node in branch.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname: node.module for node in imports for alias in node.names}


def test_type_checkers_and_the_running_program_are_told_the_same_names():
    assert names_for_checkers() == {**dict.fromkeys(keras._NAMESPACES, "kerasfront"), **keras._NAMES}


def test_every_name_that_loads_late_is_listed_and_every_listed_name_loads():
    # The conformance suite is for adapters' authors, so it isn't listed. `version` is there from the start.
    assert set(keras.__all__) == {*keras._NAMESPACES, *keras._NAMES} - {"testing"} | {"version"}
    assert keras.__all__ == sorted(keras.__all__)
    for name in keras.__all__:
        assert getattr(keras, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'kerasfront' has no attribute 'layerz'"):
        keras.layerz  # noqa: B018
