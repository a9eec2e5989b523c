"""The old home of what `kerasfront.ops.declare` holds."""

from kerasfront.ops.declare import Tensor as Tensor
from kerasfront.ops.declare import derived as derived
from kerasfront.ops.declare import primitive as primitive
from kerasfront.ops.declare.binding import bind_all as bind_all
from kerasfront.ops.declare.masks import joined_masks as joined_masks
from kerasfront.ops.declare.op import OPS as OPS
from kerasfront.ops.declare.op import Op as Op
from kerasfront.ops.declare.runtime import Runtime as Runtime
from kerasfront.ops.declare.runtime import runtime as runtime
from kerasfront.ops.declare.symbolic import Applied as Applied
