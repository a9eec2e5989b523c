"""What happens to the arguments of an op that its wrapper can't pass on as they are.

Python scalars, NumPy arrays, Variables, mixed dtypes, symbolic, sparse and ragged tensors all come through `general`.
What goes wrong in a framework comes through `explain`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront import scopes, tree
from kerasfront.errors import KerasFrontError
from kerasfront.ops.declare import composites
from kerasfront.ops.declare.conversion import (
    converted,
    has_unknown_size,
    map_tensors,
    resolve,
    spec_of,
)
from kerasfront.ops.declare.kinds import SCALARS, Nested
from kerasfront.ops.declare.masks import masked
from kerasfront.ops.declare.op import OPS, Op
from kerasfront.ops.declare.runtime import runtime
from kerasfront.ops.declare.symbolic import described, infer_result, inferred, record
from kerasfront.spec import KerasTensor, inferring, mode


def general(op: Op, slots: list[Any]) -> Nested:
    """Apply the op to arguments of any sort."""
    adapter = runtime.need()
    for static in op.statics:
        value = slots[static.place]
        if type(value) not in static.classes or type(value) in (list, tuple):
            slots[static.place] = static.converted(value, f"ops.{op.name}")
    if op.check is not None:
        op.spread(op.check, slots)
    symbolic, concrete = _resolved(op, slots, adapter)
    # While shapes are inferred, only what tensors ask for is computed, and nothing of unknown size.
    if symbolic or mode.inferring and not concrete:
        return record(op, slots)
    if mode.inferring and any(map(has_unknown_size, slots)):
        return record(op, map_tensors(op, slots, spec_of))
    try:
        out = _run(op, converted(op, slots, adapter), adapter)
    except Exception as error:
        return explain(op, error, slots)
    return masked(op, slots, out) if scopes.masks else out


def _resolved(op: Op, slots: list[Any], adapter: Any) -> tuple[bool, bool]:
    """Make tensors of the tensor arguments, in place.

    Returns:
        Whether any is symbolic, and whether any is more than a number.
    """
    symbolic = concrete = False
    for index, kind in op.tensors:
        value = slots[index]
        if value is None or kind == "Body":
            continue
        if kind == "Tensors":
            if not isinstance(value, (list, tuple)):
                value = OPS["unstack"].call(value)
            slots[index] = leaves = [resolve(v, adapter) for v in value]
        elif kind == "Nested":
            slots[index] = value = tree.map_structure(lambda v: resolve(v, adapter), value, none_is_leaf=False)
            leaves = tree.flatten(value)
        else:
            slots[index] = value = resolve(value, adapter)
            leaves = [value]
        symbolic = symbolic or any(isinstance(v, KerasTensor) for v in leaves)
        concrete = concrete or any(v is not None and type(v) not in SCALARS for v in leaves)
    return symbolic, concrete


def native_slots(op: Op, slots: list[Any], adapter: Any) -> list[Any]:
    """Return the slots as the adapter's function for the op takes them."""
    slots = list(slots)
    _resolved(op, slots, adapter)
    return converted(op, slots, adapter)


def _run(op: Op, slots: list[Any], adapter: Any) -> Any:
    if runtime.met_composites and (kind := composites.kind_of(op, slots, adapter.composites)) is not None:
        return composites.applied(op, slots, kind, adapter)
    return op.spread(op.namespace["impl"], slots)


# ---- errors -------------------------------------------------------------------------------------------------------


def explain(op: Op, error: Exception, slots: list[Any]) -> Nested:
    """Raise a framework's error again, as ours where the op's own rules find the fault.

    Another error gets a note that says in which op it was raised.

    Where the framework has no kernel for the dtype, there is a result instead: that of a wider dtype.
    """
    if (plain := _plain_numbers(op, slots)) is not None:
        return general(op, plain)
    if mode.inferring and _is_of_unknown_size(slots):  # no framework can hold such a tensor
        return record(op, map_tensors(op, slots, spec_of))
    if isinstance(error, KerasFrontError):
        if not getattr(error, "__notes__", None):  # an error of an op inside has its note already
            error.add_note(f"in {described(op, slots)}")
        raise error
    if runtime.adapter.lacks_kernel(error) and (wide := _widened(op, slots, runtime.adapter)) is not None:
        return _narrowed(op, slots, _run(op, wide, runtime.adapter))
    try:
        if op.kind == "primitive":
            infer_result(op, map_tensors(op, slots, spec_of))
    except KerasFrontError as ours:
        ours.add_note(f"in {described(op, slots)}")
        raise ours from error
    except Exception:  # the rule itself can't read such arguments; the framework's error says more
        pass
    error.add_note(f"in {described(op, slots)}")
    raise error


def _plain_numbers(op: Op, slots: list[Any]) -> list[Any] | None:
    """Return the slots with Python's numbers in sequences, where one held NumPy's; None where none did."""

    def is_python(value: Any) -> bool:
        return not isinstance(value, (list, tuple)) or not any(isinstance(v, (np.generic, np.ndarray)) for v in value)

    foreign = [s.place for s in op.statics if not is_python(slots[s.place])]
    plain = list(slots)
    for static in op.statics:
        plain[static.place] = static.converted(slots[static.place], f"ops.{op.name}")
    return plain if foreign and all(is_python(plain[i]) for i in foreign) else None


def _is_of_unknown_size(slots: list[Any]) -> bool:
    """Return whether an argument, or the size that it asks for, is of unknown size."""
    shapes = [tuple(v.shape) for v in slots if hasattr(v, "shape")]
    return any(map(has_unknown_size, [*slots, *shapes]))


def _widened(op: Op, slots: list[Any], adapter: Any) -> list[Any] | None:
    """Return the converted slots, with each tensor in the adapter's wider dtype; None where none has one."""
    changed = []

    def widen(value: Any) -> Any:
        wide = adapter.wider.get(adapter.dtype_name(value))
        changed.append(wide)
        return value if wide is None else adapter.cast(value, wide)

    out = map_tensors(op, converted(op, slots, adapter), widen)
    for index, kind in op.tensors:
        if kind == "Indices" and out[index] is not None:
            out[index] = widen(out[index])
    return out if any(changed) else None


def _narrowed(op: Op, slots: list[Any], result: Any) -> Any:
    """Return the result in the dtypes that the op's rule gives for `slots`."""
    with inferring():
        specs = tree.flatten(inferred(op, map_tensors(op, slots, spec_of)))
    leaves = [_cast(x, spec) for x, spec in zip(tree.flatten(result), specs, strict=True)]
    return tree.pack_sequence_as(result, leaves)


def _cast(x: Any, spec: Any) -> Any:
    adapter = runtime.adapter
    return x if spec is None or adapter.dtype_name(x) == spec.dtype else adapter.cast(x, spec.dtype)
