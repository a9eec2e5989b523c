"""train_on_batch, test_on_batch and predict_on_batch: one batch that stands for itself."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasfront import settings, tree
from kerasfront.contract import Runtime, running
from kerasfront.data.arrays import as_arrays, cast_floats
from kerasfront.data.batches import BATCH_SIZE
from kerasfront.metrics.metric import host_values
from kerasfront.spec import dtypes
from kerasfront.training.functions import StepFunction
from kerasfront.training.loop import current_function, make_function, to_host
from kerasfront.training.preparation import prepare
from kerasfront.training.state import has_default_step, has_own
from kerasfront.training.steps import host_logs
from kerasfront.typing import NestedTensors

if TYPE_CHECKING:
    from kerasfront.training.trainer import Data, Predictions, Trainer

active: Runtime = running()


def train(
    model: Trainer, x: NestedTensors | None, y: NestedTensors | None, sample_weight: NestedTensors | None
) -> dict[str, Any]:
    """Update the weights by a batch; return the metrics of this batch alone."""
    data = _batch(x, y, sample_weight, has_own(model, "train_step"))
    if "train_on_batch" not in model._kf.cache.functions or not model.built:
        prepare(model, data, "train_step")
    return _logs(model, _function(model, "train")(data), "train_step")


def test(
    model: Trainer, x: NestedTensors | None, y: NestedTensors | None, sample_weight: NestedTensors | None
) -> dict[str, Any]:
    """Return the metrics of a batch alone."""
    data = _batch(x, y, sample_weight, has_own(model, "test_step"))
    if "test_on_batch" not in model._kf.cache.functions or not model.built:
        prepare(model, data, "test_step")
    with active.adapter.no_gradient():
        out = _function(model, "test")(data)
    return _logs(model, out, "test_step")


def predict(model: Trainer, x: Data) -> Predictions:
    """Return the predictions for a batch, as NumPy arrays."""
    data = _batch(x)
    if not model.built:
        prepare(model, data, "predict_step")
    with active.adapter.no_gradient():
        return to_host(current_function(model, "predict", False)(data))


def is_one_batch(x: Data, batch_size: int | None) -> bool:
    """Whether x is an array of numbers that fits into a batch."""
    if type(x) is not np.ndarray or not x.ndim or x.dtype.kind not in "biuf":
        return False
    size = BATCH_SIZE if batch_size is None else batch_size
    return isinstance(size, int) and 0 < len(x) <= size


def flat(logs: dict[str, Any]) -> float | list[float]:
    """Return the values of logs in order, the loss first; one alone stands for itself."""
    values = [logs["loss"], *(v for k, v in logs.items() if k != "loss")] if "loss" in logs else list(logs.values())
    return values[0] if len(values) == 1 else values


def _function(model: Trainer, kind: str) -> Callable[..., Any]:
    """Return the step on a batch that stands for itself: the metrics begin with it."""
    functions = model._kf.cache.functions
    if has_own(model, f"make_{kind}_function") or not isinstance(functions.get(kind), (StepFunction, NoneType)):
        model.reset_metrics()
        return current_function(model, kind, False)
    function = functions.get(f"{kind}_on_batch")
    if function is None:
        make_function(model, kind)
        function = functions[f"{kind}_on_batch"] = StepFunction(model, f"{kind}_step", alone=True)
    function.renew(False)
    return function


def _logs(model: Trainer, out: Any, step: str) -> dict[str, Any]:
    with active.adapter.no_gradient():
        logs: dict[str, Any] = host_logs(model) if has_default_step(model, step) else host_values(out)
    return logs


def _batch(x: Any, y: Any = None, sample_weight: Any = None, whole: bool = False) -> tuple[Any, ...]:
    """One batch as steps take it: of arrays and tensors. A step of the user's own gets all three parts, as in Keras."""
    x, y = _part(x, "x"), _part(y, "y")
    if sample_weight is not None or whole:
        return x, y, sample_weight
    return (x,) if y is None else (x, y)


def _part(part: Any, name: str) -> Any:
    """Return a part of a batch: arrays, whose floats are `floatx()`, or tensors."""
    if type(part) is np.ndarray:
        floatx = settings.floatx()
        return part if part.dtype is dtypes.to_numpy(floatx) else cast_floats(part, floatx)
    if part is None or active.adapter.is_tensor(part):
        return part
    return tree.map_structure(_in_floatx, as_arrays(part, name))


def _in_floatx(leaf: Any) -> Any:
    return cast_floats(leaf, settings.floatx()) if isinstance(leaf, np.ndarray) else leaf
