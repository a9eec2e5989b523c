"""Draws that are equal bit for bit on every backend, eager and compiled: what `config.set_rng("portable")` swaps in.

The bits are those of Threefry2x32-20 (Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3"), keyed by
seed and counter, over int32 arithmetic that wraps. Everything up to the last step is done in integers. That step scales
an integer, cut into halves of 12 bits, by a factor cut into halves of 12 bits: each product is exact, so that it makes
no difference whether a compiler fuses it with the addition that follows.

Normal and Gumbel draws go through the inverse distribution function: a table that is finer towards the tails, one cell
per 1/256 of each power of two, and straight lines between its entries. Where a distribution needs rejection (gamma,
beta, binomial), NumPy draws on the host, also from within a compiled step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np

from kerasfront import ops
from kerasfront.contract import current
from kerasfront.ops import _draws
from kerasfront.random import host
from kerasfront.spec import KerasTensor
from kerasfront.typing import Tensor, TensorLike

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_CELLS = 256
_NORMAL_UNIT, _GUMBEL_UNIT = 2.0**-20, 2.0**-18
# How many random bits a float can hold below 1.
_BITS = {"bfloat16": 8, "float16": 11}


# ---- bits ---------------------------------------------------------------------------------------------------------


def _up(x: Any, places: Any) -> Any:
    return ops.bitwise_left_shift(x, places)


def _down(x: Any, places: int) -> Any:
    """Return moved down by `places` > 0, with zeros from above."""
    return ops.bitwise_and(ops.bitwise_right_shift(x, places), (1 << (32 - places)) - 1)


def _rotated(x: Any, places: int) -> Any:
    return ops.bitwise_or(_up(x, places), _down(x, 32 - places))


def threefry2x32(key: Sequence[Any], counter: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """Return Threefry2x32 with 20 rounds: two words of bits from two words of key and two of counter.

    All are int32 tensors that stand for unsigned words.
    """
    keys = [key[0], key[1], ops.bitwise_xor(ops.bitwise_xor(key[0], key[1]), _PARITY)]
    x0, x1 = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(5):
        for places in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = ops.bitwise_xor(_rotated(x1, places), x0)
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + (keys[(group + 2) % 3] + (group + 1))
    return x0, x1


def bits(key: TensorLike, shape: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """Return two words of bits for each place of `shape`, as int32 tensors."""
    words: tuple[Tensor, Tensor] = _draw(_words, key, shape)
    return words


def _draw(draw: Callable[..., Any], key: Any, *args: Any) -> Any:
    return draw(key, *args) if isinstance(key, KerasTensor) else current().portable_draw(draw, key, *args)


def _words(key: Any, shape: Sequence[Any]) -> tuple[Tensor, Tensor]:
    words = ops.cast(key, "int32")
    # As vectors of one element: NumPy warns where scalars wrap.
    pair = [ops.get_item(words, slice(i, i + 1)) for i in range(2)]
    places = ops.arange(math.prod(shape), dtype="int32")
    hashed = threefry2x32(pair, (places, ops.zeros_like(places)))
    return ops.reshape(hashed[0], shape), ops.reshape(hashed[1], shape)


# ---- the last step ------------------------------------------------------------------------------------------------


def _halves(value: float) -> tuple[float, float]:
    """Return a float32 as the sum of two floats of at most 12 significant bits."""
    whole = np.float32(value)
    mantissa, exponent = math.frexp(float(whole))
    high = math.ldexp(round(mantissa * 2**12), exponent - 12)
    return high, float(whole) - high


def _scaled(high: Any, low: Any, factor: float, offset: float, dtype: str) -> Any:
    """Return `offset + factor * (2**12 * high + low)`, for integers high and low of at most 12 bits."""
    big, small = _halves(factor)
    high, low = ops.cast(high, "float32"), ops.cast(low, "float32")
    terms = [(low, small), (low, big), (high, small * 2**12), (high, big * 2**12)]
    out = None
    for part, weight in terms:
        if weight != 0:
            term = part * weight
            out = term if out is None else out + term
    out = ops.zeros_like(high) if out is None else out
    if offset != 0:
        out = out + float(np.float32(offset))
    return ops.cast(out, dtype)


# ---- inverse distribution functions -------------------------------------------------------------------------------


def _table(inverse: Callable[[float], float], positions: Sequence[float], unit: float) -> np.ndarray[Any, Any]:
    return np.array([round(inverse(p) / unit) for p in positions], "int32")


def _octaves() -> list[float]:
    """Return where the cells of the tail begin, as shares of 1/2, and one more: 31 powers of two, each in 256 cells."""
    return [2.0 ** (e - 31) * (1 + i / _CELLS) for e in range(31) for i in range(_CELLS)] + [1.0]


@lru_cache
def _normal_table() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return -z for the lower tail, and the steps between entries."""
    values = _table(lambda p: -NormalDist().inv_cdf(p / 2), _octaves(), _NORMAL_UNIT)
    return values[:-1], np.diff(values)


