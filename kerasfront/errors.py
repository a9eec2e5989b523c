"""The exception types of kerasfront, and the two helpers that suggest the nearest known name.

Every type is also the built-in type that Keras code catches for the same mistake (`ValueError`, `TypeError`,
`ImportError`, `NotImplementedError`), so `except ValueError:` written for Keras goes on working.
"""

import difflib
import errno
import functools
import inspect
from collections.abc import Iterable

__all__ = [
    "ArgumentError",
    "BackendError",
    "CapabilityError",
    "ConfigError",
    "DTypeError",
    "DataError",
    "KerasFrontError",
    "MissingFileError",
    "NotBuiltError",
    "NotCompiledError",
    "SavingError",
    "ShapeError",
    "UnknownNameError",
    "has_state_of_keras",
    "keras_package",
    "nearest",
    "not_one",
    "suggest",
    "unknown",
]


class KerasFrontError(Exception):
    """The base of every error that kerasfront raises on purpose.

    Args:
        message: What was expected and what came, with the layer path or the argument.
        hint: What to do about it; it becomes the last line of the message.

    Example:
        >>> print(KerasFrontError("The weights file has no layer 'head'.", hint="Pass strict=False."))
        The weights file has no layer 'head'.
        Hint: Pass strict=False.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(f"{message}\nHint: {hint}" if hint else message)

    def __reduce__(self) -> tuple[object, ...]:
        # args[0] holds the hint already: rebuilding from it alone doesn't say the hint twice.
        return type(self), self.args, {"hint": self.hint}


class BackendError(KerasFrontError, ImportError):
    """A backend is unknown, isn't installed, doesn't fit the contract, or was chosen too late."""


class ArgumentError(KerasFrontError, ValueError, TypeError):
    """An argument is of a wrong kind, out of its range, or has a name that isn't known."""


class CapabilityError(KerasFrontError, NotImplementedError):
    """The backend in use lacks an optional capability that was asked for."""


class ShapeError(KerasFrontError, ValueError):
    """A shape, rank, axis or length is not the one that was expected."""


class DTypeError(KerasFrontError, TypeError):
    """A dtype is unknown, or not allowed where it came."""


class ConfigError(KerasFrontError, ValueError):
    """A setting has a wrong value: in the environment, in the configuration file or in a call."""


class SavingError(KerasFrontError, ValueError):
    """A file can't be saved or loaded, is corrupt, or doesn't fit the model."""


class MissingFileError(SavingError, FileNotFoundError):
    """There is no such file or folder."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.errno: int = errno.ENOENT


class DataError(KerasFrontError, ValueError):
    """What was given as training data can't be used: empty, of unequal lengths, of a kind that no model takes."""


class NotBuiltError(KerasFrontError, ValueError):
    """A layer or model was asked for something that it has only once it is built."""


class NotCompiledError(KerasFrontError, ValueError):
    """A model was asked to train or evaluate before `compile()`."""


class ReservedNameError(KerasFrontError, AttributeError):
    """An attribute was set whose name an object keeps for itself."""


class UnknownNameError(KerasFrontError, ValueError):
    """A name (of a layer, loss, optimizer, activation, argument...) that nothing is called by."""


def nearest(name: object, options: Iterable[str]) -> str | None:
    """Return the option most like `name`, ignoring case, or None where none is like it.

    Example:
        >>> nearest("TORCH", ["jax", "torch"])
        'torch'
        >>> nearest("keras", ["jax", "torch"]) is None
        True
    """
    if not isinstance(name, str):
        return None
    folded = {option.casefold(): option for option in options}
    matches = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[matches[0]] if matches else None


