"""The state that draws advance."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import numpy as np

from kerasfront import naming, ops, scopes
from kerasfront.arguments import Constructed, plain, unknown_argument, wrong
from kerasfront.contract import running
from kerasfront.ops import _draws
from kerasfront.ops.declare import public
from kerasfront.ops.declare.runtime import Runtime
from kerasfront.random import host
from kerasfront.serialization import register
from kerasfront.spec import KerasTensor, mode
from kerasfront.typing import Tensor
from kerasfront.variable import Variable

active: Runtime = running()


def _device() -> AbstractContextManager[Any]:
    """Return where keys live: a framework that seeds its generator on the host keeps them there."""
    return active.adapter.device_scope("cpu:0") if active.adapter.host_keys else nullcontext()


@public("random")
class SeedGenerator(Constructed):
    """A seed and a counter: each draw that is given the generator takes the next key, and no two draws are alike.

    Pass it as the `seed` of the functions of `kerasfront.random`. A layer that draws keeps one as an attribute: its
    state is then part of the model's state, and a compiled step advances it. Threads that share one, and the parallel
    calls of `tf.data`, draw different keys too; which of them draws which is then left to chance.

    Args:
        seed: An integer (taken modulo 2**32), or None: one that `utils.set_random_seed` determines.
        name: A name.

    Raises:
        ValueError: `seed` is no integer.

    >>> import kerasfront as keras
    >>> generator = keras.random.SeedGenerator(seed=7)
    >>> a, b = keras.random.uniform((), seed=generator), keras.random.uniform((), seed=generator)
    >>> float(a) == float(b)
    False
    >>> generator.state.numpy().tolist()
    [7, 2]
    """

    name: str
    state: Variable

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if kwargs:
            raise unknown_argument("SeedGenerator", kwargs, ["seed", "name"])
        self.name = name or naming.auto_name("seed_generator")
        self._initial_seed = seed
        start = host.next_host_seed() if seed is None else as_seed(seed)
        self.state = self._variable(np.array([start, 0], "uint32"))

    def _variable(self, state: np.ndarray[Any, Any]) -> Variable:
        with scopes.name_scope(self.name), _device():
            return Variable(state, trainable=False, dtype="uint32", name="seed_generator_state")

    # The state is pickled as an array, because torch can't unpickle its tensors of uint32.
    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "state": self.state.numpy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.state = self._variable(state["state"])

    def next(self, ordered: bool = True) -> Tensor:
        """Return the next key: a tensor of shape (2,) and dtype uint32, the seed and the count of draws before.

        `ordered` is kept for Keras; the keys always come in order.
        """
        if mode.inferring:
            return KerasTensor((2,), "uint32")
        return active.adapter.atomic(self._advance)

    def _advance(self) -> Any:
        key, after = _draws.next_key(self.state.value)
        self.state.assign(after)
        return key

    def reset(self, seed: int) -> None:
        """Begin again from `seed`."""
        self.state.assign(np.array([as_seed(seed), 0], "uint32"))

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)


Seed: TypeAlias = int | SeedGenerator | None


register("keras.random", {"SeedGenerator": SeedGenerator})


def as_seed(seed: Any) -> int:
    """Return an integer as a seed, 0 to 2**32 - 1."""
    number = plain(seed)
    if not isinstance(number, int) or isinstance(number, bool):
        raise wrong("seed", "", "an integer, a SeedGenerator or None", seed)
    return number % 2**32


_global: list[SeedGenerator] = []


def global_seed_generator() -> SeedGenerator:
    """Return the generator of the draws that are given no seed.

    A compiled step that has such draws must carry its state.
    """
    if not _global:
        _global.append(SeedGenerator(host.global_seed(), name="global_seed_generator"))
    return _global[0]  # the first one, where two threads have made one each


def set_global_seed(seed: int) -> None:
    """Let draws without a seed begin again from `seed`; `utils.set_random_seed` calls this."""
    host.reset(as_seed(seed))
    if _global:
        _global[0].reset(host.global_seed())


def draw_seed(seed: int | SeedGenerator | None) -> Tensor:
    """Return the key for one draw: an integer always gives the same one, a generator (None: the global one) its next.

    Returns:
        A tensor of shape (2,) and dtype uint32.

    Raises:
        ValueError: `seed` is neither an integer, nor a SeedGenerator, nor None.
    """
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return global_seed_generator().next()
    start = as_seed(seed)
    if mode.inferring:
        return KerasTensor((2,), "uint32")
    with _device():
        return ops.convert_to_tensor(np.array([start, 0], "uint32"))
