"""Optimizers against Keras, step by step; fused kernels against the rules; compiled, stateless and saved."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import constraints, ops, optimizers
from kerasfront.contract import current
from kerasfront.errors import UnknownNameError
from kerasfront.optimizers import schedules

BACKEND = keras.config.backend()
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SHAPES = [(5, 4), (4,), (4, 3), (2, 3, 4)]
R = np.random.default_rng(0)
GRADIENTS = [[R.normal(size=s).astype("float32") for s in SHAPES] for _ in range(6)]
STARTS = [R.normal(size=s).astype("float32") for s in SHAPES]

Case = tuple[str, dict[str, Any]]
CASES: list[Case] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "gradient_accumulation_steps": 3}),
    ("SGD", {"clipnorm": 0.5}),
    ("SGD", {"global_clipnorm": 0.5}),
    ("SGD", {"clipvalue": 0.5, "loss_scale_factor": 4.0}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "epsilon": 1e-2}),
    ("Adam", {"gradient_accumulation_steps": 2, "weight_decay": 0.1}),
    ("Adam", {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}),
    ("AdamW", {"weight_decay": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.8, "centered": True, "rho": 0.8}),
    ("Adagrad", {}),
    ("Adadelta", {"learning_rate": 0.5}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Lamb", {}),
    ("Lion", {}),
    ("Ftrl", {}),
    ("Ftrl", {"l1_regularization_strength": 0.1, "l2_regularization_strength": 0.1, "beta": 0.3,
              "l2_shrinkage_regularization_strength": 0.05, "learning_rate_power": -0.6}),
    ("Adafactor", {}),
    ("Adafactor", {"relative_step": False}),
    ("Muon", {}),
    ("Muon", {"exclude_layers": ["v2"], "nesterov": False, "rms_rate": None}),
    ("ScheduleFreeAdamW", {"warmup_steps": 3, "weight_decay": 0.1}),
]  # fmt: skip


def case_id(case: Case) -> str:
    return f"{case[0]}-{'-'.join(case[1]) or 'default'}"


EACH = list({case[0]: case for case in CASES}.values())


def made(case: Case) -> Any:
    name, arguments = case
    return getattr(optimizers, name)(**{"learning_rate": 0.05, **arguments})


def variables(dtype: str = "float32") -> list[Any]:
    return [keras.Variable(x, dtype=dtype, name=f"v{i}") for i, x in enumerate(STARTS)]


def tensors(arrays: Any, dtype: str | None = None) -> list[Any]:
    return [ops.convert_to_tensor(a, dtype) for a in arrays]


def stepped(optimizer: Any, values: list[Any], gradients: Any = GRADIENTS) -> list[np.ndarray[Any, Any]]:
    """The values and the state after all gradients."""
    for batch in gradients:
        optimizer.apply(tensors(batch), values)
    return [v.numpy() for v in (*values, *optimizer.variables)]


def assert_close(ours: Any, theirs: Any, rtol: float = 1e-5, atol: float = 2e-6) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(a, "float64"), np.asarray(b, "float64"), rtol=rtol, atol=atol)


@pytest.fixture(scope="module")
def reference() -> Any:
    return pytest.importorskip("keras")


def of_keras(reference: Any, case: Case) -> tuple[Any, list[Any]]:
    name, arguments = case
    optimizer = getattr(reference.optimizers, name)(**{"learning_rate": 0.05, **arguments})
    values = [reference.Variable(x, name=f"v{i}") for i, x in enumerate(STARTS)]
    for batch in GRADIENTS:
        optimizer.apply([reference.ops.convert_to_tensor(g) for g in batch], values)
    return optimizer, [np.asarray(reference.ops.convert_to_numpy(v.value)) for v in (*values, *optimizer.variables)]


# Where Keras takes one sequence for another that it has changed already: our values are those of Keras on JAX.
_KERAS_IS_RIGHT_ON_JAX_ONLY = ("ScheduleFreeAdamW",)


@pytest.mark.wide
@pytest.mark.trains
@pytest.mark.parametrize(
    "case", [c for c in CASES if c[0] not in _KERAS_IS_RIGHT_ON_JAX_ONLY or BACKEND == "jax"], ids=case_id
)
def test_as_keras(case: Case, reference: Any) -> None:
    """Values, and the state in the order in which it is saved."""
    optimizer, values = made(case), variables()
    ours = stepped(optimizer, values)
    other, theirs = of_keras(reference, case)
    # Keras computes 1 - beta^t in float32, which is off by up to 1e-4; for Ftrl's sums the last digits differ.
    assert_close(ours, theirs, rtol=2e-4, atol=1e-5)
    if case[0] not in ("Nadam", "Adafactor"):  # where Keras gives variables no names of their own
        assert [v.name for v in optimizer.variables] == [v.name for v in other.variables]


def test_schedule_free_by_formula() -> None:
    """Defazio et al., algorithm 1 in its AdamW form, in float64."""
    optimizer, values = optimizers.ScheduleFreeAdamW(0.05, beta_1=0.8, beta_2=0.9), variables()
    stepped(optimizer, values)
    for index, start in enumerate(STARTS):
        y = x = z = start.astype("float64")
        v = np.zeros_like(y)
        for t, batch in enumerate(GRADIENTS, 1):
            v = 0.9 * v + 0.1 * batch[index].astype("float64") ** 2
            z = z - 0.05 * batch[index] / (np.sqrt(v / (1 - 0.9**t)) + 1e-8)
            x = x + (z - x) / t
            y = 0.2 * z + 0.8 * x
        np.testing.assert_allclose(values[index].numpy(), y, rtol=1e-4, atol=1e-5)


def test_adam_by_formula() -> None:
    """Epsilon stands beside the root of the uncorrected mean of squares, in float64."""
    optimizer, values = optimizers.Adam(0.05, epsilon=1e-2), variables()
    stepped(optimizer, values)
    for index, start in enumerate(STARTS):
        x = start.astype("float64")
        m, v = np.zeros_like(x), np.zeros_like(x)
        for t, batch in enumerate(GRADIENTS, 1):
            m, v = 0.9 * m + 0.1 * batch[index], 0.999 * v + 0.001 * batch[index].astype("float64") ** 2
            x = x - 0.05 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-2)
        np.testing.assert_allclose(values[index].numpy(), x, rtol=2e-6, atol=1e-6)


# ---- the ways in which a step runs --------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_compiled_as_eager(case: Case) -> None:
    eager = stepped(made(case), variables())
    optimizer, values = made(case), variables()
    optimizer.build(values)
    step = current().compile_step(
        lambda *grads: optimizer.apply(list(grads), values), lambda: [*values, *optimizer.variables]
    )
    for batch in GRADIENTS:
        step(*tensors(batch))
    assert_close([v.numpy() for v in (*values, *optimizer.variables)], eager)


@pytest.mark.wide
@pytest.mark.parametrize("case", EACH, ids=case_id)
def test_stateless_as_stateful(case: Case) -> None:
    eager = stepped(made(case), variables())
    optimizer, values = made(case), variables()
    optimizer.build(values)
    trained, state = ([ops.convert_to_tensor(v.numpy()) for v in group] for group in (values, optimizer.variables))
    before = [v.numpy() for v in (*values, *optimizer.variables)]
    for batch in GRADIENTS:
        trained, state = optimizer.stateless_apply(state, tensors(batch), trained)
    assert_close([ops.convert_to_numpy(x) for x in (*trained, *state)], eager, rtol=3e-5)
    assert_close([v.numpy() for v in (*values, *optimizer.variables)], before, 0, 0)


FUSED = [c for c in CASES if type(made(c)).rule in current().fused_updates]


if FUSED:  # some frameworks have no such kernels

    @pytest.mark.parametrize("layout", ["plain", "transposed"])
    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    @pytest.mark.parametrize("case", FUSED, ids=case_id)
    def test_fused_as_the_rule(case: Case, dtype: str, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """The adapter's kernels do what the rule says."""
        results = []
        for fused in (True, False):
            if not fused:
                monkeypatch.setattr(current(), "fused_updates", {})
            optimizer, values = made(case), variables(dtype)
            for batch in GRADIENTS:
                grads = tensors(batch, dtype)
                if layout == "transposed":  # the same numbers in another order of memory
                    grads = [ops.transpose(ops.convert_to_tensor(np.ascontiguousarray(g.T), dtype)) for g in batch]
                optimizer.apply(grads, values)
            results.append([v.numpy().astype("float32") for v in (*values, *optimizer.variables)])
        assert_close(*results, rtol=3e-5 if dtype == "float32" else 0.03, atol=1e-6 if dtype == "float32" else 0.03)


