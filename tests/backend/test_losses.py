"""Losses against Keras, against the framework's own and NumPy's formulas; reductions, weights, masks, dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import losses, ops, scopes
from kerasfront.errors import ShapeError, UnknownNameError
from kerasfront.losses.loss import LossFunctionWrapper

# Keras on torch hands over tensors in a way that NumPy 2 complains about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
R = np.random.default_rng(0)
ONE_HOT = np.eye(4, dtype="float32")[R.integers(0, 4, 6)]
CLASSES = R.integers(0, 4, 6)
P = R.dirichlet(np.ones(4), 6).astype("float32")
Z = R.normal(size=(6, 4)).astype("float32")
SEQUENCES = (np.array([[1, 2, 0], [3, 3, 1]]), R.normal(size=(2, 8, 4)).astype("float32"))
REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "none", "mean_with_sample_weight")

CASES: list[tuple[str, Any, Any, dict[str, Any]]] = [
    ("BinaryCrossentropy", ONE_HOT, P, {}),
    ("BinaryCrossentropy", ONE_HOT, Z, {"from_logits": True, "label_smoothing": 0.1}),
    ("BinaryFocalCrossentropy", ONE_HOT, P, {}),
    ("BinaryFocalCrossentropy", ONE_HOT, Z, {"from_logits": True, "apply_class_balancing": True, "gamma": 1.5}),
    ("CategoricalCrossentropy", ONE_HOT, P, {}),
    ("CategoricalCrossentropy", ONE_HOT, Z, {"from_logits": True, "label_smoothing": 0.1}),
    ("CategoricalFocalCrossentropy", ONE_HOT, P, {}),
    ("CategoricalFocalCrossentropy", ONE_HOT, Z, {"from_logits": True, "alpha": [0.1, 0.2, 0.3, 0.4]}),
    ("CategoricalGeneralizedCrossEntropy", CLASSES, P, {"q": 0.3}),
    ("CategoricalHinge", ONE_HOT, P, {}),
    ("Circle", CLASSES, Z, {}),
    ("Circle", CLASSES % 2, Z, {"gamma": 10.0, "margin": 0.2, "remove_diagonal": False}),
    ("CosineSimilarity", ONE_HOT, Z, {}),
    ("CTC", *SEQUENCES, {}),
    ("Dice", ONE_HOT, P, {"axis": (1,)}),
    ("Hinge", ONE_HOT, Z, {}),
    ("Hinge", 2 * ONE_HOT - 1, Z, {}),
    ("SquaredHinge", ONE_HOT, Z, {}),
    ("Huber", ONE_HOT, 3 * Z, {"delta": 0.7}),
    ("KLDivergence", ONE_HOT, P, {}),
    ("LogCosh", ONE_HOT, Z, {}),
    ("MeanAbsoluteError", ONE_HOT, Z, {}),
    ("MeanAbsolutePercentageError", Z, P, {}),
    ("MeanSquaredError", ONE_HOT, Z, {}),
    ("MeanSquaredLogarithmicError", ONE_HOT, Z, {}),
    ("Poisson", ONE_HOT, P, {}),
    ("SparseCategoricalCrossentropy", CLASSES, P, {}),
    ("SparseCategoricalCrossentropy", CLASSES[:, None], Z, {"from_logits": True}),
    ("SparseCategoricalCrossentropy", CLASSES, Z, {"from_logits": True, "ignore_class": 2}),
    ("Tversky", ONE_HOT, P, {"alpha": 0.3, "beta": 0.8, "axis": 1}),
]  # fmt: skip
IDS = [f"{name}-{'-'.join(map(str, arguments)) or 'default'}" for name, _, _, arguments in CASES]


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


@pytest.fixture(scope="module")
def reference() -> Any:
    return pytest.importorskip("keras")


@pytest.mark.wide
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "none", "mean_with_sample_weight"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_as_keras(case: Any, reduction: str, weighted: bool, reference: Any) -> None:
    name, y_true, y_pred, arguments = case
    weights = np.arange(len(y_true)).astype("float32") if weighted else None
    ours = getattr(losses, name)(reduction=reduction, **arguments)(y_true, y_pred, sample_weight=weights)
    theirs = getattr(reference.losses, name)(reduction=reduction, **arguments)(y_true, y_pred, sample_weight=weights)
    theirs = np.asarray(reference.ops.convert_to_numpy(theirs))
    assert values(ours).shape == theirs.shape and values(ours).dtype == "float32"
    np.testing.assert_allclose(values(ours), theirs, rtol=3e-5, atol=1e-6)


@pytest.mark.wide
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_configs(case: Any, reference: Any) -> None:
    name, _, _, arguments = case
    loss = getattr(losses, name)(**arguments)
    config = losses.serialize(loss)
    assert losses.serialize(losses.deserialize(config)) == config
    theirs = reference.losses.serialize(getattr(reference.losses, name)(**arguments))
    ours = losses.deserialize(theirs).get_config()
    assert {k: ours[k] for k in theirs["config"]} == {
        k: list(v) if isinstance(v, tuple) else v for k, v in theirs["config"].items()
    }
    if name != "CategoricalGeneralizedCrossEntropy":  # of which Keras makes a string
        assert type(reference.losses.deserialize(config)).__name__ == name


@pytest.mark.wide
@pytest.mark.trains
@pytest.mark.parametrize("case", [c for c in CASES if c[0] != "CTC"], ids=[i for i in IDS if not i.startswith("CTC")])
def test_gradients_are_those_of_differences(case: Any) -> None:
    name, y_true, y_pred, arguments = case
    loss = getattr(losses, name)(reduction="sum", **arguments)
    gradient = values(ops.grad(lambda p: loss(y_true, p))(ops.convert_to_tensor(y_pred)))
    # In proportion to the values, so that probabilities stay positive.
    direction = np.random.default_rng(1).normal(size=y_pred.shape).astype("float32") * np.abs(y_pred)
    step = 1e-3
    up, down = (float(loss(y_true, (y_pred + s * step * direction).astype("float32"))) for s in (1, -1))
    slope = float((gradient * direction).sum())
    assert np.isclose(slope, (up - down) / (2 * step), rtol=0.05, atol=0.05)


def test_values_by_formula() -> None:
    error = Z - ONE_HOT
    assert np.isclose(float(losses.MeanSquaredError()(ONE_HOT, Z)), (error**2).mean(), rtol=1e-6)
    assert np.isclose(float(losses.LogCosh()(ONE_HOT, Z)), np.log(np.cosh(error)).mean(), rtol=1e-5)
    logs = Z - np.log(np.exp(Z).sum(-1, keepdims=True))
    sparse = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert np.isclose(float(sparse(CLASSES, Z)), -logs[np.arange(6), CLASSES].mean(), rtol=1e-5)
    assert np.isclose(float(losses.log_cosh([0.0], [1e4])), 1e4 - np.log(2), rtol=1e-6)


def test_weights_broadcast_from_the_left() -> None:
    zeros, ones = np.zeros((2, 3, 4), "float32"), np.ones((2, 3, 4), "float32")
    loss = losses.MeanSquaredError(reduction="none")
    np.testing.assert_allclose(values(loss(zeros, ones, sample_weight=[1.0, 2.0])), [[1] * 3, [2] * 3])
    one_each = values(loss(zeros[:, 0], ones[:, 0], sample_weight=[[1.0], [2.0]]))
    np.testing.assert_allclose(one_each, [1, 2])
    assert float(losses.MeanSquaredError()(zeros, ones, sample_weight=3.0)) == 3.0
    with pytest.raises(ShapeError):
        loss(zeros, ones, sample_weight=[1.0, 2.0, 3.0])


@pytest.mark.wide
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weights", [None, np.array([[1.0, 2, 3], [4, 5, 6]], "float32"), np.array([1.0, 2.0])])
def test_masks(reduction: str, weights: Any) -> None:
    mask = np.array([[True, False, True], [False, False, True]])
    x = R.random((2, 3, 1)).astype("float32")
    y_pred = ops.convert_to_tensor(x)
    scopes.set_mask(y_pred, ops.convert_to_tensor(mask))
    got = values(losses.MeanSquaredError(reduction=reduction)(np.zeros_like(x), y_pred, sample_weight=weights))
    spread = np.ones((2, 3)) if weights is None else np.broadcast_to(weights.reshape(2, -1), (2, 3))
    parts = x[..., 0] ** 2 * mask * spread
    wanted = {
        "none": parts, "sum": parts.sum(), "mean_with_sample_weight": parts.sum() / (mask * spread).sum(),
    }.get(reduction, parts.sum() / mask.sum())  # fmt: skip
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_what_is_all_masked_costs_nothing() -> None:
    y_pred = ops.ones((2, 3))
    scopes.set_mask(y_pred, ops.zeros((2,), "bool"))
    assert float(losses.MeanSquaredError()(np.zeros((2, 3)), y_pred)) == 0.0
    ignored = losses.SparseCategoricalCrossentropy(ignore_class=1)
    assert float(ignored(np.array([1, 1]), P[:2])) == 0.0


def test_a_mask_on_values_of_another_dtype() -> None:
    """What a loss leaves out itself stays left out where its values are cast to the loss's dtype."""

    def ignoring(y_true: Any, y_pred: Any) -> Any:
        found = losses.sparse_categorical_crossentropy(y_true, ops.cast(y_pred, "float16"), ignore_class=1)
        assert scopes.get_mask(found) is not None
        return found

    classes = np.array([1, 0, 1])
    y_pred = ops.convert_to_tensor(P[:3])
    got = LossFunctionWrapper(ignoring)(classes, y_pred)
    assert values(got).dtype.name == "float32"
    np.testing.assert_allclose(float(got), -np.log(P[1, 0]), rtol=1e-2)
    scopes.set_mask(y_pred, ops.convert_to_tensor(np.array([True, False, True])))
    assert float(LossFunctionWrapper(ignoring)(classes, y_pred)) == 0.0  # both masks together leave nothing


