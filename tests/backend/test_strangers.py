"""Things of other libraries, or of another kind, in a wrong place: the error says whose they are and what to do."""

import functools

import keras as peer
import numpy as np
import pytest

import kerasfront as keras
from kerasfront.errors import MissingFileError, SavingError

layers = keras.layers


def sequential(thing):
    return keras.Sequential([keras.Input((4,)), thing])


def compiled(optimizer="sgd", **options):
    model = sequential(layers.Dense(1))
    model.compile(optimizer, "mse", **options)
    return model


class Holding(keras.layers.Layer):
    def __init__(self, thing):
        super().__init__()
        self.inner = thing


OF_KERAS = {
    "Dense in Sequential": lambda: sequential(peer.layers.Dense(2)),
    "KerasTensor in Sequential": lambda: keras.Sequential([peer.Input((4,)), layers.Dense(2)]),
    "Sequential in Sequential": lambda: sequential(peer.Sequential([peer.layers.Dense(2)])),
    "KerasTensor into a layer": lambda: layers.Dense(2)(peer.Input((4,))),
    "KerasTensor into Add": lambda: layers.Add()([peer.Input((4,)), peer.Input((4,))]),
    "KerasTensor into an op": lambda: keras.ops.relu(peer.Input((4,))),
    "KerasTensor into a model": lambda: keras.Model(peer.Input((4,)), peer.Input((4,))),
    "Dense in TimeDistributed": lambda: layers.TimeDistributed(peer.layers.Dense(2)),
    "LSTM in Bidirectional": lambda: layers.Bidirectional(peer.layers.LSTM(2)),
    "Dense as an attribute": lambda: Holding(peer.layers.Dense(2)),
    "Variable in a list": lambda: Holding([peer.Variable(1.0)]),
    "SGD in compile": lambda: compiled(peer.optimizers.SGD()),
    "MeanAbsoluteError as a metric": lambda: compiled(metrics=[peer.metrics.MeanAbsoluteError()]).evaluate(
        np.ones((2, 4)), np.ones((2, 1)), verbose=0
    ),
    "ReLU as activation": lambda: layers.Dense(2, activation=peer.layers.ReLU()),
    "ExponentialDecay as learning rate": lambda: keras.optimizers.SGD(
        peer.optimizers.schedules.ExponentialDecay(0.1, 1, 0.9)
    ),
}


@pytest.mark.parametrize("case", OF_KERAS)
def test_things_of_keras_itself(case):
    with pytest.raises(ValueError, match=f"This {case.split()[0]} is of the package 'keras'") as caught:
        OF_KERAS[case]()
    assert "import kerasfront as keras" in str(caught.value)


class SGD:
    """Stands for an optimizer of torch, which isn't there on every machine."""

    __module__ = "torch.optim.sgd"


@pytest.mark.parametrize("optimizer", [SGD(), SGD], ids=["object", "class"])
def test_an_optimizer_of_torch(optimizer):
    with pytest.raises(ValueError, match="An optimizer of torch is for loops written by hand; here it is one of"):
        compiled(optimizer)


def cross_entropy(prediction, target):
    return target - prediction


cross_entropy.__module__ = "torch.nn.functional"


@pytest.mark.parametrize("loss", [cross_entropy, functools.partial(cross_entropy)], ids=["function", "partial"])
def test_a_loss_of_torch(loss):
    """It takes the prediction first, so that its numbers would be wrong without an error."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    text = (
        r"(?s)torch's cross_entropy takes the prediction first.*losses\.SparseCategoricalCrossentropy\(from_logits=True"
    )
    with pytest.raises(ValueError, match=text):
        model.compile("sgd", loss)
    model.compile("sgd", "mse", metrics=[loss])
    with pytest.raises(ValueError, match=text):
        model.evaluate(np.ones((2, 3)), np.ones((2, 2)), verbose=0)


@pytest.mark.parametrize(
    ("thing", "hint"),
    [
        (layers.Dense, r"Make an object of the class: Dense\(\.\.\.\)"),
        (np.tanh, r"keras\.layers\.Lambda\(function\)"),
        ("dense", "got 'dense'"),
        (np.ones(3), "got array"),
        (keras.optimizers.Adam(), r"got Adam\("),
    ],
    ids=["class", "function", "name", "array", "optimizer"],
)
def test_what_is_no_layer(thing, hint):
    with pytest.raises(ValueError, match=hint):
        sequential(thing)


@pytest.mark.parametrize("name", ["nope", "nope.keras", "nope.h5"])
def test_a_model_file_that_is_not_there(tmp_path, name):
    with pytest.raises(FileNotFoundError, match="There is no file") as caught:
        keras.models.load_model(tmp_path / name)
    assert isinstance(caught.value, (SavingError, ValueError)) and caught.value.errno == 2


@pytest.mark.parametrize("name", ["nope.weights.h5", "nope.weights.json", "nope.safetensors", "nope.keras", "nope"])
def test_a_weights_file_that_is_not_there(tmp_path, name):
    with pytest.raises(MissingFileError, match="There is no file"):
        compiled().load_weights(tmp_path / name)


def test_a_file_of_nearly_that_name(tmp_path):
    (tmp_path / "model.keras").touch()
    with pytest.raises(FileNotFoundError, match=r"Did you mean '.*model\.keras'"):
        keras.models.load_model(tmp_path / "modle.keras")
    with pytest.raises(FileNotFoundError, match="its folder isn't there either"):
        keras.models.load_model(tmp_path / "nowhere" / "model.keras")


def test_a_folder_and_a_file_that_hold_no_model(tmp_path):
    with pytest.raises(SavingError, match=r"holds no saved model: it has no config\.json"):
        keras.models.load_model(tmp_path)
    (tmp_path / "model.txt").write_text("no model")
    with pytest.raises(SavingError, match=r"is no \.keras file"):
        keras.models.load_model(tmp_path / "model.txt")
    with pytest.raises(SavingError, match=r"Expected a file name that ends in \.keras, \.weights\.h5"):
        compiled().load_weights(tmp_path / "model.txt")


def test_a_vocabulary_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="doesn't exist"):
        layers.StringLookup(vocabulary=str(tmp_path / "words.txt"))
