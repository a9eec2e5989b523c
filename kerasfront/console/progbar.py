"""The progress bar: live in a terminal and a notebook, one line in a log."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kerasfront import console
from kerasfront.arguments import Constructed
from kerasfront.console.progress_line import Progress, line, values_of

__all__ = ["Progbar"]

Values = Mapping[str, Any] | Iterable[tuple[str, Any]]


class Progbar(Constructed):
    """A progress bar: how far a loop is, how long a step takes, how much time is left, and the latest values.

    In a terminal the line is never wider than the screen. Where room is short, the bar shrinks first, then the numbers
    lose digits, then values are left out; `val_loss` (or the loss) and the first metric stay longest. In a file or a
    pipe only the last state is written, without escape sequences.

    A value is averaged over the steps that it was reported for, until the last update, which shows the last values
    (as in Keras). A value that is on a device needn't be read at each step: pass a callable, which is called only when
    the bar is drawn, at most once in `interval` seconds. What it returns is shown as it is.

    Args:
        target: The number of steps, or `None` where it is unknown.
        width: The length of the bar in characters, where there is room.
        verbose: 0 is silent, 1 a live bar, 2 one line at the end; "auto" is 1 where standard output is a
            terminal or a notebook, and 2 in a log or a pipe.
        interval: The least number of seconds between two drawings.
        stateful_metrics: Names of the values that are shown as they are, not averaged.
        stateless_metrics: Names of the values that are averaged; where given, no other is.
        unit_name: What a step is called.

    Example:
        >>> bar = Progbar(3, verbose=0)
        >>> for step in range(3):
        ...     bar.update(step + 1, [("loss", 1.0 / (step + 1))])
        >>> bar.shown()["loss"]
        0.3333333333333333
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int | bool | str = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        self.target = target
        self.width = width
        self.verbose: int = console.resolve_verbose(verbose)
        self.interval = interval
        self.stateful_metrics: set[str] = set(stateful_metrics or ())
        self.stateless_metrics: set[str] | None = None if stateless_metrics is None else set(stateless_metrics)
        self.unit_name = unit_name
        self.title = ""  # The line of verbose=2 begins with it.
        self._seen = 0
        self._values: dict[str, Any] = {}
        self._sums: dict[str, tuple[float, int]] = {}
        self._late: Callable[[], Values] | None = None
        self._start = time.perf_counter()
        self._first_step: float | None = None
        self._drawn_at = -math.inf
        self._drawn_length = 0
        self._done = False

    def update(
        self, current: int, values: Values | Callable[[], Values] | None = None, finalize: bool | None = None
    ) -> None:
        """Record that `current` steps are done, and draw if `interval` seconds have passed.

        Args:
            current: The steps done so far.
            values: Pairs of a name and a number (or a callable that returns one), a dict, or a callable that
                returns either. They replace those of the same name; plain values in the last update also
                replace an earlier callable.
            finalize: Whether this is the last update; by default, when `current` reaches the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._note(values, current, finalize)
        self._seen = current
        now = time.perf_counter()
        if self.verbose == 1 and (finalize or (now - self._drawn_at >= self.interval and console.is_live())):
            self._draw(now, finalize)
        elif self.verbose == 2 and finalize and not self._done:
            title = f"{self.title} - " if self.title else ""
            console.write(f"{title}{self._count()} - {self._elapsed(now)}{values_of(self.shown())}\n")
        # The first step may compile something, so it is left out of the time per step.
        if self._first_step is None and current > 0:
            self._first_step = now
        self._done = self._done or finalize

    def add(self, n: int, values: Values | Callable[[], Values] | None = None) -> None:
        """Record that `n` more steps are done; see `update`."""
        self.update(self._seen + n, values)

    def shown(self) -> dict[str, Any]:
        """Return the values as the bar would show them now."""
        late = dict(self._late()) if self._late is not None else {}
        return {name: value() if callable(value) else value for name, value in {**self._values, **late}.items()}

    # --- the values ---

    def _note(self, values: Values | Callable[[], Values] | None, current: int, finalize: bool) -> None:
        if values is None:
            return
        if callable(values):
            self._late = values
            return
        if finalize:
            self._late = None  # The metrics that it reads may have been reset by now.
        for name, value in values.items() if isinstance(values, Mapping) else values:
            if callable(value) or finalize or not self._is_averaged(name):
                self._values[name] = value
            else:
                self._values[name] = self._average(name, value, max(current - self._seen, 1))

    def _is_averaged(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in self.stateful_metrics

    def _average(self, name: str, value: float, steps: int) -> float:
        total, count = self._sums.get(name, (0.0, 0))
        self._sums[name] = total + value * steps, count + steps
        return self._sums[name][0] / self._sums[name][1]

    # --- the drawing ---

    def _draw(self, now: float, finalize: bool) -> None:
        drawn, length = line(self._progress(now, finalize))
        if console.is_live():
            # The new line overwrites the one before: spaces cover what was longer.
            room = max(console.width() - 1 - length, 0)
            drawn = f"\r{drawn}{' ' * min(max(self._drawn_length - length, 0), room)}"
        console.write(f"{drawn}\n" if finalize else drawn)
        self._drawn_at, self._drawn_length = now, 0 if finalize else length

    def _progress(self, now: float, finalize: bool) -> Progress:
        has_target = self.target is not None
        return Progress(
            head=f"{self._count():>{2 * len(str(self.target)) + 1}}" if has_target else self._count(),
            done=(min(self._seen / self.target, 1.0) if self.target else 1.0) if has_target else None,
            bar=self.width,
            time=_duration(self._left(now) if has_target and not finalize else now - self._start),
            step_time=self._step_time(now),
            values=self.shown(),
        )

    def _count(self) -> str:
        return f"{self._seen}/{self.target}" if self.target is not None else f"{self._seen}/Unknown"

    def _seconds_per_step(self, now: float) -> float:
        if self._first_step is not None and self._seen > 1:
            return (now - self._first_step) / (self._seen - 1)
        return (now - self._start) / max(self._seen, 1)

    def _left(self, now: float) -> float:
        return self._seconds_per_step(now) * max((self.target or 0) - self._seen, 0)

    def _elapsed(self, now: float) -> str:
        return f"{now - self._start:.0f}s - {self._step_time(now)}"

    def _step_time(self, now: float) -> str:
        seconds = self._seconds_per_step(now)
        if seconds >= 1:
            return f"{seconds:.0f}s/{self.unit_name}"
        if seconds >= 1e-3:
            return f"{seconds * 1e3:.0f}ms/{self.unit_name}"
        return f"{seconds * 1e6:.0f}us/{self.unit_name}"


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if whole > 60 else f"{whole}s"
