"""What compile() was told of losses and metrics, as one loss and one group of metrics over the model's outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kerasfront import losses as losses_namespace
from kerasfront import metrics as metrics_namespace
from kerasfront import ops, tree
from kerasfront.errors import KerasFrontError, ShapeError
from kerasfront.losses.loss import Loss, LossFunctionWrapper
from kerasfront.metrics.metric import Metric
from kerasfront.metrics.reduction_metrics import Mean, MeanMetricWrapper

_ACCURACY = ("accuracy", "acc")
_CROSSENTROPY = ("crossentropy", "ce")


def _is_function_like(value: Any) -> bool:
    return (
        value is None
        or callable(value)
        or isinstance(value, str)
        or (isinstance(value, dict) and "class_name" in value)
    )


def _name_of(function: Any) -> str:
    name = getattr(function, "__name__", None) or getattr(function, "name", None)
    return str(name) if name else type(function).__name__.lower()


def loss_from(value: Any) -> Loss | None:
    """A Loss from a Loss, a name, a config or a function."""
    if value is None or isinstance(value, Loss):
        return value
    found = losses_namespace.get(value)
    return found if isinstance(found, Loss) else LossFunctionWrapper(found, name=_name_of(found))


class Outputs:
    """The model's outputs as a flat list, with the names by which losses and metrics may be given."""

    def __init__(self, y_pred: Any, names: Sequence[str] | None) -> None:
        self.count = len(tree.flatten(y_pred))
        self.keys: list[str] | None = None
        if isinstance(y_pred, dict):
            self.keys = [str(k) for k in sorted(y_pred)] if len(y_pred) == self.count else None
        self.names = list(names) if names and len(names) == self.count else self.keys
        self.is_dict = self.keys is not None

    def label(self, index: int) -> str:
        return self.names[index] if self.names else f"output_{index}"

    def spread(self, value: Any, what: str) -> list[Any]:
        """One entry an output, from a list in their order or a dict by their names."""
        if value is None:
            return [None] * self.count
        if isinstance(value, dict):
            known = [n for n in {*(self.names or ()), *(self.keys or ())}]
            strange = [k for k in value if k not in known]
            if strange:
                raise ValueError(
                    f"`{what}` names {', '.join(map(repr, strange))}; the model's outputs are "
                    f"{', '.join(sorted(known)) or 'unnamed'}."
                )
            return [value.get(self.label(i), value.get(self.keys[i]) if self.keys else None) for i in range(self.count)]
        flat = list(value)
        if len(flat) != self.count:
            raise ValueError(f"`{what}` has {len(flat)} entries for {self.count} outputs.")
        return flat


def flatten_targets(y: Any, y_pred: Any, what: str) -> list[Any]:
    """The targets in the order of the flattened predictions."""
    if isinstance(y_pred, dict) and isinstance(y, dict):
        missing = [k for k in y_pred if k not in y]
        if len(missing) < len(y_pred):
            return [y.get(k) for k in sorted(y_pred)]
        raise ValueError(f"`{what}` has the keys {sorted(y)}, the outputs have {sorted(y_pred)}.")
    flat = tree.flatten(y)
    count = len(tree.flatten(y_pred))
    if len(flat) != count:
        raise ValueError(f"`{what}` has {len(flat)} arrays for {count} output(s) of the model.")
    return flat


