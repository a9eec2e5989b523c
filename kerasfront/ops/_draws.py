"""Random draws that are told their key: the primitives behind `kerasfront.random`.

A key is a tensor of shape (2,) and dtype uint32, a seed and a counter. The same key gives the same numbers, on one
backend. They are declared here, beside the other primitives, because an adapter is bound to all of them at once.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasfront.ops.declare import INTERNAL, Array, Indices, Tensors, primitive, sample
from kerasfront.spec import KerasTensor, dtypes, shapes
from kerasfront.spec.dtypes import ASKED, FLOATING, SAME
from kerasfront.typing import Tensor, TensorLike

Shape = Sequence[int]
_KEY = Array(values=[7, 1], dtype="uint32")


def _shape_only(out: Any, *args: Any) -> Any:
    """Return what the conformance suite can compare of draws; their distributions have tests of their own."""
    return np.array(out.shape)


def _of_shape(key: Any, shape: Any, *args: Any) -> tuple[int, ...]:
    return shapes.given(shape)


def _of_second(key: Any, x: Any, *args: Any) -> tuple[int, ...]:
    return shapes.same(x)


def _broadcast_to_shape(*args: Any) -> tuple[int, ...]:
    return shapes.given(next(a for a in args if isinstance(a, (tuple, list))))


def _next_key(state: Any) -> tuple[KerasTensor, KerasTensor]:
    return KerasTensor((2,), "uint32"), KerasTensor((2,), "uint32")


@primitive(infer=_next_key, name="draw.next_key", samples=(sample(_KEY),), dtypes_tested=("uint32",), spaces=INTERNAL)
def next_key(state: Indices) -> tuple[Tensor, Tensor]:
    """Return a copy of the state, to be used as key, and the state with its counter one higher.

    After 2**32 - 1 comes 0.
    """


@primitive(
    shape=_of_shape,
    dtype=ASKED,
    name="draw.uniform",
    canonical=_shape_only,
    samples=(sample(_KEY, (2, 3), 0.0, 1.0, "float32"),),
    spaces=INTERNAL,
)
def uniform(key: Indices, shape: Shape, minval: float, maxval: float, dtype: str) -> Tensor:
    """Return floats of `dtype`, uniform between minval (included) and maxval (excluded)."""


@primitive(
    shape=_of_shape,
    dtype=ASKED,
    name="draw.normal",
    canonical=_shape_only,
    samples=(sample(_KEY, (2, 3), 0.0, 1.0, "float32"),),
    spaces=INTERNAL,
)
def normal(key: Indices, shape: Shape, mean: float, stddev: float, dtype: str) -> Tensor:
    """Return floats of `dtype`, normally distributed."""


@primitive(
    shape=_of_shape,
    dtype=ASKED,
    name="draw.truncated_normal",
    canonical=_shape_only,
    samples=(sample(_KEY, (2, 3), 0.0, 1.0, "float32"),),
    spaces=INTERNAL,
)
def truncated_normal(key: Indices, shape: Shape, mean: float, stddev: float, dtype: str) -> Tensor:
    """Return floats of `dtype`, of the normal distribution cut off at two standard deviations from its mean."""


@primitive(
    shape=_of_shape,
    dtype=ASKED,
    name="draw.randint",
    canonical=_shape_only,
    samples=(sample(_KEY, (2, 3), 0, 9, "int32"),),
    spaces=INTERNAL,
)
def randint(key: Indices, shape: Shape, minval: int, maxval: int, dtype: str) -> Tensor:
    """Return integers of `dtype`, uniform from minval (included) to maxval (excluded)."""


def _categories(key: Any, logits: Any, num_samples: int, dtype: str) -> tuple[int, ...]:
    return (logits.shape[0], operator.index(num_samples))


@primitive(
    shape=_categories,
    dtype=dtypes.Rule(dtypes.floating, ASKED.result, "the dtype argument"),
    name="draw.categorical",
    canonical=_shape_only,
    samples=(sample(_KEY, Array((2, 3)), 4, "int32"),),
    differentiable=False,
    spaces=INTERNAL,
)
def categorical(key: Indices, logits: TensorLike, num_samples: int, dtype: str) -> Tensor:
    """Return class indices of `dtype`, drawn by the unnormalized log-probabilities.

    The logits have the shape (batch, classes), the result has (batch, num_samples).
    """


@primitive(
    shape=_of_second,
    dtype=FLOATING,
    name="draw.dropout",
    canonical=_shape_only,
    differentiable=False,
    samples=(sample(_KEY, Array((2, 3)), 0.5, (2, 1)),),
    elementwise=True,
    spaces=INTERNAL,
)
def dropout(key: Indices, inputs: TensorLike, rate: float, noise_shape: Shape | None) -> Tensor:
    """Return zeros at the given rate, 0 < rate < 1, and the rest over (1 - rate).

    There is one decision for each place of noise_shape.
    """


@primitive(
    shape=_of_second,
    dtype=SAME,
    name="draw.shuffle",
    canonical=_shape_only,
    differentiable=False,
    samples=(sample(_KEY, Array((2, 3)), -1),),
    spaces=INTERNAL,
)
def shuffle(key: Indices, x: TensorLike, axis: int) -> Tensor:
    """Return the slices of x along `axis`, in a random order."""


@primitive(
    shape=_broadcast_to_shape,
    dtype=FLOATING,
    name="draw.gamma",
    canonical=_shape_only,
    differentiable=False,
    dtypes_tested=dtypes.FLOATS,
    samples=(sample(_KEY, (2, 3), Array((3,), 0.5, 2.0)),),
    spaces=INTERNAL,
)
def gamma(key: Indices, shape: Shape, alpha: TensorLike) -> Tensor:
    """Draw numbers of alpha's dtype from the gamma distribution of scale 1; alpha broadcasts to `shape`."""


