"""Quantizers: floats to small integers and a scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasfront.arguments import Constructed
from kerasfront.errors import suggest
from kerasfront.quantizers.functions import abs_max_quantize
from kerasfront.spec import dtypes
from kerasfront.typing import Axis, Tensor
from kerasfront.watching import Watched

_RANGES: dict[str, tuple[float, float]] = {
    "int4": (-8, 7),
    "uint4": (0, 15),
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
}


class Quantizer(Constructed, Watched):
    """The base of quantizers: called on floats, one returns integers and their scale.

    Args:
        output_dtype: The dtype of the integers.

    >>> import kerasfront as keras
    >>> isinstance(keras.quantizers.AbsMaxQuantizer(axis=0), keras.Quantizer)
    True
    """

    def __init__(self, output_dtype: str = "int8") -> None:
        self.output_dtype = output_dtype

    def __call__(self, x: Tensor) -> Any:
        """Return the integers and the scale of x; the base returns x itself."""
        return x

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal quantizer; a subclass says it."""
        raise NotImplementedError(f"{type(self).__name__} defines no get_config().")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Quantizer:
        """Return the quantizer of a config."""
        return cls(**config)


class AbsMaxQuantizer(Quantizer):
    """Integers whose range is that of the largest absolute value; see `abs_max_quantize`.

    Args:
        axis: The axis, or axes, over which the largest value is taken; None: the last one.
        value_range: The smallest and the largest integer.
        epsilon: What is added to the largest value, so that it isn't 0.
        output_dtype: The dtype of the integers.

    Raises:
        ValueError: `value_range` is no range, or holds integers that the dtype can't.

    >>> import kerasfront as keras
    >>> q, scale = keras.quantizers.AbsMaxQuantizer(axis=-1)(keras.ops.array([[1.0, -2.0]]))
    >>> keras.ops.convert_to_numpy(q).tolist()
    [[64, -127]]
    """

    def __init__(
        self,
        axis: Axis = None,
        value_range: Sequence[float] = (-127, 127),
        epsilon: float = 1e-7,
        output_dtype: str = "int8",
    ) -> None:
        super().__init__(output_dtype)
        self.axis: tuple[int] | tuple[int, ...] | None = (
            None if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        )
        self.value_range: tuple[float, ...] = tuple(value_range)
        self.epsilon = epsilon
        if len(self.value_range) != 2 or not self.value_range[0] < self.value_range[1]:
            raise ValueError(f"Expected `value_range` to be two numbers, the smaller one first, got {value_range!r}.")
        least, most = _RANGES.get(output_dtype, (self.value_range[0], self.value_range[1]))
        if self.value_range[0] < least or self.value_range[1] > most:
            raise ValueError(
                f"Expected `value_range` to lie between {least} and {most}, for {output_dtype}, got {value_range!r}."
            )

    def __call__(self, x: Tensor, axis: Axis = None, to_numpy: bool = False) -> tuple[Any, Any]:
        """Return the integers and the scale of x.

        Args:
            x: Floats.
            axis: Instead of the quantizer's own.
            to_numpy: Whether all is computed on the host.
        """
        over = self.axis if axis is None else axis
        stored = self.output_dtype if self.output_dtype in dtypes.NAMES else "int8"
        return abs_max_quantize(x, -1 if over is None else over, self.value_range, stored, self.epsilon, to_numpy)

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "value_range": self.value_range,
            "epsilon": self.epsilon,
            "output_dtype": self.output_dtype,
        }
        return config if self.axis is None else {**config, "axis": self.axis}


def checked_mode(mode: str | None, modes: Sequence[str]) -> str:
    """Return `mode`, one of `modes`; raises a ValueError that suggests the nearest."""
    if mode not in modes:
        options = ", ".join(map(repr, modes))
        raise ValueError(f"Expected the quantization mode to be one of {options}, got {mode!r}.{suggest(mode, modes)}")
    return str(mode)
