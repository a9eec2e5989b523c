"""The types that signatures share: what a tensor is, and what a user may give in its place.

How to use each:

- `Tensor` is what an op, a layer or a model returns, and what a method may compute with: a `torch.Tensor`, a
  `jax.Array`, a `tf.Tensor`, a `KerasTensor` or a `Variable`. It is a Protocol, so none of these has to know of it. A
  function that returns a tensor is annotated `-> Tensor`; never `-> Any`.
- `TensorLike` is what the ops take: a `Tensor`, and anything that becomes one (NumPy arrays, numbers, nested lists,
  what has `__array__`). It is the type of a parameter, not of a result. To type checkers a NumPy array is a
  `TensorLike`, but no `Tensor`: a parameter that may get one is a `TensorLike`.
- `NestedTensors` is what a layer or a model takes: `TensorLike`, and dicts of it at any depth.
- `Shape` is the shape that a symbolic value or a Variable has, `ShapeLike` what a user may write for one.
- `NestedShapes` is what `build` and `compute_output_shape` take: a shape, or lists and dicts of shapes.
- `Axis` is a parameter that takes one axis, several or (None) all of them.
- `DTypeLike` is a parameter that takes a dtype, `DTypePolicyLike` the `dtype` of a layer, which may be a policy.
- `PathLike` is a parameter that takes the path of a file or a folder.
- `InitializerLike`, `RegularizerLike`, `ConstraintLike`, `ActivationLike`, `LossLike`, `MetricLike` and `OptimizerLike`
  are parameters that take an object, its name or its config; each of them includes None only where it says `| None`
  in the signature.
- `Config` is the dict that `get_config()` returns and `from_config()` takes.

This module imports nothing of the package, so that every other one may import it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

__all__ = [
    "ActivationLike",
    "Axis",
    "Config",
    "ConstraintLike",
    "DTypeLike",
    "DTypePolicyLike",
    "InitializerLike",
    "LossLike",
    "MetricLike",
    "NestedShapes",
    "NestedTensors",
    "OptimizerLike",
    "PathLike",
    "RegularizerLike",
    "Shape",
    "ShapeLike",
    "SupportsArray",
    "Tensor",
    "TensorLike",
]


class Tensor(Protocol):
    """A tensor of any backend, a symbolic one, or a Variable.

    The operand of an operator is `Any`, since frameworks annotate it in different ways. `shape` is a tuple of integers
    nearly always; it has None for an unknown dim of a `KerasTensor`, and is a `TensorShape` on TensorFlow.
    """

    # This one comes first, and its parameter can be given by name. A NumPy array takes it by position only, which ends
    # pyright's comparison of the two: that of their operators, each with some twenty overloads, would take minutes.
    def __array__(self, dtype: Any = None) -> np.ndarray[Any, Any]: ...

    @property
    def shape(self) -> tuple[int, ...] | Any: ...
    @property
    def dtype(self) -> Any: ...
    @property
    def ndim(self) -> int: ...

    def __add__(self, other: Any, /) -> Tensor: ...
    def __radd__(self, other: Any, /) -> Tensor: ...
    def __sub__(self, other: Any, /) -> Tensor: ...
    def __rsub__(self, other: Any, /) -> Tensor: ...
    def __mul__(self, other: Any, /) -> Tensor: ...
    def __rmul__(self, other: Any, /) -> Tensor: ...
    def __truediv__(self, other: Any, /) -> Tensor: ...
    def __rtruediv__(self, other: Any, /) -> Tensor: ...
    def __floordiv__(self, other: Any, /) -> Tensor: ...
    def __rfloordiv__(self, other: Any, /) -> Tensor: ...
    def __mod__(self, other: Any, /) -> Tensor: ...
    def __rmod__(self, other: Any, /) -> Tensor: ...
    def __pow__(self, other: Any, /) -> Tensor: ...
    def __rpow__(self, other: Any, /) -> Tensor: ...
    def __matmul__(self, other: Any, /) -> Tensor: ...
    def __rmatmul__(self, other: Any, /) -> Tensor: ...
    def __and__(self, other: Any, /) -> Tensor: ...
    def __rand__(self, other: Any, /) -> Tensor: ...
    def __or__(self, other: Any, /) -> Tensor: ...
    def __ror__(self, other: Any, /) -> Tensor: ...
    def __xor__(self, other: Any, /) -> Tensor: ...
    def __rxor__(self, other: Any, /) -> Tensor: ...
    def __neg__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...

    def __lt__(self, other: Any, /) -> Tensor: ...
    def __le__(self, other: Any, /) -> Tensor: ...
    def __gt__(self, other: Any, /) -> Tensor: ...
    def __ge__(self, other: Any, /) -> Tensor: ...
    def __eq__(self, other: Any, /) -> Tensor: ...  # type: ignore[override]  # elementwise, as for every tensor
    def __ne__(self, other: Any, /) -> Tensor: ...  # type: ignore[override]

    def __getitem__(self, key: Any, /) -> Tensor: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __bool__(self) -> bool: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...


class SupportsArray(Protocol):
    """Anything that NumPy makes an array of by asking it: a column of pandas, a tensor of another library."""

    def __array__(self) -> np.ndarray[Any, Any]: ...


class _SupportsItemsize(Protocol):
    """A dtype of NumPy or torch."""

    @property
    def itemsize(self) -> int: ...


class _SupportsNumPyDType(Protocol):
    """A dtype of TensorFlow."""

    @property
    def as_numpy_dtype(self) -> Any: ...


class _SupportsPolicy(Protocol):
    """A `DTypePolicy`."""

    @property
    def compute_dtype(self) -> str: ...
    @property
    def variable_dtype(self) -> str: ...


class _SupportsApply(Protocol):
    """An `Optimizer`."""

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any: ...


class _SupportsState(Protocol):
    """A `Metric`."""

    def update_state(self, *args: Any, **kwargs: Any) -> Any: ...
    def result(self) -> Any: ...


# The unions are evaluated, not strings, so that `TensorLike | None` works in annotations that are read at run time.
TensorLike: TypeAlias = (
    np.ndarray[Any, Any] | np.generic | Tensor | SupportsArray | float | int | complex | list[Any] | tuple[Any, ...]
)
NestedTensors: TypeAlias = TensorLike | Mapping[str, Any]

Shape: TypeAlias = tuple[int | None, ...]
ShapeLike: TypeAlias = int | Sequence[int | None]
NestedShapes: TypeAlias = ShapeLike | Sequence[Any] | Mapping[str, Any]
Axis: TypeAlias = int | Sequence[int] | None
DTypeLike: TypeAlias = str | type[Any] | np.dtype[Any] | _SupportsItemsize | _SupportsNumPyDType
DTypePolicyLike: TypeAlias = DTypeLike | _SupportsPolicy | Mapping[str, Any]
PathLike: TypeAlias = str | os.PathLike[str]
Config: TypeAlias = dict[str, Any]

# Initializers, regularizers, constraints, activations, losses and most metrics are callable, and a function of a
# user's may stand in their place.
InitializerLike: TypeAlias = str | Callable[..., Any] | Mapping[str, Any] | TensorLike
RegularizerLike: TypeAlias = str | Callable[..., Any] | Mapping[str, Any]
ConstraintLike: TypeAlias = str | Callable[..., Any] | Mapping[str, Any]
ActivationLike: TypeAlias = str | Callable[..., Any] | Mapping[str, Any]
LossLike: TypeAlias = str | Callable[..., Any] | Mapping[str, Any]
MetricLike: TypeAlias = str | Callable[..., Any] | _SupportsState | Mapping[str, Any]
OptimizerLike: TypeAlias = str | _SupportsApply | Mapping[str, Any]
