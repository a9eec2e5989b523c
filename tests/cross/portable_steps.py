"""Training with dropout under the portable generator: `python portable_steps.py OUT.npz`, with KERAS_BACKEND set."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import kerasfront as keras
from kerasfront import config, layers

ROWS, STEPS, EPOCHS = 16, 6, 3


class Keep(layers.Layer):
    """Holds what passed through it last."""

    def build(self, input_shape: Any) -> None:
        shape = (ROWS, *input_shape[1:])
        self.kept = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="kept")

    def call(self, inputs: Any) -> Any:
        self.kept.assign(inputs)
        return inputs


class Watch(keras.callbacks.Callback):
    """The mask and the loss of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.masks: list[Any] = []
        self.losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.masks.append(self.model.get_layer("mask").kept.numpy())
        self.losses.append(logs["loss"])


def network() -> Any:
    keras.utils.set_random_seed(11)
    x = keras.Input((12,))
    h = layers.Dropout(0.3, name="first")(layers.Dense(32, activation="relu")(x))
    h = layers.GaussianNoise(0.1)(layers.Dense(16)(h))
    h = layers.SpatialDropout1D(0.5)(layers.Reshape((4, 4))(h))
    mask = Keep(name="mask")(layers.Dropout(0.5, seed=3)(keras.ops.ones_like(x)))
    model = keras.Model(x, layers.Dense(4)(layers.Concatenate()([layers.Flatten()(h), mask])))
    model.compile(keras.optimizers.SGD(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def run() -> dict[str, Any]:
    config.set_rng("portable")
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((ROWS * STEPS, 12)).astype("float32"), rng.integers(0, 4, ROWS * STEPS)
    out: dict[str, Any] = {}
    watch = Watch()
    network().fit(x, y, batch_size=ROWS, epochs=EPOCHS, verbose=0, callbacks=[watch])
    out["masks"], out["losses"] = np.stack(watch.masks), np.array(watch.losses)
    model = network()  # nobody looks at its steps: a backend may take several in one dispatch
    history = model.fit(x, y, batch_size=ROWS, epochs=EPOCHS, verbose=0)
    out["epochs"], out["last mask"] = np.array(history.history["loss"]), model.get_layer("mask").kept.numpy()
    out["count of draws"] = model.get_layer("first").seed_generator.state.numpy()
    return out


if __name__ == "__main__":
    np.savez(sys.argv[1], **run())
