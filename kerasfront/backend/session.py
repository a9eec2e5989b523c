"""The automatic names of layers and variables, which last as long as a session."""

from __future__ import annotations

import gc

from kerasfront import naming

__all__ = ["clear_session", "get_uid"]


def clear_session(free_memory: bool = True) -> None:
    """Begin the automatic names again ("dense", "dense_1", ...).

    Args:
        free_memory: Whether to run the garbage collector too.

    >>> import kerasfront as keras
    >>> keras.backend.clear_session()
    >>> keras.layers.Dense(1).name
    'dense'
    """
    naming.reset()
    if free_memory:
        gc.collect()


def get_uid(prefix: str = "") -> int:
    """Return the next number for a prefix, from 1.

    >>> import kerasfront as keras
    >>> keras.backend.get_uid("docs"), keras.backend.get_uid("docs")
    (1, 2)
    """
    return naming.number(prefix)
