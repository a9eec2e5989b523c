"""keras.random: reproducible, of the right distribution, and the same inside a compiled step."""

import numpy as np
import pytest
from scipy import stats

import kerasfront.random as random
from kerasfront import config, contract, layers, ops
from kerasfront.errors import ShapeError
from kerasfront.random import host, portable
from kerasfront.random.seed_generator import draw_seed, set_global_seed
from kerasfront.spec import KerasTensor

COUNT = 20_000


@pytest.fixture(params=["native", "portable"])
def rng(request):
    before = config.rng()
    config.set_rng(request.param)
    yield request.param
    config.set_rng(before)


def drawn(x):
    return ops.convert_to_numpy(x).astype("float64")


# Each with the distribution that it should have; none of a seed that was picked to pass (p is at least 1e-4 by intent).
CONTINUOUS = {
    "uniform": (lambda s: random.uniform((COUNT,), -1.0, 3.0, seed=s), stats.uniform(-1, 4)),
    "normal": (lambda s: random.normal((COUNT,), 1.0, 2.0, seed=s), stats.norm(1, 2)),
    "truncated_normal": (lambda s: random.truncated_normal((COUNT,), 1.0, 2.0, seed=s), stats.truncnorm(-2, 2, 1, 2)),
    "gamma": (lambda s: random.gamma((COUNT,), 2.5, seed=s), stats.gamma(2.5)),
    "gamma of a small shape": (lambda s: random.gamma((COUNT,), 0.3, seed=s), stats.gamma(0.3)),
    "beta": (lambda s: random.beta((COUNT,), 0.5, 2.0, seed=s), stats.beta(0.5, 2)),
}


@pytest.mark.wide
@pytest.mark.parametrize("name", CONTINUOUS)
def test_distribution(rng, name):
    draw, expected = CONTINUOUS[name]
    assert stats.kstest(drawn(draw(3)), expected.cdf).pvalue > 1e-4
    assert stats.kstest(drawn(draw(4)), expected.cdf).pvalue > 1e-4


def test_tails_of_the_normal(rng):
    x = drawn(random.normal((400_000,), seed=1))
    for edge in (2.0, 3.0, 4.0):
        for count in (np.sum(x > edge), np.sum(x < -edge)):
            assert stats.binomtest(int(count), x.size, float(stats.norm.sf(edge))).pvalue > 1e-5


@pytest.mark.parametrize(
    ("low", "high", "dtype"), [(0, 10, "int32"), (-3, 4, "int8"), (5, 7, "uint32"), (0, 48, "int64")]
)
def test_randint(rng, low, high, dtype):
    x = drawn(random.randint((COUNT,), low, high, dtype=dtype, seed=2))
    counts = np.bincount((x - low).astype(int), minlength=high - low)
    assert len(counts) == high - low and stats.chisquare(counts).pvalue > 1e-4


def test_randint_over_a_range_that_is_no_power_of_two(rng):
    """Three quarters of all words: the upper bits alone would favour the lower values."""
    x = drawn(random.randint((COUNT,), -(2**31), 2**30, seed=2))
    assert stats.kstest(x, stats.uniform(-(2**31), 3 * 2**30).cdf).pvalue > 1e-4


def test_randint_with_bounds_as_tensors(rng):
    x = drawn(random.randint((500, 2), [0, 10], ops.convert_to_tensor([3, 12]), seed=1))
    assert set(x[:, 0]) == {0, 1, 2} and set(x[:, 1]) == {10, 11}


def test_binomial(rng):
    x = drawn(random.binomial((COUNT,), 6, 0.3, seed=2)).astype(int)
    expected = stats.binom(6, 0.3).pmf(np.arange(7)) * COUNT
    assert stats.chisquare(np.bincount(x, minlength=7), expected).pvalue > 1e-4


def test_categorical(rng):
    p = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.0, 0.0, 0.3]])
    with np.errstate(divide="ignore"):
        logits = np.log(p).astype("float32") + 5
    x = drawn(random.categorical(logits, COUNT, seed=4)).astype(int)
    assert x.shape == (2, COUNT)
    assert stats.chisquare(np.bincount(x[0], minlength=4), p[0] * COUNT).pvalue > 1e-4
    assert set(x[1]) == {0, 3}  # a masked class is never drawn


def test_categorical_of_a_row_that_is_masked_throughout(rng):
    logits = np.array([[0.0, 1.0], [-np.inf, -np.inf]], "float32")
    assert set(drawn(random.categorical(logits, 50, seed=1))[1]) == {0}


@pytest.mark.wide
@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9])
def test_dropout(rng, rate):
    x = np.random.default_rng(0).uniform(1, 2, (200, 300)).astype("float32")
    y = drawn(random.dropout(x, rate, seed=5))
    kept = y != 0
    assert stats.binomtest(int(kept.sum()), kept.size, 1 - rate).pvalue > 1e-4
    np.testing.assert_allclose(y[kept], (x / (1 - rate))[kept], rtol=1e-4)


