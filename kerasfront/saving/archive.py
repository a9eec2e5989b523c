"""The container of `.keras` files: a zip archive or a folder, of which only known members of limited size are read."""

from __future__ import annotations

import io
import json
import mmap
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from kerasfront import files
from kerasfront.errors import SavingError
from kerasfront.saving.limits import Limits

if TYPE_CHECKING:
    from typing_extensions import Buffer

try:
    from zlib_ng.zlib_ng import crc32  # three to four times as fast
except ImportError:  # there is no wheel for every machine
    from zlib import crc32

METADATA, CONFIG, WEIGHTS, ASSETS = "metadata.json", "config.json", "model.weights.h5", "assets/"
_CHUNK = 1 << 18  # as much as a core's cache holds
_MAPPED = 1 << 26
_ENCRYPTED = 0x1
_LOCAL_HEADER = 30


class Window(io.RawIOBase):
    """A part of a file as a file of its own, so that a stored member of a zip is read and written in place.

    Writing beyond its end makes it longer.

    Args:
        file: The whole file.
        start: Where the part begins.
        size: How long it is.
    """

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        super().__init__()
        self._file = file
        self.start: int = start
        self.size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return self._file.writable()

    def seekable(self) -> bool:
        return True

    def truncate(self, size: int | None = None) -> int:
        self.size = self._position if size is None else size
        self._file.truncate(self.start + self.size)
        return self.size

    def write(self, data: Buffer) -> int:
        view = memoryview(data).cast("B")
        self._file.seek(self.start + self._position)
        done = 0
        while done < len(view):
            done += self._file.write(view[done:])
        self._position += done
        self.size = max(self.size, self._position)
        return done

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")[: max(0, self.size - self._position)]
        self._file.seek(self.start + self._position)
        count = self._file.readinto(view)  # type: ignore[attr-defined]
        self._position += count
        return int(count)


class Archive:
    """A `.keras` file or folder, open for reading. Its list of members is checked; nothing is unpacked.

    Args:
        path: The file or folder.
        limits: What it may ask for.

    Raises:
        SavingError: It is neither, is damaged, lacks a member, or holds members that no such file has.
    """

    def __init__(self, path: str | os.PathLike[str], limits: Limits) -> None:
        self.path: Path = Path(path)
        self.limits: Limits = limits
        self._zip: zipfile.ZipFile | None = None
        if not self.path.exists():
            raise files.missing(self.path)
        if self.path.is_dir() and not (self.path / CONFIG).exists():
            raise SavingError(f"The folder '{self.path}' holds no saved model: it has no {CONFIG}.")
        self.members: dict[str, int] = self._folder_members() if self.path.is_dir() else self._zip_members()
        try:
            self._check_members()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self._zip is not None:
            self._zip.close()

    def _zip_members(self) -> dict[str, int]:
        try:
            self._zip = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            raise SavingError(
                f"'{self.path}' is no .keras file, or a damaged or unfinished one: {error}.",
                hint="A .keras file is a zip archive. Was the copy or the download complete?",
            ) from error
        infos = [i for i in self._zip.infolist() if not i.is_dir()]
        members = {i.filename: i.file_size for i in infos}
        if len(members) != len(infos):
            self.close()
            raise SavingError(f"'{self.path}' holds several members of one name.")
        for info in infos:
            plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            if not plain or info.flag_bits & _ENCRYPTED:
                self.close()
                raise SavingError(f"'{self.path}': {info.filename!r} is encrypted or packed by an unknown method.")
        return members

    def _folder_members(self) -> dict[str, int]:
        members: dict[str, int] = {}
        for folder, _, names in os.walk(self.path):
            for name in names:
                full = Path(folder, name)
                state = full.lstat()
                if not stat.S_ISREG(state.st_mode):
                    raise SavingError(f"'{full}' is no regular file.")
                members[full.relative_to(self.path).as_posix()] = state.st_size
                if len(members) > self.limits.members:
                    return members
        return members

    def _check_members(self) -> None:
        missing = [m for m in (CONFIG, METADATA) if m not in self.members]
        if missing:
            raise SavingError(f"'{self.path}' is no .keras archive: it lacks {' and '.join(missing)}.")
        if len(self.members) > self.limits.members:
            raise SavingError(f"'{self.path}' holds more than {self.limits.members:,} members.")
        assets = 0
        for name, size in self.members.items():
            if name in (METADATA, CONFIG, WEIGHTS):
                continue
            if not name.startswith(ASSETS):
                raise SavingError(f"'{self.path}' holds {name!r}, which no .keras archive has.")
            parts = PurePosixPath(name).parts
            if "\\" in name or ":" in name or "\x00" in name or ".." in parts or "//" in name:
                raise SavingError(f"'{self.path}' holds the asset {name!r}, whose path would leave the archive.")
            assets += size
        if assets > self.limits.asset_bytes:
            raise SavingError(
                f"'{self.path}' holds {assets:,} bytes of assets; {self.limits.asset_bytes:,} are allowed."
            )

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self._zip.open(name) if self._zip is not None else open(self.path / name, "rb") as file:
                yield file
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            if isinstance(error, SavingError):
                raise
            raise SavingError(f"'{self.path}' is damaged at {name}: {error}.") from error

    def json(self, name: str) -> dict[str, Any]:
        """Return the content of a member that holds a JSON object."""
        with self._open(name) as file:
            text = file.read(self.limits.config_bytes + 1)
        return parse_json(text, f"'{self.path}' ({name})", self.limits)

    @contextmanager
    def weights(self, scratch: Path) -> Iterator[str | Window]:
        """Return the weights as something that h5py opens, once their checksum is verified.

        They are read where they lie in the archive, unless they are compressed there.

        Args:
            scratch: A folder into which a compressed member is unpacked.
        """
        if self._zip is None:
            yield str(self.path / WEIGHTS)
            return
        info = self._zip.getinfo(WEIGHTS)
        if info.compress_type != zipfile.ZIP_STORED:
            unpacked = scratch / WEIGHTS
            self._copy(WEIGHTS, unpacked, self.limits.weight_bytes)
            yield str(unpacked)
            return
        with open(self.path, "rb", buffering=0) as file:
            window = Window(file, self._start(file, info), info.file_size)
            if _checksum(window) != info.CRC:
                raise SavingError(f"'{self.path}' is damaged: the checksum of {WEIGHTS} is wrong.")
            yield window

    def _start(self, file: IO[bytes], info: zipfile.ZipInfo) -> int:
        """Return where a member's bytes begin: after its local header, whose size only the header itself says."""
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER)
        if len(header) != _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
            raise SavingError(f"'{self.path}' is damaged at {info.filename}.")
        name_size, extra_size = struct.unpack("<HH", header[26:30])
        return info.header_offset + _LOCAL_HEADER + int(name_size) + int(extra_size)

    def _copy(self, name: str, target: Path, most: int) -> None:
        remaining = most
        with self._open(name) as source, open(target, "wb") as file:
            while chunk := source.read(_CHUNK):
                remaining -= len(chunk)
                if remaining < 0:
                    raise SavingError(f"'{self.path}': {name} is larger than the {most:,} bytes that are allowed.")
                file.write(chunk)

    def assets(self) -> list[str]:
        """Return the names of the members that are assets."""
        return [name for name in self.members if name.startswith(ASSETS)]

    def unpack_assets(self, folder: Path) -> None:
        """Write the assets as regular files below `folder`."""
        remaining = self.limits.asset_bytes
        for name in self.assets():
            target = folder / PurePosixPath(name)
            if not target.resolve().is_relative_to(folder.resolve()):
                raise SavingError(f"'{self.path}' holds the asset {name!r}, whose path would leave the archive.")
            target.parent.mkdir(parents=True, exist_ok=True)
            self._copy(name, target, remaining)
            remaining -= target.stat().st_size


