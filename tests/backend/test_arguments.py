"""Numbers as they come out of data stand wherever a constructor or a function asks for an int, a float or a bool."""

import inspect
import json
import re

import numpy as np
import pytest

import kerasfront as keras
from kerasfront.testing.layers import CASES

NUMBERS = (bool, int, float)


# ---- every constructor --------------------------------------------------------------------------------------------


def _scalar(value):
    return {bool: np.bool_, int: np.int64, float: np.float64}[type(value)](value)


def _narrow(value):
    if type(value) is float and float(str(np.float32(value))) != value:
        return value  # 1 / 255 isn't the same number in float32
    return {bool: np.bool_, int: np.int32, float: np.float32}[type(value)](value)


def _tensor(value):
    if isinstance(_narrow(value), float):
        return value
    return keras.ops.convert_to_tensor(value, {bool: "bool", int: "int32", float: "float32"}[type(value)])


TURNS = {"scalars": _scalar, "narrow": _narrow, "arrays": np.asarray, "tensors": _tensor}


def turned(value, turn):
    """The value with each number in it as `turn` gives it."""
    if type(value) in NUMBERS and abs(value) < 2**31:
        return turn(value)
    if type(value) in (list, tuple) and value and all(type(v) in (*NUMBERS, list, tuple) for v in value):
        return type(value)(turned(v, turn) for v in value)
    return value


class Turning:
    """A namespace whose classes get every number, given or a default, as `turn` gives it."""

    def __init__(self, namespace, turn):
        self.namespace, self.turn = namespace, turn

    def __getattr__(self, name):
        cls = getattr(self.namespace, name)
        if not isinstance(cls, type):
            return cls

        def make(*args, **kwargs):
            bound = inspect.signature(cls).bind(*args, **kwargs)
            given = dict(bound.arguments)
            bound.apply_defaults()
            for parameter in bound.signature.parameters.values():
                value = bound.arguments[parameter.name]
                if parameter.kind is parameter.VAR_KEYWORD:
                    bound.arguments[parameter.name] = {k: turned(v, self.turn) for k, v in value.items()}
                elif parameter.name in given or isinstance(value, NUMBERS):
                    bound.arguments[parameter.name] = turned(value, self.turn)
                else:
                    bound.arguments[parameter.name] = value
            return cls(*bound.args, **bound.kwargs)

        return make


def numbers_in(thing):
    """What an object keeps of numbers, by the attribute's name, with their types."""

    def plain(value):
        if type(value) in (list, tuple) and value:
            return [plain(v) for v in value]
        return (type(value), value) if isinstance(value, (*NUMBERS, np.generic)) else None

    kept = {
        name: plain(value) for name, value in vars(thing).items() if name != "_init_arguments" and "seed" not in name
    }
    return {name: value for name, value in kept.items() if value is not None and not isinstance(value, list) or value}


def assert_same(make, namespace):
    plain = make(namespace)
    for kind, turn in TURNS.items():
        thing = make(Turning(namespace, turn))
        assert numbers_in(thing) == numbers_in(plain), kind
        if hasattr(plain, "get_config"):
            configs = [json.dumps(x.get_config(), default=_known) for x in (thing, plain)]
            names = r'("name": "[a-z_0-9]+?)(_\d+)?"'
            assert re.sub(names, r"\1", configs[0]) == re.sub(names, r"\1", configs[1]), kind


def _known(value):
    """What a config may hold beside JSON: shapes and names of dtypes, functions; but no number."""
    assert not isinstance(value, np.generic), value
    assert getattr(value, "shape", None) != (), value
    return type(value).__name__


@pytest.mark.wide
@pytest.mark.parametrize("case", [pytest.param(c, id=c.id) for c in CASES])
def test_layers(case):
    assert_same(case.make, keras.layers)


