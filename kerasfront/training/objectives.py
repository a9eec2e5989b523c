"""What compile() was told of losses and metrics, as one loss and one group of metrics over the model's outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kerasfront import losses as losses_namespace
from kerasfront import metrics as metrics_namespace
from kerasfront import ops, tree
from kerasfront.data.arrays import as_arrays
from kerasfront.errors import DataError, KerasFrontError, ShapeError
from kerasfront.losses.loss import Loss, LossFunctionWrapper
from kerasfront.metrics.metric import Metric
from kerasfront.metrics.reduction_metrics import Mean, MeanMetricWrapper
from kerasfront.pairing import Pairing
from kerasfront.spec import static_shape
from kerasfront.training import advice
from kerasfront.typing import LossLike, MetricLike, NestedTensors, Tensor

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
    """Return the name of a loss or metric that came as a function."""
    name = getattr(function, "__name__", None) or getattr(function, "name", None)
    return str(name).strip("<>") if name else type(function).__name__.lower()


def _loss_name(value: Any, loss: Loss) -> str:
    """Return what a loss is called: the name by which it was given, or its own."""
    return value if isinstance(value, str) else loss.name


def loss_from(value: Any) -> Loss | None:
    """Return a Loss from a Loss, a name, a config or a function."""
    if value is None or isinstance(value, Loss):
        return value
    advice.check_order(value)
    loss = losses_namespace.get(value)
    return loss if isinstance(loss, Loss) else LossFunctionWrapper(loss, name=_name_of(loss))


class Outputs(Pairing):
    """The places of a model's outputs, and what losses and metrics of each are called in the results.

    The names are Keras's: of an output in a dict its keys, of one in a list its layer's name, where the model is a
    graph; else a loss has its own name, and a metric no name in front.
    """

    def loss_label(self, index: int, own: str) -> str:
        """Return what the loss of an output is called, before `_loss`; `own` is the loss's own name."""
        path = self.paths[index]
        if path and isinstance(path[-1], str):
            return "/".join(map(str, path))
        return "/".join(map(str, (*path[:-1], self.names[index] if self.names else own)))

    def metric_prefix(self, index: int) -> str:
        """Return what stands in front of the names of an output's metrics."""
        path = self.paths[index]
        if self.count == 1:
            return ""
        if all(len(one) == 1 for one in self.paths) and isinstance(path[0], str):
            return f"{path[0]}_"
        return f"{self.names[index]}_" if self.names else ""


class CompileLoss:
    """The sum of the outputs' losses, weighted; with a tracker for each where there are several."""

    def __init__(
        self,
        loss: Any,
        loss_weights: float | Sequence[Any] | Mapping[str, Any] | None = None,
        output_names: Sequence[str] | None = None,
    ) -> None:
        self.losses_argument, self.weights_argument, self.output_names = loss, loss_weights, output_names
        self.outputs: Outputs | None = None
        self.losses: list[Loss | None] = []
        self.weights: list[Any] = []
        self.trackers: list[Mean] = []
        self.sizes: list[int | None] = []  # of the last axis of each output
        # Names and configs are checked at once, so that a wrong one fails in compile().
        self._resolved = _mapped(lambda one: (one, loss_from(one)), loss)

    @property
    def built(self) -> bool:
        return self.outputs is not None

    def build(self, y_pred: NestedTensors | None) -> None:
        outputs = Outputs(y_pred, self.output_names)
        pairs = outputs.pair(self._resolved, "loss", missing=True, spread=True, is_leaf=_is_resolved)
        self.losses = [None if pair is None else pair[1] for pair in pairs]
        self.weights = outputs.pair(
            _numbers(self.weights_argument), "loss_weights", missing=True, spread=True, is_leaf=_is_number
        )
        labels = [outputs.loss_label(i, _loss_name(*pair)) for i, pair in enumerate(pairs) if pair and pair[1]]
        if len(labels) > 1:
            self.trackers = [Mean(name=name) for name in _distinct([f"{label}_loss" for label in labels])]
        self.sizes = [x.shape[-1] if len(getattr(x, "shape", ())) else None for x in outputs.leaves(y_pred)]
        self.outputs = outputs

    def check_kinds(self, y: NestedTensors | None) -> None:
        """Raise a DataError where targets are strings; `y` are arrays or the specs of arrays."""
        if self.outputs is None or y is None:
            return
        for index, target in enumerate(self.outputs.pair(y, "y", missing=True)):
            if (loss := self.losses[index]) is not None and target is not None:
                advice.check_not_strings(loss, target, self._where(index))

    def check_classes(self, y: Any) -> None:
        """Raise a DataError where targets, as they were given as arrays, are no classes of the output they are for."""
        sparse = [index for index, loss in enumerate(self.losses) if advice.is_sparse(loss)]
        if self.outputs is None or y is None or not sparse:
            return
        targets = self.outputs.pair(as_arrays(y, "y"), "y", missing=True)
        for index in sparse:
            target = targets[index]
            if not isinstance(target, np.ndarray) and hasattr(target, "__array__") and not ops.is_tensor(target):
                target = np.asarray(target)  # of another framework, which gives batches on the host
            advice.check_classes(self.losses[index], target, self.sizes[index], self._where(index))

    def __call__(
        self, y: NestedTensors | None, y_pred: NestedTensors | None, sample_weight: NestedTensors | None = None
    ) -> Tensor | None:
        """Return the loss, a scalar tensor; None where no output has one."""
        if self.outputs is None:
            self.build(y_pred)
        assert self.outputs is not None
        predictions = self.outputs.leaves(y_pred)
        targets = self.outputs.pair(y, "y", missing=True)
        weights = self.outputs.pair(sample_weight, "sample_weight", missing=True, spread=True)
        if len(self.losses) == 1:
            return self._one(0, targets[0], predictions[0], weights[0])[1]
        total, trackers = None, iter(self.trackers)
        for index, (target, prediction, weight) in enumerate(zip(targets, predictions, weights, strict=True)):
            value, weighted = self._one(index, target, prediction, weight)
            if value is None:
                continue
            if self.trackers:
                next(trackers).update_state(ops.stop_gradient(value), sample_weight=_rows(prediction))
            total = weighted if total is None else total + weighted
        return total

    def _one(self, index: int, target: Any, prediction: Any, sample_weight: Any) -> tuple[Any, Any]:
        """Return the loss of an output, and what it adds to the sum."""
        loss, factor = self.losses[index], self.weights[index]
        if loss is None:
            return None, None
        if target is None:
            raise DataError(f"The loss '{loss.name}'{self._where(index)} needs targets: `y` is None there.")
        value = _computed(loss, target, prediction, sample_weight)
        return value, value if factor is None else value * factor

    def _where(self, index: int) -> str:
        return f" of the output {self.outputs.called(index)}" if self.outputs and self.outputs.count > 1 else ""

    @property
    def adds_up(self) -> bool:
        """Whether the loss of joined batches is the mean of theirs."""
        return all(loss is None or loss.adds_up for loss in self.losses)

    def get_config(self) -> LossLike | Sequence[Any] | None:
        return self.losses_argument