@lru_cache
def _gumbel_table() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the upper half of the distribution, by the tail; then the lower one."""
    upper = _table(lambda p: -math.log(-math.log1p(-p / 2)), _octaves(), _GUMBEL_UNIT)
    lower = _table(lambda p: -math.log(-math.log(p / 2)), _octaves(), _GUMBEL_UNIT)
    return np.concatenate([upper[:-1], lower[:-1]]), np.concatenate([np.diff(upper), np.diff(lower)])


@lru_cache
def _truncated_table() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return -z between two standard deviations below the mean and the mean, in 8192 equal cells of probability."""
    low = NormalDist().cdf(-2.0)
    positions = [low + (0.5 - low) * i / 8192 for i in range(8193)]
    values = _table(lambda p: -NormalDist().inv_cdf(p), positions, _NORMAL_UNIT)
    return values[:-1], np.diff(values)


def _between(table: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]], cell: Any, share: Any) -> Any:
    """Return the table at a cell and a share of it in 4096ths."""
    values, steps = (ops.convert_to_tensor(t) for t in table)
    change = ops.bitwise_right_shift(ops.take(steps, cell, 0) * share, 12)
    return ops.take(values, cell, 0) + change


def _tail(word: Any) -> tuple[Any, Any]:
    """Return the cell of `_octaves` in which the lower 31 bits of a word lie, and the share in 4096ths."""
    tail = ops.bitwise_and(word, 0x7FFFFFFF)
    rest, octave = tail, ops.zeros_like(tail)
    for step in (16, 8, 4, 2, 1):
        places = ops.cast(_down(rest, step) != 0, "int32") * step
        rest, octave = ops.bitwise_right_shift(rest, places), octave + places
    # The bits below the highest one, moved up so that it would be at place 30.
    behind = ops.bitwise_and(_up(tail, 30 - octave), 0x3FFFFFFF)
    return octave * _CELLS + _down(behind, 22), ops.bitwise_and(_down(behind, 10), 4095)


def _signed(word: Any, magnitude: Any) -> tuple[Any, Any]:
    """Return the halves of a magnitude, with the sign that the highest bit says."""
    sign = 1 - 2 * _down(word, 31)
    return _down(magnitude, 12) * sign, ops.bitwise_and(magnitude, 4095) * sign


# ---- the draws, as in `ops._draws` --------------------------------------------------------------------------------


def uniform(key: TensorLike, shape: Sequence[Any], minval: float, maxval: float, dtype: str) -> Tensor:
    return _draw(_uniform, key, shape, minval, maxval, dtype)


def _uniform(key: Any, shape: Any, minval: float, maxval: float, dtype: str) -> Tensor:
    word, _ = bits(key, shape)
    width = _BITS.get(dtype, 24)
    unit = _up(_down(word, 32 - width), 24 - width)
    return _scaled(_down(unit, 12), ops.bitwise_and(unit, 4095), (maxval - minval) * 2.0**-24, minval, dtype)


def normal(key: TensorLike, shape: Sequence[Any], mean: float, stddev: float, dtype: str) -> Tensor:
    return _draw(_normal, key, shape, mean, stddev, dtype)


def _normal(key: Any, shape: Any, mean: float, stddev: float, dtype: str) -> Tensor:
    word, _ = bits(key, shape)
    halves = _signed(word, _between(_normal_table(), *_tail(word)))
    return _scaled(*halves, stddev * _NORMAL_UNIT, mean, dtype)


def truncated_normal(key: TensorLike, shape: Sequence[Any], mean: float, stddev: float, dtype: str) -> Tensor:
    return _draw(_truncated_normal, key, shape, mean, stddev, dtype)


def _truncated_normal(key: Any, shape: Any, mean: float, stddev: float, dtype: str) -> Tensor:
    word, _ = bits(key, shape)
    tail = ops.bitwise_and(word, 0x7FFFFFFF)
    halves = _signed(word, _between(_truncated_table(), _down(tail, 18), ops.bitwise_and(_down(tail, 6), 4095)))
    return _scaled(*halves, stddev * _NORMAL_UNIT, mean, dtype)


