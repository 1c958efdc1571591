"""What a trainer says to bad data, arguments and numbers; state and history lose nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import DTypeError, FeedError, GraphError, IrgraphError, NonFiniteError, ShapeError
from irgraph.train.data import shuffled
from tests.training import N, cut, examples, fit, linear, network, same_state, trainer

Array = np.ndarray[Any, Any]
X, Y = examples()


# -------------------------------------------------------------------------------------- bad input


def bad(at: tuple[int, ...], value: float) -> Array:
    changed = X.copy()
    changed[at] = value
    return changed


BAD: dict[str, tuple[Callable[[], Any], type[IrgraphError], str]] = {
    "empty": (lambda: (X[:0], Y[:0]), FeedError, "the data without examples; needed at least one"),
    "lengths": (
        lambda: (X[:5], Y),
        FeedError,
        "different lengths: x of 5, y of 203; needed one example of each",
    ),
    "NaN": (lambda: (bad((5, 3), np.nan), Y), FeedError, r"nan at \[5, 3\] of x in the data; needed finite"),
    "inf": (lambda: (bad((7, 0), -np.inf), Y), FeedError, r"-inf at \[7, 0\] of x in the data"),
    "labels": (lambda: (X, Y + 1), FeedError, r"the index 3 at \[\d+\] of y; needed integers from 0 to 2"),
    "negative": (lambda: (X, Y - 1), FeedError, r"the index -1 at \[\d+\] of y"),
    "text": (lambda: (X, np.array(["cat"] * N)), DTypeError, "y of dtype <U3; needed numbers"),
    "ragged": (
        lambda: ([[1.0], [1.0, 2.0]], [0, 1]),
        DTypeError,
        "x, which is no array .*; needed an array of",
    ),
    "a number": (lambda: (X, 3), FeedError, "a number as y; needed examples along the first axis"),
    "float labels": (lambda: (X, Y * 1.0), IrgraphError, "probabilities of shape"),
    "width": (lambda: (X[:, :5], Y), IrgraphError, r"matmul.*5.*8|5.*8"),
    "no batches": (lambda: ([],), FeedError, "an iterable without batches; needed at least one"),
    "no pairs": (lambda: ([X[:5]],), FeedError, "a ndarray as the first batch; needed a pair"),
    "empty dict": (lambda: ({}, Y), FeedError, "an empty dict as x"),
    "too large": (lambda: (np.full((N, 8), 1e300), Y), DTypeError, r"1e\+300 at \[0, 0\]"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data(name: str) -> None:
    data, error, message = BAD[name]
    one = trainer()
    with pytest.raises(error, match=message) as caught:
        fit(one, *data())
    assert "irgraph/train" not in str(caught.value)
    assert one.position.steps == 0


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (
            lambda: (X[:, :5], Y),
            FeedError,
            r"shape \(203, 5\) of x in the data; needed \(batch, 8\), as in the",
        ),
        (lambda: (X.astype(complex), Y), DTypeError, "dtype complex128 of x in the data"),
        (lambda: ((X, X), Y), FeedError, "a tuple of 2 in the data; needed one array, as in the first data"),
        (lambda: (X, Y * 1.0), DTypeError, r'dtype float64 of y in the data; .*(.|\n)*\.astype\("int64"\)'),
        (lambda: (X, np.full(N, 2**63, "uint64")), DTypeError, "of y in the data"),
        (lambda: (bad((0, 0), np.nan), Y), FeedError, "nan at"),
        (lambda: ([(X[:5], Y[:5]), (X[:3], Y[:4])],), FeedError, "batch 2 of epoch 1 of different lengths"),
        (lambda: ([(X[:5], Y[:5]), (X[:0], Y[:0])],), FeedError, "batch 2 of epoch 1 without examples"),
        (lambda: ([(X[:5], Y[:5]), X],), FeedError, "a ndarray as batch 2 of epoch 1; needed a pair"),
    ],
)
def test_bad_data_lose_nothing(data: Any, error: type[Exception], message: str) -> None:
    """After a good epoch: state and history are those after the last whole step."""
    one = trainer()
    fit(one)
    with pytest.raises(error, match=message):
        fit(one, *data())
    fit(one)
    assert one.history.epochs == [1]
    with pytest.raises(error, match=message):
        one.evaluate(*data())


def test_an_iterable_that_ends_early() -> None:
    one, two = trainer(), trainer()
    batches = [(X[rows], Y[rows]) for rows in cut(np.arange(N), 32)]
    with pytest.raises(FeedError, match=r"ended after 3 batches of epoch 2; needed 7, the steps of an epoch"):
        fit(one, iter([*batches, *batches[:3]]), steps_per_epoch=7, epochs=3)
    assert one.history.epochs == [1]
    assert (one.position.epoch, one.position.step) == (1, 3)
    fit(two, [*batches, *batches[:3]])
    assert same_state(one.state, two.state)
    with pytest.raises(FeedError, match=r"ended after 7 batches of epoch 1; needed 8"):
        fit(trainer(), batches, steps_per_epoch=8)
    with pytest.raises(FeedError, match=r"ended after 0 batches of epoch 2; needed at least one"):
        fit(trainer(), iter(batches), epochs=2)


def test_an_iterable_that_raises_loses_nothing() -> None:
    one, two = trainer(), trainer()

    def batches() -> Iterator[tuple[Array, Array]]:
        yield X[:32], Y[:32]
        raise OSError("the network is gone")

    with pytest.raises(OSError, match="the network is gone"):
        fit(one, batches())
    fit(two, [(X[:32], Y[:32])])
    assert same_state(one.state, two.state)
    assert one.position.steps == 1


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "loss": (lambda: trainer().__class__(network, "sotfmax", ig.optim.SGD(0.1)), "'sotfmax'"),
    "metric": (lambda: trainer(metrics=[3]), "the metric 3; needed a name, a Metric"),
    "two metrics": (lambda: trainer(metrics=["accuracy", "accuracy"]), "two metrics called 'accuracy'"),
    "accumulate": (lambda: trainer(accumulate=0), "accumulate=0; needed at least 1"),
    "optimizer": (lambda: trainer(optimizer="adam"), r"the optimizer 'adam'; needed one of irgraph.optim"),
    "batch size": (lambda: fit(trainer(), batch_size=0), "a batch size of 0; needed at least 1, or None"),
    "epochs": (lambda: fit(trainer(), epochs=-1), "epochs=-1; needed at least 0"),
    "no data": (lambda: trainer().step, "a trainer that has seen no data"),
    "both": (
        lambda: fit(trainer(), validation=(X, Y), validation_split=0.1),
        "validation and validation_split; needed one of them",
    ),
    "iterator": (lambda: fit(trainer(), validation=iter([(X, Y)])), "an iterator as validation data"),
    "split of batches": (
        lambda: fit(trainer(), [(X, Y)], validation_split=0.1),
        "validation_split of an iter",
    ),
    "vector loss": (
        lambda: fit(ig.Trainer(linear, lambda p, t: p - t, ig.optim.SGD(0.1)), X, X[:, 0]),
        r"a loss of float32\[batch\]; needed a scalar",
    ),
    "no value": (
        lambda: fit(ig.Trainer(linear, lambda p, t: 3.0, ig.optim.SGD(0.1)), X, X[:, 0]),
        "a loss that is 3.0; needed a scalar",
    ),
    "history": (
        lambda: fit(trainer())["val_loss"],
        "no values 'val_loss' in the history; needed one of: loss",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name: str) -> None:
    call, message = WRONG[name]
    with pytest.raises((GraphError, FeedError, DTypeError, ShapeError), match=message):
        call()


# ------------------------------------------------------------------------------- not finite numbers


def root(x: ig.Value) -> ig.Value:
    """Not finite in its gradient before it is in its value: the gradient of sqrt is infinite at 0."""
    return ig.sqrt(ig.maximum(linear(x), 0.0))


def test_a_loss_that_is_not_finite_is_refused_before_the_state_changes() -> None:
    data = X.copy()
    one = ig.Trainer(linear, "squared_error", ig.optim.SGD(1e25), seed=0)
    with pytest.raises(NonFiniteError) as caught:
        fit(one, data, data[:, 0] + 5, epochs=3, batch_size=32)
    assert "a result of" in str(caught.value)
    assert (
        "training.py" in str(caught.value) or "losses" in str(caught.value) or __file__ in str(caught.value)
    )
    note = caught.value.__notes__[-1]
    assert "in step" in note
    assert "state and history are those before it" in note
    assert all(np.isfinite(one.state[name]).all() for name in one.state)
    steps = one.position.steps
    two = ig.Trainer(linear, "squared_error", ig.optim.SGD(1e25), seed=0, check_finite=False)
    rows = cut(shuffled(N, 0, 0), 32)[:steps]
    fit(two, [(data[r], data[r, 0] + 5) for r in rows])
    assert same_state(one.state, two.state)


def test_a_gradient_that_is_not_finite_is_found_where_it_arose() -> None:
    """The loss is finite in the step that spoils the weights; the epoch is run again up to it."""
    one = ig.Trainer(root, "squared_error", ig.optim.SGD(0.1))
    x = np.concatenate([np.ones((64, 1)), np.zeros((32, 1)), np.ones((64, 1))]).astype("float32")
    start = {"w": [1.0], "b": 0.0}
    one.predict(x)
    one.state.update(start)
    with pytest.raises(NonFiniteError) as caught:
        fit(one, x, np.ones(160), shuffle=False, batch_size=32, epochs=2)
    assert (one.position.epoch, one.position.step, one.position.steps) == (0, 2, 2)
    assert "found as the loss of step 4 of epoch 1 was not finite" in "".join(caught.value.__notes__)
    assert __file__ in str(caught.value) or "training.py" in str(caught.value)
    two = ig.Trainer(root, "squared_error", ig.optim.SGD(0.1))
    two.predict(x)
    two.state.update(start)
    fit(two, x[:64], np.ones(64), shuffle=False, batch_size=32)
    assert same_state(one.state, two.state)


def test_of_a_generator_the_start_of_the_epoch_is_kept() -> None:
    one = ig.Trainer(root, "squared_error", ig.optim.SGD(0.1))
    x = np.concatenate([np.ones((32, 1)), np.zeros((32, 1)), np.ones((64, 1))]).astype("float32")
    one.predict(x)
    one.state.update({"w": [1.0], "b": 0.0})
    batches = ((x[rows], np.ones(32)) for rows in cut(np.arange(128), 32))
    with pytest.raises(
        NonFiniteError, match=r"as w, b (is|are) not since an earlier step(.|\n)*start of the epoch"
    ):
        fit(one, batches)
    assert one.state["w"].tolist() == [1.0]
    assert one.position.steps == 0


def test_a_batch_that_is_not_finite_is_named() -> None:
    one = trainer(check_data=False)
    with pytest.raises(NonFiniteError, match=r"nan at \[0, 2\] of x in the batch of step 2 of epoch 1"):
        fit(one, bad((32, 2), np.nan), Y, shuffle=False)
    assert one.position.steps == 1


def test_stop_on_nan() -> None:
    one, stop = trainer(check_data=False), ig.train.StopOnNaN()
    history = fit(one, bad((200, 2), np.nan), Y, shuffle=False, callbacks=[stop], epochs=4)
    assert history.stopped.startswith("found nan at [8, 2] of x in the batch of step 7 of epoch 1")
    assert stop.error is not None
    assert one.position.steps == 6


def test_it_may_be_ignored() -> None:
    one = trainer(check_data=False, check_finite=False)
    history = fit(one, bad((5, 2), np.nan), Y)
    assert np.isnan(history["loss"][0])
    assert np.isnan(one.state["h.w"]).any()
