"""The arguments that many constructors of layers share, as type checkers see them.

A constructor says its own arguments, and takes the rest as `**kwargs: Unpack[LayerOptions]` or one of the narrower
sets: a checker then finds a misspelt option, and knows the type of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

from kerasfront.typing import DTypePolicyLike, RegularizerLike, Tensor

# What an argument becomes, which a user may give as an object, a name or a config.
Activation = Callable[..., Tensor]
Initializer = Callable[..., Tensor]
Regularizer = Callable[[Tensor], Tensor]
Constraint = Callable[[Tensor], Tensor]


class BareOptions(TypedDict, total=False):
    """Options of layers whose constructors name `name` and `dtype` themselves."""

    trainable: bool
    autocast: bool
    # The shape of the inputs without the batch, for the first layer of a Sequential.
    input_shape: Sequence[int | None]


class NamelessOptions(BareOptions, total=False):
    """Options of layers whose constructors name `name` themselves."""

    dtype: DTypePolicyLike | None
    input_dim: int
    activity_regularizer: RegularizerLike | None


class CommonOptions(BareOptions, total=False):
    """Options of layers whose constructors name `activity_regularizer` themselves."""

    name: str | None
    dtype: DTypePolicyLike | None
    # The size, where `input_shape` has only one.
    input_dim: int


class LayerOptions(CommonOptions, total=False):
    """Options of every layer."""

    activity_regularizer: RegularizerLike | None


class ConvOptions(CommonOptions, total=False):
    """Options of convolutions, beside those that they name themselves."""

    lora_rank: int | None
    lora_alpha: float | None
