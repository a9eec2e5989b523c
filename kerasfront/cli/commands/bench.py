"""`kerasfront bench`: how fast training runs here, on every installed backend, against hand-written code and Keras."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from kerasfront.benchmarking import compare, processes, report, results
from kerasfront.cli.choices import Backends, chosen_backends, completing, split
from kerasfront.errors import suggest

__all__ = ["bench"]

WORKLOADS = ("mlp_small", "mlp_wide", "cnn", "lstm", "transformer", "resnet")
LAYERS = ("layer_lstm", "layer_gru", "layer_conv", "layer_norm", "layer_attention")
CALLS = ("calls", "build", "files", "imports")


def bench(
    work: Annotated[
        list[str] | None,
        typer.Option(
            help=f"What to measure, by commas: {', '.join((*WORKLOADS, *LAYERS, *CALLS))}.",
            autocompletion=completing(lambda: (*WORKLOADS, *LAYERS, *CALLS)),
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Your own: file.py:function, which returns a compiled model, or (model, x, y)."),
    ] = None,
    backends: Backends = None,
    clock: Annotated[
        str,
        typer.Option(
            help="wall, or cpu: CPU time on one core, which is steady on a busy machine.",
            autocompletion=completing(lambda: ("wall", "cpu")),
        ),
    ] = "wall",
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds of each side.")] = 7,
    keras: Annotated[bool, typer.Option("--keras", help="Measure Keras too, where it is installed.")] = False,
    calls: Annotated[
        bool, typer.Option("--calls", help="Measure single calls, imports, files and building too.")
    ] = False,
    memory: Annotated[bool, typer.Option(help="Measure the peak memory, in a process for each side.")] = True,
    batch: Annotated[int, typer.Option(min=1, help="The batch size of --model.")] = 32,
    scale: Annotated[float, typer.Option(min=0.001, help="Makes the rounds longer or shorter.")] = 1.0,
    json: Annotated[Path | None, typer.Option(help="Where the results go.")] = None,
    chart: Annotated[Path | None, typer.Option(help="Where a PNG with the bars goes.")] = None,
    compare_with: Annotated[
        Path | None, typer.Option("--compare", help="Results from before; says what got slower.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Compare with results of another machine, too.")] = False,
) -> None:
    """Measure training on each backend: kerasfront, hand-written code, and Keras, in interleaved rounds."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    chosen = chosen_backends(backends)
    try:
        names = _names(split(work), model, calls)
        _check_model(model)
        before = results.read(compare_with) if compare_with else None
        _check(clock, keras)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    settings = {"clock": clock, "rounds": rounds, "scale": scale}
    job = {**settings, "work": names, "model": model, "keras": keras, "memory": memory, "batch": batch, "steps": 50}
    measurements: dict[str, Any] = {}
    for name in chosen:
        measurements[name] = _measure(console, name, job)
        run = results.document(settings, measurements)
        if json:  # Written after each backend, so that a long run that is cut off keeps what it has.
            results.write(json, run)
    _show(console, run, chart)
    slower = before is not None and _compare(console, before, run, force)
    failed = any("error" in b or any("error" in row for row in b["rows"].values()) for b in measurements.values())
    raise typer.Exit(1 if failed or slower else 0)


def _names(work: list[str], model: str | None, calls: bool) -> list[str]:
    """Return what to measure: what --work and --model name, and with --calls the calls; by default all workloads."""
    names = work or ([] if model or calls else list(WORKLOADS))
    known = (*WORKLOADS, *LAYERS, *CALLS)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"Expected --work to name some of {', '.join(known)}; got {unknown[0]!r}.{suggest(unknown[0], known)}"
        )
    return list(dict.fromkeys([*names, *([model] if model else []), *(CALLS if calls else ())]))


def _check_model(target: str | None) -> None:
    """Check that --model names a function of a file, before a framework starts for it."""
    if target is None:
        return
    path, _, name = target.rpartition(":")
    if not path:
        raise ValueError(f"Expected --model to be file.py:function, such as mine.py:build; got {target!r}.")
    file = Path(path)
    if not file.is_file():
        beside = [str(other) for other in file.parent.glob("*.py")] if file.parent.is_dir() else []
        raise ValueError(f"There is no file {path} for --model.{suggest(path, beside)}")
    try:
        code = ast.parse(file.read_text(encoding="utf-8"), path)
    except SyntaxError as error:
        raise ValueError(f"{path}, line {error.lineno}: {error.msg}.") from error
    names = list(_defined_names(code))
    if name not in names and "*" not in names:
        raise ValueError(f"{path} has no function {name!r}.{suggest(name, names)}")


def _defined_names(code: ast.AST) -> Iterator[str]:
    """Yield the names that a file defines or imports."""
    for node in ast.walk(code):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in node.names)


def _check(clock: str, keras: bool) -> None:
    if clock not in ("wall", "cpu"):
        raise ValueError(f"Expected --clock to be wall or cpu, got {clock!r}.")
    if keras and importlib.util.find_spec("keras") is None:
        raise ValueError("--keras needs Keras: pip install keras.")


def _measure(console: Console, backend: str, job: dict[str, Any]) -> dict[str, Any]:
    console.rule(f"[bold]{backend}")

    def show(line: str) -> None:
        console.print(escape(line), style="dim", highlight=False)

    return processes.run(["-m", "kerasfront_bench"], {**job, "backend": backend}, show)


def _show(console: Console, run: dict[str, Any], chart: Path | None) -> None:
    machine, settings = run["machine"], run["settings"]
    console.rule("[bold]side by side")
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}"
    console.print(f"{where}; {settings['clock']} clock, {settings['rounds']} rounds", highlight=False)
    for table in report.tables(run):
        console.print(table)
    for name, backend in run["backends"].items():
        if "error" in backend:
            console.print(f"[bold red]{name} failed:[/] {escape(backend['error'])}", highlight=False)
    if chart and importlib.util.find_spec("matplotlib") is None:
        console.print("No chart: matplotlib isn't installed; [bold]pip install matplotlib", highlight=False)
    elif chart:
        report.chart(run, chart)
        console.print(f"Chart: {chart}")


def _compare(console: Console, before: dict[str, Any], run: dict[str, Any], force: bool) -> bool:
    """Print the comparison. Return True where something got slower, or the runs can't be compared."""
    try:
        changes = compare.compare(before, run, force)
    except compare.OtherMachine as error:
        console.print(f"[bold red]Not compared:[/] that run was made elsewhere or otherwise ({escape(str(error))}). "
                      "`--force` compares all the same.", highlight=False)  # fmt: skip
        return True
    for line in [*results.differences(before, run), *compare.version_changes(before, run)]:
        console.print(f"[yellow]Differs:[/] {escape(line)}", highlight=False)
    console.print(report.changes_table(changes, before["date"]))
    slower = [change for change in changes if change.verdict == "slower"]
    console.print(f"{len(slower)} of {len(changes)} rows got slower beyond the noise.")
    return bool(slower)
