"""tests/run.py: what it counts and says of a job, while it runs and at its end."""

import pytest

import progress
import run

TESTS = """
import time
import pytest

@pytest.fixture
def broken():
    raise RuntimeError

def test_good(): pass
def test_bad(): assert False
def test_bad_fixture(broken): pass
def test_left_out(): pytest.skip("why")
@pytest.mark.xfail(reason="why", strict=True)
def test_expected(): assert False
"""


def test_a_job_is_counted_and_its_failures_are_named(tmp_path, capsys):
    (tmp_path / "test_some.py").write_text(TESTS, encoding="utf-8")
    jobs = [run.Job("some", [str(tmp_path / "test_some.py")]), run.Job("nothing", [str(tmp_path / "none.py")])]
    assert run.run_all(jobs, ["--rootdir", str(tmp_path), "-c", "/dev/null"], parallel=2, limit=60) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "running some, nothing"
    named = [line for line in lines if line.startswith("FAILED some: ")]
    assert [line.rsplit("::")[-1] for line in named] == ["test_bad", "test_bad_fixture"]
    ends = {line.split()[0]: line for line in lines if line.endswith("FAILED")}
    assert "1 passed    2 failed    2 skipped" in ends["some"] and "0 passed    0 failed" in ends["nothing"]
    assert "RuntimeError" in "\n".join(lines)
    assert lines[-2:] == [f"failed: {', '.join(ends)}", "1 passed, 3 failed, 2 skipped"]


def test_a_job_ends_at_its_limit(tmp_path, capsys):
    (tmp_path / "test_slow.py").write_text("import time\ndef test_long(): time.sleep(60)", encoding="utf-8")
    job = run.Job("slow", [str(tmp_path / "test_slow.py")])
    assert run.run_all([job], ["--rootdir", str(tmp_path), "-c", "/dev/null"], parallel=1, limit=3) == 1
    assert "stopped: it ran for more than 3 s" in capsys.readouterr().out


def test_a_log_gets_a_line_on_each_job_now_and_then(tmp_path, capsys, monkeypatch):
    (tmp_path / "progress").write_text("total 3\nrunning a\npassed a\nrunning b\nfailed b\nrunning c\nrun")
    one = run.Running(run.Job("some", []), None, tmp_path)
    assert list(one.news()) == ["b"] and list(one.news()) == []
    assert one.so_far() == "some: 2 of 3, 1 failed, in c"
    screen = run.Screen()
    screen.meanwhile([one])
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(run, "EVERY", 0)
    screen.meanwhile([one])
    assert capsys.readouterr().out.startswith("  some: 2 of 3, 1 failed, in c (")


def test_progress_takes_the_worst_of_a_tests_parts(tmp_path):
    told = progress.Progress(str(tmp_path / "told"))
    told.pytest_runtest_logstart("a")
    for outcome in ("passed", "failed", "skipped"):
        told.pytest_runtest_logreport(pytest.TestReport("a", ("a", 0, "a"), {}, outcome, None, "call"))
    told.pytest_runtest_logfinish("a")
    assert (tmp_path / "told").read_text().splitlines() == ["running a", "failed a"]


def test_the_jobs_hold_every_file_of_the_backends_tests_and_select_unless_all_is_asked_for(capsys):
    files = {f"tests/backend/{path.name}" for path in (run.ROOT / "tests" / "backend").glob("test_*.py")}
    parts = [job.arguments for job in run.all_jobs() if job.name.startswith("jax")]
    named = [name for part in parts for name in part if name.startswith("tests/")]
    assert sorted(named) == sorted(files) and sum("kerasfront" in part for part in parts) == 1
    assert run.main(["--list", "torch"]) == 0 and "pytest tests/backend --doctest-modules" in capsys.readouterr().out
    for arguments, selects in ((["--list"], True), (["--list", "--all"], False)):
        run.main(arguments)
        assert [run.SELECTION in line for line in capsys.readouterr().out.splitlines()] == [selects] * len(
            run.all_jobs()
        )