def test_ranks_are_brought_together() -> None:
    ones, threes = np.ones((2,), "float32"), 3 * np.ones((2, 1), "float32")
    loss = losses.MeanSquaredError(reduction="none")
    for pair in ((ones, threes), (threes, ones), (ones.reshape(2, 1, 1), threes)):
        np.testing.assert_allclose(values(loss(*pair)), [4.0, 4.0])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_computed_in_the_loss_dtype(dtype: str) -> None:
    y_pred = ops.cast(ops.convert_to_tensor(Z), dtype)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)(CLASSES, y_pred)
    assert keras.dtype_policies.DTypePolicy("float32").compute_dtype == values(loss).dtype
    np.testing.assert_allclose(
        float(loss), float(losses.SparseCategoricalCrossentropy(from_logits=True)(CLASSES, Z)), rtol=2e-2
    )
    assert values(losses.MeanSquaredError(dtype=dtype)(ONE_HOT, Z)).dtype.name == dtype


def test_own_losses() -> None:
    class Difference(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return y_pred["a"] - y_true["a"]

    two = {"a": np.ones((2, 2), "float32")}
    assert float(Difference()({"a": np.zeros((2, 2), "float32")}, two)) == 1.0
    wrapped = losses.get(lambda y_true, y_pred: y_pred)
    assert callable(wrapped)
    with pytest.raises(NotImplementedError, match="call"):
        losses.Loss()(ONE_HOT, Z)


def test_names(reference: Any) -> None:
    for name in ("mse", "MSE", "mean_squared_error", "kld", "bce", "huber", "ctc", "dice", "MeanSquaredError", "Huber"):
        ours, theirs = losses.get(name), reference.losses.get(name)
        assert isinstance(ours, losses.Loss) == isinstance(theirs, reference.losses.Loss)
    with pytest.raises(UnknownNameError, match="Did you mean 'mean_squared_error'"):
        losses.get("mean_sqared_error")
    with pytest.raises(ValueError, match="Did you mean 'sum'"):
        losses.MeanSquaredError(reduction="summ")
    with pytest.raises(ValueError, match="label_smoothing"):
        losses.CategoricalCrossentropy(label_smoothing=1.5)(ONE_HOT, P)
    with pytest.raises(ValueError, match="got 5"):
        losses.get(5)
    assert losses.get(None) is None


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 3\)|2, 3"):
        losses.MeanSquaredError()(np.ones((2, 3), "float32"), np.ones((2, 4), "float32"))
    with pytest.raises(ShapeError, match="ctc"):
        losses.CTC()(np.ones((2,)), np.ones((2, 4), "float32"))


