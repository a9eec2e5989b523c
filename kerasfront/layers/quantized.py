"""Quantized layers: how each mode keeps a layer's matrix, and what it computes with it.

A layer of `_matrix.py` has a form from here once it is quantized. Products are computed in float, of the integers as
they are where inputs are quantized too, and scaled in float32: that is exact up to about a thousand summands, and to
float32's precision beyond.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasfront import dtype_policies, ops, quantizers
from kerasfront.errors import NotBuiltError
from kerasfront.layers import lora
from kerasfront.layers._configured import make_weight, where
from kerasfront.layers.base.gathering import layers_inside, layers_of_tree
from kerasfront.quantizers.functions import FLOAT8_MAX
from kerasfront.quantizers.quantizer import AbsMaxQuantizer, checked_mode
from kerasfront.variable import Variable

MODES = ("int8", "int4", "float8", "gptq", "awq")
CALIBRATED = MODES[3:]
Arrays = dict[str, np.ndarray[Any, Any]]


class Form:
    """How a layer keeps its matrix, and how it uses it. It holds no state: that is the layer's."""

    # The attributes of the layer that a file holds, in the file's order.
    saved: tuple[str, ...] = ()

    def make(self, layer: Any, shape: tuple[int, ...], config: Any) -> None:
        """Make the layer's variables for a matrix of this shape."""

    def values(self, layer: Any, matrix: np.ndarray[Any, Any]) -> Arrays:
        """What the variables hold for a matrix, by attribute."""
        raise NotImplementedError

    def matrix(self, layer: Any) -> Any:
        """The matrix in floats, without LoRA."""
        raise NotImplementedError

    def shown(self, layer: Any) -> Any:
        """The matrix as it is kept: what the layer's property shows."""
        return layer._stored_matrix()

    def product(self, layer: Any, inputs: Any) -> Any:
        """The layer's product of inputs and matrix, with LoRA."""
        x = layer._contract(inputs, ops.cast(self.matrix(layer), layer.compute_dtype))
        return ops.add(x, low_rank(layer, inputs)) if layer.lora_enabled else x

    def output(self, layer: Any, x: Any) -> Any:
        """The product with the bias."""
        return layer._biased(x)


def low_rank(layer: Any, inputs: Any) -> Any:
    """LoRA's part of a product."""
    a, b = lora.pair(layer)
    if not layer._narrow():
        return layer._contract(inputs, lora.added(layer))
    x = ops.matmul(layer._contract(inputs, a.value), b.value)
    return ops.multiply(x, layer.lora_alpha / layer.lora_rank)


def constant(layer: Any, name: str, shape: Any, value: str = "zeros", dtype: Any = None) -> Variable:
    """A variable that isn't trained, nor read in half precision; the attribute has its name too."""
    made: Variable = layer.add_weight(shape, value, dtype or "float32", trainable=False, autocast=False, name=name)
    setattr(layer, f"_{name}" if name == layer._matrix else name, made)
    return made


class Whole(Form):
    """Floats, with LoRA: what an unquantized layer computes then."""

    def values(self, layer: Any, matrix: np.ndarray[Any, Any]) -> Arrays:
        return {layer._matrix: matrix}

    def matrix(self, layer: Any) -> Any:
        return layer._stored_matrix().value

    def product(self, layer: Any, inputs: Any) -> Any:
        return layer._contract(inputs, ops.add(self.matrix(layer), lora.added(layer)))


