"""What an adapter supplies beside ops: conversion, devices, storage, gradients, the compiled step."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from kerasfront import contract, tree
from kerasfront.contract import Adapter, assignments, signatures
from kerasfront.errors import CapabilityError, ShapeError
from kerasfront.ops.declare.op import OPS
from kerasfront.ops.declare.runtime import runtime
from kerasfront.spec import KerasTensor, dtypes


class Held:
    """The least that a Variable is to an adapter: a storage, a path, and `assign`."""

    def __init__(self, adapter: Adapter, value: Any, trainable: bool = True, path: str = "held") -> None:
        self.adapter, self.trainable, self.path = adapter, trainable, path
        array = np.asarray(value)
        self._value = adapter.make_storage(array, array.dtype.name, trainable, path)

    @property
    def value(self) -> Any:
        return self._value

    def __kf_tensor__(self) -> Any:
        return self._value

    def assign(self, value: Any) -> None:
        if contract.assignment_scopes.stack:
            contract.assignment_scopes.stack[-1].note(self)
        self._value = self.adapter.assign(self._value, value) if not contract.assignment_scopes.stack else value

    def numpy(self) -> np.ndarray[Any, Any]:
        return np.array(self.adapter.to_numpy(self._value))


def op(name: str) -> Any:
    return OPS[name].call


def native(adapter: Adapter, value: Any, dtype: str | None = "float32") -> Any:
    return adapter.to_tensor(np.asarray(value), dtype)


def array(adapter: Adapter, x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(adapter.to_numpy(x))


# ---- what it says of itself ---------------------------------------------------------------------------------------


def test_it_names_itself(adapter: Adapter) -> None:
    assert adapter.name and contract.load(adapter.name) is adapter
    assert adapter.version()[0].isdigit()
    assert adapter.contract[0] == contract.VERSION[0] and adapter.contract[1] <= contract.VERSION[1]


def test_its_tables_name_ops_and_gaps_have_reasons(adapter: Adapter) -> None:
    assert {*adapter.primitives, *adapter.overrides, *adapter.gaps} <= OPS.keys()
    assert all(OPS[name].kind == "primitive" for name in adapter.primitives)
    assert all(OPS[name].kind == "derived" for name in adapter.overrides)
    assert all(isinstance(reason, str) and len(reason) > 10 for reason in adapter.gaps.values())


def test_its_functions_have_the_parameters_of_their_ops(adapter: Adapter) -> None:
    assert list(signatures.differences(adapter)) == []


def test_it_supplies_what_its_capabilities_ask_for(adapter: Adapter) -> None:
    assert adapter.capabilities <= contract.CAPABILITIES.keys()
    for name in adapter.capabilities:
        for method in contract.CAPABILITIES[name].methods:
            assert getattr(type(adapter), method) is not getattr(Adapter, method), (name, method)


def test_a_capability_it_lacks_is_refused_by_name(adapter: Adapter) -> None:
    with pytest.raises(CapabilityError, match=f"'{adapter.name}' has no teleportation"):
        adapter.need("teleportation")
    for capability in adapter.capabilities:
        adapter.need(capability)


# ---- conversion ---------------------------------------------------------------------------------------------------


def test_arrays_go_in_and_out_unchanged(adapter: Adapter) -> None:
    for name in dtypes.ALL:
        if name not in adapter.native_dtypes:
            continue
        for shape in ((), (3,), (2, 0), (2, 3)):
            values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtypes.to_numpy(name))
            tensor = adapter.to_tensor(values, None)
            assert adapter.is_tensor(tensor) and adapter.dtype_name(tensor) == name, name
            assert tuple(adapter.shape(tensor)) == shape, (name, shape)
            back = array(adapter, tensor)
            assert back.dtype == values.dtype and back.shape == shape, (name, shape)
            np.testing.assert_array_equal(back, values)


def test_arrays_of_any_layout(adapter: Adapter) -> None:
    base = np.arange(12, dtype="float32").reshape(3, 4)
    frozen = base.copy()
    frozen.flags.writeable = False
    for values in (base.T, base[::-1], base[:, ::2], np.broadcast_to(base[0], (3, 4)), frozen, base.astype(">f4")):
        np.testing.assert_array_equal(array(adapter, adapter.to_tensor(values, "float32")), values)


def test_what_python_values_become(adapter: Adapter) -> None:
    cases = [
        ([1.5, 2.5], None, "float32"), ([1, 2], None, "int32"), ([2**40], None, "int64"), ([True], None, "bool"),
        ([1, 2], "float16", "float16"), (3, "uint8", "uint8"), ([[1.0], [2.0]], "bfloat16", "bfloat16"),
        ([], None, "float32"),
    ]  # fmt: skip
    for value, dtype, expected in cases:
        tensor = adapter.to_tensor(value, dtype)
        assert adapter.dtype_name(tensor) == expected, (value, dtype)
        np.testing.assert_array_equal(array(adapter, tensor), np.asarray(value).astype(dtypes.to_numpy(expected)))


def test_a_tensor_stays_and_is_cast_where_asked(adapter: Adapter) -> None:
    tensor = native(adapter, [1.7, -1.7])
    assert adapter.dtype_name(adapter.to_tensor(tensor, None)) == "float32"
    assert array(adapter, adapter.to_tensor(tensor, "int32")).tolist() == [1, -1]
    assert not adapter.is_tensor([1.0]) and not adapter.is_tensor(1.0) and not adapter.is_tensor("text")


def test_casts_between_all_dtypes(adapter: Adapter) -> None:
    names = [n for n in dtypes.ALL if n in adapter.native_dtypes and not dtypes.is_complex(n)]
    for source in names:
        values = np.asarray([0, 1, 3]).astype(dtypes.to_numpy(source))
        for target in names:
            out = adapter.cast(adapter.to_tensor(values, None), target)
            assert adapter.dtype_name(out) == target, (source, target)
            np.testing.assert_array_equal(
                array(adapter, out), values.astype(dtypes.to_numpy(target)), f"{source} {target}"
            )


def test_scalars_have_the_asked_dtype_and_no_axes(adapter: Adapter) -> None:
    for value in (True, 2, 1.5):
        for name in adapter.native_dtypes:
            if name in dtypes.ALL:
                tensor = adapter.scalar(value, name)
                assert adapter.dtype_name(tensor) == name and tuple(tensor.shape) == (), (value, name)
                assert array(adapter, tensor) == np.asarray(value).astype(dtypes.to_numpy(name)), (value, name)
    total = op("add")(native(adapter, [1.0]), 2)
    assert adapter.dtype_name(total) == "float32" and array(adapter, total).tolist() == [3.0]


def test_an_array_that_is_given_away_has_its_values(adapter: Adapter) -> None:
    for name in dtypes.ALL:
        if name not in adapter.native_dtypes:
            continue
        for shape in ((), (0, 3), (3, 5), (300, 301)):
            size, dtype = int(np.prod(shape)), dtypes.to_numpy(name)
            for beyond in (0, dtype.itemsize):  # from an address that 64 divides, and from another
                memory = np.zeros(size * dtype.itemsize + 128, np.uint8)
                start = -memory.ctypes.data % 64 + beyond
                values = memory[start : start + size * dtype.itemsize].view(dtype).reshape(shape)
                values[...] = (np.arange(size) % 50).reshape(shape).astype(dtype)
                expected = values.copy()
                tensor = adapter.adopt(values)
                del values, memory
                assert adapter.is_tensor(tensor) and adapter.dtype_name(tensor) == name
                np.testing.assert_array_equal(array(adapter, tensor), expected, f"{name} {shape}")
    frozen = np.arange(64, dtype="float32")
    frozen.flags.writeable = False
    np.testing.assert_array_equal(array(adapter, adapter.adopt(frozen)), frozen)
    np.testing.assert_array_equal(array(adapter, adapter.adopt(np.ones((64, 64), "float32").T[::2])), 1)


def test_a_peek_shows_what_to_numpy_gives(adapter: Adapter) -> None:
    for name in dtypes.ALL:
        if name in adapter.native_dtypes:
            storage = adapter.make_storage(np.arange(6).astype(dtypes.to_numpy(name)), name, False, "v")
            view = adapter.peek(storage)
            assert view.dtype == dtypes.to_numpy(name)
            np.testing.assert_array_equal(view, array(adapter, storage))


def test_the_result_of_to_numpy_is_no_window_into_a_gradient(trainer: Adapter) -> None:
    variable = Held(trainer, np.ones(2, "float32"))
    assert array(trainer, op("add")(variable, variable)).tolist() == [2.0, 2.0]


def test_bfloat16_comes_out_as_ml_dtypes(adapter: Adapter) -> None:
    assert array(adapter, native(adapter, [1.5], "bfloat16")).dtype == ml_dtypes.bfloat16


def test_stage_takes_nested_arrays(adapter: Adapter) -> None:
    staged = adapter.stage(({"x": np.ones((2, 3), "float32")}, None, np.arange(2)))
    assert staged[1] is None
    assert array(adapter, op("add")(staged[0]["x"], 1.0)).tolist() == [[2.0] * 3] * 2
    assert array(adapter, op("add")(staged[2], 0)).tolist() == [0, 1]


# ---- devices ------------------------------------------------------------------------------------------------------


def test_devices(adapter: Adapter) -> None:
    names = adapter.devices()
    assert "cpu:0" in names
    for name in names:
        with adapter.device_scope(name):
            assert array(adapter, op("add")(native(adapter, [1.0]), 1.0)).tolist() == [2.0]
    adapter.synchronize()


# ---- storage ------------------------------------------------------------------------------------------------------


def test_storage_is_a_copy_that_is_assigned(adapter: Adapter) -> None:
    values = np.asarray([1.0, 2.0], "float32")
    storage = adapter.make_storage(values, "float32", True, "w")
    values[:] = 0
    assert array(adapter, storage).tolist() == [1.0, 2.0]
    storage = adapter.assign(storage, native(adapter, [3.0, 4.0]))
    storage = adapter.assign_add(storage, native(adapter, [1.0, 1.0]))
    storage = adapter.assign_sub(storage, native(adapter, [0.0, 5.0]))
    assert array(adapter, storage).tolist() == [4.0, 0.0]
    adapter.set_trainable(storage, False)
    adapter.set_trainable(storage, True)
    assert array(adapter, adapter.make_storage(native(adapter, [1, 2], "int32"), "int32", True, "n")).tolist() == [1, 2]


def test_a_variable_is_an_operand(adapter: Adapter) -> None:
    variable = Held(adapter, np.asarray([1.0, -2.0], "float32"))
    assert array(adapter, op("add")(variable, np.ones(2, "float32"))).tolist() == [2.0, -1.0]
    assert array(adapter, op("relu")(variable)).tolist() == [1.0, 0.0]
    assert array(adapter, op("concatenate")([variable, variable])).tolist() == [1.0, -2.0, 1.0, -2.0]
    assert adapter.dtype_name(op("multiply")(variable, 2)) == "float32"


# ---- gradients ----------------------------------------------------------------------------------------------------


def test_without_gradients_it_says_so(adapter: Adapter) -> None:
    if "gradients" in adapter.capabilities:
        assert array(adapter, adapter.stop_gradient(native(adapter, [1.0]))).tolist() == [1.0]
        return
    calls = (
        lambda: adapter.value_and_grad(lambda: (native(adapter, 1.0), None), []),
        lambda: adapter.vjp(lambda x: x, [native(adapter, 1.0)]),
        lambda: adapter.jvp(lambda x: x, [native(adapter, 1.0)], [native(adapter, 1.0)]),
    )
    for call in calls:
        with pytest.raises(CapabilityError, match="no gradients"):
            call()


def test_value_and_grad(trainer: Adapter) -> None:
    w, b, unused = (Held(trainer, np.asarray(v, "float32")) for v in ([2.0, 3.0], 1.0, 5.0))

    def loss() -> Any:
        y = op("add")(op("multiply")(w, native(trainer, [1.0, 2.0])), b)
        return op("sum")(y), {"y": y, "none": None}

    (value, aux), gradients = trainer.value_and_grad(loss, [w, b, unused])
    assert array(trainer, value) == 10.0 and array(trainer, aux["y"]).tolist() == [3.0, 7.0] and aux["none"] is None
    assert array(trainer, gradients[0]).tolist() == [1.0, 2.0] and array(trainer, gradients[1]) == 2.0
    assert gradients[2] is None or array(trainer, gradients[2]) == 0.0


def test_value_and_grad_keeps_what_is_assigned_inside(trainer: Adapter) -> None:
    w, count = Held(trainer, np.asarray([2.0], "float32")), Held(trainer, np.asarray(1.0, "float32"), trainable=False)

    def loss() -> Any:
        count.assign(op("add")(count, 1.0))
        return op("sum")(op("square")(w)), None

    (value, _), gradients = trainer.value_and_grad(loss, [w])
    assert array(trainer, value) == 4.0 and array(trainer, gradients[0]).tolist() == [4.0]
    assert count.numpy() == 2.0


def test_no_gradient_and_stop_gradient(trainer: Adapter) -> None:
    w = Held(trainer, np.asarray([3.0], "float32"))

    def loss() -> Any:
        with trainer.no_gradient():
            factor = op("multiply")(w, 1.0)
        return op("sum")(op("multiply")(trainer.stop_gradient(factor), w)), None

    _, gradients = trainer.value_and_grad(loss, [w])
    assert array(trainer, gradients[0]).tolist() == [3.0]


def test_vjp_of_nested_results(trainer: Adapter) -> None:
    x, y = native(trainer, [1.0, 2.0]), native(trainer, [3.0, 4.0])

    def function(a: Any, b: Any) -> Any:
        return [op("multiply")(a, b), op("sum")(a)]

    outputs, pullback = trainer.vjp(function, [x, y])
    assert array(trainer, outputs[0]).tolist() == [3.0, 8.0] and array(trainer, outputs[1]) == 3.0
    gradients = pullback([native(trainer, [1.0, 10.0]), native(trainer, 100.0)])
    assert array(trainer, gradients[0]).tolist() == [103.0, 140.0]
    assert array(trainer, gradients[1]).tolist() == [1.0, 20.0]
    again = pullback([native(trainer, [0.0, 0.0]), native(trainer, 1.0)])
    assert array(trainer, again[0]).tolist() == [1.0, 1.0] and array(trainer, again[1]).tolist() == [0.0, 0.0]


def test_vjp_of_a_single_tensor_and_of_what_ignores_its_input(trainer: Adapter) -> None:
    output, pullback = trainer.vjp(lambda x, y: op("square")(x), [native(trainer, 3.0), native(trainer, 5.0)])
    gradients = pullback(native(trainer, 1.0))
    assert array(trainer, output) == 9.0 and array(trainer, gradients[0]) == 6.0 and array(trainer, gradients[1]) == 0.0


def test_derivatives_by_the_same_tensor_twice_and_by_one_that_is_closed_over(trainer: Adapter) -> None:
    """Each argument counts by itself, whatever tensor it is; what a function closes over is constant."""
    x = native(trainer, 3.0)
    _, pullback = trainer.vjp(lambda a, b: op("multiply")(op("multiply")(a, b), x), [x, x])
    assert [array(trainer, g) for g in pullback(native(trainer, 1.0))] == [9.0, 9.0]
    _, tangent = trainer.jvp(lambda a: op("multiply")(a, x), [x], [native(trainer, 1.0)])
    assert array(trainer, tangent) == 3.0


def test_derivatives_inside_a_map(trainer: Adapter) -> None:
    """For each slice its own: by vjp, by jvp, of second order, and for what Variables hold."""
    x, one = native(trainer, [1.0, 2.0, 3.0]), native(trainer, 1.0)
    w = Held(trainer, np.asarray(2.0, "float32"))

    def derivatives(v: Any) -> Any:
        slope = slope_of_cube(trainer)
        loss = trainer.value_and_grad(lambda: (op("multiply")(op("multiply")(w, w), v), None), [w])
        return [slope(v), trainer.jvp(slope, [v], [one])[1], loss[1][0]]

    results = [array(trainer, g).tolist() for g in op("vectorized_map")(derivatives, x)]
    assert results == [[3.0, 12.0, 27.0], [6.0, 12.0, 18.0], [4.0, 8.0, 12.0]]
    assert w.numpy() == 2.0


def test_jvp(trainer: Adapter) -> None:
    primals = [native(trainer, [1.0, 2.0]), native(trainer, [3.0, 4.0])]
    tangents = [native(trainer, [1.0, 0.0]), native(trainer, [0.0, 1.0])]
    output, tangent = trainer.jvp(lambda a, b: op("multiply")(a, b), primals, tangents)
    assert array(trainer, output).tolist() == [3.0, 8.0] and array(trainer, tangent).tolist() == [3.0, 2.0]


def slope_of_cube(adapter: Adapter, factor: Any = 1.0) -> Any:
    """Return the derivative of factor * x**3, by vjp."""

    def cube(x: Any) -> Any:
        return op("multiply")(op("multiply")(op("square")(x), x), factor)

    return lambda x: adapter.vjp(cube, [x])[1](native(adapter, 1.0))[0]


def test_second_derivative_forward_over_reverse(trainer: Adapter) -> None:
    value, tangent = trainer.jvp(slope_of_cube(trainer), [native(trainer, 2.0)], [native(trainer, 1.0)])
    assert array(trainer, value) == 12.0 and array(trainer, tangent) == 12.0


def test_second_derivative_reverse_over_reverse(trainer: Adapter) -> None:
    value, pullback = trainer.vjp(slope_of_cube(trainer), [native(trainer, 2.0)])
    assert array(trainer, value) == 12.0 and array(trainer, pullback(native(trainer, 1.0))[0]) == 12.0


def test_second_derivative_forward_over_forward(trainer: Adapter) -> None:
    def slope(x: Any) -> Any:
        return trainer.jvp(lambda y: op("multiply")(op("square")(y), y), [x], [native(trainer, 1.0)])[1]

    value, tangent = trainer.jvp(slope, [native(trainer, 2.0)], [native(trainer, 1.0)])
    assert array(trainer, value) == 12.0 and array(trainer, tangent) == 12.0


def test_a_gradient_in_the_loss_has_a_gradient_for_variables(trainer: Adapter) -> None:
    """As in a gradient penalty: d/dw of (d/dx w * x**3) at x = 2 is 12."""
    w = Held(trainer, np.asarray(3.0, "float32"))
    slope = slope_of_cube(trainer, w)
    (value, _), gradients = trainer.value_and_grad(lambda: (slope(native(trainer, 2.0)), None), [w])
    assert array(trainer, value) == 36.0 and array(trainer, gradients[0]) == 12.0


def test_results_of_vjp_are_plain_tensors(trainer: Adapter) -> None:
    """Nothing of a graph hangs on them, and the framework's own conversion takes them."""
    with trainer.device_scope("cpu:0"):  # what is elsewhere torch doesn't convert
        output, pullback = trainer.vjp(lambda x: op("square")(x), [native(trainer, [3.0])])
        assert np.asarray(output).tolist() == [9.0]
        assert np.asarray(pullback(native(trainer, [1.0]))[0]).tolist() == [6.0]


