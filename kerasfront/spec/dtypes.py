"""The dtype lattice: one promotion rule for every backend, in every order of the arguments.

The lattice is the one of JAX (https://docs.jax.dev/en/latest/type_promotion.html): Python scalars are weak, an
integer joined with a float keeps the float's width, and float16 joined with bfloat16 is float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy as np

from kerasfront import settings
from kerasfront.errors import DTypeError, suggest

BOOL = ("bool",)
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
SIGNED = ("int8", "int16", "int32", "int64")
INTEGERS = UNSIGNED + SIGNED
FLOAT8 = ("float8_e4m3fn", "float8_e5m2")
FLOATS = ("bfloat16", "float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
ALL = BOOL + INTEGERS + FLOATS + COMPLEX
NAMES = frozenset(ALL + FLOAT8 + ("string",))

# An edge leads from a dtype to those next above it; "int*", "float*" and "complex*" are the weak Python scalars.
_ABOVE: dict[str, tuple[str, ...]] = {
    "bool": ("int*",),
    "int*": ("uint8", "int8"),
    "uint8": ("int16", "uint16"),
    "uint16": ("int32", "uint32"),
    "uint32": ("int64", "uint64"),
    "uint64": ("float*",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float*",),
    "float*": ("bfloat16", "float16", "complex*", *FLOAT8),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64", "complex64"),
    "float64": ("complex128",),
    "complex*": ("complex64",),
    "complex64": ("complex128",),
    "complex128": (),
    "float8_e4m3fn": (),
    "float8_e5m2": (),
    "string": (),
}
_ORDER = list(_ABOVE)


def _upper_set(name: str) -> frozenset[str]:
    out = {name}
    for above in _ABOVE[name]:
        out |= _upper_set(above)
    return frozenset(out)


_UPPER = {name: _upper_set(name) for name in _ABOVE}
_WEAK = {bool: "bool", int: "int*", float: "float*", complex: "complex*"}
_ALIASES = {
    "int": "int32",
    "half": "float16",
    "double": "float64",
    "str": "string",
    "string_": "string",
    "bool_": "bool",
}


def weak(value: bool | int | float | complex) -> str:
    """Return the lattice's name for a Python scalar."""
    return _WEAK[type(value)]


class _Bound:
    """What the bound backend makes of a dtype that it hasn't."""

    held: Callable[[str], str] = staticmethod(lambda name: name)


def bind(held_by_backend: Callable[[str], str]) -> None:
    """Told by the contract: what the backend makes of each dtype."""
    _Bound.held = staticmethod(held_by_backend)


def held(name: str) -> str:
    """Return the dtype of a tensor that is asked for in `name`: JAX has 64 bits only where it was told to."""
    return _Bound.held(name)


@lru_cache(maxsize=4096)
def _join(names: tuple[str, ...], floatx: str) -> str:
    uppers = frozenset.intersection(*(_UPPER[name] for name in names))
    for name in sorted(uppers, key=lambda n: -len(_UPPER[n])):
        if all(other in _UPPER[name] for other in uppers):
            break
    else:
        raise DTypeError(f"The dtypes {', '.join(names)} have no common dtype; cast one of them explicitly.")
    return {"int*": "int32", "float*": floatx, "complex*": "complex64"}.get(name, name)


def promote(*names: str) -> str:
    """Return the common dtype of canonical names, weak scalars included.

    >>> promote("float16", "bfloat16"), promote("int64", "float16"), promote("int8", "uint8")
    ('float32', 'float16', 'int16')
    """
    return held(_join(names, settings.floatx()))


def floating(*names: str) -> str:
    """Return the common dtype, made inexact: integers and booleans become `floatx()`.

    >>> floating("bfloat16"), floating("int64", "float16")
    ('bfloat16', 'float16')
    """
    return held(_join((*names, "float*"), settings.floatx()))


def summed(name: str) -> str:
    """Return the dtype in which a sum or product of `name` accumulates: narrow integers widen to 32 bits."""
    if name in ("bool", "int8", "int16"):
        return "int32"
    return "uint32" if name in ("uint8", "uint16") else name


def is_float(name: str) -> bool:
    return name.startswith(("float", "bfloat"))


def is_int(name: str) -> bool:
    return name.startswith(("int", "uint"))


def is_complex(name: str) -> bool:
    return name.startswith("complex")


@lru_cache(maxsize=1024)
def _standard(text: str) -> str:
    name = text.split(".")[-1] if text.startswith(("torch.", "tf.", "jnp.", "np.", "numpy.")) else text
    name = _ALIASES.get(name, name)
    if name.startswith(("<U", "<S", "|S")) or name.rstrip("0123456789") in ("str", "bytes", "object"):  # NumPy's
        name = "string"
    if name not in NAMES:
        raise DTypeError(
            f"'{text}' is no dtype.{suggest(name, sorted(NAMES))} Expected one of: {', '.join(sorted(NAMES))}."
        )
    return name


