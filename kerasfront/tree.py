"""Nested structures: list, tuple, namedtuple, deque, dict, OrderedDict, defaultdict, what `register` adds.

Everything else is a leaf; so is `None`. A plain dict or defaultdict is walked in the order of its sorted
keys, an OrderedDict in its own order. A subclass of list, tuple or dict is a leaf until it is registered: it
may hold state that a rebuilt copy would lose. Lists and dicts in the attributes of layers are lists and dicts.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import optree

from kerasfront.errors import ShapeError

T = TypeVar("T")

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "register",
    "traverse",
]

# Our own namespace: what is registered here changes nothing for other users of optree in the process.
_NAMESPACE = "kerasfront"


class MAP_TO_NONE:
    """Returned from the function given to `traverse`, puts `None` in place of the part.

    The class itself and an instance of it mean the same.

    Example:
        >>> traverse(lambda part: MAP_TO_NONE if part == 1 else None, [1, [2, 1]])
        [None, [2, None]]
    """


def register(
    cls: type,
    flatten_func: Callable[[Any], tuple[Iterable[Any], Any, Iterable[Any]]],
    unflatten_func: Callable[[Any, Iterable[Any]], Any],
) -> None:
    """Make the instances of a class nested structures, for kerasfront only.

    Args:
        cls: The class; its subclasses are not included.
        flatten_func: From an instance to its children, anything else that rebuilding needs, and the path
            entry of each child.
        unflatten_func: From that anything and the new children to a new instance.

    Raises:
        ValueError: The class is registered already.

    Example:
        >>> class Pair:
        ...     def __init__(self, left, right):
        ...         self.left, self.right = left, right
        >>> register(
        ...     Pair, lambda p: ((p.left, p.right), None, ("left", "right")), lambda _, parts: Pair(*parts)
        ... )
        >>> flatten_with_path(Pair(1, [2]))
        [(('left',), 1), (('right', 0), 2)]
    """
    optree.register_pytree_node(cls, flatten_func, unflatten_func, namespace=_NAMESPACE)
    _leaf_classes.discard(cls)


# Classes whose instances are leaves, as they are met. A compiler that traced a look at them traces anew when one comes
# to them: so those that come late are here from the beginning.
_leaf_classes: set[type] = {type(None), bool, int, float, complex, str, bytes}


def leaf(cls: type[T]) -> type[T]:
    """Return a class decorator: instances are leaves.

    Example:
        >>> @leaf
        ... class Spec:
        ...     pass
        >>> len(flatten([Spec(), Spec()]))
        2
    """
    _leaf_classes.add(cls)
    return cls


def _collect(structure: Any, leaves: list[Any]) -> bool:
    """Append the leaves of tuples, lists and dicts; False where another structure is met.

    Few things are nested in any other way. This is faster for them, and compilers that trace Python follow it.
    """
    cls = type(structure)
    if cls in _leaf_classes:
        leaves.append(structure)
        return True
    if cls is tuple or cls is list:
        return all([_collect(part, leaves) for part in structure])
    if cls is dict and all([type(key) is str for key in structure]):
        return all([_collect(structure[key], leaves) for key in sorted(structure)])
    if is_nested(structure):
        return False
    _leaf_classes.add(cls)
    leaves.append(structure)
    return True


def is_nested(structure: Any) -> bool:
    """Whether the argument is a structure rather than a leaf; an empty list is a structure.

    Example:
        >>> is_nested([1]), is_nested({}), is_nested("text"), is_nested(None)
        (True, True, False, False)
    """
    return not optree.tree_is_leaf(structure, none_is_leaf=True, namespace=_NAMESPACE)


def flatten(structure: Any) -> list[Any]:
    """Return the leaves, depth first; a leaf comes back as a list of itself.

    Example:
        >>> flatten({"b": [1, None], "a": (2, 3)})
        [2, 3, 1, None]
        >>> flatten(7)
        [7]
    """
    leaves: list[Any] = []
    if _collect(structure, leaves):
        return leaves
    return optree.tree_leaves(structure, none_is_leaf=True, namespace=_NAMESPACE)


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Return the leaves, each with its path: the keys and positions that lead to it.

    Example:
        >>> flatten_with_path({"b": [1, 2], "a": 3})
        [(('a',), 3), (('b', 0), 1), (('b', 1), 2)]
    """
    paths, leaves, _ = optree.tree_flatten_with_path(structure, none_is_leaf=True, namespace=_NAMESPACE)
    return list(zip(paths, leaves, strict=True))


