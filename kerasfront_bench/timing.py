"""Times sides against each other: in interleaved rounds, guarded against other load, as medians with their spread."""

from __future__ import annotations

import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Row = dict[str, Any]
CLOCKS: dict[str, Callable[[], float]] = {
    "wall": time.perf_counter,
    "cpu": time.process_time,
    "thread": time.thread_time,
}
# How much of a core others may use during a round of the wall clock before it is measured again.
_FOREIGN = 0.08


def pin_to_one_core() -> list[int]:
    """Pin the process to the least busy core, so that the CPU clock doesn't count threads that spin.

    Call this before a framework is imported, since its thread pools look at the number of cores once.

    Returns:
        The cores that the process may use: all of them where the system can't pin a process.
    """
    if not hasattr(os, "sched_setaffinity"):
        return list(range(os.cpu_count() or 1))
    before = _busy()
    time.sleep(0.2)
    after = _busy()
    allowed = sorted(os.sched_getaffinity(0))
    cores = [min(allowed, key=lambda core: after.get(core, 0) - before.get(core, 0))]
    os.sched_setaffinity(0, set(cores))
    return cores


def _busy() -> dict[int, int]:
    """Return the ticks that each core worked since the system started; nothing where the system doesn't say."""
    if sys.platform != "linux":
        return {}
    busy = {}
    with open("/proc/stat", encoding="ascii") as lines:
        for name, *ticks in map(str.split, lines):
            if name.startswith("cpu") and name != "cpu":
                user, nice, system, _idle, _wait, *rest = map(int, ticks[:8])
                busy[int(name[3:])] = user + nice + system + sum(rest)
    return busy


class _Use(NamedTuple):
    """The seconds of CPU time that all processes, and this one, had used on our cores at a moment."""

    everybody: float
    own: float
    moment: float


def _use() -> _Use | None:
    busy = _busy()
    if not busy:
        return None
    total = sum(busy[core] for core in os.sched_getaffinity(0))
    spent = os.times()
    own = spent.user + spent.system + spent.children_user + spent.children_system
    return _Use(total / os.sysconf("SC_CLK_TCK"), own, time.perf_counter())


def _foreign(before: _Use | None, after: _Use | None) -> float:
    """Return how many cores other processes used in between; 0 where it is below two ticks or not known."""
    if before is None or after is None:
        return 0.0
    others = (after.everybody - before.everybody) - (after.own - before.own)
    return others / max(after.moment - before.moment, 1e-9) if others > 0.025 else 0.0


def wait_until_quiet(limit: float = 15.0) -> bool:
    """Wait until others leave our cores alone, at most `limit` seconds. Return whether they did."""
    end = time.perf_counter() + limit
    while time.perf_counter() < end:
        before = _use()
        time.sleep(0.12)
        if _foreign(before, _use()) < 0.1:
            return True
    return False


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return the median, the lowest and the highest of some values."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def against(front: Sequence[float], other: Sequence[float]) -> dict[str, Any]:
    """Return ratio and difference of the front to another side, from rounds that were run next to each other."""
    pairs = list(zip(front, other, strict=True))
    return {"ratio": spread([a / b for a, b in pairs]), "difference": spread([a - b for a, b in pairs])}


def row(rounds: Mapping[str, list[float]], unit: str, **more: Any) -> Row:
    """Return the row of a measurement: each side's rounds with their median, and the front against each other side."""
    sides = {name: {**spread(values), "rounds": values} for name, values in rounds.items()}
    others = [name for name in rounds if name != "front"] if "front" in rounds else []
    return {
        "unit": unit,
        "sides": sides,
        "against": {name: against(rounds["front"], rounds[name]) for name in others},
        **more,
    }


class Timer:
    """Times sides in interleaved rounds, on the wall clock or on the CPU clock of this process.

    Args:
        clock: "wall"; "cpu": the CPU time of all threads of the process, which is steady on a busy machine; "thread":
            that of the calling thread, for what a call costs beside the work that it hands to others.
        rounds: How many rounds count.
        limit: Seconds after which no further round is started, once there are three.
    """

    def __init__(self, clock: str = "wall", rounds: int = 7, limit: float = 60.0) -> None:
        self.clock, self.rounds, self.limit = clock, rounds, limit
        self.now = CLOCKS[clock]

    def time(self, function: Callable[[], Any]) -> float:
        """Return the seconds of one call."""
        start = self.now()
        function()
        return self.now() - start

    def interleave(self, sides: Mapping[str, Callable[[], Any]], per: float = 1, unit: str = "us") -> Row:
        """Return the row of rounds that run all sides in turn; which side begins changes from round to round.

        On the wall clock, a round during which others used our cores runs again. If the machine never gets quiet, all
        rounds count, and the row says so ("noisy").
        """
        factor = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[unit] / per
        clean: list[dict[str, float]] = []
        dirty: list[dict[str, float]] = []
        end, names = time.perf_counter() + self.limit, list(sides)
        while len(clean) < self.rounds and len(clean) + len(dirty) < 3 * self.rounds + 3:
            count = len(clean) + len(dirty)
            if count >= min(3, self.rounds) and time.perf_counter() > end:
                break
            if self.clock == "wall":
                wait_until_quiet(3.0)
            shift, others, times = count % len(names), 0.0, {}
            for name in names[shift:] + names[:shift]:
                gc.collect()
                before = _use()
                times[name] = self.time(sides[name]) * factor
                others = max(others, _foreign(before, _use()) if self.clock == "wall" else 0.0)
            (clean if others <= _FOREIGN else dirty).append(times)
        noisy = len(clean) < min(3, self.rounds)
        counted = clean + dirty if noisy else clean
        rounds = {name: [one[name] for one in counted] for name in names}
        return row(rounds, unit, noisy=noisy, rejected=len(dirty))

    def calls(
        self,
        sides: Mapping[str, Callable[[], Any]],
        unit: str = "us",
        per: float = 1,
        seconds: float = 0.1,
        wait: Callable[[Any], Any] | None = None,
    ) -> Row:
        """Return the row of short calls: each side is repeated for about `seconds` a round, and `wait` ends a round."""
        counts = {name: self._count(function, seconds, wait) for name, function in sides.items()}
        repeated = {name: _repeated(function, counts[name], wait) for name, function in sides.items()}
        measured = self.interleave(repeated, unit=unit)
        rounds = {
            name: [value / counts[name] / per for value in side["rounds"]] for name, side in measured["sides"].items()
        }
        return row(rounds, unit, noisy=measured["noisy"], rejected=measured["rejected"], calls=counts)

    def _count(self, function: Callable[[], Any], seconds: float, wait: Callable[[Any], Any] | None) -> int:
        count = 1
        while True:
            # The shorter of two, since a call may still compile something.
            elapsed = min(self.time(_repeated(function, count, wait)) for _ in range(2))
            if elapsed > seconds / 4:
                return max(1, round(count * seconds / elapsed))
            count *= 4


def _repeated(function: Callable[[], Any], count: int, wait: Callable[[Any], Any] | None) -> Callable[[], None]:
    def run() -> None:
        result = None
        for _ in range(count):
            result = function()
        if wait is not None:
            wait(result)

    return run
