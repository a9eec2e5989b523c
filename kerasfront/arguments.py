"""Arguments as users have them: numbers of NumPy and of the frameworks, and names that are nearly right.

Sizes, rates and switches come out of data: `y.max() + 1`, `np.ceil(n / 2)`, a row of a table, a tensor without axes.
`as_int`, `as_float`, `as_bool`, `as_ints` and `as_shape` make plain Python values of them, or say what is wrong.
Constructors (`Constructed`) and functions (`converted`) take their arguments by what they are annotated with: where it
says `int`, `float`, `bool`, sequences of these, or such a type beside others (`int | None`, `float | Schedule`), the
body gets a plain Python value. A name that they don't have is an error that says which one is meant.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import operator
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import ml_dtypes
import numpy as np

from kerasfront.errors import ArgumentError, nearest
from kerasfront.reprs import constructor_call
from kerasfront.tracebacks import shorten
from kerasfront.typing import Tensor

F = TypeVar("F", bound=Callable[..., Any])

# Arguments that Keras 1 and 2 had under another name, or no longer have: the new names, of which the first that is
# known where it was given is told, or else what to do instead.
RENAMED: dict[str, tuple[str, ...]] = {
    "lr": ("learning_rate",),
    "rate": ("learning_rate",),
    "eta": ("learning_rate",),
    "betas": ("beta_1",),
    "beta1": ("beta_1",),
    "beta2": ("beta_2",),
    "eps": ("epsilon",),
    "loss_scale": ("loss_scale_factor",),
    "nb_epoch": ("epochs",),
    "n_epochs": ("epochs",),
    "num_epochs": ("epochs",),
    "samples_per_epoch": ("steps_per_epoch",),
    "nb_val_samples": ("validation_steps",),
    "val_samples": ("validation_steps",),
    "val_split": ("validation_split",),
    "val_data": ("validation_data",),
    "nb_worker": ("workers",),
    "max_q_size": ("max_queue_size",),
    "optim": ("optimizer",),
    "optimiser": ("optimizer",),
    "criterion": ("loss",),
    "input": ("inputs",),
    "output": ("outputs",),
    "output_dim": ("units",),
    "input_size": ("input_dim",),
    "hidden_size": ("units",),
    "out_features": ("units",),
    "in_features": ("input_dim",),
    "out_channels": ("filters",),
    "nb_filter": ("filters",),
    "nb_row": ("kernel_size",),
    "nb_col": ("kernel_size",),
    "filter_length": ("kernel_size",),
    "filter_size": ("kernel_size",),
    "kernel_dim1": ("kernel_size",),
    "subsample": ("strides",),
    "subsample_length": ("strides",),
    "stride": ("strides",),
    "atrous_rate": ("dilation_rate",),
    "dilation": ("dilation_rate",),
    "border_mode": ("padding",),
    "dim_ordering": ("data_format",),
    "pool_length": ("pool_size",),
    "length": ("size",),
    "p": ("rate",),
    "drop": ("rate",),
    "sigma": ("stddev",),
    "bias": ("use_bias",),
    "init": ("kernel_initializer", "embeddings_initializer"),
    "inner_init": ("recurrent_initializer",),
    "forget_bias_init": ("unit_forget_bias",),
    "inner_activation": ("recurrent_activation",),
    "dropout_W": ("dropout",),
    "dropout_U": ("recurrent_dropout",),
    "W_regularizer": ("kernel_regularizer", "embeddings_regularizer"),
    "U_regularizer": ("recurrent_regularizer",),
    "b_regularizer": ("bias_regularizer",),
    "W_constraint": ("kernel_constraint", "embeddings_constraint"),
    "U_constraint": ("recurrent_constraint",),
    "b_constraint": ("bias_constraint",),
    "beta_init": ("beta_initializer",),
    "gamma_init": ("gamma_initializer",),
    "batch_input_shape": ("batch_shape", "input_shape"),
    "concat_axis": ("axis",),
    "dot_axes": ("axes",),
    "period": ("save_freq",),
    "save_weights": ("save_weights_only",),
}
GONE = {
    "decay": "Optimizers have no decay of the learning rate any more: pass a schedule, such as "
    "learning_rate=keras.optimizers.schedules.InverseTimeDecay(0.001, decay_steps=1, decay_rate=1e-4). The decay of "
    "the weights is weight_decay.",
    "schedule_decay": "Pass a schedule of keras.optimizers.schedules as learning_rate.",
    "show_accuracy": "Pass metrics=['accuracy'] to compile().",
    "class_mode": "The loss says what the targets are: 'categorical_crossentropy' or 'binary_crossentropy'.",
    "sample_weight_mode": "Weights of time steps are taken as they are, where sample_weight has their axis.",
    "merge_mode": "The layers Add, Multiply, Concatenate... merge.",
    "weights": "Call set_weights() on the layer once it is built.",
    "implementation": "There is one implementation.",
    "consume_less": "There is one implementation.",
    "time_major": "Pass batch-major inputs, (batch, time, features); ops.swapaxes swaps them.",
    "unit_norm": "Pass kernel_constraint='unit_norm'.",
    "fused": "There is one implementation.",
    "virtual_batch_size": "Reshape the batch, and give the layer each part.",
    "renorm": "Batch renormalization isn't in this layer.",
    "experimental_run_tf_function": "Leave it out; run_eagerly=True runs step by step.",
    "target_tensors": "Pass the targets to fit().",
    "workers": "Set workers of the PyDataset that is given as x.",
    "use_multiprocessing": "Set use_multiprocessing of the PyDataset that is given as x.",
    "max_queue_size": "Set max_queue_size of the PyDataset that is given as x.",
}

# Dtypes of floats with fewer than 64 bits, by what their names hold.
_NARROW: dict[str, Any] = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16, "float32": np.float32}
_PLAIN = frozenset({int, float, bool, str, type(None), list, tuple, dict})


# ---- numbers ------------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return the Python number (or string) in a scalar of NumPy or a framework, or an array or Variable without axes.

    A float of fewer than 64 bits becomes the shortest decimal that is this number there. Anything else comes back as
    it is, also a tensor whose value isn't known while a graph is traced.

    >>> plain(np.int64(3)), plain(np.array(0.5)), plain(np.float32(0.1)), plain("same"), plain(np.ones((1,))).shape
    (3, 0.5, 0.1, 'same', (1,))
    """
    if type(value) in _PLAIN:
        return value
    shape = getattr(value, "shape", None)
    if shape is None:
        return value
    try:
        if len(shape):
            return value
        number = value.item() if hasattr(value, "item") else np.asarray(value).item()
        if type(number) is float:
            kind = next((k for name, k in _NARROW.items() if name in str(value.dtype)), None)
            number = number if kind is None else float(str(kind(number)))
    except Exception:  # a tensor of a graph that is being traced: each framework has an error of its own
        return value
    return number if type(number) in _PLAIN else value


