"""GPTQ and AWQ: weights of few bits, chosen by looking at the inputs that a model gives its layers.

All is computed on the host, in float64, from the second moments of each layer's inputs.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kerasfront import ops
from kerasfront.layers.base.gathering import layers_of_tree
from kerasfront.layers.quantized import chosen, group_index, packed_bytes, quantizable

Array = np.ndarray[Any, Any]
_BLOCK = 128


class Moments:
    """What is gathered of the inputs of a layer: sums over all of them, as rows of the flat weight see them."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        rows = layer._flat_shape()[0]
        self.count, self.squares, self.sizes = 0, np.zeros((rows, rows)), np.zeros(rows)

    def add(self, inputs: Any) -> None:
        x = ops.convert_to_numpy(ops.cast(inputs, "float32")).astype("float64")
        axes = [axis % x.ndim for axis in self.layer._summed_inputs(inputs)]
        x = np.moveaxis(x, axes, range(x.ndim - len(axes), x.ndim)).reshape(-1, len(self.sizes))
        self.squares += x.T @ x
        self.sizes += np.abs(x).sum(0)
        self.count += len(x)


def fits(layer: Any) -> bool:
    """Whether each output is a product of the same inputs with a column of the flat weight."""
    summed = layer._summed()
    if summed != tuple(range(len(summed))):
        return False
    terms = getattr(layer, "_terms", None)
    if terms is None:
        return True
    inner, kernel, outer = terms
    gone = [label for label in inner if label not in outer]
    return gone == kernel[: len(summed)] and not any(label in inner for label in kernel[len(summed) :])


@contextmanager
def watched(layers: list[Any]) -> Iterator[dict[int, Moments]]:
    """Inside, the inputs of these layers are gathered whenever they are called."""
    found = {id(layer): Moments(layer) for layer in layers}

    def watch(layer: Any) -> Any:
        def call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
            found[id(layer)].add(inputs)
            return type(layer).call(layer, inputs, *args, **kwargs)

        return call

    for layer in layers:
        layer.__dict__["call"] = watch(layer)
    try:
        yield found
    finally:
        for layer in layers:
            del layer.__dict__["call"]


# ---- integers for a weight ----------------------------------------------------------------------------------------