def _map_paired(
    function: Callable[..., Any],
    first: Any,
    others: Iterable[Any],
    none_is_leaf: bool = True,
    deeper: bool = False,
) -> Any:
    """Map over structures; a mismatch raises a ShapeError before the first call."""
    spec, columns = _paired(first, others, none_is_leaf, deeper)
    leaves = optree.tree_leaves(first, none_is_leaf=none_is_leaf, namespace=_NAMESPACE)
    return spec.unflatten(map(function, leaves, *columns))


def _paired(
    first: Any, others: Iterable[Any], none_is_leaf: bool = True, deeper: bool = False
) -> tuple[optree.PyTreeSpec, list[list[Any]]]:
    """Return the first structure's spec, and what the others have at its leaves. Tracked containers count as plain."""
    spec = optree.tree_structure(first, none_is_leaf=none_is_leaf, namespace=_NAMESPACE)
    try:
        return spec, [_parts(spec, other, deeper) for other in others]
    except ShapeError:
        spec = optree.tree_structure(_rebuilt(first), none_is_leaf=none_is_leaf, namespace=_NAMESPACE)
        return spec, [_parts(spec, _rebuilt(other), deeper) for other in others]


def _rebuilt(structure: Any) -> Any:
    """Return a copy: what is registered to come back as a plain list or dict is one."""
    return optree.tree_map(lambda part: part, structure, none_is_leaf=True, namespace=_NAMESPACE)


