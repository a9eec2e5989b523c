"""Callbacks, on a small stand-in for a model; where it can be, compared with real Keras."""

import csv
import http.server
import inspect
import io
import json
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasfront import callbacks as cb


class Optimizer:
    built = True

    def __init__(self, rate=0.5, use_ema=False):
        self.learning_rate = rate
        self.use_ema = use_ema
        self.iterations = 0

    def finalize_variable_values(self, variables):
        for variable in variables:
            variable[...] = -1.0  # the average, as far as the tests care


class Layer:
    def __init__(self, name, *arrays):
        self.name = name
        self.arrays = arrays
        self.embeddings = arrays[0]

    @property
    def weights(self):
        return [type("Variable", (), {"path": f"{self.name}/w{i}"}) for i in range(len(self.arrays))]

    def get_weights(self):
        return [array.copy() for array in self.arrays]


class Model:
    """What callbacks may use of a model, and no more."""

    built = True

    def __init__(self, **optimizer):
        self.kernel = np.zeros((2, 3))
        self.optimizer = Optimizer(**optimizer)
        self.stop_training = False
        self.metrics = []
        self.layers = [Layer("dense", self.kernel)]
        self.fails_at_saving = False
        self._kf = SimpleNamespace(initial_epoch=None)

    trainable_variables = property(lambda self: [self.kernel])

    def get_weights(self):
        return [self.kernel.copy()]

    def set_weights(self, weights):
        self.kernel[...] = weights[0]

    def save(self, filepath, overwrite=True):
        Path(filepath).write_text(f"model {self.kernel[0, 0]}")
        if self.fails_at_saving:
            raise OSError("disk full")

    def save_weights(self, filepath, overwrite=True):
        assert filepath.endswith(".weights.h5")
        Path(filepath).write_text(str(self.kernel[0, 0]))

    def load_weights(self, filepath):
        assert filepath.endswith(".weights.h5")
        self.kernel[...] = float(Path(filepath).read_text())

    def to_json(self):
        return '{"class_name": "Sequential", "config": {"layers": []}}'


def fit(model, callbacks, epochs, batches=3, initial=0):
    """The loop's calls; `epochs` are the logs of each. The weights are set to the epoch's number, from 1."""
    listeners = cb.CallbackList(callbacks, add_history=True, model=model, epochs=len(epochs), steps=batches, verbose=0)
    model.stop_training = False
    listeners.on_train_begin()
    first = model._kf.initial_epoch or initial
    for epoch in range(first, len(epochs)):
        listeners.on_epoch_begin(epoch)
        for batch in range(batches):
            listeners.on_train_batch_begin(batch)
            model.kernel[...] = epoch + 1
            listeners.on_train_batch_end(batch, dict(epochs[epoch]))
            if model.stop_training:
                break
        listeners.on_test_begin()
        listeners.on_test_end(dict(epochs[epoch]))
        listeners.on_epoch_end(epoch, dict(epochs[epoch]))
        if model.stop_training:
            break
    listeners.on_train_end()
    return model.history


def losses(*values, name="val_loss"):
    return [{name: float(value)} for value in values]


# --- Callback and CallbackList ---


class Recorder(cb.Callback):
    def __init__(self):
        super().__init__()
        self.calls = []


def recording(*hooks):
    """A callback class that notes the calls of these hooks."""

    def note(hook):
        def method(self, *args):
            self.calls.append((hook, *args))

        return method

    return type("Recording", (Recorder,), {hook: note(hook) for hook in hooks})


ALL = [name for name in dir(cb.Callback) if name.startswith("on_")]


def test_every_hook_is_passed_on():
    callback = recording(*ALL)()
    listeners = cb.CallbackList([callback])
    for hook in ALL:
        position = (3,) if "epoch" in hook or "batch" in hook else ()
        getattr(listeners, hook)(*position, {"loss": 1.0})
        expected = {"on_batch_begin": "on_train_batch_begin", "on_batch_end": "on_train_batch_end"}.get(hook, hook)
        assert callback.calls.pop() == (expected, *position, {"loss": 1.0})
        assert callback.calls == []
    assert len(ALL) == 16


