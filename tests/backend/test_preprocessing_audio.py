"""Spectrograms against SciPy, NumPy and Keras."""

from __future__ import annotations

from typing import Any

import keras as reference
import numpy as np
import pytest
import scipy.signal

import kerasfront as keras
from kerasfront import layers, ops

RNG = np.random.default_rng(0)
SOUND = RNG.normal(size=(2, 4000)).astype("float32")
CHANNELS = np.stack([SOUND, 2 * SOUND], -1)


def values(x: Any) -> Any:
    return ops.convert_to_numpy(x)


def theirs(x: Any) -> Any:
    return reference.ops.convert_to_numpy(x)


# ---- MelSpectrogram ---------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fft_length": 512, "sequence_stride": 128, "num_mel_bins": 40},
        {"power_to_db": False},
        {"mag_exp": 1.0, "top_db": 60.0},
        {"window": None},
        {"sequence_length": 400, "fft_length": 512},
        {"window": "hamming", "min_freq": 100.0, "max_freq": 3000.0, "ref_power": 2.0},
    ],
    ids=str,
)
def test_mel_is_keras(options: dict[str, Any]) -> None:
    ours, others = layers.MelSpectrogram(**options), reference.layers.MelSpectrogram(**options)
    for x in (SOUND[:1], SOUND[0]):
        expected = theirs(others(x))
        np.testing.assert_allclose(values(ours(x)), expected, rtol=2e-4, atol=2e-4)
        assert ours.compute_output_shape(x.shape) == expected.shape
    assert ours.get_config()["max_freq"] == others.get_config()["max_freq"]


def test_mel_is_power_in_bands() -> None:
    """With SciPy's transform, and triangles between the edges of the bands."""
    layer = layers.MelSpectrogram(fft_length=256, sequence_stride=64, num_mel_bins=20, power_to_db=False)
    window = scipy.signal.get_window("hann", 256)
    padded = np.pad(SOUND[0].astype("float64"), 128, "reflect")
    frames = np.stack([padded[i : i + 256] * window for i in range(0, len(padded) - 255, 64)])
    power = np.abs(np.fft.rfft(frames)) ** 2
    mel = 1127 * np.log1p(np.linspace(0, 8000, 129) / 700)
    edges = np.linspace(1127 * np.log1p(20 / 700), 1127 * np.log1p(8000 / 700), 22)
    bands = np.stack([np.interp(mel, edges[i : i + 3], [0, 1, 0]) for i in range(20)], -1)
    np.testing.assert_allclose(values(layer(SOUND[0])), (power @ bands).T, rtol=1e-3)


def test_mel_of_a_sound_does_not_depend_on_the_batch() -> None:
    """In Keras the loudest sound of a batch raises the floor of all."""
    layer = layers.MelSpectrogram(fft_length=512, sequence_stride=128)
    together = values(layer(np.stack([SOUND[0] * 1000, SOUND[1] * 0.001])))
    np.testing.assert_allclose(together[1], values(layer(SOUND[1] * 0.001)), atol=1e-3)
    free = values(layers.MelSpectrogram(fft_length=512, sequence_stride=128, top_db=None)(SOUND))
    assert np.isfinite(free).all()


def test_mel_matrix_is_keras() -> None:
    ours = layers.MelSpectrogram().linear_to_mel_weight_matrix(20, 129, 8000)
    np.testing.assert_allclose(
        values(ours), theirs(reference.layers.MelSpectrogram().linear_to_mel_weight_matrix(20, 129, 8000)), atol=1e-5
    )


def test_mel_dtypes_and_errors() -> None:
    layer = layers.MelSpectrogram(fft_length=512, sequence_stride=128, dtype="float16")
    y = layer((SOUND * 1000).astype("int16"))
    assert ops.dtype(y) == "float16" and np.isfinite(values(y)).all()
    with pytest.raises(ValueError, match="fft_length"):
        layers.MelSpectrogram(fft_length=100, sequence_length=200)
    with pytest.raises(ValueError, match="min_freq"):
        layers.MelSpectrogram(min_freq=9000.0)


