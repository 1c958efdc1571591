"""The step in JAX: one jitted function, parameters donated, awaited on every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers import Optimizer
from benchmarks.problems import Array, Problem

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def _loss(parameters: Sequence[jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
    h = x
    last = len(parameters) - 2
    for index in range(0, len(parameters), 2):
        h = h @ parameters[index] + parameters[index + 1]
        if index != last:
            h = jax.nn.relu(h)
    picked = jnp.take_along_axis(h, y[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(h, axis=1) - picked)


class JaxStep:
    """`jax.jit` over loss, gradients and update."""

    def __init__(self, problem: Problem, optimizer: Optimizer = "sgd") -> None:
        jax.config.update("jax_default_matmul_precision", "highest")
        rate = problem.rate
        self._parameters = [jnp.array(array) for array in problem.initial_weights()]
        self._slots: Any = ()
        if optimizer == "adam":
            zeros = [jnp.zeros_like(array) for array in self._parameters]
            self._slots = (jnp.zeros(()), zeros, [jnp.zeros_like(array) for array in self._parameters])

        def sgd(parameters: Any, slots: Any, x: jax.Array, y: jax.Array) -> Any:
            loss, gradients = jax.value_and_grad(_loss)(parameters, x, y)
            return loss, [p - rate * g for p, g in zip(parameters, gradients, strict=True)], slots

        def adam(parameters: Any, slots: Any, x: jax.Array, y: jax.Array) -> Any:
            loss, gradients = jax.value_and_grad(_loss)(parameters, x, y)
            count, means, squares = slots
            count = count + 1
            scale = rate * jnp.sqrt(1 - BETA2**count) / (1 - BETA1**count)
            means = [BETA1 * m + (1 - BETA1) * g for m, g in zip(means, gradients, strict=True)]
            squares = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(squares, gradients, strict=True)]
            moved = [
                p - scale * m / (jnp.sqrt(v) + EPSILON)
                for p, m, v in zip(parameters, means, squares, strict=True)
            ]
            return loss, moved, (count, means, squares)

        self._step = jax.jit(sgd if optimizer == "sgd" else adam, donate_argnums=(0, 1))

    def place(self, x: Array, y: Any) -> tuple[jax.Array, jax.Array]:
        """Copy to the device; labels become int32, JAX's default."""
        return jnp.array(x), jnp.array(y.astype(np.int32))

    def step(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """Take one step, wait for all of it, and return the loss."""
        loss, self._parameters, self._slots = self._step(self._parameters, self._slots, x, y)
        jax.block_until_ready((loss, self._parameters))
        return loss

    def weights(self) -> list[Array]:
        """Return copies of the parameters."""
        return [np.array(array) for array in self._parameters]

    def load(self, weights: Sequence[Array]) -> None:
        """Overwrite the parameters."""
        self._parameters = [jnp.array(array) for array in weights]
