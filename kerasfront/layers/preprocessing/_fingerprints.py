"""Hashes of byte strings, whole arrays at a time: those that TensorFlow buckets strings by.

- FarmHash's Fingerprint64: https://github.com/google/farmhash (the variant "na", which is fixed for all time).
- SipHash-2-4: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012.

Strings of one length are hashed together: each step of an algorithm is one step on vectors of unsigned 64-bit
integers, which wrap around as in C.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Words = np.ndarray[Any, np.dtype[np.uint64]]
Rows = np.ndarray[Any, np.dtype[np.uint8]]

_U = np.uint64
_K0, _K1, _K2 = _U(0xC3A5C85C97CB3127), _U(0xB492B66FBE98F273), _U(0x9AE16A3B2F90404F)
# What TensorFlow begins a crossing of features with, and the multiplier that it joins fingerprints by.
_CROSSING = 0xDECAFCAFFE
_JOIN = _U(0xC6A4A7935BD1E995)


def fingerprints(strings: Sequence[bytes]) -> Words:
    """Return the Fingerprint64 of each string.

    >>> int(fingerprints([b"a"])[0] % 30)
    9
    """
    return _by_length(strings, _farm)


def keyed_hashes(strings: Sequence[bytes], key: Sequence[int]) -> Words:
    """Return the SipHash-2-4 of each string, with a key of two unsigned 64-bit integers.

    The first is the example in the paper's appendix:

    >>> key = [int.from_bytes(bytes(range(8)), "little"), int.from_bytes(bytes(range(8, 16)), "little")]
    >>> hex(keyed_hashes([bytes(range(15))], key)[0])
    '0xa129ca6149be45e5'
    """
    return _by_length(strings, lambda rows: _sip(rows, [_U(k % 2**64) for k in key]))


def crossed(features: Sequence[Words]) -> Words:
    """One hash for the features at each place."""
    with np.errstate(over="ignore"):
        out = np.full(features[0].shape, _CROSSING, _U)
        for feature in features:
            out = _mixed(_mixed((out ^ _JOIN ^ (_mixed(feature * _JOIN) * _JOIN)) * _JOIN) * _JOIN)
    return out


def _by_length(strings: Sequence[bytes], hash_rows: Callable[[Rows], Words]) -> Words:
    """Return the hashes of strings, computed on a matrix of bytes for each length."""
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    out = np.empty(len(strings), _U)
    with np.errstate(over="ignore"):
        for length in np.unique(lengths):
            places = np.flatnonzero(lengths == length)
            joined = b"".join([strings[i] for i in places.tolist()])
            out[places] = hash_rows(np.frombuffer(joined, np.uint8).reshape(len(places), int(length)))
    return out


# ---- pieces -------------------------------------------------------------------------------------------------------


def _word(rows: Rows, start: int, size: int = 8) -> Words:
    """`size` bytes of each row as a little-endian number."""
    part = np.ascontiguousarray(rows[:, start : start + size])
    return part.view(f"<u{size}")[:, 0].astype(_U)


def _turned(x: Words, by: int) -> Words:
    """Return the bits, rotated to the right."""
    return (x >> _U(by)) | (x << _U(64 - by))


def _mixed(x: Any) -> Any:
    return x ^ (x >> _U(47))


def _pair(u: Any, v: Any, factor: Any) -> Words:
    a = _mixed((u ^ v) * factor)
    return _mixed((v ^ a) * factor) * factor


# ---- FarmHash -----------------------------------------------------------------------------------------------------


def _farm(rows: Rows) -> Words:
    length = rows.shape[1]
    if length <= 16:
        return _farm_short(rows, length)
    if length <= 64:
        return _farm_medium(rows, length)
    return _farm_long(rows, length)


def _farm_short(rows: Rows, length: int) -> Words:
    factor = _K2 + _U(2 * length)
    if length >= 8:
        a, b = _word(rows, 0) + _K2, _word(rows, length - 8)
        return _pair(_turned(b, 37) * factor + a, (_turned(a, 25) + b) * factor, factor)
    if length >= 4:
        return _pair(_U(length) + (_word(rows, 0, 4) << _U(3)), _word(rows, length - 4, 4), factor)
    if length == 0:
        return np.full(len(rows), _K2, _U)
    first, middle, last = (rows[:, i].astype(_U) for i in (0, length // 2, length - 1))
    return _mixed((first + (middle << _U(8))) * _K2 ^ (_U(length) + (last << _U(2))) * _K0) * _K2


def _farm_medium(rows: Rows, length: int) -> Words:
    factor = _K2 + _U(2 * length)
    a = _word(rows, 0) * (_K1 if length <= 32 else _K2)
    b, c, d = _word(rows, 8), _word(rows, length - 8) * factor, _word(rows, length - 16) * _K2
    y = _turned(a + b, 43) + _turned(c, 30) + d
    z = _pair(y, a + _turned(b + _K2, 18) + c, factor)
    if length <= 32:
        return z
    e, f = _word(rows, 16) * factor, _word(rows, 24)
    g, h = (y + _word(rows, length - 32)) * factor, (z + _word(rows, length - 24)) * factor
    return _pair(_turned(e + f, 43) + _turned(g, 30) + h, e + _turned(f + a, 18) + g, factor)


def _weak(rows: Rows, at: int, a: Words, b: Words) -> tuple[Words, Words]:
    w, x, y, z = (_word(rows, at + 8 * i) for i in range(4))
    a = a + w
    b = _turned(b + a + z, 21)
    total = a + x + y
    return total + z, b + _turned(total, 44) + a


_State = tuple[Words, Words, Words, tuple[Words, Words], tuple[Words, Words]]


def _farm_block(rows: Rows, at: int, state: _State, factor: Any, last: int = 1) -> _State:
    """64 bytes; the last block weighs two of the words `last` times."""
    x, y, z, v, w = state
    x = _turned(x + y + v[0] + _word(rows, at + 8), 37) * factor
    y = _turned(y + v[1] + _word(rows, at + 48), 42) * factor
    x = x ^ (w[1] * _U(last))
    y = y + v[0] * _U(last) + _word(rows, at + 40)
    z = _turned(z + w[0], 33) * factor
    v = _weak(rows, at, v[1] * factor, x + w[0])
    w = _weak(rows, at + 32, z + w[1], y + _word(rows, at + 16))
    return z, y, x, v, w


def _farm_long(rows: Rows, length: int) -> Words:
    seed = _U(81)
    start = seed * _K1 + _U(113)
    zero = np.zeros(len(rows), _U)
    state = (seed * _K2 + _word(rows, 0), zero + start, zero + _mixed(start * _K2 + _U(113)) * _K2,
             (zero, zero), (zero, zero))  # fmt: skip
    for at in range(0, (length - 1) // 64 * 64, 64):
        state = _farm_block(rows, at, state, _K1)
    x, y, z, v, w = state
    factor = _K1 + ((z & _U(255)) << _U(1))
    first = w[0] + _U((length - 1) & 63)
    v = (v[0] + first, v[1])
    w = (first + v[0], w[1])
    x, y, z, v, w = _farm_block(rows, length - 64, (x, y, z, v, w), factor, last=9)
    return _pair(_pair(v[0], w[0], factor) + _mixed(y) * _K0 + z, _pair(v[1], w[1], factor) + x, factor)


# ---- SipHash ------------------------------------------------------------------------------------------------------


def _sip_round(v: list[Words]) -> None:
    v[0] += v[1]
    v[2] += v[3]
    v[1] = _turned(v[1], 64 - 13) ^ v[0]
    v[3] = _turned(v[3], 64 - 16) ^ v[2]
    v[0] = _turned(v[0], 32)
    v[2] += v[1]
    v[0] += v[3]
    v[1] = _turned(v[1], 64 - 17) ^ v[2]
    v[3] = _turned(v[3], 64 - 21) ^ v[0]
    v[2] = _turned(v[2], 32)


def _sip(rows: Rows, key: Sequence[Any]) -> Words:
    count, length = rows.shape
    padded = np.zeros((count, length // 8 * 8 + 8), np.uint8)
    padded[:, :length] = rows
    padded[:, -1] = length % 256
    start = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    v: list[Any] = [np.full(count, _U(s) ^ key[i % 2], _U) for i, s in enumerate(start)]
    for at in range(0, padded.shape[1], 8):
        word = _word(padded, at)
        v[3] ^= word
        _sip_round(v)
        _sip_round(v)
        v[0] ^= word
    v[2] ^= _U(255)
    for _ in range(4):
        _sip_round(v)
    out: Words = v[0] ^ v[1] ^ v[2] ^ v[3]
    return out
