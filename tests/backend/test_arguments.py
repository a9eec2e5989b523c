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
