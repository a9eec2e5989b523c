"""Names for the values of an adapter's framework.

They are `Any` to a type checker, so that an adapter may write its own classes in their place: `x: torch.Tensor`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

# A tensor of the framework.
Native: TypeAlias = Any
# A dtype of the framework.
NativeDType: TypeAlias = Any
# What a Variable holds: a native tensor, or the framework's own kind of variable.
Storage: TypeAlias = Any
# A Variable of the front, or whatever stands for one: it has `_value`, `path`, `trainable` and `assign`.
VariableLike: TypeAlias = Any
# Native tensors in nested lists, tuples and dicts.
NestedNative: TypeAlias = Any
# A function of native tensors that stands for an op, with the parameters of the op's declaration.
OpFunction: TypeAlias = Callable[..., Any]
