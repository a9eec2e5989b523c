"""Layers that prepare numbers: rescaling, normalization, bins, class numbers as vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, Unpack

import numpy as np

from kerasfront import ops
from kerasfront.arguments import as_float, plain, several, wrong
from kerasfront.errors import NotBuiltError, ShapeError
from kerasfront.layers._configured import positive, where
from kerasfront.layers._options import LayerOptions
from kerasfront.layers.data_layer import DataLayer
from kerasfront.layers.input_spec import InputSpec, check_inputs
from kerasfront.layers.preprocessing._encoding import MODES, encoded, encoded_shape, output_mode_of
from kerasfront.layers.preprocessing._quantiles import Quantiles
from kerasfront.layers.preprocessing._streams import AdaptData, batches
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.tracking import assign_untracked
from kerasfront.typing import Config, DTypePolicyLike, Shape, Tensor, TensorLike

Array = np.ndarray[Any, Any]
Numbers = float | Sequence[float] | Array

# The least standard deviation. The value is Keras's.
_EPSILON = 1e-7


class Rescaling(DataLayer):
    """`inputs * scale + offset`, in the layer's dtype: integers become floats.

    Args:
        scale: A number, or one per channel.
        offset: A number, or one per channel.

    >>> import kerasfront as keras
    >>> y = keras.layers.Rescaling(1 / 255)(keras.ops.array([[0, 255]], dtype="uint8"))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[0.0, 1.0]]
    """

    _kf_needs_no_build = True

    scale: Numbers
    offset: Numbers

    def __init__(self, scale: Numbers, offset: Numbers = 0.0, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = _plain(scale), _plain(offset)
        self._kf_factors = _numbers(self, "scale", self.scale), _numbers(self, "offset", self.offset)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        scale, offset = (
            x if isinstance(x, float) else ops.convert_to_tensor(x, self.compute_dtype) for x in self._kf_factors
        )
        x = ops.multiply(ops.cast(inputs, self.compute_dtype), scale)
        return x if isinstance(offset, float) and not offset else ops.add(x, offset)


def _plain(value: Numbers) -> Numbers:
    """Return numbers as a config holds them."""
    return [plain(n) for n in value] if isinstance(value, (list, tuple)) else plain(value)


def _numbers(layer: Rescaling, name: str, value: Numbers) -> float | Array:
    """Return an argument as a number or an array of them.

    Raises:
        ValueError: It is neither.
    """
    if several(value) is None and len(getattr(value, "shape", ())) == 0:
        return float(as_float(value, name, where(layer)))
    array = np.asarray(value)
    if array.dtype.kind in "OSUb":
        raise wrong(name, where(layer), "a number, or one for each channel", value)
    return array


@dataclass(frozen=True)
class _Axes:
    """Which axes of a batch a Normalization keeps, for inputs of one rank.

    Attributes:
        reduced: The axes over which mean and variance are taken.
        shape: The shape in which mean and variance broadcast to a batch.
    """

    reduced: tuple[int, ...]
    shape: tuple[int, ...]


class _Moments:
    """The count, the mean and the sum of squared differences from it, of all batches that came."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: Any = np.float64(0.0)
        self.squares: Any = np.float64(0.0)

    def add(self, batch: Array, axes: tuple[int, ...]) -> None:
        """Take in a batch, whose statistics are taken over these axes."""
        x = batch.astype("float64")
        size = math.prod(x.shape[a] for a in axes)
        if not size:
            return
        mean = x.mean(axes, keepdims=True)
        squares = np.square(x - mean).sum(axes)
        difference = mean.reshape(squares.shape) - self.mean
        total = self.count + size
        self.mean = self.mean + difference * (size / total)
        self.squares = self.squares + squares + np.square(difference) * (self.count * size / total)
        self.count = total


