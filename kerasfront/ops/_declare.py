"""The declaration of ops: the one place where a Python function becomes an op of every backend.

`@primitive` declares an op that each adapter supplies, `@derived` one whose body is made of other ops. Both return a
generated function with the declared signature. It looks at the class and the dtype of each tensor argument and, where
nothing needs converting, calls the implementation that `bind` put into its globals. All else (Python scalars, NumPy
arrays, Variables, mixed dtypes, symbolic values) goes through `_general`, once for every op.
"""

from __future__ import annotations

import functools
import inspect
import linecache
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from kerasfront import scopes, tree
from kerasfront.arguments import Kind, as_float, kind_of, plain
from kerasfront.errors import ArgumentError, CapabilityError, DTypeError, KerasFrontError, not_one
from kerasfront.naming import auto_name
from kerasfront.ops import _composite
from kerasfront.ops._docs import documented
from kerasfront.ops._samples import Sample
from kerasfront.spec import KerasTensor, Node, dtypes, infer, inferring, mode, unknown
from kerasfront.tracebacks import shorten

F = TypeVar("F", bound=Callable[..., Any])

# What a parameter's annotation says of it. Tensor: takes part in dtype promotion. Indices, Condition: converted to a
# tensor, but of their own dtype (a Condition: bool). Tensors: a sequence of Tensor. Nested: a nested structure of
# tensors, each of its own dtype. Body: a function whose results are made tensors. Any other annotation: static.
Tensor = Any
Indices = Any
Condition = Any
Tensors = Sequence[Any]
Nested = Any
Body = Callable[..., Any]

_SCALARS = frozenset({bool, int, float, complex})
_KINDS = ("Tensor", "Indices", "Condition", "Tensors", "Nested", "Body")
_SLOW_KINDS = frozenset({"Tensors", "Nested", "Body"})


class Runtime:
    """What the ops are bound to: an adapter, and how to find one when the first op is called."""

    adapter: Any = None
    # The classes of the adapter's tensors.
    native: set[type] = set()
    load: Callable[[], Any] | None = None
    # Whether a sparse or ragged tensor came to any op so far: until then nobody looks for them.
    met_composites = False
    # How a class of the front that holds a tensor (Variable) gives it.
    holders: dict[type, Callable[[Any], Any]] = {}

    def need(self) -> Any:
        if self.adapter is None:
            assert self.load is not None, "kerasfront.contract was not imported"
            self.load()
        return self.adapter


runtime = Runtime()
OPS: dict[str, Op] = {}


