"""What kerasfront knows of other libraries' values: arrays, tensors, tables, data sets and loaders.

The rest of the package asks `library_of(value)`, and knows no other library by name. A library is described by one
subclass of `Library`, in a module of its own that loads with the first value of the library. The library itself is
never imported: its values exist only where it has been imported already. Values of libraries that nobody described are
read by the protocols that libraries share: `__array__`, `__dlpack__`, and `columns` with `to_numpy` for tables.

A package of your own adds its library by `register`.
"""

from kerasfront.interop.library import INFINITE, ArraySpec, Library, Rows, RowSource, SparseParts, Stream, TensorLibrary
from kerasfront.interop.objects import missing, no_missing_strings, numbers_of_objects
from kerasfront.interop.registry import (
    becomes_array,
    for_numpy,
    is_array,
    library_of,
    named,
    register,
    rewrites_functions,
    spec_of,
    tensor_library_of,
    to_numpy,
    unconverted,
    unregister,
    worker_seed,
)
from kerasfront.interop.tables import columns_of

__all__ = [
    "INFINITE",
    "ArraySpec",
    "Library",
    "RowSource",
    "Rows",
    "SparseParts",
    "Stream",
    "TensorLibrary",
    "becomes_array",
    "columns_of",
    "for_numpy",
    "is_array",
    "library_of",
    "missing",
    "named",
    "no_missing_strings",
    "numbers_of_objects",
    "register",
    "rewrites_functions",
    "spec_of",
    "tensor_library_of",
    "to_numpy",
    "unconverted",
    "unregister",
    "worker_seed",
]
