"""Layers that draw, in the worker processes of a torch DataLoader."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers

ROWS = 8


class Rows:
    """The same picture in every row, through a layer that makes it brighter or darker."""

    def __init__(self) -> None:
        self.layer = layers.RandomBrightness(0.5, value_range=(0.0, 1.0), seed=3)
        self.picture = np.full((2, 2, 3), 0.5, "float32")

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> Any:
        return float(keras.ops.convert_to_numpy(self.layer(self.picture, training=True))[0, 0, 0])


def test_workers_and_epochs_draw_differently() -> None:
    torch = pytest.importorskip("torch")
    # A process in which JAX or TensorFlow runs threads can't be forked safely: there it has no workers.
    workers = 2 if keras.config.backend() in ("torch", "numpy") else 0
    torch.manual_seed(0)
    loader = torch.utils.data.DataLoader(Rows(), batch_size=2, num_workers=workers)
    drawn = [value for _ in range(2) for batch in loader for value in batch.tolist()]
    assert len(set(drawn)) == 2 * ROWS
    torch.manual_seed(0)
    again = torch.utils.data.DataLoader(Rows(), batch_size=2, num_workers=workers)
    assert [value for batch in again for value in batch.tolist()] == drawn[:ROWS]
