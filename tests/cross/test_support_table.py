import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SUPPORT = [sys.executable, "-m", "kerasfront.testing.support"]


def run(*arguments):
    return subprocess.run([*SUPPORT, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_readme_and_the_page_of_ops_say_what_the_adapters_declare():
    done = run("--write", "README.md", "--ops", "docs/ops.md", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_that_is_out_of_date_is_told_and_then_written(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- support-table -->\nold\n<!-- /support-table -->\nafter\n")
    told = run("--write", path, "--check")
    assert told.returncode == 1 and "out of date" in told.stdout and "old" in path.read_text()
    assert run("--write", path).returncode == 0
    text = path.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| ops: elementwise" in text and "torch" in text
