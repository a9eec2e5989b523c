"""DataLayer: the base of layers that prepare data, which run inside a model and in any framework's input pipeline."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Self

import numpy as np

from kerasfront import interop, ops, serialization, tree
from kerasfront.contract import Runtime, running
from kerasfront.interop import TensorLibrary
from kerasfront.layers._configured import Configured
from kerasfront.layers.base.building import build_for_call
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.typing import Config, Tensor, TensorLike
from kerasfront.variable import Variable

active: Runtime = running()
Array = np.ndarray[Any, Any]


class DataLayer(Configured):
    """A layer that prepares data: it is called like any layer, and also on tensors of other frameworks.

    - In a model, on native tensors and on NumPy arrays it is an ordinary layer.
    - On tensors of another framework (a tf.Tensor while the backend is torch or jax, a torch.Tensor while it is jax)
      it computes on the host, and returns tensors of that framework. This holds inside `tf.data.Dataset.map` too,
      where TensorFlow's tensors are symbolic: the call becomes a `tf.numpy_function`, with the static shapes and
      dtypes of the layer's own symbolic inference.
    - In a worker of a torch DataLoader it computes on the host, whatever the backend's device, since a process
      that was forked can't use the GPU.

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
        if interop.rewrites_functions() and not any(map(active.adapter.is_tensor, tree.flatten((args, kwargs)))):
            # tf.data would have AutoGraph rewrite all that a mapped function calls.
            return interop.unconverted(_call)(self, args, kwargs)
        return _call(self, args, kwargs)

    def convert_weight(self, weight: Variable | TensorLike) -> Tensor:
        """Return the value of a weight where the layer computes: on the host in another framework's pipeline.

        Args:
            weight: A Variable, an array or a tensor.
        """
        if _state.host:
            return ops.convert_to_tensor(weight.numpy() if isinstance(weight, Variable) else to_numpy(weight))
        return weight.value if isinstance(weight, Variable) else ops.convert_to_tensor(weight)

    @classmethod
    def from_config(cls, config: Config, custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Make a layer from what `get_config` returned. No file that the config names is opened.

        Args:
            config: The config.
            custom_objects: Classes and functions of your own that it names.
        """
        with serialization.loading(custom_objects):
            return super().from_config(config)


# ---- calls ----------------------------------------------------------------------------------------------------------


def _call(layer: DataLayer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a layer on tensors of the backend, or of another library."""
    library = next(filter(None, map(_foreign, tree.flatten((args, kwargs)))), None)
    if library is not None:
        return _call_on_foreign(layer, library, args, kwargs)
    with nullcontext() if worker_seed() is None else _on_host():
        return super(DataLayer, layer).__call__(*args, **kwargs)


def _call_on_foreign(layer: DataLayer, library: TensorLibrary, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a layer on tensors of another library: it computes with NumPy, and returns that library's tensors."""
    flat = tree.flatten((args, kwargs))
    places = [i for i, x in enumerate(flat) if _foreign(x) is not None]
    tensors = [library.to_dense(flat[i]) for i in places]

    def packed(values: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        full = list(flat)
        for place, value in zip(places, values, strict=True):
            full[place] = value
        arguments: tuple[tuple[Any, ...], dict[str, Any]] = tree.pack_sequence_as((args, kwargs), full)
        return arguments

    def on_arrays(arrays: Sequence[Array]) -> Any:
        a, k = packed(arrays)
        with _on_host():
            return tree.map_structure(to_numpy, super(DataLayer, layer).__call__(*a, **k))

    if not any(map(library.is_symbolic, tensors)):
        like = tensors[0]
        outputs = on_arrays([to_numpy(x) for x in tensors])
        return tree.map_structure(lambda x: library.from_numpy(x, like), outputs)
    specs = _infer(layer, *packed([_spec(x) for x in tensors]))

    def flat_on_arrays(*arrays: Any) -> list[Array]:
        outputs = tree.flatten(on_arrays([np.asarray(x) for x in arrays]))
        return [_as(x, s.dtype) for x, s in zip(outputs, tree.flatten(specs), strict=True)]

    return tree.pack_sequence_as(specs, library.call_later(flat_on_arrays, tensors, tree.flatten(specs)))


def _infer(layer: DataLayer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the symbolic outputs of a layer, which get no node."""
    if not layer.built:
        build_for_call(layer, args, kwargs)
    return layer.compute_output_spec(*args, **kwargs)


def _foreign(x: object) -> TensorLibrary | None:
    """Return the library of a tensor that isn't the backend's."""
    library = interop.library_of(x)
    if not isinstance(library, TensorLibrary) or library.name == active.adapter.name:
        return None
    return library if library.is_array(x) and not active.adapter.is_tensor(x) else None


def _spec(x: Any) -> KerasTensor:
    return KerasTensor(tuple(x.shape), dtypes.standardize(x.dtype))


def _as(x: Array, dtype: str) -> Array:
    return x.astype(dtypes.to_numpy(dtype), copy=False)


# ---- where it computes --------------------------------------------------------------------------------------------


class _State(threading.local):
    """Whether the call that this thread runs computes on the host."""

    host = False


_state = _State()


@contextmanager
def _on_host() -> Iterator[None]:
    before, _state.host = _state.host, True
    try:
        with active.adapter.device_scope("cpu:0"), active.adapter.no_gradient():
            yield
    finally:
        _state.host = before


class _Process:
    """Whether this process was started or forked by another: only then it can be a worker of a DataLoader."""

    child = multiprocessing.parent_process() is not None

    @classmethod
    def forked(cls) -> None:
        cls.child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Process.forked)


def worker_seed() -> int | None:
    """Return the seed of the torch DataLoader's worker that this process is, another one in each epoch; else None."""
    return interop.worker_seed() if _Process.child else None


# ---- NumPy arrays and tensors of the backend ------------------------------------------------------------------------


def to_numpy(x: Any) -> Array:
    """Return a tensor of any library, or an array, as a NumPy array; strings of TensorFlow come as bytes."""
    if isinstance(x, Variable):
        return x.numpy()
    if active.adapter.is_tensor(x):
        return active.adapter.to_numpy(x)
    return interop.to_numpy(x)


def from_numpy(x: Array) -> Any:
    """Return a tensor of the backend. Strings stay an array of text where the backend has no tensors of strings."""
    if x.dtype.kind not in "OUS":
        return ops.convert_to_tensor(x)
    library = interop.named(active.adapter.name)
    tensor = x if library is None else library.from_numpy(x)
    if not isinstance(tensor, np.ndarray):
        return tensor
    flat = [v.decode("utf-8", "surrogateescape") if isinstance(v, bytes) else v for v in x.ravel().tolist()]
    out = np.empty(len(flat), object)
    out[:] = flat
    return out.reshape(x.shape)


def on_host(
    function: Callable[..., Sequence[Array]], tensors: Sequence[Any], specs: Sequence[KerasTensor]
) -> list[Any]:
    """Return the results of a function of NumPy arrays as tensors of the backend, also inside of compiled code.

    Args:
        function: Takes an array for each tensor, and returns an array for each spec.
        tensors: Tensors of the backend, symbolic ones, or arrays.
        specs: The shapes and dtypes of the results, where they have no values yet.
    """

    def cast(*arrays: Any) -> list[Array]:
        results = function(*map(np.asarray, arrays))
        return [_as(x, s.dtype) for x, s in zip(results, specs, strict=True)]

    if any(isinstance(x, KerasTensor) for x in tensors):
        return [KerasTensor(s.shape, s.dtype) for s in specs]
    for x in tensors:
        library = interop.tensor_library_of(x)
        if library is not None and library.is_symbolic(x):
            return list(library.call_later(cast, tensors, specs))
    return [from_numpy(x) for x in cast(*map(to_numpy, tensors))]


def to_sparse(x: Any) -> Any:
    """Return a dense tensor as a sparse one.

    Raises:
        CapabilityError: The backend has no sparse tensors.
    """
    active.adapter.need("sparse")
    return active.adapter.to_sparse(x)


def to_ragged(x: Any, lengths: Any) -> Any:
    """Return padded rows as a ragged tensor.

    Raises:
        CapabilityError: The backend has no ragged tensors.
    """
    active.adapter.need("ragged")
    library = interop.named(active.adapter.name)
    assert library is not None
    return library.to_ragged(x, lengths)
