"""Arrays of every kind, seen as columns from which batches of rows are taken."""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from sys import getrefcount
from typing import Any, NamedTuple

import numpy as np

from kerasfront import interop, memory, settings, tree
from kerasfront.contract import current
from kerasfront.data.sparse_rows import is_native, is_native_sparse, sparse_rows, takes_sparse
from kerasfront.errors import DataError
from kerasfront.interop import ArraySpec, Rows, RowSource, TensorLibrary
from kerasfront.spec import dtypes

_SCALARS = (bool, int, float, complex, str, bytes, np.generic)


class Column(NamedTuple):
    """One array of the input.

    Attributes:
        name: What an error calls it, such as `x['image']`.
        length: The number of rows.
        spec: The shape of one row and the dtype.
        take: Gives the rows at the indices of an int64 array, or of a slice, which is a view where that is
            possible.
        reshape: Gives an array another shape; None: batches of these can't be stacked.
    """

    name: str
    length: int
    spec: ArraySpec
    take: Callable[[Rows], Any]
    reshape: Callable[[Any, Any], Any] | None


def make_columns(structure: Any, name: str) -> tuple[Any, list[Column | None]]:
    """A structure of arrays as columns, in the order of `tree.flatten`.

    Args:
        structure: An array, a list of numbers, or a nested structure of them; `None` stays.
        name: What errors call it.

    Returns:
        The structure, for `tree.pack_sequence_as`, and a column (or `None`) for each of its leaves.

    Raises:
        ValueError: Something in it is no array, or a scalar.

    Example:

        >>> _, columns = make_columns({"a": [1, 2, 3]}, "x")
        >>> columns[0].name, columns[0].length, columns[0].take(slice(1, 3)).tolist()
        ("x['a']", 3, [2, 3])
    """
    structure = number_lists_to_arrays(structure)
    leaves = tree.flatten_with_path(structure)
    columns = [None if leaf is None else _column(leaf, name + _suffix(path)) for path, leaf in leaves]
    return structure, columns


def in_floatx(column: Column | None) -> Column | None:
    """The column with floats of `floatx()`, as Keras hands over the rows of arrays: cast batch by batch.

    Example:

        >>> _, columns = make_columns(np.ones(3), "x")
        >>> in_floatx(columns[0]).take(slice(0, 2)).dtype.name
        'float32'
    """
    if column is None or column.spec.sparse or not dtypes.is_float(column.spec.dtype):
        return column
    floatx, take = settings.floatx(), column.take
    if column.spec.dtype == floatx:
        return column
    return column._replace(spec=replace(column.spec, dtype=floatx), take=lambda rows: cast_floats(take(rows), floatx))


def cast_floats(array: Any, dtype: str) -> Any:
    """The array, or native tensor, in another dtype of floats where it is of floats."""
    if isinstance(array, np.ndarray):
        name = array.dtype.name
        return array if name == dtype or not dtypes.is_float(name) else array.astype(dtypes.to_numpy(dtype))
    library = interop.library_of(array)
    name = library.dtype_name(array)
    if name == dtype or not dtypes.is_float(name):
        return array
    return library.cast(array, dtype) if isinstance(library, TensorLibrary) else array.astype(dtype)


def as_arrays(structure: Any, name: str) -> Any:
    """A batch's part with arrays for lists of numbers, data frames and sparse matrices."""
    if isinstance(structure, np.ndarray) or structure is None:
        return structure
    structure = number_lists_to_arrays(structure)
    return tree.map_structure(lambda leaf: _leaf_as_array(leaf, name), structure)


def _leaf_as_array(leaf: Any, name: str) -> Any:
    if leaf is None or isinstance(leaf, np.ndarray):
        return leaf
    if is_native_sparse(leaf):
        return leaf if takes_sparse(leaf) else sparse_rows(leaf)[0].dense(slice(0, leaf.shape[0]))
    if interop.becomes_array(leaf) and not is_native(leaf):
        return interop.library_of(leaf).to_rows(leaf, name)
    if hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
        return leaf
    if isinstance(leaf, _SCALARS):
        return np.asarray(leaf)
    raise DataError(f"`{name}` of a batch must hold arrays; {described(leaf)} came.")


