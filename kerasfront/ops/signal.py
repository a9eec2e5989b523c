"""Fourier transforms, sequences of frames, and complex numbers as pairs of reals.

Keras passes complex numbers of the transforms as a pair of real tensors, the real and the imaginary part. Half
precision is computed in float32 and rounded, because no framework transforms it.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops.core import cast, convert_to_tensor, dtype_of
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import zeros_like
from kerasfront.ops.declare import INTERNAL, Array, Tensors, derived, primitive, sample
from kerasfront.ops.declare.bodies import dims_of, rank_of
from kerasfront.ops.elementwise import imag, real, select_where
from kerasfront.ops.indexing import get_item, take
from kerasfront.ops.shaping import broadcast_to, concatenate, reshape, stack
from kerasfront.spec import dtypes, shapes, unknown
from kerasfront.spec.dtypes import FLOATING, SAME
from kerasfront.typing import Tensor, TensorLike

_COMPLEX_OF = {"float32": "complex64", "float64": "complex128", "complex64": "complex64", "complex128": "complex128"}
_REAL_OF = {"complex64": "float32", "complex128": "float64"}
_WIDE = dtypes.Rule(lambda *names: dtypes.promote(dtypes.floating(*names), "float32"), name="float32 or wider")
_TO_COMPLEX = dtypes.Rule(
    _WIDE.operands, lambda operand, arguments: _COMPLEX_OF[operand], "complex of float32 or wider"
)
_TO_REAL = dtypes.Rule(None, lambda operand, arguments: _REAL_OF[operand], "the parts of complex numbers")
_REALS = ("bfloat16", "float16", "float32", "float64", "int32")
_WIDE_REALS = ("float32", "float64")


# ---- complex numbers ----------------------------------------------------------------------------------------------


def _both(real: Any, imag: Any) -> Any:
    return real + 1j * imag


@primitive(
    shape=shapes.broadcast,
    dtype=_TO_COMPLEX,
    ref=_both,
    dtypes_tested=_REALS,
    samples=(sample(Array((3, 4)), Array((3, 4))), sample(Array(()), Array(())), sample(Array((0, 2)), Array((0, 2)))),
    spaces=INTERNAL,
)
def complex_of(real: TensorLike, imag: TensorLike) -> Tensor:
    """Return complex numbers from their parts: complex128 for float64, complex64 else."""


@derived(
    dtype=_WIDE, dtypes_tested=_REALS, samples=(sample(Array((3, 2))), sample(Array((2,))), sample(Array((0, 4, 2))))
)
def view_as_complex(x: TensorLike) -> Tensor:
    """Return complex numbers from pairs along the last axis.

    Args:
        x: A real tensor of shape (..., 2): real and imaginary parts.

    Returns:
        A tensor of shape (...): complex128 for float64, complex64 else.

    Raises:
        ShapeError: The last axis isn't of size 2.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.view_as_complex([[1.0, 2.0], [0.0, -1.0]])).tolist()
    [(1+2j), -1j]
    """
    if rank_of(x) == 0 or (dims_of(x)[-1] != 2 and not unknown(dims_of(x)[-1])):
        raise ShapeError(
            f"Expected a last axis of size 2, of real and imaginary parts, got the shape {tuple(dims_of(x))}."
        )
    return complex_of(get_item(x, (Ellipsis, 0)), get_item(x, (Ellipsis, 1)))


@derived(
    dtype=SAME,
    dtypes_tested=("complex64", "complex128", "float32", "int32"),
    samples=(sample(Array((3, 2))), sample(Array(())), sample(Array((0, 4)))),
)
def view_as_real(x: TensorLike) -> Tensor:
    """Return the real and imaginary parts of complex numbers, along a new last axis.

    Args:
        x: A tensor; the imaginary part of real numbers is 0.

    Returns:
        A real tensor of x's shape and a last axis of size 2.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.view_as_real(ops.view_as_complex([[1.0, 2.0]]))).tolist()
    [[1.0, 2.0]]
    """
    return stack([real(x), imag(x)], -1)


# ---- Fourier transforms -------------------------------------------------------------------------------------------


def _axes(x: Any, axes: Sequence[int], inverse: bool) -> shapes.Shape:
    shape = shapes.same(x)
    if len(shape) < len(axes):
        raise ShapeError(f"Expected a tensor of rank {len(axes)} or more, got the shape {shape}.")
    return shape


def _transformed(x: Any, axes: Sequence[int], inverse: bool) -> Any:
    return (np.fft.ifftn if inverse else np.fft.fftn)(x, axes=axes)


@primitive(
    shape=_axes,
    ref=_transformed,
    dtypes_tested=("complex64", "complex128"),
    samples=(
        sample(Array((3, 4)), (-1,), False),
        sample(Array((2, 3, 4)), (-2, -1), True),
        sample(Array((5,)), (-1,), True),
    ),
    spaces=INTERNAL,
)
def fourier(x: TensorLike, axes: Sequence[int], inverse: bool) -> Tensor:
    """Return the discrete Fourier transform of complex x over its last axes. What `fft`, `fft2` and `ifft2` call."""


def _half(x: Any, length: int | None) -> shapes.Shape:
    *rest, n = shapes.same(x)
    return (*rest, (n if length is None else length) // 2 + 1)


@primitive(
    shape=_half,
    dtype=_TO_COMPLEX,
    ref=np.fft.rfft,
    dtypes_tested=_WIDE_REALS,
    samples=(sample(Array((3, 4)), None), sample(Array((2, 5)), 8), sample(Array((5,)), 3)),
    spaces=INTERNAL,
)
def real_fourier(x: TensorLike, length: int | None) -> Tensor:
    """Return the non-negative frequencies of real x along its last axis, cut or padded with zeros to `length` first."""


def _whole(x: Any, length: int | None) -> shapes.Shape:
    *rest, n = shapes.same(x)
    return (*rest, 2 * (n - 1) if length is None else length)


@primitive(
    shape=_whole,
    dtype=_TO_REAL,
    ref=np.fft.irfft,
    dtypes_tested=("complex64", "complex128"),
    samples=(sample(Array((3, 4)), None), sample(Array((2, 5)), 9), sample(Array((5,)), 4), sample(Array((3,)), 12)),
    spaces=INTERNAL,
)
def inverse_real_fourier(x: TensorLike, length: int | None) -> Tensor:
    """Return the real signal of `length` that has the non-negative frequencies x along its last axis.

    A length of None means 2 (n - 1).
    """


def _from_pair(x: Any) -> tuple[Any, str]:
    """Return a pair of parts as complex numbers, and the dtype that results are to have."""
    if len(x) != 2:
        raise ValueError(f"Expected a pair of tensors, the real and the imaginary part, got {len(x)} tensors.")
    if tuple(x[0].shape) != tuple(x[1].shape):
        raise ShapeError(f"Expected parts of one shape, got {tuple(x[0].shape)} and {tuple(x[1].shape)}.")
    return complex_of(x[0], x[1]), dtype_of(x[0])


def _to_pair(x: Any, dtype: str) -> tuple[Any, Any]:
    return cast(real(x), dtype), cast(imag(x), dtype)


_PAIR = (sample((Array((3, 4)), Array((3, 4)))), sample((Array((2, 3, 5)), Array((2, 3, 5)))))


@derived(dtype=FLOATING, samples=(*_PAIR, sample((Array((5,)), Array((5,))))), dtypes_tested=_REALS)
def fft(x: Tensors) -> tuple[Tensor, Tensor]:
    """Return the discrete Fourier transform along the last axis.

    Args:
        x: A pair of real tensors of one shape: the real and the imaginary part.

    Returns:
        A pair like x.

    Raises:
        ValueError: x is no pair of tensors of one shape.

    >>> from kerasfront import ops
    >>> re, im = ops.fft(([1.0, 0.0], [0.0, 0.0]))
    >>> ops.convert_to_numpy(re).tolist()
    [1.0, 1.0]
    """
    z, name = _from_pair(x)
    return _to_pair(fourier(z, (-1,), False), name)


@derived(dtype=FLOATING, samples=_PAIR, dtypes_tested=_REALS)
def fft2(x: Tensors) -> tuple[Tensor, Tensor]:
    """Return the discrete Fourier transform over the last two axes.

    Args:
        x: A pair of real tensors of one shape: the real and the imaginary part.

    Returns:
        A pair like x.

    Raises:
        ValueError: x is no pair of tensors of one shape, or has fewer than two axes.

    >>> from kerasfront import ops
    >>> re, im = ops.fft2((ops.ones((2, 2)), ops.zeros((2, 2))))
    >>> ops.convert_to_numpy(re).tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    z, name = _from_pair(x)
    return _to_pair(fourier(z, (-2, -1), False), name)


