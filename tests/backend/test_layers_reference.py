"""Layers against independent references: torch.nn with the weights carried over, and Keras itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.testing.layers import CASES, Case

BACKEND = keras.config.backend()
# Keras on torch hands over tensors in a way that NumPy 2 complains about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def values(x: Any) -> np.ndarray[Any, Any]:
    return ops.convert_to_numpy(x)


# ---- Keras --------------------------------------------------------------------------------------------------------

# Where Keras 3 is not a reference, and why.
NOT_IN_KERAS = {
    "DepthwiseConv1D-causal": "Keras refuses the padding",
    "SeparableConv1D": "Keras refuses causal padding",
    "Equalization": "Keras does nothing in inference",
    "RandomCrop": "Keras leaves images as they are in inference, other than it documents",
    "ContrastLimitedAdaptiveHistogramEqualization": "Keras rounds what isn't an integer of 8 bits down",
}
# Keras takes strings, and counts, in another way on each backend: their own tests compare them with it.
NOT_IN_KERAS |= dict.fromkeys(
    (
        "Discretization-count",
        "Hashing-strings",
        "IntegerLookup",
        "IntegerLookup-multi_hot",
        "StringLookup",
        "StringLookup-tf_idf",
        "TextVectorization",
        "TextVectorization-count",
    ),
    "compared in test_preprocessing_numeric and test_preprocessing_text",
)
if BACKEND == "torch":
    NOT_IN_KERAS |= {
        f"AveragePooling{n}D-same": "Keras counts the padding on torch, and on no other backend" for n in (1, 2, 3)
    }
COMPARED = [c for c in CASES if c.id not in NOT_IN_KERAS]


@pytest.fixture(scope="module")
def reference() -> Any:
    return pytest.importorskip("keras")


def both(case: Case, reference: Any) -> tuple[Any, Any, Any, Any]:
    """Our layer and Keras's with the same weights, and inputs for each."""
    keras.utils.set_random_seed(3)
    ours, theirs, x = case.make(layers), case.make(reference.layers), case.inputs(batch=3)
    y = reference.tree.map_structure(reference.ops.convert_to_tensor, x)
    case.call(ours, x)
    in_keras(case, theirs, y)
    theirs.set_weights(ours.get_weights())
    return ours, theirs, x, y


def in_keras(case: Case, theirs: Any, y: Any, **kwargs: Any) -> Any:
    """The outputs of Keras's layer, on TensorFlow by XLA: outside it a CPU that isn't recent lacks channels_first."""
    if BACKEND != "tensorflow" or not case.id.endswith("-first"):
        return case.call(theirs, y, **kwargs)
    import tensorflow as tf

    return tf.function(lambda: case.call(theirs, y, **kwargs), jit_compile=True)()


def nameless(config: Any) -> Any:
    """A config without the names of the layer and those inside it."""
    if isinstance(config, dict):
        return {k: nameless(v) for k, v in config.items() if k != "name" or "config" in config or len(config) == 1}
    return [nameless(v) for v in config] if isinstance(config, list | tuple) else config


def native(reference: Any, x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(reference.ops.convert_to_numpy(x))


@pytest.mark.wide
@pytest.mark.parametrize("case", [pytest.param(c, id=c.id) for c in COMPARED])
def test_as_keras(case: Case, reference: Any) -> None:
    """Values, dtypes, weights and configs: inference, and training where nothing is drawn."""
    ours, theirs, x, y = both(case, reference)
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert [w.trainable for w in ours.weights] == [w.trainable for w in theirs.weights]
    for training in [False] if case.random or not case.training else [False, True]:
        kwargs = {"training": training} if case.training else {}
        got, wanted = values(case.call(ours, x, **kwargs)), native(reference, in_keras(case, theirs, y, **kwargs))
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
        for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5)


@pytest.mark.wide
@pytest.mark.parametrize("case", [pytest.param(c, id=c.id) for c in COMPARED if c.config])
def test_keras_takes_our_config(case: Case, reference: Any) -> None:
    """Keras makes a layer of our config, and we of Keras's."""
    ours, theirs, _, _ = both(case, reference)
    made = reference.layers.deserialize(layers.serialize(ours))
    assert type(made).__name__ == type(ours).__name__
    again = layers.deserialize(reference.layers.serialize(theirs))
    assert nameless(again.get_config()) == nameless(ours.get_config())


