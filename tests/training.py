"""Problems and models that the tests of training share."""

from __future__ import annotations

from typing import Any

import numpy as np

import irgraph as ig

Array = np.ndarray[Any, Any]
N, WIDTH, CLASSES = 203, 8, 3


def examples(seed: int = 0) -> tuple[Array, Array]:
    """Examples (203, 8), float32, and labels that a small network learns."""
    x = np.random.default_rng(seed).normal(size=(N, WIDTH)).astype("float32")
    return x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)


def network(x: ig.Value, training: bool = False) -> ig.Value:
    """A hidden layer of 16 with dropout, three classes."""
    hidden = ig.relu(
        x @ ig.parameter("h.w", (WIDTH, 16), init=ig.init.he_normal()) + ig.parameter("h.b", (16,))
    )
    if training:
        hidden = ig.dropout(hidden, 0.2, name="drop")
    return hidden @ ig.parameter("o.w", (16, CLASSES), init=ig.init.glorot_uniform())


def linear(x: ig.Value) -> ig.Value:
    """A straight line or plane through a bias."""
    w = ig.parameter("w", (x.shape[1],) if isinstance(x.shape[1], int) else (1,))
    return x @ w + ig.parameter("b", ())


def trainer(**options: Any) -> ig.Trainer:
    """A classifier with Adam, metrics included."""
    chosen: dict[str, Any] = {"optimizer": ig.optim.Adam(0.01), "metrics": ["accuracy"], "seed": 0} | options
    return ig.Trainer(network, "softmax_cross_entropy", **chosen)


def same_state(one: ig.State, two: ig.State) -> bool:
    """Whether two states are equal bit for bit."""
    return list(one) == list(two) and all(one[name].tobytes() == two[name].tobytes() for name in one)


def fit(one: ig.Trainer, *data: Any, **options: Any) -> ig.train.History:
    """Train on the examples, or on other data, without a word."""
    return one.fit(*(data or examples()), **{"progress": False} | options)


def cut(order: Array, size: int) -> list[Array]:
    """Rows in batches."""
    return [order[start : start + size] for start in range(0, len(order), size)]
