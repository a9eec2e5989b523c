"""The optimizers by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

from kerasfront import serialization
from kerasfront.errors import ConfigError, keras_package
from kerasfront.optimizers import (
    adafactor,
    adagrad,
    adam,
    adam_variants,
    ftrl,
    loss_scale,
    multi,
    muon,
    rmsprop,
    schedule_free,
    sgd,
)
from kerasfront.optimizers.multi import OptimizerMap
from kerasfront.optimizers.optimizer import Optimizer
from kerasfront.registry import Registry, classes_in
from kerasfront.typing import OptimizerLike

_classes = classes_in(
    adafactor, adagrad, adam, adam_variants, ftrl, loss_scale, multi, muon, rmsprop, schedule_free, sgd, base=Optimizer
)


class _OptimizerRegistry(Registry):
    """The registry of optimizers, whose names are known in any case."""

    def find(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
        registered = serialization.get_registered_object(name, custom_objects)
        return registered if registered is not None else super().find(name if name in self.names else name.lower())


_registry = _OptimizerRegistry(
    "keras.optimizers", "optimizer", {name: c for c in _classes for name in (c.__name__, c.__name__.lower())}
)
serialization.register("keras.optimizers", {"OptimizerMap": OptimizerMap})
for _class in _classes:
    # Where Keras on torch says that its optimizers live.
    _home = f"keras.src.backend.torch.optimizers.torch_{_class.__name__.lower()}"
    serialization.register(_home, {_class.__name__: _class})


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Return the config from which `deserialize` makes an equal optimizer."""
    config: dict[str, Any] = _registry.serialize(optimizer)
    return config


def deserialize(config: str | Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """Make an optimizer from its config, or return the class of a name; `custom_objects` are the user's own."""
    return _registry.deserialize(config, custom_objects)


@overload
def get(identifier: None) -> None: ...
@overload
def get(identifier: OptimizerLike) -> Optimizer: ...
def get(identifier: OptimizerLike | None) -> Optimizer | None:
    """Return an optimizer from its name, its class, its config or itself; None for None.

    Raises:
        UnknownNameError: Nothing has the name.
        ValueError: `identifier` is none of these, such as an optimizer of a framework.

    >>> import kerasfront as keras
    >>> type(keras.optimizers.get("adam")).__name__
    'Adam'
    """
    _refuse_foreign(identifier)
    optimizer: Optimizer | None = _registry.get(identifier, lambda candidate: isinstance(candidate, Optimizer))
    return optimizer


def _refuse_foreign(identifier: object) -> None:
    """Raise a ConfigError for an optimizer that updates weights in the way of its framework, or its class."""
    cls = identifier if isinstance(identifier, type) else type(identifier)
    interfaces = (("step", "zero_grad"), ("init", "update"), ("apply_gradients", "get_config"))
    known = issubclass(cls, (str, dict, Optimizer)) or keras_package(identifier) is not None
    if known or not any(all(hasattr(cls, name) for name in interface) for interface in interfaces):
        return
    same = cls.__name__ if cls.__name__ in _registry.names else "Adam"
    raise ConfigError(
        f"An optimizer of kerasfront is needed; {cls.__module__}.{cls.__qualname__} came.",
        hint=f"Use optimizers.{same}(learning_rate=...), or its name.",
    )
