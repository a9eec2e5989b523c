"""Gradients, the same on every trainable backend: over arguments, or over Variables."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasfront import settings, tree
from kerasfront.errors import ShapeError
from kerasfront.ops.control import vectorized_map
from kerasfront.ops.core import cast, convert_to_tensor, dtype_of
from kerasfront.ops.creation import eye, zeros, zeros_like
from kerasfront.ops.declare import public
from kerasfront.ops.declare.conversion import resolve
from kerasfront.ops.declare.runtime import runtime
from kerasfront.ops.reduce import sum as reduce_sum
from kerasfront.ops.shaping import moveaxis, reshape
from kerasfront.spec import dtypes


@public("ops")
def value_and_grad(
    function: Callable[..., Any],
    variables: Sequence[Any] | None = None,
    *,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """Return a function that returns the value of `function` and its gradient.

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


@public("ops")
def grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that returns the gradient of `function` for the arguments `argnums`.

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
        of_leaves, chosen = _by_leaves(function, numbers, args, kwargs)

        def loss_of(*leaves: Any) -> Any:
            out = of_leaves(*leaves)
            return (_scalar(out[0]), out[1]) if has_aux else _scalar(out)

        outputs, pullback = adapter.vjp(loss_of, tree.flatten(chosen))
        loss = outputs[0] if has_aux else outputs
        one = adapter.primitives["ones_like"](loss)
        weights = (one, tree.map_structure(_zero_weight, outputs[1])) if has_aux else one
        gradients = tree.pack_sequence_as(chosen, list(pullback(weights)))
        return outputs, (gradients[0] if isinstance(argnums, int) else tuple(gradients))

    return evaluate


def _by_leaves(function: Any, numbers: Sequence[int], args: Any, kwargs: Any) -> tuple[Callable[..., Any], list[Any]]:
    """Return `function` of the flat tensors in the arguments `numbers`, and those arguments as float tensors."""
    chosen = [tree.map_structure(_float_tensor, _arrays(args[n])) for n in numbers]

    def of_leaves(*leaves: Any) -> Any:
        full = list(args)
        for n, value in zip(numbers, tree.pack_sequence_as(chosen, list(leaves)), strict=True):
            full[n] = value
        return function(*full, **kwargs)

    return of_leaves, chosen


def _arrays(x: Any) -> Any:
    """Return x with each list of plain numbers as one array."""
    if isinstance(x, dict):
        return {k: _arrays(v) for k, v in x.items()}
    if not isinstance(x, (list, tuple)):
        return x
    plain = bool(x) and all(type(v) in (int, float) for v in tree.flatten(x))
    return np.asarray(x, settings.floatx()) if plain else type(x)([_arrays(v) for v in x])


def _zero_weight(x: Any) -> Any:
    adapter = runtime.adapter
    return adapter.primitives["zeros_like"](x) if adapter.is_tensor(x) else x


def _float_tensor(x: Any) -> Any:
    adapter = runtime.need()
    value = resolve(x, adapter)
    if type(value) in (bool, int, float, complex):
        value = adapter.scalar(value, dtypes.floating(dtypes.weak(value)))
    name = adapter.dtype_name(value)
    return value if dtypes.is_float(name) or dtypes.is_complex(name) else adapter.cast(value, dtypes.floating(name))


def _scalar(loss: Any) -> Any:
    value = resolve(loss, runtime.adapter)
    if not runtime.adapter.is_tensor(value) or tuple(value.shape) != ():
        raise ShapeError(f"Gradients need a scalar loss; the function returned one of shape {tuple(value.shape)}.")
    return value


