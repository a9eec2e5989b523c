"""Layers made of another library's models: on their backend against that library, elsewhere a clear error."""

from __future__ import annotations

import base64
import copy
import io
import json
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.errors import BackendError, SavingError

BACKEND = keras.config.backend()


def only(backend: str) -> Any:
    return pytest.mark.skipif(backend != BACKEND, reason=f"the layer works on {backend} only")


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


def data(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


BRIDGES = {
    "TorchModuleWrapper": ("torch", lambda: layers.TorchModuleWrapper(None)),
    "JaxLayer": ("jax", lambda: layers.JaxLayer(lambda inputs: inputs)),
    "FlaxLayer": ("jax", lambda: layers.FlaxLayer(LinearModule())),
    "TFSMLayer": ("tensorflow", lambda: layers.TFSMLayer("nowhere")),
}


@pytest.mark.parametrize("name", BRIDGES)
def test_on_another_backend_the_error_names_the_right_one(name: str) -> None:
    backend, make = BRIDGES[name]
    if backend == BACKEND:
        pytest.skip("this is its backend")
    with pytest.raises(BackendError, match=f"(?s){name}.*'{backend}' only.*'{BACKEND}'.*KERAS_BACKEND={backend}"):
        make()


# ---- torch --------------------------------------------------------------------------------------------------------


@pytest.fixture
def module() -> Any:
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.ReLU(), torch.nn.Linear(3, 1))


def model_of(layer: Any, *shape: int) -> Any:
    return keras.Sequential([keras.Input(shape), layer])


def running(module: Any) -> np.ndarray[Any, Any]:
    return np.asarray(module[1].running_mean.detach())


@only("torch")
def test_a_module_trains_as_in_torch(module: Any) -> None:
    """fit on the wrapped module is the loop that torch's users write, the statistics included."""
    import torch

    x, y = data(16, 4), data(16, 1)
    alone = copy.deepcopy(module).train()
    optimizer = torch.optim.SGD(alone.parameters(), 0.1)
    for start in (0, 8, 0, 8):
        optimizer.zero_grad()
        loss = torch.mean((alone(torch.tensor(x[start : start + 8])) - torch.tensor(y[start : start + 8])) ** 2)
        loss.backward()
        optimizer.step()
    layer = layers.TorchModuleWrapper(module)
    assert [w.path.rpartition("/")[2] for w in layer.trainable_weights] == [n for n, _ in module.named_parameters()]
    assert [w.name for w in layer.non_trainable_weights] == [n for n, _ in module.named_buffers()]
    model = model_of(layer, 4)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for (name, mine), other in zip(module.state_dict().items(), alone.state_dict().values(), strict=True):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(other), rtol=1e-5, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(layer.get_weights()[-3], running(module))
    assert module.training
    expected = alone.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)
    assert not module.training


@only("torch")
def test_module_and_layer_share_their_state(module: Any) -> None:
    import torch

    layer = layers.TorchModuleWrapper(module)
    with torch.no_grad():
        module[0].weight.fill_(2.0)
    assert (layer.get_weights()[0] == 2).all()
    layer.set_weights([w * 0 + 3 for w in layer.get_weights()])
    assert (module[0].weight == 3).all() and (running(module) == 3).all()
    assert layer.get_submodule("0") is module.get_submodule("0") is module[0]
    layer.trainable = False
    assert not module[0].weight.requires_grad and layer.trainable_weights == []
    assert {id(p) for p in layer.parameters()} == {id(p) for p in module.parameters()}


