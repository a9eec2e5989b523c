"""`kerasfront demo`: one small CNN on scikit-learn's handwritten digits, on every installed backend, side by side."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from kerasfront.benchmarking import processes
from kerasfront.cli.choices import Backends, chosen_backends

EPOCHS = 12
ACCURACY = 0.97
FIRST_EPOCH_TOLERANCE = 1e-3
# A model this small gains nothing from more threads.
_MOST_THREADS = 4


@dataclass
class Run:
    """What the process of one backend wrote."""

    summary: dict[str, Any]
    weights: list[np.ndarray[Any, Any]]

    @property
    def backend(self) -> str:
        return str(self.summary["backend"])

    def curve(self, name: str) -> np.ndarray[Any, Any]:
        return np.asarray(self.summary["history"][name])


def demo(
    backends: Backends = None,
    plot: Annotated[Path, typer.Option(help="Where the PNG with the curves goes.")] = Path("kerasfront-demo.png"),
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of training.")] = EPOCHS,
    seed: Annotated[int, typer.Option(help="The seed of weights and shuffles.")] = 0,
) -> None:
    """Train one small CNN on handwritten digits on each installed backend, and compare."""
    chosen = chosen_backends(backends)
    console = Console()
    if importlib.util.find_spec("sklearn") is None:
        console.print("The demo's digits are scikit-learn's, which isn't installed: [bold]pip install scikit-learn")
        raise typer.Exit(1)
    runs = []
    for name in chosen:
        console.rule(f"[bold]{name}")
        runs.append(_train_in_process(name, epochs, seed))
    console.rule("[bold]side by side")
    console.print(table(runs))
    problems = _problems(runs, epochs)
    if importlib.util.find_spec("matplotlib") is None:
        console.print("No picture of the curves: matplotlib isn't installed; [bold]pip install matplotlib")
    else:
        _plot(runs, plot)
        console.print(f"Loss and accuracy curves: {plot}")
    for line in _epoch_differences(runs):
        console.print(line)
    for problem in problems:
        console.print(f"[red]{problem}")
    raise typer.Exit(1 if problems else 0)


def _train_in_process(backend: str, epochs: int, seed: int) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "kerasfront.cli.demo_run", folder, str(epochs), str(seed)]
        status = _run(command, {**processes.environment_of(backend), **_threads()})
        if status:
            raise SystemExit(f"The demo failed on the backend {backend} (exit status {status}).")
        summary = json.loads(Path(folder, "summary.json").read_text(encoding="utf-8"))
        with np.load(Path(folder, "weights.npz")) as stored:
            weights = [stored[f"arr_{i}"] for i in range(len(stored.files))]
    return Run(summary, weights)


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Run a program that draws its own progress; leave out what the framework says about itself on standard error."""
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, errors="replace") as process:

        def relay() -> None:
            for line in process.stderr or ():
                if not processes.is_chatter(line):
                    sys.stderr.write(line)

        reader = threading.Thread(target=relay)
        reader.start()
        status = process.wait()
        reader.join()
    return status


def _threads() -> dict[str, str]:
    """Return the variable that bounds a framework's threads: on a busy machine they spin while they wait."""
    if "OMP_NUM_THREADS" in os.environ:
        return {}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return {"OMP_NUM_THREADS": str(max(1, min(_MOST_THREADS, cores - round(busy))))}


def _weight_difference(run: Run, first: Run) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(run.weights, first.weights, strict=True))


def _curve_difference(run: Run, first: Run, epoch: int | None = None) -> float:
    """Return the largest relative difference of the mean losses of the epochs, or that of one epoch."""
    mine, theirs = run.curve("loss"), first.curve("loss")
    relative = np.abs(mine - theirs) / np.abs(theirs)
    return float(relative.max() if epoch is None else relative[epoch])


def table(runs: list[Run]) -> Table:
    """Return the comparison, which fits into 80 columns."""
    title = "The same CNN on handwritten digits"
    comparison = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title_justify="left")
    comparison.add_column("backend")
    heads = ("test\naccuracy", "ms a\nstep", "peak\nmemory", "weights\ndiffer by", "1st loss\nby", "losses\nby")
    for head in heads:
        comparison.add_column(head, justify="right", no_wrap=True)
    for run in runs:
        summary = run.summary
        differences = ["-", "-", "-"] if run is runs[0] else [
            f"{_weight_difference(run, runs[0]):.0e}" if _weight_difference(run, runs[0]) else "0",
            f"{_curve_difference(run, runs[0], 0):.1e}",
            f"{_curve_difference(run, runs[0]):.1e}",
        ]  # fmt: skip
        comparison.add_row(
            f"{run.backend}\n{summary['version']} {summary['device']}", f"{summary['accuracy']:.4f}",
            f"{summary['ms_per_step']:.2f}", f"{summary['peak_mb']:.0f} MB", *differences,
        )  # fmt: skip
    return comparison


def _epoch_differences(runs: list[Run]) -> list[str]:
    """Say for each later backend how far the mean loss of each epoch is from the first backend's."""
    lines = []
    for run in runs[1:]:
        steps = ", ".join(f"{i + 1}: {_curve_difference(run, runs[0], i):.0e}" for i in range(len(run.curve("loss"))))
        lines.append(f"Mean loss of each epoch, {run.backend} against {runs[0].backend}, relative: {steps}")
    return lines


def _problems(runs: list[Run], epochs: int) -> list[str]:
    """Return what isn't as it should be. The accuracy is judged only where all epochs were trained."""
    problems = [
        f"{r.backend}: the test accuracy {r.summary['accuracy']:.4f} is below {ACCURACY}."
        for r in runs
        if epochs >= EPOCHS and r.summary["accuracy"] < ACCURACY
    ]
    for run in runs[1:]:
        if _weight_difference(run, runs[0]) != 0:
            problems.append(f"{run.backend}: the initial weights are not those of {runs[0].backend}.")
        if _curve_difference(run, runs[0], 0) > FIRST_EPOCH_TOLERANCE:
            problems.append(f"{run.backend}: the mean loss of the first epoch is not that of {runs[0].backend}.")
    return problems


def _plot(runs: list[Run], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    styles = ("-", "--", ":", "-.")
    for index, run in enumerate(runs):
        epochs = np.arange(1, len(run.curve("loss")) + 1)
        label = f"{run.backend} {run.summary['version']}"
        style = {"linestyle": styles[index % 4], "linewidth": 3.5 - 0.8 * index, "color": f"C{index}"}
        left.plot(epochs, run.curve("loss"), label=label, **style)
        right.plot(epochs, run.curve("val_accuracy"), label=label, **style)
    left.set(title="Training loss", xlabel="epoch", ylabel="mean loss", yscale="log")
    right.set(title="Test accuracy", xlabel="epoch", ylabel="accuracy")
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