def as_int(value: Any, name: str, owner: str = "", *, least: float = -math.inf, most: float = math.inf) -> int:
    """Return a whole number: an int of Python, NumPy or a framework, or a float without a fraction; never a bool.

    Args:
        value: What was given.
        name: The argument's name, for the error.
        owner: Whose argument it is, for the error: "Dense", "fit()".
        least: The smallest that is right.
        most: The largest.

    Raises:
        ArgumentError: It is none, or out of the range.

    >>> as_int(np.int64(3), "units"), as_int(np.ceil(6.5), "units"), as_int(np.array(2), "units")
    (3, 7, 2)
    >>> as_int(2.5, "units", "Dense", least=1)
    Traceback (most recent call last):
    kerasfront.errors.ArgumentError: Expected `units` of Dense to be a positive integer, got 2.5.
    """
    number = value if type(value) is int else _whole(plain(value))
    if number is None or isinstance(number, int) and not least <= number <= most:
        raise wrong(name, owner, f"{'a positive' if least == 1 else 'an'} integer{_range(least, most, 1)}", value)
    return number


def is_symbolic_size(value: Any) -> bool:
    """Return whether a value is a size that a framework's tracer doesn't know: `torch.SymInt`, `jax.export`'s symbols.

    It counts like an integer, but to ask for its value or to compare it would fail, or bind the traced program to one
    size. It isn't an integer of Python or NumPy, nor a tensor.
    """
    return (
        not isinstance(value, numbers.Number)
        and hasattr(value, "__int__")
        and hasattr(value, "__floordiv__")
        and not hasattr(value, "dtype")
    )


