"""The public function of an op: generated source with the declared signature.

It looks at the class and the dtype of each tensor argument and, where nothing needs converting, calls the
implementation that `declare.binding` put into its globals as `impl`. All else goes to `general`.
"""

from __future__ import annotations

import functools
import inspect
import linecache
from collections.abc import Callable
from types import CodeType
from typing import Any

from kerasfront import scopes
from kerasfront.ops.declare.docs import documented
from kerasfront.ops.declare.kinds import AXES, NEVER_FAST, Static
from kerasfront.ops.declare.masks import masked
from kerasfront.ops.declare.op import Op
from kerasfront.ops.declare.run import explain, general
from kerasfront.ops.declare.runtime import runtime
from kerasfront.spec import dtypes, mode
from kerasfront.tracebacks import shorten

_INTEGERS = frozenset({int, type(None)})


def generate(op: Op) -> None:
    """Give the op its `namespace`, `call` and `spread`."""
    source, name = _source(op), op.function.__name__
    filename = f"<kerasfront op {op.name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {
        "op": op, "general": general, "explain": explain, "standard": dtypes.standardize, "mode": mode,
        "native": frozenset(), "ready": frozenset(), "usual": None, "boolean": None, "impl": _unbound(op),
        "masked": masked, "masks": scopes.masks, "sequences": (list, tuple), "whole": _INTEGERS.issuperset,
        "shorten": shorten,
    }  # fmt: skip
    namespace.update({f"_default{i}": p.default for i, p in enumerate(op.signature.parameters.values())})
    # These are tuples, because the guards of torch.compile fail for a class that is looked up in a set.
    namespace.update({f"plain{static.place}": tuple(static.classes) for static in op.statics})
    exec(_compiled(source), namespace)
    call = namespace["call"]
    call.__code__ = call.__code__.replace(co_filename=filename, co_name=name, co_qualname=name)
    call.__doc__, call.__module__, call.__name__, call.__qualname__ = documented(op), op.function.__module__, name, name
    call.__annotations__ = dict(op.function.__annotations__)
    call.op = op
    op.namespace, op.call, op.spread = namespace, call, namespace["spread"]


@functools.cache
def _compiled(source: str) -> CodeType:
    """Compile the source of an op. Half of the ops share theirs with another, which makes the import faster."""
    return compile(source, "<kerasfront op>", "exec")


def _source(op: Op) -> str:
    parameters = list(op.signature.parameters.values())
    slots = ", ".join(p.name for p in parameters)
    test = _fast_test(op, parameters)
    lines = [f"def call({_header(parameters)}):", "    try:"]
    lines += [
        f"        if {p.name} is not None: {p.name} = standard({p.name})" for p in parameters if p.name == "dtype"
    ]
    if test is not None:
        arguments = ", ".join(_passed(p, p.name) for p in parameters)
        result = f"masked(op, [{slots}], out) if masks else out" if op.tensors else "out"
        lines += [
            f"        if {test}:",
            "            try:",
            f"                out = impl({arguments})",
            "            except Exception as error:",
            f"                return explain(op, error, [{slots}])",
            f"            return {result}",
        ]
    lines += [
        f"        return general(op, [{slots}])",
        "    except Exception as error:",
        "        shorten(error)",
        "        raise",
    ]
    spread = ", ".join(_passed(p, f"slots[{i}]") for i, p in enumerate(parameters))
    lines += ["", f"def spread(function, slots): return function({spread})", ""]
    return "\n".join(lines)


def _unbound(op: Op) -> Callable[..., Any]:
    """Return the implementation until an adapter is bound, which the first call does."""

    def first_call(*args: Any, **kwargs: Any) -> Any:
        runtime.need()
        return op.call(*args, **kwargs)

    return first_call


def _parameter_source(parameter: inspect.Parameter, number: int) -> str:
    stars: dict[Any, str] = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
    prefix = stars.get(parameter.kind, "")
    default = "" if parameter.default is inspect.Parameter.empty else f"=_default{number}"
    return f"{prefix}{parameter.name}{default}"


def _header(parameters: list[inspect.Parameter]) -> str:
    parts, starred = [], False
    for number, parameter in enumerate(parameters):
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        starred = starred or parameter.kind is inspect.Parameter.VAR_POSITIONAL
        parts.append(_parameter_source(parameter, number))
    return ", ".join(parts)


def _passed(parameter: inspect.Parameter, value: str) -> str:
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return f"*{value}"
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return f"**{value}"
    return f"{parameter.name}={value}" if parameter.kind is inspect.Parameter.KEYWORD_ONLY else value


def _fast_test(op: Op, parameters: list[inspect.Parameter]) -> str | None:
    """Return the condition under which the arguments need no conversion; None where it is never worth a test."""
    if any(kind in NEVER_FAST for _, kind in op.tensors):
        return None
    classes, same_dtype, first = [], [], None
    for index, kind in op.tensors:
        name, optional = parameters[index].name, str(parameters[index].annotation).endswith("| None")
        is_native = f"type({name}) in native"
        classes.append(f"({name} is None or {is_native})" if optional else is_native)
        if kind == "Condition":
            is_bool = f"{name}.dtype is boolean"
            classes.append(f"({name} is None or {is_bool})" if optional else is_bool)
        if kind == "Tensor" and op.dtype.casts:
            equal = f"{name}.dtype is dtype_"
            if first is None:
                first = name
                classes += [f"{name} is not None"] if optional else []
                # Most tensors are of one dtype: to ask by identity is faster than to look a dtype up.
                same_dtype.append(f"((dtype_ := {name}.dtype) is usual or dtype_ in ready)")
            else:
                same_dtype.append(f"({name} is None or {equal})" if optional else equal)
    numbers = [_number_test(op, static, parameters[static.place]) for static in op.statics]
    return " and ".join([*(classes + same_dtype or ["not mode.inferring"]), *filter(None, numbers)])


def _number_test(op: Op, static: Static, parameter: inspect.Parameter) -> str | None:
    """Return the condition under which a number is taken as it is."""
    kind, name, index = static.kind, static.name, static.place
    if kind is not None and kind.other:
        return None
    test = f"{name}.__class__ in plain{index}"
    if len(static.classes) == 1:
        test = f"{name}.__class__ is {next(iter(static.classes)).__name__}"
    elif op.kind == "derived" and kind is not None and kind.items is not None and name not in AXES:
        # The body of a derived op calculates with the numbers, so they must be Python's; a framework only reads them.
        test = f"({test} and ({name}.__class__ not in sequences or whole(map(type, {name}))))"
    return test if parameter.default is inspect.Parameter.empty else f"({name} is _default{index} or {test})"
