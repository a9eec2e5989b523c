"""Model: a layer that can be trained, saved and summarised."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

from kerasfront import ops, scopes, serialization, tree
from kerasfront.arguments import names_of, unknown_argument
from kerasfront.errors import NotBuiltError, unknown
from kerasfront.layers._masks import check_fits
from kerasfront.layers.calibrated import quantize_model
from kerasfront.layers.layer import Layer
from kerasfront.layers.quantized import CALIBRATED, config_for, quantize_tree
from kerasfront.metrics.metric import Metric
from kerasfront.models.summary import html, print_summary
from kerasfront.pairing import Pairing
from kerasfront.saving import model_files
from kerasfront.spec import KerasTensor
from kerasfront.tracebacks import entry_point
from kerasfront.training.trainer import Trainer


class Model(Trainer):
    """A model: from symbolic inputs and outputs, or by subclassing with `call`.

    `Model(inputs, outputs)` makes a functional model. A subclass makes layers in `__init__` and uses them in `call`.

    Args:
        inputs: Symbolic inputs, nested, from `Input()`.
        outputs: Symbolic outputs, nested, computed from them.
        name: A name.

    Raises:
        ValueError: An output is not connected to the inputs.

    >>> import kerasfront as keras
    >>> x = keras.Input((3,))
    >>> model = keras.Model(x, keras.layers.Dense(2)(x))
    >>> model.count_params(), model.output_shape
    (8, (None, 2))
    """

    # Set by the module of functional models, which is built on this one.
    _functional: type | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and _is_functional(args, kwargs) and Model._functional is not None:
            return Model._functional.__new__(Model._functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        functional = Model._functional
        if _is_functional(args, kwargs) and functional is not None:
            if not isinstance(self, functional):
                self.__class__ = _with_base(type(self), functional)
            functional.__init__(self, *args, **kwargs)  # type: ignore[misc]
            return
        names = ["inputs", "outputs", *names_of(type(self))]
        if strange := kwargs.keys() - names:
            raise unknown_argument(type(self).__name__, strange, names)
        Layer.__init__(self, *args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"The model '{self.name}' ({type(self).__name__}) defines no call().")

    call._missing = True  # type: ignore[attr-defined]

    # -- layers ---------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers directly in the model."""
        return [layer for layer in self._layers if not isinstance(layer, Metric)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of a name, or at an index; raises ValueError, suggesting the nearest name."""
        if (name is None) == (index is None):
            raise ValueError(f"get_layer() takes either a name or an index, got name={name!r}, index={index!r}.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"The model '{self.name}' has {len(self.layers)} layers; there is none at {index}.")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise unknown(f"layer in the model '{self.name}'", name, [layer.name for layer in self.layers])

    @property
    def metrics(self) -> list[Metric]:
        """compile()'s metrics, the loss first, and those that layers hold; those of models inside are their own."""
        layers = [layer for layer in self._flatten_layers(include_self=False) if not isinstance(layer, Trainer)]
        held = (m for layer in (self, *layers) for m in layer._metrics)
        return list({id(m): m for m in (*self._trainer_metrics(), *held)}.values())

    def build_from_config(self, config: dict[str, Any]) -> None:
        if config and not self.built:
            Layer.build_from_config(self, config)

    # -- quantization ---------------------------------------------------------------------------------------------

    @entry_point
    def quantize(  # type: ignore[override]
        self, mode: str | None = None, config: Any = None, filters: Any = None, **kwargs: Any
    ) -> None:
        """Quantize the weights of the model's layers, in place; those that can't be are named in a warning.

        A model that is to be trained further is compiled anew afterwards.

        Args:
            mode: "int8", "int4" or "float8"; "gptq" or "awq" go with a config that holds data; None where `config`
                says it.
            config: A `keras.quantizers.QuantizationConfig`; None: the mode's default one.
            filters: Which layers: a regular expression that is found in their names, a list of such, or a function of
                the layer; None: all.
            kwargs: None is known.

        Raises:
            NotBuiltError: The model isn't built.
            ValueError: Mode and config make no sense, or `filters` is none of these.

        >>> import kerasfront as keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2)])
        >>> model.quantize("int8", filters="^a$")
        >>> [layer.dtype_policy.name for layer in model.layers]
        ['int8_from_float32', 'float32']
        """
        if kwargs:
            raise unknown_argument("quantize()", kwargs, names_of(Model.quantize))
        if not self.built:
            raise NotBuiltError(f"The model '{self.name}' isn't built: call it on data before quantize().")
        config = config_for(mode, config)
        if config.mode in CALIBRATED:
            quantize_model(self, config, filters)
        else:
            quantize_tree(self, mode, config, filters)
        self._forget_functions()

    def get_quantization_layer_structure(self, mode: str | None = None) -> dict[str, Any] | None:
        """In which order "gptq" and "awq" go through the model; a model of your own may say it.

        Returns:
            A dict with "pre_block_layers", through which inputs pass first, and "sequential_blocks", the layers that
            are quantized one after the other; None: all layers are, in one pass.
        """
        return None

    def jax_state_sync(self) -> None:
        """Nothing to do: Variables show what training made of them at any time; on JAX, Keras's wait for this call."""

    # -- looking, saving ------------------------------------------------------------------------------------------

    @entry_point
    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print a table of the layers with their output shapes and numbers of parameters."""
        print_summary(self, line_length, print_fn, expand_nested, show_trainable, layer_range)

    def _repr_html_(self) -> str:
        """What a notebook shows for the model: the table of `summary()`."""
        return html(self)

    @entry_point
    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Save architecture, weights, optimizer state and what compile() was told, as a `.keras` file."""
        model_files.save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    @entry_point
    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: Any = None) -> None:
        """Save the weights as a `.weights.h5` file, or as shards."""
        model_files.save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size)

    @entry_point
    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> Any:
        """Load weights that `save_weights` or `save` wrote."""
        return model_files.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON."""
        return json.dumps(serialization.serialize_shared(self), **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = Layer.get_config(self)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        functional = Model._functional
        keys = {"name", "layers", "input_layers", "output_layers"}
        if functional is not None and keys <= config.keys() and (cls in (Model, functional) or _takes_graph(cls)):
            return functional.graph_from_config(cls, config, custom_objects)  # type: ignore[attr-defined]
        with serialization.custom_object_scope(custom_objects or {}):
            return super().from_config(config)

    # -- state as trees -------------------------------------------------------------------------------------------

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """All variables as nested dicts by their paths: trainable, non-trainable, optimizer's, metrics'."""
        return {k: _tree_of(v, value_format) for k, v in self._state_groups().items()}

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Assign what `get_state_tree` returned."""
        groups = self._state_groups()
        for key, nested in state_tree.items():
            if key not in groups:
                raise unknown("group of variables", key, list(groups))
            by_path = {v.path: v for v in groups[key]}
            for path, value in _leaves(nested):
                by_path[path].assign(value)

    def _state_groups(self) -> dict[str, list[Any]]:
        optimizer = self.optimizer.variables if self.compiled and self.optimizer is not None else []
        return {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
            "optimizer_variables": optimizer,
            "metrics_variables": self.metrics_variables,
        }


