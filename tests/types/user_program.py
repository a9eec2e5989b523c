"""A user's program, and the types that a checker has to know in it. It is checked, not run."""

from collections.abc import Mapping
from typing import Any, assert_type

import numpy as np

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.callbacks import Callback, History
from kerasfront.losses import Loss
from kerasfront.metrics import Mean, Metric
from kerasfront.models import Model, Sequential
from kerasfront.optimizers import Adam, Optimizer
from kerasfront.typing import Tensor

x = np.zeros((8, 4), "float32")
y = np.zeros((8,), "int32")

# Layers.
dense = keras.layers.Dense(3, activation="relu", name="head")
assert_type(dense, layers.Dense)
assert_type(dense.units, int)
assert_type(dense.name, str)
assert_type(dense.kernel, keras.Variable)
assert_type(dense.weights, list[keras.Variable])
assert_type(dense(x), Tensor)
assert_type(layers.Conv2D(8, (3, 3), padding="same")(x), Tensor)
assert_type(layers.Dropout(0.5)(x, training=True), Tensor)

# Ops and Variables.
total = ops.add(1, 2)
assert_type(total, Tensor)
assert_type(total * 2, Tensor)
assert_type(2 - total, Tensor)
assert_type(total > 0, Tensor)
assert_type(total == total, Tensor)
assert_type(total[0], Tensor)
assert_type(-total, Tensor)
assert_type(ops.reshape(x, (-1, 2)), Tensor)
assert_type(keras.ops.mean(x, axis=-1, keepdims=True), Tensor)
assert_type(keras.ops.convert_to_numpy(total), "np.ndarray[Any, Any]")

counter = keras.Variable([1.0], name="counter")
assert_type(counter, keras.Variable)
assert_type(counter.assign_add([1.0]), keras.Variable)
assert_type(counter.shape, tuple[int, ...])
assert_type(counter.numpy(), "np.ndarray[Any, Any]")
assert_type(counter * 2, Tensor)
assert_type(1 / counter, Tensor)
assert_type(counter[0], Tensor)

# Functional models.
inputs = keras.Input((4,))
assert_type(inputs, keras.KerasTensor)
assert_type(inputs + 1, keras.KerasTensor)
assert_type(inputs.shape, tuple[int | None, ...])
functional = Model(inputs, dense(inputs))
functional.summary()

# Sequential models, and training.
model = Sequential([keras.Input((4,)), dense, layers.Dense(2, activation="softmax")])
assert_type(model, Sequential)
model.compile(optimizer=Adam(1e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=2, batch_size=4, validation_split=0.25, verbose=0)
assert_type(history, History)
assert_type(history.history, dict[str, list[float]])
assert_type(history.epoch, list[int])
scores = model.evaluate(x, y, return_dict=True)
assert_type(scores, dict[str, float])
assert_type(model.layers, list[keras.Layer])
assert_type(model.get_layer("head"), keras.Layer)
assert_type(model.count_params(), int)
assert_type(keras.optimizers.Adam(1e-3), Adam)
assert_type(Adam(1e-3).learning_rate, Any)
assert_type(keras.losses.MeanSquaredError()(y, y), Tensor)
keras.losses.get("mse")
model.save("model.keras")
model.save_weights("model.weights.h5")


# What users write themselves.
class Block(layers.Layer):
    """A layer with a weight and a layer inside."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = layers.Dense(units)
        self.scale = self.add_weight(shape=(units,), initializer="ones", name="scale")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        assert_type(self.scale, keras.Variable)
        assert_type(self.scale * 2, Tensor)
        assert_type(self.inner(inputs), Tensor)
        return self.inner(inputs) * self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.inner.units}


block = Block(2, name="block")
assert_type(block, Block)
assert_type(block.inner, layers.Dense)
assert_type(block.trainable, bool)


class Net(keras.Model):
    """A model of a user's own, with its own training step."""

    def __init__(self) -> None:
        super().__init__()
        self.block = Block(3)
        self.seen = Mean(name="seen")

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return ops.softmax(self.block(inputs))

    def train_step(self, data: Any) -> dict[str, Any]:
        inputs, targets = data
        loss = self.compute_loss(y=targets, y_pred=self(inputs, training=True))
        self.seen.update_state(loss)
        return {"loss": loss, "seen": self.seen.result()}


net = Net()
assert_type(net, Net)
assert_type(net.fit(x, y), History)
assert_type(net.block, Block)


class Hits(Metric):
    """A metric of a user's own."""

    def __init__(self, name: str = "hits") -> None:
        super().__init__(name=name)
        self.hits = self.add_variable(shape=(), initializer="zeros", name="hits")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.hits.assign_add(ops.sum(ops.cast(ops.equal(y_true, y_pred), "float32")))

    def result(self) -> Tensor:
        assert_type(self.hits, keras.Variable)
        return self.hits.value


class Squares(Loss):
    """A loss of a user's own."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.mean(ops.square(y_true - y_pred), axis=-1)


class Watch(Callback):
    """A callback of a user's own."""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        print(epoch, logs, self.model.name)


def train(chosen: Optimizer) -> History:
    """Compile with objects, as a program does that lets its user choose."""
    net.compile(optimizer=chosen, loss=Squares(), metrics=[Hits(), "mae"])
    return net.fit(x, y, callbacks=[Watch()], sample_weight=np.ones(8))
