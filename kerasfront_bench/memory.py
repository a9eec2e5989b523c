"""The peak memory of training, in a fresh process for each side: `python -m kerasfront_bench.memory JSON`."""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasfront_bench import sides
from kerasfront_bench.native import programs
from kerasfront_bench.workloads import Workload, named, own_model

_MARK = "peak memory: "


def peak_memory(
    side: str, backend: str, workload: Workload, job: dict[str, Any], environment: Mapping[str, str]
) -> float | None:
    """Return the peak memory in MB of a process that trains one side of a workload; None where the process failed.

    It is the memory of the device on a GPU, else that of the process.
    """
    task = {"side": side, "backend": backend, "work": workload.name, "model": job.get("model"), "batch": workload.batch}
    task["steps"] = max(2, round(workload.steps * job["scale"]))
    command = [sys.executable, "-m", "kerasfront_bench.memory", json.dumps(task)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(environment), check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if not lines:
        print(f"  no peak memory of {side}: {done.stderr[-500:]}", flush=True)
        return None
    return float(lines[-1].removeprefix(_MARK))


def process_peak_mb() -> float:
    """Return the most memory in MB that this process had resident.

    On Linux it is read from /proc, since ru_maxrss counts what the parent process had before exec.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main(task: dict[str, Any]) -> None:
    """Train three epochs, and print the peak."""
    workload = named(task["work"]) or own_model(task["model"], task["batch"], task["steps"])
    side = sides.make(task["side"], task["backend"], workload)
    x, y = workload.make_data(workload.batch * task["steps"])
    gc.collect()
    for _ in range(3):
        side.train(x, y)
    module = programs(task["backend"])
    device = module.peak_device_mb() if module is not None else None
    print(f"{_MARK}{process_peak_mb() if device is None else device}", flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
