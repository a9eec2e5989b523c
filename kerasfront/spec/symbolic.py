"""Symbolic values: what stands for a tensor while a graph is built or a shape is inferred."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasfront import tree
from kerasfront.errors import ShapeError
from kerasfront.spec import dtypes
from kerasfront.spec.operators import Operators
from kerasfront.watching import State

# Unknown dimensions are found by evaluating with two probes and keeping what agrees. A probe is a large prime times a
# highly composite number: large, so that rules recognise it (`unknown`) and no framework can hold or allocate anything
# of such a size; composite, so that pools and folds divide it.
_PROBE_UNIT = 2**36 * 3**3 * 5**2 * 7 * 11 * 13
PROBES = (1_000_003 * _PROBE_UNIT, 1_000_033 * _PROBE_UNIT)
_UNKNOWN_FROM = 2**36
# What stands for the unknown size in programs that need a number, for a loop or an array: these are tried in turn.
SMALL_SIZES = ((96, 192), (4, 6), (2, 3))


def unknown(dim: Any) -> bool:
    """Return whether the size of a dimension isn't known.

    It isn't if it is None, if it derives from an unknown dimension during shape inference, or if it is a symbol of the
    framework's own graph (`torch.SymInt`, a dimension of `jax.export`, a scalar tensor): such a symbol is not compared
    with a number, as that would fail or bind the graph to the answer.
    """
    return not isinstance(dim, (int, np.integer)) or bool(dim >= _UNKNOWN_FROM)


def static_shape(shape: Iterable[Any]) -> tuple[int | None, ...]:
    """Return a shape as integers, with None for each size that isn't known."""
    return tuple(None if unknown(d) else int(d) for d in shape)


class TooManyOps(ShapeError):
    """A program has applied more ops to symbolic values than it may, as loops over an unknown dimension do."""


class _Mode(threading.local):
    """Per thread: whether ops are being inferred (creation ops then return specs too), and how."""

    inferring = 0
    # What an unknown dim is at present, how many ops may follow, and whether a small size stands for what is unknown.
    probe = PROBES[0]
    ops_left: int | None = None
    small = False

    def count_op(self) -> None:
        if self.ops_left is not None:
            self.ops_left -= 1
            if self.ops_left < 0:
                raise TooManyOps("The program goes on for each step of an unknown dimension.")


mode: _Mode = _Mode()
_numbers = itertools.count()


# Type checkers see the operators that `ops._operators` installs.
if TYPE_CHECKING:
    _Base = Operators["KerasTensor"]
else:
    _Base = object


class KerasTensor(_Base):
    """A symbolic tensor: a shape (None for unknown dims) and a dtype, and the node that made it.

    The dtype is what the backend makes of the one that is asked for: on JAX without 64 bits, int32 of int64.

    Ops and layers applied to it record nodes, of which functional models are made.

    >>> import kerasfront as keras
    >>> x = keras.Input((3,))
    >>> (x + 1.0).shape, x.dtype
    ((None, 3), 'float32')
    """

    # Of the result of `==` and `!=` between two symbolic tensors: whether they are (or aren't) one and the same, so
    # that `x in tensors` works.
    truth: bool | None = None

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        ragged_rank: int | None = None,
        row_splits_dtype: Any = None,
    ) -> None:
        self._shape = tuple(shape)
        self._dtype = dtypes.held(dtypes.standardize(dtype))
        self._sparse = bool(sparse)
        self._ragged = bool(ragged)
        self._ragged_rank, self._row_splits_dtype = ragged_rank, row_splits_dtype
        self.record_history = record_history
        self.number: int = next(_numbers)
        self._name = name
        self.node: Node | None = None
        self.index = 0
        self._keras_mask: Any = None

    @property
    def shape(self) -> tuple[int | None, ...]:
        return self._shape

    @property
    def dtype(self) -> str:
        return self._dtype

    @property
    def sparse(self) -> bool:
        return self._sparse

    @property
    def ragged(self) -> bool:
        return self._ragged

    @property
    def ragged_rank(self) -> int | None:
        """How many dims of a ragged tensor vary in length; None for any other."""
        return self._ragged_rank

    @property
    def row_splits_dtype(self) -> str | None:
        """The dtype of a ragged tensor's row splits; None for any other."""
        return self._row_splits_dtype

    @property
    def name(self) -> str:
        return self._name or f"keras_tensor_{self.number}"

    @property
    def ndim(self) -> int:
        return len(self._shape)

    @property
    def _keras_history(self) -> tuple[Any, int, int] | None:
        if self.node is None:
            return None
        return self.node.operation, nodes_of(self.node.operation).index(self.node), self.index

    def __len__(self) -> int:
        if not self._shape or self._shape[0] is None:
            raise TypeError("A KerasTensor has a length only where its first dimension is known.")
        return self._shape[0]

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("Iterating over a symbolic KerasTensor is not supported; use ops.unstack(x).")

    def __bool__(self) -> bool:
        if self.truth is not None:
            return self.truth
        raise TypeError("A symbolic KerasTensor has no truth value; use ops.cond or ops.where.")

    def _no_value(self) -> Any:
        raise TypeError("A symbolic KerasTensor has no value to convert; call a model on real data to get one.")

    def __float__(self) -> float:
        return float(self._no_value())

    def __int__(self) -> int:
        return int(self._no_value())

    def __index__(self) -> int:
        return int(self._no_value())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise ValueError(
            "A symbolic KerasTensor can't become a NumPy array. Functions of another library take no symbolic values: "
            "use kerasfront.ops, or call them inside a layer's call()."
        )

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self._shape}, dtype={self._dtype}, name={self.name}>"


