"""Writes what every initializer draws on the backend of KERAS_BACKEND, for test_initializers."""

import sys

import numpy as np

from kerasfront import Variable, initializers, utils
from kerasfront.random import SeedGenerator

utils.set_random_seed(1)
NAMES = ("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "Orthogonal",
         "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling")  # fmt: skip
out = {}
for name in NAMES:
    cls = getattr(initializers, name)
    for dtype in ("float32", "float16", "bfloat16"):
        for kind, seed in (("seed", 7), ("none", None), ("generator", SeedGenerator(7))):
            value = Variable(cls(seed=seed), shape=(3, 5, 4), dtype=dtype).numpy()
            out[f"{name}/{dtype}/{kind}"] = value.astype("float32")
out["STFT"] = Variable(initializers.STFT("imag"), shape=(8, 1, 5)).numpy()
np.savez(sys.argv[1], **out)
