"""The policies of layers whose weights are quantized."""

from __future__ import annotations

from typing import Any

from kerasfront.dtype_policies.policy import DTypePolicy, dtype_policy
from kerasfront.errors import suggest

MODES = ("int8", "int4", "float8", "gptq", "awq")


class QuantizedDTypePolicy(DTypePolicy):
    """Quantized weights in a layer that else has the policy `source_name`.

    Unlike in Keras, the source may compute in float16 too: products are scaled in float32 before they are cast.

    Args:
        mode: "int8", "int4" or "float8".
        source_name: The policy that the layer had before ("float32", "mixed_bfloat16"); None means the global one.

    Raises:
        ValueError: The mode is unknown, or `source_name` names no policy of floats.

    >>> import kerasfront as keras
    >>> p = keras.dtype_policies.get("int8_from_mixed_bfloat16")
    >>> p.quantization_mode, p.compute_dtype, p.variable_dtype
    ('int8', 'bfloat16', 'float32')
    """

    # How errors describe a valid mode.
    _form = "'int8', 'int4' or 'float8'"

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        source = dtype_policy() if source_name is None else DTypePolicy(source_name)
        if isinstance(source, QuantizedDTypePolicy):
            source = DTypePolicy(source.source_name)
        super().__init__(source.name)
        self._mode, self._source_name = mode, source.name
        self._name = f"{mode}_from_{source.name}"
        self._read(mode.split("/") if isinstance(mode, str) else [])

    def _read(self, parts: list[str]) -> None:
        if len(parts) != 1 or parts[0] not in MODES[:3]:
            raise self._wrong(suggest(self._mode, MODES[:3]))

    def _wrong(self, more: str = "") -> ValueError:
        return ValueError(
            f"Expected the `mode` of a {type(self).__name__} to be {self._form}, got {self._mode!r}.{more}"
        )

    @property
    def quantization_mode(self) -> str:
        return self._mode.split("/")[0]

    @property
    def source_name(self) -> str:
        """The policy that the layer had before it was quantized."""
        return self._source_name

    def get_config(self) -> dict[str, Any]:
        return {"mode": self._mode, "source_name": self._source_name}


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """Training in float8, with scales from the largest values of the last steps.

    Args:
        mode: "float8".
        source_name: The policy that the layer had before; None means the global one.
        amax_history_length: How many steps are looked back on.

    Raises:
        ValueError: The mode is another, or the length no positive integer.

    >>> import kerasfront as keras
    >>> keras.dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", 16).amax_history_length
    16
    """

    _form = "'float8'"
    default_amax_history_length = 1024

    def __init__(self, mode: str, source_name: str | None = None, amax_history_length: int = 1024) -> None:
        super().__init__(mode, source_name)
        if isinstance(amax_history_length, bool) or not isinstance(amax_history_length, int) or amax_history_length < 1:
            raise ValueError(f"Expected `amax_history_length` to be a positive integer, got {amax_history_length!r}.")
        self._amax_history_length = amax_history_length

    def _read(self, parts: list[str]) -> None:
        if parts != ["float8"]:
            raise self._wrong()

    @property
    def amax_history_length(self) -> int:
        """How many steps are looked back on."""
        return self._amax_history_length

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amax_history_length": self._amax_history_length}


class Int4DTypePolicy(QuantizedDTypePolicy):
    """int4 weights with a scale for each block of inputs.

    Args:
        mode: "int4/<block size>", such as "int4/128"; -1: one scale for each output.
        source_name: The policy that the layer had before; None means the global one.

    Raises:
        ValueError: The mode is malformed.

    >>> import kerasfront as keras
    >>> keras.dtype_policies.get("int4/64_from_float32").block_size
    64
    """

    _form = "'int4/<block size>' with a positive block size or -1"
    block_size: int

    def _read(self, parts: list[str]) -> None:
        if len(parts) != 2 or parts[0] != "int4":
            raise self._wrong()
        self.block_size = self._size(parts[1])

    def _size(self, text: str) -> int:
        digits = text.removeprefix("-")
        size = int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
        if size < 1 and size != -1:
            raise self._wrong()
        return size


class GPTQDTypePolicy(Int4DTypePolicy):
    """Weights of a few bits, found by GPTQ, with a scale for each group of inputs.

    Args:
        mode: "gptq/<bits>/<group size>", such as "gptq/4/128"; bits are 2, 3, 4 or 8, a group size of -1 means one
            group.
        source_name: The policy that the layer had before; None means the global one.

    Raises:
        ValueError: The mode is malformed.

    >>> import kerasfront as keras
    >>> p = keras.dtype_policies.get("gptq/4/128_from_float32")
    >>> p.quantization_mode, p.weight_bits, p.group_size
    ('gptq', 4, 128)
    """

    _form = "'gptq/<bits>/<group size>' with 2, 3, 4 or 8 bits and a positive group size or -1"
    _kind = "gptq"
    _bits: tuple[str, ...] = ("2", "3", "4", "8")
    weight_bits: int
    group_size: int

    def _read(self, parts: list[str]) -> None:
        if len(parts) != 3 or parts[0] != self._kind or parts[1] not in self._bits:
            raise self._wrong()
        self.weight_bits, self.group_size = int(parts[1]), self._size(parts[2])
        self.block_size: int = self.group_size


class AWQDTypePolicy(GPTQDTypePolicy):
    """Weights of 4 bits, found by AWQ, with a scale for each group of inputs.

    Args:
        mode: "awq/4/<group size>", such as "awq/4/128"; a group size of -1 means one group.
        source_name: The policy that the layer had before; None means the global one.

    Raises:
        ValueError: The mode is malformed.

    >>> import kerasfront as keras
    >>> keras.dtype_policies.get("awq/4/32_from_float32").group_size
    32
    """

    _form = "'awq/4/<group size>' with a positive group size or -1"
    _kind = "awq"
    _bits = ("4",)


def from_name(name: str) -> QuantizedDTypePolicy | None:
    """Return the policy of a name like "int8_from_float32"; None for a name of another form."""
    mode, _, source = name.partition("_from_")
    kind = mode.split("/")[0]
    if not source or kind not in MODES:
        return None
    classes = {"float8": QuantizedFloat8DTypePolicy, "gptq": GPTQDTypePolicy, "awq": AWQDTypePolicy}
    cls = Int4DTypePolicy if mode.startswith("int4/") else classes.get(kind, QuantizedDTypePolicy)
    return cls(mode, source)
