"""What users' own calls do with dimensions that aren't known; and what they say of their outputs, at every level."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import kerasfront as keras
from kerasfront import layers, ops
from kerasfront.errors import ShapeError


def weight(self: Any, input_shape: Any) -> None:
    self.w = self.add_weight(shape=(8, input_shape[-1]), initializer="ones")


def own(call: Any, **members: Any) -> type:
    return type("Own", (layers.Layer,), {"build": weight, "call": call, **members})


def steps(self: Any, x: Any) -> Any:
    found = []
    for t in range(x.shape[1]):
        found.append(x[:, t] * 2.0)
    return ops.stack(found, 1)


def total(self: Any, x: Any) -> Any:
    t, out = 0, 0.0
    while t < ops.shape(x)[1]:
        out, t = out + x[:, t], t + 1
    return out


def table(length: int, size: int) -> Any:
    rows = [[p / 10 ** (2 * i / size) for i in range(size)] for p in range(length)]
    return ops.convert_to_tensor(np.array(rows, "float32"))


def first_row(self: Any) -> Any:
    return ops.convert_to_tensor(self.w)[None, :1]


WIDE, SAME, LONGER = (None, None), (None, None, 3), (None, None, 3)
PROGRAMS: dict[str, tuple[Any, Any]] = {
    "slice of a weight": (lambda s, x: x + ops.slice(s.w, (0, 0), (ops.shape(x)[1], x.shape[-1])), SAME),
    "index of a weight": (lambda s, x: x + s.w[: ops.shape(x)[1]], SAME),
    "tile": (lambda s, x: ops.concatenate([ops.tile(first_row(s), (ops.shape(x)[0], 1, 1)), x], 1), LONGER),
    "repeat": (lambda s, x: ops.concatenate([ops.repeat(first_row(s), ops.shape(x)[0], axis=0), x], 1), LONGER),
    "np.arange": (lambda s, x: x + ops.array(np.arange(x.shape[1], dtype="float32"))[None, :, None], SAME),
    "np.zeros": (lambda s, x: x + ops.array(np.zeros(x.shape, "float32")), SAME),
    "np.prod": (lambda s, x: ops.reshape(x, (-1, int(np.prod(x.shape[1:])))), WIDE),
    "zeros": (lambda s, x: x + ops.zeros((ops.shape(x)[0], ops.shape(x)[1], 1)), SAME),
    "int": (lambda s, x: x / float(int(ops.shape(x)[1])), SAME),
    "log": (lambda s, x: x / math.log(x.shape[1]) / np.sqrt(x.shape[1]), SAME),
    "a list": (lambda s, x: x + ops.array([1.0] * x.shape[1])[None, :, None], SAME),
    "split": (lambda s, x: ops.concatenate(ops.split(x, x.shape[1], axis=1), 1), SAME),
    "unstack": (lambda s, x: ops.stack(ops.unstack(x, axis=1), 1), SAME),
    "eye": (lambda s, x: ops.matmul(ops.eye(ops.shape(x)[1]), x), SAME),
    "len": (lambda s, x: x[: len(x)], SAME),
    "range": (steps, SAME),
    "while": (total, (None, 3)),
    "a table": (lambda s, x: x + table(x.shape[1], 3)[None], SAME),
}


@pytest.mark.wide
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_ask_for_sizes(name: str) -> None:
    call, shape = PROGRAMS[name]
    x = keras.Input((None, 3))
    model = keras.Model(x, own(call)()(x))
    assert model.output_shape == shape
    outer = keras.Input((None, 3))
    assert keras.Model(outer, model(outer)).output_shape == shape
    found = model(np.ones((2, 5, 3), "float32")).shape
    assert all(n is None or n == m for m, n in zip(found, shape, strict=True)) and len(found) == len(shape)


def test_a_lambda_may_loop() -> None:
    x = keras.Input((None, 3))
    y = layers.Lambda(lambda x: ops.stack([x[:, t] for t in range(x.shape[1])], 1))(x)
    assert y.shape == (None, None, 3)


class Recurrent(layers.Layer):
    """Layers in a loop, which are built in its course."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.last = layers.Dense(4, name="cell"), keras.Sequential([layers.Dense(2), layers.Dense(3)])

    def call(self, x: Any) -> Any:
        state, found = ops.zeros((ops.shape(x)[0], 4)), []
        for t in range(x.shape[1]):
            state = ops.tanh(self.cell(x[:, t]) + state)
            found.append(state)
        return self.last(ops.stack(found, 1))


