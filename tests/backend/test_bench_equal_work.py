"""The hand-written programs of the benchmark do what the front's models do: from the same weights, the same results."""

import numpy as np
import pytest

import kerasfront as keras
from kerasfront_bench.native import carry_over, programs
from kerasfront_bench.workloads import LAYERS, WORKLOADS

pytestmark = pytest.mark.trains
STEPS = 4
EVERY = WORKLOADS | LAYERS


@pytest.mark.wide
@pytest.mark.parametrize("name", EVERY)
def test_front_and_native_do_the_same_work(name):
    workload = EVERY[name]
    batch = min(workload.batch, 16)
    x, y = workload.make_data(batch * STEPS)
    native = programs(keras.backend.backend()).Program(workload)
    model = workload.compiled(keras)
    assert model.count_params() == native.parameter_count()
    carry_over(native.weights(), model)

    np.testing.assert_allclose(model.predict(x[:batch], verbose=0), native.predict(x[:batch]), atol=2e-4)
    front = model.evaluate(x, y, batch_size=batch, verbose=0, return_dict=True)
    native_loss, native_accuracy = native.evaluate(x, y, batch)
    np.testing.assert_allclose(front["loss"], native_loss, rtol=1e-4)
    if "accuracy" in front:
        assert abs(front["accuracy"] - native_accuracy) <= 1 / y.size  # a tie may fall either way
    if name == "mlp_wide":  # dropout draws differ from here on
        return
    for start in range(0, batch * STEPS, batch):
        batch_x, batch_y = x[start : start + batch], y[start : start + batch]
        loss = model.train_on_batch(batch_x, batch_y, return_dict=True)["loss"]
        np.testing.assert_allclose(loss, native.train_on_batch(batch_x, batch_y)[0], rtol=5e-3)
    np.testing.assert_allclose(model.predict(x[:batch], verbose=0), native.predict(x[:batch]), atol=2e-2)


def test_carrying_over_refuses_other_weights():
    model = WORKLOADS["mlp_small"].compiled(keras)
    with pytest.raises(ValueError, match="has weights for"):
        carry_over({"hidden": []}, model)
