"""Connectionist temporal classification: the loss, and decoding.

Source: Graves et al., Connectionist temporal classification, 2006.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from kerasfront.errors import ShapeError, suggest
from kerasfront.ops import elementwise as e
from kerasfront.ops import reduce as r
from kerasfront.ops.activation import log_softmax
from kerasfront.ops.control import scan
from kerasfront.ops.core import cast, dtype_of
from kerasfront.ops.creation import ones_like
from kerasfront.ops.crossentropy import wide
from kerasfront.ops.declare import INTERNAL, NN, Array, Indices, derived, sample
from kerasfront.ops.declare.bodies import dims_of
from kerasfront.ops.indexing import get_item, one_hot_dense, take_along_axis
from kerasfront.ops.matrices import matmul
from kerasfront.ops.shaping import concatenate, expand_dims, repeat, reshape, stack, transpose
from kerasfront.ops.sorting import argsort, top_k
from kerasfront.spec import dtypes
from kerasfront.spec.dtypes import FLOATING
from kerasfront.typing import Tensor, TensorLike

# The logarithm of a probability of 0, small enough that nothing is left of it, with finite gradients.
_NEVER = -1e30


def _ranks(name: str, *expected: tuple[str, Any, int]) -> None:
    for what, x, rank in expected:
        if len(x.shape) != rank:
            raise ShapeError(f"{name} needs `{what}` of rank {rank}, got the shape {tuple(x.shape)}.")


def _int(x: Any) -> Any:
    return cast(x, "int32")


def _positions(x: Any) -> Any:
    """Return 0, 1, 2, ... along the last axis, of x's shape (int32)."""
    return e.subtract(r.cumsum(ones_like(_int(x)), -1), 1)


def _logaddexp(a: Any, b: Any) -> Any:
    high = e.maximum(a, b)
    return e.add(high, e.log1p(e.exp(e.negative(e.abs(e.subtract(a, b))))))


def _shifted(a: Any, by: int, fill: Any) -> Any:
    """Return a moved to the right by `by` along the last axis."""
    edge = e.add(e.multiply(get_item(a, (Ellipsis, slice(None, by))), 0), fill)
    return concatenate([edge, get_item(a, (Ellipsis, slice(None, -by)))], -1)


# ---- the loss ----------------------------------------------------------------------------------------------

_TARGET = Array(values=[[1, 2, 2], [1, 3, 0]], dtype="int32")
_OUTPUT = Array((2, 6, 4))
_SAMPLES = (
    sample(_TARGET, _OUTPUT, Array(values=[3, 2], dtype="int32"), Array(values=[6, 4], dtype="int32")),
    sample(_TARGET, _OUTPUT, Array(values=[0, 1], dtype="int32"), Array(values=[5, 1], dtype="int32"), 0),
    sample(
        Array(values=[[1, 2, 2], [1, 0, 0]], dtype="int32"),
        _OUTPUT,
        Array(values=[3, 3], dtype="int32"),
        Array(values=[6, 6], dtype="int32"),
        3,
    ),
)


@derived(dtype=FLOATING, samples=_SAMPLES, spaces=NN)
def ctc_loss(
    target: Indices, output: TensorLike, target_length: Indices, output_length: Indices, mask_index: int = 0
) -> Tensor:
    """Return the negative log-likelihood of label sequences, summed over all their alignments with the outputs.

    Args:
        target: The labels: integers of shape (batch, labels), of which the first target_length count.
        output: Logits of shape (batch, time, classes).
        target_length: How many labels there are: integers of shape (batch,).
        output_length: How many steps there are: integers of shape (batch,).
        mask_index: The class that stands for no label.

    Returns:
        A tensor of shape (batch,). Where the labels don't fit into the steps, the loss is inf, without a
        gradient.

    Raises:
        ShapeError: A rank is wrong.

    >>> from kerasfront import ops
    >>> loss = ops.ctc_loss([[1]], ops.zeros((1, 2, 2)), [1], [2])
    >>> round(float(ops.exp(-loss)[0]), 4)
    0.75
    """
    _ranks(
        "ctc_loss",
        ("target", target, 2),
        ("output", output, 3),
        ("target_length", target_length, 1),
        ("output_length", output_length, 1),
    )
    loss = alignment_loss(_int(target), wide(output), _int(target_length), _int(output_length), mask_index)
    return cast(loss, dtype_of(output))


