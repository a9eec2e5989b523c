"""What belongs to which input or output: targets, losses, metrics and weights by names, lists by order."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kerasfront as keras
from kerasfront import layers, losses, ops
from kerasfront.errors import ConfigError, DataError, ShapeError

ROWS = 4
X = np.arange(ROWS * 2, dtype="float32").reshape(ROWS, 2) / 4
WEIGHTS = np.array([1.0, 0.5, 0.0, 2.0], "float32")
ERRORS = {
    "mse": lambda y, p: ((y - p) ** 2).mean(-1),
    "mae": lambda y, p: np.abs(y - p).mean(-1),
    "mean_squared_error": lambda y, p: ((y - p) ** 2).mean(-1),
}


def target(number):
    return np.full((ROWS, 2), number, "float32")


def scaled(name, factor):
    """An output that is the input times a factor."""
    return layers.Rescaling(factor, name=name)


def functional(make):
    """A model whose outputs are what `make` makes of a function from name and factor to an output."""
    x = keras.Input((2,), name="x")
    return keras.Model(x, make(lambda name, factor: scaled(name, factor)(x)))


class Subclass(keras.Model):
    def __init__(self, make):
        super().__init__()
        self.make = make

    def call(self, x):
        return self.make(lambda name, factor: x * factor)


# -- any structure, against NumPy

NAMES = ["zeta", "alpha", "mid"]


@st.composite
def cases(draw):
    """A structure of outputs, and what is given for each, laid out in one of the ways that are allowed."""
    count = draw(st.integers(1, 3))
    names = draw(st.permutations(NAMES))[:count]
    shape = draw(st.sampled_from(["list", "tuple", "dict", "nested", "nested dict"] + ["single"] * (count == 1)))
    ways = draw(st.lists(st.sampled_from(["own", "flat", "names"]), min_size=4, max_size=4))
    kinds = draw(st.lists(st.sampled_from(["mse", "mae", None]), min_size=count, max_size=count).filter(any))
    factors = draw(st.lists(st.sampled_from([None, 2.0, 0.5]), min_size=count, max_size=count))
    weighted = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return names, shape, ways, kinds, factors, weighted, draw(st.randoms(use_true_random=False))


def laid(names, shape, values, way, random):
    """Values for the outputs: nested as these are, as a flat list, or in a dict by names in any order."""
    if way == "flat" and shape != "single":
        return list(values)
    if way == "names" and shape in ("list", "tuple", "single"):
        pairs = list(zip(names, values, strict=True))
        random.shuffle(pairs)
        return dict(pairs)
    return nest(names, shape, values)


def nest(names, shape, values):
    first, rest = values[0], list(values[1:])
    if shape == "single":
        return first
    if shape in ("list", "tuple"):
        return [first, *rest] if shape == "list" else (first, *rest)
    if shape == "dict":
        return dict(zip(names, values, strict=True))
    inner = rest if shape == "nested" else dict(zip(names[1:], rest, strict=True))
    return {"z": first, "n": inner} if rest else {"z": first}


@given(cases())
@settings(max_examples=40)
def test_each_output_gets_what_was_given_for_it(case):
    names, shape, ways, kinds, factors, weighted, random = case
    numbers = [2.0 + i for i in range(len(names))]
    model = functional(lambda output: nest(names, shape, [output(n, f) for n, f in zip(names, numbers, strict=True)]))
    lay = [lambda values, way=way: laid(names, shape, values, way, random) for way in ways]
    targets = [target(7 * (i + 1)) for i in range(len(names))]
    weights = [WEIGHTS * (i + 1) if w else None for i, w in enumerate(weighted)]
    model.compile("sgd", lay[0](kinds), loss_weights=lay[1](factors), metrics=lay[2]([[k] if k else [] for k in kinds]))
    y, sample_weight, y_pred = lay[3](targets), lay[2](weights), model(X)
    loss = model.compute_loss(X, y, y_pred, sample_weight)
    results = model.compute_metrics(X, y, y_pred, sample_weight)

    expected, metrics = 0.0, []
    for y_true, number, kind, factor, weight in zip(targets, numbers, kinds, factors, weights, strict=True):
        if kind:
            each = ERRORS[kind](y_true, X * number)
            expected += (each * (1 if weight is None else weight)).mean() * (factor or 1)
            metrics.append(each.mean())
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    found = [float(v) for k, v in results.items() if k.rpartition("_")[2] in ("mse", "mae")]
    assert found == pytest.approx(metrics, rel=1e-5)


# -- the names of results, which are Keras's

LIST = functional, lambda output: [output("zeta", 1), output("alpha", 2)]
DICT = functional, lambda output: {"b": output("zeta", 1), "a": output("alpha", 2)}
DEEP = functional, lambda output: {"b": output("zeta", 1), "n": [output("alpha", 2), output("mid", 3)]}
OWN_LIST = Subclass, LIST[1]
OWN_DICT = Subclass, DICT[1]
Y = [target(1), target(2)]


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        (LIST, {}, ["zeta_loss", "alpha_loss"]),
        (LIST, {"loss": ["mse", None]}, []),
        (LIST, {"metrics": [["mae", "mae"], ["mae"]]},
         ["zeta_loss", "alpha_loss", "zeta_mae", "zeta_mae_1", "alpha_mae"]),
        (DICT, {"metrics": {"a": "mae"}}, ["b_loss", "a_loss", "a_mae"]),
        (DICT, {"metrics": [["mae"], []], "weighted_metrics": [["mae", "mse"], ["mae"]]},
         ["b_loss", "a_loss", "b_mae", "b_weighted_mae", "b_mse", "a_mae"]),
        (DEEP, {"metrics": {"n": [["mae"], ["mse"]]}},
         ["b_loss", "n/alpha_loss", "n/mid_loss", "alpha_mae", "mid_mse"]),
        (OWN_LIST, {"loss": ["mse", losses.MeanAbsoluteError()], "metrics": [["mae"], ["mae"]]},
         ["mse_loss", "mean_absolute_error_loss", "mae", "mae_1"]),
        (OWN_LIST, {}, ["mse_loss", "mse_loss_1"]),
        (OWN_DICT, {"weighted_metrics": {"a": ["mae"]}}, ["b_loss", "a_loss", "a_mae"]),
    ],
)  # fmt: skip
def test_results_are_named_as_in_keras(kind, options, expected):
    make, outputs = kind
    model = make(outputs)
    model.compile("sgd", **{"loss": "mse", **options})
    y = {"b": Y[0], "n": [Y[1], target(3)]} if kind is DEEP else Y
    model.compute_metrics(X, y, model(X))
    model.compute_loss(X, y, model(X))
    assert list(model.get_metrics_result()) == ["loss", *expected]


@pytest.mark.parametrize("options", [{"metrics": ["mae", "mae"]}, {"metrics": ["mae"], "weighted_metrics": ["mae"]}])
@pytest.mark.parametrize("outputs", [lambda o: o("out", 2), lambda o: [o("out", 2)], lambda o: {"k": o("out", 2)}])
def test_one_output_has_no_name_in_front(outputs, options):
    model = functional(outputs)
    model.compile("sgd", "mse", **options)
    second = "weighted_mae" if "weighted_metrics" in options else "mae_1"
    found = model.evaluate(X, Y[0], sample_weight=WEIGHTS, verbose=0, return_dict=True)
    each = ERRORS["mae"](Y[0], X * 2)
    mean = (each * WEIGHTS).sum() / WEIGHTS.sum() if second == "weighted_mae" else each.mean()
    assert found["mae"] == pytest.approx(each.mean()) and found[second] == pytest.approx(mean)
    assert found["loss"] == pytest.approx((ERRORS["mse"](Y[0], X * 2) * WEIGHTS).mean())


def test_evaluate_goes_by_names_with_every_kind_of_data():
    model = functional(LIST[1])
    model.compile("sgd", {"alpha": "mae", "zeta": "mse"}, loss_weights={"alpha": 3.0})
    y = {"alpha": Y[1], "zeta": Y[0]}
    first, second = ERRORS["mse"](Y[0], X), ERRORS["mae"](Y[1], X * 2)
    expected = [first.mean() + 3 * second.mean(), first.mean(), second.mean()]
    assert model.evaluate(X, y, verbose=0, batch_size=2) == pytest.approx(expected)
    assert model.evaluate(iter([(X, y)]), verbose=0) == pytest.approx(expected)
    assert model.test_on_batch(X, y) == pytest.approx(expected)
    weighted = model.evaluate(X, Y, sample_weight={"alpha": WEIGHTS}, verbose=0)
    assert weighted[1:] == pytest.approx([first.mean(), (second * WEIGHTS).mean()])


# -- what is wrong says so


@pytest.mark.parametrize(
    ("options", "y", "sample_weight", "words"),
    [
        ({"loss": "mse"}, {"zeta": Y[0], "alpa": Y[1]}, None, "'alpa'.*Did you mean 'alpha'"),
        ({"loss": "mse"}, {"zeta": Y[0]}, None, "output 'alpha' needs targets"),
        ({"loss": "mse"}, {"zeta": Y[0], "alpha": Y[1], "more": Y[1]}, None, "'more'"),
        ({"loss": "mse"}, Y[0], None, "`y` has one value for 2 outputs .*'zeta', 'alpha'"),
        ({"loss": "mse"}, [*Y, *Y], None, "`y` has 4 values"),
        ({"loss": {"zetta": "mse"}}, Y, None, "`loss` names 'zetta'.*'zeta'"),
        ({"loss": ["mse"]}, Y, None, "`loss` has 1 value"),
        ({"loss": "mse", "loss_weights": [1.0, 2.0, 3.0]}, Y, None, "`loss_weights` has 3 values"),
        ({"loss": "mse", "metrics": {"beta": ["mae"]}}, Y, None, "`metrics` names 'beta'"),
        ({"loss": "mse", "metrics": ["mae"]}, Y, None, "`metrics` has 1 value"),
        ({"loss": "mse"}, Y, {"beta": WEIGHTS}, "`sample_weight` names 'beta'"),
        ({"loss": "mse"}, Y, [WEIGHTS], "`sample_weight` has 1 value"),
    ],
)
def test_a_wrong_name_or_number_is_told(options, y, sample_weight, words):
    model = functional(LIST[1])
    model.compile("sgd", **options)
    with pytest.raises(ValueError, match=f"(?s){words}"):
        model.evaluate(X, y, sample_weight=sample_weight, verbose=0)


@pytest.mark.parametrize("weights", [2.0, [2.0], {"out": 2.0}, np.float32(2.0), np.array([2.0]), (2,)])
def test_weights_of_one_loss(weights):
    model = functional(lambda o: o("out", 2))
    model.compile("sgd", "mse", loss_weights=weights)
    assert model.evaluate(X, Y[0], verbose=0) == pytest.approx(2 * ERRORS["mse"](Y[0], X * 2).mean())


# -- inputs


def difference(structure):
    """A model that subtracts the input 'second' from 'first', declared in a structure of both."""
    a, b = keras.Input((2,), name="first"), keras.Input((2,), name="second")
    return keras.Model(structure(a, b), layers.Subtract()([a, b]))


@pytest.mark.parametrize(
    ("structure", "inputs"),
    [
        (lambda a, b: [a, b], {"second": X, "first": 3 * X, "more": X}),
        (lambda a, b: {"IT": a, "IS": b}, [3 * X, X]),
        (lambda a, b: {"IT": a, "IS": b}, {"IS": X, "IT": 3 * X}),
        (lambda a, b: {"IT": a, "IS": b}, {"second": X, "first": 3 * X}),
        (lambda a, b: {"z": a, "a": [b]}, (3 * X, X)),
        (lambda a, b: [a, {"q": b}], [3 * X, {"q": X}]),
        (lambda a, b: [a, {"q": b}], {"second": X, "first": 3 * X}),
    ],
)
def test_inputs_go_by_names_and_lists_by_the_order_of_the_declaration(structure, inputs):
    model = difference(structure)
    np.testing.assert_allclose(ops.convert_to_numpy(model(inputs)), 2 * X)
    np.testing.assert_allclose(model.predict(inputs, verbose=0, batch_size=3), 2 * X)
    np.testing.assert_allclose(copy.deepcopy(model).predict(inputs, verbose=0), 2 * X)
    function = keras.Function(model.input, model.output)
    np.testing.assert_allclose(ops.convert_to_numpy(function(inputs)), 2 * X)


def test_wrong_inputs_name_what_is_there():
    model = difference(lambda a, b: {"first": a, "second": b})
    with pytest.raises(ShapeError, match="lacks the input 'second'.*Did you mean 'secnd'"):
        model({"first": X, "secnd": X})
    with pytest.raises(ShapeError, match="needs its input 'second'"):
        model([X, None])
    with pytest.raises(ShapeError, match="3 values for 2 inputs"):
        model([X, X, X])


def test_masks_go_to_their_inputs():
    a, b = keras.Input((2, 1), name="a"), keras.Input((2, 1), name="b")
    outputs = [layers.GlobalAveragePooling1D(name="one")(a), layers.GlobalAveragePooling1D(name="two")(b)]
    model = keras.Model({"z": a, "y": b}, outputs)
    x = np.array([[[1.0], [3.0]]], "float32")
    first, second = model({"y": x, "z": x}, mask={"z": np.array([[True, False]]), "y": None})
    assert float(first[0, 0]) == 1 and float(second[0, 0]) == 2


# -- what a compiled model shows


def test_what_callbacks_read_of_a_compiled_model():
    model = functional(LIST[1])
    assert model.loss is None
    model.compile("sgd", {"zeta": "mse", "alpha": "mae"}, metrics=[["mae"], ["mse"]])
    assert model.loss == {"zeta": "mse", "alpha": "mae"}
    model.evaluate(X, Y, verbose=0)
    assert [metric.name for metric in model.metrics] == ["loss", "compile_metrics", "zeta_loss", "alpha_loss"]
    model.compile("sgd")
    assert [metric.name for metric in model.metrics] == ["loss"]


def test_compiled_metrics_work_without_state():
    model = functional(LIST[1])
    model.compile("sgd", "mse", metrics=[["mae"], ["mae"]])
    model.evaluate(X, Y, verbose=0)
    compiled = model.metrics[1]
    values = compiled.stateless_update_state(compiled.stateless_reset_state(), Y, model(X))
    result = compiled.stateless_result(values)
    expected = {"zeta_mae": ERRORS["mae"](Y[0], X).mean(), "alpha_mae": ERRORS["mae"](Y[1], X * 2).mean()}
    assert {k: float(v) for k, v in result.items()} == pytest.approx(expected)


# -- what a step of the user's own gets


class Watching(keras.Model):
    """A model that notes the form of what its steps get."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.built = True

    def call(self, x):
        return x

    def note(self, *data):
        self.seen.append(form(data[-1]))
        return ({"loss": 0.0}, data[0]) if len(data) == 2 else {"loss": 0.0}

    train_step = test_step = note

    def predict_step(self, *data):
        self.note(*data)
        return X


