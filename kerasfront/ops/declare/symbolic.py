"""Ops on symbolic tensors: the shape and dtype of the result, and the node of the graph."""

from __future__ import annotations

from typing import Any

from kerasfront.errors import DTypeError, KerasFrontError
from kerasfront.naming import auto_name
from kerasfront.ops.declare import composites
from kerasfront.ops.declare.conversion import cast_symbolic, dtype_name, operand_dtype
from kerasfront.ops.declare.kinds import Nested
from kerasfront.ops.declare.masks import masked
from kerasfront.ops.declare.op import Op
from kerasfront.ops.declare.runtime import runtime
from kerasfront.spec import KerasTensor, Node, OperationState, infer, mode


class Applied:
    """One application of an op in a graph: what its node names as the operation."""

    op: Op
    name: str

    def __init__(self, op: Op, args: Any, kwargs: Any, outputs: Any) -> None:
        self.op = op
        self.name = auto_name(op.name.replace(".", "_"))
        self._kf = OperationState(nodes=[Node(self, args, kwargs, outputs)])

    def __call__(self, *args: Any, **kwargs: Any) -> Nested:
        return self.op.call(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.op.name} as {self.name}>"


def inferred(op: Op, slots: list[Any]) -> Nested:
    """Return the symbolic result for the values of all parameters, whose dims are all integers."""
    kind = composites.kind_of_symbolic(op, slots)
    if kind is not None and composites.has_rule(op, kind):
        out = _inferred(op, composites.dense(slots))
        return composites.flagged(op, slots, kind, out, runtime.need())
    return _inferred(op, slots)


def _inferred(op: Op, slots: list[Any]) -> Any:
    if op.kind == "derived" or op.infer is not None:
        return op.spread(op.infer or op.function, cast_symbolic(op, slots))
    operand = operand_dtype(op, slots)
    assert op.shape is not None
    arguments = dict(zip(op.signature.parameters, slots, strict=True))
    return KerasTensor(op.spread(op.shape, slots), op.dtype.result(operand, arguments))


def infer_result(op: Op, slots: list[Any]) -> Nested:
    """Return the symbolic result, in which dims that follow from unknown ones are None."""
    return infer(lambda values: inferred(op, values), (slots,), {})


def record(op: Op, slots: list[Any]) -> Nested:
    """Apply the op to symbolic values: infer the result, and leave a node unless this is inference itself."""
    if mode.inferring:
        mode.count_op()
    try:
        out = inferred(op, slots) if mode.inferring else infer_result(op, slots)
    except KerasFrontError as error:
        error.add_note(f"in {described(op, slots)}")
        raise
    if not mode.inferring and op.tensors:
        args, kwargs = op.spread(lambda *a, **k: (a, k), slots)
        Applied(op, args, kwargs, out)
    return out if op.mask is None else masked(op, slots, out)


def described(op: Op, slots: list[Any]) -> str:
    """Return the call as errors tell it, with dtypes and shapes for tensors."""

    def one(value: Any) -> str:
        if isinstance(value, (list, tuple)) and len(value) < 8:
            return f"[{', '.join(map(one, value))}]"
        shape = getattr(value, "shape", None)
        if shape is None:
            return repr(value)[:40]
        try:
            return f"{dtype_name(value)}{list(shape)}"
        except (DTypeError, KeyError, AttributeError):
            return f"{type(value).__name__}{list(shape)}"

    pairs = zip(op.signature.parameters, slots, strict=True)
    return f"ops.{op.name}({', '.join(f'{name}={one(value)}' for name, value in pairs)})"
