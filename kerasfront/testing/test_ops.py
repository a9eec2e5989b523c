"""Every op on every adapter: values, dtypes, shapes, kinds of operands, gradients, compilation, gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property, lru_cache
from typing import Any, TypeVar

import numpy as np
import pytest

import kerasfront.random  # noqa: F401  (gives seeds to the ops that draw)
from kerasfront import ops, tree
from kerasfront.contract import Adapter
from kerasfront.errors import CapabilityError, ShapeError
from kerasfront.ops.declare.op import OPS, Op
from kerasfront.spec import KerasTensor
from kerasfront.testing import cases
from kerasfront.testing.adapters import numpy_adapter
from kerasfront.testing.cases import Case, Failures
from kerasfront.testing.selection import Selection, backend_number

PUBLIC = {place: getattr(place, "__all__", dir(place)) for place in (ops, ops.numpy, ops.nn, ops.linalg, ops.image)}
F = TypeVar("F", bound=Callable[..., Any])


def over(picks: Callable[[Op], bool]) -> Callable[[F], F]:
    """Run the test for the ops for which `picks` is true."""

    def mark(test: F) -> F:
        test.op_if = picks  # type: ignore[attr-defined]
        return test

    return mark


def supplied(op: Op, adapter: Adapter) -> bool:
    return op.name not in adapter.gaps


def number(op: Op, adapter: Adapter) -> int:
    """Return where a selection of the op's cases begins: it differs between adapters and between ops."""
    return list(OPS).index(op.name) + backend_number(adapter.name)


def call(op: Op, adapter: Adapter, args: Any, kwargs: Any) -> list[Any]:
    """Return the results that are tensors, flat."""
    return [x for x in tree.flatten(op.call(*args, **kwargs)) if x is not None]


def to_native(adapter: Adapter) -> Callable[[Any], Any]:
    return lambda x: adapter.to_tensor(x, None)


@lru_cache
def traces(adapter: Adapter) -> bool:
    """Return whether a compiled step is traced once and run as a graph; if not, it is the function itself."""
    answers: list[Any] = []

    def step(x: Any) -> Any:
        answers.append(x)
        return x

    x = adapter.to_tensor(np.zeros(2, "float32"), None)
    adapter.compile_step(step, lambda: [])(x)
    return type(answers[0]) is not type(x) or not adapter.is_tensor(x)


def eager_cases(op: Op, adapter: Adapter) -> list[Case]:
    """Return all cases, or few if every shape and dtype is compiled even eagerly: `test_compiled` has more."""
    compiles_each = adapter.functional and traces(adapter) and static(op)
    return (cases.brief if compiles_each else cases.matrix)(op, adapter.native_dtypes)


@cache
def static(op: Op) -> bool:
    """Return whether the shapes of results follow from the shapes of the arguments, so that it compiles everywhere."""
    try:
        results = [cases.inferred(cases.draw(op, i, cases.main_dtype(op))) for i in range(len(op.samples))]
    except Exception:  # test_symbolic reports it
        return True
    return not any(None in s.shape for specs in results for s in specs)


def check_results(case: Case, adapter: Adapter, results: Sequence[Any], failures: Failures, doing: str) -> None:
    """Native tensors, with the dtypes of the rule and the right values."""
    for number, result in enumerate(results):
        if not adapter.is_tensor(result):
            failures.add(case, f"{doing}: result {number} is a {type(result).__name__}, no native tensor")
            return
    with failures.catching(case, "shape and dtype inference"):
        want = [s.dtype for s in cases.inferred(case)]
        got = [adapter.dtype_name(r) for r in results]
        if got != want:
            failures.add(case, f"{doing}: the result is {', '.join(got)}; the rule says {', '.join(want)}")
            return
        cases.compare(case, [np.asarray(adapter.to_numpy(r)) for r in results], failures, doing)


# ---- the declaration ----------------------------------------------------------------------------------------------


def test_it_has_samples(op: Op) -> None:
    assert op.samples, f"ops.{op.name} has no samples: nothing holds an adapter to it."


