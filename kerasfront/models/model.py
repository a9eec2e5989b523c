"""Model, a layer that can be trained, saved and summarised; and Functional, a model made of a graph."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from kerasfront import serialization, tree
from kerasfront.arguments import names_of, unknown_argument
from kerasfront.errors import NotBuiltError, unknown
from kerasfront.layers.base.gathering import layers_inside
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.kernels.calibrated import quantize_model
from kerasfront.layers.kernels.modes import CALIBRATED, config_for
from kerasfront.layers.kernels.quantize import quantize_tree
from kerasfront.metrics.metric import Metric
from kerasfront.models.entry import Entry
from kerasfront.models.given_masks import with_masks
from kerasfront.models.graph import Graph, name_of_output
from kerasfront.models.graph_config import ends_from_config, graph_config
from kerasfront.models.state import GraphState
from kerasfront.models.state_tree import assign_state_tree, state_tree
from kerasfront.models.summary import html, print_summary
from kerasfront.pairing import Pairing
from kerasfront.saving import model_files
from kerasfront.saving.loading import LoadReport
from kerasfront.spec import KerasTensor
from kerasfront.tracebacks import entry_point
from kerasfront.tracking import add
from kerasfront.training.state import training_metrics
from kerasfront.training.trainer import Trainer
from kerasfront.typing import NestedShapes, NestedTensors, PathLike


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

    _kf: GraphState
    _kf_state = GraphState

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if cls is Model and _is_functional(args, kwargs):
            return Functional.__new__(Functional, *args, **kwargs)  # type: ignore[return-value]
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _is_functional(args, kwargs):
            if not isinstance(self, Functional):
                self.__class__ = _with_base(type(self), Functional)
            Functional.__init__(self, *args, **kwargs)  # type: ignore[arg-type]
            return
        names = ["inputs", "outputs", *names_of(type(self))]
        if strange := kwargs.keys() - names:
            raise unknown_argument(type(self).__name__, strange, names)
        Layer.__init__(self, *args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"The model '{self.name}' ({type(self).__name__}) defines no call().")

    call._kf_missing = True  # type: ignore[attr-defined]

    # -- layers ---------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers directly in the model."""
        return list(self._kf.layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return the layer of a name, or at an index; raises ValueError, suggesting the nearest name."""
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
        layers = [layer for layer in layers_inside(self) if not isinstance(layer, Trainer)]
        of_layers = (m for layer in (self, *layers) for m in layer._kf.metrics)
        return list({id(m): m for m in (*training_metrics(self), *of_layers)}.values())

    def build_from_config(self, config: dict[str, Any]) -> None:
        if config and not self.built:
            Layer.build_from_config(self, config)

    # -- quantization ---------------------------------------------------------------------------------------------

    @entry_point
    def quantize(  # type: ignore[override]
        self,
        mode: str | None = None,
        config: Any = None,
        filters: str | Sequence[str] | Callable[[Layer], bool] | None = None,
        **kwargs: Any,
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
        self._kf.cache.forget_functions()

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
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print a table of the layers with their output shapes and numbers of parameters."""
        print_summary(self, line_length, print_fn, expand_nested, show_trainable, layer_range)

    def _repr_html_(self) -> str:
        """Return what a notebook shows for the model: the table of `summary()`."""
        return html(self)

    @entry_point
    def save(self, filepath: PathLike, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Save architecture, weights, optimizer state and what compile() was told, as a `.keras` file."""
        model_files.save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    @entry_point
    def save_weights(self, filepath: PathLike, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Save the weights as a `.weights.h5` file, or as shards."""
        model_files.save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size)

    @entry_point
    def load_weights(self, filepath: PathLike, skip_mismatch: bool = False, **kwargs: Any) -> LoadReport | None:
        """Load weights that `save_weights` or `save` wrote."""
        return model_files.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """Return the architecture as JSON."""
        return json.dumps(serialization.serialize_shared(self), **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = Layer.get_config(self)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        keys = {"name", "layers", "input_layers", "output_layers"}
        if keys <= config.keys() and (cls in (Model, Functional) or _takes_graph(cls)):
            return Functional.graph_from_config(cls, config, custom_objects)  # type: ignore[return-value]
        with serialization.custom_object_scope(custom_objects or {}):
            return super().from_config(config)

    # -- state as trees -------------------------------------------------------------------------------------------

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """All variables as nested dicts by their paths: trainable, non-trainable, optimizer's, metrics'."""
        return state_tree(self, value_format)

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Assign what `get_state_tree` returned."""
        assign_state_tree(self, state_tree)


class Functional(Model):
    """A model made of a graph; `Model(inputs, outputs)` makes one.

    Args:
        inputs: Symbolic inputs, nested.
        outputs: Symbolic outputs, nested, that depend on `inputs` only.
        name: A name.
        trainable: Whether the layers may be trained.
    """

    # Files have the layers of a graph under "layers", whatever attributes hold them too.
    _kf_saves_layers_first = True

    def __init__(self, inputs: NestedTensors, outputs: NestedTensors, name: str | None = None, **kwargs: Any) -> None:
        Layer.__init__(self, name=name, **kwargs)
        graph = Graph.between(inputs, outputs)
        entry = Entry(graph.plan.inputs, graph.input_names)
        self._kf.graph, self._kf.entry = graph, entry
        for layer in graph.layers:
            add(self, layer.name, layer)
        self.input_spec = entry.specs()
        self.built = True

    # -- what is known of it

    @property
    def inputs(self) -> list[KerasTensor]:
        return list(graph_of(self).plan.inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        return list(graph_of(self).plan.outputs)

    @property
    def input(self) -> KerasTensor | Any:
        return graph_of(self).inputs

    @property
    def output(self) -> KerasTensor | Any:
        return graph_of(self).outputs

    @property
    def input_shape(self) -> NestedShapes:
        return tree.map_structure(lambda x: x.shape, graph_of(self).inputs)

    @property
    def output_shape(self) -> NestedShapes:
        return tree.map_structure(lambda x: x.shape, graph_of(self).outputs)

    @property
    def input_names(self) -> list[str]:
        return list(graph_of(self).input_names)

    @property
    def output_names(self) -> list[str]:
        return [name_of_output(x) for x in graph_of(self).plan.outputs]

    def _kf_output_names(self) -> list[str]:
        outputs = graph_of(self).outputs
        return [name_of_output(x) for x in Pairing(outputs).leaves(outputs)]

    @property
    def operations(self) -> list[Any]:
        return list(graph_of(self).operations)

    @property
    def layers(self) -> list[Layer]:
        return graph_of(self).layers

    def build(self, input_shape: NestedShapes | None = None) -> None:
        self.built: bool = True

    def _kf_known_outputs(self) -> Any:
        own = "call" in vars(self) or type(self).call is not Functional.call
        return None if own else graph_of(self).outputs

    # -- running

    def call(
        self, inputs: NestedTensors, training: bool | None = None, mask: NestedTensors | None = None
    ) -> NestedTensors:
        """Return the outputs for inputs in the model's structure (a dict may hold more keys than are used).

        `mask` holds masks of the inputs, nested as they are; without it they have those that they carry.
        """
        return graph_of(self).plan.run(_fitted(self, inputs if mask is None else with_masks(inputs, mask)))

    def _kf_check_inputs(self, inputs: Any) -> None:
        """Do nothing: `call` fits and checks them."""

    # -- config

    def get_config(self) -> dict[str, Any]:
        """Return the graph in Keras's format: the layers with their nodes, by name."""
        if (
            type(self) is not Functional
            and type(self).__init__ is not Functional.__init__
            and not _plain_subclass(self)
        ):
            return Layer.get_config(self)
        graph = graph_config(graph_of(self))
        return {"name": self.name, "trainable": self.trainable, **graph}

    @staticmethod
    def graph_from_config(cls: type, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Model:
        """Return a model of `cls` from what `get_config` returned."""
        with serialization.custom_object_scope(custom_objects or {}):
            inputs, outputs = ends_from_config(config)
        extra = {
            k: v for k, v in config.items() if k not in ("layers", "input_layers", "output_layers", "name", "trainable")
        }
        target = Functional if cls is Model else cls
        model = target(inputs=inputs, outputs=outputs, name=config.get("name"), **extra)
        if config.get("trainable") is False:
            model.trainable = False
        return model


def graph_of(model: Model) -> Graph:
    """Return the graph of a functional model; raises AttributeError where it has none."""
    graph = model._kf.graph
    if graph is None:
        raise AttributeError(f"The model '{model.name}' has no graph: its constructor wasn't given inputs and outputs.")
    return graph


def _fitted(model: Model, inputs: Any) -> list[Any]:
    """Return the inputs as a flat list in the model's order, of the ranks and dtypes that it expects."""
    graph, entry = graph_of(model), model._kf.entry
    assert entry is not None
    if isinstance(graph.inputs, KerasTensor) and not isinstance(inputs, (list, tuple, dict)):
        return [entry.fitted(inputs, 0, model)]
    return [entry.fitted(x, i, model) for i, x in enumerate(graph.plan.arrange(inputs, entry.optional, model))]


def _plain_subclass(model: Functional) -> bool:
    return "__init__" not in type(model).__dict__


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
