"""Pooling over 1, 2 or 3 spatial dims: sliding windows, whole dims, and windows that adapt to an output size.

Inputs have the shape (batch, *spatial, channels), or (batch, channels, *spatial) with data_format="channels_first".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Unpack

from kerasfront import ops
from kerasfront.layers._configured import Configured, check_rank, data_format_of, one_of, per_axis
from kerasfront.layers._options import LayerOptions, NamelessOptions
from kerasfront.layers.input_spec import InputSpec
from kerasfront.ops.pooling import adaptive_average, adaptive_max, pooling_average, pooling_max
from kerasfront.typing import Tensor

Steps = int | Sequence[int]


class Pooling(Configured):
    """A layer that reduces each window of `rank` spatial dims to one value."""

    rank: int
    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    data_format: str
    _kf_needs_no_build = True
    # The op that reduces the windows.
    _kf_pool: Callable[..., Tensor]

    def __init__(
        self,
        pool_size: Steps,
        strides: Steps | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[NamelessOptions],
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = per_axis(self, "pool_size", pool_size, self.rank)
        self.strides = self.pool_size if strides is None else per_axis(self, "strides", strides, self.rank)
        self.padding = one_of(self, "padding", padding, ("valid", "same"))
        self.data_format = data_format_of(self, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs)
        return self._kf_pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


class MaxPooling(Pooling):
    """The maximum of each window."""

    _kf_pool = staticmethod(pooling_max)

    def __init__(
        self,
        pool_size: Steps = 2,
        strides: Steps | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[NamelessOptions],
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class MaxPooling1D(MaxPooling):
    """The maximum of each window of steps; the arguments are those of `MaxPooling2D`.

    >>> import kerasfront as keras
    >>> y = keras.layers.MaxPooling1D(2)(keras.ops.array([[[1.0], [3.0], [2.0], [0.0]]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[[3.0], [2.0]]]
    """

    rank = 1


class MaxPooling2D(MaxPooling, defaults={"pool_size": (2, 2)}):
    """The maximum of each window of an image, channel by channel.

    Args:
        pool_size: The height and width of the window: an integer, or two.
        strides: The step of the window: an integer, or two; None means pool_size.
        padding: "valid" (none) or "same" (output size ceil(size / stride); the padding never is the maximum).
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: An argument is out of its range.

    >>> import kerasfront as keras
    >>> keras.layers.MaxPooling2D(2)(keras.ops.ones((2, 8, 6, 3))).shape[1:] == (4, 3, 3)
    True
    """

    rank = 2


class MaxPooling3D(MaxPooling, defaults={"pool_size": (2, 2, 2)}):
    """The maximum of each window of a volume; the arguments are those of `MaxPooling2D`, for three spatial dims.

    >>> import kerasfront as keras
    >>> keras.layers.MaxPooling3D(2)(keras.ops.ones((2, 8, 6, 4, 3))).shape[1:] == (4, 3, 2, 3)
    True
    """

    rank = 3


class AveragePooling1D(Pooling):
    """The mean of each window of steps; the arguments are those of `AveragePooling2D`.

    >>> import kerasfront as keras
    >>> y = keras.layers.AveragePooling1D(2)(keras.ops.array([[[1.0], [3.0], [2.0], [0.0]]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[[2.0], [1.0]]]
    """

    rank = 1
    _kf_pool = staticmethod(pooling_average)


class AveragePooling2D(Pooling):
    """The mean of each window of an image, channel by channel.

    Args:
        pool_size: The height and width of the window: an integer, or two.
        strides: The step of the window: an integer, or two; None means pool_size.
        padding: "valid" (none) or "same" (output size ceil(size / stride); the padding doesn't count in the mean).
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: An argument is out of its range.

    >>> import kerasfront as keras
    >>> keras.layers.AveragePooling2D(2)(keras.ops.ones((2, 8, 6, 3))).shape[1:] == (4, 3, 3)
    True
    """

    rank = 2
    _kf_pool = staticmethod(pooling_average)


class AveragePooling3D(Pooling):
    """The mean of each window of a volume; the arguments are those of `AveragePooling2D`, for three spatial dims.

    >>> import kerasfront as keras
    >>> keras.layers.AveragePooling3D(2)(keras.ops.ones((2, 8, 6, 4, 3))).shape[1:] == (4, 3, 2, 3)
    True
    """

    rank = 3
    _kf_pool = staticmethod(pooling_average)


# ---- over whole dims ----------------------------------------------------------------------------------------------


class GlobalPooling(Configured):
    """A layer that reduces `rank` spatial dims to one value."""

    rank: int
    data_format: str
    keepdims: bool
    _kf_needs_no_build = True
    # The op that reduces, and the axes that it reduces.
    _kf_reduce: Callable[..., Tensor]
    _kf_axes: tuple[int, ...]

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.data_format, self.keepdims = data_format_of(self, data_format), bool(keepdims)
        first = 1 if self.data_format == "channels_last" else 2
        self._kf_axes = tuple(range(first, first + self.rank))
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs)
        return self._kf_reduce(inputs, self._kf_axes, self.keepdims)


class GlobalAveragePooling1D(GlobalPooling):
    """The mean over all steps.

    Args:
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        keepdims: Whether the reduced dim stays, with size 1.

    Call arguments:
        inputs: A tensor of shape (batch, steps, features), or (batch, features, steps).
        mask: A bool tensor of shape (batch, steps): steps where it is False don't count. Where no step counts the mean
            is 0.

    >>> import kerasfront as keras
    >>> layer = keras.layers.GlobalAveragePooling1D()
    >>> x, mask = keras.ops.array([[[1.0], [3.0], [8.0]]]), keras.ops.array([[True, True, False]])
    >>> keras.ops.convert_to_numpy(layer(x, mask=mask)).tolist()
    [[2.0]]
    """

    rank = 1
    _kf_reduce = staticmethod(ops.mean)

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True
        self._kf.makes_mask = False

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        check_rank(self, inputs)
        if mask is None:
            return ops.mean(inputs, self._kf_axes, self.keepdims)
        counts = ops.expand_dims(ops.cast(mask, ops.dtype(inputs)), 2 if self.data_format == "channels_last" else 1)
        count = ops.maximum(ops.sum(counts, self._kf_axes, keepdims=self.keepdims), 1)
        return ops.sum(inputs * counts, self._kf_axes, keepdims=self.keepdims) / count

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        return None


class GlobalAveragePooling2D(GlobalPooling):
    """The mean of each channel over the image.

    Args:
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        keepdims: Whether the reduced dims stay, with size 1.

    >>> import kerasfront as keras
    >>> keras.layers.GlobalAveragePooling2D()(keras.ops.ones((2, 8, 6, 3))).shape[1]
    3
    """

    rank = 2
    _kf_reduce = staticmethod(ops.mean)


class GlobalAveragePooling3D(GlobalPooling):
    """The mean of each channel over the volume; the arguments are those of `GlobalAveragePooling2D`.

    >>> import kerasfront as keras
    >>> keras.layers.GlobalAveragePooling3D(keepdims=True)(keras.ops.ones((2, 8, 6, 4, 3))).shape[1:] == (1, 1, 1, 3)
    True
    """

    rank = 3
    _kf_reduce = staticmethod(ops.mean)


class GlobalMaxPooling1D(GlobalPooling):
    """The maximum over all steps; the arguments are those of `GlobalMaxPooling2D`.

    >>> import kerasfront as keras
    >>> y = keras.layers.GlobalMaxPooling1D()(keras.ops.array([[[1.0], [3.0], [2.0]]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[3.0]]
    """

    rank = 1
    _kf_reduce = staticmethod(ops.amax)


class GlobalMaxPooling2D(GlobalPooling):
    """The maximum of each channel over the image.

    Args:
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        keepdims: Whether the reduced dims stay, with size 1.

    >>> import kerasfront as keras
    >>> keras.layers.GlobalMaxPooling2D()(keras.ops.ones((2, 8, 6, 3))).shape[1]
    3
    """

    rank = 2
    _kf_reduce = staticmethod(ops.amax)


class GlobalMaxPooling3D(GlobalPooling):
    """The maximum of each channel over the volume; the arguments are those of `GlobalMaxPooling2D`.

    >>> import kerasfront as keras
    >>> keras.layers.GlobalMaxPooling3D()(keras.ops.ones((2, 8, 6, 4, 3))).shape[1]
    3
    """

    rank = 3
    _kf_reduce = staticmethod(ops.amax)


# ---- windows that adapt -------------------------------------------------------------------------------------------


class AdaptivePooling(Configured):
    """A layer that reduces windows of `rank` spatial dims, which it chooses so that the output has a certain size."""

    rank: int
    output_size: tuple[int, ...]
    data_format: str
    _kf_needs_no_build = True
    # The op that reduces the windows.
    _kf_pool: Callable[..., Tensor]

    def __init__(self, output_size: Steps, data_format: str | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.output_size = per_axis(self, "output_size", output_size, self.rank)
        self.data_format = data_format_of(self, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs)
        return self._kf_pool(inputs, self.output_size, self.data_format)


class AdaptiveAveragePooling1D(AdaptivePooling):
    """The mean of windows that are chosen so that the output has `output_size` steps.

    Of n steps, window i of m covers those from floor(i n / m) to ceil((i + 1) n / m).

    Args:
        output_size: The number of steps of the output.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    >>> import kerasfront as keras
    >>> y = keras.layers.AdaptiveAveragePooling1D(2)(keras.ops.array([[[1.0], [2.0], [6.0]]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[[1.5], [4.0]]]
    """

    rank = 1
    _kf_pool = staticmethod(adaptive_average)


class AdaptiveAveragePooling2D(AdaptivePooling):
    """`AdaptiveAveragePooling1D` for images: `output_size` is an integer, or a height and a width.

    >>> import kerasfront as keras
    >>> keras.layers.AdaptiveAveragePooling2D((3, 2))(keras.ops.ones((2, 8, 6, 4))).shape[1:] == (3, 2, 4)
    True
    """

    rank = 2
    _kf_pool = staticmethod(adaptive_average)


class AdaptiveAveragePooling3D(AdaptivePooling):
    """`AdaptiveAveragePooling1D` for volumes: `output_size` is an integer, or three.

    >>> import kerasfront as keras
    >>> keras.layers.AdaptiveAveragePooling3D(2)(keras.ops.ones((2, 8, 6, 4, 3))).shape[1:] == (2, 2, 2, 3)
    True
    """

    rank = 3
    _kf_pool = staticmethod(adaptive_average)


class AdaptiveMaxPooling1D(AdaptivePooling):
    """The maximum of windows that are chosen so that the output has `output_size` steps.

    The windows are those of `AdaptiveAveragePooling1D`.

    >>> import kerasfront as keras
    >>> y = keras.layers.AdaptiveMaxPooling1D(2)(keras.ops.array([[[1.0], [2.0], [6.0]]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[[2.0], [6.0]]]
    """

    rank = 1
    _kf_pool = staticmethod(adaptive_max)


class AdaptiveMaxPooling2D(AdaptivePooling):
    """`AdaptiveMaxPooling1D` for images: `output_size` is an integer, or a height and a width.

    >>> import kerasfront as keras
    >>> keras.layers.AdaptiveMaxPooling2D((3, 2))(keras.ops.ones((2, 8, 6, 4))).shape[1:] == (3, 2, 4)
    True
    """

    rank = 2
    _kf_pool = staticmethod(adaptive_max)


class AdaptiveMaxPooling3D(AdaptivePooling):
    """`AdaptiveMaxPooling1D` for volumes: `output_size` is an integer, or three.

    >>> import kerasfront as keras
    >>> keras.layers.AdaptiveMaxPooling3D(2)(keras.ops.ones((2, 8, 6, 4, 3))).shape[1:] == (2, 2, 2, 3)
    True
    """

    rank = 3
    _kf_pool = staticmethod(adaptive_max)