@pytest.mark.parametrize("case", [pytest.param(c, id=c.id) for c in CASES if c.masks and not c.several])
def test_masks_as_keras(case: Case, reference: Any) -> None:
    """Where a mask passes here, it passes there (RMSNormalization and Softmax apart, which Keras doesn't let pass)."""
    theirs = case.make(reference.layers)
    assert theirs.supports_masking or case.name in ("RMSNormalization", "Lambda")


def test_masked_batch_normalization_as_keras(reference: Any) -> None:
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]], bool)
    ours, theirs = layers.BatchNormalization(momentum=0.5), reference.layers.BatchNormalization(momentum=0.5)
    got = ours(x, training=True, mask=ops.convert_to_tensor(mask))
    wanted = theirs(reference.ops.convert_to_tensor(x), training=True, mask=reference.ops.convert_to_tensor(mask))
    np.testing.assert_allclose(values(got), native(reference, wanted), rtol=1e-5, atol=1e-5)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5)


def test_layers_are_named_as_in_keras(reference: Any) -> None:
    """What a saved file's paths are made of."""
    for case in COMPARED:
        name = case.make(layers).name.rstrip("0123456789").rstrip("_")
        assert name == case.make(reference.layers).name.rstrip("0123456789").rstrip("_")


# ---- torch.nn -----------------------------------------------------------------------------------------------------

on_torch = pytest.mark.skipif(BACKEND != "torch", reason="torch.nn is the reference of the torch backend")


def first(x: Any) -> Any:
    """Channels moved from the end to axis 1."""
    return x.movedim(-1, 1)


def last(x: Any) -> Any:
    return x.movedim(1, -1)


def agree(layer: Any, module: Any, x: Any, channels: bool = True, **kwargs: Any) -> None:
    """Outputs, and gradients of the inputs, are alike."""
    import torch

    mine, other = (torch.tensor(x, requires_grad=True) for _ in range(2))
    y = layer(mine, **kwargs)
    z = last(module(first(other))) if channels else module(other)
    np.testing.assert_allclose(values(y), values(z), rtol=1e-5, atol=1e-5)
    factors = torch.linspace(-1, 2, y.numel()).reshape(y.shape)
    for out in (y, z):
        (out * factors).sum().backward()
    np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-4, atol=1e-5)


def image(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@on_torch
def test_dense_as_torch() -> None:
    import torch

    layer, module = layers.Dense(5), torch.nn.Linear(4, 5)
    layer.build((None, 4))
    layer.set_weights([module.weight.detach().numpy().T, module.bias.detach().numpy()])
    agree(layer, module, image(3, 6, 4), channels=False)


@pytest.mark.wide
@on_torch
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": 2},
        {"dilation_rate": 2},
        {"groups": 2},
        {"padding": "same", "dilation_rate": 2, "groups": 2},
    ],
    ids=str,
)
def test_convolution_as_torch(rank: int, options: dict[str, Any]) -> None:
    import torch

    names = {"strides": "stride", "dilation_rate": "dilation"}
    module = getattr(torch.nn, f"Conv{rank}d")(4, 6, 3, **{names.get(k, k): v for k, v in options.items()})
    layer = getattr(layers, f"Conv{rank}D")(6, 3, **options)
    layer.build((None, *(9,) * rank, 4))
    kernel = module.weight.detach().movedim((0, 1), (-1, -2)).numpy()
    layer.set_weights([kernel, module.bias.detach().numpy()])
    agree(layer, module, image(2, *range(9, 9 + rank), 4))


@on_torch
@pytest.mark.parametrize("rank", [1, 2])
def test_depthwise_convolution_as_torch(rank: int) -> None:
    import torch

    module = getattr(torch.nn, f"Conv{rank}d")(4, 8, 3, stride=2, groups=4)
    layer = getattr(layers, f"DepthwiseConv{rank}D")(3, strides=2, depth_multiplier=2)
    layer.build((None, *(9,) * rank, 4))
    kernel = module.weight.detach()[:, 0].movedim(0, -1).unflatten(-1, (4, 2)).numpy()
    layer.set_weights([kernel, module.bias.detach().numpy()])
    agree(layer, module, image(2, *range(8, 8 + rank), 4))


