"""The step in PyTensor: a function with updates over shared variables, in its default mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from benchmarks.peers import Optimizer
from benchmarks.problems import Array, Problem

BETA1, BETA2, EPSILON = (np.float32(number) for number in (0.9, 0.999, 1e-8))


class PytensorStep:
    """A compiled `pytensor.function` that returns the loss and commits the updates."""

    def __init__(self, problem: Problem, optimizer: Optimizer = "sgd") -> None:
        self._parameters = [pytensor.shared(array, borrow=True) for array in problem.initial_weights()]
        x, y = pt.fmatrix("x"), pt.lvector("y")
        loss = _loss(self._parameters, x, y)
        gradients = pt.grad(loss, self._parameters)
        rule = _sgd if optimizer == "sgd" else _adam
        updates = rule(self._parameters, gradients, np.float32(problem.rate))
        self._step = pytensor.function([x, y], loss, updates=updates)
        self._step.trust_input = True

    def place(self, x: Array, y: Any) -> tuple[Array, Any]:
        """NumPy arrays are what the function takes."""
        return x, y

    def step(self, x: Array, y: Any) -> Any:
        """Take one step and return the loss."""
        return self._step(x, y)

    def weights(self) -> list[Array]:
        """Return copies of the parameters."""
        return [parameter.get_value() for parameter in self._parameters]

    def load(self, weights: Sequence[Array]) -> None:
        """Overwrite the parameters."""
        for parameter, source in zip(self._parameters, weights, strict=True):
            parameter.set_value(source)


def _loss(parameters: Sequence[Any], x: Any, y: Any) -> Any:
    h = x
    last = len(parameters) - 2
    for index in range(0, len(parameters), 2):
        h = h @ parameters[index] + parameters[index + 1]
        if index != last:
            h = pt.maximum(h, np.float32(0))
    log_probabilities = pt.special.log_softmax(h, axis=1)
    return -log_probabilities[pt.arange(y.shape[0]), y].mean(dtype="float32")


def _sgd(parameters: Sequence[Any], gradients: Sequence[Any], rate: np.float32) -> list[tuple[Any, Any]]:
    return [(p, p - rate * g) for p, g in zip(parameters, gradients, strict=True)]


def _adam(parameters: Sequence[Any], gradients: Sequence[Any], rate: np.float32) -> list[tuple[Any, Any]]:
    one = np.float32(1)
    count = pytensor.shared(np.float32(0))
    scale = rate * pt.sqrt(one - BETA2 ** (count + one)) / (one - BETA1 ** (count + one))
    updates = [(count, count + one)]
    for p, g in zip(parameters, gradients, strict=True):
        mean, square = (pytensor.shared(np.zeros_like(p.get_value())) for _ in range(2))
        new_mean = BETA1 * mean + (one - BETA1) * g
        new_square = BETA2 * square + (one - BETA2) * g * g
        updates += [(mean, new_mean), (square, new_square)]
        updates.append((p, p - scale * new_mean / (pt.sqrt(new_square) + EPSILON)))
    return updates
