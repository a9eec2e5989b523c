"""How many annotations of kerasfront's public functions are a bare `Any`, which tells a type checker nothing.

    python tests/types/bare_any.py            # by package
    python tests/types/bare_any.py losses     # each place in a package

Public is what has no leading underscore, at each step of the way to it: module, class, function. A parameter counts
when it is no `self`, `cls`, `*args` or `**kwargs`, whose annotations say nothing in most libraries; a return always.
`Any | None` and `Optional[Any]` count as bare.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2] / "kerasfront"
# No user imports these: the suite for adapters, and the programs behind the commands.
NOT_COUNTED = {"testing", "cli", "benchmarking", "console"}
BARE = {"Any", "Any | None", "None | Any", "Optional[Any]"}


Function = ast.FunctionDef | ast.AsyncFunctionDef


class Place(NamedTuple):
    """One annotation."""

    package: str
    where: str
    kind: str  # "parameter" or "return"
    bare: bool


def _functions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Function, bool]]:
    """Yield the public functions of a body, with their names and whether they are methods."""
    for node in body:
        name = getattr(node, "name", "")
        if name.startswith("_") and name not in ("__init__", "__call__"):
            continue
        if isinstance(node, Function):
            yield f"{prefix}{name}", node, bool(prefix)
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{name}.")


def _annotations(function: Function, is_method: bool) -> Iterator[tuple[str, str, str]]:
    """Yield the kind, the name and the text of each annotation."""
    positional = [*function.args.posonlyargs, *function.args.args]
    is_static = any(getattr(d, "id", "") == "staticmethod" for d in function.decorator_list)
    for argument in [*positional[is_method and not is_static :], *function.args.kwonlyargs]:
        yield "parameter", argument.arg, ast.unparse(argument.annotation) if argument.annotation else "Any"
    if function.name != "__init__":
        yield "return", "return", ast.unparse(function.returns) if function.returns else "Any"


def places(root: Path = ROOT) -> Iterator[Place]:
    """Yield every annotation of a public function."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if any(part.startswith("_") and part != "__init__" for part in parts) or parts[0] in NOT_COUNTED:
            continue
        for name, function, is_method in _functions(ast.parse(path.read_text()).body):
            for kind, argument, text in _annotations(function, is_method):
                where = f"{path.relative_to(root)}:{function.lineno} {name}({argument})"
                yield Place(parts[0], where, kind, text in BARE)


def shares(found: list[Place]) -> dict[str, float]:
    """Return the percentage of bare annotations, for parameters and for returns."""
    count = Counter((place.kind, place.bare) for place in found)
    return {
        kind: 100 * count[kind, True] / max(1, count[kind, True] + count[kind, False])
        for kind in ("parameter", "return")
    }


def main(packages: list[str]) -> None:
    """Print the table, or the places of some packages."""
    every = list(places())
    if packages:
        print(*(p.where for p in every if p.bare and p.package in packages), sep="\n")
        return
    for package in [*sorted({p.package for p in every}), "all"]:
        own = [p for p in every if package in (p.package, "all")]
        bare = Counter(p.kind for p in own if p.bare)
        both = shares(own)
        print(
            f"{package:18}{bare['parameter']:5} parameters {both['parameter']:5.1f} %"
            f"{bare['return']:5} returns {both['return']:5.1f} %"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
