"""kerasfront on PyTorch: layers are `nn.Module`s, trainable Variables hold `nn.Parameter`s, the step runs eagerly."""

from __future__ import annotations

from kerasfront_torch.adapter import TorchAdapter

adapter = TorchAdapter()
