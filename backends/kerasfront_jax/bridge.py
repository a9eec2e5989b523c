"""Functions of JAX over trees of arrays: what JaxLayer and FlaxLayer ask of JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from kerasfront.spec import dtypes


def flatten(tree: Any) -> tuple[list[str], list[Any], Callable[[Sequence[Any]], Any]]:
    """Return the names and values of a tree's leaves (any that JAX knows), and how the tree is made of new ones."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
    names = [jax.tree_util.keystr(path, simple=True, separator=".").replace("/", ".") for path, _ in leaves]
    return names, [jnp.asarray(value) for _, value in leaves], partial(jax.tree.unflatten, structure)


def placeholder(shape: Sequence[int | None], dtype: str) -> Any:
    """Return an array to initialize with: of ones, with 1 for each size that isn't known."""
    return jnp.ones([1 if size is None else size for size in shape], dtypes.to_numpy(dtype))
