"""Adapters that must be refused, each for another reason."""

from tinynp import TinyNumPy


class _Incomplete(TinyNumPy):
    name = "tinynp_incomplete"
    primitives = {name: f for name, f in TinyNumPy.primitives.items() if name not in ("matmul", "relu")}


class _Strange(TinyNumPy):
    name = "tinynp_strange"
    primitives = {**TinyNumPy.primitives, "levitate": abs}


class _Future(TinyNumPy):
    name = "tinynp_future"
    contract = (2, 0)


class _Newer(TinyNumPy):
    name = "tinynp_newer"
    contract = (1, 99)


incomplete = _Incomplete()
strange = _Strange()
future = _Future()
newer = _Newer()
nothing = object()
