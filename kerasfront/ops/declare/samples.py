"""Samples: what the conformance suite calls an op with. They say shapes and ranges; the suite draws the values."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasfront.spec import dtypes


@dataclass(frozen=True)
class Array:
    """An array that is drawn for each tested dtype.

    `dtype` fixes the dtype (indices, masks); `values` fixes the values. Integers are drawn from low to high inclusive.
    """

    shape: tuple[int, ...] = ()
    low: float = -2.0
    high: float = 2.0
    dtype: str | None = None
    values: Any = None

    def draw(self, tested: str, seed: int = 0) -> np.ndarray[Any, Any]:
        name = self.dtype or tested
        if self.values is not None:
            return np.asarray(self.values).astype(dtypes.to_numpy(name))
        rng = np.random.Generator(np.random.Philox(zlib.crc32(repr((self.shape, self.low, seed)).encode())))
        if name == "bool":
            return rng.integers(0, 2, self.shape).astype(bool)
        if dtypes.is_int(name):
            low = max(0, math.ceil(self.low)) if name.startswith("u") else math.ceil(self.low)
            return rng.integers(low, max(math.floor(self.high), low) + 1, self.shape).astype(name)
        real = rng.uniform(self.low, self.high, self.shape)
        if dtypes.is_complex(name):
            return (real + 1j * rng.uniform(self.low, self.high, self.shape)).astype(name)
        return real.astype(dtypes.to_numpy(name))


@dataclass(frozen=True)
class Sample:
    """One call: positional and keyword arguments, in which `Array`s stand for tensors."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def sample(*args: Any, **kwargs: Any) -> Sample:
    return Sample(args, kwargs)


def unary(low: float = -2.0, high: float = 2.0) -> tuple[Sample, ...]:
    """Return a matrix, a scalar, an empty tensor and one with size-1 axes, drawn between low and high."""
    return tuple(sample(Array(shape, low, high)) for shape in ((3, 4), (), (0, 3), (1, 5, 1)))


def binary(low: float = -2.0, high: float = 2.0, low2: float | None = None) -> tuple[Sample, ...]:
    """Return pairs that are equal in shape, that broadcast, and that are empty."""
    low2 = low if low2 is None else low2
    pairs = (((3, 4), (3, 4)), ((3, 1), (1, 4)), ((2, 3, 4), (4,)), ((), (3,)), ((0, 3), (1, 3)))
    return tuple(sample(Array(a, low, high), Array(b, low2, high)) for a, b in pairs)


def reductions(low: float = -2.0, high: float = 2.0, empty: bool = True) -> tuple[Sample, ...]:
    """Return reductions over all axes, one, a negative one and several, with and without keepdims."""
    x = Array((3, 4, 2), low, high)
    out = (
        sample(x), sample(x, axis=1), sample(x, axis=-1, keepdims=True), sample(x, axis=(0, 2)),
        sample(x, axis=(0, -1), keepdims=True), sample(Array((5,), low, high), axis=0), sample(Array((), low, high)),
    )  # fmt: skip
    return (*out, sample(Array((0, 3), low, high), axis=0)) if empty else out