class OperationState(State):
    """The state of what can be applied to symbolic tensors."""

    nodes: list[Node]
    # What it was made with: arguments by place, and by name.
    arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})


def nodes_of(operation: Any) -> list[Node]:
    """Return the nodes that record the applications of an operation, in order."""
    nodes: list[Node] = operation._kf.nodes
    return nodes


class Node:
    """One application of an operation (an op or a layer) to symbolic arguments."""

    __slots__ = ("operation", "args", "kwargs", "inputs", "outputs", "leaves", "nested")

    def __init__(self, operation: Any, args: Any, kwargs: Any, outputs: Any) -> None:
        self.operation: Any = operation
        self.args: Any = args
        self.kwargs: Any = kwargs
        self.inputs: list[KerasTensor] = [
            leaf for leaf in tree.flatten((args, kwargs)) if isinstance(leaf, KerasTensor)
        ]
        flat = tree.flatten(outputs)
        self.outputs: list[KerasTensor] = [leaf for leaf in flat if isinstance(leaf, KerasTensor)]
        # Where they stand among all that the operation gives: None and plain values are no outputs.
        self.nested: bool = not isinstance(outputs, KerasTensor)
        self.leaves: list[int] = [i for i, leaf in enumerate(flat) if isinstance(leaf, KerasTensor)]
        for index, output in enumerate(self.outputs):
            output.node, output.index = self, index

    @property
    def parents(self) -> list[Node]:
        """The nodes that made the inputs, each once."""
        return list(dict.fromkeys(x.node for x in self.inputs if x.node is not None))

    def __repr__(self) -> str:
        return f"<Node {getattr(self.operation, 'name', self.operation)} #{id(self)}>"


@contextmanager
def inferring() -> Iterator[None]:
    """Inside, ops without tensor arguments return symbolic values as well."""
    mode.inferring += 1
    try:
        yield
    finally:
        mode.inferring -= 1


def is_symbolic(x: Any) -> bool:
    return isinstance(x, KerasTensor)


def _has_unknown(leaves: list[Any]) -> bool:
    return any(isinstance(x, KerasTensor) and None in x.shape for x in leaves)


def _with_dims(leaf: Any, value: int) -> Any:
    if isinstance(leaf, KerasTensor):
        out = KerasTensor([value if d is None else d for d in leaf.shape], leaf.dtype, leaf.sparse, leaf.ragged)
        mask = leaf._keras_mask
        out._keras_mask = mask if mask is None else _with_dims(mask, value)
        return out
    return leaf


