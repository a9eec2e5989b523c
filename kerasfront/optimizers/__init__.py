"""Optimizers, and the schedules of learning rates."""

from kerasfront.optimizers import legacy, schedules
from kerasfront.optimizers.adafactor import Adafactor
from kerasfront.optimizers.adagrad import Adadelta, Adagrad
from kerasfront.optimizers.adam import Adam, AdamW
from kerasfront.optimizers.adam_variants import Adamax, Lamb, Lion, Nadam
from kerasfront.optimizers.ftrl import Ftrl
from kerasfront.optimizers.loss_scale import LossScaleOptimizer
from kerasfront.optimizers.multi import MultiOptimizer, OptimizerMap
from kerasfront.optimizers.muon import Muon
from kerasfront.optimizers.optimizer import Optimizer
from kerasfront.optimizers.registry import deserialize, get, serialize
from kerasfront.optimizers.rmsprop import RMSprop
from kerasfront.optimizers.schedule_free import ScheduleFreeAdamW
from kerasfront.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]


def __dir__() -> list[str]:
    return __all__
