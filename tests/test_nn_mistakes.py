"""What layers, optimizers and losses say to the slips of newcomers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph import nn
from irgraph.errors import DTypeError, GraphError, IrgraphError, ShapeError

LAYER: Any = nn.Layer
YES: Any = "yes"
SQUARED: Any = ig.losses.squared_error


def x(*shape: Any, dtype: str = "float32", name: str = "x") -> ig.Value:
    return ig.input(name, shape or ("batch", 8), dtype)


class Nothing(LAYER):  # type: ignore[misc]
    def forward(self, x: ig.Value) -> None:
        return None


class Unfinished(LAYER):  # type: ignore[misc]
    def call(self, x: ig.Value) -> ig.Value:
        return x


def frozen_and_not() -> Any:
    layer = nn.Dense(3, name="head")
    value = x()
    one = layer(value)
    return ig.compile(one + layer.freeze()(value))


def two_floats() -> Any:
    layer = nn.Dense(3)
    layer(x())
    return layer(x("batch", 8, dtype="float64", name="y"))


MISTAKES: dict[str, tuple[Callable[[], Any], type[IrgraphError], str]] = {
    "list": (lambda: nn.Dense(3)([x(), x()]), DTypeError, "Dense on a list of 2; needed a graph value"),
    "examples as features": (
        lambda: nn.Dense(3)(x("batch")),
        ShapeError,
        r"shape \(batch,\); needed a last axis of features(?s:.*)x\[:, None\]",
    ),
    "no return": (lambda: Nothing("n")(x()), GraphError, "None, which Nothing returned(?s:.*)lack a return"),
    "a number": (lambda: nn.Dense(3, lambda y: 3.0)(x()), GraphError, "3.0, which Dense returned"),  # type: ignore[arg-type,return-value]
    "no return within": (
        lambda: nn.Sequential([nn.Dense(3), lambda y: None, nn.Dense(3)])(x()),  # type: ignore[list-item,return-value]
        GraphError,
        "None, which <lambda> returned(?s:.*)In a Sequential without a name",
    ),
    "no forward": (lambda: Unfinished("u"), DTypeError, "the layer Unfinished without forward"),
    "mode": (
        lambda: nn.Dense(3)(x(), training=YES),
        DTypeError,
        "training='yes'; needed True, False or None",
    ),
    "mode of the graph": (
        lambda: nn.Dropout(0.5)(x(), training=x(name="t")),  # type: ignore[arg-type]
        DTypeError,
        "fixed when the graph is built",
    ),
    "name": (lambda: nn.Dense(3, name=3), GraphError, "the layer name 3; needed a non-empty string"),  # type: ignore[arg-type]
    "part": (lambda: nn.Sequential([nn.Dense(3)])["a"], DTypeError, "'a' as an index of a model"),  # type: ignore[call-overload]
    "integers": (
        lambda: nn.Dense(3)(x("batch", 8, dtype="uint8")),
        DTypeError,
        r'Cast x, e.g. with irgraph.cast\(value, "float32"\)',
    ),
    "two floats": (
        two_floats,
        DTypeError,
        r'Cast y, e.g. with irgraph.cast\(value, "float32"\)',
    ),
    "frozen and not": (frozen_and_not, GraphError, "One is trained and the other is not: freeze or unfreeze"),
    "lr": (lambda: ig.optim.Adam(lr=1e-3), DTypeError, "'lr' for Adam(?s:.*)Did you mean 'learning_rate'"),  # type: ignore[call-arg]
    "kernel_initializer": (lambda: nn.Dense(3, kernel_initializer="zeros"), DTypeError, "mean 'weight_init'"),  # type: ignore[call-arg]
    "epoch": (
        lambda: ig.Trainer(nn.Dense(3), "huber", ig.optim.Adam()).fit(np.ones((4, 2)), epoch=3),  # type: ignore[call-arg]
        DTypeError,
        "'epoch' for Trainer.fit(?s:.*)Did you mean 'epochs'",
    ),
    "validation_data": (
        lambda: ig.Trainer(nn.Dense(3), "huber", ig.optim.Adam()).fit(1, validation_data=3),  # type: ignore[call-arg]
        DTypeError,
        "Did you mean 'validation'",
    ),
    "too many": (
        lambda: SQUARED(x(), x(), "mean"),
        DTypeError,
        "squared_error called with too many",
    ),
    "numpy": (lambda: np.mean(x()), DTypeError, "in numpy.mean; needed(?s:.*)e.g. irgraph.mean"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str) -> None:
    call, error, message = MISTAKES[name]
    with pytest.raises(error, match=message) as caught:
        call()
    assert "test_nn_mistakes.py" in str(caught.value)


def test_what_numpy_asks_of_a_value_without_its_elements() -> None:
    assert np.ndim(x()) == 2
    assert np.shape(x(3, 4)) == (3, 4)


def test_layers_are_pickled() -> None:
    model = nn.Sequential([nn.Dense(3, "relu"), nn.BatchNorm(), nn.Dropout(0.5), nn.Dense(2)], name="net")
    value = x()
    before = ig.compile(model(value), seed=0)
    again = pickle.loads(pickle.dumps(model))
    assert list(again.parameters) == list(model.parameters)
    after = ig.compile(again(x()), state=before.state)
    batch = np.ones((2, 8), "float32")
    assert (after(x=batch) == before(x=batch)).all()
