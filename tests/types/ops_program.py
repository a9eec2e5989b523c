"""Ops, activations and random draws as type checkers see them. It is checked, not run."""

from typing import assert_type

import numpy as np

import kerasfront as keras
from kerasfront import ops
from kerasfront.typing import Tensor

x = ops.ones((2, 3))
assert_type(x, Tensor)
assert_type(ops.add(x, 1.0), Tensor)
assert_type(ops.mean(np.ones(3), axis=(0, 1), keepdims=True), Tensor)
assert_type(ops.concatenate([x, x], axis=-1), Tensor)
assert_type(ops.where(x > 0, x, 0.0), Tensor)
assert_type(ops.where(x > 0), tuple[Tensor, ...])
assert_type(ops.cast(x, "float16"), Tensor)
assert_type(ops.cast(x, np.float32), Tensor)
assert_type(ops.convert_to_tensor([[1, 2], [3.0, 4]]), Tensor)
assert_type(ops.split(x, 2, axis=0), list[Tensor])
assert_type(ops.linalg.svd(x), tuple[Tensor, Tensor, Tensor])
assert_type(ops.linalg.svd(x, compute_uv=False), Tensor)
assert_type(ops.linspace(0.0, 1.0, retstep=True), tuple[Tensor, Tensor])
assert_type(ops.image.resize(ops.ones((1, 4, 4, 3)), (2, 2)), Tensor)
assert_type(ops.image.elastic_transform(ops.ones((4, 4, 3)), seed=1), Tensor)
assert_type(ops.nn.softmax(x), Tensor)
assert_type(ops.numpy.add(1, 2), Tensor)
assert_type(ops.pad(x, [[1, 1], [0, 0]], mode="edge"), Tensor)
assert_type(keras.activations.relu(x), Tensor)
assert_type(keras.random.normal((2, 3), seed=keras.random.SeedGenerator(1)), Tensor)

# Each of these is a mistake.
ops.add(x)  # error
ops.sum(x, axis="0")  # error
ops.summ(x)  # error
ops.reshape(x, newshape="a")  # error
ops.one_hot(x)  # error
ops.cast(x, 3.5)  # error
ops.mean(x, keepdim=True)  # error
ops.add("a", x)  # error
ops.shape(x, 1)  # error
ops.pad(x, 1, mode="refelct")  # error
print(ops.np)  # error
ops.image.elastic_transfom(x)  # error
keras.random.normal((2, 3), seeds=1)  # error
keras.activations.gelu(x, approximated=True)  # error
