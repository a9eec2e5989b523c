"""The nodes of ops in a saved graph, in Keras 3's form.

An op is saved as a class with a config of its static arguments, which is called on the tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kerasfront import serialization
from kerasfront.errors import SavingError, suggest
from kerasfront.ops.declare.op import OPS, Op
from kerasfront.spec import dtypes

# The ops that Keras has a class for, by its module.
_MODULES = {
    "core": "associative_scan cast cond convert_to_tensor fori_loop map saturate_cast scan scatter "
    "scatter_update slice slice_update stop_gradient switch unstack vectorized_map while_loop",
    "einops": "rearrange",
    "image": "affine_transform crop_images elastic_transform extract_patches gaussian_blur hsv_to_rgb "
    "map_coordinates pad_images perspective_transform resize rgb_to_grayscale rgb_to_hsv "
    "scale_and_translate sobel_edges ssim",
    "linalg": "cholesky cholesky_inverse det eig eigh inv jvp lstsq lu_factor matrix_rank norm pinv qr solve "
    "solve_triangular svd",
    "math": "c_dist erf erfc erfinv extract_sequences fft fft2 ifft2 in_top_k irfft istft logdet logsumexp "
    "rfft rsqrt segment_max segment_min segment_prod segment_reduction segment_sum stft top_k "
    "view_as_complex view_as_real",
    "nn": "adaptive_average_pool adaptive_max_pool average_pool batch_norm binary_crossentropy "
    "categorical_crossentropy celu conv conv_transpose ctc_decode ctc_loss depth_to_space "
    "depthwise_conv dot_product_attention elu fold gelu glu hard_shrink hard_sigmoid hard_silu "
    "hard_tanh layer_norm leaky_relu log_sigmoid log_softmax max_pool moments multi_hot normalize "
    "one_hot polar psnr relu relu6 rms_norm selu separable_conv sigmoid silu soft_shrink softmax "
    "softplus softsign space_to_depth sparse_categorical_crossentropy sparse_plus sparse_sigmoid "
    "sparsemax squareplus tanh_shrink threshold unfold",
    "numpy": "abs absolute add all all_close amax amin angle any append arange arccos arccosh arcsin arcsinh "
    "arctan arctan2 arctanh argmax argmin argpartition argsort array array_split average bincount "
    "bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift "
    "bitwise_xor broadcast_to cbrt ceil clip concatenate conj conjugate copy corrcoef correlate cos "
    "cosh count_nonzero cross cumprod cumsum deg2rad diag diagflat diagonal diff digitize divide "
    "divide_no_nan dot dsplit dstack einsum empty_like equal exp exp2 expand_dims expm1 fabs flip "
    "fliplr flipud floor floor_divide fmax fmin fmod full full_like gcd geomspace get_item greater "
    "greater_equal heaviside histogram hsplit hstack hypot i0 imag inner is_in isclose isfinite isinf "
    "isnan isneginf isposinf isreal kron lcm ldexp left_shift less less_equal linspace log log10 "
    "log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logspace matmul "
    "max maximum mean median meshgrid min minimum mod moveaxis multiply nan_to_num nanargmax "
    "nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile "
    "nanstd nansum nanvar ndim negative nextafter nonzero not_equal ones_like outer pad percentile "
    "power prod ptp quantile rad2deg ravel real reciprocal repeat reshape right_shift roll rot90 "
    "round search_sorted select sign signbit sin sinc sinh size slogdet sort split sqrt square "
    "squeeze stack std subtract sum swapaxes take take_along_axis tan tanh tensordot tile trace "
    "transpose trapezoid tril triu true_divide trunc unique unravel_index vander var vdot view vsplit "
    "vstack where zeros_like",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}
# Classes whose names aren't the op's in camel case.
_CLASS_OF = {
    "ctc_decode": "CTCDecode",
    "ctc_loss": "CTCLoss",
    "hsv_to_rgb": "HSVToRGB",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    **{
        name: name.upper()
        for name in ("fft", "fft2", "ifft2", "irfft", "istft", "jvp", "psnr", "rfft", "ssim", "stft", "svd")
    },
}
# The arguments of the call, where they are not just the tensors.
_CALLED_WITH = {
    "clip": ("x",),
    "dot_product_attention": ("query", "key", "value", "bias", "mask", "scale"),
    "get_item": ("x", "key"),
    "isclose": ("x1", "x2", "rtol", "atol"),
    "trapezoid": ("y",),
}
_TENSOR_KINDS = ("Tensor", "Tensors", "Indices", "Condition", "Nested")
# Ops of ours that Keras has no class for, and ops whose arguments are functions, keep our own form.
_OWN = "kerasfront.ops"


def class_name(op: Op) -> str:
    """Return the name of Keras's class for an op."""
    return _CLASS_OF.get(op.name) or "".join(word[:1].upper() + word[1:] for word in op.name.split("_"))


