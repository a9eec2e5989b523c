"""The signatures of an adapter's functions, compared with the declarations of the ops that they stand for.

The front calls a function of a table with all the arguments of the op: by position, keyword-only ones by name. So any
function works that takes them in this order, and a wrong one fails, or worse, takes one argument for another. What is
checked depends on who wrote the function:

- One that the adapter's own package defines has the parameters that the op declares, with the same names in the same
  order. It may have more, with defaults of its own. Where both it and the declaration have a default, it is the same
  one. A function with `*args` stands for whatever it passes them on to, and is not checked.
- One of the framework has names of its own. It must take the number of arguments that the op has. Builtins and ufuncs
  whose signature can't be read are not checked.

The conformance suite checks every adapter. `contract.load` checks adapters that aren't ours, which takes some
milliseconds; our own were checked before they were published, and their import stays as fast as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from inspect import Parameter, Signature
from typing import Any

from kerasfront.contract.adapter import Adapter
from kerasfront.errors import BackendError
from kerasfront.ops.declare.op import OPS, Op

_STARS = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_REPORTED = 5


def differences(adapter: Adapter) -> Iterator[str]:
    """Yield a sentence for each function of the adapter's tables that doesn't fit the declaration of its op."""
    package = type(adapter).__module__.partition(".")[0]
    for table in (adapter.primitives, adapter.overrides, *adapter.composite_ops.values()):
        for name, function in table.items():
            if name in OPS and (problem := difference(OPS[name], function, package)) is not None:
                yield problem


def check(adapter: Adapter) -> None:
    """Raise a `BackendError` unless the functions of an adapter's tables fit the declarations of their ops."""
    problems = list(differences(adapter))
    if problems:
        more = f" And {len(problems) - _REPORTED} more." if len(problems) > _REPORTED else ""
        raise BackendError(
            f"The backend '{adapter.name}' has functions that don't fit their ops: "
            f"{' '.join(problems[:_REPORTED])}{more}",
            hint="A function of a table has the parameters of the op's declaration, in name, order and default.",
        )


def difference(op: Op, function: Callable[..., Any], package: str) -> str | None:
    """Return in a sentence how a function differs from its op's declaration, or None if it fits.

    Args:
        op: The op.
        function: What an adapter has for the op.
        package: The top-level package of the adapter, whose own functions must have the names of the declaration.
    """
    original = inspect.unwrap(function)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    declared, own = op.signature, (getattr(original, "__module__", None) or "").partition(".")[0] == package
    fits = _names_fit(declared, signature) if own else _takes(declared, signature)
    if fits:
        return None
    return f"ops.{op.name} expects {_shown(declared)}, and got {_shown(signature)}."


def _names_fit(declared: Signature, signature: Signature) -> bool:
    if any(p.kind in _STARS for p in signature.parameters.values()):
        return True
    expected, actual = list(declared.parameters.values()), list(signature.parameters.values())
    if [p.name for p in actual[: len(expected)]] != [p.name for p in expected]:
        return False
    same = all(
        p.default is Parameter.empty or q.default is Parameter.empty or _equal(p.default, q.default)
        for p, q in zip(expected, actual, strict=False)
    )
    return same and all(p.default is not Parameter.empty for p in actual[len(expected) :])


def _equal(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)


def _takes(declared: Signature, signature: Signature) -> bool:
    """Return whether a function takes the arguments of a declaration as the front passes them."""
    parameters = declared.parameters.values()
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    try:
        signature.bind(*places, **dict.fromkeys(names))
    except TypeError:
        return False
    return True


def _shown(signature: Signature) -> str:
    plain = [p.replace(annotation=Parameter.empty) for p in signature.parameters.values()]
    return str(Signature(plain))
