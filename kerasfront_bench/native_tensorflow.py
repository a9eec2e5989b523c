"""The workloads written by hand in TensorFlow, as an expert would write a step.

A step is one tf.function of fixed signature, with the fused Adam kernel. Losses and hits are summed in variables and
read once an epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kerasfront_bench.workloads import (
    BLOCKS,
    CLASSES,
    HEADS,
    LAYER_FILTERS,
    LAYER_IMAGE,
    LAYER_SEQUENCE,
    LENGTH,
    LSTM_LENGTH,
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

_rng = np.random.default_rng(0)


def wait(value: Any) -> None:
    """Wait for the device, by reading what was computed last."""
    leaves = [leaf for leaf in tf.nest.flatten(value) if tf.is_tensor(leaf) or isinstance(leaf, tf.Variable)]
    if leaves:
        leaves[-1].numpy()


def peak_device_mb() -> float | None:
    """Return the most memory of the device that tensors took, in MB; None on the CPU."""
    devices = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e6 if devices else None


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


class Net:
    """Holds the weights by the name of the front's layer, the running statistics, and `apply(x, training)`."""

    def __init__(self) -> None:
        self.weights: dict[str, list[tf.Variable]] = {}
        self.statistics: list[tf.Variable] = []
        self.apply: Callable[[tf.Tensor, bool], tf.Tensor]

    def variables(self, name: str, *values: Array) -> list[tf.Variable]:
        self.weights[name] = [tf.Variable(value) for value in values]
        return self.weights[name]

    def linear(self, name: str, inputs: int, outputs: int) -> Callable[[tf.Tensor], tf.Tensor]:
        w, b = self.variables(name, _glorot(inputs, outputs), _zeros(outputs))

        def apply(x: tf.Tensor) -> tf.Tensor:
            if len(x.shape) == 2:
                return tf.nn.bias_add(tf.matmul(x, w), b)
            flat = tf.nn.bias_add(tf.matmul(tf.reshape(x, (-1, inputs)), w), b)
            return tf.reshape(flat, (-1, *x.shape[1:-1], outputs))

        return apply

    def layer_norm(self, name: str) -> Callable[[tf.Tensor], tf.Tensor]:
        scale, offset = self.variables(name, _ones(WIDTH), _zeros(WIDTH))

        def apply(x: tf.Tensor) -> tf.Tensor:
            mean, variance = tf.nn.moments(x, -1, keepdims=True)
            return tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-5)

        return apply

    def batch_norm(self, name: str, channels: int) -> Callable[[tf.Tensor, bool], tf.Tensor]:
        scale, offset = self.variables(name, _ones(channels), _zeros(channels))
        mean, variance = tf.Variable(_zeros(channels)), tf.Variable(_ones(channels))
        self.statistics += [mean, variance]
        fused = tf.compat.v1.nn.fused_batch_norm

        def apply(x: tf.Tensor, training: bool) -> tf.Tensor:
            if not training:
                return fused(x, scale, offset, mean, variance, 1e-3, is_training=False)[0]
            y, batch_mean, batch_variance = fused(x, scale, offset, epsilon=1e-3)
            mean.assign_sub(0.01 * (mean - batch_mean))
            variance.assign_sub(0.01 * (variance - batch_variance))
            return y

        return apply


# --- the models ---


def _mlp_small() -> Net:
    net = Net()
    hidden, logits = net.linear("hidden", PIXELS, 128), net.linear("logits", 128, CLASSES)
    net.apply = lambda x, training: logits(tf.nn.relu(hidden(x)))
    return net


def _mlp_wide() -> Net:
    net = Net()
    hidden = [net.linear("hidden_1", PIXELS, 512), net.linear("hidden_2", 512, 512)]
    logits = net.linear("logits", 512, CLASSES)

    def apply(x: tf.Tensor, training: bool) -> tf.Tensor:
        for layer in hidden:
            x = tf.nn.relu(layer(x))
            x = tf.nn.dropout(x, 0.2) if training else x
        return logits(x)

    net.apply = apply
    return net


def _cnn() -> Net:
    net = Net()
    convs = [
        net.variables("conv_1", _glorot(3, 3, 1, 32), _zeros(32)),
        net.variables("conv_2", _glorot(3, 3, 32, 64), _zeros(64)),
    ]
    logits = net.linear("logits", 1600, CLASSES)

    def apply(x: tf.Tensor, training: bool) -> tf.Tensor:
        for w, b in convs:
            x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, w, 1, "VALID"), b)), 2, 2, "VALID")
        return logits(tf.reshape(x, (-1, 1600)))

    net.apply = apply
    return net


