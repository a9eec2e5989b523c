"""Gradients, the same on every trainable backend: over arguments, or over Variables."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasfront import config, tree
from kerasfront.errors import ShapeError
from kerasfront.ops._declare import _resolve, runtime
from kerasfront.spec import dtypes

__all__ = ["custom_gradient", "grad", "jvp", "value_and_grad", "vjp"]


def value_and_grad(
    function: Callable[..., Any],
    variables: Sequence[Any] | None = None,
    *,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """A function that returns the value of `function` and its gradient.

    Args:
        function: Returns a scalar loss, or `(loss, aux)` where `has_aux` is true. It may assign Variables.
        variables: The Variables for which gradients are taken; None: gradients for the arguments `argnums`.
        argnums: The position, or positions, of the arguments (tensors, nested) for which gradients are taken.
        has_aux: Whether `function` returns something beside the loss; it comes back without gradient.

    Returns:
        A function of the same arguments that returns `(value, gradients)`. With `variables`, the gradients are a list
        in their order (None for a Variable that the loss does not depend on); else they have the arguments' structure.

    Raises:
        ShapeError: The loss is no scalar.
        CapabilityError: The backend has no gradients (numpy).

    >>> import kerasfront as keras
    >>> v = keras.Variable(3.0)
    >>> value, gradients = keras.ops.value_and_grad(lambda x: v * v * x, [v])(2.0)
    >>> float(value), float(gradients[0])
    (18.0, 12.0)
    """
    if variables is None:
        return _of_arguments(function, argnums, has_aux)

    @functools.wraps(function)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        def loss_and_aux() -> tuple[Any, Any]:
            out = function(*args, **kwargs)
            loss, aux = out if has_aux else (out, None)
            return _scalar(loss), aux

        (loss, aux), gradients = runtime.need().value_and_grad(loss_and_aux, list(variables))
        return ((loss, aux) if has_aux else loss), gradients

    return evaluate


def grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of `function` for the arguments `argnums`.

    With `has_aux`, `function` returns `(loss, aux)` and the result is `(gradient, aux)`.

    >>> from kerasfront import ops
    >>> float(ops.grad(lambda x: x * x)(3.0))
    6.0
    """
    both = value_and_grad(function, argnums=argnums, has_aux=has_aux)

    @functools.wraps(function)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return evaluate


def _of_arguments(function: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool) -> Callable[..., Any]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(function)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        adapter = runtime.need()
        chosen = [tree.map_structure(_float_tensor, _arrays(args[n])) for n in numbers]

        def of_leaves(*leaves: Any) -> Any:
            full = list(args)
            for n, value in zip(numbers, tree.pack_sequence_as(chosen, list(leaves)), strict=True):
                full[n] = value
            out = function(*full, **kwargs)
            return (_scalar(out[0]), out[1]) if has_aux else _scalar(out)

        leaves = tree.flatten(chosen)
        outputs, pullback = adapter.vjp(of_leaves, leaves)
        loss = outputs[0] if has_aux else outputs
        one = adapter.primitives["ones_like"](loss)
        weights = (one, tree.map_structure(_zero_weight, outputs[1])) if has_aux else one
        gradients = tree.pack_sequence_as(chosen, list(pullback(weights)))
        return outputs, (gradients[0] if isinstance(argnums, int) else tuple(gradients))

    return evaluate


def _arrays(x: Any) -> Any:
    """x with each list of plain numbers as one array."""
    if isinstance(x, dict):
        return {k: _arrays(v) for k, v in x.items()}
    if not isinstance(x, list | tuple):
        return x
    plain = bool(x) and all(type(v) in (int, float) for v in tree.flatten(x))
    return np.asarray(x, config.floatx()) if plain else type(x)([_arrays(v) for v in x])


def _zero_weight(x: Any) -> Any:
    adapter = runtime.adapter
    return adapter.primitives["zeros_like"](x) if adapter.is_tensor(x) else x


def _float_tensor(x: Any) -> Any:
    adapter = runtime.need()
    value = _resolve(x, adapter)
    if type(value) in (bool, int, float, complex):
        value = adapter.scalar(value, dtypes.floating(dtypes.weak(value)))
    name = adapter.dtype_name(value)
    return value if dtypes.is_float(name) or dtypes.is_complex(name) else adapter.cast(value, dtypes.floating(name))


def _scalar(loss: Any) -> Any:
    value = _resolve(loss, runtime.adapter)
    if not runtime.adapter.is_tensor(value) or tuple(value.shape) != ():
        raise ShapeError(f"Gradients need a scalar loss; the function returned one of shape {tuple(value.shape)}.")
    return value


def vjp(function: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """`(function(*primals), pullback)`: the pullback maps a cotangent of the output to those of the primals.

    >>> from kerasfront import ops
    >>> y, pullback = ops.vjp(lambda x: x * x, ops.convert_to_tensor([1.0, 2.0]))
    >>> ops.convert_to_numpy(pullback(ops.ones((2,)))[0]).tolist()
    [2.0, 4.0]
    """
    output, pullback = runtime.need().vjp(function, [_float_tensor(p) for p in primals])
    return output, lambda cotangent: tuple(pullback(tree.map_structure(_float_tensor, cotangent)))


def jvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """`(fun(*primals), derivative)`: the derivative of `fun` at `primals` in the direction `tangents`.

    With `has_aux`, `fun` returns `(output, aux)` and the result is `(output, derivative, aux)`.

    >>> from kerasfront import ops
    >>> [float(v) for v in ops.jvp(lambda x: x * x, (3.0,), (1.0,))]
    [9.0, 6.0]
    """
    adapter = runtime.need()

    def without_aux(*args: Any) -> Any:
        return fun(*args)[0] if has_aux else fun(*args)

    values = [_float_tensor(p) for p in primals]
    directions = [adapter.cast(_float_tensor(t), adapter.dtype_name(v)) for t, v in zip(tangents, values, strict=True)]
    output, derivative = adapter.jvp(without_aux, values, directions)
    if not has_aux:
        return output, derivative
    # The aux of the traced call may hold the framework's own traces: it is taken from a plain one.
    return output, derivative, fun(*values)[1]


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose gradient is given by itself.

    Args:
        f: Takes tensors, returns `(output, gradient_function)`; `gradient_function(*args, upstream=...)` returns the
            gradient for each argument, given that of the output.

    >>> from kerasfront import ops
    >>> @ops.custom_gradient
    ... def clipped(x):
    ...     return x * 1.0, lambda *args, upstream: ops.clip(upstream, -1.0, 1.0)
    >>> float(ops.grad(lambda x: 5.0 * clipped(x))(2.0))
    1.0
    """
    made: dict[str, Callable[..., Any]] = {}

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        adapter = runtime.need()
        if kwargs or any(not adapter.is_tensor(_resolve(a, adapter)) and type(a) is not float for a in args):
            return f(*args, **kwargs)[0]
        if adapter.name not in made:
            made[adapter.name] = adapter.custom_gradient(f)
        return made[adapter.name](*[_float_tensor(a) for a in args])

    return call
