"""How objects that a constructor makes are written: `L2(l2=0.01)`, `EarlyStopping(patience=3)`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kerasfront import settings
from kerasfront.naming import to_snake_case

__all__ = ["array", "constructor_call", "short"]

_WIDTH = 60
_VALUES = 8
_MISSING = object()


def constructor_call(thing: object) -> str:
    """Return the call that makes an equal object, as far as its config or its attributes tell.

    Arguments are left out where they have their defaults, but for a first one that is a number; names are where they
    were made by counting.

    >>> import kerasfront as keras
    >>> constructor_call(keras.regularizers.L2()), constructor_call(keras.initializers.Ones())
    ('L2(l2=0.01)', 'Ones()')
    >>> keras.optimizers.Adam(clipnorm=1.0)
    Adam(learning_rate=0.001, clipnorm=1.0)
    >>> keras.callbacks.EarlyStopping(patience=3)
    EarlyStopping(patience=3)
    """
    config = _config_of(thing)
    parts = []
    for index, (name, default) in enumerate(_parameters(type(thing))):
        value = _value(thing, name, config)
        is_first_number = index == 0 and isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is _MISSING or (_is_default(thing, name, value, default) and not is_first_number):
            continue
        parts.append(f"{name}={short(value)}")
    return f"{type(thing).__name__}({', '.join(parts)})"


def short(value: object) -> str:
    """Return a value in a few words: functions by their names, arrays by their dtype and shape, configs as calls."""
    if isinstance(value, Mapping) and isinstance(value.get("class_name"), str) and "config" in value:
        return _of_config(value["class_name"], value["config"])
    if isinstance(value, (list, tuple)):
        if len(value) > _VALUES:
            return f"<{len(value)} values>"
        inner = ", ".join(map(short, value))
        text = f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    elif isinstance(value, Mapping):
        text = f"{{{', '.join(f'{key!r}: {short(item)}' for key, item in value.items())}}}"
    elif inspect.isroutine(value) or isinstance(value, type):
        text = getattr(value, "__name__", None) or repr(value)
    elif hasattr(value, "shape") and hasattr(value, "dtype"):
        text = f"<{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}>"
    else:
        text = repr(value)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def array(values: np.ndarray[Any, Any]) -> str:
    """Return the values of an array in a line, as NumPy writes them, of a large one those at the ends.

    >>> array(np.arange(6.0).reshape(2, 3) / 3)
    '[[0., 0.333, 0.667], [1., 1.333, 1.667]]'
    >>> array(np.arange(100)), array(np.float32(0.001))
    ('[0, 1, ..., 98, 99]', '0.001')
    """
    text = np.array2string(np.asarray(values), precision=3, threshold=12, edgeitems=2, separator=", ")
    text = re.sub(r" +(?=[,\]])|(?<=\[) +", "", re.sub(r"\s+", " ", text))
    return text if len(text) <= 2 * _WIDTH else f"{text[: 2 * _WIDTH - 3]}..."


def _of_config(name: str, arguments: Any) -> str:
    if not isinstance(arguments, Mapping):
        return arguments if isinstance(arguments, str) else name
    parts = (f"{key}={short(value)}" for key, value in arguments.items() if value is not None and key != "name")
    return f"{name}({', '.join(parts)})"


def _config_of(thing: Any) -> dict[str, Any]:
    try:
        return dict(thing.get_config())
    except Exception:  # there is none, or it holds what can't be saved: attributes are looked at
        return {}


def _value(thing: Any, name: str, config: dict[str, Any]) -> Any:
    value = config.get(name, _MISSING)
    if value is not _MISSING:
        return value
    try:
        return getattr(thing, name, _MISSING)
    except Exception:  # a property that asks for what isn't there yet
        return _MISSING


def _is_default(thing: Any, name: str, value: Any, default: Any) -> bool:
    if name == "name":
        return (
            value is None or re.fullmatch(rf"{to_snake_case(type(thing).__name__)}(_\d+)?|{default}", value) is not None
        )
    if getattr(value, "__self__", None) is thing:  # a method of the class, where the argument would replace it
        return True
    if name == "dtype" and default is None:
        return value in (None, settings.floatx())
    if isinstance(value, (list, tuple, dict)):
        return (list(value) if value else None) == (list(default) if isinstance(default, (list, tuple)) else default)
    try:
        return bool(value is default or value == default)
    except Exception:  # arrays
        return False


def _parameters(cls: type) -> Iterator[tuple[str, Any]]:
    """Return the parameters of the constructor with their defaults, those that it hands on as **kwargs included."""
    names = set()
    for base in cls.__mro__:
        if "__init__" not in base.__dict__ or base is object:
            continue
        parameters = list(inspect.signature(base.__dict__["__init__"]).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) and parameter.name not in names:
                names.add(parameter.name)
                yield parameter.name, parameter.default
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return
