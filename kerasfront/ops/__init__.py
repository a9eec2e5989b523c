"""Every op, declared once. Operators of symbolic tensors are installed here."""

from kerasfront.ops import _draws, _operators, image, numpy  # noqa: F401  (declares the draws before an adapter is bound)
from kerasfront.ops.activation import *  # noqa: F403
from kerasfront.ops.arranging import *  # noqa: F403
from kerasfront.ops.attention import *  # noqa: F403
from kerasfront.ops.bitwise import *  # noqa: F403
from kerasfront.ops.control import *  # noqa: F403
from kerasfront.ops.convolution import *  # noqa: F403
from kerasfront.ops.core import *  # noqa: F403
from kerasfront.ops.creation import *  # noqa: F403
from kerasfront.ops.crossentropy import *  # noqa: F403
from kerasfront.ops.ctc import *  # noqa: F403
from kerasfront.ops.elementwise import *  # noqa: F403
from kerasfront.ops.gradients import *  # noqa: F403
from kerasfront.ops.indexing import *  # noqa: F403
from kerasfront.ops.linalg import *  # noqa: F403
from kerasfront.ops.native_calls import *  # noqa: F403
from kerasfront.ops.nn import *  # noqa: F403
from kerasfront.ops.normalization import *  # noqa: F403
from kerasfront.ops.pooling import *  # noqa: F403
from kerasfront.ops.products import *  # noqa: F403
from kerasfront.ops.recurrence import *  # noqa: F403
from kerasfront.ops.reduce import *  # noqa: F403
from kerasfront.ops.shaping import *  # noqa: F403
from kerasfront.ops.signal import *  # noqa: F403
from kerasfront.ops.sorting import *  # noqa: F403
from kerasfront.ops.statistics import *  # noqa: F403
from kerasfront.spec import KerasTensor

_operators.install(KerasTensor)
_operators.install_methods(KerasTensor)
