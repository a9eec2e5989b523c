"""Layers made of another library's models: a torch.nn.Module, functions of JAX, a Flax module, a SavedModel.

Each works on the backend of its framework only. What the framework itself must do is in the adapter, under the name
of the bridge (`Adapter.bridges`); here is what makes a layer of it: Variables, the training flag, configs, files.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasfront import ops, serialization
from kerasfront.contract import Runtime, assignment_scopes, running
from kerasfront.errors import BackendError, CapabilityError, SavingError
from kerasfront.layers._configured import where
from kerasfront.layers.base.building import scope_of
from kerasfront.layers.base.calling import is_mixed
from kerasfront.layers.base.conversion import map_shapes
from kerasfront.layers.base.layer import Layer
from kerasfront.random.seed_generator import SeedGenerator
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.tracking import add, assign_untracked
from kerasfront.typing import DTypePolicyLike, NestedShapes, NestedTensors
from kerasfront.variable import Variable

active: Runtime = running()


def _bridge(cls: type, name: str, what: str, backend: str) -> Any:
    """Return what the adapter has for `what`; raises BackendError, naming the backend that has it, otherwise."""
    if name not in active.adapter.bridges:
        raise BackendError(
            f"{cls.__name__} makes a layer of {what}, which works on the backend '{backend}' only; "
            f"this is the backend '{active.adapter.name}'.",
            hint=f"Set KERAS_BACKEND={backend} before kerasfront is imported.",
        )
    return active.adapter.bridges[name]


def _adopted(layer: Layer, name: str, storage: Any, trainable: bool) -> Variable:
    """Return a Variable of the layer that holds the framework's own storage: what one writes the other sees."""
    with scope_of(layer):
        variable = Variable(storage, trainable=trainable, autocast=False, name=name)
    variable._value = storage
    add(layer, name, variable)
    return variable


def _trusted(safe_mode: bool | None) -> bool:
    """Whether what runs code of its own may be read: the caller has said so, or who began to load."""
    return safe_mode is False or (safe_mode is None and serialization.in_safe_mode() is False)


# ---- torch --------------------------------------------------------------------------------------------------------

_TORCH = ("torch.nn.Module", "a torch.nn.Module", "torch")


