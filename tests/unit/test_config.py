import json
import os
import re
import subprocess
import sys
import warnings
from importlib.metadata import EntryPoint

import pytest

from kerasfront import config, discovery, settings
from kerasfront.errors import BackendError, ConfigError

SETTERS = {
    "floatx": (config.floatx, config.set_floatx, "float64"),
    "epsilon": (config.epsilon, config.set_epsilon, 1e-3),
    "image_data_format": (config.image_data_format, config.set_image_data_format, "channels_first"),
    "max_epochs": (config.max_epochs, config.set_max_epochs, 3),
    "max_steps_per_epoch": (config.max_steps_per_epoch, config.set_max_steps_per_epoch, 4),
    "rng": (config.rng, config.set_rng, "portable"),
}


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A process that has read nothing yet, with an empty KERAS_HOME and no variable of ours."""
    for name in ("KERAS_BACKEND", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(settings, "_state", settings._State())
    monkeypatch.setattr(settings, "_bound", None)
    return tmp_path / "home"


@pytest.fixture
def installed(monkeypatch):
    """Says which adapters and which frameworks are installed."""

    def install(*adapters, frameworks=None):
        points = {name: EntryPoint(name, f"kerasfront_{name}:adapter", "kerasfront.backends") for name in adapters}
        there = adapters if frameworks is None else frameworks
        monkeypatch.setattr(discovery, "installed_backends", lambda: points)
        monkeypatch.setattr(discovery, "_is_importable", lambda module: module in there)

    install("torch", "jax", "tensorflow", "numpy")
    return install


def write(home, content):
    home.mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (home / "keras.json").write_text(text, encoding="utf-8")


def fresh(code, **environment):
    """Runs code in a new process; returns what it prints."""
    env = {**os.environ, **environment}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- which backend ---


def test_the_environment_comes_before_the_file(monkeypatch, home, installed):
    write(home, {"backend": "jax"})
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    assert config.backend() == "numpy"
    assert config.origin("backend") == "environment variable KERAS_BACKEND"


def test_the_file_comes_before_what_is_installed(home, installed):
    write(home, {"backend": "jax"})
    assert config.backend() == "jax"
    assert config.origin("backend") == str(home / "keras.json")


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (("numpy", "tensorflow", "jax", "torch"), "torch"),
        (("numpy", "tensorflow", "jax"), "jax"),
        (("numpy", "tensorflow"), "tensorflow"),
        (("numpy",), "numpy"),
    ],
)
def test_else_the_first_one_whose_framework_is_there(installed, there, expected):
    installed("torch", "jax", "tensorflow", "numpy", frameworks=there)
    assert config.backend() == expected
    assert config.origin("backend") == "default"


def test_an_empty_variable_counts_as_unset(monkeypatch, installed):
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert config.backend() == "torch"


def test_an_outside_adapter_is_used_when_asked_for_only(monkeypatch, installed):
    installed("acme", "numpy", frameworks=("numpy",))
    assert config.usable_backends() == ["numpy", "acme"]
    assert config.backend() == "numpy"
    config.set_backend("acme")
    assert config.backend() == "acme"


def test_keras_home_defaults_to_the_users_own(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert settings.config_file() == tmp_path / ".keras" / "keras.json"
    monkeypatch.setenv("KERAS_HOME", "~/settings")
    assert settings.config_file() == tmp_path / "settings" / "keras.json"


def test_no_backend_at_all(installed):
    installed("torch", frameworks=())
    with pytest.raises(BackendError, match=re.escape('pip install "kerasfront[torch]"')):
        config.backend()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("troch", "torch"),
        ("PyTorch", "torch"),
        ("tf", "tensorflow"),
        ("JAX", "jax"),
        ("tensorflw", "tensorflow"),
    ],
)
def test_an_unknown_name_suggests_lists_and_says_how_to_install(monkeypatch, installed, name, meant):
    installed("torch", "jax", "tensorflow", "numpy", frameworks=("jax", "numpy"))
    monkeypatch.setenv("KERAS_BACKEND", name)
    with pytest.raises(BackendError) as caught:
        config.backend()
    message = str(caught.value)
    assert f"No backend is called {name!r} (from environment variable KERAS_BACKEND)." in message
    assert f"Did you mean '{meant}'?" in message
    assert "usable here: jax, numpy" in message
    assert f'pip install "kerasfront[{meant}]"' in message


def test_a_name_like_nothing_gets_no_suggestion(installed):
    with pytest.raises(BackendError) as caught:
        config.set_backend("qqq")
    assert "Did you mean" not in str(caught.value)
    assert 'pip install "kerasfront[torch]"' in str(caught.value)


def test_a_missing_framework_names_the_command(home, installed):
    installed("torch", "jax", "tensorflow", "numpy", frameworks=("numpy",))
    write(home, {"backend": "jax"})
    with pytest.raises(BackendError) as caught:
        config.backend()
    message = str(caught.value)
    assert f"Backend 'jax' (from {home / 'keras.json'}) can't be used: the package jax isn't installed." in message
    assert 'pip install "kerasfront[jax]"' in message


KERAS_DEFAULTS = {"floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow", "image_data_format": "channels_last"}


@pytest.mark.parametrize("content", [KERAS_DEFAULTS, {**KERAS_DEFAULTS, "nnx_enabled": False}])
def test_what_keras_wrote_unasked_stops_nobody(home, installed, content):
    installed("torch", "jax", "tensorflow", "numpy", frameworks=("torch", "numpy"))
    write(home, content)
    with pytest.warns(UserWarning, match=r"keras\.json, which Keras wrote .* 'tensorflow', .* takes 'torch'"):
        assert config.backend() == "torch"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert config.backend() == "torch"  # it is said once
    assert config.origin("backend") == "default"
    assert config.floatx() == "float32" and config.origin("floatx") == str(home / "keras.json")


def test_what_keras_wrote_holds_where_it_can(home, installed):
    write(home, KERAS_DEFAULTS)
    assert config.backend() == "tensorflow"
    assert config.origin("backend") == str(home / "keras.json")


@pytest.mark.parametrize("content", [{"backend": "tensorflow"}, {**KERAS_DEFAULTS, "floatx": "float64"}])
def test_what_somebody_wrote_is_meant(home, installed, content):
    installed("torch", "tensorflow", frameworks=("torch",))
    write(home, content)
    with pytest.raises(BackendError, match="the package tensorflow isn't installed"):
        config.backend()


def test_a_missing_adapter_of_ours(installed):
    installed("numpy", frameworks=("numpy", "torch"))
    with pytest.raises(BackendError, match="its adapter isn't installed"):
        config.set_backend("torch")


def test_a_framework_that_fails_to_import(installed):
    error = discovery.missing_framework("torch", ImportError("libcudart.so is missing"))
    assert isinstance(error, BackendError)
    assert "libcudart.so is missing" in str(error)


@pytest.mark.parametrize("name", ["theano", "Theano", "cntk", "mxnet", "caffe"])
def test_what_became_of_the_old_ones(monkeypatch, installed, name):
    monkeypatch.setenv("KERAS_BACKEND", name)
    with pytest.raises(BackendError, match=r"is gone\..*20\d\d|is gone\..*2\.4") as caught:
        config.backend()
    assert "usable here: torch, jax, tensorflow, numpy" in str(caught.value)


def test_set_backend_until_it_is_bound(installed):
    config.set_backend("jax")
    assert (config.backend(), config.origin("backend")) == ("jax", "set_backend()")
    config.set_backend("torch")
    settings.mark_bound("torch")
    config.set_backend("torch")
    with pytest.raises(BackendError) as caught:
        config.set_backend("jax")
    assert "can't become 'jax': this process uses 'torch' already" in str(caught.value)
    assert "KERAS_BACKEND=jax" in str(caught.value)
    assert config.backend() == "torch"


def test_set_backend_refuses_at_once(installed):
    with pytest.raises(BackendError):
        config.set_backend("troch")
    with pytest.raises(ConfigError, match="must be a string; 3 came"):
        config.set_backend(3)
    assert config.backend() == "torch"


def test_a_source_tree_has_our_adapters_without_an_installation(monkeypatch):
    monkeypatch.setattr(discovery.importlib.metadata, "entry_points", lambda group: [])
    points = discovery.installed_backends()
    assert points["numpy"].value == "kerasfront_numpy:adapter"
    assert points["numpy"].group == "kerasfront.backends"


# --- the file ---


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ('{"backend": "torch"', "line 1, column 20", "delimiter"),
        ('{\n  "backend": torch\n}', "line 2, column 14", "Expecting value"),
        ("", "line 1, column 1", "Expecting value"),
    ],
)
def test_malformed_json_says_where_and_what(home, text, where, what):
    write(home, text)
    with pytest.raises(ConfigError) as caught:
        config.floatx()
    assert f"{home / 'keras.json'}, {where}" in str(caught.value)
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("content", "key", "expected"),
    [
        ({"backend": 3}, "backend", "name of a backend"),
        ({"floatx": "float23"}, "floatx", "float16, bfloat16, float32, float64"),
        ({"floatx": None}, "floatx", "float16"),
        ({"epsilon": "1e-7"}, "epsilon", "a positive number"),
        ({"epsilon": True}, "epsilon", "a positive number"),
        ({"epsilon": 0}, "epsilon", "a positive number"),
        ({"image_data_format": "first"}, "image_data_format", "channels_last or channels_first"),
    ],
)
def test_wrong_values_in_the_file_name_the_key(home, content, key, expected):
    write(home, content)
    with pytest.raises(ConfigError) as caught:
        config.floatx()
    assert f"{home / 'keras.json'}: key '{key}' must be" in str(caught.value)
    assert expected in str(caught.value)


@pytest.mark.parametrize("content", [[], "torch", 3, None])
def test_the_file_holds_an_object(home, content):
    write(home, json.dumps(content))
    with pytest.raises(ConfigError, match="expected a JSON object"):
        config.floatx()


def test_a_file_that_is_no_text(home):
    home.mkdir()
    (home / "keras.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="can't be read"):
        config.floatx()


def test_keras_own_file_is_read(home, installed):
    write(home, {"floatx": "float16", "epsilon": 1e-5, "backend": "jax", "image_data_format": "channels_first"})
    assert (config.floatx(), config.epsilon()) == ("float16", 1e-5)
    assert (config.backend(), config.image_data_format()) == ("jax", "channels_first")
    assert config.origin("floatx") == str(home / "keras.json")


def test_an_unknown_key_warns_once_with_a_suggestion(home, recwarn):
    write(home, {"flaotx": "float16"})
    assert (config.floatx(), config.epsilon()) == ("float32", 1e-7)
    assert [str(w.message) for w in recwarn] == [
        f"{home / 'keras.json'}: key 'flaotx' is unknown and ignored. Did you mean 'floatx'?"
    ]


# --- the settings ---


def test_defaults():
    assert config.floatx() == "float32"
    assert config.epsilon() == 1e-7
    assert config.image_data_format() == "channels_last"
    assert config.rng() == "native"
    assert config.max_epochs() is None
    assert config.max_steps_per_epoch() is None
    assert config.is_flash_attention_enabled() is None
    assert config.is_interactive_logging_enabled() is True
    assert config.is_traceback_filtering_enabled() is True
    assert config.is_nnx_enabled() is False
    assert config.origin("floatx") == "default"


@pytest.mark.parametrize("key", SETTERS)
def test_what_is_set_is_got(key):
    get, set_, value = SETTERS[key]
    set_(value)
    assert get() == value
    assert config.origin(key) == f"set_{key}()"


@pytest.mark.parametrize(
    ("set_", "value", "text"),
    [
        (config.set_floatx, "int8", "float16, bfloat16, float32, float64; 'int8' came"),
        (config.set_floatx, "flaot32", "Did you mean 'float32'?"),
        (config.set_floatx, None, "None came"),
        (config.set_epsilon, "a", "a positive number"),
        (config.set_epsilon, -1, "a positive number"),
        (config.set_epsilon, float("nan"), "a positive number"),
        (config.set_image_data_format, "channel_last", "Did you mean 'channels_last'?"),
        (config.set_image_data_format, None, "`data_format` must be"),
        (config.set_rng, "fast", "native or portable"),
        (config.set_max_epochs, -1, "an int of at least 0, or None"),
        (config.set_max_steps_per_epoch, 1.5, "an int of at least 0, or None"),
    ],
)
def test_wrong_values_are_refused(set_, value, text):
    with pytest.raises(ConfigError, match=re.escape(text)):
        set_(value)


def test_image_data_format_in_any_case():
    config.set_image_data_format("CHANNELS_FIRST")
    assert config.image_data_format() == "channels_first"


@pytest.mark.parametrize("name", ["flash_attention", "interactive_logging", "traceback_filtering"])
def test_switches(name):
    getattr(config, f"disable_{name}")()
    assert getattr(config, f"is_{name}_enabled")() is False
    assert config.origin(name) == f"disable_{name}()"
    getattr(config, f"enable_{name}")()
    assert getattr(config, f"is_{name}_enabled")() is True


def test_limits_from_the_environment(monkeypatch):
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "3")
    monkeypatch.setenv("KERAS_MAX_STEPS_PER_EPOCH", "many")
    assert config.max_epochs() == 3
    assert config.origin("max_epochs") == "environment variable KERAS_MAX_EPOCHS"
    with pytest.raises(ConfigError, match="KERAS_MAX_STEPS_PER_EPOCH must be an int of at least 0.*'many' came"):
        config.max_steps_per_epoch()


def test_origin_of_no_setting():
    with pytest.raises(ConfigError, match="no setting 'float'. Did you mean 'floatx'"):
        config.origin("float")


# --- a fresh process ---

REPORT = """
import json, sys
before = set(sys.modules)
from kerasfront import config, discovery, settings
name = config.backend()
print(json.dumps([name, sorted({"torch", "jax", "tensorflow", "keras"} & set(sys.modules))]))
"""


def test_choosing_imports_no_framework_and_writes_nothing(tmp_path):
    home = tmp_path / "fresh"
    name, loaded = json.loads(fresh(REPORT, KERAS_HOME=str(home), HOME=str(tmp_path)))
    assert name in config.usable_backends()
    assert loaded == []
    assert not home.exists()
    assert not (tmp_path / ".keras").exists()


def test_a_usable_backend_of_a_source_tree_can_be_loaded():
    code = (
        "import importlib.metadata\n"
        "importlib.metadata.entry_points = lambda group: []\n"  # as where nothing was installed
        "import kerasfront as keras\n"
        "from kerasfront import contract\n"
        "print([contract.load(name).name for name in keras.config.usable_backends() if name == 'numpy'])\n"
    )
    assert fresh(code) == "['numpy']"


def test_settings_import_nothing_heavy():
    code = (
        "import sys, types, pathlib, importlib.util\n"
        "root = pathlib.Path(importlib.util.find_spec('kerasfront').origin).parent\n"
        "package = types.ModuleType('kerasfront'); package.__path__ = [str(root)]\n"
        "sys.modules['kerasfront'] = package\n"
        "import kerasfront.settings\n"
        "print(sorted({'numpy', 'optree', 'h5py', 'rich', 'typer'} & set(sys.modules)))\n"
    )
    assert fresh(code) == "[]"


# --- doctor ---


def doctor(*options, **environment):
    env = {**os.environ, "COLUMNS": "200", **environment}
    command = [sys.executable, "-c", "from kerasfront.cli import main; main()", "doctor", *options]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_doctor_says_what_is_chosen_and_why(home):
    write(home, {"floatx": "float64"})
    done = doctor(KERAS_BACKEND="numpy")
    assert done.returncode == 0, done.stderr
    assert re.search(r"numpy\s.*usable, chosen", done.stdout)
    assert re.search(r"backend\s.*numpy\s.*environment variable KERAS_BACKEND", done.stdout)
    assert re.search(rf"floatx\s.*float64\s.*{re.escape(str(home / 'keras.json'))}", done.stdout)
    assert re.search(r"epsilon\s.*1e-07\s.*default", done.stdout)


def test_doctor_reports_a_broken_file_and_fails(home):
    write(home, "{")
    done = doctor(KERAS_BACKEND="numpy")
    assert done.returncode == 1
    assert "line 1, column 2" in done.stdout
    assert "Traceback" not in done.stderr


def test_doctor_reports_an_unknown_backend_and_fails():
    done = doctor(KERAS_BACKEND="nunpy")
    assert done.returncode == 1
    assert "Did you mean 'numpy'?" in done.stdout


def test_doctor_lists_devices():
    done = doctor("--devices", KERAS_BACKEND="numpy")
    assert done.returncode == 0, done.stderr
    assert re.search(r"numpy\s.*cpu", done.stdout)
