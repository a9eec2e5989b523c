"""Hostile files, made anew by each test: every entrance refuses them with an error of kerasfront's own.

While one is loaded nothing is imported, run, unpickled or connected to, nothing outside its folder is read,
and no memory is taken beyond a budget.
"""

import base64
import contextlib
import io
import json
import marshal
import os
import pickle
import resource
import struct
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers
from kerasfront.errors import BackendError, KerasFrontError, SavingError

MIB = 2**20
_FORBIDDEN = (
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "ctypes.dlopen"),
    *("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request"),
    *("pickle.find_class", "code.__new__"),
)
_seen: list[str] | None = None


def _audit(event, args):
    if _seen is None:
        return
    if event in _FORBIDDEN:
        _seen.append(f"{event} {args}")
    elif event == "marshal.loads" and b"pwned" in bytes(args[0]):  # any import of a .pyc file is such an event
        _seen.append(event)
    elif event == "open" and isinstance(args[0], str | bytes) and "passwd" in os.fsdecode(args[0]):
        _seen.append(f"open {args[0]}")
    elif event == "import" and "hostile" in str(args[0]):
        _seen.append(f"import {args[0]}")


sys.addaudithook(_audit)


@contextlib.contextmanager
def watched(most=400 * MIB):
    """Inside, forbidden events are errors, and so is memory beyond `most` bytes."""
    global _seen
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _seen = []
    try:
        yield
    finally:
        seen, _seen = _seen, None
    assert not seen
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < most


@contextlib.contextmanager
def refused(match=None, errors=KerasFrontError):
    with watched(), pytest.raises(errors, match=match):
        yield


def plain(units=3):
    return keras.Sequential([keras.Input((4,)), layers.Dense(units, name="d")], name="m")


def config_of(cls, config, module="keras.layers", **more):
    return {"module": module, "class_name": cls, "config": config, "registered_name": None, **more}


def in_sequential(*entries):
    first = config_of("InputLayer", {"batch_shape": [None, 4], "dtype": "float32", "name": "x"})
    return config_of("Sequential", {"name": "m", "layers": [first, *entries]}, module="keras")


def archive(path, config, weights=None, **members):
    """A .keras file of this config; its weights are those of a small model, or the bytes given."""
    if weights is None:
        plain().save(path)
        with zipfile.ZipFile(path) as good:
            weights = good.read("model.weights.h5")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "3.15.1", "date_saved": ""}))
        file.writestr("config.json", config if isinstance(config, str | bytes) else json.dumps(config))
        file.writestr("model.weights.h5", weights)
        for name, content in members.items():
            file.writestr(name, content)
    return path


ENTRANCES = {
    "load_model": lambda config, folder: keras.saving.load_model(archive(folder / "m.keras", config)),
    "load_model_of_a_folder": lambda config, folder: keras.saving.load_model(unzipped(config, folder)),
    "model_from_json": lambda config, folder: keras.models.model_from_json(json.dumps(config)),
    "layers.deserialize": lambda config, folder: keras.layers.deserialize(config),
    "deserialize_keras_object": lambda config, folder: keras.saving.deserialize_keras_object(config),
    "from_config": lambda config, folder: keras.Sequential.from_config(config["config"]),
}


def unzipped(config, folder):
    with zipfile.ZipFile(archive(folder / "z.keras", config)) as file:
        file.extractall(folder / "f.keras")
    return folder / "f.keras"


# ---- code in configs --------------------------------------------------------------------------------------


def bytecode():
    code = compile("__import__('os').system('touch pwned')", "hostile", "eval")
    return {"class_name": "__lambda__", "config": {"code": base64.b64encode(marshal.dumps(code)).decode(),
                                                   "defaults": None, "closure": None}}  # fmt: skip


def old_bytecode():
    value = base64.b64encode(marshal.dumps(compile("1", "hostile", "eval"))).decode()
    return {"class_name": "__lambda__", "config": {"value": [value, None, None]}}


