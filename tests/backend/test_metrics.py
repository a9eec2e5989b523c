"""Metrics against Keras and scikit-learn: values over batches, weights, masks, state, configs, compiled steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerasfront import losses, metrics, ops, scopes
from kerasfront.contract import current
from kerasfront.errors import ShapeError, UnknownNameError

# Keras on torch hands over tensors in a way that NumPy 2 complains about; its IoU truncates weights, and warns.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are passing weight:UserWarning"),
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype:UserWarning"),
]
R = np.random.default_rng(0)
ONE_HOT = np.eye(4, dtype="float32")[R.integers(0, 4, 6)]
CLASSES, OTHERS = R.integers(0, 4, 6), R.integers(0, 4, 6)
P = R.dirichlet(np.ones(4), 6).astype("float32")
Z = R.normal(size=(6, 4)).astype("float32")
YES, SCORE = R.integers(0, 2, 30).astype("float32"), R.random(30).astype("float32")
LABELS, SCORES = R.integers(0, 2, (8, 3)).astype("float32"), R.random((8, 3)).astype("float32")

Case = tuple[str, Any, Any, dict[str, Any]]
CASES: list[Case] = [
    *((name, ONE_HOT, Z, {}) for name in (
        "MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError", "MeanSquaredLogarithmicError",
        "CosineSimilarity", "LogCoshError", "Hinge", "SquaredHinge", "PearsonCorrelation", "ConcordanceCorrelation",
    )),
    *((name, ONE_HOT, P, {}) for name in (
        "CategoricalHinge", "KLDivergence", "Poisson", "BinaryCrossentropy", "CategoricalCrossentropy",
        "BinaryAccuracy", "CategoricalAccuracy",
    )),
    ("MeanAbsolutePercentageError", Z, P, {}),
    ("BinaryCrossentropy", ONE_HOT, Z, {"from_logits": True, "label_smoothing": 0.1}),
    ("SparseCategoricalCrossentropy", CLASSES, P, {}),
    ("SparseCategoricalCrossentropy", CLASSES, Z, {"from_logits": True, "ignore_class": 1}),
    ("SparseCategoricalAccuracy", CLASSES, P, {}),
    ("SparseCategoricalAccuracy", CLASSES[:, None], P, {}),
    ("TopKCategoricalAccuracy", ONE_HOT, P, {"k": 2}),
    ("SparseTopKCategoricalAccuracy", CLASSES, P, {"k": 2}),
    ("Accuracy", CLASSES, OTHERS, {}),
    *((name, YES, SCORE, arguments)
      for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives", "Precision", "Recall")
      for arguments in ({}, {"thresholds": [0.7, 0.2, 0.5]})),
    *((name, LABELS, SCORES, arguments) for name in ("Precision", "Recall")
      for arguments in ({}, {"top_k": 2}, {"class_id": 1}, {"class_id": 1, "top_k": 2})),
    *(("AUC", YES, SCORE, {"curve": curve, "summation_method": method, **arguments})
      for curve in ("ROC", "PR", "PRGAIN") for method in ("interpolation", "minoring", "majoring")
      for arguments in ({"num_thresholds": 7}, {"thresholds": [0.8, 0.1, 0.5]})),
    *(("AUC", LABELS, SCORES, {"curve": curve, "multi_label": True, **arguments}) for curve in ("ROC", "PR")
      for arguments in ({}, {"num_labels": 3, "label_weights": [0.1, 0.5, 0.4]})),
    ("AUC", LABELS, SCORES, {"label_weights": [0.1, 0.5, 0.4]}),
    ("AUC", YES, 4 * SCORE - 2, {"from_logits": True}),
    *((name, *data, {argument: value, **more})
      for name, argument in (("SensitivityAtSpecificity", "specificity"), ("SpecificityAtSensitivity", "sensitivity"),
                             ("PrecisionAtRecall", "recall"), ("RecallAtPrecision", "precision"))
      for value in (0.2, 0.8)
      for data, more in (((YES, SCORE), {"num_thresholds": 9}), ((LABELS, SCORES), {"class_id": 2}))),
    *(("F1Score", *data, {"average": average, **arguments}) for average in (None, "micro", "macro", "weighted")
      for data, arguments in (((ONE_HOT, P), {}), ((LABELS, SCORES), {"threshold": 0.5}))),
    ("FBetaScore", LABELS, SCORES, {"average": "macro", "threshold": 0.4, "beta": 0.5}),
    ("IoU", CLASSES, OTHERS, {"num_classes": 4, "target_class_ids": [0, 2]}),
    ("MeanIoU", CLASSES, OTHERS, {"num_classes": 4}),
    ("MeanIoU", CLASSES, OTHERS, {"num_classes": 4, "ignore_class": 1}),
    ("OneHotIoU", ONE_HOT, P, {"num_classes": 4, "target_class_ids": [1, 3]}),
    ("OneHotMeanIoU", ONE_HOT, P, {"num_classes": 4}),
    ("BinaryIoU", YES, SCORE, {"threshold": 0.3, "target_class_ids": [1]}),
    *(("R2Score", Z, Z + 0.3 * P, {"class_aggregation": how})
      for how in (None, "uniform_average", "variance_weighted_average")),
]  # fmt: skip


def case_id(case: Case) -> str:
    name, _, _, arguments = case
    return f"{name}-{'-'.join(map(str, arguments.values())) or 'default'}"


# One case of each metric, for what does not depend on the arguments.
EACH = list({case[0]: case for case in CASES}.values())


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


def native(reference: Any, x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(reference.ops.convert_to_numpy(x))


@pytest.fixture(scope="module")
def reference() -> Any:
    return pytest.importorskip("keras")


def fed(metric: Any, case: Case, weights: Any = None) -> Any:
    """The metric after the data came in two batches of different sizes."""
    _, y_true, y_pred, _ = case
    for part in (slice(None, 4), slice(4, None)):
        given = {} if weights is None else {"sample_weight": weights[part]}
        metric.update_state(y_true[part], y_pred[part], **given)
    return metric


@pytest.mark.wide
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_as_keras(case: Case, weighted: bool, reference: Any) -> None:
    name, y_true, y_pred, arguments = case
    # Whole numbers, since Keras's IoU truncates; of the predictions' shape where Keras can't broadcast them.
    weights = theirs_weights = (np.arange(len(y_true)) % 3 + 1).astype("float32") if weighted else None
    per_label = getattr(y_pred, "ndim", 1) == 2 and (name in ("Precision", "Recall") or name == "AUC")
    if weighted and per_label and not arguments.get("multi_label") and arguments.get("class_id") is None:
        theirs_weights = np.broadcast_to(weights[:, None], y_pred.shape)
    ours = fed(getattr(metrics, name)(**arguments), case, weights)
    theirs = fed(getattr(reference.metrics, name)(**arguments), case, theirs_weights)
    wanted = native(reference, theirs.result())
    assert values(ours.result()).shape == wanted.shape
    np.testing.assert_allclose(values(ours.result()), wanted, rtol=1e-4, atol=3e-6)
    assert [v.shape for v in ours.variables] == [tuple(v.shape) for v in theirs.variables]
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]


@pytest.mark.wide
@pytest.mark.parametrize("case", EACH, ids=case_id)
def test_state_and_configs(case: Case, reference: Any) -> None:
    name, _, _, arguments = case
    metric = fed(getattr(metrics, name)(**arguments), case)
    before, held = values(metric.result()), [v.numpy() for v in metric.variables]
    config = metrics.serialize(metric)
    again = metrics.deserialize(config)
    assert metrics.serialize(again) == config
    np.testing.assert_array_equal(values(fed(again, case).result()), before)
    metrics.deserialize(reference.metrics.serialize(reference.metrics.deserialize(config)))
    zeros = metric.stateless_reset_state()
    assert all(not values(z).any() for z in zeros)
    np.testing.assert_array_equal(values(metric.stateless_result(metric.variables)), before)
    state = zeros
    for part in (slice(None, 4), slice(4, None)):
        state = metric.stateless_update_state(state, case[1][part], case[2][part])
    np.testing.assert_allclose([values(s).sum() for s in state], [h.sum() for h in held], rtol=1e-6)
    np.testing.assert_array_equal(values(metric.result()), before)
    metric.reset_state()
    assert all(not v.numpy().any() for v in metric.variables)
    values(metric.result())


@pytest.mark.wide
@pytest.mark.parametrize("case", EACH, ids=case_id)
def test_a_compiled_update_is_the_eager_one(case: Case) -> None:
    name, y_true, y_pred, arguments = case
    metric = fed(getattr(metrics, name)(**arguments), case)
    wanted = values(metric.result())
    metric.reset_state()
    step = current().compile_step(lambda a, b: metric.update_state(a, b), lambda: metric.variables)
    for part in (slice(None, 4), slice(4, None)):
        step(ops.convert_to_tensor(y_true[part]), ops.convert_to_tensor(y_pred[part]))
    np.testing.assert_allclose(values(metric.result()), wanted, rtol=1e-4, atol=1e-6)


# ---- other references ---------------------------------------------------------------------------------------------


def test_as_scikit_learn() -> None:
    learn = pytest.importorskip("sklearn.metrics")
    exact = metrics.AUC(thresholds=sorted(SCORE.tolist()))
    assert np.isclose(float(exact(YES, SCORE)), learn.roc_auc_score(YES, SCORE), atol=1e-5)
    assert np.isclose(float(metrics.Precision()(YES, SCORE)), learn.precision_score(YES, SCORE > 0.5))
    assert np.isclose(float(metrics.Recall()(YES, SCORE)), learn.recall_score(YES, SCORE > 0.5))
    chosen = P.argmax(-1)
    for average in ("micro", "macro", "weighted"):
        ours = float(metrics.F1Score(average=average)(ONE_HOT, P))
        assert np.isclose(ours, learn.f1_score(ONE_HOT.argmax(-1), chosen, average=average), atol=1e-6)
    ours = float(metrics.MeanIoU(4)(CLASSES, OTHERS))
    assert np.isclose(ours, learn.jaccard_score(CLASSES, OTHERS, average="macro"), atol=1e-6)
    assert np.isclose(float(metrics.R2Score()(Z, Z + 0.3 * P)), learn.r2_score(Z, Z + 0.3 * P), atol=1e-5)
    weights = np.arange(6) + 1.0
    ours = float(metrics.SparseCategoricalAccuracy()(CLASSES, P, sample_weight=weights))
    assert np.isclose(ours, learn.accuracy_score(CLASSES, chosen, sample_weight=weights), atol=1e-6)


def test_fractional_weights_count_in_iou() -> None:
    learn = pytest.importorskip("sklearn.metrics")
    weights = np.array([0.5, 0.25, 1.0, 0.1, 2.0, 0.7])
    ours = float(metrics.MeanIoU(4)(CLASSES, OTHERS, sample_weight=weights))
    assert np.isclose(ours, learn.jaccard_score(CLASSES, OTHERS, average="macro", sample_weight=weights), atol=1e-6)


def test_labels_that_are_no_class_count_nowhere() -> None:
    assert np.isclose(float(metrics.MeanIoU(2)([0, 1, 7, -1], [0, 1, 1, 0])), 1.0)


def test_areas_of_labels_are_those_of_each_alone() -> None:
    for curve in ("ROC", "PR", "PRGAIN"):
        together = float(metrics.AUC(curve=curve, multi_label=True)(LABELS, SCORES))
        alone = [float(metrics.AUC(curve=curve)(LABELS[:, i], SCORES[:, i])) for i in range(3)]
        assert np.isclose(together, np.mean(alone), atol=1e-5)


def test_the_adjusted_r2_counts_samples() -> None:
    plain, adjusted = metrics.R2Score(), metrics.R2Score(num_regressors=2)
    score = float(plain(Z, Z + 0.3 * P))
    assert np.isclose(float(adjusted(Z, Z + 0.3 * P)), 1 - (1 - score) * (6 - 1) / (6 - 2 - 1), atol=1e-6)


# ---- reductions ---------------------------------------------------------------------------------------------------


def test_mean_and_sum() -> None:
    mean, total = metrics.Mean(), metrics.Sum()
    assert float(mean.result()) == 0.0
    for one in (mean, total):
        one.update_state([1.0, 2.0, 3.0])
        one.update_state(np.array([[1.0, 2.0], [3.0, 4.0]]), sample_weight=[1.0, 0.0])
        one.update_state(5.0)
    assert np.isclose(float(mean.result()), (6 + 1.5 + 5) / 5)
    assert float(total.result()) == 12.5
    mean.reset_state()
    mean.update_state(np.arange(12.0).reshape(2, 3, 2), sample_weight=[1.0, 3.0])
    assert float(mean.result()) == 7.0


def test_masks_take_samples_out() -> None:
    mask = np.array([[True, False], [True, True]])
    x = ops.convert_to_tensor(np.array([[1.0, 2.0], [3.0, 4.0]], "float32"))
    scopes.set_mask(x, ops.convert_to_tensor(mask))
    assert np.isclose(float(metrics.Mean()(x)), 8 / 3)
    y_pred = ops.convert_to_tensor(np.ones((2, 2, 1), "float32"))
    scopes.set_mask(y_pred, ops.convert_to_tensor(mask))
    y_true = np.array([[[1.0], [5.0]], [[0.0], [1.0]]], "float32")
    assert np.isclose(float(metrics.MeanSquaredError()(y_true, y_pred)), 1 / 3)
    weighted = metrics.MeanSquaredError()(y_true, y_pred, sample_weight=[1.0, 2.0])
    assert np.isclose(float(weighted), 2 / 5)


def test_own_metrics() -> None:
    class Share(metrics.Metric):
        def __init__(self, name: str = "share", **kwargs: Any) -> None:
            super().__init__(name=name, **kwargs)
            self.inner = metrics.Mean(name="inner")
            self.seen = self.add_weight(name="seen")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.inner.update_state(y_pred)
            self.seen.assign_add(1.0)

        def result(self) -> Any:
            return {"mean": self.inner.result(), "seen": self.seen}

    metric = Share()
    found = metric(None, [1.0, 3.0])
    assert float(found["mean"]) == 2.0 and float(found["seen"]) == 1.0
    assert [v.path for v in metric.variables] == ["share/seen", "inner/total", "inner/count"]
    kept = metric.stateless_result([ops.convert_to_tensor(x) for x in (7.0, 6.0, 2.0)])
    assert float(kept["seen"]) == 7.0 and float(kept["mean"]) == 3.0
    with pytest.raises(ValueError, match="3 variables"):
        metric.stateless_result([1.0])
    with pytest.raises(NotImplementedError, match="update_state"):
        metrics.Metric(name="m")([1.0])


def test_names(reference: Any) -> None:
    for name in ("mse", "MAE", "AUC", "auc", "accuracy", "root_mean_squared_error", "log_cosh_error", "f1_score",
                 "sparse_categorical_accuracy", "kl_divergence", "Mean"):  # fmt: skip
        assert type(metrics.get(name)).__name__ == type(reference.metrics.get(name)).__name__
    assert metrics.get(None) is None and metrics.get(losses.mean_squared_error) is losses.mean_squared_error
    with pytest.raises(UnknownNameError, match="Did you mean 'precision'"):
        metrics.get("precison")


@pytest.mark.parametrize(
    "make",
    [
        lambda: metrics.Precision(thresholds=[1.2]), lambda: metrics.AUC(num_thresholds=1),
        lambda: metrics.AUC(curve="X"), lambda: metrics.AUC(summation_method="x"), lambda: metrics.PrecisionAtRecall(2),
        lambda: metrics.F1Score(average="x"), lambda: metrics.FBetaScore(beta=-1.0),
        lambda: metrics.R2Score("x"), lambda: metrics.IoU(2, target_class_ids=[2]),
    ],
)  # fmt: skip
def test_bad_arguments(make: Any) -> None:
    with pytest.raises(ValueError, match="got"):
        make()


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ShapeError, match="one shape"):
        metrics.Precision()(np.ones((2, 3)), np.ones((2, 3, 4)))
    with pytest.raises(ShapeError, match="F1Score"):
        metrics.F1Score()(np.ones((2,)), np.ones((2,)))
    with pytest.raises(ShapeError, match="R2Score"):
        metrics.R2Score()(np.ones((2,)), np.ones((2,)))


# ---- more than float32 counts to ------------------------------------------------------------------------------------

_LARGE = 2.0**24
_ONE = np.ones((1,), "float32")
_COUNTING: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("Mean", {}, _ONE, None),
    ("Sum", {}, _ONE, None),
    ("BinaryAccuracy", {}, _ONE, _ONE),
    ("SparseCategoricalAccuracy", {}, np.zeros((1,), "int32"), np.array([[0.9, 0.1]], "float32")),
    ("MeanSquaredError", {}, 0 * _ONE, _ONE),
    ("TruePositives", {}, _ONE, _ONE),
    ("Precision", {"thresholds": [0.2, 0.5]}, _ONE, _ONE),
    ("AUC", {"num_thresholds": 3}, _ONE, _ONE),
    ("MeanIoU", {"num_classes": 2}, np.ones((1,), "int32"), np.ones((1,), "int32")),
    ("F1Score", {}, np.ones((1, 1), "float32"), np.ones((1, 1), "float32")),
    ("R2Score", {}, np.ones((1, 1), "float32"), np.zeros((1, 1), "float32")),
]


class _Seen(metrics.Metric):
    """A user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = self.add_variable((), "zeros")

    def update_state(self, y_true: Any, y_pred: Any = None, sample_weight: Any = None) -> None:
        self.seen.assign_add(ops.sum(y_true if sample_weight is None else y_true * sample_weight))