def form(data):
    if isinstance(data, dict):
        return {key: form(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(form(value) for value in data)
    return None if data is None else len(data.shape)


class Batches(keras.utils.PyDataset):
    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.batch


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((X,), 2),
        (({"a": X},), {"a": 2}),
        (([X, X],), ([2, 2],)),
        ((X, WEIGHTS), (2, 1)),
        (({"a": X}, [WEIGHTS]), ({"a": 2}, [1])),
        ((Batches(X),), (2,)),
        ((Batches({"a": X}),), {"a": 2}),
        ((Batches((X, None, WEIGHTS)),), (2, None, 1)),
        ((Batches(({"a": X}, WEIGHTS, None)),), ({"a": 2}, 1, None)),
        ((Batches((X, X, X, WEIGHTS)),), (2, 2, 2, 1)),
    ],
)
def test_a_step_of_ones_own_gets_what_keras_hands_over(arguments, expected):
    model = Watching()
    model.compile(run_eagerly=True)
    model.evaluate(*arguments, verbose=0)
    model.predict(arguments[0], verbose=0)
    alone = arguments[0] if isinstance(arguments[0], Batches) else None
    assert model.seen[0] == expected
    assert model.seen[1] == (expected if alone is not None or len(arguments) == 1 else form(arguments[0]))
    if alone is None:
        model.test_on_batch(*arguments)
        assert model.seen[2] == tuple(form(part) for part in (*arguments, None, None)[:3])


