"""Objects as JSON configs, in Keras 3's own format, and back.

What a config names is looked up in a closed registry: the modelling classes and pure functions that
kerasfront's namespaces registered when they were imported, and what the caller registered or passed in
`custom_objects`. Nothing that a config names is imported, and no bytecode is run.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import math
import secrets
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Self, TypeVar

import numpy as np

from kerasfront import ops, scopes
from kerasfront.arguments import names_of, unknown_argument
from kerasfront.errors import SavingError, suggest
from kerasfront.ops.declare.runtime import runtime
from kerasfront.spec import KerasTensor, dtypes

T = TypeVar("T")

# How deep serialised objects may be nested in each other, and how deep lists and dicts may be.
MAX_OBJECT_DEPTH = 64
# Under which key a config has the number of an object that is there several times.
_MARK = "shared_object_id"
MAX_VALUE_DEPTH = 400
# How many bytes the variables may take that a config makes, where no weights file says how many there are.
MAX_VARIABLE_BYTES = 16 * 2**30

_PLAIN = (str, bool, int, float, type(None))
_FUNCTION = "function"


# ---- the registry -----------------------------------------------------------------------------------------

# What each public namespace holds, by every name that finds it; where a class is at home, and by which name.
_namespaces: dict[str, dict[str, Any]] = {}
_homes: dict[Any, tuple[str, str]] = {}
_built: list[type] = []
_global_custom: dict[str, Any] = {}
_global_names: dict[Any, str] = {}

# Where functions are looked for, by name only. A name that several of them hold (relu) means the same in all.
_FUNCTION_SPACES = (
    "keras.activations",
    "keras.losses",
    "keras.metrics",
    "keras.initializers",
    "keras.regularizers",
    "keras.constraints",
    "keras.ops",
)


def register(namespace: str, names: Mapping[str, Any]) -> None:
    """Let configs name the classes and functions of a public namespace.

    Args:
        namespace: As Keras writes it: "keras.layers".
        names: Classes and pure functions, by every name that finds them. Functions that touch files or the
            network have no place here.
    """
    entries = _namespaces.setdefault(namespace, {})
    for name, thing in names.items():
        entries[name] = thing
        if name == getattr(thing, "_kf_serialized_name", getattr(thing, "__name__", None)):
            _homes.setdefault(thing, (namespace, name))


def register_base(cls: type) -> None:
    """Note a class whose instances are built and compiled: Layer."""
    _built.append(cls)


def carries_code(cls: T) -> T:
    """Mark a class that runs code from outside kerasfront: configs make one with safe_mode=False only."""
    cls._carries_code = True  # type: ignore[attr-defined]
    return cls


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Return a decorator that lets saved files name a class or function of yours.

    Args:
        package: A prefix that keeps your names apart from others'.
        name: Its name; None means `__name__`.

    Raises:
        ValueError: The class has no `get_config`, or the name is taken by something else.

    >>> import kerasfront as keras
    >>> @keras.saving.register_keras_serializable(package="mine")
    ... def double(x):
    ...     return x * 2
    >>> keras.saving.get_registered_name(double)
    'mine>double'
    """

    def decorate(thing: T) -> T:
        full = f"{package}>{name or thing.__name__}"  # type: ignore[attr-defined]
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ValueError(f"{thing.__name__} defines no get_config(), so it can't be registered as '{full}'.")
        _global_custom[full] = thing
        _global_names[thing] = full
        return thing

    return decorate


def get_registered_name(obj: Any) -> str:
    """Return the name under which a class or function of the user's was registered, else its own."""
    return _global_names.get(obj) or str(obj.__name__) if _hashable(obj) else str(obj.__name__)


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Return what the user registered or put into a scope under `name`, else what `module_objects` has for it.

    None where there is none.
    """
    for names in (*_custom_mappings(custom_objects), module_objects or {}):
        if name in names:
            return names[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """Return the user's objects of this process by name; what is put into it is found by every later load."""
    return _global_custom


class _State(threading.local):
    """Per thread: the open custom object scopes, and the loads under way."""

    def __init__(self) -> None:
        self.scopes: list[Mapping[str, Any]] = []
        self.loads: list[_Load] = []
        self.sharing: dict[int, tuple[Any, int]] | None = None
        self.nameless: dict[str, str] | None = None
        self.tensor_to_config: Callable[[KerasTensor], Any] | None = None


