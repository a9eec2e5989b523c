"""The workloads written by hand in JAX, as an expert would write a step.

A step is one jitted function of a pytree of weights, with its old state donated. Losses and hits are summed on the
device and read once an epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerasfront.data.prefetch import prefetch
from kerasfront_bench.workloads import (
    BLOCKS,
    CLASSES,
    HEADS,
    LAYER_FILTERS,
    LAYER_IMAGE,
    LAYER_SEQUENCE,
    LENGTH,
    LSTM_UNITS,
    LSTM_WIDTH,
    PIXELS,
    RESNET_STAGES,
    TOKENS,
    WIDTH,
    WORDS,
    Array,
    Workload,
    attention_weights,
)

wait = jax.block_until_ready
Tree = dict[str, Any]
_rng = np.random.default_rng(0)


def accelerator() -> str | None:
    """Return the model of the GPU or TPU; None on the CPU."""
    device = jax.devices()[0]
    return None if device.platform == "cpu" else device.device_kind


def peak_device_mb() -> float | None:
    """Return the most memory of the device that arrays took, in MB; None on the CPU."""
    device = jax.devices()[0]
    return None if device.platform == "cpu" else device.memory_stats()["peak_bytes_in_use"] / 1e6


# --- pieces ---


def _glorot(*shape: int) -> Array:
    fans = np.prod(shape[:-2], initial=1) * (shape[-2] + shape[-1])
    return (_rng.uniform(-1, 1, shape) * np.sqrt(6 / fans)).astype(np.float32)


def _small(*shape: int) -> Array:
    return _rng.uniform(-0.05, 0.05, shape).astype(np.float32)


def _zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


def _ones(*shape: int) -> Array:
    return np.ones(shape, np.float32)


def _linear(inputs: int, outputs: int) -> Tree:
    return {"w": _glorot(inputs, outputs), "b": _zeros(outputs)}


def _dense(p: Tree, x: jax.Array) -> jax.Array:
    return x @ p["w"] + p["b"]


def _layer_norm(p: Tree, x: jax.Array) -> jax.Array:
    centred = x - x.mean(-1, keepdims=True)
    return centred * lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) * p["w"] + p["b"]


def _conv(x: jax.Array, w: jax.Array, stride: int = 1, padding: str = "VALID") -> jax.Array:
    return lax.conv_general_dilated(x, w, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _pool(x: jax.Array) -> jax.Array:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def _dropped(x: jax.Array, key: jax.Array) -> jax.Array:
    return jnp.where(jax.random.bernoulli(key, 0.8, x.shape), x / 0.8, 0.0)


# --- the models: weights, running statistics, and a function (weights, statistics, x, training, key) of them ---

Apply = Callable[[Tree, Tree, jax.Array, bool, Any], tuple[jax.Array, Tree]]
Net = tuple[Tree, Tree, Apply]


def _mlp_small() -> Net:
    def apply(p: Tree, s: Tree, x: jax.Array, training: bool, key: Any) -> tuple[jax.Array, Tree]:
        return _dense(p["logits"], jax.nn.relu(_dense(p["hidden"], x))), s

    return {"hidden": _linear(PIXELS, 128), "logits": _linear(128, CLASSES)}, {}, apply


def _mlp_wide() -> Net:
    weights = {"hidden_1": _linear(PIXELS, 512), "hidden_2": _linear(512, 512), "logits": _linear(512, CLASSES)}

    def apply(p: Tree, s: Tree, x: jax.Array, training: bool, key: Any) -> tuple[jax.Array, Tree]:
        keys = jax.random.split(key) if training else (None, None)
        for name, one in zip(("hidden_1", "hidden_2"), keys, strict=True):
            x = jax.nn.relu(_dense(p[name], x))
            x = _dropped(x, one) if training else x
        return _dense(p["logits"], x), s

    return weights, {}, apply


def _cnn() -> Net:
    weights = {
        "conv_1": {"w": _glorot(3, 3, 1, 32), "b": _zeros(32)},
        "conv_2": {"w": _glorot(3, 3, 32, 64), "b": _zeros(64)},
        "logits": _linear(1600, CLASSES),
    }

    def apply(p: Tree, s: Tree, x: jax.Array, training: bool, key: Any) -> tuple[jax.Array, Tree]:
        for name in ("conv_1", "conv_2"):
            x = _pool(jax.nn.relu(_conv(x, p[name]["w"]) + p[name]["b"]))
        return _dense(p["logits"], x.reshape(x.shape[0], -1)), s

    return weights, {}, apply


def lstm(p: Tree, x: jax.Array) -> jax.Array:
    """Return the last output of an LSTM over (batch, time, features), by one scan over time."""
    projected = jnp.swapaxes(x, 0, 1) @ p["x"] + p["b"]

    def step(carry: tuple[jax.Array, jax.Array], now: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        h, c = carry
        i, f, g, o = jnp.split(now + h @ p["h"], 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    start = jnp.zeros((x.shape[0], p["h"].shape[0]))
    return lax.scan(step, (start, start), projected)[0][0]


def lstm_weights(inputs: int, units: int) -> Tree:
    return {"x": _glorot(inputs, 4 * units), "h": _glorot(units, 4 * units), "b": _zeros(4 * units)}


def _lstm() -> Net:
    weights = {
        "embedding": _small(WORDS, LSTM_WIDTH),
        "lstm": lstm_weights(LSTM_WIDTH, LSTM_UNITS),
        "logits": _linear(LSTM_UNITS, 1),
    }

    def apply(p: Tree, s: Tree, x: jax.Array, training: bool, key: Any) -> tuple[jax.Array, Tree]:
        return _dense(p["logits"], lstm(p["lstm"], jnp.take(p["embedding"], x, axis=0))), s

    return weights, {}, apply


def _transformer() -> Net:
    def norm() -> Tree:
        return {"w": _ones(WIDTH), "b": _zeros(WIDTH)}

    weights: Tree = {"embedding": _small(TOKENS, WIDTH), "position": _small(LENGTH, WIDTH)}
    weights |= {"norm": norm(), "logits": _linear(WIDTH, TOKENS)}
    for i in range(BLOCKS):
        weights |= {f"norm_a{i}": norm(), f"norm_b{i}": norm()}
        weights |= {f"qkv{i}": _linear(WIDTH, 3 * WIDTH), f"out{i}": _linear(WIDTH, WIDTH)}
        weights |= {f"up{i}": _linear(WIDTH, 4 * WIDTH), f"down{i}": _linear(4 * WIDTH, WIDTH)}

    def apply(p: Tree, s: Tree, x: jax.Array, training: bool, key: Any) -> tuple[jax.Array, Tree]:
        x = jnp.take(p["embedding"], x, axis=0) + p["position"]
        for i in range(BLOCKS):
            x = x + attention(p[f"qkv{i}"], p[f"out{i}"], _layer_norm(p[f"norm_a{i}"], x), True)
            inner = jax.nn.gelu(_dense(p[f"up{i}"], _layer_norm(p[f"norm_b{i}"], x)), approximate=False)
            x = x + _dense(p[f"down{i}"], inner)
        return _dense(p["logits"], _layer_norm(p["norm"], x)), s

    return weights, {}, apply


def batch_norm(p: Tree, s: Tree, x: jax.Array, training: bool) -> tuple[jax.Array, Tree]:
    """Return the batch-normalized `x`, over all axes but the last, and the new running statistics."""
    if training:
        axes = tuple(range(x.ndim - 1))
        mean = x.mean(axes)
        variance = jnp.maximum((x * x).mean(axes) - mean * mean, 0)
        s = {"mean": 0.99 * s["mean"] + 0.01 * mean, "variance": 0.99 * s["variance"] + 0.01 * variance}
    else:
        mean, variance = s["mean"], s["variance"]
    scale = lax.rsqrt(variance + 1e-3) * p["g"]
    return x * scale + (p["b"] - mean * scale), s


def _resnet() -> Net:
    weights: Tree = {}
    statistics: Tree = {}

    def add(name: str, inputs: int, channels: int, size: int) -> None:
        weights[name] = {"w": _glorot(size, size, inputs, channels), "g": _ones(channels), "b": _zeros(channels)}
        statistics[name] = {"mean": _zeros(channels), "variance": _ones(channels)}

    width = RESNET_STAGES[0]
    add("stem", 3, width, 3)
    for i, channels in enumerate(RESNET_STAGES):
        add(f"a{i}", width, channels, 3)
        add(f"b{i}", channels, channels, 3)
        if i:
            add(f"s{i}", width, channels, 1)
        width = channels
    weights["logits"] = _linear(width, CLASSES)

    def apply(p: Tree, s: Tree, x: jax.Array, training: bool, key: Any) -> tuple[jax.Array, Tree]:
        after: Tree = {}

        def unit(name: str, x: jax.Array, stride: int) -> jax.Array:
            y, after[name] = batch_norm(p[name], s[name], _conv(x, p[name]["w"], stride, "SAME"), training)
            return y

        x = jax.nn.relu(unit("stem", x, 1))
        for i in range(len(RESNET_STAGES)):
            stride = 2 if i else 1
            inner = unit(f"b{i}", jax.nn.relu(unit(f"a{i}", x, stride)), 1)
            x = jax.nn.relu(inner + (unit(f"s{i}", x, stride) if i else x))
        return _dense(p["logits"], x.mean((1, 2))), after

    return weights, statistics, apply


def gru(p: Tree, x: jax.Array) -> jax.Array:
    """Return the last output of a GRU (reset after the product) over (batch, time, features), by one scan over time."""
    projected = jnp.swapaxes(x, 0, 1) @ p["x"] + p["b"][0]

    def step(h: jax.Array, now: jax.Array) -> tuple[jax.Array, None]:
        update, reset, new = jnp.split(now, 3, -1)
        by_h = jnp.split(h @ p["h"] + p["b"][1], 3, -1)
        update, reset = jax.nn.sigmoid(update + by_h[0]), jax.nn.sigmoid(reset + by_h[1])
        return update * h + (1 - update) * jnp.tanh(new + reset * by_h[2]), None

    return lax.scan(step, jnp.zeros((x.shape[0], p["h"].shape[0])), projected)[0]


def attention(qkv: Tree, out: Tree, x: jax.Array, causal: bool) -> jax.Array:
    """Apply self-attention with one projection to queries, keys and values."""
    batch, length, width = x.shape
    q, k, v = (part.reshape(batch, length, HEADS, width // HEADS) for part in jnp.split(_dense(qkv, x), 3, -1))
    mixed = jax.nn.dot_product_attention(q, k, v, is_causal=causal)
    return _dense(out, mixed.reshape(batch, length, width))


def _layer(weights: Tree, function: Callable[[Tree, jax.Array], jax.Array]) -> Net:
    return {"layer": weights}, {}, lambda p, s, x, training, key: (function(p["layer"], x), s)


def _layer_norm_net() -> Net:
    channels = LAYER_IMAGE[2]
    weights = {"layer": {"w": _ones(channels), "b": _zeros(channels)}}
    statistics = {"layer": {"mean": _zeros(channels), "variance": _ones(channels)}}

    def apply(p: Tree, s: Tree, x: jax.Array, training: bool, key: Any) -> tuple[jax.Array, Tree]:
        y, after = batch_norm({"g": p["layer"]["w"], "b": p["layer"]["b"]}, s["layer"], x, training)
        return y, {"layer": after}

    return weights, statistics, apply


def _layer_conv() -> Net:
    weights = {"w": _glorot(3, 3, LAYER_IMAGE[2], LAYER_FILTERS), "b": _zeros(LAYER_FILTERS)}
    return _layer(weights, lambda p, x: _conv(x, p["w"], 1, "SAME") + p["b"])


def _layer_gru() -> Net:
    gates = 3 * LSTM_UNITS
    weights = {"x": _glorot(LAYER_SEQUENCE[1], gates), "h": _glorot(LSTM_UNITS, gates), "b": _zeros(2, gates)}
    return _layer(weights, gru)


def _layer_attention() -> Net:
    weights = {"qkv0": _linear(WIDTH, 3 * WIDTH), "out0": _linear(WIDTH, WIDTH)}
    return weights, {}, lambda p, s, x, training, key: (attention(p["qkv0"], p["out0"], x, False), s)


NETS: dict[str, Callable[[], Net]] = {
    "mlp_small": _mlp_small,
    "mlp_wide": _mlp_wide,
    "cnn": _cnn,
    "lstm": _lstm,
    "transformer": _transformer,
    "resnet": _resnet,
    "layer_lstm": lambda: _layer(lstm_weights(LAYER_SEQUENCE[1], LSTM_UNITS), lstm),
    "layer_gru": _layer_gru,
    "layer_conv": _layer_conv,
    "layer_norm": _layer_norm_net,
    "layer_attention": _layer_attention,
}


def stack(layers: int, width: int) -> Any:
    """Return the initial weights of as many Dense layers in a row."""
    initializer = jax.nn.initializers.glorot_uniform()
    keys = jax.random.split(jax.random.key(0), layers)
    return jax.block_until_ready([(initializer(key, (width, width)), jnp.zeros(width)) for key in keys])


# --- the loops ---


def adam(p: Tree, m: Tree, v: Tree, g: Tree, t: jax.Array) -> tuple[Tree, Tree, Tree]:
    """Return the weights and both moments after an update of Adam. `t` counts from 1."""
    count = t.astype(jnp.float32)
    rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    m = jax.tree.map(lambda m, g: m + 0.1 * (g - m), m, g)
    v = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), v, g)
    return jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), p, m, v), m, v


class Program:
    """One workload: its state and the loops over NumPy data."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        weights, statistics, apply = NETS[workload.name]()
        p, s = jax.device_put(weights), jax.device_put(statistics)
        zeros = jax.tree.map(jnp.zeros_like, p)
        self.state = {"p": p, "s": s, "m": zeros, "v": jax.tree.map(jnp.zeros_like, p)}
        self.state |= {"t": jnp.zeros((), jnp.int32), "key": jax.random.key(0)}

        def loss_and_hits(logits: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
            if workload.loss == "mse":
                return jnp.mean((logits - y) ** 2), jnp.zeros((), jnp.int32)
            if workload.loss == "binary":
                losses = jnp.maximum(logits, 0) - logits * y + jnp.log1p(jnp.exp(-jnp.abs(logits)))
                return losses.mean(), jnp.sum((logits > 0) == (y > 0.5))
            chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], -1)
            return -chosen.mean(), jnp.sum(logits.argmax(-1) == y)

        def objective(p: Tree, s: Tree, x: jax.Array, y: jax.Array, key: Any) -> tuple[jax.Array, tuple[Tree, Any]]:
            logits, s = apply(p, s, x, True, key)
            loss, hits = loss_and_hits(logits, y)
            return loss, (s, hits)

        def step(state: Tree, sums: Any, x: jax.Array, y: jax.Array) -> tuple[Tree, Any]:
            key, draw = jax.random.split(state["key"]) if workload.name == "mlp_wide" else (state["key"], None)
            gradient = jax.value_and_grad(objective, has_aux=True)
            (loss, (s, hits)), g = gradient(state["p"], state["s"], x, y, draw)
            t = state["t"] + 1
            p, m, v = adam(state["p"], state["m"], state["v"], g, t)
            return {"p": p, "s": s, "m": m, "v": v, "t": t, "key": key}, (sums[0] + loss, sums[1] + hits)

        def test(p: Tree, s: Tree, sums: Any, x: jax.Array, y: jax.Array) -> Any:
            loss, hits = loss_and_hits(apply(p, s, x, False, None)[0], y)
            return sums[0] + loss, sums[1] + hits

        def forward(p: Tree, s: Tree, x: jax.Array) -> jax.Array:
            return apply(p, s, x, False, None)[0]

        self._step = jax.jit(step, donate_argnums=(0, 1))
        self._test = jax.jit(test, donate_argnums=2)
        self._eager, self._forward = forward, jax.jit(forward)

    def parameter_count(self) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves((self.state["p"], self.state["s"])))

    @staticmethod
    def _sums() -> Any:
        return jnp.zeros(()), jnp.zeros((), jnp.int32)

    def train_epoch(self, x: Array, y: Array, batch: int, rng: np.random.Generator) -> tuple[float, float]:
        """Train over shuffled data. Return the mean loss and the accuracy."""
        order, steps = rng.permutation(len(x)), range(0, len(x), batch)
        state, sums, step = self.state, self._sums(), self._step
        indices = (order[start : start + batch] for start in steps)
        batches = ((x[index], y[index]) for index in indices)
        for one in batches if jax.default_backend() == "cpu" else prefetch(batches, jax.device_put):
            state, sums = step(state, sums, *one)
        self.state = jax.block_until_ready(state)
        return float(sums[0]) / len(steps), float(sums[1]) / y.size

    def train_on_batch(self, x: Array, y: Array) -> tuple[float, float]:
        self.state, sums = self._step(self.state, self._sums(), x, y)
        return float(sums[0]), float(sums[1]) / y.size

    def evaluate(self, x: Array, y: Array, batch: int) -> tuple[float, float]:
        steps, sums = range(0, len(x), batch), self._sums()
        p, s, test = self.state["p"], self.state["s"], self._test
        for start in steps:
            sums = test(p, s, sums, x[start : start + batch], y[start : start + batch])
        return float(sums[0]) / len(steps), float(sums[1]) / y.size

    def predict(self, x: Array) -> Array:
        return np.asarray(self._forward(self.state["p"], self.state["s"], x))

    def forward(self, x: jax.Array) -> jax.Array:
        """Run the eager forward pass in inference, on an array that `prepare_forward` made."""
        return self._eager(self.state["p"], self.state["s"], x)

    def prepare_forward(self, x: Array) -> tuple[jax.Array, jax.Array]:
        """Return a batch as `forward` takes it, and as a model of the front does."""
        array = jax.device_put(x)
        return array, array

    def weights(self) -> dict[str, list[Array]]:
        """Return the trainable weights by the name of their layer, in the front's order and layouts."""
        p, workload = jax.tree.map(np.asarray, self.state["p"]), self.workload
        weights: dict[str, list[Array]] = {}
        for name, value in p.items():
            if workload.name == "resnet" and name != "logits":
                weights[f"{name}_conv"], weights[f"{name}_norm"] = [value["w"]], [value["g"], value["b"]]
            elif name.startswith("qkv"):
                out = p[name.replace("qkv", "out")]
                qkv = attention_weights([value["w"], value["b"]], [out["w"], out["b"]])
                weights["layer" if workload.name == "layer_attention" else name.replace("qkv", "attention")] = qkv
            elif isinstance(value, dict) and "x" in value:
                weights[name] = [value["x"], value["h"], value["b"]]
            elif not name.startswith("out"):
                weights[name] = [value["w"], value["b"]] if isinstance(value, dict) else [value]
        return weights
