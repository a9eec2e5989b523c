"""What a model keeps for its training, beside the state of a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kerasfront.layers.base.state import LayerCache, LayerState
from kerasfront.metrics.metric import Metric
from kerasfront.metrics.reduction_metrics import Mean
from kerasfront.training.objectives import CompileLoss, CompileMetrics

if TYPE_CHECKING:
    from kerasfront.training.trainer import Trainer


class ModelCache(LayerCache):
    """What a model derives from its state: its compiled steps, and which of them have run."""

    def __init__(self) -> None:
        super().__init__()
        self.forget_functions()

    def forget_functions(self) -> None:
        """Make the compiled steps anew when they are next needed."""
        # By kind: "train", "test", "predict", and "train_on_batch", "test_on_batch".
        self.functions: dict[str, Any] = {}
        self.announced_mode = False
        self.warned_of_compile = False
        # The kinds of steps that went through an epoch: a program for several at once is worth making for the next.
        self.completed: set[str] = set()


class ModelState(LayerState):
    """The state of a model: what `compile` was given, and what was made of it."""

    cache: ModelCache
    # The arguments of compile(), by name; they go into files. None: it wasn't called.
    compile_arguments: Mapping[str, Any] | None = None
    compile_loss: CompileLoss | None = None
    compile_metrics: CompileMetrics | None = None
    loss_tracker: Mean | None = None
    # A loss that a model of the user's own has set as an attribute, as a tuple of one.
    own_loss: tuple[Any] | None = None
    # The epoch at which an interrupted training goes on, which BackupAndRestore says.
    initial_epoch: int | None = None

    @staticmethod
    def make_cache() -> ModelCache:
        return ModelCache()


def training_metrics(model: Trainer) -> list[Metric]:
    """Return the metrics that compile() made: the mean loss, the given metrics, and the losses of several outputs."""
    state = model._kf
    if state.loss_tracker is None or state.compile_metrics is None:
        return []
    metrics: list[Metric] = [state.loss_tracker]
    if not state.compile_metrics.is_empty:
        metrics.append(state.compile_metrics)
    return metrics + (state.compile_loss.trackers if state.compile_loss is not None else [])


def has_own(model: Trainer, name: str) -> bool:
    """Whether the model's class, or the model alone, has a form of its own of one of Trainer's methods."""
    return name in vars(model) or getattr(type(model), name) is not type(model)._kf_defaults[name]


def has_default_step(model: Trainer, name: str) -> bool:
    """Whether a step is Trainer's own, with its metrics: these may be read later then."""
    return not (has_own(model, name) or has_own(model, "compute_metrics"))
