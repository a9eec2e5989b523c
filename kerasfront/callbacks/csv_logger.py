"""The logs of each epoch as a line of a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import Any, TextIO

import numpy as np

from kerasfront import files
from kerasfront.callbacks.callback import Callback, Logs

_MISSING = "NA"


class CSVLogger(Callback):
    """Writes the logs of each epoch into a CSV file: the epoch first, then the names in order.

    A name that turns up later, such as that of a validation metric with `validation_freq`, becomes a new
    column; the file is then written anew. What an epoch lacks is written as NA.

    Args:
        filename: The file; missing folders are made.
        separator: What stands between the columns.
        append: Goes on below what is in the file rather than beginning anew.

    Example:
        >>> import tempfile, os
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     logger = CSVLogger(os.path.join(folder, "log.csv"))
        ...     logger.on_train_begin(); logger.on_epoch_end(0, {"loss": 0.5}); logger.on_train_end()
        ...     [row["loss"] for row in logger.rows()]
        ['0.5']
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename: str = os.fspath(filename)
        self.sep = separator
        self.append: bool = append
        self.keys: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.keys = None
        rows = self.rows() if self.append else []
        if rows:
            self.keys = [key for key in rows[0] if key != "epoch"]
        else:
            _rewrite(self, ())
        # The next fit() of the same logger goes on in the same file.
        self.append = True

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        names = self.keys or []
        new = sorted(key for key in logs if key not in names)
        if new or self.keys is None:
            rows = self.rows()
            self.keys = names + new
            _rewrite(self, (_line(self, dict(row)) for row in rows))
        _write_line(self, {"epoch": epoch, **logs})

    def rows(self) -> list[dict[str, Any]]:
        """Return what the file holds: a dict of strings for each line."""
        if not os.path.exists(self.filename):
            return []
        with open(self.filename, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file, delimiter=self.sep))


def _line(logger: CSVLogger, row: dict[str, Any]) -> dict[str, Any]:
    return {key: _cell(row.get(key, _MISSING)) for key in _columns(logger)}


def _columns(logger: CSVLogger) -> list[str]:
    return ["epoch", *(logger.keys or [])]


def _rewrite(logger: CSVLogger, lines: Iterable[dict[str, Any]]) -> None:
    with (
        files.replacing(logger.filename) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        if logger.keys is not None:
            _writer(logger, file).writeheader()
            _writer(logger, file).writerows(lines)


def _write_line(logger: CSVLogger, row: dict[str, Any]) -> None:
    with open(logger.filename, "a", newline="", encoding="utf-8") as file:
        _writer(logger, file).writerow(_line(logger, row))


def _writer(logger: CSVLogger, file: TextIO) -> csv.DictWriter[str]:
    return csv.DictWriter(file, _columns(logger), delimiter=logger.sep, lineterminator="\n")


def _cell(value: Any) -> str | int | float:
    """Return a number or string as it is, and a list or array as one cell."""
    if isinstance(value, (str, int, float)):
        return value
    return str(np.asarray(value).tolist())
