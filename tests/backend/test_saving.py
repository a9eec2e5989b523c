"""Saving and loading on each backend: whole models, weights, shards, safetensors, strictness, atomicity."""

import functools
import gc
import json
import zipfile

import h5py
import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.errors import SavingError

X = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")


def values(x):
    return ops.convert_to_numpy(x)


def same(a, b, x=X):
    np.testing.assert_array_equal(values(a(x)), values(b(x)))


def sequential():
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(4, activation="relu", name="first"),
            layers.BatchNormalization(),
            layers.Dropout(0.3, seed=3),
            layers.Dense(2),
        ]
    )


def functional():
    shared = layers.Dense(3, name="shared")
    inner = keras.Sequential([layers.Dense(3), layers.Dense(3, name="last")], name="inner")
    x = keras.Input((6,), name="x")
    h = shared(x)
    h = ops.concatenate([inner(h) * 2.0, shared(x)[:, 1:], ops.mean(h, axis=-1, keepdims=True)], axis=-1)
    return keras.Model(x, {"a": layers.Dense(2, name="a")(h), "b": layers.Add()([h, h])})


@keras.saving.register_keras_serializable(package="tests")
class Block(layers.Layer):
    """A layer with layers in lists and dicts, and a variable that is made before a trainable one."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.parts = [layers.Dense(units), {"norm": layers.LayerNormalization()}]
        self._hidden = layers.Dense(units)

    def build(self, input_shape):
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")
        self.scale = self.add_weight(shape=(self.units,), initializer="ones", name="scale")
        self.parts[0].build(input_shape)
        self.parts[1]["norm"].build((None, self.units))
        self._hidden.build((None, self.units))

    def call(self, inputs):
        return self._hidden(self.parts[1]["norm"](self.parts[0](inputs))) * self.scale

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.block = Block(units)
        self.towers = [layers.Dense(2), layers.Dense(2)]
        self.zoom = layers.Dense(2)

    def call(self, inputs):
        x = self.block(inputs)
        return self.zoom(sum(tower(x) for tower in self.towers))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def subclassed():
    model = Subclassed(5)
    model(X)
    return model


MODELS = {"sequential": sequential, "functional": functional, "subclassed": subclassed}


def shaken(model):
    """The model with weights that no initializer gives."""
    rng = np.random.default_rng(7)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def predictions(model):
    out = model(X)
    return [values(v) for v in (out.values() if isinstance(out, dict) else [out])]


# ---- whole models -----------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", MODELS)
def test_a_model_round_trips(kind, zipped, tmp_path):
    model = shaken(MODELS[kind]())
    path = tmp_path / "m.keras"
    model.save(path, zipped=zipped)
    assert path.is_dir() is not zipped
    again = keras.saving.load_model(path)
    assert type(again) is type(model)
    again.save(path, zipped=zipped)
    for other in (again, keras.saving.load_model(path)):
        for a, b in zip(predictions(model), predictions(other), strict=True):
            np.testing.assert_array_equal(a, b)
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_round_trips_through_json(kind):
    model = MODELS[kind]()
    again = keras.models.model_from_json(model.to_json())
    if kind == "subclassed":
        again(X)
    again.set_weights(model.get_weights())
    for a, b in zip(predictions(model), predictions(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert again.to_json() == model.to_json() or kind == "functional"  # ops are numbered anew


def test_the_archive_is_one_that_others_read(tmp_path):
    """Its weights are written in place: the members' sizes, checksums and HDF5 file must fit all the same."""
    model = sequential()
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as packed:
        assert packed.testzip() is None
        assert packed.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        packed.extractall(tmp_path / "out")
    assert not [p for p in tmp_path.iterdir() if p.name not in ("m.keras", "out")]
    with h5py.File(tmp_path / "out" / "model.weights.h5") as file:
        np.testing.assert_array_equal(file["layers/dense/vars/0"], model.layers[0].kernel.numpy())
    with zipfile.ZipFile(tmp_path / "m.keras", "a") as packed:  # and they may add to it
        packed.writestr("assets/more.txt", "text")
    same(model, keras.saving.load_model(tmp_path / "m.keras"))


