"""Writing files so that a reader sees the old one or the new one, and never half of one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kerasfront.errors import MissingFileError, suggest


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives the path of a temporary file beside the target, which takes the target's place at the end.

    The temporary name ends as the target's does, so that writers which look at the extension work. Missing
    folders are made. If the body raises, the target stays as it was and the temporary file is removed.

    Example:

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder, "new", "a.txt")) as path:
        ...         _ = path.write_text("whole")
        ...     Path(folder, "new", "a.txt").read_text()
        'whole'
    """
    goal = Path(target)
    goal.parent.mkdir(parents=True, exist_ok=True)
    temporary = goal.with_name(f".{os.getpid()}-{goal.name}")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, goal)
        sync(goal.parent)
    finally:
        remove(temporary)


def sync(path: str | os.PathLike[str]) -> None:
    """Wait until a file, or a folder's list of names, is on the disk: then a crash can't take it away."""
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:  # nothing was written, or folders can't be opened on this system
        return
    try:
        os.fsync(number)
    finally:
        os.close(number)


def remove(path: str | os.PathLike[str]) -> None:
    """Removes a file or a folder with all that it holds; nothing happens where there is none."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def missing(path: Path) -> MissingFileError:
    """The error for a file that isn't there, with the name that is most like it; the caller raises it."""
    try:
        beside = [str(path.with_name(name)) for name in os.listdir(path.parent)[:1000]] if path.name else []
    except OSError:
        return MissingFileError(f"There is no file '{path}': its folder isn't there either.")
    return MissingFileError(f"There is no file '{path}'.{suggest(str(path), beside)}")