@on_torch
@pytest.mark.parametrize("rank", [1, 2])
def test_separable_convolution_as_torch(rank: int) -> None:
    import torch

    conv = getattr(torch.nn, f"Conv{rank}d")
    module = torch.nn.Sequential(conv(4, 8, 3, padding=1, groups=4, bias=False), conv(8, 5, 1))
    layer = getattr(layers, f"SeparableConv{rank}D")(5, 3, padding="same", depth_multiplier=2)
    layer.build((None, *(9,) * rank, 4))
    windows = module[0].weight.detach()[:, 0].movedim(0, -1).unflatten(-1, (4, 2)).numpy()
    points = module[1].weight.detach().movedim((0, 1), (-1, -2)).numpy()
    layer.set_weights([windows, points, module[1].bias.detach().numpy()])
    agree(layer, module, image(2, *range(8, 8 + rank), 4))


@on_torch
def test_embedding_and_einsum_as_torch() -> None:
    import torch

    module, layer = torch.nn.Embedding(7, 3), layers.Embedding(7, 3)
    indices = torch.tensor([[1, 6, 0], [2, 2, 5]])
    layer.build()
    layer.set_weights([module.weight.detach().numpy()])
    np.testing.assert_array_equal(values(layer(indices)), values(module(indices)))
    for out, weight in ((layer(indices), layer.embeddings.value), (module(indices), module.weight)):
        (out * torch.arange(18.0).reshape(2, 3, 3)).sum().backward()
        expected = torch.zeros(7, 3).index_add(0, indices.flatten(), torch.arange(18.0).reshape(6, 3))
        np.testing.assert_allclose(weight.grad.numpy(), expected.numpy(), rtol=1e-6)
    einsum = layers.EinsumDense("abc,cde->abde", (None, 2, 5), bias_axes="de")
    einsum.build((None, 6, 4))
    kernel, bias = image(4, 2, 5), image(2, 5)
    einsum.set_weights([kernel, bias])
    agree(
        einsum,
        lambda v: torch.einsum("abc,cde->abde", v, torch.tensor(kernel)) + torch.tensor(bias),
        image(3, 6, 4),
        channels=False,
    )


@on_torch
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("padding", "more"), [("valid", 0), ("valid", 1), ("same", 0)])
def test_transposed_convolution_as_torch(rank: int, padding: str, more: int) -> None:
    """With output_padding given, "same" is torch's padding of half the window.

    Where both are given, torch adds at the end and TensorFlow on both sides; the latter holds here.
    """
    import torch

    pad = {"padding": 1 if padding == "same" else 0, "output_padding": more, "stride": 2}
    module = getattr(torch.nn, f"ConvTranspose{rank}d")(4, 6, 3, **pad)
    layer = getattr(layers, f"Conv{rank}DTranspose")(6, 3, strides=2, padding=padding, output_padding=more)
    layer.build((None, *(5,) * rank, 4))
    kernel = module.weight.detach().movedim((0, 1), (-1, -2)).numpy()
    layer.set_weights([kernel, module.bias.detach().numpy()])
    agree(layer, module, image(2, *range(4, 4 + rank), 4))


@on_torch
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_pooling_as_torch(rank: int) -> None:
    import torch

    x = image(2, *range(7, 7 + rank), 3)
    nn = {n: getattr(torch.nn, f"{n}{rank}d") for n in ("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool")}
    own = {n: getattr(layers, f"{n}{rank}D") for n in ("MaxPooling", "AveragePooling", "GlobalAveragePooling",
           "GlobalMaxPooling", "AdaptiveAveragePooling", "AdaptiveMaxPooling")}  # fmt: skip
    agree(own["MaxPooling"](3, 2), nn["MaxPool"](3, 2), x)
    agree(own["AveragePooling"](3, 2), nn["AvgPool"](3, 2), x)
    agree(own["AdaptiveAveragePooling"](4), nn["AdaptiveAvgPool"](4), x)
    agree(own["AdaptiveMaxPooling"](4), nn["AdaptiveMaxPool"](4), x)
    agree(own["GlobalAveragePooling"](keepdims=True), nn["AdaptiveAvgPool"](1), x)
    agree(own["GlobalMaxPooling"](keepdims=True), nn["AdaptiveMaxPool"](1), x)
    # "same" with an odd window and a size that the stride divides pads evenly, as torch can.
    y = image(2, *(8, 8, 8)[:rank], 3)
    agree(own["AveragePooling"](3, 1, "same"), nn["AvgPool"](3, 1, 1, count_include_pad=False), y)
    agree(own["MaxPooling"](3, 1, "same"), nn["MaxPool"](3, 1, 1), y)


