"""Loss: a function of targets and predictions, and how its values become one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kerasfront import dtype_policies, ops, serialization, settings, tree
from kerasfront.arguments import Constructed
from kerasfront.contract import running
from kerasfront.errors import DTypeError, KerasFrontError, ShapeError
from kerasfront.losses import functions as f
from kerasfront.losses import reduction as reductions
from kerasfront.naming import auto_name, to_snake_case
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.tracebacks import shorten
from kerasfront.watching import Watched

active = running()


class Loss(Constructed, Watched):
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

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        self.name = name or auto_name(to_snake_case(type(self).__name__))
        self.reduction = reductions.check(reduction)
        self._dtype_policy = dtype_policies.get(dtype or settings.floatx())
        self._dtype = self._dtype_policy.compute_dtype
        self._given_dtype = dtype

    @property
    def dtype(self) -> str:
        """The dtype in which it is computed."""
        return self._dtype

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss: a scalar tensor, or one for each sample where the reduction is "none".

        Args:
            y_true: The targets.
            y_pred: The predictions, of the targets' shape unless the loss says otherwise.
            sample_weight: Weights that broadcast to the samples.
        """
        try:
            mask = reductions.mask_of(y_pred)
            y_pred, y_true = self._tensors(y_pred), self._tensors(y_true)
            if not self._keeps_integers:
                y_pred, y_true = self._floats(y_pred), self._floats(y_true)
            try:
                if sample_weight is None and mask is None and self.reduction in reductions.MEANS:
                    whole = self._mean(y_true, y_pred)
                    if whole is not None:
                        return whole
                values = self.call(*((y_true, y_pred) if mask is None else self._apart(y_true, y_pred, mask)))
                if (own := reductions.mask_of(values)) is not None:
                    mask = reductions.joined(mask, own)
                if reductions.dtype_of(values) != self._dtype:
                    values = ops.cast(values, self._dtype)
                return reductions.reduce(values, self.reduction, sample_weight, mask, self._dtype)
            except Exception as error:
                self._explain(error, y_true, y_pred, sample_weight)
                raise
        except Exception as error:
            shorten(error)
            raise

    def _explain(self, error: Exception, y_true: Any, y_pred: Any, sample_weight: Any) -> None:
        """Name the loss and the shapes; where targets and predictions don't broadcast, that is the error."""
        if not hasattr(y_true, "shape") or not hasattr(y_pred, "shape"):
            return
        target, prediction = tuple(y_true.shape), tuple(y_pred.shape)
        came = f"targets of shape {target} and predictions of shape {prediction}"
        if sample_weight is not None:
            came += f" (sample_weight: {tuple(ops.convert_to_tensor(sample_weight).shape)})"
        if isinstance(error, KerasFrontError):
            error.add_note(f"in the loss '{self.name}', for {came}")
        elif len(target) == len(prediction) and not _alike(target, prediction):
            raise ShapeError(f"The loss '{self.name}' got {came}, which don't fit each other.") from error
        elif sample_weight is not None:
            raise ShapeError(
                f"The loss '{self.name}' got {came}; the weights must broadcast to the samples."
            ) from error
        else:
            error.add_note(f"in the loss '{self.name}', for {came}")

    def _tensors(self, x: Any) -> Any:
        """Tensors, floats in the dtype of the loss; integers stay (classes would not survive half precision)."""
        if type(x) in active.native:
            name = active.adapter.dtype_name(x)
            if name == "string":
                self._refuse_strings()
            return x if name == self._dtype or not dtypes.is_float(name) else active.adapter.cast(x, self._dtype)
        if isinstance(x, dict) or (isinstance(x, (list, tuple)) and _holds_tensors(x)):
            return tree.map_structure(self._tensors, x)
        if not isinstance(x, KerasTensor):
            if isinstance(x, str) or getattr(getattr(x, "dtype", None), "kind", "") in tuple("OUS"):
                self._refuse_strings()
            return self._tensors(ops.convert_to_tensor(x))
        return ops.cast(x, self._dtype) if dtypes.is_float(x.dtype) and x.dtype != self._dtype else x

    @property
    def _keeps_integers(self) -> bool:
        """Whether `call` knows what to do with targets that are integers."""
        return False

    def _floats(self, x: Any) -> Any:
        """The tensors of a structure in the dtype of the loss: as numbers, bytes wrap and bools have no difference."""
        if type(x) in active.native:
            name = active.adapter.dtype_name(x)
            return x if name == self._dtype or name.startswith("complex") else ops.cast(x, self._dtype)
        if isinstance(x, KerasTensor):
            return x if x.dtype == self._dtype or x.dtype.startswith("complex") else ops.cast(x, self._dtype)
        return tree.map_structure(self._floats, x) if tree.is_nested(x) else x

    def _refuse_strings(self) -> None:
        raise DTypeError(
            f"The loss '{self.name}' got targets that are strings (or other objects), not numbers.",
            hint="Number the classes first: `classes, y = np.unique(y, return_inverse=True)`, or `StringLookup`.",
        )

    @property
    def adds_up(self) -> bool:
        """Whether the loss of two batches of one size joined is known to be the mean of theirs."""
        return False

    def _mean(self, y_true: Any, y_pred: Any) -> Any:
        """The mean over all samples, for losses whose own values nobody needs then; None: by way of `call`."""
        return None

    def _apart(self, y_true: Any, y_pred: Any, mask: Any) -> tuple[Any, Any]:
        """Targets and predictions as `call` gives a value for each that the mask marks, where that can be."""
        return y_true, y_pred

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        raise NotImplementedError(f"The loss '{self.name}' ({type(self).__name__}) defines no call(y_true, y_pred).")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal one."""
        config: dict[str, Any] = {"name": self.name, "reduction": self.reduction}
        if self._given_dtype is not None:
            config["dtype"] = self._dtype
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new one from what `get_config` returned."""
        return cls(**{key: serialization.revive(value) for key, value in config.items()})


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
    _config_has_function = True
    # Whether targets and predictions are of one rank: class numbers have an axis less, and keep it.
    _one_rank = True

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.fn, self._fn_kwargs = fn, kwargs

    @property
    def _keeps_integers(self) -> bool:
        return type(self).call is LossFunctionWrapper.call and f.is_own(self.fn)

    @property
    def adds_up(self) -> bool:
        plain = type(self).call is LossFunctionWrapper.call and type(self).__call__ is Loss.__call__
        means = self.reduction in ("sum_over_batch_size", "mean")
        return plain and means and f.is_of_samples(self.fn, self._fn_kwargs)

    def _mean(self, y_true: Any, y_pred: Any) -> Any:
        whole = f.WHOLE.get(self.fn)
        if whole is None or type(self).call is not LossFunctionWrapper.call:
            return None
        return whole(y_true, y_pred, **self._fn_kwargs)

    def _apart(self, y_true: Any, y_pred: Any, mask: Any) -> tuple[Any, Any]:
        return f.by_elements(self.fn, y_true, y_pred, mask)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if self._one_rank and len(getattr(y_true, "shape", ())) != len(getattr(y_pred, "shape", ())):
            y_true, y_pred = reductions.same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self._config_has_function:
            config["fn"] = serialization.serialize_keras_object(self.fn)
        return {**config, **{k: serialization.serialize_keras_object(v) for k, v in self._fn_kwargs.items()}}


class FixedLoss(LossFunctionWrapper):
    """The base of those whose class fixes the function."""

    _config_has_function = False


def _alike(a: Any, b: Any) -> bool:
    return all(m == n or None in (m, n) or 1 in (m, n) for m, n in zip(a, b, strict=True))


def _holds_tensors(x: Any) -> bool:
    return any(type(leaf) in active.native or isinstance(leaf, KerasTensor) or hasattr(leaf, "shape") for leaf in x)
