"""A torch.nn.Module whose state is held from outside: what TorchModuleWrapper asks of torch."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from kerasfront import tree
from kerasfront_torch.dtypes import NATIVE


class Module:
    """Calls of a module, with its own state or with other values in its place."""

    def __init__(self, module: Any) -> None:
        if not isinstance(module, torch.nn.Module):
            raise TypeError(f"Expected `module` to be a torch.nn.Module, got {module!r}.")
        lazy = [name for name, p in (*module.named_parameters(), *module.named_buffers()) if is_lazy(p)]
        if lazy:
            raise ValueError(
                f"The parameters {', '.join(lazy)} of the module aren't initialized: call it once on data before."
            )
        self.module = module

    @staticmethod
    def parts(module: torch.nn.Module) -> list[Any] | dict[str, Any] | None:
        """Return the modules in a list or dict of modules, which is nothing that can be called; None for any other."""
        if isinstance(module, torch.nn.ModuleList):
            return list(module)
        return dict(module.items()) if isinstance(module, torch.nn.ModuleDict) else None

    def parameters(self) -> list[tuple[str, torch.Tensor, bool]]:
        """Return the name of each parameter, its storage, and whether it is trained."""
        return [(name, p, p.requires_grad) for name, p in self.module.named_parameters()]

    def buffers(self) -> list[tuple[str, torch.Tensor, bool]]:
        """Return the name of each buffer, its storage, and whether it belongs to the module's state_dict.

        The module gets them as parameters without gradient, which all storage here is.
        """
        saved, rows = self.module.state_dict().keys(), []
        for name, buffer in list(self.module.named_buffers()):
            storage = torch.nn.Parameter(buffer.detach(), requires_grad=False)
            self.put(name, storage)
            rows.append((name, storage, name in saved))
        return rows

    def _place(self, name: str) -> tuple[dict[str, Any], str]:
        path, _, last = name.rpartition(".")
        return self.module.get_submodule(path)._buffers, last

    def buffer(self, name: str) -> Any:
        """Return what the module has as buffer `name` now: a module may put another tensor there."""
        owner, last = self._place(name)
        return owner[last]

    def put(self, name: str, storage: torch.Tensor) -> None:
        owner, last = self._place(name)
        owner[last] = storage

    def call(
        self,
        values: Mapping[str, torch.Tensor] | None,
        training: bool,
        mixed: str | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Return the module's result, in training or not: with its own state, or with the given values in its place.

        With a dtype `mixed` it runs under autocast, and gives floats in that dtype.
        """
        if self.module.training != training:
            self.module.train(training)
        if mixed is None:
            return self._run(values, args, kwargs)
        device = next(self.module.parameters(), torch.empty(0)).device.type
        with torch.autocast(device, NATIVE[mixed]):
            outputs = self._run(values, args, kwargs)
        return tree.map_structure(lambda x: _in_dtype(x, NATIVE[mixed]), outputs)

    def _run(self, values: Mapping[str, torch.Tensor] | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if values is None:
            return self.module(*args, **kwargs)
        return torch.func.functional_call(self.module, dict(values), args, kwargs)

    def pickled(self) -> str:
        """Return the module by torch.save, as text. It runs code when it is read: `unpickled` is for who trusts it."""
        stream = io.BytesIO()
        torch.save(self.module, stream)
        return base64.b64encode(stream.getvalue()).decode("ascii")

    @staticmethod
    def unpickled(text: str) -> Any:
        return torch.load(io.BytesIO(base64.b64decode(text)), weights_only=False)


def _in_dtype(x: Any, dtype: torch.dtype) -> Any:
    return x.to(dtype) if isinstance(x, torch.Tensor) and x.is_floating_point() else x
