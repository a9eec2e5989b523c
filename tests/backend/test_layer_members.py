"""Members of layers, optimizers and symbolic tensors by Keras's names: help shows them, and calls by keyword work."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.testing.layers import CASES, Case


def parameters(method: Any) -> list[str]:
    return [p.name for p in inspect.signature(method).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]


@pytest.mark.wide
@pytest.mark.parametrize("case", [pytest.param(c, id=c.id) for c in CASES])
def test_output_specs_and_shapes_by_keyword(case: Case) -> None:
    """By the names of `call`, and for shapes those of `build`: the same as by position."""
    layer = case.make(layers)
    x = case.nested([keras.KerasTensor((None, *s), case.dtype) for s in case.shapes])
    expected = case.call(layer, x)
    values = x if case.spread else [x]
    names = parameters(layer.compute_output_spec)
    if "_default" in vars(type(layer).compute_output_spec):
        assert names == parameters(layer.call)
    found = layer.compute_output_spec(**dict(zip(names, values, strict=False)))
    assert found.shape == expected.shape and found.dtype == expected.dtype
    shapes = case.nested([(None, *s) for s in case.shapes])
    by_name = dict(zip(parameters(layer.compute_output_shape), shapes if case.spread else [shapes], strict=False))
    assert layer.compute_output_shape(**by_name) == expected.shape
    assert case.make(layers).compute_output_shape(**dict(reversed(by_name.items()))) == expected.shape


def test_shapes_of_several_inputs_by_name() -> None:
    attention, lstm = layers.MultiHeadAttention(2, 3), layers.LSTM(3)
    assert parameters(attention.compute_output_shape) == ["query_shape", "value_shape", "key_shape"]
    assert attention.compute_output_shape(value_shape=(2, 5, 7), query_shape=(2, 4, 6)) == (2, 4, 6)
    assert parameters(lstm.compute_output_shape) == ["sequences_shape", "initial_state_shape"]
    assert lstm.compute_output_shape(sequences_shape=(2, 4, 6)) == (2, 3)


def test_members_are_seen_on_the_class() -> None:
    for name in ("num_heads", "key_dim", "value_dim", "dropout", "use_bias", "attention_axes", "query_dense"):
        assert hasattr(layers.MultiHeadAttention, name)
    attention = layers.MultiHeadAttention(2, 3)
    assert attention.query_dense is None and attention.num_heads == 2
    attention(*[np.ones((1, 4, 5), "float32")] * 2)
    assert attention.query_dense.kernel.shape == (5, 2, 3) and attention.attention_axes == (1,)
    assert keras.Input((3,)).node.operation.batch_shape == (None, 3)


def test_a_layer_of_one_s_own_shows_its_parameters() -> None:
    class Gate(layers.Layer):
        def build(self, x_shape: Any, gate_shape: Any) -> None:
            self.scale = self.add_weight(x_shape[-1:])

        def call(self, x: Any, gate: Any, training: bool | None = None) -> Any:
            return x * self.scale * gate

    layer = Gate()
    assert parameters(layer.compute_output_spec) == ["x", "gate", "training"]
    assert layer.compute_output_shape(gate_shape=(None, 1), x_shape=(None, 4)) == (None, 4)
    spec = layer.compute_output_spec(gate=keras.KerasTensor((2, 1)), x=keras.KerasTensor((2, 4)))
    assert spec.shape == (2, 4)


def test_symbolic_tensors_reshape_and_squeeze() -> None:
    x = keras.Input((1, 6))
    model = keras.Model(x, [x.squeeze(1), x.squeeze(axis=1), x.reshape((-1, 3, 2))])
    assert [y.shape for y in model.outputs] == [(None, 6), (None, 6), (None, 3, 2)]
    assert [tuple(y.shape) for y in model(np.ones((2, 1, 6), "float32"))] == [(2, 6), (2, 6), (2, 3, 2)]
    assert x.ragged_rank is None and x.row_splits_dtype is None


def test_add_metric_tells_what_to_do() -> None:
    with pytest.raises(NotImplementedError, match="'plain'.*compile"):
        layers.Dense(1, name="plain").add_metric(1.0, name="m")


def test_rematerialized_call_computes_what_the_call_does() -> None:
    layer, x = layers.Dense(2), ops.ones((3, 4))
    expected = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(ops.convert_to_numpy(layer.rematerialized_call(layer.call, x)), expected, rtol=1e-6)


def test_a_lambda_is_made_from_its_config_with_custom_objects() -> None:
    def halve(x: Any) -> Any:
        return x / 2

    config = layers.Lambda(halve, name="half").get_config()
    layer = layers.Lambda.from_config(config, custom_objects={"halve": halve}, safe_mode=True)
    assert float(layer(ops.ones(()))) == 0.5


@pytest.mark.parametrize("name", ["variables", "var_list"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.SGD(),
        lambda: keras.optimizers.Adam(amsgrad=True),
        lambda: keras.optimizers.Nadam(),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()),
        lambda: keras.optimizers.MultiOptimizer(lambda variable: keras.optimizers.SGD(momentum=0.9)),
    ],
)
def test_optimizers_are_built_by_either_name(make: Any, name: str) -> None:
    variables = [keras.Variable([1.0, 2.0])]
    built = []
    for by_name in (False, True):
        optimizer = make()
        optimizer.build(**{name: variables}) if by_name else optimizer.build(variables)
        assert optimizer.built
        built.append([v.shape for v in optimizer.variables])
    assert built[0] == built[1] and len(built[0]) > 1


def test_keras_s_private_names_of_layers() -> None:
    layer = layers.Layer()
    parts = layer._tracker.track([layers.Dense(2), layers.Dense(3)])
    assert layer._layers == list(parts) and not layer._tracker.locked and not layer._lock
    layer._tracker.unlock()
    layer._tracker.untrack(parts[0])
    assert layer._layers == [parts[1]]
    layer._tracker.lock()
    frozen = layer.add_weight((2,), trainable=False)
    trained = layer.add_weight((3,), regularizer="l2")
    assert [layer._trainable_variables, layer._non_trainable_variables] == [[trained], [frozen]]
    layer.add_loss(ops.ones(()))
    assert len(layer._get_own_losses()) == len(layer._get_regularization_losses()) == 1


def test_constructors_have_the_defaults_of_their_rank() -> None:
    for kind, rank in ((layers.Conv1D, 1), (layers.Conv2D, 2), (layers.Conv3D, 3), (layers.Conv2DTranspose, 2)):
        default = inspect.signature(kind.__init__).parameters["strides"].default
        assert default == ((1,) * rank if rank > 1 else 1) and kind(2, 3).strides == (1,) * rank
    assert inspect.signature(layers.MaxPooling3D.__init__).parameters["pool_size"].default == (2, 2, 2)
    assert layers.MaxPooling2D().pool_size == (2, 2) and layers.DepthwiseConv2D(3).get_config()["strides"] == (1, 1)


def test_attention_takes_the_arguments_of_a_spec_in_keras_s_order() -> None:
    query = keras.KerasTensor((2, 3, 4))
    outputs = layers.Attention().compute_output_spec([query, query], None, True)
    assert [x.shape for x in outputs] == [(2, 3, 4), (2, 3, 3)]


def test_attributes_of_a_cell_are_set_on_the_cell() -> None:
    layer = layers.LSTM(3)
    with pytest.raises(AttributeError, match="`units` of LSTM is reserved"):
        layer.units = 4
    assert layer.units == layer.cell.units == 3


def test_an_unknown_last_axis_is_told() -> None:
    with pytest.raises(ValueError, match="the Dense layer .* to have a known size on axis -1"):
        layers.Dense(3)(keras.Input((None,)))
