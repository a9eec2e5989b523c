"""Models that fill a GPU, against the same by hand in PyTorch and JAX, and what share of its matmul peak they reach.

    python benchmarks/device.py --json benchmarks/results/gpu.json
    python benchmarks/device.py --small --rounds 1        # the same code in small, to see that it runs

ResNet-50 on 224 x 224 images at batch 128, in float32 and in bfloat16, and a transformer of some 100M parameters on 16
sequences of 1,024 tokens in bfloat16, with the framework's fused attention. To hold: within 3 % of the program by hand.
"""

import importlib
import time
from functools import partial

import numpy as np
from frame import run

from kerasfront_bench import sides
from kerasfront_bench.workloads import Workload

FULL = {"image": 224, "batch": 128, "stages": (3, 4, 6, 3), "width": 64, "steps": 12}
FULL |= {"blocks": 12, "size": 768, "heads": 12, "words": 20_000, "length": 1024, "sequences": 16, "matmul": 8192}
SMALL = {"image": 32, "batch": 4, "stages": (1, 2, 1, 1), "width": 8, "steps": 2}
SMALL |= {"blocks": 2, "size": 32, "heads": 2, "words": 50, "length": 16, "sequences": 2, "matmul": 256}
CLASSES = 1000


# --- the models over the front ---


def resnet(sizes, keras):
    layers = keras.layers

    def unit(x, filters, size, stride=1, relu=True):
        x = layers.Conv2D(filters, size, stride, "same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        return layers.Activation("relu")(x) if relu else x

    x = inputs = keras.Input((sizes["image"], sizes["image"], 3))
    x = layers.MaxPooling2D(3, 2, "same")(unit(x, sizes["width"], 7, 2))
    for stage, count in enumerate(sizes["stages"]):
        filters = sizes["width"] * 2**stage
        for i in range(count):
            stride = 2 if stage and not i else 1
            inner = unit(unit(x, filters, 1), filters, 3, stride)
            shortcut = x if i else unit(x, 4 * filters, 1, stride, relu=False)
            x = layers.Activation("relu")(layers.Add()([unit(inner, 4 * filters, 1, relu=False), shortcut]))
    outputs = layers.Dense(CLASSES, dtype="float32")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, outputs)


