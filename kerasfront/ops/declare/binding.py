"""Binding: each op gets the adapter's implementation, its own body, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kerasfront.errors import CapabilityError, KerasFrontError
from kerasfront.ops.declare.op import OPS, Op
from kerasfront.ops.declare.runtime import runtime
from kerasfront.spec import dtypes


def bind(op: Op, adapter: Any) -> None:
    """Put the adapter's implementation into the wrapper's globals."""
    gap = adapter.gaps.get(op.name)
    if gap is not None:
        implementation, op.source = _gap(op, adapter, gap), "gap"
    elif op.name in adapter.primitives or op.name in adapter.overrides:
        implementation = adapter.primitives.get(op.name) or adapter.overrides[op.name]
        op.source = "native"
    elif op.kind == "derived":
        implementation, op.source = op.function, "derived"
    else:
        raise KerasFrontError(
            f"The backend '{adapter.name}' does not supply the primitive '{op.name}'.",
            hint="An adapter supplies every primitive, or declares a gap with its reason.",
        )
    ready, usual = _ready(adapter, op.dtype), adapter.native_dtypes["float32"]
    op.namespace.update(
        impl=implementation,
        native=adapter.native,
        ready=ready,
        usual=usual if usual in ready else None,
        boolean=adapter.native_dtypes["bool"],
    )


def bind_all(adapter: Any) -> None:
    """Bind every declared op to `adapter`.

    Raises:
        KerasFrontError: The adapter lacks primitives, or has ops that nobody declared; it names them.
    """
    supplied = {*adapter.primitives, *adapter.overrides, *adapter.gaps}
    strange = supplied - OPS.keys()
    if strange:
        raise KerasFrontError(f"The backend '{adapter.name}' supplies unknown ops: {', '.join(sorted(strange))}.")
    missing = [n for n, op in OPS.items() if op.kind == "primitive" and n not in supplied]
    if missing:
        raise KerasFrontError(
            f"The backend '{adapter.name}' does not supply the primitives {', '.join(sorted(missing))}.",
            hint="An adapter supplies every primitive, or declares a gap with its reason.",
        )
    dtypes.bind(adapter.stored_dtype)
    for op in OPS.values():
        bind(op, adapter)
    runtime.adapter, runtime.native = adapter, adapter.native


def _gap(op: Op, adapter: Any, reason: str) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise CapabilityError(f"The backend '{adapter.name}' has no ops.{op.name}: {reason}")

    return refuse


_ready_sets: dict[tuple[str, int], frozenset[Any]] = {}


def _ready(adapter: Any, rule: dtypes.Rule) -> frozenset[Any]:
    """Return the native dtypes that the rule leaves as they are."""
    key = (adapter.name, id(rule))
    if key not in _ready_sets:
        names = [n for n in dtypes.ALL if n in adapter.native_dtypes]
        _ready_sets[key] = frozenset(adapter.native_dtypes[n] for n in names if rule.operands(n) in (None, n))
    return _ready_sets[key]
