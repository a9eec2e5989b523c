"""In what order an epoch goes through the rows: the same for a seed on every backend."""

import numpy as np

# From so many rows on, an order is computed as it is read: it would take more memory than the batches do.
_KEPT = 1 << 20
_WINDOW = 1 << 16
_ROUNDS = 6


def permutation(count: int, seed: int, epoch: int) -> "np.ndarray | Computed":
    """The order of an epoch: NumPy's with its Philox generator, and from a million rows on a `Computed` one.

    Example:

        >>> sorted(permutation(4, seed=1, epoch=0)[0:4].tolist())
        [0, 1, 2, 3]
    """
    philox = np.random.Philox(key=np.array([seed % 2**64, epoch], dtype="uint64"))
    return np.random.Generator(philox).permutation(count) if count < _KEPT else Computed(count, philox)


class Computed:
    """0 to count - 1 in an order of which no more than a part is ever held.

    A Feistel network mixes the numbers of so many bits as count has; those that come out too large are mixed again.

    Source: Black and Rogaway, Ciphers with Arbitrary Finite Domains (CT-RSA 2002)

    Example:

        >>> order = Computed(10, np.random.Philox(3))
        >>> sorted([*order[0:4].tolist(), *order[4:10].tolist()])
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    def __init__(self, count: int, generator: np.random.BitGenerator) -> None:
        self.count = count
        self.bits = np.uint64(max(1, ((count - 1).bit_length() + 1) // 2))  # of each half
        self.low = np.uint64((1 << int(self.bits)) - 1)
        self.keys = generator.random_raw(_ROUNDS).astype("uint64")
        self.start, self.window = 0, np.empty(0, "int64")

    def __getitem__(self, rows: slice) -> np.ndarray:
        """The elements from `start` up to `stop`; cheap where one call goes on behind the other."""
        start, stop = rows.start, min(rows.stop, self.count)
        if not self.start <= start <= stop <= self.start + len(self.window):
            end = min(max(start + _WINDOW, stop), self.count)
            self.start, self.window = start, self._placed(np.arange(start, end, dtype="uint64"))
        return self.window[start - self.start : stop - self.start]

    def _placed(self, numbers: np.ndarray) -> np.ndarray:
        out = self._mixed(numbers)
        while (outside := np.flatnonzero(out >= self.count)).size:
            out[outside] = self._mixed(out[outside])
        return out.astype("int64")

    def _mixed(self, numbers: np.ndarray) -> np.ndarray:
        left, right = numbers >> self.bits, numbers & self.low
        for key in self.keys:
            left, right = right, left ^ (_hashed(right + key) & self.low)
        return (left << self.bits) | right


def _hashed(x: np.ndarray) -> np.ndarray:
    """SplitMix64's: each bit of the result hangs on each of x."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