def test_an_unbuilt_model_keeps_its_architecture(tmp_path):
    model = keras.Sequential([layers.Dense(3)])
    with pytest.warns(UserWarning, match="isn't built"):
        model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert not again.built and again(X).shape[1] == 3


def test_shared_layers_stay_shared(tmp_path):
    model = functional()
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert len(again.get_layer("shared")._inbound_nodes) == 2
    assert len(again.weights) == len(model.weights)


def test_frozen_layers_stay_frozen(tmp_path):
    model = sequential()
    model.get_layer("first").trainable = False
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert not again.get_layer("first").trainable
    assert len(again.trainable_weights) == len(model.trainable_weights)
    same(model, again)


def test_freezing_does_not_change_the_order_in_the_file(tmp_path):
    model = shaken(subclassed())
    model.save_weights(tmp_path / "a.weights.h5")
    model.block.trainable = False
    again = subclassed()
    again.block.trainable = False
    again.load_weights(tmp_path / "a.weights.h5")
    same(model, again)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "mixed_bfloat16", "float64"])
def test_other_dtypes(dtype, tmp_path):
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3, dtype=dtype)])
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.layers[0].dtype_policy == model.layers[0].dtype_policy
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a.astype("float64"), b.astype("float64"))
    model.save_weights(tmp_path / "m.safetensors")
    again.load_weights(tmp_path / "m.safetensors")
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a.astype("float64"), b.astype("float64"))


@pytest.mark.trains
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_training_goes_on_as_if_nothing_had_happened(optimizer, tmp_path):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="tanh"), layers.Dense(2)])
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert [int(o.iterations) for o in (model.optimizer, again.optimizer)] == [2, 2]
    for a, b in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(values(a), values(b))
    histories = [m.fit(X, Y, epochs=2, verbose=0, shuffle=False).history for m in (model, again)]
    assert histories[0].keys() == histories[1].keys() == {"loss", "mae"}
    for key in histories[0]:
        np.testing.assert_allclose(histories[0][key], histories[1][key], rtol=1e-6)


@pytest.mark.trains
def test_compile_false_leaves_the_model_uncompiled(tmp_path):
    model = sequential()
    model.compile("adam", "mse")
    model.save(tmp_path / "m.keras")
    assert keras.saving.load_model(tmp_path / "m.keras").compiled
    assert not keras.saving.load_model(tmp_path / "m.keras", compile=False).compiled


def test_an_optimizer_that_never_stepped(tmp_path, recwarn):
    model = sequential()
    model.compile(keras.optimizers.Adam(0.25), "mse")
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert float(again.optimizer.learning_rate) == 0.25 and int(again.optimizer.iterations) == 0
    assert not recwarn


@pytest.mark.trains
def test_what_compile_was_told_round_trips(tmp_path):
    model = functional()
    model.compile(
        keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9), momentum=0.9),
        {"a": keras.losses.Huber(0.5), "b": "mse"},
        loss_weights={"a": 1.0, "b": 0.5},
        metrics={"a": ["mae"]},
    )
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.get_compile_config() == model.get_compile_config()
    assert again.get_compile_config()["loss"]["a"]["config"]["delta"] == 0.5


@keras.saving.register_keras_serializable(package="tests")
class Vocabulary(layers.Layer):
    """A layer that keeps a file of its own, and names its variables itself."""

    def __init__(self, words=(), **kwargs):
        super().__init__(**kwargs)
        self.words = list(words)
        self.table = None

    def build(self, input_shape):
        self.table = self.add_weight(shape=(3,), initializer="ones", name="table")
        self.constant = self.add_weight(shape=(2,), initializer=keras.initializers.Constant(4.0), name="constant")

    def call(self, inputs):
        return inputs

    def get_config(self):
        return super().get_config()

    def save_assets(self, folder):
        with open(f"{folder}/words.txt", "w") as file:
            file.write("\n".join(self.words))

    def load_assets(self, folder):
        with open(f"{folder}/words.txt") as file:
            self.words = file.read().split("\n")

    def save_own_variables(self, store):
        store["table"] = values(self.table)

    def load_own_variables(self, store):
        self.table.assign(store["table"])