def lstm(x: tf.Tensor, w: tf.Variable, recurrent: tf.Variable, b: tf.Variable, length: int) -> tf.Tensor:
    """Return the last output of an LSTM over (time, batch, features), unrolled: on CPUs a while loop is slower."""
    units = recurrent.shape[0]
    flat = tf.nn.bias_add(tf.matmul(tf.reshape(x, (-1, x.shape[-1])), w), b)
    h = c = tf.zeros((tf.shape(x)[1], units))
    for now in tf.unstack(tf.reshape(flat, (length, -1, 4 * units)), length):
        i, f, g, o = tf.split(now + tf.matmul(h, recurrent), 4, -1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
    return h


def _lstm() -> Net:
    net, gates = Net(), 4 * LSTM_UNITS
    (table,) = net.variables("embedding", _small(WORDS, LSTM_WIDTH))
    w, recurrent, b = net.variables("lstm", _glorot(LSTM_WIDTH, gates), _glorot(LSTM_UNITS, gates), _zeros(gates))
    logits = net.linear("logits", LSTM_UNITS, 1)
    net.apply = lambda x, training: logits(lstm(tf.gather(table, tf.transpose(x)), w, recurrent, b, LSTM_LENGTH))
    return net


def attention(
    qkv: Callable[[tf.Tensor], tf.Tensor], out: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, mask: tf.Tensor | None
) -> tf.Tensor:
    """Apply self-attention with one projection to queries, keys and values; `mask` is added to the scores."""
    size = WIDTH // HEADS
    split = tf.reshape(qkv(x), (-1, LENGTH, 3, HEADS, size))
    q, k, v = tf.unstack(tf.transpose(split, (2, 0, 3, 1, 4)))
    scores = tf.matmul(q, k, transpose_b=True) * size**-0.5
    mixed = tf.matmul(tf.nn.softmax(scores if mask is None else scores + mask), v)
    return out(tf.reshape(tf.transpose(mixed, (0, 2, 1, 3)), (-1, LENGTH, WIDTH)))


def _transformer() -> Net:
    net = Net()
    (table,), (position,) = (
        net.variables("embedding", _small(TOKENS, WIDTH)),
        net.variables("position", _small(LENGTH, WIDTH)),
    )
    blocks = [
        (net.layer_norm(f"norm_a{i}"), net.linear(f"qkv{i}", WIDTH, 3 * WIDTH), net.linear(f"out{i}", WIDTH, WIDTH),
         net.layer_norm(f"norm_b{i}"), net.linear(f"up{i}", WIDTH, 4 * WIDTH), net.linear(f"down{i}", 4 * WIDTH, WIDTH))
        for i in range(BLOCKS)
    ]  # fmt: skip
    norm, logits = net.layer_norm("norm"), net.linear("logits", WIDTH, TOKENS)
    mask = tf.constant(np.where(np.tril(np.ones((LENGTH, LENGTH))), 0, -1e9).astype(np.float32))

    def apply(x: tf.Tensor, training: bool) -> tf.Tensor:
        x = tf.gather(table, x) + position
        for norm_a, qkv, out, norm_b, up, down in blocks:
            x = x + attention(qkv, out, norm_a(x), mask)
            x = x + down(tf.nn.gelu(up(norm_b(x))))
        return logits(norm(x))

    net.apply = apply
    return net


def _resnet() -> Net:
    net = Net()

    def unit(name: str, inputs: int, channels: int, size: int, stride: int) -> Callable[[tf.Tensor, bool], tf.Tensor]:
        (w,) = net.variables(f"{name}_conv", _glorot(size, size, inputs, channels))
        norm = net.batch_norm(f"{name}_norm", channels)
        return lambda x, training: norm(tf.nn.conv2d(x, w, stride, "SAME"), training)

    width = RESNET_STAGES[0]
    stem, blocks = unit("stem", 3, width, 3, 1), []
    for i, channels in enumerate(RESNET_STAGES):
        stride = 2 if i else 1
        first, second = unit(f"a{i}", width, channels, 3, stride), unit(f"b{i}", channels, channels, 3, 1)
        blocks.append((first, second, unit(f"s{i}", width, channels, 1, stride) if i else None))
        width = channels
    logits = net.linear("logits", width, CLASSES)

    def apply(x: tf.Tensor, training: bool) -> tf.Tensor:
        x = tf.nn.relu(stem(x, training))
        for first, second, short in blocks:
            inner = second(tf.nn.relu(first(x, training)), training)
            x = tf.nn.relu(inner + (x if short is None else short(x, training)))
        return logits(tf.reduce_mean(x, (1, 2)))

    net.apply = apply
    return net


def over_time(step: Callable[..., tuple[tf.Tensor, ...]], x: tf.Tensor, states: int) -> tf.Tensor:
    """Return the last first state of `step(now, *states)` over (time, batch, features), by one while loop."""
    length = x.shape[0]
    now = tf.TensorArray(tf.float32, length, element_shape=(None, x.shape[2])).unstack(x)
    start = tf.zeros((tf.shape(x)[1], LSTM_UNITS))
    shapes = (tf.TensorShape([]), *[tf.TensorShape([None, LSTM_UNITS])] * states)
    return tf.while_loop(
        lambda t, *_: t < length, lambda t, *carried: (t + 1, *step(now.read(t), *carried)),
        (tf.constant(0), *[start] * states), maximum_iterations=length, shape_invariants=shapes,
    )[1]  # fmt: skip


def _projected(x: tf.Tensor, w: tf.Variable, b: tf.Tensor) -> tf.Tensor:
    """Multiply (batch, time, features) by a kernel, and return (time, batch, outputs)."""
    length, features = LAYER_SEQUENCE
    flat = tf.reshape(tf.transpose(x, (1, 0, 2)), (-1, features))
    return tf.reshape(tf.nn.bias_add(tf.matmul(flat, w), b), (length, -1, w.shape[1]))


def _layer_lstm() -> Net:
    net, gates = Net(), 4 * LSTM_UNITS
    w, recurrent, b = net.variables(
        "layer", _glorot(LAYER_SEQUENCE[1], gates), _glorot(LSTM_UNITS, gates), _zeros(gates)
    )

    def step(now: tf.Tensor, h: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, ...]:
        i, f, g, o = tf.split(now + tf.matmul(h, recurrent), 4, -1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

    net.apply = lambda x, training: over_time(step, _projected(x, w, b), 2)
    return net


def _layer_gru() -> Net:
    net, gates = Net(), 3 * LSTM_UNITS
    w, recurrent, b = net.variables(
        "layer", _glorot(LAYER_SEQUENCE[1], gates), _glorot(LSTM_UNITS, gates), _zeros(2, gates)
    )

    def step(now: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, ...]:
        update, reset, new = tf.split(now, 3, -1)
        by_update, by_reset, by_new = tf.split(tf.nn.bias_add(tf.matmul(h, recurrent), b[1]), 3, -1)
        update, reset = tf.sigmoid(update + by_update), tf.sigmoid(reset + by_reset)
        return (update * h + (1 - update) * tf.tanh(new + reset * by_new),)

    net.apply = lambda x, training: over_time(step, _projected(x, w, b[0]), 1)
    return net


def _layer_conv() -> Net:
    net = Net()
    w, b = net.variables("layer", _glorot(3, 3, LAYER_IMAGE[2], LAYER_FILTERS), _zeros(LAYER_FILTERS))
    net.apply = lambda x, training: tf.nn.bias_add(tf.nn.conv2d(x, w, 1, "SAME"), b)
    return net


def _layer_norm() -> Net:
    net = Net()
    net.apply = net.batch_norm("layer", LAYER_IMAGE[2])
    return net


def _layer_attention() -> Net:
    net = Net()
    qkv, out = net.linear("qkv0", WIDTH, 3 * WIDTH), net.linear("out0", WIDTH, WIDTH)
    net.apply = lambda x, training: attention(qkv, out, x, None)
    return net


NETS: dict[str, Callable[[], Net]] = {
    "mlp_small": _mlp_small,
    "mlp_wide": _mlp_wide,
    "cnn": _cnn,
    "lstm": _lstm,
    "transformer": _transformer,
    "resnet": _resnet,
    "layer_lstm": _layer_lstm,
    "layer_gru": _layer_gru,
    "layer_conv": _layer_conv,
    "layer_norm": _layer_norm,
    "layer_attention": _layer_attention,
}


def stack(layers: int, width: int) -> Any:
    """Return the initial weights of as many Dense layers in a row."""
    limit = (3 / width) ** 0.5
    draw = tf.random.uniform
    return [(tf.Variable(draw((width, width), -limit, limit)), tf.Variable(tf.zeros(width))) for _ in range(layers)]


# --- the loops ---


class Program:
    """One workload: its variables and the loops over NumPy data."""

    def __init__(self, workload: Workload) -> None:
        tf.random.set_seed(0)
        self.workload = workload
        self.net = net = NETS[workload.name]()
        trained = [variable for values in net.weights.values() for variable in values]
        moments = [(tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v))) for v in trained]
        count = tf.Variable(0.0)
        self.losses, self.hits = tf.Variable(0.0), tf.Variable(0.0)

        def loss_and_hits(logits: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            if workload.loss == "mse":
                return tf.reduce_mean(tf.math.squared_difference(logits, y)), tf.constant(0.0)
            if workload.loss == "binary":
                losses = tf.nn.sigmoid_cross_entropy_with_logits(y, logits)
                hits = tf.equal(logits > 0, y > 0.5)
            else:
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
                hits = tf.equal(tf.argmax(logits, -1, output_type=tf.int32), y)
            return tf.reduce_mean(losses), tf.reduce_sum(tf.cast(hits, tf.float32))

        def step(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            with tf.GradientTape() as tape:
                loss, hits = loss_and_hits(net.apply(x, True), y)
            gradients = tape.gradient(loss, trained)
            t = count.assign_add(1.0)
            powers = {"beta1_power": tf.pow(0.9, t), "beta2_power": tf.pow(0.999, t)}
            for variable, (m, v), gradient in zip(trained, moments, gradients, strict=True):
                tf.raw_ops.ResourceApplyAdam(
                    var=variable.handle, m=m.handle, v=v.handle, **powers, lr=1e-3, beta1=0.9, beta2=0.999,
                    epsilon=1e-7, grad=tf.convert_to_tensor(gradient),
                )  # fmt: skip
            self.losses.assign_add(loss)
            self.hits.assign_add(hits)
            return loss, hits

        def test(x: tf.Tensor, y: tf.Tensor) -> None:
            loss, hits = loss_and_hits(net.apply(x, False), y)
            self.losses.assign_add(loss)
            self.hits.assign_add(hits)

        signature = [tf.TensorSpec((None, *a.shape[1:]), tf.as_dtype(a.dtype)) for a in workload.make_data(2)]
        self._step = tf.function(step, input_signature=signature, autograph=False)
        self._test = tf.function(test, input_signature=signature, autograph=False)
        self._forward = tf.function(lambda x: net.apply(x, False), input_signature=signature[:1], autograph=False)

    def parameter_count(self) -> int:
        trained = [variable for values in self.net.weights.values() for variable in values]
        return sum(int(np.prod(v.shape)) for v in trained + self.net.statistics)

    def _reset(self) -> None:
        self.losses.assign(0.0)
        self.hits.assign(0.0)

    def _means(self, steps: int, answers: int) -> tuple[float, float]:
        return float(self.losses.numpy()) / steps, float(self.hits.numpy()) / answers

    def train_epoch(self, x: Array, y: Array, batch: int, rng: np.random.Generator) -> tuple[float, float]:
        """Train over shuffled data. Return the mean loss and the accuracy."""
        order, steps, step = rng.permutation(len(x)), range(0, len(x), batch), self._step
        self._reset()
        for start in steps:
            index = order[start : start + batch]
            step(tf.convert_to_tensor(x[index]), tf.convert_to_tensor(y[index]))
        return self._means(len(steps), y.size)

    def train_on_batch(self, x: Array, y: Array) -> tuple[float, float]:
        loss, hits = self._step(tf.convert_to_tensor(x), tf.convert_to_tensor(y))
        return float(loss.numpy()), float(hits.numpy()) / y.size

    def evaluate(self, x: Array, y: Array, batch: int) -> tuple[float, float]:
        steps, test = range(0, len(x), batch), self._test
        self._reset()
        for start in steps:
            stop = start + batch
            test(tf.convert_to_tensor(x[start:stop]), tf.convert_to_tensor(y[start:stop]))
        return self._means(len(steps), y.size)

    def predict(self, x: Array) -> Array:
        return self._forward(tf.convert_to_tensor(x)).numpy()

    def forward(self, x: tf.Tensor) -> tf.Tensor:
        """Run the eager forward pass in inference, on a tensor that `prepare_forward` made."""
        return self.net.apply(x, False)

    def prepare_forward(self, x: Array) -> tuple[tf.Tensor, tf.Tensor]:
        """Return a batch as `forward` takes it, and as a model of the front does."""
        tensor = tf.convert_to_tensor(x)
        return tensor, tensor

    def weights(self) -> dict[str, list[Array]]:
        """Return the trainable weights by the name of their layer, in the front's order and layouts."""
        arrays = {name: [v.numpy() for v in values] for name, values in self.net.weights.items()}
        for name in [name for name in arrays if name.startswith("qkv")]:
            out = arrays.pop(name.replace("qkv", "out"))
            layer = "layer" if self.workload.name == "layer_attention" else name.replace("qkv", "attention")
            arrays[layer] = attention_weights(arrays.pop(name), out)
        return arrays
