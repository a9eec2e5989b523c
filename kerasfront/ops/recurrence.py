"""Recurrent networks over whole sequences, with their default activations (tanh and sigmoid).

The inputs are projected in one matrix product before the loop; frameworks that have the whole loop fused use that.
Weights are laid out as Keras lays them out. Where `mask` is False, a step keeps the state, and repeats the last output
(zeros before the first step that counts). With `reverse` the steps run from the last to the first, and each output
stands at the place of its input.
"""

from __future__ import annotations

from typing import Any

from kerasfront.errors import ShapeError
from kerasfront.ops import elementwise as e
from kerasfront.ops.control import scan
from kerasfront.ops.creation import zeros_like
from kerasfront.ops.declare import INTERNAL, Array, Condition, derived, sample
from kerasfront.ops.declare.bodies import dims_of
from kerasfront.ops.indexing import get_item
from kerasfront.ops.matrices import affine, matmul
from kerasfront.ops.shaping import expand_dims, split, transpose
from kerasfront.spec import unknown
from kerasfront.spec.dtypes import FLOATING
from kerasfront.typing import Tensor, TensorLike


def _checked(
    name: str,
    x: Any,
    states: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    bias_shape: Any,
    gates: int,
    mask: Any,
) -> None:
    units = recurrent_kernel.shape[0]
    if len(x.shape) != 3:
        raise ShapeError(f"{name} needs inputs of shape (batch, time, features), got {tuple(x.shape)}.")
    features = x.shape[2]
    is_size = features is not None and not unknown(features)
    if tuple(recurrent_kernel.shape) != (units, gates * units):
        raise ShapeError(
            f"{name} needs a recurrent kernel of shape (units, {gates} * units), got {tuple(recurrent_kernel.shape)}."
        )
    if tuple(kernel.shape) != (features if is_size else kernel.shape[0], gates * units):
        raise ShapeError(f"{name} needs a kernel of shape {(features, gates * units)}, got {tuple(kernel.shape)}.")
    if bias is not None and tuple(bias.shape) != bias_shape:
        raise ShapeError(f"{name} needs a bias of shape {bias_shape}, got {tuple(bias.shape)}.")
    if any(len(s.shape) != 2 or s.shape[1] != units for s in states):
        raise ShapeError(
            f"{name} needs initial states of shape (batch, {units}), got {[tuple(s.shape) for s in states]}."
        )
    if mask is not None and len(mask.shape) != 2:
        raise ShapeError(f"{name} needs a mask of shape (batch, time), got {tuple(mask.shape)}.")


def _time_first(x: Any) -> Any:
    return transpose(x, (1, 0, 2))


def _run(step: Any, states: tuple[Any, ...], projected: Any, mask: Any, reverse: bool) -> tuple[Any, ...]:
    """Scan `step(states, x) -> states` over projected inputs with time first.

    The first state is the output.
    """
    if mask is None:

        def plain(carry: Any, x: Any) -> Any:
            after = step(carry, x)
            return after, after[0]

        last, ys = scan(plain, states, projected, reverse=reverse)
        return (_time_first(ys), *last)

    def masked(carry: Any, row: Any) -> Any:
        x, counts = row
        *before, y = carry
        after = step(tuple(before), x)
        carried = tuple(e.select_where(counts, new, old) for new, old in zip(after, before, strict=True))
        y = e.select_where(counts, after[0], y)
        return (*carried, y), y

    rows = (projected, expand_dims(transpose(mask, (1, 0)), -1))
    last, ys = scan(masked, (*states, zeros_like(states[0])), rows, reverse=reverse)
    return (_time_first(ys), *last[:-1])


_X, _H, _MASK = Array((3, 5, 4)), Array((3, 2)), Array((3, 5), dtype="bool")


