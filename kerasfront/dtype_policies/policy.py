"""DTypePolicy, and the one of layers that are given none."""

from __future__ import annotations

from typing import Any

from kerasfront import settings
from kerasfront.arguments import Constructed
from kerasfront.errors import suggest
from kerasfront.ops.inputs import convert_input
from kerasfront.spec import dtypes
from kerasfront.typing import Config, DTypeLike

MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy(Constructed):
    """A compute dtype and a variable dtype.

    Args:
        name: A dtype (both are it), or "mixed_float16" or "mixed_bfloat16" (variables in float32); None means
            `floatx()`.

    Raises:
        ValueError: The name is neither.

    >>> import kerasfront as keras
    >>> p = keras.DTypePolicy("mixed_bfloat16")
    >>> p.compute_dtype, p.variable_dtype
    ('bfloat16', 'float32')
    """

    _name: str
    _compute_dtype: str
    _variable_dtype: str

    def __init__(self, name: str | None = None) -> None:
        name = name or settings.floatx()
        if not isinstance(name, str):
            raise TypeError(f"Expected the `name` of a dtype policy to be a string, got {name!r}.")
        if name in MIXED:
            self._compute_dtype, self._variable_dtype = MIXED[name], "float32"
        elif name in dtypes.NAMES:
            self._compute_dtype = self._variable_dtype = name
        else:
            near = suggest(name, sorted((*MIXED, *dtypes.NAMES)))
            raise ValueError(f"'{name}' is no dtype policy.{near}")
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def compute_dtype(self) -> str:
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self._variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """One of "int8", "int4", "float8", "gptq" and "awq"; None where nothing is quantized."""
        return None

    def convert_input(self, x: Any, autocast: bool, dtype: DTypeLike) -> Any:
        """Return an array as a tensor, and a float tensor in `dtype` where `autocast` is true."""
        return convert_input(x, autocast, dtypes.standardize(dtype))

    def get_config(self) -> Config:
        """Return the arguments of an equal policy."""
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: Config) -> DTypePolicy:
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        return hash(self.name)


_global: DTypePolicy | None = None


def dtype_policy() -> DTypePolicy:
    """Return the policy of layers that were given none: what `set_dtype_policy` set, else `floatx()`."""
    return _global or DTypePolicy(settings.floatx())


def set_global(policy: DTypePolicy) -> None:
    global _global
    _global = policy
