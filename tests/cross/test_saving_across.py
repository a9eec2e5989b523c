"""Files between backends, and between kerasfront and Keras 3, both ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

SCRIPT = Path(__file__).with_name("models_on_disk.py")
OURS = [("kerasfront", name) for name in ("numpy", "torch", "jax", "tensorflow")]
KERAS = ("keras", "tensorflow")
TOLERANCE = 1e-5


def run(package: str, backend: str, what: str, *folders: Path) -> None:
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(SCRIPT), package, what, *map(str, folders)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory):
    """A folder of files for each that saves, made once."""
    folders: dict[tuple[str, str], Path] = {}

    def of(package: str, backend: str) -> Path:
        key = package, backend
        if key not in folders:
            folders[key] = tmp_path_factory.mktemp(f"{package}-{backend}")
            run(package, backend, "save", folders[key])
        return folders[key]

    return of


@pytest.fixture(scope="session")
def report(saved):
    """What a reader makes of a writer's files: each reader reads everything that it has to in one process."""
    done = set()

    def of(writer: tuple[str, str], reader: tuple[str, str]) -> dict[str, float | str]:
        if reader not in done:
            run(*reader, "check", *[saved(*one) for one, other in PAIRS if other == reader])
            done.add(reader)
        found: dict[str, float | str] = json.loads((saved(*writer) / f"{'-'.join(reader)}.json").read_text())
        return found

    return of


def wrong(found: dict[str, float | str]) -> dict[str, float | str]:
    return {name: d for name, d in found.items() if isinstance(d, str) or not d <= TOLERANCE}


# torch's files and Keras's go to all, and everybody's to torch.
PAIRS = [*((OURS[1], reader) for reader in (*OURS, KERAS)), *((KERAS, reader) for reader in OURS)]
PAIRS += [(writer, OURS[1]) for writer in (OURS[0], *OURS[2:])]


@pytest.mark.parametrize(("writer", "reader"), PAIRS, ids=lambda end: "-".join(end))
def test_what_one_saves_another_loads(writer, reader, report):
    found = report(writer, reader)
    assert len(found) > 70
    assert not wrong(found)


def datasets(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """The shapes and dtypes by path; the count of steps is an int of the backend's own width."""
    held = {}

    def note(name: str, found: h5py.HLObject) -> None:
        if isinstance(found, h5py.Dataset):
            held[name] = found.shape, "int" if found.dtype.kind == "i" else str(found.dtype)

    with h5py.File(path) as file:
        file.visititems(note)
    return held


def test_the_files_have_the_same_paths_shapes_and_dtypes(saved):
    ours, keras = saved(*OURS[1]), saved(*KERAS)
    names = sorted(p.name for p in keras.glob("*.weights.h5"))
    assert names == sorted(p.name for p in ours.glob("*.weights.h5"))
    for name in names:
        assert datasets(ours / name) == datasets(keras / name), name