@pytest.mark.parametrize("hook", [name for name in ALL if "batch" in name])
def test_only_overridden_batch_hooks_make_batches_wanted(hook):
    listeners = cb.CallbackList([recording(hook)()])
    mode = {"on_batch_begin": "train", "on_batch_end": "train"}.get(hook, hook.split("_")[1])
    wanted = {name: getattr(listeners, f"wants_{name}_batches") for name in ("train", "test", "predict")}
    assert wanted == {name: name == mode for name in wanted}


def test_aliases_are_called_for_train_batches():
    callback = recording("on_batch_begin", "on_batch_end")()
    listeners = cb.CallbackList([callback])
    listeners.on_train_batch_begin(1, {})
    listeners.on_train_batch_end(1, {"loss": 2.0})
    assert callback.calls == [("on_batch_begin", 1, {}), ("on_batch_end", 1, {"loss": 2.0})]


def test_late_logs_are_read_once_and_only_for_a_listener():
    reads = []

    def logs():
        reads.append(1)
        return {"loss": 1.0}

    callbacks = [recording("on_epoch_end")(), recording("on_epoch_end")()]
    listeners = cb.CallbackList(callbacks)
    listeners.on_train_batch_end(0, logs)
    listeners.on_test_end(logs)
    assert reads == []
    listeners.on_epoch_end(0, logs)
    assert reads == [1]
    assert callbacks[1].calls == [("on_epoch_end", 0, {"loss": 1.0})]


def test_logs_are_shared_so_that_callbacks_can_add_to_them():
    class Adds(cb.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["f1"] = 0.5

    listeners = cb.CallbackList([Adds()], add_history=True, model=Model())
    listeners.on_epoch_end(0, lambda: {"loss": 1.0})
    assert listeners.model.history.history == {"loss": [1.0], "f1": [0.5]}


def test_the_usual_callbacks_want_no_batches():
    usual = [
        cb.EarlyStopping(),
        cb.ModelCheckpoint("a.keras"),
        cb.ReduceLROnPlateau(),
        cb.CSVLogger("a.csv"),
        cb.BackupAndRestore("b"),
        cb.TensorBoard("c"),
        cb.LambdaCallback(on_epoch_end=print),
        cb.ProgbarLogger(),
    ]
    listeners = cb.CallbackList(usual, add_history=True)
    assert not listeners.wants_train_batches and listeners.draws_train_batches
    assert not listeners.wants_test_batches and not listeners.wants_predict_batches
    for eager in (
        cb.TerminateOnNaN(),
        cb.ModelCheckpoint("a.keras", save_freq=2),
        cb.TensorBoard("c", update_freq="batch"),
        cb.LambdaCallback(on_train_batch_end=print),
    ):
        listeners.append(eager)
        assert listeners.wants_train_batches
        listeners.callbacks.pop()


def test_a_subclass_of_an_idle_callback_is_listened_to():
    class Watching(cb.ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            pass

    assert cb.CallbackList([Watching("a.keras")]).wants_train_batches


def test_list_takes_nested_callbacks_and_hands_on_model_and_params():
    first, second = cb.Callback(), recording("on_train_begin")()
    listeners = cb.CallbackList([first, [second]], add_history=True, model=Model(), epochs=2, steps=None)
    assert listeners.callbacks[:2] == [first, second] and isinstance(listeners.callbacks[2], cb.History)
    assert first.model is second.model is listeners.model
    assert first.params == {"epochs": 2, "steps": None}
    assert cb.CallbackList(first).callbacks == [first]
    history = cb.History()
    assert cb.CallbackList([history, cb.ProgbarLogger()], add_history=True, add_progbar=True).callbacks[0] is history
    assert len(cb.CallbackList(None, add_history=True, add_progbar=True).callbacks) == 2


def test_callback_without_super_init():
    class Forgetful(cb.Callback):
        def __init__(self):
            self.seen = []

        def on_epoch_end(self, epoch, logs=None):
            self.seen.append((epoch, self.model is not None))

    callback = Forgetful()
    fit(Model(), [callback], losses(1, 2))
    assert callback.seen == [(0, True), (1, True)]


def test_history():
    model = Model()
    history = fit(model, [], losses(3, 2))
    assert history.history == {"val_loss": [3.0, 2.0]} and history.epoch == [0, 1]
    assert history.params == {"epochs": 2, "steps": 3, "verbose": 0}


# --- ProgbarLogger ---


def progress(verbose, epochs=2, steps=2, late=True):
    reads = []

    def logs():
        reads.append(1)
        return {"loss": 0.5}

    listeners = cb.CallbackList(add_progbar=True, epochs=epochs, steps=steps, verbose=verbose)
    listeners.on_train_begin()
    for epoch in range(epochs):
        listeners.on_epoch_begin(epoch)
        for batch in range(2):
            listeners.on_train_batch_end(batch, logs)
        listeners.on_test_begin()
        listeners.on_test_batch_end(0, {"loss": 9.0})
        listeners.on_test_end({"loss": 9.0})
        listeners.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 9.0})
    listeners.on_train_end()
    return reads