@only("torch")
def test_a_buffer_that_the_module_replaces_is_followed() -> None:
    import torch

    class Counter(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", torch.zeros(()))
            self.register_buffer("scratch", torch.ones(2), persistent=False)

        def forward(self, x: Any) -> Any:
            self.count = self.count + 1
            return x * self.count

    layer = layers.TorchModuleWrapper(Counter())
    for n in (1, 2):
        assert float(layer(ops.ones((1, 1)))[0, 0]) == n
        assert float(layer._stored["count"].value) == n == float(layer.module.count)
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    assert list(store) == ["count"]


@only("torch")
def test_stateless_calls_leave_the_module_alone(module: Any) -> None:
    layer = layers.TorchModuleWrapper(module)
    x = ops.convert_to_tensor(data(8, 4))
    doubled = [v.value * 2 for v in layer.trainable_variables]
    before = running(module).copy()
    outputs, others = layer.stateless_call(doubled, [v.value for v in layer.non_trainable_variables], x, training=True)
    np.testing.assert_array_equal(running(module), before)
    assert np.abs(values(others[0])).max() > 0
    for variable, value in zip(layer.trainable_variables, doubled, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(values(outputs), values(layer(x, training=True)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(running(module), values(others[0]), rtol=1e-6)


@only("torch")
def test_a_module_in_half_precision(module: Any) -> None:
    layer = layers.TorchModuleWrapper(module, dtype="mixed_bfloat16")
    full = layers.TorchModuleWrapper(copy.deepcopy(module))
    x = data(8, 4)
    y = layer(x, training=True)
    assert ops.dtype(y) == "bfloat16" and module[0].weight.dtype.is_floating_point
    np.testing.assert_allclose(values(ops.cast(y, "float32")), values(full(x, training=True)), atol=0.1)
    np.testing.assert_allclose(running(module), running(full.module), atol=0.02)
    assert {w.dtype for w in layer.trainable_weights} == {"float32"}


@only("torch")
def test_shapes_of_modules() -> None:
    import torch

    conv = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3, stride=2), torch.nn.BatchNorm2d(5), torch.nn.Flatten())
    before = conv[1].num_batches_tracked.clone()
    assert layers.TorchModuleWrapper(conv)(keras.Input((3, 9, 9))).shape == (None, 80)
    assert (conv[1].num_batches_tracked == before).all()
    outputs, (h, c) = layers.TorchModuleWrapper(torch.nn.LSTM(3, 4, batch_first=True))(
        keras.Input((5, 3), batch_size=2)
    )
    assert (outputs.shape, h.shape, c.shape) == ((2, 5, 4), (1, 2, 4), (1, 2, 4))
    given = layers.TorchModuleWrapper(torch.nn.Flatten(), output_shape=(None, 7))
    assert given(keras.Input((7, 1))).shape == (None, 7)
    assert given.compute_output_shape((None, 7, 1)) == (None, 7)


@only("torch")
def test_wrong_modules() -> None:
    import torch

    with pytest.raises(TypeError, match="torch.nn.Module, got 3"):
        layers.TorchModuleWrapper(3)
    with pytest.raises(ValueError, match="weight, bias.*call it once"):
        layers.TorchModuleWrapper(torch.nn.LazyLinear(2))


@only("torch")
def test_weights_in_files_are_arrays_by_the_names_of_the_state_dict(module: Any, tmp_path: Path) -> None:
    """Keras's weights files are read, and it reads ours."""
    reference = pytest.importorskip("keras")
    ours = model_of(layers.TorchModuleWrapper(module), 4)
    ours(data(8, 4), training=True)
    theirs = reference.Sequential(
        [reference.Input((4,)), reference.layers.TorchModuleWrapper(copy.deepcopy(module)), reference.layers.Dense(2)]
    )
    theirs.pop()
    ours.save_weights(tmp_path / "ours.weights.h5")
    with h5py.File(tmp_path / "ours.weights.h5") as file:
        held = file["layers/torch_module_wrapper/vars"]
        assert set(held) == set(module.state_dict())
    for weight in theirs.weights:
        weight.assign(weight * 0)
    theirs.load_weights(tmp_path / "ours.weights.h5")
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    expected = ours.predict(data(8, 4), verbose=0)
    ours.set_weights([w * 0 for w in ours.get_weights()])
    ours.load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_allclose(ours.predict(data(8, 4), verbose=0), expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"3\.weight"):
        model_of(layers.TorchModuleWrapper(module[:1]), 4).load_weights(tmp_path / "ours.weights.h5")


@only("torch")
def test_a_pickled_module_is_read_on_trust_only(module: Any, tmp_path: Path) -> None:
    model = model_of(layers.TorchModuleWrapper(module, name="m"), 4)
    model(data(8, 4), training=True)
    model.save(tmp_path / "model.keras")
    config = layers.serialize(model.layers[0])
    for load in (
        lambda **k: keras.saving.load_model(tmp_path / "model.keras", **k),
        lambda **k: keras.saving.deserialize_keras_object(config, **k),
        lambda **k: layers.TorchModuleWrapper.from_config(config["config"], **k),
    ):
        with pytest.raises(SavingError, match="(?s)'m' is pickled.*safe_mode=False"):
            load()
        assert load(safe_mode=False) is not None
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_array_equal(loaded.predict(data(8, 4), verbose=0), model.predict(data(8, 4), verbose=0))
    theirs = pytest.importorskip("keras").saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_allclose(theirs.predict(data(8, 4), verbose=0), model.predict(data(8, 4), verbose=0), rtol=1e-6)


class Bomb:
    """Unpickled, it writes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (Path(self.path),)


@only("torch")
def test_a_hostile_module_does_not_run(tmp_path: Path) -> None:
    import torch

    held = io.BytesIO()
    torch.save(Bomb(str(tmp_path / "ran")), held)
    text = base64.b64encode(held.getvalue()).decode()
    layer = {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"name": "m", "module": text}}
    model = {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": [layer]}}
    for load in (
        lambda: layers.deserialize(layer),
        lambda: keras.models.model_from_json(json.dumps(model)),
        lambda: keras.saving.deserialize_keras_object(model),
        lambda: layers.TorchModuleWrapper.from_config({"name": "m", "module": text}),
    ):
        with pytest.raises(SavingError, match="pickled"):
            load()
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def registered() -> Iterator[Any]:
    import torch

    @keras.saving.register_keras_serializable(package="tests")
    class Scale(torch.nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.size = size
            self.factor = torch.nn.Parameter(torch.ones(size))

        def forward(self, x: Any) -> Any:
            return x * self.factor

        def get_config(self) -> dict[str, Any]:
            return {"size": self.size}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            return cls(**config)

    yield Scale
    known = keras.saving.get_custom_objects()
    for name in [name for name, thing in known.items() if thing is Scale]:
        del known[name]


@only("torch")
def test_a_registered_module_needs_no_pickle(registered: Any, tmp_path: Path) -> None:
    model = model_of(layers.TorchModuleWrapper(registered(4)), 4)
    model.set_weights([np.array([1.0, 2.0, 3.0, 4.0])])
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    assert config["config"]["layers"][1]["config"]["module"]["config"] == {"size": 4}
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.predict(np.ones((1, 4), "float32"), verbose=0).tolist() == [[1, 2, 3, 4]]
    clone = keras.models.clone_model(model)
    assert type(clone.layers[0].module) is registered and clone.layers[0].module is not model.layers[0].module


@only("torch")
def test_modules_as_attributes_of_layers() -> None:
    """They become layers, in lists, dicts and torch's own containers too: weights, modes and gradients arrive."""
    import torch

    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Linear(4, 3)
            self.parts = [torch.nn.Linear(3, 3, bias=False)]  # a bias before a BatchNorm has no gradient
            self.named = {"norm": torch.nn.BatchNorm1d(3)}
            self.blocks = torch.nn.ModuleList([torch.nn.Linear(3, 3), torch.nn.Dropout(0.5)])
            self.table = torch.nn.ModuleDict({"last": torch.nn.Linear(3, 1)})

        def call(self, x: Any, training: bool | None = None) -> Any:
            x = self.named["norm"](self.parts[0](torch.relu(self.first(x))))
            for block in self.blocks:
                x = block(x)
            return self.table["last"](x)

    model = Net()
    assert isinstance(model.first, layers.TorchModuleWrapper) and model.first.weight.shape == (3, 4)
    assert len(model.trainable_weights) == 9 and len(model.weights) == 12
    assert len(list(model.parameters())) == 12
    x, y = data(32, 4), data(32, 1)
    np.testing.assert_array_equal(values(model(x)), values(model(x)))
    assert not np.array_equal(values(model(x, training=True)), values(model(x, training=True)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    before = model.get_weights()
    history = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert np.mean(history[-5:]) < np.mean(history[:5])
    same = [w.path for w, a, b in zip(model.weights, before, model.get_weights(), strict=True) if np.array_equal(a, b)]
    assert same == []
    assert model(keras.Input((4,))).shape == (None, 1)


@only("torch")
def test_copies_of_a_wrapped_module(module: Any) -> None:
    layer = layers.TorchModuleWrapper(module)
    y = values(layer(data(8, 4)))
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_allclose(values(twin(data(8, 4))), y, rtol=1e-6)
        twin.set_weights([w * 0 for w in twin.get_weights()])
        assert (twin.module[0].weight == 0).all()
        np.testing.assert_allclose(values(layer(data(8, 4))), y, rtol=1e-6)


@only("torch")
def test_layers_inside_a_module() -> None:
    """A layer is an nn.Module: parameters, state_dict, devices and torch's optimizers see what it holds."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.out = layers.Dense(8, activation="tanh"), torch.nn.Linear(8, 1)
            self.tail = torch.nn.Sequential(layers.LayerNormalization(), torch.nn.Identity())

        def forward(self, x: Any) -> Any:
            return self.out(self.tail(self.hidden(x)))

    net = Net()
    x, y = torch.tensor(data(32, 4)), torch.tensor(data(32, 1))
    net(x)
    assert {name for name, _ in net.named_parameters()} == {
        "hidden.kernel", "hidden.bias", "out.weight", "out.bias", "tail.0.gamma", "tail.0.beta",
    }  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = torch.mean((net(x) - y) ** 2)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(net.hidden.kernel.numpy(), net.state_dict()["hidden.kernel"].numpy())
    other = Net()
    other(x)
    other.load_state_dict(net.state_dict())
    np.testing.assert_array_equal(values(other(x)), values(net(x)))
    net.double()
    assert net.hidden.kernel.value.dtype == torch.float64


@only("torch")
def test_what_torch_does_with_a_model() -> None:
    """Statistics are buffers, as torch has them; what torch puts in the place of a weight is the weight."""
    import torch

    inputs = keras.Input((4,))
    hidden = layers.BatchNormalization(name="norm")(layers.Dense(3, name="dense")(inputs))
    model = keras.Model(inputs, layers.Dense(1, name="head")(hidden))
    x = torch.tensor(data(5, 4))
    y = values(model(x))
    assert {name for name, _ in model.named_buffers()} == {"norm.moving_mean", "norm.moving_variance"}
    assert len(list(model.parameters())) == 6 and all(p.requires_grad for p in model.parameters())
    assert sorted(model.state_dict()) == sorted(dict((*model.named_parameters(), *model.named_buffers())))
    exported = torch.export.export(model, (x,))
    np.testing.assert_allclose(values(exported.module()(x)), y, rtol=1e-5)
    assert {spec.target for spec in exported.graph_signature.input_specs if spec.target} == set(model.state_dict())
    given = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}
    assert not values(torch.func.functional_call(model, given, (x,))).any()
    np.testing.assert_allclose(values(model(x)), y, rtol=1e-6)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    for twin in (torch.load(file, weights_only=False), copy.deepcopy(model)):
        twin.load_state_dict({name: value + 1 for name, value in twin.state_dict().items()})
        assert np.abs(values(twin(x)) - y).max() > 0.1
        assert [id(v.value) for v in twin.trainable_weights] == [id(p) for p in twin.parameters()]
    model.double()
    assert model.get_layer("norm").moving_mean.value.dtype == torch.float64
    model.get_layer("norm").moving_mean.assign(np.full(3, 7.0))
    assert model.state_dict()["norm.moving_mean"].tolist() == [7.0] * 3


# ---- JAX ----------------------------------------------------------------------------------------------------------


def start(rng: Any, inputs: Any) -> Any:
    import jax

    size = inputs["x"].shape[-1]
    return {"w": jax.random.normal(rng, (size, 2)), "b": np.zeros(2, "float32")}, (np.zeros((), "int32"), np.zeros(2))


def linear(params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> Any:
    import jax

    y = inputs["x"] @ params["w"] + params["b"] + inputs["y"]
    if not training:
        return y, state
    count, mean = state
    noise = 0.01 * jax.random.normal(rng, y.shape)
    return y + noise, (count + 1, 0.9 * mean + 0.1 * y.mean(0))


def pair(n: int = 8) -> dict[str, Any]:
    return {"x": data(n, 3), "y": data(n, 2)}


def jax_model(layer: Any) -> Any:
    inputs = {"x": keras.Input((3,), name="x"), "y": keras.Input((2,), name="y")}
    return keras.Model(inputs, layer(inputs))


@only("jax")
def test_a_jax_function_as_a_layer() -> None:
    layer = layers.JaxLayer(linear, start, seed=1)
    model = jax_model(layer)
    assert model.output_shape == (None, 2)
    assert [(w.name, w.shape, w.trainable) for w in layer.weights] == [
        ("b", (2,), True), ("w", (3, 2), True), ("0", (), False), ("1", (2,), False),
    ]  # fmt: skip
    bias, kernel, count, mean = layer.get_weights()
    x = pair()
    expected = x["x"] @ kernel + bias + x["y"]
    np.testing.assert_allclose(values(layer(x)), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)
    assert layer.get_weights()[2] == 0
    first, second = values(layer(x, training=True)), values(layer(x, training=True))
    assert not np.array_equal(first, second), "each call has another key"
    np.testing.assert_allclose(first, expected, atol=0.1)
    assert layer.get_weights()[2] == 2
    mean = 0.1 * expected.mean(0)
    np.testing.assert_allclose(layer.get_weights()[3], 0.9 * mean + mean, rtol=1e-4, atol=1e-6)


@only("jax")
def test_a_jax_layer_trains_and_keeps_its_state() -> None:
    layer = layers.JaxLayer(linear, start, seed=1)
    model = jax_model(layer)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    losses = model.fit(pair(16), np.zeros((16, 2), "float32"), batch_size=4, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert layer.get_weights()[2] == 20 and np.abs(layer.get_weights()[3]).max() > 0
    again = layers.JaxLayer(linear, start, seed=1)
    jax_model(again)
    np.testing.assert_array_equal(again.get_weights()[0], np.zeros(2))
    assert not np.array_equal(again.get_weights()[1], layer.get_weights()[1])


@only("jax")
def test_a_jax_layer_with_parameters_given() -> None:
    import jax.numpy as jnp

    layer = layers.JaxLayer(
        lambda params, inputs: inputs @ params["a"][0] * params["n"], params={"a": [np.eye(3)], "n": 2}
    )
    assert layer.built and [(w.name, w.trainable, w.dtype) for w in layer.weights] == [
        ("a.0", True, "float32"), ("n", False, "int32"),
    ]  # fmt: skip
    np.testing.assert_allclose(values(layer(data(4, 3))), 2 * data(4, 3), rtol=1e-5)
    assert layer(keras.Input((3,))).shape == (None, 3)
    free = layers.JaxLayer(lambda inputs: jnp.sum(inputs, -1))
    assert free(keras.Input((3,))).shape == (None,) and free.weights == []


@only("jax")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"call_fn": lambda p, inputs: inputs}, "`call_fn` of .* takes p, inputs"),
        ({"call_fn": lambda params: params}, "`call_fn` of .* to take `inputs`"),
        ({"call_fn": 3}, "`call_fn` of .* to be a function, got 3"),
        ({"call_fn": lambda params, inputs: inputs}, "needs an `init_fn`"),
        ({"call_fn": linear, "init_fn": lambda key, inputs: 0}, "`init_fn` of .* takes key, inputs"),
    ],
)
def test_wrong_functions(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        layers.JaxLayer(**arguments)


@only("jax")
def test_wrong_states() -> None:
    layer = layers.JaxLayer(lambda state, inputs: inputs, state={"n": np.zeros(2, "float32")})
    with pytest.raises(ValueError, match=r"to return \(outputs, state\)"):
        layer(data(2, 3))
    layer = layers.JaxLayer(lambda state, inputs: (inputs, {}), state={"n": np.zeros(2, "float32")})
    with pytest.raises(ValueError, match="1 leaves; call_fn returned 0"):
        layer(data(2, 3))


@only("jax")
def test_a_jax_layer_in_files_and_copies(tmp_path: Path) -> None:
    names = {"linear": linear, "start": start}
    layer = layers.JaxLayer(linear, start, seed=1)
    model = jax_model(layer)
    layer(pair(), training=True)
    expected = model.predict(pair(), verbose=0)
    model.save(tmp_path / "model.keras")
    with pytest.raises(SavingError, match="'start' is not known"):
        keras.saving.load_model(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects=names)
    np.testing.assert_allclose(loaded.predict(pair(), verbose=0), expected, rtol=1e-6)
    assert loaded.layers[-1].get_weights()[2] == 1
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_allclose(values(twin(pair())), expected, rtol=1e-6)
        twin.set_weights([w * 0 for w in twin.get_weights()])
        np.testing.assert_allclose(values(layer(pair())), expected, rtol=1e-6)


@only("jax")
def test_keras_takes_the_weights_of_a_jax_layer(tmp_path: Path) -> None:
    reference = pytest.importorskip("keras")
    ours = model_of(layers.JaxLayer(dense, dense_start, name="j"), 3)
    theirs = reference.Sequential([reference.Input((3,)), reference.layers.JaxLayer(dense, dense_start, name="j")])
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    np.testing.assert_allclose(theirs.predict(data(4, 3), verbose=0), ours.predict(data(4, 3), verbose=0), rtol=1e-5)


def dense(params: Any, inputs: Any) -> Any:
    return inputs @ params["w"] + params["b"]


def dense_start(rng: Any, inputs: Any) -> Any:
    import jax

    return {"w": jax.random.normal(rng, (inputs.shape[-1], 2)), "b": np.ones(2, "float32")}


class LinearModule:
    """What FlaxLayer asks of a module: `init` and `apply` over collections, with a running mean beside the params."""

    def __call__(self, inputs: Any, training: bool) -> Any: ...

    def init(self, rng: Any, inputs: Any, *, method: Any = None, training: bool) -> Any:
        import jax

        assert training is True
        return {"params": {"w": jax.random.normal(rng, (inputs.shape[-1], 2))}, "stats": {"mean": np.zeros(2)}}

    def apply(self, variables: Any, inputs: Any, *, rngs: Any, method: Any, mutable: list[str], training: bool) -> Any:
        y = inputs @ variables["params"]["w"]
        mean = variables["stats"]["mean"]
        if training:
            mean = mean * 0.5 + y.mean(0) * 0.5
        assert mutable == ["stats"]
        return y - mean, {"stats": {"mean": mean}}


def test_a_module_of_flax_s_kind() -> None:
    if BACKEND != "jax":
        pytest.skip("the layer works on jax only")
    layer = layers.FlaxLayer(LinearModule())
    model = model_of(layer, 3)
    assert [(w.name, w.trainable) for w in layer.weights] == [("w", True), ("stats.mean", False)]
    model.compile(keras.optimizers.SGD(0.1), "mse")
    losses = model.fit(data(32, 3), data(32, 2), batch_size=8, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and np.abs(layer.get_weights()[1]).max() > 0
    weight, mean = layer.get_weights()
    np.testing.assert_allclose(model.predict(data(4, 3), verbose=0), data(4, 3) @ weight - mean, rtol=1e-4, atol=1e-5)
    variables = {"params": {"w": weight}, "stats": {"mean": mean}}
    given = layers.FlaxLayer(LinearModule(), variables=variables)
    np.testing.assert_allclose(values(given(data(4, 3))), values(layer(data(4, 3))), rtol=1e-6)


def flax_net() -> Any:
    import flax.linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, inputs: Any, training: bool) -> Any:
            x = nn.BatchNorm(use_running_average=not training, momentum=0.5)(nn.Dense(5)(inputs))
            return nn.Dense(2)(nn.Dropout(0.5, deterministic=not training)(x))

    return Net()


def flax_model(net: Any) -> tuple[Any, Any]:
    """A functional model around the module, with layers before and behind it that change nothing."""
    layer = layers.FlaxLayer(net, seed=3)
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Identity()(layer(inputs * 1.0))), layer


def flax_variables(layer: Any) -> Any:
    """The collections of `flax_net`, of the values that the layer's variables have now."""
    held = {w.name: w.value for w in layer.weights}
    params = {n: {k.partition(".")[2]: v for k, v in held.items() if k.startswith(n)} for n in ("Dense_0", "Dense_1")}
    params["BatchNorm_0"] = {k: held[f"BatchNorm_0.{k}"] for k in ("scale", "bias")}
    stats = {"BatchNorm_0": {k: held[f"batch_stats.BatchNorm_0.{k}"] for k in ("mean", "var")}}
    assert len(held) == 8
    return {"params": params, "batch_stats": stats}


@only("jax")
def test_flax_itself() -> None:
    """fit is the loop that Flax's users write, with the keys for dropout and the statistics; `apply` is inference."""
    import jax

    net = flax_net()
    model, layer = flax_model(net)
    x, y = data(32, 4), data(32, 2)
    variables, key = flax_variables(layer), layer.seed_generator.state.numpy()

    def loss_of(params: Any, rng: Any, start: int) -> Any:
        collections = {**variables, "params": params}
        rows = slice(start, start + 8)
        found, changed = net.apply(collections, x[rows], True, rngs={"dropout": rng}, mutable=["batch_stats"])
        return ((found - y[rows]) ** 2).mean(), changed

    for start in range(0, 32, 8):
        (_, changed), slope = jax.value_and_grad(loss_of, has_aux=True)(variables["params"], key, start)
        params = jax.tree.map(lambda p, g: p - 0.1 * g, variables["params"], slope)
        variables, key = {"params": params, **changed}, key + np.array([0, 1], "uint32")

    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), flax_variables(layer), variables)
    np.testing.assert_array_equal(layer.seed_generator.state.numpy(), key)
    assert np.abs(values(variables["batch_stats"]["BatchNorm_0"]["mean"])).max() > 0
    expected = net.apply(variables, x, False)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)

    def plain(module: Any, inputs: Any) -> Any:
        return module(inputs, False)

    by_function = layers.FlaxLayer(net, method=plain, variables=variables)
    np.testing.assert_allclose(values(by_function(x)), expected, rtol=1e-4, atol=1e-5)


@only("jax")
def test_weights_of_a_flax_module_in_files(tmp_path: Path) -> None:
    model, layer = flax_model(flax_net())
    model.compile("adam", "mse")
    model.fit(data(32, 4), data(32, 2), epochs=2, verbose=0)
    model.save_weights(tmp_path / "flax.weights.h5")
    other, twin = flax_model(flax_net())
    other.load_weights(tmp_path / "flax.weights.h5")
    for weight, mine in zip(twin.get_weights(), layer.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, mine)
    np.testing.assert_allclose(other.predict(data(4, 4), verbose=0), model.predict(data(4, 4), verbose=0), rtol=1e-6)


@only("jax")
def test_a_flax_module_with_a_config_is_saved_whole(tmp_path: Path) -> None:
    """The files are Keras's: each reads the other's."""
    import flax.linen as nn
    import keras as reference

    class Scaled(nn.Module):
        units: int = 3

        @nn.compact
        def __call__(self, inputs: Any) -> Any:
            return nn.Dense(self.units)(inputs)

        def get_config(self) -> dict[str, Any]:
            return {"units": self.units}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            return cls(**config)

    x = data(4, 4)
    model = model_of(layers.FlaxLayer(Scaled(units=2), name="scaled"), 4)
    model.save(tmp_path / "ours.keras")
    expected = model.predict(x, verbose=0)
    theirs = reference.saving.load_model(tmp_path / "ours.keras", custom_objects={"Scaled": Scaled})
    theirs.save(tmp_path / "theirs.keras")
    np.testing.assert_allclose(theirs.predict(x, verbose=0), expected, rtol=1e-6)
    for name in ("ours.keras", "theirs.keras"):
        again = keras.saving.load_model(tmp_path / name, custom_objects={"Scaled": Scaled})
        np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-6)
    with keras.saving.custom_object_scope({"Scaled": Scaled}):
        clone = keras.models.clone_model(model).layers[-1]
    assert clone.module.units == 2 and clone.module is not model.layers[-1].module