def test_it_says_what_it_does(op: Op) -> None:
    text = op.call.__doc__ or ""
    assert text.strip(), f"ops.{op.name} has no docstring."
    if any(getattr(place, name, None) is op.call for place, names in PUBLIC.items() for name in names):
        assert ">>> " in text, f"ops.{op.name} has no example."
        if op.tensors and not (op.elementwise and len(op.tensors) == 1):  # which take tensors of any shape
            assert "Raises:" in text, f"ops.{op.name} doesn't say what it raises."


def test_symbolic(op: Op) -> None:
    """Shapes and dtypes by inference: those of the reference, and compatible ones where dims are unknown."""
    failures = Failures(f"ops.{op.name}, symbolic")
    for case in cases.matrix(op):
        if case.dtype != cases.main_dtype(op):
            continue
        with failures.catching(case, "inference"):
            want = [x.shape for x in cases.reference(case)]
            symbols = cases.inferred(case)
            got = [s.shape for s in symbols]
            if len(got) != len(want) or not all(map(compatible, got, want)):
                failures.add(case, f"inference says {got}, the reference {want}")
            with failures.catching(case, "inference with None dims"):
                specs = cases.inferred(case, without_batch(case))
                if [s.dtype for s in specs] != [s.dtype for s in symbols]:
                    failures.add(case, "inference with None dims gives other dtypes")
                elif not all(map(compatible, [s.shape for s in specs], want)):
                    failures.add(
                        case, f"inference with None dims says {[s.shape for s in specs]}, the reference {want}"
                    )
    failures.report()


def without_batch(case: Case) -> Callable[[np.ndarray[Any, Any]], KerasTensor]:
    """Return symbolic inputs that don't know the first dim of the first tensor, nor of others like it."""
    batched = next((x.shape for x in case.arrays() if x.ndim and x.dtype.name == case.dtype), (1,))

    def stand_in(x: np.ndarray[Any, Any]) -> KerasTensor:
        hidden = x.ndim == len(batched) and x.shape[0] == batched[0] != 1
        return KerasTensor((None, *x.shape[1:]) if hidden else x.shape, x.dtype.name)

    return stand_in


def compatible(spec: Sequence[int | None], shape: Sequence[int]) -> bool:
    return len(spec) == len(shape) and all(m is None or m == n for m, n in zip(spec, shape, strict=True))


def test_mixed_dtypes(adapter: Adapter, op: Op) -> None:
    """Tensors of two dtypes give what inference says; without running it where that would mean to compile each."""
    if not supplied(op, adapter):
        return
    failures = Failures(f"ops.{op.name} on {adapter.name}, two dtypes")
    for case in cases.mixtures(op, adapter.native_dtypes):
        with failures.catching(case, "it"):
            want, got = [s.dtype for s in cases.inferred(case)], run_dtypes(case, adapter)
            if got != want:
                failures.add(case, f"it is {', '.join(got)}; inference says {', '.join(want)}")
    failures.report()


def run_dtypes(case: Case, adapter: Adapter) -> list[str]:
    if not (adapter.functional and traces(adapter)):
        args, kwargs = case.mapped(to_native(adapter))
        return [adapter.dtype_name(x) for x in call(case.op, adapter, args, kwargs)]

    def run(*tensors: Any) -> Any:
        rest = iter(tensors)
        args, kwargs = case.mapped(lambda x: next(rest))
        return call(case.op, adapter, args, kwargs)

    return [dtype for _, dtype in adapter.eval_shape(run, [cases.symbolic(x) for x in case.arrays()])]


# ---- values -------------------------------------------------------------------------------------------------------


def test_values(adapter: Adapter, op: Op) -> None:
    """Eager results against the reference; a gap is refused with its reason."""
    if not supplied(op, adapter):
        check_gap(op, adapter)
        return
    failures = Failures(f"ops.{op.name} on {adapter.name}")
    for case in eager_cases(op, adapter):
        with failures.catching(case, "it"):
            args, kwargs = case.mapped(to_native(adapter))
            check_results(case, adapter, call(op, adapter, args, kwargs), failures, "it")
    failures.report()


