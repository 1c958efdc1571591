"""The Trainer with layers, schedules, plateaus, accumulated gradients, restarts; and helpers for arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import FeedError, GraphError, NonFiniteError
from irgraph.train import one_hot, train_test_split
from tests.training import N, examples, fit, linear, same_state, trainer

X, Y = examples()


def normalized() -> ig.nn.Sequential:
    """Layers with statistics that run, and dropout."""
    dense, norm, drop = ig.nn.Dense(16, "relu"), ig.nn.BatchNorm(), ig.nn.Dropout(0.2)
    return ig.nn.Sequential([dense, norm, drop, ig.nn.Dense(3)], name="net")


# ------------------------------------------------------------------------------------------ layers


def test_layers_are_models(tmp_path: Path) -> None:
    """With running statistics: training moves them, and evaluations and predictions read them."""
    one = ig.Trainer(normalized(), "softmax_cross_entropy", ig.optim.Adam(0.02), ["accuracy"])
    history = fit(one, X, Y, epochs=25, validation_split=0.2)
    assert history["val_accuracy"][-1] > 0.7
    means = [name for name in one.weights() if "mean" in name]
    assert means
    assert all(np.any(one.state[name] != 0) for name in means)
    state = {name: one.state[name] for name in one.state}
    one.evaluate(X, Y)
    assert all(one.state[name].tobytes() == state[name].tobytes() for name in state)
    one.save(tmp_path)
    two = ig.Trainer(normalized(), "softmax_cross_entropy", ig.optim.Adam(0.02), ["accuracy"])
    two.resume(tmp_path)
    np.testing.assert_array_equal(one.predict(X), two.predict(X))


def test_layers_that_are_frozen_stay(tmp_path: Path) -> None:
    model = ig.nn.Sequential([ig.nn.Dense(16, "relu", name="features"), ig.nn.Dense(3, name="head")])
    one = ig.Trainer(model, "softmax_cross_entropy", ig.optim.SGD(0.1))
    fit(one, X, Y)
    before = {name: one.state[name] for name in one.state}
    model.layers[0].freeze()
    two = ig.Trainer(model, "softmax_cross_entropy", ig.optim.SGD(0.1), state=one.state)
    fit(two, X, Y)
    changed = {name for name in before if before[name].tobytes() != one.state[name].tobytes()}
    assert changed == {"head.w", "head.b"}


def test_the_step_of_a_trainer_is_exported(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    one, two = trainer(), trainer()
    fit(one, epochs=1)
    fit(two, epochs=1)
    ig.onnx.save(one.step, tmp_path / "step.onnx")
    session = runtime.InferenceSession(str(tmp_path / "step.onnx"), providers=["CPUExecutionProvider"])
    feeds = {"x": X[:32], "y": Y[:32]}
    names = {each.name for each in session.get_inputs()}
    found = session.run(None, {**feeds, **{n: one.state[n] for n in one.state if n in names}})
    told = dict(zip([each.name for each in session.get_outputs()], found, strict=True))
    loss = two.step(**feeds)["loss"]
    np.testing.assert_allclose(told["loss"], loss, rtol=1e-5)


# ------------------------------------------------------------------------- rates and accumulation


def test_a_schedule_goes_on_when_resumed(tmp_path: Path) -> None:
    def make() -> ig.Trainer:
        return trainer(optimizer=ig.optim.SGD(ig.optim.cosine(0.5, 30), momentum=0.9))

    whole, first, second = make(), make(), make()
    fit(whole, epochs=4)
    fit(first, epochs=2, callbacks=[ig.train.Checkpoint(tmp_path)])
    fit(second, epochs=4, resume=tmp_path)
    assert same_state(whole.state, second.state)
    assert int(whole.state["learning_rate/step"]) == 28


class Scripted(ig.train.Callback):
    """Puts scripted values in the place of the loss, for what comes after it."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def on_epoch_end(self, trainer: ig.Trainer, epoch: int, values: Any) -> None:
        values["loss"] = self.values[epoch - 1]


def plateau(values: list[float], optimizer: ig.optim.Optimizer, **options: Any) -> ig.Trainer:
    one = trainer(optimizer=optimizer)
    chosen = {"factor": 0.5, "patience": 1} | options
    fit(one, epochs=len(values), callbacks=[Scripted(values), ig.train.ReduceLROnPlateau("loss", **chosen)])
    return one


def test_the_rate_falls_on_a_plateau() -> None:
    assert plateau([3, 2, 1], ig.optim.SGD(0.25)).state["learning_rate"] == 0.25
    assert plateau([3, 3, 3], ig.optim.SGD(0.25)).state["learning_rate"] == 0.125
    assert plateau([3] * 7, ig.optim.SGD(0.25, name="a")).state["a/learning_rate"] == 0.25 / 8
    assert plateau([3] * 7, ig.optim.SGD(0.25), minimum=0.1).state["learning_rate"] == np.float32(0.1)
    assert plateau([3, 4, 5], ig.optim.SGD(0.25), mode="max").state["learning_rate"] == 0.25
    scheduled = plateau([3] * 3, ig.optim.SGD(ig.optim.constant(0.25)))
    assert scheduled.state["learning_rate/scale"] == 0.5
    scheduled.step(x=X[:5], y=Y[:5])
    assert scheduled.state["learning_rate"] == 0.125