HOSTILE = {
    "CVE-2024-3660, bytecode": lambda: config_of("Lambda", {"name": "l", "function": bytecode()}),
    "bytecode as a list": lambda: config_of("Lambda", {"name": "l", "function": old_bytecode()}),
    "bytecode as a type": lambda: config_of(
        "Lambda",
        {
            "name": "l",
            "function_type": "lambda",
            "function": [old_bytecode()["config"]["value"][0], None, None],
        },
    ),
    "bytecode in an activation": lambda: config_of("Activation", {"name": "l", "activation": bytecode()}),
    "bytecode in a regularizer": lambda: config_of(
        "Dense", {"name": "l", "units": 2, "kernel_regularizer": {"inner": [bytecode()]}}
    ),
    "CVE-2025-1550, any function": lambda: config_of(
        "Lambda", {"name": "l", "function": config_of("function", "system", "os", registered_name="function")}
    ),
    "CVE-2025-1550, any class": lambda: config_of("Popen", {"args": ["touch", "pwned"]}, module="subprocess"),
    "CVE-2025-1550, a module of its own": lambda: config_of("Hostile", {}, module="hostile_module"),
    "CVE-2025-8747, functions of the package": lambda: config_of(
        "Lambda",
        {
            "name": "l",
            "function": config_of("function", "get_file", "keras.utils", registered_name="function"),
            "arguments": {"fname": "x", "origin": "http://127.0.0.1:9/x"},
        },
    ),
    "CVE-2025-8747, load_model": lambda: config_of(
        "Lambda",
        {
            "name": "l",
            "function": config_of("function", "load_model", "keras.saving", registered_name="function"),
        },
    ),
    "CVE-2025-9906, a switch": lambda: config_of(
        "Lambda",
        {
            "name": "l",
            "function": config_of(
                "function", "enable_unsafe_deserialization", "keras.config", registered_name="function"
            ),
        },
    ),
    "CVE-2025-49655, pickle": lambda: config_of(
        "TorchModuleWrapper",
        {
            "name": "l",
            "module": {"class_name": "__bytes__", "config": {"value": pickle.dumps(os.getcwd, 0).decode()}},
        },
    ),
    "CVE-2026-1462, a SavedModel": lambda: config_of("TFSMLayer", {"name": "l", "filepath": "/etc/passwd"}),
    "CVE-2025-12058, a vocabulary file": lambda: config_of(
        "StringLookup", {"name": "l", "vocabulary": "/etc/passwd", "invert": False}
    ),
    "two names for one thing": lambda: config_of("Dense", {"units": 2}) | {"registered_name": "hostile>Evil"},
    "an unknown registered name": lambda: config_of("Evil", {}, None) | {"registered_name": "hostile>Other"},
}