class Op:
    """A declared op. Its `call` is the public function."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        kind: str,
        name: str | None,
        shape: Callable[..., Any] | None,
        dtype: dtypes.Rule,
        infer: Callable[..., Any] | None,
        samples: Sequence[Sample],
        ref: Callable[..., Any] | None,
        dtypes_tested: Sequence[str] | None,
        differentiable: bool | Sequence[int] | None,
        elementwise: bool,
        mask: Callable[[Any, list[Any]], Any] | None,
        tolerance: float,
        canonical: Callable[..., Any] | None,
        check: Callable[..., None] | None = None,
    ) -> None:
        self.function, self.kind, self.name = function, kind, name or function.__name__
        self.shape, self.dtype, self.infer = shape, dtype, infer
        self.samples, self.ref, self.dtypes_tested = tuple(samples), ref, dtypes_tested
        self.differentiable, self.mask = differentiable, mask or (kept_mask if elementwise else None)
        self.elementwise = elementwise
        self.tolerance, self.canonical, self.check = tolerance, canonical, check
        self.signature = inspect.signature(function)
        self.tensors = tuple(_tensor_parameters(self.signature))
        self.statics = tuple(_static_parameters(function, self.signature))
        self.source: str = "unbound"
        self.namespace, self.call = _generate(self)
        self.spread = self.namespace["spread"]

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> Any:
        return _declared, (self.name,)

    def __deepcopy__(self, memo: Any) -> Op:
        return self

    def bind(self, adapter: Any) -> None:
        """Put the adapter's implementation into the wrapper's globals."""
        gap = adapter.gaps.get(self.name)
        if gap is not None:
            implementation, self.source = _gap(self, adapter, gap), "gap"
        elif self.name in adapter.primitives or self.name in adapter.overrides:
            implementation = adapter.primitives.get(self.name) or adapter.overrides[self.name]
            self.source = "native"
        elif self.kind == "derived":
            implementation, self.source = self.function, "derived"
        else:
            raise KerasFrontError(
                f"The backend '{adapter.name}' does not supply the primitive '{self.name}'.",
                hint="An adapter supplies every primitive, or declares a gap with its reason.",
            )
        ready, usual = _ready(adapter, self.dtype), adapter.native_dtypes["float32"]
        self.namespace.update(
            impl=implementation,
            native=adapter.native,
            ready=ready,
            usual=usual if usual in ready else None,
            boolean=adapter.native_dtypes["bool"],
        )

    def infer_one(self, slots: list[Any]) -> Any:
        """The symbolic result for the values of all parameters, whose dims are all integers."""
        kind = _composite.kind_of_symbolic(self, slots)
        if kind is not None and _composite.passes(self, kind):
            out = self._inferred(_composite.plain(slots))
            return _composite.flagged(self, slots, kind, out, runtime.need())
        return self._inferred(slots)

    def _inferred(self, slots: list[Any]) -> Any:
        if self.kind == "derived" or self.infer is not None:
            return self.spread(self.infer or self.function, _cast_symbolic(self, slots))
        names = _names(self, slots)
        operand = self.dtype.operands(*names) or (dtypes.promote(names[0]) if names else "")
        assert self.shape is not None
        arguments = dict(zip(self.signature.parameters, slots, strict=True))
        return KerasTensor(self.spread(self.shape, slots), self.dtype.result(operand, arguments))


def _declared(name: str) -> Op:
    return OPS[name]


class Applied:
    """One application of an op in a graph: what its node names as the operation."""

    def __init__(self, op: Op, args: Any, kwargs: Any, outputs: Any) -> None:
        self.op = op
        self.name = auto_name(op.name.replace(".", "_"))
        self._inbound_nodes = [Node(self, args, kwargs, outputs)]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.op.call(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.op.name} as {self.name}>"


def _declarer(kind: str, function: Any = None, **options: Any) -> Any:
    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        op = Op(function, kind=kind, **options)
        if op.name in OPS:
            raise ValueError(f"The op {op.name} is declared twice.")
        OPS[op.name] = op
        if runtime.adapter is not None:
            op.bind(runtime.adapter)
        return op.call

    return declare if function is None else declare(function)


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
    mask: Callable[[Any, list[Any]], Any] | None = None,
    tolerance: float = 1.0,
    canonical: Callable[..., Any] | None = None,
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
        name: The op's name, where it isn't the function's.
    """
    return _declarer(
        "primitive", shape=shape, dtype=dtype, infer=infer, samples=samples, ref=ref, name=name,
        dtypes_tested=dtypes_tested, differentiable=differentiable, elementwise=elementwise, mask=mask,
        tolerance=tolerance, canonical=canonical,
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
    mask: Callable[[Any, list[Any]], Any] | None = None,
    tolerance: float = 1.0,
    canonical: Callable[..., Any] | None = None,
    check: Callable[..., None] | None = None,
    name: str | None = None,
) -> Callable[[F], F]:
    """Declare an op by its body, which is made of other ops and runs on symbolic values too.

    The body may branch on ranks and on static arguments only. An adapter may override it; the override is tested
    against the body. `dtype` says how the tensors are cast before the body sees them. `infer` stands for the body on
    symbolic values, where the body needs the values themselves (loops). `check` looks at the arguments before the body,
    or what an adapter has in its place, sees them; for ops that take functions (`Body`).
    """
    return _declarer(
        "derived", shape=None, dtype=dtype, infer=infer, samples=samples, ref=ref, name=name,
        dtypes_tested=dtypes_tested, differentiable=differentiable, elementwise=elementwise, mask=mask,
        tolerance=tolerance, canonical=canonical, check=check,
    )  # fmt: skip


