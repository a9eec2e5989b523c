"""The progress bar: its formats, its averages, and how seldom it reads values."""

import io
import sys

import pytest

from kerasfront import config
from kerasfront.utils import Progbar, console


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("kerasfront.utils.progbar.time.perf_counter", lambda: now[0])
    return now


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")


def test_live_bar_counts_and_estimates(clock, plain, capsys):
    bar = Progbar(12)
    clock[0] = 1.0
    bar.update(1, [("loss", 0.5)])
    clock[0] = 1.5
    bar.update(6, [("loss", 0.25)])
    drawn = capsys.readouterr().out.split("\r")
    # One step is left out of the time per step, as it may compile: 0.5 s for 5 steps, 6 steps to go.
    assert drawn[-1].startswith(" 6/12 " + "━" * 20 + " 0s 100ms/step - loss: 0.2917")
    clock[0] = 2.1
    bar.update(12, [("loss", 0.75)])
    assert capsys.readouterr().out == "\r12/12 " + "━" * 20 + " 2s 100ms/step - loss: 0.7500\n"


def test_colours_as_in_keras(capsys, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    Progbar(4).update(1)
    out = capsys.readouterr().out
    assert out.startswith("\r\x1b[1m1/4\x1b[0m \x1b[32m━━━━━\x1b[0m\x1b[37m" + "━" * 15 + "\x1b[0m \x1b[1m")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(2e-6, "2us/step"), (0.025, "25ms/step"), (3.0, "3s/step")],
)
def test_time_per_step(clock, capsys, seconds, expected):
    bar = Progbar(2, verbose=2)
    clock[0] = 10.0
    bar.update(1)
    clock[0] += seconds
    bar.update(2)
    assert f" - {expected}" in capsys.readouterr().out


@pytest.mark.parametrize(("left", "expected"), [(45, "45s"), (90, "1:30"), (3725, "1:02:05")])
def test_time_left(clock, plain, capsys, left, expected):
    bar = Progbar(2)
    clock[0] = float(left)
    bar.update(1)
    assert f"━ {expected} " in capsys.readouterr().out


def test_numbers_are_written_as_in_keras(capsys):
    Progbar(1, verbose=2).update(1, {"a": 1e-4, "b": 12345.678, "c": 3, "d": "text", "e": 0.0, "f": -0.25})
    out = capsys.readouterr().out
    assert out.endswith(" - a: 1.0000e-04 - b: 12345.6780 - c: 3.0000 - d: text - e: 0.0000 - f: -0.2500\n")


def test_unknown_target(clock, plain, capsys):
    bar = Progbar(None)
    bar.update(1, [("loss", 0.5)])
    assert "1/Unknown 0s" in capsys.readouterr().out
    bar.update(3, [("loss", 0.1)], finalize=True)
    assert capsys.readouterr().out.endswith("loss: 0.1000\n")


@pytest.mark.parametrize(
    ("options", "loss", "accuracy"),
    [
        ({}, (0.5 + 5 * 0.25) / 6, (1.0 + 5 * 2.0) / 6),
        ({"stateful_metrics": ["acc"]}, (0.5 + 5 * 0.25) / 6, 2.0),
        ({"stateless_metrics": ["acc"]}, 0.25, (1.0 + 5 * 2.0) / 6),
    ],
)
def test_averages(options, loss, accuracy):
    bar = Progbar(12, verbose=0, **options)
    bar.update(1, [("loss", 0.5), ("acc", 1.0)])
    bar.update(6, [("loss", 0.25), ("acc", 2.0)])
    assert bar.shown() == pytest.approx({"loss": loss, "acc": accuracy})
    bar.update(12, [("loss", 9.0), ("acc", 8.0)])
    assert bar.shown() == {"loss": 9.0, "acc": 8.0}


def test_values_are_read_only_when_drawn(clock, capsys):
    reads = []
    bar = Progbar(1000, interval=0.1)
    for step in range(1, 1000):
        clock[0] += 0.001
        bar.update(step, lambda step=step: reads.append(step) or {"loss": step})
    assert len(reads) == 10
    assert capsys.readouterr().out.count("\r") == 10


def test_last_plain_values_replace_late_ones_unread(capsys):
    bar = Progbar(2, verbose=2)
    bar.update(1, lambda: pytest.fail("read"))
    bar.update(2, {"loss": 1.0})
    assert "loss: 1.0000" in capsys.readouterr().out


def test_silent(capsys):
    bar = Progbar(2, verbose=0)
    bar.update(1, lambda: pytest.fail("read"))
    bar.add(1)
    assert capsys.readouterr().out == ""


def test_auto_is_one_line_in_a_pipe(capsys):
    bar = Progbar(2, verbose="auto")
    bar.update(1, {"loss": 1.0})
    bar.update(2, {"loss": 1.0})
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and "\r" not in out and "\x1b" not in out and out.startswith("2/2 - 0s - ")


def test_auto_is_live_in_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert console.is_live()
    assert Progbar(2, verbose="auto").verbose == 1
    monkeypatch.setenv("TERM", "dumb")
    assert Progbar(2, verbose="auto").verbose == 2


def test_auto_is_live_in_a_notebook(monkeypatch):
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(sys, "stdout", stream)
    assert console.is_live()


def test_a_line_never_wraps_while_it_is_drawn(monkeypatch, plain):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    bar = Progbar(3, interval=0)
    many = {f"metric_{i}": 1.0 for i in range(10)}
    bar.update(1, many)
    bar.update(2, {})
    assert all(len(line) < 60 for line in terminal.getvalue().split("\r"))
    bar.update(3, many)
    assert "metric_9: 1.0000\n" in terminal.getvalue()


def test_what_a_shorter_line_leaves_is_erased(clock, plain, capsys):
    bar = Progbar(10, interval=0, stateful_metrics=["loss"])
    bar.update(1, {"loss": "a long text"})
    first = capsys.readouterr().out
    bar.update(2, {"loss": "x"})
    assert len(capsys.readouterr().out) == len(first)


def test_interactive_logging_off_goes_to_logging(capsys, caplog):
    config.disable_interactive_logging()
    try:
        with caplog.at_level("INFO", logger="kerasfront"):
            Progbar(1, verbose=2).update(1, {"loss": 2.0})
            console.announce("hello")
    finally:
        config.enable_interactive_logging()
    assert capsys.readouterr().out == ""
    assert "loss: 2.0000" in caplog.text and "hello" in caplog.text


@pytest.mark.parametrize("verbose", [3, -1, "loud", None])
def test_wrong_verbose(verbose):
    with pytest.raises(ValueError, match="`verbose`.* to be"):
        Progbar(1, verbose=verbose)
