"""TextVectorization: text as class numbers of its words."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Unpack

import numpy as np

from kerasfront.contract import current
from kerasfront.errors import DTypeError, NotBuiltError, ShapeError
from kerasfront.layers._configured import one_of, positive, where
from kerasfront.layers._options import NamelessOptions
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.data_layer import on_host, to_numpy, to_ragged
from kerasfront.layers.preprocessing._encoding import encoded_shape, output_mode_of
from kerasfront.layers.preprocessing._host import Array, HostLayer, as_bytes, as_objects, as_text, is_string
from kerasfront.layers.preprocessing._streams import AdaptData, batches
from kerasfront.layers.preprocessing.lookup import (
    StringLookup,
    Vocabulary,
    Weights,
    count_documents,
    depth,
    encode,
    is_known,
    numbers_of,
)
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.tracking import assign_untracked
from kerasfront.typing import Config, Shape, Tensor

_PUNCTUATION = string.punctuation.encode()
_STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
_SPLIT = ("whitespace", "character")
_MODES = ("int", "multi_hot", "count", "tf_idf")

Texts = list[bytes]


class TextVectorization(HostLayer):
    """Text as the class numbers of its words, or as one vector for each text.

    Each text is standardized, split into tokens, joined to n-grams, and looked up in a vocabulary, which is learnt by
    `adapt` or given. All of it happens on the host, with NumPy, on every backend, whether TensorFlow is installed or
    not; tokens and class numbers are the same as in Keras.

    Args:
        max_tokens: The most class numbers there may be, special tokens included; None means no limit.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a function. Lower case and
            punctuation are ASCII's, as in Keras: "É" stays. A function takes a NumPy array of text, of shape (batch,)
            and a dtype such as `<U9`, on every backend and in `tf.data` too, and returns such an array, a list, or a
            tensor of strings: `np.strings`, `np.char`, `tf.strings` and Python's own methods take it alike.
        split: "whitespace" (ASCII's), "character", None (each string is a token), or a function, which takes what
            `standardize` returned and gives a list of tokens for each text: nested lists, an array or a ragged tensor.
        ngrams: n: sequences of 1 to n tokens, joined by spaces; a tuple: those of these lengths; None: tokens only.
        output_mode: "int": a class number for each token, padded with 0. "multi_hot", "count", "tf_idf": a vector for
            each text.
        output_sequence_length: The length to which rows are cut or padded, with "int".
        pad_to_max_tokens: Whether vectors are of size `max_tokens` whatever the vocabulary has.
        vocabulary: The vocabulary, or the path of a text file with a token a line; without it, call `adapt`. A path
            is opened only here, where your code makes the layer, never because a saved model names it.
        idf_weights: A weight for each token of `vocabulary`, in the mode "tf_idf".
        sparse: Whether vectors are sparse, where the backend has sparse tensors.
        ragged: Whether rows are ragged instead of padded, where the backend has ragged tensors; with "int".
        encoding: The encoding of text.
        name: A name.

    Inputs are strings of shape (batch,) or (batch, 1), or a single one; with split=None also (batch, tokens).

    >>> import kerasfront as keras
    >>> layer = keras.layers.TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["The cat sat.", "The dog sat; the dog!"])
    >>> layer.get_vocabulary()
    ['', '[UNK]', 'the', 'sat', 'dog', 'cat']
    >>> keras.ops.convert_to_numpy(layer(["the cat purrs"])).tolist()
    [[2, 5, 1, 0]]
    """

    standardize: str | Callable[..., Any] | None
    split: str | Callable[..., Any] | None
    ngrams: int | Sequence[int] | None

    _kf_saved_as = {"_lookup_layer": "_lookup_layer"}  # the name in files

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[..., Any] | None = "lower_and_strip_punctuation",
        split: str | Callable[..., Any] | None = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Vocabulary | None = None,
        idf_weights: Weights | None = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        vocabulary_size: int | None = None,
        **kwargs: Unpack[NamelessOptions],
    ) -> None:
        super().__init__(name=name, **kwargs)
        # They are not tracked: a function may be a layer, and is no part of this layer.
        assign_untracked(self, "standardize", _named_or_function(self, "standardize", standardize, _STANDARDIZE))
        assign_untracked(self, "split", _named_or_function(self, "split", split, _SPLIT))
        assign_untracked(self, "ngrams", ngrams)
        self._kf_ngrams = _ngram_lengths(self, ngrams)
        self.output_mode: str = output_mode_of(self, output_mode, _MODES)
        if output_sequence_length is not None:
            positive(self, "output_sequence_length", output_sequence_length)
        if self.output_mode != "int" and (ragged or output_sequence_length is not None):
            what = "ragged=True" if ragged else f"output_sequence_length={output_sequence_length}"
            raise ValueError(f"{where(self)}: {what} goes with output_mode='int', got '{output_mode}'.")
        if ragged:
            current().need("ragged")
        self.max_tokens: int | None = max_tokens
        self.output_sequence_length: int | None = output_sequence_length
        self.pad_to_max_tokens: bool = pad_to_max_tokens
        self.sparse: bool = sparse
        self.ragged: bool = ragged
        self.encoding: str = encoding
        self.supports_jit = False  # it takes strings
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens, vocabulary=vocabulary, idf_weights=idf_weights, pad_to_max_tokens=pad_to_max_tokens,
            mask_token="" if self.output_mode == "int" else None, output_mode=self.output_mode, sparse=sparse,
            encoding=encoding, vocabulary_size=vocabulary_size, name=f"{self.name}_lookup", dtype=self.dtype_policy,
        )  # fmt: skip

    # ---- the vocabulary -----------------------------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        return "string"

    def adapt(self, data: AdaptData, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary, as `StringLookup.adapt` does, of the tokens of texts.

        Args:
            data: Texts: an array, a list or one string, or what yields batches (or single texts).
            batch_size: How many texts of an array are looked at together.
            steps: How many batches; None means all.
        """
        self.reset_state()
        for batch in batches(data, steps, batch_size):
            _count(self, batch)
        self.finalize_state()

    @property
    def is_adaptable(self) -> bool:
        """Whether there is something to learn: not where the vocabulary was given."""
        return self._lookup_layer.is_adaptable

    def update_state(self, data: AdaptData) -> None:
        """Count the tokens of a batch; `finalize_state` makes the vocabulary of them."""
        for batch in batches(data):
            _count(self, batch)

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forget what was counted."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Return the vocabulary: the token of each class number.

        Args:
            include_special_tokens: Whether those for padding and for unknown tokens lead it.
        """
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def set_vocabulary(self, vocabulary: Vocabulary, idf_weights: Weights | None = None) -> None:
        """Set the vocabulary, as `StringLookup.set_vocabulary` does.

        Args:
            vocabulary: A list or array of tokens, or the path of a text file.
            idf_weights: In the mode "tf_idf", a weight for each token.
        """
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def vocabulary_size(self) -> int:
        """Return the number of class numbers, those of special tokens included."""
        return self._lookup_layer.vocabulary_size()

    # ---- calling ------------------------------------------------------------------------------------------------

    def build(self, input_shape: Shape | None = None) -> None:
        """Make nothing: the layer has no weights."""

    def call(self, inputs: Tensor) -> Tensor:
        if isinstance(inputs, KerasTensor):
            return self.compute_output_spec(inputs)
        lookup = self._lookup_layer
        if not is_known(lookup):
            raise NotBuiltError(f"{where(self)} has no vocabulary yet: call adapt(data), or pass `vocabulary`.")
        if not is_string(inputs):
            raise DTypeError(f"{where(self)} takes strings, got {inputs.dtype}.")
        dtype = lookup.output_dtype if self.output_mode == "int" else dtypes.held("int64")
        lengths_spec = KerasTensor(inputs.shape[:1], dtypes.held("int64"))
        specs = [KerasTensor(_numbers_shape(self, inputs.shape), dtype), lengths_spec]
        padded, lengths = on_host(partial(_padded_numbers, self), [inputs], specs)
        if self.output_mode != "int":
            return encode(lookup, padded)
        return to_ragged(padded, lengths) if self.ragged and len(inputs.shape) else padded

    def compute_output_shape(self, input_shape: Shape) -> Shape:  # type: ignore[override]
        numbers = _numbers_shape(self, input_shape)
        if self.output_mode == "int":
            return numbers
        return encoded_shape(numbers, self.output_mode, depth(self._lookup_layer))

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        shape = self.compute_output_shape(inputs.shape)
        return KerasTensor(shape, self._lookup_layer.output_dtype, sparse=self.sparse, ragged=self.ragged)

    # ---- saving -------------------------------------------------------------------------------------------------

    def save_own_variables(self, store: Any) -> None:
        """Write the weights of the mode "tf_idf"; Keras has them here and with the lookup."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Read them again."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: str) -> None:
        """Write the vocabulary, as `StringLookup.save_assets` does."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: str) -> None:
        """Read it again."""
        self._lookup_layer.load_assets(dir_path)

    def get_config(self) -> Config:
        names = ("max_tokens", "standardize", "split", "ngrams", "output_mode", "output_sequence_length",
                 "pad_to_max_tokens", "sparse", "ragged", "encoding")  # fmt: skip
        lookup = self._lookup_layer
        return {
            **Layer.get_config(self),
            **{name: getattr(self, name) for name in names},
            "vocabulary": lookup.input_vocabulary,
            "idf_weights": lookup.input_idf_weights,
            "vocabulary_size": self.vocabulary_size(),
        }


def _named_or_function(
    layer: TextVectorization, name: str, value: str | Callable[..., Any] | None, options: Sequence[str]
) -> str | Callable[..., Any] | None:
    return value if value is None or callable(value) else one_of(layer, name, value, options)


def _ngram_lengths(layer: TextVectorization, ngrams: int | Sequence[int] | None) -> tuple[int, ...] | None:
    """Return the lengths of n-grams. None: tokens are not joined.

    Raises:
        ValueError: They aren't positive integers.
    """
    if ngrams is None:
        return None
    lengths = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else tuple(ngrams)
    if not lengths or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in lengths):
        raise ValueError(
            f"Expected `ngrams` of {where(layer)} to be a positive integer or a tuple of them, got {ngrams!r}."
        )
    return lengths


def _count(layer: TextVectorization, batch: Array) -> None:
    """Count the tokens of a batch of texts."""
    if not layer.is_adaptable:
        raise ValueError(f"{where(layer)} got its vocabulary when it was made: there is nothing to adapt.")
    count_documents(layer._lookup_layer, _token_rows(layer, batch))


# ---- from texts to tokens -------------------------------------------------------------------------------------------


def _token_rows(layer: TextVectorization, x: Array) -> list[Texts]:
    """Return the tokens of each text."""
    if x.dtype.kind not in "OUS":
        raise DTypeError(f"{where(layer)} takes strings, got {x.dtype.name}.")
    _check_shape(layer, x.shape)
    if x.ndim != 2 or layer.split is not None:
        x = x.reshape(-1)
    texts = _standardized(layer, as_bytes(x, layer.encoding), x.shape)
    if layer.split is not None:
        rows = _split_texts(layer, texts)
    else:
        length = x.shape[1] if x.ndim == 2 else 1
        rows = [texts[i : i + length] for i in range(0, len(texts), length)] if length else [[]] * len(x)
    lengths = layer._kf_ngrams
    return rows if lengths is None else [_joined(row, lengths) for row in rows]


def _check_shape(layer: TextVectorization, shape: Shape) -> None:
    """Raise a ShapeError for inputs that aren't texts, one or a batch."""
    if len(shape) > 2 or (len(shape) == 2 and layer.split is not None and shape[1] != 1):
        rows = "" if layer.split is not None else ", or (batch, tokens)"
        raise ShapeError(
            f"Expected the inputs of {where(layer)} to have the shape (batch,) or (batch, 1){rows}, got {tuple(shape)}."
        )