class TorchModuleWrapper(Layer, wraps_foreign="torch"):
    """A `torch.nn.Module` as a layer, on the torch backend.

    The module's parameters are the layer's trainable weights, its buffers (the statistics of a BatchNorm) the other
    ones: the very same tensors, so whatever changes them, here or there, both see it. In training the module is in
    train mode, else in eval mode; in mixed precision it runs under torch.autocast. What the layer has no attribute for
    is looked up in the module.

    An `nn.Module` that is set as an attribute of a layer becomes such a layer by itself.

    Files hold the weights as arrays, under the names of the module's state_dict. The module itself is in the config:
    as its own config, where its class is registered (`keras.saving.register_keras_serializable`) and has `get_config`;
    else pickled, as Keras has it, which is read with `safe_mode=False` only, for it may run anything.

    Args:
        module: The module. One with lazy parameters must have been called once.
        name: A name.
        output_shape: The shape of the output with the batch dim; None: found by running the module without data.

    Raises:
        BackendError: The backend isn't torch.
        TypeError: `module` is no torch.nn.Module.
        ValueError: It has parameters that aren't initialized.
    """

    module: Any
    _bridge: Any
    _stored: dict[str, Variable]
    _buffer_weights: dict[str, Variable]
    _kf_needs_no_build = True

    def __init__(
        self, module: Any, name: str | None = None, output_shape: Sequence[int | None] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        bridge = _bridge(type(self), *_TORCH)(module)
        self.output_shape = None if output_shape is None else tuple(output_shape)
        assign_untracked(self, "module", module)  # as it is: set, it would become such a layer itself
        self._bridge, self._stored, self._buffer_weights = bridge, {}, {}
        for key, storage, trainable in bridge.parameters():
            self._stored[key] = _adopted(self, key, storage, trainable)
        for key, storage, saved in bridge.buffers():
            self._buffer_weights[key] = _adopted(self, key, storage, False)
            if saved:
                self._stored[key] = self._buffer_weights[key]

    @classmethod
    def wrap(cls, module: Any) -> Any:
        """Return a module as a layer; a list or dict of modules as one of layers."""
        parts = _bridge(cls, *_TORCH).parts(module)
        return cls(module) if parts is None else parts

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__.get("module")
        if module is not None and not name.startswith("_") and hasattr(module, name):
            return getattr(module, name)
        return super().__getattr__(name)  # type: ignore[misc]  # the base from torch has one

    def call(self, *args: Any, training: bool | None = None, **kwargs: Any) -> NestedTensors:
        values = None
        if assignment_scopes.stack:  # Variables may hold other values: a stateless call. The module writes into buffers
            values = {name: v.value for name, v in self._stored.items()}
            values.update({name: ops.copy(v.value) for name, v in self._buffer_weights.items()})
        mixed = self.compute_dtype if is_mixed(self) else None
        outputs = self._bridge.call(values, bool(training), mixed, args, kwargs)
        for name, variable in self._buffer_weights.items():
            self._follow(name, variable, None if values is None else values[name])
        return outputs

    def _follow(self, name: str, variable: Variable, value: Any) -> None:
        """Let a buffer's Variable have what the module has made of the buffer."""
        if value is None:
            buffer = self._bridge.buffer(name)
            if buffer is not variable._value:
                variable.assign(buffer)
                self._bridge.put(name, variable._value)
        elif value is not variable._value:
            variable.assign(value)

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """Return the module's parameters, as torch has it."""
        return self.module.parameters(recurse=recurse)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> NestedTensors:
        if self.output_shape is None:
            return super().compute_output_spec(*args, **kwargs)
        return map_shapes(lambda s: KerasTensor(s, self.compute_dtype), self.output_shape)

    # -- files

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the parameters and the buffers of the module's state_dict, under their names there."""
        for name, variable in self._stored.items():
            store[name] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        strange = sorted(store.keys() ^ self._stored.keys())
        if strange:
            raise ValueError(
                f"The module of '{self.path}' has the weights {', '.join(self._stored) or 'none'}; "
                f"the file's differ in {', '.join(strange)}."
            )
        for name, variable in self._stored.items():
            variable.assign(np.asarray(store[name]))

    def get_config(self) -> dict[str, Any]:
        described = hasattr(self.module, "get_config")
        module = serialization.serialize_keras_object(self.module) if described else self._bridge.pickled()
        return {**super().get_config(), "module": module, "output_shape": self.output_shape}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None, safe_mode: bool | None = None
    ) -> TorchModuleWrapper:
        """Make a layer from its config; raises SavingError for a pickled module that nobody trusts."""
        module = config["module"]
        if isinstance(module, str):
            if not _trusted(safe_mode):
                raise SavingError(
                    f"The module of the {cls.__name__} '{config.get('name')}' is pickled: to read it may run anything.",
                    hint="If you trust where it came from, pass safe_mode=False; or register the module's class, with "
                    "get_config() and from_config(), and save again.",
                )
            module = _bridge(cls, *_TORCH).unpickled(module)
        with serialization.custom_object_scope(custom_objects):
            revived = {k: serialization.revive(v) for k, v in config.items() if k != "module"}
            return cls(module=serialization.revive(module), **revived)


# The Variables of the leaves of a tree, and what makes such a tree of values.
_Tree = tuple[list[Variable], Callable[[Any], Any]]


# ---- JAX ----------------------------------------------------------------------------------------------------------

_CALL, _INIT = ("params", "state", "rng", "inputs", "training"), ("rng", "inputs", "training")


