"""DTypePolicyMap: a policy for each layer, by its path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from kerasfront.dtype_policies.lookup import get, register, serialize
from kerasfront.dtype_policies.policy import DTypePolicy, dtype_policy
from kerasfront.typing import Config, DTypePolicyLike

# Patterns of files are matched with names of files: what could take them a long time is refused.
_LONGEST_PATH, _MOST_REPEATS = 256, 4
_REPEAT = re.compile(r"(?<!\\)[*+{]")
_REPEATED_GROUP = re.compile(r"\)[*+{]")


class DTypePolicyMap(DTypePolicy, MutableMapping[str, DTypePolicy]):
    """Policies of layers by their paths: given as `dtype`, each layer takes that of its path.

    A key is a path ("encoder/dense"), or a regular expression that has to match the whole path ("encoder/.*"). A path
    that nothing matches has the default policy.

    Args:
        default_policy: A policy or its name; None means the global one at the time of asking.
        policy_map: A dict of policies, or their names, by keys.

    Raises:
        TypeError: `policy_map` is no dict.
        ValueError: A key comes twice, a value is no policy, or (when asked) several patterns match a path.

    Unlike in Keras, `get_config` keeps the names of policies that differ from the default.

    >>> import kerasfront as keras
    >>> policies = keras.dtype_policies.DTypePolicyMap("float32", {"encoder/.*": "mixed_bfloat16"})
    >>> policies["encoder/dense"].name, policies["decoder/dense"].name
    ('mixed_bfloat16', 'float32')
    >>> keras.layers.Dense(2, dtype=policies, name="decoder").compute_dtype
    'float32'
    """

    def __init__(
        self,
        default_policy: DTypePolicyLike | None = None,
        policy_map: Mapping[str, DTypePolicyLike] | None = None,
    ) -> None:
        if policy_map is not None and not isinstance(policy_map, Mapping):
            raise TypeError(f"Expected `policy_map` to be a dict of policies, got {policy_map!r}.")
        self._default = None if default_policy is None else get(default_policy)
        if isinstance(self._default, DTypePolicyMap):
            raise ValueError("The `default_policy` of a DTypePolicyMap can't be another one.")
        self._policies: dict[str, DTypePolicy] = {}
        for key, policy in (policy_map or {}).items():
            self[key] = policy

    @property
    def name(self) -> str:
        return f"map_{self.default_policy.name}"

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of paths that nothing matches."""
        return dtype_policy() if self._default is None else self._default

    @property
    def compute_dtype(self) -> str:
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self.default_policy.variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        return self.default_policy.quantization_mode

    def __getitem__(self, path: str) -> DTypePolicy:
        if path in self._policies:
            return self._policies[path]
        matches = [key for key in self._policies if len(path) <= _LONGEST_PATH and _matches(key, path)]
        if len(matches) > 1:
            raise ValueError(f"The path '{path}' matches several keys of a DTypePolicyMap: {', '.join(matches)}.")
        return self._policies[matches[0]] if matches else self.default_policy

    def __contains__(self, key: object) -> bool:
        return key in self._policies

    def __setitem__(self, key: str, policy: DTypePolicyLike) -> None:
        if not isinstance(key, str):
            raise ValueError(f"Expected the keys of a DTypePolicyMap to be paths, got {key!r}.")
        if key in self._policies:
            raise ValueError(f"The DTypePolicyMap has a policy for '{key}' already: {self._policies[key]!r}.")
        single = None if policy is None else get(policy)
        if single is None or isinstance(single, DTypePolicyMap):
            raise ValueError(f"Expected the policy for '{key}' to be a dtype policy, got {policy!r}.")
        self._policies[key] = single

    def __delitem__(self, key: str) -> None:
        del self._policies[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)

    def get_config(self) -> Config:
        """Return the config; without a default policy of its own, names equal to the global one's are left open."""
        written = {}
        for key, policy in self._policies.items():
            written[key] = serialize(policy)
            for name in ("name", "source_name"):
                own = written[key]["config"]
                if self._default is None and own.get(name) == self.default_policy.name:
                    written[key]["config"] = {**own, name: None}
        return {
            "default_policy": None if self._default is None else serialize(self._default),
            "policy_map": written,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Mapping[str, Any] | None = None) -> DTypePolicyMap:
        policies = dict(config.get("policy_map") or {})
        for key, policy in policies.items():
            if len(_REPEAT.findall(key)) > _MOST_REPEATS or _REPEATED_GROUP.search(key):
                raise ValueError(f"The pattern '{key}' of a DTypePolicyMap could take very long to match.")
            if isinstance(policy, dict) and policy.get("config", {}).get("name", "") is None:
                policies[key] = dtype_policy()
        return cls(config.get("default_policy"), policies)

    def __hash__(self) -> int:
        return DTypePolicy.__hash__(self)

    def __eq__(self, other: object) -> bool:
        return DTypePolicy.__eq__(self, other)

    def __repr__(self) -> str:
        entries = ", ".join(f"{key}: {policy.name}" for key, policy in self._policies.items())
        return f"<DTypePolicyMap default={self.default_policy.name}, {{{entries}}}>"


register(DTypePolicyMap)


def _matches(pattern: str, path: str) -> bool:
    try:
        return re.fullmatch(pattern, path) is not None
    except re.error:  # a path that is no pattern
        return False
