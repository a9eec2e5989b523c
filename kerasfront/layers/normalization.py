"""Normalization: by the moments of the batch, of each sample, of groups of channels; unit vectors; spectral.

Half precision is normalized in float32 inside, and the weights stay in their own dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kerasfront import initializers, ops
from kerasfront.errors import ShapeError
from kerasfront.layers._configured import (
    Configured,
    check_rank,
    fraction,
    keep,
    known_size,
    make_weight,
    positive,
    read,
    where,
)
from kerasfront.layers._options import Constraint, Initializer, LayerOptions, Regularizer
from kerasfront.layers.base.calling import is_mixed
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.input_spec import InputSpec
from kerasfront.layers.wrapper import Wrapper
from kerasfront.ops.normalization import batch_norm_inference, batch_norm_train, replica_mean
from kerasfront.typing import Config, ConstraintLike, InitializerLike, RegularizerLike, Shape, Tensor
from kerasfront.variable import Variable


def _as_axes(layer: Layer, axis: Any) -> list[int]:
    axes = [axis] if isinstance(axis, int) else list(axis) if isinstance(axis, (list, tuple)) else []
    if not axes or any(isinstance(a, bool) or not isinstance(a, int) for a in axes):
        raise TypeError(f"Expected `axis` of {where(layer)} to be an integer or several, got {axis!r}.")
    return sorted(axes)


def _fitting(axes: Sequence[int], sizes: Sequence[int]) -> InputSpec:
    """Return the spec of inputs that have these sizes on these axes, whatever their rank."""
    return InputSpec(min_ndim=max(-a if a < 0 else a + 1 for a in axes), axes=dict(zip(axes, sizes, strict=True)))


def _sorted_axes(axes: Sequence[int], input_shape: Sequence[Any]) -> tuple[tuple[int, ...], InputSpec]:
    """Return the axes in the order of the inputs, and the spec of inputs.

    Where all axes count from the end, inputs may have any rank.
    """
    rank = len(input_shape)
    over = tuple(sorted(a % rank for a in axes))
    if all(a < 0 for a in axes):
        over = tuple(a - rank for a in over)
        return over, _fitting(over, [input_shape[a] for a in over])
    return over, InputSpec(ndim=rank, axes={a: input_shape[a] for a in over})


class Scaled(Configured):
    """A normalization that may be followed by a learned scale gamma and offset beta."""

    epsilon: float
    center: bool
    scale: bool
    beta_initializer: Initializer
    gamma_initializer: Initializer
    beta_regularizer: Regularizer | None
    gamma_regularizer: Regularizer | None
    beta_constraint: Constraint | None
    gamma_constraint: Constraint | None


def _in_compute_dtype(layer: Layer, x: Tensor) -> Tensor:
    """Return the result in the dtype of the inputs, whatever was computed inside."""
    return ops.cast(x, layer.compute_dtype) if is_mixed(layer) or layer.compute_dtype in _HALF else x


_HALF = ("float16", "bfloat16")


class BatchNormalization(Scaled):
    """Normalizes each channel: in training by the moments of the batch, otherwise by their moving averages.

    In training, `gamma * (x - mean) / sqrt(variance + epsilon) + beta` with the mean and variance over all axes but
    `axis`, and the moving averages move to these by `1 - momentum`. With `trainable=False` the layer runs as in
    inference, and its averages stay.

    Args:
        axis: The axis of the channels.
        momentum: How much of the moving averages stays at each step.
        epsilon: What is added to the variance.
        center: Whether beta is added.
        scale: Whether it is multiplied by gamma.
        beta_initializer: An initializer of beta, of shape (channels,).
        gamma_initializer: An initializer of gamma.
        moving_mean_initializer: An initializer of the moving mean.
        moving_variance_initializer: An initializer of the moving variance.
        beta_regularizer: A regularizer of beta.
        gamma_regularizer: A regularizer of gamma.
        beta_constraint: A constraint of beta.
        gamma_constraint: A constraint of gamma.
        renorm: Whether the batch's moments are corrected towards their averages in training (batch renormalization).
        renorm_clipping: Limits of the correction: a dict with any of the keys "rmax", "rmin", "dmax".
        renorm_momentum: How much of the averages that correct stays at each step.
        synchronized: Whether the moments are those of all replicas of a data-parallel step together.

    Call arguments:
        inputs: A tensor.
        training: Whether the batch's own moments are used.
        mask: A bool tensor of shape (batch, steps), or of any leading axes of the inputs: what it marks False doesn't
            count in the moments.

    Raises:
        ValueError: An argument is out of its range.

    Source: Ioffe and Szegedy, https://arxiv.org/abs/1502.03167; Ioffe, https://arxiv.org/abs/1702.03275 (renorm)

    >>> import kerasfront as keras
    >>> layer = keras.layers.BatchNormalization(momentum=0.5)
    >>> _ = layer(keras.ops.array([[1.0], [3.0]]), training=True)
    >>> layer.moving_mean.numpy().tolist(), layer.moving_variance.numpy().tolist()
    ([1.0], [1.0])
    """

    axis: int
    momentum: float
    moving_mean_initializer: Initializer
    moving_variance_initializer: Initializer
    renorm: bool
    renorm_clipping: dict[str, float] | None
    renorm_momentum: float
    synchronized: bool
    gamma: Variable | None
    beta: Variable | None
    moving_mean: Variable
    moving_variance: Variable
    moving_stddev: Variable
    renorm_mean: Variable
    renorm_stddev: Variable

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike | None = None,
        gamma_regularizer: RegularizerLike | None = None,
        beta_constraint: ConstraintLike | None = None,
        gamma_constraint: ConstraintLike | None = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        momentum = fraction(self, "momentum", momentum)
        renorm_momentum = fraction(self, "renorm_momentum", renorm_momentum)
        _check_limits(self, renorm_clipping or {})
        renorm_clipping = dict(renorm_clipping or {}) if renorm else None
        keep(self, **locals())
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        size = (known_size(self, input_shape, self.axis),)
        self.gamma = make_weight(self, "gamma", size, autocast=False) if self.scale else None
        self.beta = make_weight(self, "beta", size, autocast=False) if self.center else None
        options: dict[str, Any] = {"trainable": False, "autocast": False}
        means, variances = self.moving_mean_initializer, self.moving_variance_initializer
        self.moving_mean = self.add_weight(size, means, name="moving_mean", **options)
        self.moving_variance = self.add_weight(size, variances, name="moving_variance", **options)
        if self.renorm:
            self.moving_stddev = self.add_weight(size, "ones", name="moving_stddev", **options)
            self.moving_stddev.assign(self.moving_variance.numpy() ** 0.5)
            self.renorm_mean = self.add_weight(size, means, name="renorm_mean", **options)
            self.renorm_stddev = self.add_weight(size, "ones", name="renorm_stddev", **options)
            self.renorm_stddev.assign(self.moving_stddev.numpy())
        self.input_spec = _fitting((self.axis,), size)

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        if not training or not self.trainable:
            mean, variance = self.moving_mean.value, self.moving_variance.value
            y = batch_norm_inference(inputs, mean, variance, read(self.gamma), read(self.beta), self.axis, self.epsilon)
            return _in_compute_dtype(self, y)
        if mask is None and not self.renorm and not self.synchronized:
            y, mean, variance = batch_norm_train(inputs, read(self.gamma), read(self.beta), self.axis, self.epsilon)
            _move(self.moving_mean, mean, self.momentum)
            _move(self.moving_variance, variance, self.momentum)
            return y
        return _in_compute_dtype(self, _by_moments(self, inputs, mask))


def _check_limits(layer: Layer, limits: dict[str, float]) -> None:
    """Raise ValueError where the limits of batch renormalization make no sense."""
    strange = set(limits) - {"rmax", "rmin", "dmax"}
    if strange:
        raise ValueError(
            f"Expected the keys of `renorm_clipping` of {where(layer)} to be among 'rmax', 'rmin', 'dmax', "
            f"got {sorted(strange)[0]!r}."
        )
    if "rmin" in limits and "rmax" in limits and limits["rmin"] > limits["rmax"]:
        raise ValueError(f"Expected `renorm_clipping` of {where(layer)} to have 'rmin' up to 'rmax', got {limits}.")


def _move(average: Variable, value: Tensor, momentum: float) -> None:
    """Move an average towards a value that has no gradient."""
    current = average.value
    if average.dtype in _HALF:  # half precision would round the small step away
        current, value = ops.cast(current, "float32"), ops.cast(value, "float32")
        average.assign(ops.cast(current + (value - current) * (1 - momentum), average.dtype))
    else:
        average.assign_add((value - current) * (1 - momentum))


def _by_moments(layer: BatchNormalization, inputs: Tensor, mask: Tensor | None) -> Tensor:
    """Normalize in training where the frameworks have no call for it: with a mask, replicas, or renorm."""
    x = ops.cast(inputs, _wide_dtype(layer))
    if mask is None:
        mean, variance = ops.moments(x, _other_axes(layer, x), synchronized=layer.synchronized)
    else:
        mean, variance = _masked_moments(layer, x, mask)
    gamma, beta = read(layer.gamma), read(layer.beta)
    if layer.renorm:
        gamma, beta = _renormed(layer, mean, variance)
    else:
        _move(layer.moving_mean, ops.stop_gradient(mean), layer.momentum)
        _move(layer.moving_variance, ops.stop_gradient(variance), layer.momentum)
    return ops.batch_normalization(x, mean, variance, layer.axis, beta, gamma, layer.epsilon)


def _other_axes(layer: BatchNormalization, x: Tensor) -> tuple[int, ...]:
    """Return the axes of x but that of the channels."""
    rank = len(x.shape)
    return tuple(i for i in range(rank) if i != layer.axis % rank)


def _masked_moments(layer: BatchNormalization, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and biased variance of what the mask keeps."""
    rank, others = len(x.shape), _other_axes(layer, x)
    counts = ops.expand_dims(ops.cast(mask, ops.dtype(x)), tuple(range(len(mask.shape), rank)))
    counts = ops.broadcast_to(counts, ops.shape(x))
    count = ops.sum(counts, others, keepdims=True)
    total = ops.sum(counts * x, others, keepdims=True)
    if layer.synchronized:
        count, total = replica_mean(count), replica_mean(total)
    count = ops.maximum(count, 1e-9)
    mean = total / count
    squares = ops.sum(counts * ops.square(x - mean), others, keepdims=True)
    variance = (replica_mean(squares) if layer.synchronized else squares) / count
    return ops.squeeze(mean, others), ops.squeeze(variance, others)


