"""Single layers against the framework's own: a forward pass of a batch, and a training step.

    python benchmarks/layers.py --keras --json benchmarks/results/layers.json

torch.nn's layers, a lax.scan on JAX, a while loop on TensorFlow. To hold: at most 1.1 times native.
"""

from functools import partial

from frame import run

from kerasfront_bench import fit, sides
from kerasfront_bench.workloads import LAYERS


def measure(backend, timer, job):
    for name, workload in LAYERS.items():
        chosen = sides.names(backend, workload, job["keras"])
        made = {side: sides.make(side, backend, workload) for side in chosen}
        x, _ = workload.make_data(workload.batch)
        calls = {
            side: partial(one.program.predict, x)
            if isinstance(one, sides.NativeSide)
            else partial(one.model.predict_on_batch, x)
            for side, one in made.items()
        }
        for call in calls.values():
            call()
        yield f"{name}, forward", timer.calls(calls, seconds=0.2 * job["scale"])
        yield f"{name}, training step", fit.measure(backend, workload, timer, {**job, "memory": False})


def options(parser):
    parser.add_argument("--scale", type=float, default=1.0, help="makes the rounds longer or shorter")


if __name__ == "__main__":
    run(__file__, __doc__.splitlines()[0], measure, options)