def _merge(a: Any, b: Any) -> Any:
    if isinstance(a, KerasTensor) and isinstance(b, KerasTensor):
        if len(a.shape) != len(b.shape):
            raise ShapeError(f"The rank of the result depends on an unknown dimension: {a.shape} or {b.shape}.")
        shape = [
            m if m == n and m is not None and not unknown(m) else None for m, n in zip(a.shape, b.shape, strict=True)
        ]
        out = KerasTensor(shape, a.dtype, a.sparse, a.ragged)
        out._keras_mask = _merge(a._keras_mask, b._keras_mask)
        return out
    return a


def infer(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """`function(*args, **kwargs)` on symbolic values; its results carry None where a dim can't be known.

    The function sees integers only: unknown dims are evaluated with two probes, and what agrees is kept.
    """
    outermost = not mode.inferring
    with inferring():
        leaves = tree.flatten((args, kwargs))
        if not _has_unknown(leaves):
            fresh = tree.map_structure(lambda x: _with_dims(x, 0), (args, kwargs))
            found = function(*fresh[0], **fresh[1])
            return with_none(found) if outermost and _has_probe(found) else found
        results = []
        before = mode.probe
        try:
            for mode.probe in PROBES:
                a, k = with_probes((args, kwargs))
                results.append(function(*a, **k))
        except Exception as error:
            _hide_probes(error)
            raise
        finally:
            mode.probe = before
        return tree.map_structure(_merge, *results)


def with_probes(structure: Any) -> Any:
    """Return the symbolic tensors with the present probe for None."""
    return tree.map_structure(lambda x: _with_dims(x, mode.probe), structure)


def with_none(structure: Any) -> Any:
    """Return the symbolic tensors with None for what derives from a probe."""
    return tree.map_structure(lambda x: _merge(x, x), structure)


def _has_probe(structure: Any) -> bool:
    return any(isinstance(x, KerasTensor) and any(map(unknown, x.shape)) for x in tree.flatten(structure))


def _hide_probes(error: Exception) -> None:
    """Where the error's text has a number that derives from a probe it says None."""

    def hidden(text: Any) -> Any:
        return re.sub(r"\d{20,}", "None", text) if isinstance(text, str) else text

    error.args = tuple(map(hidden, error.args))
    if hasattr(error, "__notes__"):
        error.__notes__[:] = map(hidden, error.__notes__)


class AtSizes:
    """The arguments of a program with small sizes in place of the unknown one; and back from its results.

    Args:
        structure: KerasTensors, nested, while shapes are inferred.
    """

    def __init__(self, structure: Any) -> None:
        self.structure = structure
        dims = [d for x in tree.flatten(structure) if isinstance(x, KerasTensor) for d in x.shape]
        # The smallest one is the unit: others are multiples of it, mostly.
        self.unit: int | None = min((d for d in dims if d is not None and unknown(d)), default=None)

    def at(self, size: int) -> Any:
        """Return the structure at a size."""

        def resized(x: Any) -> Any:
            if not isinstance(x, KerasTensor):
                return x
            assert self.unit is not None
            out = KerasTensor([d * size // self.unit if d and unknown(d) else d or 0 for d in x.shape], x.dtype)
            out._keras_mask = None if x._keras_mask is None else resized(x._keras_mask)
            return out

        return tree.map_structure(resized, self.structure)

    def back(self, sizes: tuple[int, int], results: tuple[Any, Any]) -> Any:
        """Return the results for the unknown size, from those at two sizes: dims follow the size on a line."""
        assert self.unit is not None
        unit = self.unit

        def extrapolated(a: Any, b: Any) -> Any:
            if not (isinstance(a, KerasTensor) and isinstance(b, KerasTensor)):
                return a
            if len(a.shape) != len(b.shape):
                raise ShapeError(f"The rank of the result depends on an unknown dimension: {a.shape} or {b.shape}.")
            dims = [
                None if m is None or n is None else m + (unit - sizes[0]) * (n - m) // (sizes[1] - sizes[0])
                for m, n in zip(a.shape, b.shape, strict=True)
            ]
            out = KerasTensor(dims, a.dtype, a.sparse, a.ragged)
            out._keras_mask = extrapolated(a._keras_mask, b._keras_mask)
            return out

        return tree.map_structure(extrapolated, *results)
