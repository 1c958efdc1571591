"""Every loss and penalty in a training step: exported, and the same in ONNX Runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph import losses

REFERENCE = json.loads((Path(__file__).parent / "data" / "losses" / "reference.json").read_text())["cases"]


def head(name: str, y: ig.Value) -> ig.Value:
    """What a loss is given, from a dense layer's outputs."""
    if name in ("cross_entropy", "kl_divergence"):
        return ig.softmax(y)
    if name == "negative_log_likelihood":
        return ig.log_softmax(y)
    return ig.sigmoid(y) if name == "binary_cross_entropy" else y


def penalized(name: str, y: ig.Value, t: ig.Value, w: ig.Value, b: ig.Value) -> ig.Value:
    if name in ("l1", "l2"):
        penalty = losses.l1 if name == "l1" else losses.l2
        return losses.squared_error(y, t) + penalty([w, b], 0.01)
    return losses.squared_error(y, t) + losses.elastic_net([w, b], 0.01, 0.02)


CASES = [(row["loss"], row, "") for row in REFERENCE]
CASES += [(penalty, REFERENCE[0], penalty) for penalty in ("l1", "l2", "elastic_net")]


@pytest.mark.parametrize(("row", "penalty"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_training_step_is_the_same_in_onnx_runtime(
    row: dict[str, Any], penalty: str, tmp_path: Path
) -> None:
    options = {key: each for key, each in row["options"].items() if key != "variance"}
    target = np.array(row["target"])
    name, size = row["loss"], np.shape(row["prediction"])[1:]
    x = ig.input("x", ("batch", 3))
    w = ig.parameter("w", (3, *size), init=ig.init.normal(std=0.5))
    b = ig.parameter("b", size)
    dtype = "float32" if target.dtype.kind == "f" else "int64"
    t = ig.input("t", ("batch", *target.shape[1:]), dtype)
    y = x @ w + b
    loss = penalized(penalty, y, t, w, b) if penalty else losses.find(name)(head(name, y), t, **options)
    step = ig.compile({"loss": loss}, updates=ig.optim.SGD(0.1).minimize(loss), seed=1)
    path = tmp_path / "step.onnx"
    ig.onnx.save(step, path, check=row["loss"] != "kl_divergence")  # which random targets make NaN
    run = ig.onnx.replay(path)
    random = np.random.default_rng(0)
    for _ in range(10):
        fed = {"x": random.normal(size=(len(target), 3)).astype("float32"), "t": target.astype(dtype)}
        expected, found = step(**fed), run(**fed)
        assert abs(found["loss"] - expected["loss"]) <= 1e-5 * max(1, abs(expected["loss"]))
    for key, array in run.state.items():
        np.testing.assert_allclose(array, step.state[key], rtol=0, atol=1e-5, err_msg=key)
    assert (step.state["w"] != ig.compile(w, seed=1).state["w"]).any()
