"""What is known of a tensor without its values: dtypes, shapes, symbolic tensors."""

from kerasfront.spec.symbolic import KerasTensor, Node, infer, inferring, is_symbolic, mode, unknown

__all__ = ["KerasTensor", "Node", "infer", "inferring", "is_symbolic", "mode", "unknown"]
