"""compile, fit, evaluate, predict: one loop and one step, over the neutral gradient."""

from __future__ import annotations

import inspect
import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from types import NoneType
from typing import Any

import numpy as np

from kerasfront import callbacks as callbacks_namespace
from kerasfront import console, ops, optimizers, scopes, serialization, settings, tree
from kerasfront.arguments import as_bool, as_int, as_ints, converted, names_of, unknown_argument
from kerasfront.contract import running
from kerasfront.data.arrays import as_arrays, cast_floats
from kerasfront.data.batches import (
    BATCH_SIZE,
    BatchSource,
    make_batches,
    split_validation,
    unpack_x_y_sample_weight,
)
from kerasfront.data.prefetch import prefetch
from kerasfront.data.sample_weights import combine
from kerasfront.errors import DataError, KerasFrontError, NotCompiledError, SavingError
from kerasfront.layers.gathering import OfLayer
from kerasfront.layers.layer import Layer
from kerasfront.metrics.metric import Metric, host_values
from kerasfront.metrics.reduction_metrics import Mean
from kerasfront.ops.gradients import value_and_grad
from kerasfront.optimizers import LossScaleOptimizer, Optimizer
from kerasfront.random import host
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.tracebacks import entry_point
from kerasfront.training import together
from kerasfront.training.compiled import CompileLoss, CompileMetrics
from kerasfront.training.steps import Step
from kerasfront.variable import StatelessScope

active = running()
# How many predictions may wait on the device before the oldest is copied to the host.
_PENDING = 8
# A step of fewer operations than this gains more from being dispatched with others than the framework loses in a loop
# of its own, where convolutions may run slower: about a millisecond's work of a CPU core, or of an accelerator. It is
# reckoned, not timed: sums in another order differ in their last digits, and results must not depend on the clock.
_SHORT_STEP, _SHORT_STEP_ON_ACCELERATOR = 5e7, 1e10
# Batches for one dispatch are copied together: more bytes than stay in the caches cost more than is gained.
_BLOCK_BYTES = 1 << 22


class OfModel(OfLayer):
    """What a model derives: its compiled steps, and which of them have run."""

    def __init__(self) -> None:
        super().__init__()
        self.forget_functions()

    def forget_functions(self) -> None:
        self.functions: dict[str, Any] = {}
        self.mode_said = False
        self.told_of_compile = False
        # The kinds of steps that went through an epoch: a program for several at once is worth making for the next.
        self.ran: set[str] = set()


def _derived_function(kind: str) -> Any:
    def get(self: Trainer) -> Any:
        return self._derived.functions.get(kind)

    def put(self: Trainer, value: Any) -> None:
        self._derived.functions[kind] = value

    return property(get, put, doc="The compiled step, once it is made.")


