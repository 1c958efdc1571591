"""Training steps of every layer as ONNX models: ten steps in ONNX Runtime are those of NumPy.

A layer is tested by its line in `EXAMPLES`; each public layer has one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph import nn
from irgraph.onnx import replay, save

STEPS = 10
CLASSES = 3
DATA = np.random.default_rng(1).normal(size=(9, 5))


@dataclass(frozen=True)
class Example:
    """A layer, the shape of one example, and the number of ids where its input is ids and not floats."""

    layer: Callable[[], nn.Layer]
    shape: tuple[int | str, ...]
    ids: int = 0


EXAMPLES: dict[str, Example] = {
    "Activation": Example(lambda: nn.Activation("gelu"), (5,)),
    "AveragePool1D": Example(lambda: nn.AveragePool1D(3, 2, 1, count_include_pad=False), (2, 9)),
    "AveragePool2D": Example(lambda: nn.AveragePool2D(2), (2, 6, 6)),
    "Bidirectional": Example(lambda: nn.Bidirectional(nn.SimpleRNN(3)), ("time", 4)),
    "BatchNorm": Example(nn.BatchNorm, (5,)),
    "BatchNorm of images": Example(lambda: nn.BatchNorm(0.5), (3, 4, 4)),
    "BatchNorm, frozen": Example(lambda: nn.BatchNorm().freeze(), (5,)),
    "Block": Example(
        lambda: nn.Block(lambda x, a, b: a(x) * b(x), a=nn.Dense(4), b=nn.Dense(4, "sigmoid")), (5,)
    ),
    "Conv1D": Example(lambda: nn.Conv1D(4, 3, padding="same", dilation=2), (2, 9)),
    "Conv1DTranspose": Example(lambda: nn.Conv1DTranspose(2, 4, 2, 1), (3, 5)),
    "Conv2D": Example(lambda: nn.Conv2D(4, 3, 2, 1, activation="relu"), (2, 7, 6)),
    "Conv2D in groups": Example(lambda: nn.Conv2D(4, (3, 2), groups=2), (2, 5, 5)),
    "Conv2DTranspose": Example(lambda: nn.Conv2DTranspose(2, 3, 2, 1, output_padding=1), (3, 4, 3)),
    "Conv3D": Example(lambda: nn.Conv3D(2, 2), (1, 4, 3, 4)),
    "Dense": Example(lambda: nn.Dense(4, "tanh"), (5,)),
    "Dropout": Example(lambda: nn.Dropout(0.4), (5,)),
    "Embedding": Example(lambda: nn.Embedding(7, 4), (3,), 7),
    "FeatureMap": Example(lambda: nn.FeatureMap(ig.sin, nn.Dense(2)), (5,)),
    "Flatten": Example(nn.Flatten, (2, 3)),
    "GRU": Example(lambda: nn.GRU(3), ("time", 4)),
    "GRU, reversed sequences": Example(
        lambda: nn.Sequential([nn.GRU(3, return_sequences=True, reverse=True), nn.LSTM(2)]), ("time", 4)
    ),
    "GlobalAveragePool": Example(nn.GlobalAveragePool, (4, 3, 5)),
    "GlobalMaxPool": Example(nn.GlobalMaxPool, (4, 3, 5)),
    "GroupNorm": Example(lambda: nn.GroupNorm(2), (4, 3, 2)),
    "KernelFeatures": Example(lambda: nn.KernelFeatures(DATA), (5,)),
    "LSTM": Example(lambda: nn.LSTM(3), ("time", 4)),
    "LayerNorm": Example(nn.LayerNorm, (5,)),
    "LocallyConnected1D": Example(lambda: nn.LocallyConnected1D(3, 3, 2, "same"), (2, 8)),
    "LocallyConnected2D": Example(lambda: nn.LocallyConnected2D(2, 3), (2, 5, 4)),
    "MaxPool1D": Example(lambda: nn.MaxPool1D(3, 2, 1), (2, 9)),
    "MaxPool2D": Example(lambda: nn.MaxPool2D(2), (2, 6, 6)),
    "MultiHeadAttention": Example(lambda: nn.MultiHeadAttention(2), (5, 4)),
    "MultiHeadAttention, causal": Example(
        lambda: nn.MultiHeadAttention(2, causal=True, dropout=0.2), ("time", 4)
    ),
    "PositionalEncoding": Example(nn.PositionalEncoding, ("time", 4)),
    "PolynomialFeatures": Example(lambda: nn.PolynomialFeatures(2), (3,)),
    "QuantileNormalize": Example(lambda: nn.QuantileNormalize(8).fit(DATA), (5,)),
    "RBFFeatures": Example(lambda: nn.RBFFeatures(4).fit(DATA), (5,)),
    "RMSNorm": Example(nn.RMSNorm, (5,)),
    "Reshape": Example(lambda: nn.Reshape((2, 3)), (6,)),
    "Residual": Example(lambda: nn.Residual(nn.Dense(5, "relu"), nn.Dropout(0.2), nn.Dense(5)), (5,)),
    "SimpleRNN": Example(lambda: nn.SimpleRNN(3, "relu", return_sequences=True), ("time", 4)),
    "Sequential": Example(lambda: nn.Sequential([nn.Dense(5, "relu"), nn.BatchNorm(), nn.Dense(2)]), (5,)),
    "Standardize": Example(lambda: nn.Standardize().fit(DATA), (5,)),
    "TransformerBlock": Example(lambda: nn.TransformerBlock(4, 2, causal=True, dropout=0.1), ("time", 4)),
}

NOT_EXPORTED: dict[str, str] = {
    "Recurrent": "the base of the recurrent layers",
    "Layer": "the base of all, without a forward of its own",
}
"""Layers without a step in ONNX, and why."""

OPTIMIZERS: dict[str, Callable[[], ig.optim.Optimizer]] = {
    "momentum": lambda: ig.optim.SGD(0.05, momentum=0.9),
    "Adam": lambda: ig.optim.Adam(1e-2, epsilon=1e-3),  # so that a gradient of rounding errors moves nothing
}


def test_every_layer_has_an_example() -> None:
    layers = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    assert layers <= {name.partition(" ")[0].rstrip(",") for name in EXAMPLES} | NOT_EXPORTED.keys()


@pytest.mark.parametrize(("batch", "optimizer"), [(4, "momentum"), ("batch", "Adam")])
@pytest.mark.parametrize("name", EXAMPLES)
def test_ten_steps_are_those_of_numpy(name: str, batch: int | str, optimizer: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    step = training_step(example, batch, OPTIMIZERS[optimizer]())
    save(step, tmp_path / "step.onnx")
    run = replay(tmp_path / "step.onnx")
    random = np.random.default_rng(0)
    for number in range(STEPS):
        feeds = fed(example, random, 4 if batch == 4 or number % 2 else 7, 3 + number % 3)
        expected, found = step(**feeds), run(**feeds)["loss"]
        assert abs(found - expected["loss"]) <= 1e-5
    assert run.state
    for key, array in run.state.items():
        np.testing.assert_allclose(array, step.state[key], rtol=0, atol=1e-5, err_msg=key)


def training_step(example: Example, batch: int | str, optimizer: ig.optim.Optimizer) -> ig.Function:
    """The layer with classes on top of it, and a step that trains both."""
    x = ig.input("x", (batch, *example.shape), "int64" if example.ids else "float32")
    label = ig.input("label", (batch,), "int64")
    head = nn.Dense(CLASSES, name="head")
    y = example.layer()(x, training=True)
    if "time" in example.shape:
        y = y.mean(1)
    loss = ig.losses.softmax_cross_entropy(head(nn.Flatten()(y)), label)
    return ig.compile({"loss": loss}, updates=optimizer.minimize(loss), seed=3)


def fed(example: Example, random: np.random.Generator, batch: int, time: int) -> dict[str, Any]:
    """A batch of the example's shape."""
    shape = (batch, *(time if size == "time" else int(size) for size in example.shape))
    x = random.integers(0, example.ids, shape) if example.ids else random.normal(size=shape).astype("float32")
    return {"x": x, "label": random.integers(0, CLASSES, batch)}