_FN = keras.losses.mean_squared_error
REQUIRED = {
    "LossFunctionWrapper": {"fn": _FN},
    "MeanMetricWrapper": {"fn": _FN},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "BinaryIoU": {"target_class_ids": [0, 1]},
    "MeanIoU": {"num_classes": 3, "ignore_class": 0},
    "OneHotMeanIoU": {"num_classes": 3, "ignore_class": 0},
    "Precision": {"thresholds": [0.25, 0.5], "class_id": 1},
    "Recall": {"thresholds": 0.25, "top_k": 2},
    "AUC": {"multi_label": True, "num_labels": 2, "label_weights": [0.5, 1.0]},
    "CategoricalFocalCrossentropy": {"alpha": [0.25, 0.5]},
    "Dice": {"axis": (1, 2)},
    "ExponentialDecay": {"initial_learning_rate": 0.5, "decay_steps": 10, "decay_rate": 0.5},
    "InverseTimeDecay": {"initial_learning_rate": 0.5, "decay_steps": 10, "decay_rate": 0.5},
    "PolynomialDecay": {"initial_learning_rate": 0.5, "decay_steps": 10},
    "CosineDecay": {"initial_learning_rate": 0.5, "decay_steps": 10, "warmup_target": 1.0, "warmup_steps": 2},
    "CosineDecayRestarts": {"initial_learning_rate": 0.5, "first_decay_steps": 10},
    "PiecewiseConstantDecay": {"boundaries": [2, 4], "values": [1.0, 0.5, 0.25]},
    "BackupAndRestore": {"backup_dir": "x", "save_freq": 3},
    "ModelCheckpoint": {"filepath": "x.keras", "save_freq": 3},
    "CSVLogger": {"filename": "x.csv"},
    "LearningRateScheduler": {"schedule": lambda epoch: 0.5},
    "EarlyStopping": {"baseline": 0.5},
    "GPTQConfig": {"dataset": ["x"], "tokenizer": None},
    "AWQConfig": {"dataset": ["x"], "tokenizer": None},
    "Adamax": {"clipnorm": 1.0, "weight_decay": 0.5},
    "Adam": {"clipvalue": 1.0, "use_ema": True, "ema_overwrite_frequency": 2, "gradient_accumulation_steps": 2},
    "VarianceScaling": {"seed": 3},
    "RandomNormal": {"seed": 3},
    "Constant": {"value": 0.5},
    "MaxNorm": {"axis": (0, 1)},
    "AbsMaxQuantizer": {"axis": (0, 1)},
}
# No constructor of their own, or one without a number.
ABSTRACT = {
    "CallbackList", "Callback", "History", "LambdaCallback", "RemoteMonitor", "ProgbarLogger", "TensorBoard",
    "Constraint", "Initializer", "Regularizer", "LearningRateSchedule", "Quantizer", "QuantizationConfig", "Loss",
    "Metric", "Optimizer", "MultiOptimizer", "OptimizerMap", "LossScaleOptimizer",
}  # fmt: skip
SPACES = {
    "losses": keras.losses, "metrics": keras.metrics, "optimizers": keras.optimizers,
    "schedules": keras.optimizers.schedules, "initializers": keras.initializers, "regularizers": keras.regularizers,
    "constraints": keras.constraints, "callbacks": keras.callbacks, "quantizers": keras.quantizers,
}  # fmt: skip
CLASSES = [
    (space, name)
    for space, module in SPACES.items()
    for name in sorted(module.__all__)
    if isinstance(getattr(module, name), type) and name not in ABSTRACT
]


@pytest.mark.wide
@pytest.mark.parametrize(("space", "name"), [pytest.param(s, n, id=f"{s}-{n}") for s, n in CLASSES])
def test_classes(space, name):
    assert_same(lambda module: getattr(module, name)(**REQUIRED.get(name, {})), SPACES[space])


# ---- wrong kinds --------------------------------------------------------------------------------------------------

