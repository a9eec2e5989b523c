"""Layers that turn strings and integers into class numbers, and back, by a vocabulary."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Unpack

import numpy as np

from kerasfront import ops, serialization, settings
from kerasfront.errors import DTypeError, MissingFileError, NotBuiltError, SavingError
from kerasfront.layers._configured import one_of, where
from kerasfront.layers._options import LayerOptions, NamelessOptions
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.preprocessing._encoding import MODES, encoded, encoded_shape, output_mode_of
from kerasfront.layers.preprocessing._fingerprints import fingerprints, keyed_hashes
from kerasfront.layers.preprocessing._host import Array, HostLayer, as_bytes, as_objects, call_on_host, hash_key
from kerasfront.layers.preprocessing._streams import AdaptData, as_array, batches
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.tracking import assign_untracked
from kerasfront.typing import Config, PathLike, Shape, Tensor, TensorLike

VOCABULARY, WEIGHTS = "vocabulary.txt", "idf_weights"
_METHODS = ("floormod", "farmhash")
# Numbers that no class has: of an unknown token until it gets its own, and of the mask token in vectors.
_UNKNOWN, _NOWHERE = -1, -2


# A token as tables have it.
Token = bytes | int
# What a user may give as the vocabulary: tokens, or the path of a text file with a token a line.
Vocabulary = PathLike | TensorLike | Sequence[str] | Sequence[bytes] | Sequence[int]
# A weight for each token of a vocabulary.
Weights = Sequence[float] | Array


@dataclass
class _Table:
    """What a layer knows of tokens and class numbers.

    Attributes:
        mask: The mask token. None: there is none.
        all_specials: The mask token and those for unknown tokens, with which a user's vocabulary may begin.
        specials: Those of them that have class numbers.
        terms: The vocabulary without special tokens. None: it isn't known yet.
        numbers: The class number of each token that is known.
        weights: The weight of each class number in the mode "tf_idf".
        size_in_file: How many class numbers there will be once the vocabulary is loaded from a file.
    """

    mask: Token | None
    all_specials: list[Token]
    specials: list[Token]
    terms: list[Token] | None = None
    numbers: dict[Token, int] = field(default_factory=dict)
    weights: Array | None = None
    size_in_file: int | None = None

    def without_specials(self, tokens: list[Token]) -> list[Token]:
        """Return tokens without the special ones, where they begin with all of these."""
        for special in (self.all_specials, self.specials):
            if special and tokens[: len(special)] == special:
                return tokens[len(special) :]
        return tokens


@dataclass
class _Counts:
    """How often each token came, in how many documents it was, and how many documents came."""

    tokens: Counter[Token] = field(default_factory=Counter)
    documents: Counter[Token] = field(default_factory=Counter)
    num_documents: int = 0


class Lookup(HostLayer):
    """What `StringLookup` and `IntegerLookup` share: a table between tokens and class numbers.

    Class numbers begin with the mask token's (where there is one), then come those of the tokens that aren't in the
    vocabulary, then the vocabulary's. Subclasses say what a token is.
    """

    # The dtype of tokens.
    _kf_token_dtype: ClassVar[str]

    max_tokens: int | None
    salt: int | Sequence[int] | None
    input_vocabulary: list[Any] | None
    input_idf_weights: list[float] | None

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: str | int | None,
        oov_token: str | int | None,
        vocabulary: Vocabulary | None,
        idf_weights: Weights | None,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        salt: int | Sequence[int] | None,
        oov_method: str,
        *,
        vocabulary_size: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.max_tokens = max_tokens
        self.num_oov_indices: int = num_oov_indices
        self.mask_token: str | int | None = mask_token
        self.oov_token: str | int | None = oov_token
        self.invert: bool = invert
        self.sparse: bool = sparse
        self.pad_to_max_tokens: bool = pad_to_max_tokens
        self.output_mode: str = output_mode_of(self, output_mode, (*MODES, "tf_idf"))
        self.oov_method: str = one_of(self, "oov_method", oov_method, _METHODS)
        self.salt = salt
        _check_arguments(self)
        self._kf_key = hash_key(self, salt)
        self._kf_table = _new_table(self)
        # A file holds the vocabulary behind the graph, so the config says how large it will be.
        self._kf_table.size_in_file = vocabulary_size
        assign_untracked(self, "input_vocabulary", None)
        assign_untracked(self, "input_idf_weights", None)
        self.reset_state()
        if vocabulary is not None:
            _take_given(self, vocabulary, idf_weights)
        elif idf_weights is not None:
            raise ValueError(f"{where(self)} got `idf_weights` without the `vocabulary` that they belong to.")

    # ---- tokens, as a subclass defines them ---------------------------------------------------------------------

    def _kf_tokens(self, x: Array) -> Sequence[Token]:
        """Return the tokens of an array, in order."""
        raise NotImplementedError

    def _kf_token_of(self, value: Any) -> Token:
        """Return the token for a value that a user wrote."""
        raise NotImplementedError

    def _kf_value_of(self, token: Token) -> Any:
        """Return a token as a user reads it."""
        raise NotImplementedError

    def _kf_token_array(self, tokens: Sequence[Token], shape: Shape) -> Array:
        """Return an array of tokens."""
        raise NotImplementedError

    def _kf_oov_hashes(self, tokens: Sequence[Token]) -> Array:
        """Return integers whose remainder picks one of several class numbers for tokens that are unknown."""
        strings = [t if isinstance(t, bytes) else b"%d" % t for t in tokens]
        return fingerprints(strings) if self._kf_key is None else keyed_hashes(strings, self._kf_key)

    # ---- the vocabulary -----------------------------------------------------------------------------------------

    def set_vocabulary(self, vocabulary: Vocabulary, idf_weights: Weights | None = None) -> None:
        """Set the vocabulary, instead of adapting to data.

        Args:
            vocabulary: A list or array of tokens, the most important first; or the path of a text file with a token a
                line. It may begin with the special tokens, all of them in their order.
            idf_weights: In the mode "tf_idf", a weight for each token (without special tokens).

        Raises:
            ValueError: It is empty, too large, holds a token twice or the mask token behind its place, or weights
                come without need, or don't.
        """
        if isinstance(vocabulary, (str, os.PathLike)):
            vocabulary = _lines(Path(vocabulary), self)
        tokens = [self._kf_token_of(t) for t in as_array(vocabulary).ravel().tolist()]
        if not tokens:
            raise ValueError(f"{where(self)} got an empty vocabulary.")
        weights = _checked_weights(self, idf_weights)
        tokens = self._kf_table.without_specials(tokens)
        _check_terms(self, tokens)
        if weights is not None:
            if len(weights) != len(tokens):
                raise ValueError(
                    f"Expected `idf_weights` of {where(self)} to hold a number for each of {len(tokens)} tokens, "
                    f"got {len(weights)}."
                )
            weights = np.concatenate([_special_weights(self, weights), weights])
        _set_terms(self, tokens, weights)

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the vocabulary: the token of each class number.

        Args:
            include_special_tokens: Whether the mask token and those for what is unknown lead it.
        """
        table = self._kf_table
        tokens = (table.specials if include_special_tokens else []) + (table.terms or [])
        return [self._kf_value_of(t) for t in tokens]

    def vocabulary_size(self) -> int:
        """Return the number of class numbers, those of special tokens included."""
        table = self._kf_table
        return len(table.specials) + len(table.terms or ()) if table.size_in_file is None else table.size_in_file

    @property
    def idf_weights(self) -> Array | None:
        """The weight of each class number in the mode "tf_idf" (float32), or None."""
        return self._kf_table.weights

    # ---- adapting -----------------------------------------------------------------------------------------------

    def adapt(self, data: AdaptData, steps: int | None = None) -> None:
        """Learn the vocabulary: the tokens by how often they come, the most frequent first.

        Of tokens that come equally often, the greater one is first (by its bytes, or its value). What was learnt
        before is forgotten. In the mode "tf_idf" the weights are learnt too: `log(1 + n / (1 + m))` for a token that
        is in m of n documents, which are the rows of the data.

        Args:
            data: An array or a list, or what yields batches; only the counts of the tokens are held.
            steps: How many batches; None means all.
        """
        self.reset_state()
        for batch in batches(data, steps):
            count(self, batch)
        self.finalize_state()

    @property
    def is_adaptable(self) -> bool:
        """Whether there is something to learn: not where the vocabulary was given."""
        return self.input_vocabulary is None

    def reset_state(self) -> None:
        """Forget what `update_state` counted."""
        self._kf_counts = _Counts()

    def update_state(self, data: AdaptData) -> None:
        """Count the tokens of a batch; `finalize_state` makes the vocabulary of them."""
        for batch in batches(data):
            count(self, batch)

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        counted, table = self._kf_counts, self._kf_table
        if not counted.tokens:
            return
        counts = {token: n for token, n in counted.tokens.items() if token not in table.all_specials}
        ordered = sorted(sorted(counts, reverse=True), key=lambda t: -counts[t])
        if self.max_tokens is not None:
            ordered = ordered[: self.max_tokens - len(table.specials)]
        weights = None
        if self.output_mode == "tf_idf":
            documents = np.asarray([counted.documents[t] for t in ordered], "float64")
            weights = np.log(1.0 + counted.num_documents / (1.0 + documents))
            weights = np.concatenate([_special_weights(self, weights), weights])
        _set_terms(self, ordered, weights)
        self.reset_state()

    # ---- calling ------------------------------------------------------------------------------------------------

    def call(self, inputs: Tensor) -> Tensor:
        if self._kf_table.terms is None and not isinstance(inputs, KerasTensor):
            raise NotBuiltError(f"{where(self)} has no vocabulary yet: call adapt(data), or pass `vocabulary`.")
        if self.invert:
            return call_on_host(self, partial(_invert, self), [inputs], inputs.shape, _inverted_dtype(self))
        dtype = dtypes.held("int64")
        return encode(self, call_on_host(self, partial(numbers_of, self), [inputs], inputs.shape, dtype))

    @property
    def output_dtype(self) -> str:
        """int64, or the integer dtype that the layer was given; floats in the mode "tf_idf"."""
        dtype = self._kf.policy.compute_dtype
        if self.output_mode == "tf_idf":
            return dtype if dtypes.is_float(dtype) else settings.floatx()
        return dtypes.held(dtype if dtypes.is_int(dtype) else "int64")

    def compute_output_shape(self, input_shape: Shape) -> Shape:  # type: ignore[override]
        return encoded_shape(input_shape, self.output_mode, depth(self))

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        dtype = _inverted_dtype(self) if self.invert else self.output_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype, sparse=self.sparse)

    # ---- saving -------------------------------------------------------------------------------------------------

    def save_own_variables(self, store: Any) -> None:
        """Write the weights of the mode "tf_idf", as Keras does."""
        if self.idf_weights is not None:
            store[WEIGHTS] = self.idf_weights

    def load_own_variables(self, store: Any) -> None:
        """Read them again."""
        if self.output_mode != "tf_idf" or WEIGHTS not in store:
            raise SavingError(
                f"The file has {list(store.keys())} for {where(self)}, whose mode is '{self.output_mode}'."
            )
        weights = np.asarray(store[WEIGHTS], "float32")
        if weights.ndim != 1 or len(weights) != self.vocabulary_size():
            raise SavingError(
                f"The file has weights of the shape {weights.shape} for the {self.vocabulary_size()} tokens of "
                f"{where(self)}."
            )
        self._kf_table.weights = weights

    def _kf_learnt_beside_weights(self) -> str | None:
        return "vocabulary" if self.is_adaptable and self._kf_table.terms is not None else None

    def save_assets(self, dir_path: str) -> None:
        """Write the vocabulary, unless the config holds it: `vocabulary.txt`, a token a line, as Keras does."""
        if self.input_vocabulary is not None or self._kf_table.terms is None:
            return
        lines = [str(t) for t in self.get_vocabulary()]
        broken = [t for t in lines if "\n" in t]
        if broken:
            raise SavingError(f"{where(self)} has the token {broken[0]!r}: one with a line break can't be saved.")
        Path(dir_path, VOCABULARY).write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))

    def load_assets(self, dir_path: str) -> None:
        """Read it again."""
        path = Path(dir_path, VOCABULARY)
        if self.input_vocabulary is not None or not path.is_file():
            return
        lines = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
        tokens, table = [self._kf_token_of(t) for t in lines], self._kf_table
        count = len(table.specials)
        if tokens[:count] != table.specials:
            raise SavingError(f"The vocabulary in the file doesn't begin with the special tokens of {where(self)}.")
        _check_terms(self, tokens[count:])
        if table.weights is not None and len(table.weights) != len(tokens):
            raise SavingError(f"The file has {len(table.weights)} weights for {len(tokens)} tokens of {where(self)}.")
        _set_terms(self, tokens[count:], table.weights)

    def get_config(self) -> Config:
        base = Layer.get_config(self)
        own = ("invert", "max_tokens", "num_oov_indices", "oov_token", "mask_token", "output_mode", "sparse",
               "pad_to_max_tokens", "oov_method", "salt")  # fmt: skip
        return {
            **base,
            **{name: getattr(self, name) for name in own},
            "idf_weights": self.input_idf_weights,
            "vocabulary": self.input_vocabulary,
            "vocabulary_size": self.vocabulary_size(),
        }


