"""The networks that are timed: sizes, data, initial weights, and the float64 answer for all peers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Batch = tuple[Array, NDArray[np.int64]]


@dataclass(frozen=True)
class Problem:
    """A perceptron with relu hidden layers, mean softmax cross entropy and plain SGD, all in float32.

    `sizes` runs from the features over the hidden widths to the classes. `limit` is the ratio to the
    hand-written NumPy step that irgraph must not exceed; `ahead_of` names the peers it must beat.
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    rate: float
    limit: float
    ahead_of: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The sizes in words."""
        hidden = self.sizes[1:-1]
        if len(hidden) > 3:
            shape = f"{self.sizes[0]}-{len(hidden)}x{hidden[0]}-{self.sizes[-1]}"
        else:
            shape = "-".join(map(str, self.sizes))
        return f"{shape}, batch {self.batch}"

    @property
    def layers(self) -> list[tuple[int, int]]:
        """The shape of each layer's matrix."""
        return list(pairwise(self.sizes))

    def initial_weights(self) -> list[Array]:
        """Return w0, b0, w1, b1, …: He-normal matrices and small biases off zero, the same on every call."""
        rng = np.random.default_rng(0)
        weights: list[Array] = []
        for fan_in, fan_out in self.layers:
            matrix = rng.standard_normal((fan_in, fan_out)) * np.sqrt(2.0 / fan_in)
            bias = rng.uniform(-0.1, 0.1, fan_out)
            weights += [matrix.astype(np.float32), bias.astype(np.float32)]
        return weights

    def batches(self, count: int, batch: int | None = None) -> list[Batch]:
        """Return `count` batches of normal features and uniform labels, the same on every call."""
        rng = np.random.default_rng(1)
        rows = batch or self.batch
        return [
            (
                rng.standard_normal((rows, self.sizes[0]), dtype=np.float32),
                rng.integers(0, self.sizes[-1], rows),
            )
            for _ in range(count)
        ]

    def answer(self, batches: list[Batch]) -> tuple[list[float], list[NDArray[np.float64]]]:
        """Return the losses and final weights after one step on each batch, in plain float64 NumPy."""
        weights = [array.astype(np.float64) for array in self.initial_weights()]
        losses = []
        for x, y in batches:
            loss, gradients = _loss_and_gradients(weights, x.astype(np.float64), y)
            losses.append(loss)
            weights = [w - self.rate * g for w, g in zip(weights, gradients, strict=True)]
        return losses, weights


def _loss_and_gradients(
    weights: list[NDArray[np.float64]], x: NDArray[np.float64], y: NDArray[np.int64]
) -> tuple[float, list[NDArray[np.float64]]]:
    layers = list(zip(weights[::2], weights[1::2], strict=True))
    activations = [x]
    for index, (matrix, bias) in enumerate(layers):
        z = activations[-1] @ matrix + bias
        activations.append(z if index == len(layers) - 1 else np.maximum(z, 0))
    logits = activations.pop()
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(y))
    loss = -log_probabilities[rows, y].mean()
    cotangent = np.exp(log_probabilities)
    cotangent[rows, y] -= 1
    cotangent /= len(y)
    gradients: list[NDArray[np.float64]] = []
    for (matrix, _), inputs in zip(reversed(layers), reversed(activations), strict=True):
        gradients += [cotangent.sum(axis=0), inputs.T @ cotangent]
        cotangent = (cotangent @ matrix.T) * (inputs > 0)
    return float(loss), gradients[::-1]


SMALL = Problem("small", (64, 128, 10), 32, rate=0.01, limit=1.3, ahead_of=("torch",))
WIDE = Problem(
    "wide", (784, 512, 512, 10), 128, rate=0.01, limit=1.1, ahead_of=("torch", "torch_compile", "jax")
)
DEEP = Problem("deep", (64,) * 51 + (10,), 64, rate=0.001, limit=1.1)
PROBLEMS = {problem.name: problem for problem in (SMALL, WIDE, DEEP)}
