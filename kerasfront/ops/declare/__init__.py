"""The declaration of ops: the one place where a Python function becomes an op of every backend.

`@primitive` declares an op that each adapter supplies, `@derived` one whose body is made of other ops, and `@public`
a public function that is no op. All that is to be known of an op stands in its declaration: signature, docstring,
shape and dtype rule, samples, how masks and sparse tensors pass, and in which public namespaces it is.

The modules of this package, from the bottom up: `samples`, `kinds` (what a parameter takes), `composite_rules` (sparse
and ragged tensors), `op` (the declaration as an object), `runtime` (the bound adapter), `masks`, `conversion` (of
arguments), `composites`, `symbolic` (inference and graph nodes), `run` (the general way, and errors), `docs`,
`wrapper` (the generated function) and `binding`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kerasfront.ops.declare import wrapper
from kerasfront.ops.declare.binding import bind
from kerasfront.ops.declare.composite_rules import (
    DENSE,
    KEEPS_ZEROS,
    LIKE_ALL,
    LIKE_ANY,
    LIKE_FIRST,
    MAPS_VALUES,
    QUOTIENT,
    REDUCES,
    Composite,
)
from kerasfront.ops.declare.kinds import Body, Condition, Indices, Nested, Sizes, Tensors, Unconverted
from kerasfront.ops.declare.op import OPS, MaskRule, Op
from kerasfront.ops.declare.runtime import runtime
from kerasfront.ops.declare.samples import Array, Sample, binary, reductions, sample, unary
from kerasfront.spec import dtypes

__all__ = [
    "ACTIVATION",
    "Array",
    "Body",
    "Composite",
    "Condition",
    "DENSE",
    "IMAGE",
    "INTERNAL",
    "Indices",
    "KEEPS_ZEROS",
    "LIKE_ALL",
    "LIKE_ANY",
    "LIKE_FIRST",
    "LINALG",
    "MAPS_VALUES",
    "NN",
    "NUMPY",
    "Nested",
    "QUOTIENT",
    "REDUCES",
    "Sample",
    "Unconverted",
    "Sizes",
    "Tensors",
    "binary",
    "derived",
    "primitive",
    "public",
    "reductions",
    "sample",
    "unary",
]

F = TypeVar("F", bound=Callable[..., Any])

# The public namespaces of most ops, for `spaces=`.
NUMPY = ("ops", "ops.numpy")
NN = ("ops", "ops.nn")
LINALG = ("ops", "ops.linalg")
IMAGE = ("ops.image",)
ACTIVATION = ("ops", "ops.nn", "activations")
# What only layers and other ops call is in none.
INTERNAL: tuple[str, ...] = ()

# The public functions that are no ops, with their namespaces.
FUNCTIONS: dict[Callable[..., Any], tuple[str, ...]] = {}


def _declared(function: Callable[..., Any], *, name: str | None, **options: Any) -> Callable[..., Any]:
    op = Op(function=function, name=name or function.__name__, **options)
    if op.name in OPS:
        raise ValueError(f"The op {op.name} is declared twice.")
    OPS[op.name] = op
    wrapper.generate(op)
    if runtime.adapter is not None:
        bind(op, runtime.adapter)
    return op.call


def primitive(
    *,
    shape: Callable[..., Any] | None = None,
    dtype: dtypes.Rule = dtypes.SAME,
    infer: Callable[..., Any] | None = None,
    samples: Sequence[Sample] = (),
    ref: Callable[..., Any] | None = None,
    dtypes_tested: Sequence[str] | None = None,
    differentiable: bool | Sequence[int] | None = None,
    elementwise: bool = False,
    mask: MaskRule | None = None,
    tolerance: float = 1.0,
    canonical: Callable[..., Any] | None = None,
    composite: Composite = DENSE,
    spaces: Sequence[str] = ("ops",),
    name: str | None = None,
) -> Callable[[F], F]:
    """Declare an op that each adapter supplies, by its name in the adapter's table.

    Args:
        shape: A rule of `spec.shapes`: called as the op is, it returns the shape of the result.
        dtype: A rule of `spec.dtypes`: to what the tensors are cast, and the dtype of the result.
        infer: Instead of `shape`, where there are several results: returns the `KerasTensor`s themselves.
        samples: What the conformance suite calls it with.
        ref: The NumPy or SciPy function that says what the values are.
        dtypes_tested: The dtypes of the samples (default: those that suit the dtype rule).
        differentiable: Whether gradients are tested (default: floats in, floats out), or which results have one.
        elementwise: Whether each element of the result depends on the same element of the input: a mask passes.
        mask: Where it isn't elementwise and masks pass: the result's mask from a tensor's and the list of arguments
            (where the op takes a list of tensors: from the list of their masks, of which some may be None).
        tolerance: How many times the tolerance of its dtype the conformance suite grants the result.
        canonical: Where results are not unique (the signs of a decomposition): called with the result and then the
            arguments, all NumPy, it returns what the conformance suite compares instead.
        composite: How it treats sparse and ragged tensors, one of the rules of `composite_rules`.
        spaces: The public namespaces that show it: "ops", "ops.numpy", "ops.nn", "activations", ...; none for what
            only layers call. `python -m kerasfront.testing.faces --write` writes the modules of these names.
        name: The op's name, where it isn't the function's.
    """
    return functools.partial(  # type: ignore[return-value]
        _declared, kind="primitive", shape=shape, dtype=dtype, infer=infer, samples=samples, ref=ref, name=name,
        dtypes_tested=dtypes_tested, differentiable=differentiable, elementwise=elementwise, mask=mask,
        tolerance=tolerance, canonical=canonical, composite=composite, spaces=spaces,
    )  # fmt: skip


def derived(
    *,
    dtype: dtypes.Rule = dtypes.SAME,
    infer: Callable[..., Any] | None = None,
    samples: Sequence[Sample] = (),
    ref: Callable[..., Any] | None = None,
    dtypes_tested: Sequence[str] | None = None,
    differentiable: bool | Sequence[int] | None = None,
    elementwise: bool = False,
    mask: MaskRule | None = None,
    tolerance: float = 1.0,
    canonical: Callable[..., Any] | None = None,
    composite: Composite = DENSE,
    spaces: Sequence[str] = ("ops",),
    check: Callable[..., None] | None = None,
    name: str | None = None,
) -> Callable[[F], F]:
    """Declare an op by its body, which is made of other ops and runs on symbolic values too.

    The body may branch on ranks and on static arguments only. An adapter may override it; the override is tested
    against the body. `dtype` says how the tensors are cast before the body sees them. `infer` stands for the body on
    symbolic values, where the body needs the values themselves (loops). `check` looks at the arguments before the body,
    or what an adapter has in its place, sees them; for ops that take functions (`Body`).
    """
    return functools.partial(  # type: ignore[return-value]
        _declared, kind="derived", dtype=dtype, infer=infer, samples=samples, ref=ref, name=name,
        dtypes_tested=dtypes_tested, differentiable=differentiable, elementwise=elementwise, mask=mask,
        tolerance=tolerance, canonical=canonical, composite=composite, spaces=spaces, check=check,
    )  # fmt: skip


def public(*spaces: str) -> Callable[[F], F]:
    """Declare a public function that is no op, by the public namespaces that show it."""

    def declare(function: F) -> F:
        FUNCTIONS[function] = spaces
        return function

    return declare
