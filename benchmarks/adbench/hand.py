"""Hand tracking, "simple": from 26 parameters to the distances of 100 points from a skinned hand.

A vertex follows its bones: sum over b of w[v, b] A_b inv_b p_v, where A_b is the frame of bone b in the pose
and inv_b p_v the vertex in that bone's frame at rest, which no parameter moves. Only the vertices that have
a point are skinned, and the bones that can't turn (the wrist, the forearm, the roots of the fingers) are
summed ahead. The five fingers are one axis: each has three bones that turn, one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.adbench.data import BONES_PER_FINGER, FINGERS, Array, Hand

ROOTS = np.arange(FINGERS) * BONES_PER_FINGER + 1
SMALL_ANGLE = 1e-4
"""Below it ADBench takes the global rotation as none."""


def errors(xp: Any, theta: Any, hand: Hand, constant: Any) -> Any:
    """Points less the matching vertices, (N, 3), for parameters (26,).

    `theta` holds a rotation as axis times angle, a translation, and for each finger the flexion and
    abduction of its second bone and the flexions of its third and fourth. `constant` makes an array of the
    library's own.
    """
    turning, resting = bound_vertices(hand)
    frames = finger_frames(xp, theta[6:].reshape(FINGERS, 4), hand, constant)
    moved = constant(turning) @ frames + constant(resting)
    rotation = axis_angle_matrix(xp, theta[:3], constant)
    return constant(hand.points) - (moved @ rotation.T + theta[3:6])


def bound_vertices(hand: Hand) -> tuple[Array, Array]:
    """What no parameter changes: weighted vertices in the frames of the bones that turn, (N, 60); the rest,
    (N, 3).

    The columns of the first go over levels (second, third, fourth bone), fingers, and homogeneous
    coordinates.
    """
    vertices, weights = hand.vertices[hand.matches], hand.weights[hand.matches]
    local = np.einsum("bij,vj,vb->vbi", hand.inverses, vertices, weights)
    levels = ROOTS + np.arange(1, BONES_PER_FINGER)[:, None]
    at_rest = absolutes_at_rest(hand)
    fixed = [bone for bone in range(len(hand.parents)) if bone not in levels]
    resting = np.einsum("bij,vbj->vi", at_rest[fixed], local[:, fixed])[:, :3]
    return local[:, levels.ravel()].reshape(len(vertices), -1), resting


def absolutes_at_rest(hand: Hand) -> Array:
    """The frames of all bones with no angle, (22, 4, 4). A parent stands before its children."""
    found: list[Array] = []
    for parent, relative in zip(hand.parents, hand.relatives, strict=True):
        found.append(relative if parent < 0 else found[parent] @ relative)
    return np.stack(found)


def finger_frames(xp: Any, angles: Any, hand: Hand, constant: Any) -> Any:
    """The frames of the bones that turn, transposed, one below the other: (60, 3), ordered as
    `bound_vertices`.

    A bone's frame is its parent's, times its own at rest, times a rotation about z and one about x. No
    parameter turns a bone about y, and only the second bone has an angle about z.
    """
    levels = []
    frame = constant(absolutes_at_rest(hand)[ROOTS])
    for level, column in ((1, 0), (2, 2), (3, 3)):
        turned = turn(xp, angles[:, column], 0, constant)
        if level == 1:
            turned = turn(xp, angles[:, 1], 2, constant) @ turned
        frame = frame @ (constant(hand.relatives[ROOTS + level]) @ turned)
        levels.append(frame[:, :3])
    stacked = xp.stack(levels)  # level, finger, row, column
    return xp.swapaxes(stacked, 2, 3).reshape(60, 3)


def turn(xp: Any, angle: Any, axis: int, constant: Any) -> Any:
    """Homogeneous rotations about a coordinate axis, (n, 4, 4), by angles (n,): P + cos Q + sin S."""
    i, j = [each for each in range(3) if each != axis]
    still, q, s = np.eye(4), np.zeros((4, 4)), np.zeros((4, 4))
    still[i, i] = still[j, j] = 0
    q[i, i] = q[j, j] = 1
    s[j, i], s[i, j] = (1, -1) if axis != 1 else (-1, 1)
    column = angle.reshape(-1, 1, 1)
    return constant(still) + xp.cos(column) * constant(q) + xp.sin(column) * constant(s)


def axis_angle_matrix(xp: Any, vector: Any, constant: Any) -> Any:
    """The rotation about a vector by its length, after Rodrigues: cos I + sin K + (1 - cos) n nᵀ."""
    squared = (vector * vector).sum()
    turns = squared >= SMALL_ANGLE**2
    angle = xp.sqrt(xp.where(turns, squared, constant(np.ones(()))))
    n = vector / angle
    cross = np.zeros((3, 3, 3))  # K = n · cross
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        cross[i, k, j], cross[i, j, k] = 1, -1
    identity = constant(np.eye(3))
    skew = (n.reshape(1, 3) @ constant(cross.reshape(3, 9))).reshape(3, 3)
    cosine, outer = xp.cos(angle), n.reshape(3, 1) * n.reshape(1, 3)
    return xp.where(turns, cosine * identity + xp.sin(angle) * skew + (1 - cosine) * outer, identity)