def test_an_own_rule_is_not_replaced_by_a_kernel() -> None:
    class Still(optimizers.Adam):
        def update(self, gradient: Any, value: Any, slots: Any, hyper: Any) -> Any:
            return value, {}

    values = variables()
    stepped(Still(0.1), values)
    assert_close([v.numpy() for v in values], STARTS, 0, 0)


def test_keras_style_subclasses() -> None:
    class Old(optimizers.Optimizer):
        def build(self, variables: Any) -> None:
            if self.built:
                return
            super().build(variables)
            self.sums = [self.add_variable_from_reference(v, "sum") for v in variables]

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            held = self.sums[self._get_variable_index(variable)]
            self.assign_add(held, gradient)
            self.assign_sub(variable, held * learning_rate)

    v = keras.Variable([1.0], name="v")
    optimizer = Old(learning_rate=0.1, name="old")
    for _ in range(2):
        optimizer.apply([ops.ones((1,))], [v])
    assert np.isclose(v.numpy()[0], 0.7)
    assert [x.path for x in optimizer.variables] == ["old/iteration", "old/learning_rate", "old/v_sum"]


# ---- what surrounds the rule --------------------------------------------------------------------------------------


def test_the_learning_rate_can_be_set() -> None:
    v, one = keras.Variable([1.0]), [ops.ones((1,))]
    optimizer = optimizers.SGD(0.1)
    optimizer.apply(one, [v])
    optimizer.learning_rate = 0.5
    optimizer.apply(one, [v])
    assert np.isclose(v.numpy()[0], 0.4) and optimizer.get_config()["learning_rate"] == 0.5
    optimizer.learning_rate.assign(0.25)
    optimizer.apply(one, [v])
    assert np.isclose(v.numpy()[0], 0.15)
    optimizer.learning_rate = schedules.PiecewiseConstantDecay([3], [0.05, 0.0])
    for _ in range(3):
        optimizer.apply(one, [v])
    assert np.isclose(v.numpy()[0], 0.1) and int(optimizer.iterations) == 6
    with pytest.raises(TypeError, match="schedule"):
        optimizer.learning_rate = 0.1
    assert optimizers.Adam().get_config()["learning_rate"] == 0.001
    assert float(optimizers.SGD(lambda: 0.25).learning_rate) == 0.25