def _check_arguments(layer: Lookup) -> None:
    """Raise a ValueError for arguments that a lookup can't have, or not together."""
    for name, value, least in (("max_tokens", layer.max_tokens, 2), ("num_oov_indices", layer.num_oov_indices, 0)):
        optional = name == "max_tokens" and value is None
        if not optional and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise ValueError(f"Expected `{name}` of {where(layer)} to be an integer from {least} on, got {value!r}.")
    if layer.invert and layer.output_mode != "int":
        raise ValueError(f"{where(layer)} with invert=True needs output_mode='int', got '{layer.output_mode}'.")
    if layer.invert and layer.num_oov_indices > 1 and layer.oov_token is None:
        raise ValueError(f"{where(layer)} with invert=True needs an `oov_token`.")
    if layer.sparse and layer.output_mode == "int":
        raise ValueError(f"{where(layer)} has no sparse output in the mode 'int'.")
    if layer.pad_to_max_tokens and layer.max_tokens is None:
        raise ValueError(f"{where(layer)} with pad_to_max_tokens=True needs `max_tokens`.")


# ---- the vocabulary -------------------------------------------------------------------------------------------------


def _new_table(layer: Lookup) -> _Table:
    """Return a table without a vocabulary. The mask token has a class number in the mode "int" only."""
    mask = [] if layer.mask_token is None else [layer._kf_token_of(layer.mask_token)]
    unknown = [layer._kf_token_of(layer.oov_token)] * layer.num_oov_indices
    specials = mask + unknown if layer.output_mode == "int" else unknown
    return _Table(mask[0] if mask else None, mask + unknown, specials)


