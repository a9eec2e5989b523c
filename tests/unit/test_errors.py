import pickle

import pytest

from kerasfront import errors


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (errors.ArgumentError, TypeError),
        (errors.ArgumentError, ValueError),
        (errors.BackendError, ImportError),
        (errors.CapabilityError, NotImplementedError),
        (errors.ShapeError, ValueError),
        (errors.DTypeError, TypeError),
        (errors.DataError, ValueError),
        (errors.ConfigError, ValueError),
        (errors.SavingError, ValueError),
        (errors.NotBuiltError, ValueError),
        (errors.NotCompiledError, ValueError),
        (errors.UnknownNameError, ValueError),
    ],
)
def test_each_error_is_ours_and_the_builtin_that_keras_code_catches(cls, builtin):
    error = cls("what came", hint="what to do")
    assert isinstance(error, errors.KerasFrontError)
    assert isinstance(error, builtin)
    assert str(error) == "what came\nHint: what to do"
    assert error.hint == "what to do"
    assert str(cls("alone")) == "alone"
    assert cls("alone").hint is None


@pytest.mark.parametrize("cls", [errors.KerasFrontError, errors.BackendError, errors.ShapeError])
def test_errors_survive_pickling(cls):
    copy = pickle.loads(pickle.dumps(cls("message", hint="do this")))
    assert (type(copy), str(copy), copy.hint) == (cls, "message\nHint: do this", "do this")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rleu", " Did you mean 'relu'?"),
        ("RELU", " Did you mean 'relu'?"),
        ("nothing_like_it", ""),
        (None, ""),
        (3, ""),
    ],
)
def test_suggest(name, expected):
    assert errors.suggest(name, ["relu", "sigmoid", "tanh"]) == expected


def test_suggest_without_options():
    assert errors.suggest("relu", []) == ""


def test_unknown_takes_an_iterator_and_shortens_a_long_list():
    error = errors.unknown("layer", "Dens", (f"Dense{i}" for i in range(30)))
    assert isinstance(error, errors.UnknownNameError)
    assert "Unknown layer 'Dens'. Did you mean 'Dense" in str(error)
    assert error.hint.endswith("and 10 more.")


def test_unknown_of_something_that_is_no_string():
    assert "Unknown loss 7." in str(errors.unknown("loss", 7, ["mse"]))
