"""Noise and dropout, which act in training only, and penalties on activity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kerasfront import ops, random, regularizers
from kerasfront.layers._configured import Configured, check_rank, data_format_of, fraction, where
from kerasfront.layers._options import BareOptions, LayerOptions
from kerasfront.layers.input_spec import InputSpec
from kerasfront.random import SeedGenerator
from kerasfront.random.seed_generator import Seed
from kerasfront.typing import Config, DTypePolicyLike, Tensor


class Noise(Configured):
    """A layer that changes its inputs at random in training, and leaves them alone otherwise."""

    seed: Seed
    seed_generator: SeedGenerator

    _kf_needs_no_build = True

    def __init__(self, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        # A layer that was made with a rate of 0 has no generator: it gets one when another rate is set.
        if name in ("rate", "stddev") and value and "seed" in self.__dict__ and "seed_generator" not in self.__dict__:
            _keep_seed(self, self.seed, draws=True)


def _keep_seed(layer: Noise, seed: Seed, draws: bool) -> None:
    """Keep the seed, and a generator where the layer will draw."""
    layer.seed = seed
    if draws:
        layer.seed_generator = seed if isinstance(seed, SeedGenerator) else SeedGenerator(seed)


class Dropping(Noise):
    """A layer whose noise has a rate."""

    rate: float

    def __init__(self, rate: float, seed: Seed = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.rate = fraction(self, "rate", rate)
        _keep_seed(self, seed, draws=rate > 0)


class Dropout(Dropping):
    """In training, sets elements to 0 at random, and divides the others by `1 - rate`.

    Args:
        rate: The probability of a zero, from 0 to 1.
        noise_shape: A shape that broadcasts to that of the inputs: elements that share a place in it are dropped
            together. None in it means the size of the inputs there.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `rate` is out of its range.

    Source: Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, 2014.

    >>> import kerasfront as keras
    >>> y = keras.layers.Dropout(0.5, seed=1)(keras.ops.ones((100,)), training=True)
    >>> sorted(set(keras.ops.convert_to_numpy(y).tolist()))
    [0.0, 2.0]
    """

    noise_shape: tuple[int | None, ...] | None

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: Seed = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        if training and self.rate > 0:
            return random.dropout(inputs, self.rate, self.noise_shape, self.seed_generator)
        return inputs


class SpatialDropout(Dropping):
    """A layer that drops whole channels of `rank` spatial dims."""

    rank: int
    data_format: str = "channels_last"

    def get_config(self) -> Config:
        config = super().get_config()
        config.pop("trainable")  # the constructor of Keras's class takes no `trainable`
        return config

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        check_rank(self, inputs)
        if training and self.rate > 0:
            ones = (1,) * self.rank
            last = self.data_format == "channels_last"
            shape = (None, *ones, None) if last else (None, None, *ones)
            return random.dropout(inputs, self.rate, shape, self.seed_generator)
        return inputs


class SpatialDropout1D(SpatialDropout):
    """`Dropout` that drops whole features, over all steps; inputs are (batch, steps, features).

    >>> import kerasfront as keras
    >>> keras.layers.SpatialDropout1D(0.5)(keras.ops.ones((2, 5, 3)), training=True).shape[1:] == (5, 3)
    True
    """

    rank = 1

    def __init__(
        self,
        rate: float,
        seed: Seed = None,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
        **kwargs: Unpack[BareOptions],
    ) -> None:
        super().__init__(rate, seed, name=name, dtype=dtype, **kwargs)
        self.input_spec = InputSpec(ndim=self.rank + 2)


class SpatialDropout2D(SpatialDropout):
    """`Dropout` that drops whole channels of images.

    Args:
        rate: The probability that a channel becomes 0.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        seed: An integer, a `SeedGenerator`, or None.

    Source: Tompson et al., https://arxiv.org/abs/1411.4280

    >>> import kerasfront as keras
    >>> keras.layers.SpatialDropout2D(0.5)(keras.ops.ones((2, 5, 4, 3)), training=True).shape[1:] == (5, 4, 3)
    True
    """

    rank = 2
    data_format: str

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: Seed = None,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
        **kwargs: Unpack[BareOptions],
    ) -> None:
        super().__init__(rate, seed, name=name, dtype=dtype, **kwargs)
        self.data_format = data_format_of(self, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)


class SpatialDropout3D(SpatialDropout2D):
    """`SpatialDropout2D` for volumes.

    >>> import kerasfront as keras
    >>> keras.layers.SpatialDropout3D(0.5)(keras.ops.ones((2, 5, 4, 3, 2)), training=True).shape[1:] == (5, 4, 3, 2)
    True
    """

    rank = 3


class GaussianNoise(Noise):
    """In training, adds normally distributed noise of mean 0.

    Args:
        stddev: The standard deviation, not below 0.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `stddev` is negative.

    >>> import kerasfront as keras
    >>> float(keras.layers.GaussianNoise(0.1)(keras.ops.ones((1,)))[0])
    1.0
    """

    stddev: float

    def __init__(self, stddev: float, seed: Seed = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        if not isinstance(stddev, (int, float)) or stddev < 0:
            raise ValueError(f"Expected `stddev` of {where(self)} to be a number from 0 on, got {stddev!r}.")
        self.stddev = stddev
        _keep_seed(self, seed, draws=stddev > 0)

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        if training and self.stddev > 0:
            noise = random.normal(ops.shape(inputs), 0.0, self.stddev, self.compute_dtype, self.seed_generator)
            return inputs + noise
        return inputs


class GaussianDropout(Dropping):
    """In training, multiplies by normally distributed noise of mean 1 and variance `rate / (1 - rate)`.

    Args:
        rate: The rate of the `Dropout` whose noise has the same variance; below 1.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `rate` is out of its range.

    Source: Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, 2014.

    >>> import kerasfront as keras
    >>> float(keras.layers.GaussianDropout(0.5)(keras.ops.ones((1,)))[0])
    1.0
    """

    def __init__(self, rate: float, seed: Seed = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(rate, seed, **kwargs)
        if rate == 1:
            raise ValueError(f"Expected `rate` of {where(self)} to be below 1, where the noise is infinite.")

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        if training and self.rate > 0:
            stddev = (self.rate / (1 - self.rate)) ** 0.5
            return inputs * random.normal(ops.shape(inputs), 1.0, stddev, self.compute_dtype, self.seed_generator)
        return inputs


class AlphaDropout(Dropping):
    """Dropout for SELU networks: in training, dropped elements get SELU's limit, and mean and variance are kept.

    Args:
        rate: The probability that an element is dropped; below 1.
        noise_shape: As `Dropout` has it.
        seed: An integer, a `SeedGenerator`, or None.

    Raises:
        ValueError: `rate` is out of its range.

    Source: Klambauer et al., https://arxiv.org/abs/1706.02515

    >>> import kerasfront as keras
    >>> float(keras.layers.AlphaDropout(0.5)(keras.ops.ones((1,)))[0])
    1.0
    """

    noise_shape: tuple[int | None, ...] | None

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: Seed = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        if rate == 1:
            raise ValueError(f"Expected `rate` of {where(self)} to be below 1, where the scale is infinite.")
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        low = -1.6732632423543772 * 1.0507009873554805  # the limit of SELU towards minus infinity
        # 1 where an element stays, 0 where it is dropped.
        stays = random.dropout(ops.ones_like(inputs), self.rate, self.noise_shape, self.seed_generator) * (
            1 - self.rate
        )
        a = ((1 - self.rate) * (1 + self.rate * low**2)) ** -0.5
        return a * (inputs * stays + low * (1 - stays)) - a * low * self.rate


class ActivityRegularization(Configured):
    """Returns its inputs, and adds a penalty on them to the loss.

    Args:
        l1: The factor of the absolute values.
        l2: The factor of the squares.

    >>> import kerasfront as keras
    >>> layer = keras.layers.ActivityRegularization(l2=0.5)
    >>> _ = layer(keras.ops.array([[2.0]]))
    >>> float(layer.losses[0])
    2.0
    """

    _kf_needs_no_build = True

    l1: float
    l2: float

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Unpack[LayerOptions]) -> None:
        kwargs.setdefault("activity_regularizer", regularizers.L1L2(l1=l1, l2=l2))
        super().__init__(**kwargs)
        self.l1, self.l2 = l1, l2
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def get_config(self) -> Config:
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return config
