"""The projections of many heads."""

from __future__ import annotations

import math
from typing import Any

from kerasfront import ops
from kerasfront.layers._options import Initializer
from kerasfront.layers.einsum_dense import EinsumDense
from kerasfront.layers.input_spec import InputSpec
from kerasfront.ops.matrices import affine
from kerasfront.typing import Shape, Tensor


class Projection(EinsumDense):
    """An EinsumDense from the last axes to new last axes: one product of matrices, without a general einsum."""

    supports_masking = True
    # The number of axes that are summed over, the shape of the kernel as a matrix, and the sizes of the new axes.
    _kf_plan: tuple[int, tuple[int, int], tuple[int, ...]]

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        summed = len(self.equation.partition(",")[0]) - 3
        shape = self._kf_storage.spec.shape
        rows, columns = shape[:summed], shape[summed:]
        self._kf_plan = summed, (math.prod(rows), math.prod(columns)), tuple(columns)
        self.input_spec = InputSpec(min_ndim=summed, axes={i - summed: n for i, n in enumerate(rows)})

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if self._kf_adapted:
            return super().call(inputs)
        summed, matrix, columns = self._kf_plan
        lead = ops.shape(inputs)[:-summed]
        if summed > 1:
            inputs = ops.reshape(inputs, (*lead, matrix[0]))
        bias = None if self.bias is None else ops.reshape(self.bias.value, (matrix[1],))
        outputs = affine(inputs, ops.reshape(self._kf_storage.values.value, matrix), bias)
        return outputs if len(columns) == 1 else ops.reshape(outputs, (*lead, *columns))


def copied(initializer: Initializer) -> Initializer:
    """Return an initializer of its own for each projection: one without a seed draws anew then, as a name would."""
    if not hasattr(initializer, "get_config"):
        return initializer
    kind: Any = type(initializer)
    return kind.from_config(initializer.get_config())
