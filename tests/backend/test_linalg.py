"""keras.ops.linalg against NumPy and SciPy: what the conformance suite can't compare, because it isn't unique."""

import numpy as np
import pytest
import scipy.linalg

from kerasfront import contract, ops
from kerasfront.ops import linalg

RNG = np.random.default_rng(0)


def values(x):
    return ops.convert_to_numpy(x)


def matrices(*shape):
    return RNG.normal(size=shape).astype("float32")


def positive(*batch, n=4):
    a = matrices(*batch, n, n)
    return (a @ np.swapaxes(a, -1, -2) + n * np.eye(n)).astype("float32")


@pytest.mark.wide
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 4, 4), (2, 5, 3), (2, 2, 3, 5)])
def test_lu_factor(shape):
    x = matrices(*shape)
    lu, pivots = map(values, linalg.lu_factor(x))
    assert pivots.dtype == "int32"
    for a, factors, rows in zip(
        x.reshape(-1, *shape[-2:]), lu.reshape(-1, *shape[-2:]), pivots.reshape(-1, min(shape[-2:])), strict=True
    ):
        want, order = scipy.linalg.lu_factor(a)
        np.testing.assert_allclose(factors, want, atol=1e-4)
        assert rows.tolist() == order.tolist()


@pytest.mark.wide
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (2, 3, 5)])
@pytest.mark.parametrize("mode", ["reduced", "complete"])
def test_qr(shape, mode):
    x = matrices(*shape)
    q, r = map(values, linalg.qr(x, mode=mode))
    np.testing.assert_allclose(q @ r, x, atol=1e-4)
    np.testing.assert_allclose(
        np.swapaxes(q, -1, -2) @ q, np.broadcast_to(np.eye(q.shape[-1]), (*shape[:-2], *[q.shape[-1]] * 2)), atol=1e-4
    )
    np.testing.assert_allclose(np.abs(r), np.abs(np.linalg.qr(x, mode)[1]), atol=1e-4)


def test_eig():
    x = matrices(2, 5, 5)
    w, v = map(values, linalg.eig(x))
    assert w.dtype == v.dtype == "complex64"
    np.testing.assert_allclose(x @ v, v * w[..., None, :], atol=1e-3)
    np.testing.assert_allclose(
        np.sort_complex(w[0].round(3)), np.sort_complex(np.linalg.eigvals(x[0]).round(3)), atol=2e-3
    )


def test_eigh_looks_at_the_lower_triangle():
    x = positive(3)
    spoilt = np.tril(x) + np.triu(matrices(4, 4), 1)
    w, v = map(values, linalg.eigh(spoilt))
    np.testing.assert_allclose(w, np.linalg.eigvalsh(x), rtol=1e-3)
    np.testing.assert_allclose((v * w[..., None, :]) @ np.swapaxes(v, -1, -2), x, atol=1e-3)


@pytest.mark.wide
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (2, 3, 5)])
@pytest.mark.parametrize("full", [True, False])
def test_svd(shape, full):
    x = matrices(*shape)
    u, s, v = map(values, linalg.svd(x, full_matrices=full))
    k = min(shape[-2:])
    np.testing.assert_allclose((u[..., :k] * s[..., None, :]) @ v[..., :k, :], x, atol=1e-4)
    assert u.shape[-1] == (shape[-2] if full else k) and v.shape[-2] == (shape[-1] if full else k)
    np.testing.assert_allclose(values(linalg.svd(x, compute_uv=False)), np.linalg.svd(x, compute_uv=False), rtol=1e-4)