@pytest.mark.wide
@pytest.mark.parametrize(
    ("true", "predicted"), [((5,), (5,)), ((5, 3), (5, 3)), ((5,), (5, 1)), ((4, 1), (4, 3)), ((2, 3, 4), (2, 3, 4))]
)
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight"])
def test_the_squared_error_in_one_op_is_the_mean_of_all(
    true: tuple[int, ...], predicted: tuple[int, ...], reduction: str
) -> None:
    """Without weights the losses of samples are never made; with weights of 1 they are."""
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.standard_normal(true).astype("float32"), rng.standard_normal(predicted).astype("float32")
    loss = keras.losses.MeanSquaredError(reduction=reduction)
    truth = y_true[:, None] if len(true) == 1 and len(predicted) == 2 else y_true
    expected = np.mean((truth.astype("float64") - y_pred) ** 2)
    np.testing.assert_allclose(float(loss(y_true, y_pred)), expected, rtol=1e-6)
    weighted = loss(y_true, y_pred, sample_weight=np.ones(predicted[:1] if len(predicted) > 1 else (), "float32"))
    np.testing.assert_allclose(float(weighted), expected, rtol=1e-6)


def test_a_squared_error_with_a_call_of_its_own_is_called() -> None:
    class Doubled(keras.losses.MeanSquaredError):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return 2 * super().call(y_true, y_pred)

    assert float(Doubled()([[1.0, 2.0]], [[1.0, 4.0]])) == 4.0
