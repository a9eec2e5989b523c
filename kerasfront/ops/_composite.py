"""Sparse and ragged tensors: which ops they pass through, and which results are such again.

An adapter names the classes (`composites`), maps functions over the values that are stored (`map_values`) and has, by
kind, functions for other ops (`composite_ops`). Another derived op goes by its body. What is elementwise takes sparse
tensors as dense ones, where no rule keeps them sparse; what is left is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kerasfront import tree
from kerasfront.errors import CapabilityError
from kerasfront.spec import KerasTensor

# Elementwise, of one tensor, and 0 stays 0: only what is stored changes.
_KEEPS_ZEROS = frozenset({
    "abs", "angle", "arcsin", "arcsinh", "arctan", "arctanh", "cast", "cbrt", "ceil", "celu", "conj",
    "copy", "deg2rad", "elu", "erf", "erfinv", "expm1", "fabs", "floor", "gelu", "hard_shrink", "hard_silu",
    "hard_tanh", "imag", "leaky_relu", "log1p", "nan_to_num", "negative", "rad2deg", "real", "relu", "relu6", "rint",
    "round", "selu", "sign", "silu", "sin", "sinh", "soft_shrink", "softsign", "sqrt", "square", "stop_gradient", "tan",
    "tanh", "tanh_shrink", "trunc",
})  # fmt: skip
_ELEMENTWISE = _KEEPS_ZEROS | {
    "arccos", "arccosh", "clip", "cos", "cosh", "erfc", "exp", "exp2", "hard_sigmoid", "isfinite", "isinf", "isnan",
    "log", "log10", "log2", "log_sigmoid", "logical_not", "ones_like", "reciprocal", "rsqrt", "sigmoid", "softplus",
    "sparse_plus", "sparse_sigmoid", "squareplus", "threshold", "zeros_like",
}  # fmt: skip
_MAPPED = {"sparse": _KEEPS_ZEROS, "ragged": _ELEMENTWISE}
_REDUCTIONS = ("sum", "mean", "amax", "amin", "product", "any", "all")
# By op: whether the result is sparse, from which of its tensors are.
_SPARSE: dict[str, Callable[[list[bool]], bool]] = {
    **dict.fromkeys((*_KEEPS_ZEROS, "reshape", "transpose", "expand_dims", "squeeze"), lambda given: given[0]),
    "divide": lambda given: given[0] and not given[1],
    **dict.fromkeys(("add", "subtract", "matmul", "concatenate", "stack"), all),
    "multiply": any,
}


def _leaves(op: Any, slots: list[Any]) -> list[Any]:
    out: list[Any] = []
    for index, kind in op.tensors:
        value = slots[index]
        if isinstance(value, (list, tuple, dict)):
            out += tree.flatten(value) if kind != "Body" else ()
        else:
            out.append(value)
    return out


def kind_of(op: Any, slots: list[Any], composites: Mapping[type, str]) -> str | None:
    """What kind of composite tensors is among the arguments: "sparse", "ragged" or none."""
    found = {composites[type(x)] for x in _leaves(op, slots) if type(x) in composites}
    return "ragged" if "ragged" in found else found.pop() if found else None


def applied(op: Any, converted: list[Any], kind: str, adapter: Any) -> Any:
    """The op on arguments with composite tensors."""
    function = adapter.composite_ops[kind].get(op.name)
    if op.name in _MAPPED[kind]:
        return adapter.map_values(lambda values: op.spread(op.call, [values, *converted[1:]]), converted[0])
    if function is None and _as_dense(op, kind):
        return op.spread(op.namespace["impl"], [adapter.to_dense(x) for x in converted])
    if function is None and op.kind == "primitive":
        raise refusal(op, kind, adapter)
    return op.spread(function or op.function, converted)


def _as_dense(op: Any, kind: str) -> bool:
    """Whether the op takes such tensors as dense ones."""
    return kind == "sparse" and op.kind == "primitive" and op.elementwise


def refusal(op: Any, kind: str, adapter: Any) -> CapabilityError:
    return CapabilityError(
        f"ops.{op.name} takes no {kind} tensors on the backend '{adapter.name}'.",
        hint=f"Make them dense first: ops.convert_to_tensor(x, {kind}=False).",
    )


def kind_of_symbolic(op: Any, slots: list[Any]) -> str | None:
    """As `kind_of`, of symbolic tensors."""
    leaves = [x for x in _leaves(op, slots) if isinstance(x, KerasTensor)]
    return "ragged" if any(x.ragged for x in leaves) else "sparse" if any(x.sparse for x in leaves) else None


def passes(op: Any, kind: str) -> bool:
    """Whether the op has a rule here; else a derived one goes by its body."""
    return op.kind == "primitive" or op.name in _MAPPED[kind]


def plain(slots: list[Any]) -> list[Any]:
    """The slots with symbolic tensors that are neither sparse nor ragged."""

    def one(x: Any) -> Any:
        return KerasTensor(x.shape, x.dtype) if isinstance(x, KerasTensor) else x

    return [tree.map_structure(one, x) if isinstance(x, (list, tuple)) else one(x) for x in slots]


def flagged(op: Any, slots: list[Any], kind: str, result: Any, adapter: Any) -> Any:
    """The inferred result, told whether it is sparse or ragged; refuses what the adapter can't do."""
    adapter.need(kind)
    if op.name not in _MAPPED[kind] and op.name not in adapter.composite_ops[kind] and not _as_dense(op, kind):
        raise refusal(op, kind, adapter)
    if not isinstance(result, KerasTensor):
        return result
    if kind == "ragged":
        result._ragged = op.name not in _REDUCTIONS or _keeps_rows(slots)
    else:
        given = [isinstance(x, KerasTensor) and x.sparse for x in _leaves(op, slots)]
        result._sparse = op.name in _SPARSE and _SPARSE[op.name](given)
    return result


def _keeps_rows(slots: list[Any]) -> bool:
    """Whether a reduction leaves axis 1, which is the ragged one."""
    axis, rank = slots[1], len(slots[0].shape)
    return axis is not None and 1 not in [a % rank for a in (axis if isinstance(axis, tuple) else (axis,))]
