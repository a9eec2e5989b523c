"""The cases of an op (its samples, drawn in each dtype), what is expected of each, and how results are compared."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from kerasfront import contract, settings, tree
from kerasfront.ops.declare import Array
from kerasfront.ops.declare.op import Op
from kerasfront.ops.declare.run import native_slots
from kerasfront.spec import KerasTensor, dtypes, infer
from kerasfront.testing.adapters import numpy_adapter

REAL = (*dtypes.BOOL, *dtypes.INTEGERS, *dtypes.FLOATS)
# Relative to the largest element: what a handful of roundings in the dtype may come to.
TOLERANCE = {"bfloat16": 3e-2, "float16": 4e-3, "float32": 1e-5, "float64": 1e-9}
TOLERANCE |= {"complex64": 1e-5, "complex128": 1e-9}


@dataclass(frozen=True)
class Case:
    """A sample of an op, drawn in a dtype: `args` and `kwargs` hold NumPy arrays."""

    op: Op
    index: int
    dtype: str
    args: Any
    kwargs: Any
    # For each array, in order: whether it was drawn (and not given by the sample).
    drawn: tuple[bool, ...] = ()

    def __str__(self) -> str:
        return f"{self.dtype:9s} sample {self.index}: {described(self.op, self.args, self.kwargs)}"

    @property
    def key(self) -> tuple[str, int, str]:
        return self.op.name, self.index, self.dtype

    def mapped(self, function: Callable[[Any], Any]) -> tuple[Any, Any]:
        """Return the arguments with `function` applied to every array."""
        out = tree.map_structure(lambda x: function(x) if isinstance(x, np.ndarray) else x, (self.args, self.kwargs))
        return out[0], out[1]

    def arrays(self) -> list[np.ndarray[Any, Any]]:
        return [x for x in tree.flatten((self.args, self.kwargs)) if isinstance(x, np.ndarray)]


def described(op: Op, args: Any, kwargs: Any) -> str:
    def one(x: Any) -> str:
        if isinstance(x, np.ndarray):
            return str(x.tolist()) if x.size < 4 and x.dtype.kind in "biu" else f"{x.dtype.name}{list(x.shape)}"
        if isinstance(x, (list, tuple)):
            return f"[{', '.join(map(one, x))}]"
        return repr(x)[:40]

    parts = [one(a) for a in args] + [f"{k}={one(v)}" for k, v in kwargs.items()]
    return f"{op.name}({', '.join(parts)})"


# ---- the cases ----------------------------------------------------------------------------------------------------


def tested_dtypes(op: Op) -> tuple[str, ...]:
    """Return the dtypes in which an op's samples are drawn: what it declares, else all that are real."""
    return tuple(op.dtypes_tested or REAL)


@lru_cache(maxsize=100_000)
def draw(op: Op, index: int, dtype: str) -> Case:
    sample = op.samples[index]
    seeds = iter(range(1000))

    def one(x: Any) -> Any:
        return np.asarray(x.draw(dtype, next(seeds))) if isinstance(x, Array) else x

    args, kwargs = tree.map_structure(one, (sample.args, sample.kwargs))
    leaves = tree.flatten((sample.args, sample.kwargs))
    drawn = tuple(x.values is None and x.low != x.high for x in leaves if isinstance(x, Array))
    return Case(op, index, dtype, args, kwargs, drawn)


def varies(op: Op, index: int) -> bool:
    """Return whether the sample has an array whose dtype isn't fixed."""
    sample = op.samples[index]
    leaves = tree.flatten((sample.args, sample.kwargs))
    return any(isinstance(x, Array) and x.dtype is None for x in leaves)


def matrix(op: Op, available: Any = dtypes.ALL) -> list[Case]:
    """Return every sample in every tested dtype that `available` (an adapter's dtypes) has."""
    names = [n for n in tested_dtypes(op) if n in available]
    first = main_dtype(op)
    out = []
    for index in range(len(op.samples)):
        out += [draw(op, index, n) for n in (names if varies(op, index) else [first])]
    return out