@pytest.mark.wide
@pytest.mark.parametrize("weight", [None, 0.75])
@pytest.mark.parametrize("case", [*_COUNTING, ("own", {}, _ONE, _ONE)], ids=lambda case: case[0])
def test_small_numbers_count_beside_large_ones(case: Any, weight: float | None) -> None:
    name, arguments, y_true, y_pred = case
    batch = [y for y in (y_true, y_pred) if y is not None]
    weights = {} if weight is None else {"sample_weight": np.full((1,), weight, "float32")}

    def added(start: float) -> list[Any]:
        metric = _Seen() if name == "own" else getattr(metrics, name)(**arguments)
        metric.update_state(*batch, **weights)
        for variable in metric.variables:
            variable.assign(np.full(variable.shape, start, "float32"))
        for _ in range(8):
            metric.update_state(*batch, **weights)
        return [v.numpy() - start for v in metric.variables]

    for after_much, after_nothing in zip(added(_LARGE), added(0.0), strict=True):
        np.testing.assert_allclose(after_much, after_nothing, atol=1)  # a float32 shows every second number there


def test_logs_have_every_unit() -> None:
    for metric in (metrics.Sum(), metrics.TruePositives()):
        for weight in (_LARGE, 1.0, 1.0, 1.0):
            metric.update_state(*[_ONE] * (1 if isinstance(metric, metrics.Sum) else 2), sample_weight=[weight])
        assert metric.host_result() == _LARGE + 3
    metric = metrics.Mean()
    metric.update_state([np.inf])
    assert float(metric.result()) == metric.host_result() == np.inf


