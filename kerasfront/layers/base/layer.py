"""Layer: the public class. What it does is in the modules beside this one, as functions over its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import numpy as np

from kerasfront import constraints, dtype_policies, initializers, regularizers, serialization, tree
from kerasfront.arguments import converted, names_of, unknown_argument
from kerasfront.contract import running
from kerasfront.derived import Copied
from kerasfront.dtype_policies import DTypePolicy, DTypePolicyMap
from kerasfront.errors import NotBuiltError
from kerasfront.layers.base import building, calling, gathering, rebuilding, symbolic
from kerasfront.layers.base.aliases import StateAlias, Tracker
from kerasfront.layers.base.gathering import Gathering
from kerasfront.layers.base.operation import Operation
from kerasfront.layers.base.programs import is_own, own_methods
from kerasfront.layers.base.signatures import CallSpec, under_parameters_of
from kerasfront.layers.base.state import LayerState, foreign_wrappers
from kerasfront.layers.input_spec import InputSpec, check_inputs
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.state import attach
from kerasfront.tracebacks import shorten
from kerasfront.tracking import Tracked, add, set_attribute
from kerasfront.typing import (
    Config,
    ConstraintLike,
    DTypeLike,
    DTypePolicyLike,
    InitializerLike,
    NestedShapes,
    NestedTensors,
    RegularizerLike,
    Tensor,
    TensorLike,
)
from kerasfront.variable import StatelessScope, Variable, get_stateless_scope

if TYPE_CHECKING:
    # What the framework adds to a layer (on torch it is an nn.Module) differs from backend to backend.
    class _Native: ...

else:
    _Native = running().adapter.layer_base


# What inputs a layer takes: an InputSpec, or nested ones; None: any.
NestedSpecs: TypeAlias = InputSpec | Sequence[Any] | Mapping[str, Any] | None


class Layer(Gathering, Copied, Tracked, Operation, _Native):
    """The base of layers: variables made in `__init__` or `build`, and a computation in `call`.

    Any private attribute of a subclass is its own, but for `_kf`, the layer's state, and names that begin with `_kf_`.

    Args:
        activity_regularizer: A regularizer of the output.
        trainable: Whether the variables may be trained.
        dtype: A dtype or a policy; None means the global one.
        autocast: Whether float inputs are cast to the compute dtype.
        name: A name without "/".
        kwargs: `input_shape` (without the batch dim) or `input_dim`, for the first layer of a Sequential.

    >>> import kerasfront as keras
    >>> class Scale(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()(keras.ops.ones((2, 3))).shape[1]
    3
    """

    _kf: LayerState
    # The class of the state.
    _kf_state: ClassVar[type[LayerState]] = LayerState
    built: bool
    # Whether float inputs are cast to the compute dtype.
    autocast: bool = True
    activity_regularizer: Callable[..., Any] | None = None
    # Whether the mask of the input is that of the output too.
    supports_masking: bool = False

    # What the class is, found when it is made: the signature of `call`; whether it has a `call`, a `build` of its own,
    # and Layer's `__call__`.
    _kf_call: ClassVar[CallSpec]
    _kf_has_call: ClassVar[bool] = False
    _kf_own_build: ClassVar[bool] = False
    _kf_own_call: ClassVar[bool] = True
    # Whether a layer of the class is built when it is made: a subclass that defines `build` isn't, nor one with layers.
    _kf_needs_no_build: ClassVar[bool] = False
    # Whether `call` runs code of a user's own; and whether a user's own methods say what the outputs will be.
    _kf_calls_own_code: ClassVar[bool] = False
    _kf_promises: ClassVar[bool] = False
    # Whether the mask of a call is that of the first axes of an input, and those axes are the output's too. Nobody can
    # say it of what users write; see `__init_subclass__`.
    _kf_keeps_steps: ClassVar[bool] = False
    # The names in files of private attributes that hold layers: renaming an attribute changes no file.
    _kf_saved_as: ClassVar[Mapping[str, str]] = {}
    _kf_untracked = frozenset({"built", "input_spec"})
    _kf_reserved = frozenset({"_kf"}) | running().adapter.reserved_attributes
    # Where the framework's base class keeps what it knows of a layer.
    _kf_bookkeeping = frozenset({"_kf", *vars(_Native())})

    # Private names of Keras (docs/aliases.md), which nothing here reads.
    _lock = False
    _layers = StateAlias[list["Layer"]](lambda layer: layer._kf.layers)
    _metrics = StateAlias(lambda layer: layer._kf.metrics)
    _losses = StateAlias(lambda layer: layer._kf.losses)
    _seed_generators = StateAlias(lambda layer: layer._kf.seed_generators)
    _dtype_policy = StateAlias(lambda layer: layer._kf.policy)
    _input_spec = StateAlias(lambda layer: layer._kf.input_spec)
    _tracker = StateAlias(lambda layer: Tracker(layer))
    _trainable_variables = StateAlias(lambda layer: [v for v in layer._kf.variables if v.trainable])
    _non_trainable_variables = StateAlias(lambda layer: [v for v in layer._kf.variables if not v.trainable])
    _flatten_layers = StateAlias(lambda layer: _Flattening(layer))
    _get_own_losses = StateAlias(lambda layer: lambda: list(layer._kf.losses))
    _get_regularization_losses = StateAlias(lambda layer: lambda: gathering.regularization_losses(layer))

    # ---- making -------------------------------------------------------------------------------------------------

    def __init_subclass__(cls, wraps_foreign: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if wraps_foreign is not None:
            foreign_wrappers[wraps_foreign] = cls
        own = vars(cls)
        cls._kf_call = CallSpec(cls.call)
        cls._kf_has_call, cls._kf_own_call = cls.call is not Layer.call, cls.__call__ is Layer.__call__
        if "call" in own and "_kf_keeps_steps" not in own:
            cls._kf_keeps_steps = cls.__module__.startswith("kerasfront.")
        if "build" in own and not hasattr(cls.build, "_kf_wrapped"):
            setattr(cls, "build", building.wrapped(cls.build))  # noqa: B010  (a method)
        cls._kf_own_build = cls.build is not Layer.build
        if "_kf_needs_no_build" not in own:
            base = next(c for c in cls.__mro__[1:] if issubclass(c, Layer))
            cls._kf_needs_no_build = base._kf_needs_no_build and cls.build is base.build
        if "_kf_calls_own_code" not in own and is_own(cls.call):
            cls._kf_calls_own_code = True
        promises = (cls.compute_output_shape, cls.compute_output_spec)
        cls._kf_promises = "_kf_promises" in own or any(not symbolic.is_default(f) and is_own(f) for f in promises)
        # What follows from `call` and `build` shows their parameters.
        for name, like in (("compute_output_spec", "call"), ("compute_output_shape", "build")):
            if like in own and symbolic.is_default(getattr(cls, name)):
                setattr(cls, name, under_parameters_of(getattr(cls, like), getattr(Layer, name)))

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        layer = object.__new__(cls)
        _Native.__init__(layer)
        state = cls._kf_state(**cls._kf_state.fields(layer, args, kwargs))
        attach(layer, state)
        if cls.compute_mask is not Layer.compute_mask:
            state.makes_mask = True
        if cls._kf_promises:
            state.promises = True
        layer.built = cls._kf_needs_no_build
        return layer

    def __init__(
        self,
        *,
        activity_regularizer: RegularizerLike | None = None,
        trainable: bool = True,
        dtype: DTypePolicyLike | None = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        state = self._kf
        Operation.__init__(self, name=name)
        if activity_regularizer is not None:
            self.activity_regularizer = regularizers.get(activity_regularizer)
        if not trainable:
            state.trainable = False
        if not autocast:
            self.autocast = autocast
        if dtype is not None or isinstance(state.policy, DTypePolicyMap):
            self.dtype_policy = state.policy if dtype is None else dtype
        input_shape = kwargs.pop("input_shape", None)
        if (dim := kwargs.pop("input_dim", None)) is not None:
            input_shape = (dim,)
        if input_shape is not None:
            state.input_shape = tuple(input_shape)
        if kwargs:
            raise unknown_argument(type(self).__name__, kwargs, names_of(type(self)))
        state.initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _DECIDING:
            self._kf.cache.forget_path()
        if name.endswith(_OF_VARIABLES):
            _hand_on(self, name, value)
        set_attribute(self, name, value)

    # ---- variables ----------------------------------------------------------------------------------------------

    @converted
    def add_weight(
        self,
        shape: int | Sequence[int] | None = None,
        initializer: InitializerLike | None = None,
        dtype: DTypeLike | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike | None = None,
        constraint: ConstraintLike | None = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a variable of this layer.

        Args:
            shape: Its shape; None means a scalar.
            initializer: An initializer or its name; None means "glorot_uniform" for floats and "zeros" otherwise.
            dtype: Its dtype; None means the policy's variable dtype.
            trainable: Whether it is trained.
            autocast: Whether it is read in the compute dtype.
            regularizer: A regularizer or its name.
            constraint: A constraint or its name, applied after each update.
            aggregation: How replicas are joined.
            overwrite_with_gradient: Whether an optimizer sets it to its gradient.
            name: Its name.
        """
        dtype = dtypes.standardize(dtype) if dtype is not None else self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        with building.scope_of(self):
            variable = Variable(
                initializers.get(initializer), shape=() if shape is None else shape, dtype=dtype,
                trainable=trainable, autocast=autocast, aggregation=aggregation, name=name,
            )  # fmt: skip
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        if not self._kf.trainable:
            variable.trainable = False
        add(self, variable.name, variable)
        return variable

    add_variable = add_weight

    # ---- what is known of it -------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        return self._kf.path or self.name

    @property
    def dtype_policy(self) -> DTypePolicy | DTypePolicyMap:
        """The dtype policy, or the map of policies that the layer was given."""
        return self._kf.policy if self._kf.policy_map is None else self._kf.policy_map

    @dtype_policy.setter
    def dtype_policy(self, value: DTypePolicyLike) -> None:
        policy, state = dtype_policies.get(value), self._kf
        if isinstance(policy, DTypePolicyMap):
            state.policy_map = policy
            building.find_policy(self, self.path)
        else:
            state.policy_map, state.policy = None, policy
        state.cache.forget_path()

    @property
    def dtype(self) -> str:
        """The dtype of the variables."""
        return self._kf.policy.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the variables."""
        return self._kf.policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype in which floats are computed."""
        return self._kf.policy.compute_dtype

    @property
    def input_dtype(self) -> str:
        """The dtype to which float inputs are cast."""
        return self.compute_dtype

    @property
    def quantization_mode(self) -> str | None:
        """The kind of quantization of the policy, such as "int8"; None: it is not quantized."""
        return self._kf.policy.quantization_mode

    @property
    def input_spec(self) -> NestedSpecs:
        """What inputs the layer takes: an InputSpec, or nested ones; None: any."""
        return self._kf.input_spec

    @input_spec.setter
    def input_spec(self, value: NestedSpecs) -> None:
        specs = tree.flatten(value) if value is not None else []
        if any(not isinstance(s, InputSpec) for s in specs):
            raise TypeError(f"Expected `input_spec` of the layer '{self.path}' to be InputSpecs, got {value!r}.")
        self._kf.input_spec = value

    @property
    def supports_jit(self) -> bool:
        """Whether steps with this layer may be compiled."""
        return self._kf.supports_jit

    @supports_jit.setter
    def supports_jit(self, value: bool) -> None:
        self._kf.supports_jit = value

    # ---- building ------------------------------------------------------------------------------------------------

    # Any shape, and below any tensor: a subclass says which it takes, and a checker lets it.
    def build(self, input_shape: Any) -> None:
        """Make the variables, for inputs of this shape. Without an override, a layer is built by its first call."""
        building.check_super_called(self)
        if not self._kf.is_building:
            rebuilding.build_inside(self, {"input_shape": input_shape})
        self.built = True

    build._kf_wrapped = True  # type: ignore[attr-defined]

    def get_build_config(self) -> Config | None:
        """Return the shapes that the layer was built with."""
        return rebuilding.build_config(self)

    def build_from_config(self, config: Config) -> None:
        """Build again from what `get_build_config` returned."""
        if config:
            rebuilding.build_from_config(self, config)

    # ---- calling ------------------------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs from the inputs; a subclass defines it."""
        raise NotImplementedError(
            f"The layer '{self.path}' ({type(self).__name__}) defines no call(). Override call(self, inputs)."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Call the layer on inputs: return the outputs of `call`, nested as it returns them."""
        try:
            return calling.run(self, args, kwargs)
        except Exception as error:
            shorten(error)
            raise

    def compute_mask(self, inputs: Any, previous_mask: Any) -> NestedTensors | None:
        """Return the mask of the output: the input's, where the layer supports masking."""
        return previous_mask

    # ---- symbolic -----------------------------------------------------------------------------------------------

    def symbolic_call(self, *args: Any, **kwargs: Any) -> KerasTensor:
        """Return the symbolic outputs, with a node that records this call."""
        return symbolic.call_recorded(self, args, kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> KerasTensor | NestedTensors:
        """Return the symbolic outputs: by `compute_output_shape` where the class has one, else by running `call`."""
        return symbolic.output_spec(self, args, kwargs)

    def compute_output_shape(self, input_shape: NestedShapes | None = None, *args: Any, **kwargs: Any) -> NestedShapes:
        """Return the shape of the output for inputs of a shape (nested as the inputs are).

        A layer of several inputs takes their shapes one after the other, or by name (`query_shape`).
        """
        return symbolic.output_shape(self, (input_shape, *args), kwargs)

    compute_output_spec._kf_default = compute_output_shape._kf_default = True  # type: ignore[attr-defined]

    # ---- losses -------------------------------------------------------------------------------------------------

    def add_loss(self, loss: NestedTensors) -> None:
        """Add a scalar loss, or several, to those of the running step."""
        scope = get_stateless_scope()
        for value in tree.flatten(loss):
            if scope is not None and scope.collect_losses:
                scope.add_loss(value)
            else:
                self._kf.losses.append(value)

    def add_metric(self, *args: Any, **kwargs: Any) -> None:
        """Raise NotImplementedError, which says where metrics belong."""
        raise NotImplementedError(
            f"Layers have no add_metric() (the layer '{self.path}'): give metrics to compile(), or keep one as an "
            "attribute and call its update_state()."
        )

    @property
    def losses(self) -> list[Tensor]:
        """What layers added in the last call, and the regularization losses of the weights."""
        added = [loss for layer in gathering.layers_of_tree(self) for loss in layer._kf.losses]
        return [*added, *gathering.regularization_losses(self)]

    # ---- stateless ----------------------------------------------------------------------------------------------

    def stateless_call(
        self,
        trainable_variables: Sequence[TensorLike],
        non_trainable_variables: Sequence[TensorLike],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Call with the variables' values given, without changing any.

        Returns:
            `(outputs, non_trainable_variables)`, and the losses where `return_losses` is true.

        Raises:
            NotBuiltError: The layer isn't built.
            ValueError: The number of values isn't that of the variables.
        """
        if not self.built:
            raise NotBuiltError(f"stateless_call needs the layer '{self.path}' to be built: call it on data first.")
        trained, others = self.trainable_variables, self.non_trainable_variables
        for name, variables, values in (
            ("trainable_variables", trained, trainable_variables),
            ("non_trainable_variables", others, non_trainable_variables),
        ):
            if len(variables) != len(values):
                raise ValueError(f"Expected {len(variables)} values in `{name}` of '{self.path}', got {len(values)}.")
        pairs = [*zip(trained, trainable_variables, strict=True), *zip(others, non_trainable_variables, strict=True)]
        with StatelessScope(state_mapping=pairs, collect_losses=return_losses) as scope:
            outputs = self(*args, **kwargs)
            losses = [*scope.losses, *gathering.regularization_losses(self)] if return_losses else []
        final = [scope.get_current_value(v) for v in others]
        return (outputs, final, losses) if return_losses else (outputs, final)

    # ---- quantization -------------------------------------------------------------------------------------------

    def quantize(self, mode: str | None = None, type_check: bool = True, config: Any = None) -> None:
        """Quantize the layer's weights, in place, as Dense, EinsumDense and the embeddings do.

        Args:
            mode: "int8", "int4" or "float8"; None where `config` says it.
            type_check: Whether a subclass of a user's own is refused: what its `call` does is not looked at.
            config: A `keras.quantizers.QuantizationConfig`; None: the mode's default one.

        Raises:
            NotImplementedError: A layer of this kind can't be quantized, or not in this mode.
            NotBuiltError: The layer isn't built.
            ValueError: The layer is quantized already, or mode and config make no sense.
        """
        raise NotImplementedError(f"The layer '{self.path}' ({type(self).__name__}) can't be quantized.")

    def quantized_build(self, input_shape: Any, mode: str) -> None:
        """Make quantized weights, where the class can."""
        raise NotImplementedError(f"The layer '{self.path}' ({type(self).__name__}) can't be quantized.")

    def quantized_call(self, *args: Any, **kwargs: Any) -> Tensor:
        """`call`, once the layer is quantized."""
        if self.quantization_mode is None:
            raise ValueError(f"The layer '{self.path}' ({type(self).__name__}) isn't quantized.")
        return self.call(*args, **kwargs)

    # ---- saving, config -----------------------------------------------------------------------------------------

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write this layer's own variables (not those of layers inside it) into a dict-like store."""
        for index, variable in enumerate(type(self)._kf_saved_weights(self)):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read them again; raises ValueError where number or shapes differ."""
        own = type(self)._kf_saved_weights(self)
        if len(store.keys()) != len(own):
            raise ValueError(
                f"The layer '{self.path}' has {len(own)} variables ({', '.join(v.name for v in own) or 'none'}); "
                f"the file holds {len(store.keys())} for it."
            )
        for index, variable in enumerate(own):
            variable.assign(np.asarray(store[str(index)]))

    def save_assets(self, inner_path: str) -> None:
        """Write files that belong to the layer; most layers have none."""

    def load_assets(self, inner_path: str) -> None:
        """Read them again."""

    def get_config(self) -> Config:
        """Return what makes an equal layer: name, trainable and dtype, and what a subclass adds."""
        base = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            base["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).get_config is not Layer.get_config or type(self) is Layer:
            return base
        return {**base, **Operation.get_config(self), "dtype": base["dtype"]}

    def __dir__(self) -> list[str]:
        # The framework's own base (nn.Module) would list layers by the names that we count.
        return list(object.__dir__(self))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def __str__(self) -> str:
        return self.__repr__()

    # ---- what subclasses of this package override ----------------------------------------------------------------

    def _kf_check_inputs(self, inputs: Any) -> None:
        """Raise a ShapeError where inputs don't fit `input_spec`."""
        check_inputs(self.input_spec, inputs, self)

    def _kf_as_tensors(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call with tensors for arrays, as `call` takes them."""
        return calling.as_tensors(self, args, kwargs)

    def _kf_symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Run `call` on symbolic values."""
        return symbolic.call_or_evaluate(self, args, kwargs)

    def _kf_own_code(self) -> tuple[Callable[..., Any], ...]:
        """Return the user's functions that `call` may run."""
        return own_methods(type(self))  # type: ignore[arg-type]

    def _kf_takes_masks(self) -> bool:
        """Whether `call` takes masks."""
        return bool(type(self)._kf_call.masks)

    def _kf_saved_weights(self) -> list[Variable]:
        """Return the layer's own weights in the order of files."""
        return gathering.own_weights(self)

    def _kf_learnt_beside_weights(self) -> str | None:
        """Say what the layer has learnt that is no weight: a file of weights goes without it."""
        return None


class _Flattening:
    """Keras's `Layer._flatten_layers`, for one layer."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def __call__(self, include_self: bool = True, recursive: bool = True) -> list[Layer]:
        layers = gathering.layers_inside(self.layer) if recursive else self.layer._kf.layers
        return [self.layer, *layers] if include_self else list(layers)


def _hand_on(layer: Layer, name: str, value: Any) -> None:
    """Give a `kernel_regularizer` that is set after the kernel was made to the kernel."""
    stem, _, kind = name.rpartition("_")
    for variable in layer._kf.variables:
        if variable.name == stem:
            setattr(variable, kind, (regularizers if kind == "regularizer" else constraints).get(value))


# What layers hold for a variable of theirs, after its name.
_OF_VARIABLES = ("_regularizer", "_constraint")
# What decides whether calls may be short.
_DECIDING = frozenset({"activity_regularizer", "autocast"})

Layer._kf_call = CallSpec(Layer.call)
serialization.register_base(Layer)
