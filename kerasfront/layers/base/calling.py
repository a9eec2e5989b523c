"""The call of a layer: `run` takes the arguments from the user to `call`, and its outputs back.

A built layer that gets one native tensor, of a dtype that needs no cast, takes a short way: nothing but `call`. All
else goes the general way: inputs become tensors, the layer is built, masks are filled in, and `call` runs in the
context of the layer (training flag, autocast, name scope).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from kerasfront import scopes, tree
from kerasfront.contract import Runtime, assignments, running
from kerasfront.errors import KerasFrontError
from kerasfront.layers.base import masks as masking
from kerasfront.layers.base.building import build_for_call, find_policy, scope_of
from kerasfront.layers.base.conversion import described, map_inputs, masks_of, with_masks
from kerasfront.layers.base.gathering import clear_losses
from kerasfront.layers.base.signatures import Args, Kwargs
from kerasfront.ops import cast, shape
from kerasfront.ops.inputs import convert_input, is_tensor
from kerasfront.scopes import context, masks
from kerasfront.spec import KerasTensor, dtypes, mode
from kerasfront.spec.symbolic import with_none, with_probes
from kerasfront.typing import NestedTensors, Tensor
from kerasfront.variable import Variable

if TYPE_CHECKING:
    from kerasfront.layers.base.layer import Layer

active: Runtime = running()


def run(layer: Layer, args: Args, kwargs: Kwargs) -> Tensor:
    """Call a layer."""
    passed = layer._kf.cache.passed
    if passed is not None and len(args) == 1 and not masks and context.autocast is None:
        x = args[0]
        if type(x) in active.native and x.dtype in passed:
            if kwargs or not context.depth:
                if not kwargs or (len(kwargs) == 1 and "training" in kwargs):
                    return in_call(layer, layer.call, args, kwargs)
            else:
                try:
                    signature = type(layer)._kf_call
                    if signature.has_training:
                        return layer.call(x, training=signature.training(context.training))
                    return layer.call(x)
                except Exception as error:
                    explain(layer, error, args)
    return _run_general(layer, args, kwargs)


def _run_general(layer: Layer, args: Args, kwargs: Kwargs) -> Any:
    state, signature = layer._kf, type(layer)._kf_call
    if state.policy_map is not None and not layer.built:
        find_policy(layer, scopes.path_of(layer.name))
    args, kwargs = type(layer)._kf_as_tensors(layer, args, kwargs)
    symbolic = any(isinstance(x, KerasTensor) for x in tree.flatten((args, kwargs)))
    several = args and isinstance(args[0], (list, tuple, dict))
    if (symbolic or several or not layer.built) and layer.input_spec is not None and args:
        type(layer)._kf_check_inputs(layer, args[0])
    if not layer.built:
        build_for_call(layer, args, kwargs)
    if symbolic and not mode.inferring:
        return layer.symbolic_call(*args, **kwargs)
    masked = masks or symbolic or _is_given_mask(layer, args, kwargs)
    previous = add_masks(layer, args, kwargs) if masked else None
    first = argument(layer, signature.first, args, kwargs)
    if symbolic and layer._kf.promises:
        outputs = _promised(layer, args, kwargs)
    else:
        outputs = in_call(
            layer, partial(type(layer)._kf_symbolic_call, layer) if symbolic else layer.call, args, kwargs
        )
    return _finish(layer, first, outputs, previous)


def _promised(layer: Layer, args: Args, kwargs: Kwargs) -> Any:
    """Return what the user's own methods say of the outputs, in the midst of inferring those of an outer layer."""
    a, k = with_none((args, kwargs))
    before, mode.inferring = mode.inferring, 0
    try:
        outputs = layer.compute_output_spec(*a, **k)
    finally:
        mode.inferring = before
    return with_probes(outputs)


