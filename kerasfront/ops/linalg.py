"""The public namespace `keras.ops.linalg`: linear algebra.

Matrices are the last two axes of a tensor; the axes before them are a batch. Integers become floats (`floatx()`). Half
precision is computed in float32 and rounded, because no framework has it.

This module is written by `python -m kerasfront.testing.faces --write`.
"""

from kerasfront.ops.gradients import jvp
from kerasfront.ops.matrices import (
    cholesky,
    cholesky_inverse,
    det,
    eig,
    eigh,
    inv,
    lstsq,
    lu_factor,
    matrix_rank,
    norm,
    pinv,
    qr,
    solve,
    solve_triangular,
    svd,
)

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "eig",
    "eigh",
    "inv",
    "jvp",
    "lstsq",
    "lu_factor",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "solve",
    "solve_triangular",
    "svd",
]


def __dir__() -> list[str]:
    return __all__