def bind_all(adapter: Any) -> None:
    """Bind every declared op to `adapter`; raises `KerasFrontError` naming the primitives it lacks."""
    known = {*adapter.primitives, *adapter.overrides, *adapter.gaps}
    strange = known - OPS.keys()
    if strange:
        raise KerasFrontError(f"The backend '{adapter.name}' supplies unknown ops: {', '.join(sorted(strange))}.")
    missing = [n for n, op in OPS.items() if op.kind == "primitive" and n not in known]
    if missing:
        raise KerasFrontError(
            f"The backend '{adapter.name}' does not supply the primitives {', '.join(sorted(missing))}.",
            hint="An adapter supplies every primitive, or declares a gap with its reason.",
        )
    dtypes.bind(adapter.stored_dtype)
    for op in OPS.values():
        op.bind(adapter)
    runtime.adapter, runtime.native = adapter, adapter.native


# ---- the generated wrapper ----------------------------------------------------------------------------------------


def _tensor_parameters(signature: inspect.Signature) -> Iterator[tuple[int, str]]:
    for index, parameter in enumerate(signature.parameters.values()):
        text = str(parameter.annotation).removesuffix(" | None")
        if text in _KINDS:
            star = parameter.kind is inspect.Parameter.VAR_POSITIONAL
            yield index, "Tensors" if star and text == "Tensor" else text


class Static(NamedTuple):
    """A parameter whose values are numbers that a graph knows, or axes."""

    at: int  # its place among the parameters
    name: str
    kind: Kind | None
    classes: frozenset[type]  # of values that the implementations take as they are

    def taken(self, op: Op, value: Any) -> Any:
        """The value with plain numbers, and several axes as a tuple; what isn't known yet stays.

        A tensor where a float is asked stays too, as there may be a gradient by it.
        """
        if self.kind is not None and (type(value) not in self.classes or type(value) in (list, tuple)):
            if self.kind.scalar is as_float and not isinstance(value, (np.generic, np.ndarray, str)):
                return value
            try:
                value = self.kind.take(value, self.name, f"ops.{op.name}")
            except ArgumentError:
                if _is_plain(value):
                    raise
                value = type(value)(map(plain, value)) if type(value) in (list, tuple) else value
        return tuple(value) if isinstance(value, list) and self.name in _AXES else value


_AXES = frozenset({"axis", "axes"})
_WHOLE = frozenset({int, type(None)})


def _static_parameters(function: Callable[..., Any], signature: inspect.Signature) -> Iterator[Static]:
    for index, (name, parameter) in enumerate(signature.parameters.items()):
        if str(parameter.annotation).removesuffix(" | None") in (*_KINDS, "Any", "str") and name not in _AXES:
            continue
        kind = kind_of(parameter.annotation, function.__globals__)
        if kind is not None:
            yield Static(index, name, kind, kind.classes - {list} if name in _AXES else kind.classes)
        elif name in _AXES:
            yield Static(index, name, None, frozenset({int, tuple, type(None)}))


