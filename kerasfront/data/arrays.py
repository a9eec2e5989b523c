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

Array = np.ndarray[Any, Any]

_SCALARS = (bool, int, float, complex, str, bytes, np.generic)


class Column(NamedTuple):
    """One array of the input.

    Attributes:
        name: What an error calls it, such as `x['image']`.
        length: The number of rows.
        spec: The shape of one row and the dtype.
        take: Return the rows at the indices of an int64 array, or those of a slice, as a view where that is possible.
        reshape: Return an array in another shape. None: batches of these can't be stacked.
    """

    name: str
    length: int
    spec: ArraySpec
    take: Callable[[Rows], Any]
    reshape: Callable[[Any, Any], Any] | None


def make_columns(structure: Any, name: str) -> tuple[Any, list[Column | None]]:
    """Return a structure of arrays as columns, in the order of `tree.flatten`.

    Args:
        structure: An array, a list of numbers, or a nested structure of them. None stays None.
        name: What errors call it.

    Returns:
        The structure, for `tree.pack_sequence_as`, and a column (or None) for each of its leaves.

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
    """Return a column whose floats are cast to `floatx()` batch by batch, as Keras hands over the rows of arrays.

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
    """Return an array or a tensor of floats in another dtype of floats, and any other as it is."""
    if isinstance(array, np.ndarray):
        name = array.dtype.name
        return array if name == dtype or not dtypes.is_float(name) else array.astype(dtypes.to_numpy(dtype))
    library = interop.library_of(array)
    name = library.dtype_name(array)
    if name == dtype or not dtypes.is_float(name):
        return array
    return library.cast(array, dtype) if isinstance(library, TensorLibrary) else array.astype(dtype)


def as_arrays(structure: Any, name: str) -> Any:
    """Return a part of a batch (x, y or weights) with arrays for lists of numbers, data frames and sparse matrices."""
    if isinstance(structure, np.ndarray) or structure is None:
        return structure
    structure = number_lists_to_arrays(structure)
    return tree.map_structure(lambda leaf: _leaf_as_array(leaf, name), structure)


def _leaf_as_array(leaf: Any, name: str) -> Any:
    """Return one leaf of a batch as `as_arrays` does. Tensors stay what they are."""
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
    """Return a structure with an array for each list, at any depth, of plain numbers or strings.

    Example:
        >>> number_lists_to_arrays({"a": [[1, 2], [3, 4]], "b": [np.ones(2)]})["a"].shape
        (2, 2)
    """
    return tree.traverse(_as_array, structure)


def _as_array(part: Any) -> Array | None:
    """Return a list of numbers as an array. None: the part is something else, such as several inputs."""
    # A list of lists or tuples of numbers is rows. A tuple of lists is several inputs.
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
    """Return whether the first leaf of a nested list is a plain number or string, and no array."""
    while isinstance(part, (list, tuple)):
        if not part:
            return False
        part = part[0]
    return isinstance(part, _SCALARS)


# --- columns of arrays ---


def to_host(leaf: Any) -> Array:
    """Return an array of any library, or a tensor, as a NumPy array."""
    return leaf if isinstance(leaf, np.ndarray) else interop.library_of(leaf).to_rows(leaf, "data")


def _column(leaf: Any, name: str) -> Column:
    """Return a column of an array of any library.

    Raises:
        DataError: It is no array.
    """
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
    """Return a column whose rows the library of the array takes."""
    length, spec = _split(source.spec, leaf, name)
    take = source.take if source.memory is None else _take_from_memory(source, source.memory)
    return Column(name, length, spec, take, source.reshape)


def _take_from_memory(source: RowSource, array: Array) -> Callable[[Rows], Any]:
    """Return what takes rows of an array of another library: its slices, and copies that NumPy makes."""
    rows_of, from_memory, copies = source.take, source.from_memory, _RowCopies(array)
    return lambda rows: rows_of(rows) if isinstance(rows, slice) else from_memory(copies.take(rows))


def _numpy_column(array: Array, name: str) -> Column:
    _check_dtype(array, name)
    length, spec = _split(interop.spec_of(array), array, name)
    copies = _RowCopies(array)

    def take(rows: Rows) -> Array:
        return copies.view(rows) if isinstance(rows, slice) else copies.take(rows)

    return Column(name, length, spec, take, np.reshape)


class _BufferPool(threading.local):
    """Buffers of earlier batches, which are reused once nothing refers to them.

    References come from the loop, from views, and from frameworks that read the memory in place, perhaps later and on
    another thread.

    The operating system hands out new memory page by page, which takes as long for images as the copying. Besides,
    these buffers are aligned as frameworks demand that read an array in place. They copy other arrays, to new memory.
    """

    def __init__(self, limit: int) -> None:
        self.buffers, self.limit = list[Array](), limit

    def take(self, size: int) -> Array:
        """Return an array of so many bytes, in a buffer to which nothing else refers.

        NumPy lets each view refer to the array that owns the memory, also a view of a view. So the reference count of
        a buffer tells whether any view of it is left.
        """
        buffers = self.buffers
        for index in range(len(buffers)):
            if getrefcount(buffers[index]) == _UNUSED_COUNT and len(buffers[index]) == size + memory.LINE:
                return memory.begin(buffers[index], size)
        buffer = np.empty(size + memory.LINE, np.uint8)
        # Any loop needs two buffers. Beyond that, those of other sizes make room.
        while len(buffers) >= 2 and sum(map(len, buffers)) + size > self.limit:
            buffers.pop(0)
        buffers.append(buffer)
        return memory.begin(buffer, size)


