"""utils.Config."""

import copy
import json
import pickle

import pytest

from kerasfront.utils.config import Config


def test_reading_and_writing() -> None:
    config = Config(a=1, b=[2])
    config.c, config["d"] = 3, 4
    config.update({"e": 5}, f=6)
    assert list(config) == list("abcdef") and len(config) == 6 and "a" in config and "z" not in config
    assert (config.a, config["c"], config.get("z"), config.get("z", 7)) == (1, 3, None, 7)
    assert config.pop("f") == 6 and config.pop("f", None) is None
    del config.e, config["d"]
    assert json.loads(config.to_json()) == config.as_dict() == {"a": 1, "b": [2], "c": 3}
    assert dict(config.items()) == dict(zip(config.keys(), config.values(), strict=True))


def test_what_is_not_there() -> None:
    config = Config(rate=1)
    with pytest.raises(AttributeError, match="Did you mean 'rate'"):
        _ = config.rat
    with pytest.raises(KeyError, match="rat"):
        config["rat"]


def test_frozen() -> None:
    config = Config(a=1)
    config.freeze()
    for change in (
        lambda: setattr(config, "a", 2),
        lambda: config.update(a=2),
        lambda: config.pop("a"),
        lambda: config.__setitem__("b", 1),
        lambda: config.__delitem__("a"),
    ):
        with pytest.raises(ValueError, match="frozen"):
            change()
    for twin in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert twin == config and twin.frozen
    config.unfreeze()
    config.a = 2
    assert config.as_dict() == {"a": 2} and not config.frozen
