"""Quantization modes, and the config that a mode stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kerasfront import quantizers
from kerasfront.quantizers import QuantizationConfig
from kerasfront.quantizers.quantizer import checked_mode

MODES = ("int8", "int4", "float8", "gptq", "awq")
# The modes that look at the inputs of a layer, and so need data.
CALIBRATED = ("gptq", "awq")
_CONFIGS: Mapping[str, Callable[[], QuantizationConfig]] = {
    "int8": quantizers.Int8QuantizationConfig,
    "int4": quantizers.Int4QuantizationConfig,
    "float8": quantizers.Float8QuantizationConfig,
}
_CALIBRATED_CONFIGS = {"gptq": quantizers.GPTQConfig, "awq": quantizers.AWQConfig}


def config_for(mode: str | None, config: QuantizationConfig | None) -> QuantizationConfig:
    """Return the config that a mode and a config, of which one may be None, stand for.

    Raises:
        ValueError: Both are None, they contradict each other, or the mode is unknown or needs a config of its own.
    """
    if config is None:
        if mode is None:
            raise ValueError("quantize() takes a mode ('int8', ...) or a QuantizationConfig; neither was given.")
        checked_mode(mode, MODES)
        if mode in CALIBRATED:
            name = _CALIBRATED_CONFIGS[mode].__name__
            raise ValueError(f"The mode '{mode}' needs data: pass a keras.quantizers.{name} as `config`.")
        return _CONFIGS[mode]()
    if not isinstance(config, QuantizationConfig):
        raise ValueError(f"Expected `config` of quantize() to be a QuantizationConfig, got {config!r}.")
    if mode is not None and mode != config.mode:
        raise ValueError(f"quantize() was told two things: mode={mode!r}, and a config of the mode '{config.mode}'.")
    return config
