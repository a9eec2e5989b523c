"""What an initializer is, and the ones that are drawn on the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from kerasfront import ops, serialization
from kerasfront.arguments import Constructed, as_ints, wrong
from kerasfront.random.host import host_generator, next_host_seed
from kerasfront.random.seed_generator import SeedGenerator
from kerasfront.spec import dtypes
from kerasfront.typing import Config, DTypeLike, Tensor

Shape = int | Sequence[int]
Array = np.ndarray[Any, Any]


class Initializer(Constructed):
    """The base of initializers: called with a shape and a dtype, it returns the values of a new variable.

    A subclass defines `__call__(shape, dtype=None)`, which returns a tensor, and `get_config`.

    >>> import kerasfront as keras
    >>> class Halves(keras.initializers.Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return keras.ops.ones(shape, dtype) / 2
    >>> keras.Variable(Halves(), shape=(2,)).numpy().tolist()
    [0.5, 0.5]
    """

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} defines no __call__(shape, dtype=None).")

    def get_config(self) -> Config:
        """Return the arguments that make an equal one."""
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make a new one from what `get_config` returned."""
        return cls(**{key: serialization.revive(value) for key, value in config.items()})

    def clone(self) -> Self:
        """Make a new one with the same config; where no seed was given it draws other values."""
        return type(self).from_config(self.get_config())


class HostInitializer(Initializer):
    """An initializer whose values NumPy makes on the host, so that they are equal on every backend, bit for bit.

    A subclass defines `draw`.
    """

    # What a Variable calls; None in a class that defines __call__ itself, which then decides.
    draw: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__call__" in cls.__dict__ and "draw" not in cls.__dict__:
            cls.draw = None

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Tensor:
        """Return the values as a tensor of `shape`; dtype None means `floatx()`."""
        name = dtypes.standardize(dtype)
        return ops.convert_to_tensor(self.draw(as_ints(shape, "shape", type(self).__name__, least=0), name), name)


class RandomInitializer(HostInitializer):
    """The base of those that draw: an integer seed gives the same values at every call.

    Without a seed, one is taken when the initializer is made, from the sequence that `utils.set_random_seed` starts.
    With a SeedGenerator, every call draws other values.
    """

    def __init__(self, seed: int | SeedGenerator | None = None) -> None:
        if seed is not None and type(seed) is not int and not isinstance(seed, SeedGenerator):
            raise wrong("seed", type(self).__name__, "an integer, a SeedGenerator or None", seed)
        self._kf_seed_argument = seed
        self.seed: int | SeedGenerator = next_host_seed() if seed is None else seed

    def generator(self) -> np.random.Generator:
        """Return the NumPy generator of one call."""
        if isinstance(self.seed, SeedGenerator):
            return host_generator(*np.asarray(ops.convert_to_numpy(self.seed.next())).tolist())
        return host_generator(self.seed)

    def get_config(self) -> Config:
        return {"seed": serialization.serialize_keras_object(self._kf_seed_argument)}


def drawing_dtype(dtype: str) -> Any:
    """Return the dtype in which floats are drawn: 32 bits, unless 64 are asked for."""
    return np.float64 if dtype == "float64" else np.float32


def as_dtype(values: Any, dtype: str) -> Array:
    """Return values in a dtype given by its canonical name."""
    return np.asarray(values).astype(dtypes.to_numpy(dtype), copy=False)


def normal(generator: np.random.Generator, shape: tuple[int, ...], mean: float, stddev: float, dtype: str) -> Array:
    kind = drawing_dtype(dtype)
    values = generator.standard_normal(shape, dtype=kind)
    return as_dtype(np.asarray(values * kind(stddev) + kind(mean)), dtype)


def truncated_normal(
    generator: np.random.Generator, shape: tuple[int, ...], mean: float, stddev: float, dtype: str
) -> Array:
    """Draw normal values, again where they lie more than two standard deviations from the mean."""
    kind = drawing_dtype(dtype)
    values = generator.standard_normal(int(np.prod(shape)), dtype=kind)
    while len(outside := np.flatnonzero(np.abs(values) > 2)):
        values[outside] = generator.standard_normal(len(outside), dtype=kind)
    return as_dtype(values.reshape(shape) * kind(stddev) + kind(mean), dtype)


def uniform(generator: np.random.Generator, shape: tuple[int, ...], low: float, high: float, dtype: str) -> Array:
    if dtypes.is_int(dtype):
        return as_dtype(generator.integers(int(low), int(high), shape), dtype)
    kind = drawing_dtype(dtype)
    return as_dtype(generator.random(shape, dtype=kind) * kind(high - low) + kind(low), dtype)
