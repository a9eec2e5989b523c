"""Draws on NumPy, by Philox."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront.spec import dtypes

# How many random bits a float of each dtype can hold below 1.
_BITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}


def _generator(key: Any) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.asarray(key, "uint64")))


def _unit(generator: np.random.Generator, shape: Any, dtype: str) -> Any:
    bits = _BITS[dtype]
    return (generator.integers(2**bits, size=shape) * 2.0**-bits).astype(dtypes.to_numpy(dtype))


def _uniform(key: Any, shape: Any, minval: float, maxval: float, dtype: str) -> Any:
    unit = _unit(_generator(key), shape, dtype)
    return np.asarray(unit * unit.dtype.type(maxval - minval) + unit.dtype.type(minval))


def _normal(key: Any, shape: Any, mean: float, stddev: float, dtype: str) -> Any:
    return np.asarray(_generator(key).normal(mean, stddev, shape)).astype(dtypes.to_numpy(dtype))


def _truncated_normal(key: Any, shape: Any, mean: float, stddev: float, dtype: str) -> Any:
    generator = _generator(key)
    out = np.asarray(generator.normal(size=shape))
    while (far := np.abs(out) > 2).any():
        out = np.where(far, generator.normal(size=shape), out)
    return (out * stddev + mean).astype(dtypes.to_numpy(dtype))


def _randint(key: Any, shape: Any, minval: int, maxval: int, dtype: str) -> Any:
    wide = np.uint64 if maxval > 2**63 else np.int64
    return np.asarray(_generator(key).integers(minval, maxval, shape, wide)).astype(dtype)


def _categorical(key: Any, logits: Any, num_samples: int, dtype: str) -> Any:
    noise = _generator(key).gumbel(size=(logits.shape[0], num_samples, logits.shape[1]))
    return np.argmax(logits[:, None].astype("float64") + noise, -1).astype(dtype)


def _dropout(key: Any, inputs: Any, rate: float, noise_shape: Any) -> Any:
    keep = _generator(key).random(inputs.shape if noise_shape is None else noise_shape, np.float32) >= rate
    return np.where(keep, inputs * inputs.dtype.type(1 / (1 - rate)), inputs.dtype.type(0))


def _binomial(key: Any, shape: Any, counts: Any, probabilities: Any) -> Any:
    return np.asarray(_generator(key).binomial(counts.astype("int64"), probabilities, shape)).astype(counts.dtype)


def _on_host(key: Any, parameters: Any, shape: Any, dtype: str, function: Any) -> Any:
    return np.asarray(function(key, shape, *parameters)).astype(dtypes.to_numpy(dtype))


PRIMITIVES: dict[str, Any] = {
    "draw.next_key": lambda state: (state.copy(), state + np.array([0, 1], "uint32")),
    "draw.uniform": _uniform,
    "draw.normal": _normal,
    "draw.truncated_normal": _truncated_normal,
    "draw.randint": _randint,
    "draw.categorical": _categorical,
    "draw.dropout": _dropout,
    "draw.shuffle": lambda key, x, axis: _generator(key).permutation(x, axis),
    "draw.gamma": lambda key, shape, alpha: np.asarray(_generator(key).standard_gamma(alpha, shape)).astype(
        alpha.dtype
    ),
    "draw.beta": lambda key, shape, alpha, beta: np.asarray(_generator(key).beta(alpha, beta, shape)).astype(
        alpha.dtype
    ),
    "draw.on_host": _on_host,
    "draw.binomial": _binomial,
}
