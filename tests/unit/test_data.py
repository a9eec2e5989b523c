"""Batches from everything that users pass."""

import itertools
import threading
import time
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasfront.data.batches import (
    ArraySpec,
    make_batches,
    pack_x_y_sample_weight,
    split_validation,
    unpack_x_y_sample_weight,
)
from kerasfront.data.sparse_rows import SparseRows
from kerasfront.utils import PyDataset, Sequence, normalize, to_categorical

X = np.arange(20.0, dtype="float32").reshape(10, 2)
Y = np.arange(10) % 3


def rows_of(batches):
    return np.concatenate([batch[0] for batch in batches])


# --- arrays ---


def test_batches_in_order_are_views():
    source = make_batches(X, Y, batch_size=4, shuffle=False)
    batches = list(source.epoch(0))
    assert source.num_batches == 3 and source.batch_size == 4
    assert [len(x) for x, _ in batches] == [4, 4, 2]
    assert all(np.shares_memory(x, X) and np.shares_memory(y, Y) for x, y in batches)
    np.testing.assert_array_equal(rows_of(batches), X)


@given(length=st.integers(1, 40), size=st.integers(1, 50), seed=st.integers(0, 2**70), epoch=st.integers(0, 5))
def test_shuffling_gives_each_row_once(length, size, seed, epoch):
    x = np.arange(length)
    source = make_batches(x, x * 2, batch_size=size, seed=seed)
    batches = list(source.epoch(epoch))
    assert sorted(rows_of(batches).tolist()) == x.tolist()
    assert all((y == x * 2).all() for x, y in batches)
    assert len(batches) == source.num_batches


