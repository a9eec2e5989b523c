"""What is known of a tensor without its values: dtypes, shapes, symbolic tensors."""

from kerasfront.spec.symbolic import (
    KerasTensor,
    Node,
    OperationState,
    infer,
    inferring,
    is_symbolic,
    mode,
    nodes_of,
    static_shape,
    unknown,
)

__all__ = [
    "KerasTensor",
    "Node",
    "OperationState",
    "infer",
    "inferring",
    "is_symbolic",
    "mode",
    "nodes_of",
    "static_shape",
    "unknown",
]
