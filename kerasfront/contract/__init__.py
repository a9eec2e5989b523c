"""The contract: what an adapter supplies, how it is loaded, and which one the ops are bound to.

An adapter is a plug-in: a package that names an `Adapter` instance under the entry-point group `kerasfront.backends`.
It knows its framework and this contract, nothing else. `Adapter` is composed of one class for each part of the
contract (`Table`, `Convert`, `Store`, `Differentiate`, ...); each says what an adapter must supply for it, and has
bodies for the rest. `CAPABILITIES` lists the parts that are optional.

The conformance suite, `pytest --pyargs kerasfront.testing --kerasfront-backend=NAME`, holds an adapter to all of it.
"""

from kerasfront.contract.adapter import Adapter
from kerasfront.contract.assignment import assignment_scopes, assignments, vectorized_if_pure
from kerasfront.contract.binding import VERSION, bind, current, load, rebound, running
from kerasfront.contract.capabilities import CAPABILITIES, Capability
from kerasfront.contract.compile import Compile
from kerasfront.contract.composite import Composite
from kerasfront.contract.convert import Convert
from kerasfront.contract.devices import Devices
from kerasfront.contract.differentiate import Differentiate
from kerasfront.contract.draw import Draw
from kerasfront.contract.layer_hooks import LayerHooks
from kerasfront.contract.optimize import Optimize
from kerasfront.contract.store import Plain, Store
from kerasfront.contract.symbolic import Symbolic
from kerasfront.contract.table import Table
from kerasfront.ops.declare.runtime import Runtime

__all__ = [
    "CAPABILITIES",
    "VERSION",
    "Adapter",
    "Capability",
    "Compile",
    "Composite",
    "Convert",
    "Devices",
    "Differentiate",
    "Draw",
    "LayerHooks",
    "Optimize",
    "Plain",
    "Runtime",
    "Store",
    "Symbolic",
    "Table",
    "assignment_scopes",
    "assignments",
    "bind",
    "current",
    "load",
    "rebound",
    "running",
    "vectorized_if_pure",
]
