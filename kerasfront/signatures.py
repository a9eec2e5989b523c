"""Arguments that many constructors have, declared once and part of each signature.

A constructor declares its own arguments, and takes the common ones as `**options: Unpack[...]` of a TypedDict, which
type checkers understand. At runtime it gets the whole signature: its own arguments, the common ones, then those of its
own that are keyword-only. All of them may be given by position, as in Keras.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

_Parameter = inspect.Parameter
Init = Callable[..., None]
F = TypeVar("F", bound=Callable[..., Any])


def takes_options(init: object) -> bool:
    """Return whether a constructor takes common arguments as `**options`."""
    return str(getattr(init, "__annotations__", {}).get("options")).startswith("Unpack[")


def with_options(init: Init, base: Init, defaults: Mapping[str, object] | None = None) -> Init:
    """Return a constructor with the parameters of a base class in place of its `**options`.

    Args:
        init: The constructor. It passes the keywords that it doesn't have on to the base class.
        base: The constructor of the base class.
        defaults: Defaults that differ from those of the base class.

    >>> def base(self, reduction="mean", name=None, **kwargs): ...
    >>> def init(self, delta=1.0, *, axis=-1, **options):
    ...     print(delta, axis, options)
    >>> huber = with_options(init, base, {"name": "huber"})
    >>> str(inspect.signature(huber))
    "(self, delta=1.0, reduction='mean', name='huber', axis=-1, **kwargs)"
    >>> huber(None, 2.0, "sum")
    2.0 -1 {'name': 'huber', 'reduction': 'sum'}
    """
    own, changed = inspect.signature(init), dict(defaults or {})
    parameters = [
        p.replace(default=changed[p.name]) if p.name in changed else p
        for p in _joined(own.parameters, inspect.signature(base).parameters)
    ]
    names = [p.name for p in parameters if p.kind is _Parameter.POSITIONAL_OR_KEYWORD]
    positional = sum(p.kind is _Parameter.POSITIONAL_OR_KEYWORD for p in own.parameters.values())

    @functools.wraps(init)
    def call(*args: Any, **kwargs: Any) -> None:
        more = {}
        if positional < len(args) <= len(names):
            more = dict(zip(names[positional:], args[positional:], strict=False))
            args = args[:positional]
            if repeated := more.keys() & kwargs.keys():
                raise TypeError(f"{type(args[0]).__name__} got several values for {', '.join(sorted(repeated))}.")
        missing = changed.keys() - names[: len(args)] if changed else ()
        init(*args, **{**{name: changed[name] for name in missing}, **more, **kwargs})

    setattr(call, "__signature__", own.replace(parameters=parameters))  # noqa: B010  (mypy doesn't know the attribute)
    return call


def also_named(**names: str) -> Callable[[F], F]:
    """Return a decorator by which a method takes parameters under other names too, which a type checker doesn't see.

    Args:
        names: The parameters by their other names.

    >>> class Box:
    ...     @also_named(content="value")
    ...     def fill(self, value): return value
    >>> Box().fill(1), Box().fill(value=2), Box().fill(content=3)
    (1, 2, 3)
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            return function(self, *args, **{names.get(name, name): value for name, value in kwargs.items()})

        signature = inspect.signature(function)
        others = [_Parameter(name, _Parameter.KEYWORD_ONLY, default=None) for name in names]
        setattr(call, "__signature__", signature.replace(parameters=[*signature.parameters.values(), *others]))  # noqa: B010
        return cast(F, call)

    return decorate


def _joined(own: Mapping[str, _Parameter], base: Mapping[str, _Parameter]) -> list[_Parameter]:
    """Return the parameters in Keras's order."""
    first = [p for p in own.values() if p.kind is _Parameter.POSITIONAL_OR_KEYWORD]
    common = [p for p in base.values() if p.kind is _Parameter.POSITIONAL_OR_KEYWORD and p.name not in own]
    last = [p.replace(kind=_Parameter.POSITIONAL_OR_KEYWORD) for p in own.values() if p.kind is _Parameter.KEYWORD_ONLY]
    return [*first, *common, *last, *(p for p in base.values() if p.kind is _Parameter.VAR_KEYWORD)]