# ---- STFTSpectrogram --------------------------------------------------------------------------------------------


@pytest.mark.wide
@pytest.mark.parametrize("mode", ["log", "magnitude", "psd", "real", "imag", "stft"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": "same", "frame_step": 100},
        {"expand_dims": True},
        {"fft_length": 512, "frame_length": 200, "window": "hamming", "periodic": True, "scaling": "spectrum"},
    ],
    ids=str,
)
def test_stft_is_keras(mode: str, options: dict[str, Any]) -> None:
    ours, others = (k.layers.STFTSpectrogram(mode=mode, **options) for k in (keras, reference))
    expected = theirs(others(CHANNELS))
    np.testing.assert_allclose(values(ours(CHANNELS)), expected, rtol=1e-3, atol=1e-3)
    assert ours.compute_output_shape(CHANNELS.shape) == expected.shape
    assert [w.name for w in ours.weights] == [w.name for w in others.weights]
    first = layers.STFTSpectrogram(mode=mode, data_format="channels_first", **options)
    turned = values(first(np.moveaxis(CHANNELS, -1, 1)))
    if options.get("expand_dims"):
        turned = np.moveaxis(turned, 1, -1)
    else:
        turned = np.moveaxis(turned, 1, -1)
    np.testing.assert_allclose(turned, values(ours(CHANNELS)), rtol=1e-5, atol=1e-6)


def test_stft_is_scipys() -> None:
    window = scipy.signal.get_window("hann", 256, fftbins=False)
    options = {"window": window, "nperseg": 256, "noverlap": 128, "detrend": False}
    for mode in ("psd", "magnitude", "angle"):
        _, _, expected = scipy.signal.spectrogram(SOUND[0].astype("float64"), fs=1, mode=mode, **options)
        y = values(layers.STFTSpectrogram(mode=mode)(SOUND[:1, :, None]))[0].T
        if mode == "angle":  # at the ends of the range an angle may be either
            np.testing.assert_allclose(np.cos(y[1:-1]), np.cos(expected[1:-1]), atol=5e-3)
        else:
            np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-4)


def test_stft_of_silence_is_finite() -> None:
    for mode in ("log", "magnitude"):
        ours, others = (
            k.layers.STFTSpectrogram(mode=mode)(np.zeros((1, 300, 1), "float32")) for k in (keras, reference)
        )
        np.testing.assert_allclose(values(ours), theirs(others), rtol=1e-5)


@pytest.mark.wide
@pytest.mark.parametrize(
    "options",
    [{"mode": "x"}, {"frame_step": 500}, {"scaling": "x"}, {"padding": "x"}, {"fft_length": 100}, {"window": "x"}],
    ids=str,
)
def test_stft_arguments(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        layers.STFTSpectrogram(**options)


def test_stft_inputs() -> None:
    with pytest.raises(TypeError, match="takes floats"):
        layers.STFTSpectrogram()(np.zeros((1, 300, 1), "int32"))
    with pytest.raises(ValueError, match="256 samples"):
        layers.STFTSpectrogram()(np.zeros((1, 30, 1), "float32"))


@pytest.mark.parametrize("ours_first", [True, False], ids=["to Keras", "from Keras"])
@pytest.mark.parametrize("kind", ["MelSpectrogram", "STFTSpectrogram"])
def test_files_exchange_with_keras(kind: str, ours_first: bool, tmp_path: Any) -> None:
    writer, reader = (keras, reference) if ours_first else (reference, keras)
    x = SOUND[:1] if kind == "MelSpectrogram" else CHANNELS[:1]
    model = writer.Sequential([writer.Input(x.shape[1:]), getattr(writer.layers, kind)()])
    model.save(tmp_path / "model.keras")
    loaded = reader.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-3, atol=1e-3)
