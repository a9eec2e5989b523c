"""Input: where a functional graph begins."""

from __future__ import annotations

from typing import Any

from kerasfront import settings
from kerasfront.arguments import as_shape, converted, plain, several, wrong
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.base.state import LayerState
from kerasfront.spec import KerasTensor, Node, dtypes, nodes_of
from kerasfront.typing import Config, DTypeLike, Shape, ShapeLike


class InputState(LayerState):
    """The state of an InputLayer, whose only node is part of it: copies have it too."""

    batch_shape: Shape
    dtype: str

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))


class InputLayer(Layer):
    """A layer that holds the symbolic input of a model.

    Args:
        shape: The shape without the batch dim; None for unknown sizes.
        batch_size: The batch size, where it is fixed.
        dtype: The dtype; None means `floatx()`.
        sparse: Whether the input is sparse.
        ragged: Whether the input is ragged.
        batch_shape: The shape with the batch dim, instead of `shape` and `batch_size`.
        input_tensor: A KerasTensor to stand for the input.
        optional: Whether the input may be None.
        name: A name.
    """

    sparse: bool
    ragged: bool
    optional: bool
    _kf: InputState
    _kf_state = InputState

    def __init__(
        self,
        shape: ShapeLike | None = None,
        batch_size: int | None = None,
        dtype: DTypeLike | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: ShapeLike | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name)
        if input_tensor is not None:
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                f"Input needs either `shape` or `batch_shape`, got shape={shape}, batch_shape={batch_shape}."
            )
        if batch_shape is None:
            batch_shape = (batch_size, *_as_tuple(shape))
        self._kf.batch_shape = as_shape(batch_shape, "batch_shape", "Input")
        self._kf.dtype = settings.floatx() if dtype is None else dtypes.standardize(dtype)
        self.sparse, self.ragged, self.optional = bool(sparse), bool(ragged), optional
        self.built = True
        output = input_tensor
        if output is None:
            output = KerasTensor(self.batch_shape, self.dtype, self.sparse, self.ragged, name=self.name)
        nodes_of(self).append(Node(self, (), {}, output))

    def call(self) -> None:
        raise NotImplementedError("An InputLayer holds a symbolic input; it can't be called.")

    @property
    def batch_shape(self) -> Shape:
        """The shape of the input, with the batch dim."""
        return self._kf.batch_shape

    @property
    def dtype(self) -> str:
        return self._kf.dtype

    def get_config(self) -> Config:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


@converted
def Input(
    shape: ShapeLike | None = None,
    batch_size: int | None = None,
    dtype: DTypeLike | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: ShapeLike | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """Make a symbolic tensor from which a model can be built; the arguments are those of `InputLayer`.

    >>> import kerasfront as keras
    >>> keras.Input((32,), name="x").shape
    (None, 32)
    """
    layer = InputLayer(
        shape=shape, batch_size=batch_size, dtype=dtype, sparse=sparse, ragged=ragged, batch_shape=batch_shape,
        input_tensor=tensor, optional=optional, name=name,
    )  # fmt: skip
    return nodes_of(layer)[0].outputs[0]


def layer_of_input(x: Any) -> InputLayer | None:
    """Return the layer that holds a symbolic input; None: `x` is something else."""
    operation = x.node.operation if isinstance(x, KerasTensor) and x.node is not None else None
    return operation if isinstance(operation, InputLayer) else None


def _as_tuple(shape: Any) -> Shape:
    if several(shape) is None:
        example = f", such as ({shape},)" if isinstance(plain(shape), int) else ""
        raise wrong("shape", "Input", f"a tuple{example}", shape)
    return as_shape(shape, "shape", "Input")
