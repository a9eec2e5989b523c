"""Update rules that torch has fused kernels for, by the names of kerasfront's rules.

Each takes `(variables, gradients, slots, hyper)`: tensors, in place; `hyper` holds the learning rate and the iterations
before this step as 0-d tensors, and the optimizer's numbers. It returns whether it did the update.

On the CPU the two scalars are read (0.2 us each, and nothing waits), so that the kernels get Python numbers; elsewhere
they stay on the device, and no step waits for it.
"""

from __future__ import annotations

import math
from typing import Any

import torch

Tensors = list[torch.Tensor]

# A step count so high that the kernels' own bias corrections are exactly 1. They would place epsilon differently, so
# ours are applied instead.
_LATE = 1e9
_late: dict[torch.device, torch.Tensor] = {}


def _uniform(variables: Tensors, gradients: Tensors) -> Tensors | None:
    """Return the gradients as the kernels want them, which look at no strides; None where they can't be used at all."""
    if not variables or torch.compiler.is_compiling():  # a compiled step fuses the rule itself
        return None
    dtype, device = variables[0].dtype, variables[0].device
    for v in variables:
        if v.dtype is not dtype or v.device != device or not v.is_contiguous():
            return None
    if not dtype.is_floating_point:
        return None
    return [g if g.dtype is dtype and g.is_contiguous() else g.to(dtype).contiguous() for g in gradients]


def _late_step(device: torch.device) -> torch.Tensor:
    if device not in _late:
        _late[device] = torch.tensor(_LATE, device=device)
    return _late[device]


def _adam_rate(hyper: Any, on_cpu: bool) -> Any:
    """Return `learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)`: a number on the CPU, a tensor elsewhere."""
    rate, step, beta_1, beta_2 = hyper["learning_rate"], hyper["iterations"], hyper["beta_1"], hyper["beta_2"]
    if on_cpu:
        t = int(step) + 1
        return float(rate) * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    t = step.to(torch.float64) + 1
    return (rate * torch.sqrt(1 - beta_2**t) / (1 - beta_1**t)).to(torch.float32)


def adam(variables: Tensors, gradients: Tensors, slots: dict[str, Tensors], hyper: Any) -> bool:
    ready = _uniform(variables, gradients)
    if ready is None:
        return False
    device = variables[0].device
    torch._fused_adam_(
        variables, ready, slots["momentum"], slots["velocity"], slots.get("velocity_hat", []),
        [_late_step(device)] * len(variables),
        lr=_adam_rate(hyper, device.type == "cpu"), beta1=hyper["beta_1"], beta2=hyper["beta_2"], weight_decay=0.0,
        eps=hyper["epsilon"], amsgrad=hyper["amsgrad"], maximize=False, grad_scale=None, found_inf=None,
    )  # fmt: skip
    return True


def sgd(variables: Tensors, gradients: Tensors, slots: dict[str, Tensors], hyper: Any) -> bool:
    if torch.compiler.is_compiling() or any(v.dtype is not g.dtype for v, g in zip(variables, gradients, strict=True)):
        return False
    rate = hyper["learning_rate"]
    if variables and variables[0].device.type == "cpu":
        steps, scale = gradients, -float(rate)
    else:
        steps, scale = list(torch._foreach_mul(gradients, -rate)), 1.0
    if not slots:
        torch._foreach_add_(variables, steps, alpha=scale)
        return True
    velocity, momentum = slots["momentum"], hyper["momentum"]
    if not momentum:  # the momentum was set to 0 after the slots had been made
        return False
    exact = variables[0].dtype in (torch.float32, torch.float64)  # half precision would round the dampening
    if exact and scale != 1.0 and not hyper["nesterov"] and (ready := _uniform(variables, gradients)) is not None:
        # buffer = momentum * buffer + (1 - dampening) * gradient; variable -= lr * buffer
        torch._fused_sgd_(
            variables, ready, velocity, weight_decay=0.0, momentum=momentum, lr=-1.0, dampening=1.0 - scale,
            nesterov=False, maximize=False, is_first_step=False, grad_scale=None, found_inf=None,
        )  # fmt: skip
        return True
    torch._foreach_mul_(velocity, momentum)
    torch._foreach_add_(velocity, steps, alpha=scale)
    if hyper["nesterov"]:
        torch._foreach_add_(variables, steps, alpha=scale)
    torch._foreach_add_(variables, velocity, alpha=momentum if hyper["nesterov"] else 1.0)
    return True


def decay(variables: Tensors, rate: torch.Tensor, weight_decay: float) -> None:
    """Apply weight decay: multiply by `1 - rate * weight_decay`."""
    on_host = rate.device.type == "cpu" and not torch.compiler.is_compiling()
    torch._foreach_mul_(variables, 1.0 - (float(rate) if on_host else rate) * weight_decay)


FUSED: dict[str, Any] = {"adam": adam, "sgd": sgd, "weight_decay": decay}
