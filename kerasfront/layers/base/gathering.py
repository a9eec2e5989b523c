"""What is gathered from the layers inside one: variables, weights, metrics, and what is done with all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from kerasfront import scopes
from kerasfront.arguments import as_bool
from kerasfront.errors import NotBuiltError, ShapeError
from kerasfront.layers.base.state import LayerState
from kerasfront.metrics.metric import Metric
from kerasfront.variable import Variable

if TYPE_CHECKING:
    from kerasfront.layers.base.layer import Layer

T = TypeVar("T")


def layers_of_tree(layer: Gathering) -> tuple[Layer, ...]:
    """Return a layer and all layers inside it, at any depth, each once; the layer itself comes first."""

    def walk() -> tuple[Layer, ...]:
        layers: dict[int, Layer] = {}
        pending: list[Any] = [layer]
        while pending:
            inner = pending.pop()
            if id(inner) not in layers:
                layers[id(inner)] = inner
                pending.extend(reversed(inner._kf.layers))
        return tuple(layers.values())

    return cached(layer, "layers", walk)


def layers_inside(layer: Gathering) -> tuple[Layer, ...]:
    """Return all layers inside a layer, at any depth, each once."""
    return layers_of_tree(layer)[1:]


def cached(layer: Gathering, key: str, gather: Callable[[], T]) -> T:
    """Return what `gather` returns, gathered again only after the tree of any layer has changed."""
    version = scopes.structure.version
    cache: dict[str, tuple[int, Any]] = layer._kf.cache.gathered
    entry = cache.get(key)
    if entry is None or entry[0] != version:
        entry = cache[key] = (version, gather())
    value: T = entry[1]
    return value


def gather(layer: Gathering, of_layer: Callable[[Layer], Iterable[T]]) -> list[T]:
    """Return what `of_layer` gives for the layers of a tree, each once."""
    return list({id(v): v for inner in layers_of_tree(layer) for v in of_layer(inner)}.values())


def own_weights(layer: Layer) -> list[Variable]:
    """Return the weights of a layer itself, in the order of files: first those that were made to be trained."""
    return sorted(layer._kf.variables, key=lambda v: not v.born_trainable)


def regularization_losses(layer: Gathering) -> list[Any]:
    """Return the penalties of the trained weights of a tree."""

    def regularized() -> list[Variable]:
        return [v for v in layer.trainable_weights if v.regularizer is not None]

    return [v.regularizer(v.value) for v in cached(layer, "regularized", regularized) if v.regularizer]


def clear_losses(layer: Gathering) -> None:
    """Forget what `add_loss` was given in a tree."""
    for inner in layers_of_tree(layer):
        if inner._kf.losses:
            inner._kf.losses.clear()


class Gathering:
    """The part of `Layer` that looks into the tree of layers of which it is the root."""

    _kf: LayerState
    built: bool

    @property
    def path(self) -> str:
        """The names of the layers around it and its own, joined by "/"; its name before it is built."""
        raise NotImplementedError

    @property
    def weights(self) -> list[Variable]:
        """The variables of this layer and those inside it, without seeds and metrics.

        Of each layer those come first that were made to be trained; freezing one later doesn't move it.
        """
        return list(cached(self, "weights", lambda: gather(self, own_weights)))

    @property
    def variables(self) -> list[Variable]:
        """The weights, the states of seed generators, and what is kept from call to call (of stateful layers)."""

        def states(layer: Gathering) -> tuple[Variable, ...]:
            return (*(g.state for g in layer._kf.seed_generators), *layer._kf.call_states)

        return list({id(v): v for v in (*self.weights, *gather(self, states))}.values())

    @property
    def trainable_variables(self) -> list[Variable]:
        """The weights that are trained."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that are not trained: frozen weights, statistics, seeds."""
        return [v for v in self.variables if not v.trainable]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that are trained."""
        return list(cached(self, "trainable", lambda: [v for v in self.weights if v.trainable]))

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that are not trained."""
        return [v for v in self.weights if not v.trainable]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that this layer and those inside it hold."""
        return gather(self, lambda layer: layer._kf.metrics)

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of the metrics."""
        return [v for m in self.metrics for v in m.variables]

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Return the values of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set `weights` from arrays in the same order.

        Raises:
            ValueError: The number of arrays isn't that of the weights.
            ShapeError: An array has another shape than its weight. Nothing is set then.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(f"The layer '{self.path}' has {len(own)} weights; {len(weights)} arrays came.")
        for variable, value in zip(own, weights, strict=True):
            if tuple(np.shape(value)) != variable.shape:
                raise ShapeError(
                    f"The weight '{variable.path}' has the shape {variable.shape}; an array of {np.shape(value)} came."
                )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        """Return the number of scalars in `weights`; raises NotBuiltError before the layer is built."""
        if not self.built:
            raise NotBuiltError(f"The layer '{self.path}' isn't built: call it on data, or build(input_shape), first.")
        return sum(int(np.prod(v.shape)) for v in self.weights)

    @property
    def trainable(self) -> bool:
        """Whether the weights may be trained; setting it sets it for the layers inside too."""
        return self._kf.trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = as_bool(value, "trainable", f"the layer '{self.path}'")
        for layer in layers_of_tree(self):
            layer._kf.trainable = value
            for variable in layer._kf.variables:
                if variable.born_trainable and not variable.stays_frozen:
                    variable.trainable = value