class _RowCopies:
    """Rows of an array, copied into buffers that earlier batches used."""

    SMALL = 1 << 17  # bytes; the allocator itself reuses memory up to this size
    SHARED = 1 << 22  # bytes; buffers up to this size are kept for later calls of fit() or evaluate()
    LARGE = 1 << 22  # bytes; each thread that copies gets so many
    shared = _BufferPool(1 << 24)

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.own = array, _BufferPool(1 << 26)
        self.row_bytes = array.nbytes // max(1, len(array))
        self.pooled = type(array) in (np.ndarray, np.memmap) and array.dtype != object

    def take(self, rows: Array) -> Array:
        """Return a copy of the rows at these indices."""
        # ndarray.take is up to twice as fast as indexing for rows of some size.
        if not self.array.flags.c_contiguous:
            return self.array[rows]  # ndarray.take would copy the whole array first
        if not self.pooled or len(rows) * self.row_bytes <= self.SMALL:
            return self.array.take(rows, 0)
        out = self._buffer(len(rows))
        parts = min(_NUM_THREADS, out.nbytes // self.LARGE)
        if parts < 2:
            return self.array.take(rows, 0, out, "clip")  # "clip" is the only mode that writes into `out` directly
        # A single core can't use the whole bandwidth of the memory, and an accelerator waits for the copy.
        size = -(-len(rows) // parts)
        starts = range(0, len(rows), size)
        list(_thread_pool().map(lambda a: self.array.take(rows[a : a + size], 0, out[a : a + size], "clip"), starts))
        return out

    def view(self, rows: slice) -> Array:
        """Return a view of the rows, or a copy where the framework would copy them anyway for their alignment."""
        out: np.ndarray = self.array[rows]
        if not self.pooled or out.nbytes <= self.SMALL or memory.address(out) % current().alignment == 0:
            return out
        copy = self._buffer(len(out))
        copy[:] = out
        return copy

    def _buffer(self, rows: int) -> Array:
        """Return an array for so many rows."""
        size = rows * self.row_bytes
        buffer = (self.shared if size <= self.SHARED else self.own).take(size)
        return buffer.view(self.array.dtype).reshape((rows, *self.array.shape[1:]))


_NUM_THREADS = min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@cache
def _thread_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_NUM_THREADS, "rows")


def _count_of_unused() -> int:
    """Return what getrefcount says of an array to which only a list refers."""
    probe = [np.empty(1)]
    return getrefcount(probe[0])


_UNUSED_COUNT = _count_of_unused()


def _native_sparse_column(leaf: Any, name: str) -> Column:
    """Return a column of a sparse tensor. Its batches are sparse too if the backend has such tensors, else dense."""
    rows, take = sparse_rows(leaf)
    sparse = take != rows.dense
    spec = ArraySpec(rows.shape[1:], rows.values.dtype.name, sparse)
    return Column(name, rows.shape[0], spec, take, None if sparse else np.reshape)


# --- checks ---


def _split(spec: ArraySpec, leaf: Any, name: str) -> tuple[int, ArraySpec]:
    """Return the number of rows, and the spec of one row.

    Raises:
        DataError: The array is a scalar.
    """
    if not spec.shape:
        raise DataError(f"`{name}` must have rows; a scalar came: {described(leaf)}.")
    return int(spec.shape[0] or 0), replace(spec, shape=spec.shape[1:])


def _check_dtype(array: Array, name: str) -> None:
    """Raise a DataError for an array of objects, unless these are strings."""
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
    """Return the number of rows that all columns have.

    Raises:
        ValueError: They differ, or there are none.
    """
    present = [column for column in columns if column is not None]
    lengths = {column.length for column in present}
    if len(lengths) > 1:
        listed = ", ".join(f"{column.name}: {column.length}" for column in present)
        raise DataError(f"All inputs must have the same number of rows; they have {listed}.")
    if lengths == {0} or not lengths:
        listed = ", ".join(f"{column.name} has shape {(0, *column.spec.shape)}" for column in present)
        raise DataError(f"The data is empty: {listed or 'there is no array in it'}.")
    return lengths.pop()


def _suffix(path: tuple[Any, ...]) -> str:
    """Return a path in a structure as an error shows it: "['image'][0]"."""
    return "".join(f"[{part!r}]" for part in path)


def described(value: object) -> str:
    """Return the type of a value and the beginning of its repr, for errors."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
