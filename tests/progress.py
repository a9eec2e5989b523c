"""A pytest plug-in of tests/run.py: writes what becomes of each test, a line each and as it happens.

The lines, in the file that TESTS_PROGRESS names: `total 120`, `running ID`, `passed ID`, `failed ID`, `skipped ID`.
An error in a fixture or at collection is a failure; an expected failure is a skip.
"""

import os

import pytest


class Progress:
    """Writes to a file that the runner reads meanwhile."""

    def __init__(self, path: str) -> None:
        self.file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115  (open as long as the run)
        self.outcome = "passed"

    def write(self, word: str, what: object) -> None:
        print(word, str(what).replace("\n", " "), file=self.file)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.outcome != "passed":
            self.write(report.outcome, report.nodeid)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.write("total", len(session.items))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.outcome = "passed"
        self.write("running", nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome != "passed" and self.outcome != "failed":
            self.outcome = report.outcome

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.write(self.outcome, nodeid)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Progress(os.environ["TESTS_PROGRESS"]), "tests-progress")