def _multiplied(words: tuple[Any, Any], factor: int) -> Any:
    """Return the 64 bits of two words, taken as a share of 1, times `factor`: 32 bits, rounded down."""
    x = [half for w in (words[1], words[0]) for half in (ops.bitwise_and(w, 0xFFFF), _down(w, 16))]
    columns: list[list[Any]] = [[] for _ in range(6)]
    for i, part in enumerate(x):
        for j, limb in enumerate((factor & 0xFFFF, factor >> 16)):
            # A product of 16 bits by 16 wraps in int32, which leaves its bits right.
            product = part * (limb - 0x10000 if limb >= 0x8000 else limb)
            product = product + _up(part, 16) if limb >= 0x8000 else product
            columns[i + j].append(ops.bitwise_and(product, 0xFFFF))
            columns[i + j + 1].append(_down(product, 16))
    sums, carry = [], 0
    for column in columns:
        total = sum(column[1:], column[0]) + carry
        sums.append(ops.bitwise_and(total, 0xFFFF))
        carry = _down(total, 16)
    return ops.bitwise_or(_up(sums[5], 16), sums[4])


def randint(key: TensorLike, shape: Sequence[Any], minval: int, maxval: int, dtype: str) -> Tensor:
    # int32 wraps around, so the bits are also those of uint32.
    if minval >= -(2**31) and maxval <= 2**31 or (dtype == "uint32" and minval >= 0 and maxval <= 2**32):
        words = bits(key, (math.prod(shape),))  # flat: NumPy warns where scalars wrap
        count = maxval - minval
        numbers = words[0] if count == 2**32 else _multiplied(words, count)
        start = (minval + 2**31) % 2**32 - 2**31
        return ops.cast(ops.reshape(numbers + start, shape), dtype)

    wide = "uint64" if maxval > 2**63 else "int64"
    integers = _host(lambda generator, shape: generator.integers(minval, maxval, shape, wide))
    return _draws.on_host(key, (), shape, dtype, integers)


def categorical(key: TensorLike, logits: TensorLike, num_samples: int, dtype: str) -> Tensor:
    batch, classes = ops.shape(logits)
    word, _ = bits(key, (batch, num_samples, classes))
    cell, share = _tail(word)
    values = _between(_gumbel_table(), cell + _down(word, 31) * (31 * _CELLS), share)
    wide = "float64" if ops.dtype(logits) == "float64" else "float32"
    noise = ops.cast(ops.cast(values, "float32") * _GUMBEL_UNIT, wide)
    return ops.cast(ops.argmax(ops.expand_dims(ops.cast(logits, wide), 1) + noise, -1), dtype)


def dropout(key: TensorLike, inputs: Tensor, rate: float, noise_shape: Sequence[Any] | None) -> Tensor:
    word, _ = bits(key, ops.shape(inputs) if noise_shape is None else noise_shape)
    keep = _down(word, 8) >= round(rate * 2**24)
    return ops.where(keep, inputs * (1 / (1 - rate)), ops.zeros_like(inputs))


def shuffle(key: TensorLike, x: TensorLike, axis: int) -> Tensor:
    word, _ = bits(key, (ops.shape(x)[axis],))
    return ops.take(x, ops.argsort(word), axis)


def gamma(key: TensorLike, shape: Sequence[Any], alpha: TensorLike) -> Tensor:
    return _draws.on_host(key, (alpha,), shape, ops.dtype(alpha), _gamma)


def beta(key: TensorLike, shape: Sequence[Any], alpha: TensorLike, beta: TensorLike) -> Tensor:
    return _draws.on_host(key, (alpha, beta), shape, ops.dtype(alpha), _beta)


def binomial(key: TensorLike, shape: Sequence[Any], counts: TensorLike, probabilities: TensorLike) -> Tensor:
    return _draws.on_host(key, (counts, probabilities), shape, ops.dtype(counts), _binomial)


def _host(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Return a draw by a NumPy generator, as `on_host` wants it: of a key."""

    def run(key: Any, shape: Any, *parameters: Any) -> Any:
        generator = host.host_generator(*(int(word) for word in key))
        return draw(generator, tuple(int(n) for n in shape), *(np.asarray(p, "float64") for p in parameters))

    return run


_gamma = _host(lambda generator, shape, alpha: generator.standard_gamma(alpha, shape))
_beta = _host(lambda generator, shape, alpha, beta: generator.beta(alpha, beta, shape))
_binomial = _host(lambda generator, shape, counts, p: generator.binomial(counts.astype("int64"), p, shape))
