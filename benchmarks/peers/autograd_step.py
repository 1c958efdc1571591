"""The step in autograd (HIPS): a tape over NumPy calls, then an update in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad
from autograd.scipy.special import logsumexp

from benchmarks.peers import Optimizer
from benchmarks.problems import Array, Problem


def _loss(parameters: Sequence[Any], x: Array, y: Any) -> Any:
    h = x
    last = len(parameters) - 2
    for index in range(0, len(parameters), 2):
        h = anp.dot(h, parameters[index]) + parameters[index + 1]
        if index != last:
            h = anp.maximum(h, np.float32(0))
    # A product with one-hot rows is faster here than indexing, whose gradient is `np.add.at`.
    one_hot = (y[:, None] == np.arange(h.shape[1])).astype(np.float32)
    return anp.sum(logsumexp(h, axis=1) - anp.sum(h * one_hot, axis=1)) / np.float32(len(y))


class AutogradStep:
    """`value_and_grad` on every step."""

    def __init__(self, problem: Problem, optimizer: Optimizer = "sgd") -> None:
        if optimizer != "sgd":
            raise NotImplementedError("the autograd step is plain SGD")
        self._rate = np.float32(problem.rate)
        self._parameters = problem.initial_weights()
        self._loss_and_gradients = value_and_grad(_loss)

    def place(self, x: Array, y: Any) -> tuple[Array, Any]:
        """NumPy arrays are what autograd takes."""
        return x, y

    def step(self, x: Array, y: Any) -> Any:
        """Take one step and return the loss."""
        loss, gradients = self._loss_and_gradients(self._parameters, x, y)
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter -= self._rate * gradient
        return loss

    def weights(self) -> list[Array]:
        """Return copies of the parameters."""
        return [array.copy() for array in self._parameters]

    def load(self, weights: Sequence[Array]) -> None:
        """Overwrite the parameters."""
        for parameter, source in zip(self._parameters, weights, strict=True):
            parameter[...] = source