def _mapped(function: Callable[[Any], Any], losses: Any) -> Any:
    """Return a structure of losses with what the function gives for each."""
    if _is_function_like(losses):
        return function(losses)
    if isinstance(losses, Mapping):
        return {key: _mapped(function, value) for key, value in losses.items()}
    return [_mapped(function, value) for value in losses]


def _is_resolved(value: Any) -> bool:
    return isinstance(value, tuple)


def _numbers(weights: Any) -> Any:
    """Loss weights with lists for arrays of several numbers."""
    return list(weights) if len(getattr(weights, "shape", ())) == 1 else weights


def _is_number(value: Any) -> bool:
    return not isinstance(value, (Mapping, list, tuple))


def _computed(loss: Loss, target: Any, prediction: Any, weight: Any) -> Any:
    """Return the loss; where it fails on shapes that differ, the error says them."""
    try:
        return loss(target, prediction, sample_weight=weight)
    except Exception as error:
        ours, theirs = _static_shape(target), _static_shape(prediction)
        if (hint := advice.of_shapes(advice.kind_of(loss), ours, theirs)) is not None:
            raise ShapeError(
                f"The loss '{loss.name}' can't compare targets of shape {ours} with predictions of shape {theirs}.",
                hint=hint,
            ) from error
        if isinstance(error, KerasFrontError) or ours == theirs:
            raise
        raise ShapeError(
            f"The loss '{loss.name}' can't compare targets of shape {ours} with predictions of shape {theirs}: {error}"
        ) from error


def _static_shape(x: Any) -> tuple[int | None, ...]:
    return static_shape(x.shape)


def _rows(x: Any) -> Any:
    return ops.shape(x)[0]


