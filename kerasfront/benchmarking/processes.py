"""One process a backend: frameworks share a process badly, and each should be measured alone."""

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
    """The environment of a process with that backend chosen, in which the framework says little about itself."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONUNBUFFERED": "1"}
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return environment


def is_chatter(line: str) -> bool:
    """Whether a line is what a framework says about itself, whatever it was told of logs."""
    return line.startswith(_CHATTER)


def start(backend: str, command: Sequence[str], show: Callable[[str], None]) -> tuple[int, str]:
    """Runs a Python program with a backend chosen, and shows its output line by line.

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
    """Runs `python PROGRAM JOB RESULT` for the job's backend; what it wrote into RESULT.

    A process that fails gives what it wrote before, with the key "error".
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        status, output = start(job["backend"], [*program, json.dumps(job), str(result)], show)
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {"rows": {}}
    return found if status == 0 else {**found, "error": f"exit status {status}:\n{output}"}