def _take_given(layer: Lookup, vocabulary: Vocabulary, weights: Weights | None) -> None:
    """Set the vocabulary that the constructor got, and keep it for the config."""
    if isinstance(vocabulary, (str, os.PathLike)):
        if serialization.in_safe_mode():
            raise SavingError(
                f"The config of {where(layer)} names a file as its vocabulary, '{vocabulary}'. No file outside of "
                "a model's own is opened for it.",
                hint="If you trust where it came from, pass safe_mode=False.",
            )
        layer.set_vocabulary(vocabulary, weights)
        return
    layer.set_vocabulary(vocabulary, weights)
    values = [layer._kf_value_of(layer._kf_token_of(t)) for t in as_array(vocabulary).tolist()]
    assign_untracked(layer, "input_vocabulary", values)
    if weights is not None:
        assign_untracked(layer, "input_idf_weights", np.asarray(weights, "float64").tolist())


def _checked_weights(layer: Lookup, weights: Weights | None) -> Array | None:
    """Return the weights of a vocabulary as an array.

    Raises:
        ValueError: The output mode needs them and there are none, or the other way round.
    """
    if layer.output_mode == "tf_idf":
        if weights is None:
            raise ValueError(f"{where(layer)} with output_mode='tf_idf' needs `idf_weights` with a vocabulary.")
        return np.asarray(weights, "float64").ravel()
    if weights is not None:
        raise ValueError(f"`idf_weights` go with output_mode='tf_idf'; {where(layer)} has '{layer.output_mode}'.")
    return None