# -- how many batches are drawn


class Counting(keras.utils.PyDataset):
    def __init__(self):
        super().__init__()
        self.asked = []

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.asked.append(index)
        return X[index : index + 1], X[index : index + 1] * 2


@pytest.mark.trains
@pytest.mark.parametrize("steps", [None, 4, 2, 1, 3])
def test_no_batch_is_drawn_for_nothing(steps):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    data, validation = Counting(), Counting()
    history = model.fit(
        data, steps_per_epoch=steps, initial_epoch=1, epochs=4, verbose=0, shuffle=steps is None,
        validation_data=validation, validation_steps=2,
    )  # fmt: skip
    assert len(data.asked) == 3 * (steps or 4) and len(history.history["loss"]) == 3
    assert validation.asked == [0, 1] * 3


@pytest.mark.trains
def test_class_weights_are_for_training_alone():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.0), {model.layers[-1].name: "mse"})
    y = np.array([0, 1, 0, 1], "float32")
    each, weight = (X.sum(-1) - y) ** 2, np.array([1, 5, 1, 5])
    history = model.fit(X, y[:, None], class_weight={1: 5.0}, validation_split=0.5, verbose=0, batch_size=2).history
    assert history["loss"] == pytest.approx([(each * weight)[:2].mean()])
    assert history["val_loss"] == pytest.approx([each[2:].mean()])