@public("ops")
def vjp(function: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return `(function(*primals), pullback)`: the pullback maps a cotangent of the output to those of the primals.

    >>> from kerasfront import ops
    >>> y, pullback = ops.vjp(lambda x: x * x, ops.convert_to_tensor([1.0, 2.0]))
    >>> ops.convert_to_numpy(pullback(ops.ones((2,)))[0]).tolist()
    [2.0, 4.0]
    """
    output, pullback = runtime.need().vjp(function, [_float_tensor(p) for p in primals])
    return output, lambda cotangent: tuple(pullback(tree.map_structure(_float_tensor, cotangent)))


@public("ops", "ops.linalg")
def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> tuple[Any, ...]:
    """Return `(fun(*primals), derivative)`: the derivative of `fun` at `primals` in the direction `tangents`.

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
    # The aux of the traced call may hold tracers of the framework, so it comes from a plain call.
    return output, derivative, fun(*values)[1]


@public("ops")
def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose gradient is given by itself.

    Args:
        f: Takes tensors, returns `(output, gradient_function)`; `gradient_function(*args, upstream=...)` returns the
            gradient for each argument (None: zeros), given that of the output. A gradient of another dtype is cast to
            the argument's, and one of an argument that was broadcast is added up to its shape.

    >>> from kerasfront import ops
    >>> @ops.custom_gradient
    ... def clipped(x):
    ...     return x * 1.0, lambda *args, upstream: ops.clip(upstream, -1.0, 1.0)
    >>> float(ops.grad(lambda x: 5.0 * clipped(x))(2.0))
    1.0
    """
    functions: dict[str, Callable[..., Any]] = {}

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        adapter = runtime.need()
        if kwargs or any(not adapter.is_tensor(resolve(a, adapter)) and type(a) is not float for a in args):
            return f(*args, **kwargs)[0]
        if adapter.name not in functions:
            functions[adapter.name] = adapter.custom_gradient(_fitting(f))
        return functions[adapter.name](*[_float_tensor(a) for a in args])

    return call


def _fitting(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return `f`, whose gradients have the shape and the dtype of their arguments, as every framework wants them."""

    def fitted(*args: Any) -> Any:
        output, pullback = f(*args)

        def gradient(*inputs: Any, upstream: Any) -> tuple[Any, ...]:
            gradients = pullback(*inputs, upstream=upstream)
            gradients = tuple(gradients) if isinstance(gradients, (list, tuple)) else (gradients,)
            if len(gradients) != len(inputs):
                raise ShapeError(
                    f"The gradient function of '{getattr(f, '__name__', f)}' returns {len(gradients)} gradients for "
                    f"{len(inputs)} arguments; return one for each (None where there is none)."
                )
            return tuple(_gradient_for(x, g) for x, g in zip(inputs, gradients, strict=True))

        return output, gradient

    return fitted


def _gradient_for(x: Any, gradient: Any) -> Any:
    """Return the gradient in x's dtype and shape: summed over axes along which x was broadcast."""
    if gradient is None:
        return zeros_like(x)
    gradient = convert_to_tensor(gradient)
    name, (have, want) = dtype_of(x), (tuple(gradient.shape), tuple(x.shape))
    if dtype_of(gradient) != name:
        gradient = cast(gradient, name)
    if have == want or None in have + want:
        return gradient
    if math.prod(have) == math.prod(want):
        return reshape(gradient, want)
    ahead = len(have) - len(want)
    spread = [i for i, d in enumerate(have) if i < ahead or (want[i - ahead] == 1 != d)]
    if ahead < 0 or any(d != have[i + ahead] for i, d in enumerate(want) if d != 1):
        raise ShapeError(f"A custom gradient has the shape {have}, its argument {want}.")
    return reshape(reduce_sum(gradient, axis=tuple(spread)), want)


@public("ops")
def jacobian(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return a function that returns the derivatives of all elements of a result.

    They are the derivatives by every element of an argument.

    Args:
        function: From tensors to a tensor, or nested tensors.
        argnums: The position, or positions, of the arguments (tensors, nested) by which is differentiated.

    Returns:
        A function of the same arguments. For a result of shape (m, n) and an argument of shape (k,) it returns a tensor
        of shape (m, n, k) and the argument's dtype; where results or arguments are nested, the argument's structure
        inside of the result's. It computes one pullback for each element of the result, vectorised.

    Raises:
        CapabilityError: The backend has no gradients (numpy).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.jacobian(lambda x: x * x)(ops.array([1.0, 2.0]))).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(function)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        of_leaves, chosen = _by_leaves(function, numbers, args, kwargs)
        leaves = tree.flatten(chosen)
        outputs, pullback = runtime.need().vjp(lambda *x: tree.map_structure(_float_tensor, of_leaves(*x)), leaves)
        flat = tree.flatten(outputs)
        blocks = []
        for place in range(len(flat)):
            rows = tree.pack_sequence_as(chosen, _rows(pullback, outputs, flat, place, leaves))
            blocks.append(rows[0] if isinstance(argnums, int) else tuple(rows))
        return blocks[0] if outputs is flat[0] else _nested(outputs, blocks)

    return evaluate


def _nested(structure: Any, values: list[Any]) -> Any:
    rest = iter(values)
    return tree.map_structure(lambda _: next(rest), structure)


def _rows(pullback: Any, outputs: Any, flat: list[Any], place: int, leaves: list[Any]) -> list[Any]:
    """Return the derivatives of one of the outputs by each leaf."""
    output = flat[place]
    shape, size, adapter = tuple(output.shape), math.prod(output.shape), runtime.adapter
    shapes = [(*shape, *x.shape) for x in leaves]
    if size == 0:
        return [zeros(s, adapter.dtype_name(x)) for s, x in zip(shapes, leaves, strict=True)]

    def row(unit: Any) -> list[Any]:
        weights = [unit if i == place else zeros_like(x) for i, x in enumerate(flat)]
        return list(pullback(tree.pack_sequence_as(outputs, weights)))

    units = reshape(eye(size, dtype=adapter.dtype_name(output)), (size, *shape))
    return [reshape(x, s) for x, s in zip(vectorized_map(row, units), shapes, strict=True)]


@public("ops")
def hessian(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return a function that returns the second derivatives of a scalar function: the Jacobian of its gradient.

    Args:
        function: Returns a scalar.
        argnums: The position, or positions, of the arguments (tensors, nested) by which is differentiated, twice.

    Returns:
        A function of the same arguments. For an argument of shape (k,) it returns a tensor of shape (k, k); where
        arguments are nested or several, their structure inside of their structure.

    Raises:
        ShapeError: The result of `function` is no scalar.
        CapabilityError: The backend has no gradients (numpy).

    >>> from kerasfront import ops
    >>> ops.convert_to_numpy(ops.hessian(lambda x: x[0] ** 3 * x[1])(ops.array([1.0, 2.0]))).tolist()
    [[12.0, 3.0], [3.0, 0.0]]
    """
    return jacobian(grad(function, argnums), argnums)


@public("ops")
def vmap(
    function: Callable[..., Any], in_axes: int | None | Sequence[int | None] = 0, out_axes: int = 0
) -> Callable[..., Any]:
    """Return a function that maps `function` over an axis of its arguments, at once where the framework can vectorise.

    Args:
        function: From tensors (nested) without that axis to tensors (nested).
        in_axes: The axis of all positional arguments, or that of each; None: the argument goes in whole.
        out_axes: Where the axis stands in the results.

    Returns:
        A function of the same arguments, with the axis. Keyword arguments go in whole.

    Raises:
        ValueError: `in_axes` names another number of arguments, or none is mapped.

    >>> from kerasfront import ops
    >>> dots = ops.vmap(lambda a, b: ops.sum(a * b), in_axes=(0, None))
    >>> ops.convert_to_numpy(dots(ops.array([[1.0, 2.0], [3.0, 4.0]]), ops.array([1.0, 10.0]))).tolist()
    [21.0, 43.0]
    """

    @functools.wraps(function)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        axes = [in_axes] * len(args) if in_axes is None or isinstance(in_axes, int) else list(in_axes)
        if len(axes) != len(args) or all(axis is None for axis in axes):
            raise ValueError(f"vmap needs an axis for each of the {len(args)} arguments, and one to map: got {axes}.")
        pairs = list(zip(map(_arrays, args), axes, strict=True))
        whole = [tree.map_structure(_tensor_of_array, arg) if axis is None else None for arg, axis in pairs]
        mapped = [
            tree.map_structure(lambda x, a=axis: moveaxis(convert_to_tensor(x), a, 0), arg)
            for arg, axis in pairs
            if axis is not None
        ]

        def one(slices: Any) -> Any:
            rest = iter(slices)
            return function(*[w if a is None else next(rest) for w, a in zip(whole, axes, strict=True)], **kwargs)

        out = vectorized_map(one, mapped)
        return out if out_axes == 0 else tree.map_structure(lambda x: moveaxis(x, 0, out_axes), out)

    return evaluate


def _tensor_of_array(x: Any) -> Any:
    return convert_to_tensor(x) if isinstance(x, np.ndarray) else x


@public("ops")
def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives what `function` gives, but computes what is inside again for the gradient.

    What `function` computes on its way is not kept, which saves memory and costs time. `keras.remat` is the same.
    TensorFlow gives no second derivative of it.

    Source: Chen et al., Training deep nets with sublinear memory cost, https://arxiv.org/abs/1604.06174

    Args:
        function: A function of tensors.

    >>> from kerasfront import ops
    >>> float(ops.grad(ops.checkpoint(lambda x: x * x * x))(2.0))
    12.0
    """

    @functools.wraps(function)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        return runtime.need().remat(function)(*args, **kwargs)

    return evaluate
