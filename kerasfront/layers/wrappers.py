"""Layers that apply another one: to each step of a sequence, or in both directions of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, Unpack

from kerasfront import ops, serialization
from kerasfront.errors import ShapeError, not_one
from kerasfront.layers._configured import Configured, where
from kerasfront.layers._options import LayerOptions
from kerasfront.layers.base.gathering import layers_inside
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.input_spec import InputSpec
from kerasfront.layers.recurrent.rnn import RNN, count_states
from kerasfront.layers.wrapper import Wrapper
from kerasfront.typing import Config, NestedTensors, Shape, Tensor


class TimeDistributed(Wrapper):
    """Applies a layer to every step of a sequence.

    The steps are put into the batch, and the layer is called once: the statistics of a BatchNormalization are over
    all steps, and dropout draws for each step anew. A mask of shape (batch, time) is that of the output; what a mask
    has of further axes is the mask of the inner layer.

    Args:
        layer: The layer.

    Call arguments:
        inputs: A tensor of shape (batch, time, ...).
        mask: Booleans of shape (batch, time), or (batch, time, ...).
        training: Passed on to the layer.

    Raises:
        ValueError: `layer` is no layer.
        ShapeError: The inputs have fewer than three axes.

    >>> import kerasfront as keras
    >>> keras.layers.TimeDistributed(keras.layers.Dense(3))(keras.ops.ones((2, 5, 4))).shape[1:] == (5, 3)
    True
    """

    def __init__(self, layer: Layer, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True
        self._kf.makes_mask = self.layer._kf.makes_mask

    def build(self, input_shape: Shape | None = None) -> None:
        batch, _, *rest = _checked_shape(self, input_shape)
        super().build((batch, *rest))

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Any:
        _checked_shape(self, tuple(inputs.shape))
        options = {} if _inner_mask(mask) is None else {"mask": _into_batch(mask)}
        outputs = self.layer(_into_batch(inputs), **options)
        return _out_of_batch(outputs, ops.shape(inputs)[:2])

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        inner = None if _inner_mask(mask) is None else _into_batch(mask)
        if self.layer._kf.makes_mask or inner is not None:
            computed = self.layer.compute_mask(_into_batch(inputs), inner)
            if computed is not None:
                return _out_of_batch(computed, ops.shape(inputs)[:2])
        if mask is None or inner is None:
            return mask
        # The inner layer has used the inner mask: a step counts where anything in it does.
        return ops.any(mask, axis=tuple(range(2, len(mask.shape))))


def _checked_shape(layer: TimeDistributed, shape: Shape | None) -> Shape:
    """Return the shape of the inputs; raise a ShapeError where it has fewer than three axes."""
    if shape is None or len(shape) < 3:
        raise ShapeError(f"Expected the inputs of {where(layer)} to have the shape (batch, time, ...), got {shape}.")
    return shape


def _inner_mask(mask: Any) -> Any:
    """Return the mask that belongs to the inner layer: one with axes beyond batch and time; None for any other."""
    return mask if mask is not None and len(mask.shape) > 2 else None


def _into_batch(x: Any) -> Any:
    return ops.reshape(x, (-1, *ops.shape(x)[2:]))


def _out_of_batch(x: Any, lead: Any) -> Any:
    # A compiled graph may not know the batch or the length: -1 stands for the batch, unless the length is unknown.
    batch, length = lead
    first = -1 if isinstance(length, int) and length else batch
    return ops.reshape(x, (first, length, *ops.shape(x)[1:]))


_MERGES: dict[str, Any] = {
    "sum": lambda y, z: y + z,
    "mul": lambda y, z: y * z,
    "ave": lambda y, z: ops.multiply(y + z, 0.5),
    "concat": lambda y, z: ops.concatenate([y, z], axis=-1),
}


class Bidirectional(Configured):
    """Runs a recurrent layer in both directions of time, and merges the outputs.

    Outputs of masked steps are zeros.

    Args:
        layer: A recurrent layer: a `RNN`, or a layer with `go_backwards`, `return_sequences`, `return_state` and
            `get_config` that returns sequences as it does. The layers that run are made from its config.
        merge_mode: How the two outputs become one: "concat", "sum", "mul", "ave"; None returns both.
        weights: Initial weights: those of the forward layer, then those of the backward layer.
        backward_layer: The layer that goes backwards; None: as `layer`, in the other direction.

    Call arguments:
        sequences: A tensor of shape (batch, time, ...).
        initial_state: The states of the forward layer, then those of the backward layer.
        mask: Booleans of shape (batch, time): False leaves a step out.
        training: Passed on to the layers.

    Returns:
        The merged output, or a tuple of both; with `return_state` a tuple of that and all states.

    Raises:
        ValueError: The layers don't fit each other, or the merge mode is unknown.

    Source: Schuster and Paliwal (1997), "Bidirectional recurrent neural networks".

    >>> import kerasfront as keras
    >>> layer = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))
    >>> layer(keras.ops.ones((2, 5, 4))).shape[1:] == (5, 6)
    True
    """

    merge_mode: str | None
    forward_layer: Any
    backward_layer: Any
    return_sequences: bool
    return_state: bool
    stateful: bool
    # The `weights` of the constructor, until the layer is built.
    _kf_initial_weights: Sequence[Any] | None

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Sequence[Any] | None = None,
        backward_layer: Layer | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        for name, one in (("layer", layer), ("backward_layer", backward_layer)):
            if one is None and name == "backward_layer":
                continue
            if not isinstance(one, Layer) or not hasattr(one, "go_backwards"):
                raise not_one(f"`{name}` of {where(self)} to be a recurrent layer", one)
        if merge_mode is not None and merge_mode not in _MERGES:
            raise ValueError(
                f"Expected `merge_mode` of {where(self)} to be one of {', '.join(map(repr, _MERGES))} or None, "
                f"got {merge_mode!r}."
            )
        self.merge_mode = merge_mode
        self.forward_layer = _copy(layer, "forward")
        if backward_layer is None:
            self.backward_layer = _copy(layer, "backward", go_backwards=not self.forward_layer.go_backwards)
        else:
            self.backward_layer = backward_layer
            _check_pair(self)
        for one in (self.forward_layer, self.backward_layer):
            if isinstance(one, RNN):
                one.zero_output_for_mask = one.return_sequences
        self.return_sequences = self.forward_layer.return_sequences
        self.return_state = self.forward_layer.return_state
        self.stateful = self.forward_layer.stateful
        self._kf_initial_weights = weights
        self.input_spec = layer.input_spec if not layer.built else InputSpec(min_ndim=3)
        self.supports_masking = True
        self._kf.makes_mask = False

    def build(self, sequences_shape: Shape, initial_state_shape: Sequence[Shape] | None = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._kf_initial_weights is not None:
            half = len(self._kf_initial_weights) // 2
            self.forward_layer.set_weights(self._kf_initial_weights[:half])
            self.backward_layer.set_weights(self._kf_initial_weights[half:])
            self._kf_initial_weights = None

    def call(
        self,
        sequences: Tensor,
        initial_state: Sequence[Tensor] | None = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        # Arguments that are None aren't passed on: a call with inputs alone takes a faster way.
        options: dict[str, Any] = {} if mask is None else {"mask": mask}
        first, second = options, options
        if initial_state is not None:
            half = len(initial_state) // 2
            if not half or len(initial_state) % 2:
                raise ShapeError(
                    f"Expected `initial_state` of {where(self)} to hold the states of both directions, got "
                    f"{len(initial_state)} tensors."
                )
            first = {**options, "initial_state": list(initial_state[:half])}
            second = {**options, "initial_state": list(initial_state[half:])}
        y, z = self.forward_layer(sequences, **first), self.backward_layer(sequences, **second)
        states: tuple[Any, ...] = ()
        if self.return_state:
            (y, *forward), (z, *backward) = y, z
            states = (*forward, *backward)
        if self.return_sequences:
            z = ops.flip(z, axis=1)
        outputs = (y, z) if self.merge_mode is None else (_MERGES[self.merge_mode](y, z),)
        return outputs[0] if len(outputs) == 1 and not states else (*outputs, *states)

    def compute_mask(self, _: Any, mask: Any) -> NestedTensors | None:
        mask = (mask[0] if isinstance(mask, (list, tuple)) else mask) if self.return_sequences else None
        outputs = [mask] if self.merge_mode is not None else [mask, mask]
        states = [None] * (_count_states_of(self.forward_layer) + _count_states_of(self.backward_layer))
        return mask if len(outputs) == 1 and not states else (*outputs, *states)

    def reset_state(self) -> None:
        """Let the next batch begin with zeros, in both directions."""
        if self.stateful:
            self.forward_layer.reset_state()
            self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """`reset_state()`."""
        self.reset_state()

    @property
    def states(self) -> Any:
        """The states of both directions of a stateful layer."""
        if self.forward_layer.states and self.backward_layer.states:
            return (*self.forward_layer.states, *self.backward_layer.states)
        return None

    def get_config(self) -> Config:
        return {
            **Layer.get_config(self),
            "merge_mode": self.merge_mode,
            "layer": serialization.serialize_keras_object(self.forward_layer),
            "backward_layer": serialization.serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Mapping[str, Any] | None = None) -> Self:
        with serialization.custom_object_scope(custom_objects):
            return super().from_config(config)


def _check_pair(bidirectional: Bidirectional) -> None:
    """Raise ValueError unless the layers go in different directions, and return alike."""
    forward, backward = bidirectional.forward_layer, bidirectional.backward_layer
    if forward.go_backwards == backward.go_backwards:
        raise ValueError(
            f"Expected `layer` and `backward_layer` of {where(bidirectional)} to go in different directions; both have "
            f"go_backwards={forward.go_backwards}."
        )
    for name in ("stateful", "return_sequences", "return_state"):
        if getattr(forward, name) != getattr(backward, name):
            raise ValueError(
                f"Expected `layer` and `backward_layer` of {where(bidirectional)} to have the same `{name}`, got "
                f"{getattr(forward, name)} and {getattr(backward, name)}."
            )


def _count_states_of(layer: Any) -> int:
    return count_states(layer) if layer.return_state and isinstance(layer, RNN) else 0


def _copy(layer: Any, direction: str, **changed: Any) -> Any:
    """Make a layer from the config of `layer`, with the direction before its name."""
    cell = getattr(layer, "cell", None)
    inside = [*layers_inside(layer), *([] if cell is None else [cell])]
    classes = {type(part).__name__: type(part) for part in inside}
    config = {**layer.get_config(), **changed, "name": f"{direction}_{layer.name.removeprefix(f'{direction}_')}"}
    with serialization.custom_object_scope(classes):
        return type(layer).from_config(config)
