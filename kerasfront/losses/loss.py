"""Loss: a function of targets and predictions, and how its values become one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self, TypedDict

from kerasfront import dtype_policies, ops, serialization, settings
from kerasfront.arguments import Constructed
from kerasfront.dtype_policies import DTypePolicy
from kerasfront.losses import calling
from kerasfront.losses import functions as f
from kerasfront.losses import reduction as reductions
from kerasfront.losses.state import LossState
from kerasfront.naming import auto_name, to_snake_case
from kerasfront.signatures import with_options
from kerasfront.state import StateAlias, Stateful
from kerasfront.tracebacks import shorten
from kerasfront.typing import Config, DTypePolicyLike, NestedTensors, Tensor, TensorLike
from kerasfront.watching import Watched

# The reduction unless another is asked for.
MEAN = "sum_over_batch_size"


class NameAndDType(TypedDict, total=False):
    """Arguments of all losses."""

    name: str | None
    dtype: DTypePolicyLike | None


class LossOptions(NameAndDType, total=False):
    """The arguments of all losses."""

    reduction: str | None


class Loss(Stateful, Constructed, Watched):
    """The base of losses. A subclass defines `call(y_true, y_pred)`, which returns a value for each sample.

    Args:
        name: A name; None means one from the class's.
        reduction: "sum_over_batch_size" or "mean" (the mean over the samples), "sum", "mean_with_sample_weight" (the
            sum divided by that of the weights), or "none": the values themselves.
        dtype: The dtype in which it is computed, or a dtype policy; None means `floatx()`.

    `call` gets floats of this dtype, as in Keras, whatever the targets were: integers, bytes and bools too.

    Weights of samples broadcast to the values from the left: weights of shape `(batch,)` do for values of shape
    `(batch, time)`, which Keras refuses. A mask that `y_pred` carries takes samples out of the mean.

    Raises:
        ValueError: `reduction` has another value.

    >>> import kerasfront as keras
    >>> class Difference(keras.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return keras.ops.absolute(y_true - y_pred)
    >>> float(Difference()(keras.ops.zeros((2,)), keras.ops.ones((2,))))
    1.0
    """

    name: str
    reduction: str | None
    _kf: LossState
    _kf_state: ClassVar[type[LossState]] = LossState

    def __init__(
        self, name: str | None = None, reduction: str | None = MEAN, dtype: DTypePolicyLike | None = None
    ) -> None:
        self.name = name or auto_name(to_snake_case(type(self).__name__))
        self.reduction = reductions.check(reduction)
        state = self._kf
        state.policy = dtype_policies.get(dtype or settings.floatx())
        state.dtype, state.dtype_argument = state.policy.compute_dtype, dtype

    @property
    def dtype(self) -> str:
        """The dtype in which it is computed."""
        return self._kf.dtype

    def __call__(self, y_true: NestedTensors, y_pred: NestedTensors, sample_weight: TensorLike | None = None) -> Tensor:
        """Return the loss: a scalar tensor, or one for each sample where the reduction is "none".

        Args:
            y_true: The targets.
            y_pred: The predictions, of the targets' shape unless the loss says otherwise.
            sample_weight: Weights that broadcast to the samples.
        """
        try:
            mask, dtype = reductions.mask_of(y_pred), self._kf.dtype
            prediction, target = (calling.tensors(y, dtype, self.name) for y in (y_pred, y_true))
            if not self._kf_keeps_integers:
                prediction, target = calling.floats(prediction, dtype), calling.floats(target, dtype)
            try:
                if sample_weight is None and mask is None and self.reduction in reductions.MEANS:
                    mean = self._kf_mean(target, prediction)
                    if mean is not None:
                        return mean
                values = self.call(
                    *((target, prediction) if mask is None else self._kf_apart(target, prediction, mask))
                )
                if (own := reductions.mask_of(values)) is not None:
                    mask = reductions.joined(mask, own)
                if reductions.dtype_of(values) != dtype:
                    values = ops.cast(values, dtype)
                return reductions.reduce(values, self.reduction, sample_weight, mask, dtype)
            except Exception as error:
                calling.explain(error, self.name, target, prediction, sample_weight)
                raise
        except Exception as error:
            shorten(error)
            raise

    @property
    def _kf_keeps_integers(self) -> bool:
        """Whether `call` knows what to do with targets that are integers."""
        return False

    def _kf_mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        """Return the mean over all samples, where that is cheaper than the values of `call`; else None."""
        return None

    def _kf_apart(self, y_true: Tensor, y_pred: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return targets and predictions for which `call` gives a value for each that the mask marks, if it can."""
        return y_true, y_pred

    @property
    def adds_up(self) -> bool:
        """Whether the loss of two batches of one size joined is known to be the mean of theirs."""
        return False

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """Return the loss of each sample."""
        raise NotImplementedError(f"The loss '{self.name}' ({type(self).__name__}) defines no call(y_true, y_pred).")

    def get_config(self) -> Config:
        """Return the arguments that make an equal one."""
        config: Config = {"name": self.name, "reduction": self.reduction}
        if self._kf.dtype_argument is not None:
            config["dtype"] = self._kf.dtype
        return config

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make a new one from what `get_config` returned."""
        return cls(**{key: serialization.revive(value) for key, value in config.items()})

    # What libraries know by Keras's private names.
    _dtype = StateAlias[str](lambda self: self._kf.dtype)
    _dtype_policy = StateAlias[DTypePolicy](lambda self: self._kf.policy)


class LossFunctionWrapper(Loss):
    """A loss made of a function `(y_true, y_pred, **kwargs)`.

    Args:
        fn: The function; it returns a value for each sample.
        reduction: As of `Loss`.
        name: A name.
        dtype: As of `Loss`.
        kwargs: What `fn` is called with beside the tensors.
    """

    # Whether the config holds the function: those that a class fixes don't.
    _kf_config_has_function: ClassVar[bool] = True
    # Whether targets and predictions are of one rank: class numbers have an axis less, and keep it.
    _kf_one_rank: ClassVar[bool] = True

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = MEAN,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.fn: Callable[..., Any] = fn
        self._kf.arguments = kwargs

    @property
    def _kf_keeps_integers(self) -> bool:
        return type(self).call is LossFunctionWrapper.call and f.is_own(self.fn)

    @property
    def adds_up(self) -> bool:
        """Whether the loss of two batches of one size joined is known to be the mean of theirs."""
        plain = type(self).call is LossFunctionWrapper.call and type(self).__call__ is Loss.__call__
        means = self.reduction in ("sum_over_batch_size", "mean")
        return plain and means and f.is_of_samples(self.fn, self._kf.arguments)

    def _kf_mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        function = f.WHOLE.get(self.fn)
        if function is None or type(self).call is not LossFunctionWrapper.call:
            return None
        return function(y_true, y_pred, **self._kf.arguments)

    def _kf_apart(self, y_true: Tensor, y_pred: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return f.by_elements(self.fn, y_true, y_pred, mask)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """Return the function's value for each sample."""
        if self._kf_one_rank and len(getattr(y_true, "shape", ())) != len(getattr(y_pred, "shape", ())):
            y_true, y_pred = reductions.same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._kf.arguments)

    def get_config(self) -> Config:
        config = super().get_config()
        if self._kf_config_has_function:
            config["fn"] = serialization.serialize_keras_object(self.fn)
        return {**config, **{k: serialization.serialize_keras_object(v) for k, v in self._kf.arguments.items()}}

    _fn_kwargs = StateAlias[dict[str, Any]](lambda self: self._kf.arguments)


class FixedLoss(LossFunctionWrapper):
    """The base of losses whose class fixes the function.

    A subclass names the function as a keyword of the class, and puts what the function gets beside the tensors in
    `_kf.arguments`. Its constructor takes the arguments of all losses as `**options: Unpack[LossOptions]`.

    Args:
        reduction: As of `Loss`.
        name: A name; the default is that of the function, unless the class has another.
        dtype: As of `Loss`.
    """

    _kf_config_has_function = False
    _kf_function: ClassVar[Callable[..., Any]]

    def __init_subclass__(
        cls, function: Callable[..., Any] | None = None, name: str | None = None, one_rank: bool = True, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if function is not None:
            cls._kf_function, cls._kf_one_rank = staticmethod(function), one_rank
            own, default = vars(cls).get("__init__", FixedLoss.__init__), name or function.__name__
            setattr(cls, "__init__", with_options(own, FixedLoss.__init__, {"name": default}))  # noqa: B010  (mypy)

    def __init__(
        self, reduction: str | None = MEAN, name: str | None = None, dtype: DTypePolicyLike | None = None
    ) -> None:
        super().__init__(type(self)._kf_function, reduction, name, dtype)