def _is_plain(value: Any) -> bool:
    """Whether it is made of Python's own values: it is wrong now, and not a size that is known later."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return type(value) in _SCALARS or isinstance(value, (str, dict, type(None), np.generic, np.ndarray))


def _plain_numbers(op: Op, slots: list[Any]) -> list[Any] | None:
    """The slots with Python's numbers in sequences, where one held NumPy's; None where none did."""

    def is_python(value: Any) -> bool:
        return not isinstance(value, (list, tuple)) or not any(isinstance(v, (np.generic, np.ndarray)) for v in value)

    held = [s.at for s in op.statics if not is_python(slots[s.at])]
    plain = list(slots)
    for static in op.statics:
        plain[static.at] = static.taken(op, slots[static.at])
    return plain if held and all(is_python(plain[i]) for i in held) else None


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
    """The condition under which the arguments need no conversion; None where it is never worth a test."""
    if any(kind in _SLOW_KINDS for _, kind in op.tensors):
        return None
    classes, same_dtype, first = [], [], None
    for index, kind in op.tensors:
        name, optional = parameters[index].name, str(parameters[index].annotation).endswith("| None")
        known = f"type({name}) in native"
        classes.append(f"({name} is None or {known})" if optional else known)
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
    numbers = [_number_test(op, static, parameters[static.at]) for static in op.statics]
    return " and ".join([*(classes + same_dtype or ["not mode.inferring"]), *filter(None, numbers)])


def _number_test(op: Op, static: Static, parameter: inspect.Parameter) -> str | None:
    """The condition under which a number is taken as it is."""
    kind, name, at = static.kind, static.name, static.at
    if kind is not None and kind.other:
        return None
    test = f"{name}.__class__ in plain{at}"
    if len(static.classes) == 1:
        test = f"{name}.__class__ is {next(iter(static.classes)).__name__}"
    elif op.kind == "derived" and kind is not None and kind.items is not None and name not in _AXES:
        # A body of ours reckons with the numbers, where a framework only reads them.
        test = f"({test} and ({name}.__class__ not in sequences or whole(map(type, {name}))))"
    return test if parameter.default is inspect.Parameter.empty else f"({name} is _default{at} or {test})"


def _generate(op: Op) -> tuple[dict[str, Any], Callable[..., Any]]:
    parameters = list(op.signature.parameters.values())
    name = op.function.__name__
    slots = ", ".join(p.name for p in parameters)
    test = _fast_test(op, parameters)
    lines = [f"def {name}({_header(parameters)}):", "    try:"]
    lines += [
        f"        if {p.name} is not None: {p.name} = standard({p.name})" for p in parameters if p.name == "dtype"
    ]
    if test is not None:
        call = ", ".join(_passed(p, p.name) for p in parameters)
        result = f"masked(op, [{slots}], out) if masks else out" if op.tensors else "out"
        lines += [
            f"        if {test}:",
            "            try:",
            f"                out = impl({call})",
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
    source = "\n".join(lines)
    filename = f"<kerasfront op {op.name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {
        "op": op, "general": _general, "explain": _explain, "standard": dtypes.standardize, "mode": mode,
        "native": frozenset(), "ready": frozenset(), "usual": None, "boolean": None, "impl": _unbound(op),
        "masked": _masked, "masks": scopes.masks, "sequences": (list, tuple), "whole": _WHOLE.issuperset,
        "shorten": shorten,
    }  # fmt: skip
    namespace.update({f"_default{i}": p.default for i, p in enumerate(parameters)})
    # Tuples: torch.compile, asked whether a class is in a set, fails its own guards.
    namespace.update({f"plain{static.at}": tuple(static.classes) for static in op.statics})
    exec(compile(source, filename, "exec"), namespace)
    call = namespace[name]
    call.__doc__, call.__module__, call.__qualname__ = documented(op), op.function.__module__, name
    call.__annotations__ = dict(op.function.__annotations__)
    call.op = op
    return namespace, call


def _unbound(op: Op) -> Callable[..., Any]:
    def first_call(*args: Any, **kwargs: Any) -> Any:
        runtime.need()
        return op.call(*args, **kwargs)

    return first_call


def _gap(op: Op, adapter: Any, reason: str) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise CapabilityError(f"The backend '{adapter.name}' has no ops.{op.name}: {reason}")

    return refuse


_ready_sets: dict[tuple[str, int], frozenset[Any]] = {}


def _ready(adapter: Any, rule: dtypes.Rule) -> frozenset[Any]:
    """The native dtypes that the rule leaves as they are."""
    key = (adapter.name, id(rule))
    if key not in _ready_sets:
        names = [n for n in dtypes.ALL if n in adapter.native_dtypes]
        _ready_sets[key] = frozenset(adapter.native_dtypes[n] for n in names if rule.operands(n) in (None, n))
    return _ready_sets[key]


# ---- everything that is not plain ---------------------------------------------------------------------------------


def _resolve(value: Any, adapter: Any) -> Any:
    """A native tensor, a symbolic one or a Python scalar for anything that can stand as a tensor argument."""
    cls = type(value)
    if cls is int and mode.inferring and unknown(value):
        return KerasTensor((), "int32")  # a size that is not known
    if cls in adapter.native or cls in _SCALARS or cls is KerasTensor:
        return value
    for base in cls.__mro__:
        if base in runtime.holders:
            return runtime.holders[base](value)
    if isinstance(value, KerasTensor):
        return value
    if cls in adapter.composites:
        runtime.met_composites = True
        return value
    if adapter.is_tensor(value):
        adapter.native.add(cls)
        return value
    if isinstance(value, (list, tuple)) and _holds_tensor(value, adapter):
        return OPS["stack"].call(value)
    if cls.__name__ == "KerasTensor":
        raise not_one("a tensor, or a KerasTensor of kerasfront's own", value)
    return adapter.to_tensor(value, None)


def _beyond(op: Op, slots: list[Any]) -> bool:
    """Whether an argument, or the size that it asks for, is of unknown size."""
    shapes = [tuple(v.shape) for v in slots if hasattr(v, "shape")]
    return any(map(_is_unknown_size, [*slots, *shapes]))


def _is_unknown_size(value: Any) -> bool:
    """Whether an argument is a size that isn't known, or holds one."""
    if isinstance(value, (tuple, list)):
        return any(map(_is_unknown_size, value))
    if isinstance(value, slice):
        return any(map(_is_unknown_size, (value.start, value.stop, value.step)))
    return type(value) is int and unknown(value)


