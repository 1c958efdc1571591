"""Layers: paths, sharing, parts on one state, training fixed when built, freezing, errors."""

from __future__ import annotations

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DTypeError, GraphError, ShapeError
from irgraph.nn import Block, Dense, Dropout, Residual, Sequential
from irgraph.ops.random import counting_draws
from tests.marked_lines import marked_line

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def x(features: int = 4) -> ig.Value:
    return ig.input("x", ("batch", features))


def test_a_dense_layer_is_an_affine_map() -> None:
    f = ig.compile(Dense(3, "tanh", name="hidden")(x()))
    w, b = f.state["hidden.w"], f.state["hidden.b"]
    assert np.allclose(f(x=X), np.tanh(X @ w + b), atol=1e-6)
    assert b.tolist() == [0, 0, 0]
    assert w.std() > 0


def test_paths_come_from_owners_and_names() -> None:
    inner = Sequential([Dense(2), Dense(2, name="last")], name="encoder")
    model = Sequential([inner, Residual(Dense(2)), Block(lambda x, gate: x * gate(x), gate=Dense(2))])
    model(x())
    layers = [path.removesuffix(".w") for path in model.parameters if path.endswith(".w")]
    assert layers == ["encoder.0", "encoder.last", "1.0", "2.gate"]
    assert model.layers[0].path == "encoder"


def test_calling_twice_shares_weights_and_sums_gradients() -> None:
    layer = Dense(3, bias=False, name="shared")
    a, b = ig.input("a", ("batch", 4)), ig.input("b", ("batch", 4))
    total = (layer(a) + layer(b)).sum()
    gradient = ig.compile(ig.grad(total, layer.parameters["shared.w"]))
    expected = np.repeat((X + 2 * X).sum(0)[:, None], 3, axis=1)
    assert np.allclose(gradient(a=X, b=2 * X), expected, rtol=1e-5)


def test_parts_compile_on_the_same_state() -> None:
    model = Sequential([Dense(5, "relu"), Dense(2)], name="net")
    whole = ig.compile(model(x()), seed=3)
    features = ig.compile(model[:1](x()), state=whole.state)
    classifier = ig.compile(model[1:](ig.input("h", ("batch", 5))), state=whole.state)
    assert np.allclose(classifier(h=features(x=X)), whole(x=X), atol=1e-6)
    assert len(whole.state) == 4


def test_training_is_fixed_when_built_and_inherited() -> None:
    model = Sequential([Residual(Dropout(0.5))])
    assert np.array_equal(ig.compile(model(x()))(x=X), 2 * X)
    trained = ig.compile(model(x(), training=True))
    assert set(np.unique((trained(x=X) / X).round(3))) == {1.0, 3.0}


def test_a_dropout_layer_called_twice_draws_two_masks() -> None:
    drop = Dropout(0.5, name="drop")
    a, b = ig.compile([drop(ig.ones((100,)), training=True), drop(ig.ones((100,)), training=True)])()
    assert (a != b).any()


def test_a_graph_that_is_built_twice_draws_the_same_numbers() -> None:
    drop = Dropout(0.5, name="drop")

    def built() -> list[ig.Value]:
        with counting_draws():
            return [drop(ig.ones((100,)), training=True) for _ in range(2)]

    (a, b), (c, d) = (ig.compile(built(), seed=1)() for _ in range(2))
    assert (a == c).all()
    assert (b == d).all()
    assert (a != b).any()


def test_frozen_layers_are_left_alone_until_unfrozen() -> None:
    features, head = Dense(3, name="features"), Dense(1, name="head")

    def trained() -> list[str]:
        loss = ig.losses.squared_error(head(features(x())), ig.zeros(("batch", 1)))
        return [str(variable.label) for variable, _ in ig.optim.SGD(0.1).minimize(loss)]

    features.freeze()
    assert trained() == ["head.w", "head.b"]
    assert list(features.parameters) == ["features.w", "features.b"]
    features.unfreeze()
    assert trained() == ["features.w", "features.b", "head.w", "head.b"]


def test_parameters_take_the_dtype_of_the_input() -> None:
    layer = Dense(2)
    layer(ig.input("x", ("batch", 3), "float64"))
    assert [str(value.dtype) for value in layer.parameters.values()] == ["float64", "float64"]


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            lambda: Dense(unit=3),  # type: ignore[call-arg]
            DTypeError,
            r"argument 'unit' for Dense(?s:.*)'units'\?",
        ),
        (Dense, DTypeError, "missing a required argument: 'units'"),
        (lambda: Dense(0), ShapeError, "units=0; needed an integer of at least 1"),
        (lambda: Dense(3, "rlu"), DTypeError, r"activation 'rlu'(?s:.*)Did you mean 'relu'\?"),
        (lambda: Dense(3, name="a b"), GraphError, "layer name 'a b'"),
        (
            lambda: Sequential([Dense]),  # type: ignore[list-item]
            DTypeError,
            r"Write Dense\(…\)",
        ),
        (lambda: Dropout(1.0), ShapeError, "dropout rate of 1.0"),
        (
            lambda: Dense(3, input_dim=5)(x()),
            ShapeError,
            r"4 features(?s:.*)input_dim=5(?s:.*)layer 'dense'",
        ),
        (
            lambda: Sequential([Dense(3), Residual(Dense(2))])(x()),
            ShapeError,
            r"\(batch, 3\) to be added to \(batch, 2\)(?s:.*)In layer '1' \(Residual\).*from '0'",
        ),
        (
            lambda: ig.compile([Dense(3)(x()), Dense(3)(x())]),
            GraphError,
            "'x' used twice|'dense.w' used twice",
        ),
        (lambda: Dense(2)(ig.input("y", ("a", "b"))), ShapeError, "named dim b in the shape"),
    ],
)
def test_what_does_not_fit_is_named(build: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build()  # type: ignore[operator]


def test_a_layer_refuses_inputs_of_another_size_and_later_layers_after_its_call() -> None:
    model = Sequential([Dense(3)], name="net")
    model(x())
    with pytest.raises(ShapeError, match=r"'net.0.w' of shape \(7, 3\); needed one for \(4, 3\)"):
        model(x(7))
    with pytest.raises(GraphError, match="added to a model that was called"):
        model.add(Dense(2))


def test_a_model_that_was_called_is_summarized_as_it_was() -> None:
    model = Sequential([Dense(3), Dense(2)])
    with pytest.raises(GraphError, match="no input to summarize"):
        model.summary()
    model(x())
    assert str(model.summary(batch=5)) == str(model.summary((4,), batch=5))


def layer_made_on_a_line() -> Dense:
    return Dense(3, "relu")  # here


def test_nodes_of_a_layer_in_a_model_come_from_the_line_that_made_it() -> None:
    layer = layer_made_on_a_line()
    line, _ = marked_line(layer_made_on_a_line)
    graph = ig.Graph([Sequential([layer])(x())])
    assert {node.origin.line for node in graph.nodes if node.op.name != "input"} == {line}


def test_nodes_of_a_layer_that_is_called_come_from_the_call() -> None:
    layer = layer_made_on_a_line()
    y = layer(x())
    assert y.node.origin.line > marked_line(layer_made_on_a_line)[0]
    assert "layer(x())" in y.node.origin.source
