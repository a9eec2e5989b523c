"""Shorter tracebacks: where an error leaves kerasfront, the frames between the user's own go.

What stays of ours: the function that the user called, the one from which the error came last into their code or the
framework, and where nothing else says what went wrong, the line that raised. `config.disable_traceback_filtering()`
keeps every frame. Frames of a framework go where it leaves them out itself (`jax_traceback_filtering`,
`tf.debugging.enable_traceback_filtering`): its own filter doesn't see an error that we tell in other words.

Only `except` clauses call this, so that it costs nothing where there is no error.
"""

from __future__ import annotations

import functools
import os
import sysconfig
from collections.abc import Callable
from types import CodeType, TracebackType
from typing import Any, TypeVar

from kerasfront import settings
from kerasfront.errors import KerasFrontError

__all__ = ["entry_point", "hide", "shorten"]

F = TypeVar("F", bound=Callable[..., Any])

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
# The folders whose files are ours: the package, and each adapter as it is loaded; and how generated ops are called.
_OURS = [_HERE, "<kerasfront "]
_FRAMEWORKS: list[Callable[[], str | None]] = []
_STDLIB = tuple(os.path.abspath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib"))
_SITE = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
# Files whose frames say nothing at all: wrappers around what was called.
_NEVER = (os.path.abspath(__file__), os.path.join(_HERE, "arguments.py"))


def hide(filename: str, framework: Callable[[], str | None]) -> None:
    """Count an adapter that is loaded as ours.

    Args:
        filename: The file of its `__init__`.
        framework: Returns the folder of the framework, while it leaves its own frames out of tracebacks.
    """
    _OURS.append(os.path.dirname(os.path.abspath(filename)) + os.sep)
    _FRAMEWORKS.append(framework)


def shorten(error: BaseException) -> None:
    """Take our frames out of the traceback of an error, and of those that led to it; `raise` it afterwards.

    Example:
        >>> import traceback
        >>> import kerasfront as keras
        >>> try:
        ...     keras.ops.reshape(keras.ops.ones(6), (4, 2))
        ... except ValueError as error:
        ...     frames = traceback.extract_tb(error.__traceback__)
        >>> sum("<kerasfront op" in frame.filename or "/kerasfront/" in frame.filename for frame in frames) <= 3
        True
    """
    if not settings.is_traceback_filtering_enabled():
        return
    cause = _cause(error)
    error.__traceback__ = _shortened(
        error.__traceback__, raised=cause is None and not isinstance(error, KerasFrontError)
    )
    visited = {id(error)}
    while cause is not None and id(cause) not in visited:
        visited.add(id(cause))
        cause.__traceback__ = _shortened(cause.__traceback__, called=False)
        cause = _cause(cause)


def entry_point(function: F) -> F:
    """Return a public function that is called seldom, out of which errors come with a short traceback."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BaseException as error:  # KeyboardInterrupt, too
            shorten(error)
            raise

    return called  # type: ignore[return-value]


def _cause(error: BaseException) -> BaseException | None:
    """Return the error that is shown above this one."""
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _shortened(head: TracebackType | None, called: bool = True, raised: bool = False) -> TracebackType | None:
    """Return the traceback with all frames of others, and those of ours that are told.

    Args:
        head: The traceback.
        called: Whether what was called first and last stays.
        raised: Whether our innermost frame stays.
    """
    frames = []
    while head is not None:
        frames.append(head)
        head = head.tb_next
    names = [frame.tb_frame.f_code.co_filename for frame in frames]
    ours = [at for at, name in enumerate(names) if name.startswith(tuple(_OURS)) and name not in _NEVER]
    hidden = (*_NEVER, *(folder + os.sep for framework in _FRAMEWORKS if (folder := framework())))
    shown = {at for at, name in enumerate(names) if at not in ours and not name.startswith(hidden)}
    if ours:
        shown -= {at for at in shown if at < ours[-1] and _is_tool(names[at])}
    if called and ours:
        shown |= {ours[0], next(at for at in reversed(ours) if at == ours[0] or at - 1 not in ours)}
    if ours and (raised or not shown):
        shown.add(ours[-1])
    last: TracebackType | None = None
    for at in sorted(shown or range(len(frames)), reverse=True):
        frame = frames[at]
        last = TracebackType(
            last, frame.tb_frame, _place(frame.tb_frame.f_code, frame.tb_lasti, frame.tb_lineno), frame.tb_lineno
        )
    return last


@functools.lru_cache(maxsize=1024)
def _place(code: CodeType, at: int, line: int) -> int:
    """Return the instruction that stands for a frame: frameworks' filters keep the line and change the instruction."""
    lines = [line for line, *_ in code.co_positions()]
    if at // 2 < len(lines) and lines[at // 2] == line or line not in lines:
        return at
    return 2 * (len(lines) - 1 - lines[::-1].index(line))


def _is_tool(name: str) -> bool:
    """Whether a frame is of the standard library (contextlib, functools): between two of ours it says nothing."""
    return name.startswith(_STDLIB) and not any(part in name for part in _SITE)