@derived(
    dtype=FLOATING,
    dtypes_tested=("float32", "float64"),
    samples=tuple(sample(*(s.args if len(s.args) == 5 else (*s.args, 0))) for s in _SAMPLES),
    spaces=INTERNAL,
)
def alignment_loss(
    target: Indices, logits: TensorLike, target_length: Indices, output_length: Indices, mask_index: int
) -> Tensor:
    """Compute `ctc_loss`: integers are int32, floats not half precision."""
    log_probs = log_softmax(logits)
    # Labels with blanks between and around them; a label may follow the last but one unless they are equal.
    pairs = stack([e.add(e.multiply(target, 0), mask_index), target], -1)
    size = dims_of(target)[1]
    blanks = get_item(e.add(e.multiply(target, 0), mask_index), (slice(None), slice(None, 1)))
    labels = concatenate([reshape(pairs, (-1, 2 * size)), blanks], 1)
    place = _positions(labels)
    differs = e.not_equal(labels, _shifted(labels, 2, -1))
    may_skip = e.logical_and(e.not_equal(labels, mask_index), e.logical_and(differs, e.greater(place, 1)))
    scores = transpose(_scores_of(log_probs, labels), (1, 0, 2))
    first = e.select_where(e.less(place, 2), get_item(scores, 0), _NEVER)
    first = e.select_where(e.logical_and(e.equal(place, 1), e.equal(expand_dims(target_length, 1), 0)), _NEVER, first)
    steps = r.cumsum(ones_like(_int(get_item(scores, (slice(None), slice(None), 0)))), 0)

    def step(alpha: Any, row: Any) -> Any:
        emitted, number = row
        skipped = e.select_where(may_skip, _shifted(alpha, 2, _NEVER), _NEVER)
        moved = _logaddexp(_logaddexp(alpha, _shifted(alpha, 1, _NEVER)), skipped)
        after = e.maximum(e.add(moved, emitted), _NEVER)
        alpha = e.select_where(expand_dims(e.less_equal(number, output_length), -1), after, alpha)
        return alpha, None

    last, _ = scan(step, first, (get_item(scores, slice(1, None)), get_item(steps, slice(1, None))))
    end = expand_dims(e.multiply(target_length, 2), 1)
    total = e.add(e.multiply(get_item(last, (slice(None), 0)), 0), _NEVER)
    for back in (0, 1):
        here = e.equal(place, e.subtract(end, back))
        total = _logaddexp(total, r.amax(e.select_where(here, last, _NEVER), 1))
    return e.select_where(e.less(total, _NEVER / 1e3), float("inf"), e.negative(total))


def _scores_of(log_probs: Any, labels: Any) -> Any:
    """Return log_probs (batch, time, classes) of the labels (batch, places): (batch, time, places)."""
    hot = one_hot_dense(labels, log_probs.shape[2], dtype=dtypes.standardize(log_probs.dtype))
    return matmul(e.maximum(log_probs, _NEVER), transpose(hot, (0, 2, 1)))


# ---- decoding ----------------------------------------------------------------------------------------------

_LENGTHS = Array(values=[6, 4], dtype="int32")


