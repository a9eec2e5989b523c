"""What models keep beside the state of training: a functional model its graph, a Sequential its stack of layers."""

from __future__ import annotations

from typing import Any

from kerasfront import tree
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.core_input import InputLayer
from kerasfront.models.entry import Entry
from kerasfront.models.graph import Graph, put_back, recorded
from kerasfront.spec import KerasTensor
from kerasfront.training.state import ModelState


class GraphState(ModelState):
    """The state of a model that may be functional."""

    graph: Graph | None = None
    # What the model says of its inputs.
    entry: Entry | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The graph comes first, so that copies and pickles never follow it into its depth.
        return {"graph": self.graph, **super().__getstate__()}


class SequentialState(GraphState):
    """The state of a Sequential."""

    stack: list[Layer]
    # The symbolic ends, once the input is known; and the Input, which is no part of files.
    input: KerasTensor | None = None
    output: Any = None
    input_layer: InputLayer | None = None

    @classmethod
    def fields(cls, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**super().fields(layer, args, kwargs), "stack": []}

    def __getstate__(self) -> dict[str, Any]:
        return {"recorded": recorded(tree.flatten(self.output)), **super().__getstate__()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        put_back(state.pop("recorded"))
        super().__init__(**state)
