"""Initializers, regularizers and constraints: distributions, shapes, configs, names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from kerasfront import Variable, constraints, initializers, ops, regularizers, utils
from kerasfront.errors import ShapeError, UnknownNameError
from kerasfront.random import SeedGenerator

RANDOM = [
    initializers.GlorotNormal, initializers.GlorotUniform, initializers.HeNormal, initializers.HeUniform,
    initializers.LecunNormal, initializers.LecunUniform, initializers.Orthogonal, initializers.RandomNormal,
    initializers.RandomUniform, initializers.TruncatedNormal, initializers.VarianceScaling,
]  # fmt: skip
SHAPE = (200, 300)
# The distribution of each, for SHAPE, by SciPy.
_CUT = 0.87962566103423978


def _uniform(variance: float) -> Any:
    limit = np.sqrt(3 * variance)
    return stats.uniform(-limit, 2 * limit)


def _truncated(variance: float) -> Any:
    return stats.truncnorm(-2, 2, scale=np.sqrt(variance) / _CUT)


DISTRIBUTIONS = {
    "glorot_normal": _truncated(2 / 500),
    "glorot_uniform": _uniform(2 / 500),
    "he_normal": _truncated(2 / 200),
    "he_uniform": _uniform(2 / 200),
    "lecun_normal": _truncated(1 / 200),
    "lecun_uniform": _uniform(1 / 200),
    "random_normal": stats.norm(0, 0.05),
    "random_uniform": stats.uniform(-0.05, 0.1),
    "truncated_normal": stats.truncnorm(-2, 2, scale=0.05),
    "variance_scaling": _truncated(1 / 200),
}


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(name: str) -> None:
    drawn = values(type(initializers.get(name))(seed=11)(SHAPE)).ravel()
    assert stats.kstest(drawn, DISTRIBUTIONS[name].cdf).pvalue > 1e-3
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.02


@pytest.mark.wide
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype:UserWarning")  # JAX has no 64 bits by default
@pytest.mark.parametrize("cls", RANDOM)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_a_seed_gives_the_same_values_each_time(cls: Any, dtype: str) -> None:
    made = cls(seed=3)
    first, again = values(made((4, 5), dtype)), values(made((4, 5), dtype))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(Variable(cls(seed=3), shape=(4, 5), dtype=dtype).numpy(), first)
    assert first.dtype.name == dtype or not _has_64_bits(dtype)
    assert not np.array_equal(values(cls(seed=4)((4, 5), dtype)), first)


def _has_64_bits(dtype: str) -> bool:
    return values(ops.ones((), dtype)).dtype.name == dtype


@pytest.mark.wide
@pytest.mark.parametrize("cls", RANDOM)
def test_unseeded_ones_follow_the_global_seed(cls: Any) -> None:
    utils.set_random_seed(5)
    first, second = values(cls()((3, 4))), values(cls()((3, 4)))
    utils.set_random_seed(5)
    np.testing.assert_array_equal(values(cls()((3, 4))), first)
    assert not np.array_equal(first, second)


def test_a_seed_generator_moves_on() -> None:
    made = initializers.RandomNormal(seed=SeedGenerator(3))
    first = values(made((4,)))
    assert not np.array_equal(values(made((4,))), first)
    np.testing.assert_array_equal(values(initializers.RandomNormal(seed=SeedGenerator(3))((4,))), first)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 3, 4), (4, 4)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = values(initializers.Orthogonal(gain=2.0, seed=1)(shape)).reshape(-1, shape[-1])
    small = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "axes", "fan_in", "fan_out"),
    [
        ((), {}, 1, 1), ((5,), {}, 5, 5), ((3, 4), {}, 3, 4), ((3, 4, 5), {}, 12, 15), ((2, 3, 4, 5), {}, 24, 30),
        ((2, 3, 64, 128), {"input_axes": (0, 1), "output_axes": (2, 3)}, 6, 8192),
        ((4, 2, 8), {"input_axes": 0, "output_axes": (1, 2)}, 4, 16),
    ],
)  # fmt: skip
def test_fans(shape: tuple[int, ...], axes: dict[str, Any], fan_in: int, fan_out: int) -> None:
    for mode, fan in (("fan_in", fan_in), ("fan_out", fan_out), ("fan_avg", (fan_in + fan_out) / 2)):
        uniform = initializers.VarianceScaling(mode=mode, distribution="uniform", seed=0, **axes)
        limit, one = np.sqrt(3 / fan), initializers.RandomUniform(-1.0, 1.0, seed=0)
        np.testing.assert_allclose(values(uniform(shape)), values(one(shape)) * limit, rtol=1e-5, atol=1e-6)


def test_integers_are_drawn_below_the_upper_bound() -> None:
    drawn = values(initializers.RandomUniform(0, 5, seed=1)((1000,), "int32"))
    assert drawn.dtype == "int32" and set(drawn.tolist()) == {0, 1, 2, 3, 4}


def test_constants() -> None:
    np.testing.assert_array_equal(values(initializers.Zeros()((2, 3), "int32")), np.zeros((2, 3)))
    np.testing.assert_array_equal(values(initializers.Ones()(3, "bool")), [True] * 3)
    np.testing.assert_array_equal(values(initializers.Constant([1.0, 2.0])((3, 2))), [[1, 2]] * 3)
    np.testing.assert_array_equal(values(initializers.Identity(2.0)((2, 3))), 2 * np.eye(2, 3))
    with pytest.raises(ShapeError, match="broadcast"):
        initializers.Constant([1.0, 2.0])((3, 3))
    with pytest.raises(ShapeError, match="two dims"):
        initializers.Identity()((3,))


@pytest.mark.wide
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype:UserWarning")
@pytest.mark.parametrize("side", ["real", "imag"])
@pytest.mark.parametrize("window", ["hann", "hamming", None, [0.5, 1.0, 2.0, 1.0]])
@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
def test_stft_kernels(side: str, window: Any, scaling: str | None) -> None:
    kernel = values(initializers.STFT(side, window, scaling, periodic=True)((4, 1, 5), "float64"))
    if isinstance(window, str):
        shape = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}[window]
        weights = shape[0] - shape[1] * np.cos(2 * np.pi * np.arange(4) / 4)
    else:
        weights = np.ones(4) if window is None else np.asarray(window)
    scale = {"density": np.sqrt((weights**2).sum()), "spectrum": weights.sum(), None: 1.0}[scaling]
    transform = np.fft.rfft(np.eye(4) * (weights / scale)[:, None], n=8, axis=1)
    wanted = transform.real if side == "real" else transform.imag
    np.testing.assert_allclose(kernel[:, 0, :], wanted, atol=1e-6)


def test_a_users_own_call_decides() -> None:
    class Twos(initializers.Zeros):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return ops.ones(shape, dtype) * 2

    assert Variable(Twos(), shape=(2,)).numpy().tolist() == [2.0, 2.0]
    assert Variable(lambda shape, dtype=None: ops.ones(shape, dtype), shape=(2,)).numpy().tolist() == [1.0, 1.0]
    assert values(initializers.get(np.array([3.0, 4.0]))((2,), "float32")).tolist() == [3.0, 4.0]


# ---- regularizers and constraints ---------------------------------------------------------------------------------

W = np.random.default_rng(2).normal(size=(4, 3)).astype("float32")


def test_regularizers() -> None:
    assert np.isclose(float(regularizers.L1(0.3)(W)), 0.3 * np.abs(W).sum())
    assert np.isclose(float(regularizers.L2(0.3)(W)), 0.3 * (W**2).sum())
    assert np.isclose(float(regularizers.L1L2(0.1, 0.2)(W)), 0.1 * np.abs(W).sum() + 0.2 * (W**2).sum())
    assert float(regularizers.L1L2()(W)) == 0.0
    for mode, x in (("rows", W), ("columns", W.T)):
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        pairs = np.abs(unit @ unit.T)[np.triu_indices(len(x), 1)]
        assert np.isclose(float(regularizers.OrthogonalRegularizer(0.5, mode)(W)), 0.5 * pairs.mean())
    for bad in (-1.0, "a", np.inf, True):
        with pytest.raises(ValueError, match="l2"):
            regularizers.L2(bad)


def test_constraints() -> None:
    norms = np.linalg.norm(W, axis=0, keepdims=True)
    near = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(values(constraints.MaxNorm(1.0)(W)), W * np.minimum(norms, 1) / norms, **near)
    np.testing.assert_allclose(values(constraints.UnitNorm()(W)), W / norms, **near)
    np.testing.assert_allclose(values(constraints.NonNeg()(W)), np.maximum(W, 0), **near)
    wanted = 0.5 * np.clip(norms, 1.0, 1.5) + 0.5 * norms
    np.testing.assert_allclose(values(constraints.MinMaxNorm(1.0, 1.5, rate=0.5)(W)), W * wanted / norms, **near)
    whole = np.linalg.norm(W)
    np.testing.assert_allclose(values(constraints.MaxNorm(0.5, axis=[0, 1])(W)), W * 0.5 / whole, **near)


# ---- names and configs --------------------------------------------------------------------------------------------

MODULES = {"initializers": initializers, "regularizers": regularizers, "constraints": constraints}
INSTANCES = [
    *(cls(seed=3) for cls in RANDOM), initializers.Zeros(), initializers.Ones(), initializers.Constant(2.0),
    initializers.Identity(2.0), initializers.STFT("imag", "hamming"), initializers.GlorotUniform(seed=SeedGenerator(1)),
    initializers.VarianceScaling(2.0, "fan_out", "uniform", 3), regularizers.L1(0.2), regularizers.L2(0.3),
    regularizers.L1L2(0.1, 0.2), regularizers.OrthogonalRegularizer(0.1, "columns"), constraints.MaxNorm(3, [0, 1]),
    constraints.MinMaxNorm(0.1, 2.0, 0.5, 1), constraints.NonNeg(), constraints.UnitNorm(1),
]  # fmt: skip


@pytest.mark.wide
@pytest.mark.parametrize("thing", INSTANCES, ids=lambda t: type(t).__name__)
def test_configs(thing: Any) -> None:
    module = type(thing).__module__.split(".")[1]
    config = MODULES[module].serialize(thing)
    assert config["module"] == f"keras.{module}" and config["registered_name"] is None
    again = MODULES[module].deserialize(config)
    assert type(again) is type(thing) and MODULES[module].serialize(again) == config
    assert type(MODULES[module].get(config)) is type(thing)
    reference = getattr(pytest.importorskip("keras"), module)
    assert type(reference.deserialize(config)).__name__ == type(thing).__name__
    theirs = reference.serialize(reference.deserialize(config))
    assert type(MODULES[module].deserialize(theirs)) is type(thing)


@pytest.mark.parametrize("module", MODULES.values())
def test_unknown_names(module: Any) -> None:
    name = {initializers: "glorot_unifrm", regularizers: "l11", constraints: "max_nrm"}[module]
    near = {initializers: "glorot_uniform", regularizers: "l1", constraints: "max_norm"}[module]
    with pytest.raises(UnknownNameError, match=f"Did you mean '{near}'"):
        module.get(name)
    with pytest.raises(ValueError, match="got 5"):
        module.get(5)
    assert module.get(None) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: initializers.VarianceScaling(scale=-1.0), lambda: initializers.VarianceScaling(mode="fan"),
        lambda: initializers.VarianceScaling(distribution="normale"), lambda: initializers.GlorotUniform(seed="a"),
        lambda: initializers.GlorotUniform(seed=1.5), lambda: initializers.STFT("left"),
        lambda: initializers.STFT(window="han"), lambda: initializers.STFT()((3, 3)),
        lambda: initializers.Orthogonal()((3,)), lambda: regularizers.OrthogonalRegularizer(mode="x"),
    ],
)  # fmt: skip
def test_bad_arguments(make: Any) -> None:
    with pytest.raises(ValueError, match="got|Unknown"):
        make()