def test_custom_gradient(trainer: Adapter) -> None:
    def doubled(x: Any) -> Any:
        return op("multiply")(x, 2.0), lambda *args, upstream: op("multiply")(upstream, 10.0)

    custom = trainer.custom_gradient(doubled)
    assert array(trainer, custom(native(trainer, 3.0))) == 6.0
    output, pullback = trainer.vjp(lambda x: custom(x), [native(trainer, 3.0)])
    assert array(trainer, output) == 6.0 and array(trainer, pullback(native(trainer, 1.0))[0]) == 10.0


def test_custom_gradient_without_gradients_is_the_function(adapter: Adapter) -> None:
    custom = adapter.custom_gradient(lambda x: (op("add")(x, 1.0), lambda *args, upstream: upstream))
    assert array(adapter, custom(native(adapter, 3.0))) == 4.0


# ---- the step -----------------------------------------------------------------------------------------------------


def descent(adapter: Adapter, w: Held, count: Held) -> Any:
    """Return a step of gradient descent on the squared error of a linear fit."""

    def step(batch: Any) -> Any:
        def loss() -> Any:
            error = op("subtract")(op("matmul")(batch["x"], w), batch["y"])
            return op("mean")(op("square")(error)), error

        (value, error), gradients = adapter.value_and_grad(loss, [w])
        w.assign(op("subtract")(w, op("multiply")(gradients[0], 0.1)))
        count.assign(op("add")(count, 1))
        return {"loss": value, "error": error}

    return step


