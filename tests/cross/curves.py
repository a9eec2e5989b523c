"""Losses of twenty steps of four small models: `python curves.py OUT.npz`, with KERAS_BACKEND set."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import kerasfront as keras
from kerasfront import layers

STEPS = 20


def mlp() -> Any:
    return keras.Sequential([keras.Input((12,)), layers.Dense(16, activation="relu"), layers.Dense(4)])


def cnn() -> Any:
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]
    )


def lstm() -> Any:
    return keras.Sequential(
        [keras.Input((10,), dtype="int32"), layers.Embedding(20, 8), layers.LSTM(8), layers.Dense(4)]
    )


def transformer() -> Any:
    i = keras.Input((10,), dtype="int32")
    h = layers.Embedding(20, 16)(i)
    for _ in range(2):
        a = layers.LayerNormalization()(h)
        h = layers.Add()([h, layers.MultiHeadAttention(2, 8)(a, a, use_causal_mask=True)])
        a = layers.LayerNormalization()(h)
        h = h + layers.Dense(16)(layers.Dense(32, activation="gelu")(a))
    return keras.Model(i, layers.Dense(4)(layers.GlobalAveragePooling1D()(h)))


MODELS: dict[str, Callable[[], Any]] = {"mlp": mlp, "cnn": cnn, "lstm": lstm, "transformer": transformer}


def data(name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 4, 16 * STEPS).astype("int32")
    if name in ("lstm", "transformer"):
        return rng.integers(0, 20, (16 * STEPS, 10)).astype("int32"), y
    shape = (12,) if name == "mlp" else (8, 8, 3)
    return rng.standard_normal((16 * STEPS, *shape)).astype("float32"), y


class Losses(keras.callbacks.Callback):
    """The loss of each single step."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[float] = []
        self.sum = 0.0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        total = logs["loss"] * (batch + 1)
        self.values.append(total - self.sum)
        self.sum = total


def run() -> dict[str, np.ndarray[Any, Any]]:
    out = {}
    for name, build in MODELS.items():
        for optimizer in ("SGD", "Adam"):
            keras.utils.set_random_seed(11)
            model = build()
            for i, w in enumerate(model.get_weights()):
                out[f"{name}/{optimizer}/weights/{i}"] = w
            rate = 0.05 if optimizer == "SGD" else 1e-3
            model.compile(
                getattr(keras.optimizers, optimizer)(rate),
                keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            )
            losses = Losses()
            x, y = data(name)
            model.fit(x, y, batch_size=16, epochs=1, verbose=0, callbacks=[losses])
            out[f"{name}/{optimizer}/losses"] = np.array(losses.values)
    return out


if __name__ == "__main__":
    np.savez(sys.argv[1], **run())