class Budget:
    """Inside, the memory that new variables ask for is counted before it is taken.

    Args:
        most: The most bytes that they may take together; None means any number.
    """

    def __init__(self, most: int | None) -> None:
        self.most: int | None = most
        self.used_bytes: int = 0

    def __enter__(self) -> Self:
        self._before, scopes.context.initial = scopes.context.initial, self
        return self

    def __exit__(self, *exc: Any) -> None:
        scopes.context.initial = self._before

    def __call__(self, variable: Any, initializer: Any, shape: tuple[int, ...], dtype: str) -> Any:
        """Return the first value of a new variable."""
        self.charge(variable, shape, dtype)
        return initializer(shape, dtype=dtype)

    def charge(self, variable: Any, shape: tuple[int, ...], dtype: str) -> None:
        if any(dim < 0 for dim in shape):
            raise SavingError(f"The config asks for a variable '{variable.path}' of shape {shape}.")
        self.used_bytes += math.prod(shape) * dtypes.to_numpy(dtype).itemsize
        if self.most is not None and self.used_bytes > self.most:
            raise SavingError(
                f"The config asks for a variable '{variable.path}' of shape {shape}: {self.used_bytes:,} bytes of "
                f"variables with it, and {self.most:,} are allowed."
            )


class _Load:
    """One deserialisation under way: what the caller said of it."""

    def __init__(self, safe_mode: bool) -> None:
        self.safe_mode = safe_mode
        # Whether it makes a copy from a config of this process, which no file was (`from_config`, `clone_model`).
        self.copies = False
        self.depth = 0
        self.shared: dict[int, Any] = {}
        # What is to be compiled later, by whom the load was begun; None: each model at once.
        self.to_compile: list[tuple[Any, dict[str, Any]]] | None = None

    @contextmanager
    def compiling_later(self) -> Iterator[list[tuple[Any, dict[str, Any]]]]:
        """Inside, models are not compiled: the list comes to hold them, with what compile() was told."""
        before, self.to_compile = self.to_compile, []
        try:
            yield self.to_compile
        finally:
            self.to_compile = before


_state = _State()

# The namespaces of kerasfront that register what configs may name. They load at first use.
_PROVIDERS = (
    "activations",
    "constraints",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "quantizers",
    "random",
    "regularizers",
)


@functools.cache
def _fill_registry() -> None:
    for name in _PROVIDERS:
        importlib.import_module(f"kerasfront.{name}")


def named(namespace: str, name: str) -> Any:
    """Return what `get(name)` of a namespace returns. The namespace loads at its first use.

    Args:
        namespace: One of those that register what configs may name: "initializers".
        name: The name of one of its objects: "zeros".
    """
    return importlib.import_module(f"kerasfront.{namespace}").get(name)