@derived(
    dtype=FLOATING,
    samples=(
        sample(_X, _H, _H, Array((4, 8)), Array((2, 8)), Array((8,))),
        sample(_X, _H, _H, Array((4, 8)), Array((2, 8)), None, reverse=True),
        sample(_X, _H, _H, Array((4, 8)), Array((2, 8)), Array((8,)), _MASK),
        sample(_X, _H, _H, Array((4, 8)), Array((2, 8)), Array((8,)), _MASK, True),
    ),
    spaces=INTERNAL,
)
def lstm(
    x: TensorLike,
    initial_h: TensorLike,
    initial_c: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    mask: Condition | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a long short-term memory network over a sequence.

    Args:
        x: The inputs: a tensor of shape (batch, time, features).
        initial_h: The first output state: a tensor of shape (batch, units).
        initial_c: The first cell state: a tensor of shape (batch, units).
        kernel: A tensor of shape (features, 4 * units), for the gates input, forget, cell, output.
        recurrent_kernel: A tensor of shape (units, 4 * units).
        bias: A tensor of shape (4 * units,), or None.
        mask: Booleans of shape (batch, time): False leaves a step out. None: all steps count.
        reverse: Whether to run from the last step to the first.

    Returns:
        The outputs, of shape (batch, time, units), and the last output state and cell state.

    Raises:
        ShapeError: The shapes don't fit.

    Source: Hochreiter and Schmidhuber, Long short-term memory, 1997.

    >>> from kerasfront import ops
    >>> from kerasfront.ops.recurrence import lstm
    >>> state = ops.zeros((2, 3))
    >>> y, h, c = lstm(ops.ones((2, 7, 4)), state, state, ops.ones((4, 12)), ops.ones((3, 12)))
    >>> tuple(y.shape), tuple(h.shape)
    ((2, 7, 3), (2, 3))
    """
    _checked("lstm", x, (initial_h, initial_c), kernel, recurrent_kernel, bias, (dims_of(kernel)[1],), 4, mask)

    def step(states: Any, row: Any) -> Any:
        h, c = states
        i, f, g, o = split(e.add(row, matmul(h, recurrent_kernel)), 4, -1)
        c = e.add(e.multiply(e.sigmoid(f), c), e.multiply(e.sigmoid(i), e.tanh(g)))
        return e.multiply(e.sigmoid(o), e.tanh(c)), c

    return _run(step, (initial_h, initial_c), affine(_time_first(x), kernel, bias), mask, reverse)


@derived(
    dtype=FLOATING,
    samples=(
        sample(_X, _H, Array((4, 6)), Array((2, 6)), Array((2, 6))),
        sample(_X, _H, Array((4, 6)), Array((2, 6)), None, reverse=True),
        sample(_X, _H, Array((4, 6)), Array((2, 6)), Array((2, 6)), _MASK),
        sample(_X, _H, Array((4, 6)), Array((2, 6)), Array((2, 6)), _MASK, True),
    ),
    spaces=INTERNAL,
)
def gru_reset_after(
    x: TensorLike,
    initial_h: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    mask: Condition | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """Compute `gru` where the reset gate is applied after the matrix product, as cuDNN does."""
    units = dims_of(recurrent_kernel)[0]
    first, second = (None, None) if bias is None else (get_item(bias, 0), get_item(bias, 1))

    def step(states: Any, row: Any) -> Any:
        (h,) = states
        inner = affine(h, recurrent_kernel, second)
        xz, xr, xh = split(row, 3, -1)
        hz, hr, hh = split(inner, 3, -1)
        z, r = e.sigmoid(e.add(xz, hz)), e.sigmoid(e.add(xr, hr))
        new = e.tanh(e.add(xh, e.multiply(r, hh)))
        return (e.add(new, e.multiply(z, e.subtract(h, new))),)

    assert tuple(dims_of(kernel))[1] == 3 * units
    return _run(step, (initial_h,), affine(_time_first(x), kernel, first), mask, reverse)


@derived(
    dtype=FLOATING,
    samples=(
        sample(_X, _H, Array((4, 6)), Array((2, 6)), Array((2, 6)), _MASK, False, True),
        sample(_X, _H, Array((4, 6)), Array((2, 6)), Array((6,)), None, False, False),
        sample(_X, _H, Array((4, 6)), Array((2, 6)), Array((6,)), _MASK, True, False),
    ),
    spaces=INTERNAL,
)
def gru(
    x: TensorLike,
    initial_h: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    mask: Condition | None = None,
    reverse: bool = False,
    reset_after: bool = True,
) -> tuple[Tensor, Tensor]:
    """Return a network of gated recurrent units over a sequence.

    Args:
        x: The inputs: a tensor of shape (batch, time, features).
        initial_h: The first state: a tensor of shape (batch, units).
        kernel: A tensor of shape (features, 3 * units), for the gates update, reset, and the new state.
        recurrent_kernel: A tensor of shape (units, 3 * units).
        bias: With reset_after a tensor of shape (2, 3 * units), for the inputs and for the state, else of shape (3 *
            units,); or None.
        mask: Booleans of shape (batch, time): False leaves a step out. None: all steps count.
        reverse: Whether to run from the last step to the first.
        reset_after: Whether the reset gate is applied after the product with the recurrent kernel (as cuDNN does), or
            before it (as in the paper).

    Returns:
        The outputs, of shape (batch, time, units), and the last state.

    Raises:
        ShapeError: The shapes don't fit.

    Source: Cho et al., https://arxiv.org/abs/1406.1078

    >>> from kerasfront import ops
    >>> from kerasfront.ops.recurrence import gru
    >>> y, h = gru(ops.ones((2, 7, 4)), ops.zeros((2, 3)), ops.ones((4, 9)), ops.ones((3, 9)))
    >>> tuple(y.shape), tuple(h.shape)
    ((2, 7, 3), (2, 3))
    """
    width = dims_of(kernel)[1]
    _checked(
        "gru",
        x,
        (initial_h,),
        kernel,
        recurrent_kernel,
        bias,
        (2, width) if reset_after else (width,),
        3,
        mask,
    )
    if reset_after:
        return gru_reset_after(x, initial_h, kernel, recurrent_kernel, bias, mask, reverse)
    units = width // 3
    gates = get_item(recurrent_kernel, (slice(None), slice(None, 2 * units)))
    candidate = get_item(recurrent_kernel, (slice(None), slice(2 * units, None)))

    def step(states: Any, row: Any) -> Any:
        (h,) = states
        xz, xr, xh = split(row, 3, -1)
        hz, hr = split(matmul(h, gates), 2, -1)
        z, r = e.sigmoid(e.add(xz, hz)), e.sigmoid(e.add(xr, hr))
        new = e.tanh(e.add(xh, matmul(e.multiply(r, h), candidate)))
        return (e.add(new, e.multiply(z, e.subtract(h, new))),)

    return _run(step, (initial_h,), affine(_time_first(x), kernel, bias), mask, reverse)


@derived(
    dtype=FLOATING,
    samples=(
        sample(_X, _H, Array((4, 2)), Array((2, 2)), Array((2,))),
        sample(_X, _H, Array((4, 2)), Array((2, 2)), None, reverse=True),
        sample(_X, _H, Array((4, 2)), Array((2, 2)), Array((2,)), _MASK),
        sample(_X, _H, Array((4, 2)), Array((2, 2)), Array((2,)), _MASK, True),
    ),
    spaces=INTERNAL,
)
def simple_rnn(
    x: TensorLike,
    initial_h: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    mask: Condition | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the recurrence `h = tanh(x @ kernel + h @ recurrent_kernel + bias)` over a sequence.

    Args:
        x: The inputs: a tensor of shape (batch, time, features).
        initial_h: The first state: a tensor of shape (batch, units).
        kernel: A tensor of shape (features, units).
        recurrent_kernel: A tensor of shape (units, units).
        bias: A tensor of shape (units,), or None.
        mask: Booleans of shape (batch, time): False leaves a step out. None: all steps count.
        reverse: Whether to run from the last step to the first.

    Returns:
        The outputs, of shape (batch, time, units), and the last state.

    Raises:
        ShapeError: The shapes don't fit.

    Source: Elman, Finding structure in time, 1990.

    >>> from kerasfront import ops
    >>> from kerasfront.ops.recurrence import simple_rnn
    >>> y, h = simple_rnn(ops.zeros((1, 2, 1)), ops.ones((1, 1)), ops.ones((1, 1)), ops.zeros((1, 1)))
    >>> ops.convert_to_numpy(y).tolist()
    [[[0.0], [0.0]]]
    """
    _checked("simple_rnn", x, (initial_h,), kernel, recurrent_kernel, bias, (dims_of(kernel)[1],), 1, mask)

    def step(states: Any, row: Any) -> Any:
        return (e.tanh(e.add(row, matmul(states[0], recurrent_kernel))),)

    return _run(step, (initial_h,), affine(_time_first(x), kernel, bias), mask, reverse)
