"""Callbacks, histories and progress."""

from __future__ import annotations

import csv
import json
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import CheckpointError, GraphError
from irgraph.train import History, progress, storage
from tests.training import examples, same_state, trainer

X, Y = examples()


def fit(one: ig.Trainer, **options: Any) -> History:
    return one.fit(X, Y, **{"progress": False, "validation_split": 0.2} | options)


class Scripted(ig.train.Callback):
    """Puts scripted values in the place of the validation loss, for what comes after it."""

    def __init__(self, values: Sequence[float]) -> None:
        self.values = values

    def on_epoch_end(self, trainer: ig.Trainer, epoch: int, values: Any) -> None:
        values["val_loss"] = self.values[epoch - 1]


# ------------------------------------------------------------------------------------ the protocol


def test_when_callbacks_are_called() -> None:
    calls: list[Any] = []

    class Notes(ig.train.Callback):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_fit_begin(self, trainer: ig.Trainer) -> None:
            calls.append((self.name, "begin"))

        def on_epoch_begin(self, trainer: ig.Trainer, epoch: int) -> None:
            calls.append((self.name, "epoch", epoch))

        def on_step_end(self, trainer: ig.Trainer, step: int, loss: float) -> None:
            assert isinstance(loss, float)
            calls.append((self.name, "step", step))

        def on_epoch_end(self, trainer: ig.Trainer, epoch: int, values: Any) -> None:
            assert trainer.history["loss"][-1] == values["loss"]
            calls.append((self.name, "end of epoch", epoch))

        def on_fit_end(self, trainer: ig.Trainer) -> None:
            calls.append((self.name, "end"))

    class Last(Notes):
        last = True

    fit(trainer(), epochs=2, batch_size=100, callbacks=[Last("b"), Notes("a")])
    once = [("begin",), ("epoch", 1), ("step", 1), ("step", 2), ("end of epoch", 1)]
    once += [("epoch", 2), ("step", 1), ("step", 2), ("end of epoch", 2)]
    assert calls[:-2] == [(name, *call) for call in once for name in "ab"]
    assert calls[-2:] == [("b", "end"), ("a", "end")]


def test_functions_as_callbacks() -> None:
    seen: list[Any] = []
    callback = ig.train.LambdaCallback(
        on_epoch_end=lambda one, epoch, values: seen.append((epoch, sorted(values))),
        on_fit_end=lambda one: seen.append("end"),
    )
    fit(trainer(), callbacks=[callback])
    assert seen == [(1, ["accuracy", "loss", "val_accuracy", "val_loss"]), "end"]
    with pytest.raises(GraphError, match="on_epoch_end=3; needed a function"):
        ig.train.LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]


def test_a_stop_within_an_epoch() -> None:
    one = trainer()
    stop = ig.train.LambdaCallback(on_step_end=lambda t, step, loss: step == 3 and t.stop("enough"))
    history = fit(one, epochs=5, callbacks=[stop])
    assert history.stopped == "enough"
    assert history.epochs == []
    assert one.position.steps == 3


def test_a_callback_that_raises_loses_nothing() -> None:
    one, two = trainer(), trainer()

    def fail(t: ig.Trainer, epoch: int, values: Any) -> None:
        if epoch == 2:
            raise OSError("the dashboard is down")

    with pytest.raises(OSError, match="the dashboard is down"):
        fit(one, epochs=5, callbacks=[ig.train.LambdaCallback(on_epoch_end=fail)])
    fit(two, epochs=2)
    assert same_state(one.state, two.state)
    assert one.history.columns == two.history.columns


# ----------------------------------------------------------------------------------- early stopping


@pytest.mark.parametrize(
    ("values", "options", "epochs", "best"),
    [
        ([5, 4, 3, 2, 1, 0], {"patience": 2}, 6, 6),
        ([5, 4, 4.5, 4.2, 3, 0], {"patience": 2}, 4, 2),
        ([5, 4, 4.5, 3, 3.5, 3.6], {"patience": 2}, 6, 4),
        ([5, 4.9, 4.8, 4.7, 4.6, 4.5], {"patience": 3, "tolerance": 0.25}, 6, 4),
        ([5, 4.9, 4.8, 4.75, 4.6, 4.5], {"patience": 3, "tolerance": 0.5}, 4, 1),
        ([5, 6, 5, 7, 5, 6], {"patience": 2, "mode": "max"}, 6, 4),
        ([5, 5, 5, 5, 5, 5], {"patience": 1}, 2, 1),
        ([np.nan, np.nan, 3, 4, 5, 6], {"patience": 3}, 6, 3),
        ([np.nan] * 6, {"patience": 3}, 3, 0),
    ],
)
def test_early_stopping(values: list[float], options: dict[str, Any], epochs: int, best: int) -> None:
    one, two = trainer(), trainer()
    early = ig.train.EarlyStopping(**options)
    history = fit(one, epochs=6, callbacks=[Scripted(values), early])
    assert len(history.epochs) == epochs
    assert early.best_epoch == best
    if history.stopped:
        told = f"{values[best - 1]:g} of epoch {best}" if best else "any number"
        assert history.stopped == f"val_loss was not better than {told} for {options['patience']} epochs"
    fit(two, epochs=best or epochs)
    for name in two.weights():
        np.testing.assert_array_equal(one.state[name], two.state[name])