SCHEDULES = [
    ("CosineDecay", (0.1, 10), {}), ("CosineDecay", (0.1, 10), {"alpha": 0.1, "warmup_target": 0.5, "warmup_steps": 3}),
    ("CosineDecayRestarts", (0.1, 3), {"t_mul": 2.0, "m_mul": 0.5, "alpha": 0.1}),
    ("CosineDecayRestarts", (0.1, 3), {"t_mul": 1.0}), ("ExponentialDecay", (0.1, 3, 0.5), {}),
    ("ExponentialDecay", (0.1, 3, 0.5), {"staircase": True}), ("InverseTimeDecay", (0.1, 3, 0.5), {}),
    ("InverseTimeDecay", (0.1, 3, 0.5), {"staircase": True}),
    ("PiecewiseConstantDecay", ([2, 5], [1.0, 0.5, 0.1]), {}), ("PolynomialDecay", (0.1, 5, 0.01), {"power": 2.0}),
    ("PolynomialDecay", (0.1, 5, 0.01), {"power": 2.0, "cycle": True}),
]  # fmt: skip


@pytest.mark.wide
@pytest.mark.parametrize(("name", "args", "kwargs"), SCHEDULES)
def test_schedules_as_keras(name: str, args: Any, kwargs: Any, reference: Any) -> None:
    ours, theirs = (
        getattr(schedules, name)(*args, **kwargs),
        getattr(reference.optimizers.schedules, name)(*args, **kwargs),
    )
    for step in (0, 1, 2, 4, 5, 6, 10, 20):
        assert np.isclose(float(ours(step)), float(theirs(step)), rtol=1e-5, atol=1e-7)
    config = schedules.serialize(ours)
    assert config == reference.optimizers.schedules.serialize(theirs)
    assert schedules.serialize(schedules.deserialize(config)) == config
    again = optimizers.deserialize(optimizers.serialize(optimizers.SGD(ours)))
    assert float(again.learning_rate) == float(ours(0))


