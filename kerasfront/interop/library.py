"""What kerasfront asks of a library whose values users pass, and how it reads those of libraries it doesn't know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kerasfront import tree
from kerasfront.errors import CapabilityError
from kerasfront.interop.objects import numbers_of_objects
from kerasfront.interop.tables import is_table, table_to_rows
from kerasfront.typing import Tensor

# Which rows a batch takes: their indices, or a range of them.
Rows = np.ndarray[Any, Any] | slice

# The length of a stream of batches that has no end, as tf.data says it.
INFINITE = -1


@tree.leaf
@dataclass(frozen=True)
class ArraySpec:
    """The shape of an array, the name of its dtype, and whether it is a sparse tensor.

    Example:
        >>> ArraySpec((32, 784), "float32").dtype
        'float32'
    """

    shape: tuple[int | None, ...]
    dtype: str
    sparse: bool = False


class RowSource(NamedTuple):
    """How batches of rows are taken from a value.

    Attributes:
        spec: The shape of the whole value, its rows included, and its dtype.
        take: Return the rows at the indices of an int64 array or in a slice.
        reshape: Return a batch in another shape. None: batches can't be stacked.
        memory: The same rows as a NumPy array that shares the value's memory, from which NumPy gathers rows faster
            than the library does. Then `take` is asked for slices only.
        from_memory: Return the library's own array for rows that were gathered from `memory`.
    """

    spec: ArraySpec
    take: Callable[[Rows], Any]
    reshape: Callable[[Any, Sequence[int | None]], Any] | None
    memory: np.ndarray[Any, Any] | None = None
    from_memory: Callable[[np.ndarray[Any, Any]], Any] = lambda rows: rows


class SparseParts(NamedTuple):
    """The elements that a sparse tensor stores.

    Attributes:
        indices: The places of the elements, of shape (elements, axes).
        values: The elements, of shape (elements,).
        shape: The shape of the dense tensor.
    """

    indices: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]
    shape: tuple[int, ...]


class Stream(NamedTuple):
    """Something that yields batches.

    Attributes:
        kind: What an error calls it.
        length: The number of batches: None where it is unknown, `INFINITE` where there is no end.
        start: Begin the pass with this number, and return its batches.
        restarts: Whether a second pass can begin.
        on_epoch_end: Called after each epoch.
        ordered: Whether the number of a pass decides on its order.
        in_tuples: Whether Keras hands over a batch that is one array in a tuple.
    """

    kind: str
    length: int | None
    start: Callable[[int], Iterator[Any]]
    restarts: bool = True
    on_epoch_end: Callable[[], None] = lambda: None
    ordered: bool = False
    in_tuples: bool = False


class Library:
    """What a library's values are, and how they become rows and NumPy arrays.

    A subclass describes one library: it names the packages that define the library's classes, and overrides what the
    protocols `__array__`, `__dlpack__` and "a table has `columns` and `to_numpy`" don't say already. Its methods are
    only called with values of these classes (or of subclasses), so the library has been imported by then: a method
    gets it by `sys.modules`, and this module never imports it.

    Attributes:
        name: What errors call the library.
        packages: The top-level packages that define its classes.

    Example:
        >>> class Decimals(Library):
        ...     name, packages = "decimals", ("decimals",)
        ...     def to_numpy(self, value):
        ...         return np.asarray(value.digits, "float64")
        >>> Decimals().is_array([1, 2])
        False
    """

    name: str = ""
    packages: tuple[str, ...] = ()

    def is_array(self, value: Any) -> bool:
        """Return whether a value is an array, a tensor or a table."""
        if isinstance(value, (str, bytes, type)):
            return False
        has_spec = hasattr(value, "shape") and hasattr(value, "dtype")
        return has_spec or hasattr(value, "__array__") or hasattr(value, "__dlpack__") or is_table(value)

    def spec(self, value: Any) -> ArraySpec:
        """Return the shape and the dtype of an array, and whether it is a sparse tensor."""
        if not (hasattr(value, "shape") and hasattr(value, "dtype")):
            value = self.to_numpy(value)
        return ArraySpec(tuple(None if n is None else int(n) for n in value.shape), self.dtype_name(value))

    def dtype_name(self, value: Any) -> str:
        """Return the name of an array's dtype: "float32", not "torch.float32"."""
        name = getattr(value.dtype, "name", None)
        return name if isinstance(name, str) else str(value.dtype)

    def to_numpy(self, value: Any) -> np.ndarray[Any, Any]:
        """Return an array, a tensor or a table as a NumPy array, as a layer takes it.

        Numbers are numbers in it, also where the library has them as objects, and NaN where one is missing.
        """
        return numbers_of_objects(_read(value.to_numpy() if hasattr(value, "to_numpy") else value))

    def to_rows(self, value: Any, name: str) -> np.ndarray[Any, Any]:
        """Return an array, a tensor or a table as a NumPy array, as fit() takes it.

        Args:
            value: The value.
            name: What an error calls it, such as "x".

        Raises:
            DataError: A column of a table holds no numbers.
        """
        return table_to_rows(value, name) if is_table(value) else self.to_numpy(value)

    def rows(self, value: Any) -> RowSource | None:
        """Return how batches of rows are taken. None: from the array that `to_rows` returns."""
        return None

    def stream(self, value: Any) -> Stream | None:
        """Return the batches that a data set or a loader yields. None: the value isn't one.

        Any iterable that is no array needs nothing here. It is for values of which more is known than that.

        Raises:
            DataError: It is a data set that yields no batches.
        """
        return None


