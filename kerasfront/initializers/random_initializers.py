"""Initializers that draw: normal, uniform, scaled by the fans, orthogonal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront.arguments import as_float
from kerasfront.errors import ShapeError
from kerasfront.initializers import initializer
from kerasfront.initializers.initializer import Array, RandomInitializer, as_dtype, drawing_dtype
from kerasfront.random.seed_generator import Seed

Axes = int | Sequence[int] | None
# The standard deviation of a standard normal variable that is cut off at -2 and 2.
_TRUNCATED_STDDEV = 0.87962566103423978


class RandomNormal(RandomInitializer):
    """Normally distributed values.

    Args:
        mean: Their mean.
        stddev: Their standard deviation.
        seed: An integer (the same values at every call), a SeedGenerator, or None.

    >>> import kerasfront as keras
    >>> v = keras.Variable(keras.initializers.RandomNormal(mean=1.0, stddev=0.1, seed=0), shape=(1000,))
    >>> bool(abs(v.numpy().mean() - 1.0) < 0.02)
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.mean: float = mean
        self.stddev: float = as_float(stddev, "stddev", type(self).__name__, least=0)

    def draw(self, shape: tuple[int, ...], dtype: str) -> Array:
        return initializer.normal(self.generator(), shape, self.mean, self.stddev, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Normally distributed values, drawn again where they lie more than two standard deviations from the mean.

    Args:
        mean: The mean.
        stddev: The standard deviation before values are drawn again.
        seed: An integer (the same values at every call), a SeedGenerator, or None.

    >>> import kerasfront as keras
    >>> v = keras.Variable(keras.initializers.TruncatedNormal(stddev=1.0, seed=0), shape=(1000,))
    >>> bool(abs(v.numpy()).max() <= 2.0)
    True
    """

    def draw(self, shape: tuple[int, ...], dtype: str) -> Array:
        return initializer.truncated_normal(self.generator(), shape, self.mean, self.stddev, dtype)


class RandomUniform(RandomInitializer):
    """Uniformly distributed values, from `minval` up to, not including, `maxval`; integers where the dtype is one.

    Args:
        minval: The lower bound.
        maxval: The upper bound.
        seed: An integer (the same values at every call), a SeedGenerator, or None.

    >>> import kerasfront as keras
    >>> v = keras.Variable(keras.initializers.RandomUniform(0.0, 1.0, seed=0), shape=(100,))
    >>> bool((v.numpy() >= 0).all() and (v.numpy() < 1).all())
    True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.minval: float = minval
        self.maxval: float = maxval

    def draw(self, shape: tuple[int, ...], dtype: str) -> Array:
        return initializer.uniform(self.generator(), shape, self.minval, self.maxval, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


def _axes(axes: Axes) -> tuple[int, ...] | None:
    if axes is None:
        return None
    return (axes,) if isinstance(axes, int) else tuple(axes)


def fans(shape: tuple[int, ...], input_axes: Axes = None, output_axes: Axes = None) -> tuple[int, int]:
    """Return how many inputs one output has, and how many outputs one input: `(fan_in, fan_out)`.

    The last two dims of a kernel are the channels that go in and come out, those before them its extent in space.
    Where both `input_axes` and `output_axes` are given, the fans are the products of these dims.
    """
    given_in, given_out = _axes(input_axes), _axes(output_axes)
    if given_in is not None and given_out is not None:
        return math.prod(shape[a] for a in given_in), math.prod(shape[a] for a in given_out)
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    extent = math.prod(shape[:-2])
    return shape[-2] * extent, shape[-1] * extent


class VarianceScaling(RandomInitializer):
    """Values with the variance `scale / n`, where n is a fan of the shape: activations keep their scale.

    Args:
        scale: A positive number.
        mode: What n is: "fan_in" (the inputs of an output), "fan_out" (the outputs of an input) or "fan_avg" (their
            mean).
        distribution: "truncated_normal" (also called "normal"), "untruncated_normal" or "uniform".
        seed: An integer (the same values at every call), a SeedGenerator, or None.
        input_axes: With `output_axes`: the axes of the inputs, for shapes that aren't those of Dense or Conv kernels.
        output_axes: The axes of the outputs.

    Raises:
        ValueError: An argument has none of these values.

    Reference: Glorot and Bengio (2010), He et al., https://arxiv.org/abs/1502.01852

    >>> import kerasfront as keras
    >>> v = keras.Variable(keras.initializers.VarianceScaling(distribution="uniform", seed=0), shape=(300, 10))
    >>> bool(abs(v.numpy()).max() < 0.1)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Seed = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(seed)
        if scale <= 0:
            raise ValueError(f"Expected the `scale` of {type(self).__name__} to be positive, got {scale!r}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f'Expected `mode` to be "fan_in", "fan_out" or "fan_avg", got {mode!r}.')
        distribution = str(distribution).lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                f'Expected `distribution` to be "uniform", "truncated_normal" or "untruncated_normal", '
                f"got {distribution!r}."
            )
        self.scale: float = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes: Axes = input_axes
        self.output_axes: Axes = output_axes

    def draw(self, shape: tuple[int, ...], dtype: str) -> Array:
        fan_in, fan_out = fans(shape, self.input_axes, self.output_axes)
        size = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, size)
        generator = self.generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return initializer.uniform(generator, shape, -limit, limit, dtype)
        if self.distribution == "untruncated_normal":
            return initializer.normal(generator, shape, 0.0, math.sqrt(variance), dtype)
        return initializer.truncated_normal(generator, shape, 0.0, math.sqrt(variance) / _TRUNCATED_STDDEV, dtype)

    def get_config(self) -> dict[str, Any]:
        own = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return {**super().get_config(), **own, "input_axes": self.input_axes, "output_axes": self.output_axes}


class _Scaled(VarianceScaling):
    """A VarianceScaling whose scale, mode and distribution its class says."""

    fixed: tuple[float, str, str]

    def __init__(self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        super().__init__(*self.fixed, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {key: config[key] for key in ("seed", "input_axes", "output_axes")}


class GlorotUniform(_Scaled):
    """Uniform values of the variance `2 / (fan_in + fan_out)`, also called Xavier's.

    Args:
        seed: An integer (the same values at every call), a SeedGenerator, or None.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.

    Reference: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.

    >>> import kerasfront as keras
    >>> keras.Variable("glorot_uniform", shape=(4, 2)).shape
    (4, 2)
    """

    fixed: tuple[float, str, str] = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal values of the variance `2 / (fan_in + fan_out)`. Arguments: as `GlorotUniform`.

    Reference: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.
    """

    fixed: tuple[float, str, str] = (1.0, "fan_avg", "truncated_normal")


class HeNormal(_Scaled):
    """Truncated normal values of the variance `2 / fan_in`. Arguments: as `GlorotUniform`.

    Reference: He et al., https://arxiv.org/abs/1502.01852
    """

    fixed: tuple[float, str, str] = (2.0, "fan_in", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform values of the variance `2 / fan_in`. Arguments: as `GlorotUniform`.

    Reference: He et al., https://arxiv.org/abs/1502.01852
    """

    fixed: tuple[float, str, str] = (2.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal values of the variance `1 / fan_in`. Arguments: as `GlorotUniform`.

    Reference: Klambauer et al., https://arxiv.org/abs/1706.02515
    """

    fixed: tuple[float, str, str] = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform values of the variance `1 / fan_in`. Arguments: as `GlorotUniform`.

    Reference: Klambauer et al., https://arxiv.org/abs/1706.02515
    """

    fixed: tuple[float, str, str] = (1.0, "fan_in", "uniform")


class Orthogonal(RandomInitializer):
    """A random matrix whose columns (or rows, where it is wide) are orthonormal, times `gain`.

    Shapes with more than two dims are made as the matrix `(product of all but the last dim, last dim)`.

    Args:
        gain: What the matrix is multiplied by.
        seed: An integer (the same values at every call), a SeedGenerator, or None.

    Raises:
        ShapeError: The shape has fewer than two dims.

    Reference: Saxe et al., https://arxiv.org/abs/1312.6120

    >>> import kerasfront as keras
    >>> w = keras.Variable(keras.initializers.Orthogonal(seed=0), shape=(3, 3)).numpy()
    >>> (w.T @ w).round(4).trace().item()
    3.0
    """

    def __init__(self, gain: float = 1.0, seed: Seed = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def draw(self, shape: tuple[int, ...], dtype: str) -> Array:
        if len(shape) < 2:
            raise ShapeError(f"Orthogonal makes matrices: expected a shape with two or more dims, got {shape}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(self.generator().standard_normal(tall, dtype=drawing_dtype(dtype)).astype("float64"))
        # The signs make the decomposition unique, and the matrix uniformly distributed.
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        return as_dtype((self.gain * (q.T if rows < columns else q)).reshape(shape), dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}