def test_early_stopping_may_keep_the_last_weights() -> None:
    one, two = trainer(), trainer()
    early = ig.train.EarlyStopping(patience=1, restore_best=False)
    fit(one, epochs=6, callbacks=[Scripted([1, 2, 3]), early])
    fit(two, epochs=2)
    assert same_state(one.state, two.state)


def test_early_stopping_on_a_metric() -> None:
    early = ig.train.EarlyStopping("val_accuracy", patience=1)
    history = fit(trainer(), epochs=50, callbacks=[early])
    assert history.best("val_accuracy")[0] == early.best_epoch


def test_what_can_not_be_monitored() -> None:
    with pytest.raises(
        GraphError, match=r"no number 'val_loss' to monitor; needed one of: loss, accuracy(.|\n)*valid"
    ):
        fit(trainer(), validation_split=0.0, callbacks=[ig.train.EarlyStopping()])
    for call, message in (
        (lambda: ig.train.EarlyStopping(patience=0), "a patience of 0; needed at least 1 epoch"),
        (lambda: ig.train.EarlyStopping(mode="best"), "the mode 'best'"),
        (lambda: ig.train.EarlyStopping(tolerance=-1), "a tolerance of -1"),
        (lambda: ig.train.Checkpoint("x", keep=0), "keep=0; needed a number above 0"),
        (lambda: ig.train.Checkpoint("x", steps=-5), "steps=-5"),
    ):
        with pytest.raises(GraphError, match=message):
            call()


# --------------------------------------------------------------------------------------- checkpoints


def saved(folder: Path) -> list[tuple[int, int]]:
    """Epoch and step of the checkpoints in a folder, oldest first."""
    found = [storage.load(path).metadata["position"] for path in sorted(folder.glob("*.json"))]
    return [(each["epoch"], each["step"]) for each in found]


def test_checkpoints_every_so_many_steps_and_epochs(tmp_path: Path) -> None:
    """Six steps an epoch."""
    for name, options in {
        "default": {},
        "epochs": {"epochs": 2},
        "steps": {"steps": 4},
        "both": {"steps": 4, "epochs": 2},
        "seconds": {"seconds": 1e-9},
        "never": {"seconds": 1e9},
    }.items():
        callback = ig.train.Checkpoint(tmp_path / name, keep=100, **options)  # type: ignore[arg-type]
        fit(trainer(), epochs=3, callbacks=[callback])
    assert saved(tmp_path / "default") == [(1, 0), (2, 0), (3, 0)]
    assert saved(tmp_path / "epochs") == [(2, 0), (3, 0)]
    assert saved(tmp_path / "steps") == [(0, 4), (1, 2), (1, 6), (2, 4), (3, 0)]
    assert saved(tmp_path / "both") == [(0, 4), (1, 2), (1, 6), (2, 0), (2, 4), (3, 0)]
    assert len(saved(tmp_path / "seconds")) == 19
    assert saved(tmp_path / "never") == [(3, 0)]


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    one = trainer()
    callback = ig.train.Checkpoint(tmp_path, keep=3, best="val_loss")
    fit(one, epochs=5, callbacks=[Scripted([5, 2, 3, 1, 4]), callback])
    assert saved(tmp_path) == [(3, 0), (4, 0), (5, 0)]
    assert saved(tmp_path / "best") == [(4, 0)]
    two = trainer()
    fit(two, epochs=4)
    ig.train.load_state(tmp_path / "best", one.state)
    assert same_state(one.state, two.state)