@on_torch
def test_batch_normalization_as_torch() -> None:
    """Training and inference. torch's moving variance is that of a sample (n - 1); ours, as Keras's, is not."""
    import torch

    module = torch.nn.BatchNorm2d(3, eps=1e-3, momentum=0.3)
    layer = layers.BatchNormalization(momentum=0.7)
    x = image(4, 5, 6, 3)
    layer.build(x.shape)
    gamma, beta = image(3), image(3)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    with torch.no_grad():
        module.weight.copy_(torch.tensor(gamma))
        module.bias.copy_(torch.tensor(beta))
    agree(layer, module.train(), x, training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), module.running_mean.numpy(), rtol=1e-5, atol=1e-6)
    n = x.size // 3
    expected = 0.7 + (module.running_var.numpy() - 0.7) * (n - 1) / n
    np.testing.assert_allclose(layer.moving_variance.numpy(), expected, rtol=1e-5)
    module.running_var.copy_(torch.tensor(expected))
    agree(layer, module.eval(), x)


@on_torch
@pytest.mark.parametrize("axes", [1, 2])
def test_layer_normalization_as_torch(axes: int) -> None:
    import torch

    x = image(3, 5, 4)
    shape = x.shape[-axes:]
    module = torch.nn.LayerNorm(shape, eps=1e-3)
    layer = layers.LayerNormalization(axis=-1 if axes == 1 else (-2, -1))
    layer.build(x.shape)
    gamma, beta = image(*shape), image(*shape)
    layer.set_weights([gamma, beta])
    with torch.no_grad():
        module.weight.copy_(torch.tensor(gamma))
        module.bias.copy_(torch.tensor(beta))
    agree(layer, module, x, channels=False)


@on_torch
def test_other_normalizations_as_torch() -> None:
    import torch

    x = image(3, 5, 6, 4)
    group, rms = layers.GroupNormalization(2), layers.RMSNormalization()
    group.build(x.shape)
    rms.build(x.shape)
    gamma, beta = image(4), image(4)
    group.set_weights([gamma, beta])
    rms.set_weights([gamma])
    groups, root = torch.nn.GroupNorm(2, 4, eps=1e-3), torch.nn.RMSNorm(4, eps=1e-6)
    with torch.no_grad():
        groups.weight.copy_(torch.tensor(gamma))
        groups.bias.copy_(torch.tensor(beta))
        root.weight.copy_(torch.tensor(gamma))
    agree(group, groups, x)
    agree(rms, root, x, channels=False)
    agree(layers.UnitNormalization(), lambda v: torch.nn.functional.normalize(v, dim=-1), x, channels=False)


@on_torch
def test_spectral_normalization_finds_the_singular_value() -> None:
    layer = layers.SpectralNormalization(layers.Dense(5), power_iterations=100)
    x = image(2, 4)
    layer.build(x.shape)
    kernel = image(4, 5)
    layer.layer.kernel.assign(kernel)
    layer(x, training=True)
    largest = np.linalg.svd(kernel, compute_uv=False)[0]
    np.testing.assert_allclose(layer.layer.kernel.numpy(), kernel / largest, rtol=1e-4)


@on_torch
def test_activations_as_torch() -> None:
    import torch

    x = image(3, 5)
    agree(layers.ReLU(max_value=6.0), torch.nn.ReLU6(), x, channels=False)
    agree(layers.LeakyReLU(0.2), torch.nn.LeakyReLU(0.2), x, channels=False)
    agree(layers.ELU(0.7), torch.nn.ELU(0.7), x, channels=False)
    agree(layers.Softmax(), torch.nn.Softmax(-1), x, channels=False)
    alpha = layers.PReLU(alpha_initializer=keras.initializers.Constant(0.25), shared_axes=[1])
    agree(alpha, torch.nn.PReLU(), x, channels=False)


