"""Functions of the chosen framework in a graph: applied to symbolic tensors they become nodes."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from kerasfront import tree
from kerasfront.errors import BackendError, SavingError
from kerasfront.naming import auto_name
from kerasfront.ops.declare import Nested, public
from kerasfront.ops.declare.conversion import held_tensor
from kerasfront.ops.declare.runtime import runtime
from kerasfront.spec import KerasTensor, Node, OperationState, infer, mode
from kerasfront.spec.symbolic import AtSizes

P = ParamSpec("P")
R = TypeVar("R")

# Two sizes that stand for an unknown one. Nothing is computed, so they may be large, but they must fit 64 bits, which
# the probes of `spec.symbolic` don't.
_SIZES = (2**3 * 3**3 * 5 * 7 * 11, 2**3 * 3**3 * 5 * 7 * 13)


@overload
def native(function: types.ModuleType) -> Any: ...
@overload
def native(function: Callable[P, R]) -> Callable[P, R]: ...
@public("ops")
def native(function: types.ModuleType | Callable[..., Any]) -> Any:
    """Return a function of the framework that takes symbolic tensors too, of which it then makes a node of the graph.

    On PyTorch and TensorFlow `torch.relu(x)` and `tf.nn.relu(x)` do it by themselves, as these frameworks ask their
    arguments; on JAX nothing can be asked, so it takes `native(jax.numpy.tanh)(x)`, or `jnp = native(jax.numpy)` once.

    Shapes and dtypes of the results are found by the framework's abstract evaluation, without computing; on tensors the
    function is called as it is. A model with such nodes runs and trains, on that backend; to be saved it needs a layer
    with the call inside, as a file doesn't hold functions.

    Args:
        function: Takes tensors, nested as they like, and whatever else; gives tensors, nested. Or a module, whose
            functions are taken as attributes.

    Returns:
        A function of the same arguments, or a namespace.

    Raises:
        CapabilityError: It is applied to a symbolic tensor, and the backend has no abstract evaluation (numpy).

    >>> from kerasfront import ops
    >>> double = ops.native(lambda x: x + x)
    >>> ops.convert_to_numpy(double(ops.array([1.0, 2.0]))).tolist()
    [2.0, 4.0]
    """
    if isinstance(function, types.ModuleType):
        return _Namespace(function)
    if not callable(function):
        raise TypeError(f"Expected a function of the framework or a module, got {function!r}.")

    @functools.wraps(function, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, KerasTensor) for x in tree.flatten((args, kwargs))):
            return apply(function, args, kwargs)
        return _called(function, args, kwargs)

    return call


def _called(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return the function on native tensors: for Variables what they hold."""
    a, k = tree.map_structure(held_tensor, (args, kwargs))
    return function(*a, **k)


class _Namespace:
    """The functions of a module, each `native`; other attributes as they are."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        wrap = isinstance(value, types.ModuleType) or (callable(value) and not isinstance(value, type))
        return native(value) if wrap else value

    def __repr__(self) -> str:
        return f"<native {self._module.__name__}>"


class NativeCall:
    """One application of a native function in a graph: what its node names as the operation."""

    function: Callable[..., Any]
    call: Callable[..., Any]
    name: str

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any, outputs: Any) -> None:
        self.function, self.call = function, native(function)
        self.name = auto_name(getattr(function, "__name__", "native").strip("<_>"))
        self._kf = OperationState(nodes=[Node(self, args, kwargs, outputs)])

    def __call__(self, *args: Any, **kwargs: Any) -> Nested:
        return self.call(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "call": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.call = native(self.function)

    def get_config(self) -> dict[str, Any]:
        raise SavingError(
            f"The graph holds '{self.name}', a function of the framework, which a file can't hold.",
            hint="Call it inside the call() of a registered layer, or use an op of kerasfront.ops.",
        )

    def __repr__(self) -> str:
        return f"<native {self.name}>"


def apply(function: Callable[..., Any], args: Any, kwargs: Any) -> Nested:
    """Return the symbolic results of a native function, with a node; without one where shapes are inferred already."""
    if mode.inferring:
        return evaluated(function, args, kwargs)

    out = infer(lambda *a, **k: evaluated(function, a, k), args, kwargs)
    NativeCall(function, args, kwargs, out)
    return out


def applied_by(adapter: Any, function: Callable[..., Any], args: Any, kwargs: Any) -> Nested:
    """Return `apply`, for a framework that was given a symbolic tensor; it must be that of the chosen backend."""
    if runtime.need() is not adapter:
        raise BackendError(
            f"{getattr(function, '__name__', function)} of {adapter.name} was given a symbolic tensor, and the backend "
            f"is '{runtime.adapter.name}'.",
            hint=f"Use kerasfront.ops, or choose the backend '{adapter.name}'.",
        )
    return apply(function, args, kwargs)


def evaluated(function: Callable[..., Any], args: Any, kwargs: Any) -> Nested:
    """Return KerasTensors for the results of native code, by the adapter's abstract evaluation."""
    leaves = [x for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)]

    def run(*tensors: Any) -> Any:
        rest = iter(tensors)
        a, k = tree.map_structure(lambda x: next(rest) if isinstance(x, KerasTensor) else x, (args, kwargs))
        before, mode.inferring = mode.inferring, 0
        try:
            return _called(function, a, k)
        finally:
            mode.inferring = before

    evaluate = runtime.need().eval_shape
    sized = AtSizes(leaves)
    if sized.unit is None:
        return _specs(evaluate(run, leaves))
    return sized.back(_SIZES, tuple(_specs(evaluate(run, sized.at(size))) for size in _SIZES))


def _specs(results: Any) -> Any:
    """Return KerasTensors for a nested structure of (shape, dtype)."""
    if isinstance(results, tuple) and len(results) == 2 and isinstance(results[1], str):
        return KerasTensor(results[0], results[1])
    if isinstance(results, dict):
        return {k: _specs(v) for k, v in results.items()}
    return type(results)(_specs(v) for v in results)
