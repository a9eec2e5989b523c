"""How a layer contracts its inputs with its kernel: what LoRA and the quantized storages need to know of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasfront import ops
from kerasfront.typing import Tensor

Array = np.ndarray[Any, Any]


class Product:
    """A product of inputs and a kernel that sums over the first axis of the kernel and the last one of the inputs."""

    # Whether inputs can be contracted with LoRA's first matrix, and the result be multiplied by its second one.
    takes_low_rank = False
    # Whether each output is a product of the same inputs with one column of the kernel as a matrix: GPTQ and AWQ
    # need that.
    has_columns = True

    def contract(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Return the product of inputs and a kernel."""
        raise NotImplementedError

    def kernel_axes(self) -> tuple[int, ...]:
        """Return the axes of the kernel that are summed over."""
        return (0,)

    def input_axes(self) -> tuple[int, ...]:
        """Return the axes of the inputs that are summed over."""
        return (-1,)

    def matrix_shape(self, shape: Sequence[int]) -> tuple[int, int]:
        """Return the shape of a kernel as a matrix: the number of inputs of an output, and of outputs."""
        summed = self.kernel_axes()
        rows = math.prod(size for axis, size in enumerate(shape) if axis in summed)
        return rows, math.prod(shape) // max(rows, 1)

    def scale_of_outputs(self, scale: Array) -> Array:
        """Return a kernel's scale, of length 1 along each axis that is summed over, as it broadcasts with outputs."""
        return np.squeeze(scale, 0)

    def scale_of_kernel(self, scale: Tensor) -> Tensor:
        """Return what `scale_of_outputs` gave, as it broadcasts with the kernel."""
        return scale

    def scale_of_inputs(self, scale: Tensor) -> Tensor:
        """Return the inputs' scale, of length 1 along each axis that is summed over, as it broadcasts with outputs."""
        return scale


class Matmul(Product):
    """`inputs @ kernel`."""

    takes_low_rank = True

    def contract(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        return ops.matmul(inputs, kernel)


class Convolution(Product):
    """A convolution, which is never quantized here.

    Args:
        convolve: The function of inputs and kernel.
    """

    has_columns = False

    def __init__(self, convolve: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._convolve = convolve

    def contract(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        return self._convolve(inputs, kernel)


class Einsum(Product):
    """An einsum of inputs and kernel.

    Args:
        equation: The equation.
        inputs: The labels of the axes of the inputs.
        kernel: The labels of the axes of the kernel.
        outputs: The labels of the axes of the outputs.
    """

    def __init__(self, equation: str, inputs: list[str], kernel: list[str], outputs: list[str]) -> None:
        self._equation = equation
        self._inputs, self._kernel, self._outputs = inputs, kernel, outputs

    def contract(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        return ops.einsum(self._equation, inputs, kernel)

    @property
    def takes_low_rank(self) -> bool:  # type: ignore[override]
        last = self._kernel[-1]
        return last == self._outputs[-1] and last not in self._inputs

    @property
    def has_columns(self) -> bool:  # type: ignore[override]
        summed = [label for label in self._inputs if label not in self._outputs]
        others = self._kernel[len(summed) :]
        return summed == self._kernel[: len(summed)] and not any(label in self._inputs for label in others)

    def kernel_axes(self) -> tuple[int, ...]:
        return tuple(axis for axis, label in enumerate(self._kernel) if label not in self._outputs)

    def input_axes(self) -> tuple[int, ...]:
        return tuple(axis for axis, label in enumerate(self._inputs) if label not in self._outputs)

    def scale_of_outputs(self, scale: Array) -> Array:
        spread: Array = self._along_outputs(scale, self._kernel, np)
        return spread

    def scale_of_inputs(self, scale: Tensor) -> Tensor:
        return self._along_outputs(scale, self._inputs, ops)

    def _along_outputs(self, scale: Any, labels: list[str], xp: Any) -> Any:
        """Return a scale over `labels` along the labels of the outputs; `xp` is NumPy or `kerasfront.ops`."""
        shared = [label for label in self._outputs if label in labels]
        summed = tuple(axis for axis, label in enumerate(labels) if label not in self._outputs)
        order = [label for label in labels if label in shared]
        scale = xp.transpose(xp.squeeze(scale, summed), [order.index(label) for label in shared])
        return xp.expand_dims(scale, tuple(axis for axis, label in enumerate(self._outputs) if label not in shared))

    def scale_of_kernel(self, scale: Tensor) -> Tensor:
        shared = [label for label in self._outputs if label in self._kernel]
        scale = ops.squeeze(scale, tuple(a for a, label in enumerate(self._outputs) if label not in self._kernel))
        scale = ops.transpose(scale, [shared.index(label) for label in self._kernel if label in shared])
        return ops.expand_dims(scale, self.kernel_axes())
