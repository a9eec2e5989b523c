"""What type checkers see in a user's program: run mypy and pyright on the programs beside this file.

    python tests/types/check.py            # both checkers
    python tests/types/check.py mypy       # one

A line that ends with `# error` has to be reported, and no other line may be. `assert_type` in the programs says which
types have to be known. pyright is that of the package basedpyright, which brings its own Node.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAMS = ("user_program.py", "ops_program.py", "mistakes.py", "frameworks.py")

# A report: the name of the program, the line, the text.
Report = tuple[str, int, str]


def _run(*command: str | Path) -> str:
    """Run a checker from the folder of the repository; raise what it says where it says nothing that can be read."""
    done = subprocess.run([str(c) for c in command], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def mypy() -> list[Report]:
    """Return what mypy reports."""
    programs = [HERE / name for name in PROGRAMS]
    cache = ROOT / ".mypy_cache" / "users"
    out = _run(
        sys.executable, "-m", "mypy", "--config-file", HERE / "mypy.ini", "--cache-dir", cache, "--no-error-summary",
        "--hide-error-context", *programs,
    )  # fmt: skip
    lines = re.findall(r"^(.+?):(\d+): error: (.*)$", out, re.MULTILINE)
    return [(Path(path).name, int(line), text) for path, line, text in lines]


def pyright() -> list[Report]:
    """Return what pyright reports."""
    out = _run(
        Path(sys.executable).with_name("basedpyright"), "--outputjson", "--pythonpath", sys.executable, "-p", HERE
    )
    return [
        (Path(report["file"]).name, report["range"]["start"]["line"] + 1, report["message"].split("\n")[0])
        for report in json.loads(out)["generalDiagnostics"]
        if report["severity"] == "error"
    ]


CHECKERS: dict[str, Callable[[], list[Report]]] = {"mypy": mypy, "pyright": pyright}


def planted() -> set[tuple[str, int]]:
    """Return the lines that hold a mistake."""
    return {
        (name, number)
        for name in PROGRAMS
        for number, line in enumerate((HERE / name).read_text().splitlines(), 1)
        if line.endswith("# error")
    }


def wrong(checker: str) -> list[str]:
    """Return what a checker should have found and hasn't, and what it reports that is right."""
    reports = CHECKERS[checker]()
    found = {(name, line) for name, line, _ in reports}
    missed = [f"{checker} misses the mistake in {name}:{line}" for name, line in sorted(planted() - found)]
    false = [f"{checker}: {n}:{line}: {text}" for n, line, text in reports if (n, line) not in planted()]
    return missed + false


def main(checkers: list[str]) -> int:
    """Run the checkers, and print what is wrong."""
    all_wrong = [line for checker in checkers or CHECKERS for line in wrong(checker)]
    print(*all_wrong, sep="\n" if all_wrong else "")
    if not all_wrong:
        print(f"{len(planted())} mistakes found, none falsely, by {' and '.join(checkers or CHECKERS)}")
    return bool(all_wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
