"""clone_model: the same architecture with new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kerasfront import tree
from kerasfront.arguments import names_of, unknown_argument
from kerasfront.layers.base.gathering import layers_of_tree
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.core_input import Input, InputLayer
from kerasfront.layers.preprocessing.lookup import Lookup, take_vocabulary_of
from kerasfront.models.entry import is_optional
from kerasfront.models.model import Functional, Model, graph_of
from kerasfront.models.sequential import Sequential
from kerasfront.spec import KerasTensor
from kerasfront.typing import NestedTensors


def clone_model(
    model: Model,
    input_tensors: NestedTensors | None = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Model:
    """Return a model of the same architecture with layers of its own and new weights.

    What layers learnt that is no weight goes with them: the vocabulary of a lookup or of TextVectorization, with its
    weights in the mode "tf_idf", as Keras does with the bins of Discretization; its cloned lookups know no token. The
    statistics of Normalization are weights, which `set_weights` copies.

    Args:
        model: A Sequential or functional model; a subclassed one is made again from its config.
        input_tensors: Symbolic inputs for the clone; by default new ones like the model's.
        clone_function: Makes the clone of a layer; by default from its config.
        call_function: `(layer, *args, **kwargs)` applies a cloned layer in a functional model.
        recursive: Whether `clone_function` is used inside nested models too.
        **kwargs: None is known.

    Raises:
        ValueError: An argument doesn't fit the kind of model.

    >>> import kerasfront as keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> keras.models.clone_model(model).layers[0] is model.layers[0]
    False
    """
    if kwargs:
        raise unknown_argument("clone_model()", kwargs, names_of(clone_model))
    make = clone_function or _from_config

    def clone(layer: Layer) -> Layer:
        if recursive and isinstance(layer, (Functional, Sequential)):
            return clone_model(layer, clone_function=clone_function, call_function=call_function, recursive=True)
        copy = make(layer)
        if not isinstance(copy, Layer):
            raise ValueError(f"`clone_function` must return a layer; for '{layer.name}' it returned {copy!r}.")
        return copy

    if isinstance(model, Sequential):
        return _clone_sequential(model, input_tensors, clone)
    if isinstance(model, Functional):
        return _clone_functional(model, input_tensors, clone, call_function)
    if clone_function is not None or input_tensors is not None:
        raise ValueError(
            f"`clone_function` and `input_tensors` are for Sequential and functional models; '{model.name}' is a "
            f"subclassed model ({type(model).__name__})."
        )
    return _from_config(model)


def _from_config(layer: Any) -> Any:
    copy = type(layer).from_config(layer.get_config())
    old, new = _lookups(layer), _lookups(copy)
    if len(old) == len(new):
        for knowing, lookup in zip(old, new, strict=True):
            take_vocabulary_of(lookup, knowing)
    return copy


def _lookups(layer: Layer) -> list[Lookup]:
    return [inner for inner in layers_of_tree(layer) if isinstance(inner, Lookup)]


def _clone_sequential(model: Sequential, input_tensors: Any, clone: Callable[[Layer], Layer]) -> Sequential:
    clone_ = Sequential(name=model.name, trainable=model.trainable)
    if input_tensors is not None:
        clone_.add(tree.flatten(input_tensors)[0])
    elif model._kf.input is not None and model._kf.entry is not None and model._kf.entry.casts:
        clone_.add(_like(model._kf.input))
    for layer in model.layers:
        clone_.add(clone(layer))
    if model._kf.input is not None:  # by first data; otherwise it is built
        clone_.build(model._kf.input.shape)
    return clone_


def _like(x: KerasTensor) -> KerasTensor:
    return Input(
        batch_shape=x.shape, dtype=x.dtype, sparse=x.sparse, ragged=x.ragged, optional=is_optional(x), name=x.name
    )


def _clone_functional(model: Functional, input_tensors: Any, clone: Any, call_function: Any) -> Model:
    graph = graph_of(model)
    new_inputs = graph.plan.arrange(input_tensors) if input_tensors is not None else [_like(x) for x in model.inputs]
    if len(new_inputs) != len(model.inputs):
        raise ValueError(
            f"The model '{model.name}' has {len(model.inputs)} inputs; {len(new_inputs)} `input_tensors` came."
        )
    values = {id(x): new for x, new in zip(model.inputs, new_inputs, strict=True)}
    layers: dict[int, Any] = {}
    for node in graph.plan.nodes:
        operation = node.operation
        if isinstance(operation, InputLayer):
            continue
        if id(operation) not in layers:
            layers[id(operation)] = clone(operation) if isinstance(operation, Layer) else operation
        args, kwargs = tree.map_structure(lambda v: values.get(id(v), v), (node.args, node.kwargs))
        apply = layers[id(operation)]
        out = call_function(apply, *args, **kwargs) if call_function is not None else apply(*args, **kwargs)
        results = [x for x in tree.flatten(out) if isinstance(x, KerasTensor)]
        values.update({id(old): new for old, new in zip(node.outputs, results, strict=True)})
    outputs = tree.map_structure(lambda x: values[id(x)], graph.outputs)
    inputs = tree.map_structure(lambda x: values[id(x)], graph.inputs)
    return Model(inputs, outputs, name=model.name)