def test_a_full_disk_ends_training_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = trainer(), trainer()
    callback = ig.train.Checkpoint(tmp_path, steps=4)
    write, calls = storage._write, 0

    def full(path: Path, content: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls > 4:
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(storage, "_write", full)
    with pytest.raises(CheckpointError, match=r"No space left on device while writing(.|\n)*is kept"):
        fit(one, epochs=5, callbacks=[callback])
    monkeypatch.undo()
    assert one.history.epochs == [1]
    assert (one.position.epoch, one.position.step) == (1, 6)
    assert saved(tmp_path) == [(0, 4), (1, 2)]
    fit(two, epochs=2)
    assert same_state(one.state, two.state)


# -------------------------------------------------------------------------------------------- logs


def test_logs(tmp_path: Path) -> None:
    logs = [ig.train.CSVLogger(tmp_path / "a" / "log.csv"), ig.train.JSONLLogger(tmp_path / "log.jsonl")]
    history = fit(trainer(), epochs=3, callbacks=logs)
    with open(tmp_path / "a" / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", *history, "seconds"]
    assert [float(row["val_loss"]) for row in rows] == history["val_loss"]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["accuracy"] for line in lines] == history["accuracy"]
    assert [line["seconds"] for line in lines] == history.seconds


@pytest.mark.parametrize("make", [ig.train.CSVLogger, ig.train.JSONLLogger], ids=["csv", "jsonl"])
def test_a_log_goes_on_without_a_row_twice(tmp_path: Path, make: Any) -> None:
    """Epochs after the checkpoint were logged before the kill, the last of them only in part."""
    path, folder = tmp_path / "log", tmp_path / "runs"
    fit(trainer(), epochs=3, callbacks=[make(path), ig.train.Checkpoint(folder)])
    with open(path, "a") as file:
        file.write(path.read_text().splitlines()[-1].replace("3", "4", 1) + '\n{"epoch": 5, "lo')
    one = trainer()
    fit(one, epochs=6, callbacks=[make(path), ig.train.Checkpoint(folder)], resume=folder)
    text = path.read_text().splitlines()
    if make is ig.train.CSVLogger:
        assert [line.partition(",")[0] for line in text] == ["epoch", *"123456"]
    else:
        assert [json.loads(line)["epoch"] for line in text] == [1, 2, 3, 4, 5, 6]


# ----------------------------------------------------------------------------------------- history


def history() -> History:
    made = History()
    for epoch in range(1, 31):
        made.append(epoch, {"loss": 1 / epoch, "confusion": [[epoch, 0], [0, 1]]}, 0.1)
    made.append(31, {"loss": 0.5, "val_loss": 2.0}, 0.1)
    return made


def test_histories_round_trip() -> None:
    one = history()
    one.stopped, one.restarts = "enough", {3: history()}
    assert History.from_dict(one.to_dict()) == one
    assert History.from_json(one.to_json()) == one
    assert one != history()


def test_what_a_history_shows() -> None:
    one = history()
    assert list(one) == ["loss", "confusion", "val_loss"]
    assert "loss" in one
    assert len(one) == 3
    assert one["val_loss"] == [None] * 30 + [2.0]
    lines = repr(one).splitlines()
    assert lines[0].split() == ["epoch", "loss", "val_loss"]
    assert len(lines) == 14
    assert lines[-1].split() == ["31", "0.5", "2"]
    assert "<table>" in one._repr_html_()
    assert "confusion" not in one._repr_html_()
    assert one.best("loss") == (30, 1 / 30)
    assert one.best("loss", "max") == (1, 1.0)
    assert one.best("val_loss") == (31, 2.0)


def test_curves() -> None:
    pytest.importorskip("matplotlib")
    figure = fit(trainer(), epochs=4).plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert [len(axes.lines) for axes in figure.axes] == [2, 2]
    assert np.asarray(figure.axes[0].lines[0].get_xdata()).tolist() == [1, 2, 3, 4]
    assert len(history().plot().axes) == 1


# ---------------------------------------------------------------------------------------- progress


def test_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    told = trainer().fit(X, Y, epochs=12)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    assert lines[0].startswith(
        f"epoch  1/12  loss {told['loss'][0]:.4g}  accuracy {told['accuracy'][0]:.4g}  "
    )
    fit(trainer())
    assert capsys.readouterr().out == ""


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    trainer().fit(X, Y, epochs=2, batch_size=100)
    shown = capsys.readouterr().out
    assert "epoch 1/2  loss" in shown
    assert "━" in shown
    assert "\x1b" in shown


def test_a_display_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """A double of IPython: what is displayed is replaced, not repeated."""
    shown: list[str] = []

    class Handle:
        def update(self, html: str) -> None:
            shown.append(html)

    def display(html: str, display_id: bool) -> Handle:
        assert display_id
        shown.append(html)
        return Handle()

    module = types.ModuleType("IPython.display")
    module.display, module.HTML = display, str  # type: ignore[attr-defined]
    ipython = types.ModuleType("IPython")
    ipython.display = module  # type: ignore[attr-defined]
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=1)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    trainer().fit(X, Y, epochs=3)
    assert "epoch 3/3 <progress" in shown[-1]
    assert shown[-1].count("loss") == 3
    assert any('value="4" max="7"' in each for each in shown)
    monkeypatch.setattr(progress, "INTERVAL", 1e9)
    shown.clear()
    trainer().fit(X, Y, epochs=30)
    assert len(shown) < 6
