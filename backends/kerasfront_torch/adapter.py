"""Conversion, devices, the storage of Variables, gradients and the step on PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import ml_dtypes
import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from kerasfront import tree
from kerasfront.contract import Adapter, assignments
from kerasfront.spec import dtypes
from kerasfront_torch import image, linalg, nn, ops, optimizers, random, signal
from kerasfront_torch.bridge import Module
from kerasfront_torch.compiled import Compiled
from kerasfront_torch.device import default_device, device_scope, is_chosen, to_device
from kerasfront_torch.dtypes import NAMES, NATIVE
from kerasfront_torch.graphs import Graphed
from kerasfront_torch.nesting import nesting

T = TypeVar("T")


class TorchVariable:
    """Lets a Variable stand as an argument of torch's own functions."""

    _value: Any

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def plain(x: Any) -> Any:
            return x.value if isinstance(x, TorchVariable) else x  # type: ignore[attr-defined]

        args = tuple([plain(y) for y in x] if isinstance(x, (list, tuple)) else plain(x) for x in args)
        return func(*args, **{k: plain(v) for k, v in (kwargs or {}).items()})


class TorchLayer(torch.nn.Module):
    """The base of layers: their variables are parameters, their sublayers submodules."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        # nn.Module looks for parameters and submodules here; ours are ordinary attributes. Python also comes here after
        # a property has raised an AttributeError: calling the property again raises its own error.
        if isinstance(attribute := getattr(type(self), name, None), property):
            return attribute.__get__(self)
        for kind in ("_parameters", "_buffers", "_modules"):
            if name in (members := self.__dict__.get(kind, ())):
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")


class _Storages(dict[str, Any]):
    """The parameters or buffers of a layer.

    Where torch puts another tensor in the place of one (in `to`, in `functional_call`, while it exports), the Variable
    holds that one.
    """

    variables: dict[str, Any] | None = None

    def hold(self, name: str, variable: Any) -> None:
        if self.variables is None:
            self.variables = {}
        self.variables[name] = variable
        super().__setitem__(name, variable._value)

    def __setitem__(self, name: str, storage: Any) -> None:
        super().__setitem__(name, storage)
        if self.variables is not None and storage is not None and name in self.variables:
            self.variables[name]._value = storage

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        if self.variables is not None:
            self.variables.pop(name, None)


# The messages of torch's errors when it has no kernel for a dtype.
_LACKING = (
    " not implemented for '",
    "does not support bool",
    "on a bool tensor is not supported",
    "Boolean inputs not supported",
)


# The types of tensor methods that are written in C.
_OF_TENSORS = ("method_descriptor", "wrapper_descriptor")


class TorchAdapter(Adapter):
    name = "torch"
    contract = (1, 0)
    distribution = "torch"
    native = {torch.Tensor, torch.nn.Parameter}
    native_dtypes = NATIVE
    primitives = {**ops.PRIMITIVES, **nn.PRIMITIVES, **linalg.PRIMITIVES, **random.PRIMITIVES, **signal.PRIMITIVES}
    overrides: Mapping[str, Callable[..., Any]] = {**ops.OVERRIDES, **nn.OVERRIDES, **image.OVERRIDES}
    gaps = ops.GAPS
    fused_updates = optimizers.FUSED
    reverse_only = dict.fromkeys(
        ("alignment_loss", "ctc_loss"), "torch's CTC loss has a gradient, but neither a forward nor a second derivative"
    )
    wider = {
        **dict.fromkeys(("bool", "uint8", "int8", "int16", "uint16"), "int32"),
        **dict.fromkeys(("uint32", "uint64"), "int64"),
        **dict.fromkeys(("float16", "bfloat16"), "float32"),
    }
    capabilities = frozenset({"gradients", "compile", "complex"})
    variable_base = TorchVariable
    layer_base = TorchLayer
    host_keys = True
    steps_per_dispatch = 16
    bridges = {"torch.nn.Module": Module}
    foreign_layers = (torch.nn.Module,)
    reserved_attributes = frozenset({"_modules", "_parameters"})

    def __init__(self) -> None:
        self._scalars: dict[Any, torch.Tensor] = {}

    def lacks_kernel(self, error: Exception) -> bool:
        return isinstance(error, RuntimeError) and any(text in str(error) for text in _LACKING)

    # -- conversion

    def is_tensor(self, x: object) -> bool:
        return isinstance(x, torch.Tensor)

    def to_tensor(self, x: Any, dtype: str | None) -> torch.Tensor:
        if isinstance(x, torch.Tensor):
            out = x if dtype is None else x.to(NATIVE[dtype])
            return out.to(default_device())
        if torch.compiler.is_compiling():
            return _traced(x, dtype).to(default_device())
        value = x if isinstance(x, np.ndarray) else np.asarray(x)
        if dtype is None and not hasattr(x, "dtype"):
            dtype = dtypes.of_values(value)
        return _from_numpy(value, dtype).to(default_device())

    def scalar(self, value: complex, dtype: str) -> torch.Tensor:
        if torch.compiler.is_compiling():
            return torch.tensor(value, dtype=NATIVE[dtype])
        # 0-d tensors on the CPU work with tensors of any device, and nobody writes into these, so that one for each
        # value is enough.
        key = (value, type(value), dtype)
        tensor = self._scalars.get(key)
        if tensor is None:
            if len(self._scalars) > 10_000:
                self._scalars.clear()
            array = np.asarray(value, dtypes.to_numpy(dtype))
            tensor = self._scalars[key] = _from_numpy(array, None)
        return tensor

    def to_numpy(self, x: torch.Tensor) -> np.ndarray[Any, Any]:
        x = x.detach().resolve_conj().cpu()
        if x.dtype == torch.bfloat16:
            return x.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        return x.numpy()

    def cast(self, x: torch.Tensor, dtype: str) -> torch.Tensor:
        return x.to(NATIVE[dtype])

    def has_value(self, x: torch.Tensor) -> bool:
        traced = torch.compiler.is_compiling() or torch._C._functorch.is_functorch_wrapped_tensor(x)
        return not traced and x.device.type != "meta" and not isinstance(x, FakeTensor)

    def dtype_name(self, x: Any) -> str:
        return NAMES[x.dtype]

    # -- devices

    def devices(self) -> list[str]:
        return ["cpu:0", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]

    def device_scope(self, name: str) -> AbstractContextManager[None]:
        return device_scope(name)

    # -- the storage of Variables

    def make_storage(self, value: Any, dtype: str, trainable: bool, name: str, fresh: bool = False) -> torch.Tensor:
        tensor = self.to_tensor(value, dtype).detach()
        if not fresh and isinstance(value, (torch.Tensor, np.ndarray)):
            tensor = tensor.clone()
        differentiable = tensor.is_floating_point() or tensor.is_complex()
        # Fused optimizers ignore strides, so values that an initializer made in another memory order are copied.
        tensor = tensor.contiguous()
        return torch.nn.Parameter(tensor, requires_grad=differentiable) if trainable else tensor

    def assign(self, storage: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        if not torch.is_grad_enabled():
            return storage.copy_(value)
        with torch.no_grad():
            return storage.copy_(value)

    def assign_zeros(self, storage: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return storage.zero_()

    def assign_add(self, storage: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        if not torch.is_grad_enabled():
            return storage.add_(value)
        with torch.no_grad():
            return storage.add_(value)

    def assign_sub(self, storage: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        if not torch.is_grad_enabled():
            return storage.sub_(value)
        with torch.no_grad():
            return storage.sub_(value)

    def add_to_sum(self, stored: torch.Tensor, value: Any) -> torch.Tensor:
        return self.assign_add(stored, value)  # torch converts other dtypes by itself when it adds in place

    def atomic(self, run: Callable[[], T]) -> T:
        return run() if torch.compiler.is_compiling() else super().atomic(run)  # a graph can't hold a lock

    def set_trainable(self, storage: torch.Tensor, trainable: bool) -> None:
        if storage.is_floating_point() or storage.is_complex():
            storage.requires_grad_(trainable)

    # -- gradients

    def value_and_grad(
        self, function: Callable[[], tuple[torch.Tensor, Any]], variables: Sequence[Any]
    ) -> tuple[tuple[torch.Tensor, Any], list[torch.Tensor | None]]:
        if nesting.mapped:
            return self._value_and_grad_in_map(function, variables)
        with torch.enable_grad(), nesting.deeper():
            loss, aux = function()
            values = [v._value for v in variables]
        nested = nesting.depth > 0
        gradients = list(torch.autograd.grad(loss, values, allow_unused=True, create_graph=nested)) if values else []
        return ((loss, aux) if nested else (loss.detach(), _detached(aux))), gradients

    def _value_and_grad_in_map(
        self, function: Callable[[], tuple[torch.Tensor, Any]], variables: Sequence[Any]
    ) -> tuple[tuple[torch.Tensor, Any], list[torch.Tensor | None]]:
        def pure(*values: Any) -> Any:
            with assignments(variables, values):
                return function()

        (loss, aux), pullback = _vjp_in_map(pure, [v._value for v in variables])
        weights = tree.map_structure(lambda x: torch.zeros_like(x) if isinstance(x, torch.Tensor) else x, aux)
        return (loss, aux), list(pullback((torch.ones_like(loss), weights)))

    def vjp(
        self, function: Callable[..., Any], primals: Sequence[torch.Tensor]
    ) -> tuple[Any, Callable[[Any], tuple[torch.Tensor, ...]]]:
        if nesting.mapped:
            return _vjp_in_map(function, primals)
        nested = nesting.depth > 0
        with torch.enable_grad(), nesting.deeper():
            inputs = [_differentiated(p, nested) if _differentiable(p) else p for p in primals]
            outputs = function(*inputs)
        leaves = tree.flatten(outputs)
        roots = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.requires_grad]

        def pullback(cotangents: Any) -> tuple[Any, ...]:
            sources = [x for x in inputs if x.requires_grad]
            pairs = zip(tree.flatten(cotangents), leaves, strict=True)
            weights = [c for c, leaf in pairs if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
            gradients: Any = [None] * len(sources)
            if roots:
                options = {"allow_unused": True, "retain_graph": True, "create_graph": nesting.depth > 0}
                gradients = torch.autograd.grad(roots, sources, weights, **options)
            it = iter(gradients)
            return tuple((_or_zeros(next(it), x) if x.requires_grad else torch.zeros_like(x)) for x in inputs)

        return (outputs if nested else _detached(outputs)), pullback

    def jvp(
        self, function: Callable[..., Any], primals: Sequence[torch.Tensor], tangents: Sequence[torch.Tensor]
    ) -> tuple[Any, Any]:
        if nesting.mapped:
            return _jvp_in_map(function, primals, tangents)
        if nesting.forward:
            return self._jvp_by_vjp(function, primals, tangents)
        try:
            return self._jvp_forward(function, primals, tangents)
        except RuntimeError as error:
            if "forward" not in str(error):
                raise
            return self._jvp_by_vjp(function, primals, tangents)  # torch can't differentiate this op forwards

    def _jvp_forward(self, function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        nested = nesting.depth > 0
        with sdpa_kernel(SDPBackend.MATH), forward_ad.dual_level(), nesting.deeper(forward=True):
            pairs = zip(primals, tangents, strict=True)
            outputs = function(*[forward_ad.make_dual(p, t) if _differentiable(p) else p for p, t in pairs])
            values = tree.map_structure(lambda x: forward_ad.unpack_dual(x).primal, outputs)
            derivatives = tree.map_structure(lambda x: _or_zeros(forward_ad.unpack_dual(x).tangent, x), outputs)
        return (values, derivatives) if nested else (_detached(values), _detached(derivatives))

    def _jvp_by_vjp(self, function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        """Differentiate backwards twice.

        It also serves while a forward derivative is being taken, since torch doesn't nest dual numbers.
        """
        outputs, pullback = self.vjp(function, primals)
        zeros = [torch.zeros_like(x) for x in tree.flatten(outputs)]
        _, twice = self.vjp(lambda *weights: list(pullback(tree.pack_sequence_as(outputs, list(weights)))), zeros)
        return outputs, tree.pack_sequence_as(outputs, list(twice(list(tangents))))

    def stop_gradient(self, x: torch.Tensor) -> torch.Tensor:
        return x.detach()

    def custom_gradient(self, function: Callable[..., Any]) -> Callable[..., Any]:
        class Custom(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *args: Any) -> Any:
                output, ctx.pullback = function(*args)
                ctx.inputs = args
                return output

            @staticmethod
            def backward(ctx: Any, *upstream: Any) -> Any:
                gradients = ctx.pullback(*ctx.inputs, upstream=upstream[0] if len(upstream) == 1 else upstream)
                return gradients if isinstance(gradients, tuple) else (gradients,)

        return lambda *args: Custom.apply(*args)

    def remat(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if nesting.mapped:  # torch.func's derivatives keep what they need in their own way
                return function(*args, **kwargs)
            return checkpoint(function, *args, use_reentrant=False, **kwargs)

        return call

    def no_gradient(self) -> AbstractContextManager[object]:
        return torch.no_grad()

    # -- the step

    def compile_step(
        self, step: Any, variables: Any, *, jit: Any = "auto", donate: bool = False, reading: Any = nullcontext
    ) -> Any:
        if jit is True:
            return Compiled(step, reading)
        return step if jit is False or default_device() == "cpu" else Graphed(step, variables, reading)

    def compile_mode(self, jit: Any = "auto") -> str:
        if jit is True:
            return "compiled, by torch.compile"
        if jit == "auto" and default_device() != "cpu":
            return "as a CUDA graph, where it can be recorded as one"
        return "eagerly" + (": torch.compile takes longer than short trainings" if jit == "auto" else "")

    @property
    def stages_ahead(self) -> bool:
        return default_device() != "cpu" and not is_chosen()  # another thread would not see a chosen device

    def stage(self, batch: Any) -> Any:
        device = default_device()
        if type(batch) is tuple:
            return tuple([self._staged(x, device) for x in batch])
        return tree.map_structure(lambda x: self._staged(x, device), batch)

    def _staged(self, x: Any, device: str) -> Any:
        if isinstance(x, np.ndarray):
            if x.dtype.kind in "OUS":
                return x  # strings stay arrays, for layers that work on the host
            x = _from_numpy(x, None)
        elif isinstance(x, (list, tuple, dict)):
            return tree.map_structure(lambda leaf: self._staged(leaf, device), x)
        elif not isinstance(x, torch.Tensor):
            return x if x is None else self._staged(np.asarray(x), device)
        return x if device == "cpu" else to_device(x, device)

    def synchronize(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    def take_symbolic(self, cls: Any, apply: Callable[..., Any]) -> None:
        def dispatch(_: Any, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if type(function).__name__ in _OF_TENSORS or getattr(function, "__module__", None) == "torch._tensor":
                return NotImplemented  # an operator with a tensor on its left: the symbolic one has its own
            return apply(self, function, args, kwargs or {})

        cls.__torch_function__ = classmethod(dispatch)

    def eval_shape(self, function: Callable[..., Any], specs: Any) -> Any:
        # The parameters that the function uses are real tensors, beside its fake inputs.
        with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
            inputs = tree.map_structure(lambda s: torch.empty(s.shape, dtype=NATIVE[s.dtype]), specs)
            out = function(*inputs)
        return tree.map_structure(lambda t: (tuple(t.shape), NAMES[t.dtype]), out)

    # -- hooks of the layer base

    def track(self, layer: Any, name: str, value: Any) -> None:
        if isinstance(value, torch.nn.Module):
            layer._modules[_free(layer._modules, name)] = value
        else:
            kind = "_parameters" if isinstance(value._value, torch.nn.Parameter) else "_buffers"
            storages = getattr(layer, kind)
            if not isinstance(storages, _Storages):
                storages = layer.__dict__[kind] = _Storages(storages)
            if not any(storage is value._value for storage in storages.values()):
                storages.hold(_free({**layer._parameters, **layer._buffers}, name), value)

    def untrack(self, layer: Any, value: Any) -> None:
        own = value if isinstance(value, torch.nn.Module) else value._value
        for storages in (layer._modules, layer._parameters, layer._buffers):
            for name in [name for name, other in storages.items() if other is own]:
                del storages[name]

    def portable_draw(self, draw: Callable[..., Any], *args: Any) -> Any:
        return random.portable_draw(draw, *args)

    def seed(self, seed: int) -> None:
        torch.manual_seed(seed)


def _free(names: Any, name: str) -> str:
    name = name.replace(".", "_")
    number = 1
    out = name
    while out in names:
        out, number = f"{name}_{number}", number + 1
    return out


def _from_numpy(value: np.ndarray[Any, Any], dtype: str | None) -> torch.Tensor:
    if value.dtype == ml_dtypes.bfloat16:
        out = torch.from_numpy(np.asarray(value, order="C").view(np.int16)).view(torch.bfloat16)
    else:
        if not value.dtype.isnative:
            value = value.astype(value.dtype.newbyteorder("="))
        if not value.flags.writeable or any(s < 0 for s in value.strides):
            value = value.copy()
        out = torch.from_numpy(value)
    return out if dtype is None else out.to(NATIVE[dtype])


def _traced(x: Any, dtype: str | None) -> torch.Tensor:
    """Return a tensor of an array or of nested lists while torch.compile traces, which knows no NumPy dtypes."""
    if isinstance(x, (np.ndarray, np.generic)):
        out = torch.as_tensor(x)
    else:
        out = torch.tensor(x)
        if dtype is None and out.is_floating_point():
            dtype = dtypes.promote(dtypes.weak(1.0))
        elif dtype is None and out.dtype == torch.int64:
            dtype = "int32" if all(-(2**31) <= n < 2**31 for n in tree.flatten(x)) else None
    return out if dtype is None else out.to(NATIVE[dtype])


def _differentiable(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and (x.is_floating_point() or x.is_complex())


def _differentiated(x: torch.Tensor, nested: bool) -> torch.Tensor:
    """Return x as an input to differentiate by: detached, or as part of the surrounding graph if `nested`."""
    out = x.view_as(x) if nested else x.detach()
    return out if out.requires_grad else out.requires_grad_()


def _of_floats(function: Callable[..., Any], primals: Sequence[Any], result: list[Any]) -> Callable[..., Any]:
    """Wrap a function so that it takes only the primals that have derivatives.

    It returns its results that have derivatives, and its other tensors; `result` gets the whole result.
    """

    def run(*floats: Any) -> Any:
        rest = iter(floats)
        result[:] = [function(*[next(rest) if _differentiable(p) else p for p in primals])]
        tensors = [x for x in tree.flatten(result[0]) if isinstance(x, torch.Tensor)]
        return tuple(filter(_differentiable, tensors)), tuple(x for x in tensors if not _differentiable(x))

    return run


def _as_given(result: list[Any], floats: Sequence[Any], others: Sequence[Any] | None = None) -> Any:
    """Return `result[0]` with its tensors replaced: floats by `floats`, others by `others`, or by 0 without these."""
    first, second = iter(floats), iter(others or ())

    def one(x: Any) -> Any:
        if _differentiable(x):
            return next(first)
        return x if not isinstance(x, torch.Tensor) else torch.zeros_like(x) if others is None else next(second)

    return tree.map_structure(one, result[0])


def _vjp_in_map(function: Callable[..., Any], primals: Sequence[Any]) -> Any:
    result: list[Any] = []
    floats = [p for p in primals if _differentiable(p)]
    tensors, back, others = torch.func.vjp(_of_floats(function, primals, result), *floats, has_aux=True)

    def pullback(cotangents: Any) -> tuple[Any, ...]:
        pairs = zip(tree.flatten(cotangents), tree.flatten(result[0]), strict=True)
        gradients = iter(back(tuple(c for c, x in pairs if _differentiable(x))))
        return tuple(next(gradients) if _differentiable(p) else torch.zeros_like(p) for p in primals)

    return _as_given(result, tensors, others), pullback


def _jvp_in_map(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    result: list[Any] = []
    pairs = [(p, t) for p, t in zip(primals, tangents, strict=True) if _differentiable(p)]
    floats, directions = (tuple(column) for column in zip(*pairs, strict=True))
    run = _of_floats(function, primals, result)
    tensors, derivatives, others = torch.func.jvp(run, floats, directions, has_aux=True)
    return _as_given(result, tensors, others), _as_given(result, derivatives)


def _detached(nested: Any) -> Any:
    if isinstance(nested, torch.Tensor):
        return nested.detach()
    if type(nested) is tuple:
        return tuple(map(_detached, nested))
    return tree.map_structure(lambda x: x.detach() if isinstance(x, torch.Tensor) else x, nested)


def _or_zeros(gradient: Any, like: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(like) if gradient is None or gradient._is_zerotensor() else gradient
