"""Layers that prepare data: they run inside a model, before it, and in an input pipeline."""

from kerasfront.layers.preprocessing.numeric import Rescaling

__all__ = ["Rescaling"]
