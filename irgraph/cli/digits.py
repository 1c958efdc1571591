"""The demo's problem: handwritten digits, a small classifier as a static graph, and its training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import init, losses, optim
from ..errors import IrgraphError, explain
from ..extras import import_extra
from ..function import Function, compile
from ..ops.elementary import relu
from ..ops.sources import input, parameter

PIXELS, HIDDEN, CLASSES = 64, (64, 64), 10
BATCH = 32
LEARNING_RATE = 4e-3

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Examples:
    """Images (N, 64), float32 in 0..1, and their labels (N,), int64."""

    images: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Any) -> Examples:
        return Examples(self.images[rows], self.labels[rows])


def load(path: Path | None = None) -> Examples:
    """The 1,797 digits that scikit-learn ships, or those of a CSV file in scikit-learn's format.

    E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository,
    1998, doi 10.24432/C50P49. Raises MissingExtra without scikit-learn, IrgraphError for another format.
    """
    if path is None:
        datasets = import_extra("sklearn.datasets", "demo", "load the handwritten digits that it ships")
        pixels, labels = datasets.load_digits(return_X_y=True)
    else:
        table = _read(path)
        pixels, labels = table[:, :PIXELS], table[:, PIXELS]
    return Examples((pixels / 16).astype(np.float32), labels.astype(np.int64))


def _read(path: Path) -> Array:
    try:
        table = np.loadtxt(path, delimiter=",", ndmin=2)
        fault = "" if table.shape[1:] == (PIXELS + 1,) else f"{table.shape[1]} columns"
    except (ValueError, OSError) as error:
        fault = str(error)
    if not fault and not (table.min() >= 0 and table.max() <= 16 and table[:, PIXELS].max() < CLASSES):
        fault = "a pixel outside 0..16 or a label outside 0..9"
    if not fault and len(table) < 5 * BATCH:
        fault = f"{len(table)} rows"
    if fault:
        needed = f"at least {5 * BATCH} rows of 64 pixels in 0..16 and a label in 0..9"
        raise IrgraphError(explain(f"{fault} in {path}", needed))
    return table


def split(examples: Examples, seed: int) -> tuple[Examples, Examples]:
    """The training examples, and the fifth that is held out."""
    order = np.random.default_rng(seed).permutation(len(examples))
    held_out = len(examples) // 5
    return examples[order[held_out:]], examples[order[:held_out]]


@dataclass(frozen=True)
class Network:
    """A training step `step(x=…, y=…)` -> loss, and `predict(x=…)` -> logits, on one state."""

    step: Function
    predict: Function

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        state = self.step.state
        return sum(state[name].size for name in self.predict.graph.states)


def build(seed: int) -> Network:
    """The classifier 64-64-64-10 with ReLU, its gradients and Adam, compiled."""
    x = input("x", ("batch", PIXELS))
    y = input("y", ("batch",), "int64")
    hidden, size = x, PIXELS
    for n, width in enumerate(HIDDEN):
        w = parameter(f"hidden.{n}.w", (size, width), init=init.he_normal())
        b = parameter(f"hidden.{n}.b", (width,))
        hidden, size = relu(hidden @ w + b), width
    w = parameter("output.w", (size, CLASSES), init=init.glorot_uniform())
    b = parameter("output.b", (CLASSES,))
    logits = hidden @ w + b
    loss = losses.softmax_cross_entropy(logits, y)
    step = compile(loss, updates=optim.Adam(LEARNING_RATE).minimize(loss), seed=seed)
    return Network(step, compile(logits, state=step.state))


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images: the loss of each step, the seconds of all, the accuracy after."""

    losses: list[float]
    seconds: float
    accuracy: float


def train(network: Network, seen: Examples, held_out: Examples, epochs: int, seed: int) -> Iterator[Epoch]:
    """Train on whole shuffled batches, with a learning rate that falls linearly to zero."""
    random = np.random.default_rng([seed, 1])
    for epoch in range(epochs):
        network.step.state["learning_rate"] = LEARNING_RATE * (1 - epoch / epochs)
        order = random.permutation(len(seen))
        batches = [seen[order[start : start + BATCH]] for start in range(0, len(seen) - BATCH + 1, BATCH)]
        started = time.perf_counter()
        losses = [float(network.step(x=batch.images, y=batch.labels)) for batch in batches]
        seconds = time.perf_counter() - started
        yield Epoch(losses, seconds, accuracy(network.predict(x=held_out.images), held_out.labels))


def accuracy(logits: Array, labels: Array) -> float:
    """The fraction of rows whose largest logit is the label's."""
    return float((logits.argmax(axis=1) == labels).mean())
