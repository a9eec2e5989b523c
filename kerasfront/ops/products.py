"""Products of vectors, matrices and tensors, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops import elementwise as e
from kerasfront.ops.arranging import diagonal, flip, pad_constant
from kerasfront.ops.core import cast, dtype_of
from kerasfront.ops.core import shape as shape_of
from kerasfront.ops.creation import arange
from kerasfront.ops.declare import NUMPY, Array, derived, primitive, sample
from kerasfront.ops.declare.bodies import dims_of, rank_of
from kerasfront.ops.indexing import basic_item, take
from kerasfront.ops.matrices import matmul
from kerasfront.ops.reduce import mean
from kerasfront.ops.reduce import sum as sum_of
from kerasfront.ops.shaping import expand_dims, ravel, reshape, stack, transpose
from kerasfront.spec import dtypes, shapes, unknown
from kerasfront.spec.dtypes import FLOATING, MULTIPLIED, PROMOTE
from kerasfront.typing import Tensor, TensorLike

_A, _B = Array((2, 3)), Array((3, 4))


def _size(dims: Sequence[Any]) -> Any:
    out: Any = 1
    for d in dims:
        out = out * d
    return out


@derived(
    dtype=PROMOTE,
    ref=np.tensordot,
    samples=(
        sample(Array((2, 3, 4)), Array((3, 4, 5))),
        sample(_A, _B, 1),
        sample(_A, _B, 0),
        sample(Array((2, 3, 4)), Array((4, 2)), [[2, 0], [0, 1]]),
        sample(Array((2, 3)), Array((5, 2)), [0, 1]),
    ),
    spaces=NUMPY,
)
def tensordot(x1: TensorLike, x2: TensorLike, axes: Any = 2) -> Tensor:
    """Return the products of elements summed over some axes of both.

    Args:
        x1: A tensor.
        x2: A tensor.
        axes: An integer n: the last n axes of x1 with the first n of x2. Or the axes of each: two integers or lists.

    Returns:
        A tensor with the other axes of x1, then those of x2.

    >>> from kerasfront import ops
    >>> float(ops.tensordot([1.0, 2.0], [3.0, 4.0], axes=1))
    11.0
    """
    ranks = rank_of(x1), rank_of(x2)
    if isinstance(axes, int):
        if not 0 <= axes <= sorted(ranks)[0]:
            raise ShapeError(f"Expected `axes` to be between 0 and {sorted(ranks)[0]}, got {axes}.")
        first, second = list(range(ranks[0] - axes, ranks[0])), list(range(axes))
    else:
        first, second = ([a] if isinstance(a, int) else list(a) for a in axes)
    first = [shapes.axis_of(a, ranks[0], "axes") for a in first]
    second = [shapes.axis_of(a, ranks[1], "axes") for a in second]
    if len(first) != len(second):
        raise ShapeError(f"Expected as many axes for x1 as for x2, got {axes}.")
    kept1 = [i for i in range(ranks[0]) if i not in first]
    kept2 = [i for i in range(ranks[1]) if i not in second]
    d1, d2 = shape_of(x1), shape_of(x2)
    for a, b in zip(first, second, strict=True):
        m, n = d1[a], d2[b]
        if isinstance(m, int) and isinstance(n, int) and m != n and not (unknown(m) or unknown(n)):
            raise ShapeError(f"tensordot can't sum over axis {a} of {tuple(d1)} with axis {b} of {tuple(d2)}.")
    inner = _size([_known_size(d1[a], d2[b]) for a, b in zip(first, second, strict=True)])
    left = reshape(transpose(x1, (*kept1, *first)), (_size([d1[i] for i in kept1]), inner))
    right = reshape(transpose(x2, (*second, *kept2)), (inner, _size([d2[i] for i in kept2])))
    return reshape(matmul(left, right), (*(d1[i] for i in kept1), *(d2[i] for i in kept2)))


def _known_size(m: Any, n: Any) -> Any:
    return n if not isinstance(m, int) or unknown(m) else m


@derived(
    dtype=PROMOTE,
    ref=np.dot,
    samples=(
        sample(Array((3,)), Array((3,))),
        sample(_A, _B),
        sample(_A, Array((3,))),
        sample(Array((2, 3, 4)), Array((5, 4, 2))),
        sample(_A, Array(())),
        sample(Array((0, 3)), _B),
    ),
    spaces=NUMPY,
)
def dot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the products summed over the last axis of x1 and the second to last (or only) axis of x2.

    A scalar multiplies the other. Where both have more than two axes, the result has those of x1, then those of x2,
    unlike that of `matmul`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.dot([1, 2], [3, 4])).tolist()
    11
    """
    if not rank_of(x1) or not rank_of(x2):
        return e.multiply(x1, x2)
    if rank_of(x1) <= 2 and rank_of(x2) <= 2:
        return matmul(x1, x2)
    return tensordot(x1, x2, [[-1], [-2 if rank_of(x2) > 1 else -1]])


