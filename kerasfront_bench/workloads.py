"""What is trained: data, model and compile() of each workload, written once for kerasfront and for Keras.

Every layer that has weights is named, so that the weights of a hand-written program can be carried over by name.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Data = tuple[Any, Any]


@dataclass(frozen=True)
class Workload:
    """A model with its data.

    `steps` is the number of steps of a timed round. `loss` is "sparse" or "binary" (from logits), "mse", or "own" where
    the model comes compiled.
    """

    name: str
    batch: int
    steps: int
    loss: str
    model: Callable[[Any], Any]
    data: Callable[[int, int], Data]
    images: bool = False
    custom: bool = False

    def make_data(self, samples: int, seed: int = 0) -> Data:
        """Return `samples` inputs and targets as NumPy arrays, the same ones for the same seed."""
        return self.data(samples, seed)

    def compiled(self, keras: Any, **options: Any) -> Any:
        """Return the model over `keras`, kerasfront or Keras, compiled with Adam, the loss and the accuracy."""
        model = self.model(keras)
        if self.loss == "own":
            return model
        if self.loss == "mse":
            model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse", **options)
            return model
        if self.loss == "binary":
            loss: Any = keras.losses.BinaryCrossentropy(from_logits=True)
            metric: Any = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
        else:
            loss, metric = keras.losses.SparseCategoricalCrossentropy(from_logits=True), "accuracy"
        model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss, metrics=[metric], **options)
        return model


# --- dense ---

PIXELS, CLASSES = 784, 10


def _dense_data(samples: int, seed: int) -> Data:
    x = np.random.default_rng(seed).standard_normal((samples, PIXELS), dtype=np.float32)
    rule = np.random.default_rng(99).standard_normal((PIXELS, CLASSES), dtype=np.float32)
    return x, (x @ rule).argmax(1).astype(np.int32)


def _mlp_small(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((PIXELS,)),
            layers.Dense(128, activation="relu", name="hidden"),
            layers.Dense(CLASSES, name="logits"),
        ]
    )


def _mlp_wide(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((PIXELS,)),
            layers.Dense(512, activation="relu", name="hidden_1"),
            layers.Dropout(0.2),
            layers.Dense(512, activation="relu", name="hidden_2"),
            layers.Dropout(0.2),
            layers.Dense(CLASSES, name="logits"),
        ]
    )


# --- convolution ---

RESNET_STAGES = (16, 32, 64)


def _image_data(shape: tuple[int, int, int]) -> Callable[[int, int], Data]:
    def make(samples: int, seed: int) -> Data:
        rng = np.random.default_rng(seed)
        y = rng.integers(0, CLASSES, samples).astype(np.int32)
        x = rng.standard_normal((samples, *shape), dtype=np.float32) * 0.5
        templates = np.random.default_rng(98).standard_normal((CLASSES, *shape)).astype(np.float32)
        return x + templates[y] * 0.5, y

    return make


def _cnn(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu", name="conv_1"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu", name="conv_2"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(CLASSES, name="logits"),
        ]
    )


def _resnet(keras: Any) -> Any:
    layers = keras.layers

    def conv(x: Any, channels: int, size: int, stride: int, name: str) -> Any:
        x = layers.Conv2D(channels, size, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
        return layers.BatchNormalization(name=f"{name}_norm")(x)

    def relu(x: Any) -> Any:
        return layers.Activation("relu")(x)

    image = keras.Input((32, 32, 3))
    x = relu(conv(image, RESNET_STAGES[0], 3, 1, "stem"))
    for i, channels in enumerate(RESNET_STAGES):
        stride = 2 if i else 1
        inner = conv(relu(conv(x, channels, 3, stride, f"a{i}")), channels, 3, 1, f"b{i}")
        x = relu(layers.Add()([inner, conv(x, channels, 1, stride, f"s{i}") if i else x]))
    return keras.Model(image, layers.Dense(CLASSES, name="logits")(layers.GlobalAveragePooling2D()(x)))


# --- sequences ---

WORDS, LSTM_LENGTH, LSTM_UNITS, LSTM_WIDTH = 5000, 100, 32, 32
TOKENS, LENGTH, WIDTH, HEADS, BLOCKS = 1000, 64, 128, 4, 2


def _lstm_data(samples: int, seed: int) -> Data:
    """Two classes: the words of the second come from the upper half of the vocabulary half of the time."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, (samples, 1))
    raised = y * (WORDS // 2) * (rng.random((samples, LSTM_LENGTH)) < 0.5)
    x = rng.integers(0, WORDS // 2, (samples, LSTM_LENGTH)) + raised
    return x.astype(np.int32), y.astype(np.float32)


def _lstm(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((LSTM_LENGTH,), dtype="int32"),
            layers.Embedding(WORDS, LSTM_WIDTH, name="embedding"),
            layers.LSTM(LSTM_UNITS, name="lstm"),
            layers.Dense(1, name="logits"),
        ]
    )


def _token_data(samples: int, seed: int) -> Data:
    """Sequences that count in sevens; the target is the next token."""
    start = np.random.default_rng(seed).integers(0, TOKENS, (samples, 1))
    sequence = (start + 7 * np.arange(LENGTH + 1)[None]) % TOKENS
    return sequence[:, :-1].astype(np.int32), sequence[:, 1:].astype(np.int32)


def _transformer(keras: Any) -> Any:
    layers = keras.layers

    class Position(layers.Layer):  # type: ignore[misc, name-defined]
        def build(self, shape: Any) -> None:
            self.table = self.add_weight(shape=(LENGTH, WIDTH), initializer="random_normal", name="table")

        def call(self, x: Any) -> Any:
            return x + self.table

    def norm(name: str) -> Any:
        return layers.LayerNormalization(epsilon=1e-5, name=name)

    tokens = keras.Input((LENGTH,), dtype="int32")
    x = Position(name="position")(layers.Embedding(TOKENS, WIDTH, name="embedding")(tokens))
    for i in range(BLOCKS):
        y = norm(f"norm_a{i}")(x)
        attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name=f"attention{i}")
        x = layers.Add()([x, attention(y, y, use_causal_mask=True)])
        y = layers.Dense(4 * WIDTH, activation="gelu", name=f"up{i}")(norm(f"norm_b{i}")(x))
        x = layers.Add()([x, layers.Dense(WIDTH, name=f"down{i}")(y)])
    return keras.Model(tokens, layers.Dense(TOKENS, name="logits")(norm("norm")(x)))


