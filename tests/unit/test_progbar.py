"""The progress bar: its formats, its averages, how seldom it reads values, and what a terminal shows of it."""

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import sys
import termios
import threading

import pyte
import pytest

from kerasfront import config, console
from kerasfront.callbacks import CallbackList
from kerasfront.utils import Progbar


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Screen:
    """A terminal of so many columns on a pseudo-terminal, which becomes standard output inside."""

    def __init__(self, columns):
        self.display = pyte.Screen(columns, 30)
        self.written = b""
        self.columns = columns

    def __enter__(self):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, self.columns, 0, 0))
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        self.before, sys.stdout = sys.stdout, self.stream
        return self

    def read(self):
        # The other side is closed: Linux says so by an error.
        with contextlib.suppress(OSError):
            while data := os.read(self.master, 4096):
                self.written += data

    def __exit__(self, *exc):
        sys.stdout = self.before
        self.stream.close()
        self.reader.join(10)
        os.close(self.master)
        pyte.ByteStream(self.display).feed(self.written)

    @property
    def lines(self):
        return [line.rstrip() for line in self.display.display if line.strip()]


@pytest.fixture
def terminal(monkeypatch, capsys):
    """Standard output as a terminal of 80 columns; returns what was written since the last time."""
    monkeypatch.setattr(console, "is_live", lambda: True)
    monkeypatch.setattr(console, "width", lambda: 80)
    return lambda: capsys.readouterr().out


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("kerasfront.console.progbar.time.perf_counter", lambda: now[0])
    return now


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")


def test_live_bar_counts_and_estimates(clock, plain, terminal):
    bar = Progbar(12)
    clock[0] = 1.0
    bar.update(1, [("loss", 0.5)])
    clock[0] = 1.5
    bar.update(6, [("loss", 0.25)])
    drawn = terminal().split("\r")
    # One step is left out of the time per step, as it may compile: 0.5 s for 5 steps, 6 steps to go.
    assert drawn[-1].startswith(" 6/12 " + "━" * 10 + "─" * 10 + " 0s 100ms/step - loss: 0.2917")
    clock[0] = 2.1
    bar.update(12, [("loss", 0.75)])
    assert terminal() == "\r12/12 " + "━" * 20 + " 2s 100ms/step - loss: 0.7500\n"


def test_colours_as_in_keras(terminal, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    Progbar(4).update(1)
    out = terminal()
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
def test_time_left(clock, plain, terminal, left, expected):
    bar = Progbar(2)
    clock[0] = float(left)
    bar.update(1)
    assert f"─ {expected} " in terminal()


def test_numbers_are_written_as_in_keras(capsys):
    Progbar(1, verbose=2).update(1, {"a": 1e-4, "b": 12345.678, "c": 3, "d": "text", "e": 0.0, "f": -0.25})
    out = capsys.readouterr().out
    assert out.endswith(" - a: 1.0000e-04 - b: 12345.6780 - c: 3.0000 - d: text - e: 0.0000 - f: -0.2500\n")


def test_unknown_target(clock, plain, terminal):
    bar = Progbar(None)
    bar.update(1, [("loss", 0.5)])
    assert "1/Unknown 0s" in terminal()
    bar.update(3, [("loss", 0.1)], finalize=True)
    assert terminal().endswith("loss: 0.1000\n")


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


def test_values_are_read_only_when_drawn(clock, terminal):
    reads = []
    bar = Progbar(1000, interval=0.1)
    for step in range(1, 1000):
        clock[0] += 0.001
        bar.update(step, lambda step=step: reads.append(step) or {"loss": step})
    assert len(reads) == 10
    assert terminal().count("\r") == 10


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


LOGS = {"loss": 0.12345, "accuracy": 0.98765, "top_k_categorical_accuracy": 1.0}
VAL_LOGS = {f"val_{name}": value for name, value in LOGS.items()}


def run(columns, steps=10, epochs=2):
    """What a terminal shows in the middle of an epoch, and at the end of several."""
    screens = []
    for until in (0, epochs):
        with Screen(columns) as screen:
            callbacks = CallbackList(add_progbar=True, verbose="auto", epochs=epochs, steps=steps)
            callbacks.on_train_begin()
            for epoch in range(max(until, 1)):
                callbacks.on_epoch_begin(epoch)
                callbacks.on_train_batch_end(steps // 2 - 1, dict(LOGS))
                if until:
                    callbacks.on_train_batch_end(steps - 1, dict(LOGS))
                    callbacks.on_epoch_end(epoch, {**LOGS, **VAL_LOGS})
        screens.append(screen.lines)
    return screens


@pytest.mark.parametrize("steps", [10, 1563])
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_what_a_terminal_shows(monkeypatch, columns, steps):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    live, ended = run(columns, steps)
    assert len(live) == 2 and live[1].strip().startswith(f"{steps // 2}/{steps} ")
    assert re.search(r" loss: 0\.12\d* .*\baccuracy: 0\.9\d+", live[1])
    # A line an epoch, and no more: nothing wrapped.
    assert [line.split()[0] for line in ended] == ["Epoch", f"{steps}/{steps}"] * 2
    for line in (live[1], ended[1], ended[3]):
        assert len(line) < columns
        # Words are whole: a name that stands there has its value.
        told = re.findall(r"([a-z_]+): (\d[\d.e+-]*)", line)
        assert "".join(f" {name}: {value}" for name, value in told) in line.replace(" - ", " ")
        assert {name for name, _ in told} <= {*LOGS, *VAL_LOGS}
    assert "val_loss: 0.12" in ended[1] and " accuracy: 0.9" in ended[1]
    assert (len(re.findall(": ", ended[1])) == 6) == (columns == 200)


def test_a_terminal_of_any_width_has_one_line(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    for columns in (30, 41, 50, 60, 70, 100, 120):
        _, ended = run(columns)
        assert len(ended) == 4 and "val_loss: 0.12" in ended[1], columns


@pytest.mark.parametrize("columns", [40, 80])
def test_without_colour_done_and_open_differ(monkeypatch, columns):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    with Screen(columns) as screen:
        Progbar(10).update(5, {"loss": 0.5})
    assert b"\x1b" not in screen.written
    assert "━━" in screen.lines[0] and "──" in screen.lines[0]


def test_letters_that_the_output_has(terminal, plain, monkeypatch):
    monkeypatch.setattr(console, "can_write", str.isascii)
    Progbar(4).update(2)
    assert f" {'=' * 10}{'.' * 10} " in terminal()


def test_a_file_gets_no_escapes(monkeypatch, tmp_path):
    with open(tmp_path / "log", "w", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdout", file)
        callbacks = CallbackList(add_progbar=True, verbose=1, epochs=2, steps=3)
        callbacks.on_train_begin()
        for epoch in range(2):
            callbacks.on_epoch_begin(epoch)
            for batch in range(3):
                callbacks.on_train_batch_end(batch, dict(LOGS))
            callbacks.on_epoch_end(epoch, dict(LOGS))
    text = (tmp_path / "log").read_bytes().decode()
    assert "\x1b" not in text and "\r" not in text
    assert [line.split(" ")[0] for line in text.splitlines()] == ["Epoch", "3/3"] * 2
    assert text.count("accuracy: 0.9877 - top_k") == 2


def test_what_a_shorter_line_leaves_is_erased(clock, plain, terminal):
    bar = Progbar(10, interval=0, stateful_metrics=["loss"])
    bar.update(1, {"loss": "a long text"})
    first = terminal()
    bar.update(2, {"loss": "x"})
    assert len(terminal()) == len(first)


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