@pytest.mark.parametrize("donate", [False, True])
def test_a_compiled_step_trains(trainer: Adapter, donate: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 3)).astype("float32")
    y = x @ np.asarray([[1.0], [-2.0], [0.5]], "float32")
    histories = []
    for compiled in (False, True):
        w, count = Held(trainer, np.zeros((3, 1), "float32")), Held(trainer, np.asarray(0, "int32"), trainable=False)
        step = descent(trainer, w, count)
        variables = [w, count]
        run = trainer.compile_step(step, variables.copy, donate=donate) if compiled else step
        batch = {"x": native(trainer, x), "y": native(trainer, y)}
        histories.append([float(array(trainer, run(batch)["loss"])) for _ in range(20)])
        assert count.numpy() == 20 and histories[-1][-1] < 0.2 * histories[-1][0]
    np.testing.assert_allclose(histories[0], histories[1], rtol=1e-4)


def test_a_compiled_step_takes_another_batch_size(adapter: Adapter) -> None:
    run = adapter.compile_step(lambda x: op("sum")(op("square")(x), axis=0), lambda: [])
    for n in (4, 2, 3, 5, 1):
        assert array(adapter, run(native(adapter, np.ones((n, 2))))).tolist() == [n, n]


def test_a_compiled_step_without_variables_or_results(adapter: Adapter) -> None:
    assert adapter.compile_step(lambda: None, lambda: [])() is None


