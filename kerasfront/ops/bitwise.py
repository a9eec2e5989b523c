"""Ops on the bits of integers; on booleans they are the logical ones."""

from __future__ import annotations

import numpy as np

from kerasfront.ops.declare import NUMPY, binary, primitive, unary
from kerasfront.spec import dtypes
from kerasfront.spec.dtypes import NUMERIC, PROMOTE
from kerasfront.spec.shapes import broadcast, same
from kerasfront.typing import Tensor, TensorLike

_TESTED = ("bool", *dtypes.INTEGERS)


@primitive(
    shape=broadcast,
    dtype=PROMOTE,
    samples=binary(0, 12),
    ref=np.bitwise_and,
    elementwise=True,
    dtypes_tested=_TESTED,
    spaces=NUMPY,
)
def bitwise_and(x: TensorLike, y: TensorLike) -> Tensor:
    """Return the bits that x and y both have, elementwise with broadcasting.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.bitwise_and([6, 5], 3)).tolist()
    [2, 1]
    """


@primitive(
    shape=broadcast,
    dtype=PROMOTE,
    samples=binary(0, 12),
    ref=np.bitwise_or,
    elementwise=True,
    dtypes_tested=_TESTED,
    spaces=NUMPY,
)
def bitwise_or(x: TensorLike, y: TensorLike) -> Tensor:
    """Return the bits that x or y has, elementwise with broadcasting.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.bitwise_or([1, 2], 4)).tolist()
    [5, 6]
    """


@primitive(
    shape=broadcast,
    dtype=PROMOTE,
    samples=binary(0, 12),
    ref=np.bitwise_xor,
    elementwise=True,
    dtypes_tested=_TESTED,
    spaces=NUMPY,
)
def bitwise_xor(x: TensorLike, y: TensorLike) -> Tensor:
    """Return the bits that just one of x and y has, elementwise with broadcasting.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.bitwise_xor([1, 3], 2)).tolist()
    [3, 1]
    """


@primitive(shape=same, samples=unary(0, 12), ref=np.invert, elementwise=True, dtypes_tested=_TESTED, spaces=NUMPY)
def bitwise_invert(x: TensorLike) -> Tensor:
    """Return all bits of x flipped, elementwise: `-x - 1` for signed integers.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.bitwise_invert([0, 5])).tolist()
    [-1, -6]
    """


@primitive(
    shape=broadcast,
    dtype=NUMERIC,
    samples=binary(0, 5),
    ref=np.left_shift,
    elementwise=True,
    dtypes_tested=dtypes.INTEGERS,
    spaces=NUMPY,
)
def bitwise_left_shift(x: TensorLike, y: TensorLike) -> Tensor:
    """Return the bits of x moved up by y places, elementwise with broadcasting.

    y lies between 0 and the width of the dtype - 1.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.bitwise_left_shift([1, 2], 3)).tolist()
    [8, 16]
    """


@primitive(
    shape=broadcast,
    dtype=NUMERIC,
    samples=binary(0, 5),
    ref=np.right_shift,
    elementwise=True,
    dtypes_tested=dtypes.INTEGERS,
    spaces=NUMPY,
)
def bitwise_right_shift(x: TensorLike, y: TensorLike) -> Tensor:
    """Return the bits of x moved down by y places, elementwise with broadcasting; the sign stays.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.bitwise_right_shift([12, -8], 2)).tolist()
    [3, -2]
    """


bitwise_not = bitwise_invert
left_shift = bitwise_left_shift
right_shift = bitwise_right_shift
