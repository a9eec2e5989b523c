"""Variables, scopes, gradients: what everything stateful is made of."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.variable import get_stateless_scope


def test_assign_and_operators() -> None:
    v = keras.Variable(np.array([1.0, 2.0], "float32"), name="v")
    v.assign([3.0, 4.0])
    v.assign_add(1.0 * np.ones(2))
    v.assign_sub([1.0, 1.0])
    np.testing.assert_allclose(v.numpy(), [3.0, 4.0])
    np.testing.assert_allclose(ops.convert_to_numpy(2 * v + v / 2 - v**2), 2.5 * v.numpy() - v.numpy() ** 2)
    assert float(ops.convert_to_numpy(v[1])) == 4.0
    with pytest.raises(ValueError, match=r"'v'.*\(2,\).*\(3,\)"):
        v.assign(np.zeros(3))


def test_dtypes_and_casts() -> None:
    v = keras.Variable(np.array([1, 2]), dtype="int32")
    v.assign(np.array([1.7, 2.2]))
    assert v.dtype == "int32" and v.numpy().tolist() == [1, 2]
    assert keras.Variable([1.0]).dtype == "float32"
    assert keras.Variable(lambda shape, dtype: np.zeros(shape, dtype), shape=(2,)).shape == (2,)
    with pytest.raises(ValueError, match="shape"):
        keras.Variable(lambda shape, dtype: np.zeros(shape))


def test_a_variable_shares_no_memory_with_what_it_was_made_of() -> None:
    """Neither with an array, nor with what an initializer of one's own keeps."""
    kept = np.ones((64, 64), "float32")
    for variable in (keras.Variable(kept), keras.Variable(lambda shape, dtype: kept, shape=(64, 64), dtype="float32")):
        variable.assign_add(1.0)
        assert (kept == 1.0).all()
        kept[:] = 5.0
        np.testing.assert_array_equal(variable.numpy(), 2.0)
        kept[:] = 1.0


def test_what_is_added_is_broadcast_and_never_changes_the_shape() -> None:
    v = keras.Variable(np.zeros((2, 3), "float32"), name="v")
    v.assign_add(2.0)
    v.assign_sub(ops.ones((3,)))
    v.assign_add(1)
    np.testing.assert_array_equal(v.numpy(), np.full((2, 3), 2.0))
    for change in (v.assign_add, v.assign_sub):
        for shape in ((4, 2, 3), (1, 2, 3), (2,)):
            with pytest.raises(ValueError):
                change(ops.ones(shape))
    with pytest.raises(ValueError, match=r"'w'.*\(\).*\(2,\)"):
        keras.Variable(0.0, name="w").assign_add(ops.ones((2,)))
    np.testing.assert_array_equal(v.numpy(), np.full((2, 3), 2.0))


def test_name_scopes_make_paths() -> None:
    with keras.name_scope("outer"), keras.name_scope("inner"):
        assert keras.Variable([1.0], name="v").path == "outer/inner/v"
    with pytest.raises(ValueError, match="'/'"):
        keras.Variable([1.0], name="a/b")


def test_layers_read_in_the_compute_dtype_under_a_mixed_policy() -> None:
    dense = layers.Dense(2, dtype="mixed_bfloat16")
    out = dense(np.ones((1, 3), "float32"))
    assert keras.backend.standardize_dtype(out.dtype) == "bfloat16"
    assert dense.kernel.dtype == "float32" and dense.compute_dtype == "bfloat16"


def test_stateless_scope_keeps_assignments_apart() -> None:
    v = keras.Variable(np.zeros(2, "float32"))
    with keras.StatelessScope([(v, ops.ones((2,)))]) as scope:
        v.assign_add(ops.ones((2,)))
        np.testing.assert_allclose(ops.convert_to_numpy(v.value), [2.0, 2.0])
    np.testing.assert_allclose(v.numpy(), [0.0, 0.0])
    np.testing.assert_allclose(ops.convert_to_numpy(scope.get_current_value(v)), [2.0, 2.0])


def test_device_scope() -> None:
    with keras.device("cpu:0"):
        v = keras.Variable([1.0])
    assert v.numpy().tolist() == [1.0]


@pytest.mark.trains
def test_value_and_grad_of_variables_and_arguments() -> None:
    v = keras.Variable(3.0)
    unused = keras.Variable(1.0)
    (loss, aux), gradients = ops.value_and_grad(lambda x: (v * v * x, x), [v, unused], has_aux=True)(ops.ones(()) * 2)
    assert float(loss) == 18.0 and float(aux) == 2.0 and float(gradients[0]) == 12.0
    assert gradients[1] is None or float(gradients[1]) == 0.0
    value, (a, b) = ops.value_and_grad(lambda x, y: ops.sum(x * y["k"]), argnums=(0, 1))([1.0, 2.0], {"k": [3.0, 4.0]})
    assert float(value) == 11.0
    np.testing.assert_allclose(ops.convert_to_numpy(a), [3.0, 4.0])
    np.testing.assert_allclose(ops.convert_to_numpy(b["k"]), [1.0, 2.0])


@pytest.mark.trains
def test_state_assigned_inside_a_gradient_stays() -> None:
    v, count = keras.Variable(2.0), keras.Variable(0.0, trainable=False)

    def loss() -> Any:
        count.assign_add(1.0)
        return v * v

    ops.value_and_grad(loss, [v])()
    assert float(count.numpy()) == 1.0


