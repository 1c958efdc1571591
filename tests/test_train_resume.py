"""A training that is resumed is the training that was never interrupted, bit for bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import CheckpointError
from irgraph.train import storage
from tests.training import examples, linear, same_state, trainer

X, Y = examples()
ROOT = Path(__file__).parent.parent


class Killed(Exception):
    """In the place of a kill."""


def killing(steps: int) -> ig.train.Callback:
    """Ends training without any of its endings after so many steps."""

    def kill(one: ig.Trainer, step: int, loss: float) -> None:
        if one.position.steps == steps:
            raise Killed

    return ig.train.LambdaCallback(on_step_end=kill)


def callbacks(folder: Path, **options: Any) -> list[ig.train.Callback]:
    early = ig.train.EarlyStopping(patience=2)
    return [ig.train.Checkpoint(folder, **options), early]


def run(one: ig.Trainer, folder: Path, extra: list[ig.train.Callback], **options: Any) -> ig.train.History:
    chosen: dict[str, Any] = {"epochs": 6, "validation_split": 0.2, "progress": False, "resume": folder}
    chosen |= {"callbacks": [*callbacks(folder, steps=options.pop("steps", 4)), *extra]} | options
    return one.fit(X, Y, **chosen)


def optimizer(name: str) -> ig.optim.Optimizer:
    return ig.optim.Adam(0.05) if name == "adam" else ig.optim.SGD(0.3, momentum=0.9, nesterov=True)


@pytest.mark.parametrize("name", ["adam", "momentum"])
@pytest.mark.parametrize("moment", [1, 5, 6, 7, 12, 13, 23])
def test_it_goes_on_as_if_nothing_had_happened(tmp_path: Path, name: str, moment: int) -> None:
    """Six steps an epoch, saved every four: dropout, shuffling, validation, early stopping, best weights."""
    whole = trainer(optimizer=optimizer(name))
    expected = run(whole, tmp_path / "whole", [])
    killed = trainer(optimizer=optimizer(name))
    with pytest.raises(Killed):
        run(killed, tmp_path / "runs", [killing(moment)])
    resumed = trainer(optimizer=optimizer(name))
    history = run(resumed, tmp_path / "runs", [])
    assert same_state(whole.state, resumed.state)
    assert history.columns == expected.columns
    assert history.epochs == expected.epochs
    assert history.stopped == expected.stopped
    assert resumed.position == whole.position


def test_killed_again_and_again(tmp_path: Path) -> None:
    whole = trainer()
    expected = run(whole, tmp_path / "whole", [])
    for moment in range(3, 36, 3):
        with pytest.raises(Killed):
            run(trainer(), tmp_path / "runs", [killing(moment)], steps=2)
    resumed = trainer()
    assert run(resumed, tmp_path / "runs", []).columns == expected.columns
    assert same_state(whole.state, resumed.state)


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    one, two = trainer(), trainer()
    first = run(one, tmp_path, [])
    again = run(two, tmp_path, [killing(37)])
    assert first == again
    assert same_state(one.state, two.state)


def test_more_epochs_than_before(tmp_path: Path) -> None:
    whole = trainer()
    run(whole, tmp_path / "whole", [], epochs=5)
    run(trainer(), tmp_path / "runs", [], epochs=2)
    resumed = trainer()
    run(resumed, tmp_path / "runs", [], epochs=5)
    assert same_state(whole.state, resumed.state)


def test_a_stop_is_remembered(tmp_path: Path) -> None:
    def stop(one: ig.Trainer, epoch: int, values: Any) -> None:
        if epoch == 2:
            one.stop("enough")

    stopping = ig.train.LambdaCallback(on_epoch_end=stop)
    one = trainer()
    assert run(one, tmp_path, [stopping]).stopped == "enough"
    two = trainer()
    assert run(two, tmp_path, []).stopped == "enough"
    assert same_state(one.state, two.state)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGINT")
@pytest.mark.usefixtures("interrupts")
def test_an_interrupted_training_is_saved_where_it_stopped(tmp_path: Path) -> None:
    def interrupt(one: ig.Trainer, step: int, loss: float) -> None:
        if one.position.steps == 9:
            os.kill(os.getpid(), signal.SIGINT)

    whole, one = trainer(), trainer()
    expected = run(whole, tmp_path / "whole", [])
    stopped = run(one, tmp_path / "runs", [ig.train.LambdaCallback(on_step_end=interrupt)], steps=None)
    assert stopped.stopped == "interrupted"
    assert storage.load(tmp_path / "runs").metadata["position"]["steps"] == 9
    resumed = trainer()
    assert run(resumed, tmp_path / "runs", []).columns == expected.columns
    assert same_state(whole.state, resumed.state)


def test_a_trainer_is_built_from_a_checkpoint(tmp_path: Path) -> None:
    one, two = trainer(), trainer()
    run(one, tmp_path, [])
    two.resume(tmp_path)
    assert two.history == one.history
    path = one.save(tmp_path / "whole")
    three = trainer()
    three.resume(path)
    assert same_state(one.state, three.state)
    assert three.evaluate(X, Y) == one.evaluate(X, Y)
    np.testing.assert_array_equal(three.predict(X), one.predict(X))


def batches_of(epoch: int) -> Any:
    order = ig.train.data.shuffled(len(X), 5, epoch)
    return ((X[rows], Y[rows]) for rows in np.array_split(order, 6))


@pytest.mark.parametrize("form", ["function", "list", "generator"])
def test_iterables_are_resumed_too(tmp_path: Path, form: str) -> None:
    def data() -> Any:
        if form == "generator":
            return (batch for epoch in range(4) for batch in batches_of(epoch))
        return batches_of if form == "function" else list(batches_of(0))

    def go(one: ig.Trainer, folder: Path, *extra: ig.train.Callback) -> None:
        saving = ig.train.Checkpoint(folder, steps=4)
        chosen: dict[str, Any] = {"steps_per_epoch": 6} if form == "generator" else {}
        one.fit(data(), epochs=4, callbacks=[saving, *extra], resume=folder, progress=False, **chosen)

    whole, resumed = trainer(), trainer()
    go(whole, tmp_path / "whole")
    with pytest.raises(Killed):
        go(trainer(), tmp_path / "runs", killing(15))
    go(resumed, tmp_path / "runs")
    assert same_state(whole.state, resumed.state)


# -------------------------------------------------------------------------------------- bad input


def test_a_damaged_newest_checkpoint_costs_only_steps(tmp_path: Path) -> None:
    whole = trainer()
    run(whole, tmp_path / "whole", [])
    with pytest.raises(Killed):
        run(trainer(), tmp_path / "runs", [killing(21)])
    newest = max((tmp_path / "runs").glob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:100])
    resumed = trainer()
    with pytest.warns(RuntimeWarning, match=r"100 bytes of \d+(.|\n)*is used"):
        run(resumed, tmp_path / "runs", [])
    assert same_state(whole.state, resumed.state)


def test_what_a_kill_left_of_the_first_checkpoint(tmp_path: Path) -> None:
    """It starts anew; but not where a checkpoint that was whole is damaged."""
    whole, one = trainer(), trainer()
    run(whole, tmp_path / "whole", [])
    storage.save(tmp_path / "runs", {}, {})
    (tmp_path / "runs" / "00000001.json").rename(tmp_path / "runs" / "00000001.json.part")
    run(one, tmp_path / "runs", [])
    assert same_state(whole.state, one.state)
    for path in (tmp_path / "runs").glob("*.safetensors"):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"has 0 bytes of(.|\n)*has 0 bytes of"):
        run(trainer(), tmp_path / "runs", [])


def test_checkpoints_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(trainer(), tmp_path, [killing(9)])
    with pytest.raises(
        CheckpointError, match=r"after step 2 of an epoch with batch_size 32, now 16; needed the same"
    ):
        run(trainer(), tmp_path, [], batch_size=16)
    other = ig.Trainer(
        lambda x: linear(x)[:, None] * np.ones(3, "float32"), "softmax_cross_entropy", ig.optim.SGD(0.1)
    )
    with pytest.raises(CheckpointError, match=r"of another model: it lacks w float32\[8\], b float32\[\]"):
        other.resume(tmp_path)
    before = trainer(optimizer=ig.optim.SGD(0.1))
    with pytest.raises(CheckpointError, match=r"it has besides .*adam|besides"):
        before.resume(tmp_path)
    ig.train.save_state(tmp_path / "state", trainer().state)
    with pytest.raises(CheckpointError, match="which holds variables only; needed one that a Trainer saved"):
        trainer().resume(tmp_path / "state")
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        trainer().resume(tmp_path / "nowhere")


# ------------------------------------------------------------------------------------- real kills

SCRIPT = ROOT / "benchmarks" / "resuming.py"


def started(folder: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "executors")])}
    command = [sys.executable, "-m", "benchmarks.resuming", str(folder), "6"]
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_kill_9(tmp_path: Path) -> None:
    """Three kills of one training at moments of chance: the final weights are those of the whole one."""
    assert started(tmp_path / "whole").wait() == 0
    chance = random.Random(0)
    for _ in range(3):
        process = started(tmp_path / "killed")
        while process.poll() is None and not list((tmp_path / "killed").glob("*.json")):
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.3))
        process.kill()
        process.wait()
    assert started(tmp_path / "killed").wait() == 0
    names = [(tmp_path / run / "final.npz") for run in ("whole", "killed")]
    whole, killed = [dict(np.load(name)) for name in names]
    assert whole.keys() == killed.keys()
    assert all(whole[name].tobytes() == killed[name].tobytes() for name in whole)
