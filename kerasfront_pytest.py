"""The pytest plug-in that knows our options; it imports nothing, since every run of pytest loads it."""

from typing import Any


def pytest_addoption(parser: Any) -> None:
    parser.addoption(
        "--kerasfront-backend",
        default=None,
        metavar="NAME[,NAME]",
        help="the adapters that kerasfront.testing runs over (default: all that can be used)",
    )
    parser.addoption(
        "--kerasfront-selection",
        action="store_true",
        help="of tests marked as wide, run a fixed selection: one case in three",
    )