# -- targets that a loss can't take

CLASSES = np.array([0, 1, 2, 1])


@pytest.mark.parametrize(
    ("loss", "y", "words"),
    [
        ("sparse_categorical_crossentropy", np.array(["a", "b", "c", "a"]), "holds strings.*np.unique"),
        ("sparse_categorical_crossentropy", ["a", "b", "c", "a"], "holds strings"),
        ("sparse_categorical_crossentropy", CLASSES + 1, "classes from 0 to 2.*`y` has 3"),
        ("sparse_categorical_crossentropy", CLASSES - 1, "`y` has -1"),
        ("sparse_categorical_crossentropy", np.eye(3)[CLASSES], "use 'categorical_crossentropy'"),
        ("categorical_crossentropy", CLASSES, "use 'sparse_categorical_crossentropy'"),
        ("categorical_crossentropy", CLASSES[:, None], "use 'sparse_categorical_crossentropy'"),
        ("categorical_crossentropy", np.eye(4)[CLASSES], "4 columns and the model's outputs 3"),
    ],
)
def test_targets_of_another_kind_say_what_to_do(loss, y, words):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3, "softmax")])
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match=f"(?s){words}"):
        model.evaluate(X, y, verbose=0)


class InTwoBatches(keras.utils.PyDataset):
    def __init__(self, y):
        super().__init__()
        self.y = y

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[2 * index :][:2], self.y[2 * index :][:2]


