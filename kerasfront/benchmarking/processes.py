"""One process for each backend: frameworks share a process badly, and each should be measured alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["environment_of", "is_chatter", "run", "start"]

# What frameworks say about themselves when they start.
_CHATTER = ("WARNING: All log messages", "I0000 ", "W0000 ", "E0000 ")


def environment_of(backend: str) -> dict[str, str]:
    """Return the environment of a process with that backend chosen and few messages of the framework."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONUNBUFFERED": "1"}
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return environment


def is_chatter(line: str) -> bool:
    """Return whether a line is a message of a framework about itself that no setting turns off."""
    return line.startswith(_CHATTER)


def start(backend: str, command: Sequence[str], show: Callable[[str], None]) -> tuple[int, str]:
    """Run a Python program with a backend chosen, and show its output line by line.

    Returns:
        The exit status, and the last lines of the output.
    """
    lines: list[str] = []
    with subprocess.Popen(
        [sys.executable, *command],
        env=environment_of(backend),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            if not is_chatter(line):
                lines.append(line.rstrip())
                show(lines[-1])
    return process.returncode, "\n".join(lines[-30:])


def run(program: Sequence[str], job: dict[str, Any], show: Callable[[str], None]) -> dict[str, Any]:
    """Run `python PROGRAM JOB RESULT` for the job's backend.

    Returns:
        What the program wrote into RESULT; where it failed, what it wrote before, with the key "error".
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        status, output = start(job["backend"], [*program, json.dumps(job), str(result)], show)
        measured: dict[str, Any] = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {"rows": {}}
    return measured if status == 0 else {**measured, "error": f"exit status {status}:\n{output}"}
