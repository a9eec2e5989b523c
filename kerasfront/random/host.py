"""Draws on the host: initial weights, shuffles, augmentation. They don't depend on the backend, bit for bit."""

from __future__ import annotations

import random
import threading

import numpy as np


class _Global:
    """The seed of the process, and how many seeds were drawn from it."""

    def __init__(self) -> None:
        # Python's generator gives the first seed, so that a program that seeds only that one is reproducible too.
        self.seed = random.randrange(2**32)
        self.count = 0
        self.lock = threading.Lock()


_global = _Global()


def host_generator(*keys: int) -> np.random.Generator:
    """Return a NumPy generator (Philox, a counter-based one) that depends on the keys alone.

    Args:
        *keys: Any integers: a seed, and what tells this use of it from others (an epoch, a batch).

    Reference: Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3".

    >>> bool(host_generator(7, 0).random() == host_generator(7, 0).random())
    True
    """
    return np.random.Generator(np.random.Philox(_sequence(keys)))


def _sequence(keys: tuple[int, ...]) -> np.random.SeedSequence:
    return np.random.SeedSequence([word for key in keys for word in (int(key) & 0xFFFFFFFFFFFFFFFF, int(key < 0))])


def next_host_seed() -> int:
    """Return a seed from 0 to 2**32 - 1, another one at each call.

    `set_random_seed` and the number of calls since determine it.
    """
    with _global.lock:
        _global.count += 1
        number = _global.count
    return int(_sequence((_global.seed, number)).generate_state(1)[0])


def reset(seed: int) -> None:
    """Begin again from `seed`."""
    with _global.lock:
        _global.seed, _global.count = int(seed), 0


def global_seed() -> int:
    """Return the seed that the global generator starts from."""
    return _global.seed % 2**32
