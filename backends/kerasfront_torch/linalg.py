"""Linear algebra on PyTorch. Half precision is computed in float32."""

from __future__ import annotations

import functools
from typing import Any

import torch

_HALF = (torch.float16, torch.bfloat16)


def _wide(function: Any) -> Any:
    """Wrap a function so that half precision is cast to float32, and its results are cast back."""

    @functools.wraps(function)
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        if x.dtype not in _HALF:
            return function(x, *args, **kwargs)
        args = tuple(a.float() if isinstance(a, torch.Tensor) else a for a in args)
        out = function(x.float(), *args, **kwargs)

        def narrow(y: Any) -> Any:
            return y.to(x.dtype) if y.dtype == torch.float32 else y

        return tuple(map(narrow, out)) if isinstance(out, tuple) else narrow(out)

    return call


def _slogdet(x: Any) -> Any:
    sign, logarithm = torch.linalg.slogdet(x)
    return sign if sign.is_complex() else sign.detach(), logarithm


def _lu_factor(x: Any) -> Any:
    lu, pivots = torch.linalg.lu_factor(x)
    return lu, pivots - 1


def _svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    return tuple(torch.linalg.svd(x, full_matrices)) if compute_uv else torch.linalg.svdvals(x)


PRIMITIVES: dict[str, Any] = {
    "det": _wide(torch.linalg.det),
    "slogdet": _wide(_slogdet),
    "inv": _wide(torch.linalg.inv),
    "matrix_solve": _wide(torch.linalg.solve),
    "matrix_solve_triangular": _wide(lambda a, b, lower=False: torch.linalg.solve_triangular(a, b, upper=not lower)),
    "cholesky": _wide(lambda x, upper=False: torch.linalg.cholesky(x, upper=upper)),
    "matrix_qr": _wide(lambda x, mode: tuple(torch.linalg.qr(x, mode))),
    "lu_factor": _wide(_lu_factor),
    "eig": _wide(lambda x: tuple(torch.linalg.eig(x))),
    "eigh": _wide(lambda x: tuple(torch.linalg.eigh(x))),
    "svd": _wide(_svd),
    "pinv": _wide(lambda x, rcond=None: torch.linalg.pinv(x, rtol=rcond)),
}
