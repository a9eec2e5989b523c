"""Conversion, devices, the storage of Variables, gradients and the step on TensorFlow."""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from kerasfront import tree
from kerasfront.contract import Adapter
from kerasfront.spec import dtypes
from kerasfront_tensorflow import composite, image, linalg, nn, ops, optimizers, random, signal
from kerasfront_tensorflow.bridge import SavedModel

T = TypeVar("T")


def _native_object() -> type:
    """Return the class by which tf.experimental.numpy knows a value that has a dtype; TensorFlow doesn't export it."""
    with suppress(ImportError, AttributeError):
        native_object: type = importlib.import_module("tensorflow.python.types.internal").NativeObject
        return native_object
    return object


class TensorFlowVariable(_native_object()):  # type: ignore[misc]
    """Lets a Variable stand where TensorFlow wants one of its own: in its functions, in a tape, in a checkpoint."""

    # tf.GradientTape asks for this of a source that is no tf.Variable but holds one.
    _should_act_as_resource_variable = True

    @property
    def handle(self) -> Any:
        return self._value.handle

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        return tf.convert_to_tensor(self.value, dtype=dtype, name=name)

    def _dense_var_to_tensor(self, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Any:
        return tf.convert_to_tensor(self.value, dtype=dtype, name=name)


class TensorFlowLayer(tf.__internal__.tracking.AutoTrackable):
    """The base of layers: checkpoints and SavedModels find their variables and sublayers."""

    def __init__(self) -> None:
        # By name. It is there from the beginning: the front tells a base class's own attributes by a new object.
        self.__dict__["_kf_children"] = {}

    def _trackable_children(self, save_type: Any = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        children = super()._trackable_children(save_type, **kwargs)
        children.update(self.__dict__.get("_kf_children", {}))
        return children


_VARIABLE = type(tf.Variable(0.0))


def _leave_unconverted(*packages: str) -> None:
    """Tell AutoGraph, which rewrites all that a user's tf.function calls, that these build graphs as they are.

    Otherwise it would warn of each function whose source it can't read. TensorFlow offers no public way for packages.
    """
    with suppress(ImportError, AttributeError):
        rules: Any = importlib.import_module("tensorflow.python.autograph.core.config")
        rules.CONVERSION_RULES = (*map(rules.DoNotConvert, packages), *rules.CONVERSION_RULES)


_leave_unconverted("kerasfront", __package__)

# What TensorFlow says where it has no kernel for a dtype.
_LACKING = (" is not in the list of allowed values", "not in list of allowed values", "Could not find device for node")


# What TensorFlow calls for an operator with a tensor on its left; a symbolic one on the right has its own.
_REFLECTED = {
    "_add_dispatch": "__radd__", "subtract": "__rsub__", "multiply": "__rmul__", "truediv": "__rtruediv__",
    "floordiv": "__rfloordiv__", "floor_mod": "__rmod__", "pow": "__rpow__", "matmul": "__rmatmul__",
}  # fmt: skip


def _read(x: Any) -> Any:
    """Return the value of a tf.Variable, whose own numpy() takes three times as long; others stay."""
    return tf.raw_ops.ReadVariableOp(resource=x.handle, dtype=x.dtype) if type(x) is _VARIABLE else x


class TensorFlowAdapter(Adapter):
    name = "tensorflow"
    contract = (1, 0)
    distribution = "tensorflow"
    native = {type(tf.constant(0.0))}
    native_dtypes = {name: tf.dtypes.as_dtype(name) for name in (*dtypes.ALL, *dtypes.FLOAT8)}
    primitives = {**ops.PRIMITIVES, **nn.PRIMITIVES, **linalg.PRIMITIVES, **random.PRIMITIVES, **signal.PRIMITIVES}
    overrides = {**ops.OVERRIDES, **nn.OVERRIDES, **image.OVERRIDES}
    gaps = ops.GAPS
    fused_updates = optimizers.FUSED
    wider = {
        **dict.fromkeys(("bool", "uint8", "int8", "int16", "uint16"), "int32"),
        **dict.fromkeys(("uint32", "uint64"), "int64"),
        **dict.fromkeys(("float16", "bfloat16"), "float32"),
    }
    capabilities = frozenset({"gradients", "compile", "complex", "sparse", "ragged"})
    composites = composite.KINDS
    composite_ops = {
        "sparse": composite.sparse_ops(primitives),
        "ragged": composite.ragged_ops(primitives),
    }
    steps_per_dispatch = 16
    adopts = True
    variable_base = TensorFlowVariable
    layer_base = TensorFlowLayer
    bridges = {"saved_model": SavedModel}

    def version(self) -> str:
        return str(tf.__version__)

    def lacks_kernel(self, error: Exception) -> bool:
        return any(text in str(error) for text in _LACKING)

    def hidden_frames(self) -> str | None:
        return os.path.dirname(tf.__file__) if tf.debugging.is_traceback_filtering_enabled() else None

    # -- conversion

    def is_tensor(self, x: object) -> bool:
        if type(x) in self.native:
            return True  # tf.is_tensor takes long
        # tf.IndexedSlices (gradients of a gather) become plain tensors, since no op returns slices.
        return tf.is_tensor(x) and not isinstance(x, (TensorFlowVariable, tf.IndexedSlices))

    def to_tensor(self, x: Any, dtype: str | None) -> tf.Tensor:
        if tf.is_tensor(x):
            x = _dense(x)
            return x if dtype is None else tf.cast(x, dtype)
        if dtype is None and not hasattr(x, "dtype"):
            x = np.asarray(x)
            dtype = dtypes.of_values(x)
        if dtype not in (None, "string"):
            x = np.asarray(x).astype(dtypes.to_numpy(dtype), copy=False)
        return tf.convert_to_tensor(x)

    def scalar(self, value: complex, dtype: str) -> tf.Tensor:
        return tf.constant(np.asarray(value, dtypes.to_numpy(dtype)))

    def to_numpy(self, x: Any) -> np.ndarray[Any, Any]:
        x = _dense(composite.to_dense(_read(x)))
        return np.asarray(x.numpy() if hasattr(x, "numpy") else x)

    def peek(self, x: Any) -> np.ndarray[Any, Any]:
        return np.asarray(_read(x))  # a view of the tensor; its numpy() would be a copy

    def adopt(self, array: np.ndarray[Any, Any]) -> tf.Tensor:
        # TensorFlow's kernels rely on aligned memory.
        aligned = array.nbytes and array.flags.carray and array.ctypes.data % 64 == 0
        if aligned and array.dtype.kind in "iuf":
            return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
        return tf.convert_to_tensor(array)

    def to_dense(self, x: Any) -> tf.Tensor:
        return composite.to_dense(x)

    def map_values(self, function: Callable[[tf.Tensor], tf.Tensor], x: Any) -> Any:
        return composite.map_values(function, x)

    def to_sparse(self, x: tf.Tensor) -> Any:
        return tf.sparse.from_dense(x)

    def sparse_of(self, indices: tf.Tensor, values: tf.Tensor, shape: Sequence[Any]) -> Any:
        return composite.from_places(indices, values, shape)

    def to_ragged(self, rows: Sequence[Any]) -> Any:
        return tf.RaggedTensor.from_row_lengths(tf.concat(list(rows), 0), [len(row) for row in rows])

    def cast(self, x: tf.Tensor, dtype: str) -> tf.Tensor:
        return tf.cast(x, dtype)

    def has_value(self, x: tf.Tensor) -> bool:
        return not tf.is_symbolic_tensor(x)

    def dtype_name(self, x: Any) -> str:
        return x.dtype.name

    def shape(self, x: Any) -> tuple[Any, ...]:
        static = x.shape.as_list()
        if None not in static or isinstance(x, tf.RaggedTensor):
            return tuple(static)
        dynamic = tf.shape(x)
        return tuple(dynamic[i] if d is None else d for i, d in enumerate(static))

    # -- devices

    def devices(self) -> list[str]:
        return [d.name.removeprefix("/physical_device:").lower() for d in tf.config.list_physical_devices()]

    def device_scope(self, name: str) -> AbstractContextManager[object]:
        return tf.device(name)

    # -- the storage of Variables

    def make_storage(self, value: Any, dtype: str, trainable: bool, name: str, fresh: bool = False) -> tf.Variable:
        with tf.init_scope():
            owned = fresh and isinstance(value, np.ndarray) and value.dtype == dtypes.to_numpy(dtype)
            tensor = self.adopt(value) if owned else self.to_tensor(value, dtype)
            variable = tf.Variable(tensor, trainable=trainable, name="variable")
        # TensorFlow prepares the kernel again for every new name, which takes longer than all the rest.
        variable._handle_name = f"{name.replace('/', '_')}:0"
        return variable

    def outside_trace(self) -> AbstractContextManager[object]:
        return tf.init_scope()

    def assign(self, storage: tf.Variable | tf.Tensor, value: tf.Tensor) -> tf.Variable | tf.Tensor:
        if not isinstance(storage, tf.Variable):
            return value
        storage.assign(value, read_value=False)
        return storage

    def assign_add(self, storage: tf.Variable | tf.Tensor, value: Any) -> tf.Variable | tf.Tensor:
        if not isinstance(storage, tf.Variable):
            return storage + value
        storage.assign_add(value, read_value=False)
        return storage

    def assign_sub(self, storage: tf.Variable | tf.Tensor, value: Any) -> tf.Variable | tf.Tensor:
        if not isinstance(storage, tf.Variable):
            return storage - value
        storage.assign_sub(value, read_value=False)
        return storage

    def atomic(self, run: Callable[[], T]) -> T:
        if tf.executing_eagerly():
            return super().atomic(run)
        return _locked_in_graph(run) if _in_dataset() else run()

    def set_trainable(self, storage: tf.Variable | tf.Tensor, trainable: bool) -> None:
        if isinstance(storage, tf.Variable):
            storage._trainable = trainable

    # -- gradients

    def dense_gradients(self, gradients: Sequence[Any]) -> list[Any]:
        return [_dense(g) for g in gradients]

    def value_and_grad(
        self, function: Callable[[], tuple[tf.Tensor, Any]], variables: Sequence[Any]
    ) -> tuple[tuple[tf.Tensor, Any], list[tf.Tensor | None]]:
        values = [v._value for v in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            loss, aux = function()
        return (loss, aux), self.dense_gradients(tape.gradient(loss, values))

    def vjp(
        self, function: Callable[..., Any], primals: Sequence[tf.Tensor]
    ) -> tuple[Any, Callable[[Any], tuple[tf.Tensor, ...]]]:
        primals = _own(primals)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(primals)
            outputs = function(*primals)

        def pullback(cotangents: Any) -> tuple[Any, ...]:
            gradients = tape.gradient(outputs, list(primals), output_gradients=cotangents, unconnected_gradients="zero")
            return tuple(_dense(g) for g in gradients)

        return outputs, pullback

    def jvp(
        self, function: Callable[..., Any], primals: Sequence[tf.Tensor], tangents: Sequence[tf.Tensor]
    ) -> tuple[Any, Any]:
        try:
            own = _own(primals)
            with tf.autodiff.ForwardAccumulator(own, list(tangents)) as accumulator:
                outputs = function(*own)
            return outputs, accumulator.jvp(outputs, unconnected_gradients="zero")
        except TypeError:  # TensorFlow raises this for loops and branches of a graph
            return self._jvp_of_pullbacks(function, primals, tangents)

    def _jvp_of_pullbacks(self, function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        """Compute the forward gradient as the gradient of the pullback, which is linear in its argument."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            outputs, pullback = self.vjp(function, primals)
            cotangents = tree.map_structure(tf.ones_like, outputs)
            tape.watch(cotangents)
            pulled = list(pullback(cotangents))
        derivatives = tape.gradient(pulled, cotangents, output_gradients=list(tangents), unconnected_gradients="zero")
        return outputs, derivatives

    def stop_gradient(self, x: tf.Tensor) -> tf.Tensor:
        return tf.stop_gradient(x)

    def custom_gradient(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @tf.custom_gradient
        def call(*args: Any) -> Any:
            output, pullback = function(*args)
            return output, lambda *upstream: pullback(*args, upstream=upstream[0] if len(upstream) == 1 else upstream)

        return call

    def remat(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return tf.recompute_grad(function)

    # -- the step

    def compile_step(
        self, step: Any, variables: Any, *, jit: Any = "auto", donate: bool = False, reading: Any = nullcontext
    ) -> Any:
        # "auto" doesn't use XLA. On a CPU, XLA compiles for seconds, and long loops for minutes. Dense steps and
        # attention then take 0.95 to 1.2 times as long as in a graph (small ones up to twice), convolutions 1.7 to 2.4
        # times.
        return _Compiled(step, jit is True, reading)

    def repeat_step(
        self, step: Any, variables: Any, *, jit: Any = "auto", donate: bool = False, reading: Any = nullcontext
    ) -> Any:
        def repeated(*batch: Any) -> None:
            count = tf.shape(tree.flatten(batch)[0])[0]

            def body(i: Any) -> Any:
                step(*tree.map_structure(lambda x: x if x is None else x[i], batch))
                return (i + 1,)

            tf.while_loop(lambda i: i < count, body, (tf.constant(0),), parallel_iterations=1)

        return _Compiled(repeated, jit is True, reading)

    def compile_mode(self, jit: Any = "auto") -> str:
        if jit is True:
            return "compiled with XLA, as a tf.function"
        return "as a graph, by tf.function" + (": XLA compiles for long, and seldom gains" if jit == "auto" else "")

    def stage(self, batch: Any) -> Any:
        return tuple([_staged(x) for x in batch]) if type(batch) is tuple else _staged(batch)

    def take_symbolic(self, cls: type, apply: Callable[..., Any]) -> None:
        adapter = self

        class Dispatcher(tf.__internal__.dispatch.GlobalOpDispatcher):
            def handle(self, op: Any, args: Any, kwargs: Any) -> Any:
                if not any(isinstance(x, cls) for x in tree.flatten((args, kwargs))):
                    return self.NOT_SUPPORTED
                if len(args) == 2 and op.__name__ in _REFLECTED and isinstance(args[1], cls):
                    return getattr(args[1], _REFLECTED[op.__name__])(args[0])
                return apply(adapter, op, args, kwargs)

        Dispatcher().register()

    def eval_shape(self, function: Callable[..., Any], specs: Any) -> Any:
        inputs = tree.map_structure(lambda s: tf.TensorSpec(s.shape, s.dtype), specs)
        concrete = tf.function(function, autograph=False).get_concrete_function(*inputs)
        return tree.map_structure(lambda t: (tuple(t.shape), t.dtype.name), concrete.structured_outputs)

    # -- hooks of the layer base

    def track(self, layer: Any, name: str, value: Any) -> None:
        children = layer.__dict__["_kf_children"]
        key, number = name, 1
        while key in children:
            key, number = f"{name}_{number}", number + 1
        children[key] = value if isinstance(value, TensorFlowLayer) else value._value

    def untrack(self, layer: Any, value: Any) -> None:
        own = value if isinstance(value, TensorFlowLayer) else value._value
        children = layer.__dict__["_kf_children"]
        for name in [name for name, other in children.items() if other is own]:
            del children[name]

    def seed(self, seed: int) -> None:
        tf.random.set_seed(seed)


_numbers = itertools.count()


class _Compiled:
    """A step as a graph; one for each combination of ranks: retracing would make of two ranks an unknown one."""

    KEPT = 64

    def __init__(self, step: Callable[..., Any], jit: bool, reading: Callable[[], AbstractContextManager[Any]]) -> None:
        self.step, self.jit, self.reading = step, jit, reading
        self.graphs: dict[Any, Any] = {}
        # The concrete functions for batches of plain tensors, by shapes and dtypes. tf.function itself needs 200 us a
        # call in Python to find one, which is more than many a step takes.
        self.concrete: dict[Any, Any] = {}

    def __call__(self, *batch: Any) -> Any:
        key = _key(batch)
        if key is None or not tf.executing_eagerly():
            return self._graph(batch)(*batch)
        found = self.concrete.get(key)
        if found is not None:
            return found._call_flat([x for x in batch[0] if x is not None], found.captured_inputs)
        graph = self._graph(batch)
        out = graph(*batch)
        if len(self.concrete) < self.KEPT and hasattr(concrete := graph.get_concrete_function(*batch), "_call_flat"):
            self.concrete[key] = concrete
        return out

    def _graph(self, batch: tuple[Any, ...]) -> Any:
        ranks = tuple([_ranks(x) for x in batch])
        graph = self.graphs.get(ranks)
        if graph is None:

            def traced(*batch: Any) -> Any:
                with self.reading():
                    return self.step(*batch)

            # TensorFlow warns when a function is traced often, and counts the steps of all models as one function.
            traced.__code__ = traced.__code__.replace(co_name=f"step_{next(_numbers)}")
            graph = self.graphs[ranks] = tf.function(
                traced, autograph=False, jit_compile=self.jit, reduce_retracing=True
            )
        return graph


_EAGER = type(tf.constant(0))


def _key(batch: tuple[Any, ...]) -> Any:
    """Return the shapes and dtypes of a batch that is one tuple of plain tensors (and Nones); None: of any other."""
    if len(batch) != 1 or type(batch[0]) is not tuple:
        return None
    key: list[Any] = []
    for x in batch[0]:
        if x is not None and type(x) is not _EAGER:
            return None
        key.append(None if x is None else (x._shape_tuple(), x._datatype_enum(), x.device))
    return tuple(key)


def _ranks(x: Any) -> Any:
    if isinstance(x, (tuple, list, dict)):
        return tuple([_ranks(leaf) for leaf in tree.flatten(x)])
    return None if x is None else x.shape.rank


def _staged(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return tf.convert_to_tensor(x)
    if isinstance(x, (list, tuple, dict)):
        return tree.map_structure(_staged, x)
    return x if x is None or tf.is_tensor(x) else tf.convert_to_tensor(x)


def _own(primals: Sequence[Any]) -> list[Any]:
    """Return copies of tensors to differentiate by.

    A tape tells tensors apart by identity, and one may be given twice, or also be used by a closure.
    """
    return [tf.identity(p) for p in primals]


def _in_dataset() -> bool:
    """Return whether the graph being traced is that of a function of tf.data, which may run many at a time."""
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        if getattr(graph, "name", "").startswith("Dataset_"):
            return True
        graph = getattr(graph, "outer_graph", None)
    return False


def _locked_in_graph(run: Callable[[], Any]) -> Any:
    """Return `run()`, computed while one lock is held that all graphs share."""
    graph = tf.compat.v1.get_default_graph()
    lock = tf.raw_ops.MutexLock(mutex=tf.raw_ops.MutexV2(container="", shared_name="kerasfront_alone"))
    before = len(graph.get_operations())
    with tf.control_dependencies([lock]):
        result = run()
    with tf.control_dependencies(graph.get_operations()[before:]):
        given_back = tf.raw_ops.ConsumeMutexLock(mutex_lock=lock)
    with tf.control_dependencies([given_back]):
        return tree.map_structure(tf.identity, result)


def _dense(gradient: Any) -> Any:
    return tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
