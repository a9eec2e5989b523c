"""The base class of adapters: all parts of the contract in one class."""

from __future__ import annotations

import importlib.metadata

from kerasfront.contract.compile import Compile
from kerasfront.contract.composite import Composite
from kerasfront.contract.convert import Convert
from kerasfront.contract.devices import Devices
from kerasfront.contract.differentiate import Differentiate
from kerasfront.contract.draw import Draw
from kerasfront.contract.layer_hooks import LayerHooks
from kerasfront.contract.optimize import Optimize
from kerasfront.contract.store import Store
from kerasfront.contract.symbolic import Symbolic
from kerasfront.contract.table import Table
from kerasfront.errors import CapabilityError


class Adapter(Store, Convert, Differentiate, Compile, Composite, Draw, Symbolic, LayerHooks, Optimize, Devices, Table):
    """The base class of adapters.

    Each of its bases is one part of the contract, and says what must be supplied for it; the bodies there serve where a
    framework needs nothing special. `contract.CAPABILITIES` lists the optional parts by name.
    """

    # What the framework can do beyond ops: names from `contract.CAPABILITIES`.
    capabilities: frozenset[str] = frozenset()

    def version(self) -> str:
        """Return the version of the framework."""
        return importlib.metadata.version(self.distribution)

    def need(self, capability: str) -> None:
        """Raise `CapabilityError` unless the adapter declares a capability."""
        if capability not in self.capabilities:
            raise CapabilityError(
                f"The backend '{self.name}' has no {capability}.",
                hint="`kerasfront doctor` lists what each backend can do.",
            )

    def hidden_frames(self) -> str | None:
        """Return the folder whose frames the framework leaves out of tracebacks at present, or None if it doesn't."""
        return None
