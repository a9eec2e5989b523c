"""The symbolic outputs of a layer: by its own methods where it has them, else by running `call` on symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from kerasfront import tree
from kerasfront.contract import assignments
from kerasfront.errors import KerasFrontError
from kerasfront.layers.base.building import build_for_call
from kerasfront.layers.base.calling import add_masks, argument, in_call, set_output_masks
from kerasfront.layers.base.conversion import as_symbol, map_shapes
from kerasfront.layers.base.gathering import layers_of_tree
from kerasfront.layers.base.programs import inferred
from kerasfront.layers.base.signatures import Args, Kwargs, Shapes, arguments_for, as_call, parameters_of
from kerasfront.ops.native_calls import evaluated
from kerasfront.spec import KerasTensor, Node, infer, nodes_of
from kerasfront.typing import NestedShapes, NestedTensors

if TYPE_CHECKING:
    from kerasfront.layers.base.layer import Layer


def is_default(method: Callable[..., Any]) -> bool:
    """Whether a method that says what the outputs are is Layer's own, which finds it out by `call`."""
    return hasattr(method, "_kf_default")


def call_recorded(layer: Layer, args: Args, kwargs: Kwargs) -> KerasTensor:
    """Return the symbolic outputs, with a node that records this call."""
    # The node keeps the masks that were given; those that came with the tensors will come with them again.
    arguments = dict(kwargs)
    previous = add_masks(layer, args, kwargs)
    # A constant, or a weight, is an output like others; its value comes when the graph runs.
    outputs = tree.map_structure(as_symbol, layer.compute_output_spec(*args, **kwargs))
    if previous is not None or layer._kf.makes_mask:
        set_output_masks(layer, argument(layer, type(layer)._kf_call.first, args, kwargs), outputs, previous)
    nodes_of(layer).append(Node(layer, args, arguments, outputs))
    return outputs


def output_spec(layer: Layer, args: Args, kwargs: Kwargs) -> KerasTensor:
    """Return the symbolic outputs: by `compute_output_shape` where the class has one, else by running `call`."""
    function = type(layer).compute_output_shape
    signature = type(layer)._kf_call
    if not is_default(function) and (shapes := signature.shapes(args, kwargs)):
        with suppress(NotImplementedError):
            options = {**dict(zip(signature.names, args, strict=False)), **kwargs}
            named = {p.name: options[p.name] for p in parameters_of(function) if p.name in options}
            a, k = as_call(function, {**named, **arguments_for(function, shapes)})
            return map_shapes(lambda s: KerasTensor(s, layer.compute_dtype), layer.compute_output_shape(*a, **k))
    return by_call(layer, args, kwargs)


def output_shape(layer: Layer, shapes: Args, named_shapes: Kwargs) -> NestedShapes:
    """Return the shapes of the outputs for shapes of the inputs, by place and by name ("query_shape")."""

    def symbolic(shape: Any) -> Any:
        return map_shapes(lambda s: KerasTensor(s, layer.compute_dtype), shape)

    inputs = [symbolic(s) for s in shapes if s is not None]
    named = {k.removesuffix("_shape"): symbolic(s) for k, s in named_shapes.items() if s is not None}
    if named and not named.keys() <= type(layer)._kf_call.parameter_names:  # the names of `build`, in its order
        inputs, named = [*inputs, *named.values()], {}
    if not layer.built:
        build_for_call(layer, tuple(inputs), named)
    if is_default(type(layer).compute_output_spec):
        return _shapes_of(by_call(layer, tuple(inputs), named))
    return _shapes_of(layer.compute_output_spec(*inputs, **named))


def _shapes_of(outputs: NestedTensors) -> NestedShapes:
    return tree.map_structure(lambda x: x.shape, outputs)


def by_call(layer: Layer, args: Args, kwargs: Kwargs) -> KerasTensor:
    """Return the symbolic outputs, by running `call`."""
    if not type(layer)._kf_has_call:
        layer.call()  # which raises
    with _losses_kept(layer):
        return infer(lambda *a, **k: in_call(layer, partial(type(layer)._kf_symbolic_call, layer), a, k), args, kwargs)


def build_by_call(layer: Layer, shapes: Shapes) -> None:
    """Build what is inside a layer by a symbolic call on inputs of these shapes."""

    def tensor(shape: Any) -> KerasTensor:
        return KerasTensor(shape, layer.compute_dtype)

    inputs = {k: map_shapes(tensor, s) for k, s in shapes.items()}
    args, kwargs = type(layer)._kf_call.arguments({k.removesuffix("_shape"): v for k, v in inputs.items()})
    infer(lambda *a, **k: in_call(layer, layer.call, a, k), args, kwargs)


def call_or_evaluate(layer: Layer, args: Args, kwargs: Kwargs) -> KerasTensor:
    """Run `call` on symbolic values; where it calls the framework itself, the adapter evaluates it abstractly."""

    def natively(error: Exception) -> Any:
        if isinstance(error, KerasFrontError) or getattr(error, "_kf_layer", None) is not None:
            raise error
        return _evaluated(layer, args, kwargs, error)

    if type(layer)._kf_calls_own_code:
        return inferred(layer.call, layer, args, kwargs, natively)
    try:
        return layer.call(*args, **kwargs)
    except Exception as error:  # what frameworks and their libraries make of strange values
        return natively(error)


def _evaluated(layer: Layer, args: Args, kwargs: Kwargs, error: Exception) -> Any:
    try:
        with assignments():  # what is assigned on the way has no value
            return evaluated(layer.call, args, kwargs)
    except Exception:  # the first error says what the user's own code did
        raise error from None


@contextmanager
def _losses_kept(layer: Layer) -> Iterator[None]:
    """Inside, losses that a symbolic call adds are forgotten."""
    before = {id(inner): list(inner._kf.losses) for inner in layers_of_tree(layer)}
    try:
        yield
    finally:
        for inner in layers_of_tree(layer):
            inner._kf.losses[:] = before.get(id(inner), [])