def number_lists_to_arrays(structure: Any) -> Any:
    """The structure with an array for each list (of lists...) of plain numbers or strings.

    Example:

        >>> number_lists_to_arrays({"a": [[1, 2], [3, 4]], "b": [np.ones(2)]})["a"].shape
        (2, 2)
    """
    return tree.traverse(_as_array, structure)


def _as_array(part: Any) -> np.ndarray | None:
    # A list of lists or tuples of numbers is rows; a tuple of lists is several inputs.
    if isinstance(part, tuple):
        is_rows = bool(part) and isinstance(part[0], _SCALARS)
    else:
        is_rows = isinstance(part, list) and _holds_scalars(part)
    if not is_rows:
        return None
    try:
        return np.asarray(part)
    except ValueError as error:
        raise DataError(
            f"A list of {len(part)} rows of unequal lengths can't become an array: {error}",
            hint="Pad the rows to one length, such as with pad_sequences().",
        ) from error


def _holds_scalars(part: Any) -> bool:
    """Whether the first leaf of a list is a plain number; a list of arrays holds none."""
    while isinstance(part, (list, tuple)):
        if not part:
            return False
        part = part[0]
    return isinstance(part, _SCALARS)


# --- the kinds of arrays ---


def to_host(leaf: Any) -> np.ndarray:
    """Any kind of array, native tensors included, as a NumPy array."""
    return leaf if isinstance(leaf, np.ndarray) else interop.library_of(leaf).to_rows(leaf, "data")


def _column(leaf: Any, name: str) -> Column:
    if isinstance(leaf, np.ndarray):
        return _numpy_column(leaf, name)
    library = interop.library_of(leaf)
    if not library.is_array(leaf):
        raise DataError(
            f"`{name}` must be an array (NumPy, pandas, a list of numbers, a native tensor); {described(leaf)} came."
        )
    if is_native_sparse(leaf):
        return _native_sparse_column(leaf, name)
    source = library.rows(leaf)
    return _numpy_column(library.to_rows(leaf, name), name) if source is None else _column_of(source, leaf, name)


def _column_of(source: RowSource, leaf: Any, name: str) -> Column:
    take = source.take
    if source.memory is not None:
        gathered = _Gathered(source.memory)
        take = lambda rows: source.take(rows) if isinstance(rows, slice) else source.from_memory(gathered.take(rows))  # noqa: E731
    return Column(name, *_split(source.spec, leaf, name), take, source.reshape)


def _numpy_column(array: np.ndarray, name: str) -> Column:
    _check_dtype(array, name)
    # ndarray.take is up to twice as fast as indexing for rows of some size
    return Column(name, *_split(interop.spec_of(array), array, name), _taker(array), np.reshape)


def _taker(array: np.ndarray) -> Callable[[Rows], Any]:
    gathered = _Gathered(array)
    return lambda rows: gathered.view(rows) if isinstance(rows, slice) else gathered.take(rows)


class _Memory(threading.local):
    """Memory that batches left: it is used again once nothing refers to it, neither the loop, nor a view, nor a
    framework that reads it in place, later, on another thread.

    Fresh memory of some size comes from the operating system page by page, which for images takes as long as the
    copying. This is aligned as frameworks want it that read arrays in place; others they copy, into fresh memory.
    """

    def __init__(self, limit: int) -> None:
        self.pieces, self.limit = list[np.ndarray](), limit

    def take(self, size: int) -> np.ndarray:
        """So many bytes. NumPy has all views of them refer to what is in `pieces`, also views of views."""
        pieces = self.pieces
        for place in range(len(pieces)):
            if getrefcount(pieces[place]) == _ALONE and len(pieces[place]) == size + memory.LINE:
                return memory.begin(pieces[place], size)
        piece = np.empty(size + memory.LINE, np.uint8)
        # Any loop needs two; beyond that, those of other sizes make room.
        while len(pieces) >= 2 and sum(map(len, pieces)) + size > self.limit:
            pieces.pop(0)
        pieces.append(piece)
        return memory.begin(piece, size)


