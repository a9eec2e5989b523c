"""Kernels of layers that are trained in float8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from kerasfront import ops, quantizers
from kerasfront.dtype_policies import QuantizedFloat8DTypePolicy
from kerasfront.layers.kernels.storage import Array, Arrays, Computation, Maker, Plain, Storage
from kerasfront.quantizers.functions import FLOAT8_MAX
from kerasfront.typing import Tensor
from kerasfront.variable import Variable

_FORWARD, _BACKWARD = "float8_e4m3fn", "float8_e5m2"


@dataclass(frozen=True, eq=False)
class Side:
    """What is rounded to float8, and by what: the inputs, the kernel, or the gradient of the outputs.

    Args:
        name: The name in the variables' names.
        scale: What values are divided by before they are rounded.
        history: The largest absolute values of the last steps.
    """

    name: str
    scale: Variable
    history: Variable

    @classmethod
    def make(cls, maker: Maker, name: str, length: int) -> Self:
        return cls(
            name,
            _overwritten(maker, f"{name}_scale", (), "ones"),
            _overwritten(maker, f"{name}_amax_history", (length,), "zeros"),
        )

    def variables(self) -> dict[str, Variable]:
        return {f"{self.name}_scale": self.scale, f"{self.name}_amax_history": self.history}


def _overwritten(maker: Maker, name: str, shape: tuple[int, ...], value: str) -> Variable:
    """Make a variable that an optimizer sets to its gradient, which is its new value."""
    return maker.layer.add_weight(shape, value, "float32", autocast=False, overwrite_with_gradient=True, name=name)


@dataclass(frozen=True, eq=False)
class Float8(Storage):
    """Inputs, kernel and the gradient of the outputs rounded to float8, with scales from the latest largest values.

    Scales and histories are trainable variables whose gradients are their new values. (Keras rounds biases to bfloat16
    here; they stay as they are.)
    """

    saved: ClassVar[tuple[str, ...]] = (
        "kernel", "bias", "inputs_scale", "inputs_amax_history", "kernel_scale", "kernel_amax_history",
        "outputs_grad_scale", "outputs_grad_amax_history",
    )  # fmt: skip

    inputs: Side
    kernel: Side
    outputs_grad: Side

    @classmethod
    def make(cls, maker: Maker, before: Storage | None = None) -> Self:
        values = before.values if isinstance(before, Plain) else maker.make_floats()
        policy = maker.spec.policy
        length = policy.amax_history_length if isinstance(policy, QuantizedFloat8DTypePolicy) else 1024
        sides = (Side.make(maker, name, length) for name in ("inputs", "kernel", "outputs_grad"))
        return cls(maker.spec, values, *sides)

    def variables(self) -> dict[str, Variable]:
        return {
            self.spec.name: self.values,
            **self.inputs.variables(),
            **self.kernel.variables(),
            **self.outputs_grad.variables(),
        }

    def encode(self, kernel: Array) -> Arrays:
        return {self.spec.name: kernel}

    def decode(self) -> Tensor:
        return self.values.value

    def product(self, inputs: Tensor, how: Computation) -> Tensor:
        kernel = self.decode()
        if how.low_rank is not None:
            kernel = ops.add(kernel, how.low_rank.matrix())
        kernel = _round_forward(ops.cast(kernel, how.dtype), self.kernel.scale.value, self.kernel.history.value)
        inputs = _round_forward(inputs, self.inputs.scale.value, self.inputs.history.value)
        outputs = how.product.contract(inputs, kernel)
        return _round_backward(outputs, self.outputs_grad.scale.value, self.outputs_grad.history.value)


def _updated(x: Tensor, scale: Tensor, history: Tensor, dtype: str) -> tuple[Tensor, Tensor]:
    """Return the scale and the history after x was seen; the scale follows the history up to then."""
    new_scale = quantizers.compute_float8_scale(ops.max(history), scale, FLOAT8_MAX[dtype])
    return new_scale, quantizers.compute_float8_amax_history(x, history)


@ops.custom_gradient
def _round_forward(x: Tensor, scale: Tensor, history: Tensor) -> Any:
    """Round x; its gradient passes as it is."""

    def gradient(*args: Tensor, upstream: Tensor) -> tuple[Tensor, ...]:
        return (upstream, *_updated(args[0], args[1], args[2], _FORWARD))

    return quantizers.quantize_and_dequantize(x, scale, _FORWARD, ops.dtype(x)), gradient


@ops.custom_gradient
def _round_backward(x: Tensor, scale: Tensor, history: Tensor) -> Any:
    """Leave x as it is; its gradient is rounded."""

    def gradient(*args: Tensor, upstream: Tensor) -> tuple[Tensor, ...]:
        rounded = quantizers.quantize_and_dequantize(upstream, args[1], _BACKWARD, ops.dtype(upstream))
        return (rounded, *_updated(upstream, args[1], args[2], _BACKWARD))

    return ops.multiply(x, 1), gradient