def suggest(name: object, options: Iterable[str]) -> str:
    """Return a sentence that names the nearest option, led by a space, or an empty string.

    Args:
        name: What was given; anything that is no string gets no suggestion.
        options: The names that exist.

    Example:
        >>> "No loss 'mea_squared_error'." + suggest("mea_squared_error", ["mean_squared_error", "hinge"])
        "No loss 'mea_squared_error'. Did you mean 'mean_squared_error'?"
        >>> suggest("xyz", ["mean_squared_error", "hinge"])
        ''
    """
    match = nearest(name, options)
    return "" if match is None else f" Did you mean '{match}'?"


def unknown(kind: str, name: object, options: Iterable[str]) -> UnknownNameError:
    """Return the error for a name that isn't one of `options`; the caller raises it.

    Args:
        kind: What the name was for, such as "optimizer".
        name: What was given.
        options: The names that exist; up to 20 are listed in the message.

    Example:
        >>> print(unknown("optimizer", "adm", ["adam", "sgd"]))
        Unknown optimizer 'adm'. Did you mean 'adam'?
        Hint: Known: adam, sgd.
    """
    names = sorted(set(options))
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return UnknownNameError(f"Unknown {kind} {name!r}.{suggest(name, names)}", hint=f"Known: {listed}.")


# ---- things of a wrong kind ---------------------------------------------------------------------------------------


def keras_package(value: object) -> str | None:
    """Return the package of Keras itself ("keras", "tf_keras") that an object or a class comes from; else None.

    >>> keras_package(3) is None
    True
    """
    for base in value.__mro__ if isinstance(value, type) else type(value).__mro__:
        root = base.__module__.partition(".")[0]
        if root in ("keras", "tf_keras") or base.__module__.startswith("tensorflow.python.keras"):
            return root
    return None


@functools.lru_cache(maxsize=1024)
def has_state_of_keras(kind: type) -> bool:
    """Whether objects of a class are layers, metrics, optimizers or Variables of Keras itself.

    What they hold is no part of a model of kerasfront's: taken for plain objects or functions, they would not be
    trained, and a metric would be a mean of means.
    """
    return keras_package(kind) is not None and any(hasattr(kind, held) for held in ("variables", "assign"))


def not_one(expected: str, value: object) -> ArgumentError:
    """Return the error for a thing of a wrong kind, with what to do about it; the caller raises it.

    Args:
        expected: What was expected, and where: "a layer to add to the Sequential 'm'".
        value: What came.

    >>> print(not_one("a layer to add to the Sequential 'm'", ValueError))
    Expected a layer to add to the Sequential 'm', got the class ValueError.
    Hint: Make an object of the class: ValueError(...).
    """
    return ArgumentError(f"Expected {expected}, got {_told(value)}.", hint=_instead_of(value, "layer" in expected))


def _told(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def _instead_of(value: object, is_layer: bool) -> str | None:
    """Return what to do with a thing of another library, or of another kind."""
    kind = value if isinstance(value, type) else type(value)
    package, root = keras_package(value), kind.__module__.partition(".")[0]
    if package is not None:
        return (
            f"This {kind.__name__} is of the package {package!r}, and its objects don't mix with kerasfront's: make it "
            "with kerasfront (import kerasfront as keras), in every file that makes a part of the model."
        )
    if root == "optax" or kind.__module__.startswith("torch.optim") or "GradientTransformation" in kind.__name__:
        return f"An optimizer of {root} is for loops written by hand; here it is one of keras.optimizers, or a name."
    if isinstance(value, type):
        return f"Make an object of the class: {value.__name__}(...)."
    if is_layer and any(base.__module__.startswith("torch.nn") for base in kind.__mro__):
        return "On the torch backend, keras.layers.TorchModuleWrapper(module) makes a layer of a module of torch."
    if is_layer and any(base.__module__.startswith("flax.") for base in kind.__mro__):
        return "On the JAX backend, keras.layers.FlaxLayer(module) makes a layer of a module of Flax."
    if is_layer and (inspect.isroutine(value) or kind.__name__ == "ufunc"):
        return "keras.layers.Lambda(function) makes a layer of a function that is written with keras.ops."
    return None