class CustomObjectScope:
    """Inside, configs may name these objects.

    Args:
        custom_objects: Classes and functions by name.

    >>> import kerasfront as keras
    >>> def halve(x):
    ...     return x / 2
    >>> with keras.saving.custom_object_scope({"halve": halve}):
    ...     keras.activations.get("halve") is halve
    True
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects: dict[str, Any] = dict(custom_objects or {})

    def __enter__(self) -> CustomObjectScope:
        _state.scopes.append(self.custom_objects)
        return self

    def __exit__(self, *exc: Any) -> None:
        _state.scopes.remove(self.custom_objects)


custom_object_scope = CustomObjectScope


def _custom_mappings(first: Mapping[str, Any] | None = None) -> list[Mapping[str, Any]]:
    return [first or {}, *reversed(_state.scopes), _global_custom]


def _hashable(obj: Any) -> bool:
    return getattr(obj, "__hash__", None) is not None


# ---- objects to configs -----------------------------------------------------------------------------------


def serialize_keras_object(obj: Any) -> Any:
    """Return a JSON-ready value from which `deserialize_keras_object` makes an equal object.

    Plain values, lists and dicts stay what they are (a tuple becomes a list); arrays, slices and the like
    become small dicts; an object with `get_config` its module, class name and config; a function its name.

    Raises:
        TypeError: It is none of these.
        SavingError: It is a lambda: its code would have to go into the file. Name and register the function.

    >>> import kerasfront as keras
    >>> keras.saving.serialize_keras_object(slice(1, None, 2))["config"]
    {'start': 1, 'stop': None, 'step': 2}
    """
    if isinstance(obj, (np.bool_, np.number)) or (isinstance(obj, np.ndarray) and obj.ndim == 0):
        return obj.item()
    if isinstance(obj, str):
        return str(obj)
    if isinstance(obj, _PLAIN):
        return obj
    if isinstance(obj, (list, tuple)):
        return [serialize_keras_object(v) for v in obj]
    if isinstance(obj, Mapping) and not hasattr(obj, "get_config"):
        return _serialize_mapping(obj)
    special = _serialize_special(obj)
    return _serialize_object(obj) if special is None else special


def _serialize_mapping(obj: Mapping[Any, Any]) -> dict[str, Any]:
    for key in obj:
        if not isinstance(key, (str, int, bool, float)):
            raise TypeError(f"A dict with the key {key!r} can't be serialised: JSON's keys are strings.")
    return {str(k): serialize_keras_object(v) for k, v in obj.items()}


def _serialize_special(obj: Any) -> Any:
    """Values that no class of ours makes: arrays, slices, dtypes, symbolic tensors."""
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, slice):
        parts = {"start": obj.start, "stop": obj.stop, "step": obj.step}
        return {"class_name": "__slice__", "config": {k: serialize_keras_object(v) for k, v in parts.items()}}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, np.ndarray):
        return _serialize_array("__numpy__", obj)
    if isinstance(obj, np.dtype):
        return dtypes.standardize(obj)
    if isinstance(obj, KerasTensor):
        return _serialize_symbolic(obj)
    if hasattr(type(obj), "__kf_tensor__") or runtime.need().is_tensor(obj):
        return _serialize_array("__tensor__", ops.convert_to_numpy(obj))
    return None


def _serialize_array(kind: str, array: np.ndarray[Any, Any]) -> dict[str, Any]:
    name = dtypes.standardize(array.dtype)
    values = array.tolist() if array.dtype.kind in "biuf" else array.astype("float32").tolist()
    return {"class_name": kind, "config": {"value": values, "dtype": name}}


def _serialize_symbolic(x: KerasTensor) -> dict[str, Any]:
    if _state.tensor_to_config is not None:
        return _state.tensor_to_config(x)
    history = x._keras_history
    match = None if history is None else [history[0].name, history[1], history[2]]
    return symbolic_config(x, match)


def symbolic_config(x: KerasTensor, history: list[Any] | None) -> dict[str, Any]:
    """Return the config of a symbolic tensor: `history` is [operation's name, its node, the output's index]."""
    config: dict[str, Any] = {"shape": list(x.shape), "dtype": x.dtype}
    if history is not None:
        config["keras_history"] = history
    return {"class_name": "__keras_tensor__", "config": config}


@contextmanager
def symbolic_as(convert: Callable[[KerasTensor], Any]) -> Iterator[None]:
    """Inside, symbolic tensors are serialised by `convert`: a model numbers its own nodes."""
    before, _state.tensor_to_config = _state.tensor_to_config, convert
    try:
        yield
    finally:
        _state.tensor_to_config = before


def serialize_shared(obj: Any) -> Any:
    """Return the config of `obj` in which what is there several times is marked, so that loading makes it once.

    A warning tells of functions that the config can't hold, and how to load it nevertheless.
    """
    before, _state.sharing, _state.nameless = (_state.sharing, _state.nameless), {}, {}
    try:
        config = serialize_keras_object(obj)
        twice = {number for number, (_, times) in _state.sharing.items() if times > 1}
        _warn_of_nameless(_state.nameless)
    finally:
        _state.sharing, _state.nameless = before
    _forget_others(config, twice)
    return config


def _forget_others(config: Any, twice: set[int]) -> None:
    """Take the marks off what is there once."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if part.get(_MARK) not in twice:
                part.pop(_MARK, None)
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _serialize_object(obj: Any) -> dict[str, Any]:
    if isinstance(obj, (FunctionType, BuiltinFunctionType)):
        return _serialize_function(obj)
    if isinstance(obj, type) or not hasattr(obj, "get_config"):
        raise TypeError(f"{obj!r} of {type(obj)} can't be serialised: it is no plain value, and has no get_config().")
    module, class_name, registered = _names_of(type(obj))
    config = {
        "module": module,
        "class_name": class_name,
        "config": serialize_keras_object(obj.get_config()),
        "registered_name": registered,
    }
    if isinstance(obj, tuple(_built)):
        _add_build_and_compile(obj, config)
    _note_sharing(obj, config)
    return config


