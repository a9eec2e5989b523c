"""Layers that prepare numbers: rescaling, normalization, bins, class numbers as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront import ops
from kerasfront.arguments import as_float, plain, several, wrong
from kerasfront.errors import NotBuiltError, ShapeError
from kerasfront.layers._configured import positive, where
from kerasfront.layers.data_layer import DataLayer
from kerasfront.layers.input_spec import InputSpec, check_inputs
from kerasfront.layers.preprocessing._encoding import MODES, encoded, encoded_shape, output_mode_of
from kerasfront.layers.preprocessing._quantiles import Quantiles
from kerasfront.layers.preprocessing._streams import batches
from kerasfront.spec import KerasTensor, dtypes

# Below this a standard deviation counts as this: Keras's epsilon.
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

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = (
            [plain(n) for n in v] if isinstance(v, (list, tuple)) else plain(v) for v in (scale, offset)
        )
        self.__dict__["_arrays"] = [self._numbers("scale", self.scale), self._numbers("offset", self.offset)]
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        scale, offset = map(self._constant, self._arrays)
        x = ops.multiply(ops.cast(inputs, self.compute_dtype), scale)
        return x if isinstance(offset, (int, float)) and not offset else ops.add(x, offset)

    def _numbers(self, name: str, value: Any) -> Any:
        if several(value) is None and len(getattr(value, "shape", ())) == 0:
            return as_float(value, name, where(self))
        array = np.asarray(value)
        if array.dtype.kind in "OSUb":
            raise wrong(name, where(self), "a number, or one for each channel", value)
        return array

    def _constant(self, value: Any) -> Any:
        return value if isinstance(value, (int, float)) else ops.convert_to_tensor(value, self.compute_dtype)


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
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Expected {where(self)} to get both `mean` and `variance` or neither, "
                f"got mean={mean}, variance={variance}."
            )
        self.invert = invert
        given = (None, None) if mean is None else (np.asarray(mean, "float32"), np.asarray(variance, "float32"))
        self.__dict__["_given"] = given
        self.supports_masking = True
        self.autocast = False  # half precision would lose digits before the mean is taken away

    def build(self, input_shape: Any) -> None:
        """Make the statistics (0 and 1) for inputs of this shape.

        Raises:
            ShapeError: A kept axis is of unknown size, or isn't there.
        """
        rank = len(input_shape)
        if any(not -rank <= a < rank for a in self.axis):
            raise ShapeError(f"{where(self)} keeps the axes {self.axis}; inputs of the shape {input_shape} came.")
        kept = sorted(a % rank for a in self.axis)
        if any(input_shape[a] is None for a in kept):
            raise ShapeError(
                f"{where(self)} needs the sizes of the axes {self.axis} that it keeps: the inputs have the shape "
                f"{tuple(input_shape)}."
            )
        self.input_spec = InputSpec(min_ndim=rank, axes={a - rank: input_shape[a] for a in kept})
        self.__dict__["_reduced"] = tuple(a for a in range(rank) if a not in kept)
        self.__dict__["_broadcast"] = tuple(input_shape[a] if a in kept else 1 for a in range(rank))
        shape = tuple(input_shape[a] for a in kept)
        if self._given[0] is not None:
            mean, variance = (np.broadcast_to(v, shape) for v in self._given)
            self.__dict__["_given_full"] = (mean.reshape(self._broadcast), variance.reshape(self._broadcast))
            return
        options: dict[str, Any] = {"trainable": False, "autocast": False}
        dtype = self._float
        self.adapt_mean = self.add_weight(shape, "zeros", name="mean", dtype=dtype, **options)
        self.adapt_variance = self.add_weight(shape, "ones", name="variance", dtype=dtype, **options)
        self.count = self.add_weight((), "zeros", name="count", dtype=dtypes.held("int64"), trainable=False)

    @property
    def _float(self) -> str:
        """The dtype in which it computes: float32 at least."""
        return "float64" if self.compute_dtype == "float64" else "float32"

    def _statistic(self, which: int) -> Any:
        if self._given[0] is not None:
            return ops.convert_to_tensor(self._given_full[which], self._float)
        value = self.convert_weight(self.adapt_variance if which else self.adapt_mean)
        return ops.reshape(ops.cast(value, self._float), self._broadcast)

    @property
    def mean(self) -> Any:
        """The mean, of a shape that broadcasts to the inputs; before the layer is built, what was given."""
        return self._statistic(0) if self.built else self._given[0]

    @property
    def variance(self) -> Any:
        """The variance, as `mean`."""
        return self._statistic(1) if self.built else self._given[1]

    def adapt(self, data: Any) -> None:
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
        for batch in batches(data):
            self._look_at(batch)
        self.finalize_state()

    @property
    def is_adaptable(self) -> bool:
        """Whether there is something to learn: not where mean and variance were given."""
        return self._given[0] is None

    def reset_state(self) -> None:
        """Forget what `update_state` saw."""
        if not self.is_adaptable:
            raise ValueError(f"{where(self)} got its mean and variance when it was made: there is nothing to adapt.")
        self.__dict__["_moments"] = (0, np.float64(0.0), np.float64(0.0))

    def update_state(self, data: Any) -> None:
        """Look at a batch; `finalize_state` makes mean and variance of what was seen."""
        for batch in batches(data):
            self._look_at(batch)

    def _look_at(self, batch: np.ndarray[Any, Any]) -> None:
        if not self.built:
            self.build((None, *batch.shape[1:]) if batch.ndim else ())
        if len(batch.shape) != len(self._broadcast):
            raise ShapeError(f"{where(self)} adapts to batches of rank {len(self._broadcast)}; {batch.shape} came.")
        x = batch.astype("float64")
        size = int(np.prod([x.shape[a] for a in self._reduced], dtype=int))
        if not size:
            return
        count, mean, moment = self._moments
        own_mean = x.mean(self._reduced, keepdims=True)
        own_moment = np.square(x - own_mean).sum(self._reduced)
        difference = own_mean.reshape(own_moment.shape) - mean
        total = count + size
        mean = mean + difference * (size / total)
        moment = moment + own_moment + np.square(difference) * (count * size / total)
        self.__dict__["_moments"] = (total, mean, moment)

    def finalize_state(self) -> None:
        """Set mean and variance to those of what was seen."""
        count, mean, moment = self.__dict__.get("_moments", (0, None, None))
        if count:
            self.adapt_mean.assign(mean.astype(self._float))
            self.adapt_variance.assign((moment / count).astype(self._float))
            self.count.assign(min(count, np.iinfo(self.count.dtype).max))

    def call(self, inputs: Any) -> Any:
        if len(inputs.shape) < len(self._broadcast):  # it would broadcast, to another shape
            check_inputs(self.input_spec, inputs, self)
        x = ops.cast(inputs, self._float)
        mean, deviation = self._statistic(0), ops.maximum(ops.sqrt(self._statistic(1)), _EPSILON)
        x = ops.add(mean, ops.multiply(x, deviation)) if self.invert else ops.divide(ops.subtract(x, mean), deviation)
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:  # type: ignore[override]
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        mean, variance = (None if v is None else v.tolist() for v in self._given)
        config = {"axis": list(self.axis) or None, "invert": self.invert, "mean": mean, "variance": variance}
        return {**super().get_config(), **config}


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

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
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
        self.output_mode = output_mode_of(self, output_mode, MODES)
        if sparse and output_mode == "int":
            raise ValueError(f"{where(self)} has no sparse output in the mode 'int'.")
        self.num_bins, self.epsilon, self.sparse = num_bins, epsilon, sparse
        self.__dict__["bin_boundaries"] = None if bin_boundaries is None else _ascending(self, bin_boundaries)
        self.__dict__["_quantiles"] = Quantiles(epsilon)
        self.autocast = False  # a number would fall into another bin

    @property
    def output_dtype(self) -> str:
        """The dtype of the output."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    @property
    def _depth(self) -> int:
        return self.num_bins or len(self.bin_boundaries) + 1

    @property
    def is_adaptable(self) -> bool:
        """Whether there is something to learn: not where boundaries were given."""
        return self.num_bins is not None

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the boundaries of bins of about equal counts; what was learnt before is forgotten.

        Args:
            data: An array, or what yields batches; the data is looked at batch by batch, and not held.
            steps: How many batches; None means all.
        """
        self.reset_state()
        for batch in batches(data, steps):
            self._quantiles.add(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Look at a batch; `finalize_state` makes the boundaries."""
        for batch in batches(data):
            self._quantiles.add(batch)

    def finalize_state(self) -> None:
        """Make the boundaries from what was seen."""
        if self.num_bins is not None and self._quantiles.count:
            fractions = np.arange(1, self.num_bins) / self.num_bins
            self.__dict__["bin_boundaries"] = self._quantiles.at(fractions).tolist()

    def reset_state(self) -> None:
        """Forget what was seen."""
        if not self.is_adaptable:
            raise ValueError(f"{where(self)} got its boundaries when it was made: there is nothing to adapt.")
        self.__dict__["_quantiles"] = Quantiles(self.epsilon)

    def call(self, inputs: Any) -> Any:
        if self.bin_boundaries is None:
            if isinstance(inputs, KerasTensor):
                return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype)
            raise NotBuiltError(f"{where(self)} has no boundaries yet: call adapt(data), or pass `bin_boundaries`.")
        x = inputs if dtypes.is_float(ops.dtype(inputs)) else ops.cast(inputs, "float32")
        edges = ops.convert_to_tensor(self.bin_boundaries, ops.dtype(x))
        bins = ops.where(ops.isnan(x), len(self.bin_boundaries), ops.digitize(x, edges))
        return encoded(bins, self.output_mode, self._depth, self.output_dtype, sparse=self.sparse)

    def compute_output_shape(self, input_shape: Any) -> Any:  # type: ignore[override]
        return encoded_shape(input_shape, self.output_mode, self._depth)

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype, sparse=self.sparse)

    def _kf_learnt_beside_weights(self) -> str | None:
        return "bin boundaries" if self.is_adaptable and self.bin_boundaries is not None else None

    def get_config(self) -> dict[str, Any]:
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
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        config = dict(config)
        learnt = config.pop("bin_boundaries", None) if config.get("num_bins") is not None else None
        layer = super().from_config(config, custom_objects)
        if learnt is not None:
            layer.__dict__["bin_boundaries"] = _ascending(layer, learnt)
        return layer


def _ascending(layer: Any, values: Any) -> list[float]:
    found = [float(v) for v in np.asarray(values).ravel()]
    if found != sorted(found):
        raise ValueError(f"Expected `bin_boundaries` of {where(layer)} to ascend, got {found}.")
    return found


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
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_tokens = positive(self, "num_tokens", num_tokens)
        self.output_mode = output_mode_of(self, output_mode, MODES[1:])
        self.sparse = sparse
        self.autocast = False  # weights of counts keep their digits

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        """The vectors.

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

    def compute_output_shape(self, input_shape: Any) -> Any:  # type: ignore[override]
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def compute_output_spec(self, inputs: Any, count_weights: Any = None) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype, sparse=self.sparse)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if not self.sparse:  # Keras's config knows nothing of it
            config.pop("sparse")
        return config
