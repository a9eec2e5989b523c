"""Linear algebra on NumPy. Half precision is computed in float32."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

_HALF = ("float16", "bfloat16")


def _wide(function: Any) -> Any:
    """Wrap a function so that half precision is cast to float32, and its results are cast back."""

    @functools.wraps(function)
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        if x.dtype.name not in _HALF:
            return function(x, *args, **kwargs)
        args = tuple(a.astype("float32") if isinstance(a, np.ndarray) else a for a in args)
        out = function(x.astype("float32"), *args, **kwargs)

        def narrow(y: Any) -> Any:
            return y.astype(x.dtype) if y.dtype == "float32" else y

        return tuple(map(narrow, out)) if isinstance(out, tuple) else narrow(out)

    return call


def _cholesky(x: Any, upper: bool = False) -> Any:
    out = np.linalg.cholesky(x)
    return np.conj(np.swapaxes(out, -1, -2)) if upper else out


def _triangular(a: Any, b: Any, lower: bool = False) -> Any:
    return np.linalg.solve(np.tril(a) if lower else np.triu(a), b)


def _eig(x: Any) -> Any:
    wide = "complex128" if x.dtype.name in ("float64", "complex128") else "complex64"
    return tuple(part.astype(wide) for part in np.linalg.eig(x))


def _pinv(x: Any, rcond: float | None = None) -> Any:
    return np.linalg.pinv(x, rtol=max(x.shape[-2:]) * np.finfo(x.dtype).eps if rcond is None else rcond)


def _lu_factor(x: Any) -> Any:
    """Factorize by Gaussian elimination with partial pivoting, column by column."""
    lu = np.array(x)
    flat = lu.reshape(-1, *x.shape[-2:])
    steps = min(x.shape[-2:])
    pivots = np.empty((len(flat), steps), "int32")
    for a, rows in zip(flat, pivots, strict=True):
        for i in range(steps):
            rows[i] = i + np.argmax(np.abs(a[i:, i]))
            a[[i, rows[i]]] = a[[rows[i], i]]
            if a[i, i] != 0:
                a[i + 1 :, i] /= a[i, i]
            a[i + 1 :, i + 1 :] -= np.outer(a[i + 1 :, i], a[i, i + 1 :])
    return lu, pivots.reshape(*x.shape[:-2], steps)


def _svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    if not compute_uv:
        return np.linalg.svd(x, compute_uv=False)
    return tuple(np.linalg.svd(x, full_matrices))


PRIMITIVES: dict[str, Any] = {
    "det": _wide(np.linalg.det),
    "slogdet": _wide(lambda x: tuple(np.linalg.slogdet(x))),
    "inv": _wide(np.linalg.inv),
    "matrix_solve": _wide(np.linalg.solve),
    "matrix_solve_triangular": _wide(_triangular),
    "cholesky": _wide(_cholesky),
    "matrix_qr": _wide(lambda x, mode: tuple(np.linalg.qr(x, mode))),
    "lu_factor": _wide(_lu_factor),
    "eig": _wide(_eig),
    "eigh": _wide(lambda x: tuple(np.linalg.eigh(x))),
    "svd": _wide(_svd),
    "pinv": _wide(_pinv),
}