def _holds_tensor(value: Any, adapter: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_tensor(v, adapter) for v in value)
    if type(value) in _SCALARS:
        return False
    held = any(base in runtime.holders for base in type(value).__mro__)
    return held or isinstance(value, KerasTensor) or adapter.is_tensor(value)


def _name(value: Any) -> str:
    if type(value) in _SCALARS:
        return dtypes.weak(value)
    return value.dtype if isinstance(value, KerasTensor) else runtime.adapter.dtype_name(value)


def _names(op: Op, slots: list[Any]) -> list[str]:
    """The dtypes that take part in promotion, weak ones included."""
    out = []
    for index, kind in op.tensors:
        if kind == "Tensor" and slots[index] is not None:
            out.append(_name(slots[index]))
        elif kind == "Tensors":
            out += [_name(v) for v in slots[index]]
    return out


def _target(op: Op, slots: list[Any]) -> str | None:
    """The dtype to which the tensors are cast; None: each stays as it is, or none was given."""
    names = _names(op, slots) if op.dtype.casts else None
    return op.dtype.operands(*names) if names else None


def _cast_symbolic(op: Op, slots: list[Any]) -> list[Any]:
    target = _target(op, slots)

    def cast(value: Any) -> Any:
        if type(value) in _SCALARS:
            return KerasTensor((), target or dtypes.promote(dtypes.weak(value)))
        if isinstance(value, KerasTensor) and target not in (None, value.dtype):
            return KerasTensor(value.shape, target, value.sparse, value.ragged)
        return value

    return _map_tensors(op, slots, cast)


def _map_tensors(op: Op, slots: list[Any], function: Callable[[Any], Any]) -> list[Any]:
    """`function` on every Tensor (and in every Tensors); Indices and Conditions stay."""
    out = list(slots)
    for index, kind in op.tensors:
        if kind == "Tensor" and out[index] is not None:
            out[index] = function(out[index])
        elif kind == "Tensors":
            out[index] = [function(v) for v in out[index]]
    return out


def _general(op: Op, slots: list[Any]) -> Any:
    adapter = runtime.need()
    for static in op.statics:
        value = slots[static.at]
        if type(value) not in static.classes or type(value) in (list, tuple):
            slots[static.at] = static.taken(op, value)
    if op.check is not None:
        op.spread(op.check, slots)
    symbolic = concrete = False
    for index, kind in op.tensors:
        value = slots[index]
        if value is None:
            continue
        if kind == "Tensors":
            if not isinstance(value, (list, tuple)):
                value = OPS["unstack"].call(value)
            slots[index] = value = [_resolve(v, adapter) for v in value]
            leaves = value
        elif kind == "Nested":
            slots[index] = value = tree.map_structure(lambda v: _resolve(v, adapter), value, none_is_leaf=False)
            leaves = tree.flatten(value)
        elif kind == "Body":
            continue
        else:
            slots[index] = value = _resolve(value, adapter)
            leaves = [value]
        symbolic = symbolic or any(isinstance(v, KerasTensor) for v in leaves)
        concrete = concrete or any(v is not None and type(v) not in _SCALARS for v in leaves)
    # While shapes are inferred nothing is computed that tensors don't ask for, nor what is of unknown size.
    if symbolic or mode.inferring and not concrete:
        return _record(op, slots)
    if mode.inferring and any(map(_is_unknown_size, slots)):
        return _record(op, _map_tensors(op, slots, _spec_of))
    try:
        out = _run(op, _converted(op, slots, adapter), adapter)
    except Exception as error:
        return _explain(op, error, slots)
    return _masked(op, slots, out) if scopes.masks else out


