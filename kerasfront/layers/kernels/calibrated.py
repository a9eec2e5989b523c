"""GPTQ and AWQ: kernels of few bits, chosen by the inputs that a model's layers get.

Everything is computed on the host, in float64, from the second moments of each layer's inputs.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasfront import ops
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.kernels.integers import Grouped, GroupedScaled, group_of_each
from kerasfront.layers.kernels.kernel_layer import MatrixLayer
from kerasfront.layers.kernels.quantize import LayerFilter, has_matrices, is_quantizable, layers_without_layers
from kerasfront.quantizers.configs import AWQConfig, GPTQConfig
from kerasfront.typing import TensorLike

if TYPE_CHECKING:
    from kerasfront.models.model import Model

Array = np.ndarray[Any, Any]
_BLOCK = 128


class Moments:
    """Sums over all inputs of a layer, for each row of the kernel as a matrix.

    `count` is the number of inputs, `squares` the sum of their outer products, `sizes` that of their absolute values.

    Args:
        layer: The layer.
    """

    def __init__(self, layer: MatrixLayer) -> None:
        self._product = layer._kf_contraction()
        rows = layer._kf_storage.spec.matrix_shape[0]
        self.count, self.squares, self.sizes = 0, np.zeros((rows, rows)), np.zeros(rows)

    def add(self, inputs: TensorLike) -> None:
        """Add the inputs of one call."""
        x = ops.convert_to_numpy(ops.cast(inputs, "float32")).astype("float64")
        axes = [axis % x.ndim for axis in self._product.input_axes()]
        x = np.moveaxis(x, axes, range(x.ndim - len(axes), x.ndim)).reshape(-1, len(self.sizes))
        self.squares += x.T @ x
        self.sizes += np.abs(x).sum(0)
        self.count += len(x)


@contextmanager
def gathered_moments(layers: Sequence[MatrixLayer]) -> Iterator[dict[int, Moments]]:
    """Gather the inputs of these layers whenever they are called inside; the results go by the layers' ids."""
    moments = {id(layer): Moments(layer) for layer in layers}

    def gathering(layer: MatrixLayer) -> Callable[..., Any]:
        def call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
            moments[id(layer)].add(inputs)
            return type(layer).call(layer, inputs, *args, **kwargs)

        return call

    for layer in layers:
        setattr(layer, "call", gathering(layer))  # noqa: B010  (in the place of a method)
    try:
        yield moments
    finally:
        for layer in layers:
            del layer.call


# ---- integers for a weight ----------------------------------------------------------------------------------------


def ranges(weight: Array, bits: int, symmetric: bool = False, per_channel: bool = True) -> tuple[Array, Array]:
    """Return a scale and a zero point for each row of a part of a weight.

    The scale is the range of the row, widened so that it holds 0, over the range of the integers.
    """
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
    """Return the integers that stand for a weight."""
    return np.clip(np.round(weight / scale) + zero, 0, 2**bits - 1)


def grouped(weight: Array, size: int, bits: int, **options: bool) -> tuple[Array, Array]:
    """Return scales and zero points, of shape (outputs, groups), for a weight of shape (outputs, inputs)."""
    parts = [ranges(weight[:, n : n + size], bits, **options) for n in range(0, weight.shape[1], size)]
    return np.stack([scale for scale, _ in parts], 1), np.stack([zero for _, zero in parts], 1)


def gptq(weight: Array, squares: Array, size: int, config: GPTQConfig) -> tuple[Array, Array, Array]:
    """Return the integers, scales and zero points of a weight of shape (outputs, inputs), by GPTQ.

    The weights of one input after the other are rounded. The error that this makes in the outputs is compensated by the
    weights of the inputs that come later. Source: Frantar et al., https://arxiv.org/abs/2210.17323
    """
    weight, hessian = weight.copy(), 2 * squares
    dead = np.diag(hessian) == 0
    hessian[dead, dead] = 1
    hessian[np.diag_indices_from(hessian)] += config.hessian_damping * np.diag(hessian).mean()
    index = group_of_each(weight.shape[1], size).astype(int)
    options = {"symmetric": config.symmetric, "per_channel": config.per_channel}
    scales, zeros = grouped(weight, size, config.weight_bits, **options)
    weight[:, dead] = 0
    order = np.argsort(-np.diag(hessian), kind="stable") if config.activation_order else np.arange(len(hessian))
    weight = weight[:, order]
    inverse = np.linalg.inv(hessian[np.ix_(order, order)])
    factor = np.linalg.cholesky((inverse + inverse.T) / 2).T
    rounded = np.zeros_like(weight)
    for start in range(0, len(order), _BLOCK):
        end = min(start + _BLOCK, len(order))
        errors = np.zeros((len(weight), end - start))
        for n in range(start, end):
            group = index[order[n]]
            if not config.activation_order and n % size == 0:  # by the weights as the compensation has left them
                scales[:, group], zeros[:, group] = ranges(weight[:, n : n + size], config.weight_bits, **options)
            scale, zero = scales[:, group], zeros[:, group]
            rounded[:, n] = integers(weight[:, n], scale, zero, config.weight_bits)
            error = (weight[:, n] - (rounded[:, n] - zero) * scale) / factor[n, n]
            weight[:, n:end] -= np.outer(error, factor[n, n:end])
            errors[:, n - start] = error
        weight[:, end:] -= errors @ factor[start:end, end:]
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return rounded[:, back], scales, zeros


