"""The losses as classes: their functions (see `functions`) with arguments, a reduction and a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasfront.losses import functions as f
from kerasfront.losses.loss import FixedLoss

Reduction = str | None
_MEAN = "sum_over_batch_size"


class MeanSquaredError(FixedLoss):
    """`mean(square(y_true - y_pred))`. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.MeanSquaredError()([[0.0, 1.0]], [[0.0, 3.0]]))
    2.0
    """

    def __init__(self, reduction: Reduction = _MEAN, name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(f.mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(FixedLoss):
    """`mean(abs(y_true - y_pred))`. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.MeanAbsoluteError()([[0.0, 1.0]], [[0.0, 3.0]]))
    1.0
    """

    def __init__(self, reduction: Reduction = _MEAN, name: str = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(f.mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(FixedLoss):
    """`100 * mean(abs((y_true - y_pred) / y_true))`. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.MeanAbsolutePercentageError()([[1.0, 2.0]], [[1.0, 3.0]]))
    25.0
    """

    def __init__(
        self, reduction: Reduction = _MEAN, name: str = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(f.mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(FixedLoss):
    """`mean(square(log(y_true + 1) - log(y_pred + 1)))`. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.MeanSquaredLogarithmicError()([[1.0]], [[3.0]])), 4)
    0.4805
    """

    def __init__(
        self, reduction: Reduction = _MEAN, name: str = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(f.mean_squared_logarithmic_error, reduction, name, dtype)


class CosineSimilarity(FixedLoss):
    """The negative cosine of the angle between y_true and y_pred. Arguments: `axis`, and those of `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.CosineSimilarity()([[0.0, 2.0]], [[0.0, 3.0]])), 4)
    -1.0
    """

    def __init__(
        self, axis: int = -1, reduction: Reduction = _MEAN, name: str = "cosine_similarity", dtype: Any = None
    ) -> None:
        super().__init__(f.cosine_similarity, reduction, name, dtype, axis=axis)


class Huber(FixedLoss):
    """Half the squared error up to `delta`, linear beyond. Arguments: `delta`, and those of `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.Huber()([[0.0, 0.0]], [[1.0, 3.0]]))
    1.5
    """

    def __init__(
        self, delta: float = 1.0, reduction: Reduction = _MEAN, name: str = "huber_loss", dtype: Any = None
    ) -> None:
        super().__init__(f.huber, reduction, name, dtype, delta=delta)


class LogCosh(FixedLoss):
    """`mean(log(cosh(y_pred - y_true)))`. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.LogCosh()([[0.0]], [[1.0]])), 4)
    0.4338
    """

    def __init__(self, reduction: Reduction = _MEAN, name: str = "log_cosh", dtype: Any = None) -> None:
        super().__init__(f.log_cosh, reduction, name, dtype)


class Hinge(FixedLoss):
    """`mean(maximum(1 - y_true * y_pred, 0))`, for labels -1 and 1 (or 0 and 1). Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.Hinge()([[1.0, -1.0]], [[0.5, 0.5]]))
    1.0
    """

    def __init__(self, reduction: Reduction = _MEAN, name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(f.hinge, reduction, name, dtype)


class SquaredHinge(FixedLoss):
    """`mean(square(maximum(1 - y_true * y_pred, 0)))`, for labels -1 and 1 (or 0 and 1). Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.SquaredHinge()([[1.0, -1.0]], [[1.0, 1.0]]))
    2.0
    """

    def __init__(self, reduction: Reduction = _MEAN, name: str = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(f.squared_hinge, reduction, name, dtype)


class CategoricalHinge(FixedLoss):
    """`maximum(largest wrong score - right score + 1, 0)`, for one-hot targets. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.CategoricalHinge()([[0.0, 1.0]], [[0.5, 1.0]]))
    0.5
    """

    def __init__(self, reduction: Reduction = _MEAN, name: str = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(f.categorical_hinge, reduction, name, dtype)


class KLDivergence(FixedLoss):
    """`sum(y_true * log(y_true / y_pred))` over the last axis. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(self, reduction: Reduction = _MEAN, name: str = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(f.kl_divergence, reduction, name, dtype)


class Poisson(FixedLoss):
    """`mean(y_pred - y_true * log(y_pred))`. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.Poisson()([[1.0, 0.0]], [[1.0, 1.0]])), 4)
    1.0
    """

    def __init__(self, reduction: Reduction = _MEAN, name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(f.poisson, reduction, name, dtype)


class BinaryCrossentropy(FixedLoss):
    """The cross-entropy of yes-no answers. Arguments: see `binary_crossentropy` and `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = _MEAN,
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            f.binary_crossentropy, reduction, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class BinaryFocalCrossentropy(FixedLoss):
    """The binary cross-entropy with less weight on what is right already.

    Arguments: see `binary_focal_crossentropy` and `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.BinaryFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.1733
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = _MEAN,
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            f.binary_focal_crossentropy, reduction, name, dtype,
            apply_class_balancing=apply_class_balancing, alpha=alpha, gamma=gamma,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class CategoricalCrossentropy(FixedLoss):
    """The cross-entropy of one-hot (or soft) targets. Arguments: see `categorical_crossentropy` and `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = _MEAN,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            f.categorical_crossentropy, reduction, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class CategoricalFocalCrossentropy(FixedLoss):
    """The cross-entropy of one-hot targets with less weight on what is right already.

    Arguments: see `categorical_focal_crossentropy` and `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.0433
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = _MEAN,
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            f.categorical_focal_crossentropy, reduction, name, dtype,
            alpha=alpha, gamma=gamma, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip


class _OfClasses(FixedLoss):
    """Targets are class numbers."""

    _one_rank = False


class SparseCategoricalCrossentropy(_OfClasses):
    """The cross-entropy of classes given as integers. Arguments: see `sparse_categorical_crossentropy` and `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: Reduction = _MEAN,
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            f.sparse_categorical_crossentropy, reduction, name, dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis


class CategoricalGeneralizedCrossEntropy(_OfClasses):
    """`(1 - y_pred[y_true]^q) / q`, for classes given as integers. Arguments: `q`, and those of `Loss`.

    Raises:
        ValueError: `q` is not between 0 and 1.

    >>> import kerasfront as keras
    >>> float(keras.losses.CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]]))
    1.0
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: Reduction = _MEAN,
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise ValueError(f"Expected `q` to be between 0 and 1, got {q!r}.")
        super().__init__(f.categorical_generalized_cross_entropy, reduction, name, dtype, q=q)


class CTC(_OfClasses):
    """Connectionist temporal classification. Arguments: see `ctc` and `Loss`."""

    def __init__(self, reduction: Reduction = _MEAN, name: str = "ctc", dtype: Any = None) -> None:
        super().__init__(f.ctc, reduction, name, dtype)


class Dice(FixedLoss):
    """One minus the soft Dice coefficient. Arguments: `axis` (of the sums; None: everything), and those of `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.Dice()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.5
    """

    def __init__(
        self,
        reduction: Reduction = _MEAN,
        name: str = "dice",
        axis: int | Sequence[int] | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(f.dice, reduction, name, dtype, axis=axis)


class Tversky(FixedLoss):
    """One minus the soft Tversky index. Arguments: see `tversky` and `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.Tversky()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.5
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: Reduction = _MEAN,
        name: str = "tversky",
        axis: int | Sequence[int] | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(f.tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


class Circle(_OfClasses):
    """The circle loss of embeddings. Arguments: see `circle` and `Loss`."""

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: Reduction = _MEAN,
        name: str = "circle",
        dtype: Any = None,
    ) -> None:
        super().__init__(f.circle, reduction, name, dtype, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)