def test_dropout_of_nothing_and_of_all(rng):
    x = ops.ones((4,))
    assert drawn(random.dropout(x, 0.0)).tolist() == [1.0] * 4
    assert drawn(random.dropout(x, 1.0)).tolist() == [0.0] * 4


@pytest.mark.wide
@pytest.mark.parametrize("noise_shape", [(None, 1), (40, 1), (1,)])
def test_dropout_by_rows(rng, noise_shape):
    y = drawn(random.dropout(np.ones((40, 3), "float32"), 0.5, noise_shape=noise_shape, seed=1))
    assert (y == y[:, :1]).all()
    assert noise_shape == (1,) or set(y[:, 0]) == {0.0, 2.0}


@pytest.mark.trains
def test_the_gradient_of_dropout_is_its_mask(rng):
    x = ops.ones((50,))
    y = random.dropout(x, 0.5, seed=3)
    gradient = ops.grad(lambda x: ops.sum(random.dropout(x, 0.5, seed=3)))(x)
    np.testing.assert_array_equal(drawn(gradient), drawn(y))


@pytest.mark.wide
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_shuffle(rng, axis):
    x = np.arange(60).reshape(3, 20)
    y = drawn(random.shuffle(x, axis=axis, seed=6))
    slices = {tuple(s) for s in np.moveaxis(x, axis, 0).tolist()}
    assert {tuple(int(v) for v in s) for s in np.moveaxis(y, axis, 0)} == slices
    orders = {tuple(drawn(random.shuffle(np.arange(4), seed=s))) for s in range(200)}
    assert len(orders) > 20  # of 24


@pytest.mark.wide
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtype_and_shape(rng, dtype):
    for function in (random.uniform, random.normal, random.truncated_normal):
        for shape in ((), (0, 2), (3, 1)):
            x = function(shape, dtype=dtype, seed=1)
            assert ops.dtype(x) == dtype and tuple(x.shape) == shape
    assert ops.dtype(random.gamma((2,), 1.0, dtype=dtype, seed=1)) == dtype
    assert drawn(random.uniform((2000,), dtype=dtype, seed=1)).max() < 1.0


def test_scalar_integers(rng, recwarn):
    assert 0 <= int(random.randint((), 0, 3_000_000_000, dtype="uint32", seed=1)) < 3_000_000_000
    assert not [w for w in recwarn if "overflow" in str(w.message)]


# ---- seeds --------------------------------------------------------------------------------------------------------


def test_an_integer_seed_gives_the_same_numbers_at_every_call(rng):
    a, b, c = (drawn(random.normal((5,), seed=s)) for s in (7, 7, 8))
    assert (a == b).all() and (a != c).any()


def test_a_generator_gives_new_numbers_at_every_call(rng):
    generator = random.SeedGenerator(7)
    a, b = (drawn(random.normal((5,), seed=generator)) for _ in range(2))
    assert (a == drawn(random.normal((5,), seed=7))).all() and (a != b).any()
    assert generator.state.numpy().tolist() == [7, 2]
    again = random.SeedGenerator.from_config(generator.get_config())
    assert (drawn(random.normal((5,), seed=again)) == a).all()


def test_neighbouring_seeds_and_counts_are_not_alike(rng):
    """Correlations between the draws of 40 neighbouring keys are those of independent numbers."""
    generators = [random.SeedGenerator(s) for s in range(10)]
    rows = np.array([drawn(random.normal((4000,), seed=g)) for g in generators for _ in range(4)])
    between = np.corrcoef(rows)[np.triu_indices(len(rows), 1)]
    assert np.abs(between).max() * np.sqrt(rows.shape[1]) < 5


def test_the_global_seed(rng):
    set_global_seed(3)
    a, s = drawn(random.normal((5,))), host.next_host_seed()
    b = drawn(random.normal((5,)))
    set_global_seed(3)
    assert (a == drawn(random.normal((5,)))).all() and (a != b).any()
    assert s == host.next_host_seed() != host.next_host_seed()


def test_seeds_wrap_at_32_bits():
    assert (drawn(random.uniform((3,), seed=-1)) == drawn(random.uniform((3,), seed=2**32 - 1))).all()


@pytest.mark.parametrize("seed", ["a", 1.5, True, np.zeros(2, "uint32")])
def test_other_seeds_are_refused(seed):
    with pytest.raises(ValueError, match="integer, a SeedGenerator or None"):
        random.normal((2,), seed=seed)


def test_the_host_generator_depends_on_its_keys_alone():
    a, b, c = (host.host_generator(*k).random(3) for k in ((1, 2), (1, 2), (2, 1)))
    assert (a == b).all() and (a != c).any()