@keras.saving.register_keras_serializable(package="hostile")
class Evil(layers.Layer):
    """A class that the user registered: only its own names may reach it."""

    def __init__(self, **kwargs):
        raise AssertionError("made under a wrong name")


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("name", HOSTILE)
def test_code_and_names(name, entrance, tmp_path, monkeypatch):
    (tmp_path / "hostile_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    # A class itself says what is wrong with an argument, or that it belongs to another backend; the entrances for files
    # name the file as well.
    own = (ValueError, TypeError, BackendError)
    errors = KerasFrontError if entrance.startswith(("load_model", "model_from")) else own
    with refused(errors=errors):
        ENTRANCES[entrance](in_sequential(HOSTILE[name]()), tmp_path)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("safe_mode", [True, False])
def test_bytecode_does_not_run_when_safe_mode_is_off_either(safe_mode, tmp_path):
    path = archive(tmp_path / "m.keras", in_sequential(HOSTILE["CVE-2024-3660, bytecode"]()))
    with refused("bytecode"):
        keras.saving.load_model(path, safe_mode=safe_mode)


@pytest.mark.parametrize("safe_mode", [None, 0, 1, "False"])
def test_safe_mode_has_two_states(safe_mode, tmp_path):
    path = archive(tmp_path / "m.keras", in_sequential())
    with refused("safe_mode"):
        keras.saving.load_model(path, safe_mode=safe_mode)
    with refused("safe_mode"):
        keras.models.model_from_json("{}", safe_mode=safe_mode)


@pytest.mark.parametrize("name", ["m.h5", "m.hdf5"])
def test_there_is_no_second_entrance(name, tmp_path):
    with h5py.File(tmp_path / name, "w") as file:
        file.attrs["model_config"] = json.dumps(in_sequential(HOSTILE["CVE-2024-3660, bytecode"]()))
        file.create_group("model_weights").attrs["layer_names"] = [b"l"]
    with refused():
        keras.saving.load_model(tmp_path / name)
    with refused():
        plain().load_weights(tmp_path / name)


# ---- configs of the wrong kind, or too much of them -------------------------------------------------------

DENSE = {"name": "d", "units": 3}
WRONG = {
    "a list as the config": in_sequential([]),
    "a number as a layer": in_sequential(3),
    "a string as a shape": in_sequential(config_of("Reshape", {"name": "r", "target_shape": "abc"})),
    "a dict as units": in_sequential(config_of("Dense", {"name": "d", "units": {"a": 1}})),
    "negative units": in_sequential(config_of("Dense", {"name": "d", "units": -3})),
    "layers as a dict": config_of("Sequential", {"name": "m", "layers": {"a": 1}}, module="keras"),
    "layers as a number": config_of("Sequential", {"name": "m", "layers": 7}, module="keras"),
    "a graph of nothing": config_of(
        "Functional",
        {"name": "m", "layers": [], "input_layers": [["x", 0, 0]], "output_layers": [["x", 0, 0]]},
        "keras",
    ),
    "a graph of numbers": config_of(
        "Functional", {"name": "m", "layers": [1], "input_layers": 3, "output_layers": None}, "keras"
    ),
    "a build_config of the wrong kind": in_sequential(config_of("Dense", DENSE, build_config={"input_shape": "x"})),
    "a loop in a graph": config_of(
        "Functional",
        {
            "name": "m",
            "layers": [
                config_of("Dense", DENSE)
                | {
                    "name": "d",
                    "inbound_nodes": [
                        {
                            "args": [
                                {
                                    "class_name": "__keras_tensor__",
                                    "config": {
                                        "shape": [None, 3],
                                        "dtype": "float32",
                                        "keras_history": ["d", 0, 0],
                                    },
                                }
                            ],
                            "kwargs": {},
                        }
                    ],
                }
            ],
            "input_layers": [["d", 0, 0]],
            "output_layers": [["d", 0, 0]],
        },
        "keras",
    ),
    "no model": config_of("Zeros", {}, "keras.initializers"),
    "nothing": {},
}


@pytest.mark.parametrize("entrance", ["load_model", "model_from_json"])
@pytest.mark.parametrize("name", WRONG)
def test_configs_of_the_wrong_kind(name, entrance, tmp_path):
    with refused():
        ENTRANCES[entrance](WRONG[name], tmp_path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[]", "3", "null", "{", "\x00", b"\xff\xfe"])
def test_json_that_is_none(text, tmp_path):
    with refused():
        keras.saving.load_model(archive(tmp_path / "m.keras", text))
    if isinstance(text, str):
        with refused():
            keras.models.model_from_json(text)


def nested_models(depth):
    config = config_of("Dense", DENSE)
    for _ in range(depth):
        config = in_sequential(config)
    return config


@pytest.mark.parametrize("entrance", ["load_model", "model_from_json", "layers.deserialize"])
def test_models_nested_ten_thousand_deep(entrance, tmp_path):
    text = '{"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": ['
    with refused("deep|JSON"):
        if entrance == "load_model":
            keras.saving.load_model(archive(tmp_path / "m.keras", text * 10_000 + "]}}" * 10_000))
        elif entrance == "model_from_json":
            keras.models.model_from_json(text * 10_000 + "]}}" * 10_000)
        else:
            keras.layers.deserialize(nested_models(150))


def test_a_hundred_megabytes_of_json(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("metadata.json", "{}")
        with file.open("config.json", "w") as member:
            member.write(b'{"a": "')
            for _ in range(100):
                member.write(b" " * MIB)
            member.write(b'"}')
        file.writestr("model.weights.h5", b"")
    (tmp_path / "m.keras").write_bytes(packed.getvalue())
    assert len(packed.getvalue()) < MIB
    with refused("larger"):
        keras.saving.load_model(tmp_path / "m.keras")
    with refused("larger"):
        keras.models.model_from_json(" " * 101, limits=keras.saving.Limits(config_bytes=100))


@pytest.mark.parametrize("units", [10**7, 10**9, 10**12, 10**30])
def test_huge_units_allocate_nothing(units, tmp_path):
    config = in_sequential(config_of("Dense", {"name": "d", "units": units}, build_config={"input_shape": [None, 4]}))
    with refused("bytes of variables"):
        keras.saving.load_model(archive(tmp_path / "m.keras", config))
    with refused("bytes of variables"):
        keras.models.model_from_json(json.dumps(config), limits=keras.saving.Limits(variable_bytes=64 * MIB))
    if units >= 10**12:
        with refused("bytes of variables"):
            keras.models.model_from_json(json.dumps(config))
        with refused("bytes of variables"):
            keras.layers.deserialize(config)
        with refused("bytes of variables"):
            keras.Sequential.from_config(config["config"])


# ---- HDF5 -------------------------------------------------------------------------------------------------


def weights_file(path, change):
    """The weights of a small model, changed by a function of the open file."""
    plain().save_weights(path)
    with h5py.File(path, "r+") as file:
        change(file, path.parent)
    return path


def huge_shape(file, folder):
    del file["layers/dense/vars/0"]
    file.create_dataset("layers/dense/vars/0", shape=(10**6, 10**6, 10**6), dtype="f4")


def huge_packed_shape(file, folder):
    del file["layers/dense/vars/0"]
    file.create_dataset("layers/dense/vars/0", shape=(10**6, 10**6), chunks=(100, 100), dtype="f4", compression="gzip")


def huge_extra(file, folder):
    file.create_dataset("layers/extra", shape=(10**6, 10**6), dtype="f4")


def external_storage(file, folder):
    (folder / "secret.bin").write_bytes(b"s" * 48)
    del file["layers/dense/vars/0"]
    file.create_dataset("layers/dense/vars/0", shape=(4, 3), dtype="f4", external=[(str(folder / "secret.bin"), 0, 48)])


def virtual_dataset(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["secret"] = np.ones((4, 3), "f4")
    del file["layers/dense/vars/0"]
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource(folder / "other.h5", "secret", (4, 3))
    file.create_virtual_dataset("layers/dense/vars/0", layout)


def external_link(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["secret"] = np.ones((4, 3), "f4")
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.ExternalLink(str(folder / "other.h5"), "/secret")


def external_group(file, folder):
    external_link(file, folder)
    del file["layers/dense/vars"]
    file["layers/dense/vars"] = h5py.ExternalLink(str(folder / "other.h5"), "/")


def soft_link(file, folder):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.SoftLink("/layers/dense/vars/1")


def soft_group(file, folder):
    file["layers/again"] = h5py.SoftLink("/layers")


def second_name(file, folder):
    file["layers/again"] = file["layers/dense/vars/0"]


def loop(file, folder):
    file["layers/dense/loop"] = file["layers"]


def deep(file, folder):
    group = file
    for _ in range(500):
        group = group.create_group("g")


def objects(file, folder):
    del file["layers/dense/vars/0"]
    file.create_dataset("layers/dense/vars/0", data=["text"] * 12, dtype=h5py.string_dtype())


def references(file, folder):
    del file["layers/dense/vars/0"]
    file.create_dataset("layers/dense/vars/0", data=[file.ref] * 12, dtype=h5py.ref_dtype)


def raw_bytes(file, folder):
    del file["layers/dense/vars/0"]
    data = np.zeros((4, 3), "V2")
    file.create_dataset("layers/dense/vars/0", data=data).attrs["dtype"] = "object"


def named_type(file, folder):
    file["layers/type"] = np.dtype("f4")


def empty(file, folder):
    del file["layers/dense/vars/0"]
    file.create_dataset("layers/dense/vars/0", data=h5py.Empty("f4"))


CHANGES = (
    *(huge_shape, huge_packed_shape, huge_extra, external_storage, virtual_dataset, external_link),
    *(external_group, soft_link, soft_group, second_name, loop, deep),
    *(objects, references, raw_bytes, named_type, empty),
)


@pytest.mark.parametrize("change", CHANGES)
def test_weights_files(change, tmp_path):
    path = weights_file(tmp_path / "w.weights.h5", change)
    model = plain()
    before = model.get_weights()
    for arguments in ({}, {"skip_mismatch": True}):
        with refused():
            model.load_weights(path, **arguments)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    whole = archive(tmp_path / "m.keras", json.loads(plain().to_json()), weights=path.read_bytes())
    with refused():
        keras.saving.load_model(whole)
    (tmp_path / "s.weights.json").write_text(
        json.dumps({"metadata": {}, "weight_map": {"/layers/dense/vars": ["w.weights.h5"]}})
    )
    with refused():
        model.load_weights(tmp_path / "s.weights.json")


@pytest.mark.parametrize("name", ["../w.weights.h5", "/etc/passwd", "sub/w.weights.h5", "..\\w.weights.h5", 3, ".", ""])
def test_shards_lie_beside_their_list(name, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    plain().save_weights(tmp_path / "w.weights.h5")
    (inner / "s.weights.json").write_text(json.dumps({"weight_map": {"/layers/dense/vars": [name]}}))
    with refused():
        plain().load_weights(inner / "s.weights.json")


def test_a_safetensors_file_that_declares_too_much(tmp_path):
    header = json.dumps({"layers/dense/0": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}})
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode())
    with refused():
        plain().load_weights(tmp_path / "w.safetensors")


# ---- zip --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["extra.bin", "../outside.txt", "/tmp/outside.txt", "assets/../../outside.txt", "assets/..\\outside.txt",
     "assets//x", "assets/C:x", "model.weights.h5/x"],
)  # fmt: skip
def test_members_that_no_archive_has(name, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    path = archive(inner / "m.keras", json.loads(plain().to_json()), **{name: "content"})
    with refused():
        keras.saving.load_model(path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["inner", "m.keras"]


def test_one_name_twice(tmp_path):
    path = archive(tmp_path / "m.keras", json.loads(plain().to_json()))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as file:
        file.writestr("config.json", "{}")
    with refused("several members"):
        keras.saving.load_model(path)


def test_a_zip_bomb_of_weights(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("metadata.json", "{}")
        file.writestr("config.json", plain().to_json())
        with file.open("model.weights.h5", "w") as member:
            for _ in range(64):
                member.write(bytes(4 * MIB))
    with refused("larger"):
        keras.saving.load_model(tmp_path / "m.keras", limits=keras.saving.Limits(weight_bytes=100 * MIB))


def test_a_size_that_lies(tmp_path):
    path = archive(tmp_path / "m.keras", json.loads(plain().to_json()))
    whole = bytearray(path.read_bytes())
    place = whole.rfind(b"model.weights.h5") - 46  # the central directory's entry
    whole[place + 24 : place + 28] = struct.pack("<L", 2**31)
    path.write_bytes(whole)
    with refused():
        keras.saving.load_model(path)


@keras.saving.register_keras_serializable(package="tests")
class WithFiles(layers.Layer):
    found: list[str] = []

    def call(self, inputs):
        return inputs

    def load_assets(self, folder):
        WithFiles.found = sorted(os.listdir(folder))


def test_too_many_bytes_of_assets(tmp_path):
    config = in_sequential({"module": None, "class_name": "WithFiles", "config": {"name": "f"},
                            "registered_name": "tests>WithFiles"}, config_of("Dense", DENSE))  # fmt: skip
    path = archive(tmp_path / "m.keras", config, **{"assets/layers/with_files/a.txt": "x" * 1000})
    keras.saving.load_model(path)
    assert WithFiles.found == ["a.txt"]
    with refused("assets"):
        keras.saving.load_model(path, limits=keras.saving.Limits(asset_bytes=999))


def test_a_folder_with_a_link_out_of_it(tmp_path):
    folder = unzipped(json.loads(plain().to_json()), tmp_path)
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("/etc/passwd")
    with refused("regular"):
        keras.saving.load_model(folder)


# ---- names used as paths ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../x", "a/b", "/abs"])
def test_names_of_layers_are_no_paths(name, tmp_path):
    with pytest.raises(ValueError, match="'/'"):
        layers.Dense(2, name=name)
    config = in_sequential(config_of("Dense", {"name": name, "units": 3}))
    with refused():
        keras.saving.load_model(archive(tmp_path / "m.keras", config))
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]


def test_a_layer_named_dot_dot_stays_inside_the_archive(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="..")])
    model.save(inner / "m.keras")
    keras.saving.load_model(inner / "m.keras")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["inner", "m.keras"]


def test_attributes_are_no_paths(tmp_path):
    class Odd(keras.Model):
        def __init__(self):
            super().__init__()
            setattr(self, "../../x", layers.Dense(2))

        def call(self, inputs):
            return getattr(self, "../../x")(inputs)

    model = Odd()
    model(np.ones((1, 4), "float32"))
    with pytest.raises(SavingError, match="no path"):
        model.save_weights(Path(tmp_path, "w.weights.h5"))
