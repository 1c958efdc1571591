"""A convolutional training step as an ONNX model, and how small it is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.onnx import replay, to_model
from irgraph.onnx.preparing import prepared, without_broadcasts
from irgraph.onnx.saving import check_model
from irgraph.ops.shape import BroadcastTo


def normalized(x: ig.Value, name: str) -> ig.Value:
    """Batch normalization, with running statistics that travel with the value."""
    channels = x.shape[1]
    assert isinstance(channels, int)
    scale, bias = (
        ig.parameter(f"{name}.scale", (channels,), init=1.0),
        ig.parameter(f"{name}.bias", (channels,)),
    )
    mean, variance = (
        ig.state(f"{name}.mean", (channels,)),
        ig.state(f"{name}.variance", (channels,), init=1.0),
    )
    return ig.batch_norm(x, scale, bias, mean, variance, training=True)


def network() -> dict[str, ig.Value]:
    """Two convolutions with normalization and dropout, for 8 by 8 images of 3 colors."""
    x, label = ig.input("x", ("batch", 3, 8, 8)), ig.input("label", ("batch",), "int64")
    w0 = ig.parameter("conv0.w", (8, 3, 3, 3), init=ig.init.he_normal())
    w1 = ig.parameter("conv1.w", (12, 8, 3, 3), init=ig.init.he_normal())
    hidden = ig.relu(normalized(ig.conv(x, w0, padding=1), "norm0"))
    hidden = ig.relu(normalized(ig.conv(hidden, w1, padding=1, stride=2), "norm1"))
    hidden = ig.dropout(ig.max_pool(hidden, 2), 0.2, name="drop").mean((2, 3))
    out = ig.parameter("out.w", (12, 5), init=ig.init.glorot_uniform())
    logits = hidden @ out + ig.parameter("out.b", (5,))
    return {"loss": ig.losses.softmax_cross_entropy(logits, label), "logits": logits}


OPTIMIZERS = [ig.optim.SGD(0.1), ig.optim.SGD(0.05, momentum=0.9), ig.optim.Adam(3e-3)]


@pytest.mark.parametrize("batch", [4, 9])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["SGD", "momentum", "Adam"])
def test_twenty_steps_are_those_of_numpy(optimizer: ig.optim.Optimizer, batch: int) -> None:
    outputs = network()
    step = ig.compile(outputs, updates=optimizer.minimize(outputs["loss"]), seed=1)
    model = to_model(step)
    check_model(model)
    run = replay(model)
    random = np.random.default_rng(0)
    for _ in range(20):
        label = random.integers(0, 5, batch)
        x = random.normal(size=(batch, 3, 8, 8)) + label[:, None, None, None]
        fed: dict[str, Any] = {"x": x.astype("float32"), "label": label}
        expected, found = step(**fed), run(**fed)
        for name in outputs:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-5, err_msg=name)
    for name, array in run.state.items():
        np.testing.assert_allclose(array, step.state[name], rtol=1e-5, atol=1e-5, err_msg=name)


def test_elementwise_ops_read_what_was_repeated() -> None:
    x, row = ig.input("x", ("n", 3)), ig.input("row", (3,))
    wide = ig.broadcast_to(row, x.shape)
    graph = without_broadcasts(ig.Graph({"y": x * wide, "z": wide + wide, "u": ig.where(x > 0, wide, x)}))
    left = [node for node in graph.nodes if isinstance(node.op, BroadcastTo)]
    assert len(left) == 1  # of z, where nothing else says the shape; one of both sides is enough
    assert [value.shape for value in graph.outputs] == [x.shape] * 3
    fed = {"x": np.arange(-3.0, 3.0).reshape(2, 3), "row": np.array([1.0, 2.0, 3.0])}
    found = ig.compile(dict(zip(graph.output_names, graph.outputs, strict=True)))(**fed)
    np.testing.assert_array_equal(found["y"], fed["x"] * fed["row"])
    np.testing.assert_array_equal(found["z"], np.broadcast_to(2 * fed["row"], (2, 3)))
    np.testing.assert_array_equal(found["u"], np.where(fed["x"] > 0, fed["row"], fed["x"]))


def test_a_step_repeats_nothing_for_elementwise_ops_and_computes_nothing_twice() -> None:
    outputs = network()
    graph = ig.Graph(outputs, OPTIMIZERS[0].minimize(outputs["loss"]))
    small = prepared(graph)
    assert not [
        node
        for node in small.nodes
        if node.op.elementwise and len(node.inputs) > 1
        for value in node.inputs
        if isinstance(value.node.op, BroadcastTo)
    ]
    calls = [(node.op, node.inputs) for node in small.nodes if not node.op.source]
    assert len(set(calls)) == len(calls)
    assert len(small.nodes) < len(graph.nodes)
    constants = [t for t in to_model(ig.compile(outputs)).graph.initializer if t.name.startswith("constant")]
    assert len({(t.data_type, tuple(t.dims), t.raw_data) for t in constants}) == len(constants)
