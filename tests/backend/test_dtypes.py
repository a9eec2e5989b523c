"""The dtypes of a graph are those of what runs: all pairs and triples, with Python scalars, as the lattice says."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import ops
from kerasfront.contract import current
from kerasfront.errors import CapabilityError
from kerasfront.spec import dtypes

REAL = ("bool", *dtypes.INTEGERS, *dtypes.FLOATS)
OF_TWO: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "add": (ops.add, dtypes.ALL),
    "divide": (ops.divide, dtypes.ALL),
    "matmul": (ops.matmul, REAL),
    "maximum": (ops.maximum, REAL),
    "where": (lambda a, b: ops.where([True], a, b), dtypes.ALL),
    "concatenate": (lambda a, b: ops.concatenate([a, b]), dtypes.ALL),
    "less": (ops.less, REAL),
    "power": (ops.power, REAL),
    "floor_divide": (ops.floor_divide, REAL),
}


def given(x: Any) -> Any:
    """A scalar as it is, of a dtype a tensor."""
    return x if not isinstance(x, str) else ops.convert_to_tensor(np.ones(1, dtypes.to_numpy(x)))


def real(function: Callable[..., Any], operands: Any) -> str:
    """The dtype of what runs; without running it where that would mean to compile it."""
    adapter = current()
    tensors = [i for i, x in enumerate(operands) if isinstance(x, str)]

    def of_tensors(*values: Any) -> Any:
        slots = list(operands)
        for i, value in zip(tensors, values, strict=True):
            slots[i] = value
        return function(*slots)

    if adapter.functional:
        try:
            specs = [keras.KerasTensor((1,), operands[i]) for i in tensors]
            return str(adapter.eval_shape(of_tensors, specs)[1])
        except CapabilityError:
            pass
    return adapter.dtype_name(function(*map(given, operands)))


def symbolic(function: Callable[..., Any], operands: Any) -> str:
    return str(function(*[keras.KerasTensor((1,), x) if isinstance(x, str) else x for x in operands]).dtype)


@pytest.mark.parametrize("name", OF_TWO)
def test_pairs(name: str) -> None:
    function, known = OF_TWO[name]
    scalars = () if name in ("matmul", "concatenate") else (True, 2, 2.0)
    wrong = []
    for pair in (*itertools.product(known, (*known, *scalars)), *itertools.product(scalars, known)):
        got, said = real(function, pair), symbolic(function, pair)
        if got != said:
            wrong.append((*pair, f"runs in {got}, the graph says {said}"))
    assert not wrong, wrong[:10]


def test_triples() -> None:
    def add(*operands: Any) -> Any:
        return ops.where([True], ops.add(operands[0], operands[1]), operands[2])

    some = ("uint32", "uint64", "int8", "bfloat16", "float16", "float64")
    wrong = []
    for triple in itertools.product(some, (*some, 2, 2.0), (*some, 2.0)):
        if real(add, triple) != symbolic(add, triple):
            wrong.append(triple)
    assert not wrong, wrong[:10]


@pytest.mark.parametrize("dtype", dtypes.ALL)
def test_an_inputs_dtype_is_what_comes(dtype: str) -> None:
    x = keras.Input((1,), dtype=dtype)
    assert x.dtype == current().dtype_name(given(dtype))
    assert ops.cast(keras.Input((1,)), dtype).dtype == current().dtype_name(ops.cast(np.ones(1, "float32"), dtype))
