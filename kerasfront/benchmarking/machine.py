"""What times depend on in a machine: its CPU, cores, memory and system."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["this_machine"]


def this_machine() -> dict[str, Any]:
    """Return the model of the CPU, the cores that this process may use, the memory in GiB, and the system.

    >>> from kerasfront.benchmarking.machine import this_machine
    >>> sorted(this_machine())
    ['cores', 'cpu', 'memory_gib', 'system']
    """
    return {"cpu": _cpu(), "cores": _cores(), "memory_gib": _memory(), "system": f"{sys.platform} {platform.machine()}"}


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        keys = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        if "model name" in keys:  # Many virtual machines hide the name; family, model and stepping tell CPUs apart.
            numbers = "-".join(keys.get(key, "?") for key in ("cpu family", "model", "stepping"))
            return f"{keys['model name']} ({numbers})"
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (AttributeError, OSError, ValueError):
        return None