def _whole(number: Any) -> int | None:
    """Return a whole number as an int, a symbolic size as it is, and None for anything else."""
    if isinstance(number, bool):
        return None
    if is_symbolic_size(number):
        size: int = number  # to all who count with it, it is one
        return size
    if isinstance(number, float):
        return int(number) if number.is_integer() else None
    try:
        return operator.index(number)
    except TypeError:
        return None


def as_float(
    value: Any,
    name: str,
    owner: str = "",
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
) -> float:
    """Return a number: a float or an int (which stays one) of Python, NumPy or a framework; never a bool, never NaN.

    Args:
        value: What was given.
        name: The argument's name, for the error.
        owner: Whose argument it is, for the error.
        least: The smallest that is right.
        most: The largest; infinity is right where none is given.
        above: What it must be larger than.

    Raises:
        ArgumentError: It is none, or out of the range.

    >>> as_float(np.float32(0.5), "rate"), as_float(1, "rate")
    (0.5, 1)
    >>> as_float("0.5", "rate", "Dropout", least=0, most=1)
    Traceback (most recent call last):
    kerasfront.errors.ArgumentError: Expected `rate` of Dropout to be a number from 0 to 1, got '0.5'.
    """
    number = value if type(value) is float else _real(plain(value))
    if number is None or not least <= number <= most or not (number > above or above == -math.inf):
        limits = f" above {above:g}" if above != -math.inf else ""
        raise wrong(name, owner, f"a number{limits}{_range(least, most)}", value)
    return number


def _real(number: Any) -> float | None:
    if type(number) is int:
        return number
    if isinstance(number, (bool, str, bytes)) or not hasattr(number, "__float__"):
        return None
    try:
        return float(number)
    except Exception:  # an array of several values, a tensor of a graph that is being traced, an int too large
        return None


def as_bool(value: Any, name: str, owner: str = "") -> bool:
    """Return True or False for a bool of Python, NumPy or a framework, or the integers 1 and 0.

    >>> as_bool(np.bool_(True), "use_bias"), as_bool(0, "use_bias")
    (True, False)
    >>> as_bool("yes", "trainable", "Dense")
    Traceback (most recent call last):
    kerasfront.errors.ArgumentError: Expected `trainable` of Dense to be True or False, got 'yes'.
    """
    if type(value) is bool:
        return value
    scalar = plain(value)
    if not isinstance(scalar, int) or scalar not in (0, 1):
        raise wrong(name, owner, "True or False", value)
    return bool(scalar)


def as_ints(
    value: Any, name: str, owner: str = "", *, rank: int | None = None, least: float = -math.inf
) -> tuple[int, ...]:
    """One integer, or several, as a tuple.

    Args:
        value: An integer, or a sequence or an array of them.
        name: The argument's name, for the error.
        owner: Whose argument it is, for the error.
        rank: How many there are; an integer alone then stands for each.
        least: The smallest that is right.

    >>> as_ints(3, "axis"), as_ints(np.array([1, 2]), "axis"), as_ints(np.int64(3), "strides", rank=2)
    ((3,), (1, 2), (3, 3))
    """
    items = several(value)
    items = [value] * (rank or 1) if items is None else items
    whole = [n if type(n) is int else _whole(plain(n)) for n in items]
    if any(n is None or isinstance(n, int) and n < least for n in whole) or (rank is not None and len(whole) != rank):
        what = f"{'a positive' if least == 1 else 'an'} integer{_range(least, math.inf, 1)}"
        raise wrong(name, owner, what + {None: " or several", 1: ""}.get(rank, f", or {rank} of them"), value)
    return tuple(n for n in whole if n is not None)


