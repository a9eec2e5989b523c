"""Make models on one backend, run them on the adapter of another, in one process: `other_adapters.py OTHER HOW...`."""

from __future__ import annotations

import sys

import numpy as np

import kerasfront as keras
from kerasfront import contract, layers, ops, tree
from kerasfront.testing.layers import CASES


def cnn():
    """Convolutions, a normalization with moving statistics, and pooling."""
    x = keras.Input((8, 8, 3))
    y = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", activation="relu")(x))
    y = layers.SeparableConv2D(6, 3, strides=2, padding="same")(y)
    return keras.Model(x, layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(y)))


class Block(layers.Layer):
    """A transformer's block, which takes the sizes of its input from `ops.shape`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.attention = layers.MultiHeadAttention(2, 4)
        self.norm, self.dense = layers.LayerNormalization(), layers.Dense(8, activation="gelu")

    def call(self, x):
        batch, steps = ops.shape(x)[0], ops.shape(x)[1]
        places = ops.cast(ops.arange(steps), x.dtype)[None, :, None] / 10
        x = ops.reshape(x + places, (batch, steps, 8))
        return self.norm(x + self.dense(self.attention(x, x, use_causal_mask=True)))


def transformer():
    """An embedding that makes a mask, attention under it, and sizes that only the data tells."""
    tokens = keras.Input((None,), dtype="int32")
    x = layers.Embedding(20, 8, mask_zero=True)(tokens)
    return keras.Model(tokens, layers.GlobalAveragePooling1D()(Block()(Block()(x))))


def lstm():
    """Recurrent layers, in both directions, over a mask."""
    x = keras.Input((6, 3))
    y = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(layers.Masking()(x))
    return keras.Model(x, layers.GRU(3)(y))


def named():
    """Two inputs by their names, and two outputs."""
    first, second = keras.Input((4,), name="first"), keras.Input((3,), name="second", dtype="int32")
    y = layers.Concatenate()([layers.Dense(5)(first), ops.cast(second, "float32")])
    return keras.Model({"first": first, "second": second}, {"sum": ops.sum(y, -1), "top": ops.top_k(y, 2)[0]})


def data(name):
    """Two batches of different sizes."""
    draw = np.random.default_rng(3)
    floats = lambda *shape: draw.normal(size=shape).astype("float32")  # noqa: E731
    if name == "cnn":
        return [floats(2, 8, 8, 3), floats(3, 8, 8, 3)]
    if name == "transformer":
        return [np.array([[3, 5, 7, 0, 0]], "int32"), draw.integers(0, 20, (4, 9)).astype("int32")]
    if name == "lstm":
        x = floats(2, 6, 3)
        x[0, 4:] = 0
        return [x, floats(5, 6, 3)]
    return [{"first": floats(n, 4), "second": draw.integers(0, 9, (n, 3)).astype("int32")} for n in (2, 3)]


MODELS = {"cnn": cnn, "transformer": transformer, "lstm": lstm, "named": named}


def move_weights(model):
    """Weights as after training: none is 0 or 1."""
    draw = np.random.default_rng(7)
    for v in model.weights:
        if v.dtype == "float32":
            v.assign(v.numpy() + 0.1 * np.abs(draw.normal(size=v.shape)).astype("float32"))


def run_on(model, adapter, x, values):
    """What the model predicts on an adapter, for native tensors."""
    with contract.rebound(adapter), contract.assignments(model.variables, values):
        return model(x, training=False)


def eager(model, adapter, batches):
    values = [adapter.to_tensor(v.numpy(), v.dtype) for v in model.variables]
    for batch in batches:
        yield run_on(model, adapter, tree.map_structure(lambda a: as_tensor(adapter, a), batch), values)


def as_tensor(adapter, x):
    """An array as the adapter's tensor; arrays of strings stay."""
    return x if np.asarray(x).dtype.kind in "OUS" else adapter.to_tensor(x, None)


def compiled(model, adapter, batches):
    """By what the adapter has for steps: jit, tf.function, or the step as it is."""
    values = [adapter.to_tensor(v.numpy(), v.dtype) for v in model.variables]
    step = adapter.compile_step(lambda values, x: run_on(model, adapter, x, values), lambda: [], jit=True)
    for batch in batches:
        yield step(values, adapter.stage(batch))