class Normalization(DataLayer):
    """`(inputs - mean) / sqrt(variance)`, with mean and variance learnt by `adapt` or given.

    Mean and variance are kept, and the output is computed, in float32 at least: half precision would lose too much of
    a mean that is far from 0.

    Args:
        axis: The axis, or axes, along which each entry has a mean and a variance of its own; None: one for all.
            Axis 0 is the batch.
        mean: The mean, a number or an array that broadcasts to the shape of the kept axes.
        variance: The variance; it goes with `mean`.
        invert: Whether the layer turns normalized values back: `mean + inputs * sqrt(variance)`.

    A variance of 0 counts as 1e-14: where all data was equal, the mean becomes 0.

    Raises:
        ValueError: Only one of mean and variance is given.

    >>> import kerasfront as keras
    >>> layer = keras.layers.Normalization()
    >>> layer.adapt([[0.0, 7.0], [2.0, 9.0], [4.0, 5.0]])
    >>> keras.ops.convert_to_numpy(layer([[2.0, 7.0]])).tolist()
    [[0.0, 0.0]]
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: TensorLike | None = None,
        variance: TensorLike | None = None,
        invert: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Expected {where(self)} to get both `mean` and `variance` or neither, "
                f"got mean={mean}, variance={variance}."
            )
        self.invert = invert
        self._kf_statistics: tuple[Array, Array] | None = None
        if mean is not None:
            self._kf_statistics = np.asarray(mean, "float32"), np.asarray(variance, "float32")
        self._kf_axes: _Axes | None = None
        self._kf_moments = _Moments()
        self.supports_masking = True
        self.autocast = False  # half precision would lose digits before the mean is taken away

    def build(self, input_shape: Shape) -> None:
        """Make the statistics (0 and 1) for inputs of this shape.

        Raises:
            ShapeError: A kept axis is of unknown size, or isn't there.
        """
        rank = len(input_shape)
        if any(not -rank <= a < rank for a in self.axis):
            raise ShapeError(f"{where(self)} keeps the axes {self.axis}; inputs of the shape {input_shape} came.")
        kept_axes = sorted(a % rank for a in self.axis)
        if any(input_shape[a] is None for a in kept_axes):
            raise ShapeError(
                f"{where(self)} needs the sizes of the axes {self.axis} that it keeps: the inputs have the shape "
                f"{tuple(input_shape)}."
            )
        self.input_spec = InputSpec(min_ndim=rank, axes={a - rank: input_shape[a] for a in kept_axes})
        shape = tuple(size for a in kept_axes if (size := input_shape[a]) is not None)
        sizes = dict(zip(kept_axes, shape, strict=True))
        reduced = tuple(a for a in range(rank) if a not in sizes)
        self._kf_axes = _Axes(reduced, tuple(sizes.get(a, 1) for a in range(rank)))
        if self._kf_statistics is not None:
            for statistic in self._kf_statistics:
                np.broadcast_to(statistic, shape)  # raises where it doesn't fit
            return
        options: dict[str, Any] = {"trainable": False, "autocast": False}
        dtype = _wide_dtype(self)
        self.adapt_mean = self.add_weight(shape, "zeros", name="mean", dtype=dtype, **options)
        self.adapt_variance = self.add_weight(shape, "ones", name="variance", dtype=dtype, **options)
        self.count = self.add_weight((), "zeros", name="count", dtype=dtypes.held("int64"), trainable=False)

    @property
    def mean(self) -> Any:
        """The mean, of a shape that broadcasts to the inputs; before the layer is built, what was given."""
        return _statistics(self)[0]

    @property
    def variance(self) -> Any:
        """The variance, as `mean`."""
        return _statistics(self)[1]

    def adapt(self, data: AdaptData) -> None:
        """Learn mean and variance; what was learnt before is forgotten.

        They are computed in one pass, batch by batch, in float64, by the formula that joins the statistics of two
        sets: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample
        variances", 1979.

        Args:
            data: An array, a tensor, or what yields batches: a generator, a PyDataset, a tf.data.Dataset, a torch
                DataLoader. The batches are never held together.

        Raises:
            ValueError: Mean and variance were given to the constructor.
        """
        self.reset_state()
        self.update_state(data)
        self.finalize_state()

    @property
    def is_adaptable(self) -> bool:
        """Whether there is something to learn: not where mean and variance were given."""
        return self._kf_statistics is None

    def reset_state(self) -> None:
        """Forget what `update_state` saw."""
        if not self.is_adaptable:
            raise ValueError(f"{where(self)} got its mean and variance when it was made: there is nothing to adapt.")
        self._kf_moments = _Moments()

    def update_state(self, data: AdaptData) -> None:
        """Look at a batch; `finalize_state` makes mean and variance of what was seen."""
        for batch in batches(data):
            if not self.built:
                self.build((None, *batch.shape[1:]) if batch.ndim else ())
            axes = _axes(self)
            if len(batch.shape) != len(axes.shape):
                raise ShapeError(f"{where(self)} adapts to batches of rank {len(axes.shape)}; {batch.shape} came.")
            self._kf_moments.add(batch, axes.reduced)

    def finalize_state(self) -> None:
        """Set mean and variance to those of what was seen."""
        moments = self._kf_moments
        if moments.count:
            dtype = _wide_dtype(self)
            self.adapt_mean.assign(moments.mean.astype(dtype))
            self.adapt_variance.assign((moments.squares / moments.count).astype(dtype))
            self.count.assign(min(moments.count, np.iinfo(self.count.dtype).max))

    def call(self, inputs: Tensor) -> Tensor:
        if len(inputs.shape) < len(_axes(self).shape):  # such inputs would broadcast to another shape
            check_inputs(self.input_spec, inputs, self)
        x = ops.cast(inputs, _wide_dtype(self))
        mean, variance = _statistics(self)
        deviation = ops.maximum(ops.sqrt(variance), _EPSILON)
        x = ops.add(mean, ops.multiply(x, deviation)) if self.invert else ops.divide(ops.subtract(x, mean), deviation)
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:  # type: ignore[override]
        return tuple(input_shape)

    def get_config(self) -> Config:
        mean, variance = (None, None) if self._kf_statistics is None else (v.tolist() for v in self._kf_statistics)
        config = {"axis": list(self.axis) or None, "invert": self.invert, "mean": mean, "variance": variance}
        return {**super().get_config(), **config}


def _wide_dtype(layer: Normalization) -> str:
    """Return the dtype in which a layer computes: float32 at least."""
    return "float64" if layer.compute_dtype == "float64" else "float32"


def _axes(layer: Normalization) -> _Axes:
    assert layer._kf_axes is not None, "The layer is built."
    return layer._kf_axes


def _statistics(layer: Normalization) -> tuple[Any, Any]:
    """Return mean and variance in a shape that broadcasts to the inputs; before the layer is built, what was given."""
    statistics = layer._kf_statistics
    if not layer.built:
        return (None, None) if statistics is None else statistics
    shape, dtype = _axes(layer).shape, _wide_dtype(layer)
    if statistics is not None:
        kept_shape = [n for a, n in enumerate(shape) if a not in _axes(layer).reduced]
        arrays = [np.broadcast_to(v, kept_shape).reshape(shape) for v in statistics]
        return ops.convert_to_tensor(arrays[0], dtype), ops.convert_to_tensor(arrays[1], dtype)
    weights = [layer.convert_weight(w) for w in (layer.adapt_mean, layer.adapt_variance)]
    return ops.reshape(ops.cast(weights[0], dtype), shape), ops.reshape(ops.cast(weights[1], dtype), shape)


class Discretization(DataLayer):
    """Numbers as the numbers of the bins that they lie in.

    Args:
        bin_boundaries: Where bins begin, ascending: `[0.0, 1.0]` makes 3 bins, below 0, from 0 to 1, and from 1 on.
        num_bins: How many bins of about equal counts `adapt` makes, instead of `bin_boundaries`.
        epsilon: How far `adapt` may err, as a fraction of the data. It never errs by more than 0.001 (see
            `Quantiles`), and not at all up to 16,384 numbers, where Keras's sketch does.
        output_mode: "int" (the bin, int32), "one_hot", "multi_hot" or "count", as for `CategoryEncoding`.
        sparse: Whether the output is sparse, where the backend has sparse tensors; not with "int".
        dtype: The dtype of the output in the other modes.
        name: A name.

    A NaN lies in the last bin.

    >>> import kerasfront as keras
    >>> layer = keras.layers.Discretization(bin_boundaries=[0.0, 1.0, 2.0])
    >>> keras.ops.convert_to_numpy(layer([[-0.5, 0.0], [1.5, 9.0]])).tolist()
    [[0, 1], [2, 3]]
    """

    _kf_needs_no_build = True

    bin_boundaries: list[float] | None

    def __init__(
        self,
        bin_boundaries: Sequence[float] | Array | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: DTypePolicyLike | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype or ("float32" if output_mode == "int" else None), name=name)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                f"Expected {where(self)} to get one of `bin_boundaries` and `num_bins`, "
                f"got bin_boundaries={bin_boundaries}, num_bins={num_bins}."
            )
        if num_bins is not None:
            positive(self, "num_bins", num_bins)
        if epsilon <= 0:
            raise ValueError(f"Expected `epsilon` of {where(self)} to be positive, got {epsilon}.")
        self.output_mode: str = output_mode_of(self, output_mode, MODES)
        if sparse and output_mode == "int":
            raise ValueError(f"{where(self)} has no sparse output in the mode 'int'.")
        self.num_bins: int | None = num_bins
        self.epsilon: float = epsilon
        self.sparse: bool = sparse
        _set_boundaries(self, bin_boundaries)
        self._kf_quantiles = Quantiles(epsilon)
        self.autocast = False  # a number would fall into another bin

    @property
    def output_dtype(self) -> str:
        """The dtype of the output."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    @property
    def is_adaptable(self) -> bool:
        """Whether there is something to learn: not where boundaries were given."""
        return self.num_bins is not None

    def adapt(self, data: AdaptData, steps: int | None = None) -> None:
        """Learn the boundaries of bins of about equal counts; what was learnt before is forgotten.

        Args:
            data: An array, or what yields batches; the data is looked at batch by batch, and not held.
            steps: How many batches; None means all.
        """
        self.reset_state()
        for batch in batches(data, steps):
            self._kf_quantiles.add(batch)
        self.finalize_state()

    def update_state(self, data: AdaptData) -> None:
        """Look at a batch; `finalize_state` makes the boundaries."""
        for batch in batches(data):
            self._kf_quantiles.add(batch)

    def finalize_state(self) -> None:
        """Make the boundaries from what was seen."""
        if self.num_bins is not None and self._kf_quantiles.count:
            fractions = np.arange(1, self.num_bins) / self.num_bins
            _set_boundaries(self, self._kf_quantiles.at(fractions))

    def reset_state(self) -> None:
        """Forget what was seen."""
        if not self.is_adaptable:
            raise ValueError(f"{where(self)} got its boundaries when it was made: there is nothing to adapt.")
        self._kf_quantiles = Quantiles(self.epsilon)

    def call(self, inputs: Tensor) -> Tensor:
        if self.bin_boundaries is None:
            if isinstance(inputs, KerasTensor):
                return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype)
            raise NotBuiltError(f"{where(self)} has no boundaries yet: call adapt(data), or pass `bin_boundaries`.")
        x = inputs if dtypes.is_float(ops.dtype(inputs)) else ops.cast(inputs, "float32")
        edges = ops.convert_to_tensor(self.bin_boundaries, ops.dtype(x))
        bins = ops.where(ops.isnan(x), len(self.bin_boundaries), ops.digitize(x, edges))
        return encoded(bins, self.output_mode, number_of_bins(self), self.output_dtype, sparse=self.sparse)

    def compute_output_shape(self, input_shape: Shape) -> Shape:  # type: ignore[override]
        return encoded_shape(input_shape, self.output_mode, number_of_bins(self))

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype, sparse=self.sparse)

    def _kf_learnt_beside_weights(self) -> str | None:
        return "bin boundaries" if self.is_adaptable and self.bin_boundaries is not None else None

    def get_config(self) -> Config:
        return {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Mapping[str, Any] | None = None) -> Self:
        config = dict(config)
        boundaries = config.pop("bin_boundaries", None) if config.get("num_bins") is not None else None
        layer = super().from_config(config, custom_objects)
        if boundaries is not None:
            _set_boundaries(layer, boundaries)
        return layer