@pytest.mark.trains
def test_jvp_vjp_stop_gradient_and_custom_gradient() -> None:
    x = np.array([0.5, -1.0], "float32")
    y, tangent = ops.jvp(ops.tanh, (x,), (np.ones(2, "float32"),))
    np.testing.assert_allclose(ops.convert_to_numpy(tangent), 1 - np.tanh(x) ** 2, rtol=1e-5)
    _, pullback = ops.vjp(ops.tanh, x)
    np.testing.assert_allclose(ops.convert_to_numpy(pullback(ops.ones((2,)))[0]), 1 - np.tanh(x) ** 2, rtol=1e-5)
    assert ops.convert_to_numpy(ops.grad(lambda t: ops.sum(t * ops.stop_gradient(t)))(x)).tolist() == x.tolist()

    @ops.custom_gradient
    def doubled(t: Any) -> Any:
        return t * 1.0, lambda *args, upstream: upstream * 2.0

    assert float(ops.grad(lambda t: 3.0 * doubled(t))(1.0)) == 6.0


def test_gradients_need_a_scalar() -> None:
    if "gradients" not in keras.contract.current().capabilities:
        with pytest.raises(NotImplementedError, match="gradients"):
            ops.grad(lambda t: t)(1.0)
        return
    with pytest.raises(ValueError, match=r"scalar.*\(2,\)"):
        ops.grad(lambda t: t)(np.ones(2, "float32"))


class Sums(layers.Layer):
    """Counts its calls, and sums what it is given."""

    def build(self, input_shape: Any) -> None:
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.calls.assign(5.0)
        self.total = self.add_weight(shape=input_shape[1:], initializer="zeros", trainable=False)
        self.less = self.add_weight(shape=input_shape[1:], initializer="zeros", trainable=False)
        self.last = self.add_weight(shape=input_shape[1:], initializer="zeros", trainable=False)

    def call(self, inputs: Any) -> Any:
        self.calls.assign_add(1.0)
        self.total.assign_add(ops.sum(inputs, axis=0))
        self.less.assign_sub(ops.sum(inputs, axis=0))
        self.last.assign(ops.cast(ops.max(inputs, axis=0), "float16"))
        return inputs + self.total


def test_nothing_is_assigned_while_a_layer_is_called_on_symbolic_values() -> None:
    layer = Sums()
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layer(inputs))
    assert float(layer.calls) == 5 and not layer.total.numpy().any() and not layer.last.numpy().any()
    assert layer.compute_output_shape((7, 3)) == (7, 3) and float(layer.calls) == 5
    x = np.arange(6, dtype="float32").reshape(2, 3)
    np.testing.assert_array_equal(model.predict(x, verbose=0), x + x.sum(0))
    assert float(layer.calls) == 6
    np.testing.assert_array_equal(layer.total.numpy(), x.sum(0))
    np.testing.assert_array_equal(layer.less.numpy(), -x.sum(0))
    np.testing.assert_array_equal(layer.last.numpy(), x.max(0))


def test_an_assignment_of_a_wrong_shape_is_found_when_a_model_is_made() -> None:
    class Wrong(Sums):
        def call(self, inputs: Any) -> Any:
            self.total.assign(inputs)
            return inputs

    with pytest.raises(ValueError, match=r"has the shape \(3,\); a value of shape \(None, 3\) came"):
        Wrong()(keras.Input((3,)))


def test_equality_of_variables_is_that_of_their_values() -> None:
    zero, vector = keras.Variable(0.0), keras.Variable([1.0, 2.0])
    tensor = ops.convert_to_tensor([1.0, 3.0])
    assert bool(zero == 0) and not bool(zero != 0) and bool(0 == zero)  # noqa: SIM300
    for result, expected in (
        (vector == 1, [True, False]),
        (vector != np.array([1.0, 5.0]), [False, True]),
        (np.array([1.0, 5.0]) == vector, [True, False]),
        (vector == tensor, [True, False]),
        (tensor == vector, [True, False]),
        (vector == [1.0, 2.0], [True, True]),
        (vector == keras.Variable([3.0, 2.0]), [False, True]),
    ):
        assert ops.convert_to_numpy(result).tolist() == expected
    assert zero is not None and zero != "zero" and {zero: 1, vector: 2}[vector] == 2
    assert float(round(keras.Variable(1.26, trainable=False), 1)) == pytest.approx(1.3)


def test_equality_of_symbolic_tensors_is_an_op_and_knows_identity() -> None:
    x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y")
    assert x in [y, x] and x not in [y] and x == x and x != y
    model = keras.Model(x, ops.cast(x == 1.0, "int32"))
    assert ops.convert_to_numpy(model(np.array([[1.0, 2.0, 1.0]], "float32"))).tolist() == [[1, 0, 1]]
    with pytest.raises(TypeError, match="no truth value"):
        bool(x == 1.0)


def test_a_stateless_scope_is_that_of_its_thread_alone() -> None:
    inside, done = threading.Event(), threading.Event()
    seen: dict[str, Any] = {}

    def other_thread() -> None:
        inside.wait()
        layer = keras.layers.ActivityRegularization(l1=1.0)
        layer(np.ones((1, 2), "float32"))
        seen["losses of the layer"] = len(layer.losses)
        seen["scope"] = get_stateless_scope()
        done.set()

    thread = threading.Thread(target=other_thread)
    thread.start()
    with keras.StatelessScope([], collect_losses=True) as scope:
        assert get_stateless_scope() is scope
        inside.set()
        done.wait()
    thread.join()
    assert seen == {"losses of the layer": 1, "scope": None}
    assert scope.losses == []
