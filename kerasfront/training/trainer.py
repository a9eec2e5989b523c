"""Trainer: compile, fit, evaluate, predict, and what a user may override of them. The bodies are beside this module."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, overload

import numpy as np

from kerasfront import ops, optimizers, serialization, settings
from kerasfront.arguments import as_bool, as_int, as_ints, converted, names_of, unknown_argument
from kerasfront.data.batches import make_batches, split_validation
from kerasfront.data.sample_weights import combine
from kerasfront.errors import SavingError
from kerasfront.layers.base.aliases import StateAlias
from kerasfront.layers.base.layer import Layer
from kerasfront.metrics.reduction_metrics import Mean
from kerasfront.optimizers import LossScaleOptimizer, Optimizer
from kerasfront.random import host
from kerasfront.tracebacks import entry_point
from kerasfront.training import loop, single_batches, stateless, steps
from kerasfront.training.objectives import CompileLoss, CompileMetrics
from kerasfront.training.preparation import check_targets, prepare
from kerasfront.training.state import ModelState, has_own
from kerasfront.typing import LossLike, MetricLike, NestedTensors, OptimizerLike, Tensor, TensorLike

if TYPE_CHECKING:
    from kerasfront.callbacks import Callback, CallbackList, History


def _function(kind: str) -> Any:
    def get(model: Trainer) -> Any:
        return model._kf.cache.functions.get(kind)

    def put(model: Trainer, value: Any) -> None:
        model._kf.cache.functions[kind] = value

    return property(get, put, doc="The compiled step, once it is made.")


# What fit() takes: arrays or tensors, nested; or what yields batches, such as a generator or a dataset.
Data: TypeAlias = NestedTensors | Iterable[Any] | None
# What predict() returns: an array, or arrays nested as the outputs are.
Predictions: TypeAlias = np.ndarray[Any, Any] | Any


class Trainer(Layer):
    """What Model has of training.

    A subclass may override train_step, test_step, predict_step, compute_loss and compute_metrics; one that uses
    `ops.value_and_grad` runs on every backend.
    """

    _kf: ModelState
    _kf_state = ModelState
    _kf_untracked = Layer._kf_untracked | {"history", "stop_training", "stop_evaluating", "stop_predicting"}
    _kf_unwatched = Layer._kf_unwatched | {"history", "stop_training", "stop_evaluating", "stop_predicting"}

    optimizer: Optimizer
    # Whether compile() was called.
    compiled: bool = False
    run_eagerly: bool = False
    steps_per_execution: int = 1
    jit_compile: bool | str = "auto"
    history: History | None = None
    # Callbacks set these, to end what is running.
    stop_training: bool = False
    stop_evaluating: bool = False
    stop_predicting: bool = False

    train_function: Any = _function("train")
    test_function: Any = _function("test")
    predict_function: Any = _function("predict")

    # Private names of Keras (docs/aliases.md), which nothing here reads.
    _loss_tracker = StateAlias[Any](lambda model: model._kf.loss_tracker)
    _compile_loss = StateAlias[Any](lambda model: model._kf.compile_loss)
    _compile_metrics = StateAlias[Any](lambda model: model._kf.compile_metrics)

    # -- compile --------------------------------------------------------------------------------------------------

    @converted
    def compile(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: LossLike | Sequence[Any] | None = None,
        loss_weights: float | Sequence[Any] | Mapping[str, Any] | None = None,
        metrics: MetricLike | Sequence[Any] | None = None,
        weighted_metrics: MetricLike | Sequence[Any] | None = None,
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
        chosen = optimizers.get(optimizer)
        scaled = isinstance(chosen, LossScaleOptimizer)
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16" and not scaled:
            chosen = LossScaleOptimizer(chosen)
        as_int(steps_per_execution, "steps_per_execution", "compile()", least=1)
        if jit_compile != "auto":
            as_bool(jit_compile, "jit_compile", "compile()")
        if run_eagerly and jit_compile is True:
            raise ValueError("`run_eagerly` and `jit_compile` can't both be True.")
        state, names = self._kf, type(self)._kf_output_names(self)
        state.compile_loss = CompileLoss(loss, loss_weights, names) if loss is not None else None
        state.compile_metrics = CompileMetrics(metrics, weighted_metrics, names)
        if loss is not None:
            state.own_loss = None
        state.loss_tracker = Mean(name="loss")
        state.compile_arguments = {
            "optimizer": chosen, "loss": loss, "loss_weights": loss_weights, "metrics": metrics,
            "weighted_metrics": weighted_metrics, "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution, "jit_compile": jit_compile,
        }  # fmt: skip
        self.optimizer = chosen
        self.run_eagerly, self.steps_per_execution, self.jit_compile = run_eagerly, steps_per_execution, jit_compile
        self.stop_training = False
        self.compiled = True
        state.cache.forget_functions()

    def _kf_output_names(self) -> list[str] | None:
        """Return a name for each output, in the order of the outputs themselves, where the model knows them."""
        return None

    def _kf_known_outputs(self) -> Any:
        """Return the symbolic outputs, where the model is a graph."""
        return None

    @property
    def loss(self) -> LossLike | Sequence[Any] | None:
        """The loss as it was given to compile(), or what a model of your own set; None before."""
        state = self._kf
        if state.own_loss is not None:
            return state.own_loss[0]
        return None if state.compile_arguments is None else state.compile_arguments["loss"]

    @loss.setter
    def loss(self, value: Any) -> None:
        self._kf.own_loss = (value,)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return what `compile` was told, to be saved; None, with a warning, where a part of it can't be."""
        if not self.compiled or self._kf.compile_arguments is None:
            return None
        arguments, config = {**self._kf.compile_arguments, "optimizer": self.optimizer}, {}
        for name, value in arguments.items():
            try:
                config[name] = serialization.serialize_keras_object(value)
            except (SavingError, TypeError, ValueError, NotImplementedError) as error:
                _warn_of_unsaved(self, name, value, error)
                return None
        return config

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

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns, in its order."""
        return list(self.get_metrics_result())

    def reset_metrics(self) -> None:
        """Begin all metrics anew."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the metrics so far, by name."""
        return steps.results(self, lambda metric: metric.result())

    # -- the step -------------------------------------------------------------------------------------------------

    def compute_loss(
        self,
        x: NestedTensors | None = None,
        y: NestedTensors | None = None,
        y_pred: NestedTensors | None = None,
        sample_weight: NestedTensors | None = None,
        training: bool = True,
    ) -> Tensor:
        """Return the loss of a batch: compile()'s, and what layers and regularizers add. A scalar tensor."""
        total = None
        if self._kf.compile_loss is not None:
            total = self._kf.compile_loss(y, y_pred, sample_weight)
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
        trainable_variables: Sequence[TensorLike],
        non_trainable_variables: Sequence[TensorLike],
        metrics_variables: Sequence[TensorLike],
        x: NestedTensors | None = None,
        y: NestedTensors | None = None,
        y_pred: NestedTensors | None = None,
        sample_weight: NestedTensors | None = None,
        training: bool = True,
    ) -> tuple[Tensor, tuple[list[Any], ...]]:
        """`compute_loss` with the Variables' values given; returns `(loss, (trainable, non-trainable, metrics))`."""
        return stateless.compute_loss(
            self, trainable_variables, non_trainable_variables, metrics_variables, x, y, y_pred, sample_weight, training
        )

    def compute_metrics(
        self,
        x: NestedTensors | None,
        y: NestedTensors | None,
        y_pred: NestedTensors,
        sample_weight: NestedTensors | None = None,
    ) -> dict[str, Any]:
        """Update the metrics with a batch; returns their values so far."""
        if self._kf.compile_metrics is not None:
            self._kf.compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def train_step(self, data: NestedTensors) -> dict[str, Any]:
        """Train one step on a batch `(x, y, sample_weight)`; returns the metrics so far.

        Override it to train in another way; `ops.value_and_grad` makes an override run on every backend. On the JAX
        backend the form `train_step(self, state, data) -> (logs, state)` is understood as well.

        The layers inside are told that this is training, also where the model's own `call` takes no `training`
        (Keras runs them in inference mode then).
        """
        return steps.train_step(self, data)

    def test_step(self, data: NestedTensors) -> dict[str, Any]:
        """Evaluate one batch; returns the metrics so far."""
        return steps.test_step(self, data)

    def predict_step(self, data: NestedTensors) -> Any:
        """Return the predictions for a batch."""
        return steps.predict_step(self, data)

    def make_train_function(self, force: bool = False) -> Callable[..., Any]:
        """Make the compiled step of training, on a batch from the host. It is made anew when what it reads changes."""
        return loop.make_function(self, "train", force)

    def make_test_function(self, force: bool = False) -> Callable[..., Any]:
        """As `make_train_function`, of evaluation."""
        return loop.make_function(self, "test", force)

    def make_predict_function(self, force: bool = False) -> Callable[..., Any]:
        """As `make_train_function`, of prediction."""
        return loop.make_function(self, "predict", force)

    # What a user may override, as it is here.
    _kf_defaults: ClassVar[Mapping[str, Callable[..., Any]]] = {
        method.__name__: method
        for method in (
            get_metrics_result, compute_loss, compute_metrics, train_step, test_step, predict_step,
            make_train_function, make_test_function, make_predict_function,
        )
    }  # fmt: skip

    # -- fit, evaluate, predict -----------------------------------------------------------------------------------

    @converted
    def fit(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | bool | str = "auto",
        callbacks: Callback | CallbackList | Sequence[Any] | None = None,
        validation_split: float = 0.0,
        validation_data: Data = None,
        shuffle: bool | str = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: NestedTensors | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
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
        loop.need_compiled(self, "fit")
        as_int(epochs, "epochs", "fit()", least=0)
        as_int(initial_epoch, "initial_epoch", "fit()", least=0)
        as_ints(validation_freq, "validation_freq", "fit()", least=1)
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_validation((x, y, sample_weight), validation_split)
        source = make_batches(
            x, y, sample_weight, batch_size=batch_size, steps=steps_per_epoch, shuffle=shuffle,
            class_weight=class_weight, seed=host.next_host_seed(), first_epoch=initial_epoch,
            whole=has_own(self, "train_step"),
        )  # fmt: skip
        size = validation_batch_size or batch_size
        validation = loop.validation_source(self, validation_data, size, validation_steps)
        prepare(self, source.spec(), "train_step")
        check_targets(self, y, "train_step", source)
        listeners = loop.make_callbacks(self, callbacks, verbose, source, epochs=epochs, history=True)
        limit = settings.max_epochs()
        epochs = epochs if limit is None else min(epochs, limit)
        loop.announce_mode(self, verbose)
        loop.fit(self, source, validation, listeners, range(initial_epoch, epochs), validation_freq)
        return self.history  # type: ignore[return-value]  # None, where a CallbackList of the user's has no History

    @overload
    def evaluate(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        verbose: int | bool | str = "auto",
        sample_weight: NestedTensors | None = None,
        steps: int | None = None,
        callbacks: Callback | CallbackList | Sequence[Any] | None = None,
        *,
        return_dict: Literal[True],
        **kwargs: Any,
    ) -> dict[str, float]: ...

    @overload
    def evaluate(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        verbose: int | bool | str = "auto",
        sample_weight: NestedTensors | None = None,
        steps: int | None = None,
        callbacks: Callback | CallbackList | Sequence[Any] | None = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any: ...

    @converted
    def evaluate(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        verbose: int | bool | str = "auto",
        sample_weight: NestedTensors | None = None,
        steps: int | None = None,
        callbacks: Callback | CallbackList | Sequence[Any] | None = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Return the loss and the metrics on data; arguments as in `fit`.

        Returns:
            The loss where there are no metrics, else a list `[loss, ...]`, or a dict where `return_dict` is true.
        """
        if kwargs:
            raise unknown_argument("evaluate()", kwargs, names_of(Trainer.evaluate))
        loop.need_compiled(self, "evaluate")
        source = make_batches(
            x, y, sample_weight, batch_size=batch_size, steps=steps, shuffle=False, whole=has_own(self, "test_step")
        )
        logs = loop.evaluate(self, source, loop.make_callbacks(self, callbacks, verbose, source), y)
        return logs if return_dict else single_batches.flat(logs)

    @converted
    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: int | bool | str = "auto",
        steps: int | None = None,
        callbacks: Callback | CallbackList | Sequence[Any] | None = None,
    ) -> Predictions:
        """Return the predictions for x, as NumPy arrays in the structure of the outputs; arguments as in `fit`."""
        own = has_own(self, "predict_step")
        if not verbose and not callbacks and not own and steps is None and single_batches.is_one_batch(x, batch_size):
            return single_batches.predict(self, x)  # nothing to loop over, and nobody to tell
        source = make_batches(x, batch_size=batch_size, steps=steps, shuffle=False, for_predict=True, whole=own)
        if not self.built:
            prepare(self, source.spec(), "predict_step")
        return loop.predict(self, source, loop.make_callbacks(self, callbacks, verbose, source))

    # -- single batches -------------------------------------------------------------------------------------------

    @entry_point
    def train_on_batch(
        self,
        x: NestedTensors,
        y: NestedTensors | None = None,
        sample_weight: NestedTensors | None = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Train on one batch; returns the loss and the metrics of this batch alone, as `evaluate` does."""
        loop.need_compiled(self, "train_on_batch")
        weights = combine(y, sample_weight, class_weight) if class_weight is not None else sample_weight
        logs = single_batches.train(self, x, y, weights)
        return logs if return_dict else single_batches.flat(logs)

    @entry_point
    def test_on_batch(
        self,
        x: NestedTensors,
        y: NestedTensors | None = None,
        sample_weight: NestedTensors | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss and the metrics of one batch alone, as `evaluate` does."""
        loop.need_compiled(self, "test_on_batch")
        logs = single_batches.test(self, x, y, sample_weight)
        return logs if return_dict else single_batches.flat(logs)

    @entry_point
    def predict_on_batch(self, x: NestedTensors) -> Predictions:
        """Return the predictions for one batch."""
        return single_batches.predict(self, x)

    def compute_loss_and_updates(
        self,
        trainable_variables: Sequence[TensorLike],
        non_trainable_variables: Sequence[TensorLike],
        metrics_variables: Sequence[TensorLike],
        x: NestedTensors,
        y: NestedTensors | None,
        sample_weight: NestedTensors | None,
        training: bool = False,
        optimizer_variables: Sequence[TensorLike] | None = None,
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """Compute the loss for JAX, statelessly; returns `(scaled loss, (loss, y_pred, non-trainable, metrics))`."""
        return stateless.compute_loss_and_updates(
            self, trainable_variables, non_trainable_variables, metrics_variables, x, y, sample_weight, training,
            optimizer_variables,
        )  # fmt: skip


def _warn_of_unsaved(model: Trainer, name: str, value: Any, error: Exception) -> None:
    cache = model._kf.cache
    if not cache.warned_of_compile:
        cache.warned_of_compile = True
        warnings.warn(
            f"The model '{model.name}' is saved without what compile() was told, as its {name} ({value!r}) can't be "
            f"saved: once it is loaded, compile() it again. {str(error).splitlines()[0]}",
            stacklevel=3,
        )
