"""The device where new tensors go, and the way there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

# Smaller batches are copied as fast by the driver itself.
_PINNED = 1 << 16  # bytes
# Asked once, since it takes a while, and since the tables have special functions for GPUs from the beginning or not
# at all.
HAS_GPU = torch.cuda.is_available()


class _Device(threading.local):
    current: str | None = None


_device = _Device()


def default_device() -> str:
    """Return the device where new tensors go: that of `device_scope`, else the accelerator, else the CPU."""
    return _device.current or ("cuda" if HAS_GPU else "cpu")


def is_chosen() -> bool:
    """Return whether this thread is in a `device_scope`."""
    return _device.current is not None


@contextmanager
def device_scope(name: str) -> Iterator[None]:
    before, _device.current = _device.current, str(torch.device(name.lower().replace("gpu", "cuda")))
    try:
        yield
    finally:
        _device.current = before


def to_device(x: torch.Tensor, device: str) -> torch.Tensor:
    """Return a batch on its device, copied while that still computes with those before.

    It takes memory which the system can't move (the allocator keeps it for later batches), and a stream of its own:
    from other memory, the copy would wait for the steps before. The host waits for it: a thread that is ahead.
    """
    if x.device.type != "cpu" or not device.startswith("cuda") or x.nbytes < _PINNED:
        return x.to(device, non_blocking=True)
    copying = _copying(device)
    with torch.cuda.stream(copying):
        y = (x if x.is_pinned() else x.pin_memory()).to(device, non_blocking=True)
        copied = torch.cuda.Event(blocking=True)
        copied.record()
    copied.synchronize()
    y.record_stream(torch.cuda.current_stream(device))
    return y


@cache
def _copying(device: str) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
