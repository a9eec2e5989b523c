"""DataLayer: the base of layers that prepare data, which run inside a model and in any framework's input pipeline."""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from kerasfront import ops, serialization, tree
from kerasfront.contract import running
from kerasfront.errors import CapabilityError
from kerasfront.layers._configured import Configured
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.variable import Variable

active = running()


class DataLayer(Configured):
    """A layer that prepares data: it is called like any layer, and also on tensors of other frameworks.

    - In a model, on native tensors and on NumPy arrays it is an ordinary layer.
    - On tensors of another framework (a tf.Tensor while the backend is torch or jax, a torch.Tensor while it is jax)
      it computes on the host, and gives back tensors of that framework. This holds inside `tf.data.Dataset.map` too,
      where TensorFlow's tensors are symbolic: the call becomes a `tf.numpy_function`, with the static shapes and
      dtypes of the layer's own symbolic inference.
    - In a worker of a torch DataLoader it computes on the host, whatever the backend's device: a process that was
      forked has no use of the GPU.

    A subclass is written like any layer, over `ops`. It reads its weights by `convert_weight`, so that they are where
    the data is.

    >>> import kerasfront as keras
    >>> class Double(keras.layers.DataLayer):
    ...     def call(self, inputs):
    ...         return inputs * 2
    >>> keras.ops.convert_to_numpy(Double()([1.0, 2.0])).tolist()
    [2.0, 4.0]
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        tensorflow = sys.modules.get("tensorflow")
        if tensorflow is None or any(map(active.adapter.is_tensor, tree.flatten((args, kwargs)))):
            return self._call_anywhere(*args, **kwargs)
        # tf.data would have AutoGraph rewrite all that a mapped function calls.
        return _unconverted(tensorflow, self._call_anywhere)(*args, **kwargs)

    def _call_anywhere(self, *args: Any, **kwargs: Any) -> Any:
        framework = next(filter(None, map(_foreign, tree.flatten((args, kwargs)))), None)
        if framework is not None:
            return self._call_for(framework, args, kwargs)
        with nullcontext() if worker_seed() is None else _host():
            return super().__call__(*args, **kwargs)

    def convert_weight(self, weight: Any) -> Any:
        """The value of a weight where the layer computes: on the host in another framework's pipeline.

        Args:
            weight: A Variable, an array or a tensor.
        """
        if _state.host:
            return ops.convert_to_tensor(weight.numpy() if isinstance(weight, Variable) else to_numpy(weight))
        return weight.value if isinstance(weight, Variable) else ops.convert_to_tensor(weight)

    def _call_for(self, framework: _Framework, args: Any, kwargs: Any) -> Any:
        """The call on tensors of another framework."""
        flat = tree.flatten((args, kwargs))
        places = [i for i, x in enumerate(flat) if _foreign(x) is not None]
        tensors = [framework.dense(flat[i]) for i in places]

        def packed(values: Sequence[Any]) -> Any:
            full = list(flat)
            for place, value in zip(places, values, strict=True):
                full[place] = value
            return tree.pack_sequence_as((args, kwargs), full)

        def on_host(arrays: Sequence[np.ndarray[Any, Any]]) -> Any:
            a, k = packed(arrays)
            with _host():
                return tree.map_structure(to_numpy, super(DataLayer, self).__call__(*a, **k))

        if not any(map(framework.is_symbolic, tensors)):
            like = tensors[0]
            found = on_host([to_numpy(x) for x in tensors])
            return tree.map_structure(lambda x: framework.from_numpy(x, like), found)
        specs = self._inferred(*packed([_spec(x) for x in tensors]))

        def flat_on_host(*arrays: Any) -> list[np.ndarray[Any, Any]]:
            found = tree.flatten(on_host([np.asarray(x) for x in arrays]))
            return [_as(x, s.dtype) for x, s in zip(found, tree.flatten(specs), strict=True)]

        return tree.pack_sequence_as(specs, framework.deferred(flat_on_host, tensors, tree.flatten(specs)))

    def _inferred(self, args: Any, kwargs: Any) -> Any:
        """The symbolic outputs, without a node."""
        if not self.built:
            self._maybe_build(args, kwargs)
        return self.compute_output_spec(*args, **kwargs)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A new layer from what `get_config` returned. No file that the config names is opened.

        Args:
            config: The config.
            custom_objects: Classes and functions of your own that it names.
        """
        with serialization.loading(custom_objects):
            return super().from_config(config)


