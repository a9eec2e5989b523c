"""Which library a value belongs to: by the package that its class, or a base of it, comes from."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasfront.interop.library import ArraySpec, Library, TensorLibrary

# The modules of this package that describe libraries, by the library's package. They load with its first value.
_modules = {
    "h5py": "h5py",
    "jax": "jax",
    "jaxlib": "jax",
    "pandas": "pandas",
    "scipy": "scipy",
    "tensorflow": "tensorflow",
    "torch": "torch",
}
_libraries: dict[str, Library] = {}
# The libraries among them that rewrite functions.
_rewriting: dict[str, TensorLibrary] = {}
# Values of libraries that nobody described, and those of NumPy and of this package.
_other = Library()
# Classes of these packages belong to no other library, even if one of their bases does.
_OWN = frozenset({"numpy", "kerasfront"})
# The library of each class that was asked for, and whether its instances become arrays.
_by_class: dict[type, Library] = {}
_converts: dict[type, bool] = {}


def register(library: Library) -> None:
    """Add a library, in place of one with a package of the same name.

    Args:
        library: Describes it.

    Example:
        >>> from kerasfront import interop
        >>> class Tables(interop.Library):
        ...     name, packages = "Tables", ("a_package_with_tables",)
        >>> tables = Tables()
        >>> interop.register(tables)
        >>> interop.unregister(tables)
    """
    for package in library.packages:
        _libraries[package] = library
        _modules.pop(package, None)
        _rewriting.pop(package, None)
        if isinstance(library, TensorLibrary) and library.rewrites_functions:
            _rewriting[package] = library
    _by_class.clear()


def unregister(library: Library) -> None:
    """Remove a library that was registered; its values are then read by the shared protocols only.

    Args:
        library: The library, as it was given to `register`.
    """
    for package in library.packages:
        if _libraries.get(package) is library:
            del _libraries[package]
            _rewriting.pop(package, None)
    _by_class.clear()


def _described(package: str) -> Library | None:
    """Return the library that a package belongs to."""
    if (module := _modules.get(package)) is not None:
        register(importlib.import_module(f"{__package__}.{module}").LIBRARY)
    return _libraries.get(package)


def _describe_imported() -> None:
    """Load the descriptions of all libraries that have been imported."""
    for package in list(_modules):
        if package in sys.modules:
            _described(package)


def named(name: str) -> TensorLibrary | None:
    """Return the library of tensors of that name, such as a backend's."""
    _described(name)
    libraries = (library for library in _libraries.values() if library.name == name)
    return next((library for library in libraries if isinstance(library, TensorLibrary)), None)


def library_of(value: object) -> Library:
    """Return the library that a value belongs to; for others a `Library` that knows the shared protocols only.

    >>> library_of(np.ones(2)).name, library_of([1, 2]).name
    ('', '')
    """
    cls = type(value)
    library = _by_class.get(cls)
    if library is None:
        library = _by_class[cls] = _of_class(cls)
    return library


def tensor_library_of(value: object) -> TensorLibrary | None:
    """Return the library that a value belongs to, if the value is a tensor of it."""
    library = library_of(value)
    return library if isinstance(library, TensorLibrary) and library.is_array(value) else None


def _of_class(cls: type) -> Library:
    for base in cls.__mro__:
        package = _package(base)
        if package in _OWN:
            return _other
        if (library := _described(package)) is not None:
            return library
    return _other


def _package(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def is_array(value: object) -> bool:
    """Return whether a value is an array, a tensor or a table of any library.

    >>> is_array(np.ones(2)), is_array([1, 2])
    (True, False)
    """
    return library_of(value).is_array(value)


def becomes_array(value: object) -> bool:
    """Return whether a value is no array of NumPy and no tensor, but can become an array.

    >>> becomes_array([1, 2]), becomes_array(np.ones(2))
    (False, False)
    """
    cls = type(value)
    library = library_of(value)
    if library is not _other:
        return not isinstance(library, TensorLibrary) and library.is_array(value)
    converts = _converts.get(cls)
    if converts is None:
        own = any(_package(base) in _OWN for base in cls.__mro__)
        methods = ("__array__", "__dlpack__", "to_numpy")
        converts = _converts[cls] = not own and any(hasattr(cls, method) for method in methods)
    return converts


def to_numpy(value: Any) -> np.ndarray[Any, Any]:
    """Return an array, a tensor or a table of any library as a NumPy array.

    >>> to_numpy([1, 2]).tolist()
    [1, 2]
    """
    return value if isinstance(value, np.ndarray) else library_of(value).to_numpy(value)


def for_numpy(value: Any) -> Any:
    """Return what `numpy.asarray` can read: the value itself, or an array if only its library can read it."""
    cls = type(value)
    if not becomes_array(value) or hasattr(cls, "__array__") and not hasattr(cls, "__dlpack__"):
        return value
    return library_of(value).to_numpy(value)


def spec_of(value: Any) -> ArraySpec:
    """Return the shape and the dtype of an array or tensor of any library, and whether it is a sparse tensor.

    >>> spec_of(np.ones((2, 3)))
    ArraySpec(shape=(2, 3), dtype='float64', sparse=False)
    """
    return library_of(value).spec(value)


def rewrites_functions() -> bool:
    """Return whether a library has been imported that rewrites the functions which its pipeline calls."""
    _describe_imported()
    return any(package in sys.modules for package in _rewriting)


def unconverted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that no library rewrites when its pipeline calls it."""
    for package, library in _rewriting.items():
        if package in sys.modules:
            function = library.unconverted(function)
    return function


def worker_seed() -> int | None:
    """Return the seed of the data loader's worker that this process is. None: it isn't one."""
    _describe_imported()
    for package, library in _libraries.items():
        if package in sys.modules and isinstance(library, TensorLibrary):
            seed = library.worker_seed()
            if seed is not None:
                return seed
    return None
