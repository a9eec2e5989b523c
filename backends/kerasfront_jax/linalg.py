"""Linear algebra on JAX. Half precision is computed in float32."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

_HALF = (jnp.float16, jnp.bfloat16)


def _wide(function: Any) -> Any:
    """Wrap a function so that half precision is cast to float32, and its results are cast back."""

    @functools.wraps(function)
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        if x.dtype not in _HALF:
            return function(x, *args, **kwargs)
        args = tuple(a.astype(jnp.float32) if isinstance(a, jax.Array) else a for a in args)
        out = function(x.astype(jnp.float32), *args, **kwargs)

        def narrow(y: Any) -> Any:
            return y.astype(x.dtype) if y.dtype == jnp.float32 else y

        return tuple(map(narrow, out)) if isinstance(out, tuple) else narrow(out)

    return call


def _broadcast(a: Any, b: Any) -> tuple[Any, Any]:
    batch = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return jnp.broadcast_to(a, (*batch, *a.shape[-2:])), jnp.broadcast_to(b, (*batch, *b.shape[-2:]))


def _triangular(a: Any, b: Any, lower: bool = False) -> Any:
    return jax.scipy.linalg.solve_triangular(*_broadcast(a, b), lower=lower)


def _svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    out = jnp.linalg.svd(x, full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(out) if compute_uv else out


def _pinv(x: Any, rcond: float | None = None) -> Any:
    return jnp.linalg.pinv(x, rtol=max(x.shape[-2:]) * float(jnp.finfo(x.dtype).eps) if rcond is None else rcond)


PRIMITIVES: dict[str, Any] = {
    "det": _wide(jnp.linalg.det),
    "slogdet": _wide(lambda x: tuple(jnp.linalg.slogdet(x))),
    "inv": _wide(jnp.linalg.inv),
    "matrix_solve": _wide(lambda a, b: jnp.linalg.solve(*_broadcast(a, b))),
    "matrix_solve_triangular": _wide(_triangular),
    "cholesky": _wide(lambda x, upper=False: jnp.linalg.cholesky(x, upper=upper, symmetrize_input=False)),
    "matrix_qr": _wide(lambda x, mode: tuple(jnp.linalg.qr(x, mode))),
    "lu_factor": _wide(lambda x: tuple(jax.scipy.linalg.lu_factor(x))),
    "eig": _wide(lambda x: tuple(jnp.linalg.eig(x))),
    "eigh": _wide(lambda x: tuple(jnp.linalg.eigh(x, symmetrize_input=False))),
    "svd": _wide(_svd),
    "pinv": _wide(_pinv),
}