WRONG = {
    "units": (lambda v: keras.layers.Dense(v), ("3", [3], 2.5, float("nan"), 0, -1, True, None, np.float32(2.5))),
    "rate": (lambda v: keras.layers.Dropout(v), ("0.5", [0.5], float("nan"), -0.1, 2, True, None)),
    "use_bias": (lambda v: keras.layers.Dense(3, use_bias=v), ("yes", [], 2, 0.5, None, float("nan"))),
    "trainable": (lambda v: keras.layers.Dense(3, trainable=v), ("yes", 2, [True])),
    "kernel_size": (lambda v: keras.layers.Conv2D(3, v), ("3", (3, "3"), 2.5, (3, 3, 3), 0, True, None)),
    "target_shape": (lambda v: keras.layers.Reshape(v), ("3", (2.5,), (True, 2), (-1, -1))),
    "seed": (lambda v: keras.layers.Dropout(0.5, seed=v), ("3", 2.5, True)),
    "shape": (lambda v: keras.Input(v), ("3", 3, (2.5,), (-1,), (True,), ("a",))),
    "batch_size": (lambda v: keras.Input((2,), batch_size=v), ("3", 2.5, True)),
    "num_thresholds": (lambda v: keras.metrics.AUC(num_thresholds=v), ("3", 2.5, 1, True)),
    "label_smoothing": (lambda v: keras.losses.BinaryCrossentropy(label_smoothing=v), ("0.1", float("nan"), True)),
    "learning_rate": (lambda v: keras.optimizers.SGD(v), ("0.1", float("nan"), float("inf"), True, None)),
    "clipnorm": (lambda v: keras.optimizers.SGD(clipnorm=v), ("1", float("nan"), -1.0)),
    "decay_steps": (lambda v: keras.optimizers.schedules.CosineDecay(0.1, v), ("3", -1, float("nan"))),
    "stddev": (lambda v: keras.initializers.RandomNormal(stddev=v), ("1", float("nan"), -1.0)),
    "l2": (lambda v: keras.regularizers.L2(v), ("0.1", float("nan"), -1.0)),
    "patience": (lambda v: keras.callbacks.EarlyStopping(patience=v), ("3", 2.5, -1)),
    "axis": (lambda v: keras.ops.sum(np.ones((2, 3), "float32"), axis=v), ("1", 1.5, True, (0, "1"))),
    "num_classes": (lambda v: keras.ops.one_hot([0, 1], v), ("3", 2.5, True)),
    "keepdims": (lambda v: keras.ops.max(np.ones((2, 3), "float32"), keepdims=v), ("no", 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_kinds_are_errors_that_name_the_argument(name):
    make, values = WRONG[name]
    for value in values:
        with pytest.raises((ValueError, TypeError), match=name):
            make(value)


def test_a_layer_is_frozen_by_a_bool_only():
    layer = keras.layers.Dense(2)
    layer.trainable = np.bool_(False)
    assert layer.trainable is False
    with pytest.raises(ValueError, match="`trainable` of the layer 'dense.* to be True or False, got 'yes'"):
        layer.trainable = "yes"


# ---- functions ----------------------------------------------------------------------------------------------------


def test_sizes_from_data():
    labels = np.array([0, 2, 1, 2])
    features = np.arange(12, dtype="float32").reshape(4, 3)
    model = keras.Sequential([
        keras.Input((features.shape[1],), batch_size=None),
        keras.layers.Dense(np.ceil(features.shape[1] / 2)),
        keras.layers.Dropout(features.mean() / 100),
        keras.layers.Dense(labels.max() + 1, activation="softmax"),
    ])  # fmt: skip
    assert model.output_shape == (None, 3) and model.layers[0].units == 2
    assert model.predict(features, batch_size=np.int32(2), verbose=np.int64(0), steps=np.array(2)).shape == (4, 3)
    assert json.loads(model.to_json())["config"]["layers"][-1]["config"]["units"] == 3
    assert keras.layers.Embedding(labels.max() + 1, np.int64(2))(labels).shape == (4, 2)
    assert keras.Input((np.int64(8), np.array(2), None)).shape == (None, 8, 2, None)
    assert keras.Input(np.array([8, 2]), batch_size=np.int64(4)).shape == (4, 8, 2)
    assert keras.utils.to_categorical(labels, labels.max() + 1).shape == (4, 3)


class Table(keras.layers.Layer):
    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def build(self, input_shape):
        self.table = self.add_weight(shape=(self.size, np.array(input_shape[-1])), trainable=np.bool_(True))

    def call(self, x):
        return keras.ops.matmul(x, keras.ops.transpose(self.table))


def test_a_layer_of_the_users():
    layer = Table(np.int64(3))
    assert layer(np.ones((2, 4), "float32")).shape == (2, 3)
    assert json.dumps(layer.get_config()["size"]) == "3"


def test_functions_and_settings():
    shape = (np.int64(2), np.array(3))
    assert keras.random.normal(shape, seed=np.int64(1)).shape == (2, 3)
    assert keras.initializers.GlorotUniform(seed=np.int32(1))(shape).shape == (2, 3)
    assert keras.Variable("zeros", shape=shape).shape == (2, 3)
    assert keras.InputSpec(shape=shape, axes={-1: np.int64(3)}).axes == {-1: 3}
    before = keras.config.epsilon()
    try:
        keras.config.set_epsilon(np.float32(1e-5))
        assert type(keras.config.epsilon()) is float and keras.config.epsilon() == 1e-5
    finally:
        keras.config.set_epsilon(before)


@pytest.mark.trains
def test_training_by_numbers_from_data():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(np.float64(0.1)), "mse", steps_per_execution=np.int64(1))
    x, y = np.ones((10, 2), "float32"), np.ones((10, 1), "float32")
    history = model.fit(
        x, y, epochs=np.int64(2), batch_size=np.int64(4), verbose=np.int64(0), validation_split=np.float32(0.2),
        steps_per_epoch=np.ceil(8 / 4), validation_freq=np.int64(2), initial_epoch=np.array(0), shuffle=np.bool_(False),
    ).history  # fmt: skip
    assert len(history["loss"]) == 2 and len(history["val_loss"]) == 1
    for name, value in {
        "epochs": 2.5, "batch_size": "4", "steps_per_epoch": 10 / 4, "validation_split": float("nan"),
        "initial_epoch": -1, "validation_freq": 0, "shuffle": "yes", "verbose": "loud",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=name):
            model.fit(x, y, **{"verbose": 0, name: value})


# ---- names --------------------------------------------------------------------------------------------------------

NAMES = [
    (lambda: keras.optimizers.Adam(lr=0.1), "no argument 'lr'. It is called 'learning_rate'"),
    (lambda: keras.optimizers.Adam(decay=0.1), "no argument 'decay'.*InverseTimeDecay"),
    (lambda: keras.layers.Dense(3, activaton="relu"), "Dense has no argument 'activaton'. Did you mean 'activation'?"),
    (lambda: keras.layers.Dense(output_dim=3), "'output_dim'. It is called 'units'"),
    (lambda: keras.layers.Dense(3, init="zeros"), "'init'. It is called 'kernel_initializer'"),
    (lambda: keras.layers.Conv2D(3, 3, border_mode="same"), "'border_mode'. It is called 'padding'"),
    (lambda: keras.layers.Dropout(p=0.5), "'p'. It is called 'rate'"),
    (lambda: keras.losses.BinaryCrossentropy(fom_logits=True), "Did you mean 'from_logits'?"),
    (lambda: keras.metrics.AUC(num_treshold=3), "Did you mean 'num_thresholds'?"),
    (lambda: keras.callbacks.EarlyStopping(patient=3), "Did you mean 'patience'?"),
    (lambda: keras.callbacks.ModelCheckpoint("a.keras", period=2), "'period'. It is called 'save_freq'"),
    (lambda: keras.optimizers.schedules.ExponentialDecay(0.1, 3, rate=0.5), "ExponentialDecay has no argument 'rate'"),
    (lambda: keras.initializers.RandomNormal(std=1.0), "Did you mean 'stddev'?"),
    (lambda: keras.regularizers.L2(l=1.0), "L2 has no argument 'l'"),
    (lambda: keras.Input(shap=(2,)), "Did you mean 'shape'?"),
    (lambda: keras.Model(input=keras.Input((2,)), output=keras.Input((2,))), "'output'. It is called 'outputs'"),
    (lambda: keras.Sequential(nam="x"), "Did you mean 'name'?"),
    (lambda: Table(3, nmae="x"), "Table has no argument 'nmae'. Did you mean 'name'?"),
    (lambda: keras.Sequential().compile(optimiser="sgd"), "'optimiser'. It is called 'optimizer'"),
    (lambda: keras.Sequential().fit(nb_epoch=3), r"fit\(\) has no argument 'nb_epoch'. It is called 'epochs'"),
    (lambda: keras.Sequential().predict([], batchsize=3), "Did you mean 'batch_size'?"),
    (lambda: keras.Sequential().evaluate([], verbos=0), "Did you mean 'verbose'?"),
    (lambda: keras.Sequential().save("a.keras", overwrit=True), "Did you mean 'overwrite'?"),
    (lambda: keras.layers.Layer().add_weight(shpe=(2,)), "Did you mean 'shape'?"),
]


@pytest.mark.parametrize(("make", "message"), NAMES, ids=[message.replace(" ", "_") for _, message in NAMES])
def test_unknown_names_say_which_one_is_meant(make, message):
    for kind in (ValueError, TypeError):  # Keras raises one or the other
        with pytest.raises(kind, match=message.replace("?", r"\?")):
            make()


def test_constructors_show_their_own_signatures():
    assert list(inspect.signature(keras.layers.Dense).parameters)[:3] == ["units", "activation", "use_bias"]
    assert "learning_rate" in inspect.signature(keras.optimizers.Adam).parameters
    assert "epochs" in inspect.signature(keras.Model.fit).parameters


def test_an_optimizer_of_keras_2_that_reduced_its_rate():
    config = {"name": "SGD", "learning_rate": 0.5, "decay": 0.25, "momentum": 0.0, "nesterov": False}
    rate = keras.optimizers.SGD.from_config(config).get_config()["learning_rate"]
    assert rate["class_name"] == "InverseTimeDecay" and rate["config"]["decay_rate"] == 0.25
