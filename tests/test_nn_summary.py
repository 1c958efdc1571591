"""Summaries of models: published parameter counts, shared and frozen layers, rows that add up."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

import irgraph as ig
from irgraph import nn
from irgraph.dims import bind
from irgraph.errors import DTypeError, FeedError, GraphError, ShapeError


def lenet() -> nn.Sequential:
    """LeNet-5 (LeCun et al., 1998) with full connections between all maps, as it is mostly built."""
    layers = [
        nn.Conv2D(6, 5, padding="same", activation="tanh", input_shape=(1, 28, 28)),
        nn.AveragePool2D(),
        nn.Conv2D(16, 5, activation="tanh"),
        nn.AveragePool2D(),
        nn.Flatten(),
        nn.Dense(120, "tanh"),
        nn.Dense(84, "tanh"),
        nn.Dense(10),
    ]
    return nn.Sequential(layers, name="lenet")


def test_lenet_has_61706_parameters() -> None:
    found = lenet().summary(batch=1)
    assert found.parameters == found.trained == 61_706
    assert [row.parameters for row in found.rows] == [156, 0, 2416, 0, 0, 48_120, 10_164, 850]
    assert [row.path for row in found.rows] == [f"lenet.{n}" for n in range(8)]
    assert "float32[1, 6, 28, 28]" in str(found)
    assert "lenet.2  Conv2D         float32[1, 16, 10, 10]       2,416" in str(found)
    dense = 2 * (400 * 120 + 120 * 84 + 84 * 10) + 2 * (120 + 84) + 10  # products, biases, tanh
    assert sum(bind(row.flops, {"batch": 1}) for row in found.rows[5:]) == dense


def test_a_perceptron_has_101770_parameters() -> None:
    model = nn.Sequential()
    model.add(nn.Dense(128, "relu", input_dim=784))
    model.add(nn.Dense(10))
    found = model.summary()
    assert (found.parameters, found.frozen, found.other) == (101_770, 0, 0)
    assert str(found.rows[0].flops) == "200960*batch"
    assert model.summary((784,)).rows == found.rows == model.summary(784).rows


MODELS = {
    "lenet": (lenet, (1, 28, 28)),
    "residual": (lambda: nn.Residual(nn.Dense(5, "relu"), nn.Dropout(0.2), nn.Dense(5)), (5,)),
    "block": (lambda: nn.Block(lambda x, a: a(x) * a(a(x)), a=nn.Dense(4)), (4,)),
    "transformer": (
        lambda: nn.Sequential([nn.PositionalEncoding(), nn.TransformerBlock(8, 2, dropout=0.1)]),
        ("time", 8),
    ),
    "norms": (lambda: nn.Sequential([nn.BatchNorm(), lambda x: x * 2 + 1, nn.LayerNorm()]), (6, 2)),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_rows_add_up_to_the_graph(name: str, training: bool) -> None:
    make, shape = MODELS[name]
    model, sizes = make(), {"batch": 3, "time": 7}
    found = model.summary(shape, training=training)
    y = model(ig.input("x", ("batch", *shape)), training=training)
    cost = ig.Graph([y]).cost()
    for mine, whole in ((found.cost.flops, cost.flops), (found.cost.nbytes, cost.nbytes)):
        assert bind(mine, sizes) == bind(whole, sizes)
    assert found.parameters == sum(bind(value.type.size, {}) for value in model.parameters.values())
    for depth in (0, 1, 2):
        merged = model.summary(shape, training=training, depth=depth)
        assert bind(merged.cost.nbytes, sizes) == bind(cost.nbytes, sizes)
        assert sum(row.parameters for row in merged.rows) == found.parameters
    assert len(model.summary(shape, depth=0).rows) == 1


def test_a_shared_layer_counts_once() -> None:
    encoder = nn.Sequential([nn.Dense(4, "relu"), nn.Dense(4)], name="encoder")
    siamese = nn.Block(lambda a, b, encoder: encoder(a) - encoder(b), encoder=encoder)
    found = siamese.summary(4, (4,), batch=2)
    assert [(row.path, row.parameters) for row in found.rows] == [
        ("encoder.0", 20),
        ("encoder.1", 20),
        ("encoder.0", 0),
        ("encoder.1", 0),
        ("", 0),
    ]
    assert found.parameters == 40
    assert bind(found.rows[0].flops, {"batch": 2}) == bind(found.rows[2].flops, {"batch": 2}) == 80


def test_frozen_numbers_and_other_state_are_told_apart() -> None:
    model = nn.Sequential([nn.Dense(3), nn.BatchNorm(), nn.Dropout(0.5), nn.Dense(2)])
    model.layers[0].freeze()
    found = model.summary(4, training=True)
    assert (found.trained, found.frozen, found.other) == (6 + 8, 15, 6 + 2)
    assert "14 trained, 15 frozen, 8 other numbers of state" in str(found)


def test_looking_at_a_model_changes_nothing() -> None:
    def run(look: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        model = nn.Sequential([nn.Dense(4), nn.Dropout(0.5)])
        if look:
            model.summary(3, training=True)
            assert not model.parameters
            model.add(nn.Dropout(0.5))
        else:
            model.add(nn.Dropout(0.5))
        x = ig.input("x", ("batch", 3))
        y = model(x, training=True)
        if look:
            model.summary(x, training=True)
        z = model(x, training=True)
        result: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
        result = ig.compile(y + z, seed=1)(x=np.ones((5, 3), "float32"))
        return result

    np.testing.assert_array_equal(run(True), run(False))


def test_ids_and_named_times_come_as_values() -> None:
    model = nn.Sequential([nn.Embedding(50, 8), nn.MultiHeadAttention(2, causal=True)])
    found = model.summary(ig.input("ids", ("batch", "time"), "int64"), batch=2, time=5)
    assert [row.parameters for row in found.rows] == [400, 4 * 72]
    assert "float32[2, 5, 8]" in str(found)


def test_it_shows_as_text_html_and_rich() -> None:
    found = lenet().summary(batch=2)
    assert "<td" in found._repr_html_()
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(found)
    assert "61,706" in console.export_text()


@pytest.mark.parametrize(
    ("look", "error", "message"),
    [
        (
            lambda: nn.Dense(3).summary(),
            GraphError,
            r"no input to summarize(?s:.*)model.summary\(\(28, 28\)\)",
        ),
        (lambda: nn.Dense(3).summary("x"), DTypeError, "'x' to summarize"),
        (lambda: nn.Dense(3).summary(4, bach=2), FeedError, "size for 'bach'; needed one of .*: batch"),
        (lambda: nn.Dense(3).summary(4, depth=-1), GraphError, "depth=-1"),
        (lambda: lenet().summary((1, 4, 4)), ShapeError, r"input_shape=\(1, 28, 28\)(?s:.*)lenet.0"),
        (lambda: nn.Conv2D(3, 5).summary((1, 4, 4)), ShapeError, "window of 5 on an axis of 4"),
    ],
)
def test_what_does_not_fit_is_named(look: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        look()  # type: ignore[operator]
