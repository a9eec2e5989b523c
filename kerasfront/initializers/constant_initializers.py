"""Initializers that draw nothing: constants, the identity, and the matrices of a Fourier transform."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasfront import serialization
from kerasfront.arguments import plain, wrong
from kerasfront.errors import ShapeError, suggest
from kerasfront.initializers.initializer import Array, HostInitializer, as_dtype
from kerasfront.spec import dtypes


class Zeros(HostInitializer):
    """Zeros of any dtype.

    >>> import kerasfront as keras
    >>> keras.Variable(keras.initializers.Zeros(), shape=(2,)).numpy().tolist()
    [0.0, 0.0]
    """

    def draw(self, shape: tuple[int, ...], dtype: str) -> Array:
        return np.zeros(shape, dtypes.to_numpy(dtype))


class Ones(HostInitializer):
    """Ones of any dtype.

    >>> import kerasfront as keras
    >>> keras.Variable("ones", shape=(2,)).numpy().tolist()
    [1.0, 1.0]
    """

    def draw(self, shape: tuple[int, ...], dtype: str) -> Array:
        return np.ones(shape, dtypes.to_numpy(dtype))


class Constant(HostInitializer):
    """One value everywhere, or an array that broadcasts to the shape.

    Args:
        value: A number, or an array.

    >>> import kerasfront as keras
    >>> keras.Variable(keras.initializers.Constant(3), shape=(2,)).numpy().tolist()
    [3.0, 3.0]
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value: Any = plain(value)
        if isinstance(self.value, str) or self.value is None:
            raise wrong("value", type(self).__name__, "a number or an array", value)

    def draw(self, shape: tuple[int, ...], dtype: str) -> Array:
        values = np.asarray(self.value)
        try:
            return as_dtype(np.broadcast_to(values, shape).copy(), dtype)
        except ValueError as error:
            raise ShapeError(
                f"Constant holds a value of shape {values.shape}, which doesn't broadcast to {shape}."
            ) from error

    def get_config(self) -> dict[str, Any]:
        return {"value": serialization.serialize_keras_object(self.value)}


class Identity(HostInitializer):
    """A matrix with `gain` on the diagonal and 0 elsewhere; it need not be square.

    Args:
        gain: The diagonal's value.

    Raises:
        ShapeError: The shape has not two dims.

    >>> import kerasfront as keras
    >>> keras.Variable(keras.initializers.Identity(2.0), shape=(2, 2)).numpy().tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def draw(self, shape: tuple[int, ...], dtype: str) -> Array:
        if len(shape) != 2:
            raise ShapeError(f"Identity makes matrices: expected a shape with two dims, got {shape}.")
        return as_dtype(self.gain * np.eye(*shape), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


# The generalized cosine windows: w(t) = a0 - a1 cos(2 pi t / n) + a2 cos(4 pi t / n) - ...
_WINDOWS = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "boxcar": (1.0,),
}


def window(name: str, length: int, periodic: bool) -> Array:
    """Return a window of `length` samples in float64.

    Raises:
        ValueError: Nothing has the name.
    """
    if name not in _WINDOWS:
        raise ValueError(f"Unknown window '{name}'.{suggest(name, _WINDOWS)} Known: {', '.join(_WINDOWS)}.")
    if length == 1:
        return np.ones(1)
    phase = 2 * np.pi * np.arange(length) / (length if periodic else length - 1)
    terms = [(-1) ** k * a * np.cos(k * phase) for k, a in enumerate(_WINDOWS[name])]
    return np.sum(terms, axis=0)


class STFT(HostInitializer):
    """The kernels of a convolution that computes a short-time Fourier transform.

    The shape is `(frame_length, 1, fft_length // 2 + 1)`.

    Args:
        side: "real" (cosines) or "imag" (negative sines).
        window: "hann", "hamming", another cosine window, an array of `frame_length` values, or None.
        scaling: "density" divides by the root of the sum of the window's squares, "spectrum" by the sum of the window;
            None doesn't scale.
        periodic: Whether the window is periodic rather than symmetric.

    Raises:
        ValueError: An argument has none of these values.
        ShapeError: The shape is another one.

    >>> import kerasfront as keras
    >>> keras.initializers.STFT(window=None, scaling=None)((4, 1, 3)).shape[2]
    3
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ) -> None:
        if side not in ("real", "imag"):
            raise ValueError(f'Expected the `side` of STFT to be "real" or "imag", got {side!r}.')
        if scaling not in ("density", "spectrum", None):
            raise ValueError(f'Expected the `scaling` of STFT to be "density", "spectrum" or None, got {scaling!r}.')
        if isinstance(window, str) and window not in _WINDOWS:
            raise ValueError(f"Unknown window '{window}'.{suggest(window, _WINDOWS)} Known: {', '.join(_WINDOWS)}.")
        self.side = side
        self.window: Any | str = window
        self.scaling = scaling
        self.periodic: bool = periodic

    def draw(self, shape: tuple[int, ...], dtype: str) -> Array:
        if len(shape) != 3 or shape[1] != 1 or shape[2] < 2:
            raise ShapeError(f"STFT makes kernels of shape (frame_length, 1, fft_length // 2 + 1), got {shape}.")
        length, _, frequencies = shape
        scaled = _scaled_window(self, length)
        turns = np.outer(np.arange(length), np.arange(frequencies)) / ((frequencies - 1) * 2)
        wave = np.cos(2 * np.pi * turns) if self.side == "real" else -np.sin(2 * np.pi * turns)
        return as_dtype((scaled[:, None] * wave)[:, None, :], dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            "side": self.side,
            "window": serialization.serialize_keras_object(self.window),
            "periodic": self.periodic,
            "scaling": self.scaling,
        }


def _scaled_window(initializer: STFT, length: int) -> Array:
    """Return the window of frames of `length` samples, divided as `scaling` says."""
    if initializer.window is None:
        values = np.ones(length)
    elif isinstance(initializer.window, str):
        values = window(initializer.window, length, initializer.periodic)
    else:
        values = np.asarray(initializer.window, "float64")
    if values.shape != (length,):
        raise ShapeError(f"The window of STFT has the shape {values.shape}; the frames have {length} samples.")
    if initializer.scaling is None:
        return values
    by = np.sqrt(np.sum(values**2)) if initializer.scaling == "density" else np.abs(np.sum(values))
    return values / by
