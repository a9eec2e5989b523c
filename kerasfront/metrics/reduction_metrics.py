"""Mean, Sum, and the mean of a function of targets and predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypedDict

from kerasfront import ops, serialization
from kerasfront.losses import reduction
from kerasfront.losses.functions import by_elements, is_of_samples
from kerasfront.metrics.metric import Metric, sum_dtype
from kerasfront.metrics.total import exact
from kerasfront.signatures import with_options
from kerasfront.spec import dtypes
from kerasfront.state import StateAlias
from kerasfront.typing import Config, DTypePolicyLike, Tensor, TensorLike
from kerasfront.variable import Variable


def of_samples(values: TensorLike, sample_weight: TensorLike | None, dtype: str) -> tuple[Tensor, Tensor | None]:
    """Return values times their weights, and the weights; None stands for weights of 1.

    A mask that the values carry is a weight.

    Axes that the weights don't have are averaged over: weights are of samples.
    """
    mask = reduction.mask_of(values)
    values = ops.convert_to_tensor(values, dtype)
    if sample_weight is None and mask is None:
        return values, None
    weights = None if sample_weight is None else ops.convert_to_tensor(sample_weight, dtype)
    if mask is not None:
        mask = ops.cast(reduction.mask_beside(mask, values), dtype)
        if weights is None:
            weights = mask
        else:
            rank = max(len(mask.shape), len(weights.shape))
            weights = reduction.of_rank(weights, rank) * reduction.of_rank(mask, rank)
    assert weights is not None  # there were weights or a mask
    weights = reduction.of_rank(weights, min(len(weights.shape), len(values.shape)))
    if len(weights.shape) < len(values.shape):
        values = ops.mean(values, axis=reduction.axes_from(len(weights.shape), len(values.shape)))
    return values * weights, weights


class Mean(Metric):
    """The (weighted) mean of all values that it was given.

    Args:
        name: A name.
        dtype: See `Metric`.

    >>> import kerasfront as keras
    >>> m = keras.metrics.Mean()
    >>> m.update_state([1.0, 3.0, 5.0])
    >>> float(m.result())
    3.0
    """

    def __init__(self, name: str | None = "mean", dtype: DTypePolicyLike | None = None) -> None:
        super().__init__(dtype=dtype, name=name)
        self.total: Variable = self.add_variable((), "zeros", name="total")
        self.count: Variable = self.add_variable((), "zeros", name="count")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add values, weighted by `sample_weight`, which may have fewer axes at the end."""
        values, weights = of_samples(values, sample_weight, sum_dtype(self))
        self.total.assign_add(ops.sum(values) if len(values.shape) else values)
        if weights is None:
            _count(self, values)
        else:
            self.count.assign_add(reduction.total(weights, values))

    def add(self, value: Tensor, count: Tensor | int) -> None:
        """Add the mean of `count` values; it is a scalar."""
        self.total.assign_add(value * count)
        self.count.assign_add(count)

    def result(self) -> Tensor:
        return reduction.ratio(self.total.value, self.count.value)

    def host_result(self) -> float:
        if type(self).result is not Mean.result:
            return super().host_result()
        # Divided on the host: two numbers read cost less than a few ops on the device.
        total, count = exact(self.total), exact(self.count)
        return float((total / count).astype(dtypes.to_numpy(self.dtype))) if count else 0.0


def _count(mean: Mean, values: Tensor) -> None:
    """Count the elements of `values`."""
    mean.count.assign_add(reduction.size(values))