def transformer(sizes, keras):
    layers, size = keras.layers, sizes["size"]

    class Position(layers.Layer):
        def build(self, shape):
            self.table = self.add_weight(shape=(sizes["length"], size), initializer="random_normal", name="table")

        def call(self, x):
            return x + self.table

    def norm(x):
        return layers.LayerNormalization(epsilon=1e-5)(x)

    tokens = keras.Input((sizes["length"],), dtype="int32")
    x = Position()(layers.Embedding(sizes["words"], size)(tokens))
    for _ in range(sizes["blocks"]):
        y = norm(x)
        attention = layers.MultiHeadAttention(sizes["heads"], size // sizes["heads"])
        x = layers.Add()([x, attention(y, y, use_causal_mask=True)])
        y = layers.Dense(4 * size, activation="gelu")(norm(x))
        x = layers.Add()([x, layers.Dense(size)(y)])
    return keras.Model(tokens, layers.Dense(sizes["words"])(norm(x)))


def images(sizes, samples, seed):
    rng = np.random.default_rng(seed)
    shape = (samples, sizes["image"], sizes["image"], 3)
    return rng.standard_normal(shape, np.float32), rng.integers(0, CLASSES, samples).astype(np.int32)


def texts(sizes, samples, seed):
    found = np.random.default_rng(seed).integers(0, sizes["words"], (samples, sizes["length"] + 1)).astype(np.int32)
    return found[:, :-1], found[:, 1:]


# --- the floating-point operations of a training step: three times those of the forward pass ---


def resnet_flops(sizes):
    side, total, channels = sizes["image"] // 2, 0, sizes["width"]
    total += side**2 * 49 * 3 * channels
    side //= 2
    for stage, count in enumerate(sizes["stages"]):
        filters = sizes["width"] * 2**stage
        for i in range(count):
            before = side**2
            side //= 2 if stage and not i else 1
            total += before * channels * filters + side**2 * (9 * filters**2 + 4 * filters**2)
            total += 0 if i else side**2 * channels * 4 * filters
            channels = 4 * filters
    return 3 * 2 * (total + channels * CLASSES) * sizes["batch"]


def transformer_flops(sizes):
    size, length = sizes["size"], sizes["length"]
    weights = sizes["blocks"] * 12 * size**2 + size * sizes["words"]
    return 3 * 2 * (weights + sizes["blocks"] * length * size) * length * sizes["sequences"]  # half of it is masked


# --- PyTorch by hand ---


def torch_program(sizes, workload, half):
    import torch
    import torch.nn.functional as F
    from torch import nn

    from kerasfront_bench import native_torch

    class Unit(nn.Module):
        def __init__(self, inputs, filters, size, stride=1, relu=True):
            super().__init__()
            self.size, self.stride, self.relu = size, stride, relu
            self.conv = nn.Conv2d(inputs, filters, size, stride, size // 2 if stride == 1 else 0, bias=False)
            self.norm = nn.BatchNorm2d(filters, 1e-3, 0.01)

        def forward(self, x):
            if self.stride > 1 and self.size > 1:  # Keras pads less in front than behind
                before = (self.size - self.stride) // 2
                after = self.size - self.stride - before
                x = F.pad(x, (before, after, before, after))
            x = self.norm(self.conv(x))
            return F.relu(x) if self.relu else x

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, channels, blocks = Unit(3, sizes["width"], 7, 2), sizes["width"], []
            for stage, count in enumerate(sizes["stages"]):
                filters = sizes["width"] * 2**stage
                for i in range(count):
                    stride = 2 if stage and not i else 1
                    inner = [Unit(channels, filters, 1), Unit(filters, filters, 3, stride)]
                    inner.append(Unit(filters, 4 * filters, 1, relu=False))
                    shortcut = nn.Identity() if i else Unit(channels, 4 * filters, 1, stride, relu=False)
                    blocks.append(nn.ModuleList([nn.Sequential(*inner), shortcut]))
                    channels = 4 * filters
            self.blocks, self.logits = nn.ModuleList(blocks), nn.Linear(channels, CLASSES)

        def forward(self, x):
            x = F.max_pool2d(F.pad(self.stem(x), (0, 1, 0, 1), value=float("-inf")), 3, 2)
            for inner, shortcut in self.blocks:
                x = F.relu(inner(x) + shortcut(x))
            return self.logits(x.mean((2, 3)))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            size = sizes["size"]
            self.norm_a, self.norm_b = nn.LayerNorm(size), nn.LayerNorm(size)
            self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
            self.up, self.down = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

        def forward(self, x):
            batch, length, size = x.shape
            qkv = self.qkv(self.norm_a(x)).view(batch, length, 3, sizes["heads"], size // sizes["heads"])
            mixed = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4), is_causal=True)
            x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, size))
            return x + self.down(F.gelu(self.up(self.norm_b(x))))

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(sizes["words"], sizes["size"])
            self.position = nn.Parameter(torch.randn(sizes["length"], sizes["size"]) * 0.05)
            self.blocks = nn.Sequential(*(Block() for _ in range(sizes["blocks"])))
            self.norm, self.logits = nn.LayerNorm(sizes["size"]), nn.Linear(sizes["size"], sizes["words"])

        def forward(self, x):
            return self.logits(self.norm(self.blocks(self.embedding(x) + self.position)))

    class Program(native_torch.Program):
        def loss_and_hits(self, x, y):
            with torch.autocast(native_torch.DEVICE.type, torch.bfloat16, enabled=half):
                return super().loss_and_hits(x, y)

    native_torch.NETS[workload.name] = ResNet if workload.images else Transformer
    return Program(workload)


