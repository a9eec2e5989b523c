"""The base of layers whose work is done by one weight, their kernel, which LoRA and quantization change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self, overload

from kerasfront import dtype_policies, ops, quantizers, serialization
from kerasfront.errors import NotBuiltError
from kerasfront.layers._configured import Configured, make_weight, positive, where
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.kernels.float8 import Float8
from kerasfront.layers.kernels.integers import Grouped, GroupedScaled, Int4, Int8
from kerasfront.layers.kernels.lora import LowRank, MergedVariable
from kerasfront.layers.kernels.modes import CALIBRATED, config_for
from kerasfront.layers.kernels.products import Product
from kerasfront.layers.kernels.rows import Int4Rows, Int8Rows, PlainRows, RowStorage
from kerasfront.layers.kernels.storage import Computation, KernelSpec, Maker, Plain, Storage
from kerasfront.quantizers import QuantizationConfig, Quantizer
from kerasfront.quantizers.quantizer import AbsMaxQuantizer
from kerasfront.scopes import context
from kerasfront.typing import InitializerLike, Tensor
from kerasfront.variable import Variable


class KernelVariable:
    """Shows a variable of a layer's kernel as an attribute of the layer, while the kernel has such a variable.

    An attribute of the same name that a user's subclass sets takes precedence.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, layer: None, owner: type) -> Self: ...
    @overload
    def __get__(self, layer: AdaptableLayer, owner: type) -> Variable: ...
    def __get__(self, layer: AdaptableLayer | None, owner: type) -> Self | Variable:
        if layer is None:
            return self
        variable = layer._kf_kernel_variables().get(self._name)
        if variable is None:
            raise AttributeError(f"{where(layer)} has no `{self._name}` now.")
        return variable


class StoredKernel(KernelVariable):
    """Shows the variable that holds the kernel, under the private name that it has in Keras."""

    @overload
    def __get__(self, layer: None, owner: type) -> Self: ...
    @overload
    def __get__(self, layer: AdaptableLayer, owner: type) -> Variable: ...
    def __get__(self, layer: AdaptableLayer | None, owner: type) -> Self | Variable:
        return self if layer is None else layer._kf_storage.values


class _NoStorage:
    """Takes the place of the storage in a layer that isn't built."""

    def __get__(self, layer: AdaptableLayer | None, owner: type) -> Self:
        if layer is None:
            return self
        raise AttributeError(
            f"{where(layer)} isn't built: call it on data, or build(input_shape), first. (A `build` of your own calls "
            "super().build(input_shape).)"
        )


