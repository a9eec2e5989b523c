"""Expected values are what Keras 3's keras.tree gives for the same input, where nothing else is said."""

import importlib
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasfront import tree
from kerasfront.errors import ShapeError

Point = namedtuple("Point", "x y")
NESTED = {"b": [1, None], "a": (2, Point(3, 4))}


@pytest.fixture(scope="module")
def keras():
    """Real Keras, imported (for some seconds) when a test compares with it."""
    return importlib.import_module("keras")


structures = st.recursive(
    st.none() | st.integers() | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.lists(inner, max_size=3).map(deque)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3).map(OrderedDict)
        | st.builds(Point, inner, inner)
    ),
    max_leaves=12,
)


@given(structures)
def test_pack_undoes_flatten(structure):
    leaves = tree.flatten(structure)
    assert tree.pack_sequence_as(structure, leaves) == structure
    assert tree.map_structure(lambda leaf: leaf, structure) == structure
    assert [leaf for _, leaf in tree.flatten_with_path(structure)] == leaves


@given(structures)
def test_paths_lead_to_the_leaves(structure):
    for path, leaf in tree.flatten_with_path(structure):
        part = structure
        for key in path:
            part = part[key]
        assert part is leaf


@given(structures)
def test_a_structure_matches_itself_and_traverse_keeps_it(structure):
    tree.assert_same_structure(structure, structure)
    tree.assert_same_paths(structure, structure)
    for top_down in (True, False):
        assert tree.traverse(lambda part: None, structure, top_down=top_down) == structure


def at(structure, path):
    """The part to which a path leads, or None."""
    try:
        for key in path:
            structure = structure[key]
    except (IndexError, KeyError, TypeError):
        return None
    return structure


@given(structures)
def test_agrees_with_keras(keras, structure):
    assert tree.flatten(structure) == keras.tree.flatten(structure)
    theirs = keras.tree.flatten_with_path(structure)
    if all(at(structure, path) is leaf for path, leaf in theirs):  # not so beside an empty field of a namedtuple
        assert tree.flatten_with_path(structure) == theirs
    assert tree.lists_to_tuples(structure) == keras.tree.lists_to_tuples(structure)
    for none_is_leaf in (True, False):
        ours = tree.map_structure(repr, structure, none_is_leaf=none_is_leaf)
        assert ours == keras.tree.map_structure(repr, structure, none_is_leaf=none_is_leaf)


@given(structures, structures)
def test_agrees_with_keras_on_what_is_the_same(keras, a, b):
    for name in ("assert_same_structure", "assert_same_paths"):
        assert accepts(getattr(tree, name), a, b) == accepts(getattr(keras.tree, name), a, b)


def accepts(check, *arguments):
    try:
        check(*arguments)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("structure", "leaves"),
    [
        (NESTED, [2, 3, 4, 1, None]),
        (None, [None]),
        (OrderedDict([("b", 1), ("a", 2)]), [1, 2]),
        (defaultdict(list, {"b": 1, "a": 2}), [2, 1]),
        (deque([1, 2]), [1, 2]),
        ({1, 2}, [{1, 2}]),
        ({1: 1, "a": 2}, [1, 2]),
        ("abc", ["abc"]),
        ([(), {}, [], 1], [1]),
    ],
)
def test_flatten(structure, leaves):
    assert tree.flatten(structure) == leaves


def test_flatten_with_path():
    expected = [(("a", 0), 2), (("a", 1, 0), 3), (("a", 1, 1), 4), (("b", 0), 1), (("b", 1), None)]
    assert tree.flatten_with_path(NESTED) == expected
    assert tree.flatten_with_path(3) == [((), 3)]


@pytest.mark.parametrize("structure", [(), [], {}, Point(1, 2), OrderedDict(), deque(), defaultdict(int)])
def test_is_nested(structure):
    assert tree.is_nested(structure)


@pytest.mark.parametrize("leaf", [1, None, "a", {1}, range(3), frozenset(), type("D", (dict,), {})(a=1)])
def test_is_not_nested(leaf):
    assert not tree.is_nested(leaf)