def attention_weights(qkv: list[Array], out: list[Array]) -> list[Array]:
    """Return the weights of MultiHeadAttention for those of one joint projection and of the output's projection."""
    size = WIDTH // HEADS
    weights: list[Array] = []
    for kernel, bias in zip(np.split(qkv[0], 3, 1), np.split(qkv[1], 3), strict=True):
        weights += [kernel.reshape(WIDTH, HEADS, size), bias.reshape(HEADS, size)]
    return [*weights, out[0].reshape(HEADS, size, WIDTH), out[1]]


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("mlp_small", 32, 400, "sparse", _mlp_small, _dense_data),
        Workload("mlp_wide", 256, 50, "sparse", _mlp_wide, _dense_data),
        Workload("cnn", 32, 40, "sparse", _cnn, _image_data((28, 28, 1)), images=True),
        Workload("lstm", 32, 40, "binary", _lstm, _lstm_data),
        Workload("transformer", 8, 20, "sparse", _transformer, _token_data),
        Workload("resnet", 32, 16, "sparse", _resnet, _image_data((32, 32, 3)), images=True),
    )
}


# --- single layers, trained towards random outputs ---

LAYER_SEQUENCE, LAYER_IMAGE, LAYER_FILTERS, LAYER_TOKENS = (100, 32), (32, 32, 16), 32, (LENGTH, WIDTH)


def _layer(name: str, steps: int, shape: tuple[int, ...], out: tuple[int, ...], make: Callable[[Any], Any]) -> Workload:
    """Return the workload of one layer, named "layer", with a batch of 32."""

    def model(keras: Any) -> Any:
        inputs = keras.Input(shape)
        layer = make(keras.layers)
        return keras.Model(inputs, layer(inputs, inputs) if name == "layer_attention" else layer(inputs))

    def data(samples: int, seed: int) -> Data:
        rng = np.random.default_rng(seed)
        return rng.standard_normal((samples, *shape), np.float32), rng.standard_normal((samples, *out), np.float32)

    return Workload(name, 32, steps, "mse", model, data, images=len(shape) == 3)


