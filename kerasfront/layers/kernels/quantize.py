"""Quantization of a model's layers: which ones, by what config, and what their configs say afterwards."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from kerasfront import dtype_policies, quantizers
from kerasfront.dtype_policies import DTypePolicy, DTypePolicyMap
from kerasfront.layers.base.gathering import layers_inside, layers_of_tree
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.kernels.kernel_layer import AdaptableLayer
from kerasfront.layers.kernels.modes import config_for
from kerasfront.quantizers import QuantizationConfig

# What `filters` of `Model.quantize` may be: patterns of names, or a function that says it of each layer.
LayerFilter = str | Sequence[str] | Callable[[Layer], bool] | None


def is_quantizable(layer: Layer, mode: str) -> bool:
    """Return whether a layer can be quantized in this mode. Layers of a user's own classes are left alone."""
    ours = type(layer).__module__.startswith("kerasfront.")
    return ours and isinstance(layer, AdaptableLayer) and mode in layer._kf_storages


def layer_filter(filters: LayerFilter) -> Callable[[Layer], bool]:
    """Return what says of a layer whether it is to be quantized, for the `filters` of `Model.quantize`."""
    if filters is None:
        return lambda layer: True
    if callable(filters):
        return lambda layer: bool(filters(layer))
    patterns = [filters] if isinstance(filters, str) else filters
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
        raise ValueError(f"Expected `filters` to be a pattern, a list of patterns or a function, got {filters!r}.")
    return lambda layer: any(re.search(pattern, layer.name) for pattern in patterns)


def layers_without_layers(root: Layer, filters: LayerFilter) -> list[Layer]:
    """Return the layers below `root` that hold no others and that `filters` lets pass."""
    accepts = layer_filter(filters)
    return [layer for layer in layers_of_tree(root) if len(layers_of_tree(layer)) == 1 and accepts(layer)]


def has_matrices(layer: Layer) -> bool:
    """Return whether a layer has weights that one might expect to be quantized."""
    return any(len(weight.shape) > 1 for weight in layer.weights)


def quantize_tree(
    root: Layer, mode: str | None, config: QuantizationConfig | None, filters: LayerFilter
) -> list[Layer]:
    """Quantize the layers below `root` that can be, and return them. See `Model.quantize`."""
    config = config_for(mode, config)
    layers = layers_without_layers(root, filters)
    able = [layer for layer in layers if is_quantizable(layer, config.mode)]
    again = [layer for layer in able if layer.quantization_mode is not None]
    if again and (len(again) == len(able) or any(layer.quantization_mode != config.mode for layer in again)):
        paths = ", ".join(f"{layer.path} ({layer.quantization_mode})" for layer in again)
        raise ValueError(
            f"quantize() was called on '{root.name}', in which layers are quantized already: {paths}. (`filters` "
            "leaves layers out.)"
        )
    for layer in able:
        if layer.quantization_mode is None:
            layer.quantize(config=config)
    unquantized = [layer for layer in layers if layer not in able and has_matrices(layer)]
    if unquantized or again or not able:
        parts = [f"{len(able)} layers can be quantized as '{config.mode}'"]
        parts += [f"not: {', '.join(layer.path for layer in unquantized)}"] if unquantized else []
        parts += [f"quantized already: {', '.join(layer.path for layer in again)}"] if again else []
        warnings.warn(f"In '{root.name}', {'; '.join(parts)}.", stacklevel=3)
    return able


def policy_with_inner_ones(layer: Layer) -> DTypePolicy | DTypePolicyMap:
    """Return the policy that a config of `layer` has: a map, where layers inside were quantized.

    The layers inside are made again when `layer` is built, by their policies in the map.
    """
    own: DTypePolicy | DTypePolicyMap = layer.dtype_policy
    inside = [inner for inner in layers_inside(layer) if inner.quantization_mode is not None]
    if not inside or isinstance(own, DTypePolicyMap):
        return own
    # Where the model is made again, its name may stand before these paths, or not.
    policies = {f"(.*/)?{re.escape(inner.path)}": inner._kf.policy for inner in inside}
    return dtype_policies.DTypePolicyMap(own, policies)


def inner_config(layer: Layer) -> dict[str, Any] | None:
    """Return the serialized config by which layers inside were quantized, where their policies don't say all of it."""
    for inner in layers_inside(layer):
        config = inner.quantization_config if isinstance(inner, AdaptableLayer) else None
        if inner.quantization_mode is None or config is None:
            continue
        default = quantizers.Int8QuantizationConfig() if config.mode == "int8" else quantizers.QuantizationConfig()
        pairs = (
            (config.weight_quantizer, default.weight_quantizer),
            (config.activation_quantizer, default.activation_quantizer),
        )
        for ours, usual in pairs:
            if type(ours) is not type(usual) or (ours is not None and ours.get_config() != usual.get_config()):
                serialized: dict[str, Any] = quantizers.serialize(config)
                return serialized
    return None