class CompileMetrics(Metric):
    """The metrics that compile() was given, as one: its result is a dict of theirs."""

    def __init__(
        self,
        metrics: MetricLike | Sequence[Any] | None,
        weighted_metrics: MetricLike | Sequence[Any] | None = None,
        output_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(name="compile_metrics")
        self.metrics_argument, self.weighted_argument, self.output_names = metrics, weighted_metrics, output_names
        self.outputs: Outputs | None = None
        self.entries: list[tuple[int, Metric, bool]] = []
        self.names: list[str] = []
        for value in tree.flatten([metrics, weighted_metrics]):
            if isinstance(value, str) and value not in (*_ACCURACY, *_CROSSENTROPY):
                metrics_namespace.get(value)  # a wrong name fails in compile()

    @property
    def is_empty(self) -> bool:
        """Whether compile() was given none."""
        return all(value is None for value in tree.flatten([self.metrics_argument, self.weighted_argument]))

    @property
    def built(self) -> bool:
        return self.is_empty or self.outputs is not None

    @property
    def metrics(self) -> list[Metric]:
        """Each of them, once it is known to which output it belongs."""
        return [metric for _, metric, _ in self.entries]

    def build(self, y: NestedTensors | None, y_pred: NestedTensors | None) -> None:
        outputs = Outputs(y_pred, self.output_names)
        predictions, targets = outputs.leaves(y_pred), outputs.pair(y, "y", missing=True)
        groups = [
            outputs.pair(argument, what, missing=True, groups=True, is_leaf=_is_metric)
            for argument, what in ((self.metrics_argument, "metrics"), (self.weighted_argument, "weighted_metrics"))
        ]
        for index, pair in enumerate(zip(*groups, strict=True)):  # all of an output together, as in Keras
            for weighted, group in enumerate(pair):
                for value in tree.flatten(group) if not _is_metric(group) else [group]:
                    metric = metric_from(value, targets[index], predictions[index])
                    if metric is None:
                        continue
                    advice.check_metric(metric, targets[index], predictions[index])
                    self.entries.append((index, metric, bool(weighted)))
                    name = value if isinstance(value, str) else metric.name
                    self.names.append(_free(outputs.metric_prefix(index), name, bool(weighted), self.names))
        metrics_of_state = self._kf.metrics
        metrics_of_state += [metric for metric in self.metrics if not any(metric is one for one in metrics_of_state)]
        self.outputs = outputs

    @property
    def adds_up(self) -> bool:
        """Whether joined batches are to each metric as one after the other."""
        return all(metric.adds_up for metric in self.metrics)

    def reset_state(self) -> None:
        for metric in self.metrics:
            metric.reset_state()

    def update_state(
        self, y: NestedTensors | None, y_pred: NestedTensors | None, sample_weight: NestedTensors | None = None
    ) -> None:
        """Add a batch to each metric; those among the weighted ones are given the sample weights."""
        if not self.built:
            self.build(y, y_pred)
        if not self.entries or self.outputs is None:
            return
        predictions = self.outputs.leaves(y_pred)
        targets = self.outputs.pair(y, "y", missing=True)
        weights = self.outputs.pair(sample_weight, "sample_weight", missing=True, spread=True)
        for index, metric, weighted in self.entries:
            metric.update_state(
                targets[index], predictions[index], **({"sample_weight": weights[index]} if weighted else {})
            )

    def result(self) -> dict[str, Any]:
        """Return what each metric has, by name."""
        return self.results(lambda metric: metric.result())

    def host_result(self) -> dict[str, Any]:
        return self.results(lambda metric: metric.host_result())

    def results(self, of: Callable[[Metric], Any]) -> dict[str, Any]:
        """Return what `of` gives for each metric, by name."""
        out: dict[str, Any] = {}
        for name, metric in zip(self.names, self.metrics, strict=True):
            value = of(metric)
            out.update(value if isinstance(value, dict) else {name: value})
        return out

    def get_config(self) -> dict[str, Any]:
        return {
            "metrics": self.metrics_argument,
            "weighted_metrics": self.weighted_argument,
            "output_names": self.output_names,
        }


def _is_metric(value: Any) -> bool:
    return not isinstance(value, (Mapping, list, tuple)) or (isinstance(value, Mapping) and "class_name" in value)


def _free(prefix: str, name: str, weighted: bool, names_in_use: Sequence[str]) -> str:
    """Return a name that no metric has yet; by Keras's rule a weighted one is called so where it needs to be."""
    if weighted and f"{prefix}{name}" in names_in_use:
        name = f"weighted_{name}"
    return _distinct([*names_in_use, f"{prefix}{name}"])[-1]


def _distinct(names: Sequence[str]) -> list[str]:
    """Return the names, with numbers behind those that were there before."""
    out: list[str] = []
    for name in names:
        number = 0
        free = name
        while free in out:
            number += 1
            free = f"{name}_{number}"
        out.append(free)
    return out


def metric_from(value: Any, y_true: NestedTensors | None, y_pred: NestedTensors | None) -> Metric | None:
    """Return a Metric for a Metric, a name or a function; "accuracy" goes by the targets' shape."""
    if value is None or isinstance(value, Metric):
        return value
    if isinstance(value, str) and value in (*_ACCURACY, *_CROSSENTROPY):
        kind = _kind(y_true, y_pred)
        table = _ACCURACY_BY_KIND if value in _ACCURACY else _CROSSENTROPY_BY_KIND
        return table[kind](name=value)
    advice.check_order(value)
    metric = metrics_namespace.get(value)
    if isinstance(metric, type):
        metric = metric()
    return metric if isinstance(metric, Metric) else MeanMetricWrapper(metric, name=_name_of(metric))


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