@primitive(
    shape=_broadcast_to_shape,
    dtype=FLOATING,
    name="draw.beta",
    canonical=_shape_only,
    differentiable=False,
    dtypes_tested=dtypes.FLOATS,
    samples=(sample(_KEY, (2, 3), Array((3,), 0.5, 2.0), Array((), 0.5, 2.0)),),
    spaces=INTERNAL,
)
def beta(key: Indices, shape: Shape, alpha: TensorLike, beta: TensorLike) -> Tensor:
    """Draw numbers of alpha's dtype from the beta distribution; alpha and beta broadcast to `shape`."""


@primitive(
    shape=_broadcast_to_shape,
    dtype=FLOATING,
    name="draw.binomial",
    canonical=_shape_only,
    differentiable=False,
    dtypes_tested=dtypes.FLOATS,
    samples=(sample(_KEY, (2, 3), Array((3,), 1.0, 9.0), Array((), 0.1, 0.9)),),
    spaces=INTERNAL,
)
def binomial(key: Indices, shape: Shape, counts: TensorLike, probabilities: TensorLike) -> Tensor:
    """Return how many of `counts` trials succeed, as floats; counts and probabilities broadcast to `shape`."""


def _ones(key: Any, shape: Any, *parameters: Any) -> Any:
    return np.broadcast_to(parameters[0], shape)


@primitive(
    shape=lambda key, parameters, shape, dtype, function: shapes.given(shape),
    dtype=ASKED,
    name="draw.on_host",
    samples=(sample(_KEY, (Array((3,)),), (2, 3), "float32", _ones),),
    differentiable=False,
    dtypes_tested=("float32",),
    spaces=INTERNAL,
)
def on_host(key: Indices, parameters: Tensors, shape: Shape, dtype: str, function: Callable[..., Any]) -> Tensor:
    """Return `function(key, shape, *parameters)` on the host, all as NumPy arrays, also from within a compiled step.

    No gradient flows through it.
    """