def as_shape(value: Any, name: str = "shape", owner: str = "") -> tuple[int | None, ...]:
    """Return a shape as a tuple of integers from 0 on, and None where a size isn't known; an integer alone is one axis.

    >>> as_shape((np.int64(2), None)), as_shape(np.array([2, 3])), as_shape(4)
    ((2, None), (2, 3), (4,))
    >>> as_shape((2, -1), "shape", "Input")
    Traceback (most recent call last):
    kerasfront.errors.ArgumentError: Expected `shape` of Input to be integers from 0 on (None: unknown), got (2, -1).
    """
    items = several(value)
    sizes = [value] if items is None and value is not None else items
    if sizes is None:
        raise wrong(name, owner, "integers from 0 on (None: unknown)", value)
    whole = [d if d is None or type(d) is int else _whole(plain(d)) for d in sizes]
    if any(n is None and d is not None or isinstance(n, int) and n < 0 for n, d in zip(whole, sizes, strict=True)):
        raise wrong(name, owner, "integers from 0 on (None: unknown)", value)
    return tuple(whole)


def several(value: Any) -> list[Any] | None:
    """Return the values of a list, a tuple or another sequence, or of an array with one axis; None for anything else.

    >>> several((1, 2)), several(np.array([1, 2])), several(3), several("ab")
    ([1, 2], [1, 2], None, None)
    """
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, (str, bytes)):
        return None
    if isinstance(value, Sequence) or type(value).__name__ == "TensorShape":
        return list(value)
    if len(getattr(value, "shape", None) or ()) != 1:
        return None
    try:
        return [plain(v) for v in np.asarray(value)]
    except Exception:  # a tensor of a graph that is being traced
        return None


def wrong(name: str, owner: str, expected: str, value: Any) -> ArgumentError:
    """Return the error for an argument of a wrong kind, or out of its range; the caller raises it."""
    of = f" of {owner}" if owner else ""
    return ArgumentError(f"Expected `{name}`{of} to be {expected}, got {value!r}.")


def _range(least: float, most: float, usual: float = -math.inf) -> str:
    if least in (-math.inf, usual) and most == math.inf:
        return ""
    if most == math.inf:
        return f" from {least:g} on"
    return f" up to {most:g}" if least == -math.inf else f" from {least:g} to {most:g}"


# ---- arguments by their annotations -------------------------------------------------------------------------------

_SCALARS: dict[Any, Callable[..., Any]] = {int: as_int, float: as_float, bool: as_bool}


class Kind(NamedTuple):
    """What an annotation says that an argument may be."""

    scalar: Callable[..., Any] | None  # a number, and of which kind
    items: Kind | None  # a sequence, and what it holds
    none: bool
    other: bool  # strings and things that this module knows nothing of: the body looks at what isn't a number

    @property
    def classes(self) -> frozenset[type]:
        """The classes whose values are right as they are, but for what is in sequences."""
        own = _CLASSES[self.scalar] if self.scalar else ()
        return frozenset((*own, *((tuple, list) if self.items else ()), *((type(None),) if self.none else ())))

    def take(self, value: Any, name: str, owner: str) -> Any:
        if value is None and self.none:
            return value
        if self.items is not None and (values := several(value)) is not None:
            elements = [self.items.take(v, name, owner) for v in values]
            return elements if isinstance(value, list) else tuple(elements)
        if self.scalar is None:
            return value
        try:
            return self.scalar(value, name, owner)
        except ArgumentError:
            if self.other:
                return value
            raise