@pytest.mark.parametrize("zipped", [True, False])
def test_assets_and_own_ways_of_saving(zipped, tmp_path):
    model = keras.Sequential([keras.Input((6,)), Vocabulary(["a", "b"])])
    model.layers[0].table.assign([1.0, 2.0, 3.0])
    model.save(tmp_path / "m.keras", zipped=zipped)
    layer = keras.saving.load_model(tmp_path / "m.keras").layers[0]
    assert layer.words == ["a", "b"]
    assert values(layer.table).tolist() == [1.0, 2.0, 3.0]
    # What a class leaves out of the file has the initial value that its initializer gives.
    assert values(layer.constant).tolist() == [4.0, 4.0]


def test_a_lambda_is_refused_when_loaded_and_a_named_function_round_trips(tmp_path):
    @keras.saving.register_keras_serializable(package="tests")
    def plus_one(x):
        return x + 1.0

    model = keras.Sequential([keras.Input((6,)), layers.Lambda(plus_one), layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    same(model, keras.saving.load_model(tmp_path / "m.keras"))


def with_nameless(function):
    dense = layers.Dense(2, activation=lambda x: 3.0 * x, name="head")
    return keras.Sequential([keras.Input((6,)), layers.Lambda(function, name="own"), dense])


@pytest.mark.parametrize("function", [lambda x: x + 1.0, functools.partial(keras.ops.add, 1.0)])
def test_functions_without_a_name_are_given_when_loading(function, tmp_path):
    path, model = tmp_path / "l.keras", with_nameless(function)
    with pytest.warns(UserWarning, match=r"'own': function, 'head\.activation': function"):
        model.save(path)
    with zipfile.ZipFile(path) as file:
        assert "code" not in json.loads(file.read("config.json"))["config"]["layers"][1]["config"]["function"]["config"]
    given = {"own": lambda x: x + 1.0, "head.activation": lambda x: 3.0 * x}
    same(model, keras.saving.load_model(path, custom_objects=given))
    with pytest.warns(UserWarning, match="'own'"):
        same_config = model.to_json()
    assert len(keras.models.model_from_json(same_config, given).layers) == 2
    with pytest.raises(SavingError, match="held a (lambda|functools.partial) as 'own'"):
        keras.saving.load_model(path)
    # The functions themselves are found in the process that saved, where safe mode is off, and by copies.
    same(model, keras.saving.load_model(path, safe_mode=False))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    same(model, clone)


@pytest.mark.trains
def test_a_model_with_a_lambda_trains_to_the_end_of_its_checkpoints(tmp_path):
    path, model = tmp_path / "l.keras", with_nameless(lambda x: x + 1.0)
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="No code is saved"):
        model.fit(np.ones((4, 6)), np.ones((4, 2)), verbose=0, callbacks=[keras.callbacks.ModelCheckpoint(path)])
    del model
    gc.collect()
    for safe_mode in (True, False):
        with pytest.raises(SavingError, match="custom_objects="):
            keras.saving.load_model(path, safe_mode=safe_mode)


@pytest.mark.parametrize("name", ["m", "m.weights.h5", "m.zip", "m.keras.gz"])
def test_other_extensions_are_refused(name, tmp_path):
    with pytest.raises(SavingError, match="keras"):
        sequential().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_overwrite(tmp_path):
    model, other = sequential(), shaken(sequential())
    model.save(tmp_path / "m.keras")
    with pytest.raises(SavingError, match="exists already"):
        other.save(tmp_path / "m.keras", overwrite=False)
    other.save(tmp_path / "m.keras")
    same(other, keras.saving.load_model(tmp_path / "m.keras"))


# ---- weights ----------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("name", ["w.weights.h5", "w.safetensors", "w.weights.json", "w.keras"])
def test_weights_round_trip(kind, name, tmp_path):
    model, other = shaken(MODELS[kind]()), MODELS[kind]()
    if name == "w.keras":
        model.save(tmp_path / name)
    else:
        model.save_weights(tmp_path / name, max_shard_size=2e-7 if name.endswith("json") else None)
    assert len(list(tmp_path.iterdir())) > 2 if name.endswith("json") else len(list(tmp_path.iterdir())) == 1
    assert not other.load_weights(tmp_path / name)
    for a, b in zip(predictions(model), predictions(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_file_of_weights_tells_of_learnt_vocabularies(tmp_path, recwarn):
    lookup = layers.StringLookup(name="words")
    lookup.adapt(np.array(["b", "a", "b"]))
    model = keras.Sequential([keras.Input((), dtype="string"), lookup, layers.Embedding(3, 2)])
    with pytest.warns(UserWarning, match="holds no vocabulary: the vocabulary of '.*words'"):
        model.save_weights(tmp_path / "w.weights.h5")
    # A vocabulary that was given is made again by the class or the config, and is no news.
    recwarn.clear()
    given = layers.StringLookup(vocabulary=["a", "b"])
    keras.Sequential([keras.Input((), dtype="string"), given, layers.Embedding(3, 2)]).save_weights(
        tmp_path / "g.weights.h5"
    )
    model.save(tmp_path / "m.keras")
    assert not [w for w in recwarn if "vocabulary" in str(w.message)]
    assert keras.saving.load_model(tmp_path / "m.keras").layers[0].get_vocabulary() == ["[UNK]", "b", "a"]


def test_shards_hold_no_more_than_they_may(tmp_path):
    model = keras.Sequential([keras.Input((30,)), *[layers.Dense(30) for _ in range(5)]])
    model.save_weights(tmp_path / "w.weights.json", max_shard_size=8e-6)
    listed = json.loads((tmp_path / "w.weights.json").read_text())
    assert listed["metadata"]["total_size"] == 4 * model.count_params()
    assert set(listed["weight_map"]) == {f"/layers/dense{n}/vars" for n in ("", "_1", "_2", "_3", "_4")}
    for shard in sorted(tmp_path.glob("w_*.weights.h5")):
        sizes = []
        with h5py.File(shard) as file:
            file.visititems(lambda _, o, s=sizes: s.append(o.nbytes) if isinstance(o, h5py.Dataset) else None)
        assert 0 < sum(sizes) <= 8000
    with pytest.raises(SavingError, match="dense.*max_shard_size"):
        model.save_weights(tmp_path / "v.weights.json", max_shard_size=1e-7)
    assert not list(tmp_path.glob("*v_*"))


def test_a_missing_shard_is_named(tmp_path):
    model = sequential()
    model.save_weights(tmp_path / "w.weights.json", max_shard_size=2e-7)
    (tmp_path / "w_00001.weights.h5").unlink()
    with pytest.raises(SavingError, match="w_00001.weights.h5"):
        sequential().load_weights(tmp_path / "w.weights.json")


def test_the_layout_of_the_file(tmp_path):
    # As Keras 3 lays out the same model.
    shaken(subclassed()).save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5") as file:
        names = []
        file.visititems(lambda n, o: names.append(n) if isinstance(o, h5py.Dataset) else None)
        assert file["block/vars"].attrs["name"].startswith("block")
        assert file["block/vars/0"].shape == (5,) and file["block/vars/1"].shape == ()
    assert names == [
        "block/_hidden/vars/0",
        "block/_hidden/vars/1",
        "block/parts/container/layer_normalization/vars/0",
        "block/parts/container/layer_normalization/vars/1",
        "block/parts/dense/vars/0",
        "block/parts/dense/vars/1",
        "block/vars/0",
        "block/vars/1",
        "layers/dense/vars/0",
        "layers/dense/vars/1",
        "layers/dense_1/vars/0",
        "layers/dense_1/vars/1",
        "layers/dense_2/vars/0",
        "layers/dense_2/vars/1",
    ]


def mlp(*units, name="m"):
    return keras.Sequential([keras.Input((6,)), *[layers.Dense(n) for n in units]], name=name)


@pytest.mark.parametrize("name", ["w.weights.h5", "w.safetensors"])
@pytest.mark.parametrize(
    ("saved", "into", "says"),
    [
        ((3, 2), (3, 2, 4), r"in the model, but not in the file: .*layers/dense_2/vars/0"),
        ((3, 2, 4), (3, 2), r"in the file, but not in the model: layers/dense_2/vars/0"),
        ((3, 2), (4, 2), r"the file has \(6, 3\), the model \(6, 4\)"),
    ],
)
def test_weights_that_do_not_fit(saved, into, says, name, tmp_path):
    mlp(*saved).save_weights(tmp_path / name)
    model = mlp(*into)
    before = model.get_weights()
    with pytest.raises(SavingError, match=says):
        model.load_weights(tmp_path / name)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("argument", [{"skip_mismatch": True}, {"strict": False}])
def test_skip_mismatch_loads_what_fits_and_reports_the_rest(argument, tmp_path):
    saved, model = mlp(3, 2, 5), mlp(3, 4)
    saved.save_weights(tmp_path / "w.weights.h5")
    with pytest.warns(UserWarning, match="not all loaded"):
        report = model.load_weights(tmp_path / "w.weights.h5", **argument)
    assert len(report.mismatched) == 2 and len(report.unexpected) == 2 and not report.missing
    np.testing.assert_array_equal(model.get_weights()[0], saved.get_weights()[0])


def test_weights_into_an_unbuilt_model(tmp_path):
    mlp(3).save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(SavingError, match="isn't built"):
        keras.Sequential([layers.Dense(3)]).load_weights(tmp_path / "w.weights.h5")
    with pytest.raises(SavingError, match="isn't built"):
        keras.Sequential([layers.Dense(3)]).save_weights(tmp_path / "v.weights.h5")


@pytest.mark.trains
def test_weights_of_another_optimizer_are_loaded_without_its_state(tmp_path):
    model, other = mlp(2), mlp(2)
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.save_weights(tmp_path / "w.weights.h5")
    other.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="its state was not loaded"):
        other.load_weights(tmp_path / "w.weights.h5")
    same(model, other)
    plain = mlp(2)
    assert not plain.load_weights(tmp_path / "w.weights.h5")
    same(model, plain)


@pytest.mark.parametrize("name", ["w.h5", "w", "w.npz"])
def test_other_weight_extensions_are_refused(name, tmp_path):
    with pytest.raises(SavingError, match="weights.h5"):
        sequential().save_weights(tmp_path / name)


def test_arguments_that_do_not_go_together(tmp_path):
    model = sequential()
    with pytest.raises(SavingError, match="max_shard_size"):
        model.save_weights(tmp_path / "w.weights.json")
    with pytest.raises(SavingError, match="max_shard_size"):
        keras.saving.save_weights(model, tmp_path / "w.weights.h5", max_shard_size=1)
    with pytest.raises(SavingError, match="by_name"):
        model.load_weights(tmp_path / "w.h5", by_name=True)
    with pytest.raises(TypeError, match="Did you mean 'skip_mismatch'"):
        model.load_weights(tmp_path / "w.weights.h5", skip_mismatched=True)
    with pytest.raises(SavingError, match="no file"):
        model.load_weights(tmp_path / "none.weights.h5")
    with pytest.raises(SavingError, match="no file"):
        keras.saving.load_model(tmp_path / "none.keras")


# ---- damage -----------------------------------------------------------------------------------------------


class Stubborn(layers.Layer):
    def save_own_variables(self, store):
        raise RuntimeError("the disk is full")

    def call(self, inputs):
        return inputs


@pytest.mark.parametrize("method", ["save", "save_weights"])
def test_a_save_that_fails_leaves_the_old_file(method, tmp_path):
    path = tmp_path / ("m.keras" if method == "save" else "m.weights.h5")
    model = sequential()
    getattr(model, method)(path)
    before = path.read_bytes()
    broken = keras.Sequential([keras.Input((6,)), layers.Dense(300), Stubborn()])
    with pytest.raises(RuntimeError, match="full"):
        getattr(broken, method)(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_file_cut_short_is_an_error_wherever_it_is_cut(tmp_path):
    sequential().save(tmp_path / "m.keras")
    whole = (tmp_path / "m.keras").read_bytes()
    for part in np.linspace(0, len(whole) - 1, 40).astype(int):
        (tmp_path / "cut.keras").write_bytes(whole[:part])
        with pytest.raises(SavingError, match="cut.keras"):
            keras.saving.load_model(tmp_path / "cut.keras")


def test_a_flipped_byte_in_the_weights_is_found(tmp_path):
    model = sequential()
    model.save(tmp_path / "m.keras")
    whole = bytearray((tmp_path / "m.keras").read_bytes())
    place = whole.find(model.get_weights()[0].tobytes())
    assert place > 0
    whole[place + 5] ^= 1
    (tmp_path / "m.keras").write_bytes(whole)
    with pytest.raises(SavingError, match="checksum"):
        keras.saving.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 nothing", b"\x89HDF\r\n\x1a\n" + b"\x00" * 50])
def test_what_is_no_archive(content, tmp_path):
    for name in ("m.keras", "m.weights.h5", "m.weights.json", "m.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SavingError, match=name):
            if name == "m.keras":
                keras.saving.load_model(tmp_path / name)
            else:
                sequential().load_weights(tmp_path / name)


@pytest.mark.parametrize("member", ["metadata.json", "config.json", "model.weights.h5"])
def test_a_missing_member_is_named(member, tmp_path):
    sequential().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as whole, zipfile.ZipFile(tmp_path / "n.keras", "w") as part:
        for name in whole.namelist():
            if name != member:
                part.writestr(name, whole.read(name))
    with pytest.raises(SavingError, match=member):
        keras.saving.load_model(tmp_path / "n.keras")


def test_weights_that_do_not_fit_the_architecture_of_the_file(tmp_path):
    mlp(3, 2).save(tmp_path / "a.keras")
    mlp(3, 2, 4).save(tmp_path / "b.keras")
    with (
        zipfile.ZipFile(tmp_path / "a.keras") as a,
        zipfile.ZipFile(tmp_path / "b.keras") as b,
        zipfile.ZipFile(tmp_path / "c.keras", "w") as c,
    ):
        for name in a.namelist():
            c.writestr(name, (b if name == "model.weights.h5" else a).read(name))
    with pytest.raises(SavingError, match="layers/dense_2/vars/0"):
        keras.saving.load_model(tmp_path / "c.keras")


def test_compressed_archives_are_read(tmp_path):
    model = sequential()
    model.save(tmp_path / "m.keras")
    with (
        zipfile.ZipFile(tmp_path / "m.keras") as whole,
        zipfile.ZipFile(tmp_path / "n.keras", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in whole.namelist():
            packed.writestr(name, whole.read(name))
    same(model, keras.saving.load_model(tmp_path / "n.keras"))


class Tabled(keras.Layer):
    """Its config holds an array, a tuple and a layer; it reads the layer itself."""

    def __init__(self, table, sizes, inner, **kwargs):
        super().__init__(**kwargs)
        self.table, self.sizes, self.inner = table, sizes, inner

    def call(self, x):
        return self.inner(x) + self.table.sum() + sum(self.sizes)

    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.inner)
        return {**super().get_config(), "table": self.table, "sizes": self.sizes, "inner": inner}

    @classmethod
    def from_config(cls, config):
        assert isinstance(config["inner"], dict)
        return cls(**{**config, "inner": keras.saving.deserialize_keras_object(config["inner"])})


def test_a_from_config_of_one_s_own_gets_arrays_and_tuples(tmp_path):
    model = keras.Sequential([keras.Input((6,)), Tabled(np.arange(3.0), (1, 2), layers.Dense(2))])
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", custom_objects={"Tabled": Tabled})
    same(model, again)
    assert tuple(again.layers[0].sizes) == (1, 2) and again.layers[0].table.tolist() == [0.0, 1.0, 2.0]


def test_a_class_that_bears_the_name_of_one_of_ours_stands_beside_it(tmp_path):
    class Dense(keras.Layer):
        def call(self, x):
            return x * 2.0

    model = keras.Sequential([keras.Input((6,)), Dense(), layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", custom_objects={"Dense": Dense})
    same(model, again)
    assert [type(layer) for layer in again.layers] == [Dense, layers.Dense]