def _special_weights(layer: Lookup, weights: Array) -> Array:
    """Return the weights of unknown tokens: the mean of those of known ones."""
    mean = float(np.mean(weights)) if len(weights) else 1.0
    return np.asarray([mean] * layer.num_oov_indices)


def _check_terms(layer: Lookup, tokens: list[Token]) -> None:
    """Raise a ValueError for a vocabulary that holds the mask token, holds a token twice, or is too large."""
    table = layer._kf_table
    if table.mask is not None and table.mask in tokens:
        raise ValueError(
            f"The vocabulary of {where(layer)} holds the mask token {layer.mask_token!r} at place "
            f"{tokens.index(table.mask)}. Leave special tokens out, or begin with all of them in this order: "
            f"{[layer._kf_value_of(t) for t in table.all_specials]}."
        )
    if len(set(tokens)) < len(tokens):
        twice = [layer._kf_value_of(t) for t, n in Counter(tokens).items() if n > 1]
        raise ValueError(f"The vocabulary of {where(layer)} holds tokens twice: {twice[:10]}.")
    size = len(tokens) + len(table.specials)
    if layer.max_tokens is not None and size > layer.max_tokens:
        raise ValueError(
            f"The vocabulary of {where(layer)} has {size} tokens with the special ones; max_tokens is "
            f"{layer.max_tokens}."
        )


