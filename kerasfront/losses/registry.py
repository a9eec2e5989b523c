"""The losses by their names: classes, functions and short names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, overload

from kerasfront.losses import functions, losses
from kerasfront.losses.loss import FixedLoss, LossFunctionWrapper
from kerasfront.registry import Registry, classes_in
from kerasfront.typing import Config, LossLike, Tensor

_classes = classes_in(losses, base=FixedLoss)
_short = {
    "bce": functions.binary_crossentropy,
    "kld": functions.kl_divergence,
    "mae": functions.mean_absolute_error,
    "mape": functions.mean_absolute_percentage_error,
    "mse": functions.mean_squared_error,
    "msle": functions.mean_squared_logarithmic_error,
}
_registry = Registry(
    "keras.losses",
    "loss",
    {
        **{cls.__name__: cls for cls in (*_classes, LossFunctionWrapper)},
        **{cls._kf_function.__name__: cls._kf_function for cls in _classes},
        **_short,
        **{name.upper(): function for name, function in _short.items()},
    },
)


def serialize(loss: Callable[..., Any]) -> Config | str | None:
    """Return the config from which `deserialize` makes an equal loss; for a function its name."""
    config: Config | str | None = _registry.serialize(loss)
    return config


def deserialize(
    name: str | Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Callable[..., Tensor]:
    """Make a loss from its config, or return the class or function of a name; `custom_objects` are the user's own."""
    made: Callable[..., Tensor] = _registry.deserialize(name, custom_objects)
    return made


@overload
def get(identifier: None) -> None: ...
@overload
def get(identifier: LossLike) -> Callable[..., Tensor]: ...
def get(identifier: LossLike | None) -> Callable[..., Tensor] | None:
    """Return a loss from its name ("mse", "MeanSquaredError"), its class, its config or a function; None for None.

    Raises:
        UnknownNameError: Nothing has the name.
        ValueError: `identifier` is none of these.

    >>> import kerasfront as keras
    >>> keras.losses.get("mse").__name__
    'mean_squared_error'
    """
    loss: Callable[..., Tensor] | None = _registry.get(identifier)
    return loss
