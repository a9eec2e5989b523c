"""The frame of `kerasfront bench`: documents, comparisons, tables, and how it refuses what it can't do."""

import copy
import importlib
import io
import json
import re

import pytest
from rich.console import Console
from typer.testing import CliRunner

from kerasfront.benchmarking import compare, report, results
from kerasfront.cli import app
from kerasfront_bench import __main__ as worker
from kerasfront_bench import timing, workloads


def row(front, native=None, **more):
    return timing.row({"front": front, **({"native": native} if native else {})}, "us", **more)


def run_of(**rows):
    backend = {"backend": "torch", "device": "cpu:0", "cores": [1], "versions": {"torch": "2.13.0"}, "rows": rows}
    return results.document({"clock": "cpu", "rounds": 4, "scale": 1.0}, {"torch": backend})


def test_a_row_compares_rounds_that_ran_next_to_each_other():
    found = row([2.0, 30.0, 4.0], [1.0, 10.0, 1.0])
    assert found["sides"]["front"] == {"median": 4.0, "low": 2.0, "high": 30.0, "rounds": [2.0, 30.0, 4.0]}
    assert found["against"]["native"]["ratio"] == {"median": 3.0, "low": 2.0, "high": 4.0}
    assert found["against"]["native"]["difference"] == {"median": 3.0, "low": 1.0, "high": 20.0}


def test_rounds_are_interleaved_and_who_begins_changes():
    order = []
    timer = timing.Timer("cpu", rounds=3)
    found = timer.interleave({name: lambda name=name: order.append(name) for name in ("front", "native", "keras")})
    assert order == ["front", "native", "keras", "native", "keras", "front", "keras", "front", "native"]
    assert [len(side["rounds"]) for side in found["sides"].values()] == [3, 3, 3]
    assert set(found["against"]) == {"native", "keras"}


def test_short_calls_are_repeated_until_they_can_be_timed():
    counted = {"front": 0, "native": 0}

    def call(name):
        counted[name] += 1
        return sum(range(2000))

    found = timing.Timer("cpu", rounds=3).calls(
        {"front": lambda: [call("front") for _ in range(4)], "native": lambda: call("native")}, seconds=0.02
    )
    assert min(counted.values()) > 50
    assert 2.5 < found["against"]["native"]["ratio"]["median"] < 6


def test_slower_and_faster_beyond_the_noise():
    before = run_of(
        steady=row([1.0, 1.1, 1.0, 1.1], [1.0] * 4),
        slower=row([1.0, 1.1, 1.0, 1.1], [1.0] * 4),
        noisy=row([1.0, 1.4, 1.0, 1.4], [1.0] * 4),
        whole_machine=row([1.0, 1.1, 1.0, 1.1], [1.0] * 4),
        alone=row([2.0, 2.1, 2.0, 2.1]),
        gone=row([1.0]),
    )
    after = run_of(
        steady=row([1.02, 1.1, 1.0, 1.1], [1.0] * 4),
        slower=row([1.3, 1.4, 1.3, 1.4], [1.0] * 4),
        noisy=row([1.0, 1.4, 1.5, 1.6], [1.0] * 4),
        whole_machine=row([2.0, 2.2, 2.0, 2.2], [2.0] * 4),
        alone=row([1.0, 1.1, 1.0, 1.1]),
        new=row([1.0]),
    )
    changes = {change.row: change for change in compare.compare(before, after)}
    assert {name: change.verdict for name, change in changes.items()} == {
        "steady": "same",
        "slower": "slower",
        "noisy": "same",
        "whole_machine": "same",
        "alone": "faster",
    }
    assert {name: change.by for name, change in changes.items()} == {
        "steady": "ratio",
        "slower": "ratio",
        "noisy": "ratio",
        "whole_machine": "ratio",
        "alone": "time",
    }
    assert changes["slower"].factor == pytest.approx(1.35 / 1.05)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda d: d["machine"].update(cpu="Other CPU"), "cpu: "),
        (lambda d: d["settings"].update(clock="wall"), "clock: cpu then, wall now"),
        (lambda d: d["backends"]["torch"].update(device="cuda:0"), "device of torch: cpu:0 then, cuda:0 now"),
    ],
)
def test_other_machines_are_not_compared_unless_forced(change, said):
    before, after = run_of(a=row([1.0])), run_of(a=row([1.0]))
    change(after)
    with pytest.raises(compare.OtherMachine, match=said):
        compare.compare(before, after)
    assert len(compare.compare(before, after, force=True)) == 1


def test_other_versions_are_compared_and_named():
    before, after = run_of(a=row([1.0])), run_of(a=row([1.0]))
    after["backends"]["torch"]["versions"] = {"torch": "2.14.0"}
    assert compare.compare(before, after)[0].verdict == "same"
    assert compare.version_changes(before, after) == ["torch: torch 2.13.0 then, 2.14.0 now"]


