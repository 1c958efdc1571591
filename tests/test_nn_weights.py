"""Weights of layers on disk: what is saved, what may be loaded, and what is refused without a trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import irgraph as ig
from irgraph import nn
from irgraph.errors import CheckpointError, DTypeError, GraphError
from irgraph.train import save_state

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def network(name: str | None = "net", hidden: int = 5) -> nn.Sequential:
    return nn.Sequential([nn.Dense(hidden), nn.BatchNorm(), nn.Dense(2)], name=name)


def trained(model: nn.Layer, seed: int) -> ig.Function:
    """A step of it on some other numbers, taken once."""
    x = ig.input("x", ("batch", 4))
    loss = (model(x, training=True) ** 2).sum()
    step = ig.compile(loss, updates=ig.optim.Adam(0.1).minimize(loss), seed=seed)
    step(x=X)
    return step


def contents(state: ig.State) -> dict[str, bytes]:
    return {name: state[name].tobytes() for name in state}


def test_weights_and_statistics_come_back_and_nothing_else(tmp_path: Path) -> None:
    model = network()
    step, other = trained(model, 1), trained(model, 2)
    before = contents(other.state)
    path = model.save_weights(tmp_path, step.state)
    names = {*model.parameters, *model.states}
    assert {name.removeprefix("state/") for name in load_file(path.with_suffix(".safetensors"))} == names
    assert len(names) == 4 + 4
    model.load_weights(tmp_path, other.state)
    after = contents(other.state)
    assert {name for name in after if after[name] == step.state[name].tobytes()} >= names
    assert all(after[name] == before[name] for name in after.keys() - names)
    assert "net.0.w/mean" in after.keys() - names


@pytest.mark.parametrize("name", ["other", None])
def test_a_layer_of_another_path_takes_them(tmp_path: Path, name: str | None) -> None:
    saved, loaded = network(), network(name)
    step, other = trained(saved, 1), trained(loaded, 2)
    saved.save_weights(tmp_path, step.state)
    loaded.load_weights(tmp_path, other.state)
    for one, two in zip(saved.parameters, loaded.parameters, strict=True):
        np.testing.assert_array_equal(step.state[one], other.state[two])
    loaded.save_weights(tmp_path, other.state)
    step.state["net.0.w"] = np.zeros((4, 5))
    saved.load_weights(tmp_path, step.state)
    assert step.state["net.0.w"].any()


def test_a_part_takes_its_own_from_the_whole(tmp_path: Path) -> None:
    model = network()
    step, other = trained(model, 1), trained(model, 2)
    model.save_weights(tmp_path, step.state)
    last, features = model.layers[2], model[:2]
    for part, names in ((last, ["net.2.w", "net.2.b"]), (features, ["net.0.w", "net.1.mean"])):
        fresh = contents(other.state)
        part.load_weights(tmp_path, other.state)
        for name in names:
            np.testing.assert_array_equal(other.state[name], step.state[name])
        changed = {name for name in fresh if other.state[name].tobytes() != fresh[name]}
        assert changed <= {*part.parameters, *part.states}


def test_a_layer_reads_the_checkpoint_of_a_state(tmp_path: Path) -> None:
    model = network()
    step, other = trained(model, 1), trained(model, 2)
    save_state(tmp_path, step.state)
    model.load_weights(tmp_path, other.state)
    np.testing.assert_array_equal(other.state["net.2.w"], step.state["net.2.w"])
    assert (other.state["net.2.w/mean"] != step.state["net.2.w/mean"]).any()


def test_another_model_is_refused_with_what_differs(tmp_path: Path) -> None:
    saved = nn.Sequential([nn.Dense(7), nn.LayerNorm(), nn.Dense(2)], name="net")
    saved.save_weights(tmp_path, trained(saved, 1).state)
    model = network()
    step = trained(model, 2)
    before = contents(step.state)
    with pytest.raises(CheckpointError) as error:
        model.load_weights(tmp_path, step.state)
    text = str(error.value)
    assert "it lacks net.1.mean float32[5], net.1.variance float32[5]" in text
    assert "net.0.w is float32[4, 7], and float32[4, 5] in the state" in text
    assert "test_nn_weights.py:" in text
    assert contents(step.state) == before
    smaller = nn.Sequential([nn.Dense(5), nn.BatchNorm()], name="net")
    other = trained(smaller, 3)
    model.save_weights(tmp_path, step.state)
    with pytest.raises(
        CheckpointError, match=r"it has besides net.2.w float32\[5, 2\], net.2.b float32\[2\]"
    ):
        smaller.load_weights(tmp_path, other.state)


def test_a_damaged_file_is_refused_and_the_one_before_used(tmp_path: Path) -> None:
    model = network()
    step = trained(model, 1)
    path = model.save_weights(tmp_path, step.state).with_suffix(".safetensors")
    path.write_bytes(path.read_bytes()[:-3])
    before = contents(step.state)
    with pytest.raises(CheckpointError, match="damaged checkpoint"):
        model.load_weights(tmp_path, step.state)
    assert contents(step.state) == before
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        model.load_weights(tmp_path / "nowhere", step.state)


def test_layers_and_states_that_do_not_belong_together(tmp_path: Path) -> None:
    model, step = network(), trained(network("other"), 1)
    with pytest.raises(GraphError, match=r"no variables in 'net'(?s:.*)called first"):
        model.save_weights(tmp_path, step.state)
    model(ig.input("x", ("batch", 4)))
    for method in (model.save_weights, model.load_weights):
        with pytest.raises(GraphError, match=r"a state without 'net\.0\.w', 'net\.0\.b'"):
            method(tmp_path, step.state)
    with pytest.raises(DTypeError, match=r"state=.*needed State"):
        model.save_weights(tmp_path, step)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
