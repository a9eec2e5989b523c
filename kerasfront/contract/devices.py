"""Devices: where tensors are, and when the work that was sent there is done."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext


class Devices:
    """The part of an adapter that knows devices. The bodies serve a framework that computes on the CPU, at once."""

    def devices(self) -> list[str]:
        """Return the names of the devices, such as "cpu:0"; the last is the one that is used by default."""
        return ["cpu:0"]

    def device_scope(self, name: str) -> AbstractContextManager[object]:
        """Return a context in which new tensors are made on a device."""
        return nullcontext()

    def synchronize(self) -> None:
        """Wait until the device has done all its work."""