class AdaptableLayer(Configured):
    """A layer with a kernel that LoRA can be enabled for and, where it has other storages, that can be quantized.

    The storage holds the variables of the kernel. Where `_kf_adapted` is false, the kernel is just its values, and
    `call` uses them with the fastest op that there is; else it asks `_kf_product`.
    """

    # The name of the kernel, and what else a file of the unquantized layer holds.
    _kf_kernel_name: ClassVar[str] = "kernel"
    _kf_saved_beside: ClassVar[tuple[str, ...]] = ("bias",)
    # How the kernel can be kept: as floats, and by quantization mode.
    _kf_plain_storage: ClassVar[type[Storage]] = Plain
    _kf_storages: ClassVar[Mapping[str, type[Storage]]] = {}
    # How the kernel is kept now, and the same variables once more, for the layer to track.
    _kf_storage: Storage = _NoStorage()  # type: ignore[assignment]
    _kf_storage_variables: tuple[Variable, ...] = ()
    # LoRA's two matrices.
    _kf_lora: tuple[Variable, Variable] | None = None
    _kf_adapted = False
    lora_enabled: bool = False
    lora_rank: int | None = None
    lora_alpha: float | None = None
    quantization_config: QuantizationConfig | None = None

    def _kf_keep_adaptation(
        self,
        lora_rank: int | None,
        lora_alpha: float | None,
        quantization_config: QuantizationConfig | Mapping[str, Any] | None,
    ) -> None:
        """Keep the arguments of the constructor that say how the kernel is adapted."""
        self.lora_rank, self.lora_alpha = lora_rank, lora_alpha
        if isinstance(quantization_config, Mapping):
            self.quantization_config = quantizers.deserialize(quantization_config)
        else:
            self.quantization_config = quantization_config

    # ---- what subclasses say ----------------------------------------------------------------------------------------

    def _kf_contraction(self) -> Product:
        """Return how inputs and kernel are contracted."""
        raise NotImplementedError

    def _kf_regularizer_and_constraint(self) -> tuple[Any, Any]:
        """Return the regularizer and the constraint of the kernel."""
        raise NotImplementedError

    # ---- the kernel -------------------------------------------------------------------------------------------------

    def _kf_make_kernel(self, shape: Sequence[int]) -> None:
        """Make the kernel as the dtype policy says: of floats, or quantized."""
        shape = tuple(shape)
        if self.quantization_mode is None:
            self._kf_keep(self._kf_plain_storage.make(self._kf_maker(shape, None)))
        else:
            config = self.quantization_config
            if config is not None and config.mode != self.quantization_mode:  # the policy decides
                config = self.quantization_config = None
            self.quantized_build(shape, self.quantization_mode, config)

    def _kf_make_lora(self) -> None:
        """Enable LoRA, where the constructor was told to: the last step of `build`."""
        if self.lora_rank is not None and not self.lora_enabled:
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def _kf_maker(self, shape: tuple[int, ...], config: QuantizationConfig | None) -> Maker:
        name, product = self._kf_kernel_name, self._kf_contraction()
        spec = KernelSpec(name, shape, product.matrix_shape(shape), where(self), self._kf.policy, config)
        return Maker(self, spec, product, lambda: make_weight(self, name, shape))

    def _kf_keep(self, storage: Storage) -> None:
        """Take a storage in the place of the one before; the layer forgets the variables of that one."""
        self._kf_storage_variables = tuple(storage.variables().values())
        self._kf_storage = storage
        self._kf_adapted = not isinstance(storage, Plain) or self._kf_lora is not None

    def _kf_drop(self) -> None:
        """Forget the storage, so that its memory is free before the next one is made."""
        del self._kf_storage_variables, self._kf_storage

    def _kf_kernel_variables(self) -> dict[str, Variable]:
        """Return the variables of the kernel by their public names."""
        if "_kf_storage" not in vars(self):
            return {}
        variables, name = self._kf_storage.variables(), self._kf_kernel_name
        if self._kf_lora is not None:
            variables[f"lora_{name}_a"], variables[f"lora_{name}_b"] = self._kf_lora
        return variables

    def _kf_low_rank(self) -> LowRank | None:
        """Return what LoRA adds to the kernel; None where it isn't enabled."""
        if not self.lora_enabled or self._kf_lora is None:
            return None
        assert self.lora_alpha is not None and self.lora_rank is not None
        return LowRank(*self._kf_lora, self.lora_alpha / self.lora_rank)

    def _kf_visible_kernel(self) -> Any:
        """Return the kernel: its variable; with LoRA, the floats that it stands for; of int4, the integers."""
        low_rank = self._kf_low_rank()
        if low_rank is None:
            return self._kf_storage.visible()
        return ops.add(self._kf_storage.decode(), low_rank.matrix())

    def _kf_computation(self) -> Computation:
        """Return how an adapted kernel is used in a call."""
        return Computation(self._kf_contraction(), self.compute_dtype, self.activation_quantizer(), self._kf_low_rank())

    def _kf_product(self, inputs: Tensor) -> Tensor:
        """Return the product of inputs and an adapted kernel."""
        return self._kf_storage.product(inputs, self._kf_computation())

    # ---- LoRA -------------------------------------------------------------------------------------------------------

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: InitializerLike = "he_uniform",
        b_initializer: InitializerLike = "zeros",
    ) -> None:
        """Freeze the weight, and train two narrow matrices whose product is added to it.

        A compiled model is compiled anew afterwards. In files the sum takes the weight's place. What else the layer
        trains, such as a bias, it goes on training.

        Args:
            rank: The number of columns of the first matrix, and of rows of the second.
            lora_alpha: The product is multiplied by lora_alpha / rank; None: by 1.
            a_initializer: An initializer of the first matrix.
            b_initializer: An initializer of the second one.

        Raises:
            ValueError: LoRA is enabled already, the weight has a constraint, or `rank` is no positive integer.
            NotBuiltError: The layer isn't built.

        Source: Hu et al., https://arxiv.org/abs/2106.09685
        """
        name, (regularizer, constraint) = self._kf_kernel_name, self._kf_regularizer_and_constraint()
        positive(self, "rank", rank)
        if constraint is not None:
            raise ValueError(
                f"LoRA doesn't go with the `{name}_constraint` of {where(self)}: the {name} alone would be constrained."
            )
        if self.lora_enabled:
            raise ValueError(f"LoRA is enabled already for {where(self)}.")
        if "_kf_storage" not in vars(self):
            raise NotBuiltError(f"LoRA needs {where(self)} to be built: call it on data, or build(input_shape), first.")
        *rows, columns = self._kf_storage.spec.shape
        with _in_scope_of(self):
            self._kf_lora = (
                self.add_weight((*rows, rank), a_initializer, regularizer=regularizer, name=f"lora_{name}_a"),
                self.add_weight((rank, columns), b_initializer, regularizer=regularizer, name=f"lora_{name}_b"),
            )
        self.lora_rank, self.lora_alpha = rank, rank if lora_alpha is None else lora_alpha
        self.lora_enabled = self._kf_adapted = True
        values = self._kf_storage.values
        # Setting `layer.trainable` thaws the variables that were made to be trained: this one stays frozen.
        values.trainable, values.stays_frozen = False, True

    # ---- quantization -----------------------------------------------------------------------------------------------

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: QuantizationConfig | None = None
    ) -> None:
        if not self._kf_storages:
            super().quantize(mode, type_check, config)
        own = self.quantization_config
        if config is None and mode is not None and own is not None and own.mode == mode:
            config = own  # which the layer was made with
        config = config_for(mode, config)
        if type_check and not type(self).__module__.startswith("kerasfront."):
            raise NotImplementedError(
                f"quantize() stops at {where(self)}, of your own class: quantize(type_check=False) takes it for its "
                "base."
            )
        if config.mode in CALIBRATED and config.mode in self._kf_storages:
            raise ValueError(f"'{config.mode}' looks at the inputs of {where(self)}: use quantize() of its model.")
        if config.mode not in self._kf_storages:
            modes = ", ".join(map(repr, self._kf_storages))
            raise NotImplementedError(f"quantize() can't make {where(self)} '{config.mode}', but {modes}.")
        if "_kf_storage" not in vars(self):
            raise NotBuiltError(
                f"quantize() needs {where(self)} to be built: call it on data, or build(input_shape), first."
            )
        if self.quantization_mode is not None:
            raise ValueError(
                f"quantize() was called on {where(self)}, which is quantized already: '{self.dtype_policy.name}'."
            )
        self._kf_become_quantized(config)

    def _kf_become_quantized(self, config: QuantizationConfig) -> None:
        """Take the storage of a config; the kernel keeps its value as well as that storage can."""
        shape, kernel = self._kf_storage.spec.shape, self._kf_storage.values.numpy().astype("float32")
        keeps = issubclass(self._kf_storages[config.mode], Float8)
        if not keeps:
            self._kf_drop()
        self.quantization_config = config
        self.dtype_policy = dtype_policies.get(f"{config.policy_mode}_from_{self._kf.policy.name}")
        with _in_scope_of(self):
            self.quantized_build(shape, config.mode, config)
            if not keeps:
                self._kf_storage.assign(kernel)

    def _kf_build_quantized(self, shape: tuple[int, ...], mode: str, config: QuantizationConfig | None) -> None:
        """Make the variables of a quantized kernel of this shape."""
        storage = self._kf_storages.get(mode)
        if storage is None:
            modes = ", ".join(map(repr, self._kf_storages))
            raise NotImplementedError(
                f"The {type(self).__name__} layer can't be quantized as '{mode}', but as {modes}."
            )
        before = self._kf_storage if "_kf_storage" in vars(self) else None
        self._kf_keep(storage.make(self._kf_maker(tuple(shape), config), before))

    def quantized_build(self, kernel_shape: Sequence[int], mode: str, config: QuantizationConfig | None = None) -> None:
        """Make the variables of a quantized kernel of this shape."""
        self._kf_build_quantized(tuple(kernel_shape), mode, config)

    @property
    def inputs_quantizer(self) -> Quantizer | None:
        """`activation_quantizer()`, under the name that it has in Keras; None where the layer isn't quantized."""
        return None if self.quantization_mode is None else self.activation_quantizer()

    def activation_quantizer(self) -> Quantizer | None:
        """Return what quantizes inputs before a product; None where they stay as they are."""
        default = AbsMaxQuantizer() if self.quantization_mode == "int8" else None
        return QuantizationConfig.activation_quantizer_or_default(self.quantization_config, default)

    # ---- files ------------------------------------------------------------------------------------------------------

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The variables that a file holds, in their order, by the quantization mode."""
        plain = [self._kf_kernel_name, *self._kf_saved_beside]
        return {None: plain, **{mode: list(storage.saved) for mode, storage in self._kf_storages.items()}}

    def _kf_saved_weights(self) -> list[Any]:
        if not self._kf_adapted:
            return super()._kf_saved_weights()
        of_kernel = self._kf_storage.variables()
        saved: dict[str, Any] = {}
        for name in self.variable_serialization_spec[self.quantization_mode]:
            variable = of_kernel[name] if name in of_kernel else getattr(self, name, None)
            if variable is not None:
                saved[name] = variable
        saved_ids = {id(variable) for variable in (*saved.values(), *(self._kf_lora or ()))}
        saved.update(self._kf_merged_variables())
        return [*saved.values(), *(v for v in super()._kf_saved_weights() if id(v) not in saved_ids)]

    def _kf_merged_variables(self) -> dict[str, MergedVariable]:
        """Return the variables of the kernel with what LoRA adds to them."""
        low_rank = self._kf_low_rank()
        if low_rank is None:
            return {}
        kernel = ops.add(ops.cast(self._kf_storage.decode(), "float32"), low_rank.matrix())
        variables, arrays = self._kf_storage.variables(), self._kf_storage.encode(ops.convert_to_numpy(kernel))
        return {name: MergedVariable(variables[name], array, low_rank.b) for name, array in arrays.items()}

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name, value in (("lora_rank", self.lora_rank), ("lora_alpha", self.lora_alpha)):
            config.pop(name, None)
            if self.lora_rank is not None and value is not None:
                config[name] = value
        if self._kf_storages:
            config["quantization_config"] = serialization.serialize_keras_object(self.quantization_config)
        return config


class KernelLayer(AdaptableLayer):
    """A layer whose weight is its `kernel`."""

    _kernel: StoredKernel = StoredKernel()
    lora_kernel_a: KernelVariable = KernelVariable()
    lora_kernel_b: KernelVariable = KernelVariable()


class MatrixLayer(KernelLayer):
    """A layer whose kernel is a matrix, or stands for one, and can be quantized."""

    _kf_storages: ClassVar[Mapping[str, type[Storage]]] = {
        "int8": Int8, "int4": Int4, "float8": Float8, "gptq": Grouped, "awq": GroupedScaled
    }  # fmt: skip
    quantized_kernel: KernelVariable = KernelVariable()
    kernel_scale: KernelVariable = KernelVariable()
    kernel_zero: KernelVariable = KernelVariable()
    g_idx: KernelVariable = KernelVariable()
    awq_scales: KernelVariable = KernelVariable()
    inputs_scale: KernelVariable = KernelVariable()
    inputs_amax_history: KernelVariable = KernelVariable()
    kernel_amax_history: KernelVariable = KernelVariable()
    outputs_grad_scale: KernelVariable = KernelVariable()
    outputs_grad_amax_history: KernelVariable = KernelVariable()


class EmbeddingsLayer(AdaptableLayer):
    """A layer whose weight is its `embeddings`: one row for each index."""

    _kf_kernel_name = "embeddings"
    _kf_saved_beside: ClassVar[tuple[str, ...]] = ()
    _kf_plain_storage = PlainRows
    _kf_storages: ClassVar[Mapping[str, type[Storage]]] = {"int8": Int8Rows, "int4": Int4Rows}
    _kf_storage: RowStorage

    _embeddings: StoredKernel = StoredKernel()
    lora_embeddings_a: KernelVariable = KernelVariable()
    lora_embeddings_b: KernelVariable = KernelVariable()
    embeddings_scale: KernelVariable = KernelVariable()
    embeddings_zero: KernelVariable = KernelVariable()
    g_idx: KernelVariable = KernelVariable()


@contextmanager
def _in_scope_of(layer: Layer) -> Iterator[None]:
    """Give the variables that are made inside the layer's path, as those that it made when it was built."""
    before, context.names = context.names, layer.path.split("/")
    try:
        yield
    finally:
        context.names = before
