"""Readers of ADBench's files, and what of the data does not depend on the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "data" / "adbench"
HAND, BUNDLE, MIXTURE = "hand1_t26_c100.txt", "ba1_n49_m7776_p31843.txt", "gmm_d2_K5.txt"
Array = np.ndarray[Any, Any]

FINGERS = 5
BONES_PER_FINGER = 4
"""The root bone of a finger is fixed to the wrist; the other three turn."""


@dataclass(frozen=True)
class Hand:
    """A hand model and the points it is fitted to.

    `relatives` (22, 4, 4): a bone's frame in that of its parent; `inverses` (22, 4, 4): from the model's
    frame to the bone's, at rest; `vertices` (n, 4): homogeneous; `weights` (n, 22): a vertex's share in each
    bone; `points` (N, 3) and `matches` (N,), the vertex of each point; `theta` (26,): the parameters.
    """

    parents: Array
    relatives: Array
    inverses: Array
    vertices: Array
    weights: Array
    points: Array
    matches: Array
    theta: Array


def read_hand(name: str = HAND, folder: Path = FOLDER) -> Hand:
    """The hand model of `bones.txt` and `vertices.txt`, and the points of a file of the "simple" task."""
    bones = [line.split(":") for line in (folder / "bones.txt").read_text().splitlines()]
    numbers = np.array([bone[1:] for bone in bones], float)
    rows = [line.split(":") for line in (folder / "vertices.txt").read_text().splitlines()]
    vertices = np.array([[*row[:3], 1] for row in rows], float)
    weights = np.zeros((len(rows), len(bones)))
    for row, shares in zip(rows, weights, strict=True):
        for bone, share in zip(row[9::2], row[10::2], strict=True):
            shares[int(bone)] = float(share)
    lines = (folder / name).read_text().split("\n")
    count, parameters = map(int, lines[0].split())
    table = np.array([line.split() for line in lines[1 : count + 1]], float)
    return Hand(
        parents=numbers[:, 0].astype(int),
        relatives=numbers[:, 1:17].reshape(-1, 4, 4),
        inverses=numbers[:, 17:33].reshape(-1, 4, 4),
        vertices=vertices,
        weights=weights,
        points=table[:, 1:],
        matches=table[:, 0].astype(int),
        theta=np.array(lines[count + 1 : count + 1 + parameters], float),
    )


@dataclass(frozen=True)
class Bundle:
    """Cameras (n, 11), points (m, 3), weights (p,), features (p, 2), and who sees what, as (p,) integers.

    A camera is a rotation (axis times angle), its centre, a focal length, a principal point, two
    coefficients of radial distortion.
    """

    cameras: Array
    points: Array
    weights: Array
    features: Array
    camera_of: Array
    point_of: Array


def read_bundle(
    name: str = BUNDLE, folder: Path = FOLDER, sizes: tuple[int, int, int] | None = None, noise: float = 0.0
) -> Bundle:
    """A bundle adjustment task; with `sizes` (n, m, p), a smaller one from the same file.

    The file repeats one camera, point, weight and feature. `noise` moves each of them by that share of normal
    random numbers (with a fixed seed), so that a mistake in an index shows.
    """
    lines = (folder / name).read_text().splitlines()
    n, m, p = sizes or map(int, lines[0].split())
    rng = np.random.default_rng(0)

    def spread(line: str, count: int) -> Array:
        rows = np.tile(np.array(line.split(), float), (count, 1))
        return rows * (1 + noise * rng.standard_normal(rows.shape))

    cameras, points, weights, features = map(spread, lines[1:5], (n, m, p, p))
    each = np.arange(p)
    return Bundle(cameras, points, weights[:, 0], features, each % n, each % m)


@dataclass(frozen=True)
class Mixture:
    """A Gaussian mixture: `alphas` (k,), `means` (k, d), `factors` (k, d (d + 1) / 2), samples `x` (n, d),
    prior.

    A row of `factors` holds the logarithms of the diagonal of a component's factor of the inverse
    covariance, and then the part below the diagonal, column by column. `gamma` and `m` are of the Wishart
    prior.
    """

    alphas: Array
    means: Array
    factors: Array
    x: Array
    gamma: float
    m: int


def read_mixture(name: str = MIXTURE, folder: Path = FOLDER) -> Mixture:
    """A Gaussian mixture task."""
    lines = [line.split() for line in (folder / name).read_text().splitlines()]
    _, k, n = map(int, lines[0])
    alphas, means, factors = (np.array(lines[1 + k * i : 1 + k * (i + 1)], float) for i in range(3))
    start = 1 + 3 * k
    gamma, m = lines[start + n]
    return Mixture(
        alphas[:, 0], means, factors, np.array(lines[start : start + n], float), float(gamma), int(m)
    )
