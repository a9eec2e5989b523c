"""Layer: state, `build` and `call`. The one place through which every layer call goes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import numpy as np

from kerasfront import constraints, dtype_policies, initializers, regularizers, scopes, serialization, tree
from kerasfront.arguments import converted, names_of, unknown_argument
from kerasfront.contract import assignments, running
from kerasfront.derived import Copied
from kerasfront.errors import KerasFrontError, NotBuiltError, has_state_of_keras, not_one
from kerasfront.layers import _aliases, _masks
from kerasfront.layers._building import arguments_for, as_call, as_shapes, bound, parameters_of
from kerasfront.layers._calls import (
    CallSpec,
    as_symbol,
    convert_input,
    described,
    is_tensor,
    map_inputs,
    map_shapes,
    masks_of,
    under_parameters_of,
    with_masks,
)
from kerasfront.layers._programs import Unbuilt, inferred, is_own, own_methods
from kerasfront.layers.gathering import Gathering, OfLayer
from kerasfront.layers.input_spec import InputSpec, check_inputs
from kerasfront.layers.operation import Operation
from kerasfront.layers.tracking import is_tracked, members, tracked
from kerasfront.metrics.metric import Metric
from kerasfront.ops import cast, shape
from kerasfront.ops.native_calls import evaluated
from kerasfront.random.seed_generator import SeedGenerator
from kerasfront.scopes import context, masks
from kerasfront.spec import KerasTensor, Node, dtypes, infer, mode
from kerasfront.spec.symbolic import with_none, with_probes
from kerasfront.tracebacks import shorten
from kerasfront.variable import StatelessScope, Variable
from kerasfront.watching import Watched, note_write

active = running()


class Layer(active.adapter.layer_base, Gathering, Copied, Watched, Operation):  # type: ignore[misc, name-defined]
    """The base of layers: variables made in `__init__` or `build`, and a computation in `call`.

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

    _call_spec: CallSpec
    _derives: type[OfLayer] = OfLayer
    _derived: OfLayer
    built: bool
    # Whether a layer of the class is built when it is made: a subclass that defines `build` isn't, nor one with layers.
    _needs_no_build = False
    # Whether `call` runs code of a user's own; and whether a user's own methods say what the outputs will be.
    _calls_own_code = _promises = False
    # Whether the mask of the input is that of the output too.
    supports_masking = False
    # Whether the mask of a call is that of the first axes of an input, and those axes are the output's too. Nobody can
    # say it of what users write; see `__init_subclass__`.
    _keeps_steps = False
    # What Keras calls its locks: here a layer takes variables at any time.
    _lock = False
    # The map that it was given in place of a dtype policy.
    _policy_map: dtype_policies.DTypePolicyMap | None = None
    # Attributes that are set while a layer is built or called and hold nothing to be tracked.
    _untracked = frozenset({"_path", "built", "_losses", "_input_spec", "input_spec", "_remat"})

    # ---- making -------------------------------------------------------------------------------------------------

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._call_spec = CallSpec(cls.call)
        if "call" in cls.__dict__ and "_keeps_steps" not in cls.__dict__:
            cls._keeps_steps = cls.__module__.startswith("kerasfront.")
        if "build" in cls.__dict__ and not getattr(cls.build, "_wrapped", False):
            setattr(cls, "build", _building(cls.build))  # noqa: B010  (a method)
        if "_needs_no_build" not in cls.__dict__:
            base = next(c for c in cls.__mro__[1:] if issubclass(c, Layer))
            cls._needs_no_build = base._needs_no_build and cls.build is base.build
        if "_calls_own_code" not in cls.__dict__ and is_own(cls.call):
            cls._calls_own_code = True
        said = (cls.compute_output_shape, cls.compute_output_spec)
        cls._promises = "_promises" in cls.__dict__ or any(not hasattr(f, "_default") and is_own(f) for f in said)
        # What follows from `call` and `build` shows their parameters.
        for name, like in (("compute_output_spec", "call"), ("compute_output_shape", "build")):
            if like in cls.__dict__ and hasattr(getattr(cls, name), "_default"):
                setattr(cls, name, under_parameters_of(getattr(cls, like), getattr(Layer, name)))

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls, *args, **kwargs)
        active.adapter.layer_base.__init__(self)
        self.__dict__.update(
            name=None, built=cls._needs_no_build, _own=[], _layers=[], _metrics=[], _seed_generators=[], _losses=[],
            _path=None, _trainable=True, _input_spec=None, activity_regularizer=None, autocast=True,
            _makes_mask=cls.compute_mask is not Layer.compute_mask, _supports_jit=True,
            _build_shapes=None, _call_states=[], _dtype_policy=None, _derived=cls._derives(),
            _remat=context.remat[-1] if context.remat else None,
            _initialized=False,
        )  # fmt: skip
        self.__dict__["_dtype_policy"] = dtype_policies.dtype_policy()
        return self

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        Operation.__init__(self, name=name)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._trainable = bool(trainable)
        self.autocast = autocast
        if dtype is not None or isinstance(self._dtype_policy, dtype_policies.DTypePolicyMap):
            self.dtype_policy = self._dtype_policy if dtype is None else dtype
        input_shape = kwargs.pop("input_shape", None)
        if (dim := kwargs.pop("input_dim", None)) is not None:
            input_shape = (dim,)
        if input_shape is not None:
            self._input_shape_arg = tuple(input_shape)
        if kwargs:
            raise unknown_argument(type(self).__name__, kwargs, names_of(type(self)))
        self.__dict__["_initialized"] = True

    # ---- copies -------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        # The nodes belong to the graphs that a layer is used in; a copied model brings its own.
        return {**self.__dict__, "_inbound_nodes": [], "_losses": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name, value in state.items():
            if is_tracked(value):  # a copy of a container that told another layer what it came to hold
                self.__dict__[name] = tracked(value, functools.partial(self._track, name), self._release)
        scopes.structure.change()

    # ---- tracking -----------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__
        if name in _DECIDING:
            held["_derived"].forget_path()
        if name not in self._untracked:
            note_write(self, name)
            if name.endswith(_OF_VARIABLES):
                self._hand_on(name, value)
        if name in self._untracked:
            object.__setattr__(self, name, value)
            return
        before = held.get(name)
        if value is not None and type(value) not in _PLAIN:
            if "_own" not in held:
                raise RuntimeError(f"{type(self).__name__}.__new__ must call super().__new__().")
            value = tracked(value, functools.partial(self._track, name), self._release)
        object.__setattr__(self, name, value)
        # A tensor in the place of a variable may be there for one call only: the variable stays the layer's.
        if before is not None and (value is None or isinstance(value, Variable) or not isinstance(before, Variable)):
            self._release(before)

    def _hand_on(self, name: str, value: Any) -> None:
        """A `kernel_regularizer` that is set after the kernel was made is the kernel's from then on."""
        stem, _, kind = name.rpartition("_")
        for variable in self.__dict__.get("_own", ()):
            if variable.name == stem:
                setattr(variable, kind, (regularizers if kind == "regularizer" else constraints).get(value))

    def _track(self, name: str, value: Any) -> Any:
        """Note a variable, layer, metric or seed generator that comes to be held under `name`."""
        kind: Any = type(value)
        if has_state_of_keras(kind):
            raise not_one(f"`{name}` of {type(self).__name__} to be a layer, a Variable or plain", value)
        if isinstance(value, active.adapter.foreign_layers) and not isinstance(value, Layer):
            value = foreign_layer[0](value)
            if not isinstance(value, Layer):
                return tracked(value, lambda v: self._track(name, v))
        if isinstance(value, Variable):
            self._note(self._own, name, value)
        elif isinstance(value, Metric):
            _add(self._metrics, value)
        elif isinstance(value, Layer):
            self._note(self._layers, name, value)
        elif isinstance(value, SeedGenerator):
            _add(self._seed_generators, value)
        return value

    def _note(self, group: list[Any], name: str, value: Any) -> None:
        if _add(group, value):
            if self._needs_no_build and group is self._layers and not value.built:
                self.built = False
            active.adapter.track(self, value.name if isinstance(value, Variable) else name, value)

    def __delattr__(self, name: str) -> None:
        value = self.__dict__.get(name)
        object.__delattr__(self, name)
        note_write(self, name)
        self._release(value)

    def _release(self, value: Any) -> None:
        """Forget what an attribute, or a list in one, held until now, unless the layer holds it elsewhere too."""
        if value is None or type(value) in _PLAIN:
            return
        gone = [v for v in members(value) if isinstance(v, (Variable, Layer, Metric, SeedGenerator))]
        if gone:
            held = {id(v) for name, part in self.__dict__.items() if name not in _NOTES for v in members(part)}
            for part in gone:
                if id(part) not in held:
                    self._forget(part)

    def _forget(self, value: Any) -> None:
        held: tuple[list[Any], ...] = (self._own, self._layers, self._metrics, self._seed_generators)
        for group in held:
            group[:] = [v for v in group if v is not value]
        if isinstance(value, (Variable, Layer)):
            active.adapter.untrack(self, value)
        scopes.structure.change()

    @property
    def _tracker(self) -> _aliases.Tracker:
        return _aliases.Tracker(self)

    @property
    def _trainable_variables(self) -> list[Variable]:
        return [v for v in self._own if v.trainable]

    @property
    def _non_trainable_variables(self) -> list[Variable]:
        return [v for v in self._own if not v.trainable]

    # ---- variables ----------------------------------------------------------------------------------------------

    @converted
    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
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
        with _scope_of(self):
            variable = Variable(
                initializers.get(initializer), shape=() if shape is None else shape, dtype=dtype,
                trainable=trainable, autocast=autocast, aggregation=aggregation, name=name,
            )  # fmt: skip
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        if not self._trainable:
            variable.trainable = False
        self._note(self._own, variable.name, variable)
        return variable

    add_variable = add_weight

    # ---- what is known of it -------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        return self._path or self.name

    @property
    def dtype_policy(self) -> Any:
        return self._dtype_policy if self._policy_map is None else self._policy_map

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        policy = dtype_policies.get(value)
        of_paths = policy if isinstance(policy, dtype_policies.DTypePolicyMap) else None
        self.__dict__["_policy_map"], self.__dict__["_dtype_policy"] = of_paths, policy
        if of_paths is not None:
            self._find_policy(self.path)
        self._derived.forget_path()

    def _find_policy(self, path: str) -> None:
        """Take the policy of the layer's path from the map that it was given."""
        assert self._policy_map is not None
        self.__dict__["_dtype_policy"] = self._policy_map[path]

    @property
    def dtype(self) -> str:
        return self.variable_dtype

    @property
    def variable_dtype(self) -> str:
        return self._dtype_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        return self._dtype_policy.compute_dtype

    @property
    def input_dtype(self) -> str:
        return self.compute_dtype

    @property
    def quantization_mode(self) -> str | None:
        return self._dtype_policy.quantization_mode

    @property
    def input_spec(self) -> Any:
        return self._input_spec

    @input_spec.setter
    def input_spec(self, value: Any) -> None:
        specs = tree.flatten(value) if value is not None else []
        if any(not isinstance(s, InputSpec) for s in specs):
            raise TypeError(f"Expected `input_spec` of the layer '{self.path}' to be InputSpecs, got {value!r}.")
        self._input_spec = value

    @property
    def supports_jit(self) -> bool:
        return self._supports_jit

    @supports_jit.setter
    def supports_jit(self, value: bool) -> None:
        self._supports_jit = value

    # ---- building ------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the variables, for inputs of this shape. Without an override, a layer is built by its first call."""
        self._check_super_called()
        if not self.__dict__.get("_is_building"):
            self._build_default({"input_shape": input_shape})
        self.built = True

    build._wrapped = True  # type: ignore[attr-defined]

    def _build_default(self, shapes: dict[str, Any]) -> None:
        """What holds state inside is built by a symbolic call on inputs of these shapes."""
        known = {k: s for k, s in shapes.items() if s is not None}
        self.__dict__["_build_shapes"] = known or None
        if not self.built and known and _has_state_in_call(self):
            self._build_by_call(known)

    def _build_by_call(self, shapes: dict[str, Any]) -> None:
        def tensor(shape: Any) -> KerasTensor:
            return KerasTensor(shape, self.compute_dtype)

        inputs = {k: map_shapes(tensor, s) for k, s in shapes.items()}
        args, kwargs = self._call_spec.arguments({k.removesuffix("_shape"): v for k, v in inputs.items()})
        infer(lambda *a, **k: self._in_call(self.call, a, k), args, kwargs)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the layer was built with."""
        shapes = self._build_shapes
        if not shapes:
            return None
        names = [p.name for p in parameters_of(type(self).build)]
        if type(self).build is Layer.build:  # by the parameters of `call`
            names = [f"{self._call_spec.first}_shape"]
        if len(shapes) == 1 and shapes.keys() <= {*names[:1], "input_shape"}:
            return {"input_shape": next(iter(shapes.values()))}
        return {"shapes_dict": dict(shapes)}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build again from what `get_build_config` returned."""
        if not config:
            return
        shapes = config.get("shapes_dict")
        shapes = {k: as_shapes(s) for k, s in shapes.items()} if shapes else None
        if "input_shape" in config:
            shapes = {"input_shape": as_shapes(config["input_shape"])}
        if shapes is None:
            return
        if type(self).build is Layer.build:
            with suppress(Exception):  # by a call that needs more than tensors; its first call builds it then
                self._build_default(shapes)
        elif "input_shape" in config:
            self.build(shapes["input_shape"])
        else:
            args, kwargs = as_call(type(self).build, shapes)
            self.build(*args, **kwargs)

    def _maybe_build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._check_super_called()
        shapes = self._call_spec.shapes(args, kwargs)
        if mode.small:
            raise Unbuilt(self, shapes)
        self._build_for(shapes)

    def _build_for(self, shapes: dict[str, Any]) -> None:
        """Build for the shapes of a call's tensors, by the parameters of `call`."""
        before, mode.inferring = mode.inferring, 0
        outer, context.autocast = context.autocast, None
        try:
            if type(self).build is Layer.build:
                self.__dict__["_build_shapes"] = shapes or None
                self.built = True
            else:
                args, kwargs = as_call(type(self).build, arguments_for(type(self).build, shapes))
                self.build(*args, **kwargs)
        finally:
            mode.inferring, context.autocast = before, outer

    def _check_super_called(self) -> None:
        if not self._initialized:
            raise RuntimeError(
                f"{type(self).__name__}.__init__ did not call super().__init__(): call it before anything else."
            )

    # ---- calling ------------------------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"The layer '{self.path}' ({type(self).__name__}) defines no call(). Override call(self, inputs)."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            # The fast path: a built layer, one native tensor of a dtype that needs no cast, no masks about.
            passed = self._derived.passed
            if passed is not None and len(args) == 1 and not masks and context.autocast is None:
                x = args[0]
                if type(x) in active.native and x.dtype in passed:
                    if kwargs or not context.depth:
                        if not kwargs or (len(kwargs) == 1 and "training" in kwargs):
                            return self._in_call(self.call, args, kwargs)
                    else:
                        try:
                            if self._call_spec.has_training:
                                return self.call(x, training=self._call_spec.training(context.training))
                            return self.call(x)
                        except Exception as error:
                            self._explain(error, args)
            return self._call_general(args, kwargs)
        except Exception as error:
            shorten(error)
            raise

    def _call_general(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._policy_map is not None and not self.built:
            self._find_policy(scopes.path_of(self.name))
        args, kwargs = self._converted(args, kwargs)
        symbolic = any(isinstance(x, KerasTensor) for x in tree.flatten((args, kwargs)))
        several = args and isinstance(args[0], (list, tuple, dict))
        if (symbolic or several or not self.built) and self.input_spec is not None and args:
            self._check_inputs(args[0])
        if not self.built:
            self._maybe_build(args, kwargs)
        if symbolic and not mode.inferring:
            return self.symbolic_call(*args, **kwargs)
        previous = self._add_masks(args, kwargs) if masks or symbolic or self._given_mask(args, kwargs) else None
        first = self._argument(self._call_spec.first, args, kwargs)
        if symbolic and self._promises:
            outputs = self._promised(args, kwargs)
        else:
            outputs = self._in_call(self._call_or_evaluate if symbolic else self.call, args, kwargs)
        return self._finish(first, outputs, previous)

    def _check_inputs(self, inputs: Any) -> None:
        """Raise a ShapeError where inputs don't fit `input_spec`."""
        check_inputs(self.input_spec, inputs, self)

    def _promised(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the user's own methods say of the outputs, in the midst of inferring those of an outer layer."""
        a, k = with_none((args, kwargs))
        before, mode.inferring = mode.inferring, 0
        try:
            outputs = self.compute_output_spec(*a, **k)
        finally:
            mode.inferring = before
        return with_probes(outputs)

    def _in_call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run `function` inside the context of a call of this layer: training flag, autocast, losses."""
        spec = self._call_spec
        before = context.training, context.autocast, context.depth
        known = () if context.depth else tuple(masks)
        told = self._told_training(args, kwargs)
        if spec.has_training and "training" not in spec.names[: len(args)]:
            kwargs["training"] = spec.training(told)
        if not context.depth:
            self._clear_losses()
        # What a layer was told, or an outer one was, holds inside; a default of its own does not leak.
        context.training = told
        context.depth += 1
        context.autocast = self.compute_dtype if self.autocast and self._mixed() else None
        if self._remat is not None and not mode.inferring and self._remat.applies(self):
            function = self._rematerialized(function, kwargs)
            kwargs = {}
        try:
            with _scope_of(self):
                outputs = function(*args, **kwargs)
            if masks and not before[2] and any(map(_traced, flat := tree.flatten(outputs))):
                scopes.forget_masks(known, flat)
            return outputs
        except Exception as error:
            self._explain(error, args)
        finally:
            context.training, context.autocast, context.depth = before

    def _rematerialized(self, function: Callable[..., Any], kwargs: dict[str, Any]) -> Callable[..., Any]:
        """`function` computed again for the gradient: in the same context, and without assigning a second time."""
        state = context.training, context.autocast, context.depth
        runs = iter((nullcontext(),))

        def run(*args: Any) -> Any:
            before = context.training, context.autocast, context.depth
            context.training, context.autocast, context.depth = state
            try:
                with next(runs, None) or assignments():
                    return function(*args, **kwargs)
            finally:
                context.training, context.autocast, context.depth = before

        return with_masks(active.adapter.remat, run)

    def _told_training(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The flag that this call was given, else that of the call around it."""
        told = kwargs.pop("training", None)
        if told is None and "training" in (names := self._call_spec.names[: len(args)]):
            told = args[names.index("training")]
        return context.training if told is None else told

    def _mixed(self) -> bool:
        return self.compute_dtype != self.variable_dtype

    def _finish(self, first: Any, outputs: Any, previous: Any) -> Any:
        if type(outputs) not in active.native and any(isinstance(x, Variable) for x in tree.flatten(outputs)):
            outputs = tree.map_structure(lambda x: x.value if isinstance(x, Variable) else x, outputs)
            self._derived.decided = True  # no fast path: it hands on what `call` returns
        if previous is not None or self._makes_mask:
            self._set_output_masks(first, outputs, previous)
        if self.activity_regularizer is not None:
            for output in tree.flatten(outputs):
                if is_tensor(output) and not isinstance(output, KerasTensor):
                    # By Keras's rule: the mean over the batch.
                    size = shape(output)[0]
                    penalty = self.activity_regularizer(output)
                    rows = size if isinstance(size, int) else cast(size, active.adapter.dtype_name(penalty))
                    self.add_loss(penalty / rows)
        if not self._derived.decided:
            self._decide_fast_path()
        return outputs

    def _decide_fast_path(self) -> None:
        """From the first call on: whether later calls may skip everything but `call`."""
        self._derived.decided = True
        plain = self.activity_regularizer is None and self._remat is None and not self._makes_mask and not self._mixed()
        if plain and self.built and type(self).__call__ is Layer.__call__:
            compute = active.adapter.native_dtypes[self.compute_dtype]
            others = {n for k, n in active.adapter.native_dtypes.items() if not dtypes.is_float(k)}
            everything = set(active.adapter.native_dtypes.values())
            self._derived.passed = frozenset({compute, *others} if self.autocast else everything)

    def _converted(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arrays as tensors, floats in the compute dtype; masks and flags as they are."""
        names = self._call_spec.names

        def convert(x: Any) -> Any:
            return convert_input(x, self.autocast, self.compute_dtype)

        out = []
        for index, value in enumerate(args):
            name = names[index] if index < len(names) else ""
            keep = name in self._call_spec.masks or name == "training"
            out.append(value if keep else map_inputs(convert, value))
        kept = {
            k: v if k in self._call_spec.masks or k == "training" else map_inputs(convert, v) for k, v in kwargs.items()
        }
        return tuple(out), kept

    def _explain(self, error: Exception, args: tuple[Any, ...]) -> None:
        """Raise `error` again so that it names this layer, and the inputs it came with."""
        if getattr(error, "_layer", None) is not None:
            raise error
        if self.input_spec is not None and args:
            try:
                self._check_inputs(args[0])
            except ValueError as ours:
                ours._layer = self  # type: ignore[attr-defined]
                raise ours from error
        try:
            error._layer = self  # type: ignore[attr-defined]
        except AttributeError:  # an exception of a C type takes no attributes
            raise error from None
        where = f"In the layer '{self.path}' ({type(self).__name__}), called on {described(args)}"
        if isinstance(error, KerasFrontError) and error.args:
            error.args = (f"{where}: {error.args[0]}", *error.args[1:])
        else:
            error.add_note(where)
        raise error

    # ---- masks --------------------------------------------------------------------------------------------------

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output: the input's, where the layer supports masking."""
        return previous_mask

    def _argument(self, name: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The argument of `call` of this name, given by position or by name; None where it wasn't given."""
        places = self._call_spec.names[: len(args)]
        return args[places.index(name)] if name in places else kwargs.get(name or "")

    def _given_mask(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        return any(self._argument(name, args, kwargs) is not None for name in self._call_spec.masks)

    def _add_masks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Fill mask arguments that were not given; returns the mask of the first argument."""
        for name, value in (*zip(self._call_spec.names, args, strict=False), *list(kwargs.items())):
            parameter = self._call_spec.mask_of(name)
            if parameter is None or value is None:
                continue
            if (given := self._argument(parameter, args, kwargs)) is not None:
                if self._keeps_steps:
                    _masks.check_given(self, parameter, given, name, value)
            elif parameter not in self._call_spec.names[: len(args)] and (found := masks_of(value)) is not None:
                kwargs[parameter] = found
        first = self._call_spec.first
        given = self._argument(self._call_spec.mask_of(first or ""), args, kwargs)
        return masks_of(self._argument(first, args, kwargs)) if given is None else given

    def _set_output_masks(self, first: Any, outputs: Any, previous: Any) -> None:
        flat = tree.flatten(outputs)
        if not self.supports_masking and not self._makes_mask:
            _masks.tell_of_lost_mask(self, flat, fitted=True)
            return
        found = self.compute_mask(first, previous)
        new = [found] if len(flat) == 1 else tree.flatten(found) if found is not None else [None] * len(flat)
        if len(new) == 1:
            new = new * len(flat)
        fitted = len(new) == len(flat) and _masks.pass_on(self, first, flat, new, found is previous)
        if not fitted:
            _masks.tell_of_lost_mask(self, flat, fitted=False)

    def _takes_masks(self) -> bool:
        return bool(self._call_spec.masks)

    # ---- symbolic -----------------------------------------------------------------------------------------------

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        # The node keeps the masks that were given; those that came with the tensors will come with them again.
        given = dict(kwargs)
        previous = self._add_masks(args, kwargs)
        # A constant, or a weight, is an output like others; its value comes when the graph runs.
        outputs = tree.map_structure(as_symbol, self.compute_output_spec(*args, **kwargs))
        if previous is not None or self._makes_mask:
            self._set_output_masks(self._argument(self._call_spec.first, args, kwargs), outputs, previous)
        self._inbound_nodes.append(Node(self, args, given, outputs))
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic outputs: by `compute_output_shape` where the class has one, else by running `call`."""
        function = type(self).compute_output_shape
        if not hasattr(function, "_default") and (shapes := self._call_spec.shapes(args, kwargs)):
            with suppress(NotImplementedError):
                options = {**dict(zip(self._call_spec.names, args, strict=False)), **kwargs}
                known = {p.name: options[p.name] for p in parameters_of(function) if p.name in options}
                a, k = as_call(function, {**known, **arguments_for(function, shapes)})
                return map_shapes(lambda s: KerasTensor(s, self.compute_dtype), self.compute_output_shape(*a, **k))
        return self._by_call(args, kwargs)

    def _by_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The symbolic outputs, by running `call`."""
        if type(self).call is Layer.call:
            self.call()
        with _lossless(self):
            return infer(lambda *a, **k: self._in_call(self._call_or_evaluate, a, k), args, kwargs)

    def _call_or_evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """`call` on symbolic values; where it calls the framework itself, the adapter evaluates it abstractly."""

        def natively(error: Exception) -> Any:
            if isinstance(error, KerasFrontError) or getattr(error, "_layer", None) is not None:
                raise error
            return self._evaluated(args, kwargs, error)

        if self._calls_own_code:
            return inferred(self.call, self, args, kwargs, natively)
        try:
            return self.call(*args, **kwargs)
        except Exception as error:  # what frameworks and their libraries make of strange values
            return natively(error)

    def _own_code(self) -> tuple[Callable[..., Any], ...]:
        """The user's functions that `call` may run."""
        return own_methods(type(self))  # type: ignore[arg-type]

    def _evaluated(self, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> Any:
        try:
            with assignments():  # what is assigned on the way has no value
                return evaluated(self.call, args, kwargs)
        except Exception:  # the first error says what the user's own code did
            raise error from None

    def compute_output_shape(self, input_shape: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The shape of the output for inputs of a shape (nested as the inputs are).

        A layer of several inputs takes their shapes one after the other, or by name (`query_shape`).
        """

        def symbolic(shape: Any) -> Any:
            return map_shapes(lambda s: KerasTensor(s, self.compute_dtype), shape)

        inputs = [symbolic(s) for s in (input_shape, *args) if s is not None]
        named = {k.removesuffix("_shape"): symbolic(s) for k, s in kwargs.items() if s is not None}
        if named and not named.keys() <= self._call_spec.known:  # the names of `build`, in its order
            inputs, named = [*inputs, *named.values()], {}
        if not self.built:
            self._maybe_build(tuple(inputs), named)
        own = not hasattr(type(self).compute_output_spec, "_default")
        outputs = self.compute_output_spec(*inputs, **named) if own else self._by_call(tuple(inputs), named)
        return tree.map_structure(lambda x: x.shape, outputs)

    compute_output_spec._default = compute_output_shape._default = True  # type: ignore[attr-defined]

    # ---- losses -------------------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a scalar loss, or several, to those of the running step."""
        for value in tree.flatten(loss):
            scope = StatelessScope._stack[-1] if StatelessScope._stack else None
            if scope is not None and scope.collect_losses:
                scope.add_loss(value)
            else:
                self._losses.append(value)

    def add_metric(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            f"Layers have no add_metric() (the layer '{self.path}'): give metrics to compile(), or keep one as an "
            "attribute and call its update_state()."
        )

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            if layer._losses:
                layer._losses.clear()

    def _regularization_losses(self) -> list[Any]:
        return [v.regularizer(v.value) for v in self._kept("regularized", self._regularized)]

    def _regularized(self) -> list[Variable]:
        return [v for v in self.trainable_weights if v.regularizer is not None]

    @property
    def losses(self) -> list[Any]:
        """What layers added in the last call, and the regularization losses of the weights."""
        added = [loss for layer in self._flatten_layers() for loss in layer._losses]
        return [*added, *self._regularization_losses()]

    def _get_own_losses(self) -> list[Any]:
        return list(self._losses)

    def _get_regularization_losses(self) -> list[Any]:
        return self._regularization_losses()

    # ---- stateless ----------------------------------------------------------------------------------------------

    def stateless_call(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
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
        for name, have, came in (
            ("trainable_variables", trained, trainable_variables),
            ("non_trainable_variables", others, non_trainable_variables),
        ):
            if len(have) != len(came):
                raise ValueError(f"Expected {len(have)} values in `{name}` of '{self.path}', got {len(came)}.")
        pairs = [*zip(trained, trainable_variables, strict=True), *zip(others, non_trainable_variables, strict=True)]
        with StatelessScope(state_mapping=pairs, collect_losses=return_losses) as scope:
            outputs = self(*args, **kwargs)
            losses = [*scope.losses, *self._regularization_losses()] if return_losses else []
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

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """`call`, once the layer is quantized."""
        if self.quantization_mode is None:
            raise ValueError(f"The layer '{self.path}' ({type(self).__name__}) isn't quantized.")
        return self.call(*args, **kwargs)

    # ---- saving, config -----------------------------------------------------------------------------------------

    def save_own_variables(self, store: Any) -> None:
        """Write this layer's own variables (not those of layers inside it) into a dict-like store."""
        for index, variable in enumerate(self._saved_variables()):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read them again; raises ValueError where number or shapes differ."""
        own = self._saved_variables()
        if len(store.keys()) != len(own):
            raise ValueError(
                f"The layer '{self.path}' has {len(own)} variables ({', '.join(v.name for v in own) or 'none'}); "
                f"the file holds {len(store.keys())} for it."
            )
        for index, variable in enumerate(own):
            variable.assign(np.asarray(store[str(index)]))

    def _saved_variables(self) -> list[Variable]:
        return sorted(self._own, key=lambda v: not v.born_trainable)

    def _learnt_beside_weights(self) -> str | None:
        """What the layer has learnt that is no weight: a file of weights goes without it."""
        return None

    def save_assets(self, inner_path: str) -> None:
        """Write files that belong to the layer; most layers have none."""

    def load_assets(self, inner_path: str) -> None:
        """Read them again."""

    def get_config(self) -> dict[str, Any]:
        """What makes an equal layer: name, trainable and dtype, and what a subclass adds."""
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

    def rematerialized_call(self, layer_call: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return super().rematerialized_call(layer_call, *args, **kwargs)

    def __dir__(self) -> list[str]:
        # The framework's own base (nn.Module) would list layers by the names that we count.
        return list(object.__dir__(self))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def __str__(self) -> str:
        return self.__repr__()


# Makes a layer (or a list or dict of some) of one of the framework's own; kerasfront.layers.bridges puts it there.
foreign_layer: list[Callable[[Any], Any]] = []
_PLAIN = (bool, int, float, str, bytes, type(lambda: 0))
# Where a layer notes what it holds, and what it was made with: neither holds anything by itself.
_NOTES = frozenset(
    ("_own", "_layers", "_metrics", "_seed_generators", "_losses", "_init_arguments", "_inbound_nodes")
    + ("_parameters", "_buffers", "_modules", "_tf_children")
)
# What layers hold for a variable of theirs, after its name.
_OF_VARIABLES = ("_regularizer", "_constraint")
# What decides whether calls may be short.
_DECIDING = frozenset({"activity_regularizer", "autocast"})


def _add(group: list[Any], value: Any) -> bool:
    if any(value is v for v in group):
        return False
    group.append(value)
    scopes.structure.change()
    return True


class _lossless:
    """Inside, losses that a symbolic call adds are forgotten."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def __enter__(self) -> None:
        self.kept = [(layer, list(layer._losses)) for layer in self.layer._flatten_layers()]

    def __exit__(self, *exc: Any) -> None:
        known = {id(layer): losses for layer, losses in self.kept}
        for layer in self.layer._flatten_layers():
            layer._losses[:] = known.get(id(layer), [])


def _has_state_in_call(layer: Layer) -> bool:
    """Whether `call` is the user's own and holds layers that aren't built yet."""
    return type(layer).call is not Layer.call and any(not inner.built for inner in layer._flatten_layers(False))


def _building(build: Callable[..., Any]) -> Callable[..., Any]:
    """`build` in the layer's name scope; afterwards the layer is built, and knows with what."""

    @functools.wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> None:
        if self.__dict__.get("_is_building"):  # by the build of a subclass, which knows the layer's own inputs
            return build(self, *args, **kwargs)
        self.__dict__["_build_shapes"] = bound(type(self).build, args, kwargs) or None
        self._path = scopes.path_of(self.name)
        if self._policy_map is not None:
            self._find_policy(self._path)
        self.__dict__["_is_building"] = True
        try:
            with _scope_of(self):
                build(self, *args, **kwargs)
        finally:
            self.__dict__["_is_building"] = False
        self.built = True
        return None

    wrapped._wrapped = True  # type: ignore[attr-defined]
    return wrapped


def _traced(x: Any) -> bool:
    return is_tensor(x) and not isinstance(x, KerasTensor) and not active.adapter.has_value(x)


def _scope_of(layer: Layer) -> Any:
    """The layer's name scope, opened unless it is the innermost already."""
    inside = bool(context.names) and context.names[-1] == layer.name
    return nullcontext() if inside else scopes.name_scope(layer.name)


dtype_policies.policy.convert_input_of = convert_input
serialization.register_base(Layer)
