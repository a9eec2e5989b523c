"""The masks that a call of a model was given for its inputs."""

from __future__ import annotations

from kerasfront import ops, scopes, tree
from kerasfront.layers.base.masks import check_fits
from kerasfront.pairing import Pairing
from kerasfront.spec import KerasTensor
from kerasfront.typing import NestedTensors


def with_masks(inputs: NestedTensors, mask: NestedTensors | None) -> NestedTensors:
    """Return the inputs with the given masks: one, or nested as the inputs are; None leaves the mask of an input."""
    tensors, places = tree.flatten(inputs), Pairing(inputs, kind="input")
    order = places.leaves(tree.pack_sequence_as(inputs, range(len(tensors))))
    laid = dict(zip(order, places.pair(mask, "mask", missing=True), strict=True))
    given = [laid[i] for i in range(len(tensors))]
    # Copies, so that the caller's tensors stay as they are.
    out = [x if m is None else ops.copy(x) for x, m in zip(tensors, given, strict=True)]
    for x, m in zip(out, given, strict=True):
        if m is not None:
            check_fits(m, x, "the `mask` of a call", "inputs")
            scopes.set_mask(x, m if isinstance(m, KerasTensor) else ops.convert_to_tensor(m, "bool"))
    return tree.pack_sequence_as(inputs, out)
