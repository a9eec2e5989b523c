"""One seed for everything that draws."""

from __future__ import annotations

from kerasfront.random.seed_generator import set_global_seed


def set_random_seed(seed: int) -> None:
    """Seed Python, NumPy, the backend, and all that kerasfront draws without a seed of its own.

    Initial weights and shuffles are drawn on the host: the same seed gives the same ones on every backend.

    Args:
        seed: An integer from 0 to 2**32 - 1.

    Raises:
        ValueError: `seed` is no such integer.

    >>> import kerasfront as keras
    >>> keras.utils.set_random_seed(3)
    >>> a = keras.layers.Dense(2).kernel_initializer((2, 2))
    >>> keras.utils.set_random_seed(3)
    >>> b = keras.layers.Dense(2).kernel_initializer((2, 2))
    >>> bool(keras.ops.all(a == b))
    True
    """
    set_global_seed(seed)