def ranges(weight: Array, bits: int, symmetric: bool = False, per_channel: bool = True) -> tuple[Array, Array]:
    """Scale and zero point for each row of a part of a weight: its range, which holds 0, over the integers' range."""
    most = 2**bits - 1
    low, high = np.minimum(weight.min(1), 0), np.maximum(weight.max(1), 0)
    if not per_channel:
        low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
    if symmetric:
        high = np.maximum(-low, high)
        low = -high
    same = low == high
    low, high = np.where(same, -1, low), np.where(same, 1, high)
    scale = ((high - low) / most).astype("float32").astype("float64")
    zero = np.full_like(scale, (most + 1) // 2) if symmetric else np.clip(np.round(-low / scale), 0, most)
    return scale, zero


def integers(weight: Array, scale: Array, zero: Array, bits: int) -> Array:
    return np.clip(np.round(weight / scale) + zero, 0, 2**bits - 1)


def grouped(weight: Array, size: int, bits: int, **options: Any) -> tuple[Array, Array]:
    """Scales and zero points of shape (outputs, groups) for a weight of shape (outputs, inputs)."""
    parts = [ranges(weight[:, n : n + size], bits, **options) for n in range(0, weight.shape[1], size)]
    return np.stack([scale for scale, _ in parts], 1), np.stack([zero for _, zero in parts], 1)


def gptq(weight: Array, squares: Array, size: int, config: Any) -> tuple[Array, Array, Array]:
    """The integers, scales and zero points of a weight of shape (outputs, inputs).

    One input after the other is rounded, and the error that this makes in the outputs is made up for by the inputs
    that are yet to come. Source: Frantar et al., https://arxiv.org/abs/2210.17323
    """
    weight, hessian = weight.copy(), 2 * squares
    dead = np.diag(hessian) == 0
    hessian[dead, dead] = 1
    hessian[np.diag_indices_from(hessian)] += config.hessian_damping * np.diag(hessian).mean()
    index = group_index(weight.shape[1], size).astype(int)
    options = {"symmetric": config.symmetric, "per_channel": config.per_channel}
    scales, zeros = grouped(weight, size, config.weight_bits, **options)
    weight[:, dead] = 0
    order = np.argsort(-np.diag(hessian), kind="stable") if config.activation_order else np.arange(len(hessian))
    weight = weight[:, order]
    inverse = np.linalg.inv(hessian[np.ix_(order, order)])
    factor = np.linalg.cholesky((inverse + inverse.T) / 2).T
    found = np.zeros_like(weight)
    for start in range(0, len(order), _BLOCK):
        end = min(start + _BLOCK, len(order))
        errors = np.zeros((len(weight), end - start))
        for n in range(start, end):
            group = index[order[n]]
            if not config.activation_order and n % size == 0:  # the weights as they are by now
                scales[:, group], zeros[:, group] = ranges(weight[:, n : n + size], config.weight_bits, **options)
            scale, zero = scales[:, group], zeros[:, group]
            found[:, n] = integers(weight[:, n], scale, zero, config.weight_bits)
            error = (weight[:, n] - (found[:, n] - zero) * scale) / factor[n, n]
            weight[:, n:end] -= np.outer(error, factor[n, n:end])
            errors[:, n - start] = error
        weight[:, end:] -= errors @ factor[start:end, end:]
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return found[:, back], scales, zeros


def awq(weight: Array, moments: Moments, size: int, config: Any) -> tuple[Array, Array, Array, Array]:
    """The integers, scales and zero points of a weight of shape (outputs, inputs), and what its inputs were scaled by.

    Inputs that are large get larger weights, which lose less by rounding; how much larger is found by trying.
    Source: Lin et al., https://arxiv.org/abs/2306.00978
    """
    sizes = np.maximum(moments.sizes / max(moments.count, 1), 1e-8)
    index = group_index(weight.shape[1], size).astype(int)
    best: Any = None
    for step in range(config.num_grid_points):
        factors = sizes ** (step / config.num_grid_points)
        factors = (factors / np.sqrt(factors.max() * factors.min())).astype("float32").astype("float64")
        scaled = weight * factors
        scales, zeros = grouped(scaled, size, config.weight_bits)
        found = integers(scaled, scales[:, index], zeros[:, index], config.weight_bits)
        error = (found - zeros[:, index]) * scales[:, index] / factors - weight
        loss = float(((error @ moments.squares) * error).sum())
        if best is None or loss < best[0]:
            best = loss, found, scales, zeros, factors
    return best[1:]


def settle(layer: Any, moments: Moments, config: Any) -> None:
    """Quantize one layer by what was gathered of its inputs."""
    rows, columns = layer._flat_shape()
    weight = ops.convert_to_numpy(layer._stored_matrix()._value).astype("float64").reshape(rows, columns).T
    size = rows if config.group_size == -1 else config.group_size
    factors = None
    if config.mode == "gptq":
        found, scales, zeros = gptq(weight, moments.squares, size, config)
    else:
        found, scales, zeros, factors = awq(weight, moments, size, config)
    layer._become(layer._forms[config.mode], config)
    layer._stored_matrix().assign(packed_bytes(found.astype("uint8"), config.weight_bits))
    layer.kernel_scale.assign(scales.astype("float32"))
    layer.kernel_zero.assign(zeros.astype("uint8"))
    if factors is not None:
        layer.awq_scales.assign(factors.astype("float32"))


# ---- data and models ----------------------------------------------------------------------------------------------


def samples(config: Any, rank: int | None) -> list[Any]:
    """The calibration data as batches of one: of texts, sequences of tokens of the config's length."""
    found = list(itertools.islice(config.dataset if config.dataset is not None else (), config.num_samples))
    if not found:
        raise ValueError(f"{type(config).__name__} needs a `dataset` of at least one sample, got {config.dataset!r}.")
    if all(isinstance(text, str) for text in found):
        if config.tokenizer is None:
            raise ValueError(f"The dataset of {type(config).__name__} holds texts: it needs a `tokenizer` too.")
        make = next(
            (getattr(config.tokenizer, n) for n in ("tokenize", "encode") if hasattr(config.tokenizer, n)), None
        )
        tokens = [np.asarray((make or config.tokenizer)(text)).reshape(-1) for text in found]
        stream, length = np.concatenate(tokens), config.sequence_length
        parts = [stream[n : n + length] for n in range(0, max(len(stream) - length, 0) + 1, length)]
        return [part[None].astype("int32") for part in parts[: config.num_samples]]
    arrays = [ops.convert_to_numpy(x) for x in found]
    return [x if rank is not None and x.ndim == rank else x[None] for x in arrays]


def quantize_model(model: Any, config: Any, filters: Any) -> None:
    """Quantize a model's layers as `config`, a GPTQConfig or an AWQConfig, says."""
    structure = config.quantization_layer_structure or model.get_quantization_layer_structure(config.mode)
    shape = getattr(model, "input_shape", None)
    data = samples(config, len(shape) if isinstance(shape, tuple) else None)
    if structure is None:
        before, blocks = [], [model]
    else:
        before, blocks = list(structure["pre_block_layers"]), list(structure["sequential_blocks"])
    wanted, left = chosen(filters), []
    for layer in before:
        data = [layer(x) for x in data]
    for block in blocks:
        inside = [layer for layer in layers_of_tree(block) if len(layers_of_tree(layer)) == 1 and wanted(layer)]
        able = [n for n in inside if quantizable(n, config.mode) and n.quantization_mode is None and fits(n)]
        left += [n for n in inside if n not in able and any(len(w.shape) > 1 for w in n.weights)]
        with watched(able) as found:
            for x in data:
                block(x)
        for layer in able:
            if found[id(layer)].count:
                settle(layer, found[id(layer)], config)
            else:
                left.append(layer)
        if block is not blocks[-1]:
            data = [block(x) for x in data]
    if left:
        names = ", ".join(layer.path for layer in left)
        warnings.warn(f"In '{model.name}', these layers stay as they are: {names}.", stacklevel=3)
