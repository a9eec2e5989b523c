"""Runs the tests: `python tests/run.py [--all] [job ...] [-- pytest options]`.

A process loads one backend only, so there are pytest processes for each backend (its tests and the doctests), and for
the tests that are no backend's. Two run at the same time, the longest first. Of the tests marked as wide a fixed
selection runs, unless `--all` asks for everything: `kerasfront/testing/selection.py` says which.

Failures are named as they happen; a log gets a line on each job every half minute, a terminal one line that changes.
A failed job's output follows its line. Exit status: 0 if every job passed and ran at least one test.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCTESTS = ["--doctest-modules", "kerasfront", "--ignore=kerasfront/testing"]
SELECTION = "--kerasfront-selection"
EVERY = 30.0  # seconds between a job's lines in a log


@dataclass
class Job:
    """One pytest process: what it runs, and on which backend."""

    name: str
    arguments: list[str]
    backend: str = "numpy"


def all_jobs() -> list[Job]:
    """Every job, the longest ones first."""
    return [
        # JAX compiles each op: its tests take three times as long as another backend's, and go in four parts.
        Job("jax_to_b", files("", "c"), "jax"),
        Job("jax_c_to_l", files("c", "m"), "jax"),
        Job("jax_m_to_p", [*files("m", "q"), *DOCTESTS], "jax"),
        Job("jax_from_q", files("q", "~"), "jax"),
        # The conformance suite in two parts that run side by side: one of them compiles the gradients of every op.
        Job("conformance", ["--pyargs", "kerasfront.testing", "-m", "not slow"]),
        Job("tensorflow", ["tests/backend", *DOCTESTS], "tensorflow"),
        Job("cross", ["tests/cross"]),
        Job("torch", ["tests/backend", *DOCTESTS], "torch"),
        Job("gradients", ["--pyargs", "kerasfront.testing", "-m", "slow"]),
        Job("numpy", ["tests/backend"], "numpy"),  # it has no gradients, so the examples that train can't run on it
        Job("unit", ["tests/unit"]),
    ]


def files(first: str, end: str) -> list[str]:
    """The files of tests/backend whose names, after `test_`, are from `first` on and before `end`."""
    found = sorted(path.name.removeprefix("test_") for path in (ROOT / "tests" / "backend").glob("test_*.py"))
    return [f"tests/backend/test_{name}" for name in found if first <= name < end]


@dataclass
class Running:
    """A job that runs or ran: its process, the folder of its files, and what its tests have come to."""

    job: Job
    process: subprocess.Popen[bytes]
    folder: Path
    started: float = field(default_factory=time.perf_counter)
    shown: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0
    cpu: float = 0.0
    status: int | None = None
    total: int = 0
    current: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    read: int = 0

    def elapsed(self) -> float:
        return time.perf_counter() - self.started

    def news(self) -> Iterator[str]:
        """Reads on in what the tests wrote; yields those that have failed since the last time."""
        path = self.folder / "progress"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self.read)
            *lines, rest = file.read().split(b"\n")
            self.read = file.tell() - len(rest)
        for line in lines:
            word, _, what = line.decode(errors="replace").partition(" ")
            if word == "total":
                self.total = int(what)
            elif word == "running":
                self.current = what
            else:
                self.counts[word] += 1
                self.current = ""
                if word == "failed":
                    yield what

    def ended(self, limit: float) -> bool:
        """Whether it has ended; past its limit it is ended, with what it started."""
        status, usage = 0, None
        if late := self.elapsed() > limit:
            end(self.process)
        pid, status, usage = os.wait4(self.process.pid, 0 if late else os.WNOHANG)
        if not pid:
            return False
        self.status = self.process.returncode = 124 if late else os.waitstatus_to_exitcode(status)
        self.seconds, self.cpu = self.elapsed(), usage.ru_utime + usage.ru_stime
        if late:
            with (self.folder / "output").open("a") as output:
                output.write(f"\nstopped: it ran for more than {limit:.0f} s, last {self.current or 'no test'}\n")
        return True

    @property
    def ok(self) -> bool:
        return self.status == 0 and self.counts["passed"] > 0 and not self.counts["failed"]

    @property
    def failed(self) -> int:
        """The number of failures: one at least where something went wrong."""
        return self.counts["failed"] or int(not self.ok)

    def so_far(self) -> str:
        done, failed = sum(self.counts.values()), self.counts["failed"]
        now = f", in {self.current}" if self.current else ""
        return f"{self.job.name}: {done} of {self.total or '?'}{f', {failed} failed' if failed else ''}{now}"

    def line(self) -> str:
        word = "ok" if self.ok else "FAILED" if self.status or self.counts["failed"] else "RAN NOTHING"
        counts = " ".join(f"{self.counts[name]:{width}d} {name}" for name, width in WIDTHS.items())
        return f"{self.job.name:12s} {counts} {self.seconds:7.1f} s (CPU {self.cpu:6.1f} s)  {word}"


WIDTHS = {"passed": 5, "failed": 4, "skipped": 4}


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a job's process and those that it started: they are a group of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def start(job: Job, options: list[str], folder: Path) -> Running:
    """Starts a job; its files are in `folder`."""
    environment = {**os.environ, "KERAS_BACKEND": job.backend, "TESTS_PROGRESS": str(folder / "progress")}
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Jobs run side by side: a thread each. Tests compile thousands of tiny programs that run once: little optimizing.
    environment.setdefault("OMP_NUM_THREADS", "1")
    environment.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    # XLA's emitters of fused loops take half the time of a tiny compilation. The benchmarks' tests keep them.
    environment.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")
    # An empty folder for the settings: the tests must not depend on what the user has configured.
    (folder / "home").mkdir(parents=True)
    environment["KERAS_HOME"] = str(folder / "home")
    # Where the plug-in is: pytest's own setting of the path comes after it loads plug-ins.
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "progress"]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [*command, *job.arguments, *options],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Running(job, process, folder)


class Screen:
    """What is printed: lines that stay and, on a terminal, one below them that changes."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.below = ""

    def say(self, text: str) -> None:
        print(f"\r\x1b[K{text}" if self.below else text, flush=True)
        self.below = ""

    def meanwhile(self, running: list[Running]) -> None:
        """How far the jobs are: now and then in a log, always on a terminal."""
        if self.terminal:
            width = os.get_terminal_size().columns - 1
            if (text := " | ".join(r.so_far() for r in running)[:width]) != self.below:
                print(f"\r\x1b[K{text}", end="", flush=True)
                self.below = text
            return
        for one in running:
            if time.perf_counter() - one.shown >= EVERY:
                one.shown = time.perf_counter()
                self.say(f"  {one.so_far()} ({one.elapsed():.0f} s)")