@pytest.mark.parametrize("steps", [2, None])
@pytest.mark.parametrize("verbose", [2, "auto"])
def test_one_line_an_epoch_in_a_log(capsys, verbose, steps):
    assert progress(verbose, steps=steps) == []  # nothing is read from the device but at the end
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Epoch 1/2 - 2/2 - 0s - ")
    assert lines[1].endswith("/step - loss: 0.5000 - val_loss: 9.0000")


def test_live_progress(capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("kerasfront.console.is_live", lambda: True)
    assert len(progress(1)) == 2  # once an epoch: the second batch comes at once
    out = capsys.readouterr().out
    assert out.startswith("Epoch 1/2\n\r1/2 ━━━━━━━━━━────────── 0s ")
    assert out.count("\n") == 4 and "\r2/2 " in out and out.endswith("loss: 0.5000 - val_loss: 9.0000\n")


def test_silent_progress(capsys):
    assert progress(0) == [] and capsys.readouterr().out == ""


def test_evaluate_and_predict_have_their_own_bars(capsys):
    listeners = cb.CallbackList(add_progbar=True, epochs=1, steps=1, verbose=2)
    for mode in ("test", "predict"):
        getattr(listeners, f"on_{mode}_begin")()
        getattr(listeners, f"on_{mode}_batch_end")(0, {"loss": 1.0})
        getattr(listeners, f"on_{mode}_end")({"loss": 1.0})
    evaluated, predicted = capsys.readouterr().out.splitlines()
    assert evaluated.startswith("1/1 - 0s") and evaluated.endswith("loss: 1.0000")
    assert predicted.endswith("/step")


# --- EarlyStopping, ReduceLROnPlateau, LearningRateScheduler ---


def keras_callbacks():
    return pytest.importorskip("keras").callbacks


def drive(callback, logs):
    """The epochs that ran, and the learning rate after each."""
    model = Model(rate=1.0)
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, values in enumerate(logs):
        model.kernel[...] = epoch
        callback.on_epoch_end(epoch, dict(values))
        rates.append(model.optimizer.learning_rate)
        if model.stop_training:
            break
    callback.on_train_end()
    return rates, model.kernel[0, 0]


values = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.5, 1.0, float("nan")]), min_size=1, max_size=12)


@settings(max_examples=60)
@given(
    values=values,
    options=st.fixed_dictionaries(
        {
            "monitor": st.just("val_loss"),
            "patience": st.integers(0, 3),
            "min_delta": st.sampled_from([0, 0.15, -0.15]),
            "mode": st.sampled_from(["auto", "min", "max"]),
            "baseline": st.sampled_from([None, 0.25]),
            "restore_best_weights": st.booleans(),
            "start_from_epoch": st.integers(0, 3),
        }
    ),
)
def test_early_stopping_is_keras_s(values, options):
    keras = keras_callbacks()
    logs = losses(*values)
    assert drive(cb.EarlyStopping(**options), logs) == drive(keras.EarlyStopping(**options), logs)