def star(op: Op, available: Any = dtypes.ALL) -> list[Case]:
    """Return every dtype of the first sample, every other sample in the main dtype and in one more, by turns.

    For where each case costs a compilation.
    """
    names = [n for n in tested_dtypes(op) if n in available]

    def keep(case: Case) -> bool:
        turn = names[case.index % len(names)] if names else ""
        return case.index == 0 or case.dtype in (main_dtype(op), turn)

    return [case for case in matrix(op, available) if keep(case)]


def rotating(op: Op, available: Any = dtypes.ALL, start: int = 0) -> list[Case]:
    """Return every sample in one dtype, by turns from the one at `start`; and the first one in the main dtype."""
    names = [n for n in tested_dtypes(op) if n in available]

    def keep(case: Case) -> bool:
        turn = names[(case.index + start) % len(names)] if names and varies(op, case.index) else main_dtype(op)
        return case.dtype == turn or (case.index == 0 and case.dtype == main_dtype(op))

    return [case for case in matrix(op, available) if keep(case)]


def brief(op: Op, available: Any = dtypes.ALL) -> list[Case]:
    """Return the first sample in the main dtype: for where the compiled step sees the rest."""
    return [c for c in matrix(op, available) if c.index == 0 and c.dtype == main_dtype(op)]


def main_dtype(op: Op) -> str:
    names = tested_dtypes(op)
    return "float32" if "float32" in names else names[0]


def takes_gradients(op: Op) -> bool:
    """Return whether its gradients are tested: what it declares, else floats in, floats out."""
    if op.differentiable is not None:
        return op.differentiable is not False and bool(op.samples)
    return bool(op.samples) and any(_has_floats(draw(op, i, "float64")) for i in range(len(op.samples)))


def _has_floats(case: Case) -> bool:
    if "float64" not in tested_dtypes(case.op) or not differentiable_inputs(case):
        return False
    try:
        return any(differentiable_results(case))
    except Exception:  # the tests of values and shapes report it
        return True


def differentiable_inputs(case: Case) -> list[int]:
    """Return the places of the arrays by which it is differentiated: drawn floats, as given values sit at corners."""
    places = enumerate(zip(case.arrays(), case.drawn, strict=True))
    return [i for i, (x, drawn) in places if drawn and x.dtype == np.float64 and x.size]


def differentiable_results(case: Case) -> list[bool]:
    """Return which results are differentiated: floats as exact as the inputs, if the op declares them."""
    declared = case.op.differentiable
    places = None if declared is None or isinstance(declared, bool) else set(declared)
    return [s.dtype == "float64" and (places is None or i in places) for i, s in enumerate(inferred(case))]


def mixtures(op: Op, available: Any = dtypes.ALL) -> list[Case]:
    """Return the first sample of several arrays, these in two dtypes: each dtype that results, from a pair or two."""
    if not op.dtype.casts:
        return []
    index = next((i for i, s in enumerate(op.samples) if len(_free(s)) > 1), None)
    tested, met, out = set(tested_dtypes(op)), dict[str, int](), list[Case]()
    names = [n for n in dtypes.ALL if n in available and n in tested]
    for first, second in itertools.product(names, names) if index is not None else ():
        joined = op.dtype.operands(first, second)
        if first != second and joined in tested and met.get(joined, 0) < 2:
            met[joined] = met.get(joined, 0) + 1
            out.append(_mixed(op, index or 0, (first, second)))
    return out


def _free(sample: Any) -> list[Array]:
    leaves = tree.flatten((sample.args, sample.kwargs))
    return [x for x in leaves if isinstance(x, Array) and x.dtype is None]


def _mixed(op: Op, index: int, names: tuple[str, str]) -> Case:
    sample, turn, seeds = op.samples[index], iter(range(1000)), iter(range(1000))

    def one(x: Any) -> Any:
        name = names[min(next(turn), 1)] if isinstance(x, Array) and x.dtype is None else ""
        return np.asarray(x.draw(name, next(seeds))) if isinstance(x, Array) else x

    args, kwargs = tree.map_structure(one, (sample.args, sample.kwargs))
    return Case(op, index, " with ".join(names), args, kwargs)


# ---- what is expected ---------------------------------------------------------------------------------------------


def symbolic(x: np.ndarray[Any, Any]) -> KerasTensor:
    return KerasTensor(x.shape, x.dtype.name)