def test_map_structure():
    pairs = tree.map_structure(lambda a, b: (a, b), {"b": 1, "a": [2]}, {"b": 10, "a": [20]})
    assert pairs == {"b": (1, 10), "a": [(2, 20)]}
    ordered = OrderedDict([("b", 1), ("a", 2)])
    assert tree.map_structure(lambda a, b: (a, b), {"a": 1, "b": 2}, ordered) == {"a": (1, 2), "b": (2, 1)}
    swapped = tree.map_structure(lambda a, b: (a, b), ordered, {"a": 1, "b": 2})
    assert list(swapped.items()) == [("b", (1, 2)), ("a", (2, 1))]
    assert tree.map_structure(lambda a: a + 1, Point(1, 2)) == Point(2, 3)


def test_map_structure_and_none():
    assert tree.map_structure(lambda a: ("n", a), [1, None]) == [("n", 1), ("n", None)]
    assert tree.map_structure(lambda a, b: a + b, [1, None], [2, None], none_is_leaf=False) == [3, None]
    for other in ([1, 3], [None, None]):
        with pytest.raises(ShapeError):
            tree.map_structure(lambda a, b: 0, [1, None], other, none_is_leaf=False)


@pytest.mark.parametrize("other", [[1], (1, 2), [1, [2]], 5, {"a": 1}, [1, 2, 3]])
def test_map_structure_refuses_another_structure(other):
    calls = []
    with pytest.raises(ShapeError, match="The structures differ"):
        tree.map_structure(lambda a, b: calls.append(a), [1, 2], other)
    assert not calls


def test_map_structure_lets_the_functions_own_error_through():
    def fail(a, b):
        raise ValueError("mine")

    with pytest.raises(ValueError, match="^mine$"):
        tree.map_structure(fail, [1], [2])


def test_map_structure_wants_a_structure_and_a_function():
    for call in (lambda: tree.map_structure(len), lambda: tree.map_structure_up_to([0], len)):
        with pytest.raises(ValueError, match="at least one structure"):
            call()
    for call in (
        lambda: tree.map_structure(3, [1]),
        lambda: tree.map_structure_up_to([1], 3, [1]),
        lambda: tree.map_shape_structure(3, [1]),
        lambda: tree.traverse(3, [1]),
    ):
        with pytest.raises(TypeError, match="`func` must be callable; int came"):
            call()


def test_map_structure_up_to():
    assert tree.map_structure_up_to({"a": 0, "b": 0}, lambda a: a, {"b": [1], "a": (2, 3)}) == {
        "a": (2, 3),
        "b": [1],
    }
    assert tree.map_structure_up_to(0, lambda a: a, [1, 2]) == [1, 2]
    # Keras refuses structures that differ below the shallow one.
    mixed = tree.map_structure_up_to([None, None], lambda a, b: (a, b), [[1, 2], 3], [(4, 5), 6])
    assert mixed == [([1, 2], (4, 5)), (3, 6)]


@pytest.mark.parametrize("deep", [[1], (1, 2), 5])
def test_map_structure_up_to_refuses_what_is_too_shallow(deep):
    with pytest.raises(ShapeError):
        tree.map_structure_up_to([0, 0], lambda a: a, deep)


def test_map_shape_structure():
    shapes = {"a": (1, 2), "b": [3, 4], "c": (None, 3), "d": [(1, 2), (3,)], "e": None, "f": ()}
    assert tree.map_shape_structure(lambda s: ("S", s), shapes) == {
        "a": ("S", (1, 2)),
        "b": ("S", [3, 4]),
        "c": ("S", (None, 3)),
        "d": [("S", (1, 2)), ("S", (3,))],
        "e": ("S", None),
        "f": ("S", ()),
    }


def test_pack_sequence_as():
    assert tree.pack_sequence_as(NESTED, [1, 2, 3, 4, 5]) == {"b": [4, 5], "a": (1, Point(2, 3))}
    assert tree.pack_sequence_as(0, iter([7])) == 7
    ordered = tree.pack_sequence_as(OrderedDict([("b", 1), ("a", 2)]), [1, 2])
    assert list(ordered.items()) == [("b", 1), ("a", 2)]
    default = tree.pack_sequence_as(defaultdict(list, {"b": 1, "a": 2}), [1, 2])
    assert default.default_factory is list
    assert dict(default) == {"a": 1, "b": 2}