def _add_build_and_compile(obj: Any, config: dict[str, Any]) -> None:
    build_config = obj.get_build_config() if obj.built else None
    if build_config is not None:
        config["build_config"] = serialize_keras_object(build_config)
    if hasattr(obj, "get_compile_config"):
        config["compile_config"] = serialize_keras_object(obj.get_compile_config() or {})


def _note_sharing(obj: Any, config: dict[str, Any]) -> None:
    """Mark the config with the object's number: of the objects, which are kept alive, no two have one."""
    if _state.sharing is not None:
        config[_MARK] = id(obj)
        _state.sharing[id(obj)] = (obj, _state.sharing.get(id(obj), (obj, 0))[1] + 1)


def _serialize_function(function: Any) -> dict[str, Any]:
    if function.__name__ == "<lambda>":
        raise SavingError(
            "A lambda can't be saved: its code would have to go into the file.",
            hint="Write it as a named function, decorated by saving.register_keras_serializable().",
        )
    return {
        "module": "builtins",
        "class_name": _FUNCTION,
        "config": get_registered_name(function),
        "registered_name": _FUNCTION,
    }


# ---- functions that no name leads to ----------------------------------------------------------------------

# Those that configs of this process told of, while they live; the numbers of other processes find none of them.
_process, _count = secrets.token_hex(8), itertools.count()
_numbers: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
_living: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


def _is_nameless(value: Any) -> bool:
    return isinstance(value, (functools.partial, MethodType)) or (
        isinstance(value, FunctionType) and value.__name__ == "<lambda>"
    )


def serialize_argument(
    owner: str, argument: str, value: Any, serialize: Callable[[Any], Any] = serialize_keras_object
) -> Any:
    """Return the config of an argument of a layer, as `serialize` makes it.

    A lambda, a `functools.partial` or a bound method is noted by the name under which the user gives it when the
    config is loaded: the layer's, with the argument's but for `function`. Its code is not in the config.
    """
    if not _is_nameless(value):
        return serialize(value)
    name = owner if argument == "function" else f"{owner}.{argument}"
    kind = "lambda" if isinstance(value, FunctionType) else type(value).__name__
    if value not in _numbers:
        _numbers[value] = f"{_process}-{next(_count)}"
        _living[_numbers[value]] = value
    if _state.nameless is not None:
        _state.nameless[name] = kind
    return {"class_name": "__lambda__", "config": {"name": name, "kind": kind, "number": _numbers[value]}}


def _warn_of_nameless(functions: dict[str, str]) -> None:
    """Warn of functions, by their names with their kinds, whose code is in no file."""
    if not functions:
        return
    entries = ", ".join(f"a {kind} as '{name}'" for name, kind in functions.items())
    mapping = ", ".join(f"'{name}': function" for name in functions)
    warnings.warn(
        f"No code is saved: the model holds {entries}, and only that it was there is saved. It is loaded with "
        f"custom_objects={{{mapping}}}, or make it a named function, decorated by "
        "saving.register_keras_serializable().",
        stacklevel=5,
    )


def _revive_nameless(config: Any) -> Any:
    """Return the user's function; else, outside of safe mode, that of this process. Bytecode is never run."""
    name = config.get("name") if isinstance(config, dict) else None
    if not isinstance(name, str):
        raise SavingError(
            "The config holds a Python lambda as bytecode, which kerasfront never runs.",
            hint="Where the model is made, make the lambda a named function, register it, and save again.",
        )
    match = get_registered_object(name)
    if match is None and (_state.loads[-1].copies or in_safe_mode() is False):
        match = _living.get(str(config.get("number")))
    if match is None:
        kind = "functools.partial" if config.get("kind") == "partial" else "lambda"
        raise SavingError(
            f"The model held a {kind} as '{name}' when it was saved, and a file holds no code.",
            hint=f"Pass the function: custom_objects={{'{name}': function}}.",
        )
    return match


def _names_of(cls: type) -> tuple[str | None, str, str | None]:
    """Return the module, class name and registered name that a config says of a class."""
    if cls in _homes:
        namespace, name = _homes[cls]
        return namespace, name, name if namespace.startswith("keras.src.") else None
    module = None if cls.__module__ in ("__main__", "builtins") else cls.__module__
    return module, cls.__name__, get_registered_name(cls)


