"""FeatureSpace: a table's columns, each prepared in its way, as the input of a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerasfront import ops, serialization
from kerasfront.arguments import Constructed
from kerasfront.errors import DataError, NotBuiltError, suggest
from kerasfront.interop import columns_of
from kerasfront.layers import (
    CategoryEncoding,
    DataLayer,
    Discretization,
    HashedCrossing,
    Hashing,
    Input,
    IntegerLookup,
    Normalization,
    Rescaling,
    StringLookup,
)
from kerasfront.layers._configured import one_of, positive, where
from kerasfront.layers.preprocessing._host import HostLayer
from kerasfront.layers.preprocessing._streams import as_array, yielded
from kerasfront.layers.preprocessing.numeric import number_of_bins
from kerasfront.models.model import Model
from kerasfront.naming import auto_name
from kerasfront.saving import save_model
from kerasfront.spec import KerasTensor, dtypes
from kerasfront.tracking import assign_untracked
from kerasfront.typing import NestedTensors, PathLike, Tensor

_ROWS = 4096


class Cross(Constructed):
    """A feature made of several: their values together, hashed into bins.

    Args:
        feature_names: The names of the features.
        crossing_dim: The number of bins.
        output_mode: "one_hot" or "int".
    """

    def __init__(self, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> None:
        if output_mode not in ("int", "one_hot"):
            raise ValueError(
                f"Expected the `output_mode` of a cross to be 'int' or 'one_hot', got {output_mode!r}."
                f"{suggest(output_mode, ('int', 'one_hot'))}"
            )
        self.feature_names: tuple[Any, ...] = tuple(feature_names)
        self.crossing_dim: int = crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        """The name of the feature: those of its parts, with "_X_" between them."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        return {
            "feature_names": list(self.feature_names),
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Cross:
        return cls(**config)


class Feature(Constructed):
    """How a feature is prepared.

    Args:
        dtype: The dtype of its values: "float32", "int32" or "string", say.
        preprocessor: The layer that prepares it.
        output_mode: "float" or "int": as the layer gives it; "one_hot": its class numbers as vectors.
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        if output_mode not in ("int", "one_hot", "float"):
            raise ValueError(
                f"Expected the `output_mode` of a feature to be 'int', 'one_hot' or 'float', got {output_mode!r}."
                f"{suggest(output_mode, ('int', 'one_hot', 'float'))}"
            )
        self.dtype: str = dtypes.standardize(dtype)
        if isinstance(preprocessor, dict):
            preprocessor = serialization.revive(preprocessor)
        self.preprocessor: Any = preprocessor
        self.output_mode = output_mode

    def get_config(self) -> dict[str, Any]:
        preprocessor = serialization.serialize_keras_object(self.preprocessor)
        return {"dtype": self.dtype, "preprocessor": preprocessor, "output_mode": self.output_mode}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Feature:
        return cls(**config)


class TFDIdentity(DataLayer):
    """What comes, as it is; by this name Keras has it in files."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x: Tensor) -> Tensor:
        return x