def check_gap(op: Op, adapter: Adapter) -> None:
    """Check that a gap raises CapabilityError with its reason, and that no table and no derivation has the op."""
    assert adapter.gaps[op.name].strip(), f"The gap {op.name} of {adapter.name} has no reason."
    assert op.name not in adapter.primitives and op.name not in adapter.overrides, (
        f"{adapter.name} declares ops.{op.name} a gap, and supplies it."
    )
    case = cases.matrix(op, adapter.native_dtypes)[0]
    args, kwargs = case.mapped(to_native(adapter))
    with pytest.raises(CapabilityError) as raised:
        op.call(*args, **kwargs)
    assert adapter.gaps[op.name] in str(raised.value)
    if op.kind == "derived":
        try:
            op.function(*args, **kwargs)
        except Exception:
            return
        pytest.fail(f"{adapter.name} declares ops.{op.name} a gap, but the derivation runs on it.")


class Holding:
    """What a Variable is to ops: it holds a tensor."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __kf_tensor__(self) -> Any:
        return self.value


def test_operands(adapter: Adapter, op: Op, selection: Selection) -> None:
    """NumPy arrays, Variables, nested lists, Python scalars and tensors that aren't contiguous stand for tensors."""
    failures = Failures(f"ops.{op.name} on {adapter.name}, kinds of operands")
    for case in selection.of(operand_cases(op, adapter), number(op, adapter)):
        with failures.catching(case, "with NumPy arrays it"):
            check_results(case, adapter, call(op, adapter, case.args, case.kwargs), failures, "with NumPy arrays it")
        with failures.catching(case, "with tensors that aren't contiguous it"):
            args, kwargs = case.mapped(lambda x: turned(x, adapter))
            results = call(op, adapter, args, kwargs)
            check_results(case, adapter, results, failures, "with tensors that aren't contiguous it")
        with failures.catching(case, "with Variables it"):
            args, kwargs = case.mapped(lambda x: Holding(adapter.to_tensor(x, None)))
            check_results(case, adapter, call(op, adapter, args, kwargs), failures, "with Variables it")
        with failures.catching(case, "with lists and Python scalars it"):
            check_lists(case, adapter, failures)
    failures.report()


def operand_cases(op: Op, adapter: Adapter) -> list[Case]:
    """Two samples in floatx: lists and NumPy arrays of it mean the same. A gap takes no operands."""
    if not supplied(op, adapter) or cases.main_dtype(op) != "float32":
        return []
    return [cases.draw(op, i, "float32") for i in range(min(2, len(op.samples)))]


def turned(x: np.ndarray[Any, Any], adapter: Adapter) -> Any:
    """Return the tensor x as a view of one whose axes are reversed in memory, where the framework has views."""
    native = adapter.to_tensor(np.array(x.T, order="C"), None)
    return OPS["transpose"].call(native) if x.ndim > 1 else native


def check_lists(case: Case, adapter: Adapter, failures: Failures) -> None:
    """Tensor arguments as nested lists (of Python scalars; 0-d ones are scalars) against the same as tensors."""
    slots = list(case.op.signature.bind(*case.args, **case.kwargs).arguments.items())
    kinds = {list(case.op.signature.parameters)[i]: kind for i, kind in case.op.tensors}
    plain: dict[str, Any] = {}
    for name, value in slots:
        if kinds.get(name) in ("Tensor", "Indices", "Condition") and isinstance(value, np.ndarray) and value.size:
            value = value.tolist()
        plain[name] = value
    if any(p.kind is p.VAR_POSITIONAL for p in case.op.signature.parameters.values()):
        return
    bound = case.op.signature.bind_partial()
    bound.arguments.update(plain)
    results = call(case.op, adapter, bound.args, bound.kwargs)
    values = [np.asarray(adapter.to_numpy(r)) for r in results]
    for got, want in zip(values, cases.reference(case), strict=True):
        if case.op.canonical is None and (text := cases.difference(case, got, want)) is not None:
            failures.add(case, f"with lists and Python scalars it {text}")