# ---- by their definition, on every backend -------------------------------------------------------------------------


def test_dropout_keeps_the_expectation() -> None:
    x = np.ones((200, 500), "float32")
    for layer, kept in ((layers.Dropout(0.3, seed=1), 0.7), (layers.SpatialDropout1D(0.3, seed=1), 0.7)):
        y = values(layer(x if layer.name.startswith("dropout") else x[..., None], training=True))
        np.testing.assert_allclose(np.unique(y), [0.0, 1 / kept], rtol=1e-4)  # the rate is rounded to 16 bits
        assert abs(y.mean() - 1) < 0.1
    noisy = values(layers.GaussianNoise(0.5, seed=1)(x, training=True))
    assert abs(noisy.mean() - 1) < 0.01 and abs(noisy.std() - 0.5) < 0.01
    times = values(layers.GaussianDropout(0.2, seed=1)(x, training=True))
    assert abs(times.mean() - 1) < 0.01 and abs(times.std() - 0.5) < 0.01


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    x = np.random.default_rng(0).normal(size=(300, 400)).astype("float32")
    y = values(layers.AlphaDropout(0.3, seed=1)(x, training=True))
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02


def test_spatial_dropout_drops_whole_channels() -> None:
    x = np.ones((8, 3, 4, 16), "float32")
    y = values(layers.SpatialDropout2D(0.5, seed=1)(x, training=True))
    assert (y == y[:, :1, :1]).all() and 0 < (y == 0).mean() < 1
    z = values(layers.SpatialDropout2D(0.5, data_format="channels_first", seed=1)(x, training=True))
    assert (z == z[:, :, :1, :1]).all()


def test_frozen_batch_normalization_is_inference() -> None:
    x = image(4, 3)
    layer = layers.BatchNormalization()
    layer.build(x.shape)
    layer.trainable = False
    np.testing.assert_array_equal(values(layer(x, training=True)), values(layer(x)))
    assert layer.moving_mean.numpy().tolist() == [0.0] * 3


@pytest.mark.trains
@pytest.mark.parametrize("shape", [(4, 3), (2, 5, 4, 3)])
def test_gradients_of_batch_normalization_in_inference(shape: tuple[int, ...]) -> None:
    """By hand: the moving averages are constants."""
    x, upstream = image(*shape), image(*shape)
    layer = layers.BatchNormalization()
    layer.build(shape)
    mean, variance, gamma, beta = image(3), image(3) ** 2 + 0.5, image(3), image(3)
    layer.set_weights([gamma, beta, mean, variance])
    variable = keras.Variable(x)

    def objective() -> Any:
        return ops.sum(ops.multiply(layer(variable.value), upstream))

    _, found = ops.value_and_grad(objective, [variable, layer.gamma, layer.beta])()
    rate, axes = 1 / np.sqrt(variance + layer.epsilon), tuple(range(len(shape) - 1))
    expected = [upstream * gamma * rate, (upstream * (x - mean) * rate).sum(axes), upstream.sum(axes)]
    for ours, by_hand in zip(found, expected, strict=True):
        np.testing.assert_allclose(values(ours), by_hand, rtol=1e-4, atol=1e-5)


def test_masks_of_mergings() -> None:
    """A step counts where it counts in any input; along the steps, masks are joined."""
    steps = np.zeros((1, 4, 2), "float32")
    steps[:, :2] = 1
    x = layers.Masking()(ops.convert_to_tensor(steps))
    y = layers.Masking()(ops.convert_to_tensor(steps[:, ::-1].copy()))
    plain = ops.ones((1, 4, 2))

    def mask_of(layer: Any, inputs: Any) -> Any:
        seen = []

        class Watch(keras.layers.Layer):
            def call(self, inputs: Any, mask: Any = None) -> Any:
                seen.append(None if mask is None else values(mask)[0].tolist())
                return inputs

        Watch()(layer(inputs))
        return seen[0]

    assert mask_of(layers.Add(), [x, y]) == [True] * 4
    assert mask_of(layers.Add(), [x, x]) == [True, True, False, False]
    assert mask_of(layers.Add(), [x, plain]) is None
    assert mask_of(layers.Concatenate(), [x, x]) == [True, True, False, False]
    assert mask_of(layers.Concatenate(axis=1), [x, plain]) == [True, True, False, False] + [True] * 4
    assert mask_of(layers.Dot(axes=2), [x, y]) is None


