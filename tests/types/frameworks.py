"""Tensors of the frameworks are tensors to type checkers, by their own stubs. It is checked, not run."""

from typing import Any, assert_type

import jax
import numpy as np
import torch

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.typing import Tensor, TensorLike


def takes_tensor(x: Tensor) -> Tensor:
    return x * 2


def takes_tensor_like(x: TensorLike) -> Tensor:
    return ops.add(x, 1)


def tensors(a: torch.Tensor, b: torch.nn.Parameter, c: jax.Array, d: keras.KerasTensor, e: keras.Variable) -> None:
    for x in (takes_tensor(a), takes_tensor(b), takes_tensor(c), takes_tensor(d), takes_tensor(e)):
        assert_type(x, Tensor)
    for x in (takes_tensor_like(a), takes_tensor_like(c), takes_tensor_like(d), takes_tensor_like(e)):
        assert_type(x, Tensor)
    assert_type(ops.matmul(a, b), Tensor)
    assert_type(layers.Dense(2)(c), Tensor)


def values(array: "np.ndarray[Any, Any]", floats: "np.ndarray[Any, np.dtype[np.float32]]") -> None:
    takes_tensor_like(array)
    takes_tensor_like(floats)
    takes_tensor_like([[1.0, 2.0]])
    takes_tensor_like((1, 2))
    takes_tensor_like(np.float32(1.0))
    takes_tensor_like(True)
    takes_tensor_like({"a": 1})  # error
    takes_tensor_like("text")  # error
    takes_tensor(3)  # error
    takes_tensor([1.0])  # error
    ops.add(layers.Dense(3), 1)  # error


def parts(x: Tensor) -> None:
    assert_type(x.ndim, int)
    assert_type(x[:, None], Tensor)
    assert_type(x @ x, Tensor)
    assert_type(1.0 / x, Tensor)
    assert_type(~(x > 0), Tensor)
    assert_type(len(x), int)
    assert_type(float(x), float)
    rows, columns = x.shape
    ops.reshape(x, (rows * columns,))
    np.asarray(x)
    x.cuda()  # error