def test_one_large_batch_loses_nothing() -> None:
    count = 2**15
    weights = np.repeat(np.array([512, 1], "float32"), count)  # one after the other, the ones would not count
    truth = np.ones(2 * count, "int32")
    overlap = metrics.MeanIoU(2)
    overlap.update_state(truth, truth, sample_weight=weights)
    assert overlap.total_confusion_matrix.numpy()[1, 1] == _LARGE + count
    area = metrics.AUC(num_thresholds=3)
    area.update_state(truth, truth.astype("float32"), sample_weight=weights)
    assert area.true_positives.numpy().tolist() == [_LARGE + count] * 2 + [0.0]


@pytest.mark.wide
@pytest.mark.parametrize(
    "case", [c for c in _COUNTING if c[0] not in ("MeanSquaredError", "R2Score")], ids=lambda case: case[0]
)
def test_half_precision_counts_on(case: Any) -> None:
    name, arguments, *batch = case
    metric = getattr(metrics, name)(dtype="float16", **arguments)
    metric.update_state(*[np.repeat(y, 5000, axis=0) for y in batch if y is not None])
    assert max(v.numpy().max() for v in metric.variables) == 5000


def test_stateless_updates_keep_shapes_and_dtypes() -> None:
    metric = metrics.Mean()
    before = [v.value for v in metric.variables]
    after = metric.stateless_update_state(before, [1.0, 2.0])
    kinds = [[(tuple(x.shape), current().dtype_name(x)) for x in state] for state in (before, after)]
    assert kinds[0] == kinds[1] == [((), "float32")] * 2
    assert float(metric.stateless_result(after)) == 1.5