def _set_terms(layer: Lookup, tokens: list[Token], weights: Array | None) -> None:
    """Set the vocabulary, without special tokens, and the weight of each class number."""
    table = layer._kf_table
    numbers = {t: i for i, t in enumerate(tokens, len(table.specials))}
    if table.mask is not None:
        numbers[table.mask] = 0 if layer.output_mode == "int" else _NOWHERE
    table.terms, table.numbers, table.size_in_file = tokens, numbers, None
    table.weights = None if weights is None else np.asarray(weights, "float32")


def take_vocabulary_of(layer: Lookup, other: Lookup) -> None:
    """Set the vocabulary that a layer of the same config has learnt, unless the layer has one."""
    terms = other._kf_table.terms
    if layer._kf_table.terms is None and terms is not None:
        _set_terms(layer, list(terms), other._kf_table.weights)


def is_known(layer: Lookup) -> bool:
    """Return whether a layer has a vocabulary."""
    return layer._kf_table.terms is not None


def depth(layer: Lookup) -> int:
    """Return the size of the vectors that a layer makes of class numbers."""
    return layer.max_tokens if layer.pad_to_max_tokens and layer.max_tokens else layer.vocabulary_size()


def count(layer: Lookup, batch: Array) -> None:
    """Count the tokens of a batch."""
    if not layer.is_adaptable:
        raise ValueError(f"{where(layer)} got its vocabulary when it was made: there is nothing to adapt.")
    rows = np.atleast_1d(batch)
    count_documents(
        layer, [layer._kf_tokens(row) for row in rows] if layer.output_mode == "tf_idf" else [layer._kf_tokens(rows)]
    )


def count_documents(layer: Lookup, documents: Sequence[Sequence[Token]]) -> None:
    """Count the tokens of documents, and for the mode "tf_idf" in how many of these each token is."""
    counts = layer._kf_counts
    for document in documents:
        counts.tokens.update(document)
        if layer.output_mode == "tf_idf":
            counts.documents.update(set(document))
    counts.num_documents += len(documents)


def _lines(path: Path, layer: Lookup) -> list[str]:
    """Return the lines of a text file."""
    if not path.is_file():
        raise MissingFileError(f"The vocabulary file '{path}' of {where(layer)} doesn't exist.")
    lines = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


# ---- tokens and class numbers ---------------------------------------------------------------------------------------


def encode(layer: Lookup, numbers: Tensor) -> Tensor:
    """Return class numbers in the layer's output mode."""
    if layer.output_mode != "tf_idf":
        return encoded(numbers, layer.output_mode, depth(layer), layer.output_dtype, sparse=layer.sparse)
    weights = np.zeros(depth(layer), "float32")
    weights[: layer.vocabulary_size()] = 1.0 if layer.idf_weights is None else layer.idf_weights
    factors = ops.convert_to_tensor(weights)
    return encoded(numbers, "tf_idf", depth(layer), layer.output_dtype, factors=factors, sparse=layer.sparse)


def numbers_of(layer: Lookup, x: Array) -> Array:
    """Return the class number of each token of an array."""
    tokens = layer._kf_tokens(x)
    get, start = layer._kf_table.numbers.get, _oov_start(layer)
    default = start if layer.num_oov_indices == 1 else _UNKNOWN
    out = np.asarray([get(t, default) for t in tokens], "int64")
    if layer.num_oov_indices != 1:
        unknown = np.flatnonzero(out == _UNKNOWN)
        if len(unknown):
            out[unknown] = _numbers_of_unknown(layer, [tokens[i] for i in unknown.tolist()])
    return out.reshape(x.shape)


def _oov_start(layer: Lookup) -> int:
    """Return the first class number of unknown tokens."""
    return len(layer._kf_table.specials) - layer.num_oov_indices