class Int8(Form):
    """8 bits and a scale for each output; inputs are quantized too, each by its largest value."""

    saved = ("kernel", "bias", "kernel_scale")

    def make(self, layer: Any, shape: tuple[int, ...], config: Any) -> None:
        constant(layer, layer._matrix, shape, dtype="int8")
        scale = layer._output_scale(np.ones([1 if n in layer._summed() else d for n, d in enumerate(shape)]))
        constant(layer, "kernel_scale", scale.shape, "ones")

    def values(self, layer: Any, matrix: np.ndarray[Any, Any]) -> Arrays:
        default = AbsMaxQuantizer(axis=layer._summed())
        integers, scale = weights_of(layer, default, matrix)
        return {"kernel": integers, "kernel_scale": layer._output_scale(scale)}

    def matrix(self, layer: Any) -> Any:
        scale = layer._weight_scale(layer.kernel_scale.value)
        return ops.divide(ops.cast(layer._stored_matrix().value, "float32"), scale)

    def product(self, layer: Any, inputs: Any) -> Any:
        quantizer = layer.activation_quantizer()
        if quantizer is None:
            return super().product(layer, inputs)
        integers, scale = whole_numbers(quantizer, ops.cast(inputs, "float32"), layer._summed_inputs(inputs))
        x = layer._contract(integers, ops.cast(layer._stored_matrix().value, "float32"))
        x = ops.divide(x, ops.multiply(layer._input_scale(scale), layer.kernel_scale.value))
        x = ops.cast(x, layer.compute_dtype)
        return ops.add(x, low_rank(layer, inputs)) if layer.lora_enabled else x


def whole_numbers(quantizer: Any, inputs: Any, axes: Any) -> tuple[Any, Any]:
    """Inputs as whole numbers in floats, and their scale; gradients pass as if nothing had been rounded."""
    plain = isinstance(quantizer, AbsMaxQuantizer) and quantizer.axis is None
    integers, scale = quantizer(inputs, axis=axes) if plain else quantizer(inputs)
    scale = ops.stop_gradient(scale)
    scaled = ops.multiply(inputs, scale)
    return ops.add(scaled, ops.stop_gradient(ops.subtract(ops.cast(integers, "float32"), scaled))), scale


def weights_of(layer: Any, default: AbsMaxQuantizer, matrix: Any) -> tuple[Any, Any]:
    """The integers and the scale of a matrix, by the quantizer of the layer's config or the default one."""
    quantizer = quantizers.QuantizationConfig.weight_quantizer_or_default(layer.quantization_config, default)
    plain = isinstance(quantizer, AbsMaxQuantizer)
    integers, scale = quantizer(matrix, to_numpy=True) if plain else quantizer(ops.convert_to_tensor(matrix))
    integers, scale = ops.convert_to_numpy(integers), ops.convert_to_numpy(scale)
    axes = default.axis or ()
    expected = tuple(1 if n in axes else d for n, d in enumerate(matrix.shape))
    if integers.shape != matrix.shape or scale.shape != expected:
        raise ValueError(
            f"Expected the weight_quantizer of {where(layer)} to return integers of shape {matrix.shape} and a scale "
            f"of shape {expected} (over the axes {axes}), got {integers.shape} and {scale.shape}."
        )
    return integers, scale.astype("float32")


# ---- 4 bits -------------------------------------------------------------------------------------------------------


def blocks_of(layer: Any, config: Any) -> int | None:
    """How many inputs share a scale: by the config, else by the policy; None where all do."""
    size = getattr(config, "block_size", None) if config is not None else None
    if config is None:
        size = getattr(layer._kf.policy, "block_size", None)
    return None if size in (None, -1) else size


