"""Objects as configs and back: Keras 3's JSON format, the closed registry, safe mode."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kerasfront as keras
from kerasfront import serialization
from kerasfront.errors import SavingError

serialize = keras.saving.serialize_keras_object
deserialize = keras.saving.deserialize_keras_object


@keras.saving.register_keras_serializable(package="tests")
class Point:
    def __init__(self, x, inner=None):
        self.x, self.inner = x, inner

    def get_config(self):
        return {"x": self.x, "inner": serialize(self.inner)}

    @classmethod
    def from_config(cls, config):
        return cls(config["x"], serialization.revive(config["inner"]))


@keras.saving.register_keras_serializable(package="tests", name="twice")
def double(x):
    return x * 2


class Stranger:
    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls()


@pytest.fixture
def clean():
    before = dict(keras.saving.get_custom_objects())
    yield
    keras.saving.get_custom_objects().clear()
    keras.saving.get_custom_objects().update(before)


# ---- the format -------------------------------------------------------------------------------------------


def test_plain_values_stay():
    value = {"a": [1, 2.5, None, True, "x"], "b": {}}
    assert serialize(value) == value
    assert deserialize(value) == value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text().filter(lambda k: k not in ("class_name", "config")), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(json_values)
def test_nested_values_survive_json(value):
    assert deserialize(json.loads(json.dumps(serialize(value)))) == value


def test_scalars_of_numpy_become_python_values():
    assert serialize([np.float32(2.5), np.int64(3), np.array(4.0), np.bool_(True)]) == [2.5, 3, 4.0, True]
    assert [type(v) for v in serialize([np.float32(2.5), np.int64(3)])] == [float, int]


def test_keras_writes_these_configs():
    # What Keras 3.15 writes for the same objects.
    assert serialize(slice(1, None, 2)) == {
        "class_name": "__slice__",
        "config": {"start": 1, "stop": None, "step": 2},
    }
    assert serialize(Ellipsis) == {"class_name": "__ellipsis__", "config": {}}
    assert serialize(b"ab") == {"class_name": "__bytes__", "config": {"value": "ab"}}
    assert serialize(np.arange(3.0)) == {
        "class_name": "__numpy__",
        "config": {"value": [0.0, 1.0, 2.0], "dtype": "float64"},
    }
    assert serialize((1, (2, 3))) == [1, [2, 3]]
    assert serialize(keras.initializers.RandomNormal(seed=3)) == {
        "module": "keras.initializers",
        "class_name": "RandomNormal",
        "config": {"seed": 3, "mean": 0.0, "stddev": 0.05},
        "registered_name": None,
    }
    assert serialize(keras.activations.relu) == {
        "module": "builtins",
        "class_name": "function",
        "config": "relu",
        "registered_name": "function",
    }
    assert serialize(keras.DTypePolicy("mixed_float16")) == {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": "mixed_float16"},
        "registered_name": None,
    }
    assert serialize(double)["config"] == "tests>twice"


@pytest.mark.parametrize("value", [slice(None, 3), Ellipsis, b"bytes", [slice(1, 2), ...]])
def test_special_values_survive_json(value):
    assert deserialize(json.loads(json.dumps(serialize(value)))) == value


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool", "uint32", "float16"])
def test_arrays_survive_json(dtype):
    array = np.array([[0, 1], [1, 0]], dtype)
    again = deserialize(json.loads(json.dumps(serialize(array))))
    assert again.dtype == array.dtype and (again == array).all()


def test_tensors_and_variables_come_back_as_tensors():
    config = serialize([keras.ops.convert_to_tensor([1.5]), keras.Variable([2.5])])
    # On the NumPy backend a tensor is an array.
    assert [c["class_name"] for c in config] == ["__numpy__", "__tensor__"]
    assert [float(keras.ops.sum(v)) for v in deserialize(config)] == [1.5, 2.5]


def test_symbolic_tensor():
    x = keras.Input((3,), name="x")
    assert serialize(x) == {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 3], "dtype": "float32", "keras_history": ["x", 0, 0]},
    }
    assert deserialize(serialize(x)).shape == (None, 3)


def test_a_layer_round_trips():
    layer = keras.layers.Dense(3, activation="relu", kernel_regularizer="l2", dtype="mixed_bfloat16", name="d")
    layer.build((None, 2))
    config = json.loads(json.dumps(serialize(layer)))
    assert config["module"] == "keras.layers" and config["build_config"] == {"input_shape": [None, 2]}
    again = deserialize(config)
    assert again.get_config() == layer.get_config()
    assert again.built and again.kernel.shape == (2, 3)


def test_user_objects_nest():
    config = json.loads(json.dumps(serialize(Point(1, [Point(2), double]))))
    assert config["registered_name"] == "tests>Point"
    again = deserialize(config)
    assert (again.x, again.inner[0].x, again.inner[1]) == (1, 2, double)


def test_shared_objects_stay_shared():
    shared = Point(5)
    config = json.loads(json.dumps(serialization.serialize_shared([shared, shared, Point(5)])))
    first, second, third = deserialize(config)
    assert first is second and third is not first


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({1, 2}, TypeError),
        (Stranger, TypeError),
        (object(), TypeError),
        ({(1, 2): 3}, TypeError),
        (np.add, TypeError),
        (lambda x: x, SavingError),
    ],
)
def test_what_cannot_be_serialised_is_refused(value, error):
    with pytest.raises(error):
        serialize(value)


# ---- names ------------------------------------------------------------------------------------------------


def test_registered_names():
    assert keras.saving.get_registered_name(Point) == "tests>Point"
    assert keras.saving.get_registered_name(double) == "tests>twice"
    assert keras.saving.get_registered_name(Stranger) == "Stranger"
    assert keras.saving.get_registered_object("tests>Point") is Point
    assert keras.saving.get_registered_object("nothing") is None
    assert keras.saving.get_registered_object("a", module_objects={"a": 1}) == 1


def test_a_class_without_a_config_is_not_registered():
    with pytest.raises(ValueError, match="get_config"):
        keras.saving.register_keras_serializable()(object)


def test_an_unregistered_class_needs_custom_objects(clean):
    config = serialize(Stranger())
    with pytest.raises(SavingError, match="register_keras_serializable.*custom_objects"):
        deserialize(config)
    assert isinstance(deserialize(config, custom_objects={"Stranger": Stranger}), Stranger)
    with keras.saving.custom_object_scope({"Stranger": Stranger}):
        assert isinstance(deserialize(config), Stranger)
    with pytest.raises(SavingError):
        deserialize(config)
    keras.saving.get_custom_objects()["Stranger"] = Stranger
    assert isinstance(deserialize(config), Stranger)


@pytest.mark.parametrize(
    ("module", "name", "suggestion"),
    [("keras.layers", "Densee", "Dense"), ("keras.optimizers", "Adm", "Adam"), (None, "Strangr", "Stranger")],
)
def test_an_unknown_class_suggests_the_nearest(module, name, suggestion):
    config = {"module": module, "class_name": name, "config": {}, "registered_name": None}
    with pytest.raises(SavingError, match=f"Did you mean '{suggestion}'"):
        deserialize(config, custom_objects={"Stranger": Stranger})


def test_an_unknown_function_suggests_the_nearest():
    config = {
        "module": "builtins",
        "class_name": "function",
        "config": "rellu",
        "registered_name": "function",
    }
    with pytest.raises(SavingError, match="Did you mean 'relu'"):
        deserialize(config)


def test_names_by_string():
    assert isinstance(deserialize("Point", module_objects={"Point": lambda: 3}), object)
    with pytest.raises(SavingError, match="Did you mean 'point'"):
        deserialize("pint", module_objects={"point": Point})


def test_the_registered_name_must_be_the_class():
    config = serialize(Point(1))
    config["class_name"] = "Dense"
    with pytest.raises(SavingError, match="two things"):
        deserialize(config)
    dense = serialize(keras.layers.Dense(2))
    dense["registered_name"] = "tests>Point"
    with pytest.raises(SavingError, match="two things"):
        deserialize(dense)


def test_keras_internal_paths_are_names_too():
    config = serialize(keras.layers.Dense(2, name="d"))
    config["module"] = "keras.src.layers.core.dense"
    assert deserialize(config).name == "d"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("kerasfront.utils", "get_file"),
        ("keras.saving", "load_model"),
        ("keras.utils", "get_file"),
        ("keras.config", "enable_unsafe_deserialization"),
        ("keras.src.saving.saving_lib", "load_model"),
        ("hostile_module", "Hostile"),
        ("keras.layers", "__class__"),
        ("keras.src", "Dense"),
    ],
)
def test_nothing_outside_the_registry_is_found(module, name, tmp_path, monkeypatch):
    (tmp_path / "hostile_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    config = {
        "module": module,
        "class_name": name,
        "config": {"origin": "file:///etc/passwd"},
        "registered_name": name,
    }
    with pytest.raises(SavingError):
        deserialize(config)
    assert "hostile_module" not in set(sys.modules) - before


@pytest.mark.parametrize("name", ["get_file", "load_model", "eval", "system", "os.system", "exec"])
def test_no_dangerous_function_has_a_name(name):
    config = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    with pytest.raises(SavingError):
        deserialize(config)


# ---- safe mode --------------------------------------------------------------------------------------------


@serialization.carries_code
class RunsCode(Stranger):
    pass


@pytest.mark.parametrize("safe_mode", [None, 0, 1, "no", [], np.bool_(False)])
def test_safe_mode_has_two_states(safe_mode):
    with pytest.raises(SavingError, match="safe_mode"):
        deserialize(serialize(Point(1)), safe_mode=safe_mode)


def test_code_needs_the_caller_to_say_so():
    config = serialize(RunsCode())
    known = {"RunsCode": RunsCode}
    with pytest.raises(SavingError, match="safe_mode=False"):
        deserialize(config, custom_objects=known)
    assert isinstance(deserialize(config, custom_objects=known, safe_mode=False), RunsCode)


def test_nothing_inside_a_load_can_leave_safe_mode():
    class Weakens(Stranger):
        @classmethod
        def from_config(cls, config):
            deserialize(config["inner"], safe_mode=False)
            return cls()

    config = {
        "module": None,
        "class_name": "Weakens",
        "config": {"inner": serialize(RunsCode())},
        "registered_name": "Weakens",
    }
    with pytest.raises(SavingError, match="safe_mode=False"):
        deserialize(config, custom_objects={"Weakens": Weakens, "RunsCode": RunsCode})


@pytest.mark.parametrize("safe_mode", [True, False])
def test_bytecode_never_runs(safe_mode):
    config = {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}
    with pytest.raises(SavingError, match="bytecode"):
        deserialize(config, safe_mode=safe_mode)


# ---- malformed configs ------------------------------------------------------------------------------------


def test_objects_nested_too_deep():
    config = None
    for _ in range(1000):
        config = {
            "module": None,
            "class_name": "Point",
            "config": {"x": 1, "inner": config},
            "registered_name": "tests>Point",
        }
    with pytest.raises(SavingError, match="too deep"):
        deserialize(config)


def test_lists_nested_too_deep():
    config = []
    for _ in range(100_000):
        config = [config]
    with pytest.raises(SavingError, match="too deep"):
        deserialize(config)
    while config:  # freed step by step: the interpreter's own recursion is limited as well
        config = config[0]


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": 3, "config": {}},
        {"class_name": ["Dense"], "config": {}},
        {"module": "keras.layers", "class_name": "Dense", "config": []},
        {"module": "keras.layers", "class_name": "Dense", "config": "units"},
        {"module": "keras.layers", "class_name": "Dense", "config": None},
        {"module": ["keras.layers"], "class_name": "Dense", "config": {}},
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}, "registered_name": 5},
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}, "build_config": [1]},
        {"module": "builtins", "class_name": "function", "config": {"name": "relu"}},
        {"class_name": "__slice__", "config": {}},
        {"class_name": "__slice__", "config": 3},
        {"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "object"}},
        {"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "string"}},
        {"class_name": "__numpy__", "config": {"value": {"a": 1}, "dtype": "float32"}},
        {"class_name": "__numpy__", "config": {"value": [1, [2]], "dtype": "float32"}},
        {"class_name": "__numpy__", "config": {"value": [1], "dtype": "float33"}},
        {"class_name": "__tensor__", "config": {"value": [1]}},
        {"class_name": "__keras_tensor__", "config": {"shape": 3, "dtype": "float32"}},
        {"class_name": "__keras_tensor__", "config": {}},
        {"class_name": "__bytes__", "config": {"value": 3}},
        {"class_name": "__tuple__", "config": {"value": 3}},
        {"class_name": "__typespec__", "spec_name": "TensorSpec", "module": "os", "config": []},
    ],
)
def test_malformed_configs_are_refused(config):
    with pytest.raises(SavingError):
        deserialize(config)


def test_a_config_of_another_class_is_refused_by_the_class():
    config = {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"unitss": 2},
        "registered_name": None,
    }
    with pytest.raises((TypeError, ValueError), match="Dense"):
        deserialize(config)
