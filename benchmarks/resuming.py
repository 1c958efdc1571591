"""Trainings that are killed with SIGKILL at moments of chance and resumed: are the final weights those of a
training that was never killed, bit for bit?

The model has dropout; the training has momentum or Adam, a schedule, shuffling, validation, early stopping
with best weights, and a checkpoint every three steps, so that many kills hit the middle of a save.
``python -m benchmarks.resuming FOLDER EPOCHS`` is one such training, which writes its final weights.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.report import Options, Row

PURPOSE = "final weights after a kill and a resume against those of the uninterrupted training"
KILLS, EPOCHS = 50, 8
ROOT = Path(__file__).resolve().parents[1]
OPTIMIZERS = ("adam", "momentum")


def run(options: Options) -> list[Row]:
    """Kill each training once, at a moment of chance between its first checkpoint and its end; resume it."""
    kills = options.rounds or KILLS
    rows = []
    for n, name in enumerate(OPTIMIZERS):
        count = kills // len(OPTIMIZERS) + (n < kills % len(OPTIMIZERS))
        rows.append(_killed(name, count))
    return rows


def _killed(name: str, kills: int) -> Row:
    chance = random.Random(name)
    equal, torn = 0, 0
    with tempfile.TemporaryDirectory() as parent:
        whole = Path(parent, "whole")
        process = _start(whole, name)
        _await_checkpoint(whole, process)
        started = time.perf_counter()
        assert process.wait() == 0
        length = time.perf_counter() - started
        expected = (whole / "final.npz").read_bytes()
        for kill in range(kills):
            folder = Path(parent, str(kill))
            while not _kill(folder, name, chance.uniform(0, length)):
                shutil.rmtree(folder)  # it was done before; another moment
            torn += _is_half(folder)
            assert _start(folder, name).wait() == 0
            equal += (folder / "final.npz").read_bytes() == expected
    row = Row(f"{kills} kills of a training with {name}", "irgraph", float(equal), unit="equal")
    row.target, row.met = f"{kills} of {kills}", equal == kills
    row.note = f"{torn} of them in the middle of a save"
    row.detail = {"kills": kills, "equal": equal, "in a save": torn, "seconds of a training": length}
    return row


def _kill(folder: Path, name: str, seconds: float) -> bool:
    """Start a training and kill it some time after its first checkpoint; whether it was not done."""
    process = _start(folder, name)
    _await_checkpoint(folder, process)
    time.sleep(seconds)
    process.kill()
    return process.wait() != 0


def _await_checkpoint(folder: Path, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None and not list(folder.glob("*.json")):
        time.sleep(0.002)


def _is_half(folder: Path) -> bool:
    """Whether files are left of a checkpoint that never became whole."""
    stems = {path.stem for path in folder.glob("*.safetensors")}
    return any(folder.glob("*.part")) or bool(stems - {path.stem for path in folder.glob("*.json")})


def _start(folder: Path, name: str) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "executors")])
    command = [sys.executable, "-m", "benchmarks.resuming", str(folder), str(EPOCHS), name]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": paths})


def train(folder: Path, epochs: int, name: str) -> None:
    """Train, from the newest checkpoint of the folder where it has one, and write the final weights."""
    import irgraph as ig

    warnings.simplefilter("ignore", RuntimeWarning)  # of the checkpoint that the kill left half written

    def model(x: ig.Value, training: bool = False) -> ig.Value:
        hidden = ig.tanh(x @ ig.parameter("h.w", (20, 64), init=ig.init.glorot_uniform()))
        if training:
            hidden = ig.dropout(hidden, 0.3, name="drop")
        w, b = ig.parameter("o.w", (64, 4), init=ig.init.glorot_uniform()), ig.parameter("o.b", (4,))
        return hidden @ w + b

    random = np.random.default_rng(0)
    x = random.normal(size=(500, 20)).astype("float32")
    y = (x[:, :4] + 0.5 * random.normal(size=(500, 4))).argmax(axis=1)
    rate = ig.optim.cosine(0.02, 200)
    optimizer = ig.optim.Adam(rate) if name == "adam" else ig.optim.SGD(rate, momentum=0.9)
    trainer = ig.Trainer(model, "softmax_cross_entropy", optimizer, seed=1)
    callbacks = [
        ig.train.EarlyStopping(patience=4),
        ig.train.Checkpoint(folder, steps=3, best="val_loss"),
        ig.train.CSVLogger(folder / "log.csv"),
    ]
    trainer.fit(x, y, epochs=epochs, validation_split=0.2, callbacks=callbacks, resume=folder, progress=False)
    np.savez(folder / "final.npz", **{key: trainer.state[key] for key in trainer.state})


if __name__ == "__main__":
    train(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "adam")