def _run(op: Op, converted: list[Any], adapter: Any) -> Any:
    if runtime.met_composites and (kind := _composite.kind_of(op, converted, adapter.composites)) is not None:
        return _composite.applied(op, converted, kind, adapter)
    return op.spread(op.namespace["impl"], converted)


def _converted(op: Op, slots: list[Any], adapter: Any) -> list[Any]:
    """The slots as the strict adapter wants them: native tensors, of equal dtype where the rule promotes."""
    target = _target(op, slots)

    def convert(value: Any) -> Any:
        if type(value) in _SCALARS:
            return adapter.scalar(value, target or dtypes.promote(dtypes.weak(value)))
        if target is None or adapter.dtype_name(value) == target:
            return value
        return adapter.cast(value, target)

    out = _map_tensors(op, slots, convert)
    for index, kind in op.tensors:
        value = out[index]
        if value is not None and kind == "Nested":
            out[index] = _native_leaves(value, adapter)
        elif value is not None and kind == "Body":
            out[index] = _with_native_results(value, adapter)
        if value is None or kind not in ("Indices", "Condition"):
            continue
        if type(value) in _SCALARS:
            value = adapter.scalar(value, "bool" if kind == "Condition" else dtypes.promote(dtypes.weak(value)))
        if kind == "Condition" and adapter.dtype_name(value) != "bool":
            value = adapter.cast(value, "bool")
        out[index] = value
    return out


def _native_leaves(structure: Any, adapter: Any) -> Any:
    def convert(value: Any) -> Any:
        value = _resolve(value, adapter)
        return adapter.to_tensor(value, dtypes.promote(dtypes.weak(value))) if type(value) in _SCALARS else value

    return tree.map_structure(convert, structure, none_is_leaf=False)


def _with_native_results(function: Callable[..., Any], adapter: Any) -> Callable[..., Any]:
    return lambda *args: _native_leaves(function(*args), adapter)


def _record(op: Op, slots: list[Any]) -> Any:
    """Apply the op to symbolic values: infer the result, and leave a node unless this is inference itself."""
    if mode.inferring:
        mode.count_op()
    try:
        out = op.infer_one(slots) if mode.inferring else infer(op.infer_one, (slots,), {})
    except KerasFrontError as error:
        error.add_note(f"in {_described(op, slots)}")
        raise
    if not mode.inferring and op.tensors:
        args, kwargs = op.spread(lambda *a, **k: (a, k), slots)
        Applied(op, args, kwargs, out)
    return out if op.mask is None else _masked(op, slots, out)


# ---- masks --------------------------------------------------------------------------------------------------------


def kept_mask(mask: Any, slots: list[Any]) -> Any:
    return mask


def _masked(op: Op, slots: list[Any], out: Any) -> Any:
    """The result, with the mask that its tensors bring: a step counts where it does in any tensor that has a mask."""
    mask = None
    for index, kind in op.tensors:
        if kind == "Tensors" and op.mask is not None:
            found = [scopes.get_mask(x) for x in slots[index]]
            own = op.mask(found, slots) if any(m is not None for m in found) else None
            mask = own if own is not None and scopes.fits(own, out) else None
        elif kind in ("Tensor", "Condition") and (own := scopes.get_mask(slots[index])) is not None:
            if op.mask is None:
                if out is slots[index]:  # some frameworks give back what they don't change
                    return OPS["copy"].namespace["impl"](out)
            elif (own := op.mask(own, slots)) is not None and own is not mask and scopes.fits(own, out):
                mask = either(mask, own)
    if mask is not None:
        scopes.set_mask(out, mask)
    return out


def either(mask: Any, other: Any) -> Any:
    """Where one of two masks is True (None: of the other alone)."""
    if mask is None or len(other.shape) != len(mask.shape):
        return other
    return OPS["logical_or"].call(mask, other)


def everywhere(x: Any, rank: int) -> Any:
    """A mask of the first `rank` axes of x that is True everywhere."""
    first = OPS["get_item"].call(x, (slice(None),) * rank + (0,) * (len(x.shape) - rank))
    return OPS["ones_like"].call(first, "bool")


