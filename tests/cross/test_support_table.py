import subprocess
import sys
from pathlib import Path

from kerasfront.testing import support

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_readme_and_the_page_of_ops_say_what_the_adapters_declare():
    """In a process of its own: other tests load ops that are declared beside the public ones."""
    command = [sys.executable, "-m", "kerasfront.testing.support", "--write", "README.md", "--ops", "docs/ops.md"]
    done = subprocess.run([*command, "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_that_is_out_of_date_is_told_and_then_written(tmp_path, capsys):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- support-table -->\nold\n<!-- /support-table -->\nafter\n")
    assert support.main(["--write", str(path), "--check"]) == 1
    assert "out of date" in capsys.readouterr().out and "old" in path.read_text()
    assert support.main(["--write", str(path)]) == 0
    text = path.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| ops: elementwise" in text and "torch" in text
