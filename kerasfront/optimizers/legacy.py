"""The names under which Keras 2 kept its old optimizers: they are the current ones here."""

from kerasfront.optimizers.adagrad import Adagrad
from kerasfront.optimizers.adam import Adam
from kerasfront.optimizers.ftrl import Ftrl
from kerasfront.optimizers.optimizer import Optimizer
from kerasfront.optimizers.rmsprop import RMSprop
from kerasfront.optimizers.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop"]


def __dir__() -> list[str]:
    return __all__