def test_shuffling_depends_on_seed_and_epoch_alone():
    def order(seed, epoch, size=4):
        return rows_of(make_batches(np.arange(50), batch_size=size, seed=seed).epoch(epoch)).tolist()

    assert order(1, 0) == order(1, 0) == order(1, 0, size=7)
    assert len({tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4
    key = np.array([1, 3], dtype="uint64")
    expected = np.random.Generator(np.random.Philox(key=key)).permutation(50)
    assert order(1, 3) == expected.tolist()


@pytest.mark.parametrize("arrange", [np.asfortranarray, lambda x: np.repeat(x, 2, 1)[:, ::2]])
def test_rows_of_an_array_in_another_order_are_taken_without_a_copy_of_all(arrange):
    data = arrange(np.arange(64 * 20_000, dtype="float32").reshape(20_000, 64))
    source = make_batches(data, np.arange(20_000), batch_size=10, shuffle=True, seed=3)
    tracemalloc.start()
    try:
        for x, rows in itertools.islice(source.epoch(0), 20):
            np.testing.assert_array_equal(x, data[rows])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1e6  # the data has 5 MB


def test_a_large_batch_takes_the_memory_of_one_that_nobody_holds():
    torch = pytest.importorskip("torch")
    data = np.random.default_rng(0).standard_normal((96, 4096)).astype("float32")
    source = make_batches(data, batch_size=16, shuffle=True, seed=3)
    addresses = [batch[0].__array_interface__["data"][0] for batch in source.epoch(0)]
    assert len(set(addresses)) < len(addresses)

    kept = [batch[0] for batch in source.epoch(0)]
    views = [batch[0].reshape(-1)[5:] for batch in source.epoch(0)]  # hold the memory, not the array
    tensors = [torch.from_numpy(batch[0]) for batch in source.epoch(0)]
    order = make_batches(np.arange(96), batch_size=16, shuffle=True, seed=3)
    for number, (rows,) in enumerate(order.epoch(0)):
        np.testing.assert_array_equal(kept[number], data[rows])
        np.testing.assert_array_equal(views[number], data[rows].reshape(-1)[5:])
        np.testing.assert_array_equal(tensors[number].numpy(), data[rows])


def test_without_a_seed_orders_differ():
    orders = {tuple(rows_of(make_batches(np.arange(50)).epoch(0)).tolist()) for _ in range(3)}
    assert len(orders) == 3


def test_batchwise_shuffle_keeps_rows_together():
    source = make_batches(np.arange(23), batch_size=4, shuffle="batch", seed=3)
    batches = [batch[0].tolist() for batch in source.epoch(0)]
    assert batches[-1] == [20, 21, 22]
    assert sorted(batches) == sorted(list(range(i, min(i + 4, 23))) for i in range(0, 23, 4))
    assert batches != sorted(batches)


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_blocks_hold_the_same_batches(shuffle, k):
    def source():
        return make_batches({"a": X, "b": Y}, Y, batch_size=3, shuffle=shuffle, seed=5)

    expected = list(source().epoch(2))
    found = []
    for block in source().epoch_blocks(2, k):
        assert block.steps in (1, k)
        if block.steps == 1:
            found.append(block.batch)
            continue
        x, y = block.batch
        assert x["a"].shape == (k, 3, 2) and y.shape == (k, 3)
        found += [({"a": x["a"][i], "b": x["b"][i]}, y[i]) for i in range(k)]
    assert len(found) == len(expected)
    for (x, y), (other_x, other_y) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(x["a"], other_x["a"])
        np.testing.assert_array_equal(x["b"], other_x["b"])
        np.testing.assert_array_equal(y, other_y)


def test_blocks_in_order_are_views():
    (block, *_) = make_batches(X, batch_size=2, shuffle=False).epoch_blocks(0, 4)
    assert block.steps == 4 and np.shares_memory(block.batch[0], X)


def test_nested_structures():
    x = {"image": X, "rest": [X[:, 0], (Y, None)]}
    ((inputs, targets, weights),) = make_batches(x, [Y, X], [None, Y], batch_size=10, shuffle=False).epoch(0)
    np.testing.assert_array_equal(inputs["rest"][1][0], Y)
    assert inputs["rest"][1][1] is None and weights[0] is None
    np.testing.assert_array_equal(targets[1], X)


def test_lists_of_numbers_are_arrays():
    ((x, y),) = make_batches([[1.0, 2.0], [3.0, 4.0]], [0, 1], shuffle=False).epoch(0)
    assert x.tolist() == [[1, 2], [3, 4]] and y.tolist() == [0, 1]
    ((x,),) = make_batches(([1, 2], [3, 4]), shuffle=False).epoch(0)
    assert isinstance(x, tuple) and [part.tolist() for part in x] == [[1, 2], [3, 4]]


def test_spec():
    source = make_batches({"a": X, "b": Y}, Y, batch_size=4)
    x, y = source.spec()
    assert x == {"a": ArraySpec((4, 2), "float32"), "b": ArraySpec((4,), "int64")}
    assert y == ArraySpec((4,), "int64")
    assert make_batches(X, batch_size=64).spec() == (ArraySpec((10, 2), "float32"),)


def test_steps_go_on_where_the_last_epoch_stopped():
    source = make_batches(np.arange(6), batch_size=2, steps=2, shuffle=False)
    assert source.num_batches == 2
    epochs = [[x.tolist() for (x,) in source.epoch(epoch)] for epoch in range(3)]
    assert epochs == [[[0, 1], [2, 3]], [[4, 5], [0, 1]], [[2, 3], [4, 5]]]
    source.reset()
    assert [x.tolist() for (x,) in source.epoch(3)] == [[0, 1], [2, 3]]


def test_steps_may_exceed_the_data():
    source = make_batches(np.arange(4), batch_size=2, steps=5, shuffle=False)
    assert [x.tolist() for (x,) in source.epoch(0)] == [[0, 1], [2, 3], [0, 1], [2, 3], [0, 1]]


def test_predict_takes_x_in_order():
    assert [x.tolist() for (x,) in make_batches(Y, batch_size=5, for_predict=True).epoch(0)] == [
        Y[:5].tolist(),
        Y[5:].tolist(),
    ]


@pytest.mark.parametrize("text", [np.array(["a", "b"]), np.array(["a", "b"], dtype=object), ["a", "b"]])
def test_strings_go_through(text):
    ((x,),) = make_batches(text, shuffle=False).epoch(0)
    assert x.tolist() == ["a", "b"]


# --- other kinds of arrays ---


def test_pandas():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    ((x, y),) = make_batches(frame, pd.Series([0, 1]), shuffle=False).epoch(0)
    assert x.tolist() == [[1, 3], [2, 4]]
    assert y.tolist() == [[0], [1]]  # as in Keras
    nullable = pd.DataFrame({"a": pd.array([1, None], dtype="Int64")})
    ((x,),) = make_batches(nullable, shuffle=False).epoch(0)
    assert x[0, 0] == 1 and np.isnan(x[1, 0])
    with pytest.warns(UserWarning, match=r"`y` has missing values \(1\)"):
        make_batches(frame, nullable["a"])
    with pytest.raises(ValueError, match="no numbers: word"):
        make_batches(pd.DataFrame({"a": [1, 2], "word": ["x", "y"]}))


def test_sparse_matrices_become_dense_by_batch():
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.random(9, 5, density=0.4, format="coo", random_state=0)
    source = make_batches(matrix, batch_size=4, seed=1)
    assert source.spec() == (ArraySpec((4, 5), "float32"),)
    order = rows_of(make_batches(np.arange(9), batch_size=4, seed=1).epoch(0))
    np.testing.assert_array_equal(rows_of(source.epoch(0)), matrix.toarray()[order].astype("float32"))
    (block, *_) = source.epoch_blocks(0, 2)
    assert block.batch[0].shape == (2, 4, 5)


SPARSE = np.where(np.random.default_rng(0).random((9, 2, 3)) < 0.4, np.arange(54.0).reshape(9, 2, 3), 0)


def made_sparse(kind):
    """The tensor, and how a batch of its rows becomes an array."""
    if kind.startswith("torch"):
        torch = pytest.importorskip("torch")
        x = torch.from_numpy(SPARSE if kind == "torch" else SPARSE[:, 0])
        return x.to_sparse() if kind == "torch" else x.to_sparse_csr(), np.asarray
    if kind == "jax":
        bcoo = pytest.importorskip("jax.experimental.sparse").BCOO
        x = bcoo.fromdense(SPARSE.astype("float32"), nse=60, n_batch=1)
        return x, lambda batch: np.asarray(batch.todense() if isinstance(batch, bcoo) else batch)
    tf = pytest.importorskip("tensorflow")
    return tf.sparse.from_dense(
        SPARSE
    ), lambda x: tf.sparse.to_dense(x).numpy() if isinstance(x, tf.SparseTensor) else x


@pytest.mark.parametrize("kind", ["torch", "torch, csr", "jax", "tensorflow"])
def test_rows_of_sparse_tensors(kind):
    x, dense = made_sparse(kind)
    want = SPARSE[:, 0] if kind == "torch, csr" else SPARSE
    for shuffle in (True, False, "batch"):
        source = make_batches(x, batch_size=4, seed=1, shuffle=shuffle)
        order = rows_of(make_batches(np.arange(9), batch_size=4, seed=1, shuffle=shuffle).epoch(0))
        assert source.spec()[0].shape == (4, *want.shape[1:])
        np.testing.assert_array_equal(np.concatenate([dense(batch[0]) for batch in source.epoch(0)]), want[order])
        assert sum(block.steps for block in source.epoch_blocks(0, 2)) == 3
    parts = split_validation((x, np.arange(9), None), 0.3)
    for (rows, numbers, _), part in zip(parts, (slice(0, 6), slice(6, 9)), strict=True):
        np.testing.assert_array_equal(dense(rows), want[part])
        np.testing.assert_array_equal(numbers, np.arange(9)[part])


def test_stored_elements_are_sorted_summed_and_cut():
    places = np.array([[2, 1], [0, 0], [5, 5], [2, 1], [0, -1], [0, 1]])
    rows = SparseRows(places, np.array([1, 2, 3, 4, 5, 6], "float32"), (4, 2))
    want = np.array([[2, 6], [0, 0], [0, 5], [0, 0]])
    for taken in (slice(0, 4), slice(1, 1), slice(1, 3), np.array([3, 0, 0, 2]), np.array([], "int64")):
        np.testing.assert_array_equal(rows.dense(taken), want[taken])
        assert rows.dense(taken).dtype == "float32"


def test_h5py(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("x", data=X)
        source = make_batches(data, batch_size=4, seed=1)
        order = rows_of(make_batches(np.arange(10), batch_size=4, seed=1).epoch(0))
        np.testing.assert_array_equal(rows_of(source.epoch(0)), X[order])


def native(framework):
    # torch is imported before tensorflow: the other way round, their libraries clash
    torch = pytest.importorskip("torch") if framework == "torch" else None
    if framework == "torch":
        return torch.Tensor, torch.from_numpy
    if framework == "jax":
        jax = pytest.importorskip("jax")
        return (jax.Array, np.ndarray), jax.numpy.asarray
    tf = pytest.importorskip("tensorflow")
    return tf.Tensor, tf.constant


@pytest.mark.parametrize("framework", ["torch", "jax", "tensorflow"])
@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_native_tensors_give_the_same_batches(framework, shuffle):
    kind, convert = native(framework)
    options = {"batch_size": 4, "shuffle": shuffle, "seed": 7}
    expected = make_batches(X, Y.astype("int32"), **options)
    source = make_batches(convert(X), convert(Y.astype("int32")), **options)
    assert source.spec() == expected.spec()
    for batch, other in zip(source.epoch(1), expected.epoch(1), strict=True):
        for leaf, wanted in zip(batch, other, strict=True):
            assert isinstance(leaf, kind)
            np.testing.assert_array_equal(np.asarray(leaf), wanted)
    for block, other in zip(source.epoch_blocks(1, 2), expected.epoch_blocks(1, 2), strict=True):
        assert block.steps == other.steps
        np.testing.assert_array_equal(np.asarray(block.batch[0]), other.batch[0])


def test_torch_tensors_that_numpy_cannot_share():
    torch = pytest.importorskip("torch")
    x = torch.arange(6, dtype=torch.bfloat16)
    source = make_batches(x, batch_size=4, seed=1)
    assert source.spec() == (ArraySpec((4,), "float32"),)
    assert sorted(torch.cat([x for (x,) in source.epoch(0)]).tolist()) == [0, 1, 2, 3, 4, 5]
    weights = torch.ones(3, requires_grad=True)
    assert next(make_batches(weights).epoch(0))[0].tolist() == [1, 1, 1]


# --- streams ---


def pairs(count, size=2):
    for index in range(count):
        yield np.full((size, 1), index), np.arange(size)


def indices(batches):
    return [int(batch[0][0, 0]) for batch in batches]


def test_generator_spec_loses_no_batch():
    source = make_batches(pairs(3))
    assert source.num_batches is None and source.batch_size is None
    assert source.spec() == source.spec() == (ArraySpec((2, 1), "int64"), ArraySpec((2,), "int64"))
    assert indices(source.epoch(0)) == [0, 1, 2]
    assert not source.exhausted


def test_generator_goes_on_over_epochs():
    source = make_batches(pairs(6), steps=3)
    assert source.num_batches == 3
    assert indices(source.epoch(0)) == [0, 1, 2]
    assert indices(source.epoch(1)) == [3, 4, 5]


def test_generator_that_ends_early_warns_and_says_so():
    source = make_batches(pairs(3), steps=2)
    assert indices(source.epoch(0)) == [0, 1]
    with pytest.warns(UserWarning, match="ran out of data: `x` .generator. ended after 1 of 2 batches"):
        assert indices(source.epoch(1)) == [2]
    assert source.exhausted


def test_generator_without_steps_has_one_epoch():
    source = make_batches(pairs(2))
    assert indices(source.epoch(0)) == [0, 1]
    with pytest.warns(UserWarning, match="ran out of data"):
        assert indices(source.epoch(1)) == []
    assert source.exhausted


def test_stream_batches_are_converted_where_needed():
    ((x, y),) = make_batches(iter([([[1.0], [2.0]], [0, 1])])).epoch(0)
    assert x.shape == (2, 1) and y.tolist() == [0, 1]
    ((x,),) = make_batches(iter([X])).epoch(0)
    assert x is X
    ((x,),) = make_batches(iter([{"a": X}])).epoch(0)
    assert x["a"] is X
    ((x,),) = make_batches(iter([(X, Y, Y)]), for_predict=True).epoch(0)
    assert x is X
    ((_, _, weight),) = make_batches(iter([(X, Y, Y)])).epoch(0)
    assert weight is Y


def test_stream_blocks_stack_equal_batches():
    batches = [(X[:4], Y[:4]), (X[4:8], Y[4:8]), (X[8:], Y[8:]), (X[:4], Y[:4])]
    blocks = list(make_batches(iter(batches)).epoch_blocks(0, 2))
    assert [block.steps for block in blocks] == [2, 1, 1]
    np.testing.assert_array_equal(blocks[0].batch[0], X[:8].reshape(2, 4, 2))
    assert [block.steps for block in make_batches(iter(batches)).epoch_blocks(0, 1)] == [1] * 4


def test_any_iterable_starts_anew():
    class Loader:
        def __iter__(self):
            return pairs(2)

    source = make_batches(Loader())
    assert indices(source.epoch(0)) == indices(source.epoch(1)) == [0, 1]
    source = make_batches(Loader(), steps=3)
    assert indices(source.epoch(0)) == [0, 1, 0]
    assert indices(source.epoch(1)) == [1, 0, 1]
    source.reset()
    assert indices(source.epoch(2)) == [0, 1, 0]


def test_torch_data_loader():
    torch = pytest.importorskip("torch")
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    source = make_batches(torch.utils.data.DataLoader(dataset, batch_size=4))
    assert source.num_batches == 3
    assert source.spec() == (ArraySpec((4, 2), "float32"), ArraySpec((4,), "int64"))
    for _ in range(2):
        batches = list(source.epoch(0))
        assert all(isinstance(leaf, torch.Tensor) for batch in batches for leaf in batch)
        np.testing.assert_array_equal(np.concatenate([x.numpy() for x, _ in batches]), X)
    weighted = make_batches(torch.utils.data.DataLoader(dataset, batch_size=10), class_weight={0: 1, 1: 2, 2: 3})
    np.testing.assert_array_equal(next(weighted.epoch(0))[2], Y + 1.0)
    with pytest.raises(ValueError, match="DataLoader"):
        make_batches(dataset)


def test_tf_dataset():
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)
    source = make_batches(dataset)
    assert source.num_batches == 3
    assert source.spec() == (ArraySpec((4, 2), "float32"), ArraySpec((4,), "int64"))
    for epoch in range(2):
        batches = list(source.epoch(epoch))
        assert all(isinstance(leaf, tf.Tensor) for batch in batches for leaf in batch)
        np.testing.assert_array_equal(np.concatenate([x.numpy() for x, _ in batches]), X)
    with pytest.raises(ValueError, match="has no end"):
        make_batches(dataset.repeat())
    assert len(list(make_batches(dataset.repeat(), steps=7).epoch(0))) == 7


# --- PyDataset ---


class Numbered(PyDataset):
    """Batch i holds i; later batches are loaded faster than earlier ones."""

    def __init__(self, count=8, bad=None, **options):
        super().__init__(**options)
        self.count, self.bad, self.calls, self.offset = count, bad, [], 0

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index == self.bad:
            raise RuntimeError("broken file")
        time.sleep(0.01 * (index % 3 == 0))
        return np.full((2, 1), index + self.offset), np.zeros(2)

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")
        self.offset += 100


WORKERS = [
    {},
    {"workers": 3},
    {"workers": 2, "use_multiprocessing": True},
    {"workers": 3, "max_queue_size": 1},
]


@pytest.mark.parametrize("options", WORKERS)
def test_py_dataset_keeps_order_and_calls_hooks(options):
    dataset = Numbered(**options)
    source = make_batches(dataset, shuffle=False)
    assert source.num_batches == 8
    assert indices(source.epoch(0)) == list(range(8))
    source.on_epoch_end()
    assert indices(source.epoch(1)) == list(range(100, 108))
    assert dataset.calls == ["begin", "end", "begin"]


@pytest.mark.parametrize("options", WORKERS)
def test_py_dataset_error_names_the_batch(options):
    source = make_batches(Numbered(bad=3, **options), shuffle=False)
    with pytest.raises(RuntimeError, match="broken file") as info:
        list(source.epoch(0))
    assert info.value.__notes__ == ["This came from Numbered.__getitem__(3)."]


def test_py_dataset_batches_are_shuffled_by_seed():
    orders = [indices(make_batches(Numbered(), seed=seed).epoch(epoch)) for seed in (1, 1, 2) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert orders[:2] == orders[2:4] and orders[0] != orders[1] and orders[0] != orders[4]


def test_py_dataset_spec_loads_once():
    dataset = Numbered()
    source = make_batches(dataset, shuffle=False)
    assert source.spec()[0] == ArraySpec((2, 1), "int64")
    assert indices(source.epoch(0)) == list(range(8))
    assert dataset.calls == ["begin"]


def test_py_dataset_loads_no_more_than_the_queue_ahead():
    loaded = []

    class Watched(Numbered):
        def __getitem__(self, index):
            loaded.append(index)
            return super().__getitem__(index)

    batches = make_batches(Watched(count=30, workers=2, max_queue_size=4), shuffle=False).epoch(0)
    next(batches)
    time.sleep(0.2)
    assert 2 <= len(loaded) <= 5
    batches.close()
    time.sleep(0.1)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("PyDataset")]


def test_endless_py_dataset():
    class Endless(PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return np.full((1, 1), index)

    with pytest.raises(ValueError, match="has no end"):
        make_batches(Endless())
    source = make_batches(Endless(workers=2), steps=3)
    assert indices(source.epoch(0)) == [0, 1, 2]
    assert indices(source.epoch(1)) == [3, 4, 5]


def test_py_dataset_without_init_or_length():
    class Forgetful(PyDataset):
        def __init__(self):
            pass

        def __len__(self):
            return 1

        def __getitem__(self, index):
            return X

    assert len(list(make_batches(Forgetful()).epoch(0))) == 1
    with pytest.raises(NotImplementedError, match="must define `__len__`"):
        _ = PyDataset().num_batches
    with pytest.raises(NotImplementedError, match="__getitem__"):
        PyDataset()[0]
    assert Sequence is PyDataset


# --- weights ---


@pytest.mark.parametrize(
    "y",
    [[0, 1, 2, 1], np.array([[0], [1], [2], [1]]), np.eye(3)[[0, 1, 2, 1]], np.array([0.0, 1.0, 2.0, 1.0])],
)
def test_class_weights(y):
    ((_, _, weights),) = make_batches(X[:4], y, class_weight={0: 1, 1: 2, 2: 5}, shuffle=False).epoch(0)
    assert weights.dtype == "float32" and weights.tolist() == [1, 2, 5, 2]


def test_class_weights_combine_with_sample_weights():
    batches = make_batches(X[:2], [0, 1], [10.0, 20.0], class_weight={0: 1, 1: 3}, shuffle=False).epoch(0)
    assert next(batches)[2].tolist() == [10, 60]


def test_class_weights_of_a_stream():
    ((_, _, weights),) = make_batches(iter([(X[:2], [1, 0])]), class_weight={0: 1, 1: 3}).epoch(0)
    assert weights.tolist() == [3, 1]


def test_a_class_without_a_weight_counts_one():
    ((_, _, weights),) = make_batches(X[:3], [np.array([0, 7, 1])], class_weight={1: 5.0}, shuffle=False).epoch(0)
    assert weights.tolist() == [1, 1, 5]


@pytest.mark.parametrize(
    ("y", "class_weight", "message"),
    [
        (np.array([[0, 7], [1, 0]]), {0: 1.0}, "one-hot rows; they hold 7"),
        ([[0, 1], [1, 0], X], {0: 1.0}, "single output"),
        (None, {0: 1.0}, "needs targets"),
        ([0, 1], [1.0, 2.0], "must be a dict"),
        ([0, 1], {"a": 1.0}, "integers to numbers"),
    ],
)
def test_wrong_class_weights(y, class_weight, message):
    y = [X, X] if message == "single output" else y
    with pytest.raises(ValueError, match=message):
        make_batches(X[:2], y, class_weight=class_weight)


# --- validation split ---


def test_split_takes_the_last_rows():
    train, validation = split_validation(({"a": X}, Y.tolist(), None), 0.25)
    np.testing.assert_array_equal(train[0]["a"], X[:7])  # floor(10 * 0.75), as in Keras
    np.testing.assert_array_equal(validation[1], Y[7:])
    assert train[2] is validation[2] is None
    assert np.shares_memory(train[0]["a"], X)


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 1.5, 0.99999])
def test_split_must_leave_both_sides_something(fraction):
    with pytest.raises(ValueError, match="validation_split"):
        split_validation((X, Y, None), fraction)


def test_split_wants_arrays():
    with pytest.raises(ValueError, match="`x` is a generator"):
        split_validation((pairs(2), None, None), 0.5)


# --- bad input ---


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, Y[:3], "x: 10, y: 3"),
        ({"a": X, "b": X[:4]}, Y, r"x\['a'\]: 10, x\['b'\]: 4, y: 10"),
        (X[:0], Y[:0], r"empty: x has shape \(0, 2\)"),
        ([], None, "empty"),
        (iter([]), None, "empty"),
        (None, None, "`x` is None"),
        (np.float32(3), None, "a scalar came"),
        (np.array([{}, []], dtype=object), None, r"array of objects \(dict, list\)"),
        ([[1, 2], [3]], None, "unequal lengths"),
        ({"a": object()}, None, r"`x\['a'\]` must be an array"),
        (pairs(2), Y, "`y` can't be given with `x` of type generator"),
        (iter([(X, Y, Y, Y)]), None, "a tuple of 4 came"),
        (iter([(X, object())]), None, "`y` of a batch"),
    ],
)
def test_bad_data(x, y, message):
    with pytest.raises(ValueError, match=message):
        list(make_batches(x, y).epoch(0))


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"batch_size": 2.5}, {"steps": -1}, {"shuffle": "rows"}])
def test_bad_options(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"`{name}` (to|must) be"):
        make_batches(X, **options)


