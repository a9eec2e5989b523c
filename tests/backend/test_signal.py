"""Fourier transforms and frames against NumPy, SciPy and torch's conventions."""

import numpy as np
import pytest
import scipy.signal

from kerasfront import ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 40)).astype("float32")


def values(x):
    return ops.convert_to_numpy(x)


def joined(pair):
    return values(pair[0]) + 1j * values(pair[1])


@pytest.mark.wide
@pytest.mark.parametrize("window", ["hann", "hamming", None, "given"])
@pytest.mark.parametrize(("length", "stride", "fft"), [(8, 4, 8), (8, 2, 16), (6, 3, 9), (5, 2, 8)])
@pytest.mark.parametrize("length_given", [True, False])
def test_istft_takes_stft_back(window, length, stride, fft, length_given):
    window = np.linspace(0.5, 1.0, length, dtype="float32") if isinstance(window, str) and window == "given" else window
    spectrum = ops.stft(X, length, stride, fft, window=window)
    back = values(ops.istft(spectrum, length, stride, fft, length=40 if length_given else None, window=window))
    whole = min(back.shape[-1], 40)
    # The last elements are covered by few pieces, or by none where the stride doesn't divide the length.
    covered = (40 + 2 * (fft // 2) - fft) // stride * stride + fft - fft // 2 - (fft - length + 1) // 2 - 1
    upto = min(whole, covered)
    assert upto > 30
    np.testing.assert_allclose(back[:, :upto], X[:, :upto], atol=1e-4)
    assert not length_given or back.shape[-1] == 40


def test_istft_without_centering():
    spectrum = ops.stft(X, 8, 4, 8, center=False)
    back = values(ops.istft(spectrum, 8, 4, 8, center=False))
    # The periodic Hann window is 0 at its first place: nothing says what was there.
    np.testing.assert_allclose(back[:, 1:-1], X[:, 1:-1], atol=1e-3)
    assert back[0, 0] == 0


def test_stft_against_scipy():
    got = joined(ops.stft(X, 8, 4, 8))
    window = scipy.signal.get_window("hann", 8)
    padded = np.pad(X, ((0, 0), (4, 4)), mode="reflect")
    frames = np.stack([padded[:, i : i + 8] for i in range(0, padded.shape[1] - 7, 4)], 1)
    np.testing.assert_allclose(got, np.fft.rfft(frames * window), atol=1e-4)


def test_istft_pads_with_zeros_to_length():
    back = values(ops.istft(ops.stft(X, 8, 4, 8), 8, 4, 8, length=60))
    assert back.shape == (2, 60) and (back[:, 50:] == 0).all()


def test_gaps_between_the_pieces_are_zero():
    spectrum = ops.stft(X, 4, 6, 4, window=None, center=False)
    back = values(ops.istft(spectrum, 4, 6, 4, window=None, center=False))
    np.testing.assert_allclose(back[:, :4], X[:, :4], atol=1e-5)
    assert (back[:, 4:6] == 0).all()


@pytest.mark.parametrize("n", [7, 8])
def test_transforms_of_any_length(n):
    x = RNG.normal(size=(3, n)).astype("float32")
    np.testing.assert_allclose(joined(ops.rfft(x)), np.fft.rfft(x), atol=1e-4)
    np.testing.assert_allclose(values(ops.irfft(ops.rfft(x), fft_length=n)), x, atol=1e-5)
    np.testing.assert_allclose(joined(ops.ifft2(ops.fft2((x, 2 * x)))), x * (1 + 2j), atol=1e-5)
    np.testing.assert_allclose(joined(ops.fft((x, x))), np.fft.fft(x * (1 + 1j)), atol=1e-4)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.fft((X,)),
        lambda: ops.fft((X, X[:1])),
        lambda: ops.rfft(X, fft_length=0),
        lambda: ops.extract_sequences(X, 41, 1),
        lambda: ops.extract_sequences(X, 4, 0),
        lambda: ops.stft(X, 8, 4, 4),
        lambda: ops.stft(X, 8, 4, 8, window="x"),
        lambda: ops.stft(X, 8, 4, 8, window=np.ones(3)),
        lambda: ops.view_as_complex(np.ones((3, 3))),
        lambda: ops.stft(X[:, :3], 8, 4, 8),
    ],
)
def test_errors(call):
    with pytest.raises(ValueError, match="xpected|fit|short"):
        call()
