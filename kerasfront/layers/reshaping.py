"""Layers that move, repeat, cut off or pad elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

from kerasfront import ops
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import Configured, check_rank, data_format_of, one_of, per_axis, positive, where
from kerasfront.layers._options import LayerOptions
from kerasfront.layers.input_spec import InputSpec
from kerasfront.typing import Shape, Tensor


class Flatten(Configured):
    """Each sample as one vector.

    Args:
        data_format: With "channels_first" the channels are moved to the end before, so that a model gives the same
            with either; None means `config.image_data_format()`.

    >>> import kerasfront as keras
    >>> keras.layers.Flatten()(keras.ops.ones((2, 3, 4))).shape[1]
    12
    """

    _kf_needs_no_build = True

    data_format: str

    def __init__(self, data_format: str | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(self, data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Tensor) -> Tensor:
        rank = len(inputs.shape)
        if rank == 2:
            return inputs
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        size = _product(inputs.shape[1:])
        # The batch is -1, since a compiled graph may not know it. In a tensor without elements -1 would be ambiguous.
        return ops.reshape(inputs, (-1, size) if size else (ops.shape(inputs)[0], -1 if size is None else 0))


def _product(dims: Any) -> int | None:
    """Return the product of dims; None where one isn't known."""
    return math.prod(dims) if all(isinstance(d, int) for d in dims) else None


