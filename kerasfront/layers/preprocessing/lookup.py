"""Layers that turn strings and integers into class numbers, and back, by a vocabulary."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasfront import ops, serialization, settings
from kerasfront.errors import DTypeError, MissingFileError, NotBuiltError, SavingError
from kerasfront.layers._configured import one_of, where
from kerasfront.layers.base.layer import Layer
from kerasfront.layers.preprocessing._encoding import MODES, encoded, encoded_shape, output_mode_of
from kerasfront.layers.preprocessing._fingerprints import fingerprints, keyed_hashes
from kerasfront.layers.preprocessing._host import HostLayer, as_bytes, as_objects
from kerasfront.layers.preprocessing._streams import as_array, batches
from kerasfront.spec import KerasTensor, dtypes

VOCABULARY, WEIGHTS = "vocabulary.txt", "idf_weights"
_METHODS = ("floormod", "farmhash")
# Numbers that no class has: of an unknown token, until one is found for it; of the mask token in vectors.
_UNKNOWN, _NOWHERE = -1, -2


class Lookup(HostLayer):
    """What `StringLookup` and `IntegerLookup` share: a table between tokens and class numbers.

    Class numbers begin with the mask token's (where there is one), then come those of the tokens that aren't in the
    vocabulary, then the vocabulary's. Subclasses say what a token is: `_tokens` gives those of an array as hashable
    values, `_of_user` one that a user wrote, `_token_array` an array for tokens.
    """

    _token_dtype: str

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        salt: int | Sequence[int] | None,
        oov_method: str,
        **kwargs: Any,
    ) -> None:
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(**kwargs)
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.sparse, self.pad_to_max_tokens = invert, sparse, pad_to_max_tokens
        self.output_mode = output_mode_of(self, output_mode, (*MODES, "tf_idf"))
        self.oov_method, self.salt = one_of(self, "oov_method", oov_method, _METHODS), salt
        self._check_arguments()
        state = self.__dict__
        state["input_vocabulary"] = state["input_idf_weights"] = None
        # The vocabulary without special tokens, as the table has them; the number of each token, these included.
        state["_terms"], state["_numbers"], state["_weights"] = None, {}, None
        # While a file is loaded the vocabulary comes after the graph: its size is said by the config.
        state["_size_in_file"] = size
        self._set_specials()
        self.reset_state()
        if vocabulary is not None:
            self._take_given(vocabulary, idf_weights)
        elif idf_weights is not None:
            raise ValueError(f"{where(self)} got `idf_weights` without the `vocabulary` that they belong to.")

    def _check_arguments(self) -> None:
        if self.max_tokens is not None and (not isinstance(self.max_tokens, int) or self.max_tokens < 2):
            raise ValueError(
                f"Expected `max_tokens` of {where(self)} to be an integer from 2 on, got {self.max_tokens!r}."
            )
        if (
            isinstance(self.num_oov_indices, bool)
            or not isinstance(self.num_oov_indices, int)
            or self.num_oov_indices < 0
        ):
            raise ValueError(
                f"Expected `num_oov_indices` of {where(self)} to be an integer from 0 on, got {self.num_oov_indices!r}."
            )
        if self.invert and self.output_mode != "int":
            raise ValueError(f"{where(self)} with invert=True needs output_mode='int', got '{self.output_mode}'.")
        if self.invert and self.num_oov_indices > 1 and self.oov_token is None:
            raise ValueError(f"{where(self)} with invert=True needs an `oov_token`.")
        if self.sparse and self.output_mode == "int":
            raise ValueError(f"{where(self)} has no sparse output in the mode 'int'.")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(f"{where(self)} with pad_to_max_tokens=True needs `max_tokens`.")
        self.__dict__["_key"] = None if self.salt is None else self._key_of(self.salt)

    def _key_of(self, salt: Any) -> list[int]:
        key = [salt, salt] if isinstance(salt, int) else list(salt) if isinstance(salt, (list, tuple)) else []
        if len(key) != 2 or not all(isinstance(k, int) for k in key):
            raise ValueError(f"Expected `salt` of {where(self)} to be an integer or two, got {salt!r}.")
        return key

    # ---- tokens: what a subclass says ---------------------------------------------------------------------------

    def _tokens(self, x: np.ndarray[Any, Any]) -> Sequence[Any]:
        raise NotImplementedError

    def _of_user(self, token: Any) -> Any:
        raise NotImplementedError

    def _to_user(self, token: Any) -> Any:
        raise NotImplementedError

    def _token_array(self, tokens: Sequence[Any], shape: Any) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    def _oov_hashes(self, tokens: Sequence[Any]) -> Any:
        """Unsigned integers of which the remainder picks one of several numbers."""
        strings = [t if isinstance(t, bytes) else b"%d" % t for t in tokens]
        return fingerprints(strings) if self._key is None else keyed_hashes(strings, self._key)

    # ---- the vocabulary -----------------------------------------------------------------------------------------

    def _set_specials(self) -> None:
        """The special tokens that lead a vocabulary: the mask token has a class number in the mode "int" only."""
        mask = [] if self.mask_token is None else [self._of_user(self.mask_token)]
        unknown = [self._of_user(self.oov_token)] * self.num_oov_indices
        state = self.__dict__
        state["_mask"], state["_all_specials"] = (mask[0] if mask else None), mask + unknown
        state["_specials"] = mask + unknown if self.output_mode == "int" else unknown

    @property
    def _oov_start(self) -> int:
        return len(self._specials) - self.num_oov_indices

    def _take_given(self, vocabulary: Any, weights: Any) -> None:
        """The vocabulary that the constructor got."""
        if isinstance(vocabulary, (str, os.PathLike)):
            if serialization.in_safe_mode():
                raise SavingError(
                    f"The config of {where(self)} names a file as its vocabulary, '{vocabulary}'. No file outside of "
                    "a model's own is opened for it.",
                    hint="If you trust where it came from, pass safe_mode=False.",
                )
            self.set_vocabulary(vocabulary, weights)
            return
        self.set_vocabulary(vocabulary, weights)
        listed = [self._to_user(t) for t in map(self._of_user, as_array(vocabulary).tolist())]
        self.__dict__["input_vocabulary"] = listed
        if weights is not None:
            self.__dict__["input_idf_weights"] = np.asarray(weights, "float64").tolist()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
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
        tokens = [self._of_user(t) for t in as_array(vocabulary).ravel().tolist()]
        if not tokens:
            raise ValueError(f"{where(self)} got an empty vocabulary.")
        weights = self._checked_weights(idf_weights)
        tokens = self._without_specials(tokens)
        self._check_terms(tokens)
        if weights is not None:
            if len(weights) != len(tokens):
                raise ValueError(
                    f"Expected `idf_weights` of {where(self)} to hold a number for each of {len(tokens)} tokens, "
                    f"got {len(weights)}."
                )
            weights = np.concatenate([self._special_weights(weights), weights])
        self._set_terms(tokens, weights)

    def _without_specials(self, tokens: list[Any]) -> list[Any]:
        """The tokens without the special ones, where they begin with all of these."""
        for special in (self._all_specials, self._specials):
            if special and tokens[: len(special)] == special:
                return tokens[len(special) :]
        return tokens

    def _checked_weights(self, weights: Any) -> Any:
        if self.output_mode == "tf_idf":
            if weights is None:
                raise ValueError(f"{where(self)} with output_mode='tf_idf' needs `idf_weights` with a vocabulary.")
            return np.asarray(weights, "float64").ravel()
        if weights is not None:
            raise ValueError(f"`idf_weights` go with output_mode='tf_idf'; {where(self)} has '{self.output_mode}'.")
        return None

    def _special_weights(self, weights: Any) -> Any:
        """Tokens that are unknown weigh as the known ones do on average."""
        mean = float(np.mean(weights)) if len(weights) else 1.0
        return np.asarray([mean] * self.num_oov_indices)

    def _check_terms(self, tokens: list[Any]) -> None:
        if self._mask is not None and self._mask in tokens:
            raise ValueError(
                f"The vocabulary of {where(self)} holds the mask token {self.mask_token!r} at place "
                f"{tokens.index(self._mask)}. Leave special tokens out, or begin with all of them in this order: "
                f"{[self._to_user(t) for t in self._all_specials]}."
            )
        if len(set(tokens)) < len(tokens):
            twice = [self._to_user(t) for t, n in Counter(tokens).items() if n > 1]
            raise ValueError(f"The vocabulary of {where(self)} holds tokens twice: {twice[:10]}.")
        size = len(tokens) + len(self._specials)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"The vocabulary of {where(self)} has {size} tokens with the special ones; max_tokens is "
                f"{self.max_tokens}."
            )

    def _set_terms(self, tokens: list[Any], weights: Any) -> None:
        start = len(self._specials)
        numbers = {t: i for i, t in enumerate(tokens, start)}
        if self._mask is not None:
            numbers[self._mask] = 0 if self.output_mode == "int" else _NOWHERE
        state = self.__dict__
        state["_terms"], state["_numbers"], state["_size_in_file"] = tokens, numbers, None
        state["_weights"] = None if weights is None else np.asarray(weights, "float32")

    def _take_vocabulary_of(self, other: Lookup) -> None:
        """Know the tokens that a layer of the same config learnt."""
        if self._terms is None and other._terms is not None:
            self._set_terms(list(other._terms), other._weights)

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The vocabulary: the token of each class number.

        Args:
            include_special_tokens: Whether the mask token and those for what is unknown lead it.
        """
        tokens = (self._specials if include_special_tokens else []) + (self._terms or [])
        return [self._to_user(t) for t in tokens]

    def vocabulary_size(self) -> int:
        """The number of class numbers, those of special tokens included."""
        if self._size_in_file is not None:
            return int(self._size_in_file)
        return len(self._specials) + len(self._terms or ())

    @property
    def idf_weights(self) -> Any:
        """The weight of each class number in the mode "tf_idf" (float32), or None."""
        return self._weights

    @property
    def _depth(self) -> int:
        return int(self.max_tokens) if self.pad_to_max_tokens and self.max_tokens else self.vocabulary_size()

    # ---- adapting -----------------------------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
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
            self._count(batch)
        self.finalize_state()

    @property
    def is_adaptable(self) -> bool:
        """Whether there is something to learn: not where the vocabulary was given."""
        return self.__dict__["input_vocabulary"] is None

    def reset_state(self) -> None:
        """Forget what `update_state` counted."""
        self.__dict__.update(_counts=Counter(), _documents=Counter(), _num_documents=0)

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch; `finalize_state` makes the vocabulary of them."""
        for batch in batches(data):
            self._count(batch)

    def _count(self, batch: np.ndarray[Any, Any]) -> None:
        if not self.is_adaptable:
            raise ValueError(f"{where(self)} got its vocabulary when it was made: there is nothing to adapt.")
        rows = np.atleast_1d(batch)
        self._count_rows([self._tokens(row) for row in rows] if self.output_mode == "tf_idf" else [self._tokens(rows)])

    def _count_rows(self, documents: Sequence[Sequence[Any]]) -> None:
        for document in documents:
            self._counts.update(document)
            if self.output_mode == "tf_idf":
                self._documents.update(set(document))
        self.__dict__["_num_documents"] += len(documents)

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        if not self._counts:
            return
        counts = dict(self._counts)
        for token in set(self._all_specials):
            counts.pop(token, None)
        ordered = sorted(sorted(counts, reverse=True), key=lambda t: -counts[t])
        if self.max_tokens is not None:
            ordered = ordered[: self.max_tokens - len(self._specials)]
        weights = None
        if self.output_mode == "tf_idf":
            found = np.asarray([self._documents[t] for t in ordered], "float64")
            weights = np.log(1.0 + self._num_documents / (1.0 + found))
            weights = np.concatenate([self._special_weights(weights), weights])
        self._set_terms(ordered, weights)
        self.reset_state()

    # ---- calling ------------------------------------------------------------------------------------------------

    def call(self, inputs: Any) -> Any:
        if self._terms is None and not isinstance(inputs, KerasTensor):
            raise NotBuiltError(f"{where(self)} has no vocabulary yet: call adapt(data), or pass `vocabulary`.")
        if self.invert:
            return self._on_host(self._inverted, [inputs], inputs.shape, self._inverted_dtype)
        return self._encode(self._numbered(inputs))

    def _numbered(self, inputs: Any) -> Any:
        return self._on_host(self._numbers_of, [inputs], inputs.shape, dtypes.held("int64"))

    def _encode(self, numbers: Any) -> Any:
        if self.output_mode == "tf_idf":
            weights = np.zeros(self._depth, "float32")
            weights[: self.vocabulary_size()] = 1.0 if self._weights is None else self._weights
            factors = ops.convert_to_tensor(weights)
            return encoded(numbers, "tf_idf", self._depth, self.output_dtype, factors=factors, sparse=self.sparse)
        return encoded(numbers, self.output_mode, self._depth, self.output_dtype, sparse=self.sparse)

    @property
    def output_dtype(self) -> str:
        """int64, or the integer dtype that the layer was given; floats in the mode "tf_idf"."""
        asked = self._kf.policy.compute_dtype
        if self.output_mode == "tf_idf":
            return asked if dtypes.is_float(asked) else settings.floatx()
        return dtypes.held(asked if dtypes.is_int(asked) else "int64")

    @property
    def _inverted_dtype(self) -> str:
        return self._token_dtype if self._token_dtype == "string" else dtypes.held(self._token_dtype)

    def _numbers_of(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The class number of each token."""
        tokens = self._tokens(x)
        get, start = self._numbers.get, self._oov_start
        default = start if self.num_oov_indices == 1 else _UNKNOWN
        out = np.asarray([get(t, default) for t in tokens], "int64")
        if self.num_oov_indices != 1:
            unknown = np.flatnonzero(out == _UNKNOWN)
            if len(unknown):
                out[unknown] = self._unknown([tokens[i] for i in unknown.tolist()])
        return out.reshape(x.shape)

    def _unknown(self, tokens: list[Any]) -> Any:
        if not self.num_oov_indices:
            found = [self._to_user(t) for t in dict.fromkeys(tokens)]
            raise ValueError(
                f"{where(self)} met tokens that aren't in its vocabulary: {found[:10]}. With num_oov_indices=0 there "
                "is no number for them."
            )
        hashes = np.asarray(self._oov_hashes(tokens))
        return (hashes % hashes.dtype.type(self.num_oov_indices)).astype("int64") + self._oov_start

    def _inverted(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The token of each class number; what is no number of the vocabulary is unknown."""
        unknown = self._of_user(self.oov_token)
        table = [*self._specials, *(self._terms or ())]
        flat = x.ravel().astype("int64").tolist()
        return self._token_array([table[i] if 0 <= i < len(table) else unknown for i in flat], x.shape)

    def compute_output_shape(self, input_shape: Any) -> Any:  # type: ignore[override]
        return encoded_shape(input_shape, self.output_mode, self._depth)

    def compute_output_spec(self, inputs: Any) -> Any:
        dtype = self._inverted_dtype if self.invert else self.output_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype, sparse=self.sparse)

    # ---- saving -------------------------------------------------------------------------------------------------

    def save_own_variables(self, store: Any) -> None:
        """Write the weights of the mode "tf_idf", as Keras does."""
        if self._weights is not None:
            store[WEIGHTS] = self._weights

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
        self.__dict__["_weights"] = weights

    def _kf_learnt_beside_weights(self) -> str | None:
        return "vocabulary" if self.is_adaptable and self._terms is not None else None

    def save_assets(self, dir_path: str) -> None:
        """Write the vocabulary, unless the config holds it: `vocabulary.txt`, a token a line, as Keras does."""
        if self.__dict__["input_vocabulary"] is not None or self._terms is None:
            return
        lines = [str(t) for t in self.get_vocabulary()]
        broken = [t for t in lines if "\n" in t]
        if broken:
            raise SavingError(f"{where(self)} has the token {broken[0]!r}: one with a line break can't be saved.")
        Path(dir_path, VOCABULARY).write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))

    def load_assets(self, dir_path: str) -> None:
        """Read it again."""
        path = Path(dir_path, VOCABULARY)
        if self.__dict__["input_vocabulary"] is not None or not path.is_file():
            return
        lines = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
        tokens = [self._of_user(t) for t in lines]
        count = len(self._specials)
        if tokens[:count] != self._specials:
            raise SavingError(f"The vocabulary in the file doesn't begin with the special tokens of {where(self)}.")
        self._check_terms(tokens[count:])
        if self._weights is not None and len(self._weights) != len(tokens):
            raise SavingError(f"The file has {len(self._weights)} weights for {len(tokens)} tokens of {where(self)}.")
        self._set_terms(tokens[count:], self._weights)

    def get_config(self) -> dict[str, Any]:
        base = Layer.get_config(self)
        own = ("invert", "max_tokens", "num_oov_indices", "oov_token", "mask_token", "output_mode", "sparse",
               "pad_to_max_tokens", "oov_method", "salt")  # fmt: skip
        return {
            **base,
            **{name: getattr(self, name) for name in own},
            "idf_weights": self.__dict__["input_idf_weights"],
            "vocabulary": self.__dict__["input_vocabulary"],
            "vocabulary_size": self.vocabulary_size(),
        }


def _lines(path: Path, layer: Lookup) -> list[str]:
    """The lines of a text file."""
    if not path.is_file():
        raise MissingFileError(f"The vocabulary file '{path}' of {where(layer)} doesn't exist.")
    lines = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


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

    _token_dtype = "string"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
        kwargs.pop("oov_method", None)  # in configs of Keras
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode, sparse,
            pad_to_max_tokens, salt, "floormod", name=name, **kwargs,
        )  # fmt: skip
        self.supports_jit = False  # it takes or gives strings

    @property
    def dtype(self) -> str:
        return "string"

    def _tokens(self, x: np.ndarray[Any, Any]) -> Sequence[Any]:
        if x.dtype.kind not in "OUS":
            raise DTypeError(f"{where(self)} looks up strings, got {x.dtype.name}.")
        return as_bytes(x, self.encoding)

    def _of_user(self, token: Any) -> Any:
        if isinstance(token, bytes):
            return token
        if not isinstance(token, str):
            raise DTypeError(f"Expected the tokens of {where(self)} to be strings, got {token!r}.")
        return str(token).encode(self.encoding, "surrogateescape")

    def _to_user(self, token: Any) -> Any:
        return token.decode(self.encoding, "surrogateescape")

    def _token_array(self, tokens: Sequence[Any], shape: Any) -> np.ndarray[Any, Any]:
        return as_objects(tokens, shape)

    def get_config(self) -> dict[str, Any]:
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

    _token_dtype = "int64"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        name: str | None = None,
        **kwargs: Any,
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

    def _tokens(self, x: np.ndarray[Any, Any]) -> Sequence[Any]:
        if x.dtype.kind in "OUS":
            raise DTypeError(f"{where(self)} looks up integers; strings came. StringLookup takes strings.")
        tokens: list[int] = x.astype("int64").ravel().tolist()
        return tokens

    def _of_user(self, token: Any) -> Any:
        try:
            return int(token)
        except (TypeError, ValueError) as error:
            raise DTypeError(f"Expected the tokens of {where(self)} to be integers, got {token!r}.") from error

    def _to_user(self, token: Any) -> Any:
        return token

    def _token_array(self, tokens: Sequence[Any], shape: Any) -> np.ndarray[Any, Any]:
        return np.asarray(tokens, "int64").reshape(shape)

    def _oov_hashes(self, tokens: Sequence[Any]) -> Any:
        if self.oov_method == "floormod":
            return np.asarray(tokens, "int64")
        return super()._oov_hashes(tokens)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocabulary_dtype": self.vocabulary_dtype}


__all__ = ["IntegerLookup", "Lookup", "StringLookup"]
