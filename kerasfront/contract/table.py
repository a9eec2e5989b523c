"""The tables of ops: which function of the framework stands for which op."""

from __future__ import annotations

from collections.abc import Mapping

from kerasfront.contract.native import OpFunction


class Table:
    """The part of an adapter that names it and maps ops to functions of its framework.

    Every adapter supplies `name`, `contract`, `distribution` and `primitives`. The functions are strict: the front
    calls them with native tensors that already have equal dtypes where the op's rule promotes, with `axis` as Python
    integers that may be negative, and with `dtype` as a canonical name ("float32"). Their parameters are those of the
    op's declaration, in name, order and default; `contract.signatures` says what is checked.
    """

    # The name by which a user chooses the backend.
    name: str = ""
    # The version of the contract that the adapter was written for. It is refused when the major number differs from
    # `contract.VERSION`, or the minor number is newer.
    contract: tuple[int, int] = (0, 0)
    # The distribution whose version is shown, such as "torch".
    distribution: str = ""
    # A function for each primitive op.
    primitives: Mapping[str, OpFunction] = {}
    # Faster or more exact functions for derived ops; the conformance suite compares them with the ops' own bodies.
    overrides: Mapping[str, OpFunction] = {}
    # The primitives that the framework can't do, each with the reason.
    gaps: Mapping[str, str] = {}
    # Where the framework has no kernel for a dtype: the dtype in which the op runs instead, before its result is cast
    # back. (Unsigned 64-bit integers wrap correctly as signed ones; from 2**63 on they compare and divide wrongly.)
    wider: Mapping[str, str] = {}

    def lacks_kernel(self, error: Exception) -> bool:
        """Return whether a function of the table failed because it has no kernel for the dtype of its arguments."""
        return False
