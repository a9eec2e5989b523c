"""Update rules that TensorFlow has fused kernels for, by the names of kerasfront's rules.

Each takes `(variables, gradients, slots, hyper)`: tf.Variables, in place, and gradients; `hyper` holds the learning
rate and the iterations before this step as scalars, and the optimizer's numbers. It returns whether it did the update.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

# In half precision the kernels' 1 - beta_2 would be 0 or far off, so the optimizer's own rule runs.
_KERNELS = frozenset({tf.float32, tf.float64})


def _fits(variables: list[Any], gradients: list[Any]) -> bool:
    dtype = variables[0].dtype
    return dtype in _KERNELS and all(
        isinstance(v, tf.Variable) and v.dtype == g.dtype == dtype for v, g in zip(variables, gradients, strict=True)
    )


def adam(variables: list[Any], gradients: list[Any], slots: dict[str, list[Any]], hyper: Any) -> bool:
    if not _fits(variables, gradients):
        return False
    # The kernel's own bias corrections lose digits. They are computed here in 64 bits, from the betas as the kernel
    # rounds them to 32 bits, and the kernel gets 0 for both powers, so that it corrects nothing.
    step = tf.cast(hyper["iterations"], tf.float64) + 1.0
    betas = [variables[0].dtype.as_numpy_dtype(hyper[beta]) for beta in ("beta_1", "beta_2")]
    power_1, power_2 = (tf.pow(tf.constant(float(beta), tf.float64), step) for beta in betas)
    rate = tf.cast(hyper["learning_rate"], tf.float64) * tf.sqrt(1.0 - power_2) / (1.0 - power_1)
    for i, (variable, gradient) in enumerate(zip(variables, gradients, strict=True)):
        dtype = variable.dtype
        arguments = {
            "var": variable.handle, "m": slots["momentum"][i].handle, "v": slots["velocity"][i].handle,
            "beta1_power": tf.zeros((), dtype), "beta2_power": tf.zeros((), dtype), "lr": tf.cast(rate, dtype),
            "beta1": tf.constant(betas[0], dtype), "beta2": tf.constant(betas[1], dtype),
            "epsilon": tf.constant(hyper["epsilon"], dtype), "grad": gradient,
        }  # fmt: skip
        if hyper["amsgrad"]:
            tf.raw_ops.ResourceApplyAdamWithAmsgrad(vhat=slots["velocity_hat"][i].handle, **arguments)
        else:
            tf.raw_ops.ResourceApplyAdam(**arguments)
    return True


def sgd(variables: list[Any], gradients: list[Any], slots: dict[str, list[Any]], hyper: Any) -> bool:
    if not _fits(variables, gradients):
        return False
    for i, (variable, gradient) in enumerate(zip(variables, gradients, strict=True)):
        rate = tf.cast(hyper["learning_rate"], variable.dtype)
        if not slots:
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
            continue
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle, accum=slots["momentum"][i].handle, lr=rate, grad=gradient,
            momentum=tf.constant(hyper["momentum"], variable.dtype), use_nesterov=hyper["nesterov"],
        )  # fmt: skip
    return True


FUSED = {"adam": adam, "sgd": sgd}
