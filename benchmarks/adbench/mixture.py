"""A Gaussian mixture's log posterior, whose factors of the inverse covariance have a Wishart prior."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.adbench.data import Array, Mixture


def log_posterior(xp: Any, alphas: Any, means: Any, factors: Any, mixture: Mixture, constant: Any) -> Any:
    """The log posterior of weights (k,), means (k, d) and factors (k, d (d + 1) / 2), as ADBench has it.

    `xp` needs `logsumexp` as well, which NumPy and `jax.numpy` have elsewhere.
    """
    n, d = mixture.x.shape
    k = len(mixture.alphas)
    logs, lower = factors[:, :d], factors[:, d:]
    diagonal, log_determinant = xp.exp(logs), xp.sum(logs, 1)
    padded = xp.concatenate([constant(np.zeros((k, 1))), lower], 1)
    below = padded[:, places_below(d).ravel()].reshape(k, d, d)
    centred = constant(mixture.x) - means.reshape(k, 1, d)  # k, n, d
    scaled = centred * diagonal.reshape(k, 1, d) + centred @ xp.swapaxes(below, 1, 2)
    inner = (alphas + log_determinant).reshape(k, 1) - 0.5 * xp.sum(scaled * scaled, 2)
    likelihood = xp.sum(xp.logsumexp(inner, 0), 0) - n * xp.logsumexp(alphas, 0)
    squares = xp.sum(xp.sum(diagonal * diagonal, 1) + xp.sum(lower * lower, 1), 0)
    prior = 0.5 * mixture.gamma**2 * squares - mixture.m * xp.sum(log_determinant, 0)
    return likelihood + prior - n * d * 0.5 * math.log(2 * math.pi) - k * wishart_constant(mixture, d)


def places_below(d: int) -> Array:
    """Places of the strict lower triangle, counted from 1 column by column, in a matrix (d, d)."""
    places = np.zeros((d, d), int)
    columns, rows = np.triu_indices(d, 1)
    places[rows, columns] = 1 + np.arange(len(rows))
    return places


def wishart_constant(mixture: Mixture, d: int) -> float:
    """The logarithm of the Wishart prior's normalization, for one component."""
    freedom = d + mixture.m + 1
    gammas = sum(math.lgamma(0.5 * freedom + 0.5 * (1 - j)) for j in range(1, d + 1))
    log_multigamma = d * (d - 1) / 4 * math.log(math.pi) + gammas
    return freedom * d * math.log(mixture.gamma / math.sqrt(2)) - log_multigamma