def with_numbers(op: Op, args: Any, kwargs: Any, make: Callable[[Any], Any] | None) -> tuple[Any, Any]:
    """Return the arguments, with each number that a graph knows (an axis, a size) replaced by `make` of it."""

    def made(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(map(made, value))
        return make(value) if make is not None and type(value) in (bool, int, float) else value

    bound = op.signature.bind(*args, **kwargs)
    for static in op.statics:
        if static.kind is not None and static.name in bound.arguments:
            bound.arguments[static.name] = made(bound.arguments[static.name])
    return bound.args, bound.kwargs


def inferred(
    case: Case, stand_in: Callable[[Any], Any] = symbolic, number: Callable[[Any], Any] | None = None
) -> list[KerasTensor]:
    """Return the symbolic results, by the op's rules."""
    args, kwargs = with_numbers(case.op, *case.mapped(stand_in), number)
    return [_spec(x) for x in tree.flatten(infer(case.op.call, args, kwargs)) if x is not None]


def _spec(x: Any) -> KerasTensor:
    """Return the spec of a result, which inference has computed if it doesn't depend on the arguments."""
    if isinstance(x, KerasTensor):
        return x
    adapter = contract.current()
    return KerasTensor(adapter.shape(x), adapter.dtype_name(x)) if adapter.is_tensor(x) else symbolic(np.asarray(x))


_references: dict[tuple[str, int, str], Any] = {}


def reference(case: Case) -> list[np.ndarray[Any, Any]]:
    """Return the right values, computed in float64 from the inputs after rounding to the tested dtype."""
    if case.key not in _references:
        try:
            _references[case.key] = _computed(case)
        except Exception as error:
            _references[case.key] = error
    result = _references[case.key]
    if isinstance(result, Exception):
        raise result
    return list(result)


def _computed(case: Case) -> list[np.ndarray[Any, Any]]:
    op = case.op
    with in_float64(), np.errstate(all="ignore"):
        slots = widened(case)
        if op.ref is not None:
            args, kwargs = _args(case, slots)
            out = op.ref(*args, **kwargs)
        else:
            out = op.spread(op.function if op.kind == "derived" else op.call, slots)
    return [np.asarray(x) for x in tree.flatten(out) if x is not None]


def _args(case: Case, slots: list[Any]) -> tuple[Any, Any]:
    """Return the slots under the names and positions in which the sample gave its arguments."""
    bound = case.op.signature.bind(*case.args, **case.kwargs)
    supplied = set(bound.arguments)
    names = list(case.op.signature.parameters)
    values = dict(zip(names, slots, strict=True))
    for name in supplied:
        bound.arguments[name] = values[name]
    kwargs = {k: bound.arguments[k] for k in case.kwargs if k in bound.arguments}
    args = [bound.arguments[n] for n in names if n in supplied and n not in kwargs]
    star = next((n for n, p in case.op.signature.parameters.items() if p.kind is p.VAR_POSITIONAL), None)
    if star in supplied:
        args = [*args[:-1], *args[-1]]
    return args, kwargs


@contextmanager
def in_float64() -> Iterator[None]:
    """Inside, ops run on NumPy, and floatx is float64."""
    before = settings.floatx()
    settings.set_floatx("float64")
    try:
        with contract.rebound(numpy_adapter()):
            yield
    finally:
        settings.set_floatx(before)


def widened(case: Case) -> list[Any]:
    """Return the op's slots with floats in double precision, and cast by the op's rule as its wrapper would."""
    args, kwargs = case.mapped(lambda x: x.astype(_wide(x.dtype.name)))
    bound = case.op.signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return native_slots(case.op, list(bound.arguments.values()), numpy_adapter())


def _wide(name: str) -> str:
    return "complex128" if dtypes.is_complex(name) else "float64" if dtypes.is_float(name) else name


# ---- comparing ----------------------------------------------------------------------------------------------------


class Failures:
    """What went wrong in the cases of one test; `report` tells all of it together."""

    def __init__(self, where: str) -> None:
        self.where, self.lines = where, list[str]()

    def add(self, case: Any, what: str) -> None:
        self.lines.append(f"  {case}\n      {what}")

    @contextmanager
    def catching(self, case: Any, doing: str) -> Iterator[None]:
        """Count an exception as a failure of the case."""
        try:
            yield
        except Exception as error:
            text = str(error).strip().split("\n")[0][:200]
            self.add(case, f"{doing} raised {type(error).__name__}: {text}")

    def report(self) -> None:
        shown = self.lines[:12] + ([f"  ... and {len(self.lines) - 12} more"] if len(self.lines) > 12 else [])
        text = "\n".join([f"{self.where}: {len(self.lines)} failures", *shown])
        assert not self.lines, text


def difference(case: Case, got: np.ndarray[Any, Any], want: np.ndarray[Any, Any], precision: str = "") -> str | None:
    """Return how `got` differs from `want` beyond the tolerance of `precision` (its dtype), or None."""
    if got.shape != want.shape:
        return f"the shape is {got.shape}, expected {want.shape}"
    if got.dtype.kind in "biuO":
        wrong = got != want
        if not np.any(wrong):
            return None
        at = tuple(np.argwhere(wrong)[0])
        return f"{np.sum(wrong)} of {got.size} differ, e.g. {got[at]} for {want[at]}"
    with np.errstate(all="ignore"):
        wide = _wide(got.dtype.name)
        x, y = got.astype(wide), want.astype(got.dtype).astype(wide)
        allowed = TOLERANCE[precision or got.dtype.name] * case.op.tolerance * _scale(case, y)
        same = (x == y) | (np.isnan(x) & np.isnan(y))
        error = np.where(same, 0.0, np.abs(x - y))
    if np.all(error <= allowed):
        return None
    at = tuple(np.argwhere(~(error <= allowed))[0])
    worst = np.max(np.where(np.isnan(error), np.inf, error))
    return f"differs by {worst:.3g} (allowed {allowed:.3g}), e.g. {x[at]:.8g} for {y[at]:.8g}"


def _scale(case: Case, want: np.ndarray[Any, Any]) -> float:
    """Return the size of what is computed: of the results, or of the inputs (up to 1) where results cancel."""
    inputs = [np.abs(x[np.isfinite(x)].astype("float64")) for x in case.arrays() if x.dtype.kind not in "biuOc"]
    largest = max((float(np.max(x)) for x in inputs if x.size), default=1.0)
    finite = np.abs(want[np.isfinite(want)])
    return max(float(np.max(finite)) if finite.size else 0.0, min(largest, 1.0)) or 1.0


def compare(case: Case, got: list[np.ndarray[Any, Any]], failures: Failures, doing: str) -> None:
    """Hold results against the reference."""
    try:
        want = reference(case)
    except Exception as error:
        failures.add(case, f"the reference raised {type(error).__name__}: {str(error)[:200]}")
        return
    precision = ""
    if case.op.canonical is not None:
        precision = next((x.dtype.name for x in got if x.dtype.name in TOLERANCE), "")
        got, want = (_canonical(case, values) for values in (got, want))
    if len(got) != len(want):
        failures.add(case, f"{doing} gave {len(got)} results, expected {len(want)}")
        return
    for number, (a, b) in enumerate(zip(got, want, strict=True)):
        if (text := difference(case, a, b, precision)) is not None:
            failures.add(case, f"{doing}: {f'result {number} ' if len(got) > 1 else ''}{text}")


def _canonical(case: Case, values: list[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    """Return what the declaration says to compare instead of the results, which aren't unique."""
    assert case.op.canonical is not None
    wide = [x.astype(_wide(x.dtype.name)) for x in values]
    args, kwargs = case.mapped(lambda x: x.astype(_wide(x.dtype.name)))
    out = case.op.canonical(wide[0] if len(wide) == 1 else tuple(wide), *args, **kwargs)
    return [np.asarray(x) for x in tree.flatten(out)]


def check_64_bit(adapter: contract.Adapter) -> None:
    """Fail where the framework was imported without its 64-bit types."""
    if "float64" in adapter.native_dtypes:
        got = adapter.dtype_name(adapter.to_tensor(np.zeros(1), None))
        assert got == "float64", f"{adapter.name} makes {got} of float64 here; for JAX, set JAX_ENABLE_X64=1."
