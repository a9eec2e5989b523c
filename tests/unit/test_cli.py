"""The commands: the options that they share, what they say of wrong ones, and the demo's table."""

import io
import pkgutil

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from kerasfront.cli import app, choices, commands
from kerasfront.cli.commands import demo


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(choices.discovery, "usable_backends", lambda: ["torch", "jax", "numpy"])


def test_each_module_in_commands_is_a_command():
    names = [module.name for module in pkgutil.iter_modules(commands.__path__)]
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert names == ["bench", "demo", "doctor"] and all(name in shown for name in names)


def test_backends_by_commas_and_by_repeating(installed):
    assert choices.chosen_backends(None) == ["torch", "jax"]
    assert choices.chosen_backends(["jax,torch"]) == ["jax", "torch"]
    assert choices.chosen_backends(["jax", "torch, jax"]) == ["jax", "torch"]


@pytest.mark.parametrize("option", ["--backend", "--backends"])
@pytest.mark.parametrize("command", ["bench", "demo"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tensorflow", 'The backend tensorflow isn\'t installed: pip install "kerasfront[tensorflow]"'),
        ("torhc", "Did you mean 'torch'?"),
        ("jax,numpy", "got 'numpy'"),
    ],
)
def test_backends_that_are_not_there(installed, command, option, name, said):
    done = CliRunner().invoke(app, [command, option, name], env={"COLUMNS": "300"})
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("mine.py:buidl", "mine.py has no function 'buidl'. Did you mean 'build'?"),
        ("mien.py:build", "There is no file mien.py for --model. Did you mean 'mine.py'?"),
        ("mine.py", "Expected --model to be file.py:function"),
        ("broken.py:build", "broken.py, line 1: "),
    ],
)
def test_a_model_that_is_not_there(installed, tmp_path, monkeypatch, target, said):
    (tmp_path / "mine.py").write_text("def build(keras):\n    return None\n")
    (tmp_path / "broken.py").write_text("def build(:\n")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["bench", "--model", target], env={"COLUMNS": "300"})
    assert done.exit_code == 2
    assert said in done.output and "Traceback" not in done.output


def test_shells_complete_backends(installed):
    complete = choices.completing(choices.trainable_backends)
    assert complete("") == ["torch", "jax"] and complete("t") == ["torch"] and complete("torch,") == ["torch,jax"]
    assert "--install-completion" in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output


def run(backend, version, device="cpu:0", accuracy=0.98, scale=1.0):
    history = {"loss": [2.0 * scale, 1.0 * scale], "val_accuracy": [0.5, accuracy]}
    summary = {
        "backend": backend, "version": version, "device": device, "accuracy": accuracy, "ms_per_step": 1234.56,
        "peak_mb": 12345.0, "history": history,
    }  # fmt: skip
    return demo.Run(summary, [np.zeros(3)])


def test_the_demos_table_fits_80_columns():
    runs = [
        run("torch", "2.13.0+cu130", "cuda:0"),
        run("jax", "0.10.12"),
        run("tensorflow", "2.21.0-rc1", scale=1.0001),
    ]
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(demo.table(runs))
    text = console.export_text()
    assert "…" not in text and all(len(line) <= 80 for line in text.splitlines())
    for word in ("tensorflow", "2.13.0+cu130 cuda:0", "accuracy", "1234.56", "12345 MB", "1.0e-04"):
        assert word in text


def test_a_short_demo_needs_not_be_accurate():
    runs = [run("torch", "2", accuracy=0.6), run("jax", "0.10", accuracy=0.6)]
    assert demo._problems(runs, epochs=3) == []
    assert len(demo._problems(runs, epochs=demo.EPOCHS)) == 2


def test_the_demo_without_matplotlib_says_how_to_get_it(installed, monkeypatch):
    monkeypatch.setattr(demo, "_train_in_process", lambda name, epochs, seed: run(name, "1"))
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda name: None if name == "matplotlib" else object())
    done = CliRunner().invoke(app, ["demo", "--epochs", "3"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    assert "matplotlib isn't installed; pip install matplotlib" in done.output
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda name: None)
    done = CliRunner().invoke(app, ["demo"], env={"COLUMNS": "200"})
    assert done.exit_code == 1 and "pip install scikit-learn" in done.output


def test_the_demo_leaves_a_busy_machine_its_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(demo.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    for load, threads in ((0.2, "4"), (6.1, "2"), (20.0, "1")):
        monkeypatch.setattr(demo.os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        assert demo._threads() == {"OMP_NUM_THREADS": threads}
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert demo._threads() == {}
