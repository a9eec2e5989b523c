"""How the cost grows: with layers, with variables, with the size of a file that is streamed, with features and inputs.

    python benchmarks/scale.py --json benchmarks/results/scale.json --plots benchmarks/results
    python benchmarks/scale.py --curves data --megabytes 2560,5120,10240 --folder /big/disk

Every curve should be linear or better: the exponent of a curve is that of the power law through its upper half. The
data set is a memory-mapped file, read in order and shuffled; the curve of its memory (anonymous memory of the process,
which is what training holds beside the file's pages) should be flat.
"""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from frame import libraries, run

from kerasfront_bench.sides import waiting
from kerasfront_bench.timing import row

CURVES = ("layers", "variables", "data", "features", "inputs")
BATCH = 32


def point(curve, x, values, unit):
    """One point of a curve."""
    return f"{curve}, {x}", row({"front": values}, unit, curve=curve, x=x)


class Training:
    """A compiled model with its data; `step` is the time of a training step."""

    def __init__(self, keras, backend, timer, model, x, y, batch=BATCH):
        model.compile("adam", "mse")
        self.model, self.timer, self.batch, self.x, self.y = model, timer, batch, x, y
        self.wait = waiting(backend)
        self.first = timer.time(lambda: self.train(batch))
        for _ in range(2):
            self.train(None)
        self.steps = -(-len(y) // batch)

    def train(self, samples):
        x = {k: v[:samples] for k, v in self.x.items()} if isinstance(self.x, dict) else self.x[:samples]
        self.model.fit(x, self.y[:samples], batch_size=self.batch, verbose=0, shuffle=False)
        self.wait([variable.value for variable in self.model.trainable_variables])

    def step(self, rounds):
        return [self.timer.time(lambda: self.train(None)) / self.steps * 1e3 for _ in range(rounds)]


def layers(keras, backend, timer, job):
    """A chain of Dense layers."""
    for count in job["layers"]:
        inputs = keras.Input((16,))
        built = []

        def build(inputs=inputs, count=count, built=built):
            h = inputs
            for _ in range(count):
                h = keras.layers.Dense(16, activation="relu")(h)
            built.append(keras.Model(inputs, h))

        yield point("build, layers", count, [1e3 * timer.time(build) for _ in range(2)], "ms")
        x = np.ones((16 * BATCH, 16), "float32")
        training = Training(keras, backend, timer, built[-1], x, x)
        yield point("first step, layers", count, [training.first], "s")
        yield point("a step, layers", count, training.step(job["rounds"]), "ms")
        yield point("summary and count, layers", count, [1e3 * timer.time(partial(_look, training.model))], "ms")


def _look(model):
    model.count_params()
    model.get_weights()
    model.summary(print_fn=lambda text: None)


def variables(keras, backend, timer, job):
    """One layer of many small weights, trained and saved."""

    class Many(keras.layers.Layer):
        def __init__(self, count):
            super().__init__()
            self.count = count

        def build(self, shape):
            self.all = [self.add_weight(shape=(16,), initializer="ones") for _ in range(self.count)]

        def call(self, x):
            return x * keras.ops.sum(keras.ops.stack(self.all, 0), 0)

    for count in job["variables"]:
        x = np.ones((16 * BATCH, 16), "float32")
        training = Training(keras, backend, timer, keras.Sequential([keras.Input((16,)), Many(count)]), x, x)
        yield point("a step, variables", count, training.step(job["rounds"]), "ms")
        with tempfile.TemporaryDirectory() as folder:
            save = partial(training.model.save_weights, str(Path(folder, "w.weights.h5")))
            yield point("saving weights, variables", count, [1e3 * timer.time(save) for _ in range(2)], "ms")


def data(keras, backend, timer, job):
    """A memory-mapped file of 1 KiB a sample, streamed once."""
    features, batch = 256, 256
    with tempfile.TemporaryDirectory(dir=job["folder"]) as folder:
        for megabytes in job["megabytes"]:
            samples = megabytes * 1024
            path = str(Path(folder, f"{megabytes}.bin"))
            file = np.memmap(path, "float32", "w+", shape=(samples, features))
            for start in range(0, samples, 65536):
                file[start : start + 65536] = np.float32(start % 7 - 3)
            file.flush()
            del file
            x, y = np.memmap(path, "float32", "r", shape=(samples, features)), np.zeros((samples, 1), "float32")
            model = keras.Sequential([keras.Input((features,)), keras.layers.Dense(32), keras.layers.Dense(1)])
            model.compile("adam", "mse")
            peak = _PeakMemory(keras)
            epoch = partial(model.fit, batch_size=batch, verbose=0, callbacks=[peak.callback])
            epoch(x[: 4 * batch], y[: 4 * batch])
            before, peak.highest = peak.highest, 0.0
            for shuffle, kind in ((False, "in order"), (True, "shuffled")):
                seconds = [timer.time(partial(epoch, x, y, shuffle=shuffle)) for _ in range(2)]
                yield point(f"an epoch of a file {kind}, MB", megabytes, seconds, "s")
            yield point("memory beyond the file, MB", megabytes, [max(1.0, peak.highest - before)], "MB")
            Path(path).unlink()


class _PeakMemory:
    """Watches the anonymous memory of the process after every 16th batch."""

    def __init__(self, keras):
        self.highest, outer = 0.0, self

        class Watch(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                if batch % 16 == 0:
                    outer.highest = max(outer.highest, _anonymous_mb())

        self.callback = Watch()


def _anonymous_mb():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def features(keras, backend, timer, job):
    """One input of many features."""
    for count in job["features"]:
        x, y = np.ones((8 * BATCH, count), "float32"), np.ones((8 * BATCH, 1), "float32")
        model = keras.Sequential([keras.Input((count,)), keras.layers.Dense(1)])
        yield point("a step, features", count, Training(keras, backend, timer, model, x, y).step(job["rounds"]), "ms")


def inputs(keras, backend, timer, job):
    """Many inputs of one feature each, given by name."""
    for count in job["inputs"]:
        x = {f"x{i}": np.ones((16 * BATCH, 1), "float32") for i in range(count)}
        columns = {name: keras.Input((1,), name=name) for name in x}
        joined = keras.layers.Concatenate()(list(columns.values()))
        model = keras.Model(columns, keras.layers.Dense(1)(joined))
        y = np.ones((16 * BATCH, 1), "float32")
        yield point("a step, inputs", count, Training(keras, backend, timer, model, x, y).step(job["rounds"]), "ms")


def measure(backend, timer, job):
    keras = libraries({**job, "keras": False})["front"]
    for name in job["curves"]:
        yield from globals()[name](keras, backend, timer, job)


# --- curves and plots ---


def curves(document):
    """The points of every curve: {curve: {backend: ([x], [cost], unit)}}.

    The cost is the lowest of the rounds: a front may compile another program in one of them.
    """
    found = {}
    for backend, result in document["backends"].items():
        for point in result["rows"].values():
            xs, costs, _ = found.setdefault(point["curve"], {}).setdefault(backend, ([], [], point["unit"]))
            xs.append(point["x"])
            costs.append(point["sides"]["front"]["low"])
    return found


def exponent(xs, costs):
    """The exponent of the power law through the upper half of a curve; 1 is linear."""
    half = max(2, len(xs) // 2 + 1)
    return float(np.polyfit(np.log(xs[-half:]), np.log(costs[-half:]), 1)[0]) if len(xs) > 1 else 0.0


def plot(document, folder):
    """A PNG for all curves, and their exponents on the terminal."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    found = curves(document)
    columns = 3
    figure, axes = plt.subplots(
        -(-len(found) // columns), columns, figsize=(13, 3.4 * -(-len(found) // columns)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis in axes.flat[len(found) :]:
        axis.set_visible(False)
    for axis, (name, lines) in zip(axes.flat, found.items(), strict=False):
        for backend, (xs, costs, _) in lines.items():
            axis.plot(xs, costs, "o-", label=f"{backend}: x^{exponent(xs, costs):.2f}")
        what, _, over = name.partition(", ")
        axis.set(title=what, xlabel=over, ylabel=next(iter(lines.values()))[2], xscale="log", yscale="log")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.suptitle(f"kerasfront, {document['machine']['cpu']}, {document['settings']['clock']} clock", fontsize=9)
    path = Path(folder, "scale.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    print(f"plots: {path}")


def finish(document):
    for name, lines in curves(document).items():
        shown = ", ".join(f"{backend} x^{exponent(xs, costs):.2f}" for backend, (xs, costs, _) in lines.items())
        print(f"{name}: {shown}")
    if document["settings"]["plots"]:
        plot(document, document["settings"]["plots"])


def numbers(text):
    return [int(part) for part in text.split(",")]


def options(parser):
    parser.add_argument("--curves", type=lambda text: text.split(","), default=list(CURVES), help="by commas")
    parser.add_argument("--layers", type=numbers, default=[10, 30, 100, 300, 1000])
    parser.add_argument("--variables", type=numbers, default=[10, 30, 100, 300, 1000])
    parser.add_argument("--megabytes", type=numbers, default=[32, 64, 128, 256], help="of the streamed file")
    parser.add_argument("--features", type=numbers, default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--inputs", type=numbers, default=[1, 10, 30, 100, 300])
    parser.add_argument("--folder", help="where the streamed file goes")
    parser.add_argument("--plots", help="the folder for the plots")


if __name__ == "__main__":
    run(__file__, __doc__, measure, options, finish=finish)
