"""How much a file may ask for before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

MIB, GIB = 2**20, 2**30


@dataclass(frozen=True)
class Limits:
    """Absolute caps on what loading a file may use; pass other ones as `limits` to the functions that load.

    Args:
        config_bytes: The size of config.json and of other JSON, inflated.
        members: How many members an archive may have, and how many groups and datasets an HDF5 file.
        asset_bytes: The size of all assets of an archive together, inflated.
        weight_bytes: The size of all weights of a file together, as their shapes declare it.
        variable_bytes: The size of the variables that a config without weights may make.

    >>> import kerasfront as keras
    >>> keras.saving.Limits(config_bytes=1000).config_bytes
    1000
    """

    config_bytes: int = 64 * MIB
    members: int = 200_000
    asset_bytes: int = 16 * GIB
    weight_bytes: int = 1024 * GIB
    variable_bytes: int = 16 * GIB


DEFAULT = Limits()
