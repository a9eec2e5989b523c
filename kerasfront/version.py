"""The version of kerasfront, and the version of Keras whose API and file formats it has."""

__version__ = "0.1.0"
KERAS_VERSION = "3.15.1"
