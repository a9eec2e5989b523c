"""What type checkers and editors know of the public names. `make types` checks programs, by tests/types/check.py."""

from __future__ import annotations

import sys
from pathlib import Path

import jedi

sys.path.insert(0, str(Path(__file__).parents[1] / "types"))
import bare_any


def test_few_annotations_of_public_functions_say_nothing() -> None:
    shares = bare_any.shares(list(bare_any.places()))
    assert shares["parameter"] <= 8.0 and shares["return"] <= 5.0, shares


def test_editors_complete_the_methods_of_a_model() -> None:
    program = "import kerasfront as keras\nmodel = keras.Sequential([keras.layers.Dense(3)])\nmodel."
    names = {completion.name for completion in jedi.Script(program).complete()}
    assert {"fit", "compile", "summary", "predict", "layers"} <= names
    assert len(names) > 100