class Trainer(Layer):
    """What Model has of training. A subclass may override train_step, test_step, predict_step, compute_loss and
    compute_metrics; one that uses `ops.value_and_grad` runs on every backend.
    """

    _derives = OfModel
    _derived: OfModel

    # -- compile --------------------------------------------------------------------------------------------------

    @converted
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is trained.

        Args:
            optimizer: An optimizer, or its name.
            loss: A loss, its name, a function `(y_true, y_pred)`; nested like the outputs, or by their names.
            loss_weights: A factor for each output's loss, as the losses are given; one number counts for all.
            metrics: Metrics, names or functions: a list; for several outputs a list of such lists, or a dict by names.
            weighted_metrics: Metrics that are given the sample weights too.
            run_eagerly: Whether the step is not compiled, for debugging.
            steps_per_execution: How many batches go into one dispatch, after which callbacks of batches are called.
                With 1, several short steps still go together where no callback looks at batches; on torch, where a
                step runs call by call, these share their metrics (and in `evaluate` their loss), if each is a mean or
                a count over samples.
            jit_compile: Whether the step is compiled further: True (XLA; on torch torch.compile), False, or "auto",
                the backend's usual way, which `fit(verbose=2)` names. A compiled step heeds, at the next batch, what
                was changed of all that it read of layers, the optimizer, losses and metrics: a hyperparameter, an
                attribute, a method, `trainable`. It is compiled anew for each state, so a number that changes often
                is better a Variable. What functions read of globals and closures stays as it was. On torch with a GPU,
                "auto" records it as a CUDA graph.
            auto_scale_loss: Whether the loss is scaled under the policy "mixed_float16".

        Raises:
            ValueError: A name is unknown, or names no output.

        >>> import kerasfront as keras
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> type(model.optimizer).__name__
        'SGD'
        """
        optimizer = optimizers.get(optimizer)
        if (
            auto_scale_loss
            and self.dtype_policy.name == "mixed_float16"
            and not isinstance(optimizer, LossScaleOptimizer)
        ):
            optimizer = LossScaleOptimizer(optimizer)
        as_int(steps_per_execution, "steps_per_execution", "compile()", least=1)
        if jit_compile != "auto":
            as_bool(jit_compile, "jit_compile", "compile()")
        if run_eagerly and jit_compile is True:
            raise ValueError("`run_eagerly` and `jit_compile` can't both be True.")
        names = self._names_of_outputs()
        state = self.__dict__
        state["optimizer"] = optimizer
        state["_compile_loss"] = CompileLoss(loss, loss_weights, names) if loss is not None else None
        state["_compile_metrics"] = CompileMetrics(metrics, weighted_metrics, names)
        if loss is not None:
            state.pop("_loss", None)
        state["_loss_tracker"] = Mean(name="loss")
        state["run_eagerly"], state["steps_per_execution"] = run_eagerly, steps_per_execution
        state["jit_compile"] = jit_compile
        state["stop_training"] = False
        state["compiled"] = True
        state["_compile_arguments"] = {
            "optimizer": optimizer, "loss": loss, "loss_weights": loss_weights, "metrics": metrics,
            "weighted_metrics": weighted_metrics, "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution, "jit_compile": jit_compile,
        }  # fmt: skip
        self._forget_functions()

    def _names_of_outputs(self) -> list[str] | None:
        """A name for each output, in the order of the outputs themselves, where the model knows them."""
        return None

    @property
    def loss(self) -> Any:
        """The loss as it was given to compile(), or what a model of your own set; None before."""
        if "_loss" in self.__dict__ or not self.compiled:
            return self.__dict__.get("_loss")
        return self._compile_arguments["loss"]

    @loss.setter
    def loss(self, value: Any) -> None:
        self.__dict__["_loss"] = value

    def _forget_functions(self) -> None:
        self._derived.forget_functions()

    compiled = False
    run_eagerly = False
    steps_per_execution = 1
    jit_compile: bool | str = "auto"

    train_function = _derived_function("train")
    test_function = _derived_function("test")
    predict_function = _derived_function("predict")

    def _need_compiled(self, method: str) -> None:
        if not self.compiled:
            raise NotCompiledError(f"The model '{self.name}' isn't compiled: call model.compile() before {method}().")

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile` was told, to be saved; None, with a warning, where a part of it can't be."""
        if not self.compiled:
            return None
        told, config = {**self._compile_arguments, "optimizer": self.optimizer}, {}
        for name, value in told.items():
            try:
                config[name] = serialization.serialize_keras_object(value)
            except (SavingError, TypeError, ValueError, NotImplementedError) as error:
                self._tell_of_unsaved(name, value, error)
                return None
        return config

    def _tell_of_unsaved(self, name: str, value: Any, error: Exception) -> None:
        if not self._derived.told_of_compile:
            self._derived.told_of_compile = True
            warnings.warn(
                f"The model '{self.name}' is saved without what compile() was told, as its {name} ({value!r}) can't be "
                f"saved: once it is loaded, compile() it again. {str(error).splitlines()[0]}",
                stacklevel=2,
            )

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as `get_compile_config` says."""
        if type(self).compile is not Trainer.compile and type(self).get_compile_config is Trainer.get_compile_config:
            warnings.warn(
                "The model overrides compile() but not get_compile_config(): it is not compiled.", stacklevel=2
            )
            return
        self.compile(**{k: serialization.revive(v) for k, v in config.items()})
        if getattr(self, "built", False):
            self.optimizer.build(self.trainable_variables)

    # -- metrics --------------------------------------------------------------------------------------------------

    def _trainer_metrics(self) -> list[Metric]:
        if not self.compiled:
            return []
        found: list[Metric] = [self._loss_tracker]
        if not self._compile_metrics.is_empty:
            found.append(self._compile_metrics)
        return found + (self._compile_loss.trackers if self._compile_loss is not None else [])

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns, in its order."""
        return list(self.get_metrics_result())

    def reset_metrics(self) -> None:
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """The metrics so far, by name."""
        return self._results(lambda metric: metric.result())

    def _logs(self) -> dict[str, Any]:
        """`get_metrics_result` as Python numbers."""
        if self._has_own("get_metrics_result"):
            return host_values(self.get_metrics_result())
        return self._results(lambda metric: metric.host_result())

    def _results(self, of: Callable[[Metric], Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        known = set()
        if self.compiled:
            known = {id(m) for m in self._trainer_metrics()}
            if self._compile_loss is not None or self._loss_tracker.count is not None:
                out["loss"] = of(self._loss_tracker)
            for tracker in self._compile_loss.trackers if self._compile_loss is not None else ():
                out[tracker.name] = of(tracker)
            out.update(self._compile_metrics.results(of))
        for metric in self.metrics:
            if id(metric) not in known:
                value = of(metric)
                out.update(value if isinstance(value, dict) else {metric.name: value})
        return out

    # -- the step -------------------------------------------------------------------------------------------------

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of a batch: compile()'s, and what layers and regularizers add. A scalar tensor."""
        total = None
        if self._compile_loss is not None:
            total = self._compile_loss(y, y_pred, sample_weight)
        for loss in self.losses:
            value = ops.sum(ops.cast(loss, settings.floatx()))
            total = value if total is None else total + value
        if total is None:
            raise ValueError(
                f"The model '{self.name}' has nothing to minimise: compile() got no `loss`, and no layer adds one."
            )
        return total

    def stateless_compute_loss(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        metrics_variables: Any,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """`compute_loss` with the Variables' values given; returns `(loss, (trainable, non-trainable, metrics))`."""
        groups = (self.trainable_variables, self.non_trainable_variables, self.metrics_variables)
        given = (trainable_variables, non_trainable_variables, metrics_variables)
        pairs = [
            (v, x) for group, values in zip(groups, given, strict=True) for v, x in zip(group, values, strict=True)
        ]
        with StatelessScope(state_mapping=pairs) as scope:
            loss = self.compute_loss(x, y, y_pred, sample_weight, training)
        return loss, tuple([scope.get_current_value(v) for v in group] for group in groups)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metrics with a batch; returns their values so far."""
        self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _call_for(self, x: Any, training: bool) -> Any:
        # Also where `call` takes no such argument: the layers inside are told.
        return self(x, training=training)

    def _loss_of(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        if not self._has_own("compute_loss"):
            return self.compute_loss(x, y, y_pred, sample_weight, training)
        wanted = inspect.signature(self.compute_loss).parameters
        extra = {"training": training} if "training" in wanted else {}
        return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **extra)

    def _track_loss(self, loss: Any, x: Any) -> None:
        first = x if not isinstance(x, (list, tuple, dict)) else next(v for v in tree.flatten(x) if v is not None)
        rows = len(first) if isinstance(first, np.ndarray) else ops.shape(first)[0]  # strings are arrays
        tracker = self._loss_tracker
        tracker.add(ops.cast(loss, tracker.dtype), rows if isinstance(rows, int) else ops.cast(rows, tracker.dtype))

    def _update_weights(self, x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any]:
        """One update of the weights; returns the loss and the predictions that it was made from."""
        optimizer = self.optimizer

        def objective() -> tuple[Any, Any]:
            y_pred = self._call_for(x, training=True)
            loss = self._loss_of(x, y, y_pred, sample_weight, training=True)
            return optimizer.scale_loss(loss), (loss, y_pred)

        if not self.built:  # by this batch, as the step runs call by call
            with active.adapter.no_gradient():
                self._call_for(x, training=False)
        version, variables = scopes.structure.version, self.trainable_variables
        (_, (loss, y_pred)), gradients = value_and_grad(objective, variables, has_aux=True)()
        if version != scopes.structure.version and len(variables) != len(self.trainable_variables):
            variables = self.trainable_variables  # a layer that took another's place was built by this call
            (_, (loss, y_pred)), gradients = value_and_grad(objective, variables, has_aux=True)()
        with active.adapter.no_gradient():
            optimizer.apply(gradients, variables)
        return loss, y_pred

    def _take_in(self, loss: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """Add a batch to the mean loss and to the metrics, which are read later."""
        self._track_loss(loss, x)
        self._compile_metrics.update_state(y, y_pred, sample_weight)

    def train_step(self, data: Any) -> Any:
        """One step of training on a batch `(x, y, sample_weight)`; returns the metrics so far.

        Override it to train in another way; `ops.value_and_grad` makes an override run on every backend. On the JAX
        backend the form `train_step(self, state, data) -> (logs, state)` is understood as well.

        The layers inside are told that this is training, also where the model's own `call` takes no `training`
        (Keras runs them in inference mode then).
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        loss, y_pred = self._update_weights(x, y, sample_weight)
        with active.adapter.no_gradient():
            self._track_loss(loss, x)
            return self.compute_metrics(x, y, y_pred, sample_weight)

    def _quiet_train_step(self, data: Any) -> None:
        """`train_step`, whose metrics are read later."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        loss, y_pred = self._update_weights(x, y, sample_weight)
        with active.adapter.no_gradient():
            self._take_in(loss, x, y, y_pred, sample_weight)

    def _loss_step(self, x: Any, y: Any, sample_weight: Any) -> Any:
        y_pred = self._call_for(x, training=False)
        if self._compile_loss is not None or self.losses or self._has_own("compute_loss"):
            self._track_loss(self._loss_of(x, y, y_pred, sample_weight, training=False), x)
        return y_pred

    def test_step(self, data: Any) -> Any:
        """One step of evaluation on a batch; returns the metrics so far."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        return self.compute_metrics(x, y, self._loss_step(x, y, sample_weight), sample_weight)

    def _quiet_test_step(self, data: Any) -> None:
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        self._compile_metrics.update_state(y, self._loss_step(x, y, sample_weight), sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The predictions for a batch."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self._call_for(x, training=False)

    # -- compiled functions ---------------------------------------------------------------------------------------

    def _all_variables(self) -> list[Any]:
        """All that a step reads or writes."""
        optimizer = self.optimizer.variables if self.compiled and self.optimizer is not None else []
        # Also those of metrics that a `metrics` of the user's own leaves out.
        metrics = {id(m): m for m in (*self.metrics, *self._trainer_metrics(), *super().metrics)}
        everything = [*self.variables, *optimizer, *(v for m in metrics.values() for v in m.variables)]
        return list({id(v): v for v in everything}.values())

    def _compiled_step(self, step: Callable[..., Any], donate: bool, reading: Any) -> Callable[..., Any]:
        return active.adapter.compile_step(step, self._all_variables, jit=self._jit(), donate=donate, reading=reading)

    def _jit(self) -> bool | str:
        """What compile() was told of `jit_compile`; False where a layer can't be compiled."""
        return self.jit_compile if self._not_compiled() is None else False

    def _not_compiled(self) -> Layer | None:
        """The first layer that can't be compiled."""
        return next((layer for layer in self._flatten_layers() if not layer.supports_jit), None)

    def _say_mode(self, verbose: Any) -> None:
        """With `verbose=2`, once after each compile(): what `jit_compile="auto"` picked."""
        if (
            self._derived.mode_said
            or self.run_eagerly
            or self.jit_compile != "auto"
            or console.resolve_verbose(verbose) != 2
        ):
            return
        self._derived.mode_said = True
        layer, mode = self._not_compiled(), active.adapter.compile_mode(self._jit())
        reason = "" if layer is None else f": the layer '{layer.name}' can't be compiled"
        console.announce(f"The step runs {mode}{reason}.")

    def _chosen_step(self, name: str) -> Callable[..., Any]:
        """The method `name`: the quiet form where nothing was overridden, JAX's stateless form wrapped."""
        if name in _QUIET and self._is_quiet(name):
            return getattr(self, _QUIET[name])
        step = getattr(self, name)
        if len(inspect.signature(step).parameters) == 2:
            return lambda data: self._stateless(step, data)
        return step

    def _stateless(self, step: Callable[..., Any], data: Any) -> Any:
        groups = [self.trainable_variables, self.non_trainable_variables]
        if step.__name__ == "train_step":
            groups.append(self.optimizer.variables)
        if step.__name__ != "predict_step":
            groups.append(self.metrics_variables)
        state = tuple([v.value for v in group] for group in groups)
        out, state = step(state, data)
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return out

    def make_train_function(self, force: bool = False) -> Callable[..., Any]:
        """The compiled step of training, on a batch from the host. It is made anew when what it reads has changed."""
        return self._made_function("train", force)

    def make_test_function(self, force: bool = False) -> Callable[..., Any]:
        """As `make_train_function`, of evaluation."""
        return self._made_function("test", force)

    def make_predict_function(self, force: bool = False) -> Callable[..., Any]:
        """As `make_train_function`, of prediction."""
        return self._made_function("predict", force)

    def _made_function(self, kind: str, force: bool) -> Callable[..., Any]:
        functions = self._derived.functions
        if kind not in functions or force:
            functions[kind] = Step(self, f"{kind}_step")
        return functions[kind]

    def _function(self, kind: str, fully: bool = True) -> Callable[..., Any]:
        """The step to run now, which was looked at: fully, or as far as one step of a loop of the user's can wait."""
        make = getattr(self, f"make_{kind}_function")
        function = make() or self._derived.functions[kind]  # one of the user's own may only put it there
        if isinstance(function, Step):
            function.renew(fully)
        return function

    def _function_of_one(self, kind: str) -> Callable[..., Any]:
        """The step on a batch that stands for itself: the metrics begin with it."""
        functions = self._derived.functions
        if self._has_own(f"make_{kind}_function") or not isinstance(functions.get(kind), (Step, NoneType)):
            self.reset_metrics()
            return self._function(kind, False)
        function = functions.get(f"{kind}_on_batch")
        if function is None:
            self._made_function(kind, False)
            function = functions[f"{kind}_on_batch"] = Step(self, f"{kind}_step", alone=True)
        function.renew(False)
        return function

    def _make_block(self, name: str, step: Callable[..., Any], reading: Any, as_it_is: bool) -> Any:
        """Several steps in one dispatch, where the backend gains by it and metrics are read later anyway."""
        if name not in _QUIET or not self._is_quiet(name):
            return None
        donate = name == "train_step"
        inner = active.adapter.repeat_step(step, self._all_variables, jit=self._jit(), donate=donate, reading=reading)
        if inner is not None or not as_it_is:
            return inner
        if name == "train_step":
            return together.train_block(self, step)
        plain = not self._has_own("compute_loss") and self._compile_loss is not None
        return together.test_block(self, step) if plain else None

    def _is_quiet(self, name: str) -> bool:
        return not (self._has_own(name) or self._has_own("compute_metrics"))

    def _has_own(self, name: str) -> bool:
        """Whether the model's class, or the model alone, has a form of its own of a method."""
        return name in self.__dict__ or getattr(type(self), name) is not getattr(Trainer, name)

    # -- what a step needs before it is compiled --------------------------------------------------------------------

    def _prepare(self, first: tuple[Any, ...], training: bool, step: str | None = None) -> None:
        """Build the model, the metrics and the optimizer, by the shapes of a first batch, as far as the step needs
        them. A step of the user's own may call the model in another way, or not at all.
        """
        name = step or ("train_step" if training else "test_step")
        x, y, _ = unpack_x_y_sample_weight(first)
        y_pred = self._expected_outputs(x, name)
        if self.compiled and y_pred is not None:
            if self._compile_loss is not None and not self._compile_loss.built:
                self._compile_loss.build(y_pred)
            if not self._compile_metrics.built:
                self._compile_metrics.build(tree.map_structure(_symbol, y) if y is not None else None, y_pred)
        if self.compiled and (loss := self._loss_by_default(name)) is not None:
            loss.check_kinds(y)
        self._mark_built(name)
        self._build_optimizer(name)

    def _build_optimizer(self, name: str) -> None:
        """Make the state of the optimizer, where it is known what is trained."""
        if name != "train_step" or not self.built or self.optimizer is None:
            return
        own = self._has_own(name)
        if (own or self.run_eagerly) and not self._inside_is_built():
            return
        if not own and not self.trainable_variables:
            warnings.warn(f"The model '{self.name}' has no variables to train: all are frozen, or none.", stacklevel=4)
        self.optimizer.build(self.trainable_variables)
        for metric in self.metrics:
            metric.variables  # noqa: B018  (a metric makes its state when it is asked)

    def _expected_outputs(self, x: Any, name: str) -> Any:
        """The model's outputs on symbols, where the step needs them to make what it then updates; else None."""
        own = self._has_own(name)
        ready = self.built or (own and self._inside_is_built())
        if (ready and not (self.compiled and self._needs_outputs())) or self.run_eagerly:
            return None  # nothing to make, or the step makes it from the batch itself
        if self.built and (known := self._known_outputs()) is not None:
            return known
        if own and not self._has_call():
            return None
        try:
            return self._symbolic_outputs(x)
        except Exception as error:  # what is made of symbolic values by code that was written for others
            if own or (self._runs_as_it_is() and not isinstance(error, KerasFrontError)):
                return None
            raise

    def _needs_outputs(self) -> bool:
        loss = self._compile_loss is not None and not self._compile_loss.built
        return loss or not self._compile_metrics.built

    def _known_outputs(self) -> Any:
        """The symbolic outputs, where the model is a graph."""
        return None

    def _has_call(self) -> bool:
        return not getattr(self.call, "_missing", False)

    def _inside_is_built(self) -> bool:
        inside = self._flatten_layers(include_self=False)
        return bool(inside) and all(layer.built for layer in inside)

    def _mark_built(self, name: str) -> None:
        """A model that is only a frame for its own step is built once all in it is."""
        if not self.built and self._has_own(name) and type(self).build is Layer.build and self._inside_is_built():
            self.built = True

    def _runs_as_it_is(self) -> bool:
        """Whether a step is run call by call, as it was written."""
        return self.run_eagerly or self._compiled_step(_nothing, False, nullcontext) is _nothing

    def _symbolic_outputs(self, x: Any) -> Any:
        # Of a model that is built, the sizes are those of the batch: with unknown ones it would be called twice.
        return self(tree.map_structure(partial(_symbol, rows=self.built), x))

    # -- fit ------------------------------------------------------------------------------------------------------

    @converted
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | bool | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> Any:
        """Train.

        Args:
            x: Inputs: arrays in nested structures, pandas, tensors; or what yields batches: a PyDataset, a generator,
                a torch DataLoader, a tf.data.Dataset. Batches of a sparse tensor (tf.SparseTensor, BCOO) are sparse
                on its backend; those of a SciPy matrix are dense.
            y: Targets, where x is arrays: one, a list in the order of the outputs (along a dict of outputs in the order
                in which the model makes it), a dict by their names, or nested as they are.
            batch_size: Rows in a batch of arrays; 32 by default.
            epochs: The number of the last epoch; training begins at `initial_epoch`.
            verbose: 0: silent, 1: a progress bar, 2: a line an epoch, "auto": 1 in a terminal, else 2.
            callbacks: Callbacks.
            validation_split: The fraction of the rows, the last ones, to validate on.
            validation_data: `(x, y)`, `(x, y, sample_weight)`, or what yields batches.
            shuffle: Whether rows are drawn in random order; "batch": batches are.
            class_weight: A weight for each class, for a model with one output; a class that is left out counts 1. It is
                multiplied into `sample_weight`; the validation isn't weighted by it.
            sample_weight: A weight for each row, for all outputs; or for each output as `y`, None for no weights.
            initial_epoch: The first epoch.
            steps_per_epoch: Batches in an epoch; by default as many as there are.
            validation_steps: Batches in a validation.
            validation_batch_size: Rows in a batch of validation.
            validation_freq: After how many epochs, or after which, validation runs.

        Returns:
            A History: `history.history` maps the names of metrics to their values after each epoch.

        Raises:
            NotCompiledError: The model isn't compiled.
            ValueError: The data doesn't fit together, or the model.
        """
        self._need_compiled("fit")
        as_int(epochs, "epochs", "fit()", least=0)
        as_int(initial_epoch, "initial_epoch", "fit()", least=0)
        as_ints(validation_freq, "validation_freq", "fit()", least=1)
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_validation((x, y, sample_weight), validation_split)
        source = make_batches(
            x, y, sample_weight, batch_size=batch_size, steps=steps_per_epoch, shuffle=shuffle,
            class_weight=class_weight, seed=host.next_host_seed(), first_epoch=initial_epoch,
            whole=self._has_own("train_step"),
        )  # fmt: skip
        validation = self._validation(validation_data, validation_batch_size or batch_size, validation_steps)
        self._prepare(source.spec(), training=True)
        self._check_targets(y, "train_step", source)
        listeners = self._listeners(callbacks, verbose, source, epochs=epochs, history=True)
        function = self._function("train")
        self._say_mode(verbose)
        self.__dict__["stop_training"] = False
        limit = settings.max_epochs()
        epochs = epochs if limit is None else min(epochs, limit)
        listeners.on_train_begin()
        # BackupAndRestore says here where an interrupted training goes on.
        initial_epoch = self.__dict__.pop("_initial_epoch", None) or initial_epoch
        logs: dict[str, Any] = {}
        for epoch in range(initial_epoch, epochs):
            logs = self._run_epoch(epoch, source, function, listeners)
            self._mark_built("train_step")
            if validation is not None and _due(epoch, validation_freq):
                results = self._run_test(validation, listeners)
                logs.update({f"val_{k}": v for k, v in results.items()})
            listeners.on_epoch_end(epoch, logs)
            source.on_epoch_end()
            if self.stop_training or source.exhausted:
                break
        if isinstance(self.optimizer, Optimizer) and epochs > initial_epoch:
            self.optimizer.finalize_variable_values(self.trainable_weights)
        listeners.on_train_end(logs)
        return self.history

    history: Any = None
    # Callbacks set these, to end what is running.
    stop_training = False
    stop_evaluating = False
    stop_predicting = False

    def _validation(self, data: Any, batch_size: int | None, steps: int | None) -> BatchSource | None:
        if data is None:
            return None
        x, y, sample_weight = unpack_x_y_sample_weight(data) if isinstance(data, (tuple, list)) else (data, None, None)
        arrays = y is not None or isinstance(data, (tuple, list))
        return make_batches(
            x, y, sample_weight, batch_size=batch_size if arrays else None, steps=steps, shuffle=False,
            whole=self._has_own("test_step"),
        )  # fmt: skip

    def _listeners(
        self, callbacks: Any, verbose: Any, source: BatchSource, epochs: int = 1, history: bool = False
    ) -> callbacks_namespace.CallbackList:
        if isinstance(callbacks, callbacks_namespace.CallbackList):
            return callbacks
        return callbacks_namespace.CallbackList(
            callbacks, add_history=history, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=epochs,
            steps=source.num_batches,
        )  # fmt: skip

    def _run_epoch(self, epoch: int, source: BatchSource, function: Any, listeners: Any) -> dict[str, Any]:
        self.reset_metrics()
        listeners.on_epoch_begin(epoch)
        quiet = self._is_quiet("train_step")
        last: dict[str, Any] = {}

        def logs() -> dict[str, Any]:
            return self._logs() if quiet else host_values(last)

        watched, drawn = listeners.wants_train_batches, listeners.draws_train_batches
        if isinstance(function, Step):
            function.renew()
        block: Any = getattr(function, "block", None)
        step = 0
        for steps, batch in self._dispatches("train", source, epoch, block is not None, watched):
            if watched:
                listeners.on_train_batch_begin(step)
            last = (block if steps > 1 else function)(batch)
            step += steps
            if watched or drawn:
                listeners.on_train_batch_end(step - 1, logs)
            if self.stop_training:
                break
        results = logs() if step else {}
        self._derived.ran.add("train")
        return results

    def _is_short(self, kind: str, source: BatchSource) -> bool:
        """Whether a step has so little to compute that its dispatch counts; by the weights and the sizes of a batch."""
        places = max((_places(leaf) for leaf in tree.flatten(source.spec()[0]) if leaf is not None), default=1)
        weights = sum(math.prod(v.shape) for v in self.weights)
        limit = _SHORT_STEP_ON_ACCELERATOR if active.adapter.stages_ahead else _SHORT_STEP
        return (6 if kind == "train" else 2) * weights * places < limit

    def _dispatches(
        self, kind: str, source: BatchSource, epoch: int, has_block: bool, watched: bool
    ) -> Iterator[tuple[int, Any]]:
        """The batches of an epoch, several at a time where that is faster and nobody looks at each."""
        found = self._in_dispatches(kind, source, epoch, has_block, watched)
        if not (active.adapter.stages_ahead and source.may_run_ahead):
            return found
        return prefetch(found, lambda pair: (pair[0], active.adapter.stage(pair[1])))

    def _in_dispatches(
        self, kind: str, source: BatchSource, epoch: int, has_block: bool, watched: bool
    ) -> Iterator[tuple[int, Any]]:
        size = self.steps_per_execution
        unseen = has_block and not watched  # nobody looks at a batch, and there is a program for several
        if size == 1 and unseen and kind in self._derived.ran and self._is_short(kind, source):
            size = min(active.adapter.steps_per_dispatch, _BLOCK_BYTES // max(1, _nbytes(source.spec())))
            size = source.block_size(max(1, size))
        limit = settings.max_steps_per_epoch()
        if has_block and size > 1 and limit is None:
            yield from source.epoch_blocks(epoch, size)
            return
        for batch in itertools.islice(source.epoch(epoch), limit):
            yield 1, batch

    # -- evaluate, predict ----------------------------------------------------------------------------------------

    @converted
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | bool | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The loss and the metrics on data; arguments as in `fit`.

        Returns:
            The loss where there are no metrics, else a list `[loss, ...]`, or a dict where `return_dict` is true.
        """
        if kwargs:
            raise unknown_argument("evaluate()", kwargs, names_of(Trainer.evaluate))
        self._need_compiled("evaluate")
        source = make_batches(
            x, y, sample_weight, batch_size=batch_size, steps=steps, shuffle=False, whole=self._has_own("test_step")
        )
        logs = self._run_test(source, self._listeners(callbacks, verbose, source), y)
        return logs if return_dict else _flat(logs)

    def _check_targets(self, y: Any, step: str, source: BatchSource) -> None:
        """Raise a DataError where targets hold what is no class: arrays at once as a whole, those of a stream as they
        come.
        """
        if (loss := self._loss_by_default(step)) is not None:
            loss.check_classes(y)
            source.check_targets = loss.check_classes

    def _loss_by_default(self, step: str) -> CompileLoss | None:
        """compile()'s loss, where nothing of the user's own stands between it and the targets."""
        own = self._has_own(step) or self._has_own("compute_loss")
        return None if own else self._compile_loss

    def _run_test(self, source: BatchSource, listeners: Any, y: Any = None) -> dict[str, Any]:
        self._prepare(source.spec(), training=False)
        self._check_targets(y, "test_step", source)
        function = self._function("test")
        quiet = self._is_quiet("test_step")
        last: dict[str, Any] = {}

        def logs() -> dict[str, Any]:
            return self._logs() if quiet else host_values(last)

        self.__dict__["stop_evaluating"] = False
        listeners.on_test_begin()
        self.reset_metrics()
        watched, drawn = listeners.wants_test_batches, listeners.draws_test_batches
        source.reset()
        block: Any = getattr(function, "block", None)
        step = 0
        with active.adapter.no_gradient():
            for steps, batch in self._dispatches("test", source, 0, block is not None, watched):
                if watched:
                    listeners.on_test_batch_begin(step)
                last = (block if steps > 1 else function)(batch)
                step += steps
                if watched or drawn:
                    listeners.on_test_batch_end(step - 1, logs)
                if self.stop_evaluating:
                    break
        results = logs() if step else {}
        self._derived.ran.add("test")
        listeners.on_test_end(results)
        return results

    @converted
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | bool | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The predictions for x, as NumPy arrays in the structure of the outputs; arguments as in `fit`."""
        own = self._has_own("predict_step")
        if not verbose and not callbacks and not own and steps is None and _is_one_batch(x, batch_size):
            return self._predicted(x)  # nothing to loop over, and nobody to tell
        source = make_batches(x, batch_size=batch_size, steps=steps, shuffle=False, for_predict=True, whole=own)
        if not self.built:
            self._prepare(source.spec(), training=False, step="predict_step")
        listeners = self._listeners(callbacks, verbose, source)
        function = self._function("predict")
        self.__dict__["stop_predicting"] = False
        listeners.on_predict_begin()
        waiting: list[Any] = []
        done: list[Any] = []
        watched, drawn = listeners.wants_predict_batches, listeners.draws_predict_batches
        with active.adapter.no_gradient():
            for step, (_, batch) in enumerate(self._dispatches("predict", source, 0, False, watched)):
                if watched:
                    listeners.on_predict_batch_begin(step)
                waiting.append(function(batch))
                if len(waiting) > _PENDING:
                    done.append(_to_host(waiting.pop(0)))
                if watched or drawn:
                    logs = {"outputs": _to_host(waiting[-1])} if watched else None
                    listeners.on_predict_batch_end(step, logs)
                if self.stop_predicting:
                    break
        listeners.on_predict_end()
        return _joined([*done, *(_to_host(w) for w in waiting)])

    # -- single batches -------------------------------------------------------------------------------------------

    @entry_point
    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One update on one batch; returns the loss and the metrics of this batch alone, as `evaluate` does."""
        self._need_compiled("train_on_batch")
        weights = combine(y, sample_weight, class_weight) if class_weight is not None else sample_weight
        data = _batch(x, y, weights, self._has_own("train_step"))
        if "train_on_batch" not in self._derived.functions or not self.built:
            self._prepare(data, training=True)
        return self._batch_result(self._function_of_one("train")(data), self._is_quiet("train_step"), return_dict)

    @entry_point
    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The loss and the metrics of one batch alone, as `evaluate` returns them."""
        self._need_compiled("test_on_batch")
        data = _batch(x, y, sample_weight, self._has_own("test_step"))
        if "test_on_batch" not in self._derived.functions or not self.built:
            self._prepare(data, training=False)
        with active.adapter.no_gradient():
            out = self._function_of_one("test")(data)
        return self._batch_result(out, self._is_quiet("test_step"), return_dict)

    def _batch_result(self, out: Any, quiet: bool, return_dict: bool) -> Any:
        with active.adapter.no_gradient():
            logs = self._logs() if quiet else host_values(out)
        return logs if return_dict else _flat(logs)

    @entry_point
    def predict_on_batch(self, x: Any) -> Any:
        """The predictions for one batch."""
        return self._predicted(x)

    def _predicted(self, x: Any) -> Any:
        data = _batch(x)
        if not self.built:
            self._prepare(data, training=False)
        with active.adapter.no_gradient():
            return _to_host(self._function("predict", False)(data))

    def compute_loss_and_updates(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        metrics_variables: Any,
        x: Any,
        y: Any,
        sample_weight: Any,
        training: bool = False,
        optimizer_variables: Any = None,
    ) -> Any:
        """The stateless loss for JAX: returns `(scaled loss, (loss, y_pred, non-trainable, metrics))`."""
        y_pred, others, losses = self.stateless_call(
            trainable_variables, non_trainable_variables, x, return_losses=True, training=training
        )
        loss, (_, _, metrics_variables) = self.stateless_compute_loss(
            trainable_variables, others, metrics_variables, x, y, y_pred, sample_weight, training
        )
        for extra in losses:
            loss = loss + extra
        return self._scaled(loss, optimizer_variables), (loss, y_pred, others, metrics_variables)

    def _scaled(self, loss: Any, optimizer_variables: Any) -> Any:
        """The loss as gradients are to be taken of it, with the optimizer's Variables of these values."""
        if not self.compiled or self.optimizer is None:
            return loss
        if optimizer_variables is None:
            return self.optimizer.scale_loss(loss)
        pairs = zip(self.optimizer.variables, optimizer_variables, strict=True)
        with StatelessScope(state_mapping=list(pairs)):
            return self.optimizer.scale_loss(loss)


# The forms of steps whose metrics are read later.
_QUIET = {"train_step": "_quiet_train_step", "test_step": "_quiet_test_step"}


def _nothing() -> None:
    """A step to ask with what becomes of one."""


def _symbol(x: Any, rows: bool = False) -> Any:
    """A symbolic tensor like x: of an unknown number of rows, or of as many."""
    if x is None or not hasattr(x, "shape") or (isinstance(x, KerasTensor) and not rows):
        return x
    first = x.shape[0] if rows and len(x.shape) else None
    if getattr(x.dtype, "kind", "") in ("O", "U", "S"):
        return KerasTensor((first, *x.shape[1:]) if len(x.shape) else (), "string")
    name = str(getattr(x.dtype, "name", x.dtype)).removeprefix("torch.")
    dtype = (
        name if name in ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32") else None
    )
    sparse = active.adapter.composites.get(type(x)) == "sparse" or getattr(x, "sparse", False) is True
    return KerasTensor((first, *x.shape[1:]) if len(x.shape) else (), dtype or settings.floatx(), sparse)


def _places(spec: Any) -> int:
    """How often a layer's weights are applied in a batch: to each row, and there at each step, pixel or token."""
    shape = spec.shape if spec.dtype in dtypes.ALL and not dtypes.is_float(spec.dtype) else spec.shape[:-1]
    return math.prod(n or 1 for n in shape)


def _nbytes(spec: Any) -> int:
    """The bytes of a batch, by its spec."""
    leaves = [leaf for leaf in tree.flatten(spec) if leaf is not None and leaf.dtype in dtypes.ALL]
    return sum(math.prod(n or 1 for n in leaf.shape) * dtypes.to_numpy(leaf.dtype).itemsize for leaf in leaves)


def _due(epoch: int, frequency: Any) -> bool:
    return (epoch + 1) % frequency == 0 if isinstance(frequency, int) else epoch + 1 in frequency


def _flat(logs: dict[str, Any]) -> Any:
    """The values in order, the loss first; one alone stands for itself."""
    values = [logs["loss"], *(v for k, v in logs.items() if k != "loss")] if "loss" in logs else list(logs.values())
    return values[0] if len(values) == 1 else values


def _is_one_batch(x: Any, batch_size: Any) -> bool:
    """Whether x is an array of numbers that fits into a batch."""
    if type(x) is not np.ndarray or not x.ndim or x.dtype.kind not in "biuf":
        return False
    size = BATCH_SIZE if batch_size is None else batch_size
    return isinstance(size, int) and 0 < len(x) <= size


def _batch(x: Any, y: Any = None, sample_weight: Any = None, whole: bool = False) -> tuple[Any, ...]:
    """One batch as steps take it: of arrays and tensors. A step of the user's own gets all three parts, as in Keras."""
    x, y = _part(x, "x"), _part(y, "y")
    if sample_weight is not None or whole:
        return x, y, sample_weight
    return (x,) if y is None else (x, y)


def _part(part: Any, name: str) -> Any:
    """A part of a batch: arrays, whose floats are `floatx()`, or tensors."""
    if type(part) is np.ndarray:
        wanted = settings.floatx()
        return part if part.dtype is dtypes.to_numpy(wanted) else cast_floats(part, wanted)
    if part is None or active.adapter.is_tensor(part):
        return part
    return tree.map_structure(_in_floatx, as_arrays(part, name))


def _in_floatx(leaf: Any) -> Any:
    return cast_floats(leaf, settings.floatx()) if isinstance(leaf, np.ndarray) else leaf


def _to_host(outputs: Any) -> Any:
    if active.adapter.is_tensor(outputs):
        return active.adapter.to_numpy(outputs)
    return tree.map_structure(lambda x: active.adapter.to_numpy(x) if active.adapter.is_tensor(x) else x, outputs)


def _joined(parts: Sequence[Any]) -> Any:
    if not parts:
        raise DataError("There was no batch to predict on.")
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return tree.map_structure(lambda *p: np.concatenate(p), *parts)