@settings(max_examples=60)
@given(
    values=values,
    options=st.fixed_dictionaries(
        {
            "monitor": st.just("val_loss"),
            "factor": st.sampled_from([0.1, 0.5]),
            "patience": st.integers(0, 3),
            "min_delta": st.sampled_from([0, 0.15]),
            "mode": st.sampled_from(["auto", "min", "max"]),
            "cooldown": st.integers(0, 2),
            "min_lr": st.sampled_from([0.0, 0.2]),
        }
    ),
)
def test_reduce_lr_is_keras_s(values, options):
    keras = keras_callbacks()
    logs = losses(*values)
    ours, theirs = (drive(kind(**options), logs)[0] for kind in (cb.ReduceLROnPlateau, keras.ReduceLROnPlateau))
    # Keras computes the rate in float32
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_early_stopping_restores_and_says_so(capsys):
    model = Model()
    stop = cb.EarlyStopping(patience=1, restore_best_weights=True, verbose=1)
    history = fit(model, [stop], losses(3, 2, 4, 1))
    assert history.epoch == [0, 1, 2] and stop.stopped_epoch == 2 and stop.best == 2.0 and stop.best_epoch == 1
    assert model.kernel[0, 0] == 2
    out = capsys.readouterr().out
    assert out == "Epoch 3: early stopping\nRestoring model weights from the end of the best epoch: 2.\n"
    # it can be used again
    assert fit(model, [stop], losses(3, 2, 1)).epoch == [0, 1, 2]


@pytest.mark.parametrize(
    ("monitor", "up"),
    [
        ("loss", False),
        ("val_accuracy", True),
        ("acc", True),
        ("val_auc_1", True),
        ("mean_squared_error", False),
        ("mae", False),
        ("val_f1_score", True),
        ("categorical_crossentropy", False),
        ("output_loss", False),
    ],
)
def test_auto_mode_knows_the_direction(monitor, up):
    rates, _ = drive(cb.EarlyStopping(monitor=monitor), losses(1, 2, 3, name=monitor))
    assert len(rates) == (3 if up else 2)


def test_auto_mode_asks_the_metric():
    stop = cb.EarlyStopping(monitor="val_mine")
    model = Model()
    model.metrics = [type("Metric", (), {"name": "mine", "_direction": "up"})()]
    fit(model, [stop], losses(1, 2, 3, name="val_mine"))
    assert stop.best == 3.0


def test_auto_mode_without_a_direction_is_an_error():
    with pytest.raises(ValueError, match=r"EarlyStopping.monitor='mine'. can't tell(.|\n)*mode=\"min\""):
        drive(cb.EarlyStopping(monitor="mine"), losses(1, name="mine"))


@pytest.mark.parametrize("kind", [cb.EarlyStopping, cb.ReduceLROnPlateau])
def test_missing_metric_is_warned_of(kind):
    with pytest.warns(UserWarning, match=f"{kind.__name__} monitors 'val_los'.*They have: val_loss.*Did you mean"):
        drive(kind(monitor="val_los"), losses(1))


def test_unknown_mode_is_warned_of():
    with pytest.warns(UserWarning, match="'mim' came.*Did you mean 'min'"):
        cb.EarlyStopping(mode="mim")


def test_reduce_lr_logs_and_arguments(capsys):
    model = Model(rate=0.5)
    reduce = cb.ReduceLROnPlateau(patience=1, factor=0.5, verbose=1)
    history = fit(model, [reduce], losses(1, 2, 3))
    assert history.history["learning_rate"] == [0.5, 0.5, 0.25] and model.optimizer.learning_rate == 0.125
    assert capsys.readouterr().out.startswith("Epoch 2: ReduceLROnPlateau reducing learning rate to 0.25.\n")
    assert cb.ReduceLROnPlateau(epsilon=0.3).min_delta == 0.3
    with pytest.raises(ValueError, match="`factor` must be below 1"):
        cb.ReduceLROnPlateau(factor=1.0)
    with pytest.raises(TypeError, match="no argument 'patiense'. Did you mean 'patience'"):
        cb.ReduceLROnPlateau(patiense=1)


@pytest.mark.parametrize("schedule", [lambda epoch, rate: rate / 2, lambda epoch: 0.5 ** (epoch + 2)])
def test_learning_rate_scheduler(schedule, capsys):
    history = fit(Model(rate=0.5), [cb.LearningRateScheduler(schedule, verbose=1)], losses(1, 1))
    assert history.history["learning_rate"] == [0.25, 0.125]
    assert capsys.readouterr().out.splitlines()[0] == "Epoch 1: LearningRateScheduler setting learning rate to 0.25."