# ---- configs to objects -----------------------------------------------------------------------------------


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    **kwargs: Any,
) -> Any:
    """Return the object of a config that `serialize_keras_object` made, here or in Keras 3.

    Args:
        config: The config; plain values are returned as they are.
        custom_objects: Classes and functions of your own, by the names that the config has for them.
        safe_mode: False allows classes that run code from elsewhere. Anything but a bool is an error. Inside
            a load that is under way, the outermost caller's choice holds.
        kwargs: `module_objects`, where `config` may be a name in it; `variable_bytes`, how much memory the
            variables of built layers may take (16 GiB).

    Raises:
        SavingError: The config is malformed, nested too deep, or names a class that isn't registered.
        ValueError, TypeError: The class refuses its config.

    >>> import kerasfront as keras
    >>> config = keras.saving.serialize_keras_object(keras.initializers.Constant(2.0))
    >>> keras.saving.deserialize_keras_object(config).value
    2.0
    """
    module_objects = kwargs.pop("module_objects", None)
    kwargs.pop("printable_module_name", None)
    most = kwargs.pop("variable_bytes", MAX_VARIABLE_BYTES)
    if kwargs:
        raise unknown_argument("deserialize_keras_object()", kwargs, names_of(deserialize_keras_object))
    if isinstance(config, str) and module_objects is not None:
        return _of_modules(config, custom_objects, module_objects)
    with loading(custom_objects, safe_mode, most):
        return revive(config)


def _of_modules(name: str, custom_objects: Mapping[str, Any] | None, module_objects: Mapping[str, Any]) -> Any:
    match = get_registered_object(name, custom_objects, module_objects)
    if match is None:
        raise SavingError(f"Nothing is called '{name}'.{suggest(name, module_objects)}")
    return match() if isinstance(match, type) else match


def check_safe_mode(safe_mode: Any) -> bool:
    """`safe_mode`, which has two states."""
    if not isinstance(safe_mode, bool):
        raise SavingError(f"Expected `safe_mode` to be True or False, got {safe_mode!r}.")
    return safe_mode


@contextmanager
def loading(
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    variable_bytes: int | None = MAX_VARIABLE_BYTES,
) -> Iterator[_Load]:
    """Return what holds while configs become objects: custom objects, safe mode, the memory of variables.

    Inside a load that is under way, only custom objects are added: nothing that runs during a load can change
    what its caller said.
    """
    check_safe_mode(safe_mode)
    outermost = not _state.loads
    if outermost:
        _state.loads.append(_Load(safe_mode))
    try:
        with CustomObjectScope(custom_objects), Budget(variable_bytes) if outermost else nullcontext():
            yield _state.loads[-1]
    except RecursionError as error:
        if outermost:
            raise SavingError("The config is nested too deep.") from error
        raise
    finally:
        if outermost:
            _state.loads.clear()


def in_safe_mode() -> bool | None:
    """Return the safe mode of the load under way; None outside of one."""
    return _state.loads[-1].safe_mode if _state.loads else None


def revive(value: Any) -> Any:
    """Return a value of a config with the objects that it describes made; plain values stay as they are.

    It takes safe mode and custom objects from the load under way; outside of one, safe mode holds.
    """
    if not _state.loads:
        with loading() as load:
            load.copies = True
            return revive(value)
    return _revive(value, 0)


def _revive(value: Any, depth: int) -> Any:
    if depth > MAX_VALUE_DEPTH:
        raise SavingError(f"The config is nested too deep: more than {MAX_VALUE_DEPTH} lists and dicts.")
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        return type(value)([_revive(v, depth + 1) for v in value]) if type(value) in (list, tuple) else value
    if not isinstance(value, dict):
        return value
    if "class_name" in value and "config" in value:
        return _revive_object(value, depth)
    return {k: _revive(v, depth + 1) for k, v in value.items()}


def _revive_object(config: dict[str, Any], depth: int) -> Any:
    class_name = config["class_name"]
    if not isinstance(class_name, str):
        raise SavingError(f"Expected a config's `class_name` to be a string, got {class_name!r}.")
    if class_name in _SPECIAL:
        return _revive_special(class_name, config["config"], depth)
    load = _state.loads[-1]
    shared = config.get(_MARK)
    if isinstance(shared, int) and shared in load.shared:
        return load.shared[shared]
    if load.depth >= MAX_OBJECT_DEPTH:
        raise SavingError(f"The config is nested too deep: more than {MAX_OBJECT_DEPTH} objects inside each other.")
    load.depth += 1
    try:
        instance = _make_instance(config, class_name)
    finally:
        load.depth -= 1
    if isinstance(shared, int):
        load.shared[shared] = instance
    return instance


