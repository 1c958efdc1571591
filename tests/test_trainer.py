"""The Trainer: the numbers are those of the same steps written by hand, whatever form the data have."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import FeedError, ShapeError
from irgraph.train.data import shuffled
from tests.training import N, cut, examples, fit, linear, network, same_state, trainer

Array = np.ndarray[Any, Any]
X, Y = examples()


def by_hand(batches: list[Array], epochs: int = 1, seed: int = 0) -> tuple[ig.State, list[list[float]]]:
    """The same network trained in a loop over rows of the data."""
    x, y = ig.input("x", ("batch", X.shape[1])), ig.input("y", ("batch",), "int64")
    loss = ig.losses.softmax_cross_entropy(network(x, training=True), y)
    step = ig.compile(loss, updates=ig.optim.Adam(0.01).minimize(loss), seed=seed)
    told = [[float(step(x=X[rows], y=Y[rows])) for rows in batches[e::epochs]] for e in range(epochs)]
    return step.state, told


# ------------------------------------------------------------------------- the same steps as by hand


@pytest.mark.parametrize("size", [1, 7, 32, 202, 203, 1000, None])
@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_is_the_loop_over_its_batches(size: int | None, shuffle: bool) -> None:
    one = trainer()
    history = fit(one, batch_size=size, shuffle=shuffle)
    count = size or N
    order = shuffled(N, 0, 0) if shuffle and count < N else np.arange(N)
    batches = cut(order, count)
    state, (losses,) = by_hand(batches)
    assert all(one.state[name].tobytes() == state[name].tobytes() for name in state)
    sizes = [len(rows) for rows in batches]
    np.testing.assert_allclose(history["loss"], [np.average(losses, weights=sizes)], rtol=1e-12)
    assert one.position.steps == len(batches)


def test_drop_last() -> None:
    one = trainer()
    fit(one, batch_size=32, drop_last=True)
    state, _ = by_hand(cut(shuffled(N, 0, 0)[:192], 32))
    assert all(one.state[name].tobytes() == state[name].tobytes() for name in state)
    with pytest.raises(FeedError, match=r"203 examples in batches of 204 with drop_last=True"):
        fit(trainer(), batch_size=204, drop_last=True)


def test_orders_depend_on_seed_and_epoch_only() -> None:
    orders = [tuple(shuffled(50, seed, epoch)) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert orders[4] == tuple(shuffled(50, 1, 1))
    np.testing.assert_array_equal(shuffled(5, -1, 0), shuffled(5, 2**64 - 1, 0))


def test_the_same_seed_gives_the_same_training() -> None:
    runs = [trainer(seed=seed) for seed in (0, 0, 1)]
    histories = [fit(one, epochs=3) for one in runs]
    assert same_state(runs[0].state, runs[1].state)
    assert histories[0].columns == histories[1].columns
    assert not same_state(runs[0].state, runs[2].state)


def test_training_is_on_for_the_step_only() -> None:
    """Predictions and evaluations have no dropout, and move no random stream."""
    one = trainer()
    fit(one)
    before = {name: one.state[name] for name in one.state}
    first = one.predict(X)
    np.testing.assert_array_equal(one.predict(X), first)
    assert one.evaluate(X, Y) == one.evaluate(X, Y)
    assert all(before[name].tobytes() == one.state[name].tobytes() for name in before)
    assert "drop/step" in before
    assert set(one.weights()) == {"h.w", "h.b", "o.w"}


def test_a_model_of_keywords_is_told_of_training() -> None:
    seen = []

    def model(x: ig.Value, **options: Any) -> ig.Value:
        seen.append(options)
        return linear(x)

    one = ig.Trainer(model, "squared_error", ig.optim.SGD(0.1))
    fit(one, X, X[:, 0])
    one.predict(X)
    assert seen == [{"training": True}, {"training": False}]


# ----------------------------------------------------------------------------- forms of the data


def both(x: ig.Value, z: ig.Value) -> ig.Value:
    return linear(ig.concatenate([x, z], axis=1))


def trained(model: Any, x: Any, y: Any, **options: Any) -> ig.Trainer:
    one = ig.Trainer(model, "squared_error", ig.optim.SGD(0.05))
    fit(one, x, y, epochs=3, **options)
    return one


def test_arrays_tuples_dicts_and_iterables_are_one() -> None:
    a, b, target = X[:, :3], X[:, 3:], X[:, 0] * 2
    expected = trained(linear, X, target).state
    tuples = trained(both, (a, b), target)
    dicts = trained(both, {"z": b, "x": a}, target)
    assert list(dicts.step.inputs) == ["z", "x", "y"]
    assert list(tuples.step.inputs) == ["x.0", "x.1", "y"]

    def batches(epoch: int) -> Iterator[tuple[Array, Array]]:
        for rows in cut(shuffled(N, 0, epoch), 32):
            yield X[rows], target[rows]

    endless = (batch for epoch in range(3) for batch in batches(epoch))
    listed = trained(linear, X, target, shuffle=False)
    for one, state in (
        (tuples, expected),
        (dicts, expected),
        (trained(linear, batches, None), expected),
        (trained(linear, endless, None, steps_per_epoch=7), expected),
        (trained(linear, [(X[rows], target[rows]) for rows in cut(np.arange(N), 32)], None), listed.state),
    ):
        for name in state:
            np.testing.assert_allclose(one.state[name], state[name], rtol=1e-5, atol=1e-6)


def test_targets_in_a_dict_and_none() -> None:
    def loss(prediction: ig.Value, target: dict[str, ig.Value]) -> ig.Value:
        return ig.losses.squared_error(prediction, target["a"] + target["b"])

    one = ig.Trainer(linear, loss, ig.optim.SGD(0.1))
    fit(one, X, {"a": X[:, 0], "b": X[:, 1]})
    assert list(one.step.inputs) == ["x", "y.a", "y.b"]
    alone = ig.Trainer(linear, lambda prediction: ig.mean(ig.square(prediction)), ig.optim.SGD(0.1))
    assert fit(alone, X, epochs=3)["loss"] == [0.0] * 3


def test_lists_are_arrays() -> None:
    one = ig.Trainer(linear, "squared_error", ig.optim.SGD(0.1))
    fit(one, [[1.0], [2.0]], [1.0, 2.0], epochs=200)
    np.testing.assert_allclose(one.predict([[3.0]]), [3.0], atol=0.1)


def test_dtypes_of_the_inputs() -> None:
    one = ig.Trainer(linear, "squared_error", ig.optim.SGD(0.1))
    fit(one, X.astype("float64"), X[:, 0].astype("float64"))
    assert str(one.step.inputs["x"].dtype) == "float32"
    wide = ig.Trainer(
        lambda x: x @ ig.parameter("w", (8,), "float64"), "squared_error", ig.optim.SGD(0.1), dtype=None
    )
    fit(wide, X.astype("float64"), X[:, 0].astype("float64"))
    assert str(wide.step.inputs["x"].dtype) == "float64"
    assert [str(v.dtype) for v in trained_inputs(Y.astype("uint8"))] == ["float32", "int64"]


def trained_inputs(labels: Array) -> list[ig.Value]:
    one = trainer()
    fit(one, X, labels)
    return list(one.step.inputs.values())


def test_arrays_of_any_strides() -> None:
    one, two = trainer(), trainer()
    fit(one, np.asfortranarray(X), np.repeat(Y, 2)[::2])
    fit(two)
    assert same_state(one.state, two.state)


# ------------------------------------------------------------------------ validation, evaluation


def test_validation_and_evaluation() -> None:
    one = trainer()
    history = fit(one, X[:150], Y[:150], epochs=3, validation=(X[150:], Y[150:]), batch_size=16)
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    found = one.evaluate(X[150:], Y[150:])
    assert found["accuracy"] == pytest.approx(history["val_accuracy"][-1])
    logits = one.predict(X[150:], batch_size=16).astype("float64")
    shifted = logits - logits.max(axis=1, keepdims=True)
    each = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(logits)), Y[150:]]
    assert found["loss"] == pytest.approx(each.mean(), rel=1e-5)
    assert found["accuracy"] == pytest.approx((logits.argmax(axis=1) == Y[150:]).mean())
    for size in (1, 7, None):
        other = one.evaluate(X[150:], Y[150:], batch_size=size)
        assert other == pytest.approx(found, rel=1e-5)
    iterable = [(X[150:170], Y[150:170]), (X[170:], Y[170:])]
    assert one.evaluate(iterable) == pytest.approx(found, rel=1e-5)
    again = fit(trainer(), X[:150], Y[:150], epochs=3, validation=iterable, batch_size=16)
    assert again["val_loss"] == pytest.approx(history["val_loss"], rel=1e-5)


def test_metrics_of_all_examples() -> None:
    """Those that are no means of batches, and functions, which are."""

    def spread(logits: ig.Value, labels: ig.Value) -> ig.Value:
        return ig.mean(ig.max(logits, -1) - ig.min(logits, -1))

    one = trainer(metrics=["confusion_matrix", "top_2_accuracy", spread])
    history = fit(one, epochs=2)
    assert np.sum(history["confusion_matrix"][1]) == N
    found = one.evaluate(X, Y, batch_size=50)
    logits = one.predict(X)
    for row in range(3):
        counts = np.bincount(logits.argmax(1)[row == Y], minlength=3)
        assert found["confusion_matrix"][row] == counts.tolist()
    best = np.argsort(-logits, axis=1)[:, :2]
    assert found["top_2_accuracy"] == pytest.approx((best == Y[:, None]).any(axis=1).mean())
    assert found["spread"] == pytest.approx((logits.max(1) - logits.min(1)).mean(), rel=1e-5)
    assert [name for name in history if "spread" in name] == ["spread"]


def test_weights_of_the_examples() -> None:
    """An example of weight 2 counts as two of it; one of weight 0 is not there."""
    weights = np.tile([0.0, 1.0, 2.0], N)[:N]
    repeated = np.repeat(np.arange(N), weights.astype(int))
    one = ig.Trainer(linear, "squared_error", ig.optim.SGD(0.1), metrics=["mean_absolute_error"])
    two = ig.Trainer(linear, "squared_error", ig.optim.SGD(0.1))
    first = fit(one, X, X[:, 0], weights=weights, batch_size=None, epochs=5)
    second = fit(two, X[repeated], X[repeated, 0], batch_size=None, epochs=5)
    np.testing.assert_allclose(first["loss"], second["loss"], rtol=1e-5)
    for name in two.state:
        np.testing.assert_allclose(one.state[name], two.state[name], rtol=1e-4, atol=1e-6)
    for size in (1, 7, None):
        found = one.evaluate(X, X[:, 0], weights=weights, batch_size=size)
        error = one.predict(X) - X[:, 0]
        assert found["loss"] == pytest.approx(np.average(error**2, weights=weights), rel=1e-4)
        assert found["mean_absolute_error"] == pytest.approx(np.abs(error).mean(), rel=1e-4)
    assert one.evaluate(X, X[:, 0])["loss"] == pytest.approx(np.mean(error**2), rel=1e-4)
    batches = [(X[rows], X[rows, 0], weights[rows]) for rows in cut(np.arange(N), 32)]
    three = ig.Trainer(linear, "squared_error", ig.optim.SGD(0.1))
    four = ig.Trainer(linear, "squared_error", ig.optim.SGD(0.1))
    assert fit(three, batches)["loss"] == fit(four, X, X[:, 0], weights=weights, shuffle=False)["loss"]


def test_a_split_holds_out_other_rows() -> None:
    seen: set[int] = set()

    def model(row: ig.Value, training: bool = False) -> ig.Value:
        def note(rows: Array) -> None:
            if training:
                seen.update(rows[:, 0].astype(int).tolist())

        return ig.tap(row, note)[:, 0] * ig.parameter("w", ())

    rows = np.arange(100.0)
    one = ig.Trainer(model, "squared_error", ig.optim.SGD(0.0), metrics=[], seed=3)
    history = fit(one, {"row": rows[:, None]}, rows, validation_split=0.25, epochs=2)
    assert len(seen) == 75
    held = np.array(sorted(set(range(100)) - seen))
    assert history["val_loss"][0] == pytest.approx((held**2).mean(), rel=1e-5)
    with pytest.raises(FeedError, match=r"a fraction of 0.001 of 100 examples to hold out, which is 0"):
        fit(one, {"row": rows[:, None]}, rows, validation_split=0.001)


def test_predictions_keep_their_structure() -> None:
    def model(x: ig.Value) -> dict[str, Any]:
        return {"double": x * 2, "pair": [x, ig.sum(x, -1)]}

    one = ig.Trainer(model, "squared_error", ig.optim.SGD(0.1))
    for size in (None, 10, 203):
        found = one.predict(X, batch_size=size)
        np.testing.assert_array_equal(found["double"], X * 2)
        np.testing.assert_allclose(found["pair"][1], X.sum(-1), rtol=1e-4, atol=1e-5)
    total = ig.Trainer(ig.sum, "squared_error", ig.optim.SGD(0.1))
    assert total.predict(X, batch_size=None).shape == ()
    with pytest.raises(ShapeError, match=r"a prediction of shape \(\) for a batch of 10 examples"):
        total.predict(X, batch_size=10)


def test_predictions_before_training() -> None:
    one = trainer()
    before = one.predict(X)
    assert before.shape == (N, 3)
    assert fit(one, epochs=1)["loss"][0] > 0
    assert not np.array_equal(one.predict(X), before)


# ------------------------------------------------------------------------------------ going on


def test_a_second_fit_goes_on_with_new_orders() -> None:
    one, two = trainer(), trainer()
    fit(one, epochs=2)
    second = fit(one, epochs=3)
    fit(two, epochs=5)
    assert same_state(one.state, two.state)
    assert second.epochs == [1, 2, 3]
    assert one.history is second


def test_a_shared_state() -> None:
    one = trainer()
    fit(one)
    logits = ig.compile(network(ig.input("x", ("batch", 8))), state=one.state)
    np.testing.assert_array_equal(logits(x=X), one.predict(X, batch_size=None))
    other = ig.Trainer(network, "softmax_cross_entropy", ig.optim.SGD(0.1, name="second"), state=one.state)
    fit(other)
    assert "second/learning_rate" in one.state


# ---------------------------------------------------------------------------------- interruptions


def interrupting(at: int, times: int = 1) -> ig.train.Callback:
    def after(one: ig.Trainer, step: int, loss: float) -> None:
        if one.position.steps == at:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)

    return ig.train.LambdaCallback(on_step_end=after)


needs_main = pytest.mark.skipif(
    os.name != "posix" or threading.current_thread() is not threading.main_thread(), reason="needs SIGINT"
)


@needs_main
@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_stops_after_the_step(capsys: pytest.CaptureFixture[str]) -> None:
    one, two = trainer(), trainer()
    history = one.fit(X, Y, epochs=5, callbacks=[interrupting(10)])
    assert one.interrupted
    assert history.stopped == "interrupted"
    assert history.epochs == [1]
    assert (one.position.epoch, one.position.step, one.position.steps) == (1, 3, 10)
    assert "interrupted after step 3 of epoch 2; state and history are kept" in capsys.readouterr().out
    fit(two, epochs=5, callbacks=[interrupting(10)])
    assert same_state(one.state, two.state)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert fit(one).stopped == ""
    assert not one.interrupted


@needs_main
@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_at_the_end_of_an_epoch_ends_it() -> None:
    one = trainer()
    assert fit(one, epochs=5, callbacks=[interrupting(7)]).epochs == [1]
    assert (one.position.epoch, one.position.step) == (1, 0)


@needs_main
@pytest.mark.usefixtures("interrupts")
def test_a_second_interrupt_raises() -> None:
    one = trainer()
    with pytest.raises(KeyboardInterrupt):
        fit(one, epochs=5, callbacks=[interrupting(10, times=2)])
    assert one.history.epochs == [1]
    assert one.position.steps == 10
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_train_too() -> None:
    one = trainer()
    thread = threading.Thread(target=lambda: fit(one))
    thread.start()
    thread.join()
    assert one.history.epochs == [1]


def test_a_trained_model_is_a_function_and_a_resumed_one_may_be_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.linspace(-1, 1, 8)[:, None]
    trainer = ig.Trainer(ig.nn.Dense(1, name="line"), "squared_error", ig.optim.SGD(0.1))
    trainer.fit(x, 2 * x, epochs=2, progress=False)
    trainer.save(tmp_path)
    assert np.array_equal(trainer.prediction(x=x.astype("float32")), trainer.predict(x))
    again = ig.Trainer(ig.nn.Dense(1, name="line"), "squared_error", ig.optim.SGD(0.1))
    again.fit(x, 2 * x, epochs=2, resume=tmp_path)
    assert "nothing left to train: 2 epochs are done" in capsys.readouterr().out
