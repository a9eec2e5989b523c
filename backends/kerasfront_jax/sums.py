"""Sums of two numbers of float32, of which the second is what the first lacks: 48 bits where float32 has 24.

Reference: Dekker (1971), A floating-point technique for extending the available precision; Knuth's exact addition.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

_LOW_BITS = 12


def _parts(value: Any) -> tuple[Any, ...]:
    """Return float32 numbers whose sum is the value, exactly if it is an integer."""
    if value.dtype == jnp.bool_ or jnp.issubdtype(value.dtype, jnp.floating):
        return (value.astype(jnp.float32),)
    low = value & ((1 << _LOW_BITS) - 1)
    return (value - low).astype(jnp.float32), low.astype(jnp.float32)


def _exact(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the rounded sum, and its rounding error."""
    out = a + b
    of_b = out - a
    return out, (a - (out - of_b)) + (b - of_b)


@jax.jit
def add(stored: Any, value: Any) -> Any:
    """Return the sum after adding a value."""
    total, rest = stored[0], stored[1]
    for part in _parts(value):
        total, lost = _exact(total, jnp.broadcast_to(part, total.shape))
        rest = rest + lost
    above, rest = _exact(total, rest)
    finite = jnp.isfinite(total)  # infinity has no rounding error
    return jnp.stack([jnp.where(finite, above, total), jnp.where(finite, rest, 0)])


@jax.jit
def start(value: Any) -> Any:
    """Return the sum of one value."""
    return add(jnp.zeros((2, *value.shape), jnp.float32), value)