def test_masked_mean() -> None:
    """Steps that don't count are left out; where none counts the mean is 0, not nan."""
    x = ops.convert_to_tensor([[[1.0], [3.0], [8.0]], [[1.0], [3.0], [8.0]]])
    mask = ops.convert_to_tensor([[True, True, False], [False, False, False]])
    y = layers.GlobalAveragePooling1D()(x, mask=mask)
    assert values(y).tolist() == [[2.0], [0.0]]


def test_softmax_with_masks() -> None:
    x = image(2, 3, 4)
    mask = np.array([[True, False, True], [True, True, True]])
    inner = values(layers.Softmax(axis=-1)(x, mask=ops.convert_to_tensor(mask)))
    np.testing.assert_allclose(inner, values(ops.softmax(ops.convert_to_tensor(x), -1)), rtol=1e-6)
    outer = values(layers.Softmax(axis=1)(x, mask=ops.convert_to_tensor(mask)))
    assert (outer[0, 1] == 0).all()
    np.testing.assert_allclose(outer.sum(1), 1, rtol=1e-6)


def test_lambda_passes_what_its_function_takes() -> None:
    def f(x: Any, training: Any = None, factor: float = 1.0) -> Any:
        return x * (10.0 if training else 1.0) * factor

    layer = layers.Lambda(f, arguments={"factor": 2.0})
    x = ops.ones((1, 2))
    assert values(layer(x)).tolist() == [[2.0, 2.0]]
    assert values(layer(x, training=True)).tolist() == [[20.0, 20.0]]
    assert layers.Lambda(lambda x: x, output_shape=(7,))(keras.Input((2,))).shape == (None, 7)


@pytest.mark.skipif(BACKEND in ("tensorflow", "numpy"), reason="its tensors have no method, or no abstract values")
def test_lambda_of_the_framework_needs_no_shape() -> None:
    """A function of the framework works on symbolic inputs: it is evaluated abstractly."""
    layer = layers.Lambda(lambda x: x.reshape((-1, 2)))
    assert layer(keras.Input((4,), batch_size=3)).shape == (6, 2)


def test_functional_forms() -> None:
    x, y = keras.Input((3,)), keras.Input((3,))
    model = keras.Model([x, y], [
        layers.add([x, y]), layers.subtract([x, y]), layers.multiply([x, y]), layers.average([x, y]),
        layers.maximum([x, y]), layers.minimum([x, y]), layers.concatenate([x, y]), layers.dot([x, y]),
    ])  # fmt: skip
    a, b = np.array([[1.0, 2.0, 3.0]], "float32"), np.array([[3.0, 1.0, 1.0]], "float32")
    expected = [
        a + b,
        a - b,
        a * b,
        (a + b) / 2,
        np.maximum(a, b),
        np.minimum(a, b),
        np.concatenate([a, b], -1),
        [[8.0]],
    ]
    for got, wanted in zip(model([a, b]), expected, strict=True):
        np.testing.assert_allclose(values(got), wanted, rtol=1e-6)