def _int_or_bool(value: Any, name: str, owner: str) -> int:
    scalar = plain(value)
    return scalar if isinstance(scalar, bool) else as_int(value, name, owner)


_CLASSES: dict[Any, tuple[type, ...]] = {
    as_int: (int,), as_float: (int, float), as_bool: (bool,), _int_or_bool: (int, bool),
}  # fmt: skip


def kind_of(annotation: Any, names: Mapping[str, Any]) -> Kind | None:
    """Return what to make of an argument that is annotated so; None where no number is in it.

    Args:
        annotation: A type, or the text of one.
        names: What the text's names mean: the globals of the function.
    """
    if isinstance(annotation, str):
        try:
            annotation = _builtin(annotation) or eval(annotation, dict(names))
        except NameError:  # a type that is imported for the type checker only
            return None
    is_union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    parts = typing.get_args(annotation) if is_union else (annotation,)
    if Tensor in parts:  # `TensorLike`: whoever takes a tensor takes a number as it is
        return None
    scalars = {p: take for p, take in _SCALARS.items() if p in parts}
    scalar = scalars.get(float) or (_int_or_bool if len(scalars) > 1 else next(iter(scalars.values()), None))
    inner = [typing.get_args(p)[0] for p in parts if typing.get_origin(p) in (tuple, list, Sequence)]
    items = kind_of(inner[0], names) if inner else None
    if scalar is None and items is None:
        return None
    simple = (type(None), *_SCALARS)
    other = any(p not in simple and (items is None or not typing.get_args(p)) for p in parts)
    return Kind(scalar, items, type(None) in parts, other)


@functools.cache
def _builtin(annotation: str) -> Any:
    """Return the type of an annotation that is made of built-in types, as most are; else None."""
    try:
        return eval(annotation, {"Sequence": Sequence})
    except NameError:
        return None


