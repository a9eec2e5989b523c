"""Quantiles of a stream of numbers, in little memory."""

from __future__ import annotations

from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.float64]]

_SIZE = 2**14


class Quantiles:
    """Quantiles of numbers that come batch by batch: exact up to 16,384 of them, then nearly so.

    Sorted runs of equal size are kept, one at most for each weight 1, 2, 4, ...; two of a weight become one of twice
    the weight, by leaving out every other number. A number's rank errs by half a run at most for each weight: 0.05 %
    of a billion numbers. The result depends on the numbers' order, not on how they are cut into batches.

    J. I. Munro, M. S. Paterson, "Selection and sorting with limited storage", 1980.

    >>> quantiles = Quantiles()
    >>> for start in range(0, 10, 2):
    ...     quantiles.add(np.arange(start, start + 2))
    >>> quantiles.at(np.array([0.25, 0.5])).tolist()
    [1.5, 4.0]
    """

    def __init__(self, epsilon: float = 0.01) -> None:
        # Runs are longer where more precision is asked for.
        self.size = max(_SIZE, 2 * int(np.ceil(8 / epsilon)))
        self.count = 0
        self._waiting: list[Numbers] = []
        self._free = self.size
        self._runs: list[Numbers | None] = []
        self._turns: list[int] = []

    def add(self, values: Any) -> None:
        """Take numbers in; NaN is left out."""
        flat = np.asarray(values, "float64").ravel()
        flat = flat[~np.isnan(flat)]
        self.count += len(flat)
        while len(flat):
            part, flat = flat[: self._free], flat[self._free :]
            self._waiting.append(part.copy())
            self._free -= len(part)
            if not self._free:
                self._keep(np.sort(np.concatenate(self._waiting)), 0)
                self._waiting, self._free = [], self.size

    def _keep(self, run: Numbers, level: int) -> None:
        """Put a run of the weight 2 ** level with the others."""
        while True:
            if level == len(self._runs):
                self._runs.append(None)
                self._turns.append(0)
            other = self._runs[level]
            if other is None:
                self._runs[level] = run
                return
            # By turns the first or the second of each two numbers is left out, so that errors cancel.
            self._runs[level], turn = None, self._turns[level]
            self._turns[level] = 1 - turn
            run = np.sort(np.concatenate([other, run]), kind="stable")[turn::2]
            level += 1

    def at(self, fractions: Numbers) -> Numbers:
        """Return the numbers below which these fractions of all lie, interpolated between neighbours."""
        runs = [(run, 2.0**level) for level, run in enumerate(self._runs) if run is not None]
        runs += [(part, 1.0) for part in self._waiting]
        values = np.concatenate([run for run, _ in runs])
        weights = np.concatenate([np.full(len(run), weight) for run, weight in runs])
        order = np.argsort(values, kind="stable")
        return np.interp(fractions * weights.sum(), np.cumsum(weights[order]), values[order])
