"""Draws on the host are those of the published Philox4x64-10 (the known answers of Random123)."""

import numpy as np
import pytest

from kerasfront.random.host import host_generator

ONES = 2**64 - 1
# Key, counter, and the four words. NumPy counts before it draws: it is given the counter before.
KNOWN = {
    "zeros": ([0, 0], [ONES] * 4, (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B)),
    "ones": (
        [ONES, ONES],
        [ONES - 1, ONES, ONES, ONES],
        (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0),
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_answers(name: str) -> None:
    key, counter, words = KNOWN[name]
    generator = host_generator(0).bit_generator
    assert isinstance(generator, np.random.Philox)
    state = generator.state
    state["state"] = {"counter": np.array(counter, "uint64"), "key": np.array(key, "uint64")}
    generator.state = state
    assert tuple(int(x) for x in generator.random_raw(4)) == words