def awq(weight: Array, moments: Moments, size: int, config: AWQConfig) -> tuple[Array, Array, Array, Array]:
    """Return the integers, scales and zero points of a weight of shape (outputs, inputs), and the inputs' factors.

    The weights of large inputs are multiplied by larger factors, so that they lose less by rounding. How much larger is
    found by trying.
    Source: Lin et al., https://arxiv.org/abs/2306.00978
    """
    sizes = np.maximum(moments.sizes / max(moments.count, 1), 1e-8)
    index = group_of_each(weight.shape[1], size).astype(int)
    best: Any = None
    for step in range(config.num_grid_points):
        factors = sizes ** (step / config.num_grid_points)
        factors = (factors / np.sqrt(factors.max() * factors.min())).astype("float32").astype("float64")
        scaled = weight * factors
        scales, zeros = grouped(scaled, size, config.weight_bits)
        rounded = integers(scaled, scales[:, index], zeros[:, index], config.weight_bits)
        error = (rounded - zeros[:, index]) * scales[:, index] / factors - weight
        loss = float(((error @ moments.squares) * error).sum())
        if best is None or loss < best[0]:
            best = loss, rounded, scales, zeros, factors
    return best[1:]


def quantize_by_moments(layer: MatrixLayer, moments: Moments, config: GPTQConfig | AWQConfig) -> None:
    """Quantize one layer by what was gathered of its inputs."""
    before = layer._kf_storage
    rows, _ = before.spec.matrix_shape
    weight = before.values.numpy().astype("float64").reshape(before.spec.matrix_shape).T
    size = rows if config.group_size == -1 else config.group_size
    if isinstance(config, GPTQConfig):
        rounded, scales, zeros = gptq(weight, moments.squares, size, config)
    else:
        rounded, scales, zeros, factors = awq(weight, moments, size, config)
    del before
    layer._kf_become_quantized(config)
    storage = layer._kf_storage
    assert isinstance(storage, Grouped)
    storage.assign_integers(rounded, scales, zeros)
    if isinstance(storage, GroupedScaled):
        storage.row_scale.assign(factors.astype("float32"))


# ---- data and models ----------------------------------------------------------------------------------------------


def samples(config: GPTQConfig | AWQConfig, rank: int | None) -> list[Any]:
    """Return the calibration data as batches of one sample.

    Args:
        config: The config that has the data. Texts become sequences of tokens, of the config's length.
        rank: The number of axes of a batch: data that has them all is one. None: each of the data is a sample.
    """
    data = list(itertools.islice(config.dataset if config.dataset is not None else (), config.num_samples))
    if not data:
        raise ValueError(f"{type(config).__name__} needs a `dataset` of at least one sample, got {config.dataset!r}.")
    if all(isinstance(text, str) for text in data):
        if config.tokenizer is None:
            raise ValueError(f"The dataset of {type(config).__name__} holds texts: it needs a `tokenizer` too.")
        methods = [getattr(config.tokenizer, n) for n in ("tokenize", "encode") if hasattr(config.tokenizer, n)]
        tokenize = methods[0] if methods else config.tokenizer
        tokens = [np.asarray(tokenize(text)).reshape(-1) for text in data]
        stream, length = np.concatenate(tokens), config.sequence_length
        parts = [stream[n : n + length] for n in range(0, max(len(stream) - length, 0) + 1, length)]
        return [part[None].astype("int32") for part in parts[: config.num_samples]]
    arrays = [ops.convert_to_numpy(x) for x in data]
    return [x if rank is not None and x.ndim == rank else x[None] for x in arrays]


def quantize_model(model: Model, config: GPTQConfig | AWQConfig, filters: LayerFilter) -> None:
    """Quantize a model's layers as `config`, a GPTQConfig or an AWQConfig, says."""
    structure = config.quantization_layer_structure or model.get_quantization_layer_structure(config.mode)
    shape = getattr(model, "input_shape", None)
    data = samples(config, len(shape) if isinstance(shape, tuple) else None)
    if structure is None:
        before, blocks = [], [model]
    else:
        before, blocks = list(structure["pre_block_layers"]), list(structure["sequential_blocks"])
    unquantized: list[Layer] = []
    for layer in before:
        data = [layer(x) for x in data]
    for block in blocks:
        unquantized += _quantize_block(block, data, config, filters)
        if block is not blocks[-1]:
            data = [block(x) for x in data]
    if unquantized:
        names = ", ".join(layer.path for layer in unquantized)
        warnings.warn(f"In '{model.name}', these layers stay as they are: {names}.", stacklevel=3)


def _quantize_block(block: Layer, data: list[Any], config: GPTQConfig | AWQConfig, filters: LayerFilter) -> list[Layer]:
    """Quantize the layers of a block, by its inputs; return those that stay as they are."""
    inside = layers_without_layers(block, filters)
    able = [layer for layer in inside if isinstance(layer, MatrixLayer) and _is_calibratable(layer, config.mode)]
    unquantized = [layer for layer in inside if layer not in able and has_matrices(layer)]
    with gathered_moments(able) as moments:
        for x in data:
            block(x)
    for layer in able:
        if moments[id(layer)].count:
            quantize_by_moments(layer, moments[id(layer)], config)
        else:
            unquantized.append(layer)
    return unquantized


def _is_calibratable(layer: MatrixLayer, mode: str) -> bool:
    fits = is_quantizable(layer, mode) and layer.quantization_mode is None
    return fits and layer.built and layer._kf_contraction().has_columns
