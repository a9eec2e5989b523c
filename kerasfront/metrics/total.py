"""Total: the state of a metric, to which more is added than its dtype can count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from kerasfront import ops
from kerasfront.contract import assignment_scopes, running
from kerasfront.ops.declare.runtime import Runtime
from kerasfront.scopes import context
from kerasfront.spec import dtypes, mode
from kerasfront.typing import Tensor, TensorLike
from kerasfront.variable import Variable, broadcasts, check_shape, store, wrong_shape

active: Runtime = running()
# Of these a long sum is kept; others are exact (integers), or all that there is (float64).
DTYPES = ("bfloat16", "float16", "float32")


class Total(Variable):
    """A Variable that stores more digits than are read, for sums of many numbers.

    A float32 alone counts to 2**24 and then stays there. What is stored is float64, or on JAX two numbers of float32.
    The value that is read, and that a StatelessScope gives, is of the Variable's dtype.
    """

    def _kf_store(self, value: Any, fresh: bool) -> Any:
        return active.adapter.make_sum(value, self._path)

    def _kf_public(self, stored: Any) -> Any:
        return active.adapter.read_sum(stored, self._dtype)

    @property
    def value(self) -> Tensor:
        """The native tensor, of the Variable's dtype."""
        if context.reads is not None:
            context.reads[id(self)] = self
        return active.adapter.read_sum(self._value, self._dtype)

    def exact(self) -> np.ndarray[Any, Any]:
        """Return a copy on the host, of float64: all digits."""
        return np.array(active.adapter.sum_to_numpy(self._value), "float64")

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return a copy on the host, of the Variable's dtype."""
        return self.exact().astype(dtypes.to_numpy(self._dtype))

    def _kf_native(self, value: Any) -> Any:
        value = self._number(value)
        if broadcasts(self, value) and tuple(value.shape) == tuple(self._value.shape):
            return value  # as it is stored, from a framework that carries it through a function
        if broadcasts(self, value) and active.adapter.shape(value) != self._shape:
            raise wrong_shape(self, tuple(value.shape))
        return active.adapter.sum_of(value)

    def _number(self, value: Any) -> Any:
        """Return a native tensor of integers or floats."""
        if type(value) not in active.adapter.native:
            value = ops.convert_to_tensor(value)
        name = active.adapter.dtype_name(value)
        return value if dtypes.is_float(name) or dtypes.is_int(name) else active.adapter.cast(value, self._dtype)

    def assign_sub(self, value: TensorLike) -> Self:
        """Subtract from the value."""
        return self.assign_add(-ops.convert_to_tensor(value, self._dtype))

    def _kf_change(self, value: Any, combine: Callable[[Any, Any], Any], write: Callable[[Any, Any], Any]) -> Self:
        if mode.inferring:
            check_shape(self, combine(self.value, value))
            return self
        plain = type(value) is int or type(value) is float
        operand = value if plain else self._number(value)
        if broadcasts(self, operand):
            operand, plain = ops.broadcast_to(self._number(operand), self._shape), False
        if not assignment_scopes.stack:
            self._value = active.adapter.add_to_sum(self._value, operand)
            return self
        store(self, self._number(operand) if plain else operand, active.adapter.sum_and)
        return self


def exact(variable: Variable) -> np.ndarray[Any, Any]:
    """Return all the digits of a metric's Variable, on the host."""
    return variable.exact() if isinstance(variable, Total) else variable.numpy()