class JaxLayer(Layer):
    """Functions of JAX as a layer, on the JAX backend.

    Args:
        call_fn: The model: a function of `inputs` (an array, or a tree of arrays) and, as far as it names them, of
            `params` (a tree of the trained arrays), `state` (a tree of what else it keeps), `rng` (a key, another one
            for each call) and `training` (a bool). It returns the outputs; with `state` a tuple of these and the next
            state. Arguments are passed by name.
        init_fn: A function of `rng`, `inputs` (arrays of ones) and, if it names it, `training` (True), that returns the
            params; a tuple of params and state where `call_fn` has `state`. Called when the layer is built.
        params: The params to begin with, instead of what `init_fn` returns.
        state: The state to begin with, likewise.
        seed: A seed of the keys.
        native_serialization_platforms: Kept for Keras, which uses it on TensorFlow.

    The leaves of both trees become Variables, named after their places: floats of the params are trained.

    Raises:
        BackendError: The backend isn't JAX.
        ValueError: A function takes other arguments, or nothing says what `params` and `state` are.

    A `haiku` model fits by its `apply` and `init`, when its function has the arguments `inputs` and `training`.
    """

    def __init__(
        self,
        call_fn: Callable[..., Any],
        init_fn: Callable[..., Any] | None = None,
        params: Any = None,
        state: Any = None,
        seed: int | None = None,
        native_serialization_platforms: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _bridge(type(self), "jax", "functions of JAX", "jax")
        self.call_fn, self.init_fn, self.seed = call_fn, init_fn, seed
        self.native_serialization_platforms = native_serialization_platforms
        self._call_names = _names(self, "call_fn", call_fn, _CALL)
        self._init_names = () if init_fn is None else _names(self, "init_fn", init_fn, _INIT)
        self.seed_generator = SeedGenerator(seed)
        # The Variables of a tree, and what makes the tree of their values.
        self._params: _Tree | None = None
        self._state: _Tree | None = None
        if params is not None or state is not None:
            self._hold(params, state)
            self.built = True
        elif init_fn is None and not {"params", "state"}.isdisjoint(self._call_names):
            raise ValueError(
                f"{where(self)} needs an `init_fn`, or `params` and `state` themselves: its call_fn takes them."
            )

    def build(self, input_shape: NestedShapes) -> None:
        if self.init_fn is None or self._params is not None or self._state is not None:
            return
        inputs = map_shapes(lambda s: active.adapter.bridges["jax"].placeholder(s, self.compute_dtype), input_shape)
        offered = {"rng": self.seed_generator.next(), "inputs": inputs, "training": True}
        trees = self.init_fn(**{name: offered[name] for name in self._init_names})
        self._hold(*(trees if "state" in self._call_names else (trees, None)))

    def _hold(self, params: Any, state: Any) -> None:
        """Make Variables of the leaves of both trees."""
        self._params = None if params is None else self._variables(params, True)
        self._state = None if state is None else self._variables(state, False)

    def _variables(self, values: Any, trainable: bool) -> tuple[list[Variable], Callable[[Any], Any]]:
        names, leaves, structure = active.adapter.bridges["jax"].flatten(values)
        variables = []
        for name, value in zip(names, leaves, strict=True):
            floating = dtypes.is_float(ops.dtype(value))
            with scope_of(self):
                variable = Variable(value, trainable=trainable and floating, autocast=trainable, name=name or "value")
            add(self, variable.name, variable)
            variables.append(variable)
        return variables, structure

    def call(self, inputs: NestedTensors, training: bool | None = False) -> NestedTensors:
        offered: dict[str, Callable[[], Any]] = {
            "params": lambda: _tree_of(self._params),
            "state": lambda: _tree_of(self._state),
            "rng": self.seed_generator.next,
            "inputs": lambda: inputs,
            "training": lambda: bool(training),
        }
        result = self.call_fn(**{name: offered[name]() for name in self._call_names})
        if "state" not in self._call_names:
            return result
        if not isinstance(result, tuple) or len(result) != 2:
            raise ValueError(
                f"Expected the `call_fn` of {where(self)}, which takes `state`, to return (outputs, state), "
                f"got {result!r}."
            )
        self._keep_state(result[1])
        return result[0]

    def _keep_state(self, state: Any) -> None:
        variables = [] if self._state is None else self._state[0]
        names, values, _ = active.adapter.bridges["jax"].flatten(state)
        if len(values) != len(variables):
            raise ValueError(
                f"The state of {where(self)} has {len(variables)} leaves; call_fn returned {len(values)} "
                f"({', '.join(names)})."
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def get_config(self) -> dict[str, Any]:
        functions = {name: getattr(self, name) for name in ("call_fn", "init_fn")}
        return {
            **super().get_config(),
            **{k: None if f is None else serialization.serialize_keras_object(f) for k, f in functions.items()},
            "seed": self.seed,
            "native_serialization_platforms": self.native_serialization_platforms,
        }


def _tree_of(tree_variables: Any) -> Any:
    """Return the tree of the values that Variables hold now."""
    if tree_variables is None:
        return None
    variables, structure = tree_variables
    return structure([v.value for v in variables])


def _names(layer: Layer, what: str, function: Callable[..., Any], allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the known arguments a function takes, checked."""
    if not callable(function):
        raise ValueError(f"Expected `{what}` of {where(layer)} to be a function, got {function!r}.")
    names = tuple(inspect.signature(function).parameters)
    strange = [name for name in names if name not in allowed]
    if strange or "inputs" not in names:
        raise ValueError(
            f"Expected `{what}` of {where(layer)} to take `inputs` and, of {', '.join(allowed)}, what else it needs; "
            f"it takes {', '.join(names) or 'nothing'}."
        )
    return names


class FlaxLayer(JaxLayer):
    """A `flax.linen.Module` as a layer, on the JAX backend.

    The collection "params" is trained; all other collections (batch statistics) are the layer's non-trainable state.

    Args:
        module: The module.
        method: The method, or a function of the module and its inputs, that is the call; None: `__call__`. Beside
            `inputs` it may take `training`.
        variables: The collections to begin with, as `module.init` returns them; None: `module.init` is called when
            the layer is built.

    Raises:
        BackendError: The backend isn't JAX.
    """

    module: Any

    def __init__(self, module: Any, method: Any = None, variables: Any = None, **kwargs: Any) -> None:
        called = getattr(type(module), method) if isinstance(method, str) else method or type(module).__call__
        takes = inspect.signature(called)
        self.method = method
        assign_untracked(self, "module", module)
        self._takes_flag = "training" in takes.parameters
        params, state = (None, None) if variables is None else _collections(variables)
        super().__init__(self._apply, self._start, params=params, state=state, **kwargs)

    def _options(self, training: bool) -> dict[str, Any]:
        return {"method": self.method, **({"training": training} if self._takes_flag else {})}

    def _apply(self, params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> Any:
        collections = {**({} if params is None else {"params": params}), **state}
        options = self._options(training)
        return self.module.apply(collections, inputs, rngs=rng, mutable=list(state), **options)

    def _start(self, rng: Any, inputs: Any, training: bool) -> Any:
        return _collections(self.module.init(rng, inputs, **self._options(training)))

    def get_config(self) -> dict[str, Any]:
        method = self.method if isinstance(self.method, str) else serialization.serialize_keras_object(self.method)
        return {
            **Layer.get_config(self),
            "module": serialization.serialize_keras_object(self.module),
            "method": method,
            "seed": self.seed,
            "native_serialization_platforms": self.native_serialization_platforms,
        }


def _collections(variables: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Flax's collections as the params and all others."""
    others = {name: values for name, values in variables.items() if name != "params"}
    return variables.get("params"), others


# ---- TensorFlow ---------------------------------------------------------------------------------------------------


@serialization.carries_code
class TFSMLayer(Layer):
    """A SavedModel as a layer, on the TensorFlow backend.

    What `model.export` or `tf.saved_model.save` wrote is run as it stands. The variables that its endpoints use are
    the layer's weights, and can be trained. A SavedModel is a program: files that name one are loaded with
    `safe_mode=False` only.

    Args:
        filepath: The folder of the SavedModel.
        call_endpoint: The name of its function, or signature, that is the call ("serve" in what Keras exports,
            "serving_default" elsewhere). It takes the inputs as one argument.
        call_training_endpoint: The one that is called in training; None: the same.
        trainable: Whether its variables may be trained.
        name: A name.
        dtype: A dtype or a policy.

    Raises:
        BackendError: The backend isn't TensorFlow.
        ValueError: It has no such endpoint.
    """

    _model: Any
    _stored: list[tuple[Variable, Any]]
    _kf_needs_no_build = True

    def __init__(
        self,
        filepath: str | Path,
        call_endpoint: str = "serve",
        call_training_endpoint: str | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: DTypePolicyLike | None = None,
    ) -> None:
        super().__init__(trainable=trainable, name=name, dtype=dtype)
        load = _bridge(type(self), "saved_model", "a SavedModel", "tensorflow")
        self.filepath: str = str(filepath)
        self.call_endpoint, self.call_training_endpoint = call_endpoint, call_training_endpoint
        model = load(self.filepath, call_endpoint, call_training_endpoint)
        assign_untracked(self, "_model", model)
        state = [(_adopted(self, k, storage, trained and trainable), storage) for k, storage, trained in model.state()]
        assign_untracked(self, "_stored", state)

    def call(self, inputs: NestedTensors, training: bool | None = False, **kwargs: Any) -> NestedTensors:
        if any(variable._value is not storage for variable, storage in self._stored):
            raise CapabilityError(
                f"{where(self)} can't be called with other values of its variables: its SavedModel holds them itself."
            )
        return self._model.call(bool(training), (inputs,), kwargs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filepath": self.filepath,
            "call_endpoint": self.call_endpoint,
            "call_training_endpoint": self.call_training_endpoint,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None, safe_mode: bool | None = None
    ) -> TFSMLayer:
        """Make a layer from its config; raises SavingError unless `safe_mode` is False."""
        if not _trusted(safe_mode):
            raise SavingError(
                f"The config names a SavedModel, {config.get('filepath')!r}: to read it may run anything.",
                hint="If you trust where it came from, pass safe_mode=False.",
            )
        with serialization.custom_object_scope(custom_objects):
            layer: TFSMLayer = super().from_config(config)
        return layer
