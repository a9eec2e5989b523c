"""The exception types of kerasfront, and the two helpers that suggest the nearest known name.

Every type is also the built-in type that Keras code catches for the same mistake (`ValueError`, `TypeError`,
`ImportError`, `NotImplementedError`), so `except ValueError:` written for Keras goes on working.
"""

import difflib
from collections.abc import Iterable

__all__ = [
    "ArgumentError",
    "BackendError",
    "CapabilityError",
    "ConfigError",
    "DTypeError",
    "DataError",
    "KerasFrontError",
    "NotBuiltError",
    "NotCompiledError",
    "SavingError",
    "ShapeError",
    "UnknownNameError",
    "nearest",
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


class DataError(KerasFrontError, ValueError):
    """What was given as training data can't be used: empty, of unequal lengths, of a kind that no model takes."""


class NotBuiltError(KerasFrontError, ValueError):
    """A layer or model was asked for something that it has only once it is built."""


class NotCompiledError(KerasFrontError, ValueError):
    """A model was asked to train or evaluate before `compile()`."""


class UnknownNameError(KerasFrontError, ValueError):
    """A name (of a layer, loss, optimizer, activation, argument...) that nothing is called by."""


def nearest(name: object, options: Iterable[str]) -> str | None:
    """The option most like `name`, ignoring case, or None where none is like it.

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
    """A sentence that names the nearest option, led by a space, or an empty string.

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
    """The error for a name that isn't one of `options`; the caller raises it.

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