def test_numbers(adapter: Adapter, op: Op, selection: Selection) -> None:
    """NumPy's scalars, and arrays without axes, stand for the numbers that a graph knows, in tuples of them too."""
    failures = Failures(f"ops.{op.name} on {adapter.name}, kinds of numbers")
    for case in selection.of(number_cases(op, adapter), number(op, adapter)):
        make = NUMPY_NUMBERS[case.index % 2]
        doing = f"with numbers such as {make(1)!r} "
        with failures.catching(case, f"{doing}inference"):
            got, want = cases.inferred(case, number=make), cases.inferred(case)
            if [(s.shape, s.dtype) for s in got] != [(s.shape, s.dtype) for s in want]:
                failures.add(case, f"{doing}inference says {got}, else {want}")
        with failures.catching(case, f"{doing}it"):
            args, kwargs = cases.with_numbers(op, *case.mapped(to_native(adapter)), make)
            check_results(case, adapter, call(op, adapter, args, kwargs), failures, f"{doing}it")
    failures.report()


NUMPY_NUMBERS: tuple[Callable[[Any], Any], ...] = (lambda x: np.asarray(x)[()], np.asarray)


def number_cases(op: Op, adapter: Adapter) -> list[Case]:
    """Return the samples, in the main dtype, that give such a number; few where each costs a compilation."""
    if not supplied(op, adapter) or cases.main_dtype(op) not in adapter.native_dtypes:
        return []
    matching = [
        c for c in cases.matrix(op, adapter.native_dtypes) if c.dtype == cases.main_dtype(op) and gives_number(c)
    ]
    return matching[:1] if adapter.functional and traces(adapter) else matching


def gives_number(case: Case) -> bool:
    arguments = case.op.signature.bind(*case.args, **case.kwargs).arguments
    statics = [arguments.get(s.name) for s in case.op.statics if s.kind is not None]
    return any(type(leaf) in (bool, int, float) for leaf in tree.flatten(statics))


# ---- compiled -----------------------------------------------------------------------------------------------------


def test_compiled(adapter: Adapter, op: Op, selection: Selection) -> None:
    """The same values inside a compiled step: one compilation over all the cases."""
    if not supplied(op, adapter) or not traces(adapter) or not static(op):
        return
    failures = Failures(f"ops.{op.name} on {adapter.name}, compiled")
    if selection.everything:
        all_cases = cases.star(op, adapter.native_dtypes)
    else:
        all_cases = cases.rotating(op, adapter.native_dtypes, number(op, adapter))
    try:
        results = compiled(all_cases, adapter)
    except Exception:  # one of them: which?
        results = []
        for case in all_cases:
            results.append([])
            with failures.catching(case, "compiled, it"):
                results[-1] = compiled([case], adapter)[0]
                check_results(case, adapter, results[-1], failures, "compiled, it")
    else:
        for case, result in zip(all_cases, results, strict=True):
            check_results(case, adapter, result, failures, "compiled, it")
    failures.report()


def test_a_selection_meets_every_dtype_and_sample(adapter: Adapter) -> None:
    """What is compiled of each op where not every case is: all its samples, and in all ops together each dtype."""
    met: set[str] = set()
    for op in OPS.values():
        every = cases.matrix(op, adapter.native_dtypes)
        chosen = cases.rotating(op, adapter.native_dtypes, number(op, adapter))
        assert {case.index for case in chosen} == {case.index for case in every}, op.name
        met |= {case.dtype for case in chosen if supplied(op, adapter) and static(op)}
    assert met == {name for op in OPS.values() for name in cases.tested_dtypes(op)} & adapter.native_dtypes.keys()


def compiled(all_cases: Sequence[Case], adapter: Adapter, jit: Any = "auto") -> list[list[Any]]:
    """Return the results of all cases from one compiled step."""
    leaves = [[x for x in case.arrays()] for case in all_cases]

    def step(*tensors: Any) -> Any:
        rest = iter(tensors)
        out = []
        for case in all_cases:
            args, kwargs = case.mapped(lambda x: next(rest))
            out.append(call(case.op, adapter, args, kwargs))
        return out

    run = adapter.compile_step(step, lambda: [], jit=jit)
    tensors = [adapter.to_tensor(x, None) for group in leaves for x in group]
    return [list(r) for r in run(*tensors)]


