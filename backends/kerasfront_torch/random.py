"""Draws on PyTorch: each seeds a generator of its own from the key, in two microseconds. Keys live on the CPU."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import torch

from kerasfront_torch.device import default_device
from kerasfront_torch.dtypes import NATIVE

_STEP = torch.tensor([0, 1], dtype=torch.int32)
_WORD = 0xFFFFFFFFFFFFFFFF


class NotRecordableError(Exception):
    """A draw that a CUDA graph can't make anew at each launch."""


class _Drawn(threading.local):
    count = 0  # of the generators seeded so far
    recording: Recording | None = None


drawn = _Drawn()


class Recording:
    """The draws of a CUDA graph.

    A kernel in it reads its generator's seed when it is launched. So each draw has a generator of its own here, and
    before each launch `seed` gives all of them what the step would have given.

    Inside `with`, draws are recorded.
    """

    def __init__(self, graph: Any, count: int, device: str = "cuda") -> None:
        self.generators = [torch.Generator(device) for _ in range(count)]
        for generator in self.generators:
            graph.register_generator_state(generator)
        self.states: list[tuple[torch.Tensor, torch.Tensor]] = []  # the states that were advanced, each with its key
        self.sources: list[Any] = []  # of each generator, a place in `states`, or the values of a key that stays
        self.fresh = True

    def __enter__(self) -> None:
        drawn.recording = self

    def __exit__(self, *exc: Any) -> None:
        drawn.recording = None

    def take(self, key: torch.Tensor) -> torch.Generator:
        """Return the generator for a key."""
        if len(self.sources) == len(self.generators):
            raise NotRecordableError("it draws more often than it did")
        place = next((i for i, (_, known) in enumerate(self.states) if known is key), None)
        values = key.tolist()
        if place is None and any(known.tolist() == values for _, known in self.states):
            raise NotRecordableError("a key is computed from another")
        self.sources.append(values if place is None else place)
        return self.generators[len(self.sources) - 1]

    def seed(self) -> None:
        """Seed the generators for a launch; the first is the one that was recorded."""
        keys = [key if self.fresh else _advanced(state) for state, key in self.states]
        self.fresh = False
        for generator, source in zip(self.generators, self.sources, strict=False):
            generator.manual_seed(_mixed(*(keys[source].tolist() if isinstance(source, int) else source)))

    def undo(self) -> None:
        """Restore the states, since the recorded draws are not launched."""
        with torch.no_grad():
            for state, key in reversed(self.states):
                state.copy_(key)


def _advanced(state: torch.Tensor) -> torch.Tensor:
    """Return the key of a state, which is moved on."""
    with torch.no_grad():
        key, after = _next_key(state)
        state.copy_(after)
    return key


def _next_key(state: Any) -> tuple[Any, Any]:
    # torch can't add uint32 tensors; added as int32 the bits are the same.
    key, after = state.clone(), (state.view(torch.int32) + _STEP.to(state.device)).view(torch.uint32)
    if drawn.recording is not None:
        drawn.recording.states.append((state, key))
    return key, after


def _generator(key: Any, device: Any) -> torch.Generator:
    drawn.count += 1
    if drawn.recording is not None:
        return drawn.recording.take(key)
    return torch.Generator(device).manual_seed(_mixed(*key.tolist()))


