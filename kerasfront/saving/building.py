"""Models made from configs: within a budget of memory, and with the file named in every error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerasfront import serialization
from kerasfront.errors import SavingError
from kerasfront.layers.base.layer import Layer
from kerasfront.saving.deferred import Deferred
from kerasfront.saving.limits import DEFAULT, Limits

if TYPE_CHECKING:
    pass

# What variables may take beyond the bytes of a weights file: a file in half precision fills a float32 model,
# and some variables are in no file.
_WIDER, _SPARE = 4, 64 * 2**20


@dataclass(frozen=True)
class LoadOptions:
    """What the caller of `load_model` said.

    Args:
        custom_objects: The user's own classes and functions, by name.
        compile: Whether the model is compiled as it was.
        safe_mode: Whether layers that run code which kerasfront can't see are refused.
        limits: What the file may ask for.
    """

    custom_objects: Mapping[str, Any] | None = None
    compile: bool = True
    safe_mode: bool = True
    limits: Limits = DEFAULT


# A model inside, or the model itself, and the config with which it is to be compiled.
Compilations = list[tuple[Any, dict[str, Any]]]


def build_model(
    config: dict[str, Any], what: str, nbytes: int, options: LoadOptions, fill: Callable[[Any, Deferred], None]
) -> tuple[Any, Compilations]:
    """Return the model of a config, with its weights, and how it and the models inside it are to be compiled.

    Args:
        config: The serialized model.
        what: The file, for errors.
        nbytes: The size of the weights in the file, which limits that of the model's variables.
        options: What the caller of `load_model` said.
        fill: Loads the weights into the model. The variables that it doesn't assign get their initial values.
    """
    with (
        serialization.loading(options.custom_objects, options.safe_mode) as load,
        Deferred(_WIDER * nbytes + _SPARE) as deferred,
    ):
        with load.compiling_later() as compilations:
            model = model_of(config, what)
        fill(model, deferred)
        deferred.finish()
    return model, compilations


def compile_models(compilations: Compilations, options: LoadOptions) -> None:
    """Compile models as their configs say."""
    with serialization.loading(options.custom_objects, options.safe_mode, variable_bytes=None):
        for owner, config in compilations:
            owner.compile_from_config(config)


def model_of(config: dict[str, Any], what: str) -> Any:
    """Return the model of a config; raises SavingError, which names the file, where it describes none."""
    if not ("class_name" in config and "config" in config):
        raise SavingError(f"The config of {what} describes no model: it needs a class_name and a config.")
    model = _explained(lambda: serialization.revive(config), what)
    if not isinstance(model, Layer):
        raise SavingError(f"The config of {what} describes no model, but {type(model).__name__}.")
    return model


def _explained(make: Callable[[], Any], what: str) -> Any:
    """Return what `make` returns; any error of a class that refuses its config names the file."""
    try:
        return make()
    except SavingError:
        raise
    except RecursionError as error:
        raise SavingError(f"The config of {what} is nested too deep.") from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, MemoryError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise SavingError(f"The config of {what} can't be made into a model. {detail}") from error
