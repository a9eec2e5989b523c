"""Shuffling: the order in which an epoch goes through the rows, the same for a seed on every backend."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# From so many rows on, an order is computed as it is read, since it would take more memory than the batches.
_LARGEST_IN_MEMORY = 1 << 20
_WINDOW = 1 << 16
_ROUNDS = 6


def permutation(count: int, seed: int, epoch: int) -> "Array | ComputedOrder":
    """Return the order of an epoch: NumPy's with its Philox generator, and from a million rows on a `ComputedOrder`.

    Example:
        >>> sorted(permutation(4, seed=1, epoch=0)[0:4].tolist())
        [0, 1, 2, 3]
    """
    philox = np.random.Philox(key=np.array([seed % 2**64, epoch], dtype="uint64"))
    return (
        np.random.Generator(philox).permutation(count) if count < _LARGEST_IN_MEMORY else ComputedOrder(count, philox)
    )


class ComputedOrder:
    """The numbers 0 to count - 1 in a random order, of which only a window is in memory.

    A Feistel network permutes the numbers that have as many bits as `count`. Those that come out too large are permuted
    again until they fit.

    Source: Black and Rogaway, Ciphers with Arbitrary Finite Domains (CT-RSA 2002)

    Example:
        >>> order = ComputedOrder(10, np.random.Philox(3))
        >>> sorted([*order[0:4].tolist(), *order[4:10].tolist()])
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    def __init__(self, count: int, generator: np.random.BitGenerator) -> None:
        self.count = count
        self.bits = np.uint64(max(1, ((count - 1).bit_length() + 1) // 2))  # the number of bits of each half
        self.low = np.uint64((1 << int(self.bits)) - 1)
        self.keys = generator.random_raw(_ROUNDS).astype("uint64")
        self.start, self.window = 0, np.empty(0, "int64")

    def __getitem__(self, rows: slice) -> Array:
        """Return the elements from `start` up to `stop`. This is cheap where each call continues the last."""
        start, stop = rows.start, min(rows.stop, self.count)
        if not self.start <= start <= stop <= self.start + len(self.window):
            end = min(max(start + _WINDOW, stop), self.count)
            self.start = start
            self.window = self._permuted(np.arange(start, end, dtype="uint64"))
        return self.window[start - self.start : stop - self.start]

    def _permuted(self, numbers: Array) -> Array:
        """Return the places of numbers in the order."""
        out = self._encrypted(numbers)
        while (outside := np.flatnonzero(out >= self.count)).size:
            out[outside] = self._encrypted(out[outside])
        return out.astype("int64")

    def _encrypted(self, numbers: Array) -> Array:
        """Return numbers after one pass through the network."""
        left, right = numbers >> self.bits, numbers & self.low
        for key in self.keys:
            left, right = right, left ^ (_hashed(right + key) & self.low)
        return (left << self.bits) | right


def _hashed(x: Array) -> Array:
    """Return SplitMix64's hash, in which each bit depends on each bit of x."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