def test_draws_inside_a_compiled_step(rng):
    """They advance the generator, and are those of eager calls."""
    adapter = contract.current()
    eager, compiled = random.SeedGenerator(5), random.SeedGenerator(5)

    def draws(x, generator):
        return random.dropout(x, 0.4, seed=generator), random.normal((3,), seed=generator)

    x = ops.convert_to_tensor(np.ones((8, 5), "float32"))
    step = adapter.compile_step(lambda x: draws(x, compiled), lambda: [compiled.state])
    for _ in range(3):
        for a, b in zip(draws(x, eager), step(x), strict=True):
            np.testing.assert_allclose(drawn(a), drawn(b), rtol=1e-6)
    assert compiled.state.numpy().tolist() == [5, 6]


# ---- symbolic, errors ---------------------------------------------------------------------------------------------


def test_symbolic():
    x = KerasTensor((None, 3))
    assert random.dropout(x, 0.5).shape == (None, 3)
    assert random.shuffle(x, axis=1).shape == (None, 3)
    # JAX has no int64 unless it is told.
    drawn = random.categorical(ops.zeros((2, 3)), 4, dtype="int64")
    assert random.categorical(x, 4, dtype="int64").dtype == contract.current().dtype_name(drawn)
    assert random.gamma((2, 3), KerasTensor((3,))).shape == (2, 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: random.uniform((2,), dtype="int32"), "floating point `dtype`"),
        (lambda: random.randint((2,), 0, 5, dtype="float32"), "integer `dtype`"),
        (lambda: random.randint((2,), 5, 5), "`minval` below `maxval`"),
        (lambda: random.dropout(ops.ones((3,)), 2.0), "between 0 and 1"),
        (lambda: random.dropout(ops.ones((3, 2)), 0.5, noise_shape=(7, 1)), "`noise_shape`"),
        (lambda: random.categorical([0.0, 1.0], 3), r"\(batch, classes\)"),
        (lambda: random.shuffle(ops.ones((3,)), axis=2), "`axis`"),
        (lambda: random.gamma((2,), np.ones(3)), "`alpha`"),
    ],
)
def test_errors(call, words):
    with pytest.raises((ValueError, ShapeError), match=words):
        call()


# ---- the portable bits --------------------------------------------------------------------------------------------

# Of the known-answer tests of the Random123 distribution (kat_vectors, threefry2x32, 20 rounds).
KNOWN = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("key", "counter", "expected"), KNOWN)
def test_threefry_gives_the_published_words(key, counter, expected):
    def words(values):
        return [ops.convert_to_tensor(np.array([v], "uint32").view("int32")) for v in values]

    found = portable.threefry2x32(words(key), words(counter))
    assert tuple(int(ops.convert_to_numpy(w).view("uint32")[0]) for w in found) == expected


@pytest.mark.skipif(config.backend() != "torch", reason="only torch records its draws, for CUDA graphs")
def test_recorded_draws_are_those_of_the_step():
    """Each launch of a CUDA graph draws as the step would have; the CPU's generators stand for those of a GPU."""
    from kerasfront_torch import random as torch_random

    class Graph:
        def register_generator_state(self, generator):
            pass

    dropout, noise = layers.Dropout(0.5, seed=1), layers.GaussianNoise(1.0, seed=2)
    x = ops.ones((3, 4))

    def step():
        dropout(x, training=True)
        noise(dropout(x, training=True), training=True)
        random.uniform((2,), seed=3)

    before = torch_random.drawn.count
    step()
    count = torch_random.drawn.count - before
    start = [layer.seed_generator.state.numpy() for layer in (dropout, noise)]
    recording = torch_random.Recording(Graph(), count, "cpu")
    with recording:
        step()
    recording.undo()
    for layer, state in zip((dropout, noise), start, strict=True):
        np.testing.assert_array_equal(layer.seed_generator.state.numpy(), state)
    recording = torch_random.Recording(Graph(), count, "cpu")
    with recording:
        step()
    seeds = []
    for _ in range(3):
        recording.seed()
        seeds.append([generator.initial_seed() for generator in recording.generators])
    ends = [layer.seed_generator.state.numpy() for layer in (dropout, noise)]
    for layer, state in zip((dropout, noise), start, strict=True):
        layer.seed_generator.state.assign(state)
    made = []
    for _ in range(3):
        keys = [dropout.seed_generator.next(), dropout.seed_generator.next(), noise.seed_generator.next()]
        made.append([torch_random._mixed(*key.tolist()) for key in [*keys, draw_seed(3)]])
    assert seeds == made and len({tuple(row[:3]) for row in made}) == 3 and len({row[3] for row in made}) == 1
    for layer, state in zip((dropout, noise), ends, strict=True):
        np.testing.assert_array_equal(layer.seed_generator.state.numpy(), state)
    with pytest.raises(torch_random.NotRecordableError), torch_random.Recording(Graph(), 0, "cpu"):
        step()