def test_batch_size_of_a_stream_is_ignored_loudly():
    with pytest.warns(UserWarning, match="`batch_size` is ignored"):
        make_batches(pairs(1), batch_size=3)


def test_nothing_is_warned_of_in_ordinary_use():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(make_batches(X, Y, batch_size=3).epoch(0))
        list(make_batches(pairs(2)).epoch(0))


# --- utils ---


def test_packing():
    assert pack_x_y_sample_weight(1) == 1
    assert pack_x_y_sample_weight([1]) == ([1],)
    assert pack_x_y_sample_weight(1, 2, 3) == (1, 2, 3)
    assert unpack_x_y_sample_weight([1, 2]) == (1, 2, None)
    assert unpack_x_y_sample_weight({"a": 1}) == ({"a": 1}, None, None)
    for wrong in ((), (1, 2, 3, 4)):
        with pytest.raises(ValueError, match=f"a tuple of {len(wrong)} came"):
            unpack_x_y_sample_weight(wrong)


def test_numerical_helpers():
    np.testing.assert_array_equal(to_categorical([[0], [2]]), [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(to_categorical(1, 3), [0, 1, 0])
    for wrong in ([-1], [3]):
        with pytest.raises(ValueError, match="from 0 to num_classes - 1 = 2"):
            to_categorical(wrong, 3)
    np.testing.assert_allclose(normalize([[3, 4], [0, 0]]), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(normalize([[3, 4], [1, 2]], axis=0, order=1), [[0.75, 2 / 3], [0.25, 1 / 3]])


@pytest.mark.parametrize("batches", [6, 16, 20, 23, 32, 33, 100])
def test_blocks_leave_few_batches_over(batches):
    source = make_batches(np.zeros((4 * batches + 3, 2)), batch_size=4)  # and one shorter batch
    most = 16
    k = source.block_size(most)
    if batches < most:
        assert k == most
    else:
        assert most // 2 < k <= most and batches % k == min(batches % n for n in range(most // 2 + 1, most + 1))
    steps = [block.steps for block in source.epoch_blocks(0, k)]
    assert sum(steps) == batches + 1 and steps.count(k) == (batches // k if batches >= most else 0)