def test_layers_in_a_loop_are_built_for_what_is_known() -> None:
    x = keras.Input((None, 3))
    layer = Recurrent()
    assert layer(x).shape == (None, None, 3)
    assert layer.cell.get_build_config() == {"input_shape": (None, 3)}
    assert layer.last.input_shape == (None, None, 4)
    assert layer.cell.kernel.path == f"{layer.name}/cell/kernel"


def test_a_program_that_no_number_helps_tells_its_own_error() -> None:
    x = keras.Input((None, 3))
    with pytest.raises(ShapeError, match="None") as told:
        own(lambda s, x: ops.concatenate([x, ops.zeros((ops.shape(x)[0], 2, 5))], axis=1))()(x)
    assert "000000" not in str(told.value)
    with pytest.raises(RuntimeError, match="of one's own"):
        own(lambda s, x: (_ for _ in ()).throw(RuntimeError("of one's own")))()(x)


# ---- what a class says of its outputs ------------------------------------------------------------------------------


def unable(self: Any, *args: Any, **kwargs: Any) -> Any:
    if any(isinstance(x, keras.KerasTensor) for x in keras.tree.flatten((args, kwargs))):
        raise AssertionError("call() ran on symbols.")
    return args[0]


def test_promised_shapes_are_asked_for_at_every_level() -> None:
    seen: list[Any] = []

    def shape(self: Any, input_shape: Any) -> Any:
        seen.append(tuple(input_shape))
        return (*input_shape[:-1], np.int64(7))

    def layer() -> Any:
        return own(unable, compute_output_shape=shape)()

    class Outer(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layer()

        def call(self, x: Any) -> Any:
            return self.inner(x) + 1.0

    x = keras.Input((None, 3))
    assert layer()(x).shape == (None, None, 7)
    inner = keras.Model(x, layer()(x))
    y = keras.Input((None, 3))
    assert keras.Model(y, inner(y)).output_shape == (None, None, 7)
    assert Outer()(y).shape == (None, None, 7)
    assert keras.Sequential([keras.Sequential([layer()]), layers.Dense(2)])(y).shape == (None, None, 2)
    assert layers.TimeDistributed(layer())(keras.Input((5, None, 3))).shape == (None, 5, None, 7)
    assert keras.Sequential([layer()]).compute_output_shape((4, 5, 3)) == (4, 5, 7)
    assert set(seen) >= {(None, None, 3)} and all(n is None or n < 100 for s in seen for n in s)


def test_promises_of_several_arguments_and_specs() -> None:
    class Two(layers.Layer):
        def call(self, q: Any, v: Any = None, flag: bool = False) -> Any:
            return unable(self, q, v)

        def compute_output_shape(self, q_shape: Any, v_shape: Any = None) -> Any:
            return (*q_shape[:2], 1 if v_shape is None else v_shape[-1])

    class First(Two):
        def compute_output_shape(self, input_shape: Any) -> Any:
            return [input_shape, (input_shape[0], 2)]

    class Spec(Two):
        def compute_output_spec(self, q: Any, v: Any = None, flag: bool = False) -> Any:
            return {"n": keras.KerasTensor((q.shape[0],), "int32"), "x": q}

    q, v = keras.Input((None, 3)), keras.Input((5, 4))
    for nested in (False, True):

        def apply(layer: Any, *args: Any, nested: bool = nested, **kwargs: Any) -> Any:
            if not nested:
                return layer(*args, **kwargs)
            return keras.Model([q, v], layer(*args, **kwargs))([keras.Input((None, 3)), keras.Input((5, 4))])

        assert apply(Two(), q, v, flag=True).shape == (None, None, 4)
        assert apply(Two(), q, v=v).shape == (None, None, 4)
        assert [y.shape for y in apply(First(), q, v)] == [(None, None, 3), (None, 2)]
        found = apply(Spec(), q, v)
        assert found["n"].shape == (None,) and found["n"].dtype == "int32" and found["x"].shape == (None, None, 3)
    assert Two().compute_output_shape((2, 3, 4), v_shape=(2, 5, 6)) == (2, 3, 6)


def test_a_promise_may_ask_its_super_class() -> None:
    class Own(layers.Layer):
        def call(self, x: Any) -> Any:
            return x[..., :2]

        def compute_output_shape(self, input_shape: Any) -> Any:
            return super().compute_output_shape(input_shape)

    class Wide(layers.Dense):
        def compute_output_shape(self, input_shape: Any) -> Any:
            return (*super().compute_output_shape(input_shape)[:-1], 4)

    assert Own()(keras.Input((3,))).shape == (None, 2)
    assert Wide(4)(keras.Input((3,))).shape == (None, 4)