def joined_masks(join: Callable[[list[Any], int], Any], found: list[Any], xs: Sequence[Any], axis: int) -> Any:
    """The mask of tensors joined along an axis, which isn't negative: joined alike where it is an axis of the masks.

    A tensor without a mask counts everywhere then. Along another axis a step counts where it does in any mask.
    """
    known = [m for m in found if m is not None]
    rank = max(len(m.shape) for m in known)
    if axis >= rank:
        return functools.reduce(either, known)
    filled = [everywhere(x, rank) if m is None else m for x, m in zip(xs, found, strict=True)]
    return join(filled, axis) if all(len(m.shape) == rank for m in filled) else None


def _explain(op: Op, error: Exception, slots: list[Any]) -> Any:
    """Tell a framework's error again as ours, where the op's own rules find the fault; else note where it came from.

    Where the framework has no kernel for the dtype, there is a result instead: that of a wider dtype.
    """
    if (plain := _plain_numbers(op, slots)) is not None:
        return _general(op, plain)
    if mode.inferring and _beyond(op, slots):  # of an unknown size: no framework can hold it
        return _record(op, _map_tensors(op, slots, _spec_of))
    if isinstance(error, KerasFrontError):
        if not getattr(error, "__notes__", None):  # a body's own check; what an op inside raised has its note
            error.add_note(f"in {_described(op, slots)}")
        raise error
    if runtime.adapter.lacks_kernel(error) and (wide := _widened(op, slots, runtime.adapter)) is not None:
        return _narrowed(op, slots, _run(op, wide, runtime.adapter))
    try:
        if op.kind == "primitive":
            infer(op.infer_one, (_map_tensors(op, slots, _spec_of),), {})
    except KerasFrontError as ours:
        ours.add_note(f"in {_described(op, slots)}")
        raise ours from error
    except Exception:  # the rule itself can't read such arguments; the framework's error says more
        pass
    error.add_note(f"in {_described(op, slots)}")
    raise error


def _widened(op: Op, slots: list[Any], adapter: Any) -> list[Any] | None:
    """The converted slots, with each tensor in the adapter's wider dtype; None where none has one."""
    changed = []

    def widen(value: Any) -> Any:
        wide = adapter.wider.get(adapter.dtype_name(value))
        changed.append(wide)
        return value if wide is None else adapter.cast(value, wide)

    out = _map_tensors(op, _converted(op, slots, adapter), widen)
    for index, kind in op.tensors:
        if kind == "Indices" and out[index] is not None:
            out[index] = widen(out[index])
    return out if any(changed) else None


def _narrowed(op: Op, slots: list[Any], result: Any) -> Any:
    """The result in the dtypes that the op's rule gives for `slots`."""
    with inferring():
        specs = tree.flatten(op.infer_one(_map_tensors(op, slots, _spec_of)))
    leaves = [_cast(x, spec) for x, spec in zip(tree.flatten(result), specs, strict=True)]
    return tree.pack_sequence_as(result, leaves)


def _cast(x: Any, spec: Any) -> Any:
    adapter = runtime.adapter
    return x if spec is None or adapter.dtype_name(x) == spec.dtype else adapter.cast(x, spec.dtype)


def _spec_of(value: Any) -> Any:
    if type(value) in _SCALARS or isinstance(value, KerasTensor):
        return value
    return KerasTensor(tuple(value.shape), runtime.adapter.dtype_name(value))


def _described(op: Op, slots: list[Any]) -> str:
    def one(value: Any) -> str:
        if isinstance(value, (list, tuple)) and len(value) < 8:
            return f"[{', '.join(map(one, value))}]"
        shape = getattr(value, "shape", None)
        if shape is None:
            return repr(value)[:40]
        try:
            return f"{_name(value)}{list(shape)}"
        except (DTypeError, KeyError, AttributeError):
            return f"{type(value).__name__}{list(shape)}"

    pairs = zip(op.signature.parameters, slots, strict=True)
    return f"ops.{op.name}({', '.join(f'{name}={one(value)}' for name, value in pairs)})"


def table(names: Mapping[str, Op] = OPS) -> list[tuple[str, str]]:
    """Each op with where its bound implementation comes from: native, derived or gap."""
    return [(name, op.source) for name, op in names.items()]
