"""Bundle adjustment: the errors of projected points, and of the weights of the observations.

Each of the p observations sees one point with one camera. Its Jacobian has 2 x 15 entries that are not zero
(11 of the camera, 3 of the point, 1 of the weight), and one of the weight's own error. All is written in
components, arrays of p numbers: three numbers make a poor last axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.adbench.data import Bundle

ROTATION, CENTRE, FOCAL, PRINCIPAL, RADIAL = (0, 1, 2), (3, 4, 5), 6, (7, 8), (9, 10)


def errors(
    xp: Any, cameras: Any, points: Any, weights: Any, bundle: Bundle, constant: Any
) -> tuple[Any, Any]:
    """Weighted reprojection errors (p, 2), and 1 - w² (p,)."""
    camera, point = cameras[bundle.camera_of], points[bundle.point_of]
    seen = project(xp, camera, point, constant)
    return weights.reshape(-1, 1) * (seen - constant(bundle.features)), 1 - weights * weights


def project(xp: Any, camera: Any, point: Any, constant: Any) -> Any:
    """Where cameras (p, 11) see points (p, 3): pixels (p, 2)."""
    vector = [camera[:, i] for i in ROTATION]
    moved = [point[:, i] - camera[:, centre] for i, centre in enumerate(CENTRE)]
    x, y, z = rotate(xp, vector, moved, constant)
    x, y = x / z, y / z
    squared = x * x + y * y
    first, second = (camera[:, i] for i in RADIAL)
    scale = (1 + first * squared + second * (squared * squared)) * camera[:, FOCAL]
    across, down = (camera[:, i] for i in PRINCIPAL)
    return xp.stack([x * scale + across, y * scale + down], 1)


def rotate(xp: Any, vector: list[Any], x: list[Any], constant: Any) -> list[Any]:
    """Points turned about vectors by their lengths, after Rodrigues; where that is 0, to first order."""
    one, zero = constant(np.ones(())), constant(np.zeros(()))
    squared = dot(vector, vector)
    turns = squared > 0
    safe = xp.where(turns, squared, one)
    angle = xp.sqrt(safe)
    cosine = xp.cos(angle)
    stays = xp.where(turns, cosine, one)
    across = xp.where(turns, xp.sin(angle) / angle, one)
    along = dot(vector, x) * xp.where(turns, (1 - cosine) / safe, zero)
    return [a * stays + b * across + c * along for a, b, c in zip(x, cross(vector, x), vector, strict=True)]


def dot(a: list[Any], b: list[Any]) -> Any:
    """Products of vectors."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: list[Any], b: list[Any]) -> list[Any]:
    """Cross products of vectors."""
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
