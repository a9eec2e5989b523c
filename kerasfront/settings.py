"""The settings: which backend, floatx, epsilon, image_data_format and a few switches.

A setting comes from the first of these that has it: a call such as `set_floatx()`, an environment
variable, the configuration file (`$KERAS_HOME/keras.json`, by default `~/.keras/keras.json`), the default.
They are read once, at first use. Nothing is ever written. `origin()` says where a value came from.

Keras writes such a file by itself, with "tensorflow" in it. Where TensorFlow isn't installed, and the file says nothing
but those defaults, the backend is the first that is installed, and a warning says so.
"""

import json
import numbers
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from kerasfront import discovery
from kerasfront.errors import BackendError, ConfigError, suggest

__all__ = [
    "backend",
    "config_file",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "keras_home",
    "known_origin",
    "mark_bound",
    "max_epochs",
    "max_steps_per_epoch",
    "origin",
    "rng",
    "set_backend",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "set_rng",
]

FLOATX = ("float16", "bfloat16", "float32", "float64")


class _Setting(NamedTuple):
    """A setting: its default, what a right value is, and the environment variable that may give it."""

    default: Any
    expected: str
    accepts: Callable[[Any], bool]
    variable: str | None = None
    parse: Callable[[str], Any] = str


def _is_one_of(*options: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in options


def _plain(value: Any) -> Any:
    """Return a number of NumPy as one of Python; this module doesn't import NumPy."""
    if type(value) in (bool, int, float) or not isinstance(value, numbers.Real):
        return value
    return int(value) if isinstance(value, numbers.Integral) else float(str(value))


def _is_positive_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")


def _is_limit(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


_LAYOUTS = ("channels_last", "channels_first")
_LIMIT = "an int of at least 0, or None"
_SETTINGS = {
    "floatx": _Setting("float32", f"one of {', '.join(FLOATX)}", _is_one_of(*FLOATX)),
    "epsilon": _Setting(1e-7, "a positive number", _is_positive_number),
    "image_data_format": _Setting("channels_last", " or ".join(_LAYOUTS), _is_one_of(*_LAYOUTS)),
    "max_epochs": _Setting(None, _LIMIT, _is_limit, "KERAS_MAX_EPOCHS", int),
    "max_steps_per_epoch": _Setting(None, _LIMIT, _is_limit, "KERAS_MAX_STEPS_PER_EPOCH", int),
    "rng": _Setting("native", "native or portable", _is_one_of("native", "portable")),
    "flash_attention": _Setting(None, "a bool, or None", lambda value: value is None or _is_bool(value)),
    "interactive_logging": _Setting(True, "a bool", _is_bool),
    "traceback_filtering": _Setting(True, "a bool", _is_bool),
}
# What Keras writes into the configuration file unasked, the first time that it is imported.
_KERAS_DEFAULTS = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "backend": "tensorflow",
    "image_data_format": "channels_last",
}
_FILE_KEYS = ("backend", "floatx", "epsilon", "image_data_format")
_KERAS_ONLY_KEYS = ("nnx_enabled",)


class _State:
    """What has been read and set; one instance a process."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.file: dict[str, Any] | None = None


_state = _State()
_bound: str | None = None


# --- the configuration file and the environment ---


def keras_home() -> Path:
    """Return the folder of the configuration file and of cached data sets: `$KERAS_HOME`, else `~/.keras`."""
    home = os.environ.get("KERAS_HOME")
    return Path(home).expanduser() if home else Path.home() / ".keras"


def config_file() -> Path:
    """Return the configuration file; it need not exist."""
    return keras_home() / "keras.json"


def _read_file() -> dict[str, Any]:
    """Return what the configuration file says, checked; empty where there is none."""
    if _state.file is None:
        path = config_file()
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            _state.file = {}
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"The configuration file {path} can't be read: {error}.") from error
        else:
            _state.file = _parse_file(path, text)
    return _state.file


def _parse_file(path: Path, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        raise ConfigError(f"{where}: this is not valid JSON: {error.msg}.", hint="Mend or delete the file.") from error
    if not isinstance(content, dict):
        raise ConfigError(f'{path}: expected a JSON object, such as {{"backend": "torch"}}; {content!r} came.')
    for key, value in content.items():
        _check_file_entry(path, key, value)
    return content


def _check_file_entry(path: Path, key: str, value: Any) -> None:
    if key == "backend":
        if not isinstance(value, str):
            raise ConfigError(f"{path}: key 'backend' must be the name of a backend; {value!r} came.")
    elif key in _FILE_KEYS:
        setting = _SETTINGS[key]
        if not setting.accepts(value):
            raise ConfigError(f"{path}: key {key!r} must be {setting.expected}; {value!r} came.")
    elif key not in _KERAS_ONLY_KEYS:
        warnings.warn(f"{path}: key {key!r} is unknown and ignored.{suggest(key, _FILE_KEYS)}", stacklevel=2)


def _from_environment(setting: _Setting) -> Any:
    """Return the value that the setting's environment variable gives; None where it isn't set."""
    text = os.environ.get(setting.variable) if setting.variable else None
    if not text:
        return None
    try:
        value = setting.parse(text)
    except ValueError:
        value = text
    if not setting.accepts(value):
        raise ConfigError(f"Environment variable {setting.variable} must be {setting.expected}; {text!r} came.")
    return value


def _get(key: str) -> Any:
    if key not in _state.values:
        setting = _SETTINGS[key]
        if (value := _from_environment(setting)) is not None:
            _store(key, value, f"environment variable {setting.variable}")
        elif key in _FILE_KEYS and key in _read_file():
            _store(key, _read_file()[key], str(config_file()))
        else:
            _store(key, setting.default, "default")
    return _state.values[key]


def _set(key: str, value: Any, function: str, argument: str = "value") -> None:
    setting = _SETTINGS[key]
    value = _plain(value)
    if not setting.accepts(value):
        nearby = suggest(value, setting.expected.replace(",", " ").split())
        raise ConfigError(f"{function}: `{argument}` must be {setting.expected}; {value!r} came.{nearby}")
    _store(key, value, function)


def _store(key: str, value: Any, source: str) -> None:
    _state.values[key] = value
    _state.origins[key] = source


def known_origin(key: str) -> str | None:
    """Return where the value of a setting came from, or None if nobody has asked for the setting yet."""
    return _state.origins.get(key)


def origin(key: str) -> str:
    """Return where the value of a setting came from.

    Args:
        key: "backend", or the name of a setting, such as "floatx".

    Returns:
        "environment variable KERAS_BACKEND", the path of the configuration file, "default", or the call
        that set it, such as "set_floatx()".

    Raises:
        ValueError: There is no such setting.

    Example:
        >>> set_epsilon(1e-7)
        >>> origin("epsilon")
        'set_epsilon()'
    """
    if key == "backend":
        backend()
    elif key in _SETTINGS:
        _get(key)
    else:
        raise ConfigError(f"There is no setting {key!r}.{suggest(key, ['backend', *_SETTINGS])}")
    return _state.origins[key]


# --- the backend ---


def backend() -> str:
    """Return the name of the backend.

    It is chosen at the first call: the environment variable KERAS_BACKEND, else the configuration file (unless Keras
    wrote it unasked and what it names isn't installed), else the first of torch, jax, tensorflow and numpy that is
    installed. The framework isn't imported by that.

    Raises:
        ImportError: The name is unknown, or its framework isn't installed.
        ValueError: The configuration file is malformed.

    Example:
        >>> backend() in ("torch", "jax", "tensorflow", "numpy")
        True
    """
    if "backend" not in _state.values:
        name, source = _choose()
        discovery.check_usable(name, source)
        _store("backend", name, source)
    return str(_state.values["backend"])


def _choose() -> tuple[str, str]:
    if name := os.environ.get("KERAS_BACKEND"):
        return name, "environment variable KERAS_BACKEND"
    usable = [name for name in discovery.usable_backends() if name in discovery.FRAMEWORKS]
    if "backend" in (content := _read_file()):
        name = content["backend"]
        if not usable or discovery.is_usable(name) or not _is_kerass(content):
            return name, str(config_file())
        warnings.warn(
            f"{config_file()}, which Keras wrote with its defaults, names the backend {name!r}, which isn't installed: "
            f"kerasfront takes {usable[0]!r}. Set KERAS_BACKEND={usable[0]}, or write it into the file, to say so.",
            stacklevel=3,
        )
    if not usable:
        raise BackendError("No backend is installed.", hint=discovery.install_command("torch"))
    return usable[0], "default"


def _is_kerass(content: dict[str, Any]) -> bool:
    """Return whether a configuration file is as Keras wrote it, so that nobody chose what it says."""
    return {key: value for key, value in content.items() if key not in _KERAS_ONLY_KEYS} == _KERAS_DEFAULTS


def set_backend(backend: str) -> None:
    """Choose the backend, before anything uses it.

    Args:
        backend: "torch", "jax", "tensorflow", "numpy", or the name of an installed outside adapter.

    Raises:
        ImportError: The name is unknown, its framework isn't installed, or another backend is in use already.

    Example:
        >>> import kerasfront
        >>> set_backend(kerasfront.config.backend())
    """
    if not isinstance(backend, str):
        raise ConfigError(f"set_backend(): `backend` must be a string; {backend!r} came.")
    if _bound is not None and backend != _bound:
        raise BackendError(
            f"The backend can't become {backend!r}: this process uses {_bound!r} already "
            f"(from {origin('backend')}), and its layers and tensors belong to that framework.",
            hint=f"Set KERAS_BACKEND={backend}, or call set_backend({backend!r}) before anything else.",
        )
    discovery.check_usable(backend, "set_backend()")
    _store("backend", backend, "set_backend()")


def mark_bound(name: str) -> None:
    """Record that a backend has been loaded, for `set_backend`; the binding itself calls this."""
    global _bound
    _bound = name


# --- the other settings ---


def floatx() -> str:
    """Return the default float dtype: "float16", "bfloat16", "float32" or "float64".

    Example:
        >>> floatx()
        'float32'
    """
    return str(_get("floatx"))


def set_floatx(value: str) -> None:
    """Set the default float dtype.

    Args:
        value: "float16", "bfloat16", "float32" or "float64". In half precision prefer a mixed dtype policy,
            which keeps the weights in float32.

    Raises:
        ValueError: It is none of these.

    Example:
        >>> set_floatx("float64")
        >>> floatx()
        'float64'
        >>> set_floatx("float32")
    """
    _set("floatx", value, "set_floatx()")


def epsilon() -> float:
    """Return the small number that is added to denominators.

    Example:
        >>> epsilon()
        1e-07
    """
    return float(_get("epsilon"))


def set_epsilon(value: float) -> None:
    """Set the small number that is added to denominators.

    Raises:
        ValueError: It is no positive finite number. (Keras takes anything.)

    Example:
        >>> set_epsilon(1e-5)
        >>> epsilon()
        1e-05
        >>> set_epsilon(1e-7)
    """
    _set("epsilon", value, "set_epsilon()")


def image_data_format() -> str:
    """Return where images have their channels by default: "channels_last" or "channels_first".

    Example:
        >>> image_data_format()
        'channels_last'
    """
    return str(_get("image_data_format"))


def set_image_data_format(data_format: str) -> None:
    """Set where images have their channels by default.

    Args:
        data_format: "channels_last" or "channels_first", in any case.

    Raises:
        ValueError: It is neither.

    Example:
        >>> set_image_data_format("channels_first")
        >>> image_data_format()
        'channels_first'
        >>> set_image_data_format("channels_last")
    """
    value = data_format.lower() if isinstance(data_format, str) else data_format
    _set("image_data_format", value, "set_image_data_format()", "data_format")


def rng() -> str:
    """Return how draws inside a model are made: "native" or "portable".

    Example:
        >>> rng()
        'native'
    """
    return str(_get("rng"))


def set_rng(value: str) -> None:
    """Set how draws inside a model (dropout, noise) are made.

    Initial weights and shuffles are the same on every backend either way.

    Args:
        value: "native" takes the backend's own fast generator; "portable" one counter-based generator whose
            draws are equal bit for bit on every backend.

    Raises:
        ValueError: It is neither.

    Example:
        >>> set_rng("portable")
        >>> rng()
        'portable'
        >>> set_rng("native")
    """
    _set("rng", value, "set_rng()")


def max_epochs() -> int | None:
    """Return the most epochs that any `fit` runs (environment variable KERAS_MAX_EPOCHS); None is no limit."""
    value: int | None = _get("max_epochs")
    return value


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every `fit`, for quick trials of whole scripts.

    Raises:
        ValueError: It is neither None nor an int of at least 0.

    Example:
        >>> set_max_epochs(2)
        >>> max_epochs()
        2
        >>> set_max_epochs(None)
    """
    _set("max_epochs", max_epochs, "set_max_epochs()", "max_epochs")


def max_steps_per_epoch() -> int | None:
    """Return the most steps of an epoch (environment variable KERAS_MAX_STEPS_PER_EPOCH); None is no limit."""
    value: int | None = _get("max_steps_per_epoch")
    return value


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the steps of every epoch of `fit`, `evaluate` and `predict`, for quick trials of whole scripts.

    Raises:
        ValueError: It is neither None nor an int of at least 0.

    Example:
        >>> set_max_steps_per_epoch(10)
        >>> max_steps_per_epoch()
        10
        >>> set_max_steps_per_epoch(None)
    """
    _set("max_steps_per_epoch", max_steps_per_epoch, "set_max_steps_per_epoch()", "max_steps_per_epoch")


def is_flash_attention_enabled() -> bool | None:
    """Return whether attention may take the framework's flash kernel: False if it is disabled.

    True, after `enable_flash_attention()`, and None, the default, both let the framework take it where it can.
    """
    value: bool | None = _get("flash_attention")
    return value


def enable_flash_attention() -> None:
    """Let attention take the framework's flash kernel where it can, as it does by default.

    Which arguments the kernel takes depends on the framework; mostly they must be float16 or bfloat16, on a GPU. Others
    are computed by plain matrix products. To demand the kernel, give `flash_attention=True` to the layer or the op.

    Example:
        >>> enable_flash_attention()
        >>> is_flash_attention_enabled()
        True
        >>> disable_flash_attention()
        >>> is_flash_attention_enabled()
        False
    """
    _set("flash_attention", True, "enable_flash_attention()")


def disable_flash_attention() -> None:
    """Make attention do without the framework's flash kernel, where a layer or an op isn't told otherwise."""
    _set("flash_attention", False, "disable_flash_attention()")


def is_interactive_logging_enabled() -> bool:
    """Return whether progress goes to standard output, rather than to the `logging` module."""
    return bool(_get("interactive_logging"))


def enable_interactive_logging() -> None:
    """Send progress to standard output (the default).

    Example:
        >>> enable_interactive_logging()
        >>> is_interactive_logging_enabled()
        True
    """
    _set("interactive_logging", True, "enable_interactive_logging()")


def disable_interactive_logging() -> None:
    """Send progress to the `logging` module, as a server wants it."""
    _set("interactive_logging", False, "disable_interactive_logging()")


def is_traceback_filtering_enabled() -> bool:
    """Return whether kerasfront's own frames are left out of tracebacks, but for those that were called."""
    return bool(_get("traceback_filtering"))


def enable_traceback_filtering() -> None:
    """Leave kerasfront's own frames out of tracebacks (the default), so that they show the user's own code.

    The function that was called stays, the one that came last before the user's code or the framework, and where
    no message of kerasfront's says what went wrong, the line that raised.

    Example:
        >>> enable_traceback_filtering()
        >>> is_traceback_filtering_enabled()
        True
    """
    _set("traceback_filtering", True, "enable_traceback_filtering()")


def disable_traceback_filtering() -> None:
    """Show every frame in tracebacks, as a report of a fault in kerasfront should.

    Example:
        >>> disable_traceback_filtering()
        >>> is_traceback_filtering_enabled()
        False
        >>> enable_traceback_filtering()
    """
    _set("traceback_filtering", False, "disable_traceback_filtering()")


def is_nnx_enabled() -> bool:
    """Return False: a layer of kerasfront is never a `flax.nnx.Module`, whatever Keras's own switch says."""
    return False