def run_all(jobs: list[Job], options: list[str], parallel: int, limit: float) -> int:
    """Runs jobs side by side, shows each as it ends, and the sum; returns the exit status."""
    waiting, running, done = list(jobs), list[Running](), list[Running]()
    screen, begin = Screen(), time.perf_counter()
    screen.say(f"running {', '.join(job.name for job in jobs)}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            while waiting or running:
                while waiting and len(running) < max(1, parallel):
                    running.append(start(waiting[0], options, Path(folder, waiting[0].name)))
                    del waiting[0]
                time.sleep(0.2)
                for one in list(running):
                    over = one.ended(limit)
                    for name in one.news():
                        screen.say(f"FAILED {one.job.name}: {name}")
                    if over:
                        running.remove(one)
                        done.append(one)
                        show(one, screen)
                screen.meanwhile(running)
        finally:
            for one in running:
                end(one.process)
    return total(done, screen, time.perf_counter() - begin)


def show(one: Running, screen: Screen) -> None:
    """Prints a job's line, and its output if it failed."""
    screen.say(one.line())
    if not one.ok:
        screen.say(f"{(one.folder / 'output').read_text(errors='replace').rstrip()}\n{'-' * 79}")


def total(done: list[Running], screen: Screen, seconds: float) -> int:
    """Prints the sum of all jobs; returns the exit status."""
    bad = [one.job.name for one in done if not one.ok]
    screen.say(f"{len(done)} jobs in {seconds:.0f} s, of CPU time {sum(one.cpu for one in done):.0f} s")
    if bad:
        screen.say(f"failed: {', '.join(bad)}")
    passed, skipped = (sum(one.counts[name] for one in done) for name in ("passed", "skipped"))
    screen.say(f"{passed} passed, {sum(one.failed for one in done)} failed, {skipped} skipped")
    return 1 if bad else 0


def main(arguments: list[str]) -> int:
    """Runs the jobs that the command line names; returns the exit status."""
    jobs = {job.name: job for job in all_jobs()}
    parser = argparse.ArgumentParser(description="Run the tests, in processes of one backend each.")
    parser.add_argument("job", nargs="*", help=f"which to run (default: all): {', '.join(jobs)}")
    parser.add_argument("--all", action="store_true", help="all cases of the wide tests, not one in three")
    parser.add_argument("--list", action="store_true", help="print the jobs and their pytest arguments")
    parser.add_argument("--parallel", type=int, default=2, help="how many run at the same time (default: 2)")
    parser.add_argument("--limit", type=float, help="seconds that a job may take (default: 1800, with --all 5400)")
    own, options = (
        (arguments[: (at := arguments.index("--"))], arguments[at + 1 :]) if "--" in arguments else (arguments, [])
    )
    parsed = parser.parse_args(own)
    if wrong := [name for name in parsed.job if name not in jobs]:
        parser.error(f"no job is called {wrong[0]!r}; there are {', '.join(jobs)}")
    chosen = [jobs[name] for name in parsed.job or jobs]
    options = [*([] if parsed.all else [SELECTION]), *options]
    if parsed.list:
        for job in chosen:
            print(f"{job.name:12s} KERAS_BACKEND={job.backend} pytest {' '.join([*job.arguments, *options])}")
        return 0
    return run_all(chosen, options, parsed.parallel, parsed.limit or (5400 if parsed.all else 1800))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
