"""Masks beside what they mask: those that a call was given, and those that go on to a layer's outputs."""

from __future__ import annotations

import warnings
import weakref
from typing import TYPE_CHECKING, Any

from kerasfront import scopes, tree
from kerasfront.errors import ShapeError
from kerasfront.ops.inputs import is_tensor
from kerasfront.scopes import dims_of
from kerasfront.spec import KerasTensor, static_shape
from kerasfront.typing import NestedTensors

if TYPE_CHECKING:
    from kerasfront.layers.base.layer import Layer

# For each layer: shapes of an input and an output, and whether the output's first axes are the input's.
_keeps_axes: weakref.WeakKeyDictionary[Any, dict[Any, bool]] = weakref.WeakKeyDictionary()
# Sizes for axes that aren't known, while another is looked at: unlike each other and what layers are made with.
_SIZES = (97, 89, 83, 79, 73, 71, 67, 61)


def check_given(layer: Layer, name: str, mask: NestedTensors | None, argument: str, value: object) -> None:
    """Raise ShapeError where a mask that a call was given has other axes than the first ones of what it masks."""
    if isinstance(value, dict) or isinstance(mask, dict) or (tree.is_nested(value) and not tree.is_nested(mask)):
        return  # the layer itself pairs them, or says what it takes
    for one, x in zip(tree.flatten(mask), tree.flatten(value), strict=False):
        check_fits(one, x, f"the argument `{name}` of the layer '{layer.path}' ({type(layer).__name__})", argument)


def check_fits(mask: NestedTensors | None, x: object, name: str, argument: str) -> None:
    """Raise ShapeError unless the axes of a mask are the first ones of x; both are named as the call has them."""
    if hasattr(mask, "shape") and is_tensor(x) and not scopes.fits(mask, x, broadcast=True):
        raise ShapeError(
            f"Expected {name} to have the first axes of `{argument}`, which has the shape {dims_of(x)}, got a mask of "
            f"shape {dims_of(mask)}."
        )


def pass_on(layer: Layer, first: Any, outputs: list[Any], masks: list[Any], from_inputs: bool) -> bool:
    """Give the outputs their masks; False where one didn't fit its output, and so ends.

    `kept` says that the masks are those of the inputs: then the axes that they have must be the outputs' too.
    """
    fitted = True
    for index, (output, mask) in enumerate(zip(outputs, masks, strict=True)):
        if not is_tensor(output) or (mask is None and output is first):
            continue
        if mask is not None and not (
            scopes.fits(mask, output, broadcast=True)
            and (
                not from_inputs
                or type(layer)._kf_keeps_steps
                or _of_same_axes(layer, first, output, index, len(mask.shape))
            )
        ):
            fitted = False
            continue
        scopes.set_mask(output, mask)
    return fitted


def _of_same_axes(layer: Any, first: Any, output: Any, index: int, rank: int) -> bool:
    """Whether the first `rank` axes of an output are those of the input; asked where sizes alone don't tell."""
    if not is_tensor(first) or (before := dims_of(first)) is None or (after := dims_of(output)) is None:
        return True
    before, after = static_shape(before), static_shape(after)
    if any(m != n and (m is None or n is not None) for m, n in zip(before[:rank], after[:rank], strict=True)):
        return False
    doubtful = [i for i in range(rank) if before.count(before[i]) > 1]
    answers = _keeps_axes.setdefault(layer, {})
    key = index, rank, before, after
    if key not in answers:
        answers[key] = True  # what the layer itself asks on the way
        answers[key] = all(_follows(layer, first, before, index, axis) for axis in doubtful)
    return answers[key]


def _follows(layer: Any, first: Any, shape: tuple[int | None, ...], index: int, axis: int) -> bool:
    """Whether an axis of unknown size of the input is the axis of unknown size of the output."""
    sizes = [size if size is not None else _SIZES[i % len(_SIZES)] for i, size in enumerate(shape)]
    dims = [None if i == axis else size for i, size in enumerate(sizes)]
    dtype = first.dtype if isinstance(first, KerasTensor) else layer.compute_dtype
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            output = tree.flatten(layer.compute_output_spec(KerasTensor(dims, dtype)))[index]
        return output.shape[axis] is None
    except Exception:  # a layer that can't be asked for such shapes: then sizes decide
        return True


def tell_of_lost_mask(layer: Layer, outputs: list[Any], fitted: bool) -> None:
    """Warn, once, where a mask ends: unless `call` takes masks itself, or layers inside have carried it."""
    if (
        layer._kf.cache.warned_of_mask
        or type(layer)._kf_takes_masks(layer)
        or any(scopes.get_mask(x) is not None for x in outputs)
    ):
        return
    layer._kf.cache.warned_of_mask = True
    shapes = ", ".join(str(dims_of(x)) for x in outputs if is_tensor(x))
    why = "which it can't carry" if fitted else f"which doesn't fit its output of shape {shapes}"
    warnings.warn(
        f"The layer '{layer.path}' ({type(layer).__name__}) got inputs with a mask, {why}: layers "
        "after it won't see the mask. (A layer of your own whose output has its input's mask sets "
        "`self.supports_masking = True`, or defines `compute_mask(inputs, previous_mask)`.)",
        stacklevel=4,
    )