# --- JAX by hand ---


def jax_program(sizes, workload, half):
    import jax
    import jax.numpy as jnp
    from jax import lax

    from kerasfront_bench import native_jax as native

    dtype = jnp.bfloat16 if half else jnp.float32

    def resnet_net():
        weights, statistics, plan = {}, {}, []

        def add(name, inputs, filters, size):
            weights[name] = {"w": native._glorot(size, size, inputs, filters)}
            weights[name] |= {"g": native._ones(filters), "b": native._zeros(filters)}
            statistics[name] = {"mean": native._zeros(filters), "variance": native._ones(filters)}

        channels = sizes["width"]
        add("stem", 3, channels, 7)
        for stage, count in enumerate(sizes["stages"]):
            filters = sizes["width"] * 2**stage
            for i in range(count):
                name = f"{stage}_{i}"
                plan.append((name, 2 if stage and not i else 1, not i))
                parts = [("a", channels, filters, 1), ("b", filters, filters, 3), ("c", filters, 4 * filters, 1)]
                for part, *shape in [*parts, *([] if i else [("s", channels, 4 * filters, 1)])]:
                    add(name + part, *shape)
                channels = 4 * filters
        weights["logits"] = native._linear(channels, CLASSES)

        def apply(p, s, x, training, key):
            after = {}

            def unit(name, x, stride=1):
                y = native._conv(x.astype(dtype), p[name]["w"].astype(dtype), stride, "SAME")
                y, after[name] = native.batch_norm(p[name], s[name], y.astype(jnp.float32), training)
                return y.astype(dtype)

            x = jax.nn.relu(unit("stem", x, 2))
            x = lax.reduce_window(x, np.array(-np.inf, x.dtype), lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
            for name, stride, first in plan:
                inner = jax.nn.relu(unit(name + "b", jax.nn.relu(unit(name + "a", x)), stride))
                x = jax.nn.relu(unit(name + "c", inner) + (unit(name + "s", x, stride) if first else x))
            return native._dense(p["logits"], x.mean((1, 2)).astype(jnp.float32)), after

        return weights, statistics, apply

    def transformer_net():
        size = sizes["size"]

        def norm():
            return {"w": native._ones(size), "b": native._zeros(size)}

        def normed(p, x):  # in float32, as the layers of the frameworks do
            return native._layer_norm(p, x.astype(jnp.float32)).astype(dtype)

        weights = {"embedding": native._small(sizes["words"], size), "position": native._small(sizes["length"], size)}
        weights |= {"norm": norm(), "logits": native._linear(size, sizes["words"])}
        for i in range(sizes["blocks"]):
            weights |= {f"norm_a{i}": norm(), f"norm_b{i}": norm()}
            weights |= {f"qkv{i}": native._linear(size, 3 * size), f"out{i}": native._linear(size, size)}
            weights |= {f"up{i}": native._linear(size, 4 * size), f"down{i}": native._linear(4 * size, size)}

        def attention(qkv, out, x):
            shape = (*x.shape[:2], sizes["heads"], size // sizes["heads"])
            q, k, v = (part.reshape(shape) for part in jnp.split(native._dense(qkv, x), 3, -1))
            # cuDNN's fused attention where there is a GPU
            fused = "cudnn" if half and jax.default_backend() == "gpu" else None
            mixed = jax.nn.dot_product_attention(q, k, v, is_causal=True, implementation=fused)
            return native._dense(out, mixed.reshape(x.shape))

        def apply(p, s, x, training, key):
            p = jax.tree.map(lambda w: w.astype(dtype), p)
            x = jnp.take(p["embedding"], x, axis=0) + p["position"]
            for i in range(sizes["blocks"]):
                x = x + attention(p[f"qkv{i}"], p[f"out{i}"], normed(p[f"norm_a{i}"], x))
                inner = jax.nn.gelu(native._dense(p[f"up{i}"], normed(p[f"norm_b{i}"], x)), False)
                x = x + native._dense(p[f"down{i}"], inner)
            return native._dense(p["logits"], normed(p["norm"], x)).astype(jnp.float32), s

        return weights, {}, apply

    native.NETS[workload.name] = resnet_net if workload.images else transformer_net
    return native.Program(workload)


# --- the peak, measured ---


def matmul_rate(backend, size, half):
    """Operations a second of a large product of matrices, the best of five."""
    if backend == "torch":
        import torch

        from kerasfront_bench.native_torch import DEVICE, wait

        torch.backends.cuda.matmul.allow_tf32 = True  # as in convolutions, and on JAX
        x = torch.randn(size, size, device=DEVICE, dtype=torch.bfloat16 if half else torch.float32)
        product = partial(torch.matmul, x, x)
    else:
        import jax
        import jax.numpy as jnp

        wait = jax.block_until_ready
        x = jax.random.normal(jax.random.key(0), (size, size), jnp.bfloat16 if half else jnp.float32)
        product = partial(jax.jit(jnp.matmul), x, x)
    wait(product())
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(10):
            out = product()
        wait(out)
        seconds.append((time.perf_counter() - start) / 10)
    if backend == "torch":
        torch.backends.cuda.matmul.allow_tf32 = False
    return 2 * size**3 / min(seconds)


WORK = {"resnet50": False, "resnet50, bfloat16": True, "transformer, bfloat16": True}


def made(backend, name, sizes):
    """The front's side and that by hand, both compiled, with their data."""
    half, is_net = WORK[name], name.startswith("resnet")
    keras = importlib.import_module("kerasfront")
    keras.config.set_dtype_policy("mixed_bfloat16" if half else "float32")
    model, data = (resnet, images) if is_net else (transformer, texts)
    batch = sizes["batch" if is_net else "sequences"]
    workload = Workload(
        name, batch, sizes["steps"], "sparse", partial(model, sizes), partial(data, sizes), images=is_net
    )
    x, y = workload.make_data(batch * workload.steps)
    native = sides.NativeSide.__new__(sides.NativeSide)
    native.program = {"torch": torch_program, "jax": jax_program}[backend](sizes, workload, half)
    native.workload, native.rng, native.losses = workload, np.random.default_rng(1), []
    both = {"front": sides.make("front", backend, workload), "native": native}
    for side in both.values():
        sides.warmed_up(side, x, y, batch)
    return both, x, y


def measure(backend, timer, job):
    sizes = SMALL if job["small"] else FULL
    for name, half in WORK.items():
        if not any(name.startswith(wanted) for wanted in job["work"]):
            continue
        both, x, y = made(backend, name, sizes)
        batch, steps = both["front"].workload.batch, sizes["steps"]
        flops = resnet_flops(sizes) if name.startswith("resnet") else transformer_flops(sizes)
        row = timer.interleave({key: partial(side.train, x, y) for key, side in both.items()}, per=steps)
        peak = matmul_rate(backend, sizes["matmul"], half)
        row |= {"per": "step", "batch": batch, "steps": steps, "matmul_flops": peak, "step_flops": flops}
        for key, side in both.items():
            found = row["sides"][key]
            rate = flops * 1e6 / found["median"]
            found |= {"parameters": side.parameters(), "loss": side.losses[-1], "share_of_peak": rate / peak}
        yield name, row
        shares = ", ".join(f"{key} {100 * row['sides'][key]['share_of_peak']:.1f} %" for key in both)
        print(f"  {name}: of {peak / 1e12:.2f} TFLOP/s measured, {shares}", flush=True)


def options(parser):
    parser.add_argument("--small", action="store_true", help="in small, to see that it runs")
    parser.add_argument(
        "--work", type=lambda text: text.split(","), default=["resnet50", "transformer"], help="by commas"
    )
    parser.set_defaults(backends=["torch", "jax"], rounds=5)


if __name__ == "__main__":
    run(__file__, __doc__.splitlines()[0], measure, options, clock="wall")