class CompileLoss:
    """The sum of the outputs' losses, weighted; with a tracker for each where there are several."""

    def __init__(self, loss: Any, loss_weights: Any = None, output_names: Sequence[str] | None = None) -> None:
        self.given, self.weights_given, self.output_names = loss, loss_weights, output_names
        self.losses: list[Loss | None] = []
        self.weights: list[Any] = []
        self.trackers: list[Mean] = []
        self.built = False
        # Names and configs are checked at once, so that a wrong one fails in compile().
        self._resolved = tree.map_structure(loss_from, loss) if not _is_function_like(loss) else loss_from(loss)

    def build(self, y_pred: Any) -> None:
        outputs = Outputs(y_pred, self.output_names)
        if _is_function_like(self.given):
            self.losses = [self._resolved] * outputs.count
        else:
            self.losses = outputs.spread(self._resolved, "loss")
        weights = self.weights_given
        if isinstance(weights, (int, float)):
            weights = [weights] * outputs.count
        self.weights = outputs.spread(weights, "loss_weights")
        if outputs.count > 1:
            self.trackers = [
                Mean(name=f"{outputs.label(i)}_loss") for i, loss in enumerate(self.losses) if loss is not None
            ]
        self.built = True

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss, a scalar tensor."""
        if not self.built:
            self.build(y_pred)
        if len(self.losses) == 1 and not isinstance(y_pred, (list, tuple, dict)):
            loss = self.losses[0]
            value = None if loss is None else _computed(loss, _only(y), y_pred, _only(sample_weight))
            weight = self.weights[0]
            return value if weight is None or value is None else value * weight
        return self._several(y, y_pred, sample_weight)

    def _several(self, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        predictions = tree.flatten(y_pred)
        targets = flatten_targets(y, y_pred, "y")
        weights = [None] * len(predictions) if sample_weight is None else tree.flatten(sample_weight)
        if len(weights) == 1:
            weights = weights * len(predictions)
        total, trackers = None, iter(self.trackers)
        for target, prediction, weight, loss, factor in zip(
            targets, predictions, weights, self.losses, self.weights, strict=True
        ):
            if loss is None:
                continue
            value = _computed(loss, target, prediction, weight)
            if self.trackers:
                next(trackers).update_state(ops.stop_gradient(value), sample_weight=_rows(prediction))
            value = value if factor is None else value * factor
            total = value if total is None else total + value
        return total

    @property
    def adds_up(self) -> bool:
        """Whether the loss of joined batches is the mean of theirs."""
        return all(loss is None or loss.adds_up for loss in self.losses)

    def get_config(self) -> Any:
        return self.given


def _computed(loss: Loss, target: Any, prediction: Any, weight: Any) -> Any:
    """The loss; where it fails on shapes that differ, the error says them."""
    if target is None:
        raise ValueError(f"The loss '{loss.name}' needs targets: y is None.")
    try:
        return loss(target, prediction, sample_weight=weight)
    except Exception as error:
        ours, theirs = _shown(target), _shown(prediction)
        if isinstance(error, KerasFrontError) or ours == theirs:
            raise
        raise ShapeError(
            f"The loss '{loss.name}' can't compare targets of shape {ours} with predictions of shape {theirs}: {error}"
        ) from error


def _shown(x: Any) -> tuple[int | None, ...]:
    return tuple(None if d is None else int(d) for d in x.shape)


def _only(value: Any) -> Any:
    """The array in a structure that holds one."""
    if not isinstance(value, (list, tuple, dict)):
        return value
    flat = tree.flatten(value)
    return flat[0] if len(flat) == 1 else value


def _rows(x: Any) -> Any:
    return ops.shape(x)[0]


class CompileMetrics:
    """The metrics that compile() was given, one group an output."""

    def __init__(self, metrics: Any, weighted_metrics: Any = None, output_names: Sequence[str] | None = None) -> None:
        self.given, self.weighted_given, self.output_names = metrics, weighted_metrics, output_names
        self.entries: list[tuple[int, Metric, bool]] = []
        self.names: list[str] = []
        self.built = False
        for value in tree.flatten([metrics, weighted_metrics]):
            if isinstance(value, str) and value not in (*_ACCURACY, *_CROSSENTROPY):
                metrics_namespace.get(value)  # a wrong name fails in compile()

    @property
    def metrics(self) -> list[Metric]:
        return [metric for _, metric, _ in self.entries]

    def build(self, y: Any, y_pred: Any) -> None:
        outputs = Outputs(y_pred, self.output_names)
        predictions = tree.flatten(y_pred)
        targets = flatten_targets(y, y_pred, "y") if y is not None else [None] * outputs.count
        for given, weighted in ((self.given, False), (self.weighted_given, True)):
            for index, group in enumerate(self._groups(given, outputs)):
                for value in group:
                    metric = metric_from(value, targets[index], predictions[index])
                    if metric is not None:
                        self.entries.append((index, metric, weighted))
                        name = value if isinstance(value, str) else metric.name
                        self.names.append(f"{outputs.label(index)}_{name}" if outputs.count > 1 else name)
        self.names = _distinct(self.names)
        self.built = True

    def _groups(self, given: Any, outputs: Outputs) -> list[list[Any]]:
        if given is None:
            return [[]] * outputs.count
        if isinstance(given, dict):
            groups = outputs.spread(given, "metrics")
        elif outputs.count == 1:
            flat = given if isinstance(given, (list, tuple)) else [given]
            groups = [[v for v in flat for v in (v if isinstance(v, (list, tuple)) else [v])]]
        else:
            groups = outputs.spread(given, "metrics")
        return [list(g) if isinstance(g, (list, tuple)) else [] if g is None else [g] for g in groups]

    @property
    def adds_up(self) -> bool:
        """Whether joined batches are to each metric as one after the other."""
        return all(metric.adds_up for metric in self.metrics)

    def update_state(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if not self.built:
            self.build(y, y_pred)
        if not self.entries:
            return
        predictions = tree.flatten(y_pred)
        targets = flatten_targets(y, y_pred, "y") if y is not None else [None] * len(predictions)
        weights = [None] * len(predictions) if sample_weight is None else tree.flatten(sample_weight)
        if len(weights) == 1:
            weights = weights * len(predictions)
        for index, metric, weighted in self.entries:
            metric.update_state(
                targets[index], predictions[index], **({"sample_weight": weights[index]} if weighted else {})
            )

    def result(self, of: Callable[[Metric], Any]) -> dict[str, Any]:
        """What `of` gives for each metric, by name."""
        out: dict[str, Any] = {}
        for name, metric in zip(self.names, self.metrics, strict=True):
            value = of(metric)
            out.update(value if isinstance(value, dict) else {name: value})
        return out


def _distinct(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, -1) + 1
        out.append(name if not seen[name] else f"{name}_{seen[name]}")
    return out


def metric_from(value: Any, y_true: Any, y_pred: Any) -> Metric | None:
    """A Metric from a Metric, a name or a function; "accuracy" and "crossentropy" by the shapes of the targets."""
    if value is None or isinstance(value, Metric):
        return value
    if isinstance(value, str) and value in (*_ACCURACY, *_CROSSENTROPY):
        kind = _kind(y_true, y_pred)
        table = _ACCURACY_BY_KIND if value in _ACCURACY else _CROSSENTROPY_BY_KIND
        return table[kind](name=value)
    found = metrics_namespace.get(value)
    if isinstance(found, type):
        found = found()
    return found if isinstance(found, Metric) else MeanMetricWrapper(found, name=_name_of(found))


def _kind(y_true: Any, y_pred: Any) -> str:
    """Whether predictions are of one probability, of several with one-hot targets, or with class numbers."""
    truth: Any = getattr(y_true, "shape", ())
    predicted = y_pred.shape
    if len(predicted) and predicted[-1] == 1:
        return "binary"
    sparse = len(truth) < len(predicted) or (len(truth) and truth[-1] == 1 and predicted[-1] != 1)
    return "sparse" if sparse else "categorical"


_ACCURACY_BY_KIND = {
    "binary": metrics_namespace.BinaryAccuracy,
    "categorical": metrics_namespace.CategoricalAccuracy,
    "sparse": metrics_namespace.SparseCategoricalAccuracy,
}
_CROSSENTROPY_BY_KIND = {
    "binary": metrics_namespace.BinaryCrossentropy,
    "categorical": metrics_namespace.CategoricalCrossentropy,
    "sparse": metrics_namespace.SparseCategoricalCrossentropy,
}
