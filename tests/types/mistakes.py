"""Mistakes that a type checker has to find in a user's program: one in each line that ends with `# error`.

No other line may be one. The program is checked, not run.
"""

import numpy as np

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.models import Sequential
from kerasfront.optimizers import Adam

x = np.zeros((8, 4), "float32")
y = np.zeros((8,), "int32")

keras.layers.Dens(3)  # error
keras.layrs  # error
layers.Dense(unit=3)  # error
layers.Dense("three")  # error
layers.Dense(3).unit  # error
layers.Dense(3, use_bias=[1])  # error
layers.Conv2D(8)  # error
layers.LSTM(4, return_sequence=True)  # error
ops.add(1)  # error
ops.softmaxx(x)  # error
ops.reshape(x, newshape="flat")  # error
ops.add(x, 1).shpe  # error
keras.Variable([1.0]).assing([2.0])  # error
keras.Input((4,)).rank  # error
Adam(learningrate=1e-3)  # error
Adam(beta_1=[0.9])  # error
keras.losses.MeanSquaredEror()  # error
keras.losses.MeanSquaredError(from_logits=True)  # error
keras.metrics.Mean(nme="loss")  # error
keras.callbacks.EarlyStopping(patience=[3])  # error
keras.Model().compil()  # error

model = Sequential([layers.Dense(1)])
model.compile(optimizer="adam", los="mse")  # error
model.compile(optimizer=layers.Dense(3))  # error
model.fit(x, y, epoch=3)  # error
model.fit(x, y, epochs="three")  # error
model.fit(x, y).histroy  # error
model.predict(x, batchsize=4)  # error
model.summry()  # error
model.get_layer(name=3)  # error


class Block(layers.Layer):
    """A layer whose attributes are misspelt."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = self.add_weight(shape=(1,), init="ones")  # error
        self.inner = layers.Dense(2)

    def call(self, inputs: keras.KerasTensor) -> object:
        self.inner.unitz  # error
        return self.scal * inputs  # error


Block(units=3)  # error