def _make_instance(config: dict[str, Any], class_name: str) -> Any:
    if class_name == _FUNCTION:
        return _function(config["config"])
    cls = find_class(config)
    inner = config["config"]
    if not isinstance(inner, dict):
        raise SavingError(f"Expected the config of {class_name} to be a dict, got {_abbreviated(inner)}.")
    if getattr(cls, "_carries_code", False) and in_safe_mode() is not False:
        raise SavingError(
            f"The config holds a {class_name}, which runs code that kerasfront can't see.",
            hint="If you trust where it came from, pass safe_mode=False.",
        )
    try:
        instance = cls.from_config(dict(inner) if cls.__module__.startswith("kerasfront.") else _with_values(inner))
    except (KeyError, IndexError, AttributeError, OverflowError, MemoryError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise SavingError(f"A {class_name} can't be made from its config {_abbreviated(inner)}. {detail}") from error
    if isinstance(instance, tuple(_built)):
        _build_and_compile(instance, config)
    return instance


def _build_and_compile(instance: Any, config: dict[str, Any]) -> None:
    build_config, compile_config = config.get("build_config"), config.get("compile_config")
    for name, part in (("build_config", build_config), ("compile_config", compile_config)):
        if part is not None and not isinstance(part, dict):
            raise SavingError(f"Expected the `{name}` of '{instance.name}' to be a dict, got {_abbreviated(part)}.")
    if build_config and not instance.built:
        instance.build_from_config(build_config)
        instance.built = True
    if not compile_config or not hasattr(instance, "compile_from_config"):
        return
    if _state.loads[-1].to_compile is None:
        instance.compile_from_config(compile_config)
    else:
        _state.loads[-1].to_compile.append((instance, compile_config))


# -- names


def find_class(config: Mapping[str, Any]) -> Any:
    """Return the class that a config's module, class name and registered name say, all three of them.

    Raises SavingError where it isn't registered, or the names say different things.
    """
    class_name, module, registered = config["class_name"], config.get("module"), config.get("registered_name")
    for name, value in (("module", module), ("registered_name", registered)):
        if value is not None and not isinstance(value, str):
            raise SavingError(
                f"Expected the `{name}` of the config of {class_name} to be a string, got {_abbreviated(value)}."
            )
    _fill_registry()
    # A class of ours is saved without a registered name: a user's that bears its name isn't meant.
    match = _known_class(class_name, module) if registered is None else None
    match = match or _custom_class(class_name, module, registered) or _known_class(class_name, module)
    if match is None:
        raise _unknown_class(class_name, module, registered)
    if not isinstance(match, type) or not hasattr(match, "from_config"):
        raise SavingError(f"'{class_name}' is {_abbreviated(match)}, which is no class with from_config().")
    return match


def _custom_class(class_name: str, module: str | None, registered: str | None) -> Any:
    """Return a class of the user's: under the registered name it must be the class that `class_name` says."""
    for names in _custom_mappings():
        if class_name in names:
            return names[class_name]
    match = get_registered_object(registered) if registered and registered != class_name else None
    if match is None:
        return None
    if getattr(match, "__name__", None) != class_name or _known_class(class_name, module) not in (
        None,
        match,
    ):
        raise SavingError(
            f"The config says two things: the class is '{class_name}' of {module!r}, and the registered name "
            f"is '{registered}', which is {_abbreviated(match)}."
        )
    return match


def _known_class(class_name: str, module: str | None) -> Any:
    if module is None:
        return None
    entries = _namespaces.get(module, {})
    if class_name in entries:
        return entries[class_name]
    return _internal_class(class_name, module) if module.startswith("keras.src.") else None


def _internal_class(class_name: str, module: str) -> Any:
    """Return a class that Keras wrote with its file's path: it is looked for in the namespaces of that topic."""
    topic = module.split(".")[2]
    for space in (f"keras.{topic}", "keras"):
        if class_name in _namespaces.get(space, {}):
            return _namespaces[space][class_name]
    return None


def _unknown_class(class_name: str, module: str | None, registered: str | None) -> SavingError:
    if module is not None and (module == "keras" or module.startswith("keras.")):
        entries = _namespaces.get(module) or {n: c for names in _namespaces.values() for n, c in names.items()}
        classes = [name for name, thing in entries.items() if name == getattr(thing, "__name__", None)]
        return SavingError(f"{module} has no class '{class_name}' here.{suggest(class_name, classes)}")
    options = [*(n.rpartition(">")[2] for names in _custom_mappings() for n in names)]
    named = f"{module}.{class_name}" if module else class_name
    return SavingError(
        f"The class '{named}' (registered as '{registered or class_name}') is not known here. What a file "
        f"names is never imported.{suggest(class_name, options)}",
        hint=_how_to_tell(class_name),
    )


def _how_to_tell(name: str) -> str:
    return f"Decorate it by saving.register_keras_serializable(), or pass custom_objects={{'{name}': ...}}."


def _function(name: Any) -> Any:
    """Return the function of a name: the user's, else the namespaces' in their order."""
    if not isinstance(name, str):
        raise SavingError(f"Expected the name of a function to be a string, got {_abbreviated(name)}.")
    _fill_registry()
    match = get_registered_object(name)
    if match is not None:
        return match
    for space in _FUNCTION_SPACES:
        thing = _namespaces.get(space, {}).get(name)
        if thing is not None and not isinstance(thing, type):
            return thing
    options = [n for s in _FUNCTION_SPACES for n, f in _namespaces.get(s, {}).items() if not isinstance(f, type)]
    options += [n for names in _custom_mappings() for n in names]
    raise SavingError(
        f"The function '{name}' is not known here.{suggest(name, options)}",
        hint=_how_to_tell(name),
    )


# -- values that no class makes


def _with_values(config: Any, depth: int = 0) -> Any:
    """Return a config for a user's own `from_config`: arrays and tuples are revived, objects stay configs.

    (Keras leaves the arrays and tuples in the form that the file has for them.)
    """
    if depth > MAX_VALUE_DEPTH or not isinstance(config, (dict, list)):
        return _revive(config, depth)
    if isinstance(config, list):
        return [_with_values(v, depth + 1) for v in config]
    if "class_name" in config and depth:
        return _revive(config, depth) if config["class_name"] in _SPECIAL else config
    return {k: _with_values(v, depth + 1) for k, v in config.items()}


def _revive_special(kind: str, config: Any, depth: int) -> Any:
    if kind == "__lambda__":
        return _revive_nameless(config)
    if not isinstance(config, dict):
        raise SavingError(f"Expected the config of {kind} to be a dict, got {_abbreviated(config)}.")
    try:
        return _SPECIAL[kind](config, depth)
    except (KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
        if isinstance(error, SavingError):
            raise
        raise SavingError(f"The config of a {kind} is malformed: {_abbreviated(config)}.") from error


def _array(config: dict[str, Any], depth: int) -> np.ndarray[Any, Any]:
    name = dtypes.standardize(config["dtype"])
    if name == "string":
        raise SavingError("An array of strings can't be made from a config.")
    values = config["value"]
    if not _is_numbers(values):
        raise SavingError(f"Expected the values of an array to be numbers, got {_abbreviated(values)}.")
    return np.asarray(values).astype(dtypes.to_numpy(name))


def _is_numbers(values: Any) -> bool:
    if isinstance(values, list):
        return all(_is_numbers(v) for v in values)
    return isinstance(values, (int, float))


def _symbolic(config: dict[str, Any], depth: int) -> KerasTensor:
    return KerasTensor(tuple(config["shape"]), config["dtype"])


def _slice(config: dict[str, Any], depth: int) -> slice:
    return slice(*(_revive(config[k], depth + 1) for k in ("start", "stop", "step")))


_SPECIAL: dict[str, Callable[[dict[str, Any], int], Any]] = {
    "__numpy__": _array,
    "__tensor__": lambda config, depth: ops.convert_to_tensor(_array(config, depth)),
    "__keras_tensor__": _symbolic,
    "__slice__": _slice,
    "__ellipsis__": lambda config, depth: Ellipsis,
    "__bytes__": lambda config, depth: config["value"].encode("utf-8"),
    "__tuple__": lambda config, depth: tuple(_revive(v, depth + 1) for v in config["value"]),
    "__lambda__": lambda config, depth: None,
}


def _abbreviated(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."


__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "register_keras_serializable",
    "serialize_keras_object",
]