# ---- where it computes --------------------------------------------------------------------------------------------


class _State(threading.local):
    """Whether the running call computes on the host."""

    host = False


_state = _State()


@contextmanager
def _host() -> Iterator[None]:
    before, _state.host = _state.host, True
    try:
        with active.adapter.device_scope("cpu:0"), active.adapter.no_gradient():
            yield
    finally:
        _state.host = before


class _Process:
    """Whether this process is the child of another that knows of layers; most aren't, and need not ask further."""

    child = multiprocessing.parent_process() is not None

    @classmethod
    def forked(cls) -> None:
        cls.child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Process.forked)


def worker_seed() -> int | None:
    """The seed of the torch DataLoader's worker that this process is, another one in each epoch; else None."""
    data = sys.modules.get("torch.utils.data") if _Process.child else None
    info = None if data is None else data.get_worker_info()
    return None if info is None else int(info.seed)


def _unconverted(tensorflow: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which AutoGraph leaves as it is."""
    autograph = getattr(tensorflow, "autograph", None)  # None while TensorFlow is being imported
    return function if autograph is None else autograph.experimental.do_not_convert(function)


# ---- other frameworks ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Framework:
    """How tensors of a framework become NumPy arrays and come back.

    Attributes:
        from_numpy: A tensor of an array, on the device of another tensor.
        is_symbolic: Whether a tensor has no value yet.
        deferred: `(function on arrays, tensors, specs)`: the flat outputs of the function when there are values.
        dense: A sparse tensor as a dense one, and any other as it is.
    """

    from_numpy: Callable[[Any, Any], Any]
    is_symbolic: Callable[[Any], bool]
    deferred: Callable[..., list[Any]]
    dense: Callable[[Any], Any] = lambda x: x


def _to_torch(x: np.ndarray[Any, Any], like: Any) -> Any:
    if x.dtype.kind in "OUS":
        return x
    torch = sys.modules["torch"]
    x = np.require(x, requirements=["C", "W"])
    if x.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(x.view("int16")).view(torch.bfloat16).to(like.device)
    return torch.from_numpy(x).to(like.device)


def _no_torch_graph(function: Any, tensors: Any, specs: Any) -> Any:
    raise CapabilityError("A torch tensor without a value came: layers of another backend can't be traced by torch.")


def _tf_deferred(function: Any, tensors: Any, specs: Any) -> Any:
    tf = sys.modules["tensorflow"]
    found = tf.numpy_function(function, tensors, [tf.dtypes.as_dtype(s.dtype) for s in specs])
    for tensor, spec in zip(found, specs, strict=True):
        tensor.set_shape(spec.shape)
    return found


def _tf_dense(x: Any) -> Any:
    tf = sys.modules["tensorflow"]
    if isinstance(x, tf.RaggedTensor):
        raise CapabilityError("A RaggedTensor came from another framework than the backend: call to_tensor() first.")
    return tf.sparse.to_dense(x) if isinstance(x, tf.SparseTensor) else x


def _jax_deferred(function: Any, tensors: Any, specs: Any) -> Any:
    jax = sys.modules["jax"]
    wanted = [jax.ShapeDtypeStruct(s.shape, jax.dtypes.canonicalize_dtype(dtypes.to_numpy(s.dtype))) for s in specs]

    def narrowed(*arrays: Any) -> Any:
        return [np.asarray(x, w.dtype) for x, w in zip(function(*arrays), wanted, strict=True)]

    return jax.pure_callback(narrowed, wanted, *tensors)


_FRAMEWORKS = {
    "torch": _Framework(_to_torch, lambda x: x.device.type == "meta", _no_torch_graph),
    "tensorflow": _Framework(
        lambda x, like: sys.modules["tensorflow"].convert_to_tensor(x),
        lambda x: not hasattr(x, "numpy"),
        _tf_deferred,
        _tf_dense,
    ),
    "jax": _Framework(
        lambda x, like: x if x.dtype.kind in "OUS" else sys.modules["jax"].numpy.asarray(x),
        lambda x: isinstance(x, sys.modules["jax"].core.Tracer),
        _jax_deferred,
    ),
}
_ROOTS = {"torch": "torch", "tensorflow": "tensorflow", "jax": "jax", "jaxlib": "jax"}


@functools.cache
def _framework_of(cls: type) -> str | None:
    """The framework that a class of tensors belongs to."""
    if not (hasattr(cls, "shape") and hasattr(cls, "dtype")) or issubclass(cls, (KerasTensor, Variable)):
        return None
    names = [_ROOTS.get(base.__module__.partition(".")[0]) for base in cls.__mro__]
    return next((name for name in names if name is not None), None)


def _foreign(x: Any) -> _Framework | None:
    """The framework of a tensor that isn't the backend's."""
    name = _framework_of(type(x))  # type: ignore[arg-type]
    return None if name in (None, active.adapter.name) or active.adapter.is_tensor(x) else _FRAMEWORKS[str(name)]


def _spec(x: Any) -> KerasTensor:
    return KerasTensor(tuple(x.shape), dtypes.standardize(x.dtype))


def _as(x: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    return x.astype(dtypes.to_numpy(dtype), copy=False)


def to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """A tensor of any framework, or an array, as a NumPy array; strings of TensorFlow as bytes."""
    if isinstance(x, Variable):
        return x.numpy()
    if active.adapter.is_tensor(x):
        return active.adapter.to_numpy(x)
    if isinstance(x, np.ndarray) or _framework_of(type(x)) != "torch":  # type: ignore[arg-type]
        return np.asarray(x)
    x = x.detach().resolve_conj().cpu()
    if dtypes.standardize(x.dtype) == "bfloat16":
        return x.view(sys.modules["torch"].int16).numpy().view(ml_dtypes.bfloat16)
    return x.numpy()


def from_numpy(x: np.ndarray[Any, Any]) -> Any:
    """A tensor of the backend; strings stay an array (of text) where the backend has no tensors of strings."""
    if x.dtype.kind not in "OUS":
        return ops.convert_to_tensor(x)
    framework = _FRAMEWORKS.get(active.adapter.name)
    found = x if framework is None else framework.from_numpy(x, None)
    if not isinstance(found, np.ndarray):
        return found
    flat = [v.decode("utf-8", "surrogateescape") if isinstance(v, bytes) else v for v in x.ravel().tolist()]
    out = np.empty(len(flat), object)
    out[:] = flat
    return out.reshape(x.shape)


def on_host(
    function: Callable[..., Sequence[np.ndarray[Any, Any]]], tensors: Sequence[Any], specs: Sequence[KerasTensor]
) -> list[Any]:
    """The results of a function of NumPy arrays as tensors of the backend, in compiled code of its framework too.

    Args:
        function: Takes an array for each tensor, and returns an array for each spec.
        tensors: Tensors of the backend, symbolic ones, or arrays.
        specs: The shapes and dtypes of the results, where they have no values yet.
    """

    def cast(*arrays: Any) -> list[np.ndarray[Any, Any]]:
        found = function(*map(np.asarray, arrays))
        return [_as(x, s.dtype) for x, s in zip(found, specs, strict=True)]

    if any(isinstance(x, KerasTensor) for x in tensors):
        return [KerasTensor(s.shape, s.dtype) for s in specs]
    for x in tensors:
        name = _framework_of(type(x))  # type: ignore[arg-type]
        if name is not None and _FRAMEWORKS[name].is_symbolic(x):
            return _FRAMEWORKS[name].deferred(cast, tensors, specs)
    return [from_numpy(x) for x in cast(*map(to_numpy, tensors))]


def to_sparse(x: Any) -> Any:
    """A dense tensor as a sparse one; raises CapabilityError where the backend has none."""
    active.adapter.need("sparse")
    return active.adapter.to_sparse(x)


def to_ragged(x: Any, lengths: Any) -> Any:
    """Padded rows as a ragged tensor; raises CapabilityError where the backend has none."""
    active.adapter.need("ragged")
    return sys.modules["tensorflow"].RaggedTensor.from_tensor(x, lengths)