LAYERS = {
    workload.name: workload
    for workload in (
        _layer("layer_lstm", 40, LAYER_SEQUENCE, (LSTM_UNITS,), lambda L: L.LSTM(LSTM_UNITS, name="layer")),
        _layer("layer_gru", 40, LAYER_SEQUENCE, (LSTM_UNITS,), lambda L: L.GRU(LSTM_UNITS, name="layer")),
        _layer(
            "layer_conv", 20, LAYER_IMAGE, (*LAYER_IMAGE[:2], LAYER_FILTERS),
            lambda L: L.Conv2D(LAYER_FILTERS, 3, padding="same", name="layer"),
        ),
        _layer("layer_norm", 40, LAYER_IMAGE, LAYER_IMAGE, lambda L: L.BatchNormalization(name="layer")),
        _layer(
            "layer_attention", 20, LAYER_TOKENS, LAYER_TOKENS,
            lambda L: L.MultiHeadAttention(HEADS, WIDTH // HEADS, name="layer"),
        ),
    )
}  # fmt: skip


def named(name: str) -> Workload | None:
    """Return the workload of that name, of a model or of a layer; None where there is none."""
    return WORKLOADS.get(name) or LAYERS.get(name)


# --- a user's own model ---


def own_model(target: str, batch: int, steps: int) -> Workload:
    """Return the workload of a user's function, `file.py:function`.

    The function returns a compiled model, or `(model, x, y)`; without data, inputs and targets are drawn to fit the
    model. It may take one argument, the module to build with: then Keras can be measured too.

    Raises:
        ValueError: The file or the function isn't there, or it returns something else.
    """
    path, _, name = target.rpartition(":")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path) if Path(path).is_file() else None
    if spec is None or spec.loader is None:
        raise ValueError(f"Expected --model to be file.py:function with a file that exists, got {target!r}.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"{path} has no function {name!r}.")
    drawn: dict[str, Data] = {}

    def build(keras: Any) -> Any:
        result = function(keras) if takes_module(function) else function()
        model, *arrays = result if isinstance(result, tuple) else (result,)
        if not getattr(model, "compiled", False):
            raise ValueError(f"Expected {target} to return a compiled model, or (model, x, y); got {result!r}.")
        if len(arrays) == 2:
            drawn["data"] = (arrays[0], arrays[1])
        elif "data" not in drawn:
            drawn["data"] = fitting_data(model, batch * steps)
        return model

    def data(samples: int, seed: int) -> Data:
        x, y = drawn["data"]
        return _resized(x, samples), _resized(y, samples)

    both = takes_module(function)
    return Workload(f"{Path(path).stem}:{name}", batch, steps, "own", build, data, custom=not both)


def takes_module(function: Callable[..., Any]) -> bool:
    """Return whether a user's function takes the module to build with."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _resized(value: Any, samples: int) -> Any:
    if isinstance(value, dict):
        return {key: _resized(item, samples) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_resized(item, samples) for item in value)
    return np.resize(value, (samples, *np.shape(value)[1:]))


def fitting_data(model: Any, samples: int, seed: int = 0) -> Data:
    """Draw inputs and targets that fit a compiled model: class numbers for a sparse loss, else numbers in [0, 1).

    Integer inputs stay below the smallest vocabulary among the model's embeddings. Unknown dims are taken as 16.
    """
    rng = np.random.default_rng(seed)
    vocabulary = min((layer.input_dim for layer in model.layers if hasattr(layer, "input_dim")), default=2)

    def shape(tensor: Any) -> tuple[int, ...]:
        return (samples, *(16 if dim is None else int(dim) for dim in tensor.shape[1:]))

    def one_input(tensor: Any) -> Array:
        if "int" in str(tensor.dtype):
            return rng.integers(0, vocabulary, shape(tensor)).astype(str(tensor.dtype))
        return rng.standard_normal(shape(tensor), dtype=np.float32)

    def one_target(tensor: Any) -> Array:
        if _is_sparse(model):
            return rng.integers(0, shape(tensor)[-1], shape(tensor)[:-1]).astype(np.int32)
        return rng.random(shape(tensor), dtype=np.float32)

    x, y = [one_input(t) for t in model.inputs], [one_target(t) for t in model.outputs]
    return x[0] if len(x) == 1 else x, y[0] if len(y) == 1 else y


def _is_sparse(model: Any) -> bool:
    loss = getattr(model, "loss", None) or (model.get_compile_config() or {}).get("loss")
    names = [loss, getattr(loss, "name", ""), getattr(loss, "__name__", ""), type(loss).__name__]
    if isinstance(loss, dict):
        names = [loss.get("class_name"), loss.get("config")]
    return any("sparse" in str(name).lower() for name in names)
