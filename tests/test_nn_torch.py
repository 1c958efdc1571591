"""Layers against PyTorch: results and gradients in float64, from tests/data/layers/torch.json."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph import nn

Array = np.ndarray[Any, Any]
Case = dict[str, Any]
CASES: dict[str, Case] = json.loads((Path(__file__).parent / "data/layers/torch.json").read_text())["cases"]


def wave(shape: tuple[int, ...], number: int) -> Array:
    """The numbers of tests/data/layers/make.py."""
    return np.asarray(np.cos(1.7 * (np.arange(math.prod(shape)) + 1) * (1 + number / 7)).reshape(shape))


class FromState(nn.Layer):
    """A recurrent layer's last state, from a state that is an input too."""

    anonymous = True

    def __init__(self, layer: nn.Recurrent) -> None:
        super().__init__()
        self.cell = layer

    def forward(self, x: ig.Value, *state: ig.Value) -> ig.Value:
        last = self.cell(x, initial_state=state)[1]
        found: ig.Value = last[-1] if isinstance(last, tuple) else last
        return found


LAYERS: dict[str, Callable[[], nn.Layer]] = {
    "conv1d": lambda: nn.Conv1D(4, 3, padding="same", dilation=2, activation="tanh"),
    "conv2d": lambda: nn.Conv2D(6, (3, 2), (2, 1), 1, groups=2),
    "conv2d_same": lambda: nn.Conv2D(3, (4, 3), padding="same", bias=False),
    "conv3d": lambda: nn.Conv3D(3, 2),
    "conv1d_transpose": lambda: nn.Conv1DTranspose(2, 4, 3, 1, output_padding=2),
    "conv2d_transpose": lambda: nn.Conv2DTranspose(6, 3, 2, 1, output_padding=1, groups=2),
    "locally_connected1d": lambda: nn.LocallyConnected1D(2, 4, 2),
    "locally_connected2d": lambda: nn.LocallyConnected2D(2, 3, padding="same", activation="relu"),
    "max_pool1d": lambda: nn.MaxPool1D(3, 2, 1),
    "max_pool2d": lambda: nn.MaxPool2D((3, 2), ceil_mode=True),
    "average_pool1d": lambda: nn.AveragePool1D(3, 2, 1, count_include_pad=False),
    "average_pool2d": lambda: nn.AveragePool2D(3, 2, 1),
    "global_max_pool": nn.GlobalMaxPool,
    "global_average_pool": nn.GlobalAveragePool,
    "batch_norm": nn.BatchNorm,
    "batch_norm_inference": lambda: nn.BatchNorm(epsilon=1e-3).freeze(),
    "layer_norm": nn.LayerNorm,
    "layer_norm_two_axes": lambda: nn.LayerNorm(-2, 1e-3, bias=False),
    "rms_norm": nn.RMSNorm,
    "group_norm": lambda: nn.GroupNorm(3),
    "embedding": lambda: nn.Embedding(5, 4, dtype="float64"),
    "positional_encoding": lambda: nn.PositionalEncoding(100),
    "simple_rnn": lambda: nn.SimpleRNN(4, return_sequences=True),
    "simple_rnn_from_state": lambda: FromState(nn.SimpleRNN(4, "relu", return_state=True)),
    "lstm": lambda: nn.LSTM(4, return_sequences=True),
    "lstm_reversed": lambda: nn.LSTM(4, return_sequences=True, reverse=True),
    "lstm_from_state": lambda: FromState(nn.LSTM(4, return_state=True)),
    "gru": lambda: nn.GRU(4, return_sequences=True),
    "gru_from_state": lambda: FromState(nn.GRU(4, return_state=True)),
    "attention_causal": lambda: nn.MultiHeadAttention(2, causal=True),
    "attention_masked": lambda: nn.MultiHeadAttention(2),
    "transformer_block": lambda: nn.TransformerBlock(8, 2, hidden=12),
}

MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 0]], bool)[:, None, None]


def test_every_stored_case_has_a_layer() -> None:
    assert LAYERS.keys() == CASES.keys()


@pytest.mark.parametrize("batch", [None, "batch"], ids=["numbers", "named"])
@pytest.mark.parametrize("name", CASES)
def test_results_and_gradients_are_those_of_torch(name: str, batch: str | None) -> None:
    case, layer = CASES[name], LAYERS[name]()
    feeds = fed(case)
    dtypes = [each.dtype.name for each in feeds.values()]
    inputs = [
        ig.input(key, (batch or len(each), *each.shape[1:]), dtype)
        for (key, each), dtype in zip(feeds.items(), dtypes, strict=True)
    ]
    options = {}
    if name == "attention_masked":
        options["mask"] = ig.input("mask", (batch or 2, 1, 1, 4), "bool")
        feeds["mask"] = MASK
    y = layer(*inputs, training=True, **options)
    cotangent = ig.input("cotangent", y.shape, "float64")
    weights = {path.partition(".")[2]: path for path in layer.parameters}
    wanted = [each for each in inputs if each.dtype.is_float]
    every = {"input": wanted, "weights": [layer.parameters[path] for path in weights.values()]}
    step = ig.compile({"y": y, "d": ig.vjp(y, every["input"] + every["weights"], cotangent)})
    expected = array(case["output"])
    states = {path.partition(".")[2]: path for path in layer.states}
    if name == "batch_norm_inference":
        step.state[states["mean"]], step.state[states["variance"]] = wave((3,), 8), wave((3,), 9) ** 2 + 0.5
    for number, (key, shape) in enumerate(case["weights"].items(), 2):
        step.state[weights[key]] = wave(tuple(shape), number)
    found = step(**feeds, cotangent=wave(expected.shape, 11))
    np.testing.assert_allclose(found["y"], expected, atol=1e-10)
    names = [f"input{n}" for n in range(len(wanted))] + list(weights)
    assert set(names) == case["gradients"].keys()
    for key, gradient in zip(names, found["d"], strict=True):
        np.testing.assert_allclose(gradient, array(case["gradients"][key]), atol=1e-10, err_msg=key)


def fed(case: Case) -> dict[str, Array]:
    """The inputs of a case: ids, or waves."""
    if case["ids"]:
        return {"ids": np.array(case["ids"])}
    return {f"input{n}": wave(tuple(shape), n) for n, shape in enumerate(case["inputs"])}


def array(stored: Case) -> Array:
    """A stored array."""
    return np.array(stored["values"]).reshape(stored["shape"])
