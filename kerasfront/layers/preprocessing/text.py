"""TextVectorization: text as class numbers of its words."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasfront.contract import current
from kerasfront.errors import DTypeError, NotBuiltError, ShapeError
from kerasfront.layers._configured import one_of, positive, where
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.data_layer import on_host, to_numpy, to_ragged
from kerasfront.layers.preprocessing._encoding import encoded_shape, output_mode_of
from kerasfront.layers.preprocessing._host import HostLayer, as_bytes, as_objects, as_text, is_string
from kerasfront.layers.preprocessing._streams import batches
from kerasfront.layers.preprocessing.lookup import StringLookup
from kerasfront.spec import KerasTensor, dtypes

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

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        keep = self.__dict__  # functions are kept as they are
        keep["standardize"] = self._named_or_function("standardize", standardize, _STANDARDIZE)
        keep["split"] = self._named_or_function("split", split, _SPLIT)
        keep["ngrams"], keep["_lengths"] = ngrams, self._ngram_lengths(ngrams)
        self.output_mode = output_mode_of(self, output_mode, _MODES)
        if output_sequence_length is not None:
            positive(self, "output_sequence_length", output_sequence_length)
        if self.output_mode != "int" and (ragged or output_sequence_length is not None):
            what = "ragged=True" if ragged else f"output_sequence_length={output_sequence_length}"
            raise ValueError(f"{where(self)}: {what} goes with output_mode='int', got '{output_mode}'.")
        if ragged:
            current().need("ragged")
        self.max_tokens, self.output_sequence_length = max_tokens, output_sequence_length
        self.pad_to_max_tokens, self.sparse, self.ragged, self.encoding = pad_to_max_tokens, sparse, ragged, encoding
        self.supports_jit = False  # it takes strings
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens, vocabulary=vocabulary, idf_weights=idf_weights, pad_to_max_tokens=pad_to_max_tokens,
            mask_token="" if self.output_mode == "int" else None, output_mode=self.output_mode, sparse=sparse,
            encoding=encoding, vocabulary_size=size, name=f"{self.name}_lookup", dtype=self.dtype_policy,
        )  # fmt: skip

    def _named_or_function(self, name: str, value: Any, options: Sequence[str]) -> Any:
        return value if value is None or callable(value) else one_of(self, name, value, options)

    def _ngram_lengths(self, ngrams: Any) -> tuple[int, ...] | None:
        if ngrams is None:
            return None
        lengths = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else tuple(ngrams)
        if not lengths or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in lengths):
            raise ValueError(
                f"Expected `ngrams` of {where(self)} to be a positive integer or a tuple of them, got {ngrams!r}."
            )
        return lengths

    # ---- the vocabulary -----------------------------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        return "string"

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary, as `StringLookup.adapt` does, of the tokens of texts.

        Args:
            data: Texts: an array, a list or one string, or what yields batches (or single texts).
            batch_size: How many texts of an array are looked at together.
            steps: How many batches; None means all.
        """
        self.reset_state()
        for batch in batches(data, steps, batch_size):
            self._count(batch)
        self.finalize_state()

    @property
    def is_adaptable(self) -> bool:
        """Whether there is something to learn: not where the vocabulary was given."""
        return self._lookup_layer.is_adaptable

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch; `finalize_state` makes the vocabulary of them."""
        for batch in batches(data):
            self._count(batch)

    def _count(self, batch: np.ndarray[Any, Any]) -> None:
        if not self.is_adaptable:
            raise ValueError(f"{where(self)} got its vocabulary when it was made: there is nothing to adapt.")
        self._lookup_layer._count_rows(self._token_rows(batch))

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forget what was counted."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The vocabulary: the token of each class number.

        Args:
            include_special_tokens: Whether those for padding and for unknown tokens lead it.
        """
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the vocabulary, as `StringLookup.set_vocabulary` does.

        Args:
            vocabulary: A list or array of tokens, or the path of a text file.
            idf_weights: In the mode "tf_idf", a weight for each token.
        """
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def vocabulary_size(self) -> int:
        """The number of class numbers, those of special tokens included."""
        return self._lookup_layer.vocabulary_size()

    # ---- from text to tokens ------------------------------------------------------------------------------------

    def _token_rows(self, x: np.ndarray[Any, Any]) -> list[Texts]:
        """The tokens of each text."""
        if x.dtype.kind not in "OUS":
            raise DTypeError(f"{where(self)} takes strings, got {x.dtype.name}.")
        x = self._texts(x)
        texts = self._standardized(as_bytes(x, self.encoding), x.shape)
        if self.split is not None:
            rows = self._split_texts(texts)
        else:
            length = x.shape[1] if x.ndim == 2 else 1
            rows = [texts[i : i + length] for i in range(0, len(texts), length)] if length else [[]] * len(x)
        return rows if self._lengths is None else [self._joined(row) for row in rows]

    def _texts(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The texts as a vector (or a matrix of tokens, where nothing is split)."""
        self._check_shape(x.shape)
        if x.ndim == 2 and self.split is None:
            return x
        return x.reshape(-1)

    def _check_shape(self, shape: Any) -> None:
        if len(shape) > 2 or (len(shape) == 2 and self.split is not None and shape[1] != 1):
            wanted = "" if self.split is not None else ", or (batch, tokens)"
            raise ShapeError(
                f"Expected the inputs of {where(self)} to have the shape (batch,) or (batch, 1){wanted}, "
                f"got {tuple(shape)}."
            )

    def _standardized(self, texts: Texts, shape: Any) -> Texts:
        if callable(self.standardize):
            found = to_numpy(self.standardize(self._for_user(texts, shape)))
            return as_bytes(found, self.encoding)
        if self.standardize in ("lower", "lower_and_strip_punctuation"):
            texts = [t.lower() for t in texts]
        if self.standardize in ("strip_punctuation", "lower_and_strip_punctuation"):
            texts = [t.translate(None, _PUNCTUATION) for t in texts]
        return texts

    def _for_user(self, texts: Texts, shape: Any) -> Any:
        """What a function of the user's is given."""
        return np.array(as_text(texts, self.encoding), dtype=np.str_).reshape(shape)

    def _split_texts(self, texts: Texts) -> list[Texts]:
        if self.split == "whitespace":
            return [t.split() for t in texts]
        if self.split == "character":
            return [[c.encode(self.encoding, "surrogateescape") for c in t] for t in as_text(texts, self.encoding)]
        found = self.split(self._for_user(texts, (len(texts),)))
        rows = found.to_list() if hasattr(found, "to_list") else found
        rows = rows if isinstance(rows, list) else to_numpy(rows).tolist()
        return [as_bytes(as_objects(list(row), (len(row),)), self.encoding) for row in rows]

    def _joined(self, tokens: Texts) -> Texts:
        """The n-grams, the shorter ones first."""
        assert self._lengths is not None
        return [b" ".join(tokens[i : i + n]) for n in self._lengths for i in range(len(tokens) - n + 1)]

    # ---- calling ------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Nothing is to be made."""

    def call(self, inputs: Any) -> Any:
        if isinstance(inputs, KerasTensor):
            return self.compute_output_spec(inputs)
        if self._lookup_layer._terms is None:
            raise NotBuiltError(f"{where(self)} has no vocabulary yet: call adapt(data), or pass `vocabulary`.")
        if not is_string(inputs):
            raise DTypeError(f"{where(self)} takes strings, got {inputs.dtype}.")
        padded, lengths = self._numbers(inputs)
        if self.output_mode != "int":
            return self._lookup_layer._encode(padded)
        return to_ragged(padded, lengths) if self.ragged and len(inputs.shape) else padded

    def _numbers(self, inputs: Any) -> tuple[Any, Any]:
        """The class numbers as a tensor, and how many there are in each row."""
        shape = self._numbers_shape(inputs.shape)
        dtype = self._lookup_layer.output_dtype if self.output_mode == "int" else dtypes.held("int64")
        specs = [KerasTensor(shape, dtype), KerasTensor(inputs.shape[:1], dtypes.held("int64"))]
        padded, lengths = on_host(self._padded, [inputs], specs)
        return padded, lengths

    def _padded(self, x: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        rows = self._token_rows(x)
        counts = [len(row) for row in rows]
        flat = as_objects([t for row in rows for t in row], (sum(counts),))
        numbers = self._lookup_layer._numbers_of(flat)
        length = self.output_sequence_length
        width = max(counts, default=0) if length is None or self.ragged else length
        # Where vectors are made of the numbers, padding is no class.
        out = np.full((len(rows), width), 0 if self.output_mode == "int" else -1, "int64")
        ends = np.cumsum([0, *counts])
        for i, row in enumerate(out):
            found = numbers[ends[i] : ends[i + 1]][:width]
            row[: len(found)] = found
        shape = x.shape if self._keeps_shape else (*x.shape[:1], width)
        return [out.reshape(shape), np.minimum(counts, length or width).astype("int64").reshape(x.shape[:1])]

    @property
    def _keeps_shape(self) -> bool:
        """Whether each string is a token, and its class number stands in its place."""
        plain = self.split is None and self.output_sequence_length is None and self._lengths is None
        return plain and self.output_mode == "int" and not self.ragged

    def _numbers_shape(self, shape: Any) -> tuple[Any, ...]:
        """The shape of the class numbers for texts of a shape."""
        self._check_shape(shape)
        if self._keeps_shape:
            return tuple(shape)
        return (*shape[:1], None if self.ragged else self.output_sequence_length)

    def compute_output_shape(self, input_shape: Any) -> Any:  # type: ignore[override]
        numbers = self._numbers_shape(input_shape)
        if self.output_mode == "int":
            return numbers
        return encoded_shape(numbers, self.output_mode, self._lookup_layer._depth)

    def compute_output_spec(self, inputs: Any) -> Any:
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

    def get_config(self) -> dict[str, Any]:
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
