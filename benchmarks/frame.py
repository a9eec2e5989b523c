"""What the programs of this folder share: one process a backend, the options, a table, JSON and Markdown."""

import argparse
import importlib
import json
import sys
from pathlib import Path

from rich.console import Console

from kerasfront import config
from kerasfront.benchmarking import processes, report, results
from kerasfront_bench import timing
from kerasfront_bench.__main__ import device_name, one_line, versions

RESULTS = Path(__file__).parent / "results"


def run(script, description, measure, options=lambda parser: None, cell=None, finish=None, clock="cpu"):
    """Runs a program of this folder: the parent starts itself once for each backend.

    Args:
        script: The program's `__file__`.
        description: What it measures.
        measure: `(backend, timer, options)` to pairs of a name and a row (see kerasfront.benchmarking.results).
        options: Adds the program's own options to a parser.
        cell: A row as the text of a cell of the table; by default its ratio to the hand-written side.
        finish: Called with the document when all is measured.
        clock: The clock that is used by default.
    """
    if len(sys.argv) == 4 and sys.argv[1] == "--worker":
        return _work(measure, json.loads(sys.argv[2]), Path(sys.argv[3]))
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    usable = [name for name in config.usable_backends() if name != "numpy"]
    parser.add_argument("--backends", type=lambda text: text.split(","), default=usable, help="by commas")
    parser.add_argument("--clock", choices=tuple(timing.CLOCKS), default=clock)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--keras", action="store_true", help="measure Keras too")
    parser.add_argument("--json", type=Path, help="where the results go")
    options(parser)
    chosen = vars(parser.parse_args())
    backends, path = chosen.pop("backends"), chosen.pop("json")
    found = {
        name: processes.run([script, "--worker"], {**chosen, "backend": name}, lambda line: print(line, flush=True))
        for name in backends
    }
    document = results.document({**chosen, "program": Path(script).name}, found)
    if path:
        results.write(path, document)
    Console(width=200).print(report.markdown(document, cell=cell), soft_wrap=True, markup=False, highlight=False)
    if finish is not None:
        finish(document)
    failed = [f"{name}: {backend['error']}" for name, backend in found.items() if "error" in backend]
    return sys.exit("\n".join(failed) or 0)


def _work(measure, job, path):
    """The part of one backend, in its own process."""
    cores = timing.pin_to_one_core() if job["clock"] != "wall" else []
    adapter = importlib.import_module("kerasfront.contract").load(job["backend"])
    about = {
        "backend": job["backend"],
        "device": device_name(job["backend"], adapter),
        "cores": cores,
        "versions": versions(),
    }
    print(f"{job['backend']} {adapter.version()} on {about['device']}", flush=True)
    rows = {}
    for name, row in measure(job["backend"], timing.Timer(job["clock"], job["rounds"]), job):
        rows[name] = row
        print(f"  {name}: {one_line(row)}", flush=True)
        path.write_text(json.dumps({**about, "rows": rows}), encoding="utf-8")


def libraries(job):
    """The fronts to measure: kerasfront, and Keras where it was asked for."""
    found = {"front": importlib.import_module("kerasfront")}
    return found | ({"keras": importlib.import_module("keras")} if job["keras"] else {})
