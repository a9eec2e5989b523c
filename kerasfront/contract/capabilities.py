"""What an adapter can do beyond the table of ops: the names of capabilities, and what must be supplied for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

# The methods that every adapter supplies.
REQUIRED: Sequence[str] = ("to_tensor", "to_numpy", "cast", "stage")


class Capability(NamedTuple):
    """A capability: what it gives a user, and the methods that an adapter must supply to declare it."""

    meaning: str
    methods: Sequence[str] = ()


# Those without methods need none: the tables of ops and dtypes say what there is, or later versions of the contract
# will say what an adapter supplies.
CAPABILITIES: Mapping[str, Capability] = {
    "gradients": Capability("models train", ("value_and_grad", "vjp", "jvp", "stop_gradient", "custom_gradient")),
    "compile": Capability("steps are compiled", ("compile_step",)),
    "complex": Capability("tensors may be complex"),
    "sparse": Capability("tensors may be sparse", ("map_values", "to_dense", "to_sparse", "sparse_of")),
    "ragged": Capability("tensors may be ragged", ("map_values", "to_dense", "to_ragged")),
    "distribution": Capability("one model runs on several devices (reserved for a later version)"),
    "export": Capability("models are written for the framework's own runtime (reserved for a later version)"),
}