class FeatureSpace(HostLayer):
    """A table's columns, each prepared in its way, and joined as the input of a model.

    Args:
        features: How each column is prepared, by its name: what one of the methods below gives, or the name of one of
            them for its defaults: "float", "float_rescaled", "float_normalized", "float_discretized",
            "integer_categorical", "string_categorical", "integer_hashed" or "string_hashed".
        output_mode: "concat": all in one vector, the features in the order of their names, then the crosses in that of
            theirs. "dict": each by its name.
        crosses: Tuples of names of features that are hashed together, or what `cross` gives.
        crossing_dim: The number of bins of crosses that are tuples.
        hashing_dim: The number of bins of "integer_hashed" and "string_hashed".
        num_discretization_bins: The number of bins of "float_discretized".
        name: A name.

    It is called on a dict of columns (or a data frame), of shape (batch,) or (batch, 1), or of single values, and works
    in a model (`get_inputs`, `get_encoded_features`), on arrays, and in `tf.data` and DataLoader pipelines, on every
    backend.

    >>> import kerasfront as keras
    >>> table = {"age": [20.0, 30.0, 40.0], "pet": ["cat", "dog", "cat"]}
    >>> space = keras.utils.FeatureSpace({"age": "float_normalized", "pet": "string_categorical"})
    >>> space.adapt(table)
    >>> row = space({"age": 30.0, "pet": "dog"})
    >>> keras.ops.convert_to_numpy(row).tolist()
    [0.0, 0.0, 0.0, 1.0]
    """

    _inputs: dict[str, Any]
    _encoded: Any

    def __init__(
        self,
        features: Any,
        output_mode: str = "concat",
        crosses: Any = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.built = self._is_adapted = False
        if not features:
            raise ValueError(f"{where(self)} needs features, got {features!r}.")
        self.output_mode: str = one_of(self, "output_mode", output_mode, ("concat", "dict"))
        self.crossing_dim: int = positive(self, "crossing_dim", crossing_dim)
        self.hashing_dim: int = positive(self, "hashing_dim", hashing_dim)
        self.num_discretization_bins: int = positive(self, "num_discretization_bins", num_discretization_bins)
        self.features: dict[Any, Feature] = {k: self._feature_of(k, v) for k, v in features.items()}
        self.crosses: list[Cross] = [self._cross_of(c) for c in crosses or ()]
        self.preprocessors: dict[Any, Any] = {k: f.preprocessor for k, f in self.features.items()}
        self.crossers: dict[str, HashedCrossing] = {
            c.name: HashedCrossing(c.crossing_dim, name=auto_name(c.name)) for c in self.crosses
        }
        self.one_hot_encoders: dict[str, Any] = {}
        assign_untracked(self, "_inputs", {k: Input((1,), dtype=f.dtype, name=k) for k, f in self.features.items()})
        assign_untracked(self, "_encoded", None)
        self.supports_jit = all(f.dtype != "string" for f in self.features.values())

    # ---- kinds of features --------------------------------------------------------------------------------------

    def _feature_of(self, name: str, value: Any) -> Feature:
        if isinstance(value, dict):
            value = serialization.revive(value)
        if isinstance(value, Feature):
            return value
        options = {"name": f"{name}_preprocessor"}
        bins = {"num_bins": self.num_discretization_bins if value == "float_discretized" else self.hashing_dim}
        if value in ("float_discretized", "integer_hashed", "string_hashed"):
            options = {**options, **bins}  # type: ignore[dict-item]
        if value not in _KINDS:
            raise ValueError(
                f"Expected the feature '{name}' of {where(self)} to be one of {', '.join(map(repr, _KINDS))} or what "
                f"FeatureSpace's methods give, got {value!r}.{suggest(value, _KINDS)}"
            )
        made: Feature = getattr(type(self), value)(**options)
        return made

    def _cross_of(self, value: Any) -> Cross:
        if isinstance(value, dict):
            value = serialization.revive(value)
        if not isinstance(value, Cross):
            value = Cross(value, self.crossing_dim)
        strange = [n for n in value.feature_names if n not in self.features]
        if strange:
            raise ValueError(
                f"The cross {value.feature_names} of {where(self)} names features that aren't there: "
                f"{', '.join(map(repr, strange))}.{suggest(strange[0], list(self.features))}"
            )
        return value

    @classmethod
    def cross(cls, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Return a feature made of several: the class numbers of their values together.

        Args:
            feature_names: The names of the features: of integers or strings.
            crossing_dim: The number of bins.
            output_mode: "one_hot" or "int".
        """
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """Return a feature that a layer of yours prepares.

        Args:
            dtype: The dtype of its values.
            preprocessor: The layer.
            output_mode: "float" or "int": as the layer gives it; "one_hot": its class numbers as vectors.
        """
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Return a number as it is."""
        return Feature("float32", TFDIdentity(name=name or auto_name("float")), "float")

    @classmethod
    def float_rescaled(cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None) -> Feature:
        """Return a number times `scale` plus `offset`."""
        layer = Rescaling(scale, offset, name=name or auto_name("float_rescaled"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Return a number minus the mean of all, divided by their standard deviation."""
        return Feature("float32", Normalization(axis=-1, name=name or auto_name("float_normalized")), "float")

    @classmethod
    def float_discretized(
        cls, num_bins: int, bin_boundaries: Any = None, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return the bin of a number.

        Args:
            num_bins: The number of bins of about equal counts.
            bin_boundaries: The boundaries of bins, instead.
            output_mode: "one_hot" or "int".
            name: A name for the layer.
        """
        layer = Discretization(
            bin_boundaries,
            None if bin_boundaries is not None else num_bins,
            name=name or auto_name("float_discretized"),
        )
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return the class of an integer, by a vocabulary.

        Args:
            max_tokens: The most classes.
            num_oov_indices: How many of them are for unknown integers.
            output_mode: "one_hot" or "int".
            name: A name for the layer.
        """
        layer = IntegerLookup(
            max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=name or auto_name("integer_categorical")
        )
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return the class of a string, by a vocabulary; the arguments are those of `integer_categorical`."""
        layer = StringLookup(
            max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=name or auto_name("string_categorical")
        )
        return Feature("string", layer, output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Return the class of an integer, by its hash.

        Args:
            num_bins: The number of classes.
            output_mode: "one_hot" or "int".
            name: A name for the layer.
        """
        return Feature("int32", Hashing(num_bins, name=name or auto_name("integer_hashed")), output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Return the class of a string, by its hash; the arguments are those of `integer_hashed`."""
        return Feature("string", Hashing(num_bins, name=name or auto_name("string_hashed")), output_mode)

    # ---- adapting -----------------------------------------------------------------------------------------------

    def adapt(self, dataset: Any) -> None:
        """Learn what the features' layers need: means, boundaries, vocabularies.

        The data is looked at once, batch by batch. (Layers of yours that have `adapt`, but not `reset_state`,
        `update_state` and `finalize_state`, look at it once each: it must be able to begin anew then.)

        Args:
            dataset: A dict of columns, a data frame, or what yields such dicts, batched or not: a tf.data.Dataset, a
                torch DataLoader, a PyDataset, a generator.

        Raises:
            DataError: It holds no dicts, or lacks a column.
        """
        dataset = columns_of(dataset)
        learning = {k: p for k, p in self.preprocessors.items() if getattr(p, "is_adaptable", hasattr(p, "adapt"))}
        streaming = {k: p for k, p in learning.items() if hasattr(p, "update_state")}
        for layer in streaming.values():
            layer.reset_state()
        if streaming:
            for batch in self._batches(dataset):
                for name, layer in streaming.items():
                    layer.update_state(self._column(batch, name))
        for layer in streaming.values():
            layer.finalize_state()
        for name in learning.keys() - streaming.keys():
            if hasattr(dataset, "__next__"):
                raise DataError(
                    f"The layer of the feature '{name}' of {where(self)} needs the data for itself: pass data that can "
                    "begin anew, no generator."
                )
            learning[name].adapt(self._column(batch, name) for batch in self._batches(dataset))
        self._set_outputs()

    def _batches(self, dataset: Any) -> Iterator[dict[str, Any]]:
        if isinstance(dataset, dict):
            columns = {k: as_array(dataset[k]) for k in self.features if k in dataset}
            self._check_names(columns)
            lengths = {k: len(v) for k, v in columns.items()}
            if len(set(lengths.values())) > 1:
                raise DataError(f"The columns have different numbers of rows: {lengths}.")
            for start in range(0, max(lengths.values()), _ROWS):
                yield {k: v[start : start + _ROWS] for k, v in columns.items()}
            return
        for batch in yielded(dataset):
            if not isinstance(batch, dict):
                raise DataError(
                    f"{where(self)} adapts to dicts of columns; {type(batch).__name__} came.",
                    hint="Leave the targets out: dataset.map(lambda x, y: x), or (x for x, y in loader).",
                )
            self._check_names(batch)
            yield batch

    def _check_names(self, columns: dict[str, Any]) -> None:
        missing = [k for k in self.features if k not in columns]
        if missing:
            raise DataError(
                f"{where(self)} needs the columns {', '.join(map(repr, self.features))}; of these there isn't "
                f"{', '.join(map(repr, missing))}.{suggest(missing[0], list(columns))}"
            )

    def _column(self, batch: dict[str, Any], name: str) -> np.ndarray[Any, Any]:
        array = as_array(batch[name])
        return array.reshape(-1, 1) if array.ndim < 2 else array

    def _set_outputs(self) -> None:
        """Make what needs the layers to be ready: the encoders, and the symbolic outputs."""
        for name, feature in self.features.items():
            if feature.output_mode == "one_hot" and name not in self.one_hot_encoders:
                self.one_hot_encoders[name] = CategoryEncoding(self._classes(name), output_mode="multi_hot")
        for cross in self.crosses:
            if cross.output_mode == "one_hot" and cross.name not in self.one_hot_encoders:
                self.one_hot_encoders[cross.name] = CategoryEncoding(cross.crossing_dim, output_mode="multi_hot")
        assign_untracked(self, "_encoded", None)
        self.built = self._is_adapted = True
        self.get_encoded_features()

    def _classes(self, name: str) -> int:
        """How many classes a feature's layer tells apart."""
        layer = self.preprocessors[name]
        if isinstance(layer, Discretization):
            return number_of_bins(layer)
        if hasattr(layer, "vocabulary_size"):
            return int(layer.vocabulary_size())
        for attribute in ("num_bins", "num_tokens", "cardinality"):
            if hasattr(layer, attribute):
                return int(getattr(layer, attribute))
        raise ValueError(
            f"The feature '{name}' of {where(self)} has output_mode='one_hot', but its layer "
            f"({type(layer).__name__}) doesn't say how many classes there are. Give it an attribute `cardinality`."
        )

    # ---- encoding -----------------------------------------------------------------------------------------------

    def _need_adapted(self) -> None:
        if not self._is_adapted:
            raise NotBuiltError(f"{where(self)} is not adapted yet: call adapt(dataset).")

    def get_inputs(self) -> dict[str, Any]:
        """Return the symbolic inputs, by the names of the features, each of shape (batch, 1)."""
        self._need_adapted()
        return dict(self._inputs)

    def get_encoded_features(self) -> NestedTensors:
        """Return the symbolic outputs for `get_inputs`: one tensor, or a dict."""
        self._need_adapted()
        if self._encoded is None:
            assign_untracked(self, "_encoded", self._encode(self._inputs))
        return self._encoded

    def get_preprocessing_model(self) -> Model:
        """Return a model from `get_inputs` to `get_encoded_features`."""
        return Model(self.get_inputs(), self.get_encoded_features())

    def _kf_as_tensors(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return super()._kf_as_tensors(tuple(map(columns_of, args)), {k: columns_of(v) for k, v in kwargs.items()})

    def call(self, data: Any) -> NestedTensors:
        """Return the features of a table's rows, or of one row where the columns are single values."""
        self._need_adapted()
        if not isinstance(data, dict):
            raise DataError(f"{where(self)} is called on a dict of columns; {type(data).__name__} came.")
        self._check_names(data)
        single = all(len(data[k].shape) == 0 for k in self.features)
        out = self._encode({k: _as_column(data[k], f.dtype) for k, f in self.features.items()})
        if not single:
            return out
        return {k: _first(v) for k, v in out.items()} if isinstance(out, dict) else _first(out)

    def _encode(self, columns: dict[str, Any]) -> Any:
        prepared = {k: self.preprocessors[k](columns[k]) for k in self.features}
        crossed = {c.name: self.crossers[c.name](tuple(prepared[n] for n in c.feature_names)) for c in self.crosses}
        out = {}
        for group in (prepared, crossed):
            for name in sorted(group):
                encoder = self.one_hot_encoders.get(name)
                out[name] = group[name] if encoder is None else encoder(group[name])
        if self.output_mode == "dict":
            return out
        for name, value in out.items():
            if not dtypes.is_float(ops.dtype(value)):
                raise ValueError(
                    f"The feature '{name}' of {where(self)} is of the dtype {ops.dtype(value)}: integers aren't joined "
                    "to floats. Encode it (output_mode='one_hot'), or use output_mode='dict'."
                )
        values = list(out.values())
        return values[0] if len(values) == 1 else ops.concatenate(values, axis=-1)

    # ---- saving -------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        return {
            "features": {k: serialization.serialize_keras_object(f) for k, f in self.features.items()},
            "output_mode": self.output_mode,
            "crosses": [serialization.serialize_keras_object(c) for c in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
            "name": self.name,
        }

    def get_build_config(self) -> dict[str, Any]:
        """With what each layer was built."""
        return {k: p.get_build_config() or {} for k, p in self.preprocessors.items()}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layers again; afterwards the space counts as adapted."""
        for name, layer in self.preprocessors.items():
            if not layer.built:
                layer.build_from_config(config.get(name) or {})
        self._set_outputs()

    def save(self, filepath: PathLike) -> None:
        """Save the space with all it learnt, as a `.keras` file; `saving.load_model` loads it.

        Args:
            filepath: Where to; it ends in ".keras".
        """
        save_model(self, filepath)


_KINDS = (
    "float", "float_rescaled", "float_normalized", "float_discretized", "integer_categorical", "string_categorical",
    "integer_hashed", "string_hashed",
)  # fmt: skip


def _as_column(x: Any, dtype: str) -> Any:
    """Values of shape (), (batch,) or (batch, ...) with a second axis, floats in the feature's dtype."""
    rank = len(x.shape)
    if isinstance(x, np.ndarray):
        x = x.reshape(-1, 1) if rank < 2 else x
    elif rank < 2:
        x = ops.expand_dims(x, -1) if rank else ops.reshape(x, (1, 1))
    if dtypes.is_float(dtype) and (isinstance(x, KerasTensor) or ops.dtype(x) != dtype):
        return ops.cast(x, dtype)
    return x


def _first(x: Any) -> Any:
    return ops.squeeze(x, axis=0)


serialization.register("keras.utils", {"FeatureSpace": FeatureSpace})
serialization.register(
    "keras.src.layers.preprocessing.feature_space",
    {"Feature": Feature, "Cross": Cross, "TFDIdentity": TFDIdentity},
)