@pytest.mark.parametrize("stream", [lambda y: (InTwoBatches(y)[i] for i in (0, 1)), InTwoBatches])
def test_batches_that_a_stream_yields_have_classes(stream):
    """Not only the first one; on JAX the loss would be nan."""
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert np.isfinite(model.evaluate(stream(CLASSES), verbose=0))
    with pytest.raises(DataError, match="classes from 0 to 2.*`y` has 3"):
        model.evaluate(stream(CLASSES + [0, 0, 0, 2]), verbose=0)


def test_targets_that_are_ignored_are_no_classes():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3, "softmax")])
    model.compile("sgd", losses.SparseCategoricalCrossentropy(ignore_class=-1))
    p = ops.convert_to_numpy(model(X))
    expected = -np.log(p[[0, 2], CLASSES[[0, 2]]]).sum() / 2
    assert model.evaluate(X, np.where([True, False, True, False], CLASSES, -1), verbose=0) == pytest.approx(
        expected, rel=1e-4
    )
    with pytest.raises(DataError, match="`y` has 3"):
        model.evaluate(X, np.array([0, -1, 3, 1]), verbose=0)


@pytest.mark.parametrize(
    ("metric", "y"), [("categorical_accuracy", CLASSES), ("sparse_categorical_accuracy", np.eye(3)[CLASSES])]
)
def test_a_metric_for_targets_of_another_kind(metric, y):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3, "softmax")])
    model.compile("sgd", metrics=[metric])
    with pytest.raises(ShapeError, match=f"The metric '{metric}'"):
        model.evaluate(X, y, verbose=0)


def test_an_optimizer_of_a_framework_is_told():
    class SGD:
        def step(self): ...

        def zero_grad(self): ...

    for optimizer in (SGD, SGD()):
        with pytest.raises(ConfigError, match=r"optimizers\.SGD\(learning_rate"):
            keras.Sequential([layers.Dense(1)]).compile(optimizer, "mse")
