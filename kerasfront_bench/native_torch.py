"""The workloads written by hand in PyTorch, as an expert would write a step.

A step uses fused Adam and the framework's own layers. Losses and hits are summed on the device and read once an epoch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

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

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def wait(_: Any) -> None:
    """Wait for the device."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def _pinned(array: Array) -> Tensor:
    """Return a batch in pinned memory, from which a GPU copies while the host goes on."""
    tensor = torch.from_numpy(array)
    return tensor if DEVICE.type == "cpu" else tensor.pin_memory()


def accelerator() -> str | None:
    """Return the model of the GPU; None on the CPU."""
    return torch.cuda.get_device_name() if DEVICE.type == "cuda" else None


def peak_device_mb() -> float | None:
    """Return the most memory of the device that tensors took, in MB; None on the CPU."""
    return torch.cuda.max_memory_allocated() / 1e6 if DEVICE.type == "cuda" else None


# --- the nets ---


class LSTMNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, LSTM_WIDTH)
        self.lstm = nn.LSTM(LSTM_WIDTH, LSTM_UNITS, batch_first=True)
        self.logits = nn.Linear(LSTM_UNITS, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(self.lstm(self.embedding(x))[1][0][0])


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_a, self.norm_b = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        qkv = self.qkv(self.norm_a(x)).view(batch, length, 3, HEADS, WIDTH // HEADS)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, WIDTH))
        return x + self.down(F.gelu(self.up(self.norm_b(x))))


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, WIDTH)
        self.position = nn.Parameter(torch.randn(LENGTH, WIDTH) * 0.05)
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.norm, self.logits = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, TOKENS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embedding(x) + self.position
        for block in self.blocks:
            x = block(x)
        return self.logits(self.norm(x))


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()

        def unit(inputs: int, channels: int, size: int, stride: int) -> nn.Module:
            # Strided "same" padding as Keras defines it: less in front than behind, by hand where they differ.
            padding = size // 2 if stride == 1 else 0
            conv = nn.Conv2d(inputs, channels, size, stride, padding, bias=False)
            pad = [nn.ZeroPad2d((0, 1, 0, 1))] if stride > 1 and size > 1 else []
            return nn.Sequential(*pad, conv, nn.BatchNorm2d(channels, 1e-3, 0.01))

        width = RESNET_STAGES[0]
        self.units = nn.ModuleDict({"stem": unit(3, width, 3, 1)})
        for i, channels in enumerate(RESNET_STAGES):
            stride = 2 if i else 1
            self.units[f"a{i}"] = unit(width, channels, 3, stride)
            self.units[f"b{i}"] = unit(channels, channels, 3, 1)
            if i:
                self.units[f"s{i}"] = unit(width, channels, 1, stride)
            width = channels
        self.logits = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        units = self.units
        x = F.relu(units["stem"](x))
        for i in range(len(RESNET_STAGES)):
            inner = units[f"b{i}"](F.relu(units[f"a{i}"](x)))
            x = F.relu(inner + (units[f"s{i}"](x) if i else x))
        return self.logits(x.mean((2, 3)))


class LastOutput(nn.Module):
    """Return the last output of a recurrent layer of the framework."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0][:, -1]


class SelfAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x, x, x, need_weights=False)[0]


def _mlp_small() -> nn.Module:
    return nn.Sequential(nn.Linear(PIXELS, 128), nn.ReLU(), nn.Linear(128, CLASSES))


def _mlp_wide() -> nn.Module:
    wide = [nn.Linear(PIXELS, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.2)]
    return nn.Sequential(*wide, nn.Linear(512, CLASSES))


def _cnn() -> nn.Module:
    first = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(1600, CLASSES))


NETS = {
    "mlp_small": _mlp_small,
    "mlp_wide": _mlp_wide,
    "cnn": _cnn,
    "lstm": LSTMNet,
    "transformer": Transformer,
    "resnet": ResNet,
    "layer_lstm": lambda: LastOutput(nn.LSTM(LAYER_SEQUENCE[1], LSTM_UNITS, batch_first=True)),
    "layer_gru": lambda: LastOutput(nn.GRU(LAYER_SEQUENCE[1], LSTM_UNITS, batch_first=True)),
    "layer_conv": lambda: nn.Conv2d(LAYER_IMAGE[2], LAYER_FILTERS, 3, padding=1),
    "layer_norm": lambda: nn.BatchNorm2d(LAYER_IMAGE[2], 1e-3, 0.01),
    "layer_attention": SelfAttention,
}


def stack(layers: int, width: int) -> nn.Module:
    """Return as many Dense layers in a row, with their initial weights."""
    return nn.Sequential(*(part for _ in range(layers) for part in (nn.Linear(width, width), nn.ReLU())))


# --- the loops ---

_NO_HITS = torch.zeros((), dtype=torch.int64, device=DEVICE)


class Program:
    """One workload: its net, its optimizer and the loops over NumPy data."""

    def __init__(self, workload: Workload) -> None:
        torch.manual_seed(0)
        self.workload, self.loss = workload, workload.loss
        self.net = NETS[workload.name]().to(DEVICE)
        if workload.images:
            self.net = self.net.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-3, eps=1e-7, fused=True)

    def parameter_count(self) -> int:
        """Count the numbers in weights and running statistics, but not the LSTM's second bias: the front has none."""
        count = sum(p.numel() for p in self.net.parameters())
        count += sum(b.numel() for name, b in self.net.named_buffers() if "running" in name)
        return count - (4 * LSTM_UNITS if self.workload.name in ("lstm", "layer_lstm") else 0)

    def input(self, x: Array | Tensor) -> Tensor:
        tensor = torch.as_tensor(x).to(DEVICE, non_blocking=True)
        return tensor.permute(0, 3, 1, 2) if self.workload.images else tensor

    def target(self, y: Array | Tensor) -> Tensor:
        tensor = torch.as_tensor(y).to(DEVICE, non_blocking=True)
        if self.loss == "mse" and self.workload.images:
            return tensor.permute(0, 3, 1, 2)
        return tensor.long() if self.loss == "sparse" else tensor

    def loss_and_hits(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.net(x)
        if self.loss == "mse":
            return F.mse_loss(logits, y), _NO_HITS
        if self.loss == "binary":
            return F.binary_cross_entropy_with_logits(logits, y), ((logits > 0) == (y > 0.5)).sum()
        if logits.ndim == 3:
            logits, y = logits.flatten(0, 1), y.flatten()
        return F.cross_entropy(logits, y), (logits.detach().argmax(-1) == y).sum()

    def step(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        loss, hits = self.loss_and_hits(x, y)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), hits

    def train_epoch(self, x: Array, y: Array, batch: int, rng: np.random.Generator) -> tuple[float, float]:
        """Train over shuffled data. Return the mean loss and the accuracy."""
        self.net.train()
        order, steps = rng.permutation(len(x)), range(0, len(x), batch)
        losses, hits = torch.zeros((), device=DEVICE), torch.zeros((), dtype=torch.int64, device=DEVICE)
        indices = (order[start : start + batch] for start in steps)
        batches = ((_pinned(x[index]), _pinned(y[index])) for index in indices)
        for one in batches if DEVICE.type == "cpu" else prefetch(batches, lambda pair: pair):
            loss, hit = self.step(self.input(one[0]), self.target(one[1]))
            losses += loss
            hits += hit
        return losses.item() / len(steps), hits.item() / y.size

    def train_on_batch(self, x: Array, y: Array) -> tuple[float, float]:
        self.net.train()
        loss, hits = self.step(self.input(x), self.target(y))
        return loss.item(), hits.item() / y.size

    def evaluate(self, x: Array, y: Array, batch: int) -> tuple[float, float]:
        self.net.eval()
        steps = range(0, len(x), batch)
        losses, hits = torch.zeros((), device=DEVICE), torch.zeros((), dtype=torch.int64, device=DEVICE)
        with torch.inference_mode():
            for start in steps:
                stop = start + batch
                loss, hit = self.loss_and_hits(self.input(x[start:stop]), self.target(y[start:stop]))
                losses += loss
                hits += hit
        return losses.item() / len(steps), hits.item() / y.size

    def predict(self, x: Array) -> Array:
        self.net.eval()
        with torch.inference_mode():
            out = self.net(self.input(x)).cpu()
            return (out.permute(0, 2, 3, 1) if out.ndim == 4 else out).numpy()

    def forward(self, x: Tensor) -> Tensor:
        """Run the eager forward pass in inference, on a tensor that `input` made."""
        return self.net(x)

    def prepare_forward(self, x: Array) -> tuple[Tensor, Tensor]:
        """Return a batch as `forward` takes it, and as a model of the front does."""
        self.net.eval()
        return self.input(x), torch.from_numpy(x).to(DEVICE)

    def weights(self) -> dict[str, list[Array]]:
        """Return the trainable weights by the name of their layer, in the front's order and layouts."""
        return _WEIGHTS[self.workload.name](self.net)


# --- the weights, as the layers of the front have them ---


def _array(tensor: Tensor) -> Array:
    return tensor.detach().cpu().numpy().copy()


def _linear(layer: nn.Linear) -> list[Array]:
    return [_array(layer.weight).T, _array(layer.bias)]


def _norm(layer: Any) -> list[Array]:
    return [_array(layer.weight), _array(layer.bias)]


def _kernel(layer: nn.Conv2d) -> Array:
    return _array(layer.weight).transpose(2, 3, 1, 0)


def _cnn_weights(net: Any) -> dict[str, list[Array]]:
    # Flatten goes over (channels, height, width) here, over (height, width, channels) in the front.
    head = _array(net[7].weight).reshape(CLASSES, 64, 5, 5).transpose(2, 3, 1, 0).reshape(1600, CLASSES)
    convs = {"conv_1": [_kernel(net[0]), _array(net[0].bias)], "conv_2": [_kernel(net[3]), _array(net[3].bias)]}
    return {**convs, "logits": [head, _array(net[7].bias)]}


def _lstm_weights(net: Any) -> dict[str, list[Array]]:
    cell = net.lstm
    biases = _array(cell.bias_ih_l0) + _array(cell.bias_hh_l0)
    return {
        "embedding": [_array(net.embedding.weight)],
        "lstm": [_array(cell.weight_ih_l0).T, _array(cell.weight_hh_l0).T, biases],
        "logits": _linear(net.logits),
    }


def _transformer_weights(net: Any) -> dict[str, list[Array]]:
    weights = {
        "embedding": [_array(net.embedding.weight)],
        "position": [_array(net.position)],
        "norm": _norm(net.norm),
        "logits": _linear(net.logits),
    }
    for i, block in enumerate(net.blocks):
        weights[f"norm_a{i}"], weights[f"norm_b{i}"] = _norm(block.norm_a), _norm(block.norm_b)
        weights[f"attention{i}"] = attention_weights(_linear(block.qkv), _linear(block.out))
        weights[f"up{i}"], weights[f"down{i}"] = _linear(block.up), _linear(block.down)
    return weights


def _resnet_weights(net: Any) -> dict[str, list[Array]]:
    weights = {"logits": _linear(net.logits)}
    for name, unit in net.units.items():
        weights[f"{name}_conv"], weights[f"{name}_norm"] = [_kernel(unit[-2])], _norm(unit[-1])
    return weights


def _gru_weights(net: Any) -> dict[str, list[Array]]:
    """Reorder the gates, which are (reset, update, new) here and (update, reset, new) in the front."""
    cell = net.layer

    def gates(array: Array) -> Array:
        reset, update, new = np.split(array, 3)
        return np.concatenate([update, reset, new])

    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    kernel, recurrent, *biases = (gates(_array(getattr(cell, name))) for name in names)
    return {"layer": [kernel.T, recurrent.T, np.stack(biases)]}


def _lstm_layer_weights(net: Any) -> dict[str, list[Array]]:
    cell = net.layer
    biases = _array(cell.bias_ih_l0) + _array(cell.bias_hh_l0)
    return {"layer": [_array(cell.weight_ih_l0).T, _array(cell.weight_hh_l0).T, biases]}


def _attention_weights(net: Any) -> dict[str, list[Array]]:
    layer = net.layer
    return {
        "layer": attention_weights(
            [_array(layer.in_proj_weight).T, _array(layer.in_proj_bias)], _linear(layer.out_proj)
        )
    }


_WEIGHTS: dict[str, Any] = {
    "mlp_small": lambda net: {"hidden": _linear(net[0]), "logits": _linear(net[2])},
    "mlp_wide": lambda net: {"hidden_1": _linear(net[0]), "hidden_2": _linear(net[3]), "logits": _linear(net[6])},
    "cnn": _cnn_weights,
    "lstm": _lstm_weights,
    "transformer": _transformer_weights,
    "resnet": _resnet_weights,
    "layer_lstm": _lstm_layer_weights,
    "layer_gru": _gru_weights,
    "layer_conv": lambda net: {"layer": [_kernel(net), _array(net.bias)]},
    "layer_norm": lambda net: {"layer": _norm(net)},
    "layer_attention": _attention_weights,
}