def exported(model, adapter, batches):
    """By the framework's exporter, with symbolic sizes of the batch and of whatever else the model doesn't know."""
    shapes = {k: [None if i == 0 else d for i, d in enumerate(x.shape)] for k, x in _by_name(model).items()}
    batches = [_flat(model, batch) for batch in batches]
    values = [adapter.to_tensor(v.numpy(), v.dtype) for v in model.variables]
    call = {"jax": _jax_export, "torch": _torch_export}[adapter.name](model, adapter, values, list(shapes.values()))
    for batch in batches:
        yield call([adapter.to_tensor(x, None) for x in batch])


def _by_name(model):
    return dict(zip(model.input_names, model.inputs, strict=True))


def _flat(model, batch):
    return [batch[n] for n in model.input_names] if isinstance(batch, dict) else [batch]


def _nested(model, xs):
    return dict(zip(model.input_names, xs, strict=True)) if len(xs) > 1 else xs[0]


def _jax_export(model, adapter, values, shapes):
    import jax
    from jax import export

    scope = export.SymbolicScope()

    def symbolic(shape):
        names = ["b" if i == 0 else f"n{i}" if d is None else str(d) for i, d in enumerate(shape)]
        return export.symbolic_shape(",".join(names) + ",", scope=scope)

    specs = [
        jax.ShapeDtypeStruct(symbolic(s), x.dtype) for s, x in zip(shapes, model.inputs, strict=True)
    ]  # fmt: skip
    function = jax.jit(lambda values, xs: run_on(model, adapter, _nested(model, xs), values))
    program = export.export(function)([jax.ShapeDtypeStruct(v.shape, v.dtype) for v in values], specs)
    return lambda xs: program.call(values, xs)


def _torch_export(model, adapter, values, shapes):
    import torch

    class Program(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.held = torch.nn.ParameterList([torch.nn.Parameter(v.clone(), requires_grad=False) for v in values])

        def forward(self, *xs):
            return run_on(model, adapter, _nested(model, xs), list(self.held))

    examples = tuple(
        adapter.to_tensor(np.ones([6 + i if d is None else d for i, d in enumerate(s)], x.dtype), None)
        for s, x in zip(shapes, model.inputs, strict=True)
    )
    dims = [{i: torch.export.Dim.DYNAMIC for i, d in enumerate(s) if d is None} for s in shapes]
    program = torch.export.export(Program(), examples, dynamic_shapes=(tuple(dims),)).module()
    return lambda xs: program(*xs)


def same(adapter, how, expected, results):
    """Check that the adapter's tensors hold what the backend's do."""
    for want, got in zip(tree.flatten(expected), tree.flatten(results), strict=True):
        assert how == "exported" or adapter.is_tensor(got), (how, type(got))
        got, want = adapter.to_numpy(got), ops.convert_to_numpy(want)
        np.testing.assert_allclose(got.astype("float64"), want.astype("float64"), rtol=1e-5, atol=1e-5, err_msg=how)


def models(adapter, hows):
    for name, make in MODELS.items():
        model, batches = make(), data(name)
        move_weights(model)
        expected = [model(batch, training=False) for batch in batches]
        before = [v.numpy() for v in model.variables]
        for how in hows:
            for want, got in zip(expected, HOWS[how](model, adapter, batches), strict=True):
                same(adapter, how, want, got)
            print(name, how, "ok", flush=True)
        for v, value in zip(model.variables, before, strict=True):  # the model is as it was, on its own backend
            np.testing.assert_array_equal(v.numpy(), value)
        again = model(batches[0], training=False)
        for want, got in zip(tree.flatten(expected[0]), tree.flatten(again), strict=True):
            np.testing.assert_array_equal(ops.convert_to_numpy(want), ops.convert_to_numpy(got))


def every_layer(adapter):
    for case in CASES:
        inputs = case.nested([keras.Input(shape, dtype=case.dtype) for shape in case.shapes])
        model, batch = keras.Model(inputs, case.call(case.make(layers), inputs)), case.inputs()
        expected = model(batch, training=False)
        try:
            same(adapter, "eager", expected, next(eager(model, adapter, [batch])))
        except Exception as error:
            error.add_note(f"in the layer {case.id}")
            raise


HOWS = {"eager": eager, "compiled": compiled, "exported": exported}

if __name__ == "__main__":
    other, *hows = sys.argv[1:]
    if hows == ["layers"]:
        every_layer(contract.load(other))
    else:
        models(contract.load(other), hows)
