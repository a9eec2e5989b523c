"""What is said of wrong shapes, axes and dtypes: the same on every adapter, eagerly and symbolically."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerasfront.contract import Adapter
from kerasfront.errors import DTypeError, ShapeError
from kerasfront.ops.declare.op import OPS
from kerasfront.spec import KerasTensor


def t(*shape: int) -> np.ndarray[Any, Any]:
    return np.ones(shape, "float32")


# (op, arguments, keyword arguments, what the message says)
WRONG: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], str]] = {
    "broadcasting": ("add", (t(2, 3), t(4)), {}, r"\(2, 3\), \(4,\) can't be broadcast"),
    "an axis that isn't there": ("mean", (t(2, 3),), {"axis": 5}, r"`axis` between -2 and 1 .* rank 2, got 5"),
    "an axis of a product": ("prod", (t(2, 3),), {"axis": 5}, r"`axis` between -2 and 1 .* rank 2, got 5"),
    "an axis below": ("sum", (t(2, 3),), {"axis": -3}, r"`axis` between -2 and 1 .* got -3"),
    "an axis twice": ("sum", (t(2, 3),), {"axis": (0, -2)}, r"name each axis once, got \(0, -2\)"),
    "an axis along": ("softmax", (t(2, 3),), {"axis": 2}, r"`axis` between -2 and 1"),
    "inner dims": ("matmul", (t(2, 3), t(4, 5)), {}, r"contract the shapes \(2, 3\) and \(4, 5\)"),
    "rank 0": ("matmul", (t(), t(4, 5)), {}, r"rank 1 or more"),
    "reshape": ("reshape", (t(2, 3), (4, 2)), {}, r"reshape \(2, 3\) \(6 elements\) to \(4, 2\)"),
    "reshape by -1": ("reshape", (t(2, 3), (4, -1)), {}, r"reshape \(2, 3\) \(6 elements\) to \(4, -1\)"),
    "transpose": ("transpose", (t(2, 3), (0, 0)), {}, r"permutation of 2 axes, got \(0, 0\)"),
    "squeeze": ("squeeze", (t(2, 3), 0), {}, r"squeeze axis 0 of the shape \(2, 3\)"),
    "expand_dims": ("expand_dims", (t(2, 3), 4), {}, r"`axis` between -3 and 2"),
    "concatenate": ("concatenate", ([t(2, 3), t(2, 4)],), {"axis": 0}, r"concatenate the shapes \(2, 3\), \(2, 4\)"),
    "stack": ("stack", ([t(2), t(3)],), {}, r"stack tensors of one shape, got \(2,\), \(3,\)"),
    "split": ("split", (t(5, 2), 2), {}, r"axis of size 5 into 2 equal parts"),
    "a window": ("conv", (t(1, 2, 2, 1), t(3, 3, 1, 1)), {}, r"reaches over 3 does not fit into a dimension of size 2"),
    "channels": ("conv", (t(1, 5, 5, 2), t(3, 3, 3, 4)), {}, r"channels"),
    "a pool": ("max_pool", (t(1, 2, 2, 1), 3), {}, r"reaches over 3 does not fit into a dimension of size 2"),
    "a large pool": ("max_pool", (t(2, 6, 7, 3), 9, 2), {}, r"reaches over 9 does not fit into a dimension of size 6"),
    "a mean of a pool": (
        "average_pool",
        (t(2, 6, 3), 9),
        {},
        r"reaches over 9 does not fit into a dimension of size 6",
    ),
    "too many of the largest": ("top_k", (t(2, 3), 4), {}, r"take the 4 largest .* \(2, 3\)"),
    "an axis to take from": ("take", (t(2, 3), np.zeros(2, "int32")), {"axis": 2}, r"`axis` between -2 and 1 .* got 2"),
    "an axis of a product twice": ("prod", (t(2, 3),), {"axis": (0, 0)}, r"name each axis once, got \(0, 0\)"),
    "an axis to insert twice": ("expand_dims", (t(2, 3), (0, 0)), {}, r"name each axis once, got \(0, 0\)"),
    "an axis to squeeze twice": ("squeeze", (t(1, 3), (0, 0)), {}, r"name each axis once, got \(0, 0\)"),
    "broadcasting to -1": ("broadcast_to", (t(2, 3), (-1, 3)), {}, r"can't be broadcast"),
    "a number of slices": ("unstack", (t(2, 3), 3), {}, r"axis of size 3 to unstack, got the shape \(2, 3\)"),
    "softmax of a scalar": ("softmax", (t(),), {}, r"tensor of rank 0, got -1"),
    "log_softmax of a scalar": ("log_softmax", (t(),), {}, r"tensor of rank 0, got -1"),
    "places in a scalar": ("nonzero", (t(),), {}, r"rank 1 or more"),
    "the largest of none": ("max", (t(0, 3),), {"axis": 0}, r"no elements: axis=\(?0,?\)? of the shape \(0, 3\)"),
    "the smallest of none": ("min", (t(2, 0),), {}, r"no elements"),
    "the largest of none but nan": ("nanmax", (t(0, 3),), {}, r"no elements"),
    "a scalar's narrow view": ("view", (t(), "int16"), {}, r"scalar of 4 bytes can't be viewed"),
    "segments of a scalar": ("segment_sum", (t(), np.zeros(1, "int32")), {"num_segments": 2}, r"of shape \(\)"),
    "hot places of a scalar": ("multi_hot", (np.zeros((), "int32"), 3), {}, r"multi_hot needs a list .* got a scalar"),
    "segments": ("segment_prod", (t(5), np.zeros(2, "int32")), {"num_segments": 2}, r"each row, got 2 .* \(5,\)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_shapes(adapter: Adapter, case: str) -> None:
    name, args, kwargs, text = WRONG[case]

    def given(make: Any) -> Any:
        def one(x: Any) -> Any:
            return [make(v) for v in x] if isinstance(x, list) else make(x) if isinstance(x, np.ndarray) else x

        return [one(a) for a in args]

    for make in (lambda x: adapter.to_tensor(x, None), lambda x: KerasTensor(x.shape, x.dtype.name)):
        with pytest.raises(ShapeError, match=text) as raised:
            OPS[name].call(*given(make), **kwargs)
        assert any(f"ops.{name}(" in note or "ops." in note for note in raised.value.__notes__), "no note names the op"
        assert isinstance(raised.value, ValueError)


def test_wrong_dtypes(adapter: Adapter) -> None:
    x = adapter.to_tensor(t(2), None)
    for name, argument in (("cast", x), ("zeros", (2,))):
        with pytest.raises(DTypeError, match=r"'flaot32' is no dtype\. Did you mean 'float32'\?"):
            OPS[name].call(argument, "flaot32")


def test_wrong_arguments_are_pythons_own_errors(adapter: Adapter) -> None:
    x = adapter.to_tensor(t(2), None)
    with pytest.raises(TypeError, match=r"relu\(\)"):
        OPS["relu"].call(x, x, x)
    with pytest.raises(TypeError, match="unexpected keyword argument 'axes'"):
        OPS["sum"].call(x, axes=0)


def test_what_is_no_tensor(adapter: Adapter) -> None:
    for nonsense in (object(), {"a": 1}):
        with pytest.raises((TypeError, ValueError)):
            OPS["add"].call(nonsense, 1.0)
