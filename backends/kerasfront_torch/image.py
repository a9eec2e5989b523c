"""Resizing on PyTorch."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F


def _resize_bilinear(images: Any, size: Any, antialias: bool) -> Any:
    planes = images.permute(0, 3, 1, 2)
    out = F.interpolate(planes, tuple(size), mode="bilinear", align_corners=False, antialias=bool(antialias))
    return out.permute(0, 2, 3, 1)


OVERRIDES: dict[str, Any] = {"resize_bilinear": _resize_bilinear}
