"""Structures of a user laid beside a model's: by name where there are names, by order for lists, never by sorted keys.

Inputs, targets, losses, weights and metrics all come as one value, as lists, as dicts, or nested. What belongs to which
input or output is decided here, in one way for all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kerasfront import tree
from kerasfront.errors import ShapeError, suggest

__all__ = ["Pairing"]

_MISSING = object()


class _Part:
    """A leaf, or a list or dict of parts, with the places of its leaves among all."""

    def __init__(self, structure: Any, path: tuple[Any, ...], paths: list[tuple[Any, ...]]) -> None:
        self.first = len(paths)
        self.keys, items = _opened(structure)
        self.is_dict = isinstance(structure, Mapping)
        self.parts: list[_Part] | None = None
        if items is None:
            paths.append(path)
        else:
            self.parts = [_Part(item, (*path, key), paths) for key, item in zip(self.keys, items, strict=True)]
        self.count = len(paths) - self.first

    def leaves(self, values: Any, out: list[Any]) -> bool:
        """Append the leaves of a structure of this kind; False where it is of another."""
        keys, items = _opened(values)
        if self.parts is None:
            out.append(values)
            return items is None
        if items is None or len(items) != len(self.parts):
            return False
        if self.is_dict and keys != self.keys:
            if not isinstance(values, Mapping) or set(keys) != set(self.keys):
                return False
            items = [values[key] for key in self.keys]
        return all([part.leaves(item, out) for part, item in zip(self.parts, items, strict=True)])


def _opened(structure: Any) -> tuple[Sequence[Any], Sequence[Any] | None]:
    """Return the keys and the parts of a structure, in its own order; no parts for a leaf."""
    if isinstance(structure, Mapping):
        return list(structure), list(structure.values())
    if isinstance(structure, (list, tuple)):
        return range(len(structure)), structure
    leaves = tree.flatten(structure)  # compilers that trace Python follow it
    if len(leaves) == 1 and leaves[0] is structure:
        return (), None
    return range(len(leaves)), leaves


class Pairing:
    """The places of a model's inputs or outputs, and how what a user gives is laid beside them.

    Args:
        structure: The model's inputs or outputs: one, or lists, tuples and dicts of them. Only the nesting counts.
        names: A name for each leaf beside the keys of dicts, in the structure's own order; None: there are none.
        kind: What an error calls a leaf: "input" or "output".

    Attributes:
        paths: The keys and positions that lead to each leaf, in the structure's own order: a dict's as it was given.
        names: The name of each leaf, where there are names.

    Example:
        >>> outputs = Pairing([0, 0], names=["zeta", "alpha"])
        >>> outputs.pair({"alpha": 1, "zeta": 2}, "y"), outputs.pair([1, 2], "y")
        ([2, 1], [1, 2])
        >>> Pairing({"b": 0, "a": 0}).pair([1, 2], "y"), Pairing({"b": 0, "a": 0}).pair({"a": 1, "b": 2}, "y")
        ([1, 2], [2, 1])
        >>> outputs.pair({"zeta": 1, "alpa": 2}, "y")
        Traceback (most recent call last):
            ...
        kerasfront.errors.ShapeError: `y` names 'alpa', which is no output of the model. Did you mean 'alpha'?
        Hint: The outputs are 'zeta', 'alpha'.
    """

    def __init__(self, structure: Any, names: Sequence[str] | None = None, kind: str = "output") -> None:
        self.paths: list[tuple[Any, ...]] = []
        self._root = _Part(structure, (), self.paths)
        self.kind = kind
        self.names: list[str] | None = list(names) if names is not None and len(names) == len(self.paths) else None

    @property
    def count(self) -> int:
        """The number of leaves."""
        return len(self.paths)

    @property
    def single(self) -> bool:
        """Whether the structure is a leaf itself."""
        return self._root.parts is None

    def called(self, index: int) -> str:
        """Return what an error calls a leaf: its keys, or its name, or its position."""
        path = self.paths[index]
        if path and isinstance(path[-1], str):
            return repr("/".join(map(str, path)))
        return repr(self.names[index]) if self.names else str(index)

    def leaves(self, values: Any) -> list[Any]:
        """Return the leaves of a structure that nests as the model's does, in the model's own order.

        Raises:
            ShapeError: It nests in another way.

        Example:
            >>> Pairing({"b": 0, "a": [0, 0]}).leaves({"a": [2, 3], "b": 1})
            [1, 2, 3]
        """
        if self.single and not isinstance(values, (list, tuple, Mapping)):
            return [values]
        out: list[Any] = []
        if not self._root.leaves(values, out):
            raise ShapeError(
                f"The model's {self.kind}s were {self._listed()}; now they nest differently: {_abbreviated(values)}.",
                hint="A model whose outputs nest now like this, now like that, needs a compile() for each.",
            )
        return out

    def pair(
        self,
        argument: Any,
        what: str,
        *,
        missing: bool = False,
        extra: bool = False,
        spread: bool = False,
        groups: bool = False,
        is_leaf: Callable[[Any], bool] | None = None,
        model: Any = None,
    ) -> list[Any]:
        """Return what was given for each leaf, in the model's own order.

        A dict is looked up: by the keys of the model's dicts, or else by the names of the leaves. A list goes by order,
        nested as the model's structure or flat, along a dict in the order in which the dict was made (Keras sorts the
        keys where a list comes for a dict of outputs, and refuses it for a dict of inputs).

        Args:
            argument: One value, or lists, tuples and dicts of them.
            what: What an error calls it: the argument's name.
            missing: Whether a dict may leave out leaves; they get None.
            extra: Whether a dict may have keys that name nothing, as long as it has all others.
            spread: Whether one value counts for every leaf.
            groups: Whether a list may stand for one leaf, too.
            is_leaf: Whether something is one value; by default what isn't a list, tuple, dict or registered structure.
            model: The model, where an error is to name it.

        Raises:
            ShapeError: A name is unknown or missing, or the numbers differ.

        Example:
            >>> outputs = Pairing({"b": 0, "a": 0})
            >>> outputs.pair({"a": 1}, "loss", missing=True), outputs.pair("mse", "loss", spread=True)
            ([None, 1], ['mse', 'mse'])
        """
        if self.single and not isinstance(argument, (list, tuple, Mapping)):
            return [argument]
        owner = "the model" if model is None else f"the model '{model.path}'"
        rules = _Rules(self, what, owner, missing, extra, spread, groups, is_leaf or _is_leaf)
        leaves = rules.beside(self._root, argument)
        if not missing and (absent := [i for i, value in enumerate(leaves) if value is _MISSING]):
            raise ShapeError(
                f"`{what}` lacks the {self.kind} {self.called(absent[0])} of {owner}{rules.keys_of(argument)}.",
                hint=f"The {self.kind}s are {self._listed()}.",
            )
        return [None if value is _MISSING else value for value in leaves]

    def filled(self, places: Sequence[int], value: Any = None) -> dict[str, Any]:
        """Return a dict with a value under every name by which `pair` would look for these leaves."""
        keys = [path[0] for path in (self.paths[i] for i in places) if len(path) == 1 and isinstance(path[0], str)]
        return dict.fromkeys([*keys, *(self.names[i] for i in places if self.names)], value)

    def _listed(self) -> str:
        return ", ".join(self.called(i) for i in range(self.count))


class _Rules:
    """One call of `Pairing.pair`."""

    def __init__(
        self,
        pairing: Pairing,
        what: str,
        owner: str,
        missing: bool,
        extra: bool,
        spread: bool,
        groups: bool,
        is_leaf: Callable[[Any], bool],
    ) -> None:
        self.pairing, self.what, self.owner = pairing, what, owner
        self.missing, self.extra, self.spread, self.groups, self.is_leaf = missing, extra, spread, groups, is_leaf

    def beside(self, part: _Part, argument: Any) -> list[Any]:
        """Return what was given for each leaf of a part."""
        if argument is _MISSING:
            return [_MISSING] * part.count
        if self.is_leaf(argument):
            return self._value(part, argument)
        if isinstance(argument, Mapping):
            return self._dict(part, argument)
        return self._list(part, argument)

    def _value(self, part: _Part, argument: Any) -> list[Any]:
        if part.count == 1 or self.spread:
            return [argument] * part.count
        if argument is None:
            return [_MISSING] * part.count
        raise self._count_error(part, "one value")

    def _dict(self, part: _Part, argument: Mapping[Any, Any]) -> list[Any]:
        keys = part.keys if part.is_dict else ()
        names = self._names(part)
        if self._covers(keys, argument) and part.parts is not None:
            leaves = [self.beside(p, argument.get(k, _MISSING)) for k, p in zip(keys, part.parts, strict=True)]
            return [value for values in leaves for value in values]
        if self._covers(names, argument):
            return [self._one(argument.get(name, _MISSING)) for name in names]
        if part.parts is None and not names and len(argument) == 1:
            return self.beside(part, *argument.values())
        raise self._name_error(list(keys), names, argument)

    def _covers(self, labels: Sequence[Any], argument: Mapping[Any, Any]) -> bool:
        """Whether a dict goes by these keys."""
        if not labels:
            return False
        if self.extra:
            return self.missing or all(key in argument for key in labels)
        return all(key in labels for key in argument)

    def _names(self, part: _Part) -> list[str]:
        """Return the names of a part's leaves, where each has one of its own."""
        names = (self.pairing.names or [])[part.first : part.first + part.count]
        return names if len(set(names)) == len(names) else []

    def _one(self, argument: Any) -> Any:
        """Return what was given for one leaf by its name."""
        if argument is _MISSING or self.is_leaf(argument) or self.groups:
            return argument
        (value,) = self.beside(_LEAF, argument)
        return value

    def _list(self, part: _Part, argument: Any) -> list[Any]:
        _, items = _opened(argument)
        assert items is not None
        if part.parts is not None and len(items) == len(part.parts) and not self._is_group(part, items):
            leaves = [self.beside(p, item) for p, item in zip(part.parts, items, strict=True)]
            return [value for values in leaves for value in values]
        if self.groups and part.count == 1:
            return [argument]
        if self.groups or all(map(self.is_leaf, items)):
            flat = list(items)
        else:
            flat = [leaf for item in items for leaf in self._flat(item)]
        if len(flat) == part.count:
            return [self._one(item) for item in flat]
        raise self._count_error(part, f"{len(flat)} value{'s' if len(flat) != 1 else ''}")

    def _is_group(self, part: _Part, items: Sequence[Any]) -> bool:
        """Whether a list of as many values as a part of one leaf has parts is a group for this leaf."""
        return self.groups and part.count == 1 and len(items) == 1 and self.is_leaf(items[0])

    def _flat(self, argument: Any) -> list[Any]:
        _, items = _opened(argument) if not self.is_leaf(argument) else ((), None)
        return [argument] if items is None else [leaf for item in items for leaf in self._flat(item)]

    # -- errors

    def _count_error(self, part: _Part, actual: str) -> ShapeError:
        kind, listed = self.pairing.kind, range(part.first, part.first + part.count)
        called = ", ".join(map(self.pairing.called, listed))
        expected = f"{part.count} {kind}{'s' if part.count != 1 else ''}"
        return ShapeError(
            f"`{self.what}` has {actual} for {expected} of {self.owner} ({called}).",
            hint=f"Give a list with an entry for each {kind}, in their order, or a dict by their names.",
        )

    def _name_error(self, keys: list[Any], names: list[str], argument: Mapping[Any, Any]) -> ShapeError:
        labels = keys or names
        kind = self.pairing.kind
        if not labels:
            return ShapeError(
                f"`{self.what}` is a dict{self.keys_of(argument)}; the {kind}s of {self.owner} have no names.",
                hint=f"Give a list with an entry for each {kind}, in their order.",
            )
        strange = [key for key in argument if key not in labels]
        hint = f"The {kind}s are {', '.join(map(repr, labels))}."
        absent = [key for key in labels if key not in argument]
        if self.extra and absent:
            near = suggest(absent[0], [key for key in strange if isinstance(key, str)])
            return ShapeError(
                f"`{self.what}` lacks the {kind} {absent[0]!r} of {self.owner}{self.keys_of(argument)}.{near}",
                hint=hint,
            )
        near = suggest(strange[0], [key for key in labels if isinstance(key, str)])
        return ShapeError(f"`{self.what}` names {strange[0]!r}, which is no {kind} of {self.owner}.{near}", hint=hint)

    def keys_of(self, argument: Any) -> str:
        """Return the end of a sentence that lists the keys of a dict; nothing for anything else."""
        if not isinstance(argument, Mapping):
            return ""
        return f"; it came with the key{'s' if len(argument) != 1 else ''} {', '.join(map(repr, argument)) or 'none'}"


_LEAF = _Part(None, (), [])


def _is_leaf(value: Any) -> bool:
    return _opened(value)[1] is None


def _abbreviated(structure: Any) -> str:
    keys, items = _opened(structure)
    if items is None:
        return "one"
    if isinstance(structure, Mapping):
        return f"a dict of {', '.join(map(repr, keys))}"
    return f"a {type(structure).__name__} of {len(items)}"