@derived(
    dtype=FLOATING,
    differentiable=False,
    samples=(
        sample(_OUTPUT, _LENGTHS),
        sample(_OUTPUT, _LENGTHS, merge_repeated=False, mask_index=2),
        sample(_OUTPUT, _LENGTHS, "beam_search", 6, 3),
        sample(_OUTPUT, _LENGTHS, "beam_search", 12, 2, mask_index=3),
    ),
    spaces=NN,
)
def ctc_decode(
    inputs: TensorLike,
    sequence_lengths: Indices,
    strategy: Literal["greedy", "beam_search"] = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """Return the likeliest label sequences of CTC outputs.

    Args:
        inputs: Logits of shape (batch, time, classes).
        sequence_lengths: How many steps there are: integers of shape (batch,).
        strategy: "greedy" takes the likeliest class of each step, "beam_search" sums over alignments.
        beam_width: How many label sequences the beam search follows.
        top_paths: How many label sequences it returns.
        merge_repeated: Whether the greedy strategy merges equal neighbours. The beam search always does.
        mask_index: The class that stands for no label.

    Returns:
        The labels, int32 of shape (top_paths, batch, time), filled up with -1, and their scores: for the beam search
        log-probabilities, of shape (batch, top_paths); for "greedy" the negated sum of the largest logits, (batch, 1).

    Raises:
        ShapeError: A rank is wrong.
        ValueError: An unknown strategy, or fewer beams than paths.

    >>> from kerasfront import ops
    >>> labels, score = ops.ctc_decode([[[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]], [4])
    >>> ops.convert_to_numpy(labels).tolist()
    [[[1, 1, -1, -1]]]
    """
    _ranks("ctc_decode", ("inputs", inputs, 3), ("sequence_lengths", sequence_lengths, 1))
    if strategy == "greedy":
        return _greedy(inputs, _int(sequence_lengths), merge_repeated, mask_index)
    if strategy != "beam_search":
        names = ("greedy", "beam_search")
        raise ValueError(
            f"Expected `strategy` 'greedy' or 'beam_search', got {strategy!r}.{suggest(str(strategy), names)}"
        )
    if not 1 <= top_paths <= beam_width:
        raise ValueError(f"Expected top_paths from 1 to beam_width ({beam_width}), got {top_paths}.")
    log_probs = log_softmax(wide(inputs))
    labels, scores = _beam_search(log_probs, _int(sequence_lengths), beam_width, top_paths, mask_index)
    return labels, cast(scores, dtype_of(inputs))


def _greedy(x: Any, lengths: Any, merge_repeated: bool, blank: int) -> tuple[Any, Any]:
    best = _int(r.argmax(x, -1))
    place = _positions(best)
    valid = e.less(place, expand_dims(lengths, 1))
    is_label = e.logical_and(valid, e.not_equal(best, blank))
    if merge_repeated:
        is_label = e.logical_and(is_label, e.not_equal(best, _shifted(best, 1, -1)))
    # The sort keys have no ties: labels come first, in their order, then all the other steps.
    order = argsort(e.add(place, e.multiply(_int(e.logical_not(is_label)), 1 << 29)), -1)
    count = r.sum(_int(is_label), 1, keepdims=True)
    labels = e.select_where(e.less(place, count), take_along_axis(best, order, 1), -1)
    score = e.negative(r.sum(e.select_where(valid, r.amax(x, -1), 0), 1, keepdims=True))
    return expand_dims(labels, 0), score


# Prefixes are compared by two 32-bit hashes, h' = h * p + label + 1, which wrap around.
_PRIMES = (1000003, 69069)


def _beam_search(log_probs: Any, lengths: Any, width: int, paths: int, blank: int) -> tuple[Any, Any]:
    classes = log_probs.shape[2]
    one = get_item(log_probs, (slice(None), 0, slice(None, 1)))
    row = repeat(e.multiply(one, 0), width, 1)  # zeros of shape (batch, width)
    number = _int(row)
    only_first = np.where(np.arange(width) > 0, _NEVER, 0).astype("float32")
    empty = e.subtract(e.multiply(_int(get_item(log_probs, (slice(None), slice(None), 0))), 0), 1)
    state = {
        "prefix": repeat(expand_dims(empty, 1), width, 1),
        "length": number,
        "last": e.subtract(number, 1),
        "h0": number,
        "h1": number,
        "up0": number,
        "up1": number,
        "blank": cast(e.add(row, only_first), dtypes.standardize(row.dtype)),
        "label": e.add(row, _NEVER),
    }

    def step(state: Any, frame: Any) -> Any:
        logp, at = frame
        after = _extended(state, logp, width, classes, blank)
        active = expand_dims(e.less(at, lengths), -1)
        return {
            k: e.select_where(expand_dims(active, -1) if k == "prefix" else active, after[k], state[k]) for k in state
        }, None

    frames = transpose(log_probs, (1, 0, 2))
    times = transpose(_positions(get_item(log_probs, (slice(None), slice(None), 0))), (1, 0))
    state, _ = scan(step, state, (frames, times))
    scores, best = top_k(_logaddexp(state["blank"], state["label"]), paths)
    labels = take_along_axis(state["prefix"], expand_dims(best, -1), 1)
    return transpose(labels, (1, 0, 2)), scores


def _extended(state: Any, logp: Any, width: int, classes: int, blank: int) -> Any:
    """Return the best `width` prefixes after one more step."""
    last, ends_blank, ends_label = state["last"], state["blank"], state["label"]
    total = _logaddexp(ends_blank, ends_label)
    nearest = e.maximum(last, 0)
    stay_blank = e.add(total, get_item(logp, (slice(None), slice(blank, blank + 1))))
    stay_label = e.select_where(e.greater_equal(last, 0), e.add(ends_label, take_along_axis(logp, nearest, 1)), _NEVER)
    label = np.arange(classes, dtype="int32")
    again = e.equal(expand_dims(last, -1), label)  # (batch, width, classes)
    grown = e.select_where(again, expand_dims(ends_blank, -1), expand_dims(total, -1))
    grown = e.select_where(e.equal(label, blank), _NEVER, e.add(grown, expand_dims(logp, 1)))
    # Prefix i with the last label of prefix j appended may be prefix j itself: its probability is added to that of j.
    same = e.logical_and(_pairs(state["h0"], state["up0"]), _pairs(state["h1"], state["up1"]))
    same = e.logical_and(same, expand_dims(e.greater_equal(last, 0), 1))
    into = take_along_axis(grown, repeat(expand_dims(nearest, 1), width, 1), 2)
    stay_label = _logaddexp(stay_label, r.amax(e.select_where(same, into, _NEVER), 1))
    is_repeat = matmul(cast(same, "float32"), cast(again, "float32"))
    grown = e.select_where(e.greater(is_repeat, 0), _NEVER, grown)
    candidates = concatenate([_logaddexp(stay_blank, stay_label), reshape(grown, (-1, width * classes))], 1)
    scores, chosen = top_k(candidates, width)
    chosen = _int(chosen)
    grows = e.greater_equal(chosen, width)
    rest = e.maximum(e.subtract(chosen, width), 0)
    source = e.select_where(grows, e.floor_divide(rest, classes), chosen)
    added = e.subtract(rest, e.multiply(e.floor_divide(rest, classes), classes))

    def of(x: Any) -> Any:
        return take_along_axis(x, source, 1)

    length = of(state["length"])
    prefix = take_along_axis(state["prefix"], expand_dims(source, -1), 1)
    here = e.logical_and(e.equal(_positions(prefix), expand_dims(length, -1)), expand_dims(grows, -1))
    out = {
        "prefix": e.select_where(here, expand_dims(added, -1), prefix),
        "length": e.add(length, _int(grows)),
        "last": e.select_where(grows, added, of(last)),
        "blank": e.select_where(grows, _NEVER, of(stay_blank)),
        "label": e.select_where(grows, scores, of(stay_label)),
    }
    for i, prime in enumerate(_PRIMES):
        h = of(state[f"h{i}"])
        out[f"h{i}"] = e.select_where(grows, e.add(e.multiply(h, prime), e.add(added, 1)), h)
        out[f"up{i}"] = e.select_where(grows, h, of(state[f"up{i}"]))
    return out


def _pairs(a: Any, b: Any) -> Any:
    return e.equal(expand_dims(a, 2), expand_dims(b, 1))