def test_a_plateau_is_remembered(tmp_path: Path) -> None:
    def run(one: ig.Trainer, epochs: int, folder: Path) -> ig.Trainer:
        reduce = ig.train.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, threshold=0.1)
        saving = ig.train.Checkpoint(folder)
        fit(one, epochs=epochs, callbacks=[saving, reduce], validation_split=0.2, resume=folder)
        return one

    whole = run(trainer(), 8, tmp_path / "whole")
    run(trainer(), 3, tmp_path / "runs")
    assert same_state(whole.state, run(trainer(), 8, tmp_path / "runs").state)
    assert whole.state["learning_rate"] < 0.01


def test_accumulated_gradients_are_those_of_larger_batches() -> None:
    """Of batches that are equally large, as all are here."""
    x, target = X[:192], X[:192, 0]
    many = ig.Trainer(linear, "squared_error", ig.optim.SGD(0.1, momentum=0.9), accumulate=4)
    few = ig.Trainer(linear, "squared_error", ig.optim.SGD(0.1, momentum=0.9))
    fit(many, x, target, batch_size=8, epochs=3, shuffle=False)
    fit(few, x, target, batch_size=32, epochs=3, shuffle=False)
    for name in few.state:
        np.testing.assert_allclose(many.state[name], few.state[name], rtol=1e-5, atol=1e-7)
    assert many.position.steps == 4 * few.position.steps


# ---------------------------------------------------------------------------------------- restarts


def test_the_best_start_is_kept() -> None:
    one = trainer(seed=5)
    history = fit(one, epochs=3, restarts=4, validation_split=0.2)
    assert list(history.restarts) == list(history.scores) == [5, 6, 7, 8]
    finals = {seed: each["val_loss"][-1] for seed, each in history.restarts.items()}
    assert history.scores == pytest.approx(finals, rel=1e-5)
    best = min(finals, key=lambda seed: finals[seed])
    assert history.columns == history.restarts[best].columns
    assert f"{history.scores[6]:.4g} (seed 6)" in repr(history)
    alone = trainer(seed=5)
    fit(alone, epochs=0)
    alone.state.update(ig.train.restarts.initial_values(alone, best))
    fit(alone, epochs=3, validation_split=0.2)
    assert same_state(alone.state, one.state)
    assert ig.train.History.from_json(history.to_json()) == history


def test_a_start_is_that_of_its_seed() -> None:
    one, two = trainer(seed=0), trainer(seed=3)
    fit(one, epochs=0)
    values = ig.train.restarts.initial_values(one, 3)
    fit(two, epochs=0)
    assert {"h.w", "drop/key", "o.w/mean"} < set(two.state)
    assert all(values[name].tobytes() == two.state[name].tobytes() for name in two.state)


def test_starts_that_diverge() -> None:
    def model(x: ig.Value) -> ig.Value:
        return ig.log(x[:, 0] * 0.0 + ig.parameter("w", (), init=ig.init.normal()))

    one = ig.Trainer(model, "squared_error", ig.optim.SGD(0.01))
    history = fit(one, X, np.zeros(N), restarts=8, epochs=2)
    diverged = {seed for seed, score in history.scores.items() if score == np.inf}
    assert 0 < len(diverged) < 8
    assert all("a result of log" in history.restarts[seed].stopped for seed in diverged)
    assert np.isfinite(one.state["w"])
    two = ig.Trainer(
        lambda x: ig.log(x[:, 0] * 0.0 - ig.parameter("w", (), init=2.0)), "squared_error", ig.optim.SGD(1)
    )
    two.predict(X[:5])
    two.state["w"] = 7.0
    with pytest.raises(NonFiniteError, match="a result of log"):
        fit(two, X, np.zeros(N), restarts=2)
    assert two.state["w"] == 7.0


def test_what_restarts_need(tmp_path: Path) -> None:
    for options, message in (
        ({"restarts": 0}, "restarts=0; needed at least 1"),
        ({"restarts": 2, "resume": tmp_path}, "restarts and resume; needed one of them"),
    ):
        with pytest.raises(GraphError, match=message):
            fit(trainer(), **options)
    with pytest.raises(GraphError, match="restarts on a generator"):
        fit(trainer(), iter([(X, Y)]), restarts=2)


# ------------------------------------------------------------------------------------------ arrays


def test_splits() -> None:
    rows = np.arange(50)
    train, test, doubled, held = train_test_split(rows, rows * 2, fraction=0.3, seed=1)
    assert (len(train), len(test)) == (35, 15)
    assert sorted([*train, *test]) == rows.tolist()
    np.testing.assert_array_equal(doubled, train * 2)
    np.testing.assert_array_equal(held, test * 2)
    assert train_test_split(rows, seed=1, fraction=0.3)[1].tolist() == test.tolist()
    assert train_test_split(rows, seed=2, fraction=0.3)[1].tolist() != test.tolist()
    with pytest.raises(FeedError, match="different lengths: 0 of 50, 1 of 49"):
        train_test_split(rows, rows[1:])
    with pytest.raises(FeedError, match=r"a fraction of 1.0 of 50 examples"):
        train_test_split(rows, fraction=1.0)
    with pytest.raises(FeedError, match="no arrays to split"):
        train_test_split()


def test_one_hot_rows() -> None:
    np.testing.assert_array_equal(one_hot([[0, 2]], 4), [[[1, 0, 0, 0], [0, 0, 1, 0]]])
    assert one_hot([1], dtype="int64").dtype == "int64"
    for labels, classes, message in (
        ([0, 3], 3, r"the label 3 at \[1\]; needed labels from 0 to 2"),
        ([0, -1], None, r"the label -1 at \[1\]"),
        ([0.5], None, "labels of dtype float64"),
        ([], 3, "0 of them"),
    ):
        with pytest.raises(FeedError, match=message):
            one_hot(labels, classes)