def test_cholesky_and_its_inverse():
    x = positive(3)
    lower, upper = values(linalg.cholesky(x)), values(linalg.cholesky(x, upper=True))
    np.testing.assert_allclose(lower @ np.swapaxes(lower, -1, -2), x, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(upper, np.swapaxes(lower, -1, -2), rtol=1e-5)
    for factor, up in ((lower, False), (upper, True)):
        np.testing.assert_allclose(values(linalg.cholesky_inverse(factor, upper=up)), np.linalg.inv(x), atol=1e-4)


def test_lstsq_of_deficient_rank():
    a = np.array([[1, 2], [2, 4], [3, 6.0]], "float32")
    b = np.array([1, 0, 2], "float32")
    np.testing.assert_allclose(values(linalg.lstsq(a, b)), np.linalg.lstsq(a, b, rcond=None)[0], atol=1e-5)
    assert int(linalg.matrix_rank(a)) == 1
    assert values(linalg.matrix_rank(np.stack([a, a + np.eye(3, 2)]))).tolist() == [1, 2]


def test_logdet_of_a_negative_determinant_is_nan():
    x = np.array([[[0, 1], [1, 0]], [[2, 0], [0, 0]]], "float32")
    found = values(ops.logdet(x))
    assert np.isnan(found[0]) and found[1] == -np.inf


@pytest.mark.parametrize(
    "call",
    [
        lambda: linalg.inv(np.ones((2, 3))),
        lambda: linalg.det(np.ones(3)),
        lambda: linalg.solve(np.eye(3), np.ones((2, 2))),
        lambda: linalg.qr(np.eye(2), mode="raw"),
        lambda: linalg.norm(np.ones((2, 2)), ord="x"),
        lambda: linalg.norm(np.ones((2, 2, 2)), ord=2),
        lambda: linalg.matrix_rank(np.ones(3)),
        lambda: linalg.norm(np.ones(3), ord="fro"),
    ],
)
def test_errors(call):
    with pytest.raises(ValueError, match="xpected|fit"):
        call()


# ---- gradients of what is unique ----------------------------------------------------------------------------------


def derivative(function, x, direction):
    """Along the direction, by the backend and by central differences; and how far they may lie apart."""
    adapter = contract.current()
    exact = adapter.dtype_name(adapter.to_tensor(np.zeros(1), None)) == "float64"  # JAX has it where it was told to
    x, step, allowed = (x, 1e-6, 1e-5) if exact else (x.astype("float32"), 1e-2, 2e-2)
    gradient = values(ops.grad(lambda x: ops.sum(function(x)))(ops.convert_to_tensor(x)))
    moved = [ops.convert_to_tensor((x + s * direction).astype(x.dtype)) for s in (step, -step)]
    ends = [float(ops.sum(function(m))) for m in moved]
    want = (ends[0] - ends[1]) / (2 * step)
    return float((gradient * direction).sum()), want, allowed * (1 + abs(want))


def symmetric(x):
    return (x + ops.swapaxes(x, -1, -2)) / 2


@pytest.mark.wide
@pytest.mark.trains
@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.multiply(linalg.cholesky(symmetric(x)), np.arange(16.0).reshape(4, 4)),
        lambda x: ops.multiply(linalg.eigh(symmetric(x))[0], np.arange(4.0)),
        lambda x: ops.multiply(ops.square(linalg.eigh(symmetric(x))[1]), np.arange(16.0).reshape(4, 4)),
        lambda x: ops.multiply(linalg.svd(x, compute_uv=False), np.arange(4.0)),
        lambda x: ops.multiply(ops.square(linalg.svd(x, full_matrices=False)[0]), np.arange(16.0).reshape(4, 4)),
        lambda x: ops.multiply(ops.abs(linalg.qr(x)[1]), np.arange(16.0).reshape(4, 4)),
        lambda x: ops.multiply(linalg.lu_factor(x)[0], np.arange(16.0).reshape(4, 4)),
        lambda x: ops.multiply(linalg.pinv(x[:, :3]), np.arange(12.0).reshape(3, 4)),
        lambda x: linalg.lstsq(x[:, :3], x[:, 3]),
    ],
    ids=["cholesky", "eigh values", "eigh vectors", "svd values", "svd vectors", "qr", "lu_factor", "pinv", "lstsq"],
)
def test_gradients(function):
    x = positive().astype("float64") + 0.1 * RNG.normal(size=(4, 4))
    found, want, allowed = derivative(function, x, RNG.normal(size=(4, 4)))
    assert abs(found - want) < allowed


@pytest.mark.trains
def test_the_gradient_of_pinv_with_equal_singular_values():
    """Where the gradient of the singular vectors is infinite."""
    found, want, allowed = derivative(
        lambda x: ops.multiply(linalg.pinv(x), np.arange(6.0).reshape(2, 3)), np.eye(3, 2), RNG.normal(size=(3, 2))
    )
    assert abs(found - want) < allowed


@pytest.mark.trains
def test_the_gradient_of_a_norm_at_zero_is_zero():
    for order in (None, 2, 1):
        gradient = ops.grad(lambda x, o=order: ops.sum(linalg.norm(x, ord=o, axis=-1)))(ops.zeros((2, 3)))
        assert values(gradient).tolist() == [[0.0] * 3] * 2