def _numbers_of_unknown(layer: Lookup, tokens: list[Token]) -> Array:
    """Return the class numbers of tokens that aren't in the vocabulary, where there are none or several for these."""
    if not layer.num_oov_indices:
        values = [layer._kf_value_of(t) for t in dict.fromkeys(tokens)]
        raise ValueError(
            f"{where(layer)} met tokens that aren't in its vocabulary: {values[:10]}. With num_oov_indices=0 there "
            "is no number for them."
        )
    hashes = np.asarray(layer._kf_oov_hashes(tokens))
    return (hashes % hashes.dtype.type(layer.num_oov_indices)).astype("int64") + _oov_start(layer)


def _inverted_dtype(layer: Lookup) -> str:
    """Return the dtype of the tokens that a layer with `invert` gives."""
    return layer._kf_token_dtype if layer._kf_token_dtype == "string" else dtypes.held(layer._kf_token_dtype)


def _invert(layer: Lookup, x: Array) -> Array:
    """Return the token of each class number; for what is no number of the vocabulary, that of unknown tokens."""
    unknown = layer._kf_token_of(layer.oov_token)
    tokens = [*layer._kf_table.specials, *(layer._kf_table.terms or ())]
    flat = x.ravel().astype("int64").tolist()
    return layer._kf_token_array([tokens[i] if 0 <= i < len(tokens) else unknown for i in flat], x.shape)


class LookupOptions(NamelessOptions, total=False):
    """Options of the lookup layers, beside those that they name themselves."""

    # The number of class numbers, in the config of a layer whose vocabulary is in another file.
    vocabulary_size: int | None


class StringLookupOptions(LookupOptions, total=False):
    """Options of StringLookup, beside those that it names itself."""

    # Configs of Keras have it, with a single value.
    oov_method: str


class StringLookup(Lookup):
    """Strings as class numbers, by a vocabulary; with `invert`, class numbers as strings.

    It works on the host with NumPy, on every backend, whether TensorFlow is installed or not. Class numbers begin
    with that of the mask token, where there is one (0), then those of unknown strings, then the vocabulary's.

    Args:
        max_tokens: The most class numbers there may be, special tokens included; None means no limit.
        num_oov_indices: How many class numbers there are for unknown strings. With several, the string's hash picks
            one (the same as in Keras); with 0, an unknown string is an error.
        mask_token: A string that gets the class number 0; None means none.
        oov_token: What `get_vocabulary` and `invert` show for unknown strings.
        vocabulary: The vocabulary, or the path of a text file with a token a line; without it, call `adapt`. A path
            is opened only here, where your code makes the layer, never because a saved model names it.
        idf_weights: A weight for each token of `vocabulary`, in the mode "tf_idf".
        invert: Whether the layer turns class numbers into strings.
        output_mode: "int", "one_hot", "multi_hot", "count" (as for `CategoryEncoding`), or "tf_idf": counts times
            weights. (Their former names "binary" and "tf-idf" are understood too.)
        pad_to_max_tokens: Whether vectors are of size `max_tokens` whatever the vocabulary has.
        sparse: Whether the output is sparse, where the backend has sparse tensors; not with "int".
        encoding: The encoding of text.
        name: A name.
        salt: An integer, or two: the key of the hash that picks among several class numbers for unknown strings.

    The output is int64 (floats in the mode "tf_idf"), or of the integer `dtype` that is given; strings are tensors on
    TensorFlow, and NumPy arrays of objects elsewhere.

    >>> import kerasfront as keras
    >>> layer = keras.layers.StringLookup(vocabulary=["a", "b", "c"])
    >>> keras.ops.convert_to_numpy(layer([["a", "c"], ["z", "b"]])).tolist()
    [[1, 3], [0, 2]]
    >>> layer.get_vocabulary()
    ['[UNK]', 'a', 'b', 'c']
    """

    _kf_token_dtype = "string"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Vocabulary | None = None,
        idf_weights: Weights | None = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: int | Sequence[int] | None = None,
        **kwargs: Unpack[StringLookupOptions],
    ) -> None:
        self.encoding = encoding
        kwargs["oov_method"] = "floormod"  # configs of Keras name it
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode, sparse,
            pad_to_max_tokens, salt, name=name, **kwargs,
        )  # fmt: skip
        self.supports_jit = False  # it takes or gives strings

    @property
    def dtype(self) -> str:
        return "string"

    def _kf_tokens(self, x: Array) -> Sequence[Token]:
        if x.dtype.kind not in "OUS":
            raise DTypeError(f"{where(self)} looks up strings, got {x.dtype.name}.")
        return as_bytes(x, self.encoding)

    def _kf_token_of(self, value: Any) -> Token:
        if isinstance(value, bytes):
            return value
        if not isinstance(value, str):
            raise DTypeError(f"Expected the tokens of {where(self)} to be strings, got {value!r}.")
        return str(value).encode(self.encoding, "surrogateescape")

    def _kf_value_of(self, token: Token) -> Any:
        assert isinstance(token, bytes)
        return token.decode(self.encoding, "surrogateescape")

    def _kf_token_array(self, tokens: Sequence[Token], shape: Shape) -> Array:
        return as_objects(tokens, shape)

    def get_config(self) -> Config:
        return {**super().get_config(), "encoding": self.encoding}


