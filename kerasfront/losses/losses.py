"""The losses as classes: their functions (see `functions`) with arguments, a reduction and a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from kerasfront.losses import functions as f
from kerasfront.losses.loss import MEAN, FixedLoss, LossOptions, NameAndDType
from kerasfront.typing import DTypePolicyLike


class MeanSquaredError(FixedLoss, function=f.mean_squared_error):
    """`mean(square(y_true - y_pred))`. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.MeanSquaredError()([[0.0, 1.0]], [[0.0, 3.0]]))
    2.0
    """


class MeanAbsoluteError(FixedLoss, function=f.mean_absolute_error):
    """`mean(abs(y_true - y_pred))`. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.MeanAbsoluteError()([[0.0, 1.0]], [[0.0, 3.0]]))
    1.0
    """


class MeanAbsolutePercentageError(FixedLoss, function=f.mean_absolute_percentage_error):
    """`100 * mean(abs((y_true - y_pred) / y_true))`. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.MeanAbsolutePercentageError()([[1.0, 2.0]], [[1.0, 3.0]]))
    25.0
    """


class MeanSquaredLogarithmicError(FixedLoss, function=f.mean_squared_logarithmic_error):
    """`mean(square(log(y_true + 1) - log(y_pred + 1)))`. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.MeanSquaredLogarithmicError()([[1.0]], [[3.0]])), 4)
    0.4805
    """


class CosineSimilarity(FixedLoss, function=f.cosine_similarity):
    """The negative cosine of the angle between y_true and y_pred. Arguments: `axis`, and those of `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.CosineSimilarity()([[0.0, 2.0]], [[0.0, 3.0]])), 4)
    -1.0
    """

    def __init__(self, axis: int = -1, **options: Unpack[LossOptions]) -> None:
        super().__init__(**options)
        self._kf.arguments = {"axis": axis}


class Huber(FixedLoss, function=f.huber, name="huber_loss"):
    """Half the squared error up to `delta`, linear beyond. Arguments: `delta`, and those of `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.Huber()([[0.0, 0.0]], [[1.0, 3.0]]))
    1.5
    """

    def __init__(self, delta: float = 1.0, **options: Unpack[LossOptions]) -> None:
        super().__init__(**options)
        self._kf.arguments = {"delta": delta}


class LogCosh(FixedLoss, function=f.log_cosh):
    """`mean(log(cosh(y_pred - y_true)))`. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.LogCosh()([[0.0]], [[1.0]])), 4)
    0.4338
    """


class Hinge(FixedLoss, function=f.hinge):
    """`mean(maximum(1 - y_true * y_pred, 0))`, for labels -1 and 1 (or 0 and 1). Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.Hinge()([[1.0, -1.0]], [[0.5, 0.5]]))
    1.0
    """


class SquaredHinge(FixedLoss, function=f.squared_hinge):
    """`mean(square(maximum(1 - y_true * y_pred, 0)))`, for labels -1 and 1 (or 0 and 1). Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.SquaredHinge()([[1.0, -1.0]], [[1.0, 1.0]]))
    2.0
    """


class CategoricalHinge(FixedLoss, function=f.categorical_hinge):
    """`maximum(largest wrong score - right score + 1, 0)`, for one-hot targets. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> float(keras.losses.CategoricalHinge()([[0.0, 1.0]], [[0.5, 1.0]]))
    0.5
    """


class KLDivergence(FixedLoss, function=f.kl_divergence):
    """`sum(y_true * log(y_true / y_pred))` over the last axis. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """


class Poisson(FixedLoss, function=f.poisson):
    """`mean(y_pred - y_true * log(y_pred))`. Arguments: see `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.Poisson()([[1.0, 0.0]], [[1.0, 1.0]])), 4)
    1.0
    """


class BinaryCrossentropy(FixedLoss, function=f.binary_crossentropy):
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
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(**options)
        self._kf.arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        self.from_logits: bool = from_logits
        self.label_smoothing: float = label_smoothing
        self.axis: int = axis


class BinaryFocalCrossentropy(FixedLoss, function=f.binary_focal_crossentropy):
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
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(**options)
        self._kf.arguments = {
            "apply_class_balancing": apply_class_balancing,
            "alpha": alpha,
            "gamma": gamma,
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }


class CategoricalCrossentropy(FixedLoss, function=f.categorical_crossentropy):
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
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(**options)
        self._kf.arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        self.from_logits: bool = from_logits
        self.label_smoothing: float = label_smoothing
        self.axis: int = axis


class CategoricalFocalCrossentropy(FixedLoss, function=f.categorical_focal_crossentropy):
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
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(**options)
        self._kf.arguments = {
            "alpha": alpha,
            "gamma": gamma,
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }


class SparseCategoricalCrossentropy(FixedLoss, function=f.sparse_categorical_crossentropy, one_rank=False):
    """The cross-entropy of classes given as integers. Arguments: see `sparse_categorical_crossentropy` and `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = MEAN,
        axis: int = -1,
        **options: Unpack[NameAndDType],
    ) -> None:
        super().__init__(reduction, **options)
        self._kf.arguments = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        self.from_logits: bool = from_logits
        self.ignore_class: int | None = ignore_class
        self.axis: int = axis


class CategoricalGeneralizedCrossEntropy(FixedLoss, function=f.categorical_generalized_cross_entropy, one_rank=False):
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
        **options: Unpack[LossOptions],
    ) -> None:
        if not 0 < q < 1:
            raise ValueError(f"Expected `q` to be between 0 and 1, got {q!r}.")
        super().__init__(**options)
        self._kf.arguments = {"q": q}


class CTC(FixedLoss, function=f.ctc, one_rank=False):
    """Connectionist temporal classification. Arguments: see `ctc` and `Loss`."""


class Dice(FixedLoss, function=f.dice):
    """One minus the soft Dice coefficient. Arguments: `axis` (of the sums; None: everything), and those of `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.Dice()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.5
    """

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "dice",
        axis: int | Sequence[int] | None = None,
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self._kf.arguments = {"axis": axis}


class Tversky(FixedLoss, function=f.tversky):
    """One minus the soft Tversky index. Arguments: see `tversky` and `Loss`.

    >>> import kerasfront as keras
    >>> round(float(keras.losses.Tversky()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.5
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = MEAN,
        name: str | None = "tversky",
        axis: int | Sequence[int] | None = None,
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self._kf.arguments = {"alpha": alpha, "beta": beta, "axis": axis}


class Circle(FixedLoss, function=f.circle, one_rank=False):
    """The circle loss of embeddings. Arguments: see `circle` and `Loss`."""

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        **options: Unpack[LossOptions],
    ) -> None:
        super().__init__(**options)
        self._kf.arguments = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