@derived(
    dtype=PROMOTE,
    samples=(sample(Array((3,)), Array((3,))), sample(Array((2, 3)), Array((3, 2)))),
    ref=np.vdot,
    spaces=NUMPY,
)
def vdot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the products of the elements of two flattened tensors, x1 conjugated, summed.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.vdot([1, 2], [3, 4])).tolist()
    11
    """
    return matmul(ravel(e.conj(x1)), ravel(x2))


@derived(
    dtype=PROMOTE,
    samples=(sample(Array((3,)), Array((3,))), sample(Array((2, 3)), Array((4, 3))), sample(_A, Array(()))),
    ref=np.inner,
    spaces=NUMPY,
)
def inner(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the products summed over the last axis of both; a scalar multiplies.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.inner([1, 2], [3, 4])).tolist()
    11
    """
    if not rank_of(x1) or not rank_of(x2):
        return e.multiply(x1, x2)
    return tensordot(x1, x2, [[-1], [-1]])


@derived(dtype=PROMOTE, samples=(sample(Array((3,)), Array((2,))), sample(_A, Array(()))), ref=np.outer, spaces=NUMPY)
def outer(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the product of each element of x1 with each of x2, both flattened: a matrix.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.outer([1, 2], [3, 4])).tolist()
    [[3, 4], [6, 8]]
    """
    return e.multiply(expand_dims(ravel(x1), 1), expand_dims(ravel(x2), 0))


@derived(
    dtype=PROMOTE,
    samples=(sample(_A, _B), sample(Array((2,)), _B), sample(Array((2, 3, 2)), Array((3, 2, 2)))),
    ref=np.kron,
    spaces=NUMPY,
)
def kron(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Return the Kronecker product: each element of x1 times the whole of x2; missing axes count as 1 in front.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.kron([1, 10], [1, 2])).tolist()
    [1, 2, 10, 20]
    """
    rank = rank_of(x1) if rank_of(x1) > rank_of(x2) else rank_of(x2)
    d1, d2 = ((1,) * (rank - rank_of(x)) + tuple(shape_of(x)) for x in (x1, x2))
    # This doesn't broadcast over twice the rank, which TensorFlow can't do for tensors of rank 3 or more.
    pairs = transpose(reshape(outer(x1, x2), (*d1, *d2)), tuple(i + j for i in range(rank) for j in (0, rank)))
    return reshape(pairs, tuple(m * n for m, n in zip(d1, d2, strict=True)))


