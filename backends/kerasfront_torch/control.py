"""Maps on PyTorch; its loops and branches are Python's, as derived."""

from __future__ import annotations

from typing import Any

import torch

from kerasfront import tree
from kerasfront.contract import vectorized_if_pure
from kerasfront_torch.nesting import nesting


def _vectorized_map(function: Any, elements: Any) -> Any:
    leaves = [leaf for leaf in tree.flatten(elements) if leaf is not None]

    def run(*flat: Any) -> Any:
        rest = iter(flat)
        return function(tree.map_structure(lambda _: next(rest), elements, none_is_leaf=False))

    with nesting.mapping():
        return torch.vmap(run, randomness="different")(*leaves)


OVERRIDES: dict[str, Any] = {"vectorized_map": vectorized_if_pure(_vectorized_map)}