def _called_with(op: Op) -> tuple[str, ...]:
    if op.name in _CALLED_WITH:
        return _CALLED_WITH[op.name]
    names = list(op.signature.parameters)
    return tuple(names[index] for index, kind in op.tensors if kind in _TENSOR_KINDS)


def _fits_keras(op: Op) -> bool:
    parameters = op.signature.parameters.values()
    variadic = any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)
    return op.name in _MODULE_OF and not variadic and not any(kind == "Body" for _, kind in op.tensors)


def to_config(op: Op, name: str, args: Any, kwargs: Any) -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
    """Return the config of a node's op, and the arguments of its call that go into the node.

    Args:
        op: The op.
        name: The node's name.
        args: The arguments that the node records, static ones among them.
        kwargs: The same, by name.
    """
    if not _fits_keras(op):
        config = {"module": _OWN, "class_name": op.name, "config": {"name": name}, "registered_name": None}
        return config, list(args), dict(kwargs)
    bound = op.signature.bind(*args, **kwargs).arguments
    called = [k for k in _called_with(op) if k in bound]
    static = {k: _static(k, v) for k, v in bound.items() if k not in called}
    cls = class_name(op)
    config = {
        "module": f"keras.src.ops.{_MODULE_OF[op.name]}",
        "class_name": cls,
        "config": {"name": name, **static},
        "registered_name": cls,
    }
    return config, [bound[k] for k in called], {}


def _static(name: str, value: Any) -> Any:
    if name == "dtype" and value is not None:
        return dtypes.standardize(value)
    return serialization.serialize_keras_object(value)


def is_op(config: Mapping[str, Any]) -> bool:
    """Return whether a config is that of an op, ours or Keras's."""
    module = config.get("module")
    return isinstance(module, str) and (module == _OWN or module.startswith("keras.src.ops."))


def from_config(config: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the op of a config as a function of the call's arguments; raises SavingError for an unknown op."""
    name, inner = config.get("class_name"), config.get("config")
    if not isinstance(name, str) or not isinstance(inner, dict):
        raise SavingError("The config of an op needs a class name and a config.")
    ops_by_name = OPS if config["module"] == _OWN else {class_name(op): op for op in OPS.values()}
    if name not in ops_by_name:
        raise SavingError(f"There is no op '{name}'.{suggest(name, ops_by_name)}")
    op = ops_by_name[name]
    static = {k: serialization.revive(v) for k, v in inner.items() if k != "name"}
    if config["module"] == _OWN:
        return op.call
    names = _called_with(op)
    unknown = [k for k in static if k not in op.signature.parameters or k in names]
    if unknown:
        raise SavingError(f"The op '{name}' takes no argument {', '.join(map(repr, unknown))}.")
    return _Partial(op, names, static)


class _Partial:
    """An op with its static arguments.

    Args:
        op: The op.
        names: The arguments that the call gives by position.
        static: The static arguments, by name.
    """

    def __init__(self, op: Op, names: tuple[str, ...], static: dict[str, Any]) -> None:
        self.op, self.names, self.static = op, names, static

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) > len(self.names):
            raise SavingError(f"The op '{self.op.name}' is called on {', '.join(self.names)}; {len(args)} came.")
        positional = dict(zip(self.names, args, strict=False))
        merged = {**self.static, **kwargs, **positional}
        if isinstance(merged.get("key"), list):  # the key of an item: JSON has no tuples
            merged["key"] = tuple(merged["key"])
        bound = self.op.signature.bind(**merged)
        return self.op.call(*bound.args, **bound.kwargs)
