import tracemalloc

import numpy as np
import pytest
from scipy import stats

from kerasfront.data.batches import make_batches
from kerasfront.data.shuffle import ComputedOrder, permutation

LARGE = 1 << 22


def computed(count, seed=0):
    return ComputedOrder(count, np.random.Philox(seed))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 100, 1000, 65_536, 65_537, 300_001])
def test_each_row_once(count):
    for size in (count, 128, 1000):
        order = computed(count)
        parts = [order[start : start + size] for start in range(0, count, size)]
        assert sum(map(len, parts)) == count
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(count))


def test_whatever_is_read_first():
    order = computed(200_000)
    whole = order[0:200_000].copy()
    for start in (150_000, 0, 70_000, 199_990):
        np.testing.assert_array_equal(order[start : start + 50], whole[start : start + 50])


def test_orders_are_drawn_evenly():
    """Of 10 rows: what comes first, what comes last, and which two begin, over many seeds."""
    orders = np.stack([computed(10, seed)[0:10] for seed in range(20_000)])
    for place in (0, 9):
        assert stats.chisquare(np.bincount(orders[:, place], minlength=10)).pvalue > 1e-4
    pairs = np.bincount(orders[:, 0] * 10 + orders[:, 1], minlength=100)
    assert stats.chisquare(pairs[pairs > 0]).pvalue > 1e-4 and (pairs > 0).sum() == 90


def test_neighbours_are_far_apart():
    order = computed(100_000)[0:100_000]
    distances = np.abs(np.diff(order))
    # Between two uniform draws: a third of the range.
    assert abs(distances.mean() / 100_000 - 1 / 3) < 0.01
    assert abs(np.corrcoef(np.arange(100_000), order)[0, 1]) < 0.02


def test_seeds_and_epochs_have_orders_of_their_own():
    heads = [tuple(permutation(LARGE, seed, epoch)[0:8]) for seed in range(3) for epoch in range(3)]
    assert len(set(heads)) == 9
    assert heads[0] == tuple(permutation(LARGE, 0, 0)[0:8])


def test_the_memory_of_shuffling_many_rows_is_constant():
    x = np.broadcast_to(np.zeros(1, "uint8"), (8 * LARGE, 1))
    tracemalloc.start()
    try:
        source = make_batches(x, batch_size=1024, shuffle=True, seed=1)
        for _, batch in zip(range(300), source.epoch(0), strict=False):
            assert batch[0].shape == (1024, 1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8e6  # all the row numbers would be 268 MB
