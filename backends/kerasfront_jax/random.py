"""Draws on JAX: threefry, keyed by (seed, counter). Each is jitted, so that an eager draw is one dispatch."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerasfront.spec import dtypes

_STEP = np.array([0, 1], "uint32")


def _key(key: Any) -> Any:
    return jax.random.wrap_key_data(key.astype("uint32"), impl="threefry2x32")


def _jitted(*static: str) -> Any:
    return partial(jax.jit, static_argnames=static)


def _native(dtype: str) -> Any:
    return jax.dtypes.canonicalize_dtype(dtypes.to_numpy(dtype))


@_jitted("shape", "dtype")
def _uniform(key: Any, shape: Any, minval: Any, maxval: Any, dtype: str) -> Any:
    return jax.random.uniform(_key(key), shape, _native(dtype), minval, maxval)


@_jitted("shape", "dtype")
def _normal(key: Any, shape: Any, mean: Any, stddev: Any, dtype: str) -> Any:
    native = _native(dtype)
    return jax.random.normal(_key(key), shape, native) * jnp.asarray(stddev, native) + jnp.asarray(mean, native)


@_jitted("shape", "dtype")
def _truncated_normal(key: Any, shape: Any, mean: Any, stddev: Any, dtype: str) -> Any:
    native = _native(dtype)
    draws = jax.random.truncated_normal(_key(key), -2.0, 2.0, shape, native)
    return draws * jnp.asarray(stddev, native) + jnp.asarray(mean, native)


def _high_word(a: Any, b: Any) -> Any:
    """Return the upper 32 bits of the product of two uint32, by their halves."""
    low, high = a & 0xFFFF, a >> 16
    down, up = b & 0xFFFF, b >> 16
    first = high * down + (low * down >> 16)
    second = low * up + (first & 0xFFFF)
    return high * up + (first >> 16) + (second >> 16)


@_jitted("shape", "span", "dtype")
def _words_below(key: Any, shape: Any, start: Any, span: int, dtype: str) -> Any:
    """Draw integers from `start` to `start + span - 1`: 64 random bits times the span, divided by 2**64.

    jax.random.randint takes a remainder instead, which favours the lower values of a wide range of 32 bits.
    """
    high, low = (jax.random.bits(k, shape, "uint32") for k in jax.random.split(_key(key)))
    if span < 2**32:
        width = np.uint32(span)
        rest = high * width
        carry = (rest + _high_word(low, width) < rest).astype("uint32")
        high = _high_word(high, width) + carry
    words = high + start
    return words if dtype == "uint32" else jax.lax.bitcast_convert_type(words, "int32").astype(dtype)


def _randint(key: Any, shape: Any, minval: int, maxval: int, dtype: str) -> Any:
    native = _native(dtype)
    info = np.iinfo(native)
    if minval < info.min or maxval > info.max + 1:
        raise ValueError(f"The range from {minval} to {maxval} does not fit into {native.name}.")
    if info.bits <= 32:
        return _words_below(key, tuple(shape), np.uint32(minval % 2**32), maxval - minval, native.name)
    # Unsigned integers are drawn as signed ones, lower by half of the range.
    down = 0 if native.kind == "i" else 2**63
    high = np.array(maxval - down, "uint64" if maxval - down == 2**63 else "int64")
    return _wide_words(key, tuple(shape), np.int64(minval - down), high, native.name)


@_jitted("shape", "dtype")
def _wide_words(key: Any, shape: Any, low: Any, high: Any, dtype: str) -> Any:
    draws = jax.random.randint(_key(key), shape, low, high, "int64")
    if dtype == "int64":
        return draws
    return jax.lax.bitcast_convert_type(draws, "uint64") ^ np.uint64(2**63)


@_jitted("num_samples", "dtype")
def _categorical(key: Any, logits: Any, num_samples: int, dtype: str) -> Any:
    shape = (logits.shape[0], num_samples)
    return jax.random.categorical(_key(key), logits[:, None], -1, shape).astype(_native(dtype))


@_jitted("rate", "noise_shape")
def _dropout(key: Any, inputs: Any, rate: float, noise_shape: Any) -> Any:
    bits = jax.random.bits(_key(key), inputs.shape if noise_shape is None else noise_shape, "uint32")
    return jnp.where(bits >= np.uint32(rate * 2**32), inputs * inputs.dtype.type(1 / (1 - rate)), inputs.dtype.type(0))


@_jitted("axis")
def _shuffle(key: Any, x: Any, axis: int) -> Any:
    return jax.random.permutation(_key(key), x, axis)


@_jitted("shape")
def _gamma(key: Any, shape: Any, alpha: Any) -> Any:
    return jax.random.gamma(_key(key), alpha, shape, alpha.dtype)


@_jitted("shape")
def _beta(key: Any, shape: Any, alpha: Any, beta: Any) -> Any:
    return jax.random.beta(_key(key), alpha, beta, shape, alpha.dtype)


@_jitted("shape")
def _binomial(key: Any, shape: Any, counts: Any, probabilities: Any) -> Any:
    wide = jnp.promote_types(counts.dtype, jnp.float32)
    draws = jax.random.binomial(_key(key), counts.astype(wide), probabilities.astype(wide), shape, wide)
    return draws.astype(counts.dtype)


def _on_host(key: Any, parameters: Any, shape: Any, dtype: str, function: Any) -> Any:
    native = _native(dtype)

    def run(key: Any, *parameters: Any) -> Any:
        return np.asarray(function(np.asarray(key), shape, *map(np.asarray, parameters))).astype(native)

    fixed = [jax.lax.stop_gradient(p) for p in parameters]
    return jax.pure_callback(run, jax.ShapeDtypeStruct(tuple(shape), native), key, *fixed, vmap_method="sequential")


PRIMITIVES: dict[str, Any] = {
    "draw.next_key": lambda state: (state, state + _STEP),
    "draw.uniform": _uniform,
    "draw.normal": _normal,
    "draw.truncated_normal": _truncated_normal,
    "draw.randint": _randint,
    "draw.categorical": _categorical,
    "draw.dropout": _dropout,
    "draw.shuffle": _shuffle,
    "draw.gamma": _gamma,
    "draw.beta": _beta,
    "draw.on_host": _on_host,
    "draw.binomial": _binomial,
}