class _Gathered:
    """Rows of an array, copied into memory that earlier batches left."""

    SMALL = 1 << 17  # bytes; the allocator keeps pieces up to this size at hand itself
    SHARED = 1 << 22  # bytes; pieces up to this size are kept for later calls of fit() or evaluate()
    LARGE = 1 << 22  # bytes; so many for each thread that copies
    shared = _Memory(1 << 24)

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.own = array, _Memory(1 << 26)
        self.row_bytes = array.nbytes // max(1, len(array))
        self.pooled = type(array) in (np.ndarray, np.memmap) and array.dtype != object

    def take(self, rows: np.ndarray) -> np.ndarray:
        if not self.array.flags.c_contiguous:
            return self.array[rows]  # `take` would copy the whole array first
        if not self.pooled or len(rows) * self.row_bytes <= self.SMALL:
            return self.array.take(rows, 0)
        out = self._memory(len(rows))
        parts = min(_readers, out.nbytes // self.LARGE)
        if parts < 2:
            return self.array.take(rows, 0, out, "clip")  # the one mode that writes in place
        # One core copies more slowly than memory is, and far more slowly than an accelerator computes.
        size = -(-len(rows) // parts)
        starts = range(0, len(rows), size)
        list(_pool().map(lambda a: self.array.take(rows[a : a + size], 0, out[a : a + size], "clip"), starts))
        return out

    def view(self, rows: slice) -> np.ndarray:
        """The rows where they are, or copied where the framework would copy them anyway."""
        out: np.ndarray = self.array[rows]
        if not self.pooled or out.nbytes <= self.SMALL or memory.address(out) % current().alignment == 0:
            return out
        copy = self._memory(len(out))
        copy[:] = out
        return copy

    def _memory(self, rows: int) -> np.ndarray:
        size = rows * self.row_bytes
        taken = (self.shared if size <= self.SHARED else self.own).take(size)
        return taken.view(self.array.dtype).reshape((rows, *self.array.shape[1:]))


_readers = min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_readers, "rows")


def _count_alone() -> int:
    """What getrefcount says of an array to which only a list refers."""
    probe = [np.empty(1)]
    return getrefcount(probe[0])


_ALONE = _count_alone()


def _native_sparse_column(leaf: Any, name: str) -> Column:
    """A sparse tensor: its batches are such too where the backend has them, else dense."""
    rows, take = sparse_rows(leaf)
    sparse = take != rows.dense
    spec = ArraySpec(rows.shape[1:], rows.values.dtype.name, sparse)
    return Column(name, rows.shape[0], spec, take, None if sparse else np.reshape)


# --- what is checked ---


def _split(spec: ArraySpec, leaf: Any, name: str) -> tuple[int, ArraySpec]:
    """The number of rows, and what a row is like."""
    if not spec.shape:
        raise DataError(f"`{name}` must have rows; a scalar came: {described(leaf)}.")
    return int(spec.shape[0] or 0), replace(spec, shape=spec.shape[1:])


def _check_dtype(array: np.ndarray, name: str) -> None:
    if array.dtype != object:
        return
    kinds = sorted({type(value).__name__ for value in array.flat})
    if kinds == ["str"]:
        return
    raise DataError(
        f"`{name}` is an array of objects ({', '.join(kinds[:5])}), which no model can take.",
        hint="Rows of unequal lengths need padding; numbers a dtype, such as x.astype('float32').",
    )


def check_lengths(columns: Iterable[Column | None]) -> int:
    """The number of rows that all columns have.

    Raises:
        ValueError: They differ, or there are none.
    """
    found = [column for column in columns if column is not None]
    lengths = {column.length for column in found}
    if len(lengths) > 1:
        listed = ", ".join(f"{column.name}: {column.length}" for column in found)
        raise DataError(f"All inputs must have the same number of rows; they have {listed}.")
    if lengths == {0} or not lengths:
        listed = ", ".join(f"{column.name} has shape {(0, *column.spec.shape)}" for column in found)
        raise DataError(f"The data is empty: {listed or 'there is no array in it'}.")
    return lengths.pop()


def _suffix(path: tuple[Any, ...]) -> str:
    return "".join(f"[{part!r}]" for part in path)


def described(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