@derived(dtype=FLOATING, samples=_PAIR, dtypes_tested=_REALS)
def ifft2(x: Tensors) -> tuple[Tensor, Tensor]:
    """Return the inverse of `fft2`.

    Args:
        x: A pair of real tensors of one shape: the real and the imaginary part.

    Returns:
        A pair like x.

    Raises:
        ValueError: x is no pair of tensors of one shape, or has fewer than two axes.

    >>> from kerasfront import ops
    >>> re, im = ops.ifft2(ops.fft2(([[1.0, 2.0]], [[0.0, 0.0]])))
    >>> ops.convert_to_numpy(re).tolist()
    [[1.0, 2.0]]
    """
    z, name = _from_pair(x)
    return _to_pair(fourier(z, (-2, -1), True), name)


def _wide(name: str) -> str:
    return dtypes.promote(name, "float32")


def _length(fft_length: Any, name: str = "fft_length") -> int | None:
    if fft_length is not None and (not isinstance(fft_length, int) or fft_length < 1):
        raise ShapeError(f"Expected `{name}` to be a positive integer, got {fft_length!r}.")
    return fft_length


@derived(
    dtype=FLOATING,
    dtypes_tested=_REALS,
    samples=(sample(Array((3, 4))), sample(Array((2, 5)), 8), sample(Array((5,)), fft_length=3)),
)
def rfft(x: TensorLike, fft_length: int | None = None) -> tuple[Tensor, Tensor]:
    """Return the discrete Fourier transform of real numbers along the last axis: its non-negative frequencies.

    Args:
        x: A real tensor of shape (..., n).
        fft_length: To what length the axis is cut, or padded with zeros; None means n.

    Returns:
        The real and the imaginary part, of shape (..., fft_length // 2 + 1).

    >>> from kerasfront import ops
    >>> re, im = ops.rfft([1.0, 0.0, -1.0, 0.0])
    >>> ops.convert_to_numpy(re).tolist()
    [0.0, 2.0, 0.0]
    """
    return _to_pair(real_fourier(x, _length(fft_length)), dtype_of(x))


