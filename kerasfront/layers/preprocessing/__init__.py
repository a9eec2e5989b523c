"""Layers that prepare data: they run inside a model, before it, and in an input pipeline."""

from kerasfront.layers.preprocessing.audio import MelSpectrogram, STFTSpectrogram
from kerasfront.layers.preprocessing.hashing import HashedCrossing, Hashing
from kerasfront.layers.preprocessing.lookup import IntegerLookup, StringLookup
from kerasfront.layers.preprocessing.numeric import CategoryEncoding, Discretization, Normalization, Rescaling
from kerasfront.layers.preprocessing.text import TextVectorization

__all__ = [
    "CategoryEncoding",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "MelSpectrogram",
    "Normalization",
    "Rescaling",
    "STFTSpectrogram",
    "StringLookup",
    "TextVectorization",
]