class IntegerLookup(Lookup):
    """Integers as class numbers, by a vocabulary; with `invert`, class numbers as integers.

    Arrays are looked up on the host, in all their 64 bits, also where the backend's integers have 32.

    Args:
        max_tokens: The most class numbers there may be, special tokens included; None means no limit.
        num_oov_indices: How many class numbers there are for unknown integers. With several, `oov_method` picks one;
            with 0, an unknown integer is an error.
        mask_token: An integer that gets the class number 0; None means none.
        oov_token: What `get_vocabulary` and `invert` show for unknown integers.
        vocabulary: The vocabulary, or the path of a text file with an integer a line; without it, call `adapt`. A path
            is opened only here, where your code makes the layer, never because a saved model names it.
        vocabulary_dtype: "int64".
        idf_weights: A weight for each token of `vocabulary`, in the mode "tf_idf".
        invert: Whether the layer turns class numbers into the vocabulary's integers.
        output_mode: "int", "one_hot", "multi_hot", "count" (as for `CategoryEncoding`), or "tf_idf": counts times
            weights. (Their former names "binary" and "tf-idf" are understood too.)
        sparse: Whether the output is sparse, where the backend has sparse tensors; not with "int".
        pad_to_max_tokens: Whether vectors are of size `max_tokens` whatever the vocabulary has.
        oov_method: How one of several class numbers is picked for an unknown integer: "floormod", its remainder, or
            "farmhash", the hash of its decimal digits.
        salt: An integer, or two: the key of the hash, with "farmhash".
        name: A name.

    >>> import kerasfront as keras
    >>> layer = keras.layers.IntegerLookup(vocabulary=[12, 36, 1138])
    >>> keras.ops.convert_to_numpy(layer([[12, 1138], [7, 36]])).tolist()
    [[1, 3], [0, 2]]
    """

    _kf_token_dtype = "int64"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Vocabulary | None = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Weights | None = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        name: str | None = None,
        **kwargs: Unpack[LookupOptions],
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(f"Expected `vocabulary_dtype` of IntegerLookup to be 'int64', got {vocabulary_dtype!r}.")
        if salt is not None and oov_method != "farmhash":
            raise ValueError(f"`salt` of IntegerLookup goes with oov_method='farmhash', got {oov_method!r}.")
        self.vocabulary_dtype = vocabulary_dtype
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode, sparse,
            pad_to_max_tokens, salt, oov_method, name=name, **kwargs,
        )  # fmt: skip

    @property
    def dtype(self) -> str:
        return "int64"

    def _kf_tokens(self, x: Array) -> Sequence[Token]:
        if x.dtype.kind in "OUS":
            raise DTypeError(f"{where(self)} looks up integers; strings came. StringLookup takes strings.")
        tokens: list[int] = x.astype("int64").ravel().tolist()
        return tokens

    def _kf_token_of(self, value: Any) -> Token:
        try:
            return int(value)
        except (TypeError, ValueError) as error:
            raise DTypeError(f"Expected the tokens of {where(self)} to be integers, got {value!r}.") from error

    def _kf_value_of(self, token: Token) -> Any:
        return token

    def _kf_token_array(self, tokens: Sequence[Token], shape: Shape) -> Array:
        return np.asarray(tokens, "int64").reshape(shape)

    def _kf_oov_hashes(self, tokens: Sequence[Token]) -> Array:
        if self.oov_method == "floormod":
            return np.asarray(tokens, "int64")
        return super()._kf_oov_hashes(tokens)

    def get_config(self) -> Config:
        return {**super().get_config(), "vocabulary_dtype": self.vocabulary_dtype}


__all__ = ["IntegerLookup", "Lookup", "StringLookup"]