def test_loss_scaling() -> None:
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.1), initial_scale=4.0, dynamic_growth_steps=2)
    v = keras.Variable([1.0])
    optimizer.build([v])
    step = current().compile_step(lambda g: optimizer.apply([g], [v]), lambda: [v, *optimizer.variables])
    seen = []
    for g in (0.5, 0.5, np.nan, np.inf, 0.5):
        step(ops.convert_to_tensor(np.array([g], "float32")))
        seen.append((round(float(v.numpy()[0]), 4), float(optimizer.dynamic_scale), int(optimizer.iterations)))
    assert seen == [(0.9875, 4.0, 1), (0.975, 8.0, 2), (0.975, 4.0, 2), (0.975, 2.0, 2), (0.95, 2.0, 3)]
    assert float(optimizer.scale_loss(ops.ones(()))) == 2.0
    assert [x.name for x in optimizer.variables] == [
        "iteration", "learning_rate", "step_counter", "dynamic_scale", "iteration", "learning_rate",
    ]  # fmt: skip
    optimizer.learning_rate = 0.7
    assert np.isclose(float(optimizer.inner_optimizer.learning_rate), 0.7)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert isinstance(again.inner_optimizer, optimizers.SGD) and again.initial_scale == 4.0


def test_several_optimizers() -> None:
    chosen = optimizers.OptimizerMap(optimizers.SGD(0.1), {"enc.*": optimizers.SGD(0.5)})
    a, b = keras.Variable([1.0], name="encoder"), keras.Variable([1.0], name="head")
    optimizer = optimizers.MultiOptimizer(chosen)
    optimizer.apply([ops.ones((1,))] * 2, [a, b])
    assert np.isclose(a.numpy()[0], 0.5) and np.isclose(b.numpy()[0], 0.9)
    assert len(optimizer.optimizers) == 2 and len(optimizer.variables) == 6
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert np.isclose(float(again.optimizer_map["encoder"].learning_rate), 0.5)
    with pytest.raises(AttributeError, match="no learning rate"):
        _ = optimizer.learning_rate
    with pytest.raises(ValueError, match="enc"):
        chosen["enc.*"] = optimizers.SGD()
    chosen["encoder"] = optimizers.SGD()
    with pytest.raises(ValueError, match="several"):
        _ = chosen["encoder/kernel"]


def test_weight_decay_leaves_out_what_is_excluded() -> None:
    optimizer = optimizers.SGD(0.1, weight_decay=0.5)
    values = [keras.Variable([1.0], name=n) for n in ("kernel", "bias", "scale")]
    optimizer.exclude_from_weight_decay(var_list=[values[2]], var_names=["bia"])
    optimizer.apply([ops.zeros((1,))] * 3, values)
    np.testing.assert_allclose([v.numpy()[0] for v in values], [0.95, 1.0, 1.0])


def test_constraints_and_variables_that_take_their_gradient() -> None:
    v, w = keras.Variable([3.0, 4.0]), keras.Variable([1.0])
    v.constraint, w.overwrite_with_gradient = constraints.UnitNorm(), True
    optimizer = optimizers.Adam(0.1)
    optimizer.apply([ops.zeros((2,)), ops.ones((1,)) * 5], [v, w])
    np.testing.assert_allclose(v.numpy(), [0.6, 0.8], rtol=1e-5)
    assert w.numpy()[0] == 5.0 and len(optimizer.variables) == 4


def test_averages_replace_the_variables_at_the_end() -> None:
    v, one = keras.Variable([1.0]), [ops.ones((1,))]
    optimizer = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    for _ in range(3):
        optimizer.apply(one, [v])
    assert np.isclose(v.numpy()[0], 0.7)
    optimizer.finalize_variable_values([v])
    assert np.isclose(v.numpy()[0], 0.775)


def test_gradients_that_are_missing() -> None:
    values = [keras.Variable([1.0], name=n) for n in ("a", "b")]
    optimizer = optimizers.SGD(0.5)
    with pytest.warns(UserWarning, match="no gradient for b"):
        optimizer.apply([ops.ones((1,)), None], values)
    assert [v.numpy()[0] for v in values] == [0.5, 1.0]
    with pytest.raises(ValueError, match="no gradient for any variable"):
        optimizer.apply([None, None], values)
    with pytest.raises(ValueError, match="1 gradients for 2"):
        optimizer.apply([ops.ones((1,))], values)
    with pytest.raises(ValueError, match="not built with the variable 'c'"):
        optimizer.apply([ops.ones((1,))], [keras.Variable([1.0], name="c")])
    with pytest.raises(ValueError, match="Build the optimizer"):
        optimizers.SGD().apply([ops.ones((1,))])


