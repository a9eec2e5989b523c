"""Conversion, casts, and what is known of a tensor."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from kerasfront.errors import ShapeError
from kerasfront.ops.declare import KEEPS_ZEROS, NUMPY, Array, derived, primitive, public, sample
from kerasfront.ops.declare.conversion import dtype_name, holds_tensor, resolve
from kerasfront.ops.declare.op import OPS
from kerasfront.ops.declare.runtime import runtime
from kerasfront.spec import KerasTensor, dtypes, mode, shapes, unknown
from kerasfront.typing import DTypeLike, Tensor, TensorLike


@primitive(
    shape=shapes.same,
    dtype=dtypes.LIKE,
    samples=(sample(Array((2, 3)), "float32"), sample(Array(()), "int32")),
    elementwise=True,
    composite=KEEPS_ZEROS,
)
def cast(x: TensorLike, dtype: DTypeLike) -> Tensor:
    """Return x converted to `dtype`; floats are truncated towards zero when they become integers.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.cast([1.7, -1.7], "int32")).tolist()
    [1, -1]
    """


@primitive(
    shape=shapes.same, samples=(sample(Array((2, 3))),), differentiable=False, elementwise=True, composite=KEEPS_ZEROS
)
def stop_gradient(variable: TensorLike) -> Tensor:
    """Return the same values, through which no gradient flows.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.stop_gradient([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """


@primitive(
    shape=shapes.same,
    samples=(sample(Array((2, 3))), sample(Array((0,)))),
    ref=np.copy,
    elementwise=True,
    composite=KEEPS_ZEROS,
    spaces=NUMPY,
)
def copy(x: TensorLike) -> Tensor:
    """Return a tensor of its own with x's values.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.copy([1, 2])).tolist()
    [1, 2]
    """


def _viewed(x: KerasTensor, dtype: Any = None) -> tuple[int, ...]:
    before, after = _width(x.dtype), _width(x.dtype if dtype is None else dtypes.standardize(dtype))
    if before == after:
        return x.shape  # type: ignore[return-value]
    if not x.shape:
        raise ShapeError(f"A scalar of {before} bytes can't be viewed as a dtype of {after} bytes.")
    last = x.shape[-1] * before  # type: ignore[operator]
    if last % after and not unknown(last):
        raise ShapeError(f"Expected the last axis to hold whole elements of {after} bytes, got {last} bytes.")
    return (*x.shape[:-1], last // after)  # type: ignore[arg-type]


def _width(name: str) -> int:
    return dtypes.to_numpy(name).itemsize


@primitive(
    shape=_viewed,
    dtype=dtypes.LIKE,
    differentiable=False,
    dtypes_tested=("int32",),
    samples=(sample(Array((2, 3)), "float32"), sample(Array((2, 4)), "int16"), sample(Array(()), "float32")),
    spaces=NUMPY,
)
def view(x: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """Return the bits of x read as another dtype.

    Args:
        x: A tensor.
        dtype: Where its width differs, the last axis shrinks or grows accordingly. None: x's own.

    Raises:
        ShapeError: The last axis holds no whole number of new elements.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.view(ops.convert_to_tensor([1.0, 2.0]), "int32")).tolist()
    [1065353216, 1073741824]
    """


@derived(
    samples=(sample(Array((3, 4), -300, 300), "int8"), sample(Array((3,), -300, 300), "uint8")),
    differentiable=False,
    dtypes_tested=("int32", "float32", "float64"),
    elementwise=True,
)
def saturate_cast(x: TensorLike, dtype: DTypeLike) -> Tensor:
    """Return x converted to `dtype`.

    What the dtype can't hold becomes its largest or lowest value; nan becomes 0 in integers.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.saturate_cast([300.0, -5.0, 7.9], "uint8")).tolist()
    [255, 0, 7]
    """
    source, target = dtype_of(x), dtypes.standardize(dtype)
    if source == target or target == "bool" or source == "bool" or dtypes.is_complex(source):
        return cast(x, target)
    low, high = _range(target)
    own_low, own_high = _range(source)
    out = cast(x, target)
    where, greater_equal, less_equal = OPS["select_where"].call, OPS["greater_equal"].call, OPS["less_equal"].call
    # Only bounds that x's dtype can reach are compared, and rounded as x's dtype rounds them.
    if own_high > high:
        out = where(greater_equal(x, high), _typed(high, target), out)
    if own_low < low:
        out = where(less_equal(x, low), _typed(low, target), out)
    if dtypes.is_float(source) and dtypes.is_int(target):
        out = where(OPS["isnan"].call(x), _typed(0, target), out)
    return out


def _typed(value: float, name: str) -> Any:
    return convert_to_tensor(np.asarray(value, dtypes.to_numpy(name)))


def _range(name: str) -> tuple[Any, Any]:
    if dtypes.is_int(name):
        info = np.iinfo(name)
        return int(info.min), int(info.max)
    limits: Any = ml_dtypes.finfo(dtypes.to_numpy(name))  # type: ignore[no-untyped-call]
    return float(limits.min), float(limits.max)


def dtype_of(x: TensorLike) -> str:
    """Return the canonical name of the dtype of a native or symbolic tensor."""
    return dtype_name(x)


def is_open(n: Any) -> bool:
    """Return whether only the running graph knows it: a scalar tensor, or an unknown size while shapes are inferred."""
    if isinstance(n, int):
        return bool(mode.inferring) and unknown(n)
    if isinstance(n, float) or not runtime.need().is_tensor(n):
        return False
    return not len(n.shape) and not runtime.adapter.has_value(n)


@public("ops")
def convert_to_tensor(
    x: TensorLike, dtype: DTypeLike | None = None, sparse: bool | None = None, ragged: bool | None = None
) -> Tensor:
    """Return x (an array, a list, a scalar, a Variable, a tensor) as a tensor of the backend.

    Args:
        x: Lists may hold tensors; symbolic tensors stay symbolic.
        dtype: None: x's own; for Python numbers int32 (int64 where it takes more), `floatx()` or bool.
        sparse: False makes a sparse tensor dense; None and True leave it.
        ragged: False makes a ragged tensor dense; None and True leave it.

    >>> from kerasfront import ops
    >>> ops.convert_to_tensor([1, 2], dtype="float32").shape[0]
    2
    """
    adapter = runtime.need()
    if dtype is not None and isinstance(x, (list, tuple)) and not holds_tensor(x, adapter):
        x = np.asarray(x)  # in all the digits that the dtype may keep
    value = adapter.to_tensor(x, None) if type(x) is np.ndarray else resolve(x, adapter)
    if type(value) in (bool, int, float, complex):
        return adapter.to_tensor(value, None if dtype is None else dtypes.standardize(dtype))
    kind = adapter.composites.get(type(value))
    if (kind == "sparse" and sparse is False) or (kind == "ragged" and ragged is False):
        value = adapter.to_dense(value)
    return value if dtype is None else cast(value, dtype)


@public("ops", "ops.numpy")
def array(x: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """Return `convert_to_tensor(x, dtype)`.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.array([1, 2])).tolist()
    [1, 2]
    """
    return convert_to_tensor(x, dtype)


@public("ops")
def convert_to_numpy(x: TensorLike) -> np.ndarray[Any, Any]:
    """Return x as a NumPy array, on the host.

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.ones((2,))).tolist()
    [1.0, 1.0]
    """
    adapter = runtime.need()
    value = resolve(x, adapter)
    if isinstance(value, KerasTensor):
        return value.__array__()
    return adapter.to_numpy(value) if adapter.is_tensor(value) else np.asarray(value)


@public("ops")
def is_tensor(x: Any) -> bool:
    """Return whether x is a tensor of the backend, or a symbolic one.

    >>> from kerasfront import ops
    >>> ops.is_tensor(ops.ones((2,))), ops.is_tensor([1.0])
    (True, False)
    """
    return isinstance(x, KerasTensor) or bool(runtime.need().is_tensor(x))


@public("ops")
def shape(x: TensorLike) -> tuple[Any, ...]:
    """Return the shape of x, as integers.

    Dims that a compiled graph doesn't know are scalar tensors; those that a symbolic tensor doesn't know are None.

    >>> from kerasfront import ops
    >>> ops.shape([[1, 2, 3]])
    (1, 3)
    """
    adapter = runtime.need()
    value = resolve(x, adapter)
    if type(value) in (bool, int, float, complex):
        return ()
    return value.shape if isinstance(value, KerasTensor) else adapter.shape(value)


@public("ops", "ops.numpy")
def ndim(x: TensorLike) -> int:
    """Return the number of axes of x.

    >>> from kerasfront import ops
    >>> ops.ndim([[1, 2, 3]])
    2
    """
    value = resolve(x, runtime.need())
    return len(getattr(value, "shape", ()))


@public("ops", "ops.numpy")
def size(x: TensorLike) -> int | Tensor | None:
    """Return the number of elements of x: an integer, a scalar tensor where a compiled graph doesn't know it, or None.

    >>> from kerasfront import ops
    >>> ops.size([[1, 2, 3]])
    3
    """
    dims = shape(x)
    if any(d is None for d in dims):
        return None
    return math.prod(dims)


@public("ops")
def dtype(x: TensorLike) -> str:
    """Return the name of x's dtype.

    >>> from kerasfront import ops
    >>> ops.dtype(ops.zeros((2,))), ops.dtype([True])
    ('float32', 'bool')
    """
    value = resolve(x, runtime.need())
    return dtypes.promote(dtype_name(value))
