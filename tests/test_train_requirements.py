"""What a trainer refuses before it builds; models that are frozen or share a state; whose line is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import irgraph as ig
from irgraph import nn
from irgraph.errors import CheckpointError, DTypeError, FeedError, GraphError, IrgraphError
from tests.training import N, examples, fit, linear, network, same_state, trainer

X, Y = examples()
ADAM = ig.optim.Adam(0.01)
NONE: Any = None
LIST: Any = [nn.Dense(3)]


def plane(loss: Any) -> ig.Trainer:
    return ig.Trainer(linear, loss, ig.optim.SGD(0.1))


REFUSED: dict[str, tuple[Callable[[], Any], type[IrgraphError], str]] = {
    "no model": (lambda: ig.Trainer(NONE, "huber", ADAM), DTypeError, "the model None; needed a layer"),
    "list": (lambda: ig.Trainer(LIST, "huber", ADAM), DTypeError, r"irgraph.nn.Sequential\(\["),
    "class": (lambda: ig.Trainer(nn.Dense, "huber", ADAM), DTypeError, r"Write Dense\(…\)"),
    "optimizer": (lambda: trainer(optimizer=ig.optim.Adam), DTypeError, r"Write Adam\(…\)"),
    "state": (lambda: trainer(state={}), DTypeError, "state={}; needed an irgraph.State"),
    "two values": (
        lambda: fit(ig.Trainer(lambda a, b: a + b, "huber", ADAM), X, X),
        DTypeError,
        r"the model <lambda>\(a, b\) called with 1 value: missing a required argument: 'b'",
    ),
    "other names": (
        lambda: fit(ig.Trainer(lambda a: a, "huber", ADAM), {"a": X, "c": X}, X),
        DTypeError,
        r"the model <lambda>\(a\) called with a and c: got an unexpected keyword argument 'c'",
    ),
    "nothing": (lambda: fit(ig.Trainer(lambda a: None, "huber", ADAM), X, X), GraphError, "lack a return"),
    "no target": (
        lambda: fit(plane("squared_error"), X),
        DTypeError,
        r"the loss squared_error\(prediction, target, .* 1 value: missing a required argument: 'target'",
    ),
    "loss without weights": (
        lambda: fit(plane(lambda p, t: (p - t).mean()), X, X[:, 0], weights=np.ones(N)),
        DTypeError,
        "weights= where examples have weights",
    ),
    "part of an epoch": (lambda: fit(trainer(), epochs=2.5), DTypeError, "epochs=2.5; needed int"),
    "negative weights": (
        lambda: fit(trainer(), X, Y, weights=-np.ones(N)),
        FeedError,
        "weights from -1 to -1 in the data; needed numbers of at least 0, and one above 0",
    ),
    "no weights": (lambda: fit(trainer(), X, Y, weights=np.zeros(N)), FeedError, "and one above 0"),
    "validation without y": (
        lambda: fit(trainer(), X, Y, validation=X),
        FeedError,
        "the validation data without y; needed a target for each example",
    ),
    "data": (lambda: fit(trainer(), lambda a, b: [(X, Y)]), DTypeError, "the data <lambda>"),
    "monitor": (
        lambda: fit(trainer(), callbacks=[ig.train.EarlyStopping()]),
        GraphError,
        "no number 'val_loss' to monitor; needed one of: loss, accuracy(?s:.*)Pass validation data",
    ),
    "best": (lambda: fit(trainer(), callbacks=[ig.train.Checkpoint("x", best="acc")]), GraphError, "'acc'"),
    "plateau": (
        lambda: fit(trainer(), callbacks=[ig.train.ReduceLROnPlateau("val_acc")], validation_split=0.2),
        GraphError,
        "'val_acc' to monitor; needed one of: loss, accuracy, val_loss, val_accuracy",
    ),
    "steps of arrays": (lambda: fit(trainer(), steps_per_epoch=3), FeedError, "steps_per_epoch with arrays"),
    "no steps": (
        lambda: fit(trainer(), [(X, Y)], steps_per_epoch=0),
        FeedError,
        "steps_per_epoch=0; needed at",
    ),
    "predict": (lambda: trainer().predict(X, batch_size=-1), FeedError, "a batch size of -1"),
    "history": (lambda: ig.train.History.from_json('{"a": 1}'), GraphError, "no history .*'columns'"),
    "text": (lambda: ig.train.History.from_json("no"), GraphError, "no history"),
    "moment": (
        lambda: ig.train.LambdaCallback(on_epoch_end=lambda epoch: None),
        DTypeError,
        r"<lambda>\(epoch\) called with 3 values(?s:.*)It is called on trainer, epoch, values",
    ),
    "log of a device": (
        lambda: fit(trainer(), callbacks=[ig.train.CSVLogger("/dev/null")]),
        GraphError,
        "the log /dev/null, which is no file",
    ),
    "log within a file": (
        lambda: fit(trainer(), callbacks=[ig.train.JSONLLogger(f"{__file__}/log")]),
        GraphError,
        "while writing the log",
    ),
    "masked": (
        lambda: fit(trainer(), np.ma.masked_greater(X, 2.0), Y),
        DTypeError,
        r"x with \d+ masked elements; needed numbers",
    ),
    "sparse": (lambda: fit(trainer(), scipy.sparse.csr_matrix(X), Y), DTypeError, r"sparse(?s:.*)\.toarray"),
    "list of inputs": (lambda: fit(trainer(), [X, X], Y), FeedError, "a tuple or a dict of arrays, not as a"),
    "within": (
        lambda: fit(trainer(), callbacks=[ig.train.LambdaCallback(on_epoch_end=lambda t, *_: fit(t))]),
        GraphError,
        "fit called while the same trainer trains",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_users_line(name: str) -> None:
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message) as caught:
        call()
    assert re.search(r"At \S+/tests/\S+\.py:\d+", str(caught.value))


def test_a_value_that_will_not_be_there_is_told_before_the_first_step() -> None:
    one = trainer()
    with pytest.raises(GraphError, match="'val_loss'"):
        fit(one, callbacks=[ig.train.EarlyStopping()])
    assert one.position.steps == 0


def test_sums_that_were_kept_stay() -> None:
    """A refused step goes back to the sums at the start of what was run."""
    sums = trainer().sums
    sums.add({"loss": 1.0, "accuracy/correct": np.array(2)}, 4, 4.0)
    kept = sums.state()
    sums.add({"loss": 3.0, "accuracy/correct": np.array(1)}, 4, 4.0)
    sums.restore(*kept)
    assert sums.parts["accuracy/correct"] == 2


def test_errors_of_models_and_losses_are_at_the_users_line() -> None:
    with pytest.raises(IrgraphError) as caught:
        fit(ig.Trainer(network, "squared_error", ADAM), X, Y)
    assert "contextlib" not in str(caught.value)
    assert "training.py" in str(caught.value)  # where `fit` is called


def test_the_example_of_a_wrong_label_is_told() -> None:
    labels = Y.copy()
    labels[137] = 7
    with pytest.raises(FeedError, match="the index 7") as caught:
        fit(trainer(), X, labels, batch_size=16)
    assert "on example 137 of the data" in caught.value.__notes__[0]
    with pytest.raises(FeedError) as caught:
        fit(trainer(), X, labels, batch_size=16, validation_split=0.5)
    assert "on example 137 of the data" in caught.value.__notes__[0]
    with pytest.raises(FeedError) as caught:
        fit(trainer(), X, Y, validation=(X, labels), batch_size=16)
    assert "in an evaluation, on example 137 of the data" in caught.value.__notes__[0]


def test_one_metric_by_its_name() -> None:
    assert "accuracy" in fit(trainer(metrics="accuracy"))


def test_a_function_without_arguments_gives_the_batches_of_each_epoch() -> None:
    def batches() -> Any:
        yield X[:100], Y[:100]
        yield X[100:], Y[100:]

    one, two = trainer(), trainer()
    fit(one, batches, epochs=3)
    fit(two, list(batches()), epochs=3)
    assert same_state(one.state, two.state)


@pytest.mark.parametrize("data", [(X, Y), ([(X, Y)],)])
def test_weights_of_validation_data_alone(data: Any) -> None:
    weights = np.zeros(N)
    weights[:10] = 1.0
    one, two = trainer(), trainer()
    history = fit(one, *data, validation=(X, Y, weights), shuffle=False)
    fit(two, *data, shuffle=False)
    assert same_state(one.state, two.state)
    assert history["val_loss"][-1] == pytest.approx(two.evaluate(X[:10], Y[:10])["loss"], rel=1e-5)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", None])
@pytest.mark.parametrize("batched", [False, True])
def test_weights_in_the_dtype_of_the_model(dtype: Any, batched: bool) -> None:
    weights = np.linspace(0.1, 2, N)
    x = X.astype("float64" if dtype is None else X.dtype)
    model = nn.Dense(3, name="d")
    one = ig.Trainer(model, "softmax_cross_entropy", ig.optim.SGD(0.1), dtype=dtype)
    fit(
        one,
        *([[(x, Y, weights)]] if batched else [x, Y]),
        weights=None if batched else weights,
        batch_size=None,
    )
    assert one.state["d.w"].dtype == (dtype or "float64")
    logits = one.predict(x).astype("float64")
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -(weights * logits[np.arange(N), Y]).sum() / weights.sum()
    assert one.evaluate(x, Y, weights=weights)["loss"] == pytest.approx(
        expected, rel=3e-3 if dtype == "float16" else 1e-5
    )


def test_freezing_between_two_fits_counts() -> None:
    model = nn.Sequential([nn.Dense(4, "relu"), nn.Dense(3)], name="net")
    one = ig.Trainer(model, "softmax_cross_entropy", ADAM)
    fit(one)
    before = {name: one.state[name] for name in ("net.0.w", "net.1.w")}
    model.layers[0].freeze()
    fit(one)
    assert (one.state["net.0.w"] == before["net.0.w"]).all()
    assert (one.state["net.1.w"] != before["net.1.w"]).any()
    model.layers[0].unfreeze()
    fit(one)
    assert (one.state["net.0.w"] != before["net.0.w"]).any()


# ---------------------------------------------------------------------------------- checkpoints


def tuned(base: nn.Layer, state: ig.State) -> ig.Trainer:
    """A new head on features that are known."""
    model = nn.Sequential([base, nn.Dense(3)], name="tuned")
    return ig.Trainer(model, "softmax_cross_entropy", ADAM, state=state)


def test_a_trainer_on_the_state_of_another_is_resumed_without_the_other(tmp_path: Path) -> None:
    base = nn.Sequential([nn.Dense(4, "relu")], name="base")
    first = ig.Trainer(nn.Sequential([base, nn.Dense(3)], name="first"), "softmax_cross_entropy", ADAM)
    fit(first)
    second = tuned(base.freeze(), first.state)
    fit(second, epochs=2, callbacks=[ig.train.Checkpoint(tmp_path)])
    fit(second, epochs=1)

    base = nn.Sequential([nn.Dense(4, "relu")], name="base")
    outer = nn.Sequential([base], name="first")  # the paths are those of the first model
    assert outer.path == "first"
    anew = tuned(base.freeze(), ig.State())
    fit(anew, epochs=2, resume=tmp_path)
    fit(anew, epochs=1)
    for name in anew.state:
        assert (anew.state[name] == second.state[name]).all(), name
    assert "first.1.w" not in anew.state


def test_what_a_shared_state_has_besides_is_put_back_too(tmp_path: Path) -> None:
    one = trainer()
    count = ig.state("count")
    counted = ig.compile(ig.with_update(count + 0, {count: count + 1}), state=one.state)
    fit(one)
    counted()
    one.save(tmp_path)
    counted()
    one.resume(tmp_path)
    assert one.state["count"] == 1


def test_what_to_resume_from_by_the_name_of_a_file(tmp_path: Path) -> None:
    one = trainer()
    fit(one, callbacks=[ig.train.Checkpoint(tmp_path)])
    path = sorted(tmp_path.glob("*.json"))[-1]
    for file in (path, path.with_suffix(".safetensors")):
        two = trainer(seed=1)
        fit(two, epochs=1, resume=file)
        assert same_state(one.state, two.state)
    for missing in (tmp_path / "00000009.json", Path(__file__)):
        with pytest.raises(CheckpointError, match=r"missing|no checkpoint in"):
            fit(trainer(), resume=missing)


def test_a_later_format_that_holds_something_else(tmp_path: Path) -> None:
    fit(trainer(), callbacks=[ig.train.Checkpoint(tmp_path)])
    body = json.dumps({"format": 2})
    text = f'{{"sha256": "{sha256(body.encode()).hexdigest()}", "content":\n{body}\n}}\n'
    for path in tmp_path.glob("*.json"):
        path.write_text(text)
    with pytest.raises(CheckpointError, match="of format 2, written by irgraph"):
        fit(trainer(), resume=tmp_path)


# -------------------------------------------------------------------------------- several outputs


def two_heads(x: ig.Value) -> dict[str, ig.Value]:
    hidden = ig.tanh(x @ ig.parameter("trunk", (8, 6), init=ig.init.glorot_uniform()))
    w, v = (ig.parameter(name, (6, n), init=ig.init.glorot_uniform()) for name, n in (("a", 3), ("b", 1)))
    return {"kind": hidden @ w, "size": hidden @ v}


TARGETS = {"kind": Y, "size": X[:, :1] * 2}


def heads(loss: Any, **options: Any) -> ig.Trainer:
    return ig.Trainer(two_heads, loss, ADAM, **options)


@pytest.mark.parametrize("weights", [None, np.linspace(0, 1, N)])
def test_losses_and_metrics_by_output(weights: Any) -> None:
    def written(p: Any, t: Any, **options: Any) -> ig.Value:
        kind = ig.losses.softmax_cross_entropy(p["kind"], t["kind"], **options)
        return kind + 0.25 * ig.losses.squared_error(p["size"], t["size"], **options)

    metrics = {"kind": ["accuracy"], "size": ig.metrics.r2}
    one = heads({"kind": "softmax_cross_entropy", "size": ("squared_error", 0.25)}, metrics=metrics)
    two = heads(written)
    history = fit(one, X, TARGETS, weights=weights, validation_split=0.2, epochs=3)
    other = fit(two, X, TARGETS, weights=weights, validation_split=0.2, epochs=3)
    assert history["val_loss"] == other["val_loss"]
    assert list(history)[:3] == ["loss", "kind.accuracy", "size.r2"]
    found, told = one.predict(X), one.evaluate(X, TARGETS)
    assert told["kind.accuracy"] == pytest.approx((found["kind"].argmax(1) == Y).mean())
    residual = ((found["size"] - TARGETS["size"]) ** 2).sum()
    total = ((TARGETS["size"] - TARGETS["size"].mean()) ** 2).sum()
    assert told["size.r2"] == pytest.approx(1 - residual / total, rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "metrics", "message"),
    [
        (
            {"kind": "softmax_cross_entropy", "sise": "huber"},
            (),
            "a prediction of kind, size, and .* of 'sise'",
        ),
        ({"kind": "softmax_cross_entropy"}, {"size": "r2", "rank": "r2"}, "and a loss or metric of 'rank'"),
        ({"kind": ("softmax_cross_entropy", "a")}, (), r"the factor 'a'(?s:.*)\(loss, factor\)"),
        ({}, (), "losses of no outputs"),
        ("huber", (), "the loss huber and several outputs of the model: kind, size; needed one value"),
        ({"kind": "softmax_cross_entropy"}, ["accuracy"], "the metric accuracy and several outputs"),
        ({"kind": 3}, (), "3 as the name of a loss"),
    ],
)
def test_losses_of_outputs_that_are_not_there(loss: Any, metrics: Any, message: str) -> None:
    with pytest.raises(IrgraphError, match=message):
        fit(heads(loss, metrics=metrics), X, TARGETS)


def test_several_targets_of_one_output() -> None:
    with pytest.raises(GraphError, match="the loss huber and several targets: a, b"):
        fit(plane("huber"), X, {"a": X, "b": X})


def test_a_metric_without_targets_is_refused_in_words() -> None:
    with pytest.raises(DTypeError, match=r"the metric 'r2'(?s:.*)fit has no y"):
        fit(ig.Trainer(linear, lambda p: (p**2).mean(), ADAM, metrics=["r2"]), X)
    own = ig.Trainer(linear, lambda p: (p**2).mean(), ADAM, metrics=[lambda p: p.mean()])
    assert np.isfinite(fit(own, X)["<lambda>"][0])
