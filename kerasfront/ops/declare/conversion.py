"""Arguments of ops as the strict adapter wants them: native tensors, of one dtype where the op's rule promotes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kerasfront import interop, tree
from kerasfront.errors import not_one
from kerasfront.ops.declare.kinds import SCALARS, Nested
from kerasfront.ops.declare.op import OPS, Op
from kerasfront.ops.declare.runtime import runtime
from kerasfront.spec import KerasTensor, dtypes, mode, unknown


def resolve(value: Any, adapter: Any) -> Any:
    """Return a native tensor, a symbolic one or a Python scalar for anything that can stand as a tensor argument."""
    cls = type(value)
    if cls is int and mode.inferring and unknown(value):
        return KerasTensor((), "int32")  # an unknown size
    if cls in adapter.native or cls in SCALARS or cls is KerasTensor:
        return value
    if hasattr(cls, "__kf_tensor__"):
        return value.__kf_tensor__()
    if isinstance(value, KerasTensor):
        return value
    if cls in adapter.composites:
        runtime.met_composites = True
        return value
    if adapter.is_tensor(value):
        adapter.native.add(cls)
        return value
    if isinstance(value, (list, tuple)) and holds_tensor(value, adapter):
        return OPS["stack"].call(value)
    if cls.__name__ == "KerasTensor":
        raise not_one("a tensor, or a KerasTensor of kerasfront's own", value)
    return adapter.to_tensor(interop.for_numpy(value), None)


def holds_tensor(value: Any, adapter: Any) -> bool:
    """Return whether a value is a tensor or a Variable, or a list that holds one."""
    if isinstance(value, (list, tuple)):
        return any(holds_tensor(v, adapter) for v in value)
    if type(value) in SCALARS:
        return False
    return hasattr(type(value), "__kf_tensor__") or isinstance(value, KerasTensor) or adapter.is_tensor(value)


def held_tensor(value: Any) -> Any:
    """Return the tensor that a Variable holds; any other value as it is."""
    return value.__kf_tensor__() if hasattr(type(value), "__kf_tensor__") else value


def dtype_name(value: Any) -> str:
    """Return the dtype of a tensor, native or symbolic, or the weak one of a Python number."""
    if type(value) in SCALARS:
        return dtypes.weak(value)
    return value.dtype if isinstance(value, KerasTensor) else runtime.adapter.dtype_name(value)


def _promoted(op: Op, slots: list[Any]) -> list[str]:
    """Return the dtypes that take part in promotion, weak ones included."""
    out = []
    for index, kind in op.tensors:
        if kind == "Tensor" and slots[index] is not None:
            out.append(dtype_name(slots[index]))
        elif kind == "Tensors":
            out += [dtype_name(v) for v in slots[index]]
    return out


def operand_dtype(op: Op, slots: list[Any]) -> str:
    """Return the dtype in which the op works, by its rule: that of its first tensor where the rule casts nothing."""
    names = _promoted(op, slots)
    return op.dtype.operands(*names) or (dtypes.promote(names[0]) if names else "")


def _target(op: Op, slots: list[Any]) -> str | None:
    """Return the dtype to which the tensors are cast; None where each stays as it is, or where there are none."""
    names = _promoted(op, slots) if op.dtype.casts else None
    return op.dtype.operands(*names) if names else None


def map_tensors(op: Op, slots: list[Any], function: Callable[[Any], Any]) -> list[Any]:
    """Return the slots with `function` applied to the tensors that take part in promotion."""
    out = list(slots)
    for index, kind in op.tensors:
        if kind == "Tensor" and out[index] is not None:
            out[index] = function(out[index])
        elif kind == "Tensors":
            out[index] = [function(v) for v in out[index]]
    return out


def cast_symbolic(op: Op, slots: list[Any]) -> list[Any]:
    """Return the slots with symbolic tensors of the dtype in which the op works."""
    target = _target(op, slots)

    def cast(value: Any) -> Any:
        if type(value) in SCALARS:
            return KerasTensor((), target or dtypes.promote(dtypes.weak(value)))
        if isinstance(value, KerasTensor) and target not in (None, value.dtype):
            return KerasTensor(value.shape, target, value.sparse, value.ragged)
        return value

    return map_tensors(op, slots, cast)


def converted(op: Op, slots: list[Any], adapter: Any) -> list[Any]:
    """Return the slots with native tensors, of equal dtype where the rule promotes."""
    target = _target(op, slots)

    def convert(value: Any) -> Any:
        if type(value) in SCALARS:
            return adapter.scalar(value, target or dtypes.promote(dtypes.weak(value)))
        if target is None or adapter.dtype_name(value) == target:
            return value
        return adapter.cast(value, target)

    out = map_tensors(op, slots, convert)
    for index, kind in op.tensors:
        value = out[index]
        if value is not None and kind == "Nested":
            out[index] = native_leaves(value, adapter)
        elif value is not None and kind == "Body":
            out[index] = _with_native_results(value, adapter)
        if value is None or kind not in ("Indices", "Condition"):
            continue
        if type(value) in SCALARS:
            value = adapter.scalar(value, "bool" if kind == "Condition" else dtypes.promote(dtypes.weak(value)))
        if kind == "Condition" and adapter.dtype_name(value) != "bool":
            value = adapter.cast(value, "bool")
        out[index] = value
    return out


def native_leaves(structure: Any, adapter: Any) -> Nested:
    """Return the structure with native tensors as leaves."""

    def convert(value: Any) -> Any:
        value = resolve(value, adapter)
        return adapter.to_tensor(value, dtypes.promote(dtypes.weak(value))) if type(value) in SCALARS else value

    return tree.map_structure(convert, structure, none_is_leaf=False)


def _with_native_results(function: Callable[..., Any], adapter: Any) -> Callable[..., Any]:
    return lambda *args: native_leaves(function(*args), adapter)


def spec_of(value: Any) -> Any:
    """Return the symbolic tensor of a native one's shape and dtype."""
    if type(value) in SCALARS or isinstance(value, KerasTensor):
        return value
    return KerasTensor(tuple(value.shape), runtime.adapter.dtype_name(value))


def has_unknown_size(value: Any) -> bool:
    """Return whether an argument is a size that isn't known, or holds one."""
    if isinstance(value, (tuple, list)):
        return any(map(has_unknown_size, value))
    if isinstance(value, slice):
        return any(map(has_unknown_size, (value.start, value.stop, value.step)))
    return type(value) is int and unknown(value)
