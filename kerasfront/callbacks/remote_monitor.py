"""Sending the logs to a server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any

import numpy as np

from kerasfront.callbacks.callback import Callback, Logs

_TIMEOUT = 10  # seconds


class RemoteMonitor(Callback):
    """Posts the logs of each epoch to a server; one that can't be reached is warned of, and training goes on.

    Args:
        root: The server's address.
        path: Added to it.
        field: The form field that holds the JSON; unused with `send_as_json`.
        headers: Added to the request.
        send_as_json: Sends the JSON as the body rather than as a form.

    Example:
        >>> RemoteMonitor(root="http://localhost:9000").url
        'http://localhost:9000/publish/epoch/end/'
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json
        if urllib.parse.urlsplit(self.url).scheme not in ("http", "https"):
            raise ValueError(f"RemoteMonitor: `root` must begin with http:// or https://; {root!r} came.")

    @property
    def url(self) -> str:
        """Where the logs are posted."""
        return self.root + self.path

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        try:
            with urllib.request.urlopen(_request(self, epoch, logs or {}), timeout=_TIMEOUT):
                pass
        except (urllib.error.URLError, OSError) as error:
            warnings.warn(f"RemoteMonitor can't reach {self.url}: {error}", stacklevel=2)


def _request(monitor: RemoteMonitor, epoch: int, logs: Logs) -> urllib.request.Request:
    content = json.dumps({"epoch": epoch, **{name: _plain(value) for name, value in logs.items()}})
    if monitor.send_as_json:
        body, kind = content, "application/json"
    else:
        body, kind = urllib.parse.urlencode({monitor.field: content}), "application/x-www-form-urlencoded"
    headers = {"Content-Type": kind, **(monitor.headers or {})}
    return urllib.request.Request(monitor.url, body.encode(), headers)


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, type(None))) else np.asarray(value).tolist()
