"""One backend's part of the demo: `python -m kerasfront.cli.demo_run FOLDER EPOCHS SEED`, with KERAS_BACKEND set."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import kerasfront as keras
from kerasfront.callbacks import Callback
from kerasfront.contract import current


def digits() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return scikit-learn's handwritten digits as (n, 8, 8, 1) float32 in [0, 1]: 1347 images to train, 450 to test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    images = (data.images[..., None] / 16).astype("float32")
    split = train_test_split(images, data.target.astype("int32"), test_size=0.25, random_state=0, stratify=data.target)
    return (split[0], split[2]), (split[1], split[3])


def build() -> keras.Model:
    """Return a small CNN."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ],
        name="digits",
    )


class EpochTimes(Callback):
    """Measures the seconds that each epoch trains."""

    def __init__(self) -> None:
        super().__init__()
        self.start: float = 0.0
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.start = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self.start)


def main(folder: str, epochs: int, seed: int) -> None:
    """Train the model, and write its initial weights and a summary of the training into the folder."""
    keras.utils.set_random_seed(seed)
    (x, y), test = digits()
    model = build()
    np.savez(Path(folder, "weights.npz"), *model.get_weights())
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    times = EpochTimes()
    history = model.fit(x, y, batch_size=32, epochs=epochs, validation_data=test, callbacks=[times])
    _, accuracy = model.evaluate(*test, verbose=0)
    adapter = current()
    # The first epoch also compiles, so it counts only where there is no other.
    epochs_counted = times.seconds[1:] or times.seconds
    summary = {
        "backend": adapter.name,
        "version": adapter.version(),
        "device": adapter.devices()[-1],
        "accuracy": accuracy,
        "ms_per_step": 1e3 * float(np.median(epochs_counted)) / -(-len(x) // 32),
        # ru_maxrss is in KiB on Linux and in bytes on macOS.
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10),
        "history": history.history,
    }
    Path(folder, "summary.json").write_text(json.dumps(summary), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
