"""Infinities, nan and signed zeros, on every adapter: what NumPy gives for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerasfront.contract import Adapter
from kerasfront.ops.declare.op import OPS, Op

SPECIAL = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, -1.0, 2.5, -0.5], "float32")
FIRST, SECOND = (x.ravel() for x in np.meshgrid(SPECIAL, SPECIAL))
REDUCTIONS: dict[str, Any] = {
    "sum": np.sum,
    "mean": np.mean,
    "amax": np.max,
    "amin": np.min,
    "product": np.prod,
    "any": np.any,
    "all": np.all,
}
ROWS = np.array([[1, np.inf, 2], [np.inf, -np.inf, 0], [np.nan, 1, 2], [-np.inf, 3, 4], [0, -0.0, 0]], "float32")


def by_ufunc(op: Op) -> bool:
    """Elementwise on floats, with a NumPy function as the reference."""
    if not isinstance(op.ref, np.ufunc) or not {"f->f", "ff->f", "f->?", "ff->?"} & set(op.ref.types):
        return False
    return bool(len(op.tensors) == op.ref.nin == len(op.signature.parameters))


ELEMENTWISE = sorted(name for name, op in OPS.items() if by_ufunc(op))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(adapter: Adapter, name: str) -> None:
    op = OPS[name]
    arrays = [SPECIAL] if len(op.tensors) == 1 else [FIRST, SECOND]
    with np.errstate(all="ignore"):
        want = np.asarray(op.ref(*arrays))  # type: ignore[misc]
    got = np.asarray(adapter.to_numpy(op.call(*[adapter.to_tensor(x, None) for x in arrays])))
    np.testing.assert_allclose(got.astype(want.dtype), want, rtol=1e-5, err_msg=f"of {[x.tolist() for x in arrays]}")


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(adapter: Adapter, name: str) -> None:
    with np.errstate(all="ignore"):
        want = REDUCTIONS[name](ROWS, axis=1)
    got = adapter.to_numpy(OPS[name].call(adapter.to_tensor(ROWS, None), axis=1))
    np.testing.assert_allclose(got, want, rtol=1e-6)