@lru_cache
def knows_all_dims(adapter: Adapter) -> bool:
    """Return whether compiled code always knows every dim: then it can't make a tensor whose size depends on values."""
    step = adapter.compile_step(lambda x: OPS["nonzero"].call(x)[0], lambda: [])
    try:
        step(adapter.to_tensor(np.ones(2, "int32"), None))
    except Exception:
        return True
    return False


def test_compiled_without_batch_size(adapter: Adapter, op: Op, selection: Selection) -> None:
    """The same values where the compiled graph doesn't know the first dim of the tensors, or an error that says why."""
    if not supplied(op, adapter) or not traces(adapter) or not static(op) or knows_all_dims(adapter):
        return
    failures = Failures(f"ops.{op.name} on {adapter.name}, compiled without batch size")
    for index in selection.of(range(len(op.samples)), number(op, adapter)):
        case = cases.draw(op, index, cases.main_dtype(op))
        if any(0 in x.shape[:1] for x in case.arrays()):
            continue  # no rows at all: oneDNN's convolutions get that wrong where TensorFlow doesn't know it before
        with failures.catching(case, "compiled without batch size, it"):
            try:
                results = without_known_batch(case, adapter)
            except ShapeError as error:
                assert "known" in str(error), f"it can't do without the size, and doesn't say so: {error}"
                continue
            check_results(case, adapter, results, failures, "compiled without batch size, it")
    failures.report()


def without_known_batch(case: Case, adapter: Adapter) -> list[Any]:
    """Return the results from a compiled step that picks all rows of its inputs by an index of unknown length."""
    spec_of = without_batch(case)
    arrays = case.arrays()
    hidden = [None in spec_of(x).shape for x in arrays]

    def step(tensors: Any, flags: Any) -> Any:
        rows = [OPS["nonzero"].call(f)[0] for f in flags]
        picked = iter(
            [OPS["take"].call(t, r, axis=0) if h else t for t, r, h in zip(tensors, rows, hidden, strict=True)]
        )
        args, kwargs = case.mapped(lambda x: next(picked))
        return call(case.op, adapter, args, kwargs)

    flags = [adapter.to_tensor(np.ones(x.shape[:1] if x.ndim else 1, "int32"), None) for x in arrays]
    run = adapter.compile_step(step, lambda: [])
    return list(run([adapter.to_tensor(x, None) for x in arrays], flags))


# ---- gradients ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@over(cases.takes_gradients)
def test_gradients(trainer: Adapter, op: Op, selection: Selection) -> None:
    """vjp and jvp in float64 against central differences of the op on NumPy, along two random directions."""
    if not supplied(op, trainer):
        return
    failures = Failures(f"ops.{op.name} on {trainer.name}, gradients")
    directions = [Direction(cases.draw(op, i, "float64")) for i in range(len(op.samples))]
    directions = selection.of([d for d in directions if d.places and d.results], number(op, trainer))
    try:
        results = differentiated(directions, trainer)
    except Exception:  # one of them: which?
        for direction in directions:
            with failures.catching(direction.case, "differentiating"):
                direction.check(differentiated([direction], trainer)[0], failures)
    else:
        for direction, result in zip(directions, results, strict=True):
            with failures.catching(direction.case, "differentiating"):
                direction.check(result, failures)
    failures.report()


