"""The device where new tensors go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class _Device(threading.local):
    current: str | None = None


_device = _Device()


def default_device() -> str:
    """The device where new tensors go: that of `device_scope`, else the accelerator, else the CPU."""
    if _device.current is not None:
        return _device.current
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def device_scope(name: str) -> Iterator[None]:
    before, _device.current = _device.current, str(torch.device(name.lower().replace("gpu", "cuda")))
    try:
        yield
    finally:
        _device.current = before
