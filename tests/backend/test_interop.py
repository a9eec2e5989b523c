"""Values of libraries that nobody described, read by the protocols that arrays share, and of one that is registered."""

import warnings

import numpy as np
import polars
import pytest

import kerasfront as keras
from kerasfront import interop

NUMBERS = np.arange(12, dtype="float32").reshape(4, 3)


class WithArray:
    """An array of a library that has `__array__` only."""

    def __init__(self, array):
        self.numbers = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numbers, dtype=dtype, copy=copy)


class WithDlpack:
    """An array of a library that has `__dlpack__` only."""

    def __init__(self, array):
        self.numbers = array

    def __dlpack__(self, **kwargs):
        return self.numbers.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.numbers.__dlpack_device__()


class LikeCupy(WithDlpack):
    """An array on an accelerator: `__array__` refuses, and a copy to the host must be asked for."""

    shape = property(lambda self: self.numbers.shape)
    dtype = property(lambda self: self.numbers.dtype)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __dlpack__(self, *, dl_device=None, **kwargs):
        if dl_device != (1, 0):
            raise BufferError("The memory is on an accelerator.")
        return self.numbers.__dlpack__(dl_device=dl_device, **kwargs)


class Table:
    """A data frame of a library that has named columns and `to_numpy`."""

    def __init__(self, **columns):
        self.parts = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return polars.Series(self.parts[name])

    def to_numpy(self):
        return np.stack([np.asarray(column) for column in self.parts.values()], axis=1)


def frame():
    return polars.DataFrame(NUMBERS, schema=["a", "b", "c"])


VALUES = {
    "array": lambda: WithArray(NUMBERS),
    "dlpack": lambda: WithDlpack(NUMBERS),
    "accelerator": lambda: LikeCupy(NUMBERS),
    "table": lambda: Table(a=NUMBERS[:, 0], b=NUMBERS[:, 1], c=NUMBERS[:, 2]),
    "polars": frame,
}


def doubled():
    return keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(2.0)])


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize(
    "result",
    [
        lambda x: doubled().predict(x, batch_size=3, verbose=0),
        lambda x: doubled().predict_on_batch(x),
        lambda x: doubled().predict((batch for batch in [x]), verbose=0),
        lambda x: keras.ops.convert_to_numpy(doubled()(x)),
        lambda x: keras.ops.convert_to_numpy(keras.layers.Rescaling(2.0)(x)),
        lambda x: keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(x)) * 2,
        lambda x: keras.ops.convert_to_numpy(x) * 2,
        lambda x: keras.ops.convert_to_numpy(keras.ops.multiply(x, 2.0)),
    ],
    ids=["predict", "batch", "stream", "model", "layer", "tensor", "numpy", "op"],
)
def test_values_of_a_library_that_nobody_described(kind, result):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = result(VALUES[kind]())
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, 2 * NUMBERS)


@pytest.mark.trains
@pytest.mark.parametrize("kind", VALUES)
def test_they_train_as_arrays_do(kind):
    def losses(x, y):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        x, y, weights = x(NUMBERS / 10), y(NUMBERS[:, :1]), y(np.arange(4.0, dtype="float32"))
        history = model.fit(x, y, sample_weight=weights, batch_size=2, epochs=2, verbose=0)
        return [*history.history["loss"], model.evaluate(x, y, verbose=0), model.train_on_batch(x, y)]

    wraps = {"array": WithArray, "dlpack": WithDlpack, "accelerator": LikeCupy}
    if kind not in wraps:  # targets and weights are one column
        as_table = {"table": lambda x: Table(**dict(zip("abc", x.T, strict=True))), "polars": polars.DataFrame}[kind]
        found = losses(as_table, lambda x: polars.Series(x.reshape(-1)))
    else:
        found = losses(wraps[kind], wraps[kind])
    np.testing.assert_allclose(found, losses(np.asarray, np.asarray), rtol=1e-6)


@pytest.mark.parametrize("kind", VALUES)
def test_a_layer_adapts_to_them(kind):
    layer = keras.layers.Normalization()
    layer.adapt(VALUES[kind]())
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer.mean), NUMBERS.mean(0, keepdims=True), rtol=1e-6)


def test_columns_of_polars_with_missing_values_and_strings():
    table = polars.DataFrame({"a": [1, None, 3], "b": [True, False, True], "c": [0.5, 1.5, 2.5]})
    found = keras.Sequential([keras.layers.Rescaling(1.0)]).predict(table, verbose=0)
    np.testing.assert_array_equal(found, [[1, 1, 0.5], [np.nan, 0, 1.5], [3, 1, 2.5]])
    with pytest.raises(ValueError, match="`x`: these columns hold no numbers: b."):
        doubled().predict(polars.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [1, 2]}), verbose=0)
    layer = keras.layers.StringLookup(vocabulary=["x", "y"])
    assert keras.ops.convert_to_numpy(layer(polars.Series(["y", "x", "z"]))).tolist() == [2, 1, 0]


def test_a_frame_of_polars_goes_into_a_feature_space():
    table = polars.DataFrame({"colour": ["red", "blue", "red"], "size": [1.0, 2.0, 3.0]})
    space = keras.utils.FeatureSpace({"colour": "string_categorical", "size": "float_normalized"}, output_mode="dict")
    space.adapt(table)
    assert keras.ops.convert_to_numpy(space(table)["size"]).ravel() == pytest.approx([-1.2247, 0, 1.2247], abs=1e-3)


def test_sparse_matrices_become_dense_where_a_layer_is_called():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    found = keras.layers.Rescaling(2.0)(scipy_sparse.csr_matrix(NUMBERS))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(found), 2 * NUMBERS)


class Shelf:
    """A value of a library that shares no protocol with others."""

    __module__ = "shelves.core"

    def __init__(self, books):
        self.books = books


class Cart:
    """What that library reads batches with."""

    __module__ = "shelves.loading"

    def __init__(self, shelf, size):
        self.shelf, self.size = shelf, size


class Shelves(interop.Library):
    name = "shelves"
    packages = ("shelves",)

    def is_array(self, value):
        return isinstance(value, Shelf)

    def to_numpy(self, value):
        return np.stack(value.books)

    def stream(self, value):
        if not isinstance(value, Cart):
            return None
        books, size = value.shelf.books, value.size
        batches = [Shelf(books[start : start + size]) for start in range(0, len(books), size)]
        return interop.Stream("shelves.Cart", len(batches), lambda epoch: iter(batches))


@pytest.fixture
def shelves():
    library = Shelves()
    interop.register(library)
    yield
    interop.unregister(library)


def test_a_package_registers_its_own(shelves):
    shelf = Shelf(list(NUMBERS))
    np.testing.assert_array_equal(doubled().predict(shelf, verbose=0), 2 * NUMBERS)
    np.testing.assert_array_equal(doubled().predict(Cart(shelf, 3), verbose=0), 2 * NUMBERS)
    with pytest.raises(ValueError, match=r"can't be given with `x` of type shelves\.Cart"):
        model = doubled()
        model.compile("sgd", "mse") if keras.config.backend() != "numpy" else model.compile(loss="mse")
        model.evaluate(Cart(shelf, 3), NUMBERS, verbose=0)


def test_without_its_library_the_value_is_refused():
    with pytest.raises(ValueError, match="`x` must be an array .*; Shelf"):
        doubled().predict(Shelf(list(NUMBERS)), verbose=0)
