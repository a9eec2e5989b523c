"""Variables assigned inside loops, branches, maps, gradients and steps; the expected values are plain Python's."""

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops

X = np.linspace(-1.0, 1.0, 24, dtype="float32").reshape(8, 3)
BACKEND = keras.config.backend()


def numbers(x):
    return np.asarray(ops.convert_to_numpy(x)).round(4).tolist()


def counter():
    return keras.Variable(0.0, trainable=False)


def test_a_scan_carries_what_is_assigned_in_it() -> None:
    total, generator = counter(), keras.random.SeedGenerator(3)

    def f(carry, x):
        total.assign_add(x)
        return carry + total, keras.random.uniform((), seed=generator)

    carry, draws = ops.scan(f, ops.convert_to_tensor(0.0), ops.convert_to_tensor([1.0, 2.0, 3.0]))
    assert (numbers(carry), numbers(total), numbers(generator.state)) == (10.0, 6.0, [3, 3])
    assert len(set(numbers(draws))) == 3


def test_a_fori_loop_carries_what_is_assigned_in_it() -> None:
    total = counter()

    def body(i, x):
        total.assign_add(1.0)
        return x + total

    assert numbers(ops.fori_loop(0, 4, body, ops.convert_to_tensor(0.0))) == 10.0
    assert numbers(total) == 4.0


def test_a_while_loop_carries_what_its_body_and_its_condition_assign() -> None:
    total, asked = counter(), counter()

    def cond(i, x):
        asked.assign_add(1.0)
        return i < 3

    def body(i, x):
        total.assign_add(x)
        return i + 1, x * 2.0

    i, x = ops.while_loop(cond, body, (ops.convert_to_tensor(0), ops.convert_to_tensor(1.0)))
    assert (numbers(i), numbers(x), numbers(total), numbers(asked)) == (3, 8.0, 7.0, 4.0)


@pytest.mark.parametrize("name", ["map", "vectorized_map"])
def test_a_map_shows_each_element_what_the_one_before_has_assigned(name) -> None:
    total = counter()

    def f(x):
        total.assign_add(x)
        return x * total

    assert numbers(getattr(ops, name)(f, ops.convert_to_tensor([1.0, 2.0, 3.0]))) == [1.0, 6.0, 18.0]
    assert numbers(total) == 6.0


@pytest.mark.trains
def test_gradients_keep_what_their_function_assigns() -> None:
    calls = counter()

    def f(x):
        calls.assign_add(1.0)
        return x * x

    assert numbers(ops.grad(f)(2.0)) == 4.0
    output, pullback = ops.vjp(f, ops.convert_to_tensor(3.0))
    assert numbers(pullback(ops.convert_to_tensor(1.0))[0]) == 6.0
    assert [numbers(t) for t in ops.jvp(f, (1.0,), (1.0,))] == [1.0, 2.0]
    assert numbers(calls) == 3.0


class Branches(layers.Layer):
    """Counts positive and negative batches, and drops parts of the positive ones."""

    def __init__(self) -> None:
        super().__init__()
        self.positive, self.negative = (
            self.add_weight(shape=(), initializer="zeros", trainable=False) for _ in range(2)
        )
        self.dropout = layers.Dropout(0.5, seed=1)

    def call(self, x, training=False):
        def yes():
            self.positive.assign_add(1.0)
            return self.dropout(x, training=training)

        def no():
            self.negative.assign_add(1.0)
            return x * 1.0

        return ops.switch(ops.cast(ops.sum(x) > 0, "int32"), [no, lambda: ops.cond(ops.max(x) > 0, yes, no)])


@pytest.mark.trains
def test_branches_of_a_compiled_step_assign() -> None:
    layer = Branches()
    model = keras.Sequential([keras.Input((3,)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], batch_size=4, epochs=3, shuffle=False, verbose=0)
    assert (numbers(layer.positive), numbers(layer.negative)) == (3.0, 3.0)
    assert numbers(layer.dropout.seed_generator.state)[1] == 3


class Noise(layers.Layer):
    def call(self, x, training=None):
        return x + keras.random.normal((ops.shape(x)[0], 1)) if training else x


@pytest.mark.trains
def test_a_compiled_step_draws_without_a_seed_anew_each_time() -> None:
    """The loss of an untouched model differs from step to step by the noise alone."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), Noise(), layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    losses = model.fit(X, X[:, :1], batch_size=8, epochs=3, verbose=0).history["loss"]
    assert len(set(losses)) == 3
    assert numbers(keras.random.uniform(())) != numbers(keras.random.uniform(()))


def test_a_compiled_step_reads_variables_that_the_model_does_not_hold() -> None:
    factor = keras.Variable(0.0, trainable=False)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", lambda y, y_pred: factor * ops.mean((y - y_pred) ** 2))
    losses = []
    for value in (0.0, 1.0, 2.0):
        factor.assign(value)
        losses.append(model.evaluate(X, X[:, :1] + 1.0, verbose=0))
    assert losses[0] == 0.0 < losses[1]
    assert losses[2] == pytest.approx(2 * losses[1], rel=1e-6)


def test_metrics_may_make_their_state_with_the_first_batch() -> None:
    targets = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2, 0, 1]]
    model = keras.Sequential([keras.Input((3,)), layers.Softmax()])
    metrics = [
        keras.metrics.F1Score(average="macro"), keras.metrics.FBetaScore(average="macro"),
        keras.metrics.R2Score(), keras.metrics.AUC(multi_label=True),
    ]  # fmt: skip
    model.compile("sgd", "categorical_crossentropy", metrics=metrics)
    results = model.evaluate(X, targets, batch_size=4, verbose=0, return_dict=True)
    predicted = model.predict(X, verbose=0)
    for name, metric in (("f1_score", keras.metrics.F1Score(average="macro")), ("r2_score", keras.metrics.R2Score())):
        metric.update_state(targets, predicted)
        assert results[name] == pytest.approx(float(metric.result()), rel=1e-5)


@pytest.mark.trains
def test_variables_that_were_assigned_to_each_other_train_apart() -> None:
    first, second = layers.Dense(3, use_bias=False), layers.Dense(3, use_bias=False)
    model = keras.Sequential([keras.Input((3,)), first, second])
    first.kernel.assign(second.kernel.value)
    assert numbers(first.kernel) == numbers(second.kernel)
    model.compile("sgd", "mse")
    model.fit(X, X, verbose=0)
    assert numbers(first.kernel) != numbers(second.kernel)


@pytest.mark.skipif(BACKEND != "jax", reason="about jax.jit")
def test_a_tracer_is_not_left_in_a_variable() -> None:
    import jax

    with pytest.raises(keras.errors.KerasFrontError, match="inside a function that JAX traces"):
        jax.jit(lambda: keras.random.uniform((2,)))()
    assert 0.0 <= numbers(keras.random.uniform(())) < 1.0
    assert jax.jit(lambda: keras.random.uniform((2,), seed=3))().shape == (2,)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="about tf.experimental.numpy")
def test_functions_of_tensorflow_numpy_take_variables() -> None:
    import tensorflow as tf

    v = keras.Variable(np.arange(4.0, dtype="float32").reshape(2, 2))
    assert tf.experimental.numpy.matmul(np.eye(2, dtype="float32"), v).numpy().tolist() == v.numpy().tolist()
    assert float(tf.experimental.numpy.sum(v)) == 6.0
    assert tf.stack([v, v]).shape == (2, 2, 2)
