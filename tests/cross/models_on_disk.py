"""Models that kerasfront and Keras 3 both can make: `python models_on_disk.py PACKAGE save|check FOLDER ...`.

PACKAGE is "kerasfront" (on the backend of KERAS_BACKEND) or "keras". `save` writes each model to FOLDER as a
.keras file, its weights as a .weights.h5 file, and its predictions as .npz; `check` loads every file of each
folder and writes how far the predictions are from the saved ones, as JSON by name, to FOLDER/PACKAGE-BACKEND.json.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

FLOATS = "float32"


def one_layer_models(keras: Any) -> dict[str, Any]:
    """A model of each layer with an input of this shape."""
    k = keras.layers
    return {
        "dense": (k.Dense(3, activation="gelu", kernel_regularizer="l2", bias_constraint="non_neg"), (4,)),
        "activation": (k.Activation("softmax"), (4,)),
        "flatten": (k.Flatten(), (4, 3)),
        "reshape": (k.Reshape((3, -1)), (4, 3)),
        "permute": (k.Permute((2, 1)), (4, 3)),
        "dropout": (k.Dropout(0.4, seed=1), (4,)),
        "spatial_dropout1d": (k.SpatialDropout1D(0.4), (4, 3)),
        "spatial_dropout2d": (k.SpatialDropout2D(0.4), (4, 3, 2)),
        "conv1d": (k.Conv1D(3, 2, strides=2, padding="same"), (7, 3)),
        "conv1d_causal": (k.Conv1D(3, 2, dilation_rate=2, padding="causal"), (7, 3)),
        "conv2d": (k.Conv2D(4, (3, 2), groups=2, activation="relu"), (7, 6, 2)),
        "depthwise_conv2d": (k.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), (7, 6, 2)),
        "conv2d_transpose": (k.Conv2DTranspose(3, 3, strides=2, padding="same"), (4, 5, 2)),
        "max_pooling1d": (k.MaxPooling1D(2), (7, 3)),
        "max_pooling2d": (k.MaxPooling2D(2, padding="same"), (7, 6, 3)),
        "average_pooling1d": (k.AveragePooling1D(2, padding="same"), (7, 3)),
        "average_pooling2d": (k.AveragePooling2D((2, 3)), (7, 6, 3)),
        "global_max_pooling1d": (k.GlobalMaxPooling1D(), (7, 3)),
        "global_max_pooling2d": (k.GlobalMaxPooling2D(keepdims=True), (7, 6, 3)),
        "global_average_pooling1d": (k.GlobalAveragePooling1D(), (7, 3)),
        "global_average_pooling2d": (k.GlobalAveragePooling2D(), (7, 6, 3)),
        "batch_normalization": (k.BatchNormalization(epsilon=0.01), (4, 3)),
        "layer_normalization": (k.LayerNormalization(axis=[1, 2]), (4, 3)),
        "simple_rnn": (k.SimpleRNN(3, return_sequences=True), (5, 2)),
        "lstm": (k.LSTM(3, recurrent_dropout=0.2), (5, 2)),
        "gru": (k.GRU(3, reset_after=True, go_backwards=True), (5, 2)),
        "gru_reset_before": (k.GRU(3, reset_after=False), (5, 2)),
        "bidirectional": (k.Bidirectional(k.LSTM(3, return_sequences=True)), (5, 2)),
        "bidirectional_gru": (k.Bidirectional(k.GRU(3), merge_mode="sum"), (5, 2)),
        "zero_padding2d": (k.ZeroPadding2D(((1, 0), (2, 3))), (4, 5, 2)),
        "up_sampling2d": (k.UpSampling2D((2, 3)), (4, 5, 2)),
        "rescaling": (k.Rescaling(0.5, offset=1.0), (4,)),
    }


def residual(keras: Any) -> Any:
    """Shared layers, nested models, ops as nodes, named outputs."""
    k, ops = keras.layers, keras.ops
    shared = k.Dense(4, name="shared")
    inner = keras.Sequential([k.Dense(4, activation="relu"), k.Dense(4, name="last")], name="inner")
    x = keras.Input((4,), name="x")
    y = keras.Input((4,), name="y")
    h = inner(shared(x)) + shared(y) * 2.0 - 0.5
    h = ops.concatenate([h, ops.relu(h[:, 1:3]), ops.mean(h, axis=-1, keepdims=True)], axis=-1)
    h = k.Multiply()([h, ops.softmax(h, axis=-1)])
    h = ops.reshape(ops.transpose(ops.expand_dims(h, 1), (0, 2, 1)), (-1, 7))
    return keras.Model({"x": x, "y": y}, {"a": k.Dense(2, name="a")(h), "b": k.Add()([h, ops.maximum(h, 0.1)])})


def transformer(keras: Any) -> Any:
    k = keras.layers
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    x = k.Embedding(20, 8)(tokens)
    attended = k.MultiHeadAttention(2, 4, dropout=0.1)(x, x, use_causal_mask=True)
    x = k.LayerNormalization(epsilon=1e-6)(k.Add()([x, attended]))
    x = k.GlobalAveragePooling1D()(x)
    return keras.Model(tokens, k.Dense(3)(k.Concatenate()([x, k.Dropout(0.1)(x)])))


def cnn(keras: Any) -> Any:
    k = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            k.Rescaling(1.0 / 255),
            k.Conv2D(4, 3, padding="same", use_bias=False, kernel_initializer="he_normal"),
            k.BatchNormalization(),
            k.Activation("relu"),
            k.MaxPooling2D(),
            k.Flatten(),
            k.Dense(3),
        ]
    )


def compiled(keras: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(2)])
    model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError(), metrics=["mae"])
    rng = np.random.default_rng(3)
    if "gradients" in _capabilities(keras):
        model.fit(rng.normal(size=(8, 4)).astype(FLOATS), rng.normal(size=(8, 2)).astype(FLOATS), verbose=0)
    else:
        model.optimizer.build(model.trainable_variables)
    return model


def _capabilities(keras: Any) -> Any:
    return keras.contract.current().capabilities if hasattr(keras, "contract") else ("gradients",)


def subclass_of(keras: Any) -> type:
    k = keras.layers

    @keras.saving.register_keras_serializable(package="shared")
    class Blocks(keras.Model):
        def __init__(self, units: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.blocks = [k.Dense(units), k.Dense(units), {"deep": [k.LayerNormalization()]}]
            self._hidden = k.Dense(units)
            self.zoom = k.Dense(units)
            self.tail = (k.Dense(2),)

        def call(self, inputs: Any) -> Any:
            x = self.blocks[1](self.blocks[0](inputs))
            return self.tail[0](self.zoom(self._hidden(self.blocks[2]["deep"][0](x))))

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    return Blocks


def build(keras: Any) -> dict[str, Any]:
    """The models by name, with weights that no initializer gives."""
    models = {"residual": residual, "transformer": transformer, "cnn": cnn, "compiled": compiled}
    made = {name: make(keras) for name, make in models.items()}
    for name, (layer, shape) in one_layer_models(keras).items():
        made[name] = keras.Sequential([keras.Input(shape), layer])
    made["subclassed"] = subclass_of(keras)(3)
    made["subclassed"](np.zeros((1, 4), FLOATS))
    rng = np.random.default_rng(0)
    for model in made.values():
        model.set_weights([_values(rng, w) for w in model.get_weights()])
    return made


def _values(rng: np.random.Generator, like: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return rng.uniform(0.1, 1.0, like.shape).astype(like.dtype)


def inputs_for(name: str, model: Any) -> Any:
    rng = np.random.default_rng(5)
    if name == "transformer":
        return rng.integers(0, 20, (2, 6)).astype("int32")
    if name == "residual":
        return {key: rng.normal(size=(2, 4)).astype(FLOATS) for key in ("x", "y")}
    shape = (4,) if name == "subclassed" else model.input_shape[1:]
    return rng.normal(size=(2, *shape)).astype(FLOATS)


def predict(keras: Any, name: str, model: Any) -> dict[str, np.ndarray[Any, Any]]:
    out = model(inputs_for(name, model), training=False)
    out = out if isinstance(out, dict) else {"only": out}
    return {key: np.asarray(keras.ops.convert_to_numpy(value)) for key, value in out.items()}


def save(keras: Any, folder: Path) -> None:
    for name, model in build(keras).items():
        model.save(folder / f"{name}.keras")
        model.save_weights(folder / f"{name}.weights.h5")
        np.savez(folder / f"{name}.npz", **predict(keras, name, model))
    big = keras.Sequential([keras.Input((30,)), *[keras.layers.Dense(30) for _ in range(4)]])
    big.save_weights(folder / "big.weights.json", max_shard_size=8e-6)
    np.savez(folder / "big.npz", *big.get_weights())
    optimizer = keras.saving.load_model(folder / "compiled.keras").optimizer
    np.savez(
        folder / "optimizer.npz",
        *[np.asarray(keras.ops.convert_to_numpy(v.value)) for v in optimizer.variables],
    )


def check(keras: Any, fresh: dict[str, Any], folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for path in sorted(folder.glob("*.keras")):
        name = path.stem
        for way in ("model", "weights"):
            try:
                if way == "model":
                    model = keras.saving.load_model(path)
                else:
                    model = fresh[name]
                    model.load_weights(folder / f"{name}.weights.h5")
                report[f"{name}: {way}"] = _distance(predict(keras, name, model), np.load(folder / f"{name}.npz"))
            except Exception:
                report[f"{name}: {way}"] = traceback.format_exc(limit=-4)
    big = keras.Sequential([keras.Input((30,)), *[keras.layers.Dense(30) for _ in range(4)]])
    big.load_weights(folder / "big.weights.json")
    saved = np.load(folder / "big.npz")
    report["big: shards"] = max(
        float(np.abs(saved[n] - w).max()) for n, w in zip(saved, big.get_weights(), strict=True)
    )
    optimizer = keras.saving.load_model(folder / "compiled.keras").optimizer
    saved = np.load(folder / "optimizer.npz")
    ours = [np.asarray(keras.ops.convert_to_numpy(v.value)) for v in optimizer.variables]
    report["optimizer: state"] = max(float(np.abs(saved[n] - w).max()) for n, w in zip(saved, ours, strict=True))
    return report


def _distance(came: dict[str, Any], saved: Any) -> float:
    assert sorted(came) == sorted(saved.files)
    return max(float(np.abs(came[key] - saved[key]).max() / (1.0 + np.abs(saved[key]).max())) for key in came)


if __name__ == "__main__":
    package, what, *folders = sys.argv[1:]
    warnings.simplefilter("error", UserWarning)
    module = importlib.import_module(package)
    models = build(module) if what == "check" else {}
    for folder in map(Path, folders):
        if what == "save":
            save(module, folder)
        else:
            target = folder / f"{package}-{os.environ.get('KERAS_BACKEND', '')}.json"
            target.write_text(json.dumps(check(module, models, folder), indent=1))
