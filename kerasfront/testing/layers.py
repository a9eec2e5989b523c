"""Every layer once: how it is made, what it takes, and what matters about it. Generic tests run over this list.

A case makes its layer from a namespace (`kerasfront.layers`), so that a test can make the same layer of another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasfront import tree
from kerasfront.spec import KerasTensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """A layer and its inputs.

    Attributes:
        make: Makes the layer, given a namespace of layers.
        shapes: The shape of each input without the batch.
        dtype: The inputs' dtype; integers are drawn from 0 to 8, strings from "the", "cat", "dog" and "a dog".
        several: Whether the layer takes a list of inputs, even of one.
        spread: Whether it takes its inputs as arguments of their own.
        masks: Whether a mask of the first axis after the batch passes to the output.
        weights: Whether it has weights that are trained.
        training: Whether the output in training differs from that in inference.
        random: Whether the output in training is drawn at random.
        stateful: Whether a call in training changes weights.
        active: Whether a call is one in training unless it is told otherwise.
        wrong: Shapes (without the batch) that the built layer refuses; of several inputs, a tuple of shapes each.
        free: Whether a layer of this kind takes inputs of any rank and size, so that no shape is wrong.
        halves: The tolerance of float16 and bfloat16 against float32, relative to the largest output.
        variant: What distinguishes it from other cases of the same layer.
        unknown: Whether the sizes between batch and channels may be unknown.
        config: Whether the layer can be made again from its config.
    """

    make: Callable[[Any], Any]
    shapes: tuple[Shape, ...]
    dtype: str = "float32"
    several: bool = False
    spread: bool = False
    masks: bool = False
    weights: bool = False
    training: bool = False
    random: bool = False
    stateful: bool = False
    active: bool = False
    wrong: tuple[Any, ...] = ()
    free: bool = False
    halves: float = 0.03
    variant: str = ""
    unknown: bool = True
    config: bool = True
    name: str = ""

    @property
    def id(self) -> str:
        return f"{self.name}-{self.variant}" if self.variant else self.name

    def call(self, layer: Any, inputs: Any, **kwargs: Any) -> Any:
        """Return the layer (or whatever else is called like it) on inputs: in inference, unless told otherwise."""
        if self.active and not any(isinstance(x, (KerasTensor, int, type(None))) for x in tree.flatten(inputs)):
            kwargs.setdefault("training", False)
        return layer(*inputs, **kwargs) if self.spread else layer(inputs, **kwargs)

    def nested(self, values: list[Any]) -> Any:
        """Return values, one for each input, as the layer takes its inputs."""
        return values if self.several or self.spread else values[0]

    def refused(self) -> list[tuple[Shape, ...]]:
        """Return for each wrong input the shapes of all inputs, with a batch of 2."""
        many = self.several or self.spread
        return [tuple((2, *shape) for shape in (wrong if many else (wrong,))) for wrong in self.wrong]

    def inputs(self, batch: int = 2, seed: int = 0) -> Any:
        """Return NumPy inputs, equal for equal seeds: an array, or a list if the layer takes several."""
        generator = np.random.default_rng([seed, *self.id.encode()])
        return self.nested([self._draw(generator, (batch, *shape)) for shape in self.shapes])

    def _draw(self, generator: np.random.Generator, shape: Shape) -> Any:
        if self.dtype == "string":
            return generator.choice(["the", "cat", "dog", "a dog"], shape)
        if self.dtype.startswith(("int", "uint")):
            return generator.integers(0, 9, shape).astype(self.dtype)
        # No two values are alike and none is near 0: no pool is tied, no relu at its kink.
        count = int(np.prod(shape))
        values = (generator.permutation(count) + 0.5) / max(count, 1) * 4 - 2
        return values.reshape(shape).astype(self.dtype)


def _case(name: str, *shapes: Shape, **options: Any) -> Case:
    """Return a case of the layer `name`: options are attributes of Case, and else arguments of the layer."""
    fields = {k: options.pop(k) for k in list(options) if k in Case.__dataclass_fields__}
    fields.setdefault("make", lambda layers: getattr(layers, name)(**options))
    return Case(shapes=shapes, name=name, **fields)


_FIRST = "channels_first"
_STEPS, _IMAGE, _VOLUME, _VECTOR = (6, 4), (7, 6, 4), (4, 5, 3, 2), (6,)


def _core() -> list[Case]:
    return [
        _case("Dense", _VECTOR, weights=True, units=3, activation="tanh", masks=False, wrong=((5,), ())),
        _case("Dense", _STEPS, weights=True, units=3, use_bias=False, masks=True, variant="steps"),
        _case(
            "EinsumDense",
            _STEPS,
            weights=True,
            equation="abc,cde->abde",
            output_shape=(None, 2, 5),
            bias_axes="e",
            wrong=((6, 5), (6,)),
        ),
        _case(
            "EinsumDense",
            _STEPS,
            weights=True,
            equation="...x,xy->...y",
            output_shape=3,
            bias_axes="y",
            activation="relu",
            variant="ellipsis",
        ),
        _case(
            "EinsumDense",
            _STEPS,
            weights=True,
            equation="ab...,bc->ac...",
            output_shape=(3, None),
            bias_axes="c",
            variant="trailing",
        ),
        _case("Embedding", (6,), weights=True, input_dim=9, output_dim=3, dtype="int32", free=True),
        _case(
            "Embedding", (6,), weights=True, input_dim=9, output_dim=3, mask_zero=True, dtype="int32", variant="mask"
        ),
        _case("ReversibleEmbedding", (6,), weights=True, input_dim=9, output_dim=3, dtype="int32", free=True),
        _case("Masking", _STEPS, free=True),
        _case("Lambda", _STEPS, make=lambda layers: layers.Lambda(_doubled), masks=True, config=False, free=True),
        _case("Identity", _STEPS, masks=True, free=True),
    ]


def _doubled(x: Any) -> Any:
    return x * 2


def _activations() -> list[Case]:
    return [
        _case("Activation", _STEPS, activation="relu", masks=True, free=True),
        _case("ReLU", _STEPS, masks=True, free=True),
        _case("ReLU", _STEPS, max_value=1.0, negative_slope=0.1, threshold=0.3, variant="bounded"),
        _case("LeakyReLU", _STEPS, masks=True, free=True),
        _case("PReLU", _STEPS, weights=True, alpha_initializer="ones", masks=True, unknown=False, wrong=((6, 5),)),
        _case("PReLU", _IMAGE, weights=True, alpha_initializer="ones", shared_axes=[1, 2], variant="shared"),
        _case("ELU", _STEPS, alpha=0.5, masks=True, free=True),
        _case("Softmax", _STEPS, masks=True),
        _case("Softmax", _STEPS, axis=(1, 2), wrong=((6,),), variant="axes"),
    ]


def _convolutions() -> list[Case]:
    wrong = ((7, 6, 3), (7, 4))
    return [
        _case("Conv1D", _STEPS, weights=True, filters=3, kernel_size=3, wrong=((6, 3), (4,))),
        _case(
            "Conv1D",
            _STEPS,
            weights=True,
            filters=4,
            kernel_size=2,
            padding="causal",
            dilation_rate=2,
            groups=2,
            variant="causal",
        ),
        _case(
            "Conv1D",
            (4, 6),
            weights=True,
            filters=3,
            kernel_size=3,
            data_format=_FIRST,
            padding="same",
            variant="first",
        ),
        _case("Conv2D", _IMAGE, weights=True, filters=3, kernel_size=3, activation="relu", wrong=wrong),
        _case(
            "Conv2D",
            _IMAGE,
            weights=True,
            filters=4,
            kernel_size=(3, 2),
            strides=2,
            padding="same",
            groups=2,
            variant="groups",
        ),
        _case(
            "Conv2D",
            _IMAGE,
            weights=True,
            filters=3,
            kernel_size=3,
            padding="same",
            dilation_rate=2,
            use_bias=False,
            variant="dilated",
        ),
        _case(
            "Conv2D",
            (4, 7, 6),
            weights=True,
            filters=3,
            kernel_size=3,
            strides=(1, 2),
            data_format=_FIRST,
            variant="first",
        ),
        _case(
            "Conv3D",
            _VOLUME,
            weights=True,
            filters=3,
            kernel_size=2,
            strides=(1, 2, 1),
            padding="same",
            wrong=((4, 5, 3, 1), (7, 4)),
        ),
        _case("DepthwiseConv1D", _STEPS, weights=True, kernel_size=3, depth_multiplier=2, wrong=((6, 3),)),
        _case("DepthwiseConv1D", _STEPS, weights=True, kernel_size=3, padding="causal", variant="causal"),
        _case("DepthwiseConv2D", _IMAGE, weights=True, kernel_size=3, padding="same", depth_multiplier=2, wrong=wrong),
        _case(
            "DepthwiseConv2D", (4, 7, 6), weights=True, kernel_size=3, strides=2, data_format=_FIRST, variant="first"
        ),
        _case(
            "SeparableConv1D",
            _STEPS,
            weights=True,
            filters=3,
            kernel_size=3,
            depth_multiplier=2,
            padding="causal",
            wrong=((6, 3),),
        ),
        _case(
            "SeparableConv2D",
            _IMAGE,
            weights=True,
            filters=3,
            kernel_size=3,
            padding="same",
            activation="tanh",
            wrong=wrong,
        ),
        _case(
            "SeparableConv2D",
            (4, 7, 6),
            weights=True,
            filters=3,
            kernel_size=3,
            strides=2,
            data_format=_FIRST,
            variant="first",
        ),
        _case("Conv1DTranspose", _STEPS, weights=True, filters=3, kernel_size=3, strides=2, wrong=((6, 3),)),
        _case(
            "Conv2DTranspose", _IMAGE, weights=True, filters=3, kernel_size=3, strides=2, padding="same", wrong=wrong
        ),
        _case(
            "Conv2DTranspose",
            _IMAGE,
            weights=True,
            filters=2,
            kernel_size=3,
            strides=(3, 2),
            output_padding=(2, 1),
            variant="more",
        ),
        _case(
            "Conv2DTranspose",
            (4, 3, 5),
            weights=True,
            filters=2,
            kernel_size=4,
            strides=2,
            data_format=_FIRST,
            variant="first",
        ),
        _case(
            "Conv2DTranspose",
            _IMAGE,
            weights=True,
            filters=2,
            kernel_size=4,
            strides=3,
            padding="same",
            output_padding=1,
            variant="same-more",
        ),
        _case("Conv3DTranspose", _VOLUME, weights=True, filters=3, kernel_size=2, strides=2, wrong=((7, 4),)),
    ]


def _pools() -> list[Case]:
    out = []
    for rank, shape, wrong in ((1, _STEPS, (4,)), (2, _IMAGE, (7, 4)), (3, _VOLUME, (7, 4))):
        first = (shape[-1], *shape[:-1])
        for kind in ("Max", "Average"):
            out += [
                _case(f"{kind}Pooling{rank}D", shape, pool_size=2, wrong=(wrong,)),
                _case(f"{kind}Pooling{rank}D", shape, pool_size=3, strides=2, padding="same", variant="same"),
                _case(f"{kind}Pooling{rank}D", first, pool_size=2, strides=1, data_format=_FIRST, variant="first"),
                _case(f"Global{kind}Pooling{rank}D", shape, wrong=(wrong,)),
                _case(f"Global{kind}Pooling{rank}D", first, keepdims=True, data_format=_FIRST, variant="first"),
                _case(f"Adaptive{kind}Pooling{rank}D", shape, output_size=2, wrong=(wrong,), unknown=False),
            ]
    return out


def _normalizations() -> list[Case]:
    return [
        _case("BatchNormalization", _IMAGE, weights=True, training=True, stateful=True, wrong=((7, 6, 3),)),
        _case(
            "BatchNormalization",
            _STEPS,
            weights=True,
            axis=1,
            scale=False,
            training=True,
            stateful=True,
            masks=False,
            unknown=False,
            variant="axis",
        ),
        _case(
            "BatchNormalization",
            _STEPS,
            weights=True,
            center=False,
            renorm=True,
            training=True,
            stateful=True,
            masks=True,
            variant="renorm",
        ),
        _case("LayerNormalization", _STEPS, weights=True, masks=True, wrong=((6, 3),)),
        _case("LayerNormalization", _IMAGE, weights=True, axis=(1, -1), unknown=False, variant="axes"),
        _case("RMSNormalization", _STEPS, weights=True, masks=True, wrong=((6, 3),)),
        _case("GroupNormalization", _IMAGE, weights=True, groups=2, wrong=((7, 6, 3),)),
        _case("GroupNormalization", (4, 7, 6), weights=True, groups=-1, axis=1, variant="instance"),
        _case("UnitNormalization", _STEPS, masks=True, free=True),
        _case(
            "SpectralNormalization",
            _VECTOR,
            weights=True,
            make=lambda layers: layers.SpectralNormalization(layers.Dense(3)),
            training=True,
            stateful=True,
            wrong=((5,),),
        ),
    ]


def _regularizations() -> list[Case]:
    noisy = {"masks": True, "training": True, "random": True}
    return [
        _case("Dropout", _STEPS, rate=0.5, free=True, **noisy),
        _case("Dropout", _STEPS, rate=0.5, noise_shape=(None, 1, 4), **noisy, variant="shape"),
        _case("SpatialDropout1D", _STEPS, rate=0.5, wrong=((4,),), **noisy),
        _case("SpatialDropout2D", _IMAGE, rate=0.5, wrong=((4,),), training=True, random=True),
        _case(
            "SpatialDropout3D", (4, 3, 5, 2), rate=0.5, data_format=_FIRST, wrong=((4,),), training=True, random=True
        ),
        _case("GaussianNoise", _STEPS, stddev=0.5, free=True, **noisy),
        _case("GaussianDropout", _STEPS, rate=0.5, free=True, **noisy),
        _case("AlphaDropout", _STEPS, rate=0.5, free=True, **noisy),
        _case("ActivityRegularization", _STEPS, l1=0.1, l2=0.1, masks=True, free=True),
    ]


def _reshapings() -> list[Case]:
    return [
        _case("Flatten", _IMAGE, free=True),
        _case("Flatten", (4, 7, 6), data_format=_FIRST, variant="first"),
        _case("Reshape", _STEPS, target_shape=(3, -1, 2), wrong=((5, 5),)),
        _case("Reshape", _STEPS, target_shape=(8, 3), unknown=False, variant="fixed"),
        _case("Permute", _IMAGE, dims=(3, 1, 2), wrong=((7, 6),)),
        _case("RepeatVector", _VECTOR, n=3, wrong=((6, 4),)),
        _case("Cropping1D", _STEPS, cropping=(1, 2), wrong=((4,),)),
        _case("Cropping2D", _IMAGE, cropping=((1, 0), (2, 1)), wrong=((4,),)),
        _case("Cropping3D", (2, 4, 5, 3), cropping=1, data_format=_FIRST, wrong=((4,),)),
        _case("ZeroPadding1D", _STEPS, padding=(1, 2), wrong=((4,),)),
        _case("ZeroPadding2D", _IMAGE, padding=((1, 0), (2, 1)), wrong=((4,),)),
        _case("ZeroPadding3D", (2, 4, 5, 3), padding=1, data_format=_FIRST, wrong=((4,),)),
        _case("UpSampling1D", _STEPS, size=3, wrong=((4,),)),
        _case("UpSampling2D", _IMAGE, size=(2, 3), wrong=((4,),)),
        _case("UpSampling2D", (4, 7, 6), size=2, data_format=_FIRST, interpolation="bilinear", variant="bilinear"),
        _case("UpSampling3D", _VOLUME, size=(1, 2, 3), wrong=((4,),)),
    ]


def _mergings() -> list[Case]:
    two = {"several": True, "masks": True}
    names = ("Add", "Multiply", "Average", "Maximum", "Minimum")
    return [
        *(_case(name, _STEPS, _STEPS, _STEPS, **two, wrong=((_STEPS, _STEPS, (6, 5)),)) for name in names),
        _case("Subtract", _STEPS, _STEPS, **two, wrong=((_STEPS, (5, 4)),)),
        _case("Add", _STEPS, (4,), several=True, variant="broadcast"),
        _case("Concatenate", _STEPS, (6, 2), **two, wrong=((_STEPS, (5, 2)), (_STEPS, (6,)))),
        _case("Concatenate", _STEPS, (3, 4), axis=1, several=True, variant="steps"),
        _case("Dot", _STEPS, (3, 4), axes=2, several=True, wrong=((_STEPS, (3, 5)), (_STEPS, (3,)))),
        _case("Dot", _VECTOR, _VECTOR, axes=1, normalize=True, several=True, variant="cosine"),
    ]


def _recurrents() -> list[Case]:
    steps = {"weights": True, "wrong": ((6, 3), (6,), (6, 4, 3)), "units": 3}
    convolved = {"weights": True, "unknown": False}
    return [
        _case("SimpleRNN", _STEPS, **steps),
        _case("LSTM", _STEPS, **steps),
        _case("LSTM", _STEPS, **steps, return_sequences=True, masks=True, variant="sequences"),
        _case("GRU", _STEPS, **steps),
        _case("GRU", _STEPS, **steps, reset_after=False, go_backwards=True, variant="backwards"),
        _case(
            "RNN",
            _STEPS,
            weights=True,
            make=lambda layers: layers.RNN(layers.GRUCell(3), return_sequences=True),
            wrong=((6, 3), (6,)),
        ),
        _case(
            "RNN",
            _STEPS,
            weights=True,
            variant="stacked",
            make=lambda layers: layers.RNN(layers.StackedRNNCells([layers.LSTMCell(3), layers.SimpleRNNCell(2)])),
        ),
        _case(
            "Bidirectional",
            _STEPS,
            weights=True,
            make=lambda layers: layers.Bidirectional(layers.LSTM(3)),
            wrong=((6, 3), (6,), (6, 4, 3)),
        ),
        _case(
            "TimeDistributed",
            _STEPS,
            weights=True,
            make=lambda layers: layers.TimeDistributed(layers.Dense(3)),
            masks=True,
            wrong=((6,),),
        ),
        _case("ConvLSTM1D", (3, 6, 2), filters=2, kernel_size=3, wrong=((3, 6), (3, 6, 3)), **convolved),
        _case("ConvLSTM2D", (3, 5, 4, 2), filters=2, kernel_size=3, padding="same", wrong=((3, 5, 4, 1),), **convolved),
        _case("ConvLSTM3D", (2, 4, 3, 4, 1), filters=2, kernel_size=2, wrong=((2, 4, 3, 4),), **convolved),
    ]


def _attentions() -> list[Case]:
    # Without biases: that of the keys has no gradient, since softmax takes no notice of it.
    heads = {"spread": True, "weights": True, "use_bias": False}
    wrong = ((_STEPS, (5, 5)), ((6, 7), (5, 3)), (_STEPS, (5,)), (_STEPS, (5, 3, 2)))
    return [
        _case("MultiHeadAttention", _STEPS, (5, 3), num_heads=2, key_dim=3, wrong=wrong, **heads),
        _case(
            "MultiHeadAttention",
            _STEPS,
            _STEPS,
            num_heads=2,
            key_dim=2,
            dropout=0.5,
            training=True,
            random=True,
            **heads,
            variant="dropout",
        ),
        _case(
            "GroupQueryAttention",
            _STEPS,
            (5, 3),
            head_dim=3,
            num_query_heads=4,
            num_key_value_heads=2,
            wrong=wrong,
            **heads,
        ),
        _case("Attention", _STEPS, (5, 4), several=True, wrong=wrong),
        _case("AdditiveAttention", _STEPS, (5, 4), several=True, weights=True, wrong=wrong),
    ]


def _preprocessings() -> list[Case]:
    return [
        _case("Rescaling", _IMAGE, scale=1 / 127.5, offset=-1.0, free=True),
        _case(
            "Rescaling",
            _IMAGE,
            scale=[1.0, 2.0, 3.0, 4.0],
            offset=[0.0, 1.0, 2.0, 3.0],
            dtype="uint8",
            wrong=((7, 6, 3),),
            variant="channels",
        ),
        _case(
            "Normalization",
            _STEPS,
            mean=[0.5, 0.0, -1.0, 2.0],
            variance=[4.0, 1.0, 0.25, 9.0],
            masks=True,
            wrong=((6, 3), (6,)),
        ),
        _case("Normalization", _STEPS, axis=(1, 2), mean=1.0, variance=4.0, invert=True, variant="invert"),
        _case("Discretization", _VECTOR, bin_boundaries=[-1.0, 0.0, 1.0], output_mode="one_hot", free=True),
        _case("Discretization", _STEPS, bin_boundaries=[2.0, 4.0], output_mode="count", dtype="int32", variant="count"),
        _case("CategoryEncoding", _VECTOR, num_tokens=9, dtype="int32", free=True),
        _case("CategoryEncoding", (1,), num_tokens=9, output_mode="one_hot", dtype="int32", variant="one_hot"),
        _case("Hashing", _VECTOR, num_bins=5, output_mode="count", salt=[3, 4], dtype="int64", free=True),
        _case("Hashing", (2, 3), num_bins=5, mask_value="cat", dtype="string", variant="strings"),
        _case(
            "HashedCrossing",
            (1,),
            (1,),
            num_bins=7,
            output_mode="one_hot",
            several=True,
            dtype="int64",
            wrong=(((1,), (2,)), ((1,), (1, 3))),
        ),
        _case(
            "IntegerLookup", _VECTOR, vocabulary=[3, 1, 5], num_oov_indices=2, mask_token=0, dtype="int64", free=True
        ),
        _case("IntegerLookup", _VECTOR, vocabulary=[3, 1], output_mode="multi_hot", dtype="int32", variant="multi_hot"),
        _case("StringLookup", _VECTOR, vocabulary=["cat", "dog"], mask_token="the", dtype="string", free=True),
        _case(
            "StringLookup",
            _VECTOR,
            vocabulary=["cat", "dog"],
            idf_weights=[0.5, 2.0],
            output_mode="tf_idf",
            dtype="string",
            variant="tf_idf",
        ),
        _case(
            "TextVectorization",
            (1,),
            vocabulary=["cat", "dog"],
            output_sequence_length=3,
            dtype="string",
            wrong=((2,), (1, 1)),
        ),
        _case(
            "TextVectorization",
            (1,),
            vocabulary=["c", "d", "t"],
            split="character",
            output_mode="count",
            dtype="string",
            variant="count",
        ),
        _case(
            "MelSpectrogram",
            (400,),
            fft_length=128,
            sequence_stride=64,
            num_mel_bins=8,
            unknown=False,
            wrong=((400, 3),),
        ),
        _case("STFTSpectrogram", (100, 2), mode="magnitude", frame_length=32, weights=True, wrong=((100,),)),
    ]


def _augmentations() -> list[Case]:
    """Return layers for images whose values are from -2 to 2."""
    ends, picture = (-2, 2), (7, 6, 3)
    draws = {"active": True, "training": True, "random": True, "wrong": ((7,),)}
    still = {"active": True, "wrong": ((7,),)}
    return [
        _case("Resizing", _IMAGE, height=5, width=8, **still),
        _case("Resizing", _IMAGE, height=3, width=9, interpolation="bicubic", antialias=True, variant="cubic", **still),
        _case("Resizing", _IMAGE, height=4, width=8, crop_to_aspect_ratio=True, variant="cropped", **still),
        _case("Resizing", (4, 7, 6), height=9, width=4, pad_to_aspect_ratio=True, data_format=_FIRST, variant="padded"),
        _case("CenterCrop", _IMAGE, height=4, width=3, **still),
        _case("CenterCrop", _IMAGE, height=9, width=3, unknown=False, variant="larger", **still),
        _case("RandomCrop", _IMAGE, height=4, width=3, **draws),
        _case("RandomFlip", _IMAGE, **draws),
        _case("RandomFlip", (4, 7, 6), mode="vertical", data_format=_FIRST, variant="first", **draws),
        _case("RandomRotation", _IMAGE, factor=0.4, **draws),
        _case("RandomTranslation", _IMAGE, height_factor=0.3, width_factor=0.2, fill_mode="wrap", **draws),
        _case("RandomZoom", _IMAGE, height_factor=0.4, width_factor=(0.1, 0.5), fill_mode="constant", **draws),
        _case("RandomShear", (4, 7, 6), x_factor=(0.1, 0.4), y_factor=(0.0, 0.2), data_format=_FIRST, **draws),
        _case("RandomPerspective", _IMAGE, factor=(1.0, 1.0), scale=0.7, **draws),
        _case("RandomElasticTransform", _IMAGE, factor=(1.0, 1.0), scale=(0.5, 1.0), **draws),
        _case("MaxNumBoundingBoxes", _IMAGE, max_number=3, **still),
        _case("RandomBrightness", picture, factor=0.5, value_range=ends, **draws),
        _case("RandomContrast", picture, factor=(0.5, 0.5), value_range=ends, **draws),
        _case("RandomHue", picture, factor=0.5, value_range=ends, **draws),
        _case("RandomSaturation", picture, factor=(0.0, 0.4), value_range=ends, **draws),
        _case("RandomGrayscale", (3, 7, 6), data_format=_FIRST, **draws),
        _case("RandomInvert", picture, factor=(0.5, 0.5), value_range=(-2, 3), **draws),
        _case("RandomPosterization", picture, factor=4, value_range=ends, **draws),
        _case("RandomColorDegeneration", picture, factor=(0.0, 1.0), value_range=ends, **draws),
        _case(
            "RandomColorJitter",
            picture,
            value_range=ends,
            brightness_factor=0.2,
            contrast_factor=0.2,
            saturation_factor=0.5,
            hue_factor=0.1,
            **draws,
        ),
        _case("Solarization", _IMAGE, addition_factor=0.5, threshold_factor=0.5, value_range=ends, **draws),
        _case("AutoContrast", _IMAGE, value_range=(-3, 5), **still),
        _case("Equalization", _IMAGE, value_range=ends, bins=16, halves=0.1, **still),
        _case(
            "ContrastLimitedAdaptiveHistogramEqualization",
            _IMAGE,
            value_range=ends,
            tile_grid_size=(2, 3),
            clip_limit=64,
            **still,
        ),
        _case("RandomSharpness", _IMAGE, factor=1.0, value_range=ends, **draws),
        _case("RandomGaussianBlur", _IMAGE, factor=(1.0, 1.0), sigma=(0.5, 2.0), value_range=ends, **draws),
        _case("RandomErasing", _IMAGE, factor=(1.0, 1.0), value_range=ends, **draws),
        _case("MixUp", _IMAGE, alpha=1.0, **draws),
        _case("CutMix", _IMAGE, factor=(1.0, 1.0), **draws),
        _case("AugMix", picture, value_range=ends, **draws),
        _case("RandAugment", picture, value_range=ends, **draws),
        _case(
            "Pipeline",
            picture,
            make=lambda layers: layers.Pipeline(
                [layers.AutoContrast(value_range=(-2, 3)), layers.RandomInvert((0.5, 0.5), value_range=(-2, 3))]
            ),
            **draws,
        ),
    ]


CASES: tuple[Case, ...] = (
    *_core(),
    *_activations(),
    *_convolutions(),
    *_pools(),
    *_normalizations(),
    *_regularizations(),
    *_reshapings(),
    *_mergings(),
    *_recurrents(),
    *_attentions(),
    *_preprocessings(),
    *_augmentations(),
)
