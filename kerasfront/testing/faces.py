"""The modules that show ops, activations and random draws to users, written from the declarations.

    python -m kerasfront.testing.faces [--write]

Each declaration says in which public namespaces it is (`spaces=`, or `@public`). A namespace is a module of explicit
imports, which type checkers read and which imports as fast as any. `--write` writes these modules anew; without it, the
exit status says whether they are up to date. The docstring of a module is written by hand and stays.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import pkgutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import kerasfront
from kerasfront.ops.declare import FUNCTIONS

ROOT = Path(kerasfront.__file__).parent

# The packages whose modules hold declarations.
PACKAGES = ("kerasfront.activations", "kerasfront.ops", "kerasfront.random")
# The namespaces, each with the namespaces that it shows beside functions.
NAMESPACES: dict[str, tuple[str, ...]] = {
    "activations": (),
    "ops": ("image", "linalg", "nn", "numpy"),
    "ops.image": (),
    "ops.linalg": (),
    "ops.nn": (),
    "ops.numpy": (),
    "random": (),
}
# What a namespace imports for its effect alone.
EFFECTS = {
    "ops": "from kerasfront.ops import catalogue as _catalogue  # noqa: F401  (declares all the ops)",
}
# By namespace, the package above it from which names are taken at their first use.
LATE = {"ops.image": "kerasfront.random"}


def declared() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the module, the name and the namespaces of each public function."""
    for package in PACKAGES:
        for info in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                if getattr(value, "__module__", None) == info.name and not name.startswith("_"):
                    yield info.name, name, _spaces(value)


def _spaces(value: Any) -> tuple[str, ...]:
    op = getattr(value, "op", None)
    return FUNCTIONS.get(value, ()) if op is None else op.spaces


def members(namespace: str) -> dict[str, list[str]]:
    """Return the names that a namespace shows, by the module that each comes from."""
    names = defaultdict(list)
    for module, name, spaces in declared():
        if namespace in spaces:
            names[module].append(name)
    return dict(sorted(names.items()))


def path(namespace: str) -> Path:
    """Return the file of a namespace."""
    stem = ROOT.joinpath(*namespace.split("."))
    return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")


def text(namespace: str) -> str:
    """Return the source of a namespace, in the project's format."""
    docstring = ast.get_docstring(ast.parse(path(namespace).read_text(encoding="utf-8")), clean=False)
    early: dict[str, list[str]] = {}
    late: dict[str, list[str]] = {}
    for module, names in members(namespace).items():
        above = LATE.get(namespace)
        (late if above is not None and module.startswith(f"{above}.") else early)[module] = names
    shown = sorted([*NAMESPACES[namespace], *(n for names in (*early.values(), *late.values()) for n in names)])
    parts = [
        f'"""{docstring}"""',
        "" if not late else "from typing import TYPE_CHECKING\n\nfrom kerasfront import lazy",
        _imports(namespace, early),
        _late_imports(late) if late else "",
        f"__all__ = {shown!r}",
        "def __dir__() -> list[str]:\n    return __all__",
    ]
    return _formatted("\n\n".join(filter(None, parts)) + "\n")


def _imports(namespace: str, modules: dict[str, list[str]]) -> str:
    lines = [f"from {module} import {', '.join(sorted(names))}" for module, names in modules.items()]
    if NAMESPACES[namespace]:
        lines.append(f"from kerasfront.{namespace} import {', '.join(NAMESPACES[namespace])}")
    if namespace in EFFECTS:
        lines.append(EFFECTS[namespace])
    return "\n".join(lines)


def _late_imports(modules: dict[str, list[str]]) -> str:
    pairs = [(name, module) for module, names in modules.items() for name in names]
    imports = "\n".join(f"    from {module} import {name} as {name}" for name, module in pairs)
    return f"if TYPE_CHECKING:\n{imports}\nelse:\n    __getattr__ = lazy.attributes(__name__, {dict(pairs)!r})"


def _formatted(source: str) -> str:
    for command in (["check", "--fix-only", "--select", "I"], ["format"]):
        call = [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", "kerasfront/face.py", "-"]
        source = subprocess.run(call, input=source, capture_output=True, text=True, check=True, cwd=ROOT.parent).stdout
    return source


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the modules; return the exit status."""
    parser = argparse.ArgumentParser(description="The modules that show ops, activations and random draws.")
    parser.add_argument("--write", action="store_true", help="write the modules that are out of date")
    options = parser.parse_args(arguments)
    texts = {path(namespace): text(namespace) for namespace in NAMESPACES}
    stale = {file: new for file, new in texts.items() if new != file.read_text(encoding="utf-8")}
    for file, new in stale.items():
        print(f"{file} {'is written' if options.write else 'is out of date'}.")
        if options.write:
            file.write_text(new, encoding="utf-8")
    return 0 if options.write or not stale else 1


if __name__ == "__main__":
    sys.exit(main())
