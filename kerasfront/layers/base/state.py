"""What a layer keeps for itself: one typed object, in its one private attribute."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeGuard

from kerasfront import scopes
from kerasfront.contract import Runtime, running
from kerasfront.derived import Derived
from kerasfront.dtype_policies import DTypePolicy, DTypePolicyMap
from kerasfront.dtype_policies.policy import dtype_policy
from kerasfront.errors import has_state_of_keras, not_one
from kerasfront.metrics.metric import Metric
from kerasfront.random.seed_generator import SeedGenerator
from kerasfront.scopes import context
from kerasfront.spec import OperationState
from kerasfront.tracking import TrackingState
from kerasfront.variable import Variable

if TYPE_CHECKING:
    from kerasfront.layers.base.layer import Layer
    from kerasfront.layers.remat import RematScope
    from kerasfront.typing import Tensor

active: Runtime = running()


class LayerCache(Derived):
    """What a layer derives from its state: what was gathered from its tree, and whether its calls may be short."""

    # Native dtypes of inputs that need nothing but `call`; None: every call takes the general way.
    passed: frozenset[Any] | None = None
    # Whether it was decided if calls may be short.
    decided = False
    warned_of_mask = False

    def __init__(self) -> None:
        # What was gathered, with the version of all trees at that time.
        self.gathered: dict[str, tuple[int, Any]] = {}

    def forget_path(self) -> None:
        """Decide anew, at the next call, whether calls may be short."""
        self.passed, self.decided = None, False


class LayerState(OperationState, TrackingState):
    """The state of a layer that is no public attribute."""

    _kf_unwatched = frozenset(
        {
            "variables", "layers", "metrics", "seed_generators", "call_states", "losses", "nodes", "arguments", "cache",
            "path", "build_shapes", "is_building", "initialized",
        }
    )  # fmt: skip

    # What it holds itself, without what is in the layers inside.
    variables: list[Variable]
    layers: list[Layer]
    metrics: list[Metric]
    seed_generators: list[SeedGenerator]
    # Variables that keep something from call to call, and are no weights.
    call_states: list[Variable]
    # What `add_loss` was given in the last call.
    losses: list[Tensor]
    cache: LayerCache
    policy: DTypePolicy
    # The map that it was given in place of a policy.
    policy_map: DTypePolicyMap | None = None
    trainable = True
    # Whether `compute_mask` makes a mask of its own.
    makes_mask = False
    supports_jit = True
    # Whether methods of the user's own say what the outputs will be.
    promises = False
    path: str | None = None
    # The `input_shape` or `input_dim` of the constructor, for the first layer of a Sequential.
    input_shape: tuple[int | None, ...] | None = None
    # An InputSpec, or nested ones.
    input_spec: Any = None
    # What `build` was called with, by its parameters; they go into files.
    build_shapes: dict[str, Any] | None = None
    is_building = False
    # Whether the constructor of Layer has run.
    initialized = False
    remat: RematScope | None = None

    @classmethod
    def fields(cls, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the first values of a new layer's state, which is made with these arguments."""
        values = {
            "variables": [], "layers": [], "metrics": [], "seed_generators": [], "call_states": [], "losses": [],
            "nodes": [], "arguments": (args, kwargs), "cache": cls.make_cache(),
            "policy": dtype_policy(),
        }  # fmt: skip
        if context.remat:
            values["remat"] = context.remat[-1]
        return values

    @staticmethod
    def make_cache() -> LayerCache:
        return LayerCache()

    # -- tracking

    def group_of(self, value: object) -> list[Any] | None:
        if isinstance(value, Variable):
            return self.variables
        if is_layer(value):
            return self.layers
        if isinstance(value, Metric):
            return self.metrics
        return self.seed_generators if isinstance(value, SeedGenerator) else None

    def groups(self) -> Iterable[list[Any]]:
        return self.variables, self.layers, self.metrics, self.seed_generators

    def adapt(self, owner: Layer, name: str, value: object) -> Any:
        """Return a layer of the framework itself as one of ours, or as a list or dict of such."""
        kind: Any = type(value)
        if has_state_of_keras(kind):
            raise not_one(f"`{name}` of {type(owner).__name__} to be a layer, a Variable or plain", value)
        if isinstance(value, active.adapter.foreign_layers) and not is_layer(value):
            return foreign_wrappers[active.adapter.name].wrap(value)
        return value

    def ends(self, before: object, value: object) -> bool:
        # A tensor in the place of a Variable may be there for one call only: the Variable stays the layer's.
        return value is None or isinstance(value, Variable) or not isinstance(before, Variable)

    def added(self, owner: Layer, name: str, value: object) -> None:
        scopes.structure.change()
        if is_layer(value):
            if type(owner)._kf_needs_no_build and not value.built:
                owner.built = False
            active.adapter.track(owner, name, value)
        elif isinstance(value, Variable):
            active.adapter.track(owner, value.name, value)

    def removed(self, owner: Layer, value: object) -> None:
        if is_layer(value) or isinstance(value, Variable):
            active.adapter.untrack(owner, value)
        scopes.structure.change()

    # -- copies

    def __getstate__(self) -> dict[str, Any]:
        # The nodes belong to the graphs that a layer is used in; a copied model brings its own.
        return {**vars(self), "nodes": [], "losses": []}


def is_layer(value: object) -> TypeGuard[Layer]:
    """Whether a value is a layer: it has the state of one."""
    return isinstance(getattr(value, "_kf", None), LayerState)


# By the name of the backend: the layer class that wraps layers of its framework. The class enters itself.
foreign_wrappers: dict[str, type[Any]] = {}
