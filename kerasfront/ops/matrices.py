"""Linear algebra: the public namespace `keras.ops.linalg`, and the matrix products.

Matrices are the last two axes of a tensor; the axes before them are a batch. Integers become floats (`floatx()`). Half
precision is computed in float32 and rounded, because no framework has it.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, Literal, overload

import ml_dtypes
import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops.core import cast, dtype_of
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import eye, zeros
from kerasfront.ops.declare import INTERNAL, LIKE_ALL, LINALG, NUMPY, Array, derived, primitive, sample
from kerasfront.ops.declare.bodies import rank_of
from kerasfront.ops.elementwise import abs, conj, log, maximum, not_equal, power, select_where, sqrt, square
from kerasfront.ops.reduce import amax, amin, sum
from kerasfront.ops.shaping import expand_dims, squeeze, transpose
from kerasfront.spec import KerasTensor, dtypes, shapes, unknown
from kerasfront.spec.dtypes import FLOATING, MULTIPLIED, REAL
from kerasfront.typing import Tensor, TensorLike

_PAIRS = (
    sample(Array((3, 4)), Array((4, 2))),
    sample(Array((4,)), Array((4,))),
    sample(Array((2, 3, 4)), Array((4,))),
    sample(Array((4,)), Array((4, 3))),
    sample(Array((2, 1, 3, 4)), Array((5, 4, 2))),
    sample(Array((0, 4)), Array((4, 2))),
)


@primitive(shape=shapes.matmul, dtype=MULTIPLIED, samples=_PAIRS, ref=np.matmul, composite=LIKE_ALL, spaces=NUMPY)
def matmul(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the matrix product over the last axis of x1 and the second to last of x2; leading axes broadcast.

    A vector stands for a row on the left and for a column on the right, and its axis goes.

    Args:
        x1: A tensor of shape (..., n, k), or (k,).
        x2: A tensor of shape (..., k, m), or (k,).

    Returns:
        A tensor of shape (..., n, m) and the common dtype; int32 where both are int8, whose products need it.

    Raises:
        ShapeError: A tensor is a scalar, or the shapes don't fit.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.matmul([[1.0, 2.0]], [[3.0], [4.0]])).tolist()
    [[11.0]]
    """


