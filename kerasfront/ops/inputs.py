"""What comes to a layer, as tensors of its dtype: arrays become tensors, and float tensors are cast."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront import scopes
from kerasfront.errors import not_one
from kerasfront.interop import becomes_array, numbers_of_objects, to_numpy
from kerasfront.ops.core import convert_to_tensor
from kerasfront.ops.declare.conversion import held_tensor
from kerasfront.ops.declare.runtime import runtime
from kerasfront.spec import KerasTensor, dtypes


def is_tensor(x: object) -> bool:
    """Return whether `x` is a tensor of the backend, or a symbolic one."""
    return isinstance(x, KerasTensor) or type(x) in runtime.native or runtime.need().is_tensor(x)


def convert_input(x: Any, autocast: bool, dtype: str) -> Any:
    """Return an array as a tensor, and a float tensor in `dtype` where `autocast` is true; anything else as it is."""
    x = held_tensor(x)
    if isinstance(x, (np.ndarray, np.generic)):
        x = _of_array(x)
    if isinstance(x, KerasTensor):
        return _cast_symbolic(x, dtype) if autocast and dtypes.is_float(x.dtype) and x.dtype != dtype else x
    if not is_tensor(x):
        if type(x).__name__ == "KerasTensor":
            raise not_one("a tensor, or a KerasTensor of kerasfront's own", x)
        if not becomes_array(x) or isinstance(x := _of_array(to_numpy(x)), np.ndarray):
            return x
    name = runtime.adapter.dtype_name(x)
    if autocast and name != dtype and dtypes.is_float(name):
        cast = runtime.adapter.cast(x, dtype)
        if scopes.masks and (mask := scopes.get_mask(x)) is not None:
            scopes.set_mask(cast, mask)
        return cast
    return x


def _of_array(x: Any) -> Any:
    """Return a tensor of an array's numbers; an array of strings stays one."""
    if x.dtype == object:
        x = numbers_of_objects(np.asarray(x))
    return x if x.dtype.kind in "OUS" else convert_to_tensor(x)


def _cast_symbolic(x: KerasTensor, dtype: str) -> KerasTensor:
    if x.node is not None:  # the graph has it as it is
        return x
    out = KerasTensor(x.shape, dtype, x.sparse, x.ragged, name=x.name)
    out.index, out._keras_mask = x.index, x._keras_mask
    return out
