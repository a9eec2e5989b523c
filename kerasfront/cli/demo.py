"""`kerasfront demo`: one small CNN on scikit-learn's handwritten digits, on every installed backend, side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from kerasfront import config

EPOCHS = 12
ACCURACY = 0.97
FIRST_EPOCH_TOLERANCE = 1e-3


@dataclass
class Run:
    """What one backend's process wrote."""

    summary: dict[str, Any]
    weights: list[np.ndarray[Any, Any]]

    @property
    def backend(self) -> str:
        return str(self.summary["backend"])

    def curve(self, name: str) -> np.ndarray[Any, Any]:
        return np.asarray(self.summary["history"][name])


def demo(
    backend: Annotated[
        list[str] | None, typer.Option(help="A backend; may be repeated. Default: all installed.")
    ] = None,
    plot: Annotated[Path, typer.Option(help="Where the PNG with the curves goes.")] = Path("kerasfront-demo.png"),
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of training.")] = EPOCHS,
    seed: Annotated[int, typer.Option(help="The seed of weights and shuffles.")] = 0,
) -> None:
    """Train one small CNN on handwritten digits on each installed backend, and compare."""
    chosen = backend or [b for b in config.usable_backends() if b != "numpy"]
    console = Console()
    runs = []
    for name in chosen:
        console.rule(f"[bold]{name}")
        runs.append(_train_in_process(name, epochs, seed))
    console.rule("[bold]side by side")
    console.print(_table(runs))
    problems = _problems(runs)
    _plot(runs, plot)
    console.print(f"Loss and accuracy curves: {plot}")
    for line in _partings(runs):
        console.print(line)
    for problem in problems:
        console.print(f"[red]{problem}")
    raise typer.Exit(1 if problems else 0)


def _train_in_process(backend: str, epochs: int, seed: int) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-m", "kerasfront.cli.demo_run", folder, str(epochs), str(seed)]
        done = subprocess.run(command, env=environment, check=False)
        if done.returncode:
            raise SystemExit(f"The demo failed on the backend {backend} (exit status {done.returncode}).")
        summary = json.loads(Path(folder, "summary.json").read_text(encoding="utf-8"))
        with np.load(Path(folder, "weights.npz")) as stored:
            weights = [stored[k] for k in sorted(stored.files, key=int)]
    return Run(summary, weights)


def _weight_difference(run: Run, first: Run) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(run.weights, first.weights, strict=True))


def _curve_difference(run: Run, first: Run, epoch: int | None = None) -> float:
    """The largest relative difference of the mean losses of the epochs (or of one)."""
    mine, theirs = run.curve("loss"), first.curve("loss")
    relative = np.abs(mine - theirs) / np.abs(theirs)
    return float(relative.max() if epoch is None else relative[epoch])


def _table(runs: list[Run]) -> Table:
    table = Table(title="The same CNN on handwritten digits")
    for column in (
        "backend", "device", "test accuracy", "ms a step", "peak memory", "initial weights differ by",
        "first epoch's loss by", "loss curve by",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column in ("backend", "device") else "right")
    for run in runs:
        s = run.summary
        apart = ["-", "-", "-"] if run is runs[0] else [
            f"{_weight_difference(run, runs[0]):.0e}" if _weight_difference(run, runs[0]) else "0",
            f"{_curve_difference(run, runs[0], 0):.1e}",
            f"{_curve_difference(run, runs[0]):.1e}",
        ]  # fmt: skip
        table.add_row(
            f"{run.backend} {s['version']}", s["device"], f"{s['accuracy']:.4f}", f"{s['ms_per_step']:.2f}",
            f"{s['peak_mb']:.0f} MB", *apart,
        )  # fmt: skip
    return table


def _partings(runs: list[Run]) -> list[str]:
    lines = []
    for run in runs[1:]:
        steps = ", ".join(f"{i + 1}: {_curve_difference(run, runs[0], i):.0e}" for i in range(len(run.curve("loss"))))
        lines.append(f"Mean loss of each epoch, {run.backend} against {runs[0].backend}, relative: {steps}")
    return lines


def _problems(runs: list[Run]) -> list[str]:
    found = [
        f"{r.backend}: the test accuracy {r.summary['accuracy']:.4f} is below {ACCURACY}."
        for r in runs
        if r.summary["accuracy"] < ACCURACY
    ]
    for run in runs[1:]:
        if _weight_difference(run, runs[0]) != 0:
            found.append(f"{run.backend}: the initial weights are not those of {runs[0].backend}.")
        if _curve_difference(run, runs[0], 0) > FIRST_EPOCH_TOLERANCE:
            found.append(f"{run.backend}: the mean loss of the first epoch is not that of {runs[0].backend}.")
    return found


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
