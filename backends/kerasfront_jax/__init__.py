"""kerasfront on JAX: the step is traced with tracers in the Variables and jitted with donation."""

from __future__ import annotations

from kerasfront_jax.adapter import JaxAdapter

adapter = JaxAdapter()