def in_call(layer: Layer, function: Callable[..., Any], args: Args, kwargs: Kwargs) -> Tensor:
    """Run `function` inside the context of a call of this layer: training flag, autocast, name scope, losses."""
    signature = type(layer)._kf_call
    before = context.training, context.autocast, context.depth
    masks_before = () if context.depth else tuple(masks)
    training = _training_flag(layer, args, kwargs)
    if signature.has_training and "training" not in signature.names[: len(args)]:
        kwargs["training"] = signature.training(training)
    if not context.depth:
        clear_losses(layer)
    # The flag that this layer or an outer one was given holds inside; a default of the layer's own does not leak.
    context.training = training
    context.depth += 1
    context.autocast = layer.compute_dtype if layer.autocast and is_mixed(layer) else None
    remat = layer._kf.remat
    if remat is not None and not mode.inferring and remat.applies(layer):
        function = _rematerialized(function, kwargs)
        kwargs = {}
    try:
        with scope_of(layer):
            outputs = function(*args, **kwargs)
        if masks and not before[2] and any(map(_is_traced, flat := tree.flatten(outputs))):
            scopes.forget_masks(masks_before, flat)
        return outputs
    except Exception as error:
        explain(layer, error, args)
    finally:
        context.training, context.autocast, context.depth = before


def _is_traced(x: Any) -> bool:
    return is_tensor(x) and not isinstance(x, KerasTensor) and not active.adapter.has_value(x)


def _rematerialized(function: Callable[..., Any], kwargs: Kwargs) -> Callable[..., Any]:
    """Return `function` so that the gradient computes it again: in the same context, without a second assignment."""
    state = context.training, context.autocast, context.depth
    runs = iter((nullcontext(),))

    def run(*args: Any) -> Any:
        before = context.training, context.autocast, context.depth
        context.training, context.autocast, context.depth = state
        try:
            with next(runs, None) or assignments():
                return function(*args, **kwargs)
        finally:
            context.training, context.autocast, context.depth = before

    return with_masks(active.adapter.remat, run)


def _training_flag(layer: Layer, args: Args, kwargs: Kwargs) -> Any:
    """Return the flag that this call was given, else that of the call around it."""
    flag = kwargs.pop("training", None)
    if flag is None and "training" in (names := type(layer)._kf_call.names[: len(args)]):
        flag = args[names.index("training")]
    return context.training if flag is None else flag


def is_mixed(layer: Layer) -> bool:
    """Whether a layer computes in another dtype than its variables have."""
    return layer.compute_dtype != layer.variable_dtype


def _finish(layer: Layer, first: Any, outputs: Any, previous: Any) -> Any:
    """Give the outputs their masks, add the activity regularizer's loss, and decide how later calls go."""
    cache = layer._kf.cache
    if type(outputs) not in active.native and any(isinstance(x, Variable) for x in tree.flatten(outputs)):
        outputs = tree.map_structure(lambda x: x.value if isinstance(x, Variable) else x, outputs)
        cache.decided = True  # no short way: it hands on what `call` returns
    if previous is not None or layer._kf.makes_mask:
        set_output_masks(layer, first, outputs, previous)
    if layer.activity_regularizer is not None:
        for output in tree.flatten(outputs):
            if is_tensor(output) and not isinstance(output, KerasTensor):
                # By Keras's rule: the mean over the batch.
                size = shape(output)[0]
                penalty = layer.activity_regularizer(output)
                rows = size if isinstance(size, int) else cast(size, active.adapter.dtype_name(penalty))
                layer.add_loss(penalty / rows)
    if not cache.decided:
        _decide_short_way(layer)
    return outputs


def _decide_short_way(layer: Layer) -> None:
    """Decide, at the first call, whether later calls may skip everything but `call`."""
    state = layer._kf
    state.cache.decided = True
    plain = layer.activity_regularizer is None and state.remat is None and not state.makes_mask and not is_mixed(layer)
    if plain and layer.built and type(layer)._kf_own_call:
        native = active.adapter.native_dtypes
        others = {n for k, n in native.items() if not dtypes.is_float(k)}
        state.cache.passed = frozenset({native[layer.compute_dtype], *others} if layer.autocast else native.values())


