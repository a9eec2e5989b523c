import threading

import pytest

from kerasfront.data.prefetch import prefetch


def test_order_and_another_thread():
    def ready(item):
        return item, threading.get_ident()

    found = list(prefetch(iter(range(50)), ready))
    assert [item for item, _ in found] == list(range(50))
    assert {thread for _, thread in found}.isdisjoint({threading.get_ident()})


@pytest.mark.parametrize("broken", ["source", "ready"])
def test_an_error_comes_in_its_place(broken):
    def source():
        yield from (1, 2)
        if broken == "source":
            raise KeyError("three")
        yield 3

    def ready(item):
        if item == 3:
            raise KeyError("three")
        return item

    batches = prefetch(source(), ready)
    assert [next(batches), next(batches)] == [1, 2]
    with pytest.raises(KeyError, match="three"):
        next(batches)
    with pytest.raises(StopIteration):
        next(batches)


def test_a_reader_that_stops_leaves_no_thread():
    taken = []

    def source():
        for i in range(1000):
            taken.append(i)
            yield i

    before = threading.active_count()
    batches = prefetch(source(), lambda item: item)
    next(batches)
    batches.close()
    assert threading.active_count() == before
    assert len(taken) <= 4


def test_the_next_is_made_while_this_one_is_used():
    made = threading.Event()

    def ready(item):
        if item == 1:
            made.set()
        return item

    batches = prefetch(iter(range(3)), ready)
    assert next(batches) == 0
    assert made.wait(timeout=20)  # nobody asked for it yet
    assert list(batches) == [1, 2]
