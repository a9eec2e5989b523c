"""The cost of calls beside fit(): a batch, a prediction, an evaluation, the eager model, the fixed cost of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from kerasfront_bench import sides
from kerasfront_bench.timing import Row, Timer, row
from kerasfront_bench.workloads import WORKLOADS

BATCHES = 64
_FIXED_ROUNDS = 9


def measure(backend: str, timer: Timer, job: dict[str, Any]) -> Iterator[tuple[str, Row]]:
    """Yield the rows of the workload mlp_small."""
    workload = WORKLOADS["mlp_small"]
    names = sides.names(backend, workload, job["keras"])
    batches = max(2, round(BATCHES * min(1.0, job["scale"])))
    x, y = workload.make_data(workload.batch * batches)
    made_sides = {name: sides.make(name, backend, workload) for name in names}
    for side in made_sides.values():
        sides.warmed_up(side, x, y, workload.batch)
    programs_by_name = {name: side.program for name, side in made_sides.items() if isinstance(side, sides.NativeSide)}
    models = {name: side.model for name, side in made_sides.items() if isinstance(side, sides.FrontSide)}
    both = _Pairs(models, programs_by_name, timer, min(1.0, job["scale"]))

    first_x, first_y, one = x[: workload.batch], y[: workload.batch], x[:1]
    yield (
        "train_on_batch",
        both.calls(lambda m: m.train_on_batch(first_x, first_y), lambda p: p.train_on_batch(first_x, first_y)),
    )
    for name, rows in (("one row", one), ("32 rows", first_x)):
        yield f"predict, {name}", _predict(both, rows)
    yield "predict_on_batch, one row", both.calls(lambda m: m.predict_on_batch(one), lambda p: p.predict(one))
    yield "model(x) eager, one row", _eager(both, one, sides.waiting(backend))
    yield (
        "evaluate, a batch",
        both.calls(
            lambda m: m.evaluate(x, y, batch_size=workload.batch, verbose=0),
            lambda p: p.evaluate(x, y, workload.batch),
            per=batches,
        ),
    )
    yield "fit(), fixed cost", _fixed(timer, models, x, y, workload.batch, "fit")
    yield "predict(), fixed cost", _fixed(timer, models, x, y, workload.batch, "predict")


class _Pairs:
    """Calls the models of the fronts and the hand-written program in turn."""

    def __init__(self, models: dict[str, Any], native: dict[str, Any], timer: Timer, scale: float) -> None:
        self.models, self.native, self.timer, self.seconds = models, native, timer, 0.15 * scale

    def calls(self, front: Callable[[Any], Any], native: Callable[[Any], Any], **options: Any) -> Row:
        functions = {name: partial(front, model) for name, model in self.models.items()}
        functions |= {name: partial(native, program) for name, program in self.native.items()}
        functions = {name: functions[name] for name in sides.ORDER if name in functions}
        for function in functions.values():
            function()
        return self.timer.calls(functions, seconds=self.seconds, **options)


def _predict(both: _Pairs, x: Any) -> Row:
    return both.calls(lambda m: m.predict(x, verbose=0), lambda p: p.predict(x))


def _eager(both: _Pairs, x: Any, wait: Callable[[Any], Any]) -> Row:
    prepared = [program.prepare_forward(x) for program in both.native.values()]
    native_x, front_x = prepared[0] if prepared else (None, x)
    return both.calls(lambda m: m(front_x, training=False), lambda p: p.forward(native_x), wait=wait)


def _fixed(timer: Timer, models: dict[str, Any], x: Any, y: Any, batch: int, method: str) -> Row:
    """Return what a call costs beyond its steps: the time of a call on one batch, less a step of a long call."""
    batches = len(x) // batch

    def call(model: Any, rows: int) -> Callable[[], Any]:
        if method == "fit":
            return lambda: model.fit(x[:rows], y[:rows], batch_size=batch, verbose=0)
        return lambda: model.predict(x[:rows], batch_size=batch, verbose=0)

    rounds: dict[str, list[float]] = {name: [] for name in models}
    for name, model in models.items():
        for rows in (batch, len(x)) * 2:
            call(model, rows)()
        for _ in range(min(_FIXED_ROUNDS, 2 * timer.rounds)):
            short, long = timer.time(call(model, batch)), timer.time(call(model, len(x)))
            rounds[name].append(1e3 * (short - (long - short) / (batches - 1)))
    return row(rounds, "ms", per="call")