@derived(
    dtype=FLOATING,
    dtypes_tested=_REALS,
    samples=(*_PAIR, sample((Array((3, 4)), Array((3, 4))), 7), sample((Array((5,)), Array((5,))), fft_length=4)),
)
def irfft(x: Tensors, fft_length: int | None = None) -> Tensor:
    """Return the inverse of `rfft`.

    Args:
        x: A pair of real tensors of shape (..., m): the real and the imaginary parts of the non-negative frequencies.
        fft_length: The length of the result; None means 2 (m - 1). It must be given to get an odd length back.

    Returns:
        A real tensor of shape (..., fft_length).

    >>> from kerasfront import ops
    >>> [round(v, 4) for v in ops.convert_to_numpy(ops.irfft(ops.rfft([1.0, 2.0, 3.0]), fft_length=3)).tolist()]
    [1.0, 2.0, 3.0]
    """
    z, name = _from_pair(x)
    return cast(inverse_real_fourier(z, _length(fft_length)), name)


# ---- frames -------------------------------------------------------------------------------------------------------


def _frames(x: Any, sequence_length: int, sequence_stride: int) -> shapes.Shape:
    shape = shapes.same(x)
    if not shape:
        raise ShapeError("Expected a tensor of rank 1 or more, got a scalar.")
    for name, value in (("sequence_length", sequence_length), ("sequence_stride", sequence_stride)):
        _length(value, name)
    if shape[-1] < sequence_length:
        raise ShapeError(f"A sequence of length {sequence_length} doesn't fit into an axis of size {shape[-1]}.")
    return (*shape[:-1], (shape[-1] - sequence_length) // sequence_stride + 1, sequence_length)


def _windows(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x, sequence_length, -1)[..., ::sequence_stride, :]


@primitive(
    shape=_frames,
    ref=_windows,
    samples=(sample(Array((2, 7)), 3, 2), sample(Array((5,)), 5, 1), sample(Array((2, 3, 8)), 2, 3)),
)
def extract_sequences(x: TensorLike, sequence_length: int, sequence_stride: int) -> Tensor:
    """Return pieces of the last axis, which begin every `sequence_stride` elements and may overlap.

    Args:
        x: A tensor of shape (..., n).
        sequence_length: The length of a piece.
        sequence_stride: How many elements after a piece the next one begins.

    Returns:
        A tensor of shape (..., pieces, sequence_length); elements at the end that fill no piece are left out.

    Raises:
        ValueError: A length isn't positive, or no piece fits.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.extract_sequences([1, 2, 3, 4, 5], 3, 2)).tolist()
    [[1, 2, 3], [3, 4, 5]]
    """


@derived(
    dtype=SAME,
    dtypes_tested=("float16", "float32", "float64", "int32"),
    samples=(sample(Array((2, 3, 4)), 2), sample(Array((3, 5)), 2), sample(Array((2, 3)), 3), sample(Array((2, 2)), 3)),
    spaces=INTERNAL,
)
def overlap_add(x: TensorLike, sequence_stride: int) -> Tensor:
    """Return pieces laid at every `sequence_stride` elements and added up: the adjoint of `extract_sequences`.

    Args:
        x: A tensor of shape (..., pieces, length).
        sequence_stride: How many elements after a piece the next one begins.

    Returns:
        A tensor of shape (..., (pieces - 1) * sequence_stride + length).

    >>> from kerasfront import ops
    >>> from kerasfront.ops.signal import overlap_add
    >>> ops.convert_to_numpy(overlap_add([[1, 2, 3], [10, 20, 30]], 2)).tolist()
    [1, 2, 13, 20, 30]
    """
    rank, length = rank_of(x), dims_of(x)[-1]
    blocks = -(-length // sequence_stride)
    extra = blocks * sequence_stride - length
    batch, pieces = shape_of(x)[:-2], shape_of(x)[-2]
    padded = _pad_end(x, extra, rank - 1)
    cut = reshape(padded, (*batch, pieces, blocks, sequence_stride))
    # Block k of each piece falls k strides later: as many zeros before it as blocks come before.
    shifted = [
        _pad_both(get_item(cut, (Ellipsis, k, builtins.slice(None))), k, blocks - 1 - k, rank - 2)
        for k in range(blocks)
    ]
    total = shifted[0]
    for piece in shifted[1:]:
        total = total + piece
    flat = reshape(total, (*batch, (pieces + blocks - 1) * sequence_stride))
    return get_item(flat, (Ellipsis, builtins.slice(0, (pieces - 1) * sequence_stride + length)))


def _zeros_along(x: Any, count: int, axis: int) -> Any:
    """Return zeros like x with `count` elements along an axis that has one or more."""
    first = get_item(x, (*[builtins.slice(None)] * axis, builtins.slice(0, 1)))
    return concatenate([zeros_like(first)] * count, axis)


def _pad_end(x: Any, count: int, axis: int) -> Any:
    return _pad_both(x, 0, count, axis)


def _pad_both(x: Any, before: int, after: int, axis: int) -> Any:
    parts = [_zeros_along(x, before, axis)] if before else []
    parts += [x, *([_zeros_along(x, after, axis)] if after else [])]
    return concatenate(parts, axis) if len(parts) > 1 else x


# ---- short-time Fourier transforms --------------------------------------------------------------------------------


def _window(window: Any, sequence_length: int, fft_length: int, dtype: str) -> Any:
    """Return the window as a tensor of length `fft_length`, padded with zeros on both sides; None stands for ones."""
    if sequence_length > fft_length:
        raise ValueError(
            f"Expected `fft_length` of at least `sequence_length`, got {fft_length} and {sequence_length}."
        )
    if window is None:
        return convert_to_tensor(np.ones(fft_length), dtype)
    left = (fft_length - sequence_length) // 2
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(f"Expected `window` to be 'hann', 'hamming', None or a tensor, got {window!r}.")
        a = 0.5 if window == "hann" else 0.54
        values = a - (1 - a) * np.cos(2 * np.pi * np.arange(sequence_length) / sequence_length)
        return convert_to_tensor(np.pad(values, (left, fft_length - sequence_length - left)), dtype)
    taps = convert_to_tensor(window, dtype)
    if tuple(taps.shape) != (sequence_length,):
        raise ShapeError(f"Expected `window` of shape ({sequence_length},), got {tuple(taps.shape)}.")
    return _pad_both(taps, left, fft_length - sequence_length - left, 0)


def _reflected(x: Any, count: int) -> Any:
    """Return x with `count` elements more on both sides of the last axis, mirrored at the first and the last."""
    n = x.shape[-1]
    if n is not None and n <= count:
        raise ShapeError(f"An axis of size {n} is too short to be mirrored over {count}; pass center=False.")
    if count == 0:
        return x
    before = take(x, np.arange(count, 0, -1, dtype="int32"), -1)
    after = take(x, np.arange(-2, -2 - count, -1, dtype="int32"), -1)
    return concatenate([before, x, after], -1)


_SIGNAL = Array((2, 12))


@derived(
    dtype=FLOATING,
    dtypes_tested=("float32", "float64", "float16"),
    tolerance=4,
    samples=(
        sample(_SIGNAL, 4, 2, 8),
        sample(_SIGNAL, 4, 3, 4, window="hamming"),
        sample(_SIGNAL, 5, 2, 8, None, center=False),
        sample(Array((12,)), 4, 2, 6, Array((4,), 0.5, 1.0, dtype="float32"), False),
    ),
)
def stft(
    x: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[Tensor, Tensor]:
    """Return the short-time Fourier transform along the last axis: `rfft` of overlapping, windowed pieces.

    Args:
        x: A real tensor of shape (..., n).
        sequence_length: The length of the window.
        sequence_stride: How many elements after a piece the next one begins.
        fft_length: The length of a piece; the window lies in its middle, with zeros around.
        window: "hann" or "hamming" (the periodic ones), a tensor of shape (sequence_length,), or None for none.
        center: Whether x is mirrored over fft_length // 2 elements at both ends, so that piece i is centred at element
            i * sequence_stride.

    Returns:
        The real and the imaginary part, of shape (..., pieces, fft_length // 2 + 1).

    Raises:
        ValueError: fft_length is smaller than sequence_length, the window is unknown or of another length, or x is too
            short.

    >>> from kerasfront import ops
    >>> re, im = ops.stft(ops.ones((1, 32)), sequence_length=8, sequence_stride=4, fft_length=8)
    >>> tuple(re.shape)
    (1, 9, 5)
    """
    if sequence_length < 1:
        raise ValueError(f"Expected `sequence_length` to be positive, got {sequence_length}.")
    name = dtype_of(x)
    x = cast(x, _wide(name))
    w = _window(window, sequence_length, fft_length, dtype_of(x))
    x = _reflected(x, fft_length // 2) if center else x
    return _to_pair(real_fourier(extract_sequences(x, fft_length, sequence_stride) * w, None), name)


_SPECTRUM = (Array((2, 5, 5)), Array((2, 5, 5)))


@derived(
    dtype=FLOATING,
    dtypes_tested=("float32", "float64", "float16"),
    tolerance=8,
    samples=(
        sample(_SPECTRUM, 4, 2, 8),
        sample(_SPECTRUM, 6, 3, 8, 7, "hamming"),
        sample(_SPECTRUM, 5, 2, 8, None, None, False),
        sample(_SPECTRUM, 8, 4, 8, length=40),
    ),
)
def istft(
    x: Tensors,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Tensor:
    """Return the inverse of `stft`, with the same arguments.

    Where pieces overlap it is the least squares estimate of Griffin and Lim (1984), "Signal estimation from modified
    short-time Fourier transform". Where no window reaches (outside the pieces, or between them) it is 0.

    Args:
        x: A pair of real tensors of shape (..., pieces, fft_length // 2 + 1): the real and the imaginary part.
        sequence_length: The length of the window.
        sequence_stride: How many elements after a piece the next one begins.
        fft_length: The length of a piece.
        length: The length of the signal; None means what the pieces cover, less fft_length // 2 at both ends where
            `center`. What lies beyond the pieces is 0.
        window: "hann" or "hamming" (the periodic ones), a tensor of shape (sequence_length,), or None for none.
        center: Whether `stft` mirrored the signal at its ends.

    Returns:
        A real tensor of shape (..., length).

    Raises:
        ValueError: fft_length is smaller than sequence_length, or the window is unknown or of another length.

    >>> from kerasfront import ops
    >>> x = ops.cast(ops.reshape(ops.arange(16), (1, 16)), "float32")
    >>> y = ops.istft(ops.stft(x, 8, 4, 8), 8, 4, 8)
    >>> bool((abs(ops.convert_to_numpy(y - x)) < 1e-4).all())
    True
    """
    z, name = _from_pair(x)
    w = _window(window, sequence_length, fft_length, _wide(name))
    total = overlap_add(inverse_real_fourier(z, fft_length) * w, sequence_stride)
    weight = overlap_add(broadcast_to(w * w, (shape_of(z)[-2], fft_length)), sequence_stride)
    covered = weight > 1e-10
    out = cast(select_where(covered, total / select_where(covered, weight, 1.0), 0.0), name)
    start = fft_length // 2 if center else 0
    if length is None:
        return get_item(out, (Ellipsis, builtins.slice(start, -start or None)))
    out = get_item(out, (Ellipsis, builtins.slice(start, start + length)))
    return _to_length(out, _length(length, "length"))


def _to_length(x: Any, length: Any) -> Any:
    """Return x, padded with zeros at the end of the last axis to `length`, by way of more zeros than it can need."""
    if isinstance(x.shape[-1], int) and x.shape[-1] >= length:
        return x
    return get_item(_pad_end(x, length, len(x.shape) - 1), (Ellipsis, builtins.slice(0, length)))
