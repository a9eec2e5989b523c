"""What an op costs beyond the framework's function that it calls: eager, on small tensors, and on symbolic ones.

    python benchmarks/ops_overhead.py --keras --json benchmarks/results/ops.json

To hold: a median of at most 300 ns on one float32 tensor and 500 ns on two, and at most 100 us for a symbolic call.
"""

import importlib
from functools import partial

import numpy as np
from frame import libraries, run

from kerasfront_bench.native import programs

ONE = ("negative", "exp", "tanh", "relu", "mean", "reshape", "transpose")
TWO = ("add", "multiply", "maximum", "matmul", "divide")
WITH = {"mean": {"axis": 1}, "reshape": {"newshape": (4, 16)}}
SYMBOLIC = ("exp", "mean", "add", "matmul")


def native(backend, a, b):
    """The framework's own function for each op, on the same tensors."""
    module = importlib.import_module("jax.numpy" if backend == "jax" else backend)
    if backend == "torch":
        calls = {"relu": partial(module.relu, a), "mean": partial(module.mean, a, 1)}
        calls |= {"reshape": partial(module.reshape, a, (4, 16)), "transpose": partial(module.t, a)}
        names = {"divide": "div"}
    elif backend == "jax":
        calls = {"relu": partial(importlib.import_module("jax.nn").relu, a), "mean": partial(module.mean, a, 1)}
        calls |= {"reshape": partial(module.reshape, a, (4, 16)), "transpose": partial(module.transpose, a)}
        names = {}
    else:
        calls = {"relu": partial(module.nn.relu, a), "mean": partial(module.reduce_mean, a, 1)}
        calls |= {"reshape": partial(module.reshape, a, (4, 16)), "transpose": partial(module.transpose, a)}
        names = {}
    calls |= {name: partial(getattr(module, name), a) for name in ONE if name not in calls}
    return calls | {name: partial(getattr(module, names.get(name, name)), a, b) for name in TWO}


def measure(backend, timer, job):
    fronts = libraries(job)
    ops = fronts["front"].ops
    arrays = [np.random.default_rng(i).standard_normal((8, 8), np.float32) for i in range(2)]
    a, b = map(ops.convert_to_tensor, arrays)
    framework = native(backend, a, b)
    wait = programs(backend).wait
    for name in (*ONE, *TWO):
        tensors = (a,) if name in ONE else (a, b)
        sides = {
            side: partial(getattr(front.ops, name), *tensors, **WITH.get(name, {})) for side, front in fronts.items()
        }
        sides = {"front": sides["front"], "native": framework[name], **sides}
        for call in sides.values():
            wait(call())
        row = timer.calls(sides, unit="ns", seconds=job["seconds"], wait=wait)
        yield f"{name} ({len(tensors)})", {**row, "tensors": len(tensors)}
    for name in SYMBOLIC:
        sides = {}
        for side, front in fronts.items():
            tensors = [front.KerasTensor((None, 8)) for _ in range(2 if name in TWO else 1)]
            if name == "matmul":
                tensors[1] = front.KerasTensor((8, 8))
            sides[side] = partial(getattr(front.ops, name), *tensors, **WITH.get(name, {}))
        yield f"{name}, symbolic", timer.calls(sides, unit="us", seconds=job["seconds"])


def cell(row):
    """The time beyond the native call, for Keras too."""
    if "native" not in row["against"]:
        return ", ".join(f"{name} {side['median']:.0f} us" for name, side in row["sides"].items())
    beyond = row["against"]["native"]["difference"]["median"]
    bare = row["sides"]["native"]["median"]
    keras = row["sides"].get("keras")
    return f"{beyond:+.0f} ns on {bare:.0f}" + (f" (Keras {keras['median'] - bare:+.0f})" if keras else "")


def options(parser):
    parser.add_argument("--seconds", type=float, default=0.03, help="of one round of one side")


if __name__ == "__main__":
    run(__file__, __doc__.splitlines()[0], measure, options, cell, clock="thread")