def _standardized(layer: TextVectorization, texts: Texts, shape: tuple[int, ...]) -> Texts:
    """Return texts in lower case and the like, as the layer's `standardize` says."""
    if callable(layer.standardize):
        return as_bytes(to_numpy(layer.standardize(_for_user(layer, texts, shape))), layer.encoding)
    if layer.standardize in ("lower", "lower_and_strip_punctuation"):
        texts = [t.lower() for t in texts]
    if layer.standardize in ("strip_punctuation", "lower_and_strip_punctuation"):
        texts = [t.translate(None, _PUNCTUATION) for t in texts]
    return texts


def _for_user(layer: TextVectorization, texts: Texts, shape: tuple[int, ...]) -> Array:
    """Return texts as a function of the user's takes them."""
    return np.array(as_text(texts, layer.encoding), dtype=np.str_).reshape(shape)


def _split_texts(layer: TextVectorization, texts: Texts) -> list[Texts]:
    """Return the tokens of each text, as the layer's `split` says."""
    if layer.split == "whitespace":
        return [t.split() for t in texts]
    if layer.split == "character":
        return [[c.encode(layer.encoding, "surrogateescape") for c in t] for t in as_text(texts, layer.encoding)]
    assert callable(layer.split)
    tokens = layer.split(_for_user(layer, texts, (len(texts),)))
    rows = tokens.to_list() if hasattr(tokens, "to_list") else tokens
    rows = rows if isinstance(rows, list) else to_numpy(rows).tolist()
    return [as_bytes(as_objects(list(row), (len(row),)), layer.encoding) for row in rows]