class Sum(Metric):
    """The (weighted) sum of all values that it was given.

    Args:
        name: A name.
        dtype: See `Metric`.

    >>> import kerasfront as keras
    >>> m = keras.metrics.Sum()
    >>> m.update_state([1.0, 3.0, 5.0])
    >>> float(m.result())
    9.0
    """

    def __init__(self, name: str | None = "sum", dtype: DTypePolicyLike | None = None) -> None:
        super().__init__(dtype=dtype, name=name)
        self.total: Variable = self.add_variable((), "zeros", name="total")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Add values, weighted by `sample_weight`, which may have fewer axes at the end."""
        values, _ = of_samples(values, sample_weight, sum_dtype(self))
        self.total.assign_add(ops.sum(values))

    def result(self) -> Tensor:
        return self.total.value

    def host_result(self) -> float:
        return super().host_result() if type(self).result is not Sum.result else float(exact(self.total))


class MeanMetricWrapper(Mean):
    """The (weighted) mean of a function of targets and predictions. A mask that `y_pred` carries takes samples out.

    Args:
        fn: A function `(y_true, y_pred, **kwargs)` that returns a value for each sample.
        name: A name; None means one from the class's.
        dtype: See `Metric`.
        kwargs: What `fn` is called with beside the tensors.

    >>> import kerasfront as keras
    >>> m = keras.metrics.MeanMetricWrapper(lambda y_true, y_pred: y_pred - y_true)
    >>> float(m(keras.ops.zeros((2,)), keras.ops.ones((2,))))
    1.0
    """

    # Whether the config holds the function: those that a class fixes don't.
    _kf_config_has_function = True
    _kf_additive = True

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: DTypePolicyLike | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self._kf.function, self._kf.arguments = fn, kwargs

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:  # type: ignore[override]
        """Add a batch, weighted by `sample_weight`, which may have fewer axes at the end."""
        mask = reduction.mask_of(y_pred)
        if sample_weight is None and mask is None:
            whole = self._kf_whole(y_true, y_pred)
            if whole is not None:
                total, samples = whole
                self.total.assign_add(total)
                _count(self, samples)
                return
        if mask is not None:
            y_true, y_pred = by_elements(
                self._kf.function, ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred), mask
            )
        values = self._kf.function(y_true, y_pred, **self._kf.arguments)
        if mask is not None:
            mask = reduction.mask_beside(mask, values)
            rank = len(mask.shape)
            if sample_weight is None:
                sample_weight = mask
            else:
                weights = reduction.of_rank(ops.convert_to_tensor(sample_weight, sum_dtype(self)), rank)
                sample_weight = weights * ops.cast(mask, sum_dtype(self))
        super().update_state(values, sample_weight)

    @property
    def adds_up(self) -> bool:
        return self._kf_additive and is_of_samples(self._kf.function, self._kf.arguments)

    def _kf_whole(self, y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor] | None:
        """Return the sum over all samples, where one op gives it, and a tensor with an element for each; else None."""
        return None

    _fn = StateAlias[Callable[..., Any]](lambda self: self._kf.function)
    _fn_kwargs = StateAlias[dict[str, Any]](lambda self: self._kf.arguments)

    def get_config(self) -> Config:
        config = super().get_config()
        if self._kf_config_has_function:
            config["fn"] = serialization.serialize_keras_object(self._kf.function)
        return {**config, **{k: serialization.serialize_keras_object(v) for k, v in self._kf.arguments.items()}}


class MetricOptions(TypedDict, total=False):
    """The arguments of all metrics."""

    name: str | None
    dtype: DTypePolicyLike | None


class FixedMean(MeanMetricWrapper):
    """The base of those whose class fixes the function.

    A subclass names the function, and which way is better, as keywords of the class, and puts what the function gets
    beside the tensors in `_kf.arguments`. Its constructor takes the arguments of all metrics as
    `**options: Unpack[MetricOptions]`.

    Args:
        name: A name; the default is that of the function, unless the class has another.
        dtype: See `Metric`.
    """

    _kf_config_has_function = False
    _kf_function: ClassVar[Callable[..., Any]]

    def __init_subclass__(
        cls,
        function: Callable[..., Any] | None = None,
        name: str | None = None,
        direction: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        if function is not None:
            cls._kf_function, cls._kf_direction = staticmethod(function), direction
            own, default = vars(cls).get("__init__", FixedMean.__init__), name or function.__name__
            setattr(cls, "__init__", with_options(own, FixedMean.__init__, {"name": default}))  # noqa: B010  (mypy)

    def __init__(self, name: str | None = None, dtype: DTypePolicyLike | None = None) -> None:
        super().__init__(type(self)._kf_function, name, dtype)