def _renormed(layer: BatchNormalization, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Move the averages, and return gamma and beta with the correction in them."""
    clip = layer.renorm_clipping or {}
    stddev = ops.sqrt(variance + layer.epsilon)
    renorm_mean, renorm_stddev = _widened(layer, layer.renorm_mean), _widened(layer, layer.renorm_stddev)
    r = ops.stop_gradient(stddev / renorm_stddev)
    d = ops.stop_gradient((mean - renorm_mean) / renorm_stddev)
    if "rmin" in clip or "rmax" in clip:
        r = ops.clip(r, clip.get("rmin", 0.0), clip.get("rmax", float("inf")))
    if "dmax" in clip:
        d = ops.clip(d, -clip["dmax"], clip["dmax"])
    mean, stddev = ops.stop_gradient(mean), ops.stop_gradient(stddev)
    _move(layer.moving_mean, mean, layer.momentum)
    _move(layer.moving_stddev, stddev, layer.momentum)
    squares = ops.square(_widened(layer, layer.moving_stddev))
    layer.moving_variance.assign(ops.cast(ops.maximum(squares - layer.epsilon, 0.0), layer.variable_dtype))
    _move(layer.renorm_mean, mean, layer.renorm_momentum)
    _move(layer.renorm_stddev, stddev, layer.renorm_momentum)
    if layer.gamma is not None:
        gamma = _widened(layer, layer.gamma)
        r, d = r * gamma, d * gamma
    return r, d if layer.beta is None else d + _widened(layer, layer.beta)


def _wide_dtype(layer: Layer) -> str:
    """Return the dtype of sums and moments: float32 where the variables are of half precision."""
    return "float32" if layer.variable_dtype in _HALF else layer.variable_dtype


def _widened(layer: Layer, variable: Variable) -> Tensor:
    """Return the value of a variable in the dtype of sums and moments."""
    return ops.cast(variable.value, _wide_dtype(layer))


class LayerNormalizationOptions(LayerOptions, total=False):
    """Options of LayerNormalization, beside those that it names itself."""

    # Deprecated in Keras in favour of RMSNormalization.
    rms_scaling: bool


class LayerNormalization(Scaled):
    """Normalizes each sample by its own mean and variance over `axis`.

    Args:
        axis: The axis, or several.
        epsilon: What is added to the variance.
        center: Whether beta is added.
        scale: Whether it is multiplied by gamma.
        beta_initializer: An initializer of beta, of the sizes of the axes.
        gamma_initializer: An initializer of gamma.
        beta_regularizer: A regularizer of beta.
        gamma_regularizer: A regularizer of gamma.
        beta_constraint: A constraint of beta.
        gamma_constraint: A constraint of gamma.

    Raises:
        TypeError: `axis` is no integer and no sequence of integers.
        ValueError: The size of an axis isn't known.

    Source: Ba et al., https://arxiv.org/abs/1607.06450

    >>> import kerasfront as keras
    >>> y = keras.layers.LayerNormalization(epsilon=1e-6)(keras.ops.array([[1.0, 3.0]]))
    >>> keras.ops.convert_to_numpy(y).round(3).tolist()
    [[-1.0, 1.0]]
    """

    axis: list[int]
    rms_scaling: bool
    gamma: Variable | None
    beta: Variable | None
    # The axes in the order of the inputs. The shape to which gamma and beta are reshaped; None where they have it.
    _kf_over: tuple[int, ...]
    _kf_sizes: tuple[Any, ...] | None

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike | None = None,
        gamma_regularizer: RegularizerLike | None = None,
        beta_constraint: ConstraintLike | None = None,
        gamma_constraint: ConstraintLike | None = None,
        **kwargs: Unpack[LayerNormalizationOptions],
    ) -> None:
        self.rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(**kwargs)
        axis = _as_axes(self, axis)
        keep(self, **locals())
        self.supports_masking = True

    def get_config(self) -> Config:
        return {**super().get_config(), "rms_scaling": self.rms_scaling}

    def build(self, input_shape: Shape) -> None:
        # The axes are sorted as Keras sorts them, since weight files contain gamma and beta in this layout.
        axes = self.axis
        shape = tuple(known_size(self, input_shape, a) for a in axes)
        self.gamma = make_weight(self, "gamma", shape, autocast=False) if self.scale or self.rms_scaling else None
        self.beta = make_weight(self, "beta", shape, autocast=False) if self.center and not self.rms_scaling else None
        self._kf_over, self.input_spec = _sorted_axes(axes, input_shape)
        sizes = tuple(input_shape[a] for a in self._kf_over)
        self._kf_sizes = None if sizes == shape else sizes

    def call(self, inputs: Tensor) -> Tensor:
        check_rank(self, inputs)
        gamma, beta = read(self.gamma), read(self.beta)
        if self._kf_sizes is not None:
            gamma = None if gamma is None else ops.reshape(gamma, self._kf_sizes)
            beta = None if beta is None else ops.reshape(beta, self._kf_sizes)
        if self.rms_scaling:
            variance = ops.var(inputs, self._kf_over, keepdims=True)
            return _in_compute_dtype(
                self, inputs * ops.rsqrt(variance + self.epsilon) * _spread_gamma(self, gamma, inputs)
            )
        return _in_compute_dtype(self, ops.layer_normalization(inputs, gamma, beta, self._kf_over, self.epsilon))


def _spread_gamma(layer: LayerNormalization, gamma: Any, inputs: Tensor) -> Tensor:
    over = {a % len(inputs.shape) for a in layer._kf_over}
    return ops.reshape(gamma, [d if i in over else 1 for i, d in enumerate(inputs.shape)])


class RMSNormalization(Configured):
    """Divides each sample by its root mean square over `axis`, and scales by a learned factor.

    Args:
        axis: The axis, or several.
        epsilon: What is added to the mean square.

    Raises:
        TypeError: `axis` is no integer and no sequence of integers.
        ValueError: The size of an axis isn't known.

    Source: Zhang and Sennrich, https://arxiv.org/abs/1910.07467

    >>> import kerasfront as keras
    >>> y = keras.layers.RMSNormalization()(keras.ops.array([[3.0, -3.0]]))
    >>> keras.ops.convert_to_numpy(y).round(3).tolist()
    [[1.0, -1.0]]
    """

    axis: list[int]
    epsilon: float
    scale: Variable
    # As in LayerNormalization.
    _kf_over: tuple[int, ...]
    _kf_sizes: tuple[Any, ...] | None

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon = _as_axes(self, axis), epsilon
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        axes = self.axis
        shape = tuple(known_size(self, input_shape, a) for a in axes)
        self.scale = self.add_weight(shape, "ones", name="scale", autocast=False)
        self._kf_over, self.input_spec = _sorted_axes(axes, input_shape)
        sizes = tuple(input_shape[a] for a in self._kf_over)
        self._kf_sizes = None if sizes == shape else sizes

    def call(self, x: Tensor) -> Tensor:
        check_rank(self, x)
        scale = self.scale.value if self._kf_sizes is None else ops.reshape(self.scale, self._kf_sizes)
        return _in_compute_dtype(self, ops.rms_normalization(x, scale, self._kf_over, self.epsilon))


class GroupNormalization(Scaled):
    """Normalizes each sample by the mean and variance of each group of channels.

    Args:
        groups: The number of groups; it divides the channels. -1: one for each channel (instance normalization). With 1
            group all of a sample is normalized together.
        axis: The axis of the channels.
        epsilon: What is added to the variance.
        center: Whether beta is added.
        scale: Whether it is multiplied by gamma.
        beta_initializer: An initializer of beta, of shape (channels,).
        gamma_initializer: An initializer of gamma.
        beta_regularizer: A regularizer of beta.
        gamma_regularizer: A regularizer of gamma.
        beta_constraint: A constraint of beta.
        gamma_constraint: A constraint of gamma.

    Raises:
        ValueError: The groups don't divide the channels.

    Source: Wu and He, https://arxiv.org/abs/1803.08494

    >>> import kerasfront as keras
    >>> y = keras.layers.GroupNormalization(groups=2, epsilon=1e-6)(keras.ops.array([[1.0, 3.0, 0.0, 8.0]]))
    >>> keras.ops.convert_to_numpy(y).round(3).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    groups: int
    axis: int
    gamma: Variable | None
    beta: Variable | None
    # A call splits the axis of the channels into two: groups, and channels of a group. `_kf_over` are the axes that are
    # normalized then; `_kf_aligned` is the shape in which gamma and beta broadcast with the inputs; `_kf_parts` are the
    # axis, the number of groups, and their size.
    _kf_over: tuple[int, ...]
    _kf_aligned: tuple[int, ...]
    _kf_parts: tuple[int, int, int]

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike | None = None,
        gamma_regularizer: RegularizerLike | None = None,
        beta_constraint: ConstraintLike | None = None,
        gamma_constraint: ConstraintLike | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        groups = groups if groups == -1 else positive(self, "groups", groups)
        keep(self, **locals())
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        channels = known_size(self, input_shape, self.axis)
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ShapeError(
                f"Expected the {channels} channels of the inputs of {where(self)} to be a multiple of "
                f"groups={self.groups}."
            )
        self.gamma = make_weight(self, "gamma", (channels,), autocast=False) if self.scale else None
        self.beta = make_weight(self, "beta", (channels,), autocast=False) if self.center else None
        rank = len(input_shape)
        axis = self.axis % rank
        self._kf_over = tuple(i for i in range(1, rank + 1) if i != axis)
        self._kf_aligned = tuple(channels if i == axis else 1 for i in range(rank))
        self._kf_parts = (axis, self.groups, channels // self.groups)
        self.input_spec = InputSpec(ndim=rank, axes={axis: channels})

    def call(self, inputs: Tensor) -> Tensor:
        shape = ops.shape(inputs)
        axis, groups, size = self._kf_parts
        x = ops.reshape(inputs, (*shape[:axis], groups, size, *shape[axis + 1 :]))
        if is_mixed(self) or self.compute_dtype in _HALF:
            x = ops.cast(x, "float32")
        x = ops.reshape(ops.layer_normalization(x, None, None, self._kf_over, self.epsilon), shape)
        if self.gamma is not None:
            x = ops.multiply(x, ops.reshape(self.gamma.value, self._kf_aligned))
        if self.beta is not None:
            x = ops.add(x, ops.reshape(self.beta.value, self._kf_aligned))
        return _in_compute_dtype(self, x)


class UnitNormalization(Configured):
    """Divides by the Euclidean norm along `axis`; gradients at 0 are finite.

    Args:
        axis: The axis, or several.

    Raises:
        TypeError: `axis` is no integer and no sequence of integers.

    >>> import kerasfront as keras
    >>> y = keras.layers.UnitNormalization()(keras.ops.array([[3.0, 4.0]]))
    >>> round(float(y[0, 0]), 4), round(float(y[0, 1]), 4)
    (0.6, 0.8)
    """

    _kf_needs_no_build = True

    axis: int | list[int]

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else _as_axes(self, axis)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return ops.normalize(inputs, axis=axis, order=2, epsilon=1e-12)


class SpectralNormalization(Wrapper):
    """Keeps the largest singular value of the wrapped layer's kernel at 1, found by power iteration.

    In training, each call divides the layer's kernel (or embeddings) by that value before the layer runs.

    Args:
        layer: A layer with a `kernel` or `embeddings`.
        power_iterations: How many steps of the power iteration a call makes.

    Raises:
        ValueError: The layer has neither, or `power_iterations` is no positive integer.

    Source: Miyato et al., https://arxiv.org/abs/1802.05957

    >>> import kerasfront as keras
    >>> layer = keras.layers.SpectralNormalization(keras.layers.Dense(3, kernel_initializer="ones"), power_iterations=9)
    >>> y = layer(keras.ops.ones((1, 3)), training=True)
    >>> keras.ops.convert_to_numpy(y).round(3).tolist()
    [[1.0, 1.0, 1.0]]
    """

    power_iterations: int
    kernel: Variable
    vector_u: Variable

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(layer, **kwargs)
        self.power_iterations = positive(self, "power_iterations", power_iterations)

    def build(self, input_shape: Shape | None = None) -> None:
        super().build(input_shape)
        weights = [getattr(self.layer, name, None) for name in ("kernel", "embeddings")]
        kernel = next((v for v in weights if v is not None), None)
        if kernel is None:
            raise ValueError(
                f"Expected the layer in {where(self)} to have a `kernel` or `embeddings`, got "
                f"{type(self.layer).__name__}."
            )
        self.kernel = kernel
        self.vector_u = self.add_weight(
            (1, kernel.shape[-1]), initializers.TruncatedNormal(stddev=0.02), name="vector_u", trainable=False,
            autocast=False,
        )  # fmt: skip

    def call(self, inputs: Tensor, training: bool | None = False) -> Tensor:
        if training:
            u, kernel = self.normalized_weights()
            self.vector_u.assign(u)
            # Gradients have to be those by the new kernel also where the assignment itself is traced: so its value
            # depends on the old kernel by the identity.
            self.kernel.assign(self.kernel + ops.stop_gradient(kernel - self.kernel))
        return self.layer(inputs)

    def normalized_weights(self) -> tuple[Tensor, Tensor]:
        """Return the next vector of the power iteration, and the kernel divided by its largest singular value.

        A kernel of zeros stays as it is.
        """
        kernel, u = (ops.stop_gradient(ops.cast(v, v._dtype)) for v in (self.kernel, self.vector_u))
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        for _ in range(self.power_iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(matrix)), axis=-1)
            u = ops.normalize(ops.matmul(v, matrix), axis=-1)
        sigma = ops.sum(ops.matmul(v, matrix) * u)
        nothing = ops.equal(sigma, 0)
        return (
            ops.where(nothing, ops.cast(self.vector_u, self.vector_u._dtype), u),
            kernel / ops.where(nothing, ops.ones_like(sigma), sigma),
        )