@pytest.mark.parametrize("result", ["a", None, True])
def test_schedule_must_return_a_number(result):
    with pytest.raises(ValueError, match="`schedule` must return a number"):
        fit(Model(), [cb.LearningRateScheduler(lambda epoch: result)], losses(1))


def test_a_type_error_in_a_schedule_is_not_swallowed():
    def schedule(epoch, rate):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        fit(Model(), [cb.LearningRateScheduler(schedule)], losses(1))


def test_learning_rate_needs_an_optimizer():
    model = Model()
    model.optimizer = None
    for callback in (cb.LearningRateScheduler(lambda epoch: 0.1), cb.ReduceLROnPlateau()):
        with pytest.raises(ValueError, match="no `learning_rate`"):
            fit(model, [callback], losses(1))


# --- ModelCheckpoint ---


def test_checkpoint_every_epoch(tmp_path, capsys):
    path = tmp_path / "new" / "{epoch:02d}-{val_loss:.1f}.keras"
    fit(Model(), [cb.ModelCheckpoint(path, verbose=1)], losses(3, 2))
    assert sorted(os.listdir(tmp_path / "new")) == ["01-3.0.keras", "02-2.0.keras"]
    assert (tmp_path / "new" / "02-2.0.keras").read_text() == "model 2.0"
    assert capsys.readouterr().out.startswith(f"Epoch 1: saving model to {tmp_path}/new/01-3.0.keras\n")


def test_checkpoint_saves_the_best(tmp_path, capsys):
    path = tmp_path / "best.keras"
    fit(Model(), [cb.ModelCheckpoint(path, save_best_only=True, verbose=1)], losses(3, 2, 4))
    assert path.read_text() == "model 2.0"
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("Epoch 2: val_loss improved from 3.00000 to 2.00000, saving model to ")
    assert lines[2] == "Epoch 3: val_loss did not improve from 2.00000"
    path.unlink()
    fit(Model(), [cb.ModelCheckpoint(path, save_best_only=True, initial_value_threshold=1.0)], losses(3, 2))
    assert not path.exists()


def test_checkpoint_by_batches_counts_over_epochs(tmp_path):
    path = tmp_path / "{epoch}-{batch}.weights.h5"
    fit(Model(), [cb.ModelCheckpoint(path, save_weights_only=True, save_freq=2)], losses(3, 2, 1))
    # what Keras 3 writes for 3 batches an epoch
    expected = ["1-2.weights.h5", "2-1.weights.h5", "2-3.weights.h5", "3-2.weights.h5"]
    assert sorted(os.listdir(tmp_path)) == expected


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path, model = tmp_path / "a.keras", Model()
    fit(model, [cb.ModelCheckpoint(path)], losses(1))
    model.fails_at_saving = True
    with pytest.raises(OSError, match="disk full"):
        fit(model, [cb.ModelCheckpoint(path)], losses(1, 1))
    assert path.read_text() == "model 1.0" and os.listdir(tmp_path) == ["a.keras"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filepath": "a"}, r"must end in .keras, .h5 or .hdf5; 'a' came"),
        ({"filepath": "a.keras", "save_weights_only": True}, r"must end in .weights.h5"),
        ({"filepath": "a.keras", "save_freq": "batch"}, "`save_freq` of .* to be"),
        ({"filepath": "a.keras", "save_freq": 0}, "`save_freq` of .* to be"),
        ({"filepath": "a.keras", "save_freq": 1.5}, "`save_freq` of .* to be"),
    ],
)
def test_bad_checkpoint(options, message):
    with pytest.raises(ValueError, match=message):
        cb.ModelCheckpoint(**options)


def test_checkpoint_path_with_an_unknown_name(tmp_path):
    with pytest.raises(KeyError, match="Did you mean 'val_loss'"):
        fit(Model(), [cb.ModelCheckpoint(tmp_path / "{val_los}.keras")], losses(1))


def test_checkpoint_without_its_metric_warns(tmp_path):
    with pytest.warns(UserWarning, match="ModelCheckpoint monitors 'val_acc'"):
        fit(Model(), [cb.ModelCheckpoint(tmp_path / "a.keras", "val_acc", save_best_only=True)], losses(1))
    assert os.listdir(tmp_path) == []


