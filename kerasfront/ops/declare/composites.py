"""Sparse and ragged tensors: which ops they pass through, and which results are such again.

An adapter names the classes (`composites`), maps functions over the values that are stored (`map_values`) and has, by
kind, functions for other ops (`composite_ops`). Where it has none, a derived op runs its body, and an elementwise
primitive takes a sparse tensor as a dense one. Other ops refuse such tensors by an error that names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasfront import tree
from kerasfront.errors import CapabilityError
from kerasfront.ops.declare.kinds import Nested
from kerasfront.ops.declare.op import Op
from kerasfront.spec import KerasTensor


def _leaves(op: Op, slots: list[Any]) -> list[Any]:
    out: list[Any] = []
    for index, kind in op.tensors:
        value = slots[index]
        if isinstance(value, (list, tuple, dict)):
            out += tree.flatten(value) if kind != "Body" else ()
        else:
            out.append(value)
    return out


def kind_of(op: Op, slots: list[Any], composites: Mapping[type, str]) -> str | None:
    """Return which kind of composite tensors is among the arguments: "sparse", "ragged" or none."""
    kinds = {composites[type(x)] for x in _leaves(op, slots) if type(x) in composites}
    return "ragged" if "ragged" in kinds else kinds.pop() if kinds else None


def applied(op: Op, converted: list[Any], kind: str, adapter: Any) -> Nested:
    """Return the result of the op on arguments with composite tensors."""
    function = adapter.composite_ops[kind].get(op.name)
    if kind in op.composite.mapped:
        return adapter.map_values(lambda values: op.spread(op.call, [values, *converted[1:]]), converted[0])
    if function is None and _as_dense(op, kind):
        return op.spread(op.namespace["impl"], [adapter.to_dense(x) for x in converted])
    if function is None and op.kind == "primitive":
        raise refusal(op, kind, adapter)
    return op.spread(function or op.function, converted)


def _as_dense(op: Op, kind: str) -> bool:
    """Return whether the op takes such tensors as dense ones."""
    return kind == "sparse" and op.kind == "primitive" and op.elementwise


def refusal(op: Op, kind: str, adapter: Any) -> CapabilityError:
    """Return the error that says that the op takes no such tensors."""
    return CapabilityError(
        f"ops.{op.name} takes no {kind} tensors on the backend '{adapter.name}'.",
        hint=f"Make them dense first: ops.convert_to_tensor(x, {kind}=False).",
    )


def kind_of_symbolic(op: Op, slots: list[Any]) -> str | None:
    """Return which kind of composite tensors is among symbolic arguments: "sparse", "ragged" or none."""
    leaves = [x for x in _leaves(op, slots) if isinstance(x, KerasTensor)]
    return "ragged" if any(x.ragged for x in leaves) else "sparse" if any(x.sparse for x in leaves) else None


def has_rule(op: Op, kind: str) -> bool:
    """Return whether the declaration says what becomes of such tensors; else the body of a derived op does."""
    return op.kind == "primitive" or kind in op.composite.mapped


def dense(slots: list[Any]) -> list[Any]:
    """Return the slots with symbolic tensors that are neither sparse nor ragged."""

    def one(x: Any) -> Any:
        return KerasTensor(x.shape, x.dtype) if isinstance(x, KerasTensor) else x

    return [tree.map_structure(one, x) if isinstance(x, (list, tuple)) else one(x) for x in slots]


def flagged(op: Op, slots: list[Any], kind: str, result: Any, adapter: Any) -> Nested:
    """Return the inferred result, marked as sparse or ragged where it is; refuses what the adapter can't do."""
    adapter.need(kind)
    rule = op.composite
    if kind not in rule.mapped and op.name not in adapter.composite_ops[kind] and not _as_dense(op, kind):
        raise refusal(op, kind, adapter)
    if not isinstance(result, KerasTensor):
        return result
    if kind == "ragged":
        result._ragged = rule.ragged is None or rule.ragged(slots)
    else:
        sparse = [isinstance(x, KerasTensor) and x.sparse for x in _leaves(op, slots)]
        result._sparse = rule.sparse is not None and rule.sparse(sparse)
    return result
