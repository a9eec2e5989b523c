"""Importing kerasfront on one backend loads that framework only, writes nothing, and costs little beyond it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FRAMEWORKS = {"torch": "torch", "jax": "jax", "tensorflow": "tensorflow", "numpy": "numpy"}
# What costs time or memory and is needed by few: it loads when it is used.
HEAVY = ("sklearn", "scipy", "pandas", "matplotlib", "PIL", "keras", "tensorboard", "requests")

PROBE = """
import importlib, json, os, sys, time
importlib.import_module("{framework}")
before = set(sys.modules)
files = sorted(os.listdir(os.environ["KERAS_HOME"]))  # TensorFlow loads Keras, which writes its settings
start = time.process_time()
import kerasfront as keras
imported = time.process_time() - start
loaded = sorted(m for m in sys.modules if m.startswith("kerasfront"))
from kerasfront import settings
bound_by_import = settings._bound
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.predict([[1.0, 2.0]], verbose=0)
ready = time.process_time() - start
added = sorted({{m.partition(".")[0] for m in set(sys.modules) - before}})
written = sorted(set(os.listdir(os.environ["KERAS_HOME"])) - set(files))
found = dict(imported=imported, loaded=loaded, ready=ready, added=added, bound=bound_by_import, written=written)
print(json.dumps(found))
"""


def probe(backend: str, home: Path) -> dict[str, Any]:
    environment = {**os.environ, "KERAS_BACKEND": backend, "KERAS_HOME": str(home), "TF_CPP_MIN_LOG_LEVEL": "3"}
    code = PROBE.format(framework=FRAMEWORKS[backend])
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_one_backend_loads_one_framework(backend: str, tmp_path: Path) -> None:
    found = probe(backend, tmp_path)
    others = {f for f in FRAMEWORKS.values() if f not in (FRAMEWORKS[backend], "numpy")}
    assert not others & set(found["added"])
    heavy = sorted(set(HEAVY) & set(found["added"]))
    assert not heavy
    assert found["bound"] is None, "the import alone must not bind the backend"
    assert found["written"] == []
    # Names load at their first use, so the import alone brings nothing that takes time.
    assert found["loaded"] == ["kerasfront", "kerasfront.lazy", "kerasfront.version"]
    assert found["imported"] < 0.5


def test_the_choice_works_until_something_uses_it() -> None:
    code = """
import kerasfront as keras
keras.config.set_backend("numpy")
assert keras.ops.convert_to_numpy(keras.ops.add(1, 2)) == 3
assert keras.backend.backend() == "numpy"
try:
    keras.config.set_backend("torch")
except ImportError as error:
    assert "numpy" in str(error)
else:
    raise SystemExit("set_backend() after the first use must be refused")
"""
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
