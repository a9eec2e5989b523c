"""Where messages and progress go: a terminal, a notebook, a log file, or the `logging` module."""

import logging
import os
import sys

from kerasfront import settings
from kerasfront.arguments import plain, wrong

_logger = logging.getLogger("kerasfront")
# The width of a terminal that doesn't say how wide it is.
_COLUMNS = 80


def is_live() -> bool:
    """Return whether a line of standard output can be overwritten: in a terminal or a notebook, not in a log."""
    if not settings.is_interactive_logging_enabled():
        return False
    stream = sys.stdout
    if type(stream).__module__.startswith("ipykernel"):
        return True
    return os.environ.get("TERM") != "dumb" and bool(getattr(stream, "isatty", lambda: False)())


def width() -> int:
    """Return the columns of the terminal. There is no limit in a notebook, which scrolls, or in a log."""
    if not getattr(sys.stdout, "isatty", lambda: False)():
        return sys.maxsize
    if (columns := os.environ.get("COLUMNS", "")).isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS


def can_write(text: str) -> bool:
    """Return whether the encoding of standard output has these characters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def resolve_verbose(verbose: int | str | bool) -> int:
    """Return the number that a `verbose` argument means: "auto" is 1 where output is live, else 2, a line an epoch.

    Raises:
        ValueError: It is none of "auto", 0, 1, 2.

    Example:
        >>> resolve_verbose(2), resolve_verbose(True)
        (2, 1)
    """
    if verbose == "auto":
        return 1 if is_live() else 2
    number = plain(verbose)
    if not isinstance(number, int) or not 0 <= number <= 2:
        raise wrong("verbose", "", '"auto", 0, 1 or 2', verbose)
    return int(number)


def write(text: str) -> None:
    """Write the text as it is and flush; where interactive logging is off, hand it to `logging`."""
    if settings.is_interactive_logging_enabled():
        sys.stdout.write(text)
        sys.stdout.flush()
    elif line := text.strip():
        _logger.info(line)


def announce(message: str) -> None:
    """Write a line of its own, such as a callback's, below a progress bar that is being drawn."""
    write(f"\n{message}\n" if is_live() else f"{message}\n")