def _mixed(seed: int, counter: int) -> int:
    """Return a seed of 63 bits from a key."""
    # The CPU's Mersenne twister takes 32 bits of the seed: seed and counter must both reach all of them.
    mixed = (seed * 0x9E3779B97F4A7C15 + counter * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & _WORD
    mixed = ((mixed ^ (mixed >> 31)) * 0xBF58476D1CE4E5B9) & _WORD
    return (mixed ^ (mixed >> 32)) >> 1


def _empty(shape: Any, dtype: Any) -> Any:
    return torch.empty(tuple(shape), dtype=dtype, device=default_device())


def _traceable(name: str, draw: Any, schema: str, empty: Any) -> Any:
    """Wrap a draw as one operator for torch.compile, which can't trace a generator that is seeded from a tensor.

    Args:
        name: The operator's name.
        draw: The function.
        schema: The operator's signature.
        empty: What makes a result without values from the same arguments.
    """
    operator = torch.library.custom_op(f"kerasfront::{name}", draw, mutates_args=(), schema=schema)
    operator.register_fake(empty)

    def traceable(*args: Any) -> Any:
        if torch.compiler.is_compiling():
            return operator(*[list(a) if isinstance(a, tuple) else a for a in args])
        return draw(*args)

    return traceable


def _with_limits(name: str, draw: Any) -> Any:
    """Wrap a draw of (key, shape, two numbers, dtype) by `_traceable`."""
    schema = "(Tensor key, SymInt[] shape, float a, float b, str dtype) -> Tensor"
    return _traceable(name, draw, schema, lambda key, shape, a, b, dtype: _empty(shape, NATIVE[dtype]))


def _filled(method: str) -> Any:
    def draw(key: Any, shape: Any, a: float, b: float, dtype: str) -> Any:
        out = _empty(shape, NATIVE[dtype])
        return getattr(out, method)(a, b, generator=_generator(key, out.device))

    return _with_limits(method.rstrip("_"), draw)


def _truncated_normal(key: Any, shape: Any, mean: float, stddev: float, dtype: str) -> Any:
    # The inverse of the distribution function: twice Phi(2) less one is erf(sqrt 2).
    native = NATIVE[dtype]
    out = _empty(shape, native if native == torch.float64 else torch.float32)
    edge = math.erf(math.sqrt(2))
    out.uniform_(-edge, edge, generator=_generator(key, out.device)).erfinv_().mul_(math.sqrt(2)).clamp_(-2, 2)
    return out.mul_(stddev).add_(mean).to(native)


def _integers(key: Any, shape: Any, minval: int, maxval: int) -> Any:
    device = default_device()
    return torch.randint(minval, maxval, tuple(shape), generator=_generator(key, device), device=device)


_drawn_integers = _traceable(
    "integers",
    _integers,
    "(Tensor key, SymInt[] shape, int minval, int maxval) -> Tensor",
    lambda key, shape, minval, maxval: _empty(shape, torch.int64),
)


def _randint(key: Any, shape: Any, minval: int, maxval: int, dtype: str) -> Any:
    if maxval > 2**63:  # beyond int64: draw lower by the excess, and let the sum wrap around
        draws = _drawn_integers(key, shape, minval - 2**63, maxval - 2**63) ^ (-(2**63))
    else:
        draws = _drawn_integers(key, shape, minval, maxval)
    return draws.to(NATIVE[dtype])


def _categorical(key: Any, logits: Any, num_samples: int, dtype: str) -> Any:
    # By exponential clocks: the class whose clock of rate p rings first is drawn with probability p.
    rates = torch.softmax(logits, -1, dtype=torch.promote_types(logits.dtype, torch.float32)).unsqueeze(1)
    clocks = rates.new_empty((rates.shape[0], num_samples, rates.shape[2]))
    clocks.exponential_(generator=_generator(key, logits.device))
    return (rates / clocks).argmax(-1).to(NATIVE[dtype])


def _keep(key: Any, inputs: Any, shape: Any, rate: float) -> Any:
    """Return what dropout multiplies by: 0 at the given rate, else what keeps the expectation."""
    generator = _generator(key, inputs.device)
    if inputs.is_cuda or not 2**-8 <= rate <= 1 - 2**-8:
        return inputs.new_empty(shape).bernoulli_(1 - rate, generator=generator).div_(1 - rate)
    # Sixteen bits decide each element: a third of the time that bernoulli_ takes on a CPU. The rate is then a
    # multiple of 2**-16, and the scale is the one of that rate, so the expectation is exact.
    count = math.prod(shape)
    words = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    dropped = round(rate * 2**16)
    keep = (words.view(torch.int16)[:count] >= dropped - 2**15).view(tuple(shape))
    return keep.to(inputs.dtype).mul_(2**16 / (2**16 - dropped))


_kept = _traceable(
    "kept",
    _keep,
    "(Tensor key, Tensor inputs, SymInt[] shape, float rate) -> Tensor",
    lambda key, inputs, shape, rate: inputs.new_empty(shape),
)


def _dropout(key: Any, inputs: Any, rate: float, noise_shape: Any) -> Any:
    shape = tuple(inputs.shape if noise_shape is None else noise_shape)
    return inputs * _kept(key, inputs.detach(), shape, rate)


_order = _traceable(
    "order",
    lambda key, x, axis: torch.randperm(x.shape[axis], generator=_generator(key, x.device), device=x.device),
    "(Tensor key, Tensor x, int axis) -> Tensor",
    lambda key, x, axis: x.new_empty((x.shape[axis],), dtype=torch.int64),
)


def _shuffle(key: Any, x: Any, axis: int) -> Any:
    return torch.index_select(x, axis, _order(key, x.detach(), axis))


def _wide(name: str, function: Any) -> Any:
    """Wrap a draw so that it computes in float32 at least, and casts its result back."""

    def draw(key: Any, shape: Any, parameters: Any) -> Any:
        dtype = parameters[0].dtype
        to, device = torch.promote_types(dtype, torch.float32), default_device()
        wide = [p.to(device, to).expand(tuple(shape)) for p in parameters]
        return function(_generator(key, wide[0].device), *wide).to(dtype)

    schema = "(Tensor key, SymInt[] shape, Tensor[] parameters) -> Tensor"
    operator = _traceable(name, draw, schema, lambda key, shape, parameters: parameters[0].new_empty(shape))
    return lambda key, shape, *parameters: operator(key, shape, parameters)


def _on_host(key: Any, parameters: Any, shape: Any, dtype: str, function: Any) -> Any:
    wide = [p.detach().double().cpu().numpy() for p in parameters]
    out = np.asarray(function(key.tolist(), shape, *wide))
    signed = out.view("int64") if out.dtype == "uint64" else out
    return torch.from_numpy(np.ascontiguousarray(signed)).to(default_device()).to(NATIVE[dtype])


# The functions of the portable generator, once they have drawn, and the operators that stand for them.
_portable: dict[str, Any] = {}


def _no_words(key: Any, shape: Any) -> Any:
    return _empty(shape, torch.int32), _empty(shape, torch.int32)


_portable_operators = {
    "words": _traceable(
        "portable_words",
        lambda key, shape: _portable["words"](key, shape),
        "(Tensor key, SymInt[] shape) -> (Tensor, Tensor)",
        _no_words,
    ),
    **{
        name: _with_limits(f"portable_{name}", lambda *args, name=name: _portable[name](*args))
        for name in ("uniform", "normal", "truncated_normal")
    },
}


def portable_draw(draw: Any, *args: Any) -> Any:
    """Return `draw(*args)`, as one operator in a compiled step, whose first run isn't compiled."""
    name = draw.__name__.lstrip("_")
    if torch.compiler.is_compiling() and name in _portable:
        return _portable_operators[name](*args)
    _portable[name] = draw
    return draw(*args)


PRIMITIVES: dict[str, Any] = {
    "draw.next_key": _next_key,
    "draw.uniform": _filled("uniform_"),
    "draw.normal": _filled("normal_"),
    "draw.truncated_normal": _with_limits("truncated_normal", _truncated_normal),
    "draw.randint": _randint,
    "draw.categorical": _traceable(
        "categorical",
        _categorical,
        "(Tensor key, Tensor logits, int num_samples, str dtype) -> Tensor",
        lambda key, logits, count, dtype: logits.new_empty((logits.shape[0], count), dtype=NATIVE[dtype]),
    ),
    "draw.dropout": _dropout,
    "draw.shuffle": _shuffle,
    "draw.gamma": _wide("gamma", lambda generator, alpha: torch._standard_gamma(alpha, generator=generator)),
    "draw.beta": _wide(
        "beta", lambda generator, a, b: torch._sample_dirichlet(torch.stack([a, b], -1), generator=generator)[..., 0]
    ),
    "draw.on_host": _on_host,
    "draw.binomial": _wide("binomial", lambda generator, counts, p: torch.binomial(counts, p, generator=generator)),
}