def _parts(spec: optree.PyTreeSpec, other: Any, deeper: bool = False) -> list[Any]:
    """Return what `other` has where the spec has leaves; unless `deeper`, that must be leaves too."""
    try:
        parts = spec.flatten_up_to(other)
    except ValueError as error:
        raise ShapeError(f"The structures differ: {error}") from error
    if not deeper:
        for path, part in zip(spec.paths(), parts, strict=True):
            if not optree.tree_is_leaf(part, none_is_leaf=spec.none_is_leaf, namespace=_NAMESPACE):
                raise ShapeError(f"The structures differ: at {path} a leaf was expected; {part!r} came.")
    return parts


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Apply a function to the leaves that stand at the same place in all the structures.

    Args:
        func: Takes as many leaves as there are structures.
        *structures: At least one; all of the same structure, which the result has too.
        none_is_leaf: False leaves each `None` where it is and doesn't call the function on it.

    Raises:
        ValueError: No structure was given, or their structures differ.
        TypeError: `func` is not callable.

    Example:
        >>> map_structure(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
        {'a': 11, 'b': [22]}
        >>> map_structure(str, [1, None], none_is_leaf=False)
        ['1', None]
    """
    _check_callable(func)
    if not structures:
        raise ShapeError("map_structure() needs at least one structure; none came.")
    first, *others = structures
    if not others:
        return optree.tree_map(func, first, none_is_leaf=none_is_leaf, namespace=_NAMESPACE)
    return _map_paired(func, first, others, none_is_leaf)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Apply a function to the parts of the structures that stand where the shallow structure has leaves.

    Args:
        shallow_structure: Says how deep to go; its leaves themselves aren't used.
        func: Takes one part of each structure.
        *structures: At least one; each begins with the shallow structure and may go deeper. Several may go
            deeper in different ways (Keras wants them equal all the way down).

    Raises:
        ValueError: No structure was given, or one doesn't begin with the shallow structure.
        TypeError: `func` is not callable.

    Example:
        >>> map_structure_up_to([0, 0], lambda part: part, [(1, 2), {"a": 3}])
        [(1, 2), {'a': 3}]
    """
    _check_callable(func)
    if not structures:
        raise ShapeError("map_structure_up_to() needs at least one structure; none came.")
    return _map_paired(lambda _, *parts: func(*parts), shallow_structure, structures, deeper=True)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Apply a function to each shape in a structure of shapes.

    A shape is a tuple or list that holds only ints and `None`, the empty ones included; it counts as a leaf.

    Example:
        >>> map_shape_structure(len, {"x": (None, 3), "y": [(2,), [4, 5, 6]]})
        {'x': 2, 'y': [1, 3]}
    """
    _check_callable(func)
    return optree.tree_map(func, structure, is_leaf=_is_shape, none_is_leaf=True, namespace=_NAMESPACE)


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """Put leaves into a structure: the inverse of `flatten`.

    Args:
        structure: Its own leaves aren't used.
        flat_sequence: As many leaves as the structure has, in the order of `flatten`.

    Raises:
        ValueError: There are too few or too many leaves.
        TypeError: `flat_sequence` can't be iterated.

    Example:
        >>> pack_sequence_as({"b": [0, 0], "a": 0}, [1, 2, 3])
        {'b': [2, 3], 'a': 1}
    """
    if not isinstance(flat_sequence, Iterable):
        raise TypeError(f"`flat_sequence` must be iterable; {type(flat_sequence).__name__} came.")
    leaves = list(flat_sequence)
    own: list[Any] = []
    if _collect(structure, own) and len(own) == len(leaves):
        return _refilled(structure, iter(leaves))
    spec = optree.tree_structure(structure, none_is_leaf=True, namespace=_NAMESPACE)
    if len(leaves) != spec.num_leaves:
        raise ShapeError(f"The structure has {spec.num_leaves} leaves; `flat_sequence` has {len(leaves)}.")
    return spec.unflatten(leaves)


def _refilled(structure: Any, leaves: Iterator[Any]) -> Any:
    """Return what `_collect` went through, with other leaves."""
    cls = type(structure)
    if cls is tuple or cls is list:
        return cls([_refilled(part, leaves) for part in structure])
    if cls is dict:
        out = dict(structure)
        for key in sorted(structure):
            out[key] = _refilled(structure[key], leaves)
        return out
    return next(leaves)


def lists_to_tuples(structure: Any) -> Any:
    """Return the same structure with a tuple for each list.

    Example:
        >>> lists_to_tuples([1, [2, {"a": [3, None]}]])
        (1, (2, {'a': (3, None)}))
    """
    return traverse(lambda part: tuple(part) if type(part) is list else None, structure, top_down=False)


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Call a function on every part of a structure, the whole and the leaves included.

    Args:
        func: Returns `None` to keep the part (and go on inside it), `MAP_TO_NONE` to put `None` in its
            place, anything else to replace it; what replaces a part isn't visited.
        structure: Any structure or leaf.
        top_down: Whether a part is visited before what it holds (then what a replaced part held isn't
            visited at all), or after.

    Returns:
        A copy of the structure with the parts replaced.

    Raises:
        TypeError: `func` is not callable.

    Example:
        >>> traverse(lambda part: sum(part) if isinstance(part, tuple) else None, [(1, 2), [3, (4, 5)]])
        [3, [3, 9]]
    """
    _check_callable(func)

    def visit(part: Any) -> Any:
        if top_down and (new := func(part)) is not None:
            return _none_or(new)
        if is_nested(part):
            part = _map_children(visit, part)
        if not top_down and (new := func(part)) is not None:
            return _none_or(new)
        return part

    return visit(structure)


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raise unless both structures nest in the same way, with the same types and keys.

    A dict, an OrderedDict and a defaultdict with the same keys count as the same, and lists and dicts in the attributes
    of layers as plain ones.

    Args:
        a: A structure.
        b: Another.
        check_types: Deprecated, and without effect as in Keras 3; `assert_same_paths` is the looser check.

    Raises:
        ValueError: They differ; the message says where.

    Example:
        >>> assert_same_structure({"a": [1, 2]}, {"a": [3, None]})
        >>> assert_same_structure([1, 2], (1, 2))
        Traceback (most recent call last):
            ...
        kerasfront.errors.ShapeError: The structures differ: Expected an instance of list, got (1, 2).
    """
    if check_types is not None:
        warnings.warn(
            "`check_types` has no effect; assert_same_paths() is the looser check.",
            DeprecationWarning,
            stacklevel=2,
        )
    _paired(a, [b])


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise unless both structures have leaves at the same paths; list, tuple and namedtuple count alike.

    Raises:
        ValueError: They differ; the message lists the paths that only one of them has.

    Example:
        >>> assert_same_paths({"a": [1, 2]}, {"a": (3, 4)})
        >>> assert_same_paths([1, 2], [1])
        Traceback (most recent call last):
            ...
        kerasfront.errors.ShapeError: The structures have different paths. Only in `a`: (1,).
    """
    # dicts rather than sets: the message lists the paths in their own order
    paths_a, paths_b = (dict.fromkeys(path for path, _ in flatten_with_path(structure)) for structure in (a, b))
    message = ""
    for name, own, other in (("a", paths_a, paths_b), ("b", paths_b, paths_a)):
        if extra := [str(path) for path in own if path not in other]:
            message += f" Only in `{name}`: {', '.join(extra)}."
    if message:
        raise ShapeError(f"The structures have different paths.{message}")


def _check_callable(func: Any) -> None:
    if not callable(func):
        raise TypeError(f"`func` must be callable; {type(func).__name__} came.")


def _is_shape(part: Any) -> bool:
    return isinstance(part, (tuple, list)) and all(dim is None or isinstance(dim, int) for dim in part)


def _none_or(new: Any) -> Any:
    return None if new is MAP_TO_NONE or isinstance(new, MAP_TO_NONE) else new


def _map_children(func: Callable[[Any], Any], structure: Any) -> Any:
    """Map the direct children of a structure, which keeps its type."""
    return optree.tree_map(
        func, structure, is_leaf=lambda part: part is not structure, none_is_leaf=True, namespace=_NAMESPACE
    )


def __dir__() -> list[str]:
    return __all__
