"""Optimizers, and the schedules of learning rates."""

from typing import Any

from kerasfront import serialization
from kerasfront.errors import ConfigError, keras_package
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
from kerasfront.optimizers.rmsprop import RMSprop
from kerasfront.optimizers.schedule_free import ScheduleFreeAdamW
from kerasfront.optimizers.sgd import SGD
from kerasfront.registry import Registry

_classes = (
    Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, LossScaleOptimizer, MultiOptimizer, Muon,
    Nadam, RMSprop, SGD, ScheduleFreeAdamW,
)  # fmt: skip


class _OptimizerRegistry(Registry):
    def find(self, name: str, custom_objects: Any = None) -> Any:
        """Names of optimizers are known in any case."""
        own = serialization.get_registered_object(name, custom_objects)
        return own if own is not None else super().find(name if name in self.names else name.lower())


_registry = _OptimizerRegistry(
    "keras.optimizers", "optimizer", {name: c for c in _classes for name in (c.__name__, c.__name__.lower())}
)
serialization.register("keras.optimizers", {"OptimizerMap": OptimizerMap})
for _class in _classes:
    # Where Keras on torch says that its optimizers live.
    _home = f"keras.src.backend.torch.optimizers.torch_{_class.__name__.lower()}"
    serialization.register(_home, {_class.__name__: _class})


def serialize(optimizer: Any) -> Any:
    """The config from which `deserialize` makes an equal one."""
    return _registry.serialize(optimizer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """An optimizer from its config, or the class or function of a name; `custom_objects` are the user's own."""
    return _registry.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """An optimizer from its name, its class, its config or itself; None for None.

    Raises:
        UnknownNameError: Nothing has the name.
        ValueError: `identifier` is none of these, such as an optimizer of a framework.

    >>> import kerasfront as keras
    >>> type(keras.optimizers.get("adam")).__name__
    'Adam'
    """
    _refuse_a_framework_s(identifier)
    return _registry.get(identifier, lambda thing: isinstance(thing, Optimizer))


def _refuse_a_framework_s(identifier: Any) -> None:
    """Raise a ConfigError for an optimizer that updates weights in the way of its framework, or its class."""
    cls = identifier if isinstance(identifier, type) else type(identifier)
    ways = (("step", "zero_grad"), ("init", "update"), ("apply_gradients", "get_config"))
    known = issubclass(cls, (str, dict, Optimizer)) or keras_package(identifier) is not None
    if known or not any(all(hasattr(cls, name) for name in way) for way in ways):
        return
    same = cls.__name__ if cls.__name__ in __all__ else "Adam"
    raise ConfigError(
        f"An optimizer of kerasfront is needed; {cls.__module__}.{cls.__qualname__} came.",
        hint=f"Use optimizers.{same}(learning_rate=...), or its name.",
    )


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