def _checksum(file: io.RawIOBase) -> int:
    crc, buffer = 0, bytearray(_CHUNK)
    view = memoryview(buffer)
    while count := file.readinto(buffer):
        crc = crc32(view[:count], crc)
    file.seek(0)
    return crc


def _checksum_of_own(file: IO[bytes], window: Window) -> int:
    """Return the checksum of a member that this process has just written.

    The file is mapped into memory, which is faster than reading it. That is safe because no other process knows of the
    file yet: a mapped file that another process cuts short would end this one.
    """
    crc, end = 0, window.start + window.size
    try:
        for begin in range(0, end, _MAPPED):
            size = min(_MAPPED, end - begin)
            with (
                mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ, offset=begin) as mapped,
                memoryview(mapped) as view,
            ):
                crc = crc32(view[max(0, window.start - begin) :], crc)
    except OSError:  # there are file systems that map nothing
        window.seek(0)
        return _checksum(window)
    return crc


def parse_json(text: str | bytes, what: str, limits: Limits) -> dict[str, Any]:
    """Return a JSON object from text whose size is checked; raises SavingError for anything else."""
    if len(text) > limits.config_bytes:
        raise SavingError(f"The JSON of {what} is larger than the {limits.config_bytes:,} bytes that are allowed.")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SavingError(f"{what} is no valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise SavingError(f"Expected {what} to hold a JSON object, got a {type(value).__name__}.")
    return value


def write_zip(target: Path, texts: dict[str, str], write_weights: Callable[[Window], None], assets: Path) -> None:
    """Write an archive as Keras does: uncompressed, the JSON first, all members with the same time.

    Args:
        target: The file.
        texts: The members that are JSON.
        write_weights: Writes the HDF5 file into the file object that it is called with.
        assets: A folder; what is below its `assets/` is packed too.
    """
    with open(target, "w+b", buffering=0) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
        for name, text in texts.items():
            packed.writestr(_info(name), text)
        with _in_place(packed, file, WEIGHTS) as window:
            write_weights(window)
        for path in sorted((assets / ASSETS).rglob("*")):
            if path.is_file():
                _add(packed, assets, path.relative_to(assets).as_posix())


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)  # 1 January 1980
    info.external_attr = 0o600 << 16
    return info


@contextmanager
def _in_place(packed: zipfile.ZipFile, file: IO[bytes], name: str) -> Iterator[Window]:
    """Open a member that can be written at any position, as HDF5 needs it; zipfile writes from begin to end only.

    The alternative, a temporary file that is copied into the archive, would write every byte twice.
    """
    info = _info(name)
    info.header_offset = packed.start_dir
    info.CRC = info.file_size = info.compress_size = 0
    # How large it gets is known later: its header has room for sizes of 64 bits.
    window = Window(file, info.header_offset + len(info.FileHeader(zip64=True)), 0)
    yield window
    info.file_size = info.compress_size = window.size
    info.CRC = _checksum_of_own(file, window)
    file.seek(info.header_offset)
    file.write(info.FileHeader(zip64=True))
    packed.filelist.append(info)
    packed.NameToInfo[name] = info
    packed.start_dir = file.seek(0, os.SEEK_END)


def _add(packed: zipfile.ZipFile, folder: Path, name: str) -> None:
    info = _info(name)
    info.file_size = (folder / name).stat().st_size
    with (
        open(folder / name, "rb") as source,
        packed.open(info, "w", force_zip64=info.file_size > 2**31 - 1) as member,
    ):
        shutil.copyfileobj(source, member, _CHUNK)