def test_a_document_comes_back_from_its_file(tmp_path):
    document = run_of(a=row([1.0, 2.0], [1.0, 1.0]))
    results.write(tmp_path / "new" / "run.json", document)
    assert results.read(tmp_path / "new" / "run.json") == document
    assert set(document["machine"]) == {"cpu", "cores", "memory_gib", "system"}


@pytest.mark.parametrize(
    "text", ["{", "[]", json.dumps({"schema": "kerasfront-bench/0"}), '{"schema": "kerasfront-bench/1"}']
)
def test_a_file_that_is_no_document_is_refused(tmp_path, text):
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(str(path))):
        results.read(path)


def test_tables_and_the_chart_show_every_row(tmp_path):
    trained = row([1000.0, 1100.0], [900.0, 1000.0], per="step", batch=32, steps=10)
    for side in trained["sides"].values():
        side.update(samples_per_s=32000.0, first_step_s=0.5, peak_mb=300.0)
    document = run_of(mlp_small=trained, predict=row([20.0, 22.0], [10.0, 10.0]), broken={"error": "why"})
    console = Console(width=120, record=True, file=io.StringIO())
    for table in report.tables(document):
        console.print(table)
    text = console.export_text()
    assert "32,000" in text and "300 MB" in text and "1.05 ms" in text and "2.10 (2.00–2.20)" in text
    assert "| predict | 2.10 (2.00–2.20) |" in report.markdown(document)
    assert "| broken | failed |" in report.markdown(document)
    report.chart(document, tmp_path / "bars" / "chart.png")
    assert (tmp_path / "bars" / "chart.png").read_bytes().startswith(b"\x89PNG")
    only_front = copy.deepcopy(document)
    only_front["backends"]["torch"]["rows"] = {"fit(), fixed cost": row([1.0, 2.0])}
    report.chart(only_front, tmp_path / "other.png")
    assert (tmp_path / "other.png").exists()


def test_the_chart_counts_from_zero_and_says_its_unit(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("matplotlib.pyplot.close", figures.append)
    fast, slow = row([800.0, 900.0]), row([169600.0, 180000.0])
    report.chart(run_of(fast=fast, slow=slow), tmp_path / "times.png")
    report.chart(run_of(a=row([1000.0, 1100.0], [500.0, 500.0])), tmp_path / "ratios.png")
    times, ratios = (figure.axes[0] for figure in figures)
    assert times.get_xscale() == "linear" and times.get_xlim()[0] == 0
    assert times.get_xlabel() == "time in ms" and ratios.get_xlabel() == "time, native = 1"
    assert [bar.get_width() for bar in times.patches] == pytest.approx([0.85, 174.8])
    assert {"850 µs", "175 ms"} <= {text.get_text() for text in times.texts}
    for figure in figures:  # the legend is beside the axes, not over a label
        figure.canvas.draw()
        legend, axes = figure.legends[0].get_window_extent(), figure.axes[0].get_tightbbox()
        assert legend.y1 <= axes.y0


def test_times_are_written_in_a_unit_that_suits():
    assert [report.quantity(v, "us") for v in (0.5, 12.0, 169600.0, 3e9)] == ["500 ns", "12 µs", "170 ms", "3,000 s"]
    assert report.quantity(12.5, "MB") == "12.5 MB"
    assert worker.one_line(row([169600.0, 169600.0])) == "front 170 ms"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--work", "mlp_smal"], "mlp_smal"),
        (["--backends", "mxnet"], "mxnet"),
        (["--backends", "numpy"], "numpy"),
        (["--clock", "sun"], "sun"),
        (["--compare", "nowhere.json"], "nowhere.json"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(arguments, said):
    done = CliRunner().invoke(app, ["bench", *arguments])
    assert done.exit_code == 2
    assert said in done.output


def test_the_command_knows_the_workloads():
    bench = importlib.import_module("kerasfront.cli.commands.bench")
    assert list(bench.WORKLOADS) == list(workloads.WORKLOADS)
    assert list(bench.LAYERS) == list(workloads.LAYERS)
    assert list(bench.CALLS) == list(worker.EXTRAS)


def test_an_own_model_must_be_found():
    for target in ("nowhere.py:build", "build", "nowhere.py"):
        with pytest.raises(ValueError, match="file.py:function"):
            workloads.own_model(target, 8, 2)


def test_an_own_models_file_must_have_the_function(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("x = 1\ndef both(keras): pass\ndef one(batch=3): pass\n")
    with pytest.raises(ValueError, match="no function 'x'"):
        workloads.own_model(f"{path}:x", 8, 2)
    assert not workloads.own_model(f"{path}:both", 8, 2).custom
    assert workloads.own_model(f"{path}:one", 8, 2).custom
