"""Training in half precision comes to the loss that float32 comes to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import kerasfront as keras
from kerasfront import layers, ops

pytestmark = pytest.mark.trains
X, Y = load_digits(return_X_y=True)
X, Y = (X / 16).astype("float32").reshape(-1, 8, 8, 1), Y.astype("int32")
STEPS, BATCH = 40, 64


@pytest.fixture(autouse=True)
def _global_policy() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")


def trained(policy: str, **options: Any) -> tuple[list[float], Any]:
    """The losses of a small model with convolution, normalization, attention and recurrence, and the model."""
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(4)
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    x = layers.Reshape((8, 64))(layers.BatchNormalization()(x))
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8)(x, x))
    x = layers.GRU(24)(x)
    model = keras.Model(image, layers.Dense(10, activation="softmax", dtype="float32")(x))
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy", **options)
    losses = []
    for step in range(STEPS):
        rows = np.arange(step * BATCH, (step + 1) * BATCH) % len(X)
        losses.append(float(model.train_on_batch(X[rows], Y[rows])))
    return losses, model


@pytest.fixture(scope="module")
def whole() -> list[float]:
    return trained("float32")[0]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_losses_are_those_of_float32(policy: str, whole: list[float]) -> None:
    """The mean loss of the last ten of forty steps: within 5 percent of the first loss."""
    losses, model = trained(policy)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    assert {w.dtype for w in model.trainable_weights} == {"float32"}
    assert all(np.isfinite(losses))
    ours, expected = np.mean(losses[-10:]), np.mean(whole[-10:])
    print(f"{policy}: {ours:.4f}, float32: {expected:.4f}, first: {whole[0]:.4f}")
    assert expected < 0.5 * whole[0]
    assert abs(ours - expected) < 0.05 * whole[0]
    np.testing.assert_allclose(losses[:5], whole[:5], rtol=0.02)


def test_the_factor_follows_the_gradients() -> None:
    """It halves where they overflow, leaving that step out, and doubles after good ones."""
    keras.config.set_dtype_policy("mixed_float16")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.01), initial_scale=2.0**24, dynamic_growth_steps=3
    )
    model.compile(optimizer, "mse")
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    before = model.get_weights()[0]
    model.train_on_batch(x, np.ones((8, 3), "float32"))
    assert float(optimizer.dynamic_scale) == 2.0**23
    np.testing.assert_array_equal(model.get_weights()[0], before)
    scales = []
    for _ in range(20):
        model.train_on_batch(x, np.ones((8, 3), "float32"))
        scales.append(float(optimizer.dynamic_scale))
    assert min(scales) < 2.0**20 and any(b == 2 * a for a, b in zip(scales, scales[1:], strict=False))
    assert not np.array_equal(model.get_weights()[0], before)


def test_small_gradients_survive_in_float16() -> None:
    """Gradients below float16's least number: with loss scaling the weights move, as in float32."""
    moved = {}
    for policy in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1, kernel_initializer="ones", use_bias=False)])
        model.compile(keras.optimizers.SGD(1e4), lambda y, p: ops.mean(p) * 1e-8)
        model.train_on_batch(np.ones((2, 4), "float32"), np.ones((2, 1), "float32"))
        moved[policy] = 1 - model.get_weights()[0]
    assert (moved["float32"] > 0).all()
    np.testing.assert_allclose(moved["mixed_float16"], moved["float32"], rtol=0.05)


@pytest.mark.trains
@pytest.mark.parametrize("policy", ["float16", "bfloat16"])
def test_normalization_wholly_in_half_precision(policy: str) -> None:
    """Variables of half precision too: outputs and averages are near to those of float32, eagerly and in fit."""
    x = np.random.default_rng(0).normal(2.0, 3.0, size=(4, 5, 3)).astype("float32")
    mask = np.arange(5) < np.array([[5], [3], [1], [4]])
    options: list[tuple[dict[str, Any], dict[str, Any]]] = [({}, {}), ({"renorm": True}, {}), ({}, {"mask": mask})]
    for config, given in options:
        half, full = (keras.layers.BatchNormalization(dtype=p, momentum=0.5, **config) for p in (policy, "float32"))
        for _ in range(2):
            y, expected = half(x, training=True, **given), full(x, training=True, **given)
        assert ops.dtype(y) == policy and {w.dtype for w in half.weights} == {policy}
        for got, want in [(y, expected), *zip(half.weights, full.weights, strict=True)]:
            want = ops.convert_to_numpy(want)
            got = ops.convert_to_numpy(ops.cast(ops.convert_to_tensor(got), "float32"))
            np.testing.assert_allclose(got, want, atol=0.02 * max(1.0, np.abs(want).max()))
    names = ("BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization")
    many = [getattr(keras.layers, n)(dtype=policy, **({"groups": 3} if n.startswith("G") else {})) for n in names]
    model = keras.Sequential([keras.Input((5, 3), dtype=policy), *many, keras.layers.Dense(1, dtype=policy)])
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(x, np.ones((4, 5, 1)), verbose=0).history["loss"][0])
    assert np.abs(ops.convert_to_numpy(ops.cast(many[0].moving_mean.value, "float32"))).max() > 0


def test_averaged_weights_where_the_loss_is_scaled() -> None:
    """SwapEMAWeights finds the optimizer that averages inside the one that scales."""
    found = []
    for scaled in (False, True):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
        optimizer: Any = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
        model.compile(keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer, "mse", run_eagerly=True)
        swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
        model.fit(np.ones((8, 4)), np.ones((8, 2)), batch_size=4, epochs=2, verbose=0, callbacks=[swap])
        found.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)