# --- BackupAndRestore ---


class Interrupt(cb.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("double", [False, True])
def test_backup_goes_on_where_it_was_interrupted(tmp_path, double):
    folder = tmp_path / "backup"
    with pytest.raises(KeyboardInterrupt):
        fit(Model(), [cb.BackupAndRestore(folder, double_checkpoint=double), Interrupt(2)], losses(4, 3, 2, 1))
    assert json.loads((folder / "training_metadata.json").read_text()) == {"epoch": 2, "batch": 0}
    assert len(os.listdir(folder)) == (4 if double else 2)
    if double:  # the latest is broken, so the one before it is used
        (folder / "latest.weights.h5").write_text("rubbish")
    model = Model()
    history = fit(model, [cb.BackupAndRestore(folder)], losses(4, 3, 2, 1))
    assert history.epoch == ([1, 2, 3] if double else [2, 3])
    assert not folder.exists()


def test_backup_restores_the_weights(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(Model(), [cb.BackupAndRestore(tmp_path / "b", save_freq=2), Interrupt(1)], losses(4, 3))
    model = Model()
    restore = cb.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
    restore.set_model(model)
    restore.on_train_begin()
    assert model.kernel[0, 0] == 1 and model._kf.initial_epoch == 0
    restore.on_train_end()
    assert (tmp_path / "b").exists()


def test_broken_backup_and_bad_arguments(tmp_path):
    (tmp_path / "latest.weights.h5").write_text("rubbish")
    (tmp_path / "training_metadata.json").write_text("{}")
    with pytest.raises(ValueError, match="can't be loaded(.|\n)*Remove the folder"):
        fit(Model(), [cb.BackupAndRestore(tmp_path)], losses(1))
    with pytest.raises(ValueError, match="must not be empty"):
        cb.BackupAndRestore("")
    with pytest.raises(ValueError, match="`save_freq` of .* to be"):
        cb.BackupAndRestore("a", save_freq="never")
    model = Model()
    model.built = False
    with pytest.raises(ValueError, match="must be built before fit"):
        fit(model, [cb.BackupAndRestore(tmp_path / "c")], losses(1))


# --- CSVLogger, TerminateOnNaN, LambdaCallback, RemoteMonitor, SwapEMAWeights ---


def read_csv(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    logs = [{"loss": 0.5, "acc": 0.1}, {"loss": 0.25, "acc": 0.2}]
    fit(Model(), [cb.CSVLogger(path)], logs)
    assert read_csv(path) == [["epoch", "acc", "loss"], ["0", "0.1", "0.5"], ["1", "0.2", "0.25"]]
    fit(Model(), [cb.CSVLogger(path, append=True)], logs[:1])
    assert read_csv(path)[3:] == [["0", "0.1", "0.5"]]
    fit(Model(), [cb.CSVLogger(path, separator=";")], logs[:1])
    assert read_csv(path, ";") == [["epoch", "acc", "loss"], ["0", "0.1", "0.5"]]


def test_csv_logger_takes_columns_that_come_later(tmp_path):
    path = tmp_path / "log.csv"
    fit(Model(), [cb.CSVLogger(path)], [{"loss": 3.0}, {"loss": 2.0, "val_loss": 5.0}, {"loss": 1.0}])
    assert read_csv(path) == [
        ["epoch", "loss", "val_loss"],
        ["0", "3.0", "NA"],
        ["1", "2.0", "5.0"],
        ["2", "1.0", "NA"],
    ]


def test_csv_logger_can_be_read_while_training(tmp_path):
    path = tmp_path / "log.csv"
    seen = []
    watch = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(len(read_csv(path))))
    fit(Model(), [cb.CSVLogger(path), watch], [{"loss": np.float32(1)}, {"loss": np.ones(2)}])
    assert seen == [2, 3] and read_csv(path)[2] == ["1", "[1.0, 1.0]"]


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_terminate_on_nan(loss, capsys):
    model = Model()
    fit(model, [cb.TerminateOnNaN()], losses(1, loss, 1, name="loss"))
    assert model.stop_training and model.history.epoch == [0, 1]
    assert "Batch 0: the loss is" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="Batch 0"):
        fit(model, [cb.TerminateOnNaN(raise_error=True)], losses(loss, name="loss"))


def test_lambda_callback():
    calls = []
    hooks = {hook: (lambda *args, hook=hook: calls.append(hook)) for hook in ALL if "predict" not in hook}
    hooks = {hook: function for hook, function in hooks.items() if hook not in ("on_batch_begin", "on_batch_end")}
    fit(Model(), [cb.LambdaCallback(**hooks)], losses(1), batches=1)
    assert calls == [
        "on_train_begin",
        "on_epoch_begin",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_test_begin",
        "on_test_end",
        "on_epoch_end",
        "on_train_end",
    ]
    with pytest.raises(ValueError, match="Unknown hook 'on_epoch_stop'.*"):
        cb.LambdaCallback(on_epoch_stop=print)
    with pytest.raises(TypeError, match="`on_epoch_end` must be callable"):
        cb.LambdaCallback(on_epoch_end=3)


@pytest.mark.parametrize("as_json", [True, False])
def test_remote_monitor(as_json):
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, self.headers["Content-Type"], self.headers["X-Key"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        root = f"http://127.0.0.1:{server.server_port}"
        monitor = cb.RemoteMonitor(root, "/logs", headers={"X-Key": "k"}, send_as_json=as_json)
        fit(Model(), [monitor], [{"loss": np.float32(0.5)}])
    finally:
        server.shutdown()
        server.server_close()
    ((path, kind, key, body),) = received
    assert path == "/logs" and key == "k"
    if as_json:
        assert kind == "application/json" and json.loads(body) == {"epoch": 0, "loss": 0.5}
    else:
        assert body == "data=%7B%22epoch%22%3A+0%2C+%22loss%22%3A+0.5%7D"


def test_remote_monitor_that_is_not_there():
    with pytest.warns(UserWarning, match="can't reach http://127.0.0.1:9/"):
        fit(Model(), [cb.RemoteMonitor("http://127.0.0.1:9")], losses(1))
    with pytest.raises(ValueError, match="must begin with http"):
        cb.RemoteMonitor("file:///etc")


def test_swap_ema_weights_at_evaluation():
    model, seen = Model(use_ema=True), []
    watch = cb.LambdaCallback(
        on_test_end=lambda logs: seen.append(("test", model.kernel[0, 0])),
        on_epoch_end=lambda epoch, logs: seen.append(("epoch", model.kernel[0, 0])),
    )
    fit(model, [watch, cb.SwapEMAWeights()], losses(1, 1))
    assert seen == [("test", -1), ("epoch", 1), ("test", -1), ("epoch", 2)]


def test_swap_ema_weights_on_epoch(tmp_path):
    model = Model(use_ema=True)
    path = tmp_path / "{epoch}.keras"
    starts = []
    watch = cb.LambdaCallback(on_epoch_begin=lambda epoch, logs: starts.append(model.kernel[0, 0]))
    fit(model, [cb.SwapEMAWeights(swap_on_epoch=True), watch, cb.ModelCheckpoint(path)], losses(1, 1))
    assert (tmp_path / "1.keras").read_text() == "model -1.0"
    assert starts == [0, 1] and model.kernel[0, 0] == -1


def test_swap_ema_weights_needs_ema():
    with pytest.raises(ValueError, match="use_ema=True"):
        fit(Model(), [cb.SwapEMAWeights()], losses(1))


# --- TensorBoard ---


def events(folder):
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = loading.EventAccumulator(str(folder), {"tensors": 0, "images": 0})
    accumulator.Reload()
    tags = accumulator.Tags()["tensors"]
    return {tag: [(event.step, event.tensor_proto) for event in accumulator.Tensors(tag)] for tag in tags}


def numbers(found):
    from tensorboard.util import tensor_util

    return [(step, tensor_util.make_ndarray(tensor)) for step, tensor in found]


def test_tensorboard_scalars(tmp_path):
    pytest.importorskip("tensorboard")
    logs = [{"loss": 2.0, "val_loss": 3.0}, {"loss": 1.0, "val_loss": 4.0}]
    fit(Model(), [cb.TensorBoard(tmp_path, update_freq=2, write_steps_per_second=True)], logs)
    train, validation = events(tmp_path / "train"), events(tmp_path / "validation")
    assert numbers(train["epoch_loss"]) == [(0, 2.0), (1, 1.0)]
    assert numbers(train["batch_loss"]) == [(1, 2.0), (3, 1.0), (5, 1.0)]
    assert numbers(validation["epoch_loss"]) == [(0, 3.0), (1, 4.0)]
    assert "evaluation_val_loss_vs_iterations" in validation
    assert len(train["epoch_steps_per_second"]) == 2 and len(train["batch_steps_per_second"]) == 3
    assert b"Sequential" in train["keras"][0][1].string_val[0]


def test_tensorboard_weights(tmp_path):
    pytest.importorskip("tensorboard")
    options = {
        "histogram_freq": 2,
        "write_images": True,
        "embeddings_freq": 1,
        "embeddings_metadata": "labels.tsv",
    }
    fit(Model(), [cb.TensorBoard(tmp_path, **options)], losses(1, 1, 1))
    train = events(tmp_path / "train")
    histograms = numbers(train["dense/w0/histogram"])
    assert [step for step, _ in histograms] == [0, 2]
    assert histograms[0][1].shape == (30, 3) and histograms[0][1][:, 2].sum() == 6
    width, height, png = train["dense/w0/image"][0][1].string_val
    assert (width, height) == (b"3", b"2") and png.startswith(b"\x89PNG")
    image = pytest.importorskip("PIL.Image")
    assert image.open(io.BytesIO(png)).size == (3, 2)
    projector = (tmp_path / "train" / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "dense-2.tsv"' in projector and 'metadata_path: "labels.tsv"' in projector
    assert np.loadtxt(tmp_path / "train" / "dense-2.tsv").shape == (2, 3)


def test_tensorboard_does_not_import_tensorflow(tmp_path):
    pytest.importorskip("tensorboard")
    program = (
        "import sys; from kerasfront.callbacks import TensorBoard\n"
        f"board = TensorBoard({str(tmp_path)!r})\n"
        "board.on_epoch_end(0, {'loss': 1.0}); board.on_train_end()\n"
        "assert 'tensorflow' not in sys.modules and 'torch' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_tensorboard_bad_arguments():
    with pytest.raises(ValueError, match="`profile_batch` must be 0"):
        cb.TensorBoard(profile_batch=2)
    with pytest.raises(ValueError, match="`update_freq` of TensorBoard to be"):
        cb.TensorBoard(update_freq="hour")


def test_tensorboard_model_without_json_warns(tmp_path):
    pytest.importorskip("tensorboard")
    model = Model()
    model.to_json = lambda: (_ for _ in ()).throw(NotImplementedError("no config"))
    with pytest.warns(UserWarning, match="graph can't be written: no config"):
        fit(model, [cb.TensorBoard(tmp_path)], losses(1))


def test_signatures_are_keras_s():
    keras = keras_callbacks()
    for name in cb.__all__:
        ours, theirs = (inspect.signature(getattr(module, name)) for module in (cb, keras))
        assert [str(p).split(":")[0].split("=")[0].strip() for p in ours.parameters.values()] == [
            str(p).split(":")[0].split("=")[0].strip() for p in theirs.parameters.values()
        ], name
        defaults = [[p.default for p in found.parameters.values()] for found in (ours, theirs)]
        assert defaults[0] == defaults[1], name


def test_messages_begin_below_a_live_bar(monkeypatch, capsys):
    monkeypatch.setattr("kerasfront.console.is_live", lambda: True)
    fit(Model(), [cb.EarlyStopping(verbose=1)], losses(1, 2))
    assert capsys.readouterr().out == "\nEpoch 2: early stopping\n"


def test_no_warning_in_ordinary_use(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ordinary = [
            cb.EarlyStopping(),
            cb.ModelCheckpoint(tmp_path / "a.keras"),
            cb.CSVLogger(tmp_path / "a.csv"),
        ]
        fit(Model(), ordinary, losses(1, 2))


def test_a_lambda_callback_is_written_with_the_functions_it_was_given():
    def report(epoch, logs):
        pass

    assert repr(cb.LambdaCallback(on_epoch_end=report)) == "LambdaCallback(on_epoch_end=report)"