# ---- TensorFlow ---------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    import tensorflow as tf

    class Program(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(data(4, 2), name="w")
            self.calls = tf.Variable(0, trainable=False, name="calls")

        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32)])  # type: ignore[misc]
        def serve(self, x: Any) -> Any:
            return x @ self.w

        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32)])  # type: ignore[misc]
        def train(self, x: Any) -> Any:
            self.calls.assign_add(1)
            return 2 * (x @ self.w)

    program = Program()
    tf.saved_model.save(program, str(tmp_path / "saved"), signatures={"serving_default": program.serve})
    return tmp_path / "saved"


@only("tensorflow")
def test_a_saved_model_as_a_layer(saved: Path) -> None:
    x, y = data(8, 4), data(8, 2)
    layer = layers.TFSMLayer(saved, call_training_endpoint="train")
    assert [(w.name, w.shape, w.trainable) for w in layer.weights] == [("w", (4, 2), True), ("calls", (), False)]
    np.testing.assert_allclose(values(layer(x)), x @ data(4, 2), rtol=1e-5)
    np.testing.assert_allclose(values(layer(x, training=True)), 2 * x @ data(4, 2), rtol=1e-5)
    model = model_of(layer, 4)
    assert model.output_shape == (None, 2)
    model.compile(keras.optimizers.SGD(0.05), "mse")
    losses = model.fit(x, y, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    weight, calls = layer.get_weights()
    assert calls == 5
    np.testing.assert_allclose(model.predict(x, verbose=0), x @ weight, rtol=1e-5, atol=1e-6)
    frozen = layers.TFSMLayer(saved, trainable=False)
    assert frozen.trainable_weights == []
    by_signature = layers.TFSMLayer(saved, call_endpoint="serving_default")
    assert list(by_signature(x)) == ["output_0"] and by_signature(keras.Input((4,)))["output_0"].shape == (None, 2)
    with pytest.raises(ValueError, match="no endpoint 'sirve'.*'serve', 'serving_default', 'train'"):
        layers.TFSMLayer(saved, call_endpoint="sirve")


@only("tensorflow")
def test_a_saved_model_is_loaded_on_trust_only(saved: Path, tmp_path: Path) -> None:
    model = model_of(layers.TFSMLayer(saved), 4)
    model.set_weights([data(4, 2) * 3])
    model.save(tmp_path / "model.keras")
    config = layers.serialize(model.layers[0])
    for load in (
        lambda **k: keras.saving.load_model(tmp_path / "model.keras", **k),
        lambda **k: keras.saving.deserialize_keras_object(config, **k),
        lambda **k: layers.TFSMLayer.from_config(config["config"], **k),
    ):
        with pytest.raises(SavingError, match="safe_mode=False"):
            load()
        assert load(safe_mode=False) is not None
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_allclose(loaded.predict(data(8, 4), verbose=0), data(8, 4) @ data(4, 2) * 3, rtol=1e-5)


@only("tensorflow")
def test_what_keras_exports_is_a_layer(tmp_path: Path) -> None:
    reference = pytest.importorskip("keras")
    model = reference.Sequential(
        [reference.Input((4,)), reference.layers.Dense(3), reference.layers.BatchNormalization()]
    )
    model.export(tmp_path / "exported", verbose=False)
    layer = layers.TFSMLayer(tmp_path / "exported")
    assert len(layer.trainable_weights) == 4 and len(layer.weights) == 6
    np.testing.assert_allclose(values(layer(data(8, 4))), model.predict(data(8, 4), verbose=0), rtol=1e-5, atol=1e-6)


@only("tensorflow")
def test_a_saved_model_takes_no_other_values(saved: Path) -> None:
    layer = layers.TFSMLayer(saved)
    with pytest.raises(NotImplementedError, match="other values of its variables"):
        layer.stateless_call([ops.zeros((4, 2))], [], ops.ones((1, 4)))
