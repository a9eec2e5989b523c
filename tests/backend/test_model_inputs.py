"""What models make of their inputs: ranks, sizes, dtypes, names, None. All kinds of models, all ways of calling."""

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.errors import DTypeError, ShapeError

ROWS = np.arange(12, dtype="float32").reshape(4, 3)


def sequential(shape, *inside, **declared):
    return keras.Sequential([keras.Input(shape, name="x", **declared), *inside])


def functional(shape, *inside, **declared):
    x = y = keras.Input(shape, name="x", **declared)
    for layer in inside:
        y = layer(y)
    return keras.Model(x, y)


def nested(shape, *inside, **declared):
    x = keras.Input(shape, name="x", **declared)
    return keras.Model(x, functional(shape, *inside, **declared)(x))


KINDS = pytest.mark.parametrize("make", [sequential, functional, nested])


def reloaded(model, path):
    model.save(path / "model.keras")
    return keras.saving.load_model(path / "model.keras")


def twice():
    return layers.Rescaling(2.0)


@pytest.mark.wide
@KINDS
@pytest.mark.parametrize(
    ("shape", "x", "expected"),
    [
        ((1,), np.arange(4.0), (4, 1)),
        ((1,), np.arange(4), (4, 1)),
        ((), np.arange(4.0)[:, None], (4,)),
        ((3,), ROWS[..., None], (4, 3)),
        ((3, 1), ROWS, (4, 3, 1)),
        ((None, 1), ROWS, (4, 3, 1)),
        ((3,), [ROWS], (4, 3)),
        ((3,), {"x": ROWS}, (4, 3)),
        ((3,), ROWS.tolist(), (4, 3)),
        ((3,), ROWS.astype("float64"), (4, 3)),
        ((3,), ROWS.astype("uint8"), (4, 3)),
        ((3,), ROWS > 5, (4, 3)),
    ],
)
def test_inputs_are_made_to_fit_by_every_way(make, shape, x, expected):
    model = make(shape, twice())
    values = x if not isinstance(x, (list, dict)) else ROWS
    for way in (model, model.predict_on_batch, lambda x: model.predict(x, verbose=0)):
        out = ops.convert_to_numpy(way(x))
        assert out.dtype == np.float32
        np.testing.assert_array_equal(out, 2 * np.asarray(values, "float32").reshape(expected))


@pytest.mark.wide
@KINDS
@pytest.mark.parametrize(
    ("shape", "x", "told"),
    [
        ((3,), ROWS[0], r"'x' to have .*\(None, 3\).* shape \(3,\).*X\[:1\] in place of X\[0\]"),
        ((8, 8, 1), np.ones((8, 8, 1)), r"\(None, 8, 8, 1\).*shape \(8, 8, 1\).*x\[None\]"),
        ((None, 1), np.ones((7, 1)), r"x\[None\]"),
        ((3,), np.ones((4, 5, 3)), r"\(None, 3\).*\(4, 5, 3\)"),
        ((3,), None, "'x'.*None"),
        ((3,), {"y": ROWS}, "'x'.*'y'"),
        ((3,), [ROWS, ROWS], "one input|1 input"),
    ],
)
def test_inputs_that_do_not_fit_are_told_by_every_way(make, shape, x, told):
    model = make(shape, twice())
    ways = [model, model.predict_on_batch]
    if x is not None:
        ways.append(lambda x: model.predict(x, verbose=0))
    for way in ways:
        with pytest.raises(ShapeError, match=told):
            way(x)


@KINDS
def test_strings_for_numbers_are_told(make):
    model = make((1,), twice())
    with pytest.raises(DTypeError, match="'x' of dtype float32; it holds strings"):
        model(np.array([["a"], ["b"]]))


@KINDS
def test_symbolic_inputs_are_made_to_fit_and_checked_as_values_are(make):
    assert make((1,), twice())(keras.Input(())).shape == (None, 1)
    assert make((3,), twice())(keras.Input((3, 1))).shape == (None, 3)
    assert make((3,), twice())(keras.Input((3,), dtype="int32")).dtype == "float32"
    with pytest.raises(ShapeError, match=r"\(None, 3\)"):
        make((3,), twice())(keras.Input((5, 3)))


@KINDS
def test_a_loaded_model_fits_its_inputs_as_before(make, tmp_path):
    model = reloaded(make((1,), twice()), tmp_path)
    np.testing.assert_array_equal(model.predict(np.arange(3), verbose=0), [[0.0], [2.0], [4.0]])
    with pytest.raises(ShapeError, match="it came with the shape"):
        model(np.ones((2, 1, 1, 1), "float32"))


@pytest.mark.trains
@KINDS
def test_fit_evaluate_and_steps_on_batches_fit_inputs(make):
    x, y = np.arange(4.0), np.ones(4)
    for given in (x, x.tolist(), x.astype(int), [x[:, None]], {"x": x}):
        model = make((1,), layers.Dense(1))
        model.compile("sgd", "mse")
        model.fit(given, y, verbose=0)
        expected = np.mean((model.predict(x, verbose=0)[:, 0] - y) ** 2)
        np.testing.assert_allclose(model.evaluate(given, y, verbose=0), expected, rtol=1e-5)
        np.testing.assert_allclose(model.test_on_batch(given, y.tolist()), expected, rtol=1e-5)
        model.train_on_batch(given, y.tolist())


def test_a_sequential_takes_other_sizes_where_its_layers_do():
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.MaxPooling2D(2)])
    assert model.predict(np.ones((2, 6, 4, 1)), verbose=0).shape == (2, 3, 2, 1)
    with pytest.raises(ShapeError, match="dense"):
        keras.Sequential([keras.Input((3,)), layers.Dense(2, name="dense")])(np.ones((2, 4)))


def test_a_sequential_that_first_data_built_keeps_its_rank_and_takes_any_dtype(tmp_path):
    model = keras.Sequential([layers.CategoryEncoding(4, output_mode="one_hot"), layers.Flatten()])
    model(np.array([[1], [2]]))
    expected = model.predict(np.array([[3], [0]]), verbose=0)
    np.testing.assert_array_equal(reloaded(model, tmp_path)(np.array([[3], [0]])), expected)
    plain = keras.Sequential([layers.Dense(2)])
    plain(ROWS.astype(int))
    np.testing.assert_allclose(plain.predict(ROWS / 2, verbose=0), plain.predict(ROWS, verbose=0) / 2, rtol=1e-5)
    with pytest.raises(ShapeError, match=r"X\[:1\]"):
        plain(ROWS[0])


def test_a_subclassed_model_tells_of_features_taken_for_rows():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Own()
    with pytest.raises(ShapeError, match=r"X\[:1\]"):
        model.predict(ROWS[0], verbose=0)
    with pytest.raises(ShapeError, match="takes one tensor"):
        model.predict([ROWS], verbose=0)


def test_none_for_a_required_input_names_it():
    first, second = keras.Input((3,), name="first"), keras.Input((3,), name="second")
    model = keras.Model([first, second], layers.Add()([first, second]))
    for given in ([ROWS, None], {"first": ROWS, "second": None}):
        with pytest.raises(ShapeError, match="'second'"):
            model(given)
