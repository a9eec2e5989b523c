"""Sparse tensors on JAX: `jax.experimental.sparse.BCOO`. That module loads SciPy: it is imported when it is used."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp

_MODULE = "jax.experimental.sparse"


def _loaded() -> Any:
    return importlib.import_module(_MODULE)


def _class() -> Any:
    """Return the class BCOO, or None if nobody has imported it, since then there are no sparse tensors."""
    return getattr(sys.modules.get(_MODULE), "BCOO", None)


class _Kinds(Mapping[type, str]):
    """The classes of sparse tensors, once they are there."""

    def __getitem__(self, cls: type) -> str:
        if cls is not _class():
            raise KeyError(cls)
        return "sparse"

    def __iter__(self) -> Iterator[type]:
        return iter(() if _class() is None else (_class(),))

    def __len__(self) -> int:
        return int(_class() is not None)


KINDS = _Kinds()


def is_sparse(x: Any) -> bool:
    return type(x) in KINDS


def from_dense(x: Any) -> Any:
    return _loaded().BCOO.fromdense(x)


def from_places(indices: Any, values: Any, shape: tuple[int, ...]) -> Any:
    # Elements that are left out get indices beyond the end of every axis and the value 0: BCOO's own way of padding.
    inside = jnp.all((indices >= 0) & (indices < jnp.array(shape, indices.dtype)), -1)
    indices = jnp.where(inside[:, None], indices, jnp.array(shape, indices.dtype))
    return _loaded().BCOO(
        (jnp.where(inside, values, jnp.zeros_like(values)), indices), shape=shape, unique_indices=True
    )


def to_dense(x: Any) -> Any:
    return x.todense() if is_sparse(x) else x


def _densely(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        dense = [[to_dense(v) for v in x] if isinstance(x, list) else to_dense(x) for x in args]
        return function(*dense, **kwargs)

    return call


def map_values(function: Callable[[Any], Any], x: Any) -> Any:
    if not x.unique_indices:  # several stored values may belong to one element
        x = x.sum_duplicates(nse=x.nse)
    return _with_data(x, function(x.data))


def _with_data(x: Any, data: Any) -> Any:
    return _loaded().BCOO(
        (data, x.indices), shape=x.shape, indices_sorted=x.indices_sorted, unique_indices=x.unique_indices
    )


def _sums(dense: Callable[..., Any], sign: int) -> Callable[..., Any]:
    def call(x1: Any, x2: Any) -> Any:
        if is_sparse(x1) and is_sparse(x2) and x1.shape == x2.shape:
            return x1 + (x2 if sign > 0 else -x2)
        return dense(to_dense(x1), to_dense(x2))

    return call


def _multiply(x1: Any, x2: Any) -> Any:
    if is_sparse(x1) and is_sparse(x2):
        return _loaded().bcoo_multiply_sparse(x1, x2)
    x1, x2 = (x1, x2) if is_sparse(x1) else (x2, x1)
    return _with_data(x1, _loaded().bcoo_multiply_dense(x1, x2))


def _divide(x1: Any, x2: Any) -> Any:
    if is_sparse(x2):
        return to_dense(x1) / to_dense(x2)
    return _with_data(x1, x1.data / x2 if jnp.ndim(x2) == 0 else _loaded().bcoo_multiply_dense(x1, 1 / x2))


def _joined(join: Callable[..., Any], dense: Callable[..., Any]) -> Callable[..., Any]:
    return lambda xs, axis=0: join(list(xs), axis) if all(map(is_sparse, xs)) else _densely(dense)(list(xs), axis)


def _concatenate(xs: Any, axis: int) -> Any:
    return _loaded().bcoo_concatenate(xs, dimension=axis % xs[0].ndim)


def _stack(xs: Any, axis: int) -> Any:
    return _concatenate([_expand_dims(x, axis) for x in xs], axis)


def _reshape(x: Any, newshape: Any) -> Any:
    shape = [newshape] if isinstance(newshape, int) else list(newshape)
    if -1 in shape:
        shape[shape.index(-1)] = math.prod(x.shape) // math.prod(n for n in shape if n != -1)
    out = _loaded().bcoo_reshape(x, new_sizes=tuple(shape))
    return _loaded().bcoo_update_layout(
        out, n_batch=0, n_dense=0
    )  # bcoo_reshape makes batch axes, which transpose can't move


def _expand_dims(x: Any, axis: Any) -> Any:
    return _reshape(x, jax.eval_shape(lambda: jnp.expand_dims(jnp.zeros(x.shape), axis)).shape)


def _squeeze(x: Any, axis: Any = None) -> Any:
    return _reshape(x, jax.eval_shape(lambda: jnp.squeeze(jnp.zeros(x.shape), axis)).shape)


def _sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = tuple(a % x.ndim for a in axes)
    out = _loaded().bcoo_reduce_sum(x, axes=axes).todense()
    return jnp.expand_dims(out, axes) if keepdims else out


def _mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    out = _sum(x, axis, keepdims)
    return (out / (math.prod(x.shape) / max(math.prod(out.shape), 1))).astype(out.dtype)


def _take(dense: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, indices: Any, axis: Any = None) -> Any:
        if is_sparse(x):
            raise TypeError("rows of a sparse tensor can't be taken")
        return dense(x, to_dense(indices), axis)

    return call


def sparse_ops(native: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
    """Return by op the functions for sparse tensors; `native` is the table for dense ones."""
    stack = _joined(_stack, native["stack"])
    return {
        "add": _sums(native["add"], 1),
        "subtract": _sums(native["subtract"], -1),
        "multiply": _multiply,
        "divide": _divide,
        "matmul": lambda x1, x2: _loaded().sparsify(jnp.matmul)(x1, x2),
        "concatenate": _joined(_concatenate, native["concatenate"]),
        "stack": lambda x, axis=0: stack(x, axis),
        "reshape": _reshape,
        "transpose": lambda x, axes=None: _loaded().bcoo_transpose(x, permutation=axes or tuple(range(x.ndim))[::-1]),
        "expand_dims": _expand_dims,
        "squeeze": _squeeze,
        "sum": _sum,
        "mean": _mean,
        "take": _take(native["take"]),
        **{name: _densely(native[name]) for name in ("equal", "not_equal")},
    }