def standardize(dtype: Any) -> str:
    """Return the canonical name of a dtype given as a name, a Python type, or a NumPy, torch, JAX or TensorFlow dtype.

    `None` and `float` mean `floatx()`, `int` means "int32". Raises `DTypeError` for anything else.

    >>> standardize(np.float16), standardize(int), standardize("torch.int64")
    ('float16', 'int32', 'int64')
    """
    if dtype.__class__ is str and dtype in NAMES:
        return str(dtype)
    # A string only: np.dtype("float64") == "float" as well.
    if dtype is None or dtype is float or (isinstance(dtype, str) and dtype == "float"):
        return settings.floatx()
    if isinstance(dtype, type) and dtype in (bool, int, complex, str):
        return {bool: "bool", int: "int32", complex: "complex64", str: "string"}[dtype]
    if isinstance(dtype, str):
        return _standard(dtype)
    if isinstance(dtype, type) and issubclass(dtype, np.generic):
        return _standard(np.dtype(dtype).name)
    text = getattr(dtype, "name", None)
    return _standard(text if isinstance(text, str) else str(dtype))


def to_numpy(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype of a canonical name (bfloat16 and float8 by ml_dtypes; strings are objects)."""
    if name == "string":
        return np.dtype(object)
    return np.dtype(getattr(ml_dtypes, name)) if name == "bfloat16" or name.startswith("float8") else np.dtype(name)


# ---- dtype rules of the op declarations ---------------------------------------------------------------------------


class Rule:
    """How an op treats the dtypes of its tensor arguments.

    `operands(names)` is the dtype to which they are cast before the adapter sees them (None: left as they are), and
    `result(operand, arguments)` the dtype of the result. `sentence` is what the docstrings of its ops say of that.
    """

    casts: bool
    operands: Callable[..., str | None]
    result: Callable[[str, dict[str, Any]], str]
    name: str
    sentence: str

    def __init__(
        self,
        operands: Callable[..., str | None] | None = None,
        result: Callable[[str, dict[str, Any]], str] | None = None,
        name: str = "",
        sentence: str = "",
    ) -> None:
        self.casts = operands is not None
        self.operands = operands or (lambda *names: None)
        self.result = result or (lambda operand, arguments: operand)
        self.name, self.sentence = name, sentence

    def __repr__(self) -> str:
        return f"Rule({self.name})"


def fixed(name: str, operands: Callable[..., str | None] | None = None, sentence: str = "") -> Rule:
    """Return the rule whose result is always `name`."""
    return Rule(operands, lambda operand, arguments: name, f"fixed {name}", sentence or f"The result is {name}.")


def _asked(operand: str, arguments: dict[str, Any]) -> str:
    dtype = arguments.get("dtype")
    return operand if dtype is None else standardize(dtype)


_REAL_OF = {"complex64": "float32", "complex128": "float64"}

_COMMON = "The tensors are cast to their common dtype, which is that of the result"

SAME = Rule(name="same")
PROMOTE = Rule(promote, name="promote", sentence=f"{_COMMON}.")
# Products of int8 (and of bool with it) add up in int32, as hardware multiplies them.
MULTIPLIED = Rule(
    lambda *names: "int32" if promote(*names) == "int8" else promote(*names),
    name="multiplied",
    sentence=f"{_COMMON}; int8 gives int32.",
)
NUMERIC = Rule(
    lambda *names: "int32" if promote(*names) == "bool" else promote(*names),
    name="numeric",
    sentence=f"{_COMMON}; booleans count as int32.",
)
FLOATING = Rule(
    floating,
    name="floating",
    sentence="Integers and booleans become `floatx()`; the result has the common float dtype of the tensors.",
)
BOOLEAN = fixed("bool", promote, "The tensors are cast to their common dtype; the result is boolean.")
LOGICAL = fixed("bool", lambda *names: "bool", "The tensors are cast to bool, which is the dtype of the result.")
INT32 = fixed("int32")
SUMMED = Rule(
    lambda *names: summed(promote(*names)),
    name="summed",
    sentence="Integers narrower than 32 bits add up, and come back, in 32 bits; other dtypes stay.",
)
REAL = Rule(
    floating,
    lambda operand, arguments: _REAL_OF.get(operand, operand),
    "real",
    "Integers and booleans become `floatx()`; complex tensors give real ones.",
)
ABSOLUTE = Rule(
    None,
    lambda operand, arguments: _REAL_OF.get(operand, operand),
    "absolute",
    "The result has the tensor's dtype; complex tensors give real ones.",
)
ASKED = Rule(
    None,
    lambda operand, arguments: standardize(arguments.get("dtype")),
    "the dtype argument",
    "The result has the dtype `dtype`.",
)
LIKE = Rule(
    None, _asked, "the dtype argument, or the input's", "The result has the dtype `dtype`; None: that of the tensor."
)


def of_values(value: np.ndarray[Any, Any]) -> str:
    """Return the dtype of a tensor made from Python values: int32 (int64 where they need it), floatx, bool, ..."""
    kind = value.dtype.kind
    if kind in "iu":
        fits = value.size == 0 or (value.min() >= -(2**31) and value.max() < 2**31)
        return "int32" if fits else value.dtype.name
    return {"f": settings.floatx(), "b": "bool", "c": "complex64"}.get(kind, "string")