class TensorLibrary(Library):
    """A library whose tensors stay what they are in a batch, and which may have a data pipeline of its own.

    Layers for data are called on its tensors in that pipeline whatever the backend, compute there with NumPy, and give
    back tensors of the library. For a backend's framework, `name` is the backend's name.
    """

    # Whether batches of its sparse tensors are made sparse, by `from_sparse`. Else they are dense.
    sparse_batches = False
    # Whether the library rewrites Python functions that its pipeline calls, so that `unconverted` is needed.
    rewrites_functions = False

    def cast(self, tensor: Any, dtype: str) -> Tensor:
        """Return a tensor in another dtype."""
        return tensor.astype(dtype)

    def from_numpy(self, array: np.ndarray[Any, Any], like: Any = None) -> Tensor:
        """Return a tensor, on the device of the tensor `like`; or the array itself, if no tensor can hold it."""
        raise NotImplementedError

    def is_symbolic(self, tensor: Any) -> bool:
        """Return whether a tensor has no value yet, as in a function that is being traced."""
        return False

    def call_later(
        self, function: Callable[..., Sequence[np.ndarray[Any, Any]]], tensors: Sequence[Any], specs: Sequence[Any]
    ) -> Sequence[Any]:
        """Return tensors without a value, which a function will give when the traced function runs.

        Args:
            function: Takes a NumPy array for each tensor, and returns one for each spec.
            tensors: The arguments, some without a value.
            specs: Values with the `shape` and the `dtype` of each result.

        Raises:
            CapabilityError: The library has no such call.
        """
        raise CapabilityError(
            f"A {self.name} tensor without a value came: layers of another backend can't be traced by {self.name}."
        )

    def to_dense(self, tensor: Any) -> Tensor:
        """Return a sparse tensor as a dense one, and any other tensor as it is."""
        return tensor

    def sparse_parts(self, tensor: Any) -> SparseParts | None:
        """Return what a sparse tensor stores. None: it is a dense tensor."""
        return None

    def is_sparse(self, tensor: Any) -> bool:
        """Return whether it is a sparse tensor."""
        return False

    def from_sparse(self, parts: SparseParts, capacity: int) -> Tensor:
        """Return a sparse tensor.

        Args:
            parts: What it stores, sorted by place, each place once.
            capacity: The number of elements to fill up to where a compiler wants one of few sizes.
        """
        raise NotImplementedError

    def to_ragged(self, tensor: Any, lengths: Any) -> Tensor:
        """Return a ragged tensor of padded rows and their lengths."""
        raise CapabilityError(f"{self.name} has no ragged tensors.")

    def elements(self, tensor: Any) -> np.ndarray[Any, Any]:
        """Return all the elements of a tensor, without the structure of one that is ragged."""
        return self.to_numpy(tensor)

    def unconverted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that the library calls as it is, without rewriting it."""
        return function

    def worker_seed(self) -> int | None:
        """Return the seed of the data loader's worker that this process is. None: it isn't one."""
        return None


def _read(value: Any) -> np.ndarray[Any, Any]:
    """Return a NumPy array, by `__array__` or `__dlpack__`."""
    if not hasattr(value, "__dlpack__"):
        return np.asarray(value)
    if hasattr(value, "__array__"):
        try:
            return np.asarray(value)
        except TypeError:  # CuPy's way to say that a copy from the accelerator must be asked for
            pass
    try:
        return np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError):  # the memory is an accelerator's
        return np.from_dlpack(value, device="cpu")