class _Parameters:
    """The parameters of a function that `converted` wraps, looked at when it is called first."""

    def __init__(self, function: Any) -> None:
        code = function.__code__
        self.positional = code.co_varnames[: code.co_argcount]
        self.names = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        self.required = self.positional[1 : code.co_argcount - len(function.__defaults__ or ())]
        self.takes_any = bool(code.co_flags & inspect.CO_VARKEYWORDS)
        kinds = {n: kind_of(a, function.__globals__) for n, a in function.__annotations__.items() if n in self.names}
        self.kinds = {name: kind for name, kind in kinds.items() if kind is not None}
        # The classes whose values are right as they are, by parameters: without NaN's, and what sequences hold.
        self.plain = {name: kind.classes - {tuple, list, float} for name, kind in self.kinds.items()}
        self.plain |= {name: classes | {str} for name, classes in self.plain.items() if self.kinds[name].other}

    def fits(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether all that was given is known, and plain already."""
        plain = self.plain
        if kwargs and not self.names.issuperset(kwargs):
            return False
        if plain:
            for name, value in (*kwargs.items(), *zip(self.positional, args, strict=False)):
                if name in plain and type(value) not in plain[name]:
                    return False
        return True


def converted(function: F) -> F:
    """Return a function (or a method) whose numbers come as plain Python ones, by its parameters' annotations.

    An unknown keyword is an error that says which one is meant.

    >>> @converted
    ... def repeat(text: str, count: int = 1, upper: bool = False) -> str:
    ...     return (text.upper() if upper else text) * count
    >>> repeat("ab", np.int64(2), upper=np.bool_(True))
    'ABAB'
    >>> repeat("ab", cuont=2)
    Traceback (most recent call last):
    kerasfront.errors.ArgumentError: repeat() has no argument 'cuont'. Did you mean 'count'?
    Hint: Its arguments: text, count, upper.
    """
    assert isinstance(function, types.FunctionType)
    is_init = function.__name__ == "__init__"

    @functools.cache
    def parameters() -> _Parameters:
        return _Parameters(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            own = parameters()
            if own.fits(args, kwargs):
                return function(*args, **kwargs)
            owner = type(args[0]).__name__ if is_init else f"{function.__name__}()"
            if not own.takes_any and not own.names.issuperset(kwargs):
                if not is_init:
                    raise unknown_argument(owner, kwargs.keys() - own.names, own.positional)
                raise unknown_argument(owner, kwargs.keys() - own.names, names_of(type(args[0])))
            if is_init and own.takes_any and not kwargs.keys() >= {*own.required[len(args) - 1 :]}:
                options = names_of(type(args[0]))
                if unknown := kwargs.keys() - options:  # of an old name, perhaps, for what is missing
                    raise unknown_argument(owner, unknown, options)
            kinds = own.kinds
            if kinds:
                pairs = zip(own.positional, args, strict=False)
                args = (
                    *(kinds[n].take(v, n, owner) if n in kinds else v for n, v in pairs),
                    *args[len(own.positional) :],
                )
                kwargs = {n: kinds[n].take(v, n, owner) if n in kinds else v for n, v in kwargs.items()}
            return function(*args, **kwargs)
        except BaseException as error:  # KeyboardInterrupt, too
            shorten(error)
            raise

    return typing.cast(F, call)


class Constructed:
    """A class whose constructors, where they are of this package, take their arguments as `converted` does.

    It is written as the call that makes an equal one.

    >>> from kerasfront import layers, regularizers
    >>> layers.Dense(np.int64(3)).units, regularizers.L2(0.5)
    (3, L2(l2=0.5))
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("__init__")
        if isinstance(own, types.FunctionType) and cls.__module__.startswith(f"{__package__}."):
            setattr(cls, "__init__", converted(own))  # noqa: B010  (mypy: assigned to a method)

    def __repr__(self) -> str:
        return constructor_call(self)


# ---- names --------------------------------------------------------------------------------------------------------


def names_of(called: Any) -> list[str]:
    """Return the names that a function takes, or the constructor of a class, with those that it hands on as **kwargs.

    >>> class Base:
    ...     def __init__(self, *, name=None): ...
    >>> class Derived(Base):
    ...     def __init__(self, size, **kwargs): ...
    >>> names_of(Derived)
    ['size', 'name']
    """
    names: dict[str, None] = {}
    bases = (
        [base.__dict__["__init__"] for base in called.__mro__[:-1] if "__init__" in base.__dict__]
        if (isinstance(called, type))
        else [called]
    )
    for function in bases:
        parameters = inspect.signature(function).parameters.values()
        stars = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        names.update({p.name: None for p in parameters if p.kind not in stars and p.name != "self"})
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
            break
    return list(names)


def unknown_argument(owner: str, given: Iterable[str], options: Iterable[str]) -> ArgumentError:
    """Return the error for keywords that something doesn't have, with what to write instead; the caller raises it.

    Args:
        owner: What was called: "Dense", "fit()".
        given: The unknown names.
        options: The names that it has.

    >>> print(unknown_argument("Adam", ["lr"], ["learning_rate", "beta_1"]))
    Adam has no argument 'lr'. It is called 'learning_rate'.
    Hint: Its arguments: learning_rate, beta_1.
    """
    options = [name for name in options if name not in ("self", "kwargs")]
    message = " ".join(f"{owner} has no argument {name!r}.{_instead(name, options)}" for name in sorted(given))
    return ArgumentError(message, hint=f"Its arguments: {', '.join(options)}." if options else None)


def _instead(name: str, options: list[str]) -> str:
    renamed = next((new for new in RENAMED.get(name, ()) if new in options), None)
    if renamed is not None:
        return f" It is called '{renamed}'."
    if (match := nearest(name, options)) is not None and name not in GONE:
        return f" Did you mean '{match}'?"
    return f" {GONE[name]}" if name in GONE else ""
