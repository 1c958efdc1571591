"""Bundle adjustment: the errors of projected points, and of the weights of the observations.

Each of the p observations sees one point with one camera. Its Jacobian has 2 x 15 entries that are not zero
(11 of the camera, 3 of the point, 1 of the weight), and one of the weight's own error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.adbench.data import Bundle

ROTATION, CENTRE, FOCAL, PRINCIPAL, RADIAL = slice(0, 3), slice(3, 6), slice(6, 7), slice(7, 9), slice(9, 11)


def errors(
    xp: Any, cameras: Any, points: Any, weights: Any, bundle: Bundle, constant: Any
) -> tuple[Any, Any]:
    """Weighted reprojection errors (p, 2), and 1 - w² (p,)."""
    camera, point = cameras[bundle.camera_of], points[bundle.point_of]
    seen = project(xp, camera, point, constant)
    return weights.reshape(-1, 1) * (seen - constant(bundle.features)), 1 - weights * weights


def project(xp: Any, camera: Any, point: Any, constant: Any) -> Any:
    """Where cameras (p, 11) see points (p, 3): pixels (p, 2)."""
    turned = rotate(xp, camera[:, ROTATION], point - camera[:, CENTRE], constant)
    flat = turned[:, :2] / turned[:, 2:]
    squared = xp.sum(flat * flat, 1).reshape(-1, 1)
    radial = camera[:, RADIAL]
    distorted = flat * (1 + radial[:, :1] * squared + radial[:, 1:] * (squared * squared))
    return distorted * camera[:, FOCAL] + camera[:, PRINCIPAL]


def rotate(xp: Any, vector: Any, x: Any, constant: Any) -> Any:
    """Points (p, 3) turned about vectors (p, 3) by their lengths; where that is 0, to first order."""
    one, zero = constant(np.ones(())), constant(np.zeros(()))
    squared = xp.sum(vector * vector, 1).reshape(-1, 1)
    turns = squared > 0
    safe = xp.where(turns, squared, one)
    angle = xp.sqrt(safe)
    cosine = xp.cos(angle)
    along = xp.sum(vector * x, 1).reshape(-1, 1) * xp.where(turns, (1 - cosine) / safe, zero)
    across = xp.where(turns, xp.sin(angle) / angle, one)
    return x * xp.where(turns, cosine, one) + cross(xp, vector, x) * across + vector * along


def cross(xp: Any, a: Any, b: Any) -> Any:
    """Cross products of rows, (p, 3)."""
    return xp.roll(a, -1, 1) * xp.roll(b, 1, 1) - xp.roll(a, 1, 1) * xp.roll(b, -1, 1)
