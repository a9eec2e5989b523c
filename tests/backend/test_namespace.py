"""What `from kerasfront import *` gives, and which Keras it says it is."""

import numpy as np

import kerasfront as keras


def test_a_star_import_gives_the_namespaces_and_names_of_keras():
    names = {}
    exec("from kerasfront import *", names)
    for name in (
        "Input",
        "KerasTensor",
        "Layer",
        "Model",
        "Sequential",
        "Variable",
        "layers",
        "ops",
        "losses",
        "config",
    ):
        assert names[name] is getattr(keras, name)
    model = names["Sequential"]([names["Input"]((3,)), names["layers"].Dense(2)])
    assert model.predict(np.ones((4, 3)), verbose=0).shape == (4, 2)
    assert "testing" not in names and "importlib" not in names


def test_versions():
    assert keras.version() == keras.__version__
    assert tuple(map(int, keras.__keras_version__.split("."))) >= (3, 10, 0)
