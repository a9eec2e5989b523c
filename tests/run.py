"""Runs all the tests: `python tests/run.py [job ...] [-- pytest options]`.

A process loads one backend only, so there is a pytest process or two per backend (its tests and the doctests), and
one for each set of tests that is no backend's. Some run at the same time; the summary streams, and a failed
job's output follows its line. Exit status: 0 if every job passed and ran at least one test.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCTESTS = ["--doctest-modules", "kerasfront", "--ignore=kerasfront/testing"]


@dataclass
class Job:
    """One pytest process: what it runs, and on which backend."""

    name: str
    arguments: list[str]
    backend: str = "numpy"


@dataclass
class Result:
    """What became of a job."""

    job: Job
    seconds: float
    status: int
    output: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("tests", "failed", "skipped"), 0))

    @property
    def passed(self) -> int:
        return self.counts["tests"] - self.counts["failed"] - self.counts["skipped"]

    @property
    def ok(self) -> bool:
        return self.status == 0 and self.passed > 0


def all_jobs() -> list[Job]:
    """Every job, the longest ones first."""
    files = sorted(str(file.relative_to(ROOT)) for file in (ROOT / "tests" / "backend").glob("test_*.py"))
    to_l = [file for file in files if Path(file).name < "test_m"]
    return [
        # JAX compiles each op: its tests take three times as long as another backend's, and go in two parts.
        Job("jax_from_m", [*(file for file in files if file not in to_l), *DOCTESTS], "jax"),
        Job("jax_to_l", to_l, "jax"),
        # The conformance suite in two parts that run side by side: one of them compiles the gradients of every op.
        Job("conformance", ["--pyargs", "kerasfront.testing", "-m", "not slow"]),
        Job("gradients", ["--pyargs", "kerasfront.testing", "-m", "slow"]),
        Job("tensorflow", ["tests/backend", *DOCTESTS], "tensorflow"),
        Job("torch", ["tests/backend", *DOCTESTS], "torch"),
        Job("cross", ["tests/cross"]),
        Job("numpy", ["tests/backend"], "numpy"),  # it has no gradients, so the examples that train can't run on it
        Job("unit", ["tests/unit"]),
    ]


def run(job: Job, options: list[str], limit: float) -> Result:
    """Runs one job to its end, or to the time limit."""
    environment = {**os.environ, "KERAS_BACKEND": job.backend}
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Jobs run side by side: a thread each. Tests compile thousands of tiny programs that run once: little optimizing.
    environment.setdefault("OMP_NUM_THREADS", "1")
    environment.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    # XLA's emitters of fused loops take half the time of a tiny compilation. The benchmarks' tests keep them.
    environment.setdefault("XLA_FLAGS", "" if job.name == "cross" else "--xla_cpu_use_fusion_emitters=false")
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        # An empty folder for the settings: the tests must not depend on what the user has configured.
        environment["KERAS_HOME"] = folder
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "-p", "no:cacheprovider"]
        try:
            done = subprocess.run(
                [*command, *job.arguments, *options],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=limit,
                check=False,
            )
            status, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired as expired:
            so_far = (expired.output or b"").decode(errors="replace")  # bytes, even from a text stream
            status, output = 124, f"{so_far}\nstopped: it ran for more than {limit:.0f} s"
        result = Result(job, time.perf_counter() - start, status, output)
        if report.exists():
            result.counts = count(report)
    return result


def count(report: Path) -> dict[str, int]:
    """The counts of a JUnit report; an error in a fixture or at collection counts as a failure."""
    totals = {"tests": 0, "failed": 0, "skipped": 0}
    for suite in ET.parse(report).getroot().iter("testsuite"):
        totals["tests"] += int(suite.get("tests", 0))
        totals["failed"] += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        totals["skipped"] += int(suite.get("skipped", 0))
    return totals


def show(result: Result) -> None:
    """Prints a job's line, and its output if it failed."""
    word = "ok" if result.ok else "FAILED" if result.status or result.counts["failed"] else "RAN NOTHING"
    counts = f"{result.passed:5d} passed {result.counts['failed']:4d} failed {result.counts['skipped']:4d} skipped"
    print(f"{result.job.name:12s} {counts} {result.seconds:7.1f} s  {word}", flush=True)
    if not result.ok:
        print(f"{result.output.rstrip()}\n{'-' * 79}", flush=True)


def main(arguments: list[str]) -> int:
    """Runs the jobs that the command line names; returns the exit status."""
    jobs = {job.name: job for job in all_jobs()}
    parser = argparse.ArgumentParser(description="Run the tests, one process per backend.")
    parser.add_argument("job", nargs="*", help=f"which to run (default: all): {', '.join(jobs)}")
    parser.add_argument("--list", action="store_true", help="print the jobs and their pytest arguments")
    parser.add_argument("--parallel", type=int, default=2, help="how many run at the same time (default: 2)")
    parser.add_argument("--limit", type=float, default=3600, help="seconds that a job may take (default: 3600)")
    own, options = (
        (arguments[: (at := arguments.index("--"))], arguments[at + 1 :]) if "--" in arguments else (arguments, [])
    )
    parsed = parser.parse_args(own)
    if wrong := [name for name in parsed.job if name not in jobs]:
        parser.error(f"no job is called {wrong[0]!r}; there are {', '.join(jobs)}")
    chosen = [jobs[name] for name in parsed.job or jobs]
    if parsed.list:
        for job in chosen:
            print(f"{job.name:12s} KERAS_BACKEND={job.backend} pytest {' '.join(job.arguments)}")
        return 0
    return run_all(chosen, options, parsed.parallel, parsed.limit)


def run_all(jobs: list[Job], options: list[str], parallel: int, limit: float) -> int:
    """Runs jobs side by side, shows each as it ends, and the sum; returns the exit status."""
    results = []
    print(f"running {', '.join(job.name for job in jobs)}", flush=True)
    with ThreadPoolExecutor(max(1, parallel)) as pool:
        for future in as_completed([pool.submit(run, job, options, limit) for job in jobs]):
            results.append(future.result())
            show(results[-1])
    bad = [result.job.name for result in results if not result.ok]
    failed = sum(max(result.counts["failed"], 0 if result.ok else 1) for result in results)
    if bad:
        print(f"failed: {', '.join(bad)}")
    skipped = sum(result.counts["skipped"] for result in results)
    print(f"{sum(result.passed for result in results)} passed, {failed} failed, {skipped} skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
