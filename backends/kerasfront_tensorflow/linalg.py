"""Linear algebra on TensorFlow. Half precision is computed in float32."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from kerasfront.errors import ShapeError

_HALF = (tf.float16, tf.bfloat16)


def _wide(function: Any) -> Any:
    """Wrap a function so that half precision is cast to float32, and its results are cast back."""

    @functools.wraps(function)
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        if x.dtype not in _HALF:
            return function(x, *args, **kwargs)
        args = tuple(tf.cast(a, tf.float32) if tf.is_tensor(a) else a for a in args)
        out = function(tf.cast(x, tf.float32), *args, **kwargs)

        def narrow(y: Any) -> Any:
            return tf.cast(y, x.dtype) if y.dtype == tf.float32 else y

        return tuple(map(narrow, out)) if isinstance(out, tuple) else narrow(out)

    return call


def _broadcast(a: Any, b: Any) -> tuple[Any, Any]:
    if a.shape[:-2] == b.shape[:-2]:
        return a, b
    batch = tf.broadcast_dynamic_shape(tf.shape(a)[:-2], tf.shape(b)[:-2])
    return tuple(tf.broadcast_to(x, tf.concat([batch, tf.shape(x)[-2:]], 0)) for x in (a, b))


def _slogdet(x: Any) -> Any:
    sign, logarithm = tf.linalg.slogdet(x)
    return sign, tf.math.real(logarithm)


def _cholesky(x: Any, upper: bool = False) -> Any:
    # Where the decomposition fails, TensorFlow leaves uninitialized memory in the other triangle.
    out = tf.linalg.band_part(tf.linalg.cholesky(x), -1, 0)
    return tf.linalg.adjoint(out) if upper else out


def _exchanges(order: Any, count: Any) -> tuple[Any, Any]:
    """Return the first `count` exchanges of rows that lead to `order` (..., m), and where the rows are after them."""
    places = tf.range(tf.shape(order)[-1])

    def step(i: Any, rows: Any, pivots: Any) -> Any:
        row = tf.gather(order, [i], axis=-1)
        place = tf.argmax(tf.cast(rows == row, tf.int32), -1, tf.int32)[..., None]
        moved = tf.where(places == place, tf.gather(rows, [i], axis=-1), rows)
        return i + 1, tf.where(places == i, row, moved), tf.where(places == i, place, pivots)

    start = (0, tf.broadcast_to(places, tf.shape(order)), tf.zeros_like(order))
    _, rows, pivots = tf.while_loop(lambda i, rows, pivots: i < count, step, start)
    return pivots[..., :count], rows


def _lower(lu: Any) -> Any:
    return tf.linalg.set_diag(tf.linalg.band_part(lu, -1, 0), tf.ones_like(tf.linalg.diag_part(lu)))


def _take_rows(x: Any, rows: Any) -> Any:
    return tf.gather(x, rows, axis=-2, batch_dims=x.shape.rank - 2)


def _square_lu(x: Any) -> tuple[Any, Any]:
    """Factorize by tf.linalg.lu, with the gradient that it lacks."""

    @tf.custom_gradient
    def factored(a: Any) -> Any:
        lu, order = tf.linalg.lu(a)

        def gradient(g: Any, _: Any = None) -> Any:
            lu, order = _square_lu(a)
            lower, upper = _lower(lu), tf.linalg.band_part(lu, 0, -1)
            under = tf.matmul(lower, g - tf.linalg.band_part(g, 0, -1), adjoint_a=True)
            over = tf.matmul(tf.linalg.band_part(g, 0, -1), upper, adjoint_b=True)
            inner = under - tf.linalg.band_part(under, 0, -1) + tf.linalg.band_part(over, 0, -1)
            left = tf.linalg.triangular_solve(lower, inner, adjoint=True)
            # x @ upper^-H is (upper^-1 @ x^H)^H.
            both = tf.linalg.adjoint(tf.linalg.triangular_solve(upper, tf.linalg.adjoint(left), lower=False))
            return _take_rows(both, tf.argsort(order, axis=-1))

        return (lu, order), gradient

    return factored(x)


def _lu_factor(x: Any) -> Any:
    m, n = x.shape[-2:]
    if m is None or n is None:
        raise ShapeError("A graph of TensorFlow needs known sizes of the last two axes here.")
    if m == n:
        lu, order = _square_lu(x)
        return lu, _exchanges(order, tf.shape(order)[-1])[0]
    if m < n:
        # The pivots of the leading square matrix, with its lower factor, also give the columns to its right.
        lu, order = _square_lu(x[..., :m])
        right = tf.linalg.triangular_solve(_lower(lu), _take_rows(x[..., m:], order))
        return tf.concat([lu, right], -1), _exchanges(order, m)[0]
    # Columns to the right don't affect those to their left. The ones added here make the matrix square and regular, so
    # that TensorFlow finds its pivots.
    extra = tf.linalg.qr(tf.stop_gradient(x), full_matrices=True)[0][..., n:]
    order = tf.linalg.lu(tf.concat([tf.stop_gradient(x), extra], -1))[1]
    pivots, rows = _exchanges(order, n)
    moved = _take_rows(x, rows)
    lu, _ = _square_lu(moved[..., :n, :])
    upper = tf.linalg.adjoint(tf.linalg.band_part(lu, 0, -1))
    below = tf.linalg.adjoint(tf.linalg.triangular_solve(upper, tf.linalg.adjoint(moved[..., n:, :])))
    return tf.concat([lu, below], -2), pivots


def _eigh(x: Any) -> Any:
    w, v = tf.linalg.eigh(x)
    return tf.math.real(w), v


def _svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    if not compute_uv:
        return tf.linalg.svd(x, compute_uv=False)
    s, u, v = tf.linalg.svd(x, full_matrices=full_matrices)
    return u, s, tf.linalg.adjoint(v)


def _pinv(x: Any, rcond: float | None = None) -> Any:
    """Invert the singular values; the gradient is Golub and Pereyra's, which holds for equal ones too."""

    @tf.custom_gradient
    def inverted(a: Any) -> Any:
        s, u, v = tf.linalg.svd(a)
        larger = tf.cast(tf.reduce_max(tf.shape(a)[-2:]), s.dtype)
        share = larger * s.dtype.as_numpy_dtype(_EPSILON[s.dtype]) if rcond is None else rcond
        large = s > share * tf.reduce_max(s, -1, keepdims=True)
        inverse = tf.cast(tf.where(large, 1 / tf.where(large, s, 1), 0), a.dtype)
        p = tf.matmul(v * inverse[..., None, :], u, adjoint_b=True)

        def gradient(g: Any) -> Any:
            q = _pinv(a, rcond)
            h = tf.linalg.adjoint(g)
            left = h - a @ (q @ h)
            right = h - (h @ q) @ a
            inner = tf.matmul(q, tf.matmul(g, q, adjoint_b=True), adjoint_a=True)
            squared = tf.matmul(q, q, adjoint_b=True), tf.matmul(q, q, adjoint_a=True)
            return left @ squared[0] + squared[1] @ right - inner

        return p, gradient

    return inverted(x)


_EPSILON = {tf.float32: 2.0**-23, tf.float64: 2.0**-52}

PRIMITIVES: dict[str, Any] = {
    "det": _wide(tf.linalg.det),
    "slogdet": _wide(_slogdet),
    "inv": _wide(tf.linalg.inv),
    "matrix_solve": _wide(lambda a, b: tf.linalg.solve(*_broadcast(a, b))),
    "matrix_solve_triangular": _wide(
        lambda a, b, lower=False: tf.linalg.triangular_solve(*_broadcast(a, b), lower=lower)
    ),
    "cholesky": _wide(_cholesky),
    "matrix_qr": _wide(lambda x, mode: tuple(tf.linalg.qr(x, full_matrices=mode == "complete"))),
    "lu_factor": _wide(_lu_factor),
    "eig": _wide(lambda x: tuple(tf.linalg.eig(x))),
    "eigh": _wide(_eigh),
    "svd": _wide(_svd),
    "pinv": _wide(_pinv),
}