def group_index(length: int, size: int) -> np.ndarray[Any, Any]:
    """The block of each input."""
    return (np.arange(length) // size).astype("float32")


class Int4(Form):
    """4 bits, two in a byte, as a matrix of inputs and outputs; a scale and a zero point for each block of inputs."""

    saved = ("kernel", "bias", "kernel_scale", "kernel_zero", "g_idx")

    def make(self, layer: Any, shape: tuple[int, ...], config: Any) -> None:
        rows, columns = layer._flat_shape()
        size = blocks_of(layer, config)
        constant(layer, layer._matrix, (rows, -(-columns // 2)), dtype="int8")
        if size is None:
            constant(layer, "kernel_scale", (columns,), "ones")
            return
        groups = -(-rows // size)
        constant(layer, "kernel_scale", (groups, columns), "ones")
        constant(layer, "kernel_zero", (groups, columns), dtype="int8")
        constant(layer, "g_idx", (rows,)).assign(group_index(rows, size))

    def values(self, layer: Any, matrix: np.ndarray[Any, Any]) -> Arrays:
        flat = np.reshape(matrix, layer._flat_shape())
        size = blocks_of(layer, layer.quantization_config)
        if size is None:
            integers, scale = weights_of(layer, AbsMaxQuantizer(axis=0, value_range=(-8, 7)), flat)
            return {"kernel": packed(integers), "kernel_scale": scale[0]}
        integers, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(flat, size, to_numpy=True)
        index = group_index(flat.shape[0], size)
        return {"kernel": packed(integers), "kernel_scale": scale, "kernel_zero": zero, "g_idx": index}

    def shown(self, layer: Any) -> Any:
        rows, columns = layer._flat_shape()
        integers = quantizers.unpack_int4(layer._stored_matrix().value, columns, axis=-1)
        return ops.reshape(integers, layer._matrix_shape)

    def matrix(self, layer: Any) -> Any:
        rows, columns = layer._flat_shape()
        integers = ops.cast(quantizers.unpack_int4(layer._stored_matrix().value, columns, axis=-1), "float32")
        scale = layer.kernel_scale.value
        if len(layer.kernel_scale.shape) == 1:
            floats = ops.divide(integers, scale)
        else:
            index = ops.cast(layer.g_idx.value, "int32")
            zero = ops.cast(ops.take(layer.kernel_zero.value, index, axis=0), "float32")
            floats = ops.multiply(ops.subtract(integers, zero), ops.take(scale, index, axis=0))
        return ops.reshape(floats, layer._matrix_shape)

    def product(self, layer: Any, inputs: Any) -> Any:
        quantizer = layer.activation_quantizer()
        if quantizer is None:
            return super().product(layer, inputs)
        integers, scale = whole_numbers(quantizer, ops.cast(inputs, "float32"), layer._summed_inputs(inputs))
        x = ops.divide(layer._contract(integers, self.matrix(layer)), layer._input_scale(scale))
        x = ops.cast(x, layer.compute_dtype)
        return ops.add(x, low_rank(layer, inputs)) if layer.lora_enabled else x


def packed(integers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Integers of 4 bits packed along the last axis."""
    return ops.convert_to_numpy(quantizers.pack_int4(integers.astype("int8"), axis=-1)[0])


class Grouped(Form):
    """Integers of 2, 3, 4 or 8 bits (those of 4 two in a byte), outputs first, with scales for groups of inputs."""

    saved: tuple[str, ...] = ("bias", "quantized_kernel", "kernel_scale", "kernel_zero", "g_idx")

    def make(self, layer: Any, shape: tuple[int, ...], config: Any) -> None:
        rows, columns = layer._flat_shape()
        bits, size = self._bits(layer), layer._kf.policy.group_size
        size = rows if size == -1 else size
        groups = -(-rows // size)
        constant(layer, layer._matrix, (-(-columns // 2) if bits == 4 else columns, rows), dtype="uint8")
        constant(layer, "kernel_scale", (columns, groups), "ones")
        constant(layer, "kernel_zero", (columns, groups), dtype="uint8")
        constant(layer, "g_idx", (rows,)).assign(group_index(rows, size))

    def _bits(self, layer: Any) -> int:
        return int(layer._kf.policy.weight_bits)

    def _index(self, layer: Any) -> Any:
        return ops.cast(layer.g_idx.value, "int32")

    def values(self, layer: Any, matrix: np.ndarray[Any, Any]) -> Arrays:
        """The integers nearest to a matrix, with the scales as they are."""
        index = layer.g_idx.numpy().astype(int)
        scale, zero = layer.kernel_scale.numpy()[:, index], layer.kernel_zero.numpy()[:, index]
        flat = np.reshape(matrix, layer._flat_shape()).T
        integers = np.clip(np.round(flat / scale) + zero, 0, 2 ** self._bits(layer) - 1)
        return {"quantized_kernel": packed_bytes(integers.astype("uint8"), self._bits(layer))}

    def shown(self, layer: Any) -> Any:
        return ops.reshape(ops.transpose(self._integers(layer)), layer._matrix_shape)

    def _integers(self, layer: Any) -> Any:
        stored = layer._stored_matrix().value
        if self._bits(layer) != 4:
            return stored
        return quantizers.unpack_int4(stored, layer._flat_shape()[1], axis=0, dtype="uint8")

    def matrix(self, layer: Any) -> Any:
        index = self._index(layer)
        zero = ops.cast(ops.take(layer.kernel_zero.value, index, axis=1), "float32")
        floats = ops.subtract(ops.cast(self._integers(layer), "float32"), zero)
        floats = ops.multiply(floats, ops.take(layer.kernel_scale.value, index, axis=1))
        return ops.reshape(ops.transpose(floats), layer._matrix_shape)


class GroupedScaled(Grouped):
    """Such integers of a matrix whose rows were scaled before: inputs that matter more lose less."""

    saved = (*Grouped.saved[:-1], "awq_scales", "g_idx")

    def make(self, layer: Any, shape: tuple[int, ...], config: Any) -> None:
        super().make(layer, shape, config)
        constant(layer, "awq_scales", (layer._flat_shape()[0],), "ones")

    def values(self, layer: Any, matrix: np.ndarray[Any, Any]) -> Arrays:
        flat = np.reshape(matrix, layer._flat_shape()) * layer.awq_scales.numpy()[:, None]
        return super().values(layer, flat)

    def matrix(self, layer: Any) -> Any:
        flat = ops.reshape(super().matrix(layer), layer._flat_shape())
        return ops.reshape(ops.divide(flat, ops.expand_dims(layer.awq_scales.value, -1)), layer._matrix_shape)


def packed_bytes(integers: np.ndarray[Any, Any], bits: int) -> np.ndarray[Any, Any]:
    """Integers of shape (outputs, inputs) as they are kept: those of 4 bits two in a byte."""
    if bits != 4:
        return integers
    return ops.convert_to_numpy(quantizers.pack_int4(integers, axis=0, dtype="uint8")[0])


# ---- float8 -------------------------------------------------------------------------------------------------------

_SIDES = ("inputs", "kernel", "outputs_grad")
_FORWARD, _BACKWARD = "float8_e4m3fn", "float8_e5m2"


class Float8(Form):
    """Inputs, matrix and the gradient of the outputs rounded to float8, with scales from the largest values of late.

    Scales and histories are trainable variables whose gradients are their new values. (Keras rounds biases to bfloat16
    here; they stay as they are.)
    """

    saved = ("kernel", "bias", *(f"{side}_{what}" for side in _SIDES for what in ("scale", "amax_history")))

    def make(self, layer: Any, shape: tuple[int, ...], config: Any) -> None:
        if layer._held_matrix() is None:
            setattr(layer, f"_{layer._matrix}", make_weight(layer, layer._matrix, shape))
        length = getattr(layer._kf.policy, "amax_history_length", 1024)
        for side in _SIDES:
            for what, size, value in (("scale", (), "ones"), ("amax_history", (length,), "zeros")):
                options = {"autocast": False, "overwrite_with_gradient": True, "name": f"{side}_{what}"}
                setattr(layer, f"{side}_{what}", layer.add_weight(size, value, "float32", **options))

    def values(self, layer: Any, matrix: np.ndarray[Any, Any]) -> Arrays:
        return {layer._matrix: matrix}

    def matrix(self, layer: Any) -> Any:
        return layer._stored_matrix().value

    def product(self, layer: Any, inputs: Any) -> Any:
        kernel = self.matrix(layer)
        if layer.lora_enabled:
            kernel = ops.add(kernel, lora.added(layer))
        kernel = ops.cast(kernel, layer.compute_dtype)
        return layer._contract(self._rounded(layer, "inputs", inputs), self._rounded(layer, "kernel", kernel))

    def _rounded(self, layer: Any, side: str, x: Any) -> Any:
        scale, history = getattr(layer, f"{side}_scale"), getattr(layer, f"{side}_amax_history")
        return _round_forward(x, scale.value, history.value)

    def output(self, layer: Any, x: Any) -> Any:
        scale, history = layer.outputs_grad_scale, layer.outputs_grad_amax_history
        return layer._biased(_round_backward(x, scale.value, history.value))


def _next(x: Any, scale: Any, history: Any, narrow: str) -> tuple[Any, Any]:
    """The scale and the history after x was seen; the scale follows the history up to then."""
    found = quantizers.compute_float8_scale(ops.max(history), scale, FLOAT8_MAX[narrow])
    return found, quantizers.compute_float8_amax_history(x, history)


@ops.custom_gradient
def _round_forward(x: Any, scale: Any, history: Any) -> Any:
    """x rounded; the gradient passes."""

    def gradient(*args: Any, upstream: Any) -> Any:
        return (upstream, *_next(args[0], args[1], args[2], _FORWARD))

    return quantizers.quantize_and_dequantize(x, scale, _FORWARD, ops.dtype(x)), gradient


@ops.custom_gradient
def _round_backward(x: Any, scale: Any, history: Any) -> Any:
    """x as it is; its gradient is rounded."""

    def gradient(*args: Any, upstream: Any) -> Any:
        rounded = quantizers.quantize_and_dequantize(upstream, args[1], _BACKWARD, ops.dtype(upstream))
        return (rounded, *_next(upstream, args[1], args[2], _BACKWARD))

    return ops.multiply(x, 1), gradient


# ---- rows of embeddings -------------------------------------------------------------------------------------------


class RowForm(Form):
    """How an embedding keeps its rows."""

    def rows(self, layer: Any, indices: Any) -> Any:
        """The rows of these indices, in floats, with LoRA."""
        x = self.plain_rows(layer, indices)
        return ops.add(x, ops.cast(lora.rows_added(layer, indices), ops.dtype(x))) if layer.lora_enabled else x

    def plain_rows(self, layer: Any, indices: Any) -> Any:
        """The rows without LoRA."""
        raise NotImplementedError

    def logits(self, layer: Any, inputs: Any) -> Any:
        """Inputs times the transposed matrix, with LoRA: what a tied ReversibleEmbedding gives in reverse."""
        matrix = self.matrix(layer)
        if layer.lora_enabled:
            matrix = ops.add(matrix, lora.added(layer))
        return ops.matmul(inputs, ops.transpose(ops.cast(matrix, ops.dtype(inputs))))


class WholeRows(RowForm):
    """Floats, with LoRA."""

    def values(self, layer: Any, matrix: np.ndarray[Any, Any]) -> Arrays:
        return {layer._matrix: matrix}

    def matrix(self, layer: Any) -> Any:
        return layer._stored_matrix().value

    def plain_rows(self, layer: Any, indices: Any) -> Any:
        return ops.take(self.matrix(layer), indices, axis=0)


class Int8Rows(RowForm):
    """8 bits and a scale for each row."""

    saved: tuple[str, ...] = ("embeddings", "embeddings_scale")

    def make(self, layer: Any, shape: tuple[int, ...], config: Any) -> None:
        constant(layer, layer._matrix, shape, dtype="int8")
        constant(layer, "embeddings_scale", shape[:1], "ones")

    def values(self, layer: Any, matrix: np.ndarray[Any, Any]) -> Arrays:
        integers, scale = weights_of(layer, AbsMaxQuantizer(axis=1), matrix)
        return {"embeddings": integers, "embeddings_scale": scale[:, 0]}

    def matrix(self, layer: Any) -> Any:
        scale = ops.expand_dims(layer.embeddings_scale.value, -1)
        return ops.divide(ops.cast(layer._stored_matrix().value, "float32"), scale)

    def plain_rows(self, layer: Any, indices: Any) -> Any:
        integers = ops.cast(ops.take(layer._stored_matrix().value, indices, axis=0), "float32")
        return ops.divide(integers, ops.expand_dims(ops.take(layer.embeddings_scale.value, indices, axis=0), -1))

    def logits(self, layer: Any, inputs: Any) -> Any:
        if layer.lora_enabled:
            return super().logits(layer, inputs)
        return int8_logits(layer, inputs, ops.transpose(layer._stored_matrix().value), layer.embeddings_scale.value)


def int8_logits(layer: Any, inputs: Any, matrix: Any, scale: Any) -> Any:
    """Inputs, quantized where the layer's config says so, times a matrix of integers with a scale for each column."""
    quantizer, x, name = layer.activation_quantizer(), ops.cast(inputs, "float32"), ops.dtype(inputs)
    if quantizer is not None:
        x, inner = whole_numbers(quantizer, x, -1)
        scale = ops.multiply(inner, scale)
    return ops.cast(ops.divide(ops.matmul(x, ops.cast(matrix, "float32")), scale), name)


class Int4Rows(RowForm):
    """4 bits, two in a byte; each row has a scale, or one and a zero point for each block of its elements."""

    saved: tuple[str, ...] = ("embeddings", "embeddings_scale", "embeddings_zero", "g_idx")

    def make(self, layer: Any, shape: tuple[int, ...], config: Any) -> None:
        rows, columns = shape
        size = blocks_of(layer, config)
        constant(layer, layer._matrix, (rows, -(-columns // 2)), dtype="int8")
        if size is None:
            constant(layer, "embeddings_scale", (rows,), "ones")
            return
        groups = -(-columns // size)
        constant(layer, "embeddings_scale", (rows, groups), "ones")
        constant(layer, "embeddings_zero", (rows, groups), dtype="int8")
        constant(layer, "g_idx", (columns,)).assign(group_index(columns, size))

    def values(self, layer: Any, matrix: np.ndarray[Any, Any]) -> Arrays:
        size = blocks_of(layer, layer.quantization_config)
        if size is None:
            integers, scale = weights_of(layer, AbsMaxQuantizer(axis=1, value_range=(-8, 7)), matrix)
            return {"embeddings": packed(integers), "embeddings_scale": scale[:, 0]}
        found = quantizers.abs_max_quantize_grouped_with_zero_point(matrix.T, size, to_numpy=True)
        integers, scale, zero = (x.T for x in found)
        index = group_index(matrix.shape[1], size)
        return {
            "embeddings": packed(integers), "embeddings_scale": scale, "embeddings_zero": zero, "g_idx": index
        }  # fmt: skip

    def shown(self, layer: Any) -> Any:
        return quantizers.unpack_int4(layer._stored_matrix().value, layer._matrix_shape[1], axis=-1)

    def matrix(self, layer: Any) -> Any:
        parts = (layer._stored_matrix(), layer.embeddings_scale, getattr(layer, "embeddings_zero", None))
        return self._floats(layer, *(p if p is None else p.value for p in parts))

    def plain_rows(self, layer: Any, indices: Any) -> Any:
        parts = (layer._stored_matrix(), layer.embeddings_scale, getattr(layer, "embeddings_zero", None))
        return self._floats(layer, *(p if p is None else ops.take(p.value, indices, axis=0) for p in parts))

    def _floats(self, layer: Any, rows: Any, scale: Any, zero: Any) -> Any:
        integers = ops.cast(quantizers.unpack_int4(rows, layer._matrix_shape[1], axis=-1), "float32")
        if zero is None:
            return ops.divide(integers, ops.expand_dims(scale, -1))
        index = ops.cast(layer.g_idx.value, "int32")
        zero = ops.cast(ops.take(zero, index, axis=-1), "float32")
        return ops.multiply(ops.subtract(integers, zero), ops.take(scale, index, axis=-1))


WHOLE, WHOLE_ROWS = Whole(), WholeRows()
MATRIX_FORMS: dict[str, Form] = {
    "int8": Int8(), "int4": Int4(), "float8": Float8(), "gptq": Grouped(), "awq": GroupedScaled()
}  # fmt: skip
ROW_FORMS: dict[str, Form] = {"int8": Int8Rows(), "int4": Int4Rows()}


# ---- what quantize calls ------------------------------------------------------------------------------------------


def config_for(mode: str | None, config: Any) -> Any:
    """The config that a mode and a config, of which one may be None, stand for.

    Raises:
        ValueError: Both are None, they contradict each other, or the mode is unknown or needs a config of its own.
    """
    if config is None:
        if mode is None:
            raise ValueError("quantize() takes a mode ('int8', ...) or a QuantizationConfig; neither was given.")
        checked_mode(mode, MODES)
        if mode in CALIBRATED:
            cls = {"gptq": "GPTQConfig", "awq": "AWQConfig"}[mode]
            raise ValueError(f"The mode '{mode}' needs data: pass a keras.quantizers.{cls} as `config`.")
        return _DEFAULTS[mode]()
    if not isinstance(config, quantizers.QuantizationConfig):
        raise ValueError(f"Expected `config` of quantize() to be a QuantizationConfig, got {config!r}.")
    if mode is not None and mode != config.mode:
        raise ValueError(f"quantize() was told two things: mode={mode!r}, and a config of the mode '{config.mode}'.")
    return config


_DEFAULTS: dict[str, Callable[[], Any]] = {
    "int8": quantizers.Int8QuantizationConfig,
    "int4": quantizers.Int4QuantizationConfig,
    "float8": quantizers.Float8QuantizationConfig,
}


def quantize_layer(layer: Any, mode: str | None, type_check: bool, config: Any) -> None:
    """Quantize the matrix of one layer, in place; see `Layer.quantize`."""
    if config is None and mode is not None and getattr(layer.quantization_config, "mode", None) == mode:
        config = layer.quantization_config  # which the layer was made with
    config = config_for(mode, config)
    if type_check and not type(layer).__module__.startswith("kerasfront."):
        raise NotImplementedError(
            f"quantize() stops at {where(layer)}, of your own class: quantize(type_check=False) takes it for its base."
        )
    form = layer._forms.get(config.mode)
    if form is not None and config.mode in CALIBRATED:
        raise ValueError(f"'{config.mode}' looks at the inputs of {where(layer)}: use quantize() of its model.")
    if form is None:
        known = ", ".join(map(repr, layer._forms))
        raise NotImplementedError(f"quantize() can't make {where(layer)} '{config.mode}', but {known}.")
    if layer._matrix_shape is None:
        raise NotBuiltError(
            f"quantize() needs {where(layer)} to be built: call it on data, or build(input_shape), first."
        )
    if layer.quantization_mode is not None:
        raise ValueError(
            f"quantize() was called on {where(layer)}, which is quantized already: '{layer.dtype_policy.name}'."
        )
    layer._become(form, config)


def quantizable(layer: Any, mode: str) -> bool:
    """Whether a layer of any kind can be quantized in this mode."""
    forms = getattr(layer, "_forms", {})
    return mode in forms and type(layer).__module__.startswith("kerasfront.")


def chosen(filters: Any) -> Callable[[Any], bool]:
    """What says of a layer whether it is to be quantized, for the `filters` of `Model.quantize`."""
    if filters is None:
        return lambda layer: True
    if callable(filters):
        return lambda layer: bool(filters(layer))
    patterns = [filters] if isinstance(filters, str) else filters
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
        raise ValueError(f"Expected `filters` to be a pattern, a list of patterns or a function, got {filters!r}.")
    return lambda layer: any(re.search(p, layer.name) for p in patterns)


def quantize_tree(root: Any, mode: str | None, config: Any, filters: Any) -> list[Any]:
    """Quantize the layers below `root` that can be; returns them. See `Model.quantize`."""
    config, wanted = config_for(mode, config), chosen(filters)
    layers = [layer for layer in layers_of_tree(root) if len(layers_of_tree(layer)) == 1 and wanted(layer)]
    able = [layer for layer in layers if quantizable(layer, config.mode)]
    again = [layer for layer in able if layer.quantization_mode is not None]
    if again and (len(again) == len(able) or any(layer.quantization_mode != config.mode for layer in again)):
        named = ", ".join(f"{layer.path} ({layer.quantization_mode})" for layer in again)
        raise ValueError(
            f"quantize() was called on '{root.name}', in which layers are quantized already: {named}. (`filters` "
            "leaves layers out.)"
        )
    for layer in able:
        if layer.quantization_mode is None:
            quantize_layer(layer, None, True, config)
    left = [layer for layer in layers if layer not in able and any(len(w.shape) > 1 for w in layer.weights)]
    if left or again or not able:
        parts = [f"{len(able)} layers can be quantized as '{config.mode}'"]
        parts += [f"not: {', '.join(layer.path for layer in left)}"] if left else []
        parts += [f"quantized already: {', '.join(layer.path for layer in again)}"] if again else []
        warnings.warn(f"In '{root.name}', {'; '.join(parts)}.", stacklevel=3)
    return able


def policy_of(layer: Any, config: Any) -> Any:
    """The dtype policy of a layer once it is quantized by `config`."""
    return dtype_policies.get(f"{config.policy_mode}_from_{layer._kf.policy.name}")


def policies_inside(layer: Any) -> Any:
    """The policy that a config of `layer` has: a map, where layers inside have others than it.

    The layers inside are made again when `layer` is built, by their policies in the map.
    """
    own = layer.dtype_policy
    inside = [inner for inner in layers_inside(layer) if inner.quantization_mode is not None]
    if not inside or isinstance(own, dtype_policies.DTypePolicyMap):
        return own
    # Where the model is made again, its name may stand before these paths, or not.
    found = {f"(.*/)?{re.escape(inner.path)}": inner._kf.policy for inner in inside}
    return dtype_policies.DTypePolicyMap(own, found)


def config_inside(layer: Any) -> Any:
    """The config, serialized, that layers inside were quantized by, where their policies don't say all of it."""
    for inner in layers_inside(layer):
        config = getattr(inner, "quantization_config", None)
        if inner.quantization_mode is None or config is None:
            continue
        default = quantizers.Int8QuantizationConfig() if config.mode == "int8" else quantizers.QuantizationConfig()
        for name in ("weight_quantizer", "activation_quantizer"):
            ours, usual = getattr(config, name), getattr(default, name)
            if type(ours) is not type(usual) or (ours is not None and ours.get_config() != usual.get_config()):
                return quantizers.serialize(config)
    return None


@functools.cache
def spec_of(forms: tuple[tuple[str, Form], ...], plain: tuple[str, ...]) -> dict[str | None, list[str]]:
    return {None: list(plain), **{mode: list(form.saved) for mode, form in forms}}


def held(layer: Any, names: Sequence[str]) -> list[tuple[str, Variable]]:
    """The variables that a layer has under these names of a file."""
    whole = (layer._matrix, "quantized_kernel")
    found = ((name, layer._stored_matrix() if name in whole else getattr(layer, name, None)) for name in names)
    return [(name, variable) for name, variable in found if variable is not None]