def test_pack_sequence_as_counts_the_leaves():
    with pytest.raises(ShapeError, match="has 2 leaves; `flat_sequence` has 1"):
        tree.pack_sequence_as([1, 2], [1])
    with pytest.raises(ShapeError, match="has 2 leaves; `flat_sequence` has 3"):
        tree.pack_sequence_as([1, 2], [1, 2, 3])
    with pytest.raises(TypeError, match="`flat_sequence` must be iterable; int came"):
        tree.pack_sequence_as([0], 7)


def test_lists_to_tuples():
    assert tree.lists_to_tuples([1, [2, {"a": [3, None]}], (4, [5])]) == (1, (2, {"a": (3, None)}), (4, (5,)))
    assert tree.lists_to_tuples(Point([1], 2)) == Point((1,), 2)
    assert tree.lists_to_tuples([deque([1, [2]])]) == (deque([1, (2,)]),)


@pytest.mark.parametrize(
    ("top_down", "expected"),
    [
        (True, [{"b": [1, 2], "a": (3,)}, (3,), 3, [1, 2], 1, 2]),
        (False, [3, (3,), 1, 2, [1, 2], {"b": [1, 2], "a": (3,)}]),
    ],
)
def test_traverse_order(top_down, expected):
    visited = []
    tree.traverse(visited.append, {"b": [1, 2], "a": (3,)}, top_down=top_down)
    assert visited == expected


def test_traverse_replaces():
    def to_tuple(part):
        return tuple(part) if isinstance(part, list) else None

    assert tree.traverse(to_tuple, [1, [2]]) == (1, [2])
    assert tree.traverse(to_tuple, [1, [2]], top_down=False) == (1, (2,))
    assert tree.traverse(lambda part: part + 1 if isinstance(part, int) else None, Point(1, [2])) == Point(2, [3])


@pytest.mark.parametrize("nothing", [tree.MAP_TO_NONE, tree.MAP_TO_NONE()])
@pytest.mark.parametrize("top_down", [True, False])
def test_traverse_maps_to_none(nothing, top_down):
    assert tree.traverse(lambda x: nothing if x == 1 else None, [1, [2, 1]], top_down=top_down) == [
        None,
        [2, None],
    ]


def test_assert_same_structure():
    tree.assert_same_structure([1, (2,)], [3, (4,)])
    tree.assert_same_structure([None], [1])
    tree.assert_same_structure({"a": 1}, OrderedDict(a=1))
    tree.assert_same_structure({"a": 1}, defaultdict(int, a=1))


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        ([1, 2], (1, 2), "list"),
        ([1, 2], [1], "expected: 2, got: 1"),
        ([1, 2], [1, [2]], r"at \(1,\) a leaf was expected; \[2\] came"),
        ({"a": 1}, {"b": 1}, "missing key"),
        (Point(1, 2), (1, 2), "namedtuple"),
    ],
)
def test_assert_same_structure_says_what_differs(a, b, text):
    with pytest.raises(ShapeError, match=text):
        tree.assert_same_structure(a, b)


def test_check_types_is_deprecated():
    with pytest.warns(DeprecationWarning, match="check_types"):
        tree.assert_same_structure([1], [1], check_types=True)


def test_assert_same_paths():
    tree.assert_same_paths({"a": [1, 2]}, {"a": (1, 2)})
    tree.assert_same_paths(Point(1, 2), (1, 2))
    tree.assert_same_paths(OrderedDict([("b", 1), ("a", 2)]), {"a": 1, "b": 2})
    with pytest.raises(ShapeError, match=r"Only in `a`: \(0,\), \(1,\). Only in `b`: \('x',\), \('y',\)"):
        tree.assert_same_paths(Point(1, 2), {"x": 1, "y": 2})


def test_register():
    class Bag(list):
        pass

    assert not tree.is_nested(Bag([1]))
    tree.register(Bag, lambda bag: (list(bag), None, range(len(bag))), lambda _, parts: Bag(parts))
    doubled = tree.map_structure(lambda leaf: leaf * 2, [Bag([1, Bag([2])])])
    assert doubled == [[2, [4]]]
    assert type(doubled[0]) is Bag
    assert type(doubled[0][1]) is Bag
    assert tree.flatten_with_path(Bag([5, [6]])) == [((0,), 5), ((1, 0), 6)]
    with pytest.raises(ValueError, match="already registered"):
        tree.register(Bag, lambda bag: (list(bag), None, None), lambda _, parts: Bag(parts))