@derived(
    dtype=MULTIPLIED,
    samples=(sample(Array((2, 3, 4)), Array((4, 5)), Array((5,))), sample(Array((3, 4)), Array((4, 5)))),
    spaces=INTERNAL,
)
def affine(x: TensorLike, kernel: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """Return `x @ kernel + bias`: what a dense layer computes; frameworks have it in one call.

    Args:
        x: A tensor of shape (..., n).
        kernel: A matrix of shape (n, m).
        bias: A vector of shape (m,), or None.

    Returns:
        A tensor of shape (..., m).

    >>> from kerasfront import ops
    >>> from kerasfront.ops.matrices import affine
    >>> ops.convert_to_numpy(affine(ops.array([[1.0, 2.0]]), ops.array([[1.0], [1.0]]), ops.array([0.5]))).tolist()
    [[3.5]]
    """
    y = matmul(x, kernel)
    return y if bias is None else y + bias


# ---- rules and samples --------------------------------------------------------------------------------------------

_FLOATS = ("bfloat16", "float16", "float32", "float64", "complex64", "complex128")
_SQUARE = [[4.0, 1.0, -0.5], [1.0, -3.0, 1.0], [0.5, 2.0, 2.5]]
_POSITIVE = [[4.0, 1.0, -0.5], [1.0, 3.0, 1.0], [-0.5, 1.0, 2.5]]
_SQUARES = (
    sample(Array(values=_SQUARE)),
    sample(Array(values=[_SQUARE, _POSITIVE])),
    sample(Array(values=[[2.0]])),
    sample(Array((0, 2, 2))),
)
_POSITIVES = (sample(Array(values=_POSITIVE)), sample(Array(values=[_POSITIVE, np.eye(3)])))
_TALL, _WIDE = [[1.0, 2.0], [3.0, -4.0], [-2.0, 5.0]], [[1.0, 3.0, -2.0], [2.0, -4.0, 5.0]]
_RECTANGLES = (sample(Array(values=_TALL)), sample(Array(values=_WIDE)), sample(Array(values=[_TALL, _TALL])))


def _matrices(x: Any, name: str = "x") -> tuple[int, ...]:
    shape = shapes.same(x)
    if len(shape) < 2:
        raise ShapeError(f"Expected `{name}` to be a matrix or a batch of them, got the shape {shape}.")
    return shape


def _smaller(m: int, n: int) -> int:
    """Return the smaller dim; unknown where one of them is."""
    return builtins.max(m, n) if unknown(m) or unknown(n) else builtins.min(m, n)


def _squares(x: Any, *args: Any, **kwargs: Any) -> tuple[int, ...]:
    shape = _matrices(x)
    if shape[-1] != shape[-2] and not (unknown(shape[-1]) or unknown(shape[-2])):
        raise ShapeError(f"Expected square matrices, got the shape {shape}.")
    return shape


def _of_squares(x: Any) -> tuple[int, ...]:
    return _squares(x)[:-2]


def _solved(a: Any, b: Any, lower: bool = False) -> tuple[int, ...]:
    left, right = _squares(a), _matrices(b, "b")
    if left[-1] != right[-2] and not (unknown(left[-1]) or unknown(right[-2])):
        raise ShapeError(f"The shapes {left} and {right} don't fit: {left[-1]} unknowns, {right[-2]} right-hand sides.")
    return (*shapes.broadcast_shapes(left[:-2], right[:-2]), *right[-2:])


def _adjoint(x: Any) -> Any:
    """Return the conjugate transpose of the matrices."""
    n = len(x.shape)
    flipped = transpose(x, (*range(n - 2), n - 1, n - 2))
    return conj(flipped) if dtypes.is_complex(dtype_of(x)) else flipped


def _numpy_adjoint(x: Any) -> Any:
    return np.conj(np.swapaxes(x, -1, -2))


# ---- determinants, inverses, equations ----------------------------------------------------------------------------


@primitive(
    shape=_of_squares,
    dtype=FLOATING,
    samples=_SQUARES,
    ref=np.linalg.det,
    dtypes_tested=_FLOATS,
    tolerance=4,
    spaces=LINALG,
)
def det(x: TensorLike) -> Tensor:
    """Return the determinant of each matrix.

    Args:
        x: A tensor of shape (..., n, n).

    Returns:
        A tensor of shape (...).

    Raises:
        ShapeError: The matrices aren't square.

    >>> from kerasfront import ops
    >>> round(float(ops.linalg.det([[2.0, 1.0], [1.0, 3.0]])), 4)
    5.0
    """


def _sign_and_log(x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    return KerasTensor(_of_squares(x), x.dtype), KerasTensor(_of_squares(x), REAL.result(x.dtype, {}))


@primitive(
    infer=_sign_and_log,
    dtype=FLOATING,
    samples=_SQUARES,
    ref=np.linalg.slogdet,
    dtypes_tested=_FLOATS,
    tolerance=4,
    spaces=NUMPY,
)
def slogdet(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Return the sign of the determinant, and the logarithm of its absolute value: neither over- nor underflows.

    Args:
        x: A tensor of shape (..., n, n).

    Returns:
        Two tensors of shape (...): the sign (-1, 0 or 1; a number on the unit circle where x is complex), and the
        logarithm (-inf where the determinant is 0).

    >>> from kerasfront import ops
    >>> sign, logarithm = ops.slogdet([[2.0, 1.0], [1.0, 0.0]])
    >>> float(sign), round(float(logarithm), 4) + 0.0
    (-1.0, 0.0)
    """


@derived(dtype=FLOATING, samples=(*_POSITIVES, _SQUARES[2], _SQUARES[3]), dtypes_tested=_FLOATS, tolerance=4)
def logdet(x: TensorLike) -> Tensor:
    """Return the logarithm of the determinant: nan where that is negative, -inf where it is 0.

    Args:
        x: A tensor of shape (..., n, n).

    Returns:
        A tensor of shape (...).

    >>> from kerasfront import ops
    >>> round(float(ops.logdet([[2.0, 0.0], [0.0, 0.5]])), 4) + 0.0
    0.0
    """
    sign, logarithm = slogdet(x)
    if dtypes.is_complex(dtype_of(x)):
        return log(sign) + cast(logarithm, dtype_of(x))
    return select_where(sign < 0, float("nan"), logarithm)


@primitive(
    shape=_squares,
    dtype=FLOATING,
    samples=_SQUARES,
    ref=np.linalg.inv,
    dtypes_tested=_FLOATS,
    tolerance=4,
    spaces=LINALG,
)
def inv(x: TensorLike) -> Tensor:
    """Return the inverse of each matrix.

    Args:
        x: A tensor of shape (..., n, n).

    Returns:
        A tensor like x.

    Raises:
        ShapeError: The matrices aren't square. A singular matrix gives the framework's error, or inf on JAX, which
            can't raise from compiled code.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.linalg.inv([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """


_SYSTEMS = (
    sample(Array(values=_SQUARE), Array((3, 2))),
    sample(Array(values=_SQUARE), Array((2, 3, 2))),
    sample(Array(values=[_SQUARE, _POSITIVE]), Array((2, 3, 1))),
    sample(Array(values=[_SQUARE, _POSITIVE]), Array((3, 4))),
)


@primitive(
    shape=_solved,
    dtype=FLOATING,
    samples=_SYSTEMS,
    ref=np.linalg.solve,
    dtypes_tested=_FLOATS,
    tolerance=4,
    spaces=INTERNAL,
)
def matrix_solve(a: TensorLike, b: TensorLike) -> Tensor:
    """Return x with `a @ x = b`, for b of shape (..., n, k). `solve` calls this."""


@derived(
    dtype=FLOATING,
    samples=(
        *_SYSTEMS[:3],
        sample(Array(values=_SQUARE), Array((3,))),
        sample(Array(values=[_SQUARE, _POSITIVE]), Array((2, 3))),
    ),
    dtypes_tested=_FLOATS,
    tolerance=4,
    spaces=LINALG,
)
def solve(a: TensorLike, b: TensorLike) -> Tensor:
    """Return x with `a @ x = b`.

    Args:
        a: A tensor of shape (..., n, n).
        b: A tensor of shape (..., n, k); or of one rank less than a, (..., n): vectors.

    Returns:
        A tensor like b, with the batch axes of both, broadcast.

    Raises:
        ShapeError: The matrices aren't square, or b doesn't fit.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])).tolist()
    [1.0, 0.5]
    """
    if rank_of(b) == rank_of(a) - 1:
        return squeeze(matrix_solve(a, expand_dims(b, -1)), -1)
    return matrix_solve(a, b)


def _solve_triangle(a: Any, b: Any, lower: bool = False) -> Any:
    return np.linalg.solve(np.tril(a) if lower else np.triu(a), b)


@primitive(
    shape=_solved,
    dtype=FLOATING,
    ref=_solve_triangle,
    dtypes_tested=_FLOATS,
    tolerance=4,
    samples=(*_SYSTEMS, sample(Array(values=_SQUARE), Array((3, 2)), lower=True)),
    spaces=INTERNAL,
)
def matrix_solve_triangular(a: TensorLike, b: TensorLike, lower: bool = False) -> Tensor:
    """Return x with `a @ x = b`, for triangular a and b of shape (..., n, k). `solve_triangular` calls this."""


@derived(
    dtype=FLOATING,
    dtypes_tested=_FLOATS,
    tolerance=4,
    samples=(*_SYSTEMS[:3], sample(Array(values=_SQUARE), Array((3,)), lower=True)),
    spaces=LINALG,
)
def solve_triangular(a: TensorLike, b: TensorLike, lower: bool = False) -> Tensor:
    """Return x with `a @ x = b`, where only the upper (or lower) triangle of a is looked at.

    Args:
        a: A tensor of shape (..., n, n).
        b: A tensor of shape (..., n, k); or of one rank less than a, (..., n): vectors.
        lower: Whether a is lower triangular.

    Returns:
        A tensor like b, with the batch axes of both, broadcast.

    Raises:
        ShapeError: The matrices aren't square, or b doesn't fit.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.linalg.solve_triangular([[2.0, 9.0], [1.0, 4.0]], [4.0, 6.0], lower=True)).tolist()
    [2.0, 1.0]
    """
    if rank_of(b) == rank_of(a) - 1:
        return squeeze(matrix_solve_triangular(a, expand_dims(b, -1), lower), -1)
    return matrix_solve_triangular(a, b, lower)


# ---- factorizations -----------------------------------------------------------------------------------------------


def _cholesky(x: Any, upper: bool = False) -> Any:
    out = np.linalg.cholesky(x)
    return _numpy_adjoint(out) if upper else out


@primitive(
    shape=_squares,
    dtype=FLOATING,
    ref=_cholesky,
    dtypes_tested=_FLOATS,
    differentiable=False,
    samples=(*_POSITIVES, sample(Array(values=_POSITIVE), upper=True)),
    tolerance=4,
    spaces=LINALG,
)
def cholesky(x: TensorLike, upper: bool = False) -> Tensor:
    """Return the triangular factor of each positive definite matrix: `l @ l.T = x`.

    Args:
        x: A tensor of shape (..., n, n) of symmetric (Hermitian) positive definite matrices; only the lower triangle
            is looked at.
        upper: Whether to return the upper triangular factor u, with `u.T @ u = x`.

    Returns:
        A tensor like x, with zeros in the other triangle.

    Raises:
        ShapeError: The matrices aren't square. One that isn't positive definite gives the framework's error, or nan on
            JAX and TensorFlow, which don't raise from compiled code.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.linalg.cholesky([[4.0, 2.0], [2.0, 2.0]])).tolist()
    [[2.0, 0.0], [1.0, 1.0]]
    """


@derived(
    dtype=FLOATING,
    dtypes_tested=_FLOATS,
    tolerance=8,
    samples=(sample(Array(values=_SQUARE)), sample(Array(values=[_SQUARE, _POSITIVE]), upper=True)),
    spaces=LINALG,
)
def cholesky_inverse(x: TensorLike, upper: bool = False) -> Tensor:
    """Return the inverse of each matrix whose Cholesky factor is given.

    Args:
        x: A tensor of shape (..., n, n), the factors that `cholesky` returns; the other triangle isn't looked at.
        upper: Whether they are the upper triangular ones.

    Returns:
        A tensor like x: the inverse of `x @ x.T`, or of `x.T @ x` where `upper`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.linalg.cholesky_inverse([[2.0, 0.0], [0.0, 1.0]])).tolist()
    [[0.25, 0.0], [0.0, 1.0]]
    """
    inverse = matrix_solve_triangular(x, eye(shape_of(x)[-1], dtype=dtype_of(x)), not upper)
    return matmul(inverse, _adjoint(inverse)) if upper else matmul(_adjoint(inverse), inverse)


def _qr_shapes(x: KerasTensor, mode: str) -> tuple[KerasTensor, KerasTensor]:
    *batch, m, n = _matrices(x)
    k = m if mode == "complete" else _smaller(m, n)
    return KerasTensor((*batch, m, k), x.dtype), KerasTensor((*batch, k, n), x.dtype)


def _product_of_two(out: Any, *args: Any, **kwargs: Any) -> Any:
    q, r = out
    return q @ r, _numpy_adjoint(q) @ q, np.tril(r, -1)


_QR = (*(sample(s.args[0], "reduced") for s in _RECTANGLES), sample(Array(values=_TALL), "complete"))


@primitive(
    infer=_qr_shapes,
    dtype=FLOATING,
    dtypes_tested=_FLOATS,
    canonical=_product_of_two,
    differentiable=False,
    samples=_QR,
    tolerance=4,
    spaces=INTERNAL,
)
def matrix_qr(x: TensorLike, mode: str) -> tuple[Tensor, Tensor]:
    """Return q and r, for a known mode. `qr` calls this."""


@derived(
    dtype=FLOATING,
    dtypes_tested=_FLOATS,
    canonical=_product_of_two,
    differentiable=False,
    samples=_QR,
    tolerance=4,
    spaces=LINALG,
)
def qr(x: TensorLike, mode: Literal["reduced", "complete"] = "reduced") -> tuple[Tensor, Tensor]:
    """Return each matrix as `q @ r`, with orthonormal columns in q and r upper triangular.

    The signs of the columns of q (and rows of r) are the framework's. Gradients need m >= n, and linearly independent
    columns.

    Args:
        x: A tensor of shape (..., m, n).
        mode: "reduced" for q of shape (..., m, k) and r of shape (..., k, n), with k = min(m, n); "complete" for q of
            shape (..., m, m) and r of shape (..., m, n).

    Returns:
        q and r.

    Raises:
        ValueError: `mode` is something else, or x has fewer than two axes.

    >>> from kerasfront import ops
    >>> q, r = ops.linalg.qr([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> tuple(q.shape), tuple(r.shape)
    ((3, 2), (2, 2))
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"Expected `mode` to be 'reduced' or 'complete', got {mode!r}.")
    return matrix_qr(x, mode)


def _lu_shapes(x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    *batch, m, n = _matrices(x)
    return x, KerasTensor((*batch, _smaller(m, n)), "int32")


@primitive(
    infer=_lu_shapes,
    dtype=FLOATING,
    dtypes_tested=_FLOATS,
    tolerance=4,
    samples=(*_SQUARES[:3], *_RECTANGLES),
    differentiable=False,
    spaces=LINALG,
)
def lu_factor(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Return the triangular factors of each matrix.

    Rows are exchanged so that each pivot is the largest in its column.

    Args:
        x: A tensor of shape (..., m, n).

    Raises:
        ShapeError: x has fewer than two axes. On TensorFlow, a matrix that isn't of full rank gives an error.

    Returns:
        A tensor like x, with the upper factor in its upper triangle, and below that the lower one, whose diagonal is 1;
        and a tensor of shape (..., min(m, n)) and dtype int32: row i was exchanged with row pivots[i], from 0 on.

    >>> from kerasfront import ops
    >>> lu, pivots = ops.linalg.lu_factor([[1.0, 2.0], [4.0, 4.0]])
    >>> ops.convert_to_numpy(lu).tolist(), ops.convert_to_numpy(pivots).tolist()
    ([[4.0, 4.0], [0.25, 1.0]], [1, 1])
    """


def _eig_shapes(x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    shape = _squares(x)
    name = "complex128" if x.dtype in ("float64", "complex128") else "complex64"
    return KerasTensor(shape[:-1], name), KerasTensor(shape, name)


def _recomposed(out: Any, *args: Any) -> Any:
    w, v = out
    return np.sort_complex(np.round(w, 2)), (v * w[..., None, :]) @ np.linalg.inv(v)


@primitive(
    infer=_eig_shapes,
    dtype=FLOATING,
    samples=_SQUARES[:3],
    dtypes_tested=_FLOATS,
    canonical=_recomposed,
    differentiable=False,
    tolerance=8,
    spaces=LINALG,
)
def eig(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues and eigenvectors of each matrix: `x @ v = v * w`.

    Their order, and the length and phase of the vectors, are the framework's. On JAX it runs on the CPU only.

    Args:
        x: A tensor of shape (..., n, n).

    Returns:
        The eigenvalues w, of shape (..., n), and the eigenvectors, the columns of v, of shape (..., n, n); both complex
        on every backend, complex128 for float64 and complex64 else.

    Raises:
        ShapeError: The matrices aren't square.

    >>> from kerasfront import ops
    >>> w, v = ops.linalg.eig([[0.0, 1.0], [-1.0, 0.0]])
    >>> sorted(ops.convert_to_numpy(w).imag.round(3).tolist())
    [-1.0, 1.0]
    """


def _eigh_shapes(x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    shape = _squares(x)
    return KerasTensor(shape[:-1], REAL.result(x.dtype, {})), KerasTensor(shape, x.dtype)


def _recomposed_symmetric(out: Any, *args: Any) -> Any:
    w, v = out
    return w, (v * w[..., None, :]) @ _numpy_adjoint(v)


@primitive(
    infer=_eigh_shapes,
    dtype=FLOATING,
    dtypes_tested=_FLOATS,
    canonical=_recomposed_symmetric,
    samples=(*_POSITIVES[:1], sample(Array(values=[_POSITIVE, np.diag([1.0, 3.0, 2.0])]))),
    differentiable=False,
    tolerance=4,
    spaces=LINALG,
)
def eigh(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues and eigenvectors of each symmetric (Hermitian) matrix: `x @ v = v * w`.

    Args:
        x: A tensor of shape (..., n, n); only the lower triangle is looked at.

    Returns:
        The eigenvalues w, real and ascending, of shape (..., n), and the orthonormal eigenvectors, the columns of v, of
        shape (..., n, n). Their signs (phases) are the framework's.

    Raises:
        ShapeError: The matrices aren't square.

    >>> from kerasfront import ops
    >>> w, v = ops.linalg.eigh([[2.0, 0.0], [0.0, 1.0]])
    >>> ops.convert_to_numpy(w).tolist()
    [1.0, 2.0]
    """


def _svd_shapes(x: KerasTensor, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    *batch, m, n = _matrices(x)
    k = _smaller(m, n)
    values = KerasTensor((*batch, k), REAL.result(x.dtype, {}))
    if not compute_uv:
        return values
    left, right = (m, n) if full_matrices else (k, k)
    return KerasTensor((*batch, m, left), x.dtype), values, KerasTensor((*batch, right, n), x.dtype)


def _recomposed_values(out: Any, *args: Any, **kwargs: Any) -> Any:
    if not isinstance(out, tuple):
        return out
    u, s, v = out
    k = s.shape[-1]
    return s, (u[..., :k] * s[..., None, :]) @ v[..., :k, :], _numpy_adjoint(u) @ u, v @ _numpy_adjoint(v)


@overload
def svd(
    x: TensorLike, full_matrices: bool = True, compute_uv: Literal[True] = True
) -> tuple[Tensor, Tensor, Tensor]: ...
@overload
def svd(x: TensorLike, full_matrices: bool = True, *, compute_uv: Literal[False]) -> Tensor: ...
@overload
def svd(x: TensorLike, full_matrices: bool, compute_uv: Literal[False]) -> Tensor: ...


@primitive(
    infer=_svd_shapes,
    dtype=FLOATING,
    dtypes_tested=_FLOATS,
    canonical=_recomposed_values,
    differentiable=False,
    samples=(
        *_RECTANGLES,
        *(sample(s.args[0], full_matrices=False) for s in _RECTANGLES),
        sample(Array(values=_TALL), compute_uv=False),
    ),
    tolerance=4,
    spaces=LINALG,
)
def svd(x: TensorLike, full_matrices: bool = True, compute_uv: bool = True) -> Tensor | tuple[Tensor, Tensor, Tensor]:
    """Return the singular value decomposition of each matrix: `x = u @ diag(s) @ v`.

    Args:
        x: A tensor of shape (..., m, n).
        full_matrices: Whether u has the shape (..., m, m) and v (..., n, n); if not, they are (..., m, k) and
            (..., k, n), with k = min(m, n).
        compute_uv: Whether to return u and v.

    Returns:
        (u, s, v), or s alone: the singular values, descending, of shape (..., k). The signs (phases) of the columns of
        u and rows of v are the framework's; v is already transposed, as in NumPy.

    >>> from kerasfront import ops
    >>> s = ops.linalg.svd([[3.0, 0.0], [0.0, 4.0]], compute_uv=False)
    >>> [round(v, 4) for v in ops.convert_to_numpy(s).tolist()]
    [4.0, 3.0]
    """


# ---- from the singular values -------------------------------------------------------------------------------------


def _pseudo_shape(x: Any, rcond: float | None = None) -> tuple[int, ...]:
    *batch, m, n = _matrices(x)
    return (*batch, n, m)


_RANK_ONE = [[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0]]


def _pinv(x: Any, rcond: float | None = None) -> Any:
    return np.linalg.pinv(x, rcond if rcond is not None else builtins.max(x.shape[-2:]) * np.finfo("float32").eps)


@primitive(
    shape=_pseudo_shape,
    dtype=FLOATING,
    ref=_pinv,
    dtypes_tested=_FLOATS,
    tolerance=16,
    samples=(*_RECTANGLES, sample(Array(values=_SQUARE)), sample(Array(values=_SQUARE), rcond=0.5)),
    spaces=LINALG,
)
def pinv(x: TensorLike, rcond: float | None = None) -> Tensor:
    """Return the Moore-Penrose pseudo-inverse of each matrix.

    Its gradient holds where the rank doesn't change (Golub and Pereyra, 1973).

    Args:
        x: A tensor of shape (..., m, n).
        rcond: Singular values up to this share of the largest count as 0; None means `max(m, n)` times the precision of
            the dtype.

    Returns:
        A tensor of shape (..., n, m).

    >>> from kerasfront import ops
    >>> [[round(v, 4) for v in row] for row in ops.convert_to_numpy(ops.linalg.pinv([[2.0], [0.0]])).tolist()]
    [[0.5, 0.0]]
    """


@derived(
    dtype=FLOATING,
    dtypes_tested=_FLOATS,
    tolerance=16,
    samples=(
        sample(Array(values=_TALL), Array((3,))),
        sample(Array(values=_TALL), Array((3, 2))),
        sample(Array(values=_WIDE), Array((2, 2))),
        sample(Array(values=[_TALL, _TALL]), Array((2, 3, 1))),
    ),
    spaces=LINALG,
)
def lstsq(a: TensorLike, b: TensorLike, rcond: float | None = None) -> Tensor:
    """Return x for which the sum of squares of `a @ x - b` is smallest; of several, the shortest.

    Args:
        a: A tensor of shape (..., m, n).
        b: A tensor of shape (..., m, k); or of one rank less than a, (..., m): vectors.
        rcond: Singular values of a up to this share of the largest count as 0; None means `max(m, n)` times the
            precision of the dtype.

    Returns:
        A tensor of shape (..., n, k), or (..., n).

    >>> from kerasfront import ops
    >>> x = ops.linalg.lstsq([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]], [3.0, 4.0, 5.0])
    >>> [round(v, 4) for v in ops.convert_to_numpy(x).tolist()]
    [3.0, 2.0]
    """
    if rank_of(b) == rank_of(a) - 1:
        return squeeze(matmul(pinv(a, rcond), expand_dims(b, -1)), -1)
    return matmul(pinv(a, rcond), b)


@derived(
    dtype=FLOATING,
    dtypes_tested=("float32", "float64", "complex64", "int32"),
    samples=(*_RECTANGLES, sample(Array(values=_RANK_ONE)), sample(Array(values=_SQUARE), tol=3.5)),
    spaces=LINALG,
)
def matrix_rank(x: TensorLike, tol: float | None = None) -> Tensor:
    """Return how many singular values of each matrix are larger than `tol`.

    Args:
        x: A tensor of shape (..., m, n).
        tol: A number; None means the largest singular value times `max(m, n)` times the precision of the dtype.

    Returns:
        A tensor of shape (...) and dtype int32.

    Raises:
        ShapeError: x has fewer than two axes.

    >>> from kerasfront import ops
    >>> int(ops.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]]))
    1
    """
    *batch, rows, columns = _matrices(x)
    if 0 in (rows, columns):
        return zeros(tuple(batch), "int32")
    values = svd(x, compute_uv=False)
    least: Any = tol
    if tol is None:
        m, n = shape_of(x)[-2:]
        are_integers = isinstance(m, int) and isinstance(n, int)
        larger = builtins.max(m, n) if are_integers else cast(maximum(m, n), dtype_of(values))
        precision = float(ml_dtypes.finfo(dtype_of(values)).eps)  # type: ignore[no-untyped-call]
        least = amax(values, -1, keepdims=True) * (precision * larger)
    return sum(cast(values > least, "int32"), -1)


# ---- norms --------------------------------------------------------------------------------------------------------

_M, _T = Array((3, 4)), Array((2, 3, 4))
_NORMS = (
    sample(_M),
    sample(_T),
    sample(_T, axis=1, keepdims=True),
    sample(_T, axis=(0, -1)),
    sample(Array((0, 3)), axis=0),
    *(sample(_M, o, axis=-1) for o in (2, 1, 0, 3, -1, 0.5, np.inf, -np.inf)),
    *(sample(_T, o, axis=(-2, -1), keepdims=True) for o in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)),
    sample(_M, "nuc"),
    sample(_M, 1),
    sample(_T, 2, axis=(2, 0)),
    sample(_T, np.inf, axis=(0, 2)),
)


@derived(
    dtype=REAL,
    samples=_NORMS,
    ref=np.linalg.norm,
    tolerance=4,
    dtypes_tested=("bfloat16", "float16", "float32", "float64", "complex64", "int32"),
    spaces=LINALG,
)
def norm(x: TensorLike, ord: Any = None, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Return the norm of vectors (one axis) or of matrices (two).

    Args:
        x: A tensor.
        ord: For vectors: p of the p-norm, a number, inf (the largest magnitude), -inf (the smallest), or 0 (how many
            elements aren't 0). For matrices: "fro", "nuc" (the sum of the singular values), 2 and -2 (the largest
            and the smallest of them), 1 and -1 (the largest and the smallest sum of magnitudes of a column), inf and
            -inf (of a row). None: the square root of the sum of the squared magnitudes, over any number of axes.
        axis: One axis or two; None means all.
        keepdims: Whether the axes stay, with size 1.

    Returns:
        A tensor without those axes, real. Where a 2-norm is 0, its gradient is 0.

    Raises:
        ValueError: `ord` isn't for that many axes.

    >>> from kerasfront import ops
    >>> float(ops.linalg.norm([3.0, 4.0]))
    5.0
    """
    axes = tuple(range(rank_of(x))) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    if ord is None:
        return _root_of_squares(x, axes, keepdims)
    axes = tuple(shapes.axis_of(a, rank_of(x)) for a in axes)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2 and axes[0] != axes[1]:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ShapeError(f"Expected one axis or two different ones for the norm {ord!r}, got {axis} for rank {rank_of(x)}.")


def _root_of_squares(x: Any, axes: Any, keepdims: bool) -> Any:
    total = sum(square(abs(x)), axes, keepdims)
    zero = total == 0
    return select_where(zero, 0.0, sqrt(select_where(zero, 1.0, total)))


def _vector_norm(x: Any, ord: Any, axis: int, keepdims: bool) -> Any:
    if isinstance(ord, str):
        raise ValueError(f"Expected `ord` to be a number for the norm of vectors, got {ord!r}.")
    if ord == 2:
        return _root_of_squares(x, axis, keepdims)
    size = abs(x)
    if ord in (np.inf, -np.inf):
        return (amax if ord > 0 else amin)(size, axis, keepdims)
    if ord == 0:
        return sum(cast(not_equal(size, 0), dtype_of(size)), axis, keepdims)
    if ord == 1:
        return sum(size, axis, keepdims)
    return power(sum(power(size, float(ord)), axis, keepdims), 1 / ord)


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if ord == "fro":
        return _root_of_squares(x, axes, keepdims)
    row, column = axes
    rest = tuple(a for a in range(len(x.shape)) if a not in axes)
    if ord in ("nuc", 2, -2):
        values = svd(transpose(x, (*rest, row, column)), compute_uv=False)
        out = {"nuc": sum, 2: amax, -2: amin}[ord](values, -1)
        return expand_dims(out, axes) if keepdims else out
    if ord in (1, -1, np.inf, -np.inf):
        summed, picked = (row, column) if ord in (1, -1) else (column, row)
        sums = sum(abs(x), summed, keepdims=True)
        out = (amax if ord > 0 else amin)(sums, picked, keepdims=True)
        return out if keepdims else squeeze(out, axes)
    raise ValueError(f"Expected `ord` to be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf for matrices, got {ord!r}.")
