"""An error that nobody catches, as Python and pytest print it."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
import kerasfront as keras

class Mine(keras.layers.Layer):
    def call(self, x):
        return keras.ops.matmul(x, keras.ops.ones((7, 3)))

def test_it():
    model = keras.Sequential([keras.layers.Dense(4), Mine()])
    model.predict(np.ones((8, 4)), verbose=0)
"""


@pytest.mark.parametrize(
    "command", [["-c", "import program; program.test_it()"], ["-m", "pytest", "-p", "no:cacheprovider", "program.py"]]
)
def test_uncaught(tmp_path, command):
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {**os.environ, "KERAS_BACKEND": "numpy", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "return keras.ops.matmul(x, keras.ops.ones((7, 3)))" in said and "can't contract the shapes" in said
    places = [line for line in said.splitlines() if ".py:" in line or "File " in line or "<kerasfront op" in line]
    assert len([line for line in places if "program.py" not in line and "kerasfront" in line]) <= 3, said
