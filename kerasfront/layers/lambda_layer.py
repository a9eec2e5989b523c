"""Lambda: a function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, Unpack

from kerasfront import serialization, tree
from kerasfront.layers._configured import Configured, where
from kerasfront.layers._options import LayerOptions
from kerasfront.layers.base.conversion import map_shapes
from kerasfront.spec import KerasTensor
from kerasfront.typing import Config, NestedTensors, Tensor, TensorLike


class Lambda(Configured):
    """A function as a layer.

    A function of the framework itself works too. The layer holds no variables: those that the function uses are not
    trained. No code of it is saved. A named function is found again by its name, registered
    (`keras.saving.register_keras_serializable`) or in `custom_objects`; of a lambda, a `functools.partial` or a method
    the file says only that it was there, with a warning: `load_model(path, custom_objects={layer's name: function})`.

    Args:
        function: What is called on the inputs; it gets `mask` and `training` where it has such parameters.
        output_shape: The shape of the output without the batch, or a function from the input's shape to the whole
            shape; needed only where it can't be found by calling the function.
        mask: The output's mask, or a function `(inputs, mask)` that computes it; None: the input's, where the output
            has the axes of the mask (after `x[:, -1]` or a mean over time it ends).
        arguments: Further keyword arguments of the function.

    >>> import kerasfront as keras
    >>> keras.ops.convert_to_numpy(keras.layers.Lambda(lambda x: x**2)(keras.ops.array([3.0]))).tolist()
    [9.0]
    """

    _kf_needs_no_build = _kf_calls_own_code = True

    function: Callable[..., Any]
    output_shape: Any
    mask: Any
    arguments: dict[str, Any]
    # Which of `mask` and `training` the function takes.
    _kf_passes: tuple[str, ...]

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Sequence[int | None] | Callable[..., Any] | None = None,
        mask: TensorLike | Callable[..., Any] | None = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ValueError(f"Expected `function` of {where(self)} to be a function, got {function!r}.")
        self.function, self.mask, self.arguments = function, mask, dict(arguments or {})
        self.output_shape = tuple(output_shape) if isinstance(output_shape, list) else output_shape
        self._kf.promises = output_shape is not None
        self.supports_masking = True
        self._kf.makes_mask = mask is not None
        self._kf_passes = tuple(n for n in ("mask", "training") if n in _parameters(function))

    _kf_keeps_steps = False

    def _kf_takes_masks(self) -> bool:
        return "mask" in self._kf_passes

    def _kf_own_code(self) -> tuple[Any, ...]:
        return (self.function,)

    def call(self, inputs: NestedTensors, mask: NestedTensors | None = None, training: bool | None = None) -> Any:
        if not self._kf_passes and not self.arguments:
            return self.function(inputs)
        offered = {"mask": mask, "training": training}
        passed: dict[str, Any] = {n: offered[n] for n in self._kf_passes}
        return self.function(inputs, **{**self.arguments, **passed})

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        if self.mask is None:
            return mask
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_spec(
        self, inputs: NestedTensors, mask: NestedTensors | None = None, training: bool | None = None
    ) -> KerasTensor | NestedTensors:
        if self.output_shape is None:
            return super().compute_output_spec(inputs, mask=mask, training=training)
        return map_shapes(lambda s: KerasTensor(s, self.compute_dtype), _whole_shape(self, inputs))

    def get_config(self) -> Config:
        config = super().get_config()
        return {k: v for k, v in config.items() if v is not None or k not in ("output_shape", "mask")}

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool | None = None
    ) -> Self:
        """Make a layer from what `get_config` returned; `safe_mode` changes nothing: no bytecode is run."""
        with serialization.custom_object_scope(custom_objects):
            return super().from_config(config)


def _whole_shape(layer: Lambda, inputs: Any) -> Any:
    """Return the shape of the output, with the batch."""
    shape = tree.map_structure(lambda x: x.shape, inputs)
    if callable(layer.output_shape):
        return layer.output_shape(shape)
    batch = shape[0] if not isinstance(shape[0], (list, tuple)) else shape[0][0]
    return (batch, *layer.output_shape)


def _parameters(function: Any) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a function that is written in C may have no signature
        return ()
