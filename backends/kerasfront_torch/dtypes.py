"""Canonical dtype names and torch's dtypes."""

from __future__ import annotations

import torch

from kerasfront.spec import dtypes

NATIVE: dict[str, torch.dtype] = {name: getattr(torch, name) for name in (*dtypes.ALL, *dtypes.FLOAT8)}
NAMES: dict[torch.dtype, str] = {native: name for name, native in NATIVE.items()}