class Direction:
    """A case, random weights of its float results, and a random direction for its float inputs."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.inputs = case.arrays()
        self.places = cases.differentiable_inputs(case)
        self.tangents = [_random(self.inputs[i].shape, i) for i in self.places]

    @cached_property
    def results(self) -> list[int]:
        """Return the places of the results that are differentiated."""
        return [i for i, chosen in enumerate(cases.differentiable_results(self.case)) if chosen]

    @cached_property
    def weights(self) -> list[np.ndarray[Any, Any]]:
        """Random, and 0 where the result is infinite."""
        values = [cases.reference(self.case)[i] for i in self.results]
        return [np.where(np.isfinite(x), _random(x.shape, 100 + i), 0.0) for i, x in enumerate(values)]

    def function(self, adapter: Adapter, tensors: Sequence[Any]) -> Callable[..., list[Any]]:
        """Return the op as a function of its float inputs, giving its float results."""

        def of_floats(*primals: Any) -> list[Any]:
            values = list(tensors)
            for place, primal in zip(self.places, primals, strict=True):
                values[place] = primal
            leaves = iter(values)
            args, kwargs = self.case.mapped(lambda x: next(leaves))
            results = call(self.case.op, adapter, args, kwargs)
            return [results[i] for i in self.results]

        return of_floats

    def numeric(self) -> float:
        """Return the derivative of the weighted results along the direction, by central differences on NumPy."""
        step = 1e-6
        with cases.in_float64(), np.errstate(all="ignore"):
            function = self.function(numpy_adapter(), self.inputs)
            sides = []
            for sign in (1, -1):
                moved = [self.inputs[i] + sign * step * t for i, t in zip(self.places, self.tangents, strict=True)]
                sides.append([np.asarray(x) for x in function(*moved)])
            return sum(_weighted(a - b, w) for a, b, w in zip(*sides, self.weights, strict=True)) / (2 * step)

    def check(self, result: tuple[list[Any], list[Any] | None], failures: Failures) -> None:
        gradients, derivatives = result
        want = self.numeric()
        by_vjp = sum(_weighted(g, t) for g, t in zip(gradients, self.tangents, strict=True))
        by_jvp = sum(_weighted(d, w) for d, w in zip(derivatives, self.weights, strict=True)) if derivatives else 0.0
        size = sum(_weighted(np.abs(g), np.abs(t)) for g, t in zip(gradients, self.tangents, strict=True))
        allowed = 1e-6 * (1.0 + abs(want) + size) * self.case.op.tolerance
        for name, got in (("vjp", by_vjp), ("jvp", by_jvp)):
            if derivatives is None and name == "jvp":
                continue
            if not abs(got - want) <= allowed:
                failures.add(self.case, f"{name} gives {got:.9g}, finite differences {want:.9g}")


def _random(shape: Any, seed: int) -> np.ndarray[Any, Any]:
    out: np.ndarray[Any, Any] = np.random.Generator(np.random.Philox(seed + 17)).uniform(-1, 1, shape)
    return out


def _weighted(x: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]) -> float:
    """Return the sum of x * weights, in which a weight of 0 takes nothing, not even nan."""
    return float(np.sum(np.where(weights == 0, 0.0, x) * weights))


def differentiated(directions: Sequence[Direction], adapter: Adapter) -> list[tuple[list[Any], list[Any] | None]]:
    """For each the gradients by vjp, and the derivatives of the results by jvp; in one compiled step."""

    def one(direction: Direction, tensors: list[Any]) -> Any:
        function = direction.function(adapter, tensors)
        primals = [tensors[i] for i in direction.places]
        _, pullback = adapter.vjp(function, primals)
        weights = [adapter.to_tensor(w, None) for w in direction.weights]
        tangents = [adapter.to_tensor(t, None) for t in direction.tangents]
        gradients = list(pullback(weights))
        if direction.case.op.name in adapter.reverse_only:
            with pytest.raises(Exception):  # noqa: B017  (the framework's own)
                adapter.jvp(function, primals, tangents)
            return gradients, None
        return gradients, list(adapter.jvp(function, primals, tangents)[1])

    def step(*tensors: Any) -> Any:
        rest = iter(tensors)
        return [one(d, [next(rest) for _ in d.inputs]) for d in directions]

    run = adapter.compile_step(step, lambda: [])
    results = run(*[adapter.to_tensor(x, None) for d in directions for x in d.inputs])

    def arrays(tensors: Any) -> Any:
        return None if tensors is None else [np.asarray(adapter.to_numpy(x)) for x in tensors]

    return [(arrays(a), arrays(b)) for a, b in results]
