"""Activations: functions of a tensor, by name where a layer takes one. Most are the ops of their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kerasfront import ops
from kerasfront.ops import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh,
    tanh_shrink,
    threshold,
)
from kerasfront.registry import Registry, by_name

_threshold = threshold

__all__ = [
    "celu", "deserialize", "elu", "exponential", "gelu", "get", "glu", "hard_shrink", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu",
    "serialize", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid",
    "sparsemax", "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
]  # fmt: skip


def linear(x: Any) -> Any:
    """x itself: no activation.

    >>> import kerasfront as keras
    >>> keras.activations.linear(2.0)
    2.0
    """
    return x


def exponential(x: Any) -> Any:
    """`exp(x)`, elementwise.

    >>> import kerasfront as keras
    >>> round(float(keras.activations.exponential(1.0)), 4)
    2.7183
    """
    return ops.exp(x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """The Gaussian error linear unit, exact by default; `ops.gelu` approximates by default.

    Source: Hendrycks and Gimpel, https://arxiv.org/abs/1606.08415

    >>> import kerasfront as keras
    >>> round(float(keras.activations.gelu(1.0)), 4)
    0.8413
    """
    return ops.gelu(x, approximate=approximate)


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """The rectified linear unit, with a slope below `threshold` and an upper limit.

    Args:
        x: A tensor.
        negative_slope: The slope below the threshold.
        max_value: The largest value of the result; None: no limit.
        threshold: Below it, the result is `negative_slope * (x - threshold)`.

    >>> import kerasfront as keras
    >>> keras.ops.convert_to_numpy(keras.activations.relu([-2.0, 3.0, 9.0], negative_slope=0.5, max_value=6)).tolist()
    [-1.0, 3.0, 6.0]
    """
    if negative_slope == 0.0 and threshold == 0.0:
        return ops.relu(x) if max_value is None else ops.relu6(x) if max_value == 6 else ops.clip(x, 0.0, max_value)
    x = ops.convert_to_tensor(x)
    y = ops.where(x >= threshold, x, ops.multiply(ops.subtract(x, threshold), negative_slope))
    return y if max_value is None else ops.minimum(y, max_value)


_functions = by_name(
    celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, leaky_relu, linear, log_sigmoid,
    log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax, softplus, softsign, sparse_plus,
    sparse_sigmoid, sparsemax, squareplus, tanh, tanh_shrink, _threshold, swish=silu, hard_swish=hard_silu,
)  # fmt: skip
_registry = Registry("keras.activations", "activation", _functions)


def get(identifier: Any) -> Callable[..., Any]:
    """An activation from its name, a config, a function, or None (linear).

    Raises:
        UnknownNameError: Nothing has the name; the nearest is suggested.
        ValueError: `identifier` is none of these.

    >>> import kerasfront as keras
    >>> keras.activations.get("relu") is keras.activations.relu
    True
    """
    return linear if identifier is None else _registry.get(identifier)


def serialize(activation: Callable[..., Any]) -> Any:
    """The name of a function of this module, or the config of another one or of a layer.

    >>> import kerasfront as keras
    >>> keras.activations.serialize(keras.activations.relu)
    'relu'
    """
    name = getattr(activation, "__name__", None)
    return name if _functions.get(name or "") is activation else _registry.serialize(activation)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The activation of what `serialize` returned.

    >>> import kerasfront as keras
    >>> keras.activations.deserialize("relu") is keras.activations.relu
    True
    """
    return _registry.deserialize(config, custom_objects)
