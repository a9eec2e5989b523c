"""Random draws from counter-based seeds: `keras.random`."""

from kerasfront.random.draws import (
    beta,
    binomial,
    categorical,
    dropout,
    gamma,
    normal,
    randint,
    shuffle,
    truncated_normal,
    uniform,
)
from kerasfront.random.host import host_generator, next_host_seed
from kerasfront.random.seed_generator import SeedGenerator, draw_seed, global_seed_generator, set_global_seed
from kerasfront.serialization import register

register("keras.random", {"SeedGenerator": SeedGenerator})

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "draw_seed",
    "dropout",
    "gamma",
    "global_seed_generator",
    "host_generator",
    "next_host_seed",
    "normal",
    "randint",
    "set_global_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]