def with_masks(inputs: Any, mask: Any) -> Any:
    """The inputs with the masks that a call was given for them: one, or nested as they are; None leaves their own."""
    tensors, places = tree.flatten(inputs), Pairing(inputs, kind="input")
    order = places.leaves(tree.pack_sequence_as(inputs, range(len(tensors))))
    laid = dict(zip(order, places.pair(mask, "mask", missing=True), strict=True))
    given = [laid[i] for i in range(len(tensors))]
    # Copies, so that the caller's tensors stay as they are.
    out = [x if m is None else ops.copy(x) for x, m in zip(tensors, given, strict=True)]
    for x, m in zip(out, given, strict=True):
        if m is not None:
            check_fits(m, x, "the `mask` of a call", "inputs")
            scopes.set_mask(x, m if isinstance(m, KerasTensor) else ops.convert_to_tensor(m, "bool"))
    return tree.pack_sequence_as(inputs, out)


def _tree_of(variables: list[Any], value_format: str) -> dict[str, Any]:
    if value_format not in ("backend_tensor", "numpy_array"):
        raise ValueError(f"Expected `value_format` to be 'backend_tensor' or 'numpy_array', got {value_format!r}.")
    out: dict[str, Any] = {}
    for variable in variables:
        *parents, last = variable.path.split("/")
        inner = out
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = variable.value if value_format == "backend_tensor" else variable.numpy()
    return out


def _leaves(nested: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    out = []
    for key, value in nested.items():
        path = f"{prefix}{key}"
        out += _leaves(value, f"{path}/") if isinstance(value, dict) else [(path, value)]
    return out


def _is_functional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return len(args) == 2 or (len(args) == 1 and "outputs" in kwargs) or ("inputs" in kwargs and "outputs" in kwargs)


def _takes_graph(cls: type) -> bool:
    """Whether a subclass can be made from inputs and outputs alone."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters) and any(p.kind is p.VAR_KEYWORD for p in parameters):
        return True
    return {"inputs", "outputs"} <= {p.name for p in parameters}


def _with_base(cls: type, base: type) -> type:
    """`cls` with Model replaced by `base` among its bases: a subclass that passed inputs and outputs to Model."""
    if issubclass(cls, base):
        return cls
    bases = tuple(base if b is Model else _with_base(b, base) if issubclass(b, Model) else b for b in cls.__bases__)
    cls.__bases__ = bases
    return cls