@pytest.mark.slow
def test_a_step_compiled_by_jit_is_the_same(trainer: Adapter) -> None:
    """jit=True: torch.compile, XLA, ..., where the framework has it."""
    w, count = Held(trainer, np.ones((3, 1), "float32")), Held(trainer, np.asarray(0, "int32"), trainable=False)
    batch = {"x": native(trainer, np.eye(3)), "y": native(trainer, [[1.0], [2.0], [3.0]])}
    run = trainer.compile_step(descent(trainer, w, count), lambda: [w, count], jit=True)
    losses = [float(array(trainer, run(batch)["loss"])) for _ in range(3)]
    np.testing.assert_allclose(losses[0], 5 / 3, rtol=1e-5)
    assert losses[2] < losses[1] < losses[0] and count.numpy() == 3


def test_assignments_are_taken_back(adapter: Adapter) -> None:
    variable = Held(adapter, np.asarray(1.0, "float32"))
    with assignments([variable], [native(adapter, 5.0)]) as scope:
        assert array(adapter, op("add")(variable, 0.0)) == 5.0
        variable.assign(native(adapter, 7.0))
        assert scope.assigned == [variable]
    assert [float(array(adapter, v)) for v in scope.final_values()] == [7.0]
    assert variable.numpy() == 1.0


