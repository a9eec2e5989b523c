"""Gradients of functions: over arguments and Variables, of any order, mapped, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import contract, ops
from kerasfront.errors import ShapeError

X = np.array([0.5, -1.0, 2.0], "float32")


def array(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(ops.convert_to_numpy(x))


def close(got: Any, want: Any) -> None:
    assert array(got).shape == np.shape(want)
    np.testing.assert_allclose(array(got), want, rtol=1e-5, atol=1e-6)


def both(function: Any, *args: Any) -> list[Any]:
    """The result of `function` on tensors, eager and in a compiled step."""
    tensors = [ops.convert_to_tensor(a) for a in args]
    return [function(*tensors), contract.current().compile_step(function, lambda: [])(*tensors)]


def coupled(x: Any) -> Any:
    """x**2 times the sum of x: its Jacobian has no zeros."""
    return x * x * ops.sum(x)


COUPLED = np.diag(2 * X * X.sum()) + np.outer(X**2, np.ones(3))

pytestmark = pytest.mark.trains


def test_jacobian() -> None:
    for got in both(ops.jacobian(coupled), X):
        close(got, COUPLED)


def test_jacobian_of_matrices() -> None:
    a, b = (np.random.default_rng(i).normal(size=s).astype("float32") for i, s in enumerate(((2, 3), (3, 4))))
    by_a, by_b = ops.jacobian(ops.matmul, (0, 1))(a, b)
    close(by_a, np.einsum("ik,lj->ijkl", np.eye(2), b))
    close(by_b, np.einsum("il,jk->ijlk", a, np.eye(4)))


def test_jacobian_of_nested_structures() -> None:
    found = ops.jacobian(lambda d: [2 * d["x"], ops.sum(d["y"] * d["x"])])({"x": X, "y": 3 * X})
    close(found[0]["x"], 2 * np.eye(3))
    close(found[0]["y"], np.zeros((3, 3)))
    close(found[1]["x"], 3 * X)
    close(found[1]["y"], X)


def test_jacobian_of_what_is_empty_or_constant() -> None:
    assert array(ops.jacobian(lambda x: x[:0])(X)).shape == (0, 3)
    close(ops.jacobian(lambda x: ops.ones((2,)))(X), np.zeros((2, 3)))


def test_hessian() -> None:
    def function(x: Any) -> Any:
        return ops.sum(x**3) * x[0]

    slope = 3 * X**2
    want = 6 * np.diag(X) * X[0]
    want[0] += slope
    want[:, 0] += slope
    for got in both(ops.hessian(function), X):
        close(got, want)
    close(ops.jacobian(ops.jacobian(function))(X), want)


def test_hessian_over_several_arguments() -> None:
    (xx, xy), (yx, yy) = ops.hessian(lambda x, y: x * x * y, (0, 1))(2.0, 3.0)
    assert [float(v) for v in (xx, xy, yx, yy)] == [6.0, 4.0, 4.0, 0.0]


def test_a_hessian_needs_a_scalar() -> None:
    with pytest.raises(ShapeError, match="scalar"):
        ops.hessian(lambda x: x * x)(X)


def test_the_same_tensor_twice_counts_once_each() -> None:
    x = ops.convert_to_tensor(X)
    by_a, by_b = ops.grad(lambda a, b: ops.sum(a * b * b), (0, 1))(x, x)
    close(by_a, X**2)
    close(by_b, 2 * X**2)


def test_what_a_function_closes_over_is_constant() -> None:
    x = ops.convert_to_tensor(X)
    close(ops.grad(lambda y: ops.sum(x * y))(x), X)
    close(ops.jvp(lambda y: x * y, (x,), (x,))[1], X**2)


# ---- vmap ---------------------------------------------------------------------------------------------------------


def test_vmap_over_axes() -> None:
    a = np.arange(6, dtype="float32").reshape(2, 3)
    close(ops.vmap(lambda row: ops.sum(row))(a), a.sum(1))
    close(ops.vmap(lambda column: ops.sum(column), in_axes=-1)(a), a.sum(0))
    close(ops.vmap(lambda row, b: row * b, (0, None), out_axes=1)(a, X), (a * X).T)
    nested = ops.vmap(lambda d: {"s": d["a"] + d["b"]})({"a": a, "b": a})
    close(nested["s"], 2 * a)
    for got in both(ops.vmap(ops.vmap(lambda v: v * v)), a):
        close(got, a * a)


def test_vmap_names_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="axis for each of the 2 arguments"):
        ops.vmap(lambda a, b: a, (0,))(X, X)
    with pytest.raises(ValueError, match="one to map"):
        ops.vmap(lambda a: a, None)(X)


def test_gradients_for_each_example() -> None:
    for got in both(ops.vmap(ops.grad(lambda x: x**3)), X):
        close(got, 3 * X**2)
    value, gradient = ops.vmap(ops.value_and_grad(ops.sin))(X)
    close(value, np.sin(X))
    close(gradient, np.cos(X))
    close(ops.vmap(ops.grad(ops.grad(lambda x: x**3)))(X), 6 * X)
    close(ops.vmap(lambda t: ops.jvp(coupled, (X,), (t,))[1])(np.eye(3, dtype="float32")), COUPLED.T)
    rows = np.stack([X, 2 * X])
    close(ops.vmap(ops.hessian(lambda x: ops.sum(x**3)))(rows), [np.diag(6 * row) for row in rows])


def test_the_gradient_of_what_is_mapped() -> None:
    for got in both(ops.grad(lambda x: ops.sum(ops.vmap(lambda v: v * v)(x))), X):
        close(got, 2 * X)


def test_gradients_of_variables_for_each_example() -> None:
    layer = keras.layers.Dense(1, use_bias=False)
    layer.build((None, 3))
    rows = np.stack([X, 2 * X])

    def gradients(x: Any) -> Any:
        return ops.value_and_grad(lambda: ops.sum(layer(x[None]) ** 2), layer.trainable_variables)()[1]

    kernel = array(layer.kernel)
    want = [2 * (row @ kernel) * row[:, None] for row in rows]
    close(ops.vmap(gradients)(rows)[0], np.stack(want))
    close(layer.kernel, kernel)


def test_what_comes_beside_the_loss_is_mapped_too() -> None:
    function = ops.value_and_grad(lambda x: (x * x, {"twice": 2 * x, "whole": ops.cast(x, "int32")}), has_aux=True)
    (value, aux), gradient = ops.vmap(function)(X)
    close(value, X**2)
    close(gradient, 2 * X)
    close(aux["twice"], 2 * X)
    assert array(aux["whole"]).tolist() == [0, -1, 2]


# ---- checkpoint ---------------------------------------------------------------------------------------------------


def test_checkpoint() -> None:
    def inner(x: Any) -> Any:
        return ops.tanh(x) ** 2

    want = 2 * np.tanh(X) * (1 - np.tanh(X) ** 2)
    close(ops.grad(lambda x: ops.sum(ops.checkpoint(inner)(x)))(X), want)
    for got in both(ops.grad(lambda x: ops.sum(ops.checkpoint(inner)(x))), X):
        close(got, want)
    close(ops.vmap(ops.grad(ops.checkpoint(inner)))(X), want)
    close(ops.checkpoint(inner)(X), np.tanh(X) ** 2)


def test_checkpoint_computes_again() -> None:
    """What happens inside happens once without a gradient, and once more for it."""
    calls = []

    def inner(x: Any) -> Any:
        calls.append(None)
        return ops.exp(x)

    ops.grad(lambda x: ops.sum(ops.checkpoint(inner)(x)))(X)
    assert len(calls) == (1 if contract.current().functional else 2)  # JAX repeats what it traced once
