"""The rules of the house that no linter knows: read off the source, file by file."""

import ast
import functools
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FRONT = sorted((ROOT / "kerasfront").rglob("*.py"))
ADAPTERS = sorted((ROOT / "backends").rglob("*.py"))


@functools.cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["kerasfront" if node.level else node.module or ""]
    return []


def imports_inside_functions(tree):
    """The lines inside functions that import something of ours."""
    functions = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))]
    nodes = (node for function in functions for node in ast.walk(function))
    found = {node.lineno: imported(node) for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))}
    return [line for line, names in found.items() if any(name.startswith("kerasfront") for name in names)]


def asks_for_the_backend(tree):
    """The lines that compare a call or a name of `backend` with something, as in `backend() == "torch"`."""

    def names_it(node):
        if isinstance(node, ast.Call) and not node.args:
            name = node.func
            return getattr(name, "attr", getattr(name, "id", None)) == "backend"
        return False

    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Compare) and any(map(names_it, [node.left, *node.comparators])))
        or (isinstance(node, ast.Match) and names_it(node.subject))
    ]


def fills_in_another(tree):
    """The lines of a module that set an attribute of what it imports from us, when it is imported itself."""
    imports = [n for n in tree.body if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("kerasfront")]
    names = {alias.asname or alias.name for node in imports for alias in node.names}
    lines = []
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            is_setattr = getattr(node.value.func, "id", None) == "setattr"
            targets = [ast.Attribute(node.value.args[0], "")] if is_setattr else []
        for target in targets:
            root = target
            while isinstance(root, ast.Attribute):
                root = root.value
            lines += [node.lineno] if root is not target and getattr(root, "id", None) in names else []
    return lines


def test_the_checks_find_what_they_look_for():
    tree = ast.parse("from kerasfront import ops\nops.hook = 1\nops.a.b = 2\nsetattr(ops, 'c', 3)\nx = ops.y\n")
    assert fills_in_another(tree) == [2, 3, 4]
    tree = ast.parse("def f():\n    import numpy\n    from kerasfront import ops\n    from . import x\n")
    assert imports_inside_functions(tree) == [3, 4]
    tree = ast.parse(
        "if config.backend() == 'torch':\n    pass\nx = 'jax' in (backend(),)\nif backend() in 'ab': pass\n"
    )
    assert asks_for_the_backend(tree) == [1, 4]


@pytest.mark.parametrize("path", FRONT + ADAPTERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_of_ours_is_imported_inside_a_function(path):
    assert imports_inside_functions(parse(path)) == []


@pytest.mark.parametrize("path", FRONT, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_fills_in_another_when_it_is_imported(path):
    assert fills_in_another(parse(path)) == []


@pytest.mark.parametrize("path", FRONT, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_front_never_asks_which_backend_it_runs_on(path):
    assert asks_for_the_backend(parse(path)) == []


@pytest.mark.parametrize("path", FRONT, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_interop_looks_for_other_libraries_among_the_loaded_modules(path):
    attributes = [node for node in ast.walk(parse(path)) if isinstance(node, ast.Attribute)]
    looks = [node for node in attributes if node.attr == "modules" and ast.unparse(node.value) == "sys"]
    # What loads this package's own names late finds only its own modules there.
    allowed = path.parent == ROOT / "kerasfront" / "interop" or path == ROOT / "kerasfront" / "lazy.py"
    assert allowed or not looks


@pytest.mark.parametrize("path", FRONT + ADAPTERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_bare_except_and_nothing_left_to_do(path):
    bare = [n.lineno for n in ast.walk(parse(path)) if isinstance(n, ast.ExceptHandler) and n.type is None]
    assert bare == []
    assert re.findall(r"\b(?:TODO|FIXME|XXX)\b", path.read_text(encoding="utf-8")) == []


def test_pins_are_exact():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []


def test_make_help_lists_every_target():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split()
    assert re.findall(r"^  make ([\w-]+)", listed, re.MULTILINE) == phony


# What shows times, and what writes them into files.
OF_TIME = {"saving/keras_archive.py", "callbacks/tensorboard.py", "callbacks/event_writer.py", "console/progbar.py"}
OF_COMMANDS = ("benchmarking", "cli")


def test_nothing_that_is_computed_depends_on_the_clock():
    """Whether batches go together, for one, changes the last digits of what training gives."""
    files = {file.relative_to(ROOT / "kerasfront").as_posix(): file for file in FRONT}
    rest = {name: file for name, file in files.items() if name.split("/")[0] not in OF_COMMANDS}
    clocks = {
        name
        for name, file in [*rest.items(), *((f.name, f) for f in ADAPTERS)]
        if any({"time", "datetime"} & set(imported(node)) for node in ast.walk(parse(file)))
    }
    assert clocks == OF_TIME


# Pages that say where things are: `path`, or `path:name` for a function, class or table of the file.
PAGES = ("CONTRIBUTING.md", "docs/architecture.md")
PLACE = re.compile(r"\b((?:kerasfront|kerasfront_bench|backends|tests|docs|benchmarks)/[\w./<>-]*[\w>/])(?::(\w+))?")


def names_of(path):
    """The names that a module defines."""
    names = set()
    for node in parse(path).body:
        names |= {node.name} if hasattr(node, "name") else set()
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return names


@pytest.mark.parametrize("page", PAGES)
def test_every_place_that_a_page_names_is_there(page):
    places = PLACE.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(places) > 20
    missing = [path for path, _ in places if not list(ROOT.glob(re.sub(r"<\w+>", "*", path).rstrip("/")))]
    assert missing == []
    unknown = [f"{path}:{name}" for path, name in places if name and name not in names_of(ROOT / path)]
    assert unknown == []


def floors():
    """The packages and modules of the front by their floors in pyproject.toml, the highest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rows = next(c["layers"] for c in project["tool"]["importlinter"]["contracts"] if c["id"] == "layers")
    here = {path.stem for path in (ROOT / "kerasfront").iterdir()}
    return [[name for name in re.findall(r"\w+", row) if name in here] for row in rows]


def test_the_drawing_shows_every_floor_in_its_order():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    drawing = re.search(r"```text\n(.*?)```", text, re.DOTALL)[1].splitlines()
    line_of = {name: at for at, line in enumerate(drawing) for name in re.findall(r"\w+", line[13:64])}
    lines = [[line_of[name] for name in row] for row in floors()]
    flat = [at for row in lines for at in sorted(row)]
    assert flat == sorted(flat)