def test_values_are_there_unless_a_graph_is_traced(adapter: Adapter) -> None:
    assert adapter.has_value(native(adapter, [1.0, 2.0]))


def test_while_a_graph_is_traced_there_are_no_values(trainer: Adapter) -> None:
    answers = []

    def function(x: Any) -> Any:
        answers.append(trainer.has_value(x))
        return x

    trainer.eval_shape(function, [KerasTensor((2,), "float32")])
    assert answers and not any(answers)


# ---- native code, symbolically ------------------------------------------------------------------------------------


def test_eval_shape(trainer: Adapter) -> None:
    def function(x: Any, y: Any) -> Any:
        return {"product": x @ y, "sum": x.sum() if hasattr(x, "sum") else op("sum")(x)}

    specs = [KerasTensor((2, 3), "float32"), KerasTensor((3, 4), "float32")]
    out = trainer.eval_shape(function, specs)
    assert tuple(out["product"][0]) == (2, 4) and out["product"][1] == "float32" and tuple(out["sum"][0]) == ()


def test_without_symbolic_evaluation_it_says_so(adapter: Adapter) -> None:
    if "gradients" not in adapter.capabilities:
        with pytest.raises(CapabilityError, match="symbolically"):
            adapter.eval_shape(lambda x: x, [KerasTensor((2,))])