@pytest.mark.skipif(BACKEND != "tensorflow", reason="slices are TensorFlow's")
@pytest.mark.parametrize("case", [*CASES, ("scaled", {}), ("several", {})], ids=case_id)
def test_gradients_of_what_was_gathered(case: Case) -> None:
    """Slices do what the dense gradient does, which for a place that comes twice is the sum."""
    import tensorflow as tf

    def own() -> Any:
        if case[0] == "scaled":
            return optimizers.LossScaleOptimizer(optimizers.Adam(0.05))
        if case[0] == "several":
            return optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.SGD(0.05)))
        return made(case)

    slices = [tf.IndexedSlices(x[:3], tf.constant([0, 2, 0]), tf.constant([5, 4])) for x, *_ in GRADIENTS]
    results = []
    for gradients in (slices, [tf.convert_to_tensor(g) for g in slices]):
        optimizer, value = own(), variables()[0]
        for gradient in gradients:
            optimizer.apply([gradient], [value])
        results.append([v.numpy() for v in (value, *optimizer.variables)])
    assert_close(*results, rtol=0, atol=0)
    np.testing.assert_array_equal(ops.convert_to_numpy(slices[0]), tf.convert_to_tensor(slices[0]))
    np.testing.assert_array_equal(ops.add(slices[0], 1), ops.convert_to_numpy(slices[0]) + 1)


# ---- configs, names, saving ---------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_configs(case: Case, reference: Any) -> None:
    config = optimizers.serialize(made(case))
    assert config["module"] == "keras.optimizers" and config["config"]["learning_rate"] in (0.05, 0.5)
    assert optimizers.serialize(optimizers.deserialize(config)) == config
    if case[0] == "Lamb":  # which Keras can't make from its own config
        return
    theirs = reference.optimizers.serialize(reference.optimizers.deserialize(copy.deepcopy(config)))
    assert {**theirs["config"], "learning_rate": 0} == {**config["config"], "learning_rate": 0}
    ours = optimizers.serialize(optimizers.deserialize(theirs))
    assert ours == config


@pytest.mark.wide
@pytest.mark.parametrize("case", EACH, ids=case_id)
def test_the_state_can_be_saved(case: Case) -> None:
    optimizer, values = made(case), variables()
    whole = stepped(made(case), variables())
    stepped(optimizer, values, GRADIENTS[:3])
    store: dict[str, Any] = {}
    optimizer.save_own_variables(store)
    again = made(case)
    again.build(values)
    again.load_own_variables(store)
    assert_close(stepped(again, values, GRADIENTS[3:]), whole)
    with pytest.raises(ValueError, match="holds 1"):
        again.load_own_variables({"0": np.zeros(())})


def test_names() -> None:
    for name in ("adam", "Adam", "ADAM", "rmsprop", "ScheduleFreeAdamW"):
        assert type(optimizers.get(name)).__name__.lower() == name.lower()
    assert optimizers.get(None) is None and type(optimizers.get(optimizers.SGD)) is optimizers.SGD
    assert optimizers.get({"class_name": "Adam", "config": {"learning_rate": 0.5}}).get_config()["learning_rate"] == 0.5
    with pytest.raises(UnknownNameError, match="Did you mean 'adam'"):
        optimizers.get("adamm")
    with pytest.raises(ValueError, match="got 3"):
        optimizers.get(3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.Adam(clipnorm=1.0, clipvalue=1.0),
        lambda: optimizers.Adam(gradient_accumulation_steps=1), lambda: optimizers.Adam(learning_rate="x"),
        lambda: optimizers.Adam(use_ema=True, ema_momentum=2.0), lambda: optimizers.SGD(momentum=2.0),
        lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=-2), lambda: optimizers.AdamW(weight_decay=None),
        lambda: optimizers.Lion(beta_1=0.0), lambda: optimizers.Ftrl(learning_rate_power=1.0),
        lambda: schedules.ExponentialDecay(0.1, 0, 0.5), lambda: schedules.PiecewiseConstantDecay([1], [1.0]),
    ],
)  # fmt: skip
def test_bad_arguments(make: Any) -> None:
    with pytest.raises(ValueError, match="got"):
        make()
