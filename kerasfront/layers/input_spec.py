"""InputSpec: what a layer says of its inputs, and the check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from kerasfront import tree
from kerasfront.arguments import Constructed, as_shape, plain
from kerasfront.errors import ShapeError
from kerasfront.spec import dtypes, static_shape, unknown
from kerasfront.typing import Config, DTypeLike, NestedTensors, Shape, ShapeLike

if TYPE_CHECKING:
    from kerasfront.layers.base.layer import Layer


class InputSpec(Constructed):
    """The rank, shape and dtype that a layer wants of an input.

    Args:
        dtype: A dtype, or None for any.
        shape: A shape with None for any size, or None for any shape.
        ndim: The rank.
        max_ndim: The largest rank.
        min_ndim: The smallest rank.
        axes: The sizes of some axes, by index.
        allow_last_axis_squeeze: Whether a last axis of size 1 may be missing, or be there in addition.
        name: The key of the input in a dict of inputs.
        optional: Whether the input may be None.

    >>> import kerasfront as keras
    >>> keras.InputSpec(min_ndim=2, axes={-1: 8}).ndim is None
    True
    """

    dtype: str | None
    shape: Shape | None
    ndim: int | None
    max_ndim: int | None
    min_ndim: int | None
    axes: dict[int, int | None]
    allow_last_axis_squeeze: bool
    name: str | None
    optional: bool

    def __init__(
        self,
        dtype: DTypeLike | None = None,
        shape: ShapeLike | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = dtypes.standardize(dtype) if dtype is not None else None
        self.shape = as_shape(shape, "shape", "InputSpec") if shape is not None else None
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(k): plain(v) for k, v in (axes or {}).items()}
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional

    def get_config(self) -> Config:
        keys = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        return {k: getattr(self, k) for k in keys}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)

    def __repr__(self) -> str:
        fields = {k: v for k, v in self.get_config().items() if v not in (None, {})}
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in fields.items())})"


def check_inputs(input_spec: Any, inputs: NestedTensors, layer: Layer) -> None:
    """Raise ShapeError, naming the layer and the input, where an input does not fit its spec."""
    specs = tree.flatten(input_spec)
    if isinstance(input_spec, InputSpec) and isinstance(inputs, (list, tuple, dict)):
        raise ShapeError(
            f"The layer '{layer.path}' ({type(layer).__name__}) takes one tensor; a {type(inputs).__name__} of "
            f"{len(inputs)} came. Give it the tensor itself."
        )
    if isinstance(inputs, dict) and all(s.name is not None for s in specs):
        missing = [s.name for s in specs if s.name not in inputs and not s.optional]
        if missing:
            raise ShapeError(
                f"The layer '{layer.path}' expects an input named '{missing[0]}'; the inputs came with the keys "
                f"{', '.join(map(repr, inputs))}."
            )
        values = [inputs.get(s.name) for s in specs]
    else:
        values = tree.flatten(inputs)
    if len(values) != len(specs):
        raise ShapeError(f"The layer '{layer.path}' expects {len(specs)} input(s); {len(values)} came.")
    for index, (value, spec) in enumerate(zip(values, specs, strict=True)):
        if value is None and spec.optional:
            continue
        shape = getattr(value, "shape", None)
        if shape is not None and (problem := _problem(tuple(shape), value, spec)):
            which = f"input '{spec.name}'" if spec.name else f"input {index}" if len(specs) > 1 else "its input"
            least = spec.min_ndim if spec.ndim is None else spec.ndim
            raise ShapeError(
                f"The layer '{layer.path}' ({type(layer).__name__}) expects {which} to have {problem}; "
                f"it came with the shape {shown(tuple(shape))}.{one_example(least, len(shape))}"
            )


def shown(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a shape as users know it: integers, and None for what isn't known."""
    return static_shape(shape)


def one_example(declared: int | None, rank: int) -> str:
    """Return what to do where an input lacks one axis of those that are wanted; "" otherwise."""
    if declared is None or rank != declared - 1:
        return ""
    return " If that is one example, give it as a batch of one: x[None], or X[:1] in place of X[0]."


def _problem(shape: tuple[Any, ...], value: Any, spec: InputSpec) -> str | None:
    """Return what the spec asked for and the shape lacks, or None."""
    rank = len(shape)
    if spec.ndim is not None and rank != spec.ndim and not _fits_squeezed(shape, spec):
        return f"rank {spec.ndim}" if spec.shape is None else f"the shape {spec.shape}"
    if spec.min_ndim is not None and rank < spec.min_ndim:
        return f"rank {spec.min_ndim} or more"
    if spec.max_ndim is not None and rank > spec.max_ndim:
        return f"rank {spec.max_ndim} or less"
    for axis, size in spec.axes.items():
        if size is not None and -rank <= axis < rank and _differs(shape[axis], size):
            return f"size {size} on axis {axis}"
    if spec.shape is not None and rank == len(spec.shape):
        for have, want in zip(shape, spec.shape, strict=True):
            if want is not None and _differs(have, want):
                return f"the shape {spec.shape}"
    return None


def _fits_squeezed(shape: tuple[Any, ...], spec: InputSpec) -> bool:
    """Whether a last axis of size 1, added or taken, makes the shape fit; the layer that says so does it."""
    if not spec.allow_last_axis_squeeze or spec.shape is None:
        return False
    if len(shape) == len(spec.shape) + 1:
        last, shape, declared = shape[-1], shape[:-1], spec.shape
    elif len(shape) == len(spec.shape) - 1:
        last, declared = spec.shape[-1], spec.shape[:-1]
    else:
        return False
    return last == 1 and not any(n is not None and _differs(m, n) for m, n in zip(shape, declared, strict=True))


def _differs(have: Any, want: int) -> bool:
    return isinstance(have, int) and have != want and not unknown(have)