# ---- the wrapper --------------------------------------------------------------------------------------------------


def test_an_error_of_the_framework_names_the_op_and_its_arguments(adapter: Adapter) -> None:
    with pytest.raises(ShapeError) as raised:
        op("matmul")(native(adapter, np.ones((2, 3))), native(adapter, np.ones((4, 5))))
    assert "ops.matmul(x1=float32[2, 3], x2=float32[4, 5])" in "\n".join(raised.value.__notes__)


def test_rebinding_leaves_the_adapter_as_it_was(adapter: Adapter) -> None:
    before = {name: o.source for name, o in OPS.items()}
    with contract.rebound(contract.load("numpy")):
        assert runtime.adapter.name == "numpy"
    assert runtime.adapter is adapter and {name: o.source for name, o in OPS.items()} == before


def test_promotion_does_not_depend_on_the_order(adapter: Adapter) -> None:
    names = [n for n in dtypes.ALL if n in adapter.native_dtypes and not dtypes.is_complex(n)]
    tensors = {n: native(adapter, [1], n) for n in names}
    for a in names:
        for b in names:
            want = dtypes.promote(a, b)
            assert want == dtypes.promote(b, a)
            assert adapter.dtype_name(op("equal")(tensors[a], tensors[b])) == "bool"
            got = op("stack")([tensors[a], tensors[b]])
            assert adapter.dtype_name(got) == want, (a, b)
    for name in names:
        for scalar in (True, 2, 1.5):
            want = dtypes.promote(name, dtypes.weak(scalar))
            for pair in ((tensors[name], scalar), (scalar, tensors[name])):
                assert adapter.dtype_name(op("add")(*pair)) == want, (name, scalar)


def test_nested_structures_pass_the_tree(adapter: Adapter) -> None:
    assert len(tree.flatten([native(adapter, [1.0]), {"a": native(adapter, [2.0])}])) == 2
