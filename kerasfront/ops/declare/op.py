"""The declaration of an op as an object, the registry of all of them, and the adapter that they are bound to."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from kerasfront.ops.declare.composite_rules import DENSE, Composite
from kerasfront.ops.declare.kinds import static_parameters, tensor_parameters
from kerasfront.ops.declare.samples import Sample
from kerasfront.spec import dtypes

# The mask of the result, from that of a tensor (of `Tensors`: from the list of theirs) and the list of arguments.
MaskRule = Callable[[Any, list[Any]], Any]


def kept_mask(mask: Any, slots: list[Any]) -> Any:
    """The mask rule of elementwise ops: a mask passes as it is."""
    return mask


class Op:
    """A declared op. Its `call` is the public function, which `declare.wrapper` generates."""

    call: Callable[..., Any]
    # The globals of `call`: the adapter's implementation stands in them as `impl`.
    namespace: dict[str, Any]
    # `spread(function, slots)` calls a function with the values of all parameters as the op itself is called.
    spread: Callable[[Callable[..., Any], list[Any]], Any]

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        kind: str,
        name: str | None = None,
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
        check: Callable[..., None] | None = None,
        composite: Composite = DENSE,
        spaces: Sequence[str] = ("ops",),
    ) -> None:
        self.function, self.kind, self.name = function, kind, name or function.__name__
        self.shape, self.dtype, self.infer = shape, dtype, infer
        self.samples, self.ref, self.dtypes_tested = tuple(samples), ref, dtypes_tested
        self.differentiable, self.mask = differentiable, mask or (kept_mask if elementwise else None)
        self.elementwise, self.composite = elementwise, composite
        self.tolerance, self.canonical, self.check = tolerance, canonical, check
        self.spaces = tuple(spaces)
        self.signature = inspect.signature(function)
        self.tensors = tuple(tensor_parameters(self.signature))
        self.statics = tuple(static_parameters(function, self.signature))
        # Where the bound implementation comes from: "native", "derived" or "gap".
        self.source = "unbound"

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> Any:
        return declared, (self.name,)

    def __deepcopy__(self, memo: Any) -> Op:
        return self


OPS: dict[str, Op] = {}


def declared(name: str) -> Op:
    """The op of that name; what pickles of ops refer to."""
    return OPS[name]