@derived(
    dtype=PROMOTE,
    samples=(
        sample(Array((4, 3)), Array((4, 3))),
        sample(Array((3, 4)), Array((3, 4)), axis=0),
        sample(Array((3,)), Array((5, 3))),
        sample(Array((3, 4)), Array((4, 3)), 0, 1, 0),
    ),
    spaces=NUMPY,
)
def cross(
    x1: TensorLike, x2: TensorLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """Return the cross product of vectors of length 3 (or 2, whose third element counts as 0).

    Args:
        x1: A tensor with vectors along `axisa`.
        x2: A tensor with vectors along `axisb`; the other axes broadcast.
        axisa: An axis.
        axisb: An axis.
        axisc: The axis of the vectors of the result.
        axis: Instead of all three.

    Returns:
        A tensor of vectors of length 3; for two of length 2, their third element, without an axis for it.

    Raises:
        ShapeError: A vector's length is neither 2 nor 3.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.cross([1, 0, 0], [0, 1, 0])).tolist()
    [0, 0, 1]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _components(x1, axisa), _components(x2, axisb)
    third = e.subtract(e.multiply(a[0], b[1]), e.multiply(a[1], b[0]))
    if len(a) == len(b) == 2:
        return third
    a2, b2 = (v[2] if len(v) == 3 else e.multiply(v[0], cast(0, dtype_of(v[0]))) for v in (a, b))
    first = e.subtract(e.multiply(a[1], b2), e.multiply(a2, b[1]))
    second = e.subtract(e.multiply(a2, b[0]), e.multiply(a[0], b2))
    return stack([first, second, third], axisc)


def _components(x: Any, axis: int) -> list[Any]:
    at = shapes.axis_of(axis, len(x.shape))
    size = 3 if x.shape[at] is None or unknown(x.shape[at]) else x.shape[at]
    if size not in (2, 3):
        raise ShapeError(f"cross needs vectors of length 2 or 3, got the shape {tuple(x.shape)} and axis {axis}.")
    return [basic_item(x, (slice(None),) * at + (i,) + (slice(None),) * (len(x.shape) - at - 1)) for i in range(size)]


# ---- einsum -------------------------------------------------------------------------------------------------------


def _labels(term: str, rank: int) -> list[str]:
    """Return the labels of a term's axes; those under an ellipsis are numbered from the right."""
    if "..." not in term:
        labels = list(term)
    else:
        before, _, after = term.partition("...")
        hidden = rank - len(before) - len(after)
        labels = [*before, *(f".{hidden - i}" for i in range(hidden)), *after]
    if len(labels) != rank:
        raise ShapeError(f"The einsum term '{term}' has {len(labels)} axes for a tensor of rank {rank}.")
    return labels


def _einsum_shape(subscripts: str, *operands: Any, **kwargs: Any) -> tuple[int, ...]:
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ShapeError(f"The einsum '{subscripts}' has {len(terms)} terms for {len(operands)} tensors.")
    labels = [_labels(t, len(x.shape)) for t, x in zip(terms, operands, strict=True)]
    sizes: dict[str, int] = {}
    for names, x in zip(labels, operands, strict=True):
        for name, size in zip(names, x.shape, strict=True):
            try:
                sizes[name] = shapes.broadcast_shapes((sizes.get(name, 1),), (size,))[0]
            except ShapeError:
                raise ShapeError(
                    f"The einsum '{subscripts}' has the sizes {sizes[name]} and {size} for '{name}'."
                ) from None
    hidden = sorted((n for n in sizes if n.startswith(".")), key=lambda n: -int(n[1:]))
    flat = [n for names in labels for n in names]
    if not arrow:
        return tuple(sizes[n] for n in (*hidden, *sorted(n for n in sizes if n not in hidden and flat.count(n) == 1)))
    before, dots, after = output.partition("...")
    missing = [n for n in (*before, *after) if n not in sizes]
    if missing:
        raise ShapeError(f"The einsum '{subscripts}' puts out '{missing[0]}', which no term has.")
    return tuple(sizes[n] for n in (*before, *(hidden if dots else ()), *after))


@primitive(
    shape=_einsum_shape,
    dtype=MULTIPLIED,
    samples=(
        sample("ij,jk->ik", _A, _B),
        sample("ij,jk", _A, _B),
        sample("...ij,jk->...ik", Array((2, 2, 3)), _B),
        sample("ii->i", Array((3, 3))),
        sample("bhd,bkd->bhk", Array((2, 3, 4)), Array((2, 5, 4))),
        sample("i,j->ij", Array((2,)), Array((3,))),
        sample("ij->", _A),
        sample("ij,jk,k->i", _A, _B, Array((4,))),
        sample("i...->...", Array((2, 3))),
    ),
    spaces=NUMPY,
)
def einsum(subscripts: str, *operands: TensorLike, **kwargs: Any) -> Tensor:
    """Return products summed over the labels that `subscripts` doesn't put out.

    Args:
        subscripts: As in NumPy: a term of letters for each tensor, "..." for the other axes, "->" and the result's
            (without: the letters that come once, in alphabetical order).
        *operands: The tensors.
        **kwargs: Ignored; Keras passes them on to some backends.

    Returns:
        A tensor of the common dtype; int32 where all are int8, whose products need it.

    Raises:
        ShapeError: The terms don't fit the tensors.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])).tolist()
    [3.0, 7.0]
    """


# ---- made of products ---------------------------------------------------------------------------------------------


@derived(dtype=FLOATING, samples=(sample(Array((3, 5))), sample(Array((4,)))), ref=np.corrcoef, spaces=NUMPY)
def corrcoef(x: TensorLike) -> Tensor:
    """Return the correlation coefficients of the rows of a matrix with each other; of a vector: 1.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.corrcoef([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])).round(3).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    rows = x if rank_of(x) == 2 else reshape(x, (1, -1))
    gap = e.subtract(rows, mean(rows, 1, True))
    product = matmul(gap, transpose(e.conj(gap)))
    spread = e.sqrt(e.real(diagonal(product)))
    out = e.divide(e.divide(product, expand_dims(spread, 1)), expand_dims(spread, 0))
    out = out if dtypes.is_complex(dtype_of(x)) else e.clip(out, -1, 1)
    return out if rank_of(x) == 2 else reshape(out, ())


@derived(
    dtype=PROMOTE,
    ref=np.correlate,
    samples=tuple(
        sample(Array((n,)), Array((m,)), mode)
        for n, m in ((5, 3), (5, 2), (2, 5))
        for mode in ("valid", "same", "full")
    ),
    spaces=NUMPY,
)
def correlate(x1: TensorLike, x2: TensorLike, mode: Literal["valid", "same", "full"] = "valid") -> Tensor:
    """Return the cross-correlation of two vectors: `sum(x1[n + k] * conj(x2[n]))` for each shift k.

    Args:
        x1: A vector.
        x2: A vector.
        mode: "valid": the shifts at which the shorter one lies within the other; "full": all at which they overlap;
            "same": as many as the longer one has elements, from the middle of "full".

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.correlate([1.0, 2.0, 3.0], [0.0, 1.0, 0.5])).tolist()
    [3.5]
    """
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"Expected `mode` to be 'valid', 'same' or 'full', got {mode!r}.")
    if rank_of(x1) != 1 or rank_of(x2) != 1:
        raise ShapeError(f"correlate needs two vectors, got the shapes {tuple(dims_of(x1))} and {tuple(dims_of(x2))}.")
    n, m = (shapes.known(dims_of(x)[0], "The length of correlate's vectors") for x in (x1, x2))
    if n < m:
        return flip(e.conj(correlate(x2, x1, mode)))
    before = {"valid": 0, "same": m // 2, "full": m - 1}[mode]
    after = {"valid": 0, "same": m - 1 - m // 2, "full": m - 1}[mode]
    padded = pad_constant(x1, ((before, after),), 0)
    at = e.add(expand_dims(arange(n + before + after - m + 1), 1), expand_dims(arange(m), 0))
    return matmul(take(padded, at, 0), e.conj(x2))


def _distances(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> Any:
    return np.sqrt(np.sum((x[..., :, None, :] - y[..., None, :, :]) ** 2, -1))


@derived(
    dtype=FLOATING,
    ref=_distances,
    samples=(
        sample(Array((3, 4)), Array((5, 4))),
        sample(Array((2, 3, 4)), Array((1, 5, 4))),
        sample(Array((0, 2)), Array((3, 2))),
        sample(Array((3, 2)), Array((2, 4, 2))),
    ),
)
def cdist(x: TensorLike, y: TensorLike) -> Tensor:
    """Return the Euclidean distance of each row of x from each row of y.

    Args:
        x: A tensor of shape (..., m, d).
        y: A tensor of shape (..., n, d), whose leading axes broadcast with x's.

    Returns:
        A float tensor of shape (..., m, n). The gradient at equal rows is 0.

    Raises:
        ShapeError: A tensor has no rows, or the rows differ in length.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.cdist([[0.0, 0.0], [3.0, 0.0]], [[3.0, 4.0]])).tolist()
    [[5.0], [4.0]]
    """
    if rank_of(x) < 2 or rank_of(y) < 2:
        raise ShapeError(f"cdist needs matrices of rows, got the shapes {tuple(dims_of(x))} and {tuple(dims_of(y))}.")
    gap = e.subtract(expand_dims(x, -2), expand_dims(y, -3))
    squares = sum_of(e.square(gap), -1)
    apart = e.greater(squares, 0)
    return e.select_where(apart, e.sqrt(e.select_where(apart, squares, 1)), 0)
