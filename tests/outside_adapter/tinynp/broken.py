"""Adapters that must be refused, each for another reason."""

import os

import numpy as np

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


def _silu_of(z):
    return z


def _scaled_softsign(x, scale):
    return scale * x


class _Misnamed(TinyNumPy):
    name = "tinynp_misnamed"
    overrides = {"silu": _silu_of, "softsign": _scaled_softsign}


class _Unlike(TinyNumPy):
    name = "tinynp_unlike"
    # Of other packages, whose names are theirs: these take fewer arguments, or more, than the ops have.
    primitives = {**TinyNumPy.primitives, "transpose": os.path.basename, "matmul": np.cross}
    overrides = {"silu": os.path.join}


class _Untrained(TinyNumPy):
    name = "tinynp_untrained"
    capabilities = frozenset({"gradients"})


class _Telepathic(TinyNumPy):
    name = "tinynp_telepathic"
    capabilities = frozenset({"telepathy"})


misnamed = _Misnamed()
unlike = _Unlike()
untrained = _Untrained()
telepathic = _Telepathic()
incomplete = _Incomplete()
strange = _Strange()
future = _Future()
newer = _Newer()
nothing = object()
