"""Layers that turn sound into spectrograms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from kerasfront import initializers, ops
from kerasfront.errors import DTypeError, ShapeError
from kerasfront.layers._configured import data_format_of, one_of, positive, where
from kerasfront.layers._options import LayerOptions
from kerasfront.layers.data_layer import DataLayer
from kerasfront.layers.input_spec import InputSpec
from kerasfront.spec import dtypes, unknown
from kerasfront.typing import Shape, Tensor
from kerasfront.variable import Variable

# The name of a window, or its values.
Window = str | Sequence[float] | np.ndarray[Any, Any]

_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
# The least power, so that roots have gradients and logarithms are finite. The value is Keras's.
_LEAST_POWER = 1e-7


class MelSpectrogram(DataLayer):
    """Sound as its power in bands of equal width to the ear: a mel spectrogram.

    S. S. Stevens, J. Volkmann, E. B. Newman, "A scale for the measurement of the psychological magnitude pitch", 1937.

    Args:
        fft_length: The length of the pieces that are transformed.
        sequence_stride: How many samples after a piece the next one begins.
        sequence_length: The length of the window, which lies in the middle of a piece; None means `fft_length`.
        window: "hann" or "hamming", an array of `sequence_length` values, or None for none.
        sampling_rate: Samples a second.
        num_mel_bins: The number of bands.
        min_freq: The lowest frequency, in Hz.
        max_freq: The highest frequency, in Hz; None means half the sampling rate.
        power_to_db: Whether the result is in decibels.
        top_db: By how many decibels the quietest may lie below the loudest of the same sound; None means any number.
            (In Keras it is the loudest of the batch, so that a sound's result depends on what it is batched with.)
        mag_exp: To which power magnitudes are raised: 1 gives amplitudes, 2 energies.
        min_power: What is less counts as this, in decibels.
        ref_power: The power of 0 decibels.

    Inputs are of the shape (samples,) or (batch, samples), with more axes before the last one as well; outputs of
    (..., num_mel_bins, pieces). Integers become floats. It computes in float32 at least.

    >>> import kerasfront as keras
    >>> layer = keras.layers.MelSpectrogram(num_mel_bins=64, sampling_rate=8000, sequence_stride=256, fft_length=2048)
    >>> tuple(layer(keras.ops.ones((2, 16000))).shape)
    (2, 64, 63)
    """

    _kf_needs_no_build = True

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Window | None = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float | None = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.fft_length: int = positive(self, "fft_length", fft_length)
        self.sequence_stride: int = positive(self, "sequence_stride", sequence_stride)
        self.sequence_length: int = positive(self, "sequence_length", sequence_length or fft_length)
        if self.fft_length < self.sequence_length:
            raise ValueError(
                f"Expected `fft_length` of {where(self)} to be at least `sequence_length`, got "
                f"fft_length={fft_length}, sequence_length={sequence_length}."
            )
        self.num_mel_bins: int = positive(self, "num_mel_bins", num_mel_bins)
        max_freq = max_freq or int(sampling_rate / 2)
        if not 0 <= min_freq < max_freq:
            raise ValueError(
                f"Expected `min_freq` of {where(self)} to be from 0 to below `max_freq`, got min_freq={min_freq}, "
                f"max_freq={max_freq}."
            )
        self.window: Window | None = window
        self.sampling_rate: int = sampling_rate
        self.min_freq: float = min_freq
        self.max_freq: float | int = max_freq
        self.power_to_db: bool = power_to_db
        self.top_db: float | None = top_db
        self.mag_exp: float = mag_exp
        self.min_power: float = min_power
        self.ref_power: float = ref_power
        self.autocast = False  # it computes in float32 at least

    def call(self, inputs: Tensor) -> Tensor:
        wide = "float64" if ops.dtype(inputs) == "float64" else "float32"
        real, imaginary = ops.stft(
            ops.cast(inputs, wide), self.sequence_length, self.sequence_stride, self.fft_length, self.window
        )
        power = ops.add(ops.square(real), ops.square(imaginary))
        magnitude = power if self.mag_exp == 2 else ops.power(power, self.mag_exp / 2)
        weights = self.linear_to_mel_weight_matrix(
            self.num_mel_bins, self.fft_length // 2 + 1, self.sampling_rate, self.min_freq, self.max_freq, wide
        )
        bands = ops.matmul(magnitude, weights)
        bands = _decibels(self, bands) if self.power_to_db else bands
        return ops.cast(ops.swapaxes(bands, -1, -2), self.compute_dtype)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: int = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: str = "float32",
    ) -> Tensor:
        """Return the matrix that sums the power of linear frequencies into mel bands: triangles that overlap by half.

        Args:
            num_mel_bins: The number of bands.
            num_spectrogram_bins: The number of frequencies, from 0 to half the sampling rate.
            sampling_rate: Samples a second.
            lower_edge_hertz: Where the lowest band begins.
            upper_edge_hertz: Where the highest band ends.
            dtype: Its dtype.

        Returns:
            A tensor of shape (num_spectrogram_bins, num_mel_bins). The frequency 0 is in no band.
        """
        places = _mel(np.linspace(0.0, sampling_rate / 2.0, num_spectrogram_bins))[:, None]
        edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        matrix = np.maximum(0.0, np.minimum((places - low) / (middle - low), (high - places) / (high - middle)))
        matrix[0] = 0.0
        return ops.convert_to_tensor(matrix.astype(dtypes.to_numpy(dtypes.standardize(dtype))))

    def compute_output_shape(self, input_shape: Shape) -> Shape:  # type: ignore[override]
        samples = input_shape[-1]
        if samples is not None and not unknown(samples) and samples <= self.fft_length // 2:
            raise ShapeError(
                f"Expected the inputs of {where(self)} to have more than {self.fft_length // 2} samples on their last "
                f"axis, half of fft_length, got the shape {tuple(input_shape)}."
            )
        pieces = (
            None
            if samples is None
            else 1 + (samples + 2 * (self.fft_length // 2) - self.fft_length) // self.sequence_stride
        )
        return (*input_shape[:-1], self.num_mel_bins, pieces)


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(np.asarray(hertz, "float64") / 700.0)


def _decibels(layer: MelSpectrogram, power: Tensor) -> Tensor:
    """Return powers in decibels."""
    reference = 10.0 * math.log10(max(layer.min_power, layer.ref_power))
    decibels = ops.subtract(ops.multiply(ops.log10(ops.maximum(power, layer.min_power)), 10.0), reference)
    if layer.top_db is None:
        return decibels
    loudest = ops.max(decibels, axis=(-1, -2), keepdims=True)
    return ops.maximum(decibels, ops.subtract(loudest, layer.top_db))


class STFTSpectrogram(DataLayer):
    """Sound as the short-time Fourier transform of its channels, by two convolutions.

    Their kernels begin as the windowed cosines and sines of the transform; they are weights, and can be trained
    (`trainable=False` keeps them).

    Args:
        mode: What of the transform: "psd" (the power of each frequency together with that of its mirror image, as in
            scipy.signal.spectrogram), "magnitude", "log" (the logarithm of the magnitude), "real", "imag", "angle", or
            "stft" (the real part, then the imaginary part).
        frame_length: The length of the frames.
        frame_step: How many samples after a frame the next one begins; None means half the frame.
        fft_length: The length of the transform: frames are filled up with zeros; None means `frame_length`.
        window: "hann", "hamming" or another of `scipy.signal.windows`, an array of `frame_length` values, or None.
        periodic: Whether the window is periodic rather than symmetric.
        scaling: "density" divides by the root of the sum of the window's squares, "spectrum" by the sum of the window;
            None doesn't scale.
        padding: "valid", or "same": zeros around, so that there are ceil(samples / frame_step) frames.
        expand_dims: Whether the channels keep an axis of their own.
        data_format: "channels_last", "channels_first", or None for the configured one.

    Inputs are floats of the shape (batch, samples, channels), or (batch, channels, samples) with "channels_first".
    Outputs, with f = fft_length // 2 + 1 frequencies (twice as many in the mode "stft"):
        "channels_last": (batch, frames, channels * f); with `expand_dims` (batch, frames, f, channels).
        "channels_first": (batch, channels * f, frames); with `expand_dims` (batch, channels, frames, f).

    >>> import kerasfront as keras
    >>> layer = keras.layers.STFTSpectrogram(mode="magnitude", frame_length=256, data_format="channels_last")
    >>> tuple(layer(keras.ops.ones((2, 1000, 1))).shape)
    (2, 6, 129)
    """

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Window | None = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.mode: str = one_of(self, "mode", mode, _MODES)
        self.frame_length: int = positive(self, "frame_length", frame_length)
        self.frame_step = frame_step
        if frame_step is not None and positive(self, "frame_step", frame_step) > frame_length:
            raise ValueError(f"Expected `frame_step` of {where(self)} to be at most {frame_length}, got {frame_step}.")
        self.fft_length = fft_length
        if fft_length is not None and positive(self, "fft_length", fft_length) < frame_length:
            raise ValueError(f"Expected `fft_length` of {where(self)} to be at least {frame_length}, got {fft_length}.")
        if scaling is not None:
            one_of(self, "scaling", scaling, ("density", "spectrum"))
        self.padding: str = one_of(self, "padding", padding, ("valid", "same"))
        self.data_format: str = data_format_of(self, data_format)
        self.window: Window | None = window
        self.periodic: bool = periodic
        self.scaling: str | None = scaling
        self.expand_dims: bool = expand_dims
        _initializer(self, "real")  # raises a ValueError for a window that there isn't
        self.input_spec = InputSpec(ndim=3)

    def build(self, input_shape: Shape) -> None:
        """Make the kernels that the mode needs."""
        shape = (self.frame_length, 1, _frequencies(self))
        if self.mode != "imag":
            self.real_kernel: Variable = self.add_weight(shape, _initializer(self, "real"), name="real_kernel")
        if self.mode != "real":
            self.imag_kernel: Variable = self.add_weight(shape, _initializer(self, "imag"), name="imag_kernel")

    def call(self, inputs: Tensor) -> Tensor:
        if not dtypes.is_float(ops.dtype(inputs)):
            raise DTypeError(f"{where(self)} takes floats, got {ops.dtype(inputs)}.")
        first = self.data_format == "channels_first"
        x = inputs if first else ops.transpose(inputs, (0, 2, 1))
        _, channels, samples = ops.shape(x)
        if self.padding == "valid" and isinstance(samples, int) and samples < self.frame_length:
            raise ShapeError(f"{where(self)} needs {self.frame_length} samples, got {samples}.")
        # Each channel is transformed as a sound of its own: (batch * channels, frames, frequencies).
        spectra = _spectra(self, ops.reshape(x, (-1, samples, 1)))
        frames, frequencies = ops.shape(spectra)[1:]
        spectra = ops.reshape(spectra, (-1, channels, frames, frequencies))
        if self.expand_dims:
            return spectra if first else ops.transpose(spectra, (0, 2, 3, 1))
        if first:
            return ops.reshape(ops.transpose(spectra, (0, 1, 3, 2)), (-1, channels * frequencies, frames))
        return ops.reshape(ops.transpose(spectra, (0, 2, 1, 3)), (-1, frames, channels * frequencies))

    def compute_output_shape(self, input_shape: Shape) -> Shape:  # type: ignore[override]
        first = self.data_format == "channels_first"
        batch, samples, channels = (input_shape[i] for i in ((0, 2, 1) if first else (0, 1, 2)))
        step, frames = _step(self), None
        if samples is not None:
            frames = -(-samples // step) if self.padding == "same" else (samples - self.frame_length) // step + 1
        frequencies = _frequencies(self) * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (batch, channels, frames, frequencies) if first else (batch, frames, frequencies, channels)
        merged = None if channels is None else channels * frequencies
        return (batch, merged, frames) if first else (batch, frames, merged)


def _initializer(layer: STFTSpectrogram, side: str) -> initializers.Initializer:
    """Return the initializer of the kernel for the real or the imaginary side."""
    return initializers.STFT(side, window=layer.window, scaling=layer.scaling, periodic=layer.periodic)


def _step(layer: STFTSpectrogram) -> int:
    """Return by how many samples a frame begins after the one before."""
    return layer.frame_step or max(1, layer.frame_length // 2)


def _frequencies(layer: STFTSpectrogram) -> int:
    """Return the number of frequencies."""
    return (layer.fft_length or layer.frame_length) // 2 + 1


def _spectra(layer: STFTSpectrogram, x: Tensor) -> Tensor:
    """Return what the layer's mode makes of sounds (count, samples, 1), of shape (count, frames, frequencies)."""
    real: Any = _convolved(layer, x, layer.real_kernel) if layer.mode != "imag" else None
    imaginary: Any = _convolved(layer, x, layer.imag_kernel) if layer.mode != "real" else None
    if layer.mode == "stft":
        return ops.concatenate([real, imaginary], axis=-1)
    if layer.mode == "angle":
        return ops.arctan2(imaginary, real)
    if layer.mode in ("real", "imag"):
        side: Tensor = real if imaginary is None else imaginary
        return side
    power = ops.add(ops.square(real), ops.square(imaginary))
    if layer.mode == "psd":
        mirrored = np.full(_frequencies(layer), 2.0)
        mirrored[[0, -1]] = 1.0
        return ops.multiply(power, ops.convert_to_tensor(mirrored, ops.dtype(power)))
    magnitude = ops.sqrt(ops.maximum(power, _LEAST_POWER))
    return ops.log(magnitude) if layer.mode == "log" else magnitude


def _convolved(layer: STFTSpectrogram, x: Tensor, kernel: Variable) -> Tensor:
    return ops.conv(
        x, layer.convert_weight(kernel), strides=_step(layer), padding=layer.padding, data_format="channels_last"
    )


__all__ = ["MelSpectrogram", "STFTSpectrogram"]
