"""Dense and what else has no family of its own."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from kerasfront import ops, serialization, tree
from kerasfront.errors import ShapeError, not_one
from kerasfront.layers._configured import Configured, keep, make_weight, positive, read, where
from kerasfront.layers.base.conversion import map_shapes
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.input_spec import InputSpec
from kerasfront.layers.kernels.kernel_layer import EmbeddingsLayer, MatrixLayer
from kerasfront.layers.kernels.products import Einsum, Matmul, Product
from kerasfront.ops.matrices import affine
from kerasfront.spec import KerasTensor, dtypes


class Dense(MatrixLayer):
    """A fully connected layer: `activation(inputs @ kernel + bias)` over the last axis.

    Args:
        units: The size of the output's last axis.
        activation: A function or its name; None: none.
        use_bias: Whether a bias is added.
        kernel_initializer: An initializer of the kernel, of shape (inputs' last axis, units).
        bias_initializer: An initializer of the bias, of shape (units,).
        kernel_regularizer: A regularizer of the kernel.
        bias_regularizer: A regularizer of the bias.
        activity_regularizer: A regularizer of the output.
        kernel_constraint: A constraint of the kernel.
        bias_constraint: A constraint of the bias.
        lora_rank: The rank of LoRA, see `enable_lora`; None: none.
        lora_alpha: What LoRA's part is multiplied by, times the rank; None: the rank.
        quantization_config: What `quantize` goes by where it is given the mode alone.

    Raises:
        ValueError: `units` is no positive integer.

    >>> import kerasfront as keras
    >>> keras.layers.Dense(3)(keras.ops.ones((2, 4))).shape[1]
    3
    """

    _kf_left_out = frozenset({"activity_regularizer"})

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._kf_keep_adaptation(lora_rank, lora_alpha, quantization_config)
        keep(
            self,
            units=positive(self, "units", units), activation=activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self._kf_make_kernel((input_shape[-1], self.units))
        self.bias = make_weight(self, "bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        self._kf_make_lora()

    @property
    def kernel(self) -> Any:
        return self._kf_visible_kernel()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if self._kf_adapted:
            x = self._kf_product(inputs)
            x = x if self.bias is None else ops.add(x, self.bias.value)
        else:
            x = affine(inputs, self._kf_storage.values.value, read(self.bias))
        return x if self.activation is None else self.activation(x)

    def _kf_contraction(self) -> Product:
        return Matmul()

    def _kf_regularizer_and_constraint(self) -> tuple[Any, Any]:
        return self.kernel_regularizer, self.kernel_constraint


class EinsumDense(MatrixLayer):
    """A dense layer over any axes: `activation(einsum(equation, inputs, kernel) + bias)`.

    Args:
        equation: An einsum equation of two operands, such as "abc,cd->abd"; a leading or trailing ellipsis of the
            inputs and the output stands for further axes, the batch included ("...x,xy->...y").
        output_shape: The shape of the output without the batch axis (and without what the ellipsis stands for, where
            that is known from the inputs); None where a size comes from the inputs.
        activation: A function or its name; None: none.
        bias_axes: The axes of the output that the bias has, as letters of the equation; None: no bias.
        kernel_initializer: An initializer of the kernel.
        bias_initializer: An initializer of the bias.
        kernel_regularizer: A regularizer of the kernel.
        bias_regularizer: A regularizer of the bias.
        kernel_constraint: A constraint of the kernel.
        bias_constraint: A constraint of the bias.
        lora_rank: The rank of LoRA, see `enable_lora`; None: none.
        lora_alpha: What LoRA's part is multiplied by, times the rank; None: the rank.
        gptq_unpacked_column_size: Kept for Keras's files: it follows from the sizes.
        quantization_config: What `quantize` goes by where it is given the mode alone.

    Raises:
        ValueError: The equation is malformed, or sizes don't follow from the inputs and `output_shape`.

    >>> import kerasfront as keras
    >>> layer = keras.layers.EinsumDense("abc,cde->abde", output_shape=(None, 4, 5), bias_axes="e")
    >>> layer(keras.ops.ones((1, 2, 3))).shape[1:] == (2, 4, 5), layer.kernel.shape, layer.bias.shape
    (True, (3, 4, 5), (5,))
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._kf_keep_adaptation(lora_rank, lora_alpha, quantization_config)
        self.gptq_unpacked_column_size = gptq_unpacked_column_size
        keep(
            self,
            equation=equation, activation=activation, bias_axes=bias_axes, kernel_initializer=kernel_initializer,
            output_shape=(output_shape,) if isinstance(output_shape, int) else tuple(output_shape),
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip

    def build(self, input_shape: Any) -> None:
        inner, kernel, outer = self._labels()
        sizes = self._sizes(inner, outer, input_shape)
        missing = [c for c in kernel if sizes.get(c) is None]
        if missing:
            raise ShapeError(
                f"The size of '{missing[0]}' in the equation '{self.equation}' of {where(self)} follows neither from "
                f"the inputs of shape {tuple(input_shape)} nor from the output_shape {self.output_shape}."
            )
        elided = len(input_shape) - len(inner.replace(".", ""))
        self._kf_einsum = Einsum(self.equation, _numbered(inner, elided), list(kernel), _numbered(outer, elided))
        self._kf_make_kernel([size for c in kernel if (size := sizes[c]) is not None])
        self.bias = make_weight(self, "bias", self._bias_shape(outer, sizes, elided)) if self.bias_axes else None
        self._kf_make_lora()

    @property
    def kernel(self) -> Any:
        return self._kf_visible_kernel()

    def _labels(self) -> tuple[str, str, str]:
        text = self.equation.replace(" ", "")
        sides, arrow, outer = text.partition("->")
        operands = sides.split(",")
        if not arrow or len(operands) != 2 or "." in operands[1]:
            raise ValueError(
                f"Expected the `equation` of {where(self)} to be like 'abc,cd->abd' (an ellipsis may stand in the "
                f"inputs and the output), got {self.equation!r}."
            )
        return operands[0], operands[1], outer

    def _sizes(self, inner: str, outer: str, input_shape: Any) -> dict[str, int | None]:
        """The sizes of the labels, from the inputs and, where these don't have them, from the output."""
        found = dict(_aligned(inner, input_shape))
        output = (input_shape[0], *self.output_shape)
        if inner.startswith("..."):  # what the ellipsis stands for may be left out of output_shape
            output = (None,) * (len(outer) - 3 - len(self.output_shape)) + self.output_shape
        for label, size in _aligned(outer, output):
            known = found.get(label)
            if known is not None and size is not None and known != size:
                raise ShapeError(
                    f"The inputs of {where(self)}, of shape {tuple(input_shape)}, have the size {known} for "
                    f"'{label}' in '{self.equation}'; its output_shape says {size}."
                )
            found[label] = size if known is None else known
        return found

    def _bias_shape(self, outer: str, sizes: dict[str, int | None], elided: int) -> list[int | None]:
        assert self.bias_axes is not None
        labels = outer.strip(".")
        strange = [c for c in self.bias_axes if c not in labels]
        if strange:
            raise ValueError(
                f"Expected the `bias_axes` of {where(self)} to be labels of its output '{outer}', "
                f"got {self.bias_axes!r}."
            )
        first = min(labels.index(c) for c in self.bias_axes)
        shape = [sizes[c] if c in self.bias_axes else 1 for c in labels[first:]]
        return shape + [1] * (elided if outer.endswith("...") else 0)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if self._kf_adapted:
            x = self._kf_product(inputs)
        else:
            x = ops.einsum(self.equation, inputs, self._kf_storage.values.value)
        if self.bias is not None:
            x = ops.add(x, self.bias.value)
        return x if self.activation is None else self.activation(x)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["gptq_unpacked_column_size"]
        if self.quantization_mode == "gptq" and self.built:
            config["gptq_unpacked_column_size"] = self._kf_storage.spec.matrix_shape[1]
        return config

    def _kf_contraction(self) -> Product:
        return self._kf_einsum

    def _kf_regularizer_and_constraint(self) -> tuple[Any, Any]:
        return self.kernel_regularizer, self.kernel_constraint


def _numbered(term: str, elided: int) -> list[str]:
    """The labels of a term; the axes that its ellipsis stands for have numbers."""
    before, dots, after = term.partition("...")
    return [*before, *(str(n) for n in range(elided if dots else 0)), *after]


def _aligned(labels: str, shape: Any) -> list[tuple[str, int | None]]:
    """The labels of an operand with their sizes: from the end where it begins with an ellipsis."""
    if labels.startswith("..."):
        return list(zip(reversed(labels[3:]), reversed(tuple(shape)), strict=False))
    return list(zip(labels.removesuffix("..."), shape, strict=False))


class Embedding(EmbeddingsLayer):
    """Vectors for integers: row i of the embeddings for the index i.

    Args:
        input_dim: The number of rows: indices are from 0 to input_dim - 1.
        output_dim: The size of a vector.
        embeddings_initializer: An initializer of the embeddings, of shape (input_dim, output_dim).
        embeddings_regularizer: A regularizer of the embeddings.
        embeddings_constraint: A constraint of the embeddings.
        mask_zero: Whether the index 0 is padding: the output then carries a mask.
        weights: The initial value of the embeddings, alone in a list or by itself.
        lora_rank: The rank of LoRA, see `enable_lora`; None: none.
        lora_alpha: What LoRA's part is multiplied by, times the rank; None: the rank.
        quantization_config: What `quantize` goes by where it is given the mode alone.

    Raises:
        ValueError: `input_dim` or `output_dim` is no positive integer.

    >>> import kerasfront as keras
    >>> keras.layers.Embedding(10, 4)(keras.ops.array([[1, 2, 0]])).shape[1:] == (3, 4)
    True
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        length = kwargs.pop("input_length", None)  # Keras 2: the number of indices of a sample
        if length is not None:
            kwargs["input_shape"] = (length,) if isinstance(length, int) else tuple(length)
        # Indices are never cast to a float dtype, and rows are cast after they were picked.
        super().__init__(**{**kwargs, "autocast": False})
        self._kf_keep_adaptation(lora_rank, lora_alpha, quantization_config)
        keep(
            self,
            input_dim=positive(self, "input_dim", input_dim), output_dim=positive(self, "output_dim", output_dim),
            embeddings_initializer=embeddings_initializer, embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint, mask_zero=bool(mask_zero),
        )  # fmt: skip
        self.supports_masking = self._kf.makes_mask = self.mask_zero
        if weights is not None:
            self.build()
            self.set_weights(list(weights) if isinstance(weights, (list, tuple)) else [weights])

    def build(self, input_shape: Any = None) -> None:
        if not self.built:  # the constructor has built it where it was given weights
            self._kf_make_kernel((self.input_dim, self.output_dim))
            self._kf_make_lora()

    def quantized_build(self, embeddings_shape: Any, mode: str, config: Any = None) -> None:
        """Make the variables of quantized embeddings of this shape."""
        self._kf_build_quantized(embeddings_shape, mode, config)

    @property
    def embeddings(self) -> Any:
        return self._kf_visible_kernel()

    @property
    def input_dtype(self) -> str:
        return "int32"

    def call(self, inputs: Any) -> Any:
        indices = inputs if dtypes.is_int(ops.dtype(inputs)) else ops.cast(inputs, "int32")
        if self._kf_adapted:
            return ops.cast(self._kf_storage.rows(indices, self._kf_low_rank()), self.compute_dtype)
        x = ops.take(self._kf_storage.values.value, indices, axis=0)
        return x if self.compute_dtype == self.variable_dtype else ops.cast(x, self.compute_dtype)

    def _kf_contraction(self) -> Product:
        return Product()

    def _kf_regularizer_and_constraint(self) -> tuple[Any, Any]:
        return self.embeddings_regularizer, self.embeddings_constraint

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero else None


class Masking(Configured):
    """Marks the time steps of which every feature equals `mask_value`: their mask is False, their features are 0.

    Layers that know masks leave such steps out.

    Args:
        mask_value: The value that stands for "no data".

    >>> import kerasfront as keras
    >>> layer = keras.layers.Masking()
    >>> keras.ops.convert_to_numpy(layer.compute_mask(keras.ops.array([[[1.0, 0.0], [0.0, 0.0]]]), None)).tolist()
    [[True, False]]
    """

    _kf_needs_no_build = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return inputs * ops.cast(kept, ops.dtype(inputs))


class Identity(Configured):
    """Returns its inputs, nested as they may be.

    >>> import kerasfront as keras
    >>> keras.layers.Identity()(keras.ops.ones((2, 3))).shape[1]
    3
    """

    _kf_needs_no_build = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs


def _parameters(function: Any) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a function of C without a signature
        return ()


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

    def __init__(
        self,
        function: Any,
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ValueError(f"Expected `function` of {where(self)} to be a function, got {function!r}.")
        self.function, self.mask, self.arguments = function, mask, dict(arguments or {})
        self.output_shape = tuple(output_shape) if isinstance(output_shape, list) else output_shape
        self._kf.promises = output_shape is not None
        self.supports_masking = True
        self._kf.makes_mask = mask is not None
        self._passes = tuple(n for n in ("mask", "training") if n in _parameters(function))

    _kf_keeps_steps = False

    def _kf_takes_masks(self) -> bool:
        return "mask" in self._passes

    def _kf_own_code(self) -> tuple[Any, ...]:
        return (self.function,)

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        if not self._passes and not self.arguments:
            return self.function(inputs)
        offered = {"mask": mask, "training": training}
        passed: dict[str, Any] = {n: offered[n] for n in self._passes}
        return self.function(inputs, **{**self.arguments, **passed})

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if self.mask is None:
            return mask
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_spec(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        if self.output_shape is None:
            return super().compute_output_spec(inputs, mask=mask, training=training)
        return map_shapes(lambda s: KerasTensor(s, self.compute_dtype), self._whole_shape(inputs))

    def _whole_shape(self, inputs: Any) -> Any:
        shape = tree.map_structure(lambda x: x.shape, inputs)
        if callable(self.output_shape):
            return self.output_shape(shape)
        batch = shape[0] if not isinstance(shape[0], (list, tuple)) else shape[0][0]
        return (batch, *self.output_shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {k: v for k, v in config.items() if v is not None or k not in ("output_shape", "mask")}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: bool | None = None) -> Any:
        """A new one from what `get_config` returned; `safe_mode` changes nothing: no bytecode is run."""
        with serialization.custom_object_scope(custom_objects):
            return super().from_config(config)


class Wrapper(Configured):
    """The base of layers that wrap another one.

    Args:
        layer: The layer inside.

    Raises:
        ValueError: `layer` is no layer.

    >>> import kerasfront as keras
    >>> class Twice(keras.layers.Wrapper):
    ...     def call(self, inputs):
    ...         return 2 * self.layer(inputs)
    >>> Twice(keras.layers.Dense(3))(keras.ops.ones((2, 4))).shape[1]
    3
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise not_one(f"`layer` of {where(self)} to be a layer", layer)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        with serialization.custom_object_scope(custom_objects):
            return super().from_config(config)
