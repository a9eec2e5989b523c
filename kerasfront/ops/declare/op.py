"""The declaration of an op as an object, the registry of all of them, and the adapter that they are bound to."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from kerasfront.ops.declare.composite_rules import DENSE, Composite
from kerasfront.ops.declare.kinds import Static, static_parameters, tensor_parameters
from kerasfront.ops.declare.samples import Sample
from kerasfront.spec import dtypes

# The mask of the result, from that of a tensor (of `Tensors`: from the list of theirs) and the list of arguments.
MaskRule = Callable[[Any, list[Any]], Any]


def kept_mask(mask: Any, slots: list[Any]) -> Any:
    """Return the mask rule of elementwise ops: a mask passes as it is."""
    return mask


@dataclass(eq=False, repr=False, kw_only=True)
class Op:
    """A declared op. `declare.primitive` says what its fields mean.

    Attributes:
        call: The public function, which `declare.wrapper` generates.
        namespace: The globals of `call`, in which the adapter's implementation stands as `impl`.
        spread: `spread(function, slots)` calls a function with the values of all parameters, as the op is called.
        source: Where the bound implementation comes from: "native", "derived" or "gap".
        tensors: The places of the parameters that take tensors, each with its kind (`kinds.KINDS`).
        statics: The parameters that take numbers or axes.
    """

    function: Callable[..., Any]
    kind: Literal["primitive", "derived"]
    name: str
    shape: Callable[..., Any] | None = None
    dtype: dtypes.Rule = dtypes.SAME
    infer: Callable[..., Any] | None = None
    samples: Sequence[Sample] = ()
    ref: Callable[..., Any] | None = None
    dtypes_tested: Sequence[str] | None = None
    differentiable: bool | Sequence[int] | None = None
    elementwise: bool = False
    mask: MaskRule | None = None
    tolerance: float = 1.0
    canonical: Callable[..., Any] | None = None
    check: Callable[..., None] | None = None
    composite: Composite = DENSE
    spaces: Sequence[str] = ("ops",)

    call: Callable[..., Any] = field(init=False)
    namespace: dict[str, Any] = field(init=False)
    spread: Callable[[Callable[..., Any], list[Any]], Any] = field(init=False)
    source: str = field(init=False, default="unbound")
    signature: inspect.Signature = field(init=False)
    tensors: tuple[tuple[int, str], ...] = field(init=False)
    statics: tuple[Static, ...] = field(init=False)

    def __post_init__(self) -> None:
        if self.elementwise and self.mask is None:
            self.mask = kept_mask
        self.signature = inspect.signature(self.function)
        self.tensors = tuple(tensor_parameters(self.signature))
        self.statics = tuple(static_parameters(self.function, self.signature))

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> Any:
        return declared, (self.name,)

    def __deepcopy__(self, memo: Any) -> Op:
        return self


OPS: dict[str, Op] = {}


def declared(name: str) -> Op:
    """Return the op of that name; what pickles of ops refer to."""
    return OPS[name]