def as_tensors(layer: Layer, args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    """Arrays as tensors, floats in the compute dtype; masks and flags as they are."""
    signature = type(layer)._kf_call

    def convert(x: Any) -> Any:
        return convert_input(x, layer.autocast, layer.compute_dtype)

    def stays(name: str) -> bool:
        return name in signature.masks or name == "training"

    names = signature.names
    by_place = [
        value if index < len(names) and stays(names[index]) else map_inputs(convert, value)
        for index, value in enumerate(args)
    ]
    return tuple(by_place), {k: v if stays(k) else map_inputs(convert, v) for k, v in kwargs.items()}


def explain(layer: Layer, error: Exception, args: Args) -> NoReturn:
    """Raise `error` again so that it names this layer, and the inputs it came with."""
    if getattr(error, "_kf_layer", None) is not None:
        raise error
    if layer.input_spec is not None and args:
        try:
            type(layer)._kf_check_inputs(layer, args[0])
        except ValueError as ours:
            ours._kf_layer = layer  # type: ignore[attr-defined]
            raise ours from error
    try:
        error._kf_layer = layer  # type: ignore[attr-defined]
    except AttributeError:  # an exception of a C type takes no attributes
        raise error from None
    where = f"In the layer '{layer.path}' ({type(layer).__name__}), called on {described(args)}"
    if isinstance(error, KerasFrontError) and error.args:
        error.args = (f"{where}: {error.args[0]}", *error.args[1:])
    else:
        error.add_note(where)
    raise error


# ---- masks --------------------------------------------------------------------------------------------------------


def argument(layer: Layer, name: str | None, args: Args, kwargs: Kwargs) -> Any:
    """Return the argument of `call` of this name, given by position or by name; None where it wasn't given."""
    places = type(layer)._kf_call.names[: len(args)]
    return args[places.index(name)] if name in places else kwargs.get(name or "")


def _is_given_mask(layer: Layer, args: Args, kwargs: Kwargs) -> bool:
    return any(argument(layer, name, args, kwargs) is not None for name in type(layer)._kf_call.masks)


def add_masks(layer: Layer, args: Args, kwargs: Kwargs) -> NestedTensors | None:
    """Fill mask arguments that were not given; return the mask of the first argument."""
    signature = type(layer)._kf_call
    for name, value in (*zip(signature.names, args, strict=False), *list(kwargs.items())):
        parameter = signature.mask_of(name)
        if parameter is None or value is None:
            continue
        if (mask := argument(layer, parameter, args, kwargs)) is not None:
            if type(layer)._kf_keeps_steps:
                masking.check_given(layer, parameter, mask, name, value)
        elif parameter not in signature.names[: len(args)] and (carried := masks_of(value)) is not None:
            kwargs[parameter] = carried
    first = signature.first
    mask = argument(layer, signature.mask_of(first or ""), args, kwargs)
    return masks_of(argument(layer, first, args, kwargs)) if mask is None else mask


def set_output_masks(layer: Layer, first: Any, outputs: Any, previous: Any) -> None:
    """Give the outputs the masks that `compute_mask` makes of that of the inputs."""
    flat = tree.flatten(outputs)
    if not layer.supports_masking and not layer._kf.makes_mask:
        masking.tell_of_lost_mask(layer, flat, fitted=True)
        return
    mask = layer.compute_mask(first, previous)
    new = [mask] if len(flat) == 1 else tree.flatten(mask) if mask is not None else [None] * len(flat)
    if len(new) == 1:
        new = new * len(flat)
    fitted = len(new) == len(flat) and masking.pass_on(layer, first, flat, new, mask is previous)
    if not fitted:
        masking.tell_of_lost_mask(layer, flat, fitted=False)
