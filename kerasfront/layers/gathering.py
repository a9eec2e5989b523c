"""What is gathered from the layers inside one: variables, weights, metrics, and what is done with all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from kerasfront import scopes
from kerasfront.arguments import as_bool
from kerasfront.derived import Derived
from kerasfront.errors import NotBuiltError, ShapeError
from kerasfront.metrics.metric import Metric
from kerasfront.random.seed_generator import SeedGenerator
from kerasfront.variable import Variable


class OfLayer(Derived):
    """What a layer derives: what was gathered from its tree, and whether its calls may be short."""

    # Dtypes of inputs that need nothing but `call`; None: every call takes the general way.
    passed: frozenset[Any] | None = None
    decided = False
    told_of_mask = False

    def __init__(self) -> None:
        # What was gathered, with the version of all trees at that time.
        self.gathered: dict[str, tuple[int, Any]] = {}

    def forget_path(self) -> None:
        self.passed, self.decided = None, False


class Gathering:
    """The part of `Layer` that looks into the tree of layers of which it is the root."""

    # What it holds itself.
    _own: list[Variable]
    _layers: list[Any]
    _metrics: list[Metric]
    _seed_generators: list[SeedGenerator]
    _call_states: list[Variable]
    _derived: OfLayer
    _trainable: bool
    built: bool
    path: Any

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> Sequence[Any]:
        """The layers of the tree, this one first."""
        if not recursive:
            return [self, *self._layers] if include_self else list(self._layers)
        everything: tuple[Any, ...] = self._kept("layers", self._walk)
        return everything if include_self else everything[1:]

    def _walk(self) -> tuple[Any, ...]:
        found: dict[int, Any] = {}
        pending: list[Any] = [self]
        while pending:
            layer = pending.pop()
            if id(layer) not in found:
                found[id(layer)] = layer
                pending.extend(reversed(layer._layers))
        return tuple(found.values())

    def _kept(self, key: str, make: Callable[[], Any]) -> Any:
        """What `make` gathers from the tree, gathered again only after a tree has changed."""
        version = scopes.structure.version
        gathered = self._derived.gathered
        kept = gathered.get(key)
        if kept is None or kept[0] != version:
            kept = gathered[key] = (version, make())
        return kept[1]

    def _gather(self, of_layer: Callable[[Any], Iterable[Any]]) -> list[Any]:
        found = {id(v): v for layer in self._flatten_layers() for v in of_layer(layer)}
        return list(found.values())

    @property
    def weights(self) -> list[Variable]:
        """The variables of this layer and those inside it, without seeds and metrics.

        Of each layer those come first that were made to be trained; freezing one later doesn't move it.
        """
        return list(self._kept("weights", self._all_weights))

    def _all_weights(self) -> list[Variable]:
        return self._gather(lambda layer: sorted(layer._own, key=lambda v: not v.born_trainable))

    @property
    def variables(self) -> list[Variable]:
        """The weights, the states of seed generators, and what is kept from call to call (of stateful layers)."""
        others = self._gather(lambda layer: (*(g.state for g in layer._seed_generators), *layer._call_states))
        return list({id(v): v for v in (*self.weights, *others)}.values())

    @property
    def trainable_variables(self) -> list[Variable]:
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        return [v for v in self.variables if not v.trainable]

    @property
    def trainable_weights(self) -> list[Variable]:
        return list(self._kept("trainable", lambda: [v for v in self.weights if v.trainable]))

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if not v.trainable]

    @property
    def metrics(self) -> list[Metric]:
        return self._gather(lambda layer: layer._metrics)

    @property
    def metrics_variables(self) -> list[Variable]:
        return [v for m in self.metrics for v in m.variables]

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """The values of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Set `weights` from arrays in the same order; raises ValueError where number or shapes differ."""
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
        """The number of scalars in `weights`; raises NotBuiltError before the layer is built."""
        if not self.built:
            raise NotBuiltError(f"The layer '{self.path}' isn't built: call it on data, or build(input_shape), first.")
        return sum(int(np.prod(v.shape)) for v in self.weights)

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = as_bool(value, "trainable", f"the layer '{self.path}'")
        for layer in self._flatten_layers():
            layer._trainable = value
            for variable in layer._own:
                if variable.born_trainable and not variable.stays_frozen:
                    variable.trainable = value
