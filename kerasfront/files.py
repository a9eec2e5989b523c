"""Atomic writes: a reader sees the old file or the new one, never half of one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kerasfront.errors import MissingFileError, suggest
from kerasfront.typing import PathLike


@contextmanager
def replacing(target: PathLike) -> Iterator[Path]:
    """Replace a file atomically: yield the path of a temporary file, which takes the target's place at the end.

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
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        remove(temporary)


def sync(path: PathLike) -> None:
    """Wait until a file, or a folder's list of names, is on the disk, so that it outlives a crash."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Nothing was written, or this system can't open folders.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: PathLike) -> None:
    """Remove a file, or a folder with its contents, if there is one."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def missing(path: Path) -> MissingFileError:
    """Return the error for a file that isn't there. It names the file beside it whose name is most similar."""
    try:
        beside = [str(path.with_name(name)) for name in os.listdir(path.parent)[:1000]] if path.name else []
    except OSError:
        return MissingFileError(f"There is no file '{path}': its folder isn't there either.")
    return MissingFileError(f"There is no file '{path}'.{suggest(str(path), beside)}")