class Reshape(Configured):
    """Each sample in another shape, in row-major order.

    Args:
        target_shape: The shape without the batch; one dim may be -1: what is left.

    Raises:
        ValueError: The shape has several -1, or the sizes don't fit.

    >>> import kerasfront as keras
    >>> keras.layers.Reshape((-1, 2))(keras.ops.ones((2, 3, 4))).shape[1:] == (6, 2)
    True
    """

    _kf_needs_no_build = True

    target_shape: tuple[int, ...]

    def __init__(self, target_shape: int | Sequence[int], **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        target = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if any(not isinstance(d, int) or d < -1 for d in target) or target.count(-1) > 1:
            raise ValueError(
                f"Expected `target_shape` of {where(self)} to be integers from 0 on and at most one -1, "
                f"got {target_shape!r}."
            )
        self.target_shape = target

    def call(self, inputs: Tensor) -> Tensor:
        target = _resolved_shape(self, inputs.shape[1:])
        if -1 in target or not math.prod(target):
            return ops.reshape(inputs, (ops.shape(inputs)[0], *target))
        return ops.reshape(inputs, (-1, *target))


def _resolved_shape(layer: Reshape, dims: Any) -> tuple[int, ...]:
    """Return the target with its -1 replaced, where the inputs' size is known."""
    target, size = layer.target_shape, _product(dims)
    if size is None:
        return target
    rest = math.prod([d for d in target if d != -1])
    if (size % rest if rest and -1 in target else size != rest) or (not rest and size):
        raise ShapeError(
            f"Expected the samples of the inputs of {where(layer)} to have the size of {target}, "
            f"got samples of shape {tuple(dims)}."
        )
    return tuple(size // rest if d == -1 and rest else 0 if d == -1 else d for d in target)


class Permute(Configured):
    """The axes of each sample in another order.

    Args:
        dims: A permutation of 1, 2, ...: the axes of the inputs in the order of the output's.

    Raises:
        ValueError: `dims` is no permutation of 1, 2, ...

    >>> import kerasfront as keras
    >>> keras.layers.Permute((2, 1))(keras.ops.ones((2, 3, 4))).shape[1:] == (4, 3)
    True
    """

    _kf_needs_no_build = True

    dims: tuple[int, ...]

    def __init__(self, dims: Sequence[int], **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"Expected `dims` of {where(self)} to be a permutation of 1, 2, ..., got {dims!r}.")
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.transpose(inputs, (0, *self.dims))


class RepeatVector(Configured):
    """A vector `n` times, as steps: (batch, features) becomes (batch, n, features).

    Args:
        n: How often.

    Raises:
        ValueError: `n` is no positive integer.

    >>> import kerasfront as keras
    >>> keras.layers.RepeatVector(3)(keras.ops.ones((2, 4))).shape[1:] == (3, 4)
    True
    """

    _kf_needs_no_build = True

    n: int

    def __init__(self, n: int, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.n = positive(self, "n", n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs)
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)


# ---- cropping and padding -----------------------------------------------------------------------------------------


def _sides(layer: Configured, name: str, value: Any, rank: int) -> Sides:
    """Return how much is meant at the start and the end of each dim: by an integer, one per dim, or a pair per dim."""
    per_dim = (value,) * rank if isinstance(value, int) else value
    pairs = [(v, v) if isinstance(v, int) else v for v in per_dim] if isinstance(per_dim, (list, tuple)) else []
    if len(pairs) != rank or any(not _is_pair(p) for p in pairs):
        raise ValueError(
            f"Expected `{name}` of {where(layer)} to be an integer from 0 on, {rank} of them, or {rank} pairs of them, "
            f"got {value!r}."
        )
    return tuple((int(a), int(b)) for a, b in pairs)


def _is_pair(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(v, int) and v >= 0 for v in value)


def _pair(layer: Configured, name: str, value: Any) -> tuple[int, int]:
    """Return how much is meant at the start and the end of the only dim: an integer, or two."""
    pair = (value, value) if isinstance(value, int) else value
    if not _is_pair(pair):
        raise ValueError(f"Expected `{name}` of {where(layer)} to be an integer from 0 on, or two, got {value!r}.")
    return int(pair[0]), int(pair[1])


Sides = tuple[tuple[int, int], ...]


class Cropping(Configured):
    """A layer that cuts off the start and the end of each spatial dim."""

    rank: int
    data_format: str = "channels_last"
    cropping: Any
    # How much is cut off the start and the end of each dim, and the slices of what stays.
    _kf_sides: Sides
    _kf_key: tuple[slice, ...]

    def build(self, input_shape: Shape) -> None:
        first = _first_spatial_axis(self.data_format)
        for size, (before, after) in zip(input_shape[first:], self._kf_sides, strict=False):
            if size is not None and size <= before + after:
                raise ShapeError(
                    f"The cropping {self.cropping} of {where(self)} leaves nothing of inputs of shape "
                    f"{tuple(input_shape)}."
                )

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs)
        return inputs[self._kf_key]


def _crop(layer: Cropping, sides: Sides) -> None:
    """Let the layer cut off `sides`."""
    layer._kf_sides = sides
    spatial = tuple(slice(a, -b if b else None) for a, b in sides)
    whole = slice(None)
    layer._kf_key = (whole, *spatial) if layer.data_format == "channels_last" else (whole, whole, *spatial)
    layer.input_spec = InputSpec(ndim=layer.rank + 2)


class Cropping1D(Cropping):
    """Cuts steps off at the start and the end; inputs are (batch, steps, features). A mask is cut alike.

    Args:
        cropping: How many: an integer, or two (start, end).

    Raises:
        ValueError: `cropping` is malformed, or leaves nothing.

    >>> import kerasfront as keras
    >>> keras.layers.Cropping1D((1, 2))(keras.ops.ones((2, 8, 3))).shape[1:] == (5, 3)
    True
    """

    rank = 1
    cropping: tuple[int, int]

    def __init__(self, cropping: int | Sequence[int | Sequence[int]] = (1, 1), **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.cropping = _pair(self, "cropping", cropping)
        _crop(self, (self.cropping,))
        self.supports_masking = True

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        return None if mask is None else ops.get_item(mask, self._kf_key)


class Cropping2D(Cropping):
    """Cuts rows and columns off images.

    Args:
        cropping: An integer, two (rows, columns), or two pairs: ((top, bottom), (left, right)).
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: `cropping` is malformed, or leaves nothing.

    >>> import kerasfront as keras
    >>> keras.layers.Cropping2D(((1, 2), (0, 1)))(keras.ops.ones((2, 8, 8, 3))).shape[1:] == (5, 7, 3)
    True
    """

    rank = 2
    data_format: str
    cropping: Sides

    def __init__(
        self,
        cropping: int | Sequence[int | Sequence[int]] = ((0, 0), (0, 0)),
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(self, data_format)
        self.cropping = _sides(self, "cropping", cropping, self.rank)
        _crop(self, self.cropping)


class Cropping3D(Cropping):
    """Cuts planes off volumes; the arguments are those of `Cropping2D`, for three dims.

    >>> import kerasfront as keras
    >>> keras.layers.Cropping3D(1)(keras.ops.ones((2, 8, 7, 6, 3))).shape[1:] == (6, 5, 4, 3)
    True
    """

    rank = 3
    data_format: str
    cropping: Sides

    def __init__(
        self,
        cropping: int | Sequence[int | Sequence[int]] = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(self, data_format)
        self.cropping = _sides(self, "cropping", cropping, self.rank)
        _crop(self, self.cropping)


class ZeroPadding(Configured):
    """A layer that puts zeros at the start and the end of each spatial dim."""

    rank: int
    data_format: str
    padding: Any
    _kf_needs_no_build = True
    # How many zeros there are at the start and the end of each axis.
    _kf_width: Sides

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs)
        return ops.pad(inputs, self._kf_width)


def _pad(layer: ZeroPadding, sides: Sides) -> None:
    """Let the layer put `sides` around the spatial dims."""
    last = layer.data_format == "channels_last"
    layer._kf_width = ((0, 0), *sides, (0, 0)) if last else ((0, 0), (0, 0), *sides)
    layer.input_spec = InputSpec(ndim=layer.rank + 2)


class ZeroPadding1D(ZeroPadding):
    """Puts steps of zeros at the start and the end. Under a mask these don't count (channels_last only).

    Args:
        padding: How many: an integer, or two (start, end).
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: `padding` is malformed.

    >>> import kerasfront as keras
    >>> keras.layers.ZeroPadding1D((1, 2))(keras.ops.ones((2, 5, 3))).shape[1:] == (8, 3)
    True
    """

    rank = 1
    data_format: str
    supports_masking: bool
    padding: tuple[int, int]

    def __init__(
        self,
        padding: int | Sequence[int | Sequence[int]] = 1,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(self, data_format)
        self.padding = _pair(self, "padding", padding)
        _pad(self, (self.padding,))
        self.supports_masking = self.data_format == "channels_last"

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        return None if mask is None else ops.pad(mask, self._kf_width[:2])


class ZeroPadding2D(ZeroPadding):
    """Puts rows and columns of zeros around images.

    Args:
        padding: An integer, two (rows, columns), or two pairs: ((top, bottom), (left, right)).
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: `padding` is malformed.

    >>> import kerasfront as keras
    >>> keras.layers.ZeroPadding2D(((1, 2), (0, 1)))(keras.ops.ones((2, 4, 4, 3))).shape[1:] == (7, 5, 3)
    True
    """

    rank = 2
    data_format: str
    padding: Sides

    def __init__(
        self,
        padding: int | Sequence[int | Sequence[int]] = (1, 1),
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(self, data_format)
        self.padding = _sides(self, "padding", padding, self.rank)
        _pad(self, self.padding)


class ZeroPadding3D(ZeroPadding):
    """Puts planes of zeros around volumes; the arguments are those of `ZeroPadding2D`, for three dims.

    >>> import kerasfront as keras
    >>> keras.layers.ZeroPadding3D(1)(keras.ops.ones((2, 4, 3, 2, 1))).shape[1:] == (6, 5, 4, 1)
    True
    """

    rank = 3
    data_format: str
    padding: Sides

    def __init__(
        self,
        padding: int | Sequence[int | Sequence[int]] = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(self, data_format)
        self.padding = _sides(self, "padding", padding, self.rank)
        _pad(self, self.padding)


# ---- upsampling ---------------------------------------------------------------------------------------------------


def _first_spatial_axis(data_format: str) -> int:
    return 1 if data_format == "channels_last" else 2


_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class UpSampling1D(Configured):
    """Each step `size` times, with its mask.

    Args:
        size: How often.

    Raises:
        ValueError: `size` is no positive integer.

    >>> import kerasfront as keras
    >>> y = keras.layers.UpSampling1D(2)(keras.ops.array([[[1.0], [2.0]]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[[1.0], [1.0], [2.0], [2.0]]]
    """

    _kf_needs_no_build = True

    size: int

    def __init__(self, size: int = 2, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.size = positive(self, "size", size[0] if isinstance(size, (list, tuple)) and len(size) == 1 else size)
        self.input_spec = InputSpec(ndim=3)
        self.supports_masking = True

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        return None if mask is None else ops.repeat(mask, self.size, axis=1)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs)
        return ops.repeat(inputs, self.size, axis=1)


class UpSampling2D(Configured):
    """Makes images larger by whole factors.

    Args:
        size: The factors of height and width: an integer, or two.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.
        interpolation: "nearest" (each pixel is repeated), "bilinear", "bicubic", "lanczos3" or "lanczos5".

    Raises:
        ValueError: An argument is out of its range.

    >>> import kerasfront as keras
    >>> keras.layers.UpSampling2D((2, 3))(keras.ops.ones((2, 4, 5, 3))).shape[1:] == (8, 15, 3)
    True
    """

    _kf_needs_no_build = True

    size: tuple[int, ...]
    data_format: str
    interpolation: str

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.size = per_axis(self, "size", size, 2)
        self.data_format = data_format_of(self, data_format)
        self.interpolation = one_of(self, "interpolation", interpolation, _INTERPOLATIONS)
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs)
        first = _first_spatial_axis(self.data_format)
        if self.interpolation == "nearest":
            return ops.repeat(ops.repeat(inputs, self.size[0], axis=first), self.size[1], axis=first + 1)
        height, width = ops.shape(inputs)[first : first + 2]
        size = (height * self.size[0], width * self.size[1])
        return ops.image.resize(inputs, size, interpolation=self.interpolation, data_format=self.data_format)


class UpSampling3D(Configured):
    """Repeats each element of volumes.

    Args:
        size: How often along each dim: an integer, or three.
        data_format: "channels_last" or "channels_first"; None means `config.image_data_format()`.

    Raises:
        ValueError: `size` is no positive integer, nor three.

    >>> import kerasfront as keras
    >>> keras.layers.UpSampling3D(2)(keras.ops.ones((2, 2, 3, 4, 1))).shape[1:] == (4, 6, 8, 1)
    True
    """

    _kf_needs_no_build = True

    size: tuple[int, ...]
    data_format: str

    def __init__(
        self, size: int | Sequence[int] = (2, 2, 2), data_format: str | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.size = per_axis(self, "size", size, 3)
        self.data_format = data_format_of(self, data_format)
        self.input_spec = InputSpec(ndim=5)

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs)
        for axis, times in enumerate(self.size, _first_spatial_axis(self.data_format)):
            inputs = ops.repeat(inputs, times, axis=axis)
        return inputs
