"""Every module that declares ops: an adapter is bound to all of them at once."""

from kerasfront.ops import (  # noqa: F401
    _draws,
    _operators,
    activation,
    arranging,
    attention,
    bitwise,
    control,
    convolution,
    core,
    creation,
    crossentropy,
    ctc,
    elementwise,
    gradients,
    indexing,
    matrices,
    native_calls,
    normalization,
    pooling,
    products,
    recurrence,
    reduce,
    shaping,
    signal,
    sorting,
    statistics,
)
from kerasfront.ops.image import colors, filters, patches, resizing, sampling  # noqa: F401
from kerasfront.spec import KerasTensor

_operators.install(KerasTensor)
_operators.install_methods(KerasTensor)