def test_embedding_in_half_precision_keeps_its_indices() -> None:
    """Indices are not cast to float16, where 2049 would become 2048."""
    layer = layers.Embedding(3000, 2, dtype="mixed_float16", embeddings_initializer="uniform")
    y = values(layer(np.array([[2049.0, 2048.0]], "float32")))
    np.testing.assert_array_equal(y[0], layer.embeddings.numpy()[[2049, 2048]].astype("float16"))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: layers.Dense(-1, name="d"), "`units` of the Dense layer 'd'.*-1"),
        (lambda: layers.Conv2D(4, 0, name="c"), "`kernel_size` of the Conv2D layer 'c'"),
        (lambda: layers.Conv2D(4, (3, 3, 3), name="c"), "`kernel_size` of the Conv2D layer 'c'"),
        (lambda: layers.Conv2D(4, 3, padding="sme", name="c"), "`padding` of the Conv2D layer 'c'.*'same'"),
        (lambda: layers.Conv2D(4, 3, padding="causal", name="c"), "`padding` of the Conv2D layer 'c'"),
        (lambda: layers.Conv2D(5, 3, groups=2, name="c"), "`filters` of the Conv2D layer 'c'.*groups=2"),
        (lambda: layers.Conv2D(4, 3, data_format="first", name="c"), "`data_format` of the Conv2D layer 'c'"),
        (lambda: layers.Conv2D(4, 3, groups=2, name="c").build((None, 5, 5, 3)), "'c'.*groups=2.*3 channels"),
        (lambda: layers.Conv2D(4, 3, name="c").build((None, 5, 5, None)), "'c'.*known number of channels"),
        (lambda: layers.Conv2D(4, 3, 2, dilation_rate=2, name="c"), "`strides` or `dilation_rate` of .*'c'"),
        (lambda: layers.Conv1DTranspose(4, 3, 2, dilation_rate=2, name="c"), "`strides` or `dilation_rate` of .*'c'"),
        (lambda: layers.ConvLSTM1D(4, 3, 2, dilation_rate=2), "`strides` or `dilation_rate` of"),
        (lambda: layers.BatchNormalization(renorm_clipping={"rmx": 1.0}, name="b"), "`renorm_clipping`.*'b'.*'rmx'"),
        (lambda: layers.BatchNormalization(renorm_clipping={"rmin": 2, "rmax": 1}, name="b"), "'rmin' up to 'rmax'"),
        (lambda: layers.Conv2DTranspose(4, 3, output_padding=1, name="c"), "`output_padding` of .*'c'"),
        (lambda: layers.Dropout(1.5, name="d"), "`rate` of the Dropout layer 'd'.*1.5"),
        (lambda: layers.Reshape((-1, -1), name="r"), "`target_shape` of the Reshape layer 'r'"),
        (lambda: layers.Permute((1, 3), name="p"), "`dims` of the Permute layer 'p'"),
        (lambda: layers.Cropping2D(((1, 2), 3, 4), name="k"), "`cropping` of the Cropping2D layer 'k'"),
        (lambda: layers.UpSampling2D(2, interpolation="bilinar", name="u"), "'u'.*Did you mean 'bilinear'"),
        (lambda: layers.Dot(axes=0, name="d"), "`axes` of the Dot layer 'd'"),
        (lambda: layers.BatchNormalization(momentum=2, name="b"), "`momentum` of .*'b'"),
        (lambda: layers.GroupNormalization(3, name="g").build((None, 4)), "'g'.*groups=3"),
        (lambda: layers.SpectralNormalization(layers.ReLU(), name="s").build((None, 4)), "'s'.*`kernel`"),
        (lambda: layers.EinsumDense("ab,bc", 3, name="e").build((None, 4)), "`equation` of .*'e'"),
        (lambda: layers.EinsumDense("ab,bc->ac", (None,), name="e").build((None, 4)), "'c' in the equation .*'e'"),
        (lambda: layers.Wrapper(3, name="w"), "`layer` of the Wrapper layer 'w'"),
        (lambda: layers.Lambda(3, name="l"), "`function` of the Lambda layer 'l'"),
        (lambda: layers.ReLU(max_value=-1.0, name="r"), "`max_value` of the ReLU layer 'r'"),
        (lambda: layers.Concatenate(name="j")([ops.ones((2, 3)), ops.ones((3, 3))]), "'j'.*alike but for axis -1"),
        (lambda: layers.Add(name="a")(ops.ones((2, 3))), "'a'.*list"),
        (lambda: layers.Subtract(name="a")([ops.ones((2, 3))] * 3), "'a'.*2 inputs.*3"),
        (lambda: layers.Dense(2, unknown=3), "no argument .unknown."),
    ],
)  # fmt: skip
def test_wrong_arguments(make: Any, text: str) -> None:
    with pytest.raises((ValueError, TypeError), match=text):
        make()