def _joined(tokens: Texts, lengths: Sequence[int]) -> Texts:
    """Return the n-grams of these lengths, the shorter ones first."""
    return [b" ".join(tokens[i : i + n]) for n in lengths for i in range(len(tokens) - n + 1)]


# ---- from tokens to class numbers -----------------------------------------------------------------------------------


def _padded_numbers(layer: TextVectorization, x: Array) -> list[Array]:
    """Return the class numbers of texts, padded to one length, and how many there are in each row."""
    rows = _token_rows(layer, x)
    counts = [len(row) for row in rows]
    flat = as_objects([t for row in rows for t in row], (sum(counts),))
    numbers = numbers_of(layer._lookup_layer, flat)
    length = layer.output_sequence_length
    width = max(counts, default=0) if length is None or layer.ragged else length
    # Padding must not count as a class in vectors.
    out = np.full((len(rows), width), 0 if layer.output_mode == "int" else -1, "int64")
    ends = np.cumsum([0, *counts])
    for i, row in enumerate(out):
        own = numbers[ends[i] : ends[i + 1]][:width]
        row[: len(own)] = own
    shape = x.shape if _keeps_shape(layer) else (*x.shape[:1], width)
    return [out.reshape(shape), np.minimum(counts, length or width).astype("int64").reshape(x.shape[:1])]


def _keeps_shape(layer: TextVectorization) -> bool:
    """Return whether each string is a token, and its class number stands in its place."""
    plain = layer.split is None and layer.output_sequence_length is None and layer._kf_ngrams is None
    return plain and layer.output_mode == "int" and not layer.ragged


def _numbers_shape(layer: TextVectorization, shape: Shape) -> Shape:
    """Return the shape of the class numbers for texts of a shape."""
    _check_shape(layer, shape)
    if _keeps_shape(layer):
        return tuple(shape)
    return (*shape[:1], None if layer.ragged else layer.output_sequence_length)