def number_of_bins(layer: Discretization) -> int:
    """Return how many bins a layer has."""
    return layer.num_bins or len(layer.bin_boundaries or ()) + 1


def _set_boundaries(layer: Discretization, values: Sequence[float] | Array | None) -> None:
    """Set `bin_boundaries`, as a list of Python's own floats.

    Raises:
        ValueError: They don't ascend.
    """
    boundaries = None if values is None else [float(v) for v in np.asarray(values).ravel()]
    if boundaries is not None and boundaries != sorted(boundaries):
        raise ValueError(f"Expected `bin_boundaries` of {where(layer)} to ascend, got {boundaries}.")
    assign_untracked(layer, "bin_boundaries", boundaries)


class CategoryEncoding(DataLayer):
    """Class numbers as one-hot, multi-hot or counted vectors.

    Args:
        num_tokens: The number of classes. A class number below 0, or from `num_tokens` on, adds nothing.
        output_mode: "one_hot": a vector for each number (a last axis of size 1 gives way to it). "multi_hot": a vector
            for each row of the last axis, with a 1 for each class that is there. "count": the same, with how often.
            (In tensors of rank 3 Keras takes the second axis for the rows, against what it says.)
        sparse: Whether the output is sparse, where the backend has sparse tensors.

    >>> import kerasfront as keras
    >>> layer = keras.layers.CategoryEncoding(num_tokens=4, output_mode="count")
    >>> keras.ops.convert_to_numpy(layer([[0, 1, 1], [3, 3, 3]])).tolist()
    [[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0]]
    """

    _kf_needs_no_build = True

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.num_tokens: int = positive(self, "num_tokens", num_tokens)
        self.output_mode: str = output_mode_of(self, output_mode, MODES[1:])
        self.sparse = sparse
        self.autocast = False  # weights of counts keep their digits

    def call(self, inputs: Tensor, count_weights: Tensor | None = None) -> Tensor:
        """Return the vectors.

        Args:
            inputs: Class numbers; floats are cut to integers.
            count_weights: What each number counts, of the same shape; with "count" only.
        """
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(f"`count_weights` goes with output_mode='count'; {where(self)} has '{self.output_mode}'.")
        x = inputs if dtypes.is_int(ops.dtype(inputs)) else ops.cast(inputs, "int32")
        if count_weights is not None and tuple(count_weights.shape) != tuple(x.shape):
            raise ShapeError(
                f"Expected `count_weights` of the inputs' shape {tuple(x.shape)}, got {tuple(count_weights.shape)}."
            )
        return encoded(x, self.output_mode, self.num_tokens, self.compute_dtype, count_weights, sparse=self.sparse)

    def compute_output_shape(self, input_shape: Shape) -> Shape:  # type: ignore[override]
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def compute_output_spec(self, inputs: KerasTensor, count_weights: KerasTensor | None = None) -> KerasTensor:
        return KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype, sparse=self.sparse)

    def get_config(self) -> Config:
        config = super().get_config()
        if not self.sparse:  # Keras's config knows nothing of it
            config.pop("sparse")
        return config
