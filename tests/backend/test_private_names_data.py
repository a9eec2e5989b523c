"""What users subclass to prepare and to load data: the private names of its objects are the user's."""

import numpy as np
import pytest

import kerasfront as keras


def made():
    """Layers of each module that prepares data."""
    layers = keras.layers
    return [
        layers.DataLayer(),
        layers.Rescaling(2.0),
        layers.Normalization(),
        layers.Discretization(num_bins=3),
        layers.CategoryEncoding(3),
        layers.Hashing(3),
        layers.HashedCrossing(3),
        layers.StringLookup(vocabulary=["a"]),
        layers.IntegerLookup(vocabulary=[1]),
        layers.TextVectorization(vocabulary=["a"]),
        layers.MelSpectrogram(),
        layers.STFTSpectrogram(),
        layers.Resizing(2, 2),
        layers.RandomCrop(2, 2),
        layers.RandomFlip(),
        layers.RandomRotation(0.1),
        layers.RandomElasticTransform(),
        layers.RandomColorJitter(hue_factor=0.1),
        layers.RandomErasing(),
        layers.CutMix(),
        layers.AugMix(),
        layers.MaxNumBoundingBoxes(2),
    ]


def private(names):
    return {name for name in names if name.startswith("_") and not name.startswith(("__", "_kf"))}


@pytest.mark.parametrize("index", range(22))
def test_layers_that_prepare_data_add_one_prefix_to_the_names_of_a_layer(index):
    layer = made()[index]
    plain = keras.layers.Layer()
    own = private([*vars(layer), *dir(type(layer))]) - private([*vars(plain), *dir(plain)])
    # The part of TextVectorization whose name is in Keras's files.
    assert own <= {"_lookup_layer"}


def test_a_data_layer_may_have_any_private_attribute():
    class Shifted(keras.layers.DataLayer):
        def __init__(self):
            super().__init__()
            self._call_for, self._call_anywhere, self._inferred, self._state, self._spec = 1, 2, 3, 4, 5

        def call(self, inputs):
            return inputs + float(self._call_for + self._state)

    assert keras.ops.convert_to_numpy(Shifted()(np.zeros(2, "float32"))).tolist() == [5.0, 5.0]


def test_a_py_dataset_may_have_any_private_attribute():
    class Rows(keras.utils.PyDataset):
        def __init__(self, **options):
            super().__init__(**options)
            self._workers, self._use_multiprocessing, self._max_queue_size = ["Ann"], "never", None

        def __len__(self):
            return 3

        def __getitem__(self, index):
            return np.full((1, 2), index, "float32")

    rows = Rows(workers=2, max_queue_size=4)
    assert (rows.workers, rows.use_multiprocessing, rows.max_queue_size) == (2, False, 4)
    rows.workers = 3
    assert (rows.workers, rows._workers, Rows().workers) == (3, ["Ann"], 1)
    model = keras.Sequential([keras.layers.Rescaling(2.0)])
    assert model.predict(rows, verbose=0).tolist() == [[0, 0], [2, 2], [4, 4]]
